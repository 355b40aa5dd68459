/**
 * The work of one of many machines: hosts are taken from PostgreSQL with some of their URLs, asked here one request after another by
 * this machine's own clock, and let go with the batch that ends them. What was fetched while the lease ended is dropped: another
 * worker has the hosts by then.
 */
import { openBlobs } from '../../dataset/blobs/open.ts';
import { within } from '../../dataset/blobs/place.ts';
import type { Defer } from '../../dataset/cleanup.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type Counts, count, newCounts } from '../crawl-summary.ts';
import { Withheld } from '../fetch/local-faults.ts';
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { rememberIn } from '../frontier/remember.ts';
import type { NewUrl } from '../frontier/schema.ts';
import { checkHosts, seedExpected } from '../input/seeds.ts';
import { steadyNow } from '../policy/clock.ts';
import type { OpenWork, RunSettings, Start, Work } from '../work.ts';
import { type Attempts, openAttempts } from './attempts.ts';
import { keyOf, patternsOf, prepare, trapOf } from './batch.ts';
import { batchToWrite } from './batch-to-write.ts';
import {
  claimOf,
  dropPages,
  type HeldUrl,
  type Holdings,
  isAlone,
  nextHeldMs,
  putBack,
  readyUrls,
  restsOf,
  settle,
  suspectOf,
} from './held.ts';
import { checkTimeout, isInLease } from './lease.ts';
import { openOrigins } from './origins.ts';
import { countHosts, countQueued, type HostCounts } from './overview.ts';
import { openPictures, type Pictures } from './pictures.ts';
import { openPresence, type Presence } from './presence.ts';
import { queueDue, queueUnread, type ScheduledRun } from './queue-due.ts';
import { follow, openSharedCorpus } from './schema.ts';
import { deadSeedsOf, openSeeds, type SharedSeeds } from './seeds.ts';
import { openStore, type Store, storeFault } from './store.ts';
import { countDeath, isAskedAlone, noteAlone, takenPerHost } from './suspects.ts';
import { openTaking, pollMs, type Taking } from './taking.ts';
import { addSeeds, queueUrls, writeBatch } from './write.ts';

export interface SharedStore {
  /** `postgres://…` */
  readonly url: string;
  /** Where this machine keeps pictures, below `work/`, unless `blobs` is given. */
  readonly corpusDir: string;
  /** `s3://BUCKET/PREFIX`: pictures go there, below `work/`. */
  readonly blobs?: string | undefined;
  /** The run is stopped: what S3 has not taken some seconds later is left to the next one. */
  readonly signal?: AbortSignal | undefined;
  /** The work begins with the pages that are due. */
  readonly run?: ScheduledRun | undefined;
  /** Of a database that is made now, in ms. */
  readonly leaseMs?: number | undefined;
  /** Gets a line when the server has been away for some seconds, and when it answers again. */
  readonly say?: (line: string) => void;
  /** Gets what shows how the worker is doing, before it asks for anything. */
  readonly observe?: ((probe: WorkerProbe) => void) | undefined;
}

/** What a worker shows of itself while it works; see `lait work --metrics-port`. */
export interface WorkerProbe {
  readonly leaseSeconds: number;
  /** What it has written. */
  readonly counts: Readonly<Counts>;
  now(): WorkerMoment;
  /** Hosts of the whole crawl. Throws while the server is away. */
  hosts(): Promise<HostCounts>;
}

export interface WorkerMoment {
  /** Its present number. */
  readonly worker: string;
  /** Hosts that it has. */
  readonly hosts: number;
  /** URLs that it has claimed, and not written. */
  readonly inFlight: number;
  /** URLs that waited in the whole crawl at the last sign of life, about. */
  readonly queued: number;
  /** Since the last sign of life that was taken. */
  readonly beatAgeSeconds: number;
}

/** How long a run that is stopped waits for S3, in ms: a batch of pictures takes less. */
const stoppedMs = 5000;

/** What the work of a worker is made of. */
interface Parts {
  readonly store: Store;
  readonly attempts: Attempts;
  readonly presence: Presence;
  readonly pictures: Pictures;
  readonly seeds: SharedSeeds;
  readonly holdings: Holdings;
  readonly taking: Taking;
  /** URLs that were queued by this run already, so that navigation found on every page costs nothing. */
  readonly known: Set<string>;
  readonly settings: RunSettings;
  readonly mayAsk: () => boolean;
  readonly counts: Counts;
  readonly run: ScheduledRun | undefined;
  /** Nothing is put into S3 any more. */
  readonly isGivenUp: () => boolean;
}

