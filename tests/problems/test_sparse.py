"""The sparse linear model equals a dense one written plainly, and touches only what a batch touches."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.problems import Problem, SparseLinear, SparseRows

FEATURES = 7


def data(seed, rows, with_values, classes):
    rng = np.random.default_rng(seed)
    dense = rng.random((rows, FEATURES)) < 0.4
    dense[rows // 2] = False
    x = np.where(dense, rng.standard_normal(dense.shape) if with_values else 1.0, 0.0)
    starts = np.concatenate([[0], np.cumsum(dense.sum(axis=1))])
    columns = np.nonzero(dense)[1]
    return x, SparseRows(starts, columns, x[dense] if with_values else None), rng.integers(0, classes, rows)


def make(loss, seed=0, rows=9, with_values=False, classes=2, **options):
    x, sparse, labels = data(seed, rows, with_values, classes)
    parts = dict.fromkeys(("train", "validation", "test"), (sparse, labels))
    problem = SparseLinear("toy", parts, FEATURES, [str(c) for c in range(classes)], loss=loss, **options)
    return problem, x, labels


def dense_loss(loss, params, x, labels):
    if loss == "softmax":
        z = x @ params["W"] + params["b"]
        z = z - z.max(axis=1, keepdims=True)
        return (np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(labels)), labels]).mean()
    agreement = (2 * labels - 1) * (x @ params["w"] + params["b"])
    return np.maximum(1 - agreement, 0).mean() if loss == "hinge" else np.log1p(np.exp(-agreement)).mean()


def filled(problem, seed):
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(array.shape) for name, array in problem.params(0).items()}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    loss=st.sampled_from(["hinge", "logistic", "softmax"]),
    with_values=st.booleans(),
    batch_size=st.sampled_from([1, 2, 9]),
    seed=st.integers(0, 100),
)
def test_gradients_against_finite_differences_of_a_dense_model(loss, with_values, batch_size, seed):
    classes = 3 if loss == "softmax" else 2
    problem, _, _ = make(loss, seed, 9, with_values, classes, batch_size=batch_size, dtype=np.float64)
    params = filled(problem, seed)
    seen = 0
    for rows, labels in problem.batches(seed, 0):
        x = np.zeros((len(labels), FEATURES))
        x[rows.row_of_entries(), rows.columns] = 1 if rows.values is None else rows.values
        got, grads = problem.loss_and_grads(params, (rows, labels))
        seen += len(labels)
        assert got == pytest.approx(dense_loss(loss, params, x, labels), rel=1e-12)
        for name, array in params.items():
            for index in np.ndindex(array.shape):
                here, step = array[index], 1e-6
                array[index] = here + step
                above = dense_loss(loss, params, x, labels)
                array[index] = here - step
                below = dense_loss(loss, params, x, labels)
                array[index] = here
                assert grads[name][index] == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-8)
    assert seen == 9


@pytest.mark.parametrize("loss", ["hinge", "logistic", "softmax"])
@pytest.mark.parametrize("with_values", [False, True])
def test_score_is_that_of_a_dense_model(loss, with_values):
    problem, x, labels = make(loss, 3, 40, with_values)
    params = filled(problem, 3)
    score = problem.score(params, "test")
    assert score.loss == pytest.approx(dense_loss(loss, params, x, labels), rel=1e-6)
    answers = (x @ params["W"] + params["b"]).argmax(axis=1) if loss == "softmax" else x @ params["w"] + params["b"] > 0
    assert score.error == np.mean(answers != labels)


def test_batches_are_rows_in_a_seeded_order():
    problem, x, _ = make("hinge", batch_size=2)
    assert isinstance(problem, Problem)
    assert problem.batches_per_epoch == 5

    def order(seed, epoch):
        return [(rows.columns.tolist(), labels.tolist()) for rows, labels in problem.batches(seed, epoch)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert sum(len(columns) for columns, _ in order(1, 0)) == np.count_nonzero(x)


def test_pickled_in_the_middle_of_an_epoch():
    problem, _, _ = make("logistic")
    params = problem.params(0)
    batches = list(problem.batches(0, 0))
    problem.loss_and_grads(params, batches[0])
    copy = pickle.loads(pickle.dumps(problem))
    for batch in batches[1:]:
        mine, theirs = problem.loss_and_grads(params, batch), copy.loss_and_grads(params, batch)
        assert mine[0] == theirs[0]
        assert (mine[1]["w"] == theirs[1]["w"]).all()


def test_diverged_weights_are_wrong_without_a_warning():
    for loss in ("hinge", "logistic", "softmax"):
        problem, _, _ = make(loss)
        params = {name: np.full_like(array, np.nan) for name, array in problem.params(0).items()}
        assert problem.score(params, "train").error == 1
        assert np.isnan(problem.loss_and_grads(params, next(problem.batches(0, 0)))[0])


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"loss": "squared"}, "hinge, logistic"),
        ({"loss": "hinge", "classes": 3}, "two classes"),
        ({"loss": "hinge", "batch_size": 0}, "batch_size"),
        ({"loss": "hinge", "dtype": "int32"}, "float64"),
    ],
)
def test_refuses(options, word):
    with pytest.raises(BadInput, match=word):
        make(**options)
