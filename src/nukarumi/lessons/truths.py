"""What the lessons claim, computed: each function is one claim, walked by the library or read from what was measured.

The claims stand in the order of the chapters that make them. Words such as "ahead" or "never settles" are claims too:
functions that return True. A claim that stops being true stops the build.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import Counter
from typing import Any

import numpy as np

from nukarumi import optim, rules
from nukarumi.lessons.claims import Value, claim
from nukarumi.lessons.learner import class_of, listing
from nukarumi.lessons.measure import measured
from nukarumi.lessons.scenes import scene
from nukarumi.lessons.walks import Walk, walk, walks
from nukarumi.problems.reviews import sentences, words_and_pairs
from nukarumi.problems.terrains import NAMES, terrain
from nukarumi.translate.mutations import mutated
from nukarumi.translate.straight import compiled, read

NEAR = 0.01
"""A hiker has arrived when it stands no higher than this above the valley's floor."""


def _walk(name: str, hiker: int = 0) -> Walk:
    return walk(scene(name), hiker)


def _arrival(name: str, hiker: int = 0) -> int:
    steps = _walk(name, hiker).first_below(NEAR)
    return int(steps) if math.isfinite(steps) else -1


def _first(name: str) -> str:
    """Who arrives first."""
    arrivals = {who: walked.first_below(NEAR) for who, walked in walks(scene(name)).items()}
    return min(arrivals, key=lambda who: arrivals[who])


def _crossings(values: Any) -> int:
    """How often a coordinate changes its side."""
    sides = np.sign(values[values != 0])
    return int(np.count_nonzero(sides[1:] != sides[:-1]))


# 1: why SGD stumbles -------------------------------------------------------------------------------------------------


@claim
def near() -> Value:
    """The height at which a hiker counts as arrived."""
    return NEAR


@claim
def sgd_setting_never_changes() -> Value:
    """SGD's learning rate is the same at every step."""
    return bool((_walk("zigzag").rate == 0.95).all())


@claim
def sgd_stride_is_lr_times_slope() -> Value:
    """Every stride of SGD is lr times the slope, to the last bit but rounding."""
    walked = _walk("zigzag")
    return bool(np.allclose(walked.steps, -0.95 * walked.g, rtol=1e-12, atol=1e-15))


@claim
def zigzag_first() -> Value:
    """Slopes and strides of SGD's first step in the valley, and how many times steeper y is."""
    walked = _walk("zigzag")
    (gx, gy), (dx, dy) = np.abs(walked.g[0]), np.abs(walked.steps[0])
    return {"gx": gx, "gy": gy, "dx": dx, "dy": dy, "times": gy / gx, "strides": dy / dx}


@claim
def zigzag_crossings() -> Value:
    """In how many of the first twelve steps SGD changes the side of the valley."""
    return _crossings(_walk("zigzag").y[:13])


@claim
def zigzag_arrival() -> Value:
    """After how many steps the zigzagging SGD has arrived."""
    return _arrival("zigzag")


@claim
def brave_fate() -> Value:
    """What becomes of SGD with a slightly larger rate: each crossing ends higher than it began."""
    walked = _walk("brave")
    grows = bool((np.abs(walked.y[1:]) > np.abs(walked.y[:-1])).all())
    return "away" if grows and walked.loss[-1] > walked.loss[0] else "other"


@claim
def brave_height() -> Value:
    """How high the too brave SGD stands at the end, and how high it began."""
    walked = _walk("brave")
    return {"start": walked.loss[0], "end": walked.loss[-1]}


@claim
def timid_left() -> Value:
    """Where the careful SGD stands after all its steps: x and height."""
    walked = _walk("timid")
    return {"x": walked.x[-1], "height": walked.loss[-1], "y": abs(walked.y[-1])}


@claim
def timid_is_across_but_not_along() -> Value:
    """The careful SGD has solved y and not x."""
    walked = _walk("timid")
    return bool(abs(walked.y[-1]) < 0.001 and abs(walked.x[-1]) > 4)


@claim
def valley_limit() -> Value:
    """The rate from which on SGD leaves this valley: 2 over the curvature across."""
    across = terrain("bowl").gradient(0.0, 1.0)[1]
    limit = 2 / across
    base = scene("zigzag")

    def end(lr: float) -> float:
        hiker = base.hikers[0]
        settled = base.but(steps=200, hikers=(type(hiker)("SGD", settings=(("lr", lr),)),))
        return float(abs(walk(settled).y[-1]))

    return limit if end(0.98 * limit) < 2 < end(1.02 * limit) else math.nan


# 2: shoes with a mud sensor ------------------------------------------------------------------------------------------


@claim
def shoes_first() -> Value:
    """The first strides in the valley: SGD's follow the slope, Adagrad's are equal."""
    sgd, adagrad = np.abs(_walk("shoes", 0).steps[0]), np.abs(_walk("shoes", 1).steps[0])
    return {"sgd_x": sgd[0], "sgd_y": sgd[1], "adagrad_x": adagrad[0], "adagrad_y": adagrad[1]}


