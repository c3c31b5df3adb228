"""What if: the gradients that were, sent through another rule or other settings; how long would its steps have been?

The walk itself is not walked again: another rule would have gone elsewhere and met other gradients. The question is
answered for the gradients that came, which is what tells a brake from a slope.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi import optim
from nukarumi._errors import BadInput
from nukarumi.optim.base import Optimizer
from nukarumi.sensor.dialects import CLASSES
from nukarumi.sensor.recording import Recording

__all__ = ["WhatIf", "whatif"]

Floats: TypeAlias = NDArray[np.float64]

QUIET = {"engine": "numpy", "on_nonfinite": "ignore"}
"""How a replay runs; it has no effect on the numbers, and is not shown."""


@dataclass(frozen=True)
class WhatIf:
    """Step norms along the same gradients: those that were, and those that would have been.

    Attributes
    ----------
    optimizer
        The optimizer that was asked.
    steps
        The number of the update of each row.
    recorded, replayed
        Step norm of each array at each row; NaN where the array was not updated. For arrays of which only a part is
        kept, the norm is that of the part times the root of how many times larger the whole is.
    """

    optimizer: Optimizer
    steps: NDArray[np.int64]
    recorded: dict[str, Floats]
    replayed: dict[str, Floats]

    def ratio(self, array: str | None = None) -> float:
        """How many times as long the steps would have been at the end: the median over the last tenth of the rows.

        Parameters
        ----------
        array
            One array; None for all together.
        """
        names = list(self.recorded) if array is None else [array]
        with np.errstate(all="ignore"):
            was, would = (
                np.sqrt(np.nansum([np.square(norms[name]) for name in names], axis=0))
                for norms in (self.recorded, self.replayed)
            )
            ratios = (would / was)[-max(4, len(self.steps) // 10) :]
        known = ratios[~np.isnan(ratios)]
        return float(np.median(known)) if known.size else float("nan")

    def __str__(self) -> str:
        rows = sorted({round(row) for row in np.linspace(0, len(self.steps) - 1, 6).tolist()})
        shown = {name: value for name, value in self.optimizer.settings.items() if name not in QUIET}
        lines = [f"what if it had been {type(self.optimizer)(**shown)!r}: step norms that were -> that would have been"]
        for name in self.recorded:
            told = "  ".join(
                f"step {self.steps[row]}: {self.recorded[name][row]:.3g} -> {self.replayed[name][row]:.3g}"
                for row in rows
            )
            lines.append(f"  {name}: {told}")
        return "\n".join(lines)


def whatif(recording: Recording | None, optimizer: Any = None, *, library: str = "book", **settings: Any) -> WhatIf:
    """Replay recorded gradients through another optimizer or other settings.

    Parameters
    ----------
    recording
        ``sensor.recording`` of a sensor that was asked to ``keep`` some entries.
    optimizer
        One of ours, as an instance, a class or a name; None for the one that was watched, in its library's convention.
    library
        Whose conventions and defaults a class or a name takes (`Optimizer.like`).
    settings
        Settings in place of its own.

    Raises
    ------
    BadInput
        If nothing was kept, or the optimizer is none of ours.

    Notes
    -----
    With ``every=1`` (and a trail that is not full) the replay is exact for the kept entries. Otherwise each recorded
    gradient stands for all updates up to the next one. ``clip_norm`` sees the kept entries only.

    Examples
    --------
    >>> from nukarumi import Adagrad
    >>> from nukarumi.sensor import watch
    >>> opt, params = Adagrad(lr=0.001, initial_accumulator=0.1), {"W": np.zeros(100)}
    >>> sensor = watch(opt, keep=10)
    >>> for _ in range(20):
    ...     opt.update(params, {"W": np.full(100, 1e-3)})
    >>> round(whatif(sensor.recording, initial_accumulator=0.0).ratio())
    206
    """
    if recording is None or not len(recording):
        raise BadInput("whatif needs recorded gradients", recording, "watch with keep=64 and train")
    asked = _asked(recording, optimizer, library, settings)
    params = {name: start.copy() for name, start in recording.start.items()}
    names = list(params)
    count = len(recording)
    recorded = {name: np.full(count, np.nan) for name in names}
    replayed = {name: np.full(count, np.nan) for name in names}
    steps = recording.steps
    gaps = np.diff(steps, append=steps[-1] + 1)
    for row in range(count):
        gradients, moves = recording.gradients(row), recording.moves(row)
        taken = {name: params[name] for name in gradients}
        before = {name: value.copy() for name, value in taken.items()}
        with np.errstate(all="ignore"):
            asked.update(taken, gradients)
            for name, start in before.items():
                scale = np.sqrt(recording.sizes[name] / max(1, start.size))
                recorded[name][row] = scale * np.linalg.norm(moves[name])
                replayed[name][row] = scale * np.linalg.norm(taken[name] - start)
            for _ in range(int(gaps[row]) - 1):
                asked.update(taken, gradients)
    return WhatIf(asked, steps, recorded, replayed)


def _asked(recording: Recording, optimizer: Any, library: str, settings: Mapping[str, Any]) -> Optimizer:
    """A fresh optimizer of ours, as it was asked for."""
    given: dict[str, Any] = {}
    meta = recording.trail.meta
    if optimizer is None:
        optimizer, library = meta.get("optimizer"), str(meta.get("library", "book"))
        library = "book" if library == "nukarumi" else library
        given = dict(meta.get("settings", {}))
    if isinstance(optimizer, Optimizer):
        cls, given = type(optimizer), optimizer.settings
        library = "book"
    elif isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        cls = optimizer
    else:
        found = {name.lower(): name for name in CLASSES}.get(str(optimizer).lower())
        if found is None:
            raise BadInput(
                f"whatif replays through an optimizer of ours: {', '.join(CLASSES)}", optimizer, 'pass "Adagrad"'
            )
        cls = getattr(optim, found)
    known = {**cls.like(library).settings}
    fitting = {name: value for name, value in given.items() if name in known}
    return cls.like(library, **{**fitting, **QUIET, **settings})
