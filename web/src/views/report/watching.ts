/** What the page of a watched script shows, apart from its drawing: what is read, what comes first, and the loss. */
import { number } from '../number';
import type { Cell } from '../export';
import type { Column, ReportLayer, WatchFinding, WatchReport, WatchRun } from './types';

/** The report of a watched script, or null for anything else; pages can be edited. */
export function readWatch(data: unknown): WatchReport | null {
  const found = data as Partial<WatchReport> | null;
  if (typeof found !== 'object' || found === null) return null;
  const fine =
    found.format === 'nukarumi.watch.report' && found.version === 1 && Array.isArray(found.quantiles) &&
    Array.isArray(found.runs) && found.runs.length > 0 && Array.isArray(found.refused) &&
    found.runs.every((run) => Array.isArray(run?.findings) && Array.isArray(run.layers) && Array.isArray(run.step));
  return fine ? (found as WatchReport) : null;
}

/** The optimizer to look at first: the one with the most alarms, the earlier of two. */
export function worst(runs: readonly WatchRun[]): string {
  const alarms = ({ findings }: WatchRun): number => findings.filter(({ alarm }) => alarm).length;
  return runs.reduce((most, run) => (alarms(run) > alarms(most) ? run : most)).name;
}

/** The layers with those first that a finding names, in the order of the findings. */
export function ranked(layers: readonly ReportLayer[], findings: readonly WatchFinding[]): ReportLayer[] {
  const named = [...new Set(findings.flatMap(({ arrays }) => arrays))];
  const place = ({ name }: ReportLayer): number => (named.includes(name) ? named.indexOf(name) : named.length);
  return [...layers].sort((a, b) => place(a) - place(b));
}

/** A finding's numbers with their names: shares in per cent, the rest as numbers. */
export function evidence(finding: WatchFinding, names: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(finding.evidence).map(([name, value]) => [
    Object.hasOwn(names, name) ? names[name] : name,
    name.endsWith('_share') && value !== null ? `${number(100 * value)} %` : number(value),
  ]);
}

/** Whether the loss was ever told. */
export const told = (loss: Column): boolean => loss.some((value) => value !== null);

/** Everything that was found, a row for each finding. */
export function findingsTable(runs: readonly WatchRun[], lang: 'en' | 'ja'): { header: string[]; rows: Cell[][] } {
  return {
    header: ['optimizer', 'finding', 'alarm', 'arrays', 'evidence', 'sentence', 'cure'],
    rows: runs.flatMap((run) =>
      run.findings.map((each) => [
        run.name, each.kind, Number(each.alarm), each.arrays.join('; '),
        Object.entries(each.evidence).map(([name, value]) => `${name} ${value ?? ''}`.trim()).join('; '),
        each.sentence[lang], each.cure[lang],
      ])),
  };
}
