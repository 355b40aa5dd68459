/** `lait labels`: what people said of pairs in the workbench, as a file and as the precision of each rule. */
import { join } from 'node:path';
import { printablePath } from '../dataset/escape.ts';
import { isLabels } from '../dataset/export/own-files.ts';
import { drawSample, type Stratum } from '../dataset/ledger/label-sample.ts';
import { type LabelledPair, labelledPairs, labelsOf } from '../dataset/ledger/labels.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import { currentRecipe, judgingOrder } from '../dataset/ledger/recipes.ts';
import { countTakenDown, rememberReport } from '../dataset/ledger/reports.ts';
import { expected, type UserError } from '../dataset/user-error.ts';
import { type Precision, precisionOf, type Share } from '../filters/precision.ts';
import type { LabelsExportFlags, LabelsPrecisionFlags } from './call-flags.ts';
import { type CorpusContext, type Nothing, sayWaiting } from './command.ts';
import { checkOutFile, writeOutFile } from './out-file.ts';
import { count, table } from './table.ts';
import { tell } from './tell.ts';

export async function exportLabels(context: CorpusContext<LabelsExportFlags>): Promise<void> {
  const { corpusDir, flags, signal, print } = context;
  const { seed, each, out = join(corpusDir, 'labels.jsonl'), ...others } = flags;
  others satisfies Nothing;
  checkOutFile(out, { what: 'labels of lait', isOne: isLabels });
  const { ledger, isCopy, close } = await openLedgerToRead(corpusDir, { signal, onWait: sayWaiting });
  try {
    let lines = labelLines(ledger, { seed, each });
    if (lines.length === 0) throw noLabels(corpusDir);
    await ledger.writeWhenFree(() => rememberReport(ledger, corpusDir, out));
    // A takedown deletes labels when it has removed all the rest: those that it did not see are written anew.
    for (let before = -1, now = countTakenDown(ledger); now !== before; ) {
      before = now;
      lines = labelLines(ledger, { seed, each });
      writeOutFile(out, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
      now = countTakenDown(ledger);
    }
    print({ path: out, labels: lines.length }, () => `Wrote ${count(lines.length)} labels to ${printablePath(out)}`);
    if (isCopy)
      tell('lait: the corpus cannot be written, so it does not know of this file: a takedown will not delete it.');
  } finally {
    close();
  }
}

/** The labels as they are now, each with its pair. */
function labelLines(ledger: Ledger, { seed, each }: { readonly seed: number; readonly each: number }) {
  const strata = drawSample(ledger, { seed, each });
  const precision = precisionFrom(ledger, strata);
  const weights = new Map([precision.kept, ...precision.rules].map(({ verdict, weight }) => [verdict, weight]));
  const sampled = new Map(strata.flatMap(({ verdict, ids }) => ids.map((id) => [id, verdict] as const)));
  return labelledPairs(ledger).map((pair) => lineOf(pair, seed, sampled, weights));
}

/** A line of the file; docs/columns.md says what each means. */
function lineOf(
  { id, label, labelledAtMs, url, pageUrl, text, source, language, sha256, verdict, droppedBy, reason }: LabelledPair,
  seed: number,
  sampled: ReadonlyMap<string, string>,
  weights: ReadonlyMap<string, number | null>,
) {
  const stratum = sampled.get(id) ?? null;
  return {
    ...{ uid: id, label, url, page_url: pageUrl, text, text_source: source, language, sha256 },
    ...{ verdict, dropped_by: droppedBy, reason, labelled_at: new Date(labelledAtMs).toISOString() },
    ...{ seed, stratum, weight: stratum === null || label === 'skipped' ? null : (weights.get(stratum) ?? null) },
  };
}

export async function labelsPrecision(context: CorpusContext<LabelsPrecisionFlags>): Promise<void> {
  const { corpusDir, flags, signal, print } = context;
  const { seed, each, ...others } = flags;
  others satisfies Nothing;
  const { ledger, close } = await openLedgerToRead(corpusDir, { signal, onWait: sayWaiting });
  try {
    const precision = precisionFrom(ledger, drawSample(ledger, { seed, each }));
    if ([precision.kept, ...precision.rules].every(({ labelled }) => labelled === 0)) throw noLabels(corpusDir);
    print(precision, () => precisionTable(precision));
  } finally {
    close();
  }
}

const precisionFrom = (ledger: Ledger, strata: readonly Stratum[]): Precision =>
  precisionOf(
    strata,
    labelsOf(ledger),
    judgingOrder(currentRecipe(ledger)?.rules ?? []).map(({ name }) => name),
  );

const noLabels = (corpusDir: string): UserError =>
  expected('labels of pairs', corpusDir, 'none', 'make some in `lait view --edit`');

function precisionTable({ kept, ofKept, rules }: Precision): string {
  const header = ['verdict', 'pairs', 'labelled', 'weight', 'fit', 'right to drop', 'fits, of what it lets through'];
  const row = ({ verdict, size, labelled, weight, counts }: Precision['kept'], ...shares: (Share | null)[]) => [
    verdict,
    count(size),
    count(labelled),
    weight === null ? '' : String(Number(weight.toPrecision(3))),
    count(counts.fits),
    ...shares.map((share) => (share === null ? '' : shareWords(share))),
  ];
  const lines = rules.map((rule) => row(rule, rule.ofDropped, rule.ofStaying));
  return table([header, ...lines, row(kept, null, ofKept)], [0]);
}

const whole = (share: number): string => (100 * share).toFixed(0);

const shareWords = ({ share, low, high }: Share): string => `${whole(share)} % (${whole(low)} to ${whole(high)})`;
