"""The estimators follow scikit-learn's conventions, read every layout to the same bits, and refuse what is wrong."""

from __future__ import annotations

import inspect
import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from sklearn.base import clone
from sklearn.datasets import load_iris, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from nukarumi._errors import BadInput, BadType
from nukarumi.linear import AdagradClassifier, AdagradRegressor
from nukarumi.linear.base import LinearModel
from nukarumi.linear.described import parameters

ONLINE = "an online learner takes one step for a row of weight two, and two steps for the same row twice"
ONCE = {"max_iter": 1, "tol": None, "shuffle": False}


ESTIMATORS = (
    AdagradClassifier(tol=1e-2),
    AdagradClassifier(multi_class="multinomial", tol=1e-2),
    AdagradClassifier("hinge", penalty="l1", update="rda", tol=1e-2),
    AdagradClassifier("modified_huber", penalty="elasticnet", max_iter=20, tol=None),
    AdagradClassifier("squared_hinge", average=True, max_iter=20, tol=None),
    AdagradRegressor(max_iter=50, tol=None),
    AdagradRegressor("huber", penalty="l2", max_iter=50, tol=None),
    AdagradRegressor("epsilon_insensitive", update="rda", penalty="l1", max_iter=50, tol=None),
)
ELSEWHERE = "check_array_api_input"  # only for estimators that compute with other libraries' arrays


def checks():
    for number, estimator in enumerate(ESTIMATORS):
        for own, check in estimator_checks_generator(estimator, mark=None):
            name = check.func.__name__
            if name != ELSEWHERE:
                marks = [pytest.mark.xfail(reason=ONLINE, strict=True)] if "weight_equivalence" in name else []
                yield pytest.param(own, check, marks=marks, id=f"{number}-{name}")


@pytest.mark.parametrize(("estimator", "check"), list(checks()))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((300, 30)) * (rng.random((300, 30)) < 0.3)
    dense[5] = 0.0
    score = dense @ rng.standard_normal(30) + 0.3 * rng.standard_normal(300)
    return dense, np.where(score > 0, "yes", "no"), score, np.digitize(score, [-2.0, 0.0, 2.0])


def unsorted(X):
    """The same matrix with the columns of every row in falling order."""
    X = X.copy()
    for i in range(X.shape[0]):
        span = slice(X.indptr[i], X.indptr[i + 1])
        X.indices[span], X.data[span] = X.indices[span][::-1].copy(), X.data[span][::-1].copy()
    return sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)


def doubled(X):
    """The same matrix with every entry written as two halves."""
    return sp.csr_matrix((np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), shape=X.shape)


def with_zeros(X):
    """The same matrix, its zeros written out."""
    n, d = X.shape
    return sp.csr_matrix((X.toarray().ravel(), np.tile(np.arange(d), n), np.arange(0, n * d + 1, d)), shape=X.shape)


def wide(X):
    """The same matrix with 64-bit indices."""
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


