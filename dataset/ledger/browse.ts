/**
 * Looking through a corpus while others write to it: pairs by what they are, newest first, a page at a time. No query looks at more rows
 * than it may; one that has not found enough by then says where to go on.
 */
import type { PictureClass, TextSource } from '../pair.ts';
import type { Ledger } from './ledger.ts';
import { goneColumn } from './origins.ts';
import type { StoredSample } from './stored-sample.ts';

/** Pictures by the pixels of their shorter side: from each of these to the next. */
export const sideSteps = [0, 200, 400, 800] as const;

/** What pairs to show; what is missing does not matter. */
export interface PairChoice {
  readonly verdict?: BrowsedPair['verdict'] | undefined;
  /** The rule that dropped them. */
  readonly rule?: string | undefined;
  readonly reason?: string | undefined;
  /** ISO 639-1; '' where it is not known. */
  readonly language?: string | undefined;
  /** Host and port of the page's URL. */
  readonly host?: string | undefined;
  readonly source?: TextSource | undefined;
  /** What the picture is on the page of the pair. */
  readonly class?: PictureClass | undefined;
  /** Their picture is stored, its shorter side between this step and the next. */
  readonly side?: (typeof sideSteps)[number] | undefined;
  /** Parts of the text, all of which it has; Latin letters in any case. */
  readonly words?: readonly string[] | undefined;
}

/** A pair as a grid shows it. */
export interface BrowsedPair {
  readonly id: string;
  /** Its beginning. */
  readonly text: string;
  readonly source: TextSource;
  readonly language: string | null;
  readonly pageUrl: string;
  /** `gone`, whatever rules say, where it is not on the web any more. */
  readonly verdict: 'kept' | 'dropped' | 'unjudged' | 'gone';
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** Of the picture as shown, in pixels; null where none was stored. */
  readonly width: number | null;
  readonly height: number | null;
}

export interface BrowsedPage {
  readonly pairs: readonly BrowsedPair[];
  /** The place after which the next page begins; null where there is no more. */
  readonly next: number | null;
}

/** The text of a pair in a grid, in characters. */
const shownCharacters = 300;

/** SQL: the columns of a `BrowsedPair` `p` with its image `i`. */
export const browsedColumns = `p.id, substr(coalesce(p.cleaned_text, p.text), 1, ${shownCharacters}) AS text, p.source, p.language,
  p.page_url AS pageUrl, CASE WHEN ${goneColumn} IS NOT NULL THEN 'gone' WHEN p.judged_by IS NULL THEN 'unjudged' WHEN p.dropped_by IS NULL THEN 'kept' ELSE 'dropped' END
    AS verdict, iif(p.judged_by IS NULL, NULL, p.dropped_by) AS droppedBy, iif(p.judged_by IS NULL, NULL, p.drop_reason) AS reason,
  iif(i.sha256 IS NULL, NULL, i.width) AS width, iif(i.sha256 IS NULL, NULL, i.height) AS height`;

/** Rows that one statement looks at. */
const rowsAtOnce = 5_000;

