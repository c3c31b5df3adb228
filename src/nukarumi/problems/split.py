"""Three parts with the same mix of classes: rows to learn from, rows to choose the rate by, rows to judge by."""

from __future__ import annotations

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array

__all__ = ["FRACTIONS", "stratified"]

FRACTIONS = (0.70, 0.15, 0.15)
"""Shares of the rows for training, validation and test, where the data do not bring their own parts."""


def stratified(
    labels: Array, fractions: tuple[float, ...] = FRACTIONS, seed: int = 0, where: str = "the data"
) -> list[Array]:
    """Deal the rows of every class to the parts, in the shares that ``fractions`` gives; equal for equal seeds.

    Parameters
    ----------
    labels
        Class numbers, (rows,).
    fractions
        Share of each part; the first part also gets what rounding leaves, so that no class is missing in training.
    seed
        Decides which rows go where.
    where
        What an error calls these rows.

    Returns
    -------
    parts
        One sorted array of row numbers for each fraction; every row is in exactly one part.

    Raises
    ------
    BadInput
        If there are so few rows that a part would be empty.

    Examples
    --------
    >>> import numpy as np
    >>> train, validation, test = stratified(np.array([0, 1] * 10))
    >>> len(train), len(validation), len(test)
    (14, 3, 3)
    """
    rng = np.random.default_rng([seed, 0])
    parts: list[list[Array]] = [[] for _ in fractions]
    carried = np.zeros(len(fractions))
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        start = 0
        for part in range(len(fractions) - 1, 0, -1):
            # What rounding down leaves in one class is carried to the next: many small classes still fill every part.
            wanted = fractions[part] * len(rows) + carried[part]
            count = min(int(wanted + 1e-9), len(rows) - 1 - start)
            carried[part] = wanted - count
            parts[part].append(rows[start : start + count])
            start += count
        parts[0].append(rows[start:])
    out = [np.sort(np.concatenate(part)) for part in parts]
    if any(len(part) == 0 for part in out):
        raise BadInput(
            f"{where} must have enough rows for training, validation and test",
            f"{len(labels)} rows of {len(np.unique(labels))} classes",
            "bring more rows, about ten for each class at least",
        )
    return out
