/** Pictures as the web has them, through the crawler's decoder and the whole recipe: each for the right reason or kept. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import sharp, { type Sharp } from 'sharp';
import { decodeImage } from '../../dataset/image/decode.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { keptSamples } from '../../dataset/ledger/survivors.ts';
import { pairId } from '../../dataset/pair.ts';
import { recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';

const noise = (width: number, height: number): Sharp =>
  sharp({
    create: { width, height, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma: 60 } },
  });

/** Two frames of 320 × 320. */
const animated = async (): Promise<Buffer> => {
  const frames = await noise(320, 640).raw().toBuffer();
  return sharp(frames, { raw: { width: 320, height: 640, channels: 3, pageHeight: 320 } })
    .webp({ delay: [100, 100] })
    .toBuffer();
};
const photograph = () => noise(400, 320).jpeg().toBuffer();

const pictures: Record<string, { bytes: () => Promise<Buffer>; outcome: string }> = {
  'a photograph': { bytes: photograph, outcome: 'keep' },
  'cut short': { bytes: async () => (await photograph()).subarray(0, 9000), outcome: 'download:broken-image' },
  'a page that calls itself a picture': {
    bytes: async () => Buffer.from('<html>not found</html>'),
    outcome: 'download:not-an-image',
  },
  empty: { bytes: async () => Buffer.alloc(0), outcome: 'download:not-an-image' },
  '30,000 pixels wide': {
    bytes: () => noise(30_000, 310).jpeg({ quality: 20 }).toBuffer(),
    outcome: 'image/aspect:too-wide',
  },
  '30,000 × 3,000 pixels': {
    bytes: () =>
      sharp({ create: { width: 30_000, height: 3000, channels: 3, background: '#fff' } })
        .png()
        .toBuffer(),
    outcome: 'download:too-many-pixels',
  },
  'one pixel': { bytes: () => noise(1, 1).png().toBuffer(), outcome: 'image/size:too-small' },
  CMYK: { bytes: () => noise(400, 320).toColourspace('cmyk').jpeg().toBuffer(), outcome: 'keep' },
  '16 bits': { bytes: () => noise(400, 320).toColourspace('rgb16').png().toBuffer(), outcome: 'keep' },
  animated: { bytes: animated, outcome: 'image/animation:animated' },
  GIF: { bytes: () => noise(320, 320).gif().toBuffer(), outcome: 'image/format:is-gif' },
  'on its side by EXIF, which makes it too tall': {
    bytes: () => noise(1000, 310).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    outcome: 'image/aspect:too-tall',
  },
  transparent: {
    bytes: () => noise(400, 320).ensureAlpha(0).png().toBuffer(),
    outcome: 'image/flat:nearly-one-colour',
  },
  'one colour': {
    bytes: () =>
      sharp({ create: { width: 2000, height: 1800, channels: 3, background: '#345' } })
        .jpeg()
        .toBuffer(),
    outcome: 'image/flat:nearly-one-colour',
  },
};

describe('hostile pictures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-hostile-'));
  const ledger = Ledger.open(folder);
  const outcomes = new Map<string, string>();
  const url = (at: number) => `http://site.test/${at}.jpg`;
  const text = (at: number) => `A picture that the museum took in the year ${1900 + at}`;
  before(async () => {
    const raw = openRawStore(folder);
    for (const [at, { bytes: make }] of Object.values(pictures).entries()) {
      ledger.recordPage({ url: `http://site.test/${at}`, status: 'fetched', fetchedAtMs: 1 }, [
        { url: url(at), texts: [{ source: 'alt', text: text(at) }] },
      ]);
      const bytes = await make();
      const measured = await decodeImage(bytes);
      if ('reason' in measured) {
        ledger.recordImage({ url: url(at), status: 'failed_to_download', reason: measured.reason, fetchedAtMs: 2 });
        continue;
      }
      const place = raw.append({ sha256: measured.sha256, format: measured.format, bytes });
      const stored = { ...place, ...measured, byteLength: bytes.length };
      ledger.recordImage({ url: url(at), status: 'success', fetchedAtMs: 2, stored });
    }
    await screen({ ledger, recipe: recipe({ minBytes: 0, maxDuplicateBits: 0 }), raw });
    raw.close();
    const kept = new Set([...keptSamples(ledger)].map(({ id }) => id));
    const why = ledger.db.prepare('SELECT dropped_by AS rule, drop_reason AS reason FROM pairs WHERE id = ?');
    Object.keys(pictures).forEach((name, at) => {
      const id = pairId(url(at), text(at));
      const { rule, reason } = why.get(id) as { rule: string; reason: string };
      outcomes.set(name, kept.has(id) ? 'keep' : `${rule}:${reason}`);
    });
  });
  after(() => {
    ledger.close();
    rmSync(folder, { recursive: true });
  });
  for (const [name, { outcome }] of Object.entries(pictures)) {
    it(`${name} → ${outcome}`, () => assert.equal(outcomes.get(name), outcome));
  }
});
