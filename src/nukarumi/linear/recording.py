"""A trail of a linear model: one row for an epoch, for a call of ``partial_fit``, or for a block of a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from nukarumi import rules
from nukarumi.linear.learner import Floats, Learner
from nukarumi.linear.slopes import slopes
from nukarumi.optim._rate import rate_function
from nukarumi.optim.engine.recipe import recipe
from nukarumi.trail import SMALL, Trail, read_array

if TYPE_CHECKING:
    from nukarumi.linear.base import LinearModel

__all__ = ["new_trail", "recorded", "widened"]


def new_trail(model: LinearModel) -> Trail:
    """An empty trail that says where it comes from."""
    return Trail(
        states=("h",), small=SMALL, meta={"optimizer": "Adagrad", "model": type(model).__name__, "loss": model.loss}
    )


def widened(trail: Trail, name: str, shape: tuple[int, ...]) -> Trail:
    """The same trail for an array that has got more columns; what is kept whole holds NaN where nothing was yet.

    Examples
    --------
    >>> trail = Trail({"coef": (1, 1)})
    >>> trail.append(1, 0.5, {"coef": {"value/w": [[2.0]], "weight_norm": 2.0}})
    >>> wide = widened(trail, "coef", (1, 2))
    >>> wide.column("coef", "value/w").tolist(), wide.column("coef", "weight_norm").tolist()
    ([[[2.0, nan]]], [2.0])
    >>> widened(wide, "coef", (1, 99)).columns("coef") == Trail({"coef": (1, 99)}).columns("coef")
    True
    """
    arrays = {**trail.arrays, name: shape}
    names = ("states", "measures", "capacity", "every", "small", "meta")
    wide = Trail(arrays, **{key: getattr(trail, key) for key in names})
    columns: dict[str, dict[str, Any]] = {array: {} for array in arrays}
    for array, of in columns.items():
        for key in wide.columns(array):
            of[key] = old = trail.column(array, key)
            room = wide.column(array, key).shape[1:]
            if old.shape[1:] != room:
                of[key] = np.full((len(trail), *room), np.nan)
                of[key][(slice(None), *map(slice, old.shape[1:]))] = old
    wide.restore(trail.steps, trail.loss, columns)
    return wide


@contextmanager
def recorded(model: LinearModel, X: Any, targets: Floats, weight: Floats) -> Iterator[None]:
    """Record what happens inside as one row of ``model.trail_``: the step is the number of examples learnt from.

    The loss and the gradient are those of the mean over these rows at the weights before.
    """
    learner = model._learner
    before = _arrays(learner)
    scores = model._raw(X)
    loss, by_score = _slopes(learner, scores, targets, weight)
    grads = {"coef": np.asarray((X.T @ by_score).T), "intercept": by_score.sum(axis=0)}
    yield
    trail, after = model.trail_, _arrays(learner)
    if learner.t == (trail.steps[-1] if len(trail) else 0):
        return
    rate, names = rate_function(recipe(rules.adagrad), ("h",), "g")
    readings: dict[str, dict[str, Any]] = {}
    for name, span in (("coef", slice(1, learner.features + 1)), ("intercept", 0)):
        h = learner.letter("h")[:, span]
        effective = rate(h, *(learner.settings[setting] for setting in names))
        shape = after[name].shape
        if trail.arrays.get(name, shape) != shape:
            trail = model.trail_ = widened(trail, name, shape)
        trail.add_array(name, shape)
        readings[name] = read_array(
            before[name], after[name], grads[name], {"h": h}, effective, values=after[name].size <= trail.small
        )
    trail.append(learner.t, loss, readings)


def _arrays(learner: Learner) -> dict[str, Floats]:
    coefficients, intercepts = learner.weights()
    return {"coef": coefficients, "intercept": intercepts}


def _slopes(learner: Learner, scores: Floats, targets: Floats, weight: Floats) -> tuple[float, Floats]:
    """The mean loss, and the slopes of its terms by score, (rows, outputs)."""
    share = weight / weight.sum() if weight.any() else weight
    values, each = slopes(learner.loss, learner.at, scores, targets)
    return float((values.T @ share).mean()), each * share[:, None]
