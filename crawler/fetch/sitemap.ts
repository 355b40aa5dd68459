/** One sitemap from claim to result: its pages and further sitemaps queued, its captions kept for when a page is read. */
import type { Claim } from '../frontier/claim.ts';
import type { RefusedUrl } from '../frontier/outcome.ts';
import { bodyHash, nextIntervalMs } from '../frontier/revisit.ts';
import type { NewUrl } from '../frontier/schema.ts';
import { maxSitemapBytes, type SitemapTexts } from '../page/sitemap.ts';
import { priority } from '../policy/priority.ts';
import type { Reason } from '../policy/reasons.ts';
import { trapReason } from '../policy/traps.ts';
import { addressOf, hostNameOf, keyOf } from '../policy/url.ts';
import { hasContent, isRefusal, isTemporary } from './fetch.ts';
import { firstValue } from './headers.ts';
import type { AllowedRules } from './origin-rules.ts';
import { otherHost, redirectsOf } from './redirects.ts';
import type { FetchResult, FetchTools } from './tools.ts';

/** The protocol forbids an index of indexes; some sites have them all the same. */
const maxIndexDepth = 3;

/** Where a sitemap lies when robots.txt names none: what sites that have one do, and what search engines look for. */
export const usualSitemapPath = '/sitemap.xml';

/**
 * Downloads a sitemap or a feed that robots.txt, a page or an index names, or that is a seed. Its row says what became of
 * it. A sitemap that nobody named and that is not there has no row.
 */
export async function fetchSitemap(claim: Claim, rules: AllowedRules, tools: FetchTools): Promise<FetchResult> {
  const { refuseRedirect, hops, requests: count } = redirectsOf(claim, tools.rulesOf);
  const response = await tools.fetcher.get(claim.at, {
    maxBytes: maxSitemapBytes,
    headers: { accept: 'application/xml,text/xml,application/rss+xml,application/atom+xml,text/plain,*/*;q=0.1' },
    refuseRedirect,
    signal: tools.signal,
  });
  const { latencyMs, status, headers } = response;
  const requests = count();
  const isGuess = rules.robots.sitemaps.length === 0 && new URL(claim.url).pathname === usualSitemapPath;
  const fetchedAtMs = Date.now();
  const failed = (reason: Reason): FetchResult => {
    const row = { url: claim.url, status: isRefusal(reason) ? 'refused' : 'failed', reason, fetchedAtMs } as const;
    const again = isTemporary(reason) ? { again: { reason, status, headers } } : {};
    return { latencyMs, requests, ...(isGuess ? {} : { page: row }), ...again };
  };
  if (!response.ok && response.reason === otherHost) {
    const { depth } = claim;
    const target = { ...addressOf(response.url), kind: 'sitemap', depth, priority: claim.priority } as const;
    return { latencyMs, requests, newUrls: [{ ...target, hops: hops() }] };
  }
  if (!response.ok) return failed(response.reason);
  if (!hasContent(status)) return failed(`http-${response.status}`);
  const hash = bodyHash(response.body);
  const byteLength = response.body.length;
  const read = await tools.workers.run('sitemap', {
    bytes: response.body,
    contentType: firstValue(headers['content-type']),
    url: response.url,
  });
  if (!read.done) return failed(read.reason);
  if ('reason' in read.value) return failed(read.value.reason);
  const sitemap = read.value;
  const trapped: RefusedUrl[] = [];
  const newUrls: NewUrl[] = [];
  if (claim.depth < maxIndexDepth) {
    const host = hostNameOf(response.url);
    for (const next of sitemap.sitemaps) {
      const trap = trapReason(next.url);
      if (trap !== null) trapped.push({ url: next.url, reason: trap });
      // An index that robots.txt names may lie on another host, such as a content network's, with its parts beside it.
      else if (tools.scope.contains(next.url) || hostNameOf(next.url) === host)
        newUrls.push({ ...next, kind: 'sitemap', depth: claim.depth + 1, priority: priority.sitemap });
    }
  }
  const sitemapTexts: SitemapTexts[] = [];
  for (const { images, ...page } of sitemap.pages) {
    if (!tools.scope.contains(page.url) || tools.maxDepth < 1) continue;
    const trap = trapReason(page.url);
    if (trap !== null) {
      trapped.push({ url: page.url, reason: trap });
      continue;
    }
    newUrls.push({ ...page, kind: 'page', depth: 1, priority: priority.sitemapEntry });
    for (const { url: imageUrl, written: imageWritten, texts } of images) {
      for (const text of texts) {
        sitemapTexts.push({ pageUrl: page.url, imageUrl, text, ...(imageWritten ? { imageWritten } : {}) });
      }
    }
  }
  return {
    latencyMs,
    requests,
    byteLength,
    page: { url: claim.url, status: 'skipped', reason: 'sitemap', fetchedAtMs },
    ...(keyOf(response.url) === claim.url ? {} : { sitemapAlias: keyOf(response.url) }),
    revisit: { intervalMs: nextIntervalMs(claim.revisit?.intervalMs ?? null, claim.revisit?.hash !== hash), hash },
    newUrls,
    trapped,
    sitemapTexts,
  };
}
