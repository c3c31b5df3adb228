"""What a trail shows: findings, each decided from the trail alone, each with its evidence.

As in `ending`, a walk is compared with itself wherever that is possible; *end* means the last tenth of the rows, at
least four. The measures that only a sensor's trail has (``saturated``, ``unmoved``, ``swallowed``) are used where they
are; without them the findings that need them are not made.

- **underflow**: weights or state are not finite in the first row although the gradient was, and the state is float16.
- **frozen**: at the end the braking state is infinite in a tenth of the entries of an array or more.
- **exploding**: the walk diverged (`ending`), or the gradient norm ended at 1,000 times that of the first row.
- **arrived**, **exhausted**: as `ending` decides.
- **never started**: from the first rows to the end, eps and the start of the state have taken 9 tenths of the step or
  more in arrays that hold half of the entries or of the gradient, whose gradient norm ended at 7 tenths of its start or
  above; and the loss, where known, fell by less than a tenth of itself, beyond its noise.
- **saturated**: half of the state entries that should grow at the end cannot, and the gradient has not died down: it is
  above a tenth of what it was in the middle.
- **dead features**: 15 % of an array's entries or more have never moved, and the share fell by less than 2 % of it in
  the second half, while other entries did move.
- **oscillating**: in the last half the mean cosine between successive gradients is below -0.5, and the gradient is
  above a tenth of its peak.
- **out of step**: among matrices, the median ratio of step to weight in the last half differs by a factor of 1,000.

A walk of fewer than 8 rows can only be exploding, frozen or in underflow.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi.sensor.ending import SHORT, Ending, ending, signs
from nukarumi.sensor.findings import Finding, Kind
from nukarumi.trail import QUANTILES, Trail

__all__ = ["diagnose"]

Floats: TypeAlias = NDArray[np.float64]

RUNAWAY = 1000.0
SWALLOWED = 0.9
STILL_THERE = 0.7
HARDLY_FELL = 0.1
SATURATED = 0.5
ALIVE = 0.1
DEAD = 0.15
SETTLED = 0.02
BOUNCING = -0.5
SPREAD = 1000.0


def diagnose(trail: Trail) -> list[Finding]:
    """Say what a trail shows.

    Parameters
    ----------
    trail
        A trail with at least one row; a sensor's shows most, a race's shows what it can.

    Returns
    -------
    list of Finding
        The gravest first; empty for a walk that simply goes on.

    Raises
    ------
    BadInput
        If the trail is empty.

    Examples
    --------
    >>> from nukarumi import SGD
    >>> from nukarumi.sensor import watch
    >>> opt, params = SGD(lr=0.5), {"w": np.array([1.0])}
    >>> sensor = watch(opt, every=1)
    >>> for _ in range(40):
    ...     opt.update(params, {"w": params["w"].copy()})
    >>> [finding.kind.name for finding in diagnose(sensor.trail)]
    ['ARRIVED']
    """
    how = ending(trail)
    underflow = _underflow(trail)
    if underflow:
        return [underflow]
    found = [finding for finding in (_frozen(trail), _exploding(trail, how)) if finding]
    if found or len(trail) < SHORT:
        return found + ([Finding(Kind.ARRIVED)] if how is Ending.ARRIVED and not found else [])
    seen = signs(trail)
    never = _never_started(trail)
    if how is Ending.ARRIVED and not never:
        found.append(Finding(Kind.ARRIVED, (), {"gradient_left": seen.gradient, "gradient_cosine": seen.cosine}))
    if how is Ending.EXHAUSTED:
        evidence = {"gradient_left": seen.gradient, "brake": seen.brake, "pace": seen.pace}
        found.append(Finding(Kind.EXHAUSTED, (), evidence))
    if never:
        found.append(never)
    if how is not Ending.ARRIVED:
        found += [
            finding for finding in (_saturated(trail, never.arrays if never else ()), _oscillating(trail)) if finding
        ]
    if not never:
        found += [finding for finding in (_dead(trail), _out_of_step(trail)) if finding]
    return found


def _count(trail: Trail) -> int:
    return max(min(4, len(trail)), len(trail) // 10)


def _mean(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _median(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else math.nan


def _brake(trail: Trail) -> str | None:
    """The letter of the state that brakes: as the sensor wrote it, or as the letters suggest."""
    told = trail.meta.get("brake")
    if told in trail.states:
        return str(told)
    if "brake" in trail.meta:
        return None
    if "h" in trail.states:
        return "h"
    return "v" if "m" in trail.states and "v" in trail.states else None


def _underflow(trail: Trail) -> Finding | None:
    hit = []
    for array in trail.arrays:
        dtype = str(trail.meta.get("dtypes", {}).get(array, ""))
        broken = trail.column(array, "nonfinite_weights")[0] > 0
        if dtype == "float16" and broken and trail.column(array, "nonfinite_gradients")[0] == 0:
            hit.append(array)
    if not hit:
        return None
    share = max(
        float(trail.column(array, "nonfinite_weights")[0]) / max(1, math.prod(trail.arrays[array])) for array in hit
    )
    return Finding(Kind.UNDERFLOW, tuple(hit), {"nonfinite_share": share})


def _frozen(trail: Trail) -> Finding | None:
    letter = _brake(trail)
    if letter is None:
        return None
    hit: dict[str, float] = {}
    for array in trail.arrays:
        last = trail.column(array, f"state/{letter}")[-1]
        infinite = [q for q, value in zip(QUANTILES, last, strict=True) if math.isinf(value)]
        finite = (
            trail.column(array, "nonfinite_weights")[-1] == 0 and trail.column(array, "nonfinite_gradients")[-1] == 0
        )
        if infinite and min(infinite) <= 0.9 and finite:
            hit[array] = 1.0 - min(infinite)
    return Finding(Kind.FROZEN, tuple(hit), {"frozen_share": max(hit.values())}) if hit else None


def _exploding(trail: Trail, how: Ending) -> Finding | None:
    gradient = trail.total("gradient_norm")
    known = gradient[np.isfinite(gradient) & (gradient > 0)]
    end = float(np.median(gradient[-_count(trail) :]))
    grown = end / float(known[0]) if known.size else 0.0
    if how is not Ending.DIVERGED and not (len(trail) >= SHORT and grown >= RUNAWAY):
        return None
    broken = tuple(
        array
        for array in trail.arrays
        if trail.column(array, "nonfinite_weights")[-1] or trail.column(array, "nonfinite_gradients")[-1]
    )
    rows = [
        row
        for row in range(len(trail))
        if any(
            trail.column(array, "nonfinite_weights")[row] or trail.column(array, "nonfinite_gradients")[row]
            for array in trail.arrays
        )
    ]
    if not math.isfinite(grown) and known.size:
        grown = float(known[-1] / known[0])  # by the last gradient that was a number
    evidence = {"gradient_grown": grown}
    if rows:
        evidence["first_bad_step"] = float(trail.steps[rows[0]])
    return Finding(Kind.EXPLODING, broken, evidence)


def _never_started(trail: Trail) -> Finding | None:
    if "swallowed" not in trail.measures:
        return None
    count = _count(trail)
    loss = trail.loss
    if np.isfinite(loss).all():
        first, last = loss[:count], loss[-count:]
        error = math.sqrt((first.var() + last.var()) / count)
        fall = float(first.mean() - last.mean()) - 2 * error
        if fall > HARDLY_FELL * abs(float(loss[:count].mean())):
            return None
    hit: dict[str, float] = {}
    weight, entries = dict.fromkeys(trail.arrays, 0.0), dict.fromkeys(trail.arrays, 0)
    for array, shape in trail.arrays.items():
        gradient, share = trail.column(array, "gradient_norm"), trail.column(array, "swallowed")
        weight[array], entries[array] = np.nan_to_num(_mean(gradient)) ** 2, math.prod(shape)
        least = min(_median(share[:count]), _median(share[-count:]))
        if least >= SWALLOWED and _mean(gradient[-count:]) >= STILL_THERE * _mean(gradient[:count]) > 0:
            hit[array] = least
    carries = any(sum(part[array] for array in hit) >= 0.5 * sum(part.values()) for part in (weight, entries))
    if not hit or not carries:  # the arrays that do walk carry the training
        return None
    return Finding(Kind.NEVER_STARTED, tuple(hit), {"swallowed_share": min(hit.values())})


def _saturated(trail: Trail, known: tuple[str, ...]) -> Finding | None:
    """Saturated states; not of arrays whose start is known to be so large that nothing can be added to it."""
    if "saturated" not in trail.measures:
        return None
    count, rows = _count(trail), len(trail)
    hit: dict[str, float] = {}
    for array in (array for array in trail.arrays if array not in known):
        share = _mean(trail.column(array, "saturated")[-count:])
        gradient = trail.column(array, "gradient_norm")
        middle = _mean(gradient[(rows - count) // 2 : (rows + count) // 2])
        if share >= SATURATED and _mean(gradient[-count:]) > ALIVE * middle:
            hit[array] = share
    return Finding(Kind.SATURATED, tuple(hit), {"saturated_share": max(hit.values())}) if hit else None


def _dead(trail: Trail) -> Finding | None:
    if "unmoved" not in trail.measures:
        return None
    hit: dict[str, float] = {}
    for array in trail.arrays:
        share = trail.column(array, "unmoved")
        known = share[np.isfinite(share)]
        if len(known) < SHORT or known[-1] < DEAD:
            continue
        others = any(trail.column(other, "unmoved")[-1] < 1 for other in trail.arrays)
        if known[len(known) // 2] - known[-1] <= SETTLED * known[-1] and others:
            hit[array] = float(known[-1])
    return Finding(Kind.DEAD_FEATURES, tuple(hit), {"unmoved_share": max(hit.values())}) if hit else None


def _oscillating(trail: Trail) -> Finding | None:
    seen = signs(trail)
    if not (seen.cosine < BOUNCING and seen.gradient > ALIVE):
        return None
    half = len(trail) // 2
    arrays = tuple(array for array in trail.arrays if _mean(trail.column(array, "gradient_cosine")[half:]) < BOUNCING)
    return Finding(Kind.OSCILLATING, arrays, {"gradient_cosine": seen.cosine, "gradient_left": seen.gradient})


def _out_of_step(trail: Trail) -> Finding | None:
    ratios: dict[str, float] = {}
    for array, shape in trail.arrays.items():
        if len(shape) < 2:
            continue
        half = len(trail) // 2
        step, weight = (trail.column(array, name)[half:] for name in ("step_norm", "weight_norm"))
        with np.errstate(all="ignore"):
            ratio = _median(np.where(step > 0, step / weight, np.nan))
        if ratio > 0:
            ratios[array] = ratio
    if len(ratios) < 2:
        return None
    slow, fast = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    if ratios[fast] < SPREAD * ratios[slow]:
        return None
    evidence = {"slowest_ratio": ratios[slow], "fastest_ratio": ratios[fast]}
    return Finding(Kind.OUT_OF_STEP, (slow, fast), evidence)
