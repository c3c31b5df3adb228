"""What the readers of text expect, as numbers for machine code and as words for people."""

from __future__ import annotations

__all__ = ["EXPECTED", "LEAST_POWER", "MOST_POWER"]

A_LABEL, A_COLUMN, A_COLON, A_VALUE, A_SPACE, A_PIPE, A_NAME, TOO_WIDE = range(1, 9)
EXPECTED = {
    A_LABEL: "a number, the label",
    A_COLUMN: "a column, a whole number >= 0, as in 3:0.5",
    A_COLON: "':' and a value behind the column",
    A_VALUE: "a finite number behind ':'",
    A_SPACE: "a space behind the value",
    A_PIPE: "'|' before the features",
    A_NAME: "a name",
    TOO_WIDE: "a column below 2147483647",
}
LEAST_POWER, MOST_POWER = -300, 288
"""The powers of ten that the fast way decides; with 19 digits before them neither overflow nor subnormal numbers."""
