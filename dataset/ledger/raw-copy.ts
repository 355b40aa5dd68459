/**
 * Segments of `raw/` in S3, where other machines read pictures by ranges. A segment is put when it is needed there, and again when it has
 * grown or lost a picture. `copied.json` says which ones are there as they are here, so that none is read to find out.
 */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../atomic-file.ts';
import { openBlobs } from '../blobs/open.ts';
import { lockPartsInTurn, type Waiting } from '../corpus-lock.ts';
import { segmentName } from './raw-store.ts';

const copied = z.strictObject({
  /** Where the segments are. */
  place: z.string(),
  /** By name: as the file was, and the version that it has there. */
  segments: z.record(z.string(), z.strictObject({ bytes: z.number(), changedAtMs: z.number(), version: z.string() })),
});
type Copied = z.infer<typeof copied>;

const copiedName = 'copied.json';

/** What is known to be there, of each place that anything was put to. */
function copiedOf(corpusDir: string): Copied[] {
  const path = join(corpusDir, copiedName);
  return existsSync(path) ? z.array(copied).parse(JSON.parse(readFileSync(path, 'utf8'))) : [];
}

function note(corpusDir: string, all: readonly Copied[]): void {
  const path = join(corpusDir, copiedName);
  if (all.length === 0) rmSync(path, { force: true });
  else writeFileAtomic(path, `${JSON.stringify(all, null, 2)}\n`);
}

/** Puts those of these segments that are not there as they are here; gives how many were put. The caller holds the part `shards`. */
export async function copySegments(
  corpusDir: string,
  place: string,
  segments: Iterable<number>,
  signal?: AbortSignal,
): Promise<number> {
  const all = copiedOf(corpusDir);
  const known: Copied = all.find((one) => one.place === place) ?? { place, segments: {} };
  if (!all.includes(known)) all.push(known);
  // Before anything is there: what is taken down later has to be found.
  note(corpusDir, all);
  const blobs = await openBlobs(place);
  let put = 0;
  for (const name of [...segments].map(segmentName).sort()) {
    signal?.throwIfAborted();
    const file = join(corpusDir, 'raw', name);
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) {
      await blobs.remove([name], signal);
      delete known.segments[name];
      note(corpusDir, all);
      continue;
    }
    const { size: bytes, mtimeMs: changedAtMs } = stats;
    const was = known.segments[name];
    let facts = await blobs.facts(name, signal);
    if (was?.bytes === bytes && was.changedAtMs === changedAtMs && was.version === facts?.version) continue;
    if (facts === null || !(await blobs.holds(facts, file))) {
      known.segments[name] = { bytes, changedAtMs, version: '' };
      note(corpusDir, all);
      facts = await blobs.putFile(name, file, { signal });
      put += 1;
    }
    known.segments[name] = { bytes, changedAtMs, version: facts!.version };
    note(corpusDir, all);
  }
  return put;
}

/** Where segments were put. */
export const copiedPlaces = (corpusDir: string): string[] => copiedOf(corpusDir).map(({ place }) => place);

export interface CopyAgainOptions extends Waiting {
  /** Does it for one place, which may be away. */
  readonly at?: (place: string, work: () => Promise<unknown>) => Promise<unknown>;
  /** Places that are gone for good: they are forgotten. */
  readonly gone?: ReadonlySet<string>;
}

/** Brings what was put, wherever that was, to what is here, after pictures were taken down. Waits for who writes shards. */
export async function copySegmentsAgain(
  corpusDir: string,
  { at = (_, work) => work(), gone = new Set(), ...waiting }: CopyAgainOptions = {},
): Promise<void> {
  if (copiedOf(corpusDir).length === 0) return;
  const release = await lockPartsInTurn(corpusDir, ['shards'], waiting);
  try {
    const left = copiedOf(corpusDir).filter(({ place }) => !gone.has(place));
    note(corpusDir, left);
    for (const { place, segments } of left) {
      const numbers = Object.keys(segments).map((name) => Number.parseInt(name, 10));
      await at(place, () => copySegments(corpusDir, place, numbers, waiting.signal));
      waiting.signal?.throwIfAborted();
    }
    note(
      corpusDir,
      copiedOf(corpusDir).filter(({ segments }) => Object.keys(segments).length > 0),
    );
  } finally {
    release();
  }
}
