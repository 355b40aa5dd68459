/**
 * Which pairs people should look at: of each verdict of the current recipe (kept, or dropped by a rule) the same number, drawn by a seed.
 * Every pair has a number that the seed and its id give, and the pairs with the smallest numbers are the sample. So it is the same at every
 * call, what is added to the corpus changes little of it, and labels stay in it when a threshold moves.
 */
import { random } from '../random.ts';
import type { Ledger } from './ledger.ts';
import { currentRecipe } from './recipes.ts';

/** The verdict of pairs that no rule dropped, as a stratum. */
export const keptStratum = 'kept';

/** Pairs of one verdict. */
export interface Stratum {
  /** `kept`, or the rule that dropped them. */
  readonly verdict: string;
  /** Pairs of this verdict that have a stored picture. */
  readonly size: number;
  /** The sample, in the order in which it is to be labelled. */
  readonly ids: readonly string[];
}

/** Draws up to `each` pairs of every verdict; empty where the corpus was never screened. Reads all judged pairs once. */
export function drawSample(
  ledger: Ledger,
  { seed, each }: { readonly seed: number; readonly each: number },
): Stratum[] {
  const recipe = currentRecipe(ledger);
  if (recipe === null) return [];
  const rows = ledger.db
    .prepare(
      `SELECT p.id, coalesce(p.dropped_by, '${keptStratum}') FROM pairs p JOIN images i ON i.id = p.image_id
       WHERE p.judged_by = ? AND i.segment IS NOT NULL`,
    )
    .raw()
    .iterate(recipe.id) as IterableIterator<[string, string]>;
  const strata = new Map<string, { size: number; drawn: { id: string; place: number }[] }>();
  const smallest = (drawn: { id: string; place: number }[]) =>
    drawn.sort((a, b) => a.place - b.place || (a.id < b.id ? -1 : 1)).slice(0, each);
  for (const [id, verdict] of rows) {
    const stratum = strata.get(verdict) ?? { size: 0, drawn: [] };
    strata.set(verdict, stratum);
    stratum.size += 1;
    stratum.drawn.push({ id, place: placeOf(seed, id) });
    // No more is held than twice what is wanted, and a few.
    if (stratum.drawn.length > 2 * each + 100) stratum.drawn = smallest(stratum.drawn);
  }
  return [...strata].map(([verdict, { size, drawn }]) => ({
    verdict,
    size,
    ids: smallest(drawn).map(({ id }) => id),
  }));
}

/** A number in [0, 1) that the seed and a pair's id give. */
const placeOf = (seed: number, id: string): number =>
  random(seed, Number.parseInt(id.slice(0, 8), 16), Number.parseInt(id.slice(8, 16), 16)).next();
