"""Readers of text in machine code: bytes in, numbers out; imported only while one is being compiled.

Numbers are rounded as Python's ``float`` rounds them: short ones by one exact multiplication or division (Clinger
1990), the others by one product with a 128-bit power of five (Lemire, "Number parsing at a gigabyte per second", 2021).
The few that neither decides (more than 19 digits, the edges of the range) are left to the caller, with their places.
"""

from __future__ import annotations

from typing import Any

from numba import float64, int64, njit, uint32, uint64

from nukarumi.linear import words
from nukarumi.linear.intrinsics import as_float, high_half, leading_zeros

__all__ = ["svmlight", "vowpal"]

SPACE, TAB, NEWLINE, RETURN, HASH, COLON, PIPE, QUOTE = 32, 9, 10, 13, 35, 58, 124, 39
PLUS, MINUS, POINT, ZERO, NINE, SMALL_E, BIG_E = 43, 45, 46, 48, 57, 101, 69
NOT_A_NUMBER = float("nan")
SURE, LEFT, NONE = 0, 1, 2
"""Of a number: read; to be read by the caller; not there."""


@njit(error_model="numpy")
def closest(digits: Any, power: Any, tens: Any, fives: Any) -> Any:  # noqa: PLR0911 - a line for each case
    """The float closest to ``digits * 10**power``, and whether that is certain."""
    if digits == uint64(0):
        return 0.0, SURE
    if digits <= uint64(1 << 53) and -22 <= power <= 22:
        if power < 0:
            return float64(digits) / tens[-power], SURE
        return float64(digits) * tens[power], SURE
    if power < words.LEAST_POWER or power > words.MOST_POWER:
        return 0.0, LEFT
    shift: Any = leading_zeros(digits)  # type: ignore[call-arg]  # Numba gives the context
    digits = digits << shift
    at = 2 * (power - words.LEAST_POWER)
    high, low = high_half(digits, fives[at]), digits * fives[at]
    if high & uint64(0x1FF) == uint64(0x1FF):
        more = high_half(digits, fives[at + 1])
        low = low + more
        if more > low:
            high = high + uint64(1)
    if low == uint64(0xFFFFFFFFFFFFFFFF) or (low <= uint64(1) and high & uint64(0x1FF) == uint64(0)):
        return 0.0, LEFT  # perhaps half way between two floats
    top = high >> uint64(63)
    mantissa = high >> (top + uint64(9))
    exponent = ((217706 * power) >> 16) + 63 + int64(top) - int64(shift) + 1023
    mantissa = mantissa + (mantissa & uint64(1))
    mantissa = mantissa >> uint64(1)
    if mantissa >= uint64(1 << 53):
        mantissa = uint64(1 << 52)
        exponent += 1
    if exponent <= 0 or exponent >= 2047:
        return 0.0, LEFT
    return as_float((mantissa & uint64((1 << 52) - 1)) | (uint64(exponent) << uint64(52))), SURE


@njit(error_model="numpy")
def decimal(text: Any, at: Any, tens: Any, fives: Any) -> Any:  # noqa: PLR0912 - a number has many parts
    """A decimal number at a place of the text: value, the place behind it, and how sure."""
    negative = text[at] == MINUS
    if negative or text[at] == PLUS:
        at += 1
    digits, power, count, seen = uint64(0), int64(0), int64(0), int64(0)
    c = text[at]
    while ZERO <= c <= NINE:
        if count < 19:
            digits = digits * uint64(10) + uint64(c - ZERO)
            if digits != uint64(0):
                count += 1
        else:
            count += 1
            power += 1
        seen += 1
        at += 1
        c = text[at]
    if c == POINT:
        at += 1
        c = text[at]
        while ZERO <= c <= NINE:
            if count < 19:
                digits = digits * uint64(10) + uint64(c - ZERO)
                if digits != uint64(0):
                    count += 1
                power -= 1
            else:
                count += 1
            seen += 1
            at += 1
            c = text[at]
    if seen == 0:
        return 0.0, at, NONE
    if c in (SMALL_E, BIG_E):
        ahead = at + 1
        below = text[ahead] == MINUS
        if below or text[ahead] == PLUS:
            ahead += 1
        if not ZERO <= text[ahead] <= NINE:
            return 0.0, at, NONE
        given = int64(0)
        while ZERO <= text[ahead] <= NINE:
            if given < 100000:
                given = given * 10 + int64(text[ahead] - ZERO)
            ahead += 1
        power += -given if below else given
        at = ahead
    if count > 19:
        return 0.0, at, LEFT
    value, sure = closest(digits, power, tens, fives)
    return (-value if negative else value), at, sure