/** The work of one worker: connects and enters. Throws UserErrors for what is wrong with the store. */
export const sharedWork =
  ({ url, corpusDir, blobs, signal, run, leaseMs: newLeaseMs, say, observe }: SharedStore): OpenWork =>
  async (settings, defer) => {
    if (settings.keepPages) {
      throw new UserError(
        'Expected keepPages: false for a shared corpus but received true; leave it out of lait.yaml.',
      );
    }
    const { perHost, minDelayMs, timeoutMs } = settings;
    const standstillMs = Math.min(30_000, (newLeaseMs ?? Number.POSITIVE_INFINITY) / 2);
    const store = await openStore({ url, standstillMs, onlyLookups: true });
    defer(() => store.close());
    const corpus = await openSharedCorpus(store, {
      create: true,
      ...(newLeaseMs === undefined ? {} : { leaseMs: newLeaseMs }),
    });
    const { leaseMs } = corpus;
    checkTimeout({ leaseMs, timeoutMs });
    const attempts = openAttempts(store.place, say);
    const holdings: Holdings = { hosts: new Map(), inFlight: new Map(), isUnsure: false };
    const work = blobs === undefined ? undefined : await openBlobs(within(blobs, 'work'));
    const presence = await openPresence(
      store,
      {
        corpusDir,
        told: { pictures: work?.place, perHost: takenPerHost(perHost) },
        leaseMs,
        rests: () => restsOf(holdings),
      },
      attempts,
      defer,
    ).catch((error: unknown) => {
      throw storeFault(error, store.place);
    });
    const patience = stoppedAfter(signal, stoppedMs, defer);
    const pictures = openPictures({
      ...{ corpusDir, corpusId: corpus.id, signal: patience, say },
      ...(work && { blobs: work }),
    });
    defer(() => pictures.close());
    await pictures.begin(presence.lease());
    const seeds = openSeeds(store);
    const taking = openTaking(store, { presence, holdings, seeds, attempts }, { perHost, minDelayMs });
    const mayAsk = (): boolean => isInLease(presence.lease(), { leaseMs, timeoutMs });
    const counts = newCounts();
    observe?.({
      leaseSeconds: leaseMs / 1000,
      counts,
      now: () => ({
        worker: presence.lease().id,
        hosts: holdings.hosts.size,
        inFlight: holdings.inFlight.size,
        queued: presence.queued(),
        beatAgeSeconds: (steadyNow() - presence.lease().beatMs) / 1000,
      }),
      hosts: () => countHosts(store),
    });
    return workOf({
      counts,
      ...{ store, attempts, presence, pictures, seeds, holdings, taking, settings, mayAsk },
      known: new Set(),
      run,
      isGivenUp: () => patience.aborted,
    });
  };

/** A signal that comes so long after another one. */
function stoppedAfter(signal: AbortSignal | undefined, ms: number, defer: Defer): AbortSignal {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => {
    timer = setTimeout(() => late.abort(signal!.reason), ms);
  };
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  defer(() => {
    signal?.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  });
  return late.signal;
}

function workOf(parts: Parts): Work {
  const { store, presence, seeds, holdings, taking, settings, mayAsk } = parts;
  const { tried } = parts.attempts;
  return {
    begin: (start) =>
      begin(parts, start).catch((error: unknown) => {
        throw storeFault(error, store.place, { isRunning: true });
      }),
    claim: (limit) => claim(parts, limit),
    async giveBack(claimed, until) {
      const one = holdings.inFlight.get(claimed)!;
      // The death of this worker has another cause from now on.
      if (isAskedAlone(one.url)) await tried(() => noteAlone(store, null, one.url));
      holdings.inFlight.delete(claimed);
      putBack(holdings, one, { isKept: until === 'now' });
      if (until === 'now' || taking.isEnding()) return;
      taking.end();
      dropPages(holdings);
    },
    async countDeath(claimed) {
      const one = holdings.inFlight.get(claimed);
      if (one !== undefined) await tried(() => countDeath(store, one.url));
    },
    commit: (outcomes) => commit(parts, outcomes),
    nextReadyMs() {
      // Until there is a lease again, or the server answers.
      if (!mayAsk()) return steadyNow() + pollMs;
      // Then what is under way is written first.
      if (isAlone(holdings, settings.perHost)) return Number.POSITIVE_INFINITY;
      return Math.min(nextHeldMs(holdings, settings.perHost), taking.nextMs());
    },
    queued: () => presence.queued(),
    async add(urls: readonly NewUrl[]) {
      const isDone = await tried(async () => {
        await queueUrls(store, urls);
        await queueUnread(store, urls);
        return true;
      });
      // Who was to tell of them comes again.
      if (isDone === null) throw new Withheld('the store is away');
    },
    newSeeds: () => seeds.found(),
    mayAsk,
    origins: openOrigins(store, tried),
    async end() {
      const queued = (await tried(() => countQueued(store))) ?? presence.queued();
      return {
        pairs: null,
        queued,
        ...((await tried(() => deadSeedsOf(store))) ?? { deadSeeds: [], isNoSeedRead: false }),
      };
    },
  };
}

