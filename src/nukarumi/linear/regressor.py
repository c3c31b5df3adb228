"""A linear regressor whose every weight has a learning rate of its own."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from nukarumi.linear.base import LinearModel
from nukarumi.linear.described import described
from nukarumi.linear.learner import Floats
from nukarumi.linear.losses import NUMBERS

__all__ = ["AdagradRegressor"]


@described
class AdagradRegressor(RegressorMixin, LinearModel):  # type: ignore[misc]  # scikit-learn has no types
    """A linear regressor trained by Adagrad, one example after the other.

    ::

        p = x . coef + intercept
        g = loss'(p, y) * x
        h += g * g
        w -= lr * g / (sqrt(h) + eps)

    ``h`` starts at ``initial_accumulator`` = 0 and eps stands outside the root. Steps do not grow with the unit of y,
    so scale y, or raise ``lr`` with it.

    Parameters
    ----------
    loss : {"squared_error", "huber", "epsilon_insensitive", "quantile"}
        What is made small: half the squared error; the same up to ``epsilon`` and straight beyond; the error beyond
        ``epsilon``; or the pinball loss, whose minimum is a quantile.
    epsilon : float
        The bend of "huber" and the width of "epsilon_insensitive", in units of y, >= 0.
    quantile : float
        Which quantile "quantile" seeks, between 0 and 1.

    Attributes
    ----------
    coef_, intercept_ : ndarray
        The weights, (features,) and (1,).
    h_ : ndarray
        The sums of squared gradients, shaped like ``coef_``.
    n_iter_, t_ : int
        Epochs of the last `fit`; examples learnt from in all.
    loss_curve_ : list of float
        The mean loss of each epoch, met before each step; empty if nothing needed it.

    Raises
    ------
    BadInput, BadType
        For a setting out of range, NaN or infinity in X or y (scikit-learn's own ValueError), or scores that overflow.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi.linear import AdagradRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = AdagradRegressor(lr=0.5, max_iter=200, tol=None, random_state=0).fit(X, 2.0 * X[:, 0] - 1.0)
    >>> print(model.predict([[4.0]]).round(2))
    [7.]

    Source: J. Duchi, E. Hazan and Y. Singer, Adaptive subgradient methods for online learning and stochastic
    optimization, Journal of Machine Learning Research 12 (2011).
    """

    losses = {name: name for name in NUMBERS}

    def __init__(
        self,
        loss: str = "squared_error",
        *,
        epsilon: float = 0.1,
        quantile: float = 0.5,
        penalty: str | None = None,
        alpha: float = 1e-5,
        l1_ratio: float = 0.15,
        update: str = "mirror",
        lr: float = 0.1,
        eps: float = 1e-7,
        initial_accumulator: float = 0.0,
        fit_intercept: bool = True,
        max_iter: int = 100,
        tol: float | None = 1e-3,
        shuffle: bool = True,
        random_state: Any = None,
        average: bool = False,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        verbose: int = 0,
        record: bool = False,
    ) -> None:
        self.loss = loss
        self.epsilon = epsilon
        self.quantile = quantile
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.update = update
        self.lr = lr
        self.eps = eps
        self.initial_accumulator = initial_accumulator
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.shuffle = shuffle
        self.random_state = random_state
        self.average = average
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.warm_start = warm_start
        self.verbose = verbose
        self.record = record

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from all rows, epoch after epoch.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            The features; CSR and C-contiguous float64 or float32 are read where they are.
        y : array of shape (n_samples,)
            The targets.
        sample_weight : array of shape (n_samples,), optional
            What the gradients of a row are multiplied by, >= 0.

        Returns
        -------
        self
        """
        self._check_settings()
        with self._all_or_nothing(X):
            X, y = self._checked(X, y, reset=True, finite=not self._visits_all(sample_weight))
            return self._learn(X, y, self._weight(sample_weight, X), False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn from these rows once, in the order given, and keep what was learnt before.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            The features; always as many as at the first call.
        y : array of shape (n_samples,)
            The targets.
        sample_weight : array of shape (n_samples,), optional
            What the gradients of a row are multiplied by, >= 0.

        Returns
        -------
        self
        """
        return self._learn_part(*self._checked_part(X, y, sample_weight))

    def _checked_part(self, X: Any, y: Any, sample_weight: Any) -> tuple[Any, NDArray[Any], Floats]:
        self._check_settings()
        X, y = self._checked(X, y, reset=not hasattr(self, "_learner"))
        return X, y, self._weight(sample_weight, X)

    def predict(self, X: Any) -> Floats:
        """The predicted target of every row, (n_samples,)."""
        return np.asarray(self._scores(X)[:, 0])

    @property
    def coef_(self) -> Floats:
        """The weights of the features, (features,); read-only, worked out when first asked for."""
        return np.asarray(super().coef_[0])

    @property
    def h_(self) -> Floats:
        """The sum of squared gradients of each weight, (features,)."""
        return np.asarray(super().h_[0])

    # What the base class asks -----------------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        super()._check_settings()
        self._number("epsilon", 0.0)
        self._number("quantile", 0.0, 1.0, open_below=True, open_above=True)

    def _at(self) -> float:
        return self.quantile if self.loss == "quantile" else self.epsilon

    def _y_options(self) -> dict[str, Any]:
        return {"y_numeric": True}

    def _outputs(self) -> int:
        return 1

    def _targets(self, y: NDArray[Any]) -> Floats:
        return np.ascontiguousarray(y, np.float64)[None]

    def _score(self, X: Any, y: Any, sample_weight: Floats) -> float:
        return float(r2_score(y, self._raw(X)[:, 0], sample_weight=sample_weight))
