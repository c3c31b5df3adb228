"""The arrays that one recipe with one set of settings updates, laid out for both engines.

A parameter array goes one of three ways, all ending in the same bits because every entry is computed from its own
values alone:

*packed* (NumPy engine, small arrays): all of them are gathered into one flat array, the recipe runs once over it, and
the results are put back; their states live side by side in one array for good.
*direct*: parameter, gradient and states lie in memory in the same dense order, so blocks of them are views (NumPy
engine) or addresses (compiled engine).
*buffered*: whatever else: strided views, a gradient whose strides differ from its parameter's, float16 and bfloat16,
foreign byte order. ``numpy.nditer`` brings cache-sized pieces of all streams into line, in the type computed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import is_not
from typing import TYPE_CHECKING, Any

import numpy as np

from nukarumi.optim.engine.recipe import Recipe

if TYPE_CHECKING:
    from nukarumi.optim.engine.loops import Key

__all__ = ["BLOCK", "PACKED", "Group", "Leaf"]

PACKED = 4096
"""Arrays of at most so many entries are packed by the NumPy engine."""

BLOCK = 16384
"""Entries that the NumPy engine computes at a time: its temporaries then stay in the second-level cache."""

CHUNK = 131072
"""Entries that a thread of the compiled engine takes at a time: long enough for the memory's prefetchers."""

BUFFER = 32768
"""Entries of each stream that the compiled engine brings into line at a time where a leaf is not direct."""

SHARED = 131072
"""Entries from which an update is worth more than one thread."""

HELD = 1 << 25
"""Gradients of at most so many bytes in all are held between updates, so that the same ones are not looked at anew."""

Array = np.ndarray[Any, Any]


class Leaf:
    """One parameter: its name, its array (or number) and its states.

    ``touched`` says that its gradient comes as rows, ``pinned`` that its states must stay in the arrays they are in.
    """

    __slots__ = ("dtype", "given", "name", "number", "pinned", "shape", "size", "states", "touched", "w")

    def __init__(
        self, name: Any, w: Any, dtype: np.dtype[Any], states: list[Array], *, touched: bool, pinned: bool
    ) -> None:
        self.touched, self.pinned = touched, pinned
        self.name = name
        self.number: type | None = None if isinstance(w, np.ndarray) else type(w)
        self.given: Any = w  # the very object that came
        self.w: Any = w if self.number else np.asarray(w)
        self.shape: tuple[int, ...] = () if self.number else w.shape
        self.size: int = 1 if self.number else w.size
        self.dtype = dtype
        self.states = states


def dense_order(array: Array) -> str | None:
    """``"C"`` or ``"F"`` if the entries lie one behind the other in that order, native and aligned, else None."""
    flags = array.flags
    if not (flags.aligned and array.dtype.isnative):
        return None
    return "C" if flags.c_contiguous else "F" if flags.f_contiguous else None


def _line(array: Array, order: str) -> Array:
    """A dense array as one line in memory order, without a copy."""
    return array.reshape(-1) if order == "C" else array.T.reshape(-1)


def _address(array: Array) -> int:
    address: int = array.__array_interface__["data"][0]
    return address


