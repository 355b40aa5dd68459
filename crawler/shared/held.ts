/** The hosts that a worker has, with the URLs that it took of them, asked one after another by this machine's own clock. */
import type { Claim } from '../frontier/claim.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { steadyNow } from '../policy/clock.ts';
import { maxFailures } from '../policy/politeness.ts';
import { aliasesOf } from './batch.ts';
import type { Rest } from './lease.ts';
import { hostIdOf, hostNameIn } from './names.ts';
import { beforeOf } from './revisits.ts';
import { isAskedAlone } from './suspects.ts';
import type { TakenHost, TakenUrl } from './take.ts';
import type { BatchToWrite, HostChange, Written } from './write.ts';

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

/** All that a worker has. */
export interface Holdings {
  readonly hosts: Map<string, HeldHost>;
  readonly inFlight: Map<Claim, HeldUrl>;
  /** The database may say of more hosts that they are this worker's: they are let go before others are taken. */
  isUnsure: boolean;
}

export function hold(
  { hosts }: Holdings,
  taken: readonly TakenHost[],
  { pauseMs }: { readonly pauseMs: number },
): void {
  for (const { urls, ...host } of taken) {
    hosts.set(host.id, { ...host, waiting: urls, active: 0, nextAtMs: 0, pauseMs });
  }
}

/** A URL that was not asked for: first of its host's again, or left to whoever takes the host next. */
export function putBack(holdings: Holdings, { host, url }: HeldUrl, { isKept }: { readonly isKept: boolean }): void {
  host.active -= 1;
  if (isKept) host.waiting.unshift(url);
  else dropEmpty(holdings, host);
}

/** Leaves the pages that wait to the others. */
export function dropPages(holdings: Holdings): void {
  for (const host of holdings.hosts.values()) {
    host.waiting = host.waiting.filter(({ kind }) => kind !== 'page');
    dropEmpty(holdings, host);
  }
}

function dropEmpty(holdings: Holdings, host: HeldHost): void {
  if (host.active > 0 || host.waiting.length > 0) return;
  if (holdings.hosts.delete(host.id)) holdings.isUnsure = true;
}

/** When the next of its hosts may be asked, by the steady clock; infinite when none has a URL for it. */
export function nextHeldMs({ hosts }: Holdings, perHost: number): number {
  const asked = [...hosts.values()].filter(({ waiting, active }) => waiting.length > 0 && active < perHost);
  return Math.min(...asked.map(({ nextAtMs }) => nextAtMs));
}

/** What requests that no batch has told of leave to their hosts: the pause that they had. */
export const restsOf = ({ inFlight }: Holdings): Rest[] =>
  [...new Set([...inFlight.values()].map(({ host }) => host))].map(({ id, pauseMs }) => ({ id, pauseMs }));

/** Brings what is held up to date with a batch that is written. */
export function settle(
  holdings: Holdings,
  batch: Pick<BatchToWrite, 'hosts' | 'rests'>,
  outcomes: readonly FetchOutcome[],
  { pauses }: Written,
): void {
  const { hosts, inFlight } = holdings;
  const now = steadyNow();
  const byId = new Map(batch.hosts.map((change) => [change.id, change]));
  const asked = new Set<HeldHost>();
  for (const outcome of outcomes) {
    const { claim, end, putOffUntilMs } = outcome;
    const { host, url } = inFlight.get(claim)!;
    inFlight.delete(claim);
    asked.add(host);
    host.active -= 1;
    if (putOffUntilMs !== undefined) host.waiting = [];
    else if (end === 'failed' || end === 'later') {
      const [tries, deaths] = end === 'failed' ? [url.tries + 1, 0] : [url.tries, url.deaths];
      host.waiting.push({ ...url, tries, deaths, priority: url.priority - 1 });
    }
    for (const { hash } of aliasesOf(outcome)) host.waiting = host.waiting.filter((one) => one.hash !== hash);
    const change = byId.get(host.id)!;
    host.failures = change.failures;
    host.pauseMs = change.pauseMs;
    host.nextAtMs = Math.max(host.nextAtMs, now + Math.max(change.pauseMs, pauses.get(host.id) ?? 0));
  }
  for (const { id, isLetGo, pages, renderTries, renderGains } of batch.hosts) {
    const host = hosts.get(id);
    // One that was let go by a batch whose answer was lost may have been taken again meanwhile: that is not the batch's to let go.
    if (host === undefined || !asked.has(host)) continue;
    host.pages += pages;
    host.renderTries += renderTries;
    host.renderGains += renderGains;
    if (isLetGo) hosts.delete(id);
    // One without URLs that the batch has not let go is free with the next hosts that are taken.
    else dropEmpty(holdings, host);
  }
  for (const { url, pauseMs } of batch.rests) {
    const host = hosts.get(hostIdOf(hostNameIn(url)));
    if (host !== undefined) host.nextAtMs = Math.max(host.nextAtMs, now + pauseMs);
  }
}

