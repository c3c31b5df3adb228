"""Does the sensor tell what is wrong? Trainings with a planted cause, and healthy ones, as a confusion table.

Run it with ``python benchmarks/sensor_confusion.py``. Each cause is planted in several trainings that differ in seed,
size and optimizer; the healthy ones are 50 and, beside them, eight of each kind that might be taken for something else
(a warm-up, steps that a schedule takes away, batches of one, an adversary, ...). A row of the table is what was
planted, a column what was found; a training may show more than one thing. It ends with an error if a planted cause is
missed, or if a healthy training raises an alarm.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from nukarumi import SGD, Adadelta, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop, Rows
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


def negative(seed: int) -> Trail:
    """A learning rate of the wrong sign, which PyTorch takes from a schedule of one's own."""
    import torch  # noqa: PLC0415

    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1))
    optimizer = (torch.optim.SGD, torch.optim.Adam)[seed % 2](model.parameters(), lr=1e-3)
    optimizer.param_groups[0]["lr"] = -1e-3
    sensor = watch(optimizer, every=1 + seed % 3)
    true = torch.randn(4, 1)
    for _ in range(60):
        x = torch.randn(32, 4)
        loss = torch.nn.functional.mse_loss(model(x), x @ true)
        optimizer.zero_grad()
        loss.backward()
        sensor.loss = loss
        optimizer.step()
    trail: Trail = sensor.trail
    return trail


def left_out(seed: int) -> Trail:
    """A leaf that optax's mask leaves out: its raw gradient is added to it."""
    import jax.numpy as jnp  # noqa: PLC0415
    import optax  # noqa: PLC0415

    inner = (optax.sgd, optax.adam, optax.adagrad)[seed % 3](0.05)
    sensor = watch(optax.masked(inner, {"a": True, "b": False}), every=1)
    tx, rng = sensor.optimizer, np.random.default_rng(seed)
    params = {"a": jnp.asarray(rng.normal(size=(3, 2))), "b": jnp.asarray(0.01 * rng.normal(size=3))}
    state = tx.init(params)
    for _ in range(12 + seed):
        grads = {"a": params["a"], "b": 0.3 * params["b"]}
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
    sensor.detach()
    trail: Trail = sensor.trail
    return trail


def table(seed: int) -> tuple[Params, Slope]:
    """Clicks on words, some of them rare, by a table whose gradient comes in rows."""
    size, width, batch = 200, 4, 32
    rng = np.random.default_rng(seed)
    often = np.arange(1, size + 1) ** -0.7
    true = rng.normal(size=size)
    params = {"E": rng.normal(size=(size, width)), "w": rng.normal(size=width), "b": np.zeros(1)}

    def slope(now: Params, step: int) -> tuple[float, Params]:
        draw = np.random.default_rng((seed, step))
        words = draw.choice(size, (batch, 6), p=often / often.sum())
        y = np.where(true[words].mean(1) > 0, 1.0, 0.0)
        bag = now["E"][words].mean(1)
        p = 1 / (1 + np.exp(-(bag @ now["w"] + now["b"])))
        error = (p - y) / batch
        values = np.repeat(error[:, None] * now["w"] / 6, 6, axis=0)
        grads = {"E": Rows(words.ravel(), values), "w": bag.T @ error, "b": error.sum(keepdims=True)}
        return float(-np.mean(np.log(np.where(y > 0, p, 1 - p) + 1e-12))), grads

    return params, slope


TIMID: tuple[Callable[[float], Optimizer], ...] = (
    lambda far: SGD(1e-5 * far),
    lambda far: Momentum(1e-6 * far),
    lambda far: Adagrad(1e-5 * far),
    lambda far: Adam(3e-6 * far),
    lambda far: RMSprop(1e-6 * far),
    lambda far: AdamW.like("torch", lr=3e-6 * far),
    lambda far: Adagrad.like("torch", lr=3e-5 * far),
    lambda far: Nesterov(1e-6 * far),
)
"""Optimizers whose learning rate is a thousandth of what would do."""


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
            Kind.TOO_TIMID,
            "quadratic",
            lambda k=k: follow(
                TIMID[k % len(TIMID)](3), *bowl([1.0, 0.3, 0.05], noise=0.1 * (k % 4), seed=k), 500, 1 + k % 5
            ),
        )
        yield (
            Kind.TOO_TIMID,
            "network",
            lambda k=k: follow(
                TIMID[k % len(TIMID)](1), *regression(k, width=8 + k, batch=16 << k % 3), 400, 1 + k % 5
            ),
        )
        yield (
            Kind.TOO_TIMID,
            "embeddings",
            lambda k=k: follow((Adagrad, SGD, Adam)[k % 3]((1e-4, 3e-3, 1e-5)[k % 3]), *table(k), 600, 1 + k % 3),
        )
        yield Kind.UPHILL, "negative lr", lambda k=k: negative(k)
        yield Kind.UPHILL, "masked leaf", lambda k=k: left_out(k)
        yield (
            Kind.DEAD_FEATURES,
            "killed by a jump",
            lambda k=k: follow(SGD(0.05), *jumping(k), 300, 1 + k % 3),
        )
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


