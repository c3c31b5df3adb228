/** An area's words in a language and a wording; the live form, which follows the lab's switches, is say.svelte.ts. */
import type { Lang, Wording } from '../state/types';
import type { Area, Pair, Said } from './type';

const known = new WeakMap<object, Map<string, unknown>>();

export function saidIn<E>(area: Area<E>, lang: Lang, wording: Wording): Said<E> {
  let versions = known.get(area);
  if (!versions) known.set(area, (versions = new Map()));
  const key = `${lang} ${wording}`;
  if (!versions.has(key)) versions.set(key, reduced(area[lang], wording));
  return versions.get(key) as Said<E>;
}

function reduced(value: unknown, wording: Wording): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.keys(value).sort().join() === 'maths,metaphor') return (value as Pair)[wording];
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, reduced(inner, wording)]));
}
