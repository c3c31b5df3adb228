"""``nukarumi check FILE.py:CLASS``: the marker in the shell."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence

from nukarumi.lessons.marker import check
from nukarumi.lessons.marker.runner import SECONDS
from nukarumi.lessons.marker.words import LANGUAGES

__all__ = ["main"]

EPILOG = """\
exit codes: 0 right, 1 a mistake, 2 the class cannot be run

examples:
  nukarumi check my_optimizer.py:Adagrad
  nukarumi check my_optimizer.py:Adagrad --lang ja
  nukarumi check my_optimizer.py:Adagrad --json      for a program to read
"""


def main(arguments: Sequence[str]) -> int:
    """Mark a class and print the verdict.

    Parameters
    ----------
    arguments
        The words after ``nukarumi check``.

    Returns
    -------
    int
        0 right, 1 a mistake, 2 it cannot be run.

    Raises
    ------
    BadInput
        If there is no such file, or an option is out of its range.

    Examples
    --------
    >>> main(["--lang", "latin", "x.py:SGD"])
    2
    """
    try:
        chosen = _parser().parse_args(arguments)
    except SystemExit as ended:  # argparse has printed the help, or what is wrong
        return int(ended.code or 0)
    found = check(chosen.target, seconds=chosen.seconds, lang=chosen.lang)
    text = json.dumps(found.to_dict(), ensure_ascii=False, indent=1) if chosen.json else found.text()
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    return found.level.code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="nukarumi check",
        description="Mark an optimizer class of your own: run it beside the rule and beside the rule's known mistakes, "
        "in a process of its own, and name the mistake.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("target", metavar="FILE.py[:CLASS]", help="the file, and the class if there are several in it")
    add("--lang", choices=LANGUAGES, default=_language(), help="language of the verdict (default: %(default)s)")
    add("--json", action="store_true", help="print the verdict as JSON (default: as text)")
    add("--seconds", type=float, default=SECONDS, metavar="S", help="time limit for the class (default: %(default)g)")
    return parser


def _language() -> str:
    """Japanese where the shell speaks Japanese."""
    told = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "ja" if told.startswith("ja") else "en"
