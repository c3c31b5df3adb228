"""Run many optimizers fairly on one problem: each at its own best learning rate, all from the same start.

`race` does it. ``docs/race.md`` says how it is kept fair, what each number means, and what is written where.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nukarumi.race.contest import RaceInterrupted, race
from nukarumi.race.ending import Ending, ending
from nukarumi.race.engines import Engine, RunError, Serial
from nukarumi.race.entrants import Entrant, default_names, entrants
from nukarumi.race.grids import parse_grid
from nukarumi.race.progress import Progress
from nukarumi.race.result import RaceResult, Standing

if TYPE_CHECKING:
    from nukarumi.race.local import Local

__all__ = [
    "Ending",
    "Engine",
    "Entrant",
    "Local",
    "Progress",
    "RaceInterrupted",
    "RaceResult",
    "RunError",
    "Serial",
    "Standing",
    "default_names",
    "ending",
    "entrants",
    "parse_grid",
    "race",
]


def __getattr__(name: str) -> object:
    if name == "Local":  # multiprocessing is imported only where processes are wanted
        from nukarumi.race import local  # noqa: PLC0415

        return local.Local
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
