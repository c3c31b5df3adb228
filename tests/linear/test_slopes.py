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
