/**
 * What is still to be fetched: `frontier.db`, one SQLite file (WAL) with every URL ever found, the queue of each host, the
 * host's clock, and what is known of its robots.txt. A URL is claimed (leased) for a fetch and finished with the links it
 * led to, each in one transaction. A crawl holds the corpus' lock, so a lease that is open when the file is opened
 * belongs to a process that died, and its URL is queued again. Nothing here ever reads the whole queue.
 */
import type Database from 'better-sqlite3';
import { DatabaseBusy, isBusy } from '../../dataset/ledger/database-busy.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import type { Reason } from '../policy/reasons.ts';
import type { ReferrerPolicy } from '../policy/referrer.ts';
import { type Novelty, noveltyTrap, patternOf, textKey } from '../policy/traps.ts';
import { closeArchives } from './archives.ts';
import { givenUpAfterDeaths } from './deaths.ts';
import { failureIntervals, type Revisit } from './revisit.ts';
import { type Host, kinds, type Lease, type NewUrl, openFrontierDb, suspendedMs, type UrlKind } from './schema.ts';
import { statements } from './statements.ts';

/** Of all sitemaps for one page, and their UTF-16 units. Ours: a sitemap names 1,000 images of a page at most. */
const maxSitemapTexts = 10_000;
const maxSitemapTextsLength = 4_000_000;

/** Clocks are set back by less than that all the time (NTP steps from 128 ms on). */
const maxClockErrorMs = 1000;

export class Frontier {
  readonly db: Database.Database;
  readonly #hostIds = new Map<string, number>();
  readonly #sql: ReturnType<typeof statements>;
  /** URLs waiting; summing over a million hosts takes 70 ms. */
  #queued = 0;
  /** The lease beside which there is to be no other one, until it ends. */
  #alone: number | null = null;
  /** Whether the next one is to be such a lease, and waits for all others to end. */
  #isDraining = false;

  private constructor(db: Database.Database) {
    this.db = db;
    this.#sql = statements(db);
  }

  /**
   * Opens or creates `frontier.db` in a corpus directory and queues again what another process had leased; that is counted where the process
   * died. `nowMs` is the system's time.
   */
  static open(corpusDir: string, { nowMs = Date.now(), hasDied = false } = {}): Frontier {
    const frontier = new Frontier(openFrontierDb(corpusDir));
    try {
      frontier.#returnLeases(hasDied);
      frontier.#followClock(nowMs);
      frontier.#queued = frontier.#sql.queued.get() as number;
      return frontier;
    } catch (error) {
      frontier.close();
      throw error;
    }
  }

  close(): void {
    this.db.close();
  }

