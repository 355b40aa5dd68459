/**
 * What scores pictures and texts, and what is computed without training, against TensorFlow's table of GPU kernels, as placed.test.ts has
 * it for training. CLIP and ONNX detectors are onnxruntime's, which computes on the CPU; patches and the photo head are JavaScript's.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { random } from '../../../dataset/random.ts';
import { memorySource } from '../../../model/data/source.ts';
import { ensurePretrained } from '../../../model/formats/pretrained.ts';
import { linearMapRetrieval } from '../../../model/ranking/linear-map.ts';
import { wordSpace } from '../../../model/ranking/word-space.ts';
import { fillIn } from '../../../model/retrieval/fill-in.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { mapped } from '../../../model/runtime/ridge.ts';
import { efficientNetFeatures } from '../../../model/scorers/image-features.ts';
import { miniLmFeatures } from '../../../model/scorers/text-features.ts';
import { unsafeScorer } from '../../../model/scorers/unsafe.ts';
import { readCheckpoint } from '../../../model/train/checkpoint.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { checkPlacement, placementOf } from '../../helpers/placement.ts';
import { startedGraphs } from '../../helpers/started-graphs.ts';
import { startedOps } from '../../helpers/started-ops.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-placed-scorers-'));
after(() => rmSync(folder, { recursive: true }));

test('scorers of pictures and of texts lie on the GPU', async () => {
  const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#ffffff' } }).png().toBuffer(); // biome-ignore format: one line
  const graphs = await startedGraphs(async () => {
    const features = efficientNetFeatures(await ensurePretrained('efficientnet-lite2'));
    const texts = miniLmFeatures(await ensurePretrained('minilm'));
    const unsafe = unsafeScorer(await ensurePretrained('open-nsfw'));
    await features.of([image]);
    texts.of(['a wren on a branch']);
    await unsafe.score([image]);
    for (const one of [features, texts, unsafe]) one.dispose();
  });
  checkPlacement(graphs, 3);
});

/** Ops on their own: the same kernels, and their tensors cross the bus as often as JavaScript asks for numbers. */
function checkOps(ops: Awaited<ReturnType<typeof startedOps>>): void {
  assert.ok(ops.length > 0);
  const { unknown, onCpu } = placementOf({ nodes: ops, functions: new Map() });
  assert.deepEqual(unknown, [], 'ops that test/interop/gpu-kernels.py has to be asked for');
  assert.deepEqual(onCpu, [], 'ops that fall to the CPU');
}

test('maps in closed form have kernels: op by op, and the graph that solves them', async () => {
  const draw = random(1);
  const images = Array.from({ length: 40 }, () => ({
    feature: Float32Array.from({ length: 6 }, () => draw.normal()),
    texts: [[5 + draw.below(20), 5 + draw.below(20)]],
  }));
  const examples = smallExamples(12, 3);
  const set = {
    images: examples.map(({ regions }) => regions),
    texts: examples.map(({ pieces }) => pieces),
    owner: examples.map((_, at) => at),
  };
  let graphs: Awaited<ReturnType<typeof startedGraphs>> = [];
  const ops = await startedOps(async () => {
    graphs = await startedGraphs(() => linearMapRetrieval(images, [set], wordSpace(vocabulary)));
    // What the relevance of texts is scored by.
    const weights = { rows: 6, columns: 4, values: new Float32Array(24) };
    const map = { mean: new Float32Array(6), scale: new Float32Array(6).fill(1), weights, offset: new Float32Array(4) };
    mapped(map, { rows: 2, columns: 6, values: new Float32Array(12) });
  });
  checkPlacement(graphs, 1);
  checkOps(ops);
});

test('what a checkpoint scores and fills in has kernels, in bf16 too', async () => {
  const runDir = join(folder, 'base');
  const examples = smallExamples(30, 1);
  await pretrain({
    ...{ runDir, config, vocabulary, detector: 'test', source: memorySource(examples, 1), steps: 1, batchSize: 8 },
    ...{ objectives: allObjectives, tensorboard: false },
  });
  const checkpoint = readCheckpoint(runDir);
  const [{ regions, pieces }] = examples as [(typeof examples)[number]];
  for (const precision of ['f32', 'bf16'] as const) {
    const scored = async () => {
      const model = openRetrievalModel(checkpoint, { batchPairs: 4, precision });
      model.match([regions], [pieces], [[0, 0]]);
      model.embedImages([regions]);
      model.embedTexts([pieces]);
      model.dispose();
    };
    const graphs = await startedGraphs(scored, { gpu: true });
    checkPlacement(graphs, 3);
  }
  checkOps(await startedOps(() => fillIn(checkpoint, examples.slice(0, 4))));
});
