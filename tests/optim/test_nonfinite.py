"""Gradients that are NaN or infinite: warn once, refuse, leave out, or say nothing; the same on both engines."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from optim_family import CLASSES, ENGINES, Reference, assert_same, bytes_of, copied, label

from nukarumi import SGD, Adagrad
from nukarumi._errors import BadInput
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine import group

LARGE = group.CHUNK + 5
ARRAYS: dict[str, Any] = {
    "packed": lambda g: g((2, 3)),
    "blocks": lambda g: g((LARGE,)),
    "turned": lambda g: np.asfortranarray(g((211, 157))),
    "half": lambda g: g((300, 20)).astype(np.float16),
}


def spoilt(w: Any, index: tuple[int, ...], value: float) -> Any:
    """A gradient of ones with one bad entry, and a later one."""
    g = np.ones(w.shape, w.dtype)
    g[tuple(n - 1 for n in w.shape)] = np.nan
    g[index] = value
    return g


def quiet_update(optimizer: Optimizer, params: Any, grads: Any) -> list[str]:
    """The warnings of an update."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        optimizer.update(params, grads)
    assert {w.category for w in caught} <= {RuntimeWarning}
    return [str(w.message) for w in caught]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("engine", ENGINES)
def test_one_warning_names_array_index_and_step(engine: str, kind: str, value: float) -> None:
    """Wherever the array is computed; the index is the first in C order, however the array lies."""
    params = {"ok": np.ones(3), "W": ARRAYS[kind](np.ones), "worse": np.ones(2)}
    index = (1, 2) if params["W"].ndim == 2 else (LARGE - 3,)
    fine = {name: np.ones(w.shape, w.dtype) for name, w in params.items()}
    bad = {**fine, "W": spoilt(params["W"], index, value), "worse": np.full(2, np.nan)}
    optimizer = SGD(engine=engine, threads=2)
    assert quiet_update(optimizer, params, fine) == []
    told = quiet_update(optimizer, params, bad)
    place = index[0] if len(index) == 1 else index
    assert told == [f"step 2: grads['W'] is {value} at index {place}; the parameter follows it"]
    assert not np.isfinite(params["W"][index])
    assert np.isfinite(params["ok"]).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_the_numbers_are_numpys(cls: type[Optimizer], engine: str) -> None:
    """With "warn" and "ignore" NaN and infinity go through the rule like any number."""
    for policy in ("warn", "ignore"):
        params = {"W": np.ones(4), "b": np.ones(2)}
        expected, reference = copied(params), Reference(cls)
        optimizer = cls(engine=engine, on_nonfinite=policy)
        for g in ([1.0, np.nan, np.inf, -np.inf], [1.0, 1.0, 1.0, np.inf]):
            grads = {"W": np.array(g), "b": np.ones(2)}
            told = quiet_update(optimizer, params, grads)
            expected = reference.update(expected, grads)
            assert len(told) == (policy == "warn" and optimizer.t == 1)
        assert_same(params, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_silence_until_gradients_are_finite_again(engine: str) -> None:
    """One warning for a bad spell, however long; the next spell has its own."""
    optimizer, params = SGD(engine=engine), {"W": np.ones(3)}
    bad, fine = {"W": np.array([1.0, np.nan, 1.0])}, {"W": np.ones(3)}
    told = [len(quiet_update(optimizer, params, g)) for g in (bad, bad, fine, fine, bad, bad, bad, fine, bad)]
    assert told == [1, 0, 0, 0, 1, 0, 0, 0, 1]


@pytest.mark.parametrize("bound_anew", ["arrays", "numbers", "setting"])
def test_silence_ends_for_parameters_that_are_new_every_time(bound_anew: str) -> None:
    """Arrays that a program makes afresh, Python floats, a setting that changes at every step: once a spell."""
    optimizer, params = SGD(), {"W": 1.0 if bound_anew == "numbers" else np.ones(1)}
    told = []
    for value in (np.nan, np.nan, 1.0, np.nan, 1.0):
        if bound_anew == "arrays":
            params = {"W": params["W"].copy()}
        if bound_anew == "setting":
            optimizer.weight_decay = optimizer.weight_decay + 0.125
        told.append(
            len(quiet_update(optimizer, params, {"W": value if bound_anew == "numbers" else np.full(1, value)}))
        )
    assert told == [1, 0, 0, 1, 0]


def test_another_network_does_not_end_the_silence() -> None:
    """Two networks take turns on one SGD; the one that blew up is told of once."""
    shared, blown, well = SGD(), {"W1": np.ones(3)}, {"W1": np.ones(3)}
    told = []
    for _ in range(5):
        told += quiet_update(shared, blown, {"W1": np.full(3, np.nan)})
        told += quiet_update(shared, well, {"W1": np.ones(3)})
    assert len(told) == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_very_large_is_not_infinite(cls: type[Optimizer], engine: str) -> None:
    """Squares that overflow are the rule's affair: no warning, and no refusal."""
    for policy in ("warn", "raise", "skip", "skip_update"):
        optimizer, params = cls(engine=engine, on_nonfinite=policy), {"W": np.ones(3, np.float32)}
        assert quiet_update(optimizer, params, {"W": np.full(3, 1e30, np.float32)}) == []
        assert optimizer.t == 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_raise_changes_nothing(cls: type[Optimizer], engine: str) -> None:
    """At the first update and later; array, index and step are named."""
    for steps in (0, 2):
        optimizer, params = cls(engine=engine, on_nonfinite="raise"), {"a": np.ones(3), "x": 1.0, "W": np.ones((2, 2))}
        fine = {"a": np.ones(3), "x": 1.0, "W": np.ones((2, 2))}
        for _ in range(steps):
            optimizer.update(params, fine)
        before = bytes_of(optimizer, params)
        with pytest.raises(BadInput, match=rf"finite at step {steps + 1} .*grads\['W'\] is inf at index \(1, 0\)"):
            optimizer.update(params, {**fine, "W": np.array([[1.0, 1.0], [np.inf, np.nan]])})
        assert bytes_of(optimizer, params) == before


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_skip_leaves_out_the_array(cls: type[Optimizer], engine: str) -> None:
    """Its values, its state and its clock stand still, also at its first update; the others go on."""
    optimizer, params = cls(engine=engine, on_nonfinite="skip"), {"W": np.ones(3), "x": 1.0, "b": np.ones(2)}
    others, alone = cls(engine=engine), {"W": np.ones(3), "x": 1.0}
    b, b_alone = cls(engine=engine), {"b": np.ones(2)}
    for k, bad in enumerate([True, False, True, False, False]):
        grads = {"W": np.full(3, 0.5 + k), "x": 0.5, "b": np.array([0.5, np.nan if bad else 0.25])}
        assert quiet_update(optimizer, params, grads) == []
        others.update(alone, {"W": grads["W"], "x": 0.5})
        if not bad:
            b.update(b_alone, {"b": grads["b"]})
        elif k == 0 and cls.state_names:
            assert list(getattr(optimizer, cls.state_names[0])) == ["W", "x"]
        assert optimizer.t == k + 1
    assert_same(params, {**alone, **b_alone})
    for letter in cls.state_names:
        assert_same(getattr(optimizer, letter), {**getattr(others, letter), **getattr(b, letter)})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_skip_leaves_out_a_number(cls: type[Optimizer], engine: str) -> None:
    """A Python float stays the object that it was."""
    optimizer, params = cls(engine=engine, on_nonfinite="skip"), {"x": 1.5, "y": 1.0}
    optimizer.update(params, {"x": float("inf"), "y": 1.0})
    assert params["x"] == 1.5
    assert params["y"] != 1.0


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_skip_update_leaves_everything(cls: type[Optimizer], engine: str) -> None:
    """As if this update had never been asked for: a schedule does not see it either."""
    asked: list[int] = []

    def rate(t: int) -> float:
        asked.append(t)
        return 0.1

    optimizer, params = cls(rate, engine=engine, on_nonfinite="skip_update"), {"W": np.ones(3), "x": 1.0}
    plain, twin = cls(lr=0.1, engine=engine), {"W": np.ones(3), "x": 1.0}
    fine = {"W": np.full(3, 0.5), "x": 0.5}
    for k, value in enumerate([np.nan, 0.5, np.inf, 0.5]):
        before = bytes_of(optimizer, params)[0:4]
        assert quiet_update(optimizer, params, {**fine, "x": value}) == []
        if np.isfinite(value):
            plain.update(twin, fine)
        else:
            assert bytes_of(optimizer, params)[0:4] == before, k
    assert bytes_of(optimizer, params)[:4] == bytes_of(plain, twin)[:4]
    assert asked == [1, 2]


def test_clipping_by_the_norm_sees_what_is_not_left_out() -> None:
    """The norm of a skipped array is nobody's."""
    optimizer, params = SGD(lr=1.0, clip_norm=1.0, on_nonfinite="skip"), {"W": np.zeros(2), "b": np.zeros(1)}
    optimizer.update(params, {"W": np.array([3.0, 4.0]), "b": np.array([np.nan])})
    np.testing.assert_allclose(params["W"], [-0.6, -0.8], rtol=1e-15)
    assert params["b"].tolist() == [0.0]


def test_a_warning_made_an_error_comes_after_a_whole_update() -> None:
    """With warnings as errors the update is told of as an error, but it is done, for all parameters."""
    optimizer, params = Adagrad(lr=0.1), {"W": np.ones(2), "b": np.ones(2, np.float32)}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeWarning, match=r"grads\['W'\] is nan at index 0"):
            optimizer.update(params, {"W": np.array([np.nan, 1.0]), "b": np.ones(2, np.float32)})
    assert optimizer.t == 1
    assert (params["b"] < 1).all()


def test_the_warning_points_at_the_callers_line() -> None:
    """Not into the library."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        SGD().update({"W": np.ones(1)}, {"W": np.full(1, np.nan)})
    assert [w.filename for w in caught] == [__file__]
