"""Golden numbers from the Japanese book's own optimizer classes, run on a small seeded problem.

The book is 斎藤康毅『ゼロから作るDeep Learning』 (Koki Saitoh, O'Reilly Japan, 2016). Its programs are not part of this
project: this script loads ``common/optimizer.py`` from a checkout that the caller names, lets the classes found there
update some parameters, and writes down what came out::

    git clone https://github.com/oreilly-japan/deep-learning-from-scratch
    python tests/goldens/make_book.py --book deep-learning-from-scratch      # writes tests/goldens/book.json

The parameters are of every kind that the book's readers use: a matrix, a vector, a 0-d array and a Python float.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from make_like import FIGURES, Case, rates

STEPS = 8
SEED = 6  # of chapter 6
HERE = Path(__file__).parent

# nukarumi's name -> the book's name, and settings that are not the book's defaults.
CLASSES: dict[str, tuple[str, dict[str, float]]] = {
    "SGD": ("SGD", {"lr": 0.95}),
    "Momentum": ("Momentum", {"lr": 0.1, "momentum": 0.7}),
    "Nesterov": ("Nesterov", {"lr": 0.1, "momentum": 0.7}),
    "Adagrad": ("AdaGrad", {"lr": 1.5}),
    "RMSprop": ("RMSprop", {"lr": 0.1, "decay_rate": 0.83}),
    "Adam": ("Adam", {"lr": 0.3, "beta1": 0.77, "beta2": 0.96}),
}
STATES = ("h", "v", "m")


def load_book(book: Path) -> ModuleType:
    """The book's optimizer module, from a checkout."""
    spec = importlib.util.spec_from_file_location("book_optimizer", book / "common" / "optimizer.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(book)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def problem(dtype: str, nonfinite: bool) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Start values and gradients: a matrix W, a vector b, a 0-d array s and, in float64, a Python float x.

    Column 0 of W never has a gradient; column 1 has tiny ones. With ``nonfinite``, a NaN and an infinity come in the
    third step, as they do in the book's experiment without batch normalization.
    """
    rng = np.random.default_rng(SEED)
    shapes: dict[str, tuple[int, ...]] = {"W": (3, 4), "b": (3,), "s": ()}
    params: dict[str, Any] = {k: np.asarray(rng.standard_normal(shape), dtype) for k, shape in shapes.items()}
    grads: list[dict[str, Any]] = []
    for step in range(STEPS):
        g: dict[str, Any] = {k: np.asarray(rng.standard_normal(shape), dtype) for k, shape in shapes.items()}
        g["W"][:, 0], g["W"][:, 1] = 0.0, g["W"][:, 1] * 1e-7
        if nonfinite and step == 2:
            g["b"][0], g["b"][1] = np.nan, np.inf
        grads.append(g)
    if dtype == "float64":
        params["x"] = -7.0
        for g in grads:
            g["x"] = float(rng.standard_normal())
            # Python's x ** 2 is the C library's pow, which is one bit off x * x for about one number in 1,200; the
            # book's Adam squares so. Such a number would test the C library, not an optimizer.
            if g["x"] ** 2 != g["x"] * g["x"]:
                raise ValueError("this seed has a gradient whose pow(x, 2) is not x * x: choose another")
    return params, grads


def as_hex(values: dict[str, Any]) -> dict[str, list[str]]:
    """Arrays and floats as flat lists of hex floats: no digit is lost in a text file."""
    return {key: [float(x).hex() for x in np.ravel(value)] for key, value in values.items()}


def run(module: ModuleType, name: str, options: dict[str, float], dtype: str, nonfinite: bool) -> dict[str, Any]:
    """One class on the problem: the parameters after every update, and the state after the last."""
    optimizer = getattr(module, CLASSES[name][0])(**options)
    params, grads = problem(dtype, nonfinite)
    walk = []
    with np.errstate(all="ignore"):
        for g in grads:
            optimizer.update(params, g)
            walk.append(as_hex(params))
    return {
        "optimizer": name,
        "options": options,
        "dtype": dtype,
        "nonfinite": nonfinite,
        "walk": walk,
        "state": {letter: as_hex(getattr(optimizer, letter)) for letter in STATES if hasattr(optimizer, letter)},
    }


def figures(module: ModuleType) -> dict[str, str]:
    """The book's column of the table in docs/conventions.md: how far a lonely parameter has gone, as hex."""
    found = {}
    for figure in FIGURES:
        if figure.optimizer not in CLASSES or "weight_decay" in figure.options:
            continue
        optimizer = getattr(module, CLASSES[figure.optimizer][0])()
        params = {"w": np.array([1.0])}
        lrs = rates(Case("book", figure.optimizer, "figure", figure.options, figure.schedule)) or []
        for lr, g in zip(lrs, figure.grads, strict=False):
            optimizer.lr = lr
            optimizer.update(params, {"w": np.array([g])})
        found[figure.says] = (1.0 - float(params["w"][0])).hex()
    return found


def commit_of(book: Path) -> str:
    """The commit of the checkout, or "unknown" where it is not a git checkout."""
    asked = subprocess.run(["git", "-C", str(book), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or "unknown"


def main() -> None:
    """Write the goldens."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--book", type=Path, required=True, help="a checkout of the book's repository")
    parser.add_argument("--commit", help="its commit, where the folder is not a git checkout")
    parser.add_argument("--out", type=Path, default=HERE / "book.json")
    args = parser.parse_args()
    module = load_book(args.book)
    found = [
        run(module, name, options, dtype, nonfinite)
        for name, (_, unusual) in CLASSES.items()
        for options in ({}, unusual)
        for dtype, nonfinite in (("float64", False), ("float64", True), ("float32", False))
    ]
    inputs = {}
    for dtype in ("float64", "float32"):
        params, grads = problem(dtype, nonfinite=False)
        inputs[dtype] = {"params": as_hex(params), "grads": [as_hex(g) for g in grads]}
    head = {
        "made_by": "tests/goldens/make_book.py",
        "source": "https://github.com/oreilly-japan/deep-learning-from-scratch, common/optimizer.py",
        "commit": args.commit or commit_of(args.book),
        "numpy": np.__version__,
        "figures": figures(module),
        "inputs": inputs,
    }
    body = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + ",\n".join(map(json.dumps, found)) + "\n ]\n}\n"
    args.out.write_text(body, encoding="utf-8")


if __name__ == "__main__":
    main()
