/**
 * The address holds the whole lab, and people edit addresses: reading one never throws and always gives a valid state.
 *
 * `#terrain=bowl&turn=45&hikers=SGD,lr:.95;Adagrad@torch,lr:1.5,!no_root` and so on, one `name=value` for each thing
 * that differs from the beginning. What cannot be understood is left at its default and named in `dropped`.
 */
import type { Dialect, Hiker, OptimizerSpec } from '../engine/types';
import { defaults } from './defaults';
import * as types from './types';
import { MOST, type LabState } from './types';

/** What addresses may speak of. */
export interface Known {
  optimizers: readonly OptimizerSpec[];
  terrains: readonly string[];
  /** Whether a user's formula can be walked on. */
  formula(text: string): boolean;
  /** Where the walk begins if the address does not say. */
  start(state: Pick<LabState, 'terrain' | 'formula' | 'box' | 'rotation'>): [number, number];
}

export interface Read {
  state: LabState;
  /** Names of the parts of the address that were not understood. */
  dropped: string[];
}

/** One part of the address: how it is written, and how it is read (undefined: not understood). */
interface Part<T> {
  write(value: T): string;
  read(text: string, known: Known): T | undefined;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

function numberIn(text: string, low: number, high: number): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  // -0 and 0 are one place; String() could not tell them apart.
  return value >= low && value <= high ? value + 0 : undefined;
}

function real(low: number, high: number): Part<number> {
  return { write: String, read: (text) => numberIn(text, low, high) };
}

function whole(low: number, high: number): Part<number> {
  return {
    write: String,
    read: (text) => {
      const value = numberIn(text, low, high);
      return value !== undefined && Number.isInteger(value) ? value : undefined;
    },
  };
}

function oneOf<T extends string>(names: readonly T[]): Part<T> {
  return { write: (value) => value, read: (text) => names.find((name) => name === text) };
}

function listOf<T extends string>(names: readonly T[]): Part<T[]> {
  return {
    write: (values) => values.join(','),
    read: (text) => {
      const values = text.split(',').filter(Boolean);
      const good = names.filter((name) => values.includes(name));
      return good.length === values.length ? good : undefined;
    },
  };
}

const flag: Part<boolean> = {
  write: (value) => (value ? '1' : '0'),
  read: (text) => (text === '1' ? true : text === '0' ? false : undefined),
};

function numbersIn(text: string, count: number, limit: number): number[] | undefined {
  const values = text.split(',').map((each) => numberIn(each, -limit, limit));
  return values.length === count && values.every((value) => value !== undefined) ? (values as number[]) : undefined;
}

const place: Part<[number, number]> = {
  write: (value) => value.join(','),
  read: (text) => numbersIn(text, 2, MOST.place) as [number, number] | undefined,
};

const box: Part<types.Box> = {
  write: (value) => value.flat().join(','),
  read: (text) => {
    const values = numbersIn(text, 4, MOST.place);
    if (!values) return undefined;
    const [a, b, c, d] = values;
    return validBox([[a, b], [c, d]]) ? [[a, b], [c, d]] : undefined;
  },
};

/** Whether a box has room inside for a map. */
export function validBox([[a, b], [c, d]]: types.Box): boolean {
  const roomy = (low: number, high: number): boolean =>
    Number.isFinite(low) && Number.isFinite(high) && high - low >= 1e-3 * Math.max(1, Math.abs(low), Math.abs(high)) &&
    Math.max(Math.abs(low), Math.abs(high)) <= MOST.place;
  return roomy(a, b) && roomy(c, d);
}

const formula: Part<string | null> = {
  write: (value) => value ?? '',
  read: (text, known) =>
    text === '' ? null : text.length <= MOST.formula && text.trim() !== '' && known.formula(text) ? text : undefined,
};

const terrain: Part<string> = {
  write: (value) => value,
  read: (text, known) => known.terrains.find((name) => name === text),
};

/** Whether a setting may have this value, by the bounds of its range and by whether zero is meant to be possible. */
export function validSetting(spec: OptimizerSpec['settings'][number], value: number): boolean {
  if (!Number.isFinite(value)) return false;
  if (spec.scale === 'switch') return value === 0 || value === 1;
  return (spec.zero && value === 0) || (value >= spec.min && value <= spec.max);
}

