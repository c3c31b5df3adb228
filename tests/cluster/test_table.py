"""A table on a real Ray cluster of three nodes: actors and drivers are killed, and every bit is still there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import table_fakes
from table_fakes import Slow

from nukarumi import Adagrad, Adam, Rows
from nukarumi._errors import BadInput
from nukarumi.cluster import ClusterError, ShardedTable
from nukarumi.cluster.checkpoint import Folder
from nukarumi.cluster.connect import import_ray
from nukarumi.optim.base import Optimizer

ray = import_ray()

pytestmark = [
    # Ray's own launcher leaves a subprocess's handle and its pipes to the garbage collector.
    pytest.mark.filterwarnings("ignore:subprocess \\d+ is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning"),
]

ROWS, DIM = 2000, 8


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes on this machine, and none of their processes afterwards."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    small: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 1 << 27, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=small)
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=1, object_store_memory=1 << 27)
        ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")
        folder = ray._private.worker._global_node.get_session_dir_path()
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()
    end = time.monotonic() + 30
    while (left := processes_with(folder)) and time.monotonic() < end:
        time.sleep(0.2)
    assert left == []


@pytest.fixture(scope="module")
def address(cluster: Any) -> str:
    """Where the cluster listens."""
    found: str = cluster.address
    return found


def processes_with(text: str) -> list[str]:
    """The command lines of this machine's processes that name something."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in told and path.parent.name != str(os.getpid()):
            found.append(told)
    return found


def gradients(count: int, size: int = 64, seed: int = 11) -> Iterator[Rows]:
    """Pushes with duplicates."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        yield Rows(rng.integers(0, ROWS, size) // 2, rng.normal(size=(size, DIM)).astype(np.float32))


def undisturbed(optimizer: Optimizer, pushes: Iterator[Rows]) -> tuple[Optimizer, Any]:
    """One local table."""
    local, w = type(optimizer)(**optimizer.settings), np.zeros((ROWS, DIM), np.float32)
    for rows in pushes:
        local.update({"table": w}, {"table": rows})
    return local, w


def same(table: ShardedTable, local: Optimizer, w: Any) -> None:
    """Assert that every bit agrees."""
    everything = np.arange(ROWS)
    assert table.pull(everything).tobytes() == w.tobytes()
    for letter, arrays in local.state_dict()["state"].items():
        assert table.pull(everything, of=letter).tobytes() == arrays["table"].tobytes()
    assert {told["t"] for told in table.told()} == {local.t}


@pytest.mark.parametrize(("staleness", "how", "count"), [(0, "ray", 300), (8, "kill -9", 2500)])
def test_a_killed_actor_loses_no_push(address: str, tmp_path: Path, staleness: int, how: str, count: int) -> None:
    """In the middle of many pushes: once before the log has led to a checkpoint and once after some."""
    optimizer = Adam(lr=lambda t: 0.1 / t, clip_norm=9.0)
    with ShardedTable(
        ROWS, DIM, optimizer=optimizer, shards=3, partition="hash", staleness=staleness, log_bytes=250_000,
        checkpoints=str(tmp_path / "checkpoints"), folder=str(tmp_path / "rows") if staleness else None,
    ) as table:  # fmt: skip
        for number, rows in enumerate(gradients(count)):
            table.push(rows)
            assert table.pending <= staleness
            if number in (50, count // 2):
                shard = number % 3
                if how == "ray":
                    ray.kill(table._crew.actors[shard])
                else:
                    os.kill(table.told()[shard]["pid"], signal.SIGKILL)
        table.flush()
        assert table.pending == 0
        assert table._crew.base.pushes > count // 3
        same(table, *undisturbed(optimizer, gradients(count)))


def test_three_shards_go_on_as_five(address: str, tmp_path: Path) -> None:
    optimizer = Adagrad(lr=0.1)
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, checkpoints=str(tmp_path)) as table:
        for rows in gradients(20):
            table.push(rows)
        table.checkpoint()
    with ShardedTable.restore(str(tmp_path), shards=5) as table:
        same(table, *undisturbed(optimizer, gradients(20)))
        assert len({told["pid"] for told in table.told()}) == 5


DRIVER = """
import os, signal, sys
import ray
from nukarumi import Adagrad
from nukarumi.cluster import ShardedTable
from nukarumi.cluster.crew import Crew

