/** The hosts that a worker has, with the URLs that it took of them, asked one after another by this machine's own clock. */
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { steadyNow } from '../policy/clock.ts';
import { maxFailures } from '../policy/politeness.ts';
import type { TakenUrl } from './take.ts';
import type { HostChange } from './write.ts';

/** A host that rests for longer is let go. */
const maxHeldMs = 30_000;

/** As for a folder: a host that failed so often in a row rests for an hour. */
const restMs = 3_600_000;

/** A host that this worker has. */
export interface HeldHost {
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

export interface HeldUrl {
  readonly host: HeldHost;
  readonly url: TakenUrl;
}

/** A URL as the crawl gets it. */
export function claimOf(id: number, { host, url }: HeldUrl, trap: Claim['trap']): Claim {
  const { failures, pages, renderTries, renderGains, name } = host;
  return {
    id,
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
}

/** Up to `limit` URLs of hosts whose time has come, at most `perHost` of one under way; they count as under way then. */
export function readyUrls(held: ReadonlyMap<string, HeldHost>, limit: number, perHost: number): HeldUrl[] {
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
}

/** What a batch changes of its hosts, and which of them are let go with it. */
export function changesOf(
  outcomes: readonly FetchOutcome[],
  inFlight: ReadonlyMap<Claim, HeldUrl>,
  { isEnding }: { readonly isEnding: boolean },
): HostChange[] {
  const byHost = new Map<HeldHost, FetchOutcome[]>();
  for (const outcome of outcomes) {
    const { host } = inFlight.get(outcome.claim)!;
    byHost.set(host, [...(byHost.get(host) ?? []), outcome]);
  }
  return [...byHost].map(([host, ofHost]) => {
    let change: HostChange | undefined;
    for (const outcome of ofHost) change = changeOf(host, outcome, change);
    const isPutOff = ofHost.some(({ putOffUntilMs }) => putOffUntilMs !== undefined);
    const comesBack = ofHost.some(
      ({ end, putOffUntilMs }) => end === 'failed' || (end === 'later' && putOffUntilMs === undefined),
    );
    const isLast = !comesBack && host.waiting.length === 0;
    const isIdle = host.active === ofHost.length;
    return { ...change!, isLetGo: isIdle && (isLast || isPutOff || isEnding || change!.pauseMs > maxHeldMs) };
  });
}

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

/** Its row of the queue. */
export const rowOf = ({ url: { urlHost, hash } }: HeldUrl): { readonly urlHost: string; readonly hash: string } => ({
  urlHost,
  hash,
});
