"""A plan on paper: how many nodes a sharded table needs, what its pushes and pulls wait for, what a failure costs.

    python -m nukarumi.cluster.plan benchmarks/scale.json

Three parts. `size` divides: rows by memory, work by speed, bytes by network and disk; the largest quotient is the
number of nodes. `simulate` plays the requests of many workers against the shards, event by event, because what a worker
waits for is the slowest of all shards, and what a shard does after a failure depends on what piled up; no formula has
that. `recovery` adds up how long a lost node is away. All speeds come from a file of measurements
(``benchmarks/scale.py`` writes it); everything else is an assumption, and stands in `Workload`, `Node` and `Policy`
with its default.

The model. Rows are spread over the shards by hashing. A batch of examples looks distinct rows up: one pull to every
shard, the gradient, one push to every shard. A shard is one actor on one core and serves requests in order of arrival;
a request takes the call's own time and that of its rows. Batches arrive at random (Poisson); each is done by one of so
many workers, and waits when all are busy.
"""

from __future__ import annotations

import argparse
import heapq
import json
import math
import sys
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi._errors import BadInput

__all__ = [
    "Measured",
    "Node",
    "Policy",
    "Recovery",
    "Simulated",
    "Size",
    "Workload",
    "distinct",
    "main",
    "recovery",
    "simulate",
    "size",
    "tables",
]

GIGA = 1e9
DAY = 86_400.0


@dataclass(frozen=True)
class Measured:
    """Speeds of one core, from ``benchmarks/scale.py``.

    Parameters
    ----------
    push_rows, rowwise_push_rows
        Rows a second that Adagrad and RowwiseAdagrad update, of ``width`` numbers.
    pull_rows
        Rows a second that are gathered from a table.
    pack_bytes
        Bytes a second that are packed and unpacked again.
    move_bytes
        Bytes a second of an array that Ray hands from one process to another, on one machine.
    call_seconds
        What a call of an actor takes when it does nothing.
    restart_seconds
        From the death of an actor's process to its first answer.
    width
        Numbers in a row, 4 bytes each.
    """

    push_rows: float
    rowwise_push_rows: float
    pull_rows: float
    pack_bytes: float
    move_bytes: float
    call_seconds: float
    restart_seconds: float
    width: int

    @classmethod
    def read(cls, path: str | Path) -> Measured:
        """Read the file that ``benchmarks/scale.py`` writes.

        Raises
        ------
        BadInput
            If it is no such file.
        """
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))["measured"]
            numbers = {part.name: float(values[part.name]) for part in fields(cls)}
            if not all(0 < number < math.inf for number in numbers.values()):
                raise ValueError("a number is not positive")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadInput(
                f"{path} must be a file of measurements", f"{type(error).__name__}: {error}",
                "write one: python benchmarks/scale.py FILE",
            ) from None  # fmt: skip
        return cls(**{**numbers, "width": int(numbers["width"])})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Workload:
    """What is to be trained.

    Parameters
    ----------
    rows, width
        Of the table; 4 bytes a number.
    examples
        A second.
    lookups
        Rows that an example looks up.
    batch
        Examples in a batch; a batch pulls and pushes each of its rows once.
    gradient_seconds
        What a worker computes between a pull and a push.
    rowwise
        Whether the state is one number a row (RowwiseAdagrad) or one for every number (Adagrad).
    """

    rows: float = 1e9
    width: int = 64
    examples: float = 1e6
    lookups: int = 26
    batch: int = 8192
    gradient_seconds: float = 0.25
    rowwise: bool = False

    def __post_init__(self) -> None:
        _positive(self, "rows", "width", "examples", "lookups", "batch", "gradient_seconds")

    @property
    def batches(self) -> float:
        """Batches a second."""
        return self.examples / self.batch

    @property
    def distinct(self) -> float:
        """Distinct rows of a batch, lookups being Zipf-distributed."""
        return distinct(self.rows, self.batch * self.lookups)

    @property
    def table_bytes(self) -> float:
        """Parameters and state."""
        return self.rows * 4 * (self.width + (1 if self.rowwise else self.width))

    @property
    def row_bytes(self) -> int:
        """Bytes of a row and its index on the wire."""
        return 4 * self.width + 8


