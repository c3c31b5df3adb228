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


def distance(row, pairs):
    """The largest relative distance of a row's entries from what they should be."""
    return max(abs(row[name] / value - 1) for name, value in pairs.items())


def unscaled(optimizer, grads, variables):
    """Apply gradients; where a LossScaleOptimizer decides on JAX, it does so without changing what it is given."""
    if keras.config.backend() == "torch" or not isinstance(optimizer, optimizers.LossScaleOptimizer):
        optimizer.apply(grads, variables)
        return
    if not optimizer.built:
        optimizer.build(variables)
    states = [variable.value for variable in optimizer.variables]
    news = optimizer.stateless_apply(states, grads, [variable.value for variable in variables])
    for variable, new in zip([*variables, *optimizer.variables], [*news[0], *news[1]], strict=True):
        variable.assign(new)


def gathered(make, calls=1, scale=1.0, every=2, built=False, attached=0, broken=()):
    """The direct form, where several calls make one update, or the gradients come scaled: against a walk by hand.

    ``attached`` calls come before the sensor, and the ``broken`` ones have an infinite gradient, at which a
    LossScaleOptimizer makes no update and halves its scale.
    """
    ends, worst, answer, first = [], 0.0, {}, scale
    for watched in (True, False):
        rng, h, pushed, held = np.random.default_rng(0), 0.1, 0, []
        optimizer, variable = make(), keras.Variable(rng.normal(size=(6, 4)).astype("float32"), name="w")
        if built:
            optimizer.build([variable])
        sensor, scale = None, first
        for call in range(1, 10):
            if watched and call == attached + 1:
                sensor = watch(optimizer, every=every)
            before, g = array(variable.value), rng.normal(size=(6, 4)).astype("float32")
            given = g * np.float32(np.inf if call in broken else scale)
            unscaled(optimizer, [keras.ops.convert_to_tensor(given)], [variable])
            if call in broken:
                scale /= 2
            else:
                held.append(g.astype("float64"))
            if call in broken or len(held) < calls:
                assert np.array_equal(array(variable.value), before)
                continue
            mean, held, pushed = np.mean(held, axis=0), [], pushed + 1
            h = h + mean**2
            if sensor is None or (pushed - 1) % every:
                continue
            sensor.flush()
            assert sensor.row["step"] == pushed, (sensor.row, sensor.failed)
            rate = 0.01 / np.sqrt(h + 1e-7)
            pairs = {
                "w/gradient_norm": np.linalg.norm(mean),
                "w/step_norm": np.linalg.norm(array(variable.value) - before),
                "w/effective_lr/0": rate.min(),
                "w/effective_lr/0.5": np.median(rate),
                "w/effective_lr/1": rate.max(),
            }
            worst = max(worst, distance(sensor.row, pairs))
        ends.append(np.array(variable.value.detach() if hasattr(variable.value, "detach") else variable.value))
        if sensor is not None:
            sensor.detach()
            answer = {"steps": sensor.trail.steps.tolist(), "failed": str(sensor.failed)}
            answer["cosines_known"] = bool(np.isfinite(sensor.trail.column("w", "gradient_cosine")[1:]).all())
            layers = optimizer, getattr(optimizer, "inner_optimizer", optimizer)
            answer["left"] = [name for name in ("apply", "scale_loss") for layer in layers if name in vars(layer)]
    return answer | {"farthest": float(worst), "drift": float(np.abs(ends[0] - ends[1]).max())}


def small():
    return [keras.layers.Dense(8, "relu", name="d1"), keras.layers.Dense(1, name="d2")]


