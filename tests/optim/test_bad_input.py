"""A refused input changes nothing: not a parameter, not a state, not a count. And the sentence says what to do.

Every case runs on every optimizer twice: at the first update, and in the middle of a training. The culprit is always
the *last* of several parameters, so that whoever writes before all checks are done is found out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from optim_family import CLASSES, ENGINES, bytes_of, copied, label, settings_of

from nukarumi import SGD, Adagrad
from nukarumi._errors import BadInput, BadType
from nukarumi.optim._settings import CHECKS
from nukarumi.optim.base import Optimizer

Case = tuple[Callable[[dict[str, Any], dict[str, Any]], Any], type[Exception], str]


def _read_only(params: dict[str, Any], grads: dict[str, Any]) -> None:
    params["z"] = params["z"].copy()
    params["z"].flags.writeable = False


def _overlap(params: dict[str, Any], grads: dict[str, Any]) -> None:
    params["z2"] = params["z"][1:]
    grads["z2"] = grads["z"][1:]


def _same_twice(params: dict[str, Any], grads: dict[str, Any]) -> None:
    params["z2"], grads["z2"] = params["z"], grads["z"]


def _is(name: str, value: Any) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    """A case that puts something in the place of a parameter, with a gradient that would fit, or of a gradient."""

    def spoil(params: dict[str, Any], grads: dict[str, Any]) -> None:
        (params if name == "param" else grads)["z"] = value

    return spoil


CASES: dict[str, Case] = {
    "whole numbers": (_is("param", np.ones(3, int)), BadType, r"params\['z'\] must hold .*dtype int64.*astype"),
    "truths": (_is("param", np.ones(3, bool)), BadType, r"params\['z'\] must hold .*dtype bool"),
    "complex": (_is("param", np.ones(3, complex)), BadType, r"params\['z'\] must hold .*dtype complex128"),
    "objects": (_is("param", np.ones(3, object)), BadType, r"params\['z'\] must hold .*dtype object"),
    "long doubles": (_is("param", np.ones(3, np.longdouble)), BadType, r"params\['z'\] must hold .*dtype"),
    "eight bits": (_is("param", np.ones(3, ml_dtypes.float8_e5m2)), BadType, r"params\['z'\] must hold .*float8"),
    "a list": (_is("param", [1.0, 1.0, 1.0]), BadType, r"params\['z'\] must be a NumPy array.*list.*np.asarray"),
    "a whole number": (_is("param", 1), BadType, r"params\['z'\] must be a NumPy array.*int 1.*write 1.0"),
    "True": (_is("param", True), BadType, r"params\['z'\] must be a NumPy array.*bool"),
    "nothing": (_is("param", None), BadType, r"params\['z'\] must be a NumPy array.*None"),
    "a mask": (_is("param", np.ma.ones(3)), BadType, r"params\['z'\] must be a plain array.*filled"),
    "read-only": (_read_only, BadInput, r"params\['z'\] is changed in place.*read-only.*copy"),
    "overlap": (_overlap, BadInput, r"overlap in memory.*params\['z'\] and params\['z2'\] share.*copy"),
    "the same twice": (_same_twice, BadInput, r"params\['z'\] and params\['z2'\] share memory"),
    "grad whole numbers": (_is("grad", np.ones(3, int)), BadType, r"grads\['z'\] must hold .*dtype int64.*astype"),
    "grad objects": (_is("grad", np.ones(3, object)), BadType, r"grads\['z'\] must hold .*dtype object"),
    "grad complex": (_is("grad", np.ones(3, complex)), BadType, r"grads\['z'\] must hold .*dtype complex128"),
    "grad a list": (_is("grad", [1.0] * 3), BadType, r"grads\['z'\] must be a NumPy array of floats.*list"),
    "grad nothing": (_is("grad", None), BadType, r"grads\['z'\] must be a NumPy array of floats.*None"),
    "grad a mask": (_is("grad", np.ma.ones(3)), BadType, r"grads\['z'\] must be a plain array.*filled"),
    "grad of one": (_is("grad", np.ones(1)), BadInput, r"grads\['z'\] must have the shape .*\(3,\).*shape \(1,\)"),
    "grad 0-d": (_is("grad", np.ones(())), BadInput, r"grads\['z'\] must have the shape .*\(3,\).*shape \(\)"),
    "grad a row": (_is("grad", np.ones((1, 3))), BadInput, r"grads\['z'\] must have the shape .*shape \(1, 3\)"),
    "grad a number": (_is("grad", 1.0), BadInput, r"grads\['z'\] must have the shape .*\(3,\).*the number 1.0"),
    "grad longer": (_is("grad", np.ones(4)), BadInput, r"grads\['z'\] must have the shape .*shape \(4,\)"),
    "missing": (lambda p, g: g.pop("z"), BadInput, r"a gradient for every parameter.*none for 'z'"),
    "extra": (lambda p, g: g.update(q=np.ones(3)), BadInput, r"no gradient without a parameter.*'q'"),
    "misspelt": (lambda p, g: g.update(Z=g.pop("z")), BadInput, r"a gradient for every parameter.*none for 'z'"),
    "grad too large": (
        lambda p, g: (p.update(s=np.ones(())), g.update(s=10**400)),
        BadInput,
        r"grads\['s'\] must fit into a float",
    ),
}


def training() -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters of two types and a number, the one that will be spoilt last."""
    params = {"a": np.ones((2, 3)), "b": np.ones(4, np.float32), "x": 1.0, "z": np.ones(3)}
    grads = {"a": np.full((2, 3), 0.5), "b": np.full(4, 0.5, np.float32), "x": 0.5, "z": np.full(3, 0.5)}
    return params, grads


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("how", CASES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_refused_update_changes_nothing(cls: type[Optimizer], how: str, engine: str) -> None:
    """At the first update and at the third; afterwards the training goes on as if nothing had been."""
    spoil, kind, message = CASES[how]
    for steps in (0, 2):
        optimizer, undisturbed = cls(engine=engine, clip_norm=1.0), cls(engine=engine, clip_norm=1.0)
        params, grads = training()
        for _ in range(steps):
            optimizer.update(params, grads)
        twin = copied(params)
        undisturbed.load_state_dict(optimizer.state_dict())
        bad_params, bad_grads = dict(params), dict(grads)
        spoil(bad_params, bad_grads)
        before = bytes_of(optimizer, params)
        with pytest.raises(kind, match=message) as refusal:
            optimizer.update(bad_params, bad_grads)
        assert refusal.value.rule
        assert refusal.value.cure
        assert bytes_of(optimizer, params) == before
        assert bad_params["x"] == params["x"]
        optimizer.update(params, grads)
        undisturbed.update(twin, grads)
        assert bytes_of(optimizer, params) == bytes_of(undisturbed, twin)


@pytest.mark.parametrize("updated", [False, True])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_what_is_no_mapping_is_refused(cls: type[Optimizer], updated: bool) -> None:
    """A list, an array, nothing: for params and for grads, at first and later."""
    optimizer = cls()
    params, grads = training()
    if updated:
        optimizer.update(params, grads)
    before = bytes_of(optimizer, params)
    for other in ([np.ones(3)], np.ones(4), None, 5, "abcd"):
        with pytest.raises(BadType, match=r"params must be a mapping from name to array.*Received: .*Cure: "):
            optimizer.update(other, grads)
        with pytest.raises(BadType, match=r"grads must be a mapping from name to array.*Received: .*Cure: "):
            optimizer.update(params, other)
    with pytest.raises(BadType, match="params must be mutable where it holds numbers"):
        optimizer.update(MappingProxyType(params), grads)
    assert bytes_of(optimizer, params) == before


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_schedule_that_goes_wrong_changes_nothing(cls: type[Optimizer]) -> None:
    """A rate below zero, NaN, a word, or an exception: the message names the step."""

    def broken(t: int) -> float:
        raise ZeroDivisionError("mine")

    params, grads = training()
    for rate, kind, message in [
        (lambda t: 0.1 if t < 2 else -0.1, BadInput, "lr, the function's value at step 2, must be .*-0.1"),
        (lambda t: 0.1 if t < 2 else math.nan, BadInput, "at step 2, must be a finite number >= 0. Received: nan"),
        (lambda t: 0.1 if t < 2 else "fast", BadType, "at step 2, must be a finite number >= 0. Received: 'fast'"),
        (lambda t: 0.1 if t < 2 else broken(t), ZeroDivisionError, "mine"),
    ]:
        optimizer = cls(lr=rate)
        optimizer.update(params, grads)
        before = bytes_of(optimizer, params)
        with pytest.raises(kind, match=message):
            optimizer.update(params, grads)
        assert bytes_of(optimizer, params) == before


@pytest.mark.parametrize("engine", ENGINES)
def test_a_number_of_threads_that_is_none_changes_nothing(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read before the first write."""
    params, grads = training()
    optimizer = Adagrad(engine=engine)
    optimizer.update(params, grads)
    for named in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("NUKARUMI_NUM_THREADS", named)
        before = bytes_of(optimizer, params)
        if engine == "numba":
            with pytest.raises(BadInput, match=f"NUKARUMI_NUM_THREADS must be a whole number.*{named}.*unset it"):
                optimizer.update(params, grads)
            assert bytes_of(optimizer, params) == before
        else:
            optimizer.update(params, grads)  # one thread is all it ever has
            assert bytes_of(optimizer, params) != before


# Settings -------------------------------------------------------------------------------------------------------------

NUMERIC = {
    "lr", "momentum", "decay_rate", "rho", "beta1", "beta2", "eps", "initial_accumulator",
    "lr_decay", "weight_decay", "clip_norm", "clip_value",
}  # fmt: skip
BAD_NUMBERS = [-1.0, -1e-300, math.nan, math.inf, -math.inf, 10**400]
NO_NUMBERS = ["0.1", [0.1], None, True, 1j, np.ones(1), {"lr": 0.1}]
SWITCHES = {"lr_inside", "eps_inside_root", "eps_corrected", "decoupled_decay", "maximize"}


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_every_setting_is_checked_at_every_door(cls: type[Optimizer]) -> None:
    """By the constructor, by assignment and in overrides: the same refusal, with the setting's name."""
    names = settings_of(cls)
    assert set(names) <= NUMERIC | SWITCHES <= set(CHECKS)
    for name in names:
        numeric = name in NUMERIC
        bad: list[tuple[Any, type[Exception]]] = [
            *((value, BadInput) for value in (BAD_NUMBERS if numeric else [])),
            *((value, BadType) for value in (NO_NUMBERS if numeric else [0, 1, None, "yes"])),
        ]
        if name in ("beta1", "beta2"):
            bad.append((1.0, BadInput))
        if name in ("decay_rate", "rho"):
            bad.append((1.5, BadInput))
        if name in ("clip_norm", "clip_value"):
            bad.append((0.0, BadInput))
            bad.remove((None, BadType))
        optimizer = cls()
        usual = optimizer.settings
        for value, kind in bad:
            with pytest.raises(kind, match=rf"^{name} must be .* Received: .* Cure: "):
                cls(**{name: value})
            with pytest.raises(kind, match=rf"^{name} must be .* Received: .* Cure: "):
                setattr(optimizer, name, value)
            if name not in ("clip_norm", "lr_inside"):
                with pytest.raises(kind, match=rf"overrides\['W'\]\['{name}'\] must be .* Received: .* Cure: "):
                    cls(overrides={"W": {name: value}})
        assert optimizer.settings == usual


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_numbers_of_every_kind_are_welcome(cls: type[Optimizer]) -> None:
    """Whole numbers, NumPy's, fractions: kept as Python floats, so that they widen no array."""
    for value in (1, np.float32(0.5), np.int64(1), Fraction(1, 2), np.float64(0.5), 0):
        optimizer = cls(lr=value)
        assert type(optimizer.lr) is float
        assert optimizer.lr == float(value)


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_words_and_options_that_are_not_known(cls: type[Optimizer]) -> None:
    """The refusal lists what is known."""
    with pytest.raises(BadType, match=rf"{cls.__name__} takes no option 'speed'.*speed=1.*it takes lr, .*weight_decay"):
        cls(speed=1)
    for name, value, message in [
        ("engine", "gpu", "'auto', 'numpy', 'numba'"),
        ("on_nonfinite", "stop", "'warn', 'raise', 'skip', 'skip_update', 'ignore'"),
    ]:
        with pytest.raises(BadInput, match=f"{name} must be one of {message}. Received: '{value}'"):
            cls(**{name: value})
    for value in (0, -1, 1.5, True, "2"):
        with pytest.raises(BadInput, match="threads must be a whole number of at least 1"):
            cls(threads=value)
    with pytest.raises(BadInput, match=r"like\(\) takes the name of a library: 'torch', 'keras', 'optax', 'book'"):
        cls.like("tensorflow")


OVERRIDES: list[tuple[Any, str]] = [
    (["W"], "overrides must map name patterns to settings"),
    ({"W": 0.1}, "overrides must map name patterns to settings"),
    ({5: {"lr": 0.1}}, "overrides must map name patterns to settings"),
    ({"W": {"speed": 1}}, r"overrides\['W'\] may set .*lr.*'speed'"),
    ({"W": {"clip_norm": 1.0}}, r"overrides\['W'\] may set .*'clip_norm'"),
    ({"W": {"engine": "numpy"}}, r"overrides\['W'\] may set .*'engine'"),
]


@pytest.mark.parametrize(("overrides", "message"), OVERRIDES, ids=lambda value: str(value)[:20])
def test_overrides_that_make_no_sense(overrides: Any, message: str) -> None:
    """What is no mapping, what is no setting, what is the same for all parameters."""
    with pytest.raises(BadType, match=message):
        SGD(overrides=overrides)


# Other mappings -------------------------------------------------------------------------------------------------------


class Rebuilt(Mapping[str, Any]):
    """A mapping that is no dict."""

    def __init__(self, arrays: dict[str, Any]) -> None:
        self.arrays = arrays

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def __iter__(self) -> Any:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)


@pytest.mark.parametrize("wrap", [Rebuilt, MappingProxyType], ids=["mapping", "proxy"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_any_mapping_of_arrays_will_do(cls: type[Optimizer], wrap: Any) -> None:
    """Read-only ones too, for the arrays change in place; names may be anything that can be a key."""
    params, grads = {("layer", 1): np.ones(3), 7: np.ones(2)}, {7: np.full(2, 0.5), ("layer", 1): np.full(3, 0.5)}
    plain = copied(params)
    optimizer, other = cls(), cls()
    for _ in range(2):
        optimizer.update(wrap(params), wrap(grads))
        other.update(plain, grads)
    assert bytes_of(optimizer, params) == bytes_of(other, plain)
