/**
 * What was taken down leaves other places too: where workers of a shared crawl put pictures, what was published, and what was copied for
 * other machines. One that is not reached keeps nobody from the others.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eraseTakenDown, unnoted } from '../crawler/shared/erase-work.ts';
import { placeOf } from '../crawler/shared/store.ts';
import { within } from '../dataset/blobs/place.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { copiedPlaces, copySegmentsAgain } from '../dataset/ledger/raw-copy.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import { forgetWorkPlace, workPlaces } from '../dataset/ledger/work-pictures.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import { askedPlaces } from './asked-jobs.ts';
import { sayWaiting } from './command.ts';
import { readConfig } from './config-file.ts';
import { publishAgain, publishedPlaces } from './publish.ts';
import { tell } from './tell.ts';

export interface Elsewhere {
  readonly corpusDir: string;
  readonly signal: AbortSignal;
  /** Places that are gone for good: they are forgotten. */
  readonly gone?: ReadonlySet<string>;
}

/** Throws a UserError for a place that nothing of the corpus is known to be at. */
export async function checkGone({ corpusDir, gone = new Set() }: Omit<Elsewhere, 'signal'>): Promise<void> {
  if (gone.size === 0) return;
  const known = [
    await notedPlaces(corpusDir),
    publishedPlaces(corpusDir),
    copiedPlaces(corpusDir),
    askedPlaces(corpusDir),
  ].flat();
  const unknown = [...gone].find((place) => !known.includes(place));
  if (unknown === undefined) return;
  const places = known.length === 0 ? 'there is none' : `there are ${[...new Set(known)].join(', ')}`;
  throw expected('a place that a takedown looks into', '--gone', unknown, places);
}

export interface Visits {
  /** Does what is to be done at a place; whether it was reached. */
  at(place: string, work: () => Promise<unknown>): Promise<boolean>;
  /** Throws one line that names all places that were not reached. */
  end(): void;
}

/** Visits of places of which some may be away: why, is told at once. */
export function openVisits(signal: AbortSignal): Visits {
  const faults = new Map<string, UserError>();
  return {
    async at(place, work) {
      try {
        await work();
        return true;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UserError)) throw error;
        tell(`lait: ${error.message}`);
        faults.set(place, error);
        return false;
      }
    },
    end() {
      if (faults.size === 0) return;
      throw new UserError(
        `Expected what was taken down to leave all places but these were not reached: ${[...faults.keys()].join(', ')}; run the same command again; lait takedown with --gone PLACE says that one is gone for good.`,
        { exitCode: [...faults.values()].some(({ exitCode }) => exitCode === 1) ? 1 : 2 },
      );
    },
  };
}

/** Where workers of a shared crawl put pictures by `lait.yaml` as it is now; null where they put none into S3. */
function workPlace(corpusDir: string): string | null {
  const { store, blobs } = readConfig(corpusDir);
  return store === undefined || blobs === undefined ? null : within(blobs, 'work');
}

/** Where workers have put pictures that are collected. */
async function notedPlaces(corpusDir: string): Promise<string[]> {
  if (!existsSync(join(corpusDir, 'ledger.db'))) return [];
  const { ledger, close } = await openLedgerToRead(corpusDir);
  try {
    return workPlaces(ledger).map((place) => place || unnoted);
  } finally {
    close();
  }
}

/** Erases in S3 what workers of a shared crawl have put there, wherever that was, and returns how many pictures that were. */
export async function eraseWork({ corpusDir, signal, gone = new Set() }: Elsewhere, visits: Visits): Promise<number> {
  if (!existsSync(join(corpusDir, 'ledger.db'))) return 0;
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  try {
    for (const place of gone) await ledger.writeWhenFree(() => forgetWorkPlace(ledger, place === unnoted ? '' : place));
    return await eraseTakenDown(ledger, { work: workPlace(corpusDir) ?? undefined, at: visits.at, signal });
  } finally {
    ledger.close();
  }
}

/** Publishes and copies again what was before; throws one line that names all places that were not reached, those of `visits` too. */
export async function renewCopies({ corpusDir, signal, gone = new Set() }: Elsewhere, visits: Visits): Promise<void> {
  await publishAgain(corpusDir, signal, { at: visits.at, gone });
  await copySegmentsAgain(corpusDir, { signal, onWait: sayWaiting, at: visits.at, gone });
  visits.end();
}

/** What workers keep of their own: the pictures that they found, and the record of a shared crawl. */
export async function keptByWorkers(corpusDir: string): Promise<string[]> {
  const { store } = readConfig(corpusDir);
  const pictures = join(corpusDir, 'work');
  const noted = (await notedPlaces(corpusDir)).filter((place) => place !== unnoted);
  return [
    ...(existsSync(pictures) ? [pictures] : []),
    ...new Set([...noted, workPlace(corpusDir)].filter((place) => place !== null)),
    ...(store === undefined ? [] : [placeOf(store)]),
  ];
}