sys.path.insert(0, sys.argv[3])
from test_table import DIM, ROWS, gradients

address, folder = sys.argv[1:3]
ray.init(address=address, log_to_driver=False, logging_level="ERROR")
table = ShardedTable(ROWS, DIM, optimizer=Adagrad(lr=0.1), shards=3, checkpoints=folder)
for number, rows in enumerate(gradients(30)):
    table.push(rows)
    if number == 19:
        table.checkpoint()

def die(*ignored):
    os.kill(os.getpid(), signal.SIGKILL)

def ask(self, call, shards, what):
    self._ray.get(call(1))
    die()

Crew.ask = ask
table.checkpoint()
"""


def test_kill_9_between_the_shards_of_a_checkpoint_leaves_the_one_before(address: str, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DRIVER, address, str(tmp_path), str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2  # the second one's files are there
    optimizer = Adagrad(lr=0.1)
    with ShardedTable.restore(str(tmp_path), shards=2) as table:
        assert table.t == 20
        same(table, *undisturbed(optimizer, gradients(20)))
        for number, rows in enumerate(gradients(30)):
            if number >= 20:
                table.push(rows)
        assert table.checkpoint() == 30
        same(table, *undisturbed(optimizer, gradients(30)))
        assert Folder.steps(table._folder) == [20, 30]
    assert len(list(tmp_path.iterdir())) == 5  # lock, manifests, folders: what was half done is gone


def test_staleness_bounds_what_is_unacknowledged(address: str) -> None:
    ray.cloudpickle.register_pickle_by_value(table_fakes)  # the actors have no way to the tests
    seen = []
    with ShardedTable(ROWS, DIM, optimizer=Slow(lr=0.1), shards=3, staleness=4) as table:
        for rows in gradients(12):
            table.push(rows)
            seen.append(table.pending)
        found = table.pull(np.arange(ROWS))  # a pull sees what was pushed before it
        table.flush()
        _, w = undisturbed(Adagrad(lr=0.1), gradients(12))
        assert found.tobytes() == w.tobytes()
    assert max(seen) == 4
    assert seen[:4] == [1, 2, 3, 4]


def test_a_table_beyond_memory_is_refused_by_its_shard(address: str) -> None:
    with pytest.raises(ClusterError, match=r"shard \d of 3 must begin.*GB.*Cure: take more shards"):
        ShardedTable(10**14, 64, optimizer=Adagrad(), shards=3)


def test_actors_that_find_no_place_are_told_of_in_time(address: str) -> None:
    start = time.monotonic()
    with pytest.raises(ClusterError, match=r"shard 0 of 3 must come up.*no answer within 2 s"):
        ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, timeout=2.0, options={"num_cpus": 64})
    assert time.monotonic() - start < 40


def test_another_cluster_than_ours_is_refused(address: str) -> None:
    with pytest.raises(BadInput, match="can be connected to one cluster only"):
        ShardedTable(ROWS, DIM, optimizer=Adagrad(), address="127.0.0.1:1")


def test_a_node_that_goes_takes_no_push_with_it(cluster: Any) -> None:
    """All shards stand on it, the last of the three."""
    there = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
    node = next(node for node in cluster.list_all_nodes() if node is not cluster.head_node)
    optimizer = Adagrad(lr=0.1)
    with ShardedTable(
        ROWS, DIM, optimizer=optimizer, shards=3, staleness=5,
        options={"scheduling_strategy": there(node.node_id, soft=True)},
    ) as table:  # fmt: skip
        for number, rows in enumerate(gradients(60)):
            table.push(rows)
            if number == 30:
                cluster.remove_node(node, allow_graceful=False)
        same(table, *undisturbed(optimizer, gradients(60)))
