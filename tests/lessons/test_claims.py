"""Each claim is computed, is what the prose implies, and fails where it is not true; the eight truths, told whole."""

import json
import math
from collections.abc import Mapping

import numpy as np
import pytest

from nukarumi import optim
from nukarumi._errors import BadInput
from nukarumi.lessons import claims, learner, measure
from nukarumi.lessons.claims import claim, told, value
from nukarumi.lessons.walks import Hiker, read_state, rule_of, walk
from nukarumi.problems import reviews
from nukarumi.translate.mutations import mutations


@pytest.mark.parametrize("name", claims.names())
def test_a_claim_is_finite_said_and_true(name):
    found = claims._known()[name]()
    parts = found if isinstance(found, Mapping) else {"": found}
    for part, single in parts.items():
        got = value(f"{name}.{part}" if part else name)
        assert isinstance(got, bool | int | float | str)
        if isinstance(single, bool | np.bool_):
            assert got is True, "a truth that the lessons rely on"
        elif not isinstance(got, str):
            assert math.isfinite(got)
    assert claims._known()[name].__doc__.strip().endswith(".")


def test_refusals():
    with pytest.raises(BadInput, match="computed"):
        value("nothing")
    with pytest.raises(BadInput, match="parts"):
        value("shoes_arrival")
    with pytest.raises(BadInput, match="no parts"):
        value("near.x")
    with pytest.raises(BadInput, match="name of its own"):
        claim(lambda: 1)
    assert told(3.0, ".0f") == "3"
    assert told(-1.5e-12, ".1e") == "−1.5×10⁻¹²"


# The eight truths of which lessons often tell the false half ---------------------------------------------------------


def test_truth_1_sgd_setting_is_constant_and_adagrads_first_step_is_the_same_everywhere():
    assert value("sgd_setting_never_changes")
    assert value("sgd_stride_is_lr_times_slope")
    assert value("zigzag_first.dx") != value("zigzag_first.dy")
    assert value("adagrad_first_step_is_lr_everywhere")
    assert value("shoes_first.adagrad_x") == pytest.approx(value("shoes_first.adagrad_y"), rel=1e-6)
    assert value("adagrad_second.x") > 2 * value("adagrad_second.y"), "only the first step is"


def test_truth_2_smooth_noise_cliff():
    assert value("smooth_fate") == "arrives"
    assert value("smooth_h.growth") < 0.1
    assert value("noise_exponent") == pytest.approx(-0.5, abs=0.05)
    assert value("noise_rates.quotient") == pytest.approx(0.5, abs=0.03)
    assert value("cliff_end.x") < 2 < value("cliff_end.floor") == 10
    assert value("cliff_end.slope") > 0.5
    assert value("gentle_arrival") < 300


def test_truth_3_zero_by_zero_warns():
    assert value("numpy_only_warns")
    assert value("airbag_fate") == "nan"
    assert value("nan_spreads")


def test_truth_4_eps_is_not_always_an_airbag():
    assert value("half_leap.square") == 0
    assert 500 < value("half_leap.lr") < 1500


def test_truth_5_squares_not_counts():
    assert value("flat_steps_for_one_steep") == 100
    assert value("tired_foot") == "y"


def test_truth_6_the_help_is_along_the_axes():
    assert value("straight_arrival.adagrad") < value("straight_arrival.sgd")
    assert value("turned_arrival.adagrad") > value("turned_arrival.sgd")
    assert value("turned_first_home") == "SGD"
    assert value("turned_brakes.turned") < 1.5 < value("turned_brakes.straight")


def test_truth_7_the_root_keeps_the_unit():
    assert value("scale_free")
    assert value("rootless_shrinks") == 1000
    assert value("endless_slope.wrong") == pytest.approx(math.log(10_000) + 0.5772, abs=1e-3)
    assert value("endless_slope.right") == pytest.approx(2 * math.sqrt(10_000) - 1.46, abs=0.01)


def test_truth_8_h_saturates():
    assert value("h_saturates.half") == 2048
    assert value("h_saturates.single") == 2**24


# The other parts -----------------------------------------------------------------------------------------------------


