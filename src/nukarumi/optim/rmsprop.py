"""RMSprop: Adagrad that forgets a little."""

from __future__ import annotations

from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Each entry brakes by the root of the running mean of its squared gradients.

    ::

        h = decay_rate * h + (1 - decay_rate) * g * g
        w -= lr * g / (sqrt(h) + eps)

    ``h`` starts at 0, so the first step is ``lr / sqrt(1 - decay_rate)`` long; eps stands outside the root, as in
    PyTorch (1e-8). Keras 3 and optax have ``sqrt(h + eps)`` (`like`).

    With `Rows` it is lazy: a row that is not touched does not forget.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step; in units of the parameter.
    decay_rate
        Share of ``h`` that is kept from step to step, 0 to 1.
    eps
        Added to the root, in units of the gradient, >= 0.
    eps_inside_root
        Whether eps is added under the root instead, in units of the gradient squared.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import RMSprop
    >>> params, opt = {"W": np.array([1.0, 1.0])}, RMSprop(lr=0.01)
    >>> opt.update(params, {"W": np.array([10.0, 0.1])})
    >>> print(params["W"].round(4), opt.h["W"].round(4))
    [0.9 0.9] [1.e+00 1.e-04]

    Source: T. Tieleman and G. Hinton, Lecture 6.5, Neural Networks for Machine Learning (2012).
    """

    rule = staticmethod(rules.rmsprop)
    state_names = ("h",)
    nonnegative = ("h",)
    brakes = "g"
    own_settings = {"decay_rate": 0.99, "eps": 1e-7, "eps_inside_root": False}

    decay_rate = Setting("Share of h that is kept.")
    eps = Setting("Added to the root.")
    eps_inside_root = Setting("Whether eps stands under the root.")

    def __init__(
        self,
        lr: Rate = 0.01,
        decay_rate: float = 0.99,
        *,
        eps: float = 1e-7,
        eps_inside_root: bool = False,
        **common: Unpack[Common],
    ) -> None:
        super().__init__(lr, {"decay_rate": decay_rate, "eps": eps, "eps_inside_root": eps_inside_root}, common)

    @property
    def h(self) -> dict[Any, Array] | None:
        """Running mean of squared gradients of each entry; None before the first update."""
        return self._state_of("h")
