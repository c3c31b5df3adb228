"""The plan: the simulator against queueing theory, the sizes against a calculation by hand, the page against both."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.bench.rows import LOOKUPS, zipf
from nukarumi.cluster import plan
from nukarumi.cluster.plan import Measured, Node, Policy, Workload, distinct, recovery, simulate, size

ROOT = Path(__file__).parents[2]
MEASURED = Measured(
    push_rows=1e6, rowwise_push_rows=2e6, pull_rows=4e6, pack_bytes=1e9, move_bytes=1e9, call_seconds=1e-4,
    restart_seconds=3.0, width=64,
)  # fmt: skip
QUEUE = {"shards": 1, "pull_seconds": 0.0, "push_seconds": 1.0, "gradient_seconds": 0.0, "workers": 10**6}


@pytest.mark.parametrize("busy", [0.2, 0.5, 0.7])
def test_one_shard_is_an_m_d_1_queue(busy):
    seen = simulate(batches=busy, seconds=40_000 / busy, **QUEUE)
    assert seen.wait.mean() == pytest.approx(busy / (2 * (1 - busy)), rel=0.08)
    assert seen.busy == pytest.approx(busy, rel=0.02)
    assert seen.push.mean() == pytest.approx(1 + seen.wait.mean())


def test_little_s_law():
    """Batches under way on average = batches a second x seconds of each."""
    seen = simulate(batches=0.6, seconds=20_000, **QUEUE)
    end = seen.finished.max()
    began = seen.finished - seen.behind
    times = np.sort(np.concatenate([began, seen.finished]))
    steps = np.where(np.isin(times, began), 1, -1)
    under_way = np.sum(np.cumsum(steps)[:-1] * np.diff(times)) / end
    assert under_way == pytest.approx(len(began) / end * seen.behind.mean(), rel=1e-9)


def test_without_a_crowd_a_request_takes_what_it_takes():
    seen = simulate(batches=1e-5, shards=3, pull_seconds=0.25, push_seconds=0.5, gradient_seconds=2.0, workers=4,
                    seconds=2e6)  # fmt: skip
    assert len(seen.pull) == len(seen.push) == len(seen.behind) == 20
    np.testing.assert_allclose(seen.pull, 0.25, rtol=1e-6)
    np.testing.assert_allclose(seen.behind, 2.75, rtol=1e-6)


def test_the_only_worker_does_one_batch_after_another():
    seen = simulate(batches=1e6, shards=2, pull_seconds=1.0, push_seconds=1.0, gradient_seconds=1.0, workers=1,
                    seconds=1e-5)  # fmt: skip
    np.testing.assert_allclose(seen.finished, 3.0 * np.arange(1, 11), atol=1e-3)


def test_the_slowest_of_many_uneven_shards_is_what_is_waited_for():
    given = {**QUEUE, "batches": 1e-4, "seconds": 3e6, "spread": 0.1}
    one, many = (simulate(**{**given, "shards": shards}) for shards in (1, 64))
    # The mean maximum of 64 standard normal numbers is 2.37 (tables of order statistics).
    assert one.push.mean() == pytest.approx(1.0, abs=0.03)
    assert many.push.mean() == pytest.approx(1 + 0.1 * 2.37, abs=0.03)


@pytest.mark.parametrize("busy", [0.3, 0.6])
def test_backlog_of_an_outage_is_worked_off_as_a_fluid_would_be(busy):
    start, away = 2000.0, 1000.0
    seen = simulate(batches=busy, seconds=start + 6 * away, outage=(start, away), **QUEUE)
    assert len(seen.behind) == round(busy * (start + 6 * away)), "nothing is lost"
    late = seen.finished[seen.behind > 60.0].max() - start - away
    assert late == pytest.approx(away * busy / (1 - busy), rel=0.15)
    assert seen.behind.max() == pytest.approx(away, rel=0.05)
    during = (seen.finished > start + 1e-9) & (seen.finished < start + away)
    assert not during.any()


def test_what_was_being_served_at_the_outage_is_served_again():
    seen = simulate(batches=1e6, seconds=2e-6, outage=(0.5, 10.0), **QUEUE)
    np.testing.assert_allclose(seen.finished, [11.5, 12.5], atol=1e-4)
    assert seen.busy == pytest.approx(2 / 12.5, rel=1e-3)


def test_equal_seeds_equal_numbers():
    given = {**QUEUE, "batches": 0.5, "seconds": 500, "shards": 3, "spread": 0.2}
    first, again, other = (simulate(**given, seed=seed) for seed in (1, 1, 2))
    for name in ("pull", "push", "wait", "behind", "finished", "busy"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.finished[:100], other.finished[:100])


@pytest.mark.parametrize("wrong", ["batches", "shards", "workers", "seconds"])
def test_numbers_that_make_no_queue(wrong):
    with pytest.raises(BadInput, match=f"{wrong} must be positive"):
        simulate(**{**QUEUE, "batches": 0.5, "seconds": 10.0, wrong: 0})


def test_distinct_rows_of_zipf_lookups_as_drawn():
    draw = np.random.default_rng(0)
    drawn = np.mean([len(np.unique(zipf(draw, 1_000_000))) for _ in range(20)])
    assert distinct(1e6, LOOKUPS) == pytest.approx(drawn, rel=0.02)
    assert distinct(1000.0, 1e9) == pytest.approx(1000, rel=0.01), "not more than there are"


def test_size_by_hand():
    work = Workload(rows=1e9, width=64, examples=81_920, lookups=26, batch=8192)
    assert work.batches == 10
    assert work.table_bytes == 512e9
    assert replace(work, rowwise=True).table_bytes == 260e9
    rows = 10 * work.distinct
    found = size(MEASURED, work, Node(memory=100e9), Policy())
    a_row = (1e-6 + 2 * 264e-9) + (0.25e-6 + 2 * 264e-9)
    assert found.for_memory == found.nodes == 6
    assert found.for_work == math.ceil(rows * a_row / (8 * (0.6 - 20e-4)))
    assert found.for_network == math.ceil((rows * (272 + 264) + 512e9 / 600) / (25e9 / 8 * 0.6))
    assert found.for_disk == math.ceil((rows * 264 + 512e9 / 600) / (2e9 * 0.6))
    assert found.memory == pytest.approx(512e9 / 6)
    assert found.traffic == pytest.approx((rows * (272 + 264) + 512e9 / 600) / 6)
    assert found.busy == pytest.approx(20e-4 + rows * a_row / 48)
    assert found.busy == pytest.approx(10 * (found.push_seconds + found.pull_seconds))


@pytest.mark.parametrize(
    ("node", "reason"),
    [({"memory": 1e9}, "for_memory"), ({"network": 1e6}, "for_network"), ({"shards": 1}, "for_work"),
     ({"disk": 1e6}, "for_disk")],
)  # fmt: skip
def test_what_is_scarcest_decides(node, reason):
    found = size(MEASURED, Workload(), Node(**node), Policy())
    assert found.nodes == getattr(found, reason) > min(found.for_memory, found.for_network, found.for_work)


def test_simulated_load_is_that_of_the_formula():
    work, node = Workload(examples=81_920), Node(memory=100e9)
    found = size(MEASURED, work, node, Policy())
    seen = simulate(batches=work.batches, shards=4, pull_seconds=found.pull_seconds, push_seconds=found.push_seconds,
                    gradient_seconds=work.gradient_seconds, workers=100, seconds=1000)  # fmt: skip
    assert seen.busy == pytest.approx(found.busy, rel=0.03)


def test_recovery_by_hand():
    work, node, policy = Workload(), Node(disk=1e9), Policy(checkpoint_seconds=100, notice_seconds=7)
    found = size(MEASURED, work, node, policy)
    away = recovery(MEASURED, work, node, policy, found)
    assert (away.notice, away.restart) == (7, 3.0)
    assert away.read == pytest.approx(512 / found.nodes)
    assert away.replay == pytest.approx(max(50 * work.batches * found.push_seconds, 50 * found.log / 1e9))
    assert away.total == away.notice + away.restart + away.read + away.replay


def test_batches_that_are_too_small_are_refused():
    with pytest.raises(BadInput, match="pass larger batches"):
        size(MEASURED, Workload(batch=100), Node(), Policy())


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [(Workload, {"rows": 0}), (Workload, {"batch": math.inf}), (Node, {"shards": True}), (Node, {"disk": "fast"}),
     (Policy, {"busy": 1.0}), (Policy, {"checkpoint_seconds": math.nan})],
)  # fmt: skip
def test_assumptions_out_of_range(kind, wrong):
    with pytest.raises(BadInput, match=f"{next(iter(wrong))} must be"):
        kind(**wrong)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"measured": {}}', '{"measured": {"width": -1}}'])
def test_file_that_holds_no_measurements(tmp_path, text, capsys):
    path = tmp_path / "scale.json"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"python benchmarks/scale\.py"):
        Measured.read(path)
    assert plan.main([str(path)]) == 2
    assert "must be a file of measurements" in capsys.readouterr().err


def test_page_says_what_the_command_prints(capsys):
    """docs/scale.md holds every table that the command prints from the committed measurements, word by word."""
    file = ROOT / "benchmarks" / "scale.json"
    assert plan.main([str(file)]) == 0
    printed = capsys.readouterr().out
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    parts = printed.strip().split("\n\n")
    assert len(parts) == 5
    for part in parts:
        assert part in page, f"python -m nukarumi.cluster.plan benchmarks/scale.json now prints\n{part}"
    machine = json.loads(file.read_text(encoding="utf-8"))["machine"]
    assert machine["processor"] in page
