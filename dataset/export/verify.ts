/**
 * `lait verify`: compares every file of an export with its manifest, and on request rebuilds broken shards from `raw/`.
 * A shard is repaired only to the very bytes that the manifest names: when the ledger has moved on since, it says so.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { blobChunks } from '../blobs/chunks.ts';
import { openBlob, openBlobs } from '../blobs/open.ts';
import { isS3, within } from '../blobs/place.ts';
import { withCleanup } from '../cleanup.ts';
import { isOwnShards, lockFolder, lockPart, type Waiting } from '../corpus-lock.ts';
import { Ledger } from '../ledger/ledger.ts';
import { openRawStore } from '../ledger/raw-store.ts';
import { encodeSettings } from '../shards/encode.ts';
import { finishedShards } from '../shards/indexes.ts';
import { type ExportVersion, type Manifest, manifestName, readManifest, readManifestAt } from '../shards/manifest.ts';
import { settleInTurn } from '../shards/settle-in-turn.ts';
import { isHalfTaken, settle, stagingDir } from '../shards/staging.ts';
import { expected } from '../user-error.ts';
import { type ExportConfiguration, finishExport } from './finish.ts';
import { placeShard, remakeShard, type ShardSettings } from './remake.ts';
import { indexExport } from './shard-index.ts';
import { splits } from './split.ts';

export interface VerifyOptions {
  /** Folder of the export, or its place in S3. */
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
  /** The version that is there; null of a set that has none. */
  readonly version: ExportVersion | null;
  /** Whether another version is being written beside this one, or its writer was killed: it takes nothing from this one. */
  readonly isUnfinished: boolean;
  /** Whether this version had been whole and not yet taken over, since its writer was killed: that was finished. */
  readonly isSettled: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly faults: readonly FileFault[];
}

/**
 * Checks, and with `repair` mends. A version that was whole when its writer was killed is taken over first. Throws a UserError when
 * there is no finished export or no corpus to repair from.
 */
export async function verify(options: VerifyOptions, tools: VerifyTools = {}): Promise<VerifySummary> {
  const { shardsDir, corpusDir, repair = false } = options;
  if (isS3(shardsDir)) {
    if (repair)
      throw expected(
        'a folder',
        'repair',
        shardsDir,
        'repair the folder that it was published from, and publish it again',
      );
    return { ...(await checkInS3(shardsDir, tools)), isSettled: false };
  }
  if (!repair) {
    const isSettled = await settleInTurn(shardsDir, tools);
    return { ...(await check(options, tools)), isSettled };
  }
  if (corpusDir === undefined) throw expected('a corpus', 'repair', 'none', 'name the corpus the shards came from');
  return withCleanup(async (defer) => {
    Ledger.openExisting(corpusDir).close();
    defer(lockPart(corpusDir, 'shards'));
    if (!isOwnShards(corpusDir, shardsDir)) defer(lockFolder(shardsDir));
    const isSettled = isHalfTaken(shardsDir);
    settle(shardsDir);
    return { ...(await check(options, tools)), isSettled };
  });
}

export interface VerifyTools extends Waiting {
  readonly onProgress?: (done: { readonly files: number; readonly of: number }) => void;
}

async function check(
  options: VerifyOptions,
  { onProgress, ...waiting }: VerifyTools,
): Promise<Omit<VerifySummary, 'isSettled'>> {
  const { shardsDir, corpusDir, repair = false } = options;
  const { signal } = waiting;
  const manifest = readManifest(shardsDir);
  const listed = Object.entries(manifest.files);
  const faults: { path: string; reason: FileFault['reason'] }[] = [];
  let bytes = 0;
  for (const [i, [path, digest]] of listed.entries()) {
    signal?.throwIfAborted();
    const full = join(shardsDir, path);
    if (!existsSync(full)) faults.push({ path, reason: 'missing' });
    else if (!statSync(full).isFile() || (await sha256Of(full)) !== digest.sha256)
      faults.push({ path, reason: 'changed' });
    bytes += digest.bytes;
    onProgress?.({ files: i + 1, of: listed.length });
  }
  for (const entry of readdirSync(shardsDir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name).slice(join(shardsDir, '/').length);
    if (path.startsWith(basename(stagingDir(shardsDir)))) continue;
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
        waiting,
      )
    : new Map();
  return {
    version: manifest.export ?? null,
    isUnfinished: existsSync(stagingDir(shardsDir)),
    files: listed.length,
    bytes,
    faults: faults.map((fault) => {
      const outcome: true | FileFault['because'] | undefined = mended.get(fault.path);
      return { ...fault, repaired: outcome === true, ...(typeof outcome === 'string' ? { because: outcome } : {}) };
    }),
  };
}

