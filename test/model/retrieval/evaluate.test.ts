import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Example } from '../../../model/data/example.ts';
import { memorySource } from '../../../model/data/source.ts';
import { readSafetensors, writeSafetensors } from '../../../model/formats/safetensors.ts';
import { itcSize } from '../../../model/net/parameters.ts';
import { cosinesWithoutHubs, crossFittedHubness, triedHubness } from '../../../model/ranking/hubs.ts';
import {
  chanceRecalls,
  type Ranks,
  ranks,
  ranksByHalf,
  recalls,
  recallsOfRanks,
} from '../../../model/ranking/recall.ts';
import { triedWeights } from '../../../model/ranking/rerank.ts';
import { similarities } from '../../../model/ranking/scoring.ts';
import { evaluateRetrieval, splitImages } from '../../../model/retrieval/evaluate.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { bestCheckpoint, latestCheckpoint, readCheckpoint } from '../../../model/train/checkpoint.ts';
import { readHubBank } from '../../../model/train/hub-bank.ts';
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
    const shares = new Map<string, number>();
    const result = await evaluateRetrieval(
      { checkpoint: runDir, examples, method, candidates: 40 },
      { onProgress: ({ what, done, total }) => shares.set(what, done / total) },
    );
    assert.deepEqual([result.images, result.texts], [40, 40]);
    const wanted = { itm: [['pairs', 1]], itc: [['embeddings', 1]], rerank: [['embeddings', 1], ['pairs', 1]] }; // biome-ignore format: one line
    assert.deepEqual([...shares], wanted[method]);
    assert.equal(result.pairsPerSecond === null, method === 'itc');
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
    assert.deepEqual([images!.length, queries], [40, 80]);
  }
  const { weight, images } = readRerankWeight(last)!;
  // Of no image that the weight was fitted on: all weights must do the same as this one.
  const others = smallExamples(20, 3).map((one) => ({ ...one, imageId: `other ${one.imageId}` }));
  const evaluate = (examples: readonly Example[], method: 'rerank' | 'itc' = 'rerank') =>
    evaluateRetrieval({ checkpoint: last, examples, method, candidates: 5 });
  const found = await evaluate(others);
  assert.deepEqual(found.rerank, { weights: [weight], fittedOn: 'held-out' });
  const mixed = [...others, { ...others[0]!, imageId: images![0]! }];
  const { rerank } = await evaluate(mixed);
  assert.deepEqual([rerank?.fittedOn, rerank?.why], ['other-half', 'same-images']);
  // Without one, with one of an earlier version, whose ids of images are others, and with one that says contrast alone.
  const file = join(last, 'rerank.json');
  const kept = readFileSync(file, 'utf8');
  const { ids, ...earlier } = JSON.parse(kept);
  assert.equal(ids, 'content');
  writeFileSync(file, JSON.stringify(earlier));
  const { rerank: unknown } = await evaluate(others);
  assert.deepEqual([unknown?.fittedOn, unknown?.why], ['other-half', 'unknown']);
  writeFileSync(file, JSON.stringify({ ...JSON.parse(kept), weight: 0 }));
  const [alone, byContrast] = [await evaluate(others), await evaluate(others, 'itc')];
  assert.deepEqual([alone.imageRetrieval.r1, alone.textRetrieval.r1], [byContrast.imageRetrieval.r1, byContrast.textRetrieval.r1]); // biome-ignore format: one line
  assert.equal(byContrast.rerank, null);
  writeFileSync(file, '{"weight": "much"}');
  await assert.rejects(evaluate(others), { name: 'UserError', message: /Expected a weight and its images for .*rerank.json but received {"weight": "much"}; remove it/ }); // biome-ignore format: one line
  rmSync(file);
  assert.deepEqual((await evaluate(others)).rerank?.why, 'none');
});

