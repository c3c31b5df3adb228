"""Writing a file so that a kill at any moment leaves the old one or the new one, never half of each."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from nukarumi._errors import BadInput

__all__ = ["checked_input", "checked_output", "write_atomically"]


def checked_input(path: str | os.PathLike[str], what: str) -> Path:
    """The path of a file to read.

    Raises
    ------
    BadInput
        If nothing is there, or a folder is.

    Examples
    --------
    >>> checked_input("no/such/file.svm", "FILE")
    Traceback (most recent call last):
        ...
    nukarumi._errors.BadInput: FILE must be a file that exists. Received: no/such/file.svm. Cure: check the path.
    """
    source = Path(path)
    if source.is_dir():
        raise BadInput(f"{what} must be a file", f"the folder {source}", "name a file in it")
    if not source.exists():
        raise BadInput(f"{what} must be a file that exists", source, "check the path")
    return source


def checked_output(path: str | os.PathLike[str], what: str, name: str) -> Path:
    """The path of a file to write; ``name`` is what it could be called in a folder.

    Raises
    ------
    BadInput
        If it is a folder, or in a folder that does not exist.

    Examples
    --------
    >>> checked_output("no/such/quiz.html", "the quiz", "quiz.html")
    Traceback (most recent call last):
        ...
    nukarumi._errors.BadInput: the quiz needs a folder that exists. Received: no/such. Cure: mkdir -p no/such.
    """
    target = Path(path)
    if target.is_dir():
        raise BadInput(f"{what} needs the name of a file", f"the folder {target}", f"pass {target / name}")
    if not target.parent.is_dir():
        raise BadInput(f"{what} needs a folder that exists", target.parent, f"mkdir -p {target.parent}")
    return target


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
