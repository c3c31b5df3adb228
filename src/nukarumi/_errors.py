"""What a refused input sounds like: the rule, what was received, the cure."""

from __future__ import annotations

__all__ = ["BadInput", "BadType"]


class BadInput(ValueError):
    """An input that breaks a rule; nothing has been changed when it is raised.

    Parameters
    ----------
    rule
        The rule in one sentence, naming the argument, array or file.
    received
        What came instead.
    cure
        What to do about it.

    Examples
    --------
    >>> print(BadInput("lr must be a finite number >= 0", -1, "pass a positive number, such as lr=0.01"))
    lr must be a finite number >= 0. Received: -1. Cure: pass a positive number, such as lr=0.01.
    """

    def __init__(self, rule: str, received: object, cure: str) -> None:
        super().__init__(rule, received, cure)
        self.rule, self.received, self.cure = rule, received, cure

    def __str__(self) -> str:
        return f"{self.rule}. Received: {self.received}. Cure: {self.cure}."


class BadType(BadInput, TypeError):
    """An input of the wrong kind: an integer array, a missing mapping, an unknown option."""
