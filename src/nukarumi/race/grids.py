"""Which learning rates are tried: a logarithmic grid that grows until the good rates lie inside it.

A rate is *good* when its validation error is at most `TOLERANCE` (one percentage point, or a tenth of the best error
if that is more) above the best of the same optimizer. The good range is the unbroken run of good rates around the best
one. While it touches an edge of the grid, `GROWTH` more rates are tried beyond that edge, for a limited number of
rounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from nukarumi._errors import BadInput

__all__ = ["GoodRange", "Grade", "default_grid", "good_range", "grow", "parse_grid", "pick", "rates"]

TOLERANCE = 0.01
RELATIVE_TOLERANCE = 0.1
HALF_WIDTH = 3  # steps to each side of the default rate
STEPS_PER_DECADE = 3
GROWTH = 3


class Grade(NamedTuple):
    """How good a learning rate is on the validation split, averaged over the tuning seeds; worst when it diverged."""

    error: float
    loss: float
    diverged: bool

    @property
    def order(self) -> tuple[float, float]:
        """The smaller the better: error first, then loss."""
        return (math.inf, math.inf) if self.diverged else (self.error, self.loss)


class GoodRange(NamedTuple):
    """The unbroken run of good learning rates around the best, and whether it may go on beyond the grid."""

    low: float
    high: float
    open_low: bool
    open_high: bool

    @property
    def decades(self) -> float:
        """How wide it is: the common logarithm of high / low."""
        return math.log10(self.high / self.low)


def _rounded(lr: float) -> float:
    return float(f"{lr:.3g}")


def default_grid(centre: float) -> list[float]:
    """Give the rates a tuning starts with: three to the decade, one decade to each side.

    Examples
    --------
    >>> default_grid(0.01)
    [0.001, 0.00215, 0.00464, 0.01, 0.0215, 0.0464, 0.1]
    """
    return [_rounded(centre * 10 ** (k / STEPS_PER_DECADE)) for k in range(-HALF_WIDTH, HALF_WIDTH + 1)]


def rates(values: Iterable[Any], what: str = "grid") -> list[float]:
    """Check learning rates and sort them; each must be a positive number and there must be at least one.

    Raises
    ------
    BadInput
        For an empty grid, or a rate that is not a positive finite number.
    """
    grid = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise BadInput(f"every rate of the {what} must be a positive number", repr(value), "pass rates such as .01")
        grid.append(float(value))
    if not grid:
        raise BadInput(f"the {what} must hold at least one learning rate", "none", "pass rates such as [.01, .1]")
    return sorted(set(grid))


def parse_grid(text: str) -> list[float]:
    """Read a grid as the command line writes it: ``lo:hi:n`` (n rates, evenly spaced in the logarithm) or a list.

    Examples
    --------
    >>> parse_grid("0.001:1:4")
    [0.001, 0.01, 0.1, 1.0]
    >>> parse_grid("0.1,0.3")
    [0.1, 0.3]

    Raises
    ------
    BadInput
        If the text is neither.
    """
    wrong = BadInput(
        "a grid must be lo:hi:n with 0 < lo < hi and n from 2 to 1000, or rates separated by commas",
        repr(text),
        "write for example 0.001:1:7 or 0.01,0.1,1",
    )
    try:
        if ":" not in text:
            return rates([float(part) for part in text.split(",") if part.strip()])
        low, high, count = text.split(":")
        lo, hi, n = float(low), float(high), int(count)
    except ValueError:
        raise wrong from None
    if not (0 < lo < hi < math.inf and 2 <= n <= 1000):
        raise wrong
    return rates(_rounded(lo * (hi / lo) ** (k / (n - 1))) for k in range(n))


def pick(grades: Mapping[float, Grade], centre: float) -> float:
    """Pick the best rate: least error, then least loss, then the one nearest to the centre.

    Examples
    --------
    >>> pick({0.1: Grade(0.5, 1.0, False), 1.0: Grade(0.4, 2.0, False)}, 0.1)
    1.0
    """
    return min(grades, key=lambda lr: (*grades[lr].order, abs(math.log(lr / centre)), lr))


def good_range(grades: Mapping[float, Grade], best: float) -> GoodRange:
    """Find the good rates around the best one.

    Examples
    --------
    >>> grades = {lr: Grade(error, 0.0, False) for lr, error in [(0.01, 0.3), (0.1, 0.1), (1.0, 0.105)]}
    >>> good_range(grades, 0.1)
    GoodRange(low=0.1, high=1.0, open_low=False, open_high=True)
    """
    grid = sorted(grades)
    least = grades[best].error
    limit = least + max(TOLERANCE, RELATIVE_TOLERANCE * least)
    low = high = grid.index(best)
    while low > 0 and not grades[grid[low - 1]].diverged and grades[grid[low - 1]].error <= limit:
        low -= 1
    while high + 1 < len(grid) and not grades[grid[high + 1]].diverged and grades[grid[high + 1]].error <= limit:
        high += 1
    return GoodRange(grid[low], grid[high], low == 0, high == len(grid) - 1)


def grow(grid: Sequence[float], below: bool, above: bool) -> list[float]:
    """Give the rates to try beyond the edges, in the grid's own spacing (a third of a decade for a grid of one).

    Examples
    --------
    >>> grow([0.01, 0.1], below=False, above=True)
    [1.0, 10.0, 100.0]
    """
    ordered = sorted(grid)
    down = ordered[1] / ordered[0] if len(ordered) > 1 else 10 ** (1 / STEPS_PER_DECADE)
    up = ordered[-1] / ordered[-2] if len(ordered) > 1 else down
    fresh = [ordered[0] / down**k for k in range(1, GROWTH + 1)] if below else []
    fresh += [ordered[-1] * up**k for k in range(1, GROWTH + 1)] if above else []
    return sorted({_rounded(lr) for lr in fresh if 0 < _rounded(lr) < math.inf} - set(ordered))
