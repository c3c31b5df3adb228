"""What is the same for all entries is computed once: a rule cut into a prologue of settings and a loop body.

NumPy computes ``(1 - rho) * g`` by working out ``1 - rho`` in double precision and rounding it to the array's type
once. A compiled loop that did that subtraction in single precision would end in other bits. So every largest
subexpression made of settings alone becomes a constant, computed by Python itself before the loop and rounded once.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nukarumi.translate.straight import Line, StraightLine, compiled, names_in

__all__ = ["Hoisted", "hoist"]


@dataclass(frozen=True)
class Hoisted:
    """A rule in two parts.

    Attributes
    ----------
    prologue
        From settings to constants: straight lines whose ``returns`` are ``c0, c1, ...`` in order.
    body
        Lines over arrays and constants only.
    """

    rule: StraightLine
    prologue: StraightLine
    body: tuple[Line, ...]

    @property
    def constants(self) -> tuple[str, ...]:
        """The names of the constants, in the order that the prologue returns them."""
        return self.prologue.returns

    def evaluate(self) -> Callable[..., tuple[float, ...]]:
        """The prologue as a Python function of the rule's settings, in their order."""
        return compiled(self.prologue)


def hoist(rule: StraightLine) -> Hoisted:
    """Cut a rule into prologue and body.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> cut = hoist(read(rules.rmsprop))
    >>> [str(line) for line in cut.prologue.lines]
    ['c0 = decay_rate', 'c1 = 1 - decay_rate', 'c2 = lr', 'c3 = eps']
    >>> [str(line) for line in cut.body]
    ['h = c0 * h + c1 * g * g', 'w = w - c2 * g / (sqrt(h) + c3)']
    """
    settings = set(rule.settings)
    before: list[Line] = []
    body: list[Line] = []
    constants: dict[str, str] = {}

    class Constants(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> Any:
            if isinstance(node, ast.expr) and names_in(node) <= settings:
                source = ast.unparse(node)
                if source not in constants:
                    constants[source] = f"c{len(constants)}"
                    before.append(Line(constants[source], node))
                return ast.Name(constants[source])
            if isinstance(node, ast.Call):
                return ast.Call(node.func, [self.visit(argument) for argument in node.args], [])
            return super().generic_visit(node)

    for line in rule.lines:
        if names_in(line.value) <= settings:
            settings.add(line.target)
            before.append(line)
        else:
            value = ast.parse(ast.unparse(line.value), mode="eval").body
            body.append(Line(line.target, Constants().visit(value)))
    prologue = StraightLine(f"{rule.name}_constants", (), rule.settings, tuple(before), tuple(constants.values()))
    return Hoisted(rule, prologue, tuple(body))
