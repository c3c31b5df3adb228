"""The lines of a rule for four entries of an example at once: LLVM's vectors, which Numba has no word for.

Imported only while a loop is being compiled. Entries of an example lie strewn over the table, so a compiler cannot know
that four of them may be worked out side by side; here it is said. Each operation is the same correctly rounded one as
for a single number, so the bits are the same.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from nukarumi.translate.straight import Line

__all__ = ["LANES", "four", "worked_out"]

LANES = 4
Names = dict[str, Any]
_double, _word = ir.DoubleType(), ir.IntType(64)
_four, _pair = ir.VectorType(_double, LANES), ir.VectorType(_double, 2)
_OPERATIONS: dict[type[ast.operator], str] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}


def four(
    lines: Sequence[Line], letters: Sequence[str], width: int, scalars: Sequence[str], *, weighed: bool, stores: bool
) -> Any:
    """The intrinsic ``step(table, columns_at, values_at, w_at, at, e, scalars)``: these lines for entries at to at + 3.

    The lines find the letters of the table, ``x`` for the entries' values, and the scalars by name.

    Parameters
    ----------
    lines
        The rule's lines, in order.
    letters
        What stands in a line of the table.
    width
        How many numbers apart the table's lines are: 2 or 4.
    scalars
        The names of the numbers that the call brings as a tuple.
    weighed
        Whether ``w`` is read from ``w_at[e ..]`` instead of the table.
    stores
        Whether the letters go back to the table; else ``w`` goes to ``w_at[e ..]``.
    """

    @intrinsic
    def step(
        context: Any, table: Any, columns_at: Any, values_at: Any, w_at: Any, at: Any, e: Any, numbers: Any
    ) -> Any:
        signature = types.void(table, columns_at, values_at, w_at, types.int64, types.int64, numbers)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            table, columns_at, values_at, w_at, at, e, numbers = arguments
            places = []
            for lane in range(LANES):
                column = builder.load(builder.gep(columns_at, [builder.add(at, _word(lane))]))
                if column.type != _word:
                    column = builder.sext(column, _word)
                places.append(builder.gep(table, [builder.mul(builder.add(column, _word(1)), _word(width))]))
            names: Names = dict(zip(letters, _gathered(builder, places, width), strict=False))
            beside = builder.gep(w_at, [e])
            if weighed:
                names["w"] = _load(builder, beside, _four)
            given = signature.args[2].dtype
            x = _load(builder, builder.gep(values_at, [at]), ir.VectorType(context.get_value_type(given), LANES))
            names["x"] = x if given == types.float64 else builder.fpext(x, _four)
            for number, name in enumerate(scalars):
                names[name] = _all(builder, builder.extract_value(numbers, number))
            for line in lines:
                names[line.target] = worked_out(builder, line.value, names)
            if stores:
                _scatter(builder, places, width, [names[letter] for letter in letters])
            else:
                _store(builder, names["w"], beside)
            return context.get_dummy_value()

        return signature, generate

    return step


# To and from the table ------------------------------------------------------------------------------------------------


def _load(builder: Any, place: Any, kind: Any) -> Any:
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=4 if kind.element == ir.FloatType() else 8)


def _store(builder: Any, value: Any, place: Any) -> None:
    builder.store(value, builder.bitcast(place, value.type.as_pointer()), align=8)


def _mixed(builder: Any, one: Any, other: Any, *which: int) -> Any:
    return builder.shuffle_vector(one, other, ir.VectorType(ir.IntType(32), len(which))(list(which)))


def _gathered(builder: Any, places: Sequence[Any], width: int) -> list[Any]:
    """The letters of four lines of the table, a vector each."""
    if width == 2:
        a, b, c, d = (_load(builder, place, _pair) for place in places)
        even, odd = _mixed(builder, a, c, 0, 1, 2, 3), _mixed(builder, b, d, 0, 1, 2, 3)
        return [_mixed(builder, even, odd, 0, 4, 2, 6), _mixed(builder, even, odd, 1, 5, 3, 7)]
    return _turned(builder, [_load(builder, place, _four) for place in places])


def _scatter(builder: Any, places: Sequence[Any], width: int, letters: list[Any]) -> None:
    """The letters back to their lines."""
    if width == 2:
        even, odd = _mixed(builder, *letters, 0, 4, 2, 6), _mixed(builder, *letters, 1, 5, 3, 7)
        rows = [_mixed(builder, part, part, *which) for which in ((0, 1), (2, 3)) for part in (even, odd)]
    else:
        rows = _turned(builder, [*letters, *[letters[-1]] * (LANES - len(letters))])
    for row, place in zip(rows, places, strict=True):
        _store(builder, row, place)


def _turned(builder: Any, rows: Sequence[Any]) -> list[Any]:
    """Four vectors of four, rows and columns exchanged."""
    a, b, c, d = rows
    pairs = [(_mixed(builder, a, b, *which), _mixed(builder, c, d, *which)) for which in ((0, 4, 2, 6), (1, 5, 3, 7))]
    return [_mixed(builder, *pair, *which) for which in ((0, 1, 4, 5), (2, 3, 6, 7)) for pair in pairs]


# The rule's language --------------------------------------------------------------------------------------------------


def _all(builder: Any, number: Any) -> Any:
    one = builder.insert_element(_four(ir.Undefined), number, ir.IntType(32)(0))
    return _mixed(builder, one, one, 0, 0, 0, 0)


def worked_out(builder: Any, value: ast.expr, names: Names) -> Any:
    """An expression of the language of `nukarumi.rules`, as vectors."""
    match value:
        case ast.Name(name):
            return names[name]
        case ast.Constant(int() | float() as number):
            return _four([float(number)] * LANES)
        case ast.UnaryOp(ast.USub(), inner):
            return builder.fneg(worked_out(builder, inner, names))
        case ast.BinOp(left, operation, right) if type(operation) in _OPERATIONS:
            operate = getattr(builder, _OPERATIONS[type(operation)])
            return operate(worked_out(builder, left, names), worked_out(builder, right, names))
        case ast.Call(ast.Name(called), given) if called in _CALLS:
            return _CALLS[called](builder, *(worked_out(builder, part, names) for part in given))
    raise SyntaxError(f"{ast.unparse(value)!r} is not in the language of the rules")


def _by_llvm(name: str) -> Callable[..., Any]:
    def call(builder: Any, x: Any) -> Any:
        full = f"{name}.v{LANES}f64"
        known = builder.module.globals.get(full)
        return builder.call(known or ir.Function(builder.module, ir.FunctionType(x.type, [x.type]), full), [x])

    return call


def _first_if(comparison: str) -> Callable[..., Any]:
    """The first of two where it compares so or is not a number; else the second."""

    def call(builder: Any, x: Any, y: Any) -> Any:
        chosen = builder.or_(builder.fcmp_ordered(comparison, x, y), builder.fcmp_unordered("!=", x, x))
        return builder.select(chosen, x, y)

    return call


def _sign(builder: Any, x: Any) -> Any:
    zero = _four([0.0] * LANES)
    above, below = (builder.uitofp(builder.fcmp_ordered(side, x, zero), _four) for side in (">", "<"))
    return builder.select(builder.fcmp_unordered("uno", x, x), x, builder.fsub(above, below))


_CALLS: dict[str, Callable[..., Any]] = {
    "sqrt": _by_llvm("llvm.sqrt"),
    "abs": _by_llvm("llvm.fabs"),
    "maximum": _first_if(">="),
    "minimum": _first_if("<="),
    "sign": _sign,
}
