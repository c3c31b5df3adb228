"""A recorder sees the way really gone, costs nothing on other steps, and changes no bit of the training."""

import numpy as np
import pytest

from nukarumi.optim import SGD, Adagrad, Rows
from nukarumi.trail import QUANTILES, Recorder, Trail


class Fake:
    """Adagrad's arithmetic, so that the trail's tests need nothing above the trail."""

    state_names = ("h",)

    def __init__(self):
        self.h, self.t = None, 0

    def update(self, params, grads):
        if any(np.shape(params[name]) != np.shape(grads[name]) for name in params):
            raise ValueError("shapes differ")
        if self.h is None:
            self.h = {}
        self.t += 1
        for name in params:
            self.h.setdefault(name, np.zeros_like(grads[name]))
            self.h[name] += grads[name] * grads[name]
            params[name] -= 0.1 * grads[name] / (np.sqrt(self.h[name]) + 1e-7)

    def effective_lr(self, name):
        return 0.1 / (np.sqrt(self.h[name]) + 1e-7)


def walk(steps, recorder=None, optimizer=None):
    rng = np.random.default_rng(3)
    params = {"W": rng.normal(size=(40, 50)).astype(np.float32), "b": np.ones(3)}
    optimizer = optimizer or recorder.optimizer
    for _ in range(steps):
        grads = {"W": rng.normal(size=(40, 50)).astype(np.float32), "b": params["b"].copy()}
        if recorder:
            recorder.update(params, grads, loss=1.0)
        else:
            optimizer.update(params, grads)
    return params


@pytest.mark.parametrize("every", [1, 3])
def test_watched_training_is_bit_identical(every):
    watched = walk(20, Recorder(Trail(every=every, capacity=6), Fake()))
    alone = walk(20, optimizer=Fake())
    for name in alone:
        assert watched[name].tobytes() == alone[name].tobytes()


def test_row_holds_the_truth():
    trail, optimizer = Trail(), Fake()
    recorder = Recorder(trail, optimizer)
    params, grads = {"w": np.array([1.0, -1.0])}, {"w": np.array([3.0, 4.0])}
    recorder.update(params, grads, loss=2.5)
    recorder.update(params, {"w": np.array([-6.0, -8.0])}, loss=2.0)
    assert trail.states == ("h",)
    assert trail.loss.tolist() == [2.5, 2.0]
    assert trail.column("w", "gradient_norm").tolist() == [5.0, 10.0]
    assert trail.column("w", "gradient_cosine")[1] == pytest.approx(-1.0)
    assert trail.column("w", "step_norm")[0] == pytest.approx(0.1 * np.sqrt(2))
    assert trail.column("w", "state/h")[0, [0, -1]].tolist() == [9.0, 16.0]
    assert trail.column("w", "value/h")[1].tolist() == [45.0, 80.0]
    assert trail.column("w", "effective_lr")[0, -1] == pytest.approx(0.1 / 3)
    assert trail.column("w", "value/w")[1].tolist() == params["w"].tolist()


def test_only_due_steps_are_looked_at():
    trail = Trail(every=4)
    recorder = Recorder(trail, Fake())
    walk(10, recorder)
    assert trail.steps.tolist() == [1, 5, 9]
    assert not recorder.due
    recorder.update({"late": np.ones(2)}, {"late": np.ones(2)}, record=True)
    assert trail.steps.tolist() == [1, 5, 9, 11]
    assert trail.arrays["late"] == (2,)


def test_long_walk_stays_within_capacity():
    trail = Trail(capacity=8)
    walk(100, Recorder(trail, Fake()))
    assert trail.every == 16
    assert trail.steps.tolist() == list(range(1, 101, 16))


def test_floats_that_are_rebound():
    class Rebind(Fake):
        def update(self, params, grads):
            self.t += 1
            params["x"] = params["x"] - 0.5 * grads["x"]

        def effective_lr(self, name):
            return 0.5

    trail, params = Trail(), {"x": 4.0}
    Recorder(trail, Rebind()).update(params, {"x": 2.0})
    assert params == {"x": 3.0}
    assert trail.column("x", "step_norm").tolist() == [1.0]


def test_refused_update_leaves_no_row_and_does_not_count():
    trail = Trail()
    recorder = Recorder(trail, Fake())
    with pytest.raises(ValueError, match="shapes differ"):
        recorder.update({"w": np.ones(2)}, {"w": np.ones(3)})
    assert len(trail) == 0
    recorder.update({"w": np.ones(2)}, {"w": np.ones(2)})
    assert trail.steps.tolist() == [1]


def test_resumed_optimizer_goes_on_counting():
    optimizer, trail = Fake(), Trail()
    walk(7, optimizer=optimizer)
    walk(1, Recorder(trail, optimizer))
    assert trail.steps.tolist() == [8]


@pytest.mark.parametrize("policy", ["skip", "skip_update"])
@pytest.mark.parametrize("make", [SGD, Adagrad])
def test_an_array_that_is_left_out_has_a_row_without_a_rate(make, policy):
    """The row says that it stood still; from the first step on, whether or not the optimizer knows it by then."""
    trail, params = Trail(), {"W": np.ones(3), "b": np.ones(2)}
    recorder = Recorder(trail, make(on_nonfinite=policy))
    for value in (np.nan, 1.0, np.inf, 1.0):
        recorder.update(params, {"W": np.ones(3), "b": np.array([1.0, value])}, loss=1.0)
    assert trail.steps.tolist() == [1, 2, 3, 4]
    assert (trail.column("b", "step_norm") > 0).tolist() == [False, True, False, True]
    assert (trail.column("W", "step_norm") > 0).tolist() == [policy == "skip", True, policy == "skip", True]
    assert trail.column("b", "nonfinite_gradients").tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize("every", [1, 2])
def test_a_gradient_by_rows_is_measured_on_the_rows_it_touches(every):
    ends = []
    for watched in (False, True):
        rng = np.random.default_rng(0)
        params = {"words": rng.normal(size=(300, 4)), "b": np.ones(3)}
        optimizer, trail, past = Adagrad(lr=0.1), Trail(every=every), None
        recorder = Recorder(trail, optimizer)
        for step in range(1, 6):
            indices, values = rng.integers(0, 40, 30), rng.normal(size=(30, 4))
            grads = {"words": Rows(indices, values), "b": params["b"] * 0.1}
            before = params["words"].copy()
            (recorder if watched else optimizer).update(params, grads)
            dense, rows = np.zeros((300, 4)), np.unique(indices)
            np.add.at(dense, indices, values)
            if watched and (step - 1) % every == 0:
                last = {name: trail.column("words", name)[-1] for name in trail.columns("words")}
                assert last["gradient_norm"] == pytest.approx(np.linalg.norm(dense))
                assert last["step_norm"] == pytest.approx(np.linalg.norm(params["words"] - before))
                assert last["weight_norm"] == pytest.approx(np.linalg.norm(params["words"][rows]))
                h = optimizer.h["words"][rows]
                assert last["state/h"].tolist() == pytest.approx(np.quantile(h, QUANTILES).tolist())
                rate = optimizer.effective_lr("words")[rows]
                assert last["effective_lr"].tolist() == pytest.approx(np.quantile(rate, QUANTILES).tolist())
                if past is not None:
                    cosine = np.vdot(dense, past) / np.linalg.norm(dense) / np.linalg.norm(past)
                    assert last["gradient_cosine"] == pytest.approx(cosine)
            past = dense
        ends.append((params["words"].tobytes(), params["b"].tobytes()))
        assert len(trail) == (len(range(0, 5, every)) if watched else 0)
    assert ends[0] == ends[1]
