/**
 * New shards that other processes write: plans are put where all find them, and what was made of them is fetched as it comes. The version
 * before stays as it is meanwhile, and everything after that is as if they had been written here.
 */
import { dirname } from 'node:path';
import { makeFolder } from '../make-folder.ts';
import { type Order, type Others, removeOrder } from '../orders.ts';
import type { ShardPlan } from './plan.ts';
import { fetchOrder, putPlan } from './shard-order.ts';
import type { Split } from './split.ts';
import {
  changeOf,
  clear,
  type NewShard,
  type NumberedShard,
  newShard,
  type OnShard,
  type Writing,
  type WrittenShard,
} from './write-shards.ts';

/** Who writes shards. */
export interface OtherWriters extends Others {
  /** Brings these segments of `raw/` to where writers read them. */
  bring(segments: ReadonlySet<number>): Promise<void>;
}

interface Planned extends Pick<NewShard, 'path' | 'hash'> {
  readonly split: Split;
  readonly number: number;
  written: WrittenShard | null;
}

/** Has all planned shards that are not there written by others, and gives them in the plans' order. */
export async function* writtenByOthers(
  writing: Writing,
  plans: Iterable<ShardPlan>,
  others: OtherWriters,
  onShard: OnShard,
): AsyncGenerator<NumberedShard> {
  const { signal, settings } = writing;
  const { orders } = others;
  const all: Planned[] = [];
  const open = new Map<string, { readonly order: Order; readonly one: Planned }>();
  const segments = new Set<number>();
  others.begin();
  for (const plan of plans) {
    signal?.throwIfAborted();
    const { path, hash, there } = newShard(writing, plan);
    const { split, number } = plan;
    const one = { split, number, path, hash, written: there };
    all.push(one);
    if (there !== null) {
      onShard(split, number, there);
      continue;
    }
    for (const { image } of plan.pairs) if (image !== null) segments.add(image.segment);
    const name = `${split}/${String(number).padStart(settings.shardDigits, '0')}`;
    open.set(name, { order: await putPlan(orders, name, { plan, settings }, signal), one });
  }
  if (open.size > 0) await others.bring(segments);
  await others.ask([...open.values()].map(({ order }) => order));
  while (open.size > 0) {
    for (const order of await others.made()) {
      signal?.throwIfAborted();
      const { one } = open.get(order.name)!;
      makeFolder(dirname(one.path));
      clear(one.path);
      const stats = await fetchOrder(orders, order, { base: one.path, hash: one.hash }, signal);
      await others.settle(order, stats === null ? 'again' : 'taken');
      if (stats === null) continue;
      await removeOrder(orders, order, signal);
      one.written = { stats, change: changeOf(writing) };
      open.delete(order.name);
      onShard(one.split, one.number, one.written);
    }
  }
  await others.end();
  for (const { split, number, written } of all) yield { split, number, written: written! };
}
