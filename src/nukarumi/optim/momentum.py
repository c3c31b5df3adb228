"""Momentum: a walker who rolls on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["Momentum"]


class Momentum(Optimizer):
    """Gradient descent with a velocity that remembers its direction (Polyak's heavy ball).

    ::

        v = momentum * v - lr * g
        w += v

    ``v`` starts at 0.

    With `Rows` it is lazy: a row that is not touched neither moves nor loses speed.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step.
    momentum
        Share of the velocity that is kept from step to step, >= 0; usually .9.
    lr_inside
        Whether lr stands inside the velocity, as above (Keras, the book). False gives the form of PyTorch and optax::

            v = momentum * v + g
            w -= lr * v

        The two walk alike until lr changes.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Momentum
    >>> params, opt = {"W": np.array([1.0])}, Momentum(lr=0.1)
    >>> for _ in range(2):
    ...     opt.update(params, {"W": np.array([1.0])})
    >>> print(params["W"].round(4), opt.v["W"].round(4))
    [0.71] [-0.19]

    Source: B. T. Polyak, Some methods of speeding up the convergence of iteration methods (1964).
    """

    rule = staticmethod(rules.momentum)
    state_names = ("v",)
    own_settings = {"momentum": 0.9, "lr_inside": True}

    momentum = Setting("Share of the velocity that is kept.")
    lr_inside = Setting("Whether lr stands inside the velocity.")

    def __init__(
        self, lr: Rate = 0.01, momentum: float = 0.9, *, lr_inside: bool = True, **common: Unpack[Common]
    ) -> None:
        super().__init__(lr, {"momentum": momentum, "lr_inside": lr_inside}, common)

    @property
    def v(self) -> dict[Any, Array] | None:
        """Velocity, in the parameter's units (``lr_inside=False``: the gradient's); None before the first update."""
        return self._state_of("v")

    def _rule(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        return rules.momentum if values["lr_inside"] else rules.momentum_lr_outside
