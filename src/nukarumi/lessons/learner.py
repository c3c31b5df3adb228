"""A learner's own NumPy class, written out from the rule: the lesson's listing cannot differ from the formula."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nukarumi.lessons.walks import HIKERS, Hiker, rule_of
from nukarumi.translate.mutations import mutated
from nukarumi.translate.straight import Line, StraightLine

__all__ = ["Listing", "class_of", "listing"]

ARRAYS = {"w": "params[key]", "g": "grads[key]"}


@dataclass(frozen=True)
class Listing:
    """A class as text, and which of its lines (from 1) does which line of the rule (from 0)."""

    source: str
    steps: tuple[tuple[int, int], ...]


def listing(name: str, mistake: str | None = None) -> Listing:
    """The class that a learner writes for an optimizer, with a mistake in it if wished.

    Parameters
    ----------
    name
        Such as ``"Adagrad"``.
    mistake
        The name of a mutation.

    Examples
    --------
    >>> print(listing("SGD").source)
    class SGD:
        def __init__(self, lr=0.01):
            self.lr = lr
    <BLANKLINE>
        def update(self, params, grads):
            for key in params:
                params[key] -= self.lr * grads[key]
    <BLANKLINE>
    """
    hiker = Hiker(name)
    right = rule_of(hiker)
    rule = right if mistake is None else mutated(right, mistake)
    letters, settings = rule.arrays[2:], [each for each in rule.settings if each != "t"]
    values = hiker.optimizer().settings
    clock = "t" in rule.settings
    out = [f"class {HIKERS[name].__name__}:"]
    out += [f"    def __init__(self, {', '.join(f'{each}={values[each]!r}' for each in settings)}):"]
    out += [f"        self.{each} = {each}" for each in settings]
    out += [f"        self.{letter} = None" for letter in letters]
    out += ["        self.t = 0"] if clock else []
    out += ["", "    def update(self, params, grads):"]
    if letters:
        out += [f"        if self.{letters[0]} is None:"]
        zeros = "{key: np.zeros_like(value) for key, value in params.items()}"
        out += [f"            self.{letter} = {zeros}" for letter in letters]
    out += ["        self.t += 1"] if clock else []
    steps: list[tuple[int, int]] = []
    fixed = {*rule.settings}
    before = [k for k, line in enumerate(rule.lines) if _settings_only(line, rule, fixed)]
    spelled = _spelling(rule, settings, [rule.lines[k].target for k in before])
    for k in before:
        out.append(f"        {rule.lines[k].target} = {_text(rule.lines[k].value, spelled)}")
        steps.append((len(out), k))
    out += ["        for key in params:"]
    for k, line in enumerate(rule.lines):
        if k not in before:
            out.append(f"            {_assignment(line, spelled)}")
            steps.append((len(out), k))
    return Listing("\n".join(out) + "\n", tuple(steps))


def class_of(listed: Listing) -> type[Any]:
    """The class that a listing makes; its own text is run, with ``np`` at hand."""
    import numpy as np  # noqa: PLC0415

    scope: dict[str, Any] = {"np": np}
    exec(compile(listed.source, "<the learner's class>", "exec"), scope)
    made = [each for each in scope.values() if isinstance(each, type)]
    return made[0]


def _settings_only(line: Line, rule: StraightLine, fixed: set[str]) -> bool:
    reads = {node.id for node in ast.walk(line.value) if isinstance(node, ast.Name)} - {"sqrt"}
    if reads <= fixed and line.target not in rule.arrays:
        fixed.add(line.target)
        return True
    return False


def _spelling(rule: StraightLine, settings: list[str], local: list[str]) -> dict[str, str]:
    spelled = {**ARRAYS, **{letter: f"self.{letter}[key]" for letter in rule.arrays[2:]}}
    spelled |= {each: f"self.{each}" for each in settings if each not in local}
    return {**spelled, "t": "self.t"}


def _text(value: ast.expr, spelled: dict[str, str]) -> str:
    class Spell(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return ast.parse(spelled.get(node.id, node.id), mode="eval").body

        def visit_Call(self, node: ast.Call) -> ast.Call:
            assert isinstance(node.func, ast.Name)
            return ast.Call(ast.Name(f"np.{node.func.id}"), [self.visit(each) for each in node.args], [])

    changed: ast.expr = Spell().visit(ast.parse(ast.unparse(value), mode="eval").body)
    return ast.unparse(changed)


def _assignment(line: Line, spelled: dict[str, str]) -> str:
    """An assignment that changes its array in place."""
    target = spelled.get(line.target, line.target)
    same: Callable[[ast.expr], bool] = lambda node: isinstance(node, ast.Name) and node.id == line.target  # noqa: E731
    match line.value:
        case ast.BinOp(left, ast.Add(), more) if same(left):
            return f"{target} += {_text(more, spelled)}"
        case ast.BinOp(left, ast.Sub(), more) if same(left):
            return f"{target} -= {_text(more, spelled)}"
    place = f"{target}[...]" if line.target == "w" else target
    return f"{place} = {_text(line.value, spelled)}"
