"""Reading IDX, the format of MNIST and its relatives: a few bytes that say type and sizes, then nothing but pixels."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.problems.base import Array, Split

__all__ = ["find_idx", "read_idx", "read_idx_folder"]

PARTS: dict[Split, str] = {"train": "train", "test": "t10k"}
UNSIGNED_BYTES = 8
PIECE = 2**24


def find_idx(folder: Path, stem: str, axes: int) -> Path | None:
    """The file ``stem-idxN-ubyte`` or ``stem.idxN-ubyte`` of a folder, gzipped or not."""
    names = [f"{stem}{dot}idx{axes}-ubyte{end}" for dot in "-." for end in ("", ".gz")]
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_idx(path: Path, axes: int) -> Array:
    """One IDX file of unsigned bytes.

    .. math:: 0,\\ 0,\\ 8,\\ axes,\\ size_1,\\ \\ldots,\\ size_{axes},\\ bytes

    The sizes are big-endian 32-bit integers.

    Parameters
    ----------
    path
        The file; one that ends in ``.gz`` is unpacked while it is read.
    axes
        How many axes there must be: 3 for pictures, 1 for their classes.

    Returns
    -------
    array
        uint8, in the shape that the file gives.

    Raises
    ------
    BadInput
        If the file is of another type, is cut off, or is longer than its sizes say.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "labels-idx1-ubyte"
    >>> _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9]))
    >>> read_idx(path, axes=1)
    array([7, 0, 9], dtype=uint8)

    References
    ----------
    LeCun, Cortes, Burges, "The MNIST database of handwritten digits" (the format).
    """
    opener = gzip.open if path.suffix == ".gz" else open
    cure = "fetch the file again"
    try:
        with opener(path, "rb") as file:
            head = file.read(4 + 4 * axes)
            if head[:4] != bytes((0, 0, UNSIGNED_BYTES, axes)):
                raise BadInput(
                    f"{path}: an IDX file of bytes with {axes} axes starts with 00 00 08 {axes:02x}",
                    head[:4].hex(" ") or "an empty file",
                    "check that pictures and classes are not exchanged, and that the file is unpacked only if its name "
                    "lacks .gz",
                )
            if len(head) < 4 + 4 * axes:
                raise BadInput(f"{path}: the sizes must be complete", f"{len(head)} bytes", cure)
            sizes: tuple[int, ...] = struct.unpack(f">{axes}I", head[4:])
            expected = math.prod(sizes)
            # Piece by piece: sizes that promise too much must not ask for all that memory at once.
            pieces, left = [], expected
            while left and (piece := file.read(min(left, PIECE))):
                pieces.append(piece)
                left -= len(piece)
            content = b"".join(pieces)
            more = file.read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput(f"{path} must be readable to its end", str(error), cure) from error
    if len(content) < expected:
        raise BadInput(
            f"{path}: its sizes {sizes} ask for {expected} bytes after the header",
            f"{len(content)} bytes, so it breaks off in item {len(content) * sizes[0] // expected} of {sizes[0]}",
            cure,
        )
    if more:
        raise BadInput(f"{path}: its sizes {sizes} ask for {expected} bytes after the header", "more bytes", cure)
    if not expected:
        raise BadInput(f"{path} must have items", f"sizes {sizes}", cure)
    return np.frombuffer(content, dtype=np.uint8).reshape(sizes)


def read_idx_folder(folder: Path) -> dict[Split, tuple[Array, Array, Path]]:
    """Pictures, laid flat, and classes of a folder with the usual names: ``train-...`` and, if there, ``t10k-...``.

    Returns
    -------
    parts
        By part: pictures, (items, pixels), classes, (items,), and the file of the classes.

    Raises
    ------
    BadInput
        If a file is missing or broken, or pictures and classes do not fit together.
    """
    parts: dict[Split, tuple[Array, Array, Path]] = {}
    for part, stem in PARTS.items():
        images_file, labels_file = find_idx(folder, f"{stem}-images", 3), find_idx(folder, f"{stem}-labels", 1)
        if images_file is None and labels_file is None and part != "train":
            continue
        if images_file is None or labels_file is None:
            missing = f"{stem}-images-idx3-ubyte" if images_file is None else f"{stem}-labels-idx1-ubyte"
            raise BadInput(
                f"{folder}: a folder of data must hold {missing}, or the same with .gz",
                sorted(path.name for path in folder.iterdir())[:10],
                "put the IDX files into that folder, or name a data file",
            )
        images, labels = read_idx(images_file, 3), read_idx(labels_file, 1)
        if len(images) != len(labels):
            raise BadInput(
                f"{labels_file} must have one class for each of the {len(images)} pictures of {images_file.name}",
                f"{len(labels)} classes",
                "fetch both files again, from one place",
            )
        parts[part] = images.reshape(len(images), -1), labels, labels_file
    if "test" in parts and parts["test"][0].shape[1] != parts["train"][0].shape[1]:
        raise BadInput(
            f"{folder}: the pictures of both parts must be of one size",
            {part: f"{images.shape[1]} pixels" for part, (images, _, _) in parts.items()},
            "fetch the files again, from one place",
        )
    return parts
