"""PyTorch: a sensor on ``torch.optim``, through the hooks that every optimizer there has before and after its step.

Each optimizer is told as one of our rules, group by group; its states are read where PyTorch keeps them. The looks are
taken in tensors, on the device where they lie, so that what comes to the CPU is small.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect, dialect
from nukarumi.sensor.look import Look, Subject
from nukarumi.trail.reading import norm as exact_norm
from nukarumi.trail.reading import positions

__all__ = ["KNOWN", "Tensors", "TorchSensor", "known", "module_names"]

BLOCK = 4096
Samples: TypeAlias = NDArray[np.float64]

STATES: dict[str, dict[str, str]] = {
    "SGD": {"momentum_buffer": "v"},
    "Adagrad": {"sum": "h"},
    "RMSprop": {"square_avg": "h", "grad_avg": "m"},
    "Adadelta": {"square_avg": "h", "acc_delta": "d"},
    "Adam": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "u"},
    "AdamW": {"exp_avg": "m", "exp_avg_sq": "v", "max_exp_avg_sq": "u"},
    "NAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
    "RAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
    "Adamax": {"exp_avg": "m", "exp_inf": "u"},
    "SparseAdam": {"exp_avg": "m", "exp_avg_sq": "v"},
}
"""Where PyTorch keeps each state, and our letter for it."""

KNOWN = tuple(STATES)
"""The optimizers of ``torch.optim`` that are known here."""

TOUCHED_ROWS_ONLY = ("Adagrad", "SparseAdam")
"""Optimizers that leave the rows of a table alone for which a sparse gradient has no entry."""


def known(optimizer: Any) -> str | None:
    """Give the name in `KNOWN` of an optimizer, or None. A subclass counts if it steps as its parent does."""
    for name in KNOWN:
        cls = getattr(torch.optim, name)
        if isinstance(optimizer, cls) and inspect.unwrap(type(optimizer).step) is inspect.unwrap(cls.step):
            if name == "Adam" and isinstance(optimizer, torch.optim.AdamW):
                continue
            return name
    return None


@dataclass(frozen=True)
class _Told:
    """One parameter's optimizer, told as a rule."""

    dialect: Dialect
    settings: dict[str, float]
    start: float = 0.0


def told(name: str, group: Mapping[str, Any], state: Mapping[str, Any], fresh: bool = False) -> _Told:
    """Tell what a group does to a parameter as one of our rules with its settings.

    Parameters
    ----------
    name
        One of `KNOWN`.
    group
        The parameter group.
    state
        The state of the parameter after the update.
    fresh
        Whether this update was the first of a momentum buffer, which PyTorch does not dampen.
    """
    lr = float(group["lr"])
    t = float(state.get("step", 1.0))
    made: dict[str, float] = {"lr": lr}
    match name:
        case "SGD":
            return _told_sgd(group, made, fresh)
        case "Adagrad":
            made = {"lr": rules.decayed_lr(lr, float(group["lr_decay"]), t), "eps": group["eps"]}
            return _Told(dialect("Adagrad", "torch"), made, float(group["initial_accumulator_value"]))
        case "RMSprop":
            made |= {"decay_rate": group["alpha"], "eps": group["eps"]}
            return _Told(dialect("CentredRMSprop" if group["centered"] else "RMSprop", "torch"), made)
        case "Adadelta":
            return _Told(dialect("Adadelta", "torch"), made | {"rho": group["rho"], "eps": group["eps"]})
        case _:
            return _told_adam(name, group, state, made, t)


def _told_adam(
    name: str, group: Mapping[str, Any], state: Mapping[str, Any], made: dict[str, float], t: float
) -> _Told:
    beta1, beta2 = map(float, group["betas"])
    made |= {"beta1": beta1, "beta2": beta2, "eps": float(group["eps"]), "t": t}
    if name == "NAdam":
        psi = float(group["momentum_decay"])
        made["mu"], made["mu_next"] = (rules.nadam_momentum(beta1, psi, step) for step in (t, t + 1))
        made["mu_product"] = float(state.get("mu_product", made["mu"]))
    elif name == "RAdam":
        made["rectified"] = rules.rectification(beta2, t)
        if not made["rectified"]:
            return _Told(replace(dialect("RAdam", "torch"), recipe=recipe(rules.radam_start)), made)
    elif name == "SparseAdam":
        return _Told(dialect("Adam", "book"), made)
    elif name == "AdamW":
        made["weight_decay"] = float(group["weight_decay"])
    return _Told(dialect("AMSGrad" if group.get("amsgrad") else name, "torch"), made)


