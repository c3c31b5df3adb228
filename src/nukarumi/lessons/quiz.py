"""Questions at the end of each chapter: some fixed, some made from a walk with a seed; every answer is computed.

A right statement stands as a claim, so that it is refused when it is not true. A number is worked out by the rule. Who
arrives first is walked. A wrong formula is a real mutation of the right one, and carries a state in which it walks.
"""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nukarumi import optim
from nukarumi._errors import BadInput
from nukarumi.lessons import markdown
from nukarumi.lessons.learner import listing
from nukarumi.lessons.truths import NEAR
from nukarumi.lessons.walks import Hiker, State, rule_of, walk
from nukarumi.problems.terrains import terrain
from nukarumi.translate.mutations import MUTATIONS, mutations

__all__ = ["Option", "Question", "questions"]

Words = Mapping[str, str]
Dice = random.Random


@dataclass(frozen=True)
class Option:
    """One answer to choose.

    Attributes
    ----------
    words
        Its text in both languages, in the Markdown of the chapters.
    right
        Whether it is the right one.
    why
        What to say to whoever chose it.
    walk
        A state in which this answer walks.
    """

    words: Words
    right: bool
    why: Words = field(default_factory=lambda: {"en": "", "ja": ""})
    walk: State | None = None


@dataclass(frozen=True)
class Question:
    """One question, in both languages.

    Attributes
    ----------
    id
        The chapter's number and a word; the same for every seed.
    prompt, explanation
        In the Markdown of the chapters.
    options
        For a choice; exactly one is right.
    answer, tolerance
        For a number.
    state
        What to look at after answering.
    """

    id: str
    prompt: Words
    explanation: Words
    options: tuple[Option, ...] = ()
    answer: float | None = None
    tolerance: float | None = None
    state: State | None = None

    @property
    def kind(self) -> str:
        """``"choice"`` or ``"number"``."""
        return "choice" if self.options else "number"

    def tree(self, lang: str) -> dict[str, Any]:
        """The ``Question`` of ``web/src/views/lesson/types.ts``."""
        return {
            "id": self.id,
            "kind": self.kind,
            "prompt": markdown.inline(self.prompt[lang], lang, self.id),
            "state": str(self.state) if self.state else None,
            "options": [
                {
                    "content": markdown.inline(option.words[lang], lang, self.id),
                    "right": bool(option.right),
                    "why": markdown.inline(option.why[lang], lang, self.id),
                    "walk": str(option.walk) if option.walk else None,
                }
                for option in self.options
            ],
            "answer": self.answer,
            "tolerance": self.tolerance,
            "explanation": markdown.inline(self.explanation[lang], lang, self.id),
        }


def questions(chapter: int, seed: int = 0) -> list[Question]:
    """The questions of a chapter.

    Parameters
    ----------
    chapter
        Its number, from 1.
    seed
        Decides the numbers, the starts and the order of the answers of those that are made from a walk.

    Raises
    ------
    BadInput
        If there is no such chapter, or the seed is not a whole number of at least 0.

    Examples
    --------
    >>> [question.id for question in questions(4)]
    ['04/formula', '04/second-stride', '04/new-h']
    """
    if chapter not in _MAKERS:
        raise BadInput(f"chapters are 1 to {max(_MAKERS)}", chapter, "pass one of them")
    given: Any = seed
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadInput("seed must be a whole number >= 0", repr(seed), "pass such as seed=1")
    return list(_questions(chapter, seed))


@functools.lru_cache(maxsize=64)
def _questions(chapter: int, seed: int) -> tuple[Question, ...]:
    made = []
    for name, maker in _MAKERS[chapter].items():
        dice = Dice(f"{chapter}/{name}/{seed}")
        question = replace(maker(dice), id=f"{chapter:02d}/{name}")
        if question.options:
            mixed = dice.sample(question.options, len(question.options))
            question = replace(question, options=tuple(mixed))
        made.append(question)
    return tuple(made)


# Building blocks -----------------------------------------------------------------------------------------------------


def _both(en: str, ja: str) -> Words:
    return {"en": en, "ja": ja}


def _fixed(prompt: Words, right: Words, *wrong: Words, explanation: Words) -> Callable[[Dice], Question]:
    """A question whose right answer is a statement; where it can be computed, it stands as a claim."""
    options = (Option(right, True), *(Option(each, False) for each in wrong))
    return lambda dice: Question("", prompt, explanation, options)


def _n(number: float, form: str = ".4g") -> str:
    """A computed number in a prompt, marked as given."""
    return f"[[{format(number, form).replace('-', '−')}]]"


