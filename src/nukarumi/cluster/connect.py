"""A connection to Ray, checked before it is used: reachable within a time limit, equal versions on every node.

Everything in this room that talks to Ray begins with `connect`. Three cases: a session that the program itself has
opened with ``ray.init`` is used and left alone; an address is connected to, and disconnected from at `Session.close`;
without either, Ray is started on this machine alone, listening on the loopback address, in a folder of its own, and is
gone again after `Session.close`.

What Ray would answer with a hang or a page of text becomes one sentence. An address is first tried in a process of its
own, because ``ray.init`` cannot be given a time limit and cannot be interrupted cleanly.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from nukarumi._errors import BadInput

__all__ = ["ClusterError", "Session", "Versions", "connect", "import_ray", "own_versions", "worker_environment"]

Versions: TypeAlias = Mapping[str, str]

SECONDS = 60.0
"""How long any single step of connecting may take."""

HEAD_SECONDS = 20.0
"""How long the head may take to list the nodes; well below the minute after which Ray ends a process without a head."""

ROOM_FOR_SOCKETS = 40
"""Ray puts Unix sockets with names of about 65 letters below its folder, and a socket's path has at most 107."""

WORKER_ENVIRONMENT = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "NUKARUMI_NUM_THREADS"),
    "1",
)

TRY = """
import logging, sys
import ray
try:
    ray.init(address=sys.argv[1], log_to_driver=False, logging_level=logging.CRITICAL)
except BaseException as error:
    sys.stdout.write(" ".join(f"{type(error).__name__}: {error}".split()))
    sys.stdout.flush()
    import os
    os._exit(3)
"""
"""Connects and goes away again; says in one line why it could not."""


class ClusterError(ConnectionError):
    """Something on the cluster went wrong although the input was right: a node was lost, a time limit passed.

    Parameters
    ----------
    what
        What happened, in a sentence.
    cure
        What to do about it.

    Examples
    --------
    >>> print(ClusterError("node 3 did not answer within 60 s", "look whether it is alive"))
    node 3 did not answer within 60 s. Cure: look whether it is alive.
    """

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what, cure)
        self.what, self.cure = what, cure

    def __str__(self) -> str:
        return f"{self.what}. Cure: {self.cure}."


