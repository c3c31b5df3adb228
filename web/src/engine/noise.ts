/**
 * Random numbers that depend on a seed and a step, never on what was drawn before: the same bits as
 * `nukarumi.problems.noise`, whose documentation has the formulas.
 */

const GOLDEN = 0x9e3779b9;
const NOISE = 0;
const ACTIVITY = 1;
const WORDS = 4294967296;

/** Wellons' 32-bit finalizer. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

function key(seed: number, stream: number): number {
  return mix(mix((seed + GOLDEN) >>> 0) + stream);
}

let drawn: { seed: number; numbers: Float64Array } | null = null;

/**
 * Two nearly normal numbers a step, for at least the steps 0 .. steps - 1: x's at 2 * step, y's behind it. Walkers of
 * one seed get the same array, so it is for reading only.
 */
export function normals(seed: number, steps: number): Float64Array {
  if (drawn?.seed !== seed || drawn.numbers.length < 2 * steps) drawn = { seed, numbers: draw(seed, steps) };
  return drawn.numbers;
}

function draw(seed: number, steps: number): Float64Array {
  const own = key(seed, NOISE);
  const out = new Float64Array(2 * steps);
  for (let step = 0; step < steps; step++) {
    let place = Math.imul(step, 32);
    for (let axis = 0; axis < 2; axis++) {
      let sum = 0;
      for (let k = 0; k < 12; k++) sum += mix(mix(place++) ^ own);
      out[2 * step + axis] = (sum + 6) / WORDS - 6;
    }
  }
  return out;
}

/** Whether something rare happens at a step. */
export function active(seed: number, step: number, rate: number): boolean {
  return mix(mix(step) ^ key(seed, ACTIVITY)) < rate * WORDS;
}
