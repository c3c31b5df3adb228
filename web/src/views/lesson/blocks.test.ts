// @vitest-environment jsdom
/** Every chapter is rendered whole, in both languages and both wordings: nothing of its text is lost on the way to the page. */
import { flushSync, mount, unmount } from 'svelte';
import { afterEach, expect, test } from 'vitest';
import { lab } from '../../state/lab.svelte';
import { LANGS, WORDINGS } from '../../state/types';
import Chapter from './Chapter.svelte';
import { lessons } from './lessons';
import type { Block, Inline } from './types';

/** A page on which nothing is ever scrolled into sight: the pictures' places are made, the pictures are not. */
class Unseen {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}
Object.assign(globalThis, { IntersectionObserver: Unseen, ResizeObserver: Unseen });

const cases = lessons.chapters.flatMap((chapter) => LANGS.flatMap((lang) => WORDINGS.map((words) => ({ chapter, lang, words, name: chapter.id }))));

const said = (content: readonly Inline[]): string[] =>
  content.flatMap((item) => ('content' in item ? said(item.content) : item.type === 'text' || item.type === 'code' || item.type === 'claim' ? [item.text] : []));

/** All plain words of a chapter that a reader with these switches sees. */
function texts(blocks: readonly Block[], words: 'metaphor' | 'maths'): string[] {
  return blocks.flatMap((block): string[] => {
    switch (block.type) {
      case 'heading':
      case 'paragraph':
        return said(block.content);
      case 'list':
        return block.items.flatMap((item) => texts(item, words));
      case 'table':
        return [...block.head, ...block.rows.flat()].flatMap(said);
      case 'code':
        return [block.text];
      case 'formula':
        return block.lines.map(({ python }) => python);
      case 'picture':
        return said(block.caption);
      case 'pair':
        return texts(block[words], words);
      case 'instructor':
        return texts(block.blocks, words);
      case 'predict':
        return [...said(block.question), ...block.options.flatMap(({ content }) => said(content))];
    }
  });
}

const plain = (text: string): string => text.replace(/\s+/g, '');
let page: ReturnType<typeof mount> | undefined;
afterEach(() => {
  if (page) void unmount(page);
  document.body.replaceChildren();
});

test.each(cases)('$name $lang $words', ({ chapter, lang, words }) => {
  Object.assign(lab, { lang, words, lesson: chapter.number, teacher: true });
  page = mount(Chapter, { target: document.body, props: { chapter } });
  flushSync();
  const shown = plain(document.body.textContent ?? '');
  for (const text of texts(chapter.text[lang].blocks, words)) expect(shown).toContain(plain(text));
  expect(document.querySelectorAll('figure').length).toBe(chapter.text[lang].blocks.filter(({ type }) => type === 'picture').length);
  const ids = [...document.querySelectorAll('[id]')].map(({ id }) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const cell of document.querySelectorAll('.cell')) expect(cell.getAttribute('lang')).toBe(lang);

  // The teacher's notes are only for the teacher.
  lab.teacher = false;
  flushSync();
  expect(document.querySelector('.note')).toBeNull();

  // Beside one another, each in its own language.
  lab.both = true;
  flushSync();
  expect(new Set([...document.querySelectorAll('.cell')].map((cell) => cell.getAttribute('lang')))).toEqual(new Set(LANGS));
  lab.both = false;
});
