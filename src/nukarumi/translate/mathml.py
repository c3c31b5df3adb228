"""An expression as mathematics: MathML Core for a page, LaTeX for a paper, both from the same syntax tree.

A quotient becomes a fraction, ``sqrt`` a root, ``g * g`` a square, ``beta2**t`` a power; parentheses stand where the
drawn form needs them and nowhere else (under a bar or a root none is needed). A variable keeps its Python name in
``data-name``, so that a page can put a live number in its place.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from nukarumi.translate import derive
from nukarumi.translate.javascript import KNOWN

__all__ = ["GREEK", "assignment_latex", "assignment_mathml", "formula_mathml", "latex", "letter", "mathml"]

GREEK: dict[str, tuple[str, str]] = {
    "eps": ("ε", r"\varepsilon"),
    "eps_t": ("εₜ", r"\varepsilon_t"),
    "momentum": ("μ", r"\mu"),
    "rho": ("ρ", r"\rho"),
    "decay_rate": ("ρ", r"\rho"),
    "beta1": ("β₁", r"\beta_1"),
    "beta2": ("β₂", r"\beta_2"),
    "weight_decay": ("λ", r"\lambda"),
    "lr": ("lr", r"\mathrm{lr}"),
    "lr_t": ("lrₜ", r"\mathrm{lr}_t"),
    "step": ("Δ", r"\Delta"),
    "root": ("r", "r"),
    "pi": ("π", r"\pi"),
    "e": ("e", "e"),
}
"""How a name is drawn, as Unicode and as LaTeX; other names are drawn as they are written."""

_SUBSCRIPTS = str.maketrans("0123456789aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")

SUM, PRODUCT, SIGNED, POWER, ATOM = 1, 2, 3, 4, 5
"""How tightly a drawn piece binds. A fraction stands for a factor: it needs parentheses only under an exponent."""


@dataclass(frozen=True)
class _Drawn:
    mathml: str
    latex: str
    strength: int
    parts: int = 1  # children that its MathML has when nothing is put around it

    def row(self) -> _Drawn:
        """The same as one element, where MathML counts children."""
        return self if self.parts == 1 else _Drawn(f"<mrow>{self.mathml}</mrow>", self.latex, self.strength)

    def within(self, strength: int) -> _Drawn:
        """The same in parentheses, unless it binds as tightly as that."""
        if self.strength >= strength:
            return self
        return _Drawn(f"<mrow><mo>(</mo>{self.mathml}<mo>)</mo></mrow>", rf"\left({self.latex}\right)", ATOM)


def letter(name: str) -> tuple[str, str]:
    """A variable as Unicode text and as LaTeX.

    Examples
    --------
    >>> letter("beta1"), letter("h"), letter("t1_x")
    (('β₁', '\\\\beta_1'), ('h', 'h'), ('t₁ₓ', 't_{1x}'))
    """
    if name in GREEK:
        return GREEK[name]
    head, _, tail = name.partition("_")
    stem = head.rstrip("0123456789")
    below = head[len(stem) :] + tail.replace("_", "")
    if not stem or (below and below.translate(_SUBSCRIPTS) == below):
        escaped = name.replace("_", r"\_")
        return name, rf"\mathrm{{{escaped}}}"
    text = stem if len(stem) == 1 else rf"\mathrm{{{stem}}}"
    under = f"_{{{below}}}" if len(below) > 1 else f"_{below}" if below else ""
    return stem + below.translate(_SUBSCRIPTS), text + under


def mathml(node: ast.expr) -> str:
    """An expression as the inside of a ``<math>`` element.

    Raises
    ------
    SyntaxError
        For anything beyond the arithmetic of rules and formulas.

    Examples
    --------
    >>> print(mathml(ast.parse("h + g * g", mode="eval").body))
    <mi data-name="h">h</mi><mo>+</mo><msup><mi data-name="g">g</mi><mn>2</mn></msup>
    """
    return _drawn(node).mathml


def latex(node: ast.expr) -> str:
    r"""An expression as LaTeX.

    Raises
    ------
    SyntaxError
        As `mathml`.

    Examples
    --------
    >>> print(latex(ast.parse("w - lr * g / (sqrt(h) + eps)", mode="eval").body))
    w - \frac{\mathrm{lr}\, g}{\sqrt{h} + \varepsilon}
    >>> print(latex(ast.parse("-(a - (b - c)) * x**2", mode="eval").body))
    -\left(a - \left(b - c\right)\right) x^{2}
    """
    return _drawn(node).latex


def assignment_mathml(target: str, node: ast.expr) -> str:
    """``target <- node`` as MathML; the first ``<mo>`` is the arrow."""
    return f"{_variable(target).mathml}<mo>←</mo>{mathml(node)}"


def assignment_latex(target: str, node: ast.expr) -> str:
    r"""``target <- node`` as LaTeX.

    Examples
    --------
    >>> print(assignment_latex("h", ast.parse("h + g * g", mode="eval").body))
    h \leftarrow h + g^{2}
    """
    return rf"{_variable(target).latex} \leftarrow {latex(node)}"


def formula_mathml(formula: str) -> str:
    """A terrain's formula as one expression, its named lines put in where they are read.

    Examples
    --------
    >>> print(formula_mathml('''def f(x, y):
    ...     a = x + y
    ...     return a ** 2'''))  # doctest: +ELLIPSIS
    <msup><mrow><mo>(</mo><mi data-name="x">x</mi><mo>+</mo>...<mo>)</mo></mrow><mn>2</mn></msup>
    """
    named: dict[str, ast.expr] = {}

    class PutIn(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return named.get(node.id, node)

    for statement in derive.read(formula).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=target)], value=value):
                named[target] = PutIn().visit(value)
            case ast.Return(value=ast.expr() as value):
                return mathml(PutIn().visit(value))
    raise SyntaxError(f"{formula!r} returns nothing")


def _variable(name: str) -> _Drawn:
    shown, tex = letter(name)
    return _Drawn(f'<mi data-name="{name}">{shown}</mi>', tex, ATOM)


def _number(value: float) -> _Drawn:
    text = repr(value).removesuffix(".0")
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return _Drawn(f"<mn>{text}</mn>", text, ATOM)
    ten = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>", f"10^{{{int(exponent)}}}"
    if mantissa == "1":
        return _Drawn(*ten, POWER)
    return _Drawn(f"<mn>{mantissa}</mn><mo>·</mo>{ten[0]}", rf"{mantissa} \cdot {ten[1]}", PRODUCT, 3)


def _drawn(node: ast.expr) -> _Drawn:  # noqa: PLR0911 - a line for each kind of tree
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return _number(value)
        case ast.Name(id=name):
            return _variable(name)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _drawn(operand).within(PRODUCT)
            inner = inner if _first(operand) != "-" else inner.within(ATOM)
            return _Drawn(f'<mo form="prefix">−</mo>{inner.mathml}', f"-{inner.latex}", SIGNED, 1 + inner.parts)
        case ast.Call(func=ast.Name(id=function), args=args, keywords=[]) if function in KNOWN:
            return _call(function, [_drawn(arg) for arg in args])
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _raised(_drawn(left), _drawn(right))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            above, below = _drawn(left).row(), _drawn(right).row()
            return _Drawn(
                f"<mfrac>{above.mathml}{below.mathml}</mfrac>", rf"\frac{{{above.latex}}}{{{below.latex}}}", PRODUCT
            )
        case ast.BinOp(op=ast.Mult()):
            return _product(_factors(node))
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            a = _drawn(left)
            b = _drawn(right).within(PRODUCT)
            if _first(right) == "-":
                b = _drawn(right).within(ATOM)
            sign, tex = ("+", "+") if isinstance(op, ast.Add) else ("−", "-")
            return _Drawn(
                f"{a.mathml}<mo>{sign}</mo>{b.mathml}", f"{a.latex} {tex} {b.latex}", SUM, a.parts + 1 + b.parts
            )
    raise SyntaxError(f"no formula is known for {ast.unparse(node)!r}")


def _first(node: ast.expr) -> str:
    """What a drawn expression begins with, as far as signs go."""
    match node:
        case ast.UnaryOp():
            return "-"
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult()):
            return _first(left)
    return ""


def _factors(node: ast.expr) -> list[ast.expr]:
    """The factors of ``a * b * c`` as they are grouped from the left; a product on the right stays one factor."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        return [*_factors(node.left), node.right]
    return [node]


