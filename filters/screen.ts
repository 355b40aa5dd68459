/**
 * Judges a corpus by a recipe (LAIT §3 steps 2-5): for each pair the text rules, then, where its image was downloaded, the
 * image rules, first drop wins; at the end the rules over all survivors. Only pairs that this recipe has not judged are
 * looked at, and of those only by rules whose verdict an earlier recipe has not given already: a moved threshold costs
 * one rule's work. Killed and started again, it goes on where the last batch was recorded.
 */
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
  type RuleRecord,
  recipeId,
  recipeRules,
  recordCorpusDrops,
  recordJudgements,
} from '../dataset/judgements.ts';
import type { Ledger } from '../dataset/ledger.ts';
import type { Pair } from '../dataset/pair.ts';
import { UserError } from '../dataset/user-error.ts';
import { drop, type Filter, keep, type Verdict } from './filter.ts';
import { type Recipe, ruleRecords } from './recipe.ts';

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
  readonly onProgress?: (progress: ScreenProgress) => void;
  /** Stops after the batch at hand with the signal's reason; what was judged stays judged. */
  readonly signal?: AbortSignal;
  /** Pairs a transaction. */
  readonly batchSize?: number;
}

/** Judges every pair that the recipe has not judged and returns the whole corpus' funnel. */
export async function screen({ ledger, recipe, onProgress, signal, batchSize }: ScreenOptions): Promise<Funnel> {
  const rules = ruleRecords(recipe);
  refuseTwins(rules);
  const id = recipeId(ledger, rules);
  const total = countUnjudged(ledger, id);
  if (total === 0 && currentRecipe(ledger)?.finished) return funnel(ledger);
  markFinished(ledger, id, false);

  const standing = standingVerdicts(ledger, rules);
  let judged = 0;
  for (const batch of pairsToJudge(ledger, id, batchSize === undefined ? {} : { batchSize })) {
    signal?.throwIfAborted();
    const judgements: Judgement[] = [];
    for (const pair of batch) judgements.push(await judge(pair, recipe, standing));
    recordJudgements(ledger, id, judgements);
    judged += batch.length;
    onProgress?.({ stage: 'pairs', judged, total });
  }

  signal?.throwIfAborted();
  onProgress?.({ stage: 'corpus', judged, total });
  recordCorpusDrops(ledger, id, recipe.corpus);
  return funnel(ledger);
}

/** What an earlier recipe's rule of this name and these settings said, where it was asked at all. */
type Standing = (before: PairToJudge['before'], rule: string) => Verdict | undefined;

async function judge({ row, pair, sample, missing, before }: PairToJudge, recipe: Recipe, standing: Standing) {
  const first = async <In extends Pair>(rules: readonly Filter<In>[], x: In): Promise<Judgement | null> => {
    for (const rule of rules) {
      let verdict = standing(before, rule.name) ?? rule.judge(x);
      if (verdict instanceof Promise) verdict = await verdict;
      if (!verdict.keep) return { id: pair.id, row, droppedBy: rule.name, reason: verdict.reason };
    }
    return null;
  };
  const dropped = await first(recipe.text, pair);
  if (dropped) return dropped;
  if (!sample) return { id: pair.id, row, droppedBy: downloadRule, reason: missing };
  return (await first(recipe.image, sample)) ?? { id: pair.id, row, droppedBy: null, reason: null };
}

/** Pairs keep the first rule that dropped them: every rule before it, in the old order, let them pass. */
function standingVerdicts(ledger: Ledger, rules: readonly RuleRecord[]): Standing {
  const settings = (rule: RuleRecord) => `${rule.stage} ${JSON.stringify(rule.settings)}`;
  const now = new Map(rules.map((rule) => [rule.name, settings(rule)]));
  const stages = { text: 0, download: 1, image: 2, corpus: 3 };
  const places = new Map<number, Map<string, { place: number; same: boolean }>>();
  const placesOf = (recipe: number) => {
    let known = places.get(recipe);
    if (!known) {
      const old = [...recipeRules(ledger, recipe)].sort((a, b) => stages[a.stage] - stages[b.stage]);
      known = new Map(old.map((rule, place) => [rule.name, { place, same: now.get(rule.name) === settings(rule) }]));
      known.set(downloadRule, { place: old.filter(({ stage }) => stage === 'text').length - 0.5, same: false });
      places.set(recipe, known);
    }
    return known;
  };
  return (before, name) => {
    if (!before) return undefined;
    const known = placesOf(before.recipe);
    const rule = known.get(name);
    if (!rule?.same) return undefined;
    if (before.droppedBy === null) return keep;
    if (before.droppedBy === name) return drop(before.reason ?? '');
    return rule.place < (known.get(before.droppedBy)?.place ?? -1) ? keep : undefined;
  };
}

function refuseTwins(rules: readonly RuleRecord[]): void {
  const twin = rules.find(({ name }, at) => rules.findIndex((rule) => rule.name === name) !== at);
  if (twin) {
    throw new UserError(`Expected each rule once for the recipe but received ${twin.name} twice; remove one of them.`);
  }
}
