"""Does the sensor tell what is wrong? Trainings with a planted cause, and healthy ones, as a confusion table.

Run it with ``python benchmarks/sensor_confusion.py``. Each cause is planted in several trainings that differ in seed,
size and optimizer; the healthy ones are 50. A row of the table is what was planted, a column what was found; a training
may show more than one thing. It ends with an error if a planted cause is missed, or if a healthy training raises an
alarm.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nukarumi import SGD, Adadelta, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop
from nukarumi.optim.base import Optimizer
from nukarumi.problems.terrains import terrain
from nukarumi.sensor import Finding, Kind, diagnose, watch
from nukarumi.trail import Trail

Params = dict[str, Any]
Slope = Callable[[Params, int], tuple[float, Params]]


def follow(optimizer: Optimizer, params: Params, slope: Slope, steps: int, every: int = 1) -> Trail:
    """Train, watched."""
    sensor = watch(optimizer, every=every)
    with np.errstate(all="ignore"):
        for step in range(steps):
            loss, grads = slope(params, step)
            sensor.loss = loss
            optimizer.update(params, grads)
    trail: Trail = sensor.trail
    return trail


def regression(seed: int, width: int = 12, noise: float = 0.1, batch: int = 32, dead: int = 0) -> tuple[Params, Slope]:
    """A network of one hidden layer learns a smooth function from batches; some hidden units may never fire."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=8)
    params = {
        "W1": rng.normal(0, 0.5, (8, width)),
        "b1": np.zeros(width),
        "W2": rng.normal(0, 0.5, (width, 1)),
        "b2": np.zeros(1),
    }
    params["b1"][:dead] = -1e3

    def slope(now: Params, step: int) -> tuple[float, Params]:
        draw = np.random.default_rng((seed, step))
        x = draw.normal(size=(batch, 8))
        y = np.tanh(x @ true)[:, None] + noise * draw.normal(size=(batch, 1))
        raw = x @ now["W1"] + now["b1"]
        z = np.maximum(raw, 0)
        error = (z @ now["W2"] + now["b2"] - y) / batch
        back = (error @ now["W2"].T) * (raw > 0)
        grads = {"W1": x.T @ back, "b1": back.sum(0), "W2": z.T @ error, "b2": error.sum(0)}
        return float(batch * np.sum(error * error) / 2), grads

    return params, slope


def bowl(curvature: list[float], start: float = 1.0, noise: float = 0.0, seed: int = 0) -> tuple[Params, Slope]:
    """A quadratic valley along the axes."""
    steep, rng = np.array(curvature), np.random.default_rng(seed)

    def slope(now: Params, step: int) -> tuple[float, Params]:
        gradient = steep * now["w"] + noise * rng.normal(size=len(steep))
        return float(np.sum(steep * now["w"] ** 2) / 2), {"w": gradient}

    return {"w": np.full(len(curvature), start)}, slope


def cliff(noise: float, seed: int) -> tuple[Params, Slope]:
    """The terrain whose cliff tires Adagrad before its long gentle valley."""
    land = terrain("cliff")
    walker = land.walker(noise=noise, seed=seed)

    def slope(now: Params, step: int) -> tuple[float, Params]:
        x, y = map(float, now["w"])
        return land.value(x, y), {"w": np.array(walker.gradient(x, y, step=step))}

    return {"w": np.array(land.starts[0], float)}, slope


def constant(size: int, strength: float, seed: int) -> tuple[Params, Slope]:
    """A long even slope, seen through noise."""
    rng = np.random.default_rng(seed)
    direction = strength * rng.normal(size=(size, 4))

    def slope(now: Params, step: int) -> tuple[float, Params]:
        noise = 0.3 * strength * rng.normal(size=(size, 4))
        return 10.0 + float(np.sum(direction * now["W"])), {"W": direction + noise}

    return {"W": rng.normal(size=(size, 4))}, slope


def scaled(inner: tuple[Params, Slope], factors: Callable[[int], float]) -> tuple[Params, Slope]:
    """The same problem with gradients multiplied at each step."""
    params, slope = inner

    def other(now: Params, step: int) -> tuple[float, Params]:
        loss, grads = slope(now, step)
        return loss, {name: factors(step) * gradient for name, gradient in grads.items()}

    return params, other


def single(inner: tuple[Params, Slope]) -> tuple[Params, Slope]:
    """The same problem in float32."""
    params, slope = inner
    return {name: value.astype(np.float32) for name, value in params.items()}, slope


def underflow(seed: int) -> Trail:
    """Adam of PyTorch on float16 weights: its eps of 1e-8 is 0 there."""
    import torch  # noqa: PLC0415

    torch.manual_seed(seed)
    weight = torch.nn.Parameter(torch.randn(20, 5).half())
    optimizer = torch.optim.Adam([weight], lr=1e-3)
    sensor = watch(optimizer, every=1)
    for _ in range(10):
        weight.grad = 1e-5 * torch.randn(20, 5).half()
        weight.grad[0] = 0
        optimizer.step()
    trail: Trail = sensor.trail
    return trail


