import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import sharp from 'sharp';
import { funnel } from '../../dataset/ledger/funnel.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore, type RawStore } from '../../dataset/ledger/raw-store.ts';
import { scoresOf } from '../../dataset/ledger/scores.ts';
import { keptSamples } from '../../dataset/ledger/survivors.ts';
import { pairsToJudge } from '../../dataset/ledger/verdicts.ts';
import type { RelevanceScorer } from '../../dataset/scorer.ts';
import { packBatch, unpackBatch } from '../../filters/batch-content.ts';
import { imageBlur, laplacianVariance } from '../../filters/image/blur.ts';
import { greyEntropyBits, imageFlat } from '../../filters/image/flat.ts';
import { imagePhoto } from '../../filters/image/photo.ts';
import { decodePixels } from '../../filters/image/pixels.ts';
import { imageUnsafe } from '../../filters/image/unsafe.ts';
import { type Judged, judgePairs } from '../../filters/judge-pairs.ts';
import { matchRelevance } from '../../filters/match/relevance.ts';
import { type RecipeOptions, recipe } from '../../filters/recipe.ts';
import { screen } from '../../filters/screen.ts';

const noise = (sigma = 60, width = 400, height = 320) =>
  sharp({ create: { width, height, channels: 3, background: '#888', noise: { type: 'gaussian', mean: 128, sigma } } });
const plain = (background: string) => sharp({ create: { width: 400, height: 320, channels: 3, background } });

let folder: string;
let ledger: Ledger;
let raw: RawStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lait-scored-'));
  ledger = Ledger.open(folder);
  raw = openRawStore(folder);
});
afterEach(() => {
  raw.close();
  ledger.close();
  rmSync(folder, { recursive: true });
});

/** A page with one image a name, each with its texts; gives the images' SHA-256. */
function store(images: Readonly<Record<string, { bytes: Buffer; texts: string[] }>>): Record<string, string> {
  const url = (name: string) => `http://site.test/${name}.jpg`;
  ledger.recordPage(
    { url: 'http://site.test/', status: 'fetched', fetchedAtMs: 1 },
    Object.entries(images).map(([name, { texts }]) => ({
      url: url(name),
      texts: texts.map((text) => ({ source: 'alt' as const, text })),
    })),
  );
  const keys: Record<string, string> = {};
  Object.entries(images).forEach(([name, { bytes }], at) => {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    keys[name] = sha256;
    const place = raw.append({ sha256, format: 'jpg', bytes });
    const phash = (1n << BigInt(6 * at)).toString(16).repeat(16).slice(0, 16);
    const stored = {
      ...place,
      format: 'jpg',
      width: 400,
      height: 320,
      frames: 1,
      byteLength: bytes.length,
      sha256,
      phash,
    };
    ledger.recordImage({ url: url(name), status: 'success', fetchedAtMs: 2, stored });
  });
  return keys;
}

const dropped = () =>
  Object.fromEntries(
    funnel(ledger)
      .rows.filter((row) => row.dropped > 0)
      .map(({ rule, reasons }) => [rule, reasons.map(({ reason, count }) => `${reason} ${count}`).join()]),
  );

/** Only what is tested here. */
const options: RecipeOptions = { minBytes: 0, onePairPerImage: false, maxDuplicateBits: null };

