"""Row-wise Adagrad: one brake for a whole row, so that a table's state is a column."""

from __future__ import annotations

from typing import Any, Unpack

from nukarumi import rules
from nukarumi.optim._settings import Rate, Setting
from nukarumi.optim.base import Array, Common, Optimizer

__all__ = ["RowwiseAdagrad"]


class RowwiseAdagrad(Optimizer):
    """`Adagrad` with one ``h`` for each row: the sum of the mean squares of the row's gradients.

    ::

        h += mean(g * g)  # over the entries of the row
        w -= lr * g / (sqrt(h) + eps)

    ``h`` has the shape of the parameter's first axis, one number a row, and starts at ``initial_accumulator`` = 0; a
    row is all that hangs on one index of that axis. A one-dimensional parameter has rows of one entry, for which this
    is `Adagrad`. eps stands outside the root. For embedding tables: the state takes 1 / 64 of the memory of
    Adagrad's where rows have 64 entries. The first step of a row has the length ``lr * sqrt(entries)``, along -g.

    Stages come first: the mean is that of the gradient after clipping, turning and coupled decay. Where a row's
    gradient is 0, nothing of it changes, so `Rows` give the same bits as dense gradients.

    Parameters
    ----------
    lr
        Learning rate, a number >= 0 or a function of the step; in units of the parameter.
    eps
        Added to the root, in units of the gradient, >= 0. With 0, a row that has never moved is 0 / 0 = NaN.
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
    >>> from nukarumi import Rows, RowwiseAdagrad
    >>> params, opt = {"words": np.ones((100, 2))}, RowwiseAdagrad(lr=0.1)
    >>> opt.update(params, {"words": Rows([7], np.array([[3.0, 4.0]]))})
    >>> print(params["words"][7].round(4), opt.h["words"].shape, opt.h["words"][7])
    [0.9151 0.8869] (100,) 12.5

    Source: the row-wise form of FBGEMM's embedding tables (``EXACT_ROWWISE_ADAGRAD``); D. Mudigere et al.,
    Software-hardware co-design for fast and scalable training of deep learning recommendation models (2022).
    """

    rule = staticmethod(rules.rowwise_adagrad)
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
        """Sum of the mean squared gradients of each row; None before the first update."""
        return self._state_of("h")

    def _start(self, letter: str, values: Any) -> float:
        del letter
        start: float = values["initial_accumulator"]
        return start
