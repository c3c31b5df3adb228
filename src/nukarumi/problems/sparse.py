"""Rows in which nearly everything is zero, and a linear model: what texts, clicks and svmlight files have in common."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Params, Score, Split

__all__ = ["Loss", "SparseLinear", "SparseRows"]

Loss: TypeAlias = Literal["hinge", "logistic", "softmax"]


class SparseRows(NamedTuple):
    """Sparse rows one after the other (CSR): row ``i`` has its entries from ``starts[i]`` to ``starts[i + 1]``.

    Parameters
    ----------
    starts
        (rows + 1,), integers that do not fall.
    columns
        Column of every entry; within one row each column at most once.
    values
        Value of every entry, or None where all are 1.

    Examples
    --------
    >>> rows = SparseRows.of([[0, 2], [], [1]])
    >>> rows.starts.tolist(), rows.columns.tolist(), len(rows.row_of_entries())
    ([0, 2, 2, 3], [0, 2, 1], 3)
    """

    starts: Array
    columns: Array
    values: Array | None = None

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> SparseRows:
        """Rows of ones, given as lists of columns."""
        lengths = np.fromiter((len(row) for row in rows), dtype=np.int64, count=len(rows))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        columns = np.fromiter((column for row in rows for column in row), dtype=np.int32, count=int(starts[-1]))
        return cls(starts, columns)

    def row_of_entries(self) -> Array:
        """The row number of every entry."""
        return np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))

    def take(self, rows: Array) -> SparseRows:
        """Some of the rows, in the order asked for."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(starts[-1]) + np.repeat(self.starts[rows] - starts[:-1], lengths)
        return SparseRows(starts, self.columns[places], None if self.values is None else self.values[places])


