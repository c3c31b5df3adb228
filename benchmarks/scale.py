"""Measures what the plan of docs/scale.md is calculated from: one core's speeds, and Ray's on this machine.

    python benchmarks/scale.py benchmarks/scale.json

Every figure is that of the fastest of several rounds, because the plan is about machines that do nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import sys
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi import Adagrad, Rows, RowwiseAdagrad
from nukarumi.bench.rows import LOOKUPS, WIDTH
from nukarumi.cluster.connect import connect, own_versions, worker_environment

TABLE = 1_000_000
BATCHES = 32


def fastest(work: Callable[[], object], rounds: int = 9, seconds: float = 0.2) -> float:
    """Seconds of one call: the mean of a round, the least of all rounds."""
    work()
    found = []
    for _ in range(rounds):
        calls, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < seconds or not calls:
            work()
            calls += 1
        found.append(taken / calls)
    return min(found)


def rows_of_one_core() -> dict[str, float]:
    """Rows a second: updated by both optimizers, gathered, and packed for the way."""
    draw = np.random.default_rng(0)
    values = draw.standard_normal((LOOKUPS, WIDTH), dtype=np.float32)
    table = np.full((TABLE, WIDTH), 0.1, np.float32)
    batches = cycle([draw.choice(TABLE, LOOKUPS, replace=False) for _ in range(BATCHES)])
    found = {}
    for name, make in (("push_rows", Adagrad), ("rowwise_push_rows", RowwiseAdagrad)):
        optimizer: Any = make(engine="numba", threads=1)
        shape = table.shape if name == "push_rows" else table.shape[:1]
        optimizer.use_state("table", h=np.full(shape, 0.01, np.float32))
        push = lambda to=optimizer: to.update({"table": table}, {"table": Rows(next(batches), values)})  # noqa: E731
        found[name] = LOOKUPS / fastest(push)
    found["pull_rows"] = LOOKUPS / fastest(lambda: table[next(batches)])
    indices = next(batches)

    def pack() -> object:
        buffers: list[pickle.PickleBuffer] = []
        packed = pickle.dumps((indices, values), protocol=5, buffer_callback=buffers.append)
        way = [bytes(buffer.raw()) for buffer in buffers]  # as a network sends and receives them
        return pickle.loads(packed, buffers=way)

    found["pack_bytes"] = (indices.nbytes + values.nbytes) / fastest(pack)
    return found


class Desk:
    """An actor that takes what it is given."""

    def nothing(self) -> None:
        """Answer."""

    def take(self, values: Any) -> int:
        """Answer with the size of what came."""
        return int(values.nbytes)

    def number(self) -> int:
        """Name the process."""
        return os.getpid()


def ray_on_this_machine() -> dict[str, float]:
    """An empty call, an array on its way to another process, and an actor that dies and comes back."""
    values = np.random.default_rng(0).standard_normal((16 * LOOKUPS, WIDTH), dtype=np.float32)
    with connect(cpus=2) as session:
        ray = session.ray
        desk = ray.remote(Desk).options(num_cpus=1, max_restarts=-1, runtime_env=worker_environment()).remote()
        before = session.get(desk.number.remote(), "the actor")
        call = fastest(lambda: session.get(desk.nothing.remote(), "the actor"))
        moved = fastest(lambda: session.get(desk.take.remote(ray.put(values)), "the actor"))
        start = time.perf_counter()
        ray.kill(desk, no_restart=False)
        after = before
        while after == before:
            try:
                after = session.get(desk.number.remote(), "the actor")
            except ray.exceptions.RayActorError:
                time.sleep(0.01)
        restart = time.perf_counter() - start
    return {"move_bytes": values.nbytes / (moved - call), "call_seconds": call, "restart_seconds": restart}


def processor() -> str:
    """Name the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", help="where to write")
    chosen = parser.parse_args()
    load = os.getloadavg()[0]
    measured = {**rows_of_one_core(), **ray_on_this_machine()}
    import ray  # noqa: PLC0415

    machine = {
        "processor": processor(), "cpus": os.cpu_count(), "system": platform.system(),
        "load_before": round(load, 1), "versions": {**own_versions(), "Ray": ray.__version__},
    }  # fmt: skip
    rounded = {name: float(f"{value:.3g}") for name, value in measured.items()}
    text = json.dumps({"machine": machine, "measured": {"width": WIDTH, **rounded}}, indent=1)
    Path(chosen.file).write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
