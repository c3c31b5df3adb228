/** The arithmetic of a plot, apart from its drawing: ranges, ticks, gaps, and no more points than the eye can see. */

import { scaleLinear, scaleLog } from 'd3-scale';
import { number, raised } from '../number';

export type ScaleKind = 'linear' | 'log';
export type Values = ArrayLike<number | null>;

/** One line of a plot. */
export interface Series {
  /** Unique within the plot. */
  key: string;
  /** Lines of one group light up together. */
  group: string;
  label: string;
  xs: ArrayLike<number>;
  ys: Values;
  /** A CSS colour, usually var(--...). */
  colour: string;
  /** stroke-dasharray; "" for an unbroken line. */
  dash: string;
  weight?: 'thin' | 'normal' | 'bold';
  /** Left out of the legend, the spoken values and the table. */
  silent?: boolean;
}

/** Quantiles around a line: columns from the outermost low to the outermost high. */
export interface Fan {
  key: string;
  group: string;
  xs: ArrayLike<number>;
  columns: Values[];
  colour: string;
}

/** A stretch of x, such as the good learning rates. */
export interface Stretch {
  from: number;
  to: number;
  label: string;
  colour: string;
}

/** A single point: the best rate, a rate that diverged, the end of a walk. */
export interface Mark {
  x: number;
  /** Null: at the upper edge, off the scale. */
  y: number | null;
  shape: 'ring' | 'cross' | 'dot';
  colour: string;
  label: string;
  group?: string;
}

export interface Scale {
  (value: number): number;
  invert(at: number): number;
  domain: [number, number];
  ticks: { value: number; label: string }[];
}

const shown = (value: number | null | undefined, kind: ScaleKind): value is number =>
  typeof value === 'number' && Number.isFinite(value) && (kind === 'linear' || value > 0);

/** Whether a value has a place on a scale of this kind. */
export const visible = shown;

/** The range of all values that a scale can show; [0, 1] or [0.1, 1] when there are none. */
export function range(all: Iterable<Values>, kind: ScaleKind): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const values of all) {
    for (let index = 0; index < values.length; index++) {
      const value = values[index];
      if (!shown(value, kind)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
    }
  }
  if (low > high) return kind === 'log' ? [0.1, 1] : [0, 1];
  if (low === high) {
    if (kind === 'log') return [low / 2, Math.min(high * 2, Number.MAX_VALUE)];
    const room = Math.abs(low) / 2 || 1;
    return [low - room, high + room];
  }
  return [low, high];
}

/** A range cut to what can be read: at most so many decades below the top, and finite after padding. */
export function readable([low, high]: [number, number], kind: ScaleKind, decades = 14): [number, number] {
  if (kind === 'log') {
    const floor = Math.max(low, high * 10 ** -decades, Number.MIN_VALUE * 1e10);
    const room = Math.max((high / floor) ** 0.04, 1.02);
    return [floor / room, Math.min(high * room, Number.MAX_VALUE)];
  }
  const top = Math.min(high, 1e300);
  const bottom = Math.max(low, -1e300);
  const room = (top - bottom) * 0.04;
  return [bottom - (bottom >= 0 && bottom < room * 3 ? bottom : room), top + room];
}

/** A scale from values to pixels with about `count` ticks. */
export function scale(kind: ScaleKind, domain: [number, number], pixels: [number, number], count: number): Scale {
  if (kind === 'log') {
    const inner = scaleLog().domain(domain).range(pixels);
    const made = ((value: number) => inner(value)) as Scale;
    made.invert = (at) => inner.invert(at);
    made.domain = domain;
    made.ticks = logTicks(domain, count).map((value) => ({ value, label: power(value) }));
    return made;
  }
  const inner = scaleLinear().domain(domain).range(pixels);
  const made = ((value: number) => inner(value)) as Scale;
  made.invert = (at) => inner.invert(at);
  made.domain = domain;
  made.ticks = inner.ticks(count).map((value) => ({ value, label: number(value, 4) }));
  return made;
}

/** Powers of ten inside a range, thinned to at most `count`; with 2 and 5 between them where the range is narrow. */
export function logTicks([low, high]: [number, number], count: number): number[] {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const decades = to - from + 1;
  if (decades >= 3 || decades > count) {
    const every = Math.max(1, Math.ceil(decades / Math.max(2, count)));
    const ticks: number[] = [];
    for (let exponent = to; exponent >= from; exponent -= every) ticks.unshift(exact(1, exponent));
    return ticks;
  }
  const ticks: number[] = [];
  for (let exponent = from - 1; exponent <= to; exponent++) {
    for (const digit of count > 3 ? [1, 2, 5] : [1, 3]) {
      const value = exact(digit, exponent);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push(value);
    }
  }
  return ticks.length >= 2 ? ticks : scaleLinear().domain([low, high]).ticks(Math.min(3, count)).filter((v) => v > 0);
}

const exact = (digit: number, exponent: number): number => Number(`${digit}e${exponent}`);

/** "10⁻⁴", "0.1", "1", "100". */
function power(value: number): string {
  const exponent = Math.round(Math.log10(value));
  const clean = Math.abs(Math.log10(value) - exponent) < 1e-9;
  return clean && (exponent < -2 || exponent > 3) ? `10${raised(exponent)}` : number(value);
}

