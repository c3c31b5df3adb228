"""``update(params, grads)``: check everything, then change everything, in place.

An optimizer holds state; the arithmetic is a function of ``rules.py``; how it is run over arrays is the engine's
matter. What is worked out about a set of parameters (types, layouts, groups of equal settings) is kept as a *plan*
for as long as the same arrays come back.
"""

from __future__ import annotations

import fnmatch
import os
import warnings
import weakref
from bisect import bisect_left
from collections.abc import Callable, Mapping, MutableMapping
from operator import is_not
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypedDict

import numpy as np

from nukarumi import rules
from nukarumi._errors import BadInput, BadType
from nukarumi.optim import _checks
from nukarumi.optim._held import Held
from nukarumi.optim._settings import CHECKS, Rate, Setting, rate_at
from nukarumi.optim.engine.group import HELD, Group, Leaf, dense_order
from nukarumi.optim.engine.recipe import Recipe, recipe
from nukarumi.optim.engine.rows import Lookups, RowGroup, Summed
from nukarumi.optim.rows import Rows, lookups

if TYPE_CHECKING:
    from nukarumi.optim.engine.loops import Key

__all__ = ["Array", "Common", "Optimizer", "Shared"]

Array = np.ndarray[Any, Any]

COMPILED_AT_ONCE = 1 << 20
"""With ``engine="auto"``, an update of so many entries is worth bringing in the compiled engine on the spot."""

COMPILED_IF_CACHED = 1 << 23
"""So many entries updated in all are worth loading a loop that lies compiled on disk (some ten milliseconds)."""

COMPILED_IN_TIME = 1 << 28
"""So many entries updated in all are worth importing Numba and compiling (about a second)."""

TOY = 4096
"""Updates of fewer entries than this never leave NumPy."""


class Shared(TypedDict, total=False):
    """The options that every optimizer takes with the same default; `Optimizer` describes them."""

    lr_decay: float
    maximize: bool
    clip_norm: float | None
    clip_value: float | None
    overrides: Mapping[str, Mapping[str, Any]] | None
    on_nonfinite: str
    engine: str
    threads: int | None


class Common(Shared, total=False):
    """The options of an optimizer that does not decay its weights unless asked to."""

    weight_decay: float
    decoupled_decay: bool


_COMMON_DEFAULTS: dict[str, Any] = {
    "lr_decay": 0.0,
    "weight_decay": 0.0,
    "decoupled_decay": False,
    "maximize": False,
    "clip_norm": None,
    "clip_value": None,
    "on_nonfinite": "warn",
    "engine": "auto",
    "threads": None,
}
_NOT_PER_PARAMETER = {"clip_norm", "on_nonfinite", "engine", "threads", "lr_inside"}


class _Part:
    """A group of a plan with the settings of its leaves and their clock (updates each of them has had)."""

    __slots__ = ("clock", "group", "members", "ready", "values")

    def __init__(self, group: Group | RowGroup, members: list[int], values: Mapping[str, Any], clock: int) -> None:
        self.group, self.members, self.values, self.clock = group, members, values, clock
        self.ready = False


class _Plan:
    """What is known about one set of parameters: valid as long as the very same arrays come back."""

    __slots__ = ("bare", "gradients", "leaves", "names", "numbers", "parts", "raw", "size", "spans", "touched")

    def __init__(self, leaves: list[Leaf], parts: list[_Part], spans: list[tuple[int, int]]) -> None:
        self.leaves, self.parts, self.spans = leaves, parts, spans
        self.names = [leaf.name for leaf in leaves]
        self.numbers = any(leaf.number for leaf in leaves)
        self.bare = [part for part in parts if part.values.get("eps") == 0]  # 0 / 0 may come of these
        self.size = sum(leaf.size for leaf in leaves if not leaf.touched)
        self.touched = [k for k, leaf in enumerate(leaves) if leaf.touched]
        self.raw: list[Any] = []  # the gradients that came last, if they are few enough to be held
        self.gradients: list[Any] = []  # what was admitted for them


