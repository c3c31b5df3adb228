"""Run by test_frameworks.py in a process of its own, on the back end that KERAS_BACKEND names: prints what it measured.

For every optimizer of Keras that is known: how far each reading is from what the raw variables say (worked out here by
hand), and whether a ``fit`` with the callback ends in the same weights as one without.
"""

import json
import sys

import keras
import numpy as np

from nukarumi.sensor import watch
from nukarumi.sensor.keras import WatchCallback

optimizers = keras.optimizers


def adam_rate(o, root, t):
    return 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) / (root + 1e-7)


def nadam_rate(o, v, t):
    u = [0.9 * (1 - 0.5 * 0.96**k) for k in range(1, t + 2)]
    now = np.prod(u[:t])
    drive = u[t] / (1 - now * u[t]) + (1 - u[t - 1]) / (1 - now)
    return 0.01 * drive / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)


CASES = {
    "SGD": (lambda: optimizers.SGD(0.01), lambda o, t: np.full((6, 4), 0.01)),
    "SGD nesterov": (lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True), lambda o, t: np.full((6, 4), 0.019)),
    "Adagrad": (lambda: optimizers.Adagrad(0.01), lambda o, t: 0.01 / np.sqrt(raw(o._accumulators) + 1e-7)),
    "RMSprop": (lambda: optimizers.RMSprop(0.01), lambda o, t: 0.01 / np.sqrt(raw(o._velocities) + 1e-7)),
    "RMSprop centred": (
        lambda: optimizers.RMSprop(0.01, centered=True, momentum=0.5),
        lambda o, t: 0.01 / np.sqrt(raw(o._velocities) - raw(o._average_gradients) ** 2 + 1e-7),
    ),
    "Adadelta": (
        lambda: optimizers.Adadelta(0.01),
        lambda o, t: 0.01 * np.sqrt((raw(o._accumulated_delta_vars) + 1e-7) / (raw(o._accumulated_grads) + 1e-7)),
    ),
    "Adam": (lambda: optimizers.Adam(0.01), lambda o, t: adam_rate(o, np.sqrt(raw(o._velocities)), t)),
    "Adam amsgrad": (
        lambda: optimizers.Adam(0.01, amsgrad=True),
        lambda o, t: adam_rate(o, np.sqrt(raw(o._velocity_hats)), t),
    ),
    "AdamW": (lambda: optimizers.AdamW(0.01), lambda o, t: adam_rate(o, np.sqrt(raw(o._velocities)), t)),
    "Nadam": (lambda: optimizers.Nadam(0.01), lambda o, t: nadam_rate(o, raw(o._velocities), t)),
    "Adamax": (lambda: optimizers.Adamax(0.01), lambda o, t: 0.01 / (1 - 0.9**t) / (raw(o._u) + 1e-7)),
}
FITS = ("SGD nesterov", "Adagrad", "RMSprop centred", "Adam amsgrad", "Nadam")
"""Those that also train a model with ``fit``: compiling takes its time."""


def array(tensor):
    return np.array(keras.ops.convert_to_numpy(tensor), np.float64)


def raw(variables):
    return array(variables[0].value)


def farthest(make, rate):
    """The direct form: the largest relative distance of any reading."""
    rng, worst = np.random.default_rng(0), 0.0
    optimizer, variable = make(), keras.Variable(rng.normal(size=(6, 4)).astype("float32"), name="w")
    sensor = watch(optimizer, every=2)
    for t in range(1, 6):
        before, g = array(variable.value), rng.normal(size=(6, 4)).astype("float32")
        optimizer.apply([keras.ops.convert_to_tensor(g)], [variable])
        after = array(variable.value)
        if t % 2 == 0:
            continue
        pairs = {
            "gradient_norm": np.linalg.norm(g.astype("float64")),
            "step_norm": np.linalg.norm(after - before),
            "effective_lr/0": rate(optimizer, t).min(),
            "effective_lr/0.5": np.median(rate(optimizer, t)),
            "effective_lr/1": rate(optimizer, t).max(),
        }
        assert sensor.row["step"] == t, sensor.failed
        worst = max(worst, *(abs(sensor.row[f"w/{name}"] / value - 1) for name, value in pairs.items()))
    return worst


def ends(make, callbacks):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 6)).astype("float32")
    layers = keras.layers.Input((6,)), keras.layers.Dense(8, "relu", name="d1"), keras.layers.Dense(1, name="d2")
    model = keras.Sequential(list(layers))
    model.compile(make(), "mse")
    model.fit(x, 2 * x[:, :1] + 1, batch_size=32, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    return [np.array(weight) for weight in model.get_weights()]


answers = {}
for case, (make, rate) in CASES.items():
    answers[case] = {"farthest": float(farthest(make, rate))}
    if case not in FITS:
        continue
    callback = WatchCallback(every=3)
    watched, alone = ends(make, [callback]), ends(make, [])
    trail = callback.sensor.trail
    answers[case] |= {
        "drift": float(max(np.abs(one - other).max() for one, other in zip(watched, alone, strict=True))),
        "steps": trail.steps.tolist(),
        "losses_known": bool(np.isfinite(trail.loss).all()),
        "cosines_known": bool(np.isfinite(trail.column(next(iter(trail.arrays)), "gradient_cosine")[1:]).all()),
        "failed": str(callback.sensor.failed),
    }
try:
    watch(optimizers.Lion())
except ValueError as error:
    answers["refused"] = str(error)
sys.stdout.write(json.dumps(answers) + "\n")
