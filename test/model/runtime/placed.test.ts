/**
 * Every graph that lait makes, against TensorFlow's table of GPU kernels: none of its ops falls to the CPU, and no tensor crosses the bus
 * within a step. The table needs no card, and so does this test. What it cannot show is in docs/gpu.md.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import sharp from 'sharp';
import { memorySource } from '../../../model/data/source.ts';
import { openDetector } from '../../../model/regions/open.ts';
import { openRetrievalModel } from '../../../model/retrieval/retrieval-model.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';
import { readCheckpoint } from '../../../model/train/checkpoint.ts';
import { finetune } from '../../../model/train/finetune.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import { placementOf } from '../../helpers/placement.ts';
import { type StoredGraph, startedGraphs } from '../../helpers/started-graphs.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

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
  ['two batches an update', { objectives: allObjectives, accumulate: 2, hardNegatives: false }],
];
const precisions: [name: string, own: Partial<PretrainOptions>][] = [
  ['f32', {}],
  ['bf16', { precision: 'bf16' }],
  ['f32 with XLA', { xla: true }],
  ['bf16 with XLA', { precision: 'bf16', xla: true }],
];

/** What is computed in the host's memory from ids and places of a batch, a few numbers a word or region, or is a constant as small. */
const small = new Set([
  'ConcatV2 → GatherV2.indices',
  'Const → Cast.x',
  'Const → GatherV2.indices',
  'Const → OneHot.indices',
  'Const → OneHot.off_value',
  'Const → OneHot.on_value',
  'Pack → GatherNd.indices',
  'Pack → TensorScatterSub.indices',
  'Reshape → GatherV2.indices',
  'Reshape → UnsortedSegmentSum.segment_ids',
]);

/** `waits` are tensors that are known to come back to the host, from where a detector sends what it made of them to the card again. */
function check(graphs: readonly StoredGraph[], least: number, waits: readonly string[] = [], isDetector = false): void {
  assert.ok(graphs.length >= least, `${graphs.length} graphs`);
  for (const graph of graphs) {
    const { unknown, onCpu, toHost, toDevice } = placementOf(graph);
    assert.deepEqual(unknown, [], 'ops that test/interop/gpu-kernels.py has to be asked for');
    assert.deepEqual(onCpu, [], 'ops that fall to the CPU');
    assert.deepEqual(toHost, waits, 'tensors that a step waits for');
    if (isDetector) continue;
    for (const one of toDevice) assert.ok(small.has(one), `${one}: large, or new`);
  }
}

for (const [name, own] of settings) {
  for (const [precision, more] of precisions) {
    test(`pretraining, validation and scoring lie on the GPU: ${name}, ${precision}`, async () => {
      check(await startedGraphs(() => pretrained({ ...own, ...more }), { gpu: true }), 1);
    });
  }
}

test('fine-tuning and retrieval lie on the GPU', async () => {
  const base = join(folder, 'base');
  await pretrained({ runDir: base, objectives: allObjectives, hardNegatives: false });
  for (const loss of ['binary', 'multi-class', 'triplet'] as const) {
    const tuned = join(folder, loss);
    check(await startedGraphs(() => finetune({ ...running, runDir: tuned, checkpoint: base, loss }), { gpu: true }), 1);
  }
  const [one] = halves(1, 5);
  const graphs = await startedGraphs(async () => {
    const model = openRetrievalModel(readCheckpoint(base), { batchPairs: 4 });
    model.match([one!.regions], [one!.pieces], [[0, 0]]);
    model.embedImages([one!.regions]);
    model.embedTexts([one!.pieces]);
    model.dispose();
  });
  check(graphs, 3);
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
    const graphs = await startedGraphs(() => pretrained({ runDir: join(folder, name), objectives: allObjectives, hardNegatives: false }), { gpu }); // biome-ignore format: one line
    if (before === undefined) delete process.env.TF_NUM_INTRAOP_THREADS;
    else process.env.TF_NUM_INTRAOP_THREADS = before;
    return graphs.at(-1)!.nodes.filter(({ op }) => op === 'BatchMatMulV2').length;
  };
  const whole = await products(true, undefined);
  assert.equal(await products(true, '1'), whole, 'on a GPU a batch is one');
  assert.ok((await products(false, '1')) > whole, 'on two cores it is two halves');
});
