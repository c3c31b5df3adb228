"""The quiz on paper: one HTML file that prints well, with or without the answers, in either language."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

import nukarumi
from nukarumi.lessons.quiz import Question
from nukarumi.lessons.render import as_html

__all__ = ["sheet"]

WORDS = {
    "en": {
        "title": "Quiz: Adagrad and its family",
        "key": "Answers",
        "name": "Name",
        "date": "Date",
        "answer": "Answer",
        "within": "give or take",
        "near": "",
    },
    "ja": {
        "title": "小テスト：Adagrad とその仲間",
        "key": "解答",
        "name": "名前",
        "date": "日付",
        "answer": "答え",
        "within": "誤差",
        "near": "以内",
    },
}

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { font: 11pt/1.6 "Noto Sans", "Noto Sans CJK JP", "Hiragino Sans", "Yu Gothic", sans-serif; max-width: 46em;
  margin: 2em auto; padding: 0 1em; color: #111; background: #fff; }
h1 { font-size: 1.4em; margin: 0 0 .4em; } h2 { font-size: 1.1em; margin: 1.6em 0 .4em; border-bottom: 1px solid #999; }
.who { display: flex; gap: 2em; margin: 0 0 1em; } .who span { flex: 1; border-bottom: 1px solid #111; }
ol.questions { padding-left: 1.8em; } ol.questions > li { margin: 0 0 1.1em; break-inside: avoid; }
ol.options { list-style: upper-alpha; margin: .3em 0 0; padding-left: 2em; } ol.options li { margin: .2em 0; }
.line { display: inline-block; width: 12em; border-bottom: 1px solid #111; }
code { font-family: "Noto Sans Mono", ui-monospace, monospace; font-size: .95em; overflow-wrap: anywhere; }
math { font-size: 1.1em; } .key { break-before: page; } .key li { break-inside: avoid; margin: 0 0 .5em; }
.key .number { color: #555; } footer { margin-top: 2em; font-size: .8em; color: #555; }
@page { margin: 18mm 16mm; }
@media print { body { margin: 0; padding: 0; max-width: none; font-size: 10.5pt; } h2 { break-after: avoid; } }
"""


def sheet(chapters: Mapping[str, Sequence[Question]], lang: str, answers: bool = False) -> str:
    """A page of questions for the printer.

    Parameters
    ----------
    chapters
        Questions by the chapter's title.
    lang
        ``"en"`` or ``"ja"``.
    answers
        Whether the key follows, on a page of its own.

    Examples
    --------
    >>> from nukarumi.lessons.quiz import questions
    >>> page = sheet({"Why SGD stumbles": questions(1)}, "en", answers=True)
    >>> page.count("<li"), "Answers" in page
    (12, True)
    """
    words = WORDS[lang]
    body = [
        f"<h1>{words['title']}</h1>",
        f'<p class="who">{words["name"]} <span></span> {words["date"]} <span></span></p>',
    ]
    key = [f'<section class="key"><h1>{words["key"]}</h1>']
    for title, questions in chapters.items():
        heading = f"<h2>{html.escape(title)}</h2>"
        body += [heading, '<ol class="questions">', *(_asked(each, lang) for each in questions), "</ol>"]
        key += [heading, '<ol class="questions">', *(_answered(each, lang) for each in questions), "</ol>"]
    if answers:
        body += [*key, "</section>"]
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="{lang}">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{words['title']}</title>\n<style>{STYLE}</style>\n</head>\n<body>",
            *body,
            f"<footer>nukarumi {nukarumi.__version__}</footer>\n</body>\n</html>\n",
        ]
    )


def _asked(question: Question, lang: str) -> str:
    tree = question.tree(lang)
    if question.kind == "number":
        rest = f'<p>{WORDS[lang]["answer"]}: <span class="line"></span></p>'
    else:
        options = "".join(f"<li>{as_html(option['content'])}</li>" for option in tree["options"])
        rest = f'<ol class="options">{options}</ol>'
    return f"<li>{as_html(tree['prompt'])}{rest}</li>"


def _answered(question: Question, lang: str) -> str:
    tree, words = question.tree(lang), WORDS[lang]
    if question.kind == "number":
        right = f"<strong>{tree['answer']:.6g}</strong>"
        right += f' <span class="number">({words["within"]} {tree["tolerance"]:.2g}{words["near"]})</span>'
    else:
        place = [option["right"] for option in tree["options"]].index(True)
        right = f"<strong>{'ABCDEF'[place]}</strong> {as_html(tree['options'][place]['content'])}"
    return f"<li>{right}<br>{as_html(tree['explanation'])}</li>"
