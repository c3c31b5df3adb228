"""Examples as Ray Data holds them: read in parts by many machines, kept in their memory, read again when one is lost.

A row of the data set is an example: its label, its weight, and the columns and values of its non-zeros. So Parquet,
svmlight and Vowpal Wabbit's text, and any data set of numbers that somebody has made with Ray Data, look alike here.
The order of the rows is that of the files.

Only `nukarumi.cluster.fit` imports this, when it is wanted, because it needs Ray.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray.data
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask

from nukarumi._errors import BadInput
from nukarumi.cluster.connect import ClusterError, worker_environment
from nukarumi.cluster.fleet import POLL
from nukarumi.linear.reading import (
    BLOCK,
    SUFFIXES,
    Batch,
    Format,
    Stretch,
    format_of,
    numbers,
    read_stretch,
    stretches,
)  # fmt: skip

__all__ = ["Examples", "dataset", "files", "materialized", "opened"]

Array = np.ndarray[Any, Any]
REFUSAL = re.compile(r"^nukarumi\._errors\.\w+: (.*)\. Received: (.*)\. Cure: (.*)\.$", re.MULTILINE)
RAISED = re.compile(r"^[A-Za-z_][\w.]*(: .*)?$", re.MULTILINE)
"""In a worker's traceback: what was raised first. Ray Data passes no more than the text on from a function of rows."""
Opened = tuple[Any, Array, Array]
"""Features (CSR), labels, weights."""


def files(data: Any) -> list[Path]:
    """The files that a path, a folder, a pattern, or several of them name, sorted within each.

    Raises
    ------
    BadInput
        If there are none.
    """
    given = data if isinstance(data, Sequence) and not isinstance(data, str) else [data]
    found: list[Path] = []
    for one in given:
        if not isinstance(one, str | os.PathLike):
            raise BadInput("data must be paths of files, or a ray.data.Dataset", f"{one!r:.60}", 'data="train.svm"')
        path = Path(one)
        if path.is_dir():
            inside = sorted(part for part in path.iterdir() if part.is_file() and part.name[0] not in "._")
            here = [part for part in inside if _known(part)]
        else:
            here = [path] if path.exists() else sorted(map(Path, glob.glob(str(path), recursive=True)))
        if not here:
            raise BadInput(
                "data must name files that exist",
                f"the folder {path}, without such a file" if path.is_dir() else path,
                f"check the path; names end in {', '.join(SUFFIXES)}",
            )
        found += [part.absolute() for part in here]
    return found


def _known(path: Path) -> bool:
    try:
        format_of(path)
    except BadInput:
        return False
    return True


class Examples(Datasource):
    """Files as a source of Ray Data.

    Parameters
    ----------
    paths
        The files, which every machine must see.
    format, bits, label, block
        As in `nukarumi.linear.reading.batches`.
    """

    def __init__(
        self, paths: Iterable[Path], format: Format | None = None, *, bits: int = 18, label: str | None = None,
        block: int = BLOCK,
    ) -> None:  # fmt: skip
        super().__init__()  # type: ignore[no-untyped-call]
        self._parts = [part for path in paths for part in stretches(path, format, block=block)]
        self._options = {"bits": bits, "label": label}

    def estimate_inmemory_data_size(self) -> int | None:
        """Ray Data asks; nobody knows before the text is read."""
        return None

    def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[ReadTask]:
        """One task a part, in the order of the files."""
        options = self._options

        def task(part: Stretch) -> ReadTask:
            told = BlockMetadata(num_rows=None, size_bytes=None, exec_stats=None, input_files=(str(part.path),))
            return ReadTask(lambda: _tables(part, options), told)

        return [task(part) for part in self._parts]


def _tables(part: Stretch, options: dict[str, Any]) -> Iterator[pa.Table]:
    """In a worker: a part as tables."""
    try:
        for batch in read_stretch(part, **options):
            yield _table(batch)
    except FileNotFoundError as missing:
        raise BadInput(
            "every machine must see the files", f"{part.path}, which one does not", "keep them on a shared file system"
        ) from missing


