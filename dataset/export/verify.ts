/**
 * `lait verify`: compares every file of an export with its manifest, and on request rebuilds broken shards from `raw/`.
 * A shard is repaired only to the very bytes that the manifest names: when the ledger has moved on since, it says so.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { withCleanup } from '../cleanup.ts';
import { Ledger } from '../ledger/ledger.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import type { ExportFormat } from '../shards/container.ts';
import { type EncodeOptions, encodeSettings } from '../shards/encode.ts';
import { finishedShards } from '../shards/indexes.ts';
import { type Manifest, manifestName, readManifest } from '../shards/manifest.ts';
import { shardColumns } from '../shards/parquet.ts';
import { writeShard } from '../shards/writer.ts';
import { expected } from '../user-error.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { planHash, planItems, planShards } from './plan.ts';
import { splits } from './split.ts';

export interface VerifyOptions {
  /** Folder of the export. */
  readonly shardsDir: string;
  /** The corpus that it came from: needed for `repair`. */
  readonly corpusDir?: string;
  readonly repair?: boolean;
}

export interface FileFault {
  /** Path below the export's folder. */
  readonly path: string;
  readonly reason: 'missing' | 'changed' | 'unknown-file';
  readonly repaired: boolean;
  /** Why it was not repaired although that was asked for. */
  readonly because?: 'ledger-changed' | 'not-made-by-export';
}

export interface VerifySummary {
  readonly files: number;
  readonly bytes: number;
  readonly faults: readonly FileFault[];
}

/** What the manifest's configuration says that `planShards` and `writeShard` need. */
interface ShardSettings extends Required<EncodeOptions> {
  readonly layoutVersion: number;
  readonly format: ExportFormat;
  readonly shardDigits: number;
  readonly samplesPerShard: number;
  readonly maxShardBytes: number;
  readonly validationFraction: number;
  readonly gone: 'keep' | 'drop';
  readonly subset: string | null;
}

/** Checks, and with `repair` mends. Throws a UserError when there is no finished export or no corpus to repair from. */
export async function verify(
  options: VerifyOptions,
  { onProgress, signal }: { onProgress?: (done: { files: number; of: number }) => void; signal?: AbortSignal } = {},
): Promise<VerifySummary> {
  const { shardsDir, corpusDir, repair = false } = options;
  const manifest = readManifest(shardsDir);
  if (repair) {
    if (corpusDir === undefined) throw expected('a corpus', 'repair', 'none', 'name the corpus the shards came from');
    Ledger.openExisting(corpusDir).close();
  }
  const listed = Object.entries(manifest.files);
  const faults: { path: string; reason: FileFault['reason'] }[] = [];
  let bytes = 0;
  for (const [i, [path, digest]] of listed.entries()) {
    signal?.throwIfAborted();
    const full = join(shardsDir, path);
    if (!existsSync(full)) faults.push({ path, reason: 'missing' });
    else if ((await sha256Of(full)) !== digest.sha256) faults.push({ path, reason: 'changed' });
    bytes += digest.bytes;
    onProgress?.({ files: i + 1, of: listed.length });
  }
  for (const entry of readdirSync(shardsDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(join(shardsDir, '/').length);
    if (entry.isFile() && path !== manifestName && manifest.files[path] === undefined) {
      faults.push({ path, reason: 'unknown-file' });
    }
  }
  const mended = repair
    ? await mend(
        corpusDir!,
        shardsDir,
        manifest,
        faults.map(({ path }) => path),
      )
    : new Map();
  return {
    files: listed.length,
    bytes,
    faults: faults.map((fault) => {
      const outcome: true | FileFault['because'] | undefined = mended.get(fault.path);
      return { ...fault, repaired: outcome === true, ...(typeof outcome === 'string' ? { because: outcome } : {}) };
    }),
  };
}

/** SHA-256 of a file, read as a stream. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

/** Rebuilds broken shards and indexes. By path: true, or why it could not be rebuilt. */
async function mend(
  corpusDir: string,
  shardsDir: string,
  manifest: Manifest,
  broken: readonly string[],
): Promise<Map<string, true | NonNullable<FileFault['because']>>> {
  const outcome = new Map<string, true | NonNullable<FileFault['because']>>();
  if (broken.length === 0) return outcome;
  const settings = manifest.configuration as unknown as ShardSettings;
  const { layoutVersion, format, shardDigits, samplesPerShard, maxShardBytes, validationFraction, gone } = settings;
  const encode = encodeSettings(settings);
  const shardOf = (path: string) => /^((?:train|validation)\/\d+)[./_]/.exec(path)?.[1];
  const wanted = new Set(broken.flatMap((path) => shardOf(path) ?? []));
  await withCleanup(async (defer) => {
    const ledger = Ledger.openExisting(corpusDir);
    defer(() => ledger.close());
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    const workshop = mkdtempSync(join(shardsDir, '.repair-'));
    defer(() => rmSync(workshop, { recursive: true, force: true }));
    const remade = new Map<string, boolean>();
    // A subset is known by its hash alone: then the plan cannot be made again.
    const plans =
      settings.subset === null ? planShards(ledger, { samplesPerShard, maxShardBytes, validationFraction, gone }) : [];
    for (const plan of plans) {
      const shard = `${plan.split}/${String(plan.number).padStart(shardDigits, '0')}`;
      if (!wanted.has(shard)) continue;
      const base = join(workshop, basename(shard));
      const hash = planHash(plan, { layoutVersion, format, shardDigits, samplesPerShard, ...encode });
      const options = { encode, format, columns: shardColumns, shardDigits, samplesPerShard };
      const stats = await writeShard(base, plan.number, planItems(plan, raw), hash, options);
      const endings = [...Object.keys(stats.lait.files), '_stats.json'];
      const digests = await Promise.all(endings.map((ending) => sha256Of(base + ending)));
      const isSame = endings.every((ending, i) => manifest.files[shard + ending]?.sha256 === digests[i]);
      for (const ending of isSame ? endings : []) {
        const path = join(shardsDir, shard + ending);
        mkdirSync(dirname(path), { recursive: true });
        renameSync(base + ending, path);
      }
      remade.set(shard, isSame);
    }
    for (const path of broken) {
      const shard = shardOf(path);
      if (shard === undefined) continue;
      if (manifest.files[path] === undefined) outcome.set(path, 'not-made-by-export');
      else outcome.set(path, remade.get(shard) === true ? true : 'ledger-changed');
    }
    const isWhole = [...wanted].every((shard) => remade.get(shard) === true);
    if (isWhole && broken.some((path) => shardOf(path) === undefined && manifest.files[path] !== undefined)) {
      finishExport(ledger, shardsDir, finishedShards(shardsDir, splits), manifest.configuration as ExportConfiguration);
    }
  });
  for (const path of broken) {
    if (outcome.has(path)) continue;
    const digest = manifest.files[path];
    if (digest === undefined) outcome.set(path, 'not-made-by-export');
    else {
      const full = join(shardsDir, path);
      outcome.set(path, existsSync(full) && (await sha256Of(full)) === digest.sha256 ? true : 'ledger-changed');
    }
  }
  return outcome;
}
