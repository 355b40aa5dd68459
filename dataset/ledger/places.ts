/**
 * What each picture is on each page that shows it: class, score and the features that these came from. A pair is judged by the best
 * of the pages that give it, so whatever changes that makes the pair unjudged again.
 */
import type Database from 'better-sqlite3';
import type { Dominance, PictureClass } from '../pair.ts';
import type { WrittenDominance } from './records.ts';

/** What is needed of a ledger: it imports this file. */
interface Statements {
  statement(sql: string): Database.Statement<unknown[]>;
}

/** SQL: class and score of the best place of a pair `p` as a JSON list, or null. A bare column beside `max` is of its row (SQLite). */
export const dominanceColumn = `(SELECT iif(max(s.score) IS NULL, NULL, json_array(s.class, s.score)) FROM places s
  WHERE s.image_id = p.image_id AND (s.page_id = p.page_id
    OR s.page_id IN (SELECT o.page_id FROM other_origins o WHERE o.pair_id = p.id)))`;

/** Reads `dominanceColumn`. */
export function readDominance(column: string | null): Pick<Dominance, 'class' | 'score'> | undefined {
  if (column === null) return undefined;
  const [pictureClass, score] = JSON.parse(column) as [PictureClass, number];
  return { class: pictureClass, score };
}

/** Records what an image is on a page; undefined says that nothing is known of it. To be called within a transaction. */
export function recordPlace(
  ledger: Statements,
  imageId: number,
  pageId: number,
  dominance: WrittenDominance | undefined,
): void {
  const known = ledger
    .statement('SELECT class, score, features FROM places WHERE image_id = ? AND page_id = ?')
    .get(imageId, pageId) as { class: string; score: number; features: string } | undefined;
  if (dominance === undefined) {
    if (known === undefined) return;
    ledger.statement('DELETE FROM places WHERE image_id = ? AND page_id = ?').run(imageId, pageId);
    unjudge(ledger, imageId, pageId);
    return;
  }
  const isSame = known?.class === dominance.class && known.score === dominance.score;
  if (isSame && known.features === dominance.features) return;
  setPlace(ledger, imageId, pageId, dominance);
  if (!isSame) unjudge(ledger, imageId, pageId);
}

/** The same without a look at what was known, for an image that is new to the ledger: none of its pairs was judged. */
export function setPlace(
  ledger: Statements,
  imageId: number,
  pageId: number,
  { class: pictureClass, score, features }: WrittenDominance,
): void {
  ledger
    .statement(
      `INSERT INTO places (image_id, page_id, class, score, features) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET class = excluded.class, score = excluded.score, features = excluded.features`,
    )
    .run(imageId, pageId, pictureClass, score, features);
}

/** Forgets the places on a page of images that it does not show now. To be called within a transaction. */
export function forgetOtherPlaces(ledger: Statements, pageId: number, shown: ReadonlySet<number>): void {
  const images = ledger.statement('SELECT image_id FROM places WHERE page_id = ?').pluck().all(pageId) as number[];
  for (const imageId of images) if (!shown.has(imageId)) recordPlace(ledger, imageId, pageId, undefined);
}

/** The pairs of the image that this page gives are to be judged anew. */
function unjudge(ledger: Statements, imageId: number, pageId: number): void {
  ledger
    .statement(
      `UPDATE pairs SET judged_by = NULL WHERE image_id = @imageId AND judged_by IS NOT NULL AND (page_id = @pageId
         OR id IN (SELECT pair_id FROM other_origins WHERE page_id = @pageId))`,
    )
    .run({ imageId, pageId });
}

/** A pair that one more page gives, or one less, is to be judged anew where its image was judged on that page. */
export function unjudgeOrigin(ledger: Statements, pairId: string, pageId: number): void {
  ledger
    .statement(
      `UPDATE pairs SET judged_by = NULL WHERE id = @pairId AND judged_by IS NOT NULL
         AND EXISTS (SELECT 1 FROM places s WHERE s.image_id = pairs.image_id AND s.page_id = @pageId)`,
    )
    .run({ pairId, pageId });
}

/** One place of an image. */
export interface Place extends Dominance {
  readonly pageUrl: string;
}

/** The places of an image on the pages that give a pair, the best first. */
export function placesOfPair(ledger: Statements, pairId: string): Place[] {
  const rows = ledger
    .statement(
      `SELECT g.url AS pageUrl, s.class, s.score, s.features
       FROM pairs p JOIN places s ON s.image_id = p.image_id JOIN pages g ON g.id = s.page_id
       WHERE p.id = @pairId AND (s.page_id = p.page_id
         OR s.page_id IN (SELECT page_id FROM other_origins WHERE pair_id = @pairId))
       ORDER BY s.score DESC, g.url`,
    )
    .all({ pairId }) as (Omit<Place, 'features'> & { features: string })[];
  return rows.map((row) => ({ ...row, features: JSON.parse(row.features) }));
}
