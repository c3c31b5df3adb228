"""What a trail shows: findings, each decided from the trail alone, each with its evidence.

As in `ending`, a walk is compared with itself wherever that is possible; *end* means the last tenth of the rows, at
least four. The measures that only a sensor's trail has (``saturated``, ``unmoved``, ``swallowed``) are used where they
are; without them the findings that need them are not made.

- **underflow**: weights or state are not finite in the first row although the gradient was, and the state is float16.
- **frozen**: at the end the braking state is infinite in a tenth of the entries of an array or more.
- **uphill**: over the last rows the median of an array's effective learning rate is below 0 while the array moves; and
  the loss, where known, has not fallen beyond its noise. Not where the loss is to grow (``maximize`` in the meta).
- **exploding**: the last row holds numbers that are not finite; the gradient norm ended at 1,000 times that of the
  first row, and the loss, where known, not below its own; or the loss diverged (`ending`) and something grew with it
  tenfold: the loss itself, the gradient or the weights. A loss that climbs alone may have an adversary.
- **arrived**, **exhausted**: as `ending` decides. But a schedule is no brake: it is not *exhausted* without a braking
  state, nor where over the second half the median rate has fallen by more than this state can explain. (No rule brakes
  faster than in proportion to its state, so rate times state does not fall, a tenth allowed.)
- **never started**: from the first rows to the end, eps and the start of the state have taken 9 tenths of the step or
  more in arrays that hold half of the entries or of the gradient, whose gradient norm ended at 7 tenths of its start or
  above; and the loss, where known, fell by less than a tenth of itself, beyond its noise.
- **too timid**: over 100 updates or more nothing has changed under the walker, in arrays that hold more than half of
  the entries (of those that did not start at 0, and are not held still while others walk). For each of these the
  gradients show a slope (their mean cosine is above 0.02 and above 4 times its standard error); the part of the
  gradient that points somewhere, G sqrt(cosine), has kept between 3 quarters and one and a half of its size from the
  first third of the rows to the last; and all steps laid end to end are less than a twentieth of the weights' norm. The
  loss, where known, fell in a straight line over the way gone (from its second to its last third at least half as far
  as before, noise allowed), by less than a quarter of itself. Where lr is right, the slope changes, in a short training
  too: in 50 healthy ones the pointing part fell to 54 % or below, and the steps add up to 40 % of the weights or more.
  It is not said while the steps for the same gradient still grow (warm-up: 1.5 times from the middle third to the
  last), nor where a brake is the cause (exhausted, never started); but without a loss, a walk that was timid from the
  start is not called exhausted.
- **saturated**: half of the state entries that should grow at the end cannot, and the gradient has not died down: it is
  above a tenth of what it was in the middle.
- **dead features**: 15 % of an array's entries or more have never moved, and the share fell by less than 2 % of it in
  the second half, while other entries did move; or all of an array's gradients at the end are exactly 0, although it
  had some before and other arrays still have.
- **oscillating**: in the last half the mean cosine between successive gradients is below -0.5, and the gradient is
  above a hundredth of its peak.
- **out of step**: among matrices, the median ratio of step to weight in the last half differs by a factor of 1,000, in
  rows with a gradient. Not said of an exhausted walk, whose steps are gone; where it is said, too timid is not.

Where nothing was really tried (never started, too timid), nothing is said of dead features; nor of arrays that are held
still, by a rate of 0 throughout.

A walk of fewer than 8 rows can only be exploding, uphill, frozen or in underflow.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi.sensor.ending import SHORT, Ending, broken, ending, fall, loss_of, norms, signs
from nukarumi.sensor.ending import mean_of as _mean
from nukarumi.sensor.findings import Finding, Kind
from nukarumi.trail import QUANTILES, Trail

__all__ = ["diagnose"]

Floats: TypeAlias = NDArray[np.float64]

RUNAWAY = 1000.0
GROWN = 10.0
FAINT = 0.02
FEW = 4
LONG = 100
KEPT = 0.75, 1.5
TIMID = 0.05
BENT = 0.5
FELL = 0.25
WARMING = 1.5
SWALLOWED = 0.9
STILL_THERE = 0.7
HARDLY_FELL = 0.1
SATURATED = 0.5
ALIVE = 0.1
BARELY = 0.01
DEAD = 0.15
SETTLED = 0.02
BOUNCING = -0.5
SPREAD = 1000.0
STEADY = 0.9


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
        If the trail is empty, or no array was watched.

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
    if how is Ending.EXHAUSTED and _scheduled(trail):
        how = Ending.STILL_WALKING
    underflow = _underflow(trail)
    if underflow:
        return [underflow]
    found = [finding for finding in (_frozen(trail), _uphill(trail), _exploding(trail, how)) if finding]
    if found or len(trail) < SHORT:
        return found + ([Finding(Kind.ARRIVED)] if how is Ending.ARRIVED and not found else [])
    seen = signs(trail)
    never = _never_started(trail)
    if how is Ending.ARRIVED and not never:
        found.append(Finding(Kind.ARRIVED, (), {"gradient_left": seen.gradient, "gradient_cosine": seen.cosine}))
    timid = None if never or how is Ending.ARRIVED else _too_timid(trail, how)
    if how is Ending.EXHAUSTED and not timid:
        evidence = {"gradient_left": seen.gradient, "brake": seen.brake, "pace": seen.pace}
        found.append(Finding(Kind.EXHAUSTED, (), evidence))
    if never:
        found.append(never)
    apart = None if never or how is Ending.EXHAUSTED else _out_of_step(trail)
    if timid and not apart:
        found.append(timid)
    if how is not Ending.ARRIVED:
        found += [
            finding for finding in (_saturated(trail, never.arrays if never else ()), _oscillating(trail)) if finding
        ]
    dead = None if never or timid else _dead(trail)
    return found + [finding for finding in (dead, apart) if finding]


def _count(trail: Trail) -> int:
    return max(min(4, len(trail)), len(trail) // 10)


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


def _scheduled(trail: Trail) -> bool:
    """Whether the steps have gone because lr has, and not by a brake; False where the trail cannot tell."""
    letter, count, middle = _brake(trail), _count(trail), QUANTILES.index(0.5)
    if letter is None:
        return "brake" in trail.meta
    now, then = slice(-count, None), slice((len(trail) - count) // 2, (len(trail) + count) // 2)
    kept: dict[str, float] = {}
    for array in trail.arrays:
        rate, state = (trail.column(array, name)[:, middle] for name in ("effective_lr", f"state/{letter}"))
        with np.errstate(all="ignore"):
            ratio = _median(rate[now]) * _median(state[now]) / (_median(rate[then]) * _median(state[then]))
        if math.isfinite(ratio):
            kept[array] = ratio
    sizes = {array: math.prod(trail.arrays[array]) for array in kept}
    fallen = sum(size for array, size in sizes.items() if kept[array] < STEADY)
    return fallen > 0.5 * sum(sizes.values())


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
        if infinite and min(infinite) <= 0.9 and not broken(trail, array)[-1]:
            hit[array] = 1.0 - min(infinite)
    return Finding(Kind.FROZEN, tuple(hit), {"frozen_share": max(hit.values())}) if hit else None


def _exploding(trail: Trail, how: Ending) -> Finding | None:
    gradient, count = norms(trail, "gradient_norm"), _count(trail)
    known = gradient[np.isfinite(gradient) & (gradient > 0)]
    bad = {array: broken(trail, array) for array in trail.arrays}
    hit = tuple(array for array, rows in bad.items() if rows[-1])
    grown = 0.0
    if known.size:  # where the end is broken, by the last gradient that was a number
        grown = float((known[-1] if hit else _median(gradient[-count:])) / known[0])
    loss = loss_of(trail)
    weights = norms(trail, "weight_norm")
    wider = _median(weights[-count:]) > GROWN * weights[0] > 0
    higher = _median(loss[-count:]) - loss[0] > GROWN * abs(loss[0])
    runs_away = len(trail) >= SHORT and grown >= RUNAWAY and not _median(loss[-count:]) < loss[0]
    climbs = how is Ending.DIVERGED and (wider or higher or grown >= GROWN)
    lost = not math.isfinite(loss[-1]) and bool(np.isfinite(loss).any())
    if not (hit or lost or runs_away or climbs):
        return None
    evidence = {"gradient_grown": grown}
    rows = np.any(list(bad.values()), axis=0)
    if rows.any():
        evidence["first_bad_step"] = float(trail.steps[np.argmax(rows)])
    return Finding(Kind.EXPLODING, hit, evidence)


def _never_started(trail: Trail) -> Finding | None:
    if "swallowed" not in trail.measures:
        return None
    count = _count(trail)
    loss = loss_of(trail)
    if np.isfinite(loss).all():
        first, last = loss[:count], loss[-count:]
        if fall(first, last) > HARDLY_FELL * abs(float(first.mean())):
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


def _uphill(trail: Trail) -> Finding | None:
    if trail.meta.get("maximize"):
        return None
    count, middle = _count(trail), QUANTILES.index(0.5)
    hit: dict[str, float] = {}
    for array in trail.arrays:
        moved = trail.column(array, "step_norm")[-count:] > 0
        rate = _median(trail.column(array, "effective_lr")[-count:, middle][moved])
        if rate < 0:
            hit[array] = rate
    loss = loss_of(trail)
    falls = bool(np.isfinite(loss).all()) and len(loss) > count and fall(loss[:count], loss[-count:]) > 0
    if not hit or (falls and len(hit) == len(trail.arrays)):  # the gradient is given with its sign turned
        return None
    return Finding(Kind.UPHILL, tuple(hit), {"effective_lr": min(hit.values())})


def _too_timid(trail: Trail, how: Ending) -> Finding | None:
    loss = loss_of(trail)
    known = bool(np.isfinite(loss).all())
    if trail.steps[-1] - trail.steps[0] < LONG or (how is Ending.EXHAUSTED and known):
        return None
    hit: dict[str, dict[str, float]] = {}
    entries: dict[str, int] = {}
    led = [array for array in trail.arrays if not _held_still(trail, array)] or list(trail.arrays)
    new = [array for array in led if _started_at_0(trail, array)]
    for array in led:
        if array not in new or len(new) == len(led):
            shape = trail.arrays[array]
            entries[array] = math.prod(shape)
            seen = _timid_array(trail, array, array in new)
            if seen:
                hit[array] = seen
    if sum(entries[array] for array in hit) <= 0.5 * sum(entries.values()):
        return None
    if known and not _straight(loss, np.cumsum(_way(trail, norms(trail, "step_norm")))):
        return None
    evidence = {
        name: extreme(seen[name] for seen in hit.values())
        for name, extreme in (("gradient_kept", min), ("gradient_cosine", min), ("weights_moved", max))
        if all(name in seen for seen in hit.values())
    }
    return Finding(Kind.TOO_TIMID, tuple(hit) if len(hit) < len(entries) else (), evidence)


def _held_still(trail: Trail, array: str) -> bool:
    """Whether the rate of an array is 0 throughout."""
    rate = trail.column(array, "effective_lr")[:, QUANTILES.index(0.5)]
    known = rate[np.isfinite(rate)]
    return known.size > 0 and not known.any()


def _started_at_0(trail: Trail, array: str) -> bool:
    weight, step = (trail.column(array, name) for name in ("weight_norm", "step_norm"))
    first = int(np.argmax(np.isfinite(step)))
    return bool(weight[first] <= 2 * step[first])  # the weights are those after the step


def _way(trail: Trail, step: Floats) -> Floats:
    """The way gone from each row to the next, had all its steps been as long as that of the row."""
    return np.nan_to_num(step) * np.diff(trail.steps, append=trail.steps[-1] + 1)


def _timid_array(trail: Trail, array: str, from_0: bool) -> dict[str, float] | None:
    """The evidence that nothing has changed along the slope of one array, and that it has hardly moved."""
    names = ("gradient_norm", "gradient_cosine", "step_norm", "weight_norm")
    gradient, cosines, step, weight = (trail.column(array, name) for name in names)
    known = cosines[np.isfinite(cosines)]
    if len(known) < SHORT:
        return None
    cosine = float(known.mean())
    if cosine <= max(FAINT, 4 * float(known.std(ddof=1)) / math.sqrt(len(known))):
        return None
    part = max(FEW, len(trail) // 3)
    began, ended = (
        _mean(gradient[end]) * math.sqrt(max(0.0, np.nan_to_num(_mean(cosines[end]))))
        for end in (slice(None, part), slice(len(trail) - part, None))
    )
    way = float(_way(trail, step).sum())
    moved = 0.0 if from_0 else way / float(weight[np.isfinite(weight)][0])
    if not KEPT[0] * began <= ended <= KEPT[1] * began or moved >= TIMID:
        return None
    if _still_growing(gradient, step, part):
        return None
    evidence = {"gradient_kept": ended / began, "gradient_cosine": cosine}
    return evidence if from_0 else evidence | {"weights_moved": moved}


def _still_growing(gradient: Floats, step: Floats, part: int) -> bool:
    with np.errstate(all="ignore"):
        rate = step / gradient
    middle = (len(rate) - part) // 2
    return _median(rate[-part:]) > WARMING * _median(rate[middle : middle + part])


def _straight(loss: Floats, way: Floats) -> bool:
    """Whether the loss fell evenly over the way gone, as far as its noise lets one see, and by less than a quarter."""
    if way[-1] == 0:
        way = np.arange(1.0, len(way) + 1)
    cuts = np.searchsorted(way, [way[-1] / 3, 2 * way[-1] / 3])
    thirds = [third for third in np.split(loss, cuts) if third.size]
    if len(thirds) < 3:
        return False
    means = [float(third.mean()) for third in thirds]
    error = math.sqrt(sum(third.var() / third.size for third in thirds))
    early, late = means[0] - means[1], means[1] - means[2]
    return late + 3 * error >= BENT * early and early + late - 3 * error <= FELL * abs(means[0])


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
    hit: dict[str, float] = {}
    for array in trail.arrays if "unmoved" in trail.measures else ():
        share = trail.column(array, "unmoved")
        known = share[np.isfinite(share)]
        if len(known) < SHORT or known[-1] < DEAD or _held_still(trail, array):
            continue
        others = any(trail.column(other, "unmoved")[-1] < 1 for other in trail.arrays)
        if known[len(known) // 2] - known[-1] <= SETTLED * known[-1] and others:
            hit[array] = float(known[-1])
    gone = _without_gradient(trail)
    evidence = ({"unmoved_share": max(hit.values())} if hit else {}) | (
        {"arrays_without_gradient": len(gone)} if gone else {}
    )
    arrays = tuple(array for array in trail.arrays if array in hit or array in gone)
    return Finding(Kind.DEAD_FEATURES, arrays, evidence) if arrays else None


def _without_gradient(trail: Trail) -> set[str]:
    """The arrays that had a gradient, and at the end have one of exactly 0, while others still have one."""
    count = _count(trail)
    ends = {array: trail.column(array, "gradient_norm")[-count:] for array in trail.arrays}
    if not any((end > 0).any() for end in ends.values()):
        return set()
    return {
        array for array, end in ends.items() if (end == 0).all() and (trail.column(array, "gradient_norm") > 0).any()
    }


def _oscillating(trail: Trail) -> Finding | None:
    seen = signs(trail)
    if not (seen.cosine < BOUNCING and seen.gradient > BARELY):
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
        names = ("gradient_norm", "step_norm", "weight_norm")
        gradient, step, weight = (trail.column(array, name)[half:] for name in names)
        with np.errstate(all="ignore"):
            ratio = _median(np.where((step > 0) & (gradient > 0), step / weight, np.nan))
        if ratio > 0:
            ratios[array] = ratio
    if len(ratios) < 2:
        return None
    slow, fast = min(ratios, key=ratios.__getitem__), max(ratios, key=ratios.__getitem__)
    if ratios[fast] < SPREAD * ratios[slow]:
        return None
    evidence = {"slowest_ratio": ratios[slow], "fastest_ratio": ratios[fast]}
    return Finding(Kind.OUT_OF_STEP, (slow, fast), evidence)
