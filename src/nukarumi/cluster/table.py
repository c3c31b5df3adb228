"""A table over many machines that behaves like one on this machine, to the last bit.

The driver brings a push together (checks, sums of equal rows, the norm of the whole) and numbers it; each shard gets
its part, applies it with an optimizer of its own, and answers with the number. What has been sent is kept in a log
until a checkpoint holds it. So a shard that dies is made anew from the checkpoint and the log, and because a shard
counts what it has applied, nothing is lost and nothing is applied twice. The log has a limit, at which a checkpoint is
written.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nukarumi import optim, rules
from nukarumi._errors import BadInput, BadType
from nukarumi.cluster.checkpoint import Folder, Manifest, Stretch
from nukarumi.cluster.connect import ClusterError, Session, connect
from nukarumi.cluster.partition import Partition
from nukarumi.cluster.shard import Blueprint, Init, Push, Shard
from nukarumi.optim._norm import global_norm
from nukarumi.optim._settings import Rate, rate_at
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine.rows import Summed
from nukarumi.optim.rows import Rows, lookups

__all__ = ["ShardedTable"]

Array = np.ndarray[Any, Any]

ATTEMPTS = 3
"""So often a shard is made anew before the table gives up."""

PARCEL = 1 << 26
"""Bytes that are sent to a shard at a time when it is filled or the log is read to it."""


class _Entry:
    """A push in the log: its part for each shard."""

    __slots__ = ("nbytes", "parts")

    def __init__(self, parts: list[Push]) -> None:
        self.parts, self.nbytes = parts, sum(part.nbytes for part in parts)


class ShardedTable:
    """A parameter of many rows and its optimizer state, in Ray actors; the rows move as one local table's would.

    ::

        push(Rows(i, g)):  g summed by row over the whole push, then the optimizer's rule on those rows
        pull(i):           the rows i

    Synchronous (``staleness=0``), ``push`` returns when every shard has applied it. With ``staleness=k`` it returns at
    once while at most k pushes are unacknowledged. Pushes are applied in their order in either case, so the table
    ends with the same bits.

    Parameters
    ----------
    rows, dim
        Shape of the table.
    optimizer
        A fresh optimizer that goes with `Rows`; its settings are taken. ``lr`` may be a function of the step and may be
        set later: ``table.lr = 0.01``.
    shards
        Actors that the rows are divided over.
    dtype
        ``float32`` or ``float64``.
    init
        What the rows hold at first: a number, an array of shape (rows, dim), or a function from row numbers of shape
        (n,) to values of shape (n, dim), which must depend on the row numbers alone.
    partition
        ``"range"``: neighbouring rows together. ``"hash"``: spread, so that popular rows do not crowd one shard.
    folder
        A folder on each machine for files that hold rows and state, for tables larger than memory; None: in memory.
    checkpoints
        A folder that all machines see, for checkpoints; None: a temporary one on this machine, gone after ``close``.
    keep
        How many checkpoints are kept.
    staleness
        How many pushes may be unacknowledged when ``push`` returns.
    log_bytes
        How many bytes of pushes the log may hold before a checkpoint is written.
    timeout
        Seconds that a shard may take to answer; then it is taken for dead.
    address
        A Ray cluster's address; None: the one this process is connected to, or a new one on this machine.
    name
        The table's name in messages, and for the optimizer's ``overrides``.
    options
        Ray's options for the actors, such as ``{"num_cpus": 1}``.

    Raises
    ------
    BadType, BadInput
        If an argument does not fit, a folder is taken, or the machines cannot see the checkpoints.
    ClusterError
        If a shard cannot be placed, or finds no room.

    Notes
    -----
    One process holds the table and pushes; give other workers what they need by ``pull``. It is not safe for threads.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad, Rows
    >>> from nukarumi.cluster import ShardedTable
    >>> def train():
    ...     with ShardedTable(1_000_000, 64, optimizer=Adagrad(lr=0.1), shards=3) as table:
    ...         table.push(Rows([7, 3, 7], np.ones((3, 64), np.float32)))
    ...         return table.pull([7, 3])
    """

    def __init__(
        self,
        rows: int,
        dim: int,
        *,
        optimizer: Optimizer,
        shards: int = 2,
        dtype: Any = np.float32,
        init: Init | Array = 0.0,
        partition: str = "range",
        folder: str | None = None,
        checkpoints: str | None = None,
        keep: int = 2,
        staleness: int = 0,
        log_bytes: int = 1 << 28,
        timeout: float = 60.0,
        address: str | None = None,
        name: str = "table",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._plan(Partition(_whole(rows), _whole(shards), partition), dim, dtype, optimizer, name, folder)
        self._limits(keep, staleness, log_bytes, timeout, options)
        self._init: Init | Array = _begun(init, self.shape, name)
        self._open(address, checkpoints, None)

    @classmethod
    def restore(
        cls,
        checkpoints: str,
        *,
        step: int | None = None,
        shards: int | None = None,
        optimizer: Optimizer | None = None,
        lr: Rate | None = None,
        folder: str | None = None,
        keep: int = 2,
        staleness: int = 0,
        log_bytes: int = 1 << 28,
        timeout: float = 60.0,
        address: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Self:
        """A table that goes on, to the bit, where a checkpoint stands.

        Parameters
        ----------
        checkpoints
            The folder; new checkpoints go there too.
        step
            Which checkpoint, by its number of pushes; None: the newest. Newer ones are given up at the next one.
        shards
            How many shards from now on; None: as many as wrote it.
        optimizer
            An optimizer whose settings are taken in place of those in the manifest. Its class must be the same.
        lr
            The learning rate, if it was a function, which no file holds, or is to be another one.

        Raises
        ------
        BadInput
            If there is no whole checkpoint, or it belongs to another optimizer.
        ClusterError
            If the shards cannot take it up.
        """
        given: Any = checkpoints
        if not isinstance(given, (str, Path)) or not Path(given).is_dir():
            raise BadInput("checkpoints must be a folder", repr(checkpoints), "give the folder that checkpoints= named")
        held = Folder(checkpoints)
        try:
            manifest = held.read(step)
            made = cls.__new__(cls)
            count = len(manifest.files) if shards is None else _whole(shards)
            settled = _settled(manifest, optimizer, lr)
            parts = Partition(manifest.rows, count, manifest.partition)
            made._plan(parts, manifest.dim, manifest.dtype, settled, manifest.name, folder)
            made._limits(keep, staleness, log_bytes, timeout, options)
            made._init = 0.0
        except BaseException:
            held.close()
            raise
        made._open(address, held, manifest)
        return made

    # Beginning -------------------------------------------------------------------------------------------------------

    def _plan(self, partition: Partition, dim: Any, dtype: Any, optimizer: Any, name: Any, folder: Any) -> None:
        """Check what the table is to be."""
        if isinstance(dim, bool) or not isinstance(dim, (int, np.integer)) or dim < 1:
            raise BadInput("dim must be a whole number of at least 1", repr(dim), "dim=64")
        try:
            kind = np.dtype(dtype)
        except TypeError:
            kind = np.dtype(object)
        if kind not in (np.float32, np.float64):
            raise BadType("dtype must be float32 or float64", repr(dtype), "dtype=np.float32")
        if not isinstance(optimizer, Optimizer):
            raise BadType("optimizer must be one of nukarumi's", f"{optimizer!r:.60}", "optimizer=Adagrad(lr=0.1)")
        if not isinstance(name, str):
            raise BadType("a table's name must be a string", repr(name), 'name="table"')
        if folder is not None and not isinstance(folder, (str, Path)):
            raise BadType("folder must be a folder's path, or None", type(folder).__name__, "folder=None")
        self._front = _resolved(optimizer, name)
        if self._front.weight_decay:
            raise BadInput(
                "a table takes Rows, which cannot go with weight_decay: rows that are not touched would not decay",
                f"weight_decay={self._front.weight_decay!r}",
                "weight_decay=0.0",
            )
        plain = {**self._front.settings, "lr": 0.0, "clip_norm": None, "on_nonfinite": "ignore"}
        where = None if folder is None else str(Path(folder).absolute())
        self._blueprint = Blueprint(name, int(dim), kind.name, partition, type(optimizer)(**plain), where)
        self._bounds = partition.bounds

    def _limits(
        self, keep: Any, staleness: Any, log_bytes: Any, timeout: Any, options: Mapping[str, Any] | None
    ) -> None:
        for name, value, least in (("keep", keep, 1), ("staleness", staleness, 0), ("log_bytes", log_bytes, 0)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
                raise BadInput(f"{name} must be a whole number of at least {least}", repr(value), f"{name}={least + 1}")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < float("inf"):
            raise BadInput("timeout must be a number of seconds above 0", repr(timeout), "timeout=60.0")
        self._keep, self._staleness, self._log_bytes = keep, staleness, log_bytes
        self._timeout, self._options = float(timeout), dict(options or {})

    def _open(self, address: str | None, checkpoints: str | Folder | None, manifest: Manifest | None) -> None:
        """Take the folder, bring the shards up, and let them begin; all or nothing."""
        self._warned, self._why_broken = False, ""
        self._number = self._acknowledged = manifest.pushes if manifest else 0
        self._t = manifest.t if manifest else 0
        self._zero: str | None = None
        self._base = manifest
        self._log: list[_Entry] = []
        self._logged = 0
        self._actors: list[Any] = []
        self._waiting: list[deque[tuple[int, Any]]] = [deque() for _ in range(self.shards)]
        self._lost: set[int] = set()  # shards that have to be made anew before anything else
        self._scratch: str | None = None
        if checkpoints is None:
            checkpoints = self._scratch = tempfile.mkdtemp(prefix="nukarumi-table-")
        try:
            self._folder = checkpoints if isinstance(checkpoints, Folder) else Folder(checkpoints)
        except BaseException:
            _let_go(None, self._scratch, None)
            raise
        self._end = weakref.finalize(self, _let_go, self._folder, self._scratch, None)
        try:
            if manifest is None and self._folder.steps():
                raise BadInput(
                    "a new table needs a folder without checkpoints",
                    f"{str(self._folder.path)!r}, which has some",
                    "ShardedTable.restore(folder) goes on with them; otherwise give another folder",
                )
            self._session = connect(address, seconds=self._timeout)
            self._ray = self._session.ray
            self._end.detach()
            self._end = weakref.finalize(self, _let_go, self._folder, self._scratch, self._session)
            self._actors = [self._place(k) for k in range(self.shards)]
            self._visible()
            self._all([(k, self._begin(k)) for k in range(self.shards)], "begin")
            if isinstance(self._init, np.ndarray):
                self._fill(self._init)
            if manifest is None and (callable(self._init) or isinstance(self._init, np.ndarray)):
                self.checkpoint()
            self._init = self._init if isinstance(self._init, float) else 0.0
        except BaseException:
            self.close()
            raise

    def _place(self, k: int) -> Any:
        """A new actor for shard k, told what it is."""
        usual = {"num_cpus": 0, "scheduling_strategy": "SPREAD"}
        fixed = {"max_restarts": 0, "max_task_retries": 0}
        options = {**usual, **self._options, **fixed}
        return self._ray.remote(Shard).options(**options).remote(self._blueprint, k)

    def _begin(self, k: int) -> Any:
        """Let shard k begin: where the last checkpoint stands, or afresh."""
        actor = self._actors[k]
        if self._base is not None:
            return actor.load.remote(self._base, str(self._folder.path))
        return actor.start.remote(0.0 if isinstance(self._init, np.ndarray) else self._init)

    def _visible(self) -> None:
        """Refuse a folder of checkpoints that some shard cannot see."""
        lock = str(self._folder.path / ".lock")
        seen = self._all([(k, actor.sees.remote(lock)) for k, actor in enumerate(self._actors)], "come up")
        if not all(seen):
            raise BadInput(
                "every machine must see the folder of checkpoints",
                f"{str(self._folder.path)!r}, which shard {seen.index(False)} does not see",
                "checkpoints=PATH on a file system that all machines share",
            )

    def _fill(self, init: Array) -> None:
        """Send an array to the shards, a parcel at a time."""
        rows = max(1, PARCEL // max(1, init[:1].nbytes))
        for k, actor in enumerate(self._actors):
            for start in range(int(self._bounds[k]), int(self._bounds[k + 1]), rows):
                stop = min(start + rows, int(self._bounds[k + 1]))
                values = init[self._blueprint.partition.rows_at(start, stop)].astype(self.dtype, copy=False)
                self._all([(k, actor.fill.remote(start, values))], "begin")

    # What it is ------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """Rows, and entries of a row."""
        return self._blueprint.partition.rows, self._blueprint.dim

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the rows."""
        return np.dtype(self._blueprint.dtype)

    @property
    def shards(self) -> int:
        """How many actors hold the rows."""
        return self._blueprint.partition.shards

    @property
    def t(self) -> int:
        """Steps done so far, as `Optimizer.t` of one local table."""
        return self._t

    @property
    def pending(self) -> int:
        """Pushes that some shard has not acknowledged yet."""
        return self._number - self._acknowledged

    @property
    def logged(self) -> int:
        """Bytes of pushes that no checkpoint holds yet."""
        return self._logged

    @property
    def lr(self) -> Any:
        """Learning rate: a number or a function of the step. May be set at any time."""
        return self._front.lr

    @lr.setter
    def lr(self, value: Rate) -> None:
        self._front.lr = value

    def __repr__(self) -> str:
        rows, dim = self.shape
        return f"ShardedTable({rows}, {dim}, optimizer={self._front!r}, shards={self.shards}, dtype={self.dtype.name})"

    def told(self) -> list[dict[str, Any]]:
        """Where each shard is and how far: its rows, bytes, host, pid, pushes applied, t and clocks."""
        self._alive()
        return self._ask(lambda k: self._actors[k].told.remote(), range(self.shards), "tell where it is")

    # Pushing ---------------------------------------------------------------------------------------------------------

    def push(self, rows: Rows) -> None:
        """Give the rows their gradients: the optimizer's step on every row that is named.

        Parameters
        ----------
        rows
            Row numbers of the table, and gradients of shape (n, dim).

        Raises
        ------
        BadType, BadInput
            If they are no `Rows`, of another width, or lie outside; or (``on_nonfinite="raise"``) are not finite.
            Nothing has changed then.
        ClusterError
            If a shard could not be brought to apply it, or the log is full and no checkpoint can be written.

        Warns
        -----
        RuntimeWarning
            With ``on_nonfinite="warn"``, for a gradient with NaN or infinity, once until gradients are finite again.
        """
        self._alive()
        gradient: Any = rows
        if not isinstance(gradient, Rows):
            raise BadType("push takes Rows", type(gradient).__name__, "push(Rows(indices, values))")
        given = lookups(self._blueprint.name, rows, self.shape, self.dtype)
        summed = given.summed()
        if summed is None:
            raise given.outside()
        step = self._t + 1
        lr = rate_at(self._front.lr, step)
        trouble = summed.first_nonfinite()
        policy = self._front.on_nonfinite
        if trouble is not None and policy == "raise":
            raise BadInput(
                f"gradients must be finite at step {step} (on_nonfinite='raise')",
                self._said(trouble),
                "look for a division by zero or too large a learning rate; nothing has been changed",
            )
        if trouble is not None and policy == "skip_update":
            return
        entry = self._entry(lr, None if trouble is not None and policy == "skip" else summed)
        if self._log and self._logged + entry.nbytes > self._log_bytes:
            self.checkpoint()
        self._settle(max(0, self._staleness - 1))
        self._send(entry, step)
        if self._staleness == 0:
            self._settle(0)
        if policy == "warn":
            told = None if trouble is None else f"{self._said(trouble)}; the parameter follows it"
            self._warn(told or self._zero)

    def _entry(self, lr: float, summed: Summed | None) -> _Entry:
        """A push's part for each shard, in memory of its own."""
        number = self._number + 1
        if summed is None:
            return _Entry([Push(number, lr, None, None)] * self.shards)
        places: Array = self._blueprint.partition.places(summed.rows)
        values: Array = summed.values
        if self._front.clip_norm is not None:
            scale = rules.clip_scale(global_norm([values]), self._front.clip_norm)
            with np.errstate(all="ignore"):
                values = np.asarray(rules.scaled(values, scale))
        if self._blueprint.partition.kind != "range":
            order = np.argsort(places, kind="stable")
            places, values = places[order], values.take(order, axis=0)
        cuts = np.searchsorted(places, self._bounds)
        parts = []
        for k in range(self.shards):
            piece = slice(cuts[k], cuts[k + 1])
            parts.append(Push(number, lr, places[piece] - self._bounds[k], values[piece]))
        return _Entry(parts)

    def _send(self, entry: _Entry, step: int) -> None:
        """Log a push and send it off; a shard that an interrupt keeps from getting it is made anew from the log."""
        self._lost.update(range(self.shards))
        self._log.append(entry)
        self._t, self._number, self._logged = step, self._number + 1, self._logged + entry.nbytes
        for k, part in enumerate(entry.parts):
            self._waiting[k].append((self._number, self._actors[k].push.remote([part])))
            self._lost.discard(k)

    def flush(self) -> None:
        """Wait until every push is acknowledged.

        Raises
        ------
        ClusterError
            If a shard could not be brought to apply them.
        """
        self._alive()
        self._settle(0)

    def _settle(self, left: int) -> None:
        """Wait until at most ``left`` pushes are unacknowledged."""
        until = self._number - left
        if self._acknowledged >= until:
            return
        due = [(k, ref) for k, line in enumerate(self._waiting) for number, ref in line if number <= until]
        try:
            answers = self._ray.get([ref for _, ref in due], timeout=self._timeout)
        except self._failures():
            answers = self._one_by_one(due)
        for line in self._waiting:
            while line and line[0][0] <= until:
                line.popleft()
        self._acknowledged = until
        bad = next((bad for _, bad in answers if bad is not None), None)
        self._zero = None
        if bad is not None:
            place, entry, value = bad
            row = int(self._blueprint.partition.rows_at(place, place + 1)[0])
            where = f"params[{self._blueprint.name!r}] is {value} at index {(row, entry)}"
            self._zero = f"{where}; with eps=0 an entry that has never moved is 0 / 0"

    def _one_by_one(self, due: list[tuple[int, Any]]) -> list[Any]:
        """The same answers where some shard has failed: it is made anew, and has seen all pushes then."""
        answers, remade = [], set()
        end = time.monotonic() + self._timeout
        for k, ref in due:
            if k in remade:
                continue
            try:
                answers.append(self._ray.get(ref, timeout=max(0.1, end - time.monotonic())))
            except self._failures() as failed:
                self._remake(k, failed)
                remade.add(k)
        return answers

    def _said(self, trouble: tuple[tuple[int, ...], float]) -> str:
        index, value = trouble
        return f"grads[{self._blueprint.name!r}] is {value} at index {index}"

    def _warn(self, told: str | None) -> None:
        """One warning for as long as something is not finite."""
        if told is None:
            self._warned = False
        elif not self._warned:
            self._warned = True
            warnings.warn(f"step {self._t}: {told}", RuntimeWarning, stacklevel=3)

    # Pulling ---------------------------------------------------------------------------------------------------------

    def pull(self, indices: Any, of: str = "w") -> Array:
        """Rows of the table, or of the optimizer's state, with every push in them that came before.

        Parameters
        ----------
        indices
            Row numbers, of any shape, in any order.
        of
            ``"w"``, the rows, or a letter of the state, such as ``"h"``.

        Returns
        -------
        An array of the caller's own, of shape (*indices.shape, dim); without dim where the state has one number a row.

        Raises
        ------
        BadType, BadInput
            If indices are not whole numbers or lie outside, or there is no such state.
        ClusterError
            If a shard could not be brought to answer.
        """
        self._alive()
        found = np.asarray(indices)
        found = found.astype(np.int64) if found.size == 0 and found.dtype.kind == "f" else found
        if found.dtype.kind not in "iu":
            raise BadType("indices must be whole numbers", f"dtype {found.dtype}", "indices.astype(np.int64)")
        letters = self._blueprint.state() if of != "w" else {}
        if of != "w" and of not in letters:
            raise BadInput("of must be 'w' or a letter of the state", repr(of), f"one of w, {', '.join(letters)}")
        line = found.reshape(-1)
        rows = self.shape[0]
        if line.size and (line.min() < 0 or line.max() >= rows):
            place = int(np.argmax((line < 0) | (line >= rows)))
            raise BadInput(
                f"indices must be 0 to {rows - 1}, the rows of the table",
                f"{int(line[place])} at position {place}",
                "leave padding and unknown rows out, or make a table of more rows",
            )
        wide = () if of != "w" and letters[of][0] else (self.shape[1],)
        return self._gathered(line.astype(np.int64, copy=False), of, wide).reshape(*found.shape, *wide)

    def _gathered(self, line: Array, of: str, wide: tuple[int, ...]) -> Array:
        """Ask each shard for its rows in one call and lay the answers out in the caller's order."""
        places = self._blueprint.partition.places(line)
        out = np.empty((len(line), *wide), self.dtype)
        if self.shards == 1:
            order, cuts = None, np.array([0, len(line)])
        else:
            owner = np.searchsorted(self._bounds, places, "right") - 1
            cuts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=self.shards))])
            # Rows that come in the shards' order already are copied as they lie.
            order = None if (owner[1:] >= owner[:-1]).all() else np.argsort(owner, kind="stable")
            places = places if order is None else places[order]
        asked = [k for k in range(self.shards) if cuts[k] < cuts[k + 1]]
        parts = [places[cuts[k] : cuts[k + 1]] - self._bounds[k] for k in range(self.shards)]
        answers = self._ask(lambda k: self._actors[k].pull.remote(parts[k], of), asked, "answer a pull")
        for k, answer in zip(asked, answers, strict=True):
            piece = slice(cuts[k], cuts[k + 1])
            out[piece if order is None else order[piece]] = answer
        return out

    # Shards that fail ------------------------------------------------------------------------------------------------

    def _failures(self) -> tuple[type[BaseException], ...]:
        """What Ray raises when a shard fails or does not answer in time."""
        found: type[BaseException] = self._ray.exceptions.RayError
        return (found, TimeoutError, ClusterError)

    def _ask(self, call: Callable[[int], Any], shards: Iterable[int], what: str) -> list[Any]:
        """Answers of shards to a question that changes nothing, and so may be asked again of one made anew."""
        asked = list(shards)
        refs = [call(k) for k in asked]
        try:
            return list(self._ray.get(refs, timeout=self._timeout))
        except self._failures():
            pass
        answers = []
        for k, first in zip(asked, refs, strict=True):
            ref = first
            for attempt in range(ATTEMPTS):
                try:
                    answers.append(self._ray.get(ref, timeout=self._timeout))
                    break
                except self._failures() as failed:
                    cause = getattr(failed, "cause", None)
                    if isinstance(cause, (OSError, BadInput)):  # the shard is well; what was asked cannot be done
                        raise _trouble(f"shard {k} must {what}", f"{type(cause).__name__}: {cause}",
                                         "nothing is lost; mend what it says and ask again") from None  # fmt: skip
                    if attempt == ATTEMPTS - 1:
                        raise self._break(k, what, failed) from None
                    self._remake(k, failed)
                    ref = call(k)
        return answers

    def _all(self, calls: list[tuple[int, Any]], what: str) -> list[Any]:
        """Answers while the table begins: the first failure is told, and nothing is tried again."""
        refs = [ref for _, ref in calls]
        try:
            return list(self._ray.get(refs, timeout=self._timeout))
        except self._failures() as failed:
            first = failed
        done, _ = self._ray.wait(refs, num_returns=len(refs), timeout=0)
        late = [k for k, ref in calls if ref not in done]
        for k, ref in calls:
            try:
                if ref in done:
                    self._ray.get(ref, timeout=self._timeout)
            except self._failures() as failed:
                raise self._told_failure(k, what, failed) from None
        raise self._told_failure(late[0] if late else calls[0][0], what, first) from None

    def _remake(self, k: int, failed: BaseException) -> None:
        """Make shard k anew, from the last checkpoint and the pushes since."""
        self._lost.add(k)
        for _ in range(ATTEMPTS):
            self._stop(k)
            try:
                self._session.check_versions()  # it may come to a node that was not there before
                self._actors[k] = self._place(k)
                self._ray.get(self._begin(k), timeout=self._timeout)
                for parcel in self._parcels(k):
                    self._ray.get(self._actors[k].push.remote(parcel), timeout=self._timeout)
                self._waiting[k].clear()
                self._lost.discard(k)
                return
            except self._failures() as again:
                failed = again
        raise self._break(k, "be made anew", failed)

    def _parcels(self, k: int) -> Iterable[list[Push]]:
        """The log of shard k, in parcels."""
        parcel: list[Push] = []
        size = 0
        for entry in self._log:
            if parcel and size + entry.parts[k].nbytes > PARCEL:
                yield parcel
                parcel, size = [], 0
            parcel.append(entry.parts[k])
            size += entry.parts[k].nbytes
        if parcel:
            yield parcel

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
        return _trouble(f"shard {k} of {self.shards} must {what}", received, cure)

    def _break(self, k: int, what: str, failed: BaseException) -> ClusterError | BadInput:
        """Give the table up: it refuses everything from now on."""
        told = self._told_failure(k, what, failed)
        self._why_broken = str(told)
        return told

    def _alive(self) -> None:
        if self._why_broken:
            step = self._base.pushes if self._base else 0
            raise _trouble(
                "a table that has lost a shard for good can do nothing more",
                self._why_broken,
                f"ShardedTable.restore({str(self._folder.path)!r}) begins at push {step} of {self._number}"
                if self._base and not self._scratch
                else "make the table anew, with checkpoints=PATH to be able to go on",
            )
        if not self._end.alive:
            raise BadInput("the table must be open", "a closed one", "make it anew, or restore its checkpoint")
        for k in sorted(self._lost):  # an interrupt came in between
            self._remake(k, ClusterError("it was interrupted", "try again"))

    # Keeping it ------------------------------------------------------------------------------------------------------

    def checkpoint(self) -> int:
        """Write all shards to the folder as one state of the table; the log is empty then.

        Returns
        -------
        The checkpoint's step, the number of pushes in it.

        Raises
        ------
        ClusterError
            If it cannot be written. The checkpoint before stands, the log is kept, and the table goes on.
        """
        self._alive()
        self._settle(0)
        if self._base is not None and self._base.pushes == self._number:
            return self._number
        try:
            attempt = self._folder.begin(self._number)
        except OSError as full:
            raise self._unwritten(full) from full
        try:
            manifest = self._written(attempt)
            if self._base is not None:
                self._folder.abandon(self._base.pushes)
            self._folder.commit(manifest)
        except ClusterError:
            self._folder.forget(attempt)
            raise
        except OSError as full:
            self._folder.forget(attempt)
            raise self._unwritten(full) from full
        except BaseException:
            self._folder.forget(attempt)
            raise
        self._base = manifest
        self._log.clear()
        self._logged = 0
        try:
            self._folder.prune(self._keep)
        except OSError as held:
            warnings.warn(f"old checkpoints could not be removed: {held}", RuntimeWarning, stacklevel=2)
        return self._number

    def _unwritten(self, full: OSError) -> ClusterError:
        stands = f"the checkpoint of push {self._base.pushes} stands" if self._base else "nothing is lost"
        return _trouble(
            f"a checkpoint must be written to {str(self._folder.path)!r}",
            f"{type(full).__name__}: {full}",
            f"make room there and call checkpoint() again; {stands}",
        )

    def _written(self, attempt: str) -> Manifest:
        """Let every shard write its file; what the manifest says of them."""
        names = [f"{attempt}/shard-{k:05d}-of-{self.shards:05d}.safetensors" for k in range(self.shards)]
        asked = range(self.shards)
        paths = [str(self._folder.path / name) for name in names]
        written = self._ask(lambda k: self._actors[k].write.remote(paths[k]), asked, "write its checkpoint")
        told = self._ask(lambda k: self._actors[k].told.remote(), asked, "tell how far it is")
        for k, one in enumerate(told):
            if (one["applied"], one["t"], one["clocks"]) != (self._number, self._t, told[0]["clocks"]):
                raise _trouble(f"shard {k} must stand at push {self._number}", repr(one), "restore a checkpoint")
        settings, functions = _told_settings(self._front)
        files = [
            Stretch(names[k], int(self._bounds[k]), int(self._bounds[k + 1]), *written[k]) for k in range(self.shards)
        ]
        plan = self._blueprint
        return Manifest(
            plan.name, plan.partition.rows, plan.dim, plan.dtype, plan.partition.kind, type(self._front).__name__,
            settings, functions, self._number, self._t, told[0]["clocks"], files,
        )  # fmt: skip

    # Ending ----------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Let the actors and the folder go. What no checkpoint holds is gone then."""
        for k in range(len(self._actors)):
            self._stop(k)
        self._actors = []
        self._end()

    def _stop(self, k: int) -> None:
        try:
            self._ray.kill(self._actors[k], no_restart=True)
        except (self._ray.exceptions.RayError, ValueError, RuntimeError):
            return  # it is dead, or Ray has been shut down

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _let_go(folder: Folder | None, scratch: str | None, session: Session | None) -> None:
    if session is not None:
        session.close()
    if folder is not None:
        folder.close()
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)