class SparseLinear:
    r"""A :class:`~nukarumi.problems.base.Problem`: one weight a feature and a bias, learned from sparse rows.

    .. math::
        m = w \cdot x + b, \quad
        L_{hinge} = \max(0, 1 - y m), \quad L_{logistic} = \log(1 + e^{-y m}), \quad y = \pm 1

    Two classes have the parameters ``w``, (features,), and ``b``, (1,); class 0 is y = -1. With ``loss="softmax"`` any
    number of classes has ``W``, (features, classes), and ``b``, (classes,), and the cross entropy. Weights start at 0.

    Parameters
    ----------
    name
        Short, for tables and file names.
    parts
        For "train", "validation" and "test" the rows and the class numbers.
    features
        How many columns there are.
    classes
        What the class numbers mean.
    loss
        "hinge", "logistic" or "softmax".
    batch_size
        Rows a step; 1 is online learning.
    dtype
        float32 or float64.
    epochs, seeds, target_loss
        The problem's defaults, see the boundary.
    about
        What :meth:`describe` adds, such as source and licence.

    Raises
    ------
    BadInput
        For an unknown loss, a loss that does not fit the number of classes, a bad batch size or dtype.

    Examples
    --------
    >>> rows, labels = SparseRows.of([[0, 2], [1], [0]]), np.array([1, 0, 1])
    >>> parts = {"train": (rows, labels), "validation": (rows, labels), "test": (rows, labels)}
    >>> problem = SparseLinear("words", parts, 3, ["bad", "good"])
    >>> params = problem.params(seed=0)
    >>> batch = next(problem.batches(seed=0, epoch=0))
    >>> loss, grads = problem.loss_and_grads(params, batch)
    >>> loss, grads["w"].shape
    (1.0, (3,))
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[Split, tuple[SparseRows, Array]],
        features: int,
        classes: Sequence[str],
        *,
        loss: Loss = "hinge",
        batch_size: int = 1,
        dtype: npt.DTypeLike = np.float32,
        epochs: int = 1,
        seeds: int = 5,
        target_loss: float | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        if loss not in ("hinge", "logistic", "softmax"):
            raise BadInput("loss must be hinge, logistic or softmax", repr(loss), "pass loss='hinge'")
        if loss != "softmax" and len(classes) != 2:
            raise BadInput(f"the {loss} loss takes two classes", f"{len(classes)} classes", "pass loss='softmax'")
        if batch_size < 1:
            raise BadInput("batch_size must be at least 1", batch_size, "pass such as batch_size=1")
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise BadInput("a linear model computes in float32 or float64", self.dtype, "pass dtype='float32'")
        self.name, self.features, self.classes, self.loss = name, int(features), list(classes), loss
        self.batch_size = int(batch_size)
        self.default_epochs, self.default_seeds, self.target_loss = epochs, seeds, target_loss
        self.parts = {
            split: (
                rows._replace(values=None if rows.values is None else rows.values.astype(self.dtype, copy=False)),
                labels.astype(np.intp, copy=False),
            )
            for split, (rows, labels) in parts.items()
        }
        self.batches_per_epoch = math.ceil(len(self.parts["train"][1]) / self.batch_size)
        self.about = dict(about or {})
        self._forget()

    def _forget(self) -> None:
        """Fresh gradient memory; all zero but for the columns in ``_touched``."""
        self._grads = {key: np.zeros_like(array) for key, array in self.params(0).items()}
        self._touched: Array = np.empty(0, dtype=np.intp)

    def __getstate__(self) -> dict[str, Any]:
        """The problem without its gradient memory."""
        return {key: value for key, value in vars(self).items() if key not in ("_grads", "_touched")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._forget()

    def describe(self) -> dict[str, object]:
        """Rows, features, classes, loss, parameters, and what is known about the source."""
        entries = len(self.parts["train"][0].columns)
        return {
            "name": self.name,
            "rows": {split: len(labels) for split, (_, labels) in self.parts.items()},
            "features": self.features,
            "features_per_row": round(entries / len(self.parts["train"][1]), 1),
            "classes": list(self.classes),
            "parameters": sum(array.size for array in self._grads.values()),
            "loss": self.loss,
            "batch_size": self.batch_size,
            "dtype": str(self.dtype),
            **self.about,
        }

    def params(self, seed: int) -> dict[str, Array]:
        """Weights of 0, for every seed: the loss has one valley, and only the order of the rows is left to chance."""
        if self.loss == "softmax":
            shapes: dict[str, tuple[int, ...]] = {"W": (self.features, len(self.classes)), "b": (len(self.classes),)}
        else:
            shapes = {"w": (self.features,), "b": (1,)}
        return {key: np.zeros(shape, dtype=self.dtype) for key, shape in shapes.items()}

    def batches(self, seed: int, epoch: int) -> Iterator[tuple[SparseRows, Array]]:
        """All training rows once, shuffled by ``(seed, epoch)``, in pieces of ``batch_size``."""
        rows, labels = self.parts["train"]
        order = np.random.default_rng([seed, epoch, 1]).permutation(len(labels))
        rows, labels = rows.take(order), labels[order]
        ends = rows.starts.tolist()
        for start in range(0, len(order), self.batch_size):
            stop = min(start + self.batch_size, len(order))
            span = slice(ends[start], ends[stop])
            values = None if rows.values is None else rows.values[span]
            yield SparseRows(rows.starts[start : stop + 1], rows.columns[span], values), labels[start:stop]

    def loss_and_grads(self, params: Params, batch: tuple[SparseRows, Array]) -> tuple[float, dict[str, Array]]:
        """Mean loss of a batch and its gradient, as dense arrays that hold until the next call.

        Only the columns of the batch are written, and only those of the last batch are cleared, so the cost does not
        grow with the number of features.
        """
        rows, labels = batch
        count = len(labels)
        weights = self._grads["W" if self.loss == "softmax" else "w"]
        weights[self._touched] = 0
        self._touched = rows.columns
        entries = None if count == 1 else rows.row_of_entries()
        with np.errstate(all="ignore"):
            margins = self._margins(params, rows, entries, count)
            losses, slopes = self._losses(margins, labels)
            slopes = (slopes / count).astype(self.dtype, copy=False)
            # dL/dw_j is the sum over the rows of slope times x_j.
            if entries is None:
                values = rows.values
                if weights.ndim == 1:
                    weights[rows.columns] = slopes[0] if values is None else values * slopes[0]
                else:
                    weights[rows.columns] = slopes[0] if values is None else np.outer(values, slopes[0])
            else:
                shares = slopes[entries]
                if rows.values is not None:
                    shares = (shares.T * rows.values).T
                np.add.at(weights, rows.columns, shares)
            self._grads["b"][:] = slopes.sum(axis=0)
            loss = float(losses.sum()) / count
        return loss, self._grads.copy()

    def score(self, params: Params, split: Split) -> Score:
        """Mean loss and share of wrong answers on one part."""
        rows, labels = self.parts[split]
        with np.errstate(all="ignore"):
            margins = self._margins(params, rows, rows.row_of_entries(), len(labels))
            losses, _ = self._losses(margins, labels)
            answers = margins.argmax(axis=1) if self.loss == "softmax" else margins > 0
            finite = np.isfinite(margins).all(axis=1) if margins.ndim == 2 else np.isfinite(margins)
            wrong = np.count_nonzero((answers != labels) | ~finite)
        return Score(float(losses.mean()), wrong / len(labels))

    def _margins(self, params: Params, rows: SparseRows, entries: Array | None, count: int) -> Array:
        """(rows,) for two classes, (rows, classes) for softmax; sums are made in float64."""
        weights = params["W" if self.loss == "softmax" else "w"]
        picked = weights[rows.columns]
        if rows.values is not None:
            picked = (picked.T * rows.values).T
        sums: Array
        if entries is None:
            sums = picked.sum(axis=0, dtype=np.float64)[None]
        elif weights.ndim == 1:
            sums = np.bincount(entries, weights=picked, minlength=count)
        else:
            columns = [np.bincount(entries, weights=column, minlength=count) for column in picked.T]
            sums = np.stack(columns, axis=1)
        return sums + params["b"]

    def _losses(self, margins: Array, labels: Array) -> tuple[Array, Array]:
        """The loss of every row and its slope by the margin."""
        if self.loss == "softmax":
            shifted = margins - margins.max(axis=1, keepdims=True)
            log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
            slopes = np.exp(shifted - log_sum)
            rows = np.arange(len(labels))
            slopes[rows, labels] -= 1
            return (log_sum[:, 0] - shifted[rows, labels]), slopes
        y = 2.0 * labels - 1.0
        agreement = y * margins
        if self.loss == "hinge":
            losses = np.maximum(1 - agreement, 0)
            return losses, np.where(agreement >= 1, 0.0, -y)
        return np.logaddexp(0, -agreement), -y * np.exp(-np.logaddexp(0, agreement))
