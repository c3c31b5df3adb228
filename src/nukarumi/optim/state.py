"""The state of an optimizer as a file: safetensors, with everything else as JSON in its header.

Arrays are named ``letter:parameter`` (``h:W1``). The header's metadata has one entry, ``nukarumi``: JSON with the
format's version, the optimizer's name, its settings, its step and the clocks of its parameters.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nukarumi._errors import BadInput, BadType

if TYPE_CHECKING:
    from nukarumi.optim.base import Optimizer

__all__ = ["checked", "from_file", "to_bytes"]

VERSION = 1


def to_bytes(state: Mapping[str, Any]) -> bytes:
    """The file's bytes for a ``state_dict``.

    Raises
    ------
    BadType
        If a parameter's name is not a string.
    """
    from safetensors.numpy import save  # noqa: PLC0415

    names = {name for arrays in state["state"].values() for name in arrays} | set(state["clocks"])
    for name in names:
        if not isinstance(name, str):
            raise BadType("a saved parameter's name must be a string", f"{name!r} ({type(name).__name__})", "rename it")
    settings, functions = _without_functions(state["settings"])
    told = {
        "version": VERSION,
        "optimizer": state["optimizer"],
        "settings": settings,
        "functions": functions,
        "t": state["t"],
        "clocks": state["clocks"],
        "letters": list(state["state"]),
    }
    tensors = {
        f"{letter}:{name}": np.array(array, order="C")
        for letter, arrays in state["state"].items()
        for name, array in arrays.items()
    }
    return save(tensors, {"nukarumi": json.dumps(told, ensure_ascii=False)})


def _without_functions(settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The settings that JSON can hold, and where a function had to be left out."""
    kept = {name: value for name, value in settings.items() if not callable(value)}
    functions = [name for name, value in settings.items() if callable(value)]
    kept["overrides"] = {}
    for pattern, values in settings["overrides"].items():
        kept["overrides"][pattern] = {name: value for name, value in values.items() if not callable(value)}
        functions += [f"overrides[{pattern!r}][{name!r}]" for name, value in values.items() if callable(value)]
    return kept, functions


def from_file(path: str | os.PathLike[str], cls: type[Optimizer], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The ``state_dict`` in a file, with some settings replaced.

    Raises
    ------
    BadInput
        If the file is not one that `to_bytes` made, is not whole, belongs to another optimizer, or had a function as
        its learning rate and none is given.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    rule = f"{os.fspath(path)!r} must be a whole file written by save()"
    cure = "give the right file, or save it again"
    try:
        with safe_open(path, framework="numpy") as file:
            told = json.loads((file.metadata() or {})["nukarumi"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (it is no mapping)
        if told["version"] > VERSION:
            raise BadInput(
                f"{rule} of version {VERSION} or older", f"version {told['version']}", "install a newer nukarumi"
            )
        state: dict[str, Any] = {letter: {} for letter in told["letters"]}
        for key, array in tensors.items():
            letter, _, name = key.partition(":")
            state[letter][name] = array
        found = {"optimizer": told["optimizer"], "t": told["t"], "clocks": told["clocks"], "state": state}
        functions, kept = [str(name) for name in told["functions"]], dict(told["settings"])
    except BadInput:
        raise
    except FileNotFoundError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError) as broken:
        raise BadInput(rule, f"{type(broken).__name__}: {broken}", cure) from broken
    _same_optimizer(cls, found["optimizer"])
    for name in functions:
        if name.partition("[")[0] not in settings:
            raise BadInput(
                f"{name} was a function when {os.fspath(path)!r} was saved, and a file holds no functions",
                "none given",
                f"pass it again: {cls.__name__}.load(path, {name.partition('[')[0]}=...)",
            )
    return {**found, "settings": {**kept, **settings}}


def _same_optimizer(cls: type[Optimizer], name: Any) -> None:
    if name != cls.__name__:
        raise BadInput(
            f"the state must come from {cls.__name__}", f"a state of {name}", f"load it with {name}, or start afresh"
        )


def checked(cls: type[Optimizer], state: Mapping[str, Any]) -> dict[str, Any]:
    """A ``state_dict`` with arrays of its own, or a refusal that names what is wrong.

    Raises
    ------
    BadInput, BadType
        If it is of another optimizer, lacks a part, or holds a state that is no float array or is negative.
    """
    given: Any = state
    if not isinstance(given, Mapping) or not {"optimizer", "settings", "t", "clocks", "state"} <= set(state):
        raise BadType(
            "a state must be what state_dict() gives",
            f"{sorted(map(str, state))!r:.80}" if isinstance(given, Mapping) else type(given).__name__,
            "pass the dict from state_dict()",
        )
    _same_optimizer(cls, state["optimizer"])
    settings, t, clocks = _counts(state)
    arrays = state["state"]
    if not isinstance(arrays, Mapping) or not all(isinstance(named, Mapping) for named in arrays.values()):
        raise BadType("a state must map letters to names to arrays", f"{arrays!r:.80}", "save it again")
    if set(arrays) != set(cls.state_names) and (arrays or t):
        raise BadInput(
            f"the state of {cls.__name__} must have the letters {', '.join(cls.state_names) or 'none'}",
            f"{', '.join(map(repr, arrays)) or 'none'}, at step {t}",
            "save it again",
        )
    found: dict[str, dict[Any, Any]] = {letter: {} for letter in cls.state_names}
    for letter, named in arrays.items():
        if set(named) != set(arrays[cls.state_names[0]]):
            raise BadInput(
                "every letter of the state must name the same parameters", f"{letter} differs", "save it again"
            )
        for name, array in named.items():
            if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
                kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
                raise BadType(f"{letter}[{name!r}] must be a float32 or float64 array", str(kind), "save it again")
            if letter in cls.nonnegative and bool((array < 0).any()):
                place = tuple(int(i) for i in np.argwhere(array < 0)[0])
                raise BadInput(
                    f"{letter}[{name!r}] accumulates squares, so it must be >= 0 everywhere",
                    f"{array[place]} at index {place}",
                    "load the state that save() wrote; this one has been changed",
                )
            found[letter][name] = array.copy()
    if "t" in cls.rule.__annotations__:
        for name in found[cls.state_names[0]]:
            if not clocks.get(name):
                raise BadInput(
                    f"every parameter of {cls.__name__} must have its own count of updates",
                    f"none for {name!r}",
                    "save it again",
                )
    return {"settings": settings, "t": t, "clocks": clocks, "state": found}


def _counts(state: Mapping[str, Any]) -> tuple[dict[str, Any], int, dict[Any, int]]:
    """The settings, steps and clocks of a ``state_dict``, or a refusal."""
    settings, t, clocks = state["settings"], state["t"], state["clocks"]
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        raise BadType("the settings of a state must map names to values", f"{settings!r:.80}", "save it again")
    if not _whole(t) or not isinstance(clocks, Mapping) or not all(_whole(c) and c <= t for c in clocks.values()):
        raise BadInput(
            "steps and clocks must be whole numbers >= 0, and no clock ahead of the steps",
            f"t={t!r}, clocks={clocks!r:.80}",
            "save it again",
        )
    return dict(settings), t, dict(clocks)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
