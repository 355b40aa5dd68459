/** One sitemap from claim to result: its pages and further sitemaps queued, its captions kept for when a page is read. */
import type { Claim } from '../frontier/claim.ts';
import type { NewUrl } from '../frontier/schema.ts';
import { maxSitemapBytes, readSitemap, type SitemapTexts } from '../page/sitemap.ts';
import { priority } from '../policy/priority.ts';
import { trapReason } from '../policy/traps.ts';
import { isTemporary } from './fetch.ts';
import { firstValue } from './headers.ts';
import type { AllowedRules } from './origin-rules.ts';
import { otherHost, redirectsOf } from './redirects.ts';
import type { FetchResult, FetchTools } from './tools.ts';

/** The protocol forbids an index of indexes; some sites have them all the same. */
const maxIndexDepth = 3;

/** Downloads a sitemap that robots.txt lists. What cannot be read is left out: a sitemap only speeds things up. */
export async function fetchSitemap(claim: Claim, _rules: AllowedRules, tools: FetchTools): Promise<FetchResult> {
  const { refuseRedirect, hops, requests: count } = redirectsOf(claim, tools.rulesOf);
  const response = await tools.fetcher.get(claim.at, {
    maxBytes: maxSitemapBytes,
    refuseRedirect,
    signal: tools.signal,
  });
  const { latencyMs, status, headers, url } = response;
  const requests = count();
  if (!response.ok && response.reason === otherHost) {
    return { latencyMs, requests, newUrls: [{ ...claim, url, hops: hops() }] };
  }
  const reason = response.ok ? (`http-${response.status}` as const) : response.reason;
  if (isTemporary(reason)) return { latencyMs, requests, again: { reason, status, headers } };
  if (!response.ok || status !== 200) return { latencyMs, requests };
  const sitemap = await readSitemap(response.body, firstValue(headers['content-type']), url);
  if (!sitemap) return { latencyMs, requests };
  const newUrls: NewUrl[] = [];
  if (claim.depth < maxIndexDepth) {
    for (const next of sitemap.sitemaps) {
      if (!tools.scope.contains(next)) continue;
      newUrls.push({ url: next, kind: 'sitemap', depth: claim.depth + 1, priority: priority.sitemap });
    }
  }
  const sitemapTexts: SitemapTexts[] = [];
  for (const page of sitemap.pages) {
    if (!tools.scope.contains(page.url) || trapReason(page.url) !== null || tools.maxDepth < 1) continue;
    newUrls.push({ url: page.url, kind: 'page', depth: 1, priority: priority.sitemapEntry });
    for (const image of page.images) {
      for (const text of image.texts) sitemapTexts.push({ pageUrl: page.url, imageUrl: image.url, text });
    }
  }
  return { latencyMs, requests, byteLength: response.body.length, newUrls, sitemapTexts };
}
