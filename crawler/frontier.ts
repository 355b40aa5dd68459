/**
 * What is still to be fetched: `frontier.db`, one SQLite file (WAL) with every URL ever found, the queue of each host, the
 * host's clock, and what is known of its robots.txt. A URL is claimed (leased) for a fetch and finished with the links it
 * led to, each in one transaction. A crawl holds the corpus' lock, so a lease that is open when the file is opened
 * belongs to a process that died: it goes back to the queue. Nothing here ever reads the whole queue.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { UserError } from '../dataset/user-error.ts';
import type { Revisit } from './revisit.ts';
import type { SitemapTexts } from './sitemap.ts';

export type UrlKind = 'page' | 'image' | 'sitemap';

/** A URL to put into the queue; the highest priority is claimed first, and of equals the one that was found first. */
export interface NewUrl {
  readonly url: string;
  readonly kind: UrlKind;
  /** Links from a seed. */
  readonly depth: number;
  readonly priority: number;
}

export interface Claim {
  readonly id: number;
  readonly url: string;
  readonly kind: UrlKind;
  readonly depth: number;
  readonly priority: number;
  readonly hostId: number;
  /** Failed tries before this one. */
  readonly tries: number;
}

export interface Host {
  readonly id: number;
  readonly name: string;
  readonly failures: number;
  /** Pages finished, each counted once. */
  readonly pages: number;
  readonly crawlDelayMs: number;
  readonly renderTries: number;
  readonly renderGains: number;
}

const version = 1;
const kinds = ['page', 'image', 'sitemap'] as const satisfies readonly UrlKind[];

