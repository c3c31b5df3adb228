/** Whatever stands in the address, the lab is in a valid state; and what it writes, it reads back exactly. */
import { describe, expect, test } from 'vitest';
import { formula } from '../formula';
import { random, type Random } from '../testing/random';
import { defaults } from './defaults';
import { firstStart } from './start';
import { optimizers, terrains } from './library';
import * as types from './types';
import { MOST, type LabState } from './types';
import { read, validBox, validSetting, write, type Known } from './url';

const known: Known = {
  optimizers,
  terrains: terrains.map(({ name }) => name),
  formula: (text) => 'formula' in formula(text),
  start: firstStart,
};

/** Every rule that a state must keep. */
function expectValid(state: LabState): void {
  const within = (value: number, low: number, high: number): void => {
    expect(Number.isFinite(value)).toBe(true);
    expect(value).toBeGreaterThanOrEqual(low);
    expect(value).toBeLessThanOrEqual(high);
  };
  expect(types.LANGS).toContain(state.lang);
  expect(types.WORDINGS).toContain(state.words);
  expect(known.terrains).toContain(state.terrain);
  if (state.formula !== null) expect(known.formula(state.formula)).toBe(true);
  expect(validBox(state.box)).toBe(true);
  for (const [value, low, high] of [
    [state.rotation, 0, 359], [state.seed, 0, MOST.seed], [state.steps, 1, MOST.steps], [state.t, 0, state.steps],
    [state.chosen, 0, state.hikers.length - 1], [state.line, -1, MOST.line],
  ]) {
    within(value, low, high);
    expect(Number.isInteger(value)).toBe(true);
  }
  within(state.noise, 0, MOST.noise);
  for (const place of state.start) within(place, -MOST.place, MOST.place);
  within(state.hikers.length, 1, MOST.hikers);
  for (const hiker of state.hikers) {
    const spec = optimizers.find(({ name }) => name === hiker.optimizer);
    expect(spec?.variants[hiker.dialect]).toBeDefined();
    for (const [name, value] of Object.entries(hiker.settings)) {
      const setting = spec?.settings.find((each) => each.name === name);
      expect(setting && validSetting(setting, value)).toBe(true);
    }
    if (hiker.whatif !== null) expect(spec?.mutations.map(({ id }) => id)).toContain(hiker.whatif);
  }
  expect(types.MAPS).toContain(state.map);
  expect(types.TABS).toContain(state.tab);
  expect(types.CURVES).toContain(state.curve);
  expect(types.SPEEDS).toContain(state.speed);
  expect(types.THEMES).toContain(state.theme);
  for (const control of [...state.hide, ...state.lock]) expect(types.CONTROLS).toContain(control);
  expect(state.playing).toBe(false);
}

function someState(dice: Random): LabState {
  const steps = dice.whole(1, MOST.steps);
  const hikers = Array.from({ length: dice.whole(1, MOST.hikers) }, () => {
    const spec = dice.one(optimizers);
    const dialect = dice.one(types.DIALECTS.filter((each) => spec.variants[each]));
    const settings: Record<string, number> = {};
    for (const setting of spec.settings) {
      if (dice.chance(0.5)) continue;
      const share = dice.real();
      const log = setting.scale === 'log' && setting.min > 0;
      if (setting.scale === 'switch') settings[setting.name] = dice.whole(0, 1);
      else if (setting.zero && dice.chance(0.2)) settings[setting.name] = 0;
      else settings[setting.name] = log ? Math.min(setting.max, setting.min * (setting.max / setting.min) ** share) : setting.min + share * (setting.max - setting.min);
    }
    const whatif = dialect === 'book' && spec.mutations.length && dice.chance(0.3) ? dice.one(spec.mutations).id : null;
    return { optimizer: spec.name, dialect, settings, whatif };
  });
  const wide = dice.real() * 100 + 0.1;
  return {
    lang: dice.one(types.LANGS),
    words: dice.one(types.WORDINGS),
    terrain: dice.one(known.terrains),
    formula: dice.chance(0.5) ? null : dice.one(['x^2/20 + y^2 + sin(x)', 'abs(x)*3 + 2', '-x y + 100', 'log(x²+1) + e^(-y)', '（x）']),
    box: [[-wide, wide], [-wide / 3, wide * 2]],
    rotation: dice.whole(0, 359),
    start: [(dice.real() - 0.5) * 1e3, (dice.real() - 0.5) * 1e-5],
    noise: dice.real() * MOST.noise,
    seed: dice.whole(0, MOST.seed),
    steps,
    t: dice.whole(0, steps),
    playing: false,
    hikers,
    chosen: dice.whole(0, hikers.length - 1),
    line: dice.whole(-1, MOST.line),
    map: dice.one(types.MAPS),
    tab: dice.one(types.TABS),
    curve: dice.one(types.CURVES),
    logX: dice.chance(0.5),
    logY: dice.chance(0.5),
    speed: dice.one(types.SPEEDS),
    theme: dice.one(types.THEMES),
    hide: types.CONTROLS.filter(() => dice.chance(0.2)),
    lock: types.CONTROLS.filter(() => dice.chance(0.2)),
    lesson: Math.floor(dice.real() * (MOST.lesson + 1)),
    teacher: dice.chance(0.5),
    both: dice.chance(0.5),
    present: dice.chance(0.5),
    screen: Math.floor(dice.real() * 12),
  };
}

