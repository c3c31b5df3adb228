"""Writes the JavaScript module that the browser lab walks by: every rule, dialect, mutation and terrain, from Python.

``python -m nukarumi.lab.generate OUT.js`` writes one ES module whose exports are the interface ``Generated`` of
``web/src/engine/types.ts``. Nothing about an optimizer is written here: rules come from ``rules.py``, dialects and
defaults from the optimizer classes and `nukarumi.optim.conventions`, terrains from `nukarumi.problems.terrains`. It
needs NumPy alone, because it runs while the wheel is built.

Powers
    ``beta2**t`` is the C library's ``pow``, which on some machines is not the correctly rounded power (glibc: about
    one in 1,500 differs, always by one unit in the last place). The browser computes the correctly rounded one
    (``web/src/engine/power.ts``). So that the walks of the shares that the lab offers are those of Python to the bit,
    `power_exceptions` compares ``pow`` of the machine that builds the module with exact integer arithmetic and the
    module carries every difference up to `EXCEPTIONS_UNTIL` steps. Beyond that, and for other shares, the two may
    differ in the last bit of a power, once in some thousand.
"""

from __future__ import annotations

import ast
import json
import math
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import nukarumi
from nukarumi import optim, rules
from nukarumi.optim._rate import rate_line
from nukarumi.optim.conventions import LIBRARIES
from nukarumi.optim.engine.recipe import Recipe
from nukarumi.problems import terrains
from nukarumi.translate import javascript, lines, mathml
from nukarumi.translate.mutations import MUTATIONS, mutated
from nukarumi.translate.straight import StraightLine

__all__ = ["OPTIMIZERS", "Variant", "main", "module", "power_exceptions", "variants"]

OPTIMIZERS: tuple[type[optim.Optimizer], ...] = (
    optim.SGD,
    optim.Momentum,
    optim.Nesterov,
    optim.Adagrad,
    optim.RMSprop,
    optim.Adadelta,
    optim.Adam,
    optim.AdamW,
)
"""The hikers, in the order in which they are listed."""

DIALECTS = ("book", *(name for name in LIBRARIES if name != "book"))

SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999)
"""Shares whose powers are Python's to the bit; the lab's sliders stop at them. Every dialect's own shares are added."""

EXCEPTIONS_UNTIL = 4096
"""Steps up to which powers are compared."""

RANGES: dict[str, dict[str, Any]] = {
    "lr": {"scale": "log", "min": 1e-5, "max": 10.0, "zero": False},
    "momentum": {"scale": "share", "min": 0.0, "max": 0.9999, "zero": False},
    "decay_rate": {"scale": "share", "min": 0.0, "max": 0.9999, "zero": False},
    "rho": {"scale": "share", "min": 0.0, "max": 0.9999, "zero": False},
    "beta1": {"scale": "share", "min": 0.0, "max": 0.9999, "zero": False},
    "beta2": {"scale": "share", "min": 0.0, "max": 0.9999, "zero": False},
    "eps": {"scale": "log", "min": 1e-12, "max": 1.0, "zero": True},
    "initial_accumulator": {"scale": "log", "min": 1e-3, "max": 10.0, "zero": True},
    "weight_decay": {"scale": "log", "min": 1e-5, "max": 1.0, "zero": True},
}
"""How far the lab lets each setting go."""