@claim
def shoes_first_heights() -> Value:
    """How high each stands after the first step in the valley; all began at the same height."""
    sgd, adagrad = _walk("shoes", 0).loss, _walk("shoes", 1).loss
    return {"start": sgd[0], "sgd": sgd[1], "adagrad": adagrad[1]}


@claim
def adagrad_first_step_is_lr_everywhere() -> Value:
    """On every terrain and from any place Adagrad's first stride is lr, unless the slope is next to nothing."""
    dice = np.random.default_rng(1)
    for name in NAMES:
        ground = terrain(name)
        for _ in range(20):
            place = np.array([dice.uniform(low, high) for low, high in ground.box])
            slope = np.array(ground.gradient(place[0], place[1]))
            params = {"w": place.copy()}
            optim.Adagrad(lr=0.5).update(params, {"w": slope})
            steep = np.abs(slope) > 1e-3
            if not np.allclose((params["w"] - place)[steep], -0.5 * np.sign(slope[steep]), rtol=2e-4):
                return False
    return True


@claim
def adagrad_second() -> Value:
    """Adagrad's second stride in the valley, and how many times longer the rested foot steps."""
    x, y = np.abs(_walk("shoes", 1).steps[1])
    return {"x": x, "y": y, "times": x / y}


@claim
def adagrad_never_crosses() -> Value:
    """Adagrad walks down to the valley's floor without changing sides once."""
    return _crossings(_walk("shoes", 1).y[:21]) == 0


@claim
def shoes_first_home() -> Value:
    """Who arrives first in the valley."""
    return _first("shoes")


@claim
def shoes_arrival() -> Value:
    """After how many steps each arrives."""
    return {"sgd": _arrival("shoes", 0), "adagrad": _arrival("shoes", 1)}


@claim
def sgd_has_no_memory() -> Value:
    """SGD has no state and Adagrad has one number for each parameter."""
    return optim.SGD.state_names == () and optim.Adagrad.state_names == ("h",)


# 3: h, the tired feet ------------------------------------------------------------------------------------------------


@claim
def h_after() -> Value:
    """h of both feet after one and after three steps."""
    h = _walk("tired").states["h"]
    return {"x1": h[1, 0], "y1": h[1, 1], "x3": h[3, 0], "y3": h[3, 1]}


@claim
def tired_foot() -> Value:
    """Which foot is more tired after three steps."""
    x, y = _walk("tired").states["h"][3]
    return "y" if y > x else "x"


@claim
def h_never_falls() -> Value:
    """On every terrain h stays or grows, step after step."""
    base = scene("tired")
    for name in NAMES:
        h = walk(base.but(terrain=name, start=terrain(name).starts[0])).states["h"]
        if not (np.diff(h, axis=0) >= 0).all():
            return False
    return True


@claim
def h_is_the_sum_of_squares() -> Value:
    """h is the sum of the squared slopes, exactly."""
    walked = _walk("tired")
    total = np.zeros(2)
    for k, g in enumerate(walked.g):
        total = total + g * g
        if not (walked.states["h"][k + 1] == total).all():
            return False
    return True


@claim
def flat_steps_for_one_steep() -> Value:
    """How many steps of slope 1 tire as much as a single step of slope 10."""
    _, steep = rules.adagrad(0.0, 10.0, 0.0, 0.1, 1e-7)
    h: Any = 0.0
    for count in itertools.count(1):
        _, h = rules.adagrad(0.0, 1.0, h, 0.1, 1e-7)
        if h >= steep:
            return count
    raise AssertionError("unreachable")


@claim
def sleeping_foot() -> Value:
    """On the sparse ravine, how many of the steps the foot y felt a slope at all."""
    walked = _walk("rare", 1)
    return {"awake": int(np.count_nonzero(walked.g[:, 1])), "steps": len(walked.g)}


@claim
def a_sleeping_foot_does_not_tire() -> Value:
    """Where the slope is 0, neither the foot nor its h changes."""
    walked = _walk("rare", 1)
    asleep = walked.g[:, 1] == 0
    h = walked.states["h"][:, 1]
    return bool(asleep.any() and (np.diff(h)[asleep] == 0).all() and (walked.steps[asleep, 1] == 0).all())


def _saturated(dtype: Any) -> int:
    """The h at which adding the square of a slope of 1 no longer changes it."""
    power = 0
    while True:
        h = np.array(2.0**power, dtype=dtype)
        grown = rules.adagrad(h * 0, h * 0 + 1, h, 0.1, 1e-7)[1]
        if grown == h:
            return int(2**power)
        power += 1


@claim
def h_saturates() -> Value:
    """Where h stops growing under unit slopes, in half and in single precision."""
    return {"half": _saturated(np.float16), "single": _saturated(np.float32)}


# 4: the formula read aloud -------------------------------------------------------------------------------------------


@claim
def aloud() -> Value:
    """The numbers of the first two steps of the walk that is read aloud."""
    walked = _walk("small")
    h = walked.states["h"]
    out: dict[str, float] = {}
    for k in (0, 1):
        for axis, name in enumerate("xy"):
            out[f"g{name}{k + 1}"] = walked.g[k, axis]
            out[f"h{name}{k + 1}"] = h[k + 1, axis]
            out[f"root{name}{k + 1}"] = math.sqrt(h[k + 1, axis])
            out[f"step{name}{k + 1}"] = walked.steps[k, axis]
            out[f"w{name}{k + 1}"] = walked.places[k + 1, axis]
    return out


