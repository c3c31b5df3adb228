"""Run by test_frameworks.py in its own process: optax under ``jit``, with and without a sensor; prints what it saw."""

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nukarumi import rules
from nukarumi.optim.engine.recipe import recipe
from nukarumi.sensor import watch

LR = 0.05


def corrected(state, t, root, beta1=0.9, beta2=0.999):
    return LR / (1 - beta1**t) / (root / (1 - beta2**t) ** 0.5 + 1e-8)


def radam(state, t, root=0.0):
    longest = 2 / (1 - 0.9) - 1
    length = longest - 2 * t * 0.9**t / (1 - 0.9**t)
    step = LR / (1 - 0.9**t)
    if length < 5:
        return np.full((5, 3), step)
    rect = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
    return step * rect / (np.sqrt(nu(state) / (1 - 0.9**t) + root) + 1e-8)


def nu(state, name="nu"):
    return np.array(optax.tree.get(state, name)["w"], np.float64)


def nadam(state, t, root=0.0):
    drive = 0.9 / (1 - 0.9 ** (t + 1)) + 0.1 / (1 - 0.9**t)
    return LR * drive / (np.sqrt(nu(state) / (1 - 0.999**t) + root) + 1e-8)


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
    "eps_root": (
        optax.adam(LR, eps_root=1e-4),
        lambda s, t: LR / (1 - 0.9**t) / (np.sqrt(nu(s) / (1 - 0.999**t) + 1e-4) + 1e-8),
    ),
    "decay for some": (
        optax.adamw(LR, mask={"w": True, "b": False}),
        lambda s, t: corrected(s, t, np.sqrt(nu(s))),
    ),
    "radam": (optax.radam(LR, b2=0.9), radam),
    "adamax": (optax.adamax(LR), lambda s, t: LR / (1 - 0.9**t) / nu(s)),
    "rmsprop corrected": (
        optax.rmsprop(LR, eps=1e-4, bias_correction=True),
        lambda s, t: LR / np.sqrt(nu(s) / (1 - 0.9**t) + 1e-4),
    ),
    "rmsprop corrected, eps outside": (
        optax.rmsprop(LR, eps=1e-2, eps_in_sqrt=False, bias_correction=True, momentum=0.5),
        lambda s, t: LR / (np.sqrt(nu(s) / (1 - 0.9**t)) + 1e-2),
    ),
    "centred corrected": (
        optax.rmsprop(LR, eps=1e-1, centered=True, bias_correction=True),
        lambda s, t: LR / np.sqrt(nu(s) / (1 - 0.9**t) - (nu(s, "mu") / (1 - 0.9**t)) ** 2 + 1e-1),
    ),
    "adamw eps_root": (
        optax.adamw(LR, eps_root=1e-3),
        lambda s, t: LR / (1 - 0.9**t) / (np.sqrt(nu(s) / (1 - 0.999**t) + 1e-3) + 1e-8),
    ),
    "nadam eps_root": (optax.nadam(LR, eps_root=1e-3), lambda s, t: nadam(s, t, 1e-3)),
    "radam eps_root": (optax.radam(LR, b2=0.9, eps_root=1e-3), lambda s, t: radam(s, t, 1e-3)),
    "amsgrad eps_root": (
        optax.amsgrad(LR, eps_root=1e-3),
        lambda s, t: LR / (1 - 0.9**t) / (np.sqrt(nu(s, "nu_max") + 1e-3) + 1e-8),
    ),
    "injected eps_root": (
        optax.inject_hyperparams(optax.adam)(learning_rate=LR, b1=0.5, b2=0.75, eps_root=2**-10),
        lambda s, t: LR / (1 - 0.5**t) / (np.sqrt(nu(s) / (1 - 0.75**t) + 2**-10) + 1e-8),
    ),
}


def walk(transformation, each=lambda t, state, before, after, g: None, steps=8):
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

    for t in range(1, steps + 1):
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
        "optimizer": sensor.trail.meta["optimizer"],
    }
# Parts for some leaves only: each against its own inner state ---------------------------------------------------------


def by_leaf(transformation, rates):
    """The largest relative distance of rates and norms of each leaf, and the sensor."""
    sensor, worst = watch(transformation, every=3), []

    def check(t, state, before, after, g):
        sensor.flush()
        if t % 3 != 1:
            return
        for name, rate in rates.items():
            exact = np.broadcast_to(rate(state, t), before[name].shape)
            step = np.linalg.norm(np.array(after[name], np.float64) - np.array(before[name], np.float64))
            # The sensor adds the updates up itself; the compiled step may do it with one rounding less.
            ulp = 2**-24 * np.linalg.norm(np.array(after[name], np.float64)) if step else 0.0
            worst.append(max(0.0, abs(sensor.row[f"{name}/step_norm"] - step) - ulp) / (step or 1.0))
            pairs = {
                "gradient_norm": np.linalg.norm(np.array(g[name], np.float64)),
                "effective_lr/0": exact.min(),
                "effective_lr/0.5": np.median(exact),
                "effective_lr/1": exact.max(),
            }
            worst.extend(abs(sensor.row[f"{name}/{kind}"] - value) / abs(value or 1) for kind, value in pairs.items())

    watched = walk(sensor.optimizer, check)
    sensor.detach()
    alone = walk(optax.with_extra_args_support(transformation))
    answer = {
        "farthest": float(max(worst)),
        "same": all(np.array_equal(watched[name], alone[name]) for name in alone),
        "steps": sensor.trail.steps.tolist(),
        "states": list(sensor.trail.states),
        "optimizer": sensor.trail.meta["optimizer"],
        "unmoved": {name: float(sensor.trail.column(name, "unmoved")[-1]) for name in rates},
        "with_v": [name for name in rates if np.isfinite(sensor.trail.column(name, "state/v")[-1]).all()],
        "failed": str(sensor.failed),
    }
    return answer


