/**
 * Judges a corpus by a recipe (LAIT §3 steps 2-5): for each pair the text rules, then, where its image was downloaded, the
 * image rules and the scored ones, first drop wins; at the end the rules over all survivors. Pairs whose verdict an
 * earlier recipe's unchanged rules decide are taken over without being looked at; of the others only those rules are
 * asked whose verdict cannot be reused: a moved threshold costs one rule's work. Killed and started again, it goes on where the
 * last batch was recorded.
 */
import { dirname } from 'node:path';
import { withCleanup } from '../dataset/cleanup.ts';
import { lockPart } from '../dataset/corpus-lock.ts';
import { recordCorpusDrops } from '../dataset/ledger/corpus-drops.ts';
import { type Funnel, funnel } from '../dataset/ledger/funnel.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { judgeFoundPictures } from '../dataset/ledger/lost-pictures.ts';
import { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import {
  currentRecipe,
  lastVersion,
  markFinished,
  type RuleRecord,
  recipeId,
  recipeRules,
} from '../dataset/ledger/recipes.ts';
import { deleteScores, scoresOf } from '../dataset/ledger/scores.ts';
import { reusableRanges, reuseVerdicts, reuseVerdictsOfRows, verdictGroups } from '../dataset/ledger/verdict-reuse.ts';
import {
  countUnjudged,
  type PairToJudge,
  type PairVerdict,
  pairsToJudge,
  recordVerdicts,
  rowsAsRead,
} from '../dataset/ledger/verdicts.ts';
import { UserError } from '../dataset/user-error.ts';
import { judgeBatch } from './judge-batch.ts';
import { type Recipe, ruleRecords } from './recipe.ts';
import { fateOf, reusableVerdicts } from './reusable-verdicts.ts';
import { readingRaw, type ScoringTools } from './score-pairs.ts';

export interface ScreenProgress {
  /** `pairs` while pairs are judged one by one, `corpus` while the corpus rules run. */
  readonly stage: 'pairs' | 'corpus';
  /** Pairs judged and to be judged by this call. */
  readonly judged: number;
  readonly total: number;
}

export interface ScreenOptions {
  readonly ledger: Ledger;
  readonly recipe: Recipe;
  /** Where scored rules read the images; default: the `raw/` beside the ledger. */
  readonly raw?: Pick<RawStore, 'read'>;
  readonly onProgress?: (progress: ScreenProgress) => void;
  /** Stops within the batch at hand with the signal's reason; what was judged stays judged. */
  readonly signal?: AbortSignal;
  /** Pairs a transaction. */
  readonly batchSize?: number;
}

/** Has batches judged, in whatever order and on whatever machines. */
export type JudgeAll = (batches: Iterable<Batch>, tools: JudgingTools) => Promise<void>;

/** Pairs that follow each other in the ledger, to be judged. */
export type Batch = readonly PairToJudge[];

export interface JudgingTools {
  /** The rules of the recipe, whose verdicts are wanted. */
  readonly rules: readonly RuleRecord[];
  /** Reads pictures of the corpus folder. */
  readonly read: ScoringTools['read'];
  /**
   * Records verdicts on a batch, or on a part of it; batches come in any order. With `isSome` the pairs do not follow each other. A pair that
   * has changed since it was read, as by a crawl, stays unjudged.
   */
  readonly record: (batch: Batch, verdicts: readonly PairVerdict[], isSome?: boolean) => Promise<void>;
}

/**
 * Judges every pair that the recipe has not judged and returns the whole corpus' funnel. Throws a UserError for a recipe
 * with one rule twice, a CorpusBusy while another process judges, and the signal's reason when it is stopped.
 */
export const screen = (options: ScreenOptions): Promise<Funnel> => screenBy(options, null);

/** The same where somebody else has the batches judged; null: one after the other, here. */
export async function screenBy(options: ScreenOptions, judgeAll: JudgeAll | null): Promise<Funnel> {
  return withCleanup((defer) => {
    defer(lockPart(dirname(options.ledger.db.name), 'filter'));
    return judgeCorpus(options, judgeAll);
  });
}

async function judgeCorpus(options: ScreenOptions, judgeAll: JudgeAll | null): Promise<Funnel> {
  const { ledger, recipe, raw, onProgress, signal, batchSize = 2000 } = options;
  const rules = ruleRecords(recipe);
  refuseTwins(rules.map(({ name }) => name));
  const id = await ledger.writeWhenFree(() => {
    deleteStaleScores(ledger, recipe);
    judgeFoundPictures(ledger, dirname(ledger.db.name));
    return recipeId(ledger, rules, recipe.preset ?? null);
  });
  if (countUnjudged(ledger, id) === 0 && currentRecipe(ledger)?.finished) return funnel(ledger);
  await ledger.writeWhenFree(() => markFinished(ledger, id, false));

  const reusable = reusableVerdicts(rules, (earlier) => recipeRules(ledger, earlier));
  const groups = verdictGroups(ledger, id).filter((group) => fateOf(group, rules, reusable) !== 'unknown');
  for (const range of reusableRanges(ledger, groups)) {
    signal?.throwIfAborted();
    await ledger.writeWhenFree(() => reuseVerdicts(ledger, id, groups, range));
  }
  const total = countUnjudged(ledger, id);
  const opened = raw ? null : openRawStore(dirname(ledger.db.name));
  try {
    let judged = 0;
    const batches = pairsToJudge(ledger, id, { batchSize });
    const read = readingRaw(raw ?? opened!);
    // What SQLite counts up when somebody else has written.
    const version = (): unknown => ledger.db.pragma('data_version', { simple: true });
    const begun = version();
    const record: JudgingTools['record'] = async (batch, verdicts, isSome = false) => {
      await ledger.writeWhenFree(() => {
        const sure = version() === begun ? null : rowsAsRead(ledger, batch);
        const some = sure === null ? verdicts : verdicts.filter(({ row }) => sure.has(row!));
        recordBatch(ledger, id, batch, some, isSome);
      });
      judged += verdicts.length;
      onProgress?.({ stage: 'pairs', judged, total });
    };
    if (judgeAll !== null) await judgeAll(batches, { rules, read, record });
    else {
      const onJudged = (some: number) => onProgress?.({ stage: 'pairs', judged: judged + some, total });
      const tools = { reusable, read, scoresOf: (subject: string) => scoresOf(ledger, subject), signal, onJudged };
      for (const batch of batches) {
        signal?.throwIfAborted();
        await record(batch, await judgeBatch(batch, recipe, tools));
      }
    }
  } finally {
    opened?.close();
  }

  signal?.throwIfAborted();
  onProgress?.({ stage: 'corpus', judged: total, total });
  await recordCorpusDrops(ledger, id, recipe.corpus, signal);
  return funnel(ledger);
}

/** Of a batch that was judged to its end, only what another recipe had judged otherwise is written pair by pair. */
function recordBatch(
  ledger: Ledger,
  recipe: number,
  batch: Batch,
  verdicts: readonly PairVerdict[],
  isSome: boolean,
): void {
  const known = new Map(batch.map((pair) => [pair.row, pair]));
  const isSame = ({ row, droppedBy, reason, cleanedText, language, scores = [] }: PairVerdict): boolean => {
    const { before: was, cleanedText: text } = known.get(row!)!;
    if (!was || scores.length > 0 || text !== (cleanedText ?? null)) return false;
    if (language && (was.language?.code !== language.code || was.language.score !== language.score)) return false;
    if (droppedBy === null) return was.droppedBy === null || was.droppedBy.startsWith('corpus/');
    return was.droppedBy === droppedBy && was.reason === reason;
  };
  const isWhole = verdicts.length === batch.length && !isSome;
  recordVerdicts(ledger, recipe, isWhole ? verdicts.filter((one) => !isSame(one)) : verdicts);
  if (isWhole) reuseVerdictsOfRows(ledger, recipe, batch[0]!.row, batch.at(-1)!.row);
}

/** A raised version says that a rule measures otherwise: what it measured before is of no use. */
function deleteStaleScores(ledger: Ledger, { scored = [] }: Recipe): void {
  for (const { name, version = 1, scoreName } of scored) {
    const last = lastVersion(ledger, name);
    if (last !== null && last !== version) deleteScores(ledger, scoreName);
  }
}

function refuseTwins(names: readonly string[]): void {
  const twin = names.find((name, at) => names.indexOf(name) !== at);
  if (twin !== undefined) {
    throw new UserError(`Expected each rule once for the recipe but received ${twin} twice; remove one of them.`);
  }
}
