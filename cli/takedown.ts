/** `lait takedown`: removes pictures from ledger, raw images, kept pages and shards, and keeps them from coming back. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openFrontier } from '../crawler/frontier/open.ts';
import { eraseTakenDown } from '../crawler/shared/erase-work.ts';
import { placeOf } from '../crawler/shared/store.ts';
import { openBlobs } from '../dataset/blobs/open.ts';
import { within } from '../dataset/blobs/place.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { lockPartsInTurn } from '../dataset/corpus-lock.ts';
import { printablePath } from '../dataset/escape.ts';
import { takedown as remove, undoTakedown } from '../dataset/export/takedown.ts';
import { readTakedownLists, type TakedownNames } from '../dataset/export/takedown-request.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { copySegmentsAgain } from '../dataset/ledger/raw-copy.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { TakedownFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, type Print, sayWaiting } from './command.ts';
import { readConfig } from './config-file.ts';
import { startProgress } from './progress.ts';
import { publishAgain } from './publish.ts';
import { count, megabytes } from './table.ts';

export async function takedown({ corpusDir, flags, signal, print }: CorpusContext<TakedownFlags>): Promise<void> {
  const { url = [], host = [], sha256 = [], md5 = [], phash = [], distance, list = [], ...rest } = flags;
  const { export: exports = [], undo, note, ...others } = rest;
  others satisfies Nothing;
  const listed = readTakedownLists(list);
  const names: TakedownNames = {
    urls: [...url, ...listed.urls],
    hosts: [...host, ...listed.hosts],
    sha256s: [...sha256, ...listed.sha256s],
    md5s: [...md5, ...listed.md5s],
    phashes: [...phash, ...listed.phashes],
    ...(distance === undefined ? {} : { distance }),
  };
  if (distance !== undefined && names.phashes?.length === 0) {
    throw new UserError('--distance has no effect without --phash; leave it out, or change that.');
  }
  if (undo) return takeBack(corpusDir, names, { exports, note, signal, print });
  for (const folder of exports) {
    if (!existsSync(folder)) throw expected('a folder with an export', 'export', folder, 'check the path');
  }
  const progress = startProgress('Rewriting shards');
  try {
    let shards = 0;
    const summary = await remove(
      { corpusDir, ...names, exports, ...(note === undefined ? {} : { note }) },
      {
        signal,
        onWait: sayWaiting,
        withdraw: async () => (await import('./shared-jobs.ts')).withdrawJobs(corpusDir, signal),
        onProgress: (shard) => {
          shards += 1;
          progress.update({ done: shards, detail: shard });
        },
      },
    );
    // What S3 refuses, all else is done in spite of.
    let refused: unknown = null;
    const erased = await eraseWork(corpusDir, signal).catch((error: unknown) => {
      refused = error;
      return 0;
    });
    progress.stop();
    if (summary.left.length > 0) process.exitCode = 1;
    else if (!summary.isKnown) process.exitCode = 2;
    const lines = (what: string, places: readonly string[]): string[] =>
      places.map((place) => `  ${what}: ${printablePath(place)}`);
    const end = summary.isKnown
      ? 'A search through raw images, kept pages, vectors and shards finds nothing of it.'
      : 'The corpus has nothing of what was named; if it comes, it is refused from now on.';
    const unreached = [...summary.unreached, ...ofWorkers(corpusDir)];
    print({ ...summary, unreached, erasedOfWorkers: erased }, () =>
      [
        `Removed ${count(summary.images)} pictures (${megabytes(summary.bytes)}), ${count(summary.pairs)} pairs, ` +
          `${count(summary.samples)} samples and ${count(summary.pages)} kept pages; ` +
          `${summary.tombstones} new tombstones keep them from coming back.`,
        ...(erased > 0 ? [`  erased where workers have put them: ${count(erased)} pictures in S3`] : []),
        ...lines('rewritten', summary.shardsRewritten),
        ...lines('unfinished, deleted, export again', summary.shardsRemoved),
        ...lines('deleted, its command writes it again', summary.deleted),
        ...lines('not reached, a copy may be elsewhere', unreached),
        ...lines('learned from it, weights stay', summary.learned),
        ...lines('STILL FOUND', summary.left),
        ...(summary.left.length > 0 ? [] : [end]),
      ].join('\n'),
    );
    await publishAgain(corpusDir, signal);
    await copySegmentsAgain(corpusDir, { signal, onWait: sayWaiting });
    if (refused !== null) throw refused;
  } finally {
    progress.stop();
  }
}

/** Erases in S3 what workers of a shared crawl have put there, and returns how many pictures that were. */
async function eraseWork(corpusDir: string, signal: AbortSignal): Promise<number> {
  const { store, blobs } = readConfig(corpusDir);
  if (store === undefined || blobs === undefined) return 0;
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  try {
    return await eraseTakenDown(ledger, await openBlobs(within(blobs, 'work')), signal);
  } finally {
    ledger.close();
  }
}

/** What workers keep of their own: the pictures that they found, and the record of a shared crawl. */
function ofWorkers(corpusDir: string): string[] {
  const { store, blobs } = readConfig(corpusDir);
  const pictures = join(corpusDir, 'work');
  return [
    ...(existsSync(pictures) ? [pictures] : []),
    ...(store && blobs ? [within(blobs, 'work')] : []),
    ...(store === undefined ? [] : [placeOf(store)]),
  ];
}

/** Lets what was taken down be crawled again. */
async function takeBack(
  corpusDir: string,
  names: TakedownNames,
  {
    exports,
    note,
    signal,
    print,
  }: {
    readonly exports: readonly string[];
    readonly note: string | undefined;
    readonly signal: AbortSignal;
    readonly print: Print;
  },
): Promise<void> {
  if (exports.length > 0 || note !== undefined) {
    throw new UserError(
      `--${note === undefined ? 'export' : 'note'} has no effect with --undo; leave it out, or change that.`,
    );
  }
  await withCleanup(async (defer) => {
    const waiting = { signal, onWait: sayWaiting };
    defer(await lockPartsInTurn(corpusDir, ['crawl'], waiting));
    const { tombstones, images, pages } = await undoTakedown({ corpusDir, ...names }, waiting);
    if (tombstones === 0)
      throw expected('something that was taken down', 'undo', 'what never was', 'see lait ledger explain');
    let queued = 0;
    if (existsSync(join(corpusDir, 'frontier.db'))) {
      const ledger = Ledger.openExisting(corpusDir);
      defer(() => ledger.close());
      const frontier = openFrontier(corpusDir, ledger);
      defer(() => frontier.close());
      frontier.atomically(() => {
        queued += images.filter((url) => frontier.requeue(url, 'image')).length;
        queued += pages.filter((url) => frontier.requeue(url, 'page')).length;
      });
    }
    print(
      { tombstones, images, pages, queued },
      () =>
        `Took back ${count(tombstones)} takedowns: ${count(images.length)} pictures may be stored again, ${count(queued)} URLs are queued. ` +
        'What was erased stays erased: `lait crawl --recrawl all` finds it anew.',
    );
  });
}
