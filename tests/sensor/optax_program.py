"""Run by test_frameworks.py in its own process: optax under ``jit``, with and without a sensor; prints what it saw."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nukarumi.sensor import watch

LR = 0.05


def corrected(state, t, root, beta1=0.9, beta2=0.999):
    return LR / (1 - beta1**t) / (root / (1 - beta2**t) ** 0.5 + 1e-8)


def radam(state, t):
    longest = 2 / (1 - 0.9) - 1
    length = longest - 2 * t * 0.9**t / (1 - 0.9**t)
    step = LR / (1 - 0.9**t)
    if length < 5:
        return np.full((5, 3), step)
    rect = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return step * rect / (np.sqrt(nu(state) / (1 - 0.9**t)) + 1e-8)


def nu(state, name="nu"):
    return np.array(optax.tree.get(state, name)["w"], np.float64)


def nadam(state, t):
    drive = 0.9 / (1 - 0.9 ** (t + 1)) + 0.1 / (1 - 0.9**t)
    return LR * drive / (np.sqrt(nu(state) / (1 - 0.999**t)) + 1e-8)


CASES = {
    "sgd": (optax.sgd(LR), lambda s, t: np.full((5, 3), LR)),
    "nesterov": (optax.sgd(LR, momentum=0.9, nesterov=True), lambda s, t: np.full((5, 3), 1.9 * LR)),
    "adagrad": (optax.adagrad(LR), lambda s, t: LR / np.sqrt(nu(s, "sum_of_squares") + 1e-7)),
    "rmsprop": (optax.rmsprop(LR, eps_in_sqrt=False), lambda s, t: LR / (np.sqrt(nu(s)) + 1e-8)),
    "centred": (optax.rmsprop(LR, centered=True), lambda s, t: LR / np.sqrt(nu(s) - nu(s, "mu") ** 2 + 1e-8)),
    "adadelta": (optax.adadelta(LR), lambda s, t: LR * np.sqrt((nu(s, "e_x") + 1e-6) / (nu(s, "e_g") + 1e-6))),
    "adam": (optax.adam(LR), lambda s, t: corrected(s, t, np.sqrt(nu(s)))),
    "adamw in a chain": (
        optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(lambda step: LR / (1 + step))),
        lambda s, t: corrected(s, t, np.sqrt(nu(s))) / t,
    ),
    "injected": (  # optax keeps such settings in float32
        optax.inject_hyperparams(optax.adam)(learning_rate=LR),
        lambda s, t: corrected(s, t, np.sqrt(nu(s)), float(np.float32(0.9)), float(np.float32(0.999))),
    ),
    "amsgrad": (optax.amsgrad(LR), lambda s, t: LR / (1 - 0.9**t) / (np.sqrt(nu(s, "nu_max")) + 1e-8)),
    "nadam": (optax.nadam(LR), nadam),
    "radam": (optax.radam(LR, b2=0.9), radam),
    "adamax": (optax.adamax(LR), lambda s, t: LR / (1 - 0.9**t) / nu(s)),
}


def walk(transformation, each=lambda t, state, before, after, g: None):
    rng = np.random.default_rng(0)
    params = {"w": jnp.asarray(rng.normal(size=(5, 3)), jnp.float32), "b": jnp.zeros(3)}
    state = transformation.init(params)

    def loss(now, x):
        return jnp.mean((jnp.tanh(x @ now["w"]) + now["b"] - 1) ** 2)

    @jax.jit
    def step(now, state, x):
        value, grads = jax.value_and_grad(loss)(now, x)
        updates, state = transformation.update(grads, state, now, loss=value)
        return optax.apply_updates(now, updates), state, grads

    for t in range(1, 9):
        before = params
        params, state, grads = step(params, state, jnp.asarray(rng.normal(size=(16, 5)), jnp.float32))
        each(t, state, before, params, grads)
    return params


answers = {}
for case, (transformation, rate) in CASES.items():
    sensor, worst = watch(transformation, every=3), []

    def check(t, state, before, after, g, sensor=sensor, rate=rate, worst=worst):
        sensor.flush()
        if t % 3 != 1:
            return
        old, new = (np.array(tree["w"], np.float64) for tree in (before, after))
        exact = rate(state, t)
        pairs = {
            "gradient_norm": np.linalg.norm(np.array(g["w"], np.float64)),
            "step_norm": np.linalg.norm(new - old),
            "effective_lr/0": exact.min(),
            "effective_lr/0.5": np.median(exact),
            "effective_lr/1": exact.max(),
        }
        assert sensor.row["step"] == t, (sensor.row, sensor.failed)
        worst += [abs(sensor.row[f"w/{name}"] / value - 1) for name, value in pairs.items()]

    watched = walk(sensor.optimizer, check)
    sensor.detach()
    alone = walk(optax.with_extra_args_support(transformation))
    answers[case] = {
        "farthest": float(max(worst)),
        "same": all(np.array_equal(watched[name], alone[name]) for name in alone),
        "steps": sensor.trail.steps.tolist(),
        "losses_known": bool(np.isfinite(sensor.trail.loss).all()),
        "cosines_known": bool(np.isfinite(sensor.trail.column("w", "gradient_cosine")[1:]).all()),
        "failed": str(sensor.failed),
    }
for stranger in (optax.lion(0.1), optax.adam(0.1, eps_root=1e-8)):
    try:
        watch(stranger)
    except ValueError as error:
        answers.setdefault("refused", []).append(str(error))
sys.stdout.write(json.dumps(answers) + "\n")
