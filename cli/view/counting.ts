/**
 * What reads a whole table: counts of the corpus, and the scores of a rule. It runs in a thread of its own, so that the page answers
 * meanwhile, and remembers what it has read until the ledger has changed.
 */
import { type BrowsedPair, browsedAt, type Facets, facets } from '../../dataset/ledger/browse.ts';
import { type Funnel, funnel } from '../../dataset/ledger/funnel.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { currentRecipe } from '../../dataset/ledger/recipes.ts';
import { type ScoredPairs, scoredPairs } from '../../dataset/ledger/scored-pairs.ts';
import { movables, thresholdOf } from '../../filters/movable.ts';
import { type Histogram, type Moved, moveThreshold, scoreHistogram } from '../../filters/moved-threshold.ts';

/** While a crawl or a filter writes, what was read so long ago is read again. */
const maxAgeMs = 15_000;

/** Pictures shown of those that change sides. */
const shownPictures = 9;

const ledgers = new Map<string, Ledger>();
const known = new Map<string, { readonly version: string; readonly readAtMs: number; readonly value: unknown }>();

function ledgerOf(corpusDir: string): Ledger {
  const open = ledgers.get(corpusDir) ?? Ledger.openReadOnly(corpusDir);
  ledgers.set(corpusDir, open);
  return open;
}

/** Reads anew what is not known, or is old and may have changed. */
function remembered<T>(corpusDir: string, name: string, read: (ledger: Ledger) => T): T {
  const ledger = ledgerOf(corpusDir);
  const key = JSON.stringify([corpusDir, name]);
  // Changes with every commit of another connection (SQLite's data_version).
  const version = JSON.stringify([ledger.db.pragma('data_version', { simple: true }), currentRecipe(ledger)?.id]);
  const last = known.get(key);
  if (last && (last.version === version || performance.now() - last.readAtMs < maxAgeMs)) return last.value as T;
  const value = read(ledger);
  known.set(key, { version, readAtMs: performance.now(), value });
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

export function corpusFacts({ corpusDir }: { readonly corpusDir: string }): CorpusFacts {
  return remembered(corpusDir, 'facts', (ledger) => {
    const recipe = currentRecipe(ledger);
    const { preset = null, finished = false } = recipe ?? {};
    return { ...facets(ledger), funnel: funnel(ledger), preset, isFinished: finished };
  });
}

/** A rule whose threshold can be moved, as it is today. */
export interface Threshold extends Histogram {
  readonly rule: string;
  readonly setting: string;
  /** What the corpus was judged with; null for none. */
  readonly today: number | null;
  /** Pairs that have a score. */
  readonly scored: number;
  readonly unscored: number;
}

const pairsOf = (corpusDir: string, rule: string, subject: 'image' | 'pair'): ScoredPairs | undefined =>
  remembered(corpusDir, rule, (ledger) => scoredPairs(ledger, rule, subject));

/** The rules of the current recipe that have scores. */
export function thresholds({ corpusDir }: { readonly corpusDir: string }): Threshold[] {
  const rules = currentRecipe(ledgerOf(corpusDir))?.rules ?? [];
  return movables.flatMap((movable) => {
    const record = rules.find(({ name }) => name === movable.rule);
    const pairs = record && pairsOf(corpusDir, movable.rule, movable.subject);
    if (!pairs || pairs.scores.length === 0) return [];
    const today = thresholdOf(movable, record);
    const unscored = pairs.unscored.kept + pairs.unscored.dropped;
    const { rule, setting } = movable;
    return [{ rule, setting, today, scored: pairs.scores.length, unscored, ...scoreHistogram(pairs.scores, today) }];
  });
}

/** What moving a threshold would change. */
export interface Move extends Omit<Moved, 'changed'> {
  /** Pairs of different pictures that change sides, the nearest to the new threshold first. */
  readonly pictures: readonly BrowsedPair[];
}

/** Null where the current recipe has no such rule. */
export function move({
  corpusDir,
  rule,
  to,
}: {
  readonly corpusDir: string;
  readonly rule: string;
  readonly to: number;
}): Move | null {
  const ledger = ledgerOf(corpusDir);
  const movable = movables.find((one) => one.rule === rule);
  const record = currentRecipe(ledger)?.rules.find(({ name }) => name === rule);
  const pairs = movable && record && pairsOf(corpusDir, rule, movable.subject);
  if (!pairs) return null;
  const { changed, ...moved } = moveThreshold(pairs, movable, { from: thresholdOf(movable, record), to });
  return { ...moved, pictures: browsedAt(ledger, changed, shownPictures) };
}
