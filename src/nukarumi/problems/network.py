"""A small network in plain NumPy: affine, ReLU, affine, softmax; forward, backward, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Params

__all__ = ["Network"]

SCORE_ROWS = 2048
"""Rows that are scored at once, so that a large data set never needs a large hidden layer."""


class Network:
    r"""Affine layers with ReLU between them, and softmax cross entropy at the end.

    .. math:: a_0 = x,\quad a_l = \max(a_{l-1} W_l + b_l, 0),\quad
              L = -\frac1n \sum_i \log \mathrm{softmax}(a_{k-1} W_k + b_k)_{i,\,label_i}

    The parameters are called ``W1``, ``b1``, ``W2``, ``b2``, ... A network without a hidden layer is softmax
    regression.

    Parameters
    ----------
    sizes
        Units per layer, from the features to the classes, such as ``(64, 50, 10)``.
    dtype
        float32 or float64, of the parameters and of all arithmetic.

    Raises
    ------
    BadInput
        If there are fewer than two sizes, a size below 1, or a dtype other than float32 and float64.

    Examples
    --------
    >>> import numpy as np
    >>> network = Network((2, 3, 2))
    >>> params = network.params(seed=0)
    >>> {name: array.shape for name, array in params.items()}
    {'W1': (2, 3), 'b1': (3,), 'W2': (3, 2), 'b2': (2,)}
    >>> x, labels = np.array([[0.0, 1.0], [1.0, 0.0]], dtype=np.float32), np.array([0, 1])
    >>> before, grads = network.loss_and_grads(params, x, labels)
    >>> for name in params:
    ...     params[name] -= 0.1 * grads[name]
    >>> after, _ = network.loss_and_grads(params, x, labels)
    >>> after < before
    True

    References
    ----------
    He, Zhang, Ren, Sun, "Delving deep into rectifiers", ICCV 2015 (the initial weights).
    """

    def __init__(self, sizes: Sequence[int], dtype: npt.DTypeLike = np.float32) -> None:
        if len(sizes) < 2 or any(size < 1 for size in sizes):
            raise BadInput(
                "a network needs two layer sizes or more, each at least 1", tuple(sizes), "pass such as (64, 50, 10)"
            )
        self.sizes = tuple(int(size) for size in sizes)
        self.dtype = np.dtype(dtype)
        if self.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise BadInput("a network computes in float32 or float64", self.dtype, "pass dtype='float32'")
        self._spaces: dict[int, _Workspace] = {}

    def __getstate__(self) -> dict[str, Any]:
        """The network without its scratch memory."""
        return {"sizes": self.sizes, "dtype": self.dtype, "_spaces": {}}

    @property
    def parameters(self) -> int:
        """How many numbers are learned."""
        return sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(self.sizes))

    def params(self, seed: int) -> dict[str, Array]:
        """He's initial weights, normal with deviation sqrt(2 / fan_in), and biases of 0; equal for equal seeds.

        The draw is made in float64 and then rounded, so that both dtypes start at the same place.
        """
        rng = np.random.default_rng([seed, 0])
        params: dict[str, Array] = {}
        for layer, (fan_in, fan_out) in enumerate(itertools.pairwise(self.sizes), start=1):
            weights = rng.standard_normal((fan_in, fan_out)) * np.sqrt(2 / fan_in)
            params[f"W{layer}"] = weights.astype(self.dtype)
            params[f"b{layer}"] = np.zeros(fan_out, dtype=self.dtype)
        return params

    def loss_and_grads(self, params: Params, x: Array, labels: Array) -> tuple[float, dict[str, Array]]:
        """Mean cross entropy over the rows of ``x``, and its gradient by every parameter.

        Parameters
        ----------
        params
            As from :meth:`params`.
        x
            Inputs, (rows, sizes[0]), in the network's dtype.
        labels
            Class numbers, (rows,).

        Returns
        -------
        loss, grads
            The gradient arrays are this network's own and hold until the next call. Diverged weights give inf or nan
            without a warning.
        """
        rows = len(labels)
        space = self._spaces.get(rows)
        if space is None:
            if len(self._spaces) >= 4:
                self._spaces.clear()
            space = self._spaces[rows] = _Workspace(self.sizes, rows, self.dtype)
        last = len(self.sizes) - 1
        grads = space.grads
        with np.errstate(all="ignore"):
            a = x
            for layer in range(1, last + 1):
                z = np.matmul(a, params[f"W{layer}"], out=space.outputs[layer])
                z += params[f"b{layer}"]
                if layer < last:
                    np.maximum(z, 0, out=z)
                a = z
            # Softmax, shifted by the largest logit so that exp cannot overflow.
            np.maximum.reduce(a, axis=1, out=space.column, keepdims=True)
            a -= space.column
            picked = a[space.rows, labels]
            np.exp(a, out=a)
            np.add.reduce(a, axis=1, out=space.column, keepdims=True)
            loss = (float(np.log(space.column).sum()) - float(picked.sum())) / rows
            # dL/dlogits = (softmax - one hot) / rows
            a /= space.column
            a[space.rows, labels] -= 1
            a /= rows
            for layer in range(last, 0, -1):
                before = x if layer == 1 else space.outputs[layer - 1]
                np.matmul(before.T, a, out=grads[f"W{layer}"])
                np.add.reduce(a, axis=0, out=grads[f"b{layer}"])
                if layer > 1:
                    delta = np.matmul(a, params[f"W{layer}"].T, out=space.deltas[layer - 1])
                    a = np.multiply(delta, before > 0, out=delta)
        return loss, grads.copy()

    def loss_and_errors(self, params: Params, x: Array, labels: Array) -> tuple[float, int]:
        """Sum of the cross entropies over the rows of ``x``, and how many rows are answered wrongly.

        A row whose loss is not finite counts as wrong.
        """
        total, wrong = 0.0, 0
        last = len(self.sizes) - 1
        with np.errstate(all="ignore"):
            for start in range(0, len(labels), SCORE_ROWS):
                a, truth = x[start : start + SCORE_ROWS], labels[start : start + SCORE_ROWS]
                for layer in range(1, last + 1):
                    a = a @ params[f"W{layer}"]
                    a += params[f"b{layer}"]
                    if layer < last:
                        np.maximum(a, 0, out=a)
                answers = a.argmax(axis=1)
                a -= a.max(axis=1, keepdims=True)
                losses = np.log(np.exp(a).sum(axis=1)) - a[np.arange(len(truth)), truth]
                total += float(losses.sum(dtype=np.float64))
                wrong += int(np.count_nonzero((answers != truth) | ~np.isfinite(losses)))
        return total, wrong


class _Workspace:
    """The arrays of one forward and backward pass over ``rows`` rows, kept from step to step."""

    def __init__(self, sizes: tuple[int, ...], rows: int, dtype: np.dtype[Any]) -> None:
        pairs = list(enumerate(itertools.pairwise(sizes), start=1))
        self.rows = np.arange(rows)
        self.column = np.empty((rows, 1), dtype)
        self.outputs = {layer: np.empty((rows, fan_out), dtype) for layer, (_, fan_out) in pairs}
        self.deltas = {layer: np.empty((rows, fan_out), dtype) for layer, (_, fan_out) in pairs[:-1]}
        self.grads: dict[str, Array] = {}
        for layer, (fan_in, fan_out) in pairs:
            self.grads[f"W{layer}"] = np.empty((fan_in, fan_out), dtype)
            self.grads[f"b{layer}"] = np.empty(fan_out, dtype)