async function begin(
  { store, seeds, run }: Parts,
  { seeds: given, recrawl, contact, followedBy }: Start,
): Promise<readonly string[]> {
  if (recrawl !== undefined) {
    throw new UserError(
      'Expected recrawl: never for a shared corpus but received another value; `lait schedule` visits pages again.',
    );
  }
  await addSeeds(
    store.query,
    given.map(({ url }) => url),
  );
  await queueUrls(store, given);
  await queueUnread(store, given, { atOnce: true });
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
  if (run !== undefined) await queueDue(store, run);
  await seeds.read();
  return seeds.found();
}

async function claim(parts: Parts, limit: number): Promise<readonly Claim[]> {
  const { presence, holdings, taking, mayAsk } = parts;
  presence.check();
  if (presence.lease().isOver) await renew(parts);
  if (!mayAsk() || isAlone(holdings, parts.settings.perHost)) return [];
  const suspect = holdings.inFlight.size === 0 ? suspectOf(holdings, parts.settings.perHost) : null;
  if (suspect !== null) return claimAlone(parts, suspect);
  let urls = readyUrls(holdings.hosts, limit, parts.settings.perHost);
  if (urls.length < limit && taking.isTime()) {
    await taking.take(limit - urls.length);
    if (presence.lease().isOver) {
      for (const one of urls) putBack(holdings, one, { isKept: true });
      return [];
    }
    urls = [...urls, ...readyUrls(holdings.hosts, limit - urls.length, parts.settings.perHost)];
  }
  return claimed(parts, urls);
}

async function claimAlone(parts: Parts, suspect: HeldUrl): Promise<readonly Claim[]> {
  const isNoted = await parts.attempts.tried(async () => {
    await noteAlone(parts.store, parts.presence.lease().id, suspect.url);
    return true;
  });
  if (isNoted) return claimed(parts, [suspect]);
  putBack(parts.holdings, suspect, { isKept: true });
  return [];
}

/** They are under way from now on; none while the server is away. */
async function claimed(parts: Parts, urls: readonly HeldUrl[]): Promise<readonly Claim[]> {
  const { store, holdings } = parts;
  const isLink = ({ url: { kind, depth, visited } }: HeldUrl): boolean =>
    kind === 'page' && depth > 0 && visited === null;
  const links = urls.filter(isLink).map(({ url }) => url.url);
  const patterns = await parts.attempts.tried(() => patternsOf(store.query, links));
  if (patterns === null) {
    for (const one of urls) putBack(holdings, one, { isKept: true });
    return [];
  }
  return urls.map((one) => {
    const claim = claimOf(one, isLink(one) ? trapOf(patterns, one.url.url) : null);
    holdings.inFlight.set(claim, one);
    return claim;
  });
}

/** After a lease has ended nothing of it is used again, and none is begun before all that it had has come back. */
async function renew({ presence, pictures, holdings, known }: Parts): Promise<void> {
  holdings.hosts.clear();
  known.clear();
  if (holdings.inFlight.size === 0 && (await presence.renew())) await pictures.begin(presence.lease());
}

async function commit(parts: Parts, outcomes: readonly FetchOutcome[]): Promise<readonly FetchOutcome[] | null> {
  const { store, presence, pictures, holdings, taking, known } = parts;
  const { takeImages } = parts.settings;
  const lease = presence.lease();
  const sentMs = steadyNow();
  const isWritten =
    !lease.isOver &&
    (await parts.attempts.tried(async () => {
      const prepared = await prepare(store.query, outcomes, { takeImages, isKnown: (key) => known.has(key) });
      const places = await pictures.keep(outcomes).catch((error: unknown) => {
        if (parts.isGivenUp()) return null;
        throw error;
      });
      if (places === null) return null;
      const batch = await batchToWrite(outcomes, { prepared, places, inFlight: holdings.inFlight });
      const written = await writeBatch(store, lease, batch);
      if (written === null) return false;
      lease.batch += 1;
      lease.beatMs = Math.max(lease.beatMs, sentMs);
      for (const { newUrls } of batch.outcomes) for (const one of newUrls) rememberIn(known, keyOf(one));
      taking.noteWritten(batch);
      settle(holdings, batch, outcomes, written);
      return true;
    }, 'commit'));
  if (isWritten === null) return null;
  if (isWritten) {
    for (const outcome of outcomes) count(parts.counts, outcome);
    return outcomes;
  }
  lease.isOver = true;
  for (const { claim: claimed } of outcomes) holdings.inFlight.delete(claimed);
  return [];
}
