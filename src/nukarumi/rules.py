"""The mathematics: one pure function per optimizer, stated here and nowhere else.

Every other face of an optimizer (the NumPy engine, the compiled loops, the formula on the screen, the JavaScript
walk) is derived from the source text of these functions, so they keep to a small language that all of those can
follow exactly: straight-line assignments of ``+ - * / **``, ``sqrt``, ``abs``, ``maximum``, ``minimum`` and ``sign``;
no branches, no loops; ``**`` only between settings. An argument annotated ``Array`` is a parameter, a gradient or a
state and may be a number or an array of any shape; one annotated ``Row`` has one value for a whole row of them; one
annotated ``float`` is a setting, the same for all entries. Nothing is changed in place: a rule takes the old values
and returns the new ones.

The letters: ``w`` parameter, ``g`` gradient, ``h`` accumulated squared gradients, ``v`` velocity (momentum) or second
moment (Adam), ``m`` first moment, ``d`` accumulated squared steps, ``u`` accumulated gradients (dual averaging) or the
largest so far of ``v`` or ``abs(g)`` (AMSGrad, Adamax), ``q`` the mean square of a row's gradient (what `mean_square`
gives, after every stage); ``t`` counts updates and is 1 at the first.

Examples
--------
>>> adagrad(1.0, 0.5, 0.0, lr=0.1, eps=1e-7)  # the first step is lr * sign(g), however steep the slope
(0.900000019999996, 0.25)
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array: TypeAlias = float | NDArray[Any]
    Row: TypeAlias = float | NDArray[Any]

__all__ = [
    "adadelta",
    "adagrad",
    "adam",
    "adam_eps_root",
    "adamax",
    "adamax_eps_in_norm",
    "adamw",
    "amsgrad",
    "amsgrad_corrected",
    "amsgrad_eps_root",
    "average",
    "clip_scale",
    "clipped",
    "coupled_decay",
    "decayed_lr",
    "decoupled_decay",
    "dual_averaging",
    "dual_averaging_sums",
    "eps_hat",
    "eps_hat_inside",
    "lag",
    "mean_square",
    "momentum",
    "momentum_lr_outside",
    "nadam",
    "nadam_eps_root",
    "nadam_momentum",
    "nesterov",
    "nesterov_lr_outside",
    "opposite",
    "proximal",
    "radam",
    "radam_eps_root",
    "radam_start",
    "rectification",
    "rmsprop",
    "rmsprop_centred",
    "rmsprop_centred_corrected",
    "rmsprop_corrected",
    "rowwise_adagrad",
    "scaled",
    "sgd",
]


def sqrt(x: Any) -> Any:
    """Square root, correctly rounded; a Python float gives a Python float, so that settings never widen an array."""
    return math.sqrt(x) if isinstance(x, float) else np.sqrt(x)


def maximum(x: Any, y: Any) -> Any:
    """The larger of two values; NaN wins."""
    return np.maximum(x, y)


def sign(x: Any) -> Any:
    """-1, 0 or 1; NaN stays."""
    return np.sign(x)


def minimum(x: Any, y: Any) -> Any:
    """The smaller of two values; NaN wins."""
    return np.minimum(x, y)


def mean_square(g: Any) -> Any:
    """The mean of the squares of each row, rows along the last axis, which is kept with length 1; a number's square.

    The order of the sum is part of the meaning, so that every engine ends in the same bits: entry ``k`` goes to lane
    ``k % 16``, each lane is summed in order, then lane ``j`` takes in ``j + 8``, ``j + 4``, ``j + 2`` and ``j + 1``.

    Examples
    --------
    >>> mean_square(np.array([[3.0, 4.0], [1.0, 1.0]]))
    array([[12.5],
           [ 1. ]])
    """
    if np.ndim(g) == 0:
        return g * g
    width = g.shape[-1]
    lanes = np.zeros((*g.shape[:-1], 16), g.dtype)
    for start in range(0, width, 16):
        part = g[..., start : start + 16]
        lanes[..., : part.shape[-1]] += part * part
    for half in (8, 4, 2, 1):
        lanes = lanes[..., :half] + lanes[..., half:]
    return lanes / max(1, width)


# The optimizers ------------------------------------------------------------------------------------------------------


def sgd(w: Array, g: Array, lr: float) -> Array:
    """Walk against the gradient (Robbins and Monro 1951): the setting is constant, the stride is lr * abs(g)."""
    w = w - lr * g
    return w


def momentum(w: Array, g: Array, v: Array, lr: float, momentum: float) -> tuple[Array, Array]:
    """Roll on with a velocity (Polyak 1964); lr sits inside the velocity, as in Keras and the book."""
    v = momentum * v - lr * g
    w = w + v
    return w, v


def momentum_lr_outside(w: Array, g: Array, v: Array, lr: float, momentum: float) -> tuple[Array, Array]:
    """Momentum with lr outside the velocity, as in PyTorch and optax: a change of lr acts at once on all of it."""
    v = momentum * v + g
    w = w - lr * v
    return w, v


def nesterov(w: Array, g: Array, v: Array, lr: float, momentum: float) -> tuple[Array, Array]:
    """Momentum that looks ahead (Nesterov 1983); w stands at the point looked at (Bengio et al. 2012)."""
    w = w + momentum * momentum * v - (1 + momentum) * lr * g
    v = momentum * v - lr * g
    return w, v


def nesterov_lr_outside(w: Array, g: Array, v: Array, lr: float, momentum: float) -> tuple[Array, Array]:
    """Nesterov's momentum with lr outside the velocity, as in PyTorch and optax."""
    v = momentum * v + g
    w = w - lr * (g + momentum * v)
    return w, v


