/** Formulas are read as people mean them, their slopes are right, and nothing that is typed is ever run. */
import { describe, expect, test } from 'vitest';
import { random, type Random } from '../testing/random';
import { formula, formulaGround, type Fault, type Formula } from './index';
import { faultSentence, formulaWords } from '../words/formula';
import { saidIn } from '../words/said';

function made(text: string): Formula {
  const result = formula(text);
  if ('fault' in result) throw new Error(`${text}: ${JSON.stringify(result.fault)}`);
  return result.formula;
}

function fault(text: string): Fault {
  const result = formula(text);
  if ('formula' in result) throw new Error(`${text} was understood`);
  return result.fault;
}

describe('values', () => {
  const [x, y] = [1.25, -0.75];
  test.each<[string, number]>([
    ['x^2/20 + y^2 + sin(x)', x ** 2 / 20 + y ** 2 + Math.sin(x)],
    ['-x^2', -(x * x)],
    ['(-x)^2', x * x],
    ['2^3^2', 512],
    ['2^-1', 0.5],
    ['2x y', 2 * x * y],
    ['2xy', 2 * x * y],
    ['xsin(y)', x * Math.sin(y)],
    ['x(y+1)', x * (y + 1)],
    ['(x+1)(y+1)', (x + 1) * (y + 1)],
    ['2(3)', 6],
    ['x**2', x * x],
    ['1/2x', (1 / 2) * x],
    ['8/2/2', 2],
    ['8-2-2', 4],
    ['--x', x],
    ['+x - -y', x + y],
    ['2e3', 2000],
    ['2e', 2 * Math.E],
    ['exp(1)-e', 0],
    ['sqrt(abs(y))', Math.sqrt(0.75)],
    ['cos(pi)', -1],
    ['log(e)', 1],
    ['.5x', 0.5 * x],
    ['5.', 5],
    ['x² − 3×y ÷ 2', x * x - (3 * y) / 2],
    ['（x＋1）＊y', (x + 1) * y],
    ['π', Math.PI],
  ])('%s', (text, value) => {
    expect(made(text).value(x, y)).toBeCloseTo(value, 12);
  });
});

describe('mistakes name the character', () => {
  test.each<[string, Fault]>([
    ['', { why: 'empty' }],
    ['x +', { why: 'unexpected', at: 3, found: '', expected: 'value' }],
    ['x + * y', { why: 'unexpected', at: 4, found: '*', expected: 'value' }],
    ['(x + y', { why: 'unexpected', at: 6, found: '', expected: 'close' }],
    ['x + y)', { why: 'unexpected', at: 5, found: ')', expected: 'operator' }],
    ['sin x', { why: 'unexpected', at: 4, found: 'x', expected: 'open' }],
    ['x + z', { why: 'name', at: 4, found: 'z' }],
    ['x & y', { why: 'character', at: 2, found: '&' }],
    ['x🥾', { why: 'character', at: 1, found: '🥾' }],
    ['1e999', { why: 'number', at: 0, found: '1e999' }],
    ['alert(1)', { why: 'name', at: 0, found: 'alert' }],
    ['constructor', { why: 'name', at: 0, found: 'constructor' }],
    ['()', { why: 'unexpected', at: 1, found: ')', expected: 'value' }],
    ['x'.repeat(201), { why: 'long', length: 201 }],
  ])('%s', (text, expected) => {
    expect(fault(text)).toEqual(expected);
  });

  test('too deep', () => {
    expect(fault('('.repeat(90) + 'x' + ')'.repeat(90)).why).toBe('deep');
    expect(fault('-'.repeat(150) + 'x').why).toBe('deep');
    expect(fault(`${'x^'.repeat(90)}x`).why).toBe('deep');
  });

  test('in both languages, places counted from 1', () => {
    const say = (text: string, lang: 'en' | 'ja'): string => faultSentence(fault(text), saidIn(formulaWords, lang, 'maths'), 200);
    expect(say('x & y', 'en')).toBe('Character 3: “&” is not part of this language.');
    expect(say('x & y', 'ja')).toContain('3 文字目');
    expect(say('x +', 'en')).toBe('The formula ends too early: a number, x, y or “(” was expected.');
    expect(say('sin x', 'ja')).toContain('関数名の後の「(」');
  });
});

/** A random formula as text; smooth enough on the unit square around (1.5, 1.5) for differences to mean something. */
function someFormula(dice: Random, depth: number): string {
  if (depth === 0 || dice.chance(0.15)) return dice.one(['x', 'y', 'x', 'y', '2', '0.5', '3', 'pi', 'e']);
  const inner = (): string => someFormula(dice, depth - 1);
  switch (dice.whole(0, 11)) {
    case 0:
    case 1:
      return `${inner()} + ${inner()}`;
    case 2:
      return `(${inner()}) - (${inner()})`;
    case 3:
      return `(${inner()})(${inner()})`;
    case 4:
      return `(${inner()}) / (2 + abs(${inner()}))`;
    case 5:
      return `(${inner()})^${dice.whole(0, 4)}`;
    case 6:
      return `-(${inner()})`;
    case 7:
      return `${dice.one(['sin', 'cos'])}(${inner()})`;
    case 8:
      return `exp(-(${inner()})^2 / 9)`;
    case 9:
      return `log(1 + (${inner()})^2)`;
    case 10:
      return `sqrt(1 + (${inner()})^2)`;
    default:
      return `(1 + (${inner()})^2)^(${dice.one(['0.5', '-1', '1.5', 'sin(x)'])})`;
  }
}

