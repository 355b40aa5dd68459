/**
 * Judges a corpus by a recipe (LAIT §3 steps 2-5): for each pair the text rules, then, where its image was downloaded, the
 * image rules and the scored ones, first drop wins; at the end the rules over all survivors. Only pairs that this recipe
 * has not judged are looked at, and of those only by rules whose verdict an earlier recipe has not given already: a moved
 * threshold costs one rule's work. Killed and started again, it goes on where the last batch was recorded.
 */
import { dirname } from 'node:path';
import {
  countUnjudged,
  currentRecipe,
  downloadRule,
  type Funnel,
  funnel,
  type Judgement,
  markFinished,
  type PairToJudge,
  pairsToJudge,
  recipeId,
  recordCorpusDrops,
  recordJudgements,
} from '../dataset/judgements.ts';
import type { Ledger } from '../dataset/ledger.ts';
import type { Pair } from '../dataset/pair.ts';
import { openRawStore, type RawStore } from '../dataset/raw-store.ts';
import { UserError } from '../dataset/user-error.ts';
import type { Filter } from './filter.ts';
import { type Recipe, ruleRecords } from './recipe.ts';
import { type Candidate, scoreCandidates } from './scoring.ts';
import { type Standing, standingVerdicts } from './standing.ts';

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
  const total = countUnjudged(ledger, id);
  if (total === 0 && currentRecipe(ledger)?.finished) return funnel(ledger);
  markFinished(ledger, id, false);

  const standing = standingVerdicts(ledger, rules);
  const opened = raw ? null : openRawStore(dirname(ledger.db.name));
  try {
    let judged = 0;
    for (const batch of pairsToJudge(ledger, id, { batchSize })) {
      signal?.throwIfAborted();
      const judgements: Judgement[] = [];
      const candidates: Candidate[] = [];
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
      recordJudgements(ledger, id, judgements);
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

/** The judgement of a pair that a text or image rule drops, or the pair as a candidate for the scored rules. */
async function judge(
  { row, pair, sample, missing, before }: PairToJudge,
  recipe: Recipe,
  standing: Standing,
): Promise<Judgement | Candidate> {
  const text = recipe.clean ? recipe.clean.clean(pair.text) : pair.text;
  const known = { id: pair.id, row, ...(text === pair.text ? {} : { cleanedText: text }) };
  const first = async <In extends Pair>(rules: readonly Filter<In>[], x: In): Promise<Judgement | null> => {
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
