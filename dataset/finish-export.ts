/** The last step of every change to an export: indexes, dataset card, Croissant file, and the manifest over all of them. */
import { join } from 'node:path';
import { writeFileAtomic } from './atomic-file.ts';
import { type CardInput, type CardOptions, cardReadme, funnelSvg } from './card.ts';
import { corpusFacts } from './corpus-facts.ts';
import { croissant } from './croissant.ts';
import type { RuleRecord } from './judgements.ts';
import type { Ledger } from './ledger.ts';
import { writeManifest } from './manifest.ts';
import { type FinishedShards, writeIndexes } from './shard-index.ts';
import type { Split } from './split.ts';

/** What the manifest records of how an export was made. */
export interface ExportConfiguration extends Readonly<Record<string, unknown>> {
  readonly rules: readonly RuleRecord[];
  readonly card: CardOptions;
}

/** Writes everything that speaks of the export as a whole. Needs no image and may be repeated. */
export function finishExport(
  ledger: Ledger,
  outDir: string,
  shards: FinishedShards,
  configuration: ExportConfiguration,
): void {
  const files = writeIndexes(outDir, shards);
  const bySplit = <T>(of: (split: Split) => T): Record<Split, T> => ({
    train: of('train'),
    validation: of('validation'),
  });
  const all = [...shards.train, ...shards.validation];
  const input: CardInput = {
    card: configuration.card,
    facts: corpusFacts(ledger),
    rules: configuration.rules,
    samples: bySplit((split) => shards[split].reduce((sum, { stats }) => sum + stats.successes, 0)),
    shards: bySplit((split) => shards[split].length),
    bytes: all.reduce((sum, { stats }) => sum + stats.lait.tar.bytes, 0),
    format: 'webdataset',
  };
  const put = (name: string, text: string) => {
    files[name] = writeFileAtomic(join(outDir, name), text);
  };
  put('croissant.json', `${JSON.stringify(croissant(input, files), null, 2)}\n`);
  put('funnel.svg', funnelSvg(input.facts.funnel.rows, input.facts.funnel.found));
  put('README.md', cardReadme(input));
  writeManifest(outDir, { configuration, samples: input.samples, files });
}
