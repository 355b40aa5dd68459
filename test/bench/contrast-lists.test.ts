import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OwnedSet, trainingLists } from '../../bench/contrast-lists.ts';
import { random } from '../../dataset/random.ts';
import { itcSize } from '../../model/net/parameters.ts';
import { smallExamples } from '../model/small-model.ts';

/** Images of two texts each, whose embeddings are those of their image with some noise. */
function setOf(count: number) {
  const draw = random(1);
  const unit = (of: number[]) => of.map((one) => one / Math.hypot(...of));
  const images = Array.from({ length: count }, () => unit(Array.from({ length: itcSize }, () => draw.normal())));
  const texts = images.flatMap((image) => [0, 1].map(() => unit(image.map((one) => one + 0.01 * draw.normal()))));
  const examples = smallExamples(count);
  const set: OwnedSet = {
    imageIds: examples.map(({ imageId }) => imageId),
    images: examples.map(({ regions }) => regions),
    texts: texts.map(() => [5]),
    owner: texts.map((_, text) => Math.floor(text / 2)),
  };
  return { set, all: { images: Float32Array.from(images.flat()), texts: Float32Array.from(texts.flat()) } };
}

const none = { scale: 1, share: 0 };
const bank = {
  sha256: '',
  images: new Float32Array(0),
  texts: new Float32Array(0),
  taken: { image: none, text: none },
};

test('training lists are of whole pools, with the indexes of the set', () => {
  const { set, all } = setOf(13);
  const { lists, counts } = trainingLists(set, all, bank, 3, 4);
  assert.deepEqual(counts, { image: 24, text: 12, imageFirst: 24, textFirst: 12, images: 12, texts: 24 });
  for (const { wanted, query, candidates, right } of lists) {
    const isOwn = (one: number) => (wanted === 'image' ? set.owner[query] === one : set.owner[one] === query);
    assert.deepEqual(right, candidates.map(isOwn));
    assert.deepEqual([candidates.length, right[0]], [3, true]);
  }
});

test('fewer than three pools are refused: images would be in their own bank', () => {
  const { set, all } = setOf(11);
  assert.throws(() => trainingLists(set, all, bank, 3, 4), {
    name: 'UserError',
    message: 'Expected at least 12 training images but received 11; take a larger corpus or more --images.',
  });
});
