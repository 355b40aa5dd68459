/** `lait export`: writes the kept pairs as WebDataset shards, train and validation. */

import { userAgentOf } from '../crawler/policy/robots.ts';
import { isS3, within } from '../dataset/blobs/place.ts';
import { printable } from '../dataset/escape.ts';
import { type ExportOptions, exportShards } from '../dataset/export/export.ts';
import { readSubset } from '../dataset/export/subset.ts';
import type { ExportFlags } from './call-flags.ts';
import { type CommandContext, type KnownTo, type Nothing, sayWaiting } from './command.ts';
import { startProgress } from './progress.ts';
import { publish } from './publish.ts';
import { count, megabytes, splitTable } from './table.ts';

export async function exportCorpus(context: CommandContext<'export', ExportFlags>): Promise<void> {
  const { corpusDir, config, settings, flags, signal } = context;
  const { name, license, ...shards } = settings;
  const { out, subset, rebuild, ...others } = flags;
  shards satisfies KnownTo<ExportOptions, typeof shards>;
  others satisfies Nothing;
  const progress = startProgress('Writing samples');
  try {
    const summary = await exportShards(
      {
        corpusDir,
        ...shards,
        rebuild,
        card: {
          userAgent: userAgentOf(config.crawl.contact),
          ...(name === undefined ? {} : { name }),
          ...(license === undefined ? {} : { license }),
        },
        ...(out === undefined || isS3(out) ? {} : { outDir: out }),
        ...(subset === undefined ? {} : { subset: await readSubset(subset) }),
      },
      {
        signal,
        onWait: sayWaiting,
        onProgress: ({ split, shard, samples, bytes }) =>
          progress.update({ done: samples, detail: `${split} shard ${shard}, ${megabytes(bytes)}` }),
      },
    );
    progress.stop();
    console.log(splitTable(summary.splits));
    const failed = Object.entries(summary.failed).map(([reason, n]) => `${reason} ${count(n)}`);
    if (failed.length > 0) console.log(`Without an image, in the tables only: ${failed.join(', ')}`);
    const removed = Object.entries(summary.removed).map(([reason, n]) => `${reason} ${count(n)}`);
    if (removed.length > 0) console.log(`Taken out: ${removed.join(', ')}`);
    const { unjudged } = summary;
    if (unjudged > 0) console.log(`Not judged yet: ${count(unjudged)} pairs; run lait filter, then export again`);
    const late = summary.columnsLeftOut.slice(0, 10).map(printable);
    if (late.length > 0)
      console.log(`Columns that came after the first version: ${late.join(', ')}; export with --rebuild to have them`);
    const { outDir, version, shardsWritten, shardsLeft } = summary;
    console.log(`${outDir}, version ${version}: ${shardsWritten} shards written, ${shardsLeft} unchanged`);
    const place = out ?? (config.blobs && within(config.blobs, 'shards'));
    if (place !== undefined && isS3(place))
      await publish(corpusDir, { what: 'shards', folder: 'shards', place }, signal);
  } finally {
    progress.stop();
  }
}
