"""Every mistake is one: no mutated rule walks like the right one, and no two of one rule walk alike."""

import itertools

import numpy as np
import pytest

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.lab.generate import OPTIMIZERS, variants
from nukarumi.translate.mutations import MUTATIONS, mutated, mutations
from nukarumi.translate.straight import compiled, names_in, read

VARIANTS = {f"{cls.__name__}-{dialect}": variant for cls in OPTIMIZERS for dialect, variant in variants(cls).items()}


def walked(line, settings):
    """Where w goes under several rows of gradients: of both signs, of one sign, with a first gradient of 0."""
    dice = np.random.default_rng(3)
    step, out = compiled(line), []
    for case in range(6):
        values = [np.array([dice.normal()]), *(np.zeros(1) for _ in line.arrays[2:])]
        gradients = dice.normal(size=12) * 10 ** dice.uniform(-4, 2)
        if case % 3 == 1:
            gradients[0] = 0.0
        if case % 3 == 2:
            gradients = np.abs(gradients)
        for t, g in enumerate(gradients, 1):
            now = [t if name == "t" else settings[name] for name in line.settings]
            with np.errstate(all="ignore"):
                values = [np.reshape(value, 1) for value in step(values[0], np.array([g]), *values[1:], *now)]
            out.append(values[0][0])
    return np.array(out)


def alike(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", VARIANTS)
def test_no_mutation_walks_like_the_rule_or_like_another(name):
    variant = VARIANTS[name]
    settings = {**variant.settings, "lr": 0.3}  # with lr = 1 a forgotten lr is no mistake
    walks = {"right": walked(variant.line, settings)}
    walks |= {key: walked(line, settings) for key, line in mutations(variant.line).items()}
    assert [(a, b) for a, b in itertools.combinations(walks, 2) if alike(walks[a], walks[b])] == []


@pytest.mark.parametrize(
    ("name", "least"),
    [("SGD", 14), ("Momentum", 15), ("Nesterov", 15), ("Adagrad", 15), ("RMSprop", 15), ("Adadelta", 15), ("Adam", 15)],
)
def test_there_are_enough(name, least):
    found = mutations(VARIANTS[f"{name}-book"].line)
    assert len(found) >= least
    assert any(mutation.shown for mutation in MUTATIONS if mutation.id in found)


def test_every_mutation_has_a_rule_a_name_and_a_sentence():
    found = set().union(*(mutations(variant.line) for variant in VARIANTS.values()))
    assert found == {mutation.id for mutation in MUTATIONS}
    assert (
        len({mutation.id for mutation in MUTATIONS})
        == len({mutation.words for mutation in MUTATIONS})
        == len(MUTATIONS)
    )
    for mutation in MUTATIONS:
        assert mutation.words[0].isupper()
        assert mutation.words.endswith(".")


@pytest.mark.parametrize("name", VARIANTS)
def test_a_mutated_rule_reads_only_what_there_is(name):
    for line in mutations(VARIANTS[name].line).values():
        known = {*line.arrays, *line.settings}
        for each in line.lines:
            assert names_in(each.value) <= known, str(each)
            known.add(each.target)
        assert set(line.returns) <= known


@pytest.mark.parametrize(
    ("rule", "name", "lines"),
    [
        (rules.adagrad, "h_overwritten", ["h = g * g", "w = w - lr * g / (sqrt(h) + eps)"]),
        (rules.adagrad, "no_eps", ["h = h + g * g", "w = w - lr * g / sqrt(h)"]),
        (rules.adagrad, "gradient_forgotten", ["h = h + g * g", "w = w - lr / (sqrt(h) + eps)"]),
        (rules.adagrad, "step_before_memory", ["w = w - lr * g / (sqrt(h) + eps)", "h = h + g * g"]),
        (rules.adagrad, "step_not_written", ["h = h + g * g"]),
        (rules.sgd, "uphill", ["w = w + lr * g"]),
        (rules.sgd, "lr_minus_gradient", ["w = w - (lr - g)"]),
        (rules.momentum, "velocity_overwritten", ["v = -(lr * g)", "w = w + v"]),
        (
            rules.nesterov,
            "new_velocity",
            ["v = momentum * v - lr * g", "w = w + momentum * momentum * v - (1 + momentum) * lr * g"],
        ),
        (
            rules.rmsprop,
            "shares_swapped",
            ["h = (1 - decay_rate) * h + decay_rate * g * g", "w = w - lr * g / (sqrt(h) + eps)"],
        ),
    ],
)
def test_a_mutation_as_it_reads(rule, name, lines):
    assert [str(line) for line in mutated(read(rule), name).lines] == lines


def test_the_rule_itself_is_left_alone():
    before = [str(line) for line in read(rules.adam).lines]
    assert len(mutations(read(rules.adam))) > 15
    assert [str(line) for line in read(rules.adam).lines] == before


def test_a_mutation_that_does_not_fit_is_refused():
    with pytest.raises(BadInput, match=r"no_root.*sgd.*uphill"):
        mutated(read(rules.sgd), "no_root")
    with pytest.raises(BadInput, match=r"'sleepy'.*no_root"):
        mutated(read(rules.sgd), "sleepy")
