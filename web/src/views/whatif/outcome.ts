/** How a walk on a terrain turned out, told from its places alone. */
import type { Ground, Walk } from '../../engine/types';
import { broken } from '../ledger/situation';

export type Outcome =
  | { kind: 'arrives'; t: number; minimum: [number, number] }
  | { kind: 'stops'; t: number; loss: number }
  | { kind: 'flies'; t: number }
  | { kind: 'bounces'; stride: number }
  | { kind: 'walking'; loss: number }
  | { kind: 'zeroByZero' | 'divisionByZero' | 'rootOfNegative' | 'nan' | 'infinite'; t: number; axis: 'x' | 'y' };

export function outcome(walk: Walk, ground: Ground): Outcome {
  if (walk.ended) {
    const found = broken(walk, walk.n);
    const axis = walk.ended.axis;
    if (found.kind === 'zeroByZero' || found.kind === 'divisionByZero' || found.kind === 'rootOfNegative') {
      return { kind: found.kind, t: walk.n, axis };
    }
    return { kind: walk.ended.what === 'nan' ? 'nan' : 'infinite', t: walk.n, axis };
  }
  const [[left, right], [low, high]] = ground.box;
  const [width, height] = [right - left, high - low];
  const outside = (t: number): boolean =>
    walk.x[t] < left - width / 2 || walk.x[t] > right + width / 2 || walk.y[t] < low - height / 2 || walk.y[t] > high + height / 2;
  if (outside(walk.n)) {
    let t = walk.n;
    while (t > 0 && outside(t - 1)) t--;
    return { kind: 'flies', t };
  }
  const span = Math.hypot(width, height);
  for (const [x, y] of ground.minima) {
    const far = (t: number): number => Math.hypot(walk.x[t] - x, walk.y[t] - y);
    if (far(walk.n) > 0.02 * span) continue;
    let t = walk.n;
    while (t > 0 && far(t - 1) <= 0.02 * span) t--;
    if (walk.n - t >= Math.min(3, walk.n)) return { kind: 'arrives', t, minimum: [x, y] };
  }
  const stride = (t: number): number => Math.hypot(walk.x[t] - walk.x[t - 1], walk.y[t] - walk.y[t - 1]);
  const tail = Math.max(2, Math.floor(walk.n / 10));
  let whole = 0;
  for (let t = 1; t <= walk.n; t++) whole += stride(t);
  let way = 0;
  for (let t = walk.n - tail + 1; t <= walk.n; t++) way += stride(Math.max(1, t));
  const net = Math.hypot(walk.x[walk.n] - walk.x[walk.n - tail], walk.y[walk.n] - walk.y[walk.n - tail]);
  if (walk.n >= 10 && way < 0.04 * whole) {
    let t = walk.n;
    for (let rest = 0; t > 1 && rest + stride(t) < 0.08 * whole; t--) rest += stride(t);
    return { kind: 'stops', t, loss: walk.loss[walk.n] };
  }
  if (walk.n >= 10 && way > 0.05 * span && net < 0.25 * way) return { kind: 'bounces', stride: way / tail };
  return { kind: 'walking', loss: walk.loss[walk.n] };
}

/** Whether two walks are the same to the eye: at every step within a thousandth of the map. */
export function alike(a: Walk, b: Walk, ground: Ground): boolean {
  const [[left, right], [low, high]] = ground.box;
  const near = 1e-3 * Math.hypot(right - left, high - low);
  if (a.n !== b.n || !!a.ended !== !!b.ended) return false;
  for (let t = 0; t <= a.n; t++) {
    if (!a.ended && !(Math.hypot(a.x[t] - b.x[t], a.y[t] - b.y[t]) <= near)) return false;
  }
  return !a.ended;
}
