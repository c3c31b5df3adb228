"""The classes behave as those of the Japanese book that its readers know: equal to the last bit, used in the same ways.

The stored numbers were made by the book's own classes (`tests/goldens/make_book.py`). The patterns of use are those of
its programs for chapters 6 to 8, told here in our own words.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nukarumi

ENGINES = ("numpy", "numba")
GOLDENS = Path(__file__).parents[1] / "goldens"
BOOK = json.loads((GOLDENS / "book.json").read_text(encoding="utf-8"))
SHAPES: dict[str, tuple[int, ...]] = {"W": (3, 4), "b": (3,), "s": ()}
FAMILY = sorted({case["optimizer"] for case in BOOK["cases"]})
EIGHT = [*FAMILY, "Adadelta", "AdamW"]


def name_of(case: dict[str, Any]) -> str:
    """The id of a stored case."""
    parts = [case["optimizer"], case["dtype"], *(f"{k}={v}" for k, v in case["options"].items())]
    return "-".join([*parts, "nonfinite"] if case["nonfinite"] else parts)


def from_hex(values: dict[str, list[str]], dtype: str) -> dict[str, Any]:
    """Stored numbers as arrays of their shape; ``x`` is a Python float."""
    numbers = {key: [float.fromhex(digits) for digits in found] for key, found in values.items()}
    return {
        key: found[0] if key == "x" else np.array(found, dtype).reshape(SHAPES[key]) for key, found in numbers.items()
    }


def gradients(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The gradients of a stored case."""
    steps = [from_hex(step, case["dtype"]) for step in BOOK["inputs"][case["dtype"]]["grads"]]
    if case["nonfinite"]:
        steps[2]["b"][:2] = np.nan, np.inf
    return steps


def bits(value: object, dtype: str) -> list[str]:
    """The digits of a parameter or state, whatever holds it."""
    return [float(x).hex() for x in np.ravel(np.asarray(value, dtype))]


# ---- numbers ---------------------------------------------------------------------------------------------------------

# In float32 NumPy 2 lets the book's Adam slip into float64 (its rate is a NumPy scalar there, which is not weak), so
# its last float32 bit belongs to NumPy's promotion rules and not to the optimizer. It has its own test below.
EXACT = [case for case in BOOK["cases"] if (case["optimizer"], case["dtype"]) != ("Adam", "float32")]
ROUNDED = [case for case in BOOK["cases"] if case not in EXACT]


def test_goldens_hold_every_class_of_the_book() -> None:
    """A golden file that lost a class or a kind of number would make the other tests pass in silence."""
    assert FAMILY == ["Adagrad", "Adam", "Momentum", "Nesterov", "RMSprop", "SGD"]
    assert {(case["dtype"], case["nonfinite"]) for case in EXACT} == {
        ("float64", False),
        ("float64", True),
        ("float32", False),
    }
    assert len(EXACT) == 6 * 2 * 3 - 2
    assert len(ROUNDED) == 2


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", ["class", "like"])
@pytest.mark.parametrize("case", EXACT, ids=name_of)
def test_equal_to_the_last_bit(case: dict[str, Any], how: str, engine: str) -> None:
    """Parameters after every update, and the state after the last, are those of the book's class."""
    cls = getattr(nukarumi, case["optimizer"])
    make = cls if how == "class" else lambda **options: cls.like("book", **options)
    optimizer = make(**case["options"], engine=engine, on_nonfinite="ignore")
    dtype = case["dtype"]
    params = from_hex(BOOK["inputs"][dtype]["params"], dtype)
    for grads, expected in zip(gradients(case), case["walk"], strict=True):
        optimizer.update(params, grads)
        assert {key: bits(value, dtype) for key, value in params.items()} == expected
    for letter, expected in case["state"].items():
        state = getattr(optimizer, letter)
        assert {key: bits(state[key], dtype) for key in expected} == expected


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ROUNDED, ids=name_of)
def test_adam_in_float32_is_the_book_up_to_rounding(case: dict[str, Any], engine: str) -> None:
    """What is left of a difference is NumPy's promotion of a scalar: at most a few units in the last place a step."""
    optimizer = nukarumi.Adam(**case["options"], engine=engine)
    params = from_hex(BOOK["inputs"]["float32"]["params"], "float32")
    for grads, expected in zip(gradients(case), case["walk"], strict=True):
        optimizer.update(params, grads)
        for key, value in from_hex(expected, "float32").items():
            assert params[key].dtype == np.float32
            np.testing.assert_allclose(params[key], value, rtol=2e-6, atol=1e-6)