def _pick(dice: Dice, *values: float) -> float:
    return dice.choice(values)


def _steps(cls: type[optim.Optimizer], slopes: list[float], library: str = "book", **settings: Any) -> Iterator[Any]:
    """The optimizer and the parameter after each slope, by the library."""
    optimizer: Any = cls.like(library, **settings)
    params = {"w": np.zeros(1)}
    for g in slopes:
        before = float(params["w"][0])
        optimizer.update(params, {"w": np.array([g])})
        yield optimizer, float(params["w"][0]) - before


def _number(prompt: Words, answer: float, explanation: Words, share: float = 0.01) -> Question:
    """A question for a number; an answer within a hundredth is right."""
    exact = float(f"{answer:.6g}")
    return Question("", prompt, explanation, answer=exact, tolerance=float(f"{max(abs(exact) * share, 1e-9):.3g}"))


def _who(dice: Dice, make: Callable[[Dice], State], intro: Words) -> Question:
    """Which hiker arrives first? The state is thrown until one is clearly first."""
    for _ in range(200):
        state = make(dice)
        arrivals = [walk(state, k).first_below(NEAR) for k in range(len(state.hikers))]
        order = sorted(arrivals)
        if math.isfinite(order[0]) and order[1] - order[0] >= 3:
            break
    else:
        raise AssertionError("no clear race found")
    first = arrivals.index(order[0])
    options = tuple(
        Option(_both(_call(hiker), _call(hiker)), k == first, walk=state) for k, hiker in enumerate(state.hikers)
    )
    x, y = map(_n, state.start)
    prompt = _both(
        f"{intro['en']} All start at x = {x}, y = {y}. Who is the first to be lower than {{{{near}}}}?",
        f"{intro['ja']}全員が x = {x}、y = {y} から出発します。先に高さ {{{{near}}}} より低くなるのは誰ですか。",
    )
    told = int(order[0])
    explanation = _both(
        f"{_call(state.hikers[first])}, after {_n(told, 'd')} steps.",
        f"{_call(state.hikers[first])} です。{_n(told, 'd')} 歩で着きます。",
    )
    return Question("", prompt, explanation, options, state=state.but(t=state.steps))


def _call(hiker: Hiker) -> str:
    """A hiker as Python would make it."""
    return f"`{hiker.name}({', '.join(f'{name}={value:g}' for name, value in hiker.settings)})`"


def _hiker(name: str, **settings: float) -> Hiker:
    return Hiker(name, settings=tuple(settings.items()))


_TERRAIN_WORDS = {
    "bowl": _both("In the narrow valley.", "細長い谷です。"),
    "rosenbrock": _both("In the banana valley.", "バナナの谷です。"),
    "sparse_ravine": _both("On the sparse ravine.", "まばらな谷です。"),
    "cliff": _both("Down the cliff and along the gentle valley.", "崖と、なだらかな谷です。"),
}


def _formula(name: str, lr: float) -> Callable[[Dice], Question]:
    """Which of these formulas is it? The wrong ones are mutations of the rule, and each can be walked."""

    def make(dice: Dice) -> Question:
        hiker = _hiker(name, lr=lr)
        rule = rule_of(hiker)
        shown = [each.id for each in MUTATIONS if each.shown and each.id in mutations(rule)]
        wrong = dice.sample(shown, min(3, len(shown)))
        words = {each.id: each.words for each in MUTATIONS}
        base = State("bowl", (-7.0, 2.0), 60, 60, (hiker,))
        options = [Option(_lines(name, len(rule.lines)), True)]
        for mistake in wrong:
            count = len(mutations(rule)[mistake].lines)
            both = (hiker, replace(hiker, mistake=mistake))
            why = _both(f"[[{words[mistake]}]]", f"[[{MISTAKES[mistake]}]]")
            options.append(Option(_lines(f"{name}!{mistake}", count), False, why, base.but(hikers=both)))
        return Question(
            "",
            _both(f"Which of these is {name}?", f"{name} の式はどれですか。"),
            _both(
                "Each of the others is a real slip; let it walk beside the right one.",
                "ほかは、どれも本当にある書き間違いです。正しいものと並べて歩かせてみてください。",
            ),
            tuple(options),
            state=base,
        )

    return make


def _lines(reference: str, count: int) -> Words:
    text = " ; ".join(f"{{formula {reference}:{k}}}" for k in range(1, count + 1))
    return _both(text, text)


