"""The loop of a linear model: one example after the other, written from the rules' own lines.

The weights stand in a *table*: one line for the intercept, then one line a feature, and in each line the letters of
the scheme side by side (``w``, ``h`` ...), so that one visit to memory brings all of them. An example sums its score
in order, then updates the lines of its non-zeros by the rule, four at a time side by side (`nukarumi.linear.lanes`),
the last ones singly; no column stands twice in an example, so the four never meet. What an example lacks is never
touched.

Scoring waits for additions, one behind the other, and updating for roots and divisions, so both are done at once: while
an example is updated, column by column, the score of the next is begun with those of its columns that lie behind. Their
weights are final, and the order of the sum stays, so the bits do too.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from nukarumi import rules
from nukarumi.linear import losses, machine
from nukarumi.translate.hoist import Hoisted, hoist
from nukarumi.translate.straight import Line, StraightLine, compiled, read, renamed

__all__ = [
    "AHEAD",
    "DUAL",
    "DUAL_AVERAGED",
    "MIRROR",
    "MIRROR_AVERAGED",
    "MIRROR_PENALISED",
    "Scheme",
    "loop",
    "source",
]

LANES = 4
AHEAD = 6
"""How many examples ahead the processor is told to fetch, if they are strewn over the memory."""
FARTHEST = 512
"""Of a wide example no more entries than this are fetched ahead."""
LAG = 12
"""The next score starts so many entries behind the update, so that it seldom finds its columns not yet passed."""


@dataclass(frozen=True)
class Scheme:
    """How a weight is kept, read and updated.

    Attributes
    ----------
    name
        For the cache and for errors.
    letters
        What stands in a line of the table. ``s`` is the lag of the mean weight, ``last`` the step of the last update.
    update
        From the gradient ``g`` to new letters.
    reading
        From the letters to the weight ``w`` of now; None if ``w`` is one of them. Its ``t`` are the steps done so
        far, its ``k`` the steps since ``last``.
    """

    name: str
    letters: tuple[str, ...]
    update: Callable[..., Any]
    reading: Callable[..., Any] | None = None

    @property
    def width(self) -> int:
        """How many numbers a line of the table holds: four for three letters, so that no line lies in two of memory."""
        return 2 if len(self.letters) == 2 else 4

    @cached_property
    def straight(self) -> StraightLine:
        """The update as straight lines; with the letter ``s``, the lag of the mean is kept too."""
        rule = read(self.update)
        if "s" not in self.letters:
            return rule
        after = None if self.reading is None else read(self.reading)
        lines = (_line("before", "w"), *rule.lines, *(after.lines if after else ()), *read(rules.lag).lines)
        settings = (*rule.settings, *(after.settings if after else ()))
        return StraightLine(rule.name, (*rule.arrays, "w", "s", "t"), settings, lines, (*rule.returns, "s"))

    @property
    def weighed(self) -> bool:
        """Whether the update starts from the weight that was read, which is not what the table holds."""
        return self.reading is not None and ("w" in self.letters or "s" in self.letters)

    @cached_property
    def parts(self) -> tuple[Hoisted | None, Hoisted]:
        """Reading and update, each cut into constants and body."""
        return None if self.reading is None else hoist(read(self.reading)), hoist(self.straight)

    @cached_property
    def prologues(self) -> list[tuple[Callable[..., tuple[float, ...]], tuple[str, ...]]]:
        """From settings to constants: of the reading, if there is one, and of the update; with the settings' names."""
        return [(part.evaluate(), part.rule.settings) for part in self.parts if part is not None]

    def scalars(self, what: str) -> tuple[str, ...]:
        """What the reading ("r") or the update ("u") of an entry needs beside its letters and its value."""
        part = self.parts[what == "u"]
        own = tuple(f"feature_{what}_{name}" for name in part.constants) if part else ()
        return ("slope", "t", *own) if what == "u" else ("done", "t", *own)

    def lanes(self, what: str) -> Any:
        """The reading ("r") or the update ("u") for several entries at once, from the same lines."""
        from nukarumi.linear.lanes import four  # noqa: PLC0415

        part = self.parts[what == "u"]
        if part is None:
            return None
        lines = _lines(part, f"feature_{what}_")
        if what == "u":
            lines = [_line("g", "slope * x"), *lines]
        if "last" in self.letters:
            lines = [*lines, _line("last", "t")] if what == "u" else [_line("k", "t - last"), *lines]
        weighed, stores = what == "u" and self.weighed, what == "u"
        return four(lines, self.letters, self.width, self.scalars(what), weighed=weighed, stores=stores)

    def constants(self, settings: Mapping[str, float]) -> list[float]:
        """The numbers that the loop is given: for the features, then for the intercept, which has no penalty."""
        out: list[float] = []
        for values in (settings, {**settings, "l1": 0.0, "l2": 0.0}):
            for prologue, names in self.prologues:
                out += map(float, prologue(*(values[name] for name in names)))
        return out

    def weights(self, letters: Mapping[str, Any], t: float, settings: Mapping[str, float]) -> Any:
        """The weights of whole columns of the table after ``t`` steps, by the same rules in NumPy."""
        w: Any = letters.get("w")
        if self.reading is not None:
            line = read(self.reading)
            given = {**letters, "t": t, "k": t + 1.0 - letters["last"] if "last" in letters else None}
            (w,) = compiled(line)(*(given[name] for name in line.arrays), *(settings[name] for name in line.settings))
        return rules.average(w, letters["s"], t) if "s" in letters and t > 0 else w


