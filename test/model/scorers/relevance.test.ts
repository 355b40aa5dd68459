import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { tf } from '../../../model/runtime/backend.ts';
import type { ImageFeatures } from '../../../model/scorers/image-features.ts';
import { loadRelevance } from '../../../model/scorers/relevance.ts';
import type { TextFeatures } from '../../../model/scorers/text-features.ts';
import { type CaptionedImage, trainRelevance } from '../../../model/scorers/train-relevance.ts';

/** Twenty subjects; an image's features and a text's are the subject's two unrelated directions and noise. */
const subjects = 20;
const direction = (subject: number, kind: number, size: number, noise: number) => {
  const draw = random(subject, kind);
  const blur = random(subject, kind, noise);
  return Float32Array.from({ length: size }, () => draw.normal() + 0.3 * blur.normal());
};
const imageFeatures: ImageFeatures = {
  name: 'subjects',
  size: 24,
  of: async (images) =>
    images.map((image) => {
      const [subject, noise] = image.toString().split(' ').map(Number) as [number, number];
      return Number.isNaN(subject) ? null : direction(subject, 1, 24, noise);
    }),
  dispose: () => {},
};
const textFeatures: TextFeatures = {
  name: 'subjects',
  size: 16,
  of: (texts) =>
    texts.map((text) => {
      const [subject, noise] = text.split(' ').map(Number) as [number, number];
      return direction(subject, 2, 16, noise);
    }),
  dispose: () => {},
};
const examples = (from: number, count: number): CaptionedImage[] =>
  Array.from({ length: count }, (_, at) => ({
    image: Buffer.from(`${at % subjects} ${from + at}`),
    text: `${at % subjects} ${from + at}`,
  }));

describe('relevance', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lait-relevance-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const train = (out: string, more = {}) =>
    trainRelevance({
      examples: examples(0, 200),
      imageFeatures,
      textFeatures,
      out,
      ...more,
    });

  it('scores a text of the same subject above others, for images never seen', async () => {
    const out = join(folder, 'relevance.safetensors');
    const summary = await train(out);
    assert.deepEqual([summary.images, summary.texts, summary.undecodable], [200, 200, 0]);
    const relevance = loadRelevance(out, imageFeatures, textFeatures);
    const images = examples(1000, 20);
    const right = await relevance.score(images.map(({ image, text }) => ({ image, sha256: String(image), text })));
    const wrong = await relevance.score(
      images.map(({ image }, at) => ({ image, sha256: String(image), text: `${(at + 1) % subjects} 5` })),
    );
    const bytes = [...images.map(({ image }) => image), Buffer.from('broken')];
    const vectors = [...(await relevance.embed!.images(bytes))];
    const texts = await relevance.embed!.texts(images.map(({ text }) => text));
    relevance.dispose();
    assert.equal(right.filter((score, at) => score! > wrong[at]!).length, images.length);
    assert.equal(vectors.pop(), null);
    // The cosines of vectors rank pairs as the scores do.
    const cosines = texts.map((text, at) => text.reduce((sum, value, place) => sum + value * vectors[at]![place]!, 0));
    const ranked = (values: readonly (number | null)[]) =>
      [...values.keys()].sort((one, other) => values[one]! - values[other]!);
    assert.deepEqual(ranked(cosines), ranked(right));
    assert.ok(Math.abs(Math.hypot(...texts[0]!) - 1) < 1e-5 && Math.abs(Math.hypot(...vectors[0]!) - 1) < 1e-5);
  });

  it('a score is the chance that the text is the own one, where another would be as likely', async () => {
    const relevance = loadRelevance(join(folder, 'relevance.safetensors'), imageFeatures, textFeatures);
    const images = examples(2000, 200);
    const score = (shift: number) =>
      relevance.score(
        images.map(({ image }, at) => ({
          image,
          sha256: String(image),
          text: images[(at + shift) % images.length]!.text,
        })),
      );
    const [right, wrong] = [await score(0), await score(1)];
    relevance.dispose();
    for (const [scores, low, high] of [
      [right, 0.8, 1],
      [wrong, 0, 0.2],
    ] as const) {
      const mean = scores.reduce<number>((sum, one) => sum + one!, 0) / scores.length;
      assert.ok(mean >= low && mean <= high, String(mean));
    }
  });

  it('gives the same file for the same images, and names a model by it', async () => {
    const names: string[] = [];
    for (const from of [0, 0, 300]) {
      const out = join(folder, 'again.safetensors');
      await train(out, { examples: examples(from, 200) });
      names.push(loadRelevance(out, imageFeatures, textFeatures).model);
    }
    assert.equal(names[0], names[1]);
    assert.notEqual(names[0], names[2]);
  });

  it('gives no score where the image does not decode', async () => {
    const relevance = loadRelevance(join(folder, 'relevance.safetensors'), imageFeatures, textFeatures);
    const [none, some] = await relevance.score([
      { image: Buffer.from('broken'), sha256: 'a', text: '1 1' },
      { image: Buffer.from('1 1'), sha256: 'b', text: '1 1' },
    ]);
    assert.equal(none, null);
    assert.equal(typeof some, 'number');
  });

  it('refuses other features, too few images, and stops at the signal without a file', async () => {
    assert.throws(
      () => loadRelevance(join(folder, 'relevance.safetensors'), { ...imageFeatures, name: 'other' }, textFeatures),
      {
        name: 'UserError',
      },
    );
    await assert.rejects(train(join(folder, 'few'), { examples: examples(0, 19) }), { name: 'UserError' });
    await assert.rejects(train(join(folder, 'none'), { signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
    assert.equal(existsSync(join(folder, 'none')), false);
  });

  it('leaves no tensor behind', async () => {
    const before = tf.memory().numTensors;
    const out = join(folder, 'tidy.safetensors');
    await train(out);
    loadRelevance(out, imageFeatures, textFeatures).dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
