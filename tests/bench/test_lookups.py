"""The lookups that tables are measured with."""

from __future__ import annotations

import numpy as np
import pytest

from nukarumi.bench.rows import LOOKUPS, zipf


@pytest.mark.parametrize("length", [100_000, 4_000_000, 10_000_000])
def test_lookups_are_zipf_and_spread(length: int) -> None:
    """The most frequent row has its share of the logarithm, half of the draws are rare, and all lie in the table."""
    draw = np.random.default_rng(0)
    many = np.concatenate([zipf(draw, length) for _ in range(50)])
    rows, counts = np.unique(many, return_counts=True)
    assert rows[0] >= 0
    assert rows[-1] < length
    top = np.sort(counts)[::-1]
    share = np.log([2, 3 / 2, 4 / 3]) / np.log(length) * 50 * LOOKUPS  # of the ranks 1, 2 and 3
    np.testing.assert_allclose(top[:3], share, rtol=0.1)
    assert len(rows) > LOOKUPS
    hot = rows[np.argsort(counts)[::-1][:100]]
    assert np.ptp(hot) > length // 2  # the frequent rows do not lie side by side


def test_ranks_have_rows_of_their_own() -> None:
    """Spreading them puts no two ranks into one row."""
    for length in (100_000, 4_000_000, 10_000_000):
        assert np.gcd(2_654_435_761, length) == 1