class Group:
    """Leaves that share a recipe, a type and a set of settings.

    Parameters
    ----------
    recipe
        What is done to each entry.
    dtype
        The type computed in, and that of every state.
    leaves
        The parameters, each with its states already in the dense order of the parameter.
    """

    def __init__(self, recipe: Recipe, dtype: np.dtype[Any], leaves: Sequence[Leaf]) -> None:
        self.recipe, self.dtype, self.leaves = recipe, dtype, list(leaves)
        self.size = sum(leaf.size for leaf in self.leaves)
        self._streams = len(self.leaves[0].states)
        self.loops: tuple[Key, ...] = ((recipe, dtype.name, "entries"),)
        self._packed = [k for k, leaf in enumerate(self.leaves) if leaf.size <= PACKED and not leaf.pinned]
        self._loose = [k for k, leaf in enumerate(self.leaves) if leaf.size > PACKED or leaf.pinned]
        self._pack()
        self._table: Array | None = None

    # Packed -----------------------------------------------------------------------------------------------------------

    def _pack(self) -> None:
        """Move the states of the small leaves side by side, so that one call computes them all."""
        members = [self.leaves[k] for k in self._packed]
        total = sum(leaf.size for leaf in members)
        self._w, self._g = np.empty(total, self.dtype), np.empty(total, self.dtype)
        self._states = [np.empty(total, self.dtype) for _ in range(self._streams)]
        self._views: list[tuple[Leaf, Array]] = []
        start = 0
        for leaf in members:
            stop = start + leaf.size
            for s, flat in enumerate(self._states):
                place = flat[start:stop].reshape(leaf.shape)
                place[...] = leaf.states[s]
                leaf.states[s] = place
            self._views.append((leaf, self._w[start:stop].reshape(leaf.shape)))
            start = stop

    def numpy(self, gradients: Sequence[Array], settings: Sequence[float]) -> bool:
        """One update by NumPy; the caller silences its floating-point warnings.

        Parameters
        ----------
        gradients
            One for each leaf, of its shape.
        settings
            In the order of the recipe.

        Returns
        -------
        Whether a gradient may hold a value that is not finite.
        """
        suspicious = False
        if self._packed:
            np.concatenate([gradients[k] for k in self._packed], None, self._g, casting="unsafe")
            np.concatenate([leaf.w for leaf, _ in self._views], None, self._w, casting="unsafe")
            suspicious = not _finite_square(self._g)
            self._compute(self._w, self._g, self._states, settings)
            for leaf, view in self._views:
                if leaf.number is None:
                    leaf.w[...] = view
                else:
                    leaf.w = leaf.number(view)
        for k in self._loose:
            suspicious |= self._blocks(self.leaves[k], gradients[k], settings)
        return suspicious

    def _compute(self, w: Array, g: Array, states: Sequence[Array], settings: Sequence[float]) -> None:
        """The recipe on flat arrays of the type computed in; the results replace ``w`` and the states."""
        if states:
            new = self.recipe.function(w, g, *states, *settings)
            w[...] = new[0]
            for state, value in zip(states, new[1:], strict=True):
                state[...] = value
        else:
            new = self.recipe.function(w, g, *settings)
            w[...] = new[0] if isinstance(new, tuple) else new

    def _blocks(self, leaf: Leaf, g: Array, settings: Sequence[float]) -> bool:
        suspicious = False
        if self._direct(leaf, g):
            order = dense_order(leaf.w) or "C"
            w, g, *states = (_line(array, order) for array in (leaf.w, g, *leaf.states))
            for start in range(0, leaf.size, BLOCK):
                piece = slice(start, start + BLOCK)
                gradient = g[piece]
                suspicious |= not _finite_square(gradient)
                self._compute(w[piece], gradient, [state[piece] for state in states], settings)
        else:
            for w, gradient, *states in self._aligned(leaf, g, BLOCK):
                suspicious |= not _finite_square(gradient)
                self._compute(w, gradient, states, settings)
        return suspicious

    # Buffered ---------------------------------------------------------------------------------------------------------

    def _aligned(self, leaf: Leaf, g: Array, pieces: int) -> Iterator[tuple[Array, ...]]:
        """Cache-sized pieces of all streams of a leaf, dense and in the type computed in; written back after."""
        streams = [leaf.w, g, *leaf.states]
        iterate: Any = np.nditer
        walk = iterate(
            streams,
            flags=["external_loop", "buffered", "delay_bufalloc"],
            op_flags=[["readonly" if k == 1 else "readwrite", "contig", "aligned", "nbo"] for k in range(len(streams))],
            op_dtypes=[self.dtype] * len(streams),
            casting="unsafe",
            order="K",
            buffersize=pieces,
        )
        with walk:
            walk.reset()
            yield from walk

    def _direct(self, leaf: Leaf, g: Any) -> bool:
        """Whether all streams lie in the same dense order in the type computed in."""
        if leaf.number is not None or not isinstance(g, np.ndarray):  # a NumPy scalar has an address, but not for long
            return False
        if g.dtype != self.dtype or leaf.w.dtype != self.dtype:
            return False
        order = dense_order(leaf.w)
        if order is None or dense_order(g) is None:
            return False
        flag = f"{order.lower()}_contiguous"
        return all(getattr(array.flags, flag) for array in (g, *leaf.states))

    # Compiled ---------------------------------------------------------------------------------------------------------

    def compiled(self, gradients: Sequence[Any], settings: Sequence[float], threads: int) -> bool:
        """One update by the compiled loop; arguments and result as for `numpy`."""
        from nukarumi.optim.engine import loops, pool  # noqa: PLC0415

        if self._table is None:
            self._lay(loops.loop(self.recipe, self.dtype.name))
        if self._held is None or any(map(is_not, gradients, self._held)):
            self._point(gradients)
        self._constants[:] = self._loop.constants(*settings)
        suspicious = 0
        if self._count:
            if threads > 1 and self._dense_size >= SHARED:
                keep = (self._table, self._constants, self._loop)
                suspicious = pool.run(
                    self._loop.run, self._table_at, self._count, self._constants_at, threads, (keep, gradients)
                )
            else:
                self._counters[:] = 0
                self._loop.run(self._table_at, self._count, self._constants_at, self._counters_at)
                suspicious = int(self._counters[loops.SUSPICIOUS])
        for k in self._odd:
            suspicious += self._odd_leaf(self.leaves[k], gradients[k])
        return suspicious > 0

    def _lay(self, loop: Any) -> None:
        self._loop = loop
        # Filled by _point, as soon as gradients show which leaves are direct.
        self._table = np.empty((0, 3 + self._streams), np.int64)
        self._held: list[Any] | None = None
        self._direct_now: list[int] | None = None
        self._constants = np.zeros(max(1, len(loop.constants(*[0.5] * len(self.recipe.settings)))), self.dtype)
        self._constants_at = _address(self._constants)
        self._counters = np.zeros(3, np.int64)
        self._counters_at = _address(self._counters)

    def _point(self, gradients: Sequence[Any]) -> None:
        """Bring the table up to date with these gradients' addresses."""
        direct = [k for k, leaf in enumerate(self.leaves) if leaf.size and self._direct(leaf, gradients[k])]
        if direct != self._direct_now:
            self._chunks(direct)
        if direct:
            addresses = np.fromiter((_address(gradients[k]) for k in direct), np.int64, len(direct))
            assert self._table is not None
            self._table[:, 2] = addresses[self._owner] + self._offset
        small = sum(g.nbytes for g in gradients) <= HELD
        self._held = list(gradients) if small else None

    def _chunks(self, direct: list[int]) -> None:
        """Cut the direct leaves into chunks: a table row each."""
        item = self.dtype.itemsize
        rows: list[tuple[int, ...]] = []
        owner, offset = [], []
        for place, k in enumerate(direct):
            leaf = self.leaves[k]
            streams = [_address(array) for array in (leaf.w, *leaf.states)]
            for start in range(0, leaf.size, CHUNK):
                w, *states = (address + start * item for address in streams)
                rows.append((min(CHUNK, leaf.size - start), w, 0, *states))
                owner.append(place)
                offset.append(start * item)
        # A fresh table, never the old one resized: a helper may still hold the old one.
        self._table = np.array(rows, np.int64).reshape(len(rows), 3 + self._streams)
        self._table_at, self._count = _address(self._table), len(rows)
        self._owner, self._offset = np.array(owner, np.intp), np.array(offset, np.int64)
        self._dense_size = sum(self.leaves[k].size for k in direct)
        self._direct_now = direct
        chosen = set(direct)
        self._odd = [k for k, leaf in enumerate(self.leaves) if leaf.size and k not in chosen]

    def _odd_leaf(self, leaf: Leaf, g: Any) -> int:
        """A leaf that is not direct, piece by piece through the compiled loop."""
        suspicious = 0
        if leaf.number is not None:
            line = np.array([leaf.w], self.dtype)
            pieces = iter([(line, np.array([g], self.dtype), *(state.reshape(1) for state in leaf.states))])
        else:
            line = None
            pieces = self._aligned(leaf, g, BUFFER)
        row = np.empty(3 + self._streams, np.int64)
        for piece in pieces:
            row[0] = len(piece[0])
            row[1:] = [_address(array) for array in piece]
            self._counters[:] = 0
            self._loop.run(_address(row), 1, self._constants_at, self._counters_at)
            suspicious += int(self._counters[2])
        if line is not None and leaf.number is not None:
            leaf.w = leaf.number(line[0])
        return suspicious


def _finite_square(g: Array) -> bool:
    """Whether the sum of squares is finite: one pass that sees every NaN and infinity (and some very large values)."""
    return bool(np.vdot(g, g) < np.inf)
