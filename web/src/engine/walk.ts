/** One hiker's walk: the generated rule, applied to x and to y as to two entries of a parameter. */
import { active, normals } from "./noise.ts";
import type { Generated, Ground, Hiker, Rule, Variant, Walk } from "./types.ts";

export interface Way {
  start: readonly [number, number];
  steps: number;
  /** Deviation of the noise on each slope. */
  noise: number;
  /** 0 .. 2^32 - 1; decides the noise, and when a rare coordinate is active. */
  seed: number;
}

/** What a hiker is in its dialect. Throws for a dialect that the optimizer does not have. */
export function variantOf(hiker: Hiker, generated: Generated): Variant {
  const variant = generated.optimizers.find(({ name }) => name === hiker.optimizer)?.variants[hiker.dialect];
  if (!variant) throw new RangeError(`no optimizer ${hiker.optimizer} in the dialect ${hiker.dialect}`);
  return variant;
}

/** The rule that a hiker walks by: its dialect's, or one that is wrong on purpose (the book's form of it). */
export function ruleOf(hiker: Hiker, generated: Generated): Rule {
  if (hiker.whatif === null) return generated.rules[variantOf(hiker, generated).rule]!;
  const spec = generated.optimizers.find(({ name }) => name === hiker.optimizer);
  const mutation = spec?.mutations.find(({ id }) => id === hiker.whatif);
  if (!mutation) throw new RangeError(`no mutation ${hiker.whatif} of ${hiker.optimizer}`);
  return generated.rules[mutation.rule]!;
}

/** Every setting of a hiker: its own over its dialect's. */
export function settingsOf(hiker: Hiker, generated: Generated): Record<string, number> {
  return { ...variantOf(hiker, generated).settings, ...hiker.settings };
}

/** Walk, and remember everything. A walk that leaves the numbers ends at the first place that is none. */
export function walk(hiker: Hiker, ground: Ground, way: Way, generated: Generated): Walk {
  const rule = ruleOf(hiker, generated);
  const { starts } = variantOf(hiker, generated);
  const given = settingsOf(hiker, generated);
  const { start, steps, noise, seed } = way;
  const clock = rule.settings.indexOf("t");
  const constant = rule.settings.map((name) => given[name] ?? NaN);
  const settingsAt = (step: number): number[] => {
    const settings = constant.slice();
    if (clock >= 0) settings[clock] = step + 1;
    return settings;
  };

  const x = new Float64Array(steps + 1);
  const y = new Float64Array(steps + 1);
  const loss = new Float64Array(steps + 1);
  const gx = new Float64Array(steps);
  const gy = new Float64Array(steps);
  const rate: Walk["rate"] = [new Float64Array(steps), new Float64Array(steps)];
  const columns = rule.states.map((): [Float64Array, Float64Array] => [
    new Float64Array(steps + 1),
    new Float64Array(steps + 1),
  ]);
  const first = rule.states.map((letter) => {
    const from = starts[letter] ?? 0;
    return typeof from === "string" ? (given[from] ?? NaN) : from;
  });
  const sx = [...first];
  const sy = [...first];
  let px = start[0];
  let py = start[1];
  x[0] = px;
  y[0] = py;
  loss[0] = ground.value(px, py);
  columns.forEach(([a, b], k) => (a[0] = b[0] = first[k]!));

  const noises = noise > 0 ? normals(seed, steps) : null;
  const settings = constant.slice();
  let ended: Walk["ended"] = null;
  let n = 0;
  while (n < steps && ended === null) {
    const on = ground.rate === null ? 1 : Number(active(seed, n, ground.rate));
    const slopes = ground.gradient(px, py, on);
    let dx = slopes[0];
    let dy = slopes[1];
    if (noises) {
      dx += noise * noises[2 * n]!;
      dy += noise * noises[2 * n + 1]!;
    }
    gx[n] = dx;
    gy[n] = dy;
    if (clock >= 0) settings[clock] = n + 1;
    const nextX = rule.step(px, dx, sx, settings);
    const nextY = rule.step(py, dy, sy, settings);
    px = nextX[0]!;
    py = nextY[0]!;
    n++;
    for (let k = 0; k < columns.length; k++) {
      columns[k]![0][n] = sx[k] = nextX[k + 1]!;
      columns[k]![1][n] = sy[k] = nextY[k + 1]!;
    }
    rate[0][n - 1] = rule.rate(sx, settings);
    rate[1][n - 1] = rule.rate(sy, settings);
    x[n] = px;
    y[n] = py;
    loss[n] = ground.value(px, py);
    if (!(Number.isFinite(px) && Number.isFinite(py))) {
      const axis = Number.isFinite(px) ? "y" : "x";
      ended = { step: n, axis, what: Number.isNaN(axis === "x" ? px : py) ? "nan" : "infinite" };
    }
  }
  const cut = (column: Float64Array, length: number): Float64Array => column.subarray(0, length);
  return {
    rule,
    settingsAt,
    n,
    x: cut(x, n + 1),
    y: cut(y, n + 1),
    loss: cut(loss, n + 1),
    gx: cut(gx, n),
    gy: cut(gy, n),
    states: Object.fromEntries(
      rule.states.map((letter, k) => [letter, [cut(columns[k]![0], n + 1), cut(columns[k]![1], n + 1)]]),
    ),
    rate: [cut(rate[0], n), cut(rate[1], n)],
    ended,
  };
}
