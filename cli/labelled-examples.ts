/** Pairs that people labelled in `lait view`, with their pictures: what a relevance model learns from, and what it is tried on. */
import type { Defer } from '../dataset/cleanup.ts';
import { type Label, labelledPairs } from '../dataset/ledger/labels.ts';
import type { Ledger } from '../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../dataset/ledger/raw-store.ts';
import { openLedgerToRead } from '../dataset/ledger/readable.ts';
import { expected } from '../dataset/user-error.ts';
import type { CaptionedImage } from '../model/scorers/train-relevance.ts';

export interface Labelled {
  /** Pairs that fit. */
  fitting(): Generator<CaptionedImage>;
  /** Pairs whose text does not fit their picture. */
  wrong(): Generator<CaptionedImage>;
}

/** Opens the labels of corpora. Throws a UserError for one that has none. */
export async function openLabelled(corpora: readonly string[], defer: Defer): Promise<Labelled> {
  const opened: { ledger: Ledger; raw: RawStore }[] = [];
  for (const corpusDir of corpora) {
    const { ledger, close } = await openLedgerToRead(corpusDir);
    defer(close);
    if (labelledPairs(ledger).length === 0) {
      throw expected('labels of pairs', corpusDir, 'none', 'make some in `lait view --edit`');
    }
    const raw = openRawStore(corpusDir);
    defer(() => raw.close());
    opened.push({ ledger, raw });
  }
  function* labelledAs(label: Label): Generator<CaptionedImage> {
    for (const { ledger, raw } of opened) {
      for (const pair of labelledPairs(ledger)) {
        if (pair.label === label && pair.text !== '') yield { image: raw.read(pair), text: pair.text };
      }
    }
  }
  return { fitting: () => labelledAs('fits'), wrong: () => labelledAs('does-not-fit') };
}
