/** The walks as a table: one row for each hiker and step, every digit kept. */
import type { Walk } from '../engine/types';
import type { LabState } from '../state/types';
import { csv, type Cell } from '../views/export';

export function walksTable(lab: LabState, walks: readonly Walk[]): string {
  const letters = [...new Set(walks.flatMap((walk) => walk.rule.states))];
  const header = [
    'hiker', 'optimizer', 'dialect', 'what_if', 'step', 'x', 'y', 'height', 'gradient_x', 'gradient_y',
    ...letters.flatMap((letter) => [`${letter}_x`, `${letter}_y`]), 'effective_lr_x', 'effective_lr_y',
  ];
  const rows = function* (): Generator<Cell[]> {
    for (const [index, walk] of walks.entries()) {
      const { optimizer, dialect, whatif } = lab.hikers[index];
      for (let k = 0; k <= walk.n; k++) {
        // Gradient and effective rate belong to the step that leads away from this place; the last place has none.
        const on = k < walk.n;
        yield [
          index, optimizer, dialect, whatif, k, walk.x[k], walk.y[k], walk.loss[k], on ? walk.gx[k] : null, on ? walk.gy[k] : null,
          ...letters.flatMap((letter): Cell[] => (walk.states[letter] ? [walk.states[letter][0][k], walk.states[letter][1][k]] : [null, null])),
          on ? walk.rate[0][k] : null, on ? walk.rate[1][k] : null,
        ];
      }
    }
  };
  return csv(header, rows());
}
