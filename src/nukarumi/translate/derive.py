"""A formula's derivative is another formula: an ``ast`` walk that turns straight-line source into straight-line source.

Automatic differentiation that works while a function runs gives numbers; here the result is *text*, which can be read,
printed beside the formula, compiled, and translated to JavaScript, where it then gives the same bits. The walk is
forward mode: every line ``a = ...`` is followed by the lines ``a_x = ...`` that say how ``a`` moves when ``x`` does,
and the chain rule is what these names spell. No line is a branch, so arrays go through as well as numbers.

What such a function may contain: assignments of each name once, one ``return`` at the end, numbers, ``pi`` and ``e``,
``+ - * /``, ``**`` with a constant integer exponent, and the functions of :data:`FUNCTIONS`. An integer power is
written out as a product, in the value as in the derivative, because ``x * x`` has one meaning on every machine while
``pow`` depends on its library.

At a kink the derivative is the middle one: 0 for ``abs`` at 0, the mean of both sides for ``maximum`` at a tie.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from nukarumi._errors import BadInput

__all__ = ["CONSTANTS", "FUNCTIONS", "compiled", "derivative", "expanded", "gradient", "read", "text"]

Source: TypeAlias = Callable[..., Any] | ast.FunctionDef | str

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sqrt": np.sqrt,
    "abs": np.abs,
    "maximum": np.maximum,
    "sign": np.sign,
    "sin": np.sin,
    "cos": np.cos,
    "exp": np.exp,
    "log": np.log,
}
"""The functions that a formula may call, by the name it calls them, and what they mean on NumPy arrays."""

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
"""The names that mean a number, where no argument or line of the formula takes the name."""

MAX_EXPONENT = 32
MAX_DEPTH = 200
MAX_NODES = 5_000


def read(function: Source) -> ast.FunctionDef:
    """The bare syntax tree of a formula: checked, without docstring, annotations and decorators.

    Parameters
    ----------
    function
        A Python function, the text of one, or its tree (which is copied).

    Raises
    ------
    BadInput
        If the source cannot be had or parsed, or contains anything beyond the restricted arithmetic; the message
        quotes the piece.

    Examples
    --------
    >>> print(text(read('''def bowl(x: float, y: float) -> float:
    ...     "A bowl."
    ...     return x ** 2 / 20 + y ** 2''')))
    def bowl(x, y):
        return x ** 2 / 20 + y ** 2
    """
    tree = _parse(function)
    args = tree.args
    if args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults:
        raise _refusal(tree, "takes plain arguments without defaults", ast.unparse(args), "write such as def f(x, y):")
    body = list(tree.body)
    if body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    bare = _function(tree.name, [arg.arg for arg in args.args], body)
    _check(bare)
    return _fresh(bare)


def text(tree: ast.FunctionDef) -> str:
    """The tree as Python source; parsing it gives the same tree again."""
    return ast.unparse(tree)


def expanded(function: Source) -> ast.FunctionDef:
    """The same formula with every integer power written as a product.

    Raises
    ------
    BadInput
        As :func:`read`.

    Examples
    --------
    >>> print(text(expanded('''def f(x, y):
    ...     return (x + y) ** 3 + x ** -2''')))
    def f(x, y):
        t1 = x + y
        return t1 * t1 * t1 + 1 / (x * x)
    """
    tree = read(function)
    names = _Names(tree)
    lines: list[tuple[str, ast.expr]] = []

    def emit(expr: ast.expr) -> ast.Name:
        name = names.temporary()
        lines.append((name, _without_powers(expr)))
        return ast.Name(name)

    for target, value in _lines(tree):
        flat = _flatten(value, emit, lambda _: False)
        lines.append((target, _without_powers(flat)))
    return _fresh(_function(tree.name, _arguments(tree), [_line(*line) for line in lines]))


def derivative(function: Source, wrt: str | Sequence[str]) -> ast.FunctionDef:
    """The formula that gives a formula's derivative by one argument, or by several as a tuple.

    .. math:: (uv)' = u'v + uv',\\quad (u^n)' = n u^{n-1} u',\\quad (e^u)' = e^u u',\\ \\ldots

    Parameters
    ----------
    function
        As for :func:`read`.
    wrt
        The name of an argument, or several.

    Returns
    -------
    tree
        A function of the same arguments; straight-line, its powers written out, lines that nobody reads left out.

    Raises
    ------
    BadInput
        As :func:`read`, and if ``wrt`` is not an argument.

    Examples
    --------
    >>> print(text(derivative('''def bowl(x, y):
    ...     return x ** 2 / 20 + y ** 2''', ("x", "y"))))
    def gradient_of_bowl(x, y):
        return (x / 10, 2 * y)

    >>> print(text(derivative('''def wave(x):
    ...     return exp(-x ** 2 / 2) * sin(3 * x)''', "x")))
    def wave_x(x):
        t1 = -(x * x) / 2
        t2 = exp(t1)
        t2_x = -(t2 * x)
        t3 = 3 * x
        return t2_x * sin(t3) + 3 * t2 * cos(t3)
    """
    tree = read(function)
    arguments = _arguments(tree)
    inputs = [wrt] if isinstance(wrt, str) else list(wrt)
    for name in inputs:
        if name not in arguments:
            raise _refusal(tree, f"has the arguments {arguments}", repr(name), "differentiate by one of them")
    names = _Names(tree)
    lines: list[tuple[str, ast.expr]] = []
    # For each input, how every name moves with it: a number, a name, or the negative of a name.
    slopes: dict[str, dict[str, ast.expr]] = {by: {by: _number(1)} for by in inputs}

    def settle(name: str, expr: ast.expr) -> None:
        lines.append((name, _without_powers(expr)))
        for by in inputs:
            slope = _differentiate(expr, name, slopes[by])
            if not _is_plain(slope):
                slope_name = names.new(f"{name}_{by}")
                lines.append((slope_name, slope))
                slope = ast.Name(slope_name)
            slopes[by][name] = slope

    def emit(expr: ast.expr) -> ast.Name:
        name = names.temporary()
        settle(name, expr)
        return ast.Name(name)

    def moves(expr: ast.expr) -> bool:
        leaves = {node.id for node in ast.walk(expr) if isinstance(node, ast.Name)}
        return any(_constant(slopes[by].get(leaf, ZERO)) != 0 for by in inputs for leaf in leaves)

    results: list[ast.expr] = []
    for target, value in _lines(tree):
        if target == RETURN:
            flat = _flatten(value, emit, moves)
            results = [_differentiate(flat, RETURN, slopes[by]) for by in inputs]
        else:
            settle(target, _flatten(value, emit, moves, named=True))
    result: ast.expr = results[0] if isinstance(wrt, str) else ast.Tuple(results, ast.Load())
    body = [_line(*line) for line in [*_alive(lines, result), (RETURN, result)]]
    name = f"{tree.name}_{wrt}" if isinstance(wrt, str) else f"gradient_of_{tree.name}"
    return _fresh(_function(name, arguments, body))


def gradient(function: Source, wrt: Sequence[str] | None = None) -> Callable[..., tuple[Any, ...]]:
    """The gradient of a formula as a function, ready to call.

    Parameters
    ----------
    function
        As for :func:`read`. The result for one function object is made once.
    wrt
        The arguments to differentiate by; all of them unless told.

    Returns
    -------
    call
        Takes what ``function`` takes, numbers or arrays, and returns a tuple with one slope for each of ``wrt``, in the
        shape of the arguments. Python numbers follow Python's rules (1 / 0 raises), NumPy's follow NumPy's.

    Raises
    ------
    BadInput
        As :func:`derivative`.

    Examples
    --------
    >>> slope = gradient("def f(x, y): return x ** 2 / 20 + y ** 2")
    >>> slope(-7.0, 2.0)
    (-0.7, 4.0)
    """
    return _gradient(function, None if wrt is None else tuple(wrt))


def compiled(tree: ast.FunctionDef) -> Callable[..., Any]:
    """The function that a checked tree describes; ``inspect.getsource`` shows its text.

    Examples
    --------
    >>> compiled(read("def f(x): return sqrt(x) + 1"))(np.array([4.0, 9.0]))
    array([3., 4.])
    """
    return _compiled(text(tree), tree.name)


ZERO = ast.Constant(0)
RETURN = "return"


@functools.lru_cache(maxsize=256)
def _gradient(function: Source, wrt: tuple[str, ...] | None) -> Callable[..., tuple[Any, ...]]:
    tree = read(function)
    call = compiled(derivative(tree, _arguments(tree) if wrt is None else wrt))

    @functools.wraps(call)
    def slopes(*args: Any) -> tuple[Any, ...]:
        result: tuple[Any, ...] = call(*args)
        if any(isinstance(arg, np.ndarray) for arg in args):
            shape = np.broadcast_shapes(*(np.shape(arg) for arg in args))
            # A slope that does not depend on every argument comes back as a smaller array, or as a number.
            return tuple(part if np.shape(part) == shape else np.array(np.broadcast_to(part, shape)) for part in result)
        return result

    return slopes


@functools.lru_cache(maxsize=256)
def _compiled(source: str, name: str) -> Callable[..., Any]:
    file = f"<nukarumi formula {name} {abs(hash(source)):x}>"
    linecache.cache[file] = len(source), None, source.splitlines(keepends=True), file
    # Only text of checked trees comes here, and it finds nothing but the restricted arithmetic.
    namespace: dict[str, Any] = {"__builtins__": {}, **CONSTANTS, **FUNCTIONS}
    exec(compile(source, file, "exec"), namespace)
    function: Callable[..., Any] = namespace[name]
    return function


# --- reading -----------------------------------------------------------------------------------------------------


def _parse(function: Source) -> ast.FunctionDef:
    if isinstance(function, ast.FunctionDef):
        return function
    if isinstance(function, str):
        source = function
    else:
        try:
            source = inspect.getsource(function)
        except (OSError, TypeError) as error:
            raise BadInput(
                "a formula must be a Python function whose source can be read", repr(function), "pass its text instead"
            ) from error
    try:
        module = ast.parse(textwrap.dedent(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise BadInput("a formula must be a Python function", f"{source[:80]!r} ({error})", "mend its text") from error
    if len(module.body) != 1 or not isinstance(module.body[0], ast.FunctionDef):
        raise BadInput("a formula must be one Python function", repr(source[:80]), "write def f(x, y): return ...")
    return module.body[0]


def _refusal(tree: ast.FunctionDef, rule: str, received: str, cure: str) -> BadInput:
    return BadInput(f"formula {tree.name} {rule}", received, cure)


def _check(tree: ast.FunctionDef) -> None:
    """Refuse what is not restricted arithmetic, before anything walks the tree by recursion."""
    if sum(1 for _ in ast.walk(tree)) > MAX_NODES or _depth(tree) > MAX_DEPTH:
        raise _refusal(
            tree,
            f"must have at most {MAX_NODES} pieces, nested at most {MAX_DEPTH} deep",
            "more than that",
            "break it into named lines",
        )
    known = set(_arguments(tree))
    for number, statement in enumerate(tree.body, start=1):
        last = number == len(tree.body)
        if last and isinstance(statement, ast.Return) and statement.value is not None:
            _check_expression(tree, statement.value, known)
        elif not last and isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            target = statement.targets[0].id
            if len(statement.targets) > 1 or target in known or target in FUNCTIONS:
                raise _refusal(tree, "names each line once", ast.unparse(statement), "choose a new name")
            _check_expression(tree, statement.value, known)
            known.add(target)
        else:
            raise _refusal(
                tree,
                "consists of lines 'name = ...' and one 'return ...' at the end",
                ast.unparse(statement),
                "rewrite this line",
            )
    if not tree.body:
        raise _refusal(tree, "must return a value", "no line", "end it with return ...")


def _depth(tree: ast.AST) -> int:
    deepest, waiting = 0, [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        deepest = max(deepest, depth)
        waiting += [(child, depth + 1) for child in ast.iter_child_nodes(node)]
    return deepest


def _check_expression(tree: ast.FunctionDef, node: ast.expr, known: set[str]) -> None:
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            if abs(value) > 2**53 if isinstance(value, int) else not math.isfinite(value):
                raise _refusal(tree, "has numbers that a float64 can hold", ast.unparse(node), "write such as 1e20")
        case ast.Name(id=name):
            if name not in known and name not in CONSTANTS:
                allowed = ", ".join([*sorted(known), *CONSTANTS])
                raise _refusal(tree, f"knows the names {allowed}", repr(name), "use one of them")
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            _check_expression(tree, operand, known)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            exponent = _constant(right)
            if not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
                raise _refusal(
                    tree,
                    f"takes powers with a constant integer exponent, {-MAX_EXPONENT} to {MAX_EXPONENT}",
                    ast.unparse(node),
                    "use sqrt, exp and log for other powers",
                )
            _check_expression(tree, left, known)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div(), right=right):
            _check_expression(tree, left, known)
            _check_expression(tree, right, known)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in FUNCTIONS and name not in known:
            if len(args) != _arity(name) or any(isinstance(arg, ast.Starred) for arg in args):
                raise _refusal(tree, f"gives {name} {_arity(name)} argument(s)", ast.unparse(node), "mend the call")
            for arg in args:
                _check_expression(tree, arg, known)
        case _:
            raise _refusal(
                tree,
                f"may use numbers, + - * / **, {', '.join(FUNCTIONS)}",
                ast.unparse(node),
                "rewrite this piece with them",
            )


def _arity(name: str) -> int:
    return 2 if name == "maximum" else 1


# --- trees -------------------------------------------------------------------------------------------------------


class _Names:
    """Names that are still free in a formula."""

    def __init__(self, tree: ast.FunctionDef) -> None:
        self.taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        self.taken |= {*_arguments(tree), *FUNCTIONS, *CONSTANTS}
        self.temporaries = 0

    def new(self, wish: str) -> str:
        while wish in self.taken:
            wish += "_"
        self.taken.add(wish)
        return wish

    def temporary(self) -> str:
        self.temporaries += 1
        return self.new(f"t{self.temporaries}")


def _arguments(tree: ast.FunctionDef) -> list[str]:
    return [arg.arg for arg in tree.args.args]


def _lines(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id, statement.value
        elif isinstance(statement, ast.Return) and statement.value is not None:
            yield RETURN, statement.value


def _line(target: str, value: ast.expr) -> ast.stmt:
    if target == RETURN:
        return ast.Return(value)
    return ast.Assign([ast.Name(target, ast.Store())], value, lineno=0)


def _function(name: str, arguments: Sequence[str], body: Sequence[ast.stmt]) -> ast.FunctionDef:
    tree = ast.parse(f"def {name}({', '.join(arguments)}): pass").body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.body = list(body)
    return tree


def _fresh(tree: ast.FunctionDef) -> ast.FunctionDef:
    """A copy in which no node is shared, and whose line numbers are those of its text."""
    if not tree.body:
        return tree
    fresh = ast.parse(ast.unparse(tree)).body[0]
    assert isinstance(fresh, ast.FunctionDef)
    return fresh


def _alive(lines: Sequence[tuple[str, ast.expr]], result: ast.expr) -> list[tuple[str, ast.expr]]:
    """The lines that the result reads, directly or through other lines."""
    read_later = {node.id for node in ast.walk(result) if isinstance(node, ast.Name)}
    kept: list[tuple[str, ast.expr]] = []
    for name, expr in reversed(lines):
        if name in read_later:
            kept.append((name, expr))
            read_later |= {node.id for node in ast.walk(expr) if isinstance(node, ast.Name)}
    return kept[::-1]


def _is_atom(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Constant)


def _is_plain(node: ast.expr) -> bool:
    return _is_atom(node) or (isinstance(node, ast.UnaryOp) and _is_atom(node.operand))


def _flatten(  # noqa: PLR0911 - a line for each kind of tree
    node: ast.expr, emit: Callable[[ast.expr], ast.Name], moves: Callable[[ast.expr], bool], named: bool = False
) -> ast.expr:
    """Give a line of its own to every piece that would be written twice: what is raised to a power, and, where it
    moves, what a function is taken of, what is divided by, and the results that a derivative is made of.

    ``named`` says that the whole expression has a name already.
    """
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            inner = _flatten(operand, emit, moves)
            return inner if isinstance(op, ast.UAdd) else ast.UnaryOp(op, inner)
        case ast.BinOp(left=left, op=ast.Pow() as op, right=right):
            base = _flatten(left, emit, moves)
            return ast.BinOp(base if _is_atom(base) else emit(base), op, right)
        case ast.BinOp(left=left, op=op, right=right):
            left, right = _flatten(left, emit, moves), _flatten(right, emit, moves)
            if not isinstance(op, ast.Div) or not moves(right):
                return ast.BinOp(left, op, right)
            quotient = ast.BinOp(left, op, right if _is_atom(right) else emit(right))
            return quotient if named else emit(quotient)
        case ast.Call(func=ast.Name(id=name) as func, args=args):
            args = [_flatten(arg, emit, moves) for arg in args]
            call = ast.Call(func, args, [])
            if not moves(call):
                return call
            call.args = [arg if _is_atom(arg) else emit(arg) for arg in args]
            return emit(call) if name in ("exp", "sqrt") and not named else call
        case _:
            return node


def _without_powers(node: ast.expr) -> ast.expr:
    """The flattened expression with products for powers."""
    match node:
        case ast.UnaryOp(op=op, operand=operand):
            return ast.UnaryOp(op, _without_powers(operand))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _power(left, int(_constant(right) or 0))
        case ast.BinOp(left=left, op=op, right=right):
            return ast.BinOp(_without_powers(left), op, _without_powers(right))
        case ast.Call(func=func, args=args):
            return ast.Call(func, [_without_powers(arg) for arg in args], [])
        case _:
            return node


# --- the rules of differentiation --------------------------------------------------------------------------------


def _differentiate(  # noqa: PLR0911 - a line for each rule
    node: ast.expr, name: str, slopes: Mapping[str, ast.expr]
) -> ast.expr:
    """The slope of a flattened expression that is called ``name``, from the slopes of the names in it."""

    def slope(inner: ast.expr) -> ast.expr:
        return _differentiate(inner, "", slopes)

    match node:
        case ast.Name(id=leaf):
            return slopes.get(leaf, ZERO)
        case ast.UnaryOp(operand=operand):
            return _negative(slope(operand))
        case ast.BinOp(left=u, op=ast.Add(), right=v):
            return _sum(slope(u), slope(v))
        case ast.BinOp(left=u, op=ast.Sub(), right=v):
            return _difference(slope(u), slope(v))
        case ast.BinOp(left=u, op=ast.Mult(), right=v):
            return _sum(_product(slope(u), _without_powers(v)), _product(_without_powers(u), slope(v)))
        case ast.BinOp(left=u, op=ast.Div(), right=v):
            # q = u / v moves by (u' - q v') / v.
            return _quotient(_difference(slope(u), _product(ast.Name(name), slope(v))), _without_powers(v))
        case ast.BinOp(left=u, op=ast.Pow(), right=right):
            n = int(_constant(right) or 0)
            if n >= 0:
                return _product(_product(_number(n), _power(u, n - 1)), slope(u))
            return _quotient(_product(_number(n), slope(u)), _power(u, 1 - n))
        case ast.Call(func=ast.Name(id="maximum"), args=[u, v]):
            return _sum(_product(_larger(u, v), slope(u)), _product(_larger(v, u), slope(v)))
        case ast.Call(func=ast.Name(id=function), args=[u]):
            return _chain(function, u, slope(u), name)
        case _:
            return ZERO


def _chain(  # noqa: PLR0911 - a line for each rule
    function: str, u: ast.expr, slope: ast.expr, name: str
) -> ast.expr:
    """The slope of ``name = function(u)``, given the slope of ``u``."""
    match function:
        case "sqrt":
            return _quotient(slope, _product(_number(2), ast.Name(name)))
        case "exp":
            return _product(ast.Name(name), slope)
        case "log":
            return _quotient(slope, u)
        case "sin":
            return _product(slope, _call("cos", u))
        case "cos":
            return _negative(_product(slope, _call("sin", u)))
        case "abs":
            return _product(slope, _call("sign", u))
        case _:  # sign is flat
            return ZERO


def _larger(u: ast.expr, v: ast.expr) -> ast.expr:
    """1 where u > v, 0 where u < v, one half at a tie."""
    return _sum(_number(0.5), _product(_number(0.5), _call("sign", _difference(u, v))))


# --- arithmetic on trees, with what is 0 or 1 left out ------------------------------------------------------------


def _call(name: str, *args: ast.expr) -> ast.expr:
    return ast.Call(ast.Name(name), list(args), [])


def _number(value: float) -> ast.expr:
    return ast.Constant(value) if value >= 0 else ast.UnaryOp(ast.USub(), ast.Constant(-value))


def _constant(node: ast.expr) -> float | None:
    """The number that a tree is, or None."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case _:
            return None