// state: 0 queued, 1 claimed, 2 finished. A host's `next_at_ms` lies in the far future while it has all the requests
// in flight that it may have.
const schema = `
  CREATE TABLE hosts (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next_at_ms INTEGER NOT NULL DEFAULT 0,
    queued INTEGER NOT NULL DEFAULT 0,
    active INTEGER NOT NULL DEFAULT 0,
    pages INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    crawl_delay_ms INTEGER NOT NULL DEFAULT 0,
    render_tries INTEGER NOT NULL DEFAULT 0,
    render_gains INTEGER NOT NULL DEFAULT 0
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
    UNIQUE (url, kind)
  ) STRICT;
  CREATE INDEX urls_queued ON urls (host_id, priority DESC, id) WHERE state = 0;
  CREATE INDEX urls_claimed ON urls (id) WHERE state = 1;
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
    PRIMARY KEY (page_url, image_url, text)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE revisits (
    url_id INTEGER PRIMARY KEY,
    due_at_ms INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    hash TEXT NOT NULL
  ) STRICT;
  CREATE INDEX revisits_due ON revisits (due_at_ms);
  CREATE TABLE path_queries (path TEXT PRIMARY KEY, queries INTEGER NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE origins (
    origin TEXT PRIMARY KEY,
    rules TEXT NOT NULL,
    until_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

/** The time of a host that is not to be asked again before the frontier is opened again. */
export const parkedMs = 8_640_000_000_000_000;

export class Frontier {
  readonly db: Database.Database;
  private readonly hostIds = new Map<string, number>();
  private readonly sql: ReturnType<typeof statements>;

  private constructor(db: Database.Database) {
    this.db = db;
    this.sql = statements(db);
  }

  /** Opens or creates `frontier.db` in a corpus directory and takes back the leases of a process that died. */
  static open(corpusDir: string): Frontier {
    mkdirSync(corpusDir, { recursive: true });
    const path = join(corpusDir, 'frontier.db');
    const db = new Database(path);
    db.pragma('journal_mode = WAL');
    db.pragma('synchronous = NORMAL');
    db.pragma('busy_timeout = 10000');
    db.pragma('cache_size = -32000');
    const found = db.pragma('user_version', { simple: true }) as number;
    if (found > version) {
      throw new UserError(
        `Expected frontier version ${version} for ${path} but received ${found}; update lait or use another corpus.`,
      );
    }
    if (found === 0) {
      db.transaction(() => {
        db.exec(schema);
        db.pragma(`user_version = ${version}`);
      })();
    }
    const frontier = new Frontier(db);
    frontier.returnLeases();
    return frontier;
  }

  close(): void {
    this.db.close();
  }

  private returnLeases(): void {
    this.db.transaction(() => {
      this.db.exec(`
        UPDATE hosts SET queued = queued + active, active = 0, next_at_ms = 0 WHERE active > 0;
        UPDATE hosts SET next_at_ms = 0 WHERE queued > 0 AND next_at_ms >= ${parkedMs};
        UPDATE urls SET state = 0 WHERE state = 1;`);
    })();
  }

  /** Runs several calls as one transaction. */
  atomically<T>(work: () => T): T {
    return this.db.transaction(work)();
  }

  /** Puts URLs that were never seen into the queue and says how many those were. */
  add(urls: readonly NewUrl[]): number {
    let added = 0;
    for (const { url, kind, depth, priority } of urls) {
      const hostId = this.hostId(url);
      const { changes } = this.sql.insertUrl.run(url, kinds.indexOf(kind), hostId, depth, priority);
      if (changes === 0) continue;
      added += 1;
      this.sql.hostQueued.run(hostId);
    }
    return added;
  }

  /** Queues seeds and remembers them: the scope of every later run is spanned by all of them. */
  addSeeds(seeds: readonly NewUrl[]): void {
    this.atomically(() => {
      for (const { url } of seeds) this.sql.insertSeed.run(url);
      this.add(seeds);
    });
  }

  seeds(): string[] {
    return this.sql.seeds.all() as string[];
  }

  hasPagesInFlight(): boolean {
    return this.sql.pageInFlight.get() !== undefined;
  }

  /** Counts a new page's query for its path; true when that path has had more different queries than `most`. */
  queryExplodes(url: string, most: number): boolean {
    const mark = url.indexOf('?');
    if (mark === -1 || this.sql.isKnownPage.get(url) !== undefined) return false;
    return (this.sql.countQuery.get(url.slice(0, mark)) as number) > most;
  }

  /** Puts one URL back into the queue however it ended before: a retry, or a page that is due again. */
  requeue(url: string, kind: UrlKind): boolean {
    const row = this.sql.requeue.get(url, kinds.indexOf(kind)) as { hostId: number } | undefined;
    if (row) this.sql.hostQueued.run(row.hostId);
    return row !== undefined;
  }

  /** Lets every host be asked at once, and robots.txt files that could not be fetched be asked for again. */
  forgetFailures(): void {
    this.db.exec(`
      UPDATE hosts SET next_at_ms = 0, failures = 0 WHERE failures > 0;
      DELETE FROM origins WHERE json_extract(rules, '$.robots.kind') = 'disallow';`);
  }

  /** When a page was last changed and is to be seen again; undefined for one that was never read. */
  revisit(id: number): Revisit | undefined {
    return this.sql.revisit.get(id) as Revisit | undefined;
  }

  setRevisit(id: number, { intervalMs, hash }: Revisit, nowMs: number): void {
    this.sql.setRevisit.run(id, nowMs + intervalMs, intervalMs, hash);
  }

  /** Queues pages that are due for another visit (all that were ever read, with `Infinity`), in steps, and says how many. */
  queueDue(nowMs: number): number {
    const untilMs = Math.min(nowMs, parkedMs - 1);
    let queued = 0;
    for (;;) {
      const step = this.atomically(() => {
        const due = this.sql.due.all(untilMs, 10_000) as number[];
        for (const id of due) {
          const row = this.sql.requeueById.get(id) as { hostId: number } | undefined;
          if (row) this.sql.hostQueued.run(row.hostId);
          this.sql.revisitQueued.run(id);
        }
        return due.length;
      });
      queued += step;
      if (step < 10_000) return queued;
    }
  }

  /** Marks a URL that was fetched under another name as finished, whether it was known or not; a lease on it stays. */
  settle({ url, kind, depth, priority }: NewUrl): void {
    const hostId = this.hostId(url);
    const { changes } = this.sql.insertFinished.run(url, kinds.indexOf(kind), hostId, depth, priority);
    if (changes > 0) return;
    if (this.sql.finishQueued.run(url, kinds.indexOf(kind)).changes > 0) this.sql.hostUnqueued.run(hostId);
  }

  private hostId(url: string): number {
    const end = url.indexOf('/', 8);
    const name = url.slice(url.indexOf('//') + 2, end === -1 ? undefined : end);
    const known = this.hostIds.get(name);
    if (known !== undefined) return known;
    this.sql.insertHost.run(name);
    const id = this.sql.selectHostId.get(name) as number;
    if (this.hostIds.size >= 10_000) this.hostIds.clear();
    this.hostIds.set(name, id);
    return id;
  }

  /**
   * Leases up to `limit` URLs of hosts whose time has come, the host that has waited longest first, at most `perHost`
   * of one host in flight. One transaction.
   */
  claim(limit: number, nowMs: number, perHost = 1): Claim[] {
    return this.atomically(() => {
      const claims: Claim[] = [];
      while (claims.length < limit) {
        const hosts = this.sql.readyHosts.all(nowMs, limit - claims.length) as { id: number; active: number }[];
        if (hosts.length === 0) break;
        const share = Math.max(1, Math.floor((limit - claims.length) / hosts.length));
        for (const host of hosts) {
          const taken = this.sql.claimUrls.all(host.id, Math.min(share, perHost - host.active)) as (Omit<
            Claim,
            'kind'
          > & {
            kind: number;
          })[];
          for (const row of taken) claims.push({ ...row, kind: kinds[row.kind]! });
          const active = host.active + taken.length;
          this.sql.hostClaimed.run(taken.length, taken.length, active >= perHost ? parkedMs : nowMs, host.id);
        }
      }
      return claims;
    });
  }

  /** Ends a lease. The host may be asked again from `nextAtMs` on; a page seen for the first time counts for its host. */
  finish(claim: Claim, nextAtMs: number, firstVisit = true): void {
    this.sql.finishUrl.run(claim.id);
    this.sql.hostFinished.run(0, claim.kind === 'page' && firstVisit ? 1 : 0, nextAtMs, nextAtMs, claim.hostId);
  }

  /** Ends a lease without a result: the URL goes back into the queue, `failed` when this was a try. */
  giveBack(claim: Claim, nextAtMs: number, { failed = false }: { readonly failed?: boolean } = {}): void {
    this.sql.returnUrl.run(failed ? 1 : 0, claim.id);
    this.sql.hostFinished.run(1, 0, nextAtMs, nextAtMs, claim.hostId);
  }

  /** When the next host is ready, in ms since 1970; null when nothing is queued (leases apart). */
  nextReadyMs(): number | null {
    return this.sql.nextReady.get() as number | null;
  }

  host(id: number): Host {
    return this.sql.host.get(id) as Host;
  }

  /** Counts consecutive failures of a host; 0 forgets them. */
  setFailures(hostId: number, failures: number): void {
    this.sql.setFailures.run(failures, hostId);
  }

  setCrawlDelay(hostId: number, crawlDelayMs: number): void {
    this.sql.setCrawlDelay.run(crawlDelayMs, hostId);
  }

  countRender(hostId: number, gained: boolean): void {
    this.sql.countRender.run(gained ? 1 : 0, hostId);
  }

  /** Counts one more page of a host that shows these images as content. */
  countSightings(hostId: number, urls: readonly string[]): void {
    for (const url of urls) this.sql.countSighting.run(hostId, url);
  }

  /** Images that at least so many pages and such a share of the pages of one host show. */
  repeatedImages(fewestPages: number, share: number): string[] {
    return this.sql.repeatedImages.all(fewestPages, share) as string[];
  }

  addSitemapTexts(texts: readonly SitemapTexts[]): void {
    for (const { pageUrl, imageUrl, text } of texts) this.sql.addSitemapText.run(pageUrl, imageUrl, text);
  }

  /** What sitemaps say about the images of a page. */
  sitemapTexts(pageUrl: string): SitemapTexts[] {
    return this.sql.sitemapTexts.all(pageUrl) as SitemapTexts[];
  }

  /** What is known of an origin (robots.txt, TDMRep) and until when it may be believed; undefined when never asked. */
  origin(origin: string): { readonly rules: string; readonly untilMs: number } | undefined {
    return this.sql.origin.get(origin) as { rules: string; untilMs: number } | undefined;
  }

  setOrigin(origin: string, rules: string, untilMs: number): void {
    this.sql.setOrigin.run(origin, rules, untilMs);
  }

  /** URLs waiting, by summing over hosts that have any. */
  queued(): number {
    return this.sql.queued.get() as number;
  }
}

function statements(db: Database.Database) {
  return {
    insertUrl: db.prepare(
      'INSERT INTO urls (url, kind, host_id, depth, priority) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    requeue: db.prepare(
      'UPDATE urls SET state = 0, tries = 0 WHERE url = ? AND kind = ? AND state = 2 RETURNING host_id AS hostId',
    ),
    insertSeed: db.prepare('INSERT INTO seeds (url) VALUES (?) ON CONFLICT DO NOTHING'),
    seeds: db.prepare('SELECT url FROM seeds ORDER BY url').pluck(),
    pageInFlight: db.prepare('SELECT 1 FROM urls WHERE state = 1 AND kind = 0 LIMIT 1'),
    isKnownPage: db.prepare('SELECT 1 FROM urls WHERE url = ? AND kind = 0'),
    countQuery: db
      .prepare(
        `INSERT INTO path_queries (path, queries) VALUES (?, 1)
         ON CONFLICT DO UPDATE SET queries = queries + 1 RETURNING queries`,
      )
      .pluck(),
    insertFinished: db.prepare(
      'INSERT INTO urls (url, kind, host_id, depth, priority, state) VALUES (?, ?, ?, ?, ?, 2) ON CONFLICT DO NOTHING',
    ),
    finishQueued: db.prepare('UPDATE urls SET state = 2 WHERE url = ? AND kind = ? AND state = 0'),
    hostUnqueued: db.prepare('UPDATE hosts SET queued = queued - 1 WHERE id = ?'),
    revisit: db.prepare('SELECT interval_ms AS intervalMs, hash FROM revisits WHERE url_id = ?'),
    setRevisit: db.prepare(
      `INSERT INTO revisits (url_id, due_at_ms, interval_ms, hash) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET due_at_ms = excluded.due_at_ms, interval_ms = excluded.interval_ms, hash = excluded.hash`,
    ),
    due: db.prepare('SELECT url_id FROM revisits WHERE due_at_ms <= ? LIMIT ?').pluck(),
    requeueById: db.prepare(
      'UPDATE urls SET state = 0, tries = 0 WHERE id = ? AND state = 2 RETURNING host_id AS hostId',
    ),
    revisitQueued: db.prepare(`UPDATE revisits SET due_at_ms = ${parkedMs} WHERE url_id = ?`),
    insertHost: db.prepare('INSERT INTO hosts (name) VALUES (?) ON CONFLICT DO NOTHING'),
    selectHostId: db.prepare('SELECT id FROM hosts WHERE name = ?').pluck(),
    hostQueued: db.prepare('UPDATE hosts SET queued = queued + 1 WHERE id = ?'),
    readyHosts: db.prepare(
      'SELECT id, active FROM hosts WHERE queued > 0 AND next_at_ms <= ? ORDER BY next_at_ms LIMIT ?',
    ),
    claimUrls: db.prepare(
      `UPDATE urls SET state = 1
       WHERE id IN (SELECT id FROM urls WHERE host_id = ? AND state = 0 ORDER BY priority DESC, id LIMIT ?)
       RETURNING id, url, kind, depth, priority, host_id AS hostId, tries`,
    ),
    hostClaimed: db.prepare('UPDATE hosts SET queued = queued - ?, active = active + ?, next_at_ms = ? WHERE id = ?'),
    finishUrl: db.prepare('UPDATE urls SET state = 2 WHERE id = ?'),
    returnUrl: db.prepare('UPDATE urls SET state = 0, tries = tries + ?, priority = priority - 1 WHERE id = ?'),
    hostFinished: db.prepare(
      `UPDATE hosts SET active = active - 1, queued = queued + ?, pages = pages + ?,
         next_at_ms = CASE WHEN next_at_ms = ${parkedMs} THEN ? ELSE max(next_at_ms, ?) END WHERE id = ?`,
    ),
    nextReady: db.prepare('SELECT min(next_at_ms) FROM hosts WHERE queued > 0').pluck(),
    host: db.prepare(
      `SELECT id, name, failures, pages, crawl_delay_ms AS crawlDelayMs, render_tries AS renderTries, render_gains AS renderGains
       FROM hosts WHERE id = ?`,
    ),
    setFailures: db.prepare('UPDATE hosts SET failures = ? WHERE id = ?'),
    setCrawlDelay: db.prepare('UPDATE hosts SET crawl_delay_ms = ? WHERE id = ?'),
    countRender: db.prepare(
      'UPDATE hosts SET render_tries = render_tries + 1, render_gains = render_gains + ? WHERE id = ?',
    ),
    countSighting: db.prepare(
      `INSERT INTO sightings (host_id, url, pages) VALUES (?, ?, 1)
       ON CONFLICT DO UPDATE SET pages = pages + 1`,
    ),
    repeatedImages: db
      .prepare(
        `SELECT url FROM sightings s JOIN hosts h ON h.id = s.host_id
         WHERE s.pages >= ? AND s.pages >= ? * h.pages ORDER BY url`,
      )
      .pluck(),
    addSitemapText: db.prepare(
      'INSERT INTO sitemap_texts (page_url, image_url, text) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    ),
    sitemapTexts: db.prepare(
      'SELECT page_url AS pageUrl, image_url AS imageUrl, text FROM sitemap_texts WHERE page_url = ?',
    ),
    origin: db.prepare('SELECT rules, until_ms AS untilMs FROM origins WHERE origin = ?'),
    setOrigin: db.prepare(
      `INSERT INTO origins (origin, rules, until_ms) VALUES (?, ?, ?)
       ON CONFLICT (origin) DO UPDATE SET rules = excluded.rules, until_ms = excluded.until_ms`,
    ),
    queued: db.prepare('SELECT coalesce(sum(queued), 0) FROM hosts WHERE queued > 0').pluck(),
  };
}
