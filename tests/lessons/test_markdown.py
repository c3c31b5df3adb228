"""A chapter is read whole or refused with its file and line; nothing unproved gets through."""

import pytest

from nukarumi._errors import BadInput
from nukarumi.lessons import markdown
from nukarumi.lessons.markdown import inline, read

FRONT = "---\ntitle: T\nminutes: 5\nmetaphor: M\nprerequisites: 1, 2\n---\n"
PICTURE = """
```picture one
view: terrain
state: terrain=bowl&start=-7,2&steps=5&t=2&hikers=SGD,lr:0.5;Adagrad,lr:1,eps:1e-7
caption: What is seen.
```
"""


def chapter(body, lang="en"):
    return read(FRONT + body, "file.md", lang)


def kinds(blocks):
    return [block["type"] for block in blocks]


def test_a_chapter_of_everything():
    body = f"""
## A *heading*

Text with `code 1`, $lr · 2$, a claim {{{{near}}}}, words {{{{sgd_setting_never_changes|that are true}}}}, [[3]] set by
the author, a {{formula Adagrad:2}} and a {{slider lr:2 0.1..4 log}}; see {{chapter 9}}.
{PICTURE}
::: metaphor
Mud.
:::

::: maths
- one
- two
:::

::: predict one shoes_first_home
Who is
first?
- [SGD] This one.
- [Adagrad] That one.
---
So it is.
:::

::: instructor
1. Ask.
:::

```rule Adagrad!no_root
```

| a | b |
|---|---|
| c | {{{{near:.2f}}}} |
"""
    read_ = chapter(body)
    assert (read_.title, read_.minutes, read_.prerequisites) == ("T", 5, [1, 2])
    assert kinds(read_.blocks) == [
        "heading", "paragraph", "picture", "pair", "predict", "instructor", "formula", "table",
    ]  # fmt: skip
    text, picture, pair, predict, note, formula, table = read_.blocks[1:]
    assert [node["type"] for node in text["content"] if node["type"] != "text"] == [
        "code", "maths", "claim", "claim", "formula", "slider", "link",
    ]  # fmt: skip
    slider = text["content"][-4]
    assert slider == {
        "type": "slider", "picture": "one", "target": "lr", "hiker": 1, "value": 1.0, "min": 0.1, "max": 4.0,
        "scale": "log",
    }  # fmt: skip
    assert picture["state"] == ("terrain=bowl&start=-7,2&steps=5&hikers=SGD,lr:0.5;Adagrad,lr:1,eps:1e-07&t=2")
    assert kinds(pair["metaphor"]) == ["paragraph"]
    assert pair["maths"][0]["items"][1][0]["content"] == [{"type": "text", "text": "two"}]
    assert [option["right"] for option in predict["options"]] == [False, True]
    assert predict["question"] == [{"type": "text", "text": "Who is first?"}]
    assert note["blocks"][0]["ordered"]
    assert [line["python"] for line in formula["lines"]] == ["h = h + g * g", "w = w - lr * g / (h + eps)"]
    assert table["rows"][0][1][0]["text"] == "0.01"
    assert read_.claims == ["near", "sgd_setting_never_changes", "shoes_first_home", "near"]


def test_japanese_lines_are_joined_without_a_space():
    assert chapter("\nあい\nうえ\n", "ja").blocks[0]["content"] == [{"type": "text", "text": "あいうえ"}]