  #returnLeases(hasDied: boolean): void {
    this.atomically(() => {
      this.db.exec(`
        UPDATE hosts SET queued = queued + active, active = 0, next_at_ms = 0 WHERE active > 0;
        UPDATE hosts SET next_at_ms = 0 WHERE queued > 0 AND next_at_ms >= ${suspendedMs};
        UPDATE urls SET state = 0, deaths = deaths + ${hasDied ? 1 : 0} WHERE state = 1;`);
      closeArchives(this.db, hasDied);
    });
  }

  /** Where the clock was put back since something was last written, every time that is noted moves back by as much. */
  #followClock(nowMs: number): void {
    this.atomically(() => {
      const latestMs = this.#sql.clock.get() as number | undefined;
      if (latestMs === undefined) this.#sql.startClock.run(nowMs);
      else if (nowMs < latestMs - maxClockErrorMs) {
        const backMs = latestMs - nowMs;
        this.db.exec(`
          UPDATE hosts SET next_at_ms = max(0, next_at_ms - ${backMs}) WHERE next_at_ms < ${suspendedMs};
          UPDATE hosts SET put_off_until_ms = max(0, put_off_until_ms - ${backMs}) WHERE put_off > 0;
          UPDATE origins SET until_ms = max(0, until_ms - ${backMs});
          UPDATE revisits SET due_at_ms = max(0, due_at_ms - ${backMs}) WHERE due_at_ms < ${suspendedMs};
          UPDATE failures SET due_at_ms = max(0, due_at_ms - ${backMs}) WHERE due_at_ms < ${suspendedMs};
          UPDATE clock SET latest_ms = ${nowMs};`);
      }
    });
  }

  /** Notes that it is now so late, for the next process to see whether the clock was put back. */
  setClock(nowMs: number): void {
    this.#sql.setClock.run(nowMs);
  }

  /** Which ledger it belongs to, null when that is not known yet, and how many batches of crawls are in both. */
  mark(): { readonly id: string | null; readonly commits: number } {
    return this.#sql.mark.get() as { id: string | null; commits: number };
  }

  setMark({ id, commits }: { readonly id: string; readonly commits: number }): void {
    this.#sql.setMark.run(id, commits);
  }

  /** Says that the ledger has so many batches, all of which are here too. */
  setCommits(commits: number): void {
    this.#sql.setCommits.run(commits);
  }

  /** By which settings the last run chose the links and pictures that it took; null before the first. */
  followed(): string | null {
    return (this.#sql.followed.get() as string | undefined) ?? null;
  }

  setFollowed(settings: string): void {
    this.atomically(() => {
      this.#sql.forgetFollowed.run();
      this.#sql.setFollowed.run(settings);
    });
  }

  /**
   * Runs several calls as one transaction; within another one they are a part of that. Throws a DatabaseBusy where another program holds the
   * file for longer than some seconds.
   */
  atomically<T>(work: () => T): T {
    if (this.db.inTransaction) return work();
    const [queuedBefore, aloneBefore] = [this.#queued, this.#alone];
    try {
      return this.db.transaction(work).immediate();
    } catch (error) {
      this.#queued = queuedBefore;
      this.#alone = aloneBefore;
      throw isBusy(error) ? new DatabaseBusy(this.db.name) : error;
    }
  }

  #countQueued(hostId: number): void {
    this.#sql.hostQueued.run(hostId);
    this.#queued += 1;
  }

  /**
   * Queues URLs that are new to the frontier and returns how many those were. Of several spellings of one key the first is
   * asked, and no other when it fails: they stand for one document, and asking for each would be up to a request a link.
   */
  add(urls: readonly NewUrl[]): number {
    let added = 0;
    for (const { url, kind, depth, priority, hops = 0, written, referrerPolicy } of urls) {
      const hostId = this.#hostId(url);
      const { changes } = this.#sql.insertUrl.run(
        url,
        kinds.indexOf(kind),
        hostId,
        depth,
        priority,
        hops,
        written ?? null,
        referrerPolicy ?? null,
      );
      if (changes === 0) continue;
      added += 1;
      this.#countQueued(hostId);
    }
    return added;
  }

  /** Queues seeds and remembers them: the scope of every later run is spanned by all of them. */
  addSeeds(seeds: readonly NewUrl[]): void {
    this.atomically(() => {
      for (const { url } of seeds) this.addSeed(url);
      this.add(seeds);
    });
  }

  /** Remembers a seed without queueing it. */
  addSeed(url: string): void {
    this.#sql.insertSeed.run(url);
  }

  seeds(): string[] {
    return this.#sql.seeds.all() as string[];
  }

  /** True when no URL was ever found. */
  isEmpty(): boolean {
    return this.#sql.anyUrl.get() === undefined;
  }

  /** Why a page is not worth its fetch, since others with URLs like it had nothing new; null when it is. */
  trap(url: string): Reason | null {
    const pattern = patternOf(url);
    const novelty = pattern === null ? undefined : (this.#sql.pattern.get(pattern) as Novelty | undefined);
    return novelty === undefined ? null : noveltyTrap(novelty, url);
  }

  isKnownPage(url: string): boolean {
    return this.#sql.isKnownPage.get(url) !== undefined;
  }

  /** Counts what a page gave for the pattern of its URL: its text, new pictures, and new pages with other URLs. */
  countNovelty(
    url: string,
    { text, newImages, newLeads }: { readonly text: string; readonly newImages: number; readonly newLeads: number },
  ): void {
    const pattern = patternOf(url);
    if (pattern === null) return;
    const before = this.#sql.pattern.get(pattern) as Novelty | undefined;
    const { fertile, barren, pictured, pictureless } = before ?? { fertile: 0, barren: 0, pictured: 0, pictureless: 0 };
    const isNewText = this.#sql.insertText.run(textKey(url, text)).changes > 0;
    const isFertile = newImages > 0 || isNewText;
    this.#sql.setPattern.run(
      pattern,
      fertile + (isFertile ? 1 : 0),
      isFertile ? 0 : barren + (newLeads > 0 ? 0 : 1),
      pictured + (newImages > 0 ? 1 : 0),
      newImages > 0 ? 0 : pictureless + 1,
    );
  }

  /**
   * Puts one URL back into the queue however it ended before: a retry, by which what was given up is asked once more (alone), or a page that is
   * due again.
   */
  requeue(url: string, kind: UrlKind, { isRetry = false }: { readonly isRetry?: boolean } = {}): boolean {
    const hostId = this.#hostId(url);
    const maxDeaths = givenUpAfterDeaths - (isRetry ? 1 : 0);
    const { changes } = this.#sql.requeue.run(hostId, maxDeaths, url, kinds.indexOf(kind));
    if (changes > 0) this.#countQueued(hostId);
    return changes > 0;
  }

  /** Says what an image's page wants to be said of it now; null where it has no wish. */
  setReferrerPolicy(imageUrl: string, policy: ReferrerPolicy | null): void {
    this.#sql.setReferrerPolicy.run(policy, imageUrl);
  }

  /** Makes every host that failed ready at once, and forgets robots.txt files that could not be fetched. */
  forgetFailures(): void {
    this.db.exec(`
      UPDATE hosts SET next_at_ms = 0, failures = 0 WHERE failures > 0;
      UPDATE hosts SET put_off_until_ms = 0 WHERE put_off > 0;
      DELETE FROM origins WHERE json_extract(rules, '$.robots.kind') = 'unavailable' OR json_extract(rules, '$.failures') > 0;`);
  }

  /** How often a page is visited, and a hash of what the last visit found; undefined for one that was never read. */
  revisit(id: number): Revisit | undefined {
    return this.#sql.revisit.get(id) as Revisit | undefined;
  }

  setRevisit(id: number, { intervalMs, hash }: Revisit, nowMs: number): void {
    this.#sql.setRevisit.run(id, nowMs + intervalMs, intervalMs, hash);
  }

  /** Notes whether a visit did not get what was never had before: then it comes again, each time after a longer while. Says whether an earlier one had failed. */
  noteFailure(id: number, fails: boolean, nowMs: number): boolean {
    const hadFailed = this.#sql.hasFailed.get(id) !== undefined;
    if (fails) this.#sql.failed.run({ id, nowMs, ...failureIntervals });
    else if (hadFailed) this.#sql.forgetFailed.run(id);
    return hadFailed;
  }

  /** Queues what is new, and again what was asked for before, was never had, and is not put off by that. */
  addUnread(urls: readonly NewUrl[], nowMs: number): void {
    for (const one of urls) {
      if (this.add([one]) > 0) continue;
      if (this.#sql.neverRead.get(one.url, kinds.indexOf(one.kind), nowMs) !== undefined)
        this.requeue(one.url, one.kind);
    }
  }

  #queueDueFailures(untilMs: number): number {
    const due = this.#sql.dueFailed.all(untilMs, 10_000) as { id: number; url: string; kind: number }[];
    for (const { id, url, kind } of due) {
      this.requeue(url, kinds[kind]!);
      this.#sql.failedQueued.run(id);
    }
    return due.length;
  }

  /** Queues what is due for another visit (all that was ever read, or failed, with `Infinity`), in steps, and says how much. */
  queueDue(nowMs: number): number {
    const untilMs = Math.min(nowMs, suspendedMs - 1);
    let queued = 0;
    for (let isMore = true; isMore; ) {
      const failed = this.atomically(() => this.#queueDueFailures(untilMs));
      queued += failed;
      isMore = failed === 10_000;
    }
    for (;;) {
      const step = this.atomically(() => {
        const due = this.#sql.due.all(untilMs, 10_000) as number[];
        for (const id of due) {
          const row = this.#sql.requeueById.get(id) as { hostId: number } | undefined;
          if (row) this.#countQueued(row.hostId);
          this.#sql.revisitQueued.run(id);
        }
        return due.length;
      });
      queued += step;
      if (step < 10_000) return queued;
    }
  }

  /**
   * Marks a URL that was fetched under another name as finished, whether it was known or not, and returns its id; a lease
   * on it stays.
   */
  finishAlias({ url, kind, depth, priority }: NewUrl): number {
    const hostId = this.#hostId(url);
    const { changes } = this.#sql.insertFinished.run(url, kinds.indexOf(kind), hostId, depth, priority);
    // One that moved is queued at another host.
    const queuedAt =
      changes > 0 ? undefined : (this.#sql.finishQueued.get(url, kinds.indexOf(kind)) as number | undefined);
    if (queuedAt !== undefined) {
      this.#sql.hostUnqueued.run(queuedAt);
      this.#queued -= 1;
    }
    return this.#sql.urlId.get(url, kinds.indexOf(kind)) as number;
  }

  /**
   * Hosts are told apart by name alone, since what is to be spared is the machine behind all its ports and schemes: Nutch's
   * and StormCrawler's default (`byHost`). BUbiNG spares addresses too; the large ones of today stand for thousands of
   * unrelated sites of a content network, which a pause of seconds would throttle to one.
   */
  #hostId(url: string): number {
    const end = url.indexOf('/', 8);
    const name = url.slice(url.indexOf('//') + 2, end === -1 ? undefined : end).replace(/\.?(?::\d+)?$/, '');
    const known = this.#hostIds.get(name);
    if (known !== undefined) return known;
    this.#sql.insertHost.run(name);
    const id = this.#sql.selectHostId.get(name) as number;
    if (this.#hostIds.size >= 10_000) this.#hostIds.clear();
    this.#hostIds.set(name, id);
    return id;
  }

  /**
   * Leases up to `limit` URLs of hosts whose time has come, the host that has waited longest first, at most `perHost`
   * of one host in flight. One transaction. What may have ended a process is leased while there is no other lease.
   */
  claim(limit: number, nowMs: number, perHost = 1): Lease[] {
    if (this.#alone !== null) return [];
    return this.atomically(() => {
      for (const id of this.#sql.dueHosts.all(nowMs) as number[]) {
        this.#sql.wakeHost.run(this.#sql.wakeUrls.run(id).changes, id);
      }
      const suspect = this.#sql.suspect.get(nowMs) as number | undefined;
      this.#isDraining = suspect !== undefined && this.#sql.anyLease.get() !== undefined;
      if (this.#isDraining) return [];
      if (suspect !== undefined) return [this.#claimAlone(suspect, nowMs, perHost)];
      const claims: Lease[] = [];
      while (claims.length < limit) {
        const hosts = this.#sql.readyHosts.all(nowMs, limit - claims.length) as { id: number; active: number }[];
        if (hosts.length === 0) break;
        const share = Math.max(1, Math.floor((limit - claims.length) / hosts.length));
        for (const host of hosts) {
          const taken = this.#sql.claimUrls.all(host.id, Math.min(share, perHost - host.active)) as LeaseRow[];
          claims.push(...taken.map(leaseOf));
          this.#queued -= taken.length;
          const active = host.active + taken.length;
          this.#sql.hostClaimed.run(taken.length, taken.length, active >= perHost ? suspendedMs : nowMs, host.id);
        }
      }
      return claims;
    });
  }

  #claimAlone(id: number, nowMs: number, perHost: number): Lease {
    const lease = leaseOf(this.#sql.claimUrl.get(id) as LeaseRow);
    this.#sql.hostClaimed.run(1, 1, perHost > 1 ? nowMs : suspendedMs, lease.hostId);
    this.#queued -= 1;
    this.#alone = id;
    return lease;
  }

  #endLease({ id }: Lease): void {
    if (this.#alone === id) this.#alone = null;
  }

  /** Counts one more time that a lease broke the process; the next one gives it back. */
  countDeath({ id }: Lease): void {
    this.#sql.countDeath.run(id);
  }

  /** Ends a lease. The host is ready again from `nextAtMs` on; a page's first visit counts for its host. */
  finish(claim: Lease, nextAtMs: number, firstVisit = true): void {
    this.#endLease(claim);
    this.#sql.finishUrl.run(claim.id);
    this.#sql.hostFinished.run(0, claim.kind === 'page' && firstVisit ? 1 : 0, nextAtMs, nextAtMs, claim.hostId);
  }

  /** Ends a lease without a result: the URL goes back into the queue, `failed` when this was a try. */
  release(claim: Lease, nextAtMs: number, { failed = false }: { readonly failed?: boolean } = {}): void {
    this.#endLease(claim);
    this.#sql.returnUrl.run({ failed: failed ? 1 : 0, id: claim.id });
    this.#queued += 1;
    this.#sql.hostFinished.run(1, 0, nextAtMs, nextAtMs, claim.hostId);
  }

  /** Ends a lease because the URL redirects to another host: it is queued there, with `at` to be fetched. */
  move(claim: Lease, { at, hops }: { readonly at: string; readonly hops: number }, nextAtMs: number): void {
    this.#endLease(claim);
    const hostId = this.#hostId(at);
    this.#sql.moveUrl.run(at, hops, hostId, claim.id);
    this.#sql.hostFinished.run(0, 0, nextAtMs, nextAtMs, claim.hostId);
    this.#countQueued(hostId);
  }

  /**
   * Ends a lease because nothing may be asked of the origin (`https://example.org`) of the URL before `untilMs`: it and all
   * that is queued of the origin come back into the queue then. Other origins of the host go on.
   */
  putOff(claim: Lease, untilMs: number, nextAtMs: number): void {
    this.#endLease(claim);
    this.#sql.putOffUrl.run(claim.id);
    this.#queued += 1;
    const { origin } = new URL(claim.at);
    const { changes: queued } = this.#sql.putOffQueued.run(`${origin}/`, `${origin}0`, claim.hostId);
    this.#sql.hostPutOff.run({ id: claim.hostId, queued, untilMs, nextAtMs });
  }

  /** Makes a host ready not before `nextAtMs`, after requests for something that is not in the queue. */
  rest(url: string, nextAtMs: number): void {
    this.#sql.hostRests.run(nextAtMs, this.#hostId(url));
  }

  /** When the next host is ready, in ms since 1970; null when nothing is queued (leases apart), or can be leased before a lease ends. */
  nextReadyMs(): number | null {
    if (this.#alone !== null || this.#isDraining) return null;
    return this.#sql.nextReady.get() as number | null;
  }

  host(id: number): Host {
    return this.#sql.host.get(id) as Host;
  }

  /** Counts consecutive failures of a host; 0 forgets them. */
  setFailures(hostId: number, failures: number): void {
    this.#sql.setFailures.run(failures, hostId);
  }

  countRender(hostId: number, gained: boolean): void {
    this.#sql.countRender.run(gained ? 1 : 0, hostId);
  }

  /** Counts one more page of a host that shows these images as content; says how many of them no other page has shown. */
  countImagePages(hostId: number, urls: readonly string[]): number {
    return urls.filter((url) => this.#sql.countImagePage.get(hostId, url) === 1).length;
  }

  /** Counts one more page of a host that was read: others of its pages were refused, or failed, and showed nothing. */
  countRead(hostId: number): void {
    this.#sql.countRead.run(hostId);
  }

  /** Images that at least so many pages of one host show, and whether that is such a share of those that were read. */
  imagesShownOften(minPages: number, minShare: number): { readonly url: string; readonly isRepeated: boolean }[] {
    const rows = this.#sql.shownOften.all(minShare, minPages) as { url: string; isRepeated: number }[];
    return rows.map(({ url, isRepeated }) => ({ url, isRepeated: isRepeated === 1 }));
  }

  addSitemapTexts(texts: readonly SitemapTexts[]): void {
    for (const { pageUrl, imageUrl, text, imageWritten = null } of texts)
      this.#sql.addSitemapText.run(pageUrl, imageUrl, text, imageWritten);
  }

  /** What sitemaps say about the images of a page: as much as a page itself may say of them. */
  sitemapTexts(pageUrl: string): SitemapTexts[] {
    const texts: SitemapTexts[] = [];
    let left = maxSitemapTextsLength;
    for (const one of this.#sql.sitemapTexts.iterate(pageUrl) as Iterable<SitemapTexts>) {
      left -= one.text.length;
      if (left < 0 || texts.length >= maxSitemapTexts) break;
      texts.push(one);
    }
    return texts;
  }

  /** What is known of an origin (robots.txt, TDMRep) and until when it may be believed; undefined for a new origin. */
  origin(origin: string): { readonly rules: string; readonly untilMs: number } | undefined {
    return this.#sql.origin.get(origin) as { rules: string; untilMs: number } | undefined;
  }

  setOrigin(origin: string, rules: string, untilMs: number): void {
    this.atomically(() => this.#sql.setOrigin.run(origin, rules, untilMs));
  }

  /** The first waiting host, in the order of their ids, for which `test` holds; null when there is none. */
  findQueuedHost(test: (name: string) => boolean): string | null {
    // The cursor is closed before anyone else can use the connection, which would be "busy" while it is open.
    for (const name of this.#sql.queuedHosts.iterate() as Iterable<string>) if (test(name)) return name;
    return null;
  }

  /** All URLs that count as done. */
  finished(): { readonly url: string; readonly kind: UrlKind }[] {
    const rows = this.#sql.finished.all() as { url: string; kind: number }[];
    return rows.map(({ url, kind }) => ({ url, kind: kinds[kind]! }));
  }

  /** URLs waiting, those that are put off among them. */
  queued(): number {
    return this.#queued;
  }
}

type LeaseRow = Omit<Lease, 'kind'> & { readonly kind: number };

const leaseOf = (row: LeaseRow): Lease => ({ ...row, kind: kinds[row.kind]! });