def _power(base: ast.expr, n: int) -> ast.expr:
    if n < 0:
        return ast.BinOp(_number(1), ast.Div(), _power(base, -n))
    if n == 0:
        return _number(1)
    product = base
    for _ in range(n - 1):
        product = ast.BinOp(product, ast.Mult(), base)
    return product


def _negative(u: ast.expr) -> ast.expr:
    value = _constant(u)
    if value is not None:
        return _number(-value)
    match u:
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return operand
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right) if _constant(
            left
        ) is not None or _is_negative(left):
            # A factor of -1 was only the sign.
            left = _negative(left)
            return right if isinstance(op, ast.Mult) and _constant(left) == 1 else ast.BinOp(left, op, right)
        case ast.BinOp(left=left, op=ast.Sub() as op, right=right):
            return ast.BinOp(right, op, left)
        case _:
            return ast.UnaryOp(ast.USub(), u)


def _sum(u: ast.expr, v: ast.expr) -> ast.expr:
    a, b = _constant(u), _constant(v)
    if a == 0:
        return v
    if b == 0:
        return u
    if a is not None and b is not None:
        return _number(a + b)
    if _is_negative(v):
        return ast.BinOp(u, ast.Sub(), _negative(v))
    if isinstance(u, ast.UnaryOp):
        return ast.BinOp(v, ast.Sub(), u.operand)
    return ast.BinOp(u, ast.Add(), v)


