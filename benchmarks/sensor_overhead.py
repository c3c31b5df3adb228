"""What the sensor costs: a training step of a PyTorch MLP with a million parameters, with and without it.

Run it with ``python benchmarks/sensor_overhead.py``. The two trainings take turns, ten steps at a time, so that both
see the same machine; *overhead* is the median of the ratios of such neighbours. *hooks* is the share of the watched
training's time that passes inside the sensor's hooks: steadier on a busy machine, but blind to what happens to the
caches. With one thread (the default) the processor time of that thread is compared, with more the clock on the wall. On
Linux the C library is told to keep what it has once got from the system: otherwise it is a matter of luck which of the
two trainings gives its heap back and fetches it again at every step. It also prints the memory of a million watched
updates, and that the weights of both trainings are equal to the last bit.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import itertools
import statistics
import time
import tracemalloc

import numpy as np
import torch

from nukarumi import Adagrad
from nukarumi.sensor import watch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def network(seed: int) -> torch.nn.Sequential:
    """784 - 800 - 400 - 128 - 10: 1.0 million parameters."""
    torch.manual_seed(seed)
    sizes = (784, 800, 400, 128, 10)
    layers: list[torch.nn.Module] = []
    for a, b in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def clock() -> float:
    """Processor time with one thread, the clock on the wall with more."""
    return time.thread_time() if torch.get_num_threads() == 1 else time.perf_counter()


def keep_the_heap() -> None:
    """Ask glibc neither to give memory back nor to map large blocks one by one."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for option in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            library.mallopt(option, 1 << 28)


class Training:
    """One training on noise; two of the same seed are the same training."""

    def __init__(self, name: str, every: int | None, batch: int) -> None:
        self.model = network(0)
        self.optimizer = getattr(torch.optim, name)(self.model.parameters(), lr=0.001)
        self.sensor = None if every is None else watch(self.optimizer, every=every, names=self.model)
        self.hooks = 0.0
        if self.sensor is not None:
            self._time_the_hooks()
        self.random = torch.Generator().manual_seed(1)
        self.batch = batch

    def _time_the_hooks(self) -> None:
        for hook in self.sensor._hooks:
            hook.remove()
        registers = self.optimizer.register_step_pre_hook, self.optimizer.register_step_post_hook
        for register, hook in zip(registers, (self.sensor._pre, self.sensor._post), strict=True):

            def timed(*given: object, hook=hook) -> None:
                begin = clock()
                hook(*given)
                self.hooks += clock() - begin

            register(timed)

    def steps(self, count: int) -> float:
        """Do some steps; give the seconds."""
        begin = clock()
        for _ in range(count):
            x = torch.randn(self.batch, 784, generator=self.random)
            y = torch.randint(0, 10, (self.batch,), generator=self.random)
            loss = torch.nn.functional.cross_entropy(self.model(x), y)
            self.optimizer.zero_grad()
            loss.backward()
            if self.sensor is not None:
                self.sensor.loss = loss
            self.optimizer.step()
        return clock() - begin


def overhead(name: str, every: int, batch: int, rounds: int) -> tuple[float, float, float, bool]:
    """Overhead and share of the hooks in percent, a step in milliseconds, and whether the weights are the same."""
    plain, watched = Training(name, None, batch), Training(name, every, batch)
    ratios, times, inside = [], [], []
    for turn in range(rounds + 2):
        order = (plain, watched) if turn % 2 else (watched, plain)
        watched.hooks = 0.0
        took = {training: training.steps(max(every, 10)) for training in order}
        if turn >= 2:  # the first two warm up
            ratios.append(took[watched] / took[plain])
            inside.append(watched.hooks / (took[watched] - watched.hooks))
            times.append(took[plain] / max(every, 10))
    pairs = zip(plain.model.parameters(), watched.model.parameters(), strict=True)
    same = all(torch.equal(a, b) for a, b in pairs)
    percents = 100 * (statistics.median(ratios) - 1), 100 * statistics.median(inside)
    return *percents, 1000 * statistics.median(times), same


def memory(updates: int) -> tuple[float, int]:
    """Megabytes at their peak, and rows, of a million watched updates of six arrays."""
    shapes = {"W1": (20, 10), "b1": (10,), "W2": (10, 10), "b2": (10,), "W3": (10, 2), "b3": (2,)}
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    grads = {name: np.full(shape, 1e-3) for name, shape in shapes.items()}
    tracemalloc.start()
    optimizer = Adagrad(lr=0.1)
    sensor = watch(optimizer, every=1, keep=16)
    for _ in range(updates):
        optimizer.update(params, grads)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return peak, len(sensor.trail)


def main() -> None:
    """Print it all."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=40)
    asked.add_argument("--threads", type=int, default=1)
    asked.add_argument("--updates", type=int, default=1_000_000)
    chosen = asked.parse_args()
    torch.set_num_threads(chosen.threads)
    keep_the_heap()
    count = sum(p.numel() for p in network(0).parameters())
    print(f"MLP with {count:,} parameters, {torch.get_num_threads()} threads, PyTorch {torch.__version__}")
    print(f"{'optimizer':10} {'batch':>5} {'every':>5} {'ms a step':>10} {'overhead':>9} {'hooks':>7}  same weights")
    for name in ("Adagrad", "Adam", "SGD"):
        for batch in (32, 128, 512):
            percent, hooks, ms, same = overhead(name, 10, batch, chosen.rounds)
            print(f"{name:10} {batch:5} {10:5} {ms:10.2f} {percent:+8.2f}% {hooks:6.2f}%  {same}")
    peak, rows = memory(chosen.updates)
    print(f"{chosen.updates:,} watched updates of 6 arrays, every=1, keep=16: {peak:.1f} MB at the peak, {rows} rows")


if __name__ == "__main__":
    main()
