/** What `lait verify` says of a corpus' own files, before its export: databases that are damaged or do not belong together, segments that are cut. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repairFrontier } from '../crawler/frontier/repair.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { type CorpusPart, corpusParts, lockPart, type Waiting } from '../dataset/corpus-lock.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { leftWithoutLedger, refuseLostLedger } from '../dataset/ledger/lost-ledger.ts';
import { cutSegments, forgetLostPictures } from '../dataset/ledger/lost-pictures.ts';
import { readableDatabases } from '../dataset/ledger/readable.ts';
import { damageOf, salvageLedger } from '../dataset/ledger/salvage.ts';

export interface CorpusReport {
  /** A line for each fault. */
  readonly faults: readonly string[];
  /** A line for each thing that was done. */
  readonly repairs: readonly string[];
}

/** Checks, and with `repair` mends. `onLedger` hears of the ledger, where it can be read. Throws a CorpusBusy when it is to mend what somebody writes. */
export function verifyCorpus(
  corpusDir: string,
  {
    repair,
    onLedger,
    ...waiting
  }: { readonly repair: boolean; readonly onLedger?: (ledger: Ledger) => void } & Waiting,
): Promise<CorpusReport> {
  return withCleanup(async (defer) => {
    const faults: string[] = [];
    const repairs: string[] = [];
    if (!existsSync(join(corpusDir, 'ledger.db'))) {
      if (repair) refuseLostLedger(corpusDir);
      const left = leftWithoutLedger(corpusDir);
      if (left.length > 0) faults.push(`ledger.db: missing, ${left.join(', ')} are there; put it back from a copy`);
      return { faults, repairs };
    }
    const parts: readonly CorpusPart[] = repair ? corpusParts : [];
    for (const part of parts) defer(lockPart(corpusDir, part));
    const readable = await readableDatabases(corpusDir, repair ? [] : ['ledger.db', 'frontier.db']);
    defer(readable.remove);
    const { folder } = readable;
    const damage = damageOf(join(folder, 'ledger.db'));
    if (damage !== null) {
      faults.push(`ledger.db: damaged, ${damage}`);
      if (!repair) return { faults, repairs };
      const { kept, rows } = salvageLedger(corpusDir);
      const saved = Object.entries(rows).map(([table, count]) => `${table} ${count}`);
      repairs.push(`ledger.db: saved rows of ${saved.join(', ')}; the damaged one is ${kept}`);
      repairs.push('pages are read whole at their next visit: `lait crawl --recrawl all` finds anew what they give');
    }
    const ledger = Ledger.openExisting(folder, waiting);
    defer(() => ledger.close());
    const cut = cutSegments(ledger, corpusDir);
    for (const { path, bytes, expectedBytes } of cut) {
      faults.push(
        `${path}: ${bytes === null ? 'missing' : `ends at byte ${bytes}`}, pictures lie up to byte ${expectedBytes}`,
      );
    }
    const lost = repair ? await ledger.writeWhenFree(() => forgetLostPictures(ledger, cut)) : [];
    if (lost.length > 0) repairs.push(`${lost.length} pictures without bytes are to be fetched again`);
    const frontier = repairFrontier(folder, ledger, { repair, lost, isSalvaged: damage !== null });
    faults.push(...frontier.faults);
    if (repair && frontier.faults.length > 0)
      repairs.push('frontier.db: fits ledger.db again; `lait crawl --recrawl due` finds links anew');
    if (frontier.queued > 0) repairs.push(`${frontier.queued} URLs are queued again: \`lait crawl\` fetches them`);
    onLedger?.(ledger);
    return { faults, repairs };
  });
}
