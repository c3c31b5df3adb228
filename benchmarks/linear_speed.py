"""One logistic epoch on Zipf-distributed rows, and reading svmlight, beside scikit-learn, Vowpal Wabbit and river.

Everything in one process and one thread of learning, the contenders in turns; the median of the rounds counts, in
seconds of the wall clock and of the processor. Vowpal Wabbit reads its own cache, made before. river learns from the
first rows only, and its time is scaled up. What is not installed is left out.

    pip install vowpalwabbit river
"""

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.linear_model import SGDClassifier

from nukarumi.linear import AdagradClassifier, load_svmlight

ONCE = {"max_iter": 1, "tol": None}
RIVER_ROWS = 500
Work = Callable[[], Any]


def zipf(rows: int, features: int, width: int, seed: int = 0) -> tuple[csr_matrix, np.ndarray]:
    """Rows of ``width`` draws each, feature k with probability in proportion to 1 / k, numbered at random; classes."""
    rng = np.random.default_rng(seed)
    chance = np.cumsum(1.0 / np.arange(1, features + 1))
    drawn = np.minimum(np.searchsorted(chance / chance[-1], rng.random(rows * width)), features - 1)
    columns = rng.permutation(features)[drawn].astype(np.int32)
    starts = np.arange(0, rows * width + 1, width, dtype=np.int32)
    X = csr_matrix((rng.random(rows * width) + 0.1, columns, starts), shape=(rows, features))
    X.sum_duplicates()
    score = X @ rng.normal(size=features) + 0.5 * rng.logistic(size=rows)
    return X, (score > np.median(score)).astype(np.int64)


def rows_of(X: csr_matrix) -> list[list[tuple[int, float]]]:
    """Every row as pairs of column and value."""
    spans = [slice(*span) for span in zip(X.indptr[:-1], X.indptr[1:], strict=True)]
    return [list(zip(X.indices[span].tolist(), X.data[span].tolist(), strict=True)) for span in spans]


def vowpal(X: csr_matrix, y: np.ndarray, folder: Path) -> tuple[Work, float]:
    """An epoch from the cache; and the largest difference of the scores of a tenth of the rows to ours."""
    from vowpalwabbit import Workspace  # noqa: PLC0415

    lines = [
        f"{2 * label - 1} | " + " ".join(f"{column}:{value:.9g}" for column, value in row)
        for row, label in zip(rows_of(X), y.tolist(), strict=True)
    ]
    train, test, scores, model = (folder / name for name in ("train.vw", "test.vw", "scores.txt", "model.vw"))
    train.write_text("\n".join(lines) + "\n")
    test.write_text("\n".join(lines[::10]) + "\n")
    learn = (
        f"--loss_function logistic --adaptive -l 0.1 -b 18 --quiet --no_stdin -d {train} --cache_file {folder}/cache"
    )
    Workspace(f"{learn} -f {model}").finish()
    Workspace(f"-t -i {model} -d {test} -r {scores} --quiet --no_stdin").finish()
    theirs = np.array([float(line.split()[0].split(":")[-1]) for line in scores.read_text().splitlines()])
    ours = AdagradClassifier(lr=0.1, eps=1e-30, shuffle=False, **ONCE).fit(X, y).decision_function(X[::10])
    return lambda: Workspace(learn).finish(), float(np.abs(theirs - ours).max())


def river(X: csr_matrix, y: np.ndarray) -> Work:
    """An epoch over the first rows."""
    from river.linear_model import LogisticRegression  # noqa: PLC0415
    from river.optim import AdaGrad  # noqa: PLC0415

    rows = [dict(row) for row in rows_of(X[:RIVER_ROWS])]
    labels = [bool(label) for label in y[:RIVER_ROWS]]

    def learn() -> None:
        model = LogisticRegression(AdaGrad(0.1))
        for row, label in zip(rows, labels, strict=True):
            model.learn_one(row, label)

    return learn


def turns(contenders: dict[str, Work], rounds: int) -> dict[str, tuple[float, float]]:
    """Seconds of the wall clock and of the processor, the median of the rounds, in turns."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            wall, cpu = time.perf_counter(), time.process_time()
            work()
            seconds[name].append((time.perf_counter() - wall, time.process_time() - cpu))
    return {name: tuple(np.median(found, axis=0).tolist()) for name, found in seconds.items()}


def table(title: str, found: dict[str, tuple[float, float]], scale: dict[str, float]) -> None:
    """One line a contender, and how many times longer than the first it took."""
    print(f"\n{title}\n{'':44}{'wall ms':>10}{'ratio':>8}{'cpu ms':>10}{'ratio':>8}")
    first = next(iter(found.values()))
    for name, seconds in found.items():
        wall, cpu = (scale.get(name, 1.0) * part for part in seconds)
        print(f"{name:44}{1e3 * wall:10.1f}{wall / first[0]:8.1f}{1e3 * cpu:10.1f}{cpu / first[1]:8.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=47_000)
    parser.add_argument("--width", type=int, default=80, help="draws a row; a feature drawn twice is one entry")
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    X, y = zipf(given.rows, given.features, given.width)
    print(
        f"{X.shape[0]:,} rows, {X.shape[1]:,} features, {X.nnz / X.shape[0]:.1f} entries a row, {os.cpu_count()} CPUs"
    )
    AdagradClassifier(**ONCE).fit(X[:100], y[:100])  # the loop is compiled, or read from disk, before the clock starts
    with tempfile.TemporaryDirectory() as name:
        folder, scale = Path(name), {}
        for shuffle in (True, False):
            contenders: dict[str, Work] = {
                "nukarumi AdagradClassifier": lambda s=shuffle: AdagradClassifier(shuffle=s, **ONCE).fit(X, y),
                "scikit-learn SGDClassifier": lambda s=shuffle: SGDClassifier("log_loss", shuffle=s, **ONCE).fit(X, y),
                "nukarumi, dual averaging with l1": lambda s=shuffle: AdagradClassifier(
                    shuffle=s, update="rda", penalty="l1", **ONCE
                ).fit(X, y),
            }
            if not shuffle:
                with contextlib.suppress(ImportError):
                    contenders["Vowpal Wabbit --adaptive, from its cache"], apart = vowpal(X, y, folder)
                    print(f"largest difference of a score to Vowpal Wabbit --adaptive: {apart:.1e}")
                with contextlib.suppress(ImportError):
                    contenders["river LogisticRegression(AdaGrad), scaled up"] = river(X, y)
                    scale["river LogisticRegression(AdaGrad), scaled up"] = X.shape[0] / RIVER_ROWS
            order = "in a new order" if shuffle else "in the order given"
            table(f"One logistic epoch, rows {order}", turns(contenders, given.rounds), scale)
        path = folder / "rows.svm"
        dump_svmlight_file(X[:: max(1, X.shape[0] // 20_000)], y[:: max(1, X.shape[0] // 20_000)], str(path))
        load_svmlight(path)
        reading = {
            "nukarumi load_svmlight": lambda: load_svmlight(path),
            "scikit-learn load_svmlight_file": lambda: load_svmlight_file(str(path)),
        }
        title = f"Reading {path.stat().st_size / 1e6:.0f} MB of svmlight"
        table(title, turns(reading, max(3, given.rounds // 3)), {})


if __name__ == "__main__":
    main()
