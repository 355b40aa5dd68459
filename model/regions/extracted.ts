/**
 * Which shards have been looked through for pictures without features: `shards.json`. What it says holds for a shard with exactly the
 * bytes named, so after the next export only shards that changed are read again; their pictures are then found by content.
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../../dataset/atomic-file.ts';
import { readAt } from '../../dataset/blobs/open.ts';

export interface ExtractedShard {
  /** As `readSetIdentity` gives it. */
  readonly sha256: string;
  /** Samples with regions. */
  readonly images: number;
  readonly regions: number;
  /** Samples without. */
  readonly failed: number;
}

interface Extracted {
  /** Pictures that had columns when this was written: where fewer have, nothing of it holds. */
  readonly pictures: number;
  readonly shards: Readonly<Record<string, ExtractedShard>>;
}

const extractedName = 'shards.json';

/** The shards by their path below the folder of all; none where columns have been lost since, or the file does not read. */
export async function readExtracted(folder: string, pictures: number): Promise<Map<string, ExtractedShard>> {
  const json = await readAt(folder, extractedName);
  if (json === null) return new Map();
  try {
    const known = JSON.parse(json.toString('utf8')) as Extracted;
    return new Map(known.pictures <= pictures ? Object.entries(known.shards) : []);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return new Map();
    throw error;
  }
}

export function writeExtracted(folder: string, pictures: number, shards: ReadonlyMap<string, ExtractedShard>): void {
  const sorted = Object.fromEntries([...shards].sort(([a], [b]) => (a < b ? -1 : 1)));
  const extracted: Extracted = { pictures, shards: sorted };
  writeFileAtomic(join(folder, extractedName), `${JSON.stringify(extracted, null, 1)}\n`);
}
