"""What a sensor can find, as an enum of sentences: what it is, in Japanese and English, and what to do about it."""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from nukarumi._errors import BadInput

__all__ = ["LANGUAGES", "Finding", "Kind"]

LANGUAGES = ("en", "ja")


class Kind(Enum):
    """The findings: a key, whether it is an alarm, and for each language a sentence and a cure."""

    ARRIVED = (
        "arrived", False,
        {"en": ("Arrived: no gradient is left, or nothing but noise.",
                "Stop here. If the result is not good enough, the model or the data must change, not the optimizer."),
         "ja": ("到着: 勾配はもう残っていないか、残りは雑音だけです。",
                "ここで止めてかまいません。結果に満足できないなら、変えるべきは最適化手法ではなくモデルかデータです。")},
    )  # fmt: skip
    EXHAUSTED = (
        "exhausted", True,
        {"en": ("Exhausted by the brake: gradient is left, but the steps are gone.",
                "Raise lr, or use an optimizer that forgets (RMSprop, Adam); resetting the state once also frees it."),
         "ja": ("ブレーキで力尽きました: 勾配は残っているのに、歩幅がなくなっています。",
                "学習率を上げるか、過去を忘れる手法 (RMSprop、Adam) に替えてください。状態を一度リセットしても動き出します。")},
    )  # fmt: skip
    NEVER_STARTED = (
        "never_started", True,
        {"en": ("Never started: a constant in the divisor (eps or the initial accumulator) swallows the step.",
                "Make the constant small beside the squared gradients (initial accumulator 0, a smaller eps), or raise lr by as much as the step is short."),
         "ja": ("歩き出していません: 分母の定数 (eps または h の初期値) が歩幅を飲み込んでいます。",
                "定数を勾配の二乗よりずっと小さくする (h の初期値を 0 に、eps を小さく) か、縮んだぶんだけ学習率を上げてください。")},
    )  # fmt: skip
    UNDERFLOW = (
        "underflow", True,
        {"en": ("Never started: eps or the squared gradient is 0 in float16, so the first step divides by zero.",
                "Keep weights and optimizer state in float32 (mixed precision), or use an eps that float16 can hold (1e-4)."),
         "ja": ("歩き出せません: float16 では eps か勾配の二乗が 0 になり、最初の一歩で 0 割りが起きています。",
                "重みと最適化の状態は float32 で持つ (混合精度) か、float16 で表せる eps (1e-4 など) にしてください。")},
    )  # fmt: skip
    UPHILL = (
        "uphill", True,
        {"en": ("Uphill: these steps go up the slope, because the learning rate that they got is negative.",
                "Look at the signs: lr > 0, a chain that ends in scale(-lr), and no leaf that its mask leaves out (set_to_zero holds it still). If you maximise on purpose, all is well."),
         "ja": ("坂を上っています: 実効学習率が負で、損失の増える向きに歩いています。",
                "符号を確かめてください。学習率は正か、チェーンの最後は scale(-lr) か、マスクから漏れて勾配がそのまま足されている葉はないか (止めておくなら set_to_zero)。わざと最大化しているなら問題ありません。")},
    )  # fmt: skip
    EXPLODING = (
        "exploding", True,
        {"en": ("Exploding: the numbers run away.",
                "Lower lr (a tenth is a good first try), clip the gradient norm, and look at the first bad step's batch."),
         "ja": ("発散しています: 数値がどこまでも大きくなっています。",
                "学習率を下げ (まず 10 分の 1)、勾配ノルムをクリップし、最初におかしくなったステップのデータを調べてください。")},
    )  # fmt: skip
    TOO_TIMID = (
        "too_timid", True,
        {"en": ("Learning rate too small: the gradients point the same way from start to end, and the weights have hardly moved.",
                "Raise lr, 3 to 10 times at once, until the gradients begin to turn (with half-precision weights, keep them in float32); if the loss jumps up instead, the valley is narrow (normalise the inputs, or use Adagrad or Adam)."),
         "ja": ("学習率が小さすぎます: 勾配は最初から最後まで同じ方向を指しているのに、重みがほとんど動いていません。",
                "勾配の向きが変わり始めるまで、学習率を 3〜10 倍ずつ上げてください (重みが半精度なら float32 で持つこと)。そこで損失が跳ね上がるなら、谷が狭いのです (入力を正規化するか、Adagrad や Adam に替えてください)。")},
    )  # fmt: skip
    DEAD_FEATURES = (
        "dead_features", True,
        {"en": ("Dead features: a part of the entries takes no part: it has never moved, or its gradient has become 0.",
                "Look for units that never fire (a smaller lr or bias at the start, leaky activations) and for features that do not occur in the data."),
         "ja": ("動かない特徴があります: 一度も動いていないか、勾配がちょうど 0 になった要素があります。",
                "発火しないユニット (初期の学習率やバイアスを小さく、leaky な活性化に) や、データに現れない特徴がないか調べてください。")},
    )  # fmt: skip
    OSCILLATING = (
        "oscillating", True,
        {"en": ("Oscillating in a narrow valley: each gradient points back against the one before.",
                "Halve lr, or let the directions brake one by one (Adagrad, Adam); normalise the inputs."),
         "ja": ("狭い谷で振動しています: 勾配が毎回、直前と逆を向いています。",
                "学習率を半分にするか、方向ごとにブレーキをかける手法 (Adagrad、Adam) を使い、入力を正規化してください。")},
    )  # fmt: skip
    SATURATED = (
        "saturated", True,
        {"en": ("Saturated state: the sum of squares is so large that its type cannot hold what is added.",
                "Keep the state in float32 (or float64), or use an optimizer that forgets (RMSprop, Adam)."),
         "ja": ("状態が飽和しています: 二乗和が大きくなりすぎて、足しても型の精度では変わりません。",
                "状態を float32 (または float64) で持つか、過去を忘れる手法 (RMSprop、Adam) を使ってください。")},
    )  # fmt: skip
    OUT_OF_STEP = (
        "out_of_step", True,
        {"en": ("Layers out of step: one layer's steps, measured by its weights, are a thousand times another's.",
                "Give the layers their own lr, or use an optimizer that scales each entry (Adagrad, Adam); check the initialisation."),
         "ja": ("層の足並みがそろっていません: 重みに対する歩幅が、層によって千倍以上違います。",
                "層ごとに学習率を変えるか、要素ごとに歩幅を調整する手法 (Adagrad、Adam) を使い、初期値を見直してください。")},
    )  # fmt: skip
    FROZEN = (
        "frozen", True,
        {"en": ("Frozen: h has become infinite, so these entries will never move again.",
                "Clip the gradient before the optimizer sees it, and start again or set the infinite entries of h back."),
         "ja": ("凍りついています: h が無限大になり、その要素は二度と動きません。",
                "最適化に渡す前に勾配をクリップし、最初からやり直すか、無限大になった h を戻してください。")},
    )  # fmt: skip

    def __init__(self, key: str, alarm: bool, texts: Mapping[str, tuple[str, str]]) -> None:
        self.key, self.alarm, self.texts = key, alarm, texts


