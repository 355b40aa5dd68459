import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { specialPieceIds } from '../../../model/data/tokenizer.ts';
import type { ObjectiveWeights } from '../../../model/net/objective.ts';
import { bestCheckpoint, checkpoints, readCheckpoint, readOptimizer } from '../../../model/train/checkpoint.ts';
import type { BestBy } from '../../../model/train/defaults.ts';
import { meanRecall, yardstick } from '../../../model/train/held-out.ts';
import type { DataIdentity } from '../../../model/train/made-from.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import type { BestMeasure, HeldOutMeasures, TrainingProgress } from '../../../model/train/progress.ts';
import { readRunLog } from '../../../model/train/run-log.ts';
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
async function runChild(
  runDir: string,
  steps: number,
  { own = {}, killAfter }: { own?: Partial<PretrainOptions>; killAfter?: number } = {},
): Promise<Line[]> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'train-child.ts'), runDir, `${steps}`, JSON.stringify(own)],
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

const resumable: [name: string, own: Partial<PretrainOptions>][] = [
  ['a run', {}],
  ['a run with every option on', { learningRateDecay: 'cosine', maxGradNorm: 0.5, recompute: true, ema: 0.9 }],
];
for (const [name, own] of resumable) {
  test(`${name}, killed half-way and started again, goes on with the losses of an undisturbed run, bit for bit`, async () => {
    const [undisturbed, killed] = [newDir(), newDir()];
    const whole = await runChild(undisturbed, 24, { own });
    assert.equal(whole.length, 24);
    const before = await runChild(killed, 24, { own, killAfter: 15 });
    const rest = await runChild(killed, 24, { own });
    assert.equal(rest[0]?.step, 15, 'the newest checkpoint is of step 14');
    assert.deepEqual(before.slice(0, 15), whole.slice(0, 15));
    assert.deepEqual(rest, whole.slice(14));
    assert.deepEqual(readCheckpoint(killed, 'last').values, readCheckpoint(undisturbed, 'last').values);
    assert.deepEqual(readOptimizer(readCheckpoint(killed, 'last')), readOptimizer(readCheckpoint(undisturbed, 'last')));
  });
}

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

/** What a run measured at its evaluations, and its folder. */
async function evaluated(own: Partial<PretrainOptions>): Promise<{ runDir: string; seen: TrainingProgress[] }> {
  const seen: TrainingProgress[] = [];
  const given = options({ steps: 12, evaluateEverySteps: 3, checkpointEverySteps: 100, learningRate: 0.3, validation: smallExamples(20, 2), ...own }); // biome-ignore format: one line
  await pretrain(given, { onProgress: (progress) => progress.validation && seen.push(progress) });
  return { runDir: given.runDir, seen };
}

const name = (step: number) => `step-${String(step).padStart(8, '0')}`;

const measures: [by: BestBy, objectives: Partial<ObjectiveWeights>, value: (measured: HeldOutMeasures) => number][] = [
  ['auto', {}, ({ retrieval }) => -meanRecall(retrieval!)],
  ['auto', { itc: 0 }, ({ retrieval }) => -meanRecall(retrieval!)],
  ['auto', { itc: 0, itm: 0 }, ({ loss }) => loss],
  ['retrieval', {}, ({ retrieval }) => -meanRecall(retrieval!)],
  ['loss', {}, ({ loss }) => loss],
  ['mlm', {}, ({ losses }) => losses.mlm!],
];
for (const [bestBy, own, value] of measures) {
  test(`the best checkpoint stays beside the newest, and stands for the run: by ${bestBy}, ${JSON.stringify(own)}`, async () => {
    const objectives = { ...allObjectives, ...own };
    const { runDir, seen } = await evaluated({ bestBy, objectives, keep: 1 });
    assert.deepEqual(
      seen.map(({ step }) => step),
      [3, 6, 9, 12],
    );
    const [best] = seen.toSorted((one, other) => value(one.validation!) - value(other.validation!));
    assert.deepEqual(readdirSync(join(runDir, 'checkpoints')), [...new Set([name(best!.step), name(12)])].sort());
    assert.equal(bestCheckpoint(runDir)?.checkpoint, join(runDir, 'checkpoints', name(best!.step)));
    assert.equal(readCheckpoint(runDir).state.step, best!.step);
    assert.equal(readCheckpoint(runDir, 'last').state.step, 12);
  });
}

