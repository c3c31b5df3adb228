"""One sweep over memory: all that a reading asks of many arrays, as a list of jobs for one compiled loop.

The loop reads every stream once, makes norms and extremes of it and picks the sample while it is at hand. It is
compiled once on a machine, at the first reading that wants it, and kept and loaded as the optimizers' loops are; a
process that finds it there does not import Numba. A job is a row of whole numbers, which never change:

====== ===========================================================================================
0      ``TAKE``, ``COPY``, or the number of streams that are looked at: before, after, gradient, states
1, 2   entries, and which of the array's entries is the first of them
3, 4   the positions of the sample: address and number
5, 6   where in the samples it goes, and how much further that of the next stream does
7      where in the answers they go: sums of squares of gradient, step and weights; least and largest of each state
8, 9   where its array is among the addresses, and how much further that of the next stream is
10     how far into the array it begins
====== ===========================================================================================

Places are in bytes, but for 6, which counts entries, and 8 and 9, which count addresses. What changes from call to call
stands in a list of addresses: that of the samples, that of the answers, and those of the arrays' streams (``COPY``:
from, to).
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi.optim.engine import machine, pool
from nukarumi.sensor.look import Look, Sample
from nukarumi.trail.reading import positions

__all__ = ["COPY", "TAKE", "WIDTH", "Copies", "Samples", "Sweep", "Sweeps", "address", "loop", "readable"]

TAKE, COPY = 1, 2
STATES = 3
"""No optimizer has more states."""
WIDTH = 11
HEAD = 2
"""Addresses before those of the streams."""
ANSWERS = 4 + 2 * STATES
"""What a job answers, in words of eight bytes."""

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

        return machine.emit(loop_of(dtype), signature())

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

    def call(jobs: int, count: int, addresses: int, counters: int) -> None:
        run(address, address, jobs, count, addresses, counters)

    call.memory = memory, spare  # type: ignore[attr-defined]  # the code lives as long as the function
    return call


def address(array: NDArray[Any]) -> int:
    """Where the first entry lies."""
    found: int = array.__array_interface__["data"][0]
    return found


def readable(array: Any) -> str:
    """The type of an array that a sweep can read; "" for anything else."""
    if not isinstance(array, np.ndarray) or not array.size or array.dtype.name not in TYPES:
        return ""
    flags = array.flags
    return array.dtype.name if flags.c_contiguous and flags.aligned and array.dtype.isnative else ""


@cache
def _places(size: int) -> Whole:
    return positions(size).astype(np.int64)


class _Jobs:
    """A table of jobs.

    Parameters
    ----------
    run, dtype
        The loop, and its type.
    kind
        Of all jobs.
    sizes
        Entries of each array, which is cut into chunks.
    streams
        How many streams each array has.
    """

    def __init__(self, run: Run, dtype: str, kind: int, sizes: Sequence[int], streams: int) -> None:
        self._run = run
        item = np.dtype(dtype).itemsize
        chunks = [
            (k, min(CHUNK, size - start), start) for k, size in enumerate(sizes) for start in range(0, size, CHUNK)
        ]
        self.owner, entries, first = np.array(chunks, np.int64).reshape(-1, 3).T
        self.firsts = np.searchsorted(self.owner, np.arange(len(sizes)))
        self._keep = {size: _places(size) for size in sizes}
        self.cuts = np.cumsum([0, *(len(self._keep[size]) for size in sizes)]).tolist()
        self.spans = [slice(begin, end) for begin, end in pairwise(self.cuts)]
        self._table = table = np.zeros((len(chunks), WIDTH), np.int64)
        table[:, 0], table[:, 1], table[:, 2] = kind, entries, first
        begins = []
        for job, (k, many, start) in enumerate(chunks):
            places = self._keep[sizes[k]]
            begin, end = np.searchsorted(places, (start, start + many)).tolist()
            table[job, 3], table[job, 4] = address(places) + 8 * begin, end - begin
            begins.append(self.cuts[k] + begin)
        table[:, 5], table[:, 6] = np.array(begins, np.int64) * item, self.cuts[-1]
        table[:, 7] = np.arange(len(chunks)) * (8 * ANSWERS)
        table[:, 8], table[:, 9] = HEAD + self.owner, len(sizes)
        # The sample's positions count from the array's beginning: where there is nothing but a sample, so does the job.
        table[:, 10] = first * (item if kind != TAKE else 0)
        self._size = sum(sizes) * streams
        self._at = address(table)
        self._counters = np.zeros(3, np.int64)
        self._counters_at = address(self._counters)

    def do(
        self, streams: Sequence[int], samples: Sample | None, answers: Floats | None, threads: int, keep: object = None
    ) -> None:
        """Do the jobs on streams at these addresses: those of all arrays' first stream, then of their second...

        ``keep`` is whatever holds the streams that are written to.
        """
        where = [0 if samples is None else address(samples), 0 if answers is None else address(answers), *streams]
        addresses = np.array(where, np.int64)
        at, table = address(addresses), self._table
        if threads > 1 and self._size >= SHARED:
            # Held as well: what a helper reads or writes after an interrupt of the caller.
            pool.run(
                self._run, self._at, len(table), at, threads, (table, addresses, self._keep, samples, answers, keep)
            )
        else:
            self._counters[:] = 0
            self._run(self._at, len(table), at, self._counters_at)


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
        stops = np.cumsum([-(-size // 16) * 16 for size in sizes]).tolist()  # each begins on a line of the cache
        whole = np.empty(stops[-1] if stops else 0, dtype)
        self.arrays = [whole[stop - -(-size // 16) * 16 :][:size] for size, stop in zip(sizes, stops, strict=True)]
        self.addresses = [address(array) for array in self.arrays]
        self._jobs = _Jobs(run, dtype, COPY, sizes, 2)

    def take(self, given: Sequence[int], threads: int = 1) -> None:
        """Copy the arrays at these addresses."""
        self._jobs.do([*given, *self.addresses], None, None, threads, self.arrays)


class Samples:
    """Takes the samples of arrays of one type."""

    def __init__(self, run: Run, dtype: str, sizes: Sequence[int]) -> None:
        self._jobs = _Jobs(run, dtype, TAKE, sizes, 1)
        self._dtype, self._spans = np.dtype(dtype), self._jobs.spans

    def take(self, given: Sequence[int]) -> list[Sample]:
        """Take the samples of the arrays at these addresses."""
        samples = np.empty(self._jobs.cuts[-1], self._dtype)
        self._jobs.do(given, samples, None, 1)
        return [samples[span] for span in self._spans]


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
        self._dtype, self._states = np.dtype(dtype), states
        self._jobs = _Jobs(run, dtype, 3 + states, sizes, 3 + states)
        self._answers = np.empty((len(self._jobs.owner), ANSWERS))

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
            The looks; None for an array in which something is not finite or out of the range of a sum of squares, which
            is to be looked at in another way.
        """
        firsts = self._jobs.firsts
        parts = np.empty((3 + self._states, self._jobs.cuts[-1]), self._dtype)
        streams = [*before, *after, *gradients, *(one for each in states for one in each)]
        self._jobs.do(streams, parts, self._answers, threads)
        with np.errstate(all="ignore"):
            norms = np.sqrt(np.add.reduceat(self._answers[:, :3], firsts)).tolist()
            ends = self._answers[:, 4:].view(self._dtype)[:, : 2 * self._states]
            low = np.minimum.reduceat(ends[:, ::2], firsts).tolist()
            high = np.maximum.reduceat(ends[:, 1::2], firsts).tolist()
        looks: list[Look | None] = []
        for k, (gradient, step, weight) in enumerate(norms):
            own = {letter: (low[k][s], high[k][s]) for s, letter in enumerate(letters)}
            sound = all(norm == 0.0 or 1e-140 < norm < np.inf for norm in norms[k])
            if not sound or not all(math.isfinite(one + other) for one, other in own.values()):
                looks.append(None)
                continue
            span = self._jobs.spans[k]
            looks.append(Look(
                (gradient, step, weight), (0, 0, 0), parts[2, span], parts[0, span], parts[1, span],
                {letter: parts[3 + s, span] for s, letter in enumerate(letters)}, own,
            ))  # fmt: skip
        return looks


class Sweeps:
    """The sweeps that one sensor has made, to be used again."""

    MOST = 8

    def __init__(self) -> None:
        self._made: dict[Any, Sweep] = {}

    def of(self, run: Run, dtype: str, sizes: tuple[int, ...], letters: tuple[str, ...]) -> Sweep:
        """The sweep of arrays of these sizes, with states of these letters."""
        key = dtype, sizes, letters
        if key not in self._made:
            if len(self._made) >= self.MOST:  # arrays of other sizes every time must not fill the memory
                self._made.clear()
            self._made[key] = Sweep(run, dtype, sizes, len(letters))
        return self._made[key]
