/** `lait report`: the funnel with pictures as one page of HTML. */
import { basename, join, resolve } from 'node:path';
import { isReport } from '../dataset/export/own-files.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import { countTakenDown, rememberReport } from '../dataset/ledger/reports.ts';
import type { ReportFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { checkOutFile, writeOutFile } from './out-file.ts';
import { type ReportOptions, renderReport } from './report/report.ts';

export async function report({ corpusDir, flags, signal }: CorpusContext<ReportFlags>): Promise<void> {
  const { out: path = join(corpusDir, 'report.html'), ...others } = flags;
  others satisfies Nothing;
  if (flags.out !== undefined) checkOutFile(path, { what: 'a report of lait', isOne: isReport });
  await writeReport({ corpusDir, path, signal });
}

export interface WriteReportOptions extends Pick<ReportOptions, 'tables'> {
  readonly corpusDir: string;
  readonly path: string;
  readonly signal: AbortSignal;
}

/** Writes the page, remembers it for takedowns and says where it is. */
export async function writeReport({ corpusDir, path, signal, tables }: WriteReportOptions): Promise<void> {
  const { ledger, isCopy, close } = await openLedgerToRead(corpusDir, { signal, onWait: sayWaiting });
  const raw = openRawStore(corpusDir);
  const name = basename(resolve(corpusDir));
  try {
    await ledger.writeWhenFree(() => rememberReport(ledger, corpusDir, path));
    // A takedown deletes reports when it has removed all the rest: one that it did not see is written anew.
    for (let before = -1, now = countTakenDown(ledger); now !== before; ) {
      before = now;
      writeOutFile(path, await renderReport(ledger, { name, raw, ...(tables && { tables }) }));
      now = countTakenDown(ledger);
    }
    console.log(`Wrote ${path}; open it in a browser`);
    if (isCopy)
      console.log('The corpus cannot be written, so it does not know of this file: a takedown will not delete it.');
  } finally {
    raw.close();
    close();
  }
}