@pytest.mark.parametrize(
    ("body", "line", "word"),
    [
        ("\nIt takes 7 steps.", 8, "'7'"),
        ("\nfine\n\nAlso fine,\nbut ７ is not.", 11, "'７'"),
        ("\nSquared: g².", 8, "'²'"),
        ("\nTwice as fast.", 8, "'Twice'"),
        ("\nIt is three times as long.", 8, "'three times'"),
        ("\n**Ten times** more.", 8, "'Ten times'"),
        ("\n- first\n- 2nd", 9, "'2'"),
        ("\n| a |\n|---|\n| 4 |", 9, "'4'"),
        ("\n## 3 shoes", 8, "'3'"),
        ("\n{{no_such_claim}}", 8, "no_such_claim"),
        ("\n{{near.part}}", 8, "near"),
        ("\n{{sgd_setting_never_changes}}", 8, "words"),
        ("\n{{near|small}}", 8, "truth"),
        ("\n{{near:.zz}}", 8, "near"),
        ("\n{{near}", 8, "not understood"),
        ("\nsee {chapter 99}", 8, "99"),
        ("\n{formula Nobody:1}", 8, "Nobody"),
        ("\n{formula Adagrad!nothing:1}", 8, "nothing"),
        ("\n{formula Adagrad:9}", 8, "9"),
        ("\n{slider lr:1 0..1}", 8, "picture"),
        (PICTURE + "\n{slider lr:3 0..1}", 14, "lr"),
        (PICTURE + "\n{slider speed 0..1}", 14, "speed"),
        (PICTURE + "\n{slider lr:1 1..2}", 14, "0.5"),
        (PICTURE + "\n{slider lr:1 0..1 log}", 14, "slider"),
        (PICTURE + PICTURE, 14, "one"),
        ("\n```picture a\nview: map\ncaption: x\n```", 8, "view"),
        ("\n```picture a\nview: terrain\ncaption: x\n```", 8, "state"),
        ("\n```picture a\nview: terrain\nscene: nowhere\ncaption: x\n```", 8, "nowhere"),
        ("\n```picture a\nview: race\nfigure: none\ncaption: x\n```", 8, "none"),
        ("\n```picture a\nview: terrain\nscene: shoes\ncolour: red\ncaption: x\n```", 11, "colour"),
        ("\n```picture a\nview: terrain\nscene: shoes\ncaption: 5 steps\n```", 8, "'5'"),
        ("\n```ruby\n```", 8, "ruby"),
        ("\n::: metaphor\nx\n:::", 8, "maths"),
        ("\n::: maths\nx\n:::", 8, "metaphor"),
        ("\n::: metaphor\nx\n:::\n\nbetween\n\n::: maths\nx\n:::", 8, "metaphor"),
        ("\n::: box\nx\n:::", 8, "box"),
        ("\n::: instructor\nx", 8, ":::"),
        ("\n::: instructor\nThe 5 of them.\n:::", 9, "'5'"),
        ("\n::: predict none shoes_first_home\nQ\n- [SGD] a\n- [Adagrad] b\n---\nr\n:::", 8, "none"),
        (PICTURE + "\n::: predict one shoes_first_home\nQ\n- [a] b\n- [SGD] b\n---\nr\n:::", 14, "Adagrad"),
        (PICTURE + "\n::: predict one shoes_first_home\nQ\n- [Adagrad] b\n- [SGD] b\n---\nIn 4.\n:::", 19, "'4'"),
        ("\n> quoted", 8, "blockquote"),
        ("\n<b>bold</b> ![x](y)", 8, "image"),
    ],
)  # fmt: skip
def test_refuses_with_file_and_line(body, line, word):
    with pytest.raises(BadInput) as refused:
        chapter(body)
    text = str(refused.value)
    assert text.startswith(f"file.md:{line}: "), text
    assert word in text, text


@pytest.mark.parametrize("text", ["三倍です", "半分になる", "百分の一", "8 歩目"])
def test_japanese_factors_are_refused_too(text):
    with pytest.raises(BadInput, match="proved"):
        inline(text, "ja")


@pytest.mark.parametrize(
    "front", ["", "---\ntitle: T\n---\n", FRONT.replace("5", "five"), FRONT.replace("title: T", "title: 7 shoes")]
)
def test_front_matter_is_checked(front):
    with pytest.raises(BadInput, match=r"f\.md:\d"):
        read(front + "\nText.", "f.md", "en")


def test_markup_is_text():
    assert inline("a <script>b</script>", "en") == [{"type": "text", "text": "a <script>b</script>"}]


def test_every_view_and_scale_of_the_boundary_is_known():
    assert set(markdown.VIEWS) >= {"terrain", "ledger", "formula", "curves", "whatif", "dialects", "stepper"}
    assert set(markdown.MEASURED) < set(markdown.VIEWS)
