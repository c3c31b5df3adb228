/** A watched script's report: nothing is believed that is not there, and what matters comes first. */
import { describe, expect, it } from 'vitest';
import { saidIn } from '../../words/said';
import { watch as area } from '../../words/watch';
import { insideTable, read } from './numbers';
import type { ReportLayer, WatchFinding, WatchReport, WatchRun } from './types';
import { evidence, findingsTable, ranked, readWatch, told, worst } from './watching';

const layer = (name: string, more: Partial<ReportLayer> = {}): ReportLayer => ({
  name, shape: [2], gradient_norm: [1, 2], step_norm: [3, 4], weight_norm: [5, 6], fans: { effective_lr: [[1, 2], [3, 4], [5, 6]] },
  measures: { swallowed: [0.5, null] }, ...more,
});

const finding = (kind: string, arrays: string[], more: Partial<WatchFinding> = {}): WatchFinding => ({
  kind, arrays, alarm: kind !== 'arrived', evidence: { swallowed_share: 0.9971, gradient_grown: null, unheard_of: 2 },
  sentence: { en: 'Stuck.', ja: '止まっています。' }, cure: { en: 'Raise lr.', ja: '学習率を上げます。' }, ...more,
});

const run = (name: string, findings: WatchFinding[] = []): WatchRun => ({
  name, optimizer: 'Adagrad', library: 'torch', settings: { lr: 0.001 }, updates: 6, recorded: 2, failed: null, findings,
  step: [1, 6], loss: [0.7, null], layers: [layer('a'), layer('b'), layer('c')],
});

const report = (runs: WatchRun[]): WatchReport => ({
  format: 'nukarumi.watch.report', version: 1, script: 'train.py', quantiles: [0, 0.5, 1], runs, refused: [],
});

it('reads reports of watched scripts and nothing else', () => {
  const good = report([run('1-adagrad')]);
  expect(readWatch(JSON.parse(JSON.stringify(good)))).toEqual(good);
  expect(read(good)).toBeNull();
  for (const bad of [null, 1, 'x', [], {}, { ...good, version: 2 }, { ...good, runs: [] }, { ...good, runs: [null] }, { ...good, refused: 1 }]) {
    expect(readWatch(bad)).toBeNull();
  }
});

describe('what matters comes first', () => {
  it('the optimizer with the most alarms', () => {
    const [calm, done, ill] = [run('1'), run('2', [finding('arrived', [])]), run('3', [finding('exhausted', [])])];
    expect(worst([calm, done])).toBe('1');
    expect(worst([calm, done, ill, { ...ill, name: '4' }])).toBe('3');
  });
  it('the layers that a finding names, the others in their order', () => {
    const found = [finding('never_started', ['c']), finding('saturated', ['c', 'b', 'elsewhere'])];
    const layers = run('1').layers;
    expect(ranked(layers, found).map(({ name }) => name)).toEqual(['c', 'b', 'a']);
    expect(ranked(layers, []).map(({ name }) => name)).toEqual(['a', 'b', 'c']);
    expect(layers.map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });
});

it('gives evidence its names, shares as per cent, and what it does not know as it is', () => {
  const said = evidence(finding('never_started', []), saidIn(area, 'ja', 'maths').numbers);
  expect(said).toEqual([['飲み込まれた歩幅', '99.7 %'], ['勾配の増大（倍）', '–'], ['unheard_of', '2']]);
  expect(evidence(finding('x', [], { evidence: { constructor: 1 } }), {})).toEqual([['constructor', '1']]);
});

it('knows whether a loss was told', () => {
  expect(told([null, 0])).toBe(true);
  expect(told([null, null])).toBe(false);
});

it('gives findings and layers their tables', () => {
  const made = run('1-adagrad', [finding('never_started', ['a', 'b'])]);
  expect(findingsTable([made, run('2')], 'ja').rows).toEqual([
    ['1-adagrad', 'never_started', 1, 'a; b', 'swallowed_share 0.9971; gradient_grown; unheard_of 2', '止まっています。', '学習率を上げます。'],
  ]);
  const inside = insideTable(made, [0, 0.5, 1]);
  expect(inside.header).toEqual([
    'optimizer', 'layer', 'step', 'gradient_norm', 'step_norm', 'weight_norm', 'swallowed', 'effective_lr/0', 'effective_lr/0.5',
    'effective_lr/1',
  ]);
  expect(inside.rows[1]).toEqual(['Adagrad', 'a', 6, 2, 4, 6, null, 2, 4, 6]);
});