def inner_nu(state, label):
    return np.array(optax.tree.get(state.inner.inner_states[label], "nu")["w"], np.float64)


masked_adam = optax.chain(optax.masked(optax.scale_by_adam(), {"w": True, "b": False}), optax.scale(-LR))
labels = {"w": "walks", "b": "rests"}
answers["by leaf"] = {
    "masked": by_leaf(masked_adam, {"w": lambda s, t: corrected(s, t, np.sqrt(nu(s))), "b": lambda s, t: LR}),
    "multi_transform": by_leaf(
        optax.multi_transform({"walks": optax.adam(LR), "rests": optax.set_to_zero()}, lambda tree: labels),
        {"w": lambda s, t: corrected(s, t, np.sqrt(inner_nu(s, "walks"))), "b": lambda s, t: 0.0},
    ),
    "two rules": by_leaf(
        optax.multi_transform({"walks": optax.adam(LR), "rests": optax.sgd(2 * LR)}, labels),
        {"w": lambda s, t: corrected(s, t, np.sqrt(inner_nu(s, "walks"))), "b": lambda s, t: 2 * LR},
    ),
}


# Several calls to one update ------------------------------------------------------------------------------------------


def gathered(every_k=3, every=2):
    """`optax.MultiSteps`: readings of the calls that move, against the mean gradient of the calls up to them."""
    wrapped = optax.MultiSteps(optax.adagrad(LR), every_k)
    sensor, worst, seen, h = watch(wrapped, every=every), [], [], np.full((5, 3), 0.1)

    def check(t, state, before, after, g):
        nonlocal h
        sensor.flush()
        seen.append(np.array(g["w"], np.float64))
        if t % every_k:
            return
        mean = np.mean(seen[-every_k:], axis=0)
        h = h + mean**2
        if (t // every_k - 1) % every:
            return
        rate = LR / np.sqrt(h + 1e-7)
        step = np.array(after["w"], np.float64) - np.array(before["w"], np.float64)
        pairs = {
            "gradient_norm": np.linalg.norm(mean),
            "step_norm": np.linalg.norm(step),
            "effective_lr/0": rate.min(),
            "effective_lr/1": rate.max(),
        }
        assert sensor.row["step"] == t // every_k, (sensor.row, sensor.failed)
        worst.extend(abs(sensor.row[f"w/{name}"] / value - 1) for name, value in pairs.items())

    watched = walk(sensor.optimizer, check, steps=15)
    sensor.detach()
    alone = walk(optax.with_extra_args_support(wrapped.gradient_transformation()), steps=15)
    return {
        "farthest": float(max(worst)),
        "same": all(np.array_equal(watched[name], alone[name]) for name in alone),
        "steps": sensor.trail.steps.tolist(),
        "cosines_known": bool(np.isfinite(sensor.trail.column("w", "gradient_cosine")[1:]).all()),
        "failed": str(sensor.failed),
    }


answers["gathered"] = gathered()

# Models whose gradients come out of transpositions and convolutions ---------------------------------------------------


def draw(*shape, seed=0):
    return jnp.asarray(np.random.default_rng([seed, *shape]).normal(size=shape) * 0.4, jnp.float32)


def attention():
    def loss(p, x):
        tokens = x.reshape(24, 4, 3)
        q, k, v = (jnp.einsum("bnd,dhe->bhne", tokens, p[name]) for name in "qkv")
        weights = jax.nn.softmax(jnp.einsum("bhne,bhme->bhnm", q, k) / 2, -1)
        mixed = jnp.einsum("bhnm,bhme->bnhe", weights, v)
        return jnp.mean((jnp.einsum("bnhe,hed->bnd", mixed, p["o"]) + tokens - 1) ** 2)

    return {"q": draw(3, 2, 4), "k": draw(3, 2, 4, seed=1), "v": draw(3, 2, 4, seed=2), "o": draw(2, 4, 3)}, loss


def convolved():
    def loss(p, x):
        seen = jax.lax.conv_general_dilated(
            x[:, :, None], p["k"], (1,), "VALID", dimension_numbers=("NWC", "WIO", "NWC")
        )
        return jnp.mean((jax.nn.relu(seen + p["b"]).reshape(24, -1) @ p["d"] - 1) ** 2)

    return {"k": draw(3, 1, 7), "b": jnp.zeros(7), "d": draw(70, 1)}, loss


def normalised():
    def loss(p, x):
        y = p["table"][jnp.int32(x * 3) % 11].mean(1) @ p["a"].T
        y = (y - y.mean(-1, keepdims=True)) / jnp.sqrt(y.var(-1, keepdims=True) + 1e-5)
        return jnp.mean((jnp.tanh(y * p["g"]) @ p["c"] - 1) ** 2)

    return {"table": draw(11, 6), "a": draw(16, 6), "g": jnp.ones(16), "c": draw(16, 1)}, loss


def weights_after(transformation, model):
    params, loss = model()
    transformation = optax.with_extra_args_support(transformation)
    state = transformation.init(params)

    @jax.jit
    def step(now, state, x):
        updates, state = transformation.update(jax.grad(loss)(now, x), state, now)
        return optax.apply_updates(now, updates), state

    for t in range(9):
        params, state = step(params, state, draw(24, 12, seed=t) * 2.5)
    return params


def same_bits(transformation, model, every):
    sensor = watch(transformation, every=every)
    watched = weights_after(sensor.optimizer, model)
    sensor.detach()
    if isinstance(transformation, optax.MultiSteps):
        transformation = transformation.gradient_transformation()
    alone = weights_after(transformation, model)
    same = all(np.array_equal(watched[name], alone[name]) for name in alone)
    return same and sensor.failed is None and len(sensor.trail) > 1


answers["bits"] = {
    f"{model.__name__}, {name}, every {every}": same_bits(transformation, model, every)
    for model in (attention, convolved, normalised)
    for name, transformation, every in (
        ("rmsprop", optax.rmsprop(0.02), 3),
        ("nadam", optax.nadam(0.02), 3),
        ("nadam", optax.nadam(0.02), 1),
        ("gathered", optax.MultiSteps(optax.adagrad(0.02), 2), 3),
    )
}

# Rules of optax that have no class of ours ---------------------------------------------------------------------------


def corrected_rms(decay=0.8, eps=1e-3, inside=False, centred=False):
    rule = recipe(rules.rmsprop_centred_corrected if centred else rules.rmsprop_corrected, (), inside).function
    made = optax.rmsprop(LR, decay, eps, eps_in_sqrt=inside, centered=centred, bias_correction=True)
    return made, 1 + centred, lambda w, g, t, *states: rule(w, g, *states, LR, decay, eps, t)


def rooted(make, rule, more=lambda t: (), states=2):
    made = make(LR, 0.8, 0.9, 1e-3, 1e-2)
    return made, states, lambda w, g, t, *held: rule(w, g, *held, LR, 0.8, 0.9, 1e-3, 1e-2, t, *more(t))


def rooted_radam(w, g, m, v, lr, beta1, beta2, eps, eps_root, t):
    trusted = rules.rectification(beta2, t)
    if not trusted:
        return rules.radam_start(w, g, m, v, lr, beta1, beta2, t)
    return rules.radam_eps_root(w, g, m, v, lr, beta1, beta2, eps, eps_root, t, trusted)


def far_apart(made, states, rule, first=1):
    """Walk beside optax for 25 steps in float64, from step `first` on: the largest relative distance of any weight."""
    rng, worst = np.random.default_rng(0), 0.0
    w, held = rng.normal(size=6), [np.zeros(6)] * states
    weights = jnp.asarray(w)
    state = made.init(weights)
    for t in range(1, 26):
        g = rng.normal(size=6) * [1, 1, 1e-3, 100, 0.1, 0]
        updates, state = made.update(jnp.asarray(g), state, weights)
        weights = optax.apply_updates(weights, updates)
        w, *held = rule(w, g, float(t), *held)
        if t < first:
            w = np.array(weights)
        worst = max(worst, float(np.abs(np.array(weights) / w - 1).max()))
    return worst


with jax.enable_x64(True):
    answers["walks"] = {
        name: far_apart(*case)
        for name, case in {
            "rmsprop": corrected_rms(),
            "rmsprop, eps inside": corrected_rms(inside=True),
            # One gradient has no spread: its first divisor is eps and the root of a rounding error.
            "centred": (*corrected_rms(centred=True), 2),
            "centred, eps inside": corrected_rms(inside=True, centred=True),
            "adam": rooted(optax.adam, rules.adam_eps_root),
            "nadam": rooted(optax.nadam, rules.nadam_eps_root, lambda t: (0.8, 0.8, 0.8**t)),
            "radam": rooted(optax.radam, rooted_radam),
            "amsgrad": rooted(optax.amsgrad, rules.amsgrad_eps_root, states=3),
        }.items()
    }

strangers = {
    "lion": optax.lion(0.1),
    "inner": optax.masked(optax.lion(0.1), True),
    "threshold": optax.radam(0.1, threshold=4.0),
    "nesterov": optax.radam(0.1, nesterov=True),
    "uncorrected": optax.amsgrad(0.1, bias_correction_nu=False),
}
for name, stranger in strangers.items():
    try:
        watch(stranger)
    except ValueError as error:
        answers.setdefault("refused", {})[name] = str(error)
sys.stdout.write(json.dumps(answers) + "\n")
