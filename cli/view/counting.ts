/**
 * What reads a whole table: counts of the corpus, and the scores of a rule. It runs in a thread of its own, so that the page answers
 * meanwhile, and remembers what it has read until the ledger has changed. `databases` is the folder where ledger and frontier are read.
 */

import { join } from 'node:path';
import { type FrontierView, openFrontierView } from '../../crawler/frontier/watch.ts';
import { type BrowsedPair, browsedAt, type Facets, facets } from '../../dataset/ledger/browse.ts';
import {
  type CrawledLately,
  crawledLately,
  crawlOutcomes,
  type OutcomeCount,
} from '../../dataset/ledger/crawl-watch.ts';
import { type Funnel, funnel } from '../../dataset/ledger/funnel.ts';
import { drawSample, type Stratum } from '../../dataset/ledger/label-sample.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../dataset/ledger/recipes.ts';
import { type ScoredPairs, scoredPairs } from '../../dataset/ledger/scored-pairs.ts';
import { type Movable, movables, ruleOf, thresholdOf } from '../../filters/movable.ts';
import { type Histogram, type Moved, moveThreshold, scoreHistogram } from '../../filters/moved-threshold.ts';
import { type LoggedReport, readRunLog } from '../../model/train/run-log.ts';
import { runFolders } from './run-folders.ts';

/** While a crawl or a filter writes, what was read so long ago is read again. */
const maxAgeMs = 15_000;

/** Pictures shown of those that change sides. */
const shownPictures = 9;

const ledgers = new Map<string, Ledger>();

interface Known {
  readonly version: unknown;
  /** What was read of another recipe holds no more. */
  readonly recipe: number | undefined;
  readonly readAtMs: number;
  readonly value: unknown;
}

const known = new Map<string, Known>();

/** Reads everything anew the next time: what was removed is not to be counted any more. */
export const forgetKnown = (): void => known.clear();

function ledgerOf(databases: string): Ledger {
  const open = ledgers.get(databases) ?? Ledger.openReadOnly(databases);
  ledgers.set(databases, open);
  return open;
}

/** Reads anew what is not known, or is old and may have changed. */
function remembered<T>(databases: string, name: string, read: (ledger: Ledger) => T): T {
  const ledger = ledgerOf(databases);
  const key = JSON.stringify([databases, name]);
  // Changes with every commit of another connection (SQLite's data_version).
  const version = ledger.db.pragma('data_version', { simple: true });
  const recipe = currentRecipe(ledger)?.id;
  const last = known.get(key);
  const isFresh = last?.version === version || performance.now() - (last?.readAtMs ?? 0) < maxAgeMs;
  if (last && last.recipe === recipe && isFresh) return last.value as T;
  const value = read(ledger);
  known.set(key, { version, recipe, readAtMs: performance.now(), value });
  return value;
}

/** What is said of the corpus as a whole. */
export interface CorpusFacts extends Facets {
  readonly funnel: Funnel;
  /** Null when the corpus was never screened. */
  readonly preset: string | null;
  /** Whether the screening by the current recipe ran to its end. */
  readonly isFinished: boolean;
}

export function corpusFacts({ databases }: { readonly databases: string }): CorpusFacts {
  return remembered(databases, 'facts', (ledger) => {
    const recipe = currentRecipe(ledger);
    const { preset = null, finished = false } = recipe ?? {};
    return { ...facets(ledger), funnel: funnel(ledger), preset, isFinished: finished };
  });
}

/** How a crawl is doing. */
export interface CrawlFacts extends CrawledLately {
  readonly outcomes: readonly OutcomeCount[];
  /** Null where no crawl was begun here. */
  readonly frontier: FrontierView | null;
}

const frontiers = new Map<string, NonNullable<ReturnType<typeof openFrontierView>>>();

export function crawlFacts({ databases }: { readonly databases: string }): CrawlFacts {
  const frontier = frontiers.get(databases) ?? openFrontierView(databases);
  if (frontier !== null) frontiers.set(databases, frontier);
  return {
    ...crawledLately(ledgerOf(databases)),
    outcomes: remembered(databases, 'outcomes', crawlOutcomes),
    frontier: frontier?.look() ?? null,
  };
}

