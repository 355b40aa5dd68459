/**
 * Regions that other processes detect: what a shard's pictures lack is asked for, and taken over in the order of the shards, so that the
 * columns are those that one machine writes.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { fetchFile, type Order, type Others, prefixOf, removeOrder } from '../../dataset/orders.ts';
import { jsonSha256 } from '../../dataset/shards/manifest.ts';
import { readParquet } from '../../dataset/shards/parquet.ts';
import { PictureColumns, type PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { expected } from '../../dataset/user-error.ts';
import type { ColumnsManifest } from './columns.ts';
import { doneName, planName, type RegionsPlan, readJson } from './order.ts';

/** Who detects. */
export interface OtherDetectors extends Others {
  /** How they open the detector: the settings of `lait.yaml`. */
  readonly settings: unknown;
  /** Where what comes before its turn is kept, for the next process where this one is stopped; removed when all is taken over. */
  readonly folder: string;
  readonly onProgress?: (progress: { readonly shards: number; readonly of: number; readonly pictures: number }) => void;
}

/** What is asked for. */
interface Asking {
  /** The folder of shards, and their paths below it. */
  readonly shards: string;
  readonly names: readonly string[];
  /** What is known, and what gets the rest. */
  readonly columns: PictureColumnWriter;
  readonly manifest: ColumnsManifest;
  /** Pictures that the detector looks at together. */
  readonly batchSize: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Has others detect what the columns lack of pictures that the shards' tables name, and takes it over. A shard without such a table is left
 * to who looks through all of them afterwards, finds what was taken over, and detects the rest. Gives how many pictures came.
 */
export async function detectByOthers(
  { shards, names, columns, manifest, batchSize, signal }: Asking,
  { orders, settings, folder: work, ...others }: OtherDetectors,
): Promise<number> {
  const planned = new Map<string, Order & { folder: string | null }>();
  const seen = new Set<string>();
  others.begin();
  for (const shard of names) {
    signal?.throwIfAborted();
    const pictures: string[] = [];
    for (const sha256 of await picturesOf(join(shards, shard))) {
      if (seen.has(sha256) || (await columns.firstField(sha256)) !== null) continue;
      seen.add(sha256);
      pictures.push(sha256);
    }
    if (pictures.length === 0) continue;
    const plan: RegionsPlan = { shard, manifest, settings, maxRegions: manifest.maxRegions, pictures };
    const order = { name: shard, plan: jsonSha256(plan) };
    const folder = join(work, order.plan);
    const isHere = existsSync(folder);
    planned.set(order.name, { ...order, folder: isHere ? folder : null });
    if (isHere) continue;
    await orders.put(prefixOf(order) + planName, Buffer.from(JSON.stringify(plan)), {
      condition: { ifAbsent: true },
      signal,
    });
  }
  const inOrder = [...planned.values()];
  await others.ask(inOrder.filter(({ folder }) => folder === null).map(({ name, plan }) => ({ name, plan })));
  let taken = 0;
  let pictures = 0;
  for (;;) {
    // In the shards' order, as one machine writes.
    for (let next = inOrder[taken]; next?.folder; next = inOrder[taken]) {
      signal?.throwIfAborted();
      pictures += await takeOver(columns, next.folder, batchSize);
      rmSync(next.folder, { recursive: true, force: true });
      taken += 1;
      others.onProgress?.({ shards: taken, of: inOrder.length, pictures });
    }
    if (taken === inOrder.length) break;
    for (const order of await others.made()) {
      signal?.throwIfAborted();
      const folder = join(work, order.plan);
      const isThere = await fetchColumns(orders, order, folder, signal);
      await others.settle(order, isThere ? 'taken' : 'again');
      if (!isThere) continue;
      await removeOrder(orders, order, signal);
      planned.get(order.name)!.folder = folder;
    }
  }
  rmSync(work, { recursive: true, force: true });
  await others.end();
  return pictures;
}

/** The pictures of a shard by its table, in its order; none where there is no table that names them. */
async function picturesOf(shard: string): Promise<string[]> {
  const table = shard.replace(/\.tar$/, '.parquet');
  if (!statSync(table, { throwIfNoEntry: false })?.isFile()) return [];
  const rows = await readParquet(table, ['image_sha256']).catch(() => []);
  return rows.flatMap(({ image_sha256: sha256 }) => (typeof sha256 === 'string' ? [sha256] : []));
}

async function takeOver(columns: PictureColumnWriter, folder: string, batchSize: number): Promise<number> {
  const found = await PictureColumns.open(folder);
  let count = 0;
  try {
    for (const sha256 of found.hashes()) {
      const fields = await found.fields(sha256);
      if (fields === null) throw expected(`the columns of ${sha256}`, folder, 'others', 'run lait regions again');
      columns.add(sha256, fields);
      count += 1;
      if (count % batchSize === 0) await columns.flush();
    }
    await columns.flush();
  } finally {
    await found.close();
  }
  return count;
}

/** Fetches what somebody has detected to a folder, whole or not at all. False where it is not there, or not whole. */
async function fetchColumns(
  orders: Blobs,
  order: Order,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const done = await readJson<Record<string, number>>(orders, prefixOf(order) + doneName, signal);
  if (done === null) return false;
  const part = `${folder}.part`;
  rmSync(part, { recursive: true, force: true });
  makeFolder(part);
  for (const [name, bytes] of Object.entries(done)) {
    if (!/^\d{5}\.(?:tar|index)$/.test(name))
      throw expected('columns', orders.place, JSON.stringify(name), 'remove it');
    const fetched = await fetchFile(orders, `${prefixOf(order)}/${name}`, join(part, name), signal);
    if (fetched?.bytes !== bytes) return false;
  }
  renameSync(part, folder);
  return true;
}