@claim
def aloud_slope_ratio() -> Value:
    """How many times steeper y is than x at the start of the walk that is read aloud."""
    gx, gy = np.abs(_walk("small").g[0])
    return float(gy / gx)


@claim
def aloud_first_strides_equal() -> Value:
    """Both first strides are 1, to six digits."""
    return bool(np.allclose(np.abs(_walk("small").steps[0]), 1, rtol=1e-6))


@claim
def aloud_longer() -> Value:
    """Which foot takes the longer second stride."""
    x, y = np.abs(_walk("small").steps[1])
    return "x" if x > y else "y"


@claim
def rule_has_two_lines() -> Value:
    """Adagrad's rule, as the library runs it, is two lines."""
    return len(read(rules.adagrad).lines)


# 5: why a root, why divide -------------------------------------------------------------------------------------------


def _moved(rule: Any, slopes: Any, lr: float = 1.0) -> Any:
    """Where w stands after each of some slopes, by a rule like Adagrad's without eps."""
    step = compiled(rule)
    w, h, out = 0.0, 0.0, []
    for g in slopes:
        w, h = step(w, float(g), h, lr, 0.0)
        out.append(w)
    return np.array(out)


ADAGRAD = read(rules.adagrad)
ROOTLESS = mutated(ADAGRAD, "no_root")


@claim
def rootless_first() -> Value:
    """The first strides without the root: the gentler the slope, the longer."""
    x, y = np.abs(_walk("rootless", 1).steps[0])
    return {"x": x, "y": y}


@claim
def rootless_turns_slopes_around() -> Value:
    """Without the root the steeper foot takes the shorter first stride."""
    (gx, gy), (x, y) = np.abs(_walk("rootless", 1).g[0]), np.abs(_walk("rootless", 1).steps[0])
    return bool(gy > gx and y < x)


@claim
def rootless_arrival() -> Value:
    """After how many steps each arrives, with the root and without."""
    return {"right": _arrival("rootless", 0), "wrong": _arrival("rootless", 1)}


@claim
def endless_slope() -> Value:
    """How far 10000 steps on an endless slope of 1 lead, with the root and without, in units of lr."""
    slopes = np.ones(10_000)
    return {
        "steps": len(slopes),
        "right": abs(_moved(ADAGRAD, slopes)[-1]),
        "wrong": abs(_moved(ROOTLESS, slopes)[-1]),
    }


@claim
def scale_free() -> Value:
    """Slopes in another unit, a thousand times larger, leave Adagrad's steps as they are."""
    slopes = np.random.default_rng(2).normal(size=50)
    return bool(np.allclose(_moved(ADAGRAD, slopes), _moved(ADAGRAD, 1000 * slopes), rtol=1e-9))


@claim
def rootless_shrinks() -> Value:
    """By what factor the steps without a root shrink when slopes are a thousand times larger."""
    slopes = np.random.default_rng(2).normal(size=50)
    ratios = _moved(ROOTLESS, slopes) / _moved(ROOTLESS, 1000 * slopes)
    return round(float(ratios[-1]), 6) if np.allclose(ratios, ratios[-1]) else math.nan


@claim
def brakes_differ() -> Value:
    """How many times larger the rested foot's effective rate is at the end of the walk in the valley."""
    x, y = _walk("shoes", 1).rate[-1]
    return float(x / y)


@claim
def overwritten_fate() -> Value:
    """What becomes of Adagrad when h is overwritten: all its strides stay lr and it never settles."""
    walked = _walk("overwritten", 1)
    same = np.allclose(np.abs(walked.steps), 1.5, rtol=1e-5)
    return "bounces" if same and walked.loss[-10:].min() > NEAR else "other"


@claim
def overwritten_stride() -> Value:
    """The last stride with h overwritten."""
    return float(np.abs(_walk("overwritten", 1).steps[-1]).max())


@claim
def straight_arrival() -> Value:
    """In the valley along the axes: after how many steps each arrives."""
    return {"sgd": _arrival("straight", 0), "adagrad": _arrival("straight", 1)}


@claim
def turned_arrival() -> Value:
    """In the same valley turned by 45 degrees: after how many steps each arrives."""
    return {"sgd": _arrival("turned", 0), "adagrad": _arrival("turned", 1)}


@claim
def turned_first_home() -> Value:
    """Who arrives first in the turned valley."""
    return _first("turned")


@claim
def turning_does_not_matter_to_sgd() -> Value:
    """SGD takes the same number of steps whichever way the valley points."""
    return _arrival("straight", 0) == _arrival("turned", 0)


@claim
def turned_brakes() -> Value:
    """How far apart the two effective rates are at the end, along the axes and turned, the larger over the smaller."""
    straight, turned = _walk("straight", 1).rate[-1], _walk("turned", 1).rate[-1]
    return {"straight": straight.max() / straight.min(), "turned": turned.max() / turned.min()}


