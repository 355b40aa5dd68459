/**
 * Web archives by which the process dies (see deaths.ts). Their records are no URLs of the queue, and many are read at once: after some deaths
 * of an import its records are read alone, each noted before, and one that goes on ending the process is given up.
 */
import { resolve } from 'node:path';
import type Database from 'better-sqlite3';
import { aloneAfterDeaths, givenUpAfterDeaths } from './deaths.ts';

/** Deaths of a record that was read alone after which it is given up: with those of the import before, as many as of a URL. */
const givenUpAfter = givenUpAfterDeaths - aloneAfterDeaths;

/** `is_open`: it was being read when the frontier was last written. */
export const archiveTables = `
  CREATE TABLE archives (
    source TEXT PRIMARY KEY,
    deaths INTEGER NOT NULL DEFAULT 0,
    is_open INTEGER NOT NULL DEFAULT 0
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE archive_records (
    source TEXT NOT NULL,
    record TEXT NOT NULL,
    deaths INTEGER NOT NULL DEFAULT 0,
    is_open INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (source, record)
  ) STRICT, WITHOUT ROWID;`;

/** To be called when a frontier is opened: what was being read has ended, by a death of the process or in good order. */
export function closeArchives(db: Database.Database, hasDied: boolean): void {
  for (const table of ['archives', 'archive_records']) {
    db.exec(`UPDATE ${table} SET deaths = deaths + ${hasDied ? 1 : 0}, is_open = 0 WHERE is_open = 1`);
  }
}

/** One import of an archive. */
export interface ArchiveImport {
  /** Whether each record is to be read alone, between `open` and `close`. */
  readonly isAlone: boolean;
  /** Whether a record has ended the process too often. */
  isGivenUp(record: string): boolean;
  open(record: string): void;
  /** It did not end the process. */
  close(record: string): void;
  /** The import has ended; where `isWhole`, all was read, and its deaths are forgotten. */
  end(isWhole: boolean): void;
}

/** A URL without what may be secret, or differ each time it is signed: its user, its password and its query. */
function keyOf(pathOrUrl: string): string {
  if (!/^https?:/i.test(pathOrUrl)) return resolve(pathOrUrl);
  const { origin, pathname } = new URL(pathOrUrl);
  return origin + pathname;
}

/** Notes that an archive is read from now on, by its path or URL. */
export function beginArchive(db: Database.Database, pathOrUrl: string): ArchiveImport {
  const source = keyOf(pathOrUrl);
  const deaths = db
    .prepare(
      'INSERT INTO archives (source, is_open) VALUES (?, 1) ON CONFLICT DO UPDATE SET is_open = 1 RETURNING deaths',
    )
    .pluck()
    .get(source) as number;
  const ofRecords = (which: string): string[] =>
    db
      .prepare(`SELECT record FROM archive_records WHERE source = ? AND deaths ${which} ${givenUpAfter}`)
      .pluck()
      .all(source) as string[];
  const givenUp = new Set(ofRecords('>='));
  const opened = db.prepare(
    'INSERT INTO archive_records (source, record, is_open) VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET is_open = 1',
  );
  const closed = db.prepare('DELETE FROM archive_records WHERE source = ? AND record = ?');
  return {
    isAlone: deaths >= aloneAfterDeaths || ofRecords('<').length > 0,
    isGivenUp: (record) => givenUp.has(record),
    open: (record) => void opened.run(source, record),
    close: (record) => void closed.run(source, record),
    end(isWhole) {
      db.transaction(() => {
        closeArchives(db, false);
        db.prepare('DELETE FROM archives WHERE source = ? AND (deaths = 0 OR ?)').run(source, isWhole ? 1 : 0);
        db.prepare('DELETE FROM archive_records WHERE source = ? AND deaths = 0').run(source);
      }).immediate();
    },
  };
}
