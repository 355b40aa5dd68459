/**
 * From the ledger's survivors to shards that other people's tools read: `train/00000.tar` and `validation/00000.tar`,
 * each with its parquet and stats, an index per split and one manifest over all. A growing export leaves what is finished as it is:
 * new pairs make new shards, and a shard is rewritten only when one of its samples has to go. Everything is written beside the
 * version that is there and taken over when it is whole, so a killed export leaves that version readable; the next one goes on where it
 * was, and ends with the same bytes as an undisturbed one.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { withCleanup } from '../cleanup.ts';
import { isOwnShards, lockFolder, lockPart, type Waiting } from '../corpus-lock.ts';
import { isExported } from '../ledger/exports.ts';
import { findGrowth, removedSamples } from '../ledger/growth.ts';
import { Ledger } from '../ledger/ledger.ts';
import { listColumns } from '../ledger/list-columns.ts';
import { storedPlaces } from '../ledger/lost-pictures.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import { currentRecipe } from '../ledger/recipes.ts';
import { countUnjudged } from '../ledger/verdicts.ts';
import type { ExportFormat } from '../shards/container.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import type { FinishedShard } from '../shards/indexes.ts';
import type { Manifest } from '../shards/manifest.ts';
import { settle, stagingDir, takeOver } from '../shards/staging.ts';
import { shardBytes } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import { type OtherWriters, writtenByOthers } from './by-others.ts';
import type { CardOptions, ExportLayout } from './card.ts';
import { exportDefaults } from './defaults.ts';
import { oldFiles, previousExport, requireSameSettings } from './export-folder.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { lateColumns, measuredColumns } from './measured-columns.ts';
import { type MoreColumns, moreReader } from './more-columns.ts';
import { requireOwnExport } from './own-export.ts';
import { planShards } from './plan.ts';
import type { ShardSettings } from './remake.ts';
import { indexExport } from './shard-index.ts';
import { shardSoftware } from './shard-order.ts';
import type { Split } from './split.ts';
import { keepShard, pruneStaged, type Writing, type WrittenShard, writtenHere } from './write-shards.ts';

export interface ExportOptions extends EncodeOptions {
  readonly corpusDir: string;
  /** Default: `shards` in the corpus. */
  readonly outDir?: string;
  /** `growing` (default): finished shards stay, new pairs come after them. `fixed`: all pairs in the order of their ids, anew. */
  readonly layout?: ExportLayout;
  /** Writes a growing export anew from its first shard, with the settings as they are now. Keys begin again. */
  readonly rebuild?: boolean;
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
  /** How many images are read and encoded at the same time. It does not change what is written. Default: 4. */
  readonly concurrency?: number;
}

export interface ExportProgress {
  readonly split: Split;
  readonly shard: number;
  /** Samples done so far, over all splits. */
  readonly samples: number;
  readonly bytes: number;
}

export interface ExportTools extends Waiting {
  readonly onProgress?: (progress: ExportProgress) => void;
  /** Who writes new shards in place of this process. */
  readonly others?: OtherWriters;
}

export interface ExportSummary {
  readonly outDir: string;
  /** Number of the version that is there now. */
  readonly version: number;
  readonly splits: Readonly<
    Record<Split, { readonly shards: number; readonly samples: number; readonly bytes: number }>
  >;
  /** Pairs that have a row in the tables and no sample, by reason. */
  readonly failed: Readonly<Record<string, number>>;
  /** Samples that left shards which stayed, by reason. */
  readonly removed: Readonly<Record<string, number>>;
  /** New shards, and those that were written again. */
  readonly shardsWritten: number;
  /** Shards that were there already and are as they were. */
  readonly shardsLeft: number;
  /** Pairs that came after the last `lait filter`, which an export leaves as they were. */
  readonly unjudged: number;
  /** Columns of scores and lists of URLs that came after the first version of a growing export, which its tables do not have. */
  readonly columnsLeftOut: readonly string[];
}

/** Part of what a shard's hash covers: raise it when the same plan gives other bytes. */
const layoutVersion = 5;

