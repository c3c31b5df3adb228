"""nukarumi's own optimizers: a sensor stands before ``update`` and hands every call on."""

from __future__ import annotations

import fnmatch
from typing import Any

import numpy as np

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.optim._settings import rate_at
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect
from nukarumi.sensor.look import Look, Subject, look
from nukarumi.trail.reading import sample

__all__ = ["OwnSensor"]


class OwnSensor(Sensor):
    """A sensor on one of our optimizers."""

    library = "nukarumi"

    def __init__(self, optimizer: Optimizer, names: Any, **options: Any) -> None:
        if "update" in vars(optimizer):
            raise BadInput("an optimizer takes one sensor at a time", optimizer, "detach() the first")
        patterns = [names] if isinstance(names, str) else names
        super().__init__(optimizer, patterns=patterns, **options)
        cls = type(optimizer)
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
        optimizer.update = self._update  # type: ignore[method-assign]

    def _release(self) -> None:
        vars(self.optimizer).pop("update", None)

    def _dialect(self, values: dict[str, Any]) -> Dialect:
        cls = type(self.optimizer)
        made = self.optimizer._recipe(values)
        brake = cls.nonnegative[0] if cls.brakes and cls.nonnegative else None
        return Dialect(
            cls.__name__,
            recipe(made.rule, (), made.eps_inside),
            cls.state_names,
            cls.brakes,
            brake,
            bool(values.get("eps_corrected", False)),
        )

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
                copies = {str(name): np.array(value) for name, value in params.items() if self.watches(str(name))}
        type(self.optimizer).update(self.optimizer, params, grads)
        with self.guarded():
            self.step += 1
            if due:
                self._looks(copies, params, grads)
            elif self.due:
                for name, gradient in grads.items():
                    if self.watches(str(name)):
                        self.remember(str(name), sample(_dense(gradient, params[name])), self.step)

    def _looks(self, copies: dict[str, Any], params: Any, grads: Any) -> None:
        optimizer, looks = self.optimizer, []
        for key, value in params.items():
            name = str(key)
            if name not in copies:
                continue
            values = self._values(name)
            which = self._dialect(values)
            states = {}
            for letter in which.states:
                held = getattr(optimizer, letter)
                if held is not None and key in held:
                    states[letter] = held[key]
            lr = rate_at(values["lr"], self.step)
            settings = {name: number for name, number in values.items() if isinstance(number, int | float)}
            settings |= {"t": float(self.step)}
            settings["lr"] = rules.decayed_lr(lr, values["lr_decay"], self.step) if values["lr_decay"] else lr
            dtype = next(iter(states.values()), copies[name]).dtype.name
            start = float(values.get("initial_accumulator", 0.0))
            subject = Subject(name, copies[name].shape, which, dtype, start)
            seen: Look = look(copies[name], value, _dense(grads[key], value), states, rate=optimizer.effective_lr(key))
            looks.append((subject, seen, settings))
        self.record(self.step, looks)


def _dense(gradient: Any, parameter: Any) -> Any:
    """A gradient as an array; one that touches few rows is written out."""
    return gradient.dense(len(parameter)) if hasattr(gradient, "dense") else gradient
