"""A rule's other faces say the same: JavaScript to the bit, MathML by what a reader would compute from it."""

import ast
import itertools
import math
import random
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from nukarumi import rules
from nukarumi.lab.generate import OPTIMIZERS, variants
from nukarumi.problems.terrains import NAMES, terrain
from nukarumi.translate import derive, javascript, lines, mathml
from nukarumi.translate.mutations import mutations
from nukarumi.translate.straight import names_in, read

EVERY_RULE = {variant.id: variant.line for cls in OPTIMIZERS for variant in variants(cls).values()}
EVERY_RULE |= {
    f"{key}!{name}": wrong for key, line in list(EVERY_RULE.items()) for name, wrong in mutations(line).items()
}
STAGES = ("scaled", "clipped", "opposite", "coupled_decay", "decoupled_decay")
EVERY_RULE |= {stage: read(getattr(rules, stage)) for stage in STAGES}


def random_expression(dice: random.Random, depth: int, powers: bool) -> str:
    """Arithmetic on a, b, c, x2 with every grouping, fully in parentheses."""
    if depth == 0 or dice.random() < 0.15:
        return dice.choice(["a", "b", "c", "x2", "2", "0.5", "1", "3.0", "1e-07"])
    kind = dice.choice(["+", "-", "-", "*", "*", "/", "neg", "sqrt", "abs", "max", "square", "sign"])
    left, right = (random_expression(dice, depth - 1, powers) for _ in range(2))
    match kind:
        case "neg":
            return f"(-{left})"
        case "sqrt" | "abs" | "sign":
            return f"{kind}({left})"
        case "max":
            return f"{dice.choice(['maximum', 'minimum'])}({left}, {right})"
        case "square":
            return f"({left} ** {dice.choice([2, 3])})" if powers else f"({left} * {left})"
    return f"({left} {kind} {right})"


NUMBERS = [0.0, -0.0, 1.0, -1.0, 0.1, -2.5, 3.0, 1e-300, -1e300, 7.25, math.inf, -math.inf, math.nan]


def test_javascript_keeps_every_bit_of_every_grouping(node):
    dice = random.Random(11)
    sources = [random_expression(dice, dice.randint(1, 6), False) for _ in range(400)]
    places = [[dice.choice([*NUMBERS, dice.gauss(0, 1), dice.gauss(0, 1)]) for _ in range(4)] for _ in range(30)]
    bodies = [javascript.expression(ast.parse(source, mode="eval").body) for source in sources]
    functions = ", ".join(f"(a, b, c, x2) => {body}" for body in bodies)
    script = f"""
    {javascript.PRELUDE}
    const places = given.map((row) => row.map(Number));
    for (const f of [{functions}]) write(Float64Array.from(places, (row) => f(...row)));
    """
    spelled = [[repr(value).replace("inf", "Infinity") for value in row] for row in places]
    got = np.frombuffer(node(script, spelled)).reshape(len(sources), -1)
    numpy = {name: getattr(np, name) for name in ("sqrt", "sign", "abs", "maximum", "minimum", "float64")}
    scope = numpy | dict(zip(("a", "b", "c", "x2"), np.array(places).T, strict=True))
    for source, row in zip(sources, got, strict=True):
        with np.errstate(all="ignore"):
            truth = eval(compile(InNumPy().visit(ast.parse(source, mode="eval")), source, "eval"), scope)
        np.testing.assert_array_equal(row, np.broadcast_to(truth, row.shape), err_msg=source)


