"""Where runs are done: the boundary between a race and the machines it uses, and the simplest engine behind it.

An engine gets a function and tasks, and gives back results in whatever order they are done. Function, tasks and results
can be pickled, the function is importable, and a result depends on its task alone; so the order, the number of workers
and a repetition after a failure cannot change a race.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol, TypeVar

__all__ = ["Engine", "RunError", "Serial"]

Task = TypeVar("Task")
Result = TypeVar("Result")


class Engine(Protocol):
    """What a race asks of an engine."""

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """Do every task and yield ``(task, result)`` as each is done, in any order.

        A task whose worker raises or dies is done once more; after a second failure `RunError` names it. A
        `BadInput` is passed on at once. An iterator that is closed, or through which an exception travels, leaves no
        work behind. ``run`` can be called again and again.
        """
        ...

    def close(self) -> None:
        """Give back what the engine holds: processes, connections. It may be used again afterwards."""
        ...


class RunError(RuntimeError):
    """A run that cannot be brought to its end: which one, what happened, and what to do.

    Parameters
    ----------
    task
        The task; its ``str`` names it.
    reason
        What it did, in words that go on after its name: "failed twice: ...".
    cure
        What to do about it.
    """

    def __init__(self, task: object, reason: str, cure: str) -> None:
        super().__init__(str(task), reason, cure)
        self.task, self.reason, self.cure = str(task), reason, cure

    def __str__(self) -> str:
        return f"the run {self.task} {self.reason}. Cure: {self.cure}."


class Serial:
    """Does one task after another in this process, with one BLAS thread as the workers of other engines have.

    Examples
    --------
    >>> list(Serial().run(abs, [-1, 2]))
    [(-1, 1), (2, 2)]
    """

    def __init__(self) -> None:
        self._limits: Callable[[], AbstractContextManager[Any]] = _one_blas_thread()

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """See `Engine.run`; an exception passes through unchanged, because there is no worker to lose."""
        for task in tasks:
            with self._limits():
                result = function(task)
            yield task, result

    def close(self) -> None:
        """Nothing is held."""


def _one_blas_thread() -> Callable[[], AbstractContextManager[Any]]:
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # noqa: PLC0415
    except ImportError:  # it comes with scikit-learn; without it BLAS keeps its threads
        return nullcontext
    controller = ThreadpoolController()
    return lambda: controller.limit(limits=1, user_api="blas")
