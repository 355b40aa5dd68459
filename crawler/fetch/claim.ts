/** One claimed URL from robots.txt to outcome, and what a failure means for its host. */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { Frontier } from '../frontier/frontier.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import type { Claim } from '../frontier/schema.ts';
import { backOffMs, delayMs, type Manners, retryAfterMs } from '../policy/politeness.ts';
import { fetchImage } from './image.ts';
import type { OriginRules } from './origin-rules.ts';
import { fetchPage, type PageContext } from './page.ts';
import { fetchSitemap } from './sitemap.ts';

const mostTries = 3;

/** One claimed URL from robots.txt to outcome; web faults are values, so what is thrown is ours. */
export async function fetchClaim(
  claim: Claim,
  {
    ledger,
    frontier,
    context,
    whenFree,
    manners,
    maxPagesPerHost,
  }: {
    readonly ledger: Ledger;
    readonly frontier: Frontier;
    readonly context: PageContext;
    readonly whenFree: <T>(work: () => Promise<T>) => Promise<T>;
    readonly manners: Manners;
    readonly maxPagesPerHost: number;
  },
): Promise<FetchOutcome> {
  const targets = claim.at === claim.url ? [claim.url] : [claim.url, claim.at];
  if (targets.some((url) => ledger.isTakenDown({ url }))) return refusedOutcome(claim, 'taken-down');
  const host = frontier.host(claim.hostId);
  if (claim.kind === 'page' && host.pages >= maxPagesPerHost) return refusedOutcome(claim, 'trap-host-limit');
  const rules = await context.rulesOf(new URL(claim.at).origin);
  const pauseMs = (latencyMs: number, requests: number): number =>
    delayMs(manners, crawlDelayOf(rules, host.crawlDelayMs), latencyMs, requests);
  if (context.signal.aborted) return { claim, end: 'later', pauseMs: 0 };
  if (rules.kind === 'defer') {
    const deferMs = Math.max(rules.forMs, backOffMs(host.failures + 1, manners));
    return { claim, end: 'later', pauseMs: deferMs, hostFailed: true };
  }
  if (rules.kind === 'disallow') return refusedOutcome(claim, rules.reason);
  // robots.txt and the TDMRep file were requests too: the host's clock runs before the next one.
  const restMs = rules.asked ? pauseMs(0, 2) : 0;
  if (restMs > 0) return { claim, end: 'later', pauseMs: restMs, crawlDelayMs: rules.robots.crawlDelayMs };
  if (!rules.robots.allows(claim.at)) return refusedOutcome(claim, 'robots');

  const result =
    claim.kind === 'page'
      ? await fetchPage(claim, host, rules, context)
      : claim.kind === 'sitemap'
        ? await fetchSitemap(claim, context)
        : await fetchImage(claim, rules, { ...context, whenFree });
  const { latencyMs, requests, again, others, ...rest }: Result = result;
  const crawlDelayMs = rules.robots.crawlDelayMs;
  if (again?.reason === 'stopped' || (again && context.signal.aborted)) return { claim, end: 'later', pauseMs: 0 };
  if (!again) {
    const alsoAsked = [...(others ?? [])].map(([url, times]) => ({ url, pauseMs: delayMs(manners, 0, 0, times) }));
    const end = rest.moved ? ('moved' as const) : ('done' as const);
    const pause = pauseMs(latencyMs, requests);
    return { claim, end, pauseMs: pause, hostFailed: false, crawlDelayMs, alsoAsked, ...rest };
  }
  const overloaded = again.status === 429 || again.status === 503;
  // A page that hangs or breaks off says little about its host; a host that cannot be reached or is busy is left alone.
  const hostFailed = overloaded || unreachable.has(again.reason);
  const backOff = backOffMs(host.failures + 1, manners);
  const leaveMs = hostFailed
    ? Math.max(retryAfterMs(again.headers['retry-after']) ?? 0, backOff)
    : pauseMs(latencyMs, requests);
  if (claim.tries + 1 < mostTries) return { claim, end: 'failed', pauseMs: leaveMs, hostFailed };
  return { claim, end: 'done', pauseMs: leaveMs, hostFailed, ...rest };
}

/** What the three kinds of fetch may say. */
type Result = Awaited<ReturnType<typeof fetchPage>> & Pick<FetchOutcome, 'moved'>;

const unreachable = new Set([
  'connection-refused',
  'connection-failed',
  'timeout-connect',
  'dns-failed',
  'unreachable',
]);

const crawlDelayOf = (rules: OriginRules, knownMs: number): number =>
  rules.kind === 'rules' ? rules.robots.crawlDelayMs : knownMs;

/** A refused URL asks nothing of its host, so the next one need not wait. */
function refusedOutcome(claim: Claim, reason: string): FetchOutcome {
  const fetchedAtMs = Date.now();
  const row = { url: claim.url, status: 'refused' as const, reason, fetchedAtMs };
  const { kind } = claim;
  return {
    claim,
    end: 'done',
    pauseMs: 0,
    ...(kind === 'image' ? { image: row } : kind === 'page' ? { page: row } : {}),
  };
}
