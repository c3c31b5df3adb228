"""The words of the lessons: each term in both languages, how the Japanese is read, and one sentence about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["TERMS", "Term"]


@dataclass(frozen=True)
class Term:
    """A term: its names, the reading of the Japanese one, and one sentence in each language."""

    id: str
    en: str
    ja: str
    reading: str
    in_english: str
    in_japanese: str

    def tree(self) -> dict[str, Any]:
        """The ``Term`` of ``web/src/views/lesson/types.ts``."""
        return {
            "id": self.id,
            "en": self.en,
            "ja": self.ja,
            "reading": self.reading,
            "meaning": {"en": self.in_english, "ja": self.in_japanese},
        }


TERMS: tuple[Term, ...] = (
    Term(
        "optimizer",
        "optimizer",
        "オプティマイザ",
        "おぷてぃまいざ",
        "The rule by which the parameters are changed at each step; in the lessons, the hiker.",
        "一歩ごとにパラメータをどう変えるかの規則。この講座ではハイカー。",
    ),
    Term(
        "parameter",
        "parameter",
        "パラメータ",
        "ぱらめーた",
        "A number that is learned, such as a weight of a network; where one foot stands.",
        "学習される数。ネットワークの重みなど。足の立っている場所。",
    ),
    Term(
        "loss",
        "loss",
        "損失",
        "そんしつ",
        "How wrong the model is, as one number; the height of the ground.",
        "モデルの間違いの大きさを一つの数にしたもの。地面の高さ。",
    ),
    Term(
        "gradient",
        "gradient",
        "勾配",
        "こうばい",
        "How fast the loss rises with each parameter; the slope under each foot.",
        "パラメータごとの、損失の増え方。それぞれの足もとの坂の傾き。",
    ),
    Term(
        "learning_rate",
        "learning rate",
        "学習率",
        "がくしゅうりつ",
        "The setting that says how boldly to step; it is not the length of the step.",
        "どれだけ思い切って踏み出すかの設定値。歩幅そのものではない。",
    ),
    Term(
        "effective_rate",
        "effective learning rate",
        "実効学習率",
        "じっこうがくしゅうりつ",
        "What the gradient is multiplied by in the end: the learning rate with the brake on.",
        "勾配に最終的に掛かる数。学習率にブレーキをかけたもの。",
    ),
    Term(
        "update",
        "update",
        "更新",
        "こうしん",
        "One change of all parameters; one step of every foot.",
        "すべてのパラメータを一度変えること。すべての足の一歩。",
    ),
    Term(
        "state",
        "state",
        "状態変数",
        "じょうたいへんすう",
        "What an optimizer remembers from step to step, such as h.",
        "オプティマイザが次の一歩まで覚えている数。h など。",
    ),
    Term(
        "fatigue",
        "accumulated squares h",
        "勾配の二乗の累積 h",
        "こうばいのにじょうのるいせき えいち",
        "The sum of all squared gradients of one parameter; how tired a foot is.",
        "一つのパラメータの、勾配の二乗をすべて足した数。足の疲れ。",
    ),
    Term(
        "brake",
        "brake",
        "ブレーキ",
        "ぶれーき",
        "The root of h, by which the gradient is divided.",
        "h のルート。勾配はこれで割られる。",
    ),
    Term(
        "eps",
        "epsilon (eps)",
        "イプシロン (eps)",
        "いぷしろん",
        "A tiny number added to the brake so that nothing is divided by zero; the airbag.",
        "零で割らないよう、ブレーキに足すごく小さな数。エアバッグ。",
    ),
    Term(
        "sgd",
        "stochastic gradient descent (SGD)",
        "確率的勾配降下法 (SGD)",
        "かくりつてきこうばいこうかほう",
        "Step against the gradient, learning rate times gradient far; nothing is remembered.",
        "勾配の逆へ、学習率かける勾配だけ進む。何も覚えない。",
    ),
    Term(
        "mini_batch",
        "mini-batch",
        "ミニバッチ",
        "みにばっち",
        "The few examples from which one gradient is computed; the source of its noise.",
        "一回の勾配を計算する少数のデータ。ノイズのもと。",
    ),
    Term(
        "noise",
        "gradient noise",
        "勾配のノイズ",
        "こうばいののいず",
        "The difference between the gradient of a mini-batch and that of all data.",
        "ミニバッチの勾配と、全データの勾配との差。",
    ),
    Term(
        "adaptive",
        "adaptive",
        "適応的",
        "てきおうてき",
        "With an effective rate of its own for each parameter, learned from its gradients.",
        "パラメータごとに、勾配から決まる自分の実効学習率を持つこと。",
    ),
    Term(
        "sparse",
        "sparse",
        "疎、まばら",
        "そ、まばら",
        "With gradients that are nearly always zero, such as those of rare words.",
        "勾配がほとんどいつも零であること。まれな単語の重みなど。",
    ),
    Term(
        "momentum",
        "momentum",
        "モーメンタム",
        "もーめんたむ",
        "A velocity that keeps a share of itself at each step; how far the hiker rolls on.",
        "一歩ごとに一定の割合が残る速度。どれだけ転がりつづけるか。",
    ),
    Term(
        "velocity",
        "velocity",
        "速度",
        "そくど",
        "What Momentum remembers: the last move, to which the slope adds.",
        "Momentum が覚えているもの。直前の動きに、坂の力が加わる。",
    ),
    Term(
        "running_mean",
        "running mean",
        "移動平均",
        "いどうへいきん",
        "A mean in which the old fades by a fixed share at each step.",
        "古い値が、一歩ごとに一定の割合で薄れていく平均。",
    ),
    Term(
        "decay_rate",
        "decay rate",
        "減衰率",
        "げんすいりつ",
        "The share of a running mean that is kept at each step; how long the memory is.",
        "移動平均のうち、一歩ごとに残る割合。記憶の長さ。",
    ),
    Term(
        "bias_correction",
        "bias correction",
        "バイアス補正",
        "ばいあすほせい",
        "Dividing a running mean that began at zero by what it can have gathered so far.",
        "零から始まった移動平均を、これまでに集められたはずの割合で割ること。",
    ),
    Term(
        "weight_decay",
        "weight decay",
        "重み減衰",
        "おもみげんすい",
        "A pull of all weights towards zero at each step.",
        "一歩ごとに、すべての重みを零へ引き寄せること。",
    ),
    Term(
        "arrived",
        "arrived",
        "到着",
        "とうちゃく",
        "Standing still because there is no gradient left.",
        "勾配がなくなったので止まっていること。",
    ),
    Term(
        "exhausted",
        "exhausted",
        "疲れ切り",
        "つかれきり",
        "Standing still because the brake has eaten the step, although there is a gradient.",
        "勾配はあるのに、ブレーキが歩幅を食いつくして止まっていること。",
    ),
    Term(
        "diverge",
        "diverge",
        "発散",
        "はっさん",
        "To move away without limit, because the steps are too long for the ground.",
        "地形に対して歩幅が大きすぎ、どこまでも離れていくこと。",
    ),
    Term(
        "nan",
        "NaN, not a number",
        "NaN、非数",
        "なん、ひすう",
        "What zero over zero gives in NumPy; whatever it touches becomes NaN too.",
        "NumPy で零わる零の答え。触れた数もすべて NaN になる。",
    ),
    Term(
        "saddle",
        "saddle point",
        "鞍点",
        "あんてん",
        "A pass: level, but with a way down to the side.",
        "峠。平らだが、横に下り道がある。",
    ),
    Term(
        "curvature",
        "curvature",
        "曲率",
        "きょくりつ",
        "How fast the slope changes as one walks; it decides which learning rate a direction can stand.",
        "歩くにつれて傾きがどれだけ速く変わるか。その方向が耐えられる学習率を決める。",
    ),
    Term(
        "in_place",
        "in place",
        "その場での書き換え",
        "そのばでのかきかえ",
        "Changing the numbers in an array instead of making a new array.",
        "新しい配列を作らず、配列の中の数を書き換えること。",
    ),
    Term(
        "seed",
        "seed",
        "乱数の種",
        "らんすうのたね",
        "The number from which all that looks random follows, so that it can be repeated.",
        "乱数のもとになる数。同じ種なら、同じことがくり返せる。",
    ),
)
"""Every term, in the order in which the lessons need them."""
