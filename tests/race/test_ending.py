"""Walks whose end is known are told right, whatever the units, by the trail alone."""

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.optim import SGD, Adagrad, Adam, Momentum, RMSprop
from nukarumi.problems.terrains import terrain
from nukarumi.race import Ending, ending
from nukarumi.race.ending import signs
from nukarumi.trail import Recorder, Trail


def walk(name, optimizer, steps=1000, noise=0.0, capacity=256):
    land = terrain(name)
    walker, params = land.walker(noise=noise, seed=0), {"w": np.array(land.starts[0], float)}
    trail = Trail(capacity=capacity)
    recorder = Recorder(trail, optimizer)
    with np.errstate(all="ignore"):
        for step in range(steps):
            x, y = map(float, params["w"])
            recorder.update(params, {"w": np.array(walker.gradient(x, y, step=step))}, land.value(x, y))
    return trail


@pytest.mark.parametrize("capacity", [64, 2048])
@pytest.mark.parametrize(
    ("name", "optimizer", "options", "expected"),
    [
        ("bowl", lambda: Adagrad(lr=1.0), {}, Ending.ARRIVED),
        ("bowl", lambda: Adagrad(lr=1.0), {"noise": 0.5}, Ending.ARRIVED),
        ("bowl", lambda: SGD(lr=0.1), {}, Ending.ARRIVED),
        ("bowl", lambda: Momentum(lr=0.1), {}, Ending.ARRIVED),
        ("bowl", lambda: Adam(lr=0.1), {"steps": 5000}, Ending.ARRIVED),
        ("bowl", lambda: RMSprop(lr=0.1), {"steps": 5000}, Ending.ARRIVED),
        ("cliff", lambda: Adam(lr=0.1), {"steps": 5000}, Ending.ARRIVED),
        ("cliff", lambda: Adagrad(lr=0.1), {}, Ending.EXHAUSTED),
        ("cliff", lambda: Adagrad(lr=0.1), {"steps": 5000}, Ending.EXHAUSTED),
        ("cliff", lambda: Adagrad(lr=0.1), {"noise": 0.02}, Ending.EXHAUSTED),
        ("cliff", lambda: SGD(lr=0.001), {}, Ending.STILL_WALKING),
        ("cliff", lambda: Adam(lr=0.1), {"steps": 500}, Ending.STILL_WALKING),
        ("bowl", lambda: SGD(lr=1e-4), {}, Ending.STILL_WALKING),
        ("bowl", lambda: SGD(lr=1e-4), {"noise": 0.5}, Ending.STILL_WALKING),
        ("bowl", lambda: SGD(lr=1e-9), {}, Ending.STILL_WALKING),
        ("bowl", lambda: Adagrad(lr=0.01), {}, Ending.STILL_WALKING),
        ("bowl", lambda: SGD(lr=1.01), {}, Ending.DIVERGED),
        ("bowl", lambda: SGD(lr=3.0, on_nonfinite="ignore"), {}, Ending.DIVERGED),
    ],
)
def test_known_walks(name, optimizer, options, expected, capacity):
    trail = walk(name, optimizer(), capacity=capacity, **options)
    assert ending(trail) is expected, signs(trail)


def series(loss, gradient, step, cosine=None, **extra):
    trail = Trail({"w": (100,)}, capacity=4096)
    for row in range(len(loss)):
        reading = {"gradient_norm": gradient[row], "step_norm": step[row]} | extra
        if cosine is not None:
            reading["gradient_cosine"] = cosine[row]
        trail.append(row + 1, loss[row], {"w": reading})
    return trail


T = np.arange(200)
WALKS = {
    Ending.ARRIVED: (np.exp(-T / 5), np.exp(-T / 10), 0.1 * np.exp(-T / 10)),
    Ending.STILL_WALKING: (1 - T / 1000, np.ones(200), np.full(200, 0.01)),
    Ending.EXHAUSTED: (0.5 + np.exp(-T / 5), np.full(200, 0.7), 0.1 * np.exp(-T / 20)),
    Ending.DIVERGED: (np.exp(T / 20), np.exp(T / 20), np.exp(T / 20)),
}


@pytest.mark.parametrize("expected", WALKS)
@pytest.mark.parametrize("loss_unit", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("weight_unit", [1e-9, 1.0, 1e9])
def test_units_do_not_matter(expected, loss_unit, weight_unit):
    loss, gradient, step = WALKS[expected]
    trail = series(3 * loss_unit + loss * loss_unit, gradient * loss_unit / weight_unit, step * weight_unit)
    assert ending(trail) is expected, signs(trail)


def test_walk_without_a_known_loss_is_told_by_its_steps():
    _, gradient, step = WALKS[Ending.EXHAUSTED]
    assert ending(series(np.full(200, np.nan), gradient, step)) is Ending.EXHAUSTED


def test_noise_is_no_slope():
    rng = np.random.default_rng(0)
    loss, gradient, step = WALKS[Ending.EXHAUSTED]
    assert ending(series(loss, gradient, step, rng.normal(0, 0.1, 200))) is Ending.ARRIVED
    assert ending(series(loss, gradient, step, rng.normal(0.5, 0.1, 200))) is Ending.EXHAUSTED


@pytest.mark.parametrize("column", ["nonfinite_weights", "nonfinite_gradients"])
def test_nan_is_divergence(column):
    assert ending(series(*WALKS[Ending.ARRIVED], **{column: 1})) is Ending.DIVERGED
    loss = WALKS[Ending.ARRIVED][0].copy()
    loss[-1] = np.inf
    assert ending(series(loss, *WALKS[Ending.ARRIVED][1:])) is Ending.DIVERGED


def test_short_and_empty_walks():
    with pytest.raises(BadInput, match="at least one recorded step"):
        ending(Trail())
    assert ending(series([1.0], [1.0], [0.1])) is Ending.STILL_WALKING
    assert ending(series([1.0], [0.0], [0.0])) is Ending.ARRIVED
    assert ending(series([1.0, 0.9], [1.0, 0.9], [0.1, 0.1])) is Ending.STILL_WALKING


def test_endings_are_sentences():
    assert [how.word for how in Ending] == ["arrived", "still walking", "exhausted", "diverged"]
    assert all(": " in how.value for how in Ending)
