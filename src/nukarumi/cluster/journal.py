"""What a shard has acknowledged, on a file system that all machines see: a log of pushes, and snapshots that cut it.

A folder belongs to one shard. Whoever is this shard now has a *term* of its own, a number, and writes into the log of
that term alone; the log's own name is the fence, because a term begins by making that file, which can be made once::

    log-00000002                 pushes of term 2, each with its length and its CRC-32
    snapshot-00000002.json       the shard before the first push of term 2: what it had seen, and the file of its rows
    snapshot-00000002.safetensors

A shard that comes up takes the next term, then reads the newest snapshot and every log from it on. One that was taken
for dead and goes on all the same finds, before it acknowledges anything, that a later term exists, and stops. So a push
was either in a log before its successor read it, or was never acknowledged. What such a one has still written behind
its successor's back must not count later, when the push has been sent again: so every log begins with how far the logs
before it had been read, and nobody reads them further. A record that a kill has cut off half way fails its sum; it was
not acknowledged, and what stands behind it does not exist.
"""

from __future__ import annotations

import json
import os
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.cluster.checkpoint import Stretch, read_stretch, sync_folder, write_tensors

__all__ = ["Journal", "Superseded"]

Array = np.ndarray[Any, Any]

_HEAD = struct.Struct("<QII")  # bytes of what follows, bytes of its first part (JSON), CRC-32 of all that follows
_LOG = re.compile(r"log-(\d{8})")
_SNAPSHOT = re.compile(r"snapshot-(\d{8})\.json")
_BUILT_ON = "built on"
"""What the first record of a log tells: for every log since the newest snapshot, how many of its bytes count."""


class Superseded(RuntimeError):
    """Another process has become this shard; what this one was just asked has no effect."""


