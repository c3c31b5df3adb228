"""The actors that hold a table's shards: brought up, asked within a time limit, and made anew when they fail.

Ray could restart actors by itself, but it does not know what a shard must hold before it may go on: the last checkpoint
and the pushes since, in their order. So restarts are switched off there and done here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.cluster.checkpoint import Manifest
from nukarumi.cluster.connect import ClusterError, Session
from nukarumi.cluster.shard import Blueprint, Init, Push, Shard

__all__ = ["PARCEL", "Crew", "trouble"]

Array = np.ndarray[Any, Any]

ATTEMPTS = 3
"""So often a shard is made anew before the table gives up."""

PARCEL = 1 << 26
"""Bytes that are sent to a shard at a time when it is filled or the log is read to it."""


def trouble(rule: str, received: str, cure: str) -> ClusterError:
    """An error of the cluster in the house's three parts."""
    return ClusterError(f"{rule}. Received: {received}", cure)


class Crew:
    """The shards of one table as actors.

    Parameters
    ----------
    session
        The connection to Ray.
    blueprint
        What the shards have in common.
    folder
        Where checkpoints are.
    base
        The checkpoint at which shards begin; None: they begin with ``init``.
    init
        What a fresh table holds.
    options
        Ray's options for the actors.
    timeout
        Seconds that a shard may take to answer.
    log
        Gives the pushes of a shard since ``base``, in parcels.
    remade
        Is told of every shard that has been made anew and has seen all pushes.

    Attributes
    ----------
    actors
        Their handles, shard by shard.
    lost
        Shards that have to be made anew before anything else: `remake` did not come to its end, or a push did not.
    broken
        Why a shard is gone for good; empty as long as all is well.
    """

    def __init__(
        self,
        session: Session,
        blueprint: Blueprint,
        folder: str,
        base: Manifest | None,
        init: Init | Array,
        options: Mapping[str, Any],
        timeout: float,
        log: Callable[[int], Iterable[Sequence[Push]]],
        remade: Callable[[int], None],
    ) -> None:
        self._session, self._ray, self._blueprint = session, session.ray, blueprint
        self._folder, self.base, self._init = folder, base, init
        self._options, self._timeout, self._log, self._remade = dict(options), timeout, log, remade
        self._bounds = blueprint.partition.bounds
        self.actors: list[Any] = []
        self.lost: set[int] = set()
        self.broken = ""
        found: type[BaseException] = self._ray.exceptions.RayError
        self._failures = (found, TimeoutError, ClusterError)

    def muster(self) -> None:
        """Bring all shards up and let them begin; the first that cannot is told of.

        Raises
        ------
        ClusterError
            If a shard cannot be placed, or finds no room.
        BadInput
            If the machines do not see the folder, or a checkpoint or ``init`` does not fit.
        """
        shards = range(self._blueprint.partition.shards)
        self.actors = [self._place(k) for k in shards]
        self._visible()
        self._all([(k, self._begin(k)) for k in shards], "begin")
        if isinstance(self._init, np.ndarray):
            self._fill(self._init)

    def settled(self, manifest: Manifest) -> None:
        """From now on shards begin at this checkpoint."""
        self.base, self._init = manifest, 0.0

    def gather(self, due: Sequence[tuple[int, Any]]) -> list[Any]:
        """The answers to pushes; a shard that fails is made anew, has seen all pushes then, and has no answer here."""
        try:
            return list(self._ray.get([ref for _, ref in due], timeout=self._timeout))
        except self._failures:
            pass
        answers: list[Any] = []
        remade: set[int] = set()
        end = time.monotonic() + self._timeout
        for k, ref in due:
            if k in remade:
                continue
            try:
                answers.append(self._ray.get(ref, timeout=max(0.1, end - time.monotonic())))
            except self._failures as failed:
                self.remake(k, failed)
                remade.add(k)
        return answers

    def ask(self, call: Callable[[int], Any], shards: Iterable[int], what: str) -> list[Any]:
        """Answers of shards to a question that changes nothing, and so may be asked again of one made anew."""
        asked = list(shards)
        refs = [call(k) for k in asked]
        try:
            return list(self._ray.get(refs, timeout=self._timeout))
        except self._failures:
            pass
        answers = []
        for k, first in zip(asked, refs, strict=True):
            ref = first
            for attempt in range(ATTEMPTS):
                try:
                    answers.append(self._ray.get(ref, timeout=self._timeout))
                    break
                except self._failures as failed:
                    cause = getattr(failed, "cause", None)
                    if isinstance(cause, (OSError, BadInput)):  # the shard is well; what was asked cannot be done
                        raise trouble(f"shard {k} must {what}", f"{type(cause).__name__}: {cause}",
                                         "nothing is lost; mend what it says and ask again") from None  # fmt: skip
                    if attempt == ATTEMPTS - 1:
                        raise self._break(k, what, failed) from None
                    self.remake(k, failed)
                    ref = call(k)
        return answers

    def remake(self, k: int, failed: BaseException) -> None:
        """Make shard k anew, from the last checkpoint and the pushes since."""
        self.lost.add(k)
        for _ in range(ATTEMPTS):
            self._stop(k)
            try:
                self._session.check_versions()  # it may come to a node that was not there before
                self.actors[k] = self._place(k)
                self._ray.get(self._begin(k), timeout=self._timeout)
                for parcel in self._log(k):
                    self._ray.get(self.actors[k].push.remote(parcel), timeout=self._timeout)
                self._remade(k)
                self.lost.discard(k)
                return
            except self._failures as again:
                failed = again
        raise self._break(k, "be made anew", failed)

    def mend(self) -> None:
        """Make anew what an interrupt has left half done."""
        for k in sorted(self.lost):
            self.remake(k, ClusterError("it was interrupted", "try again"))

    def dismiss(self) -> None:
        """Let all actors go."""
        for k in range(len(self.actors)):
            self._stop(k)
        self.actors = []

    def _place(self, k: int) -> Any:
        """A new actor for shard k, told what it is."""
        usual = {"num_cpus": 0, "scheduling_strategy": "SPREAD"}
        fixed = {"max_restarts": 0, "max_task_retries": 0}
        options = {**usual, **self._options, **fixed}
        return self._ray.remote(Shard).options(**options).remote(self._blueprint, k)

    def _begin(self, k: int) -> Any:
        """Let shard k begin: where the last checkpoint stands, or afresh."""
        actor = self.actors[k]
        if self.base is not None:
            return actor.load.remote(self.base, self._folder)
        return actor.start.remote(0.0 if isinstance(self._init, np.ndarray) else self._init)

    def _visible(self) -> None:
        """Refuse a folder of checkpoints that some shard cannot see."""
        lock = f"{self._folder}/.lock"
        seen = self._all([(k, actor.sees.remote(lock)) for k, actor in enumerate(self.actors)], "come up")
        if not all(seen):
            raise BadInput(
                "every machine must see the folder of checkpoints",
                f"{self._folder!r}, which shard {seen.index(False)} does not see",
                "checkpoints=PATH on a file system that all machines share",
            )

    def _fill(self, init: Array) -> None:
        """Send an array to the shards, a parcel at a time."""
        rows = max(1, PARCEL // max(1, init[:1].nbytes))
        for k, actor in enumerate(self.actors):
            for start in range(int(self._bounds[k]), int(self._bounds[k + 1]), rows):
                stop = min(start + rows, int(self._bounds[k + 1]))
                values = init[self._blueprint.partition.rows_at(start, stop)].astype(self._blueprint.dtype, copy=False)
                self._all([(k, actor.fill.remote(start, values))], "begin")

    def _all(self, calls: list[tuple[int, Any]], what: str) -> list[Any]:
        """Answers while the table begins: the first failure is told, and nothing is tried again."""
        refs = [ref for _, ref in calls]
        try:
            return list(self._ray.get(refs, timeout=self._timeout))
        except self._failures as failed:
            first = failed
        done, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        late = [k for k, ref in calls if ref not in done]
        for k, ref in calls:
            try:
                if ref in done:
                    self._ray.get(ref, timeout=self._timeout)
            except self._failures as failed:
                raise self._told_failure(k, what, failed) from None
        raise self._told_failure(late[0] if late else calls[0][0], what, first) from None

    def _told_failure(self, k: int, what: str, failed: BaseException) -> ClusterError | BadInput:
        """What is said about a shard that failed."""
        cause = getattr(failed, "cause", None)
        if isinstance(cause, BadInput):
            return cause
        gigabytes = self._blueprint.nbytes(k) / 1e9
        size = f"a shard of {self._bounds[k + 1] - self._bounds[k]:,} rows, {gigabytes:,.3f} GB with its state"
        cure = "look at the machines (`ray status`); take more shards, or folder=... for tables larger than memory"
        if isinstance(cause, MemoryError):
            received, _, mine = str(cause).partition(" Cure: ")
            received, cure = received.rstrip("."), mine.rstrip(".") or cure
        elif cause is not None:
            received = f"{type(cause).__name__}: {cause}"
        elif isinstance(failed, TimeoutError):
            received = f"no answer within {self._timeout:g} s from {size}"
            cure = (
                f"look whether the machines are busy or full (`ray status`); timeout={2 * self._timeout:g} waits longer"
            )
        else:
            received = f"{type(failed).__name__} from {size}: {' '.join(str(failed).split()):.300}"
        return trouble(f"shard {k} of {self._blueprint.partition.shards} must {what}", received, cure)

    def _break(self, k: int, what: str, failed: BaseException) -> ClusterError | BadInput:
        """Give the table up: it refuses everything from now on."""
        told = self._told_failure(k, what, failed)
        self.broken = str(told)
        return told

    def _stop(self, k: int) -> None:
        try:
            self._ray.kill(self.actors[k], no_restart=True)
        except (self._ray.exceptions.RayError, ValueError, RuntimeError):
            return  # it is dead, or Ray has been shut down
