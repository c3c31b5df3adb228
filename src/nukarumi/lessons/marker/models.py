"""What a class is compared with: every rule, in every library's dialect, right and with one mistake, as a walker.

The formulas are those of ``rules.py``, changed by `nukarumi.translate.mutations`; nothing is written down twice.
Mistakes that are not in the formula but around it (where a state starts, who shares it, which clock counts, which
parameter is moved) are a `Way` of walking a rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nukarumi import optim, rules
from nukarumi.lessons.marker.probes import Probe
from nukarumi.optim.conventions import LIBRARIES
from nukarumi.translate import lines, rewrite
from nukarumi.translate.mutations import MUTATIONS, Mutation, mutations, put
from nukarumi.translate.straight import StraightLine, compiled

__all__ = ["CORRECTED", "KINDS", "WAYS", "Dialect", "Model", "Way", "dialects", "mistakes", "walk"]

Array = npt.NDArray[np.float64]
Places = dict[str, Array]

KINDS: dict[str, type[optim.Optimizer]] = {
    cls.__name__: cls
    for cls in (
        optim.SGD,
        optim.Momentum,
        optim.Nesterov,
        optim.Adagrad,
        optim.RMSprop,
        optim.Adam,
        optim.Adadelta,
        optim.AdamW,
    )
}
"""The optimizers that can be marked, the lessons' six first."""


@dataclass(frozen=True)
class Dialect:
    """An optimizer as a library has it.

    Attributes
    ----------
    kind, library
        Such as ``"Adagrad"`` and ``"keras"``.
    line
        The rule, all of its dialect in it.
    settings
        The numbers that the library takes unless told otherwise, the clock left out.
    starts
        Where each state starts.
    squares
        The states that are made of squares.
    eps_inside
        Whether eps stands under the root.
    """

    kind: str
    library: str
    line: StraightLine
    settings: dict[str, float]
    starts: dict[str, float]
    squares: tuple[str, ...]
    eps_inside: bool = False


@cache
def dialects(kind: str) -> tuple[Dialect, ...]:
    """An optimizer in every dialect, the book's first.

    Examples
    --------
    >>> [(each.library, each.starts["h"], str(each.line.lines[-1])) for each in dialects("Adagrad")[:2]]
    [('book', 0.0, 'w = w - lr * g / (sqrt(h) + eps)'), ('torch', 0.0, 'w = w - lr * g / (sqrt(h) + eps)')]
    """
    cls = KINDS[kind]
    out = []
    for library in ("book", *(each for each in LIBRARIES if each != "book")):
        made = cls.like(library)
        values = made.settings
        line: StraightLine = lines.tidied(made.recipe.straight)
        if values.get("eps_corrected"):
            line = lines.with_setting_lines(line, rules.eps_hat, "eps", "eps_t")
        numbers = {name: float(values[name]) for name in line.settings if name != "t"}
        starts = {letter: float(made._start(letter, values)) for letter in cls.state_names}
        out.append(Dialect(kind, library, line, numbers, starts, cls.nonnegative, bool(values.get("eps_inside_root"))))
    return tuple(out)


# Mistakes in the formula ---------------------------------------------------------------------------------------------

MORE: tuple[Mutation, ...] = (
    Mutation(
        "eps_in_memory",
        "Eps is added to the memory at every step instead of to the root.",
        (
            (put("h", "A + B", "A + B + eps"), put("w", "sqrt(C) + eps", "sqrt(C)")),
            (put("v", "A + B", "A + B + eps"), put("w", "sqrt(C) + eps", "sqrt(C)")),
        ),
    ),
    Mutation(
        "eps_in_numerator",
        "Eps is added to the gradient above the fraction instead of to the root below it.",
        (
            (put("w", "lr * g / (sqrt(A) + eps)", "lr * (g + eps) / sqrt(A)"),),
            (put("w", "lr_t * m / (sqrt(A) + eps)", "lr_t * (m + eps) / sqrt(A)"),),
        ),
    ),
    Mutation(
        "root_of_whole_fraction",
        "The root is taken of the gradient over the memory, where it belongs to the memory alone.",
        (
            (put("w", "lr * g / (sqrt(A) + eps)", "lr * sqrt(g / (A + eps))"),),
            (put("w", "lr_t * m / (sqrt(A) + eps)", "lr_t * sqrt(m / (A + eps))"),),
        ),
    ),
    Mutation(
        "lr_under_the_gradient",
        "Gradient and learning rate have changed places with the brake: it stands above the fraction.",
        (
            (put("w", "lr * g / (sqrt(A) + eps)", "(sqrt(A) + eps) / (lr * g)"),),
            (put("w", "lr_t * m / (sqrt(A) + eps)", "(sqrt(A) + eps) / (lr_t * m)"),),
        ),
    ),
    Mutation(
        "weight_scaled",
        "The weight itself is multiplied by 1 - lr before the step.",
        ((put("w", "w - A", "(1 - lr) * w - A"),), (put("w", "w + A", "(1 - lr) * w + A"),)),
    ),
    Mutation(
        "step_twice",
        "The step is made twice in one update.",
        (
            (put("w", "w - A", "w - A - A"),),
            (put("w", "w + A - B", "w + 2 * (A - B)"),),
            (put("w", "w + A", "w + A + A"),),
        ),
    ),
    Mutation(
        "gradient_turned",
        "The gradient's piece of the step has the wrong sign; the velocity itself is right.",
        ((put("w", "w + A - B", "w + A + B"),),),
    ),
    Mutation(
        "corrected_and_kept",
        "The corrected moments are kept as the moments, so they are corrected again at every step.",
        (
            (
                put("m", "m + A * (g - m)", "(m + A * (g - m)) / (1.0 - beta1**t)"),
                put("v", "v + A * (g * g - v)", "(v + A * (g * g - v)) / (1.0 - beta2**t)"),
                put("lr_t", "A * B / C", "A"),
            ),
        ),
    ),
    Mutation(
        "gradient_halved",
        "The step is half as long as it should be.",
        (
            (put("w", "w - lr * A", "w - lr * A * 0.5"),),
            (put("v", "A - lr * g", "A - lr * g * 0.5"),),
            (put("v", "A + g", "A + g * 0.5"),),
            (put("w", "w - lr_t * A", "w - lr_t * A * 0.5"),),
        ),
    ),
)  # fmt: skip
"""Mistakes that only the marker looks for."""


