/** `lait export`: writes the kept pairs as WebDataset shards, train and validation. */

import { join } from 'node:path';
import { userAgentOf } from '../crawler/policy/robots.ts';
import { isS3, within } from '../dataset/blobs/place.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { printable } from '../dataset/escape.ts';
import { type ExportOptions, type ExportSummary, exportShards } from '../dataset/export/export.ts';
import { readSubset } from '../dataset/export/subset.ts';
import type { ExportFlags } from './call-flags.ts';
import { type CommandContext, type KnownTo, type Nothing, sayWaiting } from './command.ts';
import { startProgress } from './progress.ts';
import { publish } from './publish.ts';
import { shardWriters } from './shared-jobs.ts';
import { count, megabytes, splitTable } from './table.ts';

export async function exportCorpus(context: CommandContext<'export', ExportFlags>): Promise<void> {
  const { corpusDir, config, settings, flags, signal, print } = context;
  const { name, license, ...shards } = settings;
  const { out, subset, rebuild, share, ...others } = flags;
  shards satisfies KnownTo<ExportOptions, typeof shards>;
  others satisfies Nothing;
  const progress = startProgress('Writing samples');
  const outDir = out === undefined || isS3(out) ? join(corpusDir, 'shards') : out;
  try {
    const summary = await withCleanup(async (defer) =>
      exportShards(
        {
          corpusDir,
          ...shards,
          rebuild,
          card: {
            userAgent: userAgentOf(config.crawl.contact),
            ...(name === undefined ? {} : { name }),
            ...(license === undefined ? {} : { license }),
          },
          outDir,
          ...(subset === undefined ? {} : { subset: await readSubset(subset) }),
        },
        {
          signal,
          onWait: sayWaiting,
          onProgress: ({ split, shard, samples, bytes }) =>
            progress.update({ done: samples, detail: `${split} shard ${shard}, ${megabytes(bytes)}` }),
          ...(share ? { others: await shardWriters({ corpusDir, config, signal }, outDir, defer) } : {}),
        },
      ),
    );
    progress.stop();
    print(summary, () => described(summary));
    const place = out ?? (config.blobs && within(config.blobs, 'shards'));
    if (place !== undefined && isS3(place))
      await publish(corpusDir, { what: 'shards', folder: 'shards', place }, { signal, onWait: sayWaiting });
  } finally {
    progress.stop();
  }
}

function described(summary: ExportSummary): string {
  const { splits, unjudged, outDir, version, shardsWritten, shardsLeft } = summary;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([reason, n]) => `${reason} ${count(n)}`)
      .join(', ');
  const [failed, removed] = [list(summary.failed), list(summary.removed)];
  const late = summary.columnsLeftOut.slice(0, 10).map(printable).join(', ');
  return [
    splitTable(splits),
    failed === '' ? '' : `Without an image, in the tables only: ${failed}`,
    removed === '' ? '' : `Taken out: ${removed}`,
    unjudged === 0 ? '' : `Not judged yet: ${count(unjudged)} pairs; run lait filter, then export again`,
    late === '' ? '' : `Columns that came after the first version: ${late}; export with --rebuild to have them`,
    `${outDir}, version ${version}: ${shardsWritten} shards written, ${shardsLeft} unchanged`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}
