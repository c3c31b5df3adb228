"""Nesterov: momentum that looks where it will be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["Nesterov"]


class Nesterov(Optimizer):
    """Momentum whose gradient counts where the velocity is about to carry it.

    ::

        w += momentum**2 * v - (1 + momentum) * lr * g  # with the old v
        v = momentum * v - lr * g

    ``v`` starts at 0. The parameter that you see is the point looked at, so gradients are taken where it stands.

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
            w -= lr * (g + momentum * v)

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
    >>> from nukarumi import Nesterov
    >>> params, opt = {"W": np.array([1.0])}, Nesterov(lr=0.1)
    >>> for _ in range(2):
    ...     opt.update(params, {"W": np.array([1.0])})
    >>> print(params["W"].round(4), opt.v["W"].round(4))
    [0.539] [-0.19]

    Source: Y. Nesterov (1983), in the form of Y. Bengio, N. Boulanger-Lewandowski and R. Pascanu, Advances in
    optimizing recurrent networks (2012).
    """

    rule = staticmethod(rules.nesterov)
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
        return rules.nesterov if values["lr_inside"] else rules.nesterov_lr_outside
