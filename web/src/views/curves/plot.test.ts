/** The arithmetic of a plot: gaps stay gaps, ticks are round, and thinning loses no extreme. */
import { describe, expect, it } from 'vitest';
import { area, logTicks, nearest, path, range, readable, scale, smooth, table, type Series } from './plot';

describe('ranges', () => {
  it('leave out what a scale cannot show', () => {
    expect(range([[1, NaN, Infinity, null, -3]], 'linear')).toEqual([-3, 1]);
    expect(range([[1, 0, -3, 1e-9]], 'log')).toEqual([1e-9, 1]);
    expect(range([[null]], 'log')).toEqual([0.1, 1]);
  });
  it('are never empty', () => {
    for (const kind of ['linear', 'log'] as const) {
      for (const values of [[5], [0], [], [1e308, -1e308]]) {
        const [low, high] = readable(range([values], kind), kind);
        expect(low).toBeLessThan(high);
        expect(Number.isFinite(high - low) || kind === 'linear').toBe(true);
      }
    }
  });
  it('end a number of decades below the top', () => {
    expect(readable([1e-300, 1], 'log', 10)[0]).toBeGreaterThan(1e-11);
  });
});

describe('ticks', () => {
  it('are powers of ten, at most so many', () => {
    expect(logTicks([1e-9, 1], 4).length).toBeLessThanOrEqual(4);
    expect(logTicks([0.001, 10], 6)).toEqual([0.001, 0.01, 0.1, 1, 10]);
  });
  it('are there in narrow ranges too', () => {
    expect(logTicks([0.02, 0.3], 5)).toEqual([0.02, 0.05, 0.1, 0.2]);
    expect(logTicks([3, 3.4], 3).length).toBeGreaterThanOrEqual(2);
  });
  it('say powers of ten', () => {
    expect(scale('log', [1e-6, 1e6], [0, 1], 20).ticks.map(({ label }) => label)).toEqual(
      ['10⁻⁶', '10⁻⁵', '10⁻⁴', '10⁻³', '0.01', '0.1', '1', '10', '100', '1000', '10⁴', '10⁵', '10⁶'],
    );
  });
});

describe('paths', () => {
  const x = scale('linear', [0, 10], [0, 100], 5);
  const y = scale('linear', [0, 1], [100, 0], 5);
  it('break where there is no number', () => {
    expect(path([0, 1, 2, 3], [0, 1, NaN, 1], x, y, 'linear', 'linear')).toBe('M0.0,100.0L10.0,0.0M30.0,0.0');
  });
  it('keep every peak of many points', () => {
    const xs = Array.from({ length: 5000 }, (_, at) => (at * 10) / 5000);
    const ys = xs.map((_, at) => (at === 2503 ? 1 : 0.25));
    const drawn = path(xs, ys, x, y, 'linear', 'linear');
    expect(drawn).toContain(',0.0');
    expect(drawn.length).toBeLessThan(3000);
  });
  it('have no area around a single point', () => {
    expect(area([0, 1, 2], [0, null, 0], [1, 1, 1], x, y, 'linear')).toBe('');
    expect(area([0, 1], [0, 0], [1, 1], x, y, 'linear')).toBe('M0.0,0.0L10.0,0.0L10.0,100.0L0.0,100.0Z');
  });
});

it('finds the nearest entry', () => {
  expect(nearest([1, 4, 9], 6)).toBe(1);
  expect(nearest([1, 4, 9], 7)).toBe(2);
  expect(nearest([1, 4, 9], -5)).toBe(0);
  expect(nearest([], 1)).toBe(-1);
});

it('smooths evenly, keeps the start and gaps, and looks back at the end', () => {
  expect(smooth([0, 3, 6, 3, 0], 1)).toEqual([0, 3, 4, 3, 1.5]);
  expect(smooth([1, null, 3], 1)).toEqual([1, null, 3]);
});

it('joins lines with different steps into one table', () => {
  const line = (label: string, xs: number[], ys: number[]): Series => ({ key: label, group: label, label, xs, ys, colour: '', dash: '' });
  expect(table('step', [line('a', [0, 2], [1, 2]), line('b', [1, 2], [3, 4])])).toEqual({
    header: ['step', 'a', 'b'],
    rows: [[0, 1, null], [1, null, 3], [2, 2, 4]],
  });
});