class Optimizer:
    """What all optimizers share: the update, its checks, its options and its state.

    Parameters
    ----------
    lr
        Learning rate, in units of the parameter per unit of the (scaled) gradient: a number >= 0, or a function of
        the step, 1 at the first update. May be set at any time: ``opt.lr = 0.001``.
    lr_decay
        lr is divided by ``1 + (step - 1) * lr_decay`` (PyTorch's Adagrad).
    weight_decay
        Adds ``weight_decay * w`` to the gradient (an L2 penalty), or, with ``decoupled_decay=True``, shrinks w by
        ``lr * weight_decay * w`` before the rule (the default in `AdamW`, the only form in Keras).
    maximize
        Walk uphill.
    clip_norm
        Scale all gradients down together so that their global norm is at most this. The norm's bits do not depend on
        engine, threads or layout.
    clip_value
        Bring every gradient entry into ``-clip_value .. clip_value``, after clip_norm.
    overrides
        Settings for some parameters, by name pattern (``fnmatch``): ``{"embed*": {"lr": 0.1}}``. All matching
        patterns apply, later ones over earlier ones.
    on_nonfinite
        What to do about a gradient with NaN or infinity. ``"warn"``: compute as NumPy does and give one
        RuntimeWarning that names array, first index and step, once until gradients are finite again. ``"raise"``:
        refuse before anything has changed. ``"skip"``: leave that array and its state as they are. ``"skip_update"``:
        leave everything as it is, the count of updates too. ``"ignore"``: compute as NumPy does, silently.
    engine
        ``"numpy"``, ``"numba"`` (compiled loops), or ``"auto"``: NumPy for small work, compiled loops once they pay.
        The results are the same to the last bit.
    threads
        Threads for large updates; None takes ``NUKARUMI_NUM_THREADS`` or every core, 8 at most.

    Notes
    -----
    Gradients are first scaled (clip_norm), clipped (clip_value), turned (maximize) and decayed (weight_decay), in
    this order, then the rule is applied. Parameters in float16 or bfloat16 are computed in float32 and keep their
    state in float32. A gradient of another float type than its parameter is converted to the type computed in.
    """

    rule: ClassVar[Callable[..., Any]]
    state_names: ClassVar[tuple[str, ...]] = ()
    nonnegative: ClassVar[tuple[str, ...]] = ()
    brakes: ClassVar[str | None] = None
    own_settings: ClassVar[dict[str, Any]] = {}

    lr = Setting("Learning rate: a number or a function of the step.")
    lr_decay = Setting("How fast lr falls: lr / (1 + (step - 1) * lr_decay).")
    weight_decay = Setting("L2 penalty, or decoupled decay.")
    decoupled_decay = Setting("Whether weight_decay shrinks w directly instead of adding to the gradient.")
    maximize = Setting("Whether to walk uphill.")
    clip_norm = Setting("The largest global gradient norm, or None.")
    clip_value = Setting("The largest gradient entry, or None.")
    on_nonfinite = Setting("What to do about NaN and infinity in gradients.")
    engine = Setting("Who computes: 'auto', 'numpy' or 'numba'.")
    threads = Setting("Threads for large updates, or None.")

    def __init__(self, lr: Rate, own: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        unknown = [name for name in common if name not in _COMMON_DEFAULTS and name != "overrides"]
        if unknown:
            known = [*type(self).own_settings, *_COMMON_DEFAULTS, "overrides"]
            raise BadType(
                f"{type(self).__name__} takes no option {unknown[0]!r}", f"{unknown[0]}={common[unknown[0]]!r}",
                f"it takes lr, {', '.join(known)}",
            )  # fmt: skip
        self._values: dict[str, Any] = {}
        self._plan: _Plan | None = None
        self._stale = False
        self._state: dict[str, Held] | None = None
        self._pinned: set[Any] = set()
        self._clocks: dict[Any, int] = {}
        self._t = 0
        self._warned: Callable[[], Any] | None = None
        for name, value in {"lr": lr, **own, **_COMMON_DEFAULTS, **common}.items():
            if name != "overrides":
                setattr(self, name, value)
        self._overrides = self._checked_overrides(common.get("overrides"))

    # What it is -------------------------------------------------------------------------------------------------------

    @property
    def t(self) -> int:
        """Updates done so far."""
        return self._t

    @property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """Settings for some parameters, by name pattern; a copy."""
        return {pattern: dict(values) for pattern, values in self._overrides.items()}

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting by name: ``type(opt)(**opt.settings)`` makes a fresh optimizer like this one."""
        return {**self._values, "overrides": self.overrides}

    @property
    def recipe(self) -> Recipe:
        """What is done to each entry with the present settings, overrides apart."""
        return self._recipe(self._values)

    def __repr__(self) -> str:
        usual = {**type(self).own_settings, **_COMMON_DEFAULTS, "overrides": {}}
        told = [f"{k}={v!r}" for k, v in self.settings.items() if k not in usual or usual[k] != v]
        return f"{type(self).__name__}({', '.join(told)})"

    def _state_of(self, letter: str) -> dict[Any, Array] | None:
        return None if self._state is None else self._state[letter]

    @classmethod
    def like(cls, library: str, **options: Any) -> Self:
        """This optimizer with another library's conventions and defaults, equal to it to the last digit.

        Parameters
        ----------
        library
            ``"torch"`` (PyTorch), ``"keras"`` (Keras 3), ``"optax"`` or ``"book"`` (this library's own).
        options
            Options of this class, over that library's defaults. optax has no default lr; this class's is taken.

        Examples
        --------
        >>> from nukarumi import Adagrad
        >>> Adagrad.like("keras", lr=0.01)
        Adagrad(lr=0.01, eps_inside_root=True, initial_accumulator=0.1, decoupled_decay=True)
        """
        from nukarumi.optim.conventions import convention  # noqa: PLC0415

        return cls(**{**convention(cls.__name__, library), **options})

    # Settings ---------------------------------------------------------------------------------------------------------

    def _checked_overrides(self, overrides: Any) -> dict[str, dict[str, Any]]:
        if overrides is None:
            return {}
        example = 'overrides={"embed*": {"lr": 0.1}}'
        if not isinstance(overrides, Mapping) or not all(
            isinstance(pattern, str) and isinstance(values, Mapping) for pattern, values in overrides.items()
        ):
            raise BadType("overrides must map name patterns to settings", f"{overrides!r:.80}", f"pass {example}")
        checked = {}
        for pattern, values in overrides.items():
            allowed = set(self._values) - _NOT_PER_PARAMETER
            unknown = [name for name in values if name not in allowed]
            if unknown:
                raise BadType(
                    f"overrides[{pattern!r}] may set {', '.join(sorted(allowed))}", f"{unknown[0]!r}", f"see {example}"
                )
            checked[pattern] = {
                name: CHECKS[name](f"overrides[{pattern!r}][{name!r}]", value) for name, value in values.items()
            }
        return checked

    def _recipe(self, values: Mapping[str, Any]) -> Recipe:
        """The rule with the stages that these settings switch on."""
        rule = self._rule(values)
        stages = []
        if values["clip_norm"] is not None:
            stages.append("scaled")
        if values["clip_value"] is not None:
            stages.append("clipped")
        if values["maximize"]:
            stages.append("opposite")
        if values["weight_decay"] and "weight_decay" not in rule.__annotations__:
            stages.append("decoupled_decay" if values["decoupled_decay"] else "coupled_decay")
        return recipe(rule, tuple(stages), bool(values.get("eps_inside_root", False)))

    def _rule(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        """The function of ``rules.py`` for these settings."""
        del values
        return type(self).rule

    # The update -------------------------------------------------------------------------------------------------------

    def update(self, params: Any, grads: Any) -> None:
        """Move every parameter by one step, in place.

        Parameters
        ----------
        params
            Mapping from name to array of floats (any layout, any shape), changed in place; Python and NumPy floats
            are allowed in a mutable mapping and are bound anew. Names seen for the first time start their state now.
        grads
            Mapping from the same names to gradients of the same shapes, or `Rows` where only some rows have one.

        Raises
        ------
        BadType, BadInput
            If a name is missing or extra, a shape or type does not fit, a parameter is read-only or overlaps another,
            a setting is out of range, an index of `Rows` lies outside, weight decay meets `Rows`, or
            (``on_nonfinite="raise"``) a gradient is not finite. Nothing has changed then.

        Warns
        -----
        RuntimeWarning
            With ``on_nonfinite="warn"``, for a gradient with NaN or infinity.

        Examples
        --------
        >>> import numpy as np
        >>> from nukarumi import Adagrad
        >>> params = {"W": np.array([1.0, 1.0])}
        >>> opt = Adagrad(lr=0.1)
        >>> opt.update(params, {"W": np.array([100.0, 0.01])})
        >>> print(params["W"].round(4), opt.h["W"].round(4))  # steep or flat: the first step is lr
        [0.9 0.9] [1.e+04 1.e-04]
        """
        plan, gradients, size = self._planned(params, grads)
        policy = self._values["on_nonfinite"]
        if policy in ("raise", "skip", "skip_update"):
            spared = self._spared(plan, gradients, policy)
            if spared is None:
                return
            plan, gradients = spared
        scale = 1.0
        if self._values["clip_norm"] is not None:
            from nukarumi.optim._norm import global_norm  # noqa: PLC0415

            entries = [g.values if isinstance(g, Summed) else g for g in gradients]
            scale = rules.clip_scale(global_norm(entries), self._values["clip_norm"])
        rates: dict[int, float] = {}
        calls = [(part, self._arguments(part, scale, rates)) for part in plan.parts]
        compiled = size >= TOY if self._values["engine"] == "auto" else self._values["engine"] == "numba"
        if compiled:
            compiled = self._compiled(plan, size)
        threads = (self._values["threads"] or _default_threads()) if compiled else 1

        # Every check is done: from here on things change.
        if self._plan is not plan:
            self._adopt(plan)
        suspicious = False
        with np.errstate(all="ignore"):  # the caller's error state must not stop an update half-way
            for part, arguments in calls:
                mine = gradients if len(calls) == 1 else [gradients[k] for k in part.members]
                if compiled:
                    suspicious |= part.group.compiled(mine, arguments, threads)
                else:
                    suspicious |= part.group.numpy(mine, arguments)
                part.clock += 1
        self._t += 1
        if plan.numbers:
            _bind(params, plan.leaves)
        if policy == "warn" and (suspicious or plan.bare or self._warned is not None):
            self._warn(plan, gradients, suspicious)

    def _planned(self, params: Any, grads: Any) -> tuple[_Plan, list[Any], int]:
        """The plan for these parameters, their gradients in its order, and how many entries are to be computed."""
        plan = self._plan
        if plan is None or self._stale or not _fits(plan, params):
            plan = self._new_plan(params, _touched(grads))
        gradients = _gradients(plan, grads, self._values["engine"] == "numba")
        if gradients is None:  # Rows come where dense gradients did, or the other way round
            plan = self._new_plan(params, _touched(grads))
            gradients = _gradients(plan, grads, self._values["engine"] == "numba") or []
        if not plan.touched:
            return plan, gradients, plan.size
        size = plan.size + sum(gradients[k].values.size for k in plan.touched)
        return plan, self._summed(plan, gradients), size

    def _summed(self, plan: _Plan, gradients: list[Any]) -> list[Any]:
        """Gradients whose `Rows` are checked and brought together: each row once."""
        from nukarumi.optim.engine import loops  # noqa: PLC0415

        engine, done = self._values["engine"], list(gradients)
        for part in plan.parts:
            for place, k in enumerate(part.members):
                given = gradients[k]
                if isinstance(given, Lookups) and isinstance(part.group, RowGroup):
                    _, summing = part.group.loops
                    compiled = engine == "numba" or (engine == "auto" and loops.loaded(*summing))
                    found = given.summed(part.group.room(place) if compiled else None)
                    if found is None:
                        raise given.outside()
                    done[k] = found
        return done

    def _arguments(self, part: _Part, scale: float, rates: dict[int, float]) -> list[float]:
        """The settings of this update, in the order of the part's recipe; a schedule is asked once for all parts."""
        values, step = part.values, self._t + 1
        out = []
        for name in part.group.recipe.settings:
            if name == "lr":
                lr = self._values["lr"] if "lr" not in values else values["lr"]
                if callable(lr):
                    if id(lr) not in rates:
                        rates[id(lr)] = rate_at(lr, step)
                    lr = rates[id(lr)]
                out.append(rules.decayed_lr(lr, values["lr_decay"], step) if values["lr_decay"] else lr)
            elif name == "t":
                out.append(part.clock + 1)
            elif name == "scale":
                out.append(scale)
            elif name == "eps":
                out.append(self._eps(values, part.clock + 1))
            else:
                out.append(values[name])
        return out

    def _eps(self, values: Mapping[str, Any], clock: int) -> float:
        """The eps of an update, in the rule's own sense."""
        del clock
        eps: float = values["eps"]
        return eps

    # Plans ------------------------------------------------------------------------------------------------------------

    def _new_plan(self, params: Any, touched: frozenset[Any]) -> _Plan:
        """Check the parameters and their states and lay them out, those in ``touched`` for rows; changes nothing."""
        if not isinstance(params, Mapping):
            raise BadType(
                "params must be a mapping from name to array, such as a dict",
                type(params).__name__,
                'pass {"W": W}, or dict(enumerate(arrays)) for a list',
            )
        self._keep_clocks()
        types = {name: _checks.require(name, w) for name, w in params.items()}
        if not hasattr(params, "__setitem__") and any(not isinstance(w, np.ndarray) for w in params.values()):
            raise BadType(
                "params must be mutable where it holds numbers, which are bound anew",
                type(params).__name__,
                "pass a dict, or 0-d arrays",
            )
        arrays = [(name, w) for name, w in params.items() if isinstance(w, np.ndarray)]
        pinned = [(f"{letter}[{name!r}]", self._state[letter][name])
                  for name in self._pinned if self._state and name in params for letter in self._state]  # fmt: skip
        _checks.refuse_overlaps(arrays, pinned)
        leaves: list[Leaf] = []
        found: dict[Any, list[int]] = {}
        settled: dict[Any, tuple[Recipe, dict[str, Any]]] = {}
        for k, (name, w) in enumerate(params.items()):
            patterns = tuple(p for p in self._overrides if fnmatch.fnmatchcase(str(name), p))
            if patterns not in settled:
                values = {setting: value for setting, value in self._values.items() if setting != "lr"}
                for pattern in patterns:
                    values |= self._overrides[pattern]
                settled[patterns] = (self._recipe(values), values)
            made, values = settled[patterns]
            if name in touched and values["weight_decay"]:
                raise _half_decayed(name, values["weight_decay"])
            states = self._states(name, w, types[name], made, values)
            leaf = Leaf(name, w, types[name], states, touched=name in touched, pinned=name in self._pinned)
            leaves.append(leaf)
            clock = self._clocks.get(name, 0) if "t" in made.settings else 0
            by_row = made.rowwise or leaf.touched
            found.setdefault((patterns, types[name], clock, by_row), []).append(k)
        parts = []
        for (patterns, dtype, clock, by_row), members in found.items():
            made, values = settled[patterns]
            group = (RowGroup if by_row else Group)(made, dtype, [leaves[k] for k in members])
            parts.append(_Part(group, members, values, clock))
        return _Plan(leaves, parts, _spans([w for _, w in arrays if w.size]))

    def _states(self, name: Any, w: Any, dtype: np.dtype[Any], made: Recipe, values: Mapping[str, Any]) -> list[Array]:
        """The states of a parameter, in its own dense order: as they are, or at their start."""
        order: Literal["C", "F"] = "F" if isinstance(w, np.ndarray) and dense_order(w) == "F" else "C"
        states = []
        for letter in type(self).state_names:
            shape = np.shape(w)[:1] if letter in made.row_states else np.shape(w)
            state = None if self._state is None else self._state[letter].get(name)
            if state is None:
                start = self._start(letter, values)
                # Zeros that nobody has touched cost no memory: a table of which few rows are used keeps its holes.
                states.append(np.full(shape, start, dtype, order) if start else np.zeros(shape, dtype, order))
                continue
            if state.shape != shape or state.dtype != dtype:
                raise BadInput(
                    f"the state {letter}[{name!r}] must fit its parameter: shape {shape}, {dtype}",
                    f"shape {state.shape}, {state.dtype}",
                    "use one optimizer for each set of parameters, and load the state that belongs to these",
                )
            pinned = name in self._pinned
            if pinned and not isinstance(w, np.ndarray):
                raise BadInput(
                    f"params[{name!r}] must be an array, because its state was handed in by use_state",
                    f"{w!r}",
                    f"np.array({w!r})",
                )
            states.append(state if pinned else np.require(state, requirements=[order, "W", "A"]))
        return states

    def _start(self, letter: str, values: Mapping[str, Any]) -> float:
        """Where a state starts, with the settings of its parameter."""
        del letter, values
        return 0.0

    def _adopt(self, plan: _Plan) -> None:
        """Make a plan the current one: its states are the optimizer's from now on."""
        if self._state is None:
            self._state = {letter: Held(letter) for letter in type(self).state_names}
        for leaf in plan.leaves:
            for letter, state in zip(type(self).state_names, leaf.states, strict=True):
                self._state[letter].keep(leaf.name, state)
        self._plan, self._stale = plan, False

    def _keep_clocks(self) -> None:
        """Remember the clocks of the present plan's parameters by name."""
        for part in self._plan.parts if self._plan else ():
            if "t" in part.group.recipe.settings:
                for leaf in part.group.leaves:
                    self._clocks[leaf.name] = part.clock

    def _compiled(self, plan: _Plan, size: int) -> bool:
        """Whether this update goes to the compiled engine; its loops are then ready."""
        if all(part.ready for part in plan.parts):
            return True
        from nukarumi.optim.engine import loops  # noqa: PLC0415

        wanted = [key for part in plan.parts for key in part.group.loops]
        if self._values["engine"] == "auto" and not _worth_compiling(size, wanted):
            return False
        for key in wanted:
            loops.loop(*key)
        for part in plan.parts:
            part.ready = True
        return True

    # Gradients that are not finite ------------------------------------------------------------------------------------

    def _spared(self, plan: _Plan, gradients: list[Any], policy: str) -> tuple[_Plan, list[Any]] | None:
        """Refuse gradients that are not finite, or leave their arrays out of this update; None leaves all out."""
        bad = [k for k, g in enumerate(gradients) if _first_nonfinite(g) is not None]
        if not bad:
            return plan, gradients
        if policy == "raise":
            raise BadInput(
                f"gradients must be finite at step {self._t + 1} (on_nonfinite='raise')",
                _told(plan.leaves[bad[0]].name, gradients[bad[0]]),
                "look for a division by zero or too large a learning rate; nothing has been changed",
            )
        if policy == "skip_update":
            return None
        kept = sorted(set(range(len(gradients))) - set(bad))
        left = [plan.leaves[k] for k in kept]
        touched = frozenset(plan.leaves[k].name for k in plan.touched)
        again = self._new_plan({leaf.name: leaf.w if leaf.number else leaf.given for leaf in left}, touched)
        return again, [gradients[k] for k in kept]

    def _warn(self, plan: _Plan, gradients: list[Any], suspicious: bool) -> None:
        """One warning for as long as gradients are not finite, or a parameter is 0 / 0 where there is no eps."""
        found = _trouble(plan, gradients, suspicious)
        if found is None:
            given = self._warned() if self._warned is not None else None
            # Another network that shares this optimizer does not end the silence.
            if given is None or any(leaf.given is given for leaf in plan.leaves):
                self._warned = None
        elif self._warned is None:
            leaf, told = found
            self._warned = _nothing if leaf.number else weakref.ref(leaf.given)
            warnings.warn(f"step {self._t}: {told}", RuntimeWarning, stacklevel=3)

    # What it is doing -------------------------------------------------------------------------------------------------

    def effective_lr(self, name: Any, rows: Any = None) -> Array:
        """The learning rate that each entry of a parameter really gets now.

        It is read off the rule itself: what the rule subtracts from ``w`` for a gradient of 1 (Adam: a first moment
        of 1), with the state as it is. Adagrad: ``lr / (sqrt(h) + eps)``; SGD and Momentum: lr; Nesterov:
        ``(1 + momentum) * lr``. Options that change the gradient first (clipping, decay) are not part of it.

        Parameters
        ----------
        name
            Name of a parameter that has been updated before.
        rows
            Whole numbers, shape (n,): only these rows of the parameter, at the cost of these. None: all.

        Returns
        -------
        Array of the parameter's shape, or (n, *trailing), in the type computed in.

        Raises
        ------
        BadInput
            If there has been no update of this name yet, or it has no such row.
        BadType
            If rows are not whole numbers.

        Examples
        --------
        >>> import numpy as np
        >>> from nukarumi import Adagrad
        >>> opt = Adagrad(lr=0.1)
        >>> opt.update({"W": np.zeros(2)}, {"W": np.array([4.0, 0.5])})
        >>> print(opt.effective_lr("W").round(3))
        [0.025 0.2  ]
        """
        plan = self._plan
        for part in plan.parts if plan else ():
            for leaf in part.group.leaves:
                if leaf.name == name:
                    return self._rate_of(part, leaf, None if rows is None else _checks.require_rows(rows, leaf.shape))
        raise BadInput(
            "effective_lr needs a parameter of the last update",
            repr(name),
            "call update(params, grads) first, or use one of "
            + (", ".join(map(repr, plan.names)) if plan else "its names"),
        )

    def _rate_of(self, part: _Part, leaf: Leaf, rows: Array | None) -> Array:
        from nukarumi.optim._rate import rate_function  # noqa: PLC0415

        made = recipe(self._rule(part.values), (), part.group.recipe.eps_inside)
        function, names = rate_function(made, type(self).state_names, type(self).brakes)
        now = _Part(part.group, part.members, part.values, max(0, part.clock - 1))
        given = dict(zip(part.group.recipe.settings, self._arguments(now, 1.0, {}), strict=True))
        shape = leaf.shape if rows is None else (len(rows), *leaf.shape[1:])
        taken = leaf.states if rows is None else [state[rows] for state in leaf.states]
        states = [state.reshape((*state.shape, *[1] * (len(shape) - state.ndim))) for state in taken]
        with np.errstate(all="ignore"):
            rate = function(*states, *(given[name] for name in names))
        return np.array(np.broadcast_to(rate, shape), leaf.dtype)

    # Keeping it -------------------------------------------------------------------------------------------------------

    def use_state(self, name: Any, **arrays: Array) -> None:
        """Keep a parameter's state in arrays of your own, such as `numpy.memmap`.

        From now on the state *is* these arrays: what they hold is where it stands, and updates change them in place.
        For a fresh start give what the optimizer starts from: zeros, or ``initial_accumulator``. Their contents are
        not looked at, so that a table larger than memory stays where it is.

        Parameters
        ----------
        name
            Name of the parameter, which need not have been seen yet.
        arrays
            One for each letter of the state (`Adagrad`: ``h``), writeable, of the parameter's shape (a state with one
            value a row: of its length) and of the type computed in. The shape is checked at the next update.

        Raises
        ------
        BadType, BadInput
            If a letter is missing or unknown, or an array is no writeable float32 or float64 array. Nothing has
            changed then.

        Examples
        --------
        >>> import numpy as np, tempfile, os
        >>> from nukarumi import Adagrad, Rows
        >>> folder = tempfile.TemporaryDirectory()
        >>> tables = {k: np.memmap(os.path.join(folder.name, k), "float32", "w+", shape=(1000, 4)) for k in "wh"}
        >>> opt = Adagrad(lr=0.1)
        >>> opt.use_state("words", h=tables["h"])
        >>> opt.update({"words": tables["w"]}, {"words": Rows([5], np.ones((1, 4), np.float32))})
        >>> print(np.flatnonzero(tables["h"].any(axis=1)), np.flatnonzero(tables["w"].any(axis=1)))
        [5] [5]
        >>> folder.cleanup()
        """
        letters = type(self).state_names
        if set(arrays) != set(letters):
            raise BadType(
                f"use_state takes the whole state of {type(self).__name__}: {', '.join(letters) or 'it has none'}",
                ", ".join(arrays) or "no array",
                f"use_state({name!r}, {', '.join(f'{letter}=...' for letter in letters)})",
            )
        for letter, array in arrays.items():
            _checks.require_state(f"{letter}[{name!r}]", array)
        self._keep_clocks()
        if self._state is None:
            self._state = {letter: Held(letter) for letter in letters}
        for letter, array in arrays.items():
            self._state[letter].keep(name, array)
        self._pinned.add(name)
        self._plan = None

    def state_dict(self, *, copy: bool = True) -> dict[str, Any]:
        """All that is needed to go on as if never stopped.

        Parameters
        ----------
        copy
            Whether arrays are copies. False gives the very arrays that the next update changes.

        Returns
        -------
        ``{"optimizer", "settings", "t", "clocks", "state"}``, where ``state[letter][name]`` is an array.
        """
        self._keep_clocks()
        state = {
            letter: {name: np.array(array) if copy else array for name, array in arrays.items()}
            for letter, arrays in (self._state or {}).items()
        }
        return {
            "optimizer": type(self).__name__,
            "settings": self.settings,
            "t": self._t,
            "clocks": dict(self._clocks),
            "state": state,
        }

    def load_state_dict(self, state: Mapping[str, Any], *, copy: bool = True) -> None:
        """Go on from what `state_dict` gave: settings, step and states are replaced by it.

        Parameters
        ----------
        state
            What `state_dict` gave.
        copy
            False takes the arrays as `use_state` does: in place, and without a look at their contents. For tables
            too large to be read through.

        Raises
        ------
        BadInput
            If it comes from another optimizer, or a state is of the wrong kind or negative where it cannot be.
            Nothing has changed then. (Whether its shapes fit the parameters is checked at the next update.)
        """
        from nukarumi.optim.state import checked  # noqa: PLC0415

        found = checked(type(self), state, copy=copy)
        settings = {**self.settings, **found["settings"]}
        fresh = type(self)(**settings)  # checks every setting before anything is replaced
        self._values, self._overrides = fresh._values, fresh._overrides
        self._plan, self._stale, self._warned = None, False, None
        self._t, self._clocks = found["t"], found["clocks"]
        self._state = Held.all(found["state"]) if self._t or any(found["state"].values()) else None
        self._pinned = set() if copy else {name for arrays in found["state"].values() for name in arrays}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `state_dict` to a safetensors file, atomically: a kill at any moment leaves the old or the new file.

        Raises
        ------
        BadType
            If a parameter's name is not a string.
        OSError
            If the file cannot be written; the old one is then as it was.

        Notes
        -----
        A learning rate that is a function cannot be written; pass it again to `load`.
        """
        from nukarumi._files import write_atomically  # noqa: PLC0415
        from nukarumi.optim.state import to_bytes  # noqa: PLC0415

        write_atomically(path, to_bytes(self.state_dict()))

    @classmethod
    def load(cls, path: str | os.PathLike[str], **settings: Any) -> Self:
        """An optimizer that goes on, to the bit, where the saved one was.

        Parameters
        ----------
        path
            A file written by `save`.
        settings
            Settings that replace those in the file; ``lr`` must be given if it was a function.

        Raises
        ------
        BadInput
            If the file is truncated, foreign, or from another optimizer.

        Examples
        --------
        >>> import numpy as np, tempfile, os
        >>> from nukarumi import Adagrad
        >>> opt = Adagrad(lr=0.1)
        >>> opt.update({"W": np.zeros(2)}, {"W": np.ones(2)})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     opt.save(os.path.join(folder, "opt.safetensors"))
        ...     Adagrad.load(os.path.join(folder, "opt.safetensors")).h["W"]
        array([1., 1.])
        """
        from nukarumi.optim.state import from_file  # noqa: PLC0415

        state = from_file(path, cls, settings)
        made = cls(**state["settings"])
        made.load_state_dict(state)
        return made

    def __getstate__(self) -> dict[str, Any]:
        self._keep_clocks()
        return {**self.__dict__, "_plan": None, "_warned": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._state = None if state["_state"] is None else Held.all(state["_state"])

    def __copy__(self) -> Self:
        return self.__deepcopy__({})

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = type(self)(**self.settings)
        made.load_state_dict(self.state_dict())
        memo[id(self)] = made
        return made


_entries = 0
_compiler = True
_looked: dict[Key, int] = {}
"""For each loop that did not lie on disk when it was looked for: the entries updated by then."""


def _worth_compiling(size: int, wanted: list[Key]) -> bool:
    """With ``engine="auto"``: compiled loops are brought in when the work done would have paid for them.

    Where they cannot be had, NumPy goes on, with the same results.
    """
    global _entries, _compiler  # noqa: PLW0603
    from nukarumi.optim.engine import loops  # noqa: PLC0415

    _entries += size
    if not _compiler:
        return False
    if size >= COMPILED_AT_ONCE or _entries >= COMPILED_IN_TIME:
        try:
            for key in wanted:
                loops.loop(*key)
        except BadInput:
            _compiler = False
        return _compiler
    return _entries >= COMPILED_IF_CACHED and all(map(_on_disk, wanted))


def _on_disk(key: Key) -> bool:
    """Whether a loop lies compiled on disk; looked for again only when the work done has doubled."""
    from nukarumi.optim.engine import loops  # noqa: PLC0415

    if _entries < 2 * _looked.get(key, 0):
        return False
    if loops.cached(*key):
        return True
    _looked[key] = _entries
    return False


def _nothing() -> None:
    """What a weak reference to a number would give."""


def _default_threads() -> int:
    from nukarumi.optim.engine.pool import default_threads  # noqa: PLC0415

    return default_threads()


def _fits(plan: _Plan, params: Any) -> bool:
    """Whether these are the plan's parameters, still as they were."""
    leaves = plan.leaves
    if type(params) is not dict and not isinstance(params, MutableMapping if plan.numbers else Mapping):
        return False
    if len(params) != len(leaves):
        return False
    for (name, w), leaf in zip(params.items(), leaves, strict=True):
        if leaf.number is None:
            if w is not leaf.given or name != leaf.name or not w.flags.writeable or w.shape != leaf.shape:
                return False
        elif type(w) is leaf.number and name == leaf.name:
            leaf.w = w
        else:
            return False
    return True


def _bind(params: Any, leaves: list[Leaf]) -> None:
    """Bind the parameters that are numbers anew: they cannot change in place."""
    for leaf in leaves:
        if leaf.number:
            params[leaf.name] = leaf.w


def _touched(grads: Any) -> frozenset[Any]:
    """The names whose gradients are `Rows`."""
    if not isinstance(grads, Mapping):
        return frozenset()
    return frozenset(name for name, g in grads.items() if isinstance(g, Rows))


def _half_decayed(name: Any, decay: float) -> BadInput:
    return BadInput(
        f"grads[{name!r}] is Rows, which cannot go with weight_decay: rows that are not touched would not decay",
        f"weight_decay={decay!r}",
        f"weight_decay=0.0, or overrides={{{name!r}: {{'weight_decay': 0.0}}}}",
    )


def _gradients(plan: _Plan, grads: Any, compiled: bool) -> list[Any] | None:
    """The gradients in the plan's order, checked; those that came last time as they were then.

    None if `Rows` come for a parameter that is laid out for dense gradients, or the other way round.
    """
    try:
        raw = [grads[name] for name in plan.names]
    except (KeyError, TypeError, IndexError):
        raw = None
    if raw is None or len(grads) != len(raw):
        if not isinstance(grads, Mapping):
            raise BadType(
                "grads must be a mapping from name to array, such as a dict", type(grads).__name__, "pass a dict"
            )
        _checks.refuse_keys(plan.names, grads)
    assert raw is not None
    if plan.raw and not any(map(is_not, raw, plan.raw)):
        return plan.gradients
    admitted: list[Any] = []
    whole = not plan.touched
    fit: Any
    # One packed group reads every gradient before it writes; anything else may write what a gradient still needs.
    parts = plan.parts
    careful = compiled or plan.size >= TOY or len(parts) > 1 or any(isinstance(part.group, RowGroup) for part in parts)
    for leaf, g in zip(plan.leaves, raw, strict=True):
        if type(g) is np.ndarray and g.dtype is leaf.dtype and g.shape == leaf.shape and not leaf.touched:
            fit = g
        elif isinstance(g, Rows) is not leaf.touched:
            return None
        elif leaf.touched:
            fit = lookups(leaf.name, g, leaf.shape, leaf.dtype)
            if _overlaps(plan.spans, fit.values):
                fit.values = fit.values.copy()
        else:
            fit = _checks.admit(leaf.name, g, leaf.shape)
        if careful and isinstance(fit, np.ndarray) and _overlaps(plan.spans, fit):
            fit, whole = fit.copy(), False
        admitted.append(fit)
    held = whole and sum(g.nbytes for g in admitted) <= HELD
    plan.raw, plan.gradients = (raw, admitted) if held else ([], [])
    return admitted


def _spans(arrays: list[Array]) -> list[tuple[int, int]]:
    """The stretches of memory that these arrays lie in, sorted and apart."""
    spans: list[tuple[int, int]] = []
    for low, high in sorted(map(np.lib.array_utils.byte_bounds, arrays)):
        if spans and low < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        else:
            spans.append((low, high))
    return spans


def _overlaps(spans: list[tuple[int, int]], g: Array) -> bool:
    """Whether a gradient's bytes may lie among those of a parameter, which are written while it is still read."""
    low = g.__array_interface__["data"][0]
    low, high = (low, low + g.nbytes) if g.flags.c_contiguous else np.lib.array_utils.byte_bounds(g)
    place = bisect_left(spans, (low, low))
    return (place < len(spans) and spans[place][0] < high) or (place > 0 and spans[place - 1][1] > low)


def _first_nonfinite(g: Any) -> tuple[int, ...] | None:
    if isinstance(g, Summed):
        found = g.first_nonfinite()
        return found and found[0]
    return _checks.first_nonfinite(g)


def _trouble(plan: _Plan, gradients: list[Any], suspicious: bool) -> tuple[Leaf, str] | None:
    """What is to be warned of after an update, and the parameter that it is about."""
    if suspicious:
        for leaf, g in zip(plan.leaves, gradients, strict=True):
            if _first_nonfinite(g) is not None:
                return leaf, f"{_told(leaf.name, g)}; the parameter follows it"
    for k, leaf in (pair for part in plan.bare for pair in zip(part.members, part.group.leaves, strict=True)):
        rows = gradients[k].rows if isinstance(gradients[k], Summed) else None
        index = _checks.first_nonfinite(leaf.w if rows is None else leaf.w[rows])
        if index is not None:
            index = index if rows is None else (int(rows[index[0]]), *index[1:])
            why = "with eps=0 an entry that has never moved is 0 / 0"
            return leaf, f"params[{leaf.name!r}] is not finite, first{_place(index)}; {why}"
    return None


def _told(name: Any, g: Any) -> str:
    index, value = (g.first_nonfinite() if isinstance(g, Summed) else None) or (_checks.first_nonfinite(g) or (), None)
    value = np.asarray(g)[index] if value is None else value
    return f"grads[{name!r}] is {value}{_place(index)}"


def _place(index: tuple[int, ...]) -> str:
    """Where in an array, in words; nothing for an array without axes."""
    return f" at index {index[0] if len(index) == 1 else index}" if index else ""
