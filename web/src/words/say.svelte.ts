/** Says an area's words in the present language and wording: `say(common).play`; follows both switches live. */
import { lab } from '../state/lab.svelte';
import { saidIn } from './said';
import type { Area, Said } from './type';

export { saidIn } from './said';

export function say<E>(area: Area<E>): Said<E> {
  return saidIn(area, lab.lang, lab.words);
}
