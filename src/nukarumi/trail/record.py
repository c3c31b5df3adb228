"""The trail itself: rows and columns in memory that never grow beyond a fixed capacity.

When a trail is full, every second row is dropped and the recording interval ``every`` doubles. A trail of capacity n
therefore always covers the whole walk with between n/2 and n rows, evenly spaced, however long the walk gets; the first
row stays for ever.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.trail.columns import COUNTS, QUANTILES, SMALL, column_shapes, empty_column

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Trail"]


class Trail:
    """What happened, step by step: loss and per-array measurements, in columns.

    Parameters
    ----------
    arrays
        Parameter name to shape. More can be added later with `add_array`.
    states
        The names of the optimizer's state arrays, such as ``("h",)``; empty for an optimizer without state.
    measures
        The names of further columns with one float a row for every array; a sensor's trail has some.
    capacity
        The most rows held: an even number, at least 2.
    every
        The recording interval in steps. It doubles whenever the trail is full.
    small
        Arrays with at most this many entries are kept whole (``value/w``, ``value/g``, ``value/step`` and the states).
    meta
        Anything that says where the trail comes from; it must be expressible in JSON.

    Raises
    ------
    BadInput
        For an odd capacity or one below 2, an interval below 1, or a ``meta`` that JSON cannot express.

    Examples
    --------
    >>> trail = Trail({"w": (2,)}, states=("h",))
    >>> trail.append(1, 0.5, {"w": {"gradient_norm": 2.0, "step_norm": 0.1}})
    >>> trail.append(2, 0.25, {"w": {"gradient_norm": 1.0, "step_norm": 0.1}})
    >>> trail.loss.tolist(), trail.column("w", "gradient_norm").tolist()
    ([0.5, 0.25], [2.0, 1.0])
    """

    def __init__(
        self,
        arrays: Mapping[str, tuple[int, ...]] | None = None,
        *,
        states: tuple[str, ...] = (),
        measures: tuple[str, ...] = (),
        capacity: int = 1024,
        every: int = 1,
        small: int = SMALL,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        for name, value, least in (("capacity", capacity, 2), ("every", every, 1), ("small", small, 0)):
            if isinstance(value, bool) or not isinstance(value, int) or value < least:  # type: ignore[redundant-expr]
                raise BadInput(f"{name} must be a whole number >= {least}", value, f"pass {name}={least} or more")
        if capacity % 2:
            raise BadInput("capacity must be even, so that thinning keeps an even spacing", capacity, "add 1")
        self.capacity, self.every, self.small = capacity, every, small
        self.states = tuple(str(state) for state in states)
        self.measures = tuple(str(measure) for measure in measures)
        self.meta: dict[str, Any] = dict(meta or {})
        check_meta(self.meta)
        self._rows = 0
        self._late: Callable[[], None] | None = None
        self._room = min(capacity, 64)  # grows to the capacity as rows come
        self._step = np.zeros(self._room, np.int64)
        self._loss = np.full(self._room, np.nan)
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._columns: dict[str, dict[str, NDArray[Any]]] = {}
        for array, shape in (arrays or {}).items():
            self.add_array(array, shape)

    def expect(self, late: Callable[[], None]) -> None:
        """Say that rows are on their way: ``late`` is called once, before anything is read, and appends them."""
        self._late = late

    def _settle(self) -> None:
        if self._late is not None:
            late, self._late = self._late, None
            late()

    def __getstate__(self) -> dict[str, Any]:
        self._settle()
        return self.__dict__ | {"_late": None}

    @property
    def room(self) -> int:
        """How many rows it takes before it thins."""
        return self.capacity - self._rows

    def __len__(self) -> int:
        self._settle()
        return self._rows

    def __repr__(self) -> str:
        span = f"steps {self.steps[0]} to {self.steps[-1]}" if len(self) else "empty"
        return f"<Trail: {self._rows} rows, {span}, {len(self._shapes)} arrays>"

    @property
    def arrays(self) -> dict[str, tuple[int, ...]]:
        """Parameter name to shape."""
        self._settle()
        return dict(self._shapes)

    @property
    def steps(self) -> NDArray[np.int64]:
        """The step number of each row, counted from 1; read-only."""
        return _view(self._step[: len(self)])

    @property
    def loss(self) -> NDArray[np.float64]:
        """The loss that each recorded update started from; read-only."""
        return _view(self._loss[: len(self)])

    def columns(self, array: str) -> tuple[str, ...]:
        """Name the columns of one array."""
        return tuple(self._of(array))

    def column(self, array: str, name: str) -> NDArray[Any]:
        """Give one column of one array, a row for each recorded step; read-only.

        Raises
        ------
        BadInput
            For an array or a column that the trail does not have; the message lists those it has.
        """
        self._settle()
        columns = self._of(array)
        if name not in columns:
            raise BadInput(f"a trail of array {array!r} has no such column", name, f"use one of {', '.join(columns)}")
        return _view(columns[name][: self._rows])

    def total(self, name: str) -> NDArray[np.float64]:
        """Combine a norm column over all arrays: the root of the sum of squares; of an empty set 0."""
        parts = [self.column(array, name) for array in self.arrays]
        with np.errstate(all="ignore"):
            return np.asarray(np.hypot.reduce(parts, axis=0)) if parts else np.zeros(self._rows)

    def add_array(self, name: str, shape: tuple[int, ...]) -> None:
        """Add a parameter that appeared later; its earlier rows hold NaN.

        Raises
        ------
        BadInput
            If the array is there already with another shape, or the shape is not one.
        """
        shape = tuple(int(length) for length in shape)
        if any(length < 0 for length in shape):
            raise BadInput(f"array {name!r} must have a shape of lengths >= 0", shape, "pass array.shape")
        if self._shapes.setdefault(name, shape) != shape:
            raise BadInput(
                f"array {name!r} is in the trail with shape {self._shapes[name]}", shape, "start another trail for it"
            )
        if name not in self._columns:
            shapes = column_shapes(shape, self.states, self.small, self.measures)
            self._columns[name] = {key: empty_column(key, row, self._room) for key, row in shapes.items()}

    def append(self, step: int, loss: float, readings: Mapping[str, Mapping[str, Any]]) -> None:
        """Add one row; a full trail first drops every second row and doubles ``every``.

        Parameters
        ----------
        step
            The number of the update, greater than that of the last row.
        loss
            The loss before the update; NaN when it is not known.
        readings
            Array name to columns, as `read_array` measures them. What is not given is NaN (counts: 0).

        Raises
        ------
        BadInput
            For a step that does not grow, an unknown array or column, or a reading of the wrong shape. Nothing has
            been added then.
        """
        if len(self) and step <= self._step[self._rows - 1]:
            raise BadInput("steps must grow from row to row", step, f"pass more than {self._step[self._rows - 1]}")
        checked: list[tuple[dict[str, NDArray[Any]], str, Any]] = []
        for array, reading in readings.items():
            columns = self._of(array)
            for name, value in reading.items():
                shape = value.shape if isinstance(value, np.ndarray) else _shape(value)
                if name not in columns or shape != columns[name].shape[1:]:
                    raise BadInput(
                        f"a reading of array {array!r} must be made of the trail's columns and shapes",
                        f"{name} of shape {shape}",
                        f"pass some of { {key: column.shape[1:] for key, column in columns.items()} }",
                    )
                checked.append((columns, name, value))
        if self._rows == self.capacity:
            self._thin()
        elif self._rows == self._room:
            self._grow()
        row = self._rows
        try:
            self._step[row], self._loss[row] = step, loss
            for columns, name, value in checked:
                columns[name][row] = value
        except BaseException:
            self._empty(row)
            raise
        self._rows += 1

    def _thin(self) -> None:
        kept = len(range(0, self._rows, 2))
        for column in (self._step, self._loss, *(c for columns in self._columns.values() for c in columns.values())):
            column[:kept] = column[: self._rows : 2].copy()
        self._rows = kept
        self.every *= 2
        self._empty(kept)

    def _empty(self, first: int) -> None:
        """Forget the rows from this one on: nothing is known in them."""
        for columns in self._columns.values():
            for name, column in columns.items():
                column[first:] = 0 if name in COUNTS else np.nan

    def _grow(self) -> None:
        self._room = min(self.capacity, max(64, 2 * self._room))
        fresh = self._room - self._rows
        self._step = np.append(self._step, np.zeros(fresh, np.int64))
        self._loss = np.append(self._loss, np.full(fresh, np.nan))
        for columns in self._columns.values():
            for name, column in columns.items():
                columns[name] = np.concatenate([column, empty_column(name, column.shape[1:], fresh)])

    def restore(
        self, steps: NDArray[np.int64], loss: NDArray[np.float64], columns: Mapping[str, Mapping[str, NDArray[Any]]]
    ) -> None:
        """Take over whole columns that a reader has checked; the counterpart of reading them one by one."""
        self._rows = self._room = len(steps)
        self._step, self._loss = steps.copy(), loss.copy()
        self._columns = {array: {name: column.copy() for name, column in of.items()} for array, of in columns.items()}

    def _of(self, array: str) -> dict[str, NDArray[Any]]:
        if array not in self._columns:
            has = ", ".join(self._shapes) or "no arrays"
            raise BadInput("the trail has no array of this name", array, f"use one of: {has}")
        return self._columns[array]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Give each row as a plain dict: ``step``, ``loss``, and numbers or lists under keys like ``"W1/step_norm"``.

        Examples
        --------
        >>> trail = Trail({"w": (1,)}, small=0)
        >>> trail.append(1, 0.5, {"w": {"step_norm": 0.1}})
        >>> row = trail.to_dicts()[0]
        >>> row["step"], row["loss"], row["w/step_norm"], row["w/nonfinite_gradients"]
        (1, 0.5, 0.1, 0)
        """
        columns: dict[str, list[Any]] = {"step": self.steps.tolist(), "loss": self.loss.tolist()}
        for array in self._shapes:
            for name in self._columns[array]:
                columns[f"{array}/{name}"] = self.column(array, name).tolist()
        return [{name: values[row] for name, values in columns.items()} for row in range(self._rows)]

    def to_pandas(self) -> pd.DataFrame:
        """Give a pandas frame indexed by step; quantiles become columns such as ``"W1/effective_lr/0.5"``.

        Whole values become ``"w/value/w/0"``, ``"w/value/w/1"``, counted in C order.

        Raises
        ------
        BadInput
            If pandas is not installed.
        """
        try:
            import pandas  # noqa: PLC0415
        except ImportError:
            raise BadInput(
                "a frame needs pandas", "pandas is not installed", "pip install 'nukarumi[pandas]', or use to_dicts()"
            ) from None
        data: dict[str, NDArray[Any]] = {"loss": self.loss}
        for array in self._shapes:
            for name in self._columns[array]:
                column = self.column(array, name)
                if column.ndim == 1:
                    data[f"{array}/{name}"] = column
                    continue
                labels = [f"{q:g}" for q in QUANTILES] if not name.startswith("value/") else None
                flat = column.reshape(self._rows, int(np.prod(column.shape[1:], dtype=np.int64)))
                for index in range(flat.shape[1]):
                    data[f"{array}/{name}/{labels[index] if labels else index}"] = flat[:, index]
        return pandas.DataFrame(data, index=pandas.Index(self.steps, name="step"))

    def to_bytes(self) -> bytes:
        """Give the content of a trail file."""
        from nukarumi.trail.storage import encode  # noqa: PLC0415

        return encode(self)

    @classmethod
    def from_bytes(cls, content: bytes, name: str = "the trail") -> Self:
        """Read the content of a trail file; ``name`` is what an error calls it.

        Raises
        ------
        BadInput
            If the content is truncated, foreign, or written by a newer nukarumi.
        """
        from nukarumi.trail.storage import decode  # noqa: PLC0415

        return decode(cls, content, name)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trail to a file (safetensors, ``docs/trail.md``); a kill leaves the old file or the new one."""
        from nukarumi._files import write_atomically  # noqa: PLC0415

        write_atomically(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a trail from a file.

        Raises
        ------
        BadInput
            If the file is missing, truncated, foreign, or written by a newer nukarumi; the message names it.
        """
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise BadInput(f"{os.fspath(path)} must be a readable file", error.strerror, "check the path") from None
        return cls.from_bytes(content, os.fspath(path))


def _shape(value: Any) -> tuple[int, ...]:
    return () if isinstance(value, float | int) else np.shape(value)


def check_meta(meta: Mapping[str, Any]) -> str:
    """Express ``meta`` in JSON, or refuse it."""
    try:
        return json.dumps(meta, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            "meta must be expressible in JSON", error, "use strings, finite numbers, lists and dicts"
        ) from None


def _view(column: NDArray[Any]) -> NDArray[Any]:
    view = column.view()
    view.flags.writeable = False
    return view
