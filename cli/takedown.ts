/** `lait takedown`: removes pictures from ledger, raw images and shards, and keeps them from coming back. */
import { takedown as remove } from '../dataset/export/takedown.ts';
import type { TakedownFlags } from './call-flags.ts';
import type { CorpusContext, Nothing } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';

export async function takedown({ corpusDir, flags, signal }: CorpusContext<TakedownFlags>): Promise<void> {
  const { url: urls = [], host: hosts = [], sha256: sha256s = [], note, ...others } = flags;
  others satisfies Nothing;
  const progress = startProgress('Rewriting shards');
  try {
    let shards = 0;
    const summary = await remove(
      { corpusDir, urls, hosts, sha256s, ...(note === undefined ? {} : { note }) },
      {
        signal,
        onProgress: (shard) => {
          shards += 1;
          progress.update({ done: shards, detail: shard });
        },
      },
    );
    progress.stop();
    console.log(
      `Removed ${count(summary.images)} pictures (${megabytes(summary.bytes)}), ${count(summary.pairs)} pairs and ` +
        `${count(summary.samples)} samples; ${summary.tombstones} tombstones keep them from coming back.`,
    );
    for (const shard of summary.shardsRewritten) console.log(`  rewritten: ${shard}`);
    for (const shard of summary.shardsRemoved) console.log(`  unfinished, deleted, export again: ${shard}`);
  } finally {
    progress.stop();
  }
}
