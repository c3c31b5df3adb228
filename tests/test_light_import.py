"""``import nukarumi`` brings NumPy and next to nothing else; compilers, frameworks and pools come when they are needed.

Each question is asked in a fresh interpreter, because this one has long imported everything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import nukarumi

# Standard-library modules that nukarumi may load although ``import numpy`` has not: each is small, and each is here
# because somebody decided so. (Submodules and private helpers, such as _json, come with their names.)
ALLOWED = frozenset(
    {"__future__", "bisect", "copy", "dataclasses", "fnmatch", "hashlib", "json", "string", "threading"}
)
HEAVY = (
    "asyncio",
    "concurrent",
    "h5py",
    "jax",
    "keras",
    "llvmlite",
    "logging",
    "ml_dtypes",
    "multiprocessing",
    "numba",
    "optax",
    "pandas",
    "pyarrow",
    "ray",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "socket",
    "subprocess",
    "tempfile",
    "torch",
    "urllib",
    "zipfile",
)
TOY = """
import numpy as np
params = {"x": np.array([-7.0, 2.0]), "y": 1.0}
for name in ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW"):
    optimizer = getattr(nukarumi, name)()
    for _ in range(3):
        optimizer.update(params, {"x": params["x"] / 10, "y": params["y"]})
"""


def loaded_after(code: str, **more: str) -> set[str]:
    """The names in ``sys.modules`` after this code has run in a fresh interpreter."""
    source = str(Path(nukarumi.__file__).parents[1])
    program = f"import sys; sys.path.insert(0, {source!r})\n{code}\nimport json; print(json.dumps(NAMES))"
    # NAMES is taken before json is imported, so that the question does not spoil the answer.
    program = program.replace("\nimport json;", "\nNAMES = sorted(sys.modules)\nimport json;")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "NUKARUMI", "COV"))}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment | more
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


def roots(names: set[str]) -> set[str]:
    """Top-level names, without nukarumi's own and without the interpreter's private helpers."""
    tops = {name.partition(".")[0] for name in names}
    return {top for top in tops if top != "nukarumi" and (top == "__future__" or not top.startswith("_"))}


@pytest.fixture(scope="module")
def numpy_alone() -> set[str]:
    """What ``import numpy`` loads."""
    return loaded_after("import numpy")


def test_the_question_can_be_answered_with_no(numpy_alone: set[str]) -> None:
    """The probe does see a module that is loaded, and NumPy does not load everything by itself."""
    assert "numpy" in numpy_alone
    assert roots(loaded_after("import numpy, csv, concurrent.futures") - numpy_alone) >= {"csv", "concurrent"}


def test_import_adds_only_small_modules(numpy_alone: set[str]) -> None:
    """What is new beside nukarumi itself is on the list."""
    new = loaded_after("import nukarumi") - numpy_alone
    assert any(name.startswith("nukarumi") for name in new)
    assert roots(new) <= ALLOWED
    assert roots(new).isdisjoint(HEAVY)


def test_import_leaves_later_rooms_closed(numpy_alone: set[str]) -> None:
    """Races, records, problems and the shell are not part of ``import nukarumi``."""
    rooms = {name.split(".")[1] for name in loaded_after("import nukarumi") if name.startswith("nukarumi.")}
    assert rooms.isdisjoint({"bench", "cli", "problems", "race", "sensor", "trail"})
    assert "optim" in rooms


@pytest.mark.parametrize("statement", ["import nukarumi", "import nukarumi; from nukarumi import *"])
def test_toy_updates_import_no_compiler(statement: str, numpy_alone: set[str]) -> None:
    """Three updates of each optimizer on two numbers start neither Numba nor a pool of threads."""
    new = loaded_after(f"{statement}\n{TOY}") - numpy_alone
    assert roots(new).isdisjoint(HEAVY)
    assert "numpy.ma" not in new  # 8 ms, where NumPy has not brought it in by itself


def test_compiler_comes_when_it_is_asked_for_and_once(tmp_path: Path) -> None:
    """With nothing on disk the compiled engine imports Numba; the next process loads what the first has kept.

    Without the first half the tests above would prove nothing.
    """
    pytest.importorskip("numba")
    code = "import nukarumi, numpy as np\nnukarumi.Adam(engine='numba').update({'x': np.ones(2)}, {'x': np.ones(2)})"
    first = roots(loaded_after(code, NUKARUMI_CACHE_DIR=str(tmp_path)))
    second = roots(loaded_after(code, NUKARUMI_CACHE_DIR=str(tmp_path)))
    assert {"numba", "llvmlite"} <= first
    assert "llvmlite" in second
    assert "numba" not in second