describe('the address', () => {
  test('1,000 random states come back exactly', () => {
    const dice = random(1);
    for (let k = 0; k < 1000; k++) {
      const state = someState(dice);
      const { state: back, dropped } = read(`#${write(state, known)}`, known);
      expect(dropped).toEqual([]);
      expect(back).toEqual(state);
    }
  });

  test('1,000 damaged addresses give valid states', () => {
    const dice = random(2);
    let damaged = 0;
    for (let k = 0; k < 1000; k++) {
      let address = write(someState(dice), known);
      for (let cuts = dice.whole(1, 12); cuts > 0; cuts--) {
        const at = dice.whole(0, address.length);
        const bit = dice.one(['', '%', '%zz', '&', '=', ';', ',', '-', '1e999', 'NaN', '\u0000', '🥾', '__proto__', '9', '.', '!', '@', ':', 'e', address.slice(0, 30)]);
        address = address.slice(0, at) + bit + address.slice(at + dice.whole(0, 4));
      }
      const { state, dropped } = read(address, known);
      if (dropped.length) damaged += 1;
      expectValid(state);
      // What was understood is as good as any other state.
      expect(read(write(state, known), known)).toEqual({ state, dropped: [] });
    }
    expect(damaged).toBeGreaterThan(500);
  });

  test('1,000 heaps of random characters give the beginning, or something valid', () => {
    const dice = random(3);
    const names = ['lang', 'terrain', 'hikers', 'start', 't', 'steps', 'box', 'hide', 'formula', 'turn', 'constructor', 'toString'];
    for (let k = 0; k < 1000; k++) {
      const parts = Array.from({ length: dice.whole(0, 8) }, () => `${dice.one(names)}=${dice.text(dice.whole(0, 30))}`);
      expectValid(read(parts.join('&'), known).state);
    }
  });

  test.each([
    ['terrain=nowhere', 'terrain'],
    ['steps=0', 'steps'],
    ['steps=4097', 'steps'],
    ['steps=1.5', 'steps'],
    ['hikers=', 'hikers'],
    ['hikers=SGD;SGD;SGD;SGD;SGD;SGD;SGD', 'hikers'],
    ['hikers=Adagrad,lr:-1', 'hikers'],
    ['hikers=Adagrad,lr:1,lr:2', 'hikers'],
    ['hikers=Adagrad@tinygrad', 'hikers'],
    ['hikers=__proto__', 'hikers'],
    ['start=1', 'start'],
    ['start=1,Infinity', 'start'],
    ['box=5,-5,0,1', 'box'],
    ['formula=alert(1)', 'formula'],
    ['formula=%', 'formula'],
    ['t', 't'],
    ['speed=3', 'speed'],
    ['nothing=1', 'nothing'],
  ])('%s is left out and named', (address, name) => {
    expect(read(address, known)).toEqual({ state: defaults(), dropped: [name] });
  });

  test('it says what differs from the beginning, and can be read by people', () => {
    const state = { ...defaults(), rotation: 45, formula: 'x^2 + y^2', hikers: [{ optimizer: 'Adagrad', dialect: 'torch' as const, settings: { lr: 0.5 }, whatif: null }], chosen: 0 };
    expect(write(state, known)).toBe('lang=en&formula=x^2%20+%20y^2&turn=45&start=-7,2&hikers=Adagrad@torch,lr:0.5&chosen=0');
    expect(write(defaults(), known)).toBe('lang=en');
  });

  test('a terrain that is named alone brings its own start, turned with it', () => {
    for (const { name, starts } of terrains) expect(read(`terrain=${name}`, known).state.start).toEqual(starts[0]);
    expect(read('turn=90', known).state.start).toEqual([-2, -7]);
    expect(read('formula=x^2&box=0,10,0,10', known).state.start).toEqual([2, 8]);
    expect(write(read('terrain=rosenbrock', known).state, known)).toBe('lang=en&terrain=rosenbrock');
  });

  test('the present step stays within the walk', () => {
    expect(read('steps=10&t=50', known).state.t).toBe(10);
    expect(read('hikers=SGD&chosen=4', known).state.chosen).toBe(0);
  });
});
