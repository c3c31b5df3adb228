"""Checkpoints of shards that belong together: a manifest, written last, says which files are one state of one table.

A folder holds, for each checkpoint, a folder of safetensors files, one a shard, and beside it a manifest (JSON) that
names them with their lengths and SHA-256 sums. Files become real by a rename after they have reached the disk, the
manifest after all files. Whatever a crash leaves half done has no manifest, so nobody reads it. Manifests go first
when old checkpoints are removed, for the same reason.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nukarumi._errors import BadInput, BadType
from nukarumi._files import write_atomically

__all__ = ["Folder", "Manifest", "Stretch", "digest", "read_stretch", "sync_folder", "write_tensors"]

Array = np.ndarray[Any, Any]

VERSION = 1
PIECE = 1 << 24
"""Bytes that are written, read or summed up at a time."""

_TYPES = {"float32": "F32", "float64": "F64"}
_MANIFEST = re.compile(r"(\d{12})\.json")
_UNFINISHED = re.compile(r"\.\d{12}\.json\..*\.tmp")
_SHARDS = re.compile(r"\d{12}-[0-9a-f]{8}")


# One file -----------------------------------------------------------------------------------------------------------


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Array]) -> tuple[int, str]:
    """Write arrays as a safetensors file, piece by piece, so that a table larger than memory stays where it is.

    The file appears under its name when all of it has reached the disk, or not at all.

    Returns
    -------
    Its length in bytes and its SHA-256 sum, taken on the way.

    Raises
    ------
    OSError
        If the disk is full or the folder is missing; nothing is left behind.
    """
    header: dict[str, Any] = {}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        header[name] = {"dtype": _TYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [start, end]}
    told = json.dumps(header, separators=(",", ":")).encode()
    told += b" " * (-len(told) % 8)
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    found = hashlib.sha256()
    try:
        with unfinished.open("xb") as file:
            length = _put(file, found, len(told).to_bytes(8, "little") + told)
            for array in tensors.values():
                line = array.reshape(-1).view(np.uint8)
                for start in range(0, line.size, PIECE):
                    length += _put(file, found, line[start : start + PIECE].data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
    return length, found.hexdigest()


def _put(file: BinaryIO, found: Any, content: bytes | memoryview) -> int:
    found.update(content)
    return file.write(content)


def sync_folder(path: Path) -> None:
    """Bring the names of a folder's files to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def digest(path: str | os.PathLike[str]) -> str:
    """The SHA-256 sum of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_stretch(path: str | os.PathLike[str], name: str, start: int, out: Array) -> None:
    """Fill ``out`` with the rows of one array of the file, from row ``start`` on.

    Raises
    ------
    BadInput
        If the file has no such rows.
    """
    with open(path, "rb") as file:
        try:
            length = int.from_bytes(file.read(8), "little")
            told = json.loads(file.read(length))[name]
            fits = told["dtype"] == _TYPES[out.dtype.name] and tuple(told["shape"][1:]) == out.shape[1:]
            fits = fits and start + len(out) <= told["shape"][0]
            begin = 8 + length + told["data_offsets"][0]
        except (ValueError, KeyError, TypeError, MemoryError, OverflowError) as broken:
            raise _damaged(path, f"no array {name!r}: {type(broken).__name__}") from broken
        if not fits:
            raise _damaged(path, f"{name!r} as {told['dtype']} of shape {told['shape']}")
        row = out[:1].nbytes
        file.seek(begin + start * row)
        line = out.reshape(-1).view(np.uint8)
        for place in range(0, line.size, PIECE):
            piece = line[place : place + PIECE]
            if file.readinto(piece.data) != piece.size:
                raise _damaged(path, "it ends too early")


def _damaged(path: str | os.PathLike[str], received: str) -> BadInput:
    return BadInput(
        f"{os.fspath(path)!r} must be a shard file as it was written",
        received,
        "restore an older checkpoint of the folder: ShardedTable.restore(folder, step=...)",
    )


# All files of one state ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stretch:
    """A shard's file, by its path from the folder, and the places of the table that it holds: start up to stop."""

    file: str
    start: int
    stop: int
    bytes: int
    sha256: str

    def check(self, folder: str | os.PathLike[str]) -> Path:
        """The file's path, after a look at all of its bytes.

        Raises
        ------
        BadInput
            If the file is missing or has been changed.
        """
        path = Path(folder) / self.file
        try:
            length = path.stat().st_size
            found = digest(path) if length == self.bytes else ""
        except OSError as gone:
            raise _damaged(path, f"{type(gone).__name__}: {gone.strerror}") from gone
        if found != self.sha256:
            raise _damaged(path, f"{length} bytes with SHA-256 {found or 'unread'}, not {self.bytes} and {self.sha256}")
        return path