function readHiker(text: string, known: Known): Hiker | undefined {
  const [head, ...rest] = text.split(',');
  const [name, library = 'book', ...more] = head.split('@');
  const spec = known.optimizers.find((each) => each.name === name);
  if (!spec || more.length || !Object.hasOwn(spec.variants, library)) return undefined;
  const hiker: Hiker = { optimizer: name, dialect: library as Dialect, settings: {}, whatif: null };
  for (const item of rest) {
    if (item.startsWith('!')) {
      const id = item.slice(1);
      if (hiker.whatif !== null || library !== 'book' || !spec.mutations.some((each) => each.id === id)) return undefined;
      hiker.whatif = id;
      continue;
    }
    const [key, number, ...surplus] = item.split(':');
    const setting = spec.settings.find((each) => each.name === key);
    const value = numberIn(number ?? '', -Number.MAX_VALUE, Number.MAX_VALUE);
    if (!setting || value === undefined || surplus.length || Object.hasOwn(hiker.settings, key)) return undefined;
    if (!validSetting(setting, value)) return undefined;
    hiker.settings[key] = value;
  }
  return hiker;
}

function writeHiker(hiker: Hiker): string {
  const dialect = hiker.dialect === 'book' ? '' : `@${hiker.dialect}`;
  const settings = Object.entries(hiker.settings).map(([name, value]) => `,${name}:${value}`);
  return `${hiker.optimizer}${dialect}${settings.join('')}${hiker.whatif === null ? '' : `,!${hiker.whatif}`}`;
}

const hikers: Part<Hiker[]> = {
  write: (value) => value.map(writeHiker).join(';'),
  read: (text, known) => {
    const read = text.split(';').map((each) => readHiker(each, known));
    const good = read.every((each) => each !== undefined) && read.length <= MOST.hikers;
    return good ? (read as Hiker[]) : undefined;
  },
};

type Shared = Omit<LabState, 'playing'>;
const PARTS: { [K in keyof Shared]: [name: string, part: Part<Shared[K]>] } = {
  lang: ['lang', oneOf(types.LANGS)],
  words: ['words', oneOf(types.WORDINGS)],
  terrain: ['terrain', terrain],
  formula: ['formula', formula],
  box: ['box', box],
  rotation: ['turn', whole(0, 359)],
  start: ['start', place],
  noise: ['noise', real(0, MOST.noise)],
  seed: ['seed', whole(0, MOST.seed)],
  steps: ['steps', whole(1, MOST.steps)],
  hikers: ['hikers', hikers],
  chosen: ['chosen', whole(0, MOST.hikers - 1)],
  t: ['t', whole(0, MOST.steps)],
  line: ['line', whole(-1, MOST.line)],
  map: ['map', oneOf(types.MAPS)],
  tab: ['tab', oneOf(types.TABS)],
  curve: ['curve', oneOf(types.CURVES)],
  logX: ['logx', flag],
  logY: ['logy', flag],
  speed: ['speed', { write: String, read: (text) => types.SPEEDS.find((speed) => String(speed) === text) }],
  theme: ['theme', oneOf(types.THEMES)],
  hide: ['hide', listOf(types.CONTROLS)],
  lock: ['lock', listOf(types.CONTROLS)],
  lesson: ['lesson', whole(0, MOST.lesson)],
  teacher: ['teacher', flag],
  both: ['both', flag],
  present: ['present', flag],
  screen: ['screen', whole(0, MOST.screen)],
};

/** A part's characters that would mean something else in an address; all others stay readable. */
function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%(2C|3A|3B|40|2F|5E|2B|3D)/gi, (code) => decodeURIComponent(code));
}

/** The address of a state, without the `#`: its language, and what differs from the beginning. */
export function write(state: LabState, known: Known, base: LabState = defaults()): string {
  const texts: string[] = [];
  for (const key of Object.keys(PARTS) as (keyof Shared)[]) {
    const [name, part] = PARTS[key] as [string, Part<unknown>];
    const text = part.write(state[key]);
    // A shared address speaks the language of whoever shared it.
    const usual = key === 'start' ? known.start(state) : base[key];
    if (key === 'lang' || text !== part.write(usual)) texts.push(`${name}=${escaped(text)}`);
  }
  return texts.join('&');
}

/** The state that an address tells, with or without its `#`. */
export function read(hash: string, known: Known, base: LabState = defaults()): Read {
  const state = structuredClone(base);
  const dropped: string[] = [];
  let placed = false;
  const names = new Map(Object.entries(PARTS).map(([key, [name]]) => [name, key as keyof Shared]));
  for (const item of hash.replace(/^#/, '').slice(0, 8192).split('&')) {
    if (item === '') continue;
    const at = item.indexOf('=');
    const name = at < 0 ? item : item.slice(0, at);
    const key = names.get(name);
    const text = at < 0 ? undefined : decoded(item.slice(at + 1));
    const value = key && text !== undefined ? (PARTS[key][1] as Part<unknown>).read(text, known) : undefined;
    if (key && value !== undefined) {
      (state as unknown as Record<string, unknown>)[key] = value;
      placed ||= key === 'start';
    } else dropped.push(name.slice(0, 40));
  }
  if (!placed) state.start = known.start(state);
  if (state.t > state.steps) state.t = state.steps;
  if (state.chosen >= state.hikers.length) state.chosen = state.hikers.length - 1;
  return { state, dropped };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
