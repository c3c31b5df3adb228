"""The compiled engine: one fused loop per recipe and type, written from the rule's own lines.

A rule becomes Python source (`source`), Numba turns that into LLVM's language, and LLVM into machine code that stands
on its own: it calls nothing, allocates nothing, holds no Python object. That code is kept in a folder of the user
(`cache_folder`) and loaded again by llvmlite alone, so a fresh process is at full speed in some ten milliseconds,
without importing Numba at all.

What makes the bits equal to NumPy's: settings are combined by Python before the loop and rounded once
(`nukarumi.translate.hoist`); every operation is the processor's own, correctly rounded; nothing is contracted,
reordered or approximated.

A loop over entries works through a table of *chunks*, one row each: number of entries, then the address of every stream
(``w``, ``g``, state ...). Threads take the next row from a shared counter, so whoever wakes late just does less.
The loops over the rows of a table, which are kept in the same way, are in `nukarumi.optim.engine.row_loops`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.optim.engine import machine
from nukarumi.optim.engine.recipe import Recipe

__all__ = [
    "DONE",
    "NEXT",
    "SUSPICIOUS",
    "Key",
    "Loop",
    "build",
    "cached",
    "link",
    "loaded",
    "loop",
    "source",
]

NEXT, DONE, SUSPICIOUS = 0, 1, 2
"""The counters that threads share: next chunk to take, chunks done, chunks that met a gradient that is not finite."""

_FORMAT = 1
_EXPONENT = {"float32": 0x7F800000, "float64": 0x7FF0000000000000}


class Loop:
    """A compiled recipe for one type.

    Attributes
    ----------
    run
        ``run(chunks, count, constants, counters)``, addresses as integers; releases the GIL.
    constants
        From the recipe's settings to the constants of the loop.
    """

    def __init__(self, run: Callable[..., Any], constants: Callable[..., tuple[float, ...]], keep: object) -> None:
        self.run, self.constants, self._keep = run, constants, keep


def source(recipe: Recipe, dtype: str, *, checked: bool = True) -> str:
    """The Python text of the loop; ``checked=False`` leaves out the watch for gradients that are not finite.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.optim.engine.recipe import recipe
    >>> print(source(recipe(rules.sgd), "float32"), end="")
    def loop(chunks, count, constants, counters):
        c0 = constants[0]
        while True:
            chunk = take_one(counters, 0)
            if chunk >= count:
                break
            row = chunk * 3
            w_at = float32_at(chunks[row + 1])
            g_at = float32_at(chunks[row + 2])
            bits_at = uint32_at(chunks[row + 2])
            largest = zero
            for i in range(chunks[row]):
                w = w_at[i]
                g = g_at[i]
                largest = larger_magnitude(largest, bits_at[i])
                w = w - c0 * g
                w_at[i] = w
            if largest >= infinite:
                take_one(counters, 2)
            take_one(counters, 1)
    """
    from nukarumi.translate.hoist import hoist  # noqa: PLC0415

    cut = hoist(recipe.straight)
    arrays = cut.rule.arrays
    bits = "uint" + dtype.removeprefix("float")
    out: list[str] = ["def loop(chunks, count, constants, counters):"]
    out += [f"    {name} = constants[{k}]" for k, name in enumerate(cut.constants)]
    out += [
        "    while True:",
        f"        chunk = take_one(counters, {NEXT})",
        "        if chunk >= count:",
        "            break",
        f"        row = chunk * {1 + len(arrays)}",
    ]
    out += [f"        {name}_at = {dtype}_at(chunks[row + {k}])" for k, name in enumerate(arrays, 1)]
    out += [
        f"        bits_at = {bits}_at(chunks[row + {1 + arrays.index('g')}])",
        "        largest = zero",
        "        for i in range(chunks[row]):",
    ]
    out += [f"            {name} = {name}_at[i]" for name in arrays]
    if checked:
        out += ["            largest = larger_magnitude(largest, bits_at[i])"]
    out += [f"            {line}" for line in cut.body]
    out += [f"            {name}_at[i] = {name}" for name in cut.rule.returns]
    out += [
        "        if largest >= infinite:",
        f"            take_one(counters, {SUSPICIOUS})",
        f"        take_one(counters, {DONE})",
    ]
    return "\n".join(out) + "\n"


Key: TypeAlias = tuple[Recipe | None, str, str]
"""A loop's recipe, its type, and what it goes over: ``"entries"`` or ``"rows"``, or ``"sums"`` without a recipe."""

