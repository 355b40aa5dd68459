/**
 * The work of one of many machines: hosts are taken from PostgreSQL with some of their URLs, asked here one request after another by
 * this machine's own clock, and let go with the batch that ends them. What was fetched while the lease ended is dropped: another
 * worker has the hosts by then. Pictures lie in this worker's own folder, synced before the batch that names them.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Defer } from '../../dataset/cleanup.ts';
import { openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { rememberIn } from '../frontier/remember.ts';
import { checkHosts, seedExpected } from '../input/seeds.ts';
import { steadyNow } from '../policy/clock.ts';
import { maxFailures } from '../policy/politeness.ts';
import type { OpenWork, RunSettings, Work } from '../work.ts';
import { aliasesOf, keyOf, type PartPlace, patternsOf, prepare, recordedOf, trapOf } from './batch.ts';
import { beat, enter, type Lease, leave, reap } from './lease.ts';
import { hostIdOf, hostNameIn, partName, uuidOf } from './names.ts';
import { countQueued } from './overview.ts';
import { openSharedCorpus } from './schema.ts';
import { isTransient, openStore, type Store, storeFault } from './store.ts';
import { type TakenUrl, takeHosts } from './take.ts';
import { addSeeds, type BatchToWrite, type HostChange, queueUrls, writeBatch } from './write.ts';

const compress = promisify(gzip);

/** URLs of a host that are taken at once: each costs the server less, and none waits longer than so many pauses. */
const urlsPerHost = 8;

/** Hosts taken by one statement; what is left is for the other workers. */
const hostsPerTake = 16;

/** How long a worker waits before it looks for free hosts again, in ms: after it has written, and while others may find some. */
const minTakeMs = 20;
const pollMs = 250;

/** A host that rests for longer is let go. */
const maxHeldMs = 30_000;

/** As for a folder: a host that failed so often in a row rests for an hour. */
const restMs = 3_600_000;

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

/** A host that this worker has. */
interface HeldHost {
  readonly id: string;
  readonly name: string;
  waiting: TakenUrl[];
  active: number;
  /** No request before, by the steady clock. */
  nextAtMs: number;
  /** The last pause. */
  pauseMs: number;
  failures: number;
  pages: number;
  renderTries: number;
  renderGains: number;
}

