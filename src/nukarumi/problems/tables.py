"""Reading a user's table, CSV, Parquet, ``.npz`` or svmlight, so that a broken one says where it is broken."""

from __future__ import annotations

import bz2
import csv
import functools
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Split
from nukarumi.problems.sparse import SparseRows

__all__ = ["LABELS", "Table", "read_csv", "read_npz", "read_parquet", "read_svmlight"]

LABELS = ("label", "y", "target", "class")
"""Names that mark the column of classes, in small or capital letters."""


@dataclass
class Table:
    """Rows and their classes as they stood in the file, with a name for every place.

    Parameters
    ----------
    x
        Features, (rows, features), or sparse rows.
    labels
        Classes as numbers or strings, (rows,).
    features
        How many features there are.
    place
        What to call a row, and a feature in it, in an error.
    label_place
        What to call the class of a row.
    """

    x: Array | SparseRows
    labels: Array
    features: int
    place: Callable[[int, int], str]
    label_place: Callable[[int], str] = field(default=lambda row: f"row {row + 1}")


def read_csv(path: Path, label: str | int | None = None, header: bool | None = None) -> Table:
    """A CSV file: UTF-8, comma, semicolon or tab, one row a line, numbers everywhere but in the column of classes.

    Parameters
    ----------
    path
        The file.
    label
        Name or number (from 0, or negative from the end) of the column of classes; if not told, the one called as in
        :data:`LABELS`, else the last one.
    header
        Whether the first line holds names; if not told, it does where it has a word above a column of numbers, or one
        of :data:`LABELS`.

    Raises
    ------
    BadInput
        Naming the line and the column.
    """
    lines, rows = _csv_rows(path)
    width = len(rows[0])
    for line, fields in zip(lines, rows, strict=True):
        if len(fields) != width:
            raise BadInput(
                f"{path}, line {line}: every line must have as many fields as the first, {width}",
                f"{len(fields)} fields",
                "complete or remove that line",
            )
    if header is None:
        header = _has_header(rows)
    names = [f"{number}" for number in range(width)]
    if header:
        names = [name.strip() for name in rows[0]]
        lines, rows = lines[1:], rows[1:]
    if not rows:
        raise BadInput(f"{path} must have rows of data", "only a header", "add the data")
    target = _label_column(path, names, label, named=header)
    others = [column for column in range(width) if column != target]
    _need_features(path, others)

    def place(row: int, feature: int) -> str:
        return f"{path}, line {lines[row]}, column {names[others[feature]]!r}"

    columns = list(zip(*rows, strict=True))
    x = np.empty((len(rows), len(others)))
    for feature, column in enumerate(others):
        x[:, feature] = _numbers(columns[column], functools.partial(place, feature=feature))
    labels = [cell.strip() for cell in columns[target]]
    for row, name in enumerate(labels):
        if not name:
            raise BadInput(
                f"{path}, line {lines[row]}, column {names[target]!r}: every row must have a class",
                "an empty field",
                "fill it in or remove that line",
            )
    return Table(
        x, _perhaps_numbers(labels), len(others), place, lambda row: f"{path}, line {lines[row]}, {names[target]!r}"
    )


