import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { memorySource, mixedSource } from '../../../model/data/source.ts';
import { type Ranking, rank, rankingArrays } from '../../../model/net/objectives/ranking.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { latestCheckpoint, readCheckpoint } from '../../../model/train/checkpoint.ts';
import { pretrainDefaults } from '../../../model/train/defaults.ts';
import { finetune } from '../../../model/train/finetune.ts';
import type { DataIdentity } from '../../../model/train/made-from.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import type { TrainingProgress, Watch } from '../../../model/train/progress.ts';
import { readRerankWeight } from '../../../model/train/rerank-weight.ts';
import { pretrainStages, type Stage, type StageProgress } from '../../../model/train/stages.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-finetune-'));
after(() => rmSync(root, { recursive: true }));

test('every true pair stands against wrong sentences and wrong images', () => {
  const examples = smallExamples(6);
  const arrays = rankingArrays(examples, { loss: 'binary', candidates: 3, margin: 0.2 }, random(1));
  const columns = 5;
  const at = (name: 'imageRows' | 'textRows', row: number, column: number) =>
    arrays[name]?.values[row * columns + column];
  for (let row = 0; row < 6; row++) {
    assert.deepEqual([at('imageRows', row, 0), at('textRows', row, 0)], [row, row]);
    for (const column of [1, 2]) {
      assert.equal(at('imageRows', row, column), row);
      assert.notEqual(at('textRows', row, column), row);
      assert.equal(at('textRows', row, column + 2), row);
      assert.notEqual(at('imageRows', row, column + 2), row);
    }
  }
  assert.ok(arrays.rankCounts?.values.every((one) => one === 1));
});

const softplus = (x: number) => Math.log1p(Math.exp(x));
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

/** One true pair at 1; wrong sentences at 0 and 2, wrong images at −1 and one that the batch lacked. */
const losses: [Ranking['loss'], wanted: number][] = [
  ['binary', (softplus(-1) + softplus(0) + softplus(2) + softplus(-1)) / 4],
  ['multi-class', (Math.log((Math.E + 1 + Math.E ** 2) / Math.E) + Math.log((Math.E + Math.exp(-1)) / Math.E)) / 2],
  ['triplet', (Math.max(0, sigmoid(2) - sigmoid(1) + 0.2) + Math.max(0, sigmoid(-1) - sigmoid(1) + 0.2)) / 2],
];
for (const [loss, wanted] of losses) {
  test(`the ${loss} loss`, () => {
    tf.tidy(() => {
      const outcome = rank(tf.tensor2d([[1, 0, 2, -1, 50]]), tf.tensor2d([[1, 1, 1, 1, 0]]), {
        loss,
        candidates: 3,
        margin: 0.2,
      });
      assert.ok(Math.abs(outcome.loss.dataSync()[0]! - wanted) < 1e-5);
      assert.equal(outcome.accuracy?.dataSync()[0], 0.5, 'best among images, not among sentences');
    });
  });
}

test('stages follow one another from weights to weights, then fine-tuning; what is done is passed over', async () => {
  const source = memorySource(smallExamples(40), 1);
  const base = {
    runDir: join(root, 'run'),
    config,
    vocabulary,
    detector: 'test',
    batchSize: 8,
    learningRate: 2e-3,
    resume: true,
  };
  const stages = [
    { name: 'large', open: async () => ({ source }), steps: 6 },
    {
      name: 'near',
      open: async () => ({
        source: mixedSource(
          [
            { source, share: 3 },
            { source, share: 1 },
          ],
          1,
        ),
      }),
      steps: 4,
    },
  ];
  const seen: string[] = [];
  const watch: Watch<StageProgress> = {
    onProgress: ({ stage, step, checkpoint }) => void (checkpoint !== undefined && seen.push(`${stage} ${step}`)),
  };
  const last = await pretrainStages(base, stages, watch);
  assert.deepEqual(seen, ['large 6', 'near 4']);
  assert.deepEqual(
    readCheckpoint(join(base.runDir, 'near')).featureStatistics,
    readCheckpoint(join(base.runDir, 'large')).featureStatistics,
  );
  assert.equal((await pretrainStages(base, stages, watch)).checkpoint, last.checkpoint);
  assert.equal(seen.length, 2, 'nothing is trained again');

  // Stages that hold pairs out make up for what a kill behind their last step has left undone.
  const held = stages.map((stage) => ({ ...stage, open: async () => ({ ...(await stage.open()), validation: smallExamples(40, 2) }) })); // biome-ignore format: one line
  const both = { ...base, runDir: join(root, 'held') };
  const end = await pretrainStages(both, held, watch);
  const aids = ['large', 'near'].map((name) => join(latestCheckpoint(join(both.runDir, name))!, 'hubs.safetensors'));
  assert.deepEqual([aids.map(existsSync), seen.length], [[true, true], 4]);
  for (const file of aids) rmSync(file);
  assert.equal((await pretrainStages(both, held, watch)).checkpoint, end.checkpoint);
  assert.deepEqual([aids.map(existsSync), seen.length], [[true, true], 4]);
  const opened: string[] = [];
  const heard = held.map((stage) => ({
    ...stage,
    open: () => {
      opened.push(stage.name);
      return stage.open();
    },
  }));
  assert.equal((await pretrainStages(both, heard, watch)).checkpoint, end.checkpoint);
  assert.deepEqual(opened, [], 'nothing is missing any more');

  for (const loss of ['binary', 'multi-class', 'triplet'] as const) {
    const tuned = await finetune({
      runDir: join(root, loss),
      checkpoint: last.checkpoint,
      source,
      steps: 2,
      loss,
      batchSize: 8,
    });
    assert.ok(Number.isFinite(tuned.last?.losses.itm));
    const [before, after] = [readCheckpoint(last.checkpoint), readCheckpoint(tuned.checkpoint)];
    assert.deepEqual(after.values.get('cls.moc.weight'), before.values.get('cls.moc.weight'), 'other heads stay');
    assert.notDeepEqual(after.values.get('cls.itm.weight'), before.values.get('cls.itm.weight'));
  }
});

