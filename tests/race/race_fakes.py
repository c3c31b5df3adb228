"""A tiny problem and tiny optimizers, importable by worker processes; some of them misbehave on purpose."""

import hashlib
import os
import signal
import time
from pathlib import Path

import numpy as np

from nukarumi import rules
from nukarumi.problems import Score

SEEN = []
"""What every run of this process started from and was given: (seed, epoch, digest)."""


class Toy:
    """Least squares with two features; a run takes about a millisecond."""

    name, batches_per_epoch, default_epochs, default_seeds, target_loss = "toy", 5, 2, 2, 0.05

    def __init__(self, *, pause=0.0, size=8):
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(5 * size, 2))
        self.y = self.x @ [1.0, -2.0] + 0.1 * rng.normal(size=5 * size)
        self.pause, self.size = pause, size

    def describe(self):
        return {"rows": 5 * self.size}

    def params(self, seed):
        params = {"w": np.random.default_rng(seed).normal(size=2)}
        SEEN.append((seed, -1, hashlib.sha256(params["w"].tobytes()).hexdigest()))
        return params

    def batches(self, seed, epoch):
        order = np.random.default_rng([seed, epoch]).permutation(len(self.y))
        SEEN.append((seed, epoch, hashlib.sha256(order.tobytes()).hexdigest()))
        yield from order.reshape(5, self.size)

    def loss_and_grads(self, params, batch):
        time.sleep(self.pause)
        wrong = self.x[batch] @ params["w"] - self.y[batch]
        return float((wrong @ wrong) / len(wrong)), {"w": 2 * self.x[batch].T @ wrong / len(wrong)}

    def score(self, params, split):
        half = slice(None, None, 2) if split == "validation" else slice(1, None, 2)
        wrong = self.x[half] @ params["w"] - self.y[half]
        return Score(float(wrong @ wrong) / len(wrong), float(np.mean(np.abs(wrong) > 0.3)))


class Sgd:
    """The rule, without anything around it."""

    state_names = ()

    def __init__(self, lr=0.1):
        self.lr, self.t = lr, 0

    def update(self, params, grads):
        self.t += 1
        for name in params:
            params[name][...] = rules.sgd(params[name], grads[name], self.lr)

    def effective_lr(self, name):
        return np.full(2, self.lr)


class Ada(Sgd):
    """Adagrad's rule, without anything around it."""

    state_names = ("h",)

    def __init__(self, lr=0.1):
        super().__init__(lr)
        self.h = {}

    def update(self, params, grads):
        self.t += 1
        for name in params:
            h = self.h.get(name, np.zeros_like(params[name]))
            params[name][...], self.h[name] = rules.adagrad(params[name], grads[name], h, self.lr, 1e-7)

    def effective_lr(self, name):
        return self.lr / (np.sqrt(self.h[name]) + 1e-7)


class Misbehaving(Sgd):
    """Does something bad at its first update: once, or always; ``flag`` is the file that remembers."""

    def __init__(self, lr=0.1, flag="", how="raise", always=False):
        super().__init__(lr)
        self.settings = {"lr": lr, "flag": flag, "how": how, "always": always}

    def update(self, params, grads):
        flag = Path(self.settings["flag"])
        if self.settings["always"] or not flag.exists():
            flag.touch()
            if self.settings["how"] == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ZeroDivisionError("on purpose")
        super().update(params, grads)


def double(number):
    """For engines on their own."""
    return 2 * number


def threads(_):
    """How many threads a worker is told to use."""
    return os.environ["OPENBLAS_NUM_THREADS"], os.environ["NUKARUMI_NUM_THREADS"]


def die_at_three(number):
    """Kill the worker that gets a 3."""
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.05)
    return number
