import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { bestCheckpoint, checkpoints, readCheckpoint } from '../../../model/train/checkpoint.ts';
import type { DataIdentity } from '../../../model/train/made-from.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import type { TrainingProgress } from '../../../model/train/progress.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-train-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;
const newDir = () => {
  made += 1;
  return join(root, `run${made}`);
};

const options = (own: Partial<PretrainOptions> = {}): PretrainOptions => ({
  runDir: newDir(),
  source: memorySource(smallExamples(50), 4),
  config,
  vocabulary,
  detector: 'test',
  steps: 12,
  objectives: allObjectives,
  batchSize: 8,
  learningRate: 2e-3,
  checkpointEverySteps: 5,
  reportEverySteps: 1,
  ...own,
});

interface Line {
  readonly step: number;
  readonly loss: number;
}

/** Runs the child; kills it with SIGKILL after a step, if one is given. */
async function runChild(runDir: string, steps: number, killAfter?: number): Promise<Line[]> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'train-child.ts'), runDir, `${steps}`],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const exited = once(child, 'exit');
  const lines: Line[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    const line = JSON.parse(text) as Line;
    lines.push(line);
    if (line.step === killAfter) child.kill('SIGKILL');
  }
  await exited;
  return lines;
}

test('a run killed half-way and started again goes on with the losses of an undisturbed run, bit for bit', async () => {
  const [undisturbed, killed] = [newDir(), newDir()];
  const whole = await runChild(undisturbed, 24);
  assert.equal(whole.length, 24);
  const before = await runChild(killed, 24, 17);
  const rest = await runChild(killed, 24);
  assert.equal(rest[0]?.step, 15, 'the newest checkpoint is of step 14');
  assert.deepEqual(before.slice(0, 17), whole.slice(0, 17));
  assert.deepEqual(rest, whole.slice(14));
  assert.deepEqual(readCheckpoint(killed).values, readCheckpoint(undisturbed).values);
});

test('losses fall, and each report has every objective', async () => {
  const reports: TrainingProgress[] = [];
  const own = options({
    steps: 120,
    reportEverySteps: 20,
    checkpointEverySteps: 1000,
    validation: smallExamples(12, 2),
  });
  const summary = await pretrain(own, { onProgress: (report) => reports.push(report) });
  assert.equal(summary.steps, 120);
  const [first, last] = [reports[0] as TrainingProgress, reports.at(-1) as TrainingProgress];
  for (const name of ['mlm', 'moc', 'mrfr', 'itc'] as const) {
    assert.ok(last.losses[name]! < first.losses[name]!, `${name} falls`);
  }
  assert.deepEqual(Object.keys(last.losses), ['mlm', 'moc', 'mrfr', 'itm', 'itc']);
  assert.deepEqual(Object.keys(last.accuracies), ['mlm', 'moc', 'itm', 'itc']);
  assert.ok(Number.isFinite(last.validation?.loss));
  assert.ok(last.waitShare >= 0 && last.waitShare < 1);
  assert.equal(last.checkpoint, summary.checkpoint);
});

test('a signal saves, then stops; the run goes on from there', async () => {
  const own = options({ steps: 10, checkpointEverySteps: 100 });
  const stop = new AbortController();
  const stopped = await pretrain(own, {
    signal: stop.signal,
    onProgress: ({ step }) => step === 4 && stop.abort(),
  });
  assert.deepEqual([stopped.stopped, stopped.steps], [true, 4]);
  const steps: number[] = [];
  const rest = await pretrain({ ...own, resume: true }, { onProgress: ({ step }) => steps.push(step) });
  assert.deepEqual([rest.stopped, steps], [false, [5, 6, 7, 8, 9, 10]]);
});

test('the newest checkpoints are kept, whole, and the one with the lowest validation loss', async () => {
  const own = options({
    steps: 12,
    checkpointEverySteps: 3,
    keep: 1,
    learningRate: 0.3,
    validation: smallExamples(8, 2),
  });
  const seen: [step: number, loss: number][] = [];
  await pretrain(own, { onProgress: ({ step, validation }) => validation && seen.push([step, validation.loss]) });
  const [best] = seen.toSorted(([, one], [, other]) => one - other)[0] as [number, number];
  const name = (step: number) => `step-${String(step).padStart(8, '0')}`;
  assert.deepEqual(readdirSync(join(own.runDir, 'checkpoints')), [...new Set([name(best), name(12)])].sort());
  assert.equal(bestCheckpoint(own.runDir), join(own.runDir, 'checkpoints', name(best)));
});

