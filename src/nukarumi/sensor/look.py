"""A look at one parameter array around one update, and the reading that is made of it.

A *look* is small whatever the size of the array: exact norms, counts and extremes, and the entries at the fixed
positions of the trail's sample. Each library's adapter takes it in its own tensors, on its own device, even inside a
compiled function; everything that needs the optimizer's rule is then worked out from it here, once, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nukarumi.sensor.dialects import Dialect, grown
from nukarumi.trail.columns import QUANTILES
from nukarumi.trail.reading import Touched, cosine, nonfinite, norm, quantiles, sample

__all__ = [
    "MEASURES",
    "Derived",
    "Look",
    "Memory",
    "Sample",
    "Seen",
    "Subject",
    "cosines",
    "derive",
    "look",
    "look_at_rows",
    "reading",
]

Floats: TypeAlias = NDArray[np.float64]
Sample: TypeAlias = NDArray[np.float32] | NDArray[np.float64]

MEASURES: tuple[str, ...] = ("saturated", "unmoved", "swallowed", "nonfinite_states")
"""The columns that a sensor adds to a trail; ``docs/trail.md`` says what they mean."""

TINY, HUGE = 1e-250, 1e250
"""Between these a sum of squares has lost nothing to the range of float64."""

STUCK = 1e-4
"""A state that forgets is called saturated only if it should change by more than this share of itself, and cannot."""


@dataclass(frozen=True)
class Subject:
    """What is looked at: one parameter array, and how its optimizer treats it.

    Attributes
    ----------
    name, shape
        Of the array.
    dialect
        The optimizer, as one of our rules.
    dtype
        The floating-point type of its states, by name.
    start
        Where the braking state started.
    """

    name: str
    shape: tuple[int, ...]
    dialect: Dialect
    dtype: str
    start: float = 0.0


@dataclass
class Look:
    """The measurements of one update; samples are flat arrays, in float64 or in the array's own type.

    Attributes
    ----------
    norms
        Of gradient, step, and weights after the update.
    nonfinite
        Entries that are NaN or infinite, in gradient, weights and states.
    gradient, before, after
        Samples.
    states
        A sample of each state, after the update.
    ends
        The least and the largest entry of each state.
    whole
        States in full, for a rate that hangs on more than one.
    rate
        The effective learning rate in full, where the optimizer itself can say it.
    rows
        Of a table whose gradient comes by rows: that gradient. Norms, states and rates are then those of the touched
        rows, while ``gradient``, ``before`` and ``after`` are samples of the whole table.
    pushed
        The gradient entries that belong to the samples of the states; None if ``gradient`` does.
    """

    norms: tuple[float, float, float]
    nonfinite: tuple[int, int, int]
    gradient: Sample
    before: Sample
    after: Sample
    states: dict[str, Sample] = field(default_factory=dict)
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    rate: Any = None
    rows: Touched | None = None
    pushed: Sample | None = None

    @property
    def lasts(self) -> bool:
        """Whether it stays as it is while the training goes on, and is small: it holds nothing but samples."""
        return self.rate is None and not self.whole

    @property
    def drive(self) -> Sample:
        """The gradient entries that belong to the samples of the states."""
        return self.gradient if self.pushed is None else self.pushed

    @property
    def remembered(self) -> Sample | Touched:
        """What of the gradient the next reading looks back at."""
        return self.gradient if self.rows is None else self.rows


class Memory:
    """What is remembered about one array from one reading to the next."""

    __slots__ = ("gradient", "moved", "step", "still", "weights")

    def __init__(self) -> None:
        self.moved: NDArray[np.bool_] | None = None
        self.still = -1
        self.weights: Sample | None = None
        self.gradient: Sample | Touched | None = None
        self.step = -1

    def see(self, before: Sample, after: Sample) -> float:
        """Note what has moved, since the last look and in this update; give the share that never has."""
        if self.still:  # what has once moved is of no more interest
            moved = after != before
            if self.moved is not None:
                moved |= self.moved
                moved |= before != self.weights
            self.moved, self.still = moved, moved.size - int(np.count_nonzero(moved))
        self.weights = after
        return self.still / after.size if after.size else float("nan")


def look(
    before: ArrayLike,
    after: ArrayLike,
    gradient: ArrayLike,
    states: Mapping[str, Any],
    whole: tuple[str, ...] = (),
    rate: Any = None,
) -> Look:
    """Take a look at NumPy arrays.

    Parameters
    ----------
    before, after, gradient
        The parameter before and after the update, and its gradient.
    states
        The states after it, by letter.
    whole
        The letters of the states that are to be kept in full.
    rate
        The effective learning rate of each entry, if it is known.

    Examples
    --------
    >>> look([1.0, 1.0], [0.9, 1.0], [3.0, 4.0], {"h": [9.0, 16.0]}).ends
    {'h': (9.0, 16.0)}
    """
    norms = norm(gradient), norm(after, minus=before), norm(after)
    ends = {letter: _ends(state) for letter, state in states.items()}
    broken = sum(nonfinite(states[letter], sum(map(abs, ends[letter]))) for letter in ends)
    return Look(
        norms,
        (nonfinite(gradient, norms[0]), nonfinite(after, norms[2]), broken),
        sample(gradient),
        sample(before),
        sample(after),
        {letter: sample(state) for letter, state in states.items()},
        ends,
        {letter: np.asarray(states[letter]) for letter in whole},
        rate,
    )


def look_at_rows(
    before: tuple[NDArray[Any], Sample], after: NDArray[Any], given: Touched, states: Mapping[str, NDArray[Any]]
) -> Look:
    """Take a look at a table of which an update has touched some rows; the others are not read but for the sample.

    Parameters
    ----------
    before
        The touched rows before the update, and the sample of the whole table.
    after
        The table after it.
    given
        The gradient.
    states
        The states after it, by letter: with an entry for each of the table's, or one for each row.
    """
    moved = after[given.rows]
    norms = norm(given.values), norm(moved, minus=before[0]), norm(moved)
    own = {letter: state[given.rows] for letter, state in states.items()}
    ends = {letter: _ends(state) for letter, state in own.items()}
    broken = sum(nonfinite(own[letter], sum(map(abs, ends[letter]))) for letter in ends)
    return Look(
        norms,
        (nonfinite(given.values, norms[0]), nonfinite(moved, norms[2]), broken),
        given.sample(after.size),
        before[1],
        sample(after),
        {letter: sample(state) for letter, state in own.items()},
        ends,
        rows=given,
        pushed=sample(given.values),
    )


def _ends(array: ArrayLike) -> tuple[float, float]:
    entries = np.asarray(array)
    if not entries.size:
        return float("nan"), float("nan")
    with np.errstate(invalid="ignore"):
        return float(entries.min()), float(entries.max())


@dataclass
class Derived:
    """What is worked out from a look: quantiles of the rate and of each state, the share of stuck states, and the
    swallowed share."""

    rate: Floats
    stuck: float = float("nan")
    swallowed: float = float("nan")
    states: dict[str, Floats] = field(default_factory=dict)


Seen: TypeAlias = tuple[Subject, Look, Mapping[str, float]]


def derive(looks: Sequence[Seen]) -> list[Derived]:
    """Work out what hangs on the rule, for all arrays of one row, or of several rows at once.

    Arrays with the same rule are strung together, so that the rule is asked once for all of them. Settings that differ
    from row to row (t, a learning rate with a schedule) may differ within a string too, but not those that the braking
    state is made with.
    """
    out = [Derived(np.full(len(QUANTILES), np.nan)) for _ in looks]
    strings: dict[Any, list[int]] = {}
    steady: dict[Any, Floats] = {}
    for k, (subject, seen, settings) in enumerate(looks):
        which = subject.dialect
        if seen.rate is not None:
            out[k].rate = quantiles(seen.rate)
        elif not which.rate_states:
            given = id(which), *settings.values()
            if given not in steady:
                steady[given] = np.full(len(QUANTILES), float(which.rate({}, settings)))
            out[k].rate = steady[given]
        elif len(which.rate_states) > 1 and seen.whole:
            out[k].rate = quantiles(which.rate(seen.whole, settings))
        if not seen.states:
            continue
        if not _is_plain(subject, seen):
            _derive_odd(looks[k], out[k])
            continue
        made_with = [settings[name] for name in which.renewed[1] if name in settings] if which.brake else []
        key = id(which), subject.dtype, subject.start, tuple(seen.states), *made_with
        strings.setdefault(key, []).append(k)
    for members in strings.values():
        members.sort(key=lambda k: looks[k][1].drive.size)  # what is of one size is sorted in one go
        _derive([looks[k] for k in members], [out[k] for k in members])
    return out


def _is_plain(subject: Subject, seen: Look) -> bool:
    """Whether each entry has a state of its own, all is finite, and no brake is below 0."""
    size, finite = seen.drive.size, math.isfinite(seen.norms[0])
    for letter, state in seen.states.items():
        low, high = seen.ends[letter]
        finite &= math.isfinite(low + high) and state.size == size and (low >= 0.0 or letter != subject.dialect.brake)
    return finite and size > 0


@lru_cache(maxsize=64)
def _places(sizes: tuple[int, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp], Floats]:
    """Where the quantiles of sorted samples lie that are strung together: the entries below and above each, and how far
    it is from the lower."""
    counts = np.array(sizes, np.intp)[:, None]
    first = np.cumsum(counts, axis=0) - counts
    where: Floats = np.asarray(QUANTILES) * (counts - 1)
    low: NDArray[np.intp] = where.astype(np.intp)
    return first + low, first + np.minimum(low + 1, counts - 1), where - low


def _sort(line: NDArray[Any], sizes: tuple[int, ...]) -> None:
    """Sort each sample of a string in place; those of one size lie side by side."""
    start = 0
    for size, same in groupby(sizes):
        stop = start + size * len(list(same))
        line[start:stop].reshape(-1, size).sort(axis=1)
        start = stop


def _merged(which: Dialect, looks: Sequence[Seen]) -> dict[str, Any]:
    """The settings of many looks in the rule's own sense: a number where they agree, else a column of numbers."""
    meant: dict[int, dict[str, float]] = {}
    for _, _, settings in looks:
        if id(settings) not in meant:
            meant[id(settings)] = which.meant(settings)
    if len(meant) == 1:
        return next(iter(meant.values()))
    rows = [meant[id(settings)] for _, _, settings in looks]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return {
        name: column[0] if column.count(column[0]) == len(column) else np.array(column)[:, None]
        for name, column in columns.items()
    }


