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
from nukarumi.cluster.crew import PARCEL, Crew, trouble
from nukarumi.cluster.partition import Partition, row_numbers
from nukarumi.cluster.shard import Blueprint, Init, Push
from nukarumi.optim._norm import global_norm
from nukarumi.optim._settings import Rate, rate_at
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine.rows import Summed
from nukarumi.optim.rows import Rows, lookups

__all__ = ["ShardedTable"]

Array = np.ndarray[Any, Any]


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
        self._open(address, checkpoints, None, _begun(init, self.shape, name))

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
        except BaseException:
            held.close()
            raise
        made._open(address, held, manifest, 0.0)
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

    def _open(
        self, address: str | None, checkpoints: str | Folder | None, manifest: Manifest | None, init: Init | Array
    ) -> None:
        """Take the folder, bring the shards up, and let them begin; all or nothing."""
        self._warned = False
        self._crew: Crew | None = None
        self._number = self._acknowledged = manifest.pushes if manifest else 0
        self._t = manifest.t if manifest else 0
        self._zero: str | None = None
        self._log: list[_Entry] = []
        self._logged = 0
        self._waiting: list[deque[tuple[int, Any]]] = [deque() for _ in range(self.shards)]
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
            session = connect(address, seconds=self._timeout)
            self._end.detach()
            self._end = weakref.finalize(self, _let_go, self._folder, self._scratch, session)
            self._crew = Crew(
                session, self._blueprint, str(self._folder.path), manifest, init, self._options, self._timeout,
                _weakly(self._parcels), _weakly(self._caught_up),
            )  # fmt: skip
            self._crew.muster()
            if not isinstance(init, float):
                self.checkpoint()
        except BaseException:
            self.close()
            raise

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
        crew = self._alive()
        return crew.ask(lambda k: crew.actors[k].told.remote(), range(self.shards), "tell where it is")

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
        values: Array = summed.values
        if self._front.clip_norm is not None:
            scale = rules.clip_scale(global_norm([values]), self._front.clip_norm)
            with np.errstate(all="ignore"):
                values = np.asarray(rules.scaled(values, scale))
        divided = self._blueprint.partition.divide(summed.rows, values)
        return _Entry([Push(number, lr, places, part) for places, part in divided])

    def _send(self, entry: _Entry, step: int) -> None:
        """Log a push and send it off; a shard that an interrupt keeps from getting it is made anew from the log."""
        crew = self._alive()
        crew.lost.update(range(self.shards))
        self._log.append(entry)
        self._t, self._number, self._logged = step, self._number + 1, self._logged + entry.nbytes
        for k, part in enumerate(entry.parts):
            self._waiting[k].append((self._number, crew.actors[k].push.remote([part])))
            crew.lost.discard(k)

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
        answers = self._alive().gather(due)
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
        found = row_numbers(indices, self.shape[0])
        letters = self._blueprint.state() if of != "w" else {}
        if of != "w" and of not in letters:
            raise BadInput("of must be 'w' or a letter of the state", repr(of), f"one of w, {', '.join(letters)}")
        wide = () if of != "w" and letters[of][0] else (self.shape[1],)
        route = self._blueprint.partition.route(found.reshape(-1))
        crew = self._alive()
        answers = crew.ask(lambda k: crew.actors[k].pull.remote(route.parts[k], of), route.asked, "answer a pull")
        return route.gathered(answers, wide, self.dtype).reshape(*found.shape, *wide)

    # Shards that fail ------------------------------------------------------------------------------------------------

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

    def _caught_up(self, k: int) -> None:
        """Shard k has seen all pushes."""
        self._waiting[k].clear()

    def _alive(self) -> Crew:
        """The shards, all of them well; or a refusal."""
        crew = self._crew
        if crew is None or not self._end.alive:
            raise BadInput("the table must be open", "a closed one", "make it anew, or restore its checkpoint")
        if crew.broken:
            step = crew.base.pushes if crew.base else 0
            raise trouble(
                "a table that has lost a shard for good can do nothing more",
                crew.broken,
                f"ShardedTable.restore({str(self._folder.path)!r}) begins at push {step} of {self._number}"
                if crew.base and not self._scratch
                else "make the table anew, with checkpoints=PATH to be able to go on",
            )
        crew.mend()
        return crew

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
        crew = self._alive()
        self._settle(0)
        if crew.base is not None and crew.base.pushes == self._number:
            return self._number
        try:
            attempt = self._folder.begin(self._number)
        except OSError as full:
            raise self._unwritten(full) from full
        try:
            manifest = self._written(attempt)
            if crew.base is not None:
                self._folder.abandon(crew.base.pushes)
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
        crew.settled(manifest)
        self._log.clear()
        self._logged = 0
        try:
            self._folder.prune(self._keep)
        except OSError as held:
            warnings.warn(f"old checkpoints could not be removed: {held}", RuntimeWarning, stacklevel=2)
        return self._number

    def _unwritten(self, full: OSError) -> ClusterError:
        base = self._crew.base if self._crew else None
        stands = f"the checkpoint of push {base.pushes} stands" if base else "nothing is lost"
        return trouble(
            f"a checkpoint must be written to {str(self._folder.path)!r}",
            f"{type(full).__name__}: {full}",
            f"make room there and call checkpoint() again; {stands}",
        )

    def _written(self, attempt: str) -> Manifest:
        """Let every shard write its file; what the manifest says of them."""
        names = [f"{attempt}/shard-{k:05d}-of-{self.shards:05d}.safetensors" for k in range(self.shards)]
        asked = range(self.shards)
        paths = [str(self._folder.path / name) for name in names]
        crew = self._alive()
        written = crew.ask(lambda k: crew.actors[k].write.remote(paths[k]), asked, "write its checkpoint")
        told = crew.ask(lambda k: crew.actors[k].told.remote(), asked, "tell how far it is")
        for k, one in enumerate(told):
            if (one["applied"], one["t"], one["clocks"]) != (self._number, self._t, told[0]["clocks"]):
                raise trouble(f"shard {k} must stand at push {self._number}", repr(one), "restore a checkpoint")
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
        if self._crew is not None:
            self._crew.dismiss()
        self._crew = None
        self._end()

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


def _weakly(method: Callable[[int], Any]) -> Callable[[int], Any]:
    """A method of a table that does not keep it alive: a forgotten table is to let its actors go."""
    held = weakref.WeakMethod(method)

    def call(k: int) -> Any:
        found = held()
        assert found is not None  # its own methods are the only callers
        return found(k)

    return call
