"""All that the marker can say, once, in English and in Japanese: the levels, the sentences, the names of mistakes."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from nukarumi._errors import BadInput
from nukarumi.lessons.marker.models import WORDS

__all__ = ["LANGUAGES", "MISTAKES", "Language", "Level", "Sentence", "checked_language"]

Language = Literal["en", "ja"]
LANGUAGES: tuple[Language, ...] = ("en", "ja")


def checked_language(lang: str) -> Language:
    """The language, if it is one that the marker speaks.

    Raises
    ------
    BadInput
        If it is another.
    """
    for known in LANGUAGES:
        if lang == known:
            return known
    raise BadInput("lang must be 'en' or 'ja'", repr(lang), "pass lang='ja'")


class Level(Enum):
    """How a class is marked, best first; the value is its name in JSON."""

    RIGHT = "right"
    CONVENTION = "convention"
    HABIT = "habit"
    MISTAKE = "mistake"
    DIFFERENT = "different"
    BROKEN = "broken"

    @property
    def code(self) -> int:
        """The command's exit code: 0 right, 1 a mistake, 2 it cannot be run."""
        return {Level.MISTAKE: 1, Level.DIFFERENT: 1, Level.BROKEN: 2}.get(self, 0)

    def title(self, lang: Language) -> str:
        """The level in a word or two."""
        return _TITLES[self][LANGUAGES.index(lang)]


_TITLES = {
    Level.RIGHT: ("Right", "正解"),
    Level.CONVENTION: ("Right, in another convention", "正解（別の流儀）"),
    Level.HABIT: ("Right, with a habit to mend", "正解（直したい書き方あり）"),
    Level.MISTAKE: ("A mistake", "間違い"),
    Level.DIFFERENT: ("Different", "違い"),
    Level.BROKEN: ("It cannot be run", "実行できません"),
}


