"""On which line of a learner's class what is done: the memory, the step, the start, the clock. A guess, and told so."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from nukarumi.lessons.marker.models import Dialect
from nukarumi.translate.straight import StraightLine

__all__ = ["copies", "line_of", "literals", "loops", "place_of", "random_line"]

Function = ast.FunctionDef | ast.AsyncFunctionDef

PLACES = {
    "lr_ignored": "lr",
    "clock_stands": "clock",
    "clock_ahead": "clock",
    "clock_from_zero": "clock",
    "clock_each_parameter": "clock",
    "clock_after_all": "clock",
    "clock_never": "clock",
    "only_first": "loop",
    "only_last": "loop",
    "not_first": "loop",
    "not_last": "loop",
    "others_gradient": "step",
    "first_gradient": "step",
    "eps_once": "step",
    "state_shared": "memory",
    "memory_summed": "memory",
    "memory_averaged": "memory",
    "state_reset": "start",
    "reset_clock_too": "start",
}
"""Where the mistakes around the formula are made; the others are made where a state starts."""

MEMORIES = ("h", "v", "m", "d", "cache", "accum", "accumulator", "velocity", "momentum", "moment", "sum", "square", "G")
MAKERS = ("zeros", "ones", "full", "empty")
CLOCKS = ("t", "iter", "step", "steps", "count", "time", "n", "i", "k")


def place_of(mistake: str, dialect: Dialect, line: StraightLine | None = None) -> str:
    """Where a mistake is made: ``"step"``, ``"memory:h"``, ``"correction"``, ``"start"``, ``"clock"``, ``"loop"``.

    Examples
    --------
    >>> from nukarumi.lessons.marker.models import dialects, mistakes
    >>> book = dialects("Adagrad")[0]
    >>> place_of("h_overwritten", book, dict(mistakes(book))["h_overwritten"])
    'memory:h'
    """
    if line is None:
        return PLACES.get(mistake, "start")
    right = [str(each) for each in dialect.line.lines]
    wrong = {str(each) for each in line.lines}
    targets = [text.partition(" = ")[0] for text in right if text not in wrong]
    if not targets or targets[0] in ("w", "step") or mistake in ("uphill", "step_before_memory", "new_velocity"):
        return "step"
    return f"memory:{targets[0]}" if targets[0] in dialect.starts else "correction"


def line_of(tree: ast.ClassDef | None, place: str) -> int | None:
    """The number of the line where something is done; None if there is no telling."""
    if tree is None:
        return None
    methods = [node for node in tree.body if isinstance(node, Function)]
    start = [each for each in methods if each.name == "__init__"]
    moving = [each for each in methods if each.name != "__init__"]
    update = next((each for each in methods if each.name == "update"), None)
    params, grads = _arguments(update)
    what, _, letter = place.partition(":")
    found: list[int] = []
    if what == "step":
        found = [node.lineno for node in _statements(moving) if _writes(node, params)]
        found = found or [node.lineno for node in _statements(moving) if _moves(node, params)]
    elif what == "grads":
        found = [node.lineno for node in _statements(moving) if _writes(node, grads)]
    elif what == "memory":
        found = _memories(moving, letter)
    elif what == "correction":
        found = [node.lineno for node in _statements(moving) if _has_power_of_clock(node)]
        found = found or [node.lineno for node in _statements(moving) if _writes(node, params)]
    elif what == "lr":
        found = [node.lineno for node in _statements(start) if "lr" in ast.unparse(node)] or [x.lineno for x in start]
    elif what == "start":
        found = [node.lineno for node in _statements([*moving, *start]) if _makes_state(node)]
        found = found or [node.lineno for node in _statements(start) if "lr" not in ast.unparse(node)]
    elif what == "clock":
        found = [node.lineno for node in _statements(moving) if _is_clock(node)]
        found = found or [node.lineno for node in _statements(start) if _is_clock(node)]
    elif what == "loop":
        inside = [node for each in moving for node in ast.walk(each)]
        found = [node.lineno for node in inside if isinstance(node, (ast.Return, ast.Break, ast.Continue))]
        found += [node.lineno for node in inside if isinstance(node, ast.For)]
    elif what == "class":
        found = [n.lineno for n in tree.body if isinstance(n, (ast.Assign, ast.AnnAssign)) and _container(n.value)]
        found += [each.lineno for node in start for each in node.args.defaults if _container(each)]
    return found[0] if found and what in ("loop", "class", "lr") else (found[-1] if found else None)


def literals(tree: ast.ClassDef | None) -> tuple[float, ...]:
    """Every number that stands in a class, in order, each once."""
    if tree is None:
        return ()
    numbers = [
        (node.lineno, node.col_offset, float(node.value))
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and abs(node.value) < 1e9
    ]
    return tuple(dict.fromkeys(value for _, _, value in sorted(numbers)))


def random_line(tree: ast.ClassDef | None) -> int | None:
    """The line on which a class draws random numbers."""
    nodes = ast.walk(tree) if tree else ()
    calls = [each for each in nodes if isinstance(each, ast.Call)]
    return next((each.lineno for each in calls if "rand" in ast.unparse(each.func)), None)


def copies(tree: ast.ClassDef | None) -> tuple[int, str] | None:
    """Where a class copies whole arrays at every update: the line, and how."""
    for node in _update_calls(tree):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("deepcopy", "copy"):
            return node.lineno, ast.unparse(node)
    return None


def _update_calls(tree: ast.ClassDef | None) -> Iterator[ast.Call]:
    for method in tree.body if tree else []:
        if isinstance(method, Function) and method.name == "update":
            yield from (node for node in ast.walk(method) if isinstance(node, ast.Call))


def loops(tree: ast.ClassDef | None) -> int | None:
    """The line of a loop over entries inside the loop over parameters."""
    for method in tree.body if tree else []:
        if not isinstance(method, Function) or method.name != "update":
            continue
        outer = [node for node in ast.walk(method) if isinstance(node, ast.For)]
        inner = [node for each in outer for node in ast.walk(each) if isinstance(node, ast.For) and node is not each]
        for node in inner:
            text = ast.unparse(node.iter)
            if any(word in text for word in ("range", "ndindex", "nditer", "ndenumerate")):
                return node.lineno
    return None


def _arguments(update: Function | None) -> tuple[str, str]:
    names = [argument.arg for argument in update.args.args] if update else []
    return (names[1] if len(names) > 1 else "params"), (names[2] if len(names) > 2 else "grads")


def _statements(methods: list[Function]) -> list[ast.stmt]:
    kinds = (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Expr)
    found = [node for method in methods for node in ast.walk(method) if isinstance(node, kinds)]
    return sorted(found, key=lambda node: node.lineno)


def _targets(node: ast.stmt) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return node.targets
    return [node.target] if isinstance(node, (ast.AugAssign, ast.AnnAssign)) else []


def _writes(node: ast.stmt, name: str) -> bool:
    """Whether a statement writes into a dict's arrays: by its target, ``out=``, or a view of one."""
    if any(ast.unparse(target).startswith(f"{name}[") for target in _targets(node)):
        return True
    if isinstance(node, ast.AugAssign) and ast.unparse(node.target).partition("[")[0] in (
        "w",
        "p",
        "param",
        "value",
        "val",
    ):
        return name.startswith("p")
    calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
    outs = [each.value for call in calls for each in call.keywords if each.arg == "out"]
    outs += [call.args[0] for call in calls if ast.unparse(call.func).endswith("copyto") and call.args]
    return any(ast.unparse(out).startswith(name) for out in outs)


