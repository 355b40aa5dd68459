/** What the export tells of a pair beyond its sample: rights, dates and headers; and the pairs whose image failed. */
import type { Ledger } from './ledger.ts';
import { type Gone, goneColumn } from './origins.ts';

/** Rights (JSON objects) of page and image, what the image's server said, and whether the file is whole. */
export interface Evidence {
  readonly pageRights: string | null;
  readonly imageRights: string | null;
  readonly fetchedAtMs: number | null;
  readonly etag: string | null;
  readonly lastModified: string | null;
  /** 1 for an image that is cut or has a wrong checksum, else 0. */
  readonly damaged: number;
  /** The language of the text with the detector's score of it; null where no rule asked. */
  readonly language: string | null;
  readonly languageScore: number | null;
  /** The image's address as its page wrote it, where that is not the key. */
  readonly writtenUrl: string | null;
}

const evidenceColumns = `g.rights AS pageRights, i.rights AS imageRights, i.fetched_at_ms AS fetchedAtMs, i.etag,
  i.last_modified AS lastModified, i.damaged, p.language, p.language_score AS languageScore, i.written_url AS writtenUrl`;

/** The evidence of one pair. */
export function evidenceOf(ledger: Ledger, id: string): Evidence {
  return ledger
    .statement(
      `SELECT ${evidenceColumns}
     FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id WHERE p.id = ?`,
    )
    .get(id) as Evidence;
}

/** A pair whose image could not be downloaded or decoded. */
export interface FailedPair extends Evidence {
  readonly id: string;
  readonly url: string;
  readonly text: string;
  readonly foundText: string;
  readonly source: string;
  readonly pageUrl: string;
  readonly pageTitle: string;
  readonly licenseUrl: string | null;
  /** Why the pair is not on the web any more; null when it is. */
  readonly gone: Gone | null;
  readonly status: string;
  readonly reason: string | null;
}

const failureColumns = `p.id, i.url, coalesce(p.cleaned_text, p.text) AS text, p.text AS foundText, p.source, p.page_url AS pageUrl,
  g.title AS pageTitle, g.license_url AS licenseUrl, ${goneColumn} AS gone, i.status, i.reason, ${evidenceColumns}`;

/** One pair whose image failed; undefined where there is none with this id. */
export function failedPair(ledger: Ledger, id: string): FailedPair | undefined {
  return ledger
    .statement(
      `SELECT ${failureColumns} FROM pairs p JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
       WHERE p.id = ? AND p.dropped_by = 'download'`,
    )
    .get(id) as FailedPair | undefined;
}

/** Those pairs that the text rules let through and whose image was tried in vain which `findGrowth` found, ordered by id. Reads in pages. */
export function* newFailedPairs(ledger: Ledger): Generator<FailedPair> {
  const statement = ledger.db.prepare<[string], FailedPair>(
    `SELECT ${failureColumns}
     FROM (SELECT id FROM temp.new_pairs WHERE is_failure) n CROSS JOIN pairs p ON p.id = n.id
       JOIN images i ON i.id = p.image_id JOIN pages g ON g.id = p.page_id
     WHERE n.id > ? ORDER BY n.id LIMIT 1000`,
  );
  for (let after = ''; ; ) {
    const rows = statement.all(after);
    if (rows.length === 0) return;
    yield* rows;
    after = rows.at(-1)!.id;
  }
}
