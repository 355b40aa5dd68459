/** Reads pictures of a shared crawl where their workers have put them into S3, by what a ledger knows of their places. */
import { hash } from 'node:crypto';
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import type { WorkPlace } from '../../dataset/ledger/work-pictures.ts';
import { s3Readers } from './parts.ts';

/** `blobs` is `work` of the place. */
export interface WorkReader {
  /** The bytes with this SHA-256, from the first place that has them; null where none does. Throws a UserError where they cannot be read. */
  read(places: readonly WorkPlace[], sha256: string): Promise<Buffer | null>;
}

export function openWorkReader(blobs: Blobs, signal?: AbortSignal): WorkReader {
  const readerOf = s3Readers(blobs, signal);
  return {
    async read(places, sha256) {
      for (const { part, ...place } of places) {
        const bytes = await readerOf(part).read(place);
        if (bytes && hash('sha256', bytes) === sha256) return bytes;
      }
      return null;
    },
  };
}
