"""Measuring one parameter array: exact norms and counts, and quantiles from a fixed sample.

Sums run over blocks in float64 with NumPy's pairwise addition and never through BLAS, so that a reading does not depend
on the number of threads. Quantiles of an array with more than `SAMPLE` entries come from `SAMPLE` positions that
are spread by the golden ratio: always the same ones for a size, and never in step with rows or columns. The minimum and
maximum are exact.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nukarumi.trail.columns import QUANTILES

__all__ = [
    "SAMPLE",
    "Touched",
    "aligned",
    "cosine",
    "nonfinite",
    "norm",
    "positions",
    "quantiles",
    "read_array",
    "sample",
    "touched",
]

SAMPLE = 1024
"""At most this many entries of an array go into its inner quantiles."""

BLOCK = 1 << 16
GOLDEN = 0.6180339887498949
Floats = NDArray[np.float64]


@lru_cache(maxsize=256)
def positions(size: int) -> NDArray[np.intp]:
    """Give the positions of the fixed sample in an array of this size, in C order; all when there are few."""
    if size <= SAMPLE:
        return np.arange(size, dtype=np.intp)
    fractions = (np.arange(SAMPLE, dtype=np.float64) * GOLDEN) % 1.0
    return np.unique((fractions * size).astype(np.intp))


def _flat(array: ArrayLike) -> NDArray[Any]:
    """Give the entries in C order, as a view where the layout allows it."""
    return np.asarray(array).reshape(-1)


def sample(array: ArrayLike) -> Floats:
    """Give the fixed sample of an array's entries in float64; all of them when there are at most `SAMPLE`."""
    entries = np.asarray(array)
    if entries.size <= SAMPLE:
        return entries.reshape(-1).astype(np.float64)
    where = positions(entries.size)
    if entries.flags.c_contiguous:
        return entries.reshape(-1)[where].astype(np.float64)
    return entries[np.unravel_index(where, entries.shape)].astype(np.float64)


def norm(array: ArrayLike, minus: ArrayLike | None = None) -> float:
    """Compute the Euclidean norm of an array, or of a difference, in float64 and without overflow.

    .. math:: \\sqrt{\\sum_i (a_i - b_i)^2}

    Examples
    --------
    >>> norm([0.0, 1e200])
    1e+200
    >>> norm([4.0, 5.0], minus=[1.0, 1.0])
    5.0
    """
    with np.errstate(all="ignore"):
        total = _sum_of_squares(_flat(array), None if minus is None else _flat(minus), 1.0)
        if 1e-280 < total < np.inf or np.isnan(total):
            return float(np.sqrt(total))
        difference = _flat(array).astype(np.float64)
        if minus is not None:
            difference -= _flat(minus)
        peak = float(np.max(np.abs(difference), initial=0.0))
        if peak == 0.0 or not np.isfinite(peak):
            return peak
        return peak * float(np.sqrt(_sum_of_squares(difference, None, peak)))


def _sum_of_squares(entries: NDArray[Any], minus: NDArray[Any] | None, scale: float) -> float:
    total = 0.0
    for start in range(0, entries.size, BLOCK):
        part = entries[start : start + BLOCK].astype(np.float64)
        if minus is not None:
            part -= minus[start : start + BLOCK]
        if scale != 1.0:
            part /= scale
        total += float(np.add.reduce(np.square(part, out=part)))
    return total


def quantiles(array: ArrayLike) -> Floats:
    """Compute the seven `QUANTILES` of an array; NaN entries are left out, and all are NaN when nothing is left.

    Between two entries the quantile is interpolated linearly, as `numpy.quantile` does by default.

    Examples
    --------
    >>> quantiles([0.0, 10.0, 20.0, 30.0, 40.0]).tolist()
    [0.0, 4.0, 10.0, 20.0, 30.0, 36.0, 40.0]
    """
    entries = np.asarray(array)
    if entries.size == 0:
        return np.full(len(QUANTILES), np.nan)
    picked = np.sort(sample(entries))  # NaN sorts to the end
    count = int(np.searchsorted(picked, np.nan)) if np.isnan(picked[-1]) else picked.size
    if count == 0:
        inner = np.full(len(QUANTILES), np.nan)
    else:
        where = np.asarray(QUANTILES) * (count - 1)
        low = where.astype(np.intp)
        high = np.minimum(low + 1, count - 1)
        weight = where - low
        below, above = picked[low], picked[high]
        with np.errstate(invalid="ignore"):  # halves of the smallest numbers would round to 0
            inner = np.where((weight == 0.0) | (below == above), below, below * (1 - weight) + above * weight)
    if entries.size > SAMPLE:
        inner[0], inner[-1] = np.fmin.reduce(entries, axis=None), np.fmax.reduce(entries, axis=None)
    return inner


@dataclass(frozen=True)
class Touched:
    """A gradient that touches few rows, brought together: each row once, in ascending order, its values summed.

    Attributes
    ----------
    rows
        Shape (n,).
    values
        Shape (n, entries of a row), in float64.
    """

    rows: NDArray[np.intp]
    values: Floats

    def sample(self, size: int) -> Floats:
        """Give what `sample` would give of the gradient written out, for a parameter of ``size`` entries."""
        where = positions(size)
        out = np.zeros(len(where))
        if len(self.rows) and self.values.size:
            wanted, entry = np.divmod(where, self.values.shape[1])
            place = np.minimum(np.searchsorted(self.rows, wanted), len(self.rows) - 1)
            there = self.rows[place] == wanted
            out[there] = self.values[place[there], entry[there]]
        return out


