/** Says an area's words in the present language and wording: `say(common).play`; follows both switches live. */
import { lab } from '../state/lab.svelte';
import type { Lang, Wording } from '../state/types';
import type { Area, Pair, Said } from './type';

const known = new WeakMap<object, Map<string, unknown>>();

/** The same for a language and a wording that are told; what tests and exports use. */
export function saidIn<E>(area: Area<E>, lang: Lang, wording: Wording): Said<E> {
  let versions = known.get(area);
  if (!versions) known.set(area, (versions = new Map()));
  const key = `${lang} ${wording}`;
  if (!versions.has(key)) versions.set(key, reduced(area[lang], wording));
  return versions.get(key) as Said<E>;
}

export function say<E>(area: Area<E>): Said<E> {
  return saidIn(area, lab.lang, lab.words);
}

function reduced(value: unknown, wording: Wording): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.keys(value).sort().join() === 'maths,metaphor') return (value as Pair)[wording];
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reduced(inner, wording)]));
}