# 6: the airbag -------------------------------------------------------------------------------------------------------


@claim
def airbag_fate() -> Value:
    """What the first step without an airbag gives on the axis."""
    return "nan" if math.isnan(_walk("airbag", 1).y[1]) else "other"


@claim
def with_airbag_it_stays() -> Value:
    """With the airbag the foot without a slope stays exactly where it is."""
    return bool((_walk("airbag", 0).y == 0).all())


@claim
def numpy_only_warns() -> Value:
    """0 / 0 in NumPy is a RuntimeWarning and nan; in plain Python it raises ZeroDivisionError."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quotient = np.array(0.0) / np.array(0.0)
    try:
        0.0 / 0.0  # noqa: B018
        raised = False
    except ZeroDivisionError:
        raised = True
    return bool(np.isnan(quotient) and caught[0].category is RuntimeWarning and raised)


@claim
def nan_spreads() -> Value:
    """One nan weight in a layer makes every output of the network nan."""
    dice = np.random.default_rng(0)
    first, second, x = dice.normal(size=(8, 5)), dice.normal(size=(5, 3)), dice.normal(size=(4, 8))
    first[0, 0] = np.nan
    return bool(np.isnan(np.maximum(x @ first, 0) @ second).all())


@claim
def airbag_price() -> Value:
    """By what share eps shortens the first step at slope 1, and at a slope of 1e-7."""
    ones = {slope: rules.adagrad(0.0, slope, 0.0, 1.0, 1e-7)[0] for slope in (1.0, 1e-7)}
    return {"steep": 1 + float(ones[1.0]), "gentle": 1 + float(ones[1e-7])}


@claim
def half_leap() -> Value:
    """In half precision a slope of 1e-4: its square, and the first step in units of lr."""
    zero, g = np.array(0, dtype=np.float16), np.array(1e-4, dtype=np.float16)
    w, h = rules.adagrad(zero, g, zero, 1.0, 1e-7)
    return {"square": float(h), "lr": abs(float(w))}


@claim
def half_has_no_small_eps() -> Value:
    """PyTorch's 1e-10 is 0 in half precision, so there is no airbag at all."""
    eps = optim.Adagrad.like("torch").settings["eps"]
    return bool(eps == 1e-10 and np.float16(eps) == 0)


# 7: the code ---------------------------------------------------------------------------------------------------------


def _by_class(cls: Any, steps: int = 40) -> Any:
    ground, place, out = terrain("bowl"), np.array([-7.0, 2.0]), []
    made, params = cls(lr=1.5), {"w": place}
    with np.errstate(all="ignore"):
        for _ in range(steps):
            made.update(params, {"w": np.array(ground.gradient(place[0], place[1]))})
            out.append(place.copy())
    return np.array(out)


@claim
def class_equals_library() -> Value:
    """The class of the lesson and the library walk alike, to the last bit."""
    return bool((_by_class(class_of(listing("Adagrad"))) == _walk("shoes", 1).places[1:]).all())


@claim
def rebinding_fate() -> Value:
    """What a network sees whose optimizer writes ``params[key] = params[key] - step``: nothing."""
    weights = np.ones(3)
    network, params = {"W": weights}, {"W": weights}
    params["W"] = params["W"] - 0.1
    return "nothing" if (network["W"] == 1).all() and (params["W"] != 1).all() else "other"


@claim
def in_place_reaches_the_network() -> Value:
    """What a network sees whose optimizer writes ``params[key] -= step``: the step."""
    weights = np.ones(3)
    network, params = {"W": weights}, {"W": weights}
    params["W"] -= 0.1
    return bool((network["W"] == params["W"]).all() and (network["W"] != 1).all())


@claim
def whole_numbers_refuse() -> Value:
    """An array of integers cannot take a fractional step in place: NumPy raises a TypeError."""
    try:
        _ = np.array([1, 2])
        _ -= np.array([0.1, 0.1])
    except TypeError:
        return True
    return False


@claim
def class_lines() -> Value:
    """How many lines of the class are the rule itself."""
    return len(listing("Adagrad").steps)


# 8: rare words -------------------------------------------------------------------------------------------------------


@claim
def review_sentences() -> Value:
    """How many sentences there are in the reviews, and how many are read for training."""
    texts, _ = sentences()
    return {"all": len(texts), "train": int(0.8 * len(texts))}


@claim
def review_words() -> Value:
    """How many words and pairs count, and what share of them stands in at most five training sentences, in percent."""
    texts, _ = sentences()
    counts: Counter[str] = Counter()
    for text in texts[: int(0.8 * len(texts))]:
        counts.update(words_and_pairs(text))
    kept = [count for count in counts.values() if count >= 2]
    return {
        "features": len(kept),
        "seldom": 100 * sum(count <= 5 for count in kept) / len(kept),
        "most": max(kept),
    }


def _readers() -> Any:
    return measured()["reviews"]["readers"]


