/** `lait collect`: brings what workers have found into a corpus folder. */
import { collect as bring, type MissingPictures } from '../crawler/shared/collect.ts';
import { sweepLeftOver } from '../crawler/shared/sweep.ts';
import { countPairs } from '../dataset/ledger/crawled.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { UserError } from '../dataset/user-error.ts';
import type { CollectFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { configFileName } from './config.ts';
import { readConfig } from './config-file.ts';
import { startProgress } from './progress.ts';
import { storeOf } from './store.ts';
import { count, megabytes, table } from './table.ts';
import { openVisits } from './takedown-elsewhere.ts';

export async function collect({ corpusDir, flags, signal, print }: CorpusContext<CollectFlags>): Promise<void> {
  const { without = [], sweep, ...others } = flags;
  others satisfies Nothing;
  const config = readConfig(corpusDir);
  const url = storeOf(config, corpusDir);
  const { blobs } = config;
  if (sweep && blobs === undefined) {
    throw new UserError(`--sweep has no effect without blobs in ${configFileName}; leave it out, or change that.`);
  }
  const ledger = Ledger.open(corpusDir, { signal, onWait: sayWaiting });
  const progress = startProgress('Collecting');
  const visits = openVisits(signal);
  try {
    const { missing, ...summary } = await bring(
      { corpusDir, url, without, blobs },
      {
        ledger,
        signal,
        at: visits.at,
        onProgress: (done, total) => progress.update({ done, total, detail: 'batches' }),
      },
    );
    const swept = sweep && !signal.aborted ? await sweepLeftOver({ url, blobs: blobs! }, signal) : null;
    progress.stop();
    const { batches, pages, images, lost, queued } = summary;
    const pairs = countPairs(ledger);
    const rows = [
      ['new batches', count(batches)],
      ['pages read', count(pages)],
      ['images', count(images)],
      ['pictures lost', lost > 0 ? `${count(lost)}: \`lait retry --reason picture-lost\` fetches them again` : ''],
      ['pairs', `${count(pairs)} in the corpus`],
      ['still queued', queued > 0 ? `${count(queued)} URLs: workers go on with them` : ''],
      ['left over', swept ? `${count(swept.segments)} segments of pictures removed (${megabytes(swept.bytes)})` : ''],
    ].filter(([, cell]) => cell !== '') as string[][];
    print({ ...summary, pairs, missing, ...(swept && { swept }) }, () => table(rows, [0, 1]));
    if (missing.length > 0) throw picturesExpected(missing);
    visits.end();
  } finally {
    progress.stop();
    ledger.close();
  }
}

const maxShown = 5;

/** What is missing to be collected whole. */
export function picturesExpected(missing: readonly MissingPictures[]): UserError {
  const shown = missing
    .slice(0, maxShown)
    .map(
      ({ worker, part, machine, folder, batches }) =>
        `${part} (worker ${worker} of ${machine}:${folder}, ${count(batches)} batches)`,
    );
  const rest = missing.length > maxShown ? ` and ${missing.length - maxShown} more` : '';
  return new UserError(
    `Expected the pictures of every worker but received none, or only a part, in ${shown.join(', ')}${rest}; the others are collected: copy the folders work/ of those machines into this corpus and collect again, or with --without NUMBER where a disk is lost.`,
  );
}