@dataclass(frozen=True)
class Node:
    """A machine.

    Parameters
    ----------
    memory
        Bytes for shards; the rest of the machine's memory is for Ray's object store and the system.
    shards
        Actors, each on a core of its own; the other cores are for packing, Ray and the system.
    network
        Bytes a second in each direction.
    disk
        Bytes a second that can be written, and as many read: checkpoints, and the log of the pushes since.
    days_between_failures
        Mean time between failures of one node.
    """

    memory: float = 192e9
    shards: int = 8
    network: float = 25e9 / 8
    disk: float = 2e9
    days_between_failures: float = 90.0

    def __post_init__(self) -> None:
        _positive(self, "memory", "shards", "network", "disk", "days_between_failures")


@dataclass(frozen=True)
class Policy:
    """How it is run.

    Parameters
    ----------
    busy
        The share of time that a shard, or a network, may be busy.
    checkpoint_seconds
        From one checkpoint to the next.
    notice_seconds
        Until a lost node is noticed.
    """

    busy: float = 0.6
    checkpoint_seconds: float = 600.0
    notice_seconds: float = 15.0

    def __post_init__(self) -> None:
        _positive(self, "busy", "checkpoint_seconds", "notice_seconds")
        if self.busy >= 1:
            raise BadInput("busy must be below 1", self.busy, "pass a share such as 0.6")


@dataclass(frozen=True)
class Size:
    """What `size` found: nodes by each reason, and what one node then carries."""

    nodes: int
    for_memory: int
    for_work: int
    for_network: int
    for_disk: int
    memory: float
    busy: float
    traffic: float
    log: float
    push_seconds: float
    pull_seconds: float


@dataclass(frozen=True)
class Recovery:
    """How long a lost node is away: seconds, part by part."""

    notice: float
    restart: float
    read: float
    replay: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.notice + self.restart + self.read + self.replay


@dataclass(frozen=True)
class Simulated:
    """What `simulate` saw.

    Parameters
    ----------
    pull, push
        Seconds from asking all shards until the last of them answered, a number for each batch.
    wait
        Seconds that single requests waited before they were served.
    behind
        Seconds from the arrival of a batch until its push was done.
    finished
        When each batch was done, in the order of ``behind``.
    busy
        The mean share of time that a shard was busy.
    """

    pull: np.ndarray[Any, np.dtype[np.float64]]
    push: np.ndarray[Any, np.dtype[np.float64]]
    wait: np.ndarray[Any, np.dtype[np.float64]]
    behind: np.ndarray[Any, np.dtype[np.float64]]
    finished: np.ndarray[Any, np.dtype[np.float64]]
    busy: float


def distinct(rows: float, draws: float) -> float:
    """Say how many distinct rows so many lookups hit when the k-th most frequent row comes with a share like 1 / k.

    ::

        the sum over k = 1 .. rows of 1 - exp(-draws / (k ln rows)), as an integral

    Examples
    --------
    >>> round(distinct(1e9, 1))
    1
    >>> round(distinct(1e9, 8192 * 26) / (8192 * 26), 1)
    0.6
    """
    grid = np.linspace(0.0, math.log(rows), 20_001)
    ranks = np.exp(grid)
    hit = -np.expm1(-draws / (ranks * math.log(rows)))
    return float(np.trapezoid(hit * ranks, grid))


