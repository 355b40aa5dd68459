/** One crawl at a time on a corpus: whoever writes the frontier, `raw/` or `pages/` holds this lock. */
import { CorpusBusy, deathIsCounted, hasLastDied, lockPart } from '../../dataset/corpus-lock.ts';

export { CorpusBusy };

/** Takes the lock and returns the function that releases it; throws a CorpusBusy that names the process which holds it. */
export const lockCorpus = (corpusDir: string): (() => void) => lockPart(corpusDir, 'crawl');

/** For who holds the lock: opens what counts deaths, told whether the process that had the lock before died with it. */
export function openWithDeath<T>(corpusDir: string, open: (hasDied: boolean) => T): T {
  const opened = open(hasLastDied(corpusDir, 'crawl'));
  deathIsCounted(corpusDir, 'crawl');
  return opened;
}
