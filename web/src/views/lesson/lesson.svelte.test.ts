/** The lessons' pure parts: every state and block of every chapter, numbers in prose, letters, screens. */
import { describe, expect, test } from 'vitest';
import { bench, known } from '../../state/lab.svelte';
import { defaults } from '../../state/defaults';
import { LANGS, MOST } from '../../state/types';
import { read } from '../../state/url';
import { stateOf, within } from './benches.svelte';
import { dragged, held, keyed, setValue, typed, valueOf } from './bind';
import { chapterOf, lessons } from './lessons';
import { mathml } from './maths';
import { screens } from './screens';
import type { Block, Inline, Slider } from './types';

const chapters = lessons.chapters.flatMap((chapter) => LANGS.map((lang) => ({ chapter, lang, name: `${chapter.id} ${lang}`, text: chapter.text[lang] })));

function* prose(content: readonly Inline[]): Generator<Inline> {
  for (const item of content) {
    yield item;
    if ('content' in item) yield* prose(item.content);
  }
}

function* spoken(blocks: readonly Block[]): Generator<Inline> {
  for (const block of within(blocks)) {
    if (block.type === 'heading' || block.type === 'paragraph') yield* prose(block.content);
    else if (block.type === 'picture') yield* prose(block.caption);
    else if (block.type === 'table') for (const cell of [...block.head, ...block.rows.flat()]) yield* prose(cell);
    else if (block.type === 'predict') {
      yield* prose(block.question);
      for (const option of block.options) yield* prose(option.content);
    }
  }
}

test('the address reaches every chapter and no other', () => {
  expect(lessons.chapters.map(({ number }) => number)).toEqual(Array.from({ length: MOST.lesson }, (_, k) => k + 1));
  expect(chapterOf(0)).toBeUndefined();
  expect(chapterOf(MOST.lesson)?.number).toBe(MOST.lesson);
  expect(read('lesson=3&teacher=1&both=1&present=1&screen=2', known)).toMatchObject({ dropped: [], state: { lesson: 3, teacher: true, both: true, present: true, screen: 2 } });
  expect(read(`lesson=${MOST.lesson + 1}&teacher=yes&screen=-1`, known).dropped).toEqual(['lesson', 'teacher', 'screen']);
});

describe.each(chapters)('$name', ({ chapter, lang, text }) => {
  const blocks = [...within(text.blocks)];
  const pictures = blocks.filter((block) => block.type === 'picture');

  test('states are understood to the last word, and are walked', () => {
    const quiz = chapter.quiz[lang].flatMap(({ state, options }) => [state, ...options.map(({ walk }) => walk)]).filter((state) => state !== null);
    for (const address of [...pictures.map(({ state }) => state).filter(Boolean), ...quiz]) {
      expect(read(address, known).dropped, address).toEqual([]);
      const own = bench(stateOf(address), { embedded: true });
      expect(own.world.walks.length).toBe(own.lab.hikers.length);
      for (const walk of own.world.walks) expect(walk.n).toBeGreaterThan(0);
    }
  });

  test('every number in the prose begins where its picture is and moves it', () => {
    for (const item of spoken(text.blocks)) {
      if (item.type !== 'slider') continue;
      const picture = pictures.find(({ name }) => name === item.picture);
      expect(picture, item.picture).toBeDefined();
      const own = bench(stateOf(picture!.state), { embedded: true });
      expect(valueOf(item, own)).toBe(item.value);
      for (const wanted of [item.min, item.max]) {
        expect(setValue(item, own, wanted), item.target).toBe(true);
        expect(valueOf(item, own)).toBe(wanted);
      }
      const drawn = (): string => JSON.stringify([own.lab.t, [...own.world.chosenWalk.x], [...own.world.chosenWalk.y]]);
      const before = drawn();
      setValue(item, own, item.min);
      if (item.hiker === null || item.hiker === own.lab.chosen) expect(drawn(), `${item.picture} ${item.target}`).not.toBe(before);
    }
  });

  test('headings are in order, predictions lead to a picture, and exactly one answer is right', () => {
    let level = 1;
    for (const block of text.blocks) {
      if (block.type !== 'heading') continue;
      expect(block.level).toBeLessThanOrEqual(level + 1);
      level = block.level;
    }
    for (const block of blocks) {
      if (block.type !== 'predict') continue;
      expect(pictures.map(({ name }) => name)).toContain(block.picture);
      expect(block.options.filter(({ right }) => right).length).toBe(1);
    }
    for (const { kind, options, answer, tolerance } of chapter.quiz[lang]) {
      if (kind === 'choice') expect(options.filter(({ right }) => right).length).toBe(1);
      else expect([answer, tolerance].every((value) => value !== null && Number.isFinite(value))).toBe(true);
    }
  });

  test('each block is on exactly one screen, the teacher’s only where wanted', () => {
    for (const teacher of [false, true]) {
      const cut = screens(text.blocks, teacher);
      const wanted = text.blocks.flatMap(({ type }, at) => (type === 'instructor' && !teacher ? [] : [at]));
      expect(cut.flat()).toEqual(wanted);
      for (const one of cut) expect(one.length).toBeGreaterThan(0);
    }
  });

  test('letters become mathematics', () => {
    for (const item of spoken(text.blocks)) {
      if (item.type !== 'maths') continue;
      const made = mathml(item.text);
      expect(made).not.toMatch(/[_^√⁰¹²³]/);
      expect(made.match(/<m/g)?.length).toBe(made.match(/<\/m/g)?.length);
    }
  });
});