def size(measured: Measured, work: Workload, node: Node, policy: Policy) -> Size:
    """Say how many nodes memory, work, network and disk ask for.

    Parameters
    ----------
    measured, work, node, policy
        The speeds, and what is assumed.

    Raises
    ------
    BadInput
        If batches are so small that shards have no time for rows.
    """
    a_row = work.width / measured.width  # measured rows are narrower or wider than the table's
    push_rows = (measured.rowwise_push_rows if work.rowwise else measured.push_rows) / a_row
    unpack = work.row_bytes / measured.pack_bytes + work.row_bytes / measured.move_bytes
    push, pull = 1 / push_rows + unpack, a_row / measured.pull_rows + unpack

    def load(nodes: int) -> float:
        calls = 2 * work.batches * measured.call_seconds  # every batch asks every shard twice
        return calls + work.batches * work.distinct * (push + pull) / (nodes * node.shards)

    spare = policy.busy - 2 * work.batches * measured.call_seconds
    if spare <= 0:
        raise BadInput(
            f"calls alone must leave a shard time for rows ({policy.busy:.0%} busy at most)",
            f"{work.batches:.0f} batches a second of {measured.call_seconds:.2g} s a call",
            "pass larger batches",
        )
    log = work.batches * work.distinct * work.row_bytes  # pushes that are kept, lest an acknowledged one be lost
    kept = log + work.table_bytes / policy.checkpoint_seconds  # on the disk of another node, to outlive this one
    # In each direction: the rows of one kind of request, the indices of the other, and what is kept for a neighbour.
    wire = work.batches * work.distinct * (work.row_bytes + 8) + kept
    for_memory = math.ceil(work.table_bytes / node.memory)
    for_work = math.ceil(work.batches * work.distinct * (push + pull) / (node.shards * spare))
    for_network = math.ceil(wire / (node.network * policy.busy))
    for_disk = math.ceil(kept / (node.disk * policy.busy))
    nodes = max(for_memory, for_work, for_network, for_disk)
    rows = work.distinct / (nodes * node.shards)
    return Size(
        nodes=nodes, for_memory=for_memory, for_work=for_work, for_network=for_network, for_disk=for_disk,
        memory=work.table_bytes / nodes, busy=load(nodes), traffic=wire / nodes, log=log / nodes,
        push_seconds=measured.call_seconds + rows * push, pull_seconds=measured.call_seconds + rows * pull,
    )  # fmt: skip


def recovery(measured: Measured, work: Workload, node: Node, policy: Policy, found: Size) -> Recovery:
    """Add up how long a lost node is away, when it is lost half way between two checkpoints.

    Parameters
    ----------
    measured, work, node, policy
        The speeds, and what is assumed.
    found
        What `size` says of them.
    """
    since = policy.checkpoint_seconds / 2
    return Recovery(
        notice=policy.notice_seconds,
        restart=measured.restart_seconds,
        read=found.memory / node.disk,
        # Each shard replays its own, all at the same time, while the log is read.
        replay=max(since * work.batches * found.push_seconds, since * found.log / node.disk),
    )


@dataclass
class _Shard:
    queue: deque[tuple[float, float, int]] = field(default_factory=deque)  # arrival, seconds of service, batch
    serving: bool = False
    down: bool = False


def simulate(
    *,
    batches: float,
    shards: int,
    pull_seconds: float,
    push_seconds: float,
    gradient_seconds: float,
    workers: int,
    seconds: float,
    spread: float = 0.0,
    outage: tuple[float, float] | None = None,
    seed: int = 0,
) -> Simulated:
    """Play pulls and pushes against shards, event by event; equal numbers for an equal seed.

    Parameters
    ----------
    batches
        Batches a second that arrive, at random.
    shards
        How many, all alike.
    pull_seconds, push_seconds
        What a shard works for one batch; 0 leaves the request out.
    gradient_seconds
        What a worker computes between pull and push.
    workers
        Batches that can be under way at the same time.
    seconds
        For how long batches arrive; those that have arrived are finished.
    spread
        Standard deviation of what a shard works for a batch, as a share of it: rows are not spread evenly.
    outage
        When the first shard goes away, and for how long. What it was serving is served again.
    seed
        Of the arrivals.
    """
    for name, value in (("batches", batches), ("shards", shards), ("workers", workers), ("seconds", seconds)):
        if not 0 < value < math.inf:
            raise BadInput(f"{name} must be positive and finite", value, "pass a larger number")
    service = (pull_seconds, push_seconds)
    return _Play(batches, shards, service, gradient_seconds, workers, seconds, spread, outage, seed).go()