def jumping(seed: int) -> tuple[Params, Slope]:
    """Early on one batch throws the network so far that no unit fires any more; the last bias learns on."""
    params, slope = regression(seed)

    def other(now: Params, step: int) -> tuple[float, Params]:
        loss, grads = slope(now, step)
        return loss, {**grads, "b1": np.full_like(grads["b1"], 1e4)} if step == 5 else grads

    return params, other


def dropped(seed: int) -> tuple[Params, Slope]:
    """A network with dropout: half of the hidden units are out in each step."""
    params, slope = regression(seed, width=24)

    def other(now: Params, step: int) -> tuple[float, Params]:
        keep = 2.0 * (np.random.default_rng((seed, step, 1)).random(24) < 0.5)
        loss, grads = slope({**now, "W2": now["W2"] * keep[:, None]}, step)
        return loss, {**grads, "W2": grads["W2"] * keep[:, None]}

    return params, other


def tuned(seed: int, noise: float) -> tuple[Params, Slope]:
    """What goes on from a training that had already found its way."""
    params, slope = regression(seed, noise=noise)
    before = Adam(0.005)
    for step in range(1500):
        before.update(params, slope(params, step)[1])
    return params, lambda now, step: slope(now, step + 1500)


def game(seed: int) -> tuple[Params, Slope]:
    """A generator and its adversary, who learns too, so that the generator's loss may rise."""
    rng = np.random.default_rng(seed)
    other = Adam(0.02)
    critic = {"a": 0.1 * rng.normal(size=4)}
    params = {"w": rng.normal(size=4)}

    def slope(now: Params, step: int) -> tuple[float, Params]:
        draw = np.random.default_rng((seed, step))
        real, made = 2.0 + draw.normal(size=(64, 4)), now["w"] + draw.normal(size=(64, 4))
        true, fake = (1 / (1 + np.exp(-(x - 1.0) @ critic["a"])) for x in (real, made))
        gradient = -np.mean(1 - fake) * critic["a"]
        loss = float(-np.mean(np.log(fake + 1e-12)))
        up = made.T @ fake / 64 - real.T @ (1 - true) / 64 - np.mean(fake) + np.mean(1 - true) + 0.05 * critic["a"]
        other.update(critic, {"a": up})
        return loss, {"w": gradient}

    return params, slope


