/** Features of the next batch on the device while a step computes: nothing of what is learned changes, on one device and on several. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { LoadedBatch } from '../../../model/data/loader.ts';
import { memorySource } from '../../../model/data/source.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import { Session } from '../../../model/runtime/session.ts';
import type { ExecutableOptions } from '../../../model/runtime/traced-function.ts';
import { readCheckpoint, readOptimizer } from '../../../model/train/checkpoint.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import { upcoming } from '../../../model/train/upcoming.ts';
import { startedSessions } from '../../helpers/started-sessions.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-staging-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;

/** Some with few words, so that batches have several lengths. */
const examples = smallExamples(60).map(({ regions, pieces, ...rest }, index) => ({
  ...rest,
  pieces: index % 4 === 0 ? pieces : pieces.slice(0, 2),
  regions: { ...regions, features: halvesFromFloats(regions.features as Float32Array) },
}));

async function run(own: Partial<PretrainOptions>, stopAt?: number) {
  made += 1;
  const runDir = own.runDir ?? join(root, `run${made}`);
  const losses: number[] = [];
  const stop = new AbortController();
  const options: PretrainOptions = {
    ...{ runDir, source: memorySource(examples, 4), config, vocabulary, detector: 'test', steps: 8, batchSize: 8 },
    ...{ objectives: allObjectives, learningRate: 1e-3, reportEverySteps: 1, checkpointEverySteps: 100 },
    ...{ validation: smallExamples(12, 2), evaluateEverySteps: 3, tensorboard: false, resume: true, keep: 1, ...own },
  };
  await pretrain(options, {
    signal: stop.signal,
    onProgress: ({ step, loss }) => {
      losses.push(loss);
      if (step === stopAt) stop.abort();
    },
  });
  const checkpoint = readCheckpoint(runDir, 'last');
  return { runDir, losses, values: checkpoint.values, means: readOptimizer(checkpoint) };
}

/** Each run optimises its graph anew, which is nearly all that it costs: few objectives make few nodes. */
const few = { objectives: { mlm: 1, moc: 0, mrfr: 1, itm: 0, itc: 0 } };

for (const [name, own] of [
  ['one device', few],
  ['two batches an update, bf16', { ...few, accumulate: 2, precision: 'bf16' }],
  ['two devices, hard negatives', { devices: 2, hardNegatives: true }],
] as [string, Partial<PretrainOptions>][]) {
  test(`a run that is fed ahead learns the same bits, stopped half-way too: ${name}`, async () => {
    const { losses, values, means } = await run({ ...own, stagesAhead: false });
    const ahead = await run({ ...own, stagesAhead: true });
    assert.deepEqual(ahead.losses, losses);
    assert.deepEqual([ahead.values, ahead.means], [values, means]);
    const stopped = await run({ ...own, stagesAhead: true }, 3);
    assert.deepEqual(stopped.losses, losses.slice(0, 3));
    const rest = await run({ ...own, stagesAhead: true, runDir: stopped.runDir });
    assert.deepEqual([rest.losses, rest.values, rest.means], [losses.slice(3), values, means]);
  });
}

test('batches of each length have an area, and only what learns is fed from there', async () => {
  const [graph] = await startedSessions(() => run({ stagesAhead: true, steps: 1 }), { endAtStart: true });
  const count = (op: string) => graph!.nodes.filter((node) => node.op === op).length;
  assert.ok(count('Stage') >= 1);
  assert.equal(count('Stage'), count('Unstage'));
  const fedFeatures = graph!.nodes.filter(({ name, op }) => op === 'Placeholder' && name.endsWith('/in/features'));
  assert.ok(fedFeatures.length > 0, 'validation is fed when it is called');
});

test('what is no number is told of the batch that has it', async () => {
  const broken = examples.map((one, index) =>
    index % 10 === 0
      ? { ...one, regions: { ...one.regions, features: one.regions.features.slice().fill(0x7e00) } }
      : one,
  );
  const message = async (stagesAhead: boolean): Promise<string> => {
    // The statistics of the features are those of whole ones.
    const { runDir } = await run({ ...few, stagesAhead, steps: 2 });
    try {
      await run({ ...few, runDir, source: memorySource(broken, 4), stagesAhead });
    } catch (error) {
      return (error as Error).message.replace(/;.*/, '');
    }
    return 'nothing';
  };
  const told = await message(true);
  assert.match(told, /^Expected finite features at step [2-7] but received .* of pair\d*0( pair\d*0)*$/);
  assert.equal(told, await message(false));
});

test('a batch that cannot be read fails the update that needs it, not the one before', async () => {
  const batch = (number: number) => ({ keys: [`${number}`] }) as unknown as LoadedBatch;
  let taken = 0;
  const coming = upcoming(
    {
      async next() {
        taken += 1;
        if (taken === 4) throw new Error('the shard is gone');
        return batch(taken);
      },
    },
    2,
  );
  assert.deepEqual(await coming.next(), [batch(1), batch(2)]);
  assert.deepEqual(await coming.first(), batch(3));
  await new Promise(setImmediate);
  await assert.rejects(coming.next(), /the shard is gone/);
});

