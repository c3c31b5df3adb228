"""Where the rows of a table live: every row has a place on one line, and a shard is a stretch of that line.

The place of a row depends on the table alone, never on the number of shards. So another number of shards cuts the same
line at other points, and what was written by three shards is read by five, each taking the stretches that it needs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from nukarumi._errors import BadInput, BadType

__all__ = ["KINDS", "Partition"]

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