@claim
def review_errors() -> Value:
    """Wrong answers on the test sentences after one reading, in percent, and each reader's best rate."""
    readers = _readers()
    return {
        "sgd": 100 * readers["SGD"]["test_error"],
        "adagrad": 100 * readers["Adagrad"]["test_error"],
        "sgd_lr": readers["SGD"]["lr"],
        "adagrad_lr": readers["Adagrad"]["lr"],
        "seeds": len(measured()["reviews"]["seeds"]),
    }


@claim
def adagrad_reads_better() -> Value:
    """Adagrad errs less than SGD on the test sentences, for every order of the sentences."""
    readers = _readers()
    return bool(max(readers["Adagrad"]["test_errors"]) < min(readers["SGD"]["test_errors"]))


@claim
def review_rates() -> Value:
    """Adagrad's effective rate for the rarest and for the most frequent words, and how far they are apart."""
    points = _readers()["Adagrad"]["rate_by_count"]
    return {"rare": points[0][1], "frequent": points[-1][1], "times": points[0][1] / points[-1][1]}


@claim
def sgd_treats_all_words_alike() -> Value:
    """SGD's effective rate is the same for rare and frequent words."""
    return len({rate for _, rate in _readers()["SGD"]["rate_by_count"]}) == 1


@claim
def rare_arrival() -> Value:
    """On the sparse ravine: after how many steps Adagrad arrives, and how high SGD still stands at the end."""
    return {"adagrad": _arrival("rare", 1), "sgd_height": _walk("rare", 0).loss[-1], "sgd_y": _walk("rare", 0).y[-1]}


@claim
def rare_first_home() -> Value:
    """Who arrives first on the sparse ravine."""
    return _first("rare")


@claim
def sgd_never_gets_the_rare_one() -> Value:
    """SGD does not arrive on the sparse ravine within the walk."""
    return _arrival("rare", 0) == -1


# 9: the fatal weakness -----------------------------------------------------------------------------------------------


@claim
def smooth_fate() -> Value:
    """Whether Adagrad gets to the floor of the smooth valley although h only grows."""
    walked = _walk("smooth")
    return "arrives" if walked.loss[-1] < 1e-12 else "stops"


@claim
def smooth_h() -> Value:
    """h of x at the two hundredth step and at the end, and its growth in between in percent."""
    h = _walk("smooth").states["h"][:, 0]
    return {"early": h[200], "late": h[-1], "growth": 100 * (h[-1] / h[200] - 1), "steps": len(h) - 1}


@claim
def smooth_height() -> Value:
    """The height at the end of the smooth valley."""
    return float(_walk("smooth").loss[-1])


@claim
def noise_exponent() -> Value:
    """With noise, the power of t by which the effective rate falls, fitted from step 100 on."""
    rate = _walk("noise").rate[:, 1]
    t = np.arange(1, len(rate) + 1)
    late = t >= 100
    return float(np.polyfit(np.log(t[late]), np.log(rate[late]), 1)[0])


@claim
def noise_falls_like_a_root() -> Value:
    """That power is minus a half, within a twentieth."""
    found = noise_exponent()
    return isinstance(found, float) and abs(found + 0.5) < 0.05


@claim
def noise_rates() -> Value:
    """Adagrad's effective rate under noise at steps 1, 500 and 2000, and the quotient of the last two."""
    rate = _walk("noise").rate[:, 1]
    return {"first": rate[0], "middle": rate[499], "last": rate[1999], "quotient": rate[1999] / rate[499]}


@claim
def noise_left() -> Value:
    """Where Adagrad stands in x after all steps under noise; it began at -9 and the valley's end is 0."""
    return float(_walk("noise").x[-1])


@claim
def noise_rmsprop_levels_off() -> Value:
    """Under noise RMSprop's effective rate falls to a third or less in 500 steps, and then stays within a fifth."""
    rate = _walk("noise", 1).rate
    early, late = rate[400:600].mean(axis=0), rate[-200:].mean(axis=0)
    return bool(np.all(early < rate[0] / 3) and np.all(np.abs(late / early - 1) < 0.2))


@claim
def noise_leaves_adagrad_behind() -> Value:
    """Under noise Adagrad is farther from the end than RMSprop, whose rate has stopped falling."""
    adagrad, rmsprop = _walk("noise", 0), _walk("noise", 1)
    return bool(abs(adagrad.x[-1]) > abs(rmsprop.x[-1]) and noise_rmsprop_levels_off())


@claim
def cliff_end() -> Value:
    """Behind the cliff: where Adagrad stands after all its steps, and where the valley ends."""
    walked = _walk("cliff")
    return {
        "x": walked.x[-1],
        "floor": terrain("cliff").minima[0][0],
        "steps": len(walked.g),
        "slope": -walked.g[-1, 0],
    }


@claim
def cliff_brake() -> Value:
    """The effective rate in x at the first step and at the end of the cliff walk; and the slope on the cliff."""
    walked = _walk("cliff")
    return {
        "steep": float(np.abs(walked.g[:, 0]).max()),
        "last": walked.rate[-1, 0],
        "lr": 0.5,
        "times": 0.5 / walked.rate[-1, 0],
    }


