import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { imageArrays, textArrays, trainingBatch } from '../../../model/data/batch.ts';
import type { Example } from '../../../model/data/example.ts';
import { type FedArray, isCopied } from '../../../model/runtime/array.ts';
import { floatsFromHalves, halvesFromFloats } from '../../../model/runtime/half.ts';
import type { Arrays } from '../../../model/runtime/traced-function.ts';
import { allObjectives, batchSetup, config, smallExamples, special } from '../small-model.ts';

const shape = { pairs: 12, pieces: config.maxPieces, regions: config.maxRegions };
const examples = smallExamples(shape.pairs);
const batchOf = (own: readonly Example[], seed = 1) => trainingBatch(own, shape, batchSetup, random(seed));
const values = (arrays: Arrays, name: string) => [...arrays[name]!.values];

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
  assert.deepEqual(values(arrays, 'features'), [3]);
  assert.deepEqual([values(arrays, 'featureMean'), values(arrays, 'featureScale')], [[1], [2]]);
});

test('features stay the halves that they were read as, in memory that TensorFlow copies; beside floats they are widened', () => {
  const floats = examples.slice(0, 2).map(({ regions }) => regions);
  const halves = floats.map((regions) => ({
    ...regions,
    features: halvesFromFloats(regions.features as Float32Array),
  }));
  const { features, featureMean } = imageArrays(halves, 3, batchSetup.featureStatistics) as Record<string, FedArray>;
  const row = (regions: (typeof halves)[number]) => {
    const kept = [...regions.features.subarray(0, 3 * config.featureSize)];
    return [...kept, ...new Array<number>(3 * config.featureSize - kept.length).fill(0)];
  };
  assert.ok(features!.values instanceof Uint16Array);
  assert.deepEqual([...features!.values], halves.flatMap(row));
  assert.deepEqual(features!.shape, [2, 3, config.featureSize]);
  assert.ok(isCopied(features!.values));
  // A batch's arrays are handed over to another thread, with their buffers.
  assert.notEqual(featureMean!.values.buffer, batchSetup.featureStatistics.mean.buffer);
  const mixed = imageArrays([floats[0]!, halves[1]!], 3, batchSetup.featureStatistics).features!;
  assert.ok(mixed.values instanceof Float32Array);
  assert.equal(mixed.values[3 * config.featureSize], floatsFromHalves(halves[1]!.features)[0]);
});

test('what is hidden stands in nothing but the answers and the features of regions that are not shown', () => {
  const arrays = batchOf(examples);
  const T = shape.regions + shape.pieces + 3;
  const shown = values(arrays, 'regionShown');
  const asked = values(arrays, 'regionPlaces').flatMap((place, index) =>
    values(arrays, 'regionCounts')[index] ? [Math.floor(place / T) * shape.regions + (place % T) - 1] : [],
  );
  assert.deepEqual(values(arrays, 'regionRows').slice(0, asked.length), asked);
  const hidden = shown.flatMap((one, row) => (one === 0 ? [row] : []));
  assert.ok(hidden.length > 0.7 * asked.length, '90 % of the asked regions lose their feature');

  // Other features and classes in the hidden places, other words under the masks: the same batch but for the answers.
  const masked = values(arrays, 'mlmPlaces').filter((place, index) => {
    const counts = values(arrays, 'mlmCounts')[index];
    const piece = values(arrays, 'pieces')[
      Math.floor(place / T) * (shape.pieces + 1) + (place % T) - 2 - shape.regions
    ];
    return counts && piece === special.maskId;
  });
  const changed = examples.map((example, row) => {
    const [features, labels] = [example.regions.features.slice(), example.regions.labels.slice()];
    for (const place of hidden) {
      if (Math.floor(place / shape.regions) !== row) continue;
      const region = place % shape.regions;
      features.fill(99, region * config.featureSize, (region + 1) * config.featureSize);
      labels[region] = (labels[region]! + 1) % config.classes;
    }
    const pieces = [...example.pieces];
    for (const place of masked) {
      if (Math.floor(place / T) === row) pieces[(place % T) - 2 - shape.regions] = 59;
    }
    return { ...example, pieces, regions: { ...example.regions, features, labels } };
  });
  const again = batchOf(changed);
  for (const name of Object.keys(arrays)) {
    if (['features', 'regionLabels', 'mlmLabels'].includes(name)) assert.notDeepEqual(again[name], arrays[name], name);
    else assert.deepEqual(again[name], arrays[name], name);
  }
  const rows = (own: Arrays) =>
    shown.flatMap((one, row) => one * row * config.featureSize === 0 ? [] : values(own, 'features').slice(row * config.featureSize, (row + 1) * config.featureSize)); // biome-ignore format: one line
  assert.deepEqual(rows(again), rows(arrays), 'features of regions that are shown');
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
