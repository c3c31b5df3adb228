"""Entrants, grids and the look of a race."""

import io
import math

import pytest
from race_fakes import Ada, Misbehaving, Sgd, Toy

from nukarumi._errors import BadInput
from nukarumi.optim import SGD, Adadelta, Adagrad, Adam
from nukarumi.race import Serial, entrants, parse_grid, race
from nukarumi.race.grids import Grade, default_grid, good_range, grow, pick
from nukarumi.race.progress import Bars, Lines, Quiet, progress_for
from nukarumi.race.report import print_result


def labels(optimizers):
    return [entrant.label for entrant in entrants(optimizers)]


def test_entrants_by_name_class_instance_and_function():
    assert labels("ADAGRAD, adam") == ["Adagrad", "Adam"]
    assert labels(Adagrad) == ["Adagrad"]
    assert labels([Adagrad(eps=1e-10), Adagrad, lambda: Adagrad(eps=1e-3)]) == [
        "Adagrad(eps=1e-10)", "Adagrad", "Adagrad(eps=0.001)"]  # fmt: skip
    assert len(labels(None)) == 8


def test_entrant_is_rebuilt_with_its_settings_and_another_rate():
    entrant = entrants([Adam(lr=0.5, beta1=0.8)])[0]
    assert entrant.lr == 0.5
    built = entrant.build(0.25)
    assert (built.lr, built.beta1, built.on_nonfinite, built.t) == (0.25, 0.8, "ignore", 0)
    assert entrants([Adam(on_nonfinite="raise")])[0].build(1.0).on_nonfinite == "raise"
    assert entrants(Adadelta)[0].lr == Adadelta().lr


@pytest.mark.parametrize(
    ("optimizers", "says"),
    [
        ("adagradd", "SGD, Momentum, Nesterov, Adagrad"), ("", "at least one"), ([], "at least one"),
        (3, "must be a name"),
        ("sgd,SGD", "twice SGD"), ([object()], "must be a name"), ([SGD(lr=lambda step: 0.1)], "function of the step"),
        ([SGD(lr=0.0)], "positive number"), ([Sgd()], "must have `settings`"), ([dict], "takes lr"),
    ],
)  # fmt: skip
def test_refused_entrants(optimizers, says):
    with pytest.raises(BadInput, match=says):
        entrants(optimizers)


@pytest.mark.parametrize(
    "text", ["", "a", "1:2", "1:2:x", "2:1:3", "0:1:3", "1:2:1", "1:inf:3", "1:2:3:4", "0.1,-1", "nan"]
)
def test_refused_grids(text):
    with pytest.raises(BadInput):
        parse_grid(text)


def test_grids_are_logarithmic_and_grow_in_their_own_spacing():
    grid = default_grid(0.01)
    assert grid == sorted(grid)
    assert grid[3] == 0.01
    assert math.log10(grid[-1] / grid[0]) == pytest.approx(2)
    assert grow([0.1, 1.0], below=True, above=False) == [0.0001, 0.001, 0.01]
    assert len(grow([1.0], below=True, above=True)) == 6
    assert grow([1.0], below=False, above=False) == []


def test_pick_and_good_range():
    grades = {
        0.001: Grade(0.05, 1.0, False), 0.01: Grade(0.9, 1.0, False), 0.1: Grade(0.055, 1.0, False),
        1.0: Grade(0.05, 0.9, False), 10.0: Grade(math.nan, math.nan, True),
    }  # fmt: skip
    assert pick(grades, 0.01) == 1.0, "least loss among equal errors"
    assert good_range(grades, 1.0) == (0.1, 1.0, False, False)
    assert good_range(grades, 1.0).decades == pytest.approx(1.0)
    assert good_range(grades, 0.001) == (0.001, 0.001, True, False), "unbroken only"


def test_table_is_plain_and_narrow_when_piped():
    optimizer = Misbehaving(flag=__file__, how="a rather long setting that makes a long label")
    result = race(Toy, [Sgd, Ada, optimizer], engine=Serial(), out=False, progress=False)
    file = io.StringIO()
    print_result(result, file)
    assert "\x1b" not in file.getvalue()
    assert max(map(len, file.getvalue().splitlines())) <= 100
    assert "±" in file.getvalue()
    assert [line.split()[0] for line in result.table().splitlines()[:1]] == ["optimizer"]


def test_progress_in_lines_and_bars():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    lines, bars = io.StringIO(), Terminal()
    assert isinstance(progress_for(True, lines), Lines)
    assert isinstance(progress_for(True, bars), Bars)
    assert isinstance(progress_for(False), Quiet)
    for file in (lines, bars):
        race(Toy, [Sgd, Ada], grid=[0.1], extend=0, engine=Serial(), out=False, progress=progress_for(True, file))
        assert "Ada" in file.getvalue()
        assert "best lr 0.1" in file.getvalue() or "test error" in file.getvalue()
    assert len(lines.getvalue().splitlines()) == 5


def test_short_real_race():
    result = race(
        "digits", "sgd,adagrad", epochs=1, seeds=2, tuning_seeds=1, grid={"SGD": [0.1, 0.5], "Adagrad": [0.03, 0.1]},
        extend=0, engine=Serial(), out=False, progress=False,
    )  # fmt: skip
    assert all(standing.error.mean < 0.4 for standing in result.standings)
    trail = result.trail("Adagrad", 1)
    assert set(trail.arrays) == {"W1", "b1", "W2", "b2"}
    assert trail.states == ("h",)
    h = trail.column("W1", "state/h")[:, -1]
    assert (h[1:] >= h[:-1]).all()
