"""How a walk ended, read from its trail alone: arrived, still walking, exhausted, or diverged.

Nothing here knows the optimizer, the units of the loss or the size of the weights: every criterion compares a walk with
itself. With G the gradient norm and S the step norm over all parameters, *end* their mean over the last tenth of
the rows (an array that took no part in an update is left out of them, and so are numbers that are not finite;
a row whose gradient is 1,000 times that of both its neighbours, one bad batch, is no peak):

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
   tenth of the peak that no longer shrinks, or is below a hundredth.
3. *exhausted*: a slope is left and the loss has stalled, while the brake is below 0.2 and the pace below 0.05; but not
   while the loss still falls, between the same quarters, by a tenth of itself beyond its noise.
4. *still walking*: everything else.

A walk of fewer than 8 rows is too short to be tired: it has diverged, or stands where the gradient is 0, or walks.
Where the loss is to grow (``maximize`` in the trail's meta), it is read with its sign turned.
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

__all__ = ["SHORT", "Ending", "Signs", "broken", "ending", "fall", "loss_of", "mean_of", "norms", "signs"]

Floats: TypeAlias = NDArray[np.float64]

SHORT = 8
FEW = 4
SLOPE = 0.05
STALLED = 0.05
FALLING = 0.1
BRAKED = 0.2
SLOW = 0.05
NOTHING = 1e-6
LITTLE = 0.01
BOUNCING = 0.5
SMALL = 0.1
SPIKE = 1000.0


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
    falling: bool = False  # by a tenth of itself


def ending(trail: Trail) -> Ending:
    """Say how a walk ended.

    Parameters
    ----------
    trail
        A trail with at least one row.

    Raises
    ------
    BadInput
        If the trail is empty, or no array was watched.

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
    bouncing = seen.gradient <= (LITTLE if seen.halved else SMALL)
    noise = seen.stalled and seen.slope == 0 and (abs(seen.cosine) <= BOUNCING or bouncing)
    if vanishing or noise:
        return Ending.ARRIVED
    if seen.stalled and not seen.falling and seen.slope > 0 and seen.brake <= BRAKED and seen.pace <= SLOW:
        return Ending.EXHAUSTED
    return Ending.STILL_WALKING


def signs(trail: Trail) -> Signs:
    """Measure what `ending` decides from; the arguments and errors are the same."""
    rows = len(trail)
    if not rows:
        raise BadInput("a walk must have at least one recorded step", "an empty trail", "record some updates")
    if not trail.arrays:
        raise BadInput(
            "a walk is told from the arrays that were watched",
            "a trail without any",
            "watch arrays that have a gradient",
        )
    if _last_is_broken(trail):
        return Signs(True, math.nan, False, 0.0, 0.0, False, math.nan, math.nan)
    gradient, step, loss = norms(trail, "gradient_norm"), norms(trail, "step_norm"), loss_of(trail)
    count = max(min(FEW, rows), rows // 10)
    regular = np.isfinite(gradient) & ~_spikes(gradient)
    peak = float(np.max(gradient, initial=0.0, where=regular))
    longest = float(np.max(step, initial=0.0, where=np.isfinite(step)))
    end = mean_of(gradient[-count:])
    middle = mean_of(gradient[(rows - count) // 2 : (rows + count) // 2])
    slope, cosine = _slope(trail, max(count, rows // 2))
    return Signs(
        diverged=_climbed(loss, count),
        gradient=end / peak if peak > 0 else 0.0,
        halved=end <= middle / 2,
        slope=slope,
        cosine=cosine,
        stalled=_stalled(loss, count),
        brake=_brake(gradient, step, count),
        pace=mean_of(step[-count:]) / longest if longest > 0 else 0.0,
        falling=_falling(loss, count),
    )


def norms(trail: Trail, name: str) -> Floats:
    """Combine a norm over the arrays that took part in each update; NaN where none did, or one is not a number."""
    parts, taken = [], []
    for array in trail.arrays:
        part = trail.column(array, name)
        taken.append(~np.isnan(part) | broken(trail, array))
        parts.append(np.where(taken[-1], part, 0.0))
    with np.errstate(all="ignore"):
        total: Floats = np.hypot.reduce(parts, axis=0)
    return np.where(np.any(taken, axis=0), total, np.nan)


def broken(trail: Trail, array: str) -> NDArray[np.bool_]:
    """In which rows a gradient or a weight of an array is not finite."""
    found: NDArray[np.bool_] = trail.column(array, "nonfinite_gradients") + trail.column(array, "nonfinite_weights") > 0
    return found


def fall(before: Floats, after: Floats) -> float:
    """How far the mean has fallen, beyond twice its standard error."""
    error = math.sqrt(before.var() / len(before) + after.var() / len(after))
    return float(before.mean() - after.mean()) - 2 * error


def mean_of(values: Floats) -> float:
    """The mean of the values that are finite; NaN if there is none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def loss_of(trail: Trail) -> Floats:
    """The loss, of which less is better."""
    loss: Floats = trail.loss
    return -loss if trail.meta.get("maximize") else loss


def _spikes(gradient: Floats) -> NDArray[np.bool_]:
    spikes = np.zeros(len(gradient), np.bool_)
    with np.errstate(all="ignore"):
        spikes[1:-1] = gradient[1:-1] > SPIKE * np.fmax(gradient[:-2], gradient[2:])
    return spikes


def _last_is_broken(trail: Trail) -> bool:
    known = np.isfinite(trail.loss)
    if known.any() and not known[-1]:
        return True
    return any(broken(trail, array)[-1] for array in trail.arrays)


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


def _quarters(loss: Floats, count: int) -> tuple[Floats, Floats]:
    """The third quarter of the losses and the last."""
    half, last = len(loss) // 2, len(loss) - max(count, len(loss) // 4)
    return loss[half:last] if last > half else loss[:last], loss[last:]


def _falling(loss: Floats, count: int) -> bool:
    before, after = _quarters(loss, count)
    if not np.isfinite(loss).all() or not len(before):
        return False
    return fall(before, after) > FALLING * abs(float(after.mean()))


def _stalled(loss: Floats, count: int) -> bool:
    if not np.isfinite(loss).all():
        return True  # nobody measured a loss: the steps alone must tell
    before, after = _quarters(loss, count)
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
