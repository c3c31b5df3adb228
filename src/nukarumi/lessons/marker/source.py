"""A learner's source: where it comes from, the numbers in it, and on which line what is done.

A file is taken as it is. A class that lives in a notebook is gathered: its own text, and the texts of the imports,
functions and constants that it names, each with the line numbers that it has where it was written.
"""

from __future__ import annotations

import ast
import inspect
import linecache
import tokenize
import types
import warnings
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from nukarumi._errors import BadInput, BadType

__all__ = ["Piece", "Source", "of_class", "of_file"]

LARGEST = 1 << 20


@dataclass(frozen=True)
class Piece:
    """Some lines of a file: its name, the number of the first line, and the text."""

    filename: str
    line: int
    text: str


@dataclass(frozen=True)
class Source:
    """A class by its text.

    Attributes
    ----------
    name
        Of the class.
    pieces
        What is to be run, in order; the class is in the last.
    folders
        Where it may import neighbours from.
    """

    name: str
    pieces: tuple[Piece, ...]
    folders: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The file's name."""
        return self.pieces[-1].filename

    def line(self, number: int) -> str:
        """The text of a line, without its indentation."""
        piece = self.pieces[-1]
        lines = piece.text.splitlines()
        return lines[number - piece.line].strip() if piece.line <= number < piece.line + len(lines) else ""

    def tree(self) -> ast.ClassDef | None:
        """The class as a tree, with what it inherits in its file, and line numbers; None if it cannot be read."""
        piece = self.pieces[-1]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(piece.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        ast.increment_lineno(tree, piece.line - 1)
        classes = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        found = classes.get(self.name)
        if found:
            own = [getattr(node, "name", "") for node in found.body]
            for base in (classes.get(each.id) for each in found.bases if isinstance(each, ast.Name)):
                found.body += [node for node in (base.body if base else []) if getattr(node, "name", None) not in own]
        return found


def of_file(path: str | Path, name: str | None = None) -> Source:
    """A class in a file.

    Parameters
    ----------
    path
        The file.
    name
        The class; None where the file has only one.

    Raises
    ------
    BadInput
        If there is no such file, it is no Python text, or it is not clear which class is meant.
    """
    path = Path(path)
    if not path.is_file():
        raise BadInput("the file must exist", f"{path}", "check the path")
    raw = path.read_bytes()
    if len(raw) > LARGEST:
        raise BadInput("the file must be a class, of a few lines", f"{path} of {len(raw)} bytes", "pass FILE.py:CLASS")
    try:
        encoding = tokenize.detect_encoding(BytesIO(raw).readline)[0]
        text = raw.decode(encoding)
    except (SyntaxError, UnicodeDecodeError) as error:
        raise BadInput("the file must be Python text in UTF-8", f"{path}: {error}", "save it as UTF-8") from None
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    source = Source(name or "", (Piece(str(path), 1, text),), (str(path.resolve().parent),))
    if name is None:
        classes = _classes(text)
        if len(classes) != 1:
            raise BadInput(
                "the file must have one class, or the class must be named",
                f"{path} with {', '.join(classes) or 'none'}",
                f"pass {path}:{classes[0] if classes else 'Adagrad'}",
            )  # fmt: skip
        source = Source(classes[0], source.pieces, source.folders)
    return source


def _classes(text: str) -> list[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def of_class(cls: type) -> Source:
    """A class that is already here, by the text that it was made from.

    Raises
    ------
    BadType, BadInput
        If it is no class, or its text is nowhere to be found (a class typed into the plain interpreter).
    """
    if not isinstance(cls, type):
        raise BadType(
            "check() takes a class, or 'FILE.py:CLASS'", f"{cls!r:.60}", "pass the class, not an object of it"
        )
    path = inspect.getsourcefile(_function_of(cls)) if _function_of(cls) else None
    if path and Path(path).is_file() and cls.__module__ != "__main__" and "<locals>" not in cls.__qualname__:
        return of_file(path, cls.__name__)
    gathered: dict[int, Piece] = {}
    _gather(cls, gathered)
    pieces = list(gathered.values())
    return Source(cls.__name__, tuple(pieces))


def _function_of(cls: type) -> Any:
    return next((each for each in vars(cls).values() if isinstance(each, types.FunctionType)), None)


def _gather(thing: Any, gathered: dict[int, Piece]) -> None:
    """The text of a class or a function, after the texts of what it names."""
    if id(thing) in gathered:
        return
    functions = [thing] if isinstance(thing, types.FunctionType) else [
        each for each in vars(thing).values() if isinstance(each, types.FunctionType)
    ]  # fmt: skip
    piece = _piece(thing, functions)
    gathered[id(thing)] = piece  # so that two that name each other come to an end
    scope = functions[0].__globals__
    for name in dict.fromkeys(node.id for node in ast.walk(ast.parse(piece.text)) if isinstance(node, ast.Name)):
        _named(name, scope, gathered)
    gathered[id(thing)] = gathered.pop(id(thing))  # behind what it needs


def _named(name: str, scope: dict[str, Any], gathered: dict[int, Piece]) -> None:
    if name not in scope:
        return
    value = scope[name]
    if isinstance(value, types.ModuleType):
        piece = Piece("<import>", 1, f"import {value.__name__} as {name}\n")
    elif isinstance(value, (bool, int, float, str, type(None))):
        piece = Piece("<constant>", 1, f"{name} = {value!r}\n")
    elif isinstance(value, (type, types.FunctionType)) and value.__module__ == scope.get("__name__"):
        _gather(value, gathered)
        return
    elif isinstance(getattr(value, "__name__", None), str):
        module = getattr(value, "__module__", None) or "numpy"  # NumPy's own functions name no module
        piece = Piece("<import>", 1, f"from {module} import {value.__name__} as {name}\n")
    else:
        return
    gathered.setdefault(hash((name, piece.text)), piece)


def _piece(thing: Any, functions: list[Any]) -> Piece:
    for function in functions:
        filename = function.__code__.co_filename
        text = "".join(linecache.getlines(filename))
        if not text:
            continue
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError):
            continue
        line = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name == thing.__name__:
                first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                if first <= line <= (node.end_lineno or first):
                    lines = text.splitlines()[first - 1 : node.end_lineno]
                    indent = len(lines[0]) - len(lines[0].lstrip())
                    return Piece(filename, first, "\n".join(each[indent:] for each in lines) + "\n")
    raise BadInput(
        "the class must have its source somewhere", f"{thing.__name__}", "put it into a file and check that file"
    )
