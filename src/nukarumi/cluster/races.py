"""Races on Ray: the engine that hands runs to the machines of a cluster, and hands them out again when one is lost.

A result depends on its task alone, so that this file has nothing to do with numbers: it keeps so many tasks in flight,
passes results on as they come, and decides what a failure means. A task that raised is done once more, as on local
processes. A task whose worker died may be guilty (it ran out of memory) or a victim (its node went away); it is done
again, and only when its workers died `DEATHS` times it is named. Ray's own repetitions are switched off, because they
cannot tell the two apart.

What the tasks have in common, a problem with its data, travels to each node once.
"""

from __future__ import annotations

import contextlib
import io
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
from nukarumi.cluster.connect import ClusterError, Session, connect, import_ray, worker_environment
from nukarumi.problems import Problem
from nukarumi.race.engines import RunError

__all__ = ["Ray"]

Task = TypeVar("Task")
Result = TypeVar("Result")

DEATHS = 4
"""A task whose worker died this often is not tried again."""

AHEAD = 2
"""Tasks in flight for each CPU: one that runs, and one that waits beside it while the result travels."""

LARGE = 100_000
"""Bytes from which on a problem within tasks is stored on the cluster, once, in place of travelling with every task."""

POLL = 0.5
"""Seconds between two looks at whether nodes have come or gone."""

KEPT = 4
"""A worker keeps this many shared problems opened; the oldest leaves first."""

OPENED: dict[bytes, Any] = {}
"""In a worker: the shared problems it has opened, by the name of their reference."""


@dataclass
class _Job(Generic[Task]):
    task: Task
    failures: int = 0
    deaths: int = 0


