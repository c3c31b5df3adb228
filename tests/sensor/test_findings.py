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


@pytest.mark.parametrize(("kind", "name", "make"), list(TABLE.planted(1)), ids=lambda x: getattr(x, "name", x))
def test_planted_causes_are_found(kind, name, make):
    if kind is Kind.UNDERFLOW:
        pytest.importorskip("torch")
    trail = make()
    found = diagnose(trail)
    assert kind in [finding.kind for finding in found], name
    again = diagnose(Trail.from_bytes(trail.to_bytes()))
    assert [finding.to_dict() for finding in again] == [finding.to_dict() for finding in found]


@pytest.mark.parametrize(("name", "make"), list(TABLE.healthy(10))[::3], ids=lambda x: x if isinstance(x, str) else "")
def test_healthy_trainings_raise_no_alarm(name, make):
    assert not [finding for finding in diagnose(make()) if finding.alarm]


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
