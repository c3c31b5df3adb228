/** The class as this page knows it: what the server has said, and what this page has to say until it is acknowledged. */
import { become, goTo, home, kept, known, lab } from '../../state/lab.svelte';
import type { Control } from '../../state/types';
import { read, write } from '../../state/url';
import { namesOf } from '../names';
import { Link, type Wire } from './link';

export interface Question {
  number: number;
  state: string;
  options: string[];
  phase: 'open' | 'closed' | 'revealed';
  /** How often each option was chosen; null for learners until it is revealed. */
  tally: number[] | null;
}

export const room = $state({
  /** `out`: not in the class; `away`: the connection is broken and being mended. */
  link: 'out' as 'out' | 'opening' | 'in' | 'away',
  /** Why the server has refused something, in its word. */
  refusal: null as string | null,
  name: '',
  id: '',
  follow: false,
  ended: false,
  question: null as Question | null,
  /** This learner's answer, and whether the server has it on its disk. */
  mine: null as { id: string; question: number; choice: number; kept: boolean } | null,
  here: 0,
  names: [] as string[],
  joins: [] as { url: string; qr: string[] }[],
});

const NONE = 'none';
/** While a page follows or its reader is asked, these are not the reader's to change. */
const HIDDEN: Control[] = ['scenes', 'formula', 'rotation', 'noise', 'steps', 'tabs', 'export', 'teacher'];
const LOCKED: Control[] = ['terrain', 'start', 'map', 'playback', 'hikers', 'settings', 'chapters'];

let link: Link | null = null;
let followed = '';

/** Memory of this browser; where it is forbidden, a page that is loaded again begins anew. */
function remember(name: string, value?: string): string {
  try {
    const memory = home.role === 'teacher' ? sessionStorage : localStorage;
    if (value !== undefined) memory.setItem(`nukarumi.class.${name}`, value);
    return value ?? memory.getItem(`nukarumi.class.${name}`) ?? '';
  } catch {
    return value ?? '';
  }
}