# ---- ways of use -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EIGHT)
@pytest.mark.parametrize("engine", ENGINES)
def test_python_floats_are_rebound_and_stay_floats(name: str, engine: str) -> None:
    """A float cannot change in place: the dict gets a new one, of the same type."""
    params = {"x": -7.0, "y": 2.0}
    optimizer = getattr(nukarumi, name)(engine=engine)
    for _ in range(5):
        before = dict(params)
        optimizer.update(params, {"x": params["x"] / 10.0, "y": 2.0 * params["y"]})
        assert list(params) == ["x", "y"]
        assert {type(value) for value in params.values()} == {float}
        assert before["x"] < params["x"] < 0.0 < params["y"] < before["y"]


@pytest.mark.parametrize("name", EIGHT)
def test_python_float_walks_as_the_array_does(name: str) -> None:
    """The kind of container does not change a digit."""
    floats, arrays = {"x": -7.0}, {"x": np.array([-7.0])}
    first, second = getattr(nukarumi, name)(), getattr(nukarumi, name)()
    for _ in range(20):
        first.update(floats, {"x": floats["x"] / 10.0})
        second.update(arrays, {"x": arrays["x"] / 10.0})
        assert floats["x"].hex() == float(arrays["x"][0]).hex()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EIGHT)
def test_arrays_change_in_place(name: str, engine: str) -> None:
    """Layers keep a reference to their weights and must see the update."""
    weights = np.ones((3, 2))
    params = {"W1": weights}
    getattr(nukarumi, name)(engine=engine).update(params, {"W1": np.ones((3, 2))})
    assert params["W1"] is weights
    assert (weights < 1.0).all()


def test_chosen_by_a_word_from_a_table_of_classes() -> None:
    """A trainer looks up the class by a lower-case word and passes the settings as keywords."""
    table = {
        "sgd": nukarumi.SGD,
        "momentum": nukarumi.Momentum,
        "nesterov": nukarumi.Nesterov,
        "adagrad": nukarumi.AdaGrad,
        "rmsprop": nukarumi.RMSprop,
        "adam": nukarumi.Adam,
    }
    rng = np.random.default_rng(1)
    x, t = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    for word, cls in table.items():
        params = {"W1": np.zeros((3, 1)), "b1": np.zeros(1)}
        optimizer = cls(**{"lr": 0.01})  # noqa: PIE804 - as a settings dict arrives in a trainer
        losses = []
        for _ in range(30):
            error = x @ params["W1"] + params["b1"] - t
            losses.append(float(np.mean(error**2)))
            optimizer.update(params, {"W1": 2 * x.T @ error / 40, "b1": 2 * error.mean(axis=0)})
        assert losses[-1] < losses[0], word


@pytest.mark.parametrize("engine", ENGINES)
def test_one_sgd_is_shared_by_several_networks(engine: str) -> None:
    """SGD remembers nothing, so networks of other shapes and other layers may take turns."""
    shared = nukarumi.SGD(lr=0.01, engine=engine)
    rng = np.random.default_rng(2)
    networks = [
        {"W1": rng.standard_normal((4, 3)), "b1": np.zeros(3)},
        {"W1": rng.standard_normal((5, 3)), "b1": np.zeros(3), "gamma1": np.ones(3), "beta1": np.zeros(3)},
        {"W1": rng.standard_normal((4, 3)), "W2": rng.standard_normal((3, 2))},
    ]
    expected = [{key: value.copy() for key, value in params.items()} for params in networks]
    for _ in range(4):
        for params, copies in zip(networks, expected, strict=True):
            grads = {key: rng.standard_normal(value.shape) for key, value in params.items()}
            shared.update(params, grads)
            for key in copies:
                copies[key] = copies[key] - 0.01 * grads[key]
    for params, copies in zip(networks, expected, strict=True):
        for key, value in copies.items():
            assert params[key].tobytes() == value.tobytes()


@pytest.mark.parametrize("name", EIGHT)
def test_a_parameter_that_appears_later_starts_then(name: str) -> None:
    """Its own state starts at its first update; the others go on as if it were not there."""
    cls = getattr(nukarumi, name)
    grown, alone = cls(), cls()
    params, single = {"W1": np.ones(3)}, {"W1": np.ones(3)}
    for step in range(6):
        if step == 3:
            params["W2"] = np.ones(3)
        g = np.array([1.0, -2.0, 0.5]) * (step + 1)
        grown.update(params, {key: g.copy() for key in params})
        alone.update(single, {"W1": g.copy()})
    assert params["W1"].tobytes() == single["W1"].tobytes()
    fresh, started_then = cls(), {"W2": np.ones(3)}
    for step in range(3, 6):
        fresh.update(started_then, {"W2": np.array([1.0, -2.0, 0.5]) * (step + 1)})
    assert params["W2"].tobytes() == started_then["W2"].tobytes()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EIGHT)
