/**
 * The seam between the crawl and its stores. A claim carries all that is known of a URL, an outcome all that is to be written
 * of it; what lies between touches no store, but for the rules of origins, which nobody knows beforehand. Here is the form of
 * one machine: a folder with `frontier.db`, `ledger.db` and `raw/`, held by one process.
 */
import type { Defer } from '../dataset/cleanup.ts';
import { countPairs } from '../dataset/ledger/crawled.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { committedPagesEnd, openPageStore } from '../dataset/ledger/page-store.ts';
import { committedRawEnd, openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import type { OriginStore } from './fetch/policy-files.ts';
import { type Claim, claimUrls } from './frontier/claim.ts';
import { openCommit } from './frontier/commit.ts';
import { holdFrontier, rememberFollowed } from './frontier/open.ts';
import type { FetchOutcome } from './frontier/outcome.ts';
import { refuseRepeatedImages } from './frontier/repeated-images.ts';
import { type NewUrl, suspendedMs } from './frontier/schema.ts';
import { checkNotEmpty, checkQueue, type DeadSeed, deadSeeds, queueUnreadSeeds } from './input/seeds.ts';
import { steadyNow } from './policy/clock.ts';

/** What a run begins with. */
export interface Start {
  readonly seeds: readonly NewUrl[];
  /** Pages that are visited again: none, those whose time has come, or all. */
  readonly recrawl?: 'due' | 'all' | undefined;
  /** See `CrawlOptions`. */
  readonly contact?: string | undefined;
  /** By which settings links and pictures are taken, given all seeds: where that changes, pages are to be read whole once more. */
  readonly followedBy: (seeds: readonly string[]) => string;
}

/** What is known once a run has ended. */
export interface End {
  /** Pairs in the corpus; null where they are counted when it is collected. */
  readonly pairs: number | null;
  /** URLs that are still queued. */
  readonly queued: number;
  /** The seeds that could not be read, and whether that is all of them. */
  readonly deadSeeds: readonly DeadSeed[];
  readonly isNoSeedRead: boolean;
}

/** The stores of a crawl. All but `begin` may throw where a store fails, which ends the run; what was committed is kept. */
export interface Work {
  /** Queues seeds and what is due, and gives all seeds there ever were. Throws UserErrors for an operator's mistakes. */
  begin(start: Start): Promise<readonly string[]>;
  /** Takes up to `limit` URLs of hosts that are ready. Nobody else gets them until they are committed or given back. */
  claim(limit: number): Promise<readonly Claim[]>;
  /** Puts a claim back as it was: to be claimed at once, or in the next run only. */
  giveBack(claim: Claim, until: 'now' | 'next-run'): void | Promise<void>;
  /** Notes that what a claim names broke the run by a fault of ours: after some times it is given up. */
  countDeath(claim: Claim): void | Promise<void>;
  /**
   * Writes what became of claims, all or nothing, and gives what was written: nothing where others have the claims by now.
   * While another process is writing it does nothing and gives null.
   */
  commit(outcomes: readonly FetchOutcome[]): Promise<readonly FetchOutcome[] | null>;
  /** When the next host is ready, in ms since 1970; infinite when none will be in this run, commits apart. */
  nextReadyMs(): number;
  /** URLs waiting. */
  queued(): number;
  /** Queues URLs that belong to no claim: those that are new, and those that earlier visits could not read. */
  add(urls: readonly NewUrl[]): Promise<void>;
  /** Seeds that were found since the last call: where seeds redirect on their sites. */
  newSeeds(): readonly string[];
  /** Whether a request may be sent now: false where others may have the claims by now. */
  mayAsk(): boolean;
  /** What is known of origins. */
  readonly origins: OriginStore;
  /** Does what only the end of a run can do, if it can be done at once where the run was stopped, and says what there is. */
  end(how: { readonly isStopped: boolean }): Promise<End>;
}

/** What stores need to know of a run. */
export interface RunSettings {
  /** Requests to one host at the same time. */
  readonly perHost: number;
  /** Images are downloaded. */
  readonly takeImages: boolean;
  /** Pages are kept. */
  readonly keepPages: boolean;
  /** How long a whole request may take, and the shortest pause of a host, in ms. */
  readonly timeoutMs: number;
  readonly minDelayMs: number;
}

/** Opens the stores of a run; what it defers closes them. */
export type OpenWork = (settings: RunSettings, defer: Defer) => Work | Promise<Work>;

/** The work of a corpus folder, under its lock. Throws a UserError when another process crawls it, or its files do not belong together. */
export const corpusWork =
  (corpusDir: string, stores: { readonly ledger: Ledger; readonly raw?: RawStore }): OpenWork =>
  (settings, defer) =>
    openCorpusWork(corpusDir, stores, settings, defer);

function openCorpusWork(
  corpusDir: string,
  { ledger, raw: givenRaw }: { readonly ledger: Ledger; readonly raw?: RawStore },
  { perHost, keepPages, takeImages }: RunSettings,
  defer: Defer,
): Work {
  const frontier = holdFrontier(corpusDir, ledger, defer);
  const raw = givenRaw ?? openRawStore(corpusDir, { committedEnd: committedRawEnd(ledger) });
  if (givenRaw === undefined) defer(() => raw.close());
  const pages = keepPages ? openPageStore(corpusDir, { committedEnd: committedPagesEnd(ledger) }) : undefined;
  defer(() => pages?.close());
  let isBusy = false;
  let newSeeds: string[] = [];
  const commit = openCommit({ ledger, raw, frontier, ...(pages ? { pages } : {}) }, { takeImages });
  return {
    async begin({ seeds, recrawl, contact, followedBy }) {
      frontier.addSeeds(seeds);
      if (seeds.length > 0) queueUnreadSeeds(ledger, frontier);
      if (recrawl !== undefined) frontier.queueDue(recrawl === 'all' ? Number.POSITIVE_INFINITY : steadyNow());
      checkNotEmpty(frontier, ledger);
      checkQueue(frontier, contact === undefined ? {} : { contact });
      const all = frontier.seeds();
      await rememberFollowed(frontier, ledger, followedBy(all));
      return all;
    },
    claim: async (limit) => claimUrls({ ledger, frontier }, limit, steadyNow(), perHost),
    giveBack: (claim, until) => frontier.atomically(() => frontier.release(claim, until === 'now' ? 0 : suspendedMs)),
    countDeath: (claim) => frontier.countDeath(claim),
    async commit(outcomes) {
      const isWritten = commit(outcomes);
      if (!isWritten && !isBusy) ledger.tellBusy();
      isBusy = !isWritten;
      if (!isWritten) return null;
      for (const { newSeed } of outcomes) if (newSeed !== undefined) newSeeds.push(newSeed);
      return outcomes;
    },
    newSeeds() {
      const found = newSeeds;
      newSeeds = [];
      return found;
    },
    mayAsk: () => true,
    nextReadyMs() {
      const readyMs = frontier.nextReadyMs();
      return readyMs === null || readyMs >= suspendedMs ? Number.POSITIVE_INFINITY : readyMs;
    },
    queued: () => frontier.queued(),
    add: async (urls) => void frontier.atomically(() => frontier.addUnread(urls, steadyNow())),
    origins: frontier,
    async end({ isStopped }) {
      const work = (): void => refuseRepeatedImages(ledger, frontier);
      if (isStopped) ledger.tryWrite(work);
      else await ledger.writeWhenFree(work);
      return { pairs: countPairs(ledger), queued: frontier.queued(), ...deadSeeds(ledger, frontier) };
    },
  };
}
