"""The rule stays one: the compiled loops learn what a plain Python loop over examples learns, to the last bit."""

from __future__ import annotations

import ast
import math

import numpy as np
import pytest
import scipy.sparse as sp

from nukarumi import rules
from nukarumi.linear import AdagradClassifier, AdagradRegressor
from nukarumi.linear.kernels import Scheme
from nukarumi.linear.lanes import worked_out
from nukarumi.linear.learner import SCHEMES, Examples, Learner
from nukarumi.linear.losses import CLASSES, LOSSES, NUMBERS
from nukarumi.translate.straight import compiled, read

LR, EPS, L1 = 0.3, 1e-7, 2e-3
PENALTIES = {None: (0.0, 0.0), "l1": (L1, 0.0), "l2": (0.0, L1), "elasticnet": (0.25 * L1, 0.75 * L1)}


def rows(seed=0, n=200, d=40, density=0.2):
    rng = np.random.default_rng(seed)
    dense = rng.standard_normal((n, d)) * (rng.random((n, d)) < density)
    dense[3] = 0.0  # an empty row
    X = sp.csr_matrix(dense)
    w = rng.standard_normal(d)
    return X, X @ w + rng.standard_normal(n)


def entries(X, i):
    span = slice(X.indptr[i], X.indptr[i + 1])
    return list(zip(X.indices[span].tolist(), X.data[span].tolist(), strict=True))


def plain_loop(X, targets, slope, at=0.0, weight=None):
    """Adagrad without a penalty: nothing but the rule."""
    w, h = [0.0] * X.shape[1], [0.0] * X.shape[1]
    b = hb = 0.0
    for i, y in enumerate(targets):
        p = 0.0
        for j, x in entries(X, i):
            p = p + w[j] * x
        p = p + b
        s = slope(p, float(y), at) * (1.0 if weight is None else float(weight[i]))
        for j, x in entries(X, i):
            w[j], h[j] = rules.adagrad(w[j], s * x, h[j], LR, EPS)
        b, hb = rules.adagrad(b, s, hb, LR, EPS)
    return np.array(w), b, np.array(h)


SHAPES = {"few": (200, 40, 0.2), "many": (150, 120, 0.5), "all": (60, 90, 1.0)}
"""Rows, columns, density: with many entries a row, the next score is begun while a row is learnt from."""


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("loss", CLASSES)
def test_a_classifier_equals_the_plain_loop(loss, shape):
    X, score = rows(0, *SHAPES[shape])
    y = np.where(score > 0, 1, -1)
    w, b, h = plain_loop(X, y, LOSSES[loss].slope)
    model = AdagradClassifier(loss, lr=LR, eps=EPS, max_iter=1, tol=None, shuffle=False).fit(X, y)
    assert np.array_equal(model.coef_[0], w)
    assert model.intercept_[0] == b
    assert np.array_equal(model.h_[0], h)
    assert np.count_nonzero(w) > 30