describe('pixels', () => {
  it('measures any picture that decodes', async () => {
    const pictures: [string, Buffer, [number, number] | null][] = [
      ['wide', await noise(60, 2560, 160).jpeg().toBuffer(), [256, 16]],
      ['one pixel', await noise(60, 1, 1).png().toBuffer(), [1, 1]],
      ['small', await noise(60, 40, 20).png().toBuffer(), [40, 20]],
      ['30,000 px wide', await plain('#888').resize(30_000, 301, { fit: 'fill' }).jpeg().toBuffer(), [256, 3]],
      [
        'animated',
        await sharp([await noise(60, 40, 20).png().toBuffer(), await noise(30, 40, 20).png().toBuffer()], {
          join: { animated: true },
        })
          .webp()
          .toBuffer(),
        [40, 20],
      ],
      ['CMYK', await noise().toColourspace('cmyk').jpeg().toBuffer(), [256, 205]],
      ['16 bits', await noise().toColourspace('rgb16').png().toBuffer(), [256, 205]],
      ['transparent', await noise().ensureAlpha(0).png().toBuffer(), [256, 205]],
      ['cut short', (await noise().jpeg().toBuffer()).subarray(0, 4000), [256, 205]],
      ['no picture', Buffer.from('<html>not found</html>'), null],
      ['empty', Buffer.alloc(0), null],
    ];
    for (const [name, bytes, size] of pictures) {
      const pixels = await decodePixels(bytes);
      assert.deepEqual(pixels && [pixels.width, pixels.height], size, name);
      if (pixels) assert.equal(pixels.grey.length, pixels.width * pixels.height, name);
    }
  });

  it('entropy and sharpness have known values', () => {
    const pixels = (grey: number[], width: number) => ({
      grey: Uint8Array.from(grey),
      width,
      height: grey.length / width,
    });
    assert.equal(greyEntropyBits(pixels([7, 7, 7, 7], 2)), 0);
    assert.equal(greyEntropyBits(pixels([1, 2, 3, 4], 2)), 2);
    assert.equal(laplacianVariance(pixels([1, 2], 2)), 0);
    // Two inner pixels: 4·10 − 0 = 40 and 4·0 − 10 = −10.
    assert.equal(laplacianVariance(pixels([0, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0], 4)), 625);
  });

  it('judges by the score alone, on both sides of the threshold', () => {
    assert.deepEqual(imageFlat().judge(2.5), { keep: true });
    assert.deepEqual(imageFlat().judge(2.49), { keep: false, reason: 'nearly-one-colour' });
    assert.deepEqual(imageBlur().judge(60), { keep: true });
    assert.deepEqual(imageBlur().judge(59.9), { keep: false, reason: 'blurred' });
    const scorer = { model: 'm', score: async () => [] };
    assert.deepEqual(imageUnsafe(scorer).judge(0.5), { keep: true });
    assert.deepEqual(imageUnsafe(scorer).judge(0.51), { keep: false, reason: 'racy' });
    assert.deepEqual(imageUnsafe(scorer).judge(0.8), { keep: false, reason: 'pornographic' });
    assert.deepEqual(imagePhoto(scorer).judge(0.5), { keep: true });
    assert.deepEqual(imagePhoto(scorer).judge(0.49), { keep: false, reason: 'not-a-photo' });
    assert.deepEqual(matchRelevance(scorer, { minScore: 0.2 }).judge(0.2), { keep: true });
    assert.deepEqual(matchRelevance(scorer, { minScore: 0.2 }).judge(0.19), { keep: false, reason: 'irrelevant' });
    assert.deepEqual(matchRelevance(scorer).judge(-1), { keep: true });
  });
});

