"""The matrix that the optimizers' tests share, discovered: every class, every option, and what the rules alone say.

`reference` is the oracle: the functions of ``rules.py`` called one after the other on whole arrays, with none of the
engines, plans, packing or layouts in between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from nukarumi import optim, rules
from nukarumi.optim.base import _COMMON_DEFAULTS, Optimizer
from nukarumi.translate import rewrite, straight

Array = np.ndarray[Any, Any]
Params = dict[str, Array]

ENGINES = ("numpy", "numba")
DTYPES = ("float32", "float64")
CLASSES: list[type[Optimizer]] = [
    cls
    for cls in (getattr(optim, name) for name in optim.__all__)
    if isinstance(cls, type) and issubclass(cls, Optimizer) and cls is not Optimizer
]

# One unusual value for every setting that changes numbers. `unusual` fails for a setting that has none here.
UNUSUAL: dict[str, Any] = {
    "lr": 0.3,
    "momentum": 0.7,
    "lr_inside": False,
    "decay_rate": 0.8,
    "rho": 0.6,
    "beta1": 0.5,
    "beta2": 0.9,
    "eps": 1e-3,
    "eps_inside_root": True,
    "eps_corrected": True,
    "initial_accumulator": 0.1,
    "lr_decay": 0.3,
    "weight_decay": 0.25,
    "decoupled_decay": True,
    "maximize": True,
    "clip_norm": 0.75,
    "clip_value": 0.375,
}
CHANGE_NO_NUMBERS = {"on_nonfinite", "engine", "threads", "overrides"}


def settings_of(cls: type[Optimizer]) -> list[str]:
    """Every setting of a class that changes its numbers."""
    return [name for name in ("lr", *cls.own_settings, *_COMMON_DEFAULTS) if name not in CHANGE_NO_NUMBERS]


def variants(cls: type[Optimizer]) -> Iterator[dict[str, Any]]:
    """The options under which a class is tried: none, each by itself, and all of them together."""
    names = settings_of(cls)
    yield {}
    for name in names:
        if name == "decoupled_decay":
            usual = cls().settings[name]
            yield {"weight_decay": UNUSUAL["weight_decay"], name: not usual}
        else:
            yield {name: UNUSUAL[name]}
    yield {name: UNUSUAL[name] for name in names}
    yield {name: UNUSUAL[name] for name in names if name != "decoupled_decay"} | {"decoupled_decay": False}


def label(case: Any) -> str:
    """A test id for a class, a type or a set of options."""
    if isinstance(case, type):
        return case.__name__
    if isinstance(case, Mapping):
        return "all-coupled" if case.get("decoupled_decay") is False and len(case) > 2 else _named(case)
    return str(case)


def _named(options: Mapping[str, Any]) -> str:
    return "+".join(options) if 0 < len(options) < 4 else "all" if options else "plain"


def rule_of(cls: type[Optimizer], values: Mapping[str, Any]) -> Callable[..., Any]:
    """The function of ``rules.py`` for a class with these settings, by its name."""
    name = cls.__name__.lower()
    if values.get("lr_inside") is False:
        name += "_lr_outside"
    if name == "adamw" and not values["decoupled_decay"]:
        name = "adam"
    rule: Callable[..., Any] = getattr(rules, name)
    if values.get("eps_inside_root"):
        return straight.compiled(rewrite.eps_inside_root(straight.read(rule)))
    return rule


class Reference:
    """An optimizer made of nothing but the rules, one array after the other."""

    def __init__(self, cls: type[Optimizer], **options: Any) -> None:
        self.cls, self.values = cls, cls(**options).settings
        self.state: dict[str, list[Array]] = {}
        self.t = 0
        self.clocks: dict[str, int] = {}

    def update(self, params: Params, grads: Mapping[str, Array], own: Mapping[str, Any] | None = None) -> Params:
        """The parameters after one update, computed in their own type; ``own`` has settings for some of them."""
        self.t += 1
        with np.errstate(all="ignore"):
            norm = float(np.sqrt(sum(float(np.sum(g.astype(np.float64) ** 2)) for g in grads.values())))
            return {
                name: self._one(name, w, grads[name], norm, (own or {}).get(name, {})) for name, w in params.items()
            }

    def _one(self, name: str, w: Array, g: Array, norm: float, own: Mapping[str, Any]) -> Array:
        values = {**self.values, **own}
        clock = self.clocks[name] = self.clocks.get(name, 0) + 1
        if name not in self.state:
            starts = [values.get("initial_accumulator", 0.0)] * len(self.cls.state_names)
            self.state[name] = [np.full(w.shape, start, w.dtype) for start in starts]
        lr = values["lr"](self.t) if callable(values["lr"]) else values["lr"]
        if values["lr_decay"]:
            lr = rules.decayed_lr(lr, values["lr_decay"], self.t)
        eps = values.get("eps")
        if values.get("eps_corrected"):
            corrected = rules.eps_hat_inside if values["eps_inside_root"] else rules.eps_hat
            eps = corrected(eps, values["beta2"], clock)
        if values["clip_norm"] is not None:
            g = rules.scaled(g, rules.clip_scale(norm, values["clip_norm"]))
        if values["clip_value"] is not None:
            g = rules.clipped(g, values["clip_value"])
        if values["maximize"]:
            g = rules.opposite(g)
        rule = rule_of(self.cls, values)
        built_in = "weight_decay" in self.cls.rule.__annotations__ and values["decoupled_decay"]
        if values["weight_decay"] and not built_in:
            if values["decoupled_decay"]:
                w = rules.decoupled_decay(w, lr, values["weight_decay"])
            else:
                g = rules.coupled_decay(w, g, values["weight_decay"])
        known = {**values, "lr": lr, "eps": eps, "t": clock}
        names = rule.__code__.co_varnames[: rule.__code__.co_argcount]
        settings = [known[n] for n in names[2 + len(self.cls.state_names) :]]
        out = rule(w, g, *self.state[name], *settings)
        new, *states = out if isinstance(out, tuple) else (out,)
        self.state[name] = states
        return np.asarray(new)


def same(one: Any, two: Any) -> bool:
    """Whether two arrays are equal to the bit; every NaN is as good as another, for its payload means nothing."""
    one, two = np.asarray(one), np.asarray(two)
    if one.shape != two.shape or one.dtype != two.dtype:
        return False
    if one.dtype.kind != "f":
        one, two = one.astype(np.float32), two.astype(np.float32)
    nan = np.isnan(one)
    if not np.array_equal(nan, np.isnan(two)):
        return False
    return np.where(nan, 0, one).tobytes() == np.where(nan, 0, two).tobytes()


def assert_same(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Every array of two mappings is equal to the bit."""
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert same(found[name], value), f"{name}: {found[name]!r} is not {value!r}"