/** Every object is read; what is not as long as it should be needs no reading. */
async function checkInS3(
  place: string,
  { onProgress, signal }: VerifyTools,
): Promise<Omit<VerifySummary, 'isSettled'>> {
  const manifest = await readManifestAt(place);
  const sizes = new Map<string, number>();
  for await (const { key, byteLength } of (await openBlobs(place)).list('', signal)) sizes.set(key, byteLength);
  const listed = Object.entries(manifest.files);
  const faults: FileFault[] = [];
  for (const [at, [path, { bytes, sha256 }]] of listed.entries()) {
    const isAs = async () => sizes.get(path) === bytes && (await sha256OfBlob(within(place, path), signal)) === sha256;
    if (!sizes.has(path)) faults.push({ path, reason: 'missing', repaired: false });
    else if (!(await isAs())) faults.push({ path, reason: 'changed', repaired: false });
    onProgress?.({ files: at + 1, of: listed.length });
  }
  for (const path of sizes.keys()) {
    const isKnown = path === manifestName || manifest.files[path] !== undefined;
    if (!isKnown) faults.push({ path, reason: 'unknown-file', repaired: false });
  }
  return {
    version: manifest.export ?? null,
    isUnfinished: false,
    files: listed.length,
    bytes: listed.reduce((sum, [, digest]) => sum + digest.bytes, 0),
    faults,
  };
}

async function sha256OfBlob(name: string, signal: AbortSignal | undefined): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of blobChunks(await openBlob(name, signal), { signal })) hash.update(chunk);
  return hash.digest('hex');
}

/** SHA-256 of a file, read as a stream. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path, { highWaterMark: 1 << 20 }), hash);
  return hash.digest('hex');
}

function shardSettings({ configuration }: Manifest): ShardSettings {
  const { layoutVersion, format, shardDigits, samplesPerShard, measured, listColumns } =
    configuration as unknown as ShardSettings;
  return {
    layoutVersion,
    format,
    shardDigits,
    samplesPerShard,
    ...encodeSettings(configuration),
    ...(measured === undefined ? {} : { measured }),
    ...(listColumns === undefined ? {} : { listColumns }),
  };
}

/** Rebuilds broken shards and indexes. By path: true, or why it could not be rebuilt. */
async function mend(
  corpusDir: string,
  shardsDir: string,
  manifest: Manifest,
  broken: readonly string[],
  waiting: Waiting,
): Promise<Map<string, true | NonNullable<FileFault['because']>>> {
  const outcome = new Map<string, true | NonNullable<FileFault['because']>>();
  if (broken.length === 0) return outcome;
  const settings = shardSettings(manifest);
  const shardOf = (path: string) => /^((?:train|validation)\/\d+)[./_]/.exec(path)?.[1];
  const wanted = new Set(broken.flatMap((path) => shardOf(path) ?? []));
  await withCleanup(async (defer) => {
    const ledger = Ledger.openExisting(corpusDir, waiting);
    defer(() => ledger.close());
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    const workshop = mkdtempSync(join(shardsDir, '.repair-'));
    defer(() => rmSync(workshop, { recursive: true, force: true }));
    const exportId = await indexExport(ledger, corpusDir, shardsDir, manifest, { mayLack: true });
    const remade = new Map<string, boolean>();
    for (const shard of wanted) {
      const endings = await remakeShard({ ledger, raw, exportId, manifest, settings, workshop }, shard);
      if (endings !== null) placeShard(workshop, shardsDir, shard, endings);
      remade.set(shard, endings !== null);
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
