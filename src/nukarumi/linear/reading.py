"""Examples from files larger than memory, a block at a time: svmlight, Vowpal Wabbit's text, Parquet.

A thread reads and parses the next block while the one before is being learnt from. What is in memory is a few blocks,
however long the file.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import queue
import select
import sys
import threading
import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.linear import machine
from nukarumi.linear.words import EXPECTED, LEAST_POWER, MOST_POWER
from nukarumi.problems.tables import LABELS

__all__ = [
    "BLOCK", "Batch", "Format", "Stretch", "ahead", "batches", "columns_of", "format_of", "is_standard_input",
    "load_svmlight", "name_of", "numbers", "read_stretch", "stretches",
]  # fmt: skip

Format = Literal["svmlight", "vw", "parquet"]
BLOCK = 1 << 23
"""Bytes of text in a block."""
ROWS = 1 << 14
"""Rows of a Parquet file in a block."""
SUFFIXES: dict[str, Format] = {
    ".svm": "svmlight",
    ".svmlight": "svmlight",
    ".libsvm": "svmlight",
    ".txt": "svmlight",
    ".vw": "vw",
    ".parquet": "parquet",
}


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes
    ----------
    X
        The features: CSR, or a whole matrix from Parquet.
    y
        The labels; NaN where Vowpal Wabbit's text has none.
    weight
        The weights of the rows, or None for all 1.
    line
        The line, or row, of the file that the batch begins at, counted from 1.
    share
        How much of the file has been read, 0 to 1; 0 if nobody knows how long it is.
    """

    X: Any
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    line: int
    share: float


@dataclass(frozen=True)
class Stretch:
    """A part of a file that can be read without the rest: its lines that begin from byte ``start`` up to ``stop``, or
    its row groups of these numbers (Parquet). None: to the end."""

    path: Path
    format: Format
    start: int
    stop: int | None


def format_of(path: Path) -> Format:
    """What kind of file this is, by its name.

    Raises
    ------
    BadInput
        If the name does not tell.

    Examples
    --------
    >>> format_of(Path("train.svm.gz")), format_of(Path("clicks.vw"))
    ('svmlight', 'vw')
    """
    if is_standard_input(path):
        raise BadInput("the format of standard input must be told", "none", "pass --format svmlight or --format vw")
    ending = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if ending not in SUFFIXES:
        raise BadInput(
            f"the name of a file must tell its format: {', '.join(SUFFIXES)}, each perhaps with .gz",
            repr(path.name),
            "rename it, or name the format with --format",
        )
    return SUFFIXES[ending]


def is_standard_input(path: Path) -> bool:
    """Whether this stands for standard input, as in ``zcat file.gz | nukarumi fit -``."""
    return str(path) == "-"


def name_of(path: Path) -> str:
    """What errors call a file.

    Examples
    --------
    >>> name_of(Path("train.svm")), name_of(Path("-"))
    ('train.svm', 'standard input')
    """
    return "standard input" if is_standard_input(path) else str(path)


