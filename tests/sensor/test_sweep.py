"""The compiled sweep against plain NumPy, and what is made of a look: all at once, and entry by entry."""

import numpy as np
import pytest

from nukarumi.sensor import sweep
from nukarumi.sensor.dialects import dialect
from nukarumi.sensor.look import Look, Subject, _derive_odd, derive, look
from nukarumi.trail.reading import sample

SIZES = (1, 7, 1023, 1024, 1025, 3000, sweep.CHUNK - 1, sweep.CHUNK + 1, 2 * sweep.CHUNK + 5)

VALUES = {
    "plain": lambda rng, size: rng.normal(size=size),
    "tiny": lambda rng, size: rng.normal(size=size) * 1e-30,
    "huge": lambda rng, size: rng.normal(size=size) * 1e25,
    "all alike": lambda rng, size: np.full(size, 0.1),
    "zeros": lambda rng, size: np.zeros(size),
    "mixed": lambda rng, size: rng.normal(size=size) * 10.0 ** rng.integers(-20, 20, size),
}


@pytest.mark.parametrize("dtype", sweep.TYPES)
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_sweep_says_what_numpy_says(dtype, kind, threads):
    run, rng = sweep.loop(dtype), np.random.default_rng(0)
    streams = [[VALUES[kind](rng, size).astype(dtype) for size in SIZES] for _ in range(5)]
    before, after, gradients, first, second = streams
    at = [[sweep.address(array) for array in stream] for stream in streams]
    copies = sweep.Copies(run, dtype, SIZES)
    copies.take(at[0], threads)
    assert all(copy.tobytes() == array.tobytes() for copy, array in zip(copies.arrays, before, strict=True))
    made = sweep.Sweep(run, dtype, SIZES, 2)
    for _ in range(2):
        seen = made.look(copies.addresses, at[1], at[2], at[3:], ["m", "v"], threads)
    for k, found in enumerate(seen):
        exact = look(before[k], after[k], gradients[k], {"m": first[k], "v": second[k]})
        assert found.norms == pytest.approx(exact.norms, rel=1e-6)
        assert found.ends == exact.ends
        for part in ("gradient", "before", "after"):
            np.testing.assert_array_equal(getattr(found, part), getattr(exact, part))
        for letter in ("m", "v"):
            np.testing.assert_array_equal(found.states[letter], exact.states[letter])
    taken = sweep.Samples(run, dtype, SIZES).take(at[2])
    assert all(np.array_equal(some, sample(array)) for some, array in zip(taken, gradients, strict=True))


@pytest.mark.parametrize("dtype", sweep.TYPES)
@pytest.mark.parametrize("stream", range(4))
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_never_overlooked(dtype, stream, bad):
    size, run = sweep.CHUNK + 100, sweep.loop(dtype)
    arrays = [np.ones(size, dtype) for _ in range(4)]
    at = [[sweep.address(array)] for array in arrays]
    made = sweep.Sweep(run, dtype, [size], 1)
    for place in (0, 1500, size - 1):
        arrays[stream][place] = bad
        assert made.look(at[0], at[1], at[2], at[3:], ["h"]) == [None]
        arrays[stream][place] = 1.0
    assert made.look(at[0], at[1], at[2], at[3:], ["h"])[0].norms[2] == size**0.5


def test_arrays_that_a_sweep_cannot_read():
    array = np.ones((4, 6), np.float32)
    assert sweep.readable(array) == "float32"
    strangers = array.T, array[:, ::2], array.astype(">f4"), array.astype(np.float16), np.ones((0, 2)), 3.0, [1.0]
    assert [sweep.readable(stranger) for stranger in strangers] == [""] * len(strangers)


CASES = [
    ("Adagrad", "torch", {"lr": 0.1, "eps": 1e-10}, 0.0),
    ("Adagrad", "keras", {"lr": 0.1, "eps": 1e-7}, 0.1),
    ("RMSprop", "torch", {"lr": 0.01, "decay_rate": 0.99, "eps": 1e-8}, 0.0),
    ("Adam", "torch", {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "t": 7.0}, 0.0),
    ("Adamax", "keras", {"lr": 0.01, "beta1": 0.9, "beta2": 0.999, "eps": 1e-7, "t": 7.0}, 0.0),
    ("AdamEpsRoot", "optax", {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "eps_root": 1e-4, "t": 7.0}, 0.0),
]


@pytest.mark.parametrize(("name", "library", "settings", "start"), CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sorting_once_gives_what_entry_by_entry_gives(name, library, settings, start, dtype):
    """The rule is asked at the quantiles of the sorted brake alone; here it is asked everywhere."""
    which, rng = dialect(name, library), np.random.default_rng(3)
    looks = []
    for size in (1, 2, 5, 400, 1024):
        gradient = (rng.normal(size=size) * (rng.random(size) < 0.8)).astype(dtype)
        states = {letter: (start + rng.random(size) ** 4).astype(dtype) for letter in which.states}
        ends = {letter: (float(state.min()), float(state.max())) for letter, state in states.items()}
        seen = Look((1.0, 1.0, 1.0), (0, 0, 0), gradient, gradient, gradient, states, ends)
        looks.append((Subject(f"w{size}", (size,), which, dtype, start), seen, settings))
    for one, fast in zip(looks, derive(looks), strict=True):
        slow = type(fast)(np.full(7, np.nan))
        _derive_odd(one, slow)
        np.testing.assert_allclose(fast.rate, slow.rate, rtol=1e-12)
        assert fast.stuck == pytest.approx(slow.stuck, nan_ok=True)
        assert fast.swallowed == pytest.approx(slow.swallowed, rel=1e-9, abs=1e-15, nan_ok=True)
        assert set(fast.states) == set(slow.states) == set(which.states)
        for letter in which.states:
            np.testing.assert_allclose(fast.states[letter], slow.states[letter], rtol=1e-12)


def test_rows_with_other_settings_are_derived_together():
    """What changes from row to row (t, lr) goes into one string; the braking state's own settings do not."""
    which, rng, looks = dialect("Adam", "torch"), np.random.default_rng(4), []
    for t, lr, beta2 in ((1.0, 0.1, 0.999), (2.0, 0.05, 0.999), (3.0, 0.05, 0.99)):
        settings = {"lr": lr, "beta1": 0.9, "beta2": beta2, "eps": 1e-8, "t": t}
        for size in (1024, 3, 1024):
            gradient = (rng.normal(size=size) * (rng.random(size) < 0.8)).astype(np.float32)
            states = {letter: rng.random(size).astype(np.float32) for letter in which.states}
            ends = {letter: (float(state.min()), float(state.max())) for letter, state in states.items()}
            seen = Look((1.0, 1.0, 1.0), (0, 0, 0), gradient, gradient, gradient, states, ends)
            looks.append((Subject("w", (size,), which, "float32"), seen, settings))
    for one, together in zip(looks, derive(looks), strict=True):
        (alone,) = derive([one])
        np.testing.assert_allclose(together.rate, alone.rate, rtol=1e-13)
        assert together.stuck == alone.stuck
        assert together.swallowed == pytest.approx(alone.swallowed, rel=1e-9, abs=1e-15)
        for letter in which.states:
            np.testing.assert_array_equal(together.states[letter], alone.states[letter])