MISTAKES: dict[str, str] = {
    "uphill": "符号が逆で、坂を登ってしまいます。",
    "gradient_forgotten": "歩幅に勾配が入っていません。いつも同じ向きに進みます。",
    "no_root": "ルートがありません。疲れそのもので割っていて、単位が合いません。",
    "no_eps": "eps がありません。まだ動いていない要素は 0 / 0 になります。",
    "h_overwritten": "疲れを上書きしています。直前の勾配しか覚えていません。",
    "gradient_not_squared": "二乗せずに足しています。右と左が打ち消し合ってしまいます。",
    "step_before_memory": "疲れを更新する前に踏み出しています。",
    "shares_swapped": "残す割合と取り込む割合が逆です。",
    "velocity_overwritten": "速度を毎回上書きしています。何も転がりません。",
    "no_friction": "摩擦の係数がありません。速度が失われず、止まれません。",
    "velocity_turned": "古い速度の符号が逆です。",
    "new_velocity": "古い速度を使う所で、新しい速度を使っています。",
    "no_look_ahead": "先を見るぶんがありません。",
    "no_correction": "バイアス補正がありません。最初の数歩の長さが狂います。",
    "correction_multiplied": "一次モーメントの補正を、割らずに掛けています。",
    "moments_swapped": "二つのモーメントが入れ替わっています。",
    "second_moment_overwritten": "二乗の移動平均を毎回上書きしています。",
    "brake_multiplied": "ブレーキで割らずに、掛けています。",
    "eps_outside_fraction": "ルートと eps を囲む括弧がありません。eps が歩幅に足されています。",
    "weight_overwritten": "重みを動かさず、歩幅で置き換えています。",
}
"""What is wrong, in Japanese; in English it stands with the mutations."""


def _class_mistake(dice: Dice) -> Question:
    """The two lines of a class with a mistake: what is it?"""
    candidates = [
        "h_overwritten",
        "no_root",
        "gradient_forgotten",
        "brake_multiplied",
        "eps_outside_fraction",
        "uphill",
    ]
    chosen = dice.sample(candidates, 4)
    mistake = chosen[0]
    listed = listing("Adagrad", mistake)
    rows = [listed.source.splitlines()[line - 1].strip() for line, _ in listed.steps]
    code = "\\\n".join(f"`{row}`" for row in rows)
    words = {each.id: each.words for each in MUTATIONS}
    hiker = _hiker("Adagrad", lr=1.5)
    state = State("bowl", (-7.0, 2.0), 60, 60, (hiker, replace(hiker, mistake=mistake)))
    return Question(
        "",
        _both(
            f"A learner's class ends with these lines. What is wrong?\\\n{code}",
            f"あるクラスの最後の行です。何が間違っていますか。\\\n{code}",
        ),
        _both("Compare it sign by sign with the formula.", "式と、記号を一つずつ比べてください。"),
        tuple(Option(_both(f"[[{words[each]}]]", f"[[{MISTAKES[each]}]]"), each == mistake) for each in chosen),
        state=state if _is_shown(mistake) else None,
    )


def _is_shown(mistake: str) -> bool:
    """Whether the lab can walk it."""
    return any(each.id == mistake and each.shown for each in MUTATIONS)


# The chapters --------------------------------------------------------------------------------------------------------


def _sgd_stride(dice: Dice) -> Question:
    lr, g = _pick(dice, 0.1, 0.2, 0.5, 0.05), _pick(dice, 4.0, -6.0, 0.8, -2.5)
    moved = next(_steps(optim.SGD, [g], lr=lr))[1]
    return _number(
        _both(
            f"SGD with `lr` = {_n(lr)} stands where the slope is {_n(g)}. By how much does `w` change in this step?",
            f"`lr` = {_n(lr)} の SGD が、傾き {_n(g)} の場所にいます。この一歩で `w` はいくら変わりますか。",
        ),
        moved,
        _both("Minus the learning rate times the slope.", "マイナス、学習率かける傾きです。"),
    )


def _runaway(dice: Dice) -> Question:
    lrs = [dice.choice([0.2, 0.3, 0.5]), dice.choice([0.8, 0.9, 0.95]), dice.choice([1.03, 1.05, 1.1])]
    state = State("bowl", (-7.0, 2.0), 60, 60, tuple(_hiker("SGD", lr=lr) for lr in lrs))
    away = [abs(walk(state, k).y[-1]) > 2 for k in range(3)]
    options = tuple(Option(_both(f"`{lr}`", f"`{lr}`"), gone, walk=state) for lr, gone in zip(lrs, away, strict=True))
    return Question(
        "",
        _both(
            "With which learning rate does SGD fly out of the narrow valley?",
            "細長い谷から SGD が飛び出すのは、どの学習率ですか。",
        ),
        _both(
            "Only above {{valley_limit:g}} does each crossing end higher than it began.",
            "{{valley_limit:g}} を超えると、谷を渡るたびに高く上がります。",
        ),
        options,
        state=state,
    )


