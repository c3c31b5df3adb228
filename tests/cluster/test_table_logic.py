"""A sharded table is a local table, to the bit; whatever fails in between, no push is lost and none comes twice.

Ray is played by ``table_fakes``, so that every optimizer, every number of shards and every moment of failure has its
turn.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file
from table_fakes import FakeRay

from nukarumi import Adagrad, Adam, AdamW, Momentum, Rows, RowwiseAdagrad, optim
from nukarumi._errors import BadInput, BadType
from nukarumi.cluster import ClusterError, ShardedTable
from nukarumi.cluster import table as table_module
from nukarumi.cluster.checkpoint import Folder, read_stretch, write_tensors
from nukarumi.cluster.partition import Partition
from nukarumi.cluster.shard import Blueprint, Push, Shard
from nukarumi.optim.base import Optimizer

Array = np.ndarray[Any, Any]

FAMILY = [
    found
    for name in optim.__all__
    if isinstance(found := getattr(optim, name), type) and issubclass(found, Optimizer) and found is not Optimizer
]
ROWS, DIM = 41, 3


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    """Ray, played."""
    fake = FakeRay()
    monkeypatch.setattr(table_module, "connect", lambda address, seconds: fake)
    return fake


def make(cls: Any, **options: Any) -> Optimizer:
    """An optimizer without weight decay, which does not go with Rows."""
    made: Optimizer = cls(**{"weight_decay": 0.0, **options})
    return made


def gradients(count: int, dtype: Any = np.float32, rows: int = ROWS) -> list[Rows]:
    """Pushes with duplicates, one of them empty, one of a single row."""
    rng = np.random.default_rng(7)
    sizes = [0 if k == 2 else 1 if k == 3 else 30 for k in range(count)]
    return [Rows(rng.integers(0, rows, n), rng.normal(size=(n, DIM)).astype(dtype)) for n in sizes]


def begin(dtype: Any = np.float32) -> Array:
    return np.random.default_rng(3).normal(size=(ROWS, DIM)).astype(dtype)


class Local:
    """One table on this machine."""

    def __init__(self, optimizer: Optimizer, w: Array) -> None:
        self.opt, self.w = type(optimizer)(**optimizer.settings), w.copy()

    def push(self, rows: Rows) -> None:
        self.opt.update({"table": self.w}, {"table": rows})

    def same(self, table: ShardedTable) -> None:
        """Assert that every bit of rows, states, steps and clocks agrees."""
        everything = np.arange(len(self.w))
        assert table.pull(everything).tobytes() == self.w.tobytes()
        state = self.opt.state_dict()
        for letter, arrays in state["state"].items():
            assert table.pull(everything, of=letter).tobytes() == arrays["table"].tobytes()
        assert table.t == self.opt.t
        for told in table.told():
            assert (told["t"], told["clocks"]) == (state["t"], state["clocks"])


def both(table: ShardedTable, local: Local, pushes: list[Rows]) -> None:
    for rows in pushes:
        table.push(rows)
        local.push(rows)


# One table, however many shards ------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", ["range", "hash"])
@pytest.mark.parametrize("shards", [1, 3, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cls", FAMILY)
def test_bits_are_those_of_one_local_table(ray: FakeRay, cls: Any, dtype: Any, shards: int, partition: str) -> None:
    optimizer, w = make(cls), begin(dtype)
    local = Local(optimizer, w)
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=shards, dtype=dtype, init=w, partition=partition) as table:
        both(table, local, gradients(8, dtype))
        local.same(table)


@pytest.mark.parametrize(
    "options",
    [
        {"clip_norm": 0.7},
        {"clip_norm": 0.7, "clip_value": 0.1, "maximize": True},
        {"lr_decay": 0.1, "lr": lambda t: 0.3 / t},
        {"overrides": {"tab*": {"lr": 0.7}, "other": {"lr": 9.0}}},
        {"engine": "numba"},
    ],
    ids=["norm", "clipped", "schedule", "overrides", "compiled"],
)
@pytest.mark.parametrize("cls", [Adam, RowwiseAdagrad, Momentum])
def test_options_act_on_the_whole_push(ray: FakeRay, cls: Any, options: dict[str, Any]) -> None:
    optimizer, w = make(cls, **options), begin()
    local = Local(optimizer, w)
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, init=w, partition="hash") as table:
        both(table, local, gradients(8))
        local.same(table)


def test_gradients_of_another_type_and_a_rate_set_on_the_way(ray: FakeRay) -> None:
    optimizer = Adagrad(lr=0.1)
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=4) as table:
        both(table, local, gradients(4, np.float64))
        table.lr = local.opt.lr = 0.01
        both(table, local, gradients(4))
        local.same(table)


@pytest.mark.parametrize("policy", ["warn", "skip", "skip_update", "ignore", "raise"])
def test_what_is_not_finite_is_the_matter_of_the_whole_push(ray: FakeRay, policy: str) -> None:
    optimizer, w = Adam(on_nonfinite=policy), begin()
    bad = Rows([3, 40], np.array([[1.0, 2.0, 3.0], [1.0, np.inf, 0.0]], np.float32))
    local = Local(optimizer, w)

    def outcome(push: Any) -> list[str]:
        found = []
        for rows in (*gradients(2), bad, *gradients(1)):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                try:
                    push(rows)
                except BadInput as refused:
                    found.append(str(refused))
            found += [str(one.message) for one in caught]
        return found

    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, init=w) as table:
        assert outcome(table.push) == outcome(local.push)
        local.same(table)


def test_nought_by_nought_is_told_as_of_a_local_table(ray: FakeRay) -> None:
    optimizer = Adagrad(eps=0.0)
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    nothing = Rows([5, 30], np.zeros((2, DIM), np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, partition="hash") as table:
        with pytest.warns(RuntimeWarning, match="not finite, first at index") as told:
            local.push(nothing)
        with pytest.warns(RuntimeWarning, match="is nan at index") as ours:
            table.push(nothing)
        assert str(told[0].message).endswith("0 / 0")
        assert str(ours[0].message).endswith("0 / 0")


def test_a_pull_is_the_callers_own_of_any_shape(ray: FakeRay) -> None:
    w = begin()
    for partition in ("range", "hash"):
        with ShardedTable(ROWS, DIM, optimizer=RowwiseAdagrad(), shards=3, init=w, partition=partition) as table:
            asked = np.array([[40, 0], [7, 7], [20, 13]], np.uint32)
            found = table.pull(asked)
            assert found.shape == (3, 2, DIM)
            assert (found == w[asked]).all()
            found[:] = 0
            assert (table.pull(asked) == w[asked]).all()
            assert table.pull(asked, of="h").shape == (3, 2)
            assert table.pull([]).shape == (0, DIM)


def test_a_function_of_rows_fills_every_cut_alike(ray: FakeRay) -> None:
    for shards in (1, 3, 5):
        for partition in ("range", "hash"):
            with ShardedTable(
                ROWS, DIM, optimizer=Adagrad(), shards=shards, partition=partition,
                init=lambda rows: np.repeat(rows[:, None] / 7, DIM, axis=1),
            ) as table:  # fmt: skip
                assert (table.pull(np.arange(ROWS)) == (np.arange(ROWS)[:, None] / 7).astype(np.float32)).all()


# Failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("staleness", [0, 3])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("fault", ["dies", "late"])
def test_a_shard_may_fail_at_every_call(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch, fault: str, when: str, staleness: int
) -> None:
    """Before the push is applied, or after it and before anybody knows."""
    monkeypatch.setattr("os.fsync", lambda handle: None)  # hundreds of checkpoints, and no power cut
    optimizer, pushes = Adam(), gradients(7)
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    for rows in pushes:
        local.push(rows)

    def undisturbed() -> int:
        ray.calls.clear()
        with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, staleness=staleness, log_bytes=2000) as table:
            first = len(ray.calls)
            for rows in pushes:
                table.push(rows)
            table.flush()
            local.same(table)
        return first

    first = undisturbed()
    last = len(ray.calls)
    for moment in range(first + 1, last + 1):
        ray.made = 0
        ray.fault = lambda name, shard, call, now, at=moment: fault if call == at and now == when else None
        undisturbed()
        assert ray.made == 4


def test_the_log_is_bounded_by_checkpoints_and_emptied_by_them(ray: FakeRay, tmp_path: Path) -> None:
    limit = 3000
    with ShardedTable(
        ROWS, DIM, optimizer=Adagrad(), shards=3, log_bytes=limit, checkpoints=str(tmp_path), keep=2
    ) as table:
        for rows in gradients(40):
            table.push(rows)
            assert table.logged <= limit
        assert len(Folder.steps(table._folder)) == 2
        assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2
        table.checkpoint()
        assert table.logged == 0


def test_a_shard_that_fails_for_good_is_told_of_and_the_table_refuses_from_then_on(ray: FakeRay) -> None:
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3) as table:
        table.push(gradients(1)[0])
        ray.fault = lambda name, shard, call, when: "dies" if shard == 2 and name == "push" else None
        with pytest.raises(ClusterError, match=r"shard 2 of 3 must be made anew.*ActorDiedError"):
            table.push(gradients(1)[0])
        with pytest.raises(ClusterError, match="has lost a shard for good"):
            table.pull([1])


def test_an_answer_that_never_comes_is_told_with_the_limit(ray: FakeRay) -> None:
    ray.fault = lambda name, shard, call, when: "late" if shard == 1 and name == "start" else None
    with pytest.raises(ClusterError, match=r"shard 1 of 3 must begin.*no answer within 2 s from a shard of 14 rows"):
        ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, timeout=2.0)


def test_a_push_that_finds_no_memory_is_told_with_shard_and_sizes(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Adagrad.update

    def full(self: Adagrad, params: Any, grads: Any) -> None:
        if len(params["table"]) > 1:  # not the one row with which a blueprint asks where the state starts
            raise MemoryError("cannot allocate")
        real(self, params, grads)

    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=2) as table:
        monkeypatch.setattr(Adagrad, "update", full)
        monkeypatch.setattr(Blueprint, "nbytes", lambda self, number: 2_500_000_000)
        with pytest.raises(ClusterError, match=r"shard 0 of 2 on .* 20 rows of 3 float32 .* 2.500 GB.*push 1 of"):
            table.push(gradients(1)[0])


def test_an_interrupt_between_the_shards_loses_nothing(ray: FakeRay) -> None:
    optimizer, pushes = Adam(), gradients(6)
    for shard in range(3):
        local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
        for rows in pushes:
            local.push(rows)

        def stop(name: str, number: int, call: int, when: str, at: int = shard) -> None:
            if name == "push" and number == at and when == "before":
                ray.fault = lambda *_: None
                raise KeyboardInterrupt

        with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3) as table:
            for rows in pushes[:3]:
                table.push(rows)
            ray.fault = stop
            with pytest.raises(KeyboardInterrupt):
                table.push(pushes[3])  # it is in the log, and is brought to an end by the next call
            for rows in pushes[4:]:
                table.push(rows)
            local.same(table)


def test_a_shard_counts_what_it_applies() -> None:
    plan = Blueprint("table", DIM, "float32", Partition(ROWS, 1), Adagrad(lr=0.0))
    shard = Shard(plan, 0)
    shard.start(0.0)
    one = Push(1, 0.1, np.array([4]), np.ones((1, DIM), np.float32))
    two = Push(2, 0.1, np.array([4]), np.ones((1, DIM), np.float32))
    assert shard.push([one])[0] == 1
    assert shard.push([one, two, one])[0] == 2
    assert shard.pull(np.array([4]), "h").tolist() == [[2.0] * DIM]
    with pytest.raises(RuntimeError, match="push 5 came to a shard that has seen 2"):
        shard.push([Push(5, 0.1, one.places, one.values)])
    assert shard.pull(np.array([4]), "h").tolist() == [[2.0] * DIM]


def test_a_shard_in_files_leaves_none_behind(tmp_path: Path) -> None:
    optimizer = RowwiseAdagrad(lr=0.1, initial_accumulator=0.5)
    memory, files = (
        Shard(Blueprint("table", DIM, "float64", Partition(ROWS, 2, "hash"), optimizer, folder), 1)
        for folder in (None, str(tmp_path / "rows"))
    )
    for shard in (memory, files):
        shard.start(0.25)
        shard.push([Push(1, 0.1, np.array([4, 9]), np.full((2, DIM), 0.3))])
    everything = np.arange(21)
    for letter in "wh":
        assert (memory.pull(everything, letter) == files.pull(everything, letter)).all()
    assert isinstance(files._arrays["w"], np.memmap)
    assert list((tmp_path / "rows").iterdir()) == []


def test_a_shard_without_room_says_how_much_it_wanted(tmp_path: Path) -> None:
    shard = Shard(Blueprint("table", 64, "float64", Partition(10**14, 3), Adam()), 1)
    with pytest.raises(
        MemoryError, match=r"shard 1 of 3 on .*33,333,333,333,333 rows of 64 float64 and their Adam state"
    ):
        shard.start(0.0)
    shard = Shard(Blueprint("table", 64, "float64", Partition(10**14, 3), Adam(), str(tmp_path)), 1)
    with pytest.raises(MemoryError, match=f"room in '{tmp_path}' for .* GB"):
        shard.start(0.0)


# Checkpoints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("partition", ["range", "hash"])
@pytest.mark.parametrize("cls", FAMILY)
def test_a_checkpoint_of_three_shards_goes_on_in_five(ray: FakeRay, cls: Any, partition: str, tmp_path: Path) -> None:
    optimizer, w, pushes = make(cls), begin(), gradients(9)
    local = Local(optimizer, w)
    with ShardedTable(
        ROWS, DIM, optimizer=optimizer, shards=3, init=w, partition=partition, checkpoints=str(tmp_path)
    ) as table:
        both(table, local, pushes[:6])
        assert table.checkpoint() == 6 == table.checkpoint()
    for shards in (5, 1, None):
        with ShardedTable.restore(str(tmp_path), step=6, shards=shards) as table:
            assert table.shards == (shards or 3)
            again = Local(optimizer, w)
            for rows in pushes[:6]:
                again.push(rows)
            again.same(table)
            both(table, again, pushes[6:])
            again.same(table)
    folder = Folder(tmp_path)
    assert folder.steps() == [0, 6]
    folder.close()


def test_a_checkpoint_of_a_table_that_has_only_skipped(ray: FakeRay, tmp_path: Path) -> None:
    """Its step has moved on, its clock has not."""
    optimizer = Adam(on_nonfinite="skip")
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    bad = Rows([1], np.full((1, DIM), np.nan, np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=2, checkpoints=str(tmp_path)) as table:
        both(table, local, [bad, bad])
        table.checkpoint()
    with ShardedTable.restore(str(tmp_path), shards=3) as table:
        both(table, local, gradients(4))
        local.same(table)


def test_a_rate_that_was_a_function_is_given_again(ray: FakeRay, tmp_path: Path) -> None:
    optimizer = Adagrad(lr=lambda t: 0.5 / t, eps=1e-3)
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, checkpoints=str(tmp_path)) as table:
        both(table, local, gradients(3))
        table.checkpoint()
    with pytest.raises(BadInput, match="lr was a function when the checkpoint was written"):
        ShardedTable.restore(str(tmp_path))
    with ShardedTable.restore(str(tmp_path), lr=lambda t: 0.5 / t) as table:
        both(table, local, gradients(3))
        local.same(table)
    with pytest.raises(BadInput, match="the optimizer of this checkpoint must be Adagrad"):
        ShardedTable.restore(str(tmp_path), optimizer=Adam())


def test_going_back_to_an_older_step_gives_up_the_newer(ray: FakeRay, tmp_path: Path) -> None:
    pushes = gradients(6)
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), checkpoints=str(tmp_path), keep=5) as table:
        for count in (1, 3, 2):
            for rows in pushes[:count]:
                table.push(rows)
            table.checkpoint()
    with ShardedTable.restore(str(tmp_path), step=1, keep=5) as table:
        table.push(pushes[5])
        assert table.checkpoint() == 2
        assert table._folder.steps() == [1, 2]
    local = Local(Adagrad(), np.zeros((ROWS, DIM), np.float32))
    for rows in (pushes[0], pushes[5]):
        local.push(rows)
    with ShardedTable.restore(str(tmp_path)) as table:
        local.same(table)


def test_a_checkpoint_that_fails_changes_nothing_and_the_table_goes_on(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optimizer = Adagrad()
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3, checkpoints=str(tmp_path)) as table:
        both(table, local, gradients(3))
        table.checkpoint()
        before = sorted(tmp_path.rglob("*"))
        both(table, local, gradients(2))
        full = OSError(28, "No space left on device")
        ray.fault = lambda name, shard, call, when: full if name == "write" and shard == 2 else None
        with pytest.raises(ClusterError, match=r"No space left on device.*nothing is lost"):
            table.checkpoint()
        assert sorted(tmp_path.rglob("*")) == before
        ray.fault = lambda name, shard, call, when: None

        def refuse(path: Any, content: bytes) -> None:
            raise full

        with monkeypatch.context() as patch:
            patch.setattr("nukarumi.cluster.checkpoint.write_atomically", refuse)
            with pytest.raises(ClusterError, match=r"checkpoint of push 3 stands"):
                table.checkpoint()
        assert sorted(tmp_path.rglob("*")) == before
        assert table.logged > 0
        both(table, local, gradients(2))
        assert table.checkpoint() == 7
        local.same(table)


def test_every_byte_of_a_checkpoint_is_looked_at(ray: FakeRay, tmp_path: Path) -> None:
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, checkpoints=str(tmp_path)) as table:
        for rows in gradients(3):
            table.push(rows)
            table.checkpoint()
    newest, older = (json.loads((tmp_path / f"{step:012d}.json").read_bytes()) for step in (3, 2))
    shard = tmp_path / newest["files"][1]["file"]
    whole = shard.read_bytes()
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        shard.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"must be a shard file as it was written.*restore an older"):
            ShardedTable.restore(str(tmp_path))
    shard.unlink()
    with pytest.raises(BadInput, match="FileNotFoundError"):
        ShardedTable.restore(str(tmp_path))
    with ShardedTable.restore(str(tmp_path), step=2) as table:
        assert table.t == 2 == older["t"]
    manifest = tmp_path / f"{3:012d}.json"
    told = manifest.read_text()
    for broken in (told[:-40], told.replace('"dim": 3', '"dim": 2'), "[]", ""):
        manifest.write_text(broken)
        with pytest.raises(BadInput, match="must be a whole manifest"):
            ShardedTable.restore(str(tmp_path))


def test_what_a_crash_leaves_half_done_is_not_read_and_is_cleared_away(ray: FakeRay, tmp_path: Path) -> None:
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, checkpoints=str(tmp_path)) as table:
        table.push(gradients(1)[0])
        table.checkpoint()
    half = tmp_path / "000000000009-0123abcd"
    half.mkdir()
    (half / "shard-00000-of-00003.safetensors").write_bytes(b"half")
    mine = tmp_path / "notes"
    mine.mkdir()
    with ShardedTable.restore(str(tmp_path)) as table:
        assert table.t == 1
        table.push(gradients(1)[0])
        table.checkpoint()
        assert not half.exists()
        assert mine.exists()


DRIVER = """
import os, signal, sys
import numpy as np
sys.path.insert(0, sys.argv[3])
import nukarumi.cluster.table as table_module
from nukarumi import Adagrad
from nukarumi.cluster import ShardedTable
from nukarumi.cluster.checkpoint import Folder
from table_fakes import FakeRay
from test_table_logic import DIM, ROWS, gradients