/** SQL that is true of the chosen pairs `p`, with its values. */
function conditions(choice: PairChoice): { readonly sql: string; readonly values: Record<string, string | number> } {
  const { verdict, rule, reason, language, host, source, side, words = [] } = choice;
  const parts: string[] = [];
  const values: Record<string, string | number> = {};
  const put = (name: string, value: string | number | undefined, sql: string): void => {
    if (value === undefined) return;
    parts.push(sql);
    values[name] = value;
  };
  if (verdict === 'gone') parts.push(`${goneColumn} IS NOT NULL`);
  else if (verdict !== undefined || rule !== undefined || reason !== undefined) parts.push(`${goneColumn} IS NULL`);
  if (verdict === 'unjudged') parts.push('p.judged_by IS NULL');
  if (verdict === 'kept') parts.push('p.judged_by IS NOT NULL AND p.dropped_by IS NULL');
  if (verdict === 'dropped') parts.push('p.judged_by IS NOT NULL AND p.dropped_by IS NOT NULL');
  put('rule', rule, 'p.judged_by IS NOT NULL AND p.dropped_by = @rule');
  put('reason', reason, 'p.judged_by IS NOT NULL AND p.drop_reason = @reason');
  put('language', language, `p.language IS nullif(@language, '')`);
  put('source', source, 'p.source = @source');
  // After the host of a URL comes a slash, and 0 is the character after that.
  const hostRange = (scheme: string): string =>
    `(p.page_url >= '${scheme}://' || @host || '/' AND p.page_url < '${scheme}://' || @host || '0')`;
  put('host', host, `(${hostRange('https')} OR ${hostRange('http')})`);
  words.forEach((word, at) => {
    const pattern = `%${word.replace(/[\\%_]/g, '\\$&')}%`;
    put(`word${at}`, pattern, `coalesce(p.cleaned_text, p.text) LIKE @word${at} ESCAPE '\\'`);
  });
  put(
    'class',
    choice.class,
    '(SELECT s.class FROM places s WHERE s.image_id = p.image_id AND s.page_id = p.page_id) = @class',
  );
  put('side', side, 'i.sha256 IS NOT NULL AND min(i.width, i.height) >= @side');
  const larger = side === undefined ? undefined : sideSteps.find((step) => step > side);
  put('larger', larger, 'min(i.width, i.height) < @larger');
  return { sql: parts.length === 0 ? '1' : parts.join(' AND '), values };
}

/**
 * The newest chosen pairs before a place that an earlier page named. It looks for at most `maxMs` and a little; then a page may have
 * fewer pairs than `count`, none even, and still name a next one.
 */
export function browse(
  ledger: Ledger,
  choice: PairChoice,
  { before = null, count = 60, maxMs = 100 }: { before?: number | null; count?: number; maxMs?: number } = {},
): BrowsedPage {
  const { sql, values } = conditions(choice);
  const select = ledger.db.prepare(
    `SELECT p.rowid AS row, ${browsedColumns} FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE p.rowid >= @from AND p.rowid < @before AND ${sql} ORDER BY p.rowid DESC LIMIT @count`,
  );
  const endsAtMs = performance.now() + maxMs;
  let place = before ?? (ledger.db.prepare('SELECT coalesce(max(rowid), 0) + 1 FROM pairs').pluck().get() as number);
  const pairs: BrowsedPair[] = [];
  while (place > 0) {
    const from = Math.max(0, place - rowsAtOnce);
    const wanted = count - pairs.length;
    const rows = select.all({ ...values, from, before: place, count: wanted }) as (BrowsedPair & { row: number })[];
    pairs.push(...rows.map(({ row: _, ...pair }) => pair));
    // A statement that stopped at its limit has looked no further than its last row.
    place = rows.length === wanted ? rows.at(-1)!.row : from;
    if (pairs.length === count || performance.now() >= endsAtMs) break;
  }
  return { pairs, next: place > 0 ? place : null };
}

/** The pairs at these places, in their order, the first of each picture; up to `count`. */
export function browsedAt(ledger: Ledger, rows: readonly number[], count: number): BrowsedPair[] {
  const select = ledger.statement(
    `SELECT coalesce(i.sha256, i.url) AS picture, ${browsedColumns} FROM pairs p JOIN images i ON i.id = p.image_id
     WHERE p.rowid = ?`,
  );
  const found = new Map<string, BrowsedPair>();
  for (const row of rows) {
    if (found.size === count) break;
    const pair = select.get(row) as (BrowsedPair & { picture: string }) | undefined;
    if (pair === undefined || found.has(pair.picture)) continue;
    const { picture, ...shown } = pair;
    found.set(picture, shown);
  }
  return [...found.values()];
}

/** Addresses of one picture, and pairs of them, that are looked at: a placeholder has a hundred thousand. */
const addressesLookedAt = 1_000;
const pairsLookedAt = 5_000;