test('a stage that is done is passed over only where it would be made from the same, in the same way', async () => {
  const source = memorySource(smallExamples(24), 1);
  const data = (sha256: string): DataIdentity[] => [
    { corpus: 'c', split: 'train', share: 1, version: 1, sha256, shards: { [sha256]: sha256 }, features: 'f', detectorModel: null },
  ]; // biome-ignore format: one line
  const base = {
    runDir: join(root, 'changed'),
    config,
    vocabulary,
    detector: 'test',
    learningRate: 2e-3,
    resume: true,
  };
  const stage = (
    name: string,
    steps: number,
    { sha256 = name, ...own }: Partial<Stage> & { sha256?: string } = {},
  ) => ({
    ...{ name, steps, batchSize: 8, ...own },
    open: async () => ({ source, data: data(sha256) }),
    identify: async () => data(sha256),
  });
  const seen: string[] = [];
  const run = (stages: Stage[], own = {}) =>
    pretrainStages({ ...base, ...own }, stages, {
      onProgress: (state) => void seen.push(`${state.stage} ${state.step}`),
    });
  const stages = [stage('web', 1), stage('close', 1)];
  await run(stages);
  await run(stages);
  assert.deepEqual(seen, ['web 1', 'close 1']);
  const refused: [stages: Stage[], own: object, message: RegExp][] = [
    // Told before the first stage trains on, not when the second one's turn has come.
    [[stage('web', 2), stages[1]!], {}, /close.* was made from .*: the weights that it began with; give --data-changed ok/],
    [[stage('web', 1, { sha256: 'grown' }), stages[1]!], {}, /web.* was made from .*train of c: of 1 shards 1 added, 1 removed; give/],
    [[stage('web', 1, { batchSize: 4 }), stages[1]!], {}, /Expected the settings that .*web.* has ended with .*: batchSize 8 → 4;/],
    [[stage('web', 1, { batchSize: 4 }), stage('close', 2)], {}, /Expected the settings that .*web.* has ended with .*: batchSize 8 → 4;/],
    [[stage('web', 1, { objectives: { ...pretrainDefaults.objectives, mlm: 2 } }), stages[1]!], {}, /: mlm 1 → 2;/],
    [stages, { maxGradNorm: 0 }, /Expected the settings that .*web.* has ended with .*: maxGradNorm 1 → 0;/],
    [stages, { config: { ...config, dropout: 0.3 } }, /Expected .* for dropout but received 0\.3; continue/],
  ]; // biome-ignore format: a table
  for (const [now, own, message] of refused) await assert.rejects(run(now, own), { name: 'UserError', message });
  assert.equal(seen.length, 2, 'nothing was trained');
  // What all stages share may change where a later one goes on by it.
  await run([stages[0]!, stage('close', 2)], { maxGradNorm: 0 });
  const grown = [stage('web', 2, { sha256: 'grown' }), stage('close', 2)];
  await run(grown, { maxGradNorm: 0, dataChanged: 'ok' });
  assert.deepEqual(seen, ['web 1', 'close 1', 'close 2', 'web 2']);
});

test('a mixture gives examples by their shares until each source was read through', async () => {
  const [one, other] = [
    smallExamples(20),
    smallExamples(60).map((example) => ({ ...example, key: `other-${example.key}` })),
  ];
  const mixed = mixedSource(
    [
      { source: memorySource(one, 1), share: 1 },
      { source: memorySource(other, 1), share: 1 },
    ],
    5,
  );
  const keys: string[] = [];
  for await (const { key } of mixed.epoch(0)) keys.push(key);
  assert.ok(new Set(keys).size === 80, 'all of both');
  const again: string[] = [];
  for await (const { key } of mixed.epoch(0)) again.push(key);
  assert.deepEqual(again, keys);
  const share = keys.filter((key) => key.startsWith('other')).length / keys.length;
  assert.ok(share > 0.35 && share < 0.65, `${share}`);
});

test('fine-tuning is judged by matching, and fits the weight beside the contrast that the model has', async () => {
  const given = { source: memorySource(smallExamples(40), 1), detector: 'test', batchSize: 8, steps: 2 };
  const [runDir, tunedDir] = [join(root, 'with-contrast'), join(root, 'tuned-by-matching')];
  await pretrain({ ...given, runDir, config, vocabulary, objectives: allObjectives });
  const reports: TrainingProgress[] = [];
  const validation = smallExamples(50, 2).slice(0, 40);
  const tuned = await finetune(
    { ...given, checkpoint: runDir, runDir: tunedDir, validation },
    { onProgress: (report) => reports.push(report) },
  );
  const { retrieval, margins } = reports.at(-1)!.validation!;
  assert.deepEqual([retrieval?.by, retrieval?.among, retrieval?.queries], ['itm', 16, 64]);
  assert.ok(margins!.hard >= margins!.random);
  assert.equal(tuned.best?.by, 'retrieval');
  assert.ok(readRerankWeight(tuned.checkpoint)!.queries > 64);
});
