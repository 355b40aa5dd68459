/** The last step of every change to an export: indexes, dataset card, Croissant file, and the manifest over all of them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { corpusFacts } from '../ledger/corpus-facts.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RuleRecord } from '../ledger/recipes.ts';
import type { ExportFormat } from '../shards/container.ts';
import { type FinishedShards, writeIndexes } from '../shards/indexes.ts';
import { writeManifest } from '../shards/manifest.ts';
import { shardBytes } from '../shards/writer.ts';
import { type CardInput, type CardOptions, cardReadme, funnelSvg } from './card.ts';
import { croissant, exportAccount } from './croissant.ts';
import type { Split } from './split.ts';

/** What the manifest records of how an export was made. */
export interface ExportConfiguration extends Readonly<Record<string, unknown>> {
  readonly rules: readonly RuleRecord[];
  readonly card: CardOptions;
  readonly format: ExportFormat;
}

/** Writes the files that describe the whole export. Opens no image and may be repeated. */
export function finishExport(
  ledger: Ledger,
  outDir: string,
  shards: FinishedShards,
  configuration: ExportConfiguration,
): void {
  const { format } = configuration;
  const files = writeIndexes(outDir, shards, format);
  const bySplit = <T>(of: (split: Split) => T): Record<Split, T> => ({
    train: of('train'),
    validation: of('validation'),
  });
  const shardsOf = (split: Split) => shards[split] ?? [];
  const all = Object.values(shards).flat();
  const input: CardInput = {
    card: configuration.card,
    facts: corpusFacts(ledger),
    rules: configuration.rules,
    samples: bySplit((split) => shardsOf(split).reduce((sum, { stats }) => sum + stats.successes, 0)),
    shards: bySplit((split) => shardsOf(split).length),
    bytes: all.reduce((sum, { stats }) => sum + shardBytes(stats), 0),
    format,
  };
  const put = (name: string, text: string) => {
    files[name] = writeFileAtomic(join(outDir, name), text);
  };
  if (format === 'webdataset')
    put('croissant.json', `${JSON.stringify(croissant(exportAccount(input), files), null, 2)}\n`);
  else rmSync(join(outDir, 'croissant.json'), { force: true });
  put('funnel.svg', funnelSvg(input.facts.funnel.rows, input.facts.funnel.found));
  put('README.md', cardReadme(input));
  writeManifest(outDir, { configuration, samples: input.samples, files });
}
