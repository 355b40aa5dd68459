import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Example } from '../../../model/data/example.ts';
import { memorySource } from '../../../model/data/source.ts';
import { chanceRecalls, recalls } from '../../../model/ranking/recall.ts';
import { triedWeights } from '../../../model/ranking/rerank.ts';
import { evaluateRetrieval, splitImages } from '../../../model/retrieval/evaluate.ts';
import { bestCheckpoint, latestCheckpoint } from '../../../model/train/checkpoint.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { readRerankWeight } from '../../../model/train/rerank-weight.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-evaluate-'));
after(() => rmSync(root, { recursive: true }));

/** Two images; the first has two sentences. */
const [set] = splitImages(
  smallExamples(3).map((example, index) => ({ ...example, imageId: index < 2 ? 'a' : 'b' })),
  1,
) as [ReturnType<typeof splitImages>[0] & object];

const tables: [name: string, table: number[], image: number, text: number][] = [
  ['all right', [9, 8, 1, 2, 3, 7], 1, 1],
  ['one sentence of two finds its image, each image one of its own', [9, 1, 5, 2, 3, 7], 2 / 3, 1],
  ['ties count against the model', [1, 1, 1, 1, 1, 1], 0, 0],
];
for (const [name, table, image, text] of tables) {
  test(`recall at 1: ${name}`, () => {
    const found = recalls(Float32Array.from(table), set.owner);
    assert.deepEqual([found.image.r1, found.text.r1], [image, text]);
  });
}

test('chance counts several sentences of an image', () => {
  const chance = chanceRecalls(set);
  assert.equal(chance.image.r1, 1 / 2);
  assert.ok(Math.abs(chance.text.r1 - (2 / 3 + 1 / 3) / 2) < 1e-9);
  assert.equal(chance.text.r5, 1);
});

test('folds take images in order with all their sentences', () => {
  const folds = splitImages(
    smallExamples(8).map((example, index) => ({ ...example, imageId: `${index >> 1}` })),
    2,
  );
  assert.deepEqual(
    folds.map(({ images, owner }) => [images.length, owner]),
    [
      [2, [0, 0, 1, 1]],
      [2, [0, 0, 1, 1]],
    ],
  );
});

test('a trained model retrieves held-out pairs, by every method and op by op as well', async () => {
  const runDir = join(root, 'run');
  await pretrain({
    runDir,
    source: memorySource(smallExamples(400), 1),
    config: { ...config, dropout: 0 },
    vocabulary,
    detector: 'test',
    steps: 250,
    objectives: allObjectives,
    batchSize: 32,
    learningRate: 3e-3,
  });
  const examples = smallExamples(440).slice(400);
  const results = new Map<string, number>();
  for (const method of ['itm', 'itc', 'rerank'] as const) {
    const progress: number[] = [];
    const result = await evaluateRetrieval(
      { checkpoint: runDir, examples, method, candidates: 40 },
      { onProgress: ({ done, total }) => progress.push(done / total) },
    );
    assert.deepEqual([result.images, result.texts], [40, 40]);
    if (method !== 'itc') assert.equal(progress.at(-1), 1);
    results.set(method, result.imageRetrieval.r10);
  }
  assert.ok(results.get('itc')! > 0.6, `${results.get('itc')}`);
  assert.ok(results.get('rerank')! > 0.6, `${results.get('rerank')}`);
  const auto = await evaluateRetrieval({ checkpoint: runDir, examples, candidates: 40 });
  assert.deepEqual([auto.method, auto.imageRetrieval.r10], ['rerank', results.get('rerank')]);
  const eager = await evaluateRetrieval({ checkpoint: runDir, examples, method: 'itm', compiled: false });
  assert.equal(eager.imageRetrieval.r10, results.get('itm'));
  const half = await evaluateRetrieval({ checkpoint: runDir, examples, method: 'itm', precision: 'bf16' });
  assert.ok(Math.abs(half.imageRetrieval.r10 - eager.imageRetrieval.r10) < 0.1, `${half.imageRetrieval.r10}`);

  await stopsAndGoesOn(runDir, examples);

  await assert.rejects(evaluateRetrieval({ checkpoint: runDir, examples, detector: 'other' }), {
    name: 'UserError',
    message: /Expected test, the checkpoint's for the detector but received other/,
  });
  await assert.rejects(evaluateRetrieval({ checkpoint: runDir, examples: examples.slice(0, 1) }), {
    name: 'UserError',
  });
  await assert.rejects(evaluateRetrieval({ checkpoint: join(root, 'none'), examples }), { name: 'UserError' });
});

