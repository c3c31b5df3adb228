/**
 * The reports as data: what `nukarumi race` and `nukarumi watch` put into report.html, and all that the page reads. The
 * two are told apart by their `format`.
 *
 * Numbers are rounded to 4 significant digits; what is not a finite number is null. A column is one array with an entry
 * for each recorded row of the trail, in order.
 */

export type Num = number | null;
export type Column = Num[];

export interface Report {
  format: 'nukarumi.race.report';
  version: 1;
  /** The shell command that gives the same numbers again: "nukarumi race --epochs 3 --seeds 2". */
  command: string;
  /** What `result.json` holds (docs/race.md); `folder` is null, so that no path of the machine leaves it. */
  result: RaceResult;
  /** The quantiles of every fan, in order: [0, 0.1, 0.25, 0.5, 0.75, 0.9, 1]. */
  quantiles: number[];
  /**
   * One for each judged run that has a trail; runs of one optimizer stand together, by seed. The seed drawn bold is the
   * one with `bold`, exactly one for each optimizer: the run whose test error is the median (the lower of two).
   */
  trails: ReportTrail[];
}

/** What happened over the recorded steps. */
export interface Walked {
  optimizer: string;
  step: number[];
  loss: Column;
  layers: ReportLayer[];
}

export interface ReportTrail extends Walked {
  seed: number;
  bold: boolean;
}

export interface ReportLayer {
  /** "W1". */
  name: string;
  shape: number[];
  gradient_norm: Column;
  step_norm: Column;
  weight_norm: Column;
  /**
   * Of the bold run: "effective_lr", "state/h", ... to one column for each of `quantiles`. Null in the other runs.
   */
  fans: Record<string, Column[]> | null;
  /**
   * What a sensor has measured besides, where it is known: "gradient_cosine", "saturated", "unmoved", "swallowed", and
   * "nonfinite_states" where there are any (docs/trail.md).
   */
  measures?: Record<string, Column>;
}

export interface WatchReport {
  format: 'nukarumi.watch.report';
  version: 1;
  /** "train.py"; null where there was no script. */
  script: string | null;
  quantiles: number[];
  /** One for each optimizer that took a step; never none. */
  runs: WatchRun[];
  /** Optimizers that the sensor does not know, and why. */
  refused: { optimizer: string; why: string }[];
}

export interface WatchRun extends Walked {
  /** "1-adagrad": unique. */
  name: string;
  /** "torch". */
  library: string | null;
  settings: Record<string, unknown>;
  updates: number;
  /** Rows of the whole trail; a long one is thinned for the page. */
  recorded: number;
  /** Why the sensor stopped before the end; null if it did not. */
  failed: string | null;
  findings: WatchFinding[];
}

/** `Finding.to_dict()`. */
export interface WatchFinding {
  kind: string;
  /** Whether something should be done about it. */
  alarm: boolean;
  /** The arrays concerned; none for the training as a whole. */
  arrays: string[];
  evidence: Record<string, Num>;
  sentence: { en: string; ja: string };
  cure: { en: string; ja: string };
}

/** The keys of `RaceResult.to_dict()` that the page reads; more may be there. */
export interface RaceResult {
  format: 'nukarumi.race.result';
  version: 1;
  problem: string;
  complete: boolean;
  target_loss: Num;
  seconds: number;
  folder: null;
  settings: RaceSettings;
  standings: Standing[];
}

export interface RaceSettings {
  problem: string;
  options: Record<string, unknown>;
  /** `Problem.describe()`. */
  data: {
    name?: string;
    rows?: Record<string, number>;
    features?: number;
    classes?: unknown[];
    network?: string;
    parameters?: number;
    loss?: string;
    batch_size?: number;
    dtype?: string;
    source?: string;
    licence?: string;
    [key: string]: unknown;
  };
  batches_per_epoch: number;
  optimizers: { label: string; class: string; settings: Record<string, unknown>; grid: number[] }[];
  epochs: number;
  tuning_seeds: number[];
  seeds: number[];
  extend: number;
  target: Num;
  versions: Record<string, string>;
}

export type EndingWord = 'arrived' | 'still walking' | 'exhausted' | 'diverged';

export interface Standing {
  optimizer: string;
  best_lr: Num;
  at_edge: 'low' | 'high' | null;
  good_lr: { low: number; high: number; decades: number; open_low: boolean; open_high: boolean } | null;
  tried: { lr: number; validation_error: Num; validation_loss: Num; diverged: boolean }[];
  test_error: { mean: Num; sd: Num };
  test_loss: { mean: Num; sd: Num };
  steps_to_target: Num;
  diverged: number;
  /** Word to number of seeds, the most frequent first. */
  endings: Partial<Record<EndingWord, number>>;
  runs: {
    seed: number;
    error: Num;
    loss: Num;
    train_loss: Num;
    steps: number;
    steps_to_target: Num;
    diverged: boolean;
    ending: EndingWord | null;
  }[];
}