interface HeldUrl {
  readonly host: HeldHost;
  readonly url: TakenUrl;
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
  let seedsSeen = '0';
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
      await beat(store, lease);
      if (lease.isOver) return;
      await reap(store, leaseMs);
      queued = await countQueued(store);
    } catch (error) {
      if (!isTransient(error)) fault ??= error;
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

  const readSeeds = async (): Promise<void> => {
    const rows = await store.query<{ n: string; url: string }>(
      'SELECT n, url FROM lait.seeds WHERE n > $1 ORDER BY n',
      [seedsSeen],
    );
    for (const { n, url: seed } of rows) {
      seedsSeen = n;
      foundSeeds.push(seed);
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

  /** A URL as the crawl gets it. */
  const claimOf = (host: HeldHost, url: TakenUrl, trap: Claim['trap']): Claim => {
    claims += 1;
    const { failures, pages, renderTries, renderGains, name } = host;
    return {
      id: claims,
      url: url.url,
      at: url.at,
      writtenUrl: url.written,
      hops: url.hops,
      kind: url.kind,
      depth: url.depth,
      priority: url.priority,
      hostId: 0,
      tries: url.tries,
      referrerPolicy: url.referrerPolicy,
      host: { id: 0, name, failures, pages, renderTries, renderGains },
      isTakenDown: false,
      trap,
      referrer: url.page === null ? undefined : { page: url.page, policy: url.referrerPolicy ?? undefined },
      revisit: null,
      before: null,
      imageBefore: null,
    };
  };

  const ready = (limit: number): HeldUrl[] => {
    const now = steadyNow();
    const hosts = [...held.values()].filter(
      ({ waiting, active, nextAtMs }) => waiting.length > 0 && active < perHost && nextAtMs <= now,
    );
    hosts.sort((a, b) => a.nextAtMs - b.nextAtMs);
    const urls: HeldUrl[] = [];
    for (const host of hosts) {
      while (urls.length < limit && host.active < perHost && host.waiting.length > 0) {
        host.active += 1;
        urls.push({ host, url: host.waiting.shift()! });
      }
    }
    return urls;
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
    const changes = new Map<HeldHost, HostChange>();
    for (const outcome of outcomes) {
      const { host } = inFlight.get(outcome.claim)!;
      changes.set(host, changeOf(host, outcome, changes.get(host)));
    }
    for (const [host, change] of changes) {
      const n = outcomes.filter(({ claim }) => inFlight.get(claim)!.host === host).length;
      const comesBack = outcomes.some(
        ({ claim, end, putOffUntilMs }) =>
          inFlight.get(claim)!.host === host && (end === 'failed' || (end === 'later' && putOffUntilMs === undefined)),
      );
      const isPutOff = outcomes.some(
        ({ claim, putOffUntilMs }) => putOffUntilMs !== undefined && inFlight.get(claim)!.host === host,
      );
      const isLast = host.active === n && !comesBack && host.waiting.length === 0;
      const isLetGo = host.active === n && (isLast || isPutOff || isEnding || change.pauseMs > maxHeldMs);
      changes.set(host, { ...change, isLetGo });
    }
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
      hosts: [...changes.values()],
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
      if (isLetGo) held.delete(id);
    }
    for (const { url, pauseMs } of batch.rests) {
      const host = held.get(hostIdOf(hostNameIn(url)));
      if (host !== undefined) host.nextAtMs = Math.max(host.nextAtMs, now + pauseMs);
    }
  };

  return {
    async begin({ seeds, recrawl, contact, followedBy }) {
      if (recrawl !== undefined) {
        throw new UserError(
          'Expected recrawl: never for a shared corpus but received another value; collect it, take store out of lait.yaml, and visit pages again by `lait crawl`.',
        );
      }
      await store.atomically(async (query) => {
        await addSeeds(
          query,
          seeds.map(({ url: seed }) => seed),
        );
      });
      if (seeds.length > 0) await queueUrls(store, seeds);
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
      let urls = ready(limit);
      if (urls.length < limit && steadyNow() >= nextTakeMs) {
        await take(limit - urls.length);
        if (lease.isOver) return [];
        urls = [...urls, ...ready(limit - urls.length)];
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
        const claim = claimOf(one.host, one.url, kind === 'page' && depth > 0 ? trapOf(patterns, key) : null);
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
      const drop = (): readonly FetchOutcome[] => {
        for (const { claim } of outcomes) inFlight.delete(claim);
        return [];
      };
      for (let waitMs = 50; ; waitMs = Math.min(2000, 2 * waitMs)) {
        if (lease.isOver) return drop();
        const sentMs = steadyNow();
        const isWritten = await tried(async () => {
          const batch = await batchOf(outcomes);
          if (!(await writeBatch(store, lease, batch))) return false;
          lease.batch += 1;
          lease.beatMs = Math.max(lease.beatMs, sentMs);
          settle(batch, outcomes);
          return true;
        });
        if (isWritten === true) {
          nextTakeMs = Math.min(nextTakeMs, steadyNow() + minTakeMs);
          otherReadyMs = Number.NEGATIVE_INFINITY;
          return outcomes;
        }
        if (isWritten === false) {
          lease.isOver = true;
          return drop();
        }
        await sleep(waitMs);
      }
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
      while ((await tried(async () => queueUrls(store, urls).then(() => true))) === null) await sleep(1000);
    },
    newSeeds() {
      const seeds = foundSeeds;
      foundSeeds = [];
      return seeds;
    },
    mayAsk,
    origins: {
      async origin(key) {
        const rows = await tried(() =>
          store.query<{ rules: string; left_ms: number }>(
            `SELECT rules, extract(epoch FROM until_at - clock_timestamp())::float8 * 1000 AS left_ms FROM lait.origins WHERE hash = $1`,
            [uuidOf(key)],
          ),
        );
        const row = rows?.[0];
        return row && { rules: row.rules, untilMs: steadyNow() + row.left_ms };
      },
      async setOrigin(key, rules, untilMs) {
        await tried(() =>
          store.query(
            `INSERT INTO lait.origins (hash, rules, until_at) VALUES ($1, $2, now() + $3 * interval '1 ms')
             ON CONFLICT (hash) DO UPDATE SET rules = excluded.rules, until_at = excluded.until_at`,
            [uuidOf(key), rules.replaceAll('\0', ''), untilMs - steadyNow()],
          ),
        );
      },
    },
    async end() {
      const left = (await tried(() => countQueued(store))) ?? queued;
      return { pairs: null, queued: left, deadSeeds: [] };
    },
  };

  /** Of one outcome, added to what the batch says of its host so far. */
  function changeOf(host: HeldHost, outcome: FetchOutcome, before: HostChange | undefined): HostChange {
    const { claim, end, hostFailed, rendered, pauseMs } = outcome;
    const failed = before?.failures ?? host.failures;
    const failures = hostFailed === undefined ? failed : hostFailed ? failed + 1 : 0;
    // What was stopped may have been asked for: its host rests as after an answer.
    const stoppedMs = end === 'later' ? Math.max(pauseMs, host.pauseMs) : pauseMs;
    const rest = hostFailed && failures >= maxFailures ? restMs : 0;
    const isPage = end === 'done' && claim.kind === 'page';
    return {
      id: host.id,
      pauseMs: Math.max(before?.pauseMs ?? 0, stoppedMs, rest),
      isLetGo: false,
      pages: (before?.pages ?? 0) + (isPage ? 1 : 0),
      failures,
      renderTries: (before?.renderTries ?? 0) + (rendered ? 1 : 0),
      renderGains: (before?.renderGains ?? 0) + (rendered?.gained ? 1 : 0),
    };
  }
}

const rowOf = ({ url: { urlHost, hash } }: HeldUrl): { readonly urlHost: string; readonly hash: string } => ({
  urlHost,
  hash,
});

/** Frees hosts that this worker has taken without knowing. */
async function letGoOfOthers(store: Store, { id }: Lease, held: readonly string[]): Promise<void> {
  await store.query('UPDATE lait.hosts SET worker = NULL WHERE worker = $1 AND NOT id = ANY ($2::bigint[])', [
    id,
    held,
  ]);
}

/** When the next free host is ready, by the steady clock; soon while other workers have hosts, which may lead to more. */
async function nextReady(store: Store, { id }: Lease): Promise<number> {
  const [row] = await store.query<{ others: boolean; ms: number | null }>(
    `SELECT EXISTS (SELECT FROM lait.hosts WHERE worker IS NOT NULL AND worker <> $1) AS others,
       extract(epoch FROM least(
         (SELECT min(next_at) FROM lait.hosts WHERE waiting AND worker IS NULL),
         (SELECT min(wake_at) FROM lait.hosts WHERE wake_at IS NOT NULL)) - clock_timestamp())::float8 * 1000 AS ms`,
    [id],
  );
  const { others, ms } = row!;
  if (others) return steadyNow() + pollMs;
  return ms === null ? Number.POSITIVE_INFINITY : steadyNow() + Math.max(ms, 0);
}

/** All workers follow the same links, or what the crawl finds would depend on who reads a page. */
async function follow(store: Store, settings: string): Promise<void> {
  const [row] = await store.query<{ followed: string | null; others: boolean }>(
    `SELECT followed, (SELECT count(*) FROM lait.workers WHERE ended_at IS NULL) > 1 AS others FROM lait.corpus`,
  );
  if (row!.followed === settings) return;
  if (row!.followed !== null && row!.others) {
    throw new UserError(
      `Expected the settings by which the other workers follow links (${row!.followed}) but received ${settings}; use one lait.yaml for all, or stop the others first.`,
    );
  }
  await store.query('UPDATE lait.corpus SET followed = $1', [settings]);
}
