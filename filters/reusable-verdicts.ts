/**
 * Verdicts that need not be asked again. A pair keeps the first rule that dropped it, so every rule before that one, in
 * the order of the recipe that judged it, let it pass; where the rule's settings are the same today, it would again.
 */

import type { Ledger } from '../dataset/ledger/ledger.ts';
import { downloadRule, type PairToJudge, type RuleRecord, recipeRules } from '../dataset/ledger/verdicts.ts';
import { drop, keep, type Verdict } from './filter.ts';

type Before = Pick<NonNullable<PairToJudge['before']>, 'recipe' | 'droppedBy' | 'reason'>;

/** What is known of a pair without looking at it: its drop stands, it survives all rules for single pairs, or rules must be asked. */
export type Fate = 'same' | 'survives' | 'unknown';

/**
 * The fate of every pair that an earlier recipe has judged as `before`: today's rules in order, as far as their verdicts
 * stand. That there is no image stands as well, since a ledger forgets its judgement when the image changes.
 */
export function fateOf(before: Before, rules: readonly RuleRecord[], standing: ReusableVerdicts): Fate {
  const names = (isAsked: (stage: RuleRecord['stage']) => boolean) =>
    rules.filter(({ stage }) => isAsked(stage)).map(({ name }) => name);
  const text = names((stage) => stage === 'text');
  if (!text.includes(cleaner)) return 'unknown'; // the cleaned text may be another recipe's
  for (const name of [...text, downloadRule, ...names((stage) => stage === 'image' || stage === 'match')]) {
    if (name === downloadRule) {
      if (before.droppedBy === downloadRule) return 'same';
      continue;
    }
    const verdict = standing(before, name);
    if (verdict === undefined) return 'unknown';
    if (!verdict.keep) return 'same';
  }
  return 'survives';
}

/** What an earlier recipe's rule of this name and these settings said, where it was asked at all. */
export type ReusableVerdicts = (before: Before | null, rule: string) => Verdict | undefined;

const stages: Readonly<Record<RuleRecord['stage'], number>> = { text: 0, image: 2, match: 3, corpus: 4 };
const cleaner = 'text/clean';

export function reusableVerdicts(ledger: Ledger, rules: readonly RuleRecord[]): ReusableVerdicts {
  const recipes = new Map<number, Map<string, { readonly place: number; readonly same: boolean }>>();

  const placesOf = (recipe: number) => {
    const known = recipes.get(recipe);
    if (known) return known;
    const old = recipeRules(ledger, recipe).toSorted((a, b) => stages[a.stage] - stages[b.stage]);
    const now = new Map(rules.map((rule) => [rule.name, identity(rule)]));
    const was = new Map(old.map((rule) => [rule.name, identity(rule)]));
    // Another cleaning gives the rules another text.
    const sameText = was.get(cleaner) === now.get(cleaner);
    const places = new Map(
      old.map((rule, place) => {
        const readsText = rule.stage === 'text' || rule.stage === 'match';
        return [rule.name, { place, same: now.get(rule.name) === was.get(rule.name) && (sameText || !readsText) }];
      }),
    );
    places.set(downloadRule, { place: old.filter(({ stage }) => stage === 'text').length - 0.5, same: false });
    recipes.set(recipe, places);
    return places;
  };

  return (before, name) => {
    if (!before) return undefined;
    const places = placesOf(before.recipe);
    const rule = places.get(name);
    if (!rule?.same) return undefined;
    if (before.droppedBy === null) return keep;
    if (before.droppedBy === name) return drop(before.reason ?? '');
    return rule.place < (places.get(before.droppedBy)?.place ?? -1) ? keep : undefined;
  };
}

const identity = ({ stage, settings }: RuleRecord): string => `${stage} ${JSON.stringify(settings)}`;
