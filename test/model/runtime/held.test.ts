/** What a call was fed, and what it gave, is given back when it ends: a run of many steps takes no more memory than one of few. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { memorySource } from '../../../model/data/source.ts';
import { feedOf } from '../../../model/runtime/array.ts';
import { nativeBackend, tf } from '../../../model/runtime/backend.ts';
import { CompiledExecutable } from '../../../model/runtime/compiled-executable.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import type { ExecutableOptions } from '../../../model/runtime/traced-function.ts';
import { pretrain } from '../../../model/train/pretrain.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-held-'));
after(() => rmSync(root, { recursive: true }));

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Of a batch's features. */
const megabytes = 2;
const halves = feedOf(Uint16Array, megabytes * 2 ** 19);
const inputs = (rows: number) => ({
  features: { shape: [rows, halves.length / rows], values: halves },
  add: { shape: [rows], values: new Float32Array(rows) },
});
const rates = ratesAt(adamW, 0, 1e-3);

const open = (own: Partial<ExecutableOptions> & { readonly compiled?: boolean }) =>
  openExecutable({
    parameters: [{ name: 'w', shape: [], start: 'ones', decays: false }],
    functions: {
      train: ({ features, add }, parameters) => {
        const rows = tf.add(tf.sum(features!, 1), tf.mul(add!, parameters('w')));
        // What is given back is as large as what is fed.
        return { outputs: { rows, wide: tf.add(features!, 1) }, gradients: new Map([['w', tf.sum(rows)]]) };
      },
    },
    optimizer: adamW,
    ...own,
  });

const stepsAtOnce = 40;

/** Half of what so many steps are fed. */
const most = (stepsAtOnce * megabytes) / 2;

/**
 * Megabytes by which the process grows over steps, at least: what is held grows with each, while what malloc keeps for the threads of a large
 * machine comes once. The first steps get what they keep.
 */
async function growth(step: (index: number) => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  let before = Number.NaN;
  for (let index = 0; index < 4 * stepsAtOnce && !(least < most); index++) {
    await step(index);
    if ((index + 1) % stepsAtOnce !== 0) continue;
    gc();
    const now = process.memoryUsage.rss();
    if (!Number.isNaN(before)) least = Math.min(least, (now - before) / 2 ** 20);
    before = now;
  }
  return least;
}

/** Tensors of the addon's that are alive, while `work` runs. */
async function counted(work: (alive: () => number) => Promise<void>): Promise<void> {
  const backend = nativeBackend()!;
  const real = backend.binding;
  const alive = new Set<number>();
  const names = Object.getOwnPropertyNames(real) as (keyof typeof real)[];
  const counting = Object.fromEntries(names.map((name) => [name, real[name]])) as unknown as typeof real;
  const note = <T extends readonly { readonly id: number }[]>(made: T): T => {
    for (const { id } of made) alive.add(id);
    return made;
  };
  counting.createTensor = (...given) => note([{ id: real.createTensor(...given) }])[0]!.id;
  counting.executeOp = (...given) => note(real.executeOp(...given));
  counting.runSavedModel = (...given) => note(real.runSavedModel(...given));
  counting.deleteTensor = (id) => {
    alive.delete(id);
    real.deleteTensor(id);
  };
  backend.binding = counting;
  try {
    await work(() => alive.size);
  } finally {
    backend.binding = real;
  }
}

for (const [name, own] of [
  ['in one graph', {}],
  ['op by op', { compiled: false }],
] as const) {
  test(`no tensor is left of a step ${name}, also of one that fails`, async () => {
    await counted(async (alive) => {
      const running = open(own);
      running.run('train', inputs(4), rates);
      const [tensors, numbers] = [tf.memory().numTensors, alive()];
      for (const rows of [4, 4, 4]) running.run('train', inputs(rows), rates);
      const wrong = { ...inputs(4), add: { shape: [4], values: new Float32Array(3) } };
      for (let index = 0; index < 3; index++) assert.throws(() => running.run('train', wrong, rates));
      assert.deepEqual([tf.memory().numTensors, alive()], [tensors, numbers]);
      running.dispose();
    });
  });
}

for (const [name, own] of [
  ['one graph', {}],
  ['a session on two devices', { devices: 2 }],
  ['a session that is fed ahead', { stagesAhead: true }],
] as const) {
  test(`a process does not grow with its steps: ${name}`, async () => {
    const running = open(own);
    let next = inputs(4);
    running.prepare('train', inputs(8));
    const grown = await growth(async (index) => {
      const calling = running.runLater('train', next, rates);
      next = inputs(index % 3 === 0 ? 8 : 4);
      running.stage(next);
      // Another one than was brought: that is thrown away.
      if (index % 5 === 0) next = { ...next, features: { ...next.features } };
      await calling;
    });
    assert.ok(grown < most, `${grown.toFixed(0)} MB`);
    running.dispose();
  });
}

test('a session that refuses what it is fed keeps nothing of it', async () => {
  const running = open({ stagesAhead: true });
  await running.runLater('train', inputs(4), rates);
  const wrong = { ...inputs(4), add: { shape: [3], values: new Float32Array(3) } };
  const wide = { ...inputs(4).features, shape: [4, halves.length / 4] };
  const grown = await growth(async () => {
    await assert.rejects(running.runLater('train', { ...wrong, features: wide }, rates));
    running.stage(inputs(4));
  });
  assert.ok(grown < most, `${grown.toFixed(0)} MB`);
  running.dispose();
});

test('a run does not hold the parameters that it began with', async (t) => {
  const { load } = CompiledExecutable.prototype;
  const loaded: WeakRef<Float32Array>[] = [];
  // Not by a mock, which holds what it was called with.
  CompiledExecutable.prototype.load = function (values) {
    for (const one of values.values()) loaded.push(new WeakRef(one));
    load.call(this, values);
  };
  t.after(() => {
    CompiledExecutable.prototype.load = load;
  });
  const held: number[] = [];
  await pretrain(
    {
      ...{ runDir: join(root, 'run'), source: memorySource(smallExamples(30), 1), config, vocabulary },
      ...{
        detector: 'test',
        steps: 4,
        batchSize: 8,
        objectives: allObjectives,
        tensorboard: false,
        reportEverySteps: 1,
        ema: 0.9,
      },
    },
    {
      onProgress: () => {
        gc();
        held.push(loaded.filter((one) => one.deref()).length);
      },
    },
  );
  assert.ok(loaded.length > 0);
  assert.equal(held.at(-2), 0, `${held} of ${loaded.length} arrays`);
});