@dataclass(frozen=True)
class Manifest:
    """What a checkpoint is: the table, its optimizer, how far it had come, and its files.

    Attributes
    ----------
    pushes
        Pushes that are in the files: the number of the last one.
    t, clocks
        Steps and clocks of the optimizer, the same in every shard.
    functions
        Settings that were functions, which a file cannot hold.
    """

    name: str
    rows: int
    dim: int
    dtype: str
    partition: str
    optimizer: str
    settings: dict[str, Any]
    functions: list[str]
    pushes: int
    t: int
    clocks: dict[str, int]
    files: list[Stretch]

    def to_bytes(self) -> bytes:
        """The manifest as JSON, with a sum over itself."""
        body = {"nukarumi": "table checkpoint", "version": VERSION, **asdict(self)}
        return json.dumps({**body, "sha256": _sum(body)}, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_file(cls, path: Path) -> Manifest:
        """Read and check a manifest.

        Raises
        ------
        BadInput
            If it is no whole manifest of this version or an older one.
        """
        rule, cure = f"{str(path)!r} must be a whole manifest of a table's checkpoint", "restore another step"
        try:
            body = json.loads(path.read_bytes())
            if body.pop("sha256") != _sum(body):
                raise BadInput(rule, "one whose sum differs", cure)
            if body.pop("nukarumi") != "table checkpoint" or body["version"] > VERSION:
                raise BadInput(rule, f"version {body['version']}", "install a newer nukarumi")
            body.pop("version")
            return cls(**{**body, "files": [Stretch(**told) for told in body["files"]]})
        except BadInput:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as broken:
            raise BadInput(rule, f"{type(broken).__name__}: {broken}", cure) from broken


def _sum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


# All checkpoints of one table ---------------------------------------------------------------------------------------


class Folder:
    """A table's checkpoints. One table at a time holds the folder; a lock that dies with its process sees to that.

    Parameters
    ----------
    path
        The folder, made if it is missing.

    Raises
    ------
    BadType
        If it is no path.
    BadInput
        If another table holds it.
    OSError
        If it cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, (str, os.PathLike)):
            raise BadType("checkpoints must be a folder's path", type(path).__name__, 'checkpoints="table"')
        self.path = Path(path).absolute()
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = (self.path / ".lock").open("a")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as held:
            self._lock.close()
            raise BadInput(
                "a folder of checkpoints belongs to one table at a time",
                f"{str(self.path)!r}, which another table has open",
                "close that table, or give this one a folder of its own",
            ) from held

    def close(self) -> None:
        """Let the folder go."""
        self._lock.close()

    def steps(self) -> list[int]:
        """The pushes at which checkpoints stand, oldest first, by the names of their manifests."""
        found = (_MANIFEST.fullmatch(path.name) for path in self.path.iterdir())
        return sorted(int(match[1]) for match in found if match)

    def read(self, step: int | None = None) -> Manifest:
        """The manifest of a step, or the newest.

        Raises
        ------
        BadInput
            If there is none, or it is not whole.
        """
        steps = self.steps()
        if not steps or (step is not None and step not in steps):
            raise BadInput(
                f"{str(self.path)!r} must hold " + ("a checkpoint" if step is None else f"a checkpoint of step {step}"),
                f"steps {', '.join(map(str, steps))}" if steps else "no manifest",
                "give the folder that checkpoints= named, and one of its steps",
            )
        return Manifest.from_file(self._manifest(steps[-1] if step is None else step))

    def begin(self, step: int) -> str:
        """A new, empty folder for the files of one checkpoint; its name."""
        name = f"{step:012d}-{secrets.token_hex(4)}"
        (self.path / name).mkdir()
        return name

    def commit(self, manifest: Manifest) -> None:
        """Make a checkpoint real: from now on it is the one that is read.

        Raises
        ------
        OSError
            If the manifest cannot be written; the checkpoint before is then the newest still.
        """
        write_atomically(self._manifest(manifest.pushes), manifest.to_bytes())

    def abandon(self, step: int) -> None:
        """Remove the manifests after a step: the table has gone back to it and on from there."""
        for later in reversed(self.steps()):
            if later > step:
                self._manifest(later).unlink()

    def forget(self, name: str) -> None:
        """Remove the files of a checkpoint that came to nothing."""
        shutil.rmtree(self.path / name, ignore_errors=True)

    def prune(self, keep: int) -> None:
        """Remove all but the newest ``keep`` checkpoints, manifests first, then every file that no manifest names."""
        for step in self.steps()[:-keep]:
            self._manifest(step).unlink()
        sync_folder(self.path)
        try:
            kept = {stretch.file.split("/")[0] for step in self.steps() for stretch in self.read(step).files}
        except BadInput:
            return  # a manifest that cannot be read may name any of them
        for path in self.path.iterdir():
            if _SHARDS.fullmatch(path.name) and path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)
            elif _UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def _manifest(self, step: int) -> Path:
        return self.path / f"{step:012d}.json"
