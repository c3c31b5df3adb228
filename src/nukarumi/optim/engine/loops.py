"""The compiled engine: one fused loop per recipe and type, written from the rule's own lines.

A rule becomes Python source (`source`), Numba turns that into LLVM's language, and LLVM into machine code that stands
on its own: it calls nothing, allocates nothing, holds no Python object. That code is kept in a folder of the user
(`cache_folder`) and loaded again by llvmlite alone, so a fresh process is at full speed in some ten milliseconds,
without importing Numba at all.

What makes the bits equal to NumPy's: settings are combined by Python before the loop and rounded once
(`nukarumi.translate.hoist`); every operation is the processor's own, correctly rounded; nothing is contracted,
reordered or approximated.

A loop works through a table of *chunks*, one row each: number of entries, then the address of every stream
(``w``, ``g``, state ...). Threads take the next row from a shared counter, so whoever wakes late just does less.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.optim.engine.recipe import Recipe

__all__ = ["DONE", "NEXT", "SUSPICIOUS", "Loop", "build", "cache_folder", "cached", "link", "loop", "source"]

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


_loops: dict[tuple[Recipe, str], Loop] = {}
_building = threading.RLock()


def _after_fork() -> None:
    """A child must not wait for a thread that only its parent has."""
    global _building  # noqa: PLW0603
    _building = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def loop(recipe: Recipe, dtype: str) -> Loop:
    """The compiled loop of a recipe: from memory, else from the user's folder, else compiled now.

    Raises
    ------
    BadInput
        If it has to be compiled and Numba is not installed.
    """
    made = _loops.get((recipe, dtype))
    if made is None:
        with _building:
            made = _loops.get((recipe, dtype))
            if made is None:
                made = _loops[recipe, dtype] = _load(recipe, dtype)
    return made


def cached(recipe: Recipe, dtype: str) -> bool:
    """Whether `loop` would answer without compiling."""
    if (recipe, dtype) in _loops:
        return True
    try:
        return _read(_path(recipe, dtype)) is not None
    except ImportError:
        return False


def cache_folder() -> Path | None:
    """Where compiled loops are kept: ``NUKARUMI_CACHE_DIR``, else the user's cache folder; None if it is not ours.

    Machine code is only ever read from a folder that belongs to this user and that nobody else may write to.
    """
    named = os.environ.get("NUKARUMI_CACHE_DIR")
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    folder = Path(named) if named else Path(base) / "nukarumi"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
    except OSError:
        return None
    private = found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return folder if private else None


def _path(recipe: Recipe, dtype: str) -> Path | None:
    """The file of a loop: its name holds a digest of all that its machine code depends on."""
    folder = cache_folder()
    if folder is None:
        return None
    import llvmlite  # noqa: PLC0415
    import llvmlite.binding as llvm  # noqa: PLC0415

    parts = [
        f"format {_FORMAT}",
        source(recipe, dtype),
        Path(__file__).with_name("intrinsics.py").read_text(encoding="utf-8"),
        f"llvmlite {llvmlite.__version__}",
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ]
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    return folder / f"{recipe.straight.name}-{dtype}-{digest}.o"


def _read(path: Path | None) -> bytes | None:
    """The machine code in a file, or None if there is none or it is not whole."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return None
    code = content[32:]
    return code if code and hashlib.sha256(code).digest() == content[:32] else None


def _load(recipe: Recipe, dtype: str) -> Loop:
    try:
        path = _path(recipe, dtype)
        code = _read(path)
        if code is None:
            code = build(recipe, dtype, source(recipe, dtype))
            if path is not None:
                with suppress(OSError):  # a full or read-only disk costs the next process a second, nothing else
                    write_atomically(path, hashlib.sha256(code).digest() + code)
    except ImportError as missing:
        raise BadInput(
            "engine='numba' needs Numba",
            f"{missing}",
            "pip install numba, or use engine='numpy' or engine='auto', whose results are the same",
        ) from missing
    return link(recipe, code)


def link(recipe: Recipe, code: bytes) -> Loop:
    """Machine code brought into memory."""
    import ctypes  # noqa: PLC0415

    import llvmlite.binding as llvm  # noqa: PLC0415

    from nukarumi.translate.hoist import hoist  # noqa: PLC0415

    memory = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
    memory.add_object_file(llvm.ObjectFileRef.from_data(code))
    memory.finalize_object()
    word, number = ctypes.c_void_p, ctypes.c_int64
    run = ctypes.CFUNCTYPE(ctypes.c_int32, word, word, word, number, word, word)(
        memory.get_function_address("nukarumi_loop")
    )
    spare = ctypes.create_string_buffer(16)  # Numba's slots for a result and an exception; the loop has neither
    address = ctypes.addressof(spare)

    def start(chunks: int, count: int, constants: int, counters: int) -> None:
        run(address, address, chunks, count, constants, counters)

    return Loop(start, hoist(recipe.straight).evaluate(), (memory, spare))


def _machine(llvm: Any) -> Any:
    for initialise in (llvm.initialize_native_target, llvm.initialize_native_asmprinter):
        initialise()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
    )


def build(recipe: Recipe, dtype: str, text: str) -> bytes:
    """From a loop's text to machine code that depends on nothing.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    import llvmlite.binding as llvm  # noqa: PLC0415
    from numba import cfunc, types  # noqa: PLC0415

    from nukarumi.optim.engine.intrinsics import NAMESPACE  # noqa: PLC0415

    bits = np.dtype(dtype.replace("float", "uint")).type
    scope: dict[str, Any] = {**NAMESPACE, "zero": bits(0), "infinite": bits(_EXPONENT[dtype])}
    exec(compile(text, f"<{recipe.straight.name} over {dtype}>", "exec"), scope)
    pointer: Any = types.CPointer
    counters = pointer(types.int64)
    signature = types.void(counters, types.int64, pointer(getattr(types, dtype)), counters)
    made = cfunc(signature, error_model="numpy")(scope["loop"])
    wrapper = made.native_name
    inner = wrapper.removeprefix("cfunc.")
    assembly = made.inspect_llvm().replace(inner, "nukarumi_loop")
    # The wrapper only reports exceptions to Python; the loop raises none, and without it the code calls nothing.
    assembly = re.sub(r'^define [^\n]*@"?cfunc\.nukarumi_loop"?\(.*?^}\n', "", assembly, flags=re.M | re.S)
    code: bytes = _machine(llvm).emit_object(llvm.parse_assembly(assembly))
    return code