@pytest.mark.parametrize("loss", NUMBERS)
def test_a_regressor_equals_the_plain_loop(loss):
    X, y = rows(1)
    w, b, _ = plain_loop(X, y, LOSSES[loss].slope, 0.3)
    model = AdagradRegressor(
        loss, lr=LR, eps=EPS, epsilon=0.3, quantile=0.3, max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(model.coef_, w)
    assert model.intercept_[0] == b


@pytest.mark.parametrize("settings", [{}, {"average": True}, {"penalty": "l1"}, {"update": "rda", "penalty": "l1"}])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_rows_are_learnt_from_in_any_order_as_if_they_stood_so(settings, kind):
    """Also a row right behind itself, whose every column has just moved, and rows beside empty ones."""
    X, score = rows(10, *SHAPES["many"])
    dense = X.toarray()
    dense[20:90:7] = 0.0
    X, y = sp.csr_matrix(dense.astype(kind)), np.where(score > 0, 1.0, -1.0)
    order = np.random.default_rng(0).integers(0, len(y), 400)
    order[50:60] = 5
    scheme = AdagradClassifier(**settings)._scheme()
    ends = []
    for given, target, visits in ((X, y, order), (X[order], y[order], np.arange(400))):
        learner = Learner(scheme, "squared_hinge", 0.0, 1, 120, {"lr": LR, "eps": EPS, "l1": L1, "l2": 0.0})
        examples = Examples.of(given, drop_zeros=False)
        learner.walk(examples, target[None], np.ones(len(target)), visits, loss=False)
        ends.append(learner.tables)
    assert np.array_equal(*ends)


def test_weights_of_rows_multiply_the_gradient():
    X, score = rows(2)
    y = np.where(score > 0, 1, -1)
    weight = np.random.default_rng(0).random(len(y)) + 0.5
    w, b, _ = plain_loop(X, y, LOSSES["log_loss"].slope, weight=weight)
    model = AdagradClassifier(lr=LR, eps=EPS, max_iter=1, tol=None, shuffle=False).fit(X, y, sample_weight=weight)
    assert np.array_equal(model.coef_[0], w)
    assert model.intercept_[0] == b


@pytest.mark.parametrize("penalty", [penalty for penalty in PENALTIES if penalty])
def test_a_lazy_penalty_equals_the_plain_loop(penalty):
    """With the proximal step taken when a feature is seen again, and at the end for all."""
    X, score = rows(3)
    y = np.where(score > 0, 1, -1)
    penalties = PENALTIES[penalty]
    d = X.shape[1]
    w, h, last = [0.0] * d, [0.0] * d, [0.0] * d
    b = hb = 0.0
    for t, target in enumerate(y, 1):
        p = 0.0
        seen = entries(X, t - 1)
        now = {j: float(rules.proximal(w[j], h[j], t - last[j], LR, EPS, *penalties)) for j, _ in seen}
        for j, x in seen:
            p = p + now[j] * x
        p = p + b
        s = LOSSES["hinge"].slope(p, float(target), 0.0)
        if s != 0.0:
            for j, x in seen:
                w[j], h[j] = rules.adagrad(now[j], s * x, h[j], LR, EPS)
                last[j] = float(t)
            b, hb = rules.adagrad(b, s, hb, LR, EPS)
    w = [rules.proximal(w[j], h[j], len(y) + 1 - last[j], LR, EPS, *penalties) for j in range(d)]
    model = AdagradClassifier(
        "hinge", lr=LR, eps=EPS, penalty=penalty, alpha=L1, l1_ratio=0.25, max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(model.coef_[0], w)
    assert model.intercept_[0] == b


@pytest.mark.parametrize("penalty", PENALTIES)
def test_dual_averaging_equals_the_plain_loop(penalty):
    X, score = rows(4)
    y = np.where(score > 0, 1, -1)
    d = X.shape[1]
    u, h = [0.0] * d, [0.0] * d
    ub = hb = 0.0
    for t, target in enumerate(y):
        p = 0.0
        for j, x in entries(X, t):
            p = p + float(rules.dual_averaging(u[j], h[j], float(t), LR, EPS, *PENALTIES[penalty])) * x
        p = p + float(rules.dual_averaging(ub, hb, float(t), LR, EPS, 0.0, 0.0))
        s = LOSSES["log_loss"].slope(p, float(target), 0.0)
        for j, x in entries(X, t):
            u[j], h[j] = rules.dual_averaging_sums(u[j], s * x, h[j])
        ub, hb = rules.dual_averaging_sums(ub, s, hb)
    w = [rules.dual_averaging(u[j], h[j], float(len(y)), LR, EPS, *PENALTIES[penalty]) for j in range(d)]
    model = AdagradClassifier(
        lr=LR, eps=EPS, update="rda", penalty=penalty, alpha=L1, l1_ratio=0.25, max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(model.coef_[0], w)
    assert model.intercept_[0] == rules.dual_averaging(ub, hb, float(len(y)), LR, EPS, 0.0, 0.0)


def test_multinomial_equals_the_plain_loop():
    X, score = rows(5)
    y = np.digitize(score, [-1.0, 1.0])
    w, h = [[0.0] * 3 for _ in range(X.shape[1] + 1)], [[0.0] * 3 for _ in range(X.shape[1] + 1)]
    for i, mine in enumerate(y):
        seen = [*entries(X, i), (-1, 1.0)]
        scores = [0.0] * 3
        for j, x in seen:
            scores = [p + w[j][c] * x for c, p in enumerate(scores)]
        powers = [math.exp(p - max(scores)) for p in scores]
        whole = sum(powers)
        slopes = [power / whole - (1.0 if c == mine else 0.0) for c, power in enumerate(powers)]
        for j, x in seen:
            for c, s in enumerate(slopes):
                w[j][c], h[j][c] = rules.adagrad(w[j][c], s * x, h[j][c], LR, EPS)
    model = AdagradClassifier(
        lr=LR, eps=EPS, multi_class="multinomial", max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(model.coef_, np.array(w[:-1]).T)
    assert np.array_equal(model.intercept_, w[-1])
    assert np.array_equal(model.h_, np.array(h[:-1]).T)


@pytest.mark.parametrize("loss", CLASSES)
def test_average_is_the_mean_of_the_weights_after_every_step(loss):
    X, score = rows(6)
    y = np.where(score > 0, 1, -1)
    one = AdagradClassifier(loss, lr=LR, max_iter=1, tol=None, shuffle=False)
    total = 0.0
    for i in range(X.shape[0]):
        total = total + one.partial_fit(X[i], y[i : i + 1], classes=[-1, 1]).coef_
    mean = AdagradClassifier(loss, lr=LR, average=True, max_iter=1, tol=None, shuffle=False).fit(X, y)
    np.testing.assert_allclose(mean.coef_, total / X.shape[0], rtol=1e-12, atol=1e-15)
    assert not np.array_equal(mean.coef_, one.coef_)


@pytest.mark.parametrize("shape", SHAPES)
def test_average_equals_the_plain_loop_with_its_rules(shape):
    X, score = rows(8, *SHAPES[shape])
    y = np.where(score > 0, 1, -1)
    w, h, s = [0.0] * X.shape[1], [0.0] * X.shape[1], [0.0] * X.shape[1]
    b = hb = 0.0
    for t, target in enumerate(y, 1):
        p = 0.0
        for j, x in entries(X, t - 1):
            p = p + w[j] * x
        slope = LOSSES["log_loss"].slope(p + b, float(target), 0.0)
        for j, x in entries(X, t - 1):
            before = w[j]
            w[j], h[j] = rules.adagrad(w[j], slope * x, h[j], LR, EPS)
            s[j] = rules.lag(s[j], w[j], before, float(t))
        b, hb = rules.adagrad(b, slope, hb, LR, EPS)
    model = AdagradClassifier(lr=LR, eps=EPS, average=True, max_iter=1, tol=None, shuffle=False).fit(X, y)
    assert np.array_equal(model.coef_[0], [rules.average(*pair, float(len(y))) for pair in zip(w, s, strict=True)])


def test_average_of_dual_averaging_equals_the_plain_loop_with_its_rules():
    X, score = rows(8)
    y = np.where(score > 0, 1, -1)
    w, u, h, s = ([0.0] * X.shape[1] for _ in range(4))
    b = ub = hb = 0.0
    free = (LR, EPS, 0.0, 0.0)
    total = np.zeros(X.shape[1])
    for t, target in enumerate(y, 1):
        p = 0.0
        for j, x in entries(X, t - 1):
            p = p + w[j] * x
        slope = LOSSES["log_loss"].slope(p + b, float(target), 0.0)
        for j, x in entries(X, t - 1):
            before = w[j]
            u[j], h[j] = rules.dual_averaging_sums(u[j], slope * x, h[j])
            w[j] = float(rules.dual_averaging(u[j], h[j], float(t), *free))
            s[j] = rules.lag(s[j], w[j], before, float(t))
        ub, hb = rules.dual_averaging_sums(ub, slope, hb)
        b = float(rules.dual_averaging(ub, hb, float(t), *free))
        total += w
    model = AdagradClassifier(
        lr=LR, eps=EPS, update="rda", average=True, max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    assert np.array_equal(model.coef_[0], [rules.average(*pair, float(len(y))) for pair in zip(w, s, strict=True)])
    np.testing.assert_allclose(model.coef_[0], total / len(y), rtol=1e-12, atol=1e-15)
    several = AdagradClassifier(update="rda", average=True, multi_class="multinomial", max_iter=1, tol=None)
    mirror = AdagradClassifier(multi_class="multinomial", max_iter=1, tol=None)
    y = np.digitize(score, [-1.0, 1.0])
    assert not np.array_equal(several.fit(X, y).coef_, mirror.fit(X, y).coef_)


def every_word(w, g, h, lr: float):  # compiled from its source
    h = maximum(h, abs(g)) + sqrt(abs(w))  # noqa: F821
    w = w - lr * sign(g) * minimum(h, 0.5) - -g / (h + 2)  # noqa: F821
    return w, h


@pytest.mark.parametrize("letters", [("w", "h"), ("w", "h", "s")])
def test_every_word_of_the_rules_means_the_same_side_by_side(monkeypatch, letters):
    """Numbers singly by Python, four at a time by the loop: zeros of both signs, the root, signs, the smaller."""
    X, y = rows(9)
    X.data[::7] = -0.0
    scheme = Scheme("every_word", letters, every_word)
    monkeypatch.setitem(SCHEMES, scheme.name, scheme)
    learner = Learner(scheme.name, "squared_error", 0.0, 1, X.shape[1], dict.fromkeys(("lr", "l1", "l2"), 0.125))
    learner.walk(Examples.of(X, drop_zeros=False), y[None], np.ones(len(y)), np.arange(len(y)), loss=False)
    rule = compiled(read(every_word))
    w, h = [0.0] * (X.shape[1] + 1), [0.0] * (X.shape[1] + 1)
    for i, target in enumerate(y):
        seen = [(j + 1, x) for j, x in entries(X, i)]
        p = 0.0
        for j, x in seen:
            p = p + w[j] * x
        slope = LOSSES["squared_error"].slope(p + w[0], float(target), 0.0)
        for j, x in [*seen, (0, 1.0)]:
            w[j], h[j] = map(float, rule(w[j], slope * x, h[j], 0.125))
    assert np.array_equal(learner.letter("w")[0], w)
    assert np.array_equal(learner.letter("h")[0], h)
    assert np.count_nonzero(w) == len(w)


def test_what_is_no_word_of_the_rules_is_refused():
    with pytest.raises(SyntaxError, match="'cos\\(x\\)' is not in the language of the rules"):
        worked_out(None, ast.parse("cos(x)", mode="eval").body, {})


def test_lazy_l1_is_the_papers_step_at_every_example():
    """Against the dense loop that shrinks every weight at every example, seen or not."""
    X, score = rows(7)
    y = np.where(score > 0, 1, -1)
    w, h = np.zeros(X.shape[1]), np.zeros(X.shape[1])
    dense = X.toarray()
    for x, target in zip(dense, y, strict=True):
        g = LOSSES["hinge"].slope(float(x @ w), float(target), 0.0) * x
        w, h = rules.adagrad(w, g, h, LR, EPS)
        w = rules.proximal(w, h, 1.0, LR, EPS, 30 * L1, 0.0)
    model = AdagradClassifier(
        "hinge", lr=LR, eps=EPS, penalty="l1", alpha=30 * L1, fit_intercept=False, max_iter=1, tol=None, shuffle=False
    ).fit(X, y)  # fmt: skip
    np.testing.assert_allclose(model.coef_[0], w, rtol=1e-9, atol=1e-12)
    assert 0 < np.count_nonzero(w == 0.0) == np.count_nonzero(model.coef_ == 0.0)
