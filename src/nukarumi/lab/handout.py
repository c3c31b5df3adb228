"""The handout: the whole lab in one file, which opens from a USB stick as well as from anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

from nukarumi._files import checked_output, write_atomically
from nukarumi.lab.page import page

__all__ = ["write_handout", "write_page"]


def write_handout(path: str | os.PathLike[str], lang: str = "both") -> Path:
    """Write the lab as one HTML file; a file that is there is replaced as a whole.

    Parameters
    ----------
    path
        Where to, such as ``adagrad.html``.
    lang
        ``"ja"``, ``"en"``, or ``"both"``: then it follows the reader's browser and can be changed in the page.

    Returns
    -------
    Path
        The path.

    Raises
    ------
    BadInput
        For an unknown language, or a path where no file can be; nothing was written then.
    OSError
        If the disk is full; an earlier file is then as it was.
    """
    return write_page(path, page("handout", lang=lang))


def write_page(path: str | os.PathLike[str], text: str) -> Path:
    """Write a page, whole or not at all."""
    target = checked_output(path, "the page", "lab.html")
    write_atomically(target, text.encode())
    return target
