/** `lait/crawler`: finds pages, images and texts, and stores them in a corpus. */
export { crawl } from '../crawler/crawl.ts';
export { type CrawlOptions, type CrawlTools, crawlDefaults } from '../crawler/crawl-options.ts';
export type { CrawlProgress, CrawlSummary } from '../crawler/crawl-summary.ts';
export { extractAgain } from '../crawler/extract-again.ts';
export { openSigner } from '../crawler/fetch/request-signature.ts';
export { queueUrlList } from '../crawler/input/url-list.ts';
export { importWarc } from '../crawler/input/warc.ts';
export { meaningOf } from '../crawler/policy/reasons.ts';
export { retry } from '../crawler/retry.ts';
export { type ScheduleOptions, schedule } from '../crawler/schedule.ts';
export { Ledger } from '../dataset/ledger/ledger.ts';
