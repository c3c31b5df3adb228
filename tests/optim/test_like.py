"""``Cls.like("torch" | "keras" | "optax" | "book")`` gives that library's numbers, to 12 digits, over 25 steps.

Two proofs of the same sentence. The stored numbers were made by the real libraries (`tests/goldens/make_like.py`) and
are checked everywhere, on both engines. Where a library is installed it also runs here, beside nukarumi, on fresh
seeds. The matrix is found by `make_like.cases`: every optimizer of every library with every option it has.
"""

from __future__ import annotations

import doctest
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nukarumi

ENGINES = ("numpy", "numba")
SEEDS = (1, 2, 3)
ROOT = Path(__file__).parents[2]
GOLDENS = ROOT / "tests" / "goldens"


def load_matrix() -> Any:
    """`make_like.py` as a module, from its file: the tests are not a package."""
    spec = importlib.util.spec_from_file_location("nukarumi_make_like", GOLDENS / "make_like.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


matrix = load_matrix()
CASES = list(matrix.cases())
STORED = json.loads((GOLDENS / "like.json").read_text(encoding="utf-8"))


def walk_of(case: Any, seed: int, engine: str) -> Iterator[dict[str, np.ndarray]]:
    """The positions after each update, by nukarumi."""
    params, grads = matrix.problem(seed)
    options = dict(case.options)
    if case.schedule == "fading":
        options["lr"] = matrix.fading
    optimizer = getattr(nukarumi, case.optimizer).like(case.library, **options, engine=engine)
    for t, step in enumerate(grads):
        if case.schedule == "drop" and t == matrix.DROP:
            optimizer.lr = case.options["lr"] / 10
        optimizer.update(params, step)
        yield {key: value.copy() for key, value in params.items()}


def assert_same(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], says: str, rtol: float = 1e-12) -> None:
    """Equal to 12 digits; the absolute part is for a parameter that crosses zero, where digits cancel."""
    for key, value in theirs.items():
        np.testing.assert_allclose(ours[key], value, rtol=rtol, atol=rtol / 100, err_msg=f"{says}: {key}")


def from_hex(digits: dict[str, list[str]], like: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Stored numbers as arrays with the shapes of the parameters."""
    return {key: np.array([float.fromhex(x) for x in found]).reshape(like[key].shape) for key, found in digits.items()}


# Keras hands PyTorch's tensors to NumPy 2 in a way that NumPy means to retire; that is between the three of them.
keras_reads_torch = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning:keras[.]src[.]backend[.]torch"
)


# ---- stored numbers, everywhere --------------------------------------------------------------------------------------


def test_goldens_are_of_this_matrix() -> None:
    """No case is missing from the file, none is left over, and the inputs are those of today's script."""
    expected = [(c.library, c.optimizer, c.name, c.options, c.schedule) for c in CASES]
    stored = [tuple(c[k] for k in ("library", "optimizer", "name", "options", "schedule")) for c in STORED["cases"]]
    assert stored == expected
    params, grads = matrix.problem(STORED["seed"])
    assert matrix.as_hex(params) == STORED["params"]
    assert [matrix.as_hex(step) for step in grads] == STORED["grads"]


def test_matrix_reaches_every_optimizer_and_option() -> None:
    """All three libraries have all eight optimizers; every option has a case that is not the default's twin."""
    assert {(c.library, c.optimizer) for c in CASES} == {
        (library, optimizer) for library in matrix.LIBRARIES for optimizer in matrix.OPTIMIZERS
    }
    walks = {
        (c["library"], c["optimizer"], c["name"]): json.dumps(c["walk"])
        for c in STORED["cases"]
        if c["name"] != "default"
    }
    twins = {key for key in walks if key[2] != "lr" and walks[key] == walks[(*key[:2], "lr")]}
    assert twins == set(), "these options change nothing in the stored numbers, so their tests prove nothing"


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("case", "stored"), list(zip(CASES, STORED["cases"], strict=True)), ids=map(str, CASES))
def test_stored_numbers(case: Any, stored: dict[str, Any], engine: str) -> None:
    """The numbers that the real library gave when the goldens were made."""
    ours = list(walk_of(case, STORED["seed"], engine))
    for t, digits in zip(STORED["steps"], stored["walk"], strict=True):
        assert_same(ours[t - 1], from_hex(digits, ours[0]), f"step {t}")


# ---- the real library, where it is installed -------------------------------------------------------------------------