class Sentence(Enum):
    """A sentence of a verdict; its fields in braces are filled in from what was seen."""

    # Right
    RIGHT_BITS = (
        "Your class walks exactly like {kind}, to the last bit.",
        "あなたのクラスは {kind} と最後のビットまで同じ動きをします。",
    )
    RIGHT_ROUNDING = (
        "Your class walks like {kind}; only the rounding of the last digits differs.",
        "あなたのクラスは {kind} と同じ動きをします。違うのは末尾の桁の丸めだけです。",
    )
    RIGHT_ABOUT = (
        "Your class walks like {kind}.",
        "あなたのクラスは {kind} と同じ動きをします。",
    )
    RIGHT_CONVENTION = (
        "Your class is {kind} in the convention of {libraries}.",
        "あなたのクラスは {libraries} の流儀の {kind} です。",
    )
    EPS_INSIDE = (
        "eps stands inside the root: right, in the convention of {libraries}.",
        "eps が平方根の中にあります。{libraries} の流儀では正解です。",
    )
    STARTS_THERE = (
        "There, {letter} also starts at {start:g}; yours starts at {own:g}.",
        "そこでは {letter} の初期値も {start:g} です（あなたのクラスでは {own:g}）。",
    )
    OWN_SETTINGS = (
        "Its numbers are its own: {settings}; usual there: {usual}.",
        "定数が独自の値です：{settings}（普通は {usual}）。",
    )
    # Habits and remarks
    RATE_FIXED = (
        "A new opt.{name} set during training has no effect: read self.{name} at every update.",
        "学習の途中で opt.{name} を変えても効きません。更新のたびに self.{name} を読みましょう。",
    )
    SINGLE = (
        "The numbers agree to about {digits} digits only: something is kept in float32 or less.",
        "一致するのは約 {digits} 桁までです。どこかに float32 以下の数があります。",
    )
    COPIES = (
        "It copies arrays at every update ({what}): memory and time for nothing.",
        "更新のたびに配列をコピーしています（{what}）。メモリと時間の無駄です。",
    )
    LOOPS = (
        "It walks through the entries one by one in Python: NumPy does a whole array at once.",
        "要素をひとつずつ Python のループで計算しています。NumPy なら配列ごと一度に計算できます。",
    )
    LR_DEFAULT = (
        "Its default lr is {given:g}; usual for {kind} is {usual}.",
        "lr の既定値が {given:g} です。{kind} では {usual} が普通です。",
    )
    NO_LR = (
        "The class takes no learning rate: write def __init__(self, lr=...).",
        "学習率を受け取りません。def __init__(self, lr=...) と書きましょう。",
    )
    PRINTED = (
        "It prints ({size}); that was not looked at. It begins: {start}",
        "何かを印字しています（{size}）。採点には使っていません。始まり：{start}",
    )
    LATE = (
        "A parameter that appears later makes it raise {error}; the book's own class does too.",
        "途中から加わるパラメータがあると {error} になります（本のクラスも同じです）。",
    )
    NO_FLOATS = (
        "It needs arrays: with plain numbers as parameters it raises {error}.",
        "配列専用です。ただの数をパラメータにすると {error} になります。",
    )
    FLOATS_DIFFER = (
        "With plain numbers as parameters, such as x and y of a terrain, it walks otherwise than with arrays.",
        "地形の x、y のような、ただの数をパラメータにすると、配列のときと違う動きをします。",
    )
    FILES = (
        "It left files where it ran: {files}.",
        "実行した場所にファイルを残しました：{files}。",
    )
    ANOTHER_NAME = (
        "By its name it is {named}; it was compared with that first.",
        "名前からは {named} なので、まずそれと比べました。",
    )
    # Mistakes
    LIKE_MISTAKE = (
        "Your class behaves exactly like {kind} with this mistake: {mistake}",
        "あなたのクラスは、次の間違いをした {kind} とまったく同じ動きをします：{mistake}",
    )
    TWO_MISTAKES = (
        "Your class behaves exactly like {kind} with two mistakes: {mistake} And: {second}",
        "あなたのクラスは、2つの間違いをした {kind} とまったく同じ動きをします：{mistake} さらに、{second}",
    )
    ANOTHER_KIND = (
        "Your class is called {named}, but it behaves exactly like {kind}.",
        "クラスの名前は {named} ですが、{kind} とまったく同じ動きをします。",
    )
    REBOUND = (
        ("It creates new arrays instead of changing params in place: a network that holds the old arrays stays "
        "untrained. Write params[key] -= ... ."),
        ("params の配列をその場で変えず、新しい配列を作っています。元の配列を持っている"
        "ネットワークは学習しません。params[key] -= ... と書きましょう。"),
    )  # fmt: skip
    RETURNED = (
        "It returns new parameters and leaves params as they were: update must change params in place.",
        "新しいパラメータを返すだけで、params は元のままです。update は params をその場で変えなければなりません。",
    )
    GRADS_CHANGED = (
        "It changes grads: whoever reads them after the update gets other numbers.",
        "grads を書き換えています。更新のあとで grads を読む人は、違う数を受け取ります。",
    )
    SWAPPED = (
        "update takes its arguments the wrong way round: it must be update(params, grads).",
        "update の引数の順番が逆です。update(params, grads) でなければなりません。",
    )
    OBJECTS_SHARE = (
        ("A second object of the class walks otherwise than the first: state is kept in the class, in a default "
        "argument or in a global, where all objects share it. Keep it in self."),
        ("同じクラスの2つ目のオブジェクトが、1つ目と違う動きをします。状態がクラスや既定の引数、"
        "グローバル変数にあり、全部で共有されています。self に置きましょう。"),
    )  # fmt: skip
    RANDOM = (
        "It does not do the same twice: it draws random numbers. An optimizer's step follows from the gradient alone.",
        "同じことを2回しても結果が違います。乱数を使っていませんか。更新は勾配だけで決まります。",
    )
    FLOATS_ONLY = (
        "It works on plain numbers only: with arrays it raises {error}. Use NumPy's functions (np.sqrt), not math's.",
        "ただの数でしか動きません。配列では {error} になります。math でなく NumPy の関数（np.sqrt）を使いましょう。",
    )
    # Different
    DIFFERS = (
        ("It walks otherwise than {kind}, and like no mistake known here. The first difference is in step {step}, "
        "params[{name!r}]{index}: {expected} expected, {got} got (gradient there: {gradient})."),
        ("{kind} とは違う動きで、知られているどの間違いとも一致しません。最初の違いは {step} 歩目の "
        "params[{name!r}]{index} です。期待 {expected}、実際 {got}（そこでの勾配 {gradient}）。"),
    )  # fmt: skip
    STATE_AGREES = (
        "self.{attribute} is still right there, so look at the step itself.",
        "self.{attribute} はそこではまだ正しいので、更新の行を調べましょう。",
    )
    STATE_DIFFERS = (
        "self.{attribute} already differs in step {step}, so look at the line that makes it.",
        "self.{attribute} が {step} 歩目ですでに違うので、それを作る行を調べましょう。",
    )
    # Broken
    SYNTAX = (
        "The file cannot be read: {error}",
        "ファイルを読めません：{error}",
    )
    IMPORT_RAISED = (
        "The file raises {error} while it is read, before the class is used.",
        "クラスを使う前、ファイルを読み込む途中で {error} が起きます。",
    )
    MODULE_MISSING = (
        "The file needs a module that is not here: {error}",
        "ファイルに必要なモジュールがありません：{error}",
    )
    NO_CLASS = (
        "There is no class {name} in {file}; it has: {classes}.",
        "{file} に {name} というクラスはありません。あるのは {classes} です。",
    )
    NO_UPDATE = (
        "The class has no method update(params, grads); it has: {methods}.",
        "クラスに update(params, grads) というメソッドがありません。あるのは {methods} です。",
    )
    INIT_SIGNATURE = (
        "An object cannot be made with a learning rate alone: {error}. The start must be __init__(self, lr=...).",
        "学習率だけではオブジェクトを作れません：{error}。__init__(self, lr=...) と書きましょう。",
    )
    UPDATE_SIGNATURE = (
        "update does not take params and grads alone: {error}. It must be update(self, params, grads).",
        "update が params と grads だけでは呼べません：{error}。update(self, params, grads) と書きましょう。",
    )
    INIT_RAISED = (
        "Making an object raises {error}.",
        "オブジェクトを作ると {error} が起きます。",
    )
    UPDATE_RAISED = (
        "update raises {error} in step {step}.",
        "{step} 歩目の update で {error} が起きます。",
    )
    INTEGER_STATE = (
        ("Integers cannot take up fractions: a state is made as an integer array. Leave out dtype=int, or write "
        "np.zeros_like(params[key])."),
        ("整数の配列に小数は入りません。状態を整数の配列で作っています。dtype=int をやめるか、"
        "np.zeros_like(params[key]) と書きましょう。"),
    )  # fmt: skip
    SHAPES = (
        "Two shapes do not fit: each parameter needs a state of its own, of its own shape.",
        "配列の形が合いません。パラメータごとに、同じ形の状態がひとつずつ必要です。",
    )
    STATE_IS_NONE = (
        "A state is still None: make the arrays at the first update (if self.h is None: ...).",
        "状態が None のままです。最初の update で配列を作りましょう（if self.h is None: ...）。",
    )
    KEY_MISSING = (
        "A state has no entry for a parameter: make one for every key of params.",
        "あるパラメータの状態がありません。params のすべてのキーについて作りましょう。",
    )
    CLASSMATE = (
        "A name is missing: import it at the top of the file (import numpy as np), or write self. before it.",
        "名前が見つかりません。ファイルの先頭で import する（import numpy as np）か、self. を付けましょう。",
    )
    RECURSION = (
        "It calls itself without end.",
        "自分自身を際限なく呼び出しています。",
    )
    MEMORY = (
        "It asks for more memory than it may have ({limit}).",
        "使えるメモリ（{limit}）を超えて要求しています。",
    )
    HUNG = (
        "It did not end within {seconds:g} s.",
        "{seconds:g} 秒以内に終わりませんでした。",
    )
    HUNG_IMPORT = (
        "Reading the file did not end within {seconds:g} s: put what trains under if __name__ == '__main__'.",
        ("ファイルの読み込みが {seconds:g} 秒以内に終わりませんでした。学習のコードは "
        "if __name__ == '__main__' の下に置きましょう。"),
    )  # fmt: skip
    EXITS = (
        "It ends the whole program ({error}): an optimizer must only move parameters.",
        "プログラム全体を終わらせています（{error}）。最適化のクラスはパラメータを動かすだけにしましょう。",
    )
    DIED = (
        "Its process was gone before it was done ({how}).",
        "終わる前にプロセスが消えました（{how}）。",
    )
    NONSENSE = (
        "After step {step}, params[{name!r}] is no array of numbers of its shape: {what}.",
        "{step} 歩目のあと、params[{name!r}] が元の形の数の配列ではありません：{what}。",
    )
    INPUT = (
        "It waits for input; there is none here.",
        "入力を待っています。ここには入力がありません。",
    )
    MISSING = ("it is gone", "なくなっています")
    EXTRA = ("it was not there before", "元はなかったものです")
    HINT = (
        "Look at line {line}: {text}",
        "{line} 行目を見てみましょう：{text}",
    )

    def say(self, lang: Language, **fields: object) -> str:
        """The sentence with its fields filled in.

        Examples
        --------
        >>> Sentence.RIGHT_BITS.say("en", kind="Adagrad")
        'Your class walks exactly like Adagrad, to the last bit.'
        """
        text: str = self.value[LANGUAGES.index(lang)]
        return text.format(**fields)


