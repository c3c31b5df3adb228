/** A report's numbers: read as the shell's table writes them, and nothing is believed that is not there. */
import { describe, expect, it } from 'vitest';
import { findings, goodRange, insideTable, lossTable, quotient, ratesTable, read, spread, standingsTable, telling } from './numbers';
import type { Report, Standing } from './types';

const standing = (optimizer: string, mean: number | null, more: Partial<Standing> = {}): Standing => ({
  optimizer, best_lr: 0.1, at_edge: null, diverged: 0, steps_to_target: 200,
  good_lr: { low: 0.0464, high: 0.216, decades: 0.668, open_low: false, open_high: false },
  tried: [{ lr: 0.1, validation_error: 0.02, validation_loss: 0.1, diverged: false }],
  test_error: { mean, sd: 0.01 }, test_loss: { mean: 0.2, sd: 0.03 }, endings: { arrived: 2, 'still walking': 1 },
  runs: [{ seed: 3, error: mean, loss: 0.2, train_loss: 0.1, steps: 400, steps_to_target: 200, diverged: false, ending: 'arrived' }],
  ...more,
});

const report = (standings: Standing[]): Report => ({
  format: 'nukarumi.race.report', version: 1, command: 'nukarumi race', quantiles: [0, 0.5, 1],
  result: {
    format: 'nukarumi.race.result', version: 1, problem: 'digits', complete: true, target_loss: 0.1, seconds: 1, folder: null,
    standings,
    settings: {
      problem: 'digits', options: {}, data: {}, batches_per_epoch: 40, optimizers: [], epochs: 3, tuning_seeds: [0], seeds: [3],
      extend: 3, target: 0.1, versions: {},
    },
  },
  trails: [
    {
      optimizer: 'Adagrad', seed: 3, bold: true, step: [1, 5], loss: [2, null],
      layers: [{ name: 'W', shape: [2], gradient_norm: [1, 2], step_norm: [3, 4], weight_norm: [5, 0], fans: { 'state/h': [[0, 1], [2, 3], [4, 5]] } }],
    },
  ],
});

it('reads reports and nothing else', () => {
  const good = report([standing('Adagrad', 0.05)]);
  expect(read(JSON.parse(JSON.stringify(good)))).toEqual(good);
  for (const bad of [null, undefined, 1, 'x', [], {}, { ...good, version: 2 }, { ...good, trails: null }, { ...good, result: {} }]) {
    expect(read(bad)).toBeNull();
  }
});

describe('cells', () => {
  it('are those of the shell', () => {
    expect(spread(0.0446, 0.0026, 100)).toBe('4.46 ± 0.26');
    expect(spread(0.157, 0.012)).toBe('0.157 ± 0.01');
    expect(spread(0.157, null)).toBe('0.157');
    expect(spread(null, null)).toBe('–');
    const to = (low: string, high: string) => `${low} to ${high}`;
    expect(goodRange(standing('A', 0.1), to)).toBe('0.0464 to 0.216 (0.7)');
    const open = standing('A', 0.1, { good_lr: { low: 1, high: 10, decades: 1, open_low: false, open_high: true } });
    expect(goodRange(open, to)).toBe('1 to ≥10 (≥1.0)');
    expect(goodRange(standing('A', 0.1, { good_lr: null }), to)).toBe('–');
  });
  it('leave out settings that say nothing', () => {
    expect(telling({ eps: 1e-7, lr_decay: 0, clip_norm: null, engine: 'auto', overrides: {}, lr_inside: true })).toEqual([
      ['eps', '1×10⁻⁷'], ['lr_inside', 'true'],
    ]);
  });
});

describe('findings', () => {
  it('name who is best, easiest and fastest', () => {
    const wide = { low: 0.001, high: 1, decades: 3, open_low: false, open_high: false };
    const said = findings(report([standing('Adagrad', 0.05, { steps_to_target: 90 }), standing('SGD', 0.09, { good_lr: wide })]), 'en');
    expect(said).toHaveLength(4);
    expect(said[0]).toContain('Adagrad');
    expect(said[1]).toMatch(/SGD.*3\.0/);
    expect(said[2]).toMatch(/Adagrad.*0\.1.*90/);
    expect(findings(report([standing('Adagrad', 0.05), standing('SGD', 0.05)]), 'ja')[0]).toContain('Adagrad、SGD');
  });
  it('are silent where nothing was judged', () => {
    expect(findings(report([standing('SGD', null, { runs: [] })]), 'en')).toEqual([]);
    expect(findings(report([]), 'ja')).toEqual([]);
  });
});

it('gives every chart its table', () => {
  const made = report([standing('Adagrad', 0.05)]);
  expect(standingsTable(made.result.standings).rows[0]).toContain('arrived 2; still walking 1');
  expect(ratesTable(made.result.standings).rows).toEqual([['Adagrad', 0.1, 0.02, 0.1, 0]]);
  expect(lossTable(made.trails).rows).toEqual([['Adagrad', 3, 1, 2], ['Adagrad', 3, 5, null]]);
  const inside = insideTable(made.trails[0], made.quantiles);
  expect(inside.header.slice(-3)).toEqual(['state/h/0', 'state/h/0.5', 'state/h/1']);
  expect(inside.rows[1]).toEqual(['Adagrad', 3, 'W', 5, 2, 4, 0, 1, 3, 5]);
  for (const { header, rows } of [inside, ratesTable(made.result.standings), standingsTable(made.result.standings)]) {
    for (const row of rows) expect(row).toHaveLength(header.length);
  }
  expect(quotient([3, 4, null], [6, 0, 1])).toEqual([0.5, null, null]);
});
