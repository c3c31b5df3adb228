"""Three faces, one formula: the rules alone, the NumPy engine and the compiled engine end in the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from optim_family import (
    CHANGE_NO_NUMBERS,
    CLASSES,
    DTYPES,
    ENGINES,
    UNUSUAL,
    Reference,
    assert_same,
    copied,
    label,
    problem,
    settings_of,
    variants,
)

from nukarumi import SGD, Adagrad, Adam
from nukarumi.optim._norm import global_norm
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine import group, pool

CASES = [(cls, options) for cls in CLASSES for options in variants(cls)]


def states(optimizer: Optimizer) -> dict[str, list[Any]]:
    """The states of every parameter, in the order of the letters."""
    letters = type(optimizer).state_names
    found: dict[str, dict[str, Any]] = {letter: getattr(optimizer, letter) for letter in letters}
    names = list(found[letters[0]]) if letters else []
    return {name: [found[letter][name] for letter in letters] for name in names}


def agree(optimizer: Optimizer, reference: Reference, params: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """After every step the parameters, and at the end the states, are those of the rules alone."""
    expected = copied(params)
    for grads in steps:
        expected = reference.update(expected, grads)
        optimizer.update(params, grads)
        assert_same(params, expected)
    for name, found in states(optimizer).items():
        assert_same(dict(enumerate(found)), dict(enumerate(reference.state[name])))


# The matrix -----------------------------------------------------------------------------------------------------------


def test_the_family_is_found() -> None:
    """A matrix over nothing would pass in silence."""
    assert [cls.__name__ for cls in CLASSES] == [
        "SGD", "Adadelta", "Adagrad", "Adam", "AdamW", "Momentum", "Nesterov", "RMSprop",
    ]  # fmt: skip


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_every_setting_is_in_the_matrix(cls: type[Optimizer]) -> None:
    """A new setting must say which unusual value it is tried with."""
    assert set(cls().settings) == set(settings_of(cls)) | CHANGE_NO_NUMBERS
    usual = cls(**{name: UNUSUAL[name] for name in settings_of(cls)}).settings
    assert all(usual[name] == UNUSUAL[name] for name in settings_of(cls))


@pytest.mark.parametrize(("cls", "options"), CASES, ids=label)
def test_every_setting_changes_the_numbers(cls: type[Optimizer], options: dict[str, Any]) -> None:
    """So the agreement below is an agreement about something; a setting without effect would be found here."""
    plain, odd = cls(), cls(**options)
    params, steps = problem("float64", steps=5)
    other = copied(params)
    for grads in steps:
        plain.update(params, grads)
        odd.update(other, grads)
        plain.lr, odd.lr = plain.lr / 2, odd.lr / 2  # where lr stands in the velocity shows only when lr changes
    assert (params["W"].tobytes() == other["W"].tobytes()) == (options == {})


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("cls", "options"), CASES, ids=label)
def test_engine_equals_the_rules(cls: type[Optimizer], options: dict[str, Any], engine: str, dtype: str) -> None:
    """Every optimizer, every option, both engines, both types: the same bits as the functions of ``rules.py``."""
    params, steps = problem(dtype)
    agree(cls(**options, engine=engine, threads=1), Reference(cls, **options), params, steps)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_overrides_reach_their_parameters_only(cls: type[Optimizer], engine: str) -> None:
    """All matching patterns apply, later ones over earlier ones; the others keep the optimizer's own settings."""
    own = {"lr": 0.5, "weight_decay": 0.125, "clip_value": 0.25, "maximize": True}
    optimizer = cls(lr=0.1, overrides={"W*": {"lr": 0.2, **own}, "W1": {"lr": 0.5}, "x": {"lr": 9.0}}, engine=engine)
    params, steps = problem("float32", shapes={"W1": (3, 4), "b1": (4,), "W2": (6,)})
    expected, reference = copied(params), Reference(cls, lr=0.1)
    for grads in steps:
        expected = reference.update(expected, grads, {"W1": own, "W2": {**own, "lr": 0.5}})
        optimizer.update(params, grads)
    assert_same({"W1": params["W1"], "b1": params["b1"]}, {"W1": expected["W1"], "b1": expected["b1"]})
    assert params["W2"].tobytes() == expected["W2"].tobytes()


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_schedule_is_asked_once_for_each_update(cls: type[Optimizer]) -> None:
    """Its argument is the step, 1 at first, however many groups of settings there are."""
    asked: list[int] = []

    def rate(step: int) -> float:
        asked.append(step)
        return 0.5 / step

    optimizer = cls(lr=rate, overrides={"b": {"weight_decay": 0.5}})
    params, steps = problem("float64")
    expected, reference = copied(params), Reference(cls, lr=lambda step: 0.5 / step)
    for grads in steps:
        optimizer.update(params, grads)
        expected = reference.update(expected, grads, {"b": {"weight_decay": 0.5}})
    assert asked == [1, 2, 3, 4]
    assert_same(params, expected)


