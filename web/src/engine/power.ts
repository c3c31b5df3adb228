/**
 * base ** t for whole t >= 0, correctly rounded, the same in every browser.
 *
 * The language leaves the last bit of `**` to the browser, and Python's comes from the C library. Here the product is
 * carried with twice the digits (Dekker's exact products, Veltkamp's splitting), one factor a step, and rounded at the
 * end: after 100,000 factors its relative error is below 2^-84, so that a wrong rounding is less likely than one in
 * 2^30. Below 1e-270, where the low half would lose digits, the browser's own power is given; 1 minus it is 1 anyway.
 *
 * A walk asks for t = 1, 2, 3, ..., so what was computed for a base is kept in a table that grows.
 */

/** Tables longer than this are not kept: a single power is then computed from its start. */
const LONGEST = 100_000;
const MOST_BASES = 64;
const SMALLEST = 1e-270;
const SPLITTER = 134217729; // 2^27 + 1

interface Table {
  /** powers[t] for t < length. */
  powers: Float64Array;
  length: number;
  /** The last power, as an unrounded sum of two numbers. */
  high: number;
  low: number;
}

const tables = new Map<number, Table>();
const corrections = new Map<number, Map<number, number>>();
let lastBase = NaN;
let lastTable: Table | undefined;

/** The power of a base to a whole exponent t >= 0. */
export function power(base: number, t: number): number {
  if (!(t >= 0 && t <= LONGEST && Math.floor(t) === t && Math.abs(base) <= 1)) return Math.pow(base, t);
  let table = base === lastBase ? lastTable : tables.get(base);
  if (table === undefined) {
    if (tables.size >= MOST_BASES) tables.clear();
    table = { powers: new Float64Array(256), length: 1, high: 1, low: 0 };
    table.powers[0] = 1;
    tables.set(base, table);
  }
  lastBase = base;
  lastTable = table;
  if (t >= table.length) grow(table, base, t);
  return table.powers[t]!;
}

/**
 * Values that the C library of the generating machine rounds otherwise, as [base, t, value]: from now on `power` gives
 * these. The generated module calls it once.
 */
export function correct(list: readonly (readonly [number, number, number])[]): void {
  for (const [base, t, value] of list) {
    let values = corrections.get(base);
    if (values === undefined) corrections.set(base, (values = new Map()));
    values.set(t, value);
  }
  tables.clear();
  lastBase = NaN;
}

function grow(table: Table, base: number, t: number): void {
  if (t >= table.powers.length) {
    const longer = new Float64Array(Math.max(t + 1, Math.min(2 * table.powers.length, LONGEST + 1)));
    longer.set(table.powers);
    table.powers = longer;
  }
  const known = corrections.get(base);
  const scaled = SPLITTER * base;
  const baseTop = scaled - (scaled - base);
  const baseRest = base - baseTop;
  let { high, low } = table;
  for (let k = table.length; k <= t; k++) {
    const product = high * base;
    const split = SPLITTER * high;
    const top = split - (split - high);
    const rest = high - top;
    const lost = rest * baseRest - (product - top * baseTop - rest * baseTop - top * baseRest);
    const error = lost + low * base;
    high = product + error;
    low = error - (high - product);
    table.powers[k] = known?.get(k) ?? (Math.abs(high) > SMALLEST ? high : Math.pow(base, k));
  }
  table.high = high;
  table.low = low;
  table.length = t + 1;
}
