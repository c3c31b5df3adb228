"""The handout: the whole lab in one file, which opens from a USB stick as well as from anywhere else."""

from __future__ import annotations

import os
from pathlib import Path

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
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
    target = Path(path)
    if target.is_dir():
        raise BadInput("the page needs the name of a file", f"the folder {target}", f"pass {target / 'lab.html'}")
    if not target.parent.is_dir():
        raise BadInput("the page needs a folder that exists", target.parent, f"mkdir -p {target.parent}")
    write_atomically(target, text.encode())
    return target