describe('screen with scored rules', () => {
  it('drops flat, blurred and undecodable pictures and stores what was measured', async () => {
    const keys = store({
      good: { bytes: await noise().jpeg().toBuffer(), texts: ['A picture of the noise', 'The noise of this night'] },
      flat: { bytes: await plain('#3344aa').jpeg().toBuffer(), texts: ['A picture of the sea'] },
      blurred: { bytes: await noise().blur(3).jpeg().toBuffer(), texts: ['A picture of the fog'] },
      broken: { bytes: Buffer.from('not a picture at all'), texts: ['A picture of the void'] },
    });
    await screen({ ledger, recipe: recipe(options), raw });
    assert.deepEqual(dropped(), { 'image/flat': 'nearly-one-colour 1,undecodable 1', 'image/blur': 'blurred 1' });
    assert.equal(funnel(ledger).kept, 2);
    assert.deepEqual(Object.keys(scoresOf(ledger, keys.good!)), ['image/blur', 'image/flat']);
    assert.deepEqual(Object.keys(scoresOf(ledger, keys.flat!)), ['image/flat']);
    assert.deepEqual(scoresOf(ledger, keys.broken!), {});
  });

  it('opens no image again when a threshold moves', async () => {
    store({
      one: { bytes: await noise().jpeg().toBuffer(), texts: ['A picture of the noise'] },
      two: { bytes: await plain('#3344aa').jpeg().toBuffer(), texts: ['A picture of the sea'] },
    });
    let reads = 0;
    const counted = {
      read: (place: Parameters<RawStore['read']>[0]) => {
        reads += 1;
        return raw.read(place);
      },
    };
    await screen({ ledger, recipe: recipe({ ...options, minSharpness: null }), raw: counted });
    assert.deepEqual([reads, dropped()], [2, { 'image/flat': 'nearly-one-colour 1' }]);
    await screen({ ledger, recipe: recipe({ ...options, minSharpness: null, minEntropyBits: 0 }), raw: counted });
    assert.deepEqual([reads, dropped()], [2, {}]);
    await screen({ ledger, recipe: recipe({ ...options, minSharpness: null, minEntropyBits: 8 }), raw: counted });
    assert.deepEqual([reads, dropped()], [2, { 'image/flat': 'nearly-one-colour 2' }]);
  });

  it('asks a model once an image and once a pair, keeps the most relevant text, and a share of all', async () => {
    const images: number[] = [];
    const pairs: string[] = [];
    const photo = {
      model: 'p1',
      score: async (list: readonly Buffer[]) => {
        images.push(...list.map(({ length }) => length));
        return list.map(() => 0.9);
      },
    };
    const relevance: RelevanceScorer = {
      model: 'r1',
      score: async (list) => {
        pairs.push(...list.map(({ text }) => text));
        return list.map(({ text }) => text.length / 100);
      },
    };
    store({
      one: {
        bytes: await noise().jpeg().toBuffer(),
        texts: ['A picture of the noise', 'The longest text of this noise'],
      },
      two: { bytes: await noise(50).jpeg().toBuffer(), texts: ['Some words for it'] },
    });
    const made = (more: RecipeOptions) => recipe({ ...options, photo, relevance, onePairPerImage: true, ...more });
    await screen({ ledger, recipe: made({}), raw });
    assert.equal(images.length, 2);
    assert.equal(pairs.length, 3);
    const kept = () => [...keptSamples(ledger)].map(({ text }) => text).sort();
    assert.deepEqual(kept(), ['Some words for it', 'The longest text of this noise']);
    await screen({ ledger, recipe: made({ minRelevance: 0.2 }), raw });
    assert.deepEqual(kept(), ['The longest text of this noise']);
    await screen({ ledger, recipe: made({ relevanceShare: 0.5 }), raw });
    assert.deepEqual(dropped(), { 'corpus/relevance-share': 'less-relevant 1', 'corpus/best-text': 'better-text 1' });
    assert.throws(() => made({ likelyRight: true }), { name: 'UserError', message: /whose scores are chances/ });
    await screen({ ledger, recipe: made({ relevance: { ...relevance, isChance: true }, likelyRight: true }), raw });
    assert.deepEqual(dropped(), { 'corpus/likely-right': 'likely-wrong 3' });
    assert.equal(pairs.length, 3);
    await screen({ ledger, recipe: made({ relevance: { ...relevance, model: 'r2' } }), raw });
    assert.equal(pairs.length, 6);
    assert.equal(images.length, 2);
  });

  it('fails where a picture cannot be read, and asks again for one whose bytes are back', async () => {
    const keys = store({ one: { bytes: await noise().jpeg().toBuffer(), texts: ['A picture of the noise'] } });
    const made = (minSharpness = 60) => recipe({ ...options, minSharpness });
    const failing = (code: string) => ({
      read: () => {
        throw Object.assign(new Error(`${code}: read`), { code });
      },
    });
    for (const code of ['EIO', 'EACCES', 'EMFILE']) {
      await assert.rejects(screen({ ledger, recipe: made(), raw: failing(code) }), { code });
    }
    raw.close();
    renameSync(join(folder, 'raw'), join(folder, 'away'));
    for (const isMounted of [false, true]) {
      if (isMounted) mkdirSync(join(folder, 'raw'));
      await assert.rejects(screen({ ledger, recipe: made() }), { name: 'UserError', exitCode: 1, message: /mount it/ });
    }
    // Another segment is there, this one is not.
    writeFileSync(join(folder, 'raw/000001.tar'), '');
    await screen({ ledger, recipe: made() });
    assert.deepEqual(dropped(), { 'image/flat': 'raw-missing 1' });
    renameSync(join(folder, 'away/000000.tar'), join(folder, 'raw/000000.tar'));
    await screen({ ledger, recipe: made() });
    assert.deepEqual(dropped(), {});
    // By another recipe's verdict too: an earlier lait took any error for lost bytes.
    ledger.db.exec(`UPDATE pairs SET dropped_by = 'image/flat', drop_reason = 'raw-missing'; DELETE FROM scores;`);
    await screen({ ledger, recipe: made(50) });
    assert.deepEqual(dropped(), {});
    assert.deepEqual(Object.keys(scoresOf(ledger, keys.one!)), ['image/blur', 'image/flat']);
  });

  /** A model that says how long texts are, and what it was asked for. */
  function lengthScorer() {
    const asked: string[] = [];
    const relevance: RelevanceScorer = {
      model: 'length',
      score: async (list) => {
        asked.push(...list.map(({ text }) => text));
        return list.map(({ image, text }) => image.length + text.length / 100);
      },
    };
    return { asked, relevance };
  }

  it('asks a model again for a pair whose address gives another picture', async () => {
    const { asked, relevance } = lengthScorer();
    const screenAll = () => screen({ ledger, recipe: recipe({ ...options, relevance }), raw });
    const [before, after] = [await noise().jpeg().toBuffer(), await noise(50).jpeg().toBuffer()];
    const texts = ['A picture of the noise'];
    store({ one: { bytes: before, texts }, two: { bytes: await noise(40).jpeg().toBuffer(), texts } });
    await screenAll();
    store({ one: { bytes: after, texts } });
    assert.equal([...keptSamples(ledger)].length, 1);
    assert.deepEqual(ledger.db.prepare(`SELECT count(*) FROM scores WHERE rule LIKE 'match/%'`).pluck().all(), [1]);
    await screenAll();
    assert.equal(asked.length, 3);
    const scores = [...keptSamples(ledger)].map(({ byteLength, scores }) => [byteLength, scores]);
    for (const [bytes, found] of scores) {
      assert.equal((found as Record<string, number>)['match/relevance@length'], (bytes as number) + 0.22);
    }
  });

  it('asks a model again for a text that is cleaned otherwise, here and where batches are judged elsewhere', async () => {
    const { asked, relevance } = lengthScorer();
    const text = 'Figure 3: a picture of the noise';
    store({ one: { bytes: await noise().jpeg().toBuffer(), texts: [text] } });
    const made = (crop: boolean) => recipe({ ...options, crop, relevance });
    const screenAll = (crop: boolean) => screen({ ledger, recipe: made(crop), raw });
    await screenAll(true);
    const [batch] = [...pairsToJudge(ledger, -1)];
    const content = { pairs: batch!, scores: {}, places: {} };
    assert.deepEqual(await unpackBatch(await packBatch(content)), content);
    assert.deepEqual(await judgePairs(batch!, { recipe: made(false), reusable: () => undefined }).then(areOfScores), [false]); // biome-ignore format: one line
    assert.deepEqual(await judgePairs(batch!, { recipe: made(true), reusable: () => undefined }).then(areOfScores), [true]); // biome-ignore format: one line
    await screenAll(false);
    await screenAll(false);
    await screenAll(true);
    assert.deepEqual(asked, ['a picture of the noise', text, 'a picture of the noise']);
    // Cleaned otherwise while no model judges: nothing is left to be taken for the text of now.
    await screen({ ledger, recipe: recipe({ ...options, crop: false }), raw });
    assert.deepEqual(Object.keys([...keptSamples(ledger)][0]!.scores), ['image/blur', 'image/flat']);
  });
});

const areOfScores = (judged: readonly Judged[]): unknown[] =>
  judged.map((one) => ('isTextOfScores' in one ? one.isTextOfScores : one));
