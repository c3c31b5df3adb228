"""Push and pull of a table sharded on Ray, beside Ray's own transfer of the same bytes between the same processes.

Each round pushes gradients of many rows and pulls as many rows. Beside it, in turn with it, plain actors on the nodes
of the shards take one array of the same bytes and give one back, and do nothing else. The ratio is their time over
the table's: 1 means that the table adds nothing to the transport.

``--kill`` pushes 10,000 times, kills a shard in the middle, and compares every bit with one local table.
"""

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from nukarumi import Adagrad, Rows
from nukarumi.cluster import ShardedTable

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the table (1,000,000)")
parser.add_argument("--dim", type=int, default=64, help="entries of a row (64)")
parser.add_argument("--batch", type=int, default=4096, help="rows of a push and of a pull (4,096)")
parser.add_argument("--shards", type=int, nargs="+", default=[1, 3], help="numbers of shards (1 3)")
parser.add_argument("--nodes", type=int, nargs="+", default=[1, 3], help="nodes of the cluster (1 3)")
parser.add_argument("--rounds", type=int, default=150, help="rounds of each (150)")
parser.add_argument("--kill", action="store_true", help="push 10,000 times with a shard killed in the middle")
parser.add_argument("--at-least", type=float, help="end with an error if a ratio is below this")
given = parser.parse_args()


class Transport:
    """An actor that only takes and gives."""

    def __init__(self, out: np.ndarray) -> None:
        self.out = out

    def daemon(self) -> int:
        """The process that started this one."""
        return os.getppid()

    def take(self, values: np.ndarray) -> None:
        """Let an array come."""

    def give(self, places: np.ndarray) -> np.ndarray:
        """Send an array."""
        return self.out


def parent(pid: int) -> int:
    """The process that started another one: for an actor, Ray's daemon of its node."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def beside(pid: int, values: np.ndarray) -> Any:
    """A plain actor on the node of the actor with this process."""
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    for node in ray.nodes():
        strategy = there(node["NodeID"], soft=False)
        actor = ray.remote(Transport).options(num_cpus=0, scheduling_strategy=strategy).remote(values.copy())
        if ray.get(actor.daemon.remote()) == parent(pid):
            return actor
        ray.kill(actor)
    raise LookupError(f"no node has started process {pid}")


def alternately(*calls: Callable[[], Any]) -> list[float]:
    """Seconds of each call, the median of many rounds taken in turn, so that a noisy machine is noisy for all."""
    times = np.zeros((given.rounds + 5, len(calls)))
    for line in times:
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            line[k] = time.perf_counter() - start
    return np.median(times[5:], axis=0).tolist()


def measure(shards: int, partition: str) -> float:
    """Print one line; gives the ratio of push and pull together."""
    rng = np.random.default_rng(0)
    indices = rng.permutation(given.rows)[: given.batch]
    gradient = Rows(indices, rng.normal(size=(given.batch, given.dim)).astype(np.float32))
    parts = np.array_split(gradient.values, shards)
    places = np.array_split(indices, shards)
    with ShardedTable(
        given.rows, given.dim, optimizer=Adagrad(lr=0.1), shards=shards, partition=partition, log_bytes=1 << 40
    ) as table:
        plain = [beside(told["pid"], part) for told, part in zip(table.told(), parts, strict=True)]
        push, pull, take, give = alternately(
            lambda: table.push(gradient),
            lambda: table.pull(indices),
            lambda: ray.get([actor.take.remote(part) for actor, part in zip(plain, parts, strict=True)]),
            lambda: [a.copy() for a in ray.get([a.give.remote(p) for a, p in zip(plain, places, strict=True)])],
        )
    for actor in plain:
        ray.kill(actor)
    ratio = (take + give) / (push + pull)
    print(
        f"  {shards} shards, {partition:5}  {2 * given.batch / (push + pull):12,.0f} rows/s"
        f"  push {1e3 * push:6.2f} ms  pull {1e3 * pull:6.2f} ms"
        f"  transport {1e3 * take:6.2f} + {1e3 * give:6.2f} ms  ratio {ratio:.2f}"
    )
    return ratio


def killed(pushes: int = 10_000) -> None:
    """A shard killed in the middle of many pushes: every bit of the table is that of a local one."""
    rows, dim, batch = 10_000, 8, 64
    rng = np.random.default_rng(1)
    local, w = Adagrad(lr=0.1), np.zeros((rows, dim), np.float32)
    with (
        tempfile.TemporaryDirectory() as folder,
        ShardedTable(
            rows, dim, optimizer=Adagrad(lr=0.1), shards=3, checkpoints=folder, log_bytes=4 << 20, staleness=8
        ) as table,
    ):
        start = time.perf_counter()
        for number in range(pushes):
            rows_now = Rows(rng.integers(0, rows, batch), rng.normal(size=(batch, dim)).astype(np.float32))
            table.push(rows_now)
            local.update({"table": w}, {"table": rows_now})
            if number == pushes // 2:
                os.kill(table.told()[1]["pid"], signal.SIGKILL)
        table.flush()
        seconds = time.perf_counter() - start
        everything = np.arange(rows)
        equal = np.array_equal(table.pull(everything), w)
        equal &= np.array_equal(table.pull(everything, "h"), local.h["table"])
        told = "every bit equal" if equal else "NOT equal"
        print(f"{pushes:,} pushes, shard 1 killed in the middle, {nodes} nodes: {told}, {seconds:.1f} s")
    if not equal:
        sys.exit("the table differs from the local one")


worst = np.inf
for nodes in given.nodes:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "object_store_memory": 1 << 28})
    for _ in range(nodes - 1):
        cluster.add_node(num_cpus=2, object_store_memory=1 << 28)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        if given.kill:
            killed()
        else:
            size = f"{given.batch:,} x {given.dim} float32 of {given.rows:,} rows"
            print(f"{size}, Ray {ray.__version__}, nodes: {nodes}")
            worst = min(worst, *(measure(n, kind) for n in given.shards for kind in ("range", "hash")))
    finally:
        ray.shutdown()
        cluster.shutdown()
if given.at_least is not None and worst < given.at_least:
    sys.exit(f"a ratio is below {given.at_least:g}")
