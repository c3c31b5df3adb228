"""A few threads of our own that help with a compiled loop; they sleep until called and die with the process."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.optim.engine.loops import DONE, SUSPICIOUS

__all__ = ["default_threads", "run"]

_calls: queue.SimpleQueue[tuple[Callable[..., None], tuple[int, ...], object]] = queue.SimpleQueue()
_helpers = 0
_MOST = 256
"""Helpers of at most so many: no processor has use for more, and a slip of the finger must not start a million."""
_growing = threading.Lock()


def _step_aside() -> None:
    """Let another thread have this core, if one wants it; `time.sleep` of nothing sleeps for some 75 us on Linux."""
    if sys.platform == "win32":
        time.sleep(0)
    else:
        os.sched_yield()


def default_threads() -> int:
    """How many threads one update may use: ``NUKARUMI_NUM_THREADS``, else the cores this process may run on, 8 at most.

    Raises
    ------
    BadInput
        If the variable is not a whole number of at least 1.
    """
    named = os.environ.get("NUKARUMI_NUM_THREADS", "").strip()
    if not named:
        return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    if not named.isdecimal() or int(named) < 1:
        raise BadInput(
            "NUKARUMI_NUM_THREADS must be a whole number of at least 1",
            repr(named),
            "set it to a number, or unset it to use every core",
        )
    return int(named)


def run(start: Callable[..., None], chunks: int, count: int, constants: int, threads: int, keep: object) -> int:
    """Work through ``count`` chunks on this thread and ``threads - 1`` helpers; return when all are done.

    Every call has counters of its own, so a helper that wakes after the work is done finds nothing to take and
    touches nothing. ``keep`` holds alive what the addresses point to, until the last helper has looked.

    Returns
    -------
    The number of chunks that met a gradient that is not finite.
    """
    counters = np.zeros(3, np.int64)
    addresses = (chunks, count, constants, counters.ctypes.data)
    helpers = min(threads - 1, count - 1, _MOST)
    _grow(helpers)
    for _ in range(min(helpers, _helpers)):
        _calls.put((start, addresses, (counters, keep)))
    start(*addresses)
    while counters[DONE] < count:  # another thread is in its last chunk: some microseconds
        _step_aside()
    return int(counters[SUSPICIOUS])


def _grow(wanted: int) -> None:
    """See to it that there are so many helpers, if there can be."""
    global _helpers  # noqa: PLW0603
    if _helpers < wanted:
        with _growing:
            while _helpers < wanted:
                try:
                    threading.Thread(target=_help, name=f"nukarumi-{_helpers + 1}", daemon=True).start()
                except RuntimeError:  # no more threads to be had, or the interpreter is closing: go on with fewer
                    return
                _helpers += 1


def _help() -> None:
    calls = _calls
    while True:
        start, addresses, keep = calls.get()
        start(*addresses)
        del start, addresses, keep


def _after_fork() -> None:
    """A child has none of its parent's threads: start afresh when first needed."""
    global _calls, _helpers, _growing
    _calls, _helpers, _growing = queue.SimpleQueue(), 0, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
