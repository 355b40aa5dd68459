/**
 * Outcomes of the record as the ledger takes them, with the bytes of their pictures: from the worker's part in this folder, from its part in
 * S3, or from `raw/` of the folder itself, which may have the same picture of another address.
 */
import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../../dataset/blobs/place.ts';
import type { Defer } from '../../dataset/cleanup.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { isMissing, type RawStore } from '../../dataset/ledger/raw-store.ts';
import type { WorkPicture } from '../../dataset/ledger/work-pictures.ts';
import type { Recordable } from '../frontier/record.ts';
import type { RecordedOutcome } from './batch.ts';
import { partName } from './names.ts';
import { folderReader, type PartReader, unreadable } from './parts.ts';
import { partsAt } from './work-reader.ts';

/** An outcome as the ledger records it, and where in S3 its picture was found. */
export interface Collected {
  readonly recordable: Recordable;
  readonly picture?: WorkPicture;
}

export interface Recordables {
  /**
   * Null where the bytes of the outcome's picture are nowhere; one that was taken down is refused, though nobody has it any more. Throws a UserError where they cannot
   * be read.
   */
  of(outcome: RecordedOutcome, worker: string): Promise<Collected | null>;
  /** Where a worker's pictures are looked for. */
  placeOf(worker: string): string;
}

export function openRecordables(
  {
    corpusDir,
    corpusId,
    placesOf,
    signal,
  }: {
    readonly corpusDir: string;
    readonly corpusId: string;
    /** Where in S3 a worker may have put pictures. */
    readonly placesOf: (worker: string) => readonly string[];
    readonly signal?: AbortSignal | undefined;
  },
  { ledger, raw }: { readonly ledger: Ledger; readonly raw: RawStore },
  defer: Defer,
): Recordables {
  const here = new Map<string, PartReader>();
  defer(() => Promise.all([...here.values()].map((reader) => reader.close())));
  const folderOf = (worker: string): string => join(corpusDir, 'work', partName(corpusId, worker));
  const inFolder = (worker: string): PartReader | null => {
    const reader = here.get(worker);
    if (reader !== undefined) return reader;
    // It may be brought while this runs.
    if (!isFolder(join(folderOf(worker), 'raw'))) return null;
    const opened = folderReader(folderOf(worker));
    here.set(worker, opened);
    return opened;
  };
  const readersAt = partsAt(signal);

  const bytesOf = async (
    { place, resized, measured }: NonNullable<RecordedOutcome['stored']>,
    worker: string,
  ): Promise<{ readonly bytes: Buffer; readonly picture?: WorkPicture } | 'erased' | null> => {
    const part = partName(corpusId, worker);
    const isWhole = (bytes: Buffer): boolean => hash('sha256', bytes) === (resized?.sha256 ?? measured.sha256);
    const own = await inFolder(worker)?.read(place);
    if (own && isWhole(own)) return { bytes: own };
    let isErased = false;
    for (const work of placesOf(worker)) {
      const readerOf = await readersAt(work);
      const bytes = await readerOf(part).read(place);
      if (bytes && isWhole(bytes)) return { bytes, picture: { sha256: measured.sha256, place: work, part, ...place } };
      // Only there: on a disk a crash may leave zeros too.
      isErased ||= !!bytes && isAllZero(bytes);
    }
    return isErased ? 'erased' : null;
  };

  /** The same picture as this folder has it. */
  const ownOf = ({ measured, resized }: NonNullable<RecordedOutcome['stored']>): Recordable['decoded'] | null => {
    const known = ledger.storedAt(measured.sha256, resized);
    if (known === null) return null;
    try {
      const bytes = raw.read(known);
      return { bytes, measured, smaller: known.resized ? { bytes, resized: known.resized } : null };
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  };

  const isTakenDown = (url: string, { measured, resized }: NonNullable<RecordedOutcome['stored']>): boolean => {
    const { sha256, phash } = measured;
    return ledger.isTakenDown({ url, sha256, phash, ...(resized && { md5: () => resized.originalMd5 }) });
  };

  return {
    placeOf: (worker) =>
      [folderOf(worker), ...placesOf(worker).map((work) => within(work, partName(corpusId, worker)))].join(' or '),
    async of({ writtenUrl, depth, image, stored, ...rest }, worker) {
      const claim = { writtenUrl, depth };
      if (image === undefined) return { recordable: { ...rest, claim } };
      const row = image as NonNullable<Recordable['image']>;
      if (stored === undefined) return { recordable: { ...rest, claim, image: row } };
      const { measured, resized } = stored;
      const found = await bytesOf(stored, worker);
      if (found === null || found === 'erased') {
        const decoded = ownOf(stored);
        if (decoded) return { recordable: { ...rest, claim, image: row, decoded } };
        if (found === null && !isTakenDown(row.url, stored)) return null;
        const refused = {
          url: row.url,
          fetchedAtMs: row.fetchedAtMs,
          status: 'refused',
          reason: 'taken-down',
        } as const;
        return { recordable: { ...rest, claim, image: refused } };
      }
      const { bytes, ...noted } = found;
      const decoded = { bytes, measured, smaller: resized && { bytes, resized } };
      return { recordable: { ...rest, claim, image: row, decoded }, ...noted };
    },
  };
}

/** What a takedown leaves of a picture (erase-work.ts). */
const isAllZero = (bytes: Buffer): boolean => bytes.every((byte) => byte === 0);

/** Whether a part is here. Throws a UserError where one may not look. */
function isFolder(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** The outcome of a picture that nobody has any more. */
export function withoutPicture({ writtenUrl, depth, image, stored: _, ...rest }: RecordedOutcome): Recordable {
  const { url, fetchedAtMs } = image!;
  const row = { url, fetchedAtMs, status: 'failed_to_download', reason: 'picture-lost' } as const;
  return { ...rest, claim: { writtenUrl, depth }, image: row };
}
