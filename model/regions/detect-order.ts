/**
 * Regions of a shard that somebody else detects: the pictures that are wanted are an object, beside which their columns are put. Whoever
 * detects them looks at the same pictures in the same batches as one machine would.
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import { within } from '../../dataset/blobs/place.ts';
import { type Order, prefixOf } from '../../dataset/orders.ts';
import { PictureColumnWriter } from '../../dataset/shards/picture-columns.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { manifestOf } from './columns.ts';
import { extractShard } from './extract.ts';
import { doneName, planName, type RegionsPlan, readJson } from './order.ts';
import type { Detector } from './region.ts';

/**
 * Detects what an order asks for, and puts it beside that. `shards` is the place of the shards; `folder` is where it may work, and is removed.
 * Throws a UserError where there is no such order or shard, and where this machine has another detector.
 */
export async function detectOrder(
  { orders, shards }: { readonly orders: Blobs; readonly shards: string },
  order: Order,
  {
    open,
    folder,
    signal,
  }: {
    readonly open: (settings: unknown) => Promise<Detector>;
    readonly folder: string;
    readonly signal?: AbortSignal;
  },
): Promise<void> {
  const plan = await readJson<RegionsPlan>(orders, prefixOf(order) + planName, signal);
  if (plan === null) {
    throw new UserError(
      `Expected what is to be detected in ${order.name} in ${orders.place} but there is nothing; give all machines the same blobs in lait.yaml, or without blobs a corpus folder that they share.`,
    );
  }
  const { shard, manifest, settings, maxRegions, pictures } = plan;
  const detector = await open(settings);
  const [theirs, ours] = [manifest, manifestOf(detector, maxRegions)].map((one) => JSON.stringify(one));
  if (theirs !== ours) {
    throw expected(
      'the detector and weights of the machine that asks',
      'this one',
      `another ${detector.name}`,
      'install the same',
    );
  }
  try {
    const columns = await PictureColumnWriter.open(folder);
    try {
      const only = new Set(pictures);
      await extractShard(within(shards, ...shard.split(/[\\/]/)), columns, {
        ...{ detector, maxRegions, only },
        ...(signal && { signal }),
      });
    } finally {
      await columns.close();
    }
    if (columns.size !== pictures.length) {
      const received = `${columns.size} of ${pictures.length}`;
      throw expected(
        'the pictures that are asked for',
        within(shards, shard),
        received,
        'publish the export, and ask again',
      );
    }
    const files = readdirSync(folder).sort();
    for (const name of files) await orders.putFile(`${prefixOf(order)}/${name}`, join(folder, name), { signal });
    const done = Object.fromEntries(files.map((name) => [name, statSync(join(folder, name)).size]));
    await orders.put(prefixOf(order) + doneName, Buffer.from(JSON.stringify(done)), { signal });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