def touched(gradient: Any, shape: tuple[int, ...]) -> Touched | None:
    """Bring a gradient by rows together, for a parameter of this shape; None for any other gradient.

    A gradient by rows is whatever has ``indices`` and ``values``, as `nukarumi.Rows` has. One that does not fit its
    parameter, which an optimizer refuses, gives None too.

    Examples
    --------
    >>> class Rows:
    ...     indices, values = np.array([7, 3, 7]), np.array([[1.0], [2.0], [3.0]])
    >>> found = touched(Rows, (10, 1))
    >>> found.rows.tolist(), found.values.ravel().tolist()
    ([3, 7], [2.0, 4.0])
    """
    if not (hasattr(gradient, "indices") and hasattr(gradient, "values")) or not shape:
        return None
    indices, values = np.asarray(gradient.indices), np.asarray(gradient.values)
    if values.shape != (len(indices), *shape[1:]):
        return None
    if len(indices) and not 0 <= indices.min() <= indices.max() < shape[0]:
        return None
    rows, place = np.unique(indices, return_inverse=True)
    flat = values.reshape(len(indices), math.prod(shape[1:])).astype(np.float64)
    if len(rows) < len(indices):
        order = np.argsort(place, kind="stable")
        starts = np.searchsorted(place[order], np.arange(len(rows)))
        with np.errstate(all="ignore"):
            flat = np.add.reduceat(flat[order], starts, axis=0)
    else:
        flat = flat[np.argsort(indices, kind="stable")]
    return Touched(rows.astype(np.intp), flat)


def aligned(one: Any, other: Any) -> tuple[Floats, Floats] | None:
    """Lay two samples, or two gradients by rows, side by side; None where that cannot be done."""
    if isinstance(one, Touched) and isinstance(other, Touched):
        if one.values.shape[1] != other.values.shape[1]:
            return None
        rows = np.union1d(one.rows, other.rows)
        pair = []
        for given in (one, other):
            whole = np.zeros((len(rows), given.values.shape[1]))
            whole[np.searchsorted(rows, given.rows)] = given.values
            pair.append(whole.reshape(-1))
        return pair[0], pair[1]
    if isinstance(one, Touched) or isinstance(other, Touched) or one.shape != other.shape:
        return None
    return one, other


def cosine(one: Floats, other: Floats) -> float:
    """Compute the cosine of the angle between two samples; NaN when one has no length or is not finite."""
    lengths = norm(one), norm(other)
    if not (0.0 < lengths[0] < np.inf and 0.0 < lengths[1] < np.inf):
        return float("nan")
    return float(np.clip(np.add.reduce((one / lengths[0]) * (other / lengths[1])), -1.0, 1.0))


def nonfinite(entries: ArrayLike, length: float) -> int:
    """Count the entries that are NaN or infinite; a finite norm says that there are none."""
    array = np.asarray(entries)
    return 0 if np.isfinite(length) else int(array.size - np.count_nonzero(np.isfinite(array)))


def read_array(
    before: ArrayLike,
    after: ArrayLike,
    gradient: ArrayLike,
    states: Mapping[str, ArrayLike] | None = None,
    effective_lr: ArrayLike | None = None,
    *,
    values: bool = False,
) -> dict[str, Any]:
    """Measure one parameter array around one update.

    Parameters
    ----------
    before, after, gradient
        The parameter before and after the update, and its gradient; one shape.
    states
        The optimizer's state arrays after the update, by name.
    effective_lr
        The learning rate that each entry really got.
    values
        Also keep the arrays themselves.

    Returns
    -------
    dict
        Column name to number or array, as `Trail.append` takes it.

    Examples
    --------
    >>> reading = read_array([1.0, 1.0], [0.9, 1.0], [3.0, 4.0], {"h": [9.0, 16.0]}, [0.03, 0.02])
    >>> reading["gradient_norm"], round(reading["step_norm"], 3), reading["state/h"][0]
    (5.0, 0.1, np.float64(9.0))
    """
    states = {} if states is None else states
    reading: dict[str, Any] = {
        "gradient_norm": norm(gradient),
        "step_norm": norm(after, minus=before),
        "weight_norm": norm(after),
    }
    reading["nonfinite_gradients"] = nonfinite(gradient, reading["gradient_norm"])
    reading["nonfinite_weights"] = nonfinite(after, reading["weight_norm"])
    if effective_lr is not None:
        reading["effective_lr"] = quantiles(effective_lr)
    for name, state in states.items():
        reading[f"state/{name}"] = quantiles(state)
    if values:
        reading["value/w"] = np.asarray(after, np.float64)
        reading["value/g"] = np.asarray(gradient, np.float64)
        with np.errstate(invalid="ignore"):
            reading["value/step"] = reading["value/w"] - np.asarray(before, np.float64)
        for name, state in states.items():
            reading[f"value/{name}"] = np.asarray(state, np.float64)
    return reading
