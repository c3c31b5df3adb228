/** How walks turn out, and that every mistake there is has a name and a reason. */
import { describe, expect, it } from 'vitest';
import { generated } from '../../engine/generated';
import { ground as onTerrain } from '../../engine/ground';
import type { Walk } from '../../engine/types';
import { walk } from '../../engine/walk';
import { namesOf } from '../names';
import { alike, outcome, type Outcome } from './outcome';
import { mistake, told } from './outcomes';

const bowl = onTerrain(generated.terrains.find(({ name }) => name === 'bowl')!, 0, generated.turns);
const go = (optimizer: string, whatif: string | null, lr: number, steps = 60, start: [number, number] = [-7, 2]): Walk =>
  walk({ optimizer, dialect: 'book', settings: { lr }, whatif }, bowl, { start, steps, noise: 0, seed: 0 }, generated);

describe('outcomes', () => {
  it.each([
    ['arrives', go('Adagrad', null, 1.5)],
    ['stops', go('Adagrad', 'no_root', 0.3, 200)],
    ['flies', go('SGD', 'uphill', 0.5)],
    ['bounces', go('Adagrad', 'h_overwritten', 1.5)],
    ['walking', go('SGD', null, 0.01, 20)],
    ['zeroByZero', go('Adagrad', 'no_eps', 1.5, 60, [-7, 0])],
    ['rootOfNegative', go('Adagrad', 'gradient_not_squared', 1.5)],
  ] as const)('%s', (kind, made) => expect(outcome(made, bowl).kind).toBe(kind));

  it('sees when a mistake does not show', () => {
    expect(alike(go('Adagrad', 'no_eps', 1.5), go('Adagrad', null, 1.5), bowl)).toBe(true);
    expect(alike(go('Adagrad', 'no_root', 1.5), go('Adagrad', null, 1.5), bowl)).toBe(false);
  });
});

const EACH: { [K in Outcome['kind']]: Outcome & { kind: K } } = {
  arrives: { kind: 'arrives', t: 20, minimum: [0, 0] },
  stops: { kind: 'stops', t: 9, loss: 2.2 },
  flies: { kind: 'flies', t: 4 },
  bounces: { kind: 'bounces', stride: 2.1 },
  walking: { kind: 'walking', loss: 2.2 },
  zeroByZero: { kind: 'zeroByZero', t: 1, axis: 'y' },
  divisionByZero: { kind: 'divisionByZero', t: 1, axis: 'y' },
  rootOfNegative: { kind: 'rootOfNegative', t: 1, axis: 'y' },
  nan: { kind: 'nan', t: 1, axis: 'y' },
  infinite: { kind: 'infinite', t: 1, axis: 'y' },
};

it('tells every outcome in both languages', () => {
  for (const wording of ['metaphor', 'maths'] as const) {
    for (const each of Object.values(EACH)) {
      expect(told(each, 'The hiker', 'en', wording)).toMatch(/^The hiker .*\.$/);
      expect(told(each, 'ハイカー', 'ja', wording)).toMatch(/^ハイカーは.*。$/);
    }
  }
});

it('has a name and a reason for every mistake, in both languages and both ways of speaking', () => {
  const ids = new Set(generated.optimizers.flatMap(({ mutations }) => mutations.map(({ id }) => id)));
  expect(ids.size).toBeGreaterThan(5);
  for (const lang of ['en', 'ja'] as const) {
    for (const wording of ['metaphor', 'maths'] as const) {
      const unknown = mistake('something_new', lang, wording);
      expect(unknown.name).toContain('something new');
      for (const id of ids) {
        const { name, reason } = mistake(id, lang, wording);
        expect(name, id).not.toBe(unknown.name.replace('something new', id.replaceAll('_', ' ')));
        expect(reason, id).not.toBe(unknown.reason);
      }
    }
  }
});

it('tells hikers apart that are alike', () => {
  const hiker = { optimizer: 'Adagrad', dialect: 'torch' as const, settings: {}, whatif: null };
  expect(namesOf([hiker, { ...hiker }, { ...hiker, dialect: 'book' }], 'en', 'maths')).toEqual([
    'Adagrad PyTorch 1', 'Adagrad PyTorch 2', 'Adagrad',
  ]);
});
