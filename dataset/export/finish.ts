/** The last step of every change to an export: indexes, dataset card, Croissant file, and the manifest over all of them. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomic } from '../atomic-file.ts';
import { corpusFacts } from '../ledger/corpus-facts.ts';
import type { RemovedSample } from '../ledger/growth.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { RuleRecord } from '../ledger/recipes.ts';
import { trainingFacts } from '../ledger/training-facts.ts';
import { makeFolder } from '../make-folder.ts';
import type { ExportFormat } from '../shards/container.ts';
import { describeShards, type FinishedShards, writeIndexes } from '../shards/indexes.ts';
import { type Manifest, manifestIn, writeManifest } from '../shards/manifest.ts';
import { shardBytes } from '../shards/writer.ts';
import { type CardInput, type CardOptions, cardReadme, type ExportLayout, funnelSvg } from './card.ts';
import { croissant, exportAccount } from './croissant.ts';
import type { MoreColumns } from './more-columns.ts';
import type { Split } from './split.ts';
import { domainsCsv, domainsName, summaryData, summaryDataName, summaryName, summaryText } from './training-summary.ts';
import { changesName, versioned } from './versions.ts';

/** What the manifest records of how an export was made. */
export interface ExportConfiguration extends Readonly<Record<string, unknown>>, MoreColumns {
  readonly rules: readonly RuleRecord[];
  /** Name of the preset that the rules were made from. */
  readonly preset?: string | null;
  readonly card: CardOptions;
  readonly format: ExportFormat;
  readonly layout?: ExportLayout;
  /** Whether it has pairs that are not on the web any more; one of an older lait does not say so. */
  readonly gone?: 'keep' | 'drop';
}

/** What a version is made of besides shards and configuration. */
export interface Finishing {
  /** Where the files are written. Default: the export's folder itself. */
  readonly into?: string;
  /** Numbers of the next new shards. Default: those of the manifest before. */
  readonly nextShard?: Readonly<Record<string, number>>;
  /** Samples that left shards which stayed, by shard and key. May be read twice. */
  readonly removed?: Iterable<RemovedSample>;
}

/**
 * Writes the files that describe the whole export, and last the manifest, with the next version where shards or configuration have
 * changed. Opens no image and may be repeated. Written into another folder, nothing in the export's own is touched.
 */
export function finishExport(
  ledger: Ledger,
  outDir: string,
  shards: FinishedShards,
  configuration: ExportConfiguration,
  { into = outDir, nextShard, removed = [] }: Finishing = {},
): Manifest {
  const { format } = configuration;
  makeFolder(into);
  const previous = manifestIn(outDir);
  const files = into === outDir ? writeIndexes(outDir, shards, format) : describeShards(into, shards, format);
  const bySplit = <T>(of: (split: Split) => T): Record<Split, T> => ({
    train: of('train'),
    validation: of('validation'),
  });
  const shardsOf = (split: Split) => shards[split] ?? [];
  const all = Object.values(shards).flat();
  const { gone = 'drop' } = configuration;
  const facts = corpusFacts(ledger, { gone });
  const samples = bySplit((split) => shardsOf(split).reduce((sum, { stats }) => sum + stats.successes, 0));
  // An export of an older lait has no versions, and a takedown gives it none: its numbers are no promise.
  const isOlder = into === outDir && previous !== null && previous.export === undefined;
  const version = isOlder
    ? null
    : versioned(previous, into, {
        configuration,
        shards,
        files,
        samples,
        date: facts.collected?.to ?? null,
        nextShard: nextShard ?? previous?.history?.at(-1)?.next_shard ?? bySplit((split) => shardsOf(split).length),
        removed,
      });
  const changes = version?.changes ?? previous?.files[changesName];
  if (changes !== undefined) files[changesName] = changes;
  const input: CardInput = {
    card: configuration.card,
    facts,
    rules: configuration.rules,
    preset: configuration.preset ?? null,
    samples,
    shards: bySplit((split) => shardsOf(split).length),
    bytes: all.reduce((sum, { stats }) => sum + shardBytes(stats), 0),
    format,
    versions: version?.history ?? [],
    layout: configuration.layout ?? 'fixed',
    columns: configuration,
  };
  const put = (name: string, text: string) => {
    files[name] = writeFileAtomic(join(into, name), text);
  };
  if (format === 'webdataset')
    put('croissant.json', `${JSON.stringify(croissant(exportAccount(input), files), null, 2)}\n`);
  else rmSync(join(into, 'croissant.json'), { force: true });
  put('funnel.svg', funnelSvg(input.facts.funnel.rows, input.facts.funnel.found));
  const training = trainingFacts(ledger, { gone });
  put(summaryName, summaryText(input, training));
  put(summaryDataName, `${JSON.stringify(summaryData(input, training), null, 2)}\n`);
  put(domainsName, domainsCsv(training));
  put('README.md', cardReadme(input));
  const versions = version === null ? {} : { export: version.export, history: version.history };
  return writeManifest(into, { ...versions, configuration, samples, files });
}
