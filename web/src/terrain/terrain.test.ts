/** The map's geometry: places and pixels belong together, contours and tones follow the heights. */
import { expect, test } from 'vitest';
import { groundOf, terrains } from '../state/library';
import { bands, earth, levels, sampled, shading, Tone } from './relief';
import { fitted, line, seen, toPixel, toPlace, zoomed } from './view';

const [WIDTH, HEIGHT] = [800, 500];

test('a box fits with the same scale along x and y', () => {
  const view = fitted([[-10, 10], [-5, 5]], WIDTH, HEIGHT);
  expect(view.scale).toBe(40);
  expect(seen(view, WIDTH, HEIGHT)).toEqual([[-10, 10], [-6.25, 6.25]]);
});

test('pixels and places are inverse to each other, and a zoom keeps the place under the pointer', () => {
  const fit = fitted([[-3, 12], [-4, 4]], WIDTH, HEIGHT);
  let view = fit;
  for (const [factor, px, py] of [[1.5, 100, 400], [3, 700, 20], [0.4, 333, 250]]) {
    const before = toPlace(view, WIDTH, HEIGHT, px, py);
    view = zoomed(view, factor, px, py, WIDTH, HEIGHT, fit);
    const after = toPlace(view, WIDTH, HEIGHT, px, py);
    expect(after[0]).toBeCloseTo(before[0], 9);
    expect(after[1]).toBeCloseTo(before[1], 9);
    const back = toPixel(view, WIDTH, HEIGHT, ...after);
    expect(back[0]).toBeCloseTo(px, 6);
    expect(back[1]).toBeCloseTo(py, 6);
  }
});

test('a line leaves out what cannot be seen, keeps its last place and stops where the numbers do', () => {
  const xs = Float64Array.from([0, 100, 100.1, 100.2, 200, NaN, 300]);
  const ys = new Float64Array(7);
  const place = (x: number, y: number): [number, number] => [x, y];
  expect(line(xs, ys, 0, 3, place)).toBe('M0.0,0.0L100.0,0.0L100.2,0.0');
  expect(line(xs, ys, 0, 6, place)).toBe('M0.0,0.0L100.0,0.0L200.0,0.0');
  expect(line(xs, ys, 2, 2, place)).toBe('M100.1,0.0');
});

test.each(terrains.map((terrain) => [terrain.name, terrain] as const))('%s can be drawn', (_, terrain) => {
  for (const rotation of [0, 30]) {
    const ground = groundOf(terrain, rotation);
    const grid = sampled(ground, ground.box, 60, 40);
    expect(grid.values.every(Number.isFinite)).toBe(true);
    const at = levels(grid);
    expect(at.length).toBeGreaterThan(8);
    expect([...at].sort((a, b) => a - b)).toEqual(at);
    expect(bands(grid, at).every(({ rings }) => rings.length > 0)).toBe(true);
    const tone = new Tone(ground);
    const tones = at.map((level) => tone.at(level));
    expect([...tones].sort((a, b) => a - b)).toEqual(tones);
    expect([tone.at(-Infinity), tone.at(Infinity)]).toEqual([0, 1]);
    expect(shading(grid, tone).every((light) => light >= 0 && light <= 1)).toBe(true);
  }
});

test('land without a height (log of a negative number) is drawn all the same', () => {
  const ground = { name: '', box: [[-1, 1], [-1, 1]] as [[number, number], [number, number]], minima: [], rate: null, value: (x: number) => Math.log(x), gradient: (): [number, number] => [0, 0] };
  const grid = sampled(ground, ground.box, 20, 20);
  expect(grid.values.every(Number.isFinite)).toBe(true);
  expect(levels(grid).length).toBeGreaterThan(3);
});

test('colours', () => {
  expect(earth(0, false)).not.toBe(earth(1, false));
  expect(earth(0.5, false)).not.toBe(earth(0.5, true));
  expect(earth(-1, true)).toBe(earth(0, true));
  expect(earth(2, true)).toBe(earth(1, true));
});
