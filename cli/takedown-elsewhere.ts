/**
 * What was taken down leaves other places too: where workers of a shared crawl put pictures, what was published, and what was copied for
 * other machines. One that is not reached keeps nobody from the others.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { eraseTakenDown, unnoted } from '../crawler/shared/erase-work.ts';
import { placeOf } from '../crawler/shared/store.ts';
import { tellTakenDownAt } from '../crawler/shared/taken-down.ts';
import { within } from '../dataset/blobs/place.ts';
import { CorpusBusy, type Waiting } from '../dataset/corpus-lock.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { copiedPlaces, copySegmentsAgain } from '../dataset/ledger/raw-copy.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import { forgetWorkPlace, workPlaces } from '../dataset/ledger/work-pictures.ts';
import { UserError } from '../dataset/user-error.ts';
import { askedPlaces } from './asked-jobs.ts';
import { readConfig } from './config-file.ts';
import { publishAgain, publishedPlaces } from './publish.ts';
import { tell } from './tell.ts';

export interface Elsewhere extends Waiting {
  readonly corpusDir: string;
  readonly signal: AbortSignal;
  /** Places that are gone for good: they are forgotten. */
  readonly gone?: ReadonlySet<string>;
}

/** Says of which of these places nothing is known: they are misspelt, or were forgotten by the same command before. */
export async function tellUnknown({ corpusDir, gone = new Set() }: Omit<Elsewhere, 'signal'>): Promise<void> {
  if (gone.size === 0) return;
  const known = [
    (await notedPlaces(corpusDir)).map((place) => place || unnoted),
    publishedPlaces(corpusDir),
    copiedPlaces(corpusDir),
    askedPlaces(corpusDir),
  ].flat();
  const places = known.length === 0 ? 'there is none' : `there are ${[...new Set(known)].join(', ')}`;
  for (const place of gone) {
    if (!known.includes(place)) tell(`lait: --gone ${place}: no takedown looks there; ${places}`);
  }
}

export interface Visits {
  /** Does what is to be done at a place; whether it was reached. */
  at(place: string, work: () => Promise<unknown>): Promise<boolean>;
  /** Throws one line that names all places that were not reached. */
  end(): void;
}

/** Visits of places of which some may be away: why, is told at once. Who is busy writing the corpus is no place that is away. */
export function openVisits(signal: AbortSignal): Visits {
  const faults = new Map<string, UserError>();
  return {
    async at(place, work) {
      try {
        await work();
        return true;
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof UserError) || error instanceof CorpusBusy) throw error;
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

/** Where workers of a shared crawl put pictures by `lait.yaml` as it is now, or put them before the crawl was moved into the folder. */
function workPlace(corpusDir: string): string | undefined {
  const { blobs } = readConfig(corpusDir);
  return blobs && within(blobs, 'work');
}

/** Where workers have put pictures that are collected; '' where that was not noted. */
async function notedPlaces(corpusDir: string): Promise<string[]> {
  if (!existsSync(join(corpusDir, 'ledger.db'))) return [];
  const { ledger, close } = await openLedgerToRead(corpusDir);
  try {
    return workPlaces(ledger);
  } finally {
    close();
  }
}

/**
 * Workers of a shared crawl ask for nothing any more that was taken down. Where the store is away, which is told, they hear of it by the
 * next takedown or collection.
 */
export async function tellWorkers(
  { corpusDir, signal, ...waiting }: Pick<Elsewhere, 'corpusDir' | 'signal' | 'onWait'>,
  say: (line: string) => void = (line) => tell(`lait: ${line}`),
): Promise<void> {
  const { store } = readConfig(corpusDir);
  if (store === undefined || !existsSync(join(corpusDir, 'ledger.db'))) return;
  const ledger = Ledger.openExisting(corpusDir, { ...waiting, signal });
  try {
    await tellTakenDownAt(store, ledger);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof UserError)) throw error;
    say(error.message);
  } finally {
    ledger.close();
  }
}

/** Erases in S3 what workers of a shared crawl have put there, wherever that was, and returns how many pictures that were. */
export async function eraseWork(
  { corpusDir, gone = new Set(), ...waiting }: Elsewhere,
  visits: Visits,
): Promise<number> {
  if (!existsSync(join(corpusDir, 'ledger.db'))) return 0;
  const ledger = Ledger.openExisting(corpusDir, waiting);
  try {
    for (const place of gone) await ledger.writeWhenFree(() => forgetWorkPlace(ledger, place === unnoted ? '' : place));
    return await eraseTakenDown(ledger, { work: workPlace(corpusDir), at: visits.at, signal: waiting.signal });
  } finally {
    ledger.close();
  }
}

/** Publishes and copies again what was before; throws one line that names all places that were not reached, those of `visits` too. */
export async function renewCopies(
  { corpusDir, gone = new Set(), ...waiting }: Elsewhere,
  visits: Visits,
): Promise<void> {
  await publishAgain(corpusDir, { ...waiting, at: visits.at, gone });
  await copySegmentsAgain(corpusDir, { ...waiting, at: visits.at, gone });
  visits.end();
}

/** What workers keep of their own: the pictures that they found, and the record of a shared crawl. */
export async function keptByWorkers(corpusDir: string): Promise<string[]> {
  const { store } = readConfig(corpusDir);
  const pictures = join(corpusDir, 'work');
  const work = workPlace(corpusDir);
  const noted = (await notedPlaces(corpusDir)).map((place) => place || work || unnoted);
  return [
    ...(existsSync(pictures) ? [pictures] : []),
    ...new Set([...noted, ...(store && work ? [work] : [])]),
    ...(store === undefined ? [] : [placeOf(store)]),
  ];
}
