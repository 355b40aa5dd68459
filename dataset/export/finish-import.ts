/** The last step of an import: indexes, dataset card, Croissant file and manifest, made from the shards' own numbers alone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { BasicType } from 'hyparquet-writer';
import { writeFileAtomic } from '../atomic-file.ts';
import { markdownText, yamlText } from '../escape.ts';
import type { FunnelRow } from '../ledger/funnel.ts';
import { type FinishedShards, writeIndexes } from '../shards/indexes.ts';
import { writeManifest } from '../shards/manifest.ts';
import { shardColumns, tableColumns } from '../shards/parquet.ts';
import { shardBytes } from '../shards/writer.ts';
import { type CardOptions, cardHeader, funnelSvg, markdownTable } from './card.ts';
import { webDatasetFeatures } from './card-features.ts';
import { type CroissantAccount, croissant } from './croissant.ts';

/** One import of the set: what it was made from, and which shards are its. */
export interface ImportedPart {
  readonly from: string;
  /** Names of the source's files, without folders. */
  readonly names: readonly string[];
  /** Of the source and of the choices that were made: the same import has the same. */
  readonly sha256: string;
  /** `train/00000`, … */
  readonly shards: readonly string[];
  readonly failed: Readonly<Record<string, number>>;
}

/** What the manifest records of how an import was made. */
export interface ImportConfiguration extends Readonly<Record<string, unknown>> {
  readonly source: 'import';
  readonly imports?: readonly ImportedPart[];
  /** Samples of the sources that have no place in the shards, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  readonly card: CardOptions;
}

/**
 * Writes the files that describe the whole set. Opens no image and may be repeated. Tables that are not below `outDir` are below
 * `keptDir`.
 */
export async function finishImport(
  outDir: string,
  shards: FinishedShards,
  configuration: ImportConfiguration,
  keptDir = outDir,
): Promise<void> {
  const { card, failed } = configuration;
  const files = writeIndexes(outDir, shards, 'webdataset');
  const all = Object.values(shards).flat();
  const samples = Object.fromEntries(
    Object.entries(shards).map(([split, of]) => [split, of.reduce((sum, { stats }) => sum + stats.successes, 0)]),
  );
  const put = (name: string, text: string) => {
    files[name] = writeFileAtomic(join(outDir, name), text);
  };
  const kept = Object.values(samples).reduce((sum, n) => sum + n, 0);
  const rows = funnelOf(kept, failed);
  const found = rows[0]?.entered ?? kept;
  put('croissant.json', `${JSON.stringify(croissant(account(card, samples, failed), files), null, 2)}\n`);
  put('funnel.svg', funnelSvg(rows, found));
  put(
    'README.md',
    readme({
      card,
      samples,
      shards,
      bytes: all.reduce((n, { stats }) => n + shardBytes(stats), 0),
      rows,
      columns: await columnsOf([outDir, keptDir], shards),
    }),
  );
  writeManifest(outDir, { configuration, samples, files });
}

/** The columns of all tables; one that has two types is a text. */
async function columnsOf(
  folders: readonly string[],
  shards: FinishedShards,
): Promise<Readonly<Record<string, BasicType>>> {
  const columns: Record<string, BasicType> = { ...importColumns };
  for (const [split, of] of Object.entries(shards)) {
    for (const { name: shard } of of) {
      const table = folders.map((folder) => join(folder, split, `${shard}.parquet`)).find((path) => existsSync(path));
      if (table === undefined) continue; // of another tool's shards, or lost: `lait verify` says so
      for (const [name, type] of Object.entries(await tableColumns(table))) {
        columns[name] = (columns[name] ?? type) === type ? type : 'STRING';
      }
    }
  }
  return columns;
}

/** Each reason as a step, most frequent first, ties by name. */
function funnelOf(kept: number, failed: Readonly<Record<string, number>>): FunnelRow[] {
  const reasons = Object.entries(failed).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  let entered = reasons.reduce((sum, [, count]) => sum + count, kept);
  return reasons.map(([reason, dropped]) => {
    entered -= dropped;
    const reasonsOf = [{ reason, count: dropped }];
    return { rule: reason, stage: 'download', entered: entered + dropped, dropped, kept: entered, reasons: reasonsOf };
  });
}

const nameOf = ({ name = 'An imported image-text set' }: CardOptions) => name;
const describe = ({ description = 'Images with their captions, imported from another set.' }: CardOptions) =>
  description;

function account(
  card: CardOptions,
  samples: Readonly<Record<string, number>>,
  failed: Readonly<Record<string, number>>,
): CroissantAccount {
  const left = Object.entries(failed).map(([reason, count]) => `skipped, ${reason}: ${count}`);
  return {
    name: nameOf(card),
    description: describe(card),
    license: card.license ?? 'other',
    languages: card.languages ?? [],
    published: null,
    samples,
    rai: {
      'rai:dataCollection': 'Imported by lait from a set that others made; see there how it was collected.',
      'rai:dataCollectionType': ['Secondary Data Analysis'],
      'rai:dataPreprocessingProtocol': ['Captions with their white space made one space', ...left],
      'rai:dataLimitations': 'Those of the source.',
    },
  };
}

function readme(input: {
  readonly card: CardOptions;
  readonly samples: Readonly<Record<string, number>>;
  readonly shards: FinishedShards;
  readonly bytes: number;
  readonly rows: readonly FunnelRow[];
  readonly columns: Readonly<Record<string, BasicType>>;
}): string {
  const { card, samples, shards, bytes, rows, columns } = input;
  const used = Object.keys(samples).filter((split) => samples[split]! > 0);
  const total = used.reduce((sum, split) => sum + samples[split]!, 0);
  const skipped =
    rows.length === 0
      ? 'Every sample of the source is in the shards.'
      : `![Samples left after each reason](funnel.svg)

${markdownTable(
  ['reason', 'entered', 'skipped', 'kept'],
  rows.map(({ rule, entered, dropped, kept }) => [`\`${rule}\``, entered, dropped, kept]),
)}`;
  const files = used.map((split) => `      - split: ${yamlText(split)}\n        path: ${split}/*.tar`);
  const features = webDatasetFeatures(columns, ['texts']);
  return `${cardHeader({ name: nameOf(card), license: card.license, languages: card.languages ?? [], samples: total, files, features })}

# ${markdownText(nameOf(card))}

${describe(card)}

${total} samples in ${used.reduce((sum, split) => sum + shards[split]!.length, 0)} shards, ${(bytes / 1e6).toFixed(1)} MB.

${markdownTable(
  ['split', 'samples', 'shards'],
  used.map((split) => [split, samples[split]!, shards[split]!.length]),
)}

The splits are the source's own.

## What was skipped

${skipped}

## Licence and rights

The set and its pictures keep the licences that their makers gave them; the column \`license_url\` has the link of each picture
where the source gives one.

## Columns

Every sample has an image (\`KEY.jpg\`), its first caption (\`KEY.txt\`) and a JSON member; \`texts\` there has all captions of the
image. \`url\`, \`caption\`, \`key\`, \`status\`, \`error_message\`, \`width\`, \`height\`, \`original_width\`, \`original_height\`, \`exif\` and
\`sha256\` are img2dataset's columns, \`uid\` and \`text\` DataComp's.
`;
}

/** The columns of an import: those of an export and `texts`, a JSON array. */
export const importColumns = { ...shardColumns, texts: 'STRING' } as const;
