"""The public surface is a tested list: a name joins or leaves it on purpose, or not at all."""

from __future__ import annotations

import doctest
from importlib import resources

import numpy as np
import pytest

import nukarumi

OPTIMIZERS = ["SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adadelta", "Adam", "AdamW", "RowwiseAdagrad"]
ALIASES = {"AdaGrad": "Adagrad", "RMSProp": "RMSprop"}
# ``np`` is public because the book's programs get NumPy through ``from common.optimizer import *``.
OTHERS = ["np", "Rows"]


def test_all_is_this_list() -> None:
    """Nothing more, nothing less, nothing twice."""
    assert sorted(nukarumi.__all__) == sorted([*OPTIMIZERS, *ALIASES, *OTHERS])


def test_every_name_exists_and_is_listed_by_dir() -> None:
    """Lazy or not, each name can be had and is seen by completion."""
    for name in nukarumi.__all__:
        assert getattr(nukarumi, name) is not None
        assert name in dir(nukarumi)
    assert nukarumi.np is np


@pytest.mark.parametrize(("alias", "name"), list(ALIASES.items()))
def test_aliases_are_the_same_class(alias: str, name: str) -> None:
    """The book's spelling is another name, not another class."""
    assert getattr(nukarumi, alias) is getattr(nukarumi, name)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_say_what_they_are(name: str) -> None:
    """Each has its own name, a docstring in the house's order, and an example that the doctests run."""
    cls = getattr(nukarumi, name)
    assert cls.__name__ == name
    assert cls.__doc__ is not None
    assert doctest.DocTestParser().get_examples(cls.__doc__)
    sections = [line for line in map(str.strip, cls.__doc__.splitlines()) if line in ("Parameters", "Examples")]
    assert sections == ["Parameters", "Examples"]
    for public in ("update", "like", "load"):
        assert getattr(cls, public).__doc__, f"{name}.{public}"


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_show_their_settings(name: str) -> None:
    """``repr`` names the class and the learning rate, so that a printed race or an error can be read."""
    shown = repr(getattr(nukarumi, name)(lr=0.125))
    assert shown.startswith(f"{name}(")
    assert "lr=0.125" in shown


def test_version_is_one_of_a_release() -> None:
    """The version that the build reads is there and has three numbers."""
    major, minor, patch = nukarumi.__version__.split(".")
    assert all(part[:1].isdigit() for part in (major, minor, patch))


def test_types_are_shipped() -> None:
    """Type checkers look for this file."""
    assert resources.files("nukarumi").joinpath("py.typed").is_file()


def test_unknown_names_are_refused() -> None:
    """A misspelt import fails at once, whatever lazy loading is used."""
    with pytest.raises(AttributeError, match="Adagradd"):
        _ = nukarumi.Adagradd
