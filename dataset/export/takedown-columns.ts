/**
 * What a takedown does to the feature columns of pictures (`regions/NAME`): whatever is not of a picture that stays in the shards
 * goes. That takes features of pictures from earlier exports too, of which no table says any more whose they are.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { readParquet } from '../shards/parquet.ts';
import { erasePictures } from '../shards/picture-columns.ts';
import { readShard } from '../shards/reader.ts';

/**
 * Erases from the columns of a corpus every picture but those that its shards have in rows which stay. To be called before the
 * shards are rewritten, so that a takedown that was killed does it again. Returns how many pictures had columns.
 */
export async function eraseFromColumns(
  corpusDir: string,
  isRemoved: (row: Readonly<Record<string, unknown>>) => boolean,
): Promise<number> {
  const folders = foldersIn(join(corpusDir, 'regions'));
  if (folders.length === 0) return 0;
  const kept = await keptPictures(join(corpusDir, 'shards'), isRemoved);
  let erased = 0;
  for (const folder of folders) {
    const count = await erasePictures(folder, (sha256) => !kept.has(sha256));
    if (count > 0) countErased(folder, count);
    removeColumnsByKey(folder);
    erased += count;
  }
  return erased;
}

const foldersIn = (dir: string): string[] =>
  existsSync(dir)
    ? readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? join(dir, entry.name) : []))
    : [];

/** Hashes of the images, as they stand in the shards, of rows that stay. */
async function keptPictures(
  shardsDir: string,
  isRemoved: (row: Readonly<Record<string, unknown>>) => boolean,
): Promise<Set<string>> {
  const kept = new Set<string>();
  for (const folder of foldersIn(shardsDir)) {
    for (const name of readdirSync(folder).filter((one) => /^\d+\.parquet$/.test(one))) {
      const path = join(folder, name);
      const rows = (await identifyingRows(path)).filter((row) => row.status === 'success' && !isRemoved(row));
      // Tables of older versions and of imports may lack the hashes.
      const unknown = new Set<unknown>();
      for (const { key, image_sha256: sha256 } of rows) {
        if (typeof sha256 === 'string') kept.add(sha256);
        else unknown.add(key);
      }
      const tar = path.replace(/\.parquet$/, '.tar');
      if (unknown.size === 0 || !existsSync(tar)) continue;
      for await (const { key, imageSha256 } of readShard(tar, { hashImages: true })) {
        if (unknown.has(key)) kept.add(imageSha256!);
      }
    }
  }
  return kept;
}

/** What a takedown finds rows by, and their hashes where the table has them. */
const identifyingRows = (path: string): Promise<Record<string, unknown>[]> =>
  readParquet(path, [...identifying, 'image_sha256']).catch(() => readParquet(path, identifying));

const identifying = ['uid', 'url', 'sha256', 'key', 'status'];

/** `lait regions` believes what it noted of the other shards as long as it has the features of so many pictures. */
function countErased(folder: string, erased: number): void {
  const path = join(folder, 'shards.json');
  if (!existsSync(path)) return;
  const noted = JSON.parse(readFileSync(path, 'utf8')) as { readonly pictures: number };
  writeFileAtomic(path, `${JSON.stringify({ ...noted, pictures: noted.pictures - erased }, null, 1)}\n`);
}

/** Columns of an older layout, by keys: which pictures they are of is not to be known. */
function removeColumnsByKey(folder: string): void {
  for (const split of foldersIn(folder)) {
    for (const name of readdirSync(split)) {
      if (/^\d+\.(tar|json|tar\..*partial)$/.test(name) && statSync(join(split, name)).isFile())
        rmSync(join(split, name));
    }
  }
}
