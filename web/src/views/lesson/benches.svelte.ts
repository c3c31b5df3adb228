/** Every picture of a chapter has a bench of its own, and what is around it in the text finds that bench by the picture's name. */
import { getContext, setContext } from 'svelte';
import { bench, known, page, type Bench } from '../../state/lab.svelte';
import { defaults } from '../../state/defaults';
import type { LabState } from '../../state/types';
import { read } from '../../state/url';
import type { Block, ChapterText, Picture } from './types';

/** A lesson's state, with the reader's language, wording and colours. */
export function stateOf(address: string): LabState {
  const { lang, words, theme } = page.lab;
  return { ...read(address, known, { ...defaults(), speed: 10 }).state, lang, words, theme };
}

export interface Place {
  picture: Picture;
  bench: Bench;
  /** Whether it waits behind a question that was not answered yet. */
  veiled: boolean;
  /** Set by the picture: brings it into sight and plays it from the start. */
  play: (() => void) | null;
}

export interface Places {
  of(name: string): Place | undefined;
  all: Place[];
}

/** All blocks, the ones inside others too. */
export function* within(blocks: readonly Block[]): Generator<Block> {
  for (const block of blocks) {
    yield block;
    if (block.type === 'pair') yield* within([...block.metaphor, ...block.maths]);
    else if (block.type === 'instructor') yield* within(block.blocks);
    else if (block.type === 'predict') yield* within(block.reveal);
    else if (block.type === 'list') for (const item of block.items) yield* within(item);
  }
}

/** A bench that follows the reader's switches. Call it while a component is made. */
export function follower(address: string): Bench {
  const own = bench(stateOf(address), { embedded: true });
  $effect.pre(() => {
    const { lang, words, theme } = page.lab;
    Object.assign(own.lab, { lang, words, theme });
  });
  return own;
}

const KEY = Symbol('places');

export function places(): Places {
  return getContext<Places>(KEY);
}

/** These show a whole walk at once: they would answer a question about it even at the first step. */
const TELLING: readonly string[] = ['whatif', 'dialects', 'curves'];

/** The pictures of a chapter; those that answer a question are veiled until an answer is given. */
export function makePlaces(text: ChapterText): Places {
  const all: Place[] = [];
  const blocks = [...within(text.blocks)];
  const asked = new Set(blocks.filter((block) => block.type === 'predict').map((block) => block.picture));
  const before = new Set<string>();
  for (const block of blocks) {
    if (block.type === 'predict') before.add(block.picture);
    if (block.type !== 'picture') continue;
    const place: Place = $state({ picture: block, bench: null as unknown as Bench, veiled: before.has(block.name) || (asked.has(block.name) && TELLING.includes(block.view)), play: null });
    all.push(place);
  }
  for (const place of all) {
    place.bench = follower(place.picture.state);
    // A picture that is asked about keeps the way ahead to itself until the answer is given.
    place.bench.kept.ahead = !asked.has(place.picture.name);
  }
  const made = { all, of: (name: string) => all.find((each) => each.picture.name === name) };
  setContext(KEY, made);
  return made;
}
