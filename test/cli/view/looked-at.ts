/** A judged corpus of real pictures to look at: sharp, blurred and flat ones, some with two texts, one of them hostile, one gone. */
import { createHash } from 'node:crypto';
import sharp from 'sharp';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../../../dataset/ledger/raw-store.ts';
import { type PictureClass, pairId } from '../../../dataset/pair.ts';
import { random } from '../../../dataset/random.ts';
import { type RecipeOptions, recipe } from '../../../filters/recipe.ts';
import { screen } from '../../../filters/screen.ts';

export const hostileText = `A wren "on" a branch <img src=x onerror="document.title='taken'"> & more`;
export const host = 'birds.example:8080';
export const url = (at: number) => `http://${host}/pictures/${at}.jpg`;
export const text = (at: number) => (at === 3 ? hostileText : `A small bird number ${at} sits on the branch of a tree`);
export const idOf = (at: number) => pairId(url(at), text(at));

/** Noise that is blurred a little more with each number; every seventh is of nearly one colour. */
async function picture(at: number): Promise<Buffer> {
  const draw = random(at + 1);
  const contrast = at % 7 === 6 ? 2 : 200;
  const [width, height] = [400, 320];
  const grey = Uint8Array.from({ length: width * height }, () => 40 + draw.below(contrast));
  return sharp(grey, { raw: { width, height, channels: 1 } })
    .blur(0.3 + at / 10)
    .jpeg({ quality: 95 })
    .toBuffer();
}

const classes: readonly PictureClass[] = ['subject', 'teaser', 'furniture'];

/** What of the recipe matters here. */
export const judging: RecipeOptions = {
  minDominance: 0.4,
  minSharpness: 600,
  minBytes: 0,
  onePairPerImage: false,
  maxDuplicateBits: null,
};

/** Records `count` pictures on two pages, every fourth with a second text, and one that failed. Returns the raw store. */
export async function recordPictures(ledger: Ledger, corpusDir: string, count: number): Promise<RawStore> {
  const raw = openRawStore(corpusDir);
  const numbers = Array.from({ length: count }, (_, at) => at);
  for (const half of [0, 1]) {
    ledger.recordPage(
      {
        url: `http://${host}/page-${half}.html`,
        status: 'fetched',
        title: 'Small birds',
        text: 'Small birds live in the trees of the garden and sing in the morning.',
        fetchedAtMs: 1_700_000_000_000,
        rights: { 'robots.txt': 'allowed' },
      },
      [...numbers, count]
        .filter((at) => at % 2 === half)
        .map((at) => ({
          url: url(at),
          texts: [
            { source: 'alt' as const, text: text(at) },
            ...(at % 4 === 0 ? [{ source: 'caption' as const, text: `${text(at)}, seen from the house` }] : []),
          ],
          dominance: { class: classes[at % 3]!, score: Math.max(0.02, 1 - at / 20), features: '{}' },
        })),
    );
  }
  for (const at of numbers) {
    const bytes = await picture(at);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const place = raw.append({ sha256, format: 'jpg', bytes });
    const measured = { format: 'jpg', width: 400, height: 320, frames: 1, phash: sha256.slice(0, 16) };
    ledger.recordImage({
      url: url(at),
      status: 'success',
      fetchedAtMs: 1_700_000_000_000,
      stored: { ...measured, byteLength: bytes.length, sha256, ...place },
    });
  }
  ledger.recordImage({ url: url(count), status: 'failed_to_download', reason: 'http-404', fetchedAtMs: 1 });
  return raw;
}

/** The corpus as `lait crawl` and `lait filter` would leave it. */
export async function writeLookedAt(
  corpusDir: string,
  { count = 24, options = {} as RecipeOptions } = {},
): Promise<void> {
  const ledger = Ledger.open(corpusDir);
  const raw = await recordPictures(ledger, corpusDir, count);
  await screen({ ledger, recipe: recipe({ ...judging, ...options }), raw });
  raw.close();
  ledger.close();
}