/** Other texts of the same picture, by their sources; of a picture with very many addresses, of some of them. */
export function otherTexts(ledger: Ledger, id: string, maxTexts = 50): BrowsedPair[] {
  return ledger.db
    .prepare(
      `WITH own AS (SELECT i.id, i.sha256 FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = @id),
         same AS (SELECT id FROM own UNION SELECT * FROM (SELECT i.id FROM own JOIN images i ON i.sha256 = own.sha256 LIMIT ${addressesLookedAt})),
         others AS (SELECT p.rowid AS row FROM same JOIN pairs p ON p.image_id = same.id WHERE p.id <> @id LIMIT ${pairsLookedAt})
       SELECT ${browsedColumns} FROM others JOIN pairs p ON p.rowid = others.row JOIN images i ON i.id = p.image_id
       ORDER BY p.source_rank, p.id LIMIT @maxTexts`,
    )
    .all({ id, maxTexts }) as BrowsedPair[];
}

/** Where the bytes of a pair's picture lie, with the hash of the original; null where there is none. */
export function pictureOfPair(
  ledger: Ledger,
  id: string,
): (Pick<StoredSample, 'segment' | 'offset' | 'byteLength' | 'sha256'> & { readonly isResized: boolean }) | null {
  const row = ledger
    .statement(
      `SELECT i.segment, i.offset, i.byte_length AS byteLength, i.sha256, i.resized IS NOT NULL AS isResized
       FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = ? AND i.sha256 IS NOT NULL AND i.segment IS NOT NULL`,
    )
    .get(id) as
    | (Pick<StoredSample, 'segment' | 'offset' | 'byteLength' | 'sha256'> & { isResized: number })
    | undefined;
  return row === undefined ? null : { ...row, isResized: row.isResized === 1 };
}

/** Pairs by a value, most first. */
export type Counts = readonly { readonly value: string; readonly count: number }[];

/** What pairs can be chosen by. */
export interface Facets {
  readonly languages: Counts;
  readonly sources: Counts;
  /** Of the pages, the largest only. */
  readonly hosts: Counts;
  /** Whether it is known of any picture what it is on its page. */
  readonly hasPlaces: boolean;
}

/** Counts all pairs by what they can be chosen by. Reads the whole table of pairs once. */
export function facets(ledger: Ledger, maxHosts = 200): Facets {
  const languages = new Map<string, number>();
  const sources = new Map<string, number>();
  const hosts = new Map<string, number>();
  const add = (counts: Map<string, number>, value: string, count: number): void => {
    counts.set(value, (counts.get(value) ?? 0) + count);
  };
  const kinds = ledger.db
    .prepare(`SELECT coalesce(language, ''), source, count(*) FROM pairs GROUP BY 1, 2`)
    .raw()
    .iterate() as IterableIterator<[string, string, number]>;
  for (const [language, source, count] of kinds) {
    add(languages, language, count);
    add(sources, source, count);
  }
  const pages = ledger.db
    .prepare(
      'SELECT g.url, n.count FROM (SELECT page_id, count(*) AS count FROM pairs GROUP BY page_id) n JOIN pages g ON g.id = n.page_id',
    )
    .raw()
    .iterate() as IterableIterator<[string, number]>;
  for (const [url, count] of pages) if (URL.canParse(url)) add(hosts, new URL(url).host, count);
  return {
    languages: mostFirst(languages),
    sources: mostFirst(sources),
    hosts: mostFirst(hosts)
      .filter(({ value }) => value !== '')
      .slice(0, maxHosts),
    hasPlaces: ledger.db.prepare('SELECT 1 FROM places LIMIT 1').get() !== undefined,
  };
}

const mostFirst = (counts: ReadonlyMap<string, number>): { readonly value: string; readonly count: number }[] =>
  [...counts]
    .map(([value, count]) => ({ value, count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