/** Takes the token out of the instructor's address, and the learner's seat out of the memory; call it before the address is read. */
export function enter(): void {
  if (home.role === 'teacher') {
    const parts = location.hash.replace(/^#/, '').split('&');
    const token = parts.find((part) => part.startsWith('token='));
    if (token) {
      remember('token', token.slice('token='.length));
      const rest = parts.filter((part) => part !== token).join('&');
      // Nobody shall read it over the instructor's shoulder, or share it with the address.
      history.replaceState(null, '', rest ? `#${rest}` : location.pathname + location.search);
    }
    teach(remember('token'));
    return;
  }
  room.name = remember('name');
  try {
    const kept: unknown = JSON.parse(remember('answer') || 'null');
    if (typeof kept === 'object' && kept !== null) room.mine = kept as typeof room.mine;
  } catch {
    room.mine = null;
  }
  if (room.name && /^[0-9a-f]{32}$/.test(remember('secret'))) join(room.name);
}

/** Opens the instructor's connection. */
export function teach(token: string, open?: () => Wire): void {
  start(() => ({ type: 'teach', token }), open);
}

/** Joins the class, or comes back to it. */
export function join(name: string, open?: () => Wire): void {
  let secret = remember('secret');
  if (!/^[0-9a-f]{32}$/.test(secret)) {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    secret = remember('secret', Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(''));
  }
  room.name = remember('name', name);
  start(() => ({ type: 'hello', secret, name }), open);
}

function start(greeting: () => object, open?: () => Wire): void {
  link?.end();
  room.refusal = null;
  room.link = 'opening';
  link = new Link({ greeting, hear, lost: () => (room.link = 'away'), open });
}

/** Answers the question that is open, or changes the answer. */
export function answer(choice: number): void {
  const { question, id } = room;
  if (!question || question.phase !== 'open' || room.ended) return;
  room.refusal = null;
  keep({ id, question: question.number, choice, kept: false });
  sendAnswer();
}

function keep(mine: typeof room.mine): void {
  room.mine = mine;
  remember('answer', JSON.stringify(mine));
}

function sendAnswer(): void {
  const mine = room.mine;
  if (mine && !mine.kept && mine.id === room.id) {
    link?.say({ type: 'answer', id: mine.id, question: mine.question, choice: mine.choice });
  }
}

function hear(message: Record<string, unknown>): void {
  switch (message.type) {
    case 'welcome': {
      room.link = 'in';
      room.refusal = null;
      if (home.role === 'teacher') {
        tell();
        break;
      }
      room.id = String(message.id);
      room.name = remember('name', String(message.name));
      const said = message.answer as { question: number; choice: number } | null;
      const mine = room.mine;
      // What was not acknowledged is said again; the server keeps it once, however often it hears it.
      if (mine && mine.id === room.id && !mine.kept) sendAnswer();
      else keep(said ? { id: room.id, ...said, kept: true } : null);
      break;
    }
    case 'kept':
      if (room.mine?.question === message.question && room.mine?.choice === message.choice) keep({ ...room.mine!, kept: true });
      break;
    case 'class':
    case 'desk':
      Object.assign(room, { id: message.id, follow: message.follow, ended: message.ended });
      hearQuestion(message.question as Question | null);
      if (message.type === 'desk') Object.assign(room, { here: message.here, names: message.names, joins: message.joins });
      else bind();
      break;
    case 'state':
      followed = String(message.state);
      if (room.follow) show(followed);
      break;
    case 'csv':
      save(String(message.text));
      break;
    case 'refused':
      refused(String(message.why));
      break;
  }
}

function hearQuestion(next: Question | null): void {
  const fresh = next !== null && next.number !== room.question?.number;
  room.question = next;
  // The map and the tabs must not answer what the class is asked.
  kept.ahead = next?.phase !== 'open';
  // Whoever does not follow still has to see the walk that the question is about.
  if (fresh && home.role === 'learner' && next.phase === 'open' && !room.follow) show(next.state);
}

function refused(why: string): void {
  room.refusal = why;
  if ((why === 'closed' || why === 'option') && room.mine && !room.mine.kept) keep(null);
  if (why === 'unsaved') setTimeout(sendAnswer, 2000);
  // These do not become better by trying again.
  if (['token', 'name', 'full', 'unknown'].includes(why) || (why === 'ended' && room.link !== 'in')) {
    link?.end();
    link = null;
    room.link = 'out';
  }
}

/** Hides and locks what a learner cannot decide while following or asked; gives it back afterwards. */
function bind(): void {
  const bound = room.follow || room.question?.phase === 'open';
  lab.hide = bound ? [...HIDDEN] : ['teacher'];
  lab.lock = bound ? [...LOCKED] : [];
  if (room.follow && followed) show(followed);
}

/** Shows a state that was told, as far as this page understands it; language, wording and colours stay the reader's own. */
function show(address: string): void {
  const { state } = read(address, known);
  const { lang, words, theme, both, present, hide, lock } = lab;
  // The notes for the teacher stay on the teacher's page.
  const next = { ...state, lang, words, theme, both, present, teacher: false, hide: [...hide], lock: [...lock], playing: false };
  const same = (Object.keys(next) as (keyof typeof next)[]).every(
    (key) => key === 't' || JSON.stringify(next[key]) === JSON.stringify(lab[key]),
  );
  // Only the step has changed while a walk plays: nobody has to walk anew.
  if (same) goTo(next.t);
  else become(next);
}

// --- The instructor -------------------------------------------------------------------------------------------------

let told = '';
let wait: ReturnType<typeof setTimeout> | undefined;

/** The state that the class follows. */
export const address = (): string => write({ ...lab, teacher: false, hide: [], lock: [] }, known);

/** Tells the class the present state: at once, and then at most ten times a second. */
export function tellSoon(next: string): void {
  if (next === told || wait !== undefined) return;
  told = next;
  link?.say({ type: 'state', state: next });
  wait = setTimeout(() => {
    wait = undefined;
    tellSoon(address());
  }, 100);
}

function tell(): void {
  told = '';
  tellSoon(address());
}

/** Asks which hiker arrives first, from the beginning of the present walk. */
export function ask(): void {
  // The question is about the lab's walk, so everybody looks at the lab.
  Object.assign(lab, { playing: false, lesson: 0 });
  goTo(0);
  kept.ahead = false;
  const options = namesOf(lab.hikers, lab.lang, lab.words).map((name) => name.slice(0, 80));
  link?.say({ type: 'ask', state: address(), options: [...options, NONE] });
}

/** Shows how the answers fell, and plays the walk that was asked about. */
export function reveal(): void {
  link?.say({ type: 'reveal' });
  if (room.question) {
    const { state } = read(room.question.state, known);
    const { lang, words, theme, both, present, teacher, hide, lock } = lab;
    become({ ...state, lang, words, theme, both, present, teacher, hide: [...hide], lock: [...lock], t: 0, playing: true });
  }
}

export const close = (): void => link?.say({ type: 'close' });
export const follow = (on: boolean): void => link?.say({ type: 'follow', on });
export const end = (): void => link?.say({ type: 'end' });
export const table = (): void => link?.say({ type: 'csv' });

function save(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const anchor = Object.assign(document.createElement('a'), { href: url, download: 'nukarumi-class.csv' });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** An option as it is shown: the last one is that nobody arrives. */
export function optionName(at: number, options: readonly string[], none: string): string {
  return at === options.length - 1 ? none : options[at];
}
