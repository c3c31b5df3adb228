"""A look at one parameter array around one update, and the reading that is made of it.

A *look* is small whatever the size of the array: exact norms, counts and extremes, and the entries at the fixed
positions of the trail's sample. Each library's adapter takes it in its own tensors, on its own device, even inside a
compiled function; everything that needs the optimizer's rule is then worked out from it here, once, in float64.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nukarumi.sensor.dialects import Dialect, grown
from nukarumi.trail.columns import QUANTILES
from nukarumi.trail.reading import cosine, nonfinite, norm, quantiles, sample

__all__ = ["MEASURES", "Derived", "Look", "Memory", "Seen", "Subject", "derive", "look", "reading"]

Floats: TypeAlias = NDArray[np.float64]

MEASURES: tuple[str, ...] = ("saturated", "unmoved", "swallowed", "nonfinite_states")
"""The columns that a sensor adds to a trail; ``docs/trail.md`` says what they mean."""

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
    """The measurements of one update; samples are flat float64 arrays.

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
    """

    norms: tuple[float, float, float]
    nonfinite: tuple[int, int, int]
    gradient: Floats
    before: Floats
    after: Floats
    states: dict[str, Floats] = field(default_factory=dict)
    ends: dict[str, tuple[float, float]] = field(default_factory=dict)
    whole: dict[str, Any] = field(default_factory=dict)
    rate: Any = None


class Memory:
    """What is remembered about one array from one reading to the next."""

    __slots__ = ("gradient", "moved", "step", "weights")

    def __init__(self, size: int) -> None:
        self.moved = np.zeros(size, np.bool_)
        self.weights: Floats | None = None
        self.gradient: Floats | None = None
        self.step = -1

    def see(self, before: Floats, after: Floats) -> float:
        """Note what has moved, since the last look and in this update; give the share that never has."""
        with np.errstate(invalid="ignore"):
            if self.weights is not None:
                self.moved |= before != self.weights
            self.moved |= after != before
        self.weights = after
        return float(np.count_nonzero(~self.moved)) / self.moved.size if self.moved.size else float("nan")


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


def _ends(array: ArrayLike) -> tuple[float, float]:
    entries = np.asarray(array)
    if not entries.size:
        return float("nan"), float("nan")
    with np.errstate(invalid="ignore"):
        return float(entries.min()), float(entries.max())


@dataclass
class Derived:
    """What the rule makes of a look: quantiles of the rate, the share of stuck states, and the swallowed share."""

    rate: Floats
    stuck: float
    swallowed: float


Seen: TypeAlias = tuple[Subject, Look, Mapping[str, float]]


def derive(looks: Sequence[Seen]) -> list[Derived]:
    """Work out what hangs on the rule, for all arrays of one row.

    Arrays with the same rule and settings are strung together, so that the rule is asked once for all of them.
    """
    out = [Derived(np.full(len(QUANTILES), np.nan), float("nan"), float("nan")) for _ in looks]
    strings: dict[Any, list[int]] = {}
    for k, (subject, seen, settings) in enumerate(looks):
        which = subject.dialect
        if seen.rate is not None:
            out[k].rate = quantiles(seen.rate)
        elif not which.rate_states:
            out[k].rate = np.full(len(QUANTILES), float(which.rate({}, settings)))
        elif len(which.rate_states) > 1 and seen.whole:
            out[k].rate = quantiles(which.rate(seen.whole, settings))
        fits = all(state.size == seen.gradient.size for state in seen.states.values())  # not one brake for many entries
        if which.brake in seen.states and fits and seen.gradient.size:
            key = which, subject.dtype, subject.start, tuple(settings.items())
            strings.setdefault(key, []).append(k)
    for members in strings.values():
        _derive([looks[k] for k in members], [out[k] for k in members])
    return out


def _derive(looks: Sequence[Seen], out: Sequence[Derived]) -> None:
    """The same for arrays of one rule and one set of settings."""
    subject, first, settings = looks[0]
    which, brake = subject.dialect, subject.dialect.brake or ""
    states = {letter: np.concatenate([seen.states[letter] for _, seen, _ in looks]) for letter in first.states}
    gradient = np.concatenate([seen.gradient for _, seen, _ in looks])
    cuts = np.cumsum([0, *(seen.gradient.size for _, seen, _ in looks)])
    spans = [slice(cuts[k], cuts[k + 1]) for k in range(len(looks))]
    has = np.isfinite(gradient) & (gradient != 0.0)
    asked = has & np.isfinite(states[brake])
    stuck = asked & _stuck(subject, states, gradient, settings)
    for span, made in zip(spans, out, strict=True):
        count = np.count_nonzero(asked[span])
        made.stuck = np.count_nonzero(stuck[span]) / count if count else float("nan")
    if which.rate_states != (brake,):
        return
    # The rate falls as the one brake grows, so its ends are at the ends of the state.
    ends = [seen.ends[brake] for _, seen, _ in looks]
    every = which.rate({brake: np.concatenate([states[brake], np.ravel(ends)])}, settings)
    rates, edges = every[: gradient.size], every[gradient.size :].reshape(-1, 2)
    shares = which.swallowed({brake: states[brake]}, settings, subject.start, rates)
    for span, edge, made, (_, seen, _) in zip(spans, edges, out, looks, strict=True):
        if seen.rate is None:
            made.rate = _with_ends(quantiles(rates[span]), (float(edge.min()), float(edge.max())))
        share = np.sort(shares[span][has[span]])  # NaN sorts to the end
        known = share.size - int(np.count_nonzero(np.isnan(share)))
        made.swallowed = float(share[(known - 1) // 2] + share[known // 2]) / 2 if known else float("nan")


def _stuck(
    subject: Subject, states: Mapping[str, Floats], gradient: Floats, settings: Mapping[str, float]
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


def reading(subject: Subject, seen: Look, derived: Derived, memory: Memory, *, small: int) -> dict[str, Any]:
    """Make the trail's columns of a look.

    Parameters
    ----------
    subject
        What was looked at.
    seen
        The look.
    derived
        What `derive` has made of it.
    memory
        What is remembered about this array; it is brought up to date, but for the gradient.
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
    for letter, state in seen.states.items():
        out[f"state/{letter}"] = _with_ends(quantiles(state), seen.ends[letter])
    out["unmoved"] = memory.see(seen.before, seen.after)
    out["saturated"], out["swallowed"] = derived.stuck, derived.swallowed
    if seen.gradient.size and math.prod(subject.shape) <= small:
        with np.errstate(invalid="ignore"):
            step = seen.after - seen.before
        values = {"w": seen.after, "g": seen.gradient, "step": step, **seen.states}
        out |= {
            f"value/{name}": value.reshape(subject.shape) for name, value in values.items() if value.size == step.size
        }
    if memory.gradient is not None:
        out["gradient_cosine"] = cosine(seen.gradient, memory.gradient)
    return out


def _with_ends(inner: Floats, ends: tuple[float, float]) -> Floats:
    if not (np.isnan(ends[0]) or np.isnan(ends[1])):
        inner[0], inner[-1] = ends
    return inner
