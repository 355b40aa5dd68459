/**
 * Which bytes a set of shards consists of, so that what was made from it (region columns, runs) can name it and see later
 * whether it is still the same. A name such as `train/00000.tar` says nothing of that: the next export may put other samples there.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openBlobs } from '../blobs/open.ts';
import { isS3, lastPart, parentOf, within } from '../blobs/place.ts';
import { expected } from '../user-error.ts';
import { type Manifest, manifestName, readManifestAt } from './manifest.ts';
import { sampledSha256 } from './sampled-hash.ts';

/** What a set of shards is, whatever it is called and wherever it lies. */
export interface SetIdentity {
  /** Number of the export's version; null where its manifest has none (an import, a set of others). */
  readonly version: number | null;
  /** Of the lines `SHA256  PATH` of all shards in the order of their paths, as `sha256sum` prints them. */
  readonly sha256: string;
  /**
   * The identity of each shard by its path below `dir` (`train/00000.tar`), sorted: the SHA-256 of its bytes, as its manifest has
   * it; of a shard that no manifest knows, or whose size is not what the manifest says, `sampled-` and a hash of its size and
   * of 64 pieces, which is cheap, and never equal to that of a whole file.
   */
  readonly shards: ReadonlyMap<string, string>;
}

/** What differs between two sets: paths of shards, sorted. */
export interface SetChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

/**
 * The identity of the shards in an export's folder or place in S3, or in one split of it (`shards/train`, whose paths are then `00000.tar`). Reads
 * the manifest and looks at the sizes of the shards; opens only shards of which no manifest tells. Throws a UserError when
 * there is no shard, or the manifest cannot be read.
 */
export async function readSetIdentity(dir: string): Promise<SetIdentity> {
  const { manifest, prefix } = await manifestOf(dir);
  const files = await filesIn(dir);
  const paths = shardPaths([...files.keys()]);
  if (paths.length === 0) throw expected('shards', dir, 'none', 'run lait export or lait import first');
  const shards = new Map<string, string>();
  for (const path of paths) {
    const known = manifest?.files[prefix + path];
    const isSame = known !== undefined && known.bytes === files.get(path)!();
    const sampled = async () => `sampled-${(await sampledSha256(within(dir, path))).toString('hex')}`;
    shards.set(path, isSame ? known.sha256 : await sampled());
  }
  return { version: manifest?.export?.version ?? null, sha256: shardsSha256(shards), shards };
}

/** One hash over all shards, by path. */
export function shardsSha256(shards: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const path of [...shards.keys()].sort()) hash.update(`${shards.get(path)}  ${path}\n`);
  return hash.digest('hex');
}

/** What became of the shards between two looks at a set; all three are empty when the bytes are the same. */
export function compareSets(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): SetChanges {
  return {
    added: [...now.keys()].filter((path) => !before.has(path)).sort(),
    removed: [...before.keys()].filter((path) => !now.has(path)).sort(),
    changed: [...before.keys()].filter((path) => now.has(path) && now.get(path) !== before.get(path)).sort(),
  };
}

/** The manifest of the folder, or of the one it is a split of. */
async function manifestOf(dir: string): Promise<{ readonly manifest: Manifest | null; readonly prefix: string }> {
  const hasManifest = async (place: string) => (await (await openBlobs(place)).facts(manifestName)) !== null;
  if (await hasManifest(dir)) return { manifest: await readManifestAt(dir), prefix: '' };
  const above = parentOf(dir);
  if (await hasManifest(above)) return { manifest: await readManifestAt(above), prefix: `${lastPart(dir)}/` };
  return { manifest: null, prefix: '' };
}

/** Shards in the folder and in its splits: archives, or where there are none the lines or tables that hold or name the images. */
function shardPaths(files: readonly string[]): string[] {
  for (const shard of [/\.tar$/, /(^|\/)\d+\.jsonl$/, /(^|\/)\d+\.parquet$/]) {
    const found = files.filter((path) => shard.test(path)).sort();
    if (found.length > 0) return found;
  }
  return [];
}

/** Files in a place and in its splits, and how many bytes each has: of a folder they are looked at one by one. */
async function filesIn(dir: string): Promise<Map<string, () => number>> {
  const files = new Map<string, () => number>();
  if (isS3(dir)) {
    for await (const { key, byteLength } of (await openBlobs(dir)).list()) {
      if (/^(?:[^./][^/]*\/)?[^/]+$/.test(key)) files.set(key, () => byteLength);
    }
    return files;
  }
  if (!existsSync(dir)) return files;
  const below = readdirSync(dir, { withFileTypes: true });
  const folders = below.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map(({ name }) => name);
  for (const path of [
    ...below.filter((entry) => entry.isFile()).map(({ name }) => name),
    ...folders.flatMap((folder) => readdirSync(join(dir, folder)).map((name) => `${folder}/${name}`)),
  ])
    files.set(path, () => statSync(join(dir, path)).size);
  return files;
}
