/** The boundary between what Python generates, what walks, and what is drawn. Everything here is plain data and pure functions. */

/** One numbered line of a rule, in the order in which it is computed. */
export interface RuleLine {
  /** The name that the line gives a new value: "h". */
  target: string;
  /** The names it reads, in order of appearance: ["h", "g"]. */
  reads: string[];
  /** Its Python source: "h = h + g * g". */
  python: string;
  latex: string;
  /**
   * The inside of a <math> element. Every variable is exactly `<mi data-name="h">h</mi>` (displayed letters may be
   * Greek or have sub- and superscripts inside that element), so that live numbers can be put in its place.
   */
  mathml: string;
  /** What the line is for: settings only, the gradient before the rule, the memory, or the move. */
  role: 'setting' | 'gradient' | 'state' | 'move';
}

/** A rule for one entry of a parameter, as numbers; generated from rules.py, never written by hand. */
export interface Rule {
  /** Unique: "adagrad", "adagrad+eps_inside_root", "adagrad!no_root". */
  id: string;
  states: string[];
  /** In the order in which `step` takes them; "t" (1 at the first update) among them where the rule uses it. */
  settings: string[];
  lines: RuleLine[];
  /** One step: [new w, ...new states]. */
  step(w: number, g: number, states: readonly number[], settings: readonly number[]): number[];
  /** The same step line by line: the value that each line gives its target, in order of `lines`. */
  trace(w: number, g: number, states: readonly number[], settings: readonly number[]): number[];
  /** The effective learning rate for these states (after the step). */
  rate(states: readonly number[], settings: readonly number[]): number;
}

export type Dialect = 'book' | 'torch' | 'keras' | 'optax';

export interface SettingSpec {
  name: string;
  /** "log" for a rate or eps, "share" for 0..1 (more room near 1), "linear", or "switch" (0 or 1). */
  scale: 'log' | 'share' | 'linear' | 'switch';
  min: number;
  max: number;
  /** Whether 0 is allowed beside a logarithmic range (eps = 0: no airbag). */
  zero: boolean;
}

/** What an optimizer is in one dialect: the rule and the numbers it starts with. */
export interface Variant {
  rule: string;
  settings: Record<string, number>;
  /** Where each state starts; a number, or the name of a setting such as "initial_accumulator". */
  starts: Record<string, number | string>;
  /** The Python call that makes it, settings left out: "Adagrad.like(\"torch\")". */
  python: string;
}

/** A rule that is wrong on purpose. */
export interface Mutation {
  /** "no_root", "no_eps", "h_overwritten", "gradient_not_squared", "gradient_forgotten", ... */
  id: string;
  rule: string;
}

export interface OptimizerSpec {
  name: string;
  settings: SettingSpec[];
  variants: Partial<Record<Dialect, Variant>>;
  /** Mutations of the book's variant. */
  mutations: Mutation[];
}

export interface TerrainSpec {
  name: string;
  /** The formula for reading: MathML (inside of <math>), and Python source of the value and the gradient functions. */
  mathml: string;
  valuePython: string;
  gradientPython: string;
  box: [[number, number], [number, number]];
  starts: [number, number][];
  minima: [number, number, number][];
  /** Values of what `value` and `gradient` take after x and y, in order (before rotation's c and s). */
  constants: [string, number][];
  /** Share of steps at which `active` is 1, or null; see problems/terrains.py. */
  rate: number | null;
  polynomial: boolean;
  value(x: number, y: number, ...constants: number[]): number;
  gradient(x: number, y: number, ...constants: number[]): [number, number];
  /** The same turned about the origin: c and s (cosine and sine of the angle) come after the other constants. */
  rotatedValue(x: number, y: number, ...constants: number[]): number;
  rotatedGradient(x: number, y: number, ...constants: number[]): [number, number];
}

/** What the generated module exports under these names. */
export interface Generated {
  rules: Record<string, Rule>;
  optimizers: OptimizerSpec[];
  terrains: TerrainSpec[];
  /** Cosine and sine of whole degrees 0..359, as Python computes them. */
  turns: { cos: number[]; sin: number[] };
  version: string;
}

/** Where somebody walks: a terrain of the list turned by whole degrees, or a user's formula (see formula/). */
export interface Ground {
  name: string;
  box: [[number, number], [number, number]];
  minima: [number, number, number][];
  rate: number | null;
  /** The mean landscape. */
  value(x: number, y: number): number;
  /** `active` is 1 or the terrain's rate; ignored where there is no rare coordinate. */
  gradient(x: number, y: number, active: number): [number, number];
}

/** One hiker as set by the user; settings hold only what differs from the variant. */
export interface Hiker {
  optimizer: string;
  dialect: Dialect;
  settings: Record<string, number>;
  /** A mutation's id, or null for the true rule. */
  whatif: string | null;
}

export interface Walk {
  rule: Rule;
  /** The settings in the rule's order at step k are settingsAt(k); constant but for t. */
  settingsAt(step: number): number[];
  /** Steps walked: n. Less than asked for if the walk left the numbers (see ended). */
  n: number;
  /** Places, n + 1 of them. */
  x: Float64Array;
  y: Float64Array;
  /** Height of the mean landscape at each place. */
  loss: Float64Array;
  /** Gradient (noise and activity included) that step k was made with, k = 0..n-1. */
  gx: Float64Array;
  gy: Float64Array;
  /** State letter -> values for x and for y, n + 1 of them (the first is the start). */
  states: Record<string, [Float64Array, Float64Array]>;
  /** Effective learning rate of step k, n of them. */
  rate: [Float64Array, Float64Array];
  /** Where the walk stopped being numbers, and which quantity first: null while all is well. */
  ended: { step: number; axis: 'x' | 'y'; what: 'nan' | 'infinite' } | null;
}
