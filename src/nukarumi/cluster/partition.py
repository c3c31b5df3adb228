"""Where the rows of a table live: every row has a place on one line, and a shard is a stretch of that line.

The place of a row depends on the table alone, never on the number of shards. So another number of shards cuts the same
line at other points, and what was written by three shards is read by five, each taking the stretches that it needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nukarumi._errors import BadInput, BadType

__all__ = ["KINDS", "Partition", "Route", "row_numbers"]

Array = np.ndarray[Any, Any]

KINDS = ("range", "hash")
"""``range``: rows in their own order. ``hash``: neighbours far apart, so that popular rows do not crowd one shard."""

GOLDEN = (math.sqrt(5) - 1) / 2
MOST_HASHED = math.isqrt(2**63 - 1)
"""A table of more rows cannot be hashed: the product of two row numbers has to fit into 64 bits."""


@dataclass(frozen=True)
class Partition:
    """The line of a table's rows and its cuts.

    ::

        range:  place = row
        hash:   place = row * multiplier mod rows    # multiplier near the golden section of rows, coprime to it

    Parameters
    ----------
    rows
        Rows of the table, 1 or more.
    shards
        Stretches of nearly equal length, 1 to rows.
    kind
        ``"range"`` or ``"hash"``.

    Raises
    ------
    BadType, BadInput
        If a number is not whole or out of its range, or the kind is unknown.

    Examples
    --------
    >>> Partition(10, 3).bounds.tolist()
    [0, 3, 6, 10]
    >>> spread = Partition(10, 3, "hash")
    >>> spread.places(np.arange(4)).tolist(), spread.rows_at(0, 3).tolist()
    ([0, 7, 4, 1], [0, 3, 6])

    Source: D. E. Knuth, The Art of Computer Programming 3 (1973), section 6.4, multiplicative hashing; taken modulo the
    number of rows it is a permutation, so a place needs no table.
    """

    rows: int
    shards: int
    kind: str = "range"

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("shards", self.shards)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise BadType(f"{name} must be a whole number", f"{value!r} ({type(value).__name__})", f"{name}=3")
            if value < 1:
                raise BadInput(f"{name} must be at least 1", value, f"{name}=3")
        if self.shards > self.rows:
            raise BadInput(
                "a table must have at least one row for each shard",
                f"{self.rows} rows and {self.shards} shards",
                f"shards={self.rows} or fewer",
            )
        if self.kind not in KINDS:
            raise BadInput(
                f"partition must be one of {', '.join(map(repr, KINDS))}", repr(self.kind), 'partition="range"'
            )
        if self.kind == "hash" and self.rows > MOST_HASHED:
            raise BadInput(f"a hashed table has at most {MOST_HASHED:,} rows", self.rows, 'partition="range"')

    @property
    def bounds(self) -> Array:
        """Shape (shards + 1,): shard k holds the places from bounds[k] up to, not including, bounds[k + 1]."""
        return np.array([k * self.rows // self.shards for k in range(self.shards + 1)], np.int64)

    @property
    def multiplier(self) -> int:
        """What a row number is multiplied by; it has no divisor in common with the number of rows."""
        if self.kind == "range":
            return 1
        found = max(1, int(self.rows * GOLDEN))
        while math.gcd(found, self.rows) != 1:
            found += 1
        return found

    def places(self, rows: Array) -> Array:
        """The places of rows, which must be 0 to rows - 1."""
        return rows if self.kind == "range" else rows * self.multiplier % self.rows

    def rows_at(self, start: int, stop: int) -> Array:
        """The rows at the places from start up to, not including, stop."""
        places = np.arange(start, stop, dtype=np.int64)
        return places if self.kind == "range" else places * pow(self.multiplier, -1, self.rows) % self.rows

    def divide(self, rows: Array, values: Array) -> list[tuple[Array, Array]]:
        """Ascending rows and what belongs to them, for each shard: places within it, ascending, and their values."""
        places = self.places(rows)
        if self.kind != "range":
            order = np.argsort(places, kind="stable")
            places, values = places[order], values.take(order, axis=0)
        bounds = self.bounds
        cuts = np.searchsorted(places, bounds)
        pieces = [slice(cuts[k], cuts[k + 1]) for k in range(self.shards)]
        return [(places[piece] - bounds[k], values[piece]) for k, piece in enumerate(pieces)]

    def route(self, line: Array) -> Route:
        """Which shard is asked for which of these rows, in any order."""
        places, bounds = self.places(line), self.bounds
        if self.shards == 1:
            order, cuts = None, np.array([0, len(line)])
        else:
            owner = np.searchsorted(bounds, places, "right") - 1
            cuts = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=self.shards))])
            # Rows that come in the shards' order already are copied as they lie.
            order = None if (owner[1:] >= owner[:-1]).all() else np.argsort(owner, kind="stable")
            places = places if order is None else places[order]
        return Route([places[cuts[k] : cuts[k + 1]] - bounds[k] for k in range(self.shards)], order, cuts)


@dataclass(frozen=True)
class Route:
    """Rows on their way to shards and back.

    Attributes
    ----------
    parts
        For each shard the places within it that are asked for.
    order, cuts
        How the answers lie in the order of the question.
    """

    parts: list[Array]
    order: Array | None
    cuts: Array

    @property
    def asked(self) -> list[int]:
        """The shards that have something to answer."""
        return [k for k, part in enumerate(self.parts) if len(part)]

    def gathered(self, answers: Sequence[Array], wide: tuple[int, ...], dtype: Any) -> Array:
        """The answers of the shards that were asked, as rows in the order of the question."""
        out = np.empty((int(self.cuts[-1]), *wide), dtype)
        for k, answer in zip(self.asked, answers, strict=True):
            piece = slice(self.cuts[k], self.cuts[k + 1])
            out[piece if self.order is None else self.order[piece]] = answer
        return out


def row_numbers(indices: Any, rows: int) -> Array:
    """Row numbers of a table, checked, of the shape given.

    Raises
    ------
    BadType, BadInput
        If they are not whole numbers, or lie outside.
    """
    found = np.asarray(indices)
    found = found.astype(np.int64) if found.size == 0 and found.dtype.kind == "f" else found
    if found.dtype.kind not in "iu":
        raise BadType("indices must be whole numbers", f"dtype {found.dtype}", "indices.astype(np.int64)")
    line = found.reshape(-1)
    if line.size and (line.min() < 0 or line.max() >= rows):
        place = int(np.argmax((line < 0) | (line >= rows)))
        raise BadInput(
            f"indices must be 0 to {rows - 1}, the rows of the table",
            f"{int(line[place])} at position {place}",
            "leave padding and unknown rows out, or make a table of more rows",
        )
    return found.astype(np.int64, copy=False)