@claim
def gentle_arrival() -> Value:
    """After how many steps the same hiker arrives that starts behind the cliff."""
    return _arrival("gentle")


@claim
def cliff_leaves_it_exhausted() -> Value:
    """The slope has not gone, but the brake has eaten the step: exhausted, not arrived."""
    walked = _walk("cliff")
    return bool(abs(walked.g[-1, 0]) > 0.5 and abs(walked.steps[-1, 0]) < 0.002)


# 10: RMSprop ---------------------------------------------------------------------------------------------------------


@claim
def forget_first_home() -> Value:
    """Who reaches the end of the valley behind the cliff."""
    return _first("forget")


@claim
def forget_arrival() -> Value:
    """After how many steps RMSprop arrives behind the cliff."""
    return _arrival("forget", 1)


def _half_life(keep: float) -> int:
    """After how many steps less than half of a square is left in RMSprop's memory."""
    _, first = rules.rmsprop(0.0, 1.0, 0.0, 0.1, keep, 1e-7)
    h: Any = first
    for count in itertools.count(1):
        _, h = rules.rmsprop(0.0, 0.0, h, 0.1, keep, 1e-7)
        if h < first / 2:
            return count
    raise AssertionError("unreachable")


@claim
def half_lives() -> Value:
    """After how many steps half of a memory has faded, for decay rates 0.9 and 0.99."""
    return {"short": _half_life(0.9), "long": _half_life(0.99)}


@claim
def rms_first_stride() -> Value:
    """RMSprop's first stride in units of lr, for decay rates 0.9 and 0.99."""
    strides = {keep: -float(rules.rmsprop(0.0, 1.0, 0.0, 1.0, keep, 1e-7)[0]) for keep in (0.9, 0.99)}
    return {"short": strides[0.9], "long": strides[0.99]}


@claim
def restless_stride() -> Value:
    """RMSprop's last strides in the smooth valley, where Adagrad has come to rest."""
    strides = np.abs(_walk("restless", 1).steps[-20:]).max(axis=0)
    return {"x": strides[0], "y": strides[1], "adagrad": float(np.abs(_walk("restless", 0).steps[-20:]).max())}


@claim
def rms_never_rests_there() -> Value:
    """RMSprop still moves by about lr at the end of the smooth valley, while Adagrad stands."""
    strides = np.abs(_walk("restless", 1).steps[-20:]).max()
    return bool(strides > 0.25 and np.abs(_walk("restless", 0).steps[-20:]).max() < 1e-6)


@claim
def settles_first() -> Value:
    """Who comes to rest in the smooth valley."""
    return "Adagrad" if rms_never_rests_there() else "RMSprop"


@claim
def cliff_fades() -> Value:
    """The largest h of RMSprop in x on the cliff and fifty steps later, and the factor between."""
    h = _walk("forget", 1).states["h"][:, 0]
    top = int(h.argmax())
    return {"top": h[top], "later": h[top + 50], "times": h[top] / h[top + 50]}


# 11: Momentum --------------------------------------------------------------------------------------------------------


@claim
def roll_first_home() -> Value:
    """Who arrives first with the same small rate."""
    return _first("roll")


@claim
def roll_arrival() -> Value:
    """After how many steps Momentum arrives, and where SGD stands when the walk is over."""
    return {"momentum": _arrival("roll", 1), "sgd_x": _walk("roll", 0).x[-1], "steps": len(_walk("roll", 0).g)}


@claim
def sgd_does_not_arrive_rolling() -> Value:
    """SGD with the same small rate does not arrive within the walk."""
    return _arrival("roll", 0) == -1


@claim
def roll_overshoot() -> Value:
    """How far Momentum rolls past the end of the valley."""
    return float(_walk("roll", 1).x.max())


@claim
def top_speed() -> Value:
    """How many times lr * g Momentum's stride becomes on an endless slope, for momentum 0.9 and 0.5."""
    speeds = {}
    for mu in (0.9, 0.5):
        w, v = 0.0, 0.0
        for _ in range(1000):
            w, v = rules.momentum(w, 1.0, v, 1.0, mu)  # type: ignore[assignment]
        speeds[mu] = abs(v)
    return {"nine": round(speeds[0.9], 9), "five": round(speeds[0.5], 9)}


@claim
def banana_arrival() -> Value:
    """In the banana valley: after how many steps Momentum and Nesterov arrive."""
    return {
        "momentum": _arrival("banana", 1),
        "nesterov": _arrival("banana", 2),
        "sgd_height": _walk("banana", 0).loss[-1],
    }


@claim
def nesterov_is_slower_here() -> Value:
    """In the banana valley, at this rate, Nesterov arrives, and later than Momentum."""
    return _arrival("banana", 2) > _arrival("banana", 1) > 0


@claim
def sgd_does_not_get_round_the_bend() -> Value:
    """SGD does not arrive in the banana valley within the walk."""
    return _arrival("banana", 0) == -1


@claim
def frictionless_fate() -> Value:
    """What becomes of Momentum without friction: it swings and never rests."""
    walked = _walk("frictionless", 1)
    return "swings" if walked.loss[-40:].max() > 0.5 * walked.loss[0] else "rests"


