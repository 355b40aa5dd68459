import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { imageArrays, textArrays, trainingBatch } from '../../../model/data/batch.ts';
import type { Example } from '../../../model/data/example.ts';
import type { ShapedArray } from '../../../model/runtime/array.ts';
import { allObjectives, batchSetup, config, smallExamples, special } from '../small-model.ts';

const shape = { pairs: 12, pieces: config.maxPieces, regions: config.maxRegions };
const examples = smallExamples(shape.pairs);
const batchOf = (own: readonly Example[], seed = 1) => trainingBatch(own, shape, batchSetup, random(seed));
const values = (arrays: Record<string, ShapedArray>, name: string) => [...(arrays[name] as ShapedArray).values];

test('text is padded after its last [SEP]; long text is cut', () => {
  const arrays = textArrays(
    [
      [7, 8],
      [7, 8, 9, 10, 11],
    ],
    3,
    special,
  );
  assert.deepEqual(arrays.pieces?.shape, [2, 4]);
  assert.deepEqual(values(arrays, 'pieces'), [7, 8, special.sepId, special.padId, 7, 8, 9, special.sepId]);
  assert.deepEqual(values(arrays, 'pieceMask'), [1, 1, 1, 0, 1, 1, 1, 1]);
});

test('a caption of 10,000 words is one row like any other', () => {
  const [first, ...rest] = examples as [Example, ...Example[]];
  const arrays = batchOf([{ ...first, pieces: new Array(10_000).fill(9) }, ...rest]);
  assert.deepEqual(arrays.pieces?.shape, [shape.pairs, shape.pieces + 1]);
});

test('a box carries its area and regions beyond the limit are left out', () => {
  const featureStatistics = { mean: Float32Array.of(1), scale: Float32Array.of(2) };
  const image = {
    boxes: Float32Array.from([0, 0, 0.5, 0.5, 0, 0, 1, 1]),
    labels: Int32Array.of(0, 1),
    confidences: Float32Array.of(1, 1),
    features: Float32Array.of(3, 4),
  };
  const arrays = imageArrays([image], 1, featureStatistics);
  assert.deepEqual(values(arrays, 'boxes'), [0, 0, 0.5, 0.5, 0.25]);
  assert.deepEqual(values(arrays, 'features'), [4]);
});

test('what is hidden reaches the model through nothing but the answers', () => {
  const arrays = batchOf(examples);
  const T = shape.regions + shape.pieces + 3;
  const G = (arrays.regionPlaces as ShapedArray).values.length;
  const places = values(arrays, 'regionPlaces').filter((_, index) => values(arrays, 'regionCounts')[index]);
  const hidden = places.filter((place) => {
    const [row, region] = [Math.floor(place / T), (place % T) - 1];
    const at = (row * shape.regions + region) * config.featureSize;
    return values(arrays, 'features')
      .slice(at, at + config.featureSize)
      .every((one) => one === 0);
  });
  assert.ok(hidden.length > 0.7 * places.length, '90 % of the asked regions lose their feature');

  // Other features in the hidden places, other words under the masks: the same batch but for the answers.
  const masked = values(arrays, 'mlmPlaces').filter((place, index) => {
    const counts = values(arrays, 'mlmCounts')[index];
    const piece = values(arrays, 'pieces')[
      Math.floor(place / T) * (shape.pieces + 1) + (place % T) - 2 - shape.regions
    ];
    return counts && piece === special.maskId;
  });
  const changed = examples.map((example, row) => {
    const features = example.regions.features.slice();
    for (const place of hidden) {
      if (Math.floor(place / T) !== row) continue;
      const from = ((place % T) - 1) * config.featureSize;
      features.fill(99, from, from + config.featureSize);
    }
    const pieces = [...example.pieces];
    for (const place of masked) {
      if (Math.floor(place / T) === row) pieces[(place % T) - 2 - shape.regions] = 59;
    }
    return { ...example, pieces, regions: { ...example.regions, features } };
  });
  const again = batchOf(changed);
  for (const name of Object.keys(arrays)) {
    if (name === 'regionTargets' || name === 'mlmLabels') assert.notDeepEqual(again[name], arrays[name], name);
    else assert.deepEqual(again[name], arrays[name], name);
  }
  assert.equal(values(arrays, 'regionTargets').length, G * config.featureSize);
});

test('answers are asked of true pairs only, and wrong pairs carry the same masks', () => {
  const arrays = batchOf(examples);
  const T = shape.regions + shape.pieces + 3;
  for (const name of ['mlmPlaces', 'regionPlaces']) {
    for (const place of values(arrays, name)) assert.ok(place < shape.pairs * T, `${name} lies in the first half`);
  }
  assert.deepEqual(arrays.features?.shape[0], shape.pairs, 'wrong pairs are made of the same parts');
  assert.deepEqual(values(arrays, 'matched'), [...new Array(12).fill(1), ...new Array(12).fill(0)]);
});

test('the same draw gives the same batch, another draw another', () => {
  assert.deepEqual(batchOf(examples, 5), batchOf(examples, 5));
  assert.notDeepEqual(batchOf(examples, 5), batchOf(examples, 6));
});

test('captions of one image share its place in the contrast', () => {
  const [first, second, ...rest] = examples as [Example, Example, ...Example[]];
  const arrays = trainingBatch(
    [first, { ...second, imageId: first.imageId }, ...rest],
    shape,
    { ...batchSetup, objectives: allObjectives },
    random(1),
  );
  assert.deepEqual(values(arrays, 'sameImage').slice(0, 3), [0.5, 0.5, 0]);
});
