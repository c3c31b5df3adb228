"""Digits: real data, fixed parts, the same for every optimizer, and learnable within a few epochs."""

import pickle

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.problems import Problem, load


@pytest.fixture(scope="module")
def problem():
    return load("digits")


def test_is_a_problem(problem):
    assert isinstance(problem, Problem)
    assert load(problem) is problem


def test_describes_itself(problem):
    told = problem.describe()
    assert told["rows"] == {"train": 1259, "validation": 269, "test": 269}
    assert told["parameters"] == 64 * 50 + 50 + 50 * 10 + 10
    assert told["classes"] == list("0123456789")


def test_parts_are_disjoint_stratified_and_scaled(problem):
    rows = np.concatenate([x for x, _ in problem.parts.values()])
    assert len(rows) == 1797
    assert rows.min() == 0
    assert rows.max() == 1
    shares = [np.bincount(labels, minlength=10) / len(labels) for _, labels in problem.parts.values()]
    assert np.abs(shares[0] - shares[1]).max() < 0.01
    assert np.abs(shares[0] - shares[2]).max() < 0.01


def test_batches_depend_on_seed_and_epoch_only(problem):
    def order(seed, epoch):
        return [(x.tobytes(), labels.tobytes()) for x, labels in problem.batches(seed, epoch)]

    first = order(3, 2)
    assert len(first) == problem.batches_per_epoch
    assert first == order(3, 2)
    assert first != order(3, 3)
    assert first != order(4, 2)
    assert sum(len(labels) for _, labels in problem.batches(3, 2)) == 1259


def test_plain_gradient_descent_learns(problem):
    params = problem.params(seed=0)
    start = problem.score(params, "validation")
    for epoch in range(problem.default_epochs):
        for batch in problem.batches(0, epoch):
            _, grads = problem.loss_and_grads(params, batch)
            for name, grad in grads.items():
                params[name] -= 0.5 * grad
    assert start.error > 0.8
    assert problem.score(params, "validation").error < 0.06
    assert problem.score(params, "train").loss < problem.target_loss


def test_pickled_problem_gives_equal_bits(problem):
    copy = pickle.loads(pickle.dumps(problem))
    params = problem.params(0)
    for mine, theirs in zip(problem.batches(0, 0), copy.batches(0, 0), strict=True):
        loss, grads = problem.loss_and_grads(params, mine)
        loss_too, grads_too = copy.loss_and_grads(params, theirs)
        assert loss == loss_too
        assert all(grads[name].tobytes() == grads_too[name].tobytes() for name in grads)


def test_options():
    problem = load("digits", hidden=(20, 15), batch_size=100, dtype="float64")
    assert problem.describe()["network"] == "64-20-15-10"
    assert problem.batches_per_epoch == 13
    assert problem.params(0)["W3"].dtype == np.float64
    assert load("digits", hidden=()).describe()["network"] == "64-10"


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("digit", {}, "digits"),
        ("digits", {"batchsize": 3}, "batch_size"),
        ("digits", {"batch_size": 0}, "at least 1"),
        (3, {}, "name"),
    ],
)
def test_refuses(name, options, word):
    with pytest.raises(BadInput, match=word):
        load(name, **options)


def test_options_with_a_finished_problem(problem):
    with pytest.raises(BadInput, match="finished problem"):
        load(problem, batch_size=3)
