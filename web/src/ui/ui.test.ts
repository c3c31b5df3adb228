/** Numbers look right, and a slider's places and values belong together. */
import { describe, expect, test } from 'vitest';
import { exact, num, percent, signed } from './format';
import { fromPlace, SHARES, toPlace } from './scale';
import { look, LOOKS } from './tokens';

test.each<[number, string]>([
  [0, '0'], [-0, '0'], [1, '1'], [-7, '−7'], [0.0123, '0.0123'], [1.23456, '1.235'], [12345.678, '12346'], [99999.6, '100000'],
  [1e-7, '1×10⁻⁷'], [1.5e20, '1.5×10²⁰'], [-2.5e-10, '−2.5×10⁻¹⁰'], [NaN, 'NaN'], [Infinity, '∞'], [-Infinity, '−∞'], [0.1 + 0.2, '0.3'], [100, '100'],
])('num(%d) is %s', (value, text) => expect(num(value)).toBe(text));

test('signs, shares and exact digits', () => {
  expect(signed(0.5)).toBe('+0.5');
  expect(signed(-0.5)).toBe('−0.5');
  expect(percent(0.125)).toBe('12.5 %');
  expect(exact(0.1)).toBe('0.1');
  expect([NaN, Infinity, -Infinity].map(exact)).toEqual(['nan', 'inf', '-inf']);
});

describe('sliders', () => {
  test.each([
    ['log', 1e-5, 10, false],
    ['log', 1e-12, 1, true],
    ['share', 0, 0.9999, false],
    ['linear', -3, 8, false],
  ] as const)('%s from %d to %d', (scale, min, max, zero) => {
    let before = -Infinity;
    for (let k = 0; k <= 200; k++) {
      const value = fromPlace(k / 200, scale, min, max, zero);
      expect(value).toBeGreaterThanOrEqual(zero ? 0 : min);
      expect(value).toBeLessThanOrEqual(max);
      expect(value).toBeGreaterThanOrEqual(before);
      before = value;
      // A value that the slider gave stays where it is.
      expect(fromPlace(toPlace(value, scale, min, max, zero), scale, min, max, zero)).toBe(value);
    }
    expect(toPlace(max, scale, min, max, zero)).toBeCloseTo(1, 12);
  });

  test('a logarithmic slider has its zero at the very left', () => {
    expect(fromPlace(0, 'log', 1e-12, 1, true)).toBe(0);
    expect(toPlace(0, 'log', 1e-12, 1, true)).toBe(0);
    expect(fromPlace(0.05, 'log', 1e-12, 1, true)).toBeGreaterThan(0);
  });

  test('shares are the ones whose powers are exact', () => {
    for (let k = 0; k <= 100; k++) expect(SHARES).toContain(fromPlace(k / 100, 'share', 0, 0.9999, false));
  });
});

test('hikers differ in colour, dash and marker', () => {
  for (const part of ['colour', 'dash', 'marker'] as const) expect(new Set(LOOKS.map((each) => each[part])).size).toBe(6);
  expect(look(7)).toBe(LOOKS[1]);
});
