import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { trainingBatch } from '../../../model/data/batch.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { openExecutable } from '../../../model/runtime/executable.ts';
import { adamW, ratesAt } from '../../../model/runtime/optimizer.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import type { ExecutableOptions } from '../../../model/runtime/traced-function.ts';
import { pretrainLoss } from '../../../model/train/pretrain.ts';
import { trainFunction } from '../../../model/train/step.ts';
import { startedGraphs } from '../../helpers/started-graphs.ts';
import { batchSetup, config, smallExamples } from '../small-model.ts';

const own = { ...config, layers: 2 };
const shape = { pairs: 6, pieces: config.maxPieces, regions: config.maxRegions };

async function afterSteps(options: Partial<ExecutableOptions>) {
  const parameters = parameterSpecs(own, { itc: true });
  const loss = pretrainLoss({ ...batchSetup, config: own });
  const losses: number[] = [];
  let means = new Map<string, Float32Array>();
  const graphs = await startedGraphs(async () => {
    const functions = { train: trainFunction(loss, { dropout: own.dropout, optimizer: adamW }) };
    const running = openExecutable({ parameters, functions, optimizer: adamW, ...options });
    running.load(startValues(parameters, 3));
    for (let step = 0; step < 4; step++) {
      const arrays = trainingBatch(smallExamples(6, step), shape, batchSetup, random(7, step));
      arrays.seed = { shape: [2], values: Int32Array.of(1, step * 4096) };
      losses.push(running.run('train', arrays, ratesAt(adamW, step, 1e-2)).loss![0]!);
      // After the first step, a tenth of the gradient.
      if (step === 0) means = new Map([...running.values()].filter(([name]) => name.endsWith('/adam_m')));
    }
    running.dispose();
  });
  return { losses, means, nodes: graphs.at(-1)!.nodes };
}

/** TensorFlow's optimiser joins what has one reader, and more has one reader here: the last bits of a gradient may differ. */
const settings: [own: Partial<ExecutableOptions>, tolerance: number][] = [
  [{}, 1e-6],
  [{ precision: 'bf16' }, 1e-2],
  [{ precision: 'bf16', xla: true }, 1e-2],
];
for (const [options, tolerance] of settings) {
  test(`layers that are computed anew give the same loss, and gradients within ${tolerance}: ${JSON.stringify(options)}`, async () => {
    const kept = await afterSteps(options);
    const anew = await afterSteps({ ...options, recompute: true });
    assert.equal(anew.losses[0], kept.losses[0]);
    kept.losses.forEach((loss, step) => {
      assert.ok(
        Math.abs(anew.losses[step]! - loss) < tolerance * loss,
        `step ${step}: ${anew.losses[step]} for ${loss}`,
      );
    });
    for (const [name, means] of kept.means) {
      const largest = Math.max(...means.map(Math.abs));
      const apart = Math.max(...means.map((one, index) => Math.abs(one - anew.means.get(name)![index]!)));
      assert.ok(apart <= tolerance * largest, `${name}: ${apart} of ${largest}`);
    }
    // In each pass of a layer: softmax is an op of attention and of nothing else that is computed anew.
    const count = (nodes: typeof kept.nodes, op: string) => nodes.filter((node) => node.op === op).length;
    const passes = 3 * own.layers;
    assert.equal(count(anew.nodes, 'Softmax') - count(kept.nodes, 'Softmax'), passes);
    const random = 'StatelessRandomUniformFullIntV2';
    assert.ok(count(anew.nodes, random) > count(kept.nodes, random), 'masks of dropout are drawn anew');
  });
}

test('what is computed anew waits for the gradient of its layer', async () => {
  const { nodes } = await afterSteps({ recompute: true });
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const before = (name: string, seen = new Set<string>()): Set<string> => {
    for (const input of byName.get(name)!.input) {
      const from = input.replace(/^\^/, '').replace(/:\d+$/, '');
      if (seen.has(from)) continue;
      seen.add(from);
      before(from, seen);
    }
    return seen;
  };
  const softmaxes = nodes.filter(({ op }) => op === 'Softmax').map(({ name }) => name);
  const numberOf = (name: string) => Number(name.split('/')[1]);
  const [loss] = nodes.filter(({ name }) => name.endsWith('/out/loss'));
  const lossAt = Math.max(...loss!.input.filter((one) => !one.startsWith('^')).map((one) => numberOf(one)));
  const second = softmaxes.filter((name) => numberOf(name) > lossAt);
  assert.ok(second.length >= 3 * own.layers);
  for (const name of second) {
    const gradients = [...before(name)].filter((one) => numberOf(one) > lossAt);
    assert.ok(gradients.length > 3, `${name} waits for ${gradients.length} nodes of the backward pass`);
  }
});