def _adagrad_first(dice: Dice) -> Question:
    lr, g = _pick(dice, 0.1, 0.5, 0.02, 1.5), _pick(dice, 7.0, -0.2, 40.0, -3.0)
    moved = next(_steps(optim.Adagrad, [g], lr=lr))[1]
    return _number(
        _both(
            f"Adagrad's very first step: `lr` = {_n(lr)}, slope {_n(g)}. By how much does `w` change?",
            f"Adagrad の最初の一歩です。`lr` = {_n(lr)}、傾き {_n(g)}。`w` はいくら変わりますか。",
        ),
        moved,
        _both(
            "The first stride has the length of `lr`, whatever the slope; only the sign counts.",
            "最初の歩幅は、傾きに関係なく `lr` の長さです。効くのは符号だけ。",
        ),
    )


def _valley(dice: Dice) -> State:
    start = (-dice.randint(4, 9) * 1.0, dice.randint(1, 4) * 1.0)
    hikers = (
        _hiker("SGD", lr=dice.choice([0.1, 0.5, 0.9, 0.95])),
        _hiker("Adagrad", lr=dice.choice([0.5, 1.0, 1.5, 2.0])),
    )
    return State("bowl", start, 200, 0, hikers)


def _h_after(dice: Dice) -> Question:
    slopes = [float(dice.choice([-3, -2, -1, 1, 2, 3, 4])) for _ in range(3)]
    *_, (optimizer, _) = _steps(optim.Adagrad, slopes, lr=0.1)
    told = ", ".join(_n(g) for g in slopes)
    return _number(
        _both(
            f"A foot feels the slopes {told}, one after the other. What is h now?",
            f"ある足が、傾き {told.replace(', ', '、')} を順に感じました。h はいくつですか。",
        ),
        float(optimizer.h["w"][0]),
        _both("Square each and add them up.", "それぞれ二乗して、足します。"),
    )


def _more_tired(dice: Dice) -> Question:
    for _ in range(100):
        start = (float(dice.choice([-9, -6, -3, 4, 8])), float(dice.choice([-3, -1, 1, 2])) / dice.choice([1, 4, 10]))
        state = State("bowl", start, 5, 5, (_hiker("Adagrad", lr=1.5),))
        x, y = walk(state).states["h"][-1]
        if max(x, y) > 1.5 * min(x, y):
            break
    options = (
        Option(_both("the foot x", "足 x"), bool(x > y)),
        Option(_both("the foot y", "足 y"), bool(y > x)),
    )
    return Question(
        "",
        _both(
            f"In the narrow valley, from x = {_n(start[0])}, y = {_n(start[1])}: "
            "which foot is more tired after five steps of Adagrad?",
            f"細長い谷で、x = {_n(start[0])}、y = {_n(start[1])} から Adagrad が五歩あるきました。"
            "疲れているのはどちらの足ですか。",
        ),
        _both(f"h of x is {_n(x)}, h of y is {_n(y)}.", f"x の h は {_n(x)}、y の h は {_n(y)} です。"),
        options,
        state=state,
    )


def _second_stride(dice: Dice) -> Question:
    lr = _pick(dice, 1.0, 0.5, 2.0)
    first, second = _pick(dice, 3.0, 4.0, 6.0, 12.0), _pick(dice, 4.0, 3.0, 8.0, 5.0)
    *_, (_, moved) = _steps(optim.Adagrad, [first, second], lr=lr)
    return _number(
        _both(
            f"Adagrad, `lr` = {_n(lr)}. The slopes are {_n(first)} and then {_n(second)}. "
            "By how much does `w` change in the *second* step?",
            f"`lr` = {_n(lr)} の Adagrad です。傾きは {_n(first)}、次に {_n(second)} でした。"
            "二歩目で `w` はいくら変わりますか。",
        ),
        moved,
        _both(
            "h is the sum of both squares; divide the second slope by its root.",
            "h は二つの二乗の和。二つ目の傾きを、そのルートで割ります。",
        ),
    )


def _new_h(dice: Dice) -> Question:
    h, g = _pick(dice, 9.0, 16.0, 5.0, 2.5), _pick(dice, -4.0, 3.0, -0.5, 2.0)
    root = math.sqrt(h)
    *_, (optimizer, _) = _steps(optim.Adagrad, [root, g], lr=0.1)
    return _number(
        _both(
            f"h is {_n(h)} and the slope is {_n(g)}. What does h become?",
            f"h が {_n(h)}、傾きが {_n(g)} です。新しい h はいくつですか。",
        ),
        float(optimizer.h["w"][0]),
        _both("g times g is added; a negative slope tires as well.", "g かける g を足します。負の傾きでも疲れます。"),
    )


