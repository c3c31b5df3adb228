"""What each optimizer is measured against: PyTorch's variants, NumPy's one-liner, a loop that only moves memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nukarumi import rules

__all__ = ["TORCH", "memory_pass", "numpy_adagrad", "torch_steps"]

Array = np.ndarray[Any, Any]

TORCH: dict[str, tuple[str, dict[str, Any]]] = {
    "SGD": ("SGD", {"lr": 0.01}),
    "Momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
    "Nesterov": ("SGD", {"lr": 0.01, "momentum": 0.9, "nesterov": True}),
    "Adagrad": ("Adagrad", {"lr": 0.01}),
    "RMSprop": ("RMSprop", {"lr": 0.01}),
    "Adadelta": ("Adadelta", {"lr": 1.0}),
    "Adam": ("Adam", {"lr": 0.001}),
    "AdamW": ("AdamW", {"lr": 0.001}),
}
"""The class and options of PyTorch that correspond to each of ours."""


def torch_steps(
    name: str, params: Sequence[Array], grads: Sequence[Array], threads: int, variants: Sequence[str]
) -> dict[str, Callable[[], object]]:
    """PyTorch's own step on copies of these arrays, in each variant that this version has for the CPU.

    Parameters
    ----------
    name
        One of our classes' names.
    variants
        Of ``"fused"``, ``"foreach"`` and ``"default"``.

    Returns
    -------
    Variant to a function that does one step; empty where PyTorch is not installed.
    """
    try:
        import torch  # noqa: PLC0415  (only ever here: a peer, not a dependency)
    except ImportError:
        return {}
    torch.set_num_threads(threads)
    kind, options = TORCH[name]
    steps: dict[str, Callable[[], object]] = {}
    for variant in variants:
        tensors = [torch.from_numpy(w.copy()).requires_grad_() for w in params]
        for tensor, g in zip(tensors, grads, strict=True):
            tensor.grad = torch.from_numpy(g)
        switch = {"foreach": False} if variant == "default" else {variant: True}
        try:
            optimizer = getattr(torch.optim, kind)(tensors, **options, **switch)
            optimizer.step()
        except (TypeError, RuntimeError):  # this variant does not exist for the CPU
            continue
        steps[variant] = optimizer.step
    return steps


def numpy_adagrad(w: Array, g: Array) -> Callable[[], object]:
    """What one writes in NumPy: the rule on whole arrays, written back."""
    h = np.zeros_like(w)

    def step() -> None:
        w[...], h[...] = rules.adagrad(w, g, h, 0.01, 1e-7)

    return step


def memory_pass(w: Array, g: Array, threads: int) -> Callable[[], object] | None:
    """A Numba loop with Adagrad's five memory streams (read w, g, h, write w, h) and two additions in all."""
    try:
        from numba import njit  # noqa: PLC0415
    except ImportError:
        return None
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    h = np.zeros_like(w)

    @njit(nogil=True)
    def move(w: Any, g: Any, h: Any) -> None:
        for i in range(w.size):
            h[i] = h[i] + g[i]
            w[i] = w[i] + g[i]

    edges = [w.size * k // threads for k in range(threads + 1)]
    parts = [slice(a, b) for a, b in pairwise(edges)]
    pool = ThreadPoolExecutor(threads)

    def step() -> None:
        for done in [pool.submit(move, w[part], g[part], h[part]) for part in parts]:
            done.result()

    return step
