/** Reads pictures of a shared crawl where their workers have put them into S3, by what a ledger knows of their places. */
import { hash } from 'node:crypto';
import { openBlobs } from '../../dataset/blobs/open.ts';
import type { WorkPlace } from '../../dataset/ledger/work-pictures.ts';
import { type PartReader, s3Readers } from './parts.ts';

export interface WorkReader {
  /** The bytes with this SHA-256, from the first place that has them; null where none does. Throws a UserError where they cannot be read. */
  read(places: readonly WorkPlace[], sha256: string): Promise<Buffer | null>;
}

/** Reads parts in several places, each of which is opened once. */
export function partsAt(signal?: AbortSignal): (place: string) => Promise<(part: string) => PartReader> {
  const opened = new Map<string, Promise<(part: string) => PartReader>>();
  return (place) => {
    const known = opened.get(place);
    if (known !== undefined) return known;
    const opening = openBlobs(place).then((blobs) => s3Readers(blobs, signal));
    opened.set(place, opening);
    return opening;
  };
}

/** What has no place noted is looked for in `work`. */
export function openWorkReader(work: string, signal?: AbortSignal): WorkReader {
  const readersOf = partsAt(signal);
  return {
    async read(places, sha256) {
      for (const { place, part, ...where } of places) {
        const readerOf = await readersOf(place || work);
        const bytes = await readerOf(part).read(where);
        if (bytes && hash('sha256', bytes) === sha256) return bytes;
      }
      return null;
    },
  };
}
