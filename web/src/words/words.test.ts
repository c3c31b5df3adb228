/** Both languages say everything, in their own script; that nothing is missing is a matter of types (words/type.ts). */
import { expect, test } from 'vitest';
import { SCENES } from '../app/scenes';
import { optimizers, terrains } from '../state/library';
import { CONTROLS } from '../state/types';
import { saidIn } from './said';
import { sceneWords } from './scenes';
import { terrains as terrainWords } from './terrains';
import type { Area } from './type';
import { walkWords } from './walk';

const files = import.meta.glob<Record<string, unknown>>('./*.ts', { eager: true });
const areas = Object.entries(files).flatMap(([path, module]) =>
  Object.entries(module)
    .filter(([, value]) => typeof value === 'object' && value !== null && 'en' in value && 'ja' in value)
    .map(([name, value]) => [`${path} ${name}`, value as Area<object>] as const),
);

function leaves(value: unknown, path = ''): [string, string][] {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => leaves(inner, `${path}.${name}`));
}

test('areas are found', () => expect(areas.length).toBeGreaterThanOrEqual(5));

test.each(areas)('%s', (_, area) => {
  const [english, japanese] = [leaves(area.en), leaves(area.ja)];
  expect(japanese.map(([path]) => path)).toEqual(english.map(([path]) => path));
  for (const [path, text] of [...english, ...japanese]) expect(text.trim(), path).not.toBe('');
  for (const [path, text] of english) expect(text, path).not.toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
  // A Japanese sentence must not end like an English one, nor be left in English.
  for (const [path, text] of japanese) expect(text, path).not.toMatch(/[\u3040-\u30ff\u4e00-\u9fff]\.$/);
});

test('every terrain, scene, setting and dialect has its words', () => {
  for (const lang of ['en', 'ja'] as const) {
    const places = saidIn(terrainWords, lang, 'maths');
    for (const { name } of terrains) {
      expect(places.names).toHaveProperty(name);
      expect(places.sentences).toHaveProperty(name);
    }
    const walk = saidIn(walkWords, lang, 'maths');
    for (const { settings, variants } of optimizers) {
      for (const { name } of settings) expect(walk.settings).toHaveProperty(name);
      for (const dialect of Object.keys(variants)) expect(walk.dialects).toHaveProperty(dialect);
    }
    for (const scene of SCENES) expect(saidIn(sceneWords, lang, 'metaphor')[scene].look).not.toBe('');
  }
  expect(new Set(CONTROLS).size).toBe(CONTROLS.length);
});

test('a pair says what the wording asks for', () => {
  expect(saidIn(walkWords, 'en', 'metaphor').hikers).toBe('Hikers');
  expect(saidIn(walkWords, 'en', 'maths').hikers).toBe('Optimizers');
});