def import_ray() -> Any:
    """Give the module ``ray``, with its statistics of use switched off unless somebody has decided about them.

    Raises
    ------
    BadInput
        If it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray warns otherwise that a later version will leave CUDA_VISIBLE_DEVICES alone; nothing here asks for a GPU.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray  # noqa: PLC0415
    except ImportError:
        raise BadInput(
            "Ray must be installed to leave this machine", "no module named ray", "pip install 'nukarumi[cluster]'"
        ) from None
    return ray


class Session:
    """A checked connection to Ray; made by `connect`, given back by `close` or at the end of a ``with`` block.

    Attributes
    ----------
    ray
        The module.
    address
        Where the head of the cluster listens.
    owned
        Whether `close` ends the connection (and Ray itself, where it was started for this session alone).
    seconds
        How long any single step may take.
    lost
        Whether the head of the cluster has stopped answering; nothing can be asked of Ray any more then.
    """

    def __init__(self, ray: Any, *, owned: bool, folder: str | None, seconds: float) -> None:
        self.ray, self.owned, self.seconds = ray, owned, seconds
        self.address = str(ray.get_runtime_context().gcs_address)
        self.lost = False
        self._folder = folder
        self._checked: set[str] = set()
        if owned:
            atexit.register(self.close)  # for a program that forgets to, or ends with an error

    def nodes(self) -> list[dict[str, Any]]:
        """List the nodes that are alive, as ``ray.nodes`` describes them.

        Raises
        ------
        ClusterError
            If the head of the cluster does not answer. Ray itself would wait a minute and then end this process.
        """
        answers: list[Any] = []
        limit = min(self.seconds, HEAD_SECONDS)
        if self.lost or not _within(limit, lambda: answers.append(self.ray.nodes())) or not answers:
            self.lost = True
            raise ClusterError(
                f"the cluster's head ({self.address}) did not answer within {limit:g} s",
                "look whether it is alive; start again when it is",
            )
        return [node for node in answers[0] if node["Alive"]]

    def cpus(self) -> int:
        """Count the CPUs of the nodes that are alive."""
        return int(sum(node["Resources"].get("CPU", 0) for node in self.nodes()))

    def check_versions(self) -> None:
        """Refuse a cluster with a node whose Python, NumPy or nukarumi differs from those of this process.

        Nodes that were checked before are not asked again, so that this can be called whenever nodes may have come.

        Raises
        ------
        BadInput
            Naming the node and what differs.
        ClusterError
            If a node does not answer in time.
        """
        probe = self.ray.remote(_asking())
        asked = {}
        for node in self.nodes():
            if node["NodeID"] not in self._checked and node["Resources"].get("CPU", 0):
                there = self.ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                asked[probe.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote()] = node
        ready, late = self.ray.wait([*asked], num_returns=len(asked), timeout=self.seconds) if asked else ([], [])
        if late:
            names = ", ".join(sorted(_name(asked[reference]) for reference in late))
            raise ClusterError(
                f"{names} did not answer within {self.seconds:g} s", "look whether it has room for tasks"
            )
        for reference in ready:
            try:
                there = self.ray.get(reference, timeout=self.seconds)
            except self.ray.exceptions.RayError:
                continue  # the node has just gone; nothing will run on it
            compare(own_versions(), there, _name(asked[reference]))
            self._checked.add(asked[reference]["NodeID"])

    def get(self, references: Any, what: str, seconds: float | None = None) -> Any:
        """Fetch values as ``ray.get`` does, within the time limit.

        Parameters
        ----------
        references
            An object reference, or a list of them.
        what
            Whose answer it is, for the error.
        seconds
            Another time limit than that of the session.

        Raises
        ------
        ClusterError
            If the time limit passes. What the work itself raises comes through as Ray hands it over.
        """
        limit = self.seconds if seconds is None else seconds
        try:
            return self.ray.get(references, timeout=limit)
        except self.ray.exceptions.GetTimeoutError:
            raise ClusterError(f"{what} did not answer within {limit:g} s", "look whether its node is alive") from None

    def close(self) -> None:
        """Disconnect from what `connect` connected to, and end what it started; a second call does nothing."""
        if not self.owned:
            return
        self.owned = False
        atexit.unregister(self.close)
        if self.lost:
            _within(5.0, self.ray.shutdown)
        else:
            self.ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def connect(address: str | None = None, *, cpus: int | None = None, seconds: float = SECONDS) -> Session:
    """Connect to Ray, or start it on this machine.

    Parameters
    ----------
    address
        ``"host:port"`` of a cluster's head, on a machine that belongs to the cluster; ``"auto"`` for the cluster that
        runs on this machine. None: the session that this process has opened already, or else a Ray of its own on this
        machine alone.
    cpus
        How many CPUs a Ray that is started here may use; None for all.
    seconds
        How long any single step may take.

    Raises
    ------
    BadInput
        If Ray is not installed, the address cannot be reached within the time limit or is not Ray's, this process is
        connected to another cluster, or versions differ.
    ClusterError
        If Ray does not start here, or a node does not answer.
    """
    ray = import_ray()
    given: object = address  # whatever came
    if given is not None and (not isinstance(given, str) or given.startswith("ray://")):
        raise BadInput(
            "address must be that of a cluster's head, and this machine must belong to the cluster",
            repr(given),
            'pass "host:port" or "auto"; join the cluster first with `ray start --address host:port`',
        )
    if ray.is_initialized():
        session = Session(ray, owned=False, folder=None, seconds=seconds)
        if address not in (None, "auto", "local", session.address):
            raise BadInput(
                f"this process is connected to {session.address}, and can be connected to one cluster only",
                address,
                "pass address=None to use that connection, or call ray.shutdown() first",
            )
    elif address in (None, "local"):
        session = _start(ray, cpus, seconds)
    else:
        session = _join(ray, str(address), seconds)
    try:
        session.check_versions()
    except BaseException:
        session.close()
        raise
    return session


def own_versions() -> dict[str, str]:
    """Say what every worker must have: equal versions of all that decides the bits of a result."""
    import numpy  # noqa: PLC0415

    import nukarumi  # noqa: PLC0415

    return {"Python": platform.python_version(), "NumPy": numpy.__version__, "nukarumi": nukarumi.__version__}


def compare(here: Versions, there: Versions, name: str) -> None:
    """Refuse versions that differ.

    Raises
    ------
    BadInput
        Naming all that differ.

    Examples
    --------
    >>> compare({"NumPy": "2.4.6"}, {"NumPy": "2.0.0"}, "node 10.0.0.7")
    Traceback (most recent call last):
    nukarumi._errors.BadInput: every node must have the driver's versions. Received: node 10.0.0.7 has NumPy 2.0.0 in
    place of 2.4.6. Cure: install equal versions there: pip install numpy==2.4.6.
    """
    differ = [name for name in here if here[name] != there.get(name)]
    if not differ:
        return
    found = ", ".join(f"{part} {there.get(part) or 'missing'} in place of {here[part]}" for part in differ)
    packages = [f"{part.lower()}=={here[part]}" for part in differ if part != "Python"]
    cure = [f"pip install {' '.join(packages)}"] * bool(packages) + [f"Python {here.get('Python')}"] * (
        "Python" in differ
    )
    raise BadInput(
        "every node must have the driver's versions",
        f"{name} has {found}",
        f"install equal versions there: {' and '.join(cure)}",
    )


def worker_environment() -> dict[str, Any]:
    """Ray's ``runtime_env`` for workers whose numbers must be those of a local worker: one thread each."""
    return {"env_vars": dict(WORKER_ENVIRONMENT)}


