"""A table that many processes push to at once, each push exactly once, whoever dies.

`ShardedTable` belongs to one process, which keeps what no checkpoint holds yet. Here nobody does: a shard writes every
push into its `Journal` before it applies and acknowledges it, so that it can be made anew by whoever restarts it, and
Ray may do that by itself. A push carries the name of its client, its number, and the number of the client's push before
at the same shard. A shard leaves out what it has seen and refuses a gap. So a push that is sent again is applied once,
also by another process that goes on under the same name.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np

from nukarumi._errors import BadInput, BadType
from nukarumi._files import write_atomically
from nukarumi.cluster.checkpoint import Folder
from nukarumi.cluster.connect import Session, compare, connect, import_ray, own_versions
from nukarumi.cluster.crew import trouble
from nukarumi.cluster.journal import Journal, Superseded
from nukarumi.cluster.partition import Partition, row_numbers
from nukarumi.cluster.shard import Blueprint, Init, Push, Shard
from nukarumi.optim.base import Optimizer
from nukarumi.optim.rows import Rows, lookups

__all__ = ["Client", "Part", "SharedShard", "SharedTable"]

Array = np.ndarray[Any, Any]

ATTEMPTS = 4
"""So often a push is sent before it is given up."""

LOG_BYTES = 1 << 28


class Part(NamedTuple):
    """What one push brings to one shard.

    Attributes
    ----------
    number
        Of the push, 1 or more, rising for each client.
    after
        The number of the client's push before that came to this shard; 0: there was none.
    lr
        The learning rate.
    places, values
        Rows of the shard, ascending, each once, and their gradients.
    """

    number: int
    after: int
    lr: float
    places: Array
    values: Array


@dataclass(frozen=True)
class Plan:
    """What the shards of a shared table and its clients have in common."""

    blueprint: Blueprint
    init: Init
    folder: str
    sync: bool
    log_bytes: int
    timeout: float
    versions: Mapping[str, str]


class SharedShard:
    """A stretch of a table that outlives its process; it comes up with the first question, from its journal.

    This is a plain class: `SharedTable` puts it into Ray actors, and tests use it as it is.
    """

    def __init__(self, plan: Plan, number: int) -> None:
        self._plan, self._number = plan, number
        self._journal: Journal | None = None
        self._shard: Shard | None = None
        self._seen: dict[str, int] = {}
        self._applied = 0

    def push(self, client: str, parts: Sequence[Part]) -> int:
        """Apply parts of pushes, each once; the number of the client's last one that has been seen here.

        Raises
        ------
        BadInput
            If two processes push different things under one name.
        OSError
            If the journal cannot be written; the push has not been applied then.
        MemoryError
            If memory does not hold the work.
        """
        shard, journal = self._ready()
        for part in parts:
            seen = self._seen.get(client, 0)
            if part.number <= seen:
                continue
            if part.after > seen:
                break  # one before it is still on its way; the client sends both again
            if part.after < seen:
                raise BadInput(
                    f"the pushes of the client {client!r} must touch the same shards whoever sends them",
                    f"push {part.number} after {part.after} at shard {self._number}, which has seen {seen}",
                    "give every task its own client, and number its pushes by its batches",
                )
            told = {"client": client, "number": part.number, "lr": part.lr, "rows": len(part.places)}
            journal.append(told, part.places.tobytes(), part.values.tobytes())
            self._apply(shard, client, part)
        if journal.nbytes > self._plan.log_bytes:
            self.snapshot()
        return self._seen.get(client, 0)

    def pull(self, places: Array, of: str) -> Array:
        """Rows of the shard, or of a letter of its state, as a copy."""
        return self._ready()[0].pull(places, of)

    def seen(self, client: str) -> int:
        """The number of the client's last push that has been applied here."""
        self._ready()
        return self._seen.get(client, 0)

    def adopt(self, arrays: Mapping[str, Array]) -> None:
        """Begin with these rows and letters of the state; kept in the journal at once."""
        shard, _ = self._ready()
        for letter, values in arrays.items():
            shard.arrays[letter][:] = values
        self.snapshot()

    def snapshot(self) -> None:
        """Write all of the shard into the journal and begin a new log."""
        shard, journal = self._ready()
        journal.snapshot(shard.arrays, {"seen": self._seen, "applied": self._applied})

    def told(self) -> dict[str, Any]:
        """Where the shard is and how far it has come."""
        shard, journal = self._ready()
        return {**shard.told(), "applied": self._applied, "term": journal.term, "logged": journal.nbytes}

    def sees(self, path: str) -> bool:
        """Whether a file is there for this process too."""
        return Path(path).is_file()

    def _apply(self, shard: Shard, client: str, part: Part) -> None:
        try:
            shard.apply(Push(self._applied + 1, part.lr, part.places, part.values))
        except BaseException:
            self._shard = None  # half a step may have been done; the journal knows the whole one
            raise
        self._seen[client] = part.number
        self._applied += 1

    def _ready(self) -> tuple[Shard, Journal]:
        """The shard as its journal has it."""
        if self._shard is None or self._journal is None:
            for attempt in range(ATTEMPTS):
                try:
                    self._come_up()
                    break
                except FileNotFoundError:  # a predecessor that is not quite dead has just put a snapshot in their place
                    if attempt == ATTEMPTS - 1:
                        raise
        assert self._shard is not None
        assert self._journal is not None
        return self._shard, self._journal

    def _come_up(self) -> None:
        plan = self._plan
        compare(plan.versions, own_versions(), f"the node of shard {self._number}")
        if self._journal is not None:
            self._journal.close()
        self._journal = journal = Journal(Path(plan.folder) / f"shard-{self._number:05d}", sync=plan.sync)
        journal.begin()
        shard = Shard(plan.blueprint, self._number)
        found = journal.state()
        if found is None:
            shard.start(plan.init)
            self._seen, self._applied = {}, 0
        else:
            told, path = found
            shard.start(0.0)
            journal.fill(path, shard.arrays)
            self._seen, self._applied = dict(told["seen"]), told["applied"]
        dim, kind = plan.blueprint.dim, np.dtype(plan.blueprint.dtype)
        for told, body in journal.records():
            places = np.frombuffer(body, np.int64, told["rows"])
            values = np.frombuffer(body, kind, offset=places.nbytes).reshape(-1, dim)
            self._apply(shard, told["client"], Part(told["number"], 0, told["lr"], places, values))
        journal.settle()
        self._shard = shard


