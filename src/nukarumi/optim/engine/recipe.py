"""What is done to each entry in one update: the stages that are switched on, then the rule, as one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from nukarumi import rules

__all__ = ["Recipe", "recipe"]

Function = Callable[..., Any]


@dataclass(frozen=True)
class Recipe:
    """A rule with its stages and its dialect; use `recipe` to make one, so that equal ones are the same object.

    Attributes
    ----------
    rule
        The function in ``rules.py``.
    stages
        Names of functions in ``rules.py`` that come first, in order.
    eps_inside
        Whether ``eps`` stands under the root.
    """

    rule: Function
    stages: tuple[str, ...] = ()
    eps_inside: bool = False

    @property
    def plain(self) -> bool:
        """Whether this is the rule itself, so that its source need not be read."""
        return not self.stages and not self.eps_inside and not self.rowwise

    @cached_property
    def row_states(self) -> frozenset[str]:
        """The state letters of which each row has one value only."""
        notes = self.rule.__annotations__
        return frozenset(name for name, kind in notes.items() if kind == "Row" and name not in ("q", "return"))

    @property
    def rowwise(self) -> bool:
        """Whether a row's entries are not computed from their own values alone."""
        return bool(self.row_states)

    @cached_property
    def straight(self) -> Any:
        """The whole as a `nukarumi.translate.straight.StraightLine`."""
        from nukarumi.translate import rewrite, straight  # noqa: PLC0415  (toy updates never read a source)

        line = straight.read(self.rule)
        if self.eps_inside:
            line = rewrite.eps_inside_root(line)
        if self.rowwise:
            line = straight.with_row_mean(line)
        return straight.chain([straight.read(getattr(rules, stage)) for stage in self.stages], line)

    @cached_property
    def function(self) -> Function:
        """The whole as a Python function of the arrays, then the settings."""
        if self.plain:
            return self.rule
        from nukarumi.translate.straight import compiled  # noqa: PLC0415

        return compiled(self.straight)

    @cached_property
    def settings(self) -> tuple[str, ...]:
        """The names of the settings, in the order in which the function takes them."""
        if self.plain:
            code = self.rule.__code__
            return tuple(
                name
                for name in code.co_varnames[: code.co_argcount]
                if self.rule.__annotations__[name] in ("float", float)
            )
        names: tuple[str, ...] = self.straight.settings
        return names


@lru_cache(maxsize=256)
def recipe(rule: Function, stages: tuple[str, ...] = (), eps_inside: bool = False) -> Recipe:
    """The one recipe of these ingredients.

    Examples
    --------
    >>> recipe(rules.sgd, ("coupled_decay",)).settings
    ('lr', 'weight_decay')
    """
    return Recipe(rule, stages, eps_inside)