/**
 * An SVG path through the values that the scales can show; a gap wherever one cannot be. Where there are more points
 * than pixels, each pixel column keeps its first, lowest, highest and last: the drawing is the same and stays fast.
 */
export function path(xs: ArrayLike<number>, ys: Values, x: Scale, y: Scale, xKind: ScaleKind, yKind: ScaleKind): string {
  let drawn = '';
  let open = false;
  let column = NaN;
  let first = 0, low = 0, high = 0, last = 0;
  const flush = (): void => {
    if (Number.isNaN(column)) return;
    const at = column.toFixed(1);
    drawn += `${open ? 'L' : 'M'}${at},${first.toFixed(1)}`;
    open = true;
    if (low !== high) {
      if (high !== first && high !== last) drawn += `L${at},${high.toFixed(1)}`;
      if (low !== first && low !== last) drawn += `L${at},${low.toFixed(1)}`;
    }
    if (last !== first) drawn += `L${at},${last.toFixed(1)}`;
    column = NaN;
  };
  const dense = xs.length > 600;
  for (let index = 0; index < xs.length; index++) {
    const xv = xs[index];
    const yv = ys[index];
    if (!shown(xv, xKind) || !shown(yv, yKind)) {
      flush();
      open = false;
      continue;
    }
    const px = x(xv);
    const py = clamp(y(yv));
    const here = dense ? Math.round(px) : px;
    if (here !== column) {
      flush();
      column = here;
      first = low = high = py;
    }
    if (py > low) low = py;
    if (py < high) high = py;
    last = py;
  }
  flush();
  return drawn;
}

/** Pixels far outside the drawing upset renderers; nobody can see the difference. */
const clamp = (pixel: number): number => Math.max(-1e4, Math.min(1e4, pixel));

/** The area between two columns, where both can be shown. */
export function area(xs: ArrayLike<number>, lows: Values, highs: Values, x: Scale, y: Scale, kind: ScaleKind): string {
  let drawn = '';
  let start = -1;
  const close = (end: number): void => {
    if (start < 0 || end - start < 2) {
      start = -1;
      return;
    }
    const there: string[] = [];
    const back: string[] = [];
    for (let index = start; index < end; index++) {
      const px = x(xs[index] as number).toFixed(1);
      there.push(`${px},${clamp(y(floor(highs[index] as number))).toFixed(1)}`);
      back.unshift(`${px},${clamp(y(floor(lows[index] as number))).toFixed(1)}`);
    }
    drawn += `M${there.join('L')}L${back.join('L')}Z`;
    start = -1;
  };
  const floor = (value: number): number => (kind === 'log' ? Math.max(value, y.domain[0]) : value);
  for (let index = 0; index < xs.length; index++) {
    const low = lows[index];
    const fine = shown(highs[index], kind) && typeof low === 'number' && Number.isFinite(low);
    if (fine && start < 0) start = index;
    if (!fine) close(index);
  }
  close(xs.length);
  return drawn;
}

/** The index of the entry of sorted `xs` that is nearest to x; -1 of none. */
export function nearest(xs: ArrayLike<number>, x: number): number {
  let from = 0;
  let to = xs.length - 1;
  if (to < 0) return -1;
  while (to - from > 1) {
    const middle = (from + to) >> 1;
    if ((xs[middle] as number) <= x) from = middle;
    else to = middle;
  }
  return x - (xs[from] as number) <= (xs[to] as number) - x ? from : to;
}

/**
 * The mean of each entry and its `half` neighbours on either side that are numbers; null where the entry is not. Near the
 * start, where a loss falls, it looks no farther ahead than back; at the end it looks back only.
 */
export function smooth(values: Values, half: number): (number | null)[] {
  const made: (number | null)[] = [];
  for (let index = 0; index < values.length; index++) {
    const own = values[index];
    if (typeof own !== 'number' || !Number.isFinite(own)) {
      made.push(null);
      continue;
    }
    let sum = 0;
    let count = 0;
    const back = Math.min(half, index);
    const ahead = Math.min(back, values.length - 1 - index);
    for (let at = index - back; at <= index + ahead; at++) {
      const value = values[at];
      if (typeof value !== 'number' || !Number.isFinite(value)) continue;
      sum += value;
      count++;
    }
    made.push(sum / count);
  }
  return made;
}

/** Columns side by side for a CSV: one row for each x that any line has, empty where a line has none. */
export function table(xName: string, series: readonly Series[]): { header: string[]; rows: (number | null)[][] } {
  const rows = new Map<number, (number | null)[]>();
  series.forEach((line, column) => {
    for (let index = 0; index < line.xs.length; index++) {
      const x = line.xs[index] as number;
      const row = rows.get(x) ?? rows.set(x, Array<number | null>(series.length).fill(null)).get(x)!;
      row[column] = line.ys[index] ?? null;
    }
  });
  return {
    header: [xName, ...series.map((line) => line.label)],
    rows: [...rows].sort(([a], [b]) => a - b).map(([x, row]) => [x, ...row]),
  };
}
