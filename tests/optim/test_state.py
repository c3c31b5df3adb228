"""What an optimizer remembers: stopped and gone on is, to the bit, never having stopped; a broken memory is refused.

"Refused" means a sentence that names the culprit, and an optimizer that is afterwards what it was before.
"""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optim_family import (
    CLASSES,
    DTYPES,
    ENGINES,
    UNUSUAL,
    assert_same,
    bytes_of,
    copied,
    label,
    problem,
    settings_of,
    state_shape,
)
from safetensors.numpy import load_file, save_file

from nukarumi import SGD, Adagrad, Adam, AdamW, RMSprop
from nukarumi._errors import BadType
from nukarumi._files import write_atomically
from nukarumi.optim.base import Optimizer

STATEFUL = [cls for cls in CLASSES if cls.state_names]
NONNEGATIVE = [(cls, letter) for cls in CLASSES for letter in cls.nonnegative]
SHAPES = {"W": (5, 7), "big": (5000,), "s": (), "none": (0, 3)}


def through_state_dict(optimizer: Optimizer, folder: Path) -> Optimizer:
    """Into a fresh optimizer by `load_state_dict`."""
    del folder
    fresh = type(optimizer)()
    fresh.load_state_dict(optimizer.state_dict())
    return fresh


def through_a_file(optimizer: Optimizer, folder: Path) -> Optimizer:
    """By `save` and `load`."""
    optimizer.save(folder / "opt.safetensors")
    return type(optimizer).load(folder / "opt.safetensors")


def through_pickle(optimizer: Optimizer, folder: Path) -> Optimizer:
    """As a process pool would send it."""
    del folder
    sent: Optimizer = pickle.loads(pickle.dumps(optimizer))
    return sent


WAYS: list[Callable[[Optimizer, Path], Optimizer]] = [
    through_state_dict,
    through_a_file,
    through_pickle,
    lambda optimizer, folder: copy.deepcopy(optimizer),
    lambda optimizer, folder: copy.copy(optimizer),
]


