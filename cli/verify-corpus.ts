/** What `lait verify` says of a corpus' own files, before its export: databases that are damaged or do not belong together, segments that are cut. */
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { repairFrontier } from '../crawler/frontier/repair.ts';
import { withCleanup } from '../dataset/cleanup.ts';
import { type CorpusPart, corpusParts, isOwnShards, lockPart, type Waiting } from '../dataset/corpus-lock.ts';
import { exportRecords } from '../dataset/ledger/exports.ts';
import { Ledger } from '../dataset/ledger/ledger.ts';
import { hasContent, leftWithoutLedger, refuseLostLedger } from '../dataset/ledger/lost-ledger.ts';
import { cutSegments, forgetLostPictures } from '../dataset/ledger/lost-pictures.ts';
import { readableDatabases } from '../dataset/ledger/readable.ts';
import { damageOf, salvageLedger } from '../dataset/ledger/salvage.ts';

export interface CorpusReport {
  /** A line for each fault. */
  readonly faults: readonly string[];
  /** A line for each thing that was done. */
  readonly repairs: readonly string[];
}

/** Checks, and with `repair` mends. Throws a CorpusBusy when it is to mend what somebody writes. */
export function verifyCorpus(
  corpusDir: string,
  { repair, ...waiting }: { readonly repair: boolean } & Waiting,
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
    return { faults, repairs };
  });
}

/** Whether a corpus has a ledger, and no version of an export was ever finished in its own folder. */
export async function hasNoExport(corpusDir: string): Promise<boolean> {
  const records = await exportsOf(corpusDir);
  return records !== null && !records.some(({ folder, version }) => version > 0 && isOwnShards(realpathSync(corpusDir), folder)); // biome-ignore format: one line
}

/** Folders outside of the corpus' own that exports of it went to and that are there. */
export async function exportsElsewhere(corpusDir: string): Promise<string[]> {
  const folders = ((await exportsOf(corpusDir)) ?? []).map(({ folder }) => folder);
  return folders.filter((folder) => !isOwnShards(realpathSync(corpusDir), folder) && existsSync(folder));
}

/** Null where there is no ledger, or a damaged one. */
const exportsOf = (corpusDir: string): Promise<ReturnType<typeof exportRecords> | null> =>
  withCleanup(async (defer) => {
    if (!hasContent(join(corpusDir, 'ledger.db'))) return null;
    const readable = await readableDatabases(corpusDir, ['ledger.db']);
    defer(readable.remove);
    if (damageOf(join(readable.folder, 'ledger.db')) !== null) return null;
    const ledger = Ledger.openExisting(readable.folder);
    defer(() => ledger.close());
    return exportRecords(ledger, corpusDir);
  });