def _difference(u: ast.expr, v: ast.expr) -> ast.expr:
    a, b = _constant(u), _constant(v)
    if b == 0:
        return u
    if a == 0:
        return _negative(v)
    if a is not None and b is not None:
        return _number(a - b)
    if _is_negative(v):
        return _sum(u, _negative(v))
    return ast.BinOp(u, ast.Sub(), v)


def _is_negative(node: ast.expr) -> bool:
    """Whether it starts with a minus sign that a sum or difference can swallow."""
    match node:
        case ast.UnaryOp():
            return True
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div()):
            return _is_negative(left)
        case _:
            return False


def _product(u: ast.expr, v: ast.expr) -> ast.expr:  # noqa: PLR0911 - a line for each case
    a, b = _constant(u), _constant(v)
    if a == 0 or b == 0:
        return ZERO
    if a is not None and b is not None:
        return _number(a * b)
    if b is not None:
        u, v, a = v, u, b
    if a == 1:
        return v
    if a == -1:
        return _negative(v)
    if a is None and isinstance(u, ast.UnaryOp):
        return _negative(_product(u.operand, v))
    if isinstance(v, ast.UnaryOp):
        return _product(_negative(u), v.operand) if a is not None else _negative(_product(u, v.operand))
    if a is not None:
        return _scaled(a, v)
    number, rest = _leading(v)
    return ast.BinOp(u, ast.Mult(), v) if number is None else _scaled(number, _product(u, rest))


