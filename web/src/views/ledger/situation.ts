/** Which sentence the step deserves: the most telling thing about it, found in its numbers, whatever the optimizer. */
import type { Walk } from '../../engine/types';
import { AXES, type Axis, kindOf, reading } from './reading';

/** Everything that a sentence may be about; the words for each are in words/ledger.ts. */
export type Situation =
  | { kind: 'start'; gx: number; gy: number }
  | { kind: 'zeroByZero'; t: number; axis: Axis }
  | { kind: 'rootOfNegative'; t: number; axis: Axis; state: string }
  | { kind: 'notANumber'; t: number; axis: Axis }
  | { kind: 'noSlope'; t: number; axis: Axis }
  | { kind: 'overflow'; t: number; axis: Axis }
  | { kind: 'divisionByZero'; t: number; axis: Axis }
  | { kind: 'firstEqual'; stride: number; steep: Axis; times: number }
  | { kind: 'firstBySlope'; long: Axis; far: number; near: number }
  | { kind: 'level' }
  | { kind: 'rolling'; stride: number }
  | { kind: 'silent'; axis: Axis; other: Axis; stride: number; tired: boolean }
  | { kind: 'flying'; axis: Axis; times: number }
  | { kind: 'exhausted'; axis: Axis; g: number; times: number }
  | { kind: 'arrived'; g: number; stride: number }
  | { kind: 'uphill'; axis: Axis; stride: number }
  | { kind: 'crossed'; axis: Axis; stride: number }
  | { kind: 'recovering'; axis: Axis; times: number }
  | { kind: 'uneven'; tired: Axis; fresh: Axis; times: number }
  | { kind: 'braked'; axis: Axis; times: number }
  | { kind: 'steady'; dx: number; dy: number };

const size = Math.abs;

/** The situation after t steps. */
export function situation(walk: Walk, t: number): Situation {
  const now = reading(walk, t);
  const { x, y } = now.axes;
  if (now.t === 0) return { kind: 'start', gx: x.g, gy: y.g };
  if (walk.ended && now.t >= walk.n) return broken(walk, now.t);
  const at = now.t - 1;

  if (at === 0) {
    const [a, b] = [size(x.stride), size(y.stride)];
    const [lean, steep]: [number, Axis] = size(y.g) >= size(x.g) ? [size(y.g / x.g), 'y'] : [size(x.g / y.g), 'x'];
    if (a > 0 && b > 0) {
      const equal = size(a - b) <= 1e-3 * Math.max(a, b) && size(a - x.lr) <= 1e-3 * x.lr;
      if (equal && lean > 1.001) return { kind: 'firstEqual', stride: x.lr, steep, times: lean };
      if (!equal) return { kind: 'firstBySlope', long: a >= b ? 'x' : 'y', far: Math.max(a, b), near: Math.min(a, b) };
    }
  }
  if (x.g === 0 && y.g === 0) {
    return x.stride === 0 && y.stride === 0
      ? { kind: 'level' }
      : { kind: 'rolling', stride: Math.hypot(x.stride, y.stride) };
  }
  const before = at > 0 ? reading(walk, at) : now;
  const long: Axis = size(x.stride) >= size(y.stride) ? 'x' : 'y';
  const growth = size(now.axes[long].stride / before.axes[long].stride);
  if (at > 1 && growth > 1.02 && walk.loss[now.t] > walk.loss[at] && walk.loss[at] > walk.loss[at - 1]
    && walk.loss[now.t] > walk.loss[0]) {
    return { kind: 'flying', axis: long, times: growth };
  }

  const first = reading(walk, 1);
  const steepest = peak(walk, at);
  const g = Math.hypot(x.g, y.g);
  const stride = Math.hypot(x.stride, y.stride);
  if (at > 2 && g < 1e-3 * steepest.g && stride < 1e-2 * steepest.stride) return { kind: 'arrived', g, stride };
  for (const axis of AXES) {
    const other = axis === 'x' ? 'y' : 'x';
    if (now.axes[axis].g === 0 && now.axes[axis].stride === 0) {
      const tired = now.axes[other].rate < now.axes[axis].rate / 2;
      return { kind: 'silent', axis, other, stride: now.axes[other].stride, tired };
    }
  }

  const held = (axis: Axis): number => first.axes[axis].rate / now.axes[axis].rate;
  const most: Axis = held('x') >= held('y') ? 'x' : 'y';
  if (at > 2 && held(most) >= 20 && size(now.axes[most].g) >= 0.05 * steepest.g && stride < 0.05 * steepest.stride) {
    return { kind: 'exhausted', axis: most, g: now.axes[most].g, times: held(most) };
  }
  for (const axis of AXES) {
    const { g: slope, stride: way } = now.axes[axis];
    if (way * slope > 0 && size(way) >= 0.2 * size(now.axes[long].stride)) return { kind: 'uphill', axis, stride: way };
  }
  for (const axis of AXES) {
    const was = before.axes[axis].g;
    const is = now.axes[axis].g;
    if (at > 0 && was * is < 0 && size(is) > 0.05 * steepest.g) return { kind: 'crossed', axis, stride: now.axes[axis].stride };
  }
  if (at > 0) {
    for (const axis of AXES) {
      const times = now.axes[axis].rate / before.axes[axis].rate;
      if (times > 1.005 && times < Infinity && squares(walk)) return { kind: 'recovering', axis, times: 1 / held(axis) };
    }
  }
  const uneven = x.rate / y.rate;
  if (uneven >= 2 || uneven <= 0.5) {
    return uneven >= 2
      ? { kind: 'uneven', tired: 'y', fresh: 'x', times: uneven }
      : { kind: 'uneven', tired: 'x', fresh: 'y', times: 1 / uneven };
  }
  if (held(most) >= 1.05) return { kind: 'braked', axis: most, times: held(most) };
  return { kind: 'steady', dx: x.stride, dy: y.stride };
}