def test_nan_passes_with_one_warning(name: str, engine: str) -> None:
    """A network that has blown up goes on, as in NumPy; it is said once, and its neighbours are not touched."""
    optimizer = getattr(nukarumi, name)(engine=engine)
    params = {"W1": np.ones(3)}
    with pytest.warns(RuntimeWarning, match="W1"):
        optimizer.update(params, {"W1": np.array([1.0, np.nan, 1.0])})
    assert np.isnan(params["W1"]).tolist() == [False, True, False]
    assert params["W1"][0] == params["W1"][2] < 1.0


@pytest.mark.parametrize(
    ("name", "letters"),
    [("Momentum", "v"), ("Nesterov", "v"), ("AdaGrad", "h"), ("RMSprop", "h"), ("Adam", "mv")],
)
def test_state_has_the_learners_letters(name: str, letters: str) -> None:
    """The state is None before the first update, then one array a parameter, under the parameter's name."""
    optimizer = getattr(nukarumi, name)()
    assert [getattr(optimizer, letter) for letter in letters] == [None] * len(letters)
    optimizer.update({"W1": np.ones((2, 2))}, {"W1": np.full((2, 2), 3.0)})
    for letter in letters:
        state = getattr(optimizer, letter)
        assert list(state) == ["W1"]
        assert state["W1"].shape == (2, 2)
        assert (state["W1"] != 0.0).all()


def test_adam_counts_its_updates_in_iter() -> None:
    """``iter`` is 0 before the first update, as in the book."""
    optimizer = nukarumi.Adam()
    seen = [optimizer.iter]
    for _ in range(3):
        optimizer.update({"w": np.ones(1)}, {"w": np.ones(1)})
        seen.append(optimizer.iter)
    assert seen == [0, 1, 2, 3]


@pytest.mark.parametrize("name", FAMILY)
def test_settings_can_be_read_and_changed_between_updates(name: str) -> None:
    """A learning rate that is assigned holds from the next update on."""
    cls = getattr(nukarumi, name)
    changed, small = cls(lr=0.5), cls(lr=0.01)
    assert changed.lr == 0.5
    changed.lr = 0.01
    first, second = {"w": np.ones(2)}, {"w": np.ones(2)}
    changed.update(first, {"w": np.full(2, 3.0)})
    small.update(second, {"w": np.full(2, 3.0)})
    assert first["w"].tobytes() == second["w"].tobytes()


def test_the_first_words_are_positional_as_in_the_book() -> None:
    """``Momentum(0.1, 0.7)`` and ``Adam(0.3, 0.8, 0.9)`` mean what they mean there."""
    assert nukarumi.SGD(0.1).lr == 0.1
    for cls in (nukarumi.Momentum, nukarumi.Nesterov):
        assert (cls(0.1, 0.7).lr, cls(0.1, 0.7).momentum) == (0.1, 0.7)
    assert nukarumi.AdaGrad(0.1).lr == 0.1
    assert (nukarumi.RMSprop(0.1, 0.7).lr, nukarumi.RMSprop(0.1, 0.7).decay_rate) == (0.1, 0.7)
    adam = nukarumi.Adam(0.3, 0.8, 0.9)
    assert (adam.lr, adam.beta1, adam.beta2) == (0.3, 0.8, 0.9)


def test_a_module_that_is_one_line_serves_the_books_programs(tmp_path: Path) -> None:
    """Its programs say ``from common.optimizer import *`` and then use the classes, and ``np``, which comes along.

    One of them never imports NumPy itself: the name ``np`` reaches it through the star.
    """
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "optimizer.py").write_text("from nukarumi import *\n", encoding="utf-8")
    (tmp_path / "program.py").write_text(
        "from common.optimizer import *\n"
        "params = {'W': np.ones(2)}\n"
        "for cls in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam):\n"
        "    cls(lr=0.1).update(params, {'W': np.ones(2)})\n"
        "assert (params['W'] < 1).all()\n",
        encoding="utf-8",
    )
    source = str(Path(nukarumi.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({source!r}); import program"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_script_that_made_the_goldens_still_means_this_problem() -> None:
    """The stored inputs are those that `make_book.py` would use today."""
    sys.path.insert(0, str(GOLDENS))
    try:
        make_book: ModuleType = importlib.import_module("make_book")
    finally:
        sys.path.remove(str(GOLDENS))
    for dtype, stored in BOOK["inputs"].items():
        params, grads = make_book.problem(dtype, nonfinite=False)
        assert make_book.as_hex(params) == stored["params"]
        assert [make_book.as_hex(step) for step in grads] == stored["grads"]
