"""Reviews: real texts, nothing of the held-out part in the features, and Adagrad truly ahead after one reading."""

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.problems import load
from nukarumi.problems.reviews import sentences, words_and_pairs


@pytest.fixture(scope="module")
def problem():
    return load("reviews")


def test_parts(problem):
    told = problem.describe()
    assert told["rows"] == {"train": 8529, "validation": 1066, "test": 1067}
    assert told["licence"] == "CC BY 4.0"
    for _, labels in problem.parts.values():
        assert abs(labels.mean() - 0.5) < 0.001


def test_features_come_from_the_training_part_only(problem):
    texts, _ = sentences()
    train = [set(words_and_pairs(text)) for text in texts[:8529]]
    counts = {}
    for bag in train:
        for feature in bag:
            counts[feature] = counts.get(feature, 0) + 1
    assert problem.features == sum(1 for count in counts.values() if count >= 2)
    rows, _ = problem.parts["train"]
    assert len(rows.columns) == sum(count for count in counts.values() if count >= 2)
    assert np.bincount(rows.columns).min() >= 2
    for held_out, _ in (problem.parts["validation"], problem.parts["test"]):
        assert held_out.columns.max() < problem.features


def held_out_error(problem, adaptive, lr):
    params = problem.params(0)
    h = {name: np.zeros_like(array) for name, array in params.items()}
    for batch in problem.batches(seed=0, epoch=0):
        _, grads = problem.loss_and_grads(params, batch)
        for name, touched in (("w", batch[0].columns), ("b", slice(None))):
            g = grads[name][touched]
            if adaptive:
                h[name][touched] += g * g
                params[name][touched] -= lr * g / (np.sqrt(h[name][touched]) + 1e-7)
            else:
                params[name][touched] -= lr * g
    return problem.score(params, "validation").error, problem.score(params, "test").error


def test_adagrad_is_ahead_of_gradient_descent_after_one_reading(problem):
    _, adagrad = min(held_out_error(problem, True, lr) for lr in (0.03, 0.1, 0.3))
    _, descent = min(held_out_error(problem, False, lr) for lr in (0.01, 0.03, 0.1, 0.3))
    assert adagrad < 0.235
    assert adagrad < descent - 0.02


def test_options():
    problem = load("reviews", loss="softmax", batch_size=32, min_df=5)
    assert problem.batches_per_epoch == 267
    assert problem.params(0)["W"].shape == (problem.features, 2)
    assert problem.features < 10_000


@pytest.mark.parametrize("min_df", [0, 100_000])
def test_refuses(min_df):
    with pytest.raises(BadInput, match="min_df"):
        load("reviews", min_df=min_df)
