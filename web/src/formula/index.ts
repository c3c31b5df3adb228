/** A user's formula as a place to walk on: read, derived, evaluated, shown and exported. */
import type { Ground } from '../engine/types';
import type { Box } from '../state/types';
import { derivative } from './derive';
import { evaluated, type Evaluated } from './evaluate';
import { mathml, python } from './print';
import { FormulaError, parse, type Fault } from './syntax';

export { FormulaError, LONGEST, type Expected, type Fault } from './syntax';

export interface Formula {
  text: string;
  value: Evaluated;
  slopeX: Evaluated;
  slopeY: Evaluated;
  /** The insides of <math> elements: the height and its two slopes. */
  mathml: { value: string; slopeX: string; slopeY: string };
  /** Python source of `value(x, y)` and `gradient(x, y)`, for NumPy scalars. */
  python: { value: string; gradient: string };
}

/** The formula, or what is wrong with it. */
export function formula(text: string): { formula: Formula } | { fault: Fault } {
  try {
    const tree = parse(text);
    const slopes = [derivative(tree, 'x'), derivative(tree, 'y')] as const;
    return {
      formula: {
        text,
        value: evaluated(tree),
        slopeX: evaluated(slopes[0]),
        slopeY: evaluated(slopes[1]),
        mathml: { value: mathml(tree), slopeX: mathml(slopes[0]), slopeY: mathml(slopes[1]) },
        python: { value: python('value', [tree]), gradient: python('gradient', slopes) },
      },
    };
  } catch (error) {
    if (error instanceof FormulaError) return { fault: error.fault };
    throw error;
  }
}

/** The ground that a formula makes, turned counterclockwise about the origin; `c` and `s` are the turn's cosine and sine. */
export function formulaGround(made: Formula, box: Box, c: number, s: number): Ground {
  const { value, slopeX, slopeY } = made;
  const shared = { name: made.text, box, minima: [], rate: null };
  if (c === 1) return { ...shared, value, gradient: (x, y) => [slopeX(x, y), slopeY(x, y)] };
  return {
    ...shared,
    value: (x, y) => value(c * x + s * y, c * y - s * x),
    gradient: (x, y) => {
      const u = c * x + s * y;
      const v = c * y - s * x;
      const gu = slopeX(u, v);
      const gv = slopeY(u, v);
      return [c * gu - s * gv, s * gu + c * gv];
    },
  };
}

/** Python lines that turn a formula's gradient: what `formulaGround` does, operation by operation. */
export function turnedPython(c: number, s: number): string {
  return [
    `c, s = ${c}, ${s}`,
    'def turned(x, y):',
    '    gu, gv = gradient(c * x + s * y, c * y - s * x)',
    '    return c * gu - s * gv, s * gu + c * gv',
  ].join('\n');
}
