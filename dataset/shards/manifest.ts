/**
 * `manifest.json`: the size and SHA-256 of every file of an export, and the configuration that made it. No times and no
 * paths of the machine: the same corpus and configuration give the same manifest.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FileDigest, writeFileAtomic } from '../atomic-file.ts';
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

export interface Manifest {
  /** Of the form of this file. */
  readonly version: 1;
  /** Missing where the set has no versions. */
  readonly export?: ExportVersion;
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
  content: Pick<Manifest, 'configuration' | 'samples' | 'files'>,
): FileDigest {
  const files = Object.fromEntries(
    Object.entries(content.files)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, { bytes, sha256 }]) => [path, { bytes, sha256 }]),
  );
  const manifest: Manifest = {
    version: 1,
    configuration: content.configuration,
    configuration_sha256: jsonSha256(content.configuration),
    samples: content.samples,
    files,
  };
  return writeFileAtomic(join(folder, manifestName), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Throws a UserError when the folder holds no finished export. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, manifestName);
  if (!existsSync(path)) throw expected('a finished export', folder, `no ${manifestName}`, 'run lait export first');
  return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
}
