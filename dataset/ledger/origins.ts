/**
 * Which pages give a pair. The pair's own row names the best of them (the better source of the text, then the page whose
 * URL sorts first, so that the order of the crawl does not matter); all others stand in `other_origins`. When a page gives a pair no
 * more, the next best takes its place, and when there is none the pair is marked as gone. Nothing is deleted: a takedown,
 * an export and `lait ledger explain` still find it, and a page that shows it again brings it back.
 */
import type Database from 'better-sqlite3';
import { pairId, type SourcedText, textSources } from '../pair.ts';
import { unjudgeOrigin } from './places.ts';
import type { FoundImage } from './records.ts';

/** Why no page gives a pair any more. */
export type PairEnd = 'not-on-page' | 'page-gone' | 'page-moved' | 'page-refused';

/** Why a pair is not on the web any more: no page gives it, or its picture is gone. */
export type Gone = PairEnd | 'image-gone';

/** SQL: why a pair `p` with the image `i` is gone, or null. */
export const goneColumn = `coalesce(p.gone, iif(i.reason = 'gone', 'image-gone', NULL))`;

/** SQL: the rows of all pairs that are gone. Reads no pair that is there. */
export const goneRows = `SELECT rowid FROM pairs WHERE gone IS NOT NULL UNION ALL
  SELECT p.rowid FROM images i CROSS JOIN pairs p ON p.image_id = i.id AND p.gone IS NULL WHERE i.reason = 'gone'`;

/** What is needed of a ledger: it imports this file. */
interface Statements {
  statement(sql: string): Database.Statement<unknown[]>;
}

interface Origin {
  readonly pageId: number;
  readonly pageUrl: string;
  readonly source: SourcedText['source'];
  readonly rank: number;
}

/** Records that a page gives these pairs of one image, and returns their ids. To be called within a transaction. */
export function givePairs(
  ledger: Statements,
  page: { readonly id: number; readonly url: string },
  imageId: number,
  { url, texts }: FoundImage,
): string[] {
  // The same text may stand in several places of one page.
  const best = new Map<string, SourcedText>();
  for (const text of texts) {
    const known = best.get(text.text);
    if (known === undefined || rankOf(text.source) < rankOf(known.source)) best.set(text.text, text);
  }
  return [...best.values()].map(({ source, text }) => {
    const id = pairId(url, text);
    const origin = { pageId: page.id, pageUrl: page.url, source, rank: rankOf(source) };
    if (!insertPair(ledger, id, imageId, text, origin)) addOrigin(ledger, id, origin);
    return id;
  });
}

/** The ids of all pairs that the page gives. */
export function pairsOfPage(ledger: Statements, pageId: number): string[] {
  return ledger
    .statement(
      `SELECT id FROM pairs WHERE page_id = @pageId AND gone IS NULL
       UNION ALL SELECT pair_id FROM other_origins WHERE page_id = @pageId`,
    )
    .pluck()
    .all({ pageId }) as string[];
}

/** Ends what the page gave before and does not give now. To be called within a transaction. */
export function endOtherPairs(
  ledger: Statements,
  pageId: number,
  given: ReadonlySet<string>,
  end: PairEnd,
  atMs: number,
): void {
  for (const id of pairsOfPage(ledger, pageId)) if (!given.has(id)) endOrigin(ledger, id, pageId, end, atMs);
}

const rankOf = (source: SourcedText['source']): number => textSources.indexOf(source);

/** Whether the pair was new. */
function insertPair(
  ledger: Statements,
  id: string,
  imageId: number,
  text: string,
  { pageId, pageUrl, source, rank }: Origin,
): boolean {
  const insert = ledger.statement(
    `INSERT INTO pairs (id, image_id, page_id, page_url, text, source, source_rank) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO NOTHING`,
  );
  return insert.run(id, imageId, pageId, pageUrl, text, source, rank).changes > 0;
}

/** One more page for a pair that is known, or the same page with another source. */
function addOrigin(ledger: Statements, id: string, origin: Origin): void {
  const { gone, ...owner } = ledger
    .statement(
      'SELECT gone, page_id AS pageId, page_url AS pageUrl, source, source_rank AS rank FROM pairs WHERE id = ?',
    )
    .get(id) as Origin & { readonly gone: string | null };
  if (gone !== null) own(ledger, id, origin);
  else if (owner.pageId === origin.pageId) {
    if (owner.rank === origin.rank) return;
    const other = bestOther(ledger, id);
    if (other === undefined || isBetter(origin, other)) own(ledger, id, origin);
    else {
      own(ledger, id, other);
      setOther(ledger, id, origin);
    }
  } else if (isBetter(origin, owner)) {
    own(ledger, id, origin);
    setOther(ledger, id, owner);
  } else setOther(ledger, id, origin);
}

const isBetter = (a: Origin, b: Origin): boolean => a.rank < b.rank || (a.rank === b.rank && a.pageUrl < b.pageUrl);

function endOrigin(ledger: Statements, id: string, pageId: number, end: PairEnd, atMs: number): void {
  const forgotten = ledger.statement('DELETE FROM other_origins WHERE pair_id = ? AND page_id = ?').run(id, pageId);
  if (forgotten.changes > 0) {
    unjudgeOrigin(ledger, id, pageId);
    return;
  }
  const next = bestOther(ledger, id);
  if (next !== undefined) own(ledger, id, next);
  else ledger.statement('UPDATE pairs SET gone = ?, gone_at_ms = ? WHERE id = ?').run(end, atMs, id);
}

function bestOther(ledger: Statements, id: string): Origin | undefined {
  return ledger
    .statement(
      `SELECT o.page_id AS pageId, g.url AS pageUrl, o.source, o.source_rank AS rank
       FROM other_origins o JOIN pages g ON g.id = o.page_id WHERE o.pair_id = ? ORDER BY o.source_rank, g.url LIMIT 1`,
    )
    .get(id) as Origin | undefined;
}

/** Makes this page the pair's own, which brings back a pair that was gone. */
function own(ledger: Statements, id: string, { pageId, pageUrl, source, rank }: Origin): void {
  ledger
    .statement(
      `UPDATE pairs SET page_id = ?, page_url = ?, source = ?, source_rank = ?, gone = NULL, gone_at_ms = NULL
       WHERE id = ?`,
    )
    .run(pageId, pageUrl, source, rank, id);
  ledger.statement('DELETE FROM other_origins WHERE pair_id = ? AND page_id = ?').run(id, pageId);
}

function setOther(ledger: Statements, id: string, { pageId, source, rank }: Origin): void {
  const set = ledger
    .statement(
      `INSERT INTO other_origins (pair_id, page_id, source, source_rank) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET source = excluded.source, source_rank = excluded.source_rank
         WHERE source_rank IS NOT excluded.source_rank`,
    )
    .run(id, pageId, source, rank);
  if (set.changes > 0) unjudgeOrigin(ledger, id, pageId);
}

/**
 * Makes the next visit of every page read it whole, also when its server says that it has not changed: the ledger may lack what the
 * page gives.
 */
export function readPagesWhole(ledger: Statements): void {
  ledger.statement('UPDATE pages SET has_origins = 0 WHERE has_origins = 1').run();
}
