/**
 * A state, and what follows from it.
 *
 * `lab` is what the user sets; views write to it and to nothing else. `world` is everything derived: the ground, the
 * walks, the present step. Together with what can be done to them they are a bench. The page has one, `page`; every
 * picture in a lesson has its own, and the views inside it find that one with `here()`. A notebook cell has its own
 * page, because the widget makes a fresh bundle for each.
 */
import { getContext, setContext, untrack } from 'svelte';
import type { Ground, OptimizerSpec, TerrainSpec, Variant, Walk } from '../engine/types';
import { formula, formulaGround, type Formula } from '../formula';
import { defaults, hiker as newHiker } from './defaults';
import { groundOf, optimizers, startsOf, terrains, turns, walkOf } from './library';
import { firstStart, rounded } from './start';
import { DIALECTS, MOST, type Control, type LabState } from './types';
import { validSetting, type Known } from './url';

export const known: Known = {
  optimizers,
  terrains: terrains.map((terrain) => terrain.name),
  formula: (text) => 'formula' in formula(text),
  start: firstStart,
};

/** What the page is told by Python: which home it has, and a report to show. Set once, before anything is mounted. */
export const home: { mode: 'lab' | 'handout' | 'report' | 'widget' | 'class'; role: 'teacher' | 'learner'; report: unknown; langs: 'ja' | 'en' | 'both' } = $state({
  mode: 'lab',
  role: 'learner',
  report: null,
  langs: 'both',
});

const system = $state({ dark: false, still: false });
if (typeof matchMedia === 'function') {
  const watch = (query: string, set: (on: boolean) => void): void => {
    const media = matchMedia(query);
    set(media.matches);
    media.addEventListener('change', () => set(media.matches));
  };
  watch('(prefers-color-scheme: dark)', (on) => (system.dark = on));
  watch('(prefers-reduced-motion: reduce)', (on) => (system.still = on));
}

/** A bench that begins in a given state. */
export function bench(first: LabState = defaults(), { embedded = false } = {}) {
  const lab: LabState = $state(first);
  const typed: Formula | null = $derived.by(() => {
    if (lab.formula === null) return null;
    const result = formula(lab.formula);
    return 'formula' in result ? result.formula : null;
  });
  const terrain = $derived(terrains.find((each) => each.name === lab.terrain) ?? terrains[0]);
  const ground: Ground = $derived(
    typed
      ? formulaGround(typed, [[...lab.box[0]], [...lab.box[1]]], turns.cos[lab.rotation], turns.sin[lab.rotation])
      : groundOf(terrain, lab.rotation),
  );
  const walks: Walk[] = $derived.by(() => {
    const { noise, seed, steps } = lab;
    const start: [number, number] = [lab.start[0], lab.start[1]];
    return $state.snapshot(lab.hikers).map((hiker) => walkOf(hiker, ground, { start, noise, seed, steps }));
  });
  const dark = $derived(lab.theme === 'auto' ? system.dark : lab.theme === 'dark');

  /** Everything that follows from `lab`. Read it like plain values; it is always up to date. */
  const world = {
    /** Where everybody walks: height, slope, box, minima. */
    get ground(): Ground {
      return ground;
    },
    /** The terrain of the list; what the ground is made of unless `typed` is there. */
    get terrain(): TerrainSpec {
      return terrain;
    },
    /** The user's formula, or null. */
    get typed(): Formula | null {
      return typed;
    },
    /** One walk for each hiker, in order; `lab.steps` long unless it left the numbers. */
    get walks(): Walk[] {
      return walks;
    },
    get chosenWalk(): Walk {
      return walks[lab.chosen];
    },
    get chosenHiker(): LabState['hikers'][number] {
      return lab.hikers[lab.chosen];
    },
    /** Steps that the chosen hiker has made at the present moment: `lab.t`, or less if its walk ended before. */
    get now(): number {
      return Math.min(lab.t, walks[lab.chosen].n);
    },
    get dark(): boolean {
      return dark;
    },
    /** Whether motion should be spared. */
    get still(): boolean {
      return system.still;
    },
  };

  /** One more hiker, of an optimizer that is not walking yet if there is one. */
  function addHiker(): void {
    if (lab.hikers.length >= MOST.hikers) return;
    const free = optimizers.find((each) => !lab.hikers.some((hiker) => hiker.optimizer === each.name)) ?? optimizers[0];
    lab.hikers.push(newHiker(free.name));
    lab.chosen = lab.hikers.length - 1;
  }

  function removeHiker(index: number): void {
    if (lab.hikers.length <= 1) return;
    // The choice moves first: nothing may ever look at a hiker that is not there.
    if (lab.chosen > index || lab.chosen === lab.hikers.length - 1) lab.chosen = Math.max(0, lab.chosen - 1);
    lab.hikers.splice(index, 1);
  }

  /** Goes to a step, within the walk. */
  function goTo(t: number): void {
    lab.t = Math.max(0, Math.min(lab.steps, Math.round(t)));
  }

  function setSteps(steps: number): void {
    lab.steps = Math.max(1, Math.min(MOST.steps, Math.round(steps)));
    if (lab.t > lab.steps) lab.t = lab.steps;
  }

  function setStart(x: number, y: number): void {
    const clamp = (value: number): number => Math.max(-MOST.place, Math.min(MOST.place, value));
    const [[a, b], [c, d]] = ground.box;
    if (Number.isFinite(x) && Number.isFinite(y)) lab.start = [rounded(clamp(x), b - a), rounded(clamp(y), d - c)];
  }

  /** Turns the terrain, and the start with it, so that the walkers stand before the same slope. */
  function setRotation(degrees: number): void {
    const next = ((Math.round(degrees) % 360) + 360) % 360;
    const by = (((next - lab.rotation) % 360) + 360) % 360;
    const [c, s] = [turns.cos[by], turns.sin[by]];
    const own = typed ? -1 : startsOf(terrain, lab.rotation).findIndex((start) => near(start, lab.start));
    const [x, y] =
      own >= 0 ? startsOf(terrain, next)[own] : [c * lab.start[0] - s * lab.start[1], s * lab.start[0] + c * lab.start[1]];
    lab.rotation = next;
    setStart(x, y);
  }

  /** A terrain of the list, with its own first start. */
  function setTerrain(name: string): void {
    const chosen = terrains.find((each) => each.name === name);
    if (!chosen) return;
    lab.formula = null;
    lab.terrain = chosen.name;
    lab.rotation = 0;
    lab.start = firstStart(lab);
    lab.t = 0;
  }

  /** Takes a user's formula as the terrain; false if it cannot be read. */
  function setFormula(text: string): boolean {
    if (!known.formula(text)) return false;
    lab.formula = text;
    return true;
  }

  /** Puts a whole new state in place of the present one: an address, a scene, a reset. */
  function become(state: LabState): void {
    untrack(() => {
      lab.chosen = 0;
      Object.assign(lab, state);
    });
  }

  /** Whether a control is shown, and whether it may be used. */
  function shown(control: Control): boolean {
    return !lab.hide.includes(control);
  }

  function locked(control: Control): boolean {
    return lab.lock.includes(control);
  }

  /** Plays or pauses; at the end it begins again. */
  function toggle(): void {
    if (!lab.playing && lab.t >= lab.steps) lab.t = 0;
    lab.playing = !lab.playing;
  }

  /** Goes so many steps from here, forwards or back, and pauses. */
  function stepBy(steps: number): void {
    lab.playing = false;
    goTo(lab.t + steps);
  }

  function jumpTo(t: number): void {
    lab.playing = false;
    goTo(t);
  }

  /** What views remember while they are not on the screen, and whether the map may show the way that is still to come. */
  const kept = $state({ mistake: '', ahead: true });

  return {
    lab, world, kept,
    /** Whether it stands inside a text, which has its own headings. */
    embedded,
    addHiker, removeHiker, goTo, setSteps, setStart, setRotation, setTerrain, setFormula, become, shown, locked, toggle, stepBy, jumpTo,
  };
}