_loops: dict[Key, Loop] = {}
_building = threading.RLock()


def _after_fork() -> None:
    """A child must not wait for a thread that only its parent has."""
    global _building  # noqa: PLW0603
    _building = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def loop(recipe: Recipe | None, dtype: str, over: str = "entries") -> Loop:
    """The compiled loop of a recipe: from memory, else from the user's folder, else compiled now.

    Raises
    ------
    BadInput
        If it has to be compiled and Numba is not installed.
    """
    key = (recipe, dtype, over)
    made = _loops.get(key)
    if made is None:
        with _building:
            made = _loops.get(key)
            if made is None:
                made = _loops[key] = _load(key)
    return made


def loaded(recipe: Recipe | None, dtype: str, over: str = "entries") -> bool:
    """Whether `loop` would answer from memory."""
    return (recipe, dtype, over) in _loops


def cached(recipe: Recipe | None, dtype: str, over: str = "entries") -> bool:
    """Whether `loop` would answer without compiling."""
    key = (recipe, dtype, over)
    if key in _loops:
        return True
    try:
        return machine.kept(_path(key, _text(key))) is not None
    except ImportError:
        return False


def _text(key: Key) -> str:
    from nukarumi.optim.engine.row_loops import row_source, sum_source  # noqa: PLC0415

    recipe, dtype, over = key
    if recipe is None:
        return sum_source(dtype)
    return row_source(recipe, dtype) if over == "rows" else source(recipe, dtype)


def _name(key: Key) -> str:
    recipe, dtype, over = key
    return "-".join(([recipe.straight.name] if recipe else []) + ([] if over == "entries" else [over]) + [dtype])


def _path(key: Key, text: str) -> Path | None:
    intrinsics = Path(__file__).with_name("intrinsics.py").read_text(encoding="utf-8")
    return machine.file_of(_name(key), (f"format {_FORMAT}", text, intrinsics))


def _load(key: Key) -> Loop:
    recipe, dtype, _ = key
    try:
        text = _text(key)
        code = machine.code_of(_path(key, text), lambda: build(recipe, dtype, text))
    except ImportError as missing:
        raise BadInput(
            "engine='numba' needs Numba",
            f"{missing}",
            "pip install numba, or use engine='numpy' or engine='auto', whose results are the same",
        ) from missing
    return link(recipe, code)


def link(recipe: Recipe | None, code: bytes) -> Loop:
    """Machine code brought into memory."""
    import ctypes  # noqa: PLC0415

    from nukarumi.translate.hoist import hoist  # noqa: PLC0415

    memory, start_of = machine.linked(code)
    word, number = ctypes.c_void_p, ctypes.c_int64
    run = ctypes.CFUNCTYPE(ctypes.c_int32, word, word, word, number, word, word)(start_of)
    spare = ctypes.create_string_buffer(16)  # Numba's slots for a result and an exception; the loop has neither
    address = ctypes.addressof(spare)

    def start(chunks: int, count: int, constants: int, counters: int) -> None:
        run(address, address, chunks, count, constants, counters)

    return Loop(start, hoist(recipe.straight).evaluate() if recipe else tuple, (memory, spare))


def build(recipe: Recipe | None, dtype: str, text: str) -> bytes:
    """From a loop's text to machine code that depends on nothing.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    from numba import types  # noqa: PLC0415

    from nukarumi.optim.engine.intrinsics import NAMESPACE  # noqa: PLC0415

    bits, number = np.dtype(dtype.replace("float", "uint")).type, np.dtype(dtype).type
    scope: dict[str, Any] = {**NAMESPACE, "zero": bits(0), "infinite": bits(_EXPONENT[dtype])}
    scope |= {"number": number, "nought": number(0)}
    exec(compile(text, f"<{recipe.straight.name if recipe else 'sums'} over {dtype}>", "exec"), scope)
    pointer: Any = types.CPointer
    counters = pointer(types.int64)
    signature = types.void(counters, types.int64, pointer(getattr(types, dtype)), counters)
    return machine.emit(scope["loop"], signature)
