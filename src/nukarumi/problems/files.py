"""The user's own data: a file or folder of rows and their classes becomes a problem, or says why it cannot."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Split
from nukarumi.problems.classify import Classification
from nukarumi.problems.idx import read_idx_folder
from nukarumi.problems.sparse import Loss, SparseLinear, SparseRows
from nukarumi.problems.split import stratified
from nukarumi.problems.tables import Table, read_csv, read_npz, read_parquet, read_svmlight

__all__ = ["FORMATS", "from_file"]

FORMATS = ".csv, .tsv, .txt, .data, .parquet, .npz, .svm, .svmlight or .libsvm (also with .gz), a folder of IDX files"
"""What :func:`from_file` reads, for messages."""

CSV, SVMLIGHT = (".csv", ".tsv", ".txt", ".data"), (".svm", ".svmlight", ".libsvm")
HELD_OUT = 0.15
DENSE_LIMIT = 20_000_000
"""Numbers up to which sparse rows are filled up and given to a network."""

FURTHEST = 1e12
"""Deviations beyond which a float32 network could only overflow."""


def from_file(
    path: str | os.PathLike[str],
    *,
    label: str | int | None = None,
    header: bool | None = None,
    hidden: Sequence[int] = (50,),
    batch_size: int | None = None,
    loss: Loss | None = None,
    split_seed: int = 0,
    dtype: npt.DTypeLike = np.float32,
) -> Classification | SparseLinear:
    """A classification problem from a file: a network ``features-50-classes``, or a linear model for wide sparse rows.

    =====================  ============================================================================================
    CSV                    a line a row, numbers, and a column of classes: ``label=``, else the one called label, y,
                           target or class, else the last; with or without a header
    Parquet                the same (``pip install 'nukarumi[parquet]'``)
    ``.npz``               ``X`` and ``y``, or ``x_train``, ``y_train`` and perhaps ``x_test``, ``x_validation``, ...
    svmlight               ``.svm``, ``.svmlight``, ``.libsvm``
    folder of IDX files    ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte`` and perhaps ``t10k-...``, as MNIST
                           and Fashion-MNIST have them, gzipped or not; one of these files stands for its folder
    =====================  ============================================================================================

    Parts that the data do not bring are drawn with the same mix of classes in each: 15 % of all rows to judge, 15 % to
    choose the learning rate. Pixels (uint8) are divided by 255; other features get mean 0 and deviation 1 on the
    training part. Rows that are sparse and wide (more than 20 million numbers when filled up) stay as they are and get
    a linear model.

    Parameters
    ----------
    path
        A file or a folder.
    label
        Name or number of the column of classes, for CSV and Parquet.
    header
        Whether a CSV file starts with names; found out unless told.
    hidden
        Units of the hidden layers.
    batch_size
        Rows a step; unless told 32, 128 from 10,000 training rows on, and 1 for the linear model.
    loss
        For the linear model: "hinge" (two classes), "logistic" or "softmax".
    split_seed
        Decides which rows go to which part.
    dtype
        float32 or float64.

    Raises
    ------
    BadInput
        If the file is missing, broken, empty, of one class, or has missing or non-finite numbers; it says where.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "flowers.csv"
    >>> _ = path.write_text("width,height,class\\n" + "1,2,rose\\n2,1,tulip\\n" * 20)
    >>> problem = from_file(path)
    >>> problem.describe()["network"], problem.classes
    ('2-50-2', ['rose', 'tulip'])
    """
    place = Path(path)
    if not place.exists():
        raise BadInput("the data must be a file or folder that exists", str(place), "check the path")
    kind = _kind(place)
    for name, value, kinds in (
        ("label", label, ("csv", "parquet")),
        ("header", header, ("csv",)),
    ):
        if value is not None and kind not in kinds:
            raise BadInput(f"{name} is an option of {' and '.join(kinds)} files", f"{place} ({kind})", f"drop {name}")
    tables = _read(place, kind, label, header)
    for table in tables.values():
        _check_finite(table)
    classes, coded = _classes(place, tables)
    features = _one_width(place, tables)
    parts = _deal(place, tables, coded, split_seed)
    name = (place if place.is_dir() else place.parent).name if kind == "idx" else place.name.split(".")[0]
    about = {"source": str(place), "licence": "not known: the user's own data"}
    rows = len(parts["train"][1])

    sparse: dict[Split, tuple[SparseRows, Array]] = {
        split: (x, labels) for split, (x, labels) in parts.items() if isinstance(x, SparseRows)
    }
    if sparse and sum(len(labels) for _, labels in sparse.values()) * features > DENSE_LIMIT:
        return SparseLinear(
            name,
            sparse,
            features,
            classes,
            loss=loss or ("hinge" if len(classes) == 2 else "softmax"),
            batch_size=1 if batch_size is None else batch_size,
            dtype=dtype,
            epochs=1,
            seeds=3,
            about=about,
        )
    if loss is not None:
        raise BadInput(
            "loss is an option of wide sparse data, which get a linear model",
            repr(loss),
            "drop loss: a network's is set",
        )
    dense: dict[Split, tuple[Array, Array]] = {
        split: (_filled(x, features) if isinstance(x, SparseRows) else x, labels)
        for split, (x, labels) in parts.items()
    }
    pixels = all(x.dtype == np.uint8 for x, _ in dense.values())
    return Classification(
        name,
        dense if pixels else _standardised(place, dense),
        classes,
        hidden=hidden,
        batch_size=batch_size if batch_size is not None else 32 if rows < 10_000 else 128,
        scale=1 / 255 if pixels else 1.0,
        dtype=dtype,
        epochs=10 if rows < 5_000 else 5 if rows < 20_000 else 3,
        seeds=3,
        about=about,
    )


def _kind(path: Path) -> str:
    name = path.name.lower()
    bare = name.removesuffix(".gz").removesuffix(".bz2")
    if path.is_dir() or "idx1-ubyte" in name or "idx3-ubyte" in name:
        return "idx"
    if name.endswith(CSV):
        return "csv"
    if name.endswith((".parquet", ".npz")):
        return name.rsplit(".", 1)[1]
    if bare.endswith(SVMLIGHT):
        return "svmlight"
    raise BadInput(f"data must be {FORMATS}", str(path), "convert or rename the file")


def _read(path: Path, kind: str, label: str | int | None, header: bool | None) -> dict[Split | None, Table]:
    try:
        match kind:
            case "csv":
                return {None: read_csv(path, label, header)}
            case "parquet":
                return {None: read_parquet(path, label)}
            case "npz":
                return read_npz(path)
            case "svmlight":
                return {None: read_svmlight(path)}
            case _:
                return _idx_tables(path if path.is_dir() else path.parent)
    except OSError as error:
        raise BadInput(f"{path} must be readable", str(error), "check the file and its permissions") from error


def _idx_tables(folder: Path) -> dict[Split | None, Table]:
    tables: dict[Split | None, Table] = {}
    parts = read_idx_folder(folder)
    for part, (images, labels, file) in parts.items():
        tables[part if len(parts) > 1 else None] = Table(
            images,
            labels,
            images.shape[1],
            functools.partial("{}, picture {}, pixel {}".format, folder),
            functools.partial("{}, item {}".format, file),
        )
    return tables


def _check_finite(table: Table) -> None:
    values = table.x.values if isinstance(table.x, SparseRows) else table.x
    if values is not None and values.dtype.kind == "f":
        finite = np.isfinite(values)
        if not finite.all():
            first = int(np.flatnonzero(~finite.ravel())[0])
            if isinstance(table.x, SparseRows):
                row = int(np.searchsorted(table.x.starts, first, side="right")) - 1
                where = table.place(row, int(table.x.columns[first]))
            else:
                where = table.place(*divmod(first, table.features))
            raise BadInput(
                f"{where}: features must be finite numbers", values.ravel()[first], "fill it in or remove that row"
            )
    if table.labels.dtype.kind == "f":
        odd = np.flatnonzero(~(np.isfinite(table.labels) & (table.labels == np.round(table.labels))))
        if len(odd):
            raise BadInput(
                f"{table.label_place(int(odd[0]))}: classes must be whole numbers or names",
                table.labels[odd[0]],
                "choose the column of classes with label=, or make classes of the numbers; this is no regression",
            )


def _classes(path: Path, tables: dict[Split | None, Table]) -> tuple[list[str], dict[Split | None, Array]]:
    """The names of the classes in order, and each table's class numbers."""
    kinds = {table.labels.dtype.kind == "U" for table in tables.values()}
    if len(kinds) > 1:
        raise BadInput(f"{path}: classes must be names in all parts or numbers in all parts", "both", "use one of them")
    first = tables.get("train", tables.get(None))
    assert first is not None
    known = np.unique(first.labels)
    if len(known) < 2:
        raise BadInput(
            f"{path} must have two classes or more", f"only the class {known[0]}", "add rows of other classes"
        )
    if len(known) > max(2, len(first.labels) // 2):
        raise BadInput(
            f"{path}: a class must have about ten rows",
            f"{len(known)} classes in {len(first.labels)} rows",
            "choose the column of classes with label=",
        )
    coded: dict[Split | None, Array] = {}
    for part, table in tables.items():
        codes = np.searchsorted(known, table.labels).clip(max=len(known) - 1)
        strange = np.flatnonzero(known[codes] != table.labels)
        if len(strange):
            raise BadInput(
                f"{table.label_place(int(strange[0]))}: every class must be in the training part",
                repr(table.labels[strange[0]].item()),
                "add rows of that class to the training part",
            )
        coded[part] = codes
    whole = known.dtype.kind != "U"
    return [str(int(name)) if whole else str(name) for name in known], coded


def _one_width(path: Path, tables: dict[Split | None, Table]) -> int:
    widths = {str(part): table.features for part, table in tables.items()}
    if len(set(widths.values())) > 1:
        raise BadInput(f"{path}: all parts must have the same features", widths, "save the same columns for each part")
    return next(iter(widths.values()))


def _deal(
    path: Path, tables: dict[Split | None, Table], coded: dict[Split | None, Array], seed: int
) -> dict[Split, tuple[Array | SparseRows, Array]]:
    """The three parts: those that the data bring, and the others taken from the training rows."""
    source: Split | None = "train" if "train" in tables else None
    missing: list[Split] = [split for split in ("validation", "test") if split not in tables]
    parts: dict[Split, tuple[Array | SparseRows, Array]] = {}
    for split in ("validation", "test"):
        if split in tables:
            parts[split] = tables[split].x, coded[split]
    shares = (1 - HELD_OUT * len(missing), *(HELD_OUT for _ in missing))
    dealt = stratified(coded[source], shares, seed, str(path)) if missing else [np.arange(len(coded[source]))]
    for name, rows in zip(("train", *missing), dealt, strict=True):
        x = tables[source].x
        taken = x.take(rows) if isinstance(x, SparseRows) else x[rows]
        parts[name] = taken, coded[source][rows]
    return {split: parts[split] for split in ("train", "validation", "test")}


def _filled(rows: SparseRows, features: int) -> Array:
    x = np.zeros((len(rows.starts) - 1, features))
    x[rows.row_of_entries(), rows.columns] = 1.0 if rows.values is None else rows.values
    return x


def _standardised(path: Path, parts: dict[Split, tuple[Array, Array]]) -> dict[Split, tuple[Array, Array]]:
    train = parts["train"][0].astype(np.float64)
    # Scaled first: the square of a feature near the largest float64 must not overflow.
    largest = np.abs(train).max(axis=0)
    largest[largest == 0] = 1.0
    mean = (train / largest).mean(axis=0)
    deviation = (train / largest).std(axis=0)
    # A feature that never changes says nothing: it becomes 0, and rounding must not blow it up.
    deviation[deviation < 1e-12] = 1.0
    standard: dict[Split, tuple[Array, Array]] = {}
    for split, (x, labels) in parts.items():
        with np.errstate(over="ignore"):
            scaled = (x / largest - mean) / deviation
        furthest = float(np.abs(scaled).max())
        if furthest > FURTHEST:
            raise BadInput(
                f"{path}: no {split} row may be more than {FURTHEST:g} deviations away from the training rows",
                f"{furthest:g}",
                "look for a wrong unit or a typing error",
            )
        standard[split] = scaled, labels
    return standard
