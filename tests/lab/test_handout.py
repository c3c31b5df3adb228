"""The handout: one file, whole or not at all, that asks nobody for anything."""

import os
import re

import pytest

from nukarumi._errors import BadInput
from nukarumi.cli import main
from nukarumi.lab import write_handout
from nukarumi.lab.page import SCRIPT, built, page

LARGEST = 1_500_000


@pytest.mark.parametrize("lang", ["both", "ja", "en"])
def test_one_file_in_the_language_that_was_asked_for(lang, tmp_path, capsys):
    file = tmp_path / "adagrad.html"
    assert main(["handout", "-o", str(file), "--lang", lang]) == 0
    assert str(file) in capsys.readouterr().out
    assert file.read_text() == page("handout", lang=lang)
    assert f'{{"mode":"handout","lang":"{lang}"}}' in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


def test_the_default_name_is_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["handout"]) == 0
    assert (tmp_path / "nukarumi.html").exists()


def test_page_is_within_its_budget():
    assert len(built("lab.html").encode()) <= LARGEST
    assert len(built("widget.js").encode()) <= LARGEST


def test_nothing_in_the_page_points_outside():
    text = page("handout")
    outside = re.findall(r"""<(?:script|link|img|iframe)[^>]*\b(?:src|href)\s*=\s*["']?(?!data:)[^"'>\s]+""",
                         SCRIPT.sub("", text))  # fmt: skip
    assert not outside
    assert "default-src 'none'" in text


def test_an_earlier_file_is_replaced_as_a_whole_and_keeps_its_permissions(tmp_path):
    file = tmp_path / "lab.html"
    file.write_text("old")
    file.chmod(0o640)
    write_handout(file, "ja")
    assert file.read_text() == page("handout", lang="ja")
    assert file.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["-o", "no/such/folder/lab.html"], "a folder that exists"),
        (["-o", "."], "the name of a file"),
    ],
)
def test_where_no_file_can_be(words, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["handout", *words]) == 2
    assert says in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_an_unknown_language_is_refused(tmp_path, capsys):
    with pytest.raises(BadInput, match="lang must be one of"):
        write_handout(tmp_path / "lab.html", "de")
    assert main(["handout", "-o", str(tmp_path / "lab.html"), "--lang", "de"]) == 2
    assert "both" in capsys.readouterr().err
    assert not os.listdir(tmp_path)


def test_a_page_that_was_not_built_is_said(tmp_path, monkeypatch, capsys):
    built.cache_clear()
    monkeypatch.setattr("nukarumi.lab.page.STATIC", tmp_path)
    try:
        assert main(["handout", "-o", str(tmp_path / "lab.html")]) == 2
    finally:
        built.cache_clear()
    assert "pip install ." in capsys.readouterr().err
    assert not os.listdir(tmp_path)