@njit(error_model="numpy")
def between(c: Any) -> Any:
    """Whether a byte separates words on a line."""
    return c in (SPACE, TAB, RETURN)


@njit(error_model="numpy")
def ends(c: Any) -> Any:
    """Whether a word ends before this byte."""
    return c in (SPACE, TAB, RETURN, NEWLINE)


@njit(error_model="numpy")
def svmlight(  # noqa: PLR0912, PLR0915 - one loop, so that it stays in the processor
    text: Any, stop: Any, tens: Any, fives: Any, labels: Any, starts: Any, columns: Any, values: Any, left: Any,
    report: Any,
) -> Any:  # fmt: skip
    """Lines of ``label column:value column:value ...``, the last byte being a newline.

    ``left`` gets the numbers for the caller: where the value belongs (labels as -1 - 2 * row) and its span; what
    stands there is to be multiplied by it. ``report``
    gets rows, entries, the line and the place where reading ended, the largest column, and the numbers left.
    Returns 0 or what was expected.
    """
    at, rows, n, line, largest, later = int64(0), int64(0), int64(0), int64(0), int64(-1), int64(0)
    wrong = 0
    starts[0] = 0
    while at < stop and wrong == 0:
        line += 1
        while between(text[at]):
            at += 1
        if text[at] != NEWLINE and text[at] != HASH:
            begin = at
            value, at, sure = decimal(text, at, tens, fives)
            if sure == NONE or not (ends(text[at]) or text[at] == HASH):
                wrong = words.A_LABEL
                break
            labels[rows] = value
            if sure == LEFT:
                left[3 * later], left[3 * later + 1], left[3 * later + 2] = -1 - 2 * rows, begin, at
                later += 1
            while True:
                while between(text[at]):
                    at += 1
                c = text[at]
                if c in (NEWLINE, HASH):
                    break
                if c == 113 and text[at + 1] == 105 and text[at + 2] == 100 and text[at + 3] == COLON:  # qid:
                    while not ends(text[at]):
                        at += 1
                    continue
                if not ZERO <= c <= NINE:
                    wrong = words.A_COLUMN
                    break
                column = int64(0)
                begin = at
                while ZERO <= c <= NINE:
                    column = column * 10 + int64(c - ZERO)
                    at += 1
                    c = text[at]
                    if column > 2147483646:
                        break
                if column > 2147483646:
                    at = begin
                    wrong = words.TOO_WIDE
                    break
                if c != COLON:
                    wrong = words.A_COLON
                    break
                at += 1
                begin = at
                value, at, sure = decimal(text, at, tens, fives)
                if sure == NONE:
                    at = begin
                    wrong = words.A_VALUE
                    break
                if not (ends(text[at]) or text[at] == HASH):
                    wrong = words.A_SPACE
                    break
                columns[n] = column
                values[n] = value
                largest = max(largest, column)
                if sure == LEFT:
                    values[n] = 1.0
                    left[3 * later], left[3 * later + 1], left[3 * later + 2] = n, begin, at
                    later += 1
                n += 1
            if wrong != 0:
                break
            rows += 1
            starts[rows] = n
        while text[at] != NEWLINE:
            at += 1
        at += 1
    report[0], report[1], report[2], report[3], report[4], report[5] = rows, n, line, at, largest, later
    return wrong


@njit(error_model="numpy")
def turned(x: Any, by: Any) -> Any:
    """A 32-bit number with its bits rotated to the left."""
    return uint32((x << uint32(by)) | (x >> uint32(32 - by)))


@njit(error_model="numpy")
def stirred(k: Any) -> Any:
    """A block of MurmurHash3 before it joins the hash."""
    return uint32(turned(uint32(k * uint32(0xCC9E2D51)), 15) * uint32(0x1B873593))