class _Play:
    """The state of a simulation. Events are (time, number, kind, subject); the number keeps their order definite."""

    def __init__(
        self, batches: float, shards: int, service: tuple[float, float], gradient: float, workers: int, seconds: float,
        spread: float, outage: tuple[float, float] | None, seed: int,
    ) -> None:  # fmt: skip
        self.service, self.gradient, self.free, self.spread = service, gradient, workers, spread
        self.shards = [_Shard() for _ in range(shards)]
        self.draw = np.random.default_rng(seed)
        gaps = self.draw.exponential(1 / batches, max(1, round(batches * seconds)))
        self.arrivals: list[float] = np.cumsum(gaps).tolist()
        count = len(self.arrivals)
        self.asked, self.missing, self.phase = [0.0] * count, [0] * count, [0] * count
        self.took: tuple[list[float], list[float]] = ([], [])
        self.waited: list[float] = []
        self.done: list[tuple[float, float]] = []
        self.waiting: deque[int] = deque()
        self.worked = 0.0
        self.number = 0
        self.lost: set[int] = set()  # completions that an outage has made void, by event number
        self.current: dict[int, tuple[int, tuple[float, float, int]]] = {}  # shard: its event and request
        self.events: list[tuple[float, int, str, int]] = []
        for batch, time in enumerate(self.arrivals):
            self.at(time, "arrive", batch)
        if outage is not None:
            self.at(outage[0], "down", 0)
            self.at(outage[0] + outage[1], "up", 0)

    def at(self, time: float, kind: str, subject: int) -> int:
        self.number += 1
        heapq.heappush(self.events, (time, self.number, kind, subject))
        return self.number

    def go(self) -> Simulated:
        now = 0.0
        while self.events:
            now, number, kind, subject = heapq.heappop(self.events)
            if number in self.lost:
                continue
            getattr(self, kind)(now, subject)
        behind = [end - began for began, end in self.done]
        return Simulated(
            pull=np.array(self.took[0]), push=np.array(self.took[1]), wait=np.array(self.waited),
            behind=np.array(behind), finished=np.array([end for _, end in self.done]),
            busy=self.worked / (len(self.shards) * now),
        )  # fmt: skip

    def arrive(self, now: float, batch: int) -> None:
        self.waiting.append(batch)
        self.employ(now)

    def employ(self, now: float) -> None:
        while self.free and self.waiting:
            self.free -= 1
            self.ask(now, self.waiting.popleft())

    def ask(self, now: float, batch: int) -> None:
        """Send what the batch's phase asks for to every shard: 0 a pull, 1 a push, 2 nothing more."""
        while self.phase[batch] < 2 and not self.service[self.phase[batch]]:
            self.phase[batch] += 1
        if self.phase[batch] == 2:
            self.done.append((self.arrivals[batch], now))
            self.free += 1
            self.employ(now)
            return
        self.asked[batch], self.missing[batch] = now, len(self.shards)
        for index, (shard, service) in enumerate(zip(self.shards, self.uneven(batch), strict=True)):
            shard.queue.append((now, service, batch))
            self.serve(now, index)

    def uneven(self, batch: int) -> list[float]:
        service = self.service[self.phase[batch]]
        if not self.spread:
            return [service] * len(self.shards)
        share = 1 + self.spread * self.draw.standard_normal(len(self.shards))
        return [service * max(0.0, each) for each in share.tolist()]

    def serve(self, now: float, index: int) -> None:
        shard = self.shards[index]
        if shard.serving or shard.down or not shard.queue:
            return
        request = shard.queue.popleft()
        shard.serving = True
        self.current[index] = self.at(now + request[1], "served", index), request

    def served(self, now: float, index: int) -> None:
        _, (arrived, service, batch) = self.current.pop(index)
        self.waited.append(now - service - arrived)
        self.worked += service
        self.shards[index].serving = False
        self.serve(now, index)
        self.missing[batch] -= 1
        if not self.missing[batch]:
            phase = self.phase[batch]
            self.took[phase].append(now - self.asked[batch])
            self.phase[batch] += 1
            self.at(now + (self.gradient if phase == 0 else 0.0), "ask", batch)

    def down(self, _: float, index: int) -> None:
        shard = self.shards[index]
        shard.down = True
        if shard.serving:
            event, request = self.current.pop(index)
            self.lost.add(event)
            shard.serving = False
            shard.queue.appendleft(request)

    def up(self, now: float, index: int) -> None:
        self.shards[index].down = False
        self.serve(now, index)


