"""A race is fair, gives the same bits whoever runs it, and can be resumed as if nothing had happened."""

import json
import math

import numpy as np
import pytest
import race_fakes
from race_fakes import Ada, Sgd, Toy

from nukarumi._errors import BadInput
from nukarumi.race import Local, RaceInterrupted, Serial, race
from nukarumi.race.engines import RunError

FAST = {"grid": [0.01, 0.1, 1.0], "extend": 1, "tuning_seeds": 1, "progress": False}


def toy_race(**options):
    out = None if "resume" in options else False
    return race(Toy, [Sgd, Ada], **{"engine": Serial(), "out": out, **FAST, **options})


def same(one, other):
    """Equal to the bit, trails included."""
    left, right = one.to_dict(), other.to_dict()
    for result in (left, right):
        del result["seconds"], result["folder"]
    assert left == right
    for mine, theirs in zip(one.standings, other.standings, strict=True):
        assert [run.trail for run in mine.runs.values()] == [run.trail for run in theirs.runs.values()]


def test_every_optimizer_starts_from_the_same_point_and_sees_the_same_batches():
    race_fakes.SEEN.clear()
    result = toy_race(seeds=3, tuning_seeds=2)
    seen = {}
    for seed, epoch, digest in race_fakes.SEEN:
        seen.setdefault((seed, epoch), set()).add(digest)
    assert all(len(digests) == 1 for digests in seen.values())
    assert {seed for seed, _ in seen} == {0, 1, 2, 3, 4}
    assert len({next(iter(seen[seed, -1])) for seed in range(5)}) == 5, "different seeds are different starts"
    assert result.settings["tuning_seeds"] == [0, 1]
    assert [list(standing.runs) for standing in result.standings] == [[2, 3, 4]] * 2
    tried = [len(standing.grades) for standing in result.standings]
    judged = 2 * 3
    starts = sum(epoch == -1 for _, epoch, _ in race_fakes.SEEN)
    assert starts == 2 * sum(tried) + judged


def test_standings_are_what_the_runs_say():
    result = toy_race(seeds=4, epochs=4)
    for standing in result.standings:
        errors = [run.error for run in standing.runs.values()]
        assert standing.error.mean == pytest.approx(np.mean(errors))
        assert standing.error.sd == pytest.approx(np.std(errors, ddof=1))
        best = min(standing.grades.values(), key=lambda grade: grade.order)
        assert standing.grades[standing.best_lr].order == best.order
    means = [standing.error.mean for standing in result.standings]
    assert means == sorted(means)
    assert result["Sgd"].grades[1.0].diverged or result["Sgd"].grades[1.0].error > result["Sgd"].grades[0.1].error


def test_same_bits_from_every_engine():
    alone = toy_race()
    for processes in (1, 2):
        engine = Local(processes)
        try:
            same(toy_race(engine=engine), alone)
        finally:
            engine.close()


def test_order_of_completion_does_not_matter():
    class Backwards(Serial):
        def run(self, function, tasks):
            return super().run(function, list(tasks)[::-1])

    same(toy_race(engine=Backwards()), toy_race())


def test_problem_as_an_object_a_class_and_with_options():
    same(race(Toy(), [Sgd, Ada], engine=Serial(), out=False, **FAST), toy_race())
    result = toy_race(options={"size": 4})
    assert result.settings["data"] == {"rows": 20}


def test_grid_grows_towards_the_best_rate_and_says_when_it_stops():
    grown = race(Toy, [Sgd], grid=[1e-4, 1e-3], extend=4, engine=Serial(), out=False, progress=False)["Sgd"]
    assert max(grown.grades) > 0.05
    assert grown.at_edge is None
    stopped = race(Toy, [Sgd], grid=[1e-4, 1e-3], extend=0, engine=Serial(), out=False, progress=False)
    assert stopped["Sgd"].at_edge == "high"
    assert sorted(stopped["Sgd"].grades) == [1e-4, 1e-3]
    assert "still at the edge" in stopped.table()


def test_diverged_at_every_rate_is_said_and_smaller_rates_are_tried():
    result = race(Toy, [Sgd], grid=[1e6], extend=0, engine=Serial(), out=False, progress=False)
    assert result["Sgd"].best_lr is None
    assert "diverged at every rate" in result.table()
    json.dumps(result.to_dict(), allow_nan=False)
    saved = race(Toy, [Sgd], grid=[1e3], extend=4, engine=Serial(), out=False, progress=False)
    assert saved["Sgd"].best_lr < 10


def test_a_result_is_printed_in_a_few_lines():
    result = toy_race(seeds=4, epochs=4)
    assert result["Ada"].runs[3].trail is not None
    assert len(repr(result)) < 1000
    assert len(repr(result["Ada"].runs[3])) < 500


def test_steps_to_target():
    easy, never = toy_race(target=1e9), toy_race(target=-1.0)
    assert [standing.steps_to_target for standing in easy.standings] == [5, 5], "the first full window"
    assert [standing.steps_to_target for standing in never.standings] == [None, None]


def test_trail_of_a_judged_run():
    result = toy_race()
    trail = result.trail("Ada", 1)
    assert trail.steps.tolist() == list(range(1, 11))
    assert trail.meta["optimizer"] == "Ada"
    assert trail.column("w", "value/h").shape == (10, 2)
    with pytest.raises(KeyError, match="Sgd"):
        result["Adam"]


