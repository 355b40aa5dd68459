/**
 * Judging again from the ledger alone: verdicts of an earlier recipe that still stand are taken over as ranges of rows, so
 * that a moved threshold costs one pass over the table and not a statement for each pair.
 */
import type { Ledger } from './ledger.ts';

/** Pairs that one recipe judged alike. */
export interface VerdictGroup {
  readonly recipe: number;
  /** The rule that dropped them; null for survivors. */
  readonly droppedBy: string | null;
  readonly reason: string | null;
}

/** All ways in which pairs were judged by other recipes than this one. */
export function verdictGroups(ledger: Ledger, recipe: number): VerdictGroup[] {
  return ledger.db
    .prepare(
      `SELECT DISTINCT judged_by AS recipe, dropped_by AS droppedBy, drop_reason AS reason FROM pairs
       WHERE judged_by IS NOT NULL AND judged_by IS NOT ?`,
    )
    .all(recipe) as VerdictGroup[];
}

/** Rows in one transaction: about half a second's work. */
const rowsAtOnce = 50_000;

/** After which row a range begins, and which is its last. */
export interface RowRange {
  readonly after: number;
  readonly last: number;
}

/** All pairs in ranges of which one call of `reuseVerdicts` takes each; none where there is no verdict to reuse. */
export function* reusableRanges(ledger: Ledger, groups: readonly VerdictGroup[]): Generator<RowRange> {
  if (groups.length === 0) return;
  const last = ledger.db.prepare('SELECT coalesce(max(rowid), 0) FROM pairs').pluck().get() as number;
  for (let after = 0; after < last; after += rowsAtOnce) yield { after, last: after + rowsAtOnce };
}

/**
 * Makes these groups' verdicts this recipe's own, cleaned texts included. What corpus rules dropped is dropped still, until
 * `recordCorpusDrops` asks them again.
 */
export function reuseVerdicts(ledger: Ledger, recipe: number, groups: readonly VerdictGroup[], range: RowRange): void {
  const carry = ledger.db.prepare(
    `UPDATE pairs SET judged_by = @recipe
     WHERE rowid > @after AND rowid <= @last AND judged_by IS NOT NULL AND judged_by IS NOT @recipe AND
       (judged_by, coalesce(dropped_by, ''), coalesce(drop_reason, '')) IN
         (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(@groups))`,
  );
  const json = JSON.stringify(groups.map((group) => [group.recipe, group.droppedBy ?? '', group.reason ?? '']));
  carry.run({ recipe, ...range, groups: json });
}

/**
 * Says of all pairs from one row to another, both included, that this recipe judges them as the last one did. Pairs
 * that were never judged, or have changed meanwhile, stay unjudged.
 */
export function reuseVerdictsOfRows(ledger: Ledger, recipe: number, firstRow: number, lastRow: number): void {
  ledger
    .statement(
      `UPDATE pairs SET judged_by = @recipe
       WHERE rowid BETWEEN @firstRow AND @lastRow AND judged_by IS NOT NULL AND judged_by IS NOT @recipe`,
    )
    .run({ recipe, firstRow, lastRow });
}
