"""From a function's text to machine code that stands on its own, kept in the user's cache folder.

Numba turns the text into LLVM's language and LLVM into code that holds no Python object and calls nothing but the C
library's ``exp`` and ``log1p``. A later process loads that code with llvmlite alone, in some ten milliseconds, without
importing Numba. Calls release the GIL.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.optim.engine import loops

__all__ = ["native"]

_FORMAT = 1
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
                path = _path(name, text, arguments, made_of)
                code = _read(path)
                if code is None:
                    code = _compile(text, arguments, inputs())
                    if path is not None:
                        with suppress(OSError):  # a full or read-only disk costs the next process two seconds
                            write_atomically(path, hashlib.sha256(code).digest() + code)
            except ImportError as missing:
                raise BadInput(
                    "nukarumi.linear compiles its loops with Numba", f"{missing}", "pip install numba"
                ) from missing
            _made[key] = _link(code, arguments)
    return _made[key]


def _path(name: str, text: str, arguments: tuple[str, ...], made_of: tuple[Path, ...]) -> Path | None:
    """The file of a function: its name holds a digest of all that its machine code depends on."""
    folder = loops.cache_folder()
    if folder is None:
        return None
    import llvmlite  # noqa: PLC0415
    import llvmlite.binding as llvm  # noqa: PLC0415

    parts = [
        f"linear {_FORMAT}",
        text,
        *arguments,
        *(file.read_text(encoding="utf-8") for file in (Path(__file__), *made_of)),
        f"llvmlite {llvmlite.__version__}",
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ]
    return folder / f"{name}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}.o"


def _read(path: Path | None) -> bytes | None:
    """The machine code in a file, or None if there is none or it is not whole."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return None
    return content[32:] if len(content) > 32 and hashlib.sha256(content[32:]).digest() == content[:32] else None


def _compile(text: str, arguments: tuple[str, ...], scope: Mapping[str, Any]) -> bytes:
    import llvmlite.binding as llvm  # noqa: PLC0415
    from numba import cfunc, types  # noqa: PLC0415

    pointer: Any = types.CPointer
    names = dict(scope)
    exec(compile(text, "<a loop of nukarumi.linear>", "exec"), names)
    kinds = [pointer(getattr(types, kind[:-1])) if kind.endswith("*") else getattr(types, kind) for kind in arguments]
    made = cfunc(types.int64(*kinds), error_model="numpy")(names["loop"])
    inner = made.native_name.removeprefix("cfunc.")
    assembly = made.inspect_llvm().replace(inner, "nukarumi_loop")
    # The wrapper only reports exceptions to Python; the loop raises none.
    assembly = re.sub(r'^define [^\n]*@"?cfunc\.nukarumi_loop"?\(.*?^}\n', "", assembly, flags=re.M | re.S)
    code: bytes = _machine(llvm).emit_object(llvm.parse_assembly(assembly))
    return code


def _link(code: bytes, arguments: tuple[str, ...]) -> Callable[..., int]:
    import ctypes  # noqa: PLC0415

    import llvmlite.binding as llvm  # noqa: PLC0415

    memory = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine(llvm))
    memory.add_object_file(llvm.ObjectFileRef.from_data(code))
    memory.finalize_object()
    word = ctypes.c_void_p
    kinds = [
        ctypes.c_double if kind == "float64" else word if kind.endswith("*") else ctypes.c_int64 for kind in arguments
    ]
    run = ctypes.CFUNCTYPE(ctypes.c_int32, word, word, *kinds)(memory.get_function_address("nukarumi_loop"))

    def call(*values: Any) -> int:
        # Numba's slots for the result and an exception; each call has its own, so threads may share the code.
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        run(ctypes.addressof(result), ctypes.addressof(error), *values)
        return result.value

    call.memory = memory  # type: ignore[attr-defined]  # the code lives as long as the function
    return call


def _machine(llvm: Any) -> Any:
    for initialise in (llvm.initialize_native_target, llvm.initialize_native_asmprinter):
        initialise()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
    )
