"""nukarumi's own optimizers: a sensor stands before ``update`` and hands every call on.

A table whose gradient is `nukarumi.Rows` is read by the rows that the update touches, at a cost that follows these.
"""

from __future__ import annotations

import fnmatch
from typing import Any

import numpy as np

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.optim._settings import rate_at
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine.pool import default_threads
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor import sweep
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect
from nukarumi.sensor.look import Look, Subject, look, look_at_rows
from nukarumi.trail.reading import sample, touched

__all__ = ["OwnSensor"]

WORTH = 1 << 15
"""Entries from which a sweep is worth loading its loop: a process with small arrays stays light."""


class OwnSensor(Sensor):
    """A sensor on one of our optimizers."""

    library = "nukarumi"

    def __init__(self, optimizer: Optimizer, names: Any, **options: Any) -> None:
        if "update" in vars(optimizer):
            raise BadInput("an optimizer takes one sensor at a time", optimizer, "detach() the first")
        patterns = [names] if isinstance(names, str) else names
        super().__init__(optimizer, patterns=patterns, **options)
        cls = type(optimizer)
        self._dialects: dict[Any, Dialect] = {}
        lr = optimizer.lr
        usual = {
            name: value
            for name, value in optimizer.settings.items()
            if isinstance(value, int | float) and not callable(value)
        }
        self.trail.states = cls.state_names
        self.trail.meta |= {
            "library": "nukarumi",
            "optimizer": cls.__name__,
            "settings": usual,
            "lr": None if callable(lr) else lr,
            "brake": self._dialect(optimizer.settings).brake,
        }
        self.step = optimizer.t
        self._copies: dict[Any, sweep.Copies] = {}
        self._sweeps = sweep.Sweeps()
        optimizer.update = self._update  # type: ignore[method-assign]

    def _release(self) -> None:
        vars(self.optimizer).pop("update", None)
        self._copies, self._sweeps = {}, sweep.Sweeps()

    def _dialect(self, values: dict[str, Any]) -> Dialect:
        cls = type(self.optimizer)
        made, corrected = self.optimizer._recipe(values), bool(values.get("eps_corrected", False))
        key = made.rule, made.eps_inside, corrected
        if key not in self._dialects:
            brake = cls.nonnegative[0] if cls.brakes and cls.nonnegative else None
            plain = recipe(made.rule, (), made.eps_inside)
            self._dialects[key] = Dialect(cls.__name__, plain, cls.state_names, cls.brakes, brake, corrected)
        return self._dialects[key]

    def _values(self, name: str) -> dict[str, Any]:
        """The settings of one parameter, overrides included."""
        values: dict[str, Any] = self.optimizer.settings
        for pattern, more in values.pop("overrides").items():
            if fnmatch.fnmatchcase(name, pattern):
                values |= more
        return values

    def _update(self, params: Any, grads: Any) -> None:
        """Stand in for ``optimizer.update``."""
        due, copies = self.due, {}
        if due:
            with self.guarded():
                copies = self._copied(params, grads)
        type(self.optimizer).update(self.optimizer, params, grads)
        with self.guarded():
            self.step += 1
            if due:
                self._looks(copies, params, grads)
                return
            self.loss = None
            if self.due:
                for key, gradient in grads.items():
                    if self.watches(str(key)):
                        given = touched(gradient, np.shape(params[key]))
                        self.remember(str(key), sample(gradient) if given is None else given, self.step)

    def _copied(self, params: Any, grads: Any) -> dict[str, Any]:
        """Parameters before the update; of a table that gets rows these rows, the table's sample and the gradient."""
        copies: dict[str, Any] = {}
        wide: dict[str, list[str]] = {}
        for key, value in params.items():
            name = str(key)
            if not self.watches(name):
                continue
            given = touched(grads[key], np.shape(value)) if key in grads else None
            if given is not None:
                copies[name] = value[given.rows], sample(value), given
                continue
            copies[name] = value
            wide.setdefault(sweep.readable(value), []).append(name)
        for dtype, names in wide.items():
            sizes = tuple(np.size(copies[name]) for name in names)
            run = sweep.loop(dtype) if dtype and sum(sizes) >= WORTH else None
            if run is None:
                copies |= {name: np.array(copies[name]) for name in names}
                continue
            if (dtype, sizes) not in self._copies:
                self._copies[dtype, sizes] = sweep.Copies(run, dtype, sizes)
            kept = self._copies[dtype, sizes]
            kept.take([sweep.address(copies[name]) for name in names], default_threads())
            copies |= {name: flat.reshape(copies[name].shape) for name, flat in zip(names, kept.arrays, strict=True)}
        return copies

    def _looks(self, copies: dict[str, Any], params: Any, grads: Any) -> None:
        subjects: list[tuple[Subject, dict[str, float]]] = []
        seen: list[Look | tuple[Any, ...]] = []
        for key, value in params.items():
            name = str(key)
            if name not in copies:
                continue
            values = self._values(name)
            which = self._dialect(values)
            states = {}
            for letter in which.states:
                held = getattr(self.optimizer, letter)
                if held is not None and key in held:
                    states[letter] = held[key]
            lr = rate_at(values["lr"], self.step)
            settings = {name: number for name, number in values.items() if isinstance(number, int | float)}
            settings |= {"t": float(self.step)}
            settings["lr"] = rules.decayed_lr(lr, values["lr_decay"], self.step) if values["lr_decay"] else lr
            kept = copies[name]
            dtype = next(iter(states.values()), np.asarray(value)).dtype.name
            start = float(values.get("initial_accumulator", 0.0))
            subjects.append((Subject(name, np.shape(value), which, dtype, start), settings))
            if isinstance(kept, tuple):
                made = look_at_rows((kept[0], kept[1]), value, kept[2], states)
                if which.rate_states:
                    rows = kept[2].rows
                    made.rate = which.rate({letter: states[letter][rows] for letter in which.rate_states}, settings)
                seen.append(made)
            else:
                seen.append((key, kept, value, grads[key], states, which))
        finished = self._swept(seen)
        self.record(self.step, [(one, look, own) for (one, own), look in zip(subjects, finished, strict=True)])

    def _swept(self, seen: list[Look | tuple[Any, ...]]) -> list[Look]:
        """Look at what has not been looked at: in one sweep what is worth it, the rest one by one."""
        alike: dict[tuple[str, tuple[str, ...]], list[int]] = {}
        for k, given in enumerate(seen):
            if isinstance(given, tuple):
                _, kept, value, gradient, states, which = given
                types = {sweep.readable(array) for array in (kept, value, gradient, *states.values())}
                full = all(np.size(state) == np.size(value) for state in states.values())
                if len(types) == 1 and full and len(which.rate_states) < 2:
                    alike.setdefault((types.pop(), tuple(states)), []).append(k)
        done: list[Any] = list(seen)
        for (dtype, letters), places in alike.items():
            some: list[Any] = [seen[k] for k in places]
            sizes = tuple(np.size(value) for _, _, value, *_ in some)
            run = sweep.loop(dtype) if dtype and sum(sizes) >= WORTH else None
            if run is None:
                continue
            before, after, gradients = ([sweep.address(one[k]) for one in some] for k in (1, 2, 3))
            states = [[sweep.address(one[4][letter]) for one in some] for letter in letters]
            looks = self._sweeps.of(run, dtype, sizes, letters).look(
                before, after, gradients, states, letters, default_threads()
            )
            for k, made in zip(places, looks, strict=True):
                done[k] = done[k] if made is None else made
        for k, given in enumerate(done):
            if isinstance(given, tuple):
                key, kept, value, gradient, states, _ = given
                done[k] = look(kept, value, gradient, states, rate=self.optimizer.effective_lr(key))
        return done
