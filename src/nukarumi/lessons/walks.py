"""A picture's state is a line of text, the lab's own address; from it alone the library walks what the picture shows.

A claim about a picture is computed from the same text that the picture is drawn from, so the two cannot part.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nukarumi import optim
from nukarumi._errors import BadInput
from nukarumi.problems.terrains import NAMES, Terrain, Walker, terrain
from nukarumi.translate import lines
from nukarumi.translate.mutations import mutated
from nukarumi.translate.straight import StraightLine, compiled

__all__ = ["HIKERS", "Hiker", "State", "Walk", "read_state", "rule_of", "walk", "walks"]

Array = npt.NDArray[np.float64]

HIKERS: dict[str, type[optim.Optimizer]] = {
    cls.__name__: cls
    for cls in (
        optim.SGD,
        optim.Momentum,
        optim.Nesterov,
        optim.Adagrad,
        optim.RMSprop,
        optim.Adadelta,
        optim.Adam,
        optim.AdamW,
    )
}
"""Who can walk, by name."""

LIBRARIES = ("book", "torch", "keras", "optax")
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
NEEDED = ("terrain", "start", "steps", "t", "hikers")
"""What a picture's state must name, so that it does not hang on the lab's beginning."""
OTHERS = ("turn", "noise", "seed", "chosen", "line", "map", "tab", "curve", "logx", "logy", "speed", "hide", "lock")


@dataclass(frozen=True)
class Hiker:
    """One hiker of a state: ``"Adagrad@torch,lr:1.5"``, or with a mistake ``"Adagrad,lr:1.5,!no_root"``."""

    name: str
    library: str = "book"
    settings: tuple[tuple[str, float], ...] = ()
    mistake: str | None = None

    def __str__(self) -> str:
        library = "" if self.library == "book" else f"@{self.library}"
        settings = "".join(f",{name}:{value:.12g}" for name, value in self.settings)
        return f"{self.name}{library}{settings}" + (f",!{self.mistake}" if self.mistake else "")

    def optimizer(self) -> optim.Optimizer:
        """A fresh optimizer of these settings; its own rule, without the mistake."""
        made: optim.Optimizer = HIKERS[self.name].like(self.library, **dict(self.settings), on_nonfinite="ignore")
        return made


@dataclass(frozen=True)
class State:
    """What a picture shows, read from its text.

    Attributes
    ----------
    hikers, terrain, turn, start, noise, seed, steps, t
        As the lab has them.
    more
        What only the view needs: tab, curve, scales, locks.
    """

    terrain: str
    start: tuple[float, float]
    steps: int
    t: int
    hikers: tuple[Hiker, ...]
    turn: int = 0
    noise: float = 0.0
    seed: int = 0
    more: tuple[tuple[str, str], ...] = field(default=())

    def __str__(self) -> str:
        parts = {
            "terrain": self.terrain,
            "turn": f"{self.turn}" if self.turn else "",
            "start": ",".join(f"{value:.12g}" for value in self.start),
            "noise": f"{self.noise:.12g}" if self.noise else "",
            "seed": f"{self.seed}" if self.seed else "",
            "steps": f"{self.steps}",
            "hikers": ";".join(map(str, self.hikers)),
            "t": f"{self.t}",
            **dict(self.more),
        }
        return "&".join(f"{name}={value}" for name, value in parts.items() if value)

    def ground(self) -> Terrain:
        """The terrain, turned."""
        flat = terrain(self.terrain)
        return flat.rotated(self.turn) if self.turn else flat

    def but(self, **changes: Any) -> State:
        """The same with something else in it."""
        return replace(self, **changes)


@dataclass(frozen=True)
class Walk:
    """A hiker's whole way.

    Attributes
    ----------
    x, y, loss
        n + 1 places and their heights; the first is the start.
    g
        The slopes that each step was made with, (n, 2).
    states
        By letter, (n + 1, 2).
    rate
        The effective learning rate of each step, (n, 2); empty for a rule with a mistake.
    """

    x: Array
    y: Array
    loss: Array
    g: Array
    states: dict[str, Array]
    rate: Array

    @property
    def places(self) -> Array:
        """x and y, (n + 1, 2)."""
        return np.stack([self.x, self.y], axis=1)

    @property
    def steps(self) -> Array:
        """The moves, (n, 2)."""
        return np.diff(self.places, axis=0)

    def first_below(self, height: float) -> float:
        """After how many steps it is at this height or lower for the first time; infinite if never."""
        there = np.flatnonzero(self.loss <= height)
        return float(there[0]) if len(there) else math.inf


def read_state(text: str) -> State:
    """Read a picture's state.

    Parameters
    ----------
    text
        Such as ``"terrain=bowl&start=-7,2&steps=40&t=40&hikers=SGD,lr:0.95;Adagrad,lr:1.5"``.

    Raises
    ------
    BadInput
        If a part is unknown, missing or cannot be.

    Examples
    --------
    >>> state = read_state("terrain=bowl&start=-7,2&steps=2&t=0&hikers=Adagrad,lr:1")
    >>> walk(state).x.round(3)
    array([-7.   , -6.   , -5.349])
    """
    parts: dict[str, str] = {}
    for item in text.strip().split("&"):
        name, _, value = item.partition("=")
        if name not in (*NEEDED, *OTHERS) or name in parts or not value:
            raise BadInput(f"a state has the parts {', '.join((*NEEDED, *OTHERS))}, each once", repr(item), "mend it")
        parts[name] = value
    missing = [name for name in NEEDED if name not in parts]
    if missing:
        raise BadInput("a picture's state must name all that is walked", f"no {missing}", f"add {missing[0]}=...")
    if parts["terrain"] not in NAMES:
        raise BadInput("terrain must be a known one", parts["terrain"], f"pass one of {', '.join(NAMES)}")
    start = tuple(_number(each) for each in parts["start"].split(","))
    if len(start) != 2:
        raise BadInput("start must be x,y", parts["start"], "pass such as start=-7,2")
    steps, t = _whole(parts["steps"]), _whole(parts["t"])
    if not (1 <= steps <= 4096 and 0 <= t <= steps):
        raise BadInput("steps must be 1 to 4096 and t at most steps", f"steps={steps}, t={t}", "mend them")
    hikers = tuple(_hiker(each) for each in parts["hikers"].split(";"))
    if len(hikers) > 6:
        raise BadInput("there are at most 6 hikers", len(hikers), "leave some out")
    return State(
        parts["terrain"],
        (start[0], start[1]),
        steps,
        t,
        hikers,
        turn=_whole(parts.get("turn", "0")) % 360,
        noise=_number(parts.get("noise", "0")),
        seed=_whole(parts.get("seed", "0")),
        more=tuple((name, parts[name]) for name in OTHERS[3:] if name in parts),
    )


def _number(text: str) -> float:
    if not NUMBER.fullmatch(text):
        raise BadInput("a number must be a plain decimal one", repr(text), "write such as 0.5 or 1e-7")
    return float(text)


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise BadInput("this must be a whole number", repr(text), "write such as 40")
    return int(text)


def _hiker(text: str) -> Hiker:
    head, *rest = text.split(",")
    name, _, library = head.partition("@")
    if name not in HIKERS or (library or "book") not in LIBRARIES:
        raise BadInput("a hiker must be a known optimizer", repr(head), f"pass one of {', '.join(HIKERS)}")
    settings: list[tuple[str, float]] = []
    mistake = None
    for item in rest:
        if item.startswith("!"):
            mistake = item[1:]
            continue
        setting, _, value = item.partition(":")
        settings.append((setting, _number(value)))
    hiker = Hiker(name, library or "book", tuple(settings), mistake)
    if mistake is not None:
        mutated(rule_of(hiker), mistake)
    else:
        hiker.optimizer()
    return hiker


def rule_of(hiker: Hiker) -> StraightLine:
    """The rule that a hiker means to walk by, as lines; what it forgets of it (``mistake``) is not applied."""
    return lines.tidied(hiker.optimizer().recipe.straight)


def walks(state: State) -> dict[str, Walk]:
    """Every hiker's walk by the hiker's text, without settings where that is clear: ``"SGD"``, ``"Adagrad"``."""
    names = [hiker.name for hiker in state.hikers]
    return {
        hiker.name if names.count(hiker.name) == 1 else str(hiker): walk(state, k)
        for k, hiker in enumerate(state.hikers)
    }


@functools.lru_cache(maxsize=512)
def walk(state: State, hiker: int = 0) -> Walk:
    """Walk one hiker of a state: by the real optimizer, or, with a mistake, by the rule that has it."""
    ground = state.ground()
    walker = ground.walker(state.noise, state.seed)
    who = state.hikers[hiker]
    with np.errstate(all="ignore"):
        return _right(ground, walker, state, who) if who.mistake is None else _wrong(ground, walker, state, who)


def _right(ground: Terrain, walker: Walker, state: State, who: Hiker) -> Walk:
    optimizer: Any = who.optimizer()
    place = np.array(state.start, dtype=np.float64)
    letters = optimizer.state_names
    places, slopes, rates = [place.copy()], [], []
    memory = {letter: [np.full(2, optimizer._start(letter, optimizer.settings))] for letter in letters}
    for step in range(state.steps):
        g = walker.gradient(float(place[0]), float(place[1]), step)
        optimizer.update({"place": place}, {"place": np.array(g)})
        slopes.append(g)
        rates.append(np.array(optimizer.effective_lr("place")) * np.ones(2))
        places.append(place.copy())
        for letter in letters:
            memory[letter].append(getattr(optimizer, letter)["place"].copy())
        if not np.isfinite(place).all():
            break
    return _made(ground, places, slopes, {letter: np.array(rows) for letter, rows in memory.items()}, np.array(rates))


def _wrong(ground: Terrain, walker: Walker, state: State, who: Hiker) -> Walk:
    assert who.mistake is not None
    optimizer: Any = replace(who, mistake=None).optimizer()
    rule = mutated(rule_of(replace(who, mistake=None)), who.mistake)
    step_by, settings = compiled(rule), optimizer.settings
    values = [np.array(state.start), *(np.full(2, optimizer._start(s, settings)) for s in optimizer.state_names)]
    rows, slopes = [[value.copy() for value in values]], []
    for step in range(state.steps):
        g = walker.gradient(float(values[0][0]), float(values[0][1]), step)
        now = [step + 1 if name == "t" else settings[name] for name in rule.settings]
        values = [
            np.asarray(value, dtype=np.float64) * np.ones(2)
            for value in step_by(values[0], np.array(g), *values[1:], *now)
        ]
        slopes.append(g)
        rows.append(values)
        if not np.isfinite(values[0]).all():
            break
    memory = {letter: np.array([row[k] for row in rows]) for k, letter in enumerate(optimizer.state_names, 1)}
    return _made(ground, [row[0] for row in rows], slopes, memory, np.empty((0, 2)))


def _made(
    ground: Terrain, places: list[Array], slopes: list[tuple[float, float]], states: dict[str, Array], rate: Array
) -> Walk:
    x, y = np.array(places).T
    return Walk(x, y, ground.value(x, y), np.array(slopes, dtype=np.float64).reshape(-1, 2), states, rate)