# Going on -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS, ids=["state_dict", "file", "pickle", "deepcopy", "copy"])
@pytest.mark.parametrize("dtype", [*DTYPES, "float16"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_going_on_is_never_having_stopped(cls: type[Optimizer], dtype: str, way: Any, tmp_path: Path) -> None:
    """Parameters, states, steps, clocks and settings: the same bits after 3 + 3 steps as after 6, on either engine."""
    options = {name: UNUSUAL[name] for name in settings_of(cls)}
    params, steps = problem(dtype, steps=6, shapes=SHAPES)
    for engine in ENGINES:
        optimizer = cls(**options, engine=engine, overrides={"big": {"lr": 0.125}}, on_nonfinite="ignore")
        walked, other = copied(params), {}
        for k, grads in enumerate(steps):
            if k == 3:
                stopped, other = way(optimizer, tmp_path), copied(walked)
                assert stopped is not optimizer
                assert repr(stopped) == repr(optimizer)
            optimizer.update(walked, grads)
            if k >= 3:
                stopped.update(other, grads)
        assert bytes_of(stopped, other) == bytes_of(optimizer, walked)


@pytest.mark.parametrize("way", WAYS, ids=["state_dict", "file", "pickle", "deepcopy", "copy"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_before_the_first_update_too(cls: type[Optimizer], way: Any, tmp_path: Path) -> None:
    """An optimizer that has seen nothing comes back as one that has seen nothing."""
    found = way(cls(lr=0.125), tmp_path)
    assert (found.t, found.lr) == (0, 0.125)
    assert [getattr(found, letter) for letter in cls.state_names] == [None] * len(cls.state_names)


@pytest.mark.parametrize("way", WAYS, ids=["state_dict", "file", "pickle", "deepcopy", "copy"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_the_two_are_apart(cls: type[Optimizer], way: Any, tmp_path: Path) -> None:
    """What one does afterwards, the other does not feel."""
    params, steps = problem("float64")
    optimizer = cls()
    optimizer.update(params, steps[0])
    twin = way(optimizer, tmp_path)
    before = bytes_of(optimizer, {})
    twin.update(copied(params), steps[1])
    twin.lr = 0.5
    assert bytes_of(optimizer, {}) == before


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_state_dict_is_a_copy(cls: type[Optimizer]) -> None:
    """Changing it, or the one that was loaded, changes no optimizer."""
    params, steps = problem("float64")
    optimizer = cls()
    optimizer.update(params, steps[0])
    before, given = bytes_of(optimizer, params), optimizer.state_dict()
    other = cls()
    other.load_state_dict(given)
    for named in given["state"].values():
        for array in named.values():
            array[...] = 7.0
    given["settings"]["lr"] = 9.0
    given["clocks"].clear()
    assert bytes_of(optimizer, params) == before
    assert bytes_of(other, params) == before


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_parameter_that_appears_after_a_rest_starts_then(cls: type[Optimizer], tmp_path: Path) -> None:
    """Its clock is its own, through a file too."""
    params, steps = problem("float32", steps=5, shapes={"W": (4,), "late": (3,)})
    optimizer, alone = cls(), cls()
    single = copied({"late": params["late"]})
    for k, grads in enumerate(steps):
        names = ["W"] if k < 2 else ["W", "late"]
        optimizer.update({name: params[name] for name in names}, {name: grads[name] for name in names})
        if k >= 2:
            alone.update(single, {"late": grads["late"]})
        optimizer = through_a_file(optimizer, tmp_path)
    assert_same({"late": params["late"]}, single)


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_parameter_that_stays_away_keeps_its_state(cls: type[Optimizer]) -> None:
    """A frozen layer that comes back goes on where it was; its clock has stood still."""
    params, steps = problem("float64", steps=6, shapes={"W": (4,), "b": (3,)})
    alone, optimizer, single = cls(), cls(), copied({"b": params["b"]})
    for k, grads in enumerate(steps):
        names = ["W"] if k in (2, 3) else ["b", "W"]
        optimizer.update({name: params[name] for name in names}, {name: grads[name] for name in names})
        if "b" in names:
            alone.update(single, {"b": grads["b"]})
    assert_same({"b": params["b"]}, single)


def test_settings_may_be_replaced_when_loading(tmp_path: Path) -> None:
    """They win over those in the file."""
    params, steps = problem("float64")
    optimizer = Adagrad(lr=0.5, eps=1e-3)
    optimizer.update(params, steps[0])
    optimizer.save(tmp_path / "o")
    found = Adagrad.load(tmp_path / "o", lr=0.25)
    assert (found.lr, found.eps, found.t) == (0.25, 1e-3, 1)
    with pytest.raises(ValueError, match="lr must be a finite number >= 0"):
        Adagrad.load(tmp_path / "o", lr=-1)


def test_a_function_has_to_be_passed_again(tmp_path: Path) -> None:
    """A file holds no functions, and nobody's training goes on at a rate that was not asked for."""
    for options, again in [
        ({"lr": lambda t: 0.5 / t}, {"lr": lambda t: 0.5 / t}),
        ({"overrides": {"W": {"lr": lambda t: 0.5 / t}}}, {"overrides": {"W": {"lr": lambda t: 0.5 / t}}}),
    ]:
        params, steps = problem("float64", shapes={"W": (3,), "b": (2,)})
        optimizer: Any = Adagrad(**options)
        optimizer.update(params, steps[0])
        optimizer.save(tmp_path / "o")
        with pytest.raises(ValueError, match=rf"{next(iter(options))}.* was a function when"):
            Adagrad.load(tmp_path / "o")
        found, other = Adagrad.load(tmp_path / "o", **again), copied(params)
        optimizer.update(params, steps[1])
        found.update(other, steps[1])
        assert_same(other, params)


@pytest.mark.parametrize("name", ["W:1", "", "層1/重み", "__metadata__", "a b\n", 'quote"'])
def test_any_string_is_a_name(name: str, tmp_path: Path) -> None:
    """Colons, spaces, Japanese, nothing at all."""
    optimizer, params = Adam(), {name: np.ones(3)}
    optimizer.update(params, {name: np.ones(3)})
    found = through_a_file(optimizer, tmp_path)
    assert bytes_of(found, params) == bytes_of(optimizer, params)


def test_a_name_that_is_no_string_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    """``save`` says which, before anything is written."""
    path = tmp_path / "o"
    path.write_bytes(b"old")
    optimizer = Adagrad()
    optimizer.update({0: np.ones(2)}, {0: np.ones(2)})
    with pytest.raises(TypeError, match=r"name must be a string. Received: 0 \(int\)"):
        optimizer.save(path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


# Shared ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", [cls for cls in CLASSES if not cls.state_names], ids=label)
def test_a_stateless_one_serves_many_networks(cls: type[Optimizer]) -> None:
    """Other shapes, the same names, another type: all take turns."""
    shared = cls()
    networks = [problem(dtype, seed, shapes=shapes) for seed, (dtype, shapes) in enumerate(
        [("float64", {"W": (3,)}), ("float32", {"W": (2, 5), "b": (2,)}), ("float64", {"W": (3,), "c": (1,)})]
    )]  # fmt: skip
    twins = [(copied(params), cls()) for params, _ in networks]
    for k in range(4):
        for (params, steps), (twin, own) in zip(networks, twins, strict=True):
            shared.update(params, steps[k])
            own.update(twin, steps[k])
            assert_same(params, twin)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", STATEFUL, ids=label)
def test_one_with_a_state_refuses_another_network_by_name(cls: type[Optimizer], engine: str) -> None:
    """Of another shape or type under the same name; and it goes on with its own afterwards."""
    params, steps = problem("float64", shapes={"b": (2,), "W": (3, 4)})
    optimizer = cls(engine=engine)
    optimizer.update(params, steps[0])
    before = bytes_of(optimizer, params)
    for other in (np.ones((4, 3)), np.ones((3, 4), np.float32), np.ones(()), 1.0):
        stranger = {"b": np.ones(2), "W": other}
        with pytest.raises(ValueError, match=rf"the state {cls.state_names[0]}\['W'\] must fit its parameter"):
            optimizer.update(stranger, {"b": np.ones(2), "W": np.ones(np.shape(other))})
        assert stranger["b"].tolist() == [1.0, 1.0]
        assert bytes_of(optimizer, params) == before
    twin, alone = copied(params), through_pickle(optimizer, Path())
    optimizer.update(params, steps[1])
    alone.update(twin, steps[1])
    assert_same(params, twin)


# Broken memories ------------------------------------------------------------------------------------------------------


def refuses(cls: type[Optimizer], given: Any, message: str, kind: type[Exception] = ValueError) -> None:
    """`load_state_dict` says so and changes nothing."""
    params, steps = problem("float64", seed=9)
    optimizer = cls(lr=0.25)
    optimizer.update(params, steps[0])
    before = bytes_of(optimizer, params)
    with pytest.raises(kind, match=message):
        optimizer.load_state_dict(given)
    assert bytes_of(optimizer, params) == before
    twin, other = copied(params), through_pickle(optimizer, Path())
    optimizer.update(params, steps[1])
    other.update(twin, steps[1])
    assert_same(params, twin)


def state_of(cls: type[Optimizer]) -> dict[str, Any]:
    """The state of an optimizer after two updates."""
    params, steps = problem("float64")
    optimizer = cls()
    for grads in steps[:2]:
        optimizer.update(params, grads)
    return optimizer.state_dict()


@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_another_optimizers_state_is_refused(cls: type[Optimizer], tmp_path: Path) -> None:
    """Every class refuses every other's, from a dict and from a file."""
    for other in CLASSES:
        if other is not cls:
            refuses(
                cls, state_of(other), rf"the state must come from {cls.__name__}. Received: a state of {other.__name__}"
            )
            optimizer = other()
            optimizer.save(tmp_path / "o")
            with pytest.raises(ValueError, match=f"must come from {cls.__name__}.*load it with {other.__name__}"):
                cls.load(tmp_path / "o")


@pytest.mark.parametrize(("cls", "letter"), NONNEGATIVE, ids=str)
def test_a_sum_of_squares_below_zero_is_refused(cls: type[Optimizer], letter: str, tmp_path: Path) -> None:
    """With its place; minus zero is no such thing, and NaN may have come from a gradient."""
    given = state_of(cls)
    array = given["state"][letter]["W"]
    place = (1, 2)[: array.ndim]
    array[place] = -1e-300
    refuses(cls, given, rf"{letter}\['W'\] accumulates squares.*Received: -1e-300 at index {re.escape(str(place))}")
    array[place] = -0.0
    array[(0, 0)[: array.ndim]] = np.nan
    cls().load_state_dict(given)
    optimizer = cls()
    optimizer.load_state_dict(given)
    optimizer.save(tmp_path / "o")
    _edit(tmp_path / "o", arrays=lambda tensors: tensors[f"{letter}:W"].__setitem__(place, -2.0))
    with pytest.raises(
        ValueError, match=rf"{letter}\['W'\] accumulates squares.*-2.0 at index {re.escape(str(place))}"
    ):
        cls.load(tmp_path / "o")


def _edit(path: Path, arrays: Callable[[Any], Any] | None = None, told: Callable[[Any], Any] | None = None) -> None:
    """Change the arrays or the header of a saved file."""
    from safetensors import safe_open  # noqa: PLC0415

    with safe_open(path, framework="numpy") as file:
        header = json.loads(file.metadata()["nukarumi"])
    tensors = load_file(path)
    if arrays:
        arrays(tensors)
    if told:
        told(header)
    save_file(tensors, path, {"nukarumi": json.dumps(header)})


BROKEN: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no t": (lambda s: s.pop("t"), r"a state must be what state_dict\(\) gives"),
    "t below zero": (lambda s: s.update(t=-1), "steps and clocks must be whole numbers"),
    "t a float": (lambda s: s.update(t=2.0), "steps and clocks must be whole numbers"),
    "t True": (lambda s: s.update(t=True), "steps and clocks must be whole numbers"),
    "clock ahead": (lambda s: s.update(clocks={"W": 3}), "no clock ahead of the steps"),
    "clock a word": (lambda s: s.update(clocks={"W": "1"}), "steps and clocks must be whole numbers"),
    "clocks a list": (lambda s: s.update(clocks=[1]), "steps and clocks must be whole numbers"),
    "settings nothing": (lambda s: s.update(settings=None), "settings of a state must map names to values"),
    "settings numbered": (lambda s: s.update(settings={1: 2}), "settings of a state must map names to values"),
    "settings unknown": (lambda s: s["settings"].update(speed=1), "takes no option 'speed'"),
    "lr below zero": (lambda s: s["settings"].update(lr=-1.0), "lr must be a finite number >= 0"),
    "lr NaN": (lambda s: s["settings"].update(lr=float("nan")), "lr must be a finite number >= 0"),
    "state a list": (lambda s: s.update(state=[]), "a state must map letters to names to arrays"),
    "another letter": (lambda s: s["state"].update(q={}), "must have the letters"),
}
BROKEN_ARRAYS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no letters": (lambda s: s.update(state={}), "must have the letters .*none, at step 2"),
    "a letter a number": (lambda s: s["state"].update({next(iter(s["state"])): 5}), "must map letters to names"),
    "whole numbers": (lambda s: _put(s, np.ones((5, 7), int)), r"\['W'\] must be a float32 or float64 array.*int64"),
    "a list": (lambda s: _put(s, [1.0]), r"\['W'\] must be a float32 or float64 array.*list"),
    "foreign bytes": (lambda s: _put(s, np.ones((5, 7), ">f8")), r"\['W'\] must be a float32 or float64 array"),
}


def _put(state: dict[str, Any], array: Any) -> None:
    for named in state["state"].values():
        named["W"] = array


@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_broken_state_is_refused(cls: type[Optimizer], how: str) -> None:
    """And the optimizer goes on with its own."""
    given = state_of(cls)
    spoil, message = BROKEN[how]
    spoil(given)
    refuses(cls, given, message)


@pytest.mark.parametrize("how", BROKEN_ARRAYS)
@pytest.mark.parametrize("cls", STATEFUL, ids=label)
def test_a_state_with_broken_arrays_is_refused(cls: type[Optimizer], how: str) -> None:
    """The message names the letter and the parameter."""
    given = state_of(cls)
    spoil, message = BROKEN_ARRAYS[how]
    spoil(given)
    refuses(cls, given, message)


@pytest.mark.parametrize("cls", [cls for cls in STATEFUL if len(cls.state_names) > 1], ids=label)
def test_letters_that_disagree_are_refused(cls: type[Optimizer]) -> None:
    """Half a parameter's state is none."""
    given = state_of(cls)
    del given["state"][cls.state_names[1]]["W"]
    refuses(cls, given, f"every letter of the state must name the same parameters.*{cls.state_names[1]} differs")


@pytest.mark.parametrize("cls", [Adam, AdamW], ids=label)
def test_moments_without_their_clock_are_refused(cls: type[Optimizer]) -> None:
    """They would be corrected as if they had just begun."""
    given = state_of(cls)
    del given["clocks"]["W"]
    refuses(cls, given, "own count of updates.*none for 'W'")


@pytest.mark.parametrize("given", [None, 5, "state", [], {}], ids=repr)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_something_else_is_refused(cls: type[Optimizer], given: Any) -> None:
    """What is no state at all."""
    refuses(cls, given, r"a state must be what state_dict\(\) gives", TypeError)


@pytest.mark.parametrize("cls", STATEFUL, ids=label)
def test_a_loaded_state_of_another_shape_is_refused_at_the_update(cls: type[Optimizer]) -> None:
    """Only then are the parameters known; nothing has moved."""
    optimizer = cls()
    optimizer.load_state_dict(state_of(cls))
    params = {"b": np.ones(7), "W": np.ones((7, 5))}
    before = bytes_of(optimizer, params)
    shape = re.escape(str(state_shape(cls, params["W"])))
    with pytest.raises(
        ValueError, match=rf"the state {cls.state_names[0]}\['W'\] must fit its parameter: shape {shape}"
    ):
        optimizer.update(params, {"b": np.ones(7), "W": np.ones((7, 5))})
    assert bytes_of(optimizer, params) == before


# Broken files ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file that is well."""
    params, steps = problem("float64")
    optimizer = RMSprop()
    optimizer.update(params, steps[0])
    optimizer.save(tmp_path / "o")
    return tmp_path / "o"


def test_a_file_cut_anywhere_is_refused(saved: Path) -> None:
    """Every length from nothing to one byte short."""
    whole = saved.read_bytes()
    for length in [*range(24), *range(24, len(whole), 37), len(whole) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="must be a whole file written by save"):
            RMSprop.load(saved)
    saved.write_bytes(whole + b"\0")
    with pytest.raises(ValueError, match="must be a whole file written by save"):
        RMSprop.load(saved)


def _npz(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, h=np.ones(3))


FOREIGN: dict[str, Callable[[Path], Any]] = {
    "text": lambda path: path.write_text("h = 5", encoding="utf-8"),
    "pickle": lambda path: path.write_bytes(pickle.dumps({"h": 5})),
    "npz": _npz,
    "safetensors of others": lambda path: save_file({"h": np.ones(3)}, path),
    "header no JSON": lambda path: save_file({"h:W": np.ones(3)}, path, {"nukarumi": "yes"}),
    "header a list": lambda path: save_file({"h:W": np.ones(3)}, path, {"nukarumi": "[1]"}),
    "a part missing": lambda path: _edit(path, told=lambda told: told.pop("letters")),
    "letters a number": lambda path: _edit(path, told=lambda told: told.update(letters=5)),
    "functions a number": lambda path: _edit(path, told=lambda told: told.update(functions=5)),
    "settings a number": lambda path: _edit(path, told=lambda told: told.update(settings=5)),
    "version a word": lambda path: _edit(path, told=lambda told: told.update(version="new")),
    "an array too many": lambda path: _edit(path, arrays=lambda tensors: tensors.update(x=np.ones(1))),
}


@pytest.mark.parametrize("how", FOREIGN)
def test_a_foreign_file_is_refused(how: str, saved: Path) -> None:
    """Whatever it is, the sentence is the same and nothing in it is run."""
    FOREIGN[how](saved)
    with pytest.raises(ValueError, match="must be a whole file written by save"):
        RMSprop.load(saved)


def test_a_file_from_the_future_is_told_apart(saved: Path) -> None:
    """It is not broken, we are old."""
    _edit(saved, told=lambda told: told.update(version=99))
    with pytest.raises(ValueError, match=r"version 99.*install a newer nukarumi"):
        RMSprop.load(saved)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    """The operating system's own word for the one, ours for the other."""
    with pytest.raises(FileNotFoundError):
        SGD.load(tmp_path / "none")
    with pytest.raises(ValueError, match="must be a whole file written by save"):
        SGD.load(tmp_path)


# Killed while saving --------------------------------------------------------------------------------------------------

SAVER = """
import sys
import numpy as np
from nukarumi import Adagrad
optimizer, params = Adagrad(), {"W": np.ones(200_000)}
while True:
    optimizer.update(params, {"W": np.ones(200_000)})
    optimizer.save(sys.argv[1])
    print(optimizer.t, flush=True)
"""


@pytest.mark.parametrize("wait", [0.0, 0.003, 0.007, 0.011])
def test_killed_while_saving_the_old_file_or_the_new_is_there(wait: float, tmp_path: Path) -> None:
    """``kill -9`` at any moment: the file is whole, and of the last save or the one under way."""
    path = tmp_path / "opt.safetensors"
    with subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        last = 0
        while last < 3:
            last = int(child.stdout.readline())
        time.sleep(wait)
        child.send_signal(signal.SIGKILL)
        last = max([last, *map(int, child.stdout.read().split())])
    found = Adagrad.load(path)
    assert found.t in (last, last + 1)
    assert found.h is not None
    assert (found.h["W"] == found.t).all()


@pytest.mark.parametrize("stage", ["write", "flush", "fsync", "replace"])
def test_a_save_that_fails_at_any_stage_leaves_the_old_file_alone(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Disk full while writing, while syncing, while renaming: the old bytes, and no temporary file."""
    path = tmp_path / "o"
    path.write_bytes(b"old")

    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    if stage in ("fsync", "replace"):
        monkeypatch.setattr(f"nukarumi._files.os.{stage}", full)
    else:
        real = os.fdopen
        monkeypatch.setattr("nukarumi._files.os.fdopen", lambda *args: _Failing(real(*args), stage, full))
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"o": b"old"}


class _Failing:
    """A file one of whose methods fails."""

    def __init__(self, file: Any, stage: str, fail: Any) -> None:
        self._file = file
        setattr(self, stage, fail)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Any:
        self._file.__enter__()
        return self

    def __exit__(self, *args: Any) -> Any:
        return self._file.__exit__(*args)


def _exchanged(h: Any) -> None:
    h["W"] = np.zeros(2)


EXCHANGES: dict[str, Callable[[Any], Any]] = {
    "set": _exchanged,
    "delete": lambda h: h.__delitem__("W"),
    "update": lambda h: h.update(W=np.zeros(2)),
    "merge": lambda h: h.__ior__({"W": np.zeros(2)}),
    "pop": lambda h: h.pop("W"),
    "popitem": lambda h: h.popitem(),
    "setdefault": lambda h: h.setdefault("W", np.zeros(2)),
    "clear": lambda h: h.clear(),
}


@pytest.mark.parametrize("how", EXCHANGES)
@pytest.mark.parametrize("fresh", ["as it is", "copied", "pickled", "loaded"])
def test_an_array_of_the_state_cannot_be_exchanged_in_silence(how: str, fresh: str) -> None:
    opt, params = Adagrad(lr=0.1), {"W": np.ones(2)}
    opt.update(params, {"W": np.full(2, 3.0)})
    if fresh == "copied":
        opt = copy.deepcopy(opt)
    elif fresh == "pickled":
        opt = pickle.loads(pickle.dumps(opt))
    elif fresh == "loaded":
        state = opt.state_dict()
        opt = Adagrad(lr=0.1)
        opt.load_state_dict(state)
    assert opt.h is not None
    with pytest.raises(BadType, match=r"the arrays in h belong to the optimizer.*in place.*use_state"):
        EXCHANGES[how](opt.h)
    assert opt.h["W"].tolist() == [9.0, 9.0]
    opt.update(params, {"W": np.full(2, 4.0)})
    assert opt.h["W"].tolist() == [25.0, 25.0]


def test_a_copy_of_the_states_is_a_dict_of_ones_own() -> None:
    opt = Adagrad(lr=0.1)
    opt.update({"W": np.ones(2)}, {"W": np.ones(2)})
    for mine in (copy.deepcopy(opt.h), pickle.loads(pickle.dumps(opt.h))):
        assert type(mine) is dict
        mine["W"] = np.zeros(2)
    assert opt.h is not None
    assert opt.h["W"].tolist() == [1.0, 1.0]
