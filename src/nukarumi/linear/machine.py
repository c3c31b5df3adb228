"""The loops of this room as machine code: compiled, kept and loaded as those of the optimizers are.

They call nothing but the C library's ``exp`` and ``log1p``, and give an int64 back.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nukarumi._errors import BadInput
from nukarumi.optim.engine import machine

__all__ = ["native"]

_made: dict[tuple[str, str, tuple[str, ...]], Callable[..., int]] = {}
_making = threading.RLock()


def native(
    name: str, text: str, arguments: tuple[str, ...], inputs: Callable[[], Mapping[str, Any]], made_of: tuple[Path, ...]
) -> Callable[..., int]:
    """The machine code of ``def loop(...)`` in ``text``, which returns an int64.

    Parameters
    ----------
    name
        What its file in the cache is called.
    text
        Python source of one function called ``loop``.
    arguments
        Numba names of the argument types; ``float64*`` is an address.
    inputs
        Gives what the text may call, and is only asked if something must be compiled.
    made_of
        Source files that ``inputs`` depends on.

    Raises
    ------
    BadInput
        If it has to be compiled and Numba is not installed.
    """
    key = (name, text, arguments)
    with _making:
        if key not in _made:
            try:
                texts = (file.read_text(encoding="utf-8") for file in (Path(__file__), *made_of))
                path = machine.file_of(name, (text, *arguments, *texts))
                code = machine.code_of(path, lambda: _compile(text, arguments, inputs()))
            except ImportError as missing:
                raise BadInput(
                    "nukarumi.linear compiles its loops with Numba", f"{missing}", "pip install numba"
                ) from missing
            _made[key] = _link(code, arguments)
    return _made[key]


def _compile(text: str, arguments: tuple[str, ...], scope: Mapping[str, Any]) -> bytes:
    from numba import types  # noqa: PLC0415

    pointer: Any = types.CPointer
    names = dict(scope)
    exec(compile(text, "<a loop of nukarumi.linear>", "exec"), names)
    kinds = [pointer(getattr(types, kind[:-1])) if kind.endswith("*") else getattr(types, kind) for kind in arguments]
    return machine.emit(names["loop"], types.int64(*kinds))


def _link(code: bytes, arguments: tuple[str, ...]) -> Callable[..., int]:
    memory, start = machine.linked(code)
    word = ctypes.c_void_p
    kinds = [
        ctypes.c_double if kind == "float64" else word if kind.endswith("*") else ctypes.c_int64 for kind in arguments
    ]
    run = ctypes.CFUNCTYPE(ctypes.c_int32, word, word, *kinds)(start)

    def call(*values: Any) -> int:
        # Numba's slots for the result and an exception; each call has its own, so threads may share the code.
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        run(ctypes.addressof(result), ctypes.addressof(error), *values)
        return result.value

    call.memory = memory  # type: ignore[attr-defined]  # the code lives as long as the function
    return call
