/**
 * The lessons as the front end gets them: the tree that `python -m nukarumi.lessons.build OUT.json` writes.
 *
 * Plain data. Every number in it was computed by the library when the file was built; nothing here is markup.
 */
import type { Lang } from '../../state/types';

export interface Lessons {
  /** The library's version. */
  version: string;
  /** In order; both languages hold the same pictures, formulas, pairs, questions, notes and sliders in the same order. */
  chapters: Chapter[];
  glossary: Term[];
}

export interface Chapter {
  /** "01-why-sgd-stumbles"; the address says `lesson=1`. */
  id: string;
  /** From 1. */
  number: number;
  text: Record<Lang, ChapterText>;
  quiz: Record<Lang, Question[]>;
}

export interface ChapterText {
  title: string;
  /** How long the chapter takes in a class. */
  minutes: number;
  /** The chapter's metaphor in one line. */
  metaphor: string;
  /** Numbers of the chapters that come before. */
  prerequisites: number[];
  blocks: Block[];
}

export type Block =
  | Heading
  | Paragraph
  | List
  | Table
  | Code
  | Formula
  | Picture
  | Pair
  | Instructor
  | Predict;

export interface Heading {
  type: 'heading';
  level: 2 | 3;
  content: Inline[];
}

export interface Paragraph {
  type: 'paragraph';
  content: Inline[];
}

export interface List {
  type: 'list';
  ordered: boolean;
  items: Block[][];
}

export interface Table {
  type: 'table';
  head: Inline[][];
  rows: Inline[][][];
}

export interface Code {
  type: 'code';
  /** "python", "text" and the like. */
  language: string;
  text: string;
}

/** Lines of a rule, from the rule's own source; several lines stand under one another. */
export interface Formula {
  type: 'formula';
  /** "adagrad", or with a mistake in it "adagrad!no_root". */
  rule: string;
  lines: FormulaLine[];
}

export interface FormulaLine {
  python: string;
  latex: string;
  /** The inside of a <math> element, as in `RuleLine` of engine/types.ts. */
  mathml: string;
}

export type View =
  | 'terrain'
  | 'ledger'
  | 'formula'
  | 'curves'
  | 'whatif'
  | 'dialects'
  | 'stepper'
  | 'race'
  | 'reviews';

/** A live picture. `terrain` is the map alone; the other lab views stand beside a map of the same state. */
export interface Picture {
  type: 'picture';
  /** Unique in the chapter, the same in both languages. */
  name: string;
  view: View;
  /**
   * The lab's state in the language of the address (state/url.ts), complete: terrain, start, steps, t and hikers are
   * always named. It is the "reset" of the picture. Empty for `race` and `reviews`.
   */
  state: string;
  caption: Inline[];
  /** For `stepper`: the learner's class and which of its lines does which line of the rule. */
  listing: Listing | null;
  /** For `race` and `reviews`: what was measured. */
  figure: Figure | null;
}

export interface Listing {
  source: string;
  /** `line` counts the source's lines from 1, `rule` the rule's lines from 0. */
  steps: { line: number; rule: number }[];
}

export interface Figure {
  kind: 'curves' | 'bars';
  title: string;
  x: string;
  y: string;
  /** For bars: one label for each value of every series; empty for curves. */
  labels: string[];
  series: { name: string; x: number[]; y: number[] }[];
  logX: boolean;
  logY: boolean;
  /** The command that measured it, and with which versions. */
  source: string;
}

/** The same thought twice; the toggle `words` of the state decides which is shown. */
export interface Pair {
  type: 'pair';
  metaphor: Block[];
  maths: Block[];
}

/** For the teacher; hidden from learners until switched on. */
export interface Instructor {
  type: 'instructor';
  blocks: Block[];
}

/** A question to be answered before the reveal; exactly one option is right, by computation. */
export interface Predict {
  type: 'predict';
  question: Inline[];
  options: { content: Inline[]; right: boolean }[];
  /** Shown after the answer was chosen. */
  reveal: Block[];
  /** The picture that shows it: its name in this chapter, before or after. After the answer it plays from 0 to the end. */
  picture: string;
}

export type Inline =
  | { type: 'text'; text: string }
  | { type: 'emphasis'; content: Inline[] }
  | { type: 'strong'; content: Inline[] }
  | { type: 'code'; text: string }
  /** Plain letters and signs to be set as mathematics: "lr · sign(g)". */
  | { type: 'maths'; text: string }
  | { type: 'formula'; rule: string; line: FormulaLine }
  | { type: 'link'; href: string; content: Inline[] }
  | { type: 'break' }
  | Claim
  | Slider;

/** Something proved: show `text`; the name may stand in a tooltip. */
export interface Claim {
  type: 'claim';
  name: string;
  text: string;
  value: number | string | boolean;
}

/** A number in the prose that can be dragged; it changes the state of one picture of this chapter. */
export interface Slider {
  type: 'slider';
  /** The picture's name. */
  picture: string;
  /**
   * What it sets: a hiker's setting ("lr", "momentum", "eps", ... of hiker `hiker`, counted from 0), or, with
   * `hiker` null, a part of the state: "noise", "rotation", "steps", "t", "seed", "start.x", "start.y".
   */
  target: string;
  hiker: number | null;
  /** Where it begins: the picture's own state. */
  value: number;
  min: number;
  max: number;
  scale: 'linear' | 'log' | 'whole';
}

export interface Term {
  id: string;
  en: string;
  ja: string;
  /** How the Japanese is read, in kana. */
  reading: string;
  /** One sentence each. */
  meaning: Record<Lang, string>;
}

export interface Question {
  /** The same in both languages: "03-fatigue/h-after-steps". */
  id: string;
  kind: 'choice' | 'number';
  prompt: Inline[];
  /** A state to look at (after answering, where `reveals`), or null. */
  state: string | null;
  /** For `choice`; empty for `number`. Exactly one is right. */
  options: Option[];
  /** For `number`. */
  answer: number | null;
  tolerance: number | null;
  /** Shown after the answer. */
  explanation: Inline[];
}

export interface Option {
  content: Inline[];
  right: boolean;
  /** What to say to whoever chose it; may be empty. */
  why: Inline[];
  /** A state in which this answer walks (a wrong formula beside the right one), or null. */
  walk: string | null;
}
