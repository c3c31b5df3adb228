"""One sweep over memory: all that a reading asks of many arrays, as a list of jobs for one compiled loop.

The loop reads every stream once, makes norms and extremes of it and picks the sample. It is compiled once on a machine,
at the first reading that wants it, and kept and loaded as the optimizers' loops are; a process that finds it there does
not import Numba. A job is a row of six whole numbers: kind, entries, two addresses, where the answer goes, and where the
sample's positions are.

=========== =================================== =======================================
kind        streams                             answer
=========== =================================== =======================================
``COPY``    from, to
``SQUARES`` array                               sum of squares
``STEPS``   before, after                       sum of squares of the difference, of after
``ENDS``    array                               least and largest entry, in its own type
``TAKE``    array                               the entries at the positions, in float64
=========== =================================== =======================================
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi.optim.engine import machine, pool
from nukarumi.sensor.look import Look
from nukarumi.trail.reading import positions

__all__ = ["COPY", "ENDS", "SQUARES", "STEPS", "TAKE", "WIDTH", "Copies", "Samples", "Sweep", "loop"]

COPY, SQUARES, STEPS, ENDS, TAKE = range(5)
WIDTH = 6

CHUNK = 131072
"""Entries in one job."""

SHARED = 262144
"""Entries from which a sweep is worth more than one thread."""

TYPES = ("float32", "float64")

Run: TypeAlias = Callable[[int, int, int, int], None]
Floats: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]

_making = threading.RLock()


@cache
def loop(dtype: str) -> Run | None:
    """The compiled loop for one type; None where Numba is not installed."""
    parts = [Path(__file__).with_name("sweep_loop.py"), Path(machine.__file__).with_name("intrinsics.py")]

    def compiling() -> bytes:
        from nukarumi.sensor.sweep_loop import loop_of, signature  # noqa: PLC0415

        return machine.emit(loop_of(dtype), signature(dtype))

    with _making:
        try:
            path = machine.file_of(f"sweep-{dtype}", [part.read_text(encoding="utf-8") for part in parts])
            memory, start = machine.linked(machine.code_of(path, compiling))
        except ImportError:
            return None
    word = ctypes.c_void_p
    run = ctypes.CFUNCTYPE(ctypes.c_int32, word, word, word, ctypes.c_int64, word, word)(start)
    spare = ctypes.create_string_buffer(16)  # Numba's slots for a result and an exception; the loop has neither
    address = ctypes.addressof(spare)

    def call(jobs: int, count: int, constants: int, counters: int) -> None:
        run(address, address, jobs, count, constants, counters)

    call.memory = memory, spare  # type: ignore[attr-defined]  # the code lives as long as the function
    return call


def address(array: NDArray[Any]) -> int:
    """Where the first entry lies."""
    found: int = array.__array_interface__["data"][0]
    return found


@cache
def _places(size: int) -> Whole:
    return positions(size).astype(np.int64)


class _Jobs:
    """A table of jobs, whose addresses are filled in for every call.

    Parameters
    ----------
    run
        The loop.
    rows
        For each job: kind, entries, the stream that it reads, the byte in it, a second stream, the number of its answer
        in a buffer of float64, and the size whose sample is taken.
    """

    def __init__(self, run: Run, rows: Sequence[tuple[int, ...]]) -> None:
        self._run = run
        given = np.array(rows, np.int64).reshape(-1, 7)
        self._table = np.zeros((len(given), WIDTH), np.int64)
        self._table[:, :2] = given[:, :2]
        self._first, self._byte, self._second = given[:, 2], given[:, 3], given[:, 4]
        self._answer = given[:, 5] * 8
        self._keep = [_places(size) for size in given[:, 6].tolist()]
        self._table[:, 5] = [address(places) for places in self._keep]
        self._size = int(given[:, 1].sum())
        self._at = address(self._table)
        self._counters = np.zeros(3, np.int64)
        self._counters_at = address(self._counters)

    def do(self, streams: Sequence[int], answers: Floats | None, threads: int) -> None:
        """Do the jobs on streams at these addresses."""
        at, table = np.array(streams, np.int64), self._table
        np.add(at[self._first], self._byte, out=table[:, 2])
        np.add(at[self._second], self._byte, out=table[:, 3])
        if answers is not None:
            np.add(self._answer, address(answers), out=table[:, 4])
        if threads > 1 and self._size >= SHARED:
            pool.run(self._run, self._at, len(table), 0, threads, (table, self._keep))
        else:
            self._counters[:] = 0
            self._run(self._at, len(table), 0, self._counters_at)


def _cut(size: int) -> range:
    return range(0, size, CHUNK)


class Copies:
    """Copies of arrays of one type, in one piece of memory that is used again and again.

    Parameters
    ----------
    run, dtype
        The loop, and its type.
    sizes
        Entries of each array.

    Attributes
    ----------
    arrays
        The copies, flat.
    """

    def __init__(self, run: Run, dtype: str, sizes: Sequence[int]) -> None:
        item = np.dtype(dtype).itemsize
        stops = np.cumsum([-(-size // 16) * 16 for size in sizes]).tolist()  # each begins on a line of the cache
        whole = np.empty(stops[-1] if stops else 0, dtype)
        self.arrays = [whole[stop - -(-size // 16) * 16 :][:size] for size, stop in zip(sizes, stops, strict=True)]
        self.addresses = [address(array) for array in self.arrays]
        count = len(sizes)
        self._jobs = _Jobs(run, [
            (COPY, min(CHUNK, size - start), k, start * item, count + k, 0, 0)
            for k, size in enumerate(sizes) for start in _cut(size)
        ])  # fmt: skip

    def take(self, given: Sequence[int], threads: int = 1) -> None:
        """Copy the arrays at these addresses."""
        self._jobs.do([*given, *self.addresses], None, threads)


class Samples:
    """Takes the samples of arrays of one type; they hold until they are taken again."""

    def __init__(self, run: Run, sizes: Sequence[int]) -> None:
        cuts = np.cumsum([0, *(len(_places(size)) for size in sizes)]).tolist()
        self._answers = np.empty(cuts[-1])
        self._parts = [self._answers[cuts[k] : cuts[k + 1]] for k in range(len(sizes))]
        self._jobs = _Jobs(run, [
            (TAKE, len(_places(size)), k, 0, 0, cuts[k], size) for k, size in enumerate(sizes)
        ])  # fmt: skip

    def take(self, given: Sequence[int]) -> list[Floats]:
        """Take the samples of the arrays at these addresses."""
        self._jobs.do(given, self._answers, 1)
        return self._parts


class Sweep:
    """Looks at arrays of one type, each with the same number of states.

    Parameters
    ----------
    run, dtype
        The loop, and its type.
    sizes
        Entries of each array, at least 1.
    states
        How many states each has.
    """

    def __init__(self, run: Run, dtype: str, sizes: Sequence[int], states: int) -> None:
        self._dtype, self._states, self._count = np.dtype(dtype), states, len(sizes)
        item, count = self._dtype.itemsize, len(sizes)
        samples = [len(_places(size)) for size in sizes]
        self._cuts = np.cumsum([0, *samples]).tolist()
        chunks = [len(_cut(size)) for size in sizes]
        self._firsts = np.cumsum([0, *chunks[:-1]])
        self._chunks = sum(chunks)
        self._kinds = 2 + states
        begin = 2 * self._chunks * self._kinds
        rows: list[tuple[int, ...]] = []
        chunk = 0
        for k, size in enumerate(sizes):
            for start in _cut(size):
                many, byte = min(CHUNK, size - start), start * item
                rows.append((STEPS, many, k, byte, count + k, 2 * chunk, 0))
                rows.append((SQUARES, many, 2 * count + k, byte, 0, 2 * (self._chunks + chunk), 0))
                rows += [
                    (ENDS, many, (3 + s) * count + k, byte, 0, 2 * ((2 + s) * self._chunks + chunk), 0)
                    for s in range(states)
                ]
                chunk += 1
            rows += [
                (TAKE, samples[k], stream * count + k, 0, 0, begin + stream * self._cuts[-1] + self._cuts[k], size)
                for stream in range(3 + states)
            ]
        self._jobs = _Jobs(run, rows)
        # Two buffers in turn: what is remembered of the last look must outlast this one.
        self._answers = [np.empty(begin + self._cuts[-1] * (3 + states)) for _ in range(2)]
        self._turn = 0
        self._begin = begin

    def look(
        self,
        before: Sequence[int],
        after: Sequence[int],
        gradients: Sequence[int],
        states: Sequence[Sequence[int]],
        letters: Sequence[str],
        threads: int = 1,
    ) -> list[Look | None]:
        """Look at arrays at these addresses.

        Parameters
        ----------
        before, after, gradients
            One address for each array.
        states
            For each letter, one address for each array.
        letters
            What the states are called.
        threads
            How many may work at it.

        Returns
        -------
        list
            The looks, whose samples hold until the look after the next; None for an array in which something is not
            finite or out of the range of a sum of squares, which is to be looked at in another way.
        """
        self._turn ^= 1
        answers = self._answers[self._turn]
        self._jobs.do([*before, *after, *gradients, *(one for each in states for one in each)], answers, threads)
        found = answers[: self._begin].reshape(self._kinds, self._chunks, 2)
        with np.errstate(all="ignore"):
            steps = np.add.reduceat(found[0], self._firsts)
            squares = np.add.reduceat(found[1, :, 0], self._firsts)
            norms = np.sqrt(np.column_stack([squares, steps])).tolist()
            ends = found.view(self._dtype)[2:, :, :2]
            low = np.minimum.reduceat(ends[..., 0], self._firsts, axis=1).tolist() if letters else []
            high = np.maximum.reduceat(ends[..., 1], self._firsts, axis=1).tolist() if letters else []
        parts = answers[self._begin :].reshape(3 + self._states, -1)
        looks: list[Look | None] = []
        for k in range(self._count):
            own = {letter: (low[s][k], high[s][k]) for s, letter in enumerate(letters)}
            sound = all(norm == 0.0 or 1e-140 < norm < np.inf for norm in norms[k])
            if not sound or any(not np.isfinite(one + other) for one, other in own.values()):
                looks.append(None)
                continue
            span = slice(self._cuts[k], self._cuts[k + 1])
            gradient, step, weight = norms[k]
            looks.append(Look(
                (gradient, step, weight), (0, 0, 0), parts[2, span], parts[0, span], parts[1, span],
                {letter: parts[3 + s, span] for s, letter in enumerate(letters)}, own,
            ))  # fmt: skip
        return looks
