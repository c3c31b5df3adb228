/** Words come in pairs: what English says, Japanese must say too, or the build fails. */

/** One thought in the lesson's picture (hikers, mud) and in the field's terms. */
export interface Pair {
  metaphor: string;
  maths: string;
}

type Sentence = (...values: never[]) => string;
export type Leaf = string | Pair | Sentence;
export interface Entries {
  [name: string]: Leaf | readonly string[] | Entries;
}

/** The same names with text of their own: a missing or an extra one is a type error. */
export type Translated<E> = {
  [K in keyof E]: E[K] extends string
    ? string
    : E[K] extends (...values: infer V) => string
      ? (...values: V) => string
      : E[K] extends readonly string[]
        ? readonly string[]
        : E[K] extends Pair
          ? Pair
          : Translated<E[K]>;
};

/** An area's words in both languages. */
export interface Area<E> {
  en: E;
  ja: Translated<E>;
}

/** Declares an area: `both({ en: {...}, ja: {...} })`. */
export function both<const E extends Entries>(area: { en: E; ja: NoInfer<Translated<E>> }): Area<E> {
  return area;
}

/** An area in one language, every pair reduced to the wording that is switched on. */
export type Said<E> = {
  [K in keyof E]: E[K] extends string | Pair
    ? string
    : E[K] extends { metaphor: infer M extends Leaf | Entries; maths: unknown }
      ? Said<{ only: M }>['only']
      : E[K] extends (...values: infer V) => string
        ? (...values: V) => string
        : E[K] extends readonly string[]
          ? readonly string[]
          : Said<E[K]>;
};
