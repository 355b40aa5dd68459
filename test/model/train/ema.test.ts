/** Running averages of the parameters: what they are, who goes by them, and that a run keeps both over a stop. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { memorySource } from '../../../model/data/source.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, averageOf, ratesAt } from '../../../model/runtime/optimizer.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import { checkpoints, readCheckpoint, readOptimizer } from '../../../model/train/checkpoint.ts';
import { type PretrainOptions, pretrain } from '../../../model/train/pretrain.ts';
import type { TrainingProgress } from '../../../model/train/progress.ts';
import { stepMemory } from '../../../model/train/step-memory.ts';
import { allObjectives, config, smallExamples, vocabulary } from '../small-model.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-ema-'));
after(() => rmSync(root, { recursive: true }));
let made = 0;

async function run(own: Partial<PretrainOptions>, stopAt?: number) {
  made += 1;
  const runDir = own.runDir ?? join(root, `run${made}`);
  const seen: TrainingProgress[] = [];
  const stop = new AbortController();
  await pretrain(
    {
      ...{ runDir, source: memorySource(smallExamples(40), 4), config, vocabulary, detector: 'test', steps: 6 },
      ...{ batchSize: 8, objectives: allObjectives, learningRate: 3e-3, reportEverySteps: 1, checkpointEverySteps: 1 },
      ...{
        validation: smallExamples(12, 2),
        evaluateEverySteps: 2,
        tensorboard: false,
        resume: true,
        keep: 100,
        ...own,
      },
    },
    {
      signal: stop.signal,
      onProgress: (progress) => {
        seen.push(progress);
        if (progress.step === stopAt) stop.abort();
      },
    },
  );
  const weightsOf = (dir: string) => {
    const checkpoint = readCheckpoint(dir);
    const inner = readOptimizer(checkpoint);
    return { given: checkpoint.values, inner, learned: new Map([...checkpoint.values, ...inner]) };
  };
  return { runDir, seen, steps: checkpoints(runDir).map(weightsOf) };
}

const ema = 0.7;

test('checkpoints give the averages of the parameters, and training goes on as without them', async () => {
  const [plain, averaged] = [await run({}), await run({ ema })];
  assert.deepEqual(averaged.seen.map(({ loss }) => loss), plain.seen.map(({ loss }) => loss)); // biome-ignore format: one line
  const wanted = startValues(parameterSpecs(config, { itc: true }), 0);
  averaged.steps.forEach(({ given, learned }, step) => {
    const kept = Math.min(ema, (1 + step) / (10 + step));
    for (const [name, average] of wanted) {
      assert.deepEqual(learned.get(name), plain.steps[step]!.given.get(name), `${name} of step ${step}`);
      average.forEach((value, at) => {
        average[at] = kept * value + (1 - kept) * learned.get(name)![at]!;
        assert.ok(Math.abs(given.get(name)![at]! - average[at]!) < 1e-6, `${name} ${at} of step ${step}`);
      });
    }
  });
});

test('evaluations go by the averages', async () => {
  const averaged = await run({ ema, steps: 4 });
  // A rate of nothing leaves the parameters as they are: evaluating them is evaluating what they began with.
  const startFrom = join(checkpoints(averaged.runDir).at(-1)!, 'model.safetensors');
  const still = await run({ startFrom, steps: 2, learningRate: 1e-30 });
  const measured = ({ seen }: typeof still) => {
    const { loss, losses, retrieval, margins } = seen.at(-1)!.validation!;
    return { loss, losses, retrieval, margins };
  };
  assert.deepEqual(measured(averaged), measured(still));
});

/** Few objectives, no validation but one: each run optimises its graph anew, which is nearly all that it costs. */
const few = { objectives: { mlm: 1, moc: 0, mrfr: 0, itm: 0, itc: 1 }, evaluateEverySteps: 4 };

test('a run goes on bit for bit; averages may be taken up and left', async () => {
  let withAverages = '';
  for (const own of [
    { ...few, ema },
    { ...few, ema, recompute: true, accumulate: 2, precision: 'bf16' },
  ] as Partial<PretrainOptions>[]) {
    const whole = await run(own);
    const stopped = await run(own, 3);
    if (withAverages === '') {
      withAverages = join(root, 'stopped');
      cpSync(stopped.runDir, withAverages, { recursive: true });
    }
    const rest = await run({ ...own, runDir: stopped.runDir });
    assert.deepEqual(rest.steps, whole.steps);
    assert.deepEqual([...stopped.seen, ...rest.seen].map(({ loss, validation }) => [loss, validation?.loss]), whole.seen.map(({ loss, validation }) => [loss, validation?.loss])); // biome-ignore format: one line
  }
  const plain = await run(few);
  const left = await run({ ...few, runDir: withAverages });
  assert.deepEqual(left.steps.at(-1)!.given, plain.steps.at(-1)!.given);
  const taken = await run({ ...few, ema, runDir: (await run(few, 3)).runDir });
  assert.deepEqual(
    taken.steps.at(-1)!.learned.get('itc.temperature'),
    plain.steps.at(-1)!.given.get('itc.temperature'),
  );
  assert.notDeepEqual(taken.steps.at(-1)!.given, plain.steps.at(-1)!.given);
});

test('compiled and op by op: who learns reads the parameter, who measures its average', () => {
  for (const compiled of [true, false]) {
    const optimizer = { ...adamW, averageDecay: 0.9 };
    const running = openExecutable({
      parameters: [
        { name: 'w', shape: [2], start: 'ones', decays: false },
        { name: 'still', shape: [2], start: 'ones', decays: false, rate: 0 },
      ],
      functions: {
        train: (_, parameters) => ({
          outputs: { seen: tf.add(parameters('w'), parameters('still')) },
          gradients: new Map([['w', tf.ones([2])]]),
        }),
        measure: (_, parameters) => ({ outputs: { seen: tf.add(parameters('w'), parameters('still')) } }),
      },
      optimizer,
      compiled,
    });
    const one = () => Float32Array.of(1, 1);
    running.load(new Map([['w', one()], ['still', one()], [averageOf('w'), one()]])); // biome-ignore format: one line
    let [w, average] = [1, 1];
    for (let step = 0; step < 20; step++) {
      const { seen } = running.run('train', {}, ratesAt(optimizer, step, 0.1));
      assert.ok(Math.abs(seen![0]! - (w + 1)) < 1e-5, `step ${step}: ${seen}`);
      w -= 0.1;
      const kept = Math.min(0.9, (1 + step) / (10 + step));
      average = kept * average + (1 - kept) * w;
      const measured = running.run('measure', {}).seen![0]!;
      assert.ok(Math.abs(measured - (average + 1)) < 1e-5, `step ${step}: ${measured} for ${average + 1}`);
    }
    assert.equal(running.values().has(averageOf('still')), false, 'what stays has no average');
    running.dispose();
  }
});

test('the memory of a step counts them', () => {
  const setup = { config, objectives: allObjectives, batchSize: 4 };
  const [without, with_] = [stepMemory(setup), stepMemory({ ...setup, ema })];
  assert.equal(with_.stateBytes, (without.stateBytes * 4) / 3);
});
