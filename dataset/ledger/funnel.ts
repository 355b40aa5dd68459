/** How many pairs each rule of the current recipe let through and dropped, and why. */

import type { Ledger } from './ledger.ts';
import { goneRows } from './origins.ts';
import { currentRecipe, judgingOrder, type RuleRecord } from './recipes.ts';

/** One step of the funnel: `entered - dropped = kept`, and `kept` enters the next step. */
export interface FunnelRow {
  readonly rule: string;
  readonly stage: RuleRecord['stage'] | 'download';
  readonly entered: number;
  readonly dropped: number;
  readonly kept: number;
  /** Most frequent first, ties by name. */
  readonly reasons: readonly { readonly reason: string; readonly count: number }[];
}
/**
 * What became of all pairs that are on the web: found = unjudged + what enters the first row; what leaves the last row is kept.
 */
export interface Funnel {
  readonly found: number;
  /** Pairs that a later visit did not find any more; no other number counts them, unless they were asked for. */
  readonly gone: number;
  readonly unjudged: number;
  readonly kept: number;
  readonly rows: readonly FunnelRow[];
}
/**
 * What the current recipe did, rule by rule in its order; no rows when the corpus was never screened. With `gone: 'keep'` pairs that are
 * gone count as all others do, as in an export that keeps them.
 */
export function funnel(ledger: Ledger, { gone: kind = 'drop' }: { readonly gone?: 'keep' | 'drop' } = {}): Funnel {
  const countOf = (rows: string) => ledger.db.prepare(`SELECT count(*) FROM ${rows}`).pluck().get() as number;
  const gone = kind === 'keep' ? 0 : countOf(`(${goneRows})`);
  const found = countOf('pairs') - gone;
  const recipe = currentRecipe(ledger);
  if (!recipe) return { found, gone, unjudged: found, kept: 0, rows: [] };
  const counts = ledger.db
    .prepare(
      `SELECT dropped_by AS rule, drop_reason AS reason, count(*) AS count FROM pairs
       WHERE judged_by = ? ${gone === 0 ? '' : `AND rowid NOT IN (${goneRows})`}
       GROUP BY dropped_by, drop_reason ORDER BY count DESC, reason`,
    )
    .all(recipe.id) as { rule: string | null; reason: string; count: number }[];
  let entered = counts.reduce((sum, { count }) => sum + count, 0);
  const unjudged = found - entered;
  const rows: FunnelRow[] = [];
  for (const { name, stage } of judgingOrder(recipe.rules)) {
    const reasons = counts.filter(({ rule }) => rule === name).map(({ reason, count }) => ({ reason, count }));
    const dropped = reasons.reduce((sum, { count }) => sum + count, 0);
    rows.push({ rule: name, stage, entered, dropped, kept: entered - dropped, reasons });
    entered -= dropped;
  }
  return { found, gone, unjudged, kept: entered, rows };
}
