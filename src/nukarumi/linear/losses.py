"""The losses of a linear model, each stated once as two plain functions: its value and its slope.

A loss compares a score ``p`` (what the model says) with a target ``y``: +1 or -1 for classes, a number for
regression. The slope is the derivative with respect to ``p``. Written for one example at a time, with branches; the
compiled loops are made from these same functions, so both give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from math import exp, log1p
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "LOSSES", "NUMBERS", "Loss", "sigmoid", "softmax", "softmax_losses"]


def hinge(p: float, y: float, at: float) -> float:
    return 1.0 - y * p if y * p < 1.0 else 0.0


def hinge_slope(p: float, y: float, at: float) -> float:
    return -y if y * p < 1.0 else 0.0


def squared_hinge(p: float, y: float, at: float) -> float:
    return (1.0 - y * p) * (1.0 - y * p) if y * p < 1.0 else 0.0


def squared_hinge_slope(p: float, y: float, at: float) -> float:
    return -2.0 * y * (1.0 - y * p) if y * p < 1.0 else 0.0


def log_loss(p: float, y: float, at: float) -> float:
    return log1p(exp(-y * p)) if y * p > 0.0 else log1p(exp(y * p)) - y * p


def log_loss_slope(p: float, y: float, at: float) -> float:
    # Only ever exp of a number <= 0, which cannot overflow; 1 / (1 + exp(z)) in two forms.
    tail = exp(-abs(p))
    top = -y * tail if y * p > 0.0 else -y  # a choice of two numbers, which the processor need not guess
    return top / (1.0 + tail)


def modified_huber(p: float, y: float, at: float) -> float:
    if y * p >= 1.0:
        return 0.0
    return (1.0 - y * p) * (1.0 - y * p) if y * p >= -1.0 else -4.0 * y * p


def modified_huber_slope(p: float, y: float, at: float) -> float:
    if y * p >= 1.0:
        return 0.0
    return -2.0 * y * (1.0 - y * p) if y * p >= -1.0 else -4.0 * y


def squared_error(p: float, y: float, at: float) -> float:
    return 0.5 * (p - y) * (p - y)


def squared_error_slope(p: float, y: float, at: float) -> float:
    return p - y


def huber(p: float, y: float, at: float) -> float:
    return 0.5 * (p - y) * (p - y) if abs(p - y) <= at else at * (abs(p - y) - 0.5 * at)


def huber_slope(p: float, y: float, at: float) -> float:
    if abs(p - y) <= at:
        return p - y
    return at if p > y else -at


def epsilon_insensitive(p: float, y: float, at: float) -> float:
    return abs(p - y) - at if abs(p - y) > at else 0.0


def epsilon_insensitive_slope(p: float, y: float, at: float) -> float:
    if abs(p - y) <= at:
        return 0.0
    return 1.0 if p > y else -1.0


def quantile(p: float, y: float, at: float) -> float:
    return at * (y - p) if y > p else (1.0 - at) * (p - y)


def quantile_slope(p: float, y: float, at: float) -> float:
    if p == y:
        return 0.0
    return -at if y > p else 1.0 - at


class Loss(NamedTuple):
    """A loss: its value and its slope as functions of the score, the target and the parameter ``at``."""

    value: Callable[[float, float, float], float]
    slope: Callable[[float, float, float], float]


LOSSES = {
    "hinge": Loss(hinge, hinge_slope),
    "squared_hinge": Loss(squared_hinge, squared_hinge_slope),
    "log_loss": Loss(log_loss, log_loss_slope),
    "modified_huber": Loss(modified_huber, modified_huber_slope),
    "squared_error": Loss(squared_error, squared_error_slope),
    "huber": Loss(huber, huber_slope),
    "epsilon_insensitive": Loss(epsilon_insensitive, epsilon_insensitive_slope),
    "quantile": Loss(quantile, quantile_slope),
}
"""Every loss by its name; the compiled loops know it by its place in this order."""

CLASSES = ("hinge", "squared_hinge", "log_loss", "modified_huber")
"""The losses for classes, with targets +1 and -1."""

NUMBERS = ("squared_error", "huber", "epsilon_insensitive", "quantile")
"""The losses for numbers; ``at`` is the bend of Huber's, the width of the insensitive tube, or the quantile."""


def sigmoid(scores: NDArray[Any]) -> NDArray[np.float64]:
    """The probability that a logistic score stands for: ``1 / (1 + exp(-p))``."""
    tail = np.exp(-np.abs(scores))
    return np.asarray(np.where(scores >= 0, 1.0, tail) / (1.0 + tail), np.float64)


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    """The probabilities that the scores of several classes stand for, (rows, classes)."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def softmax_losses(scores: NDArray[Any], mine: NDArray[np.intp]) -> NDArray[np.float64]:
    """``-log(softmax(scores))`` of every example's own class, (rows,), also where that probability rounds to 0.

    Examples
    --------
    >>> softmax_losses(np.array([[0.0, 800.0]]), np.array([0])).tolist()
    [800.0]
    """
    largest = scores.max(axis=1)
    whole = np.exp(scores - largest[:, None]).sum(axis=1)
    return np.asarray(np.log(whole) + (largest - scores[np.arange(len(scores)), mine]), np.float64)
