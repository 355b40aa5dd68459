/** Takedowns in the workbench: what one would touch, and the same as `lait takedown` does. In threads of their own: both read whole exports. */
import type { CorpusBusy } from '../../dataset/corpus-lock.ts';
import { type TakedownSummary, takedown } from '../../dataset/export/takedown.ts';
import { previewTakedown, type TakedownPreview } from '../../dataset/export/takedown-preview.ts';
import { takedownNamesIn } from '../../dataset/export/takedown-request.ts';
import { type BrowsedPair, browsedColumns } from '../../dataset/ledger/browse.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { UserError } from '../../dataset/user-error.ts';
import { withdrawJobs } from '../shared-jobs.ts';
import { eraseWork, keptByWorkers, openVisits, renewCopies, tellWorkers } from '../takedown-elsewhere.ts';
import { orSentence, type Sentence } from './sentence.ts';

export interface TakedownQuestion {
  readonly corpusDir: string;
  readonly databases: string;
  /** URLs, hosts and hashes, one a line. */
  readonly names: string;
  readonly note?: string;
}

/** Pairs that a preview shows. */
const maxShown = 60;

/** A database is free in a while; who has a part of the corpus may have it for hours, and somebody looks at the page. */
const orBusy =
  (whatIsLeft: string) =>
  (busy: CorpusBusy): void => {
    if (busy.path.endsWith('.db')) return;
    const who = busy.message.replace(/; wait for it to end, or give --wait\.$/, '');
    throw new UserError(`Busy: ${who}. ${whatIsLeft}: take it down again when that has ended.`);
  };
const orBusyBefore = orBusy('What was named does not come any more, but is not removed yet');
const orBusyAfter = orBusy('What was named is removed here, but copies in S3 may have it yet');

/** What would be touched, with some of the pairs. */
export type ShownPreview =
  | (Omit<TakedownPreview, 'pairs'> & { readonly pairs: number; readonly shown: readonly BrowsedPair[] })
  | Sentence;

export const takedownPreview = ({ corpusDir, databases, names }: TakedownQuestion): Promise<ShownPreview> =>
  orSentence(async () => {
    const ledger = Ledger.openReadOnly(databases);
    try {
      const { pairs, ...preview } = await previewTakedown(ledger, {
        corpusDir,
        ...takedownNamesIn(names, 'the names'),
      });
      const select = ledger.statement(
        `SELECT ${browsedColumns} FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.id = ?`,
      );
      const shown = pairs.slice(0, maxShown).flatMap((id) => (select.get(id) as BrowsedPair | undefined) ?? []);
      const unreached = [...preview.unreached, ...(await keptByWorkers(corpusDir))];
      return { ...preview, unreached, pairs: pairs.length, shown };
    } finally {
      ledger.close();
    }
  });

/** Somebody looks at the page: workers of other machines are waited for so long, in ms. They look every two seconds. */
const maxWaitMs = 15_000;

/** What was removed here; `fault` says which other places were not reached, or that not all of them were looked into. */
export type Taken = (TakedownSummary & { readonly fault: string | null }) | Sentence;

export const takeDown = ({ corpusDir, names, note = '' }: TakedownQuestion): Promise<Taken> =>
  orSentence(async () => {
    const { signal } = new AbortController();
    const faults: string[] = [];
    const patience = { maxWaitMs, say: (line: string): void => void faults.push(line) };
    const summary = await takedown(
      { corpusDir, ...takedownNamesIn(names, 'the names'), note },
      { onWait: orBusyBefore, withdraw: () => withdrawJobs({ corpusDir, signal }, patience) },
    );
    await tellWorkers({ corpusDir, signal, onWait: orBusyAfter }, patience.say);
    const done = await orSentence(async () => {
      const [elsewhere, visits] = [{ corpusDir, signal, onWait: orBusyAfter }, openVisits(signal)];
      await eraseWork(elsewhere, visits);
      await renewCopies(elsewhere, visits);
    });
    const unreached = [...summary.unreached, ...(await keptByWorkers(corpusDir))];
    if (done) faults.push(done.error);
    return { ...summary, unreached, fault: faults.length > 0 ? faults.join(' ') : null };
  });
