"""One run: an optimizer at one learning rate, on one problem, from one seed. All that a worker process ever does.

A run depends on its task alone: weights and batch order come from the seed, everything else from the task.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from os import PathLike
from typing import Any, Literal, TypeAlias

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.problems import Problem, load
from nukarumi.race.ending import Ending, ending
from nukarumi.race.entrants import Entrant
from nukarumi.trail import Recorder, Trail

__all__ = ["Outcome", "Phase", "Source", "Task", "execute"]

Phase: TypeAlias = Literal["tuning", "judging"]

ROWS = 128
"""A judged run's trail has about this many rows."""

WINDOW = 20
"""The training loss is the mean over this many batches (or over an epoch, when that has fewer)."""

RUNAWAY = 100.0
"""A run is stopped as diverged when its training loss exceeds this many times the loss of the first batch."""


@dataclass(frozen=True)
class Source:
    """Where a problem comes from: what `nukarumi.problems.load` takes, or a function that makes one."""

    problem: str | PathLike[str] | Problem | Callable[..., Problem]
    options: tuple[tuple[str, Any], ...] = ()

    def open(self) -> Problem:
        """Give the problem; one process loads it once."""
        if isinstance(self.problem, str | PathLike) or callable(self.problem):
            return _open(self)
        return load(self.problem, **dict(self.options))


@lru_cache(maxsize=4)
def _open(source: Source) -> Problem:
    if callable(source.problem):
        return source.problem(**dict(source.options))
    return load(source.problem, **dict(source.options))


@dataclass(frozen=True)
class Task:
    """All that a run needs; small and picklable."""

    source: Source
    entrant: Entrant
    number: int  # of the entrant within the race
    phase: Phase
    lr: float
    seed: int
    epochs: int
    target: float | None

    @property
    def key(self) -> str:
        """A name for files, unique within a race."""
        label = "".join(letter if letter.isalnum() or letter in "._-=" else "_" for letter in self.entrant.label)
        return f"{self.phase}-{self.number:02d}-{label[:60]}-lr{self.lr!r}-seed{self.seed}"

    def __str__(self) -> str:
        return f"{self.entrant.label} lr={self.lr:g} seed={self.seed} ({self.phase})"


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Parameters
    ----------
    key
        The task's key.
    diverged
        Whether the numbers ran away; the run was stopped then, and ``loss`` and ``error`` are NaN.
    loss, error
        On the validation split (tuning) or the test split (judging).
    train_loss
        The mean loss of the last `WINDOW` batches.
    steps
        Updates done.
    steps_to_target
        Updates after which the mean loss of `WINDOW` batches was at or below the target; None when it never was.
    ending
        How a judged run ended; None for a tuning run.
    trail
        A judged run's trail as the bytes of its file.
    """

    key: str
    diverged: bool
    loss: float
    error: float
    train_loss: float
    steps: int
    steps_to_target: int | None
    ending: Ending | None = None
    trail: bytes | None = field(default=None, repr=False)


def execute(task: Task) -> Outcome:
    """Do one run.

    Raises
    ------
    BadInput
        If the problem or the optimizer refuses its settings.
    """
    problem = task.source.open()
    with np.errstate(all="ignore"):  # a rate that is too large is part of a tuning
        return _execute(task, problem)


def _execute(task: Task, problem: Problem) -> Outcome:
    params = problem.params(task.seed)
    optimizer = task.entrant.build(task.lr)
    total = task.epochs * problem.batches_per_epoch
    recorder = None
    if task.phase == "judging":
        trail = Trail(every=max(1, math.ceil(total / ROWS)), capacity=2 * ROWS, meta=_meta(task, problem))
        recorder = Recorder(trail, optimizer)
    window: deque[float] = deque(maxlen=min(WINDOW, problem.batches_per_epoch))
    steps, reached, diverged, mean, first = 0, None, False, math.nan, math.nan
    for epoch in range(task.epochs):
        for batch in problem.batches(task.seed, epoch):
            loss, grads = problem.loss_and_grads(params, batch)
            steps += 1
            window.append(float(loss))
            mean = math.fsum(window) / len(window) if all(map(math.isfinite, window)) else math.inf
            first = window[0] if steps == 1 else first
            diverged = not math.isfinite(mean) or mean > RUNAWAY * first > 0
            if recorder is None:
                optimizer.update(params, grads)
            else:
                recorder.update(params, grads, loss, record=diverged or steps == total)
            if diverged:
                break
            if reached is None and task.target is not None and len(window) == window.maxlen and mean <= task.target:
                reached = steps
        if diverged:
            break
    error = loss = math.nan
    if not diverged:
        loss, error = problem.score(params, "validation" if task.phase == "tuning" else "test")
        diverged = not (math.isfinite(loss) and math.isfinite(error))
    how = None
    if recorder is not None:
        how = Ending.DIVERGED if diverged else ending(recorder.trail)
        if how is Ending.DIVERGED and not diverged:
            diverged = True
    if diverged:
        loss = error = math.nan
    return Outcome(
        task.key, diverged, float(loss), float(error), mean if math.isfinite(mean) else math.nan, steps, reached, how,
        None if recorder is None else recorder.trail.to_bytes(),
    )  # fmt: skip


def _meta(task: Task, problem: Problem) -> dict[str, Any]:
    settings = {
        name: value if isinstance(value, int | float | str | None) else repr(value)
        for name, value in task.entrant.settings.items()
    }
    return {
        "problem": problem.name,
        "optimizer": task.entrant.label,
        "settings": settings,
        "lr": task.lr,
        "seed": task.seed,
        "epochs": task.epochs,
        "batches_per_epoch": problem.batches_per_epoch,
    }


def check_problem(problem: Any, where: object) -> Problem:
    """Refuse what is no problem before any run starts."""
    if not isinstance(problem, Problem):
        raise BadInput(
            "a problem must have all of what nukarumi.problems.Problem asks",
            f"{type(problem).__name__} from {where!r}",
            "pass 'digits', 'reviews', a path, or an object with params, batches, loss_and_grads and score",
        )
    return problem