def _table(batch: Batch) -> pa.Table:
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    X = batch.X if hasattr(batch.X, "indptr") else csr_matrix(batch.X)
    starts = pa.array(X.indptr.astype(np.int32))
    weight = np.ones(X.shape[0]) if batch.weight is None else batch.weight
    return pa.table(
        {
            "label": pa.array(batch.y),
            "weight": pa.array(weight),
            "columns": pa.ListArray.from_arrays(starts, pa.array(X.indices.astype(np.int32, copy=False))),
            "values": pa.ListArray.from_arrays(starts, pa.array(X.data.astype(np.float64, copy=False))),
            "width": pa.array(np.full(X.shape[0], X.shape[1], np.int32)),
        }
    )


def opened(table: pa.Table, start: int = 0, stop: int | None = None) -> Opened:
    """The examples of a block, from row ``start`` up to ``stop``, as they were read."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    part = table.slice(start, None if stop is None else stop - start).combine_chunks()
    columns, values = _whole(part.column("columns")), _whole(part.column("values"))
    starts = columns.offsets.to_numpy()[: len(columns) + 1]
    width = int(part.column("width").to_numpy().max(initial=0))
    parts = values.flatten().to_numpy(), columns.flatten().to_numpy(), starts - (starts[0] if len(starts) else 0)
    X = csr_matrix(parts, shape=(len(columns), width))
    label = part.column("label")
    y = label.to_numpy() if pa.types.is_floating(label.type) else np.asarray(label.to_pylist())
    return X, y, part.column("weight").to_numpy()


def _whole(column: Any) -> Any:
    found = column.combine_chunks()
    return found if not hasattr(found, "chunks") else pa.concat_arrays(found.chunks)


def dataset(
    data: Any, format: Format | None = None, *, bits: int = 18, label: str | None = None, block: int = BLOCK
) -> ray.data.Dataset:
    """A data set of examples, from files or from a data set with a column of labels and columns of numbers.

    Raises
    ------
    BadInput
        If there are no such files.
    """
    if isinstance(data, ray.data.Dataset):
        made = data.map_batches(
            lambda table: _table(Batch(*numbers("the data set", table, label), None, 1, 1.0)),
            batch_format="pyarrow",
            runtime_env=worker_environment(),
        )
    else:
        paths = files(data)
        source = Examples(paths, format, bits=bits, label=label, block=block)
        if not source._parts:
            raise BadInput(f"{', '.join(map(str, paths)):.200} must hold examples", "none", "add some")
        # With the environment of all workers, so that one process may read and then learn.
        made = ray.data.read_datasource(
            source, override_num_blocks=len(source._parts), runtime_env=worker_environment()
        )
    made.context.enable_progress_bars = False
    made.context.execution_options.preserve_order = True
    return made


def materialized(made: ray.data.Dataset, look: Callable[[], object]) -> list[Any]:
    """Read a data set into the memory of the machines; gives the references of its blocks.

    Parameters
    ----------
    made
        The data set.
    look
        Is called now and then, and raises when there is no hope.

    Raises
    ------
    BadInput, ClusterError
        What a reader refuses, or what went wrong there.
    """
    found: list[Any] = []
    failed: list[BaseException] = []

    def read() -> None:
        try:
            found.extend(made.materialize().to_arrow_refs())
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=read, name="nukarumi-ray-data", daemon=True)
    with _quietly():
        reader.start()
        while reader.is_alive():  # Ray Data itself has no time limit
            look()
            reader.join(POLL)
    if failed:
        raise _plain(failed[0])
    return found


@contextmanager
def _quietly() -> Iterator[None]:
    """Ray Data's diary of every execution is in its log files; its errors come as exceptions."""
    told = logging.getLogger("ray.data")
    before = told.level
    told.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        told.setLevel(before)


def _plain(error: BaseException) -> BaseException:
    """What a reader said, without what Ray Data has wrapped it in."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or one in seen:
            continue
        if isinstance(one, BadInput) and not isinstance(one, ray.exceptions.RayError):  # Ray's own has a page of text
            return one
        seen.append(one)
        waiting += [getattr(one, "cause", None), one.__cause__, one.__context__]
    refused = REFUSAL.search(str(error))
    if refused:
        return BadInput(*refused.groups())
    last = next((one for one in reversed(seen) if isinstance(one, OSError | ValueError)), error)
    raised = RAISED.search(str(error)) if isinstance(last, ray.exceptions.RayError) else None
    words = raised.group() if raised else f"{type(last).__name__}: {(str(last).strip().splitlines() or [''])[0]}"
    return ClusterError(f"the data could not be read: {words:.300}", "look at the files and nodes")
