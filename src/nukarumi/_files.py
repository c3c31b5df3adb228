"""Writing a file so that a kill at any moment leaves the old one or the new one, never half of each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

__all__ = ["write_atomically"]


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Replace the file at ``path`` by ``content``: written beside it, fsynced, renamed over it.

    The rename is atomic on POSIX file systems, and the folder is fsynced too, so that after a power cut the name
    points at whole bytes. An existing file keeps its permissions.

    Raises
    ------
    OSError
        If the disk is full or the folder is missing; the old file is then as it was and no temporary file is left.
    """
    target = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            try:
                os.fchmod(file.fileno(), target.stat().st_mode & 0o7777)
            except FileNotFoundError:
                mask = os.umask(0)
                os.umask(mask)
                os.fchmod(file.fileno(), 0o666 & ~mask)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
