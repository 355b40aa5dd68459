/** A folder of files in another place: what is there already stays, what is new comes in a given order, what is gone goes last. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ListedBlob } from './blobs.ts';
import { openBlobs } from './open.ts';

export interface MirrorOptions {
  readonly rank?: (path: string) => number;
  readonly signal?: AbortSignal | undefined;
}

export interface MirrorSummary {
  readonly put: number;
  readonly left: number;
  readonly removed: number;
}

/**
 * Brings a place to what a folder has. `rank` says which files come later than others, such as an index after what it names; files that are
 * half written (`.tmp`) are none. Killed at any moment, it is to be called again.
 */
export async function mirror(
  folder: string,
  place: string,
  { rank = () => 0, signal }: MirrorOptions = {},
): Promise<MirrorSummary> {
  const blobs = await openBlobs(place);
  const there = new Map<string, ListedBlob>();
  for await (const facts of blobs.list('', signal)) there.set(facts.key, facts);
  await blobs.sweep({ olderThanMs: 0, ...(signal && { signal }) });
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.tmp'))
    .map((entry) => join(entry.parentPath, entry.name).slice(join(folder, '/').length))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const known = new Set(paths);
  let [put, left] = [0, 0];
  for (const path of paths) {
    signal?.throwIfAborted();
    const facts = there.get(path);
    const file = join(folder, path);
    if (facts !== undefined && (await blobs.holds(facts, file))) left += 1;
    else {
      await blobs.putFile(path, file, { signal });
      put += 1;
    }
  }
  const gone = [...there.keys()].filter((path) => !known.has(path));
  await blobs.remove(gone, signal);
  return { put, left, removed: gone.length };
}
