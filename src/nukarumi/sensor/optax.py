"""optax: a transformation that wraps another, works under ``jit``, and tells the host what the inner one does.

A chain of optax is functions; which rule it holds, and with which settings, stands in what these functions have closed
over. That is read part by part (`chains`), so that a chain counts as known only if every part of it is. Where parts are
for some leaves only (``masked``, ``multi_transform``), every leaf has a chain of its own.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect, dialect
from nukarumi.sensor.jax import gradient_sample, opposite, payload, report, sampled, to_look
from nukarumi.sensor.look import Look, Subject

__all__ = ["OptaxSensor", "WatchState", "chains"]

PASSIVE = (
    "identity",
    "clip",
    "clip_by_global_norm",
    "clip_by_block_rms",
    "add_decayed_weights",
    "add_noise",
    "centralize",
    "zero_nans",
    "keep_params_nonnegative",
)
"""Parts that change the gradient or the weights, but brake nothing."""

STATES: dict[str, dict[str, str]] = {
    "trace": {"trace": "v"},
    "scale_by_rss": {"sum_of_squares": "h"},
    "scale_by_rms": {"nu": "h"},
    "scale_by_stddev": {"nu": "h", "mu": "m"},
    "scale_by_adadelta": {"e_g": "h", "e_x": "d"},
    "scale_by_adam": {"mu": "m", "nu": "v"},
    "scale_by_amsgrad": {"mu": "m", "nu": "v", "nu_max": "u"},
    "scale_by_adamax": {"mu": "m", "nu": "u"},
    "scale_by_radam": {"mu": "m", "nu": "v"},
}
"""The parts that hold a rule, where each keeps its states, and our letters for them."""

PLAIN = {"threshold": 5.0, "bias_correction_mu": True, "bias_correction_nu": True}
"""Options that a rule of ours does not have: only their usual values are known here."""


class WatchState(NamedTuple):
    """The state of the wrapped transformation, and a count of its updates."""

    count: Any
    inner: Any


@dataclass(frozen=True, eq=False)
class Part:
    """One link of a chain: what it is called, what it has closed over, and its state (None if there is none yet)."""

    name: str
    options: Mapping[str, Any]
    state: Any


Chain: TypeAlias = tuple[Part, ...]


def chains(
    init: Callable[..., Any], update: Callable[..., Any], state: Any = None, tree: Any = None
) -> dict[Chain, tuple[str, ...]]:
    """Take a transformation apart.

    Parameters
    ----------
    init, update
        Of the transformation.
    state
        Its state after an update; None before there is one.
    tree
        The parameters. None before they are known: then any part may be for any leaf.

    Returns
    -------
    dict
        Each chain that some leaves go through, and the names of those leaves; without a tree, each chain that there
        could be, and no names.
    """
    return _chains(init, update, state, tree, tuple(_by_name(tree)) if tree is not None else ())


def _chains(
    init: Callable[..., Any], update: Callable[..., Any], state: Any, tree: Any, names: tuple[str, ...]
) -> dict[Chain, tuple[str, ...]]:
    name = getattr(update, "__qualname__", type(update).__name__).removesuffix(".<locals>.update_fn")
    name = name.removesuffix(".<locals>.update")
    held = _held(update)
    match name:
        case "with_extra_args_support":
            return _chains(held["tx"].init, held["tx"].update, state, tree, names)
        case "chain":
            links = list(zip(_held(init)["init_fns"], held["update_fns"], strict=True))
            states = [None] * len(links) if state is None else state
            whole: dict[Chain, tuple[str, ...]] = {(): names}
            for (start, step), own in zip(links, states, strict=True):
                whole = _joined(whole, _chains(_inner(start, step, "init"), step, own, tree, names), tree is not None)
            return whole
        case "inject_hyperparams.<locals>.wrapped_transform":
            given = {**_held(init)["numeric_hps"], **dict.fromkeys(held["sched_hps"], 0.1)}
            inner = held["inner_factory"](**held["other_hps"], **(given if state is None else state.hyperparams))
            return _chains(inner.init, inner.update, None if state is None else state.inner_state, tree, names)
        case "masked":
            inner, own = held["inner"], None if state is None else state.inner_state
            return _chosen({True: (inner, own)}, held["mask"], tree, names)
        case "partition" | "multi_transform":
            inners = {
                label: (inner, None if state is None else state.inner_states[label].inner_state)
                for label, inner in held["transforms"].items()
            }
            return _chosen(inners, held["param_labels"], tree, names)
    return {(Part(name, {**_held(init), **held, **_held(held.get("_radam_update"))}, state),): names}


def _chosen(
    inners: Mapping[Any, tuple[Any, Any]], labels: Any, tree: Any, names: tuple[str, ...]
) -> dict[Chain, tuple[str, ...]]:
    """The chains of leaves that have labels: each goes through the transformation of its label, or through none."""
    out: dict[Chain, tuple[str, ...]] = {}
    label_of: dict[str, Any] = {}
    if tree is not None:
        given = labels(tree) if callable(labels) else labels  # a label may stand for a whole branch
        label_of = _by_name(jax.tree.map(lambda label, branch: jax.tree.map(lambda _: label, branch), given, tree))
    left = tuple(name for name in names if label_of.get(name) not in inners)
    if left or tree is None:
        out[()] = left
    for label, (inner, state) in inners.items():
        mine = tuple(name for name in names if label_of.get(name) == label)
        if mine or tree is None:
            for chain, those in _chains(inner.init, inner.update, state, tree, mine).items():
                out[chain] = (*out.get(chain, ()), *those)
    return out


def _joined(
    first: dict[Chain, tuple[str, ...]], second: dict[Chain, tuple[str, ...]], known: bool
) -> dict[Chain, tuple[str, ...]]:
    """Chains, each followed by those that its leaves go through next."""
    out: dict[Chain, tuple[str, ...]] = {}
    for one, these in first.items():
        for other, those in second.items():
            both = tuple(name for name in these if name in set(those))
            if both or not known:
                out[one + other] = (*out.get(one + other, ()), *both)
    return out


def _inner(start: Callable[..., Any], step: Callable[..., Any], what: str) -> Callable[..., Any]:
    """The init that belongs to an update which was wrapped to take extra arguments."""
    wrapped = _held(step).get("tx")
    found: Callable[..., Any] = getattr(wrapped, what, start)
    return found


def _held(function: Any) -> dict[str, Any]:
    """What a function has closed over, by name."""
    if not inspect.isfunction(function):
        return {}
    return dict(inspect.getclosurevars(function).nonlocals)


@dataclass(frozen=True)
class _Told:
    """A chain, told as a rule: the part that holds it, its settings (traced perhaps), and the states it reads."""

    kind: str
    options: Mapping[str, Any]
    numbers: dict[str, Any]
    states: dict[str, Any]


def told(links: Chain) -> _Told:  # noqa: PLR0912 - a branch for each kind of part
    """Tell a chain as one of our rules, or refuse it by naming the part that is not known."""
    rule: Part | None = None
    lr: Any = 1.0
    for link in links:
        unusual = [
            name for name, usual in PLAIN.items()
            if link.name in STATES and name in link.options and not _same(link.options[name], usual)
        ]  # fmt: skip
        if unusual:
            raise _refusal(f"{link.name} with {unusual[0]}={link.options[unusual[0]]}")
        if link.name == "scale":
            lr = lr * link.options["step_size"]
        elif link.name == "set_to_zero":
            lr = lr * 0.0
        elif link.name == "scale_by_schedule":
            count = 0 if link.state is None else link.state.count - 1
            lr = lr * link.options["step_size_fn"](count)
        elif link.name in STATES and rule is None:
            rule, lr = link, 1.0  # what was scaled before is the rule's gradient
        elif link.name == "trace" and rule is not None:
            if link.options["nesterov"]:  # a velocity behind a brake, taken at rest
                ahead = dialect("Nesterov", "optax").rate({}, {"lr": 1.0, "momentum": link.options["decay"]})
                lr = lr * float(ahead)
        elif link.name not in PASSIVE:
            raise _refusal(link.name)
    if rule is None:
        return _Told("sgd", {}, {"lr": -lr}, {})
    words = {"decay": "decay_rate", "b1": "beta1", "b2": "beta2", "eps": "eps", "rho": "rho"}
    numbers: dict[str, Any] = {words[name]: value for name, value in rule.options.items() if name in words}
    if rule.name == "trace":
        numbers = {"momentum": rule.options["decay"]}
    numbers["lr"] = -lr
    states = {}
    if rule.state is not None:
        states = {letter: getattr(rule.state, key) for key, letter in STATES[rule.name].items()}
        if "count" in rule.state._fields:  # every named tuple has a method of that name
            numbers["t"] = rule.state.count
    options = ("nesterov", "eps_in_sqrt", "bias_correction")
    flags = {name: bool(rule.options[name]) for name in options if name in rule.options}
    root = rule.options.get("eps_root", 0.0)
    if isinstance(root, jax.core.Tracer) or not _same(root, 0.0):
        numbers["eps_root"] = root
    numbers["start"] = rule.options.get("initial_accumulator_value", 0.0)
    if rule.name == "scale_by_radam" and flags.get("nesterov"):
        raise _refusal("scale_by_radam with nesterov=True")
    return _Told(rule.name, flags, numbers, states)


def _same(value: Any, usual: Any) -> bool:
    """Whether an option has its usual value; what is traced is taken to have it."""
    return isinstance(value, jax.core.Tracer) or bool(np.all(np.asarray(value) == usual))


def finished(kind: str, flags: Mapping[str, Any], numbers: Mapping[str, Any]) -> tuple[Dialect, dict[str, float]]:
    """On the host: the dialect of a part, and its settings as numbers."""
    given = {name: float(value) for name, value in numbers.items()}
    rooted = "EpsRoot" if given.get("eps_root") else ""
    corrected = "Corrected" if flags.get("bias_correction") else ""
    inside = flags.get("eps_in_sqrt")
    match kind:
        case "sgd":
            return dialect("SGD", "optax"), given
        case "trace":
            return dialect("Nesterov" if flags["nesterov"] else "Momentum", "optax"), given
        case "scale_by_radam":
            given["rectified"] = rules.rectification(given["beta2"], given.get("t", 1.0))
            which = dialect(f"RAdam{rooted}", "optax")
            return (which if given["rectified"] else replace(which, recipe=recipe(rules.radam_start))), given
        case "scale_by_adam" if flags["nesterov"]:
            beta1, t = given["beta1"], given.get("t", 1.0)
            given |= {"mu": beta1, "mu_next": beta1, "mu_product": beta1**t}
            return dialect(f"NAdam{rooted}", "optax"), given
    names = {
        "scale_by_rss": "Adagrad",
        "scale_by_rms": f"{corrected}RMSprop",
        "scale_by_stddev": f"{corrected}CentredRMSprop",
        "scale_by_adadelta": "Adadelta",
        "scale_by_adam": f"Adam{rooted}",
        "scale_by_amsgrad": f"AMSGrad{rooted}",
        "scale_by_adamax": "Adamax",
    }
    return dialect(names[kind], "optax", eps_inside=inside), given


def _refusal(what: str) -> BadInput:
    return BadInput(
        f"a sensor knows chains of optax made of {', '.join(STATES)}, scale, scale_by_schedule, set_to_zero, "
        f"{', '.join(PASSIVE)}, for all leaves or by masked and multi_transform",
        what,
        "watch the chain without this part, or another optimizer",
    )


class OptaxSensor(Sensor):
    """A sensor on a transformation of optax; ``sensor.optimizer`` is the transformation to use."""

    library = "optax"

    def __init__(self, optimizer: Any, names: Any, **options: Any) -> None:
        self._steps = _multi_steps(optimizer)
        if isinstance(optimizer, optax.MultiSteps):
            optimizer = optimizer.gradient_transformation()
        self._inner = optax.with_extra_args_support(optimizer)
        self._chained = optimizer if self._steps is None else self._steps.inner_opt
        every = [
            told(chain) for chain in chains(self._chained.init, self._chained.update)
        ]  # refuses what it does not know
        # The first that has states is what the training is called after.
        first = max(every, key=lambda one: len(STATES.get(one.kind, ())) > 0)
        super().__init__(optimizer, patterns=[names] if isinstance(names, str) else names, **options)
        which, numbers = finished(first.kind, first.options, first.numbers)
        made = [finished(one.kind, one.options, one.numbers)[0] for one in every]
        self.trail.states = tuple(dict.fromkeys([*which.states, *(letter for one in made for letter in one.states)]))
        known = {name: value for name, value in numbers.items() if name in _WORDS}
        self.trail.meta |= {
            "library": "optax",
            "optimizer": which.name,
            "settings": known | ({"initial_accumulator": numbers["start"]} if which.name == "Adagrad" else {}),
            "lr": numbers["lr"],
            "brake": which.brake,
        }
        self.optimizer = optax.GradientTransformationExtraArgs(self._init, self._update)
        self._every = self.trail.every

    def flush(self) -> None:
        """Wait until every reading of the updates so far has arrived in the trail."""
        jax.effects_barrier()  # type: ignore[no-untyped-call]

    def _init(self, params: Any) -> WatchState:
        return WatchState(jnp.zeros((), jnp.int32), self._inner.init(params))

    def _update(self, updates: Any, state: WatchState, params: Any = None, **extra: Any) -> tuple[Any, WatchState]:
        loss = extra.get("loss", extra.get("value"))
        inner = {name: value for name, value in extra.items() if name != "loss"}
        given, fresh = self._inner.update(updates, state.inner, params, **inner)
        count = state.count + 1
        if self.attached:
            with self.guarded():
                if self._steps is None:
                    self._tell(count, updates, given, params, fresh, loss, None)
                else:  # an update is what it does with the gradients that it has gathered
                    gathered = _gathered(self._steps, updates, state.inner)
                    happens = fresh.gradient_step != state.inner.gradient_step
                    inner = fresh.inner_opt_state
                    self._tell(fresh.gradient_step, gathered, given, params, inner, loss, happens)
        return given, WatchState(count, fresh)

    def _tell(self, count: Any, gradients: Any, updates: Any, params: Any, state: Any, loss: Any, happens: Any) -> None:
        if params is None:
            raise BadInput("a sensor needs the parameters", None, "call update(grads, state, params)")
        watched = {_path(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(params)[0]}
        moved, pushed = _by_name(updates), {name: opposite(leaf) for name, leaf in _by_name(gradients).items()}
        groups: list[_Group] = []
        for chain, members in chains(self._chained.init, self._chained.update, state, params).items():
            names = [name for name in members if self.watches(name) and name in moved and name in pushed]
            if names:
                groups.append(_Group.of(told(chain), names))
        groups.sort(key=lambda group: list(watched).index(group.names[0]))
        # As `optax.apply_updates` does it, and outside of any branch: so XLA takes both for one, and the updates
        # themselves get no further reader, for which it would compile them in another way.
        after = {
            name: jnp.asarray(watched[name] + moved[name]).astype(jnp.asarray(watched[name]).dtype)
            for group in groups
            for name in group.names
        }

        def looks() -> Any:
            made = {}
            for group in groups:
                for name in group.names:
                    own = {letter: tree[name] for letter, tree in group.states.items() if name in tree}
                    made[name] = payload(watched[name], after[name], pushed[name], own, group.whole)
            return {
                "looks": made,
                "numbers": [group.changing for group in groups],
                "loss": jnp.asarray(jnp.nan if loss is None else loss),
            }

        def record(step: Any, given: Any) -> None:
            if not self.attached:
                return
            with self.guarded():
                self.step = int(step) - 1
                if not self.due:  # the trail has thinned since this was compiled
                    return
                seen: list[tuple[Subject, Look, Mapping[str, float]]] = []
                for group, changed in zip(groups, given["numbers"], strict=True):
                    chain = group.chain
                    which, numbers = finished(chain.kind, chain.options, {**group.constants, **changed})
                    for name in group.names:
                        shape = tuple(watched[name].shape)
                        first = next((tree[name] for tree in group.states.values() if name in tree), watched[name])
                        subject = Subject(name, shape, which, str(first.dtype), numbers.get("start", 0.0))
                        seen.append((subject, to_look(given["looks"][name]), numbers))
                self.loss = float(given["loss"])
                self.step = int(step)
                self.record(self.step, seen)

        def remember(step: Any, given: Any) -> None:
            if self.attached:
                with self.guarded():
                    for name, gradient in given.items():
                        self.remember(name, gradient_sample(gradient), int(step))

        report(
            count,
            self._every,
            looks,
            lambda: {name: sampled(pushed[name]) for group in groups for name in group.names},
            record,
            remember,
            happens,
        )


def _multi_steps(optimizer: Any) -> optax.MultiSteps | None:
    """What gathers gradients over several calls, if that is what a transformation does."""
    found = optimizer if isinstance(optimizer, optax.MultiSteps) else getattr(optimizer.update, "__self__", None)
    return found if isinstance(found, optax.MultiSteps) else None


def _gathered(steps: optax.MultiSteps, gradients: Any, state: Any) -> Any:
    """The gradient that an update is made of: that of this call, together with those of the calls before it."""

    def both(new: Any, old: Any) -> Any:
        return steps._acc_update(new, old, n_acc=state.mini_step).astype(new.dtype)

    return jax.tree.map(both, gradients, state.acc_grads)


@dataclass(frozen=True)
class _Group:
    """Leaves that go through one chain: what it is, its states by leaf, and its settings.

    What does not change keeps its double precision on the host; ``changing`` comes out of the compiled function.
    """

    chain: _Told
    names: list[str]
    states: dict[str, dict[str, Any]]
    whole: tuple[str, ...]
    constants: dict[str, Any]
    changing: dict[str, Any]

    @classmethod
    def of(cls, chain: _Told, names: list[str]) -> _Group:
        which, _ = finished(chain.kind, chain.options, dict.fromkeys(chain.numbers, 0.5))
        whole = which.rate_states if len(which.rate_states) > 1 else ()
        constants = {name: value for name, value in chain.numbers.items() if isinstance(value, int | float)}
        changing = {name: value for name, value in chain.numbers.items() if name not in constants}
        states = {letter: _by_name(tree) for letter, tree in chain.states.items()}
        return cls(chain, names, states, whole, constants, changing)


_WORDS = ("lr", "momentum", "decay_rate", "rho", "beta1", "beta2", "eps", "eps_root")


def _path(path: Any) -> str:
    """The name of a leaf: its keys, joined by slashes."""
    return "/".join(str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path) or "w"


def _by_name(tree: Any) -> dict[str, Any]:
    return {_path(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}
