"""Journals and the shards above them, without Ray: whatever is cut off, repeated, late or superseded."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nukarumi import Adagrad, Adam, Rows, RowwiseAdagrad
from nukarumi._errors import BadInput, BadType
from nukarumi.cluster import SharedTable
from nukarumi.cluster.checkpoint import write_tensors
from nukarumi.cluster.connect import own_versions
from nukarumi.cluster.journal import Journal, Superseded
from nukarumi.cluster.partition import Partition
from nukarumi.cluster.shard import Blueprint
from nukarumi.cluster.shared import Part, Plan, SharedShard

ROWS, DIM = 20, 2


def journal(folder: Path, *, sync: bool = False) -> Journal:
    made = Journal(folder, sync=sync)
    made.begin()
    return made


def kept(folder: Path) -> list[Any]:
    """What the next term finds."""
    found = journal(folder)
    found.state()
    return [(told["n"], bytes(body)) for told, body in found.records()]


@pytest.mark.parametrize("sync", [False, True])
def test_what_was_written_is_read_by_the_next_term(tmp_path: Path, sync: bool) -> None:
    first = journal(tmp_path / "shard", sync=sync)
    for n in range(3):
        first.append({"n": n}, b"abc", memoryview(b"d" * n))
    assert kept(tmp_path / "shard") == [(0, b"abc"), (1, b"abcd"), (2, b"abcdd")]


def test_a_record_cut_off_anywhere_ends_the_log_and_nothing_before_it(tmp_path: Path) -> None:
    first = journal(tmp_path / "shard")
    first.append({"n": 0}, b"whole")
    whole = first.nbytes
    first.append({"n": 1}, b"cut off")
    log = tmp_path / "shard" / "log-00000001"
    text = log.read_bytes()
    for length in range(whole, len(text)):
        log.write_bytes(text[:length])
        assert kept(tmp_path / "shard") == [(0, b"whole")]
    log.write_bytes(text[:-1] + b"?")
    assert kept(tmp_path / "shard") == [(0, b"whole")]
    log.write_bytes(text)
    assert kept(tmp_path / "shard") == [(0, b"whole"), (1, b"cut off")]


@pytest.mark.parametrize("rest", [bytes(64), b"\xff" * 64, b"\x40" + bytes(63)])
def test_what_a_power_loss_leaves_behind_the_last_record_is_not_read(tmp_path: Path, rest: bytes) -> None:
    first = journal(tmp_path)
    first.append({"n": 0}, b"whole")
    with (tmp_path / "log-00000001").open("ab") as log:
        log.write(rest)
    assert kept(tmp_path) == [(0, b"whole")]


def test_who_was_taken_for_dead_acknowledges_nothing_more(tmp_path: Path) -> None:
    old = journal(tmp_path)
    old.append({"n": 0})
    new = journal(tmp_path)
    with pytest.raises(Superseded, match="later term than 1"):
        old.append({"n": 1})
    with pytest.raises(Superseded):
        old.snapshot({"w": np.zeros(2)}, {})
    assert new.term == 2
    new.append({"n": 2})
    assert new.state() is None


def test_nor_when_its_successors_snapshot_has_removed_all_the_logs_it_knew(tmp_path: Path) -> None:
    late, later = journal(tmp_path), journal(tmp_path)
    later.append({"n": 0})
    journal(tmp_path).snapshot({"w": np.zeros(2)}, {"seen": 0})
    for old in (late, later):
        with pytest.raises(Superseded):
            old.append({"n": 1})
    for stubborn in (late, later, late, later):
        with pytest.raises(Superseded):
            stubborn.snapshot({"w": np.ones(2)}, {"seen": 1})
        with pytest.raises(Superseded):
            stubborn.append({"n": 2})
    found = journal(tmp_path).state()
    assert found is not None
    assert found[0]["seen"] == 0


def test_a_snapshot_that_comes_while_a_successor_reads_makes_it_begin_again(tmp_path: Path, monkeypatch: Any) -> None:
    old = journal(tmp_path)
    old.append({"n": 0})
    new: list[Journal] = []

    def late(*given: Any) -> Any:  # the arrays are written, the snapshot is not real yet
        new.append(journal(tmp_path))
        assert new[0].state() is None
        return write_tensors(*given)

    monkeypatch.setattr("nukarumi.cluster.journal.write_tensors", late)
    old.snapshot({"w": np.zeros(2)}, {})
    with pytest.raises(FileNotFoundError):
        list(new[0].records())


def test_a_snapshot_cuts_the_log_and_a_kill_before_its_end_does_not(tmp_path: Path, monkeypatch: Any) -> None:
    first = journal(tmp_path)
    first.append({"n": 0})
    monkeypatch.setattr("nukarumi.cluster.journal.write_atomically", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        first.snapshot({"w": np.arange(3.0)}, {"seen": 0})
    first.append({"n": 1})
    assert kept(tmp_path) == [(0, b""), (1, b"")]
    monkeypatch.undo()
    second = journal(tmp_path)
    second.snapshot({"w": np.arange(3.0)}, {"seen": 7})
    second.append({"n": 2})
    assert kept(tmp_path) == [(2, b"")]
    found = journal(tmp_path).state()
    assert found is not None
    assert found[0]["seen"] == 7
    w = np.empty(3)
    second.fill(found[1], {"w": w})
    assert w.tolist() == [0.0, 1.0, 2.0]
    assert not list(tmp_path.glob("log-00000001"))


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    first = journal(tmp_path)
    first.snapshot({"w": np.arange(3.0)}, {})
    [file] = tmp_path.glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    with pytest.raises(BadInput, match="must be a shard file as it was written"):
        first.state()


def test_a_full_disk_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: Any) -> None:
    first = journal(tmp_path)
    first.append({"n": 0})
    write = os.write

    def half(file: int, text: Any) -> int:
        write(file, bytes(text)[: len(text) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space"):
        first.append({"n": 1})
    monkeypatch.undo()
    first.append({"n": 2})
    assert kept(tmp_path) == [(0, b""), (2, b"")]


# Shards ---------------------------------------------------------------------------------------------------------------


def plan(folder: Path, **changed: Any) -> Plan:
    blueprint = Blueprint("table", DIM, "float64", Partition(ROWS, 1), changed.pop("optimizer", Adagrad(lr=0.1)))
    given = {"init": 0.0, "sync": False, "log_bytes": 1 << 20, "timeout": 5.0, "versions": own_versions()}
    return Plan(**{"blueprint": blueprint, "folder": str(folder), **given, **changed})


def parts(count: int, seed: int = 3) -> list[Part]:
    rng = np.random.default_rng(seed)
    rows = [np.sort(rng.choice(ROWS, 5, replace=False)) for _ in range(count)]
    return [Part(n + 1, n, 0.1, row, rng.normal(size=(5, DIM))) for n, row in enumerate(rows)]


def local(pushed: list[Part], optimizer: Any = None) -> tuple[Any, Any]:
    opt, w = optimizer or Adagrad(lr=0.1), np.zeros((ROWS, DIM))
    for part in pushed:
        opt.update({"table": w}, {"table": Rows(part.places, part.values)})
    return w, opt.h["table"]


def same(shard: SharedShard, pushed: list[Part], optimizer: Any = None) -> None:
    w, h = local(pushed, optimizer)
    everything = np.arange(ROWS)
    assert shard.pull(everything, "w").tobytes() == w.tobytes()
    assert shard.pull(everything, "h").tobytes() == h.tobytes()


@pytest.mark.parametrize("log_bytes", [0, 500, 1 << 20])
@pytest.mark.parametrize("kind", [Adagrad, RowwiseAdagrad])
def test_a_shard_made_anew_after_every_push_is_the_same(tmp_path: Path, log_bytes: int, kind: Any) -> None:
    asked = plan(tmp_path, log_bytes=log_bytes, optimizer=kind(lr=0.1))
    pushed = parts(12)
    for part in pushed:
        assert SharedShard(asked, 0).push("one", [part]) == part.number
    last = SharedShard(asked, 0)
    same(last, pushed, kind(lr=0.1))
    assert last.told()["applied"] == 12
    assert last.seen("one") == 12
    assert last.seen("other") == 0


def test_a_push_that_ended_behind_its_successors_back_is_applied_once(tmp_path: Path) -> None:
    asked, pushed = plan(tmp_path), parts(4)
    log = tmp_path / "shard-00000" / "log-00000001"
    old = SharedShard(asked, 0)
    old.push("one", pushed[:1])
    before = log.read_bytes()
    old.push("one", pushed[1:2])
    whole = log.read_bytes()
    log.write_bytes(whole[: len(before) + 9])  # half of it is there when the successor reads
    new = SharedShard(asked, 0)
    assert new.seen("one") == 1
    log.write_bytes(whole)  # and then all of it
    assert new.push("other", pushed[2:3]) == 0  # lacks those before
    assert new.push("one", pushed[1:3]) == 3
    third = SharedShard(asked, 0)
    same(third, pushed[:3])
    assert third.push("one", pushed[1:]) == 4
    same(SharedShard(asked, 0), pushed)
    assert SharedShard(asked, 0).told()["applied"] == 4


class Death(BaseException):
    """Of a process, in the middle of a write."""


@pytest.mark.parametrize("seed", range(60))
def test_whoever_dies_and_whenever_what_was_acknowledged_is_there_once(
    tmp_path: Path, monkeypatch: Any, seed: int
) -> None:
    """Two clients push to a shard and its predecessors, which live on, or die in a write whose rest may come later."""
    dice, write = np.random.default_rng(seed), os.write
    asked = plan(tmp_path, log_bytes=int(dice.choice([0, 400, 1 << 20])))
    shards, late = [SharedShard(asked, 0)], list[tuple[int, bytes]]()
    pushed, acknowledged = {"a": parts(40, seed), "b": parts(40, seed + 1)}, {"a": 0, "b": 0}

    def half(file: int, text: Any) -> int:
        cut = int(dice.integers(len(text) + 1))
        write(file, bytes(text)[:cut])
        late.append((os.dup(file), bytes(text)[cut:]))
        raise Death

    for what in dice.choice(["push", "push", "push", "push", "restart", "death", "snapshot"], 40):
        if what == "restart":
            shards.append(SharedShard(asked, 0))
        shard, client = shards[int(dice.integers(max(0, len(shards) - 3), len(shards)))], str(dice.choice(["a", "b"]))
        number = acknowledged[client] + 1
        try:
            with monkeypatch.context() as patch, contextlib.suppress(Superseded):
                if what == "death":
                    patch.setattr(os, "write", half)
                    patch.setattr(os, "ftruncate", lambda *_: None)
                if what == "snapshot":
                    shard.snapshot()
                elif shard.push(client, [pushed[client][number - 1]]) >= number:
                    acknowledged[client] = number
        except Death:
            shards[shards.index(shard)] = SharedShard(asked, 0)
        if late and dice.random() < 0.5:
            file, rest = late.pop(0)
            write(file, rest)
            os.close(file)
    last, h = SharedShard(asked, 0), np.zeros((ROWS, DIM))
    for client, number in acknowledged.items():
        assert last.seen(client) >= number
        for part in pushed[client][: last.seen(client)]:
            h[part.places] += part.values**2  # a sum, whatever the order
    np.testing.assert_allclose(last.pull(np.arange(ROWS), "h"), h, rtol=1e-12)
    for shard in [*shards, last]:
        if shard._journal is not None:
            shard._journal.close()
    for file, _ in late:
        os.close(file)


def test_repeated_pushes_are_left_out_and_gaps_refused(tmp_path: Path) -> None:
    shard, pushed = SharedShard(plan(tmp_path), 0), parts(6)
    assert shard.push("one", pushed[:2]) == 2
    assert shard.push("one", pushed[:2]) == 2
    assert shard.push("one", [pushed[4]]) == 2  # the third and fourth are still on their way
    assert shard.push("one", pushed[1:]) == 6
    same(shard, pushed)
    with pytest.raises(BadInput, match="must touch the same shards whoever sends them"):
        shard.push("one", [Part(9, 3, 0.1, pushed[0].places, pushed[0].values)])
    assert shard.push("other", pushed[:1]) == 1
    assert shard.told()["applied"] == 7


def test_clients_of_any_name_keep_their_numbers_through_a_snapshot(tmp_path: Path) -> None:
    shard, [part] = SharedShard(plan(tmp_path), 0), parts(1)
    names = ["", "pass 1, piece 3", "ぬかるみ"]
    for name in names:
        shard.push(name, [part])
    shard.snapshot()
    assert [SharedShard(plan(tmp_path), 0).seen(name) for name in names] == [1, 1, 1]


def test_a_push_that_memory_does_not_hold_is_applied_once_all_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    shard, pushed = SharedShard(plan(tmp_path), 0), parts(3)
    shard.push("one", pushed[:1])
    with monkeypatch.context() as patch:
        patch.setattr(Adagrad, "update", lambda *_: (_ for _ in ()).throw(MemoryError("none")))
        with pytest.raises(MemoryError, match="none"):
            shard.push("one", pushed[1:2])
    assert shard.push("one", pushed[1:]) == 3
    same(shard, pushed)


def test_a_full_journal_refuses_the_push(tmp_path: Path, monkeypatch: Any) -> None:
    shard, pushed = SharedShard(plan(tmp_path), 0), parts(2)
    shard.push("one", pushed[:1])
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "append", lambda *_: (_ for _ in ()).throw(OSError("full")))
        with pytest.raises(OSError, match="full"):
            shard.push("one", pushed[1:])
    same(shard, pushed[:1])
    shard.push("one", pushed[1:])
    same(shard, pushed)


def test_a_shard_begins_with_what_it_is_given(tmp_path: Path) -> None:
    shard = SharedShard(plan(tmp_path), 0)
    w, h = np.full((ROWS, DIM), 2.0), np.full((ROWS, DIM), 3.0)
    shard.adopt({"w": w, "h": h})
    again = SharedShard(plan(tmp_path), 0)
    assert again.pull(np.arange(ROWS), "w").tobytes() == w.tobytes()
    assert again.pull(np.arange(ROWS), "h").tobytes() == h.tobytes()


def test_a_shard_on_a_node_of_another_version_refuses(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"the node of shard 0 has NumPy .* in place of 1.0"):
        SharedShard(plan(tmp_path, versions={**own_versions(), "NumPy": "1.0"}), 0).seen("one")


def test_a_shard_beyond_memory_says_its_size(tmp_path: Path) -> None:
    made = Blueprint("table", 64, "float64", Partition(10**14, 2), Adagrad())
    with pytest.raises(MemoryError, match=r"shard 1 of 2 .* GB.*Cure: take more shards"):
        SharedShard(plan(tmp_path, blueprint=made), 1).seen("one")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"rows": 0}, "rows must be at least 1"),
        ({"dim": 0}, "dim must be a whole number of at least 1"),
        ({"dtype": np.int32}, "dtype must be float32 or float64"),
        ({"log_bytes": -1}, "log_bytes must be"),
        ({"timeout": 0}, "timeout must be"),
        ({"optimizer": "adagrad"}, "optimizer must be one of nukarumi's"),
        ({"optimizer": Adam()}, "must not count steps"),
        ({"optimizer": Adagrad(lr=lambda t: 0.1)}, "lr of a shared table must be a number"),
        ({"optimizer": Adagrad(clip_norm=1.0)}, "takes no clip_norm"),
        ({"init": "zeros"}, "init must be a number"),
        ({"init": {"v": np.zeros((9, 2))}}, "init must have letters of w, h"),
        ({"init": {"w": np.zeros((8, 2))}}, r"arrays of shape \(9, 2\)"),
    ],
)
def test_tables_that_make_no_sense_are_refused_before_ray(changed: dict[str, Any], says: str) -> None:
    given = {"rows": 9, "dim": 2, "optimizer": Adagrad(), **changed}
    with pytest.raises((BadInput, BadType), match=says):
        SharedTable(given.pop("rows"), given.pop("dim"), **given)


def test_a_journal_that_nobody_holds_lets_its_log_go(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        Journal(tmp_path, sync=False).begin()
    gc.collect()
    assert len(os.listdir("/dev/fd")) <= before + 1
