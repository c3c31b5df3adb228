/** The ledger reads walks of the engine; each situation is found where it happens, and has its sentence everywhere. */
import { describe, expect, it } from 'vitest';
import { generated } from '../../engine/generated';
import { ground as onTerrain } from '../../engine/ground';
import type { Ground, Hiker, Walk } from '../../engine/types';
import { walk } from '../../engine/walk';
import { kindOf, reading, scales } from './reading';
import { sentence } from './sentence';
import { situation, type Situation } from './situation';

const bowl = onTerrain(generated.terrains.find(({ name }) => name === 'bowl')!, 0, generated.turns);

const go = (
  optimizer: string, settings: Record<string, number> = {}, whatif: string | null = null,
  { on = bowl, start = [-7, 2] as [number, number], steps = 60, dialect = 'book' as Hiker['dialect'] } = {},
): Walk => walk({ optimizer, dialect, settings, whatif }, on, { start, steps, noise: 0, seed: 0 }, generated);

const plane = (gradient: Ground['gradient']): Ground => ({ ...bowl, gradient });
const kinds = (made: Walk): Situation['kind'][] => Array.from({ length: made.n + 1 }, (_, t) => situation(made, t).kind);

describe('reading', () => {
  it('takes the step just made', () => {
    const made = go('Adagrad', { lr: 1.5 });
    const { axes } = reading(made, 3);
    expect(axes.x.g).toBe(made.gx[2]);
    expect(axes.y.before.h).toBe(made.states.h[1][2]);
    expect(axes.y.after.h).toBe(made.states.h[1][3]);
    expect(axes.x.stride).toBe(made.x[3] - made.x[2]);
    expect(axes.x.rate).toBe(made.rate[0][2]);
    expect(axes.x.brake).toBe(made.rate[0][2] / 1.5);
  });
  it('waits at the start, and stays at the end', () => {
    const made = go('Adam', {}, null, { steps: 5 });
    expect(reading(made, 0).axes.x.stride).toBe(0);
    expect(reading(made, 99)).toEqual(reading(made, 5));
  });
  it.each([
    ['adagrad', 'h', 'square'], ['adam', 'm', 'signed'], ['adam', 'v', 'square'], ['adadelta', 'd', 'square'],
    ['momentum', 'v', 'signed'], ['adagrad!gradient_not_squared', 'h', 'signed'],
  ])('asks %s what %s is: %s', (id, state, kind) => {
    const rule = generated.rules[id];
    const settings = rule.settings.map((name) => ({ lr: 0.1, t: 1, eps: 1e-7 })[name] ?? 0.9);
    expect(kindOf(rule, settings, state)).toBe(kind);
  });
  it('measures bars by the largest of the walk, and never by infinity', () => {
    const made = go('Adagrad', { lr: 1.5 });
    expect(scales(made).states.h).toBe(Math.max(made.states.h[0][60], made.states.h[1][60]));
    expect(Number.isFinite(scales(go('SGD', { lr: 3 }, null, { steps: 4000 })).stride)).toBe(true);
  });
});

describe('situations', () => {
  it.each([
    ['start', go('Adagrad'), 0],
    ['firstEqual', go('Adagrad'), 1],
    ['firstEqual', go('Adam'), 1],
    ['firstBySlope', go('SGD', { lr: 0.1 }), 1],
    ['zeroByZero', go('Adagrad', {}, 'no_eps', { start: [-7, 0] }), 1],
    ['zeroByZero', go('Adagrad', { eps: 0 }, null, { start: [-7, 0] }), 1],
    ['level', go('SGD', {}, null, { start: [0, 0] }), 1],
    ['silent', go('Adagrad', {}, null, { start: [-7, 0] }), 2],
    ['steady', go('SGD', { lr: 0.1 }), 9],
  ] as const)('%s', (kind, made, t) => expect(situation(made, t).kind).toBe(kind));

  it('finds what runs away, and why it ends', () => {
    const away = go('SGD', { lr: 3 }, null, { steps: 4000 });
    expect(kinds(away)).toContain('flying');
    expect(situation(away, away.n).kind).toMatch(/overflow|notANumber/);
  });
  it('finds a root of something negative', () => {
    const made = go('Adagrad', { lr: 0.1 }, 'gradient_not_squared', { on: plane(() => [-1, -1]) });
    expect(situation(made, made.n)).toMatchObject({ kind: 'rootOfNegative', state: 'h' });
  });
  it('finds ground that has no slope', () => {
    const made = go('SGD', {}, null, { on: plane(() => [NaN, 1]) });
    expect(situation(made, made.n)).toMatchObject({ kind: 'noSlope', axis: 'x' });
  });
  it('finds a division by zero that is not 0/0', () => {
    const made = go('Adagrad', { eps: 0 }, null, { on: plane(() => [1e-200, 1]) });
    expect(situation(made, made.n)).toMatchObject({ kind: 'divisionByZero', axis: 'x' });
  });
  it('finds a run-up that carries over level ground, and uphill', () => {
    let step = 0;
    const made = go('Momentum', { lr: 0.1 }, null, { on: plane(() => (step++ < 2 ? [1, 1] : [0, 0])), steps: 4 });
    expect(kinds(made)).toContain('rolling');
    expect(kinds(go('Momentum', { lr: 0.1 }))).toContain('uphill');
  });
  it('finds exhaustion: slope is left, and no step', () => {
    const made = go('Adagrad', { lr: 1 }, null, { on: plane(() => [1, 1]), steps: 3000 });
    expect(situation(made, 3000)).toMatchObject({ kind: 'exhausted' });
  });
  it('finds tiredness, braking, recovery, crossing and arrival', () => {
    expect(kinds(go('Adagrad', { lr: 1.5 }))).toContain('uneven');
    expect(kinds(go('Adagrad', { lr: 0.1 }, null, { on: plane(() => [1, 1]), steps: 20 }))).toContain('braked');
    expect(kinds(go('RMSprop', { lr: 0.1 }, null, { steps: 400 }))).toContain('recovering');
    expect(kinds(go('SGD', { lr: 0.95 }))).toContain('crossed');
    expect(kinds(go('SGD', { lr: 0.5 }, null, { start: [-7, 2], steps: 400 }))).toContain('arrived');
  });
});

