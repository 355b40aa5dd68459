/**
 * Verdicts that need not be asked for again. A pair keeps the first rule that dropped it, so every rule before that one, in
 * the order of the recipe that judged it, let it pass; where the rule's version and settings are the same today, it would again.
 */
import { rawMissing } from '../dataset/ledger/lost-pictures.ts';
import { downloadRule, judgingOrder, type RuleRecord, ruleIdentity } from '../dataset/ledger/recipes.ts';
import type { PairToJudge } from '../dataset/ledger/verdicts.ts';
import { drop, keep, type Verdict } from './filter.ts';

type Before = Pick<NonNullable<PairToJudge['before']>, 'recipe' | 'droppedBy' | 'reason'>;

/** What is known of a pair without looking at it: it stays dropped, it survives all rules for single pairs, or rules must be asked. */
export type Fate = 'same' | 'survives' | 'unknown';

/**
 * The fate of every pair that an earlier recipe has judged as `before`: today's rules in order, as far as their verdicts
 * can be reused. That there is no image can be as well, since a ledger forgets its verdict when the image changes.
 */
export function fateOf(before: Before, rules: readonly RuleRecord[], reusable: ReusableVerdicts): Fate {
  if (!rules.some(({ name }) => name === cleaner)) return 'unknown'; // the cleaned text may be another recipe's
  for (const { name, stage } of judgingOrder(rules)) {
    if (stage === 'corpus') break;
    if (name === downloadRule) {
      if (before.droppedBy === downloadRule) return 'same';
      continue;
    }
    const verdict = reusable(before, name);
    if (verdict === undefined) return 'unknown';
    if (!verdict.keep) return 'same';
  }
  return 'survives';
}

/** What an earlier recipe's rule of this name, version and settings said, where it was asked at all. */
export type ReusableVerdicts = (before: Before | null, rule: string) => Verdict | undefined;

const cleaner = 'text/clean';

/** `rules` are those of today; `rulesOf` gives those of an earlier recipe, when a verdict of it is first asked for. */
export function reusableVerdicts(
  rules: readonly RuleRecord[],
  rulesOf: (recipe: number) => readonly RuleRecord[],
): ReusableVerdicts {
  const recipes = new Map<number, Map<string, { readonly place: number; readonly isSame: boolean }>>();

  const placesOf = (recipe: number) => {
    const known = recipes.get(recipe);
    if (known) return known;
    const old = rulesOf(recipe);
    const now = new Map(rules.map((rule) => [rule.name, ruleIdentity(rule)]));
    const was = new Map(old.map((rule) => [rule.name, ruleIdentity(rule)]));
    // Another cleaning gives the rules another text.
    const sameText = was.get(cleaner) === now.get(cleaner);
    const places = new Map(
      judgingOrder(old).map(({ name, stage }, place) => {
        const readsText = stage === 'text' || stage === 'match';
        const isSame = was.has(name) && now.get(name) === was.get(name) && (sameText || !readsText);
        return [name, { place, isSame }];
      }),
    );
    recipes.set(recipe, places);
    return places;
  };

  return (before, name) => {
    if (!before) return undefined;
    const places = placesOf(before.recipe);
    const rule = places.get(name);
    if (!rule?.isSame) return undefined;
    if (before.droppedBy === null) return keep;
    // The picture may be there again.
    if (before.droppedBy === name) return before.reason === rawMissing ? undefined : drop(before.reason ?? '');
    return rule.place < (places.get(before.droppedBy)?.place ?? -1) ? keep : undefined;
  };
}
