/** A learner's page: it follows, it says again what was not acknowledged, and it takes nothing that is no state. */
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { home, kept, lab } from '../../state/lab.svelte';
import { Link, type Wire } from './link';
import { answer, join, room } from './room.svelte';

class FakeWire implements Wire {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  sent: Record<string, unknown>[] = [];
  closed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Record<string, unknown>);
  }
  close(): void {
    this.closed = true;
  }
  says(message: unknown): void {
    this.onmessage?.({ data: typeof message === 'string' ? message : JSON.stringify(message) } as never);
  }
}

let wires: FakeWire[];
const open = (): Wire => {
  wires.push(new FakeWire());
  return wires.at(-1)!;
};
const question = (number: number, phase: string, tally: number[] | null = null): object => ({
  number, phase, tally, state: 'terrain=cliff&t=0', options: ['SGD', 'Adagrad', 'none'],
});
const told = (more: object): object => ({ type: 'class', id: 'room', follow: true, ended: false, question: null, ...more });

beforeEach(() => {
  vi.useFakeTimers();
  wires = [];
  home.mode = 'class';
  home.role = 'learner';
  Object.assign(room, { question: null, mine: null, id: '', refusal: null, follow: false });
});

function seated(): FakeWire {
  join('Kenji', open);
  const wire = wires.at(-1)!;
  wire.onopen?.(undefined as never);
  expect(wire.sent[0]).toMatchObject({ type: 'hello', name: 'Kenji' });
  wire.says({ type: 'welcome', id: 'room', name: 'Kenji', answer: null });
  return wire;
}

describe('a learner', () => {
  test('says an answer again after a break, until it is acknowledged', () => {
    const wire = seated();
    wire.says(told({ question: question(1, 'open') }));
    answer(1);
    const said = { type: 'answer', id: 'room', question: 1, choice: 1 };
    expect(wire.sent.at(-1)).toEqual(said);
    expect(room.mine?.kept).toBe(false);
    wire.onclose?.(undefined as never);
    expect(room.link).toBe('away');
    vi.advanceTimersByTime(10_000);
    const back = wires.at(-1)!;
    expect(back).not.toBe(wire);
    back.onopen?.(undefined as never);
    back.says({ type: 'welcome', id: 'room', name: 'Kenji', answer: null });
    expect(back.sent.at(-1)).toEqual(said);
    back.says({ type: 'kept', id: 'room', question: 1, choice: 1 });
    expect(room.mine?.kept).toBe(true);
  });

  test('does not carry an answer into another class', () => {
    const wire = seated();
    wire.says(told({ question: question(1, 'open') }));
    answer(0);
    wire.onclose?.(undefined as never);
    vi.advanceTimersByTime(10_000);
    wires.at(-1)!.onopen?.(undefined as never);
    wires.at(-1)!.says({ type: 'welcome', id: 'another', name: 'Kenji', answer: null });
    expect(wires.at(-1)!.sent.filter((message) => message.type === 'answer')).toEqual([]);
    expect(room.mine).toBeNull();
  });

  test('follows the instructor, in its own language and colours', () => {
    const wire = seated();
    Object.assign(lab, { lang: 'ja', theme: 'dark' });
    wire.says(told({}));
    wire.says({ type: 'state', state: 'lang=en&theme=light&terrain=cliff&steps=80&t=7' });
    expect(lab).toMatchObject({ terrain: 'cliff', steps: 80, t: 7, lang: 'ja', theme: 'dark', playing: false });
    expect(lab.lock).toContain('settings');
    wire.says({ type: 'state', state: 'terrain=<img src=x>&steps=1e9&t=3&hide=lang&formula=alert(1)' });
    expect(lab).toMatchObject({ terrain: 'bowl', steps: 60, t: 3, formula: null });
    wire.says(told({ follow: false }));
    expect(lab.lock).toEqual([]);
    wire.says({ type: 'state', state: 'terrain=beale' });
    expect(lab.terrain).toBe('bowl');
  });

  test('opens the instructor’s chapter, without the notes for the teacher', () => {
    const wire = seated();
    wire.says(told({}));
    wire.says({ type: 'state', state: 'lesson=3&teacher=1&present=1&both=1' });
    expect(lab).toMatchObject({ lesson: 3, teacher: false, present: false, both: false });
    expect(lab.hide).toContain('teacher');
    wire.says({ type: 'state', state: 'terrain=bowl' });
    expect(lab.lesson).toBe(0);
  });

  test('is not shown the way ahead while it is asked about it', () => {
    const wire = seated();
    wire.says(told({ follow: false, question: question(1, 'open') }));
    expect(lab.terrain).toBe('cliff');
    expect(kept.ahead).toBe(false);
    expect(lab.lock).toContain('playback');
    wire.says(told({ follow: false, question: question(1, 'revealed', [1, 0, 0]) }));
    expect(kept.ahead).toBe(true);
    expect(lab.lock).toEqual([]);
  });

  test('hears nonsense without harm', () => {
    const wire = seated();
    for (const nonsense of ['', 'null', '[', '5', '{}', '{"type":5}', '{"type":"unheard of"}']) wire.says(nonsense);
    expect(room.link).toBe('in');
  });

  test('does not come again after a refusal that will not change', () => {
    const wire = seated();
    wire.says({ type: 'refused', why: 'full', about: {} });
    expect(wire.closed).toBe(true);
    expect(room.link).toBe('out');
    vi.advanceTimersByTime(60_000);
    expect(wires).toHaveLength(1);
  });
});

test('a link waits longer from failure to failure, and never longer than its patience', () => {
  const at: number[] = [];
  const link = new Link({
    greeting: () => ({}), hear: () => undefined, lost: () => undefined, patience: 1000,
    open: () => {
      at.push(Date.now());
      return open();
    },
  });
  for (let k = 0; k < 8; k++) {
    wires.at(-1)!.onclose?.(undefined as never);
    vi.advanceTimersByTime(1500);
  }
  expect(at.length).toBe(9);
  link.end();
  vi.advanceTimersByTime(60_000);
  expect(at.length).toBe(9);
});
