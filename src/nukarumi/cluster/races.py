"""Races on Ray: the engine that hands runs to the machines of a cluster, and hands them out again when one is lost.

A result depends on its task alone, so that this file has nothing to do with numbers, and `nukarumi.cluster.fleet` may
do a task again whose worker was lost. What the tasks have in common, a problem with its data, travels to each node
once.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from nukarumi._errors import BadInput
from nukarumi.cluster.connect import Session, connect, worker_environment
from nukarumi.cluster.fleet import Fleet, outcome, settle
from nukarumi.problems import Problem
from nukarumi.race.engines import RunError

__all__ = ["Ray"]

Task = TypeVar("Task")
Result = TypeVar("Result")

LARGE = 100_000
"""Bytes from which on a problem within tasks is stored on the cluster, once, in place of travelling with every task."""

KEPT = 4
"""A worker keeps this many shared problems opened; the oldest leaves first."""

OPENED: dict[bytes, Any] = {}
"""In a worker: the shared problems it has opened, by the name of their reference."""


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
        given = list(tasks)
        if given:
            session = self.session()
            fleet = Fleet(session, self.seconds, RunError, "what was finished is kept, resume the race")
            yield from fleet.run(_submitter(session, function), given)

    def close(self) -> None:
        """Disconnect; a Ray that was started here ends."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def session(self) -> Session:
        """The connection, made when it is first asked for."""
        if self._session is None or not self._session.ray.is_initialized():
            self.close()  # what is left of a connection that somebody else has ended
            self._session = connect(self.address, cpus=self.cpus, seconds=self.seconds)
        return self._session


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
    """Run in a worker: the result, or why there is none."""
    settle(*place)

    def work() -> Any:
        for name, data in zip(names, shared, strict=True):
            if name not in OPENED:
                while len(OPENED) >= KEPT:
                    del OPENED[next(iter(OPENED))]
                OPENED[name] = pickle.loads(data)
        function, task = _Unpickler(io.BytesIO(payload)).load()
        return function(task)

    return outcome(work)
