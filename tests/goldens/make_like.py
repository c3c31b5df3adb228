"""One matrix of runs, carried out by the real PyTorch, Keras and optax: the numbers that ``Cls.like`` must repeat.

The matrix is found, not listed: every optimizer of every library is combined with every option that the library's own
constructor has (`SPELLINGS`), and with every way in which a learning rate can move. Each run follows one fixed, seeded
sequence of gradients (`problem`), so that a difference can only come from the optimizer.

`tests/optim/test_like.py` uses this file twice: it runs the real library beside nukarumi where the library is
installed, and it compares nukarumi with the numbers that this script has stored in ``like.json`` everywhere.

Run it in an environment that has all three libraries::

    python tests/goldens/make_like.py                         # writes tests/goldens/like.json
    python tests/goldens/make_like.py --table                 # prints the figures of docs/conventions.md from it

Keras is run on the back end that ``KERAS_BACKEND`` names, JAX if it names none. Its optimizers are written twice, once
for all back ends and once for PyTorch; a test runs both.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

STEPS = 25
DROP = 10  # updates made before the learning rate falls to a tenth
GOLDEN_STEPS = (1, 2, 11, 25)
GOLDEN_SEED = 0
HERE = Path(__file__).parent

LIBRARIES = ("torch", "keras", "optax")
OPTIMIZERS = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW")

Arrays = dict[str, np.ndarray]
Rates = list[float] | None

# nukarumi's word for an option -> the word of the library's constructor.
_TORCH = {"weight_decay": "weight_decay", "maximize": "maximize"}
_TORCH_ADAM = _TORCH | {"beta1": "betas", "beta2": "betas", "eps": "eps"}
_KERAS = {"weight_decay": "weight_decay", "clip_norm": "global_clipnorm", "clip_value": "clipvalue"}
_KERAS_ADAM = _KERAS | {"beta1": "beta_1", "beta2": "beta_2", "eps": "epsilon"}
_OPTAX = {"weight_decay": "add_decayed_weights", "clip_norm": "clip_by_global_norm", "clip_value": "clip"}
_OPTAX_ADAM = _OPTAX | {"beta1": "b1", "beta2": "b2", "eps": "eps"}
SPELLINGS: dict[str, dict[str, dict[str, str]]] = {
    "torch": {
        "SGD": _TORCH,
        "Momentum": _TORCH | {"momentum": "momentum"},
        "Nesterov": _TORCH | {"momentum": "momentum"},
        "Adagrad": _TORCH | {"lr_decay": "lr_decay", "initial_accumulator": "initial_accumulator_value", "eps": "eps"},
        "RMSprop": _TORCH | {"decay_rate": "alpha", "eps": "eps"},
        "Adadelta": _TORCH | {"rho": "rho", "eps": "eps"},
        "Adam": _TORCH_ADAM,
        "AdamW": _TORCH_ADAM,
    },
    "keras": {
        "SGD": _KERAS,
        "Momentum": _KERAS | {"momentum": "momentum"},
        "Nesterov": _KERAS | {"momentum": "momentum"},
        "Adagrad": _KERAS | {"initial_accumulator": "initial_accumulator_value", "eps": "epsilon"},
        "RMSprop": _KERAS | {"decay_rate": "rho", "eps": "epsilon"},
        "Adadelta": _KERAS | {"rho": "rho", "eps": "epsilon"},
        "Adam": _KERAS_ADAM,
        "AdamW": _KERAS_ADAM,
    },
    "optax": {
        "SGD": _OPTAX,
        "Momentum": _OPTAX | {"momentum": "momentum"},
        "Nesterov": _OPTAX | {"momentum": "momentum"},
        "Adagrad": _OPTAX | {"initial_accumulator": "initial_accumulator_value", "eps": "eps"},
        "RMSprop": _OPTAX | {"decay_rate": "decay", "eps": "eps", "eps_inside_root": "eps_in_sqrt"},
        "Adadelta": _OPTAX | {"rho": "rho", "eps": "eps", "weight_decay": "weight_decay"},
        "Adam": _OPTAX_ADAM,
        "AdamW": _OPTAX_ADAM | {"weight_decay": "weight_decay"},
    },
}

# A value for every option, none of them anybody's default and each large enough to be seen in the numbers.
UNUSUAL: dict[str, Any] = {
    "momentum": 0.5,
    "decay_rate": 0.8,
    "rho": 0.7,
    "beta1": 0.8,
    "beta2": 0.9,
    "eps": 1e-3,
    "eps_inside_root": False,
    "initial_accumulator": 0.5,
    "lr_decay": 0.1,
    "weight_decay": 0.1,
    "maximize": True,
    "clip_norm": 2.0,
    "clip_value": 0.5,
}


@dataclass(frozen=True)
class Case:
    """One run: a library, one of its optimizers, options in nukarumi's words, and how the learning rate moves."""

    library: str
    optimizer: str
    name: str
    options: dict[str, Any] = field(default_factory=dict, hash=False)
    schedule: str = "constant"

    def __str__(self) -> str:
        return f"{self.library}-{self.optimizer}-{self.name}"


