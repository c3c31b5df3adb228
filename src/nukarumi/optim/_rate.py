"""The effective learning rate, read off a rule's own lines."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nukarumi.optim.engine.recipe import Recipe
from nukarumi.translate.straight import Line, compiled, renamed

if TYPE_CHECKING:
    from nukarumi.translate.straight import StraightLine

__all__ = ["rate_function", "rate_line"]


@lru_cache(maxsize=64)
def rate_function(
    recipe: Recipe, states: tuple[str, ...], brakes: str | None
) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """A function of the states and the settings that gives what the rule subtracts from ``w`` for a unit of its drive.

    Parameters
    ----------
    recipe
        The rule, without stages.
    states, brakes
        As for `rate_line`.

    Returns
    -------
    The function, and the names of its settings in order.
    """
    whole = rate_line(recipe.straight, states, brakes)
    function = compiled(whole)
    return (lambda *values: function(*values)[0]), whole.settings


def rate_line(rule: StraightLine, states: tuple[str, ...], brakes: str | None) -> StraightLine:
    """The effective learning rate of a rule as a straight line over the states and the settings, returning ``w``.

    Parameters
    ----------
    rule
        The rule.
    states
        The state letters.
    brakes
        For a rule with a brake, what it drives by: ``"g"``, ``"m"``, or ``"mg"`` for both. The states are then taken as
        they are, so the lines that renew them are left out. None for a rule whose state is a velocity: it is taken at
        rest.
    """
    lines = [line for line in rule.lines if not (brakes and line.target in states)]
    drive = brakes or "g"
    rest = {"w": 0.0, "g": 0.0} | {name: 0.0 for name in states if not brakes} | dict.fromkeys(drive, 1.0)
    start = [Line(name, ast.Constant(value)) for name, value in rest.items()]
    end = Line("w", renamed(ast.parse("0.0 - w", mode="eval").body, {}))
    return replace(rule, arrays=states, lines=(*start, *lines, end), returns=("w",))
