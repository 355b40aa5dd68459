/** A worker in a process of its own, to be killed and frozen: options come as JSON in WORK_OPTIONS, a line tells how it ended. */
import { crawl } from '../../crawler/crawl.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';

const { store, ...options } = JSON.parse(process.env.WORK_OPTIONS!);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const { stoppedBy, queued, pages } = await crawl(options, { openWork: sharedWork(store), signal: stop.signal });
console.log(JSON.stringify({ stoppedBy, queued, pages }));
