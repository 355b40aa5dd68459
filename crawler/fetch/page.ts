/** One page from claim to result: fetched, rendered if need be, its rights read, its images and links found. */

import { sniffFormat } from '../../dataset/image/sniff.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import type { Claim } from '../frontier/claim.ts';
import type { RefusedUrl } from '../frontier/outcome.ts';
import { bodyHash, nextIntervalMs } from '../frontier/revisit.ts';
import type { NewUrl } from '../frontier/schema.ts';
import { decodeText } from '../page/charset.ts';
import { type PageLink, refreshTarget } from '../page/links.ts';
import { needsBrowser } from '../page/needs-browser.ts';
import { isSitemapXml } from '../page/sitemap.ts';
import { priority } from '../policy/priority.ts';
import type { Reason } from '../policy/reasons.ts';
import { headerReferrerPolicy } from '../policy/referrer.ts';
import { evidenceOf, type Headers, type Rights, type RslLicences, rightsOf } from '../policy/rights.ts';
import { trapReason } from '../policy/traps.ts';
import { absoluteUrl, addressOf, keyOf } from '../policy/url.ts';
import type { ReadPage } from '../workers/tasks.ts';
import type { NotRendered } from './browser.ts';
import { type Fetched, hasContent, isRefusal, isTemporary, type NotFetched } from './fetch.ts';
import { firstValue } from './headers.ts';
import { licencesOf } from './licences.ts';
import type { AllowedRules } from './origin-rules.ts';
import { pageRecords } from './page-records.ts';
import { otherHost, type Redirects, redirectsOf, refusedByRobots } from './redirects.ts';
import type { FetchResult, FetchTools } from './tools.ts';

/** Ours: Googlebot reads 15 MB, Nutch 1 MB; HTML of more than 8 MB is no page that a person reads. */
export const maxPageBytes = 8_000_000;

/** Links of a page with many content images come before those of a page with none, up to this much. */
const maxRichness = 5;