def read_parquet(path: Path, label: str | int | None = None) -> Table:
    """A Parquet file: number columns, and one column of classes, chosen as in :func:`read_csv`.

    Raises
    ------
    BadInput
        If pyarrow is not installed, or naming the row (counted from 1) and the column.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as error:
        raise BadInput(
            "Parquet files are read with pyarrow", "no module pyarrow", "pip install 'nukarumi[parquet]'"
        ) from error
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _unreadable(path, "a Parquet file", error) from error
    names = [str(name) for name in table.column_names]
    if table.num_rows == 0 or not names:
        raise BadInput(f"{path} must have rows of data", f"{table.num_rows} rows, {len(names)} columns", "add the data")
    target = _label_column(path, names, label, named=True)
    others = [column for column in range(len(names)) if column != target]
    _need_features(path, others)
    for column, name in enumerate(names):
        if table.column(column).null_count:
            row = int(np.flatnonzero(table.column(column).is_null().to_numpy())[0])
            raise BadInput(
                f"{path}, row {row + 1}, column {name!r}: every field must have a value",
                "an empty field",
                "fill it in or remove that row",
            )
    x = np.empty((table.num_rows, len(others)))
    for feature, column in enumerate(others):
        kind = table.schema.field(column).type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
            raise BadInput(
                f"{path}, column {names[column]!r}: features must be numbers", str(kind), "encode or drop that column"
            )
        x[:, feature] = table.column(column).to_numpy()
    labels = np.asarray(table.column(target).to_pylist())
    return Table(
        x,
        labels if labels.dtype.kind in "biuf" else labels.astype(str),
        len(others),
        lambda row, feature: f"{path}, row {row + 1}, column {names[others[feature]]!r}",
        lambda row: f"{path}, row {row + 1}, column {names[target]!r}",
    )


X_NAMES, Y_NAMES = ("x", "data", "features", "images"), ("y", *(name for name in LABELS if name != "y"), "labels")
PART_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "validation": ("validation", "valid", "val"),
    "test": ("test",),
}


def read_npz(path: Path) -> dict[Split | None, Table]:
    """A NumPy archive with ``X`` and ``y``, or ``x_train`` and ``y_train`` with parts of their own.

    ``x`` may also be called data, features or images, and ``y`` label, labels, target or class; capital letters do not
    matter. Next to ``_train`` there may be ``_test`` and ``_validation`` (``_valid``, ``_val``). Rows of more than
    one axis, such as pictures, are laid flat.

    Returns
    -------
    tables
        By part, or under None where the file has one part only.

    Raises
    ------
    BadInput
        Naming the array.
    """
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            arrays = {name: archive[name] for name in archive.files} if isinstance(archive, NpzFile) else {}
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        # RuntimeError: a packing method or a password that zipfile does not know.
        raise _unreadable(path, "an .npz archive of plain arrays", error) from error

    def find(wanted: Sequence[str]) -> str | None:
        return next((name for name in arrays if name.lower() in wanted), None)

    tables: dict[Split | None, Table] = {}
    for part, ends in PART_NAMES.items():
        x_name = find([f"{x}_{end}" for x in X_NAMES for end in ends])
        y_name = find([f"{y}_{end}" for y in Y_NAMES for end in ends])
        if (x_name is None) != (y_name is None):
            raise BadInput(
                f"{path} must have both rows and classes for {part}", sorted(arrays), f"add x_{part} or y_{part}"
            )
        if x_name and y_name:
            tables[part] = _npz_table(path, arrays, x_name, y_name)
    if "train" not in tables:
        x_name, y_name = find(X_NAMES), find(Y_NAMES)
        if tables or x_name is None or y_name is None:
            raise BadInput(
                f"{path} must have the arrays X and y", sorted(arrays), "save it with np.savez(X=..., y=...)"
            )
        tables[None] = _npz_table(path, arrays, x_name, y_name)
    return tables


def read_svmlight(path: Path) -> Table:
    """An svmlight or libsvm file, ``class column:value column:value ...`` a line, perhaps gzipped.

    Raises
    ------
    BadInput
        Naming the line.
    """
    from sklearn.datasets import load_svmlight_file  # noqa: PLC0415

    try:
        matrix, labels = load_svmlight_file(str(path), dtype=np.float64)
    except (ValueError, OSError, EOFError, OverflowError, zlib.error) as error:
        where = _bad_svmlight_line(path)
        if where is None:
            raise _unreadable(path, "an svmlight file", error) from error
        raise BadInput(
            f"{path}, line {where[0]}: a line must read 'class column:value column:value ...' with rising columns",
            repr(where[1]),
            "mend or remove that line",
        ) from error
    if not len(labels) or not matrix.shape[1]:
        raise BadInput(f"{path} must have rows of data", f"{len(labels)} rows", "add the data")
    rows = SparseRows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data)
    return Table(
        rows,
        labels,
        int(matrix.shape[1]),
        lambda row, feature: f"{path}, example {row + 1}, column {feature}",
        lambda row: f"{path}, example {row + 1}, its class",
    )


# --- helpers -----------------------------------------------------------------------------------------------------


def _unreadable(path: Path, what: str, error: Exception) -> BadInput:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return BadInput(f"{path} must be {what} that can be read to its end", reason, "copy or make the file again")


def _need_features(path: Path, others: Sequence[int]) -> None:
    if not others:
        raise BadInput(
            f"{path} must have a column of classes and at least one of numbers", "one column", "check the separator"
        )


def _csv_rows(path: Path) -> tuple[list[int], list[list[str]]]:
    """Line numbers and fields of every line that is not blank."""
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise BadInput(f"{path}, line {line}: a CSV file must be UTF-8", str(error), "save it as UTF-8") from error
    if "\0" in content:
        line = content[: content.index("\0")].count("\n") + 1
        raise BadInput(f"{path}, line {line}: a CSV file must be text", "a zero byte", "check that it is a CSV file")
    first = next((line for line in content.splitlines() if line.strip()), None)
    if first is None:
        raise BadInput(f"{path} must have rows of data", "an empty file", "add the data")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    lines: list[int] = []
    rows: list[list[str]] = []
    try:
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                lines.append(reader.line_num)
                rows.append(row)
    except csv.Error as error:
        raise BadInput(
            f"{path}, line {reader.line_num}: quotes must be closed and fields separated", str(error), "mend that line"
        ) from error
    return lines, rows


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _has_header(rows: list[list[str]]) -> bool:
    first = rows[0]
    if any(cell.strip().lower() in LABELS for cell in first):
        return True
    if len(rows) == 1:
        return not any(_is_number(cell) for cell in first)
    return any(not _is_number(above) and _is_number(below) for above, below in zip(first, rows[1], strict=True))


def _label_column(path: Path, names: list[str], label: str | int | None, *, named: bool) -> int:
    if label is None:
        marked = [number for number, name in enumerate(names) if named and name.lower() in LABELS]
        if len(marked) > 1:
            found = [names[number] for number in marked]
            raise BadInput(f"{path} must have one column of classes", found, f"choose it, such as label={found[0]!r}")
        return marked[0] if marked else len(names) - 1
    if isinstance(label, str) and label in names:
        return names.index(label)
    try:
        number = int(label)
        names[number]
    except (ValueError, IndexError):
        raise BadInput(
            f"{path}: label must be the name or number of a column",
            repr(label),
            f"choose from {names[:20]}" if named else f"choose from 0 to {len(names) - 1}",
        ) from None
    return number % len(names)


def _numbers(cells: Sequence[str], place: Callable[[int], str]) -> Array:
    try:
        return np.array(cells).astype(np.float64)
    except ValueError:
        for row, cell in enumerate(cells):
            if not _is_number(cell):
                raise BadInput(
                    f"{place(row)}: features must be numbers",
                    repr(cell) if cell.strip() else "an empty field",
                    "fill it in, encode the column as numbers, or choose the column of classes with label=",
                ) from None
        # Python reads a number that NumPy does not, such as one in other digits.
        return np.array([float(cell) for cell in cells])


def _perhaps_numbers(labels: list[str]) -> Array:
    texts = np.array(labels)
    return texts.astype(np.float64) if all(map(_is_number, labels)) else texts


def _npz_table(path: Path, arrays: dict[str, Any], x_name: str, y_name: str) -> Table:
    x, labels = arrays[x_name], arrays[y_name]
    if x.dtype.kind not in "biuf":
        raise BadInput(f"{path}, {x_name}: features must be numbers", x.dtype, "save an array of floats")
    if x.ndim < 2 or x.size == 0:
        raise BadInput(f"{path}, {x_name}: rows and features are two axes, none empty", x.shape, "reshape the array")
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (len(x),):
        raise BadInput(
            f"{path}, {y_name}: there must be one class for each of the {len(x)} rows of {x_name}",
            labels.shape,
            "save class numbers or names, not one-hot rows",
        )
    if labels.dtype.kind not in "biufU":
        raise BadInput(f"{path}, {y_name}: classes must be numbers or strings", labels.dtype, "convert them")
    flat = x.reshape(len(x), -1)
    return Table(
        flat,
        labels,
        flat.shape[1],
        lambda row, feature: f"{path}, {x_name}[{', '.join(map(str, (row, *np.unravel_index(feature, x.shape[1:]))))}]",
        lambda row: f"{path}, {y_name}[{row}]",
    )


def _bad_svmlight_line(path: Path) -> tuple[int, str] | None:
    """The first line that is not svmlight, found by reading plainly what the fast reader refused."""
    opener: Any = {".gz": gzip.open, ".bz2": bz2.open}.get(path.suffix, open)
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                fields = line.split("#", 1)[0].split()
                if fields and not _is_svmlight(fields):
                    return number, line.strip()[:80]
    except (OSError, EOFError, zlib.error) as error:
        return number + 1, str(error)
    return None


def _is_svmlight(fields: list[str]) -> bool:
    if not _is_number(fields[0]):
        return False
    last = -1
    for entry in fields[1:]:
        column, colon, value = entry.partition(":")
        if column == "qid":
            continue
        if not (colon and column.isdigit() and int(column) > last and _is_number(value)):
            return False
        last = int(column)
    return True
