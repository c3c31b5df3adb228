"""JAX: a look that is taken inside a compiled function, and comes out of it only when its update is due.

Norms, counts, extremes and samples are computed on the device, in a branch of ``lax.cond`` that the other updates never
enter; a callback hands them to the host, in order. The training's own arrays are only read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from nukarumi.sensor.look import Look
from nukarumi.trail.reading import positions

__all__ = ["gradient_sample", "is_traced", "opposite", "payload", "report", "sampled", "to_look"]

Payload: TypeAlias = dict[str, Any]

BLOCK = 256


def is_traced(value: Any) -> bool:
    """Whether a value stands for one that a compiled function will have."""
    return isinstance(value, jax.core.Tracer)


def opposite(gradient: Any) -> Any:
    """Turn the sign of a gradient, before any branch reads it.

    XLA moves the reshapes and transpositions that a gradient comes out of behind the arithmetic of the update, and so
    decides in which loop that arithmetic is compiled and how its roots are rounded. It does so only where every reader
    of the gradient is arithmetic. A branch or a callback is none; a turned sign is, and it is exact: what reads the
    turned gradient leaves these moves, and with them the weights' bits, as they were. Where XLA would have kept the
    gradient inside one loop with the update, any reader at all may still change a rounding (see docs/sensor.md).
    """
    return jnp.negative(gradient)


def payload(before: Any, after: Any, turned: Any, states: Mapping[str, Any], whole: tuple[str, ...]) -> Payload:
    """Compute what the host needs for a `nukarumi.sensor.look.Look`; ``turned`` is the `opposite` gradient."""
    return {
        "norms": [_squares(turned), _squares(after - before), _squares(after)],
        "nonfinite": [
            _nonfinite(turned),
            _nonfinite(after),
            sum((_nonfinite(state) for state in states.values()), jnp.zeros((), jnp.int32)),
        ],
        "turned": sampled(turned),
        "before": sampled(before),
        "after": sampled(after),
        "states": {letter: sampled(state) for letter, state in states.items()},
        "ends": {letter: (jnp.min(state), jnp.max(state)) for letter, state in states.items() if state.size},
        "whole": {letter: states[letter] for letter in whole if letter in states},
    }


def sampled(array: Any) -> Any:
    """Take the trail's sample of an array, on the device."""
    flat = jnp.ravel(array)
    where = positions(flat.size)
    return flat[where] if len(where) < flat.size else flat


def gradient_sample(turned: Any) -> Any:
    """The sample of a gradient, on the host, from that of its `opposite`."""
    return np.negative(np.array(turned, np.float64))


def to_look(given: Payload) -> Look:
    """Make the look of what has come to the host."""
    norms = [_norm(part) for part in given["norms"]]
    counts = [int(part) for part in given["nonfinite"]]
    ends = {letter: (float(low), float(high)) for letter, (low, high) in given["ends"].items()}
    return Look(
        (norms[0], norms[1], norms[2]),
        (counts[0], counts[1], counts[2]),
        gradient_sample(given["turned"]),
        np.array(given["before"], np.float64),
        np.array(given["after"], np.float64),
        {letter: np.array(state, np.float64) for letter, state in given["states"].items()},
        {letter: ends.get(letter, (float("nan"), float("nan"))) for letter in given["states"]},
        {letter: np.array(state, np.float64) for letter, state in given["whole"].items()},
    )


def report(
    step: Any,
    every: int,
    looks: Callable[[], Any],
    samples: Callable[[], Any],
    record: Callable[[Any, Any], None],
    remember: Callable[[Any, Any], None],
    happens: Any = None,
) -> None:
    """Inside a compiled function: hand looks to the host at due updates, and samples at the ones just before.

    Parameters
    ----------
    step
        The number of this update, counted from 1; it may be traced.
    every
        Which updates are due: 1, 1 + every, and so on.
    looks, samples
        What is computed in either case.
    record, remember
        What the host does with the step and it.
    happens
        Whether this call is an update at all; None for always.
    """

    def hand(what: Callable[[], Any], to: Callable[[Any, Any], None]) -> None:
        jax.debug.callback(to, step, what(), ordered=True)

    def due() -> None:
        if every == 1:
            hand(looks, record)
            return
        jax.lax.cond(
            (step - 1) % every == 0,
            lambda: hand(looks, record),
            lambda: jax.lax.cond(step % every == 0, lambda: hand(samples, remember), lambda: None),
        )

    if happens is None:
        due()
    else:
        jax.lax.cond(happens, due, lambda: None)


def _squares(array: Any) -> tuple[Any, Any]:
    """The largest entry, and the sums of squares of blocks in units of it, so that float32 loses next to nothing."""
    flat = jnp.ravel(array)
    flat = flat.astype(jnp.promote_types(flat.dtype, jnp.float32))
    peak = jnp.max(jnp.abs(flat), initial=0.0)
    scaled = jnp.where(peak > 0, flat / peak, 0.0)
    padded = jnp.pad(jnp.square(scaled), (0, -flat.size % BLOCK))
    return peak, jnp.sum(padded.reshape(-1, BLOCK), axis=1)


def _norm(part: tuple[Any, Any]) -> float:
    peak = float(part[0])
    if peak == 0.0 or not np.isfinite(peak):
        return peak
    return peak * float(np.sqrt(np.sum(np.asarray(part[1], np.float64))))


def _nonfinite(array: Any) -> Any:
    return jnp.sum(~jnp.isfinite(array), dtype=jnp.int32)