class Variant:
    """An optimizer in one dialect, read off a real instance of its class.

    Attributes
    ----------
    id
        The rule's name in the module: ``"adagrad+eps_inside_root"``.
    line
        The rule, all of its dialect in it.
    settings
        The numbers that it starts with, the clock left out.
    starts
        Where each state starts: a number, or the name of a setting.

    Examples
    --------
    >>> keras = variants(optim.Adagrad)["keras"]
    >>> keras.id, keras.starts, keras.settings
    ('adagrad+eps_inside_root', {'h': 'initial_accumulator'}, {'lr': 0.001, 'eps': 1e-07, 'initial_accumulator': 0.1})
    """

    def __init__(self, cls: type[optim.Optimizer], dialect: str) -> None:
        self.cls, self.dialect = cls, dialect
        made = cls.like(dialect)
        values = made.settings
        self.recipe: Recipe = made.recipe
        base = _name(cls)
        function = self.recipe.rule.__name__
        flags = [function.removeprefix(f"{base}_")] if function != base else []
        line: StraightLine = lines.tidied(self.recipe.straight)
        if values.get("eps_inside_root"):
            flags.append("eps_inside_root")
        if values.get("eps_corrected"):
            flags.append("eps_corrected")
            correction = rules.eps_hat_inside if values["eps_inside_root"] else rules.eps_hat
            line = lines.with_setting_lines(line, correction, "eps", "eps_t")
        self.id = "+".join([base, *flags])
        self.line = line
        extra = [
            name for name, value in cls.own_settings.items() if isinstance(value, float) and name not in line.settings
        ]
        self.settings = {name: float(values[name]) for name in (*line.settings, *extra) if name != "t"}
        self.starts: dict[str, float | str] = {}
        for letter in cls.state_names:
            # A start that follows a setting is called by the setting's name.
            named = [name for name in extra if made._start(letter, {**values, name: math.pi}) == math.pi]
            self.starts[letter] = named[0] if named else made._start(letter, values)

    def spec(self) -> dict[str, Any]:
        """The ``Variant`` of the boundary."""
        return {
            "rule": self.id,
            "settings": self.settings,
            "starts": self.starts,
            "python": f'{self.cls.__name__}.like("{self.dialect}")',
        }


def _name(cls: type[optim.Optimizer]) -> str:
    """The optimizer's name in ``rules.py``."""
    return cls.__name__.lower()


def variants(cls: type[optim.Optimizer]) -> dict[str, Variant]:
    """An optimizer in every dialect."""
    return {dialect: Variant(cls, dialect) for dialect in DIALECTS}


def power_exceptions(bases: Iterable[float], until: int) -> Iterator[tuple[float, int, float]]:
    """Where this machine's ``base**t`` is not the correctly rounded power.

    Parameters
    ----------
    bases
        Numbers above 0 and below 1.
    until
        The largest t.

    Yields
    ------
    (base, t, this machine's power)

    Examples
    --------
    >>> list(power_exceptions([0.5], 100))  # powers of two are exact everywhere
    []
    """
    for base in bases:
        top, bottom = base.as_integer_ratio()
        shift = bottom.bit_length() - 1
        product = 1
        for t in range(1, until + 1):
            product *= top
            # 64 leading digits and one more that says whether anything follows round as the whole number does.
            surplus = max(0, product.bit_length() - 64)
            head = product >> surplus << 1 | (product & ((1 << surplus) - 1) != 0)
            exponent = surplus - 1 - shift * t
            if head.bit_length() + exponent < -900:
                break  # 1 minus it is 1; the browser takes no trouble there
            if base**t != math.ldexp(head, exponent):
                yield base, t, base**t


def module(powers: str = "../engine/power.ts") -> str:
    """The whole module as text.

    Parameters
    ----------
    powers
        Where the module finds ``power``, as seen from its own folder.
    """
    family = {cls: variants(cls) for cls in OPTIMIZERS}
    written: dict[str, str] = {}
    shared: dict[str, int] = {}
    specs: list[dict[str, Any]] = []
    shares = set(SHARES)
    for cls, dialects in family.items():
        for variant in dialects.values():
            if variant.id not in written:
                written[variant.id] = _rule(variant.id, variant.line, cls, shared)
            if "t" in variant.line.settings:
                shares |= {variant.settings[name] for name in variant.settings if name.startswith("beta")}
        book = dialects["book"]
        wrong = {m.id: f"{book.id}!{m.id}" for m in MUTATIONS if m.shown and m.applies(book.line)}
        for name, rule in wrong.items():
            written[rule] = _rule(rule, mutated(book.line, name), cls, shared)
        specs.append(
            {
                "name": cls.__name__,
                "settings": [{"name": name, **RANGES[name]} for name in book.settings],
                "variants": {dialect: variant.spec() for dialect, variant in dialects.items()},
                "mutations": [{"id": name, "rule": rule} for name, rule in wrong.items()],
            }
        )
    exceptions = [list(found) for found in power_exceptions(sorted(shares), EXCEPTIONS_UNTIL)]
    lines_text = "".join(f"{text},\n" for text in shared)
    parts = [
        "// Written by nukarumi.lab.generate from rules.py and problems/terrains.py; do not edit.",
        f'import {{ correct, power }} from "{powers}"',
        javascript.PRELUDE,
        f"correct({_json(exceptions)})",
        f"export const version = {_json(nukarumi.__version__)}",
        f"const LINES = [\n{lines_text}]",
        "export const rules = {\n" + "".join(written.values()) + "}",
        f"export const optimizers = {_json(specs)}",
        "export const terrains = [\n" + "".join(map(_terrain, _landscapes())) + "]",
        f"export const turns = {_json(_turns())}",
    ]
    return "\n".join(parts) + "\n"