@dataclass(frozen=True)
class Finding:
    """One thing that a trail shows.

    Attributes
    ----------
    kind
        What it is.
    arrays
        The arrays concerned; empty for the training as a whole.
    evidence
        The numbers it was decided from.

    Examples
    --------
    >>> finding = Finding(Kind.FROZEN, ("W",), {"frozen_share": 0.5})
    >>> print(finding.text("ja"))
    凍りついています: h が無限大になり、その要素は二度と動きません。 [W; frozen_share 0.5]
      → 最適化に渡す前に勾配をクリップし、最初からやり直すか、無限大になった h を戻してください。
    """

    kind: Kind
    arrays: tuple[str, ...] = ()
    evidence: Mapping[str, float] = field(default_factory=dict)

    @property
    def alarm(self) -> bool:
        """Whether something should be done about it."""
        return self.kind.alarm

    def sentence(self, language: str = "en") -> str:
        """Say what was found, in ``"en"`` or ``"ja"``."""
        return _texts(self.kind, language)[0]

    def cure(self, language: str = "en") -> str:
        """Say what to do, in ``"en"`` or ``"ja"``."""
        return _texts(self.kind, language)[1]

    def text(self, language: str = "en") -> str:
        """Give sentence, evidence and cure, for people."""
        shown = list(self.arrays[:4]) + (["..."] if len(self.arrays) > 4 else [])
        parts = [", ".join(shown)] if shown else []
        parts += [f"{name} {value:.3g}" for name, value in self.evidence.items()]
        proof = f" [{'; '.join(parts)}]" if parts else ""
        return f"{self.sentence(language)}{proof}\n  → {self.cure(language)}"

    def to_dict(self) -> dict[str, Any]:
        """Give everything, for programs: plain types, both languages."""
        return {
            "kind": self.kind.key,
            "alarm": self.alarm,
            "arrays": list(self.arrays),
            "evidence": {name: value if value - value == 0 else None for name, value in self.evidence.items()},
            "sentence": {language: self.sentence(language) for language in LANGUAGES},
            "cure": {language: self.cure(language) for language in LANGUAGES},
        }


def _texts(kind: Kind, language: str) -> tuple[str, str]:
    if language not in kind.texts:
        raise BadInput(f"a finding speaks {' and '.join(LANGUAGES)}", repr(language), 'pass "en" or "ja"')
    return kind.texts[language]