def _told_sgd(group: Mapping[str, Any], made: dict[str, float], fresh: bool) -> _Told:
    if not group["momentum"]:
        return _Told(dialect("SGD", "torch"), made)
    made["momentum"] = float(group["momentum"])
    which = dialect("Nesterov" if group["nesterov"] else "Momentum", "torch")
    if group["dampening"]:  # the share of the gradient that reaches the buffer: a stage of ours
        made["scale"] = 1.0 if fresh else 1.0 - float(group["dampening"])
        which = replace(which, recipe=recipe(which.recipe.rule, ("scaled",)))
    return _Told(which, made)


class TorchSensor(Sensor):
    """A sensor on an optimizer of ``torch.optim``."""

    library = "torch"

    def __init__(self, optimizer: torch.optim.Optimizer, names: Any, **options: Any) -> None:
        name = known(optimizer)
        if name is None:
            raise BadInput(
                f"a sensor knows these optimizers of torch.optim: {', '.join(KNOWN)}",
                f"{type(optimizer).__module__}.{type(optimizer).__qualname__}",
                "use one of them; a subclass must not have a step of its own",
            )
        self._known = name
        named, patterns = _named(names)
        super().__init__(optimizer, patterns=patterns, **options)
        self._names: dict[int, str] = named
        self._taken: set[str] = set()
        self._copies: dict[int, Tensor] = {}
        self._before: dict[int, tuple[Tensor, Tensor | None, Samples]] = {}
        self._fresh: set[int] = set()
        self._recording_now = False
        self._tensors = Tensors()
        self._describe()
        self._hooks = [
            optimizer.register_step_pre_hook(self._pre),
            optimizer.register_step_post_hook(self._post),
        ]

    def _describe(self) -> None:
        groups = self.optimizer.param_groups
        every = [told(self._known, group, {}) for group in groups]
        first = every[0]
        letters = [letter for one in every for letter in one.dialect.states]
        self.trail.states = tuple(dict.fromkeys(letters))
        words = ("lr", "eps", "momentum", "decay_rate", "rho", "beta1", "beta2", "weight_decay")
        settings = {name: value for name, value in first.settings.items() if name in words}
        settings["lr"] = float(groups[0]["lr"])
        if self._known == "Adagrad":
            settings |= {"initial_accumulator": first.start, "lr_decay": float(groups[0]["lr_decay"])}
        if groups[0].get("weight_decay"):
            settings["weight_decay"] = float(groups[0]["weight_decay"])
        self.trail.meta |= {
            "library": "torch",
            "optimizer": first.dialect.name,
            "settings": settings,
            "lr": settings["lr"],
            "brake": first.dialect.brake,
        }

    def _release(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._copies.clear()
        self._before.clear()

    def name_of(self, parameter: Tensor, group: Mapping[str, Any], place: tuple[int, int]) -> str:
        """Give a parameter its name: the one handed in, the optimizer's own, or ``group.index``."""
        key = id(parameter)
        if key not in self._names:
            own = group.get("param_names")
            wish = str(own[place[1]]) if own is not None else f"param{place[0]}.{place[1]}"
            while wish in self._taken:
                wish += "'"
            self._names[key] = wish
        name = self._names[key]
        self._taken.add(name)
        return name

    def _parameters(self) -> Iterable[tuple[str, Tensor, Mapping[str, Any]]]:
        for g, group in enumerate(self.optimizer.param_groups):
            for k, parameter in enumerate(group["params"]):
                name = self.name_of(parameter, group, (g, k))
                if self.watches(name) and parameter.is_floating_point():
                    yield name, parameter, group

    # The hooks --------------------------------------------------------------------------------------------------------

    def _pre(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._recording_now = self.attached and self.due
        if not self._recording_now:
            return
        with self.guarded(), torch.no_grad():
            self._before, self._fresh = {}, set()
            for _, parameter, _group in self._parameters():
                if self.optimizer.state.get(parameter, {}).get("momentum_buffer") is None:
                    self._fresh.add(id(parameter))
                self._before[id(parameter)] = (*self._kept(parameter), self._tensors.sample(parameter))

    def _kept(self, parameter: Tensor) -> tuple[Tensor, Tensor | None]:
        """A copy of the parameter, or of the rows alone that a sparse gradient will touch, and which these are."""
        gradient = parameter.grad
        if gradient is not None and gradient.is_sparse and self._known in TOUCHED_ROWS_ONLY:
            rows = torch.unique(gradient.coalesce().indices()[0])
            return parameter.detach().index_select(0, rows), rows
        copy = self._copies.get(id(parameter))
        if copy is None or copy.shape != parameter.shape or copy.dtype != parameter.dtype:
            copy = self._copies[id(parameter)] = parameter.detach().clone(memory_format=torch.contiguous_format)
        else:
            copy.copy_(parameter.detach())
        return copy, None

    def _post(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self.attached:
            return
        self.step += 1
        if not (self._recording_now or self.due):  # nearly all updates end here
            return
        with self.guarded(), torch.no_grad():
            if self._recording_now:
                self._recording_now = False
                self._record()
            else:  # the next one is recorded, and its cosine looks back at this gradient
                for name, parameter, _ in self._parameters():
                    if parameter.grad is not None:
                        self.remember(name, self._tensors.gradient_sample(parameter.grad), self.step)

    def _record(self) -> None:
        looks: list[tuple[Subject, Look, Mapping[str, float]]] = []
        for name, parameter, group in self._parameters():
            if parameter.grad is None or id(parameter) not in self._before:
                continue
            state = self.optimizer.state.get(parameter, {})
            one = told(self._known, group, state, id(parameter) in self._fresh)
            states = {
                letter: state[key]
                for key, letter in STATES[self._known].items()
                if isinstance(state.get(key), Tensor) and letter in one.dialect.states
            }
            dtype = next(iter(states.values()), parameter).dtype
            subject = Subject(name, tuple(parameter.shape), one.dialect, str(dtype).partition(".")[2], one.start)
            kept, rows, before = self._before[id(parameter)]
            seen = self._tensors.look(
                kept, parameter.detach(), parameter.grad, states, one.dialect, before=before, rows=rows
            )
            looks.append((subject, seen, one.settings))
        self._before = {}
        if self.loss is not None and isinstance(self.loss, Tensor):
            self.loss = self.loss.detach().item()
        self.record(self.step, looks)


class Tensors:
    """Looks at tensors; it remembers where the samples are taken, on each device."""

    def __init__(self) -> None:
        self._where: dict[tuple[int, torch.device], Tensor] = {}

    def look(
        self,
        kept: Tensor,
        after: Tensor,
        gradient: Tensor,
        states: Mapping[str, Tensor],
        which: Dialect,
        *,
        before: Samples,
        rows: Tensor | None = None,
    ) -> Look:
        """Take a look at one parameter; see `nukarumi.sensor.look.Look`.

        Parameters
        ----------
        kept
            A copy of the parameter before the update; it is overwritten.
        after
            The parameter after it.
        gradient
            Its gradient, dense or sparse.
        states
            The states, by letter.
        which
            What the optimizer does.
        before
            The sample of the parameter before the update.
        rows
            If ``kept`` holds some rows only: which.
        """
        if gradient.is_sparse:
            gradient = gradient.coalesce()
        values = gradient.values() if gradient.is_sparse else gradient
        moved = after if rows is None else after.index_select(0, rows)
        half = kept.element_size() < 4  # differences of such types are taken in float32, so that they stay exact
        step = moved.float().sub_(kept.float()) if half else torch.sub(moved, kept, out=kept)
        norms = _norm(values), _norm(step), _norm(after)
        ends: dict[str, tuple[float, float]] = {}
        broken = 0
        for letter, state in states.items():
            low, high = map(float, torch.aminmax(state)) if state.numel() else (np.nan, np.nan)
            ends[letter] = low, high
            if state.numel() and not np.isfinite(low + high):
                broken += _nonfinite(state)
        counts = (
            0 if np.isfinite(norms[0]) else _nonfinite(values),
            0 if np.isfinite(norms[2]) else _nonfinite(after),
            broken,
        )
        whole = which.rate_states if len(which.rate_states) > 1 else ()
        return Look(
            norms,
            counts,
            self.gradient_sample(gradient),
            before,
            self.sample(after),
            {letter: self.sample(state) for letter, state in states.items()},
            ends,
            {letter: states[letter].double().cpu().numpy() for letter in whole if letter in states},
        )

    def sample(self, tensor: Tensor) -> Samples:
        """Give the trail's sample of a tensor; see `nukarumi.trail.reading.sample`."""
        flat = tensor.detach().reshape(-1)
        size = flat.numel()
        if len(positions(size)) < size:
            flat = flat[self._positions(size, tensor.device)]
        return np.array(flat.to("cpu", torch.float64).numpy())

    def gradient_sample(self, gradient: Tensor) -> Samples:
        """Give the same sample of a gradient; one that is sparse is 0 where it has no entry."""
        if not gradient.is_sparse:
            return self.sample(gradient)
        gradient = gradient.coalesce()
        where = self._positions(gradient.numel(), gradient.device)
        outer = gradient.sparse_dim()
        width = int(np.prod(gradient.shape[outer:], dtype=np.int64))
        rows = torch.zeros_like(gradient.indices()[0])
        for k in range(outer):  # the number of each touched row, counted in C order
            rows = rows * gradient.shape[k] + gradient.indices()[k]
        if not len(rows):
            return np.zeros(len(where))
        wanted = torch.div(where, width, rounding_mode="floor")
        found = torch.searchsorted(rows, wanted).clamp(max=len(rows) - 1)
        values = gradient.values().reshape(len(rows), width)[found, where % width]
        values = torch.where(rows[found] == wanted, values, torch.zeros_like(values))
        return np.array(values.to("cpu", torch.float64).numpy())

    def _positions(self, size: int, device: torch.device) -> Tensor:
        key = size, device
        if key not in self._where:
            self._where[key] = torch.from_numpy(positions(size).astype(np.int64)).to(device)
        return self._where[key]


def _norm(tensor: Tensor) -> float:
    """The Euclidean norm to about seven digits, in one pass; in double precision where that could leave the range."""
    if tensor.dtype == torch.float32 and tensor.is_contiguous() and tensor.numel() > BLOCK:
        flat = tensor.detach().view(-1)
        whole = flat.numel() // BLOCK * BLOCK
        parts = torch.linalg.vector_norm(flat[:whole].view(-1, BLOCK), dim=1).cpu().numpy().astype(np.float64)
        rest = flat[whole:].cpu().numpy().astype(np.float64)
        norm = float(np.sqrt(np.sum(np.square(parts)) + np.sum(np.square(rest))))
        if 1e-15 < norm < 1e15:
            return norm
    norm = float(torch.linalg.vector_norm(tensor.detach().double()))
    return norm if 1e-140 < norm < np.inf else exact_norm(tensor.detach().to("cpu", torch.float64).numpy())


def _nonfinite(tensor: Tensor) -> int:
    return int(tensor.numel() - torch.isfinite(tensor).sum().item())


def _named(names: Any) -> tuple[dict[int, str], tuple[str, ...] | None]:
    """Take names as a module, a mapping, or pairs of name and parameter; or patterns of names to watch."""
    if names is None:
        return {}, None
    if isinstance(names, torch.nn.Module):
        names = names.named_parameters()
    if isinstance(names, Mapping):
        names = names.items()
    listed: list[Any] = [names] if isinstance(names, str) else list(names)
    if all(isinstance(name, str) for name in listed):
        return {}, tuple(listed)
    if all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[1], Tensor) for pair in listed):
        return {id(parameter): str(name) for name, parameter in listed}, None
    raise BadInput(
        "names must be a module, pairs of name and parameter, or patterns", f"{names!r:.80}", "pass names=model"
    )


def module_names(parameters: Iterable[Tensor]) -> dict[str, Tensor]:
    """Find the module that a script has made of these parameters, and name them as it does."""
    wanted = {id(parameter): parameter for parameter in parameters}
    best: dict[str, Tensor] = {}
    for thing in gc.get_objects():
        if issubclass(type(thing), torch.nn.Module):
            found = {name: p for name, p in thing.named_parameters() if id(p) in wanted}
            if len(found) > len(best):
                best = found
    return best
