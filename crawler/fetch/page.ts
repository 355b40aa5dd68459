import type { FoundImage, PageRecord } from '../../dataset/ledger/records.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import { bodyHash, nextIntervalMs, type Revisit } from '../frontier/revisit.ts';
import type { Claim, Host, NewUrl } from '../frontier/schema.ts';
import { decodeText } from '../page/charset.ts';
import { extractPage, type Page } from '../page/extract.ts';
import type { RefusedImage } from '../page/images.ts';
import { needsBrowser } from '../page/needs-browser.ts';
import type { SitemapTexts } from '../page/sitemap.ts';
import type { Headers } from '../policy/rights.ts';
import { rightsOf } from '../policy/rights.ts';
import type { Renderer } from './browser.ts';
import type { Fetched, Fetcher, NotFetched } from './fetch.ts';
import type { OriginRules } from './origin-rules.ts';
import { otherHost, type Redirects, redirectsOf, refusedByRobots } from './redirects.ts';

/** Ours: Googlebot reads 15 MB, Nutch 1 MB; HTML of more than 8 MB is no page that a person reads. */
export const maxPageBytes = 8_000_000;

/** Priorities: images at once, so that a crawl yields samples from the start; sitemap files; pages by how rich in images they look. */
export const priority = { image: 1000, sitemap: 900, sitemapEntry: 100, seed: 500, page: 0 } as const;

/** Links of a page with many content images come before those of a page with none, up to this much. */
const mostRichness = 5;

export interface PageContext {
  readonly fetcher: Fetcher;
  /** Null when there is no browser; it starts when it is first asked for. */
  readonly renderer: () => Promise<Renderer | null>;
  readonly render: 'auto' | 'always' | 'never';
  readonly rulesOf: (origin: string) => Promise<OriginRules>;
  readonly inScope: (url: string) => boolean;
  /** A reason not to queue a link, or null. */
  readonly trap: (url: string) => string | null;
  /** What sitemaps say about the images of a page. */
  readonly sitemapTexts: (pageUrl: string) => readonly SitemapTexts[];
  /** How often the claim is looked at and what it was at the last visit; null at the first. */
  readonly revisit: (claim: Claim) => Revisit | null;
  /** What was seen at an earlier visit: null for a page that is new. */
  readonly before: (claim: Claim) => { readonly page: PageRecord; readonly revisit: Revisit } | null;
  readonly maxDepth: number;
  readonly takeImages: boolean;
  readonly signal: AbortSignal;
}

type PageOutcome = Omit<FetchOutcome, 'claim' | 'pauseMs' | 'end'> & {
  readonly latencyMs: number;
  /** Made to the page's host. */
  readonly requests: number;
  /** Other origins that were asked while the page was rendered, with the number of requests. */
  readonly others?: ReadonlyMap<string, number>;
  /** Set when the fetch failed in a way that another try may mend. */
  readonly again?: { readonly reason: string; readonly status: number | null; readonly headers: Headers };
};