/**
 * Exports the kept samples of a corpus. Throws a UserError when the corpus was not screened to its end, when the folder holds
 * something else or an export of another corpus, or when it holds a growing export that was made with other settings; a CorpusBusy while another process screens the
 * corpus, exports it or writes to the same folder.
 */
export async function exportShards(
  options: ExportOptions,
  { onProgress, others, ...waiting }: ExportTools = {},
): Promise<ExportSummary> {
  const {
    corpusDir,
    layout,
    maxShardBytes,
    validationFraction,
    gone,
    subset,
    card = {},
    ...given
  } = {
    ...exportDefaults,
    ...options,
  };
  const {
    outDir = join(corpusDir, 'shards'),
    rebuild = false,
    concurrency,
    format,
    shardDigits,
    samplesPerShard,
  } = given;
  const { signal } = waiting;
  return withCleanup(async (defer) => {
    const ledger = Ledger.openExisting(corpusDir, waiting);
    defer(() => ledger.close());
    const judged = lockPart(corpusDir, 'filter'); // until the snapshot is taken: half of a screening is no corpus
    defer(judged);
    defer(lockPart(corpusDir, 'shards'));
    if (!isOwnShards(corpusDir, outDir)) defer(lockFolder(outDir));
    const recipe = currentRecipe(ledger);
    if (recipe === null || !recipe.finished) {
      const received = recipe === null ? 'one that was never screened' : 'one whose screening was cut short';
      throw expected('a screened corpus', corpusDir, received, 'run lait filter first');
    }
    settle(outDir);
    const previous = previousExport(corpusDir, outDir, rebuild);
    if (previous !== null && !rebuild) await requireOwnExport(ledger, corpusDir, outDir, previous);
    const wanted: ShardSettings = { layoutVersion, format, shardDigits, samplesPerShard, ...encodeSettings(options) };
    const isVersioned = previous?.export !== undefined && !rebuild;
    if (isVersioned) requireSameSettings(outDir, previous, { layout, validationFraction, ...wanted });
    refuseEnlarging(ledger, wanted);
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    const base = isVersioned && layout === 'growing' ? previous : null;
    const exportId = await indexExport(ledger, corpusDir, outDir, previous, { mayLack: base === null });
    ledger.holdSnapshot();
    const unjudged = countUnjudged(ledger, recipe.id);
    const listed = listColumns(ledger);
    const now = base === null ? { measured: measuredColumns(ledger), listColumns: listed } : null;
    const { measured, listColumns: columns = {} } = now ?? (base!.configuration as MoreColumns);
    const hasLists = Object.keys(columns).length > 0;
    const settings: ShardSettings = {
      ...wanted,
      ...(measured === undefined ? {} : { measured }),
      ...(hasLists ? { listColumns: columns } : {}),
    };
    const withFailures = format !== 'parquet' || layout === 'fixed';
    findGrowth(ledger, { exportId: base === null ? null : exportId, gone, withFailures, subset });
    judged();
    const writing: Writing = {
      ledger,
      raw,
      exportId,
      outDir,
      base,
      isFirst: previous === null,
      settings,
      concurrency,
      signal,
    };
    const done: Record<Split, FinishedShard[]> = { train: [], validation: [] };
    const staged = new Set<string>();
    let samples = 0;
    let bytes = 0;
    let shardsWritten = 0;
    const tell = (split: Split, shard: number, { stats }: WrittenShard) => {
      samples += stats.successes;
      bytes += shardBytes(stats);
      onProgress?.({ split, shard, samples, bytes });
    };
    const add = (split: Split, name: string, { stats, change }: WrittenShard) => {
      done[split].push({ name, stats });
      if (change === 'staged') staged.add(`${split}/${name}`);
      if (change !== 'none') shardsWritten += 1;
    };
    for (const [split, name] of base === null ? [] : shardsOf(base)) {
      signal?.throwIfAborted();
      const kept = await keepShard(writing, split, name);
      if (kept === null) continue;
      add(split, name, kept);
      tell(split, Number(name), kept);
    }
    const nextShard = { train: 0, validation: 0, ...base?.history?.at(-1)?.next_shard };
    const firstShard = { ...nextShard };
    const planned = {
      samplesPerShard,
      maxShardBytes,
      validationFraction,
      firstShard,
      more: moreReader(ledger, settings),
      isStored: storedPlaces(ledger, corpusDir),
      hasRow: (id: string) => base !== null && isExported(ledger, exportId, id),
      withFailures,
    };
    const plans = planShards(ledger, planned);
    for await (const { split, number, written } of others
      ? writtenByOthers(writing, plans, others, tell)
      : writtenHere(writing, plans, tell)) {
      if (written.stats.successes === 0) continue; // no image of it could be encoded: the number stays free
      add(split, String(number).padStart(shardDigits, '0'), written);
      nextShard[split] = number + 1;
    }
    if (samples === 0) {
      const advice = 'see the funnel of lait filter for what dropped them';
      const version = previous?.export === undefined ? 'what was there' : `version ${previous.export.version}`;
      const stays = previous === null ? '' : `; ${version} in ${outDir} is unchanged, delete it if it is not to stay`;
      throw expected('at least one kept pair', corpusDir, 'none', advice + stays);
    }
    const configuration: ExportConfiguration = {
      layout,
      ...settings,
      maxShardBytes,
      validationFraction,
      gone,
      subset: subset === undefined ? null : subsetHash(subset),
      preset: recipe.preset,
      rules: recipe.rules,
      card,
      software: shardSoftware(),
    };
    pruneStaged(outDir, staged);
    const into = stagingDir(outDir);
    const removed = { [Symbol.iterator]: () => removedSamples(ledger) };
    const manifest = finishExport(ledger, outDir, done, configuration, { into, nextShard, removed });
    takeOver(outDir, oldFiles(outDir, previous, manifest));
    ledger.db.exec('COMMIT');
    await indexExport(ledger, corpusDir, outDir, manifest);
    const columnsLeftOut = [
      ...(base === null || measured === undefined ? [] : lateColumns(ledger, measured)),
      ...Object.keys(listed).filter((name) => !Object.hasOwn(columns, name)),
    ];
    const isNew = manifest.export!.version !== previous?.export?.version;
    return { ...summary(outDir, manifest, done, { shardsWritten, isNew }), unjudged, columnsLeftOut };
  });
}

