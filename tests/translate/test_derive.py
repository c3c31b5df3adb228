"""A derived formula is the derivative: against complex steps, against finite differences, and against the rules."""

import ast
import cmath
import inspect
import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.translate.derive import compiled, derivative, expanded, gradient, read, text

# Smooth expressions only: their derivative is the imaginary part of a tiny complex step, exact to the last digits.
SMOOTH = st.recursive(
    st.sampled_from(["x", "y", "2", "3", "0.5", "pi", "x*y", "-x", "+y"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"sin({t})"),
        inner.map(lambda t: f"cos({t})"),
        inner.map(lambda t: f"exp(sin({t}))"),
        inner.map(lambda t: f"sqrt(2 + cos({t}))"),
        inner.map(lambda t: f"log(3 + sin({t}))"),
        st.tuples(inner, inner).map(lambda t: f"({t[0]} / (2 + sin({t[1]})))"),
        st.tuples(inner, st.integers(-3, 5)).map(lambda t: f"(3 + sin({t[0]})) ** {t[1]}"),
        st.tuples(inner, st.integers(0, 4)).map(lambda t: f"({t[0]}) ** {t[1]}"),
        inner.map(lambda t: f"(-({t}))"),
    ),
    max_leaves=8,
)
PLACES = st.floats(-2, 2).map(lambda value: round(value, 3))
COMPLEX = {"sin": cmath.sin, "cos": cmath.cos, "exp": cmath.exp, "sqrt": cmath.sqrt, "log": cmath.log, "pi": math.pi}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(expression=SMOOTH, x=PLACES, y=PLACES)
def test_smooth_formulas_against_complex_steps(expression, x, y):
    source = f"def f(x, y): return {expression}"
    namespace = dict(COMPLEX)
    exec(source, namespace)
    tiny = 1e-30
    truth = namespace["f"](complex(x, tiny), y), namespace["f"](x, complex(y, tiny))
    truth = [complex(value).imag / tiny for value in truth]
    assume(all(abs(value) < 1e8 for value in truth))
    got = gradient(source)(np.float64(x), np.float64(y))
    assert got == pytest.approx(truth, rel=1e-9, abs=1e-9)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(expression=SMOOTH, x=PLACES, y=PLACES)
def test_written_out_powers_keep_the_value(expression, x, y):
    source = f"def f(x, y): return {expression}"
    value = compiled(read(source))(np.float64(x), np.float64(y))
    assert compiled(expanded(source))(np.float64(x), np.float64(y)) == pytest.approx(value, rel=1e-9, abs=1e-9)
    written = text(expanded(source)) + text(derivative(source, ("x", "y")))
    assert "**" not in written


@pytest.mark.parametrize(
    ("expression", "x", "slope"),
    [
        ("abs(x)", -3.0, -1.0),
        ("abs(x)", 0.0, 0.0),
        ("abs(x) * x", -3.0, 6.0),
        ("maximum(x, 2 * x)", 1.0, 2.0),
        ("maximum(x, 2 * x)", -1.0, 1.0),
        ("maximum(x, 2 * x)", 0.0, 1.5),
        ("maximum(1, x ** 2)", 3.0, 6.0),
        ("maximum(1, x ** 2)", 0.5, 0.0),
        ("maximum(2, 3)", 1.0, 0.0),
        ("sign(x) * x ** 3", -2.0, -12.0),
        ("x ** 0", 5.0, 0.0),
        ("x ** 1", 5.0, 1.0),
        ("x ** -1", 2.0, -0.25),
        ("1 / x", 2.0, -0.25),
        ("x / -2", 2.0, -0.5),
        ("x / x", 2.0, 0.0),
        ("sqrt(x)", 4.0, 0.25),
        ("log(x)", 4.0, 0.25),
        ("e ** 2 * x", 1.0, math.e * math.e),
        ("7", 1.0, 0.0),
    ],
)
def test_one_rule_at_a_time(expression, x, slope):
    assert gradient(f"def f(x): return {expression}")(np.float64(x)) == (pytest.approx(slope, rel=1e-15),)


def test_reads_well():
    source = """def rosenbrock(x, y):
        return (1 - x) ** 2 + 100 * (y - x ** 2) ** 2"""
    assert text(derivative(source, ("x", "y"))).splitlines() == [
        "def gradient_of_rosenbrock(x, y):",
        "    t1 = 1 - x",
        "    t2 = y - x * x",
        "    t2_x = -2 * x",
        "    return (-2 * t1 + 200 * t2 * t2_x, 200 * t2)",
    ]
    assert text(derivative("def f(x): return x ** 3", "x")) == "def f_x(x):\n    return 3 * x * x"


