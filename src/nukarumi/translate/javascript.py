"""A rule or a formula as JavaScript, in the same order of operations, so that it ends in the same bits.

JavaScript's numbers are Python's floats, and ``+ - * /`` and ``Math.sqrt`` round as IEEE 754 says in both. What is
left is to keep every parenthesis of the syntax tree, and to say what JavaScript says differently: `PRELUDE` has the
functions whose NumPy meaning (NaN wins, the sign of 0 is 0) is not that of ``Math``, and ``**``, which every browser
rounds in its own way, becomes a call of ``power``, which the caller brings along. ``sin``, ``cos``, ``exp`` and ``log``
are the browser's own: they agree to the last digits, not to the last bit.
"""

from __future__ import annotations

import ast

from nukarumi.translate import derive
from nukarumi.translate.straight import ELEMENTARY, StraightLine

__all__ = [
    "KNOWN",
    "PRELUDE",
    "expression",
    "formula_function",
    "name",
    "reading_function",
    "step_function",
    "trace_function",
]

PRELUDE = """\
const { sqrt, abs, sin, cos, exp, log, PI: pi, E: e } = Math
const maximum = (a, b) => (a > b || a !== a ? a : b)
const minimum = (a, b) => (a < b || a !== a ? a : b)
const sign = (a) => (a > 0 ? 1 : a < 0 ? -1 : a === 0 ? 0 : NaN)
"""
"""What translated functions call by the names that the Python source has; goes before them once."""

KNOWN = ELEMENTARY | set(derive.FUNCTIONS)
"""The functions that rules and formulas call; `PRELUDE` has them all."""

RESERVED = frozenset(
    {
        *("await", "break", "case", "catch", "class", "const", "continue", "debugger", "default", "delete", "do"),
        *("else", "enum", "export", "extends", "false", "finally", "for", "function", "if", "import", "in"),
        *("instanceof", "new", "null", "return", "super", "switch", "this", "throw", "true", "try", "typeof", "var"),
        *("void", "while", "with", "yield", "let", "static", "implements", "interface", "package", "private"),
        *("protected", "public", "arguments", "eval", "power", "states", "settings", "out"),
    }
)
"""Words that JavaScript, or the functions written here, keep for themselves."""

_SIGNS: dict[type[ast.operator], tuple[str, int]] = {
    ast.Add: ("+", 1),
    ast.Sub: ("-", 1),
    ast.Mult: ("*", 2),
    ast.Div: ("/", 2),
}
_UNARY, _ATOM = 3, 4


def expression(node: ast.expr) -> str:
    """An expression of the rules' language as JavaScript.

    Parameters
    ----------
    node
        Arithmetic as `nukarumi.translate.straight` and `nukarumi.translate.derive` let through.

    Raises
    ------
    SyntaxError
        For anything else.

    Examples
    --------
    >>> print(expression(ast.parse("a - (b - c) * -d / sqrt(1.0 - beta2**t)", mode="eval").body))
    a - (b - c) * -d / sqrt(1.0 - power(beta2, t))
    """
    return _written(node)[0]


def name(python: str) -> str:
    """A Python name as a JavaScript name; a reserved word gets an underscore.

    Examples
    --------
    >>> name("h"), name("new")
    ('h', 'new_')
    """
    return f"{python}_" if python in RESERVED else python