fake = FakeRay()
table_module.connect = lambda address, seconds: fake
table = ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, checkpoints=sys.argv[1])
for rows in gradients(3):
    table.push(rows)
table.checkpoint()
table.push(gradients(1)[0])

def die(*ignored):
    os.kill(os.getpid(), signal.SIGKILL)

moment = sys.argv[2]
if moment == "between the shards":
    fake.fault = lambda name, shard, call, when: die() if name == "write" and shard == 1 and when == "after" else None
elif moment == "before the manifest":
    Folder.commit = die
elif moment == "in the manifest":
    os.replace = die
table.checkpoint()
"""


@pytest.mark.parametrize("moment", ["between the shards", "before the manifest", "in the manifest"])
def test_kill_9_during_a_checkpoint_leaves_the_one_before(ray: FakeRay, tmp_path: Path, moment: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", DRIVER, str(tmp_path), moment, str(Path(__file__).parent)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 2  # the second one's files are there
    local = Local(Adagrad(), np.zeros((ROWS, DIM), np.float32))
    for rows in gradients(3):
        local.push(rows)
    with ShardedTable.restore(str(tmp_path), shards=2) as table:
        local.same(table)
        both(table, local, gradients(2))
        assert table.checkpoint() == 5
        local.same(table)
    assert len(list(tmp_path.iterdir())) == 5  # lock, manifests, folders: what was half done is gone


def test_a_shards_file_is_safetensors_and_read_by_stretches(tmp_path: Path) -> None:
    tensors = {"w": begin(), "h": np.arange(ROWS, dtype=np.float64)}
    path = tmp_path / "shard.safetensors"
    length, _ = write_tensors(path, tensors)
    assert length == path.stat().st_size
    read = load_file(path)
    assert all((read[name] == tensors[name]).all() for name in tensors)
    out = np.empty((5, DIM), np.float32)
    read_stretch(path, "w", 30, out)
    assert (out == tensors["w"][30:35]).all()
    with pytest.raises(BadInput, match="must be a shard file"):
        read_stretch(path, "w", 40, out)
    assert [entry.name for entry in tmp_path.iterdir()] == ["shard.safetensors"]


# Where rows live ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [1, 2, 10, 97, 1000])
def test_hashing_is_a_permutation_that_spreads_neighbours(rows: int) -> None:
    spread = Partition(rows, 1, "hash")
    places = spread.places(np.arange(rows))
    assert sorted(places) == [*range(rows)]
    assert (spread.rows_at(0, rows)[places] == np.arange(rows)).all()
    if rows == 1000:
        for shards in (3, 5):
            bounds = Partition(rows, shards, "hash").bounds
            owners = np.searchsorted(bounds, places[:50], "right") - 1
            assert np.bincount(owners, minlength=shards).min() >= 50 // shards - 3
    assert (Partition(rows, 1, "hash").places(np.arange(rows)) == places).all()


def test_the_largest_hashed_tables_do_not_overflow() -> None:
    rows = 3_000_000_000
    spread = Partition(rows, 7, "hash")
    last = np.array([rows - 1])
    assert spread.places(last)[0] == (rows - 1) * spread.multiplier % rows
    place = int(spread.places(last)[0])
    assert spread.rows_at(place, place + 1)[0] == rows - 1
    with pytest.raises(BadInput, match="a hashed table has at most"):
        Partition(2**33, 7, "hash")


# What is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"rows": 0}, "rows must be at least 1"),
        ({"rows": 2.5}, "rows must be a whole number"),
        ({"shards": 50}, "at least one row for each shard"),
        ({"dim": 0}, "dim must be a whole number"),
        ({"dtype": np.int32}, "dtype must be float32 or float64"),
        ({"dtype": "nonsense"}, "dtype must be float32 or float64"),
        ({"optimizer": "adagrad"}, "optimizer must be one of nukarumi's"),
        ({"optimizer": AdamW()}, "cannot go with weight_decay"),
        ({"partition": "modulo"}, "partition must be one of"),
        ({"init": "zeros"}, "init must be a number"),
        ({"init": np.zeros((3, 3))}, r"init must have the shape of 'table', \(41, 3\)"),
        ({"init": lambda rows: np.zeros(len(rows))}, r"init must give floats of the shape \(len\(rows\), 3\)"),
        ({"keep": 0}, "keep must be a whole number of at least 1"),
        ({"staleness": -1}, "staleness must be a whole number of at least 0"),
        ({"timeout": 0}, "timeout must be a number of seconds"),
        ({"checkpoints": 3}, "checkpoints must be a folder's path"),
        ({"folder": 3}, "folder must be a folder's path"),
    ],
)
def test_arguments_that_do_not_fit(ray: FakeRay, options: dict[str, Any], match: str) -> None:
    wanted = {"rows": ROWS, "dim": DIM, "optimizer": Adagrad(), "shards": 3, **options}
    with pytest.raises(BadInput, match=match):
        ShardedTable(**wanted)


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        (lambda: Rows([41], np.ones((1, DIM))), "indices must be 0 to 40"),
        (lambda: Rows([0, -1], np.ones((2, DIM))), "Received: -1 at position 1"),
        (lambda: Rows([0], np.ones((1, 4))), "must have the trailing shape"),
        (lambda: np.ones((ROWS, DIM)), "push takes Rows"),
    ],
)
def test_pushes_that_do_not_fit_change_nothing(ray: FakeRay, rows: Any, match: str) -> None:
    optimizer = Adam()
    local = Local(optimizer, np.zeros((ROWS, DIM), np.float32))
    with ShardedTable(ROWS, DIM, optimizer=optimizer, shards=3) as table:
        both(table, local, gradients(3))
        calls = len(ray.calls)
        with pytest.raises(BadInput, match=match):
            table.push(rows())
        assert len(ray.calls) == calls
        local.same(table)


def test_pulls_that_do_not_fit(ray: FakeRay) -> None:
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3) as table:
        with pytest.raises(BadInput, match=r"indices must be 0 to 40.*Received: 41 at position 1"):
            table.pull([0, 41])
        with pytest.raises(BadType, match="indices must be whole numbers"):
            table.pull([0.5])
        with pytest.raises(BadInput, match=r"of must be 'w' or a letter of the state.*'m'.*one of w, h"):
            table.pull([0], of="m")
    with pytest.raises(BadInput, match="the table must be open"):
        table.pull([0])


def test_a_folder_belongs_to_one_table_at_a_time(ray: FakeRay, tmp_path: Path) -> None:
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), checkpoints=str(tmp_path)) as table:
        with pytest.raises(BadInput, match="belongs to one table at a time"):
            ShardedTable.restore(str(tmp_path))
        table.checkpoint()
    with pytest.raises(BadInput, match="a new table needs a folder without checkpoints"):
        ShardedTable(ROWS, DIM, optimizer=Adagrad(), checkpoints=str(tmp_path))
    with pytest.raises(BadInput, match="must hold a checkpoint of step 7"):
        ShardedTable.restore(str(tmp_path), step=7)
    with pytest.raises(BadInput, match="checkpoints must be a folder"):
        ShardedTable.restore(str(tmp_path / "elsewhere"))


def test_machines_that_do_not_see_the_folder(ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shard, "sees", lambda self, path: self._number != 1)
    with pytest.raises(BadInput, match=r"every machine must see the folder.*which shard 1 does not see"):
        ShardedTable(ROWS, DIM, optimizer=Adagrad(), shards=3, checkpoints=str(tmp_path))


def test_a_table_without_a_folder_leaves_nothing(ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", os.fspath(tmp_path))
    with ShardedTable(ROWS, DIM, optimizer=Adagrad(), init=begin()) as table:
        table.push(gradients(1)[0])
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    table = ShardedTable(ROWS, DIM, optimizer=Adagrad())
    del table
    assert list(tmp_path.iterdir()) == []
