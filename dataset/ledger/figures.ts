/** What the report shows, asked of the ledger. */

import type { Ledger } from './ledger.ts';
import { goneColumn, goneRows } from './origins.ts';
import type { StoredSample } from './stored-sample.ts';

/** A pair for the picture grids; `place` is null where no image was stored. */
export interface ExamplePair {
  readonly text: string;
  readonly source: string;
  readonly pageUrl: string;
  readonly imageUrl: string;
  /** Both null for a survivor. */
  readonly droppedBy: string | null;
  readonly reason: string | null;
  /** Where one was asked for. */
  readonly score: number | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly place: Pick<StoredSample, 'segment' | 'offset' | 'byteLength'> | null;
}

/** Which pairs to show. */
export interface Choice {
  /** The rule that dropped them; `null` for survivors. */
  readonly droppedBy: readonly (string | null)[];
  readonly count: number;
  /** The name of a score: pairs that have it, those nearest to `near` first. Without it any pairs will do. */
  readonly score?: string | undefined;
  readonly near?: number | undefined;
  /** Where to begin among any pairs, 0 to 1, so that two grids of one kind show different ones. */
  readonly from?: number;
}

type Row = Omit<ExamplePair, 'place'> & { image: number; segment: number | null; offset: number; byteLength: number };

/** An image has several texts: so many pairs are read for each one shown, no image twice. */
const pairsRead = 5;

/** Some pairs that are on the web by what became of them, each of another image. Ids are hashes, so pairs in their order are any pairs. */
export function examples(ledger: Ledger, { droppedBy, count, score, near = 0, from = 0 }: Choice): ExamplePair[] {
  const given = { droppedBy: JSON.stringify(droppedBy.map((rule) => rule ?? '')), maxRows: pairsRead * count };
  const select = (column: string, join: string, and: string, order: string, values: object) =>
    ledger.db
      .prepare(
        `SELECT coalesce(p.cleaned_text, p.text) AS text, p.source, p.page_url AS pageUrl, i.url AS imageUrl,
           p.dropped_by AS droppedBy, p.drop_reason AS reason, i.id AS image, i.width, i.height, i.segment, i.offset,
           i.byte_length AS byteLength, ${column} AS score
         FROM pairs p JOIN images i ON i.id = p.image_id ${join}
         WHERE p.judged_by IS NOT NULL AND ${goneColumn} IS NULL AND coalesce(p.dropped_by, '') IN (SELECT value FROM json_each(@droppedBy)) ${and}
         ORDER BY ${order} LIMIT @maxRows`,
      )
      .all({ ...given, ...values }) as Row[];
  const after = (comparison: '>=' | '<') =>
    select('NULL', '', `AND p.id ${comparison} @id`, 'p.id', {
      id: Math.floor(from * 2 ** 32)
        .toString(16)
        .padStart(8, '0'),
    });
  const rows =
    score === undefined
      ? [...after('>='), ...after('<')]
      : select(
          's.score',
          'JOIN scores s ON s.rule = @score AND s.subject IN (i.sha256, p.id)',
          '',
          'abs(s.score - @near), p.id',
          {
            score,
            near,
          },
        );
  const seen = new Set<number>();
  const distinct = rows.filter(({ image }) => !seen.has(image) && seen.add(image)).slice(0, count);
  return distinct.map(({ image, segment, offset, byteLength, ...row }) => ({
    ...row,
    place: segment === null ? null : { segment, offset, byteLength },
  }));
}

/** All stored scores by name; of more than `maxValues` an even sample. */
export function scores(ledger: Ledger, maxValues = 200_000): Map<string, number[]> {
  const found = new Map<string, number[]>();
  const counts = ledger.db.prepare('SELECT rule, count(*) FROM scores GROUP BY rule ORDER BY rule').raw().all();
  for (const [rule, count] of counts as [string, number][]) {
    const step = Math.ceil(count / maxValues);
    const values = ledger.db
      .prepare('SELECT score FROM (SELECT score, row_number() OVER () AS n FROM scores WHERE rule = ?) WHERE n % ? = 0')
      .pluck()
      .all(rule, step) as number[];
    found.set(rule, values);
  }
  return found;
}

/** The shorter side of every stored image, in pixels. */
export const shorterSides = (ledger: Ledger): number[] =>
  ledger.db.prepare('SELECT min(width, height) FROM images WHERE width IS NOT NULL').pluck().all() as number[];

/** Pairs on the web, found and kept by host, most found first. */
export function hosts(
  ledger: Ledger,
  maxHosts = 20,
): { readonly host: string; readonly found: number; readonly kept: number }[] {
  const counts = new Map<string, { host: string; found: number; kept: number }>();
  const pages = ledger.db
    .prepare(
      `SELECT page_url, count(*), sum(rowid IN (SELECT row FROM survivors)) FROM pairs
       WHERE rowid NOT IN (${goneRows}) GROUP BY page_url`,
    )
    .raw()
    .iterate() as IterableIterator<[string, number, number]>;
  for (const [url, found, kept] of pages) {
    const host = new URL(url).host;
    const count = counts.get(host) ?? { host, found: 0, kept: 0 };
    count.found += found;
    count.kept += kept;
    counts.set(host, count);
  }
  return [...counts.values()].sort((a, b) => b.found - a.found || (a.host < b.host ? -1 : 1)).slice(0, maxHosts);
}

/** How many pairs each fetched page gave in the end: pages by 0, 1, 2, … kept pairs, the last class open. */
export function yields(ledger: Ledger, classes = 10): number[] {
  const rows = ledger.db
    .prepare(
      `SELECT min(kept, ?), count(*) FROM (
         SELECT g.id, count(p.id) FILTER (WHERE p.rowid IN (SELECT row FROM survivors WHERE gone IS NULL)) AS kept
         FROM pages g LEFT JOIN pairs p ON p.page_id = g.id WHERE g.status IN ('fetched', 'unchanged') GROUP BY g.id)
       GROUP BY 1`,
    )
    .raw()
    .all(classes) as [number, number][];
  const counts = new Array<number>(classes + 1).fill(0);
  for (const [kept, pages] of rows) counts[kept] = pages;
  return counts;
}
