"""The noise is a pure function of seed and step, exact in any language, of mean 0 and deviation 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.problems.noise import active, normals

M = 0xFFFFFFFF


def mix(x):
    x = (x ^ x >> 16) * 0x7FEB352D & M
    x = (x ^ x >> 15) * 0x846CA68B & M
    return x ^ x >> 16


def slow_normal(seed, step, axis):
    """The documented formula in whole numbers, as another language would write it."""
    key = mix(mix(seed + 0x9E3779B9 & M))
    total = sum(mix(mix(32 * step + 12 * axis + k & M) ^ key) for k in range(12))
    return (6 + total) / 2**32 - 6


@settings(derandomize=True)
@given(seed=st.integers(0, M), step=st.integers(0, 2**40))
def test_equals_the_documented_formula_to_the_bit(seed, step):
    assert normals(seed, [step])[0].tolist() == [slow_normal(seed, step, 0), slow_normal(seed, step, 1)]
    key = mix(mix(seed + 0x9E3779B9 & M) + 1 & M)
    assert active(seed, [step], 0.3)[0] == (mix(mix(step & M) ^ key) < 0.3 * 2**32)


def test_golden_numbers():
    golden = [[0.7756471941247582, -2.0263695819303393], [-0.452295973431319, 2.3598129854071885]]
    assert normals(0, [0, 1]).tolist() == golden
    assert normals(2**32 - 1, [2**27]).tolist() == normals(2**32 - 1, [0]).tolist()


@pytest.mark.parametrize("seed", [0, 1, 2, 12345, M])
def test_mean_and_spread(seed):
    z = normals(seed, np.arange(100_000))
    assert np.abs(z.mean(axis=0)).max() < 0.015
    assert np.abs(z.std(axis=0) - 1).max() < 0.01
    assert np.abs((np.abs(z) > 1.96).mean(axis=0) - 0.05).max() < 0.005
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.015
    for axis in (0, 1):
        for lag in (1, 2, 7):
            assert abs(np.corrcoef(z[:-lag, axis], z[lag:, axis])[0, 1]) < 0.015


def test_seeds_and_steps_differ():
    first, second = normals(0, np.arange(1000)), normals(1, np.arange(1000))
    assert not (first == second).any()
    assert len(np.unique(first)) == 2000
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.1


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
def test_activity_has_its_rate(rate):
    assert active(4, np.arange(100_000), rate).mean() == pytest.approx(rate, abs=0.005)


@pytest.mark.parametrize("seed", [-1, 2**32, 0.5, True, "a"])
def test_refuses_seeds(seed):
    with pytest.raises(BadInput, match="seed"):
        normals(seed, [0])


@pytest.mark.parametrize("steps", [[-1], [0.5]])
def test_refuses_steps(steps):
    with pytest.raises(BadInput, match="steps"):
        normals(0, steps)
