/** `lait export`: writes the kept pairs as WebDataset shards, train and validation. */
import { exportShards } from '../dataset/export/export.ts';
import { readSubset } from '../dataset/export/subset.ts';
import type { CommandContext } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes, splitTable } from './table.ts';

export async function exportCorpus(context: CommandContext<'export'>): Promise<void> {
  const { corpusDir, settings, options, signal } = context;
  const { name, license, ...shards } = settings;
  const progress = startProgress('Writing samples');
  try {
    const summary = await exportShards(
      {
        corpusDir,
        ...shards,
        card: { ...(name === undefined ? {} : { name }), ...(license === undefined ? {} : { license }) },
        ...(typeof options.out === 'string' ? { outDir: options.out } : {}),
        ...(typeof options.subset === 'string' ? { subset: await readSubset(options.subset) } : {}),
      },
      {
        signal,
        onProgress: ({ split, shard, samples, bytes }) =>
          progress.update({ done: samples, detail: `${split} shard ${shard}, ${megabytes(bytes)}` }),
      },
    );
    progress.stop();
    console.log(splitTable(summary.splits));
    const failed = Object.entries(summary.failed).map(([reason, n]) => `${reason} ${count(n)}`);
    if (failed.length > 0) console.log(`Without an image, in the tables only: ${failed.join(', ')}`);
    console.log(`${summary.outDir}: ${summary.shardsWritten} shards written, ${summary.shardsLeft} unchanged`);
  } finally {
    progress.stop();
  }
}
