"""Pictures of what was measured: the reading of the reviews and the race on digits, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nukarumi._errors import BadInput
from nukarumi.lessons.measure import measured

__all__ = ["FIGURES", "figure"]

Words = Callable[[str, str], str]


def figure(name: str, lang: str) -> dict[str, Any]:
    """A figure by its name, as the ``Figure`` of ``web/src/views/lesson/types.ts``.

    Raises
    ------
    BadInput
        If there is no figure of that name.

    Examples
    --------
    >>> figure("review-errors", "en")["labels"]
    ['SGD', 'Adagrad']
    """
    if name not in FIGURES:
        raise BadInput(f"a figure is one of {', '.join(FIGURES)}", repr(name), "name one of them")

    def say(en: str, ja: str) -> str:
        return {"en": en, "ja": ja}[lang]

    found = measured()
    versions = ", ".join(f"{library} {version}" for library, version in found["versions"].items())
    empty = {"labels": [], "logX": False, "logY": False, "source": f"{found['command']} ({versions})"}
    return {**empty, **FIGURES[name](found, say)}


def _review_errors(found: dict[str, Any], say: Words) -> dict[str, Any]:
    readers = found["reviews"]["readers"]
    return {
        "kind": "bars",
        "title": say("Wrong answers on reviews never read", "読んでいない感想での誤り"),
        "x": say("reader", "読み手"),
        "y": say("test error, %", "テスト誤差 (%)"),
        "labels": list(readers),
        "series": [
            {
                "name": say("after one reading", "一度読んだあと"),
                "x": list(range(len(readers))),
                "y": [round(100 * each["test_error"], 2) for each in readers.values()],
            }
        ],
    }


def _review_rates(found: dict[str, Any], say: Words) -> dict[str, Any]:
    series = []
    for name, reader in found["reviews"]["readers"].items():
        x, y = zip(*reader["rate_by_count"], strict=True)
        series.append({"name": name, "x": list(x), "y": list(y)})
    return {
        "kind": "curves",
        "title": say("How long a word's next stride would be", "単語ごとの、次の一歩の長さ"),
        "x": say("sentences with the word", "その語を含む文の数"),
        "y": say("effective rate", "実効学習率"),
        "series": series,
        "logX": True,
        "logY": True,
    }


def _digit_errors(found: dict[str, Any], say: Words) -> dict[str, Any]:
    standings = found["digits"]["standings"]
    return {
        "kind": "bars",
        "title": say("Digits never seen: wrong answers", "見たことのない数字での誤り"),
        "x": say("optimizer", "オプティマイザ"),
        "y": say("test error, %", "テスト誤差 (%)"),
        "labels": [each["optimizer"] for each in standings],
        "series": [
            {
                "name": say("each at its own best rate", "それぞれ自分に最良の学習率で"),
                "x": list(range(len(standings))),
                "y": [round(100 * each["test_error"]["mean"], 2) for each in standings],
            }
        ],
    }


def _digit_curves(found: dict[str, Any], say: Words) -> dict[str, Any]:
    series = []
    for each in found["digits"]["standings"]:
        x, y = zip(*each["curve"], strict=True)
        series.append({"name": each["optimizer"], "x": list(x), "y": list(y)})
    return {
        "kind": "curves",
        "title": say("The training loss on the way", "訓練中の損失"),
        "x": say("updates", "更新回数"),
        "y": say("loss", "損失"),
        "series": series,
        "logY": True,
    }


def _digit_rates(found: dict[str, Any], say: Words) -> dict[str, Any]:
    series = []
    for each in found["digits"]["standings"]:
        kept = [tried for tried in each["tried"] if tried["validation_error"] is not None]
        x = [tried["lr"] for tried in kept]
        y = [round(100 * tried["validation_error"], 3) for tried in kept]
        series.append({"name": each["optimizer"], "x": x, "y": y})
    return {
        "kind": "curves",
        "title": say("The same race at every rate", "学習率を変えると"),
        "x": say("learning rate", "学習率"),
        "y": say("validation error, %", "検証誤差 (%)"),
        "series": series,
        "logX": True,
        "logY": True,
    }


FIGURES: dict[str, Callable[[dict[str, Any], Words], dict[str, Any]]] = {
    "review-errors": _review_errors,
    "review-rates": _review_rates,
    "digit-errors": _digit_errors,
    "digit-curves": _digit_curves,
    "digit-rates": _digit_rates,
}
"""What can be shown, by name."""
