/**
 * `manifest.json`: the size and SHA-256 of every file of an export, and the configuration that made it. No times and no
 * paths of the machine: the same corpus and configuration give the same manifest.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileDigest, writeFileAtomic } from '../atomic-file.ts';
import { readAt } from '../blobs/open.ts';
import { within } from '../blobs/place.ts';
import { expected } from '../user-error.ts';

/** Which version of a growing set this is: what a trainer that streams it may compare. */
export interface ExportVersion {
  /** 1, 2, 3, …: each export that changed something has the next one. */
  readonly version: number;
  /** Of all shards, see `readSetIdentity`. */
  readonly sha256: string;
  /** Of the newest thing in it, `2026-01-31`; null where nothing was fetched. The day of writing would differ by machine. */
  readonly date: string | null;
}

/** A version in the list of all that there were. */
export interface VersionSummary extends ExportVersion {
  readonly configuration_sha256: string;
  /** Samples by split. */
  readonly samples: Readonly<Record<string, number>>;
  /** How many shards came, changed and went since the version before. */
  readonly shards: { readonly added: number; readonly rewritten: number; readonly removed: number };
  /** Samples that left shards which stayed, by reason. */
  readonly removed: Readonly<Record<string, number>>;
  /** The number that the next new shard of each split has: numbers, and so keys, are never given twice. */
  readonly next_shard: Readonly<Record<string, number>>;
}

export interface Manifest {
  /** Of the form of this file. */
  readonly version: 1;
  /** Missing where the set has no versions. */
  readonly export?: ExportVersion;
  /** All versions, the first one first; changes.jsonl has what the last one changed. */
  readonly history?: readonly VersionSummary[];
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly configuration_sha256: string;
  /** Samples by split. */
  readonly samples: Readonly<Record<string, number>>;
  /** By path below the export's folder, `/` between parts, sorted. */
  readonly files: Readonly<Record<string, FileDigest>>;
}

export const manifestName = 'manifest.json';

/** SHA-256 of a value's JSON: two configurations are the same when this is. */
export function jsonSha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

export function writeManifest(
  folder: string,
  content: Pick<Manifest, 'configuration' | 'samples' | 'files' | 'export' | 'history'>,
): Manifest {
  const files = Object.fromEntries(
    Object.entries(content.files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, { bytes, sha256 }]) => [path, { bytes, sha256 }]),
  );
  const manifest: Manifest = {
    version: 1,
    ...(content.export === undefined ? {} : { export: content.export }),
    ...(content.history === undefined ? {} : { history: content.history }),
    configuration: content.configuration,
    configuration_sha256: jsonSha256(content.configuration),
    samples: content.samples,
    files,
  };
  writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/** Throws a UserError when the folder holds no finished export, or a manifest that is none. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, manifestName);
  return manifestOf(existsSync(path) ? readFileSync(path) : null, folder);
}

/** The manifest of a set that may lie in S3; what `readManifest` gives. */
export const readManifestAt = async (place: string): Promise<Manifest> =>
  manifestOf(await readAt(place, manifestName), place);

function manifestOf(bytes: Buffer | null, place: string): Manifest {
  if (bytes === null) throw expected('a finished export', place, `no ${manifestName}`, 'run lait export first');
  const manifest = parseManifest(bytes);
  if (manifest !== null) return manifest;
  throw expected(
    'a manifest that can be read',
    within(place, manifestName),
    'a damaged or foreign one',
    'export with --rebuild, or fetch it anew',
  );
}

/** The manifest in a folder; null where there is none, or a damaged or foreign one. */
export function manifestIn(folder: string): Manifest | null {
  const path = join(folder, manifestName);
  return existsSync(path) ? parseManifest(readFileSync(path)) : null;
}

/** Null for a damaged or foreign one. */
export function parseManifest(bytes: Buffer): Manifest | null {
  try {
    const manifest: unknown = JSON.parse(bytes.toString('utf8'));
    return isManifest(manifest) ? manifest : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/** A set may come from anywhere: the files that its manifest names lie in it. */
function isManifest(value: unknown): value is Manifest {
  if (!isObject(value)) return false;
  const { files, configuration, samples } = value;
  if (!isObject(files) || !isObject(configuration) || !isObject(samples)) return false;
  return Object.entries(files).every(
    ([path, digest]) =>
      path.split(/[\\/]/).every((part) => part !== '' && part !== '.' && part !== '..') &&
      isObject(digest) &&
      typeof digest.bytes === 'number' &&
      typeof digest.sha256 === 'string',
  );
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
