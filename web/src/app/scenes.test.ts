/** Each scene shows what its sentence says; the numbers are walked here, not written down. */
import { expect, test } from 'vitest';
import type { Walk } from '../engine/types';
import { defaults } from '../state/defaults';
import { groundOf, optimizers, terrains, walkOf } from '../state/library';
import type { LabState } from '../state/types';
import { firstStart } from '../state/start';
import { read, write } from '../state/url';
import { cause } from './ended';
import { SCENES, sceneState, type Scene } from './scenes';

const known = { optimizers, terrains: terrains.map(({ name }) => name), formula: () => false, start: firstStart };

function walked(scene: Scene): { state: LabState; of(name: string): Walk; walks: Walk[] } {
  const state = sceneState(scene, defaults());
  const terrain = terrains.find(({ name }) => name === state.terrain);
  if (!terrain) throw new Error(state.terrain);
  const walks = state.hikers.map((hiker) => walkOf(hiker, groundOf(terrain, state.rotation), state));
  return { state, walks, of: (name) => walks[state.hikers.findIndex(({ optimizer }) => optimizer === name)] };
}

const turnsOf = (values: Float64Array): number => values.slice(0, 30).reduce((sum, value, k, all) => sum + Number(k > 0 && value * all[k - 1] < 0), 0);
const last = (values: Float64Array): number => values[values.length - 1];

test.each(SCENES)('%s is a valid state', (scene) => {
  const state = sceneState(scene, { ...defaults(), lang: 'ja', lock: ['lang'] });
  expect(read(write(state, known), known)).toEqual({ state, dropped: [] });
  expect([state.lang, state.lock]).toEqual(['ja', ['lang']]);
});

test('in the narrow valley SGD zigzags and Adagrad does not', () => {
  const { of } = walked('valley');
  expect(turnsOf(of('SGD').y)).toBeGreaterThan(20);
  expect(turnsOf(of('Adagrad').y)).toBe(0);
  expect(of('Adagrad').loss[20]).toBeLessThan(of('SGD').loss[20] / 2);
});

test('turned by 45°, SGD walks as before and Adagrad loses its lead', () => {
  const [straight, turned] = [walked('valley'), walked('turned')];
  expect(turned.of('SGD').loss[30]).toBeCloseTo(straight.of('SGD').loss[30], 2);
  expect(turned.of('Adagrad').loss[12]).toBeGreaterThan(3 * straight.of('Adagrad').loss[12]);
});

test('noise: Adagrad’s rate falls like 1/√t, RMSprop’s does not', () => {
  const { of } = walked('noise');
  const [, rate] = of('Adagrad').rate;
  expect(rate[399] / rate[1599]).toBeGreaterThan(1.7);
  expect(rate[399] / rate[1599]).toBeLessThan(2.3);
  const kept = of('RMSprop').rate[1];
  expect(kept[399] / kept[1599]).toBeLessThan(1.6);
});

test('after the cliff Adagrad does not reach the end of the valley, RMSprop does', () => {
  const { of } = walked('cliff');
  expect(last(of('Adagrad').x)).toBeLessThan(5);
  expect(last(of('RMSprop').x)).toBeGreaterThan(9);
  expect(last(of('SGD').x)).toBeGreaterThan(7);
});

test('on the sparse ravine Adagrad lets the rare coordinate stride about twice as far, SGD does not', () => {
  const { of, state } = walked('sparse');
  const ratio = ([x, y]: Walk['rate']): number => y[state.t] / x[state.t];
  expect(ratio(of('Adagrad').rate)).toBeGreaterThan(1.7);
  expect(ratio(of('Adagrad').rate)).toBeLessThan(2.3);
  expect(ratio(of('SGD').rate)).toBe(1);
});

test('without the airbag the hiker on the axis is NaN at once, and the cause is named', () => {
  const { walks } = walked('airbag');
  expect(walks[0].ended).toBeNull();
  expect(walks[1].ended).toEqual({ step: 1, axis: 'y', what: 'nan' });
  expect(cause(walks[1])).toEqual({ why: 'zeroByZero', step: 1, axis: 'y' });
});

test('on the pass SGD waits while Adagrad leaves', () => {
  const { of } = walked('saddle');
  expect(Math.abs(of('SGD').y[15])).toBeLessThan(0.05);
  expect(Math.abs(of('Adagrad').y[15])).toBeGreaterThan(0.5);
});

test('a rate far too large is called what it is', () => {
  const state = { ...defaults(), steps: 2000 };
  const walk = walkOf({ optimizer: 'SGD', dialect: 'book', settings: { lr: 5 }, whatif: null }, groundOf(terrains[0], 0), state);
  expect(walk.ended).not.toBeNull();
  expect(cause(walk)?.why).toBe('overflow');
});
