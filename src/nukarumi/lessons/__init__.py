"""The words: chapters in two languages, the claims that prove their numbers, a glossary, a quiz, and the marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nukarumi.lessons.marker import check

__all__ = ["check"]


def __getattr__(name: str) -> object:
    if name == "check":  # the page's build reads chapters, and has no use for a marker
        from nukarumi.lessons.marker import check  # noqa: PLC0415

        return check
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