def _whole(value: Any) -> Any:
    """A NumPy integer as Python's; anything else as it is."""
    return int(value) if isinstance(value, np.integer) else value


def _begun(init: Any, shape: tuple[int, int], name: str) -> Init | Array:
    """What the rows are to hold at first, checked as far as it can be here."""
    if callable(init):
        return init  # type: ignore[no-any-return]
    if isinstance(init, (int, float, np.floating)) and not isinstance(init, bool):
        return float(init)
    if not isinstance(init, np.ndarray) or init.dtype.kind != "f":
        raise BadType(
            "init must be a number, an array of floats, or a function from rows to their values",
            f"{init!r:.60}",
            "init=0.0",
        )
    if init.shape != shape:
        raise BadInput(f"init must have the shape of {name!r}, {shape}", f"shape {init.shape}", "init=0.0")
    return init


def _resolved(optimizer: Optimizer, name: str) -> Optimizer:
    """A fresh optimizer with the settings for this name, overrides and all."""
    import fnmatch  # noqa: PLC0415

    settings = optimizer.settings
    for pattern, values in settings.pop("overrides").items():
        if fnmatch.fnmatchcase(name, pattern):
            settings |= values
    return type(optimizer)(**settings)


def _told_settings(optimizer: Optimizer) -> tuple[dict[str, Any], list[str]]:
    """The settings that JSON can hold, and the names of those that are functions."""
    settings = optimizer.settings
    del settings["overrides"]
    functions = [name for name, value in settings.items() if callable(value)]
    return {name: value for name, value in settings.items() if name not in functions}, functions


