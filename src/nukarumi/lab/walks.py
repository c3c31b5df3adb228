"""The lab's walk in Python: what the browser draws, done by the real optimizer, equal to the bit.

The browser walks by rules that are generated from the library; this walks by the library itself. It is what an export
from the lab calls, and what the tests hold the browser to.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput, BadType
from nukarumi.optim import Optimizer
from nukarumi.problems.terrains import Terrain

__all__ = ["walk"]

PLACE = "place"


def walk(
    optimizer: Optimizer,
    terrain: Terrain,
    start: Sequence[float],
    steps: int,
    noise: float = 0.0,
    seed: int = 0,
    angle: float = 0.0,
) -> dict[str, npt.NDArray[np.float64]]:
    """Walk over a terrain, and remember everything.

    Parameters
    ----------
    optimizer
        Whose rule and settings to walk by. A fresh one of the same settings does the walking: this one stays as it is.
    terrain
        Where to walk, such as ``terrain("bowl")``.
    start
        x and y, in the turned terrain's coordinates.
    steps
        Steps to walk, at least 0. A walk that leaves the numbers ends at its first place that is none.
    noise
        Deviation of the noise on each slope, at least 0.
    seed
        Decides the noise, and when a rare coordinate is active; 0 to 2**32 - 1.
    angle
        Degrees to turn the terrain by, counterclockwise.

    Returns
    -------
    walked
        ``"x"``, ``"y"``, ``"loss"`` and, for every state letter, such as ``"h_x"``, ``"h_y"``: n + 1 values, the start
        among them. ``"gx"``, ``"gy"``, ``"rate_x"``, ``"rate_y"``: n values, the gradient that each step was made with
        and the effective learning rate after it.

    Raises
    ------
    BadInput, BadType
        If an argument is not as described.

    Examples
    --------
    >>> from nukarumi import Adagrad
    >>> from nukarumi.problems.terrains import terrain
    >>> walked = walk(Adagrad(lr=1.0), terrain("bowl"), (-7.0, 2.0), steps=2)
    >>> walked["x"].round(3), walked["h_y"].round(3)
    (array([-7.   , -6.   , -5.349]), array([ 0., 16., 20.]))
    """
    place = _place(start)
    given: Any = steps
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadInput("steps must be a whole number >= 0", repr(steps), "pass such as steps=100")
    owner: Any = optimizer
    if not isinstance(owner, Optimizer):
        raise BadType("optimizer must be one of nukarumi's", repr(optimizer), "pass such as Adagrad(lr=0.1)")
    ground = terrain.rotated(angle) if angle % 360 else terrain
    walker = ground.walker(noise, seed)
    # A walk that diverges is something to see, not something to warn of.
    hiker: Any = type(optimizer)(**{**optimizer.settings, "on_nonfinite": "ignore"})
    letters = hiker.state_names
    rows = [
        [
            *place,
            ground.value(place[0], place[1]),
            *(hiker._start(letter, hiker.settings) for letter in letters for _ in "xy"),
        ]
    ]
    made: list[list[float]] = []
    with np.errstate(all="ignore"):
        for step in range(steps):
            slopes = walker.gradient(float(place[0]), float(place[1]), step)
            hiker.update({PLACE: place}, {PLACE: np.array(slopes)})
            made.append([*slopes, *hiker.effective_lr(PLACE)])
            states = [value for letter in letters for value in getattr(hiker, letter)[PLACE]]
            rows.append([*place, ground.value(place[0], place[1]), *states])
            if not np.isfinite(place).all():
                break
    names = ["x", "y", "loss", *(f"{letter}_{axis}" for letter in letters for axis in "xy")]
    places, steps_made = np.array(rows, dtype=np.float64), np.array(made, dtype=np.float64).reshape(-1, 4)
    return {
        **{name: places[:, k] for k, name in enumerate(names)},
        **{name: steps_made[:, k] for k, name in enumerate(("gx", "gy", "rate_x", "rate_y"))},
    }


def _place(start: Sequence[float]) -> npt.NDArray[np.float64]:
    try:
        place = np.array(start, dtype=np.float64)
    except (TypeError, ValueError) as wrong:
        raise BadType("start must be two numbers", repr(start), "pass such as start=(-7.0, 2.0)") from wrong
    if place.shape != (2,) or not all(map(math.isfinite, place)):
        raise BadInput("start must be two finite numbers", repr(start), "pass such as start=(-7.0, 2.0)")
    return place