class Client:
    """One of many that push to a shared table; it can be pickled and goes on elsewhere under its name.

    Made by `SharedTable.client`. The name stands for a piece of work, not for a process: when the process dies, another
    one that makes the same client and sends the same numbers repeats nothing.

    Attributes
    ----------
    name
        Its name.
    lr
        The learning rate of its pushes.

    Notes
    -----
    It is not safe for threads.
    """

    def __init__(self, plan: Plan, actors: Sequence[Any], name: str, lr: float) -> None:
        self._plan, self._actors, self.name, self.lr = plan, list(actors), name, lr
        self._seen: list[int] | None = None
        self._waiting: deque[tuple[int, Part, Any]] = deque()

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        if self._waiting:
            raise BadInput("a client must have no pushes on their way when it travels", len(self._waiting), "flush()")
        return type(self), (self._plan, self._actors, self.name, self.lr)

    def named(self, name: str) -> Client:
        """Another client of the same table."""
        return Client(self._plan, self._actors, name, self.lr)

    @property
    def pending(self) -> int:
        """Parts of pushes that no shard has acknowledged yet."""
        return len(self._waiting)

    def pull(self, indices: Any, of: str = "w") -> Array:
        """Rows of the table, or of its state, with all of this client's pushes in them; as `ShardedTable.pull`.

        Raises
        ------
        BadType, BadInput
            If indices are not whole numbers or lie outside.
        ClusterError
            If a shard does not answer in time.
        """
        return self.arrived(self.ask(indices, of))

    def ask(self, indices: Any, of: str = "w") -> Any:
        """Begin to `pull`, and give what `arrived` takes; later pushes are not in it unless a shard fails meanwhile."""
        plan = self._plan.blueprint
        found = row_numbers(indices, plan.partition.rows)
        route = plan.partition.route(found.reshape(-1))
        return found.shape, of, route, [self._actors[k].pull.remote(route.parts[k], of) for k in route.asked]

    def arrived(self, asked: Any) -> Array:
        """Wait for the rows that `ask` has begun to pull."""
        shape, of, route, references = asked
        plan = self._plan.blueprint
        answers = [
            self._got(k, ref, lambda k=k: self._actors[k].pull.remote(route.parts[k], of))
            for k, ref in zip(route.asked, references, strict=True)
        ]
        by_row = of != "w" and plan.state()[of][0]
        wide = () if by_row else (plan.dim,)
        rows: Array = route.gathered(answers, wide, np.dtype(plan.dtype))
        return rows.reshape(*shape, *wide)

    def has(self, number: int, indices: Any) -> bool:
        """Whether every shard that holds some of these rows has applied this client's push of that number."""
        route = self._plan.blueprint.partition.route(row_numbers(indices, self._plan.blueprint.partition.rows).ravel())
        seen = self._last()
        return all(seen[k] >= number for k in route.asked)

    def push(self, rows: Rows, number: int, *, unacknowledged: int = 0) -> None:
        """Give the rows their gradients: the optimizer's step on every row that is named.

        Parameters
        ----------
        rows
            Row numbers of the table, and gradients of shape (n, dim); equal rows are summed first.
        number
            Of this push: 1 or more, larger than that of the push before. A shard that has seen it leaves it out.
        unacknowledged
            How many of the client's pushes, this one among them, may be on their way when this returns.

        Raises
        ------
        BadType, BadInput
            If they are no `Rows`, of another width, or lie outside, or the number does not rise.
        ClusterError
            If a shard cannot apply it, or does not answer in time.
        """
        plan = self._plan.blueprint
        given: Any = rows
        if not isinstance(given, Rows):
            raise BadType("push takes Rows", type(given).__name__, "push(Rows(indices, values), number)")
        counted: Any = number
        if isinstance(counted, bool) or not isinstance(counted, int | np.integer) or counted < 1:
            raise BadInput("number must be a whole number of at least 1", repr(number), "number=1 for the first push")
        found = lookups(plan.name, rows, (plan.partition.rows, plan.dim), np.dtype(plan.dtype))
        summed = found.summed()
        if summed is None:
            raise found.outside()
        seen = self._last()
        for k, (places, values) in enumerate(plan.partition.divide(summed.rows, summed.values)):
            if len(places) and seen[k] < number:
                part = Part(int(number), seen[k], float(self.lr), places, values)
                self._waiting.append((k, part, self._actors[k].push.remote(self.name, [part])))
                seen[k] = int(number)
        self._settle(int(number) - unacknowledged)

    def flush(self) -> None:
        """Wait until every push is acknowledged.

        Raises
        ------
        ClusterError
            If a shard cannot apply one, or does not answer in time.
        """
        self._settle(None)

    def _last(self) -> list[int]:
        """The number of the last push that each shard has, or will have."""
        if self._seen is None:
            asked = [actor.seen.remote(self.name) for actor in self._actors]
            self._seen = [
                self._got(k, ref, lambda k=k: self._actors[k].seen.remote(self.name)) for k, ref in enumerate(asked)
            ]
        return self._seen

    def _settle(self, until: int | None) -> None:
        """Wait until the pushes up to a number are acknowledged; None: all."""
        while self._waiting and (until is None or self._waiting[0][1].number <= until):
            k, part, reference = self._waiting[0]
            mine = [one for shard, one, _ in self._waiting if shard == k]  # in their order, should they come anew

            def again(k: int = k, mine: list[Part] = mine) -> Any:
                return self._actors[k].push.remote(self.name, mine)

            for _ in range(ATTEMPTS):
                if self._got(k, reference, again) >= part.number:
                    break
                reference = again()  # it overtook one before it, while the shard came up anew
            else:
                raise trouble(
                    f"shard {k} must apply push {part.number} of {self.name!r}",
                    f"{ATTEMPTS} answers that one before it is missing",
                    "its journal has lost what was acknowledged: look at its disk, and take sync=True",
                )
            self._waiting.popleft()

    def _got(self, k: int, reference: Any, again: Any) -> Any:
        """The answer of a shard, asked once more if it was superseded while it answered."""
        ray = import_ray()
        for attempt in range(ATTEMPTS):
            try:
                return ray.get(reference, timeout=self._plan.timeout)
            except ray.exceptions.RayTaskError as failed:
                if not isinstance(failed.cause, Superseded) or attempt == ATTEMPTS - 1:
                    raise self._told(k, failed) from None
            except (ray.exceptions.ActorUnavailableError, ray.exceptions.ObjectLostError) as failed:
                if attempt == ATTEMPTS - 1:
                    raise self._told(k, failed) from None
                time.sleep(0.1)
            except ray.exceptions.RayError as failed:
                raise self._told(k, failed) from None
            reference = again()
        raise AssertionError

    def _told(self, k: int, failed: Any) -> Exception:
        """What is said about a shard that failed."""
        return _told(self._plan, k, "answer", failed)


