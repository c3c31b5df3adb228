"""Keras on two back ends, and optax, each in its own process: readings against raw tensors, and the weights."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def answers(program, **more):
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1", **more}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / program)], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras(backend):
    for library in ("keras", backend):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
    found = answers("keras_program.py", KERAS_BACKEND=backend)
    assert "LossScaleOptimizer around them too: SGD, Adagrad" in found.pop("refused")
    check_fits(found.pop("fits"), 2)
    check_gathered(found.pop("gathered"), found.pop("by hand"))
    assert len(found) >= 11
    for case, answer in found.items():
        assert answer["farthest"] < 1e-6, (case, answer)
    check_fits({case: answer for case, answer in found.items() if "drift" in answer}, 5)


def check_fits(fits, many):
    """A ``fit`` with a sensor ends in the same weights as one without, to the last bit."""
    assert len(fits) == many
    for case, answer in fits.items():
        assert answer["drift"] == 0.0, (case, answer)
        assert answer["steps"] == [1, 4, 7], case
        assert answer["losses_known"], case
        assert answer["cosines_known"], case
        assert answer["failed"] == "None", case


def check_gathered(direct, by_hand):
    """Gathered and scaled gradients: readings are of updates, not of calls, and of the gradient that moves."""
    updates = {case: answer["steps"] for case, answer in direct.items()}
    assert updates == {
        "from the start": [1, 3],
        "in between": [2, 3],
        "scaled": [1, 3, 5, 7, 9],
        "wrapped": [1, 3, 5, 7],
    }
    for case, answer in direct.items():
        assert answer["farthest"] < 1e-6, (case, answer)
        assert answer["left"] == [], case
    fits = {case: (answer["updates"], answer["steps"]) for case, answer in by_hand.items()}
    assert fits == {
        "gathered": (4, [1, 2, 3, 4]),
        "scaled": (12, [1, 3, 5, 7, 9, 11]),
        "wrapped": (5, [1, 3, 5]),
    }
    for case, answer in by_hand.items():
        farthest = answer["farthest"]
        assert farthest.pop("step") < 5e-6, (case, farthest)  # of weights that are rounded to float32
        assert max(farthest.values()) < 1e-6, (case, farthest)
        assert answer["losses_known"], case
    for answer in (*direct.values(), *by_hand.values()):
        assert answer["drift"] == 0.0
        assert answer["cosines_known"]
        assert answer["failed"] == "None"


def test_optax_under_jit():
    if importlib.util.find_spec("optax") is None:
        pytest.skip("optax is not installed")
    found = answers("optax_program.py")
    refused = found.pop("refused")
    received = {
        "lion": "scale_by_lion",
        "inner": "scale_by_lion",
        "threshold": "scale_by_radam with threshold=4.0",
        "nesterov": "scale_by_radam with nesterov=True",
        "uncorrected": "scale_by_amsgrad with bias_correction_nu=False",
    }
    assert set(refused) == set(received)
    for name, what in received.items():
        assert f"Received: {what}" in refused[name]
    bits = found.pop("bits")
    assert len(bits) == 12
    assert all(bits.values()), bits
    walks = found.pop("walks")
    assert len(walks) == 8
    assert all(distance < 1e-11 for distance in walks.values()), walks
    check_by_leaf(found.pop("by leaf"))
    gathered = found.pop("gathered")
    assert gathered.pop("farthest") < 1e-6
    assert gathered == {"same": True, "steps": [1, 3, 5], "cosines_known": True, "failed": "None"}
    assert len(found) == 23
    called = {case: found[case]["optimizer"] for case in ("injected", "injected eps_root", "radam eps_root", "rmsprop")}
    assert called == {
        "injected": "Adam",
        "injected eps_root": "AdamEpsRoot",
        "radam eps_root": "RAdamEpsRoot",
        "rmsprop": "RMSprop",
    }
    for case, answer in found.items():
        assert answer["farthest"] < 1e-6, (case, answer)
        assert answer["steps"] == [1, 4, 7], case
        assert answer["losses_known"], case
        assert answer["cosines_known"], case
        assert answer["failed"] == "None", case
        assert answer["same"], case


def check_by_leaf(found):
    """`masked` and `multi_transform`: every leaf is read by what moves it."""
    for case, answer in found.items():
        assert answer["farthest"] < 1e-6, (case, answer)
        assert answer["steps"] == [1, 4, 7], case
        assert answer["failed"] == "None", case
        assert answer["same"], case
        assert answer["states"] == ["m", "v"], case
        assert answer["optimizer"] == "Adam", case
        assert answer["with_v"] == ["w"], case
    assert found["multi_transform"]["unmoved"] == {"w": 0.0, "b": 1.0}
    assert found["masked"]["unmoved"] == found["two rules"]["unmoved"] == {"w": 0.0, "b": 0.0}
