/** A corpus in a temporary folder, opened for a crawl and removed afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { committedRawEnd, openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';

export interface TemporaryCorpus {
  readonly dir: string;
  readonly ledger: Ledger;
  readonly raw: RawStore;
  /** Every pair as one sorted line: image, text, source, page. */
  pairs(): string[];
  /** Reason (or status, when there is none) by URL, without the server's address. */
  pages(): Record<string, string>;
  images(): Record<string, string>;
  remove(): void;
}

export function temporaryCorpus(): TemporaryCorpus {
  const dir = mkdtempSync(join(tmpdir(), 'lait-corpus-'));
  const corpus = openCorpus(dir);
  return {
    ...corpus,
    remove: () => {
      corpus.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Opens a corpus folder that may exist, as a new process would. */
export function openCorpus(dir: string) {
  const ledger = Ledger.open(dir);
  const raw = openRawStore(dir, { committedEnd: committedRawEnd(ledger) });
  const path = (url: string): string => {
    const { pathname, search } = new URL(url);
    return pathname + search;
  };
  const byUrl = (table: 'pages' | 'images'): Record<string, string> => {
    const rows = ledger.db.prepare(`SELECT url, status, reason FROM ${table} ORDER BY url`).all() as {
      url: string;
      status: string;
      reason: string | null;
    }[];
    return Object.fromEntries(rows.map(({ url, status, reason }) => [path(url), reason ?? status]));
  };
  return {
    dir,
    ledger,
    raw,
    pairs: () =>
      (
        ledger.db
          .prepare(
            `SELECT i.url AS image, p.text, p.source, p.page_url AS page FROM pairs p JOIN images i ON i.id = p.image_id`,
          )
          .all() as { image: string; text: string; source: string; page: string }[]
      )
        .map(({ image, text, source, page }) => `${path(image)} | ${source} | ${text} | ${path(page)}`)
        .sort(),
    pages: () => byUrl('pages'),
    images: () => byUrl('images'),
    close: () => {
      raw.close();
      ledger.close();
    },
  };
}
