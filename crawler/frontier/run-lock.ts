/** One crawl at a time on a corpus: whoever writes the frontier, `raw/` or `pages/` holds this lock. */
import { CorpusBusy, lockPart } from '../../dataset/corpus-lock.ts';

export { CorpusBusy };

/** Takes the lock and returns the function that releases it; throws a CorpusBusy that names the process which holds it. */
export const lockCorpus = (corpusDir: string): (() => void) => lockPart(corpusDir, 'crawl');
