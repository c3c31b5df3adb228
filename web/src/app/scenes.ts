/** The classic scenes: whole states, one click away. What each one shows is in words/scenes.ts, and tested. */
import { defaults, hiker } from '../state/defaults';
import type { LabState } from '../state/types';

export const SCENES = ['valley', 'turned', 'noise', 'cliff', 'sparse', 'airbag', 'saddle'] as const;
export type Scene = (typeof SCENES)[number];

const turn = Math.SQRT1_2;

export const scenes: Record<Scene, Partial<LabState>> = {
  valley: {},
  turned: { rotation: 45, start: [Number((-9 * turn).toFixed(3)), Number((-5 * turn).toFixed(3))] },
  noise: {
    noise: 2,
    seed: 1,
    steps: 2000,
    t: 2000,
    start: [-9, 2],
    hikers: [hiker('SGD', { lr: 0.05 }), hiker('Adagrad', { lr: 0.3 }), hiker('RMSprop', { lr: 0.02 })],
    chosen: 1,
    tab: 'curves',
    curve: 'rate',
    logX: true,
    logY: true,
    speed: 60,
  },
  cliff: {
    terrain: 'cliff',
    start: [-2, 2],
    steps: 800,
    t: 800,
    hikers: [hiker('Adagrad', { lr: 0.5 }), hiker('RMSprop', { lr: 0.1 }), hiker('SGD', { lr: 0.02 })],
    chosen: 0,
    speed: 60,
  },
  sparse: {
    terrain: 'sparse_ravine',
    start: [-4, 4],
    steps: 120,
    t: 20,
    seed: 1,
    hikers: [hiker('SGD', { lr: 0.05 }), hiker('Adagrad', { lr: 0.5 })],
    chosen: 1,
  },
  airbag: {
    start: [-7, 0],
    t: 1,
    hikers: [hiker('Adagrad', { lr: 1.5 }), hiker('Adagrad', { lr: 1.5, eps: 0 })],
    chosen: 1,
    tab: 'whatif',
  },
  saddle: {
    terrain: 'saddle',
    start: [-1.5, 0.001],
    steps: 40,
    t: 20,
    hikers: [hiker('SGD', { lr: 0.1 }), hiker('Momentum', { lr: 0.02 }), hiker('Adagrad', { lr: 0.2 })],
  },
};

/** A scene as a whole state; what belongs to the reader (language, wording, colours, locks) stays. */
export function sceneState(scene: Scene, present: LabState): LabState {
  const { lang, words, theme, map, hide, lock } = present;
  return { ...defaults(), lang, words, theme, map, hide: [...hide], lock: [...lock], ...structuredClone(scenes[scene]) };
}
