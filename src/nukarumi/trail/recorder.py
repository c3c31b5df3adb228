"""The observer: it looks at an update from outside and never touches what it looks at.

On a step that is not due the recorder does one remainder and hands the call on (on the last of them it also keeps a
small sample of the gradient). On a due step it copies the parameters,
lets the optimizer work, and measures the difference: the step norm is the way really gone, whatever the rule claims.

Of a table whose gradient comes by rows (`nukarumi.Rows`) only the touched rows are copied and measured: the rows that
rest have no gradient and take no step. Its norms and quantiles are then those of the rows that this update touched.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.trail.reading import Touched, aligned, cosine, read_array, sample, touched
from nukarumi.trail.record import Trail

__all__ = ["Recorder", "Steps"]


class Steps(Protocol):
    """What a recorder asks of an optimizer; every optimizer of `nukarumi.optim` has it.

    The states are read as attributes named by ``state_names``: None, or a mapping from parameter name to array.
    """

    state_names: tuple[str, ...]

    @property
    def t(self) -> int:
        """The number of updates done."""
        ...

    def update(self, params: Any, grads: Any) -> None:
        """Do one update in place."""
        ...

    def effective_lr(self, name: str, rows: Any = None) -> Any:
        """The learning rate that each entry of a parameter got in the last update; with rows, only those rows.

        Rows are only asked for of a parameter whose gradient came by rows.

        Raises
        ------
        BadInput
            If the last update left this parameter out.
        """
        ...


class Recorder:
    """Records the updates of one optimizer into one trail.

    Parameters
    ----------
    trail
        Where the rows go. An empty one without arrays takes the optimizer's state names.
        Its ``every`` says which steps are due: 1, 1 + every, 1 + 2 every, and so on.
    optimizer
        The optimizer to watch. The training is bit-identical with and without a recorder.

    Examples
    --------
    >>> import numpy as np
    >>> class Halve:
    ...     state_names, t = (), 0
    ...     def update(self, params, grads):
    ...         self.t += 1
    ...         params["w"] -= 0.5 * grads["w"]
    ...     def effective_lr(self, name):
    ...         return np.full(1, 0.5)
    >>> trail, params = Trail(), {"w": np.array([8.0])}
    >>> recorder = Recorder(trail, Halve())
    >>> for _ in range(3):
    ...     recorder.update(params, {"w": params["w"].copy()}, loss=float(params["w"][0]) ** 2 / 2)
    >>> trail.column("w", "step_norm").tolist()
    [4.0, 2.0, 1.0]
    """

    def __init__(self, trail: Trail, optimizer: Steps) -> None:
        self.trail, self.optimizer = trail, optimizer
        self.step = int(optimizer.t)
        if not trail.arrays and not trail.states:
            trail.states = tuple(optimizer.state_names)
        self._before: dict[str, NDArray[Any]] = {}
        self._rows: dict[str, Touched] = {}
        self._samples: dict[str, NDArray[np.float64] | Touched] = {}
        self._sampled = -1

    @property
    def due(self) -> bool:
        """Whether the next update will be recorded."""
        return self.step % self.trail.every == 0

    def update(
        self, params: MutableMapping[str, Any], grads: Mapping[str, Any], loss: float = float("nan"), *,
        record: bool = False,
    ) -> None:  # fmt: skip
        """Let the optimizer do one update, and record it when it is due.

        Parameters
        ----------
        params, grads
            What ``optimizer.update`` takes.
        loss
            The loss at ``params`` before the update.
        record
            Record this step even if it is not due.

        Raises
        ------
        Exception
            Whatever the optimizer raises; then nothing is recorded and the step does not count.
        """
        if not record and self.step % self.trail.every:
            self.optimizer.update(params, grads)
            self.step += 1
            if self.due:  # the next row's cosine looks back at this gradient
                self._remember(params, grads)
            return
        self.before(params, grads)
        self.optimizer.update(params, grads)
        self.step += 1
        self.after(params, grads, loss)

    def remember(self, grads: Mapping[str, Any]) -> None:
        """Keep a sample of the gradients of step ``self.step``, for the cosine of the next row."""
        self._remember({}, grads)

    def _remember(self, params: Mapping[str, Any], grads: Mapping[str, Any]) -> None:
        self._samples = {}
        for name, gradient in grads.items():
            given = touched(gradient, np.shape(params[name])) if name in params else None
            self._samples[name] = sample(gradient) if given is None else given
        self._sampled = self.step

    def before(self, params: Mapping[str, Any], grads: Mapping[str, Any] | None = None) -> None:
        """Copy the parameters; for an optimizer that someone else drives. Call `after` when it has stepped.

        Parameters
        ----------
        params
            The parameters before the update.
        grads
            Its gradients: of a table that gets rows, only these are copied.
        """
        self._rows = {}
        for name in [name for name in self._before if name not in params]:
            del self._before[name]
        for name, value in params.items():
            array = np.asarray(value)
            given = touched(grads[name], array.shape) if grads is not None and name in grads else None
            if given is not None:
                self._rows[name], self._before[name] = given, array[given.rows]
                continue
            kept = self._before.get(name)
            if kept is None or kept.shape != array.shape or kept.dtype != array.dtype:
                self._before[name] = np.array(array)
            else:
                np.copyto(kept, array)

    def _rate(self, name: str, *rows: Any) -> Any:
        """The effective learning rate, or None for an array that the update left out (``on_nonfinite="skip"``)."""
        try:
            return self.optimizer.effective_lr(name, *rows)
        except BadInput:
            return None

    def after(self, params: Mapping[str, Any], grads: Mapping[str, Any], loss: float) -> None:
        """Measure what the update did and append the row of step ``self.step``."""
        trail = self.trail
        readings: dict[str, dict[str, Any]] = {}
        for name, before in self._before.items():
            if name not in grads:
                continue
            after = np.asarray(params[name])
            trail.add_array(name, after.shape)
            states: dict[str, Any] = {}
            for state in trail.states:
                arrays = getattr(self.optimizer, state, None)
                if arrays is not None and name in arrays:
                    states[state] = arrays[name]
            given = self._rows.get(name)
            rate = self._rate(name) if given is None else self._rate(name, given.rows)
            if given is None:
                pushed: Any = sample(grads[name])
                small = after.size <= trail.small
                readings[name] = reading = read_array(before, after, grads[name], states, rate, values=small)
            else:
                pushed, rows = given, given.rows
                states = {letter: state[rows] for letter, state in states.items()}
                readings[name] = reading = read_array(before, after[rows], given.values, states, rate)
            if name in self._samples and self._sampled == self.step - 1:
                pair = aligned(pushed, self._samples[name])
                if pair is not None:
                    reading["gradient_cosine"] = cosine(*pair)
        if trail.every == 1:
            self._remember(params, grads)
        trail.append(self.step, float(loss), readings)