def _product(factors: list[ast.expr]) -> _Drawn:
    """Factors side by side, equal neighbours as a power; a dot where two numbers would run together."""
    groups: list[tuple[ast.expr, int]] = []
    for factor in factors:
        if groups and not isinstance(factor, ast.Constant) and ast.unparse(groups[-1][0]) == ast.unparse(factor):
            groups[-1] = factor, groups[-1][1] + 1
        else:
            groups.append((factor, 1))
    drawn: list[_Drawn] = []
    for place, (factor, count) in enumerate(groups):
        piece = _drawn(factor)
        if count > 1:
            piece = _raised(piece, _number(count))
        elif _first(factor) == "-" and place:
            piece = piece.within(ATOM)
        drawn.append(piece.within(PRODUCT))
    if len(drawn) == 1:
        return drawn[0]
    written, tex = drawn[0].mathml, drawn[0].latex
    for (factor, _), before, piece in zip(groups[1:], drawn[:-1], drawn[1:], strict=True):
        digits = isinstance(factor, ast.Constant) or piece.mathml.startswith("<mn>")
        wide = _ends_wide(before) or _starts_wide(piece)
        written += ("<mo>·</mo>" if digits else '<mo lspace="0" rspace="0.17em">&#x2062;</mo>') + piece.mathml
        tex += (r" \cdot " if digits else r"\, " if wide else " ") + piece.latex
    return _Drawn(written, tex, PRODUCT, 2 * len(drawn) - 1 + sum(piece.parts - 1 for piece in drawn))