LAYOUTS = {
    "dense": lambda X: X.toarray(),
    "fortran": lambda X: np.asfortranarray(X.toarray()),
    "frame": lambda X: pd.DataFrame(X.toarray(), columns=[f"c{j}" for j in range(X.shape[1])]),
    "csc": sp.csc_matrix,
    "array": sp.csr_array,
    "unsorted": unsorted,
    "doubled": doubled,
    "zeros": with_zeros,
    "int64": wide,
}
KINDS = {
    "plain": {},
    "average": {"average": True},
    "l1": {"penalty": "l1", "alpha": 1e-3},
    "elasticnet": {"penalty": "elasticnet", "alpha": 1e-3},
    "rda": {"penalty": "l1", "alpha": 1e-3, "update": "rda"},
    "multinomial": {"multi_class": "multinomial"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_layout_gives_the_same_bits(data, kind, layout):
    X, y = sp.csr_matrix(data[0]), data[3]
    reference = AdagradClassifier(**KINDS[kind], **ONCE).fit(X, y)
    given = LAYOUTS[layout](X)
    before = given.copy()
    model = AdagradClassifier(**KINDS[kind], **ONCE).fit(given, y)
    assert np.array_equal(model.coef_, reference.coef_)
    assert np.array_equal(model.intercept_, reference.intercept_)
    assert np.array_equal(np.asarray(model.predict(given)), reference.predict(X))
    difference = before != given
    assert not (difference.to_numpy().any() if layout == "frame" else difference.sum())  # it was only read
    if layout in ("unsorted", "doubled"):
        assert not given.has_canonical_format


def test_float32_rows_are_read_as_they_are_and_learnt_from_in_float64(data):
    X = sp.csr_matrix(data[0]).astype(np.float32)
    for given in (X, X.toarray()):
        model = AdagradClassifier(**ONCE).fit(given, data[1])
        assert np.array_equal(model.coef_, AdagradClassifier(**ONCE).fit(given.astype(np.float64), data[1]).coef_)
        assert model.coef_.dtype == np.float64


def test_read_only_memory_maps(data, tmp_path):
    X = sp.csr_matrix(data[0])
    maps = []
    for name, part in (("data", X.data), ("indices", X.indices), ("indptr", X.indptr), ("dense", data[0])):
        np.save(tmp_path / f"{name}.npy", part)
        maps.append(np.load(tmp_path / f"{name}.npy", mmap_mode="r"))
    reference = AdagradClassifier(**ONCE).fit(X, data[1])
    for given in (sp.csr_matrix(tuple(maps[:3]), shape=X.shape), maps[3]):
        assert np.array_equal(AdagradClassifier(**ONCE).fit(given, data[1]).coef_, reference.coef_)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_make_the_whole(data, kind):
    X, y = sp.csr_matrix(data[0]), data[3]
    whole = AdagradClassifier(**KINDS[kind], **ONCE).fit(X, y)
    parts = AdagradClassifier(**KINDS[kind], **ONCE)
    for start in range(0, 300, 70):
        parts.partial_fit(X[start : start + 70], y[start : start + 70], classes=np.unique(y))
    assert np.array_equal(parts.coef_, whole.coef_)
    assert parts.t_ == whole.t_ == 300


@pytest.mark.parametrize("kind", KINDS)
def test_threads_change_nothing(data, kind):
    one, three = (AdagradClassifier(**KINDS[kind], n_jobs=n, max_iter=3, tol=None, random_state=0) for n in (1, 3))
    assert np.array_equal(one.fit(data[0], data[3]).coef_, three.fit(data[0], data[3]).coef_)


def test_one_against_the_rest_is_a_binary_model_for_each_class(data):
    X, y = data[0], data[3]
    model = AdagradClassifier(**ONCE).fit(X, y)
    for number, name in enumerate(model.classes_):
        alone = AdagradClassifier(**ONCE).fit(X, y == name)
        assert np.array_equal(model.coef_[number], alone.coef_[0])


def test_copies_go_on_as_if_never_stopped(data, tmp_path):
    X, y = data[0], data[1]
    model = AdagradClassifier(penalty="l1", alpha=1e-3).partial_fit(X[:150], y[:150], classes=["no", "yes"])
    joblib.dump(model, tmp_path / "model.joblib")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model.joblib")):
        whole = AdagradClassifier(penalty="l1", alpha=1e-3, **ONCE).fit(X, y)
        assert np.array_equal(copy.partial_fit(X[150:], y[150:]).coef_, whole.coef_)
    assert clone(model).get_params() == model.get_params()
    assert not hasattr(clone(model), "coef_")


def test_warm_start_goes_on(data):
    X, y = data[0], data[1]
    twice = AdagradClassifier(max_iter=2, tol=None, shuffle=False).fit(X, y)
    warm = AdagradClassifier(warm_start=True, **ONCE).fit(X, y).fit(X, y)
    assert np.array_equal(warm.coef_, twice.coef_)
    cold = AdagradClassifier(**ONCE).fit(X, y).fit(X, y)
    assert not np.array_equal(cold.coef_, twice.coef_)


def test_in_pipelines_and_searches():
    texts = ["good film", "bad film", "good plot", "bad plot", "very good", "very bad"] * 5
    search = GridSearchCV(
        make_pipeline(CountVectorizer(), AdagradClassifier(random_state=0, max_iter=20, tol=None)),
        {"adagradclassifier__lr": [1e-6, 0.5], "adagradclassifier__loss": ["hinge", "log_loss"]},
        cv=3,
    ).fit(texts, [1, 0] * 15)
    assert search.best_score_ == 1.0
    assert search.predict(["good"]) == [1]


def test_weights_of_rows_are_routed():
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).random(len(y))
    with sklearn.config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = AdagradClassifier(max_iter=5, tol=None, random_state=0)
        told = make_pipeline(scaler, model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True))
        scores = cross_validate(told, X, y, params={"sample_weight": weight}, cv=3)["test_score"]
        silent = make_pipeline(scaler, clone(model).set_fit_request(sample_weight=None))
        with pytest.raises(Exception, match="sample_weight"):
            silent.fit(X, y, sample_weight=weight)
    assert scores.shape == (3,)


