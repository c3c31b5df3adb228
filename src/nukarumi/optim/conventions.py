"""Another library's defaults and conventions, as options of our classes; `Optimizer.like` looks them up here.

Read in the sources of PyTorch 2.13, Keras 3 and optax, and held to them by ``tests/optim/test_like.py``. None of this
states a formula: where a library's arithmetic differs, an option says so (where eps stands, where lr stands, where a
state starts, whether decay is coupled).
"""

from __future__ import annotations

from typing import Any

from nukarumi._errors import BadInput

__all__ = ["LIBRARIES", "convention"]

_TORCH: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 1e-3},
    "Momentum": {"lr": 1e-3, "lr_inside": False},
    "Nesterov": {"lr": 1e-3, "lr_inside": False},
    "Adagrad": {"lr": 1e-2, "eps": 1e-10},
    "RMSprop": {"lr": 1e-2, "decay_rate": 0.99, "eps": 1e-8},
    "Adadelta": {"lr": 1.0, "rho": 0.9, "eps": 1e-6},
    "Adam": {"lr": 1e-3, "eps": 1e-8, "eps_corrected": True},
    "AdamW": {"lr": 1e-3, "eps": 1e-8, "eps_corrected": True, "weight_decay": 1e-2},
}

_KERAS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 1e-2},
    "Momentum": {"lr": 1e-2},
    "Nesterov": {"lr": 1e-2},
    "Adagrad": {"lr": 1e-3, "eps": 1e-7, "eps_inside_root": True, "initial_accumulator": 0.1},
    "RMSprop": {"lr": 1e-3, "decay_rate": 0.9, "eps": 1e-7, "eps_inside_root": True},
    "Adadelta": {"lr": 1e-3, "rho": 0.95, "eps": 1e-7},
    "Adam": {"lr": 1e-3, "eps": 1e-7},
    "AdamW": {"lr": 1e-3, "eps": 1e-7, "weight_decay": 4e-3},
}

_OPTAX: dict[str, dict[str, Any]] = {
    "SGD": {},
    "Momentum": {"lr_inside": False},
    "Nesterov": {"lr_inside": False},
    "Adagrad": {"eps": 1e-7, "eps_inside_root": True, "initial_accumulator": 0.1},
    "RMSprop": {"decay_rate": 0.9, "eps": 1e-8, "eps_inside_root": True},
    "Adadelta": {"rho": 0.9, "eps": 1e-6},
    "Adam": {"eps": 1e-8, "eps_corrected": True},
    "AdamW": {"eps": 1e-8, "eps_corrected": True, "weight_decay": 1e-4},
}

LIBRARIES = ("torch", "keras", "optax", "book")
"""The libraries that `convention` knows."""


def convention(name: str, library: str) -> dict[str, Any]:
    """The options with which the class of this name behaves as that library's.

    Raises
    ------
    BadInput
        If the library is not one of `LIBRARIES`, or has no optimizer of this kind.

    Examples
    --------
    >>> convention("Adagrad", "torch")
    {'lr': 0.01, 'eps': 1e-10}
    """
    tables = {"torch": _TORCH, "keras": _KERAS, "optax": _OPTAX}
    if name not in tables.get(library, {name: {}}):
        raise BadInput(
            f"like({library!r}) takes an optimizer that this library has",
            name,
            f"set eps and initial_accumulator yourself, or use one of {', '.join(tables[library])}",
        )
    match library:
        case "torch":
            return dict(_TORCH[name])
        case "keras":  # every Keras optimizer shrinks the weights apart from the gradient
            return {**_KERAS[name], "decoupled_decay": True}
        case "optax":
            return dict(_OPTAX[name])
        case "book":
            return {}
    raise BadInput(
        "like() takes the name of a library: " + ", ".join(map(repr, LIBRARIES)), repr(library), 'pass like("torch")'
    )
