/** One sitemap from claim to outcome: its pages and further sitemaps queued, its captions kept for when a page is read. */

import type { Claim, NewUrl } from '../frontier/schema.ts';
import { maxSitemapBytes, readSitemap, type SitemapTexts } from '../page/sitemap.ts';
import type { Headers } from '../policy/rights.ts';
import { first, type PageContext, priority } from './page.ts';
import { otherHost, redirectsOf } from './redirects.ts';

/** The protocol forbids an index of indexes; some sites have them all the same. */
const deepestIndex = 3;

export interface SitemapOutcome {
  readonly latencyMs: number;
  readonly requests: number;
  readonly newUrls?: readonly NewUrl[];
  readonly sitemapTexts?: readonly SitemapTexts[];
  readonly byteLength?: number;
  readonly again?: { readonly reason: string; readonly status: number | null; readonly headers: Headers };
}

/** Downloads a sitemap that robots.txt lists. What cannot be read is left out: a sitemap only speeds things up. */
export async function fetchSitemap(claim: Claim, context: PageContext): Promise<SitemapOutcome> {
  const { refuseRedirect, hops, requests: count } = redirectsOf(claim, context.rulesOf);
  const response = await context.fetcher.get(claim.at, {
    maxBytes: maxSitemapBytes,
    refuseRedirect,
    signal: context.signal,
  });
  const { latencyMs } = response;
  const requests = count();
  if (!response.ok && response.reason === otherHost) {
    const { url } = response;
    return { latencyMs, requests, newUrls: [{ ...claim, url, hops: hops() }] };
  }
  if (!response.ok) return { latencyMs, requests, ...(response.temporary ? { again: response } : {}) };
  const { status, headers, url } = response;
  if (status >= 500 || status === 429)
    return { latencyMs, requests, again: { reason: `http-${status}`, status, headers } };
  const sitemap = status === 200 ? await readSitemap(response.body, first(headers['content-type']), url) : null;
  if (!sitemap) return { latencyMs, requests };
  const newUrls: NewUrl[] = [];
  if (claim.depth < deepestIndex) {
    for (const next of sitemap.sitemaps) {
      if (!context.inScope(next)) continue;
      newUrls.push({ url: next, kind: 'sitemap', depth: claim.depth + 1, priority: priority.sitemap });
    }
  }
  const sitemapTexts: SitemapTexts[] = [];
  for (const page of sitemap.pages) {
    if (!context.inScope(page.url) || context.trap(page.url) !== null || context.maxDepth < 1) continue;
    newUrls.push({ url: page.url, kind: 'page', depth: 1, priority: priority.sitemapEntry });
    for (const image of page.images) {
      for (const text of image.texts) sitemapTexts.push({ pageUrl: page.url, imageUrl: image.url, text });
    }
  }
  return { latencyMs, requests, byteLength: response.body.length, newUrls, sitemapTexts };
}
