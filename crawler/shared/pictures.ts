/** Keeps the pictures of a worker until they are collected: in a part of its own for each of its numbers, safe before the batch that names them. */
import type { Blobs } from '../../dataset/blobs/blobs.ts';
import type { FetchOutcome } from '../frontier/outcome.ts';
import type { PartPlace } from './batch.ts';
import type { Lease } from './lease.ts';
import { partName } from './names.ts';
import { folderWriter, type PartWriter, type StoredPicture, s3Writer, type WriterTools } from './parts.ts';

export interface Pictures {
  /** Where the pictures of these outcomes are, in their order; they are safe when it has resolved. Asked again it stores nothing twice. */
  keep(outcomes: readonly FetchOutcome[]): Promise<readonly (PartPlace | null)[]>;
  /** From now on for another number. Throws a UserError where nothing can be kept. */
  begin(lease: Lease): Promise<void>;
  close(): void;
}

/** What is remembered of what was stored. */
const maxStored = 100_000;

/** Below `work/` of the corpus folder, or in S3 where `blobs` is given: `work` of the place. */
export function openPictures({
  corpusDir,
  corpusId,
  blobs,
  ...tools
}: WriterTools & {
  readonly corpusDir: string;
  readonly corpusId: string;
  readonly blobs?: Blobs | undefined;
}): Pictures {
  let part: PartWriter | undefined;
  const stored = new Map<string, PartPlace>();
  return {
    async begin({ id }) {
      part?.close();
      part = undefined;
      stored.clear();
      const name = partName(corpusId, id);
      part = blobs === undefined ? folderWriter(corpusDir, name) : await s3Writer(blobs, name, tools);
    },
    async keep(outcomes) {
      const fresh = new Map<string, StoredPicture>();
      const known = new Map<string, PartPlace>();
      for (const { decoded } of outcomes) {
        if (decoded === undefined) continue;
        const { bytes, measured, smaller } = decoded;
        const { sha256, format } = measured;
        const before = stored.get(sha256);
        if (before !== undefined) known.set(sha256, before);
        else fresh.set(sha256, { sha256, format: smaller === null ? format : 'jpg', bytes: smaller?.bytes ?? bytes });
      }
      const places = await part!.add([...fresh.values()]);
      if (stored.size + places.length > maxStored) stored.clear();
      for (const [n, sha256] of [...fresh.keys()].entries()) {
        stored.set(sha256, places[n]!);
        known.set(sha256, places[n]!);
      }
      return outcomes.map(({ decoded }) => (decoded === undefined ? null : known.get(decoded.measured.sha256)!));
    },
    close: () => part?.close(),
  };
}