test('the weight between contrast and matching is of pairs that are not evaluated', async () => {
  const runDir = join(root, 'weighed');
  const validation = smallExamples(60, 2).slice(20);
  await pretrain({
    ...{ runDir, source: memorySource(smallExamples(60), 1), validation, config, vocabulary, detector: 'test' },
    ...{ steps: 8, evaluateEverySteps: 4, keep: 1, objectives: allObjectives, batchSize: 8, learningRate: 3e-3 },
  });
  const last = latestCheckpoint(runDir)!;
  for (const dir of new Set([last, bestCheckpoint(runDir)!.checkpoint])) {
    const { weight, recall, images, queries } = readRerankWeight(dir)!;
    assert.ok(triedWeights.includes(weight));
    assert.ok(recall.reranked >= recall.contrast, JSON.stringify(recall));
    assert.deepEqual([images.length, queries], [40, 80]);
  }
  const { weight, images } = readRerankWeight(last)!;
  // Of no image that the weight was fitted on: all weights must do the same as this one.
  const others = smallExamples(20, 3).map((one) => ({ ...one, imageId: `other ${one.imageId}` }));
  const evaluate = (examples: readonly Example[], method: 'rerank' | 'itc' = 'rerank') =>
    evaluateRetrieval({ checkpoint: last, examples, method, candidates: 5 });
  const found = await evaluate(others);
  assert.deepEqual(found.rerank, { weights: [weight], fittedOn: 'held-out' });
  const mixed = [...others, { ...others[0]!, imageId: images[0]! }];
  const { rerank } = await evaluate(mixed);
  assert.deepEqual([rerank?.fittedOn, rerank?.why], ['other-half', 'same-images']);
  // Without one, and with one that says contrast alone.
  const file = join(last, 'rerank.json');
  const kept = readFileSync(file, 'utf8');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(kept), weight: 0 }));
  const [alone, byContrast] = [await evaluate(others), await evaluate(others, 'itc')];
  assert.deepEqual([alone.imageRetrieval.r1, alone.textRetrieval.r1], [byContrast.imageRetrieval.r1, byContrast.textRetrieval.r1]); // biome-ignore format: one line
  assert.equal(byContrast.rerank, null);
  writeFileSync(file, '{"weight": "much"}');
  await assert.rejects(evaluate(others), { name: 'UserError', message: /Expected a weight and its images for .*rerank.json but received {"weight": "much"}; remove it/ }); // biome-ignore format: one line
  rmSync(file);
  assert.deepEqual((await evaluate(others)).rerank?.why, 'none');
});

/** An evaluation that is stopped goes on with the scores it has made; scores that were changed meanwhile show it. */
async function stopsAndGoesOn(runDir: string, some: readonly Example[]): Promise<void> {
  const examples = some.flatMap((example) => [example, example]);
  const whole = await evaluateRetrieval({ checkpoint: runDir, examples });
  const logFolder = mkdtempSync(join(root, 'scores'));
  const logs = () => readdirSync(logFolder).map((name) => join(logFolder, name));
  const halfDone = async (): Promise<void> => {
    const controller = new AbortController();
    const watch = { signal: controller.signal, onProgress: () => controller.abort() };
    await assert.rejects(evaluateRetrieval({ checkpoint: runDir, examples, logFolder }, watch), { name: 'AbortError' });
  };
  await halfDone();
  const kept = readFileSync(logs()[0]!);
  const header = kept.indexOf('\n') + 1;
  assert.ok(kept.length > header && kept.length < header + 8 * whole.pairsScored);
  const continued = await evaluateRetrieval({ checkpoint: runDir, examples, logFolder });
  assert.deepEqual({ ...continued, pairsPerSecond: 0 }, { ...whole, pairsPerSecond: 0 }, 'the same as without a stop');
  assert.deepEqual(logs(), []);

  await halfDone();
  for (let at = header + 4; at < kept.length; at += 8) kept.writeFloatLE(99, at);
  writeFileSync(logs()[0]!, kept);
  const changed = await evaluateRetrieval({ checkpoint: runDir, examples, logFolder });
  assert.ok(changed.textRetrieval.r1 < whole.textRetrieval.r1, `${changed.textRetrieval.r1}`);
  await halfDone();
  await evaluateRetrieval({ checkpoint: runDir, examples, logFolder, precision: 'bf16' });
  assert.equal(logs().length, 1, 'scores in another precision are another log');
}
