/** The pairs that every rule of the current recipe keeps. */

import type { Ledger } from './ledger.ts';
import { imageColumns, type StoredSample } from './stored-sample.ts';

/** A survivor as the export wants it: its text is the cleaned one. */
export interface KeptSample extends StoredSample {
  readonly foundText: string;
  readonly licenseUrl: string | null;
  /** By rule name, the scores of the pair and of its image. */
  readonly scores: Readonly<Record<string, number>>;
}
/**
 * The survivors, ordered by id, with the place of their bytes. Reads in pages: the ledger may be written to meanwhile.
 * Whether the screening behind it is complete says `currentRecipe(ledger)?.finished`.
 */
export function* keptSamples(ledger: Ledger, { batchSize = 1000 }: { batchSize?: number } = {}): Generator<KeptSample> {
  const survivors = ledger.db.prepare(
    `SELECT p.id, i.url AS imageUrl, p.page_url AS pageUrl, p.text AS foundText,
       coalesce(p.cleaned_text, p.text) AS text, p.source, g.title AS pageTitle, g.text AS pageText,
       g.license_url AS licenseUrl, ${imageColumns}
     FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
     WHERE p.id > ? AND p.judged_by IS NOT NULL AND p.dropped_by IS NULL AND i.sha256 IS NOT NULL
     ORDER BY p.id LIMIT ?`,
  );
  const scores = ledger.db.prepare('SELECT rule, score FROM scores WHERE subject IN (?, ?)').raw();
  for (let after = ''; ; ) {
    const rows = survivors.all(after, batchSize) as Omit<KeptSample, 'scores'>[];
    if (rows.length === 0) return;
    for (const row of rows) {
      yield { ...row, scores: Object.fromEntries(scores.all(row.id, row.sha256) as [string, number][]) };
    }
    after = rows.at(-1)!.id;
  }
}
