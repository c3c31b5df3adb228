"""Which rule, right or wrong, walks exactly like what was seen: the search through all of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from nukarumi.lessons.marker.models import KINDS, RIGHT, WAYS, Dialect, Model, Way, dialects, mistakes, walk
from nukarumi.lessons.marker.probes import Probe, probes
from nukarumi.translate.mutations import MUTATIONS

__all__ = [
    "Agreement",
    "Walked",
    "agreement",
    "distance",
    "first_that_agrees",
    "kind_by_name",
    "kinds_from",
    "like_two",
    "like_wrong",
    "plain_ones",
    "right_ones",
    "settings_of",
]

CLOSE, TINY = 1e-9, 1e-11
"""How far two walks may part by rounding: relative to a place, and in all."""

SINGLE_CLOSE, SINGLE_TINY = 3e-5, 3e-6
"""The same where something is kept in float32."""

EPS = (1e-7, 1e-8, 1e-10, 1e-6, 1e-5, 1e-12)
ALIASES: dict[str, tuple[str, ...]] = {
    "momentum": ("momentum", "mu", "beta", "gamma", "alpha", "rho", "m"),
    "decay_rate": ("decay_rate", "decay", "rho", "beta", "alpha", "gamma", "beta2"),
    "rho": ("rho", "decay_rate", "decay", "gamma", "beta"),
    "beta1": ("beta1", "beta_1", "b1", "rho1", "betas"),
    "beta2": ("beta2", "beta_2", "b2", "rho2", "betas"),
    "eps": ("eps", "epsilon", "e", "delta"),
    "weight_decay": ("weight_decay", "wd", "decay"),
}
"""What learners call the settings."""


@dataclass(frozen=True)
class Walked:
    """What was seen of a class on one probe.

    Attributes
    ----------
    probe
        The probe.
    steps
        After each step, every parameter's numbers in a row.
    lr_changed
        Whether the new learning rate could be set.
    """

    probe: Probe
    steps: list[dict[str, npt.NDArray[np.float64]]]
    lr_changed: bool

    @property
    def tells(self) -> bool:
        """Whether it ends with numbers: where all is NaN, anything may have happened."""
        return any(bool(np.isfinite(each).any()) for each in self.steps[-1].values())

    @classmethod
    def read(cls, seen: dict[str, Any]) -> Walked | None:
        """What the child told; None if it is not whole."""
        probe = next((each for each in probes() if each.name == seen.get("name")), None)
        steps = seen.get("steps")
        if probe is None or not isinstance(steps, list) or len(steps) != len(probe.grads):
            return None
        try:
            read = [{name: np.array(step[name], dtype=np.float64) for name in step} for step in steps]
        except (TypeError, ValueError, KeyError):
            return None
        changed = bool(seen.get("lr_changed"))
        return cls(probe if changed else replace(probe, lr_step=0), read, changed)


@dataclass(frozen=True)
class Agreement:
    """How far a model walks like a class.

    Attributes
    ----------
    ok, bits
        Whether all steps agree but for rounding; whether to the last bit.
    steps
        Steps that agree before the first that does not.
    error
        The largest difference, relative to 1 + the place.
    first
        Where they part: step, parameter, index, expected, got.
    """

    ok: bool
    bits: bool
    steps: int
    error: float
    first: tuple[int, str, int, float, float] | None = None


def agreement(model: Model, walked: Walked, close: float = CLOSE, tiny: float = TINY) -> Agreement:
    """Compare a model's walk with what was seen; the first difference ends it."""
    bits, error, done = True, 0.0, 0
    for step, ((places, _), got) in enumerate(zip(walk(model, walked.probe), walked.steps, strict=False), 1):
        for name, expected in places.items():
            mine, its = expected.reshape(-1), got.get(name)
            if its is None or its.shape != mine.shape:
                return Agreement(False, False, done, np.inf)
            if (mine == its).all():
                continue
            equal = (mine == its) | (np.isnan(mine) & np.isnan(its))
            if equal.all():
                continue
            bits = False
            with np.errstate(invalid="ignore", over="ignore"):
                apart = np.where(equal, 0.0, np.abs(mine - its))
                allowed = tiny + close * np.maximum(np.abs(mine), np.abs(its))
                relative = apart / (1 + np.abs(mine))
                fine = equal | (np.isfinite(mine) & np.isfinite(its) & (apart <= allowed))
            if not fine.all():
                k = int(np.argmin(fine))
                return Agreement(False, False, done, np.inf, (step, name, k, float(mine[k]), float(its[k])))
            error = max(error, float(relative.max()))
        done = step
    whole = done == len(walked.steps)
    return Agreement(whole, bits and whole, done, error)


def kind_by_name(name: str) -> str | None:
    """The optimizer that a class's name tells, if it tells one.

    Examples
    --------
    >>> [kind_by_name(name) for name in ("MyAdaGrad", "RMSProp2", "SGDMomentum", "NAG", "Mine")]
    ['Adagrad', 'RMSprop', 'Momentum', 'Nesterov', None]
    """
    plain = name.lower().replace("_", "")
    for word, kind in (
        ("adagrad", "Adagrad"),
        ("adadelta", "Adadelta"),
        ("adamw", "AdamW"),
        ("adam", "Adam"),
        ("rmsprop", "RMSprop"),
        ("nesterov", "Nesterov"),
        ("nag", "Nesterov"),
        ("momentum", "Momentum"),
        ("sgd", "SGD"),
        ("gradientdescent", "SGD"),
    ):
        if word in plain:
            return kind
    return None