# Sizes, blocks and threads --------------------------------------------------------------------------------------------

EDGES = [
    1, group.PACKED - 1, group.PACKED, group.PACKED + 1,
    group.BLOCK - 1, group.BLOCK, group.BLOCK + 1, 2 * group.BLOCK + 3,
    group.CHUNK - 1, group.CHUNK, group.CHUNK + 1, 3 * group.CHUNK + 5,
    group.SHARED - 1, group.SHARED, group.SHARED + 1,
]  # fmt: skip


@pytest.mark.parametrize("size", EDGES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_sizes_around_every_edge(size: int, dtype: str) -> None:
    """Where packing ends, blocks break, chunks break and helpers come in, no entry is lost or done twice."""
    params, steps = problem(dtype, steps=2, shapes={"W": (size,), "b": (3,)})
    for engine in ENGINES:
        agree(Adagrad(engine=engine, threads=3), Reference(Adagrad), copied(params), steps)


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_any_number_of_threads(cls: type[Optimizer], threads: int) -> None:
    """More threads than cores, than chunks or than one: the same bits."""
    shapes = {"W": (2 * group.SHARED + 11,), "V": (group.CHUNK + 1, 2), "b": (5,)}
    params, steps = problem("float32", steps=2, shapes=shapes)
    agree(cls(engine="numba", threads=threads), Reference(cls), params, steps)


@pytest.mark.parametrize("block", [1, 7, 1024])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_any_size_of_block(cls: type[Optimizer], block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of one entry, of a number that divides nothing, of many."""
    for name in ("PACKED", "BLOCK", "CHUNK", "SHARED"):
        monkeypatch.setattr(group, name, block)
    params, steps = problem("float64", steps=2, shapes={"W": (43, 31), "b": (3,)})
    steps[1]["W"] = np.asfortranarray(steps[1]["W"])
    for engine in ENGINES:
        agree(cls(engine=engine, threads=2), Reference(cls), copied(params), steps)


def test_the_helpers_are_never_more_than_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million threads asked for are not a million threads started."""
    started: list[int] = []
    monkeypatch.setattr(pool, "_grow", started.append)
    params, steps = problem("float32", steps=1, shapes={"W": (4 * group.CHUNK,)})
    agree(Adagrad(engine="numba", threads=1_000_000), Reference(Adagrad), params, steps)
    assert started == [3]


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_may_change_in_the_middle(engine: str) -> None:
    """The state belongs to the optimizer, not to the engine."""
    params, steps = problem("float32", steps=6)
    optimizer, reference = Adam(engine="numpy"), Reference(Adam)
    expected = copied(params)
    for k, grads in enumerate(steps):
        optimizer.engine = engine if k % 2 else "numpy"
        optimizer.update(params, grads)
        expected = reference.update(expected, grads)
    assert_same(params, expected)


# Values ---------------------------------------------------------------------------------------------------------------

EXTREMES = {
    "float32": [0.0, -0.0, 1e-45, -1e-40, 1.1754944e-38, 3.4e38, -3.4e38, 1e-30, 1e20, np.inf, -np.inf, np.nan],
    "float64": [0.0, -0.0, 5e-324, -1e-310, 2.3e-308, 1.7e308, -1.7e308, 1e-200, 1e160, np.inf, -np.inf, np.nan],
}


def values(dtype: str) -> Any:
    """Arrays of one shape with anything in them that the type can hold."""
    width = 32 if dtype == "float32" else 64
    number = st.one_of(st.sampled_from(EXTREMES[dtype]), st.floats(width=width))
    return hnp.arrays(dtype, (9,), elements=number, fill=st.nothing())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_any_value_at_all(cls: type[Optimizer], dtype: str) -> None:
    """Denormals, infinities, NaN, minus zero and all between: the engines do what the rules do."""

    @settings(max_examples=20, deadline=None, derandomize=True)
    @given(values(dtype), st.lists(values(dtype), min_size=1, max_size=3))
    def check(w: Any, gradients: list[Any]) -> None:
        for options in ({}, {"clip_value": 0.375, "weight_decay": 0.25}):
            for engine in ENGINES:
                optimizer = cls(**options, engine=engine, on_nonfinite="ignore")
                agree(optimizer, Reference(cls, **options), {"W": w.copy()}, [{"W": g} for g in gradients])

    check()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_the_callers_error_state_stops_nothing(cls: type[Optimizer], engine: str) -> None:
    """Whatever NumPy would say about overflow, an update is whole or not at all."""
    params = {"a": np.ones(3, np.float16), "b": np.full(3, 6e4, np.float16), "c": np.ones(3, np.float32)}
    grads = {"a": np.ones(3, np.float16), "b": np.full(3, -6e4, np.float16), "c": np.full(3, 1e30, np.float32)}
    optimizer = cls(lr=1e39, engine=engine)
    with np.errstate(all="raise"):
        optimizer.update(params, grads)
    assert optimizer.t == 1
    assert not any((w == 1).any() for w in params.values())


@pytest.mark.parametrize("engine", ENGINES)
def test_eps_zero_gives_nan_and_says_so(engine: str) -> None:
    """0 / 0 is NaN in NumPy; it is told which parameter, and why."""
    optimizer = Adagrad(eps=0.0, engine=engine)
    params = {"W": np.ones(3)}
    with pytest.warns(RuntimeWarning, match=r"step 1: params\['W'\] is not finite, first at index 1; .*0 / 0"):
        optimizer.update(params, {"W": np.array([1.0, 0.0, 2.0])})
    assert np.isnan(params["W"]).tolist() == [False, True, False]
    optimizer.update(params, {"W": np.array([1.0, 0.0, 2.0])})  # said once


# Clipping by the norm -------------------------------------------------------------------------------------------------


def arrangements(a: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """The same values in other places."""
    return {
        "C": a,
        "F": np.asfortranarray(a),
        "backwards": a[::-1].copy()[::-1],
        "every other": np.repeat(a, 2, axis=-1)[..., ::2],
        "turned": np.ascontiguousarray(a.T).T,
        "foreign": a.astype(a.dtype.newbyteorder()),
    }


@pytest.mark.parametrize("shape", [(700, 700), (1000, 131), (3, 40_000), (41, 43, 47)])
def test_the_norm_has_the_same_bits_in_every_layout(shape: tuple[int, ...]) -> None:
    """NumPy's iterator may cut its pieces as it likes; the sum is cut where it always was."""
    for seed in range(4):
        a = np.random.default_rng(seed).standard_normal(shape)
        norms = {global_norm([g]).hex() for g in arrangements(a).values()}
        assert len(norms) == 1
        assert float.fromhex(norms.pop()) == pytest.approx(float(np.linalg.norm(a)), rel=1e-12)
    params = {"W": np.zeros(shape)}
    SGD(lr=1.0, clip_norm=1.0).update(params, {"W": a})
    assert np.linalg.norm(params["W"]) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("size", [1e200, 1e-3])
def test_the_norm_is_right_at_any_size(size: float) -> None:
    """Squares beyond the range of a double are no reason to step nowhere."""
    params = {"W": np.zeros(2), "b": np.zeros(1)}
    SGD(lr=1.0, clip_norm=1.0).update(params, {"W": np.array([2.0, 3.0]) * size, "b": np.array([6.0]) * size})
    step = -np.array([*params["W"], *params["b"]])
    expected = np.array([2.0, 3.0, 6.0]) * (1 / 7 if size > 1 else size)
    np.testing.assert_allclose(step, expected, rtol=1e-14)


def test_a_norm_of_nan_or_infinity_passes_as_in_numpy() -> None:
    """NaN spreads to all; infinity leaves nothing of the others."""
    for value, other in ((np.nan, np.nan), (np.inf, 0.0)):
        params = {"W": np.zeros(2), "b": np.zeros(1)}
        optimizer = SGD(lr=1.0, clip_norm=1.0, on_nonfinite="ignore")
        optimizer.update(params, {"W": np.array([value, 1.0]), "b": np.ones(1)})
        assert np.isnan(params["W"][0])
        np.testing.assert_equal(params["b"], [-other])


# What it is doing -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_effective_lr_is_what_a_step_divided_by_its_drive_shows(cls: type[Optimizer], dtype: str) -> None:
    """Measured from outside: the step that the last update made, over the gradient (or Adam's first moment)."""
    optimizer = cls(weight_decay=0.0, **{name: 0.0 for name in ("beta1", "momentum") if name in cls.own_settings})
    params, steps = problem(dtype, shapes={"W": (4, 3)}, steps=3)
    for grads in steps:
        grads["W"][...] = np.where(np.abs(grads["W"]) < 0.1, 0.5, grads["W"])
        before = params["W"].copy()
        held = copied({k: v["W"] for k, v in optimizer.state_dict()["state"].items()})
        optimizer.update(params, grads)
    if cls.__name__ == "Adadelta":  # its step is made with the old d, its rate now with the new one
        optimizer.d["W"][...] = held["d"]
    rate = optimizer.effective_lr("W")
    assert rate.dtype == params["W"].dtype
    tolerance = 1e-2 if dtype == "float32" else 1e-9
    np.testing.assert_allclose((before - params["W"]) / grads["W"], rate, rtol=tolerance)


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_effective_lr_needs_an_update_first(cls: type[Optimizer]) -> None:
    """And a name that was in it."""
    optimizer = cls()
    with pytest.raises(ValueError, match="effective_lr needs a parameter of the last update"):
        optimizer.effective_lr("W")
    optimizer.update({"W": np.ones(1)}, {"W": np.ones(1)})
    with pytest.raises(ValueError, match=r"Received: 'V'.*'W'"):
        optimizer.effective_lr("V")
