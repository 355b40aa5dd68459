/** `lait report`: the funnel with pictures as one page of HTML. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore } from '../dataset/ledger/raw-store.ts';
import type { ToolContext } from './command.ts';
import { renderReport } from './report/report.ts';

export async function report({ corpusDir, options }: ToolContext): Promise<void> {
  const path = typeof options.out === 'string' ? options.out : join(corpusDir, 'report.html');
  const ledger = Ledger.openExisting(corpusDir);
  const raw = openRawStore(corpusDir);
  try {
    writeFileSync(path, await renderReport(ledger, { raw }));
    console.log(`Wrote ${path}; open it in a browser`);
  } finally {
    raw.close();
    ledger.close();
  }
}
