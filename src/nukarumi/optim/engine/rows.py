"""Updates of single rows: lookups are brought together by row, then the rule runs over the rows alone.

A row is an entry of the first axis with all that hangs on it, flattened in C order. Both engines end in the same bits:
equal rows are summed in order of appearance, rows are computed in ascending order, each from its own values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.optim.engine.group import BLOCK, SHARED, Leaf
from nukarumi.optim.engine.recipe import Recipe

if TYPE_CHECKING:
    from nukarumi.optim.engine.loops import Key, Loop

__all__ = ["Lookups", "RowGroup", "Summed"]

Array = np.ndarray[Any, Any]

STRIDE = 4096
"""Rows of a dense gradient that go into one chunk."""

PIECES = 4
"""Chunks for each thread."""


class Summed:
    """A gradient's touched rows in ascending order, each once, with the sum of its values.

    Attributes
    ----------
    rows
        Shape (rows,), whole numbers.
    pairs
        Shape (rows, 2): row, and the address of its gradient, for the compiled loop.
    """

    __slots__ = ("_sources", "_values", "pairs", "rows", "shape", "width")

    def __init__(self, rows: Array, shape: tuple[int, ...], width: int, values: Array | None = None) -> None:
        self.rows, self.shape, self.width = rows, shape, width
        self._values = values
        self.pairs: Array | None = None
        self._sources: tuple[Array, ...] = ()

    @classmethod
    def from_pairs(cls, pairs: Array, shape: tuple[int, ...], values: Array, sums: Array) -> Summed:
        """What the compiled loop found: its pairs, and the two arrays that their addresses lie in."""
        made = cls(pairs[:, 0], shape, values.shape[1])
        made.pairs, made._sources = pairs, (values, sums)
        return made

    @property
    def size(self) -> int:
        """Entries in all."""
        return len(self.rows) * self.width

    @property
    def values(self) -> Array:
        """Shape (rows, entries of a row): the sums side by side."""
        if self._values is None:
            values, sums = self._sources
            assert self.pairs is not None
            self._values = np.empty((len(self.rows), self.width), values.dtype)
            stride = max(1, self.width * values.itemsize)
            place = (self.pairs[:, 1] - values.ctypes.data) // stride
            single = (place >= 0) & (place < len(values))
            self._values[single] = values[place[single]]
            self._values[~single] = sums[: len(self.rows) - np.count_nonzero(single)]
        return self._values

    def addressed(self) -> Array:
        """The pairs, made from the values if NumPy summed them."""
        if self.pairs is None:
            values = self.values
            self.pairs = np.empty((len(self.rows), 2), np.int64)
            self.pairs[:, 0] = self.rows
            self.pairs[:, 1] = values.ctypes.data + np.arange(len(values)) * (self.width * values.itemsize)
        return self.pairs

    def first_nonfinite(self) -> tuple[tuple[int, ...], float] | None:
        """Index in the parameter and value of the first entry that is not finite, None if all are."""
        finite = np.isfinite(self.values)
        if finite.all():
            return None
        place, entry = divmod(int(np.argmin(finite)), self.width)
        index = (int(self.rows[place]), *map(int, np.unravel_index(entry, self.shape[1:])))
        return index, float(self.values[place, entry])


class Lookups:
    """Rows and their values as they came, for a parameter of a certain shape; not yet checked against its length."""

    __slots__ = ("indices", "name", "shape", "values")

    def __init__(self, name: Any, indices: Array, values: Array, shape: tuple[int, ...]) -> None:
        self.name, self.indices, self.values, self.shape = name, indices, values, shape

    def summed(self, room: Room | None = None) -> Summed | None:
        """Equal rows summed in order of appearance; None if an index lies outside.

        Parameters
        ----------
        room
            Where the compiled loop may work; without it NumPy does.
        """
        count = len(self.indices)
        length = self.shape[0]
        if room is not None and length.bit_length() + count.bit_length() < 63:
            return room.summed(self)
        if count and (self.indices.min() < 0 or self.indices.max() >= length):
            return None
        order = np.argsort(self.indices, kind="stable")
        rows = self.indices[order]
        fresh = np.ones(count, bool)
        np.not_equal(rows[1:], rows[:-1], out=fresh[1:])
        starts = np.flatnonzero(fresh)
        values = self.values[order[starts]]
        again = order[~fresh]
        owner = (np.cumsum(fresh) - 1)[~fresh]
        width = self.values.shape[1]
        with np.errstate(all="ignore"):
            for start in range(0, len(again), max(1, BLOCK // max(1, width))):
                piece = slice(start, start + max(1, BLOCK // max(1, width)))
                places = owner[piece, None] * width + np.arange(width)
                np.add.at(values.reshape(-1), places.reshape(-1), self.values[again[piece]].reshape(-1))
        return Summed(rows[starts], self.shape, width, values)

    def outside(self) -> BadInput:
        """What is said about the first index that lies outside the parameter."""
        bad = (self.indices < 0) | (self.indices >= self.shape[0])
        place = int(np.argmax(bad))
        return BadInput(
            f"grads[{self.name!r}].indices must be 0 to {self.shape[0] - 1}, the rows of its parameter"
            if self.shape[0]
            else f"grads[{self.name!r}].indices must be empty, because its parameter has no rows",
            f"{int(self.indices[place])} at position {place}",
            "leave padding and unknown rows out of the gradient, or give the table more rows",
        )


class Room:
    """Memory in which the compiled loop brings the lookups of one parameter together, kept from update to update.

    Parameters
    ----------
    shape, dtype
        The parameter's shape and the type computed in.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        from nukarumi.optim.engine import loops, row_loops  # noqa: PLC0415

        self._run = loops.loop(None, dtype.name, "sums").run
        self._dtype, self._shape, self._width = dtype, shape, math.prod(shape[1:])
        self._seen = np.empty(1 << row_loops.DIGIT, np.int64)
        self._counters = np.zeros(2, np.int64)
        self._count = -1
        self._grow(0)

    def _grow(self, count: int) -> None:
        """Make room for so many lookups."""
        self._count = count
        self._keys, self._pairs = np.empty((2, count), np.int64), np.empty((count, 2), np.int64)
        self._sums = np.empty((count // 2, self._width), self._dtype)
        places = [_address(part) for part in (*self._keys, self._seen, self._pairs, self._sums)]
        self._task = np.array([0, 0, self._width, self._shape[0], *places, count.bit_length()], np.int64)
        self._addresses = _address(self._task), _address(self._counters)

    def summed(self, given: Lookups) -> Summed | None:
        """As `Lookups.summed`; what it gives holds until the next call."""
        count = len(given.indices)
        if count > self._count:
            self._grow(count)
        self._task[0], self._task[1] = _address(given.indices), _address(given.values)
        self._counters[1] = -1
        task, counters = self._addresses
        self._run(task, count, 0, counters)
        unique, bad = self._counters.tolist()
        if bad >= 0:
            return None
        return Summed.from_pairs(self._pairs[:unique], given.shape, given.values, self._sums)


class RowGroup:
    """Leaves that are updated row by row, with the face of a `Group`; their gradients are `Summed`, or dense.

    Dense ones come where the rule itself looks at whole rows (`nukarumi.rules.rowwise_adagrad`).
    """

    def __init__(self, recipe: Recipe, dtype: np.dtype[Any], leaves: Sequence[Leaf]) -> None:
        self.recipe, self.dtype, self.leaves = recipe, dtype, list(leaves)
        self.size = sum(leaf.size for leaf in self.leaves)
        self.loops: tuple[Key, ...] = ((recipe, dtype.name, "rows"), (None, dtype.name, "sums"))
        self._ready = recipe.rowwise and bool(recipe.stages)
        self._loop: Loop | None = None
        self._rooms: list[Room | None] = [None] * len(self.leaves)

    def room(self, k: int) -> Room:
        """The working memory of leaf ``k``."""
        made = self._rooms[k]
        if made is None:
            made = self._rooms[k] = Room(self.leaves[k].shape, self.dtype)
        return made

    # NumPy ------------------------------------------------------------------------------------------------------------

    def numpy(self, gradients: Sequence[Any], settings: Sequence[float]) -> bool:
        """One update by NumPy; arguments and result as for `Group.numpy`."""
        with np.errstate(all="ignore"):
            found = [self._blocks(leaf, g, settings) for leaf, g in zip(self.leaves, gradients, strict=True)]
        return any(found)

    def _blocks(self, leaf: Leaf, g: Any, settings: Sequence[float]) -> bool:
        if not leaf.size:
            return False
        streams: list[Array] = [leaf.w, *leaf.states]
        if not leaf.shape:
            streams, g = [np.reshape(array, 1) for array in streams], np.reshape(g, 1)
        given = g if isinstance(g, Summed) else None
        length, width = _sides(leaf)
        count = length if given is None else len(given.rows)
        step = max(1, BLOCK // width)
        suspicious = False
        for start in range(0, count, step):
            piece = slice(start, min(count, start + step))
            rows: Any = piece if given is None else given.rows[piece]
            many = piece.stop - start
            values = np.array(g[piece] if given is None else given.values[piece], self.dtype, order="C")
            suspicious |= not np.isfinite(values).all()
            w, *states = (np.array(array[rows], self.dtype, order="C").reshape(many, -1) for array in streams)
            new = self.recipe.function(w, values.reshape(many, width), *states, *settings)
            for array, value in zip(streams, new if isinstance(new, tuple) else (new,), strict=True):
                array[rows] = value.reshape(many, *array.shape[1:])
        if leaf.number is not None:
            leaf.w = leaf.number(streams[0][0])
        return suspicious

    # Compiled ---------------------------------------------------------------------------------------------------------

    def compiled(self, gradients: Sequence[Any], settings: Sequence[float], threads: int) -> bool:
        """One update by the compiled loop; arguments and result as for `Group.numpy`."""
        from nukarumi.optim.engine import pool  # noqa: PLC0415

        if self._loop is None:
            self._lay()
        assert self._loop is not None
        constants = self._loop.constants(*settings)
        self._constants[: len(constants)] = constants
        chunks: list[tuple[int, ...]] = []
        keep: list[Any] = [gradients, self._constants, self._loop]
        size, suspicious = 0, False
        for k, g in enumerate(gradients):
            leaf = self.leaves[k]
            if self._bases[k] and (isinstance(g, Summed) or self._direct(g)):
                size += g.size
                keep.append(self._chunks(chunks, leaf, self._bases[k], g, threads))
            else:  # what the loop cannot walk, in the same bits
                with np.errstate(all="ignore"):
                    suspicious |= self._blocks(leaf, g, settings)
        if not chunks:
            return suspicious
        table = np.array(chunks, np.int64)
        if self._ready:  # a row of its own for each chunk, so that no two threads share one
            ready = np.empty((len(table), int(table[:, 2].max())), self.dtype)
            table[:, -1] = _address(ready) + np.arange(len(table)) * (ready.shape[1] * ready.itemsize)
            keep.append(ready)
        where = (_address(table), len(table), _address(self._constants))
        if threads > 1 and size >= SHARED:
            return pool.run(self._loop.run, *where, threads, (table, keep)) > 0 or suspicious
        self._counters[:] = 0
        self._loop.run(*where, _address(self._counters))
        return bool(self._counters[-1]) or suspicious

    def _lay(self) -> None:
        """Find the loop, and where the arrays lie that it can walk."""
        from nukarumi.optim.engine import loops  # noqa: PLC0415

        self._loop = loops.loop(self.recipe, self.dtype.name, "rows")
        self._constants = np.zeros(1 + len(self._loop.constants(*[0.5] * len(self.recipe.settings))), self.dtype)
        self._counters = np.zeros(loops.SUSPICIOUS + 1, np.int64)
        self._bases: list[list[int]] = []
        for leaf in self.leaves:
            arrays = [leaf.w, *leaf.states]
            direct = leaf.number is None and leaf.size and all(map(self._direct, arrays))
            self._bases.append([_address(array) for array in arrays] if direct else [])

    def _direct(self, array: Any) -> bool:
        """Whether rows lie one behind the other in the type computed in."""
        if not isinstance(array, np.ndarray):  # a NumPy scalar has an address, but not for long
            return False
        fits = array.dtype == self.dtype and array.dtype.isnative
        return fits and array.flags.c_contiguous and array.flags.aligned

    def _chunks(self, chunks: list[tuple[int, ...]], leaf: Leaf, bases: list[int], g: Any, threads: int) -> Array:
        """Add a leaf's chunks to the table; gives the pairs that they point into, to be kept alive."""
        length, width = _sides(leaf)
        item = self.dtype.itemsize
        w, *states = bases
        if isinstance(g, Summed):
            pairs = g.addressed()
            at, count = _address(pairs), len(pairs)
            step = max(1, count if g.size < SHARED else -(-count // (PIECES * threads)))
            for start in range(0, count, step):
                chunks.append((min(step, count - start), at + start * 16, width, w, 0, *states, 0))
            return pairs
        steps = np.arange(min(length, STRIDE), dtype=np.int64)
        pairs = np.stack([steps, steps * (width * item)], axis=1)
        letters = self.recipe.straight.arrays[2:]
        wide = [item if letter in self.recipe.row_states else width * item for letter in letters]
        for start in range(0, length, STRIDE):
            shift = start * width * item
            moved = [state + start * each for state, each in zip(states, wide, strict=True)]
            many = min(STRIDE, length - start)
            chunks.append((many, _address(pairs), width, w + shift, _address(g) + shift, *moved, 0))
        return pairs


def _sides(leaf: Leaf) -> tuple[int, int]:
    """Rows, and entries of a row."""
    return (leaf.shape[0], math.prod(leaf.shape[1:])) if leaf.shape else (1, 1)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address