def test_names_of_features_are_kept():
    frame, y = load_iris(return_X_y=True, as_frame=True)
    model = AdagradClassifier(max_iter=5, tol=None).fit(frame, y)
    assert list(model.feature_names_in_) == list(frame.columns)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[frame.columns[::-1]])


def test_weights_of_classes_multiply_those_of_rows(data):
    X, y = data[0], data[1]
    rows = np.where(y == "yes", 3.0, 0.5)
    by_class = AdagradClassifier(class_weight={"yes": 3.0, "no": 0.5}, **ONCE).fit(X, y)
    assert np.array_equal(by_class.coef_, AdagradClassifier(**ONCE).fit(X, y, sample_weight=rows).coef_)
    balanced = AdagradClassifier(class_weight="balanced", **ONCE).fit(X, y)
    counts = {name: len(y) / (2 * np.sum(y == name)) for name in ("yes", "no")}
    assert np.array_equal(balanced.coef_, AdagradClassifier(class_weight=counts, **ONCE).fit(X, y).coef_)


def test_rows_of_weight_zero_are_not_there(data):
    X, y = data[0], data[1]
    weight = (np.arange(300) % 3 > 0).astype(float)
    left_out = AdagradClassifier(random_state=0, max_iter=3, tol=None).fit(X, y, sample_weight=weight)
    kept = AdagradClassifier(random_state=0, max_iter=3, tol=None).fit(X[weight > 0], y[weight > 0])
    assert np.array_equal(left_out.coef_, kept.coef_)


@pytest.mark.parametrize("update", ["mirror", "cmd", "rda"])
def test_l1_makes_exact_zeros_and_more_with_more_of_it(data, update):
    zeros = [
        np.count_nonzero(
            AdagradClassifier(penalty="l1", alpha=alpha, update=update, **ONCE).fit(*data[:2]).coef_ == 0.0
        )
        for alpha in (1e-4, 3e-2, 10.0)
    ]
    assert zeros[0] < zeros[1] < zeros[2] == 30


def test_stopping(data):
    X, y = data[0], data[1]
    model = AdagradClassifier(tol=1e-3, random_state=0, max_iter=500).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) < 500
    assert model.loss_curve_[0] > model.loss_curve_[-1]
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        AdagradClassifier(tol=1e-9, random_state=0, max_iter=2).fit(X, y)
    early = AdagradClassifier(early_stopping=True, random_state=0, max_iter=500, n_iter_no_change=3).fit(X, y)
    assert early.n_iter_ < 500
    assert early.t_ == early.n_iter_ * 270  # a tenth is held out
    X, y = make_regression(200, 5, noise=1.0, random_state=0)
    assert AdagradRegressor(early_stopping=True, lr=10.0, max_iter=500, random_state=0).fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("kind", ["plain", "rda", "multinomial"])
