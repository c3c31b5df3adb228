"""GIFT, read back by a reader of its own that was written from the format's description; the sheet; the command."""

import argparse
import html.parser
import re

import pytest

from nukarumi._errors import BadInput
from nukarumi.lessons import glossary, shell
from nukarumi.lessons.gift import escaped, gift
from nukarumi.lessons.quiz import questions
from nukarumi.lessons.render import as_html

MEANT = set("\\~=#{}:")


def characters(text):
    """(character, whether it means something): a backslash takes the meaning from the next."""
    k = 0
    while k < len(text):
        if text[k] == "\\":
            assert text[k + 1] in MEANT, f"a backslash before {text[k + 1]!r}"
            yield text[k + 1], False
            k += 2
        else:
            yield text[k], text[k] in MEANT
            k += 1


def parsed(file):
    """Questions of a GIFT file: title, format, prompt, answers, general feedback."""
    found = []
    for block in re.split(r"\n\s*\n", file):
        text = block.strip()
        if not text or text.startswith(("$CATEGORY:", "//")):
            continue
        title = re.match(r"::((?:\\.|[^:\\])*)::", text)
        rest = text[title.end() :]
        assert rest.startswith("[html]")
        marks = list(characters(rest[len("[html]") :]))
        opening = marks.index(("{", True))
        closing = marks.index(("}", True))
        assert closing == len(marks) - 1
        assert not any(meant for _, meant in marks[:opening]), "the prompt means nothing by itself"
        inside = marks[opening + 1 : closing]
        text = "".join("\0" + c if meant else c for c, meant in inside)
        answers, general = text.split("\0#" * 4)
        question = {
            "title": re.sub(r"\\(.)", r"\1", title[1]),
            "prompt": "".join(c for c, _ in marks[:opening]),
            "general": general,
        }
        if answers.startswith("\0#"):
            value, tolerance = answers.removeprefix("\0#").strip().split("\0:")
            question["number"] = (float(value), float(tolerance))
        else:
            question["options"] = []
            for mark, option in re.findall(r"\0([=~])((?:(?!\0[=~]).)*)", answers):
                words, _, feedback = option.partition("\0#")
                assert "\0" not in words + feedback
                question["options"].append((mark == "=", words.strip(), feedback.strip()))
        found.append(question)
    return found


class Balanced(html.parser.HTMLParser):
    """Fails where a tag is not closed by its own."""

    EMPTY = frozenset({"br", "meta"})

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def balanced(text):
    reader = Balanced()
    reader.feed(text)
    reader.close()
    assert reader.open == []
    return reader


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("seed", [0, 3])
def test_gift_says_what_the_quiz_says(lang, seed):
    asked = [question for chapter in range(1, 15) for question in questions(chapter, seed)]
    read = parsed(gift(asked, lang))
    assert [each["title"] for each in read] == [question.id for question in asked]
    for question, got in zip(asked, read, strict=True):
        tree = question.tree(lang)
        assert got["prompt"] == " ".join(as_html(tree["prompt"], "latex").split())
        assert got["general"] == " ".join(as_html(tree["explanation"], "latex").split())
        balanced(got["prompt"])
        if question.kind == "number":
            assert got["number"] == (question.answer, question.tolerance)
        else:
            assert got["options"] == [
                (option["right"], as_html(option["content"], "latex"), as_html(option["why"], "latex"))
                for option in tree["options"]
            ]


@pytest.mark.parametrize("text", [r"a ~ b = c # d { e } f : g", r"\frac{a}{b}", r"\\", "::", "####", "{=x}", "a\n\nb"])
def test_escaping_takes_all_meaning_away(text):
    marks = list(characters(escaped(text)))
    assert not any(meant for _, meant in marks)
    assert "".join(c for c, _ in marks) == " ".join(text.split())


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_sheet_prints_with_and_without_answers(lang):
    plain, key = shell.quiz(lang, "sheet"), shell.quiz(lang, "sheet", answers=True)
    for page in (plain, key):
        reader = balanced(page)
        assert f'<html lang="{lang}">' in page
        assert "@media print" in page
        assert "http" not in page
        assert reader.tags.count("h2") == 14 * (1 if page is plain else 2)
        assert "math" in reader.tags
    asked = [question for chapter in range(1, 15) for question in questions(chapter)]
    assert plain.count('class="line"') == sum(question.kind == "number" for question in asked)
    assert "break-before: page" in key
    for question in asked:
        explanation = as_html(question.tree(lang)["explanation"])
        assert explanation in key
        assert explanation not in plain
    shortened = key[: key.index('<section class="key">')]
    assert plain.startswith(shortened)


def parser():
    top = argparse.ArgumentParser()
    shell.add_quiz(top.add_subparsers())
    return top


def test_the_command_writes_files(tmp_path, capsys):
    for words in (["--format", "gift", "--lang", "ja"], ["--answers", "--chapter", "4", "--seed", "2"]):
        out = tmp_path / "file"
        options = parser().parse_args(["quiz", *words, "-o", str(out)])
        assert options.run(options) == 0
        told = parser().parse_args(["quiz", *words])
        told.run(told)
        assert capsys.readouterr().out == out.read_text(encoding="utf-8")
    assert len(parsed(shell.quiz("en", "gift", chapter=4))) == 3
    assert parsed(shell.quiz("en", "gift", chapter=4, seed=1)) != parsed(shell.quiz("en", "gift", chapter=4))


@pytest.mark.parametrize("wrong", [("fr", "gift"), ("en", "pdf")])
def test_refusals(wrong):
    with pytest.raises(BadInput):
        shell.quiz(*wrong)
    with pytest.raises(BadInput):
        shell.quiz("en", "gift", chapter=99)


def test_a_slider_is_nothing_to_print():
    with pytest.raises(BadInput):
        as_html([{"type": "slider"}])


def test_glossary():
    terms = glossary.TERMS
    assert len({term.id for term in terms}) == len(terms) >= 25
    for term in terms:
        assert re.fullmatch(r"[ぁ-んー、 a-z]+", term.reading), term.reading
        assert term.in_english.endswith(".")
        assert term.in_japanese.endswith("。")
        assert set(term.tree()["meaning"]) == {"en", "ja"}
