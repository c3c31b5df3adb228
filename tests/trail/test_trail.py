"""A trail keeps what it was given, never outgrows its capacity, and refuses what does not fit."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.trail import Trail


def filled(rows, capacity=1024, **options):
    trail = Trail({"w": (2,), "big": (5, 5)}, states=("h",), capacity=capacity, **options)
    for step in range(1, rows + 1):
        trail.append(step, 1.0 / step, {"w": {"step_norm": float(step), "value/w": [step, -step]}})
    return trail


def test_what_is_appended_comes_back():
    trail = filled(3)
    assert trail.steps.tolist() == [1, 2, 3]
    assert trail.column("w", "value/w").tolist() == [[1, -1], [2, -2], [3, -3]]
    assert np.isnan(trail.column("big", "gradient_norm")).all()
    assert trail.column("big", "nonfinite_weights").tolist() == [0, 0, 0]
    assert "value/w" not in trail.columns("big")


@given(rows=st.integers(0, 400), capacity=st.integers(1, 25).map(lambda half: 2 * half))
@settings(max_examples=40, deadline=None)
def test_full_trail_thins_evenly(rows, capacity):
    trail = Trail({"w": (1,)}, capacity=capacity)
    for step in range(1, rows + 1):
        if (step - 1) % trail.every == 0:
            trail.append(step, float(step), {})
    assert len(trail) <= capacity
    assert trail.steps.tolist() == list(range(1, rows + 1, trail.every))[: len(trail)]
    assert len(trail) >= min(rows, capacity // 2)
    assert trail.loss.tolist() == trail.steps.tolist()


def test_views_cannot_be_written():
    trail = filled(2)
    for column in (trail.steps, trail.loss, trail.column("w", "step_norm")):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_total_is_the_norm_over_all_arrays():
    trail = Trail({"a": (1,), "b": (1,)})
    trail.append(1, 0.0, {"a": {"step_norm": 3.0}, "b": {"step_norm": 4.0}})
    assert trail.total("step_norm").tolist() == [5.0]
    assert Trail().total("step_norm").tolist() == []


def test_array_that_appears_later():
    trail = filled(2)
    trail.add_array("late", (1,))
    trail.append(3, 0.0, {"late": {"step_norm": 7.0}})
    assert np.array_equal(trail.column("late", "step_norm"), [np.nan, np.nan, 7.0], equal_nan=True)
    with pytest.raises(BadInput, match="'late' is in the trail with shape"):
        trail.add_array("late", (2,))


@pytest.mark.parametrize(
    ("step", "readings", "says"),
    [
        (2, {}, "steps must grow"),
        (3, {"v": {}}, "no array of this name"),
        (3, {"w": {"stepnorm": 1.0}}, "made of the trail's columns"),
        (3, {"w": {"step_norm": [1.0, 2.0]}}, "made of the trail's columns"),
        (3, {"w": {"step_norm": 1.0, "value/w": [1.0]}}, "made of the trail's columns"),
    ],
)
def test_refused_row_changes_nothing(step, readings, says):
    trail = filled(2, capacity=2)
    before = trail.to_bytes()
    with pytest.raises(BadInput, match=says):
        trail.append(step, 0.0, readings)
    assert trail.to_bytes() == before


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": 7},
        {"capacity": True},
        {"every": 0},
        {"every": 1.5},
        {"small": -1},
        {"meta": {"x": {1}}},
    ],
)
def test_refused_settings(options):
    with pytest.raises(BadInput):
        Trail({"w": (1,)}, **options)


def test_unknown_column_lists_the_known():
    with pytest.raises(BadInput, match="gradient_norm, step_norm"):
        filled(1).column("w", "speed")


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_dicts_and_frame(rows):
    pd = pytest.importorskip("pandas")
    trail = filled(rows)
    rows_as_dicts = trail.to_dicts()
    assert len(rows_as_dicts) == rows
    json.dumps(rows_as_dicts)
    frame = trail.to_pandas()
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.tolist() == trail.steps.tolist()
    assert frame["w/value/w/1"].tolist() == [-step for step in range(1, rows + 1)]
    assert "big/effective_lr/0.25" in frame.columns


def test_frame_without_pandas(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(BadInput, match=r"pip install 'nukarumi\[pandas\]'"):
        filled(1).to_pandas()
