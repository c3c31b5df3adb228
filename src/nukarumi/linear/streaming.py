"""Learning from, and predicting for, files larger than memory."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput, BadType
from nukarumi.linear.base import LinearModel
from nukarumi.linear.classifier import AdagradClassifier, plain
from nukarumi.linear.reading import BLOCK, Batch, Format, ahead, batches, is_standard_input, name_of

__all__ = ["Standing", "fit_file", "predict_file"]


@dataclass(frozen=True)
class Standing:
    """How far a file has been read.

    Attributes
    ----------
    epoch
        Which pass, from 1.
    share
        How much of the file, 0 to 1; of standard input 0 until it ends.
    examples
        Examples learnt from in all.
    loss
        Their mean loss, each met before it was learnt from.
    """

    epoch: int
    share: float
    examples: int
    loss: float


def fit_file(
    model: LinearModel,
    path: str | PathLike[str],
    *,
    passes: int = 1,
    classes: Any = None,
    format: Format | None = None,
    bits: int = 18,
    label: str | None = None,
    block: int = BLOCK,
    progress: Callable[[Standing], None] | None = None,
) -> LinearModel:
    """Learn from a file in the order of its rows, a block at a time; a fitted model goes on.

    ``loss_curve_`` gets the mean loss of each pass. With ``record=True`` the trail gets a row a block; as columns
    appear, its readings of ``coef`` are of those known so far.

    Parameters
    ----------
    model
        The estimator.
    path
        An svmlight, Vowpal Wabbit or Parquet file; the first two may be gzipped. "-" is standard input.
    passes
        How often to read it.
    classes
        All labels; if not told, those of the first block.
    format, bits, label, block
        As in `nukarumi.linear.reading.batches`.
    progress
        Told after every block how it stands.

    Returns
    -------
    model

    Raises
    ------
    BadInput
        For a malformed file, with its line and column, or a label that is new. The model is then as it was.
    OSError
        If the file cannot be read; the model is then as it was.

    Examples
    --------
    >>> import tempfile
    >>> from nukarumi.linear import AdagradClassifier
    >>> with tempfile.NamedTemporaryFile("w", suffix=".svm") as file:
    ...     _ = file.write("1 0:1 2:1\\n-1 1:1 2:1\\n" * 20)
    ...     file.flush()
    ...     model = fit_file(AdagradClassifier(lr=0.5), file.name)
    >>> model.predict([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
    array([ 1., -1.])
    """
    path = Path(path)
    need_estimator(model)
    if passes < 1:
        raise BadInput("passes must be a whole number >= 1", passes, "pass passes=1")
    if passes > 1 and is_standard_input(path):
        raise BadInput("standard input can be read once", f"passes={passes}", "save it to a file")
    model._check_settings()
    learning = copy.deepcopy(model)
    met, weight = 0.0, 0.0
    curve: list[float] = []
    for epoch in range(1, passes + 1):
        found, met_before, weight_before, share = False, met, weight, 0.0
        stopped = threading.Event()
        parts = batches(path, format, bits=bits, label=label, block=block, stopped=stopped)
        with closing(ahead(parts, stopped)) as reading:
            for batch in reading:
                found, share = True, batch.share
                X, y, weights = _checked(learning, path, batch, classes)
                learning._learn_part(X, y, weights, watch=True)
                met, weight = met + learning._met * weights.sum(), weight + weights.sum()
                if progress is not None:
                    progress(Standing(epoch, batch.share, learning.t_, met / weight if weight else float("nan")))
        if not found:
            raise BadInput(f"{name_of(path)} must hold examples", "none", "add some")
        if progress is not None and share < 1.0:  # how long the file is was not known
            progress(Standing(epoch, 1.0, learning.t_, met / weight if weight else float("nan")))
        curve.append((met - met_before) / (weight - weight_before) if weight > weight_before else float("nan"))
    learning.n_iter_, learning.loss_curve_ = passes, [*model.__dict__.get("loss_curve_", []), *curve]
    model.__dict__.update(learning.__dict__)
    return model


def need_estimator(model: Any) -> None:
    """Refuse what is not an estimator of `nukarumi.linear`, a class in place of one of its objects among it."""
    if not isinstance(model, LinearModel):
        given = model.__name__ if isinstance(model, type) else type(model).__name__
        raise BadType(
            "the model must be an estimator of nukarumi.linear",
            f"the class {given}" if isinstance(model, type) else given,
            "pass AdagradClassifier() or AdagradRegressor()",
        )


def _checked(model: LinearModel, path: Path, batch: Batch, classes: Any) -> tuple[Any, Any, Any]:
    """The batch as `partial_fit` would have it; an error names the file and the line."""
    _need_labels(path, batch)
    _need_width(model, path, batch)
    X = fitted_width(model, batch.X, grow=True)
    try:
        if isinstance(model, AdagradClassifier):
            if classes is None and not hasattr(model, "classes_"):
                classes = np.unique(batch.y)
                if len(classes) == 1:
                    raise BadInput(
                        "the first block must hold at least two labels, unless all are named",
                        f"only the label {plain(classes[0])}",
                        "pass --classes A,B in the shell, classes=[...] in Python",
                    )
            return model._checked_part(X, batch.y, classes, batch.weight)
        return model._checked_part(X, batch.y, batch.weight)  # type: ignore[no-any-return]
    except BadInput as error:
        raise BadInput(f"{name_of(path)}, from line {batch.line}: {error.rule}", error.received, error.cure) from error


def _need_labels(path: Path, batch: Batch) -> None:
    if batch.y.dtype.kind == "f" and np.isnan(batch.y).any():
        row = int(np.flatnonzero(np.isnan(batch.y))[0])
        raise BadInput(
            f"{name_of(path)}: every example to learn from must have a label",
            f"none for example {row + 1} of those from line {batch.line} on",
            "add it or remove that line",
        )


def need_known_labels(model: LinearModel, path: Path, batch: Batch) -> None:
    """Refuse a batch to judge by that has no label somewhere, or one that the model cannot predict."""
    _need_labels(path, batch)
    if isinstance(model, AdagradClassifier):
        unseen = np.flatnonzero(~np.isin(batch.y, model.classes_))
        if len(unseen):
            known = f"{', '.join(map(plain, model.classes_)):.80}"
            raise BadInput(
                f"{name_of(path)}, from line {batch.line}: the labels must be among those of the model, {known}",
                f"{plain(batch.y[unseen[0]])} for example {unseen[0] + 1} there",
                "remove those examples, or train with all labels",
            )


def _need_width(model: LinearModel, path: Path, batch: Batch) -> None:
    """Refuse whole columns (Parquet) that are not as many as the model's: nobody knows which is which."""
    if hasattr(model, "_learner") and not hasattr(batch.X, "indptr") and batch.X.shape[1] != model.n_features_in_:
        raise BadInput(
            f"{name_of(path)} must have the {model.n_features_in_:,} columns that the model has learnt from",
            f"{batch.X.shape[1]:,}",
            "give the file that belongs to the model, its columns in the same order",
        )


def fitted_width(model: LinearModel, X: Any, *, grow: bool) -> Any:
    """The rows with as many columns as the model has: it grows, or what it has never seen is left out."""
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    if not hasattr(model, "_learner") or not hasattr(X, "indptr"):
        return X  # whole columns were counted before
    known = model._learner.features
    if X.shape[1] > known and grow:
        model._learner.grow(X.shape[1])
        model.n_features_in_ = X.shape[1]
        return X
    if X.shape[1] > known:
        return X[:, :known]
    return csr_matrix((X.data, X.indices, X.indptr), shape=(X.shape[0], known))


def predict_file(
    model: LinearModel,
    path: str | PathLike[str],
    method: str = "predict",
    *,
    format: Format | None = None,
    bits: int = 18,
    label: str | None = None,
    block: int = BLOCK,
    look: Callable[[Batch], None] | None = None,
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Predictions and labels of a file, a block at a time.

    Columns that training has never seen weigh nothing.

    Parameters
    ----------
    model
        A fitted estimator.
    path, format, bits, label, block
        As in `fit_file`.
    method
        "predict", "decision_function" or "predict_proba".
    look
        Shown every batch as it was read, before it is predicted for.

    Yields
    ------
    predictions, labels

    Raises
    ------
    BadInput
        For a malformed file, or a Parquet file of another number of columns than the model has.
    """
    path, stopped = Path(path), threading.Event()
    parts = batches(path, format, bits=bits, label=label, block=block, stopped=stopped)
    with closing(ahead(parts, stopped)) as reading:
        for batch in reading:
            _need_width(model, path, batch)
            if look is not None:
                look(batch)
            yield getattr(model, method)(fitted_width(model, batch.X, grow=False)), batch.y
