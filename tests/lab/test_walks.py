"""The browser's walk is Python's walk: every optimizer in every dialect, on every terrain, straight and turned."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from nukarumi._errors import BadInput, BadType
from nukarumi.lab.generate import EXCEPTIONS_UNTIL, OPTIMIZERS, SHARES, module, power_exceptions, variants
from nukarumi.lab.walks import walk
from nukarumi.optim import Adagrad
from nukarumi.optim._rate import rate_line
from nukarumi.problems import noise
from nukarumi.problems.terrains import NAMES, terrain
from nukarumi.translate.mutations import MUTATIONS, mutated
from nukarumi.translate.straight import compiled

STEPS = 200
TERRAINS = [name for name in NAMES if name != "rotated_bowl"]
SMOOTH = ("rastrigin", "ackley")  # sin, cos and exp are the browser's own
FACTOR = {"Adadelta": 3.0, "Adam": 100.0, "AdamW": 100.0, "RMSprop": 20.0, "Adagrad": 50.0}


def different(cls):
    """The dialects of an optimizer that do not walk alike, by name."""
    seen = {}
    for dialect, variant in variants(cls).items():
        seen.setdefault(str((variant.id, variant.settings, variant.starts)), dialect)
    return list(seen.values())


def cases(cls, names):
    """Two walks for every dialect, terrain and turn: as it comes, and with a larger lr and noise."""
    for dialect in different(cls):
        lr = variants(cls)[dialect].settings["lr"]
        for name in names:
            for turn in (0, 30):
                for settings, deviation in (({}, 0.0), ({"lr": FACTOR.get(cls.__name__, 10.0) * lr}, 0.5)):
                    ground = terrain(name).rotated(turn) if turn else terrain(name)
                    yield {
                        "optimizer": cls.__name__,
                        "dialect": dialect,
                        "settings": settings,
                        "whatif": None,
                        "terrain": name,
                        "turn": turn,
                        "start": ground.starts[0],
                        "steps": STEPS,
                        "noise": deviation,
                        "seed": 7,
                    }


def in_python(cls, case):
    hiker = cls.like(case["dialect"], **case["settings"])
    ways = {name: case[name] for name in ("start", "steps", "noise", "seed")}
    return walk(hiker, terrain(case["terrain"]), angle=case["turn"], **ways)


WALK = """
for (const hiker of given) {
  const terrain = generated.terrains.find(({ name }) => name === hiker.terrain);
  const walked = engine.walk(hiker, engine.ground(terrain, hiker.turn, generated.turns), hiker, generated);
  write(Float64Array.of(walked.n));
  for (const column of [walked.x, walked.y, walked.loss, ...Object.values(walked.states).flat()]) write(column);
  for (const column of [walked.gx, walked.gy, ...walked.rate]) write(column);
}
"""


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_walks_are_equal_to_the_bit(cls, node):
    planned = list(cases(cls, [name for name in TERRAINS if name not in SMOOTH]))
    numbers = np.frombuffer(node(WALK, planned))
    at = 0
    for case in planned:
        truth = in_python(cls, case)
        n = int(numbers[at])
        at += 1
        assert n == len(truth["gx"]), case
        for name, column in truth.items():
            got = numbers[at : at + len(column)]
            at += len(column)
            np.testing.assert_array_equal(got, column, err_msg=f"{name} of {case}")
    assert at == len(numbers)


def test_some_of_these_walks_leave_the_numbers():
    """Otherwise the test above would say nothing about infinity and NaN."""
    ends = [in_python(cls, case)["x"][-1] for cls in OPTIMIZERS[:3] for case in cases(cls, ["rosenbrock"])]
    assert not all(map(math.isfinite, ends))


STEP = """
for (const hiker of given) {
  const terrain = generated.terrains.find(({ name }) => name === hiker.terrain);
  const ground = engine.ground(terrain, hiker.turn, generated.turns);
  const rule = engine.ruleOf(hiker, generated);
  const all = engine.settingsOf(hiker, generated);
  const noises = engine.normals(hiker.seed, hiker.steps);
  hiker.places.forEach(([x, y, loss, ...states], k) => {
    const settings = rule.settings.map((name) => (name === "t" ? k + 1 : all[name]));
    const gradient = ground.gradient(x, y, 1).map((slope, axis) => slope + hiker.noise * noises[2 * k + axis]);
    const own = (axis) => states.filter((_, i) => i % 2 === axis);
    const next = [x, y].map((w, axis) => rule.step(w, gradient[axis], own(axis), settings));
    write(Float64Array.of(next[0][0], next[1][0], ground.value(x, y)));
  });
}
"""


@pytest.mark.parametrize("cls", OPTIMIZERS, ids=lambda cls: cls.__name__)
def test_steps_from_the_same_place_agree_where_sin_and_exp_are_the_browsers(cls, node):
    planned, truths = list(cases(cls, SMOOTH)), []
    for case in planned:
        truth = in_python(cls, case)
        names = ["x", "y", "loss", *(name for letter in cls.state_names for name in (f"{letter}_x", f"{letter}_y"))]
        rows = np.stack([truth[name] for name in names], axis=1)
        assert np.isfinite(rows).all()
        case["places"] = rows[:-1].tolist()
        truths.append(np.stack([truth["x"][1:], truth["y"][1:], truth["loss"][:-1]], axis=1))
    got = np.frombuffer(node(STEP, planned)).reshape(-1, 3)
    np.testing.assert_allclose(got, np.concatenate(truths), rtol=1e-9, atol=1e-12)


RULES = """
for (const [key, { steps, settings }] of Object.entries(given)) {
  const rule = generated.rules[key];
  let [w, ...states] = [0.75, ...rule.states.map(() => 0)];
  steps.forEach((g, k) => {
    const now = rule.settings.map((name) => (name === "t" ? k + 1 : settings[name]));
    const traced = rule.trace(w, g, states, now);
    [w, ...states] = rule.step(w, g, states, now);
    const last = [w, ...states].map((value, i) => {
      const line = rule.lines.findLastIndex(({ target }) => target === ["w", ...rule.states][i]);
      return line < 0 || Object.is(traced[line], value) ? 0 : 1;
    });
    write(Float64Array.of(w, ...states, rule.rate(states, now), traced.length, Math.max(...last)));
  });
}
"""


def every_rule():
    """Each rule of the module by its name: its line, its settings and its optimizer."""
    for cls in OPTIMIZERS:
        for variant in variants(cls).values():
            yield variant.id, variant.line, variant.settings, cls
        book = variants(cls)["book"]
        for mutation in MUTATIONS:
            if mutation.shown and mutation.applies(book.line):
                yield f"{book.id}!{mutation.id}", mutated(book.line, mutation.id), book.settings, cls


def test_every_rule_and_every_mutation_is_the_python_one_to_the_bit(node):
    rules = {key: (line, settings, cls) for key, line, settings, cls in every_rule()}
    steps = [0.0, 0.7, -1.3, 2e-8, 40.0, -40.0, 0.3, 0.3, 0.0, -5.0, 1e9, 1e-9]
    given = {key: {"steps": steps, "settings": settings} for key, (_, settings, _) in rules.items()}
    numbers = np.frombuffer(node(RULES, given))
    at = 0
    for key, (line, settings, cls) in rules.items():
        step, rate = compiled(line), compiled(rate_line(line, cls.state_names, cls.brakes))
        values = [np.array([0.75]), *(np.zeros(1) for _ in cls.state_names)]
        for t, g in enumerate(steps, 1):
            now = [t if name == "t" else settings[name] for name in line.settings]
            with np.errstate(all="ignore"):
                values = list(step(values[0], np.array([g]), *values[1:], *now))
                one = rate(*values[1:], *now)
            truth = [*(float(value[0]) for value in values), float(np.ravel(one[0])[0]), len(line.lines), 0]
            got = numbers[at : at + len(truth)]
            at += len(truth)
            np.testing.assert_array_equal(got, truth, err_msg=f"{key}, step {t}")
    assert at == len(numbers)
    listed = json.loads(node("write(JSON.stringify(Object.keys(generated.rules)))"))
    assert sorted(listed) == sorted(rules)


def test_powers_are_pythons(node):
    bases = sorted({*SHARES, *(s[n] for _, _, s, _ in every_rule() for n in s if n.startswith("beta"))})
    text = "for (const b of given) write(Float64Array.from({ length: 4096 }, (_, t) => engine.power(b, t + 1)))"
    got = np.frombuffer(node(text, bases)).reshape(len(bases), -1)
    truth = np.array([[base**t for t in range(1, EXCEPTIONS_UNTIL + 1)] for base in bases])
    far = truth < 1e-270  # beyond what 1 - power can feel
    np.testing.assert_array_equal(np.where(far, 0, got), np.where(far, 0, truth))
    np.testing.assert_allclose(got[far], truth[far], rtol=1e-15, atol=5e-324)


def test_powers_of_any_base_are_correctly_rounded(node):
    """Against exact integer arithmetic, with as many factors as a long walk has."""
    bases = np.random.default_rng(5).uniform(0.9, 1, 40).tolist()
    text = "for (const b of given) write(Float64Array.from({ length: 3000 }, (_, t) => engine.power(b, t + 1)))"
    got = np.frombuffer(node(text, bases)).reshape(len(bases), -1)
    different = {(base, t) for base, t, _ in power_exceptions(bases, 3000)}
    for base, row in zip(bases, got, strict=True):
        wrong = {(base, t) for t, value in enumerate(row, 1) if value > 1e-200 and value != base**t}
        assert wrong == {(b, t) for b, t in different if b == base and b**t > 1e-200}


@pytest.mark.parametrize("seed", [0, 1, 7, 2**31, 2**32 - 1])
def test_noise_is_equal_to_the_bit(seed, node):
    text = """
    write(engine.normals(given, 3000).subarray(0, 6000));
    write(Float64Array.from({ length: 3000 }, (_, step) => Number(engine.active(given, step, 0.1))));
    """
    got = np.frombuffer(node(text, seed))
    steps = np.arange(3000)
    np.testing.assert_array_equal(got[:6000].reshape(-1, 2), noise.normals(seed, steps))
    np.testing.assert_array_equal(got[6000:], noise.active(seed, steps, 0.1))


def test_a_turned_ground_is_the_turned_terrain(node):
    text = """
    for (const { name } of generated.terrains) for (let turn = 0; turn < 360; turn += 15) {
      const terrain = generated.terrains.find((t) => t.name === name);
      const ground = engine.ground(terrain, turn, generated.turns);
      const numbers = [...ground.box, ...ground.minima, ...engine.starts(terrain, turn, generated.turns)].flat();
      write(Float64Array.from(numbers));
    }
    """
    truth = []
    for name in TERRAINS:
        for turn in range(0, 360, 15):
            ground = terrain(name).rotated(turn) if turn else terrain(name)
            truth += [v for part in (ground.box, ground.minima, ground.starts) for row in part for v in row]
    np.testing.assert_array_equal(np.frombuffer(node(text)), truth)


def test_the_module_is_small_and_the_same_every_time():
    assert module() == module()
    assert len(module().encode()) < 250_000


def test_the_module_is_written_with_numpy_alone(tmp_path):
    """It is made while the wheel is built, where nothing else is installed."""
    out = tmp_path / "new" / "folder" / "generated.js"
    heavy = ("numba", "sklearn", "scipy", "safetensors", "rich", "pandas", "torch", "starlette")
    script = f"""