test('a loss that is no number stops the run with the keys of the batch', async () => {
  const examples = smallExamples(8);
  examples[3]?.regions.features.fill(Number.NaN);
  const own = options({
    source: {
      async *epoch() {
        yield* examples;
      },
    },
    batchSize: 8,
  });
  await assert.rejects(pretrain(own), /Expected a finite \w+ at step 0 but received NaN.*pair3/s);
  assert.equal(existsSync(join(own.runDir, 'checkpoints')), false);
});

const refusals: [name: string, own: Partial<PretrainOptions>, message: RegExp][] = [
  ['another detector', { detector: 'other' }, /Expected test as in step-00000002 for the detector but received other/],
  [
    'another vocabulary',
    { vocabulary: vocabulary.with(9, 'new') },
    /Expected word4 as in .* for piece 9 of the vocabulary/,
  ],
  ['another width', { config: { ...config, hiddenSize: 32 } }, /Expected 16 as in .* for hiddenSize but received 32/],
  ['another feature width', { config: { ...config, featureSize: 7 } }, /for featureSize but received 7/],
];
test('a run does not go on with another model', async (t) => {
  const own = options({ steps: 2 });
  await pretrain(own);
  for (const [name, changed, message] of refusals) {
    await t.test(name, async () => {
      await assert.rejects(pretrain({ ...own, ...changed, steps: 4, resume: true }), { name: 'UserError', message });
    });
  }
  await t.test('a run that is there already', async () => {
    await assert.rejects(pretrain(own), { name: 'UserError', message: /has checkpoints; resume it or choose another/ });
  });
  await t.test('a truncated checkpoint', async () => {
    truncateSync(join(checkpoints(own.runDir).at(-1) as string, 'model.safetensors'), 5000);
    await assert.rejects(pretrain({ ...own, resume: true }), {
      name: 'UserError',
      message: /model\.safetensors as it was written but its checksum is another/,
    });
  });
});

test('no examples and only one image are refused in one line', async () => {
  await assert.rejects(
    pretrain(options({ source: memorySource([], 1) })),
    /Expected examples for training but received none/,
  );
  await assert.rejects(
    pretrain(options({ source: memorySource(smallExamples(1), 1) })),
    /Expected examples of two images or more for training but received one image/,
  );
});

test('a run names what it is made from, says what changed, and goes on where that is allowed', async () => {
  const data = (change: Partial<DataIdentity> = {}): DataIdentity[] => [
    { corpus: 'birds', split: 'train', share: 1, version: 1, sha256: 'aa', shards: { '00000.tar': '1', '00001.tar': '2' }, features: 'f', detectorModel: 'm', ...change },
  ]; // biome-ignore format: one line
  const own = options({ steps: 2, data: data() });
  await pretrain(own);
  assert.deepEqual(readCheckpoint(own.runDir).madeFrom, { data: data(), start: null });
  const grown = { version: 2, sha256: 'bb', shards: { '00000.tar': '3', '00001.tar': '2', '00002.tar': '4' } };
  const start = join(own.runDir, 'checkpoints/step-00000002/model.safetensors');
  const table: [Partial<PretrainOptions>, string][] = [
    [{ data: data(grown) }, 'train of birds (version 1, now 2): of 2 shards 1 changed, 1 added'],
    [{ data: data({ sha256: 'cc', shards: { '00000.tar': '1' } }) }, 'train of birds: of 2 shards 1 removed'],
    [{ data: data({ features: 'g' }) }, 'features of train of birds by another detector or setting'],
    [{ data: data({ share: 2 }) }, 'the share of birds is 2 and was 1'],
    [{ data: [...data(), ...data({ corpus: 'ships' })] }, 'train of ships is new'],
    [{ data: [] }, 'train of birds is no longer used'],
    [{ startFrom: start }, 'the weights that it began with'],
  ];
  for (const [change, what] of table) {
    await assert.rejects(pretrain({ ...own, steps: 3, resume: true, ...change }), {
      name: 'UserError',
      message: `Expected what ${join(own.runDir, 'checkpoints/step-00000002')} was made from but received something else: ${what}; give --data-changed ok to go on with it, or another --run to begin anew.`,
    });
  }
  // The same data elsewhere is the same.
  await pretrain({ ...own, steps: 3, resume: true, data: data({ corpus: 'moved/birds' }) });
  await pretrain({ ...own, steps: 4, resume: true, data: data(grown), dataChanged: 'ok' });
  const { state } = readCheckpoint(own.runDir);
  assert.deepEqual(state.madeFrom, { data: data(grown), start: null });
  assert.deepEqual(state.before, [{ untilStep: 3, madeFrom: { data: data(), start: null } }]);
});
