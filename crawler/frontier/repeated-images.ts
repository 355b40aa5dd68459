/**
 * Decoration that only shows in hindsight: an image that stands on a large part of a site's pages is not about any of
 * them, and a file of icon size is an icon whatever the page declared. After a crawl such images are marked as refused and
 * their pairs removed, so that the result does not depend on the order in which pages came.
 */
import { refuseImages, removePairsOfRefused } from '../../dataset/ledger/crawled.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { Reason } from '../policy/reasons.ts';
import type { Frontier } from './frontier.ts';

/** Ours: on fewer pages than this it may be a series. */
export const minPages = 8;

/** Ours: a theme's picture stands on all pages of a section, a photograph on a handful. */
export const minPageShare = 0.25;

/** An icon by its file, in pixels on the shorter side. Larger icons exist; the filters drop small pictures anyway. */
export const iconFileSidePx = 48;

export const repeatedReason = 'decoration-repeated' satisfies Reason;
export const iconFileReason = 'decoration-icon-file' satisfies Reason;

/** Whether an image that was downloaded before is not to be kept: its owner reserves it, or an icon stands in its place. */
export const takesAway = (reason: string): boolean => reason.startsWith('rights-') || reason === iconFileReason;

/** Marks repeated images, and removes the pairs of all images that proved to be decoration: one transaction of the caller's. */
export function removeRepeatedImages(ledger: Ledger, frontier: Frontier): void {
  refuseRepeated(ledger, frontier.repeatedImages(minPages, minPageShare));
}

/** The same with the images that are known to repeat. */
export function refuseRepeated(ledger: Ledger, urls: readonly string[]): void {
  refuseImages(ledger, urls, repeatedReason);
  removePairsOfRefused(ledger, [repeatedReason, iconFileReason]);
}