def adagrad(w: Array, g: Array, h: Array, lr: float, eps: float) -> tuple[Array, Array]:
    """Remember how much each entry has moved and brake by it (Duchi, Hazan and Singer 2011)."""
    h = h + g * g
    w = w - lr * g / (sqrt(h) + eps)
    return w, h


def rowwise_adagrad(w: Array, g: Array, q: Row, h: Row, lr: float, eps: float) -> tuple[Array, Row]:
    """Adagrad with one brake for a whole row, fed with the row's mean square (as in FBGEMM's embedding tables)."""
    h = h + q
    w = w - lr * g / (sqrt(h) + eps)
    return w, h


def rmsprop(w: Array, g: Array, h: Array, lr: float, decay_rate: float, eps: float) -> tuple[Array, Array]:
    """Adagrad that forgets: h is a running mean of squares (Tieleman and Hinton 2012)."""
    h = decay_rate * h + (1 - decay_rate) * g * g
    w = w - lr * g / (sqrt(h) + eps)
    return w, h


def adadelta(w: Array, g: Array, h: Array, d: Array, lr: float, rho: float, eps: float) -> tuple[Array, Array, Array]:
    """RMSprop whose stride has the unit of w: the root of past squared steps over that of g (Zeiler 2012)."""
    h = rho * h + (1 - rho) * g * g
    step = sqrt(d + eps) / sqrt(h + eps) * g
    d = rho * d + (1 - rho) * step * step
    w = w - lr * step
    return w, h, d


def adam(
    w: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, eps: float, t: float
) -> tuple[Array, Array, Array]:
    """Momentum and brake together, both corrected for their start at zero (Kingma and Ba 2015)."""
    lr_t = lr * sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    w = w - lr_t * m / (sqrt(v) + eps)
    return w, m, v


def adamw(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: float,
    weight_decay: float,
) -> tuple[Array, Array, Array]:
    """Adam whose weights also shrink on their own, apart from the gradient (Loshchilov and Hutter 2019)."""
    w = decoupled_decay(w, lr, weight_decay)
    w, m, v = adam(w, g, m, v, lr, beta1, beta2, eps, t)
    return w, m, v


# Sparse weights: Adagrad with a penalty, for features that most examples lack ---------------------------------------


def proximal(w: Array, h: Array, k: Array, lr: float, eps: float, l1: float, l2: float) -> Array:
    """What a penalty does to a weight in k steps without a gradient: composite mirror descent, its proximal half.

    Duchi, Hazan and Singer 2011, equation 4 and section 5.1: after Adagrad's step the weight goes to the minimum of
    ``(w - old)**2 / (2 * pull) + l1 * abs(w) + l2 / 2 * w**2``. While a feature is absent its h stays, so k steps of
    l1 are one step k times as strong; for l2 the same holds up to terms of second order in ``l2 * pull``.
    """
    pull = lr * k / (sqrt(h) + eps)
    w = sign(w) * maximum(abs(w) - l1 * pull, 0.0) / (1 + l2 * pull)
    return w


def dual_averaging_sums(u: Array, g: Array, h: Array) -> tuple[Array, Array]:
    """What regularised dual averaging remembers of a gradient: its sum u and the sum of its squares h."""
    u = u + g
    h = h + g * g
    return u, h


def dual_averaging(u: Array, h: Array, t: Array, lr: float, eps: float, l1: float, l2: float) -> Any:
    """The weight after t steps of regularised dual averaging; exactly 0 where abs(u) <= t * l1.

    Duchi, Hazan and Singer 2011, equation 3 and section 5.1: the minimum of
    ``u * w + t * (l1 * abs(w) + l2 / 2 * w**2) + (sqrt(h) + eps) * w**2 / (2 * lr)``.
    """
    w = -lr * sign(u) * (maximum(abs(u), t * l1) - t * l1) / (sqrt(h) + eps + lr * l2 * t)
    return w


