"""The settings of an optimizer: what each may be, said once, checked whenever it is set."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from typing import Any, TypeAlias, overload

from nukarumi._errors import BadInput, BadType

__all__ = ["CHECKS", "Rate", "Setting", "number", "rate_at"]

Rate: TypeAlias = float | Callable[[int], float]
"""A learning rate: a number, or a function from the step (1 at the first update) to a number."""


def number(name: str, value: Any, rule: str, accept: Callable[[float], bool], example: str) -> float:
    """A setting as a float, or a clear refusal."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise BadType(
            f"{name} must be {rule}", f"{value!r} ({type(value).__name__})", f"pass a number, such as {example}"
        )
    try:
        found = float(value)
    except OverflowError:  # a whole number beyond every float
        found = math.inf
    if not accept(found):
        raise BadInput(f"{name} must be {rule}", f"{value!r:.60}", f"pass a number, such as {example}")
    return found


def _check(rule: str, accept: Callable[[float], bool], example: str) -> Callable[[str, Any], Any]:
    return lambda name, value: number(name, value, rule, accept, f"{name}={example}")


def _lr(name: str, value: Any) -> Any:
    return value if callable(value) else _finite("0.01")(name, value)


def _switch(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadType(f"{name} must be True or False", f"{value!r}", f"pass {name}=True or leave it out")
    return value


def _maybe(check: Callable[[str, Any], Any]) -> Callable[[str, Any], Any]:
    return lambda name, value: None if value is None else check(name, value)


def _choice(*names: str) -> Callable[[str, Any], str]:
    def check(name: str, value: Any) -> str:
        if value not in names:
            raise BadInput(
                f"{name} must be one of {', '.join(map(repr, names))}", repr(value), f"pass {name}={names[0]!r}"
            )
        return str(value)

    return check


def _threads(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise BadInput(f"{name} must be a whole number of at least 1, or None", repr(value), "pass threads=2, or None")
    return int(value)


def _finite(example: str) -> Callable[[str, Any], Any]:
    return _check("a finite number >= 0", lambda x: 0 <= x < math.inf, example)


_above_zero = _check("a finite number > 0", lambda x: 0 < x < math.inf, "1.0")
_share = _check("a number from 0 to 1", lambda x: 0 <= x <= 1, "0.9")
_below_one = _check("a number from 0 to 1, 1 left out", lambda x: 0 <= x < 1, "0.9")

CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "lr": _lr,
    "momentum": _finite("0.9"),
    "lr_inside": _switch,
    "decay_rate": _share,
    "rho": _share,
    "beta1": _below_one,
    "beta2": _below_one,
    "eps": _finite("1e-7"),
    "eps_inside_root": _switch,
    "eps_corrected": _switch,
    "initial_accumulator": _finite("0.1"),
    "lr_decay": _finite("0.01"),
    "weight_decay": _finite("1e-4"),
    "decoupled_decay": _switch,
    "maximize": _switch,
    "clip_norm": _maybe(_above_zero),
    "clip_value": _maybe(_above_zero),
    "on_nonfinite": _choice("warn", "raise", "skip", "skip_update", "ignore"),
    "engine": _choice("auto", "numpy", "numba"),
    "threads": _maybe(_threads),
}
"""Every setting's check: it gives the value to keep or raises."""


class Setting:
    """A checked attribute. Setting it in the middle of a training is allowed and takes effect at the next update."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Any: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else instance._values[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        checked = CHECKS[self.name](self.name, value)
        instance._values[self.name] = checked
        if self.name != "lr":
            instance._stale = True


def rate_at(rate: Rate, t: int) -> float:
    """The learning rate of step ``t``.

    Raises
    ------
    BadInput
        If a schedule gives something other than a finite number >= 0; the message names the step.
    """
    if not callable(rate):
        return rate
    value = rate(t)
    return number(
        f"lr, the function's value at step {t},", value, "a finite number >= 0", lambda x: 0 <= x < math.inf, "0.01"
    )
