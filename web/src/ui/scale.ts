/** Where a setting's value sits on its slider, 0 to 1, and back: logarithmic, as a share with room near 1, or even. */

export type Scale = 'log' | 'share' | 'linear';

/** Shares that the slider stops at: their powers are Python's to the bit (lab/generate.py). Others can be typed. */
export const SHARES: readonly number[] = [0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 0.9999];

/** On a logarithmic slider that has a zero, it is the place at the very left. */
const ZERO = 0.04;

export function toPlace(value: number, scale: Scale, min: number, max: number, zero: boolean): number {
  if (scale === 'linear') return clamped((value - min) / (max - min));
  if (scale === 'share') {
    const stops = SHARES.filter((share) => share >= min && share <= max);
    let below = 0;
    while (below < stops.length - 2 && stops[below + 1] <= value) below += 1;
    const part = (value - stops[below]) / (stops[below + 1] - stops[below]);
    return clamped((below + clamped(part)) / (stops.length - 1));
  }
  if (zero && value <= 0) return 0;
  const place = clamped(Math.log(Math.max(value, min) / min) / Math.log(max / min));
  return zero ? ZERO + (1 - ZERO) * place : place;
}

export function fromPlace(place: number, scale: Scale, min: number, max: number, zero: boolean): number {
  if (scale === 'linear') return tidy(min + place * (max - min), 4);
  if (scale === 'share') {
    const stops = SHARES.filter((share) => share >= min && share <= max);
    return stops[Math.round(clamped(place) * (stops.length - 1))];
  }
  if (zero && place < ZERO / 2) return 0;
  const inside = clamped(zero ? (place - ZERO) / (1 - ZERO) : place);
  return Math.min(max, Math.max(min, tidy(min * (max / min) ** inside, 2)));
}

/** So many significant digits: what a slider means. */
function tidy(value: number, digits: number): number {
  return Number(value.toPrecision(digits)) + 0;
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}
