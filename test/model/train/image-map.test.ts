import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { memorySource } from '../../../model/data/source.ts';
import { readSafetensors, writeSafetensors } from '../../../model/formats/safetensors.ts';
import { itcSize } from '../../../model/net/parameters.ts';
import { surestMapWeight, triedMapWeights } from '../../../model/ranking/image-map.ts';
import { wholeImageFeature } from '../../../model/ranking/linear-map.ts';
import { recalls } from '../../../model/ranking/recall.ts';
import { similarities } from '../../../model/ranking/scoring.ts';
import { normalizedRows } from '../../../model/ranking/vectors.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { openKernelMap } from '../../../model/runtime/kernel-ridge.ts';
import { matrixOf } from '../../../model/runtime/ridge.ts';
import { readCheckpoint } from '../../../model/train/checkpoint.ts';
import { readHubBank } from '../../../model/train/hub-bank.ts';
import { hasImageMap, readImageMap } from '../../../model/train/image-map.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-image-map-'));
after(() => rmSync(root, { recursive: true }));

/** Embeddings of length 1. */
const drawn = (rows: number, seed: number): Float32Array => {
  const draw = random(seed);
  const values = Float32Array.from({ length: rows * itcSize }, () => draw.normal());
  return Float32Array.from(normalizedRows(values, rows).flatMap((row) => [...row]));
};

test('a map counts as much as held-out pairs make sure of', () => {
  const [texts, others] = [drawn(60, 1), drawn(60, 2)];
  assert.equal(surestMapWeight({ images: texts, predicted: others, texts }), 0);
  assert.equal(surestMapWeight({ images: texts, predicted: texts, texts }), 0, 'nothing is left to gain');
  assert.ok(surestMapWeight({ images: others, predicted: texts, texts }) > 0);
});

test('a run that knows nothing of images learns of them by the map of its end, which stands beside its checkpoint', async () => {
  const [training, heldOut, unseen] = [[0, 200], [200, 260], [260, 300]].map(([from, to]) => smallExamples(300).slice(from, to)) as [ReturnType<typeof smallExamples>, ReturnType<typeof smallExamples>, ReturnType<typeof smallExamples>]; // biome-ignore format: one line
  const run = {
    runDir: join(root, 'run'),
    source: memorySource(training, 4),
    validation: heldOut,
    ...{ config: { ...config, dropout: 0, contrast: { pooling: 'mean', shortcut: false } as const }, vocabulary, detector: 'test' }, // biome-ignore format: one line
    ...{ steps: 1, batchSize: 8, learningRate: 1e-12, resume: true, tensorboard: false },
    objectives: { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 },
  };
  await pretrain(run);
  const { dir } = readCheckpoint(run.runDir);
  const file = join(dir, 'image-map.safetensors');
  const map = readImageMap(dir)!;
  assert.ok(triedMapWeights.includes(map.weight));
  assert.equal(map.kernel.examples.rows, 200);

  /** Embeddings and recalls of some images by the checkpoint as it is now. */
  const asked = (examples: typeof unseen) => {
    const model = openRetrievalModel(readCheckpoint(run.runDir), { compiled: false });
    try {
      const set = { images: examples.map(({ regions }) => regions), texts: examples.map(({ pieces }) => pieces) };
      return { images: model.embedImages(set.images), texts: model.embedTexts(set.texts), found: recalls(similarities(set, model), examples.map((_, at) => at)) }; // biome-ignore format: one line
    } finally {
      model.dispose();
    }
  };
  const withMap = asked(unseen);
  const [bank, { tensors, metadata }] = [readHubBank(dir)!, readSafetensors(file)];
  writeSafetensors(file, new Map(), { weight: '0' });
  assert.equal(readImageMap(dir), undefined);
  const without = asked(unseen);
  assert.ok(withMap.found.text.r10 > without.found.text.r10 + 0.2, JSON.stringify([withMap.found, without.found]));
  // The bank of hubs has its images by the map too, each as if the map had not learned from it.
  const one = training.find(({ imageId }) => imageId === bank.madeOf!.bank[0])!;
  const open = openKernelMap(map.kernel);
  const [predicted] = normalizedRows(open.predict(matrixOf([wholeImageFeature(one.regions)])).values, 1);
  open.dispose();
  const [sum] = normalizedRows(asked([one, ...unseen]).images.slice(0, itcSize).map((value, at) => value + map.weight * predicted![at]!), 1); // biome-ignore format: one line
  assert.ok(sum!.every((value, at) => Math.abs(value - bank.images[at]!) < 1e-3));

  // What does not read is said; what is missing is made when the run is called again, and the bank with it.
  writeSafetensors(file, new Map([...tensors].filter(([name]) => name !== 'own')), metadata);
  assert.throws(() => readImageMap(dir), { name: 'UserError', message: /Expected a map of images and its weight for .*image-map.safetensors but received/ }); // biome-ignore format: one line
  rmSync(file);
  assert.ok(existsSync(join(dir, 'hubs.safetensors')));
  await pretrain(run);
  assert.deepEqual(readImageMap(dir), map);
  assert.deepEqual(readHubBank(dir)!.images, bank.images);
});

test('of few images no map is fitted, and the run is done with it', async () => {
  const runDir = join(root, 'few');
  await pretrain({
    ...{ runDir, source: memorySource(smallExamples(30), 4), validation: smallExamples(50).slice(30) },
    ...{ config: { ...config, dropout: 0 }, vocabulary, detector: 'test' },
    ...{ steps: 1, batchSize: 8, tensorboard: false },
    objectives: { mlm: 0, moc: 0, mrfr: 0, itm: 0, itc: 1 },
  });
  const { dir } = readCheckpoint(runDir);
  assert.deepEqual([hasImageMap(dir), readImageMap(dir)], [true, undefined]);
  assert.ok(existsSync(join(dir, 'hubs.safetensors')));
});
