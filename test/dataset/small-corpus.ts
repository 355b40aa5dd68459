/** A screened corpus of small real JPEGs, made without a crawl: what export tests start from. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { markFinished, recipeId } from '../../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../../dataset/ledger/verdicts.ts';
import { pairId } from '../../dataset/pair.ts';

export interface SmallCorpusOptions {
  readonly images: number;
  /** This many more whose download failed. */
  readonly failed?: number;
  readonly sidePx?: number;
}

/** Writes the corpus and returns the ids of its kept pairs, sorted. */
export async function writeSmallCorpus(corpusDir: string, options: SmallCorpusOptions): Promise<string[]> {
  const { images, failed = 0, sidePx = 32 } = options;
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const page = {
    url: 'https://site.example/page.html',
    status: 'fetched' as const,
    title: 'A page',
    text: 'Some text.',
    fetchedAtMs: 1_700_000_000_000,
    rights: { 'robots.txt': 'allowed' },
  };
  const name = (i: number) => `https://site.example/${i}.jpg`;
  const text = (i: number) => `A square of colour number ${i}`;
  ledger.recordPage(
    page,
    Array.from({ length: images + failed }, (_, i) => ({
      url: name(i),
      texts: [{ source: 'alt' as const, text: text(i) }],
    })),
  );
  for (let i = 0; i < images; i++) {
    const background = { r: (i * 37) % 256, g: (i * 91) % 256, b: (i * 53) % 256 };
    const bytes = await sharp({ create: { width: sidePx + i, height: sidePx, channels: 3, background } })
      .jpeg()
      .toBuffer();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = raw.append({ sha256, format: 'jpg', bytes });
    const measured = { format: 'jpeg', width: sidePx + i, height: sidePx, frames: 1, phash: sha256.slice(0, 16) };
    const stored = { ...measured, byteLength: bytes.length, sha256, ...place };
    ledger.recordImage({ url: name(i), status: 'success', fetchedAtMs: 1_700_000_000_000 + i * 1000, stored });
  }
  for (let i = images; i < images + failed; i++) {
    ledger.recordImage({
      url: name(i),
      status: 'failed_to_download',
      reason: 'http-404',
      fetchedAtMs: 1_700_000_000_000,
    });
  }
  raw.close();
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  const judged = Array.from({ length: images + failed }, (_, i) => ({
    id: pairId(name(i), text(i)),
    droppedBy: i < images ? null : 'download',
    reason: i < images ? null : 'http-404',
    scores: i < images ? [{ subject: pairId(name(i), text(i)), rule: 'text/any', score: i / images }] : [],
  }));
  recordVerdicts(ledger, recipe, judged);
  markFinished(ledger, recipe, true);
  ledger.close();
  return judged
    .slice(0, images)
    .map(({ id }) => id)
    .sort();
}