def _turned(dice: Dice) -> State:
    turn = dice.choice([0, 45])
    x, y = -float(dice.choice([6, 7, 8])), float(dice.choice([1, 2]))
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    start = (round(c * x - s * y, 2), round(s * x + c * y, 2))
    return State("bowl", start, 200, 0, (_hiker("SGD", lr=0.95), _hiker("Adagrad", lr=1.5)), turn=turn)


def _turned_question(dice: Dice) -> Question:
    def intro(state: State) -> Words:
        if state.turn:
            return _both("The narrow valley, turned by [[45]] degrees.", "[[45]] 度回した細長い谷です。")
        return _both("The narrow valley along the axes.", "軸に沿った細長い谷です。")

    states: list[State] = []

    def make(rolled: Dice) -> State:
        states.append(_turned(rolled))
        return states[-1]

    asked = _who(dice, make, _both("", ""))
    words = intro(states[-1])
    return replace(asked, prompt={lang: f"{words[lang]}{text}" for lang, text in asked.prompt.items()})


def _half_square(dice: Dice) -> Question:
    slopes = [*dice.sample([0.3, 0.02, 0.01, 0.005], 2), dice.choice([1e-4, 5e-5, 2e-5])]
    gone = [float(np.float16(g) * np.float16(g)) == 0 for g in slopes]
    options = tuple(Option(_both(f"`{g:g}`", f"`{g:g}`"), empty) for g, empty in zip(slopes, gone, strict=True))
    return Question(
        "",
        _both(
            "In half precision (`float16`), which of these slopes leaves h at zero?",
            "半精度（`float16`）で、h が零のままになるのはどの傾きですか。",
        ),
        _both(
            "Its square is too small for half precision to hold.", "二乗が、半精度で表せる最小の数より小さいからです。"
        ),
        options,
    )


def _rare_ratio(dice: Dice) -> Question:
    rare, often = dice.choice([(4, 400), (1, 100), (9, 900), (4, 100), (1, 25)])
    rates = []
    for count in (rare, often):
        *_, (optimizer, _) = _steps(optim.Adagrad, [1.0] * count, lr=0.1)
        rates.append(float(np.ravel(optimizer.effective_lr("w"))[0]))
    return _number(
        _both(
            f"One word has had {_n(rare)} gradients of size [[1]], another {_n(often)}. "
            "How many times larger is the effective rate of the rare one?",
            f"大きさ [[1]] の勾配を、ある単語は {_n(rare)} 回、別の単語は {_n(often)} 回受けました。"
            "まれな単語の実効学習率は、もう一方の何倍ですか。",
        ),
        rates[0] / rates[1],
        _both(
            "h is proportional to the count, and the brake is its root.", "h は回数に比例し、ブレーキはそのルートです。"
        ),
    )


def _falls(dice: Dice) -> Question:
    count = dice.choice([4, 9, 25, 100])
    rates = [
        float(np.ravel(optimizer.effective_lr("w"))[0]) for optimizer, _ in _steps(optim.Adagrad, [1.0] * count, lr=0.1)
    ]
    return _number(
        _both(
            "The slope is [[1]] at every step. "
            f"What part of its first effective rate does Adagrad still have at step {_n(count)}?",
            f"傾きがずっと [[1]] です。{_n(count)} 歩目の実効学習率は、最初の何倍ですか（小数で）。",
        ),
        rates[-1] / rates[0],
        _both("One over the root of the number of steps.", "歩数のルート分の一です。"),
    )


def _cliff(dice: Dice) -> State:
    hikers = (_hiker("Adagrad", lr=dice.choice([0.3, 0.5, 1.0])), _hiker("RMSprop", lr=0.05, decay_rate=0.9))
    return State("cliff", (dice.choice([-2.0, -1.5, -1.0]), 2.0), 800, 0, hikers)


def _rms_h(dice: Dice) -> Question:
    keep = _pick(dice, 0.9, 0.5, 0.8)
    slopes = [float(dice.choice([1, 2, 3, 10])), float(dice.choice([0, 1, 2]))]
    *_, (optimizer, _) = _steps(optim.RMSprop, slopes, lr=0.1, decay_rate=keep)
    told = ", ".join(_n(g) for g in slopes)
    return _number(
        _both(
            f"RMSprop with `decay_rate` = {_n(keep)}, h begins at zero. The slopes are {told}. What is h after them?",
            f"`decay_rate` = {_n(keep)} の RMSprop で、h は零から始まります。"
            f"傾きは {told.replace(', ', '、')} でした。h はいくつになりましたか。",
        ),
        float(optimizer.h["w"][0]),
        _both(
            "Keep that share of the old, take the rest of the new square.",
            "古いものをその割合だけ残し、残りの割合だけ新しい二乗を入れます。",
        ),
    )