test('the best is sought anew where it is measured otherwise, and stays where it is not', async () => {
  const objectives = { mlm: 1, moc: 0, mrfr: 0, itm: 0, itc: 0 };
  const evaluate = { evaluateEverySteps: 1, validation: smallExamples(20, 2), compiled: false };
  const own = options({ steps: 1, objectives, bestBy: 'loss', ...evaluate });
  await pretrain(own);
  /** Goes on for a step; whether that is the best now, and what was heard of the best. */
  const goOn = async (steps: number, change: Partial<PretrainOptions>) => {
    const heard: string[] = [];
    const onChangedSettings = (changed: readonly string[]) =>
      void heard.push(...changed.filter((one) => /best/.test(one)));
    await pretrain({ ...own, learningRate: 30, warmupShare: 0, steps, resume: true, onChangedSettings, ...change });
    return [bestCheckpoint(own.runDir)?.step === steps, heard];
  };
  const anew = (step: number) => [true, [`what the best is measured by: it was step ${step}, and is sought anew`]];
  assert.deepEqual((await goOn(2, {}))[1], []);
  const validation = smallExamples(20, 3);
  const before = bestCheckpoint(own.runDir)!.step;
  assert.deepEqual(await goOn(3, { validation }), anew(before), 'other held-out pairs');
  assert.deepEqual(
    await goOn(4, { validation, objectives: { ...objectives, mlm: 2 } }),
    anew(3),
    'other weights of the sum',
  );
});

test('a yardstick is another where values are not to be compared', () => {
  const examples = smallExamples(8);
  const special = specialPieceIds(vocabulary);
  const collation = { task: 'pretrain', config, special, objectives: allObjectives, maxOverlap: 0.4, hardNegatives: false, cleanMatching: false } as const; // biome-ignore format: one line
  const held = { examples, batchSize: 8, collation, weights: allObjectives };
  const features = examples[0]!.regions.features.map((value) => value + 1);
  const otherFeatures = [{ ...examples[0]!, regions: { ...examples[0]!.regions, features } }, ...examples.slice(1)];
  const table: [by: BestMeasure, change: Partial<typeof held>, isSame: boolean][] = [
    ['retrieval', {}, true],
    ['retrieval', { examples: examples.slice(1) }, false],
    ['retrieval', { examples: otherFeatures }, false],
    ['retrieval', { batchSize: 4, weights: { ...allObjectives, mlm: 2 } }, true],
    ['retrieval', { weights: { ...allObjectives, itc: allObjectives.itc > 0 ? 0 : 1 } }, false],
    ['loss', { weights: { ...allObjectives, mlm: 2 } }, false],
    ['mlm', { weights: { ...allObjectives, mlm: 2 } }, true],
    ['mlm', { batchSize: 4 }, false],
  ];
  for (const [by, change, isSame] of table) {
    assert.equal(yardstick(by, held) === yardstick(by, { ...held, ...change }), isSame, `${by} ${Object.keys(change)}`);
  }
  assert.equal(yardstick('loss', { ...held, examples: examples.slice(0, 1) }), undefined);
});

test('a measure of what is not learned, and patience without held-out pairs, are refused', async () => {
  const refused: [Partial<PretrainOptions>, string][] = [
    [{ bestBy: 'itc', objectives: { ...allObjectives, itc: 0 } }, 'Expected a measure of what is learned for bestBy but received itc; give itc a weight above 0, or take another.'],
    [{ bestBy: 'retrieval', objectives: { ...allObjectives, itc: 0, itm: 0 } }, 'Expected a measure of what is learned for bestBy but received retrieval; give itc or itm a weight above 0, or take another.'],
    [{ patience: 2 }, 'Expected two held-out pairs or more for --patience but received 0; hold pairs out, or leave it out.'],
  ]; // biome-ignore format: a table
  for (const [own, message] of refused) await assert.rejects(pretrain(options(own)), { name: 'UserError', message });
});

test('held-out measures are of the same pairs, masks and partners, also where negatives are chosen', async () => {
  // Nothing is learned, so nothing may differ.
  const { seen } = await evaluated({ learningRate: 1e-30, hardNegatives: true });
  for (const { validation } of seen) assert.deepEqual(validation, seen[0]!.validation);
  const { retrieval, margins, temperature, itmEntropy } = seen[0]!.validation!;
  assert.deepEqual(
    [retrieval?.by, retrieval?.among, retrieval?.queries],
    ['itc', 19, 38],
    'one has the words of another',
  );
  assert.ok(margins && temperature && Math.abs(temperature - 0.07) < 1e-6);
  assert.ok(Math.abs(itmEntropy! - Math.log(2)) < 1e-9, 'one wrong pair for each true one');
});

