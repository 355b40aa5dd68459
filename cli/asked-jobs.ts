/**
 * That jobs were asked for and not all taken over, or pairs handed out to be judged: a file for each set below `asked/`, written by who holds
 * the set's part of the corpus, with all places where something of it may lie.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { type JobSet, jobKinds } from '../crawler/shared/jobs.ts';
import { writeFileAtomic } from '../dataset/atomic-file.ts';
import { within } from '../dataset/blobs/place.ts';
import { makeFolder } from '../dataset/make-folder.ts';

const askedAt = z.strictObject({
  /** The store, without a password. */
  store: z.string(),
  /** What `blobs` was; null for the corpus folder itself, which may be moved. */
  blobs: z.string().nullable(),
});
/** Where jobs were asked for. */
export type AskedAt = z.infer<typeof askedAt>;

const asked = z.strictObject({ kind: z.enum([...jobKinds, 'filter']), set: z.string(), at: z.array(askedAt) });
type Asked = z.infer<typeof asked>;
/** Jobs, or the pairs of a filter: these lie in the store alone. */
export type AskedSet = Omit<Asked, 'at'>;

/** The pairs that a ledger has handed out. */
export const pairsOf = (ledgerId: string): AskedSet => ({ kind: 'filter', set: `${ledgerId}/pairs` });

export const isJobSet = (set: AskedSet): set is JobSet => set.kind !== 'filter';

const folderOf = (corpusDir: string): string => join(corpusDir, 'asked');
const pathOf = (corpusDir: string, { kind, set }: AskedSet): string =>
  join(folderOf(corpusDir), `${kind}-${basename(set)}.json`);

const read = (path: string): Asked => asked.parse(JSON.parse(readFileSync(path, 'utf8')));
const isSame = (a: AskedAt, b: AskedAt): boolean => a.store === b.store && a.blobs === b.blobs;

/** All sets that were asked for, and where. */
export function askedJobs(corpusDir: string): Asked[] {
  const folder = folderOf(corpusDir);
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  return names.filter((name) => name.endsWith('.json')).map((name) => read(join(folder, name)));
}

/** Where something of jobs is: the stores, and the places of their plans. */
export const askedPlaces = (corpusDir: string): string[] =>
  askedJobs(corpusDir).flatMap(({ at, ...set }) =>
    at.flatMap((one) => [one.store, ...(isJobSet(set) ? [plansAt(one, corpusDir)] : [])]),
  );

/** Where the plans of jobs lie. */
export const plansAt = ({ blobs }: AskedAt, corpusDir: string): string => within(blobs ?? corpusDir, 'jobs');

const placesOf = (path: string): AskedAt[] => (existsSync(path) ? read(path).at : []);

function write(path: string, { kind, set }: AskedSet, at: AskedAt[]): void {
  makeFolder(dirname(path));
  if (at.length === 0) rmSync(path, { force: true });
  else writeFileAtomic(path, `${JSON.stringify({ kind, set, at } satisfies Asked)}\n`);
}

/** Before anything is put there: what is taken down later has to be found. */
export function rememberAsked(corpusDir: string, set: AskedSet, at: AskedAt): void {
  const path = pathOf(corpusDir, set);
  write(path, set, [...placesOf(path).filter((one) => !isSame(one, at)), at]);
}

/** When nothing is left there. */
export function forgetAsked(corpusDir: string, set: AskedSet, at: AskedAt): void {
  const path = pathOf(corpusDir, set);
  write(
    path,
    set,
    placesOf(path).filter((one) => !isSame(one, at)),
  );
}
