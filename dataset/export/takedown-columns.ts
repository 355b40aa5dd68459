/**
 * What a takedown does to the feature columns beside a shard (`regions/NAME/train/00000.tar` and what is known of it in
 * `00000.json`): the samples that go leave the columns too, and the others stay of use.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { readShard } from '../shards/reader.ts';
import { rewriteTar } from './rewrite.ts';

/** `00000.json`, as `lait regions` writes it. */
interface ColumnRecord {
  readonly shard: { readonly byteLength: number; readonly mtimeMs: number };
  readonly images: number;
  readonly regions: number;
  readonly failed: number;
}

/** No shard is like this: the column waits for its shard to be rewritten. */
const waiting = { byteLength: 0, mtimeMs: 0 };

/**
 * Removes samples from every column of the shard (`train/00000`), before the shard itself is rewritten. A column that was not
 * made from the shard as it is now is deleted: its keys may name other pictures. Returns what to call when the shard has
 * been rewritten and its table has not.
 */
export async function removeFromColumns(
  corpusDir: string,
  shard: string,
  shardPath: string,
  keys: ReadonlySet<string>,
): Promise<() => void> {
  const regions = join(corpusDir, 'regions');
  const kept: { readonly path: string; readonly record: ColumnRecord }[] = [];
  for (const column of existsSync(regions) ? readdirSync(regions) : []) {
    const base = join(regions, column, shard);
    if (!existsSync(dirname(base))) continue;
    // What an interrupted `lait regions` has so far.
    for (const name of readdirSync(dirname(base))) {
      if (name.startsWith(`${basename(base)}.tar.`)) rmSync(join(dirname(base), name));
    }
    const record = existsSync(`${base}.json`)
      ? (JSON.parse(readFileSync(`${base}.json`, 'utf8')) as ColumnRecord)
      : undefined;
    if (record === undefined || !existsSync(`${base}.tar`) || !isMadeFrom(record, shardPath)) {
      for (const ending of ['.tar', '.json']) rmSync(base + ending, { force: true });
      continue;
    }
    const rewritten = { ...record, shard: waiting };
    writeFileAtomic(`${base}.json`, `${JSON.stringify(rewritten)}\n`);
    await rewriteTar(`${base}.tar`, keys);
    kept.push({ path: `${base}.json`, record: { ...rewritten, ...(await counted(`${base}.tar`)) } });
  }
  return () => {
    const { size: byteLength, mtimeMs } = kept.length === 0 ? { size: 0, mtimeMs: 0 } : statSync(shardPath);
    for (const { path, record } of kept) {
      writeFileAtomic(path, `${JSON.stringify({ ...record, shard: { byteLength, mtimeMs } })}\n`);
    }
  };
}

function isMadeFrom({ shard }: ColumnRecord, shardPath: string): boolean {
  if (shard.byteLength === waiting.byteLength) return true; // by a takedown that was killed
  if (!existsSync(shardPath)) return false;
  const { size, mtimeMs } = statSync(shardPath);
  return shard.byteLength === size && shard.mtimeMs === mtimeMs;
}

async function counted(path: string): Promise<Pick<ColumnRecord, 'images' | 'regions'>> {
  let images = 0;
  let regions = 0;
  for await (const { fields } of readShard(path)) {
    images += 1;
    // [R, 4] halves behind a NumPy header of 128 bytes.
    regions += ((fields['boxes.npy']?.length ?? 128) - 128) / 8;
  }
  return { images, regions };
}