def test_conventions_are_the_documents():
    """What chapter 14 says is what docs/conventions.md says."""
    assert value("gentle_first_step.keras") == pytest.approx(0.000316226, rel=1e-5)
    assert value("adam_tiny_first_step.torch") == pytest.approx(0.0909091, rel=1e-6)
    assert value("adam_tiny_first_step.keras") == pytest.approx(0.00306534, rel=1e-5)
    assert value("momentum_after_the_drop.torch") == pytest.approx(5.38891, rel=1e-5)
    assert value("momentum_after_the_drop.keras") == pytest.approx(9.57839, rel=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"])
def test_the_learners_class_is_the_library_to_the_bit(name):
    made, ours = learner.class_of(learner.listing(name))(), getattr(optim, name)()
    dice = np.random.default_rng(0)
    mine, theirs = {"a": dice.normal(size=(3, 2)), "b": dice.normal(size=4)}, {}
    theirs = {key: array.copy() for key, array in mine.items()}
    kept = mine["a"]
    for _ in range(30):
        grads = {key: dice.normal(size=array.shape) for key, array in mine.items()}
        made.update(mine, grads)
        ours.update(theirs, grads)
    assert mine["a"] is kept
    for key, array in mine.items():
        np.testing.assert_array_equal(array, theirs[key])


def test_a_class_with_a_mistake_walks_like_the_mutation():
    for mistake in mutations(rule_of(Hiker("Adagrad"))):
        listed = learner.listing("Adagrad", mistake)
        made = learner.class_of(listed)(lr=0.3)
        state = read_state(f"terrain=bowl&start=-3,1&steps=6&t=0&hikers=Adagrad,lr:0.3,!{mistake}")
        walked = walk(state)
        place = np.array(state.start)
        with np.errstate(all="ignore"):
            for k, g in enumerate(walked.g):
                made.update({"place": place}, {"place": g.copy()})
                np.testing.assert_allclose(place, walked.places[k + 1], rtol=1e-12, err_msg=mistake)


def test_listings_say_which_line_is_which():
    listed = learner.listing("Adam")
    rows = listed.source.splitlines()
    firsts = [rows[line - 1].split()[0] for line, _ in listed.steps]
    assert firsts == [
        "lr_t",
        "self.m[key]",
        "self.v[key]",
        "params[key]",
    ]
    assert [rule for _, rule in listed.steps] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "text",
    [
        "terrain=moon&start=0,0&steps=1&t=0&hikers=SGD",
        "terrain=bowl&start=0&steps=1&t=0&hikers=SGD",
        "terrain=bowl&start=0,x&steps=1&t=0&hikers=SGD",
        "terrain=bowl&start=0,0&steps=0&t=0&hikers=SGD",
        "terrain=bowl&start=0,0&steps=5&t=6&hikers=SGD",
        "terrain=bowl&start=0,0&steps=1.5&t=0&hikers=SGD",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=Nobody",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=SGD@moon",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=SGD,!no_root",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=SGD,colour:1",
        "terrain=bowl&start=0,0&steps=1&t=0",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=SGD&colour=red",
        "terrain=bowl&start=0,0&steps=1&t=0&hikers=" + ";".join(["SGD"] * 7),
    ],
)
def test_a_state_that_cannot_be_is_refused(text):
    with pytest.raises(ValueError, match=r"Cure|unknown|colour"):
        read_state(text)


def test_a_state_is_written_as_it_was_read():
    text = "terrain=bowl&turn=45&start=-7,2&noise=0.5&seed=3&steps=5&hikers=Adagrad@keras,lr:0.1;SGD&t=2&curve=rate"
    assert str(read_state(text)) == text


# What was measured ---------------------------------------------------------------------------------------------------


def test_measured_is_whole_and_says_how():
    found = measure.measured()
    assert found["command"] == measure.COMMAND
    assert {"numpy", "nukarumi", "scikit-learn", "python"} <= set(found["versions"])
    text = json.dumps(found)
    assert "Infinity" not in text
    assert "NaN" not in text


def test_one_reading_of_the_reviews_again():
    """Adagrad at its rate, in the first order of the sentences: the same test error as stored."""
    stored = measure.measured()["reviews"]
    adagrad = stored["readers"]["Adagrad"]
    _, test, optimizer, _ = measure._reading(reviews(), "Adagrad", adagrad["lr"], stored["seeds"][0])
    assert measure.rounded(test) == adagrad["test_errors"][0]
    counts = np.bincount(reviews().parts["train"][0].columns)
    rare = optimizer.effective_lr("w")[(counts >= 2) & (counts < 4) & (optimizer.h["w"] > 0)]
    assert np.exp(np.log(rare.astype(float)).mean()) == pytest.approx(adagrad["rate_by_count"][0][1], rel=1e-4)


def test_a_part_of_the_race_on_digits_again():
    """Adam at its rate, over the judging seeds: the same test error as stored."""
    from nukarumi.race import Serial, race  # noqa: PLC0415

    digits = measure.measured()["digits"]
    stored = {each["optimizer"]: each for each in digits["standings"]}["Adam"]
    options = {"grid": [stored["lr"]], "extend": 0, "tuning_seeds": 2, "seeds": digits["seeds"]}
    result = race("digits", "adam", engine=Serial(), out=False, progress=False, **options)
    told = result.to_dict()["standings"][0]
    assert measure.rounded(told["test_error"]["mean"]) == pytest.approx(stored["test_error"]["mean"], abs=2 / 269 / 5)
    assert told["steps_to_target"] == pytest.approx(stored["steps_to_target"], abs=3)
