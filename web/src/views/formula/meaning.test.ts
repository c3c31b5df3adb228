/** Every line of every rule has words, in both languages and both ways of speaking. */
import { describe, expect, it } from 'vitest';
import { generated } from '../../engine/generated';
import { differing, meaning, meaningOf } from './meaning';

const settingsOf = (names: readonly string[]): number[] =>
  names.map((name) => ({ lr: 0.1, t: 2, eps: 1e-7, weight_decay: 0.01 })[name] ?? 0.9);

const keys = (id: string): string[] => {
  const rule = generated.rules[id];
  return rule.lines.map((line) => meaningOf(rule, line, settingsOf(rule.settings)));
};

describe('what a line is', () => {
  it.each([
    ['sgd', ['plainMove']],
    ['momentum', ['velocity', 'velocityMove']],
    ['nesterov', ['aheadMove', 'velocity']],
    ['adagrad', ['accumulate', 'brakedMove']],
    ['rmsprop', ['fade', 'brakedMove']],
    ['adadelta', ['fade', 'makeStep', 'pastSteps', 'takeStep']],
    ['adam', ['correctedRate', 'smoothSlope', 'smoothSquare', 'adamMove']],
    ['adagrad!h_overwritten', ['overwrite', 'brakedMove']],
  ])('%s', (id, expected) => expect(keys(id)).toEqual(expected));

  it('knows decoupled decay and the corrected eps', () => {
    expect(keys('adamw')).toContain('shrink');
    expect(keys('adam+eps_corrected')).toContain('correctedEps');
  });
});

it('has words for every line of every rule', () => {
  for (const rule of Object.values(generated.rules)) {
    for (const line of rule.lines) {
      for (const wording of ['metaphor', 'maths'] as const) {
        const english = meaning(rule, line, settingsOf(rule.settings), 'en', wording);
        const japanese = meaning(rule, line, settingsOf(rule.settings), 'ja', wording);
        expect(english).toMatch(/^\S.*[.]$/);
        expect(japanese).toMatch(/[ぁ-んァ-ヶ一-龠].*。$/);
        expect(english + japanese).not.toContain('undefined');
      }
    }
  }
});

it('has words for lines that nobody has thought of', () => {
  const rule = generated.rules.adagrad;
  const line = (target: string, role: 'setting' | 'gradient' | 'state' | 'move') =>
    ({ target, role, reads: [], python: '', latex: '', mathml: '' });
  for (const made of [line('q', 'setting'), line('g', 'gradient'), line('h', 'state'), line('q', 'move')]) {
    expect(meaning(rule, made, settingsOf(rule.settings), 'en', 'metaphor')).toMatch(/\.$/);
  }
});

it('finds the line that a mutation changed', () => {
  const [right, wrong] = [generated.rules.adagrad.lines, generated.rules['adagrad!no_root'].lines];
  expect(differing(right, wrong)).toEqual([false, true]);
  expect(differing(right, right)).toEqual([false, false]);
});