def planted(count: int) -> Iterator[tuple[Kind, str, Callable[[], Trail]]]:
    """Every planted cause, in ``count`` varieties."""
    for k in range(count):
        lr = 0.3 + 0.1 * (k % 5)
        yield Kind.ARRIVED, "quadratic", lambda lr=lr: follow(SGD(lr), *bowl([1.0, 0.7]), 200)
        yield (
            Kind.ARRIVED,
            "with noise",
            lambda k=k, lr=lr: follow(Adagrad(lr), *bowl([1.0, 0.5, 0.2], noise=0.2, seed=k), 2000, 5),
        )
        yield Kind.EXHAUSTED, "cliff", lambda k=k: follow(Adagrad(0.1), *cliff(0.005 * (k % 4), k), 1000 + 300 * k, 2)
        yield (
            Kind.NEVER_STARTED,
            "initial accumulator",
            lambda k=k: follow(Adagrad(0.001, initial_accumulator=0.1), *scaled(regression(k), lambda _: 1e-3), 300, 3),
        )
        yield Kind.NEVER_STARTED, "eps", lambda k=k: follow(Adam(0.001, eps=1.0), *constant(10 + k, 1e-3, k), 300, 3)
        yield Kind.UNDERFLOW, "float16", lambda k=k: underflow(k)
        yield (
            Kind.EXPLODING,
            "lr too high",
            lambda k=k: follow(SGD(2.2 + 0.2 * k, on_nonfinite="ignore"), *bowl([1.0, 0.5]), 60),
        )
        yield Kind.EXPLODING, "network", lambda k=k: follow(SGD(40.0, on_nonfinite="ignore"), *regression(k), 100)
        yield (
            Kind.DEAD_FEATURES,
            "dead units",
            lambda k=k: follow(Adam(0.01), *regression(k, width=12, dead=4 + k % 6), 300, 3),
        )
        yield Kind.OSCILLATING, "narrow valley", lambda k=k: follow(SGD(1.9995), *bowl([1.0, 0.002 + 0.001 * k]), 300)
        yield (
            Kind.SATURATED,
            "spike",
            lambda k=k: follow(
                Adagrad(0.5), *single(scaled(constant(10, 1.0, k), lambda step: 1e5 if step == 0 else 1.0)), 300, 3
            ),
        )
        yield (
            Kind.OUT_OF_STEP,
            "one slow layer",
            lambda k=k: follow(Adam(0.003, overrides={"W2": {"lr": 3e-8}}), *regression(k), 300, 3),
        )
        yield (
            Kind.FROZEN,
            "infinite h",
            lambda k=k: follow(
                Adagrad(0.1), *single(scaled(regression(k), lambda step: 1e25 if step == 5 else 1.0)), 200, 2
            ),
        )


HEALTHY: tuple[Callable[[], Optimizer], ...] = (
    lambda: SGD(0.05),
    lambda: Momentum(0.01),
    lambda: Nesterov(0.01),
    lambda: Adagrad(0.05),
    lambda: Adagrad.like("torch", lr=0.1),
    lambda: RMSprop(0.003),
    lambda: Adadelta(1.0),
    lambda: Adam(0.003),
    lambda: Adam.like("torch", lr=0.01),
    lambda: AdamW(0.003),
)


def healthy(count: int) -> Iterator[tuple[str, Callable[[], Trail]]]:
    """Trainings that nothing is wrong with."""
    for k in range(count):
        make = HEALTHY[k % len(HEALTHY)]
        problem = regression(100 + k, width=8 + k % 9, noise=0.05 * (1 + k % 4), batch=16 << (k % 3))
        steps = (150, 400, 1200)[k % 3]
        yield (
            f"{type(make()).__name__}, {steps} steps",
            lambda make=make, problem=problem, steps=steps, k=k: follow(make(), *problem, steps, 1 + k % 5),
        )


def main() -> int:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--varieties", type=int, default=8)
    asked.add_argument("--healthy", type=int, default=50)
    chosen = asked.parse_args()
    table: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    for kind, name, train in planted(chosen.varieties):
        found = diagnose(train())
        _count(table, f"{kind.key}: {name}", found)
        if kind not in [finding.kind for finding in found]:
            wrong.append(f"{kind.key} ({name}) was missed: {[finding.kind.key for finding in found]}")
    for name, train in healthy(chosen.healthy):
        found = diagnose(train())
        _count(table, "healthy", found)
        wrong += [f"healthy {name} raised {finding.text()}" for finding in found if finding.alarm]
    keys = [kind.key for kind in Kind]
    print(f"{'planted':34}{'runs':>5}  " + " ".join(f"{key[:9]:>9}" for key in keys) + "   nothing")
    for row, counts in table.items():
        cells = " ".join(f"{counts[key] or '.':>9}" for key in keys)
        print(f"{row:34}{counts['runs']:5}  {cells} {counts['nothing'] or '.':>9}")
    for line in wrong:
        print(line)
    print("all planted causes found, no false alarm" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


def _count(table: dict[str, Counter[str]], row: str, found: list[Finding]) -> None:
    counts = table.setdefault(row, Counter())
    counts["runs"] += 1
    counts.update([finding.kind.key for finding in found] or ["nothing"])


if __name__ == "__main__":
    sys.exit(main())
