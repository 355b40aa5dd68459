/**
 * Decoration that only shows in hindsight: an image that stands on a large part of a site's pages is not about any of
 * them, and a file of icon size is an icon whatever the page declared. After a crawl such images are refused, so that the result does
 * not depend on the order in which pages came. What repeats so far may not once more of the site is read: its pairs stay, and who is below
 * the share at a later end is taken again.
 */
import { readmitImages, refuseImages, removePairsOfRefused } from '../../dataset/ledger/crawled.ts';
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

/** Whether an image that many pages show is on a large part of the pages of some host. */
export interface ShownOften {
  readonly url: string;
  readonly isRepeated: boolean;
}

/** Refuses the images that repeat by what is known now and takes those again that no longer do: one transaction of the caller's. */
export function refuseRepeatedImages(ledger: Ledger, frontier: Frontier): void {
  const lost = refuseRepeated(ledger, frontier.imagesShownOften(minPages, minPageShare));
  frontier.atomically(() => {
    for (const url of lost) frontier.requeue(url, 'image');
  });
}

/** The same by what is known elsewhere. Gives those that are taken again and were never downloaded. */
export function refuseRepeated(ledger: Ledger, shown: readonly ShownOften[]): string[] {
  const [repeated, others] = [true, false].map((is) =>
    shown.filter((one) => one.isRepeated === is).map(({ url }) => url),
  );
  refuseImages(ledger, repeated!, repeatedReason);
  removePairsOfRefused(ledger, [iconFileReason]);
  return readmitImages(ledger, others!, repeatedReason);
}