class Stop(Serial):
    """Ctrl-C after a number of runs."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def run(self, function, tasks):
        for done in super().run(function, tasks):
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            yield done


@pytest.mark.parametrize("after", [0, 3, 8, 11])
def test_resumed_race_is_bit_identical(tmp_path, after):
    whole = toy_race(out=tmp_path / "whole")
    with pytest.raises(RaceInterrupted) as stopped:
        toy_race(out=tmp_path / "part", engine=Stop(after))
    assert not stopped.value.result.complete
    assert "Interrupted" in stopped.value.result.table()
    assert len(list((tmp_path / "part" / "runs").iterdir())) == after
    resumed = toy_race(resume=tmp_path / "part")
    same(resumed, whole)
    for path in (tmp_path / "whole").rglob("*"):
        if path.is_file() and path.name != "result.json":
            assert (tmp_path / "part" / path.relative_to(tmp_path / "whole")).read_bytes() == path.read_bytes()


def test_finished_race_is_resumed_without_a_run(tmp_path):
    whole = toy_race(out=tmp_path / "r")
    same(toy_race(resume=tmp_path / "r", engine=Stop(0)), whole)


def test_resume_with_other_settings_is_refused(tmp_path):
    toy_race(out=tmp_path / "r")
    with pytest.raises(BadInput, match="epochs was 2 and is now 3"):
        toy_race(resume=tmp_path / "r", epochs=3)
    with pytest.raises(BadInput, match="data was"):
        toy_race(resume=tmp_path / "r", options={"size": 4})
    with pytest.raises(BadInput, match="folder without a race"):
        toy_race(out=tmp_path / "r")
    with pytest.raises(BadInput, match="must hold a race to resume"):
        toy_race(resume=tmp_path / "elsewhere")
    next((tmp_path / "r" / "runs").iterdir()).write_text("{")
    with pytest.raises(BadInput, match="delete it"):
        toy_race(resume=tmp_path / "r")


def test_default_folder_and_resume_of_the_latest(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="to resume"):
        toy_race(out=None, resume=True)
    first, second = toy_race(out=None), toy_race(out=None)
    assert first.folder != second.folder
    assert first.folder.parent.name == "races"
    assert json.loads((first.folder / "result.json").read_text())["complete"] is True
    assert toy_race(out=None, resume=True).folder == second.folder


@pytest.mark.parametrize("how", ["raise", "die"])
def test_worker_that_fails_once_changes_nothing(tmp_path, how):
    def once(flag, engine):
        optimizer = race_fakes.Misbehaving(flag=str(flag), how=how)
        return race(Toy, [optimizer, Sgd], engine=engine, out=False, **FAST)

    (tmp_path / "flag").touch()
    calm = once(tmp_path / "flag", Serial())
    (tmp_path / "flag").unlink()
    engine = Local(2)
    try:
        same(once(tmp_path / "flag", engine), calm)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("how", "says"), [("raise", "ZeroDivisionError: on purpose"), ("die", "its worker process died")]
)
def test_worker_that_fails_twice_is_named_and_the_rest_is_kept(tmp_path, how, says):
    optimizer = race_fakes.Misbehaving(flag=str(tmp_path / "flag"), how=how, always=True)
    engine = Local(2)
    with pytest.raises(RunError, match=rf"Misbehaving\(.*lr=0.1 seed=0 \(tuning\) failed twice: {says}.*Cure"):
        race(Toy, [Sgd, optimizer], engine=engine, out=tmp_path / "r", **{**FAST, "grid": [0.1]})
    engine.close()
    assert [path.name for path in (tmp_path / "r" / "runs").iterdir()] == ["tuning-00-Sgd-lr0.1-seed0.json"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"epochs": 0}, "epochs must be"), ({"epochs": 1.5}, "epochs must be"), ({"seeds": 0}, "seeds must be"),
        ({"seeds": [1, 1]}, "different numbers"), ({"seeds": [0]}, "none of them a tuning seed"),
        ({"seeds": []}, "different numbers"), ({"seed": -1}, "seed must be"), ({"tuning_seeds": 0}, "tuning_seeds"),
        ({"grid": []}, "at least one"), ({"grid": [0.0]}, "positive"), ({"grid": [math.nan]}, "positive"),
        ({"grid": 0.1}, "list of rates"), ({"grid": {"Adam": [1]}}, "optimizer of the race"),
        ({"extend": -1}, "extend must be"), ({"target": math.nan}, "target must be"),
        ({"resume": True, "out": False}, "folder"),
        ({"resume": "here", "out": "there"}, "one folder"),
    ],
)  # fmt: skip
def test_bad_settings_are_refused_before_any_run(options, says):
    race_fakes.SEEN.clear()
    with pytest.raises(BadInput, match=says):
        toy_race(**options)
    assert not race_fakes.SEEN


def test_not_a_problem():
    with pytest.raises(BadInput, match=r"nukarumi\.problems\.Problem"):
        race(dict, [Sgd], engine=Serial(), out=False, progress=False)


def test_grid_per_optimizer():
    result = toy_race(grid={"Ada": [0.5]}, extend=0)
    assert list(result["Ada"].grades) == [0.5]
    assert list(result["Sgd"].grades) == [0.01, 0.0215, 0.0464, 0.1, 0.215, 0.464, 1.0]