/** Fetches and reads a page that robots.txt allows. */
export async function fetchPage(claim: Claim, rules: AllowedRules, tools: FetchTools): Promise<FetchResult> {
  const { before } = claim;
  const redirects = redirectsOf(claim, tools.rulesOf, {
    readRights: true,
    refuse: (target) => {
      const url = keyOf(target);
      return tools.scope.contains(url) || takesScopeAlong(claim, url, tools)
        ? trapReason(url)
        : 'redirect-out-of-scope';
    },
  });
  const response = await tools.fetcher.get(claim.at, {
    maxBytes: maxPageBytes,
    headers: { accept: 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.1' },
    conditions: conditions(before?.page),
    refuse: (status, headers) => (hasContent(status) ? refusedType(headers) : null),
    refuseRedirect: redirects.refuseRedirect,
    signal: tools.signal,
  });
  const { latencyMs, status, headers } = response;
  const requests = redirects.requests();
  const fetchedAtMs = Date.now();
  const failed = (reason: Reason, waits?: Waits): FetchResult => ({
    latencyMs,
    requests,
    // What was read at an earlier visit stays, so that its pairs can still be judged; the reason marks them.
    page: {
      ...before?.page,
      url: claim.url,
      status: isRefusal(reason) ? 'refused' : 'failed',
      reason,
      ...evidenceOf({ ...before?.page.rights, ...redirects.evidence() }),
      fetchedAtMs,
    },
    ...(before ? { revisit: before.revisit } : {}),
    ...(isTemporary(reason) ? { again: { reason, status, headers, ...waits } } : {}),
  });
  if (!response.ok && response.reason === otherHost) return leave(claim, response, redirects, tools);
  if (isImage(response)) {
    return {
      latencyMs,
      requests,
      page: { url: claim.url, status: 'skipped', reason: 'is-an-image', fetchedAtMs },
      newUrls: tools.takeImages
        ? [{ ...addressOf(response.url), kind: 'image', depth: claim.depth, priority: priority.image }]
        : [],
    };
  }
  if (claim.depth === 0 && mayBeSitemap(response)) return readAsSitemap(claim, response, requests);
  if (!response.ok) return failed(response.reason);
  // One that moved is another page, with the same bytes too.
  const isMoved = keyOf(response.url) !== claim.url;
  if (before && !isMoved && (status === 304 || isSame(response, before))) {
    const { hash, intervalMs } = before.revisit;
    // The same bytes may come with another header, or robots.txt may say something new.
    const read = await rightsAt(response, null, claim.url, rules, tools);
    if ('waitsUntilMs' in read) return failed('policy-file-unreachable', read);
    const { refused, evidence } = read.rights;
    return {
      latencyMs,
      requests: requests + read.requests,
      page: refused
        ? {
            ...before.page,
            status: 'refused',
            reason: refused,
            rights: { ...before.page.rights, ...evidence },
            fetchedAtMs,
          }
        : { ...before.page, status: 'unchanged', reason: null, fetchedAtMs },
      revisit: { intervalMs: nextIntervalMs(intervalMs, false), hash },
    };
  }
  if (before && (status === 404 || status === 410)) return failed('gone');
  if (!hasContent(status)) return failed(`http-${response.status}`);
  const read = await readPage(claim, rules, response, requests, tools);
  if (typeof read === 'string') return failed(read);
  return 'waitsUntilMs' in read ? failed('policy-file-unreachable', read) : read;
}

/** Whether the page is a seed that leads to another host of its site, as example.org does to www.example.org. */
const takesScopeAlong = ({ url: from, depth }: Claim, url: string, { scope }: FetchTools): boolean =>
  depth === 0 && scope.movesWith(from, url);

/**
 * A page that leads to another host: the target is queued there. Where it leads is looked up again as for any page. A seed
 * takes the scope along.
 */
function leave(claim: Claim, response: NotFetched, redirects: Redirects, tools: FetchTools): FetchResult {
  const { latencyMs } = response;
  const address = addressOf(response.url);
  const { url } = address;
  const hash = bodyHash(Buffer.from(url));
  const { revisit, depth } = claim;
  return {
    latencyMs,
    requests: redirects.requests(),
    page: { ...claim.before?.page, url: claim.url, status: 'skipped', reason: 'redirected', fetchedAtMs: Date.now() },
    newUrls: [{ ...address, kind: 'page', depth, priority: claim.priority, hops: redirects.hops() }],
    ...(tools.scope.contains(url) ? {} : { newSeed: url }),
    revisit: { intervalMs: nextIntervalMs(revisit?.intervalMs ?? null, revisit?.hash !== hash), hash },
  };
}

/** Whether a seed is not HTML, but may be a sitemap or a feed, by its type or, where that says HTML, by how it begins. */
const mayBeSitemap = (response: Fetched | NotFetched): boolean =>
  response.ok
    ? hasContent(response.status) && isSitemapXml(response.body.toString('latin1', 0, 4096))
    : response.reason === 'not-html' &&
      /xml|rss|atom|^text\/plain|gzip|octet-stream/i.test(firstValue(response.headers['content-type']) ?? '');

/** The seed is asked for once more as a sitemap, for which other limits hold. */
function readAsSitemap(
  { url, priority: seedPriority }: Claim,
  response: Fetched | NotFetched,
  requests: number,
): FetchResult {
  return {
    latencyMs: response.latencyMs,
    requests,
    page: { url, status: 'skipped', reason: 'sitemap', fetchedAtMs: Date.now() },
    newUrls: [{ ...addressOf(response.url), kind: 'sitemap', depth: 0, priority: seedPriority }],
  };
}

/** Headers that fetch a page only if it changed. */
const conditions = (page: PageRecord | undefined): Record<string, string> => ({
  ...(page?.etag ? { 'if-none-match': page.etag } : {}),
  ...(page?.lastModified ? { 'if-modified-since': page.lastModified } : {}),
});

const isSame = ({ status, body }: Fetched, { revisit }: NonNullable<Claim['before']>): boolean =>
  hasContent(status) && revisit.hash === bodyHash(body);

/** A file that says what may be done with a page could not be had; it is asked for again then, in ms since 1970. */
interface Waits {
  readonly waitsUntilMs: number;
}

/** What a page has, or why that cannot be said. */
async function readPage(
  claim: Claim,
  rules: AllowedRules,
  response: Fetched,
  requests: number,
  tools: FetchTools,
): Promise<FetchResult | Waits | 'too-costly' | 'stopped'> {
  const { url: at, headers, latencyMs, body } = response;
  const url = keyOf(at);
  const shown = await renderIfNeeded(response, claim, tools);
  if (typeof shown === 'string') return shown;
  const { page, note, rendered, renderedHtml, requestsByOrigin } = shown;

  const redirected = url !== claim.url;
  const origin = new URL(at).origin;
  const read = await rightsAt(response, page, claim.url, rules, tools);
  if (tools.signal.aborted) return 'stopped';
  if ('waitsUntilMs' in read) return read;
  const { rights } = read;
  const found = rights.refused ? [] : page.images;
  const depth = claim.depth + 1;
  const newUrls: NewUrl[] = [];
  const trapped: RefusedUrl[] = [];
  if (tools.takeImages) {
    for (const { texts: _, dominance: __, ...address } of found)
      newUrls.push({ ...address, kind: 'image', depth, priority: priority.image });
  }
  const refresh = onward(claim, at, page.refresh ?? refreshTarget(firstValue(headers.refresh) ?? '', at), tools);
  if (!rights.nofollow) newUrls.push(...refresh.newUrls);
  if (!rights.nofollow && claim.depth === 0) {
    for (const address of page.feeds.map(addressOf)) {
      if (tools.scope.inArea(address.url) && !tools.scope.isDenied(address.url))
        newUrls.push({ ...address, kind: 'sitemap', depth, priority: priority.sitemap });
    }
  }
  if (!rights.nofollow && depth <= tools.maxDepth) {
    const subjects = found.filter(({ dominance }) => (dominance?.class ?? 'subject') === 'subject');
    const richness = Math.min(subjects.length, maxRichness);
    for (const { nofollow, ...address } of page.links) {
      if (nofollow || !tools.scope.contains(address.url)) continue;
      const trap = trapReason(address.url);
      if (trap !== null) trapped.push({ url: address.url, reason: trap });
      else newUrls.push({ ...address, kind: 'page', depth, priority: priority.page + richness });
    }
  }
  const otherRequests = new Map(requestsByOrigin);
  otherRequests.delete(origin);
  const fetchedAtMs = Date.now();
  const hash = bodyHash(body);
  // What scripts add may be another one.
  const isChanged = rendered !== undefined || claim.revisit?.hash !== hash;
  const records =
    tools.keepPages && !rights.refused ? await pageRecords(response, renderedHtml, fetchedAtMs) : undefined;
  return {
    latencyMs,
    requests: requests + read.requests + (requestsByOrigin.get(origin) ?? 0),
    otherRequests,
    byteLength: body.length,
    page: {
      url,
      status: rights.refused ? 'refused' : 'fetched',
      reason: rights.refused ?? note,
      title: page.title,
      text: page.text,
      fetchedAtMs,
      etag: firstValue(headers.etag) ?? null,
      lastModified: firstValue(headers['last-modified']) ?? null,
      rendered: rendered !== undefined,
      licenseUrl: page.licenseUrl,
      rights: rights.evidence,
    },
    ...(redirected
      ? { redirected: { ...claim.before?.page, url: claim.url, status: 'skipped', reason: 'redirected', fetchedAtMs } }
      : {}),
    revisit: { intervalMs: nextIntervalMs(claim.before?.revisit.intervalMs ?? null, isChanged), hash },
    found,
    ...(records ? { records } : {}),
    refused: page.refused,
    newUrls,
    ...(refresh.newSeed !== undefined && !rights.nofollow ? { newSeed: refresh.newSeed } : {}),
    trapped,
    unrendered: note === 'needs-browser',
    ...(rendered ? { rendered } : {}),
  };
}

/** Where a page sends its visitor by itself (`Refresh`): a link, and from a seed to another host of its site a redirect. */
function onward(
  claim: Claim,
  at: string,
  target: string | null,
  tools: FetchTools,
): Pick<FetchResult, 'newSeed'> & { readonly newUrls: readonly NewUrl[] } {
  const address = target === null ? null : addressOf(target);
  if (address === null || address.url === keyOf(at) || trapReason(address.url) !== null) return { newUrls: [] };
  if (tools.scope.contains(address.url)) {
    const depth = claim.depth + 1;
    return { newUrls: depth > tools.maxDepth ? [] : [{ ...address, kind: 'page', depth, priority: claim.priority }] };
  }
  if (!takesScopeAlong(claim, address.url, tools)) return { newUrls: [] };
  return { newUrls: [{ ...address, kind: 'page', depth: 0, priority: claim.priority }], newSeed: address.url };
}

/** What the signals of an answer say: its headers, the page's elements, and the rules of where it came from. */
async function rightsAt(
  { url, headers }: Fetched,
  page: ReadPage | null,
  claimedUrl: string,
  claimedRules: AllowedRules,
  tools: FetchTools,
): Promise<{ readonly rights: Rights; readonly requests: number } | Waits> {
  const rules = keyOf(url) === claimedUrl ? claimedRules : await tools.rulesOf(new URL(url).origin);
  const ofRobots: RslLicences = rules.kind === 'rules' ? rules.licences : new Map();
  const { licences, requests, waitsUntilMs } = await licencesOf(
    { url, headers, ...(page ? { page } : {}) },
    ofRobots,
    tools.policyFiles,
  );
  if (waitsUntilMs !== null) return { waitsUntilMs };
  const rights = rightsOf({
    headers,
    meta: page?.meta ?? new Map(),
    licences,
    url,
    tdmrep: rules.kind === 'rules' ? rules.tdmrep : [],
    robotsUsage: rules.kind === 'rules' ? rules.robots.usagePreferences(url) : [],
  });
  return { rights, requests };
}

/** What there is to read of a page, after its scripts ran if it needs them. */
interface Shown {
  readonly page: ReadPage;
  /** Why the page is read without its scripts although it needs them, else null. */
  readonly note: 'needs-browser' | 'render-poorer' | NotRendered['reason'] | null;
  readonly rendered?: { readonly gained: boolean };
  /** The HTML after its scripts ran. */
  readonly renderedHtml?: string;
  readonly requestsByOrigin: ReadonlyMap<string, number>;
}

async function renderIfNeeded(
  { url, headers, body }: Fetched,
  { host }: Claim,
  { render, renderer, rulesOf, workers, signal }: FetchTools,
): Promise<Shown | 'too-costly' | 'stopped'> {
  const contentType = firstValue(headers['content-type']);
  const referrerPolicy = headerReferrerPolicy(headers['referrer-policy']);
  const read = await workers.run('page', { bytes: body, contentType, url, referrerPolicy });
  if (!read.done) return read.reason;
  const page = read.value;
  const none = new Map<string, number>();
  const isNeeded =
    render === 'always' || (render === 'auto' && needsBrowser(page.signs, page.images.length, host) !== null);
  if (!isNeeded) return { page, note: null, requestsByOrigin: none };
  const browser = await renderer();
  if (!browser) return { page, note: 'needs-browser', requestsByOrigin: none };
  const allows = async (part: string): Promise<boolean> => (await refusedByRobots(part, rulesOf)) === null;
  const html = decodeText(body, contentType, new URL(url).hostname);
  const rendering = await browser.render({ url, html, allows });
  if (signal.aborted) return 'stopped';
  const requestsByOrigin = rendering.requests;
  // What a script does with `location` is a refresh without an element for it.
  const withTargets = (shown: ReadPage): ReadPage => ({
    ...shown,
    links: [...shown.links, ...scriptLinks(rendering.links, url)],
    refresh: shown.refresh ?? (rendering.leftFor === null ? null : absoluteUrl(rendering.leftFor)),
  });
  if ('reason' in rendering) return { page: withTargets(page), note: rendering.reason, requestsByOrigin };
  const reread = await workers.run('renderedPage', { html: rendering.html, url, referrerPolicy });
  if (!reread.done) return reread.reason;
  const after = reread.value;
  if (isPoorer(page, after)) {
    return { page: withTargets(page), note: 'render-poorer', rendered: { gained: false }, requestsByOrigin };
  }
  return {
    page: withTargets(after),
    note: null,
    rendered: { gained: gains(page, after) },
    renderedHtml: rendering.html,
    requestsByOrigin,
  };
}

/** Where scripts, forms and windows would have gone, but for the page itself. */
function scriptLinks(targets: readonly string[], pageUrl: string): PageLink[] {
  return targets
    .map((target) => absoluteUrl(target))
    .filter((target) => target !== null)
    .map((target) => ({ ...addressOf(target), nofollow: false }))
    .filter(({ url }) => url !== keyOf(pageUrl));
}

/** Rendering paid if it showed an image more, or twice the text. */
const gains = (before: ReadPage, after: ReadPage): boolean =>
  after.images.length > before.images.length || after.signs.mainTextLength > 2 * before.signs.mainTextLength + 100;

/** Scripts took pictures away and added no text, or took most of the text and added no picture: a wall, an error, a half page. */
const isPoorer = (before: ReadPage, after: ReadPage): boolean =>
  (after.images.length < before.images.length && after.signs.mainTextLength <= before.signs.mainTextLength) ||
  (after.images.length <= before.images.length && 2 * after.signs.mainTextLength < before.signs.mainTextLength);

function refusedType(headers: Headers): Reason | null {
  const type = firstValue(headers['content-type'])?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined || type === '' || type === 'text/html' || type === 'application/xhtml+xml') return null;
  return type.startsWith('image/') && type !== 'image/svg+xml' ? 'is-an-image' : 'not-html';
}

/** Whether a page is an image by its type, or by its bytes whatever its type (WHATWG MIME Sniffing §6.1). */
const isImage = (response: Fetched | NotFetched): boolean =>
  response.ok ? hasContent(response.status) && sniffFormat(response.body) !== null : response.reason === 'is-an-image';
