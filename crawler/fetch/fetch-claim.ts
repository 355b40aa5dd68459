/** One claimed URL from robots.txt to outcome, and what a failure means for its host. */
import type { Claim } from '../frontier/claim.ts';
import { givenUpAfterDeaths } from '../frontier/deaths.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { backOffMs, delayMs, retryAfterMs } from '../policy/politeness.ts';
import type { Reason } from '../policy/reasons.ts';
import { isRefusal } from './fetch.ts';
import { fetchImage } from './image.ts';
import { fetchPage } from './page.ts';
import { fetchSitemap } from './sitemap.ts';
import type { FetchTools } from './tools.ts';

/** Tries of one URL in one crawl, the first included. */
const maxTries = 3;

const fetchKind = { page: fetchPage, image: fetchImage, sitemap: fetchSitemap } as const;

/** Fetches what a claim names. The web's faults are part of the outcome, so what is thrown is ours. */
export async function fetchClaim(claim: Claim, tools: FetchTools): Promise<FetchOutcome> {
  const { host } = claim;
  const { manners } = tools;
  if (claim.isTakenDown) return refusedOutcome(claim, 'taken-down');
  if (claim.deaths >= givenUpAfterDeaths) return refusedOutcome(claim, 'process-died');
  if (claim.trap !== null) return refusedOutcome(claim, claim.trap);
  const isNewPage = claim.kind === 'page' && claim.revisit === null;
  if (isNewPage && host.pages >= tools.maxPagesPerHost) return refusedOutcome(claim, 'trap-host-limit');
  const rules = await tools.rulesOf(new URL(claim.at).origin);
  if (tools.signal.aborted) return { claim, end: 'later', pauseMs: 0 };
  if (rules.kind === 'disallow') return refusedOutcome(claim, rules.reason);
  if (rules.kind === 'unavailable') {
    if (rules.isGivenUp) return refusedOutcome(claim, rules.reason);
    const pauseMs = rules.requested ? delayMs(manners, 0, 0) : 0;
    return { claim, end: 'later', pauseMs, putOffUntilMs: rules.untilMs };
  }
  const { crawlDelayMs } = rules.robots;
  // robots.txt, the TDMRep file and licences were requests too: the host's clock runs before the next one.
  const restMs = rules.requested ? delayMs(manners, crawlDelayMs, 0, 2 + rules.robots.licenses.length) : 0;
  if (restMs > 0) return { claim, end: 'later', pauseMs: restMs };
  if (!rules.robots.allows(claim.at)) return refusedOutcome(claim, 'robots');

  const { latencyMs, requests, otherRequests, again, ...found } = await fetchKind[claim.kind](claim, rules, tools);
  if (again?.reason === 'stopped' || (again && tools.signal.aborted)) return { claim, end: 'later', pauseMs: 0 };
  const pauseMs = delayMs(manners, crawlDelayMs, latencyMs, requests);
  if (!again) {
    const otherHosts = await Promise.all(
      [...(otherRequests ?? [])].map(async ([url, n]) => {
        const rules = await tools.rulesOf(url);
        return { url, pauseMs: delayMs(manners, rules.kind === 'rules' ? rules.robots.crawlDelayMs : 0, 0, n) };
      }),
    );
    const end = found.moved ? 'moved' : 'done';
    return { claim, end, pauseMs, hostFailed: false, otherHosts, ...found };
  }
  // As for a file of its origin: its URLs wait, and go on without it after five failures.
  if (again.waitsUntilMs !== undefined) return { claim, end: 'later', pauseMs, putOffUntilMs: again.waitsUntilMs };
  const overloaded = again.status === 429 || again.status === 503;
  // A page that hangs or breaks off says little about its host; a host that cannot be reached or is busy is left alone.
  const hostFailed = overloaded || unreachable.has(again.reason);
  const backOff = Math.max(retryAfterMs(again.headers) ?? 0, backOffMs(host.failures + 1, manners));
  const failed = { claim, pauseMs: hostFailed ? backOff : pauseMs, hostFailed };
  return claim.tries + 1 < maxTries ? { ...failed, end: 'failed' } : { ...failed, end: 'done', ...found };
}

const unreachable: ReadonlySet<Reason> = new Set<Reason>([
  'connection-refused',
  'connection-failed',
  'timeout-connect',
  'dns-failed',
  'unreachable',
]);

/** A URL that is refused, or whose host does not exist, sends no request to its host, so the next one need not wait. */
function refusedOutcome(claim: Claim, reason: Reason): FetchOutcome {
  const row = { url: claim.url, reason, fetchedAtMs: Date.now() };
  const refused = { claim, end: 'done', pauseMs: 0, unasked: true } as const;
  const isOurs = isRefusal(reason);
  if (claim.kind !== 'image') {
    const page = isOurs
      ? { ...row, status: 'refused' as const }
      : { ...claim.before?.page, ...row, status: 'failed' as const };
    return { ...refused, page };
  }
  // What was downloaded while it was allowed stays.
  const before = claim.imageBefore ?? { status: isOurs ? 'refused' : 'failed_to_download' };
  return { ...refused, image: { ...before, ...row } };
}
