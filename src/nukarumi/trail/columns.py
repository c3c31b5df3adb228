"""Which columns a parameter array has in a trail: name, width, kind; nothing else knows them by heart.

Every array has the scalar columns. The quantile columns hold seven numbers a row. Small arrays (terrains, biases) also
have value columns that hold the array itself. A trail may have further *measures*, one float a row: the sensor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COUNTS", "QUANTILES", "SCALARS", "SMALL", "column_shapes", "empty_column"]

QUANTILES: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""The quantiles of a quantile column, in order. The first and the last are the exact minimum and maximum."""

SMALL = 16
"""Arrays with at most this many entries are recorded whole, unless a trail says otherwise."""

SCALARS: tuple[str, ...] = ("gradient_norm", "step_norm", "weight_norm", "gradient_cosine")
"""One float a row: Euclidean norms, and the cosine between this gradient and that of the update before."""

COUNTS: tuple[str, ...] = ("nonfinite_gradients", "nonfinite_weights")
"""One integer a row: how many entries are NaN or infinite."""


def column_shapes(
    shape: Sequence[int], states: Sequence[str], small: int, measures: Sequence[str] = ()
) -> dict[str, tuple[int, ...]]:
    """Give the shape of one row of every column that an array of this shape has.

    Parameters
    ----------
    shape
        The array's shape.
    states
        The names of the optimizer's state arrays, such as ``("m", "v")``.
    small
        Arrays with at most this many entries get ``value/...`` columns.
    measures
        The names of further scalar columns, such as ``("saturated",)``.

    Examples
    --------
    >>> column_shapes((2,), ("h",), 16)["value/h"]
    (2,)
    >>> "value/w" in column_shapes((100,), ("h",), 16)
    False
    """
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys((*SCALARS, *COUNTS, *measures), ())
    for name in ("effective_lr", *(f"state/{state}" for state in states)):
        shapes[name] = (len(QUANTILES),)
    if int(np.prod(shape, dtype=np.int64)) <= small:
        for name in ("w", "g", "step", *states):
            shapes[f"value/{name}"] = tuple(shape)
    return shapes


def empty_column(name: str, shape: tuple[int, ...], rows: int) -> NDArray[Any]:
    """Make a column in which nothing is known yet: NaN for measurements, 0 for counts."""
    if name in COUNTS:
        return np.zeros((rows, *shape), np.int64)
    return np.full((rows, *shape), np.nan)
