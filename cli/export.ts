/** `lait export`: writes the kept pairs as WebDataset shards, train and validation. */
import { exportShards } from '../dataset/export.ts';
import type { CommandContext } from './command.ts';
import { startProgress } from './progress.ts';
import { count, table } from './table.ts';

export async function exportCorpus({ corpusDir, settings, signal }: CommandContext<'export'>): Promise<void> {
  const progress = startProgress('Writing samples');
  try {
    const summary = await exportShards(
      { corpusDir, ...settings },
      {
        signal,
        onProgress: ({ split, shard, samples, bytes }) =>
          progress.update({ done: samples, detail: `${split} shard ${shard}, ${megabytes(bytes)}` }),
      },
    );
    progress.stop();
    const rows = Object.entries(summary.splits).map(([split, { shards, samples, bytes }]) => [
      split,
      count(samples),
      count(shards),
      megabytes(bytes),
    ]);
    console.log(table([['split', 'samples', 'shards', 'size'], ...rows]));
    const failed = Object.entries(summary.failed).map(([reason, n]) => `${reason} ${count(n)}`);
    if (failed.length > 0) console.log(`Without an image, in the tables only: ${failed.join(', ')}`);
    console.log(`${summary.outDir}: ${summary.shardsWritten} shards written, ${summary.shardsLeft} unchanged`);
  } finally {
    progress.stop();
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
