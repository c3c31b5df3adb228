"""Measures what takes too long for a build: a reading of real reviews and a race on digits. Run it for new figures.

``python -m nukarumi.lessons.measure`` writes ``measured.json`` beside this file, with the command and the versions;
`nukarumi.lessons.truths` reads it, and a test measures a part of it again.
"""

from __future__ import annotations

import itertools
import json
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

import nukarumi
from nukarumi import optim
from nukarumi.problems import SparseLinear, reviews
from nukarumi.trail import Trail

__all__ = ["COMMAND", "measured", "race_on_digits", "read_reviews", "rounded"]

COMMAND = "python -m nukarumi.lessons.measure"

READERS: dict[str, tuple[Any, tuple[float, ...]]] = {
    "SGD": (optim.SGD, (0.01, 0.02, 0.05, 0.1, 0.2)),
    "Adagrad": (optim.Adagrad, (0.02, 0.05, 0.1, 0.2, 0.5)),
}
"""Who reads the reviews, and the learning rates that are tried."""

SEEDS = (0, 1, 2)
RACERS = "SGD, Momentum, Nesterov, Adagrad, RMSprop, Adam"


@cache
def measured() -> dict[str, Any]:
    """What was measured last, as ``measured.json`` has it.

    Examples
    --------
    >>> measured()["command"]
    'python -m nukarumi.lessons.measure'
    """
    text = resources.files("nukarumi.lessons").joinpath("measured.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


def rounded(value: Any) -> Any:
    """Numbers to six digits, so that the file is the same on every machine.

    Examples
    --------
    >>> rounded({"a": [1 / 3, 2]})
    {'a': [0.333333, 2]}
    """
    if isinstance(value, Mapping):
        return {key: rounded(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def _reading(problem: SparseLinear, name: str, lr: float, seed: int) -> tuple[float, float, Any, Any]:
    """One reading of all training sentences: validation error, test error, the optimizer and the weights."""
    optimizer = READERS[name][0](lr=lr)
    params = problem.params(seed)
    for batch in problem.batches(seed, 0):
        optimizer.update(params, problem.loss_and_grads(params, batch)[1])
    return problem.score(params, "validation").error, problem.score(params, "test").error, optimizer, params


def read_reviews(seeds: Sequence[int] = SEEDS) -> dict[str, Any]:
    """Read the reviews once with SGD and with Adagrad, each at the rate that is best on the validation sentences.

    Parameters
    ----------
    seeds
        Orders of the sentences; errors are means over them. What is said of single words comes from the first.
    """
    problem = reviews()
    rows, _ = problem.parts["train"]
    counts = np.bincount(rows.columns, minlength=problem.features)
    found: dict[str, Any] = {
        "sentences": problem.describe()["rows"],
        "features": problem.features,
        "seldom": float(np.mean(counts <= 5)),
        "most_frequent": int(counts.max()),
        "seeds": list(seeds),
        "readers": {},
    }
    for name, (_, grid) in READERS.items():
        table = {lr: [_reading(problem, name, lr, seed)[:2] for seed in seeds] for lr in grid}
        means = {lr: tuple(float(each) for each in np.mean(errors, axis=0)) for lr, errors in table.items()}
        best = min(grid, key=lambda lr: (means[lr][0], lr))
        found["readers"][name] = {
            "lr": best,
            "validation_error": means[best][0],
            "test_error": means[best][1],
            "test_errors": [float(test) for _, test in table[best]],
            "tried": [{"lr": lr, "validation_error": means[lr][0]} for lr in grid],
        }
        optimizer = _reading(problem, name, best, seeds[0])[2]
        rate = np.broadcast_to(optimizer.effective_lr("w"), counts.shape).astype(float)
        if name == "Adagrad":
            # A word that no wrong answer has touched yet has no brake at all.
            touched = np.asarray(optimizer.h["w"]) > 0
            found["felt"] = float(np.mean(touched))
        else:
            touched = np.ones(counts.shape, dtype=bool)
        edges = [2**k for k in range(1, 14)]
        points = []
        for low, high in itertools.pairwise(edges):
            inside = (counts >= low) & (counts < high) & touched
            if inside.any():
                points.append(
                    [float(np.exp(np.log(counts[inside]).mean())), float(np.exp(np.log(rate[inside]).mean()))]
                )
        found["readers"][name]["rate_by_count"] = points
    return found


def race_on_digits() -> dict[str, Any]:
    """Race the family on the handwritten digits, as ``nukarumi race`` does."""
    from nukarumi.race import Serial, race  # noqa: PLC0415

    result = race("digits", RACERS, tuning_seeds=2, seeds=5, engine=Serial(), out=False, progress=False)
    told = result.to_dict()
    settings = told["settings"]
    standings = []
    for standing, each in zip(result.standings, told["standings"], strict=True):
        run = standing.runs[min(standing.runs)]
        standings.append(
            {
                "optimizer": each["optimizer"],
                "lr": each["best_lr"],
                "at_edge": each["at_edge"],
                "test_error": each["test_error"],
                "steps_to_target": each["steps_to_target"],
                "good_lr": each["good_lr"],
                "tried": [{"lr": a["lr"], "validation_error": a["validation_error"]} for a in each["tried"]],
                "endings": each["endings"],
                "curve": _curve(Trail.from_bytes(run.trail)) if run.trail else [],
            }
        )
    return {
        "optimizers": [each["optimizer"] for each in standings],
        "epochs": settings["epochs"],
        "batches_per_epoch": settings["batches_per_epoch"],
        "seeds": len(settings["seeds"]),
        "target_loss": told["target_loss"],
        "rows": settings["data"]["rows"],
        "standings": standings,
    }


def _curve(trail: Trail) -> list[list[float]]:
    """The training loss along a run, as means over eight neighbouring records."""
    steps, losses = np.asarray(trail.steps, dtype=float), np.asarray(trail.loss, dtype=float)
    whole = len(steps) // 8 * 8
    blocks = zip(steps[:whole].reshape(-1, 8).mean(axis=1), losses[:whole].reshape(-1, 8).mean(axis=1), strict=True)
    return [[float(step), float(loss)] for step, loss in blocks]


def main() -> int:
    """Measure everything and write it down."""
    import sklearn  # noqa: PLC0415

    found = {
        "command": COMMAND,
        "versions": {
            "nukarumi": nukarumi.__version__,
            "numpy": np.__version__,
            "scikit-learn": sklearn.__version__,
            "python": platform.python_version(),
        },
        "reviews": read_reviews(),
        "digits": race_on_digits(),
    }
    out = Path(__file__).with_name("measured.json")
    out.write_text(json.dumps(rounded(found), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
