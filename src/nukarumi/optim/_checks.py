"""What parameters and gradients must be, and what is said when they are not; nothing is changed here."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nukarumi._errors import BadInput, BadType

__all__ = [
    "admit",
    "compute_type",
    "first_nonfinite",
    "refuse_keys",
    "refuse_overlaps",
    "require",
    "require_rows",
    "require_state",
]

Array = np.ndarray[Any, Any]

_COMPUTED_IN: dict[str, np.dtype[Any]] = {
    "float16": np.dtype(np.float32),
    "bfloat16": np.dtype(np.float32),
    "float32": np.dtype(np.float32),
    "float64": np.dtype(np.float64),
}
_FLOATS = "float64, float32, float16 or bfloat16"


def compute_type(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """The type that arrays of this type are computed in, which is also their state's; None if it is not supported."""
    found: np.dtype[Any] | None = _COMPUTED_IN.get(dtype.name)
    return found


def require(name: Any, w: Any) -> np.dtype[Any]:
    """The type a parameter is computed in, or a refusal.

    Raises
    ------
    BadType
        If it is neither an array of floats nor a Python or NumPy float.
    BadInput
        If it is read-only or overlaps itself.
    """
    if isinstance(w, (float, np.floating)) and compute_type(np.asarray(w).dtype) is not None:
        return compute_type(np.asarray(w).dtype) or np.dtype(np.float64)
    where = f"params[{name!r}]"
    if not isinstance(w, np.ndarray):
        cure = f"write {w!r}.0" if isinstance(w, int) and not isinstance(w, bool) else "np.asarray(..., dtype=float)"
        raise BadType(f"{where} must be a NumPy array of floats or a float", f"{type(w).__name__} {w!r:.60}", cure)
    _plain(where, w)
    found = compute_type(w.dtype)
    if found is None:
        raise BadType(f"{where} must hold {_FLOATS}", f"dtype {w.dtype}", f"params[{name!r}].astype(np.float64)")
    _room_of_its_own(where, w)
    return found


def require_state(where: str, state: Any) -> None:
    """Refuse an array that cannot hold a state; its contents are not read.

    Raises
    ------
    BadType
        If it is no float32 or float64 array.
    BadInput
        If it is read-only or overlaps itself.
    """
    if not isinstance(state, np.ndarray) or state.dtype not in (np.float32, np.float64):
        kind = state.dtype if isinstance(state, np.ndarray) else type(state).__name__
        raise BadType(f"{where} must be a float32 or float64 array", str(kind), "np.zeros(shape, np.float32)")
    _plain(where, state)
    _room_of_its_own(where, state)


def require_rows(rows: Any, shape: tuple[int, ...]) -> Array:
    """Numbers of rows of a parameter, or a refusal.

    Raises
    ------
    BadType
        If they are not whole numbers.
    BadInput
        If they are not in one dimension, or the parameter has no such row.
    """
    found = np.asarray(rows)
    if found.size == 0:
        found = found.astype(np.int64)
    if found.dtype.kind not in "iu":
        raise BadType("rows must be whole numbers", f"dtype {found.dtype}", "rows.astype(np.int64)")
    if found.ndim != 1:
        raise BadInput("rows must have one dimension", f"shape {found.shape}", "rows.reshape(-1)")
    length = shape[0] if shape else 0
    bad = (found < 0) | (found >= length)
    if bad.any():
        raise BadInput(
            f"rows must be among the parameter's {length}", f"{found[bad][0]}", "leave it out; numbers start at 0"
        )
    return found


def _room_of_its_own(where: str, array: Array) -> None:
    if not array.flags.writeable:
        raise BadInput(
            f"{where} is changed in place, so it must be writeable",
            f"a read-only array of shape {array.shape}",
            f"{where} = {where}.copy(), or a memory map of mode 'r+'",
        )
    if not array.flags.forc and _overlaps_itself(array):
        raise BadInput(
            f"{where} must have a place in memory for every entry",
            f"an array of shape {array.shape} with strides {array.strides}, as sliding windows have",
            f"{where} = {where}.copy()",
        )


def _overlaps_itself(w: Array) -> bool:
    """Whether two entries of an array share bytes."""
    reach = w.itemsize
    for stride, length in sorted((abs(stride), length) for stride, length in zip(w.strides, w.shape, strict=True)):
        if length > 1 and stride < reach:
            break
        reach += stride * (length - 1)
    else:
        return False
    if w.size == 0:
        return False
    steps = [np.arange(length) * stride for length, stride in zip(w.shape, w.strides, strict=True)]
    places = sum(np.ix_(*steps), np.zeros((), np.int64))
    line = np.sort(places, axis=None)
    return bool((np.diff(line) < w.itemsize).any())


