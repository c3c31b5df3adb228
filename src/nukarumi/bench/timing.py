"""Contenders timed in turns, so that whatever else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

__all__ = ["alone", "fresh", "turns"]


def turns(contenders: Mapping[str, Callable[[], object]], seconds: float = 0.15, rounds: int = 9) -> dict[str, float]:
    """Seconds per call of each contender, the median over rounds in which every one has its turn.

    Parameters
    ----------
    contenders
        Name to a function without arguments. Each is called until its slice of ``seconds`` is used up.
    seconds
        Length of one turn.
    rounds
        Number of rounds; a first, uncounted one warms up.

    Examples
    --------
    >>> times = turns({"short": lambda: sum(range(10)), "long": lambda: sum(range(10_000))}, seconds=0.001, rounds=3)
    >>> times["short"] < times["long"]
    True
    """
    calls = {}
    for name, function in contenders.items():
        for _ in range(3):
            function()
        calls[name] = max(1, min(20_000, int(seconds / max(1e-9, alone(function)))))
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, function in contenders.items():
            each = range(calls[name])
            start = time.perf_counter()
            for _ in each:
                function()
            if number:
                found[name].append((time.perf_counter() - start) / calls[name])
    return {name: statistics.median(values) for name, values in found.items()}


def alone(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def fresh(program: str, rounds: int = 7, environment: Mapping[str, str] | None = None) -> float:
    """The median number that a program prints when run in fresh processes.

    Raises
    ------
    RuntimeError
        If the program fails; the message is its own.
    """
    values = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment, timeout=300
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        values.append(float(done.stdout.split()[-1]))
    return statistics.median(values)
