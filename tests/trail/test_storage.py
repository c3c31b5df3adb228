"""A trail file gives back the same trail to the bit, and anything else is refused by name."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save

from nukarumi._errors import BadInput
from nukarumi.trail import Trail, storage

NAMES = st.text(min_size=1, max_size=8)
SHAPES = st.lists(st.integers(0, 4), max_size=3).map(tuple)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)  # fmt: skip


@st.composite
def trails(draw):
    states = tuple(draw(st.lists(st.sampled_from(["h", "m", "v"]), unique=True)))
    measures = tuple(draw(st.lists(st.sampled_from(["saturated", "unmoved"]), unique=True)))
    trail = Trail(
        draw(st.dictionaries(NAMES, SHAPES, max_size=3)), states=states, measures=measures,
        capacity=2 * draw(st.integers(1, 5)),
        small=draw(st.integers(0, 20)), every=draw(st.integers(1, 5)), meta=draw(st.dictionaries(NAMES, PLAIN)),
    )  # fmt: skip
    for row in range(draw(st.integers(0, 12))):
        readings = {}
        for array in trail.arrays:
            name = draw(st.sampled_from(trail.columns(array)))
            column = trail.column(array, name)
            readings[array] = {name: draw(hnp.arrays(column.dtype, column.shape[1:]))}
        trail.append(3 * row + 1, draw(st.floats()), readings)
    return trail


def same(one, other):
    keys = "capacity", "every", "small", "states", "measures", "meta", "arrays"
    assert [getattr(one, key) for key in keys] == [getattr(other, key) for key in keys]
    assert one.to_bytes() == other.to_bytes()
    np.testing.assert_array_equal(one.loss, other.loss)


@given(trails())
@settings(max_examples=60, deadline=None)
def test_round_trip(trail):
    same(Trail.from_bytes(trail.to_bytes()), trail)


def test_loaded_trail_goes_on(tmp_path):
    trail = Trail({"w": (1,)}, capacity=4)
    for step in range(1, 5):
        trail.append(step, 0.0, {})
    trail.save(tmp_path / "a")
    loaded = Trail.load(tmp_path / "a")
    for which in (trail, loaded):
        which.append(5, 0.5, {"w": {"step_norm": 2.0}})
    same(loaded, trail)
    assert loaded.steps.tolist() == [1, 3, 5]


def test_every_cut_and_many_flips_are_refused_or_read(tmp_path):
    trail = Trail({"w": (2,)}, states=("h",), meta={"seed": 1})
    trail.append(1, 0.5, {"w": {"step_norm": 1.0}})
    whole = trail.to_bytes()
    for length in range(0, len(whole), 7):
        with pytest.raises(BadInput, match="cut"):
            Trail.from_bytes(whole[:length], "cut")
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(whole)
        broken[int(rng.integers(len(whole)))] ^= int(rng.integers(1, 256))
        with contextlib.suppress(BadInput):  # a flipped number is a number; nothing else may happen
            assert len(Trail.from_bytes(bytes(broken), "flipped")) == 1


def test_missing_and_foreign_files(tmp_path):
    with pytest.raises(BadInput, match=r"nowhere\.trail"):
        Trail.load(tmp_path / "nowhere.trail")
    with pytest.raises(BadInput, match="must be a readable file"):
        Trail.load(tmp_path)
    for content in (
        b"",
        b"PK\x03\x04",
        save({"a": np.zeros(2)}),
        save({"a": np.zeros(2)}, {"other": "{}"}),
        save({"a": np.zeros(2)}, {storage.KEY: "[]"}),
    ):
        (tmp_path / "foreign").write_bytes(content)
        with pytest.raises(BadInput, match="foreign"):
            Trail.load(tmp_path / "foreign")


def test_newer_version_says_update(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(storage, "VERSION", 99)
        content = Trail(measures=("saturated",)).to_bytes()
    with pytest.raises(BadInput, match=r"version 1 to 2.*version 99.*update nukarumi"):
        Trail.from_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"capacity": 1}, {"capacity": 2}, {"capacity": 7}, {"capacity": "many"}, {"version": "x"},
        {"version": None}, {"every": 0}, {"states": 3}, {"states": ["h", "m"]},
        {"arrays": [["w", [3]]]}, {"arrays": [["w", [-1]]]}, {"arrays": [["w", [2**62, 2**62]]]}, {"arrays": None},
        {"quantiles": [0, 1]}, {"meta": 1}, {"small": 1},
    ],
)  # fmt: skip
def test_header_that_does_not_fit_the_columns(change):
    trail = Trail({"w": (2,)}, states=("h",), capacity=8)
    for step in (1, 2, 3):
        trail.append(step, 0.0, {})
    tensors, metadata = storage._open(trail.to_bytes(), "x")
    header = json.loads(metadata[storage.KEY])
    if change == {"small": 1}:  # fewer columns than the file has are read without harm
        del header["meta"]
    metadata[storage.KEY] = json.dumps(header | change)
    with pytest.raises(BadInput, match="damaged"):
        Trail.from_bytes(save(tensors, metadata), "x")


def test_a_trail_without_measures_is_still_version_1_and_one_with_them_is_2():
    """Readers of version 1 (in other languages, too) keep reading every trail that says nothing new."""
    headers = []
    for measures in ((), ("saturated",)):
        trail = Trail({"w": (2,)}, measures=measures)
        trail.append(1, 0.0, {"w": dict.fromkeys(measures, 0.25)})
        tensors, metadata = storage._open(trail.to_bytes(), "x")
        headers.append(json.loads(metadata[storage.KEY]))
        assert {f"0/{name}" for name in measures} <= set(tensors)
    assert [header["version"] for header in headers] == [1, 2]
    assert "measures" not in headers[0]
    assert headers[1]["measures"] == ["saturated"]


def test_steps_that_do_not_grow_are_refused():
    trail = Trail(capacity=8)
    trail.append(1, 0.0, {})
    trail.append(2, 0.0, {})
    tensors, metadata = storage._open(trail.to_bytes(), "x")
    tensors["step"] = np.array([2, 2])
    with pytest.raises(BadInput, match="do not grow"):
        Trail.from_bytes(save(tensors, metadata), "x")