def test_the_trail_is_a_row_an_epoch_and_changes_nothing(data, kind):
    X, y = data[0], data[3]
    model = AdagradClassifier(record=True, max_iter=4, tol=None, random_state=0, **KINDS[kind]).fit(X, y)
    silent = AdagradClassifier(max_iter=4, tol=None, random_state=0, **KINDS[kind]).fit(X, y)
    assert np.array_equal(model.coef_, silent.coef_)
    assert model.trail_.steps.tolist() == [300, 600, 900, 1200]
    assert model.trail_.loss[0] > model.trail_.loss[-1] > 0
    assert model.trail_.column("coef", "weight_norm")[-1] == pytest.approx(np.linalg.norm(model.coef_))
    assert model.trail_.column("coef", "state/h")[-1, -1] == model.h_.max()
    assert (np.diff(model.trail_.column("coef", "effective_lr")[:, 3]) < 0).all()


def test_probabilities(data):
    for model in (
        AdagradClassifier(),
        AdagradClassifier("modified_huber"),
        AdagradClassifier(multi_class="multinomial"),
    ):
        for y in (data[1], data[3]):
            likely = model.set_params(max_iter=10, tol=None).fit(data[0], y).predict_proba(data[0])
            np.testing.assert_allclose(likely.sum(axis=1), 1.0)
            assert (
                np.array_equal(model.classes_[likely.argmax(axis=1)], model.predict(data[0])) or "huber" in model.loss
            )
            with np.errstate(divide="ignore"):
                assert np.array_equal(model.predict_log_proba(data[0]), np.log(likely))
    assert not hasattr(AdagradClassifier("hinge"), "predict_proba")


@pytest.mark.parametrize(
    ("settings", "kind", "says"),
    [
        ({"loss": "hing"}, BadInput, "'hinge'"),
        ({"penalty": "l3"}, BadInput, "penalty must be one of"),
        ({"update": 3}, BadInput, "update must be one of"),
        ({"lr": 0.0}, BadInput, "lr must be a finite number > 0"),
        ({"lr": "fast"}, BadType, "lr must be"),
        ({"eps": 0.0}, BadInput, "eps must be"),
        ({"alpha": -1.0}, BadInput, "alpha must be"),
        ({"l1_ratio": 1.5}, BadInput, "<= 1"),
        ({"max_iter": 1.5}, BadType, "whole number"),
        ({"tol": float("nan")}, BadInput, "tol must be"),
        ({"average": True, "penalty": "l1"}, BadInput, "average=True needs"),
        ({"multi_class": "multinomial", "loss": "hinge"}, BadInput, "needs loss='log_loss'"),
        ({"validation_fraction": 1.0}, BadInput, "< 1"),
    ],
)
def test_bad_settings_are_refused(data, settings, kind, says):
    for method in ("fit", "partial_fit"):
        with pytest.raises(kind, match=says):
            getattr(AdagradClassifier(**settings), method)(data[0], data[1])


def test_bad_rows_are_refused_and_change_nothing(data):
    X, y, score = data[:3]
    model = AdagradClassifier().partial_fit(X, y, classes=["no", "yes"])
    before = model.coef_.copy(), model.t_
    broken = X.copy()
    broken[7, 3] = np.nan
    endless = sp.csr_matrix(X)
    endless.data[5] = np.inf
    for bad, labels, says in (
        (broken, y, "NaN"),
        (endless, y, "infinity"),
        (X[:, :7], y, "30 features"),
        (X, np.where(np.arange(300) == 9, "maybe", y), "no, yes. Received: maybe in row 9"),
        (X, y[:5], "inconsistent"),
        (X, score, "Unknown label type|classes"),
    ):
        with pytest.raises(ValueError, match=says):
            model.partial_fit(bad, labels)
    with pytest.raises(BadInput, match="classes must stay"):
        model.partial_fit(X, y, classes=["a", "b"])
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.partial_fit(X, y, sample_weight=-np.ones(300))
    assert np.array_equal(model.coef_, before[0])
    assert model.t_ == before[1]
    with pytest.raises(ValueError, match="NaN"):
        AdagradRegressor().fit(X, np.where(np.arange(300) == 2, np.nan, score))
    with pytest.raises(BadInput, match="first call of partial_fit"):
        AdagradClassifier().partial_fit(X, y)
    with pytest.raises(BadInput, match="class_weight='balanced'"):
        AdagradClassifier(class_weight="balanced").partial_fit(X, y, classes=["no", "yes"])
    with pytest.raises(BadInput, match="loss, update"):
        model.set_params(update="rda").partial_fit(X, y)
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        AdagradClassifier().fit(X, y, sample_weight=np.zeros(300))
    with pytest.raises(NotFittedError):
        AdagradClassifier().predict(X)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("loss", ["hinge", "log_loss", "squared_hinge"])