def tables(measured: Measured, work: Workload, node: Node, policy: Policy) -> dict[str, str]:
    """Give the plan as Markdown tables, by name; the same text for the same input."""
    plans = {name: replace(work, rowwise=rowwise) for name, rowwise in (("Adagrad", False), ("RowwiseAdagrad", True))}
    sizes = {name: size(measured, plan, node, policy) for name, plan in plans.items()}
    return {
        "measured": _measured_table(measured),
        "nodes": _nodes_table(plans, sizes),
        "waiting": _waiting_table(measured, work, node, policy),
        "failure": _failure_table(measured, plans, node, policy, sizes),
        "checkpoints": _checkpoints_table(measured, work, node, policy, sizes["Adagrad"]),
    }


def _measured_table(measured: Measured) -> str:
    million = 1e6
    return _table(
        ("measured, one core", "value"),
        [
            (f"rows of {measured.width} updated by Adagrad", f"{measured.push_rows / million:.1f} M/s"),
            (f"rows of {measured.width} updated by RowwiseAdagrad", f"{measured.rowwise_push_rows / million:.1f} M/s"),
            (f"rows of {measured.width} gathered", f"{measured.pull_rows / million:.1f} M/s"),
            ("packed and unpacked", f"{measured.pack_bytes / GIGA:.2f} GB/s"),
            ("handed from process to process by Ray", f"{measured.move_bytes / GIGA:.2f} GB/s"),
            ("an empty call of an actor", f"{1e6 * measured.call_seconds:.0f} µs"),
            ("restart of a killed actor", f"{measured.restart_seconds:.1f} s"),
        ],
    )


def _nodes_table(plans: Mapping[str, Workload], sizes: Mapping[str, Size]) -> str:
    lines: list[tuple[str, list[str]]] = [
        ("table and state", [f"{plan.table_bytes / GIGA:.0f} GB" for plan in plans.values()]),
        ("distinct rows of a batch", [f"{plan.distinct:,.0f}" for plan in plans.values()]),
        ("rows pulled, and pushed", [f"{plan.batches * plan.distinct / 1e6:.1f} M/s" for plan in plans.values()]),
    ]
    found = list(sizes.values())
    lines += [
        ("nodes for memory", [str(one.for_memory) for one in found]),
        ("nodes for work", [str(one.for_work) for one in found]),
        ("nodes for network", [str(one.for_network) for one in found]),
        ("nodes for disk", [str(one.for_disk) for one in found]),
        ("**nodes**", [f"**{one.nodes}**" for one in found]),
        ("memory of a node", [f"{one.memory / GIGA:.0f} GB" for one in found]),
        ("traffic of a node, each way", [f"{8 * one.traffic / GIGA:.1f} Gbit/s" for one in found]),
        ("log of a node", [f"{one.log / GIGA:.2f} GB/s" for one in found]),
        ("a shard is busy", [f"{one.busy:.0%}" for one in found]),
        ("workers, beside them", [str(_workers(plan, plan.batches)) for plan in plans.values()]),
    ]
    return _table(("", *plans), [(name, *values) for name, values in lines])


def _waiting_table(measured: Measured, work: Workload, node: Node, policy: Policy) -> str:
    """Waiting against load: the same nodes, at more and fewer examples a second."""
    found = size(measured, work, node, policy)
    rows = []
    for busy in (0.3, 0.45, 0.6, 0.75, 0.9):
        batches = busy / (found.push_seconds + found.pull_seconds)
        seen = simulate(
            batches=batches, shards=found.nodes * node.shards, pull_seconds=found.pull_seconds,
            push_seconds=found.push_seconds, gradient_seconds=work.gradient_seconds,
            workers=_workers(work, batches), seconds=1000 / batches,
            spread=1 / math.sqrt(work.distinct / (found.nodes * node.shards)),
        )  # fmt: skip
        ms = [1e3 * float(np.quantile(times, q)) for times in (seen.pull, seen.push) for q in (0.5, 0.99)]
        rows.append((f"{busy:.0%}", f"{batches * work.batch / 1e6:.2f} M/s", *(f"{value:.1f} ms" for value in ms)))
    return _table(("a shard is busy", "examples", "pull, median", "pull, 99 %", "push, median", "push, 99 %"), rows)


