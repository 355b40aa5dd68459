/**
 * Verdicts: which recipe judged a pair, the first rule that dropped it and why. Pairs to be judged come from here in
 * batches, and what was said of them goes back.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Pair, TextSource } from '../pair.ts';
import type { Ledger } from './ledger.ts';
import { goneColumn } from './origins.ts';
import { dominanceColumn, readDominance } from './places.ts';
import { resizedFrom } from './records.ts';
import type { Score } from './scores.ts';
import { imageColumns, type StoredSample } from './stored-sample.ts';

/** The language of a text: ISO 639-1, and its detector's score of it, 0 to 1. */
export interface TextLanguage {
  readonly code: string;
  readonly score: number;
}

/** One pair to be judged. */
export interface PairToJudge {
  /** Its place in the table of pairs. */
  readonly row: number;
  readonly pair: Pair;
  /** Present when the image was downloaded and decoded. */
  readonly sample: StoredSample | null;
  /** Why there is no sample, in kebab-case (`pending`: not fetched yet); null when there is one. */
  readonly missing: string | null;
  /** The text after the cleaning that its stored scores are of; null: as found. */
  readonly cleanedText: string | null;
  /** What an earlier recipe said of it, null when it was never judged or has changed since. */
  readonly before: {
    readonly recipe: number;
    readonly droppedBy: string | null;
    readonly reason: string | null;
    readonly language: TextLanguage | null;
  } | null;
}

/** What a recipe said of one pair. */
export interface PairVerdict {
  readonly id: string;
  /** `PairToJudge.row`, when known: finds the pair faster than its id does. */
  readonly row?: number;
  /** The first rule that dropped it, `download` when there is no image to judge, null when it survives. */
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** The text after cleaning; missing when cleaning changed nothing. */
  readonly cleanedText?: string;
  /** Missing where no rule asked for it: what is known stays. */
  readonly language?: TextLanguage;
  readonly scores?: readonly Score[];
}

/** How many pairs this recipe has not judged. */
export function countUnjudged(ledger: Ledger, recipe: number): number {
  return ledger.db.prepare('SELECT count(*) FROM pairs WHERE judged_by IS NOT ?').pluck().get(recipe) as number;
}

/** The columns of `pairsToJudge` in their order: rows as arrays cost half of what rows as objects do. */
type PairRow = readonly [
  row: number,
  id: string,
  imageUrl: string,
  pageId: number,
  pageUrl: string,
  text: string,
  source: TextSource,
  judgedBy: number | null,
  droppedBy: string | null,
  dropReason: string | null,
  cleanedText: string | null,
  language: string | null,
  languageScore: number | null,
  status: string,
  imageReason: string | null,
  format: string,
  width: number,
  height: number,
  frames: number,
  byteLength: number,
  sha256: string | null,
  phash: string,
  segment: number,
  offset: number,
  resized: string | null,
  dominance: string | null,
];

const selectPairs = `SELECT p.rowid, p.id, i.url, p.page_id, p.page_url, p.text, p.source, p.judged_by, p.dropped_by, p.drop_reason,
    p.cleaned_text, p.language, p.language_score, i.status, i.reason, ${imageColumns}, ${dominanceColumn}
  FROM pairs p JOIN images i ON i.id = p.image_id`;

/**
 * All pairs that this recipe has not judged, in the order they were found, in batches. Each batch is read whole, so
 * that verdicts may be recorded between two batches.
 */
export function* pairsToJudge(
  ledger: Ledger,
  recipe: number,
  { batchSize = 2000 }: { batchSize?: number } = {},
): Generator<readonly PairToJudge[]> {
  const pairs = ledger.db
    .prepare(`${selectPairs} WHERE p.rowid > ? AND p.judged_by IS NOT ? ORDER BY p.rowid LIMIT ?`)
    .raw();
  for (let after = -1; ; ) {
    const rows = pairs.all(after, recipe, batchSize) as PairRow[];
    if (rows.length === 0) return;
    yield withPages(ledger, rows);
    after = rows.at(-1)![0];
  }
}