def lag(s: Array, w: Array, before: Array, t: Array) -> Array:
    """How far the running mean of a weight lies behind it, times t: a weight that rests needs no bookkeeping."""
    s = s + (t - 1) * (w - before)
    return s


def average(w: Array, s: Array, t: Array) -> Array:
    """The mean of a weight's values after each of t steps (Polyak and Juditsky 1992), from its `lag`."""
    w = w - s / t
    return w


# Their relatives, which the sensor reads in other libraries -----------------------------------------------------------


def rmsprop_centred(
    w: Array, g: Array, h: Array, m: Array, lr: float, decay_rate: float, eps: float
) -> tuple[Array, Array, Array]:
    """RMSprop that brakes by the spread of the gradient instead of its size (Graves 2013)."""
    h = decay_rate * h + (1 - decay_rate) * g * g
    m = decay_rate * m + (1 - decay_rate) * g
    w = w - lr * g / (sqrt(h - m * m) + eps)
    return w, h, m


def rmsprop_corrected(
    w: Array, g: Array, h: Array, lr: float, decay_rate: float, eps: float, t: float
) -> tuple[Array, Array]:
    """RMSprop whose mean is corrected for its start at zero, as Adam's is (optax's ``bias_correction``)."""
    h = decay_rate * h + (1 - decay_rate) * g * g
    w = w - lr * g / (sqrt(h / (1.0 - decay_rate**t)) + eps)
    return w, h


def rmsprop_centred_corrected(
    w: Array, g: Array, h: Array, m: Array, lr: float, decay_rate: float, eps: float, t: float
) -> tuple[Array, Array, Array]:
    """Centred RMSprop with both of its means corrected for their start at zero (optax's ``bias_correction``)."""
    known = 1.0 - decay_rate**t
    h = decay_rate * h + (1 - decay_rate) * g * g
    m = decay_rate * m + (1 - decay_rate) * g
    w = w - lr * g / (sqrt(h / known - m / known * (m / known)) + eps)
    return w, h, m


def amsgrad(
    w: Array, g: Array, m: Array, v: Array, u: Array, lr: float, beta1: float, beta2: float, eps: float, t: float
) -> tuple[Array, Array, Array, Array]:
    """Adam whose brake is never released: u is the largest v so far (Reddi, Kale and Kumar 2018)."""
    lr_t = lr * sqrt(1.0 - beta2**t) / (1.0 - beta1**t)
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    u = maximum(u, v)
    w = w - lr_t * m / (sqrt(u) + eps)
    return w, m, v, u


