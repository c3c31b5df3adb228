"""What a class is shown: parameters and gradients chosen so that no two mistakes walk alike.

Several parameters of several shapes; entries that are never or not yet moved, that change sign, that never do; slopes
from 1e-8 (where eps decides) to 30; enough steps for a bias correction to matter; a learning rate that no class has as
its default, and another one halfway.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ARRAYS", "FLOATS", "Probe", "probes"]

Array = npt.NDArray[np.float64]

LR, LR_THEN = 0.3, 0.11
ARRAYS, FLOATS = "arrays", "floats"


@dataclass(frozen=True)
class Probe:
    """One walk.

    Attributes
    ----------
    name
        What it is about: ``"arrays"`` is the main one; ``"again"`` is the same for a second object of the class,
        ``"same"`` has two parameters of one shape, ``"floats"`` plain numbers, ``"late"`` a parameter that comes later.
    params, grads
        Where it starts, and the gradients of each step.
    lr, lr_then, lr_step
        The learning rate, and the one that is set before that step.
    follow
        Whether a dict that ``update`` returns is walked on with, if params stayed as they were.
    states
        Whether the object's own dicts of arrays are recorded.
    late
        Parameters that join before a step.
    """

    name: str
    params: dict[str, Any]
    grads: list[dict[str, Any]]
    lr: float = LR
    lr_then: float = LR_THEN
    lr_step: int = 0
    follow: bool = True
    states: bool = False
    late: dict[int, dict[str, Any]] = field(default_factory=dict)

    def job(self) -> dict[str, Any]:
        """The probe as JSON can hold it."""
        plain = {name: _plain(value) for name, value in self.params.items()}
        return {
            "name": self.name,
            "params": plain,
            "grads": [{name: _plain(value) for name, value in step.items()} for step in self.grads],
            "lr": self.lr,
            "lr_then": self.lr_then,
            "lr_step": self.lr_step,
            "follow": self.follow,
            "states": self.states,
            "late": {str(k): {name: _plain(value) for name, value in each.items()} for k, each in self.late.items()},
        }


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else float(value)


@cache
def probes() -> tuple[Probe, ...]:
    """All probes, the main one first.

    Examples
    --------
    >>> [probe.name for probe in probes()]
    ['arrays', 'again', 'same', 'floats', 'late']
    >>> [value.shape for value in probes()[0].params.values()]
    [(2, 3), (3,), (3, 2), (2,)]
    """
    dice = np.random.default_rng(20110701)
    shapes = {"W1": (2, 3), "b1": (3,), "W2": (3, 2), "b2": (2,)}
    params = {name: dice.normal(size=shape) for name, shape in shapes.items()}
    grads = _gradients(dice, shapes, 10)
    main = Probe(ARRAYS, params, grads, lr_step=8, states=True)
    again = Probe("again", params, grads, lr_step=8)
    pair: dict[str, tuple[int, ...]] = {"p": (3,), "q": (3,)}
    same = Probe("same", {name: dice.normal(size=shape) for name, shape in pair.items()}, _gradients(dice, pair, 6))
    slopes = dice.normal(size=(6, 2)) * np.array([0.5, 4.0])
    floats = Probe(FLOATS, {"x": -7.0, "y": 2.0}, [{"x": float(x), "y": float(y)} for x, y in slopes])
    early = [{"a": dice.normal(size=2)} for _ in range(2)]
    both = [{"a": dice.normal(size=2), "b": dice.normal(size=3)} for _ in range(2)]
    late = Probe("late", {"a": np.ones(2)}, [*early, *both], late={3: {"b": np.ones(3)}})
    return main, again, same, floats, late


def _gradients(dice: np.random.Generator, shapes: dict[str, tuple[int, ...]], steps: int) -> list[dict[str, Array]]:
    """Gradients whose size differs from entry to entry; every parameter has its special entries."""
    sizes = {name: 10 ** dice.uniform(-1, 1.5, size=shape) for name, shape in shapes.items()}
    out: list[dict[str, Array]] = []
    for step in range(steps):
        now = {name: dice.normal(size=size.shape) * size for name, size in sizes.items()}
        for k, value in enumerate(now.values()):
            flat = value.reshape(-1)
            if step < 3:
                flat[0] = 0.0  # not yet moved
            if k % 2 == 0:
                flat[-1] = dice.uniform(0.3, 3) * 10.0 ** -(6 + k)  # so small that eps decides; always uphill
                flat[1] = 0.0  # never moved
        out.append(now)
    return out
