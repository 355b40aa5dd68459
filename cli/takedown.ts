/** `lait takedown`: removes pictures from ledger, raw images and shards, and keeps them from coming back. */
import { takedown as remove } from '../dataset/export/takedown.ts';
import type { ToolContext } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';

export async function takedown({ corpusDir, options, signal }: ToolContext): Promise<void> {
  const list = (name: string): string[] => (options[name] as string[] | undefined) ?? [];
  const progress = startProgress('Rewriting shards');
  try {
    let shards = 0;
    const summary = await remove(
      {
        corpusDir,
        urls: list('url'),
        hosts: list('host'),
        sha256s: list('sha256'),
        ...(typeof options.note === 'string' ? { note: options.note } : {}),
      },
      { signal, onProgress: (shard) => progress.update({ done: ++shards, detail: shard }) },
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