def batches(
    path: Path, format: Format | None = None, *, bits: int = 18, label: str | None = None, block: int = BLOCK,
    stopped: threading.Event | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of a file, in order, a batch at a time.

    Parameters
    ----------
    path
        The file; text may be gzipped. "-" is standard input, for text.
    format
        "svmlight", "vw" or "parquet"; by its name if not told.
    bits
        For "vw": names of features are hashed, as Vowpal Wabbit does, to ``2**bits`` columns.
    label
        For "parquet": the column of labels; if not told, the one called label, y, target or class, else the last.
    block
        Bytes of text in a batch.
    stopped
        When it is set, standard input is not waited for any longer.

    Raises
    ------
    BadInput
        For a malformed file: its name, line, column, and what was expected there.
    OSError
        If it cannot be read.
    """
    kind = format or format_of(path)
    if kind == "parquet":
        if is_standard_input(path):
            raise BadInput("Parquet must be a file, which is read from its end", "standard input", "save it first")
        return _parquet(path, label)
    return _text(path, kind, bits, block, stopped)


def ahead(items: Iterator[Batch], stopped: threading.Event | None = None) -> Generator[Batch, None, None]:
    """The same items, each made by a thread while the one before is in use; ``stopped`` is set when no more are."""
    ready: queue.Queue[tuple[Batch | None, BaseException | None]] = queue.Queue(1)
    stopped = stopped or threading.Event()

    def hand_over(item: Batch | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return
            except queue.Full:
                pass

    def make() -> None:
        try:
            for item in items:
                hand_over(item, None)
                if stopped.is_set():
                    return
            hand_over(None, None)
        except BaseException as error:
            hand_over(None, error)

    thread = threading.Thread(target=make, name="nukarumi-reader", daemon=True)
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is None:
                return
            yield item
    finally:
        stopped.set()
        thread.join()


# Text -----------------------------------------------------------------------------------------------------------------


@cache
def _powers() -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """Exact powers of ten, and the upper 128 bits of powers of five in two halves (Lemire 2021)."""
    fives = []
    for power in range(LEAST_POWER, MOST_POWER + 1):
        five = 5 ** abs(power)
        if power < 0:
            # Rounded up, so that the product is never below the true one.
            five = (1 << (2 * five.bit_length() + 128)) // five + 1
        five = five << 128 >> five.bit_length()
        fives += [five >> 64, five & ((1 << 64) - 1)]
    return np.array([10.0**power for power in range(23)]), np.array(fives, np.uint64)


def _inputs() -> dict[str, Any]:
    from nukarumi.linear import parsers  # noqa: PLC0415

    return {"svmlight": parsers.svmlight, "vowpal": parsers.vowpal}


_HERE = Path(__file__).parent
_MADE_OF = tuple(_HERE / name for name in ("parsers.py", "words.py", "intrinsics.py"))
_ARGUMENTS = {
    "svmlight": "text uint8*, stop int64, tens float64*, fives uint64*, labels float64*, starts int32*, "
    "columns int32*, values float64*, left int64*, report int64*",
    "vw": "text uint8*, stop int64, tens float64*, fives uint64*, mask int64, labels float64*, weights float64*, "
    "starts int32*, columns int32*, values float64*, left int64*, report int64*",
}


@cache
def _parser(kind: Format) -> Callable[..., int]:
    arguments = [argument.split() for argument in _ARGUMENTS[kind].split(", ")]
    names = ", ".join(name for name, _ in arguments)
    text = f"def loop({names}):\n    return {'vowpal' if kind == 'vw' else kind}({names})\n"
    return machine.native(f"read-{kind}", text, tuple(type_ for _, type_ in arguments), _inputs, _MADE_OF)


class _Unwanted(Exception):
    """Nobody waits for what standard input may still bring."""


class _StandardInput:
    """Standard input, read by a thread that never waits in a read, where nothing could wake it: after Ctrl-C, say."""

    def __init__(self, stopped: threading.Event) -> None:
        self._file: Any = sys.stdin.buffer
        self._stopped = stopped

    def read(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            while sys.platform != "win32" and not select.select([self._file], [], [], 0.1)[0]:
                if self._stopped.is_set():
                    raise _Unwanted
            part = self._file.read1(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _text(path: Path, kind: Format, bits: int, block: int, stopped: threading.Event | None = None) -> Iterator[Batch]:
    if kind == "vw" and not 1 <= bits <= 30:
        raise BadInput("bits must be a whole number from 1 to 30", bits, "pass bits=18")
    raw = sys.stdin.buffer if is_standard_input(path) else path.open("rb")
    size = max(1, os.fstat(raw.fileno()).st_size) if raw.seekable() else math.inf
    with contextlib.ExitStack() as stack:
        file: BinaryIO | gzip.GzipFile | _StandardInput
        if is_standard_input(path):
            file = _StandardInput(stopped or threading.Event())
        else:
            file = stack.enter_context(raw)
            if path.suffix == ".gz":
                file = stack.enter_context(gzip.GzipFile(fileobj=raw))
        path = Path(name_of(path))
        line, rest = 1, b""
        while True:
            try:
                text, ended = _block(file, rest, block)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise BadInput(
                    f"{path} must be a whole gzip file", f"after line {line - 1}: {error}", "copy or pack it again"
                ) from error
            end = text.rfind(b"\n") + 1
            batch, lines = None, 0
            if end:
                batch, lines = _parse(
                    path, kind, bits, text, end, line, min(1.0, raw.tell() / size) if raw.seekable() else 0.0
                )
            rest, line = text[end:], line + lines
            if ended and rest:
                raise _cut(path, line, rest)
            if not end:
                return
            if batch is not None:
                yield batch


def _cut(path: Path, line: int, rest: bytes) -> BadInput:
    return BadInput(
        f"{path}, line {line}: every line must end with a newline",
        f"the file ends in {rest[-40:].decode('utf-8', 'replace')!r}",
        "if that is a whole line, add a newline; else the file has been cut, so fetch it again",
    )


def _block(file: BinaryIO | gzip.GzipFile | _StandardInput, rest: bytes, block: int) -> tuple[bytes, bool]:
    """About so many bytes more, with a line end unless the file has no more; and whether that was its end.

    A cut line is thus known of before anything is made of the lines before it.
    """
    parts = [rest]
    while True:
        part = file.read(block)
        parts.append(part)
        if not part or b"\n" in part:
            if part and not part.endswith(b"\n"):
                part = file.read(1)
                parts.append(part)
            return b"".join(parts), not part


def _parse(
    path: Path, kind: Format, bits: int, text: bytes, end: int, line: int, share: float
) -> tuple[Batch | None, int]:
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    tens, fives = _powers()
    bytes_ = np.frombuffer(text, np.uint8)
    most = text.count(b"\n", 0, end)
    # A column and its value take at least four bytes, " 1:2"; a name of Vowpal Wabbit's text two.
    entries = end // (2 if kind == "vw" else 4) + 1
    labels, weights = np.empty(most), np.empty(most if kind == "vw" else 0)
    starts, columns, values = np.empty(most + 1, np.int32), np.empty(entries, np.int32), np.empty(entries)
    left, report = np.empty(3 * (end // 19 + 1), np.int64), np.zeros(6, np.int64)
    places = (bytes_, end, tens, fives, *(((1 << bits) - 1, labels, weights) if kind == "vw" else (labels,)))
    expected = _parser(kind)(*map(_at, (*places, starts, columns, values, left, report)))
    rows, n, lines, at, largest, later = map(int, report)
    if expected:
        _refuse(path, text, at, line + lines - 1, EXPECTED[expected])
    for where, begin, stop in left[: 3 * later].reshape(-1, 3).tolist():
        number = float(text[begin:stop])
        if not math.isfinite(number):
            _refuse(path, text, begin, line + text.count(b"\n", 0, begin), "a finite number")
        if where >= 0:
            values[where] *= number
        else:
            (weights if where % 2 == 0 else labels)[(-1 - where) // 2] = number
    if not rows:
        return None, lines
    starts, columns, values = starts[: rows + 1], columns[:n].copy(), values[:n].copy()
    width = 1 << bits if kind == "vw" else largest + 1
    X = csr_matrix((values, columns, starts), shape=(rows, width))
    return Batch(X, labels[:rows], weights[:rows] if kind == "vw" else None, line, share), lines


def _refuse(path: Path, text: bytes, at: int, line: int, expected: str) -> NoReturn:
    begin, end = text.rfind(b"\n", 0, at) + 1, text.find(b"\n", at)
    shown = text[max(begin, at - 20) : min(end, at + 40)].decode("utf-8", "replace")
    raise BadInput(
        f"{path}, line {line}, column {at - begin + 1}: expected {expected}", repr(shown), "mend or remove that line"
    )


def _at(thing: Any) -> int:
    return int(thing.__array_interface__["data"][0]) if isinstance(thing, np.ndarray) else thing


def load_svmlight(path: str | Path) -> tuple[Any, NDArray[np.float64]]:
    """A whole svmlight file: the features as CSR and the labels.

    Columns keep the numbers of the file, so that in one that counts from 1 column 0 is empty.

    Parameters
    ----------
    path
        The file, perhaps gzipped.

    Returns
    -------
    X, y

    Raises
    ------
    BadInput
        For a malformed file: its name, line, column, and what was expected there.
    OSError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".svm") as file:
    ...     _ = file.write("1 0:0.5 3:2\\n-1 1:1e-3\\n")
    ...     file.flush()
    ...     X, y = load_svmlight(file.name)
    >>> X.toarray().tolist(), y.tolist()
    ([[0.5, 0.0, 0.0, 2.0], [0.0, 0.001, 0.0, 0.0]], [1.0, -1.0])
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    parts = list(batches(Path(path), "svmlight"))
    if not parts:
        return csr_matrix((0, 0)), np.empty(0)
    width = max(part.X.shape[1] for part in parts)
    entries = sum(part.X.nnz for part in parts)
    index = np.int32 if entries < 2**31 else np.int64
    before = np.cumsum([0, *(part.X.nnz for part in parts)], dtype=index)
    starts = np.concatenate(
        [[0], *(part.X.indptr[1:].astype(index) + n for part, n in zip(parts, before, strict=False))]
    )
    columns: NDArray[Any] = np.concatenate([part.X.indices for part in parts]).astype(index, copy=False)
    values: NDArray[Any] = np.concatenate([part.X.data for part in parts])
    y = np.concatenate([part.y for part in parts])
    return csr_matrix((values, columns, starts.astype(index)), shape=(len(y), width)), y