def settings_of(
    dialect: Dialect, declared: dict[str, Any], numbers: tuple[float, ...], wide: bool
) -> list[dict[str, float]]:
    """The numbers that a class may have: its dialect's, those that its signature declares, those that stand in it.

    Parameters
    ----------
    dialect
        The rule.
    declared
        The defaults in the signature of its start.
    numbers
        The numbers that stand in its source.
    wide
        Whether the usual eps of all libraries are tried too.
    """
    base = {name: value for name, value in dialect.settings.items() if name != "lr"}
    choices: dict[str, list[float]] = {}
    for name, usual in base.items():
        told = _declared(name, declared)
        if told is not None:
            choices[name] = [told]
        elif name == "eps":
            own = [value for value in numbers if 0 < value <= 1e-3]
            choices[name] = [usual, *own, *(EPS if wide or not own else ())]
        else:
            own = [value for value in numbers if 0 < value < 1]
            choices[name] = [usual, *own, *(1 - value for value in own)][:7]
    names = list(choices)
    unique = [list(dict.fromkeys(choices[name])) for name in names]
    return [dict(zip(names, values, strict=True)) for values in itertools.islice(itertools.product(*unique), 60)]


def _declared(name: str, declared: dict[str, Any]) -> float | None:
    lower = {key.lower(): value for key, value in declared.items()}
    for alias in ALIASES.get(name, (name,)):
        value = lower.get(alias)
        if alias == "betas" and isinstance(value, list) and len(value) == 2:
            return float(value[0 if name == "beta1" else 1])
        if isinstance(value, float):
            return value
    return None


def right_ones(kind: str, declared: dict[str, Any], numbers: tuple[float, ...]) -> Iterator[Model]:
    """The rule in every dialect: with the numbers that are declared first, then with others."""
    rest: list[Model] = []
    for dialect in dialects(kind):
        first, *others = settings_of(dialect, declared, numbers, wide=True)
        yield Model(dialect, dialect.line, first)
        rest += [Model(dialect, dialect.line, settings) for settings in others]
    yield from rest


def plain_ones(kind: str, declared: dict[str, Any], numbers: tuple[float, ...]) -> list[Model]:
    """The rule in every dialect, with the numbers that are most likely."""
    return [
        Model(each, each.line, settings_of(each, declared, numbers, wide=False)[0]) for each in dialects(kind)
    ]  # fmt: skip


def distance(model: Model, walked: Walked) -> float:
    """How differently a model moves, 0 to 1: each entry's difference as a share of both moves, on the average."""
    shares = []
    before = {name: np.reshape(value, -1) for name, value in walked.probe.params.items()}
    mine_before, its_before = dict(before), dict(before)
    for (places, _), got in zip(walk(model, walked.probe), walked.steps, strict=False):
        for name, place in places.items():
            mine, its = place.reshape(-1) - mine_before[name], got[name] - its_before[name]
            both = np.abs(mine) + np.abs(its)
            told = np.isfinite(both) & (both > 0)
            shares += [1.0] * int((~np.isfinite(both)).sum())
            shares += (np.abs(mine - its)[told] / both[told]).tolist()
            mine_before[name], its_before[name] = place.reshape(-1), got[name]
    return float(np.mean(shares)) if shares else 1.0


def like_wrong(kind: str, declared: dict[str, Any], numbers: tuple[float, ...]) -> Iterator[Model]:
    """Every mistake, in the formula and around it, in every dialect."""
    known: set[str] = set()
    for dialect in dialects(kind):
        text = f"{[str(line) for line in dialect.line.lines]} {dialect.starts}"
        for settings in settings_of(dialect, declared, numbers, wide=False):
            key = f"{text} {settings}"
            if key in known:
                continue
            known.add(key)
            for name, line in mistakes(dialect):
                yield Model(dialect, line, settings, mistake=name)
            yield from _ways(dialect, dialect.line, settings, declared, numbers)


def _ways(
    dialect: Dialect,
    line: Any,
    settings: dict[str, float],
    declared: dict[str, Any],
    numbers: tuple[float, ...],
    mistake: str | None = None,
) -> Iterator[Model]:
    for way in WAYS:
        if not way.fits(dialect):
            continue
        if way.rate == "default":
            told = [value for value in declared.values() if isinstance(value, float)]
            for lr in dict.fromkeys([*told, *(value for value in numbers if value > 0), dialect.settings["lr"], 1.0]):
                yield Model(dialect, line, settings, way, mistake, lr)
        else:
            yield Model(dialect, line, settings, way, mistake)


COMMON = tuple(
    each.id for each in MUTATIONS if each.shown or each.id.startswith(("gradient", "lr", "eps", "no_", "share", "root"))
)
"""The mistakes that are looked for in pairs."""


def like_two(kind: str, declared: dict[str, Any], numbers: tuple[float, ...]) -> Iterator[tuple[Model, str]]:
    """Two mistakes at once: two in the formula, or one in it and one around it."""
    dialect = dialects(kind)[0]
    settings = settings_of(dialect, declared, numbers, wide=False)[0]
    by_name = {each.id: each for each in MUTATIONS}
    common = [(name, line) for name, line in mistakes(dialect) if name in COMMON]
    for (name, line), (second, _) in itertools.combinations(common, 2):
        if by_name[second].applies(line):
            yield Model(dialect, by_name[second].rewrite(line), settings, RIGHT, name), second
    for name, line in common:
        for model in _ways(dialect, line, settings, declared, numbers, name):
            yield model, model.way.id


def first_that_agrees(models: Iterable[Model], walked: Walked) -> tuple[Model, Agreement] | None:
    """The first model that walks like what was seen."""
    for model in models:
        found = agreement(model, walked)
        if found.ok:
            return model, found
    return None


RATE_FIXED = Way("rate_fixed", rate="first")


def kinds_from(named: str | None) -> list[str]:
    """All optimizers, the one that the name tells first."""
    return [*([named] if named else []), *(kind for kind in KINDS if kind != named)]
