/** What is given away: a program that walks the same way, and a table with every digit. tests/lab runs the program in Python. */
import { describe, expect, test } from 'vitest';
import { formula } from '../formula';
import { defaults, hiker } from '../state/defaults';
import { groundOf, optimizers, terrains, walkOf } from '../state/library';
import { DIALECTS } from '../state/types';
import { call, walkProgram } from './python';
import { walksTable } from './table';

describe('the program', () => {
  test('for a terrain of the list', () => {
    const text = walkProgram({ ...defaults(), rotation: 45, noise: 0.5, seed: 7, steps: 30 }, null);
    expect(text).toContain('from nukarumi import Adagrad, Momentum, SGD');
    expect(text).toContain('slopes = terrain("bowl", angle=45).walker(noise=0.5, seed=7).gradient');
    expect(text).toContain('Adagrad(lr=1.5, on_nonfinite="ignore"),');
    expect(text).toContain('for step in range(30):');
  });

  test('for a formula, turned and with noise', () => {
    const made = formula('x^2/20 + y^2');
    if (!('formula' in made)) throw new Error('not understood');
    const text = walkProgram({ ...defaults(), formula: made.formula.text, rotation: 90, noise: 0.1 }, made.formula);
    expect(text).toContain('def gradient(x, y):\n    return 2.0 * x / 20.0, 2.0 * y');
    expect(text).toContain('c, s = 0, 1');
    expect(text).toContain('normals(0, range(60))');
    expect(text).not.toContain('terrain(');
  });

  test('every optimizer in every dialect has its call', () => {
    for (const { name, variants } of optimizers) {
      for (const dialect of DIALECTS.filter((each) => variants[each])) {
        const made = call({ ...hiker(name, { lr: 0.25 }), dialect });
        const like = dialect === 'book' ? '' : `.like("${dialect}"`;
        expect(made.startsWith(dialect === 'book' ? `${name}(` : `${name}${like}`)).toBe(true);
        expect(made).toContain('lr=0.25');
        expect(made.split('(').length).toBe(made.split(')').length);
      }
    }
  });

  test('a rule broken on purpose is written out from its own lines', () => {
    for (const { name, mutations } of optimizers) {
      for (const { id } of mutations) {
        const text = walkProgram({ ...defaults(), hikers: [{ ...hiker(name), whatif: id }], chosen: 0 }, null);
        expect(text).toContain('class Broken1:');
        expect(text).toContain('    Broken1(),');
        expect(text).not.toContain('from nukarumi import');
      }
    }
  });
});

test('the table has a row for each place, and reads back to the same bits', () => {
  const state = { ...defaults(), steps: 5 };
  const walks = state.hikers.map((each) => walkOf(each, groundOf(terrains[0], 0), state));
  const [head, ...rows] = walksTable(state, walks).trim().split(/\r?\n/);
  const names = head.split(',');
  expect(rows.length).toBe(3 * 6);
  const row = rows[2 * 6 + 4].split(',');
  const cell = (name: string): string => row[names.indexOf(name)];
  expect([cell('optimizer'), cell('dialect'), cell('step')]).toEqual(['Adagrad', 'book', '4']);
  expect(Number(cell('x'))).toBe(walks[2].x[4]);
  expect(Number(cell('h_y'))).toBe(walks[2].states.h[1][4]);
  expect(Number(cell('effective_lr_x'))).toBe(walks[2].rate[0][4]);
  expect(rows[5].split(',')[names.indexOf('gradient_x')]).toBe('');
});