test('both languages have the same blocks in the same order', () => {
  for (const { text } of lessons.chapters) {
    expect(text.ja.blocks.map(({ type }) => type)).toEqual(text.en.blocks.map(({ type }) => type));
  }
});

test.each([
  ['lr · |g|', '<mi mathvariant="normal">lr</mi><mo>·</mo><mo>|</mo><mi>g</mi><mo>|</mo>'],
  ['g_1²', '<msubsup><mi>g</mi><mn>1</mn><mn>2</mn></msubsup>'],
  ['√h_0', '<msqrt><msub><mi>h</mi><mn>0</mn></msub></msqrt>'],
  ['(1 − ρ) ρ^k', '<mo>(</mo><mn>1</mn><mo>−</mo><mi>ρ</mi><mo>)</mo><msup><mi>ρ</mi><mi>k</mi></msup>'],
  ['a < b', '<mi>a</mi><mo>&lt;</mo><mi>b</mi>'],
])('%s in mathematics', (text, made) => expect(mathml(text)).toBe(made));

describe('a number in the prose', () => {
  const slider = (part: Partial<Slider>): Slider => ({ type: 'slider', picture: 'p', target: 'lr', hiker: 0, value: 1, min: 0.01, max: 10, scale: 'log', ...part });

  test('is held within its bounds, and whole where it must be', () => {
    expect(held(99, slider({}))).toBe(10);
    expect(held(2.6, slider({ scale: 'whole' }))).toBe(3);
    expect(held(1 / 3, slider({}))).toBe(0.3333);
  });

  test('follows hand and keys, more to the right and upwards, to the ends', () => {
    for (const scale of ['log', 'linear', 'whole'] as const) {
      const range = slider({ scale, min: 1, max: 100 });
      expect(dragged(10, 30, range)).toBeGreaterThan(10);
      expect(dragged(10, -30, range)).toBeLessThan(10);
      expect(dragged(10, 1000, range)).toBe(100);
      expect(keyed(10, 1, range)).toBeGreaterThan(10);
      expect(keyed(10, -1, range)).toBeLessThan(10);
      expect(keyed(10, -100, range)).toBe(1);
    }
  });

  test('is read as people write it', () => {
    expect([' 0,5 ', '−3', '1e-7', '.5'].map(typed)).toEqual([0.5, -3, 1e-7, 0.5]);
    expect(['', 'a', '1..2', '0x10', 'NaN'].map(typed)).toEqual([null, null, null, null, null]);
  });

  test('that nobody knows changes nothing', () => {
    const own = bench(defaults());
    const before = JSON.stringify(own.lab);
    expect(setValue(slider({ target: 'colour', hiker: null }), own, 1)).toBe(false);
    expect(setValue(slider({ hiker: 7 }), own, 1)).toBe(false);
    expect(setValue(slider({}), own, NaN)).toBe(false);
    expect(JSON.stringify(own.lab)).toBe(before);
    expect(valueOf(slider({ target: 'colour', hiker: null }), own)).toBeNaN();
  });
});

test('benches are independent of one another', () => {
  const [one, other] = [bench(defaults()), bench(defaults())];
  one.setStart(1, 1);
  one.lab.hikers[0].settings.lr = 0.01;
  one.goTo(3);
  expect(other.lab).toEqual(defaults());
  expect(one.world.walks[0].x[0]).toBe(1);
  expect(other.world.walks[0].x[0]).toBe(-7);
});