const open = (own: Partial<ExecutableOptions> = {}) =>
  openExecutable({
    parameters: [{ name: 'w', shape: [], start: 'ones', decays: false }],
    functions: {
      train: ({ features, add }, parameters) => ({
        outputs: { sum: tf.add(tf.sum(features!), tf.add(add!, tf.mul(parameters('w'), 0))) },
        gradients: new Map([['w', tf.scalar(0)]]),
      }),
    },
    optimizer: adamW,
    stagesAhead: true,
    ...own,
  });
const inputs = (value: number, length = 4) => ({
  features: { shape: [length], values: halvesFromFloats(new Float32Array(length).fill(value)) },
  add: { shape: [], values: Float32Array.of(100) },
});

test('an executable takes what it is called with, whatever was brought before, and closes with something on its way', async () => {
  const running = open();
  const sum = async (given: ReturnType<typeof inputs>) =>
    (await running.runLater('train', given, ratesAt(adamW, 0, 0))).sum![0];
  const [one, two, three, long] = [inputs(1), inputs(2), inputs(3), inputs(5, 6)];
  running.prepare('train', one);
  running.prepare('train', long);
  assert.equal(await sum(one), 104);
  running.stage(two);
  assert.equal(await sum(two), 108, 'what was brought');
  running.stage(two);
  assert.equal(await sum(three), 112, 'another than was brought');
  running.stage(two);
  const instead = sum(three);
  running.stage(one);
  assert.deepEqual(
    [await instead, await sum(one)],
    [112, 104],
    'another than was brought, before what is brought after it',
  );
  running.stage(one);
  running.stage(long);
  assert.equal(await sum(long), 130, 'each length has its own area');
  assert.equal(await sum(one), 104);
  const first = sum(one);
  running.stage(two);
  assert.deepEqual([await first, await sum(two)], [104, 108], 'brought while a call runs');
  assert.throws(() => running.run('train', one, ratesAt(adamW, 0, 0)), /comes ahead; call runLater/);
  running.stage(inputs(9, 7));
  running.stage(three);
  running.dispose();
});

test('under XLA what was brought gives the bits that what is fed gives', async () => {
  const functions: ExecutableOptions['functions'] = {
    train: ({ features, add }, parameters) => {
      const w = parameters('w');
      // Enough between products for a cluster.
      const x = tf.tanh(tf.mul(tf.add(tf.exp(tf.mul(features!, 0.1)), add!), w));
      const y = tf.matMul(tf.reshape(x, [32, 32]), tf.reshape(tf.sub(x, tf.square(x)), [32, 32]));
      return { outputs: { sum: tf.sum(y) }, gradients: new Map([['w', tf.mean(tf.mul(y, tf.sigmoid(y)))]]) };
    },
  };
  const learned = async (stagesAhead: boolean) => {
    const running = open({ functions, stagesAhead, xla: true });
    const sums: number[] = [];
    const [first, ...others] = Array.from({ length: 6 }, (_, step) => inputs(step, 1024));
    let next = first;
    for (let step = 0; next; step++) {
      const calling = running.runLater('train', next, ratesAt(adamW, step, 0.1));
      next = others.shift();
      if (next) running.stage(next);
      sums.push((await calling).sum![0]!);
    }
    const values = running.values();
    running.dispose();
    return { sums, values };
  };
  const fed = await learned(false);
  let ahead: typeof fed | undefined;
  const [graph] = await startedSessions(async () => {
    ahead = await learned(true);
  });
  assert.ok(graph!.functions.size > 0, 'clusters');
  assert.deepEqual(ahead, fed);
});

test('a graph that is fed ahead is closed before the next one starts', async (t) => {
  // Sessions of other tests may close meanwhile.
  const own: Session[] = [];
  const order: string[] = [];
  const { dispose, run } = Session.prototype;
  t.mock.method(Session.prototype, 'run', function (this: Session, ...given: Parameters<typeof run>) {
    if (!own.includes(this)) order.push(`${own.push(this)} starts`);
    return run.call(this, ...given);
  });
  t.mock.method(Session.prototype, 'dispose', function (this: Session) {
    if (own.includes(this)) order.push(`${own.indexOf(this) + 1} closes`);
    dispose.call(this);
  });
  const running = open();
  const call = (given: ReturnType<typeof inputs>) => running.runLater('train', given, ratesAt(adamW, 0, 0));
  await call(inputs(1));
  await call(inputs(1, 6));
  running.dispose();
  assert.deepEqual(order, ['1 starts', '1 closes', '2 starts', '2 closes']);
});

test('what was not brought before comes in before what is brought after it', async () => {
  const running = open();
  for (let step = 0; step < 400; step++) {
    const [own, next] = [inputs(2 * step), inputs(2 * step + 1)];
    const first = running.runLater('train', own, ratesAt(adamW, 0, 0));
    running.stage(next);
    const second = first.then(() => running.runLater('train', next, ratesAt(adamW, 0, 0)));
    const sums = [await first, await second].map(({ sum }) => sum![0]);
    assert.deepEqual(sums, [100 + 8 * step, 104 + 8 * step]);
  }
  running.dispose();
});
