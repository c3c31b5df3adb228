"""A rule cut into numbered lines: what each one makes, what it reads, and what it is for.

The lines are those of the rule's own source; they carry its Python text and its formula, so that text, formula and live
numbers can be shown side by side, one line at a time.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from nukarumi.translate import mathml
from nukarumi.translate.straight import Line, StraightLine, names_in, renamed

__all__ = ["NumberedLine", "Role", "numbered", "tidied", "with_setting_lines"]

Role = Literal["setting", "gradient", "state", "move"]


@dataclass(frozen=True)
class NumberedLine:
    """One line of a rule, for reading.

    Attributes
    ----------
    target
        The name that gets a value.
    reads
        The names read, in order of appearance.
    python
        The line as Python text.
    latex, mathml
        The line as a formula.
    role
        ``"setting"``: made of settings alone; ``"gradient"``: what is done to the gradient before the rule;
        ``"state"``: the memory; ``"move"``: the step, and what it is made of.
    """

    target: str
    reads: tuple[str, ...]
    python: str
    latex: str
    mathml: str
    role: Role


def numbered(rule: StraightLine) -> tuple[NumberedLine, ...]:
    """The lines of a rule, in the order in which they are computed.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> for line in numbered(read(rules.adagrad)):
    ...     print(line.python, line.reads, line.role)
    h = h + g * g ('h', 'g') state
    w = w - lr * g / (sqrt(h) + eps) ('w', 'lr', 'g', 'h', 'eps') move
    """
    settings = set(rule.settings)
    out = []
    for line in rule.lines:
        role: Role = "move"
        if names_in(line.value) <= settings and line.target not in rule.arrays:
            settings.add(line.target)
            role = "setting"
        elif line.target == "g":
            role = "gradient"
        elif line.target in rule.arrays[2:]:
            role = "state"
        value = line.value
        out.append(
            NumberedLine(
                line.target,
                _in_order(value),
                str(line),
                mathml.assignment_latex(line.target, value),
                mathml.assignment_mathml(line.target, value),
                role,
            )
        )
    return tuple(out)


def _in_order(value: ast.expr) -> tuple[str, ...]:
    variables = names_in(value)
    places = sorted(
        (node.lineno, node.col_offset, node.id)
        for node in ast.walk(ast.parse(ast.unparse(value), mode="eval"))
        if isinstance(node, ast.Name) and node.id in variables
    )
    return tuple(dict.fromkeys(name for _, _, name in places))


def tidied(rule: StraightLine) -> StraightLine:
    """Names that only keep apart what a called rule brought along, made short again where the short name is free.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> print(tidied(read(rules.adamw)).lines[1])
    lr_t = lr * sqrt(1.0 - beta2 ** t) / (1.0 - beta1 ** t)
    """
    taken = {*rule.arrays, *rule.settings, *(line.target for line in rule.lines)}
    shorter: dict[str, str] = {}
    for target in dict.fromkeys(line.target for line in rule.lines):
        prefix, _, rest = target.partition("_")
        if prefix in _RULES and rest and rest not in taken:
            shorter[target] = rest
            taken.add(rest)
    lines = tuple(Line(shorter.get(line.target, line.target), renamed(line.value, shorter)) for line in rule.lines)
    return replace(rule, lines=lines)


_RULES = frozenset({"adam"})
"""Rules that others call; `nukarumi.translate.straight` puts their names before their own variables."""


def with_setting_lines(rule: StraightLine, function: Callable[..., Any], setting: str, made: str) -> StraightLine:
    """A rule that works out one of its settings anew at every step, by a function of ``rules.py``.

    Parameters
    ----------
    rule
        The rule; its settings include the function's arguments.
    function
        Such as ``rules.eps_hat``: numbers in, a number out.
    setting
        The setting that is replaced wherever the rule reads it.
    made
        The name of what replaces it.

    Raises
    ------
    SyntaxError
        If the function is more than named lines and a ``return``.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> for line in with_setting_lines(read(rules.adam), rules.eps_hat, "eps", "eps_t").lines:
    ...     print(line)
    root = sqrt(1.0 - beta2 ** t)
    eps_t = eps * root
    lr_t = lr * sqrt(1.0 - beta2 ** t) / (1.0 - beta1 ** t)
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    w = w - lr_t * m / (sqrt(v) + eps_t)
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise SyntaxError(f"{function!r} is not a plain function")
    before: list[Line] = []
    for statement in tree.body:
        match statement:
            case ast.Expr(ast.Constant(str())):
                pass
            case ast.Assign([ast.Name(target)], value) | ast.AnnAssign(ast.Name(target), _, ast.expr() as value):
                before.append(Line(target, value))
            case ast.Return(ast.expr() as value):
                before.append(Line(made, value))
            case _:
                raise SyntaxError(f"{tree.name!r} is more than lines and a return: {ast.unparse(statement)!r}")
    after = tuple(Line(line.target, renamed(line.value, {setting: made})) for line in rule.lines)
    return replace(rule, name=f"{rule.name}_{tree.name}", lines=(*before, *after))
