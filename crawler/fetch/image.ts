import type { ImageRecord } from '../../dataset/ledger/records.ts';
import type { DecodedImage } from '../frontier/outcome.ts';
import { iconFileReason, iconFileSidePx } from '../frontier/repeated-images.ts';
import type { Claim } from '../frontier/schema.ts';
import type { Headers } from '../policy/rights.ts';
import { type Rights, rightsOf } from '../policy/rights.ts';
import { decodeImage } from './decode.ts';
import type { Fetcher } from './fetch.ts';
import type { OriginRules } from './origin-rules.ts';
import { first, isRefusal } from './page.ts';
import { otherHost, redirectsOf } from './redirects.ts';

/** Ours: img2dataset has no limit; of LAION's images fewer than one in ten thousand is larger. */
const maxImageBytes = 50_000_000;

export interface ImageContext {
  readonly fetcher: Fetcher;
  readonly rulesOf: (origin: string) => Promise<OriginRules>;
  /** Runs a decode when a core is free. */
  readonly whenFree: <T>(work: () => Promise<T>) => Promise<T>;
  readonly signal: AbortSignal;
}

export interface ImageOutcome {
  readonly latencyMs: number;
  readonly requests: number;
  /** Missing when a redirect led to another host, where the download goes on. */
  readonly image?: ImageRecord;
  readonly moved?: { readonly at: string; readonly hops: number };
  readonly decoded?: DecodedImage;
  readonly byteLength?: number;
  readonly again?: { readonly reason: string; readonly status: number | null; readonly headers: Headers };
}

/** Downloads an image that robots.txt of its host allows. */
export async function fetchImage(
  claim: Claim,
  rules: Extract<OriginRules, { kind: 'rules' }>,
  context: ImageContext,
): Promise<ImageOutcome> {
  let at = claim.at;
  let atRules = rules;
  let rights: Rights | undefined;
  const redirects = redirectsOf(claim, context.rulesOf);
  const response = await context.fetcher.get(claim.at, {
    maxBytes: maxImageBytes,
    headers: { accept: 'image/avif,image/webp,image/png,image/jpeg,image/gif,image/*;q=0.5' },
    refuse: (status, headers) => {
      if (status !== 200) return null;
      rights = rightsOf({ headers, url: at, tdmrep: atRules.tdmrep, robotsUsage: atRules.robots.contentUsage(at) });
      if (rights.refused) return rights.refused;
      const type = first(headers['content-type'])?.toLowerCase();
      return type?.startsWith('text/html') || type?.startsWith('image/svg') ? 'not-an-image' : null;
    },
    refuseRedirect: async (url) => {
      const refusal = await redirects.refuseRedirect(url);
      if (refusal !== null) return refusal;
      const next = await context.rulesOf(new URL(url).origin);
      if (next.kind === 'rules') atRules = next;
      at = url;
      return null;
    },
    signal: context.signal,
  });
  const { latencyMs, headers } = response;
  const fetchedAtMs = Date.now();
  const evidence = rights && Object.keys(rights.evidence).length > 0 ? { rights: rights.evidence } : {};
  const requests = redirects.requests();
  if (!response.ok && response.reason === otherHost) {
    return { latencyMs, requests, moved: { at: response.url, hops: redirects.hops() } };
  }
  const row = (status: ImageRecord['status'], reason: string): ImageOutcome => ({
    latencyMs,
    requests,
    image: { url: claim.url, status, reason, fetchedAtMs, ...evidence },
  });
  if (!response.ok) {
    const outcome = row(isRefusal(response.reason) ? 'refused' : 'failed_to_download', response.reason);
    return response.temporary ? { ...outcome, again: response } : outcome;
  }
  if (response.status !== 200) {
    const reason = `http-${response.status}`;
    const again = { reason, status: response.status, headers };
    const outcome = row('failed_to_download', reason);
    return response.status >= 500 || response.status === 429 || response.status === 408
      ? { ...outcome, again }
      : outcome;
  }
  const bytes = response.body;
  if (bytes.length === 0) return row('failed_to_download', 'empty-body');
  const decoded = await context.whenFree(() => decodeImage(bytes));
  if ('reason' in decoded) return row('failed_to_decode', decoded.reason);
  if (Math.min(decoded.width, decoded.height) <= iconFileSidePx) return row('refused', iconFileReason);
  return {
    latencyMs,
    requests,
    byteLength: bytes.length,
    image: {
      url: claim.url,
      status: 'success',
      reason: null,
      fetchedAtMs,
      etag: first(headers.etag) ?? null,
      lastModified: first(headers['last-modified']) ?? null,
      ...evidence,
    },
    decoded: { bytes, measured: { ...decoded, byteLength: bytes.length } },
  };
}
