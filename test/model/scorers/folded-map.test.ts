import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { shortcutFold } from '../../../model/net/objectives/itc.ts';
import { wordSpace } from '../../../model/ranking/word-space.ts';
import type { Detector } from '../../../model/regions/region.ts';
import { foldedMapRelevance, type TrainingImage } from '../../../model/scorers/folded-map.ts';
import type { Checkpoint } from '../../../model/train/checkpoint.ts';
import { config, vocabulary } from '../small-model.ts';

/** Ten subjects, a word and a direction each; an image's bytes are its number, which its features follow from. */
const D = 8;
const words = vocabulary.filter((word) => word.startsWith('word')).slice(0, 10);
const featureOf = (image: number) => {
  const [own, noise] = [random(1, image % 10), random(2, image)];
  return Float32Array.from({ length: D }, () => own.normal() + 0.3 * noise.normal());
};
const detector = {
  name: 'numbers',
  batchSize: 4,
  featureSize: D,
  classes: ['thing'],
  detect: async (images: readonly Buffer[]) =>
    images.map((bytes) => {
      const image = Number(bytes.toString());
      if (Number.isNaN(image)) return null;
      const boxes = Float32Array.of(0, 0, 1, 1);
      return { boxes, labels: Int32Array.of(0), scores: Float32Array.of(1), features: featureOf(image) };
    }),
} as unknown as Detector;
const checkpoint = { config, vocabulary } as Checkpoint;
const id = (image: number) => `image ${image}`;

/** Every seventh image has a wrong word, which belongs to no other image of its subject. */
const wrongWord = (image: number) => words[(image + 5) % 10]!;
const wordOf = (image: number) => (image % 7 === 0 ? wrongWord(image) : words[image % 10]!);
const training = (count: number): TrainingImage[] =>
  Array.from({ length: count }, (_, image) => ({
    imageId: id(image),
    feature: featureOf(image),
    texts: [[vocabulary.indexOf(wordOf(image))]],
  }));
const open = (count: number) =>
  foldedMapRelevance({ checkpoint, detector, training: training(count), space: wordSpace(vocabulary) });
const pair = (image: number, text: string) => ({ image: Buffer.from(String(image)), sha256: id(image), text });

describe('relevance for what a run has learned from', () => {
  it('does not take a wrong text for right because the run has learned it', async () => {
    const relevance = await open(300);
    const wrong = Array.from({ length: 300 }, (_, image) => image).filter((image) => image % 7 === 0);
    const [learned, right] = await Promise.all([
      relevance.score(wrong.map((image) => pair(image, wrongWord(image)))),
      relevance.score(wrong.map((image) => pair(image, words[image % 10]!))),
    ]);
    assert.equal(learned.filter((score, at) => score! >= right[at]!).length, 0);
    relevance.dispose();
  });

  it('asks the map that has not seen the image: another text of that image changes no score of its own', async () => {
    const own = training(300);
    const changed = own.map((one, image) => (image === 3 ? { ...one, texts: [[vocabulary.indexOf(words[9]!)]] } : one));
    const space = wordSpace(vocabulary);
    const scoreBy = async (images: readonly TrainingImage[], image: number) => {
      const relevance = await foldedMapRelevance({ checkpoint, detector, training: images, space });
      return (await relevance.score([pair(image, words[3]!)]))[0]!;
    };
    assert.equal(await scoreBy(changed, 3), await scoreBy(own, 3));
    const elsewhere = Array.from({ length: 300 }, (_, image) => image).find((image) => image % 10 === 3 && shortcutFold(id(image)) !== shortcutFold(id(3)))!; // biome-ignore format: one line
    assert.notEqual(await scoreBy(changed, elsewhere), await scoreBy(own, elsewhere));
  });

  it('has another name where anything that decides a score is another', async () => {
    const space = wordSpace(vocabulary);
    const own = { checkpoint, detector, training: training(60), space };
    const others = [
      own,
      { ...own, detector: { ...detector, name: 'other' } },
      { ...own, detector: { ...detector, settings: { sidePx: 512 } } },
      { ...own, checkpoint: { ...checkpoint, config: { ...config, maxRegions: config.maxRegions - 1 } } },
      { ...own, checkpoint: { ...checkpoint, config: { ...config, maxPieces: config.maxPieces - 1 } } },
    ];
    const names = await Promise.all(others.map(async (one) => (await foldedMapRelevance(one)).model));
    assert.equal(new Set(names).size, others.length);
  });

  it('gives null where the picture does not decode, and refuses too few images', async () => {
    const relevance = await open(120);
    const [broken] = await relevance.score([{ image: Buffer.from('broken'), sha256: 'x', text: words[0]! }]);
    assert.equal(broken, null);
    await assert.rejects(open(39), { name: 'UserError', message: /at least 40 training images/ });
  });
});
