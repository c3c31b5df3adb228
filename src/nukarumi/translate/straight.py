"""A rule as straight lines: its source text read with ``ast``, calls to other rules written out in place.

This is the one reader of ``rules.py``. Everything derived from a rule (compiled loops, a chain of stages, a dialect)
starts from the `StraightLine` that `read` gives, and never from the function's behaviour.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from nukarumi import rules

__all__ = ["ELEMENTARY", "StraightLine", "chain", "compiled", "names_in", "read", "renamed", "text", "with_row_mean"]

ELEMENTARY = frozenset({"sqrt", "abs", "maximum", "minimum", "sign"})
"""The functions a rule may call on arrays; every face must know them."""


@dataclass(frozen=True)
class Line:
    """One assignment, ``target = value``."""

    target: str
    value: ast.expr

    def __str__(self) -> str:
        return f"{self.target} = {ast.unparse(self.value)}"


@dataclass(frozen=True)
class StraightLine:
    """A rule without calls to other rules.

    Attributes
    ----------
    name
        The function's name.
    arrays
        Arguments that vary from entry to entry, in order: ``w``, ``g`` and the state letters.
    settings
        Arguments that are one number for all entries, in order.
    lines
        The assignments, in order.
    returns
        The names returned, in order.
    rows
        Those of the arrays that hold one value for a whole row of entries.
    """

    name: str
    arrays: tuple[str, ...]
    settings: tuple[str, ...]
    lines: tuple[Line, ...]
    returns: tuple[str, ...]
    rows: tuple[str, ...] = ()


@cache
def read(rule: Callable[..., Any]) -> StraightLine:
    """Read a rule's source into straight lines.

    Parameters
    ----------
    rule
        A function of ``rules.py``, or one written in the same language.

    Raises
    ------
    SyntaxError
        If the function leaves the language of the rules; the message names the construct and its line.

    Examples
    --------
    >>> from nukarumi import rules
    >>> for line in read(rules.adagrad).lines:
    ...     print(line)
    h = h + g * g
    w = w - lr * g / (sqrt(h) + eps)
    """
    tree = ast.parse(textwrap.dedent(inspect.getsource(rule))).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise SyntaxError(f"{rule!r} is not a plain function")
    return _straighten(tree, rule.__globals__)


def _straighten(tree: ast.FunctionDef, scope: Mapping[str, Any]) -> StraightLine:
    arrays: list[str] = []
    settings: list[str] = []
    rows: list[str] = []
    for argument in tree.args.args:
        kind = ast.unparse(argument.annotation) if argument.annotation else "Array"
        (settings if kind == "float" else arrays).append(argument.arg)
        if kind == "Row":
            rows.append(argument.arg)
    lines: list[Line] = []
    returns: tuple[str, ...] = ()
    for statement in tree.body:
        match statement:
            case ast.Expr(ast.Constant(str())):
                pass
            case ast.Assign([ast.Name(target)], value):
                lines += _assign([target], value, scope, tree)
            case ast.Assign([ast.Tuple(targets)], value):
                lines += _assign([_name(target, tree) for target in targets], value, scope, tree)
            case ast.Return(ast.Tuple(values)):
                returns = tuple(_name(value, tree) for value in values)
            case ast.Return(ast.Name(name)):
                returns = (name,)
            case _:
                raise _outside(tree, statement)
    for line in lines:
        for node in ast.walk(line.value):
            if isinstance(node, ast.Call) and _callee(node) not in ELEMENTARY:
                raise _outside(tree, node)
    return StraightLine(tree.name, tuple(arrays), tuple(settings), tuple(lines), returns, tuple(rows))


def _assign(targets: list[str], value: ast.expr, scope: Mapping[str, Any], tree: ast.FunctionDef) -> list[Line]:
    """One assignment; a call to another rule is written out, its own names kept apart by a prefix."""
    if not isinstance(value, ast.Call) or _callee(value) in ELEMENTARY:
        if len(targets) != 1:
            raise _outside(tree, value)
        return [Line(targets[0], value)]
    called = scope.get(_callee(value))
    if not callable(called):
        raise _outside(tree, value)
    inner = read(called)
    given = dict(zip([*inner.arrays, *inner.settings], value.args, strict=False))
    # Arguments of the rules are given in the order of the signature: arrays first, then settings.
    if len(given) != len(inner.arrays) + len(inner.settings) or len(targets) != len(inner.returns):
        raise _outside(tree, value)
    kept = {formal: actual.id for formal, actual in given.items() if isinstance(actual, ast.Name)}
    names = {line.target: f"{inner.name}_{line.target}" for line in inner.lines} | kept
    body = [Line(names[line.target], renamed(line.value, names)) for line in inner.lines]
    moved = {names[inside]: outside for inside, outside in zip(inner.returns, targets, strict=True)}
    return body + [Line(out, ast.Name(inside)) for inside, out in moved.items() if inside != out]


def chain(stages: Iterable[StraightLine], rule: StraightLine) -> StraightLine:
    """Put stages before a rule: one straight line that does them all.

    A stage's names are the rule's (``w``, ``g``, ``lr``), so its lines simply come first; settings that only a stage
    has are added behind the rule's own, in order of appearance.

    Examples
    --------
    >>> from nukarumi import rules
    >>> whole = chain([read(rules.coupled_decay)], read(rules.sgd))
    >>> [str(line) for line in whole.lines], whole.settings
    (['g = g + weight_decay * w', 'w = w - lr * g'], ('lr', 'weight_decay'))
    """
    for stage in reversed(list(stages)):
        more = tuple(name for name in stage.settings if name not in rule.settings)
        rule = replace(
            rule, name=f"{stage.name}_{rule.name}", settings=rule.settings + more, lines=stage.lines + rule.lines
        )
    return rule


def with_row_mean(rule: StraightLine) -> StraightLine:
    """A rule that takes ``q``, with the line that works it out: what the engines run, stages in front of it.

    Examples
    --------
    >>> from nukarumi import rules
    >>> for line in with_row_mean(read(rules.rowwise_adagrad)).lines:
    ...     print(line)
    q = mean_square(g)
    h = h + q
    w = w - lr * g / (sqrt(h) + eps)
    """
    mean = Line("q", ast.Call(ast.Name("mean_square"), [ast.Name("g")], []))
    arrays, rows = (tuple(name for name in names if name != "q") for names in (rule.arrays, rule.rows))
    return replace(rule, arrays=arrays, rows=rows, lines=(mean, *rule.lines))


def text(rule: StraightLine) -> str:
    """The Python source of a straight line; compiling it gives the rule back.

    Examples
    --------
    >>> from nukarumi import rules
    >>> print(text(read(rules.sgd)))
    def sgd(w, g, lr):
        w = w - lr * g
        return (w,)
    """
    body = "".join(f"    {line}\n" for line in rule.lines)
    values = ", ".join(rule.returns) + ("," if len(rule.returns) == 1 else "")
    return f"def {rule.name}({', '.join(rule.arrays + rule.settings)}):\n{body}    return ({values})"


def compiled(rule: StraightLine) -> Callable[..., tuple[Any, ...]]:
    """The straight line as a Python function that always returns a tuple."""
    scope = {name: getattr(rules, name, None) or getattr(__import__("numpy"), name) for name in ELEMENTARY}
    scope["mean_square"] = rules.mean_square
    exec(compile(text(rule), f"<{rule.name}>", "exec"), scope)
    made: Callable[..., tuple[Any, ...]] = scope[rule.name]
    return made


def renamed(expression: ast.expr, names: Mapping[str, str]) -> ast.expr:
    """A copy of an expression with names exchanged."""

    class Rename(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.Name:
            return ast.Name(names.get(node.id, node.id), node.ctx)

        def visit_Call(self, node: ast.Call) -> ast.Call:
            return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])

    result: ast.expr = Rename().visit(ast.parse(ast.unparse(expression), mode="eval").body)
    return result


def names_in(expression: ast.expr) -> set[str]:
    """The variables of an expression (the functions it calls are not counted)."""
    functions = {id(node.func) for node in ast.walk(expression) if isinstance(node, ast.Call)}
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name) and id(node) not in functions}


def _callee(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ast.unparse(call.func)


def _name(node: ast.expr, tree: ast.FunctionDef) -> str:
    if not isinstance(node, ast.Name):
        raise _outside(tree, node)
    return node.id


def _outside(tree: ast.FunctionDef, node: ast.stmt | ast.expr) -> SyntaxError:
    return SyntaxError(
        f"rule {tree.name!r} leaves the language of the rules at its line {node.lineno}: {ast.unparse(node)!r} "
        "is neither an assignment of arithmetic nor a call to a rule with names in order"
    )
