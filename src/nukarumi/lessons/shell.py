"""``nukarumi quiz``: the questions as a file for Moodle, or as a sheet for the printer."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from nukarumi._errors import BadInput
from nukarumi._files import checked_output, write_atomically

__all__ = ["add_quiz", "quiz", "run_quiz"]

LANGS, FORMATS = ("en", "ja"), ("gift", "sheet")


def add_quiz(commands: Any) -> None:
    """Add the command to the parser; ``commands`` is what ``add_subparsers`` gives."""
    parser = commands.add_parser(
        "quiz",
        help="write the questions of the lessons for Moodle or for the printer",
        description="Write the questions of the lessons: for Moodle's question bank (GIFT), or as a sheet that prints "
        "well, with or without answers. Every answer is computed when the file is made.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--lang", choices=LANGS, default="en", help="the language")
    add("--format", choices=FORMATS, default="sheet", help="gift: for Moodle; sheet: an HTML page for the printer")
    add("--answers", action="store_true", help="put the key on a page of its own (sheet)")
    add("--chapter", type=int, metavar="N", help="one chapter only")
    add("--seed", type=int, default=0, metavar="N", help="other numbers and starts")
    add("-o", "--out", metavar="FILE", help="where to write; without it, to standard output")
    parser.set_defaults(run=run_quiz)


def run_quiz(options: argparse.Namespace) -> int:
    """Do what the command says.

    Returns
    -------
    int
        The exit code, 0.
    """
    if options.out:
        checked_output(options.out, "the quiz", "quiz.gift" if options.format == "gift" else "quiz.html")
    text = quiz(options.lang, options.format, options.answers, options.chapter, options.seed)
    if options.out:
        write_atomically(options.out, text.encode())
    else:
        sys.stdout.write(text)
    return 0


def quiz(lang: str, form: str, answers: bool = False, chapter: int | None = None, seed: int = 0) -> str:
    """The text of a quiz.

    Parameters
    ----------
    lang
        ``"en"`` or ``"ja"``.
    form
        ``"gift"`` or ``"sheet"``.
    answers
        Whether a sheet has its key; GIFT always holds the answers.
    chapter
        One chapter's number, or None for all.
    seed
        Decides the questions that are made from a walk.

    Raises
    ------
    BadInput
        For an unknown language, form or chapter, or a bad seed.

    Examples
    --------
    >>> quiz("ja", "sheet", chapter=3).count("<h2>")
    1
    """
    from nukarumi.lessons import build, gift, sheet  # noqa: PLC0415
    from nukarumi.lessons.quiz import questions  # noqa: PLC0415

    if lang not in LANGS or form not in FORMATS:
        raise BadInput(f"lang is one of {LANGS} and form one of {FORMATS}", (lang, form), "pass such as 'ja', 'gift'")
    titles = [texts[lang].title for texts in build.chapters().values()]
    numbers = range(1, len(titles) + 1) if chapter is None else [chapter]
    asked = {number: questions(number, seed) for number in numbers}
    if form == "gift":
        return "\n".join(
            gift.gift(each, lang, f"nukarumi/{number:02d} {titles[number - 1]}".replace("：", " ").replace(": ", " "))
            for number, each in asked.items()
        )
    return sheet.sheet({f"{number}. {titles[number - 1]}": each for number, each in asked.items()}, lang, answers)