def problem(dtype: str, seed: int = 0, steps: int = 4, shapes: Any = None) -> tuple[Params, list[Params]]:
    """Parameters of several shapes and some steps of gradients, of very different sizes."""
    rng = np.random.default_rng(seed)
    shapes = shapes or {"W": (5, 7), "b": (7,), "s": (), "none": (0, 3)}
    params = {name: np.asarray(rng.standard_normal(shape)).astype(dtype) for name, shape in shapes.items()}
    grads = [
        {
            name: np.asarray(rng.standard_normal(shape) * 10.0 ** rng.integers(-4, 3, shape)).astype(dtype)
            for name, shape in shapes.items()
        }
        for _ in range(steps)
    ]
    return params, grads


def copied(params: Mapping[Any, Any]) -> dict[Any, Any]:
    """Copies of arrays, in their own layout."""
    return {name: w.copy(order="K") if isinstance(w, np.ndarray) else w for name, w in params.items()}


def bytes_of(optimizer: Optimizer, params: Mapping[Any, Any]) -> Any:
    """All that an update may change, as values that can be compared: parameters, states, steps, clocks, settings."""
    whole = optimizer.state_dict()
    state = {
        letter: {name: (a.dtype, a.shape, a.tobytes()) for name, a in named.items()}
        for letter, named in whole["state"].items()
    }
    told = {
        name: (type(w), w.dtype, w.shape, w.tobytes()) if isinstance(w, np.ndarray) else (type(w), repr(w))
        for name, w in params.items()
    }
    return told, state, whole["t"], whole["clocks"], repr(whole["settings"]), optimizer.t
