/** A chapter cut into screens for a projector: a heading opens a new one, and a picture with what was said before it ends one. */
import type { Block, Inline } from './types';

/** Whether a paragraph's numbers move a picture: it belongs on the screen that the picture is on. */
function moves(block: Block | undefined, picture: string): boolean {
  const within = (content: readonly Inline[]): boolean =>
    content.some((item) => (item.type === 'slider' ? item.picture === picture : 'content' in item && within(item.content)));
  return block?.type === 'paragraph' && within(block.content);
}

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
    const before = blocks[at - 1];
    if (block.type === 'picture' && moves(blocks[at + 1], block.name)) return;
    if (own || block.type === 'picture' || block.type === 'table' || (before?.type === 'picture' && moves(block, before.name))) close();
    // Three paragraphs are enough for a screen.
    else if (open.filter((each) => blocks[each].type !== 'heading').length >= 3) close();
  });
  close();
  return made;
}
