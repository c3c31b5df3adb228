"""A linear classifier whose every weight has a learning rate of its own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from nukarumi._errors import BadInput
from nukarumi.linear.base import LinearModel
from nukarumi.linear.described import described
from nukarumi.linear.learner import Floats
from nukarumi.linear.losses import CLASSES, sigmoid, softmax

__all__ = ["AdagradClassifier"]


def _gives_probabilities(self: Any) -> bool:
    if self.loss not in ("log_loss", "logistic", "modified_huber"):
        raise AttributeError(f"loss={self.loss!r} has no probabilities; use loss='log_loss' or 'modified_huber'")
    return True


@described
class AdagradClassifier(ClassifierMixin, LinearModel):  # type: ignore[misc]  # scikit-learn has no types
    """A linear classifier trained by Adagrad, one example after the other.

    ::

        p = x . coef + intercept
        g = loss'(p, y) * x
        h += g * g
        w -= lr * g / (sqrt(h) + eps)

    ``h`` starts at ``initial_accumulator`` = 0 and eps stands outside the root. A feature that is rare keeps long
    steps, so words and other sparse features are learnt from few examples. An example costs as much as it has
    non-zeros, with a penalty too.

    Parameters
    ----------
    loss : {"log_loss", "logistic", "hinge", "squared_hinge", "modified_huber"}
        What is made small; "logistic" is another name of "log_loss".
    multi_class : {"ovr", "multinomial"}
        For three classes or more: one against the rest for each, or the softmax of all scores (log_loss only).
    class_weight : dict, "balanced" or None
        What the gradients of a class are multiplied by.
    n_jobs : int or None
        Threads over the classes of "ovr". The result does not depend on it.

    Attributes
    ----------
    coef_, intercept_ : ndarray
        The weights, (1 or classes, features) and (1 or classes,).
    h_ : ndarray
        The sums of squared gradients, shaped like ``coef_``.
    classes_ : ndarray
        The labels.
    n_iter_, t_ : int
        Epochs of the last `fit`; examples learnt from in all.
    loss_curve_ : list of float
        The mean loss of each epoch, met before each step; empty if nothing needed it.

    Raises
    ------
    BadInput, BadType
        For a setting out of range, labels that `partial_fit` was not told of, NaN or infinity in X (scikit-learn's
        own ValueError), or scores that overflow.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi.linear import AdagradClassifier
    >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
    >>> model = AdagradClassifier(lr=0.5, max_iter=20, tol=None, random_state=0).fit(X, ["cat", "dog", "cat", "dog"])
    >>> print(model.predict([[0.0, 3.0], [3.0, 0.0]]))
    ['cat' 'dog']

    Source: J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and stochastic
    optimization, Journal of Machine Learning Research 12 (2011).
    """

    classes_: NDArray[Any]
    losses = {name: name for name in CLASSES} | {"logistic": "log_loss"}

    def __init__(
        self,
        loss: str = "log_loss",
        *,
        penalty: str | None = None,
        alpha: float = 1e-5,
        l1_ratio: float = 0.15,
        update: str = "mirror",
        lr: float = 0.1,
        eps: float = 1e-7,
        initial_accumulator: float = 0.0,
        fit_intercept: bool = True,
        multi_class: str = "ovr",
        max_iter: int = 100,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        random_state: Any = None,
        average: bool = False,
        class_weight: Any = None,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
        record: bool = False,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.update = update
        self.lr = lr
        self.eps = eps
        self.initial_accumulator = initial_accumulator
        self.fit_intercept = fit_intercept
        self.multi_class = multi_class
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.random_state = random_state
        self.average = average
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.record = record

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from all rows, epoch after epoch.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            The features; CSR and C-contiguous float64 or float32 are read where they are.
        y : array of shape (n_samples,)
            The labels.
        sample_weight : array of shape (n_samples,), optional
            What the gradients of a row are multiplied by, >= 0.

        Returns
        -------
        self
        """
        self._check_settings()
        with self._all_or_nothing(X):
            X, y = self._checked(X, y, reset=True, finite=not self._visits_all(sample_weight))
            classes = labels_of(y)
            if len(classes) < 2:
                raise BadInput(
                    "y must hold at least two classes",
                    f"one class, only the label {plain(classes[0])}",
                    "bring rows of another class",
                )
            self._one_table(len(classes))
            weight = self._of_classes(classes, y, self._weight(sample_weight, X))
            changed = not hasattr(self, "classes_") or not np.array_equal(self.classes_, classes)
            self.classes_ = classes
            return self._learn(X, y, weight, changed)

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn from these rows once, in the order given, and keep what was learnt before.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            The features; always as many as at the first call.
        y : array of shape (n_samples,)
            The labels.
        classes : array of shape (n_classes,), optional
            All labels that will ever come; needed at the first call.
        sample_weight : array of shape (n_samples,), optional
            What the gradients of a row are multiplied by, >= 0.

        Returns
        -------
        self

        Raises
        ------
        BadInput
            For a label that is not among ``classes``, or other classes than before. Nothing has been learnt then.
        """
        return self._learn_part(*self._checked_part(X, y, classes, sample_weight))

    def _checked_part(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> tuple[Any, NDArray[Any], Floats]:
        self._check_settings()
        first = not hasattr(self, "_learner")
        if self.class_weight == "balanced":
            raise BadInput(
                "class_weight='balanced' needs all labels at once, which partial_fit has not",
                "class_weight='balanced'",
                "pass a dict, such as compute_class_weight gives for all labels",
            )
        if first and classes is None:
            raise BadInput(
                "the first call of partial_fit must name all classes", None, "pass classes=np.unique(all labels)"
            )
        known = np.unique(classes) if first else self.classes_
        if not first and classes is not None and not np.array_equal(np.unique(classes), known):
            raise BadInput(
                "classes must stay those of the first call", f"{classes!r:.80}", f"pass {known!r:.80}, or none"
            )
        if len(known) < 2:
            raise BadInput(
                "classes must hold at least two classes",
                f"only the label {plain(known[0])}" if len(known) else "none",
                "name all classes that will come",
            )
        X, y = self._checked(X, y, reset=first)
        check_classification_targets(y)
        numbers = np.minimum(np.searchsorted(known, y), len(known) - 1)
        unseen = np.flatnonzero(known[numbers] != y)
        if len(unseen):
            raise BadInput(
                f"the labels must be among the classes of the first partial_fit, {', '.join(map(plain, known)):.80}",
                f"{plain(y[unseen[0]])} in row {unseen[0]}",
                "name all classes in the first call, or start afresh",
            )
        self._one_table(len(known))
        weight = self._of_classes(known, y, self._weight(sample_weight, X))
        self.classes_ = known
        return X, y, weight

    def decision_function(self, X: Any) -> Floats:
        """The scores: (n_samples,) for two classes, positive for the second; else (n_samples, n_classes)."""
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> NDArray[Any]:
        """The most likely label of every row, (n_samples,)."""
        return self._named(self._scores(X))

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Floats:
        """The probability of every class, (n_samples, n_classes); for "ovr" each class's own, scaled to sum to 1."""
        return self._probabilities(self._scores(X))

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> Floats:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.predict_proba(X)), np.float64)

    # What the base class asks -----------------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        super()._check_settings()
        self._one_of("multi_class", ("ovr", "multinomial"))
        if self.multi_class == "multinomial" and self.losses[self.loss] != "log_loss":
            raise BadInput("multi_class='multinomial' needs loss='log_loss'", repr(self.loss), "pass multi_class='ovr'")

    def _one_table(self, classes: int) -> None:
        self._several = classes > 2 and self.multi_class == "multinomial"
        self._heads = classes if classes > 2 else 1

    def _loss(self) -> str:
        return "softmax" if self._several else self.losses[self.loss]

    def _outputs(self) -> int:
        return self._heads

    def _jobs(self) -> int:
        return int(effective_n_jobs(self.n_jobs))

    def _targets(self, y: NDArray[Any]) -> Floats:
        if self._several:
            return np.searchsorted(self.classes_, y).astype(np.float64)[None]
        positive = self.classes_[1:] if self._heads == 1 else self.classes_
        return np.asarray(2.0 * (y[None] == positive[:, None]) - 1.0)

    def _of_classes(self, classes: NDArray[Any], y: NDArray[Any], weight: Floats) -> Floats:
        """The weight of every row times that of its class."""
        if self.class_weight is None:
            return weight
        each = np.asarray(compute_class_weight(self.class_weight, classes=classes, y=y), np.float64)
        return weight * each[np.searchsorted(classes, y)]

    def _named(self, scores: Floats) -> NDArray[Any]:
        best = (scores[:, 0] > 0).astype(np.intp) if scores.shape[1] == 1 else scores.argmax(axis=1)
        return np.asarray(self.classes_[best])

    def _probabilities(self, scores: Floats) -> Floats:
        check_is_fitted(self)
        if self._learner.several:
            return softmax(scores)
        # Zhang (2004): the score of modified Huber, cut to -1 .. 1, is 2 * probability - 1.
        each = sigmoid(scores) if self.losses[self.loss] == "log_loss" else (np.clip(scores, -1.0, 1.0) + 1.0) / 2.0
        if scores.shape[1] == 1:
            return np.hstack([1.0 - each, each])
        whole = each.sum(axis=1, keepdims=True)
        return np.where(whole > 0.0, each / np.where(whole > 0.0, whole, 1.0), 1.0 / each.shape[1])

    def _score(self, X: Any, y: Any, sample_weight: Floats) -> float:
        return float(np.average(self._named(self._raw(X)) == y, weights=sample_weight))


def labels_of(y: NDArray[Any]) -> NDArray[Any]:
    """The distinct labels in order, like ``np.unique``; that the first rows show them all is tried first.

    Raises
    ------
    ValueError
        If these are no labels of classes, as scikit-learn says it.
    """
    some = np.unique(y[:1000]) if y.dtype.kind in "biufUS" else y[:0]
    labels = some if len(some) and np.isin(y, some, kind="sort").all() else None
    check_classification_targets(y if labels is None else labels)
    return np.unique(y) if labels is None else labels


def plain(label: Any) -> str:
    """A label or a number as people write it: 1, not 1.0; else every digit that it has.

    Examples
    --------
    >>> plain(1.0), plain(0.25), plain("cat")
    ('1', '0.25', 'cat')
    """
    return str(int(label)) if isinstance(label, float) and label.is_integer() else str(label)
