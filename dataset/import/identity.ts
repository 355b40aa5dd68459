/** What an import is made from, so that the same one is known again on any machine: sizes and pieces of its files, and the choices made. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { isS3 } from '../blobs/place.ts';
import { sampledSha256 } from '../shards/sampled-hash.ts';

/** What an import is: the same source with the same choices is the same import, whatever machine it is on. */
export interface ImportIdentity {
  readonly from: string;
  /** Names of its files, without folders. */
  readonly names: readonly string[];
  readonly sha256: string;
}

/** `files` are local paths, objects in S3, or URLs of the web; these stand for themselves. */
export async function importIdentity(
  from: string,
  files: readonly string[],
  choices: Readonly<Record<string, unknown>>,
): Promise<ImportIdentity> {
  const hash = createHash('sha256').update(JSON.stringify([from, choices]));
  for (const file of files) hash.update(isS3(file) || existsSync(file) ? await sampledSha256(file) : file);
  return { from, names: files.slice(0, 100).map((file) => basename(file)), sha256: hash.digest('hex') };
}
