/** Where everybody begins: three hikers at the rim of the narrow valley. */
import type { Hiker } from '../engine/types';
import type { LabState } from './types';

export function hiker(optimizer: string, settings: Record<string, number> = {}): Hiker {
  return { optimizer, dialect: 'book', settings, whatif: null };
}

export function defaults(): LabState {
  return {
    lang: 'en',
    words: 'metaphor',
    terrain: 'bowl',
    formula: null,
    box: [[-5, 5], [-5, 5]],
    rotation: 0,
    start: [-7, 2],
    noise: 0,
    seed: 0,
    steps: 60,
    t: 12,
    playing: false,
    hikers: [hiker('SGD', { lr: 0.95 }), hiker('Momentum', { lr: 0.1 }), hiker('Adagrad', { lr: 1.5 })],
    chosen: 2,
    line: -1,
    map: '2d',
    tab: 'ledger',
    curve: 'loss',
    logX: false,
    logY: false,
    speed: 5,
    theme: 'auto',
    hide: [],
    lock: [],
    lesson: 0,
    teacher: false,
    both: false,
    present: false,
    screen: 0,
  };
}
