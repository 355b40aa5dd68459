/** Rules' scores: stored whatever the verdict, so that a moved threshold scores nothing again. */
import type { Ledger } from './ledger.ts';

/**
 * A rule's number for a pair (`subject` is the pair's id) or for an image (`subject` is its SHA-256). That of a pair is of the picture and
 * the cleaned text that the pair has now: where either changes, triggers of the ledger delete it.
 */
export interface Score {
  readonly subject: string;
  readonly rule: string;
  readonly score: number;
}
/** The stored scores of a pair or an image, by rule name. */
export function scoresOf(ledger: Ledger, subject: string): Record<string, number> {
  const rows = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject = ?').raw().all(subject);
  return Object.fromEntries(rows as [string, number][]);
}

/** Deletes the scores of this name: those of a rule whose code was corrected. */
export function deleteScores(ledger: Ledger, name: string): void {
  ledger.db.prepare('DELETE FROM scores WHERE rule = ?').run(name);
}

/** Whether any score of this name is stored. */
export const hasScores = (ledger: Ledger, name: string): boolean =>
  ledger.db.prepare('SELECT 1 FROM scores WHERE rule = ? LIMIT 1').get(name) !== undefined;

/** The names of all stored scores. Reads all of them. */
export const scoreNames = (ledger: Ledger): string[] =>
  ledger.db.prepare('SELECT DISTINCT rule FROM scores ORDER BY rule').pluck().all() as string[];

/** Whether the language of any kept pair is known. */
export const hasLanguages = (ledger: Ledger): boolean =>
  ledger.db.prepare('SELECT 1 FROM pairs WHERE language IS NOT NULL LIMIT 1').get() !== undefined;

/** A signal of rights that some page or image has. */
export interface RightsSignal {
  readonly of: 'page' | 'image';
  readonly signal: string;
}

/** All signals seen, sorted; those of images first. Reads all rights. */
export const rightsSignals = (ledger: Ledger): RightsSignal[] =>
  ledger.db
    .prepare(
      `SELECT 'image' AS of, key AS signal FROM images, json_each(images.rights)
       UNION SELECT 'page', key FROM pages, json_each(pages.rights) ORDER BY 1, 2`,
    )
    .all() as RightsSignal[];