/** The pairs to label of each verdict. */
export const labelSample = ({
  databases,
  seed,
  each,
}: {
  readonly databases: string;
  readonly seed: number;
  readonly each: number;
}): Stratum[] => remembered(databases, `sample ${seed} ${each}`, (ledger) => drawSample(ledger, { seed, each }));

/** A rule whose threshold can be moved, as it is today. */
export interface Threshold extends Histogram {
  readonly rule: string;
  readonly setting: string;
  /** Whether it is a whole number. */
  readonly isWhole: boolean;
  /** What the corpus was judged with; null for none. */
  readonly today: number | null;
  /** Pairs that have a score. */
  readonly scored: number;
  readonly unscored: number;
}

const pairsOf = (databases: string, { rule, judgedBy }: Movable): ScoredPairs | undefined =>
  remembered(databases, rule, (ledger) => scoredPairs(ledger, rule, judgedBy));

/** The rules of the current recipe that have scores. */
export function thresholds({ databases }: { readonly databases: string }): Threshold[] {
  const rules = currentRecipe(ledgerOf(databases))?.rules ?? [];
  return movables.flatMap((movable) => {
    const record = ruleOf(movable, rules);
    const pairs = record && pairsOf(databases, movable);
    if (!pairs || pairs.scores.length === 0) return [];
    const today = thresholdOf(movable, record);
    const unscored = pairs.unscored.kept + pairs.unscored.dropped;
    const { rule, setting, isWhole = false } = movable;
    const scored = pairs.scores.length;
    return [{ rule, setting, isWhole, today, scored, unscored, ...scoreHistogram(pairs.scores, today) }];
  });
}

/** What moving a threshold would change. */
export interface Move extends Omit<Moved, 'changed'> {
  /** Pairs of different pictures that change sides, the nearest to the new threshold first. */
  readonly pictures: readonly BrowsedPair[];
}

/** Null where the current recipe has no such rule. */
export function move({
  databases,
  rule,
  to,
}: {
  readonly databases: string;
  readonly rule: string;
  readonly to: number;
}): Move | null {
  const ledger = ledgerOf(databases);
  const movable = movables.find((one) => one.rule === rule);
  const record = movable && ruleOf(movable, currentRecipe(ledger)?.rules ?? []);
  const pairs = record && pairsOf(databases, movable);
  if (!pairs) return null;
  const { changed, ...moved } = moveThreshold(pairs, movable, { from: thresholdOf(movable, record), to });
  return { ...moved, pictures: browsedAt(ledger, changed, shownPictures) };
}

/** How a training run went so far: some of its reports, evenly. */
export interface RunFacts {
  readonly name: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly reports: readonly Pick<LoggedReport, 'step' | 'loss' | 'losses' | 'accuracies' | 'validation' | 'best'>[];
  /** Of the last report. */
  readonly samplesPerSecond: number | null;
  readonly peakShare: number | null;
  readonly waitShare: number | null;
}

/** Reports of a run that are shown. */
const maxReports = 200;
/** Runs that are shown, the newest of them. */
const maxRuns = 12;

const logs = new Map<string, { readonly version: string; readonly facts: RunFacts | null }>();

/** The runs of the corpus that have a log, and stages as runs of their own, newest first. */
export function runFacts({ corpusDir }: { readonly corpusDir: string }): RunFacts[] {
  return runFolders(corpusDir)
    .slice(0, maxRuns)
    .flatMap(({ name, version }) => {
      const path = join(corpusDir, 'runs', name);
      const last = logs.get(path);
      const facts = last?.version === version ? last.facts : runOf(name, readRunLog(path));
      logs.set(path, { version, facts });
      return facts === null ? [] : [facts];
    });
}

function runOf(name: string, reports: readonly LoggedReport[]): RunFacts | null {
  const last = reports.at(-1);
  if (last === undefined) return null;
  const every = Math.ceil(reports.length / maxReports);
  // The last report, and those at even distances before it.
  const shown = reports.filter((_, at) => (reports.length - 1 - at) % every === 0);
  return {
    name,
    step: last.step,
    totalSteps: last.totalSteps,
    reports: shown.map(({ step, loss, losses, accuracies, validation, best }) => ({
      ...{ step, loss, losses, accuracies },
      ...(validation && { validation }),
      ...(best && { best }),
    })),
    samplesPerSecond: last.samplesPerSecond ?? null,
    peakShare: last.peakShare ?? null,
    waitShare: last.waitShare ?? null,
  };
}
