/** `lait/crawler`: finds pages, images and texts, and stores them in a corpus. */
export { crawl } from '../crawler/crawl.ts';
export { type CrawlOptions, type CrawlStores, type CrawlTools, crawlDefaults } from '../crawler/crawl-options.ts';
export type { CrawlProgress, CrawlSummary } from '../crawler/crawl-summary.ts';
export { type ExtractSummary, extractAgain } from '../crawler/extract-again.ts';
export { openSigner, type Signing, type SignRequest } from '../crawler/fetch/request-signature.ts';
export type { DeadSeed } from '../crawler/input/seeds.ts';
export { queueUrlList, type UrlListOptions, type UrlListSummary } from '../crawler/input/url-list.ts';
export { importWarc, type WarcOptions, type WarcSummary } from '../crawler/input/warc.ts';
export { meaningOf, type Reason, type ReasonMeaning } from '../crawler/policy/reasons.ts';
export type { Scope } from '../crawler/policy/url.ts';
export { retry } from '../crawler/retry.ts';
export { type ScheduleOptions, schedule } from '../crawler/schedule.ts';
export type { Workers } from '../crawler/workers/workers.ts';
export { Ledger } from '../dataset/ledger/ledger.ts';
