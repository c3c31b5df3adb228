"""The race itself: tune every optimizer on its own rates, judge each at its best rate on fresh seeds.

Fair by construction: weights and batch order of a run come from its seed alone, so that every optimizer starts from
the same point and sees the same batches; tuning sees only the validation split and its own seeds; all get equally many
epochs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.problems import Problem
from nukarumi.race.engines import Engine
from nukarumi.race.entrants import Entrant, entrants
from nukarumi.race.folder import Folder, latest, new_path
from nukarumi.race.grids import Grade, default_grid, good_range, grow, pick, rates
from nukarumi.race.progress import Progress, progress_for
from nukarumi.race.result import RaceResult, Standing
from nukarumi.race.runs import Outcome, Phase, Source, Task, check_problem, execute

__all__ = ["RaceInterrupted", "race"]


class RaceInterrupted(KeyboardInterrupt):
    """Ctrl-C during a race; ``result`` holds what was finished, and the folder can be resumed."""

    def __init__(self, result: RaceResult) -> None:
        super().__init__("the race was interrupted")
        self.result = result


def race(
    problem: str | PathLike[str] | Problem | Callable[..., Problem] = "digits",
    optimizers: Any = None,
    *,
    options: Mapping[str, Any] | None = None,
    epochs: int | None = None,
    seeds: int | Sequence[int] | None = None,
    tuning_seeds: int = 3,
    seed: int = 0,
    grid: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
    extend: int = 3,
    target: float | None = None,
    engine: Engine | None = None,
    out: str | PathLike[str] | bool | None = None,
    resume: bool | str | PathLike[str] = False,
    progress: bool | Progress = True,
) -> RaceResult:
    """Race optimizers on a problem, each at its own best learning rate.

    Parameters
    ----------
    problem
        A name (``"digits"``, ``"reviews"``), the path of a data file or folder, a `Problem` (it travels with every run)
        or an importable function or class that makes one (each process calls it once).
    optimizers
        What `entrants` takes; None for the whole family.
    options
        Options of the problem, such as ``{"batch_size": 64}``.
    epochs
        Passes over the training split in every run; None for the problem's own number.
    seeds
        How many judging seeds, or the seeds themselves; None for the problem's own number.
    tuning_seeds
        Over how many seeds a learning rate is tuned. They are ``seed``, ``seed + 1``, ...; the judging seeds follow.
    seed
        Where the seeds start.
    grid
        Learning rates for all, or a dict from label to rates; None for seven rates around each optimizer's default.
    extend
        How many times a grid may grow while good rates touch its edge (0: never).
    target
        The mean training loss for ``steps_to_target``; None for the problem's own.
    engine
        Who does the runs; None for local processes, one for each CPU. The results do not depend on it.
    out
        The folder for runs and trails; None for ``races/<problem>-<time>``, False for none.
    resume
        Go on with the race in ``out`` (or in the folder given here; True alone takes the latest in ``races/``).
    progress
        Whether to show progress on standard error, or an object to tell it to.

    Returns
    -------
    RaceResult
        The standings, the best first; ``print(result.table())`` shows them.

    Raises
    ------
    BadInput
        For an unknown problem or optimizer, or a setting out of range; no run was started then. Also for a folder that
        holds another race.
    RunError
        If a run failed twice; finished runs are kept in the folder.
    RaceInterrupted
        On Ctrl-C, with the result so far.

    Examples
    --------
    >>> from nukarumi.race import Serial
    >>> result = race("digits", "sgd, adagrad", epochs=1, seeds=1, grid=[0.1], extend=0, engine=Serial(), out=False,
    ...               progress=False)
    >>> sorted(standing.label for standing in result.standings)
    ['Adagrad', 'SGD']
    """
    began = time.perf_counter()
    field = entrants(optimizers)
    grids = _grids(field, grid)
    for name, value in (("epochs", epochs), ("extend", extend), ("tuning_seeds", tuning_seeds)):
        if value is not None:  # before a large problem is read
            _whole(name, value, 0 if name == "extend" else 1)
    source = Source(problem, tuple(sorted((options or {}).items())))
    opened = check_problem(source.open(), problem)
    tuning, judging = _seeds(opened, seed, seeds, tuning_seeds)
    plan = _Plan(
        source=source,
        problem=opened,
        field=field,
        grids=grids,
        epochs=_whole("epochs", opened.default_epochs if epochs is None else epochs, 1),
        tuning=tuning,
        judging=judging,
        extend=extend,
        target=_target(opened.target_loss if target is None else target),
    )
    folder = _folder(out, resume, opened.name, plan.settings())
    own = engine is None
    if engine is None:
        from nukarumi.race.local import Local  # noqa: PLC0415

        engine = Local()
    runner = _Runner(plan, engine, folder, progress_for(progress))
    try:
        try:
            runner.go()
        finally:
            runner.progress.end()
            if own:
                engine.close()
    except KeyboardInterrupt:
        result = runner.result(time.perf_counter() - began, complete=False)
        if folder is not None:
            folder.finish(result.to_dict())
        raise RaceInterrupted(result) from None
    result = runner.result(time.perf_counter() - began, complete=True)
    if folder is not None:
        folder.finish(result.to_dict())
    return result


class _Plan:
    """What is raced: everything that decides the numbers."""

    def __init__(
        self, *, source: Source, problem: Problem, field: list[Entrant], grids: list[list[float]], epochs: int,
        tuning: list[int], judging: list[int], extend: int, target: float | None,
    ) -> None:  # fmt: skip
        self.source, self.problem, self.field, self.grids = source, problem, field, grids
        self.epochs, self.tuning, self.judging, self.extend, self.target = epochs, tuning, judging, extend, target

    def settings(self) -> dict[str, Any]:
        """Give them as JSON types; a race can only be resumed with equal ones."""
        return {
            "problem": self.problem.name,
            "options": dict(self.source.options),
            "data": self.problem.describe(),
            "batches_per_epoch": self.problem.batches_per_epoch,
            "optimizers": [
                {
                    "label": entrant.label,
                    "class": f"{entrant.make.__module__}.{entrant.make.__qualname__}",
                    "settings": entrant.settings,
                    "grid": grid,
                }
                for entrant, grid in zip(self.field, self.grids, strict=True)
            ],
            "epochs": self.epochs,
            "tuning_seeds": self.tuning,
            "seeds": self.judging,
            "extend": self.extend,
            "target": self.target,
            "versions": {"numpy": np.__version__, "nukarumi": _version()},
        }

    def task(self, number: int, phase: Phase, lr: float, seed: int) -> Task:
        """Make the task of one run."""
        return Task(self.source, self.field[number], number, phase, lr, seed, self.epochs, self.target)


class _Runner:
    """Carries a plan out and knows at any time how it stands."""

    def __init__(self, plan: _Plan, engine: Engine, folder: Folder | None, progress: Progress) -> None:
        self.plan, self.engine, self.folder, self.progress = plan, engine, folder, progress
        self.grids = [list(grid) for grid in plan.grids]
        self.outcomes: dict[str, Outcome] = {}
        self.tuned: list[set[float]] = [set() for _ in plan.field]

    def go(self) -> None:
        plan = self.plan
        everyone = range(len(plan.field))
        title = f"{plan.problem.name}: {len(plan.field)} optimizers, {plan.epochs} epochs"
        self.progress.begin(title, [entrant.label for entrant in plan.field])
        self._do(
            [plan.task(n, "tuning", lr, s) for lr_at in _rounds(self.grids) for n, lr in lr_at for s in plan.tuning]
        )
        for _ in range(plan.extend):
            fresh = {number: self._beyond(number) for number in everyone}
            self._do([plan.task(n, "tuning", lr, s) for n, more in fresh.items() for lr in more for s in plan.tuning])
            for number, more in fresh.items():
                self.grids[number] = sorted([*self.grids[number], *more])
            if not any(fresh.values()):
                break
        best = {number: self._best(number) for number in everyone}
        self._do([plan.task(n, "judging", lr, s) for s in plan.judging for n, lr in best.items() if lr is not None])

    def _do(self, tasks: list[Task]) -> None:
        waiting = []
        for task in tasks:
            self.progress.plan(task.entrant.label, 1)
        for task in tasks:
            outcome = self.folder.finished(task) if self.folder is not None else None
            if outcome is None:
                waiting.append(task)
            else:
                self._take(task, outcome)
        for task, outcome in self.engine.run(execute, waiting) if waiting else ():
            if self.folder is not None:
                self.folder.keep(task, outcome)
            self._take(task, outcome)

    def _take(self, task: Task, outcome: Outcome) -> None:
        self.outcomes[task.key] = outcome
        if task.phase == "tuning":
            self.tuned[task.number].add(task.lr)
        self.progress.done(task.entrant.label, self._words(task))

    def _words(self, task: Task) -> str:
        best = self._best(task.number)
        if task.phase == "judging":
            runs = self._runs(task.number, task.lr)
            errors = [run.error for run in runs.values() if not run.diverged]
            if errors:
                return f"lr {task.lr:.3g}, test error {100 * math.fsum(errors) / len(errors):.2f} %"
            return f"lr {task.lr:.3g}, diverged"
        if best is None:
            return "diverged so far"
        return f"best lr {best:.3g}, validation error {100 * self._grades(task.number)[best].error:.2f} %"

    def _grades(self, number: int) -> dict[float, Grade]:
        """Grade the rates whose tuning runs are all finished; in order, whatever order they were finished in."""
        grades = {}
        for lr in sorted(self.tuned[number]):
            keys = [self.plan.task(number, "tuning", lr, seed).key for seed in self.plan.tuning]
            runs = [self.outcomes[key] for key in keys if key in self.outcomes]
            if len(runs) == len(keys):
                grades[lr] = Grade(
                    math.fsum(run.error for run in runs) / len(runs),
                    math.fsum(run.loss for run in runs) / len(runs),
                    any(run.diverged for run in runs),
                )
        return grades

    def _best(self, number: int) -> float | None:
        grades = self._grades(number)
        best = pick(grades, self.plan.field[number].lr) if grades else None
        return None if best is None or grades[best].diverged else best

    def _beyond(self, number: int) -> list[float]:
        best = self._best(number)
        if best is None:  # every rate diverged: smaller ones may not
            return grow(self.grids[number], below=True, above=False)
        good = good_range(self._grades(number), best)
        return grow(self.grids[number], below=good.open_low, above=good.open_high)

    def _runs(self, number: int, lr: float) -> dict[int, Outcome]:
        runs = {}
        for seed in self.plan.judging:
            outcome = self.outcomes.get(self.plan.task(number, "judging", lr, seed).key)
            if outcome is not None:
                runs[seed] = outcome
        return runs

    def _standing(self, number: int) -> Standing:
        grades, best = self._grades(number), self._best(number)
        edge = None
        if best is not None and len(grades) > 1:
            edge = "low" if best == min(grades) else "high" if best == max(grades) else None
        return Standing(
            label=self.plan.field[number].label,
            best_lr=best,
            at_edge=edge,
            good=None if best is None else good_range(grades, best),
            grades=grades,
            runs={} if best is None else self._runs(number, best),
            seeds=len(self.plan.judging),
        )

    def result(self, seconds: float, *, complete: bool) -> RaceResult:
        standings = [self._standing(number) for number in range(len(self.plan.field))]
        return RaceResult(
            problem=self.plan.problem.name,
            standings=tuple(sorted(standings, key=lambda standing: standing.order)),
            complete=complete,
            target=self.plan.target,
            settings=self.plan.settings(),
            folder=None if self.folder is None else self.folder.path,
            seconds=seconds,
        )


def _rounds(grids: list[list[float]]) -> Iterable[list[tuple[int, float]]]:
    """Take one rate of every optimizer after the other, so that all of them have something to show early."""
    for index in range(max(map(len, grids))):
        yield [(number, grid[index]) for number, grid in enumerate(grids) if index < len(grid)]


def _whole(name: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(f"{name} must be a whole number >= {least}", repr(value), f"pass {name}={max(1, least)} or more")
    return value


def _seeds(problem: Problem, first: int, judging: Any, tuning: int) -> tuple[list[int], list[int]]:
    first, tuning = _whole("seed", first, 0), _whole("tuning_seeds", tuning, 1)
    tuned = list(range(first, first + tuning))
    if judging is None:
        judging = problem.default_seeds
    if not isinstance(judging, Sequence) or isinstance(judging, str):
        count = _whole("seeds", judging, 1)
        return tuned, list(range(first + tuning, first + tuning + count))
    judged = [_whole("each of seeds", seed, 0) for seed in judging]
    if not judged or len(set(judged)) < len(judged) or set(judged) & set(tuned):
        raise BadInput(
            f"seeds must be different numbers, none of them a tuning seed ({', '.join(map(str, tuned))})",
            judged,
            "pass other seeds, or only how many",
        )
    return tuned, judged


def _grids(field: list[Entrant], grid: Any) -> list[list[float]]:
    if isinstance(grid, Mapping):
        unknown = sorted(set(grid) - {entrant.label for entrant in field})
        if unknown:
            labels = ", ".join(entrant.label for entrant in field)
            raise BadInput("a grid must be for an optimizer of the race", ", ".join(unknown), f"use one of {labels}")
        return [
            rates(grid[entrant.label], f"grid of {entrant.label}")
            if entrant.label in grid
            else default_grid(entrant.lr)
            for entrant in field
        ]
    if grid is None:
        return [default_grid(entrant.lr) for entrant in field]
    if isinstance(grid, str) or not isinstance(grid, Iterable):
        raise BadInput("grid must be a list of rates, or a dict of lists", repr(grid), "pass for example [.01, .1, 1]")
    return [rates(grid) for _ in field]


def _target(target: Any) -> float | None:
    if target is None:
        return None
    if isinstance(target, bool) or not isinstance(target, int | float) or not math.isfinite(target):
        raise BadInput("target must be a finite loss", repr(target), "pass a number such as 0.1, or None")
    return float(target)


def _folder(out: Any, resume: Any, problem: str, settings: Mapping[str, Any]) -> Folder | None:
    if not isinstance(resume, bool):
        if out is False or (out not in (None, True) and Path(fspath(out)) != Path(fspath(resume))):
            raise BadInput("out and resume must be one folder", f"{out} and {resume}", "pass resume alone")
        return Folder(resume, settings, resume=True)
    if out is False:
        if resume:
            raise BadInput("a race that is resumed must have a folder", "out=False", "pass the folder to resume")
        return None
    if out is None or out is True:
        return Folder(latest() if resume else new_path(problem), settings, resume=resume)
    return Folder(out, settings, resume=resume)


def _version() -> str:
    import nukarumi  # noqa: PLC0415

    return str(getattr(nukarumi, "__version__", "0"))
