/** The last step of a screening: the rules that look at all survivors at once. */
import { eachInTurns } from '../in-turns.ts';
import type { Ledger } from './ledger.ts';
import { markFinished } from './recipes.ts';
import { goneSurvivorIds, withoutGone } from './survivors.ts';

/** A pair that a rule over the whole corpus drops. */
export interface Drop {
  readonly id: string;
  readonly reason: string;
}

/** A rule that looks at all survivors at once (survivors.ts) and says which to drop. */
export interface CorpusRule {
  readonly name: string;
  /** No cursor of the ledger is open any more when the drops are given. Throws the signal's reason when that stops it. */
  readonly drops: (ledger: Ledger, signal?: AbortSignal) => Promise<readonly Drop[]>;
}

/** Rows whose drops are taken back at once: about half a second's work. */
const rowsAtOnce = 50_000;

/**
 * Applies the corpus rules, in order, to everything that the rules for single pairs let through, and marks the recipe's
 * screening as finished; one transaction, in turns, of which nothing is left when the signal stops it. Pairs that an earlier pass
 * dropped by corpus rules are judged again, since a new pair may be a better text for an old image.
 */
export async function recordCorpusDrops(
  ledger: Ledger,
  recipe: number,
  rules: readonly CorpusRule[],
  signal?: AbortSignal,
): Promise<void> {
  await ledger.writeInTurns(async () => {
    const takeBack = ledger.db.prepare(
      `UPDATE pairs SET dropped_by = NULL, drop_reason = NULL WHERE rowid > ? AND rowid <= ? AND dropped_by LIKE 'corpus/%'`,
    );
    await eachInTurns(ranges(ledger), (after) => takeBack.run(after, after + rowsAtOnce), signal);
    const drop = ledger.db.prepare('UPDATE pairs SET dropped_by = ?, drop_reason = ? WHERE id = ?');
    const gone = goneSurvivorIds(ledger);
    for (const rule of rules) {
      const drops = await dropsOf(ledger, rule, gone, signal);
      await eachInTurns(drops, ({ id, reason }) => drop.run(rule.name, reason, id), signal);
    }
    markFinished(ledger, recipe, true);
  });
}

/**
 * What a rule drops: of the pairs that are on the web as if there were no others, so that what is gone neither counts nor wins;
 * of those that are gone as if they were there still, for exports that keep them.
 */
async function dropsOf(
  ledger: Ledger,
  rule: CorpusRule,
  gone: ReadonlySet<string>,
  signal: AbortSignal | undefined,
): Promise<readonly Drop[]> {
  if (gone.size === 0) return rule.drops(ledger, signal);
  const live = await withoutGone(ledger, () => rule.drops(ledger, signal));
  const all = await rule.drops(ledger, signal);
  return [...live, ...all.filter(({ id }) => gone.has(id))];
}

/** After which row each range begins. */
function* ranges(ledger: Ledger): Generator<number> {
  const last = ledger.db.prepare('SELECT coalesce(max(rowid), 0) FROM pairs').pluck().get() as number;
  for (let after = 0; after < last; after += rowsAtOnce) yield after;
}