class Journal:
    """The log and the snapshots of one shard.

    Parameters
    ----------
    folder
        Made if it is missing.
    sync
        Whether a push is on the disk (``fsync``) before it counts as written. Without, it is in the hands of the
        operating system: it survives the death of every process, and not a power loss.

    Attributes
    ----------
    term
        The term that `begin` has taken.
    nbytes
        Bytes in the log of this term.
    """

    def __init__(self, folder: str | os.PathLike[str], *, sync: bool) -> None:
        self._log = -1
        self.folder, self.sync = Path(folder), sync
        self.term, self.nbytes = 0, 0
        self._first = 1  # the log behind the newest snapshot
        self._built_on: dict[int, int] = {}  # bytes of each log from there on that count
        self._settled = False
        self._over = False  # what has once been superseded stays so

    def begin(self) -> None:
        """Take the next term; a process that held the one before can acknowledge nothing any more.

        Raises
        ------
        OSError
            If the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                return self._take(max(self._numbers(_LOG), default=0) + 1)
            except FileExistsError:
                continue  # somebody was quicker; the term after that

    def _take(self, term: int) -> None:
        log = os.open(self._path(term), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
        self.close()
        self._log, self.term, self.nbytes, self._settled = log, term, 0, False
        if self.sync:
            sync_folder(self.folder)

    def state(self) -> tuple[dict[str, Any], Path] | None:
        """The newest snapshot: what was told of it, and the file of its arrays; None before the first.

        Raises
        ------
        BadInput
            If its file has been changed.
        """
        terms = self._numbers(_SNAPSHOT)
        self._first = max(terms, default=1)
        if not terms:
            return None
        told = json.loads((self.folder / f"snapshot-{self._first:08d}.json").read_bytes())
        stretch = Stretch(told["file"], 0, 0, told["bytes"], told["sha256"])
        return told, stretch.check(self.folder)

    def records(self) -> Iterator[tuple[dict[str, Any], bytes]]:
        """Every push since the snapshot that `state` has found and before this term, in the order of their application.

        Raises
        ------
        FileNotFoundError
            If a predecessor that is not quite dead has put a newer snapshot in their place; begin again.
        """
        self._built_on, limits = {}, self._limits()
        for term in range(self._first, self.term):
            self._built_on[term] = 0
            for told, body, end in _read(self._path(term), limits.get(term)):
                self._built_on[term] = end
                if _BUILT_ON not in told:
                    yield told, body

    def _limits(self) -> dict[int, int]:
        """How far the last term that answered anybody has read the logs before it."""
        for term in reversed(range(self._first, self.term)):
            for told, _, _ in _read(self._path(term)):
                if _BUILT_ON in told:
                    return {int(number): end for number, end in told[_BUILT_ON].items()}
                break
        return {}

    def settle(self) -> None:
        """Write down which bytes of the logs before this term count; before anything is answered from them.

        Raises
        ------
        OSError, Superseded
            As for `append`.
        """
        self._write({_BUILT_ON: self._built_on})
        self._settled = True

    def append(self, told: Mapping[str, Any], *parts: bytes | memoryview) -> None:
        """Write one push, so that it may be acknowledged.

        Raises
        ------
        OSError
            If the disk is full; the log is then as it was.
        Superseded
            If another process has begun a later term.
        """
        if not self._settled:
            self.settle()
        self._write(told, *parts)

    def _write(self, told: Mapping[str, Any], *parts: bytes | memoryview) -> None:
        if self._over:
            raise self._superseded()
        first = json.dumps(told).encode()
        rest = b"".join(parts)
        check = zlib.crc32(rest, zlib.crc32(first))
        record = memoryview(_HEAD.pack(len(first) + len(rest), len(first), check) + first + rest)
        try:
            written = 0
            while written < len(record):
                written += os.write(self._log, record[written:])
            if self.sync:
                os.fsync(self._log)
        except BaseException:
            try:
                os.ftruncate(self._log, self.nbytes)
            except OSError:
                self.close()  # nobody would read what comes behind half a record
            raise
        self.nbytes += len(record)
        # A later snapshot removes this log before the next one, so it must be asked for after that.
        if self._path(self.term + 1).exists() or not self._stands():
            raise self._superseded()

    def _stands(self) -> bool:
        """Whether the log that is written to is still the one of that name."""
        try:
            return os.path.samestat(os.fstat(self._log), self._path(self.term).stat())
        except FileNotFoundError:
            return False

    def _superseded(self) -> Superseded:
        self._over = True
        return Superseded(f"{self.folder.name} has a later term than {self.term}")

    def snapshot(self, arrays: Mapping[str, Array], told: Mapping[str, Any]) -> None:
        """Write all that the shard is, and begin a new log behind it; older files go.

        Raises
        ------
        OSError
            If the disk is full. What stood before stands, and the log goes on in a new file.
        Superseded
            If another process has begun a later term.
        """
        if self._over:
            raise self._superseded()
        built_on = {**self._built_on, self.term: self.nbytes}
        try:
            self._take(self.term + 1)
        except FileExistsError:
            raise self._superseded() from None
        if max(self._numbers(_LOG)) > self.term:  # this number had been taken, and its log removed since
            self._path(self.term).unlink(missing_ok=True)
            raise self._superseded()
        self._built_on = built_on
        self.settle()
        name = f"snapshot-{self.term:08d}"
        length, found = write_tensors(self.folder / f"{name}.safetensors", arrays)
        body = {**told, "file": f"{name}.safetensors", "bytes": length, "sha256": found}
        write_atomically(self.folder / f"{name}.json", json.dumps(body).encode())
        for path in sorted(self.folder.iterdir()):  # logs, then snapshots; a kill in between leaves too many, not few
            number = re.search(r"-(\d{8})", path.name)
            if number and int(number[1]) < self.term:
                path.unlink(missing_ok=True)

    def fill(self, path: Path, arrays: Mapping[str, Array]) -> None:
        """Read the arrays of a snapshot into those given."""
        for letter, array in arrays.items():
            read_stretch(path, letter, 0, array)

    def close(self) -> None:
        """Let the log go."""
        if self._log >= 0:
            os.close(self._log)
            self._log = -1

    def __del__(self) -> None:
        self.close()

    def _path(self, term: int) -> Path:
        return self.folder / f"log-{term:08d}"

    def _numbers(self, kind: re.Pattern[str]) -> list[int]:
        return sorted(int(found[1]) for path in self.folder.iterdir() if (found := kind.fullmatch(path.name)))


def _read(path: Path, limit: int | None = None) -> Iterator[tuple[dict[str, Any], bytes, int]]:
    """The whole records of a log up to so many bytes, and where each ends; the first that is not whole is its end."""
    with path.open("rb") as file:
        end, stop = 0, os.fstat(file.fileno()).st_size if limit is None else limit
        while len(head := file.read(_HEAD.size)) == _HEAD.size:
            length, first, check = _HEAD.unpack(head)
            end += _HEAD.size + length
            if end > stop or not 0 < first <= length:  # zeros, say, that a power loss has left
                return
            body = file.read(length)
            if len(body) < length or zlib.crc32(body) != check:
                return
            try:
                told = json.loads(body[:first])
            except ValueError as broken:  # its sum is right, so nukarumi never wrote it
                raise BadInput(f"{path} must be a log of nukarumi's", str(broken), "look what wrote it") from broken
            yield told, body[first:], end