def _settled(manifest: Manifest, optimizer: Any, lr: Rate | None) -> Optimizer:
    """The optimizer of a checkpoint."""
    if optimizer is not None:
        if not isinstance(optimizer, Optimizer) or type(optimizer).__name__ != manifest.optimizer:
            raise BadInput(
                f"the optimizer of this checkpoint must be {manifest.optimizer}",
                f"{optimizer!r:.60}",
                f"optimizer={manifest.optimizer}(...), or leave it out",
            )
        made: Optimizer = type(optimizer)(**optimizer.settings)
    else:
        kind = getattr(optim, manifest.optimizer, None)
        if not isinstance(kind, type) or not issubclass(kind, Optimizer):
            raise BadInput(
                "the optimizer of a checkpoint must be one of nukarumi's, or be given",
                manifest.optimizer,
                f"optimizer={manifest.optimizer}(...)",
            )
        missing = [name for name in manifest.functions if name != "lr" or lr is None]
        if missing:
            raise BadInput(
                f"{missing[0]} was a function when the checkpoint was written, and a file holds no functions",
                "none given",
                f"pass it again: {missing[0]}=...",
            )
        made = kind(**{**manifest.settings, **({} if lr is None else {"lr": lr})})
    if lr is not None:
        made.lr = lr
    return made


def _trouble(rule: str, received: str, cure: str) -> ClusterError:
    return ClusterError(f"{rule}. Received: {received}", cure)