# Parts of a file ------------------------------------------------------------------------------------------------------


def stretches(path: Path, format: Format | None = None, *, block: int = BLOCK) -> list[Stretch]:
    """A file in parts that several readers may take, in their order; a gzipped file is one part.

    Parameters
    ----------
    path, format
        As in `batches`.
    block
        Bytes of text in a part.

    Raises
    ------
    BadInput
        If it is no such file.
    OSError
        If it cannot be looked at.
    """
    kind = format or format_of(path)
    if kind == "parquet":
        with _opened(path) as file:
            return [Stretch(path, kind, group, group + 1) for group in range(file.metadata.num_row_groups)]
    if path.suffix == ".gz":
        return [Stretch(path, kind, 0, None)]
    size = path.stat().st_size
    return [Stretch(path, kind, start, min(start + block, size)) for start in range(0, size, block)]


def read_stretch(part: Stretch, *, bits: int = 18, label: str | None = None) -> Iterator[Batch]:
    """The rows of a part of a file, with the errors that `batches` has for the whole.

    Raises
    ------
    BadInput
        For a malformed file: its name, line, column, and what was expected there.
    OSError
        If it cannot be read.
    """
    if part.format == "parquet":
        yield from _parquet(part.path, label, range(part.start, part.stop or part.start))
    elif part.stop is None:
        yield from _text(part.path, part.format, bits, BLOCK)
    else:
        with part.path.open("rb") as file:
            if part.start:  # a line that begins before belongs to the part before
                file.seek(part.start - 1)
                file.readline()
            begin = file.tell()
            text = file.read(part.stop - begin) if begin < part.stop else b""
            if text and not text.endswith(b"\n"):
                text += file.readline()
        try:
            batch = _lines(part, bits, text, 1)
        except BadInput:  # lines are counted only when one has to be named
            batch = _lines(part, bits, text, 1 + _newlines(part.path, begin))
        if batch is not None:
            yield batch


