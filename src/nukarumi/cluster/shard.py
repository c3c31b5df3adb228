"""A stretch of a table with its own optimizer: it applies pushes in their order, each exactly once.

This is a plain class: `nukarumi.cluster.table` puts it into Ray actors, and tests use it as it is.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.cluster.checkpoint import Manifest, read_stretch, write_tensors
from nukarumi.cluster.partition import Partition
from nukarumi.optim.base import Optimizer
from nukarumi.optim.rows import Rows

__all__ = ["Blueprint", "Init", "Push", "Shard"]

Array = np.ndarray[Any, Any]
Init = float | Callable[[Array], Array]
"""What a fresh table holds: one number, or a function from row numbers, shape (n,), to their values, shape (n, dim)."""

FILLED = 1 << 16
"""Rows that a function is asked for at a time."""


@dataclass(frozen=True)
class Push:
    """What one push brings to one shard.

    Attributes
    ----------
    number
        1 for the first push of the table, then 2, 3, ...
    lr
        The learning rate of this push: a schedule has been asked already.
    places
        Rows of the shard, ascending, each once; None for a push that only lets a step pass.
    values
        Their gradients, shape (len(places), dim), summed, clipped by the norm of the whole push.
    """

    number: int
    lr: float
    places: Array | None
    values: Array | None

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        return sum(array.nbytes for array in (self.places, self.values) if array is not None)


@dataclass(frozen=True)
class Blueprint:
    """What all shards of a table have in common. ``optimizer`` is fresh, with a number as its lr."""

    name: str
    dim: int
    dtype: str
    partition: Partition
    optimizer: Optimizer
    folder: str | None = None

    def state(self) -> dict[str, tuple[bool, float]]:
        """For each letter of the optimizer's state: whether it is one number a row, and where it starts.

        The optimizer itself is asked, by an update of one row without a gradient.
        """
        made = type(self.optimizer)(**self.optimizer.settings)
        made.update(
            {self.name: np.zeros((1, self.dim), self.dtype)},
            {self.name: Rows(np.empty(0, np.int64), np.empty((0, self.dim), self.dtype))},
        )
        found = made.state_dict()["state"]
        return {
            letter: (arrays[self.name].ndim == 1, float(arrays[self.name].flat[0])) for letter, arrays in found.items()
        }

    def nbytes(self, number: int) -> int:
        """Bytes of a shard: its rows and their state."""
        bounds = self.partition.bounds
        wide = self.dim + sum(1 if by_row else self.dim for by_row, _ in self.state().values())
        return int(bounds[number + 1] - bounds[number]) * wide * np.dtype(self.dtype).itemsize


class Shard:
    """The rows of a table from one place to another, and their optimizer state.

    Parameters
    ----------
    blueprint
        The table.
    number
        Which of its shards this is, from 0.
    """

    def __init__(self, blueprint: Blueprint, number: int) -> None:
        self._plan, self._number = blueprint, number
        low, high = blueprint.partition.bounds[number : number + 2]
        self._low, self._high = int(low), int(high)
        self._arrays: dict[str, Array] = {}
        self._optimizer = type(blueprint.optimizer)(**blueprint.optimizer.settings)
        self._bare = blueprint.optimizer.settings.get("eps") == 0  # 0 / 0 may come of it
        self._applied = 0

    # Beginning -------------------------------------------------------------------------------------------------------

    def start(self, init: Init) -> None:
        """Begin afresh.

        Raises
        ------
        MemoryError, OSError
            If memory or disk does not hold the shard; the message has the sizes.
        BadInput
            If the function gives another shape.
        """
        self._make(np.nan if callable(init) else float(init))
        if callable(init):
            w, rows = self._arrays["w"], self._plan.partition.rows_at(self._low, self._high)
            for start in range(0, len(rows), FILLED):
                asked = rows[start : start + FILLED]
                given = np.asarray(init(asked))
                if given.shape != (len(asked), self._plan.dim) or given.dtype.kind != "f":
                    raise BadInput(
                        f"init must give floats of the shape (len(rows), {self._plan.dim})",
                        f"{given.dtype} of shape {given.shape} for {len(asked)} rows",
                        f"lambda rows: np.zeros((len(rows), {self._plan.dim}))",
                    )
                w[start : start + FILLED] = given
        self._optimizer.use_state(self._plan.name, **self._states())
        self._applied = 0

    @property
    def arrays(self) -> Mapping[str, Array]:
        """The rows, ``w``, and the letters of the state: the arrays themselves."""
        return self._arrays

    def fill(self, start: int, values: Array) -> None:
        """Put values into the rows from place ``start`` of the table on; before the first push only."""
        self._arrays["w"][start - self._low : start - self._low + len(values)] = values

    def load(self, manifest: Manifest, folder: str) -> None:
        """Begin where a checkpoint stands, whatever the number of shards that wrote it.

        Raises
        ------
        MemoryError, OSError
            If memory or disk does not hold the shard; the message has the sizes.
        BadInput
            If a file of the checkpoint is missing or has been changed.
        """
        self._make(0.0)
        for stretch in manifest.files:
            start, stop = max(self._low, stretch.start), min(self._high, stretch.stop)
            if start < stop:
                path = stretch.check(folder)
                for letter, array in self._arrays.items():
                    read_stretch(path, letter, start - stretch.start, array[start - self._low : stop - self._low])
        name, states = self._plan.name, self._states()
        moved = bool(manifest.clocks.get(name)) or "t" not in type(self._optimizer).rule.__annotations__
        moved = moved and manifest.t > 0
        self._optimizer.load_state_dict(
            {
                "optimizer": type(self._optimizer).__name__,
                "settings": self._optimizer.settings,
                "t": manifest.t,
                "clocks": dict(manifest.clocks),
                "state": {letter: {name: array} if moved else {} for letter, array in states.items()},
            },
            copy=False,
        )
        self._optimizer.use_state(name, **states)
        self._applied = manifest.pushes

    def _states(self) -> dict[str, Array]:
        return {letter: array for letter, array in self._arrays.items() if letter != "w"}

    def _make(self, value: float) -> None:
        """Room for the rows and their state."""
        rows, dim, dtype = self._high - self._low, self._plan.dim, np.dtype(self._plan.dtype)
        wanted: dict[str, tuple[tuple[int, ...], float]] = {"w": ((rows, dim), value)}
        for letter, (by_row, begin) in self._plan.state().items():
            wanted[letter] = ((rows,) if by_row else (rows, dim), begin)
        self._arrays = {}
        try:
            for letter, (shape, begin) in wanted.items():
                self._arrays[letter] = self._room(shape, dtype, begin)
        except (MemoryError, OSError, ValueError, OverflowError) as full:
            self._arrays = {}
            where = "memory" if self._plan.folder is None else f"{self._plan.folder!r}"
            raise self._too_large(where, f"{type(full).__name__}: {full}") from None

    def _room(self, shape: tuple[int, ...], dtype: np.dtype[Any], value: float) -> Array:
        """An array; in a file that has no name any more, so that its room is free when the process ends, however."""
        if self._plan.folder is None:
            return np.full(shape, value, dtype) if value else np.zeros(shape, dtype)
        Path(self._plan.folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._plan.folder) as file:
            length = int(np.prod(shape, dtype=object)) * dtype.itemsize
            os.posix_fallocate(file.fileno(), 0, max(1, length))  # a full disk is told now, not by a fault later
            made: Array = np.memmap(file, dtype, "r+", shape=shape)
        if value:
            made[:] = value
        return made

    def _too_large(self, where: str, why: str) -> MemoryError:
        rows, shards = self._high - self._low, self._plan.partition.shards
        return MemoryError(
            f"shard {self._number} of {shards} on {socket.gethostname()} must find room in {where} for {rows:,} rows "
            f"of {self._plan.dim} {self._plan.dtype} and their {type(self._optimizer).__name__} state, "
            f"{self._plan.nbytes(self._number) / 1e9:,.3f} GB. Received: {why}. Cure: take more shards or machines, "
            f"keep the rows in files (folder=...), or an optimizer with less state (RowwiseAdagrad)."
        )

    # Working ---------------------------------------------------------------------------------------------------------

    def push(self, pushes: Sequence[Push]) -> tuple[int, tuple[int, int, float] | None]:
        """Apply pushes in their order; those that have been applied already are left out.

        Returns
        -------
        The number of the last push applied, and, where eps is 0, place, entry and value of a row that is not finite.

        Raises
        ------
        RuntimeError
            If a push is missing between the last one applied and these.
        MemoryError
            If memory does not hold the work; the shard is then to be thrown away.
        """
        bad = None
        for push in pushes:
            if push.number <= self._applied:
                continue
            if push.number != self._applied + 1:
                raise RuntimeError(f"push {push.number} came to a shard that has seen {self._applied}")
            try:
                bad = self.apply(push) or bad
            except MemoryError as full:
                told = f"push {push.number} of {push.nbytes:,} bytes on top of them: {full}"
                raise self._too_large("memory", told) from None
            self._applied = push.number
        return self._applied, bad

    def apply(self, push: Push) -> tuple[int, int, float] | None:
        """The optimizer's step, whatever the number of the push; what `push` says of a row that is not finite."""
        optimizer, w = self._optimizer, self._arrays["w"]
        optimizer.lr = push.lr
        if push.places is None:
            optimizer.update({}, {})
            return None
        optimizer.update({self._plan.name: w}, {self._plan.name: Rows(push.places, push.values)})
        if not self._bare:
            return None
        touched = w[push.places]
        found = np.argwhere(~np.isfinite(touched))
        if not len(found):
            return None
        row, entry = map(int, found[0])
        return self._low + int(push.places[row]), entry, float(touched[row, entry])

    def pull(self, places: Array, of: str) -> Array:
        """Rows of the shard, or of a letter of its state, as a copy."""
        return self._arrays[of].take(places, axis=0)

    def write(self, path: str) -> tuple[int, str]:
        """Write all of the shard to a file; gives its length and sum.

        Raises
        ------
        OSError
            If that cannot be done; no file is left then.
        """
        return write_tensors(path, self._arrays)

    def told(self) -> dict[str, Any]:
        """Where the shard is and how far it has come."""
        state: Mapping[str, Any] = self._optimizer.state_dict(copy=False)
        return {
            "shard": self._number,
            "rows": self._high - self._low,
            "bytes": sum(array.nbytes for array in self._arrays.values()),
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "applied": self._applied,
            "t": state["t"],
            "clocks": dict(state["clocks"]),
        }

    def sees(self, path: str) -> bool:
        """Whether a file is there for this process too."""
        return Path(path).is_file()
