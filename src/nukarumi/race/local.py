"""Runs on local processes: the standard library's pool, made to survive killed workers and Ctrl-C.

Workers are spawned (never forked), have one BLAS and one nukarumi thread each, ignore Ctrl-C (the parent decides), and
end when their parent dies. Never more tasks are handed out than there are workers; so when a worker is killed the
suspects are few, and they are done again one at a time, which tells the guilty one from its neighbours.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from nukarumi._errors import BadInput
from nukarumi.race.engines import RunError

__all__ = ["Local"]

Task = TypeVar("Task")
Result = TypeVar("Result")

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUKARUMI_NUM_THREADS"),
    "1",
)


@dataclass
class _Job(Generic[Task]):
    task: Task
    failures: int = 0
    alone: bool = False  # a suspect: done while no other task is


class Local:
    """An engine of local worker processes; they start with the first task and stay until `close`.

    Parameters
    ----------
    processes
        How many; by default one for each CPU this process may use.

    Raises
    ------
    BadInput
        For a number below 1, or when it is used while a worker's main module is still being imported (a script
        without ``if __name__ == "__main__":``).
    """

    def __init__(self, processes: int | None = None) -> None:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.processes = cpus if processes is None else processes
        number: object = self.processes  # whatever came
        if isinstance(processes, bool) or not isinstance(number, int) or number < 1:
            raise BadInput("processes must be a whole number >= 1", processes, "pass 1 or more, or None for all CPUs")
        self._context = _Context()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """See `Engine.run`."""
        waiting = deque(_Job(task) for task in tasks)
        flying: dict[Future[Result], _Job[Task]] = {}
        broken = False
        try:
            while waiting or flying:
                if broken and not flying:
                    self._stop()
                    broken = False
                if not broken:
                    broken = not self._hand_out(function, waiting, flying)
                done, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in done:
                    job = flying.pop(future)
                    try:
                        result = future.result()
                    except BadInput:
                        raise
                    except BrokenProcessPool:
                        broken = True
                        self._again(job, None, waiting)
                    except Exception as error:
                        self._again(job, error, waiting)
                    else:
                        yield job.task, result
        except BaseException:
            self._stop()
            raise

    def close(self) -> None:
        """End the workers and wait for them."""
        self._stop()

    def _hand_out(
        self, function: Callable[[Task], Result], waiting: deque[_Job[Task]], flying: dict[Future[Result], _Job[Task]]
    ) -> bool:
        """Give tasks to free workers; False when the pool turns out to be broken."""
        while waiting and len(flying) < self.processes:
            if flying and (waiting[0].alone or any(job.alone for job in flying.values())):
                return True
            job = waiting.popleft()
            try:
                flying[self._submit(function, job.task)] = job
            except BrokenProcessPool:
                waiting.appendleft(job)
                return False
        return True

    def _submit(self, function: Callable[[Task], Result], task: Task) -> Future[Result]:
        if getattr(multiprocessing.current_process(), "_inheriting", False):
            raise BadInput(
                "a race with worker processes must not start while a script is imported",
                "a script without a main guard",
                'put the call under `if __name__ == "__main__":`, or pass engine=Serial()',
            )
        with _quiet_start():
            if self._pool is None:
                self._pool = ProcessPoolExecutor(self.processes, mp_context=self._context, initializer=_begin)
            return self._pool.submit(function, task)

    def _again(self, job: _Job[Task], error: Exception | None, waiting: deque[_Job[Task]]) -> None:
        """Line up a failed task once more, alone; or give up when that has been tried."""
        if error is None and job.failures and not job.alone:
            job.failures -= 1  # its neighbour may have been the one that died
        if job.failures:
            reason = "its worker process died" if error is None else f"{type(error).__name__}: {error}"
            cure = (
                "look for a lack of memory (try one process), or for a script whose call is not under "
                'if __name__ == "__main__"'
                if error is None
                else "mend the problem or the optimizer it names"
            )
            kept = "what was finished is kept, resume the race"
            raise RunError(job.task, f"failed twice: {reason}", f"{cure}; {kept}") from error
        job.failures, job.alone = job.failures + 1, True
        waiting.appendleft(job)

    def _stop(self) -> None:
        """End the workers: they hold nothing that a signal could harm, and their tasks are lost to nobody."""
        pool, self._pool = self._pool, None
        processes, self._context.started = self._context.started, []
        for process in processes:
            with suppress(ProcessLookupError):  # it ended by itself
                process.kill()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)  # the pool's own thread waits for the processes
        for process in processes:
            process.join()


class _Context(SpawnContext):
    """The spawn context, remembering the processes it started, so that they can be ended and waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.started: list[BaseProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        process = SpawnProcess(*args, **kwargs)
        self.started.append(process)
        return process


@contextmanager
def _quiet_start() -> Iterator[None]:
    """While processes are started: one thread for each in the environment they inherit, and Ctrl-C kept from them."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(ONE_THREAD)
    mask = hasattr(signal, "pthread_sigmask")
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if mask else set()
    try:
        yield
    finally:
        if mask:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _begin() -> None:
    """Run first in each worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
