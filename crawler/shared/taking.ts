/** When a worker looks for free hosts, and for which: any, or once it has read as many pages as it may, those with pictures of its pages. */
import { steadyNow } from '../policy/clock.ts';
import type { Attempts } from './attempts.ts';
import { type Holdings, hold } from './held.ts';
import { hostIdOf, hostNameIn } from './names.ts';
import type { Presence } from './presence.ts';
import type { SharedSeeds } from './seeds.ts';
import type { Store } from './store.ts';
import { takenPerHost } from './suspects.ts';
import { letGoOfOthers, nextReady, picturesLeft, takeHosts } from './take.ts';
import type { BatchToWrite } from './write.ts';

/** Hosts taken by one statement; what is left is for the other workers. */
const hostsPerTake = 16;

/** How long a worker waits before it looks for free hosts again, in ms: after it has written, and while others may find some. */
const minTakeMs = 20;
export const pollMs = 250;

export interface Taking {
  isTime(): boolean;
  /** Takes up to `limit` hosts; reads the seeds that came with their URLs. */
  take(limit: number): Promise<void>;
  /** When there may be more hosts, by the steady clock. */
  nextMs(): number;
  /** What a batch has queued may be taken. */
  noteWritten(batch: BatchToWrite): void;
  /** From now on pictures only, of the pages that this worker has read. */
  end(): void;
  isEnding(): boolean;
}

export function openTaking(
  store: Store,
  {
    presence,
    holdings,
    seeds,
    attempts: { tried },
  }: {
    readonly presence: Presence;
    readonly holdings: Holdings;
    readonly seeds: SharedSeeds;
    readonly attempts: Attempts;
  },
  { perHost, minDelayMs }: { readonly perHost: number; readonly minDelayMs: number },
): Taking {
  let nextTakeMs = 0;
  let othersReadyMs: number = Number.NEGATIVE_INFINITY;
  let isEnding = false;
  /** Where pictures of this worker's pages were queued. */
  let picturesAt = new Set<string>();

  const find = async (limit: number): Promise<Awaited<ReturnType<typeof takeHosts>>> => {
    const lease = presence.lease();
    // A statement whose answer was lost may have taken hosts of which nobody knows.
    if (holdings.isUnsure) await letGoOfOthers(store, lease, [...holdings.hosts.keys()]);
    holdings.isUnsure = true;
    const found = await takeHosts(store, lease, {
      hosts: Math.min(limit, hostsPerTake),
      perHost: takenPerHost(perHost),
      ...(isEnding ? { onlyPicturesOf: [...picturesAt] } : {}),
    });
    // Whoever queued the URLs of a new seed's host has named the seed in the same transaction.
    if (found.length > 0) await seeds.read();
    holdings.isUnsure = false;
    return found;
  };
  const readyMs = async (): Promise<number> => {
    if (!isEnding) return nextReady(store, presence.lease());
    const left = await picturesLeft(store, [...picturesAt]);
    picturesAt = new Set(left.hosts);
    return left.readyMs;
  };
  return {
    isTime: () => steadyNow() >= nextTakeMs,
    async take(limit) {
      const taken = await tried(() => find(limit), 'take');
      hold(holdings, taken ?? [], { pauseMs: minDelayMs });
      nextTakeMs = steadyNow() + minTakeMs;
      if (taken !== null && taken.length > 0) return;
      nextTakeMs = steadyNow() + pollMs;
      othersReadyMs = (await tried(readyMs)) ?? nextTakeMs;
    },
    // What it has without knowing stands in nobody's list of hosts that will be ready.
    nextMs: () => (holdings.isUnsure ? nextTakeMs : Math.max(nextTakeMs, othersReadyMs)),
    noteWritten({ outcomes, returned }) {
      nextTakeMs = Math.min(nextTakeMs, steadyNow() + minTakeMs);
      othersReadyMs = Number.NEGATIVE_INFINITY;
      for (const { newUrls } of outcomes) {
        for (const { kind, url } of newUrls) if (kind === 'image') picturesAt.add(hostIdOf(hostNameIn(url)));
      }
      for (const { movedTo } of returned) if (movedTo !== null) picturesAt.add(hostIdOf(hostNameIn(movedTo.at)));
    },
    end() {
      isEnding = true;
      nextTakeMs = 0;
    },
    isEnding: () => isEnding,
  };
}
