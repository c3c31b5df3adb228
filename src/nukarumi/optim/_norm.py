"""The global norm of all gradients, whose bits depend on the values alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["global_norm"]

_PIECE = 65536


def global_norm(gradients: Iterable[Any]) -> float:
    """The root of the sum of squares of every entry of every gradient.

    Each array is read in C order, whatever its layout, in pieces of 65,536 entries; the squares of a piece are summed
    in double precision, and the pieces' sums exactly (``math.fsum``). So neither the engine nor the number of
    threads nor the order of the arrays nor their memory layout changes a bit.

    Examples
    --------
    >>> global_norm([np.array([3.0]), np.array([[4.0]])])
    5.0
    """
    try:
        return math.sqrt(math.fsum(square for gradient in gradients for square in _squares(np.asarray(gradient))))
    except OverflowError:  # the sum of finite pieces leaves the range of a float
        return math.inf


def _squares(gradient: np.ndarray[Any, Any]) -> Iterator[float]:
    if gradient.size == 0:
        return
    with np.errstate(all="ignore"):
        if gradient.flags.c_contiguous:
            line = gradient.reshape(-1)
            pieces: Any = (line[start : start + _PIECE] for start in range(0, line.size, _PIECE))
        else:
            walk: Any = np.nditer
            flags, one = ["external_loop", "buffered"], [["readonly", "contig"]]
            pieces = walk(gradient, flags=flags, op_flags=one, order="C", buffersize=_PIECE)
        for piece in pieces:
            double = piece.astype(np.float64)
            np.multiply(double, double, out=double)
            yield float(np.add.reduce(double))
