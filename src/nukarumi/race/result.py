"""What a race found: one standing for each optimizer, as numbers for a program and as rows for a table."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nukarumi.race.ending import Ending
from nukarumi.race.folder import plain
from nukarumi.race.grids import GoodRange, Grade
from nukarumi.race.runs import Outcome
from nukarumi.trail import Trail

__all__ = ["RaceResult", "Spread", "Standing"]


@dataclass(frozen=True)
class Spread:
    """A mean and the sample standard deviation (n - 1 in the denominator; NaN for fewer than two numbers)."""

    mean: float
    sd: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Summarise numbers; of none both are NaN.

        Examples
        --------
        >>> Spread.of([1.0, 3.0])
        Spread(mean=2.0, sd=1.4142135623730951)
        """
        mean = statistics.fmean(numbers) if numbers else math.nan
        return cls(mean, statistics.stdev(numbers) if len(numbers) > 1 else math.nan)


@dataclass(frozen=True)
class Standing:
    """How one optimizer did.

    Parameters
    ----------
    label
        The optimizer.
    best_lr
        The learning rate it was judged at; None when no tuning run was finished or all diverged.
    at_edge
        ``"low"`` or ``"high"`` when the best rate is still at that edge of the grid, else None.
    good
        The range of good learning rates; None without a best rate.
    grades
        Every tried rate and its validation result.
    runs
        The judged runs by seed.
    seeds
        How many seeds it was to be judged on.
    """

    label: str
    best_lr: float | None
    at_edge: str | None
    good: GoodRange | None
    grades: Mapping[float, Grade] = field(repr=False)
    runs: Mapping[int, Outcome] = field(repr=False)
    seeds: int

    @property
    def diverged(self) -> int:
        """How many judged runs diverged."""
        return sum(run.diverged for run in self.runs.values())

    @property
    def error(self) -> Spread:
        """Test error over the seeds that did not diverge."""
        return Spread.of([run.error for run in self.runs.values() if not run.diverged])

    @property
    def loss(self) -> Spread:
        """Test loss over the seeds that did not diverge."""
        return Spread.of([run.loss for run in self.runs.values() if not run.diverged])

    @property
    def steps_to_target(self) -> float | None:
        """The median over all seeds, a seed that never got there counting as infinite; None when that is infinite."""
        steps = [math.inf if run.steps_to_target is None else run.steps_to_target for run in self.runs.values()]
        median = statistics.median(steps) if steps else math.inf
        return median if math.isfinite(median) else None

    @property
    def endings(self) -> list[tuple[Ending, int]]:
        """How the walks ended, the most frequent first."""
        counts = Counter(run.ending for run in self.runs.values() if run.ending is not None)
        return sorted(counts.items(), key=lambda item: (-item[1], list(Ending).index(item[0])))

    @property
    def order(self) -> tuple[float, float, float]:
        """The smaller the better: judged before not judged, fewer divergences, less mean test error."""
        mean = self.error.mean
        return (0 if self.runs else 1, self.diverged / max(1, len(self.runs)), mean if math.isfinite(mean) else 2.0)

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON types, with the keys that ``docs/race.md`` lists."""
        good = self.good
        runs = [
            {
                "seed": seed, "error": run.error, "loss": run.loss, "train_loss": run.train_loss, "steps": run.steps,
                "steps_to_target": run.steps_to_target, "diverged": run.diverged,
                "ending": run.ending.word if run.ending else None,
            }
            for seed, run in sorted(self.runs.items())
        ]  # fmt: skip
        values = {
            "optimizer": self.label,
            "best_lr": self.best_lr,
            "at_edge": self.at_edge,
            "good_lr": good and {
                "low": good.low, "high": good.high, "decades": good.decades, "open_low": good.open_low,
                "open_high": good.open_high,
            },
            "tried": [{"lr": lr, "validation_error": grade.error, "validation_loss": grade.loss,
                       "diverged": grade.diverged} for lr, grade in sorted(self.grades.items())],
            "test_error": {"mean": self.error.mean, "sd": self.error.sd},
            "test_loss": {"mean": self.loss.mean, "sd": self.loss.sd},
            "steps_to_target": self.steps_to_target,
            "diverged": self.diverged,
            "endings": {ending.word: count for ending, count in self.endings},
            "runs": runs,
        }  # fmt: skip
        converted: dict[str, Any] = plain(values)
        return converted


@dataclass(frozen=True)
class RaceResult:
    """The result of a race.

    Parameters
    ----------
    problem
        The problem's name.
    standings
        One for each optimizer, the best first.
    complete
        False when the race was interrupted.
    target
        The target loss of ``steps_to_target``, or None.
    settings
        Every setting that decides the numbers.
    folder
        Where runs and trails were written, or None.
    seconds
        How long this call took.
    """

    problem: str
    standings: tuple[Standing, ...]
    complete: bool
    target: float | None
    settings: Mapping[str, Any] = field(repr=False)
    folder: Path | None
    seconds: float = field(compare=False)

    def __getitem__(self, label: str) -> Standing:
        """Give the standing of an optimizer by its label."""
        for standing in self.standings:
            if standing.label == label:
                return standing
        raise KeyError(f"{label!r}; this race had {', '.join(standing.label for standing in self.standings)}")

    def trail(self, label: str, seed: int) -> Trail:
        """Read the trail of a judged run."""
        content = self[label].runs[seed].trail
        if content is None:
            raise KeyError(f"{label} seed {seed} has no trail")
        return Trail.from_bytes(content, f"the trail of {label} seed {seed}")

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON types, with the keys that ``docs/race.md`` lists."""
        return {
            "format": "nukarumi.race.result",
            "version": 1,
            "problem": self.problem,
            "complete": self.complete,
            "target_loss": self.target,
            "seconds": round(self.seconds, 3),
            "folder": None if self.folder is None else str(self.folder),
            "settings": plain(self.settings),
            "standings": [standing.to_dict() for standing in self.standings],
        }

    def table(self) -> str:
        """Give the table as plain text, at most 100 columns wide."""
        from nukarumi.race.report import table_text  # noqa: PLC0415

        return table_text(self)
