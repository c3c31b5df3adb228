"""A gradient that touches few rows of its parameter: which rows, and what it is there.

Looking words up in a table of embeddings, or multiplying with a sparse matrix, gives a gradient that is zero in almost
every row. `Rows` says it without the zeros, and the optimizer then reads and writes the touched rows alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nukarumi._errors import BadInput, BadType
from nukarumi.optim._checks import compute_type
from nukarumi.optim.engine.rows import Lookups

__all__ = ["Rows", "lookups"]

Array = np.ndarray[Any, Any]


class Rows:
    """A gradient of a parameter by its rows: ``values[k]`` belongs to row ``indices[k]``, all other rows are zero.

    ::

        g[i] = sum of values[k] over all k with indices[k] == i

    A row that is named several times gets the sum, added up in order of appearance, before any square is taken, just
    as a dense gradient would. Nothing is copied here; contents are looked at in ``update``.

    Parameters
    ----------
    indices
        Whole numbers, shape (n,): rows of the parameter, 0 or more, in any order.
    values
        Floats, shape (n, *trailing): the trailing shape is that of the parameter's rows, ``params[name].shape[1:]``.

    Raises
    ------
    BadType
        If indices are not whole numbers or values are not floats.
    BadInput
        If indices are not one-dimensional, or values are more or fewer than they.

    Notes
    -----
    Optimizers in which an untouched row stays as it is anyway (`SGD`, `Adagrad`, `RowwiseAdagrad`) give the same bits
    as with the dense gradient. In the others (`Momentum`, `Nesterov`, `RMSprop`, `Adadelta`, `Adam`, `AdamW`) a row
    without a gradient would still roll on or forget; with `Rows` it rests until it is touched again, the form known
    as lazy. Weight decay would have to touch every row, so it is refused together with `Rows`.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad, Rows
    >>> params = {"words": np.ones((1000, 2))}
    >>> opt = Adagrad(lr=0.1)
    >>> opt.update(params, {"words": Rows([7, 3, 7], np.array([[1.0, 0.0], [2.0, 2.0], [3.0, 0.0]]))})
    >>> print(params["words"][[3, 7, 8]].round(3).tolist(), opt.h["words"][7])
    [[0.9, 0.9], [0.9, 1.0], [1.0, 1.0]] [16.  0.]
    """

    __slots__ = ("indices", "values")

    def __init__(self, indices: Any, values: Any) -> None:
        for what, given in (("indices", indices), ("values", values)):
            if isinstance(given, np.ma.MaskedArray):
                raise BadType(
                    f"{what} of Rows must be a plain array: a mask would be ignored", "a masked array", "fill it"
                )  # fmt: skip
        found = indices if isinstance(indices, np.ndarray) else _array("indices", indices)
        if found.size == 0 and not isinstance(indices, np.ndarray):
            found = found.astype(np.int64)
        if found.dtype.kind not in "iu":
            raise BadType("indices of Rows must be whole numbers", f"dtype {found.dtype}", "indices.astype(np.int64)")
        if found.ndim != 1:
            raise BadInput(
                "indices of Rows must have one dimension",
                f"shape {found.shape}",
                "Rows(indices.reshape(-1), values.reshape(indices.size, *trailing))",
            )
        numbers = values if isinstance(values, np.ndarray) else _array("values", values)
        if compute_type(numbers.dtype) is None:
            raise BadType(
                "values of Rows must be floats: float64, float32, float16 or bfloat16",
                f"dtype {numbers.dtype}",
                "values.astype(np.float64)",
            )
        if numbers.ndim == 0 or len(numbers) != len(found):
            raise BadInput(
                "Rows must have one value for each index",
                f"{len(found)} indices and values of shape {numbers.shape}",
                "give values the shape (len(indices), *trailing), trailing being params[name].shape[1:]",
            )
        self.indices: Array = found
        self.values: Array = numbers

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        rows = "row" if len(self) == 1 else "rows"
        return f"Rows({len(self)} {rows} of shape {self.values.shape[1:]}, {self.values.dtype})"

    def dense(self, length: int) -> Array:
        """The gradient that it stands for, zeros and all, for a parameter of ``length`` rows.

        Examples
        --------
        >>> import numpy as np
        >>> from nukarumi import Rows
        >>> Rows([2, 0, 2], np.array([1.0, 5.0, 2.0])).dense(4)
        array([5., 0., 3., 0.])
        """
        shape = (length, *self.values.shape[1:])
        found = lookups("", self, shape, compute_type(self.values.dtype) or np.dtype(np.float64))
        summed = found.summed()
        if summed is None:
            raise found.outside()
        dense = np.zeros(shape, summed.values.dtype)
        dense[summed.rows] = summed.values.reshape(len(summed.rows), *shape[1:])
        return dense.astype(self.values.dtype)


def _array(what: str, given: Any) -> Array:
    try:
        return np.asarray(given)
    except ValueError as ragged:
        raise BadInput(f"{what} of Rows must be an array", f"{given!r:.60}", "np.asarray(...)") from ragged


def lookups(name: Any, rows: Rows, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Lookups:
    """`Rows` laid out for a parameter of this name and shape; their values in the type computed in.

    Raises
    ------
    BadInput
        If the parameter has no rows, or rows of another shape.
    """
    where = f"grads[{name!r}]"
    if not shape:
        raise BadInput(
            f"{where} is Rows, so its parameter must be an array of one dimension or more", "a number", "pass a number"
        )
    if rows.values.shape[1:] != shape[1:]:
        raise BadInput(
            f"{where}.values must have the trailing shape of its parameter, {shape[1:]}; nothing is broadcast",
            f"shape {rows.values.shape} for a parameter of shape {shape}",
            f"give values the shape {(len(rows), *shape[1:])}",
        )
    indices = rows.indices
    if indices.dtype == np.uint64 and indices.size and int(indices.max()) > np.iinfo(np.int64).max:
        indices = np.minimum(indices, np.uint64(np.iinfo(np.int64).max))
    values = rows.values
    if values.dtype != dtype or not (values.flags.c_contiguous and values.flags.aligned and values.dtype.isnative):
        with np.errstate(all="ignore"):  # what is too large for float32 becomes infinite, and is told of later
            values = np.require(values, dtype, ["C", "A"])
    flat = np.asarray(values).reshape(len(rows), math.prod(shape[1:]))
    return Lookups(name, np.ascontiguousarray(indices, np.int64), flat, shape)