def _asking() -> Callable[[], dict[str, str | None]]:
    """Make the function that a node is asked with; being local it travels as code, and runs without nukarumi too."""

    def versions() -> dict[str, str | None]:
        import importlib  # noqa: PLC0415
        import platform  # noqa: PLC0415

        found: dict[str, str | None] = {"Python": platform.python_version()}
        for name, module in (("NumPy", "numpy"), ("nukarumi", "nukarumi")):
            try:
                found[name] = str(importlib.import_module(module).__version__)
            except Exception:
                found[name] = None
        return found

    return versions


def _name(node: Mapping[str, Any]) -> str:
    return f"node {node['NodeManagerAddress']} ({node['NodeID'][:8]})"


def _start(ray: Any, cpus: int | None, seconds: float) -> Session:
    parent = tempfile.gettempdir()
    folder = tempfile.mkdtemp(prefix="nkr-", dir=parent if len(parent) < ROOM_FOR_SOCKETS - 12 else "/tmp")
    try:
        with _quietly(), _loopback(ray):
            ray.init(
                address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False,
                logging_level=logging.ERROR, _temp_dir=folder,
            )  # fmt: skip
    except BaseException as error:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Exception):
            raise ClusterError(
                f"Ray did not start: {_first_line(error)}", "look for a lack of memory or disk"
            ) from error
        raise
    return Session(ray, owned=True, folder=folder, seconds=seconds)


def _join(ray: Any, address: str, seconds: float) -> Session:
    if address != "auto":
        _reach(address, seconds)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", TRY, address], capture_output=True, text=True, timeout=seconds, check=False
        )
        why = None if tried.returncode == 0 else tried.stdout.strip() or _last(tried.stderr)
    except subprocess.TimeoutExpired:
        why = f"no answer within {seconds:g} s"
    if why is not None:
        raise _unreachable(address, why)
    with _quietly():
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    return Session(ray, owned=True, folder=None, seconds=seconds)


def _reach(address: str, seconds: float) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise BadInput('address must be "host:port", or "auto"', address, "ray start --head prints it")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=min(seconds, 10)).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, getattr(error, "strerror", None) or str(error)) from None


def _unreachable(address: str, why: str) -> BadInput:
    return BadInput(
        "address must be that of a running Ray cluster to which this machine belongs",
        f"{address} ({why[:300]})",
        "compare it with what `ray start --head` printed, and look at `ray status` on this machine",
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """While Ray starts: its advice to its own developers is no news for ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@contextlib.contextmanager
def _loopback(ray: Any) -> Iterator[None]:
    """While Ray starts: listen on the loopback address, as Ray does by itself on macOS, not on the network."""
    name, constants = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", ray._private.ray_constants
    before, os.environ[name] = os.environ.get(name), "0"
    wide, constants.ENABLE_RAY_CLUSTER = constants.ENABLE_RAY_CLUSTER, False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = wide
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _within(seconds: float, work: Callable[[], object]) -> bool:
    """Do something that cannot be interrupted, and say whether it was done in time; if not, nobody waits for it."""
    done = threading.Event()

    def run() -> None:
        with contextlib.suppress(Exception):
            work()
        done.set()

    threading.Thread(target=run, daemon=True).start()
    return done.wait(seconds)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def _last(text: str) -> str:
    lines: Sequence[str] = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"