/** Fetches and reads a page that robots.txt allows. */
export async function fetchPage(
  claim: Claim,
  host: Host,
  rules: Extract<OriginRules, { kind: 'rules' }>,
  context: PageContext,
): Promise<PageOutcome> {
  const before = context.before(claim);
  const redirects = redirectsOf(claim, context.rulesOf, (url) =>
    context.inScope(url) ? context.trap(url) : 'redirect-out-of-scope',
  );
  const response = await context.fetcher.get(claim.at, {
    maxBytes: maxPageBytes,
    headers: { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.1', ...conditions(before?.page) },
    refuse: (status, headers) => (status === 200 && !isHtml(headers) ? 'not-html' : null),
    refuseRedirect: redirects.refuseRedirect,
    signal: context.signal,
  });
  const { latencyMs } = response;
  const requests = redirects.requests();
  const fetchedAtMs = Date.now();
  const failed = (status: 'failed' | 'refused' | 'skipped', reason: string, url = claim.url): PageOutcome => ({
    latencyMs,
    requests,
    // What was read at an earlier visit stays, so that its pairs can still be judged; the reason marks them.
    page: { ...before?.page, url, status, reason, fetchedAtMs },
    ...(before ? { revisit: before.revisit } : {}),
  });
  if (!response.ok && response.reason === otherHost) return leave(claim, response, redirects, context.revisit(claim));
  if (!response.ok) {
    const outcome = failed(isRefusal(response.reason) ? 'refused' : 'failed', response.reason);
    return response.temporary ? { ...outcome, again: response } : outcome;
  }
  if (before && (response.status === 304 || isSame(response, before))) {
    const intervalMs = nextIntervalMs(before.revisit.intervalMs, false);
    return {
      latencyMs,
      requests,
      page: { ...before.page, status: 'unchanged', reason: null, fetchedAtMs },
      revisit: { intervalMs, hash: before.revisit.hash },
    };
  }
  if (before && (response.status === 404 || response.status === 410)) {
    return failed('failed', 'gone');
  }
  if (response.status !== 200) {
    const outcome = failed('failed', `http-${response.status}`);
    const again = { reason: `http-${response.status}`, status: response.status, headers: response.headers };
    return response.status >= 500 || response.status === 429 || response.status === 408
      ? { ...outcome, again }
      : outcome;
  }
  return readPage(claim, host, rules, { response, requests }, context, before);
}

/** A page that leads to another host: the target is queued there. Whether it still leads there is looked at as for any page. */
function leave(claim: Claim, { url, latencyMs }: NotFetched, redirects: Redirects, known: Revisit | null): PageOutcome {
  const hash = bodyHash(Buffer.from(url));
  return {
    latencyMs,
    requests: redirects.requests(),
    page: { url: claim.url, status: 'skipped', reason: 'redirected', fetchedAtMs: Date.now() },
    newUrls: [{ url, kind: 'page', depth: claim.depth, priority: claim.priority, hops: redirects.hops() }],
    revisit: { intervalMs: nextIntervalMs(known?.intervalMs ?? null, known?.hash !== hash), hash },
  };
}

/** Asks for a page only if it changed. One that scripts fill in may change while its HTML does not. */
function conditions(page: PageRecord | undefined): Record<string, string> {
  if (!page || page.rendered) return {};
  return {
    ...(page.etag ? { 'if-none-match': page.etag } : {}),
    ...(page.lastModified ? { 'if-modified-since': page.lastModified } : {}),
  };
}

const isSame = ({ status, body }: Fetched, { page, revisit }: { page: PageRecord; revisit: Revisit }): boolean =>
  status === 200 && !page.rendered && page.reason !== 'needs-browser' && revisit.hash === bodyHash(body);

async function readPage(
  claim: Claim,
  host: Host,
  rules: Extract<OriginRules, { kind: 'rules' }>,
  { response, requests: fetches }: { readonly response: Fetched; readonly requests: number },
  context: PageContext,
  before: ReturnType<PageContext['before']>,
): Promise<PageOutcome> {
  const { url, headers, latencyMs } = response;
  const html = decodeText(response.body, first(headers['content-type']));
  let page = extractPage(html, url);
  let rendered: { gained: boolean } | undefined;
  let unrendered = false;
  let note: string | null = null;
  let asked: ReadonlyMap<string, number> = new Map();
  const why =
    context.render === 'never'
      ? null
      : context.render === 'always'
        ? 'always'
        : needsBrowser(page.signs, page.images.length, host);
  const renderer = why === null ? null : await context.renderer();
  if (why !== null && !renderer) {
    unrendered = true;
    note = 'needs-browser';
  } else if (renderer) {
    const allows = async (part: string): Promise<boolean> => (await refusedByRobots(part, context.rulesOf)) === null;
    const rendering = await renderer.render({ url, html, allows });
    asked = rendering.asked;
    if ('reason' in rendering && context.signal.aborted) {
      return { latencyMs, requests: fetches, again: { reason: 'stopped', status: null, headers: {} } };
    }
    if ('reason' in rendering) note = rendering.reason;
    else {
      const seen = extractPage(rendering.html, url);
      rendered = { gained: gains(page, seen) };
      page = seen;
    }
  }

  const redirected = url !== claim.url;
  const origin = new URL(url).origin;
  const finalRules = redirected ? await context.rulesOf(origin) : rules;
  const rights = rightsOf({
    headers,
    meta: page.meta,
    url,
    tdmrep: finalRules.kind === 'rules' ? finalRules.tdmrep : [],
    robotsUsage: finalRules.kind === 'rules' ? finalRules.robots.contentUsage(url) : null,
  });
  const found = rights.refused ? [] : withSitemapTexts(page.images, context.sitemapTexts(url));
  const depth = claim.depth + 1;
  const newUrls: NewUrl[] = [];
  const trapped: RefusedImage[] = [];
  if (context.takeImages) {
    for (const image of found) newUrls.push({ url: image.url, kind: 'image', depth, priority: priority.image });
  }
  if (!rights.nofollow && depth <= context.maxDepth) {
    const richness = Math.min(found.length, mostRichness);
    for (const link of page.links) {
      if (link.nofollow || !context.inScope(link.url)) continue;
      const trap = context.trap(link.url);
      if (trap !== null) {
        trapped.push({ url: link.url, reason: trap });
        continue;
      }
      newUrls.push({ url: link.url, kind: 'page', depth, priority: priority.page + richness });
    }
  }
  const others = new Map(asked);
  const requests = fetches + (others.get(origin) ?? 0);
  others.delete(origin);
  return {
    latencyMs,
    requests,
    others,
    byteLength: response.body.length,
    page: {
      url,
      status: rights.refused ? 'refused' : 'fetched',
      reason: rights.refused ?? note,
      title: page.title,
      text: page.text,
      fetchedAtMs: Date.now(),
      etag: first(headers.etag) ?? null,
      lastModified: first(headers['last-modified']) ?? null,
      rendered: rendered !== undefined,
      licenseUrl: page.licenseUrl,
      rights: rights.evidence,
    },
    ...(redirected
      ? { redirected: { url: claim.url, status: 'skipped' as const, reason: 'redirected', fetchedAtMs: Date.now() } }
      : {}),
    revisit: { intervalMs: nextIntervalMs(before?.revisit.intervalMs ?? null, true), hash: bodyHash(response.body) },
    found,
    refused: page.refused,
    newUrls,
    trapped,
    unrendered,
    ...(rendered ? { rendered } : {}),
  };
}

/** A sitemap that describes an image says that it is content, and how a page is built does not matter then. */
function withSitemapTexts(images: readonly FoundImage[], texts: readonly SitemapTexts[]): readonly FoundImage[] {
  if (texts.length === 0) return images;
  const byUrl = new Map(images.map((image) => [image.url, [...image.texts]]));
  for (const { imageUrl, text } of texts) {
    const known = byUrl.get(imageUrl) ?? [];
    if (!known.some((other) => other.text === text)) known.push({ source: 'sitemap', text });
    byUrl.set(imageUrl, known);
  }
  return [...byUrl].map(([url, merged]) => ({ url, texts: merged }));
}

/** Rendering paid if it showed an image more, or twice the text. */
const gains = (before: Page, after: Page): boolean =>
  after.images.length > before.images.length || after.signs.mainTextLength > 2 * before.signs.mainTextLength + 100;

/** Reasons that say that we may not, as opposed to that it did not work. */
export const isRefusal = (reason: string): boolean =>
  /^(?:robots|rights-|private-address|contact-required|redirect-out-of-scope|trap-)/.test(reason);

export const first = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

function isHtml(headers: Headers): boolean {
  const type = first(headers['content-type'])?.split(';')[0]?.trim().toLowerCase();
  return type === undefined || type === '' || type === 'text/html' || type === 'application/xhtml+xml';
}
