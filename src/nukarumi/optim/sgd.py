"""SGD: one setting for every slope."""

from __future__ import annotations

from typing import Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate
from nukarumi.optim.base import Common, Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent: the setting is constant, the stride is ``lr * abs(g)``.

    ::

        w -= lr * g

    There is no state: one SGD may serve several networks.

    `Rows` give the bits of the dense gradient: a row without one stays as it is anyway.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import SGD
    >>> params = {"W": np.array([1.0, 2.0])}
    >>> SGD(lr=0.5).update(params, {"W": np.array([1.0, -1.0])})
    >>> params["W"]
    array([0.5, 2.5])

    Source: H. Robbins and S. Monro, A stochastic approximation method, Annals of Mathematical Statistics 22 (1951).
    """

    rule = staticmethod(rules.sgd)

    def __init__(self, lr: Rate = 0.01, **common: Unpack[Common]) -> None:
        super().__init__(lr, {}, common)