MIRROR = Scheme("mirror", ("w", "h"), rules.adagrad)
MIRROR_AVERAGED = Scheme("mirror_averaged", ("w", "h", "s"), rules.adagrad)
MIRROR_PENALISED = Scheme("mirror_penalised", ("w", "h", "last"), rules.adagrad, rules.proximal)
DUAL = Scheme("dual_averaging", ("u", "h"), rules.dual_averaging_sums, rules.dual_averaging)
DUAL_AVERAGED = Scheme("dual_averaging_averaged", ("u", "h", "s"), rules.dual_averaging_sums, rules.dual_averaging)


def _lines(part: Hoisted, prefix: str) -> list[Line]:
    names = {name: f"{prefix}{name}" for name in part.constants}
    if prefix.endswith("r_"):
        names["t"] = "done"
    return [Line(line.target, renamed(line.value, names)) for line in part.body]


def _body(part: Hoisted, prefix: str) -> list[str]:
    return [str(line) for line in _lines(part, prefix)]


def _line(target: str, value: str) -> Line:
    return Line(target, ast.parse(value, mode="eval").body)


def _in(depth: int, lines: list[str]) -> list[str]:
    return ["    " * depth + line for line in lines]


def _head(scheme: Scheme, arguments: str, start: Sequence[str] = ()) -> list[str]:
    """The signature, the constants, the clock, and the start of the loop over examples up to the row's place."""
    out = [f"def loop({arguments}):"]
    at = 0
    for whose in ("feature", "intercept"):
        for what, part in zip(("r", "u"), scheme.parts, strict=True):
            if part is not None:
                out += [f"    {whose}_{what}_{name} = constants[{at + k}]" for k, name in enumerate(part.constants)]
                at += len(part.constants)
    return [
        *out,
        "    t = clock[0]",
        "    total = clock[1]",
        *_in(1, list(start)),
        "    for n in range(first, stop):",
        "        i = order[n]",
    ]


def _row(dense: bool) -> list[str]:
    """An example's non-zeros: ``m`` of them, columns at ``here_at[lo + e]``."""
    if dense:
        return [
            "lo = 0",
            "m = 0",
            "for j in range(columns):",
            "    x = values_at[i * columns + j]",
            "    column_at[m] = j",
            "    value_at[m] = x",
            "    if x != 0.0:",
            "        m += 1",
        ]
    return [
        f"far = order[min(n + {AHEAD}, stop - 1)]",
        f"if far != i + {AHEAD}:",
        f"    fetch(start_at, order[min(n + {2 * AHEAD}, stop - 1)])",
        "    fetch(y_at, far)",
        "    fetch(weight_at, far)",
        "    begin = start_at[far]",
        f"    end = min(start_at[far + 1], begin + {FARTHEST})",
        "    for e in range(begin, end + 7, 8):",
        "        fetch(values_at, e)",
        "    for e in range(begin, end + 15, 16):",
        "        fetch(columns_at, e)",
        "lo = start_at[i]",
        "m = start_at[i + 1] - lo",
    ]


def _dispatch(kind: str, target: str) -> list[str]:
    """A chain over the losses; their order is their number."""
    out = []
    for number, name in enumerate(losses.LOSSES):
        out += [f"{'if' if number == 0 else 'elif'} loss == {number}:", f"    {target} = {name}{kind}(p, y, at)"]
    return [*out, "else:", f"    {target} = 0.0"]


