"""The losses of many examples at once, and their slopes: the same functions as one example's, in a compiled loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukarumi.linear import losses, machine

__all__ = ["slopes"]

Floats = NDArray[np.float64]


def slopes(loss: str, at: float, scores: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """The loss of every example and output, and its slope by the score.

    Parameters
    ----------
    loss
        A name of `nukarumi.linear.losses.LOSSES`, or "softmax".
    at
        The loss's parameter.
    scores
        (rows, outputs).
    targets
        (outputs, rows): +1 and -1, or numbers; for softmax (1, rows), the number of the class.

    Returns
    -------
    values, slopes
        Both (rows, outputs); for softmax the values are (rows, 1).

    Examples
    --------
    >>> values, by_score = slopes("hinge", 0.0, np.array([[0.25], [2.0]]), np.array([[1.0, 1.0]]))
    >>> values.tolist(), by_score.tolist()
    ([[0.75], [0.0]], [[-1.0], [0.0]])
    """
    if loss == "softmax":
        mine, likely = targets[0].astype(np.intp), losses.softmax(scores)
        likely[np.arange(len(scores)), mine] -= 1.0
        return losses.softmax_losses(scores, mine)[:, None], likely
    p, y = np.ascontiguousarray(scores, np.float64), np.ascontiguousarray(targets.T, np.float64)
    value, slope = np.empty(p.shape), np.empty(p.shape)
    _loop(loss)(p.size, *(array.ctypes.data for array in (p, y)), at, value.ctypes.data, slope.ctypes.data)
    return value, slope


@cache
def _loop(loss: str) -> Callable[..., int]:
    def inputs() -> dict[str, Any]:
        from numba import njit  # noqa: PLC0415

        made = njit(error_model="numpy")
        return {"value": made(losses.LOSSES[loss].value), "slope": made(losses.LOSSES[loss].slope)}

    text = """def loop(n, p_at, y_at, at, value_at, slope_at):
    for i in range(n):
        value_at[i] = value(p_at[i], y_at[i], at)
        slope_at[i] = slope(p_at[i], y_at[i], at)
    return 0
"""
    kinds = ("int64", "float64*", "float64*", "float64", "float64*", "float64*")
    return machine.native(f"slopes-{loss}", text, kinds, inputs, (Path(losses.__file__),))
