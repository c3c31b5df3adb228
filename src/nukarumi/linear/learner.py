"""The state of a linear model and its walk over examples; knows nothing of scikit-learn."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.linear.kernels import DUAL, DUAL_AVERAGED, MIRROR, MIRROR_AVERAGED, MIRROR_PENALISED, Scheme, loop
from nukarumi.linear.losses import LOSSES

__all__ = ["SCHEMES", "Examples", "Learner"]

Floats = NDArray[np.float64]
SCHEMES = {scheme.name: scheme for scheme in (MIRROR, MIRROR_AVERAGED, MIRROR_PENALISED, DUAL, DUAL_AVERAGED)}


@dataclass(frozen=True)
class Examples:
    """Rows in the form that the loops read.

    Attributes
    ----------
    values
        The entries: those that CSR names, or a whole C-contiguous matrix; float32 or float64.
    indices, indptr
        As in CSR, both int32 or both int64, no column twice in a row; None for a whole matrix.
    shape
        Rows and features.
    """

    values: NDArray[Any]
    indices: NDArray[Any] | None
    indptr: NDArray[Any] | None
    shape: tuple[int, int]

    @classmethod
    def of(cls, X: Any, *, drop_zeros: bool) -> Examples:
        """From a checked matrix; it is only copied if a row names a column twice or out of order."""
        if not hasattr(X, "indptr"):
            return cls(np.require(X, requirements=["C", "A"]), None, None, X.shape)
        _check_places(X)
        if not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        if drop_zeros and not np.all(X.data):
            X = X.copy()
            X.eliminate_zeros()
        index = np.int32 if X.indices.dtype == np.int32 and X.indptr.dtype == np.int32 else np.int64
        indices, indptr = (np.require(part, index, ["C", "A"]) for part in (X.indices, X.indptr))
        return cls(np.require(X.data, requirements=["C", "A"]), indices, indptr, X.shape)

    def widest(self) -> int:
        """The most non-zeros in a row."""
        return self.shape[1] if self.indptr is None else int(np.diff(self.indptr).max(initial=0))


class Learner:
    """The tables of one model.

    Parameters
    ----------
    scheme
        How weights are kept; a name of `SCHEMES`.
    loss
        A name of `LOSSES`, or "softmax".
    at
        The loss's parameter.
    outputs
        Scores an example.
    features
        Columns of the examples.
    settings
        ``lr``, ``eps``, ``l1``, ``l2``.
    h0
        Where ``h`` starts.
    intercept
        Whether there is one.
    """

    def __init__(
        self,
        scheme: str,
        loss: str,
        at: float,
        outputs: int,
        features: int,
        settings: Mapping[str, float],
        *,
        h0: float = 0.0,
        intercept: bool = True,
    ) -> None:
        self.scheme, self.loss, self.at, self.h0, self.intercept = scheme, loss, float(at), float(h0), intercept
        self.settings = {name: float(value) for name, value in settings.items()}
        self.outputs, self.features = outputs, features
        self.t = 0
        self.tables = self._fresh(features)
        self._weights: tuple[Floats, Floats] | None = None

    @property
    def several(self) -> bool:
        """Whether the scores of an example depend on each other, so that one table holds all."""
        return self.loss == "softmax"

    def _fresh(self, features: int) -> Floats:
        """Tables of lines that nothing has touched: (outputs, lines, width), or for softmax (1, lines, letters,
        outputs)."""
        scheme = SCHEMES[self.scheme]
        letters = scheme.letters
        shape = (
            (1, features + 1, len(letters), self.outputs)
            if self.several
            else (self.outputs, features + 1, scheme.width)
        )
        tables = np.zeros(shape)
        if self.h0:
            tables[:, :, letters.index("h")] = self.h0
        return tables

    def letter(self, name: str) -> Floats:
        """One letter of the table, a view: (outputs, 1 + features), the intercept first."""
        at = SCHEMES[self.scheme].letters.index(name)
        return self.tables[0, :, at].T if self.several else self.tables[:, :, at]

    def grow(self, features: int) -> None:
        """Make room for more features; the room doubles, so that growing often costs little."""
        if features > self.features:
            if features + 1 > self.tables.shape[1]:
                larger = self._fresh(max(features, 2 * self.features))
                larger[:, : self.features + 1] = self.tables[:, : self.features + 1]
                self.tables = larger
            self.features = features
            self._weights = None

    def weights(self) -> tuple[Floats, Floats]:
        """Coefficients (outputs, features) and intercepts (outputs,) of now; computed once, then kept, read-only."""
        if self._weights is None:
            scheme: Scheme = SCHEMES[self.scheme]
            span = slice(1, self.features + 1)
            features = {name: self.letter(name)[:, span] for name in scheme.letters}
            first = {name: self.letter(name)[:, 0] for name in scheme.letters}
            free = {**self.settings, "l1": 0.0, "l2": 0.0}
            coefficients, intercepts = (
                np.asarray(scheme.weights(letters, float(self.t), settings)) + 0.0  # a copy without -0.0
                for letters, settings in ((features, self.settings), (first, free))
            )
            coefficients = np.ascontiguousarray(coefficients)
            coefficients.flags.writeable = intercepts.flags.writeable = False
            self._weights = coefficients, intercepts
        return self._weights

    def walk(
        self,
        examples: Examples,
        targets: Floats,
        weight: Floats,
        order: NDArray[np.int64],
        *,
        jobs: int = 1,
        loss: bool,
    ) -> float:
        """One step an example, in this order; the sum of the losses before each step, if wanted, else 0.

        Parameters
        ----------
        examples
            The rows.
        targets
            (outputs, rows): +1 and -1, or numbers; for softmax (1, rows), the number of the class.
        weight
            (rows,), what the gradients are multiplied by.
        order
            Rows to visit.
        jobs
            Threads; each output is walked by one, so the result does not depend on them.
        loss
            Whether the loss is wanted.

        Raises
        ------
        BadInput
            If the rows have other features than the model. If a score is no longer finite: the weights then stay as
            the walk has made them up to that row.
        """
        if examples.shape[1] != self.features:
            raise BadInput(f"rows must have the model's {self.features} features", examples.shape[1], "bring the same")
        scheme = SCHEMES[self.scheme]
        run = loop(
            scheme,
            several=self.several,
            dense=examples.indices is None,
            index="int64" if examples.indices is None else str(examples.indices.dtype),
            value=str(examples.values.dtype),
        )
        self._weights = None
        widest = examples.widest() + 1
        constants = np.array(scheme.constants(self.settings))
        number = -1 if self.several else list(LOSSES).index(self.loss)

        def one(output: int) -> tuple[float, int]:
            clock = np.array([float(self.t), 0.0])
            columns, values, weights = np.zeros(widest, np.int64), np.zeros(widest), np.zeros(widest)
            scores = np.zeros(self.outputs)
            failed = run(
                0, len(order), _at(order), _at(examples.indptr), _at(examples.indices), _at(examples.values),
                examples.shape[1], _at(targets[output]), _at(weight), number, self.at, self.outputs, loss,
                self.intercept, _at(self.tables[output]), _at(constants), _at(clock), _at(columns), _at(values),
                _at(scores), _at(weights),
            )  # fmt: skip
            return float(clock[1]), failed

        if jobs > 1 and len(self.tables) > 1:
            with ThreadPoolExecutor(jobs) as pool:
                ended = list(pool.map(one, range(len(self.tables))))
        else:
            ended = [one(output) for output in range(len(self.tables))]
        self.t += len(order)
        for _, failed in ended:
            if failed:
                raise BadInput(
                    "the scores must stay finite", f"a score of row {failed - 1} overflowed", "scale X and y down"
                )
        return sum(total for total, _ in ended)


def _check_places(X: Any) -> None:
    """The loops trust the columns of a matrix and the starts of its rows, so they are looked at first."""
    lengths = np.diff(X.indptr)
    if len(lengths) != X.shape[0]:
        received = f"an indptr of {len(X.indptr)} entries for {X.shape[0]} rows"
        raise BadInput("a sparse matrix must say where each of its rows begins and ends", received, "build it anew")
    if X.indptr[0] != 0 or (lengths < 0).any():
        raise BadInput("the rows of a sparse matrix must start in order", "an indptr that falls", "build it anew")
    if X.indptr[-1] > min(len(X.indices), len(X.data)):
        received = f"{len(X.indices)} columns and {len(X.data)} values, and an indptr up to {X.indptr[-1]}"
        raise BadInput("a sparse matrix must have a column and a value for every entry", received, "build it anew")
    unsigned = X.indices.view(f"u{X.indices.dtype.itemsize}")  # so that negative columns are large ones
    if len(unsigned) and int(unsigned.max()) >= X.shape[1]:
        row = int(np.flatnonzero(unsigned >= X.shape[1])[0])
        raise BadInput(
            f"the columns of a sparse matrix must lie in 0 to {X.shape[1] - 1}", f"{X.indices[row]}", "build it anew"
        )


def _at(array: NDArray[Any] | None) -> int:
    return 0 if array is None else int(array.__array_interface__["data"][0])