def _ends_wide(piece: _Drawn) -> bool:
    return piece.latex.startswith(r"\mathrm")


def _starts_wide(piece: _Drawn) -> bool:
    return piece.latex.startswith(r"\mathrm")


def _raised(base: _Drawn, exponent: _Drawn) -> _Drawn:
    base, exponent = base.within(ATOM).row(), exponent.row()
    return _Drawn(f"<msup>{base.mathml}{exponent.mathml}</msup>", f"{base.latex}^{{{exponent.latex}}}", POWER)


def _call(function: str, args: list[_Drawn]) -> _Drawn:
    match function:
        case "sqrt":
            return _Drawn(f"<msqrt>{args[0].mathml}</msqrt>", rf"\sqrt{{{args[0].latex}}}", ATOM)
        case "abs":
            inside = f"<mo>|</mo>{args[0].mathml}<mo>|</mo>"
            return _Drawn(f"<mrow>{inside}</mrow>", rf"\left|{args[0].latex}\right|", ATOM)
        case "exp":
            return _raised(_variable("e"), args[0])
    shown, tex = {"maximum": ("max", r"\max"), "minimum": ("min", r"\min"), "log": ("ln", r"\ln")}.get(
        function, (function, rf"\operatorname{{{function}}}" if function == "sign" else rf"\{function}")
    )
    given = "<mo>,</mo>".join(arg.mathml for arg in args)
    name = f"<mi>{shown}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>{given}<mo>)</mo></mrow>"
    return _Drawn(f"<mrow>{name}</mrow>", rf"{tex}\left({', '.join(arg.latex for arg in args)}\right)", POWER)
