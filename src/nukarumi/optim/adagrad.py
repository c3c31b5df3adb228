"""Adagrad: what has moved a lot steps gently, what has hardly moved steps boldly."""

from __future__ import annotations

from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Each entry brakes by the root of all its squared gradients so far.

    ::

        h += g * g
        w -= lr * g / (sqrt(h) + eps)

    ``h`` starts at ``initial_accumulator`` = 0 and eps stands outside the root, so the first step is
    ``lr * sign(g)`` wherever ``abs(g)`` is well above eps. PyTorch is the same with eps 1e-10; Keras 3 and optax have
    ``sqrt(h + 1e-7)`` and start ``h`` at 0.1 (`like`).

    `Rows` give the bits of the dense gradient: a row without one stays as it is anyway.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step; in units of the parameter.
    eps
        Added to the root, in units of the gradient, >= 0. With 0, an entry that has never moved is 0 / 0 = NaN.
    eps_inside_root
        Whether eps is added under the root instead, in units of the gradient squared.
    initial_accumulator
        Where ``h`` starts, in units of the gradient squared, >= 0.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad
    >>> params, opt = {"W": np.array([1.0, 1.0])}, Adagrad(lr=0.1)
    >>> for _ in range(3):
    ...     opt.update(params, {"W": np.array([10.0, 0.1])})
    >>> print(params["W"].round(4), opt.h["W"].round(4))
    [0.7716 0.7716] [3.e+02 3.e-02]

    Source: J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and stochastic
    optimization, Journal of Machine Learning Research 12 (2011), the diagonal form.
    """

    rule = staticmethod(rules.adagrad)
    state_names = ("h",)
    nonnegative = ("h",)
    brakes = "g"
    own_settings = {"eps": 1e-7, "eps_inside_root": False, "initial_accumulator": 0.0}

    eps = Setting("Added to the root.")
    eps_inside_root = Setting("Whether eps stands under the root.")
    initial_accumulator = Setting("Where h starts.")

    def __init__(
        self,
        lr: Rate = 0.01,
        *,
        eps: float = 1e-7,
        eps_inside_root: bool = False,
        initial_accumulator: float = 0.0,
        **common: Unpack[Common],
    ) -> None:
        own = {"eps": eps, "eps_inside_root": eps_inside_root, "initial_accumulator": initial_accumulator}
        super().__init__(lr, own, common)

    @property
    def h(self) -> dict[Any, Array] | None:
        """Sum of squared gradients of each entry; None before the first update."""
        return self._state_of("h")

    def _start(self, letter: str, values: Any) -> float:
        del letter
        start: float = values["initial_accumulator"]
        return start
