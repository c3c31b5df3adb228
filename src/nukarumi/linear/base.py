"""What the two estimators share: settings checked, rows brought into form, epochs, stopping."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from nukarumi._errors import BadInput, BadType
from nukarumi.linear.kernels import DUAL, DUAL_AVERAGED, MIRROR, MIRROR_AVERAGED, MIRROR_PENALISED
from nukarumi.linear.learner import SCHEMES, Examples, Floats, Learner

if TYPE_CHECKING:
    from nukarumi.trail import Trail

__all__ = ["LinearModel"]

PENALTIES = (None, "l1", "l2", "elasticnet")
UPDATES = {"mirror": "mirror", "cmd": "mirror", "rda": "rda"}


class LinearModel(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """A linear model trained by Adagrad, one example after the other.

    Parameters
    ----------
    penalty : {None, "l1", "l2", "elasticnet"}
        Added to the loss of every example: ``alpha * abs(w)``, ``alpha / 2 * w**2``, or a mix of both. The intercept
        has none.
    alpha : float
        The strength of the penalty, >= 0.
    l1_ratio : float
        The share of l1 in "elasticnet", 0 to 1.
    update : {"mirror", "rda"}
        How a penalty is met: composite mirror descent (also "cmd"), or regularised dual averaging, whose weights are
        sparser. Without a penalty "rda" differs from "mirror" in that early steps are scaled by the ``h`` of now.
    lr : float
        Learning rate, in units of the weights, > 0.
    eps : float
        Added to the root, in units of the gradient, > 0.
    initial_accumulator : float
        Where ``h`` starts, in units of the gradient squared, >= 0.
    fit_intercept : bool
        Whether there is an intercept.
    max_iter : int
        The most epochs of `fit`.
    tol : float or None
        `fit` ends when the mean loss of an epoch (with ``early_stopping``: the score on the held-out rows) has not
        become better by ``tol`` for ``n_iter_no_change`` epochs. With None it makes ``max_iter`` epochs.
    shuffle : bool
        Whether `fit` visits the rows in a new order each epoch. `partial_fit` always takes them as they come.
    random_state : int, RandomState instance or None
        Where the orders and the held-out rows come from.
    average : bool
        Whether ``coef_`` is the mean of the weights after every step. It needs weights without a penalty: they rest
        between their examples, so the mean costs nothing there. Those with l2 move at every example by another
        amount, which no short sum gives, and the mean of sparse weights is not sparse.
    early_stopping : bool
        Whether to hold out a part of the rows and stop by the score there: accuracy of labels, R² of numbers.
    validation_fraction : float
        The share of the rows held out.
    n_iter_no_change : int
        Epochs without progress before `fit` ends.
    warm_start : bool
        Whether `fit` goes on from the weights and ``h`` of the last.
    verbose : int
        Whether to print the mean loss of every epoch.
    record : bool
        Whether to keep a trail (`nukarumi.trail`) in ``trail_``: loss, norms, ``h`` and learning rates, a row an epoch,
        a call of `partial_fit`, or a block of a file.
    """

    losses: dict[str, str] = {}
    """Every accepted name of a loss, and what `nukarumi.linear.losses` calls it."""

    if TYPE_CHECKING:
        loss: str
        penalty: str | None
        alpha: float
        l1_ratio: float
        update: str
        lr: float
        eps: float
        initial_accumulator: float
        fit_intercept: bool
        max_iter: int
        tol: float | None
        shuffle: bool
        random_state: Any
        average: bool
        early_stopping: bool
        validation_fraction: float
        n_iter_no_change: int
        warm_start: bool
        verbose: int
        record: bool
        n_features_in_: int
        n_iter_: int
        loss_curve_: list[float]
        trail_: Trail
        _learner: Learner
        _met: float

    # What the kind of estimator decides -------------------------------------------------------------------------------

    @abstractmethod
    def _targets(self, y: NDArray[Any]) -> Floats:
        """The targets as the loops read them, (outputs or 1, rows)."""

    @abstractmethod
    def _outputs(self) -> int:
        """How many rows of weights there are."""

    def _loss(self) -> str:
        return self.losses[self.loss]

    def _at(self) -> float:
        """The loss's parameter."""
        return 0.0

    def _jobs(self) -> int:
        return 1

    @abstractmethod
    def _score(self, X: Any, y: Any, sample_weight: Floats) -> float:
        """How well rows that were set aside are predicted; larger is better."""

    # What is learnt ---------------------------------------------------------------------------------------------------

    @property
    def coef_(self) -> Floats:
        """The weights of the features; read-only, worked out when first asked for."""
        return self._state().weights()[0]

    @property
    def intercept_(self) -> Floats:
        """The intercepts; read-only."""
        return self._state().weights()[1]

    @property
    def h_(self) -> Floats:
        """The sum of squared gradients of each weight, shaped like ``coef_``: how much it has moved."""
        learner = self._state()
        return np.array(learner.letter("h")[:, 1 : learner.features + 1], order="C")

    @property
    def t_(self) -> int:
        """How many examples have been learnt from."""
        return self._state().t

    def _state(self) -> Learner:
        if not hasattr(self, "_learner"):
            # The same words as for an attribute that is not there, so that hasattr says so.
            raise AttributeError(f"{type(self).__name__!r} object is not fitted: call fit or partial_fit first")
        return self._learner

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_learner")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    # Learning ---------------------------------------------------------------------------------------------------------

    def _check_settings(self) -> None:
        """Refuse settings that make no sense, before anything is read or changed."""
        self._one_of("loss", tuple(self.losses))
        self._one_of("penalty", PENALTIES)
        self._one_of("update", tuple(UPDATES))
        self._number("alpha", 0.0)
        self._number("l1_ratio", 0.0, 1.0)
        self._number("lr", 0.0, open_below=True)
        self._number("eps", 0.0, open_below=True)
        self._number("initial_accumulator", 0.0)
        self._number("validation_fraction", 0.0, 1.0, open_below=True, open_above=True)
        self._number("max_iter", 1, whole=True)
        self._number("n_iter_no_change", 1, whole=True)
        self._number("verbose", 0, whole=True)
        if self.tol is not None:
            self._number("tol", -math.inf)
        if self.average and self._penalised():
            raise BadInput(
                "average=True needs weights without a penalty, which move at their own examples only",
                f"penalty={self.penalty!r}, alpha={self.alpha}",
                "set average=False, or penalty=None; the mean of sparse weights would not be sparse either",
            )

    def _one_of(self, name: str, choices: tuple[Any, ...]) -> None:
        value = getattr(self, name)
        if not (value is None or isinstance(value, str)) or value not in choices:
            listed = ", ".join(map(repr, choices))
            raise BadInput(f"{name} must be one of {listed}", repr(value), f"pass {name}={choices[-1]!r}")

    def _number(
        self,
        name: str,
        least: float,
        most: float = math.inf,
        *,
        open_below: bool = False,
        open_above: bool = False,
        whole: bool = False,
    ) -> None:
        value = getattr(self, name)
        rule = f"{name} must be a {'whole' if whole else 'finite'} number {'>' if open_below else '>='} {least:g}"
        if most < math.inf:
            rule += f" and {'<' if open_above else '<='} {most:g}"
        kind = int | np.integer if whole else int | float | np.number
        if not isinstance(value, kind) or (whole and isinstance(value, bool)):
            raise BadType(rule, repr(value), f"pass such a number as {name}")
        below = value <= least if open_below else value < least
        above = value >= most if open_above else value > most
        if not math.isfinite(value) or below or above:
            raise BadInput(rule, repr(value), f"pass such a number as {name}")

    def _penalised(self) -> bool:
        return self.penalty is not None and self.alpha > 0

    def _scheme(self) -> str:
        if UPDATES[self.update] == "rda":
            return DUAL_AVERAGED.name if self.average else DUAL.name
        if self._penalised():
            return MIRROR_PENALISED.name
        return MIRROR_AVERAGED.name if self.average else MIRROR.name

    def _settings(self) -> dict[str, float]:
        alpha = 0.0 if self.penalty is None else self.alpha
        share = {None: 0.0, "l1": 1.0, "l2": 0.0, "elasticnet": self.l1_ratio}[self.penalty]
        return {"lr": self.lr, "eps": self.eps, "l1": alpha * share, "l2": alpha * (1.0 - share)}

    def _new(self, features: int) -> Learner:
        return Learner(
            self._scheme(),
            self._loss(),
            self._at(),
            self._outputs(),
            features,
            self._settings(),
            h0=self.initial_accumulator,
            intercept=bool(self.fit_intercept),
        )

    def _checked(self, X: Any, y: Any, *, reset: bool, finite: bool = True) -> tuple[Any, Any]:
        X, y = validate_data(
            self, X, y, reset=reset, accept_sparse="csr", dtype=[np.float64, np.float32], order="C",
            accept_large_sparse=True, ensure_all_finite=finite, **self._y_options(),
        )  # fmt: skip
        return X, y

    def _visits_all(self, sample_weight: Any) -> bool:
        """Whether `fit` will score every row afresh: a score tells of NaN and infinity, which saves a look at X."""
        skips = self.early_stopping or sample_weight is not None or getattr(self, "class_weight", None) is not None
        return not (skips or self.warm_start or self.record)

    @contextmanager
    def _all_or_nothing(self, X: Any) -> Iterator[None]:
        """If what happens inside is refused, the model is as it was (only a warm start may have moved its weights).

        Values of X that are not finite are named so.
        """
        before = dict(self.__dict__)
        try:
            yield
        except ValueError as error:
            self.__dict__.clear()
            self.__dict__.update(before)
            if isinstance(error, BadInput):
                check_array(X, accept_sparse=True, input_name="X", estimator=self)
            raise

    def _y_options(self) -> dict[str, Any]:
        return {}

    def _examples(self, X: Any) -> Examples:
        return Examples.of(X, drop_zeros=self._scheme() == MIRROR_PENALISED.name)

    def _continued(self) -> Learner:
        """The learner so far, with the settings of now; the way that weights are kept cannot change."""
        learner = self._learner
        if learner.scheme != self._scheme() or learner.loss != self._loss():
            raise BadInput(
                "loss, update, and whether there is a penalty or an average must stay when training goes on",
                f"loss={self.loss!r}, update={self.update!r}, penalty={self.penalty!r} after "
                f"{learner.loss!r} with {SCHEMES[learner.scheme].name!r}",
                "start afresh with fit and warm_start=False",
            )
        learner.settings, learner.at = {name: float(v) for name, v in self._settings().items()}, float(self._at())
        learner.intercept = bool(self.fit_intercept)
        return learner

    def _learn(self, X: Any, y: Any, weight: Floats, classes_changed: bool) -> Self:
        """All of `fit` after the checks."""
        warm = self.warm_start and hasattr(self, "_learner") and not classes_changed
        learner = self._continued() if warm else self._new(X.shape[1])
        if learner.features != X.shape[1]:
            raise BadInput(
                f"with warm_start=True X must keep its {learner.features} features",
                f"{X.shape[1]}",
                "bring the same features, or set warm_start=False",
            )
        rng = check_random_state(self.random_state)
        keep, judge = np.flatnonzero(weight), None
        if self.early_stopping:
            keep, held = self._held_out(keep, y, rng)
            judge = X[held], y[held], weight[held]
        if not len(keep):
            raise BadInput("some sample_weight must be > 0", "all are 0", "pass positive weights")
        examples, targets = self._examples(X), self._targets(y)
        self._learner, self.loss_curve_ = learner, []
        self._epochs(X, examples, targets, weight, keep, judge, rng, fresh=not warm)
        return self

    def _epochs(
        self,
        X: Any,
        examples: Examples,
        targets: Floats,
        weight: Floats,
        keep: NDArray[Any],
        judge: tuple[Any, Any, Floats] | None,
        rng: Any,
        *,
        fresh: bool,
    ) -> None:
        """Walk over the kept rows until it no longer helps."""
        learner, record = self._learner, self._recorder(fresh=fresh)
        best, waited, epoch = -math.inf, 0, 0
        for epoch in range(1, self.max_iter + 1):
            order = keep[rng.permutation(len(keep))] if self.shuffle else keep
            wanted = self.tol is not None or bool(self.verbose) or bool(self.record)
            with record(X, targets, weight):
                total = learner.walk(examples, targets, weight, order, jobs=self._jobs(), loss=wanted)
            if wanted:
                self.loss_curve_.append(total / len(targets) / float(weight[keep].sum()))
            if self.verbose:
                print(f"epoch {epoch}: mean loss {self.loss_curve_[-1]:.6g}, {learner.t} examples")  # noqa: T201
            if self.tol is None:
                continue
            merit = -self.loss_curve_[-1] if judge is None else self._score(*judge)
            waited = 0 if merit > best + self.tol else waited + 1
            best = max(best, merit)
            if waited >= self.n_iter_no_change:
                break
        else:
            if self.tol is not None:
                warnings.warn(
                    f"{type(self).__name__} was still improving after max_iter={self.max_iter} epochs; "
                    "raise max_iter or tol",
                    ConvergenceWarning,
                    stacklevel=4,
                )
        self.n_iter_ = epoch

    def _held_out(self, keep: NDArray[Any], y: Any, rng: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        from sklearn.model_selection import train_test_split  # noqa: PLC0415

        stratify = y[keep] if hasattr(self, "classes_") else None
        kept, held = train_test_split(keep, test_size=self.validation_fraction, random_state=rng, stratify=stratify)
        return np.sort(kept), held

    def _learn_part(self, X: Any, y: Any, weight: Floats, *, watch: bool = False) -> Self:
        """All of `partial_fit` after the checks: the rows once, in the order given; their mean loss if watched."""
        learner = self._continued() if hasattr(self, "_learner") else self._new(X.shape[1])
        fresh = not hasattr(self, "_learner")
        examples, targets = self._examples(X), self._targets(y)
        if fresh:
            self._learner, self.loss_curve_ = learner, []
        order = np.flatnonzero(weight)
        wanted = watch or bool(self.record) or bool(self.verbose)
        with self._recorder(fresh=fresh)(X, targets, weight):
            total = learner.walk(examples, targets, weight, order, jobs=self._jobs(), loss=wanted)
        self._met = total / len(targets) / float(weight.sum()) if wanted and len(order) else 0.0
        if wanted and not watch:
            self.loss_curve_.append(self._met)
        self.n_iter_ = 1
        return self

    def _recorder(self, *, fresh: bool) -> Callable[..., AbstractContextManager[None]]:
        """What stands around an epoch: a reading for the trail, or nothing."""
        if not self.record:
            return lambda *_: nullcontext()
        from nukarumi.linear.recording import new_trail, recorded  # noqa: PLC0415

        if fresh or not hasattr(self, "trail_"):
            self.trail_ = new_trail(self)
        return partial(recorded, self)

    # Using ------------------------------------------------------------------------------------------------------------

    def _scores(self, X: Any) -> Floats:
        """The scores, (rows, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, accept_sparse="csr", dtype=[np.float64, np.float32])
        return self._raw(X)

    def _raw(self, X: Any) -> Floats:
        coefficients, intercepts = self._learner.weights()
        scores = X @ coefficients.T
        return np.asarray(scores, np.float64) + intercepts

    @staticmethod
    def _weight(sample_weight: Any, X: Any) -> Floats:
        weight: Floats = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return np.ascontiguousarray(weight)