def _velocity(dice: Dice) -> Question:
    lr, mu, g = _pick(dice, 0.1, 0.2), _pick(dice, 0.9, 0.5), _pick(dice, 1.0, -2.0, 4.0)
    *_, (_, moved) = _steps(optim.Momentum, [g, g], lr=lr, momentum=mu)
    return _number(
        _both(
            f"Momentum with `lr` = {_n(lr)} and `momentum` = {_n(mu)}. The slope is {_n(g)} in both steps. "
            "By how much does `w` change in the second?",
            f"`lr` = {_n(lr)}、`momentum` = {_n(mu)} の Momentum です。傾きは二歩とも {_n(g)} でした。"
            "二歩目で `w` はいくら変わりますか。",
        ),
        moved,
        _both(
            "The share of the first move that is kept, and one more push.", "一歩目の動きの残りと、もうひと押しです。"
        ),
    )


def _top_speed(dice: Dice) -> Question:
    mu = _pick(dice, 0.9, 0.5, 0.8, 0.75)
    *_, (_, moved) = _steps(optim.Momentum, [1.0] * 300, lr=0.1, momentum=mu)
    return _number(
        _both(
            "On an endless even slope, how many times SGD's stride does Momentum's become in the end, "
            f"with `momentum` = {_n(mu)}?",
            f"どこまでも続く一様な坂で、`momentum` = {_n(mu)} の歩幅は、最後には SGD の何倍になりますか。",
        ),
        abs(moved) / 0.1,
        _both(
            "One over one minus `momentum`: friction eats as much as the slope gives.",
            "一から `momentum` を引いた数分の一。摩擦が、坂のくれるぶんを食いつくします。",
        ),
    )


def _rolling(dice: Dice) -> State:
    lr = dice.choice([0.05, 0.1, 0.15])
    start = (-dice.randint(4, 9) * 1.0, dice.randint(1, 4) * 1.0)
    return State("bowl", start, 300, 0, (_hiker("SGD", lr=lr), _hiker("Momentum", lr=lr)))


def _adam_first(dice: Dice) -> Question:
    lr, g = _pick(dice, 0.1, 0.01, 0.3), _pick(dice, 5.0, -0.3, 20.0)
    moved = next(_steps(optim.Adam, [g], lr=lr))[1]
    return _number(
        _both(
            f"Adam's very first step: `lr` = {_n(lr)}, slope {_n(g)}. By how much does `w` change?",
            f"Adam の最初の一歩です。`lr` = {_n(lr)}、傾き {_n(g)}。`w` はいくら変わりますか。",
        ),
        moved,
        _both(
            "The corrections make up for the empty memories: the length of `lr`, against the slope.",
            "補正が空の記憶を割り戻すので、坂の逆へ `lr` の長さだけ進みます。",
        ),
    )


def _three(dice: Dice) -> State:
    start = (-dice.randint(4, 9) * 1.0, dice.randint(1, 4) * 1.0)
    hikers = (
        _hiker("Momentum", lr=dice.choice([0.05, 0.1])),
        _hiker("RMSprop", lr=dice.choice([0.05, 0.1, 0.3])),
        _hiker("Adam", lr=dice.choice([0.1, 0.3, 1.0])),
    )
    return State("bowl", start, 400, 0, hikers)


def _four(dice: Dice) -> State:
    name = dice.choice(["bowl", "sparse_ravine", "cliff"])
    start = terrain(name).starts[0]
    hikers = (
        _hiker("SGD", lr=dice.choice([0.05, 0.1])),
        _hiker("Momentum", lr=0.05),
        _hiker("Adagrad", lr=dice.choice([0.5, 1.0])),
        _hiker("Adam", lr=dice.choice([0.1, 0.3])),
    )
    return State(name, (float(start[0]), float(start[1])), 400, 0, hikers)


def _anywhere(dice: Dice) -> Question:
    states: list[State] = []

    def make(rolled: Dice) -> State:
        states.append(_four(rolled))
        return states[-1]

    asked = _who(dice, make, _both("", ""))
    words = _TERRAIN_WORDS[states[-1].terrain]
    return replace(asked, prompt={lang: f"{words[lang]}{text}" for lang, text in asked.prompt.items()})


