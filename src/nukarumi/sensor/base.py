"""The sensor: what every library's adapter shares. It watches updates, writes readings, and disturbs nothing.

An adapter says when an update begins and ends, and hands over looks (`nukarumi.sensor.look`). The sensor counts,
decides which updates are due, makes the readings, and passes them on. Readings are made for several rows at once, which
takes a fraction of the time, and whenever somebody reads the trail. Whatever goes wrong in it, the training goes on:
there is one warning, and then silence.
"""

from __future__ import annotations

import fnmatch
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.sensor.look import MEASURES, Memory, Seen, cosines, derive, reading
from nukarumi.sensor.recording import Recording
from nukarumi.trail import QUANTILES, SAMPLE, Trail
from nukarumi.trail.reading import Touched, aligned

__all__ = ["Sensor", "Writer", "scalars"]


WAITING = 16
"""Rows that are worked out at once; fewer where somebody asks before, or where they hold more than `HELD` entries."""

HELD = 1 << 19


class _Row(NamedTuple):
    """An update that has been taken down; ``pairs`` are the samples of its gradient and of the one before."""

    step: int
    loss: float
    looks: Sequence[Seen]
    pairs: Sequence[tuple[Any, Any] | None]


class Writer(Protocol):
    """What is asked of a TensorBoard writer; ``torch.utils.tensorboard.SummaryWriter`` and tensorboardX have it."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Note one number."""
        ...


