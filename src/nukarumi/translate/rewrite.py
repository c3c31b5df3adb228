"""Dialects of a rule, made by changing its text: the formula itself is still stated once."""

from __future__ import annotations

import ast
from dataclasses import replace

from nukarumi.translate.straight import Line, StraightLine

__all__ = ["eps_inside_root"]


def eps_inside_root(rule: StraightLine) -> StraightLine:
    """Move ``eps`` under the root: ``sqrt(h) + eps`` becomes ``sqrt(h + eps)``, as in Keras and optax's Adagrad.

    Raises
    ------
    ValueError
        If the rule has no ``sqrt(...) + eps``.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> print(eps_inside_root(read(rules.adagrad)).lines[-1])
    w = w - lr * g / sqrt(h + eps)
    """
    moved = 0

    class Move(ast.NodeTransformer):
        def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
            nonlocal moved
            self.generic_visit(node)
            match node:
                case ast.BinOp(ast.Call(ast.Name("sqrt"), [inner]) as root, ast.Add(), ast.Name("eps") as eps):
                    moved += 1
                    return ast.Call(root.func, [ast.BinOp(inner, ast.Add(), eps)], [])
            return node

    lines = tuple(
        Line(line.target, Move().visit(ast.parse(ast.unparse(line.value), mode="eval").body)) for line in rule.lines
    )
    if moved == 0:
        raise ValueError(f"rule {rule.name!r} adds no eps to a root, so there is none to move inside")
    return replace(rule, name=f"{rule.name}_eps_inside_root", lines=lines)
