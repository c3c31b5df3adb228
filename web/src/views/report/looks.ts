/** Colour and dash of each optimizer of a race: the hikers' first, then more, so that any number can be told apart. */
import { LOOKS, look } from '../../ui/tokens';

export interface RaceLook {
  colour: string;
  dash: string;
}

const MORE: readonly RaceLook[] = [
  { colour: 'light-dark(#7b4fb0, #b795e4)', dash: '3 3' },
  { colour: 'light-dark(#5b5148, #cdbfae)', dash: '16 5' },
];

/** The look of the optimizer that entered at this place. */
export function raceLook(place: number): RaceLook {
  const all = LOOKS.length + MORE.length;
  const at = place % all;
  if (at >= LOOKS.length) return MORE[at - LOOKS.length];
  return { colour: `var(--hiker-${at}, ${look(at).colour})`, dash: look(at).dash };
}
