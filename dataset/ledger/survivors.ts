/**
 * The pairs that every rule of the current recipe keeps and whose image is stored. What a survivor is says the view
 * `survivors` in migrations.ts, and nothing else.
 *
 * Functions that read many rows with one cursor take a callback and have closed it when they are done: while a cursor is open,
 * the connection refuses every other statement. Nothing may use the ledger until then. They read in turns, between which signals
 * are heard.
 */

import { eachInTurns } from '../in-turns.ts';
import type { Ledger } from './ledger.ts';
import { type Gone, goneColumn } from './origins.ts';
import { resizedFrom } from './records.ts';
import { imageColumns, type StoredSample } from './stored-sample.ts';

/** A survivor as the export wants it: its text is the cleaned one. */
export interface KeptSample extends StoredSample {
  readonly foundText: string;
  readonly licenseUrl: string | null;
  /** Why the pair is not on the web any more; null when it is. */
  readonly gone: Gone | null;
  /** By rule name, the scores of the pair and of its image. */
  readonly scores: Readonly<Record<string, number>>;
}
/**
 * The survivors, ordered by id, with the place of their bytes. Reads in pages: the ledger may be written to meanwhile.
 * `currentRecipe(ledger)?.finished` tells whether the screening behind them ran to its end.
 */
export function* keptSamples(
  ledger: Ledger,
  {
    batchSize = 1000,
    onlyNew = false,
  }: { batchSize?: number /** Only those that `findGrowth` found. */; onlyNew?: boolean } = {},
): Generator<KeptSample> {
  const [from, id] = onlyNew
    ? ['(SELECT id FROM temp.new_pairs WHERE NOT is_failure) n CROSS JOIN survivors s ON s.id = n.id', 'n.id']
    : ['survivors s', 's.id'];
  const survivors = ledger.db.prepare(
    `SELECT s.id, s.image_url AS imageUrl, s.page_url AS pageUrl, p.text AS foundText, s.text, s.source, s.gone,
       g.title AS pageTitle, g.text AS pageText, g.license_url AS licenseUrl, ${imageColumns}
     FROM ${from} JOIN pairs p ON p.rowid = s.row JOIN images i ON i.id = s.image_id JOIN pages g ON g.id = p.page_id
     WHERE ${id} > ? ORDER BY ${id} LIMIT ?`,
  );
  const scores = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject IN (?, ?)').raw();
  for (let after = ''; ; ) {
    const rows = survivors.all(after, batchSize) as KeptRow[];
    if (rows.length === 0) return;
    for (const row of rows) {
      yield withScores(row, scores.all(row.id, row.sha256) as [string, number][]);
    }
    after = rows.at(-1)!.id;
  }
}

/** What is known now of a pair whose image is stored, survivor or not; undefined where there is none with this id. */
export function keptSample(ledger: Ledger, id: string): KeptSample | undefined {
  const row = ledger
    .statement(
      `SELECT p.id, i.url AS imageUrl, p.page_url AS pageUrl, p.text AS foundText, coalesce(p.cleaned_text, p.text) AS text,
         p.source, ${goneColumn} AS gone, g.title AS pageTitle, g.text AS pageText, g.license_url AS licenseUrl, ${imageColumns}
       FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
       WHERE p.id = ? AND i.sha256 IS NOT NULL`,
    )
    .get(id) as KeptRow | undefined;
  if (row === undefined) return undefined;
  const scores = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject IN (?, ?)').raw();
  return withScores(row, scores.all(row.id, row.sha256) as [string, number][]);
}

type KeptRow = Omit<KeptSample, 'scores' | 'resized'> & { readonly resized: string | null };

const withScores = (row: KeptRow, scores: [string, number][]): KeptSample => ({
  ...row,
  resized: resizedFrom(row.resized),
  scores: Object.fromEntries(scores),
});

/** SQL: survivors with those that are not on the web any more, or without them. */
export const survivorsOf = (gone: 'keep' | 'drop'): string =>
  gone === 'keep' ? 'survivors' : '(SELECT * FROM survivors WHERE gone IS NULL)';

/** The ids of survivors that are not on the web any more. */
export const goneSurvivorIds = (ledger: Ledger): Set<string> =>
  new Set(ledger.db.prepare('SELECT id FROM survivors WHERE gone IS NOT NULL').pluck().all() as string[]);

/** Does the work while survivors are, to this connection alone, only those that are on the web still. */
export async function withoutGone<T>(ledger: Ledger, work: () => Promise<T>): Promise<T> {
  // A temporary view goes before one of the same name in the file.
  ledger.db.exec('CREATE TEMP VIEW survivors AS SELECT * FROM main.survivors WHERE gone IS NULL');
  try {
    return await work();
  } finally {
    ledger.db.exec('DROP VIEW IF EXISTS temp.survivors');
  }
}

/** A survivor as the rules over the whole corpus see it. */
export interface Survivor {
  readonly id: string;
  /** '' unless it was asked for: sorting texts takes room. */
  readonly text: string;
  readonly pageUrl: string;
  readonly imageUrl: string;
  readonly imageId: number;
  readonly sha256: string;
  readonly phash: string;
}

/**
 * Shows all survivors, best first: what is still on the web, then by the score of this name, those without one last; then by the source of the text, the size of the
 * picture in pixels, and the URL of the page.
 */
export async function eachSurvivorBestFirst(
  ledger: Ledger,
  scoreName: string,
  show: (survivor: Survivor) => void,
  { withText = false, signal }: { readonly withText?: boolean; readonly signal?: AbortSignal | undefined } = {},
): Promise<void> {
  const rows = ledger.db
    .prepare(
      `SELECT s.id, ${withText ? 's.text' : `''`} AS text, s.page_url AS pageUrl, s.image_url AS imageUrl, s.image_id AS imageId, s.sha256, s.phash FROM survivors s
       LEFT JOIN scores r ON r.subject = s.id AND r.rule = ?
       ORDER BY s.gone IS NOT NULL, r.score DESC NULLS LAST, s.source_rank, s.width * s.height DESC, s.page_url, s.id`,
    )
    .iterate(scoreName) as Iterable<Survivor>;
  await eachInTurns(rows, show, signal);
}

/** The ids of all survivors, highest score of this name first, those without one last. */
export function survivorIdsByScore(ledger: Ledger, scoreName: string): string[] {
  return ledger.db
    .prepare(
      `SELECT s.id FROM survivors s LEFT JOIN scores r ON r.subject = s.id AND r.rule = ?
       ORDER BY r.score DESC NULLS LAST, s.id`,
    )
    .pluck()
    .all(scoreName) as string[];
}

/** The score of this name that each survivor has; null where it has none. */
export function survivorScores(
  ledger: Ledger,
  scoreName: string,
): { readonly id: string; readonly score: number | null }[] {
  return ledger.db
    .prepare(
      'SELECT s.id, r.score FROM survivors s LEFT JOIN scores r ON r.subject = s.id AND r.rule = ? ORDER BY s.id',
    )
    .all(scoreName) as { id: string; score: number | null }[];
}

/** Shows the text and the image of every survivor. */
export async function eachSurvivorText(
  ledger: Ledger,
  show: (survivor: { readonly id: string; readonly text: string; readonly sha256: string }) => void,
  signal?: AbortSignal,
): Promise<void> {
  const rows = ledger.db.prepare('SELECT id, text, sha256 FROM survivors').iterate();
  await eachInTurns(rows as Iterable<{ id: string; text: string; sha256: string }>, show, signal);
}
