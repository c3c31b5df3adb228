"""Rows of large tables: ``nukarumi bench --rows``, beside PyTorch's sparse Adagrad and over sizes of the table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np

from nukarumi import optim
from nukarumi.bench.timing import turns

__all__ = ["LOOKUPS", "WIDTH", "measure_rows", "zipf"]

Array = np.ndarray[Any, Any]
Step = Callable[[Array, Array], object]

LOOKUPS, WIDTH = 4096, 64
BATCHES = 64
"""Different batches, so many that the rows of one have left the cache when it comes again."""


def zipf(draw: np.random.Generator, length: int) -> Array:
    """Lookups whose k-th most frequent row comes with a share of about 1 / k, frequent ones spread over the table."""
    rank: Array = np.minimum(length, np.exp(draw.random(LOOKUPS) * np.log(length)).astype(np.int64)) - 1
    rows: Array = rank * 2_654_435_761 % length  # a prime that does not divide the length: another row for each rank
    return rows


def measure_rows(threads: int, largest: float) -> Iterator[tuple[str, str, float, float | None, float, float]]:
    """The lines of the table: work, peer, seconds of ours and of theirs, and the ratio wanted and aimed at.

    Parameters
    ----------
    threads
        For both sides.
    largest
        Millions of rows of the largest table.
    """
    rows = int(min(4.0, largest) * 1e6)
    table = np.full((rows, WIDTH), 0.1, np.float32)
    steps = {"full": _ours("Adagrad", table, threads), "row-wise": _ours("RowwiseAdagrad", table, threads)}
    theirs = _torch(table, threads)
    if theirs is not None:
        steps["torch"] = theirs
    times = turns({name: _batches(step, rows) for name, step in steps.items()})
    work = f"{LOOKUPS} lookups, {rows / 1e6:g} M x {WIDTH}"
    torch = times.get("torch")
    yield f"Adagrad, {work}", "torch sparse", times["full"], torch, 4, 10
    yield f"row-wise, {work}", "torch sparse, full", times["row-wise"], torch, 4, 10
    yield f"row-wise, {work}", "ours, full", times["row-wise"], times["full"], 2, 2
    del table, theirs
    steps.clear()
    small = 0.1
    contenders = {}
    for size in (small, largest):
        table = np.full((int(size * 1e6), WIDTH), 0.1, np.float32)
        contenders[size] = _batches(_ours("Adagrad", table, threads), len(table))
    grown = turns({str(size): step for size, step in contenders.items()})
    of = "Adagrad, {:g} M rows".format
    yield of(largest), of(small), grown[str(largest)], grown[str(small)], 0.5, 1


def _batches(step: Step, rows: int) -> Callable[[], object]:
    """A function that does the step with the next batch; the gradient is warm, as a backward pass leaves it."""
    draw = np.random.default_rng(0)
    values = draw.standard_normal((LOOKUPS, WIDTH), dtype=np.float32)
    batches = [zipf(draw, rows) for _ in range(BATCHES)]
    for indices in batches:
        step(indices, values)
    coming = cycle(batches)
    return lambda: step(next(coming), values)


def _ours(name: str, table: Array, threads: int) -> Step:
    optimizer = getattr(optim, name)(engine="numba", threads=threads)
    shape = table.shape[:1] if name == "RowwiseAdagrad" else table.shape
    optimizer.use_state("table", h=np.full(shape, 0.01, np.float32))  # in memory from end to end, as PyTorch's is
    params = {"table": table}
    return lambda indices, values: optimizer.update(params, {"table": optim.Rows(indices, values)})


def _torch(table: Array, threads: int) -> Step | None:
    try:
        import torch  # noqa: PLC0415  (only ever here: a peer, not a dependency)
    except ImportError:
        return None
    torch.set_num_threads(threads)
    weight = torch.from_numpy(table).requires_grad_()
    optimizer = torch.optim.Adagrad([weight], lr=0.01)

    def step(indices: Array, values: Array) -> None:
        weight.grad = torch.sparse_coo_tensor(
            torch.from_numpy(indices)[None], torch.from_numpy(values), table.shape, check_invariants=False
        )
        optimizer.step()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it announces, once, that it does not check its own indices
        step(np.zeros(1, np.int64), np.zeros((1, WIDTH), np.float32))
    return step
