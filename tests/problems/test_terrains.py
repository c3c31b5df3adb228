"""Every terrain: its derived slope is its slope, its minima are minima, its noise is the same for everybody."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.problems.terrains import NAMES, terrain
from nukarumi.translate import derive

ALL = [*NAMES, "turned beale"]
UNIT = st.floats(0, 1)
KINKS = {"cliff": lambda x, y: abs(x), "diamond": lambda x, y: min(abs(x), abs(y)), "ackley": np.hypot}


def get(name):
    return terrain("beale", angle=30) if name == "turned beale" else terrain(name)


def test_all_that_was_promised():
    assert set(NAMES) >= {
        "bowl", "rotated_bowl", "beale", "rosenbrock", "himmelblau", "rastrigin", "saddle", "monkey_saddle", "ackley",
        "booth", "cliff", "sparse_ravine",
    }  # fmt: skip
    for name in NAMES:
        land = terrain(name)
        assert land.name == name
        assert land.words.endswith(".")
        assert "\n" not in land.words
        (left, right), (bottom, top) = land.box
        for x, y in [*land.starts, *(minimum[:2] for minimum in land.minima)]:
            assert left <= x <= right
            assert bottom <= y <= top
        assert land.starts


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(across=UNIT, up=UNIT)
def test_slope_against_finite_differences(name, across, up):
    land = get(name)
    (left, right), (bottom, top) = land.box
    x, y = left + across * (right - left), bottom + up * (top - bottom)
    if name in KINKS and KINKS[name](x, y) < 0.01:
        x, y = x + 0.02, y + 0.02
    # Two central differences, extrapolated: the error is of fourth order.
    step = 1e-3

    def slope(dx, dy, h):
        return (land.value(x + h * dx, y + h * dy) - land.value(x - h * dx, y - h * dy)) / (2 * h)

    truth = [(4 * slope(dx, dy, step / 2) - slope(dx, dy, step)) / 3 for dx, dy in ((1, 0), (0, 1))]
    size = 1 + abs(land.value(x, y)) + max(map(abs, truth))
    assert land.gradient(x, y) == pytest.approx(truth, rel=1e-7, abs=1e-8 * size)


@pytest.mark.parametrize("name", ALL)
def test_minima_are_minima(name):
    land = get(name)
    rng = np.random.default_rng(0)
    for x, y, height in land.minima:
        assert land.value(x, y) == pytest.approx(height, abs=1e-12)
        if name != "diamond":
            assert land.gradient(x, y) == pytest.approx((0, 0), abs=1e-12)
        around = rng.normal(0, 0.1, (2, 200))
        assert (land.value(x + around[0], y + around[1]) > height - 1e-12).all()
    if land.minima:
        xs, ys = np.meshgrid(*(np.linspace(*side, 301) for side in land.box))
        assert land.value(xs, ys).min() >= min(height for *_, height in land.minima) - 1e-12


@pytest.mark.parametrize("name", ["saddle", "monkey_saddle"])
def test_saddles_have_no_minimum(name):
    land = terrain(name)
    assert land.minima == ()
    assert land.gradient(0.0, 0.0) == (0.0, 0.0)
    assert land.value(-1.0, 1.5) < 0 or land.value(1.0, 1.5) < 0


@pytest.mark.parametrize("name", ALL)
def test_arrays_and_numbers_agree_to_the_bit(name):
    land = get(name)
    xs, ys = np.meshgrid(*(np.linspace(*side, 7) for side in land.box))
    values, (by_x, by_y) = land.value(xs, ys), land.gradient(xs, ys)
    assert values.shape == by_x.shape == by_y.shape == (7, 7)
    for i, j in itertools.product(range(7), range(7)):
        x, y = float(xs[i, j]), float(ys[i, j])
        value, slopes = land.value(x, y), land.gradient(x, y)
        assert isinstance(value, float)
        assert isinstance(slopes[0], float)
        assert value == values[i, j]
        assert slopes == (by_x[i, j], by_y[i, j])


@pytest.mark.parametrize("name", ALL)
def test_trees_are_what_runs(name):
    land = get(name)
    constants = [value for _, value in land.constants]
    x, y = land.starts[0]
    with np.errstate(all="ignore"):
        assert derive.compiled(land.value_tree)(x, y, *constants) == land.value(x, y)
        assert tuple(derive.compiled(land.gradient_tree)(x, y, *constants)) == land.gradient(x, y)
    assert "**" not in land.value_source + land.gradient_source
    assert pickle.loads(pickle.dumps(land)) == land


def test_far_out_there_is_infinity_and_no_warning():
    for name in ALL:
        get(name).gradient(1e300, -1e300)
        get(name).value(float("inf"), 0.0)
    assert terrain("rosenbrock").value(1e300, 0.0) == np.inf


def test_book_numbers():
    assert terrain("bowl").gradient(-7.0, 2.0) == (-0.7, 4.0)
    assert terrain("rosenbrock").value(-1.2, 1.0) == pytest.approx(24.2)
    assert terrain("booth").value(0.0, 0.0) == 74
    assert terrain("beale").value(0.0, 0.0) == pytest.approx(14.203125)
    assert terrain("himmelblau").value(0.0, 0.0) == 170


@settings(max_examples=40, deadline=None, derandomize=True)
@given(angle=st.floats(-360, 360), across=UNIT, up=UNIT)
def test_rotation_turns_the_landscape(angle, across, up):
    flat, turned = terrain("beale"), terrain("beale", angle=angle)
    x, y = 6 * across - 3, 6 * up - 3
    c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    assert turned.value(c * x - s * y, s * x + c * y) == pytest.approx(flat.value(x, y), rel=1e-9, abs=1e-9)


def test_quarter_turns_are_exact_and_turns_add_up():
    land = terrain("bowl", angle=90)
    assert land.value(-2.0, -7.0) == terrain("bowl").value(-7.0, 2.0)
    assert land.starts == ((-2.0, -7.0),)
    twice = terrain("bowl").rotated(30).rotated(60)
    assert twice.value(1.0, 2.0) == pytest.approx(land.value(1.0, 2.0), rel=1e-12)
    assert twice.gradient(1.0, 2.0) == pytest.approx(land.gradient(1.0, 2.0), rel=1e-12)
    assert terrain("rotated_bowl") == terrain("rotated_bowl", angle=45)


def test_noise_is_added_to_the_slope_and_equal_for_equal_seeds():
    land = terrain("booth")
    walker, twin, other = land.walker(0.5, seed=1), land.walker(0.5, seed=1), land.walker(0.5, seed=2)
    steps = [0, 1, 5000, 3, 1023, 1024]
    mine = [walker.gradient(1.5, 2.0, step) for step in steps]
    assert mine == [twin.gradient(1.5, 2.0, step) for step in steps]
    assert mine == [walker.gradient(1.5, 2.0, step) for step in steps]
    assert len(set(mine)) == len(steps)
    assert mine[0] != other.gradient(1.5, 2.0, 0)
    true = land.gradient(1.5, 2.0)
    off = np.array([walker.gradient(1.5, 2.0, step) for step in range(20_000)]) - true
    assert np.abs(off.mean(axis=0)).max() < 0.02
    assert np.abs(off.std(axis=0) - 0.5).max() < 0.02
    assert land.walker().gradient(1.5, 2.0, 7) == true


def test_sparse_ravine_is_active_now_and_then_and_right_on_average():
    land = terrain("sparse_ravine")
    walker = land.walker(seed=3)
    slopes = np.array([walker.gradient(-4.0, 4.0, step) for step in range(20_000)])
    assert set(slopes[:, 1].tolist()) == {0.0, 4.0}
    assert (slopes[:, 0] == -4).all()
    assert slopes[:, 1].mean() == pytest.approx(land.gradient(-4.0, 4.0)[1], rel=0.05)
    assert [walker.active(step) for step in range(50)] == (slopes[:50, 1] != 0).tolist()
    assert walker.value(-4.0, 4.0) == land.value(-4.0, 4.0)
    assert terrain("bowl").walker().active(3) is True


def test_after_the_cliff_adagrad_crawls():
    """The place the terrain was made for: with a rate that a fresh Adagrad walks well, the cliff ends the walk."""
    land = terrain("cliff")

    def walk(x, steps=300, lr=0.5):
        h = 0.0
        for _ in range(steps):
            g, _ = land.gradient(x, 0.0)
            h += g * g
            x -= lr * g / (h**0.5 + 1e-7)
        return x

    fresh, tired = walk(0.5), walk(-2.0)
    assert fresh > 8
    assert tired < 3


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: terrain("mud"), "bowl"),
        (lambda: terrain("bowl", angle=float("nan")), "angle"),
        (lambda: terrain("bowl").walker(noise=-1), "noise"),
        (lambda: terrain("bowl").walker(noise=float("inf")), "noise"),
        (lambda: terrain("bowl").walker(seed=-1), "seed"),
        (lambda: terrain("bowl").walker(noise=1).gradient(0, 0, -1), "step"),
    ],
)
def test_refuses(call, word):
    with pytest.raises(BadInput, match=word):
        call()
