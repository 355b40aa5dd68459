/**
 * Furniture that only shows in hindsight: an image that stands on a large part of a site's pages is not about any of
 * them, and a file of icon size is an icon whatever the page declared. After a crawl such images are marked as refused and
 * their pairs removed, so that the result does not depend on the order in which pages came.
 */
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import type { Frontier } from './frontier.ts';

/** Ours: on fewer pages than this it may be a series. */
const fewestPages = 8;

/** Ours: a theme's picture stands on all pages of a section, a photograph on a handful. */
const shareOfPages = 0.25;

/** An icon by its file, in pixels on the shorter side. Larger icons exist; the filters drop small pictures anyway. */
export const iconFileSidePx = 48;

export const repeatedReason = 'decoration-repeated';
export const iconFileReason = 'decoration-icon-file';

/** Marks repeated images and takes back the pairs of everything that proved to be furniture. */
export function removeRepeatedImages(ledger: Ledger, frontier: Frontier): void {
  const mark = ledger.db.prepare(`UPDATE images SET status = 'refused', reason = ? WHERE url = ?`);
  ledger.db.transaction(() => {
    for (const url of frontier.repeatedImages(fewestPages, shareOfPages)) mark.run(repeatedReason, url);
    ledger.db
      .prepare(
        `DELETE FROM pairs WHERE image_id IN (SELECT id FROM images WHERE status = 'refused' AND reason IN (?, ?))`,
      )
      .run(repeatedReason, iconFileReason);
  })();
}
