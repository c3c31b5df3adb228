"""Tasks on a cluster whose workers may be lost: so many in flight, and a decision about every failure.

A task that raised is done once more. A task whose worker died may be guilty (it ran out of memory) or a victim (its
node went away); it is done again, and only when its workers died `DEATHS` times it is named. Ray's own repetitions are
switched off, because they cannot tell the two apart.
"""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from nukarumi._errors import BadInput
from nukarumi.cluster.connect import ClusterError, Session, import_ray

__all__ = ["DEATHS", "POLL", "Fleet", "Room", "outcome", "settle"]

Task = TypeVar("Task")

DEATHS = 4
"""A task whose worker died this often is not tried again."""

AHEAD = 2
"""Tasks in flight for each CPU: one that runs, and one that waits beside it while the result travels."""

POLL = 0.5
"""Seconds between two looks at whether nodes have come or gone."""

RECALL = 10.0
"""Seconds for which tasks that nobody waits for are cancelled again, should they go on."""


@dataclass
class _Job(Generic[Task]):
    task: Task
    failures: int = 0
    deaths: int = 0


class Room:
    """Looks now and then whether nodes have come or gone, and checks the versions of those that came.

    Parameters
    ----------
    session
        The connection to Ray.
    seconds
        How long the cluster may be without a CPU.
    cure
        What to do when it has been for longer.
    """

    def __init__(self, session: Session, seconds: float, cure: str) -> None:
        self._session, self._seconds, self._cure = session, seconds, cure
        self._cpus, self._looked, self._alive = 0, -math.inf, time.monotonic()

    def cpus(self) -> int:
        """Say how many CPUs there are.

        Raises
        ------
        ClusterError
            If there has been no CPU for too long, or the head of the cluster does not answer.
        """
        now = time.monotonic()
        if now - self._looked < POLL:
            return self._cpus
        self._looked = now
        self._session.check_versions()
        self._cpus = self._session.cpus()
        self._alive = now if self._cpus else self._alive
        if now - self._alive > self._seconds:
            raise ClusterError(f"the cluster has had no CPU for {self._seconds:g} s", f"start a node; {self._cure}")
        return self._cpus


@dataclass
class Fleet:
    """How tasks are done.

    Attributes
    ----------
    session
        The connection to Ray.
    seconds
        How long the cluster may be without a CPU.
    failed
        Makes the error for a task that is given up, from the task, what it did ("failed twice: ...") and the cure.
    kept
        What is left of the work when it ends with an error, and what to do then, for the cures.
    """

    session: Session
    seconds: float
    failed: Callable[[Any, str, str], Exception]
    kept: str

    def run(
        self, submit: Callable[[Task], Any], tasks: Iterable[Task], *, most: int | None = None
    ) -> Iterator[tuple[Task, Any]]:
        """Do the tasks; yields each with its result as soon as it is there.

        Parameters
        ----------
        submit
            Hands a task to Ray and gives the reference of what `outcome` will return.
        tasks
            In the order in which they begin.
        most
            So many at once; None: as many as there are CPUs, and as many again waiting.

        Raises
        ------
        BadInput, ClusterError
            What a task refuses, or what is wrong with the cluster.
        """
        waiting = deque(_Job(task) for task in tasks)
        session, ray = self.session, self.session.ray
        room = Room(session, self.seconds, self.kept)
        flying: dict[Any, _Job[Task]] = {}
        try:
            while waiting or flying:
                cpus = room.cpus()
                while waiting and len(flying) < (AHEAD * cpus if most is None else min(most, cpus)):
                    job = waiting.popleft()
                    flying[submit(job.task)] = job
                if not flying:
                    time.sleep(POLL)
                    continue
                done, _ = ray.wait([*flying], timeout=POLL)
                for reference in done:
                    job = flying.pop(reference)
                    try:
                        good, value = session.get(reference, str(job.task))
                    except ray.exceptions.RayError as error:
                        self._died(job, error)
                        waiting.appendleft(job)
                        continue
                    if good:
                        yield job.task, pickle.loads(value)
                    else:
                        self._raised(job, value)
                        waiting.appendleft(job)
        finally:  # also when the caller lost interest, or Ctrl-C came
            if not session.lost:
                self._recall([*flying])

    def _recall(self, left: list[Any]) -> None:
        """Take tasks back, and again those that go on: Ray loses a cancellation that meets a task on its way out."""
        ray, end = self.session.ray, time.monotonic() + min(RECALL, self.seconds)
        while left:
            for reference in left:
                ray.cancel(reference, force=True)
            if self.session.owned or time.monotonic() > end:  # one's own Ray ends with all that runs there
                return
            _, left = ray.wait(left, num_returns=len(left), timeout=POLL)

    def _raised(self, job: _Job[Any], value: bytes) -> None:
        """Let a task that raised be done once more, or give up."""
        words, error = pickle.loads(value)
        if isinstance(error, BadInput):
            raise error
        job.failures += 1
        if job.failures > 1:
            cure = f"mend what it names; {self.kept}"
            raise self.failed(job.task, f"failed twice: {words}", cure) from error

    def _died(self, job: _Job[Any], error: Exception) -> None:
        """Let a task whose worker died be done again, unless its workers die all the time."""
        job.deaths += 1
        if isinstance(error, self.session.ray.exceptions.RuntimeEnvSetupError):
            raise ClusterError(f"a node cannot start workers: {_line(error)}", "look at the logs of its Ray") from error
        if job.deaths >= DEATHS:
            did = f"lost its worker process {job.deaths} times, the last time with {_line(error)}"
            raise self.failed(job.task, did, f"look for a lack of memory on the nodes; {self.kept}") from error


def outcome(work: Callable[[], Any]) -> tuple[bool, bytes]:
    """In a worker: the result, or why there is none, both as this worker pickles them."""
    dumps: Callable[[Any], bytes] = import_ray().cloudpickle.dumps
    try:
        return True, dumps(work())
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        try:
            return False, dumps((words, error))
        except Exception:  # an error that cannot travel; its words can
            return False, dumps((words, None))


def settle(folder: str, path: list[str]) -> None:
    """In a worker: work in the driver's folder and with its import path, as far as this machine has them."""
    with contextlib.suppress(OSError):
        os.chdir(folder)
    sys.path.extend(entry for entry in path if entry not in sys.path)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