@pytest.fixture(params=matrix.LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    """A library that can be run here; its tests are skipped, with the reason, where it is missing."""
    for module in {"torch": ("torch",), "keras": ("keras",), "optax": ("jax", "optax")}[request.param]:
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: only the stored numbers are checked")
    return str(request.param)


@keras_reads_torch
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("optimizer", matrix.OPTIMIZERS)
def test_beside_the_real_library(library: str, optimizer: str, seed: int) -> None:
    """Every case of one optimizer, step by step, beside the library itself."""
    mine = [c for c in CASES if (c.library, c.optimizer) == (library, optimizer)]
    assert len(mine) >= 5
    for case in mine:
        walks = zip(walk_of(case, seed, "numpy"), matrix.run(case, seed), strict=True)
        rtol = matrix.tolerance(case, keras_backend())
        for t, (ours, theirs) in enumerate(walks, start=1):
            assert_same(ours, theirs, f"{case}, seed {seed}, step {t}", rtol)


def keras_backend() -> str:
    """The back end that Keras has in this process, or "none" where nobody has imported it."""
    return str(sys.modules["keras"].config.backend()) if "keras" in sys.modules else "none"


def test_keras_on_pytorch_too(tmp_path: Path) -> None:
    """Keras's optimizers are written twice; a second process runs the ones for PyTorch."""
    pytest.importorskip("keras")
    pytest.importorskip("torch")
    out = tmp_path / "keras.json"
    done = subprocess.run(
        [sys.executable, str(GOLDENS / "make_like.py"), "--library", "keras", "--out", str(out)],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text(encoding="utf-8"))
    assert found["keras_backend"] == "torch"
    mine = [c for c in CASES if c.library == "keras"]
    for case, stored in zip(mine, found["cases"], strict=True):
        ours = list(walk_of(case, found["seed"], "numpy"))
        for t, digits in zip(found["steps"], stored["walk"], strict=True):
            assert_same(ours[t - 1], from_hex(digits, ours[0]), f"{case}, step {t}", matrix.tolerance(case, "torch"))


@keras_reads_torch
def test_figures_are_those_of_the_installed_libraries(library: str) -> None:
    """The table in the documentation is not a memory of older releases."""
    for says, row in matrix.figures((library,)).items():
        stored = float.fromhex(STORED["figures"][says][library])
        assert float.fromhex(row[library]) == pytest.approx(stored, rel=1e-9), says


# ---- what differs, differs -------------------------------------------------------------------------------------------


def test_conventions_are_not_all_the_same() -> None:
    """The shortest way to see that ``like`` listens to its first word."""
    moved = {}
    for name in ("torch", "keras", "book"):
        params = {"w": np.zeros(1)}
        nukarumi.Adagrad.like(name, lr=0.1).update(params, {"w": np.full(1, 1e-3)})
        moved[name] = float(-params["w"][0])
    assert moved["torch"] == pytest.approx(0.1, rel=1e-6)
    assert moved["book"] == pytest.approx(0.1 / (1 + 1e-4), rel=1e-9)
    assert moved["keras"] == pytest.approx(1e-4 / np.sqrt(0.1 + 1e-6 + 1e-7), rel=1e-9)


@pytest.mark.parametrize("optimizer", ["SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"])
def test_the_book_is_the_house_convention(optimizer: str) -> None:
    """``like("book")`` and the plain class are the same optimizer."""
    cls = getattr(nukarumi, optimizer)
    params, grads = matrix.problem(4)
    twin = {key: value.copy() for key, value in params.items()}
    plain, book = cls(), cls.like("book")
    for step in grads:
        plain.update(params, step)
        book.update(twin, step)
    for key, value in params.items():
        assert value.tobytes() == twin[key].tobytes()


def test_unknown_library_is_refused_with_the_known_ones() -> None:
    """A misspelt library names the four that are known."""
    with pytest.raises(ValueError, match=r"torch.*keras.*optax.*book|book.*keras.*optax.*torch"):
        nukarumi.Adagrad.like("tensorflow")


# ---- the page --------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_figures_that_the_command_prints() -> None:
    """docs/conventions.md carries the table of `make_like.py --table`, unchanged."""
    assert matrix.table() in (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")


def test_the_page_runs() -> None:
    """The examples of docs/conventions.md print what the page says."""
    done = doctest.testfile(str(ROOT / "docs" / "conventions.md"), module_relative=False, encoding="utf-8")
    assert done.attempted > 3
    assert done.failed == 0
