/** A chapter cut into screens for a projector: a heading opens a new one, and a picture with what was said before it ends one. */
import type { Block } from './types';

/** Numbers of the blocks on each screen; every block is on exactly one. */
export function screens(blocks: readonly Block[], teacher: boolean): number[][] {
  const made: number[][] = [];
  let open: number[] = [];
  const close = (): void => {
    if (open.length) made.push(open);
    open = [];
  };
  blocks.forEach((block, at) => {
    if (block.type === 'instructor' && !teacher) return;
    const own = block.type === 'predict' || block.type === 'instructor';
    if (block.type === 'heading' && open.some((each) => blocks[each].type !== 'heading')) close();
    if (own) close();
    open.push(at);
    if (own || block.type === 'picture' || block.type === 'table') close();
    // Three paragraphs are enough for a screen.
    else if (open.filter((each) => blocks[each].type !== 'heading').length >= 3) close();
  });
  close();
  return made;
}
