/** What hides a region is part of the graph: that nothing of a hidden feature is left is shown on every way to run one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { type BatchSetup, trainingBatch } from '../../../model/data/batch.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { floatsFromHalves, floatsOf, halvesFromFloats } from '../../../model/runtime/half.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import type { Arrays, Executable, Precision } from '../../../model/runtime/traced-function.ts';
import { pretrainLoss } from '../../../model/train/pretrain.ts';
import { validateFunction } from '../../../model/train/step.ts';
import { batchSetup, config, smallExamples } from '../small-model.ts';

const own = { ...config, contrast: { pooling: 'mean', shortcut: true } as const };
const D = config.featureSize;
const shape = { pairs: 10, pieces: config.maxPieces, regions: config.maxRegions };
// Of two regions in one place, one is hidden with the other without being asked for; the first of an image is the whole of it.
const examples = smallExamples(shape.pairs).map(({ regions, ...rest }) => {
  const boxes = regions.boxes.slice();
  boxes.set([0, 0, 1, 1], 0);
  if (regions.labels.length > 2) boxes.copyWithin(8, 4, 8);
  return { ...rest, regions: { ...regions, boxes, features: halvesFromFloats(regions.features as Float32Array) } };
});
const featureStatistics = {
  mean: Float32Array.from({ length: D }, (_, d) => 0.1 * d),
  scale: Float32Array.from({ length: D }, (_, d) => 1 + 0.1 * d),
};
const setup: BatchSetup = { ...batchSetup, config: own, featureStatistics };
const parameters = parameterSpecs(own, { itc: true });
const draw = random(5);
const values = new Map(
  // Shortcuts start at 0; they are to say something here.
  [...startValues(parameters, 3)].map(([name, array]) => [
    name,
    name.includes('shortcut') ? array.map(() => draw.normal()) : array,
  ]),
);

function open(running: { compiled?: boolean; precision?: Precision; xla?: boolean }): Executable {
  const made = openExecutable({ parameters, functions: { losses: validateFunction(pretrainLoss(setup)) }, ...running });
  made.load(values);
  return made;
}

/** The batch with what `change` makes of the features of regions that it is told of, as halves or as floats. */
function changed(arrays: Arrays, asFloats: boolean, change: (feature: number, region: number) => number): Arrays {
  const features = floatsFromHalves(arrays.features!.values as Uint16Array).map((one, at) =>
    change(one, Math.floor(at / D)),
  );
  return {
    ...arrays,
    features: { shape: arrays.features!.shape, values: asFloats ? features : halvesFromFloats(features) },
  };
}