def _told(plan: Plan, k: int, what: str, failed: Any) -> Exception:
    cause = getattr(failed, "cause", None)
    if isinstance(cause, BadInput):
        return cause
    partition = plan.blueprint.partition
    rows = partition.bounds[k + 1] - partition.bounds[k]
    size = f"a shard of {rows:,} rows, {plan.blueprint.nbytes(k) / 1e9:,.3f} GB with its state"
    rule = f"shard {k} of {partition.shards} must {what}"
    cure = "look at the machines (`ray status`); take more shards, or folder=... for tables larger than memory"
    if isinstance(cause, MemoryError):
        received, _, mine = str(cause).partition(" Cure: ")
        return trouble(rule, received.rstrip("."), mine.rstrip(".") or cure)
    if isinstance(cause, OSError):
        return trouble(rule, f"{type(cause).__name__}: {cause}", f"make room in {plan.folder!r}, and begin again")
    if cause is not None:
        return trouble(rule, f"{type(cause).__name__}: {cause}", cure)
    if isinstance(failed, TimeoutError):
        longer = f"timeout={2 * plan.timeout:g} waits longer"
        look = (
            "look whether the machines are busy or full (`ray status`), or its process dies again and again (its log)"
        )
        return trouble(rule, f"no answer within {plan.timeout:g} s from {size}", f"{look}; {longer}")
    return trouble(rule, f"{type(failed).__name__} from {size}: {' '.join(str(failed).split()):.300}", cure)


