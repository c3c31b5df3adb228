r"""The quiz for Moodle: GIFT, the text format that its question bank imports.

A question is ``::title::[html]prompt{=right#feedback ~wrong#feedback ####explanation}``; a number is asked for by
``{#value:tolerance}``. The seven characters ``\ ~ = # { } :`` mean something there and are written with a backslash
before them. Texts are HTML; formulas are LaTeX between ``\(`` and ``\)``, which Moodle's MathJax filter draws.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from nukarumi.lessons.quiz import Question
from nukarumi.lessons.render import as_html

__all__ = ["escaped", "gift"]


def escaped(text: str) -> str:
    r"""A text in which nothing means anything to GIFT; line ends become spaces, for an empty line ends a question.

    Examples
    --------
    >>> print(escaped("h = {g: 1}"))
    h \= \{g\: 1\}
    """
    return re.sub(r"([\\~=#{}:])", r"\\\1", " ".join(text.split()))


def gift(questions: Iterable[Question], lang: str, category: str = "nukarumi") -> str:
    """Questions as one GIFT file.

    Parameters
    ----------
    questions
        What `nukarumi.lessons.quiz.questions` gives, of one chapter or several.
    lang
        ``"en"`` or ``"ja"``.
    category
        Where Moodle puts them.

    Examples
    --------
    >>> from nukarumi.lessons.quiz import questions
    >>> gift(questions(1)[1:2], "en").splitlines()[2][:43]
    '::01/stride::[html]SGD with <code>lr</code>'
    """
    out = [f"$CATEGORY: {category}", ""]
    for question in questions:
        tree = question.tree(lang)
        explanation = escaped(as_html(tree["explanation"], "latex"))
        if question.kind == "number":
            answers = f"#{tree['answer']!r}:{tree['tolerance']!r}"
        else:
            answers = " ".join(
                f"{'=' if option['right'] else '~'}{escaped(as_html(option['content'], 'latex'))}"
                + (f"#{escaped(as_html(option['why'], 'latex'))}" if option["why"] else "")
                for option in tree["options"]
            )
        prompt = escaped(as_html(tree["prompt"], "latex"))
        out += [f"::{escaped(question.id)}::[html]{prompt}{{{answers} ####{explanation}}}", ""]
    return "\n".join(out)