def _written(node: ast.expr) -> tuple[str, int]:
    """The text, and how tightly it binds."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return repr(value), _ATOM
        case ast.Name(id=python):
            return name(python), _ATOM
        case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in KNOWN:
            return f"{function}({', '.join(map(expression, args))})", _ATOM
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return f"-{_inside(operand, _UNARY + 1)}", _UNARY
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return f"power({expression(left)}, {expression(right)})", _ATOM
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SIGNS:
            sign, strength = _SIGNS[type(op)]
            # Both languages group a - b - c from the left: only what stands on the right needs help.
            return f"{_inside(left, strength)} {sign} {_inside(right, strength + 1)}", strength
    raise SyntaxError(f"no JavaScript is known for {ast.unparse(node)!r}")


def _inside(node: ast.expr, strength: int) -> str:
    text, own = _written(node)
    return text if own >= strength else f"({text})"


def _declared(names: list[tuple[str, str]], arguments: tuple[str, ...]) -> str:
    """Assignments as statements; a name is declared where it is seen first."""
    known = set(arguments)
    lines = []
    for target, value in names:
        lines.append(f"  {'' if target in known else 'let '}{name(target)} = {value}\n")
        known.add(target)
    return "".join(lines)


def _head(rule: StraightLine, states: tuple[str, ...]) -> str:
    taken = [f"{name(each)} = states[{k}]" for k, each in enumerate(states)]
    taken += [f"{name(each)} = settings[{k}]" for k, each in enumerate(rule.settings)]
    return f"(w, g, states, settings) {{\n  let {', '.join(taken)}\n" if taken else "(w, g, states, settings) {\n"


def step_function(rule: StraightLine) -> str:
    """A rule as a method's text after its name: ``(w, g, states, settings) { ... return [w, ...states] }``.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> print("step" + step_function(read(rules.adagrad)))
    step(w, g, states, settings) {
      let h = states[0], lr = settings[0], eps = settings[1]
      h = h + g * g
      w = w - lr * g / (sqrt(h) + eps)
      return [w, h]
    }
    """
    states = rule.arrays[2:]
    body = _declared([(line.target, expression(line.value)) for line in rule.lines], rule.arrays + rule.settings)
    return f"{_head(rule, states)}{body}  return [{', '.join(map(name, rule.returns))}]\n}}"


def trace_function(rule: StraightLine) -> str:
    """The same step as `step_function`, returning what each line gave its target.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> print("trace" + trace_function(read(rules.sgd)))
    trace(w, g, states, settings) {
      let lr = settings[0]
      const out = []
      out.push(w = w - lr * g)
      return out
    }
    """
    known = set(rule.arrays + rule.settings)
    fresh = dict.fromkeys(name(line.target) for line in rule.lines if line.target not in known)
    lines = [f"  let {', '.join(fresh)}\n"] if fresh else []
    lines += [f"  out.push({name(line.target)} = {expression(line.value)})\n" for line in rule.lines]
    return f"{_head(rule, rule.arrays[2:])}  const out = []\n{''.join(lines)}  return out\n}}"


def reading_function(rule: StraightLine) -> str:
    """A line over states and settings that gives one number, as text: ``(states, settings) { ... return w }``."""
    known = set(rule.arrays + rule.settings)
    body = _declared([(line.target, expression(line.value)) for line in rule.lines], tuple(known))
    head = _head(rule, rule.arrays).replace("(w, g, states", "(states", 1)
    return f"{head}{body}  return {name(rule.returns[0])}\n}}"


def formula_function(tree: ast.FunctionDef) -> str:
    """A terrain's formula, or its gradient, as a method's text after its name: ``(x, y) { ... }``.

    Parameters
    ----------
    tree
        What `nukarumi.translate.derive.expanded` or `nukarumi.translate.derive.derivative` gives.

    Examples
    --------
    >>> from nukarumi.translate import derive
    >>> print("value" + formula_function(derive.expanded("def f(x, y): return (x + y) ** 2 + abs(y)")))
    value(x, y) {
      const t1 = x + y
      return t1 * t1 + abs(y)
    }
    """
    arguments = [argument.arg for argument in tree.args.args]
    lines = []
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                lines.append(f"  const {name(target)} = {expression(value)}\n")
            case ast.Return(value=ast.Tuple(elts=values)):
                lines.append(f"  return [{', '.join(map(expression, values))}]\n")
            case ast.Return(value=ast.expr() as value):
                lines.append(f"  return {expression(value)}\n")
            case _:
                raise SyntaxError(f"no JavaScript is known for {ast.unparse(statement)!r}")
    return f"({', '.join(map(name, arguments))}) {{\n{''.join(lines)}}}"
