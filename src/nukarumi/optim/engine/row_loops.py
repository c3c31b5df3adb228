"""The compiled loops for rows: one that brings a gradient's rows together, one per rule that updates the rows.

Both are Python text that `nukarumi.optim.engine.loops` compiles and keeps as it does the loop over entries. The
second walks a list of *pairs*, (row, where its gradient lies), in ascending order of rows, and calls the lines of a
few rows ahead into the cache while it computes the present one: a table is far larger than any cache, and waiting
for memory is all that such an update costs.
"""

from __future__ import annotations

import ast

from nukarumi.optim.engine.recipe import Recipe
from nukarumi.translate.straight import Line, names_in

__all__ = ["DIGIT", "row_source", "sum_source"]

AHEAD = 8
"""Rows that are called into the cache before they are computed."""

REACH = 512
"""Bytes of a row that are called by name; the processor notices by itself how a longer one goes on."""

DIGIT = 11
"""Bits of an index that one pass of the sort looks at."""

_SUM = """\
def loop(task, count, constants, counters):
    indices, values, width, length = int64_at(task[0]), task[1], task[2], task[3]
    keys, spare, seen = int64_at(task[4]), int64_at(task[5]), int64_at(task[6])
    pairs, sums, shift = int64_at(task[7]), task[8], task[9]
    stride = width * {item}
    ascending, last = True, 0
    for i in range(count):
        index = indices[i]
        if index < 0 or index >= length:
            counters[1] = i
            return
        ascending = ascending and index >= last
        last = index
        keys[i] = (index << shift) | i
    low = shift
    while not ascending and (length - 1) >> (low - shift) > 0:
        for j in range({size}):
            seen[j] = 0
        for i in range(count):
            seen[(keys[i] >> low) & {mask}] += 1
        place = 0
        for j in range({size}):
            found = seen[j]
            seen[j] = place
            place += found
        for i in range(count):
            digit = (keys[i] >> low) & {mask}
            spare[seen[digit]] = keys[i]
            seen[digit] += 1
        keys, spare = spare, keys
        low += {digit}
    i, unique = 0, 0
    mask = (1 << shift) - 1
    while i < count:
        index = keys[i] >> shift
        g_at = values + (keys[i] & mask) * stride
        i += 1
        if i < count and keys[i] >> shift == index:
            sum_at = {dtype}_at(sums)
            first = {dtype}_at(g_at)
            g_at = sums
            sums += stride
            second = {dtype}_at(values + (keys[i] & mask) * stride)
            for j in range(width):
                sum_at[j] = first[j] + second[j]
            i += 1
            while i < count and keys[i] >> shift == index:
                more = {dtype}_at(values + (keys[i] & mask) * stride)
                for j in range(width):
                    sum_at[j] = sum_at[j] + more[j]
                i += 1
        pairs[2 * unique] = index
        pairs[2 * unique + 1] = g_at
        unique += 1
    counters[0] = unique
"""


def sum_source(dtype: str) -> str:
    """The text of the loop that sorts lookups by row and sums the values of equal rows, in order of appearance.

    The sort is stable and looks at `DIGIT` bits of the index at a time, from the lowest; the position of a lookup
    rides in the low bits of its key. A row that comes once is not copied: its pair points at the value itself.
    The task is a line of numbers: addresses of indices and values, width, length of the table, then addresses of
    two lines of keys, of the counts, of the pairs and of the sums, and the bits that a position takes. Counter 0
    becomes the number of pairs, counter 1 the first position whose index lies outside the table.
    """
    item = int(dtype.removeprefix("float")) // 8
    return _SUM.format(dtype=dtype, item=item, size=1 << DIGIT, mask=(1 << DIGIT) - 1, digit=DIGIT)