def _leading(node: ast.expr) -> tuple[float | None, ast.expr]:
    """The number in front of a product and the product without it, or None and the whole."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        number = _constant(node.left)
        if number is not None:
            return number, node.right
        number, rest = _leading(node.left)
        if number is not None:
            return number, ast.BinOp(rest, ast.Mult(), node.right)
    return None, node


def _scaled(factor: float, node: ast.expr) -> ast.expr:
    """A product with a number put in front, or into the number that stands there."""
    number, rest = _leading(node)
    if number is not None:
        return _product(_number(factor * number), rest)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return ast.BinOp(_scaled(factor, node.left), ast.Mult(), node.right)
    return ast.BinOp(_number(factor), ast.Mult(), node)


def _quotient(u: ast.expr, v: ast.expr) -> ast.expr:
    a, b = _constant(u), _constant(v)
    if a == 0:
        return ZERO
    if b == 1:
        return u
    if b is not None and b < 0:
        return _quotient(_negative(u), _number(-b))
    if isinstance(u, ast.UnaryOp) and a is None:
        return _negative(_quotient(u.operand, v))
    factor, rest = _leading(u)
    if isinstance(factor, int) and isinstance(b, int):
        # 2 x / 20 is x / 10, and 6 x / 3 is 2 x.
        common = math.gcd(factor, b)
        if common > 1:
            return _quotient(_product(_number(factor // common), rest), _number(b // common))
    return ast.BinOp(u, ast.Div(), v)