/** The rows of those of these pairs that are as they were read: a crawl may have changed others meanwhile, which are to be judged anew. */
export function rowsAsRead(ledger: Ledger, batch: readonly PairToJudge[]): ReadonlySet<number> {
  const byRow = ledger.db.prepare(`${selectPairs} WHERE p.rowid = ?`).raw();
  const rows = batch.map(({ row }) => byRow.get(row) as PairRow | undefined).filter((one) => one !== undefined);
  const now = new Map(withPages(ledger, rows).map((one) => [one.row, one]));
  const isAsRead = ({ row, pair, sample, missing }: PairToJudge): boolean => {
    const other = now.get(row);
    return (
      other !== undefined &&
      other.missing === missing &&
      other.sample?.sha256 === sample?.sha256 &&
      isDeepStrictEqual(other.pair, pair)
    );
  };
  return new Set(batch.filter(isAsRead).map(({ row }) => row));
}

/** Pairs of one page lie together: its text is read once. */
function withPages(ledger: Ledger, rows: readonly PairRow[]): PairToJudge[] {
  const page = ledger.db.prepare('SELECT title, text FROM pages WHERE id = ?');
  const pages = new Map<number, { title: string; text: string }>();
  return rows.map((row) => {
    let found = pages.get(row[3]);
    if (!found) {
      found = page.get(row[3]) as { title: string; text: string };
      pages.set(row[3], found);
    }
    return pairToJudge(row, found);
  });
}

function pairToJudge(columns: PairRow, page: { readonly title: string; readonly text: string }): PairToJudge {
  // biome-ignore format: in the order of PairRow
  const [row, id, imageUrl, , pageUrl, text, source, recipe, droppedBy, reason, cleanedText, code, score,
    status, imageReason,
    format, width, height, frames, byteLength, sha256, phash, segment, offset, resized, placed] = columns;
  const dominance = readDominance(placed);
  const pair: Pair = {
    id,
    imageUrl,
    pageUrl,
    text,
    source,
    pageTitle: page.title,
    pageText: page.text,
    ...(dominance ? { dominance } : {}),
  };
  const before =
    recipe === null
      ? null
      : { recipe, droppedBy, reason, language: code === null ? null : { code, score: score ?? 0 } };
  if (status !== 'success' || sha256 === null) {
    return { row, pair, sample: null, missing: (imageReason ?? status).replaceAll('_', '-'), cleanedText, before };
  }
  const place = { segment, offset, resized: resizedFrom(resized) };
  const sample = { ...pair, format, width, height, frames, byteLength, sha256, phash, ...place };
  return { row, pair, sample, missing: null, cleanedText, before };
}

/** Records verdicts and their scores in one transaction; repeating it changes nothing. */
export function recordVerdicts(ledger: Ledger, recipe: number, verdicts: readonly PairVerdict[]): void {
  const verdict = `UPDATE pairs SET judged_by = ?, dropped_by = ?, drop_reason = ?, cleaned_text = ?,
    language = coalesce(?, language), language_score = coalesce(?, language_score) WHERE`;
  const byRow = ledger.db.prepare(`${verdict} rowid = ? AND id = ?`);
  const byId = ledger.db.prepare(`${verdict} id = ?`);
  const score = ledger.db.prepare('INSERT OR REPLACE INTO scores (subject, rule, score) VALUES (?, ?, ?)');
  ledger.write(() => {
    for (const { id, row, droppedBy, reason, cleanedText = null, language, scores } of verdicts) {
      const values = [recipe, droppedBy, reason, cleanedText, language?.code ?? null, language?.score ?? null];
      if (row === undefined) byId.run(...values, id);
      else byRow.run(...values, row, id);
      for (const { subject, rule, score: value } of scores ?? []) score.run(subject, rule, value);
    }
  });
}

/** Shows every distinct text that is on the web still, as it was found. The callback must not use the ledger: its cursor is open meanwhile. */
export function eachDistinctText(ledger: Ledger, show: (text: string) => void): void {
  const texts = ledger.db
    .prepare(
      `SELECT DISTINCT p.text FROM pairs p NOT INDEXED CROSS JOIN images i ON i.id = p.image_id WHERE ${goneColumn} IS NULL`,
    )
    .pluck()
    .iterate() as Iterable<string>;
  for (const text of texts) show(text);
}
