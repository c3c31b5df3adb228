"""One online pass over real sentences: the test error of Adagrad beside SGD, and of sparse weights by dual averaging.

Four random splits, three quarters to learn from. Every method chooses its settings by five-fold cross-validation on
the training part alone, sees the training part once (one of them five times), in an order drawn anew, and is judged
once on the rest. A sparse method may choose among the penalties that leave at most a tenth of the weights when it has
seen the whole training part: for every rate the least such one, which a bisection finds, and a somewhat larger one.
What a feature's summed gradient must outgrow is alpha times the rows, so in a fold, which has fewer rows, alpha is as
much larger: otherwise its model would be denser than the one to be judged.

    python benchmarks/linear_quality.py [FILE.zip ...]     each holds two files, one sentence a line, one file a class

Without files: the film reviews that come with nukarumi.
"""

import argparse
import itertools
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import KFold

from nukarumi.linear import AdagradClassifier

SPLITS, FOLDS, SPARSE = 4, 5, 0.10
RATES = 10.0 ** np.arange(-2.5, 1.01, 0.25)
ONCE = {"max_iter": 1, "tol": None}
Settings = Mapping[str, Any]
Make = Callable[..., Any]


def grid(**choices: Iterable[Any]) -> list[dict[str, Any]]:
    """Every combination."""
    return [dict(zip(choices, values, strict=True)) for values in itertools.product(*choices.values())]


def sgd(loss: str, **settings: Any) -> SGDClassifier:
    """SGD with one rate for all weights, constant or falling; its penalty is tuned too."""
    return SGDClassifier(loss, **{"penalty": None, **settings}, **ONCE)


def adagrad(loss: str, **settings: Any) -> AdagradClassifier:
    """Adagrad."""
    return AdagradClassifier(loss, **settings, **ONCE)


def dual(loss: str, **settings: Any) -> AdagradClassifier:
    """Adagrad by regularised dual averaging with l1."""
    return AdagradClassifier(loss, update="rda", penalty="l1", **{**ONCE, **settings})


DUAL_RATES = [0.1, 0.14, 0.2, 0.28, 0.4, 0.56]
METHODS: dict[str, tuple[Make, list[dict[str, Any]]]] = {
    "SGD": (
        sgd,
        grid(learning_rate=["constant"], eta0=RATES)
        + grid(learning_rate=["invscaling"], power_t=[0.25, 0.5], eta0=RATES * 10)
        + grid(learning_rate=["optimal"], penalty=["l2"], alpha=10.0 ** np.arange(-6, -2.4, 0.5)),
    ),
    "Adagrad": (adagrad, grid(lr=RATES)),
    "RDA with l1": (dual, grid(lr=DUAL_RATES, fit_intercept=[True, False])),
    "RDA with l1, 5 passes": (dual, grid(lr=DUAL_RATES, fit_intercept=[True, False], max_iter=[5])),
}


def sentences(path: Path) -> tuple[list[str], np.ndarray]:
    """Sentences of the two classes in turn, and their classes."""
    with zipfile.ZipFile(path) as archive:
        names = sorted(name for name in archive.namelist() if not name.endswith("/") and "README" not in name.upper())
        one, other = (archive.read(name).decode("latin-1").splitlines() for name in names)
    return [text for pair in zip(one, other, strict=True) for text in pair], np.array([0, 1] * len(one))


def outcome(make: Make, settings: Settings, loss: str, seed: int, train: Any, test: Any) -> tuple[float, float]:
    """Error on the test rows, and the share of weights that are not zero."""
    model = make(loss, **settings, random_state=seed).fit(*train)
    return float(np.mean(model.predict(test[0]) != test[1])), float(np.mean(model.coef_ != 0))


def least_alpha(settings: Settings, loss: str, seed: int, X: Any, y: Any) -> float:
    """The least strength of l1 that leaves at most the share `SPARSE` of the weights, to a hundredth or so."""
    low, high = 1e-6, 1e-2
    while high / low > 1.01:
        middle = (low * high) ** 0.5
        if outcome(dual, {**settings, "alpha": middle}, loss, seed, (X, y), (X, y))[1] <= SPARSE:
            high = middle
        else:
            low = middle
    return high


def tuned(make: Make, choices: list[dict[str, Any]], loss: str, seed: int, X: Any, y: Any) -> Settings:
    """The settings of least error over the folds."""
    folds = list(KFold(FOLDS, shuffle=True, random_state=seed).split(X))
    if make is dual:
        choices = [
            {**settings, "alpha": least * factor}
            for settings in choices
            for least in [least_alpha(settings, loss, seed, X, y)]
            for factor in (1.0, 1.2)
        ]
    found = []
    for settings in choices:
        errors = []
        for a, b in folds:
            ours = {**settings, "alpha": settings["alpha"] * len(y) / len(a)} if make is dual else settings
            errors.append(outcome(make, ours, loss, seed, (X[a], y[a]), (X[b], y[b]))[0])
        found.append((np.mean(errors), len(found), settings))
    return min(found)[2]


def judge(path: Path, kept: dict[str, list[bool]]) -> None:
    """Print the table of one data set, and note which promises hold.

    Beside each mean error: how much it is above SGD's, and the standard error of that over the splits, taken in pairs.
    """
    texts, y = sentences(path)
    print(f"{path.name}: {len(texts)} sentences; mean of {SPLITS} splits")
    title = f"{'loss':10}{'method':24}{'test error %':>14}{'above SGD':>18}{'weights not 0 %':>18}"
    print(f"{title}   settings of the splits")
    for loss in ("hinge", "log_loss"):
        means: dict[str, Any] = {}
        base: list[float] = []
        for name, (make, choices) in METHODS.items():
            ends, settings = [], []
            for seed in range(SPLITS):
                order = np.random.default_rng(seed).permutation(len(texts))
                train, test = np.split(order, [3 * len(order) // 4])
                words = CountVectorizer(
                    token_pattern=r"\S+", ngram_range=(1, 2), min_df=2, binary=True, dtype=np.float64
                ).fit([texts[i] for i in train])
                X, rest = (csr_matrix(words.transform([texts[i] for i in part])) for part in (train, test))
                best = tuned(make, choices, loss, seed, X, y[train])
                ends.append(outcome(make, best, loss, seed, (X, y[train]), (rest, y[test])))
                settings.append(" ".join(f"{v:.3g}" if isinstance(v, float) else str(v) for v in best.values()))
            means[name] = error, share = np.mean(ends, axis=0)
            errors = np.array(ends)[:, 0]
            base = base or errors.tolist()
            apart = 100 * (errors - base)
            spread = apart.std(ddof=1) / SPLITS**0.5
            told = f"{apart.mean():+.2f} +- {spread:.2f}" if name != "SGD" else ""
            line = f"{loss:10}{name:24}{100 * error:14.2f}{told:>18}{100 * share:18.1f}"
            print(f"{line}   {'; '.join(settings)}", flush=True)
        least, dense, *sparse = means.values()
        kept["Adagrad's error is at or below SGD's"].append(dense[0] <= least[0])
        for passes, (error, share) in zip(("one pass", "five passes"), sparse, strict=True):
            kept[f"so is that of at most 10 % of the weights, {passes}"].append(error <= least[0] and share <= SPARSE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    given = parser.parse_args().files
    shipped = files("nukarumi.problems").joinpath("data", "sentence_polarity.zip")
    promises: dict[str, list[bool]] = defaultdict(list)
    with as_file(shipped) as reviews:
        for path in given or [reviews]:
            judge(path, promises)
    for promise, held in promises.items():
        print(f"{promise}: in {sum(held)} of {len(held)} cases")