def classes(seed: int) -> tuple[Params, Slope]:
    """Softmax regression whose weights start at 0."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(5, 8))

    def slope(now: Params, step: int) -> tuple[float, Params]:
        draw = np.random.default_rng((seed, step))
        label = draw.integers(0, 5, 32)
        x = centres[label] + draw.normal(size=(32, 8))
        logits = x @ now["W"] + now["b"]
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        loss = float(-np.mean(np.log(p[np.arange(32), label])))
        p[np.arange(32), label] -= 1
        return loss, {"W": x.T @ p / 32, "b": p.mean(0)}

    return {"W": np.zeros((8, 5)), "b": np.zeros(5)}, slope


def special(count: int) -> Iterator[tuple[str, Callable[[], Trail]]]:
    """Healthy trainings of kinds that might be taken for something else."""

    def warm(lr: float) -> Callable[[int], float]:
        return lambda step: lr * min(1.0, step / 100)

    def cosine(lr: float, last: int) -> Callable[[int], float]:
        return lambda step: lr * 0.5 * (1 + math.cos(math.pi * min(1.0, step / last)))

    for k in range(count):
        seed, every = 200 + k, 1 + k % 4
        yield "short", lambda seed=seed, k=k: follow(HEALTHY[k % 10](), *regression(seed), 110, 1 + k % 4)
        yield (
            "warm-up",
            lambda seed=seed, k=k, every=every: follow(
                (SGD(warm(0.05)), Adam(warm(0.003)))[k % 2], *regression(seed), (110, 400)[k // 4 % 2], every
            ),
        )
        yield (
            "schedule to 0",
            lambda seed=seed, k=k, every=every: follow(
                (SGD(cosine(0.05, 400)), Adam(cosine(0.005, 400)), Adagrad(cosine(0.1, 400)))[k % 3],
                *regression(seed),
                400,
                every,
            ),
        )
        yield "dropout", lambda seed=seed, every=every: follow(Adam(0.003), *dropped(seed), 600, every)
        yield (
            "batch of one",
            lambda seed=seed, k=k, every=every: follow(
                (SGD(0.01), Adagrad(0.02), Adam(0.002))[k % 3], *regression(seed, batch=1), 1500, every
            ),
        )
        yield (
            "weight decay",
            lambda seed=seed, every=every, k=k: follow(
                (Adam(0.003, weight_decay=0.01), AdamW(0.003, weight_decay=0.1))[k % 2], *regression(seed), 800, every
            ),
        )
        yield (
            "fine-tuning",
            lambda seed=seed, every=every, k=k: follow(
                (SGD(0.003), Adam(3e-4), AdamW(1e-4))[k % 3], *tuned(seed, 0.05 * (1 + k % 4)), 400, every
            ),
        )
        yield (
            "rare words",
            lambda seed=seed, every=every, k=k: follow(
                (Adagrad(0.1), Adam(0.01), SGD(3.0))[k % 3], *table(seed), 1000, every
            ),
        )
        yield (
            "an adversary",
            lambda seed=seed, every=every, k=k: follow((Adam(0.01), SGD(0.05))[k % 2], *game(seed), 800, every),
        )
        yield (
            "zero start",
            lambda seed=seed, every=every, k=k: follow((SGD(0.1), Adagrad(0.05))[k % 2], *classes(seed), 300, every),
        )
        yield (
            "whole data",
            lambda seed=seed, every=every, k=k: follow(
                (SGD(0.1), Momentum(0.01), Adam(0.003))[k % 3], *repeated(regression(seed, batch=64)), 300, every
            ),
        )


def repeated(inner: tuple[Params, Slope]) -> tuple[Params, Slope]:
    """The same problem with the same batch in every step."""
    params, slope = inner
    return params, lambda now, step: slope(now, 0)


def main() -> int:
    """Print the table."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--varieties", type=int, default=8)
    asked.add_argument("--healthy", type=int, default=50)
    chosen = asked.parse_args()
    rows: dict[str, Counter[str]] = {}
    wrong: list[str] = []
    for kind, name, train in planted(chosen.varieties):
        found = diagnose(train())
        _count(rows, f"{kind.key}: {name}", found)
        if kind not in [finding.kind for finding in found]:
            wrong.append(f"{kind.key} ({name}) was missed: {[finding.kind.key for finding in found]}")
    for name, train in healthy(chosen.healthy):
        found = diagnose(train())
        _count(rows, "healthy", found)
        wrong += [f"healthy {name} raised {finding.text()}" for finding in found if finding.alarm]
    for name, train in special(chosen.varieties):
        found = diagnose(train())
        _count(rows, f"healthy: {name}", found)
        wrong += [f"healthy {name} raised {finding.text()}" for finding in found if finding.alarm]
    keys = [kind.key for kind in Kind]
    print(f"{'planted':34}{'runs':>5}  " + " ".join(f"{key[:9]:>9}" for key in keys) + "   nothing")
    for row, counts in rows.items():
        cells = " ".join(f"{counts[key] or '.':>9}" for key in keys)
        print(f"{row:34}{counts['runs']:5}  {cells} {counts['nothing'] or '.':>9}")
    for line in wrong:
        print(line)
    print("all planted causes found, no false alarm" if not wrong else f"{len(wrong)} wrong")
    return 1 if wrong else 0


def _count(rows: dict[str, Counter[str]], row: str, found: list[Finding]) -> None:
    counts = rows.setdefault(row, Counter())
    counts["runs"] += 1
    counts.update([finding.kind.key for finding in found] or ["nothing"])


if __name__ == "__main__":
    sys.exit(main())