/** One of each kind; a new kind of situation fails to compile here until it is added. */
const EACH: { [K in Situation['kind']]: Extract<Situation, { kind: K }> } = {
  start: { kind: 'start', gx: -0.7, gy: 4 },
  zeroByZero: { kind: 'zeroByZero', t: 1, axis: 'y' },
  rootOfNegative: { kind: 'rootOfNegative', t: 5, axis: 'x', state: 'h' },
  notANumber: { kind: 'notANumber', t: 9, axis: 'x' },
  noSlope: { kind: 'noSlope', t: 9, axis: 'x' },
  overflow: { kind: 'overflow', t: 999, axis: 'y' },
  divisionByZero: { kind: 'divisionByZero', t: 1, axis: 'y' },
  firstEqual: { kind: 'firstEqual', stride: 1.5, steep: 'y', times: 5.7 },
  firstBySlope: { kind: 'firstBySlope', long: 'y', far: 3.8, near: 0.6 },
  level: { kind: 'level' },
  rolling: { kind: 'rolling', stride: 0.5 },
  silent: { kind: 'silent', axis: 'y', other: 'x', stride: 0.5, tired: true },
  flying: { kind: 'flying', axis: 'y', times: 3 },
  exhausted: { kind: 'exhausted', axis: 'x', g: 1, times: 50 },
  arrived: { kind: 'arrived', g: 1e-9, stride: 1e-9 },
  uphill: { kind: 'uphill', axis: 'y', stride: 0.2 },
  crossed: { kind: 'crossed', axis: 'y', stride: -0.2 },
  recovering: { kind: 'recovering', axis: 'x', times: 0.25 },
  uneven: { kind: 'uneven', tired: 'y', fresh: 'x', times: 3.3 },
  braked: { kind: 'braked', axis: 'x', times: 4 },
  steady: { kind: 'steady', dx: 0.1, dy: -0.2 },
};

describe.each(['en', 'ja'] as const)('sentences in %s', (lang) => {
  it.each(['metaphor', 'maths'] as const)('in %s words', (wording) => {
    const said = Object.values(EACH).map((each) => sentence(each, lang, wording));
    said.push(sentence({ ...EACH.silent, tired: false }, lang, wording), sentence({ ...EACH.recovering, times: 2 }, lang, wording));
    for (const text of said) {
      expect(text).toMatch(lang === 'ja' ? /[ぁ-ん].*。$/ : /^[^ぁ-ん]+\.$/);
      expect(text).not.toMatch(/undefined|null|\[object/);
    }
    expect(new Set(said).size).toBe(said.length);
  });
  it('puts the numbers in', () => {
    expect(sentence(EACH.uneven, lang, 'metaphor')).toMatch(/y.*x.*3\.3/);
    expect(sentence(EACH.firstEqual, lang, 'maths')).toMatch(/1\.5/);
  });
});

it('has a sentence for every step of every optimizer, mistake and dialect', () => {
  for (const spec of generated.optimizers) {
    const hikers: Hiker[] = [
      ...Object.keys(spec.variants).map((dialect) => ({ optimizer: spec.name, dialect: dialect as Hiker['dialect'], settings: { lr: 0.5 }, whatif: null })),
      ...spec.mutations.map(({ id }) => ({ optimizer: spec.name, dialect: 'book' as const, settings: { lr: 0.5 }, whatif: id })),
    ];
    for (const hiker of hikers) {
      for (const start of [[-7, 2], [-7, 0], [0, 0]] as [number, number][]) {
        const made = walk(hiker, bowl, { start, steps: 30, noise: 0.2, seed: 1 }, generated);
        for (let t = 0; t <= made.n; t++) {
          expect(sentence(situation(made, t), 'en', 'maths')).toMatch(/\.$/);
        }
      }
    }
  }
});
