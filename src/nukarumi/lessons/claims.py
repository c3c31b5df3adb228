"""A number may stand in a lesson only if the library computes it: claims are functions, called by name from prose.

``{{stride_at_first_step:.3g}}`` in a chapter shows what the function of that name returns; ``{{shorter_on_average|the
shorter one}}`` shows the words, and only if the function returns True. The functions live in `nukarumi.lessons.truths`.
"""

from __future__ import annotations

import functools
import importlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from nukarumi._errors import BadInput

__all__ = ["Value", "claim", "names", "told", "value"]

Single: TypeAlias = float | int | str | bool
Value: TypeAlias = Single | Mapping[str, Single]
"""What a claim may be: a number, a word, a truth, or a few of them by name."""

_CLAIMS: dict[str, Callable[[], Value]] = {}

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def claim(function: Callable[[], Value]) -> Callable[[], Value]:
    """Make a function without arguments a claim; its name is the claim's, its docstring says what is claimed."""
    name = function.__name__
    if name in _CLAIMS or not function.__doc__:
        raise BadInput("a claim has a name of its own and a docstring", name, "rename it or say what it claims")
    _CLAIMS[name] = functools.cache(function)
    return _CLAIMS[name]


def _known() -> dict[str, Callable[[], Value]]:
    importlib.import_module("nukarumi.lessons.truths")
    return _CLAIMS


def names() -> list[str]:
    """Every claim that can be made."""
    return sorted(_known())


def value(name: str) -> Any:
    """A claim's value; ``"name.part"`` is one of several.

    Raises
    ------
    BadInput
        If there is no such claim, or it is not a finite number, a word or a truth.

    Examples
    --------
    >>> value("sgd_setting_never_changes")
    True
    """
    base, _, part = name.partition(".")
    known = _known()
    if base not in known:
        raise BadInput("a claim must be one that is computed", repr(name), "write it in nukarumi.lessons.truths")
    found = known[base]()
    if isinstance(found, Mapping):
        if part not in found:
            raise BadInput(f"the claim {base!r} has the parts {sorted(found)}", repr(name), "name one of them")
        found = found[part]
    elif part:
        raise BadInput(f"the claim {base!r} has no parts", repr(name), f"write {base!r}")
    if hasattr(found, "item"):
        found = found.item()
    if isinstance(found, float) and not math.isfinite(found):
        raise BadInput("a claim must be finite", f"{name} = {found}", "claim a truth about it instead")
    return found


def told(number: Any, form: str) -> str:
    """A claim's value as prose has it.

    Examples
    --------
    >>> told(-0.25, ""), told(1e-7, ".2g"), told(12345, ",")
    ('−0.25', '1×10⁻⁷', '12,345')
    """
    text = format(number, form)
    text = re.sub(r"e([-+]\d+)", lambda match: "×10" + str(int(match[1])).translate(_SUPERSCRIPTS), text)
    return text.replace("-", "−")
