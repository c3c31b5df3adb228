/** The one door to what Python generated and to what walks on it. */
import { generated } from '../engine/generated';
import { ground, starts } from '../engine/ground';
import { ruleOf, settingsOf, variantOf, walk, type Way } from '../engine/walk';
import type { Ground, Hiker, Rule, TerrainSpec, Variant, Walk } from '../engine/types';

export const { rules, optimizers, turns, version } = generated;

/** The terrains to choose from. A turned one is the same terrain with another rotation, so it is not listed twice. */
export const terrains: readonly TerrainSpec[] = generated.terrains.filter((each) => !each.name.startsWith('rotated_'));

export const groundOf = (terrain: TerrainSpec, rotation: number): Ground => ground(terrain, rotation, turns);

export const startsOf = (terrain: TerrainSpec, rotation: number): [number, number][] => starts(terrain, rotation, turns);

export const walkOf = (hiker: Hiker, on: Ground, way: Way): Walk => walk(hiker, on, way, generated);

export const ruleFor = (hiker: Hiker): Rule => ruleOf(hiker, generated);

export const variantFor = (hiker: Hiker): Variant => variantOf(hiker, generated);

/** Every setting of a hiker: its own over its dialect's. */
export const settingsFor = (hiker: Hiker): Record<string, number> => settingsOf(hiker, generated);
