"""The loop of a sweep, in the part of Python that Numba compiles; imported only while it is being compiled.

Sums of squares may be reordered here, unlike anything that an optimizer computes: a reading may round, the training may
not. They run over blocks so short that float32 loses less than 1e-6 at worst, and a block that leaves the range of
float32 is summed again in float64. Extremes are sought among whole numbers in the order of the floats, where NaN lies
beyond infinity: so one comparison finds the extremes and tells of NaN too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from nukarumi.optim.engine.intrinsics import NAMESPACE
from nukarumi.optim.engine.intrinsics import _typed as typed
from nukarumi.sensor.sweep import COPY, TAKE, WIDTH

__all__ = ["loop_of", "signature"]

BLOCK = 1024
SMALLEST, LARGEST = 1e-20, 1e30
"""Between these a block's sum of squares is sound in float32."""


@njit(error_model="numpy", fastmath={"reassoc", "nsz"})
def squares(at: Any, start: Any, stop: Any, total: Any) -> Any:
    for i in range(start, stop):
        total += at[i] * at[i]
    return total


@njit(error_model="numpy", fastmath={"reassoc", "nsz"})
def wide_squares(at: Any, start: Any, stop: Any) -> Any:
    total = 0.0
    for i in range(start, stop):
        x = np.float64(at[i])
        total += x * x
    return total


@njit(error_model="numpy", fastmath={"reassoc", "nsz"})
def steps(before: Any, after: Any, start: Any, stop: Any, total: Any) -> Any:
    for i in range(start, stop):
        x = after[i] - before[i]
        total += x * x
    return total


@njit(error_model="numpy", fastmath={"reassoc", "nsz"})
def wide_steps(before: Any, after: Any, start: Any, stop: Any) -> Any:
    total = 0.0
    for i in range(start, stop):
        x = np.float64(after[i]) - np.float64(before[i])
        total += x * x
    return total


@njit(error_model="numpy")
def squared(at: Any, start: Any, stop: Any, nought: Any) -> Any:
    part = np.float64(squares(at, start, stop, nought))
    return part if SMALLEST < part < LARGEST else wide_squares(at, start, stop)


@njit(error_model="numpy")
def stepped(before: Any, after: Any, start: Any, stop: Any, nought: Any) -> Any:
    part = np.float64(steps(before, after, start, stop, nought))
    return part if SMALLEST < part < LARGEST else wide_steps(before, after, start, stop)


@njit(error_model="numpy")
def ends(bits: Any, start: Any, stop: Any, sign: Any, low: Any, high: Any, most: Any) -> Any:
    """The extremes in the order of the floats: what is below 0 has all bits but the sign turned over."""
    for i in range(start, stop):
        x = bits[i]
        x ^= (x >> sign) & most
        low = min(low, x)
        high = max(high, x)
    return low, high


def loop_of(dtype: str) -> Any:
    """The loop over a table of jobs for arrays of one type; `nukarumi.sensor.sweep` says what a job is."""
    whole = np.dtype(dtype.replace("float", "int"))
    sign = whole.type(whole.itemsize * 8 - 1)
    least, most = whole.type(np.iinfo(whole).min), whole.type(np.iinfo(whole).max)
    nought = np.dtype(dtype).type(0)
    numbers_at, wide_at = _at(dtype), _at("float64")
    bits_at, places_at = _at(whole.name), _at("int64")
    take_one = NAMESPACE["take_one"]

    def loop(jobs: Any, count: Any, addresses: Any, counters: Any) -> None:  # noqa: PLR0912 - one loop, three kinds of job
        while True:
            job = take_one(counters, 0)
            if job >= count:
                break
            row = job * WIDTH
            size, first, places = jobs[row + 1], jobs[row + 2], places_at(jobs[row + 3])
            samples, stride = numbers_at(addresses[0] + jobs[row + 5]), jobs[row + 6]
            own, further, begin = jobs[row + 8], jobs[row + 9], jobs[row + 10]
            taken, wanted = 0, jobs[row + 4]
            if jobs[row] == COPY:
                a, b = numbers_at(addresses[own] + begin), numbers_at(addresses[own + further] + begin)
                for i in range(size):
                    b[i] = a[i]
            elif jobs[row] == TAKE:
                a = numbers_at(addresses[own] + begin)
                for i in range(wanted):
                    samples[i] = a[places[i]]
            else:
                before, after = numbers_at(addresses[own] + begin), numbers_at(addresses[own + further] + begin)
                gradient, kinds = numbers_at(addresses[own + 2 * further] + begin), jobs[row]
                answers, found = wide_at(addresses[1] + jobs[row + 7]), bits_at(addresses[1] + jobs[row + 7] + 32)
                pushed, step, length = 0.0, 0.0, 0.0
                for s in range(kinds - 3):
                    found[2 * s], found[2 * s + 1] = most, least
                for start in range(0, size, BLOCK):
                    stop = min(start + BLOCK, size)
                    step += stepped(before, after, start, stop, nought)
                    length += squared(after, start, stop, nought)
                    pushed += squared(gradient, start, stop, nought)
                    for s in range(kinds - 3):
                        state = bits_at(addresses[own + (3 + s) * further] + begin)
                        low, high = ends(state, start, stop, sign, found[2 * s], found[2 * s + 1], most)
                        found[2 * s], found[2 * s + 1] = low, high
                    while taken < wanted and places[taken] < first + stop:
                        for k in range(kinds):
                            stream = numbers_at(addresses[own + k * further] + begin)
                            samples[k * stride + taken] = stream[places[taken] - first]
                        taken += 1
                for s in range(2 * (kinds - 3)):
                    found[s] ^= (found[s] >> sign) & most
                answers[0], answers[1], answers[2] = pushed, step, length
            take_one(counters, 1)

    return loop


def _at(name: str) -> Any:
    """What reads an address as numbers of a type."""
    return NAMESPACE[f"{name}_at"] if f"{name}_at" in NAMESPACE else typed(getattr(types, name))


def signature() -> Any:
    """What the loop takes: jobs, their count, addresses, counters."""
    pointer: Any = types.CPointer
    words = pointer(types.int64)
    return types.void(words, types.int64, words, words)
