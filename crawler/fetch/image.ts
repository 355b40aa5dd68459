/**
 * One image from claim to result: its rights read from the headers before the body, downloaded, its rights read from within, decoded,
 * measured. One that was
 * downloaded before is asked for with its ETag, and what goes wrong at a later visit takes nothing away: only its server's 404 or
 * 410 says that it is gone.
 */
import { createHash } from 'node:crypto';
import type { ImageRecord } from '../../dataset/ledger/records.ts';
import type { Claim } from '../frontier/claim.ts';
import { iconFileReason, iconFileSidePx, takesAway } from '../frontier/repeated-images.ts';
import type { Reason } from '../policy/reasons.ts';
import { evidenceOf, type Rights, rightsOf } from '../policy/rights.ts';
import { rslLinks } from '../policy/rsl.ts';
import { keyOf } from '../policy/url.ts';
import { embeddedRights } from './embedded-rights.ts';
import { hasContent, isRefusal, isTemporary } from './fetch.ts';
import { firstValue } from './headers.ts';
import { licencesOf } from './licences.ts';
import type { AllowedRules } from './origin-rules.ts';
import { otherHost, redirectsOf } from './redirects.ts';
import type { FetchResult, FetchTools } from './tools.ts';

/** Ours: img2dataset has no limit; of LAION's images fewer than one in ten thousand is larger. */
const maxImageBytes = 50_000_000;

/** Downloads an image that robots.txt of its host allows. */
export async function fetchImage(claim: Claim, rules: AllowedRules, tools: FetchTools): Promise<FetchResult> {
  let at = claim.at;
  let atRules = rules;
  let rights: Rights | undefined;
  const { imageBefore: before } = claim;
  const redirects = redirectsOf(claim, tools.rulesOf, { readRights: true });
  const response = await tools.fetcher.get(claim.at, {
    maxBytes: maxImageBytes,
    referrer: claim.referrer,
    headers: { accept: 'image/avif,image/webp,image/png,image/jpeg,image/gif,image/*;q=0.5', ...ifChanged(before) },
    conditions: keyOf(claim.at) === claim.url ? ifNewer(before) : {},
    refuse: (status, headers) => {
      if (!hasContent(status) && status !== 304) return null;
      rights = rightsOf({
        headers,
        url: at,
        tdmrep: atRules.tdmrep,
        robotsUsage: atRules.robots.usagePreferences(at),
        licences: atRules.licences,
      });
      if (rights.refused) return rights.refused;
      const type = firstValue(headers['content-type'])?.toLowerCase();
      // Any other type may be wrong: browsers look at the bytes of an image, whatever the server calls it. Not so for SVG.
      return type?.startsWith('image/svg') ? 'unsupported-format-svg' : null;
    },
    refuseRedirect: async (url, from) => {
      const refusal = await redirects.refuseRedirect(url, from);
      if (refusal !== null) return refusal;
      const next = await tools.rulesOf(new URL(url).origin);
      if (next.kind === 'rules') atRules = next;
      at = url;
      return null;
    },
    signal: tools.signal,
  });
  const { latencyMs, status, headers } = response;
  const fetchedAtMs = Date.now();
  let evidence = evidenceOf(rights?.evidence ?? redirects.evidence());
  const requests = redirects.requests();
  if (!response.ok && response.reason === otherHost) {
    return { latencyMs, requests, moved: { at: response.url, hops: redirects.hops() } };
  }
  const failed = (as: ImageRecord['status'], reason: Reason, waitsUntilMs?: number): FetchResult => ({
    latencyMs,
    requests,
    image:
      before && !takesAway(reason)
        ? { ...before, reason, fetchedAtMs }
        : { url: claim.url, status: as, reason, fetchedAtMs, ...evidence },
    ...(isTemporary(reason)
      ? { again: { reason, status, headers, ...(waitsUntilMs !== undefined && { waitsUntilMs }) } }
      : {}),
  });
  if (!response.ok) return failed(isRefusal(response.reason) ? 'refused' : 'failed_to_download', response.reason);
  if (before && status === 304) return { latencyMs, requests, image: { ...before, reason: null, fetchedAtMs } };
  if (before && (status === 404 || status === 410)) return failed('failed_to_download', 'gone');
  if (!hasContent(status)) return failed('failed_to_download', `http-${response.status}`);
  const bytes = response.body;
  if (bytes.length === 0) return failed('failed_to_download', 'empty-body');
  if (rslLinks(headers.link).length > 0) {
    const linked = await licencesOf({ url: at, headers }, atRules.licences, tools.policyFiles);
    if (linked.waitsUntilMs !== null)
      return failed('failed_to_download', 'policy-file-unreachable', linked.waitsUntilMs);
    const { tdmrep, robots } = atRules;
    rights = rightsOf({
      headers,
      url: at,
      tdmrep,
      robotsUsage: robots.usagePreferences(at),
      licences: linked.licences,
    });
    evidence = evidenceOf(rights.evidence);
    if (rights.refused) return failed('refused', rights.refused);
  }
  const inside = await embeddedRights(bytes);
  evidence = evidenceOf({ ...rights?.evidence, ...inside.evidence });
  if (inside.refused) return failed('refused', inside.refused);
  const now = {
    url: claim.url,
    status: 'success',
    reason: null,
    fetchedAtMs,
    etag: firstValue(headers.etag) ?? null,
    lastModified: firstValue(headers['last-modified']) ?? null,
    ...evidence,
  } as const;
  if (before?.stored.sha256 === createHash('sha256').update(bytes).digest('hex')) {
    return { latencyMs, requests, byteLength: bytes.length, image: { ...now, stored: before.stored } };
  }
  const found = await tools.decode(bytes);
  if ('reason' in found) return failed('failed_to_decode', found.reason);
  const { smaller, ...decoded } = found;
  if (Math.min(decoded.width, decoded.height) <= iconFileSidePx) return failed('refused', iconFileReason);
  return {
    latencyMs,
    requests,
    byteLength: bytes.length,
    image: now,
    decoded: { bytes, measured: decoded, smaller },
  };
}

/** An ETag holds where redirects lead, too: it says which bytes are here. */
const ifChanged = (image: ImageRecord | null): Record<string, string> =>
  image?.etag ? { 'if-none-match': image.etag } : {};

/** A time does not: an old picture that stands in for many is older than each of them. */
const ifNewer = (image: ImageRecord | null): Record<string, string> =>
  image?.lastModified ? { 'if-modified-since': image.lastModified } : {};
