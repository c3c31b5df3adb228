"""The report's data is what the race wrote, rounded, without a path of the machine, and small."""

import functools
import json
import math

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.lab.reports import LARGEST, command, report, write_report
from nukarumi.race import RaceInterrupted, Serial, race
from nukarumi.trail import Trail


def test_result_and_folder_give_the_same_report(finished):
    assert report(finished) == report(finished.folder) == report(str(finished.folder))


def test_every_judged_run_is_there_and_one_of_each_optimizer_is_bold(finished):
    shown = report(finished)
    runs = [(trail["optimizer"], trail["seed"]) for trail in shown["trails"]]
    assert runs == [(standing.label, seed) for standing in finished.standings for seed in (3, 4, 5)]
    for standing in finished.standings:
        errors = sorted((run.error, seed) for seed, run in standing.runs.items())
        bold = [trail for trail in shown["trails"] if trail["optimizer"] == standing.label and trail["bold"]]
        assert [trail["seed"] for trail in bold] == [errors[1][1]], "the run whose error is the median"


def test_columns_are_those_of_the_trail(finished):
    for shown in report(finished)["trails"]:
        trail = finished.trail(shown["optimizer"], shown["seed"])
        assert shown["step"] == trail.steps.tolist()
        np.testing.assert_allclose(shown["loss"], trail.loss, rtol=5e-4)
        assert [layer["name"] for layer in shown["layers"]] == ["W1", "b1", "W2", "b2"]
        for layer in shown["layers"]:
            assert layer["shape"] == list(trail.arrays[layer["name"]])
            for norm in ("gradient_norm", "step_norm", "weight_norm"):
                np.testing.assert_allclose(layer[norm], trail.column(layer["name"], norm), rtol=5e-4)
            assert (layer["fans"] is not None) == shown["bold"]
            for name, fan in (layer["fans"] or {}).items():
                np.testing.assert_allclose(np.transpose(fan), trail.column(layer["name"], name), rtol=5e-4)


def test_fans_are_the_brake_and_the_states(finished):
    fans = {
        trail["optimizer"]: list(trail["layers"][0]["fans"]) for trail in report(finished)["trails"] if trail["bold"]
    }
    assert fans == {
        "SGD": ["effective_lr"],
        "Adagrad": ["effective_lr", "state/h"],
        "Adam": ["effective_lr", "state/m", "state/v"],
    }


def test_report_is_json_without_paths(finished):
    text = json.dumps(report(finished), allow_nan=False)
    assert len(text) < LARGEST
    assert str(finished.folder) not in text
    assert finished.folder.parent.name not in text


def test_the_command_gives_the_same_numbers(finished):
    assert report(finished)["command"] == (
        "race('digits', ['SGD', 'Adagrad', 'Adam'], epochs=2, seeds=[3, 4, 5], tuning_seeds=3, seed=0, "
        "grid={'SGD': [0.1, 0.2], 'Adagrad': [0.05], 'Adam': [0.01]}, extend=0)"
    )
    quietly = functools.partial(race, engine=Serial(), out=False, progress=False)
    again = eval(report(finished)["command"], {"race": quietly})
    assert [s.to_dict() for s in again.standings] == [s.to_dict() for s in finished.standings]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "nukarumi race --epochs 3 --seeds 2"),
        ({"problem": "reviews"}, "nukarumi race --problem reviews --epochs 3 --seeds 2"),
        ({"tuning_seeds": [7, 8, 9], "seeds": [10]}, "nukarumi race --epochs 3 --seeds 1 --seed 7"),
        ({"options": {"batch_size": 8}}, "nukarumi race --epochs 3 --seeds 2 --batch-size 8"),
        (
            {"problem": "my data", "data": {"source": "/home/me/my data.csv"}},
            "nukarumi race --problem 'my data.csv' --epochs 3 --seeds 2",
        ),
        ({"seeds": [3, 5]}, "race('digits', [], epochs=3, seeds=[3, 5], tuning_seeds=3, seed=0, grid={}, extend=3)"),
        (
            {"seeds": [3], "optimizers": [{"label": "SGD(a=1)", "grid": [9]}]},
            "race('digits', [SGD(a=1)], epochs=3, seeds=[3], tuning_seeds=3, seed=0, grid={'SGD(a=1)': [9]}, extend=3)",
        ),
        (
            {"optimizers": [{"label": "SGD", "grid": [0.1, 1.0]}, {"label": "Adam", "grid": [0.1, 1.0]}]},
            "nukarumi race --optimizers SGD,Adam --epochs 3 --seeds 2 --grid 0.1,1.0",
        ),
    ],
)
def test_commands(changes, words):
    settings = {
        "problem": "digits", "options": {}, "optimizers": [], "epochs": 3, "tuning_seeds": [0, 1, 2], "seeds": [3, 4],
        "extend": 3, "data": {},
    }  # fmt: skip
    assert command(settings | changes) == words