def test_new_names_avoid_old_ones():
    source = """def f(x, t1):
        a = x ** 2
        a_x = t1 * (x + 1) ** 2
        return a * a_x"""
    x, t1 = 1.5, 0.7
    (slope,) = gradient(source, ("x",))(x, t1)
    assert slope == pytest.approx(2 * x * t1 * (x + 1) ** 2 + x**2 * t1 * 2 * (x + 1), rel=1e-14)


def test_an_argument_may_be_called_like_a_constant():
    assert gradient("def f(e, x): return e * x", ("x",))(2.0, 5.0) == (2.0,)


def test_a_constant_slope_has_the_shape_of_the_arguments():
    x, y = np.zeros((3, 1)), np.zeros((1, 2))
    by_x, by_y = gradient("def f(x, y): return 3 * x + y ** 2")(x, y)
    assert by_x.shape == by_y.shape == (3, 2)
    assert (by_x == 3).all()
    by_x[0, 0] = 1


def test_a_python_function_is_read_from_its_source():
    tree = read(annotated)
    assert text(tree) == "def annotated(x, y):\n    half = y / 2\n    return x + half"
    assert gradient(annotated)(1.0, 2.0) == (1, 0.5)


def annotated(x: float, y: float) -> float:
    """What documentation and annotations there are is left out."""
    half = y / 2
    return x + half


def test_a_tree_is_copied():
    tree = read("def f(x): return (x + 1) ** 2")
    before = ast.dump(tree)
    derivative(tree, "x")
    expanded(tree)
    assert ast.dump(tree) == before


def test_same_source_gives_the_same_text_and_its_own_source():
    source = "def f(x, y): return exp(-x ** 2) / (1 + y ** 2)"
    assert text(derivative(source, ("x", "y"))) == text(derivative(source, ("x", "y")))
    function = compiled(derivative(source, ("x", "y")))
    assert inspect.getsource(function).rstrip() == text(derivative(source, ("x", "y")))


def test_lines_that_nobody_reads_are_left_out():
    source = """def f(x, y):
        a = sin(x)
        b = exp(y)
        return a + b"""
    assert text(derivative(source, "x")).splitlines() == ["def f_x(x, y):", "    a_x = cos(x)", "    return a_x"]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("def f(x): return x ** 0.5", "constant integer exponent"),
        ("def f(x, y): return x ** y", "constant integer exponent"),
        ("def f(x): return x ** 33", "constant integer exponent"),
        ("def f(x): return z + x", "'z'"),
        ("def f(x): return tan(x)", r"tan\(x\)"),
        ("def f(x): return x.real", r"x\.real"),
        ("def f(x): return x[0]", r"x\[0\]"),
        ("def f(x): return x if x > 0 else 1", "if x > 0"),
        ("def f(x): return __import__('os')", "__import__"),
        ("def f(x): return (lambda: x)()", "lambda"),
        ("def f(x): return maximum(x)", "2 argument"),
        ("def f(x): return sin(x, x)", "1 argument"),
        ("def f(x): return sin(*x)", "argument"),
        ("def f(x): return sin(x, out=x)", "out=x"),
        ("def f(x): return True", "True"),
        ("def f(x): return 1j * x", "1j"),
        ("def f(x): return 'x'", "'x'"),
        ("def f(x): return 1e999 * x", "float64"),
        (f"def f(x): return {10**20} * x", "float64"),
        ("def f(x): x = 2 * x; return x", "names each line once"),
        ("def f(x): sin = 2 * x; return sin", "names each line once"),
        ("def f(x):\n a = b = x\n return a", "names each line once"),
        ("def f(x):\n a, b = x\n return a", "name = "),
        ("def f(x):\n a += x\n return a", "name = "),
        ("def f(x):\n for i in x: pass\n return x", "name = "),
        ("def f(x):\n return x\n return x", "name = "),
        ("def f(x): pass", "return"),
        ("def f(x): return", "return"),
        ("def f(x): 'only words'", "return a value"),
        ("def f(x, *, y): return x", "plain arguments"),
        ("def f(x=1): return x", "plain arguments"),
        ("f = 3", "one Python function"),
        ("def f(x) return x", "Python function"),
        ("def f(x): return " + "-" * 300 + "x", "deep"),
        ("def f(x): return " + "+".join(["x"] * 400), "break it into named lines"),
        ("def f(x): return " + "(" * 5000 + "x" + ")" * 5000, "Python function"),
    ],
)
def test_refuses(source, word):
    with pytest.raises(BadInput, match=word):
        derivative(source, "x")


def test_refuses_what_has_no_source_and_unknown_arguments():
    with pytest.raises(BadInput, match="source"):
        read(np.sin)
    with pytest.raises(BadInput, match="arguments"):
        derivative("def f(x): return x", "y")


def test_the_compiled_function_reaches_nothing_else():
    namespace = compiled(read("def f(x): return x")).__globals__
    assert namespace["__builtins__"] == {}
    assert "np" not in namespace
