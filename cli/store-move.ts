/** `lait store move`: a crawl of one machine goes on with many, and one of many on one. */
import { collect } from '../crawler/shared/collect.ts';
import type { Moved } from '../crawler/shared/move.ts';
import { moveIn } from '../crawler/shared/move-in.ts';
import { movedOutTo, moveOut } from '../crawler/shared/move-out.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { expected } from '../dataset/user-error.ts';
import { picturesExpected } from './collect.ts';
import { type CorpusContext, sayWaiting } from './command.ts';
import { configFileName } from './config.ts';
import { readConfig } from './config-file.ts';
import { startProgress } from './progress.ts';
import { storeOf } from './store.ts';
import { count, table } from './table.ts';
import { openVisits } from './takedown-elsewhere.ts';

export async function storeMove({ corpusDir, args, signal, print }: CorpusContext): Promise<void> {
  const [to] = args;
  if (to !== 'shared' && to !== 'embedded') {
    throw expected('shared or embedded', 'lait store move', to, 'say where the crawl goes on');
  }
  const { blobs, ...config } = readConfig(corpusDir);
  const url = storeOf(config, corpusDir);
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  const progress = startProgress('Moving');
  const onProgress = (done: number): void => progress.update({ done, detail: 'URLs' });
  try {
    if (to === 'shared') {
      const moved = await moveIn({ corpusDir, url }, { ledger, onProgress, signal });
      progress.stop();
      print(moved, () => textOf(moved, '`lait work` goes on with it, on each machine'));
      return;
    }
    const before = await movedOutTo(url, ledger);
    if (before !== null) {
      progress.stop();
      print({ isKnown: true, keptIn: before }, () => `It is in the folder already; the store is kept as ${before}.`);
      return;
    }
    const visits = openVisits(signal);
    const { missing } = await collect({ corpusDir, url, blobs }, { ledger, signal, at: visits.at });
    // It says nothing of a signal: some is not in the folder then.
    signal.throwIfAborted();
    if (missing.length > 0) throw picturesExpected(missing);
    const moved = await moveOut({ corpusDir, url }, { ledger, onProgress, signal });
    progress.stop();
    const next = `take store out of ${configFileName}, and \`lait crawl\` goes on with it; the store is kept as ${moved.keptIn}, until you drop it`;
    print(moved, () => textOf(moved, next));
    visits.end();
  } finally {
    progress.stop();
    ledger.close();
  }
}

function textOf({ isKnown, hosts, urls, queued, origins }: Moved, next: string): string {
  const rows = [
    ['hosts', count(hosts)],
    ['URLs', `${count(urls)} known, ${count(queued)} of them wait`],
    ['rules', `of ${count(origins)} files of sites`],
  ];
  return `${isKnown ? 'It was there already:' : 'Moved:'}\n${table(rows, [0, 1])}\n${next}.`;
}
