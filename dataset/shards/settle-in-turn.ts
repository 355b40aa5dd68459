/** What a killed export or import had not taken over yet is finished by whoever looks at the shards next. */
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { isS3 } from '../blobs/place.ts';
import { inTurn, lockFolder, lockPart, type Waiting } from '../corpus-lock.ts';
import { isHalfTaken, settle } from './staging.ts';

/**
 * Finishes the taking over of files in a set's folder, or waits for who does it; to be called before shards are read, by one who
 * holds none of the corpus' locks. Returns whether there was something to do. Throws what `settle` throws.
 */
export async function settleInTurn(shardsDir: string, waiting: Waiting = {}): Promise<boolean> {
  // What lies in S3 was taken over when it was published.
  if (isS3(shardsDir) || !isHalfTaken(shardsDir)) return false;
  await inTurn(() => {
    const unlock = lockShards(shardsDir);
    try {
      settle(shardsDir);
    } finally {
      unlock();
    }
  }, waiting);
  return true;
}

/** The lock that a corpus has for its shards, and the one of a folder that lies anywhere: only its writer knows which it is. */
function lockShards(shardsDir: string): () => void {
  const corpusDir = dirname(resolve(shardsDir));
  const isOfCorpus = basename(resolve(shardsDir)) === 'shards' && existsSync(join(corpusDir, 'locks'));
  const unlockPart = isOfCorpus ? lockPart(corpusDir, 'shards') : () => {};
  try {
    const unlockFolder = lockFolder(shardsDir);
    return () => {
      unlockFolder();
      unlockPart();
    };
  } catch (error) {
    unlockPart();
    throw error;
  }
}