class SharedTable:
    """A parameter of many rows and its optimizer state, in Ray actors, for many processes that push at once.

    ::

        client.push(Rows(i, g), n):  g summed by row, then the optimizer's rule on those rows; n counts pushes
        client.pull(i):              the rows i

    Every push is the optimizer's step as `ShardedTable` makes it. Pushes of different clients are applied in the order
    in which they come to a shard, which may differ from shard to shard and from run to run; with one client the table
    has the bits of one local table.

    **What is promised.** A push that was acknowledged is in the table, once, whichever of the processes die: the shard,
    the client, the program that made the table, or all of them. A push that was not acknowledged and is sent again,
    under its client's name and number, by the same process or another, is applied once. For this the shards keep
    journals in ``journal``: by default a journal survives the death of processes, not that of the machine that wrote
    it; with ``sync=True`` each push is on the disk before it is acknowledged, and so survives a power loss too.

    Parameters
    ----------
    rows, dim, optimizer, shards, dtype, partition, folder, timeout, address, name, options
        As for `ShardedTable`. The optimizer's rule must not count steps (Adam's does), because shards count their own;
        ``lr`` is a number, and a client may have another one.
    init
        What the rows hold at first: a number, a function from row numbers to values, which must be the same whenever
        it is asked, or a mapping from letters, ``w`` and those of the state, to arrays of shape (rows, dim).
    journal
        A folder that all machines see; None: a temporary one on this machine, gone after `close`.
    sync
        Whether a push is on the disk before it is acknowledged.
    log_bytes
        When a shard's log has grown to so many bytes, it writes a snapshot of itself and begins a new log.

    Raises
    ------
    BadType, BadInput
        If an argument does not fit, a folder is taken, or the machines cannot see it.
    ClusterError
        If a shard cannot be placed, or finds no room.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad, Rows
    >>> from nukarumi.cluster import SharedTable
    >>> def train():
    ...     with SharedTable(1_000_000, 64, optimizer=Adagrad(lr=0.1), shards=3) as table:
    ...         client = table.client("block 7")           # may travel to a Ray task
    ...         client.push(Rows([7, 3, 7], np.ones((3, 64), np.float32)), 1)
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
        init: Init | Mapping[str, Array] = 0.0,
        partition: str = "hash",
        folder: str | None = None,
        journal: str | None = None,
        sync: bool = False,
        log_bytes: int = LOG_BYTES,
        timeout: float = 60.0,
        address: str | None = None,
        name: str = "table",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        parts = Partition(rows, shards, partition)
        kind = np.dtype(dtype)
        if kind not in (np.float32, np.float64):
            raise BadType("dtype must be float32 or float64", repr(dtype), "dtype=np.float32")
        for what, value, least in (("dim", dim, 1), ("log_bytes", log_bytes, 0)):
            given: Any = value
            if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < least:
                raise BadInput(f"{what} must be a whole number of at least {least}", repr(given), f"{what}={least + 1}")
        limit: Any = timeout
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 < limit < float("inf"):
            raise BadInput("timeout must be a number of seconds above 0", repr(timeout), "timeout=60.0")
        where = None if folder is None else str(Path(folder).absolute())
        blueprint = Blueprint(name, int(dim), kind.name, parts, _plain(optimizer), where)
        arrays = dict(init) if isinstance(init, Mapping) else {}
        for letter, array in arrays.items():
            if letter not in {"w", *blueprint.state()} or np.shape(array) != (rows, dim):
                raise BadInput(
                    f"init must have letters of w, {', '.join(blueprint.state())}, and arrays of shape {(rows, dim)}",
                    f"{letter!r} of shape {np.shape(array)}",
                    "init=0.0",
                )
        first: Any = 0.0 if isinstance(init, Mapping) else init
        if not callable(first) and (isinstance(first, bool) or not isinstance(first, int | float | np.number)):
            raise BadType("init must be a number, a function of row numbers, or arrays", f"{init!r:.60}", "init=0.0")
        self.lr = float(optimizer.settings["lr"])
        self._scratch = tempfile.mkdtemp(prefix="nukarumi-journal-") if journal is None else None
        try:
            self._folder = Folder(journal or str(self._scratch))
        except BaseException:
            _let_go(None, self._scratch, None)
            raise
        self._actors: list[Any] = []
        self._end = weakref.finalize(self, _let_go, self._folder, self._scratch, None)
        try:
            self._note = self._folder.path / "table.json"
            self._same(blueprint, "a function" if callable(first) else float(first), bool(arrays))
            self._session = connect(address, seconds=timeout)
            self._end.detach()
            self._end = weakref.finalize(self, _let_go, self._folder, self._scratch, self._session)
            self._plan = Plan(
                blueprint, first, str(self._folder.path), sync, log_bytes, float(timeout), own_versions()
            )  # fmt: skip
            self._muster(options or {}, arrays)
        except BaseException:
            self.close()
            raise

    def client(self, name: str) -> Client:
        """One that pulls and pushes, here or, pickled, in any process of the cluster; the name is its own alone."""
        self._open()
        return Client(self._plan, self._actors, name, self.lr)

    def pull(self, indices: Any, of: str = "w") -> Array:
        """Rows of the table, or of the optimizer's state, with every acknowledged push in them.

        Raises
        ------
        BadType, BadInput
            If indices are not whole numbers or lie outside.
        ClusterError
            If a shard does not answer in time.
        """
        return self.client("").pull(indices, of)

    def told(self) -> list[dict[str, Any]]:
        """Where each shard is and how far: rows, bytes, host, pid, pushes applied, its term and bytes of its log."""
        self._open()
        return self._all([actor.told.remote() for actor in self._actors], "tell where it is")

    def close(self) -> None:
        """Let the actors and the folder go. A journal that was given stays; a table made on it goes on from there."""
        ray = import_ray()
        for actor in self._actors:
            try:
                ray.kill(actor, no_restart=True)
            except (ray.exceptions.RayError, ValueError, RuntimeError):
                break  # Ray has been shut down
        self._actors = []
        self._end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _open(self) -> None:
        if not self._end.alive:
            raise BadInput("the table must be open", "a closed one", "make it anew, on the same journal to go on")

    def _same(self, blueprint: Blueprint, init: float | str, arrays: bool) -> None:
        """Refuse the journal of another table; write down whose a new one is."""
        told = {
            "rows": blueprint.partition.rows, "dim": blueprint.dim, "dtype": blueprint.dtype,
            "shards": blueprint.partition.shards, "partition": blueprint.partition.kind,
            "init": init, "optimizer": type(blueprint.optimizer).__name__,
            "settings": {key: value for key, value in blueprint.optimizer.settings.items() if key != "overrides"},
        }  # fmt: skip
        if not self._note.exists():
            write_atomically(self._note, json.dumps(told).encode())
            return
        found = json.loads(self._note.read_text())
        if found != json.loads(json.dumps(told)) or arrays:
            differ = ", ".join(f"{key}={found.get(key)!r}" for key in told if found.get(key) != told[key])
            raise BadInput(
                f"{str(self._folder.path)!r} is the journal of a table, which must be the same one",
                differ or "new values for its rows",
                "give the arguments of that table, or another folder",
            )

    def _muster(self, options: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
        """Bring all shards up; the first that cannot is told of."""
        ray = self._session.ray
        usual = {"num_cpus": 0, "scheduling_strategy": "SPREAD", "max_restarts": -1, "max_task_retries": -1}
        made = ray.remote(SharedShard).options(**{**usual, **options})
        partition = self._plan.blueprint.partition
        self._actors = [made.remote(self._plan, k) for k in range(partition.shards)]
        seen = self._all([actor.sees.remote(str(self._note)) for actor in self._actors], "come up")
        if not all(seen):
            raise BadInput(
                "every machine must see the folder of the journal",
                f"{str(self._folder.path)!r}, which shard {seen.index(False)} does not see",
                "journal=PATH on a file system that all machines share",
            )
        self._all([actor.told.remote() for actor in self._actors], "begin")
        if arrays:
            bounds, kind = partition.bounds, np.dtype(self._plan.blueprint.dtype)
            begun = []
            for k, actor in enumerate(self._actors):
                rows = partition.rows_at(int(bounds[k]), int(bounds[k + 1]))
                begun.append(
                    actor.adopt.remote({letter: np.asarray(array[rows], kind) for letter, array in arrays.items()})
                )
            self._all(begun, "begin")

    def _all(self, references: list[Any], what: str) -> list[Any]:
        """Every shard's answer; the first failure is told."""
        ray = self._session.ray
        end = time.monotonic() + self._plan.timeout
        answers = []
        for k, reference in enumerate(references):
            try:
                answers.append(ray.get(reference, timeout=max(0.01, end - time.monotonic())))
            except ray.exceptions.RayError as failed:
                raise _told(self._plan, k, what, failed) from None
        return answers


