"""`watch`: one line that puts a sensor on whatever optimizer it is given.

A library is recognised through ``sys.modules`` and never imported to look: an optimizer of PyTorch cannot come from a
process that has not imported PyTorch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from nukarumi._errors import BadInput, BadType
from nukarumi.optim.base import Optimizer
from nukarumi.sensor.base import Writer
from nukarumi.sensor.dialects import CLASSES
from nukarumi.trail import Trail

__all__ = ["KNOWN", "watch"]

KNOWN: dict[str, str] = {
    "nukarumi": ", ".join((*CLASSES, "RowwiseAdagrad")),
    "torch.optim": "SGD, Adagrad, RMSprop, Adadelta, Adam, AdamW, NAdam, RAdam, Adamax, SparseAdam",
    "keras.optimizers": "SGD, Adagrad, RMSprop, Adadelta, Adam, AdamW, Nadam, Adamax; LossScaleOptimizer around them",
    "optax": "chains of sgd, adagrad, rmsprop, adadelta, adam, adamw, amsgrad, nadam, nadamw, radam, adamax, adamaxw, "
    "set_to_zero; masked, multi_transform, MultiSteps",
}
"""The optimizers that a sensor knows, by library."""


def watch(
    optimizer: Any,
    *,
    every: int = 10,
    names: Any = None,
    trail: Trail | None = None,
    keep: int = 0,
    writer: Writer | None = None,
    log: Callable[[dict[str, Any]], object] | None = None,
) -> Any:
    """Put a sensor on an optimizer; the training goes on as before, to the last bit.

    Parameters
    ----------
    optimizer
        One of ours, of ``torch.optim``, of Keras 3, or a transformation of optax.
    every
        Which updates are recorded: 1, 1 + every, 1 + 2 every, and so on. When the trail is full, it doubles.
    names
        Which arrays are watched: patterns such as ``["embed*"]``. For PyTorch also a module, or pairs of name and
        parameter, which say what each is called.
    trail
        An empty trail to write into, of another capacity perhaps.
    keep
        So many gradient entries of each array are kept with every reading, for `whatif`; 0 keeps none.
    writer
        A TensorBoard writer (anything with ``add_scalar``).
    log
        Any logger: it is called with each reading as a plain dict, such as ``wandb.log``.

    Returns
    -------
    Sensor
        Its ``trail``, ``recording`` and ``row`` grow with the training; ``detach()`` takes it off, and so does leaving
        a ``with`` block. For optax, use ``sensor.optimizer`` in place of the transformation.

    Raises
    ------
    BadType
        If the optimizer is not known; the message lists those that are.
    BadInput
        If an option is out of its range.

    Warns
    -----
    RuntimeWarning
        Once, if the sensor itself fails; the training goes on without it. And once, at the first reading, if one of
        the patterns matches none of the arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad
    >>> opt, params = Adagrad(lr=0.5), {"W": np.array([3.0, 4.0])}
    >>> sensor = watch(opt, every=1)
    >>> for _ in range(3):
    ...     opt.update(params, {"W": params["W"].copy()})
    >>> sensor.trail.column("W", "gradient_norm").round(2).tolist()
    [5.0, 4.3, 3.85]
    """
    if isinstance(every, bool) or not isinstance(every, int) or every < 1:  # type: ignore[redundant-expr]
        raise BadInput("every must be a whole number >= 1", every, "pass every=10")
    options = {"every": every, "trail": trail, "keep": keep, "writer": writer, "log": log}
    if isinstance(optimizer, Optimizer):
        from nukarumi.sensor.own import OwnSensor  # noqa: PLC0415

        return OwnSensor(optimizer, names, **options)
    if _is(optimizer, "torch", "optim.Optimizer"):
        from nukarumi.sensor.torch import TorchSensor  # noqa: PLC0415

        return TorchSensor(optimizer, names, **options)
    if _is(optimizer, "optax", "GradientTransformation") or _is(optimizer, "optax", "MultiSteps"):
        from nukarumi.sensor.optax import OptaxSensor  # noqa: PLC0415

        return OptaxSensor(optimizer, names, **options)
    if _is(optimizer, "keras", "optimizers.Optimizer"):
        from nukarumi.sensor.keras import KerasSensor  # noqa: PLC0415

        return KerasSensor(optimizer, names, **options)
    kinds = "; ".join(f"{library}: {names}" for library, names in KNOWN.items())
    raise BadType(
        f"a sensor knows these optimizers: {kinds}",
        f"{type(optimizer).__module__}.{type(optimizer).__qualname__}",
        "pass one of them",
    )


def _is(optimizer: Any, library: str, path: str) -> bool:
    """Whether an object is of this class of a library, which need not have been imported."""
    found: Any = sys.modules.get(library)
    for part in path.split("."):
        found = getattr(found, part, None)
    return isinstance(found, type) and isinstance(optimizer, found)
