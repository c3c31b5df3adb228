"""PyTorch: a sensor on ``torch.optim``, through the hooks that every optimizer there has before and after its step.

Each optimizer is told as one of our rules, group by group; its states are read where PyTorch keeps them. The looks are
taken in tensors, on the device where they lie, so that what comes to the CPU is small.
"""

from __future__ import annotations

import gc
import inspect
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from torch import Tensor

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor import sweep
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect, dialect
from nukarumi.sensor.look import Look, Sample, Subject
from nukarumi.trail.reading import norm as exact_norm
from nukarumi.trail.reading import positions

__all__ = ["KNOWN", "Kept", "Tensors", "TorchSensor", "Touched", "known", "module_names"]

BLOCK = 4096
Samples: TypeAlias = Sample

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
    naming = "; an optimizer that is made of model.named_parameters() knows the model's names"

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
        self._groups: list[tuple[Mapping[str, Any], list[Tensor]]] = []
        self._watched: list[tuple[str, Tensor, Mapping[str, Any]]] = []
        self._before: dict[int, Kept] = {}
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
        if all(group.get("maximize") for group in groups):  # the loss is to grow: `nukarumi.sensor.ending.loss_of`
            self.trail.meta["maximize"] = True

    def _release(self) -> None:
        for hook in self._hooks:
            hook.remove()
        self._tensors.clear()
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

    def _parameters(self) -> list[tuple[str, Tensor, Mapping[str, Any]]]:
        """Name, parameter and group of everything that is watched; worked out anew when these are others.

        ``load_state_dict`` puts new groups in the place of the old ones.
        """
        groups = self.optimizer.param_groups
        if not _same_groups(self._groups, groups):
            self._groups, self._watched = [(group, list(group["params"])) for group in groups], []
            for g, group in enumerate(groups):
                for k, parameter in enumerate(group["params"]):
                    name = self.name_of(parameter, group, (g, k))
                    if self.watches(name) and parameter.is_floating_point():
                        self._watched.append((name, parameter, group))
        return self._watched

    # The hooks --------------------------------------------------------------------------------------------------------

    def _pre(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        self._recording_now = self.attached and self.due
        if not self._recording_now:
            return
        with self.guarded(), torch.no_grad():
            self._before, self._fresh = {}, set()
            given, state = [one for one in self._parameters() if _there(one[1])], self.optimizer.state
            watched = [parameter for _, parameter, _ in given]
            if any(group.get("dampening") for group in self.optimizer.param_groups):
                self._fresh = {id(p) for _, p, _ in given if state.get(p, {}).get("momentum_buffer") is None}
            lazy = self._known in TOUCHED_ROWS_ONLY
            rows = {k: _rows(p.grad) for k, p in enumerate(watched) if lazy and p.grad is not None and p.grad.is_sparse}
            self._before = dict(zip(map(id, watched), self._tensors.keep(watched, rows), strict=True))

    def _post(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if not self.attached:
            return
        self.step += 1
        if not (self._recording_now or self.due):  # nearly all updates end here
            self.loss = None
            return
        with self.guarded(), torch.no_grad():
            if self._recording_now:
                self._recording_now = False
                self._record()
            else:
                self.loss = None
                # The next one is recorded, and its cosine looks back at this gradient.
                given = [(name, p.grad) for name, p, _ in self._parameters() if p.grad is not None]
                samples = self._tensors.gradient_samples([gradient for _, gradient in given])
                for (name, _), sample in zip(given, samples, strict=True):
                    self.remember(name, sample, self.step)

    def _record(self) -> None:
        subjects: list[tuple[Subject, Mapping[str, float]]] = []
        seen: list[Touched] = []
        keys = STATES[self._known]
        every: dict[Any, _Told] = {}
        for name, parameter, group in self._watched:
            kept = self._before.get(id(parameter))
            if parameter.grad is None or kept is None:
                continue
            state = self.optimizer.state.get(parameter, {})
            own = id(group), id(parameter) in self._fresh, _same(state.get("step")), _same(state.get("mu_product"))
            one = every.get(own)
            if one is None:
                one = every[own] = told(self._known, group, state, own[1])
            states = {
                letter: state[key]
                for key, letter in keys.items()
                if isinstance(state.get(key), Tensor) and letter in one.dialect.states
            }
            dtype = next(iter(states.values()), parameter).dtype
            subjects.append((Subject(name, parameter.shape, one.dialect, _name(dtype), one.start), one.settings))
            seen.append(Touched(kept, parameter.detach(), parameter.grad, states, one.dialect))
        self._before = {}
        if self.loss is not None and isinstance(self.loss, Tensor):
            self.loss = self.loss.detach().item()
        looks = self._tensors.looks(seen)
        self.record(self.step, [(subject, look, own) for (subject, own), look in zip(subjects, looks, strict=True)])


def _rows(gradient: Tensor) -> Tensor:
    """The rows for which a sparse gradient has an entry."""
    rows: Tensor = torch.unique(gradient.coalesce().indices()[0])
    return rows


def _there(tensor: Tensor) -> bool:
    """Whether a tensor has memory; some of those who split a model over processes take it away between uses."""
    plain = type(tensor) in (Tensor, torch.nn.Parameter) and tensor.layout is torch.strided
    return not plain or not tensor.numel() or tensor.untyped_storage().nbytes() > 0


def _same_groups(known: Sequence[tuple[Any, list[Tensor]]], groups: Sequence[Any]) -> bool:
    """Whether these groups, with their parameters, are the known ones themselves."""
    return len(known) == len(groups) and all(
        group is one and len(group["params"]) == len(own) and all(map(operator.is_, group["params"], own))
        for (one, own), group in zip(known, groups, strict=True)
    )


def _same(number: Any) -> float | None:
    return None if number is None else float(number)


@cache
def _name(dtype: torch.dtype) -> str:
    return str(dtype).partition(".")[2]


class Kept(NamedTuple):
    """A parameter before the update: a copy, or one of some rows alone; which these are, and its sample, if taken.

    Where a sweep took the copy, ``dtype`` and ``at`` say of what type the parameter was and where it lay.
    """

    copy: Tensor
    rows: Tensor | None = None
    sample: Samples | None = None
    dtype: str = ""
    at: int = 0


class Touched(NamedTuple):
    """A parameter around one update: kept from before, after it, its gradient, its states, and what updates it."""

    kept: Kept
    after: Tensor
    gradient: Tensor
    states: Mapping[str, Tensor]
    dialect: Dialect


class Tensors:
    """Looks at tensors.

    What lies on the CPU in float32 or float64, one entry behind the other, is looked at in one sweep
    (`nukarumi.sensor.sweep`); all else one tensor at a time, on the device where it lies. Memory is used again from
    reading to reading.
    """

    def __init__(self) -> None:
        self._where: dict[tuple[int, torch.device], Tensor] = {}
        self._copies: dict[int, Tensor] = {}
        self._swept: dict[Any, tuple[sweep.Copies, list[Tensor]]] = {}
        self._sweeps = sweep.Sweeps()
        self._samples: dict[Any, sweep.Samples] = {}

    def clear(self) -> None:
        """Give the memory back."""
        self.__init__()  # type: ignore[misc]

    def keep(self, tensors: Sequence[Tensor], rows: Mapping[int, Tensor]) -> list[Kept]:
        """Keep tensors as they are before an update.

        Parameters
        ----------
        tensors
            The parameters.
        rows
            For some of them, by their place, the rows that alone will change.
        """
        kept: dict[int, Kept] = {}
        for dtype, places in _alike(tensors, lambda k: "" if k in rows else _dtype(tensors[k])).items():
            run = sweep.loop(dtype) if dtype else None
            if run is None:
                kept |= {k: self._kept(k, tensors[k].detach(), rows.get(k)) for k in places}
                continue
            shapes = tuple(tensors[k].shape for k in places)
            found = self._swept.get((dtype, *places))
            if found is None or tuple(copy.shape for copy in found[1]) != shapes:
                copies = sweep.Copies(run, dtype, [tensors[k].numel() for k in places])
                views = [torch.from_numpy(flat).view(shape) for flat, shape in zip(copies.arrays, shapes, strict=True)]
                found = self._swept[dtype, *places] = copies, views
            where = [tensors[k].data_ptr() for k in places]
            found[0].take(where, torch.get_num_threads())
            kept |= {k: Kept(copy, dtype=dtype, at=at) for k, copy, at in zip(places, found[1], where, strict=True)}
        return [kept[k] for k in range(len(tensors))]

    def _kept(self, place: int, tensor: Tensor, rows: Tensor | None) -> Kept:
        first = self.sample(tensor)
        if rows is not None:
            return Kept(tensor.index_select(0, rows), rows, first)
        copy = self._copies.get(place)
        if copy is None or copy.shape != tensor.shape or copy.dtype != tensor.dtype or copy.device != tensor.device:
            copy = self._copies[place] = tensor.clone(memory_format=torch.contiguous_format)
        else:
            copy.copy_(tensor)
        return Kept(copy, None, first)

    def looks(self, seen: Sequence[Touched]) -> list[Look]:
        """Take looks at parameters; what was kept of them is overwritten."""
        found: dict[int, Look] = {}
        for (dtype, letters), places in _alike(seen, lambda k: _kind(seen[k])).items():
            run = sweep.loop(dtype) if dtype else None
            if run is not None:
                some = [seen[k] for k in places]
                sizes = tuple(one.after.numel() for one in some)
                made = self._sweeps.of(run, dtype, sizes, letters).look(
                    [one.kept.copy.data_ptr() for one in some],
                    [one.after.data_ptr() for one in some],
                    [one.gradient.data_ptr() for one in some],
                    [[one.states[letter].data_ptr() for one in some] for letter in letters],
                    letters,
                    torch.get_num_threads(),
                )
                for k, one, look in zip(places, some, made, strict=True):
                    if look is not None:
                        look.whole = _whole(one)
                        found[k] = look
            found |= {k: self._look(seen[k]) for k in places if k not in found}
        return [found[k] for k in range(len(seen))]

    def gradient_samples(self, gradients: Sequence[Tensor]) -> list[Samples]:
        """Take the samples of gradients."""
        found: dict[int, Samples] = {}
        for dtype, places in _alike(gradients, lambda k: _dtype(gradients[k])).items():
            run = sweep.loop(dtype) if dtype else None
            if run is None:
                found |= {k: self.gradient_sample(gradients[k]) for k in places}
                continue
            sizes = tuple(gradients[k].numel() for k in places)
            if (dtype, sizes) not in self._samples:
                if len(self._samples) >= sweep.Sweeps.MOST:  # other parameters have gradients every time
                    self._samples.clear()
                self._samples[dtype, sizes] = sweep.Samples(run, dtype, sizes)
            taken = self._samples[dtype, sizes].take([gradients[k].data_ptr() for k in places])
            found |= dict(zip(places, taken, strict=True))
        return [found[k] for k in range(len(gradients))]

    def _look(self, seen: Touched) -> Look:
        """Take a look at one parameter, in its own tensors."""
        kept, after, gradient, states, _ = seen
        before = self.sample(kept.copy) if kept.sample is None else kept.sample
        if gradient.is_sparse:
            gradient = gradient.coalesce()
        values = gradient.values() if gradient.is_sparse else gradient
        moved = after if kept.rows is None else after.index_select(0, kept.rows)
        half = after.element_size() < 4  # differences of such types are taken in float32, so that they stay exact
        step = moved.float().sub_(kept.copy.float()) if half else torch.sub(moved, kept.copy, out=kept.copy)
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
        return Look(
            norms,
            counts,
            self.gradient_sample(gradient),
            before,
            self.sample(after),
            {letter: self.sample(state) for letter, state in states.items()},
            ends,
            _whole(seen),
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


Key = TypeVar("Key")


def _alike(things: Sequence[Any], key: Callable[[int], Key]) -> dict[Key, list[int]]:
    """The places of things that have the same key."""
    found: dict[Key, list[int]] = {}
    for k in range(len(things)):
        found.setdefault(key(k), []).append(k)
    return found


def _dtype(tensor: Tensor) -> str:
    """The type of a tensor that a sweep can read; "" for any other tensor."""
    dtype = _SWEPT.get(tensor.dtype)
    if type(tensor) not in (Tensor, torch.nn.Parameter):  # who knows where a tensor of another kind keeps its numbers
        return ""
    if dtype is None or tensor.layout is not torch.strided or not tensor.is_cpu or not tensor.is_contiguous():
        return ""
    return dtype if tensor.numel() and not tensor.is_neg() else ""


_SWEPT = {torch.float32: "float32", torch.float64: "float64"}


def _kind(seen: Touched) -> tuple[str, tuple[str, ...]]:
    """The type and the states' letters of a parameter that a sweep can read; "" and none for any other."""
    kept, after = seen.kept, seen.after
    dtype, size = kept.dtype, kept.copy.numel()
    same = dtype and kept.at == after.data_ptr() and after.numel() == size and after.is_contiguous()
    if not same:  # exchanged within the step
        return "", ()
    for array in (seen.gradient, *seen.states.values()):
        if _dtype(array) != dtype or array.numel() != size:
            return "", ()
    return dtype, tuple(seen.states)


def _whole(seen: Touched) -> dict[str, Any]:
    """The states in full, where the rate hangs on more than one."""
    wanted = seen.dialect.rate_states
    if len(wanted) < 2:
        return {}
    return {letter: seen.states[letter].double().cpu().numpy() for letter in wanted if letter in seen.states}


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