def admit(name: Any, g: Any, shape: tuple[int, ...]) -> Array:
    """A gradient fit for the parameter of this name and shape, as an array, or a refusal.

    Raises
    ------
    BadType
        If it is not an array of floats (a number will do for a number or a 0-d array).
    BadInput
        If its shape is not the parameter's: nothing is broadcast.
    """
    where = f"grads[{name!r}]"
    if isinstance(g, np.ndarray):
        _plain(where, g)
        if compute_type(g.dtype) is None:
            raise BadType(f"{where} must hold {_FLOATS}", f"dtype {g.dtype}", f"grads[{name!r}].astype(np.float64)")
        if g.shape != shape:
            raise BadInput(
                f"{where} must have the shape of its parameter, {shape}; nothing is broadcast",
                f"shape {g.shape}",
                "compute one gradient entry for each parameter entry (sum over the batch, or reshape)",
            )
        return np.asarray(g)
    if isinstance(g, (float, int, np.floating)) and not isinstance(g, bool):
        if shape == ():
            try:
                return np.array(g, np.float64)
            except OverflowError:  # a whole number beyond every float
                raise BadInput(f"{where} must fit into a float", f"{g!r:.60}", "scale the gradient down") from None
        raise BadInput(
            f"{where} must have the shape of its parameter, {shape}; nothing is broadcast",
            f"the number {g!r:.60}",
            f"np.full({shape}, {g!r:.60})",
        )
    raise BadType(
        f"{where} must be a NumPy array of floats", f"{type(g).__name__} {g!r:.60}", "np.asarray(..., dtype=float)"
    )


def _plain(where: str, array: Array) -> None:
    masked = sys.modules.get("numpy.ma")  # NumPy brings it in when first asked for: until then nobody has such an array
    if masked is not None and isinstance(array, masked.MaskedArray):
        raise BadType(
            f"{where} must be a plain array: a mask would be ignored", "a masked array", "use array.filled(0.0)"
        )


def refuse_keys(names: Sequence[Any], grads: Mapping[Any, Any]) -> None:
    """Refuse gradients that are missing or that belong to no parameter."""
    missing = [name for name in names if name not in grads]
    if missing:
        raise BadInput(
            "grads must hold a gradient for every parameter",
            f"none for {_some(missing)}",
            "add it (zeros if there is none), or pass only the parameters that are to move",
        )
    known = set(names)
    extra = [name for name in grads if name not in known]
    if extra:
        raise BadInput(
            "grads must hold no gradient without a parameter",
            f"{_some(extra)}, while the parameters are {_some(names)}",
            "correct the name, or leave it out",
        )


def _some(names: Iterable[Any]) -> str:
    shown = [repr(name) for name in names]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def refuse_overlaps(params: Sequence[tuple[Any, Array]], states: Sequence[tuple[str, Array]] = ()) -> None:
    """Refuse two parameters that share memory: one would be moved twice. So would a state that came from outside.

    Arrays whose byte ranges are apart are settled by sorting; only the others are asked exactly.
    """
    named = [(f"params[{name!r}]", w) for name, w in params] + list(states)
    spans = sorted(
        ((*np.lib.array_utils.byte_bounds(w), k) for k, (_, w) in enumerate(named) if w.size), key=lambda s: s[:2]
    )
    open_spans: list[tuple[int, int]] = []
    for low, high, k in spans:
        open_spans = [(end, other) for end, other in open_spans if end > low]
        for _, other in open_spans:
            (one, first), (two, second) = named[other], named[k]
            if _share(first, second):
                raise BadInput(
                    "no two parameters may overlap in memory: the shared entries would move twice",
                    f"{one} and {two} share memory",
                    f"{two} = {two}.copy(), or pass one of them only",
                )
        open_spans.append((high, k))


def _share(one: Array, two: Array) -> bool:
    try:
        return np.shares_memory(one, two, max_work=1_000_000)  # type: ignore[arg-type]  # any number is right
    except np.exceptions.TooHardError:
        return True


def first_nonfinite(array: Any) -> tuple[int, ...] | None:
    """The index of the first value, in C order, that is NaN or infinite; None if all are finite.

    Examples
    --------
    >>> first_nonfinite(np.array([[1.0, 2.0], [np.nan, np.inf]]))
    (1, 0)
    """
    array = np.asarray(array)
    if array.dtype.kind != "f":
        array = array.astype(np.float32)
    if array.ndim == 0:
        return None if np.isfinite(array) else ()
    rows = max(1, 65536 // max(1, array[:1].size))
    for start in range(0, len(array), rows):
        finite = np.isfinite(array[start : start + rows])
        if not finite.all():
            index = np.unravel_index(int(np.argmin(finite)), finite.shape)
            return (start + int(index[0]), *map(int, index[1:]))
    return None