def source(scheme: Scheme, *, dense: bool) -> str:
    """The Python text of the loop over examples, one score an example.

    Examples
    --------
    >>> text = source(MIRROR, dense=False)
    >>> "h = h + g * g" in text and "w = w - feature_u_c0 * g / (sqrt(h) + feature_u_c1)" in text
    True
    """
    reading, update = scheme.parts
    letters = scheme.letters
    columns, values, lo = ("column_at", "value_at", "") if dense else ("columns_at", "values_at", "lo + ")
    since = ["k = t - last"] if "last" in letters else []
    line = [f"line = ({columns}[{lo}e] + 1) * {scheme.width}"]
    load = [f"{letter} = table[line + {k}]" for k, letter in enumerate(letters)]
    own = ["w = w_at[e]"] if scheme.weighed else []
    store = [f"table[line + {k}] = {'t' if letter == 'last' else letter}" for k, letter in enumerate(letters)]

    def four(step: str, scalars: Sequence[str], lag: int = 0) -> list[str]:
        numbers = ", ".join(scalars)
        call = f"    {step}(table, {columns}, {values}, w_at, {lo}e, e, ({numbers},))"
        if not lag:
            return [f"for e in range(0, full, {LANES}):", call, "for e in range(full, m):"]
        return [
            f"for e in range(0, min({lag}, full), {LANES}):",
            call,
            f"for e in range({lag}, full, {LANES}):",
            call,
            f"    if reached <= most and columns_at[then + reached + {LANES - 1}] <= columns_at[lo + e + {LANES - 1}]:",
            f"        for k in range(then + reached, then + reached + {LANES}):",
            f"            begun = begun + table[(columns_at[k] + 1) * {scheme.width}] * values_at[k]",
            f"        reached += {LANES}",
            "for e in range(full, m):",
        ]

    lag = 0 if dense or reading else LAG
    out = _head(
        scheme, ", ".join(name for name, _ in _arguments("", "")), ["begun = 0.0", "reached = 0"] if lag else []
    )
    out += [
        *_in(2, _row(dense)),
        f"        full = m // {LANES} * {LANES}",
        "        done = t",
        "        t = t + 1.0",
        f"        p = {'begun' if lag else '0.0'}",
    ]
    if reading:
        out += [
            *_in(2, four("read", scheme.scalars("r"))),
            *_in(3, [*line, *load, *since, *_body(reading, "feature_r_"), "w_at[e] = w"]),
            "        for e in range(m):",
            f"            p = p + w_at[e] * {values}[{lo}e]",
        ]
    else:
        out += [f"        for e in range({'reached' if lag else '0'}, m):", *_in(3, line)]
        out += [f"            p = p + table[line] * {values}[{lo}e]"]
    if lag:
        out += [
            "        begun = 0.0",
            "        reached = 0",
            "        following = order[min(n + 1, stop - 1)]",
            "        then = start_at[following]",
            f"        most = start_at[following + 1] - then - {LANES} if n + 1 < stop else -1",
        ]
    intercept = [f"{letter} = table[{k}]" for k, letter in enumerate(letters)]
    intercept += [*since, *_body(reading, "intercept_r_")] if reading else []
    out += [
        "        if intercept != 0:",
        *_in(3, [*intercept, "p = p + w"]),
        "        y = y_at[i]",
        *_in(2, _dispatch("_slope", "slope")),
        "        slope = slope * weight_at[i]",
        "        if not abs(p) + abs(slope) < infinity:",
        "            clock[0] = done",
        "            clock[1] = total",
        "            return i + 1",
        "        if wanted != 0:",
        *_in(3, _dispatch("", "value")),
        "            total = total + value * weight_at[i]",
        "        if slope != 0.0:",
        *_in(3, four("step", scheme.scalars("u"), lag)),
        *_in(4, [*line, *load, *own, f"g = slope * {values}[{lo}e]", *_body(update, "feature_u_"), *store]),
        "            if intercept != 0:",
        *_in(4, ["line = 0", *intercept, "g = slope", *_body(update, "intercept_u_"), *store]),
    ]
    return "\n".join([*out, "    clock[0] = t", "    clock[1] = total", "    return 0"]) + "\n"