/** A URL as the crawl gets it; the numbers are those of a folder's tables, which a store has not. */
export function claimOf({ host, url }: HeldUrl, trap: Claim['trap']): Claim {
  const { failures, pages, renderTries, renderGains, name } = host;
  return {
    id: 0,
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
    deaths: url.deaths,
    host: { id: 0, name, failures, pages, renderTries, renderGains },
    isTakenDown: url.isTakenDown,
    trap,
    referrer: url.page === null ? undefined : { page: url.page, policy: url.referrerPolicy ?? undefined },
    revisit: url.visited?.revisit ?? null,
    before: url.visited && beforeOf(url.url, url.visited),
    imageBefore: null,
  };
}

function readyHosts(held: ReadonlyMap<string, HeldHost>, perHost: number): HeldHost[] {
  const now = steadyNow();
  const hosts = [...held.values()].filter(
    ({ waiting, active, nextAtMs }) => waiting.length > 0 && active < perHost && nextAtMs <= now,
  );
  return hosts.sort((a, b) => a.nextAtMs - b.nextAtMs);
}

/** Whether one that is asked alone is under way, or waits until nothing is: no other is to be begun. */
export const isAlone = ({ hosts, inFlight }: Holdings, perHost: number): boolean =>
  inFlight.size > 0 &&
  ([...inFlight.values()].some(({ url }) => isAskedAlone(url)) ||
    readyHosts(hosts, perHost).some(({ waiting }) => isAskedAlone(waiting[0]!)));

/** One that is to be asked alone, which counts as under way then. */
export function suspectOf({ hosts }: Holdings, perHost: number): HeldUrl | null {
  const host = readyHosts(hosts, perHost).find(({ waiting }) => isAskedAlone(waiting[0]!));
  if (host === undefined) return null;
  host.active += 1;
  return { host, url: host.waiting.shift()! };
}

/** Up to `limit` URLs of hosts whose time has come, at most `perHost` of one under way; they count as under way then. */
export function readyUrls(held: ReadonlyMap<string, HeldHost>, limit: number, perHost: number): HeldUrl[] {
  const hosts = readyHosts(held, perHost).filter(({ waiting }) => !isAskedAlone(waiting[0]!));
  const urls: HeldUrl[] = [];
  for (const host of hosts) {
    while (urls.length < limit && host.active < perHost && host.waiting.length > 0 && !isAskedAlone(host.waiting[0]!)) {
      host.active += 1;
      urls.push({ host, url: host.waiting.shift()! });
    }
  }
  return urls;
}

/** What a batch changes of its hosts, and which of them are let go with it. */
export function changesOf(outcomes: readonly FetchOutcome[], inFlight: ReadonlyMap<Claim, HeldUrl>): HostChange[] {
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
    return { ...change!, isLetGo: isIdle && (isLast || isPutOff || change!.pauseMs > maxHeldMs) };
  });
}

/** Of one outcome, added to what the batch says of its host so far. */
function changeOf(host: HeldHost, outcome: FetchOutcome, before: HostChange | undefined): HostChange {
  const { claim, end, page, hostFailed, rendered, pauseMs } = outcome;
  const failed = before?.failures ?? host.failures;
  const failures = hostFailed === undefined ? failed : hostFailed ? failed + 1 : 0;
  // What was stopped may have been asked for: its host rests as after an answer.
  const stoppedMs = end === 'later' ? Math.max(pauseMs, host.pauseMs) : pauseMs;
  const rest = hostFailed && failures >= maxFailures ? restMs : 0;
  const isFirstVisit = claim.kind === 'page' && claim.revisit === null;
  const isPage = end === 'done' && isFirstVisit;
  const isRead = isFirstVisit && page?.status === 'fetched';
  return {
    id: host.id,
    pauseMs: Math.max(before?.pauseMs ?? 0, stoppedMs, rest),
    isLetGo: false,
    pages: (before?.pages ?? 0) + (isPage ? 1 : 0),
    readPages: (before?.readPages ?? 0) + (isRead ? 1 : 0),
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
