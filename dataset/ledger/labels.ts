/**
 * What people say of pairs: a label each, of the picture that they saw. One whose picture was replaced since says nothing of the new one,
 * and a takedown removes labels with their pairs.
 */
import type { TextSource } from '../pair.ts';
import type { Ledger } from './ledger.ts';

/** What a pair can be: its text says what the picture shows, or it does not, or the picture is nothing to keep, or no photograph; or nobody can tell. */
export const labelKinds = ['fits', 'does-not-fit', 'unsafe', 'not-a-photo', 'skipped'] as const;

export type Label = (typeof labelKinds)[number];

/** SQL: labels `l` that are of the picture which their pair `p` has now, `i`. */
const labelled = 'labels l JOIN pairs p ON p.id = l.pair_id JOIN images i ON i.id = p.image_id AND i.sha256 = l.sha256';

/**
 * Labels a pair, or takes its label back (null). Returns whether it did: not of a pair that is no more, or that has no stored picture.
 * Throws a DatabaseBusy while another process writes for longer than a moment, as `Ledger.writeWhenFree` waits for.
 */
export function setLabel(ledger: Ledger, id: string, label: Label | null, atMs = Date.now()): boolean {
  if (label === null) return ledger.db.prepare('DELETE FROM labels WHERE pair_id = ?').run(id).changes > 0;
  const put = ledger.db.prepare(
    `INSERT INTO labels (pair_id, sha256, label, labelled_at_ms)
       SELECT p.id, i.sha256, @label, max(@atMs, (SELECT coalesce(max(labelled_at_ms), 0) + 1 FROM labels))
       FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = @id AND i.sha256 IS NOT NULL AND i.segment IS NOT NULL
     ON CONFLICT (pair_id) DO UPDATE SET sha256 = excluded.sha256, label = excluded.label, labelled_at_ms = excluded.labelled_at_ms`,
  );
  return put.run({ id, label, atMs }).changes > 0;
}

/** The label of each pair that has one. */
export function labelsOf(ledger: Ledger): ReadonlyMap<string, Label> {
  const rows = ledger.db.prepare(`SELECT l.pair_id, l.label FROM ${labelled}`).raw().all() as [string, Label][];
  return new Map(rows);
}

/** The pair that was labelled last, to be taken back; null for none. */
export function lastLabelled(ledger: Ledger): { readonly id: string; readonly label: Label } | null {
  const row = ledger.db
    .prepare(`SELECT l.pair_id AS id, l.label FROM ${labelled} ORDER BY l.labelled_at_ms DESC LIMIT 1`)
    .get() as { id: string; label: Label } | undefined;
  return row ?? null;
}

/** A label with what it is of. */
export interface LabelledPair {
  readonly id: string;
  readonly label: Label;
  readonly labelledAtMs: number;
  readonly url: string;
  readonly pageUrl: string;
  /** As the filters cleaned it. */
  readonly text: string;
  readonly source: TextSource;
  readonly language: string | null;
  readonly sha256: string;
  readonly verdict: 'kept' | 'dropped' | 'unjudged';
  readonly droppedBy: string | null;
  readonly reason: string | null;
  readonly segment: number;
  readonly offset: number;
  readonly byteLength: number;
}

/** All labels, in the order of their pairs' ids. */
export function labelledPairs(ledger: Ledger): LabelledPair[] {
  return ledger.db
    .prepare(
      `SELECT l.pair_id AS id, l.label, l.labelled_at_ms AS labelledAtMs, i.url, p.page_url AS pageUrl,
         coalesce(p.cleaned_text, p.text) AS text, p.source, p.language, i.sha256,
         CASE WHEN p.judged_by IS NULL THEN 'unjudged' WHEN p.dropped_by IS NULL THEN 'kept' ELSE 'dropped' END AS verdict,
         iif(p.judged_by IS NULL, NULL, p.dropped_by) AS droppedBy, iif(p.judged_by IS NULL, NULL, p.drop_reason) AS reason,
         i.segment, i.offset, i.byte_length AS byteLength
       FROM ${labelled} WHERE i.segment IS NOT NULL ORDER BY l.pair_id`,
    )
    .all() as LabelledPair[];
}

/** A pair as it is shown to who labels it: without its verdict, which would sway them. */
export interface PairToLabel {
  readonly id: string;
  readonly text: string;
  readonly source: TextSource;
  readonly language: string | null;
  readonly pageTitle: string;
  readonly width: number;
  readonly height: number;
}

/** The text of a pair that is to be labelled, in characters. */
const shownCharacters = 2_000;

/** The pairs with these ids that have a stored picture, in their order. */
export function pairsToLabel(ledger: Ledger, ids: readonly string[]): PairToLabel[] {
  const select = ledger.statement(
    `SELECT p.id, substr(coalesce(p.cleaned_text, p.text), 1, ${shownCharacters}) AS text, p.source, p.language,
       substr(g.title, 1, ${shownCharacters}) AS pageTitle, i.width, i.height
     FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id WHERE p.id = ? AND i.segment IS NOT NULL`,
  );
  return ids.flatMap((id) => (select.get(id) as PairToLabel | undefined) ?? []);
}