_WAYS = {
    "lr_ignored": ("The lr that is passed is ignored.", "渡された lr を使っていません。"),
    "start_at_one": ("The memory of squares starts at 1, not at 0.", "2乗の記憶が 0 でなく 1 から始まっています。"),
    "start_all_at_one": ("The states start at 1, not at 0.", "状態が 0 でなく 1 から始まっています。"),
    "start_at_tenth": (
        "The memory of squares starts at 0.1, not at 0.",
        "2乗の記憶が 0 でなく 0.1 から始まっています。",
    ),
    "start_at_eps": ("The memory of squares starts at eps, not at 0.", "2乗の記憶が 0 でなく eps から始まっています。"),
    "start_at_gradient": (
        "The state starts at the first gradient, not at 0.",
        "状態が 0 でなく最初の勾配から始まっています。",
    ),
    "state_shared": (
        "One state is shared by all parameters; each needs its own.",
        "ひとつの状態を全部のパラメータで共有しています。パラメータごとに必要です。",
    ),
    "state_reset": (
        "The state is set back to its start at every update.",
        "更新のたびに状態を初期値に戻しています。",
    ),
    "memory_summed": (
        "One number of squares is kept for a whole parameter (a sum over its entries), not one for each entry.",
        "2乗の記憶がパラメータ全体でひとつの数（要素の和）です。要素ごとに必要です。",
    ),
    "memory_averaged": (
        "One number of squares is kept for a whole parameter (a mean over its entries), not one for each entry.",
        "2乗の記憶がパラメータ全体でひとつの数（要素の平均）です。要素ごとに必要です。",
    ),
    "clock_ahead": (
        "The clock t starts at 2: it is already 1 before the first step adds to it.",
        "時計 t が 2 から始まっています。最初に足す前からすでに 1 です。",
    ),
    "clock_stands": ("The clock t stays at 1.", "時計 t が 1 のまま進みません。"),
    "clock_from_zero": (
        "The clock t is still 0 at the first step, so the bias correction divides by 0.",
        "最初の一歩で時計 t がまだ 0 なので、偏りの補正が 0 で割ることになります。",
    ),
    "clock_each_parameter": (
        "The clock t goes on at every parameter, not once an update.",
        "時計 t が、更新ごとでなくパラメータごとに進んでいます。",
    ),
    "clock_after_all": (
        "The clock t goes on once for every parameter in each update, not once an update.",
        "時計 t が、1回の更新でパラメータの数だけ進んでいます。",
    ),
    "clock_never": (
        "The clock t stays at 0, so the bias correction divides by 0.",
        "時計 t が 0 のままなので、偏りの補正が 0 で割ることになります。",
    ),
    "reset_clock_too": (
        "States and clock are set back to their start at every update.",
        "更新のたびに状態も時計も初期値に戻しています。",
    ),
    "only_first": ("Only the first parameter is updated.", "最初のパラメータしか更新していません。"),
    "only_last": ("Only the last parameter is updated.", "最後のパラメータしか更新していません。"),
    "not_first": ("The first parameter is left out.", "最初のパラメータを更新していません。"),
    "not_last": ("The last parameter is left out.", "最後のパラメータを更新していません。"),
    "eps_once": ("Eps counts in the first step only.", "eps が最初の一歩でしか効いていません。"),
    "others_gradient": (
        "Every parameter gets the last one's gradient.",
        "どのパラメータにも最後のパラメータの勾配を使っています。",
    ),
    "first_gradient": (
        "Every parameter gets the first one's gradient.",
        "どのパラメータにも最初のパラメータの勾配を使っています。",
    ),
}

