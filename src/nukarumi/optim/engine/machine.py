"""Machine code that stands on its own: compiled with Numba once, kept in the user's cache folder, loaded by llvmlite.

Numba turns a function's text into LLVM's language, and LLVM into code that holds no Python object and reports nothing
to Python. So a later process loads it in some ten milliseconds, without importing Numba, and calls release the GIL.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from nukarumi._files import write_atomically

__all__ = ["cache_folder", "code_of", "emit", "file_of", "kept", "linked"]

ENTRY = "nukarumi_loop"
"""What the function is called in the machine code."""


def cache_folder() -> Path | None:
    """Where machine code is kept: ``NUKARUMI_CACHE_DIR``, else the user's cache folder; None if it is not ours.

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


def file_of(name: str, made_of: Iterable[str]) -> Path | None:
    """The file of a piece of code: its name holds a digest of the texts it is made of, of llvmlite and of the CPU.

    Raises
    ------
    ImportError
        If llvmlite is not installed.
    """
    folder = cache_folder()
    if folder is None:
        return None
    import llvmlite  # noqa: PLC0415
    import llvmlite.binding as llvm  # noqa: PLC0415

    cpu = (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    parts = [*made_of, Path(__file__).read_text(encoding="utf-8"), f"llvmlite {llvmlite.__version__}", *cpu]
    return folder / f"{name}-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:24]}.o"


def kept(path: Path | None) -> bytes | None:
    """The machine code in a file, or None if there is none or it is not whole."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return None
    code = content[32:]
    return code if code and hashlib.sha256(code).digest() == content[:32] else None


def code_of(path: Path | None, compiling: Callable[[], bytes]) -> bytes:
    """The code from its file; else compiled now and put there."""
    code = kept(path)
    if code is None:
        code = compiling()
        if path is not None:
            with suppress(OSError):  # a full or read-only disk costs the next process a second, nothing else
                write_atomically(path, hashlib.sha256(code).digest() + code)
    return code


def emit(function: Any, signature: Any) -> bytes:
    """A Python function as machine code for this CPU: Numba's types, true square roots and divisions, no contraction.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    import llvmlite.binding as llvm  # noqa: PLC0415
    from numba import cfunc  # noqa: PLC0415

    made = cfunc(signature, error_model="numpy")(function)
    inner = made.native_name.removeprefix("cfunc.")
    assembly = made.inspect_llvm().replace(inner, ENTRY)
    # The wrapper only reports exceptions to Python; our functions raise none, and without it the code is on its own.
    assembly = re.sub(rf'^define [^\n]*@"?cfunc\.{ENTRY}"?\(.*?^}}\n', "", assembly, flags=re.M | re.S)
    code: bytes = _target(llvm).emit_object(llvm.parse_assembly(assembly))
    return code


def linked(code: bytes) -> tuple[Any, int]:
    """Code brought into memory: what keeps it there, and its address.

    The function takes two addresses more than its signature says, in front: Numba's slots for a result (8 bytes) and an
    exception (8 bytes, never used).
    """
    import llvmlite.binding as llvm  # noqa: PLC0415

    memory = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _target(llvm))
    memory.add_object_file(llvm.ObjectFileRef.from_data(code))
    memory.finalize_object()
    return memory, memory.get_function_address(ENTRY)


def _target(llvm: Any) -> Any:
    for initialise in (llvm.initialize_native_target, llvm.initialize_native_asmprinter):
        initialise()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, reloc="pic"
    )