def _lines(part: Stretch, bits: int, text: bytes, line: int) -> Batch | None:
    end = text.rfind(b"\n") + 1
    if end < len(text):
        raise _cut(part.path, line + text.count(b"\n"), text[end:])
    return _parse(part.path, part.format, bits, text, end, line, 1.0)[0] if end else None


def _newlines(path: Path, stop: int) -> int:
    count = 0
    with path.open("rb") as file:
        while stop > 0 and (text := file.read(min(stop, BLOCK))):
            count, stop = count + text.count(b"\n"), stop - len(text)
    return count


# Parquet --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A Parquet file; what pyarrow says against it becomes one sentence."""
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise BadInput(
            "Parquet files are read with pyarrow", "no module pyarrow", "pip install 'nukarumi[parquet]'"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, BadInput):
            raise
        raise BadInput(
            f"{path} must be a Parquet file that can be read to its end",
            str(error).splitlines()[0].rstrip("."),
            "make it again",
        ) from error


def columns_of(where: str, schema: Any, label: str | None) -> tuple[str, list[str]]:
    """The column of labels and those of features, of an Arrow schema.

    Raises
    ------
    BadInput
        If there is no such column, or a feature is no number; ``where`` is named.
    """
    import pyarrow as pa  # noqa: PLC0415

    names = [str(name) for name in schema.names]
    if label is not None and label not in names:
        raise BadInput(f"{where} must have the column of labels", repr(label), f"use one of {', '.join(names)}")
    told = label or next((name for name in names if name.lower() in LABELS), names[-1] if names else "")
    others = [name for name in names if name != told]
    for name in others:
        kind = schema.field(name).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise BadInput(f"{where}, column {name!r}: features must be numbers", str(kind), "encode or drop it")
    if not others:
        raise BadInput(f"{where} must have a column of labels and one of numbers", f"{names}", "add the data")
    return told, others


def numbers(where: str, part: Any, label: str | None, done: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """Features and labels of an Arrow table or record batch, which begins at row ``done`` of ``where``.

    Raises
    ------
    BadInput
        If the columns do not fit, or a field is empty.
    """
    told, others = columns_of(where, part.schema, label)
    for name in (told, *others):
        column = part.column(name)
        if column.null_count:
            empty = np.asarray(column.is_null().to_numpy(**_plain(column)))
            raise BadInput(
                f"{where}, row {done + int(np.flatnonzero(empty)[0]) + 1}, column {name!r}: every field must have a "
                "value", "an empty field", "fill it in or remove that row",
            )  # fmt: skip
    X = np.empty((part.num_rows, len(others)))
    for at, name in enumerate(others):
        X[:, at] = part.column(name).to_numpy(**_plain(part.column(name)))
    return X, np.asarray(part.column(told).to_pylist())


def _plain(column: Any) -> dict[str, bool]:
    return {} if hasattr(column, "chunks") else {"zero_copy_only": False}  # a chunked column knows no other way


def _parquet(path: Path, label: str | None, groups: Sequence[int] | None = None) -> Iterator[Batch]:
    with _opened(path) as file:
        columns_of(str(path), file.schema_arrow, label)
        before = range(0 if groups is None else groups[0])
        done = sum(file.metadata.row_group(group).num_rows for group in before)
        whole = max(1, file.metadata.num_rows)
        for part in file.iter_batches(ROWS, row_groups=groups):
            X, y = numbers(str(path), part, label, done)
            yield Batch(X, y, None, done + 1, (done + len(y)) / whole)
            done += len(y)
