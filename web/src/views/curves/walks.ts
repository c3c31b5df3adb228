/** The curves of the walks: what each kind of curve takes from a walk, as columns over the steps. */
import type { Walk } from '../../engine/types';
import type { CurveKind } from '../../state/types';

/** Steps from..n. */
const steps = (from: number, n: number): Float64Array => Float64Array.from({ length: n - from + 1 }, (_, at) => from + at);

/** A column of one walk; null where the walk has no such thing. `floor` is what heights are measured from. */
export function column(
  walk: Walk, kind: CurveKind, axis: 0 | 1, letter: string, floor: number,
): { xs: Float64Array; ys: Float64Array } | null {
  switch (kind) {
    case 'loss':
      return { xs: steps(0, walk.n), ys: walk.loss.map((height) => height - floor) };
    case 'memory':
      return letter in walk.states ? { xs: steps(0, walk.n), ys: walk.states[letter][axis] } : null;
    case 'rate':
      return { xs: steps(1, walk.n), ys: walk.rate[axis] };
    case 'stride':
      return {
        xs: steps(1, walk.n),
        ys: Float64Array.from({ length: walk.n }, (_, at) =>
          Math.hypot(walk.x[at + 1] - walk.x[at], walk.y[at + 1] - walk.y[at])),
      };
  }
}

/** The letters of all states that anybody has, in order of appearance. */
export const letters = (walks: readonly Walk[]): string[] => [...new Set(walks.flatMap((walk) => walk.rule.states))];

/** Everything about all walks as one table: a row for each step, columns named by hiker. */
export function everything(
  walks: readonly Walk[], names: readonly string[],
): { header: string[]; rows: (number | null)[][] } {
  const header = ['step'];
  const take: ((t: number) => number | null)[] = [];
  walks.forEach((walk, at) => {
    const add = (what: string, values: ArrayLike<number>, from: number): void => {
      header.push(`${names[at]} ${what}`);
      take.push((t) => (t >= from && t - from < values.length ? values[t - from] : null));
    };
    add('x', walk.x, 0);
    add('y', walk.y, 0);
    add('loss', walk.loss, 0);
    for (const [axis, name] of [[0, 'x'], [1, 'y']] as const) {
      add(`g_${name}`, axis ? walk.gy : walk.gx, 1);
      for (const letter of walk.rule.states) add(`${letter}_${name}`, walk.states[letter][axis], 0);
      add(`effective_lr_${name}`, walk.rate[axis], 1);
    }
  });
  const most = Math.max(0, ...walks.map((walk) => walk.n));
  return { header, rows: Array.from({ length: most + 1 }, (_, t) => [t, ...take.map((get) => get(t))]) };
}
