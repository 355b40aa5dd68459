/** How fast a crawl goes, and how long what is queued will take at this rate: of the last minute, since hosts come and go. */
import type { CrawlProgress } from '../crawler/crawl-summary.ts';
import { clock } from './progress.ts';

/** Long enough for hosts that answer every few seconds, short enough to follow a crawl that slows down. Ours. */
const windowMs = 60_000;
/** Before that a rate would be that of the first answers. */
const minWindowMs = 2_000;

/**
 * Tells of each state of a crawl "8.3 URLs/s, 2:05 left for what is queued", or nothing before there is a rate. A crawl that finds
 * more takes longer; `maxPages` ends it before.
 */
export function crawlPace({ maxPages, now = () => performance.now() }: { maxPages: number; now?: () => number }) {
  const seen: { atMs: number; urls: number; pages: number }[] = [];
  return ({ pages, images, refused, failed, queued }: CrawlProgress): string => {
    const atMs = now();
    const urls = pages + images + refused + failed;
    seen.push({ atMs, urls, pages });
    while (seen.length > 2 && seen[1]!.atMs <= atMs - windowMs) seen.shift();
    const first = seen[0]!;
    const seconds = (atMs - first.atMs) / 1000;
    if (seconds * 1000 < minWindowMs || urls === first.urls) return '';
    const perSecond = (urls - first.urls) / seconds;
    const rate = `${perSecond.toFixed(1)} URLs/s`;
    if (queued === 0) return rate;
    const pagesPerSecond = (pages - first.pages) / seconds;
    const toLimit = pagesPerSecond > 0 ? Math.max(0, maxPages - pages) / pagesPerSecond : Number.POSITIVE_INFINITY;
    return `${rate}, ${clock(1000 * Math.min(queued / perSecond, toLimit))} left for what is queued`;
  };
}