@claim
def frictionless_height() -> Value:
    """The highest place of the last forty steps without friction, and the height of the start."""
    walked = _walk("frictionless", 1)
    return {"end": walked.loss[-40:].max(), "start": walked.loss[0]}


@claim
def momentum_has_no_brake() -> Value:
    """Momentum's effective rate is lr for every parameter, always."""
    return bool((_walk("roll", 1).rate == 0.1).all())


# 12: Adam ------------------------------------------------------------------------------------------------------------


@claim
def both_first_home() -> Value:
    """Who arrives first of Momentum, RMSprop and Adam."""
    return _first("both")


@claim
def both_arrival() -> Value:
    """After how many steps each of them arrives."""
    return {"momentum": _arrival("both", 0), "rmsprop": _arrival("both", 1), "adam": _arrival("both", 2)}


@claim
def adam_first_stride() -> Value:
    """Adam's first stride in units of lr, corrected and not."""
    right, wrong = _walk("correction", 0).steps[0], _walk("correction", 1).steps[0]
    return {"right": abs(right[0]) / 0.3, "wrong": abs(wrong[0]) / 0.3}


@claim
def adam_first_step_is_lr_everywhere() -> Value:
    """Adam's first stride is lr on both feet, whatever the slope."""
    return bool(np.allclose(np.abs(_walk("correction", 0).steps[0]), 0.3, rtol=1e-4))


@claim
def adam_correction() -> Value:
    """The factor on lr that the correction makes at steps 1, 10 and 1000."""
    factors = {}
    step = compiled(read(rules.adam))
    for t in (1, 10, 1000):
        # One step with m = v = 1 and g = 1 leaves both as they are: what is left is the factor itself.
        factors[f"t{t}"] = -float(step(0.0, 1.0, 1.0, 1.0, 1.0, 0.9, 0.999, 0.0, float(t))[0])
    return factors


@claim
def adam_memory_starts_empty() -> Value:
    """After the first step m holds a tenth of the slope and v a thousandth of its square."""
    _, m, v = rules.adam(0.0, 1.0, 0.0, 0.0, 0.1, 0.9, 0.999, 1e-7, 1.0)
    return {"m": round(float(m), 9), "v": round(float(v), 9)}


@claim
def adam_never_strides_farther_than_lr() -> Value:
    """On this walk no stride of Adam is longer than lr."""
    return float(np.abs(_walk("both", 2).steps).max()) <= 0.3


# 13: which shoe ------------------------------------------------------------------------------------------------------


def _standings() -> Any:
    return {each["optimizer"]: each for each in measured()["digits"]["standings"]}


@claim
def digit_setting() -> Value:
    """The race on digits: images, test images, epochs, judging seeds."""
    digits = measured()["digits"]
    return {
        "train": digits["rows"]["train"],
        "test": digits["rows"]["test"],
        "epochs": digits["epochs"],
        "seeds": digits["seeds"],
        "target": digits["target_loss"],
    }


@claim
def digit_winner() -> Value:
    """Who has the least test error on digits."""
    return str(measured()["digits"]["standings"][0]["optimizer"])


@claim
def digit_errors() -> Value:
    """Test errors on digits, in percent, each at its own best rate."""
    return {name.lower(): 100 * each["test_error"]["mean"] for name, each in _standings().items()}


@claim
def digit_spread() -> Value:
    """Their standard deviations over the seeds, in percentage points: the least and the largest."""
    spreads = [100 * each["test_error"]["sd"] for each in _standings().values()]
    return {"least": min(spreads), "largest": max(spreads)}


@claim
def digit_lrs() -> Value:
    """The best rates, and how many times the largest is the smallest."""
    lrs = {name.lower(): each["lr"] for name, each in _standings().items()}
    return {**lrs, "times": max(lrs.values()) / min(lrs.values())}


@claim
def digit_steps() -> Value:
    """After how many updates (the median) the training loss is at the target."""
    return {name.lower(): each["steps_to_target"] for name, each in _standings().items()}


@claim
def digit_fastest() -> Value:
    """Who is first at the target."""
    return str(min(_standings(), key=lambda name: _standings()[name]["steps_to_target"]))


@claim
def digit_one_image() -> Value:
    """How many percentage points of the test error a single image is."""
    return 100 / int(measured()["digits"]["rows"]["test"])


@claim
def adam_leads_by_less_than_the_scatter() -> Value:
    """Adam's lead over the next is smaller than the smallest of the scatters."""
    first, second = list(_standings().values())[:2]
    least = min(each["test_error"]["sd"] for each in _standings().values())
    lead = second["test_error"]["mean"] - first["test_error"]["mean"]
    return bool(first["optimizer"] == "Adam" and 0 < lead < least)


@claim
def adam_with_a_hundredth_of_its_rate() -> Value:
    """Adam's validation error in percent at its best rate and at a hundredth of it."""
    known = [each for each in _standings()["Adam"]["tried"] if each["validation_error"] is not None]
    tried = {each["lr"]: 100 * each["validation_error"] for each in known}
    best = _standings()["Adam"]["lr"]
    return {"best": tried[best], "hundredth": tried[min(tried, key=lambda lr: abs(math.log(lr / (best / 100))))]}