class Ray:
    """An engine on a Ray cluster; it connects with the first task and stays connected until `close`.

    Parameters
    ----------
    address
        ``"host:port"`` of the cluster's head, or ``"auto"``, from a machine that belongs to the cluster. None: the
        session that this process has opened with ``ray.init``, which is then left alone, or else a Ray of its own on
        this machine alone, ended by `close`.
    cpus
        How many CPUs a Ray that is started here may use; None for all.
    seconds
        How long connecting, and waiting for a lost cluster to come back, may take.

    Raises
    ------
    BadInput
        For a number out of range; with the first task, if Ray is not installed, the address is wrong, or versions
        differ between this process and the workers.
    ClusterError
        If the cluster does not answer, or has had no CPU for ``seconds`` seconds.

    Examples
    --------
    >>> engine = Ray(cpus=2)  # the same numbers as Local(2), to the last bit
    >>> engine.close()
    """

    def __init__(self, address: str | None = None, *, cpus: int | None = None, seconds: float = 60.0) -> None:
        number: object = cpus  # whatever came
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise BadInput("cpus must be a whole number >= 1", number, "pass 1 or more, or None for all")
        limit: object = seconds
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < float("inf"):
            raise BadInput("seconds must be a positive time limit", limit, "pass for example seconds=60")
        self.address, self.cpus, self.seconds = address, cpus, seconds
        self._session: Session | None = None

    def run(self, function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[tuple[Task, Result]]:
        """See `nukarumi.race.Engine.run`."""
        waiting = deque(_Job(task) for task in tasks)
        if not waiting:
            return
        session = self._connected()
        ray = session.ray
        crew = _Crew(session, self.seconds)
        flying: dict[Any, _Job[Task]] = {}
        submit = _submitter(session, function)
        try:
            while waiting or flying:
                room = crew.room()
                while waiting and len(flying) < room:
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
                        self._died(ray, job, error, waiting)
                        continue
                    if good:
                        yield job.task, pickle.loads(value)
                    else:
                        self._raised(job, value, waiting)
        finally:
            for reference in () if session.lost else flying:  # also when the caller lost interest, or Ctrl-C came
                ray.cancel(reference, force=True)
            if flying and not session.owned and not session.lost:
                ray.wait([*flying], num_returns=len(flying), timeout=min(10.0, self.seconds))

    def close(self) -> None:
        """Disconnect; a Ray that was started here ends."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connected(self) -> Session:
        if self._session is None or not self._session.ray.is_initialized():
            self.close()  # what is left of a connection that somebody else has ended
            self._session = connect(self.address, cpus=self.cpus, seconds=self.seconds)
        return self._session

    def _raised(self, job: _Job[Task], value: bytes, waiting: deque[_Job[Task]]) -> None:
        """Do a task that raised once more, or give up."""
        words, error = pickle.loads(value)
        if isinstance(error, BadInput):
            raise error
        if job.failures:
            cure = "mend the problem or the optimizer it names; what was finished is kept, resume the race"
            raise RunError(job.task, words, cure) from error
        job.failures += 1
        waiting.appendleft(job)

    def _died(self, ray: Any, job: _Job[Task], error: Exception, waiting: deque[_Job[Task]]) -> None:
        """Do a task whose worker died again, unless its workers die all the time."""
        job.deaths += 1
        if isinstance(error, ray.exceptions.RuntimeEnvSetupError):
            raise ClusterError(f"a node cannot start workers: {_line(error)}", "look at the logs of its Ray") from error
        if job.deaths >= DEATHS:
            reason = f"its worker process died {job.deaths} times, the last time with {_line(error)}"
            cure = "look for a lack of memory on the nodes; what was finished is kept, resume the race"
            raise RunError(job.task, reason, cure) from error
        waiting.appendleft(job)


class _Crew:
    """Who works: looks now and then whether nodes have come or gone, and checks the versions of those that came."""

    def __init__(self, session: Session, seconds: float) -> None:
        self._session, self._seconds = session, seconds
        self._room, self._looked, self._alive = 0, -math.inf, time.monotonic()

    def room(self) -> int:
        """Say how many tasks may be in flight.

        Raises
        ------
        ClusterError
            If there has been no CPU for too long.
        """
        now = time.monotonic()
        if now - self._looked < POLL:
            return self._room
        self._looked = now
        self._session.check_versions()
        cpus = self._session.cpus()
        self._alive = now if cpus else self._alive
        self._room = AHEAD * cpus
        if now - self._alive > self._seconds:
            raise ClusterError(
                f"the cluster has had no CPU for {self._seconds:g} s",
                "start a node; what was finished is kept, resume the race",
            )
        return self._room


def _submitter(session: Session, function: Callable[[Task], Any]) -> Callable[[Task], Any]:
    """Make the function that hands a task to Ray and gives the reference of its result."""
    ray = session.ray
    send = _Sender(ray)
    place = ray.put((os.getcwd(), list(sys.path)))
    remote = ray.remote(_work).options(num_cpus=1, max_retries=0, runtime_env=worker_environment())

    def submit(task: Task) -> Any:
        payload, shared = send(function, task)
        return remote.remote(place, payload, [reference.binary() for reference in shared], *shared)

    return submit


class _Sender:
    """Pickles tasks, as code what lives in the script itself; stores a large problem on the cluster when first met."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._stored: dict[int, tuple[Any, Any]] = {}  # by id; the object is kept, so that its id stays its own
        self._small: dict[int, Any] = {}

    def __call__(self, function: Callable[..., Any], task: Any) -> tuple[bytes, list[Any]]:
        used: dict[bytes, Any] = {}
        out = io.BytesIO()
        pickler = self._ray.cloudpickle.Pickler(out)
        pickler.persistent_id = lambda obj: self._named(obj, used)
        pickler.dump((function, task))
        return out.getvalue(), list(used.values())

    def _named(self, obj: Any, used: dict[bytes, Any]) -> bytes | None:
        # A class has the attributes of its instances too, and travels by name.
        if isinstance(obj, type) or id(obj) in self._small or not isinstance(obj, Problem):
            return None
        if id(obj) not in self._stored:
            data = self._ray.cloudpickle.dumps(obj)
            if len(data) < LARGE:
                self._small[id(obj)] = obj
                return None
            self._stored[id(obj)] = obj, self._ray.put(data)
        reference = self._stored[id(obj)][1]
        name: bytes = reference.binary()
        used[name] = reference
        return name


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, pid: Any) -> Any:
        return OPENED[pid]


def _work(place: tuple[str, list[str]], payload: bytes, names: list[bytes], *shared: bytes) -> tuple[bool, bytes]:
    """Run in a worker: the result, or why there is none, both as this worker pickles them."""
    dumps: Callable[[Any], bytes] = import_ray().cloudpickle.dumps
    _settle(*place)
    try:
        for name, data in zip(names, shared, strict=True):
            if name not in OPENED:
                while len(OPENED) >= KEPT:
                    del OPENED[next(iter(OPENED))]
                OPENED[name] = pickle.loads(data)
        function, task = _Unpickler(io.BytesIO(payload)).load()
        return True, dumps(function(task))
    except Exception as error:
        words = f"{type(error).__name__}: {error}"
        try:
            return False, dumps((words, error))
        except Exception:  # an error that cannot travel; its words can
            return False, dumps((words, None))


def _settle(folder: str, path: list[str]) -> None:
    """Work in the driver's folder and with its import path, as far as this machine has them."""
    with contextlib.suppress(OSError):
        os.chdir(folder)
    sys.path.extend(entry for entry in path if entry not in sys.path)


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
