"""The table of ``nukarumi bench``: every row a ratio measured within this run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from nukarumi import optim
from nukarumi.bench import peers
from nukarumi.bench.rows import measure_rows
from nukarumi.bench.timing import fresh, turns
from nukarumi.optim.engine.group import Group

__all__ = ["Row", "main", "measure"]

Array = np.ndarray[Any, Any]


class Row(NamedTuple):
    """One line of the table: how many times faster than the peer, and the target."""

    work: str
    peer: str
    ours: float
    theirs: float | None
    ratio: float | None
    least: float | None
    aim: float | None


_NETWORK = [(784, 50), (50,), (50, 10), (10,)]


def _update(name: str, params: Sequence[Array], grads: Sequence[Array], threads: int) -> Callable[[], object]:
    """One update of ours on copies, by the engine that ``auto`` would end with."""
    large = sum(w.size for w in params) >= 4096
    optimizer = getattr(optim, name)(threads=threads, engine="numba" if large else "numpy")
    named = {str(k): w.copy() for k, w in enumerate(params)}
    slopes = {str(k): g for k, g in enumerate(grads)}
    return lambda: optimizer.update(named, slopes)


def _arrays(shapes: Sequence[tuple[int, ...]]) -> tuple[list[Array], list[Array]]:
    draw = np.random.default_rng(0)
    made = [[draw.standard_normal(shape, dtype=np.float32) for shape in shapes] for _ in range(2)]
    return made[0], made[1]


def _rows(work: str, times: dict[str, float], targets: dict[str, tuple[float, float]], name: str) -> Iterator[Row]:
    for peer, (least, aim) in targets.items():
        theirs = times.get(peer)
        ratio = None if theirs is None else theirs / times["ours"]
        yield Row(work, peer.format(name), times["ours"], theirs, ratio, least, aim)


def _many(shapes: Sequence[tuple[int, ...]], work: str, threads: int, least: float, aim: float) -> Iterator[Row]:
    params, grads = _arrays(shapes)
    contenders = {"ours": _update("Adagrad", params, grads, threads)}
    contenders |= peers.torch_steps("Adagrad", params, grads, threads, ["fused"])
    times = turns(contenders)
    yield from _rows(work, _named(times), {"torch fused": (least, aim)}, "")


def _named(times: dict[str, float]) -> dict[str, float]:
    return {k if k in ("ours", "memory pass", "NumPy") else f"torch {k}": v for k, v in times.items()}


def measure(threads: int, large: int) -> Iterator[Row]:
    """The rows of the table, one after the other.

    Parameters
    ----------
    threads
        For both sides.
    large
        Entries of the large array.
    """
    yield from _many([(2,), (2,)], "two arrays of 2", threads, 2, 5)
    yield from _many(_NETWORK, "784-50-10 network", threads, 1.5, 4)
    yield from _many([(64, 64)] * 300, "300 arrays of 64 x 64", threads, 2, 4)
    yield from _many([(1 << 20,)], "1 M", threads, 1.5, 2.5)
    size = f"{large / (1 << 20):g} M"
    params, grads = _arrays([(large,)])
    contenders = {"ours": _update("Adagrad", params, grads, threads)}
    moved = peers.memory_pass(params[0].copy(), grads[0], threads)
    if moved is not None:
        contenders["memory pass"] = moved
    contenders["NumPy"] = peers.numpy_adagrad(params[0].copy(), grads[0])
    contenders |= peers.torch_steps("Adagrad", params, grads, threads, ["fused", "default"])
    targets = {"memory pass": (0.9, 1.0), "torch fused": (1, 1.2), "torch default": (8, 12), "NumPy": (8, 12)}
    yield from _rows(f"Adagrad, {size}", _named(turns(contenders, 0.2, 7)), targets, "")
    yield from _guard(params[0], grads[0], threads, size)
    for name in peers.TORCH:
        if name != "Adagrad":
            contenders = {"ours": _update(name, params, grads, threads)}
            contenders |= peers.torch_steps(name, params, grads, threads, ["fused", "foreach", "default"])
            times = _named(turns(contenders, 0.2, 5))
            others = [peer for peer in times if peer != "ours"]
            best = min(others, key=times.__getitem__) if others else "torch"
            yield from _rows(f"{name}, {size}", times, {best: (1, 1.2)}, name)
            del contenders
    yield from _starts()


def _of_rows(threads: int, largest: float) -> Iterator[Row]:
    for work, peer, ours, theirs, least, aim in measure_rows(threads, largest):
        yield Row(work, peer, ours, theirs, None if theirs is None else theirs / ours, least, aim)


def _guard(w: Array, g: Array, threads: int, size: str) -> Iterator[Row]:
    """What the watch for NaN and infinity costs: the same loop with and without it."""
    from nukarumi.optim.engine import loops  # noqa: PLC0415

    made = optim.Adagrad().recipe
    dtype = "float32"
    try:
        bare = loops.link(made, loops.build(made, dtype, loops.source(made, dtype, checked=False)))
    except ImportError:
        return
    contenders: dict[str, Callable[[], object]] = {}
    for label, loop in (("ours", loops.loop(made, dtype)), ("without", bare)):
        optimizer = optim.Adagrad(engine="numba", threads=threads)
        named, slopes = {"w": w.copy()}, {"w": g}
        optimizer.update(named, slopes)
        assert optimizer._plan is not None
        group = optimizer._plan.parts[0].group
        assert isinstance(group, Group)
        group._loop = loop
        contenders[label] = partial(optimizer.update, named, slopes)
    times = turns(contenders, 0.2, 9)
    yield Row(
        f"Adagrad, {size}, NaN watched",
        "the same loop without the watch",
        times["ours"],
        times["without"],
        times["without"] / times["ours"],
        0.95,
        1.0,
    )


_FIRST_SMALL = """
import time, numpy as np, nukarumi
p, g = {"a": np.ones(2), "b": np.ones(2)}, {"a": np.ones(2), "b": np.ones(2)}
start = time.perf_counter(); nukarumi.Adagrad().update(p, g); print(time.perf_counter() - start)
"""
_FIRST_LARGE = """
import time, numpy as np, nukarumi
p, g = {"w": np.ones(1 << 22, np.float32)}, {"w": np.ones(1 << 22, np.float32)}
start = time.perf_counter(); nukarumi.Adagrad().update(p, g); print(time.perf_counter() - start)
"""
_IMPORT = """
import numpy, time
start = time.perf_counter(); import nukarumi; print(time.perf_counter() - start)
"""


def _starts() -> Iterator[Row]:
    """Seconds of first things in fresh processes."""
    yield Row("import nukarumi, beyond NumPy", "(seconds)", fresh(_IMPORT), None, None, 0.030, None)
    yield Row("first update, two small arrays", "(seconds)", fresh(_FIRST_SMALL), None, None, 0.005, None)
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUKARUMI_CACHE_DIR": folder}
        cold = fresh(_FIRST_LARGE, 1, environment)
        warm = fresh(_FIRST_LARGE, 5, environment)
    yield Row("first update of 4 M, loop compiled", "(seconds)", cold, None, None, None, None)
    yield Row("first update of 4 M, loop on disk", "(seconds)", warm, None, None, 1.2, 0.6)


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for unit, factor in (("s", 1.0), ("ms", 1e3)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def _verdict(row: Row) -> tuple[str, str]:
    """Ratio and target as words."""
    if row.peer == "(seconds)":
        target = "" if row.least is None else f"< {_time(row.least)}"
        if row.least is None:
            return "", ""
        return ("ok" if row.ours < row.least else "MISSED"), target + (f", aim {_time(row.aim)}" if row.aim else "")
    told = "-" if row.ratio is None else f"{row.ratio:.2f} x"
    if row.ratio is not None and row.least is not None and row.ratio < row.least:
        told += " MISSED"
    return told, f"{row.least:g} x, aim {row.aim:g} x"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; ``arguments`` as on the command line after ``nukarumi bench``."""
    parser = argparse.ArgumentParser(prog="nukarumi bench", description=__doc__)
    parser.add_argument("--threads", type=int, default=2, help="threads for both sides (default: %(default)s)")
    parser.add_argument("--large", type=int, default=64, metavar="M", help="millions of entries (default: %(default)s)")
    parser.add_argument(
        "--rows", nargs="?", type=float, const=10.0, metavar="M",
        help="measure updates of single rows instead, in tables of up to M million rows (10 if none is given: 6 GB)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    given = parser.parse_args(arguments)
    rows = []
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    console = Console(stderr=given.json)
    with console.status("measuring ...") as status:
        measured = (
            measure(given.threads, given.large << 20) if given.rows is None else _of_rows(given.threads, given.rows)
        )
        for row in measured:
            rows.append(row)
            status.update(f"measured: {row.work} against {row.peer}")
    versions = {"python": platform.python_version(), "numpy": np.__version__, **_versions("numba", "torch")}
    if given.json:
        told = {"threads": given.threads, "versions": versions, "rows": [row._asdict() for row in rows]}
        Console(soft_wrap=True, highlight=False).print(json.dumps(told), markup=False)
        return 0
    title = f"float32, {given.threads} threads, " + ", ".join(f"{k} {v}" for k, v in versions.items())
    table = Table("one update", "against", "nukarumi", "peer", "faster", "at least", title=title)
    for row in rows:
        peer = "" if row.peer == "(seconds)" else row.peer
        table.add_row(row.work, peer, _time(row.ours), _time(row.theirs), *_verdict(row))
    console.print(table)
    return 0


def _versions(*names: str) -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
