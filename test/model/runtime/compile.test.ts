import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { trainingBatch } from '../../../model/data/batch.ts';
import type { ModelConfig } from '../../../model/net/config.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import type { Executable, Precision } from '../../../model/runtime/traced-function.ts';
import { pretrainLoss } from '../../../model/train/pretrain.ts';
import { trainFunction, validateFunction } from '../../../model/train/step.ts';
import { batchSetup, config, smallExamples } from '../small-model.ts';

const examples = smallExamples(8);
const parameters = parameterSpecs({ ...config, layers: 2 }, { itc: true });

function make({
  dropout,
  ...running
}: {
  compiled: boolean;
  dropout: number;
  precision?: Precision;
  xla?: boolean;
}): Executable {
  const own: ModelConfig = { ...config, layers: 2, dropout };
  const setup = { ...batchSetup, config: own };
  const loss = pretrainLoss(setup);
  const functions = { train: trainFunction(loss, { dropout, optimizer: adamW }), validate: validateFunction(loss) };
  const made = openExecutable({ parameters, functions, optimizer: adamW, ...running });
  made.load(startValues(parameters, 3));
  return made;
}

function batch(step: number, pieces = config.maxPieces) {
  const shape = { pairs: examples.length, pieces, regions: config.maxRegions };
  const arrays = trainingBatch(examples, shape, batchSetup, random(9, step));
  return { ...arrays, seed: { shape: [2], values: Int32Array.of(1, step * 1000) } };
}

function losses(running: Executable, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => {
    return running.run('train', batch(step), ratesAt(adamW, step, 2e-3)).loss![0]!;
  });
}

function furthest(one: readonly number[], other: readonly number[]): number {
  return Math.max(...one.map((loss, step) => Math.abs(loss - other[step]!) / Math.abs(loss)));
}

for (const dropout of [0, 0.1]) {
  test(`20 compiled steps equal 20 eager ones, dropout ${dropout}`, () => {
    const [eager, compiled] = [make({ compiled: false, dropout }), make({ compiled: true, dropout })];
    const [wanted, got] = [losses(eager, 20), losses(compiled, 20)];
    assert.ok(furthest(wanted, got) < 1e-4, `${furthest(wanted, got)}`);
    assert.ok(wanted.at(-1)! < wanted[0]!, 'the loss falls');
    const weights = compiled.values();
    for (const [name, values] of eager.values()) {
      const own = weights.get(name)!;
      const apart = Math.max(...values.map((value, index) => Math.abs(value - own[index]!)));
      assert.ok(apart < 1e-3, `${name} differs by ${apart}`);
    }
    eager.dispose();
    compiled.dispose();
  });
}

test('a step of hundreds of megabytes gives the same bits each time', () => {
  // TensorFlow's optimiser adds up large graphs' sums in the order in which their terms are ready, unless kept from it.
  const own: ModelConfig = { ...config, layers: 2, vocabularySize: 40_000, hiddenSize: 384, heads: 6 };
  const parameters = parameterSpecs(own, { itc: true });
  const first = startValues(parameters, 3);
  for (const precision of ['f32', 'bf16'] as const) {
    const functions = {
      train: trainFunction(pretrainLoss({ ...batchSetup, config: own }), { dropout: own.dropout, optimizer: adamW }),
    };
    const running = openExecutable({ parameters, functions, optimizer: adamW, precision });
    const run = () => {
      const zeros = [...running.values()].map(([name, array]) => [name, new Float32Array(array.length)] as const);
      running.load(new Map([...zeros, ...first]));
      const loss = losses(running, 2);
      return { loss, values: running.values() };
    };
    const [wanted, ...others] = [run(), run(), run(), run()];
    for (const { loss, values } of others) {
      assert.deepEqual(loss, wanted?.loss);
      for (const [name, array] of values) {
        assert.ok(Buffer.from(array.buffer).equals(Buffer.from(wanted?.values.get(name)?.buffer as ArrayBuffer)), name);
      }
    }
    running.dispose();
  }
});

