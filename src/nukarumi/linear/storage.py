"""A linear model in a file: safetensors, so that reading one runs no code; written so that a kill leaves old or new."""

from __future__ import annotations

import json
import os
from typing import Any

import numpy as np

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.linear.base import LinearModel
from nukarumi.linear.classifier import AdagradClassifier
from nukarumi.linear.learner import SCHEMES, Learner
from nukarumi.linear.regressor import AdagradRegressor

__all__ = ["VERSION", "load", "load_with_about", "save"]

VERSION = 1
_KEY = "nukarumi.linear"
_KINDS: dict[str, type[LinearModel]] = {"AdagradClassifier": AdagradClassifier, "AdagradRegressor": AdagradRegressor}


def save(model: LinearModel, path: str | os.PathLike[str], about: dict[str, Any] | None = None) -> None:
    """Write a fitted model with its state, so that training can go on from the file.

    Parameters
    ----------
    model
        A fitted `AdagradClassifier` or `AdagradRegressor`.
    path
        Where; an old file is replaced at the end or, if anything fails, kept.
    about
        Anything else to keep, expressible in JSON.

    Raises
    ------
    OSError
        If the disk is full or the folder is missing; the old file is then as it was.
    BadInput
        If the model is not fitted, or a setting is no plain value.

    Examples
    --------
    >>> import tempfile
    >>> from nukarumi.linear import AdagradClassifier
    >>> model = AdagradClassifier(max_iter=5, tol=None).fit([[0.0], [1.0]], ["a", "b"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, f"{folder}/model.safetensors")
    ...     print(load(f"{folder}/model.safetensors").predict([[2.0]]))
    ['b']
    """
    from safetensors.numpy import save as pack  # noqa: PLC0415

    if not hasattr(model, "_learner"):
        raise BadInput("a model must be fitted before it is saved", "one that is not", "call fit or fit_file first")
    learner = model._learner
    told: dict[str, Any] = {
        "version": VERSION,
        "model": type(model).__name__,
        "params": {name: value for name, value in model.get_params().items() if name != "random_state"},
        "scheme": learner.scheme,
        "loss": learner.loss,
        "at": learner.at,
        "outputs": learner.outputs,
        "settings": learner.settings,
        "h0": learner.h0,
        "intercept": learner.intercept,
        "t": learner.t,
        "about": about or {},
    }
    span = slice(0, learner.features + 1)
    tensors = {
        letter: np.ascontiguousarray(learner.letter(letter)[:, span]) for letter in SCHEMES[learner.scheme].letters
    }
    if hasattr(model, "classes_"):
        told["classes"] = model.classes_.tolist()
    if hasattr(model, "feature_names_in_"):
        told["feature_names"] = model.feature_names_in_.tolist()
    try:
        text = json.dumps(told, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise BadInput(
            "a model's settings must be plain values to be saved", error, "set them to plain values"
        ) from error
    write_atomically(path, pack(tensors, metadata={_KEY: text}))


def load(path: str | os.PathLike[str]) -> LinearModel:
    """Read a model that `save` wrote; it predicts, and goes on learning, as the one that was saved.

    Raises
    ------
    BadInput
        If the file is not such a file, is not whole, or is of a newer nukarumi.
    OSError
        If it cannot be read.
    """
    return load_with_about(path)[0]


def load_with_about(path: str | os.PathLike[str]) -> tuple[LinearModel, dict[str, Any]]:
    """The model, and what else `save` was given to keep.

    Raises
    ------
    BadInput
        If the file is not such a file, is not whole, or is of a newer nukarumi.
    OSError
        If it cannot be read.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    rule = f"{os.fspath(path)} must be a whole file written by nukarumi.linear"
    try:
        with safe_open(path, framework="numpy") as file:
            kept = file.metadata() or {}
            if _KEY not in kept:
                raise BadInput(
                    rule,
                    f"a file without a model, but with {', '.join(kept) or 'tensors alone'}",
                    "give the one that holds the model",
                )
            told = json.loads(kept[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
        if told["version"] > VERSION:
            raise BadInput(f"{rule} of version {VERSION} or older", f"version {told['version']}", "install a newer one")
        model = _KINDS[told["model"]](**told["params"])
        features = tensors["h"].shape[1] - 1
        learner = Learner(
            told["scheme"], told["loss"], told["at"], told["outputs"], features, told["settings"],
            h0=told["h0"], intercept=told["intercept"],
        )  # fmt: skip
        for letter in SCHEMES[learner.scheme].letters:
            learner.letter(letter)[:] = tensors[letter]
        learner.t = told["t"]
    except (FileNotFoundError, IsADirectoryError, PermissionError, BadInput):
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, OSError) as broken:
        raise BadInput(rule, f"{type(broken).__name__}: {broken}", "give the right file, or make it again") from broken
    model._learner, model.n_features_in_, model.loss_curve_, model.n_iter_ = learner, features, [], 1
    if isinstance(model, AdagradClassifier):
        model.classes_ = np.array(told["classes"])
        model._one_table(len(model.classes_))
    if "feature_names" in told:
        model.feature_names_in_ = np.array(told["feature_names"], dtype=object)
    return model, told["about"]
