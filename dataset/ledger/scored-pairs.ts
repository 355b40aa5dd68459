/**
 * The scores of the pairs that came to a rule, or the measurements that it judges by, sorted: what moving its threshold would change is then two searches in a list, and no pair
 * is judged again.
 */
import type { Ledger } from './ledger.ts';
import { goneRows } from './origins.ts';
import { currentRecipe, judgingOrder, scoreNameOf } from './recipes.ts';

/** All pairs on the web that a rule of the current recipe was asked about. */
export interface ScoredPairs {
  /** Ascending. */
  readonly scores: Float64Array;
  /** In the order of `scores`: the pair's place in the table of pairs. */
  readonly rows: Float64Array;
  /** In the order of `scores`: 0 where this rule dropped the pair, 1 where a later one did, 2 where none did. */
  readonly fates: Uint8Array;
  /** Pairs without a score: the rule kept those it has nothing against, and dropped those that could not be measured. */
  readonly unscored: { readonly kept: number; readonly keptByAll: number; readonly dropped: number };
}

export const fate = { dropped: 0, droppedLater: 1, kept: 2 } as const;

/** What a rule judges by: its score of the image or of the pair, or what was measured of the image as it was downloaded. */
export type JudgedBy = 'image-score' | 'pair-score' | 'shorter-side' | 'bytes';

/** SQL: the value of a pair `p` with its image `i`, or the subject of its score. */
const columns: Readonly<Record<JudgedBy, string>> = {
  'image-score': 'i.sha256',
  'pair-score': 'p.id',
  'shorter-side': 'min(i.width, i.height)',
  bytes: `coalesce(i.resized ->> '$.originalByteLength', i.byte_length)`,
};

/** Reads them; undefined where the current recipe has no such rule. */
export function scoredPairs(ledger: Ledger, rule: string, judgedBy: JudgedBy): ScoredPairs | undefined {
  const recipe = currentRecipe(ledger);
  const record = recipe?.rules.find(({ name }) => name === rule);
  if (!recipe || !record) return undefined;
  const order = judgingOrder(recipe.rules).map(({ name }) => name);
  const later = order.slice(order.indexOf(rule) + 1);
  const isScore = judgedBy === 'image-score' || judgedBy === 'pair-score';
  const rows = ledger.db
    .prepare(
      `SELECT q.row, ${isScore ? 's.score' : 'q.value'}, q.fate FROM (
         SELECT p.rowid AS row, ${columns[judgedBy]} AS value,
           CASE WHEN p.dropped_by IS NULL THEN ${fate.kept} WHEN p.dropped_by = @rule THEN ${fate.dropped}
             ELSE ${fate.droppedLater} END AS fate
         FROM pairs p ${judgedBy === 'pair-score' ? '' : 'JOIN images i ON i.id = p.image_id'}
         WHERE p.judged_by = @recipe AND (p.dropped_by IS NULL OR p.dropped_by = @rule
           OR p.dropped_by IN (SELECT value FROM json_each(@later))) AND p.rowid NOT IN (${goneRows})
         ORDER BY 2 LIMIT -1) q -- In the order of the scores, or each is looked for on another page of the file.
       ${isScore ? 'LEFT JOIN scores s ON s.subject = q.value AND s.rule = @score' : ''}`,
    )
    .raw()
    .iterate({ rule, recipe: recipe.id, later: JSON.stringify(later), ...(isScore && { score: scoreNameOf(record) }) });
  const found: { row: number; score: number; fate: number }[] = [];
  const unscored = { kept: 0, keptByAll: 0, dropped: 0 };
  for (const [row, score, end] of rows as Iterable<[number, number | null, number]>) {
    if (score !== null) found.push({ row, score, fate: end });
    else if (end === fate.dropped) unscored.dropped += 1;
    else unscored.kept += 1;
    if (score === null && end === fate.kept) unscored.keptByAll += 1;
  }
  found.sort((a, b) => a.score - b.score || a.row - b.row);
  return {
    scores: Float64Array.from(found, ({ score }) => score),
    rows: Float64Array.from(found, ({ row }) => row),
    fates: Uint8Array.from(found, (pair) => pair.fate),
    unscored,
  };
}