def test_the_default_race_has_a_short_command():
    one = race("digits", epochs=1, seeds=1, engine=_Nothing(), extend=0, out=False, progress=False, tuning_seeds=3)
    assert report(one)["command"] == "nukarumi race --epochs 1 --seeds 1 --extend 0"


class _Nothing:
    """An engine that does no run, so that only the settings are asked."""

    def run(self, function, tasks):
        return iter(())

    def close(self):
        pass


def test_a_race_that_diverged_or_was_not_judged_has_a_report():
    diverged = race(
        "digits", "sgd", epochs=1, seeds=2, grid=[1e9], extend=0, engine=Serial(), out=False, progress=False
    )
    shown = report(diverged)
    assert shown["trails"] == []
    assert shown["result"]["standings"][0]["best_lr"] is None
    json.dumps(shown, allow_nan=False)


def test_an_interrupted_race_has_a_report(tmp_path):
    class Tired(Serial):
        def run(self, function, tasks):
            for number, pair in enumerate(super().run(function, tasks)):
                if number == 1 and tasks[0].phase == "judging":
                    raise KeyboardInterrupt
                yield pair

    with pytest.raises(RaceInterrupted) as caught:
        race("digits", "sgd,adam", epochs=1, seeds=2, grid=[0.01], extend=0, engine=Tired(), out=tmp_path / "part",
             progress=False)  # fmt: skip
    shown = report(tmp_path / "part")
    assert shown == report(caught.value.result)
    assert shown["result"]["complete"] is False
    assert len(shown["trails"]) == 1
    text = write_report(tmp_path / "part").read_text()
    assert '"complete":false' in text


def test_numbers_that_are_not_finite_become_null():
    shown = _of_one(losses=[1.23456789, math.nan, math.inf, -math.inf])
    assert shown["trails"][0]["loss"] == [1.235, None, None, None]
    assert shown["trails"][0]["layers"][0]["step_norm"] == [None] * 4


def test_long_trails_are_thinned_and_keep_their_ends():
    shown = _of_one(losses=np.linspace(1, 0.1, 2001), arrays=60)
    step = shown["trails"][0]["step"]
    assert len(json.dumps(shown)) <= LARGEST
    assert step[0] == 1
    assert step[-1] == 2001
    assert 10 < len(step) < 2001
    assert len(shown["trails"][0]["layers"][59]["fans"]["state/h"][6]) == len(step)


def _of_one(losses, arrays=1):
    """The report of a race with one run whose losses are given."""

    class Made:
        def to_dict(self):
            run = {"seed": 3, "error": 0.1}
            return {
                "problem": "made", "folder": "/somewhere", "standings": [{"optimizer": "Adagrad", "runs": [run]}],
                "settings": {"problem": "made", "options": {}, "data": {}, "optimizers": [], "epochs": 1,
                             "tuning_seeds": [0, 1, 2], "seeds": [3], "extend": 0},
            }  # fmt: skip

        @property
        def standings(self):
            trail = Trail({f"W{n}": (100, 10) for n in range(arrays)}, states=("h",), capacity=4096)
            for step, loss in enumerate(losses, 1):
                trail.append(step, loss, {})
            run = type("Run", (), {"trail": trail.to_bytes()})
            return [type("Standing", (), {"label": "Adagrad", "runs": {3: run}})]

    return report(Made())


def test_what_is_no_race_is_refused(tmp_path, finished):
    with pytest.raises(BadInput, match="finished or interrupted"):
        report(tmp_path)
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(BadInput, match="a file that a race wrote"):
        report(tmp_path)
    (tmp_path / "result.json").write_text('{"format": "nukarumi.race.result", "version": 2, "standings": []}')
    with pytest.raises(BadInput, match="version 1"):
        report(tmp_path)
    unkept = race("digits", "sgd", epochs=1, seeds=1, grid=[0.1], extend=0, engine=Serial(), out=False, progress=False)
    with pytest.raises(BadInput, match="needs a path"):
        write_report(unkept)
    assert write_report(unkept, tmp_path / "r.html").stat().st_size > 1000


def test_a_label_cannot_leave_its_place(finished, tmp_path):
    """A label is whatever somebody called a class; in the page it is data."""
    file = tmp_path / "result.json"
    result = finished.to_dict()
    result["standings"][0]["optimizer"] = "</script><script>alert(1)</script><!--"
    file.write_text(json.dumps(result))
    text = write_report(tmp_path).read_text()
    assert "<script>alert" not in text
    assert text.count("\\u003c/script>\\u003cscript>alert(1)\\u003c/script>\\u003c!--") == 1