def row_source(recipe: Recipe, dtype: str) -> str:
    """The text of the loop over rows.

    A chunk is: number of pairs, address of the pairs, entries in a row, base address of ``w``, what to add to the
    place of a gradient, base address of each state, and room for one row.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.optim.engine.recipe import recipe
    >>> text = row_source(recipe(rules.rowwise_adagrad), "float32").splitlines()
    >>> print(*(line.strip() for line in text if " q =" in line or "+ q" in line or "sqrt" in line), sep="\\n")
    q = mean_square(g_at, width)
    h = h + q
    w = w - c0 * g / (sqrt(h) + c1)
    """
    from nukarumi.translate.hoist import hoist  # noqa: PLC0415

    cut = hoist(recipe.straight)
    arrays, rows = cut.rule.arrays, cut.rule.rows
    entries = [name for name in arrays if name not in rows]
    item = int(dtype.removeprefix("float")) // 8
    stages, row_lines, lines = _parts(cut.body, rows, recipe.rowwise)
    out = ["def loop(chunks, count, constants, counters):"]
    out += [f"    {name} = constants[{k}]" for k, name in enumerate(cut.constants)]
    out += [
        "    while True:",
        "        chunk = take_one(counters, 0)",
        "        if chunk >= count:",
        "            break",
        f"        row = chunk * {4 + len(arrays)}",
        "        pairs = int64_at(chunks[row + 1])",
        "        width = chunks[row + 2]",
        f"        stride = width * {item}",
    ]
    out += [f"        {name}_base = chunks[row + {k}]" for k, name in enumerate(arrays, 3)]
    out += [
        "        last = chunks[row] - 1",
        "        largest = zero",
        "        for k in range(last + 1):",
        f"            ahead = 2 * min(k + {AHEAD}, last)",
        "            coming = pairs[ahead]",
        f"            for line in range(0, min(stride, {REACH}), 64):",
    ]
    out += [f"                prefetch({name}_base + coming * stride + line)" for name in entries if name != "g"]
    out += ["                prefetch(g_base + pairs[ahead + 1] + line)"]
    out += [f"            prefetch({name}_base + coming * {item})" for name in rows]
    out += ["            place = pairs[2 * k]"]
    for name in arrays:
        where = f"place * {item}" if name in rows else "pairs[2 * k + 1]" if name == "g" else "place * stride"
        out += [f"            {name}_at = {dtype}_at({name}_base + {where})"]
    out += [f"            bits_at = {dtype.replace('float', 'uint')}_at(g_base + pairs[2 * k + 1])"]
    if recipe.rowwise and not stages:
        out += ["            q = mean_square(g_at, width)"]
        out += ["            if q - q != nought:", "                largest = infinite"]
    elif recipe.rowwise:
        out += [f"            ready_at = {dtype}_at(chunks[row + {3 + len(arrays)}])"]
        out += ["            for i in range(width):"]
        out += [f"                {name} = {name}_at[i]" for name in entries]
        out += [f"                {line}" for line in stages]
        out += ["                ready_at[i] = g", "            q = mean_square(ready_at, width)"]
    if recipe.rowwise:
        out += [f"            {name} = {name}_at[0]" for name in rows]
        out += [f"            {line}" for line in row_lines]
    out += ["            for i in range(width):"]
    out += [f"                {name} = {name}_at[i]" for name in entries]
    if stages or not recipe.rowwise:
        out += ["                largest = larger_magnitude(largest, bits_at[i])"]
    out += [f"                {line}" for line in [*stages, *lines]]
    out += [f"                {name}_at[i] = {name}" for name in cut.rule.returns if name not in rows]
    out += [f"            {name}_at[0] = {name}" for name in cut.rule.returns if name in rows]
    out += ["        if largest >= infinite:", "            take_one(counters, 2)", "        take_one(counters, 1)"]
    return "\n".join(out) + "\n"


def _parts(body: tuple[Line, ...], rows: tuple[str, ...], rowwise: bool) -> tuple[list[Line], list[Line], list[Line]]:
    """The lines that make the gradient ready, those that have one value for a row, and the others."""
    if not rowwise:
        return [], [], list(body)
    mean = next(k for k, line in enumerate(body) if "mean_square" in ast.unparse(line.value))
    stages = list(body[:mean])
    row_lines: list[Line] = []
    lines: list[Line] = []
    known = {"q", *rows}
    for line in body[mean + 1 :]:
        once = all(name in known or (name.startswith("c") and name[1:].isdigit()) for name in names_in(line.value))
        if once:
            known.add(line.target)
        (row_lines if once else lines).append(line)
    return stages, row_lines, lines
