"""What a class was marked: the level, what is said about it, and the numbers behind; in two languages, or as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nukarumi.lessons.marker.words import LANGUAGES, Language, Level, Sentence, checked_language

__all__ = ["Mark", "Said"]


@dataclass(frozen=True)
class Said:
    """A sentence with its fields; a field that is a pair is in English and in Japanese."""

    sentence: Sentence
    fields: dict[str, Any] = field(default_factory=dict)
    line: int | None = None
    text: str = ""

    def say(self, lang: Language) -> str:
        """The sentence in one language, with the line that it is about."""
        place = LANGUAGES.index(lang)
        fields = {name: value[place] if isinstance(value, tuple) else value for name, value in self.fields.items()}
        said = self.sentence.say(lang, **fields)
        if self.line is None:
            return said
        return f"{said}\n  {Sentence.HINT.say(lang, line=self.line, text=self.text)}"


@dataclass(frozen=True)
class Mark:
    """The verdict on a class.

    Attributes
    ----------
    level
        How good it is; ``level.code`` is the command's exit code.
    name
        The class's name.
    kind
        The optimizer that it was compared with; None if it could not be run.
    mistakes
        The names of the mistakes found, such as ``("h_overwritten",)``.
    said
        What is said about it, the most important first.
    libraries
        The libraries that have it so, where it is right.
    agreed
        Steps of the main probe that were as they should be.

    Examples
    --------
    >>> Mark(Level.RIGHT, "Mine", "SGD", (), (Said(Sentence.RIGHT_BITS, {"kind": "SGD"}),))
    Right
    Your class walks exactly like SGD, to the last bit.
    """

    level: Level
    name: str
    kind: str | None
    mistakes: tuple[str, ...]
    said: tuple[Said, ...]
    libraries: tuple[str, ...] = ()
    agreed: int | None = None
    lang: Language = "en"

    @property
    def ok(self) -> bool:
        """Whether it is right."""
        return self.level.code == 0

    @property
    def line(self) -> int | None:
        """The line of the learner's source that the verdict is about, if it can be told."""
        return next((each.line for each in self.said if each.line is not None), None)

    def text(self, lang: str | None = None) -> str:
        """The whole verdict for reading, in English (``"en"``) or in Japanese (``"ja"``)."""
        spoken = self.lang if lang is None else checked_language(lang)
        return "\n".join([self.level.title(spoken), *(each.say(spoken) for each in self.said)])

    def __repr__(self) -> str:
        return self.text()

    def to_dict(self) -> dict[str, Any]:
        """The verdict for a program, as JSON can hold it."""
        return {
            "class": self.name,
            "level": self.level.value,
            "code": self.level.code,
            "kind": self.kind,
            "libraries": list(self.libraries),
            "mistakes": list(self.mistakes),
            "line": self.line,
            "agreed": self.agreed,
            "said": [
                {"id": each.sentence.name.lower(), "line": each.line, **{lang: each.say(lang) for lang in LANGUAGES}}
                for each in self.said
            ],
        }
