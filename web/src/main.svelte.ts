/** The lab's homes: a page of its own (lab, handout, report) and a notebook's cell; the same code and the same state. */
import { mount, unmount } from 'svelte';
import App from './app/App.svelte';
import { walkProgram } from './export/python';
import { become, home, known, lab, world } from './state/lab.svelte';
import { defaults } from './state/defaults';
import { CONTROLS, type Control, type LabState, type Lang } from './state/types';
import { read, write } from './state/url';
import { chapterOf } from './views/lesson/lessons';
import { enter } from './views/class/room.svelte';
import { common } from './words/common';
import { say } from './words/say.svelte';
import './styles/base.css';

/** What Python may put into the page's `nukarumi-data` element; everything else in it is ignored. */
interface Data {
  mode?: unknown;
  /** In a class: whose page it is. */
  role?: unknown;
  lang?: unknown;
  report?: unknown;
  hidden?: unknown;
  /** What is shown where the address says nothing: an address without its `#`. */
  state?: unknown;
}

/** The element that a notebook hands over (anywidget's model, as far as it is used). */
interface Model {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, call: () => void): void;
  off(event: string, call: () => void): void;
}

function modeOf(data: Data): (typeof home)['mode'] {
  return (['lab', 'handout', 'report', 'widget', 'class'] as const).find((mode) => mode === data.mode) ?? 'lab';
}

/** The state from which addresses count their differences. */
function base(data: Data): LabState {
  const preferred: Lang = typeof navigator !== 'undefined' && /^ja\b/i.test(navigator.language) ? 'ja' : 'en';
  const hide = Array.isArray(data.hidden) ? CONTROLS.filter((control) => (data.hidden as unknown[]).includes(control)) : [];
  const lang = data.lang === 'ja' || data.lang === 'en' ? data.lang : preferred;
  return { ...defaults(), lang, hide: hide as Control[] };
}

/** Reads an address into the state and says what of it was not understood. */
function follow(address: string, from: LabState): string[] {
  const { state, dropped } = read(address, known, from);
  // A handout in one language stays in it, whatever the address says.
  if (home.langs !== 'both') state.lang = from.lang;
  become(state);
  return dropped;
}

/** Calls back with the state's address a moment after the last change. */
function watched(from: LabState, tell: (address: string) => void): () => void {
  let wait: ReturnType<typeof setTimeout> | undefined;
  const stop = $effect.root(() => {
    let first = true;
    $effect(() => {
      const address = write(lab, known, from);
      if (first) {
        first = false;
        return;
      }
      clearTimeout(wait);
      wait = setTimeout(() => tell(address), 200);
    });
  });
  return () => {
    clearTimeout(wait);
    stop();
  };
}

/** Fills the page. The address's hash is the state: it is read now and when it changes, and written as the state changes. */
export function page(): void {
  let data: Data = {};
  try {
    const parsed: unknown = JSON.parse(document.getElementById('nukarumi-data')?.textContent || '{}');
    if (typeof parsed === 'object' && parsed !== null) data = parsed;
  } catch {
    // A page without data is a lab.
  }
  home.mode = modeOf(data);
  home.role = data.role === 'teacher' ? 'teacher' : 'learner';
  if (home.mode === 'class') enter();
  home.report = data.report ?? null;
  home.langs = data.lang === 'ja' || data.lang === 'en' ? data.lang : 'both';
  const from = base(data);
  const opening = location.hash || (typeof data.state === 'string' ? data.state : '');
  const props = $state({ dropped: follow(opening, from) });
  let written = location.hash;
  mount(App, { target: document.getElementById('nukarumi') as HTMLElement, props });
  let lesson = lab.lesson;
  // A learner's page shows what it is told; its address stays the one that was scanned.
  if (home.mode !== 'class' || home.role !== 'learner') watched(from, (address) => {
    written = `#${address}`;
    // Another chapter, or the lab, is another page to the reader: the browser's Back leads to the one before.
    const turned = lab.lesson !== lesson;
    lesson = lab.lesson;
    try {
      history[turned ? 'pushState' : 'replaceState'](null, '', address ? written : location.pathname + location.search);
    } catch {
      // Some browsers limit how often an address may change; the next change will tell it.
    }
  });
  addEventListener('hashchange', (event) => {
    // What was asked for: the address itself may have been written again since.
    const asked = new URL(event.newURL).hash;
    if (asked === written) return;
    written = asked;
    props.dropped = follow(asked, from);
    lesson = lab.lesson;
  });
  $effect.root(() => {
    $effect(() => {
      document.documentElement.lang = lab.lang;
      const chapter = chapterOf(lab.lesson);
      if (home.mode !== 'report') document.title = chapter ? `${chapter.number}. ${chapter.text[lab.lang].title} · nukarumi` : say(common).pageTitle;
      document.documentElement.style.colorScheme = lab.theme === 'auto' ? 'light dark' : lab.theme;
    });
  });
}

/** Fills a notebook's cell. `state` of the model is the same text as a page's address without its `#`. */
export function widget(model: Model, el: HTMLElement, css: string): () => void {
  const data: Data = { mode: 'widget', lang: model.get('lang'), hidden: model.get('hidden') };
  home.report = model.get('report') ?? null;
  home.mode = home.report === null ? 'widget' : 'report';
  home.langs = data.lang === 'ja' || data.lang === 'en' ? data.lang : 'both';
  const from = base(data);
  const shadow = el.shadowRoot ?? el.attachShadow({ mode: 'open' });
  const style = document.createElement('style');
  style.textContent = css;
  const target = document.createElement('div');
  shadow.replaceChildren(style, target);
  let written = String(model.get('state') ?? '');
  const props = $state({ dropped: follow(written, from) });
  const app = mount(App, { target, props });
  // The same page as plain HTML, for where no widget comes to life (nukarumi/lab/widget.py); here one did.
  document.getElementById(String(model.get('twin')))?.remove();
  const stop = watched(from, (address) => {
    written = address;
    model.set('state', address);
    model.save_changes();
  });
  const heard = (): void => {
    const told = String(model.get('state') ?? '');
    if (told !== written) props.dropped = follow((written = told), from);
  };
  model.on('change:state', heard);
  // The notebook's own shortcuts are not for keys that are pressed in here.
  const keep = (event: Event): void => event.stopPropagation();
  for (const name of ['keydown', 'keyup', 'keypress']) el.addEventListener(name, keep);
  return () => {
    stop();
    model.off('change:state', heard);
    for (const name of ['keydown', 'keyup', 'keypress']) el.removeEventListener(name, keep);
    void unmount(app);
  };
}

/** For tests: the Python program of the state that an address tells, and the places that the browser walks. */
export function program(address: string): { python: string; places: [number, number][][] } {
  follow(address, defaults());
  const places = world.walks.map((walk) => Array.from(walk.x, (x, k): [number, number] => [x, walk.y[k]]));
  return { python: walkProgram($state.snapshot(lab), world.typed), places };
}