def _moves(node: ast.stmt, params: str) -> bool:
    """Whether a statement works out a step, wherever it is put."""
    value = getattr(node, "value", None)
    text = ast.unparse(value) if isinstance(value, ast.expr) else ""
    return "self." in text and (f"{params}[" in text or (bool(_targets(node)) and " - " in text))


def _memories(methods: list[Function], letter: str) -> list[int]:
    for wanted in ((letter,) if letter else (), MEMORIES):
        found = []
        for node in _statements(methods):
            for target in _targets(node):
                text = ast.unparse(target)
                own = text.removeprefix("self.").partition("[")[0]
                if own.lower() in [each.lower() for each in wanted] and not _makes_state(node):
                    found.append(node.lineno)
        if found:
            return found
    return []


def _makes_state(node: ast.stmt) -> bool:
    text = ast.unparse(node)
    if not isinstance(node, (ast.Assign, ast.AnnAssign)) or "=" not in text:
        return False
    value = text.partition(" = ")[2]
    if any(maker in value for maker in MAKERS):
        return True
    return text.startswith("self.") and value in ("{}", "None", "dict()", "0", "0.0", "1", "1.0")


def _has_power_of_clock(node: ast.stmt) -> bool:
    powers = [each for each in ast.walk(node) if isinstance(each, ast.BinOp) and isinstance(each.op, ast.Pow)]
    return any(not isinstance(each.right, ast.Constant) for each in powers)


def _is_clock(node: ast.stmt) -> bool:
    return any(ast.unparse(target).removeprefix("self.").lower() in CLOCKS for target in _targets(node))


def _container(node: ast.expr | None) -> bool:
    return isinstance(node, (ast.Dict, ast.List)) or (isinstance(node, ast.Call) and ast.unparse(node.func) == "dict")
