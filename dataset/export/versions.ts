/**
 * The versions of an export: which number it has, and what has changed since the one before. `manifest.json` sums all of them up,
 * `changes.jsonl` lists what the last one changed: a line for each shard that came, changed or went, and for each sample that
 * left a shard which stayed.
 */
import { join } from 'node:path';
import { AtomicFile, type FileDigest } from '../atomic-file.ts';
import type { RemovedSample } from '../ledger/growth.ts';
import type { FinishedShards } from '../shards/indexes.ts';
import { type ExportVersion, jsonSha256, type Manifest, type VersionSummary } from '../shards/manifest.ts';
import { compareSets, type SetChanges, shardsSha256 } from '../shards/set-identity.ts';

export const changesName = 'changes.jsonl';

/** An export as it is now, before it has a number. */
export interface VersionContent {
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly shards: FinishedShards;
  /** By path: `train/00000.tar`. */
  readonly files: Readonly<Record<string, FileDigest>>;
  readonly samples: Readonly<Record<string, number>>;
  readonly date: string | null;
  readonly nextShard: Readonly<Record<string, number>>;
  /** Samples that left shards which stayed, by shard and key. May be read twice. */
  readonly removed: Iterable<RemovedSample>;
}

export interface Versioned {
  readonly export: ExportVersion;
  readonly history: readonly VersionSummary[];
  /** Digest of `changes.jsonl`; missing where the version is the one before and the file is as it was. */
  readonly changes: FileDigest | undefined;
}

/**
 * Gives the export its version: that of the manifest before where shards and configuration are the same, else the next one. Then
 * writes `changes.jsonl` to the folder.
 */
export function versioned(previous: Manifest | null, folder: string, now: VersionContent): Versioned {
  const shards = shardHashes(now.files);
  const before = shardHashes(previous?.files ?? {});
  const sha256 = shardsSha256(shards);
  const configuration_sha256 = jsonSha256(now.configuration);
  const last = previous?.history?.at(-1);
  if (previous?.export && last?.sha256 === sha256 && last.configuration_sha256 === configuration_sha256) {
    return { export: previous.export, history: previous.history!, changes: undefined };
  }
  const changes = compareSets(before, shards);
  const identity = { version: (previous?.export?.version ?? 0) + 1, sha256, date: now.date };
  const removed: Record<string, number> = {};
  for (const { reason } of now.removed) removed[reason] = (removed[reason] ?? 0) + 1;
  const summary: VersionSummary = {
    ...identity,
    configuration_sha256,
    samples: now.samples,
    shards: { added: changes.added.length, rewritten: changes.changed.length, removed: changes.removed.length },
    removed: Object.fromEntries(Object.entries(removed).sort(([a], [b]) => (a < b ? -1 : 1))),
    next_shard: now.nextShard,
  };
  return {
    export: identity,
    history: [...(previous?.history ?? []), summary],
    changes: writeChanges(join(folder, changesName), identity.version, changes, now),
  };
}

/** The SHA-256 of every shard among an export's files, as `readSetIdentity` has them. */
function shardHashes(files: Readonly<Record<string, FileDigest>>): Map<string, string> {
  for (const shard of [/^\w+\/\d+\.tar$/, /^\w+\/\d+\.jsonl$/, /^\w+\/\d+\.parquet$/]) {
    const found = Object.entries(files).filter(([path]) => shard.test(path));
    if (found.length > 0) return new Map(found.map(([path, { sha256 }]) => [path, sha256] as const).sort());
  }
  return new Map();
}

function writeChanges(path: string, version: number, changes: SetChanges, now: VersionContent): FileDigest {
  const samplesOf = new Map<string, number>(
    Object.entries(now.shards).flatMap(([split, of]) =>
      of.map(({ name, stats }) => [`${split}/${name}`, stats.successes] as const),
    ),
  );
  const file = new AtomicFile(path);
  const put = (line: object) => file.write([Buffer.from(`${JSON.stringify({ version, ...line })}\n`)]);
  for (const [change, paths] of [
    ['shard-added', changes.added],
    ['shard-rewritten', changes.changed],
    ['shard-removed', changes.removed],
  ] as const) {
    for (const shard of paths) put({ change, shard, samples: samplesOf.get(shard.replace(/\.\w+$/, '')) ?? 0 });
  }
  for (const { shard, key, id, reason } of now.removed) {
    put({ change: 'sample-removed', shard, key, ...(unnamed.includes(reason) ? {} : { uid: id }), reason });
  }
  const { bytes, sha256 } = file.commit();
  return { bytes, sha256 };
}

/** Of what was taken down, no more is told than its key. */
export const takenDown = 'taken-down';

/** A sample that the ledger does not know may be of a page that was. */
const unnamed: readonly string[] = [takenDown, 'not-in-corpus'];

/** The first version whose shards go up to this number of this split: the one that the shard came with; null when it is not known. */
export function versionOfShard({ history = [] }: Pick<Manifest, 'history'>, shard: string): number | null {
  const [split = '', number = ''] = shard.split('/');
  return history.find(({ next_shard }) => (next_shard[split] ?? 0) > Number(number))?.version ?? null;
}