def _rule(key: str, line: StraightLine, cls: type[optim.Optimizer], shared: dict[str, int]) -> str:
    """A rule as an entry of ``rules``; its lines are numbers in ``shared``, since many rules have a line in common."""
    places = [shared.setdefault(_json(_told(each)), len(shared)) for each in lines.numbered(line)]
    told = {"id": _json(key), "states": _json(list(cls.state_names)), "settings": _json(list(line.settings))}
    told["lines"] = f"[{', '.join(f'LINES[{place}]' for place in places)}]"
    methods = {
        "step": javascript.step_function(line),
        "trace": javascript.trace_function(line),
        "rate": javascript.reading_function(rate_line(line, cls.state_names, cls.brakes)),
    }
    return f"{_json(key)}: {_object(told, methods)}"


def _told(line: lines.NumberedLine) -> dict[str, Any]:
    """A ``RuleLine`` of the boundary."""
    return {
        "target": line.target,
        "reads": line.reads,
        "python": line.python,
        "latex": line.latex,
        "mathml": line.mathml,
        "role": line.role,
    }


def _object(told: dict[str, str], methods: dict[str, str]) -> str:
    """An object literal; ``told`` are expressions, ``methods`` the texts of functions after their names."""
    inside = [f"{name}: {value}" for name, value in told.items()] + [name + text for name, text in methods.items()]
    return "{\n" + "".join(f"{each},\n" for each in inside) + "},\n"


def _landscapes() -> Iterator[terrains.Terrain]:
    # "rotated_bowl" is the bowl turned by 45 degrees, and the lab turns every terrain.
    return (terrains.terrain(name) for name in terrains.NAMES if name != "rotated_bowl")


def _terrain(terrain: terrains.Terrain) -> str:
    turned = terrain.rotated(45)
    names = {node.id for node in ast.walk(terrain.gradient_tree) if isinstance(node, ast.Name)}
    told = {
        "name": terrain.name,
        "mathml": mathml.formula_mathml(terrain.formula),
        "valuePython": terrain.value_source,
        "gradientPython": terrain.gradient_source,
        "box": terrain.box,
        "starts": terrain.starts,
        "minima": terrain.minima,
        "constants": terrain.constants,
        "rate": terrain.rate,
        "polynomial": not names & {"sin", "cos", "exp", "log"},
    }
    methods = {
        "value": terrain.value_tree,
        "gradient": terrain.gradient_tree,
        "rotatedValue": turned.value_tree,
        "rotatedGradient": turned.gradient_tree,
    }
    return _object(
        {name: _json(value) for name, value in told.items()},
        {name: javascript.formula_function(tree) for name, tree in methods.items()},
    )


def _turns() -> dict[str, list[float]]:
    """Cosine and sine of whole degrees, as a turned terrain has them."""
    bowl = terrains.terrain("bowl")
    pairs = [[value for _, value in bowl.rotated(angle).constants[-2:]] for angle in range(360)]
    return {"cos": [c for c, _ in pairs], "sin": [s for _, s in pairs]}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def main(arguments: list[str]) -> int:
    """Write the module to the path given; its folder is made."""
    if len(arguments) != 1:
        print("usage: python -m nukarumi.lab.generate OUT.js", file=sys.stderr)  # noqa: T201
        return 2
    out = Path(arguments[0])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(module(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