_JAPANESE = {
    "uphill": "更新の符号が逆で、坂を登っています。",
    "gradient_forgotten": "更新に勾配を掛け忘れているので、いつも同じ方へ進みます。",
    "lr_forgotten": "学習率を掛け忘れているので、lr が 1 のときの長さで進みます。",
    "lr_twice": "学習率を2回掛けています。",
    "lr_divides": "勾配に学習率を掛けずに、学習率で割っています。",
    "lr_minus_gradient": "学習率と勾配の間が、掛け算でなく引き算になっています。",
    "lr_plus_gradient": "学習率と勾配の間が、掛け算でなく足し算になっています。",
    "gradient_absolute": "勾配の符号が失われ、いつも同じ方へ進みます。",
    "gradient_sign_only": "勾配の大きさを使わず、符号だけを使っています。",
    "gradient_squared": "更新の中で勾配を2乗しています。1回だけ掛けます。",
    "gradient_times_weight": "更新の前に勾配に重みを掛けています。",
    "weight_overwritten": "重みを動かさずに、更新量で上書きしています。",
    "weight_multiplied": "重みを動かさずに、更新量を掛けています。",
    "step_not_written": "更新量を計算しただけで、重みに反映していません。",
    "no_root": "平方根がありません。h そのもので割ると、歩幅の単位が合わなくなります。",
    "no_eps": "eps がありません。まだ動いていない要素は 0 ÷ 0 になります。",
    "eps_inside_root": "eps が平方根の中にあり、単位が勾配の2乗になっています。",
    "eps_outside_fraction": "平方根と eps を囲む括弧がないので、eps が歩幅に足されています。",
    "eps_subtracted": "平方根に eps を足さずに、引いています。",
    "brake_multiplied": "ブレーキで割らずに、掛けています。",
    "brake_forgotten": "記憶はしていますが、それで割っていません。",
    "root_of_the_step": "eps を足したあと、もう一度平方根を取っています。",
    "h_overwritten": "h に足さずに上書きしているので、最後の勾配しか覚えていません。",
    "gradient_not_squared": "記憶に、勾配の2乗でなく勾配そのものを足しています。",
    "gradient_absolute_in_memory": "記憶に、勾配の2乗でなく絶対値を足しています。",
    "squared_after_adding": "先に勾配を足し、その和を2乗しています。",
    "root_in_memory": "記憶にも平方根を取って入れ、更新でもう一度取っています。",
    "memory_subtracted": "記憶に2乗を足さずに引いているので、平方根の中が負になります。",
    "weight_in_memory": "記憶に、勾配でなく重みの2乗を入れています。",
    "lr_in_memory": "記憶に lr を掛けた歩幅の2乗を足しているので、学習率が打ち消されます。",
    "step_before_memory": "今回の勾配を記憶に入れる前に進んでいます。",
    "shares_swapped": "移動平均の2つの割合が逆で、少ししか覚えず、多く取り入れています。",
    "share_forgotten": "新しい値に割合を掛けずに足しているので、移動平均が大きすぎます。",
    "nothing_forgotten": "古い記憶に割合を掛けていないので、増える一方です。",
    "like_adagrad": "記憶がただの2乗和です。何も忘れず、割合も掛けていません。",
    "velocity_overwritten": "速度を毎回上書きしているので、勢いが残りません。",
    "no_friction": "速度に momentum を掛けていないので、勢いがいつまでも減りません。",
    "velocity_turned": "前の速度の符号が逆で、勢いでなくブレーキになっています。",
    "velocity_averaged": "新しい分に 1 - momentum を掛けているので（移動平均の形）、歩幅が短すぎます。",
    "momentum_on_everything": "momentum を新しい分にも掛けています。",
    "momentum_on_gradient": "momentum を、速度でなく新しい分に掛けています。",
    "gradient_twice": "勾配が速度に入り、更新にもう一度入っています。",
    "velocity_forgotten": "更新に勾配しか使っていません。速度の計算が無駄になっています。",
    "new_velocity": "古い速度を使うところで、新しい速度を使っています。",
    "momentum_not_squared": "古い速度に momentum を1回しか掛けていません。2回掛けます。",
    "no_look_ahead": "勾配の先読みの分がありません。lr に 1 + momentum を掛けます。",
    "look_ahead_shortened": "lr の前が 1 + momentum でなく 1 - momentum になっています。",
    "velocity_subtracted": "更新に速度を足さずに、引いています。",
    "no_correction": "偏りの補正がないので、最初の何歩かの長さが合いません。",
    "correction_multiplied": "1次モーメントの補正を、割らずに掛けています。",
    "correction_upside_down": "2つの補正が、どちらも上下逆です。",
    "first_correction_forgotten": "1次モーメントが 0 から始まることを補正していません。",
    "second_correction_forgotten": "2次モーメントが 0 から始まることを補正していません。",
    "correction_without_root": "2次モーメントの補正に平方根がありません。",
    "clock_late": "補正の時計 t が1つ先に進んでいます。",
    "moments_swapped": "更新で2つのモーメントが入れ替わっています。",
    "first_moment_forgotten": "勾配の移動平均でなく、勾配そのもので進んでいます。",
    "first_moment_overwritten": "勾配の移動平均を毎回上書きしています。",
    "second_moment_overwritten": "2乗の移動平均を毎回上書きしています。",
    "first_share_forgotten": "勾配の移動平均で、新しい値に割合を掛けていません。",
    "first_shares_swapped": "勾配の移動平均の2つの割合が逆です。",
    "first_moment_never_forgets": "勾配の移動平均が古い値をそのまま残し、足すだけになっています。",
    "betas_swapped": "beta1 と beta2 が入れ替わっています。",
    "moment_squared": "2次モーメントに、勾配でなく1次モーメントの2乗を入れています。",
    "roots_swapped": "2つの平方根が入れ替わっています。",
    "unit_forgotten": "過去の歩幅の平方根がないので、歩幅の単位が合いません。",
    "steps_overwritten": "歩幅の2乗の記憶を毎回上書きしています。",
    "gradient_in_steps": "歩幅の2乗の記憶に、勾配を入れています。",
    "step_not_squared": "歩幅の記憶に、2乗していない歩幅を入れています。",
    "decay_forgotten": "重みが減衰していません。",
    "decay_turned": "重みが減るはずのところで、増えています。",
    "decay_without_lr": "重みの減衰に学習率を掛けていません。",
    "eps_in_memory": "eps を平方根にでなく、毎回の記憶に足しています。",
    "eps_in_numerator": "eps を、分母の平方根でなく分子の勾配に足しています。",
    "root_of_whole_fraction": "平方根は記憶だけに掛けるものですが、勾配を割った全体に掛けています。",
    "lr_under_the_gradient": "分数が上下逆で、ブレーキが分子に、lr と勾配が分母にあります。",
    "weight_scaled": "更新の前に、重みに 1 - lr を掛けています。",
    "step_twice": "1回の更新で2回進んでいます。",
    "gradient_turned": "更新のうち勾配の分だけ符号が逆です。速度は合っています。",
    "corrected_and_kept": "補正したモーメントをそのまま保存しているので、毎回さらに補正されます。",
    "gradient_halved": "歩幅が正しい値の半分です。",
}

MISTAKES: dict[str, tuple[str, str]] = {name: (WORDS[name], _JAPANESE[name]) for name in WORDS} | _WAYS
"""What each mistake is, in English and in Japanese."""
