/**
 * Judges pairs by the rules that need no pixels: text rules, then, where there is an image, image rules; the first drop wins. A text
 * that a rule does not come to an end with is dropped as `too-costly`: the web wrote it, and the run goes on.
 */
import { setImmediate } from 'node:timers/promises';
import { DeadlinePassed, patience, withDeadline } from '../dataset/deadline.ts';
import { downloadRule } from '../dataset/ledger/recipes.ts';
import type { Score } from '../dataset/ledger/scores.ts';
import type { PairToJudge, PairVerdict, TextLanguage } from '../dataset/ledger/verdicts.ts';
import type { Pair } from '../dataset/pair.ts';
import type { Filter, Rule, Verdict } from './filter.ts';
import type { Recipe } from './recipe.ts';
import type { ReusableVerdicts } from './reusable-verdicts.ts';
import type { PairToScore } from './score-pairs.ts';

/** Ours: for longer no signal goes unheard. */
const maxTurnMs = 100;

/** Ours, of CPU time where the system tells it: texts of 20,000 characters of the worst kinds that we could think of take 0.1 s. */
const maxPairMs = 2000;

export interface JudgePairsOptions {
  readonly recipe: Recipe;
  readonly reusable: ReusableVerdicts;
  /** Ends the work within a turn, or with the pair at hand. */
  readonly signal?: AbortSignal | undefined;
  /** Of one pair, in ms. */
  readonly timeoutMs?: number;
}

/** The verdict on a pair that a rule drops, or the pair for the scored rules to judge. */
export type Judged = PairVerdict | PairToScore;

/** What is made of the pairs, in their order; of fewer where the signal ends it. */
export async function judgePairs(
  pairs: readonly PairToJudge[],
  options: JudgePairsOptions,
): Promise<readonly Judged[]> {
  const { recipe, reusable, signal, timeoutMs = maxPairMs } = options;
  const judged: Judged[] = [];
  const loaded = new Set<string>();
  let [at, left, rule] = [0, patience, ''];
  let wanting: Rule | undefined;

  /** Judges the pair at hand; undefined when a rule has to be loaded first. */
  const judgeOne = (): Judged | undefined => {
    const { row, pair, sample, missing, cleanedText, before } = pairs[at]!;
    const begin = (one: Rule): boolean => {
      rule = one.name;
      wanting = one.load && !loaded.has(one.name) ? one : undefined;
      return wanting === undefined;
    };
    const known: { id: string; row: number; cleanedText?: string; language?: TextLanguage } = { id: pair.id, row };
    const scores: Score[] = [];
    let text = pair.text;
    if (recipe.clean) {
      const was = reusable(before, recipe.clean.name);
      if (was?.keep === false) return { ...known, droppedBy: recipe.clean.name, reason: was.reason };
      if (!begin(recipe.clean)) return undefined;
      text = recipe.clean.clean(pair.text);
      if (text !== pair.text) known.cleanedText = text;
    }
    const first = <In extends Pair>(rules: readonly Filter<In>[], x: In): PairVerdict | 'passed' | undefined => {
      for (const one of rules) {
        let verdict: Verdict | undefined = reusable(before, one.name);
        if (!verdict) {
          if (!begin(one)) return undefined;
          verdict = one.judge(x);
        }
        if (verdict.language) known.language = verdict.language;
        if (verdict.score !== undefined) scores.push({ subject: pair.id, rule: one.name, score: verdict.score });
        if (!verdict.keep) return { ...known, scores, droppedBy: one.name, reason: verdict.reason };
      }
      return 'passed';
    };
    const byText = first(recipe.text, { ...pair, text });
    if (byText !== 'passed') return byText;
    if (!sample) return { ...known, scores, droppedBy: downloadRule, reason: missing };
    const byImage = first(recipe.image, { ...sample, text });
    if (byImage !== 'passed') return byImage;
    return { known, scores, before, sample: { ...sample, text }, isTextOfScores: (cleanedText ?? pair.text) === text };
  };

  /** A pair is done when `at` moves on: what was stopped before is judged again. */
  const turn = (): void => {
    const endsAtMs = performance.now() + maxTurnMs;
    while (at < pairs.length && performance.now() < endsAtMs) {
      const one = judgeOne();
      if (one === undefined) return;
      judged[at] = one;
      [at, left] = [at + 1, patience];
    }
  };

  while (at < pairs.length && !signal?.aborted) {
    try {
      withDeadline(turn, timeoutMs, left);
      await wanting?.load?.();
      if (wanting) loaded.add(wanting.name);
    } catch (error) {
      if (!(error instanceof DeadlinePassed)) throw error;
      left = error.patience;
    }
    // Here signals are heard.
    await setImmediate();
    if (left === 0 && !signal?.aborted) {
      const { row, pair } = pairs[at]!;
      judged[at] = { id: pair.id, row, droppedBy: rule, reason: 'too-costly' };
      [at, left] = [at + 1, patience];
    }
  }
  return judged.slice(0, at);
}