test('1,000 random formulas have the slopes that differences measure', () => {
  const dice = random(4);
  let compared = 0;
  for (let k = 0; k < 1000; k++) {
    const text = someFormula(dice, 3);
    if (text.length > 200) {
      expect(fault(text).why).toBe('long');
      continue;
    }
    const { value, slopeX, slopeY } = made(text);
    const [x, y] = [1.1 + dice.real() * 0.8, 1.1 + dice.real() * 0.8];
    const close = (slope: number, at: (h: number) => number): void => {
      const measured = (h: number): number => (at(h) - at(-h)) / (2 * h);
      const [fine, coarse] = [measured(1e-5), measured(1e-4)];
      const size = Math.max(1, Math.abs(value(x, y)), Math.abs(slope));
      // Where two spacings disagree there is a kink or a huge curvature, and a difference measures nothing.
      if (!(Math.abs(fine - coarse) < 1e-4 * size)) return;
      compared += 1;
      expect(Math.abs(slope - fine), `${text} at ${x}, ${y}: ${slope} and ${fine}`).toBeLessThan(2e-4 * size);
    };
    close(slopeX(x, y), (h) => value(x + h, y));
    close(slopeY(x, y), (h) => value(x, y + h));
  }
  expect(compared).toBeGreaterThan(1600);
});

test('1,000 heaps of characters: an answer or a fault, never an exception, and nothing is run', () => {
  const dice = random(5);
  const page = globalThis as unknown as Record<string, unknown>;
  page.fired = 0;
  const snippets = ['fired=1', 'fired++', '(()=>{fired=1})()', 'eval(x)', '${x}', '`', 'this', 'x;y', 'import(x)', 'constructor.constructor("fired=1")()', '__proto__', '<img src=x onerror=fired=1>', '//', '/*'];
  let understood = 0;
  for (let k = 0; k < 1000; k++) {
    let text = dice.text(dice.whole(0, 40));
    if (dice.chance(0.5)) text += dice.one(snippets) + dice.text(dice.whole(0, 10));
    if (dice.chance(0.3)) text = Array.from({ length: dice.whole(1, 7) }, () => dice.one(['x', 'y', '2', '+', '-', '*', '/', '^', '(', ')', 'sin(', 'e', ' '])).join('');
    const result = formula(text);
    if ('formula' in result) {
      understood += 1;
      for (const part of [result.formula.value, result.formula.slopeX, result.formula.slopeY]) expect(typeof part(0.3, 0.7)).toBe('number');
      // Only these elements, and nothing of the text as it was typed, reach the page.
      expect(result.formula.mathml.value.replace(/<\/?(mrow|mi|mn|mo|mfrac|msup|msqrt)( data-name="[xy]")?>/g, '')).not.toMatch(/[<>"]/);
    } else {
      expect(saidIn(formulaWords, 'ja', 'maths')).toBeDefined();
      expect(faultSentence(result.fault, saidIn(formulaWords, 'en', 'maths'), 200)).toMatch(/\w/);
    }
  }
  expect(understood).toBeGreaterThan(20);
  expect(page.fired).toBe(0);
  delete page.fired;
});

test('slopes are tidy', () => {
  expect(made('x^2/20 + y^2').python.gradient).toBe('def gradient(x, y):\n    return 2.0 * x / 20.0, 2.0 * y');
  expect(made('3').python.gradient).toBe('def gradient(x, y):\n    return 0.0, 0.0');
  expect(made('x + y + 5').python.gradient).toBe('def gradient(x, y):\n    return 1.0, 1.0');
});

test('a turned formula is the same land turned', () => {
  const land = made('x^2/20 + y^2 + sin(x)');
  const [c, s] = [Math.cos(0.6), Math.sin(0.6)];
  const turned = formulaGround(land, [[-5, 5], [-5, 5]], c, s);
  const [x, y] = [1.3, -0.4];
  expect(turned.value(c * x - s * y, s * x + c * y)).toBeCloseTo(land.value(x, y), 12);
  const [gx, gy] = turned.gradient(c * x - s * y, s * x + c * y, 1);
  expect(c * gx + s * gy).toBeCloseTo(land.slopeX(x, y), 12);
  expect(c * gy - s * gx).toBeCloseTo(land.slopeY(x, y), 12);
});
