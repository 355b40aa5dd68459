/**
 * Every graph of training and of detectors, against TensorFlow's table of GPU kernels: none of its ops falls to the CPU, and no tensor crosses the bus
 * within a step. The table needs no card, and so does this test. Scorers are in
 * placed-scorers.test.ts; what a table cannot show is in docs/gpu.md.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { random } from '../../../dataset/random.ts';
import { collate } from '../../../model/data/collate.ts';
import { fullExamples } from '../../../model/data/full-batch.ts';
import { memorySource } from '../../../model/data/source.ts';
import { openDetector } from '../../../model/regions/open.ts';
import { nativeBackend } from '../../../model/runtime/backend.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import { peersOf } from '../../../model/runtime/peers.ts';
import { finetune } from '../../../model/train/finetune.ts';
import { type PretrainOptions, pretrain, pretrainLoss } from '../../../model/train/pretrain.ts';
import { pretrainStep } from '../../../model/train/step-memory.ts';
import { update, updateFunctions } from '../../../model/train/update.ts';
import { checkPlacement as check } from '../../helpers/placement.ts';
import { startedGraphs } from '../../helpers/started-graphs.ts';
import { startedSessions } from '../../helpers/started-sessions.ts';
import { allObjectives, batchSetup, config, smallExamples, special, vocabulary } from '../small-model.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-placed-'));
after(() => rmSync(folder, { recursive: true }));

const halves = (count: number, seed: number) =>
  smallExamples(count, seed).map(({ regions, ...rest }) => ({
    ...rest,
    regions: { ...regions, features: halvesFromFloats(regions.features as Float32Array) },
  }));

const running = {
  source: memorySource(halves(60, 1), 1),
  validation: halves(12, 2),
  steps: 1,
  batchSize: 8,
  tensorboard: false,
  seed: 3,
};

const pretrained = (own: Partial<PretrainOptions>): Promise<unknown> =>
  pretrain({
    runDir: join(folder, `run-${JSON.stringify(own).length}-${own.precision}`),
    config,
    vocabulary,
    detector: 'test',
    ...running,
    ...own,
  });

const contrast = { pooling: 'mean', shortcut: true } as const;
const settings: [name: string, own: Partial<PretrainOptions>][] = [
  ['all objectives in one pass', { objectives: allObjectives, cleanMatching: false, hardNegatives: false }],
  [
    'whole pairs, hard negatives, shortcuts',
    { objectives: allObjectives, hardNegatives: true, config: { ...config, contrast } },
  ],
  ['layers computed anew', { objectives: allObjectives, recompute: true }],
  ['two batches an update, averages', { objectives: allObjectives, accumulate: 2, hardNegatives: false, ema: 0.99 }],
];
const precisions: [name: string, own: Partial<PretrainOptions>][] = [
  ['f32', {}],
  ['bf16', { precision: 'bf16' }],
  ['f32 with XLA', { xla: true }],
  ['bf16 with XLA', { precision: 'bf16', xla: true }],
];

// A run has all of it in one session, beside what it begins at: that is asked of one that runs to its end.
test('pretraining, validation and scoring lie on the GPU: a whole run', async () => {
  const whole = await startedGraphs(
    () => pretrained({ ...settings[1]![1], precision: 'bf16', runDir: join(folder, 'whole') }),
    { gpu: true },
  );
  const begun = await startedGraphs(() => pretrained({ ...settings[1]![1], precision: 'bf16', seed: 4 }), { gpu: true, endAtStart: true }); // biome-ignore format: one line
  check(whole, 1);
  // Products of closed forms, at its start and at its end, are graphs of five operations.
  const large = (graphs: typeof whole) => graphs.map(({ nodes }) => nodes.length).filter((count) => count > 5);
  assert.deepEqual(large(whole), large(begun));
});

for (const [name, own] of settings) {
  for (const [precision, more] of precisions) {
    test(`pretraining, validation and scoring lie on the GPU: ${name}, ${precision}`, async () => {
      check(await startedGraphs(() => pretrained({ ...own, ...more }), { gpu: true, endAtStart: true }), 1);
    });
  }
}

test('towers lie on two GPUs, which a machine without them refuses', async () => {
  const backend = nativeBackend()!;
  const onGpu = backend.isUsingGpuDevice;
  backend.isUsingGpuDevice = true;
  try {
    const own = { runDir: join(folder, 'towers'), objectives: allObjectives, hardNegatives: true, devices: 2 };
    const graphs = await startedSessions(() =>
      assert.rejects(pretrained(own), /Expected GPUs of this machine for --devices but received more than its 0/),
    );
    check(graphs, 1);
    assert.deepEqual([...new Set(graphs[0]!.nodes.map(({ device }) => device))].sort(), ['/device:GPU:0', '/device:GPU:1']); // biome-ignore format: one line
  } finally {
    backend.isUsingGpuDevice = onGpu;
  }
});

test('what is fed when a step begins lies on the GPU, where sessions of our own are not to be had', async () => {
  const own = { runDir: join(folder, 'not-ahead'), objectives: allObjectives, hardNegatives: true, stagesAhead: false };
  check(await startedGraphs(() => pretrained(own), { gpu: true }), 1);
});

test('what a rank computes lies on its GPU, sums over all ranks too', async () => {
  const backend = nativeBackend()!;
  const onGpu = backend.isUsingGpuDevice;
  backend.isUsingGpuDevice = true;
  const learned = { config, special, objectives: allObjectives };
  const { options } = pretrainStep({ ...learned, batchSize: 4, ema: 0.99, stagesAhead: true });
  const functions = updateFunctions(pretrainLoss(learned), { dropout: 0.1, optimizer: adamW, peers: peersOf(0, 2) }, 1);
  const all = fullExamples(config, 8, random(1), 0);
  const collation = {
    task: 'pretrain' as const,
    ...learned,
    maxOverlap: 0.4,
    hardNegatives: true,
    cleanMatching: true,
  };
  const shape = { pairs: 4, pieces: config.maxPieces, regions: config.maxRegions };
  const batch = collate(collation, all.slice(0, 4), shape, batchSetup.featureStatistics, random(2), { all, first: 0 });
  try {
    const running = openExecutable({ ...options, functions, cluster: { task: 0, target: 'nowhere://' } });
    const graphs = await startedSessions(() =>
      assert.rejects(update(running, [batch], ratesAt(adamW, 0, 1e-3), { seed: 1, step: 0, peers: 2 }), /nowhere/),
    );
    check(graphs, 1);
    assert.deepEqual([...new Set(graphs[0]!.nodes.map(({ device }) => device))], ['/job:worker/replica:0/task:0/device:GPU:0']); // biome-ignore format: one line
    assert.ok(graphs[0]!.nodes.some(({ op }) => op === 'CollectiveReduceV2'));
  } finally {
    backend.isUsingGpuDevice = onGpu;
  }
});

test('fine-tuning lies on the GPU', async () => {
  const base = join(folder, 'base');
  await pretrained({ runDir: base, objectives: allObjectives, hardNegatives: false });
  for (const [loss, own] of [
    ['binary', {}],
    ['triplet', {}],
    ['multi-class', { precision: 'bf16' }],
    ['triplet', { precision: 'bf16', xla: true }],
  ] as ['binary' | 'multi-class' | 'triplet', Partial<PretrainOptions>][]) {
    const tuned = join(folder, `${loss} ${JSON.stringify(own)}`);
    check(await startedGraphs(() => finetune({ ...running, ...own, runDir: tuned, checkpoint: base, loss }), { gpu: true, endAtStart: true }), 1); // biome-ignore format: one line
  }
});

test('detectors lie on the GPU', async () => {
  const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#ffffff' } }).png().toBuffer(); // biome-ignore format: one line
  for (const features of ['joined', 'centernet'] as const) {
    for (const precision of ['f32', 'bf16'] as const) {
      const graphs = await startedGraphs(async () => {
        const detector = await openDetector({ kind: 'centernet', features, precision, inputSidePx: 128 });
        await detector.detect([image]);
        detector.dispose();
      });
      // Places of the best K boxes and classes of an image, a few numbers each: three or four waits for a batch of pictures.
      check(graphs, 1, ['ArgMax → Reshape.tensor', 'Const → PadV2.constant_values', 'TopKV2 → FloorDiv.x', 'TopKV2 → FloorMod.x'], true); // biome-ignore format: one line
    }
  }
});

test('what is tuned for two cores is off on a GPU', async () => {
  const products = async (gpu: boolean, threads: string | undefined) => {
    const before = process.env.TF_NUM_INTRAOP_THREADS;
    if (threads !== undefined) process.env.TF_NUM_INTRAOP_THREADS = threads;
    const name = `tuned-${gpu}-${threads}`;
    const graphs = await startedGraphs(() => pretrained({ runDir: join(folder, name), objectives: allObjectives, hardNegatives: false }), { gpu, endAtStart: true }); // biome-ignore format: one line
    if (before === undefined) delete process.env.TF_NUM_INTRAOP_THREADS;
    else process.env.TF_NUM_INTRAOP_THREADS = before;
    const [largest] = graphs.sort((a, b) => b.nodes.length - a.nodes.length);
    return largest!.nodes.filter(({ op }) => op === 'BatchMatMulV2').length;
  };
  const whole = await products(true, undefined);
  assert.equal(await products(true, '1'), whole, 'on a GPU a batch is one');
  assert.ok((await products(false, '1')) > whole, 'on two cores it is two halves');
});