def _between(below: Floats, above: Floats, weight: Floats) -> Floats:
    return np.where((weight == 0.0) | (below == above), below, below * (1 - weight) + above * weight)


def _derive(looks: Sequence[Seen], out: Sequence[Derived]) -> None:
    """For arrays of one rule and one set of settings, all of them plain.

    The states are sorted once. A brake's rate falls as it grows, and the share that is swallowed falls with it: so both
    have their quantiles where the state has its own, in the opposite order, and the rule is asked about those alone.
    """
    subject, _, settings = looks[0]
    which, brake = subject.dialect, subject.dialect.brake or ""
    sizes = tuple(seen.drive.size for _, seen, _ in looks)
    low, high, weight = _places(sizes)
    coarse = np.float64 if subject.dtype == "float64" else np.float32  # sorted in half the time, and nothing is lost
    states, ordered = {}, {}
    for letter in looks[0][1].states:
        states[letter] = np.concatenate([seen.states[letter] for _, seen, _ in looks])
        ordered[letter] = line = np.array(states[letter], coarse)
        _sort(line, sizes)
        made = _between(line[low].astype(np.float64), line[high].astype(np.float64), weight)
        made[:, 0], made[:, -1] = zip(*(seen.ends[letter] for _, seen, _ in looks), strict=True)
        for one, row in zip(out, made, strict=True):
            one.states[letter] = row
    if brake not in states:
        return
    gradient = np.concatenate([seen.drive for _, seen, _ in looks])
    has = gradient != 0.0
    starts = np.cumsum((0, *sizes[:-1]))
    counts = np.add.reduceat(has, starts, dtype=np.intp)
    stuck = has & _stuck(subject, states, gradient, settings)
    shares = np.add.reduceat(stuck, starts, dtype=np.intp) / np.where(counts, counts, np.nan)
    for one, share in zip(out, shares.tolist(), strict=True):
        one.stuck = share
    if which.rate_states != (brake,):
        return
    line = ordered[brake]
    some = line
    if not has.all():  # the middle of those that have a gradient
        some = np.where(has, states[brake], np.inf).astype(coarse)
        _sort(some, sizes)
    middle = (starts + np.maximum(counts - 1, 0) // 2)[:, None], (starts + counts // 2)[:, None]
    ends = np.array([seen.ends[brake] for _, seen, _ in looks])
    last = len(QUANTILES)
    asked = np.concatenate([line[low], line[high], some[middle[0]], some[middle[1]], ends], axis=1, dtype=np.float64)
    given = _merged(which, looks)
    rates = which.rate_of({brake: asked}, given)
    made = _between(rates[:, :last], rates[:, last : 2 * last], weight)[:, ::-1]
    made[:, 0], made[:, -1] = rates[:, -1], rates[:, -2]
    halves = slice(2 * last, -2)
    shares = which.swallowed_of({brake: asked[:, halves]}, given, subject.start, rates[:, halves])
    shares = np.where(counts, shares.sum(axis=1) / 2, np.nan)
    for one, (_, seen, _), row, share in zip(out, looks, made, shares.tolist(), strict=True):
        if seen.rate is None:
            one.rate = row
        one.swallowed = share


def _derive_odd(look: Seen, out: Derived) -> None:
    """The same for one array with entries that are not finite, or one state for many entries: entry by entry."""
    subject, seen, settings = look
    which, brake = subject.dialect, subject.dialect.brake or ""
    for letter, state in seen.states.items():
        out.states[letter] = _with_ends(quantiles(state), seen.ends[letter])
    fits = all(state.size == seen.drive.size for state in seen.states.values())  # not one brake for many entries
    if brake not in seen.states or not fits or not seen.drive.size:
        return
    states, gradient = seen.states, seen.drive
    has = np.isfinite(gradient) & (gradient != 0.0)
    asked = has & np.isfinite(states[brake])
    stuck = asked & _stuck(subject, states, gradient, settings)
    count = np.count_nonzero(asked)
    out.stuck = np.count_nonzero(stuck) / count if count else float("nan")
    if which.rate_states != (brake,):
        return
    every = which.rate({brake: np.append(states[brake], seen.ends[brake])}, settings)
    rates, edge = every[:-2], every[-2:]
    shares = which.swallowed({brake: states[brake]}, settings, subject.start, rates)
    if seen.rate is None:
        out.rate = _with_ends(quantiles(rates), (float(edge.min()), float(edge.max())))
    share = np.sort(shares[has])  # NaN sorts to the end
    known = share.size - int(np.count_nonzero(np.isnan(share)))
    out.swallowed = float(share[(known - 1) // 2] + share[known // 2]) / 2 if known else float("nan")


def _stuck(
    subject: Subject, states: Mapping[str, Sample], gradient: Sample, settings: Mapping[str, float]
) -> NDArray[np.bool_]:
    """Which braking states should change for a gradient like this one, and cannot."""
    which = subject.dialect
    state = states[which.brake or ""]
    stuck: NDArray[np.bool_] = grown(which, states, gradient, settings, subject.dtype) == state
    if not which.sums and stuck.any():
        exact = grown(which, states, gradient, settings, "float64")
        with np.errstate(all="ignore"):
            stuck &= np.abs(exact / state - 1.0) > STUCK
    return stuck


def reading(
    subject: Subject, seen: Look, derived: Derived, memory: Memory, *, letters: Sequence[str], small: int
) -> dict[str, Any]:
    """Make the trail's columns of a look, but for the cosine.

    Parameters
    ----------
    subject
        What was looked at.
    seen
        The look.
    derived
        What `derive` has made of it.
    memory
        What is remembered about this array; what has moved is brought up to date.
    letters
        The states that the trail has columns for.
    small
        Arrays with at most this many entries are kept whole.

    Returns
    -------
    dict
        Column name to number or array, as `nukarumi.trail.Trail.append` takes it.
    """
    out: dict[str, Any] = dict(zip(("gradient_norm", "step_norm", "weight_norm"), seen.norms, strict=True))
    out["nonfinite_gradients"], out["nonfinite_weights"] = seen.nonfinite[:2]
    out["nonfinite_states"] = float(seen.nonfinite[2])
    out["effective_lr"] = derived.rate
    states = {letter: state for letter, state in seen.states.items() if letter in letters}
    for letter in states:
        out[f"state/{letter}"] = derived.states[letter]
    out["unmoved"] = memory.see(seen.before, seen.after)
    out["saturated"], out["swallowed"] = derived.stuck, derived.swallowed
    if seen.gradient.size and math.prod(subject.shape) <= small:
        with np.errstate(invalid="ignore"):
            step = seen.after.astype(np.float64) - seen.before
        values = {"w": seen.after, "g": seen.gradient, "step": step, **states}
        out |= {
            f"value/{name}": value.reshape(subject.shape) for name, value in values.items() if value.size == step.size
        }
    return out


def cosines(pairs: Sequence[tuple[Sample, Sample]]) -> list[float]:
    """Compute the cosine of each pair of samples; NaN where one has no length or is not finite.

    Examples
    --------
    >>> cosines([(np.array([3.0, 4.0]), np.array([6.0, 8.0])), (np.array([3.0]), np.array([0.0]))])
    [1.0, nan]
    """
    out = [float("nan")] * len(pairs)
    filled = [k for k, (one, _) in enumerate(pairs) if one.size]
    if not filled:
        return out
    one, other = (np.concatenate([pairs[k][side] for k in filled], dtype=np.float64) for side in (0, 1))
    starts = np.cumsum([0, *(pairs[k][0].size for k in filled[:-1])])
    with np.errstate(all="ignore"):
        sums = [np.add.reduceat(product, starts) for product in (one * other, one * one, other * other)]
        sound = (sums[1] > TINY) & (sums[1] < HUGE) & (sums[2] > TINY) & (sums[2] < HUGE)
        found = np.clip(sums[0] / (np.sqrt(sums[1]) * np.sqrt(sums[2])), -1.0, 1.0)
    for k, value, fine in zip(filled, found.tolist(), sound.tolist(), strict=True):
        out[k] = value if fine else cosine(*(np.asarray(part, np.float64) for part in pairs[k]))
    return out


def _with_ends(inner: Floats, ends: tuple[float, float]) -> Floats:
    if not (np.isnan(ends[0]) or np.isnan(ends[1])):
        inner[0], inner[-1] = ends
    return inner
