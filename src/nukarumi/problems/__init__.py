"""What is walked on: real data with a small network, real texts with a linear model, the user's own files, terrains."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

from nukarumi._errors import BadInput, BadType
from nukarumi.problems.base import Batch, Problem, Score, Split
from nukarumi.problems.classify import Classification
from nukarumi.problems.digits import digits
from nukarumi.problems.files import FORMATS, from_file
from nukarumi.problems.reviews import reviews
from nukarumi.problems.sparse import SparseLinear, SparseRows

__all__ = [
    "NAMES",
    "Batch",
    "Classification",
    "Problem",
    "Score",
    "SparseLinear",
    "SparseRows",
    "Split",
    "digits",
    "load",
    "reviews",
]

NAMES: dict[str, Callable[..., Problem]] = {"digits": digits, "reviews": reviews}
"""The problems that come with the package, by the name that :func:`load` takes."""


def load(problem: str | os.PathLike[str] | Problem, **options: Any) -> Problem:
    """A problem by its name, from a file, or the one that was handed in.

    Parameters
    ----------
    problem
        A name of :data:`NAMES`, a file or folder as :func:`~nukarumi.problems.files.from_file` takes it, or a
        :class:`Problem`, which comes back unchanged. A file called like a name is meant by ``./name`` or a ``Path``.
    options
        What the function of that name takes, such as ``batch_size=64``.

    Raises
    ------
    BadInput
        If there is no problem of that name and no such file, the file cannot be used, or an option is unknown or wrong.

    Examples
    --------
    >>> load("digits", batch_size=64).batches_per_epoch
    20
    """
    if not isinstance(problem, str | os.PathLike) and isinstance(problem, Problem):
        if options:
            raise BadType(
                "options go with a name or a path, not with a finished problem",
                sorted(options),
                "set them where the problem is made",
            )
        return problem
    if not isinstance(problem, str | os.PathLike):
        raise BadType(
            "a problem must be a name, a path or a Problem", type(problem).__name__, f"pass one of {sorted(NAMES)}"
        )
    if isinstance(problem, str) and problem in NAMES:
        return _call(NAMES[problem], problem, options, NAMES[problem].__kwdefaults__)
    if not os.path.exists(problem):
        raise BadInput(
            f"problem must be one of {sorted(NAMES)}, or a file or folder that exists",
            repr(os.fspath(problem)),
            f"check the spelling; files may be {FORMATS}",
        )
    return _call(functools.partial(from_file, problem), os.fspath(problem), options, from_file.__kwdefaults__)


def _call(make: Callable[..., Problem], name: str, options: dict[str, Any], known: Mapping[str, Any] | None) -> Problem:
    unknown = sorted(set(options) - set(known or {}))
    if unknown:
        raise BadType(f"problem {name!r} has the options {sorted(known or {})}", unknown, "remove or rename them")
    return make(**options)