test('a run keeps a bank that says what hubs are, and each step of retrieval stands beside the one before it', async () => {
  const runDir = join(root, 'hubs');
  const validation = smallExamples(60, 2).slice(20);
  await pretrain({
    ...{ runDir, source: memorySource(smallExamples(50), 1), validation, config, vocabulary, detector: 'test' },
    ...{ steps: 4, evaluateEverySteps: 4, keep: 1, batchSize: 8, learningRate: 3e-3 },
    objectives: { ...allObjectives, mlm: 0, moc: 0, mrfr: 0 },
  });
  const last = latestCheckpoint(runDir)!;
  const bank = readHubBank(last)!;
  assert.deepEqual([bank.images.length / itcSize, bank.texts.length / itcSize], [50, 50]);
  for (const { scale, share } of [bank.taken.text, bank.taken.image]) {
    assert.ok(
      triedHubness.some((one) => Math.fround(one.scale) === scale && one.share === share),
      `${scale} ${share}`,
    );
  }
  const examples = smallExamples(30, 3).map((one) => ({ ...one, imageId: `other ${one.imageId}` }));
  const evaluate = (method: 'itm' | 'itc' | 'rerank') => evaluateRetrieval({ checkpoint: last, examples, method, candidates: 5 }); // biome-ignore format: one line
  const byRerank = await evaluate('rerank');
  assert.deepEqual(byRerank.steps.map(({ by, gain }) => [by, gain === null]), [['contrast', true], ['hubs', false], ['matching', false]]); // biome-ignore format: one line
  assert.deepEqual(byRerank.hubs, { taken: [bank.taken], fittedOn: 'held-out' });
  const byContrast = await evaluate('itc');
  assert.deepEqual(byContrast.steps, byRerank.steps.slice(0, 2));
  assert.deepEqual(byContrast.imageRetrieval, byContrast.steps[1]!.imageRetrieval);
  assert.deepEqual((await evaluate('itm')).steps.map(({ by }) => by), ['matching']); // biome-ignore format: one line

  // What a bank of another model takes off decides the order.
  const file = join(last, 'hubs.safetensors');
  const [set] = splitImages(examples, 1);
  const model = openRetrievalModel(readCheckpoint(last));
  const own = model.embedImages([examples[0]!.regions]);
  const other = { images: own, texts: own, taken: { text: { scale: 40, share: 1 }, image: { scale: 80, share: 0.5 } } };
  const withoutHubs = cosinesWithoutHubs(model.embedImages(set!.images), model.embedTexts(set!.texts), other);
  const wanted = recalls(withoutHubs, set!.owner);
  assert.notDeepEqual(withoutHubs, similarities(set!, model));
  model.dispose();
  const tensor = (values: Float32Array, shape: number[]) => ({ shape, values });
  const one = tensor(own, [1, itcSize]);
  const taken = tensor(Float32Array.of(40, 1, 80, 0.5), [4]);
  writeSafetensors(file, new Map([['images', one], ['texts', one], ['taken', taken]])); // biome-ignore format: one line
  const { steps, hubs } = await evaluate('itc');
  assert.deepEqual([steps[1]!.imageRetrieval, steps[1]!.textRetrieval], [wanted.image, wanted.text]);
  // It does not say of which images it is, so that nothing is said of what it gains; nor was the weight fitted beside it.
  assert.deepEqual(hubs, { taken: [other.taken], fittedOn: 'held-out', why: 'unknown' });
  assert.equal(steps[1]!.gain, null);
  const { rerank } = await evaluate('rerank');
  assert.deepEqual([rerank?.fittedOn, rerank?.why], ['other-half', 'other-hubs']);
  writeSafetensors(file, new Map([['images', one]]));
  await assert.rejects(evaluate('itc'), { name: 'UserError', message: /Expected embeddings of a bank and what they take off for .*hubs.safetensors but received images; remove it/ }); // biome-ignore format: one line
  rmSync(file);
  const without = await evaluate('itc');
  assert.deepEqual([without.hubs, without.steps], [null, byContrast.steps.slice(0, 1)]);
});