def _plain(optimizer: Any) -> Optimizer:
    """An optimizer that any process may apply to some of the rows."""
    if not isinstance(optimizer, Optimizer):
        raise BadType("optimizer must be one of nukarumi's", f"{optimizer!r:.60}", "optimizer=Adagrad(lr=0.1)")
    settings = optimizer.settings
    kind = type(optimizer)
    if "t" in kind.rule.__annotations__:
        raise BadInput(
            "the rule of a shared table's optimizer must not count steps, because every shard counts its own",
            kind.__name__,
            "optimizer=Adagrad(lr=0.1), or a ShardedTable, which one process pushes to",
        )
    if callable(settings["lr"]):
        raise BadInput(
            "the lr of a shared table must be a number: its clients have no common clock",
            f"{settings['lr']!r:.60}",
            "lr=0.1; a client's own lr may be set at any time: client.lr = 0.01",
        )
    for name, off in (("weight_decay", 0.0), ("clip_norm", None), ("overrides", {})):
        if settings[name] != off:
            raise BadInput(f"a shared table takes no {name}", f"{settings[name]!r:.60}", f"{name}={off!r}")
    return kind(**{**settings, "on_nonfinite": "ignore"})


def _let_go(folder: Folder | None, scratch: str | None, session: Session | None) -> None:
    if session is not None:
        session.close()
    if folder is not None:
        folder.close()
    if scratch is not None:
        shutil.rmtree(scratch, ignore_errors=True)
