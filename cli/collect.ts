/** `lait collect`: brings what workers have found into a corpus folder. */
import { collect as bring } from '../crawler/shared/collect.ts';
import { countPairs } from '../dataset/ledger/crawled.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { type CorpusContext, sayWaiting } from './command.ts';
import { readConfig } from './config-file.ts';
import { startProgress } from './progress.ts';
import { storeOf } from './store.ts';
import { count, table } from './table.ts';

export async function collect({ corpusDir, signal, print }: CorpusContext): Promise<void> {
  const url = storeOf(readConfig(corpusDir), corpusDir);
  const ledger = Ledger.open(corpusDir, { signal, onWait: sayWaiting });
  const progress = startProgress('Collecting');
  try {
    const { pages, images, batches, queued } = await bring(
      { corpusDir, url },
      { ledger, signal, onProgress: (done, total) => progress.update({ done, total, detail: 'batches' }) },
    );
    progress.stop();
    const pairs = countPairs(ledger);
    const rows = [
      ['new batches', count(batches)],
      ['pages read', count(pages)],
      ['images', count(images)],
      ['pairs', `${count(pairs)} in the corpus`],
      ['still queued', queued > 0 ? `${count(queued)} URLs: workers go on with them` : ''],
    ].filter(([, cell]) => cell !== '') as string[][];
    print({ batches, pages, images, pairs, queued }, () => table(rows, [0, 1]));
  } finally {
    progress.stop();
    ledger.close();
  }
}
