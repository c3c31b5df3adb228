"""What is planted is found, what is healthy raises no alarm, and everything is said in two languages."""

import importlib.util
import json
import re
from pathlib import Path

import numpy as np
import pytest

from nukarumi._errors import BadInput
from nukarumi.sensor import Finding, Kind, diagnose
from nukarumi.trail import Trail

ROOT = Path(__file__).parents[2]


def confusion():
    """The command of the benchmarks, as a module."""
    spec = importlib.util.spec_from_file_location("sensor_confusion", ROOT / "benchmarks" / "sensor_confusion.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TABLE = confusion()
NEEDS = {
    (Kind.UNDERFLOW, "float16"): "torch",
    (Kind.UPHILL, "negative lr"): "torch",
    (Kind.UPHILL, "masked leaf"): "optax",
}


@pytest.mark.parametrize(("kind", "name", "make"), list(TABLE.planted(1)), ids=lambda x: getattr(x, "name", x))
def test_planted_causes_are_found(kind, name, make):
    if (kind, name) in NEEDS:
        pytest.importorskip(NEEDS[kind, name])
    trail = make()
    found = diagnose(trail)
    assert kind in [finding.kind for finding in found], name
    again = diagnose(Trail.from_bytes(trail.to_bytes()))
    assert [finding.to_dict() for finding in again] == [finding.to_dict() for finding in found]


@pytest.mark.parametrize(("name", "make"), list(TABLE.healthy(10))[::3], ids=lambda x: x if isinstance(x, str) else "")
def test_healthy_trainings_raise_no_alarm(name, make):
    assert not [finding for finding in diagnose(make()) if finding.alarm]


@pytest.mark.parametrize(("name", "make"), list(TABLE.special(1)), ids=lambda x: x if isinstance(x, str) else "")
def test_what_looks_like_an_ailment_and_is_none_raises_no_alarm(name, make):
    assert not [finding.text() for finding in diagnose(make()) if finding.alarm], name


@pytest.mark.parametrize("k", range(1, 8))
def test_too_small_a_rate_is_found_with_every_optimizer(k):
    varieties = [(name, make) for kind, name, make in TABLE.planted(8) if kind is Kind.TOO_TIMID]
    for name, make in varieties[3 * k : 3 * k + 3]:
        assert [finding.kind for finding in diagnose(make())] == [Kind.TOO_TIMID], name


def test_the_report_has_a_word_for_every_number():
    words = (ROOT / "web" / "src" / "words" / "watch.ts").read_text(encoding="utf-8")
    told = {}
    for kind, name, make in TABLE.planted(1):
        if (kind, name) not in NEEDS:
            told |= {number: name for finding in diagnose(make()) for number in finding.evidence}
    assert len(told) >= 12
    assert not [number for number in {**told, "effective_lr": ""} if words.count(f"      {number}: '") != 2]


def walk(steps, *arrays, states=(), loss=lambda t: 1.0, meta=None):
    """A trail of readings; each array is a function of the step."""
    trail = Trail({name: (4, 4) for name, _ in arrays}, states=states, capacity=1024)
    trail.meta |= meta or {}
    for step in range(1, steps + 1):
        readings = {name: made for name, read in arrays if (made := read(step)) is not None}
        trail.append(step, loss(step), readings)
    return trail


def kinds(trail):
    return [finding.kind for finding in diagnose(trail)]


def still(step, **more):
    return {"gradient_norm": 1.0, "step_norm": 0.1, "weight_norm": 1.0, "gradient_cosine": 0.4, **more}


def test_one_bad_batch_is_no_peak():
    spiked = walk(60, ("w", lambda t: still(t, gradient_norm=1e9 if t == 20 else 1.0)), loss=lambda t: 1 / t)
    assert kinds(spiked) == []
    assert Kind.ARRIVED in kinds(walk(60, ("w", lambda t: still(t, gradient_norm=0.3**t)), loss=lambda t: 1 / t))


def braked(rate, state, **options):
    def read(t):
        return still(
            t, step_norm=0.1 * rate(t), **{"effective_lr": np.full(7, rate(t)), "state/h": np.full(7, state(t))}
        )

    return walk(200, ("w", read), states=("h",), loss=lambda t: 1 + np.exp(-t / 5), **options)


def test_a_schedule_is_no_brake():
    after_a_cliff = braked(lambda t: 1.0 if t < 3 else 0.01, lambda t: 1.0 if t < 3 else 1e4)
    assert kinds(after_a_cliff) == [Kind.EXHAUSTED]
    to_0 = braked(lambda t: (201 - t) / 4e4, lambda t: 1.0)
    assert kinds(to_0) == []
    without_a_brake = braked(lambda t: 1.0 if t < 3 else 0.01, lambda t: 1.0, meta={"brake": None})
    assert kinds(without_a_brake) == []


def test_a_loss_that_is_to_grow_may_grow():
    def climb(meta):
        read = lambda t: still(t, weight_norm=float(t))  # noqa: E731
        return walk(60, ("w", read), loss=lambda t: 0.1 * t, meta=meta)

    assert kinds(climb({})) == [Kind.EXPLODING]
    assert kinds(climb({"maximize": True})) == []


def test_a_negative_rate_goes_uphill_unless_the_loss_says_otherwise():
    def trained(loss, **options):
        read = lambda t: still(t, effective_lr=np.full(7, -0.1))  # noqa: E731
        return kinds(walk(40, ("w", read), loss=loss, **options))

    assert trained(lambda t: float("nan")) == [Kind.UPHILL]
    assert trained(lambda t: 1 + 0.01 * t) == [Kind.UPHILL]
    assert Kind.UPHILL not in trained(lambda t: 1 - 0.01 * t)  # the gradients are given with their sign turned
    assert Kind.UPHILL not in trained(lambda t: 1 + 0.01 * t, meta={"maximize": True})


def test_arrays_that_rest_spoil_no_sum():
    in_turn = walk(
        100,
        ("a", lambda t: still(t, gradient_norm=0.5**t) if t <= 50 else None),
        ("b", lambda t: still(t, gradient_norm=0.5 ** (t - 50)) if t > 50 else None),
        loss=lambda t: 1 / t,
    )
    assert kinds(in_turn) == [Kind.ARRIVED]


def test_a_layer_that_gets_no_gradient_any_more_is_dead():
    dies = walk(
        60,
        ("W1", lambda t: still(t, gradient_norm=float(t < 20), step_norm=float(t < 20))),
        ("W2", still),
        loss=lambda t: 1 / t,
    )
    (finding,) = diagnose(dies)
    assert (finding.kind, finding.arrays) == (Kind.DEAD_FEATURES, ("W1",))
    assert finding.evidence == {"arrays_without_gradient": 1}


def test_what_is_held_still_is_not_dead_and_what_stands_still_is_too_timid():
    def read(rate):
        part = {"step_norm": rate, "effective_lr": np.full(7, rate), "unmoved": float(rate == 0)}
        return lambda t: still(t, **part)

    def trained(**rates):
        trail = Trail(dict.fromkeys(rates, (4, 4)), measures=("unmoved",))
        for t in range(1, 151):
            trail.append(t, 1.0, {name: read(rate)(t) for name, rate in rates.items()})
        return kinds(trail)

    assert trained(backbone=0.0, head=0.01) == []
    assert trained(backbone=0.0, head=1e-5) == [Kind.TOO_TIMID]
    assert trained(a=0.0, b=0.0) == [Kind.TOO_TIMID]


def test_a_bounce_that_still_shrinks_has_not_arrived():
    valley = walk(
        200, ("w", lambda t: still(t, gradient_norm=0.98**t, gradient_cosine=-0.98)), loss=lambda t: 1 + 0.9**t
    )
    assert kinds(valley) == [Kind.OSCILLATING]


def test_a_trail_without_arrays_says_nothing():
    trail = Trail()
    trail.append(1, 0.5, {})
    with pytest.raises(BadInput, match="arrays that were watched"):
        diagnose(trail)


@pytest.mark.parametrize("kind", Kind)
def test_every_finding_speaks_both_languages_and_names_a_cure(kind):
    finding = Finding(kind, ("W1", "W2"), {"share": 0.25, "odd": float("inf")})
    english, japanese = finding.text("en"), finding.text("ja")
    assert "[W1, W2; share 0.25; odd inf]" in english
    assert re.search("[ぁ-ん]", finding.sentence("ja"))
    assert re.search("[ぁ-ん]", finding.cure("ja"))
    assert not re.search("[ぁ-んァ-ヶ一-龠]", english)
    assert finding.sentence("ja").endswith("。")
    assert finding.cure("en").endswith(".")
    assert english.count("→") == japanese.count("→") == 1
    plain = json.loads(json.dumps(finding.to_dict(), allow_nan=False))
    assert plain["kind"] == kind.name.lower()
    assert plain["evidence"] == {"share": 0.25, "odd": None}
    with pytest.raises(BadInput, match="en and ja"):
        finding.text("fr")


def test_a_race_trail_without_measures_is_diagnosed_as_far_as_it_goes():
    trail = Trail({"w": (100,)}, states=("h",), capacity=256)
    for step in range(1, 201):
        t = step - 1
        reading = {"gradient_norm": 0.7, "step_norm": 0.1 * np.exp(-t / 20), "weight_norm": 1.0}
        trail.append(step, 0.5 + np.exp(-t / 5), {"w": reading})
    assert [finding.kind for finding in diagnose(trail)] == [Kind.EXHAUSTED]
    frozen = Trail({"w": (2,)}, states=("h",))
    frozen.append(1, 1.0, {"w": {"gradient_norm": 1.0, "step_norm": 0.0, "state/h": np.full(7, np.inf)}})
    assert [finding.kind for finding in diagnose(frozen)] == [Kind.FROZEN]
    with pytest.raises(BadInput, match="at least one recorded step"):
        diagnose(Trail())


def test_short_walks_say_little():
    trail = Trail({"w": (2,)})
    for step in range(1, 5):
        trail.append(step, 1.0, {"w": {"gradient_norm": 1.0, "step_norm": 0.1, "gradient_cosine": -1.0}})
    assert diagnose(trail) == []
    trail.append(5, 2.0, {"w": {"gradient_norm": 8.0, "step_norm": 0.1}})
    trail.append(6, float("nan"), {"w": {"gradient_norm": float("nan"), "nonfinite_weights": 1}})
    (finding,) = diagnose(trail)
    assert finding.kind is Kind.EXPLODING
    assert finding.evidence == {"gradient_grown": 8.0, "first_bad_step": 6.0}