class Sensor:
    """Watches one optimizer; made by `watch`.

    Attributes
    ----------
    optimizer
        What is watched (for optax: the wrapped transformation, which is to be used in place of the given one).
    trail
        The record, `nukarumi.trail.Trail`; `diagnose` reads it.
    recording
        A sample of gradients for `whatif`, or None (``keep=0``).
    loss
        Set it before an update, and the reading of that update holds it. It is forgotten afterwards.
    """

    library = ""
    naming = ""
    """What else can be done where ``names`` match nothing: the end of a sentence."""

    def __init__(
        self,
        optimizer: Any,
        *,
        every: int,
        trail: Trail | None,
        keep: int,
        writer: Writer | None,
        log: Callable[[dict[str, Any]], object] | None,
        patterns: Sequence[str] | None = None,
    ) -> None:
        self.optimizer = optimizer
        if trail is not None and (trail.arrays or len(trail)):
            raise BadInput("a sensor writes into an empty trail", trail, "pass Trail(), or leave trail out")
        self.trail = Trail(every=every, measures=MEASURES) if trail is None else trail
        self.trail.measures = MEASURES
        if trail is not None:
            self.trail.every = max(every, trail.every)
        if isinstance(keep, bool) or not isinstance(keep, int) or not 0 <= keep <= SAMPLE:  # type: ignore[redundant-expr]
            raise BadInput(f"keep must be a whole number from 0 to {SAMPLE}", keep, "pass keep=64")
        self.recording = Recording(self.trail, keep) if keep else None
        self.writer, self.log, self.patterns = writer, log, None if patterns is None else tuple(patterns)
        self._last: tuple[dict[str, Any], dict[str, dict[str, Any]]] = {}, {}
        self.loss: Any = None
        self.step = 0
        self.failed: Exception | None = None
        self.attached = True
        self._memories: dict[str, Memory] = {}
        self._added: set[str] = set()
        self._waiting: list[_Row] = []
        self._held = 0
        self._settling = threading.RLock()
        self._offered: dict[str, None] | None = None if self.patterns is None else {}

    def __repr__(self) -> str:
        how = "failed" if self.failed else "attached" if self.attached else "detached"
        return f"<Sensor on {type(self.optimizer).__name__}: {how}, {self.trail!r}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()

    def detach(self) -> None:
        """Stop watching and leave the optimizer as it was; the trail stays. Doing it twice does no harm."""
        if self.attached:
            if self.failed is None:
                self.flush()
            self.attached = False
            self.settle()
            self._release()

    def flush(self) -> None:
        """Wait until every reading of the updates so far has arrived; only on JAX are there any under way."""

    def _release(self) -> None:
        """Take the hooks off; each adapter does it in its own way."""

    # For the adapters -------------------------------------------------------------------------------------------------

    def watches(self, name: str) -> bool:
        """Whether an array of this name was asked for.

        Adapters ask about every array, from the first update on. Once all have been named, patterns that match none are
        told of.
        """
        if self.patterns is None:
            return True
        if self._offered is not None:
            if name in self._offered:  # a second round: the first is complete
                self._miss()
            else:
                self._offered[name] = None
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)

    def _miss(self) -> None:
        """Warn, once, of the patterns that match none of the arrays that there are."""
        if self._offered is None or self.patterns is None:
            return
        offered, self._offered = list(self._offered), None
        missed = [pattern for pattern in self.patterns if not fnmatch.filter(offered, pattern)]
        if not missed and self.patterns:
            return
        listed, there = ", ".join(map(repr, missed)), _shortened(offered)
        what = f"these match none: {listed}" if missed else "there are none"
        if len(missed) == len(self.patterns):
            what += ", so that nothing is watched"
        _warn(
            f"names must be patterns of the arrays that {type(self.optimizer).__name__} updates; {what}. "
            f"The arrays are {there}; correct the patterns, or leave names out to watch them all{self.naming}"
        )

    @property
    def due(self) -> bool:
        """Whether the next update is to be recorded."""
        return self.step % self.trail.every == 0

    @property
    def near(self) -> bool:
        """Whether the update after the next is to be recorded, so that the next one's gradient is remembered."""
        return (self.step + 1) % self.trail.every == 0

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Whatever is raised inside ends the sensor, not the training: one warning, then silence."""
        try:
            yield
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Give up, with one warning."""
        if self.failed is None:
            self.failed = error
            self._waiting = []
            self.detach()
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            _warn(
                f"the sensor on {type(self.optimizer).__name__} has stopped at step {self.step}: {told}; "
                "the training goes on without it"
            )

    def remember(self, name: str, gradient: Any, step: int) -> None:
        """Keep the sample of a gradient of an update that is not recorded, for the cosine of the next one.

        A gradient by rows is kept as it is (`nukarumi.trail.reading.Touched`).
        """
        memory = self._memories.setdefault(name, Memory())
        memory.gradient = gradient if isinstance(gradient, Touched) else np.asarray(gradient)
        memory.step = step

    def record(self, step: int, looks: Sequence[Seen]) -> None:
        """Take down an update; its row is in the trail when somebody reads it, at the latest `WAITING` updates later.

        Parameters
        ----------
        step
            Its number, counted from 1.
        looks
            For each array: what was looked at, the look, and the settings of the rule in this update.
        """
        self._miss()
        pairs: list[tuple[Any, Any] | None] = []
        for subject, seen, _ in looks:
            name = subject.name
            memory = self._memories.get(name)
            if memory is None:
                memory = self._memories[name] = Memory()
            if name not in self._added:
                self.trail.add_array(name, subject.shape)
                self.trail.meta.setdefault("dtypes", {})[name] = subject.dtype
                self._added.add(name)
            pushed, last = seen.remembered, memory.gradient
            pairs.append(aligned(pushed, last) if last is not None and memory.step == step - 1 else None)
            memory.gradient, memory.step = pushed, step
        loss, self.loss = self.loss, None
        row = _Row(step, float("nan") if loss is None else float(loss), looks, pairs)
        with self._settling:  # somebody else may be reading the trail
            self._waiting.append(row)
            self._held += sum((3 + len(seen.states)) * seen.gradient.size for _, seen, _ in looks)
        rows = len(self._waiting)
        if (
            self.recording is not None
            or self.writer is not None
            or self.log is not None
            or rows >= WAITING
            or self._held > HELD
            or self.trail.room < rows  # it thins, and other updates will be due
            or not all(seen.lasts for _, seen, _ in looks)
        ):
            self.settle()
        else:
            self.trail.expect(self.settle)

    def settle(self) -> None:
        """Write the rows that have been taken down so far; reading the trail does it too."""
        with self._settling, self.guarded():
            rows, self._waiting, written = self._waiting, [], 0  # nothing is left for whoever asks meanwhile
            try:
                for row, readings in zip(rows, self._readings(rows), strict=True):
                    self.trail.append(row.step, row.loss, readings)
                    written += 1
                    if self.recording is not None:
                        self.recording.append(row.step, row.looks)
                    self._last = {"step": row.step, "loss": row.loss}, readings
                    self._pass_on(row.step)
            finally:
                self._waiting, self._held = rows[written:] + self._waiting, 0

    def _readings(self, rows: Sequence[_Row]) -> Iterator[dict[str, dict[str, Any]]]:
        """Make the readings of some rows, each a mapping from array to columns."""
        derived = iter(derive([one for row in rows for one in row.looks]))
        turned = iter(cosines([pair for row in rows for pair in row.pairs if pair is not None]))
        letters, small = self.trail.states, self.trail.small
        for row in rows:
            made: dict[str, dict[str, Any]] = {}
            for (subject, seen, _), pair in zip(row.looks, row.pairs, strict=True):
                memory = self._memories[subject.name]
                made[subject.name] = reading(subject, seen, next(derived), memory, letters=letters, small=small)
                if pair is not None:
                    made[subject.name]["gradient_cosine"] = next(turned)
            yield made

    def _pass_on(self, step: int) -> None:
        """Hand the last reading to whoever asked for it."""
        if self.writer is None and self.log is None:
            return
        row = self._flat
        if self.writer is not None:
            for name, number in row.items():
                if name != "step" and number == number:
                    self.writer.add_scalar(f"nukarumi/{name}", number, step)
        if self.log is not None:
            self.log(row)

    @property
    def row(self) -> dict[str, Any]:
        """The last reading as a plain dict, ``{"step": 11, "W/step_norm": 0.01, ...}``; empty before the first."""
        self.settle()
        return self._flat

    @property
    def _flat(self) -> dict[str, Any]:
        flat, readings = dict(self._last[0]), self._last[1]
        for array, made in readings.items():
            flat |= {f"{array}/{name}": number for name, number in scalars(made).items()}
        return flat