test('hubs are not judged by the pairs that what is taken off was fitted on, nor by those that tell them', async () => {
  const runDir = join(root, 'judged');
  const [training, validation] = [smallExamples(50), smallExamples(60, 2).slice(20).map((one) => ({ ...one, imageId: `held out ${one.imageId}` }))]; // biome-ignore format: one line
  const run = {
    ...{ runDir, source: memorySource(training, 1), validation, config, vocabulary, detector: 'test', resume: true },
    ...{ steps: 4, evaluateEverySteps: 4, keep: 1, batchSize: 8, learningRate: 3e-3 },
    objectives: { ...allObjectives, mlm: 0, moc: 0, mrfr: 0 },
  };
  await pretrain(run);
  const last = latestCheckpoint(runDir)!;
  const bank = readHubBank(last)!;
  assert.deepEqual([[...bank.madeOf!.bank].sort(), bank.madeOf!.heldOut], [training.map(({ imageId }) => imageId).sort(), validation.map(({ imageId }) => imageId)]); // biome-ignore format: one line
  assert.equal(readRerankWeight(last)!.hubs, bank.sha256);
  const evaluate = (examples: readonly Example[], method: 'itc' | 'rerank' = 'itc') => evaluateRetrieval({ checkpoint: last, examples, method, candidates: 5 }); // biome-ignore format: one line

  // Each half of the held-out images by what the other half says.
  const [set] = splitImages(validation, 1) as [ReturnType<typeof splitImages>[0] & object];
  const model = openRetrievalModel(readCheckpoint(last));
  const embedded = { images: model.embedImages(set.images), texts: model.embedTexts(set.texts), owner: set.owner };
  model.dispose();
  const taken = crossFittedHubness(embedded, bank);
  const [first, second] = taken.map((one) => ranks(cosinesWithoutHubs(embedded.images, embedded.texts, { ...bank, taken: one }), set.owner)) as [Ranks, Ranks]; // biome-ignore format: one line
  const wanted = ranksByHalf([first, second], set.owner);
  for (const method of ['itc', 'rerank'] as const) {
    const { hubs, steps, rerank } = await evaluate(validation, method);
    assert.deepEqual(hubs, { taken, fittedOn: 'other-half', why: 'same-images' });
    assert.deepEqual([steps[1]!.imageRetrieval, steps[1]!.textRetrieval], [recallsOfRanks(wanted.image), recallsOfRanks(wanted.text)]); // biome-ignore format: one line
    assert.ok(steps[1]!.gain);
    assert.equal(rerank?.why, method === 'rerank' ? 'same-images' : undefined);
  }
  const inBank = await evaluate([...validation, training[0]!]);
  assert.deepEqual([inBank.hubs, inBank.steps[1]!.gain], [{ taken: [bank.taken], fittedOn: 'held-out', why: 'in-bank' }, null]); // biome-ignore format: one line

  // A weight that stood beside contrast as it is is fitted anew with the bank that the run's checkpoint gets, and so is what says too little.
  const [weightFile, bankFile] = [join(last, 'rerank.json'), join(last, 'hubs.safetensors')];
  const { hubs: _, ...earlier } = JSON.parse(readFileSync(weightFile, 'utf8'));
  writeFileSync(weightFile, JSON.stringify({ ...earlier, weight: 99 }));
  assert.equal((await evaluate(smallExamples(20, 3).map((one) => ({ ...one, imageId: `other ${one.imageId}` })), 'rerank')).rerank?.why, 'other-hubs'); // biome-ignore format: one line
  const { tensors, metadata } = readSafetensors(bankFile);
  const { ids: __, ...otherIds } = JSON.parse(metadata.madeOf!);
  for (const lose of [
    () => rmSync(bankFile),
    () => writeSafetensors(bankFile, tensors, { madeOf: JSON.stringify(otherIds) }),
  ]) {
    lose();
    writeFileSync(weightFile, JSON.stringify({ ...earlier, weight: 99 }));
    const heard: [number, number][] = [];
    const controller = new AbortController();
    const onRankingAids = (done: number, total: number): void => {
      heard.push([done, total]);
      controller.abort();
    };
    const stopped = await pretrain({ ...run, source: memorySource(training, 1), onRankingAids }, { signal: controller.signal }); // biome-ignore format: one line
    assert.deepEqual([stopped.stopped, heard], [true, [[40, 180]]], 'it ends after the first batch');
    assert.equal(readRerankWeight(last)!.weight, 99);
    assert.equal((await pretrain({ ...run, source: memorySource(training, 1) })).stopped, false);
    const [anew, weight] = [readHubBank(last)!, readRerankWeight(last)!];
    assert.deepEqual([anew.madeOf, anew.taken, weight.hubs, weight.weight], [bank.madeOf, bank.taken, anew.sha256, earlier.weight]); // biome-ignore format: one line
  }
  writeSafetensors(bankFile, tensors, { madeOf: '{"bank": 3}' });
  assert.throws(() => readHubBank(last), { name: 'UserError', message: /Expected embeddings of a bank and what they take off/ }); // biome-ignore format: one line
});

/** An evaluation that is stopped goes on with the scores it has made; scores that were changed meanwhile show it. */
async function stopsAndGoesOn(runDir: string, some: readonly Example[]): Promise<void> {
  const examples = some.flatMap((example) => [example, example]);
  const whole = await evaluateRetrieval({ checkpoint: runDir, method: 'itm', examples });
  const logFolder = mkdtempSync(join(root, 'scores'));
  const logs = () => readdirSync(logFolder).map((name) => join(logFolder, name));
  const halfDone = async (): Promise<void> => {
    const controller = new AbortController();
    const watch = { signal: controller.signal, onProgress: () => controller.abort() };
    await assert.rejects(evaluateRetrieval({ checkpoint: runDir, method: 'itm', examples, logFolder }, watch), {
      name: 'AbortError',
    });
  };
  await halfDone();
  const kept = readFileSync(logs()[0]!);
  const header = kept.indexOf('\n') + 1;
  assert.ok(kept.length > header && kept.length < header + 8 * whole.pairsScored);
  const continued = await evaluateRetrieval({ checkpoint: runDir, method: 'itm', examples, logFolder });
  assert.deepEqual({ ...continued, pairsPerSecond: 0 }, { ...whole, pairsPerSecond: 0 }, 'the same as without a stop');
  assert.deepEqual(logs(), []);

  await halfDone();
  for (let at = header + 4; at < kept.length; at += 8) kept.writeFloatLE(99, at);
  writeFileSync(logs()[0]!, kept);
  const changed = await evaluateRetrieval({ checkpoint: runDir, method: 'itm', examples, logFolder });
  assert.ok(changed.textRetrieval.r1 < whole.textRetrieval.r1, `${changed.textRetrieval.r1}`);
  await halfDone();
  await evaluateRetrieval({ checkpoint: runDir, method: 'itm', examples, logFolder, precision: 'bf16' });
  assert.equal(logs().length, 1, 'scores in another precision are another log');
}
