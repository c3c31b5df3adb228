/** Why a walk left the numbers: found by going through the rule's own lines at the step where it happened. */
import type { Walk } from '../engine/types';

export type Cause =
  | { why: 'zeroByZero'; step: number; axis: 'x' | 'y' }
  | { why: 'zeroDivision'; step: number; axis: 'x' | 'y'; line: string }
  | { why: 'overflow'; step: number; axis: 'x' | 'y' }
  | { why: 'ground'; step: number; axis: 'x' | 'y' }
  | { why: 'line'; step: number; axis: 'x' | 'y'; line: string };

export function cause(walk: Walk): Cause | null {
  if (!walk.ended) return null;
  const { step, axis, what } = walk.ended;
  const k = step - 1;
  const [places, slopes, side] = axis === 'x' ? [walk.x, walk.gx, 0] : [walk.y, walk.gy, 1];
  const [w, g] = [places[k], slopes[k]];
  const huge = Math.max(Math.abs(walk.x[k]), Math.abs(walk.y[k])) > 1e100 || Math.abs(g) === Infinity;
  if (huge) return { why: 'overflow', step, axis };
  if (Number.isNaN(g)) return { why: 'ground', step, axis };
  const states = walk.rule.states.map((letter) => walk.states[letter][side][k]);
  const settings = walk.settingsAt(k);
  const values = walk.rule.trace(w, g, states, settings);
  const first = values.findIndex((value) => !Number.isFinite(value));
  const line = walk.rule.lines[first]?.python ?? '';
  const eps = walk.rule.settings.indexOf('eps');
  const bare = eps < 0 || settings[eps] === 0;
  if (what === 'nan' && g === 0 && bare && line.includes('/')) return { why: 'zeroByZero', step, axis };
  if (what === 'infinite') return line.includes('/') && bare ? { why: 'zeroDivision', step, axis, line } : { why: 'overflow', step, axis };
  return { why: 'line', step, axis, line };
}