def wide():
    return [
        keras.layers.Dense(300, "tanh"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(40, "gelu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dense(1),
    ]


def convolution():
    return [
        keras.layers.Reshape((12, 1)),
        keras.layers.Conv1D(7, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(1),
    ]


def linear():
    return [keras.layers.Dense(1, name="d")]


def ends(make, callbacks, layers=small, inputs=6, rows=128, spoilt=None):
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, inputs)).astype("float32")
    y = 2 * x[:, :1] + 1
    if spoilt is not None:
        y[spoilt] = np.inf
    model = keras.Sequential([keras.layers.Input((inputs,)), *layers()])
    model.compile(make(), "mse")
    model.fit(x, y, batch_size=32, epochs=2, verbose=0, shuffle=False, callbacks=callbacks)
    return [np.array(weight) for weight in model.get_weights()]


def fitted(make, every=3, **options):
    """Train with a sensor and without: the trail's steps, and how far apart the weights end."""
    callback = WatchCallback(every=every)
    watched, alone = ends(make, [callback], **options), ends(make, [], **options)
    trail = callback.sensor.trail
    answer = {
        "drift": float(max(np.abs(one - other).max() for one, other in zip(watched, alone, strict=True))),
        "steps": trail.steps.tolist(),
        "losses_known": bool(np.isfinite(trail.loss).all()),
        "cosines_known": bool(np.isfinite(trail.column(next(iter(trail.arrays)), "gradient_cosine")[1:]).all()),
        "failed": str(callback.sensor.failed),
    }
    return answer, trail


def fitted_by_hand(make, calls=1, every=2, bad=None):
    """A ``fit`` of a linear model whose updates are worked out by hand, from the data and the first weights."""
    answer, trail = fitted(make, every=every, layers=linear, rows=192, spoilt=None if bad is None else 32 * bad)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.layers.Input((6,)), *linear()])
    w = np.concatenate([np.array(weight, np.float64).ravel() for weight in model.get_weights()])
    x = np.random.default_rng(0).normal(size=(192, 6)).astype("float32")
    y = (2 * x[:, 0] + 1).astype("float64")
    design = np.concatenate([x.astype("float64"), np.ones((192, 1))], axis=1)
    h, held, readings = np.full(7, 0.1), [], []
    for call in range(12):
        if bad is not None and call % 6 == bad:
            continue
        rows = slice(32 * (call % 6), 32 * (call % 6) + 32)
        left = design[rows] @ w - y[rows]
        held.append(2 * design[rows].T @ left / 32)
        if len(held) < calls:
            continue
        mean, held = np.mean(held, axis=0), []
        h = h + mean**2
        rate = 0.1 / np.sqrt(h + 1e-7)
        w = w - rate * mean
        norms = np.linalg.norm(mean[:6]), np.linalg.norm((rate * mean)[:6])
        readings.append([*norms, rate[:6].min(), rate[:6].max(), np.mean(left**2)])
    name = next(array for array in trail.arrays if array.endswith("kernel"))
    rates = trail.column(name, "effective_lr")
    got = [trail.column(name, "gradient_norm"), trail.column(name, "step_norm"), rates[:, 0], rates[:, -1], trail.loss]
    exact = np.array(readings)[::every].T
    answer["updates"] = len(readings)
    answer["farthest"] = {
        kind: float(np.abs(one / other - 1).max())
        for kind, one, other in zip(("gradient", "step", "lowest", "highest", "loss"), got, exact, strict=True)
    }
    return answer


def accumulating(lr=0.01, **more):
    return lambda: optimizers.Adagrad(lr, gradient_accumulation_steps=3, **more)


def scaling(lr=0.01, **more):
    return lambda: optimizers.LossScaleOptimizer(
        optimizers.Adagrad(lr, **more), initial_scale=8.0, dynamic_growth_steps=100
    )


answers = {}
for case, (make, rate) in CASES.items():
    answers[case] = {"farthest": float(farthest(make, rate))}
    if case in FITS:
        answers[case] |= fitted(make)[0]
answers["fits"] = {
    "wide": fitted(CASES["Adagrad"][0], layers=wide, inputs=12)[0],
    "convolution": fitted(CASES["Adagrad"][0], layers=convolution, inputs=12)[0],
}
answers["gathered"] = {
    "from the start": gathered(accumulating(loss_scale_factor=16.0), 3, scale=16.0),
    "in between": gathered(accumulating(), 3, every=1, built=True, attached=4),
    "scaled": gathered(lambda: optimizers.Adagrad(0.01, loss_scale_factor=16.0), scale=16.0),
    "wrapped": gathered(scaling(), scale=8.0, broken=(4, 5)),
}
answers["by hand"] = {
    "gathered": fitted_by_hand(accumulating(0.1, loss_scale_factor=16.0), 3, every=1),
    "scaled": fitted_by_hand(lambda: optimizers.Adagrad(0.1, loss_scale_factor=16.0)),
    "wrapped": fitted_by_hand(scaling(0.1, gradient_accumulation_steps=2), 2, bad=4),
}
try:
    watch(optimizers.Lion())
except ValueError as error:
    answers["refused"] = str(error)
sys.stdout.write(json.dumps(answers) + "\n")
