/** Where a walk begins unless somebody says otherwise: the terrain's own first start, turned with it. */
import { startsOf, terrains } from './library';
import type { LabState } from './types';

/** A place with no more digits than a map can show, so that addresses stay short. */
export function rounded(value: number, span: number): number {
  const digits = Math.max(0, Math.min(12, 3 - Math.floor(Math.log10(Math.max(span, 1e-9)))));
  return Number(value.toFixed(digits)) + 0;
}

export function firstStart({ terrain, formula, box, rotation }: Pick<LabState, 'terrain' | 'formula' | 'box' | 'rotation'>): [number, number] {
  if (formula !== null) {
    const [[left, right], [low, high]] = box;
    return [rounded(left + (right - left) / 5, right - left), rounded(low + ((high - low) * 4) / 5, high - low)];
  }
  const spec = terrains.find((each) => each.name === terrain) ?? terrains[0];
  const [x, y] = startsOf(spec, rotation)[0];
  if (rotation === 0) return [x, y];
  const [[left, right], [low, high]] = spec.box;
  const span = Math.max(right - left, high - low);
  return [rounded(x, span), rounded(y, span)];
}