def fading(t: int) -> float:
    """The learning rate of update ``t`` (the first update is 1): one that is never twice the same."""
    return 0.05 / (1 + 0.1 * (t - 1))


def rates(case: Case) -> Rates:
    """The learning rate of every update, or None where the library's own default holds."""
    if case.schedule == "fading":
        return [fading(t) for t in range(1, STEPS + 1)]
    if "lr" not in case.options:
        return None
    lr = case.options["lr"]
    return [lr if case.schedule == "constant" or t < DROP else lr / 10 for t in range(STEPS)]


def cases() -> Iterator[Case]:
    """Every case of the matrix."""
    for library in LIBRARIES:
        must = {"lr": 0.01} if library == "optax" else {}  # optax has no default learning rate
        for optimizer in OPTIMIZERS:
            words = SPELLINGS[library][optimizer]
            yield Case(library, optimizer, "default", dict(must))
            yield Case(library, optimizer, "lr", {"lr": 0.05})
            yield Case(library, optimizer, "drop", {"lr": 0.05}, "drop")
            yield Case(library, optimizer, "fading", {}, "fading")
            for word in words:
                yield Case(library, optimizer, word, {"lr": 0.05, word: UNUSUAL[word]})
            # Everything at once: options that are right alone may be applied in the wrong order.
            # (Keras takes one way of clipping at a time.)
            together = {word: UNUSUAL[word] for word in words if word not in ("clip_value", "eps_inside_root")}
            yield Case(library, optimizer, "together", {"lr": 0.05, **together}, "drop")


def problem(seed: int) -> tuple[Arrays, list[Arrays]]:
    """Start values and gradients.

    The columns are the kinds of life that a parameter can lead: never touched, touched only by tiny gradients (so that
    the place of eps is seen), by ordinary ones, and by large but rare ones.
    """
    rng = np.random.default_rng(seed)
    kinds = np.array([0.0, 1e-7, 1.0, 100.0])
    params = {"W": rng.standard_normal((2, 4)), "b": rng.standard_normal(4)}
    grads = []
    for _ in range(STEPS):
        step = {key: kinds * rng.standard_normal(value.shape) for key, value in params.items()}
        for value in step.values():
            value[..., 3] *= rng.random(value[..., 3].shape) < 0.3
        grads.append(step)
    return params, grads


# ---- the real libraries ------------------------------------------------------------------------------------------


def spelled(case: Case) -> dict[str, Any]:
    """The options of a case in the library's own words, without the learning rate."""
    words, found = SPELLINGS[case.library][case.optimizer], {}
    for word, value in case.options.items():
        if word != "lr":
            found[words[word]] = value
    if "betas" in found:
        found["betas"] = (case.options.get("beta1", 0.9), case.options.get("beta2", 0.999))
    return found


def run_torch(case: Case, params: Arrays, grads: list[Arrays]) -> list[Arrays]:
    """The positions after each update, by torch.optim."""
    import torch  # noqa: PLC0415

    options, lrs = spelled(case), rates(case)
    base = {"Momentum": "SGD", "Nesterov": "SGD"}.get(case.optimizer, case.optimizer)
    if base != case.optimizer:
        options = {"momentum": 0.9, "nesterov": case.optimizer == "Nesterov"} | options
    tensors = {key: torch.nn.Parameter(torch.tensor(value)) for key, value in params.items()}
    given = {} if lrs is None else {"lr": lrs[0]}
    optimizer = getattr(torch.optim, base)(list(tensors.values()), **given, **options)
    walk = []
    for t, step in enumerate(grads):
        if lrs is not None:
            optimizer.param_groups[0]["lr"] = lrs[t]
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(step[key])
        optimizer.step()
        walk.append({key: tensor.detach().numpy().copy() for key, tensor in tensors.items()})
    return walk


