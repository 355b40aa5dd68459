/** The last step of a screening: the rules that look at all survivors at once. */
import type { Ledger } from './ledger.ts';
import { markFinished } from './recipes.ts';

/** A pair that a rule over the whole corpus drops. */
export interface Drop {
  readonly id: string;
  readonly reason: string;
}

/** A rule that looks at all survivors at once (survivors.ts) and says which to drop. */
export interface CorpusRule {
  readonly name: string;
  /** No cursor of the ledger is open any more when the drops are given. */
  readonly drops: (ledger: Ledger) => readonly Drop[];
}
/**
 * Applies the corpus rules, in order, to everything that the rules for single pairs let through, and marks the recipe's
 * screening as finished; one transaction. Pairs that an earlier pass dropped by corpus rules are judged again, since
 * a new pair may be a better text for an old image.
 */
export function recordCorpusDrops(ledger: Ledger, recipe: number, rules: readonly CorpusRule[]): void {
  ledger.write(() => {
    ledger.db.exec(`UPDATE pairs SET dropped_by = NULL, drop_reason = NULL WHERE dropped_by LIKE 'corpus/%'`);
    const drop = ledger.db.prepare('UPDATE pairs SET dropped_by = ?, drop_reason = ? WHERE id = ?');
    for (const rule of rules) {
      for (const { id, reason } of rule.drops(ledger)) drop.run(rule.name, reason, id);
    }
    markFinished(ledger, recipe, true);
  });
}
