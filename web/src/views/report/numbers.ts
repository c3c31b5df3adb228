/** A report's numbers as the page shows them: the cells of the table, the findings, and the columns of the files. */
import type { Lang } from '../../state/types';
import { report as area } from '../../words/report';
import { saidIn } from '../../words/say.svelte';
import type { Cell } from '../export';
import { number, percent } from '../number';
import type { EndingWord, Report, ReportTrail, Standing, Walked } from './types';

/** The report of a page's data, or null for anything else; pages can be edited. */
export function read(data: unknown): Report | null {
  const found = data as Partial<Report> | null;
  if (typeof found !== 'object' || found === null) return null;
  const fine =
    found.format === 'nukarumi.race.report' && found.version === 1 && Array.isArray(found.trails) &&
    Array.isArray(found.quantiles) && Array.isArray(found.result?.standings) && typeof found.result?.settings === 'object';
  return fine ? (found as Report) : null;
}

/** 12.3 ± 0.4, as the table in the shell writes it. */
export function spread(mean: number | null, sd: number | null, factor = 1): string {
  if (mean === null) return '–';
  const text = factor > 1 ? (mean * factor).toFixed(2) : number(mean, 3);
  if (sd === null) return text;
  return `${text} ± ${factor > 1 ? (sd * factor).toFixed(2) : number(sd, 1)}`;
}

/** The good rates: "≤0.046 to 0.22 (≥0.7)". */
export function goodRange(standing: Standing, to: (low: string, high: string) => string): string {
  const good = standing.good_lr;
  if (!good) return '–';
  const [low, high] = [good.open_low ? '≤' : '', good.open_high ? '≥' : ''];
  const range = to(`${low}${number(good.low)}`, `${high}${number(good.high)}`);
  return `${range} (${low || high ? '≥' : ''}${good.decades.toFixed(1)})`;
}

export const KEYS: Record<EndingWord, 'arrived' | 'walking' | 'exhausted' | 'diverged'> = {
  arrived: 'arrived',
  'still walking': 'walking',
  exhausted: 'exhausted',
  diverged: 'diverged',
};

/** How the walks ended, most frequent first: key, and number of seeds. */
export const endings = (standing: Standing): [(typeof KEYS)[EndingWord], number][] =>
  (Object.entries(standing.endings) as [EndingWord, number][])
    .filter(([word, count]) => word in KEYS && count > 0)
    .map(([word, count]) => [KEYS[word], count]);

/** What the race found, in sentences; none where nothing was judged. */
export function findings(report: Report, lang: Lang): string[] {
  const words = saidIn(area, lang, 'maths');
  const { standings, target_loss: target } = report.result;
  const judged = standings.filter((each) => each.test_error.mean !== null && each.diverged === 0);
  const said: string[] = [];
  if (judged.length) {
    const least = percent(judged[0].test_error.mean);
    const first = judged.filter((each) => percent(each.test_error.mean) === least).map((each) => each.optimizer);
    const names = first.join(lang === 'ja' ? '、' : ', ');
    said.push(first.length > 1 ? words.tied(names, least) : words.least(names, least));
  }
  const wide = judged.filter((each) => each.good_lr).sort((a, b) => b.good_lr!.decades - a.good_lr!.decades);
  if (wide.length > 1 && wide[0].good_lr!.decades - wide[1].good_lr!.decades > 0.05) {
    said.push(words.widest(wide[0].optimizer, wide[0].good_lr!.decades.toFixed(1)));
  }
  const fast = judged.filter((each) => each.steps_to_target !== null).sort((a, b) => a.steps_to_target! - b.steps_to_target!);
  if (fast.length > 1 && target !== null && fast[0].steps_to_target! < fast[1].steps_to_target!) {
    said.push(words.fastest(fast[0].optimizer, number(fast[0].steps_to_target, 4), number(target)));
  }
  if (said.length) said.push(words.within);
  return said;
}

