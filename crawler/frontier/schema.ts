/** The tables of `frontier.db` and the words for what is in them. */
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { DatabaseBusy, isBusy } from '../../dataset/ledger/database-busy.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { openDatabase } from '../../dataset/open-database.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import type { Address } from '../policy/url.ts';
import { archiveTables } from './archives.ts';

export type UrlKind = 'page' | 'image' | 'sitemap';

/** A URL to put into the queue; the highest priority is claimed first, and of equals the one that was found first. */
export interface NewUrl extends Address {
  readonly kind: UrlKind;
  /** Links from a seed. */
  readonly depth: number;
  readonly priority: number;
  /** Redirects from other hosts that led to it. */
  readonly hops?: number;
  /** For an image, where its page has one. */
  readonly referrerPolicy?: ReferrerPolicy | null;
}

/** A URL that was taken from the queue to be fetched, until it is finished or released. */
export interface Lease {
  readonly id: number;
  /** The key (policy/url.ts). */
  readonly url: string;
  /** What is to be requested: the URL as it was written, or where redirects from its host to another led. */
  readonly at: string;
  /** The URL as it was written, where that is not the key. */
  readonly writtenUrl?: string | null;
  /** Redirects followed so far. */
  readonly hops: number;
  readonly kind: UrlKind;
  readonly depth: number;
  readonly priority: number;
  readonly hostId: number;
  /** Failed tries before this one. */
  readonly tries: number;
  /** For an image: that of its page; null where it has none. */
  readonly referrerPolicy: ReferrerPolicy | null;
  /** How often the crawl's process died while it was leased; see deaths.ts. */
  readonly deaths: number;
}

export interface Host {
  readonly id: number;
  readonly name: string;
  readonly failures: number;
  /** Pages finished, each counted once. */
  readonly pages: number;
  readonly renderTries: number;
  readonly renderGains: number;
}

/** The version that this lait writes. */
export const frontierVersion = 12;
export const kinds = ['page', 'image', 'sitemap'] as const satisfies readonly UrlKind[];

// Keys are hashes (policy/traps.ts).
const noveltyTables = `
  CREATE TABLE patterns (
    key INTEGER PRIMARY KEY,
    fertile INTEGER NOT NULL,
    barren INTEGER NOT NULL,
    pictured INTEGER NOT NULL,
    pictureless INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE page_texts (key INTEGER PRIMARY KEY) STRICT;`;

const putOffIndexes = `
  CREATE INDEX hosts_put_off ON hosts (put_off_until_ms) WHERE put_off > 0;
  CREATE INDEX urls_put_off ON urls (host_id) WHERE state = 3;
  CREATE TABLE clock (latest_ms INTEGER NOT NULL) STRICT;`;

// Which ledger it belongs to (null: not known yet), and how many batches the two have in common.
const corpusTable = `
  CREATE TABLE corpus (id TEXT, commits INTEGER NOT NULL) STRICT;
  INSERT INTO corpus (commits) VALUES (0);`;

// By which settings the last run chose the links and pictures that it took; no row before the first.
const followedTable = `
  CREATE TABLE followed (settings TEXT NOT NULL) STRICT;`;

// `deaths`: how often the process died while the URL was leased (deaths.ts).
const deathsIndex = `
  CREATE INDEX urls_deaths ON urls (host_id) WHERE deaths > 0 AND state = 0;`;

// What was never had comes again, as what was read does by `revisits`.
const failuresTable = `
  CREATE TABLE failures (url_id INTEGER PRIMARY KEY, due_at_ms INTEGER NOT NULL, interval_ms INTEGER NOT NULL) STRICT;
  CREATE INDEX failures_due ON failures (due_at_ms);`;

