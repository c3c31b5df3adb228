"""AdamW: Adam whose weights also shrink on their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate
from nukarumi.optim.adam import Adam
from nukarumi.optim.base import Shared

__all__ = ["AdamW"]


class AdamW(Adam):
    """`Adam` with decoupled weight decay: the brake never sees it.

    ::

        w -= lr * weight_decay * w
        then Adam

    States, their start and eps are those of `Adam`.

    With `Rows` it is lazy as `Adam` is, and weight_decay must be 0: rows that are not touched could not decay.

    Parameters
    ----------
    lr, beta1, beta2, eps, eps_inside_root, eps_corrected
        As in `Adam`.
    weight_decay
        Share of w, in units of 1 / lr, that it loses at each step, >= 0.
    decoupled_decay
        False couples it to the gradient, which makes this `Adam`.
    **common
        ``clip_norm``, ``maximize``, ``overrides``, ``engine`` and the other options of `Optimizer`.

    Raises
    ------
    BadInput, BadType
        If a setting is out of its range or of the wrong kind.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import AdamW
    >>> params, opt = {"W": np.array([1.0, 1.0])}, AdamW(lr=0.01, weight_decay=0.1)
    >>> opt.update(params, {"W": np.array([10.0, 0.0])})
    >>> print(params["W"].round(4))
    [0.989 0.999]

    Source: I. Loshchilov and F. Hutter, Decoupled weight decay regularization, ICLR (2019).
    """

    rule: ClassVar[Callable[..., Any]] = staticmethod(rules.adamw)

    def __init__(
        self,
        lr: Rate = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        *,
        eps: float = 1e-7,
        eps_inside_root: bool = False,
        eps_corrected: bool = False,
        weight_decay: float = 0.01,
        decoupled_decay: bool = True,
        **common: Unpack[Shared],
    ) -> None:
        super().__init__(
            lr,
            beta1,
            beta2,
            eps=eps,
            eps_inside_root=eps_inside_root,
            eps_corrected=eps_corrected,
            weight_decay=weight_decay,
            decoupled_decay=decoupled_decay,
            **common,
        )

    def _rule(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        return rules.adamw if values["decoupled_decay"] else rules.adam
