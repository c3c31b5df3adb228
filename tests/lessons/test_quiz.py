"""Every answer of the quiz is found again by other means: by hand, by the lab's walk, by the rule itself."""

import math
import re

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.lab.generate import OPTIMIZERS, variants
from nukarumi.lab.walks import walk as lab_walk
from nukarumi.lessons import quiz
from nukarumi.lessons.quiz import questions
from nukarumi.lessons.truths import NEAR
from nukarumi.lessons.walks import read_state
from nukarumi.problems.terrains import terrain
from nukarumi.translate.mutations import MUTATIONS, mutations

SEEDS = (0, 1, 2)
ALL = [(question, seed) for seed in SEEDS for chapter in range(1, 15) for question in questions(chapter, seed)]


def some(wanted):
    """A test for those of the questions that are wanted."""
    chosen = [pair for pair in ALL if wanted(pair[0])]
    names = [f"{question.id}-{seed}" for question, seed in chosen]
    return pytest.mark.parametrize(("question", "seed"), chosen, ids=names)


def as_text(nodes):
    """Inline nodes as plain text; a formula is its Python line."""
    out = []
    for node in nodes:
        if "content" in node:
            out.append(as_text(node["content"]))
        else:
            out.append(node["line"]["python"] if node["type"] == "formula" else node.get("text", "\n"))
    return "".join(out)


