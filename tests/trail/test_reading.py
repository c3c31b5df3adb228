"""Readings equal NumPy's own numbers, whatever the size, the layout and the scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nukarumi.trail import QUANTILES, SAMPLE, read_array
from nukarumi.trail.reading import cosine, norm, quantiles, sample

FLOATS = hnp.arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e150, 1e150))


@given(FLOATS)
@settings(max_examples=80, deadline=None)
def test_norm_and_quantiles_equal_numpys(array):
    scale = float(np.max(np.abs(array))) or 1.0
    assert norm(array) == pytest.approx(scale * np.linalg.norm(array / scale), rel=1e-12, abs=5e-324)
    np.testing.assert_allclose(
        quantiles(array), np.quantile(array, QUANTILES), rtol=1e-9, atol=max(1e-12 * scale, 1e-322)
    )


def test_quantiles_between_equal_entries_are_that_entry():
    for entry in (5e-324, 1e308, -np.inf):
        assert quantiles([entry, entry]).tolist() == [entry] * len(QUANTILES)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_norm_of_a_difference_in_blocks_and_any_layout(dtype):
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 300, 700)).astype(dtype)
    expected = np.linalg.norm((one.astype(float) - other.astype(float)).ravel())
    for left, right in ((one, other), (np.asfortranarray(one), other), (one[::-1, ::-1], other[::-1, ::-1])):
        assert norm(left, minus=right) == pytest.approx(expected, rel=1e-12)


def test_norm_of_nothing_and_of_the_unmeasurable():
    assert norm([]) == 0.0
    assert np.isnan(norm([1.0, np.nan]))
    assert norm([1.0, np.inf]) == np.inf
    assert norm([1e-200]) == 1e-200


def test_sample_is_fixed_spread_and_the_same_in_every_layout():
    array = np.arange(64 * 5000, dtype=np.float64).reshape(5000, 64)
    picked = sample(array)
    assert picked.size > 0.95 * SAMPLE
    assert np.unique(picked % 64).size == 64, "no column is missed"
    assert np.array_equal(picked, sample(array.copy()))
    assert np.array_equal(sample(np.asfortranarray(array)), picked)
    assert np.array_equal(sample(np.arange(5.0)), np.arange(5.0))


def test_quantiles_of_a_big_array_are_near_and_its_ends_exact():
    array = np.random.default_rng(1).normal(size=200_000)
    got, wanted = quantiles(array), np.quantile(array, QUANTILES)
    assert (got[0], got[-1]) == (wanted[0], wanted[-1])
    np.testing.assert_allclose(got[1:-1], wanted[1:-1], atol=0.2)


def test_nan_is_left_out_of_quantiles_and_counted():
    assert quantiles([np.nan, 1.0, 3.0])[[0, 3, 6]].tolist() == [1.0, 2.0, 3.0]
    assert np.isnan(quantiles([np.nan])).all()
    assert np.isnan(quantiles([])).all()
    reading = read_array([1.0, 1.0], [np.nan, 1.0], [np.inf, np.nan])
    assert (reading["nonfinite_gradients"], reading["nonfinite_weights"]) == (2, 1)
    assert np.isnan(reading["step_norm"])


def test_cosine():
    assert cosine(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == 0.0
    assert cosine(np.array([1e200, 0.0]), np.array([-2e-200, 0.0])) == -1.0
    assert np.isnan(cosine(np.zeros(2), np.ones(2)))
