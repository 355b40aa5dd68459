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
  /** Number of the first image: what a later crawl adds to a corpus that has those before. */
  readonly first?: number;
  /** Enters the images last to first: as another order of workers would. */
  readonly backwards?: boolean;
}

export const smallUrl = (i: number) => `https://site.example/${i}.jpg`;
export const smallText = (i: number) => `A square of colour number ${i}`;
export const smallId = (i: number) => pairId(smallUrl(i), smallText(i));

/** Judges all pairs again by another recipe, which keeps the images with these numbers. */
export function screenSmallCorpus(corpusDir: string, threshold: number, isKept: (i: number) => boolean): void {
  const ledger = Ledger.open(corpusDir);
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: { threshold } }]);
  const rows = ledger.db
    .prepare('SELECT p.id, i.url, i.status, i.reason FROM pairs p JOIN images i ON i.id = p.image_id')
    .all() as { id: string; url: string; status: string; reason: string | null }[];
  const judged = rows.map(({ id, url, status, reason }) => {
    const isOut = !isKept(Number(/(\d+)\.jpg/.exec(url)![1]));
    const verdict = isOut ? ['text/any', 'too-low'] : status === 'success' ? [null, null] : ['download', reason];
    return { id, droppedBy: verdict[0]!, reason: verdict[1]! };
  });
  recordVerdicts(ledger, recipe, judged);
  markFinished(ledger, recipe, true);
  // The recipe asked for last is the current one, by the clock: two calls may fall into one millisecond.
  ledger.db
    .prepare('UPDATE recipes SET judged_at_ms = (SELECT max(judged_at_ms) FROM recipes) + 1 WHERE id = ?')
    .run(recipe);
  ledger.close();
}

/** Writes the corpus and returns the ids of its kept pairs, sorted. */
export async function writeSmallCorpus(corpusDir: string, options: SmallCorpusOptions): Promise<string[]> {
  const { images, failed = 0, sidePx = 32, first = 0, backwards = false } = options;
  const numbers = (from: number, to: number) => {
    const list = Array.from({ length: to - from }, (_, i) => first + from + i);
    return backwards ? list.reverse() : list;
  };
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const page = {
    url: first === 0 ? 'https://site.example/page.html' : `https://site.example/page-${first}.html`,
    status: 'fetched' as const,
    title: 'A page',
    text: 'Some text.',
    fetchedAtMs: 1_700_000_000_000,
    rights: { 'robots.txt': 'allowed' },
  };
  const [name, text] = [smallUrl, smallText];
  ledger.recordPage(
    page,
    numbers(0, images + failed).map((i) => ({ url: name(i), texts: [{ source: 'alt' as const, text: text(i) }] })),
  );
  for (const i of numbers(0, images)) {
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
  for (const i of numbers(images, images + failed)) {
    ledger.recordImage({
      url: name(i),
      status: 'failed_to_download',
      reason: 'http-404',
      fetchedAtMs: 1_700_000_000_000,
    });
  }
  raw.close();
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  const judged = Array.from({ length: images + failed }, (_, at) => ({
    id: smallId(first + at),
    droppedBy: at < images ? null : 'download',
    reason: at < images ? null : 'http-404',
    scores: at < images ? [{ subject: smallId(first + at), rule: 'text/any', score: at / images }] : [],
  }));
  recordVerdicts(ledger, recipe, judged);
  markFinished(ledger, recipe, true);
  ledger.close();
  return judged
    .slice(0, images)
    .map(({ id }) => id)
    .sort();
}
