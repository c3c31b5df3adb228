"""Builds the lessons: every chapter in both languages as one JSON tree, or no file at all.

``python -m nukarumi.lessons.build OUT.json`` writes the tree that ``web/src/views/lesson/types.ts`` describes. It runs
while the wheel is built, so it needs NumPy and markdown-it-py alone.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import nukarumi
from nukarumi._errors import BadInput
from nukarumi.lessons import glossary, markdown, quiz
from nukarumi.lessons.markdown import Chapter

__all__ = ["LANGS", "chapters", "lessons", "main"]

LANGS = ("en", "ja")


@cache
def chapters() -> dict[str, dict[str, Chapter]]:
    """Every chapter by its name and language, proved.

    Raises
    ------
    BadInput
        If a chapter is refused, is missing in a language, or the two languages have not the same pictures and claims.

    Examples
    --------
    >>> list(chapters())[3], chapters()["04-the-formula-read-aloud"]["en"].title
    ('04-the-formula-read-aloud', 'The formula, read aloud')
    """
    folder = resources.files("nukarumi.lessons") / "chapters"
    files = {lang: sorted(f.name for f in (folder / lang).iterdir() if f.name.endswith(".md")) for lang in LANGS}
    if files["en"] != files["ja"] or len(files["en"]) != markdown.CHAPTERS:
        raise BadInput(f"both languages have the same {markdown.CHAPTERS} chapters", files, "add the missing ones")
    found: dict[str, dict[str, Chapter]] = {}
    for number, file in enumerate(files["en"], 1):
        name = file.removesuffix(".md")
        if not name.startswith(f"{number:02d}-"):
            raise BadInput("chapters are numbered without a gap", file, f"call it {number:02d}-...")
        texts = {lang: (folder / lang / file).read_text(encoding="utf-8") for lang in LANGS}
        found[name] = {lang: markdown.read(text, f"{lang}/{file}", lang) for lang, text in texts.items()}
        same(found[name], file)
    return found


def same(texts: dict[str, Chapter], file: str) -> None:
    """Refuse a chapter whose two languages differ in more than words."""
    en, ja = texts["en"], texts["ja"]
    for here, there in zip([*en.skeleton, "its end"], [*ja.skeleton, "its end"], strict=False):
        if here != there:
            raise BadInput(
                f"{file}: both languages have the same parts in the same order", f"{here} / {there}", "mend it"
            )
    if Counter(en.claims) != Counter(ja.claims):
        extra = sorted(
            ((Counter(en.claims) - Counter(ja.claims)) | (Counter(ja.claims) - Counter(en.claims))).elements()
        )
        raise BadInput(f"{file}: both languages make the same claims", extra, "make them in both")
    for name in ("minutes", "prerequisites"):
        if getattr(en, name) != getattr(ja, name):
            raise BadInput(f"{file}: both languages have the same {name}", getattr(ja, name), "mend the front matter")


def lessons() -> dict[str, Any]:
    """The whole tree, as ``web/src/views/lesson/types.ts`` describes it."""
    out = []
    for number, (name, texts) in enumerate(chapters().items(), 1):
        told = {
            lang: {
                "title": text.title,
                "minutes": text.minutes,
                "metaphor": text.metaphor,
                "prerequisites": text.prerequisites,
                "blocks": text.blocks,
            }
            for lang, text in texts.items()
        }
        questions = {lang: [question.tree(lang) for question in quiz.questions(number)] for lang in LANGS}
        out.append({"id": name, "number": number, "text": told, "quiz": questions})
    return {"version": nukarumi.__version__, "chapters": out, "glossary": [term.tree() for term in glossary.TERMS]}


def main(arguments: list[str]) -> int:
    """Write the lessons to the path given; its folder is made."""
    if len(arguments) != 1:
        print("usage: python -m nukarumi.lessons.build OUT.json", file=sys.stderr)  # noqa: T201
        return 2
    out = Path(arguments[0])
    text = json.dumps(lessons(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