@claim
def a_bad_rate_costs_more_than_a_wrong_shoe() -> Value:
    """Adam at a hundredth of its rate errs more than the worst of the others at its best."""

    def best(one: Any) -> float:
        errors = [each["validation_error"] for each in one["tried"]]
        return float(min(error for error in errors if error is not None))

    worst = max(map(best, _standings().values()))
    tried = adam_with_a_hundredth_of_its_rate()
    return isinstance(tried, dict) and tried["hundredth"] > 100 * worst


@claim
def no_shoe_wins_everywhere() -> Value:
    """The first on the sparse ravine, in the banana valley and on digits are three different ones."""
    return len({rare_first_home(), rosenbrock_winner(), digit_winner()}) == 3


@claim
def rosenbrock_winner() -> Value:
    """Who stands lowest at the end of the walk in the banana valley, each at the rate shown."""
    found = walks(scene("rosenbrock"))
    return min(found, key=lambda name: float(found[name].loss[-1]))


@claim
def rosenbrock_heights() -> Value:
    """The heights there at the end."""
    return {name.lower(): float(walked.loss[-1]) for name, walked in walks(scene("rosenbrock")).items()}


@claim
def pass_first() -> Value:
    """Who leaves the pass first: the first to stand lower than the pass by one."""
    found = walks(scene("pass"))
    return min(found, key=lambda name: found[name].first_below(-1.0))


# 14: frameworks disagree ---------------------------------------------------------------------------------------------


def _like(cls: type[optim.Optimizer], library: str, slopes: Any, rates: Any = None, **settings: Any) -> float:
    """How far one weight has moved after some slopes, by another library's convention."""
    optimizer = cls.like(library, **settings)
    params = {"w": np.zeros(1)}
    for k, g in enumerate(slopes):
        if rates is not None:
            optimizer.lr = rates[k]
        optimizer.update(params, {"w": np.array([g])})
    return abs(float(params["w"][0]))


@claim
def gentle_first_step() -> Value:
    """Adagrad's first stride at slope 0.001 with lr 0.1, in each library, and PyTorch's over Keras's."""
    strides = {
        library: _like(optim.Adagrad, library, [0.001], lr=0.1) for library in ("torch", "keras", "optax", "book")
    }
    return {**strides, "times": strides["torch"] / strides["keras"]}


@claim
def steep_first_step() -> Value:
    """The same at slope 1."""
    return {library: _like(optim.Adagrad, library, [1.0], lr=0.1) for library in ("torch", "keras", "optax", "book")}


@claim
def adam_tiny_first_step() -> Value:
    """Adam's first stride at slope 1e-7 with lr 0.1, and PyTorch's over Keras's."""
    strides = {library: _like(optim.Adam, library, [1e-7], lr=0.1) for library in ("torch", "keras", "book")}
    return {**strides, "times": strides["torch"] / strides["keras"]}


@claim
def momentum_after_the_drop() -> Value:
    """Momentum, 25 steps on slope 1, lr 0.1 and then a tenth after step 10: how far it goes."""
    rates = [0.1] * 10 + [0.01] * 15
    return {lib: _like(optim.Momentum, lib, [1.0] * 25, rates, lr=0.1, momentum=0.9) for lib in ("torch", "keras")}


@claim
def momentum_agrees_without_the_drop() -> Value:
    """With one rate for the whole run the two forms of momentum are the same walk."""
    far = [_like(optim.Momentum, lib, [1.0] * 25, lr=0.1, momentum=0.9) for lib in ("torch", "keras")]
    return bool(abs(far[0] - far[1]) < 1e-12)


@claim
def adagrad_defaults() -> Value:
    """Where each library's Adagrad starts: h0, eps and lr."""
    out: dict[str, float] = {}
    for library in ("torch", "keras", "book"):
        settings = optim.Adagrad.like(library).settings
        out |= {f"{library}_h0": float(settings["initial_accumulator"])}
        out |= {f"{library}_eps": settings["eps"], f"{library}_lr": settings["lr"]}
    return out


@claim
def dialect_pass() -> Value:
    """On the pass with an almost level way out: after how many steps each dialect is lower by one."""
    state = scene("dialects")
    arrivals = {hiker.library: walk(state, k).first_below(-1.0) for k, hiker in enumerate(state.hikers)}
    return {library: int(steps) if math.isfinite(steps) else -1 for library, steps in arrivals.items()}


@claim
def dialect_pass_first() -> Value:
    """Which dialect leaves the pass first, of PyTorch's and Keras's."""
    found = dialect_pass()
    assert isinstance(found, dict)
    return "torch" if 0 < found["torch"] < found["keras"] or found["keras"] < 0 else "keras"


@claim
def book_and_torch_walk_alike() -> Value:
    """On this walk the book's and PyTorch's Adagrad are equal to one part in a thousand."""
    state = scene("dialects")
    book, torch = walk(state, 0), walk(state, 1)
    return bool(np.allclose(book.places, torch.places, rtol=1e-3))
