"""Linear models for sparse data, trained by Adagrad: scikit-learn estimators, and files larger than memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nukarumi.linear.classifier import AdagradClassifier
    from nukarumi.linear.reading import load_svmlight
    from nukarumi.linear.regressor import AdagradRegressor
    from nukarumi.linear.storage import load, save
    from nukarumi.linear.streaming import fit_file, predict_file

__all__ = ["AdagradClassifier", "AdagradRegressor", "fit_file", "load", "load_svmlight", "predict_file", "save"]

_ROOMS = {
    "AdagradClassifier": "classifier",
    "AdagradRegressor": "regressor",
    "fit_file": "streaming",
    "load": "storage",
    "load_svmlight": "reading",
    "predict_file": "streaming",
    "save": "storage",
}


def __getattr__(name: str) -> Any:
    """Load scikit-learn only when an estimator is asked for, so that the command line starts quickly."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_ROOMS])
