/**
 * When a page is looked at again: sooner when it had changed, later when it had not (Nutch's AdaptiveFetchSchedule);
 * what tells that it has not: the server's 304, or the same bytes as before; and which of its pairs end with a visit.
 */
import { hash } from 'node:crypto';
import type { PairEnd } from '../../dataset/ledger/origins.ts';
import type { PageRecord } from '../../dataset/ledger/records.ts';
import { meaningOf } from '../policy/reasons.ts';
import type { UrlKind } from './schema.ts';

const hourMs = 3_600_000;

/** Ours: a day, between StormCrawler's (24 h) and Nutch's (30 days) first interval, nearer to the former. */
export const firstIntervalMs = 24 * hourMs;

/** StormCrawler's shortest and Nutch's longest interval. */
const minIntervalMs = hourMs;
const maxIntervalMs = 90 * 24 * hourMs;

/** Of what was never had: ours, so that a nightly run finds it due; then half as long again, as Nutch waits for a page that is gone. */
export const failureIntervals = { firstMs: 12 * hourMs, longer: 1.5, mostMs: maxIntervalMs } as const;

/** Nutch's rates: 0.4 longer when unchanged, 0.2 shorter when changed. */
const longer = 1.4;
const shorter = 0.8;

export interface Revisit {
  readonly intervalMs: number;
  /** SHA-1 of the body, hexadecimal; empty when it is not known. */
  readonly hash: string;
}

/** The next interval after a visit that found the page changed or not; a first visit has no interval before it. */
export function nextIntervalMs(before: number | null, changed: boolean): number {
  if (before === null) return firstIntervalMs;
  return Math.round(Math.min(maxIntervalMs, Math.max(minIntervalMs, before * (changed ? shorter : longer))));
}

/**
 * A page and its revisit as the next visit may ask by them. Only where the last one read the page wholly can its server say that nothing has
 * changed: one that scripts fill in may change while its HTML does not, one that was read without its scripts lacks what they add, and of one
 * that was refused or gone the pairs have ended. All others are read again, whatever their servers say.
 */
export function askedAgain<Page extends Pick<PageRecord, 'status' | 'reason' | 'rendered' | 'etag' | 'lastModified'>>(
  page: Page,
  revisit: Revisit,
): { readonly page: Page; readonly revisit: Revisit } {
  const { status, reason = null, rendered = false } = page;
  const isRead = status === 'fetched' || status === 'unchanged' || status === 'failed';
  const isIncomplete = reason !== null && meaningOf(reason)?.class === 'incomplete';
  return isRead && reason !== 'gone' && !isIncomplete && !rendered ? { page, revisit } : readAnew(page, revisit);
}

/** The same of one that is read again in any case. */
export const readAnew = <Page>(page: Page, revisit: Revisit): { readonly page: Page; readonly revisit: Revisit } => ({
  page: { ...page, etag: null, lastModified: null },
  revisit: { ...revisit, hash: '' },
});

export const bodyHash = (body: Buffer): string => hash('sha1', body);

/**
 * Why the pairs end that a visit did not find again; null when it may end none. Only what the page's server says for certain
 * counts: an error, a time-out or a page that could not be rendered says nothing about its pictures.
 */
export function pairEndOf({ status, reason = null }: PageRecord): PairEnd | null {
  if (status === 'fetched') return reason === null ? 'not-on-page' : null;
  if (reason === 'gone') return 'page-gone';
  if (reason === 'redirected') return 'page-moved';
  return status === 'refused' && reason?.startsWith('rights-') ? 'page-refused' : null;
}

/** What the answer was, and will be: nobody asks for these again but `lait retry`. */
const isOfContent = (reason: string): boolean =>
  /^(?:not-|unsupported-format-|too-(?:many-(?:pixels|bytes)|costly)$|broken-image$|picture-lost$|process-died$)/.test(
    reason,
  );

/** Whether a visit that is over did not get what it was for, and a later one may: an error of the site, of its robots.txt, or on the way. */
export function comesAgain(
  kind: UrlKind,
  {
    page,
    image,
    revisit,
  }: {
    readonly revisit?: Revisit | undefined;
    readonly page?: Ended | undefined;
    readonly image?: Ended | undefined;
  },
): boolean {
  if (revisit) return false;
  // One that was read says when it is visited again. Of one that nobody named and that is not there nothing is told.
  if (kind === 'sitemap') return page?.reason !== 'taken-down';
  const { status, reason } = (kind === 'image' ? image : page) ?? {};
  if (!reason || status === 'success') return false;
  return (meaningOf(reason)?.class === 'failed' && !isOfContent(reason)) || reason.startsWith('robots-');
}

interface Ended {
  readonly status: string;
  readonly reason?: string | null;
}
