"""What can be raced on: anything that gives weights, batches, gradients and a score. The whole boundary is here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy.typing as npt

__all__ = ["Array", "Batch", "Params", "Problem", "Score", "Split"]

Array: TypeAlias = npt.NDArray[Any]
Params: TypeAlias = Mapping[str, Array]
Split: TypeAlias = Literal["train", "validation", "test"]

Batch: TypeAlias = Any
"""What ``batches`` of a problem yields and ``loss_and_grads`` of the same problem takes; nobody else looks inside."""


class Score(NamedTuple):
    """How good some weights are on one part of the data.

    Parameters
    ----------
    loss
        Mean loss per row; may be inf or nan for weights that diverged.
    error
        Share of wrong answers, 0 to 1. A row whose answer is not a number counts as wrong.
    """

    loss: float
    error: float


@runtime_checkable
class Problem(Protocol):
    """A training problem, the same for every optimizer: all randomness comes from the seed that is handed in.

    A problem can be pickled, so that it can be sent to a worker process. One object serves one thread at a time.
    """

    name: str
    """Short, for tables and file names."""
    batches_per_epoch: int
    """How many batches ``batches`` yields."""
    default_epochs: int
    """Epochs that tell optimizers apart without waiting for the last digit."""
    default_seeds: int
    """Seeds over which a result is steady enough to print."""
    target_loss: float | None
    """Mean training loss that counts as reached, for steps-to-target; None where no such number is known."""

    def describe(self) -> dict[str, object]:
        """Rows, features, classes, parameters, source and licence, in plain JSON types."""
        ...

    def params(self, seed: int) -> dict[str, Array]:
        """Fresh initial weights; equal bits for equal seeds, and never the same memory twice."""
        ...

    def batches(self, seed: int, epoch: int) -> Iterator[Batch]:
        """The batches of one epoch (counted from 0), in an order that only ``seed`` and ``epoch`` decide."""
        ...

    def loss_and_grads(self, params: Params, batch: Batch) -> tuple[float, dict[str, Array]]:
        """Mean loss of a batch and its gradient by each parameter; ``params`` stay as they are.

        The gradient arrays belong to the problem and hold until the next call: copy what has to last. Weights that
        have diverged give an inf or nan loss, without a warning.
        """
        ...

    def score(self, params: Params, split: Split) -> Score:
        """Mean loss and share of wrong answers on the whole of one part of the data."""
        ...
