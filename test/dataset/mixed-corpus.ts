/**
 * A screened corpus whose pictures are of every format that browsers show, and whose columns are mostly empty: scores, columns of
 * lists and texts that the first samples lack and later ones have. What a loader that learns from the first samples gets wrong.
 */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { markFinished, recipeId } from '../../dataset/ledger/recipes.ts';
import { recordVerdicts } from '../../dataset/ledger/verdicts.ts';
import { pairId } from '../../dataset/pair.ts';

const formats = ['png', 'jpeg', 'webp', 'gif', 'avif'] as const;
const whenMs = 1_700_000_000_000;

/** Writes the corpus: of every five images one a format, one without a text, failures too. Gives the number of images. */
export async function writeMixedCorpus(corpusDir: string, images = 40): Promise<number> {
  const ledger = Ledger.open(corpusDir);
  const raw = openRawStore(corpusDir);
  const numbers = Array.from({ length: images }, (_, i) => i);
  const urlOf = (i: number) => `https://site.example/${i}`;
  const textOf = (i: number) => (i % 7 === 3 ? '' : `A "square", of colour & number ${i} — <b>é</b>`);
  const idOf = (i: number) => pairId(urlOf(i), textOf(i));
  ledger.recordPage(
    {
      url: 'https://site.example/',
      status: 'fetched',
      title: 'A page',
      text: 'Words.',
      fetchedAtMs: whenMs,
      rights: {},
    },
    [...numbers, images].map((i) => ({ url: urlOf(i), texts: [{ source: 'alt' as const, text: textOf(i) }] })),
  );
  for (const i of numbers) {
    const background = { r: (i * 37) % 256, g: (i * 91) % 256, b: (i * 53) % 256 };
    const format = formats[i % formats.length]!;
    const bytes = await sharp({ create: { width: 40 + i, height: 30, channels: 3, background } })
      .toFormat(format)
      .toBuffer();
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = raw.append({ sha256, format: format.replace('jpeg', 'jpg'), bytes });
    const measured = { format, width: 40 + i, height: 30, frames: 1, phash: sha256.slice(0, 16) };
    const stored = { ...measured, byteLength: bytes.length, sha256, ...place };
    ledger.recordImage({ url: urlOf(i), status: 'success', fetchedAtMs: whenMs + i * 1000, stored });
  }
  ledger.recordImage({ url: urlOf(images), status: 'failed_to_download', reason: 'http-404', fetchedAtMs: whenMs });
  raw.close();
  const recipe = recipeId(ledger, [{ name: 'text/any', stage: 'text', settings: {} }]);
  recordVerdicts(
    ledger,
    recipe,
    [...numbers, images].map((i) => ({
      id: idOf(i),
      droppedBy: i === images ? 'download' : null,
      reason: i === images ? 'http-404' : null,
    })),
  );
  markFinished(ledger, recipe, true);
  // A growing export numbers new samples in the order of their ids: all but the last ones lack what the last ones have.
  const last = numbers.map(idOf).sort().slice(-4);
  for (const [at, id] of last.entries()) {
    ledger.db.prepare("UPDATE pairs SET language = 'en', language_score = 0.75 WHERE id = ?").run(id);
    ledger.db.prepare("INSERT INTO scores VALUES (?, 'match/relevance@interop', ?)").run(id, 0.2 + at / 10);
    const columns = { punsafe: 0.125, WIDTH_list: 3 + at, tags: ['a', 'b'], is_art: at % 2 === 0, NSFW: 'UNLIKELY' };
    ledger.db
      .prepare('INSERT INTO list_columns VALUES (?, ?)')
      .run(id, JSON.stringify({ ...columns, tags: '["a","b"]' }));
  }
  ledger.close();
  return images;
}
