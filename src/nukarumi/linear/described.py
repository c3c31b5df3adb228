"""The text of a parameter stands once, in the docstring of the base class, and is shown by every class that has it."""

from __future__ import annotations

import inspect
import re
from typing import Any, TypeVar

__all__ = ["described", "parameters"]

Class = TypeVar("Class", bound=type[Any])
SECTION = re.compile(r"^Parameters\n-+\n(.*?)(?=\n\n\S[^\n]*\n---|\Z)", re.M | re.S)
"""A numpydoc section of parameters, up to the next section."""


def parameters(docstring: str) -> dict[str, str]:
    """The entries of a docstring's section of parameters, by name.

    Examples
    --------
    >>> parameters("A line.\\n\\nParameters\\n----------\\nlr : float\\n    The rate.\\neps : float\\n    Added.\\n")
    {'lr': 'lr : float\\n    The rate.', 'eps': 'eps : float\\n    Added.'}
    """
    section = SECTION.search(inspect.cleandoc(docstring))
    found = re.split(r"\n(?=\S)", section[1].rstrip()) if section else []
    return {entry.split(" :")[0]: entry for entry in found}


def described(cls: Class) -> Class:
    """Complete a class's section of parameters by those that only a base class describes, in the order of ``__init__``.

    Examples
    --------
    >>> class Base:
    ...     '''Parameters
    ...     ----------
    ...     lr : float
    ...         The rate.
    ...     '''
    >>> @described
    ... class Own(Base):
    ...     '''A line.
    ...
    ...     Parameters
    ...     ----------
    ...     loss : str
    ...         What is made small.
    ...     '''
    ...
    ...     def __init__(self, loss, lr): ...
    >>> print(Own.__doc__)
    A line.
    <BLANKLINE>
    Parameters
    ----------
    loss : str
        What is made small.
    lr : float
        The rate.
    """
    if cls.__doc__ is not None:  # there is none under python -OO
        known: dict[str, str] = {}
        for base in reversed(cls.__mro__):
            known |= parameters(base.__dict__.get("__doc__") or "")
        wanted = [known[name] for name in inspect.signature(cls).parameters if name in known]
        text = "Parameters\n----------\n" + "\n".join(wanted)
        cls.__doc__ = SECTION.sub(lambda _: text, inspect.cleandoc(cls.__doc__), count=1)
    return cls
