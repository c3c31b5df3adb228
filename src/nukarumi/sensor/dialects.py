"""An optimizer of any library, told as one of our rules: which rule it is, where its states are, and what brakes.

Nothing here states a formula. Where `rules` has the optimizer, the dialect is what ``Cls.like(library)`` says; the
relatives that have no class of their own (AMSGrad, NAdam, RAdam, Adamax, centred RMSprop, optax's variants of these)
name their rule in `RELATIVES`. Whatever a sensor wants to know is then the rule itself, asked in a special way:

- the effective learning rate: what the rule subtracts from ``w`` for a unit of its drive, with the states as they are;
- the part of the brake that no gradient has paid for: the same, asked again with eps and the start of the state at 0;
- whether a state can still grow: the rule's own line for it, computed in the state's own floating-point type.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nukarumi import optim, rules
from nukarumi.optim._rate import rate_function
from nukarumi.optim.engine.recipe import Recipe, recipe
from nukarumi.translate.straight import Line, compiled, names_in

__all__ = ["CLASSES", "RELATIVES", "Dialect", "dialect", "grown"]

Floats: TypeAlias = NDArray[np.float64]
Settings: TypeAlias = Mapping[str, float]

CLASSES = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW")
"""The optimizers that have a class of ours, and with it a dialect for every library."""


@dataclass(frozen=True)
class Dialect:
    """One optimizer of one library, in the words of `rules`.

    Attributes
    ----------
    name
        What it is called in a trail: ``"Adagrad"``, ``"NAdam"``.
    recipe
        Its rule.
    states
        The letters of the rule's states.
    brakes
        What a rule with a brake drives by (`rate_function`); None for one without.
    brake
        The letter of the state that brakes; None without one.
    eps_corrected
        Whether eps is meant for the bias-corrected root.
    """

    name: str
    recipe: Recipe
    states: tuple[str, ...]
    brakes: str | None
    brake: str | None
    eps_corrected: bool = False

    @cached_property
    def rate_states(self) -> tuple[str, ...]:
        """The states that the effective learning rate hangs on."""
        return _rate_states(self)

    @cached_property
    def sums(self) -> bool:
        """Whether the braking state is a sum: it forgets nothing and grows by every gradient, as Adagrad's does."""
        return self.brake is not None and _sums(self)

    @cached_property
    def _rate(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return rate_function(self.recipe, self.states, self.brakes)

    @cached_property
    def renewed(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        """A function of gradient, states and settings that gives the braking state after the update, and the settings'
        names in order."""
        return _renewed(self)

    def rate(self, states: Mapping[str, Any], settings: Settings) -> Floats:
        """Compute the effective learning rate of each entry.

        Parameters
        ----------
        states
            Arrays of the letters in `rate_states`, of one shape.
        settings
            A number for each setting of the rule.

        Examples
        --------
        >>> dialect("Adagrad", "torch").rate({"h": np.array([4.0])}, {"lr": 0.1, "eps": 0.0}).tolist()
        [0.05]
        """
        return self.rate_of(states, self.meant(settings))

    def rate_of(self, states: Mapping[str, Any], given: Mapping[str, Any]) -> Floats:
        """The same for settings in the rule's own sense (`meant`), each a number or an array beside the states."""
        function, names = self._rate
        arrays = [np.asarray(states[letter], np.float64) if letter in states else 0.0 for letter in self.states]
        with np.errstate(all="ignore"):
            rate = np.asarray(function(*arrays, *(given[name] for name in names)), np.float64)
        shape = np.broadcast_shapes(*(np.shape(array) for array in arrays)) if arrays else ()
        return rate if rate.shape == shape else np.broadcast_to(rate, shape)

    def meant(self, settings: Settings) -> dict[str, float]:
        """The settings in the rule's own sense: an eps for the corrected root is made one for the plain root."""
        given = dict(settings)
        if self.eps_corrected and "eps" in given:
            inside = self.recipe.eps_inside
            given["eps"] = (rules.eps_hat_inside if inside else rules.eps_hat)(given["eps"], given["beta2"], given["t"])
        return given

    def swallowed(
        self, states: Mapping[str, Any], settings: Settings, start: float = 0.0, rate: Floats | None = None
    ) -> Floats:
        """Compute the share of the step that eps and the start of the state have taken, from 0 to 1 for each entry.

        1 - (rate as it is) / (rate for eps = 0 and a state that started at 0). NaN for a rule without a brake. ``rate``
        is the rate as it is, if it is known already.

        Examples
        --------
        >>> adagrad = dialect("Adagrad", "torch")
        >>> adagrad.swallowed({"h": np.array([0.11])}, {"lr": 0.1, "eps": 0.0}, start=0.1).round(2).tolist()
        [0.7]
        """
        return self.swallowed_of(states, self.meant(settings), start, rate)

    def swallowed_of(
        self, states: Mapping[str, Any], given: Mapping[str, Any], start: float, rate: Floats | None = None
    ) -> Floats:
        """The same for settings in the rule's own sense (`meant`), each a number or an array beside the states."""
        if self.brake is None or self.brake not in self.rate_states:
            return np.full(np.shape(next(iter(states.values()), 0.0)), np.nan)
        braking = np.asarray(states[self.brake], np.float64)
        free = {**states, self.brake: np.maximum(braking - start, 0.0)}
        unhindered = self.rate_of(free, {**given, **{name: 0.0 for name in ("eps", "eps_root") if name in given}})
        rate = self.rate_of(states, given) if rate is None else rate
        with np.errstate(all="ignore"):
            share = 1.0 - rate / unhindered
        return np.where(np.isfinite(share), np.clip(share, 0.0, 1.0), np.where(np.isinf(unhindered), 1.0, np.nan))


def grown(which: Dialect, states: Mapping[str, Any], gradient: Any, settings: Settings, dtype: str) -> NDArray[Any]:
    """Compute what the braking state would be after one more such gradient, rounded to the state's own type.

    Half-precision types are computed in float32 and rounded once, as the libraries do.

    Examples
    --------
    >>> adagrad = dialect("Adagrad", "torch")
    >>> grown(adagrad, {"h": np.array([2048.0, 2047.0])}, np.ones(2), {}, "float16").tolist()
    [2048.0, 2048.0]
    """
    function, names = which.renewed
    work = {"float64": np.float64}.get(dtype, np.float32)
    arrays = [np.asarray(states.get(letter, 0.0), work) for letter in which.states]
    given = which.meant(settings)
    with np.errstate(all="ignore"):
        new = function(np.asarray(gradient, work), *arrays, *(given[name] for name in names))
        return rounded(np.asarray(new, work), dtype)


def rounded(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    """Round float32 or float64 entries to what a type can hold, given back in the type they came in.

    Examples
    --------
    >>> rounded(np.array([257.0, 70000.0], np.float32), "bfloat16").tolist()
    [256.0, 70144.0]
    """
    if dtype == "float16":
        return array.astype(np.float16).astype(array.dtype)
    if dtype == "bfloat16":  # the upper half of a float32, ties to even
        bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
        carried = (bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) & np.uint32(0xFFFF0000)
        return np.where(np.isfinite(array), carried.view(np.float32), array).astype(array.dtype)
    return array


@lru_cache(maxsize=64)
def _renewed(which: Dialect) -> tuple[Callable[..., Any], tuple[str, ...]]:
    """A function of gradient, states and settings that gives the braking state after the update."""
    assert which.brake is not None
    rule = which.recipe.straight
    wanted, kept = {which.brake}, []
    for line in reversed(rule.lines):  # only the lines that the state is made of
        if line.target in wanted:
            kept.append(line)
            wanted |= names_in(line.value)
    settings = tuple(name for name in rule.settings if name in wanted)
    whole = replace(
        rule, arrays=("g", *which.states), settings=settings, lines=tuple(reversed(kept)), returns=(which.brake,)
    )
    function = compiled(whole)
    return (lambda *values: function(*values)[0]), settings


@lru_cache(maxsize=64)
def _rate_states(which: Dialect) -> tuple[str, ...]:
    if which.brakes is None:
        return ()
    lines: list[Line] = [line for line in which.recipe.straight.lines if line.target not in which.states]
    read = set().union(*(names_in(line.value) for line in lines))
    return tuple(letter for letter in which.states if letter in read and letter not in which.brakes)


@lru_cache(maxsize=64)
def _sums(which: Dialect) -> bool:
    """Ask the rule: a gradient of 0 must leave the state as it is, any other must make it larger."""
    function, names = which.renewed
    states = [0.75 if letter == which.brake else 0.0 for letter in which.states]
    settings = [0.5 for _ in names]
    return bool(function(0.0, *states, *settings) == 0.75 < function(0.125, *states, *settings))


RELATIVES: dict[str, tuple[Callable[..., Any], tuple[str, ...], str, str]] = {
    "AMSGrad": (rules.amsgrad, ("m", "v", "u"), "m", "u"),
    "NAdam": (rules.nadam, ("m", "v"), "mg", "v"),
    "RAdam": (rules.radam, ("m", "v"), "m", "v"),
    "Adamax": (rules.adamax, ("m", "u"), "m", "u"),
    "CentredRMSprop": (rules.rmsprop_centred, ("h", "m"), "g", "h"),
    "CorrectedRMSprop": (rules.rmsprop_corrected, ("h",), "g", "h"),
    "CorrectedCentredRMSprop": (rules.rmsprop_centred_corrected, ("h", "m"), "g", "h"),
    "AdamEpsRoot": (rules.adam_eps_root, ("m", "v"), "m", "v"),
    "AMSGradEpsRoot": (rules.amsgrad_eps_root, ("m", "v", "u"), "m", "u"),
    "NAdamEpsRoot": (rules.nadam_eps_root, ("m", "v"), "mg", "v"),
    "RAdamEpsRoot": (rules.radam_eps_root, ("m", "v"), "m", "v"),
}
"""Optimizers without a class of ours: rule, states, drive, and the state that brakes."""

_CORRECTED = {"AMSGrad": ("torch",), "NAdam": ("torch", "keras", "optax"), "RAdam": ("optax",)}
"""Where a relative's eps is meant for the bias-corrected root."""


@cache
def dialect(name: str, library: str = "book", *, eps_inside: bool | None = None) -> Dialect:
    """Give the dialect of an optimizer in a library.

    Parameters
    ----------
    name
        One of `CLASSES` or `RELATIVES`.
    library
        ``"torch"``, ``"keras"``, ``"optax"`` or ``"book"``.
    eps_inside
        Whether eps stands under the root, where an option of the library says so; None for its usual place.

    Examples
    --------
    >>> dialect("Adagrad", "keras").recipe.eps_inside, dialect("Adam", "torch").eps_corrected
    (True, True)
    """
    if name in CLASSES:
        cls = getattr(optim, name)
        options = {} if eps_inside is None else {"eps_inside_root": eps_inside}
        ours = cls.like(library, **options)
        made, states, brakes = ours.recipe, cls.state_names, cls.brakes
        made = recipe(made.rule, (), made.eps_inside)
        brake = cls.nonnegative[0] if brakes and cls.nonnegative else None
        return Dialect(name, made, states, brakes, brake, bool(ours.settings.get("eps_corrected", False)))
    rule, states, brakes, brake = RELATIVES[name]
    if name == "AMSGrad" and library == "optax":
        rule = rules.amsgrad_corrected
    if name == "Adamax" and library in ("torch", "optax"):
        rule = rules.adamax_eps_in_norm
    corrected = library in _CORRECTED.get(name, ())
    inside = eps_inside if eps_inside is not None else name == "CentredRMSprop" and library in ("keras", "optax")
    return Dialect(name, recipe(rule, (), bool(inside)), states, brakes, brake, corrected)
