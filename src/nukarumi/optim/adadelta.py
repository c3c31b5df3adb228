"""Adadelta: the stride gets its unit back."""

from __future__ import annotations

from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """RMSprop times the root of the running mean of its own squared steps.

    ::

        h = rho * h + (1 - rho) * g * g
        step = sqrt(d + eps) / sqrt(h + eps) * g
        d = rho * d + (1 - rho) * step * step
        w -= lr * step

    ``h`` and ``d`` start at 0; eps stands inside both roots, and it is what sets the first steps going:
    ``sqrt(eps / (1 - rho))`` long.

    With `Rows` it is lazy: a row that is not touched does not forget.

    Parameters
    ----------
    lr
        Factor on the step, without a unit; 1 in the paper. A number >= 0 or a function of the step.
    rho
        Share of both means that is kept from step to step, 0 to 1.
    eps
        Added under both roots, >= 0.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adadelta
    >>> params, opt = {"W": np.array([1.0, 1.0])}, Adadelta()
    >>> opt.update(params, {"W": np.array([10.0, 0.1])})
    >>> print(params["W"].round(5))
    [0.99684 0.99684]

    Source: M. D. Zeiler, ADADELTA: an adaptive learning rate method, arXiv:1212.5701 (2012).
    """

    rule = staticmethod(rules.adadelta)
    state_names = ("h", "d")
    nonnegative = ("h", "d")
    brakes = "g"
    own_settings = {"rho": 0.9, "eps": 1e-6}

    rho = Setting("Share of both means that is kept.")
    eps = Setting("Added under both roots.")

    def __init__(self, lr: Rate = 1.0, rho: float = 0.9, *, eps: float = 1e-6, **common: Unpack[Common]) -> None:
        super().__init__(lr, {"rho": rho, "eps": eps}, common)

    @property
    def h(self) -> dict[Any, Array] | None:
        """Running mean of squared gradients of each entry; None before the first update."""
        return self._state_of("h")

    @property
    def d(self) -> dict[Any, Array] | None:
        """Running mean of squared steps of each entry (before lr); None before the first update."""
        return self._state_of("d")
