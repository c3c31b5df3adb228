"""The marker: runs a learner's optimizer class beside the rule and beside the rule's mistakes, and names the mistake.

    from nukarumi.lessons.marker import check
    check(Adagrad)                       # a class of this notebook
    check("my_optimizer.py:Adagrad")     # a class in a file

The class runs in a process of its own and is shown gradients; where it goes is compared with where the rule goes, and
with where the rule would go with each known mistake. How the code looks plays no part in the verdict, only in the line
that is pointed at.
"""

from __future__ import annotations

from pathlib import Path

from nukarumi.lessons.marker.mark import Mark, Said
from nukarumi.lessons.marker.marking import mark
from nukarumi.lessons.marker.runner import MEMORY, SECONDS
from nukarumi.lessons.marker.source import Source, of_class, of_file
from nukarumi.lessons.marker.words import Level, Sentence, checked_language

__all__ = ["Level", "Mark", "Said", "Sentence", "check"]


def check(cls: type | str | Path, *, seconds: float = SECONDS, memory: int = MEMORY, lang: str = "en") -> Mark:
    """Mark an optimizer class.

    Parameters
    ----------
    cls
        The class, with the book's face: ``__init__(lr=...)`` and ``update(params, grads)`` on dicts of arrays; or where
        it stands, ``"FILE.py:CLASS"``. Which optimizer it should be is told by its name, or else found out.
    seconds, memory
        The most time and bytes that it may use.
    lang
        ``"en"`` or ``"ja"``: how the mark shows itself.

    Returns
    -------
    Mark
        What it prints is the verdict; `Mark.ok`, `Mark.mistakes`, `Mark.line` and `Mark.to_dict` are for programs.

    Raises
    ------
    BadInput, BadType
        If there is no such class or file, or a limit or the language is out of its range. Whatever the class itself
        does wrong is a verdict, never an exception.

    Examples
    --------
    >>> class SGD:
    ...     def __init__(self, lr=0.01):
    ...         self.lr = lr
    ...
    ...     def update(self, params, grads):
    ...         for key in params:
    ...             params[key] += self.lr * grads[key]
    >>> check(SGD)
    A mistake
    Your class behaves exactly like SGD with this mistake: The sign of the step is turned, so it walks uphill.
      Look at line 7: params[key] += self.lr * grads[key]
    """
    spoken = checked_language(lang)
    return mark(_source(cls), seconds=seconds, memory=memory, lang=spoken)


def _source(cls: type | str | Path) -> Source:
    if isinstance(cls, (str, Path)):
        path, colon, name = str(cls).rpartition(":")
        if colon and name.isidentifier():
            return of_file(path, name)
        return of_file(str(cls))
    return of_class(cls)