test('a run ends when patience is spent, is then finished, and goes on with more patience', async () => {
  // At this rate it only gets worse.
  const own = { learningRate: 3, steps: 60, patience: 2, bestBy: 'mlm' } as const;
  const { runDir, seen } = await evaluated(own);
  const { step, evaluationsSince } = seen.at(-1)!.best!;
  assert.deepEqual([evaluationsSince, seen.at(-1)!.step, seen.at(-1)!.step < 60], [2, step + 6, true]);
  const again = options({ ...own, runDir, resume: true, evaluateEverySteps: 3, validation: smallExamples(20, 2) });
  const finished = await pretrain(again, { onProgress: () => assert.fail('no step is made') });
  assert.deepEqual([finished.outOfPatience, finished.stopped, finished.steps], [true, false, step + 6]);
  const further = await pretrain({ ...again, patience: 3 });
  assert.ok(further.steps > step + 6, `${further.steps}`);
});

test('the log has each report once, also after a kill', async () => {
  const runDir = newDir();
  const undisturbed = newDir();
  const withoutTimes = (dir: string) =>
    readRunLog(dir).map(({ step, loss, losses, validation, best, gradientNorms }) => ({ step, loss, losses, validation, best, gradientNorms })); // biome-ignore format: one line
  await runChild(undisturbed, 24);
  await runChild(runDir, 24, { killAfter: 17 });
  appendFileSync(join(runDir, 'log.jsonl'), '{"step":18,"lo');
  await runChild(runDir, 24);
  assert.deepEqual(withoutTimes(runDir), withoutTimes(undisturbed));
  assert.deepEqual(readCheckpoint(runDir, 'last').state, readCheckpoint(undisturbed, 'last').state);
  assert.deepEqual(bestCheckpoint(runDir)?.step, bestCheckpoint(undisturbed)?.step);
  assert.equal(withoutTimes(runDir).length, 24);
  assert.deepEqual(Object.keys(withoutTimes(runDir)[0]!.gradientNorms), ['words', 'regions', 'layers', 'heads']);
});

test('features that are no number stop the run with the key of their sample', async () => {
  const examples = smallExamples(8);
  examples[3]?.regions.features.fill(Number.NaN);
  const own = options({
    source: memorySource(examples, 1),
    batchSize: 8,
  });
  await assert.rejects(
    pretrain(own),
    /Expected finite features at step 0 but received .* of pair3; there is no checkpoint yet;/,
  );
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

test('a run says which settings change as it goes on, and refuses those that it cannot heed', async () => {
  const first = options({ steps: 2, seed: 3 });
  await pretrain(first);
  const dir = join(first.runDir, 'checkpoints/step-00000002');
  const ended = (what: string) =>
    `Expected the settings that ${dir} has ended with but received others: ${what}; --steps above 2 goes on, and another --run begins anew.`;
  const refused: [Partial<PretrainOptions>, string][] = [
    [{ seed: 0 }, `Expected 3 for seed, as ${dir} has it, but received 0; give --seed 3 to go on, or another --run to begin anew.`],
    [{ seed: 0, steps: 9 }, `Expected 3 for seed, as ${dir} has it, but received 0; give --seed 3 to go on, or another --run to begin anew.`],
    [{ batchSize: 4 }, ended('batchSize 8 → 4')],
    [{ steps: 1 }, ended('steps 1, where 2 are made')],
    [{ ema: 0.9, hardNegatives: true, objectives: { ...allObjectives, mlm: 2 } }, ended('ema 0 → 0.9, mlm 1 → 2, hardNegatives false → true')],
  ]; // biome-ignore format: a table
  for (const [own, message] of refused) {
    await assert.rejects(pretrain({ ...first, resume: true, ...own }), { name: 'UserError', message });
  }
  const heard: (readonly string[])[] = [];
  const again = { ...first, resume: true, onChangedSettings: (changed: readonly string[]) => heard.push(changed) };
  await pretrain(again);
  assert.deepEqual(heard, [], 'the same command again');
  await pretrain({ ...again, batchSize: 4, steps: 4 });
  await pretrain({ ...again, batchSize: 4, steps: 4 });
  assert.deepEqual(heard, [['steps 2 → 4', 'batchSize 8 → 4']]);
  assert.equal(readCheckpoint(first.runDir).state.settings?.batchSize, 4);
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
    [
      { data: data({ picturesBy: 'content' }) },
      'pictures of train of birds are told apart by their content, and were by image_id or key',
    ],
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