def _failure_table(
    measured: Measured, plans: Mapping[str, Workload], node: Node, policy: Policy, sizes: Mapping[str, Size]
) -> str:
    columns = []
    for name, work in plans.items():
        found = sizes[name]
        away = recovery(measured, work, node, policy, found)
        start = 20.0
        seen = simulate(  # a shard of each kind stands for all: the lost one, and one that waits for it
            batches=work.batches, shards=2, pull_seconds=found.pull_seconds, push_seconds=found.push_seconds,
            gradient_seconds=work.gradient_seconds, workers=_workers(work, work.batches),
            seconds=start + 1.2 * away.total / (1 - found.busy), outage=(start, away.total),
        )  # fmt: skip
        usual = float(np.quantile(seen.behind[seen.finished < start], 0.99))
        late = seen.finished[seen.behind > 2 * usual]
        columns.append(
            (
                f"{DAY * 30 / (node.days_between_failures * DAY / found.nodes):.1f}",
                *(f"{part:.0f} s" for part in (away.notice, away.restart, away.read, away.replay, away.total)),
                f"{float(late.max()) - start - away.total:.0f} s",
                f"{float(seen.behind.max()):.0f} s",
            )
        )
    names = (
        "failures in 30 days", "until it is noticed", "restart", "reading the checkpoint", "replaying pushes",
        "**training stands still**", "until the backlog is done, after that", "the latest batch was late by",
    )  # fmt: skip
    return _table(("", *plans), list(zip(names, *columns, strict=True)))


def _checkpoints_table(measured: Measured, work: Workload, node: Node, policy: Policy, found: Size) -> str:
    rows = []
    for minutes in (5, 10, 30, 60):
        each = replace(policy, checkpoint_seconds=60.0 * minutes)
        away = recovery(measured, work, node, each, found)
        writing = found.memory / node.disk / each.checkpoint_seconds
        kept = found.log * each.checkpoint_seconds
        lost = away.total * found.nodes / (node.days_between_failures * DAY)
        rows.append(
            (f"{minutes} min", f"{writing + found.log / node.disk:.0%}", f"{kept / GIGA:.0f} GB",
             f"{away.total:.0f} s", f"{lost:.3%}")
        )  # fmt: skip
    return _table(
        ("a checkpoint every", "the disk is busy", "log of a node, at most", "stands still, a failure", "time lost"),
        rows,
    )


def _workers(work: Workload, batches: float) -> int:
    """Twice as many as are busy on average, if a pull and a push took as long as the gradient."""
    return max(1, math.ceil(2 * batches * 2 * work.gradient_seconds))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _positive(of: Any, *names: str) -> None:
    for name in names:
        value = getattr(of, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise BadInput(f"{name} must be a positive number", repr(value), "pass a number above 0")


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the plan: ``python -m nukarumi.cluster.plan FILE``."""
    parser = argparse.ArgumentParser(
        prog="python -m nukarumi.cluster.plan", description=__doc__.partition("\n")[0] if __doc__ else None
    )
    parser.add_argument("file", help="measurements: python benchmarks/scale.py FILE")
    choices: dict[str, type] = {"workload": Workload, "node": Node, "policy": Policy}
    for group, kind in choices.items():
        section = parser.add_argument_group(group)
        for part in fields(kind):
            if part.name != "rowwise":  # both are printed
                section.add_argument(
                    f"--{part.name.replace('_', '-')}", type=type(part.default), default=part.default, metavar="N",
                    help=f"(default: {part.default:g})",
                )  # fmt: skip
    chosen = vars(parser.parse_args(arguments))
    try:
        made = {
            group: kind(**{part.name: chosen[part.name] for part in fields(kind) if part.name in chosen})
            for group, kind in choices.items()
        }
        found = tables(Measured.read(chosen["file"]), made["workload"], made["node"], made["policy"])
    except BadInput as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write("\n\n".join(found.values()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
