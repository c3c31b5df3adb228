"""The slopes of many scores at once are those of one, to the bit, for every loss that there is."""

from __future__ import annotations

import numpy as np
import pytest

from nukarumi.linear.losses import CLASSES, LOSSES, softmax
from nukarumi.linear.slopes import slopes


@pytest.mark.parametrize("name", LOSSES)
def test_many_are_as_one(name):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 3)) * 10.0 ** rng.integers(-3, 3, (200, 3))
    scores[:4, 0] = [0.0, 1.0, -1.0, 1e300]
    targets = rng.choice([-1.0, 1.0], (3, 200)) if name in CLASSES else rng.normal(size=(3, 200))
    values, by_score = slopes(name, 0.3, scores, targets)
    loss = LOSSES[name]
    pairs = [[(p, y, 0.3) for p, y in zip(row, of, strict=True)] for row, of in zip(scores, targets.T, strict=True)]
    with np.errstate(over="ignore"):
        assert np.array_equal(values, [[loss.value(*pair) for pair in row] for row in pairs])
        assert np.array_equal(by_score, [[loss.slope(*pair) for pair in row] for row in pairs])


def test_softmax():
    scores, targets = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9.0)[None] % 4
    values, by_score = slopes("softmax", 0.0, scores, targets)
    step = 1e-6
    for c in range(4):
        moved = scores.copy()
        moved[:, c] += step
        slope = (slopes("softmax", 0.0, moved, targets)[0] - values)[:, 0] / step
        np.testing.assert_allclose(by_score[:, c], slope, atol=1e-5)
    assert np.allclose(np.exp(-values[:, 0]), softmax(scores)[np.arange(9), targets[0].astype(int)])


def test_the_loss_of_an_example_that_seems_impossible_is_finite():
    """As on one machine: its probability is 0 in float64, the logarithm of it is known all the same."""
    scores, target = np.array([[0.0, 900.0, -900.0]]), np.array([[2.0]])
    values, by_score = slopes("softmax", 0.0, scores, target)
    assert values.tolist() == [[1800.0]]
    assert by_score.tolist() == [[0.0, 1.0, -1.0]]