def amsgrad_corrected(
    w: Array, g: Array, m: Array, v: Array, u: Array, lr: float, beta1: float, beta2: float, eps: float, t: float
) -> tuple[Array, Array, Array, Array]:
    """AMSGrad with the largest *corrected* v, as in optax."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    u = maximum(u, v / (1.0 - beta2**t))
    w = w - lr / (1.0 - beta1**t) * m / (sqrt(u) + eps)
    return w, m, v, u


def amsgrad_eps_root(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    u: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    eps_root: float,
    t: float,
) -> tuple[Array, Array, Array, Array]:
    """`amsgrad_corrected` with one eps beside the root and another under it (optax's ``eps_root``)."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    u = maximum(u, v / (1.0 - beta2**t))
    w = w - lr / (1.0 - beta1**t) * m / (sqrt(u + eps_root) + eps)
    return w, m, v, u


def adam_eps_root(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    eps_root: float,
    t: float,
) -> tuple[Array, Array, Array]:
    """Adam with one eps beside the root and another under it (optax's ``eps_root``)."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    w = w - lr / (1.0 - beta1**t) * m / (sqrt(v / (1.0 - beta2**t) + eps_root) + eps)
    return w, m, v


def adamax(
    w: Array, g: Array, m: Array, u: Array, lr: float, beta1: float, beta2: float, eps: float, t: float
) -> tuple[Array, Array, Array]:
    """Adam that brakes by the largest gradient, slowly forgotten (Kingma and Ba 2015, section 7.1)."""
    m = m + (1 - beta1) * (g - m)
    u = maximum(beta2 * u, abs(g))
    w = w - lr / (1.0 - beta1**t) * m / (u + eps)
    return w, m, u


def adamax_eps_in_norm(
    w: Array, g: Array, m: Array, u: Array, lr: float, beta1: float, beta2: float, eps: float, t: float
) -> tuple[Array, Array, Array]:
    """Adamax whose eps is added to the gradient before the largest is taken, as in PyTorch and optax."""
    m = m + (1 - beta1) * (g - m)
    u = maximum(beta2 * u, abs(g) + eps)  # type: ignore[operator]
    w = w - lr / (1.0 - beta1**t) * m / u
    return w, m, u


def nadam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: float,
    mu: float,
    mu_next: float,
    mu_product: float,
) -> tuple[Array, Array, Array]:
    """Adam that looks ahead (Dozat 2016); mu is this step's momentum, mu_product that of all steps so far."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    ahead = mu_next / (1.0 - mu_product * mu_next) * m + (1.0 - mu) / (1.0 - mu_product) * g
    w = w - lr * sqrt(1.0 - beta2**t) * ahead / (sqrt(v) + eps)
    return w, m, v


def nadam_eps_root(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    eps_root: float,
    t: float,
    mu: float,
    mu_next: float,
    mu_product: float,
) -> tuple[Array, Array, Array]:
    """NAdam with one eps beside the root and another under it (optax's ``eps_root``)."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    ahead = mu_next / (1.0 - mu_product * mu_next) * m + (1.0 - mu) / (1.0 - mu_product) * g
    w = w - lr * ahead / (sqrt(v / (1.0 - beta2**t) + eps_root) + eps)
    return w, m, v


def radam(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    t: float,
    rectified: float,
) -> tuple[Array, Array, Array]:
    """Adam whose strides are shortened while v is still a guess (Liu et al. 2020); see `rectification`."""
    lr = rectified * lr
    w, m, v = adam(w, g, m, v, lr, beta1, beta2, eps, t)
    return w, m, v


def radam_eps_root(
    w: Array,
    g: Array,
    m: Array,
    v: Array,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    eps_root: float,
    t: float,
    rectified: float,
) -> tuple[Array, Array, Array]:
    """RAdam with one eps beside the root and another under it (optax's ``eps_root``)."""
    lr = rectified * lr
    w, m, v = adam_eps_root(w, g, m, v, lr, beta1, beta2, eps, eps_root, t)
    return w, m, v


def radam_start(
    w: Array, g: Array, m: Array, v: Array, lr: float, beta1: float, beta2: float, t: float
) -> tuple[Array, Array, Array]:
    """RAdam's first steps, before its brake can be trusted at all: the corrected first moment alone."""
    m = m + (1 - beta1) * (g - m)
    v = v + (1 - beta2) * (g * g - v)
    w = w - lr / (1.0 - beta1**t) * m
    return w, m, v


# What may happen to a gradient or a parameter before the rule ---------------------------------------------------------


def scaled(g: Array, scale: float) -> Array:
    """The gradient times one number: clipping by the global norm."""
    g = scale * g
    return g


def clipped(g: Array, clip_value: float) -> Array:
    """Every entry of the gradient brought into -clip_value .. clip_value."""
    g = minimum(maximum(g, -clip_value), clip_value)
    return g


def opposite(g: Array) -> Array:
    """Uphill instead of downhill: maximise."""
    g = -g
    return g


def coupled_decay(w: Array, g: Array, weight_decay: float) -> Array:
    """The gradient of weight_decay / 2 * w**2 added to the gradient, so that the brake feels it too."""
    g = g + weight_decay * w
    return g


def decoupled_decay(w: Array, lr: float, weight_decay: float) -> Array:
    """The weights shrink by lr * weight_decay of themselves; the optimizer's state never sees it."""
    w = w - lr * weight_decay * w
    return w


# Settings made from settings ------------------------------------------------------------------------------------------


def decayed_lr(lr: float, lr_decay: float, t: float) -> float:
    """The learning rate that falls like 1 / t: lr at the first update, lr / (1 + lr_decay) at the second."""
    return lr / (1 + (t - 1) * lr_decay)


def eps_hat(eps: float, beta2: float, t: float) -> float:
    """Adam's eps as the paper's Algorithm 1 means it: added to the *corrected* root (PyTorch, optax)."""
    root: float = sqrt(1.0 - beta2**t)
    return eps * root


def eps_hat_inside(eps: float, beta2: float, t: float) -> float:
    """The same for an eps inside the root: added to the corrected second moment (optax's ``eps_root``)."""
    power: float = beta2**t
    return eps * (1.0 - power)


def clip_scale(norm: float, clip_norm: float) -> float:
    """What the gradients are multiplied by so that their global norm is at most clip_norm; NaN if the norm is NaN."""
    return clip_norm / norm if norm > clip_norm else 1.0 + 0.0 * norm


def nadam_momentum(beta1: float, momentum_decay: float, t: float) -> float:
    """NAdam's momentum of update t: half of beta1 at first, all of it later (Dozat 2016)."""
    fading: float = 0.96 ** (t * momentum_decay)
    return beta1 * (1.0 - 0.5 * fading)


def rectification(beta2: float, t: float) -> float:
    """How far RAdam trusts v after t updates: 0 not at all (use `radam_start`), up to 1 fully (Liu et al. 2020)."""
    longest = 2.0 / (1.0 - beta2) - 1.0
    power: float = beta2**t
    length = longest - 2.0 * t * power / (1.0 - power)
    if length <= 5.0:
        return 0.0
    return math.sqrt((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length))