def numbers(question):
    """The numbers of the prompt, in order."""
    text = as_text(question.tree("en")["prompt"]).replace("−", "-")
    return [float(each) for each in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?", text)]


def adagrad(slopes, lr):
    """The last move, by hand."""
    return -lr * slopes[-1] / math.sqrt(sum(g**2 for g in slopes))


BY_HAND = {
    "01/stride": lambda lr, g: -lr * g,
    "02/first-stride": lambda lr, g: adagrad([g], lr),
    "03/h-after": lambda *slopes: sum(g**2 for g in slopes),
    "04/second-stride": lambda lr, one, two: adagrad([one, two], lr),
    "04/new-h": lambda h, g: h + g**2,
    "08/ratio": lambda rare, _, often: math.sqrt(often / rare),
    "09/falls": lambda _, count: 1 / math.sqrt(count),
    "10/h": lambda keep, one, two: keep * (1 - keep) * one**2 + (1 - keep) * two**2,
    "11/velocity": lambda lr, mu, g: -lr * g * (1 + mu),
    "11/top-speed": lambda mu: 1 / (1 - mu),
    "12/first": lambda lr, g: -lr * math.copysign(1, g),
    "14/first-stride": None,
}


def test_every_chapter_asks_and_some_of_it_follows_the_seed():
    for chapter in range(1, 15):
        asked = questions(chapter)
        assert len(asked) >= 2
        assert [question.id for question in asked] == [question.id for question in questions(chapter, 5)]
        assert asked == questions(chapter)
        others = {seed: questions(chapter, seed) for seed in range(4)}
        assert any(others[seed] != asked for seed in range(1, 4))
    assert {question.id for question, _ in ALL if question.kind == "number"} == set(BY_HAND)


@some(lambda _: True)
def test_a_question_is_whole_in_both_languages(question, seed):
    en, ja = question.tree("en"), question.tree("ja")
    for tree in (en, ja):
        assert tree["prompt"]
        assert tree["explanation"]
        if question.kind == "choice":
            assert [option["right"] for option in tree["options"]].count(True) == 1
            assert len(tree["options"]) >= 2
            texts = [as_text(option["content"]) for option in tree["options"]]
            assert len(set(texts)) == len(texts)
        else:
            assert tree["tolerance"] > 0
            assert abs(tree["tolerance"]) < 0.05 * abs(tree["answer"]) + 1e-6
    assert re.search(r"[ぁ-ん]", as_text(ja["prompt"]))
    assert not re.search(r"[ぁ-んァ-ン一-龥]", as_text(en["prompt"]))
    assert [option["right"] for option in en["options"]] == [option["right"] for option in ja["options"]]
    in_english = re.findall(r"\d+(?:\.\d+)?", as_text(en["prompt"]))
    assert sorted(in_english) == sorted(re.findall(r"\d+(?:\.\d+)?", as_text(ja["prompt"])))
    for state in (en["state"], *(option["walk"] for option in en["options"])):
        assert state is None or str(read_state(state)) == state


@some(lambda question: question.kind == "number")
def test_a_number_is_right_by_hand(question, seed):
    given = numbers(question)
    if question.id == "14/first-stride":
        lr, g = given
        keras = "Keras" in question.prompt["en"]
        expected = lr * g / math.sqrt(0.1 + g * g + 1e-7) if keras else lr
    else:
        expected = BY_HAND[question.id](*given)
    assert question.answer == pytest.approx(expected, rel=1e-4)
    assert abs(question.answer - expected) < question.tolerance


@some(lambda question: question.id.endswith(("/who", "/turned")))
def test_who_is_first_by_the_labs_walk(question, seed):
    state = question.state
    arrivals = {}
    for hiker in state.hikers:
        walked = lab_walk(
            hiker.optimizer(), terrain(state.terrain), state.start, state.steps, state.noise, state.seed, state.turn
        )
        below = np.flatnonzero(walked["loss"] <= NEAR)
        arrivals[quiz._call(hiker)] = below[0] if len(below) else math.inf
    (right,) = (option.words["en"] for option in question.options if option.right)
    assert right == min(arrivals, key=arrivals.get)
    assert sorted(arrivals.values())[1] - arrivals[right] >= 3
    shown = numbers(question)[:2] if question.id != "05/turned" else numbers(question)[-3:-1]
    assert tuple(shown) == pytest.approx(state.start, rel=1e-3)


@some(lambda question: question.id.endswith("/formula"))
def test_wrong_formulas_are_mutations_that_the_lab_walks(question, seed):
    name = {"04": "Adagrad", "10": "RMSprop", "11": "Momentum", "12": "Adam"}[question.id[:2]]
    rule = variants(next(cls for cls in OPTIMIZERS if cls.__name__ == name))["book"].line
    offered = {each.id for each in MUTATIONS if each.shown}
    tree = question.tree("en")
    for option in tree["options"]:
        shown = [node["line"]["python"] for node in option["content"] if node["type"] == "formula"]
        if option["right"]:
            assert shown == [str(line) for line in rule.lines]
            continue
        right, wrong = read_state(option["walk"]).hikers
        assert right.mistake is None
        assert wrong.mistake in offered
        assert shown == [str(line) for line in mutations(rule)[wrong.mistake].lines]
        assert option["why"]


def test_the_mistake_in_the_class_is_the_one_named():
    for seed in range(6):
        question = questions(7, seed)[1]
        (right,) = (option for option in question.options if option.right)
        mistake = next(key for key, words in quiz.MISTAKES.items() if words in right.words["ja"])
        (english,) = (each.words for each in MUTATIONS if each.id == mistake)
        assert english in right.words["en"]
        text = as_text(question.tree("en")["prompt"])
        assert {
            "h_overwritten": "self.h[key] = grads[key] * grads[key]" in text,
            "no_root": "sqrt" not in text,
            "gradient_forgotten": "self.lr / (" in text,
            "brake_multiplied": "* (np.sqrt" in text,
            "eps_outside_fraction": "/ np.sqrt(self.h[key]) + self.eps" in text,
            "uphill": "params[key] +=" in text,
        }[mistake], (mistake, text)


def test_every_shown_mistake_has_japanese_words():
    for cls in OPTIMIZERS:
        if cls.__name__ in ("Adagrad", "RMSprop", "Momentum", "Adam"):
            line = variants(cls)["book"].line
            missing = {each.id for each in MUTATIONS if each.shown and each.applies(line)} - set(quiz.MISTAKES)
            assert missing == set()
    assert all(re.search(r"[ぁ-ん]", words) and words.endswith("。") for words in quiz.MISTAKES.values())


@pytest.mark.parametrize(("chapter", "seed"), [(0, 0), (15, 0), (1, -1), (1, 1.5), (1, True)])
def test_refusals(chapter, seed):
    with pytest.raises(BadInput):
        questions(chapter, seed)
