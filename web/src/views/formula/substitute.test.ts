/** Numbers in the places of letters: nothing but the letters changes, and the numbers are those of the rule itself. */
import { describe, expect, it } from 'vitest';
import { generated } from '../../engine/generated';
import { equals, live, mathNumber, pieces, spelled, substituted, typedOut } from './substitute';

const adagrad = generated.rules.adagrad;

/** Every element that is opened is closed, in order. */
function balanced(mathml: string): boolean {
  const open: string[] = [];
  for (const [, closing, name, self] of mathml.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (self) continue;
    if (!closing) open.push(name);
    else if (open.pop() !== name) return false;
  }
  return open.length === 0;
}

describe('one number', () => {
  it('is a number element', () => {
    expect(mathNumber(1.13)).toBe('<mn>1.13</mn>');
  });
  it('stands in parentheses when it is negative', () => {
    expect(mathNumber(-0.7)).toBe('<mrow><mo>(</mo><mo form="prefix">−</mo><mn>0.7</mn><mo>)</mo></mrow>');
    expect(mathNumber(-0.7, { bare: true })).not.toContain('(');
  });
  it('has its power of ten raised, in parentheses when it is raised itself', () => {
    expect(mathNumber(1.2e-7)).toBe('<mrow><mn>1.2</mn><mo>×</mo><msup><mn>10</mn><mn>−7</mn></msup></mrow>');
    expect(mathNumber(1.2e-7, { raised: true })).toContain('<mo>(</mo>');
  });
  it.each([NaN, Infinity, -Infinity, 0, -0])('is never lost: %s', (value) => {
    expect(mathNumber(value)).toMatch(/<mn>(NaN|∞|0)<\/mn>/);
  });
});

describe('the pieces of a formula', () => {
  it('are the text again when put together', () => {
    for (const rule of Object.values(generated.rules)) {
      for (const { mathml } of rule.lines) expect([...pieces(mathml)].map(({ text }) => text).join('')).toBe(mathml);
    }
  });
  it('keep letters whole that have letters inside', () => {
    const nested = '<mi data-name="lr_t"><msub><mi>lr</mi><mi>t</mi></msub></mi><mo>+</mo><mi data-name="g">g</mi>';
    expect([...pieces(nested)].map(({ name }) => name)).toEqual(['lr_t', null, 'g']);
  });
});

describe('a step of Adagrad', () => {
  const lines = live(adagrad, 2, -0.7, [1.13], adagrad.settings.map((name) => ({ lr: 0.5, eps: 1e-7 })[name]!));

  it('says h = 1.13 + 0.7² = 1.62', () => {
    expect(substituted(lines[0])).toBe(
      '<mi data-name="h">h</mi><mo>←</mo><mn>1.13</mn><mo>+</mo>' +
        '<msup><mrow><mo>(</mo><mo form="prefix">−</mo><mn>0.7</mn><mo>)</mo></mrow><mn>2</mn></msup>',
    );
    expect(equals(lines[0])).toBe('<mo>=</mo><mn>1.62</mn>');
    expect(typedOut(lines[0])).toBe('h = 1.13 + (−0.7) * (−0.7) = 1.62');
    expect(spelled(lines[0])).toBe('h = h + g * g | h = 1.13, g = −0.7 → h = 1.62');
  });
  it('gives the second line what the first one made', () => {
    expect(lines[0].before.h).toBe(1.13);
    expect(lines[1].before.h).toBe(lines[0].result);
    expect(substituted(lines[1])).toContain('<msqrt><mn>1.62</mn></msqrt>');
  });
});

describe.each(Object.values(generated.rules).map((rule) => [rule.id, rule] as const))('%s', (_, rule) => {
  const settings = rule.settings.map((name) => ({ lr: 0.1, t: 3, eps: 1e-7, weight_decay: 0.01 })[name] ?? 0.9);
  it.each([[2, -0.7], [0, 0], [1e300, -1e300], [NaN, 1]])('takes every letter of w = %s, g = %s', (w, g) => {
    const lines = live(rule, w, g, rule.states.map((_, at) => 0.25 * (at + 1)), settings);
    expect(lines).toHaveLength(rule.lines.length);
    for (const line of lines) {
      const said = substituted(line);
      expect(balanced(said + equals(line))).toBe(true);
      const letters = [...said.matchAll(/data-name="([^"]*)"/g)].map((found) => found[1]);
      expect(letters).toEqual([line.line.target]);
      expect(said).not.toMatch(/\u2062|&#x2062;/);
      expect(typedOut(line).slice(typedOut(line).indexOf('=') + 1)).not.toMatch(/\b(lr|eps|rho|beta\d|lr_t)\b/);
    }
    const end = lines.filter(({ line }) => line.target === 'w').at(-1)!;
    const [moved] = rule.step(w, g, rule.states.map((_, at) => 0.25 * (at + 1)), settings);
    expect(end.result).toEqual(moved);
  });
});
