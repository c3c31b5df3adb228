/** What the ledger reads of a walk: for each coordinate, what the step just made found, remembered and did. */
import type { Rule, Walk } from '../../engine/types';

export type Axis = 'x' | 'y';
export const AXES: readonly Axis[] = ['x', 'y'];

export interface AxisReading {
  /** The gradient that the step was made with; at the start the one that waits. */
  g: number;
  /** Each state letter before and after the step; at the start both are where it starts. */
  before: Record<string, number>;
  after: Record<string, number>;
  /** Effective learning rate. */
  rate: number;
  /** The learning rate as set, and the effective one over it. */
  lr: number;
  brake: number;
  /** Place before and after, and the way between. */
  from: number;
  to: number;
  stride: number;
}

export interface Reading {
  /** How many steps have been made. */
  t: number;
  axes: Record<Axis, AxisReading>;
}

/** Read a walk after t steps. The numbers come from the walk and its rule; nothing is worked out a second way. */
export function reading(walk: Walk, t: number): Reading {
  const after = Math.max(0, Math.min(t, walk.n));
  const step = Math.max(0, after - 1);
  const moved = after > 0;
  const lrIndex = walk.rule.settings.indexOf('lr');
  const lr = lrIndex < 0 ? NaN : walk.settingsAt(step)[lrIndex];
  const axis = (index: 0 | 1): AxisReading => {
    const place = index ? walk.y : walk.x;
    const state = (at: number): Record<string, number> =>
      Object.fromEntries(walk.rule.states.map((name) => [name, walk.states[name][index][at]]));
    const rate = moved ? walk.rate[index][step] : NaN;
    return {
      g: (index ? walk.gy : walk.gx)[step] ?? NaN,
      before: state(moved ? step : 0),
      after: state(after),
      rate,
      lr,
      brake: rate / lr,
      from: place[moved ? step : 0],
      to: place[after],
      stride: moved ? place[after] - place[step] : 0,
    };
  };
  return { t: after, axes: { x: axis(0), y: axis(1) } };
}

/**
 * Whether a state adds up squares or keeps a sign: asked of the rule itself, by one step against a slope and one against
 * its mirror image. Squares are drawn as areas, signed states as bars.
 */
export function kindOf(rule: Rule, settings: readonly number[], state: string): 'square' | 'signed' {
  const index = rule.states.indexOf(state);
  const still = rule.states.map(() => 0);
  const up = rule.step(0, 0.5, still, settings)[1 + index];
  const down = rule.step(0, -0.5, still, settings)[1 + index];
  return Number.isFinite(up) && up !== down ? 'signed' : 'square';
}

/** The largest size of each quantity on the whole walk, for bars that can be compared from step to step. */
export interface Scales {
  g: number;
  brake: number;
  rate: number;
  stride: number;
  states: Record<string, number>;
}

export function scales(walk: Walk, from = 0, to = walk.n): Scales {
  const sizes = (lists: ArrayLike<number>[], first: number, last: number): number => {
    let most = 0;
    for (const list of lists) {
      for (let at = first; at <= last; at++) {
        const size = Math.abs(list[at]);
        if (size > most && size < Infinity) most = size;
      }
    }
    return most;
  };
  const lrIndex = walk.rule.settings.indexOf('lr');
  let stride = 0;
  let brake = 0;
  for (let at = from; at < to; at++) {
    const lr = walk.settingsAt(at)[lrIndex];
    for (const index of [0, 1] as const) {
      const place = index ? walk.y : walk.x;
      const way = Math.abs(place[at + 1] - place[at]);
      if (way > stride && way < Infinity) stride = way;
      const held = Math.abs(walk.rate[index][at] / lr);
      if (held > brake && held < Infinity) brake = held;
    }
  }
  return {
    g: sizes([walk.gx, walk.gy], from, to - 1),
    brake,
    rate: sizes(walk.rate, from, to - 1),
    stride,
    states: Object.fromEntries(walk.rule.states.map((name) => [name, sizes(walk.states[name], from, to)])),
  };
}
