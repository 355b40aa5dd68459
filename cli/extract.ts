/** `lait extract --again`: reads the kept pages once more. */
import { extractAgain } from '../crawler/extract-again.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { UserError } from '../dataset/user-error.ts';
import type { ExtractFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { startProgress } from './progress.ts';
import { refuseShared } from './store.ts';
import { count } from './table.ts';

export async function extract({ corpusDir, flags, signal, print }: CorpusContext<ExtractFlags>): Promise<void> {
  const { again, ...others } = flags;
  others satisfies Nothing;
  if (!again) throw new UserError('Expected --again for extract but received none; it reads all kept pages once more.');
  refuseShared(corpusDir, 'collect it, take store out of lait.yaml, then run `lait extract` again');
  const ledger = Ledger.openExisting(corpusDir, { signal, onWait: sayWaiting });
  const progress = startProgress('Extracting');
  try {
    const onProgress = (pages: number): void => progress.update({ done: pages, detail: 'pages' });
    const { pages, queued, unread } = await extractAgain({ corpusDir }, { ledger, onProgress, signal });
    progress.stop();
    const left = `\n${count(unread)} kept pages are not read again: a later version of them was read and not kept, their record is broken, reading them costs too much, or has ended the process. They stay as they were.`;
    const none = '\nSet crawl.keepPages, and crawls keep the pages that they read from then on.';
    print(
      { pages, queued, unread },
      () =>
        `Read ${count(pages)} kept pages; ${count(queued)} new images are queued: \`lait crawl\` fetches them.${unread === 0 ? '' : left}${pages === 0 ? none : ''}`,
    );
  } finally {
    progress.stop();
    ledger.close();
  }
}