test('variables share no memory with the arrays they were loaded from', () => {
  const running = make({ compiled: true, dropout: 0 });
  losses(running, 1);
  const [name, values] = [...running.values()].find(([, array]) => array.length === 16)!;
  const buffer = new ArrayBuffer(1024);
  // TensorFlow would take what begins at a multiple of 64 bytes as it is.
  for (let offset = 0; offset < 64; offset += 4) {
    const array = new Float32Array(buffer, offset, values.length);
    array.set(values);
    running.load(new Map([[name, array]]));
    array.fill(7);
    assert.deepEqual(running.values().get(name), values, `${offset}`);
  }
  running.dispose();
});

test('a tensor from outside a traced function is refused, in an op and as an output', () => {
  const outside = tf.add(tf.tensor1d([1, 2]), 1);
  for (const use of [() => tf.add(outside, 1), () => tf.cumsum(outside), () => outside]) {
    const functions = { leaky: () => ({ outputs: { outside: use() } }) };
    const running = openExecutable({ parameters, functions });
    assert.throws(() => running.run('leaky', {}), /a tensor that was made outside it/);
  }
  outside.dispose();
});

test('hard negatives are chosen in the compiled step as op by op', () => {
  const shape = { pairs: examples.length, pieces: config.maxPieces, regions: config.maxRegions };
  const hard = (step: number) => ({
    ...trainingBatch(examples, shape, { ...batchSetup, hardNegatives: true }, random(9, step)),
    seed: { shape: [2], values: Int32Array.of(1, step * 1000) },
  });
  const [wanted, got] = [false, true].map((compiled) => {
    const running = make({ compiled, dropout: 0.1 });
    const losses = [0, 1, 2, 3, 4].map((step) => running.run('train', hard(step), ratesAt(adamW, step, 2e-3)).itm![0]!);
    running.dispose();
    return losses;
  }) as [number[], number[]];
  assert.ok(furthest(wanted, got) < 1e-4, `${furthest(wanted, got)}`);
});

test('the same seed gives the same run, bit for bit, dropout on', () => {
  const [one, other] = [make({ compiled: true, dropout: 0.1 }), make({ compiled: true, dropout: 0.1 })];
  assert.deepEqual(losses(one, 10), losses(other, 10));
  one.dispose();
  other.dispose();
});

test('another shape and another function read the variables that the first one trained', () => {
  const [eager, compiled] = [make({ compiled: false, dropout: 0 }), make({ compiled: true, dropout: 0 })];
  for (const running of [eager, compiled]) {
    losses(running, 3);
    running.run('train', batch(3, 6), ratesAt(adamW, 3, 2e-3));
  }
  const { seed: _, ...plain } = batch(4);
  const loss = (running: Executable) => running.run('validate', plain).loss![0]!;
  assert.ok(Math.abs(loss(eager) - loss(compiled)) < 1e-4);
  eager.dispose();
  compiled.dispose();
});

test('steps with XLA clusters equal eager ones, and themselves from the same start, dropout on', () => {
  const eager = make({ compiled: false, dropout: 0.1 });
  const fused = make({ compiled: true, dropout: 0.1, xla: true });
  const start = fused.values();
  const got = losses(fused, 5);
  assert.ok(furthest(losses(eager, 5), got) < 1e-4);
  fused.load(start);
  assert.deepEqual(losses(fused, 5), got);
  eager.dispose();
  fused.dispose();
});

test('bfloat16 products stay near float32', () => {
  const [full, half] = [make({ compiled: true, dropout: 0 }), make({ compiled: true, dropout: 0, precision: 'bf16' })];
  const apart = furthest(losses(full, 10), losses(half, 10));
  assert.ok(apart > 0 && apart < 0.02, `${apart}`);
  full.dispose();
  half.dispose();
});

test('steps leave no tensor behind', () => {
  for (const compiled of [true, false]) {
    const running = make({ compiled, dropout: 0.1 });
    losses(running, 2);
    const before = tf.memory().numTensors;
    losses(running, 5);
    assert.equal(tf.memory().numTensors, before);
    running.dispose();
  }
});