/** The standings as the columns of a file; the names are those of result.json. */
export function standingsTable(standings: readonly Standing[]): { header: string[]; rows: Cell[][] } {
  return {
    header: [
      'optimizer', 'best_lr', 'at_edge', 'test_error_mean', 'test_error_sd', 'test_loss_mean', 'test_loss_sd',
      'steps_to_target', 'good_lr_low', 'good_lr_high', 'good_lr_decades', 'diverged', 'endings',
    ],
    rows: standings.map((each) => [
      each.optimizer, each.best_lr, each.at_edge, each.test_error.mean, each.test_error.sd, each.test_loss.mean,
      each.test_loss.sd, each.steps_to_target, each.good_lr?.low, each.good_lr?.high, each.good_lr?.decades, each.diverged,
      Object.entries(each.endings).map(([word, count]) => `${word} ${count}`).join('; '),
    ]),
  };
}

/** Every learning rate that was tried. */
export function ratesTable(standings: readonly Standing[]): { header: string[]; rows: Cell[][] } {
  return {
    header: ['optimizer', 'lr', 'validation_error', 'validation_loss', 'diverged'],
    rows: standings.flatMap((each) =>
      each.tried.map((one) => [each.optimizer, one.lr, one.validation_error, one.validation_loss, Number(one.diverged)])),
  };
}

/** The training loss of every judged run. */
export function lossTable(trails: readonly ReportTrail[]): { header: string[]; rows: Cell[][] } {
  return {
    header: ['optimizer', 'seed', 'step', 'loss'],
    rows: trails.flatMap((trail) => trail.step.map((step, at) => [trail.optimizer, trail.seed, step, trail.loss[at]])),
  };
}

/** Everything about the layers of one run, a row for each layer and step; the seed where there is one. */
export function insideTable(trail: Walked & { seed?: number }, quantiles: readonly number[]): { header: string[]; rows: Cell[][] } {
  const fans = [...new Set(trail.layers.flatMap((layer) => Object.keys(layer.fans ?? {})))];
  const measures = [...new Set(trail.layers.flatMap((layer) => Object.keys(layer.measures ?? {})))];
  const seed = trail.seed === undefined ? [] : [trail.seed];
  return {
    header: [
      'optimizer', ...seed.map(() => 'seed'), 'layer', 'step', 'gradient_norm', 'step_norm', 'weight_norm', ...measures,
      ...fans.flatMap((fan) => quantiles.map((quantile) => `${fan}/${quantile}`)),
    ],
    rows: trail.layers.flatMap((layer) =>
      trail.step.map((step, at) => [
        trail.optimizer, ...seed, layer.name, step, layer.gradient_norm[at], layer.step_norm[at], layer.weight_norm[at],
        ...measures.map((measure) => layer.measures?.[measure]?.[at] ?? null),
        ...fans.flatMap((fan) => quantiles.map((_, q) => layer.fans?.[fan]?.[q]?.[at] ?? null)),
      ])),
  };
}

/** One column over another, where both are numbers and the lower one is not 0. */
export const quotient = (above: readonly (number | null)[], below: readonly (number | null)[]): (number | null)[] =>
  above.map((value, at) => {
    const by = below[at];
    return value === null || by === null || !by ? null : value / by;
  });

/** The settings that say something: those that are not empty, off, or about the machine. */
export function telling(settings: Record<string, unknown>): [string, string][] {
  const quiet = new Set(['on_nonfinite', 'engine', 'threads']);
  return Object.entries(settings)
    .filter(([name, value]) => !quiet.has(name) && value !== null && value !== false && value !== 0 && value !== ''
      && !(typeof value === 'object' && !Object.keys(value as object).length) && value !== '{}')
    .map(([name, value]) => [name, typeof value === 'number' ? number(value, 4) : typeof value === 'object' ? JSON.stringify(value) : String(value)]);
}
