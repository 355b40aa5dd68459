/**
 * Judges a corpus by a recipe (LAIT §3 steps 2-5): for each pair the text rules, then, where its image was downloaded, the
 * image rules and the scored ones, first drop wins; at the end the rules over all survivors. Pairs whose verdict an
 * earlier recipe's unchanged rules decide are carried over without being looked at; the others are asked only by rules
 * whose verdict does not stand: a moved threshold costs one rule's work. Killed and started again, it goes on where the
 * last batch was recorded.
 */
import { dirname } from 'node:path';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import { carryOver, judgedGroups, recordUnchanged } from '../dataset/ledger/rejudging.ts';
import {
  countUnjudged,
  currentRecipe,
  downloadRule,
  type Funnel,
  funnel,
  markFinished,
  type PairToJudge,
  type PairVerdict,
  pairsToJudge,
  recipeId,
  recordCorpusDrops,
  recordVerdicts,
} from '../dataset/ledger/verdicts.ts';
import type { Pair } from '../dataset/pair.ts';
import { UserError } from '../dataset/user-error.ts';
import type { Filter } from './filter.ts';
import { type Recipe, ruleRecords } from './recipe.ts';
import { fateOf, type ReusableVerdicts, reusableVerdicts } from './reusable-verdicts.ts';
import { type ScoringCandidate, scoreCandidates } from './scoring.ts';

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
  /** Where scored rules read the images; the `raw/` beside the ledger when left out. */
  readonly raw?: Pick<RawStore, 'read'>;
  readonly onProgress?: (progress: ScreenProgress) => void;
  /** Stops after the batch at hand with the signal's reason; what was judged stays judged. */
  readonly signal?: AbortSignal;
  /** Pairs a transaction. */
  readonly batchSize?: number;
}

/**
 * Judges every pair that the recipe has not judged and returns the whole corpus' funnel. Throws a UserError for a recipe
 * with one rule twice, and the signal's reason when it is stopped.
 */
export async function screen(options: ScreenOptions): Promise<Funnel> {
  const { ledger, recipe, raw, onProgress, signal, batchSize = 2000 } = options;
  const rules = ruleRecords(recipe);
  refuseTwins(rules.map(({ name }) => name));
  const id = recipeId(ledger, rules);
  if (countUnjudged(ledger, id) === 0 && currentRecipe(ledger)?.finished) return funnel(ledger);
  markFinished(ledger, id, false);

  const standing = reusableVerdicts(ledger, rules);
  const groups = judgedGroups(ledger, id).filter((group) => fateOf(group, rules, standing) !== 'unknown');
  for (const _ of carryOver(ledger, id, groups)) signal?.throwIfAborted();
  const total = countUnjudged(ledger, id);
  const opened = raw ? null : openRawStore(dirname(ledger.db.name));
  try {
    let judged = 0;
    for (const batch of pairsToJudge(ledger, id, { batchSize })) {
      signal?.throwIfAborted();
      const judgements: PairVerdict[] = [];
      const candidates: ScoringCandidate[] = [];
      for (const pair of batch) {
        const result = await judge(pair, recipe, standing);
        if ('droppedBy' in result) judgements.push(result);
        else candidates.push(result);
      }
      for await (const scored of scoreCandidates(ledger, recipe.scored ?? [], candidates, standing, raw ?? opened!)) {
        judgements.push(...scored);
        onProgress?.({ stage: 'pairs', judged: judged + judgements.length, total });
        if (signal?.aborted) break;
      }
      recordBatch(ledger, id, batch, judgements);
      judged += judgements.length;
      onProgress?.({ stage: 'pairs', judged, total });
    }
  } finally {
    opened?.close();
  }

  signal?.throwIfAborted();
  onProgress?.({ stage: 'corpus', judged: total, total });
  recordCorpusDrops(ledger, id, recipe.corpus);
  return funnel(ledger);
}

/** Of a batch that was judged to its end, only what another recipe had judged otherwise is written pair by pair. */
function recordBatch(
  ledger: Ledger,
  recipe: number,
  batch: readonly PairToJudge[],
  judgements: readonly PairVerdict[],
): void {
  const before = new Map(batch.map((pair) => [pair.row, pair.before]));
  const isSame = ({ row, droppedBy, reason, cleanedText, scores = [] }: PairVerdict): boolean => {
    const was = before.get(row!);
    if (!was || scores.length > 0 || was.cleanedText !== (cleanedText ?? null)) return false;
    if (droppedBy === null) return was.droppedBy === null || was.droppedBy.startsWith('corpus/');
    return was.droppedBy === droppedBy && was.reason === reason;
  };
  const isWhole = judgements.length === batch.length;
  recordVerdicts(ledger, recipe, isWhole ? judgements.filter((one) => !isSame(one)) : judgements);
  if (isWhole) recordUnchanged(ledger, recipe, batch[0]!.row, batch.at(-1)!.row);
}

/** The judgement of a pair that a text or image rule drops, or the pair as a candidate for the scored rules. */
async function judge(
  { row, pair, sample, missing, before }: PairToJudge,
  recipe: Recipe,
  standing: ReusableVerdicts,
): Promise<PairVerdict | ScoringCandidate> {
  const text = recipe.clean ? recipe.clean.clean(pair.text) : pair.text;
  const known = { id: pair.id, row, ...(text === pair.text ? {} : { cleanedText: text }) };
  const first = async <In extends Pair>(rules: readonly Filter<In>[], x: In): Promise<PairVerdict | null> => {
    for (const rule of rules) {
      let verdict = standing(before, rule.name) ?? rule.judge(x);
      if (verdict instanceof Promise) verdict = await verdict;
      if (!verdict.keep) return { ...known, droppedBy: rule.name, reason: verdict.reason };
    }
    return null;
  };
  const dropped = await first(recipe.text, { ...pair, text });
  if (dropped) return dropped;
  if (!sample) return { ...known, droppedBy: downloadRule, reason: missing };
  return (await first(recipe.image, { ...sample, text })) ?? { known, before, sample: { ...sample, text } };
}

function refuseTwins(names: readonly string[]): void {
  const twin = names.find((name, at) => names.indexOf(name) !== at);
  if (twin !== undefined) {
    throw new UserError(`Expected each rule once for the recipe but received ${twin} twice; remove one of them.`);
  }
}