/** Whether the rule brakes by remembered squares at all. */
function squares(walk: Walk): boolean {
  return walk.rule.states.some((state) => kindOf(walk.rule, walk.settingsAt(0), state) === 'square');
}

/** The steepest slope and the longest stride so far. */
function peak(walk: Walk, upTo: number): { g: number; stride: number } {
  let g = 0;
  let stride = 0;
  for (let at = 0; at <= upTo; at++) {
    g = Math.max(g, Math.hypot(walk.gx[at], walk.gy[at]));
    stride = Math.max(stride, Math.hypot(walk.x[at + 1] - walk.x[at], walk.y[at + 1] - walk.y[at]));
  }
  return { g, stride };
}

/** Why a walk stopped being numbers. */
export function broken(walk: Walk, t: number): Situation {
  const { axis, what } = walk.ended!;
  const now = reading(walk, t).axes[axis];
  // What grows beyond the numbers was huge a step before; what is divided by 0 comes out of nothing.
  if (what === 'infinite') return { kind: size(now.from) < 1e100 && size(now.g) < 1e100 ? 'divisionByZero' : 'overflow', t, axis };
  if (Number.isNaN(now.g)) return { kind: 'noSlope', t, axis };
  const squared = walk.rule.states.filter((state) => kindOf(walk.rule, walk.settingsAt(t - 1), state) === 'square');
  if (now.g === 0 && squared.length && squared.every((state) => now.after[state] === 0)) {
    return { kind: 'zeroByZero', t, axis };
  }
  const below = walk.rule.states.find((state) => now.after[state] < 0 && rootFails(walk, t, state));
  if (below) return { kind: 'rootOfNegative', t, axis, state: below };
  return { kind: 'notANumber', t, axis };
}

/** Whether it is this state's sign that makes the rate no number. */
function rootFails(walk: Walk, t: number, state: string): boolean {
  const settings = walk.settingsAt(t - 1);
  const index = walk.rule.states.indexOf(state);
  const states = walk.rule.states.map((_, at) => (at === index ? -1 : 1));
  const mended = walk.rule.states.map(() => 1);
  return Number.isNaN(walk.rule.rate(states, settings)) && !Number.isNaN(walk.rule.rate(mended, settings));
}