export type Bench = ReturnType<typeof bench>;

/** The bench of the whole page. */
export const page: Bench = bench();
export const { lab, world, kept, addHiker, removeHiker, goTo, setSteps, setStart, setRotation, setTerrain, setFormula, become, shown, locked, toggle, stepBy } = page;

const KEY = Symbol('bench');

/** Gives the components inside the present one a bench of their own. */
export function provide(own: Bench): void {
  setContext(KEY, own);
}

/** The bench that a component belongs to: call it while the component is made. */
export function here(): Bench {
  return getContext<Bench | undefined>(KEY) ?? page;
}

function near(a: readonly [number, number], b: readonly [number, number]): boolean {
  return Math.hypot(a[0] - b[0], a[1] - b[1]) < 0.02;
}

// --- Hikers ---------------------------------------------------------------------------------------------------------

export function specOf(name: string): OptimizerSpec {
  return optimizers.find((each) => each.name === name) ?? optimizers[0];
}

/** The variant that a hiker follows: its optimizer in its dialect. */
export function variantOf(hiker: LabState['hikers'][number]): Variant {
  const { variants } = specOf(hiker.optimizer);
  return (variants[hiker.dialect] ?? variants.book) as Variant;
}

/** A hiker's value of a setting: its own, or its variant's. */
export function settingOf(hiker: LabState['hikers'][number], name: string): number {
  return hiker.settings[name] ?? variantOf(hiker).settings[name] ?? 0;
}

/** Sets a hiker's setting, if it is in range; a value equal to the variant's is forgotten. */
export function setSetting(hiker: LabState['hikers'][number], name: string, value: number): boolean {
  const spec = specOf(hiker.optimizer).settings.find((each) => each.name === name);
  if (!spec || !validSetting(spec, value)) return false;
  if (value === variantOf(hiker).settings[name]) delete hiker.settings[name];
  else hiker.settings[name] = value;
  return true;
}

/** Another optimizer for a hiker: settings that it knows too are kept where they are allowed. */
export function setOptimizer(hiker: LabState['hikers'][number], name: string): void {
  const spec = specOf(name);
  hiker.optimizer = spec.name;
  if (!spec.variants[hiker.dialect]) hiker.dialect = 'book';
  if (!spec.mutations.some((each) => each.id === hiker.whatif)) hiker.whatif = null;
  tidySettings(hiker);
}

export function setDialect(hiker: LabState['hikers'][number], dialect: (typeof DIALECTS)[number]): void {
  if (!specOf(hiker.optimizer).variants[dialect]) return;
  hiker.dialect = dialect;
  if (dialect !== 'book') hiker.whatif = null;
  tidySettings(hiker);
}

function tidySettings(hiker: LabState['hikers'][number]): void {
  const { settings } = specOf(hiker.optimizer);
  const variant = variantOf(hiker).settings;
  for (const [name, value] of Object.entries(hiker.settings)) {
    const spec = settings.find((each) => each.name === name);
    if (!spec || !(name in variant) || !validSetting(spec, value)) delete hiker.settings[name];
  }
}
