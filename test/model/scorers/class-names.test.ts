import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { classNameRelevance } from '../../../model/scorers/class-names.ts';
import type { ImageFeatures } from '../../../model/scorers/image-features.ts';
import type { TextFeatures } from '../../../model/scorers/text-features.ts';

const names = ['dog', 'cat', 'boat'];
/** An image is the strengths of its three things; a text counts them. */
const imageFeatures: ImageFeatures = {
  name: 'strengths',
  size: 3,
  of: async (images) => images.map((image) => (image.length === 3 ? Float32Array.from(image) : null)),
  dispose: () => {},
};
const textFeatures: TextFeatures = {
  name: 'counts',
  size: 3,
  of: (texts) => texts.map((text) => Float32Array.from(names, (name) => text.split(name).length - 1)),
  dispose: () => {},
};
const weight = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1);

describe('relevance by the names of classes', () => {
  const relevance = classNameRelevance({ names, weight, bias: new Float32Array(3) }, imageFeatures, textFeatures);
  const score = (image: number[], text: string) =>
    relevance.score([{ image: Buffer.from(image), sha256: image.join(), text }]).then(([one]) => one);

  it('is highest for the text that names what the picture shows', async () => {
    const dog = [20, 0, 0];
    assert.ok((await score(dog, 'a dog'))! > 0.9);
    assert.ok((await score(dog, 'a boat'))! < 0);
    const both = [20, 19, 0];
    assert.ok((await score(both, 'a cat and a dog'))! > (await score(both, 'a dog'))!);
  });

  it('gives no score where the picture does not decode, and is named after its classes', async () => {
    assert.equal(await score([1], 'a dog'), null);
    assert.match(relevance.model, /^class-names-[0-9a-f]{12}$/);
    const other = classNameRelevance({ names, weight: weight.map((one) => 2 * one), bias: new Float32Array(3) }, imageFeatures, textFeatures); // biome-ignore format: one line
    assert.notEqual(other.model, relevance.model);
  });
});