@contextlib.contextmanager
def keras_in_float64() -> Iterator[Any]:
    """Keras with float64 as its float, as it was afterwards."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    import keras  # noqa: PLC0415

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        if keras.config.backend() == "jax":
            import jax  # noqa: PLC0415

            with jax.enable_x64(True):
                yield keras
        else:
            yield keras
    finally:
        keras.config.set_floatx(before)


def run_keras(case: Case, params: Arrays, grads: list[Arrays]) -> list[Arrays]:
    """The positions after each update, by keras.optimizers."""
    options, lrs = spelled(case), rates(case)
    base = {"Momentum": "SGD", "Nesterov": "SGD"}.get(case.optimizer, case.optimizer)
    if base != case.optimizer:
        options = {"momentum": 0.9, "nesterov": case.optimizer == "Nesterov"} | options
    with keras_in_float64() as keras:
        given = {} if lrs is None else {"learning_rate": lrs[0]}
        optimizer = getattr(keras.optimizers, base)(**given, **options)
        variables = {key: keras.Variable(value, dtype="float64", name=key) for key, value in params.items()}
        optimizer.build(list(variables.values()))
        walk = []
        for t, step in enumerate(grads):
            if lrs is not None:
                optimizer.learning_rate = lrs[t]
            tensors = [keras.ops.convert_to_tensor(step[key], dtype="float64") for key in variables]
            optimizer.apply(tensors)
            walk.append({key: np.array(keras.ops.convert_to_numpy(v.value)) for key, v in variables.items()})
        return walk


def run_optax(case: Case, params: Arrays, grads: list[Arrays]) -> list[Arrays]:
    """The positions after each update, by optax."""
    import jax  # noqa: PLC0415
    import jax.numpy as jnp  # noqa: PLC0415
    import optax  # noqa: PLC0415

    options, lrs = spelled(case), rates(case)
    base = {"Momentum": "SGD", "Nesterov": "SGD"}.get(case.optimizer, case.optimizer).lower()
    if case.optimizer in ("Momentum", "Nesterov"):
        options = {"momentum": 0.9, "nesterov": case.optimizer == "Nesterov"} | options
    links = []  # what optax leaves to its building blocks: clip first, then decay, then step
    for block in ("clip_by_global_norm", "clip", "add_decayed_weights"):
        if block in options:
            links.append(getattr(optax, block)(options.pop(block)))
    with jax.enable_x64(True):
        table = jnp.asarray(lrs)
        optimizer = optax.chain(*links, getattr(optax, base)(lambda count: table[count], **options))
        here = {key: jnp.asarray(value) for key, value in params.items()}
        state = optimizer.init(here)
        walk = []
        for step in grads:
            updates, state = optimizer.update({key: jnp.asarray(g) for key, g in step.items()}, state, here)
            here = optax.apply_updates(here, updates)
            walk.append({key: np.array(value) for key, value in here.items()})
        return walk


RUNNERS: dict[str, Callable[[Case, Arrays, list[Arrays]], list[Arrays]]] = {
    "torch": run_torch,
    "keras": run_keras,
    "optax": run_optax,
}


def run(case: Case, seed: int) -> list[Arrays]:
    """The positions after each update of a case, by the real library, in float64."""
    params, grads = problem(seed)
    walk = RUNNERS[case.library](case, params, grads)
    for here in walk:
        for key, value in here.items():
            if value.dtype != np.float64 or value.shape != params[key].shape:
                raise TypeError(f"{case}: {key} came back as {value.dtype}{value.shape}, not in float64")
    return walk


def tolerance(case: Case, keras_backend: str) -> float:
    """How near to the library nukarumi must be, relative, after every update.

    Keras's own arithmetic is the limit in one place: on PyTorch, the factor of its clipping by global norm goes through
    ``keras.ops.minimum(tensor, number)``, which gives float32 there even for a float64 tensor.
    """
    return 1e-5 if (case.library, keras_backend) == ("keras", "torch") and "clip_norm" in case.options else 1e-12


# ---- the figures of docs/conventions.md --------------------------------------------------------------------------


def lonely(
    library: str, optimizer: str, grads: list[float], options: dict[str, Any], schedule: str = "constant"
) -> float:
    """Where one parameter that starts at 1 is after these gradients."""
    case = Case(library, optimizer, "figure", options, schedule)
    walk = RUNNERS[library](case, {"w": np.array([1.0])}, [{"w": np.array([g])} for g in grads])
    return float(walk[-1]["w"][0])


@dataclass(frozen=True)
class Figure:
    """One row of the table: what is done to a lonely parameter, and what is read off."""

    says: str
    optimizer: str
    grads: tuple[float, ...]
    options: dict[str, Any] = field(hash=False)
    schedule: str = "constant"


FIGURES = (
    Figure("Adagrad, first step at g = 1", "Adagrad", (1.0,), {"lr": 0.1}),
    Figure("Adagrad, first step at g = 0.001", "Adagrad", (1e-3,), {"lr": 0.1}),
    Figure("Adagrad, first step at g = 1e-7", "Adagrad", (1e-7,), {"lr": 0.1}),
    Figure("RMSprop, first step at g = 1", "RMSprop", (1.0,), {"lr": 0.1}),
    Figure("RMSprop, first step at g = 0.001", "RMSprop", (1e-3,), {"lr": 0.1}),
    Figure("RMSprop, first step at g = 1e-7", "RMSprop", (1e-7,), {"lr": 0.1}),
    Figure("Adam, first step at g = 1", "Adam", (1.0,), {"lr": 0.1}),
    Figure("Adam, first step at g = 1e-7", "Adam", (1e-7,), {"lr": 0.1}),
    Figure("Adadelta, 25 steps at g = 1, own lr, rho and eps", "Adadelta", (1.0,) * 25, {}),
    Figure("Momentum, 25 steps at g = 1, lr 0.1", "Momentum", (1.0,) * 25, {"lr": 0.1}),
    Figure("Momentum, the same, lr 0.01 after step 10", "Momentum", (1.0,) * 25, {"lr": 0.1}, "drop"),
    Figure("Nesterov, first step at g = 1, lr 0.1", "Nesterov", (1.0,), {"lr": 0.1}),
    Figure("Nesterov, 25 steps at g = 1, lr 0.1", "Nesterov", (1.0,) * 25, {"lr": 0.1}),
    Figure("Nesterov, the same, lr 0.01 after step 10", "Nesterov", (1.0,) * 25, {"lr": 0.1}, "drop"),
    Figure("Adam, first step at g = 0, w = 1, weight decay 0.1", "Adam", (0.0,), {"lr": 0.1, "weight_decay": 0.1}),
    Figure("AdamW, first step at g = 0, w = 1, own decay", "AdamW", (0.0,), {"lr": 0.1}),
)


def figures(libraries: Iterable[str] = LIBRARIES) -> dict[str, dict[str, str]]:
    """How far the parameter has gone, by library and row; as hex."""
    found: dict[str, dict[str, str]] = {}
    for figure in FIGURES:
        row = found.setdefault(figure.says, {})
        for library in libraries:
            options = dict(figure.options)
            if library == "optax" and "lr" not in options:
                options["lr"] = 1.0  # optax has no default; 1 is what Zeiler's paper means
            row[library] = (1.0 - lonely(library, figure.optimizer, list(figure.grads), options, figure.schedule)).hex()
    return found


def table(folder: Path = HERE) -> str:
    """The stored figures as the Markdown table of docs/conventions.md, the book's column beside the libraries'."""
    like = json.loads((folder / "like.json").read_text(encoding="utf-8"))["figures"]
    book = json.loads((folder / "book.json").read_text(encoding="utf-8"))["figures"]
    heads = ("distance moved", *LIBRARIES, "book")
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for says, row in like.items():
        numbers = [row[library] for library in LIBRARIES] + [book.get(says)]
        cells = ("-" if number is None else f"{float.fromhex(number):.6g}" for number in numbers)
        lines.append(f"| {says} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


# ---- the file ----------------------------------------------------------------------------------------------------


def as_hex(arrays: Arrays) -> dict[str, list[str]]:
    """Arrays as flat lists of hex floats: no digit is lost in a text file."""
    return {key: [float(x).hex() for x in value.ravel()] for key, value in arrays.items()}


def goldens(libraries: Sequence[str]) -> dict[str, Any]:
    """Everything that is stored."""
    params, grads = problem(GOLDEN_SEED)
    with keras_in_float64() as keras:
        backend = keras.config.backend()
    return {
        "made_by": "tests/goldens/make_like.py",
        "versions": {name: version(name) for name in ("torch", "keras", "jax", "optax", "numpy")},
        "keras_backend": backend,
        "machine": platform.machine(),
        "seed": GOLDEN_SEED,
        "steps": list(GOLDEN_STEPS),
        "params": as_hex(params),
        "grads": [as_hex(step) for step in grads],
        "figures": figures(libraries),
        "cases": [
            asdict(case) | {"walk": [as_hex(walk[t - 1]) for t in GOLDEN_STEPS]}
            for case in cases()
            if case.library in libraries
            for walk in [run(case, GOLDEN_SEED)]
        ],
    }


def dump(found: dict[str, Any], path: Path) -> None:
    """Write the goldens, one case a line, so that a change of one case is a change of one line."""
    head = {key: value for key, value in found.items() if key != "cases"}
    lines = [json.dumps(case) for case in found["cases"]]
    body = json.dumps(head, indent=1)[:-2] + ',\n "cases": [\n' + ",\n".join(lines) + "\n ]\n}\n"
    path.write_text(body, encoding="utf-8")


def main() -> None:
    """Write the goldens, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the figures of docs/conventions.md")
    parser.add_argument("--library", choices=LIBRARIES, action="append", help="only this one (default: all)")
    parser.add_argument("--out", type=Path, default=HERE / "like.json")
    args = parser.parse_args()
    if args.table:
        sys.stdout.write(table() + "\n")
        return
    dump(goldens(args.library or LIBRARIES), args.out)


if __name__ == "__main__":
    main()
