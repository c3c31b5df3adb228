"""Training on Ray beside one machine: held-out error after the same passes over real sentences, and examples a second.

Random splits, three quarters to learn from; every way of training sees them in the same order, equally often, with the
learning rate that is the shell's default. The difference of errors is relative to one machine's.

    python benchmarks/cluster_fit.py [FILE.zip ...]        as benchmarks/linear_quality.py; default: the film reviews
    python benchmarks/cluster_fit.py --zipf 400000         generated rows whose features follow Zipf's law
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.datasets import dump_svmlight_file
from sklearn.feature_extraction.text import CountVectorizer

from linear_quality import sentences
from nukarumi.cluster import Ray, fit_on_ray
from nukarumi.linear import AdagradClassifier, fit_file, predict_file

LR = 0.1
Split = tuple[Any, Any, Any, Any]
"""Features and labels to learn from, and those to judge by."""


def of_sentences(path: Path, seeds: range) -> Iterator[Split]:
    """Words and word pairs of sentences."""
    texts, y = sentences(path)
    for seed in seeds:
        order = np.random.default_rng(seed).permutation(len(texts))
        train, test = np.split(order, [3 * len(order) // 4])
        words = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, binary=True, dtype=np.float64)
        X = words.fit_transform([texts[i] for i in train])
        yield X, y[train], words.transform([texts[i] for i in test]), y[test]


def of_zipf(rows: int, seed: int, columns: int = 200_000, wide: int = 40) -> Iterator[Split]:
    """Rows of features that follow Zipf's law, labelled by a hidden linear model with noise."""
    rng = np.random.default_rng(seed)
    popular = 1.0 / np.arange(1, columns + 1)
    chosen = rng.choice(columns, size=(rows, wide), p=popular / popular.sum())
    X = csr_matrix((np.ones(rows * wide), chosen.ravel(), np.arange(0, rows * wide + 1, wide)), shape=(rows, columns))
    X.sum_duplicates()
    X.data[:] = 1.0
    scores = X @ rng.normal(size=columns)
    y = (scores + rng.logistic(size=rows) * 3.0 > np.median(scores)).astype(int)
    cut = 3 * rows // 4
    yield X[:cut], y[:cut], X[cut:], y[cut:]


def error(model: Any, path: Path) -> float:
    """The share of rows that are predicted wrongly."""
    wrong, rows = 0, 0
    for predictions, labels in predict_file(model, path):
        wrong, rows = wrong + int((predictions != labels).sum()), rows + len(labels)
    return wrong / rows


def judge(name: str, splits: Iterator[Split], chosen: argparse.Namespace, engine: Ray, folder: Path) -> None:
    """Print the table of one data set."""
    ways: dict[str, dict[str, Any]] = {"one machine": {}}
    for workers in chosen.workers:
        ways |= {
            f"downpour, {workers} workers": {"method": "downpour", "workers": workers, "staleness": chosen.staleness},
            f"averaging, {workers} workers": {"method": "average", "workers": workers},
        }
    errors: dict[tuple[int, str], list[float]] = {}
    speeds: dict[tuple[int, str], list[float]] = {}
    rows = 0
    for X, y, rest, labels in splits:
        train, test = folder / "train.svm", folder / "test.svm"
        dump_svmlight_file(X, y, str(train))
        dump_svmlight_file(rest, labels, str(test))
        rows = X.shape[0]
        block = max(1 << 16, min(1 << 23, train.stat().st_size // 8))
        for passes in chosen.passes:
            for way, settings in ways.items():
                model, told = AdagradClassifier(lr=LR), []
                given: dict[str, Any] = {"passes": passes, "block": block}
                given["progress"] = lambda standing, told=told: told.append((time.perf_counter(), standing.examples))
                if settings:
                    fit_on_ray(model, train, engine=engine, **settings, **given)
                else:
                    fit_file(model, train, **given)
                errors.setdefault((passes, way), []).append(error(model, test))
                (begin, first), (end, last) = told[0], told[-1]
                speeds.setdefault((passes, way), []).append((last - first) / (end - begin))
    print(f"{name}: {rows:,} rows to learn from, {len(next(iter(errors.values())))} splits")
    print(f"{'passes':>6}  {'':24}{'test error %':>14}{'relative':>11}{'examples/s':>13}")
    for (passes, way), found in errors.items():
        base = np.mean(errors[passes, "one machine"])
        relative = "" if way == "one machine" else f"{100 * (np.mean(found) / base - 1):+.2f} %"
        speed = f"{np.median(speeds[passes, way]):,.0f}"
        print(f"{passes:6}  {way:24}{100 * np.mean(found):14.2f}{relative:>11}{speed:>13}")


def main() -> None:
    """Read the words of the command, and judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--zipf", type=int, metavar="ROWS")
    parser.add_argument("--passes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--staleness", type=int, default=0)
    parser.add_argument("--splits", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0, help="of the first split (default: 0)")
    parser.add_argument("--address")
    chosen = parser.parse_args()
    engine = Ray(chosen.address, cpus=None if chosen.address else max(chosen.workers))
    shipped = files("nukarumi.problems").joinpath("data", "sentence_polarity.zip")
    try:
        with tempfile.TemporaryDirectory() as folder, as_file(shipped) as reviews:
            if chosen.zipf:
                judge("Zipf", of_zipf(chosen.zipf, chosen.seed), chosen, engine, Path(folder))
            else:
                seeds = range(chosen.seed, chosen.seed + chosen.splits)
                for path in chosen.files or [reviews]:
                    judge(path.name, of_sentences(path, seeds), chosen, engine, Path(folder))
    finally:
        engine.close()


if __name__ == "__main__":
    main()
