/** What is made on this machine goes to S3 for others: an export, and region features; and again when something is taken down. */
import { existsSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { mirror } from '../dataset/blobs/mirror.ts';
import { isS3, within } from '../dataset/blobs/place.ts';
import { lockPartsInTurn, type Waiting } from '../dataset/corpus-lock.ts';
import { printablePath } from '../dataset/escape.ts';
import { publishExport } from '../dataset/export/publish.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';
import { tell } from './tell.ts';

/** A folder of the corpus and where it was published to. */
const publication = z.strictObject({
  what: z.enum(['shards', 'regions']),
  /** Below the corpus, or a path of its own. */
  folder: z.string(),
  place: z.string().refine(isS3),
});
type Publication = z.infer<typeof publication>;

const publishedName = 'published.json';

/** Publishes shards or features and remembers where. The caller holds no lock of the part: it is waited for. */
export async function publish(corpusDir: string, one: Publication, waiting: Waiting): Promise<void> {
  await holding(corpusDir, one, waiting, () => put(corpusDir, one, waiting.signal));
}

async function holding(corpusDir: string, { what }: Publication, waiting: Waiting, work: () => Promise<unknown>) {
  const release = await lockPartsInTurn(corpusDir, [what], waiting);
  try {
    await work();
  } finally {
    release();
  }
}

async function put(corpusDir: string, one: Publication, signal: AbortSignal | undefined): Promise<void> {
  const progress = startProgress(`Publishing ${one.what}`);
  try {
    // Before anything is there: what is taken down later has to be found.
    remember(corpusDir, one);
    const folder = join(corpusDir, one.folder);
    if (one.what === 'shards') {
      const {
        put: files,
        left,
        removed,
        bytes,
      } = await publishExport(folder, one.place, {
        signal,
        onProgress: ({ files: done, of }) => progress.update({ done, total: of }),
      });
      progress.stop();
      say(one.place, `${count(files)} files put (${megabytes(bytes)})`, left, removed);
    } else {
      // An index names what is in its archive, the rest says what both are.
      const rank = (path: string) => ['.tar', '.index'].indexOf(extname(path)) >>> 0;
      const { put: files, left, removed } = await mirror(folder, one.place, { rank, signal });
      progress.stop();
      say(one.place, `${count(files)} files put`, left, removed);
    }
  } finally {
    progress.stop();
  }
}

const say = (place: string, put: string, left: number, removed: number): void =>
  tell(`${printablePath(place)}: ${put}, ${count(left)} there already, ${count(removed)} removed`);

/** Publishes features beside the shards that they are of: before these are there, nothing says that the place is this corpus'. */
export async function publishRegions(
  corpusDir: string,
  folder: string,
  blobs: string,
  waiting: Waiting,
): Promise<void> {
  const shards = within(blobs, 'shards');
  if (!isPublished(corpusDir, shards)) {
    tell(`Not published, since the shards are not: run lait export, then lait regions, for ${shards}`);
    return;
  }
  await publish(corpusDir, { what: 'regions', folder, place: within(blobs, folder) }, waiting);
}

/** Whether shards of this corpus were published at a place. */
export const isPublished = (corpusDir: string, shards: string): boolean =>
  publications(corpusDir).some(({ what, place }) => what === 'shards' && place === shards);

/** Where something of a corpus was published. */
export const publishedPlaces = (corpusDir: string): string[] => publications(corpusDir).map(({ place }) => place);

/**
 * Publishes again all that was published of a corpus, since what was taken down leaves these places too; waits for who writes it. `at` does
 * it for a place, which may be away; those that are gone for good are forgotten.
 */
export async function publishAgain(
  corpusDir: string,
  {
    at,
    gone,
    ...waiting
  }: Waiting & {
    readonly at: (place: string, work: () => Promise<unknown>) => Promise<unknown>;
    readonly gone: ReadonlySet<string>;
  },
): Promise<void> {
  const known = publications(corpusDir);
  const left = known.filter(({ place }) => !gone.has(place));
  if (left.length < known.length) note(corpusDir, left);
  for (const one of left) {
    if (!existsSync(join(corpusDir, one.folder))) continue;
    // Who is busy is no place that is away.
    await holding(corpusDir, one, waiting, () => at(one.place, () => put(corpusDir, one, waiting.signal)));
  }
}

function publications(corpusDir: string): Publication[] {
  const path = join(corpusDir, publishedName);
  return existsSync(path) ? z.array(publication).parse(JSON.parse(readFileSync(path, 'utf8'))) : [];
}

function remember(corpusDir: string, one: Publication): void {
  const known = publications(corpusDir);
  if (known.some(({ what, folder, place }) => what === one.what && folder === one.folder && place === one.place))
    return;
  note(corpusDir, [...known, one]);
}

function note(corpusDir: string, all: readonly Publication[]): void {
  writeFileAtomic(join(corpusDir, publishedName), `${JSON.stringify(all, null, 2)}\n`);
}