class InNumPy(ast.NodeTransformer):
    """Numbers as NumPy's: 1 / 0 is infinity then, and the root of -1 is NaN."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.fix_missing_locations(ast.copy_location(ast.Call(ast.Name("float64", ast.Load()), [node], []), node))


def test_a_word_that_javascript_keeps_is_renamed(node):
    tree = derive.expanded("def f(new, let):\n    this = new * 2\n    return this - let")
    text = f"const o = {{ value{javascript.formula_function(tree)} }}; write(Float64Array.of(o.value(5, 3)))"
    assert np.frombuffer(node(text)).tolist() == [7.0]


@pytest.mark.parametrize(
    "source", ["a @ b", "a if b else c", "a[0]", "True", "'x'", "a < b", "[a]", "+a", "open(a)", "sqrt(x=a)"]
)
def test_what_has_no_face_is_refused(source):
    tree = ast.parse(source, mode="eval").body
    with pytest.raises(SyntaxError, match="is known for"):
        javascript.expression(tree)
    with pytest.raises(SyntaxError, match="is known for"):
        mathml.mathml(tree)


# MathML: read as a person reads it, then computed ---------------------------------------------------------------------

ARROW, TIMES, APPLY = "←", "\u2062", "\u2061"
SIGNS = {"+": "+", "−": "-", TIMES: "*", "·": "*", "(": "(", ")": ")", ",": ","}
FUNCTIONS = {"max": "max_", "min": "min_", "sign": "sign", "sin": "math.sin", "cos": "math.cos", "ln": "math.log"}


def spoken(element: ET.Element) -> str:  # noqa: PLR0911 - a line for each element
    """A MathML element as Python, knowing only what is drawn."""
    children = list(element)
    match element.tag:
        case "math" | "mrow":
            if children and children[0].text == "|":
                assert children[-1].text == "|"
                return f"abs({''.join(map(spoken, children[1:-1]))})"
            return "".join(map(spoken, children))
        case "mi":
            return element.get("data-name") or FUNCTIONS[element.text]
        case "mn":
            return element.text
        case "mo":
            return "" if element.text == APPLY else SIGNS[element.text]
        case "mfrac":
            above, below = map(spoken, children)
            return f"(({above})/({below}))"
        case "msup":
            base, exponent = map(spoken, children)
            # What is raised is one thing: a letter, a number, a root, or something in parentheses.
            assert children[0].tag in ("mi", "mn", "msqrt") or base.startswith(("(", "abs"))
            return f"({base})**({exponent})"
        case "msqrt":
            return f"sqrt({''.join(map(spoken, children))})"
    raise AssertionError(element.tag)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(f"<math>{text}</math>")


def computed(text: str, names: dict[str, float]) -> float:
    scope = {"sqrt": lambda x: x**0.5, "abs": abs, "math": math, "max_": max, "min_": min}
    return eval(text, scope | {"sign": lambda x: (x > 0) - (x < 0)} | names)


def outcome(text, names):
    try:
        value = computed(text, names)
    except (ZeroDivisionError, OverflowError, TypeError):  # TypeError: a complex number compared
        return None
    return value if isinstance(value, int | float) and abs(value) < 1e150 else None


def test_mathml_is_read_as_the_expression_it_was_made_from():
    dice = random.Random(3)
    compared = 0
    for _ in range(600):
        source = random_expression(dice, dice.randint(1, 5), True)
        said = spoken(parsed(mathml.mathml(ast.parse(source, mode="eval").body)))
        for _ in range(5):
            names = {name: dice.choice([-1, 1]) * dice.uniform(0.3, 3) for name in ("a", "b", "c", "x2")}
            truth = outcome(source.replace("maximum", "max_").replace("minimum", "min_"), names)
            if truth is not None:
                got = outcome(said, names)
                assert got == pytest.approx(truth, rel=1e-6, abs=1e-9), (source, said)
                compared += 1
    assert compared > 1500


@pytest.mark.parametrize("key", EVERY_RULE)
def test_every_line_of_every_rule_is_drawn_whole(key):
    line = EVERY_RULE[key]
    values = {name: 0.3 + 0.05 * k for k, name in enumerate(sorted({*line.arrays, *line.settings}))} | {"t": 3.0}
    for source, shown in zip(line.lines, lines.numbered(line), strict=True):
        assert shown.python == str(source)
        assert shown.target == source.target
        assert set(shown.reads) == names_in(source.value)
        formula = parsed(shown.mathml)
        assert next(formula.iter("mo")).text == ARROW
        drawn = [variable.get("data-name") for variable in formula.iter("mi") if variable.get("data-name")]
        assert drawn[0] == source.target
        assert set(drawn[1:]) == set(shown.reads)
        assert all(len(list(variable)) == 0 for variable in formula.iter("mi"))
        truth = outcome(ast.unparse(source.value).replace("maximum", "max_").replace("minimum", "min_"), values)
        formula[:2] = []
        if truth is not None and not isinstance(truth, complex):
            assert outcome(spoken(formula), values) == pytest.approx(truth, rel=1e-9), shown.python
        values[source.target] = 0.7 if truth is None else truth
        assert_latex(shown.latex)


def assert_latex(text):
    """Braces, and the pairs of \\left and \\right, close in order."""
    depth = 0
    for sign in text:
        depth += (sign == "{") - (sign == "}")
        assert depth >= 0, text
    assert depth == 0, text
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right"), text


@pytest.mark.parametrize("name", [name for name in NAMES if name != "rotated_bowl"])
def test_a_terrains_formula_is_drawn_whole(name):
    landscape = terrain(name)
    formula = spoken(parsed(mathml.formula_mathml(landscape.formula)))
    for x, y in itertools.product((-1.25, 0.5, 2.0), repeat=2):
        names = {"x": x, "y": y, "pi": math.pi, "e": math.e, **dict(landscape.constants)}
        assert computed(formula, names) == pytest.approx(landscape.value(x, y), rel=1e-12, abs=1e-12)


def test_roles_and_order_of_a_whole_rule():
    told = [(line.target, line.role) for line in lines.numbered(EVERY_RULE["adamw+eps_corrected"])]
    assert told == [
        ("root", "setting"),
        ("eps_t", "setting"),
        ("w", "move"),
        ("lr_t", "setting"),
        ("m", "state"),
        ("v", "state"),
        ("w", "move"),
    ]
    assert [line.role for line in lines.numbered(EVERY_RULE["clipped"])] == ["gradient"]
    assert [line.role for line in lines.numbered(EVERY_RULE["adadelta"])] == ["state", "move", "state", "move"]


def test_the_formula_of_adagrad_as_it_is_shown():
    state, move = lines.numbered(EVERY_RULE["adagrad"])
    assert state.latex == r"h \leftarrow h + g^{2}"
    assert move.latex == r"w \leftarrow w - \frac{\mathrm{lr}\, g}{\sqrt{h} + \varepsilon}"
    assert '<mi data-name="eps">ε</mi>' in move.mathml
    assert "<msqrt>" in move.mathml
    assert "<mfrac>" in move.mathml
