/** Opens places of blobs, and what lies in them. S3's client is loaded when the first place in S3 is opened. */
import { existsSync } from 'node:fs';
import { UserError } from '../user-error.ts';
import type { BlobReader, Blobs } from './blobs.ts';
import { isS3, lastPart, parentOf } from './place.ts';

/** Opens a folder or a place in S3; asks nothing of the network. Throws a UserError for a place that is none. */
export const openBlobs = async (place: string): Promise<Blobs> =>
  isS3(place) ? (await import('./s3.ts')).s3Blobs(place) : (await import('./folder.ts')).folderBlobs(place);

/** Opens one blob by its whole name. Throws a UserError where there is none. */
export async function openBlob(name: string, signal?: AbortSignal): Promise<BlobReader> {
  const reader = await (await openBlobs(parentOf(name))).open(lastPart(name), signal);
  if (reader === null) throw new UserError(`Expected ${name} but there is none; check its name.`);
  return reader;
}

/** The whole of a blob. Null where there is none. Throws a UserError for one that is larger than it may be. */
export async function readBlob(
  blobs: Blobs,
  key: string,
  { maxBytes, signal }: { readonly maxBytes: number; readonly signal?: AbortSignal | undefined },
): Promise<Buffer | null> {
  const reader = await blobs.open(key, signal);
  if (reader === null) return null;
  try {
    if (reader.byteLength > maxBytes) {
      const advice = 'it is none that lait wrote';
      throw new UserError(
        `Expected at most ${maxBytes} bytes in ${key} of ${blobs.place} but received ${reader.byteLength}; ${advice}.`,
      );
    }
    return await reader.read(0, reader.byteLength, signal);
  } finally {
    await reader.close();
  }
}

/** The whole of a blob in a place; what `readBlob` gives. No index of lait's is as large as `maxIndexBytes`. */
export const readAt = async (place: string, key: string, signal?: AbortSignal): Promise<Buffer | null> =>
  readBlob(await openBlobs(place), key, { maxBytes: maxIndexBytes, signal });

/** An index has 42 bytes for each picture: this is of 50 million pictures. */
const maxIndexBytes = 2 ** 31 - 1;

/** Whether there is a file or folder, or anything at all in a place in S3. */
export async function isThere(place: string, signal?: AbortSignal): Promise<boolean> {
  if (!isS3(place)) return existsSync(place);
  for await (const _ of (await openBlobs(place)).list('', signal)) return true;
  return false;
}
