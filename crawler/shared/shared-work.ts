/**
 * The work of one of many machines: hosts are taken from PostgreSQL with some of their URLs, asked here one request after another by
 * this machine's own clock, and let go with the batch that ends them. What was fetched while the lease ended is dropped: another
 * worker has the hosts by then. Pictures lie in this worker's own folder, synced before the batch that names them.
 */
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Defer } from '../../dataset/cleanup.ts';
import { openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';
import { UserError } from '../../dataset/user-error.ts';
import { Withheld } from '../fetch/local-faults.ts';
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { rememberIn } from '../frontier/remember.ts';
import { checkHosts, seedExpected } from '../input/seeds.ts';
import { steadyNow } from '../policy/clock.ts';
import type { OpenWork, RunSettings, Work } from '../work.ts';
import { aliasesOf, keyOf, type PartPlace, patternsOf, prepare, recordedOf, trapOf } from './batch.ts';
import { changesOf, claimOf, type HeldHost, type HeldUrl, readyUrls, rowOf } from './held.ts';
import { beat, enter, type Lease, leave, reap } from './lease.ts';
import { hostIdOf, hostNameIn, partName } from './names.ts';
import { openOrigins } from './origins.ts';
import { countQueued } from './overview.ts';
import { follow, openSharedCorpus } from './schema.ts';
import { isTransient, openStore, storeFault } from './store.ts';
import { letGoOfOthers, nextReady, takeHosts } from './take.ts';
import { addSeeds, type BatchToWrite, queueUrls, writeBatch } from './write.ts';

const compress = promisify(gzip);

/** URLs of a host that are taken at once: each costs the server less, and none waits longer than so many pauses. */
const urlsPerHost = 8;

/** Hosts taken by one statement; what is left is for the other workers. */
const hostsPerTake = 16;

/** How long a worker waits before it looks for free hosts again, in ms: after it has written, and while others may find some. */
const minTakeMs = 20;
const pollMs = 250;

/** The server may be away for so long before the run ends, in ms: longer than a restart, or a failover. */
const maxAwayMs = 300_000;

export interface SharedStore {
  /** `postgres://…` */
  readonly url: string;
  /** Where this machine keeps pictures, below `work/`. */
  readonly corpusDir: string;
  /** Of a database that is made now, in ms. */
  readonly leaseMs?: number | undefined;
}

/** The work of one worker: connects and enters. Throws UserErrors for what is wrong with the store. */
export const sharedWork =
  (where: SharedStore): OpenWork =>
  (settings, defer) =>
    openSharedWork(where, settings, defer);

async function openSharedWork(
  { url, corpusDir, leaseMs: newLeaseMs }: SharedStore,
  { perHost, takeImages, keepPages, timeoutMs, minDelayMs }: RunSettings,
  defer: Defer,
): Promise<Work> {
  if (keepPages) {
    throw new UserError('Expected keepPages: false for a shared corpus but received true; leave it out of lait.yaml.');
  }
  const standstillMs = Math.min(30_000, (newLeaseMs ?? Number.POSITIVE_INFINITY) / 2);
  const store = await openStore({ url, standstillMs });
  defer(() => store.close());
  const { id: corpusId, leaseMs } = await openSharedCorpus(store, {
    create: true,
    ...(newLeaseMs === undefined ? {} : { leaseMs: newLeaseMs }),
  });
  let lease = await enter(store, corpusDir).catch((error: unknown) => {
    throw storeFault(error, store.place);
  });
  const partOf = ({ id }: Lease): RawStore => openRawStore(join(corpusDir, 'work', partName(corpusId, id)));
  let part = partOf(lease);
  defer(() => part.close());

  const held = new Map<string, HeldHost>();
  const inFlight = new Map<Claim, HeldUrl>();
  const known = new Set<string>();
  let stored = new Map<string, PartPlace>();
  const seeds = new Set<string>();
  let foundSeeds: string[] = [];
  let isEnding = false;
  let queued = 0;
  let nextTakeMs = 0;
  let otherReadyMs: number = Number.NEGATIVE_INFINITY;
  let claims = 0;
  let isUnsure = false;
  let awaySinceMs: number | null = null;
  let fault: unknown;

  /** A request that starts now is over before the lease can be. */
  const mayAsk = (): boolean => !lease.isOver && steadyNow() - lease.beatMs < 0.9 * leaseMs - timeoutMs;

  /** What the server answers; null while it is away. Throws when it has been so for too long. */
  const tried = async <T>(work: () => Promise<T>): Promise<T | null> => {
    try {
      const result = await work();
      awaySinceMs = null;
      return result;
    } catch (error) {
      if (!isTransient(error)) throw error;
      awaySinceMs ??= steadyNow();
      if (steadyNow() - awaySinceMs > maxAwayMs) throw storeFault(error, store.place, { isRunning: true });
      return null;
    }
  };

  // ── signs of life ──────────────────────────────────────────────────────────────────────────────────────────────────────
  let beating: Promise<void> | null = null;
  const onBeat = async (): Promise<void> => {
    try {
      // One that waits for the hosts of others asks the server nothing else: here it notices that it is away for too long.
      const isAlive = await tried(async () => {
        await beat(store, lease);
        return !lease.isOver;
      });
      if (isAlive !== true) return;
      await reap(store, leaseMs);
      queued = await countQueued(store);
    } catch (error) {
      if (error instanceof UserError || !isTransient(error)) fault ??= error;
    }
  };
  const timer = setInterval(() => {
    beating ??= onBeat().finally(() => {
      beating = null;
    });
  }, leaseMs / 12);
  defer(async () => {
    clearInterval(timer);
    await beating;
    await leave(store, lease);
  });

  /** After a lease has ended nothing of it is used again, and none is begun before all that it had has come back. */
  const renew = async (): Promise<void> => {
    held.clear();
    known.clear();
    if (inFlight.size > 0) return;
    const next = await tried(() => enter(store, corpusDir));
    if (next === null) return;
    part.close();
    lease = next;
    part = partOf(lease);
    stored = new Map();
  };

  /** By their number, since a seed that was numbered earlier may be seen later. */
  const readSeeds = async (): Promise<void> => {
    const rows = await store.query<{ url: string }>(
      'SELECT url FROM lait.seeds WHERE (SELECT count(*) FROM lait.seeds) > $1 ORDER BY n',
      [seeds.size],
    );
    for (const row of rows) {
      if (!seeds.has(row.url)) foundSeeds.push(row.url);
      seeds.add(row.url);
    }
  };

  const take = async (limit: number): Promise<void> => {
    const hosts = Math.min(limit, hostsPerTake);
    const taken = await tried(async () => {
      // A statement whose answer was lost may have taken hosts of which nobody knows.
      if (isUnsure) await letGoOfOthers(store, lease, [...held.keys()]);
      isUnsure = true;
      const found = await takeHosts(store, lease, { hosts, perHost: Math.max(urlsPerHost, perHost) });
      // Whoever queued the URLs of a new seed's host has named the seed in the same transaction.
      if (found.length > 0) await readSeeds();
      isUnsure = false;
      return found;
    });
    for (const { urls, ...host } of taken ?? []) {
      held.set(host.id, { ...host, waiting: urls, active: 0, nextAtMs: 0, pauseMs: minDelayMs });
    }
    nextTakeMs = steadyNow() + minTakeMs;
    if (taken !== null && taken.length > 0) return;
    nextTakeMs = steadyNow() + pollMs;
    otherReadyMs = (await tried(() => nextReady(store, lease))) ?? nextTakeMs;
  };

  // ── what becomes of claims ─────────────────────────────────────────────────────────────────────────────────────────────
  const keep = ({ decoded }: FetchOutcome): PartPlace | null => {
    if (decoded === undefined) return null;
    const { bytes, measured, smaller } = decoded;
    const { sha256, format } = measured;
    const before = stored.get(sha256);
    if (before !== undefined) return before;
    const kept = smaller?.bytes ?? bytes;
    const place = {
      ...part.append({ sha256, format: smaller === null ? format : 'jpg', bytes: kept }),
      byteLength: kept.length,
    };
    if (stored.size >= 100_000) stored.clear();
    stored.set(sha256, place);
    return place;
  };

  const batchOf = async (outcomes: readonly FetchOutcome[]): Promise<BatchToWrite> => {
    const prepared = await prepare(store.query, outcomes, { takeImages, isKnown: (key) => known.has(key) });
    const places = outcomes.map(keep);
    if (places.some((place) => place !== null)) part.sync();
    const recorded = prepared.outcomes.map((one, n) => recordedOf(one, places[n]!)).filter((one) => one !== null);
    return {
      ...prepared,
      record: await compress(JSON.stringify(recorded), { level: 3 }),
      finished: outcomes.filter(({ end }) => end === 'done').map(({ claim }) => rowOf(inFlight.get(claim)!)),
      aliases: outcomes.flatMap((one) =>
        aliasesOf(one).map((alias) => ({
          ...alias,
          kind: one.claim.kind,
          depth: one.claim.depth,
          priority: one.claim.priority,
        })),
      ),
      returned: outcomes
        .filter(({ end }) => end !== 'done')
        .map(({ claim, end, moved, putOffUntilMs }) => ({
          ...rowOf(inFlight.get(claim)!),
          movedTo: end === 'moved' && moved ? moved : null,
          isFailed: end === 'failed',
          putOffMs: putOffUntilMs === undefined ? null : putOffUntilMs - steadyNow(),
        })),
      putOff: outcomes.flatMap(({ claim, putOffUntilMs }) =>
        putOffUntilMs === undefined
          ? []
          : [{ host: inFlight.get(claim)!.host.id, origin: new URL(claim.at).origin, ms: putOffUntilMs - steadyNow() }],
      ),
      hosts: changesOf(outcomes, inFlight, { isEnding }),
      rests: outcomes.flatMap(({ otherHosts = [] }) => otherHosts),
      newSeeds: outcomes.flatMap(({ newSeed }) => newSeed ?? []),
      pages: outcomes.filter(({ page }) => page?.status === 'fetched').length,
      images: outcomes.filter(({ image }) => image?.status === 'success').length,
      bytes: outcomes.reduce((sum, { byteLength = 0 }) => sum + byteLength, 0),
    };
  };

  /** After the batch is written: what is held here. */
  const settle = (batch: BatchToWrite, outcomes: readonly FetchOutcome[]): void => {
    const now = steadyNow();
    for (const { newUrls } of batch.outcomes) for (const one of newUrls) rememberIn(known, keyOf(one));
    const byId = new Map(batch.hosts.map((change) => [change.id, change]));
    for (const outcome of outcomes) {
      const { claim, end, putOffUntilMs } = outcome;
      const { host, url } = inFlight.get(claim)!;
      inFlight.delete(claim);
      host.active -= 1;
      if (putOffUntilMs !== undefined) host.waiting = [];
      else if (end === 'failed' || end === 'later') {
        host.waiting.push({ ...url, tries: url.tries + (end === 'failed' ? 1 : 0), priority: url.priority - 1 });
      }
      for (const { hash } of aliasesOf(outcome)) host.waiting = host.waiting.filter((one) => one.hash !== hash);
      const change = byId.get(host.id)!;
      host.failures = change.failures;
      host.pauseMs = change.pauseMs;
      host.nextAtMs = Math.max(host.nextAtMs, now + change.pauseMs);
    }
    for (const { id, isLetGo, pages, renderTries, renderGains } of batch.hosts) {
      const host = held.get(id);
      if (host === undefined) continue;
      host.pages += pages;
      host.renderTries += renderTries;
      host.renderGains += renderGains;
      // One without URLs that the batch has not let go is free with the next hosts that are taken.
      const isEmpty = host.active === 0 && host.waiting.length === 0;
      if (isEmpty && !isLetGo) isUnsure = true;
      if (isEmpty || isLetGo) held.delete(id);
    }
    for (const { url, pauseMs } of batch.rests) {
      const host = held.get(hostIdOf(hostNameIn(url)));
      if (host !== undefined) host.nextAtMs = Math.max(host.nextAtMs, now + pauseMs);
    }
  };

  return {
    async begin({ seeds: given, recrawl, contact, followedBy }) {
      if (recrawl !== undefined) {
        throw new UserError(
          'Expected recrawl: never for a shared corpus but received another value; collect it, take store out of lait.yaml, and visit pages again by `lait crawl`.',
        );
      }
      await store.atomically(async (query) => {
        await addSeeds(
          query,
          given.map(({ url: seed }) => seed),
        );
      });
      if (given.length > 0) await queueUrls(store, given);
      const [any] = await store.query('SELECT FROM lait.urls LIMIT 1');
      if (any === undefined) throw seedExpected();
      const hosts = await store.query<{ name: string }>(
        contact === undefined ? 'SELECT name FROM lait.hosts WHERE waiting' : 'SELECT name FROM lait.hosts LIMIT 0',
      );
      checkHosts(
        hosts.map(({ name }) => name),
        contact,
      );
      await follow(store, followedBy([]));
      await readSeeds();
      const all = foundSeeds;
      foundSeeds = [];
      return all;
    },
    async claim(limit) {
      if (fault !== undefined) throw storeFault(fault, store.place, { isRunning: true });
      if (lease.isOver) await renew();
      if (isEnding || !mayAsk()) return [];
      let urls = readyUrls(held, limit, perHost);
      if (urls.length < limit && steadyNow() >= nextTakeMs) {
        await take(limit - urls.length);
        if (lease.isOver) return [];
        urls = [...urls, ...readyUrls(held, limit - urls.length, perHost)];
      }
      const patterns = await tried(() =>
        patternsOf(
          store.query,
          urls.filter(({ url: one }) => one.kind === 'page' && one.depth > 0).map(({ url: one }) => one.url),
        ),
      );
      if (patterns === null) {
        for (const { host, url: one } of urls) {
          host.active -= 1;
          host.waiting.unshift(one);
        }
        return [];
      }
      return urls.map((one) => {
        const { kind, depth, url: key } = one.url;
        claims += 1;
        const claim = claimOf(claims, one, kind === 'page' && depth > 0 ? trapOf(patterns, key) : null);
        inFlight.set(claim, one);
        return claim;
      });
    },
    giveBack(claim, until) {
      const one = inFlight.get(claim)!;
      inFlight.delete(claim);
      one.host.active -= 1;
      one.host.waiting.unshift(one.url);
      if (until === 'next-run') isEnding = true;
    },
    async commit(outcomes) {
      const sentMs = steadyNow();
      const isWritten = lease.isOver
        ? false
        : await tried(async () => {
            const batch = await batchOf(outcomes);
            if (!(await writeBatch(store, lease, batch))) return false;
            lease.batch += 1;
            lease.beatMs = Math.max(lease.beatMs, sentMs);
            settle(batch, outcomes);
            return true;
          });
      if (isWritten === null) return null;
      if (!isWritten) {
        lease.isOver = true;
        for (const { claim } of outcomes) inFlight.delete(claim);
        return [];
      }
      nextTakeMs = Math.min(nextTakeMs, steadyNow() + minTakeMs);
      otherReadyMs = Number.NEGATIVE_INFINITY;
      return outcomes;
    },
    nextReadyMs() {
      if (isEnding) return Number.POSITIVE_INFINITY;
      // Until there is a lease again, or the server answers.
      if (!mayAsk()) return steadyNow() + pollMs;
      const times = [...held.values()]
        .filter(({ waiting, active }) => waiting.length > 0 && active < perHost)
        .map(({ nextAtMs }) => nextAtMs);
      return Math.min(...times, Math.max(nextTakeMs, otherReadyMs));
    },
    queued: () => queued,
    async add(urls) {
      const isDone = await tried(async () => {
        await queueUrls(store, urls);
        return true;
      });
      // Who was to tell of them comes again.
      if (isDone === null) throw new Withheld('the store is away');
    },
    newSeeds() {
      const found = foundSeeds;
      foundSeeds = [];
      return found;
    },
    mayAsk,
    origins: openOrigins(store, tried),
    async end() {
      const left = (await tried(() => countQueued(store))) ?? queued;
      return { pairs: null, queued: left, deadSeeds: [] };
    },
  };
}