/** Throws a UserError where pictures that were stored smaller would be blown up again. */
function refuseEnlarging(ledger: Ledger, { resize, sizePx, onlyIfBigger }: ShardSettings): void {
  if (resize === 'no' || onlyIfBigger) return;
  const least = ledger.db.prepare("SELECT min(resized ->> 'sidePx') FROM images").pluck().get() as number | null;
  if (least === null || least >= sizePx) return;
  throw expected(
    `at most ${least}`,
    'sizePx',
    String(sizePx),
    `pictures of this corpus were stored with a shorter side of ${least} (storeSide): ask for that, or set onlyIfBigger`,
  );
}

/** The shards of an export by split and name, in order. */
function shardsOf({ files }: Manifest): [Split, string][] {
  return Object.keys(files).flatMap((path) => {
    const [, split, name] = /^(train|validation)\/(\d+)_stats\.json$/.exec(path) ?? [];
    return name === undefined ? [] : [[split as Split, name]];
  });
}

const subsetHash = (subset: ReadonlySet<string>) =>
  createHash('sha256')
    .update([...subset].sort().join('\n'))
    .digest('hex');

function summary(
  outDir: string,
  manifest: Manifest,
  done: Readonly<Record<Split, readonly FinishedShard[]>>,
  { shardsWritten, isNew }: { readonly shardsWritten: number; readonly isNew: boolean },
): Omit<ExportSummary, 'unjudged' | 'columnsLeftOut'> {
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
    version: manifest.export!.version,
    splits: { train: of('train'), validation: of('validation') },
    failed,
    removed: isNew ? manifest.history!.at(-1)!.removed : {},
    shardsWritten,
    shardsLeft: done.train.length + done.validation.length - shardsWritten,
  };
}
