"""Keras 3: a sensor before ``optimizer.apply``, through which every training loop of Keras goes.

On PyTorch the variables are tensors and change in place; on JAX ``apply`` is usually compiled into the training step,
and the looks come out of it (`nukarumi.sensor.jax`). `WatchCallback` puts the sensor on the optimizer of a model for
the time of a ``fit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.dialects import Dialect, dialect
from nukarumi.sensor.look import Look, Subject, look
from nukarumi.trail.reading import sample

__all__ = ["KNOWN", "KerasSensor", "WatchCallback"]

STATES: dict[str, dict[str, str]] = {
    "SGD": {"momentums": "v"},
    "Adagrad": {"_accumulators": "h"},
    "RMSprop": {"_velocities": "h", "_average_gradients": "m"},
    "Adadelta": {"_accumulated_grads": "h", "_accumulated_delta_vars": "d"},
    "AdamW": {"_momentums": "m", "_velocities": "v", "_velocity_hats": "u"},
    "Adam": {"_momentums": "m", "_velocities": "v", "_velocity_hats": "u"},
    "Nadam": {"_momentums": "m", "_velocities": "v"},
    "Adamax": {"_m": "m", "_u": "u"},
}
"""Where Keras keeps each state, and our letter for it."""

KNOWN = tuple(STATES)
"""The optimizers of ``keras.optimizers`` that are known here."""

OPTIONS = {
    "momentum": "momentum",
    "rho": "rho",
    "beta_1": "beta1",
    "beta_2": "beta2",
    "epsilon": "eps",
    "weight_decay": "weight_decay",
}


def known(optimizer: Any) -> str | None:
    """Give the name in `KNOWN` of an optimizer, or None."""
    names = [name for name in KNOWN if isinstance(optimizer, getattr(keras.optimizers, name))]
    of_keras = type(optimizer).__module__.startswith("keras.")  # a subclass elsewhere may do anything
    return names[0] if names and of_keras and type(optimizer).__name__.lower() == names[0].lower() else None


def told(optimizer: Any, name: str) -> tuple[Dialect, dict[str, float]]:
    """Tell what an optimizer does as one of our rules, with those settings that stay as they are."""
    numbers = {
        ours: float(getattr(optimizer, theirs) or 0.0) for theirs, ours in OPTIONS.items() if hasattr(optimizer, theirs)
    }
    kind = name
    if name == "SGD" and numbers["momentum"]:
        kind = "Nesterov" if optimizer.nesterov else "Momentum"
    elif name == "RMSprop":
        numbers["decay_rate"] = numbers.pop("rho")
        kind = "CentredRMSprop" if optimizer.centered else name
    elif getattr(optimizer, "amsgrad", False):
        kind = "AMSGrad"
    elif name == "Nadam":
        kind = "NAdam"
    return dialect(kind, "keras"), numbers


class KerasSensor(Sensor):
    """A sensor on an optimizer of Keras 3."""

    library = "keras"

    def __init__(self, optimizer: Any, names: Any, **options: Any) -> None:
        self._outer = optimizer  # what a trainer scales its loss by
        if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
            optimizer = optimizer.inner_optimizer  # it gets the gradients unscaled, and only where they are finite
        name = known(optimizer)
        if name is None:
            raise BadInput(
                f"a sensor knows these optimizers of Keras, LossScaleOptimizer around them too: {', '.join(KNOWN)}",
                f"{type(optimizer).__module__}.{type(optimizer).__qualname__}",
                "use one of them",
            )
        if "apply" in vars(optimizer):
            raise BadInput("an optimizer takes one sensor at a time", optimizer.name, "detach() the first")
        super().__init__(optimizer, patterns=[names] if isinstance(names, str) else names, **options)
        self._known = name
        self._dialect, self._numbers = told(optimizer, name)
        self._start = float(getattr(optimizer, "initial_accumulator_value", 0.0))
        self._tensors: Any = None
        if keras.config.backend() == "torch":
            from nukarumi.sensor.torch import Tensors  # noqa: PLC0415

            self._tensors = Tensors()
        lr = optimizer.get_config()["learning_rate"]
        settings = dict(self._numbers) | ({"lr": lr} if isinstance(lr, float) else {})
        if name == "Adagrad":
            settings["initial_accumulator"] = self._start
        self.trail.states = self._dialect.states
        self.trail.meta |= {
            "library": "keras",
            "optimizer": self._dialect.name,
            "settings": {key: value for key, value in settings.items() if key != "weight_decay" or value},
            "lr": settings.get("lr"),
            "brake": self._dialect.brake,
        }
        self.step = int(keras.ops.convert_to_numpy(self._updates()))
        self._every = self.trail.every
        self._apply, self._scale_loss = optimizer.apply, self._outer.scale_loss
        # Not by setattr, which Keras watches for things to save.
        vars(optimizer)["apply"] = self._watched
        vars(self._outer)["scale_loss"] = self._note

    def _release(self) -> None:
        vars(self.optimizer).pop("apply", None)
        vars(self._outer).pop("scale_loss", None)

    def flush(self) -> None:
        """Wait until every reading of the updates so far has arrived in the trail (JAX)."""
        if keras.config.backend() == "jax":
            import jax  # noqa: PLC0415

            jax.effects_barrier()  # type: ignore[no-untyped-call]

    def _updates(self) -> Any:
        """How many updates there have been; where gradients are gathered, several calls make one."""
        done, calls = self.optimizer._iterations.value, self.optimizer.gradient_accumulation_steps
        return done // calls if calls else done

    def _moves(self) -> Any:
        """Whether this call moves the weights: None for always, otherwise a number that may be traced."""
        done, calls = self.optimizer._iterations.value, self.optimizer.gradient_accumulation_steps
        return (done + 1) % calls == 0 if calls else None

    def _pushed(self, variable: Any, gradient: Any) -> Any:
        """The gradient that an update is made of: without the loss scale, and with what has been gathered."""
        scale, calls = self.optimizer.loss_scale_factor, self.optimizer.gradient_accumulation_steps
        if scale is not None:
            gradient = gradient / scale
        if calls and self.optimizer.built:
            held = self.optimizer._accumulated_gradients[self.optimizer._get_variable_index(variable)]
            gradient = gradient + held.value
        return gradient / calls if calls else gradient

    def _note(self, loss: Any) -> Any:
        """Stand in for ``scale_loss``, which a trainer calls with the loss of each batch."""
        with self.guarded():
            if self._tensors is not None:
                self.loss = loss.detach() if hasattr(loss, "detach") else loss
            else:
                from nukarumi.sensor.jax import is_traced, report  # noqa: PLC0415

                if is_traced(loss):
                    report(
                        self._updates() + 1,
                        self._every,
                        lambda: loss,
                        lambda: loss,
                        self._loss_came,
                        self._loss_came,
                        self._moves(),
                    )
                else:
                    self.loss = loss
        return self._scale_loss(loss)

    def _loss_came(self, step: Any, loss: Any) -> None:
        self.loss = float(loss)

    def _watched(self, grads: Any, trainable_variables: Any = None) -> Any:
        """Stand in for ``optimizer.apply``."""
        grads = list(grads)
        variables = None if trainable_variables is None else list(trainable_variables)
        begun: tuple[Any, ...] | None = None
        with self.guarded():
            begun = self._begin(grads, variables)
        done = self._apply(grads, variables)
        if begun and self.attached:
            with self.guarded():
                self._end(*begun)
        return done

    def _begin(self, grads: list[Any], variables: list[Any] | None) -> tuple[Any, ...]:
        """Note what is there before the update: pairs of variable and gradient, their values, lr and t."""
        pairs = [
            (variable, gradient)
            for variable, gradient in zip(
                self.optimizer._trainable_variables if variables is None else variables, grads, strict=True
            )
            if gradient is not None and self.watches(variable.path)
        ]
        moves = self._moves()
        values = [variable.value for variable, _ in pairs]
        traced = self._tensors is None and _traced(self._updates(), *values, *(gradient for _, gradient in pairs))
        if not traced:
            if moves is not None and not bool(moves):
                return ()
            moves = None
        if traced or self.due or self.near:
            pairs = [(variable, self._pushed(variable, gradient)) for variable, gradient in pairs]
        lr = keras.ops.convert_to_tensor(self.optimizer.learning_rate)
        numbers: dict[str, Any] = {"lr": lr, "t": self._updates() + 1}
        if self._tensors is None:
            return pairs, values, numbers, moves, traced
        before = self._tensors.keep([value.detach() for value in values], {}) if self.due else []
        return pairs, before, numbers, moves, traced

    def _end(self, pairs: Any, before: list[Any], numbers: dict[str, Any], moves: Any, traced: bool) -> None:
        if self._known == "Nadam":
            numbers["mu_product"] = self.optimizer._u_product.value
        if self._tensors is not None:
            self._end_torch(pairs, before, numbers)
            return
        if traced:
            self._end_traced(pairs, before, numbers, moves)
            return
        self.step += 1
        if (self.step - 1) % self.trail.every == 0:
            given = self._finished({name: float(value) for name, value in numbers.items()})
            whole = self._whole()
            looks: list[tuple[Subject, Look, Mapping[str, float]]] = []
            for (variable, gradient), kept in zip(pairs, before, strict=True):
                states = {letter: np.asarray(state) for letter, state in self._states(variable).items()}
                seen = look(np.asarray(kept), np.asarray(variable.value), np.asarray(gradient), states, whole)
                looks.append((self._subject(variable), seen, given))
            self.record(self.step, looks)
        elif self.due:
            for variable, gradient in pairs:
                self.remember(variable.path, sample(np.asarray(gradient)), self.step)

    def _end_torch(self, pairs: Any, before: list[Any], numbers: dict[str, Any]) -> None:
        import torch  # noqa: PLC0415

        from nukarumi.sensor.torch import Touched  # noqa: PLC0415

        self.step += 1
        with torch.no_grad():
            if before:
                given = self._finished({name: float(value) for name, value in numbers.items()})
                seen = []
                for (variable, gradient), kept in zip(pairs, before, strict=True):
                    states = {letter: state.detach() for letter, state in self._states(variable).items()}
                    seen.append(Touched(kept, variable.value.detach(), gradient.detach(), states, self._dialect))
                looks = self._tensors.looks(seen)
                self.record(
                    self.step,
                    [(self._subject(pair[0]), look, given) for pair, look in zip(pairs, looks, strict=True)],
                )
            elif self.due:
                samples = self._tensors.gradient_samples([gradient.detach() for _, gradient in pairs])
                for (variable, _), sample in zip(pairs, samples, strict=True):
                    self.remember(variable.path, sample, self.step)

    def _end_traced(self, pairs: Any, before: list[Any], numbers: dict[str, Any], moves: Any) -> None:
        from nukarumi.sensor.jax import gradient_sample, opposite, payload, report, sampled, to_look  # noqa: PLC0415

        whole = self._whole()
        subjects = {variable.path: self._subject(variable) for variable, _ in pairs}
        values = [variable.value for variable, _ in pairs]
        states = [self._states(variable) for variable, _ in pairs]
        turned = {variable.path: opposite(gradient) for variable, gradient in pairs}

        def looks() -> Any:
            made = {}
            for (name, gradient), kept, after, own in zip(turned.items(), before, values, states, strict=True):
                made[name] = payload(kept, after, gradient, own, whole)
            return {"looks": made, "numbers": numbers}

        def record(step: Any, given: Any) -> None:
            if not self.attached:
                return
            with self.guarded():
                self.step = int(step) - 1
                if not self.due:  # the trail has thinned since this was compiled
                    return
                settings = self._finished({name: float(value) for name, value in given["numbers"].items()})
                self.step = int(step)
                self.record(
                    self.step, [(subjects[name], to_look(seen), settings) for name, seen in given["looks"].items()]
                )

        def remember(step: Any, given: Any) -> None:
            if self.attached:
                with self.guarded():
                    self.step = int(step)
                    for name, gradient in given.items():
                        self.remember(name, gradient_sample(gradient), int(step))

        report(
            numbers["t"],
            self._every,
            looks,
            lambda: {name: sampled(gradient) for name, gradient in turned.items()},
            record,
            remember,
            moves,
        )

    def _finished(self, numbers: dict[str, float]) -> dict[str, float]:
        """All settings of the rule in this update."""
        given = {**self._numbers, **numbers}
        if self._known == "Nadam":
            given["mu"], given["mu_next"] = (
                rules.nadam_momentum(given["beta1"], 1.0, step) for step in (given["t"], given["t"] + 1)
            )
        return given

    def _whole(self) -> tuple[str, ...]:
        return self._dialect.rate_states if len(self._dialect.rate_states) > 1 else ()

    def _states(self, variable: Any) -> dict[str, Any]:
        states: dict[str, Any] = {}
        index = self.optimizer._get_variable_index(variable)
        for attribute, letter in STATES[self._known].items():
            held = getattr(self.optimizer, attribute, None)
            if held and letter in self._dialect.states:
                states[letter] = held[index].value
        return states

    def _subject(self, variable: Any) -> Subject:
        return Subject(variable.path, tuple(variable.shape), self._dialect, str(variable.dtype), self._start)


def _traced(*values: Any) -> bool:
    """Whether any of JAX's arrays stands for one that a compiled function will have."""
    from nukarumi.sensor.jax import is_traced  # noqa: PLC0415

    return any(map(is_traced, values))


class WatchCallback(keras.callbacks.Callback):  # type: ignore[misc]
    """For ``model.fit(..., callbacks=[WatchCallback(every=10)])``: a sensor on the model's optimizer while it trains.

    Parameters
    ----------
    **options
        As for `nukarumi.sensor.watch`.

    Attributes
    ----------
    sensor
        The sensor; None before the first ``fit``. A second ``fit`` goes on with the same trail.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options
        self.sensor: KerasSensor | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Attach; what JAX has compiled without the sensor is compiled anew."""
        from nukarumi.sensor.attach import watch  # noqa: PLC0415

        fresh = watch(self.model.optimizer, **self.options)
        if self.sensor is not None:
            fresh.trail, fresh.recording = self.sensor.trail, self.sensor.recording
            fresh._memories = self.sensor._memories
        self.sensor = fresh
        self.model.make_train_function(force=True)

    def on_train_end(self, logs: Any = None) -> None:
        """Detach, and let the next ``fit`` compile a step without the sensor."""
        if self.sensor is not None:
            self.sensor.detach()
        self.model.train_function = None
