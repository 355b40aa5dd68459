/** `lait import`: COCO, Flickr, WebDataset and parquet sets become shards of a corpus. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { lockPart } from '../dataset/corpus-lock.ts';
import { type ImportSource, importDataset } from '../dataset/import/import.ts';
import type { ImportWriteOptions } from '../dataset/import/imported.ts';
import { importUrlList } from '../dataset/import/url-list.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { takenDownOf } from '../dataset/ledger/tombstones.ts';
import { expected, UserError } from '../dataset/user-error.ts';
import type { ImportFlags } from './call-flags.ts';
import type { CommandContext, KnownTo, Nothing } from './command.ts';
import { startProgress } from './progress.ts';
import { count, splitTable } from './table.ts';

export async function importSet({
  corpusDir,
  settings,
  args,
  flags,
  signal,
  print,
}: CommandContext<'import', ImportFlags>): Promise<void> {
  const [form = '', ...paths] = args;
  const progress = startProgress('Importing samples');
  try {
    if (form === 'urls') {
      const [list = '', ...more] = paths;
      if (more.length > 0) throw expected('one list', 'urls', `${paths.length} paths`, 'import one after another');
      if (!existsSync(list)) throw expected('an existing file', 'urls', list, 'check the path');
      if (statSync(list).isDirectory()) throw expected('a file', 'urls', `the folder ${list}`, 'name one list in it');
      const outFile = join(corpusDir, 'urls.jsonl');
      const { rows, badRows } = await importUrlList(
        { list, outFile },
        { signal, onProgress: (done) => progress.update({ done }) },
      );
      progress.stop();
      print(
        { rows, badRows, outFile },
        () => `${count(rows)} rows (${count(badRows)} unusable); \`lait crawl --urls ${outFile}\` downloads them`,
      );
      return;
    }
    const { name, license, ...shards } = settings;
    shards satisfies KnownTo<ImportWriteOptions, typeof shards>;
    const outDir = join(corpusDir, 'shards');
    const card = { ...(name === undefined ? {} : { name }), ...(license === undefined ? {} : { license }) };
    const source = sourceOf(form, paths, flags);
    const unlock = lockPart(corpusDir, 'shards');
    // What was taken down from this corpus does not come back by an import.
    const ledger = existsSync(join(corpusDir, 'ledger.db')) ? Ledger.open(corpusDir) : null;
    const summary = await importDataset(
      source,
      {
        outDir,
        ...shards,
        card,
        merge: flags.merge,
        ...(ledger && { takenDown: takenDownOf(ledger) }),
      },
      {
        signal,
        onProgress: ({ split, samples, total }) =>
          progress.update({
            done: total,
            detail: `in all, ${samples} of ${split}`,
          }),
      },
    ).finally(() => {
      ledger?.close();
      unlock();
    });
    progress.stop();
    const beside = Object.entries(summary.beside).map(([split, n]) => `${split} ${count(n)}`);
    const failed = Object.entries(summary.failed).map(([reason, n]) => `${reason} ${count(n)}`);
    print(summary, () =>
      [
        splitTable(summary.splits),
        ...(beside.length > 0 ? [`Beside them, of earlier imports: ${beside.join(', ')}`] : []),
        ...(failed.length > 0 ? [`Left out: ${failed.join(', ')}`] : []),
      ].join('\n'),
    );
  } finally {
    progress.stop();
  }
}

function sourceOf(form: string, paths: readonly string[], flags: ImportFlags): ImportSource {
  const [first = '', images = ''] = paths;
  const { split: named, splitFile: lists = [], imageColumn, textColumn, merge: _, ...others } = flags;
  others satisfies Nothing;
  const split = named === undefined ? {} : { split: named };
  const columns = {
    ...(imageColumn === undefined ? {} : { imageColumn }),
    ...(textColumn === undefined ? {} : { textColumn }),
  };
  switch (form) {
    case 'coco':
      twoPaths(form, paths, 'a captions file and an image folder');
      return { from: 'coco', captions: first, images, ...split };
    case 'flickr': {
      twoPaths(form, paths, 'a token file and an image folder');
      const pairs = lists.map(splitAndFile);
      const twice = pairs.map(([name]) => name).find((name, place, names) => names.indexOf(name) !== place);
      if (twice !== undefined)
        throw expected('one list for each split', 'splitFile', `two of ${twice}`, 'join them to one file');
      const splitFiles = Object.fromEntries(pairs);
      return { from: 'flickr', tokens: first, images, ...split, ...(lists.length > 0 ? { splitFiles } : {}) };
    }
    case 'webdataset':
      return { from: 'webdataset', paths, ...split, ...columns };
    case 'parquet':
      return { from: 'parquet', paths, ...split, ...columns };
    default:
      throw new UserError(
        `Expected coco, flickr, webdataset, parquet or urls but received ${form || 'nothing'}; see --help.`,
      );
  }
}

function twoPaths(form: string, paths: readonly string[], what: string): void {
  if (paths.length !== 2)
    throw new UserError(`Expected ${what} after ${form} but received ${paths.length} paths; see --help.`);
}

/** `train=list.txt` as a split and the path of its list. */
function splitAndFile(pair: string): [split: string, file: string] {
  const at = pair.indexOf('=');
  if (at < 1) throw expected('a split and a file', 'splitFile', pair, 'write it as in train=Flickr_8k.trainImages.txt');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
