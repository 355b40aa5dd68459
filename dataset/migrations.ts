/** The ledger's schema as versioned steps; `PRAGMA user_version` says how many a file has taken. */
import type Database from 'better-sqlite3';
import { UserError } from './user-error.ts';

/** Append only: a step that has shipped never changes. */
const steps: readonly string[] = [
  `CREATE TABLE pages (
     id INTEGER PRIMARY KEY,
     url TEXT NOT NULL UNIQUE,
     status TEXT NOT NULL,
     reason TEXT,
     title TEXT NOT NULL,
     text TEXT NOT NULL,
     fetched_at_ms INTEGER NOT NULL,
     etag TEXT,
     last_modified TEXT,
     rendered INTEGER NOT NULL,
     license_url TEXT,
     rights TEXT
   ) STRICT;
   CREATE TABLE images (
     id INTEGER PRIMARY KEY,
     url TEXT NOT NULL UNIQUE,
     status TEXT NOT NULL,
     reason TEXT,
     fetched_at_ms INTEGER,
     etag TEXT,
     last_modified TEXT,
     rights TEXT,
     format TEXT,
     width INTEGER,
     height INTEGER,
     frames INTEGER,
     byte_length INTEGER,
     sha256 TEXT,
     phash TEXT,
     segment INTEGER,
     offset INTEGER
   ) STRICT;
   CREATE INDEX images_by_sha256 ON images (sha256) WHERE sha256 IS NOT NULL;
   CREATE TABLE pairs (
     id TEXT NOT NULL UNIQUE,
     image_id INTEGER NOT NULL REFERENCES images (id),
     page_id INTEGER NOT NULL REFERENCES pages (id),
     page_url TEXT NOT NULL,
     text TEXT NOT NULL,
     source TEXT NOT NULL,
     source_rank INTEGER NOT NULL,
     judged_by INTEGER REFERENCES recipes (id),
     dropped_by TEXT,
     drop_reason TEXT
   ) STRICT;
   CREATE INDEX pairs_by_image ON pairs (image_id);
   CREATE TABLE recipes (
     id INTEGER PRIMARY KEY,
     sha256 TEXT NOT NULL UNIQUE,
     rules TEXT NOT NULL,
     judged_at_ms INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE scores (
     subject TEXT NOT NULL,
     rule TEXT NOT NULL,
     score REAL NOT NULL,
     PRIMARY KEY (subject, rule)
   ) STRICT, WITHOUT ROWID;`,
];

/** Brings a ledger to this version, in one transaction; a file of a newer version is refused. */
export function migrate(db: Database.Database, path: string): void {
  const version = db.pragma('user_version', { simple: true }) as number;
  if (version > steps.length) {
    throw new UserError(
      `Expected ledger version ${steps.length} or older for ${path} but received ${version}; update lait or use another corpus.`,
    );
  }
  if (version === steps.length) return;
  db.transaction(() => {
    for (const step of steps.slice(version)) db.exec(step);
    db.pragma(`user_version = ${steps.length}`);
  })();
}