def _dialect_first(dice: Dice) -> Question:
    g = _pick(dice, 0.01, 0.001, 0.1)
    library, name = dice.choice([("torch", "PyTorch"), ("keras", "Keras")])
    moved = abs(next(_steps(optim.Adagrad, [g], library, lr=0.1))[1])
    return _number(
        _both(
            f"How long is the first stride of {name}'s Adagrad with `lr` = [[0.1]] at a slope of {_n(g)}?",
            f"`lr` = [[0.1]] の {name} の Adagrad で、傾き {_n(g)} での最初の歩幅はいくらですか。",
        ),
        moved,
        _both(
            "PyTorch's h begins at zero, so that only the sign counts; "
            "Keras's begins at {{adagrad_defaults.keras_h0:g}}.",
            "PyTorch の h は零から始まるので、効くのは符号だけ。"
            "Keras では {{adagrad_defaults.keras_h0:g}} から始まります。",
        ),
        share=0.02,
    )


_MAKERS: dict[int, dict[str, Callable[[Dice], Question]]] = {
    1: {
        "constant": _fixed(
            _both("What stays the same from step to step of SGD?", "SGD で、一歩ごとに変わらないものは何ですか。"),
            _both("{{sgd_setting_never_changes|The learning rate}}", "{{sgd_setting_never_changes|学習率}}"),
            _both("The length of the stride", "歩幅"),
            _both("The loss", "損失"),
            explanation=_both("The stride is the learning rate times the slope.", "歩幅は、学習率かける傾きです。"),
        ),
        "stride": _sgd_stride,
        "runaway": _runaway,
    },
    2: {
        "first": _fixed(
            _both(
                "Where does Adagrad take a stride of the same length on every ground?",
                "Adagrad の歩幅がどんな地形でも同じになるのは、いつですか。",
            ),
            _both(
                "{{adagrad_first_step_is_lr_everywhere|At its first step}}",
                "{{adagrad_first_step_is_lr_everywhere|最初の一歩}}",
            ),
            _both("At every step", "どの一歩でも"),
            _both("Never", "一度もない"),
            explanation=_both(
                "From the second step on each foot has a past of its own.", "二歩目からは、足ごとに過去が違います。"
            ),
        ),
        "first-stride": _adagrad_first,
        "who": lambda dice: _who(dice, _valley, _both("In the narrow valley.", "細長い谷です。")),
    },
    3: {
        "what": _fixed(
            _both("What is h?", "h とは何ですか。"),
            _both(
                "{{h_is_the_sum_of_squares|The sum of all squared slopes so far}}",
                "{{h_is_the_sum_of_squares|これまでの傾きの二乗の和}}",
            ),
            _both("The number of steps so far", "これまでの歩数"),
            _both("The sum of all slopes so far", "これまでの傾きの和"),
            _both("The square of the last slope", "直前の傾きの二乗"),
            explanation=_both(
                "One steep step counts for more than many gentle ones.",
                "急な一歩は、なだらかな数歩分よりも重く効きます。",
            ),
        ),
        "h-after": _h_after,
        "tired": _more_tired,
    },
    4: {"formula": _formula("Adagrad", 1.5), "second-stride": _second_stride, "new-h": _new_h},
    5: {
        "root": _fixed(
            _both("Why the root in Adagrad's second line?", "Adagrad の二行目に、なぜルートがあるのですか。"),
            _both(
                "{{scale_free|With it the steps do not depend on the unit of the loss}}",
                "{{scale_free|歩幅が、損失の単位によらなくなる}}から",
            ),
            _both("Because it makes every number smaller", "どんな数も小さくなるから"),
            _both("Because without it zero would be divided by zero", "ないと零わる零になるから"),
            explanation=_both(
                "Slope over root has no unit; slope over h has the unit of one over a slope.",
                "傾きわるルートには単位がありません。傾きわる h には残ってしまいます。",
            ),
        ),
        "turned": _turned_question,
    },
    6: {
        "nan": _fixed(
            _both("What does NumPy do with zero over zero?", "NumPy は零わる零をどうしますか。"),
            _both(
                "{{numpy_only_warns|It warns and goes on with nan}}",
                "{{numpy_only_warns|警告を出し、nan のまま続ける}}",
            ),
            _both("It raises a ZeroDivisionError", "ZeroDivisionError を出す"),
            _both("It gives zero", "零にする"),
            explanation=_both(
                "And the nan spreads to whatever it touches.", "そして nan は、触れた数すべてに広がります。"
            ),
        ),
        "half": _half_square,
    },
    7: {
        "in-place": _fixed(
            _both(
                "`params[key] = params[key] - step` runs without an error. What does the network learn?",
                "`params[key] = params[key] - step` はエラーなく動きます。ネットワークは何を学びますか。",
            ),
            _both(
                "{{in_place_reaches_the_network|Nothing; only in place would it see the step}}",
                "{{in_place_reaches_the_network|何も学ばない。届くのは、その場で書き換えたときだけ}}",
            ),
            _both("The same as with `-=`", "`-=` のときと同じことを学ぶ"),
            _both("Only the first layer learns", "一層目だけが学ぶ"),
            explanation=_both(
                "The dict gets a new array; the layers keep the old one.",
                "辞書には新しい配列が入り、層は古い配列を持ったままです。",
            ),
        ),
        "mistake": _class_mistake,
    },
    8: {
        "rare": _fixed(
            _both(
                "For which word does Adagrad keep a long stride?", "Adagrad が大きな歩幅を保つのは、どんな単語ですか。"
            ),
            _both(
                "{{a_sleeping_foot_does_not_tire|For one that is seldom seen}}",
                "{{a_sleeping_foot_does_not_tire|めったに出ない単語}}",
            ),
            _both("For one that stands in nearly every sentence", "ほとんどの文に出る単語"),
            _both("For all alike", "どの単語も同じ"),
            explanation=_both(
                "Where there is no gradient, no fatigue is added.", "勾配が来なければ、疲れもたまりません。"
            ),
        ),
        "ratio": _rare_ratio,
    },
    9: {
        "smooth": _fixed(
            _both("When does Adagrad stop too early?", "Adagrad が早く止まりすぎるのは、どんなときですか。"),
            _both(
                "{{cliff_leaves_it_exhausted|When steep ground lies behind it and a long gentle way ahead}}",
                "{{cliff_leaves_it_exhausted|急な所を通ったあと、なだらかな道が長く続くとき}}",
            ),
            _both("Always, for h only grows", "いつでも。h は増える一方だから"),
            _both("Never", "止まりすぎることはない"),
            explanation=_both(
                "On a smooth bowl h settles and it arrives.", "なめらかな谷では h が落ち着き、ちゃんと着きます。"
            ),
        ),
        "falls": _falls,
    },
    10: {
        "formula": _formula("RMSprop", 0.3),
        "h": _rms_h,
        "who": lambda dice: _who(dice, _cliff, _TERRAIN_WORDS["cliff"]),
    },
    11: {
        "formula": _formula("Momentum", 0.1),
        "velocity": _velocity,
        "top-speed": _top_speed,
        "who": lambda dice: _who(dice, _rolling, _TERRAIN_WORDS["bowl"]),
    },
    12: {
        "formula": _formula("Adam", 0.3),
        "first": _adam_first,
        "who": lambda dice: _who(dice, _three, _TERRAIN_WORDS["bowl"]),
    },
    13: {
        "fair": _fixed(
            _both("What makes a race of optimizers unfair?", "オプティマイザのレースを不公平にするのはどれですか。"),
            _both(
                "{{a_bad_rate_costs_more_than_a_wrong_shoe|One learning rate for all}}",
                "{{a_bad_rate_costs_more_than_a_wrong_shoe|全員に同じ学習率を使うこと}}",
            ),
            _both("The same batches in the same order for all", "全員に同じバッチを同じ順で見せること"),
            _both("Several seeds for each", "それぞれいくつもの種で走らせること"),
            explanation=_both(
                "The best rates lie up to {{digit_lrs.times:.0f}} times apart.",
                "最良の学習率は、最大 {{digit_lrs.times:.0f}} 倍も違います。",
            ),
        ),
        "who": _anywhere,
    },
    14: {
        "where": _fixed(
            _both(
                "On which ground do PyTorch's and Keras's Adagrad differ most?",
                "PyTorch と Keras の Adagrad がいちばん違うのは、どんな地面ですか。",
            ),
            _both(
                "On gentle slopes: {{gentle_first_step.times:.0f}} times in the first step at [[0.001]]",
                "なだらかな坂。傾き [[0.001]] の最初の一歩で {{gentle_first_step.times:.0f}} 倍違う",
            ),
            _both("On steep slopes", "急な坂"),
            _both("Nowhere: the formula is the same", "違わない。式が同じだから"),
            explanation=_both(
                "There the start of h and the place of eps outweigh the slope.",
                "そこでは、h の始まりと eps の場所が、傾きより効きます。",
            ),
        ),
        "first-stride": _dialect_first,
    },
}
"""What is asked, by chapter."""
