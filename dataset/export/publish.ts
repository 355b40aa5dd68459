/**
 * An export as a folder has it, in another place: S3, where many machines read it. What is there already stays, what is new comes, the
 * manifest follows once all of it is there, and only then goes what the new version has not. Killed at any moment it is called again, and
 * a reader in the middle of a shard that was replaced is told so and never gets bytes of two.
 */
import { join } from 'node:path';
import PQueue from 'p-queue';
import type { FileDigest } from '../atomic-file.ts';
import type { Blobs, ListedBlob } from '../blobs/blobs.ts';
import { openBlobs, readBlob } from '../blobs/open.ts';
import { within } from '../blobs/place.ts';
import { type Manifest, manifestName, parseManifest, readManifest } from '../shards/manifest.ts';
import { expected, UserError } from '../user-error.ts';

/** How a publication went. */
export interface PublishSummary {
  /** Files that were put, and those that were there already. */
  readonly put: number;
  readonly left: number;
  readonly removed: number;
  readonly bytes: number;
}

export interface PublishOptions {
  readonly onProgress?: (done: { readonly files: number; readonly of: number; readonly bytes: number }) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Files sent at once; each of the large ones has several parts under way. */
const filesAtOnce = 4;
/** The manifest of a set of a million shards has some 300 MB. */
const maxManifestBytes = 1 << 29;

/**
 * Publishes the finished export of a folder. Throws a UserError where the place holds something else, and when another writer has
 * published there meanwhile.
 */
export async function publishExport(
  folder: string,
  place: string,
  { onProgress, signal }: PublishOptions = {},
): Promise<PublishSummary> {
  const manifest = readManifest(folder);
  const blobs = await openBlobs(place);
  const there = new Map<string, ListedBlob>();
  for await (const facts of blobs.list('', signal)) there.set(facts.key, facts);
  const before = await manifestThere(blobs, there, manifest, signal);
  // The corpus has one writer, so what lies half sent below its place was left by a killed one.
  await blobs.sweep({ olderThanMs: 0, ...(signal && { signal }) });

  const standing = there.get(manifestName);
  /** Whether what is there has the bytes of a file: as the manifest there says of what is older than itself, or as it hashes. */
  const isThere = async (path: string, { bytes: length, sha256 }: FileDigest): Promise<boolean> => {
    const facts = there.get(path);
    if (facts === undefined || facts.byteLength !== length) return false;
    // A publication that was cut short may have put another since.
    const isAsManifestSays = standing !== undefined && facts.writtenAtMs < standing.writtenAtMs;
    if (isAsManifestSays && before?.files[path] !== undefined) return before.files[path].sha256 === sha256;
    return blobs.holds(facts, join(folder, path));
  };

  let [put, left, bytes, done] = [0, 0, 0, 0];
  const files = Object.entries(manifest.files);
  const send = async ([path, digest]: readonly [string, FileDigest]): Promise<void> => {
    signal?.throwIfAborted();
    if (await isThere(path, digest)) left += 1;
    else {
      await blobs.putFile(path, join(folder, path), { signal });
      put += 1;
      bytes += digest.bytes;
    }
    done += 1;
    onProgress?.({ files: done, of: files.length, bytes });
  };
  const queue = new PQueue({ concurrency: filesAtOnce });
  // What readers of the version before know comes last.
  const isKnown = ([path]: readonly [string, FileDigest]) => Number(before?.files[path] !== undefined);
  const sorted = files.toSorted((a, b) => isKnown(a) - isKnown(b));
  await queue.addAll(sorted.map((file) => () => send(file))).finally(() => queue.clear());

  const isNew = await blobs.putFile(manifestName, join(folder, manifestName), {
    condition: standing === undefined ? { ifAbsent: true } : { ifVersion: standing.version },
    signal,
  });
  if (isNew === null) {
    throw new UserError(
      `Expected to be the only one who publishes at ${place} but another version came meanwhile; run the same command again where the corpus is.`,
      { exitCode: 1 },
    );
  }
  const old = [...there.keys()].filter((path) => path !== manifestName && manifest.files[path] === undefined && (before?.files[path] !== undefined || isShardFile(path))); // biome-ignore format: one line
  await blobs.remove(old, signal);
  return { put, left, removed: old.length, bytes };
}

/** Files of shards and their indexes by their names: a version that was never whole may have left them. */
export const isShardFile = (path: string): boolean =>
  /^(train|validation)\/(\d+(\.tar|\.parquet|\.jsonl|_stats\.json|\/[^/]+)|sizes\.json|index\.json)$/.test(path);

/** Throws a UserError where the version that is there is none of those that this one grew from: it is another corpus'. */
export function requireDescent(before: Manifest, manifest: Manifest, place: string): void {
  const isEarlier = (manifest.history ?? []).some(
    ({ version, sha256 }) => version === before.export?.version && sha256 === before.export.sha256,
  );
  const isSame = before.export === undefined && JSON.stringify(before.files) === JSON.stringify(manifest.files);
  if (isEarlier || isSame) return;
  const received = `version ${before.export?.version ?? 'unknown'} of another set`;
  throw expected('an earlier version of this export', place, received, 'name another place, or remove what is there');
}

/** The version that is there; null for none. Throws a UserError where something else lies there. */
async function manifestThere(
  blobs: Blobs,
  there: ReadonlyMap<string, ListedBlob>,
  manifest: Manifest,
  signal: AbortSignal | undefined,
): Promise<Manifest | null> {
  if (there.has(manifestName)) {
    const bytes = await readBlob(blobs, manifestName, { maxBytes: maxManifestBytes, signal });
    const before = bytes === null ? null : parseManifest(bytes);
    if (before !== null) {
      requireDescent(before, manifest, blobs.place);
      return before;
    }
    throw expected('an export of lait', within(blobs.place, manifestName), 'something else', 'name another place');
  }
  const foreign = [...there.keys()].find((path) => manifest.files[path] === undefined && !isShardFile(path));
  if (foreign === undefined) return null;
  throw expected('a new place or one with an export', blobs.place, `one with ${foreign}`, 'name another');
}