// state: 0 queued, 1 claimed, 2 finished, 3 put off with its origin, until the host's `put_off_until_ms`. `written`
// is what is requested where that is not the URL, `at` where redirects led, on the host `host_id`. A host's `next_at_ms` lies
// in the far future while it has all the requests in flight that it may have. `clock` has one row: the latest time at which something was written here.
const schema = `
  CREATE TABLE hosts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at_ms INTEGER NOT NULL DEFAULT 0,
    queued INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    render_tries INTEGER NOT NULL DEFAULT 0,
    render_gains INTEGER NOT NULL DEFAULT 0,
    put_off INTEGER NOT NULL DEFAULT 0,
    put_off_until_ms INTEGER NOT NULL DEFAULT 0,
    read_pages INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE INDEX hosts_ready ON hosts (next_at_ms) WHERE queued > 0;
  CREATE INDEX hosts_active ON hosts (id) WHERE active > 0;
  CREATE TABLE urls (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL,
    kind INTEGER NOT NULL,
    host_id INTEGER NOT NULL REFERENCES hosts (id),
    depth INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    at TEXT,
    hops INTEGER NOT NULL DEFAULT 0,
    written TEXT,
    referrer_policy TEXT,
    deaths INTEGER NOT NULL DEFAULT 0,
    UNIQUE (url, kind)
  ) STRICT;
  CREATE INDEX urls_queued ON urls (host_id, priority DESC, id) WHERE state = 0;
  CREATE INDEX urls_claimed ON urls (id) WHERE state = 1;
  ${putOffIndexes}
  ${deathsIndex}
  CREATE TABLE seeds (url TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE sightings (
    host_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    pages INTEGER NOT NULL,
    PRIMARY KEY (host_id, url)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE sitemap_texts (
    page_url TEXT NOT NULL,
    image_url TEXT NOT NULL,
    text TEXT NOT NULL,
    image_written TEXT,
    PRIMARY KEY (page_url, image_url, text)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE revisits (
    url_id INTEGER PRIMARY KEY,
    due_at_ms INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX revisits_due ON revisits (due_at_ms);
  ${failuresTable}
  ${noveltyTables}
  CREATE TABLE origins (
    origin TEXT PRIMARY KEY,
    rules TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  ${corpusTable}
  ${followedTable}
  ${archiveTables}
`;

/** What brings a file from version n + 1 to the next. */
const steps = [
  'ALTER TABLE urls ADD COLUMN at TEXT; ALTER TABLE urls ADD COLUMN hops INTEGER NOT NULL DEFAULT 0;',
  'ALTER TABLE urls ADD COLUMN written TEXT; ALTER TABLE sitemap_texts ADD COLUMN image_written TEXT;',
  `DROP TABLE path_queries; ${noveltyTables}`,
  `ALTER TABLE hosts DROP COLUMN crawl_delay_ms;
   ALTER TABLE hosts ADD COLUMN put_off INTEGER NOT NULL DEFAULT 0;
   ALTER TABLE hosts ADD COLUMN put_off_until_ms INTEGER NOT NULL DEFAULT 0;
   DELETE FROM origins;
   ${putOffIndexes}`,
  corpusTable,
  'ALTER TABLE urls ADD COLUMN referrer_policy TEXT;',
  followedTable,
  `ALTER TABLE urls ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0; ${deathsIndex}`,
  archiveTables,
  'ALTER TABLE hosts ADD COLUMN read_pages INTEGER NOT NULL DEFAULT 0; UPDATE hosts SET read_pages = pages;',
  failuresTable,
];

/** The time of a host that gets no further request before the frontier is opened again. */
export const suspendedMs = 8_640_000_000_000_000;

/** Opens or creates the file in a corpus directory; throws a UserError when a newer version of lait wrote it. */
export function openFrontierDb(corpusDir: string): Database.Database {
  makeFolder(corpusDir);
  const path = join(corpusDir, 'frontier.db');
  // Who has the crawl's lock is its only writer: for another program it waits some seconds, in which no signal is heard.
  try {
    return openDatabase(path, { timeout: 5_000 }, (db) => {
      db.pragma('journal_mode = WAL');
      db.pragma('synchronous = NORMAL');
      db.pragma('cache_size = -32000');
      const found = db.pragma('user_version', { simple: true }) as number;
      if (found > frontierVersion) {
        throw new UserError(
          `Expected frontier version ${frontierVersion} for ${path} but received ${found}; update lait or use another corpus.`,
        );
      }
      if (found < frontierVersion)
        db.transaction(() => {
          if (found === 0) db.exec(schema);
          else for (const step of steps.slice(found - 1)) db.exec(step);
          db.pragma(`user_version = ${frontierVersion}`);
        }).immediate();
      return db;
    });
  } catch (error) {
    throw isBusy(error) ? new DatabaseBusy(path) : error;
  }
}
