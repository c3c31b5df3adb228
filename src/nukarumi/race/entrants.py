"""Who runs: an optimizer as a class, its fixed settings, and a label; so it can be rebuilt at any learning rate."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from nukarumi._errors import BadInput

__all__ = ["Entrant", "default_names", "entrants"]


@dataclass(frozen=True)
class Entrant:
    """One optimizer of a race.

    Parameters
    ----------
    label
        Its name in tables; unique within a race.
    make
        The optimizer class; it must be importable, because runs may be done by other processes.
    settings
        Its keyword arguments without ``lr``.
    lr
        The centre of its learning-rate grid: the rate of the instance, or the default of the class.
    """

    label: str
    make: type[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    lr: float = 0.01

    def build(self, lr: float) -> Any:
        """Make a fresh optimizer with this learning rate.

        Diverging runs are part of a tuning, so NaN gradients are not warned of.
        """
        settings = dict(self.settings)
        if settings.get("on_nonfinite") == "warn":
            settings["on_nonfinite"] = "ignore"
        return self.make(**settings, lr=lr)


def _family() -> dict[str, type[Any]]:
    from nukarumi import optim  # noqa: PLC0415

    order = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW")
    return {name: getattr(optim, name) for name in order}


def default_names() -> tuple[str, ...]:
    """Name the optimizers of a race that names none.

    Examples
    --------
    >>> default_names()
    ('SGD', 'Momentum', 'Nesterov', 'Adagrad', 'RMSprop', 'Adadelta', 'Adam', 'AdamW')
    """
    return tuple(_family())


def entrants(optimizers: Any = None) -> list[Entrant]:
    """Turn names, classes, instances and functions into entrants.

    Parameters
    ----------
    optimizers
        None for the whole family; a name or several separated by commas, in any case; or a list of names, optimizer
        classes, instances (their settings stay, their ``lr`` is the centre of the grid) and functions without arguments
        that make an instance.

    Raises
    ------
    BadInput
        For an unknown name (the message lists the known ones), something that is no optimizer, a scheduled ``lr``
        (a function cannot be tuned), an empty list, or the same optimizer twice.

    Examples
    --------
    >>> from nukarumi.optim import Adagrad
    >>> [entrant.label for entrant in entrants(["sgd", Adagrad(eps=1e-10), Adagrad])]
    ['SGD', 'Adagrad(eps=1e-10)', 'Adagrad']
    """
    if optimizers is None:
        optimizers = default_names()
    elif isinstance(optimizers, str):
        optimizers = [name.strip() for name in optimizers.split(",") if name.strip()]
    elif isinstance(optimizers, type) or not isinstance(optimizers, Iterable):
        optimizers = [optimizers]
    made = [_entrant(optimizer) for optimizer in optimizers]
    if not made:
        raise BadInput("a race needs at least one optimizer", "none", f"name some of {', '.join(default_names())}")
    labels = [entrant.label for entrant in made]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise BadInput(
            "every optimizer of a race must be another one", f"twice {', '.join(twice)}", "leave one of them out"
        )
    return made


def _entrant(optimizer: Any) -> Entrant:
    if isinstance(optimizer, str):
        return _from_class(_named(optimizer))
    if isinstance(optimizer, type):
        return _from_class(optimizer)
    if hasattr(optimizer, "update"):
        return _from_instance(optimizer)
    if callable(optimizer):
        made = optimizer()
        if hasattr(made, "update"):
            return _from_instance(made)
    raise BadInput(
        "an optimizer must be a name, a class, an instance, or a function that makes one",
        repr(optimizer),
        "pass for example 'adagrad', Adagrad, Adagrad(eps=1e-10)",
    )


def _named(name: str) -> type[Any]:
    family = {known.lower(): cls for known, cls in _family().items()}
    found = family.get(name.strip().lower())
    if found is None:
        raise BadInput("an optimizer must have a known name", repr(name), f"use some of {', '.join(default_names())}")
    return found


def _from_class(cls: type[Any]) -> Entrant:
    try:
        if hasattr(cls, "settings"):
            return _from_instance(cls())
        default = inspect.signature(cls).parameters["lr"].default
    except (TypeError, ValueError, KeyError) as error:
        raise BadInput(
            f"{cls.__name__} must be an optimizer class that can be made without arguments and takes lr",
            f"{type(error).__name__}: {error}",
            "give lr and every other argument a default, or pass an instance",
        ) from None
    return Entrant(cls.__name__, cls, {}, _rate(cls.__name__, 0.01 if default is inspect.Parameter.empty else default))


def _from_instance(optimizer: Any) -> Entrant:
    cls = type(optimizer)
    if not hasattr(optimizer, "settings"):
        raise BadInput(
            f"an instance of {cls.__name__} must have `settings`, so that each run can have a fresh one",
            "an object without it",
            f"pass the class {cls.__name__} itself",
        )
    settings = dict(optimizer.settings)
    rate = _rate(cls.__name__, settings.pop("lr", 0.01))
    usual = {name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()}
    with contextlib.suppress(TypeError):  # a class that needs arguments has no usual settings; all of them are told
        usual |= cls().settings
    told = [f"{name}={value!r}" for name, value in settings.items() if name not in usual or usual[name] != value]
    return Entrant(f"{cls.__name__}({', '.join(told)})" if told else cls.__name__, cls, settings, rate)


def _rate(label: str, lr: Any) -> float:
    if callable(lr) or isinstance(lr, bool) or not isinstance(lr, int | float) or not 0 < lr < math.inf:
        raise BadInput(
            f"the lr of {label} must be a positive number to centre its grid on",
            "a function of the step" if callable(lr) else lr,
            "pass lr as a number; a race tunes constant rates",
        )
    return float(lr)