def test_a_refused_fit_changes_nothing(data, loss, bad):
    """A value that is not finite is found in any row, also where the loss is flat, and by any of the sums."""
    X, y, classes = data[0], data[1], data[3]
    for several in ({}, {"multi_class": "multinomial"} if loss == "log_loss" else {}):
        model = AdagradClassifier(loss, **several, **ONCE).fit(X, classes)
        before = model.coef_, model.classes_, model.loss_curve_, model.n_features_in_
        for row, column in ((0, 3), (150, 0), (299, 29)):
            broken = X[:, :30].copy()
            broken[row, column] = bad
            for given in (broken, sp.csr_matrix(broken), np.pad(broken, ((0, 0), (0, 2)))):
                with pytest.raises(ValueError, match=r"Input X contains (NaN|infinity)"):
                    model.fit(given, y)
        assert all(now is then for now, then in zip(
            (model.coef_, model.classes_, model.loss_curve_, model.n_features_in_), before, strict=True
        ))  # fmt: skip
    regressor = AdagradRegressor("epsilon_insensitive", epsilon=1e9, **ONCE)
    with pytest.raises(ValueError, match="Input X contains"):
        regressor.fit(broken, data[2])
    assert not hasattr(regressor, "coef_")
    assert not hasattr(regressor, "n_features_in_")


@pytest.mark.parametrize("kind", [AdagradClassifier, AdagradRegressor])
def test_every_parameter_is_described_where_the_signature_has_it(kind):
    told = parameters(kind.__doc__)
    assert list(told) == list(inspect.signature(kind).parameters)
    assert all(text.count("\n    ") >= 1 for text in told.values())
    shared = parameters(LinearModel.__doc__)
    assert shared.keys() < told.keys()
    assert all(told[name] == text for name, text in shared.items())
    assert "\nAttributes\n----------\n" in kind.__doc__


def test_labels_that_come_late_are_found(data):
    y = np.zeros(3000, int)
    y[2999] = 7
    X = np.ones((3000, 1))
    assert AdagradClassifier(**ONCE).fit(X, y).classes_.tolist() == [0, 7]


def test_scores_that_overflow_are_an_error():
    X, model = np.full((4, 1), 1e300), AdagradRegressor(lr=1e200, tol=None, max_iter=9)
    with pytest.raises(BadInput, match="scores must stay finite"):
        model.fit(X, [1e300, -1e300, 1e300, -1e300])
    assert not hasattr(model, "coef_")


def test_coefficients_are_read_only(data):
    model = AdagradClassifier(**ONCE).fit(*data[:2])
    with pytest.raises(ValueError, match="read-only"):
        model.coef_[0, 0] = 1.0


def test_sparse_matrices_that_point_outside_are_refused(data):
    X = sp.csr_matrix(data[0])
    for place, value, says in (("indices", 30, "0 to 29"), ("indices", -1, "0 to 29"), ("indptr", -5, "in order")):
        broken = X.copy()
        getattr(broken, place)[4] = value
        broken.has_canonical_format = True  # what scipy would otherwise look at itself
        with pytest.raises(BadInput, match=says):
            AdagradClassifier(**ONCE).fit(broken, data[1])
    for part, says in (
        ("data", "a value for every entry"),
        ("indices", "a value for every entry"),
        ("indptr", "where each"),
    ):
        broken = X.copy()
        setattr(broken, part, getattr(broken, part)[:9].copy())
        broken.has_canonical_format = True
        with pytest.raises(BadInput, match=says):
            AdagradClassifier(**ONCE).fit(broken, data[1])
    with pytest.raises(BadInput, match="keep its 30 features"):
        AdagradClassifier(warm_start=True, **ONCE).fit(X, data[1]).fit(X[:, :9], data[1])
