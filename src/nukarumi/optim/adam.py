"""Adam: momentum and brake together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["Adam"]


class Adam(Optimizer):
    """Running means of the gradient and of its square, both corrected for their start at zero.

    ::

        lr_t = lr * sqrt(1 - beta2**t) / (1 - beta1**t)
        m += (1 - beta1) * (g - m)
        v += (1 - beta2) * (g * g - v)
        w -= lr_t * m / (sqrt(v) + eps)

    ``m`` and ``v`` start at 0, t is 1 at a parameter's first update. eps is added to the *uncorrected* root (the
    paper's "epsilon hat", as in Keras and the book); PyTorch and optax add it to the corrected one (`like`).

    With `Rows` it is lazy, as PyTorch's ``SparseAdam``: a row that is not touched rests, its moments too, while t
    counts the updates of the whole parameter.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step; in units of the parameter.
    beta1, beta2
        Shares of the two means that are kept from step to step, 0 to 1, 1 left out.
    eps
        Added to the root, in units of the gradient, >= 0.
    eps_inside_root
        Whether eps is added under the root instead, in units of the gradient squared.
    eps_corrected
        Whether eps is meant for the bias-corrected root, as in the paper's Algorithm 1.
    **common
        ``weight_decay``, ``clip_norm``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adam
    >>> params, opt = {"W": np.array([1.0, 1.0])}, Adam(lr=0.01)
    >>> opt.update(params, {"W": np.array([10.0, 0.1])})
    >>> print(params["W"].round(4))
    [0.99 0.99]

    Source: D. P. Kingma and J. Ba, Adam: a method for stochastic optimization, ICLR (2015).
    """

    rule: ClassVar[Callable[..., Any]] = staticmethod(rules.adam)
    state_names = ("m", "v")
    nonnegative = ("v",)
    brakes = "m"
    own_settings = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "eps_inside_root": False, "eps_corrected": False}

    beta1 = Setting("Share of the first moment that is kept.")
    beta2 = Setting("Share of the second moment that is kept.")
    eps = Setting("Added to the root.")
    eps_inside_root = Setting("Whether eps stands under the root.")
    eps_corrected = Setting("Whether eps is meant for the corrected root.")

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        eps: float = 1e-7,
        eps_inside_root: bool = False,
        eps_corrected: bool = False,
        **common: Unpack[Common],
    ) -> None:
        own = {
            "beta1": beta1,
            "beta2": beta2,
            "eps": eps,
            "eps_inside_root": eps_inside_root,
            "eps_corrected": eps_corrected,
        }
        super().__init__(lr, own, common)

    @property
    def m(self) -> dict[Any, Array] | None:
        """Running mean of the gradient of each entry, uncorrected; None before the first update."""
        return self._state_of("m")

    @property
    def v(self) -> dict[Any, Array] | None:
        """Running mean of the squared gradient of each entry, uncorrected; None before the first update."""
        return self._state_of("v")

    @property
    def iter(self) -> int:
        """Updates done so far, by the name that the book's readers know; the same as ``t``."""
        return self.t

    def _eps(self, values: Mapping[str, Any], clock: int) -> float:
        eps: float = values["eps"]
        if not values["eps_corrected"]:
            return eps
        corrected = rules.eps_hat_inside if values["eps_inside_root"] else rules.eps_hat
        return corrected(eps, values["beta2"], clock)
