/** `lait takedown`: removes pictures from ledger, raw images, kept pages and shards, and keeps them from coming back. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { openFrontier } from '../crawler/frontier/open.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { lockPartsInTurn } from '../dataset/corpus-lock.ts';
import { printablePath } from '../dataset/escape.ts';
import { takedown as remove, undoTakedown } from '../dataset/export/takedown.ts';
import { readTakedownLists, type TakedownNames } from '../dataset/export/takedown-request.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { TakedownFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, type Print, sayWaiting } from './command.ts';
import { startProgress } from './progress.ts';
import { count, megabytes } from './table.ts';
import { eraseWork, keptByWorkers, openVisits, renewCopies, tellUnknown, tellWorkers } from './takedown-elsewhere.ts';

export async function takedown({ corpusDir, flags, signal, print }: CorpusContext<TakedownFlags>): Promise<void> {
  const { url = [], host = [], sha256 = [], md5 = [], phash = [], distance, list = [], ...rest } = flags;
  const { export: exports = [], undo, note, gone: places = [], ...others } = rest;
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
  if (undo) return takeBack(corpusDir, names, { exports, note, gone: places, signal, print });
  const elsewhere = { corpusDir, signal, onWait: sayWaiting, gone: new Set(places) };
  await tellUnknown(elsewhere);
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
        withdraw: async () => (await import('./shared-jobs.ts')).withdrawJobs(elsewhere),
        onProgress: (shard) => {
          shards += 1;
          progress.update({ done: shards, detail: shard });
        },
      },
    );
    await tellWorkers(elsewhere);
    const visits = openVisits(signal);
    const erased = await eraseWork(elsewhere, visits);
    progress.stop();
    if (summary.left.length > 0) process.exitCode = 1;
    else if (!summary.isKnown) process.exitCode = 2;
    const lines = (what: string, places: readonly string[]): string[] =>
      places.map((place) => `  ${what}: ${printablePath(place)}`);
    const end = summary.isKnown
      ? 'A search through raw images, kept pages, vectors and shards finds nothing of it.'
      : 'The corpus has nothing of what was named; if it comes, it is refused from now on.';
    const unreached = [...summary.unreached, ...(await keptByWorkers(corpusDir))];
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
    await renewCopies(elsewhere, visits);
  } finally {
    progress.stop();
  }
}

/** Lets what was taken down be crawled again. */
async function takeBack(
  corpusDir: string,
  names: TakedownNames,
  {
    exports,
    note,
    gone,
    signal,
    print,
  }: {
    readonly exports: readonly string[];
    readonly note: string | undefined;
    readonly gone: readonly string[];
    readonly signal: AbortSignal;
    readonly print: Print;
  },
): Promise<void> {
  const needless = note !== undefined ? 'note' : exports.length > 0 ? 'export' : gone.length > 0 ? 'gone' : null;
  if (needless !== null) throw new UserError(`--${needless} has no effect with --undo; leave it out, or change that.`);
  await withCleanup(async (defer) => {
    const waiting = { signal, onWait: sayWaiting };
    defer(await lockPartsInTurn(corpusDir, ['crawl'], waiting));
    const { tombstones, images, pages } = await undoTakedown({ corpusDir, ...names }, waiting);
    if (tombstones === 0)
      throw expected('something that was taken down', 'undo', 'what never was', 'see lait ledger explain');
    await tellWorkers({ corpusDir, ...waiting });
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