def softmax(scheme: Scheme, *, dense: bool) -> str:
    """The Python text of the loop over examples for the multinomial loss: a score for each of ``classes`` classes.

    A line of the table holds the first letter of every class, then the second.
    """
    reading, update = scheme.parts
    letters, size = scheme.letters, len(scheme.letters)
    columns = "column_at" if dense else "columns_at"
    since = ["k = t - last"] if "last" in letters else []
    load = [f"{letter} = table[line + {k} * classes + c]" for k, letter in enumerate(letters)]
    stored = [
        f"table[line + {k} * classes + c] = {'t' if letter == 'last' else letter}" for k, letter in enumerate(letters)
    ]

    def weight(whose: str) -> list[str]:
        return [*load, *since, *_body(reading, f"{whose}_r_")] if reading else load

    out = _head(scheme, ", ".join(name for name, _ in _arguments("", "")))
    out += [
        *_in(2, _row(dense)),
        "        done = t",
        "        t = t + 1.0",
        "        for c in range(classes):",
        "            score_at[c] = 0.0",
        "        for e in range(m):",
        f"            line = ({columns}[lo + e] + 1) * {size} * classes",
        *([] if dense else ["            value_at[e] = values_at[lo + e]"]),
        "            x = value_at[e]",
        "            for c in range(classes):",
        *_in(4, [*weight("feature"), "score_at[c] = score_at[c] + w * x"]),
        "        line = 0",
        "        if intercept != 0:",
        "            for c in range(classes):",
        *_in(4, [*weight("intercept"), "score_at[c] = score_at[c] + w"]),
        "        largest = score_at[0]",
        "        for c in range(1, classes):",
        "            largest = maximum(largest, score_at[c])",
        "        mine = int(y_at[i])",
        "        away = largest - score_at[mine]",
        "        whole = 0.0",
        "        for c in range(classes):",
        "            score_at[c] = exp(score_at[c] - largest)",
        "            whole = whole + score_at[c]",
        "        if not whole < infinity:",
        "            clock[0] = done",
        "            clock[1] = total",
        "            return i + 1",
        "        if wanted != 0:",
        "            total = total + (log(whole) + away) * weight_at[i]",
        "        for c in range(classes):",
        "            score_at[c] = score_at[c] / whole",
        "        score_at[mine] = score_at[mine] - 1.0",
        "        for c in range(classes):",
        "            score_at[c] = score_at[c] * weight_at[i]",
        "        for e in range(m):",
        f"            line = ({columns}[lo + e] + 1) * {size} * classes",
        "            x = value_at[e]",
        "            for c in range(classes):",
        *_in(4, [*weight("feature"), "g = score_at[c] * x", *_body(update, "feature_u_"), *stored]),
        "        line = 0",
        "        if intercept != 0:",
        "            for c in range(classes):",
        *_in(4, [*weight("intercept"), "g = score_at[c]", *_body(update, "intercept_u_"), *stored]),
    ]
    return "\n".join([*out, "    clock[0] = t", "    clock[1] = total", "    return 0"]) + "\n"


def _arguments(index: str, value: str) -> list[tuple[str, str]]:
    """What every loop is given, and its types for one kind of matrix."""
    return [
        ("first", "int64"),
        ("stop", "int64"),
        ("order", "int64*"),
        ("start_at", f"{index}*"),
        ("columns_at", f"{index}*"),
        ("values_at", f"{value}*"),
        ("columns", "int64"),
        ("y_at", "float64*"),
        ("weight_at", "float64*"),
        ("loss", "int64"),
        ("at", "float64"),
        ("classes", "int64"),
        ("wanted", "int64"),
        ("intercept", "int64"),
        ("table", "float64*"),
        ("constants", "float64*"),
        ("clock", "float64*"),
        ("column_at", "int64*"),
        ("value_at", "float64*"),
        ("score_at", "float64*"),
        ("w_at", "float64*"),
    ]


def _inputs(scheme: Scheme) -> dict[str, Any]:
    from math import exp, log  # noqa: PLC0415

    from numba import njit  # noqa: PLC0415

    from nukarumi.linear.intrinsics import fetch  # noqa: PLC0415
    from nukarumi.optim.engine.intrinsics import NAMESPACE  # noqa: PLC0415

    made: dict[str, Any] = {**NAMESPACE, "fetch": fetch, "exp": exp, "log": log, "infinity": float("inf")}
    made |= {"read": scheme.lanes("r"), "step": scheme.lanes("u")}
    for name, loss in losses.LOSSES.items():
        made[name] = njit(error_model="numpy")(loss.value)
        made[f"{name}_slope"] = njit(error_model="numpy")(loss.slope)
    return made


_HERE = Path(__file__).parent
_MADE_OF = (
    *(_HERE / name for name in ("kernels.py", "lanes.py", "losses.py", "intrinsics.py")),
    _HERE.parent / "optim" / "engine" / "intrinsics.py",
)


@cache
def loop(scheme: Scheme, *, several: bool, dense: bool, index: str, value: str) -> Callable[..., int]:
    """The compiled loop for one kind of matrix; it returns 0, or 1 + the row whose score is no longer finite."""
    text = (softmax if several else source)(scheme, dense=dense)
    name = f"linear-{'softmax-' if several else ''}{scheme.name}-{'dense' if dense else index}-{value}"
    arguments = tuple(kind for _, kind in _arguments(index, value))
    return machine.native(name, text, arguments, lambda: _inputs(scheme), _MADE_OF)
