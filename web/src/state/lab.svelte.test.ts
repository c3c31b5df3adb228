// @vitest-environment jsdom
/** What the user does changes the one state, and everything else follows. */
import { flushSync } from 'svelte';
import { beforeEach, expect, test } from 'vitest';
import { defaults, hiker } from './defaults';
import {
  addHiker, become, goTo, lab, removeHiker, setDialect, setFormula, setOptimizer, setRotation, setSetting, setStart, setSteps, setTerrain,
  settingOf, world,
} from './lab.svelte';
import { groundOf, optimizers, terrains, walkOf } from './library';
import { MOST } from './types';

beforeEach(() => become(defaults()));

test('walks follow at once', () => {
  const before = world.walks[0].x[10];
  setStart(-3, 1);
  expect(world.walks[0].x[0]).toBe(-3);
  expect(world.walks[0].x[10]).not.toBe(before);
  expect(world.walks.map(({ n }) => n)).toEqual([60, 60, 60]);
  expect(world.chosenWalk).toBe(world.walks[2]);
});

test('the present step stays within the walk', () => {
  goTo(1e9);
  expect(lab.t).toBe(60);
  setSteps(10);
  expect([lab.steps, lab.t, world.now]).toEqual([10, 10, 10]);
  goTo(-4);
  expect(lab.t).toBe(0);
  setSteps(1e9);
  expect(lab.steps).toBe(MOST.steps);
});

test('a turn takes the start with it, and back again', () => {
  for (const degrees of [10, 45, 137, 359, 0]) setRotation(degrees);
  expect(lab.start).toEqual([-7, 2]);
  setStart(-3.3, 1.7);
  setRotation(90);
  expect(lab.start).toEqual([-1.7, -3.3]);
  setRotation(-90);
  expect([lab.rotation, ...lab.start]).toEqual([270, 1.7, 3.3]);
});

test('a terrain brings its own start', () => {
  for (const { name, starts } of terrains) {
    setTerrain(name);
    expect([lab.terrain, lab.rotation, lab.start]).toEqual([name, 0, starts[0]]);
    expect(world.walks.every(({ x }) => x[0] === starts[0][0])).toBe(true);
  }
  setTerrain('nowhere');
  expect(lab.terrain).toBe(terrains.at(-1)?.name);
});

test('a formula takes the terrain’s place if it can be read', () => {
  expect(setFormula('x^2 +')).toBe(false);
  expect(lab.formula).toBeNull();
  expect(setFormula('x^2/20 + y^2')).toBe(true);
  expect(world.ground.name).toBe('x^2/20 + y^2');
  const own = walkOf(hiker('SGD', { lr: 0.95 }), groundOf(terrains[0], 0), lab);
  for (let k = 0; k <= 60; k++) expect(world.walks[0].x[k]).toBeCloseTo(own.x[k], 12);
  setTerrain('bowl');
  expect(lab.formula).toBeNull();
});

test('settings hold only what differs, and only what is allowed', () => {
  const [first] = lab.hikers;
  expect(setSetting(first, 'lr', -1)).toBe(false);
  expect(setSetting(first, 'nonsense', 1)).toBe(false);
  expect(setSetting(first, 'lr', 0.5)).toBe(true);
  expect(first.settings).toEqual({ lr: 0.5 });
  expect(setSetting(first, 'lr', 0.01)).toBe(true);
  expect([first.settings, settingOf(first, 'lr')]).toEqual([{}, 0.01]);
});

test('every optimizer, dialect after dialect, can be put on', () => {
  const [first] = lab.hikers;
  for (const spec of optimizers) {
    setOptimizer(first, spec.name);
    for (const dialect of Object.keys(spec.variants) as (keyof typeof spec.variants)[]) {
      setDialect(first, dialect);
      expect([first.optimizer, first.dialect]).toEqual([spec.name, dialect]);
      expect(world.walks[0].n).toBeGreaterThan(0);
    }
  }
});

test('hikers come and go, one always stays, and the choice is always one of them', () => {
  for (let k = 0; k < 9; k++) addHiker();
  expect([lab.hikers.length, lab.chosen]).toEqual([MOST.hikers, 5]);
  expect(new Set(lab.hikers.map(({ optimizer }) => optimizer)).size).toBe(6);
  lab.chosen = 3;
  removeHiker(1);
  expect(lab.chosen).toBe(2);
  removeHiker(2);
  for (let k = 0; k < 9; k++) {
    removeHiker(lab.hikers.length - 1);
    flushSync();
    expect(world.chosenHiker).toBeDefined();
    expect(world.chosenWalk).toBeDefined();
  }
  expect(lab.hikers.length).toBe(1);
});

test('a hand full of effects: whoever watches sees every change', () => {
  const seen: number[] = [];
  const stop = $effect.root(() => {
    $effect(() => {
      seen.push(world.walks[0].x[0]);
    });
  });
  flushSync();
  setStart(1, 1);
  flushSync();
  become({ ...defaults(), start: [2, 2] });
  flushSync();
  stop();
  expect(seen).toEqual([-7, 1, 2]);
});
