/** What a hiker is called, the same in every view: optimizer, dialect, mistake; and a number where two are alike. */
import type { Dialect, Hiker } from '../engine/types';
import type { Lang, Wording } from '../state/types';
import { mistake } from './whatif/outcomes';

export const LIBRARIES: Record<Dialect, string> = { book: 'book', torch: 'PyTorch', keras: 'Keras', optax: 'optax' };

export function nameOf(hiker: Hiker, lang: Lang, wording: Wording): string {
  const dialect = hiker.dialect === 'book' ? '' : ` ${LIBRARIES[hiker.dialect]}`;
  const wrong = hiker.whatif === null ? '' : ` ✗ ${mistake(hiker.whatif, lang, wording).name}`;
  return hiker.optimizer + dialect + wrong;
}

/** The names of all hikers, told apart. */
export function namesOf(hikers: readonly Hiker[], lang: Lang, wording: Wording): string[] {
  const names = hikers.map((hiker) => nameOf(hiker, lang, wording));
  return names.map((name, at) => {
    if (names.indexOf(name) === names.lastIndexOf(name)) return name;
    return `${name} ${names.slice(0, at + 1).filter((other) => other === name).length}`;
  });
}
