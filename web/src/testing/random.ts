/** Dice for the tests: the same seed throws the same numbers. */

export interface Random {
  /** From 0 to 1, 1 left out. */
  real(): number;
  /** From low to high, both included. */
  whole(low: number, high: number): number;
  chance(share: number): boolean;
  one<T>(things: readonly T[]): T;
  /** So many characters of all sorts. */
  text(length: number): string;
}

export function random(seed: number): Random {
  let state = seed >>> 0;
  const real = (): number => {
    // A Weyl sequence through a mixing function.
    state = (state + 0x9e3779b9) >>> 0;
    let word = Math.imul(state ^ (state >>> 16), 0x7feb352d);
    word = Math.imul(word ^ (word >>> 15), 0x846ca68b);
    return ((word ^ (word >>> 16)) >>> 0) / 4294967296;
  };
  const whole = (low: number, high: number): number => low + Math.floor(real() * (high - low + 1));
  return {
    real,
    whole,
    chance: (share) => real() < share,
    one: (things) => things[whole(0, things.length - 1)],
    text: (length) =>
      Array.from({ length }, () => {
        const from = real();
        if (from < 0.5) return 'xy0123456789.+-*/^()e '[whole(0, 21)];
        return String.fromCodePoint(from < 0.9 ? whole(32, 126) : whole(0xa0, 0xd7ff));
      }).join(''),
  };
}
