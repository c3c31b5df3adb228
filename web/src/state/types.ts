/** What the lab is at a moment: one plain object. Everything on the screen, and the address, follows from it. */
import type { Hiker } from '../engine/types';

export type Lang = 'ja' | 'en';
export type Wording = 'metaphor' | 'maths';
export type Box = [[number, number], [number, number]];
export type Tab = 'ledger' | 'formula' | 'curves' | 'whatif' | 'dialects';
export type CurveKind = 'loss' | 'memory' | 'rate' | 'stride';
export type Theme = 'auto' | 'light' | 'dark';
/** What a teacher may hide or lock by the address. */
export type Control = (typeof CONTROLS)[number];

export const LANGS = ['en', 'ja'] as const satisfies readonly Lang[];
export const WORDINGS = ['metaphor', 'maths'] as const satisfies readonly Wording[];
export const TABS = ['ledger', 'formula', 'curves', 'whatif', 'dialects'] as const satisfies readonly Tab[];
export const CURVES = ['loss', 'memory', 'rate', 'stride'] as const satisfies readonly CurveKind[];
export const THEMES = ['auto', 'light', 'dark'] as const satisfies readonly Theme[];
export const MAPS = ['2d', '3d'] as const;
export const DIALECTS = ['book', 'torch', 'keras', 'optax'] as const;
/** Steps a second of the walk that plays. */
export const SPEEDS = [0.5, 1, 2, 5, 10, 30, 60] as const;
export const CONTROLS = [
  'scenes', 'terrain', 'formula', 'rotation', 'noise', 'steps', 'start', 'map', 'playback',
  'hikers', 'settings', 'tabs', 'words', 'lang', 'theme', 'export', 'chapters', 'teacher', 'present', 'quiz',
] as const;

/** The most there may be of each. */
export const MOST = { hikers: 6, steps: 4096, seed: 4294967295, noise: 100, formula: 200, place: 1e6, line: 31, lesson: 14, screen: 999 } as const;

export interface LabState {
  lang: Lang;
  words: Wording;
  terrain: string;
  /** A formula typed by the user takes the terrain's place; null for a terrain of the list. */
  formula: string | null;
  /** The part of the plane that a formula is shown on. */
  box: Box;
  /** Whole degrees, 0 to 359, counterclockwise about the origin. */
  rotation: number;
  start: [number, number];
  /** Deviation of the noise on each slope. */
  noise: number;
  seed: number;
  /** How many steps are walked. */
  steps: number;
  /** The present step: how many steps have been made, 0 at the start. */
  t: number;
  /** Whether the walk is playing; never in the address. */
  playing: boolean;
  hikers: Hiker[];
  /** Index of the hiker that the panel is about. */
  chosen: number;
  /** The rule's line that is lit in the formula player; -1 for none. */
  line: number;
  map: '2d' | '3d';
  tab: Tab;
  curve: CurveKind;
  logX: boolean;
  logY: boolean;
  speed: number;
  theme: Theme;
  hide: Control[];
  lock: Control[];
  /** Number of the lesson's chapter that is open; 0 for the lab. */
  lesson: number;
  /** Whether the lesson shows what is for the teacher. */
  teacher: boolean;
  /** Whether the lesson shows both languages side by side. */
  both: boolean;
  /** Whether the lesson is presented, a screen at a time, and which screen. */
  present: boolean;
  screen: number;
}
