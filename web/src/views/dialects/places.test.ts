/** Where eps and lr sit, read from the rules' own lines. */
import { expect, it } from 'vitest';
import { generated } from '../../engine/generated';
import { epsPlace, lrPlace, roots } from './places';

it('finds what is under a root', () => {
  expect(roots('w = w - lr * g / (sqrt(h) + eps)')).toEqual(['h']);
  expect(roots('step = sqrt(d + eps) / sqrt((h) + eps) * g')).toEqual(['d + eps', '(h) + eps']);
});

it.each([
  ['adagrad', 'outside'], ['adagrad+eps_inside_root', 'inside'], ['adadelta', 'under'], ['adam', 'outside'],
  ['adam+eps_corrected', 'corrected'], ['rmsprop+eps_inside_root', 'inside'], ['sgd', 'none'], ['adagrad!no_eps', 'none'],
])('eps of %s sits %s', (id, place) => expect(epsPlace(generated.rules[id])).toBe(place));

it.each([['momentum', 'inside'], ['momentum+lr_outside', 'outside'], ['nesterov+lr_outside', 'outside'], ['adam', null]])(
  'lr of %s sits %s',
  (id, place) => expect(lrPlace(generated.rules[id])).toBe(place),
);
