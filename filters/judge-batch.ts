/** Judges a batch by all rules for single pairs; touches no store, so that any machine may do it. */
import type { PairToJudge, PairVerdict } from '../dataset/ledger/verdicts.ts';
import { judgePairs } from './judge-pairs.ts';
import type { Recipe } from './recipe.ts';
import { type PairToScore, type ScoringTools, scorePairs } from './score-pairs.ts';

export interface BatchTools extends ScoringTools {
  /** Ends the work within a turn, or a group of pictures. */
  readonly signal?: AbortSignal | undefined;
  /** Hears how many pairs of the batch are judged. */
  readonly onJudged?: (pairs: number) => void;
}

/** The verdicts on the pairs; on fewer where the signal ends it. */
export async function judgeBatch(
  batch: readonly PairToJudge[],
  recipe: Recipe,
  { signal, onJudged, ...tools }: BatchTools,
): Promise<PairVerdict[]> {
  const verdicts: PairVerdict[] = [];
  const toScore: PairToScore[] = [];
  for (const one of await judgePairs(batch, { recipe, reusable: tools.reusable, signal })) {
    if ('droppedBy' in one) verdicts.push(one);
    else toScore.push(one);
  }
  if (signal?.aborted) return verdicts;
  for await (const scored of scorePairs(recipe.scored ?? [], toScore, tools)) {
    verdicts.push(...scored);
    onJudged?.(verdicts.length);
    if (signal?.aborted) break;
  }
  return verdicts;
}
