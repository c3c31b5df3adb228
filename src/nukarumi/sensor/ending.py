"""How a walk ended, read from its trail alone: arrived, still walking, exhausted, or diverged.

Nothing here knows the optimizer, the units of the loss or the size of the weights: every criterion compares a walk with
itself. With G the gradient norm and S the step norm over all parameters, *end* their mean over the last tenth of
the rows:

- **slope**: the mean cosine between successive gradients in the last half. It counts as a slope when it is above 0.05
  and above twice its standard error; otherwise the gradients there are noise, or the walk bounces.
  The part of the gradient that points somewhere is then G_end sqrt(slope).
- **stalled**: from the third to the last quarter the mean loss fell by less than 5 % of the whole fall so far, its
  standard error added; what noise hides does not count as stalled.
- **brake**: S/G at the end (its median) over S/G at the first step: how much shorter the step for the same gradient
  has become. It is 1 for SGD, whatever its rate.
- **pace**: S at the end over the longest step of the walk.

Decided in this order:

1. *diverged*: the last row has a loss, gradient or weight that is not finite; or the loss ended as far above its start
   as it ever was below it, beyond its noise.
2. *arrived*: G_end is below 1e-6 of its peak; or a slope is left, but G_end is below a tenth, its pointing part below
   1 % of the peak, and G has at least halved since the middle (a gentle valley's gradients are small, but do not
   shrink); or the loss has stalled and no slope is left: what remains is noise, or bouncing with a gradient below a
   tenth of the peak.
3. *exhausted*: a slope is left and the loss has stalled, while the brake is below 0.2 and the pace below 0.05.
4. *still walking*: everything else.

A walk of fewer than 8 rows is too short to be tired: it has diverged, or stands where the gradient is 0, or walks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.trail import Trail

__all__ = ["Ending", "Signs", "ending", "signs"]

Floats: TypeAlias = NDArray[np.float64]

SHORT = 8
FEW = 4
SLOPE = 0.05
STALLED = 0.05
BRAKED = 0.2
SLOW = 0.05
NOTHING = 1e-6
LITTLE = 0.01
BOUNCING = 0.5
SMALL = 0.1


class Ending(Enum):
    """The four ways in which a walk can end."""

    ARRIVED = "arrived: no gradient is left, or nothing but noise"
    STILL_WALKING = "still walking: the steps still matter, or the way is simply not done"
    EXHAUSTED = "exhausted: gradient is left, but the brake has eaten the steps"
    DIVERGED = "diverged: the numbers ran away"

    @property
    def word(self) -> str:
        """The sentence up to its colon, for tables."""
        return self.value.partition(":")[0]


@dataclass(frozen=True)
class Signs:
    """The measurements an ending is decided from; see the head of this file."""

    diverged: bool
    gradient: float  # G_end / G_peak
    halved: bool  # G_end <= G_middle / 2
    slope: float  # mean cosine; 0 when it is within its noise
    cosine: float  # the mean cosine itself
    stalled: bool
    brake: float
    pace: float


def ending(trail: Trail) -> Ending:
    """Say how a walk ended.

    Parameters
    ----------
    trail
        A trail with at least one row.

    Raises
    ------
    BadInput
        If the trail is empty.

    Examples
    --------
    >>> trail = Trail({"w": (1,)})
    >>> for step in range(1, 40):  # SGD on w^2/2: w is halved each time
    ...     w = 0.5**step
    ...     trail.append(step, w * w / 2, {"w": {"gradient_norm": w, "step_norm": w / 2, "gradient_cosine": 1.0}})
    >>> ending(trail)
    <Ending.ARRIVED: 'arrived: no gradient is left, or nothing but noise'>
    """
    seen = signs(trail)
    if seen.diverged:
        return Ending.DIVERGED
    if seen.gradient <= NOTHING:
        return Ending.ARRIVED
    if len(trail) < SHORT:
        return Ending.STILL_WALKING
    pointing = seen.gradient * math.sqrt(seen.slope)
    vanishing = 0 < pointing <= LITTLE and seen.gradient <= SMALL and seen.halved
    noise = seen.stalled and seen.slope == 0 and (abs(seen.cosine) <= BOUNCING or seen.gradient <= SMALL)
    if vanishing or noise:
        return Ending.ARRIVED
    if seen.stalled and seen.slope > 0 and seen.brake <= BRAKED and seen.pace <= SLOW:
        return Ending.EXHAUSTED
    return Ending.STILL_WALKING


def signs(trail: Trail) -> Signs:
    """Measure what `ending` decides from; the arguments and errors are the same."""
    rows = len(trail)
    if not rows:
        raise BadInput("a walk must have at least one recorded step", "an empty trail", "record some updates")
    gradient, step = trail.total("gradient_norm"), trail.total("step_norm")
    if _last_is_broken(trail):
        return Signs(True, math.nan, False, 0.0, 0.0, False, math.nan, math.nan)
    count = max(min(FEW, rows), rows // 10)
    peak = float(np.max(gradient))
    end = float(np.mean(gradient[-count:]))
    middle = float(np.mean(gradient[(rows - count) // 2 : (rows + count) // 2]))
    longest = float(np.max(step))
    slope, cosine = _slope(trail, max(count, rows // 2))
    return Signs(
        diverged=_climbed(trail.loss, count),
        gradient=end / peak if peak > 0 else 0.0,
        halved=end <= middle / 2,
        slope=slope,
        cosine=cosine,
        stalled=_stalled(trail.loss, count),
        brake=_brake(gradient, step, count),
        pace=float(np.mean(step[-count:])) / longest if longest > 0 else 0.0,
    )


def _last_is_broken(trail: Trail) -> bool:
    known = np.isfinite(trail.loss)
    if known.any() and not known[-1]:
        return True
    return any(
        trail.column(array, "nonfinite_weights")[-1] or trail.column(array, "nonfinite_gradients")[-1]
        for array in trail.arrays
    )


def _climbed(loss: Floats, count: int) -> bool:
    """Whether the loss ended as far above its start as it ever was below, and beyond its noise."""
    if not np.isfinite(loss).all() or len(loss) < 2:
        return False
    climb = float(np.median(loss[-count:]) - loss[0])
    noise = float(np.median(np.abs(np.diff(loss))))
    return climb > 0 and climb >= float(loss[0] - np.min(loss)) and climb > 10 * noise


def _slope(trail: Trail, count: int) -> tuple[float, float]:
    """Average the cosines of the last rows over arrays (weighted by squared gradient norm) and rows."""
    cosines, weights = [], []
    for array in trail.arrays:
        cosine = trail.column(array, "gradient_cosine")[-count:]
        norm = trail.column(array, "gradient_norm")[-count:]
        known = np.isfinite(cosine)
        cosines.append(np.where(known, cosine, 0.0))
        weights.append(np.where(known, norm, 0.0))
    heaviest = max((float(np.max(weight)) for weight in weights), default=0.0)
    if heaviest == 0.0:  # nobody measured a direction: take every gradient for a slope
        return 1.0, 1.0
    shares = np.square(np.array(weights) / heaviest)
    total = shares.sum(axis=0)
    rows = (np.array(cosines) * shares).sum(axis=0)[total > 0] / total[total > 0]
    mean = float(rows.mean())
    error = float(rows.std(ddof=1) / math.sqrt(len(rows))) if len(rows) > 1 else 0.0
    return (mean if mean > max(SLOPE, 2 * error) else 0.0), mean


def _stalled(loss: Floats, count: int) -> bool:
    if not np.isfinite(loss).all():
        return True  # nobody measured a loss: the steps alone must tell
    half, last = len(loss) // 2, len(loss) - max(count, len(loss) // 4)
    before, after = loss[half:last] if last > half else loss[:last], loss[last:]
    if not len(before):
        return False
    fall = float(before.mean() - after.mean())
    whole = float(loss[0] - after.mean())
    error = math.sqrt(before.var() / len(before) + after.var() / len(after))
    return whole > 0 and max(fall, 0.0) + error <= STALLED * whole


def _brake(gradient: Floats, step: Floats, count: int) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = step / gradient
    known = np.isfinite(ratio) & (ratio > 0)
    last = ratio[-count:][np.isfinite(ratio[-count:])]
    return float(np.median(last) / ratio[known][0]) if known.any() and len(last) else 1.0
