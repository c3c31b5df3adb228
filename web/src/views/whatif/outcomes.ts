/** An outcome in words. */
import type { Lang, Wording } from '../../state/types';
import { saidIn } from '../../words/say.svelte';
import { whatif } from '../../words/whatif';
import { number } from '../number';
import type { Outcome } from './outcome';

export function told(found: Outcome, name: string, lang: Lang, wording: Wording): string {
  const say = saidIn(whatif, lang, wording).outcomes;
  switch (found.kind) {
    case 'arrives':
      return say.arrives(name, String(found.t), `(${found.minimum.map((at) => number(at, 3)).join(', ')})`);
    case 'stops':
      return say.stops(name, String(found.t), number(found.loss, 3));
    case 'flies':
      return say.flies(name, String(found.t));
    case 'bounces':
      return say.bounces(name, number(found.stride, 2));
    case 'walking':
      return say.walking(name, number(found.loss, 3));
    case 'zeroByZero':
    case 'divisionByZero':
    case 'rootOfNegative':
    case 'nan':
    case 'infinite':
      return say[found.kind](name, String(found.t), found.axis);
  }
}

/** What a mutation is called, and why it goes wrong. */
export function mistake(id: string, lang: Lang, wording: Wording): { name: string; reason: string } {
  const { mutations, reasons } = saidIn(whatif, lang, wording);
  const names = mutations as Record<string, unknown>;
  const why = reasons as Record<string, string>;
  return {
    name: id !== 'other' && typeof names[id] === 'string' ? names[id] : mutations.other(id),
    reason: why[id] ?? reasons.other,
  };
}
