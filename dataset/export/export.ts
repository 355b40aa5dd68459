/**
 * From the ledger's survivors to shards that other people's tools read: `train/00000.tar` and `validation/00000.tar`,
 * each with its parquet and stats, an index per split and one manifest over all. A shard whose plan and configuration
 * have not changed is left as it is, so a killed export goes on where it was, a repeated one writes nothing, and both end with
 * the same bytes as an undisturbed one.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { withCleanup } from '../cleanup.ts';
import { Ledger } from '../ledger/ledger.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import { currentRecipe } from '../ledger/recipes.ts';
import type { ExportFormat } from '../shards/container.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import { manifestName, readManifest } from '../shards/manifest.ts';
import { shardColumns } from '../shards/parquet.ts';
import { finishedShard, shardBytes, writeShard } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import type { CardOptions } from './card.ts';
import { exportDefaults } from './defaults.ts';
import { finishExport } from './finish.ts';
import { planHash, planItems, planShards } from './plan.ts';
import type { Split } from './split.ts';

export interface ExportOptions extends EncodeOptions {
  readonly corpusDir: string;
  /** Default: `shards` in the corpus. */
  readonly outDir?: string;
  /** 10,000 is img2dataset's default. */
  readonly samplesPerShard?: number;
  /** A shard closes before its original images exceed this; about 1 GB is what Hugging Face advises. */
  readonly maxShardBytes?: number;
  /** 5 is img2dataset's width, 8 the one of DataComp's resharder. */
  readonly shardDigits?: number;
  /** Share of the images, 0 to 1, that go to `validation`. */
  readonly validationFraction?: number;
  /**
   * Pairs that are not on the web any more (their page is gone or shows them no more, their picture is gone): left out, or
   * kept with the reason in the column `gone`. Left out by default: what a site takes back is not spread further.
   */
  readonly gone?: 'keep' | 'drop';
  /** Only pairs with these ids. */
  readonly subset?: ReadonlySet<string>;
  readonly format?: ExportFormat;
  /** What the dataset card says that the ledger cannot know. */
  readonly card?: CardOptions;
}

export interface ExportProgress {
  readonly split: Split;
  readonly shard: number;
  /** Samples done so far, over all splits. */
  readonly samples: number;
  readonly bytes: number;
}

export interface ExportSummary {
  readonly outDir: string;
  readonly splits: Readonly<
    Record<Split, { readonly shards: number; readonly samples: number; readonly bytes: number }>
  >;
  /** Pairs that have a row in the tables and no sample, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  readonly shardsWritten: number;
  /** Shards that were there already, made by the same plan. */
  readonly shardsLeft: number;
}

/** Part of what a shard's hash covers: raise it when the same plan gives other bytes. */
const layoutVersion = 3;

/** Exports the kept samples of a corpus. Throws a UserError when the corpus was not screened to its end. */
export async function exportShards(
  options: ExportOptions,
  { onProgress, signal }: { onProgress?: (progress: ExportProgress) => void; signal?: AbortSignal } = {},
): Promise<ExportSummary> {
  const {
    corpusDir,
    outDir = join(corpusDir, 'shards'),
    samplesPerShard,
    maxShardBytes,
    shardDigits,
    validationFraction,
    gone,
    subset,
    card = {},
    format,
  } = { ...exportDefaults, ...options };
  return withCleanup(async (defer) => {
    const ledger = Ledger.openExisting(corpusDir);
    defer(() => ledger.close());
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    refuseImport(outDir);
    ledger.holdSnapshot();
    const recipe = currentRecipe(ledger);
    if (recipe === null || !recipe.finished) {
      const received = recipe === null ? 'one that was never screened' : 'one whose screening was cut short';
      throw expected('a screened corpus', corpusDir, received, 'run lait filter first');
    }
    const encode = encodeSettings(options);
    const shardConfiguration = { layoutVersion, format, shardDigits, samplesPerShard, ...encode };
    const plans = planShards(ledger, {
      samplesPerShard,
      maxShardBytes,
      validationFraction,
      gone,
      ...(subset === undefined ? {} : { subset }),
    });
    const done: Record<Split, FinishedShard[]> = { train: [], validation: [] };
    let samples = 0;
    let bytes = 0;
    let shardsWritten = 0;
    for (const plan of plans) {
      signal?.throwIfAborted();
      mkdirSync(join(outDir, plan.split), { recursive: true });
      const name = String(plan.number).padStart(shardDigits, '0');
      const base = join(outDir, plan.split, name);
      const hash = planHash(plan, shardConfiguration);
      let stats = finishedShard(base, hash);
      if (stats === null) {
        rmSync(join(outDir, manifestName), { force: true }); // it would describe shards that no longer exist
        rmSync(`${base}_stats.json`, { force: true });
        stats = await writeShard(base, plan.number, planItems(plan, raw), hash, {
          encode,
          format,
          columns: shardColumns,
          shardDigits,
          samplesPerShard,
          ...(signal === undefined ? {} : { signal }),
        });
        shardsWritten += 1;
      }
      done[plan.split].push({ name, stats });
      samples += stats.successes;
      bytes += shardBytes(stats);
      onProgress?.({ split: plan.split, shard: plan.number, samples, bytes });
    }
    if (samples === 0) {
      throw expected(
        'at least one kept pair',
        corpusDir,
        'none',
        'see the funnel of lait filter for what dropped them',
      );
    }
    finishExport(ledger, outDir, done, {
      ...shardConfiguration,
      maxShardBytes,
      validationFraction,
      gone,
      subset: subset === undefined ? null : subsetHash(subset),
      rules: recipe.rules,
      card,
    });
    return summary(outDir, done, shardsWritten);
  });
}

/** What others made and what was crawled here never mix. */
function refuseImport(outDir: string): void {
  if (!existsSync(join(outDir, manifestName)) || readManifest(outDir).configuration.source !== 'import') return;
  throw expected('an empty folder or an export', outDir, 'shards of an import', 'name another with --out');
}

const subsetHash = (subset: ReadonlySet<string>) =>
  createHash('sha256')
    .update([...subset].sort().join('\n'))
    .digest('hex');

function summary(
  outDir: string,
  done: Readonly<Record<Split, readonly FinishedShard[]>>,
  shardsWritten: number,
): ExportSummary {
  const failed: Record<string, number> = {};
  for (const { stats } of [...done.train, ...done.validation]) {
    for (const [reason, count] of Object.entries(stats.status_dict)) {
      if (reason !== 'success') failed[reason] = (failed[reason] ?? 0) + count;
    }
  }
  const of = (split: Split) => ({
    shards: done[split].length,
    samples: done[split].reduce((sum, { stats }) => sum + stats.successes, 0),
    bytes: done[split].reduce((sum, { stats }) => sum + shardBytes(stats), 0),
  });
  return {
    outDir,
    splits: { train: of('train'), validation: of('validation') },
    failed,
    shardsWritten,
    shardsLeft: done.train.length + done.validation.length - shardsWritten,
  };
}