const ways = [
  { name: 'op by op', compiled: false },
  { name: 'compiled', compiled: true },
  { name: 'bf16', precision: 'bf16' },
  { name: 'bf16 with XLA', precision: 'bf16', xla: true },
] as const;
for (const { name, ...running } of ways) {
  test(`hidden features reach the model through nothing but the answers, ${name}`, () => {
    const model = open(running);
    for (const cleanMatching of [false, true]) {
      const arrays = trainingBatch(examples, shape, { ...setup, cleanMatching }, random(1));
      const shown = arrays[cleanMatching ? 'maskedShown' : 'regionShown']!.values;
      const asked = new Set([...arrays.regionRows!.values].filter((_, at) => arrays.regionCounts!.values[at] === 1));
      const covered = [...shown.keys()].filter((region) => shown[region] === 0);
      const beside = new Set(covered.filter((region) => !asked.has(region)));
      const hidden = new Set(covered.filter((region) => asked.has(region)));
      assert.ok(hidden.size > 3 && beside.size > 0, `${hidden.size} ${beside.size}`);
      const losses = (own: Arrays) => {
        const found = Object.entries(model.run('losses', own)).map(([key, [value]]) => [key, value!] as const);
        return Object.fromEntries(found) as Record<'mlm' | 'moc' | 'mrfr' | 'itm' | 'itc', number>;
      };
      const before = losses(arrays);
      const blind = cleanMatching ? (['mlm', 'moc'] as const) : (['mlm', 'moc', 'itm', 'itc'] as const);
      const other = losses(changed(arrays, false, (one, region) => (hidden.has(region) ? 9 : one)));
      for (const objective of blind) assert.equal(other[objective], before[objective], objective);
      assert.notEqual(other.mrfr, before.mrfr, 'the answer is another');
      if (cleanMatching) for (const objective of ['itm', 'itc'] as const) assert.notEqual(other[objective], before[objective]); // biome-ignore format: one line

      // What is hidden without being asked for changes nothing of the masked objectives at all.
      const unasked = losses(changed(arrays, false, (one, region) => (beside.has(region) ? 9 : one)));
      for (const objective of [...blind, 'mrfr'] as const)
        assert.equal(unasked[objective], before[objective], objective);

      // The error of an answer that the prediction knows nothing of is a square: moved up and down by d, it grows by d² on average.
      const moved = (by: number) =>
        losses(changed(arrays, true, (one, region) => (hidden.has(region) ? one + by : one))).mrfr;
      const squares = featureStatistics.scale.reduce((sum, scale) => sum + scale ** 2, 0) / D;
      const wanted = (hidden.size * squares * 16) / asked.size;
      const grown = (moved(4) + moved(-4)) / 2 - moved(0);
      assert.ok(Math.abs(grown - wanted) < 1e-4 * wanted, `${grown} ${wanted}`);

      // And what is shown does count.
      const seen = losses(
        changed(arrays, false, (one, region) => (shown[region] === 1 && !asked.has(region) ? -one : one)),
      );
      for (const objective of blind) assert.notEqual(seen[objective], before[objective], objective);
    }
    model.dispose();
  });
}

test('halves and the floats that they are give the same losses, standardised as they were in JavaScript', () => {
  const [compiled, eager] = [open({ compiled: true }), open({ compiled: false })];
  const arrays = trainingBatch(examples, shape, setup, random(1));
  const widened = changed(arrays, true, (one) => one);
  const wanted = compiled.run('losses', arrays);
  assert.deepEqual(compiled.run('losses', widened), wanted, 'compiled');
  assert.deepEqual(eager.run('losses', widened), eager.run('losses', arrays), 'op by op');
  const { mean, scale } = featureStatistics;
  const standard = floatsOf(arrays.features!.values as Uint16Array).map(
    (one, at) => (one - mean[at % D]!) * scale[at % D]!,
  );
  const plain = {
    ...arrays,
    features: { shape: arrays.features!.shape, values: standard },
    featureMean: { shape: [D], values: new Float32Array(D) },
    featureScale: { shape: [D], values: new Float32Array(D).fill(1) },
  };
  for (const [name, [loss]] of Object.entries(compiled.run('losses', plain))) {
    assert.ok(Math.abs(loss! - wanted[name]![0]!) <= 1e-6 * Math.abs(loss!), name);
  }
  compiled.dispose();
  eager.dispose();
});

test('images with a feature that is infinite or no number are counted', () => {
  const model = open({ compiled: true });
  const arrays = trainingBatch(examples, shape, setup, random(1));
  const regions = shape.regions;
  for (const [bad, count] of [
    [[], 0],
    [[0], 1],
    [[0, 1], 1],
    [[0, regions, 5 * regions + 1], 3],
  ] as const) {
    // biome-ignore format: one line
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const own = changed(arrays, false, (one, region) => ((bad as readonly number[]).includes(region) ? value : one));
      assert.deepEqual([...model.run('losses', own).notFinite!], [count], `${bad} ${value}`);
    }
  }
  // The largest halves are numbers like any other.
  assert.deepEqual(
    [
      ...model.run(
        'losses',
        changed(arrays, false, () => 65_504),
      ).notFinite!,
    ],
    [0],
  );
  model.dispose();
});