CORRECTED = "eps_inside_corrected_root"
"""Adam with eps under the corrected root: optax's ``eps_root``. It is no mistake, only searched for among them."""


@cache
def _mistakes(kind: str, library: str) -> tuple[tuple[str, StraightLine], ...]:
    rule = next(each.line for each in dialects(kind) if each.library == library)
    more = [(each.id, each.rewrite(rule)) for each in MORE if each.applies(rule)]
    if "eps_t" in {line.target for line in rule.lines}:
        inside = rewrite.eps_inside_root(lines.tidied(KINDS[kind].like(library).recipe.straight))
        more.append((CORRECTED, lines.with_setting_lines(inside, rules.eps_hat_inside, "eps", "eps_t")))
    return (*mutations(rule).items(), *more)


def mistakes(dialect: Dialect) -> tuple[tuple[str, StraightLine], ...]:
    """Every mistake in the formula of a dialect, by name.

    Examples
    --------
    >>> all(len(mistakes(dialects(kind)[0])) >= 15 for kind in KINDS)
    True
    """
    return _mistakes(dialect.kind, dialect.library)


WORDS: dict[str, str] = {each.id: each.words for each in (*MUTATIONS, *MORE)}
"""What each of them is, in a plain sentence."""


# Mistakes around the formula -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """How a rule is walked.

    Attributes
    ----------
    id
        The mistake's name.
    starts
        Where the states start, if not where they should; ``"gradient"``: at the first gradient, ``"eps"``: at eps.
    squares_only
        Whether ``starts`` is about the states that are made of squares alone.
    shared
        Whether all parameters share one state.
    pooled
        ``"sum"`` or ``"mean"``: one number of squares for a whole parameter.
    reset
        Whether the states start anew at each update.
    clock
        From the step, the parameter's place and how many there are, what t is.
    moved
        Which parameters are moved at all; by place and count.
    rate
        Which learning rate counts: ``"then"`` the one of the moment, ``"first"`` the one at the start, ``"default"``
        the class's own.
    eps_once
        Whether eps counts at the first step only.
    gradient_of
        Whose gradient each parameter gets; by place and count.
    """

    id: str
    starts: float | str | None = None
    squares_only: bool = False
    shared: bool = False
    pooled: str | None = None
    reset: bool = False
    clock: Callable[[int, int, int], int] | None = None
    moved: Callable[[int, int], bool] | None = None
    rate: str = "then"
    eps_once: bool = False
    gradient_of: Callable[[int, int], int] | None = None

    def fits(self, dialect: Dialect) -> bool:
        """Whether a rule has what this is about."""
        needs_state = self.starts is not None or self.shared or self.reset
        if (needs_state and not dialect.starts) or ((self.pooled or self.squares_only) and not dialect.squares):
            return False
        if self.clock and "t" not in dialect.line.settings:
            return False
        return not ((self.eps_once or self.starts == "eps") and "eps" not in dialect.settings)


RIGHT = Way("right")

WAYS: tuple[Way, ...] = (
    Way("lr_ignored", rate="default"),
    Way("start_at_one", starts=1.0, squares_only=True),
    Way("start_all_at_one", starts=1.0),
    Way("start_at_tenth", starts=0.1, squares_only=True),
    Way("start_at_eps", starts="eps", squares_only=True),
    Way("start_at_gradient", starts="gradient"),
    Way("state_shared", shared=True),
    Way("state_reset", reset=True),
    Way("memory_summed", pooled="sum"),
    Way("memory_averaged", pooled="mean"),
    Way("clock_stands", clock=lambda step, place, count: 1),
    Way("clock_ahead", clock=lambda step, place, count: step + 1),
    Way("clock_from_zero", clock=lambda step, place, count: step - 1),
    Way("clock_each_parameter", clock=lambda step, place, count: (step - 1) * count + place + 1),
    Way("clock_after_all", clock=lambda step, place, count: step * count),
    Way("clock_never", clock=lambda step, place, count: 0),
    Way("reset_clock_too", reset=True, clock=lambda step, place, count: 1),
    Way("only_first", moved=lambda place, count: place == 0),
    Way("only_last", moved=lambda place, count: place == count - 1),
    Way("not_first", moved=lambda place, count: place > 0),
    Way("not_last", moved=lambda place, count: place < count - 1),
    Way("eps_once", eps_once=True),
    Way("others_gradient", gradient_of=lambda place, count: count - 1),
    Way("first_gradient", gradient_of=lambda place, count: 0),
)


@dataclass(frozen=True, eq=False)
class Model:
    """A rule with its numbers and a way to walk it."""

    dialect: Dialect
    line: StraightLine
    settings: dict[str, float]
    way: Way = RIGHT
    mistake: str | None = None
    lr: float | None = None

    @cached_property
    def function(self) -> Callable[..., tuple[Any, ...]]:
        """The rule as a function."""
        return _compiled(self.line)

    @cached_property
    def halves(self) -> tuple[Callable[..., tuple[Any, ...]], Callable[..., tuple[Any, ...]]]:
        """The rule, and what is left of it when the states are already made."""
        letters = set(self.line.arrays[2:])
        rest = tuple(line for line in self.line.lines if line.target not in letters)
        return self.function, _compiled(replace(self.line, lines=rest))


@lru_cache(maxsize=4096)
def _compiled(line: StraightLine) -> Callable[..., tuple[Any, ...]]:
    return compiled(line)


def walk(model: Model, probe: Probe) -> Iterator[tuple[Places, dict[str, Places]]]:
    """Walk a probe: after every step the places of all parameters and the states by letter.

    Examples
    --------
    >>> from nukarumi.lessons.marker.probes import probes
    >>> book = dialects("SGD")[0]
    >>> places, states = next(walk(Model(book, book.line, book.settings), probes()[3]))
    >>> sorted(places), states
    (['x', 'y'], {})
    """
    way, line = model.way, model.line
    letters = line.arrays[2:]
    params = {name: np.array(value, dtype=np.float64) for name, value in probe.params.items()}
    states: dict[str, dict[str, Any]] = {letter: {} for letter in letters}
    lr = probe.lr
    for step, grads in enumerate(probe.grads, 1):
        if step == probe.lr_step and way.rate == "then":
            lr = probe.lr_then
        if way.rate == "default" and model.lr is not None:
            lr = model.lr
        names = list(params)
        settings = {**model.settings, "lr": lr}
        if way.eps_once and step > 1:
            settings["eps"] = 0.0
        with np.errstate(all="ignore"):
            if way.reset:
                states = {letter: {} for letter in letters}
            for place, name in enumerate(names):
                source = names[way.gradient_of(place, len(names))] if way.gradient_of else name
                g = np.asarray(grads[source], dtype=np.float64)
                if g.shape != params[name].shape:
                    return
                kept = "" if way.shared else name
                old = [
                    states[letter].get(kept, _start(model, letter, g)) for letter in letters
                ]  # fmt: skip
                if any(np.ndim(each) and np.shape(each) != g.shape for each in old):
                    return
                clock = way.clock(step, place, len(names)) if way.clock else step
                numbers: list[Any] = [clock if each == "t" else np.float64(settings[each]) for each in line.settings]
                try:
                    w, new = _step(model, params[name], g, old, numbers)
                except ArithmeticError:  # a plain number divides by 0 where no array would
                    return
                for letter, value in zip(letters, new, strict=True):
                    states[letter][kept] = value
                if way.moved is None or way.moved(place, len(names)):
                    params[name] = np.broadcast_to(w, g.shape).astype(np.float64)
        yield params.copy(), {letter: dict(each) for letter, each in states.items()}


def _start(model: Model, letter: str, g: Array) -> Any:
    start: Any = model.dialect.starts[letter]
    way = model.way
    if way.starts is not None and (not way.squares_only or letter in model.dialect.squares):
        start = model.settings["eps"] if way.starts == "eps" else way.starts
    return g.copy() if start == "gradient" else np.full(g.shape, start)


def _step(model: Model, w: Array, g: Array, old: list[Any], numbers: list[Any]) -> tuple[Any, tuple[Any, ...]]:
    whole = model.function(w, g, *old, *numbers)
    if model.way.pooled is None:
        return whole[0], whole[1:]
    calm = model.function(w, np.zeros_like(g), *old, *numbers)
    states = []
    for letter, new, still in zip(model.line.arrays[2:], whole[1:], calm[1:], strict=True):
        pooled = new
        if letter in model.dialect.squares:  # what this gradient adds, put together; what was there before, kept
            added = np.sum(new - still)
            pooled = still + (added if model.way.pooled == "sum" else added / math.prod(g.shape))
        states.append(pooled)
    moved = model.halves[1](w, g, *states, *numbers)
    return moved[0], tuple(states)
