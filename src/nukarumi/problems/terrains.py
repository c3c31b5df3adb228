"""Landscapes of two coordinates to walk on: each is one formula, and its slope is derived from that very formula.

The functions below are the terrains. They keep to the restricted arithmetic of :mod:`nukarumi.translate.derive`, which
derives the gradient, so that no gradient is written by hand, and which gives the text that other languages translate.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numpy import abs, cos, e, exp, maximum, pi, sqrt

from nukarumi._errors import BadInput
from nukarumi.problems import noise as randomness
from nukarumi.translate import derive

__all__ = ["NAMES", "Terrain", "Walker", "terrain"]

Point: TypeAlias = tuple[float, float]

BLOCK = 1024
"""Steps whose noise is drawn at once."""


@dataclass(frozen=True)
class Terrain:
    """A landscape: a formula for the height, and what a walk on it needs to know.

    Parameters
    ----------
    name
        As :func:`terrain` takes it.
    words
        What there is to see, in one sentence.
    formula
        The function as text, ``def name(x, y, ...): ...``; what follows x and y are the ``constants``.
    box
        The part worth looking at, ((x from, x to), (y from, y to)).
    starts
        Good places to start from.
    minima
        Every lowest place, as (x, y, height); none for a terrain that falls for ever.
    constants
        Values of the formula's further arguments.
    rate
        For a terrain with the argument ``active``: the share of steps at which it is 1 rather than 0. The landscape
        that :meth:`value` shows is the mean one, with ``active`` equal to the rate.

    Examples
    --------
    >>> bowl = terrain("bowl")
    >>> bowl.value(-7.0, 2.0), bowl.gradient(-7.0, 2.0)
    (6.45, (-0.7, 4.0))
    >>> print(bowl.gradient_source)
    def gradient_of_bowl(x, y):
        return (x / 10, 2 * y)
    >>> xs, ys = np.meshgrid(np.linspace(-1, 1, 3), np.linspace(-1, 1, 2))
    >>> bowl.value(xs, ys).shape
    (2, 3)
    """

    name: str
    words: str
    formula: str
    box: tuple[Point, Point]
    starts: tuple[Point, ...]
    minima: tuple[tuple[float, float, float], ...]
    constants: tuple[tuple[str, float], ...] = ()
    rate: float | None = None

    @property
    def value_tree(self) -> ast.FunctionDef:
        """The height as a syntax tree, powers written out as products: what :meth:`value` runs."""
        return derive.expanded(self.formula)

    @property
    def gradient_tree(self) -> ast.FunctionDef:
        """The gradient as a syntax tree, straight-line, returning a pair: what :meth:`gradient` runs."""
        return derive.derivative(self.formula, ("x", "y"))

    @property
    def value_source(self) -> str:
        """The text of :attr:`value_tree`."""
        return derive.text(self.value_tree)

    @property
    def gradient_source(self) -> str:
        """The text of :attr:`gradient_tree`."""
        return derive.text(self.gradient_tree)

    def value(self, x: Any, y: Any) -> Any:
        """The height at (x, y): a float for two numbers, an array for arrays. Infinite far out, never a warning."""
        return self._run(_value(self.formula), x, y, self.constants)

    def gradient(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The slopes (by x, by y) at (x, y): floats for two numbers, arrays for arrays. Never a warning."""
        slopes: tuple[Any, Any] = self._run(_gradient(self.formula), x, y, self.constants)
        return slopes

    def walker(self, noise: float = 0.0, seed: int = 0) -> Walker:
        """The terrain as an optimizer meets it, step by step, with noise that only the seed and the step decide."""
        return Walker(self, noise, seed)

    def rotated(self, angle: float) -> Terrain:
        """The same landscape turned counterclockwise by ``angle`` degrees about the origin.

        .. math:: f'(x, y) = f(c x + s y,\\ c y - s x), \\quad c = \\cos angle, s = \\sin angle

        ``c`` and ``s`` become constants of the formula, so the formula itself is the same for every angle.

        Raises
        ------
        BadInput
            If the angle is not a finite number.

        Examples
        --------
        >>> print(terrain("bowl").rotated(45).value_source)
        def rotated_bowl(x, y, c, s):
            u = c * x + s * y
            v = c * y - s * x
            return u * u / 20 + v * v
        """
        if not math.isfinite(angle):
            raise BadInput("angle must be a finite number of degrees", angle, "pass such as angle=45")
        quarters = {0.0: (1.0, 0.0), 90.0: (0.0, 1.0), 180.0: (-1.0, 0.0), 270.0: (0.0, -1.0)}
        radians = math.radians(angle)
        c, s = quarters.get(float(angle) % 360.0) or (math.cos(radians), math.sin(radians))
        tree = derive.read(self.formula)
        taken = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        taken |= {argument.arg for argument in tree.args.args} | {"x", "y"}
        u, v, cos_name, sin_name = (_unused(name, taken) for name in ("u", "v", "c", "s"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in ("x", "y"):
                node.id = u if node.id == "x" else v
        arguments = ", ".join([*(argument.arg for argument in tree.args.args), cos_name, sin_name])
        lines = [f"{u} = {cos_name} * x + {sin_name} * y", f"{v} = {cos_name} * y - {sin_name} * x"]
        lines += [line for statement in tree.body for line in ast.unparse(statement).splitlines()]

        def turn(point: Point) -> Point:
            return c * point[0] - s * point[1], s * point[0] + c * point[1]

        corners = [turn((x, y)) for x in self.box[0] for y in self.box[1]]
        xs, ys = zip(*corners, strict=True)
        return replace(
            self,
            name=f"rotated_{self.name}",
            words=f"{self.words.removesuffix('.')}, turned by {angle:g} degrees.",
            formula="\n    ".join([f"def rotated_{tree.name}({arguments}):", *lines]),
            box=((min(xs), max(xs)), (min(ys), max(ys))),
            starts=tuple(turn(start) for start in self.starts),
            minima=tuple((*turn((x, y)), height) for x, y, height in self.minima),
            constants=(*self.constants, (cos_name, c), (sin_name, s)),
        )

    def _run(self, function: Callable[..., Any], x: Any, y: Any, constants: tuple[tuple[str, float], ...]) -> Any:
        values = [value for _, value in constants]
        # A walk may fly off to infinity; that is something to see, not something to warn of.
        with np.errstate(all="ignore"):
            if np.ndim(x) or np.ndim(y):
                return function(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), *values)
            result = function(float(x), float(y), *values)
        return tuple(map(float, result)) if isinstance(result, tuple) else float(result)


@dataclass
class Walker:
    """A terrain under an optimizer's feet: the gradient at a place and a step, the same for whoever comes there.

    .. math:: g(x, y, step) = \\nabla f_{step}(x, y) + noise \\cdot z(seed, step)

    ``f_step`` is the terrain, with its rare coordinate on or off; ``z`` is what
    :func:`nukarumi.problems.noise.normals` gives.

    Parameters
    ----------
    terrain
        Where to walk.
    noise
        Deviation of the noise on each slope, at least 0.
    seed
        Decides noise and activity, 0 to 2**32 - 1.

    Raises
    ------
    BadInput
        For a noise that is negative or not finite, a bad seed, or a negative step.

    Examples
    --------
    >>> walker = terrain("bowl").walker(noise=0.5, seed=3)
    >>> walker.gradient(-7.0, 2.0, step=0) == walker.gradient(-7.0, 2.0, step=0)
    True
    >>> walker.gradient(-7.0, 2.0, step=0) == walker.gradient(-7.0, 2.0, step=1)
    False
    """

    terrain: Terrain
    noise: float = 0.0
    seed: int = 0
    _block: int = field(default=-1, init=False, repr=False, compare=False)
    _normals: npt.NDArray[np.float64] = field(init=False, repr=False, compare=False)
    _active: npt.NDArray[np.bool_] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise BadInput("noise must be a finite number >= 0", self.noise, "pass such as noise=0.5")
        randomness.normals(self.seed, [0])

    def value(self, x: float, y: float) -> float:
        """The height of the mean landscape, without noise."""
        return float(self.terrain.value(x, y))

    def active(self, step: int) -> bool:
        """Whether the rare coordinate of a sparse terrain has a slope at this step; true on every other terrain."""
        if self.terrain.rate is None:
            return True
        self._draw(step)
        return bool(self._active[step % BLOCK])

    def gradient(self, x: float, y: float, step: int) -> tuple[float, float]:
        """The slopes (by x, by y) at this place and step (counted from 0)."""
        terrain = self.terrain
        constants = terrain.constants
        if terrain.rate is not None:
            now = float(self.active(step))
            constants = tuple((name, now if name == "active" else value) for name, value in constants)
        gx, gy = terrain._run(_gradient(terrain.formula), x, y, constants)
        if self.noise:
            self._draw(step)
            zx, zy = self._normals[step % BLOCK].tolist()
            gx, gy = gx + self.noise * zx, gy + self.noise * zy
        return gx, gy

    def _draw(self, step: int) -> None:
        if step < 0:
            raise BadInput("step must be an integer >= 0", step, "count the steps from 0")
        block = step // BLOCK
        if block != self._block:
            steps = np.arange(block * BLOCK, (block + 1) * BLOCK)
            self._normals = randomness.normals(self.seed, steps)
            self._active = randomness.active(self.seed, steps, 1.0 if self.terrain.rate is None else self.terrain.rate)
            self._block = block


# --- the landscapes ----------------------------------------------------------------------------------------------

_KNOWN: dict[str, Callable[[], Terrain]] = {}


def _landscape(
    box: tuple[Point, Point],
    starts: tuple[Point, ...],
    minima: tuple[tuple[float, float, float], ...] = (),
    rate: float | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def note(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        words = (function.__doc__ or "").strip()
        constants = () if rate is None else (("active", rate),)

        def make() -> Terrain:
            formula = derive.text(derive.read(function))
            return Terrain(name, words, formula, box, starts, minima, constants, rate)

        _KNOWN[name] = make
        return function

    return note


@_landscape(box=((-10, 10), (-5, 5)), starts=((-7.0, 2.0),), minima=((0, 0, 0),))
def bowl(x: Any, y: Any) -> Any:
    """A bowl stretched along x: steep across, gentle along."""
    return x**2 / 20 + y**2


@_landscape(box=((-4.5, 4.5), (-4.5, 4.5)), starts=((1.0, 1.5), (-2.0, -1.5)), minima=((3, 0.5, 0),))
def beale(x: Any, y: Any) -> Any:
    """A flat basin between steep corners: the slope is tiny in the middle and thousands at the rim."""
    a = 1.5 - x + x * y
    b = 2.25 - x + x * y**2
    c = 2.625 - x + x * y**3
    return a**2 + b**2 + c**2


@_landscape(box=((-2, 2), (-1, 3)), starts=((-1.2, 1.0), (-1.5, 2.0)), minima=((1, 1, 0),))
def rosenbrock(x: Any, y: Any) -> Any:
    """A curved valley like a banana: easy to enter, long to follow."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@_landscape(
    box=((-5, 5), (-5, 5)),
    starts=((0.0, 0.0), (-0.5, -3.0)),
    minima=(
        (3, 2, 0),
        (-2.805118086952745, 3.131312518250573, 0),
        (-3.779310253377747, -3.283185991286170, 0),
        (3.584428340330492, -1.848126526964404, 0),
    ),
)
def himmelblau(x: Any, y: Any) -> Any:
    """Four equally deep hollows: where you end depends on where and how you start."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@_landscape(box=((-5.12, 5.12), (-5.12, 5.12)), starts=((-3.3, 2.8),), minima=((0, 0, 0),))
def rastrigin(x: Any, y: Any) -> Any:
    """A bowl full of egg-box dents: most walkers settle in the first one."""
    return 20 + x**2 - 10 * cos(2 * pi * x) + y**2 - 10 * cos(2 * pi * y)


@_landscape(box=((-2, 2), (-2, 2)), starts=((-1.5, 0.001), (-1.5, 0.0)))
def saddle(x: Any, y: Any) -> Any:
    """A pass between two hills: flat at its middle, and the way down is to the side."""
    return x**2 - y**2


@_landscape(box=((-2, 2), (-2, 2)), starts=((1.5, 0.01), (-0.1, 1.0)))
def monkey_saddle(x: Any, y: Any) -> Any:
    """A saddle with a third valley for the tail: flatter still at its middle."""
    return x**3 - 3 * x * y**2


@_landscape(box=((-5, 5), (-5, 5)), starts=((-2.6, 1.7),), minima=((0, 0, 0),))
def ackley(x: Any, y: Any) -> Any:
    """A nearly flat plain of ripples around one deep funnel with a pointed bottom."""
    # The floor under the root keeps the slope at the very bottom, where it has no direction, at 0.
    r = sqrt(maximum((x**2 + y**2) / 2, 1e-300))
    return 20 - 20 * exp(-r / 5) + e - exp((cos(2 * pi * x) + cos(2 * pi * y)) / 2)


@_landscape(box=((-10, 10), (-10, 10)), starts=((-8.0, -7.0),), minima=((1, 3, 0),))
def booth(x: Any, y: Any) -> Any:
    """A smooth bowl whose valley runs aslant, so that no axis points along it."""
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


@_landscape(box=((-3, 12), (-4, 4)), starts=((-2.0, 2.0),), minima=((10, 0, 0),))
def cliff(x: Any, y: Any) -> Any:
    """A steep cliff and then a long gentle valley: who is tired from the cliff never sees the valley's end."""
    return 100 * maximum(-x, 0) + (x - 10) ** 2 / 20 + y**2 / 2


@_landscape(box=((-5, 5), (-5, 5)), starts=((-4.0, 4.0),), minima=((0, 0, 0),), rate=0.1)
def sparse_ravine(x: Any, y: Any, active: Any) -> Any:
    """A ravine whose y has a slope only now and then, like the weight of a rare word."""
    return x**2 / 2 + active * y**2 / 2


@_landscape(box=((-3, 3), (-3, 3)), starts=((-2.5, 2.0),), minima=((0, 0, 0),))
def diamond(x: Any, y: Any) -> Any:
    """A roof of four flat faces: the slope never shrinks, so a fixed stride never settles."""
    return abs(x) + 2 * abs(y)


NAMES: tuple[str, ...] = ("bowl", "rotated_bowl", *(name for name in _KNOWN if name != "bowl"))
"""Every terrain that :func:`terrain` knows."""


@functools.cache
def _known(name: str) -> Terrain:
    return _KNOWN[name]()


def terrain(name: str, *, angle: float | None = None) -> Terrain:
    """A terrain by its name.

    Parameters
    ----------
    name
        One of :data:`NAMES`.
    angle
        Degrees to turn the terrain by; 45 for ``"rotated_bowl"`` and 0 for all others, unless told.

    Raises
    ------
    BadInput
        If there is no terrain of that name, or the angle is not finite.

    Examples
    --------
    >>> terrain("booth").minima
    ((1, 3, 0),)
    >>> terrain("rotated_bowl", angle=30).name
    'rotated_bowl'
    """
    if name == "rotated_bowl":
        return _known("bowl").rotated(45.0 if angle is None else angle)
    if name not in _KNOWN:
        raise BadInput("a terrain must be one of the known names", repr(name), f"pass one of {', '.join(NAMES)}")
    return _known(name) if angle is None else _known(name).rotated(angle)


def _unused(wish: str, taken: set[str]) -> str:
    while wish in taken:
        wish += "_"
    taken.add(wish)
    return wish


@functools.lru_cache(maxsize=256)
def _value(formula: str) -> Callable[..., Any]:
    return derive.compiled(derive.expanded(formula))


@functools.lru_cache(maxsize=256)
def _gradient(formula: str) -> Callable[..., Any]:
    return derive.gradient(formula, ("x", "y"))