@njit(error_model="numpy")
def hashed(text: Any, begin: Any, end: Any, seed: Any) -> Any:
    """What Vowpal Wabbit makes of a name: a whole number stands for itself, else MurmurHash3 (x86, 32 bits)."""
    number = uint64(0)
    at = begin
    while at < end and ZERO <= text[at] <= NINE:
        number = number * uint64(10) + uint64(text[at] - ZERO)
        at += 1
    if at == end:
        return number + uint64(seed)
    h = uint32(seed)
    at = begin
    while at + 4 <= end:
        k = uint32(text[at]) | uint32(text[at + 1]) << uint32(8)
        k = uint32(k | uint32(text[at + 2]) << uint32(16) | uint32(text[at + 3]) << uint32(24))
        h = uint32(turned(uint32(h ^ stirred(k)), 13) * uint32(5) + uint32(0xE6546B64))
        at += 4
    if at < end:
        k = uint32(0)
        for byte in range(end - at):
            k = uint32(k | uint32(text[at + byte]) << uint32(8 * byte))
        h = uint32(h ^ stirred(k))
    h = uint32(h ^ uint32(end - begin))
    h = uint32((h ^ (h >> uint32(16))) * uint32(0x85EBCA6B))
    h = uint32((h ^ (h >> uint32(13))) * uint32(0xC2B2AE35))
    return uint64(h ^ (h >> uint32(16)))


@njit(error_model="numpy")
def vowpal(  # noqa: PLR0912, PLR0915 - one loop, so that it stays in the processor
    text: Any, stop: Any, tens: Any, fives: Any, mask: Any, labels: Any, weights: Any, starts: Any, columns: Any,
    values: Any, left: Any, report: Any,
) -> Any:  # fmt: skip
    """Lines of ``label importance 'tag|namespace:weight feature:value ...|...``; what `svmlight` says holds here.

    A label that is not there is NaN. ``left`` marks labels as -1 - 2 * row, importances as -2 - 2 * row.
    """
    at, rows, n, line, largest, later = int64(0), int64(0), int64(0), int64(0), int64(-1), int64(0)
    wrong = 0
    starts[0] = 0
    while at < stop and wrong == 0:
        line += 1
        while between(text[at]):
            at += 1
        if text[at] != NEWLINE:
            labels[rows], weights[rows] = NOT_A_NUMBER, 1.0
            numbers = 0
            while text[at] != PIPE:
                begin = at
                while not ends(text[at]) and text[at] != PIPE:
                    at += 1
                if text[at] == NEWLINE:
                    wrong = words.A_PIPE
                    break
                if text[at] != PIPE and text[begin] != QUOTE:
                    value, behind, sure = decimal(text, begin, tens, fives)
                    if sure == NONE or behind != at or numbers == 3:
                        at = begin
                        wrong = words.A_LABEL
                        break
                    if numbers == 0:
                        labels[rows] = value
                    elif numbers == 1:
                        weights[rows] = value
                    if sure == LEFT and numbers < 2:
                        left[3 * later], left[3 * later + 1], left[3 * later + 2] = -1 - numbers - 2 * rows, begin, at
                        later += 1
                    numbers += 1
                while between(text[at]):
                    at += 1
            if wrong != 0:
                break
            space, scale = uint64(0), 1.0
            while text[at] != NEWLINE:
                begin = at
                opens = text[at] == PIPE
                if opens:
                    at += 1
                    begin = at
                    space, scale = uint64(0), 1.0
                while not ends(text[at]) and text[at] != COLON and text[at] != PIPE:
                    at += 1
                end = at
                value, sure, number = 1.0, SURE, at
                if text[at] == COLON:
                    at += 1
                    number = at
                    value, at, sure = decimal(text, at, tens, fives)
                    if sure == NONE:
                        at = number
                        wrong = words.A_VALUE
                        break
                    if not (ends(text[at]) or text[at] == PIPE):
                        wrong = words.A_SPACE
                        break
                if opens:
                    if end > begin:
                        space = hashed(text, begin, end, uint64(0))
                        scale = value
                    if sure == LEFT or (end == begin and number > end):
                        at = begin
                        wrong = words.A_NAME
                        break
                else:
                    if end == begin:
                        at = begin
                        wrong = words.A_NAME
                        break
                    column = int64(hashed(text, begin, end, space) & uint64(mask))
                    columns[n] = column
                    values[n] = value * scale
                    largest = max(largest, column)
                    if sure == LEFT:
                        values[n] = scale
                        left[3 * later], left[3 * later + 1], left[3 * later + 2] = n, number, at
                        later += 1
                    n += 1
                while between(text[at]):
                    at += 1
            if wrong != 0:
                break
            rows += 1
            starts[rows] = n
        at += 1
    report[0], report[1], report[2], report[3], report[4], report[5] = rows, n, line, at, largest, later
    return wrong