import sys
for name in {heavy}:
    sys.modules[name] = None
from nukarumi.lab.generate import main
assert main([{str(out)!r}]) == 0
assert main([]) == 2
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "usage: python -m nukarumi.lab.generate OUT.js\n"
    assert out.read_text(encoding="utf-8") == module()


def test_the_walking_optimizer_is_a_fresh_one():
    hiker = Adagrad(lr=1.0)
    first = walk(hiker, terrain("bowl"), (-7.0, 2.0), 20)
    second = walk(hiker, terrain("bowl"), (-7.0, 2.0), 20)
    assert hiker.t == 0
    np.testing.assert_array_equal(first["x"], second["x"])


@pytest.mark.parametrize(
    ("change", "kind", "word"),
    [
        ({"start": (1.0,)}, BadInput, "start"),
        ({"start": (1.0, math.nan)}, BadInput, "start"),
        ({"start": "ab"}, BadType, "start"),
        ({"steps": -1}, BadInput, "steps"),
        ({"steps": 1.5}, BadInput, "steps"),
        ({"noise": -1.0}, BadInput, "noise"),
        ({"seed": -1}, BadInput, "seed"),
        ({"angle": math.inf}, BadInput, "angle"),
        ({"optimizer": "adagrad"}, BadType, "optimizer"),
    ],
)
def test_a_bad_walk_is_refused_in_words(change, kind, word):
    given = {"optimizer": Adagrad(), "terrain": terrain("bowl"), "start": (1.0, 1.0), "steps": 3, **change}
    with pytest.raises(kind, match=word):
        walk(**given)