def _warn(message: str) -> None:
    """Warn; even where warnings are errors, the training goes on."""
    with warnings.catch_warnings():
        if any(action == "error" for action, *_ in warnings.filters):
            warnings.simplefilter("default")
        warnings.warn(message, RuntimeWarning, stacklevel=4)


def _shortened(names: Sequence[str], most: int = 8) -> str:
    shown = ", ".join(map(repr, names[:most])) or "none"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def scalars(made: Mapping[str, Any]) -> dict[str, float]:
    """Flatten one array's reading to plain numbers: quantiles by their name, values left out, the step ratio added.

    Examples
    --------
    >>> scalars({"step_norm": 0.5, "weight_norm": 2.0, "nonfinite_weights": 0})
    {'step_norm': 0.5, 'weight_norm': 2.0, 'nonfinite_weights': 0.0, 'step_ratio': 0.25}
    """
    flat: dict[str, float] = {}
    for name, value in made.items():
        if name.startswith("value/"):
            continue
        if np.ndim(value):
            flat |= {f"{name}/{q:g}": float(part) for q, part in zip(QUANTILES, value, strict=True)}
        else:
            flat[name] = float(value)
    if "step_norm" in flat:
        weight = flat.get("weight_norm", 0.0)
        flat["step_ratio"] = flat["step_norm"] / weight if weight else float("nan")
    return flat
