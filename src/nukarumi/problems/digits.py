"""Real handwritten digits, 8 x 8 pixels: small enough to train eight optimizers while you watch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from nukarumi.problems.base import Split
from nukarumi.problems.classify import Classification
from nukarumi.problems.split import stratified

__all__ = ["digits"]


def digits(*, hidden: Sequence[int] = (50,), batch_size: int = 32, dtype: npt.DTypeLike = np.float32) -> Classification:
    """1797 digits written by 13 people, each an 8 x 8 picture of ink from 0 to 1, and a 64-50-10 network.

    The rows are split once and for all into 1259 to train on, 269 to choose the learning rate and 269 to judge, with
    the same mix of digits in each.

    Parameters
    ----------
    hidden
        Units of the hidden layers.
    batch_size
        Rows a step.
    dtype
        float32 or float64.

    Raises
    ------
    BadInput
        For a bad layer size, batch size or dtype.

    Examples
    --------
    >>> problem = digits()
    >>> problem.describe()["network"]
    '64-50-10'
    >>> round(problem.score(problem.params(seed=0), "test").error, 1)
    0.9

    References
    ----------
    Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository, 1998; the copy in
    scikit-learn is the test part of that set.
    """
    from sklearn.datasets import load_digits  # noqa: PLC0415

    data = load_digits()
    labels = data.target
    x = data.data / 16.0
    splits: tuple[Split, ...] = ("train", "validation", "test")
    parts = {split: (x[rows], labels[rows]) for split, rows in zip(splits, stratified(labels), strict=True)}
    return Classification(
        "digits",
        parts,
        [str(digit) for digit in range(10)],
        hidden=hidden,
        batch_size=batch_size,
        dtype=dtype,
        epochs=10,
        seeds=5,
        target_loss=0.1,
        about={
            "source": "Optical recognition of handwritten digits (Alpaydin and Kaynak 1998), from scikit-learn",
            "licence": "CC BY 4.0",
        },
    )
