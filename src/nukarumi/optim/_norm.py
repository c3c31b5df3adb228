"""The global norm of all gradients, whose bits depend on the values alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

__all__ = ["global_norm"]

_PIECE = 65536
_SMALL = 2.0**-540


def global_norm(gradients: Iterable[Any]) -> float:
    """The root of the sum of squares of every entry of every gradient.

    Each array is read in C order, whatever its layout, in pieces of 65,536 entries; the squares of a piece are summed
    in double precision, and the pieces' sums exactly (``math.fsum``). So neither the engine nor the number of
    threads nor the order of the arrays nor their memory layout changes a bit. Squares beyond the range of a double
    are summed once more from gradients scaled down by a power of two.

    Examples
    --------
    >>> global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    >>> global_norm([np.array([3 * 2.0**600, 4 * 2.0**600])]) == 5 * 2.0**600
    True
    """
    arrays = [np.asarray(gradient) for gradient in gradients]
    norm = _root(arrays, 1.0)
    return norm if norm < math.inf else _root(arrays, _SMALL) / _SMALL


def _root(arrays: Sequence[np.ndarray[Any, Any]], scale: float) -> float:
    try:
        return math.sqrt(math.fsum(square for array in arrays for square in _squares(array, scale)))
    except OverflowError:  # the sum of finite pieces leaves the range of a float
        return math.inf


def _squares(gradient: np.ndarray[Any, Any], scale: float) -> Iterator[float]:
    """The sum of squares of each piece."""
    with np.errstate(all="ignore"):
        for piece in _pieces(gradient):
            double = piece.astype(np.float64)
            np.multiply(double, scale, out=double)
            np.multiply(double, double, out=double)
            yield float(np.add.reduce(double))


def _pieces(gradient: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The entries in C order, ``_PIECE`` at a time, whatever the layout."""
    if gradient.flags.c_contiguous:
        line = gradient.reshape(-1)
        for start in range(0, line.size, _PIECE):
            yield line[start : start + _PIECE]
        return
    # nditer brings strided entries into order, but ends its pieces where it likes: they are joined and cut anew.
    walk: Any = np.nditer
    flags, one = ["external_loop", "buffered", "zerosize_ok"], [["readonly", "contig"]]
    whole, filled = np.empty(min(_PIECE, gradient.size), gradient.dtype), 0
    for piece in walk(gradient, flags=flags, op_flags=one, order="C", buffersize=_PIECE):
        start = 0
        while start < piece.size:
            taken = min(piece.size - start, whole.size - filled)
            whole[filled : filled + taken] = piece[start : start + taken]
            start, filled = start + taken, filled + taken
            if filled == whole.size:
                yield whole
                filled = 0
    if filled:
        yield whole[:filled]
