"""Rows of numbers with a class each, learned by a small network: digits, images and users' own tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Params, Score, Split
from nukarumi.problems.network import SCORE_ROWS, Network

__all__ = ["Classification"]


class Classification:
    """A :class:`~nukarumi.problems.base.Problem`: dense rows, a network ``features-hidden-classes``, shuffled batches.

    Parameters
    ----------
    name
        Short, for tables and file names.
    parts
        For "train", "validation" and "test" the inputs, (rows, features), and the class numbers, (rows,). Inputs of
        uint8 stay as they are in memory and become numbers when a batch is taken.
    classes
        What the class numbers mean.
    hidden
        Units of the hidden layers; ``()`` is softmax regression.
    batch_size
        Rows a step; the last batch of an epoch may be smaller.
    scale
        Inputs are multiplied by it when a batch is taken, such as 1/255 for images.
    dtype
        float32 or float64.
    epochs, seeds, target_loss
        The problem's defaults, see the boundary.
    about
        What :meth:`describe` adds, such as source and licence.

    Raises
    ------
    BadInput
        For a batch size below 1 or a bad layer size or dtype.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0], [1.0], [0.1], [0.9]], dtype=np.float32)
    >>> part = x, np.array([0, 1, 0, 1])
    >>> parts = {"train": part, "validation": part, "test": part}
    >>> problem = Classification("steps", parts, ["low", "high"], hidden=(3,), batch_size=2)
    >>> params = problem.params(seed=1)
    >>> for batch in problem.batches(seed=1, epoch=0):
    ...     loss, grads = problem.loss_and_grads(params, batch)
    >>> sorted(grads)
    ['W1', 'W2', 'b1', 'b2']
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[Split, tuple[Array, Array]],
        classes: Sequence[str],
        *,
        hidden: Sequence[int] = (50,),
        batch_size: int = 32,
        scale: float = 1.0,
        dtype: npt.DTypeLike = np.float32,
        epochs: int = 10,
        seeds: int = 3,
        target_loss: float | None = None,
        about: Mapping[str, object] | None = None,
    ) -> None:
        if batch_size < 1:
            raise BadInput("batch_size must be at least 1", batch_size, "pass such as batch_size=32")
        features = parts["train"][0].shape[1]
        self.name = name
        self.network = Network((features, *hidden, len(classes)), dtype)
        self.classes = list(classes)
        self.batch_size = int(batch_size)
        self.scale = np.asarray(scale, dtype=self.network.dtype)
        self.default_epochs, self.default_seeds, self.target_loss = epochs, seeds, target_loss
        kept = self.network.dtype
        self.parts = {
            split: (
                np.ascontiguousarray(x if x.dtype == np.uint8 else x.astype(kept, copy=False)),
                labels.astype(np.intp, copy=False),
            )
            for split, (x, labels) in parts.items()
        }
        self.batches_per_epoch = math.ceil(len(self.parts["train"][1]) / self.batch_size)
        self.about = dict(about or {})

    def describe(self) -> dict[str, object]:
        """Rows, features, classes, network, parameters, and what is known about the source."""
        return {
            "name": self.name,
            "rows": {split: len(labels) for split, (_, labels) in self.parts.items()},
            "features": self.network.sizes[0],
            "classes": list(self.classes),
            "network": "-".join(map(str, self.network.sizes)),
            "parameters": self.network.parameters,
            "loss": "softmax cross entropy",
            "batch_size": self.batch_size,
            "dtype": str(self.network.dtype),
            **self.about,
        }

    def params(self, seed: int) -> dict[str, Array]:
        """Fresh He weights; equal bits for equal seeds."""
        return self.network.params(seed)

    def batches(self, seed: int, epoch: int) -> Iterator[tuple[Array, Array]]:
        """All training rows once, shuffled by ``(seed, epoch)``, in pieces of ``batch_size``."""
        x, labels = self.parts["train"]
        order = np.random.default_rng([seed, epoch, 1]).permutation(len(labels))
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size]
            yield self._numbers(x.take(rows, axis=0)), labels.take(rows)

    def loss_and_grads(self, params: Params, batch: tuple[Array, Array]) -> tuple[float, dict[str, Array]]:
        """Mean cross entropy of a batch and its gradients; the gradient arrays hold until the next call."""
        return self.network.loss_and_grads(params, *batch)

    def score(self, params: Params, split: Split) -> Score:
        """Mean cross entropy and share of wrong answers on one part."""
        x, labels = self.parts[split]
        total, wrong = 0.0, 0
        for start in range(0, len(labels), SCORE_ROWS):
            piece = self._numbers(x[start : start + SCORE_ROWS])
            loss, errors = self.network.loss_and_errors(params, piece, labels[start : start + SCORE_ROWS])
            total += loss
            wrong += errors
        return Score(total / len(labels), wrong / len(labels))

    def _numbers(self, x: Array) -> Array:
        if x.dtype != np.uint8 and self.scale == 1:
            return x
        scaled: Array = np.multiply(x, self.scale, dtype=self.network.dtype)
        return scaled
