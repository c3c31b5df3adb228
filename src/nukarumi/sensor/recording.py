"""A sample of the gradients of a training, kept so that another rule can be sent along the same way (`whatif`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi.sensor.look import Look, Subject
from nukarumi.trail import Trail

__all__ = ["Recording"]

Floats: TypeAlias = NDArray[np.float64]


class Recording:
    """Gradients, steps and first weights of a few entries of every array, a row for each row of the trail.

    Parameters
    ----------
    trail
        The trail whose rows it follows: when the trail drops every second row, so does the recording.
    keep
        Entries of each array, spread over it; all of them in a smaller one.

    Attributes
    ----------
    sizes
        How many entries each array has in all.
    start
        The kept entries of each array before the first recorded update.
    """

    def __init__(self, trail: Trail, keep: int) -> None:
        self.trail, self.keep = trail, keep
        self.sizes: dict[str, int] = {}
        self.start: dict[str, Floats] = {}
        self._rows: list[tuple[int, dict[str, tuple[Floats, Floats]]]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"<Recording: {len(self)} rows, {len(self.sizes)} arrays, {self.keep} entries of each>"

    @property
    def steps(self) -> NDArray[np.int64]:
        """The number of the update of each row."""
        return np.array([step for step, _ in self._rows], np.int64)

    def gradients(self, row: int) -> dict[str, Floats]:
        """Give the kept gradient entries of a row, by array."""
        return {name: gradient for name, (gradient, _) in self._rows[row][1].items()}

    def moves(self, row: int) -> dict[str, Floats]:
        """Give what the watched optimizer made of them: weights after minus weights before."""
        return {name: move for name, (_, move) in self._rows[row][1].items()}

    def append(self, step: int, looks: Sequence[tuple[Subject, Look, Mapping[str, Any]]]) -> None:
        """Add the row of an update that the trail has just got."""
        kept: dict[str, tuple[Floats, Floats]] = {}
        for subject, seen, _ in looks:
            where = self._places(seen.before.size)
            if subject.name not in self.sizes:
                self.sizes[subject.name] = int(np.prod(subject.shape, dtype=np.int64))
                self.start[subject.name] = seen.before[where].astype(np.float64)
            with np.errstate(invalid="ignore"):
                before, after, gradient = (
                    part[where].astype(np.float64) for part in (seen.before, seen.after, seen.gradient)
                )
                kept[subject.name] = gradient, after - before
        self._rows.append((step, kept))
        if len(self._rows) > len(self.trail):
            left = set(self.trail.steps.tolist())
            self._rows = [row for row in self._rows if row[0] in left]

    def _places(self, size: int) -> NDArray[np.intp]:
        if size <= self.keep:
            return np.arange(size, dtype=np.intp)
        return np.arange(self.keep, dtype=np.intp) * size // self.keep
