/**
 * What sharing a batch costs: two processes on two cores, each with half of a batch, beside one process on the same cores with all of it, and the
 * sum of gradients alone, by size. Devices made of one CPU stand beside them.
 *
 *   node --import tsx bench/parallel.ts [MODEL=tiny,mini] [PAIRS=16] [STEPS=12]
 */
import { spawn } from 'node:child_process';
import { random } from '../dataset/random.ts';
import { trainingBatch } from '../model/data/batch.ts';
import { identityStatistics } from '../model/data/feature-statistics.ts';
import { fullExamples } from '../model/data/full-batch.ts';
import { presets } from '../model/net/config.ts';
import { defaultObjectives } from '../model/net/objective.ts';
import { parameterSpecs } from '../model/net/parameters.ts';
import { elementCount } from '../model/runtime/array.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import { adamW, ratesAt } from '../model/runtime/optimizer.ts';
import { startValues } from '../model/runtime/parameter.ts';
import { endSoon } from '../model/runtime/session.ts';
import { pretrainLoss } from '../model/train/pretrain.ts';
import { openRanks, type Ranks } from '../model/train/ranks.ts';
import { update, updateFunctions } from '../model/train/update.ts';
import { freePort } from '../test/helpers/free-port.ts';

type Preset = keyof typeof presets;

interface Task {
  readonly preset: Preset;
  readonly pairs: number;
  readonly steps: number;
  readonly devices: number;
  readonly rank: number;
  readonly ranks: number;
  readonly port: number;
}

interface Measured {
  readonly stepMs: number;
  readonly sumMs: number;
  readonly megabytes: number;
  readonly cpuMs: number;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

if (process.argv[2]?.startsWith('{')) {
  const task = JSON.parse(process.argv[2]) as Task;
  const ranks =
    task.ranks > 1
      ? await openRanks({ rank: task.rank, count: task.ranks, coordinator: { host: '127.0.0.1', port: task.port } })
      : undefined;
  const measured = await measure(task, ranks);
  await ranks?.leave();
  if (task.rank === 0) process.stdout.write(`${JSON.stringify(measured)}\n`);
  if (ranks) endSoon();
} else await compare();

/** The median of so many steps, and of sums of the same gradients without a step. */
async function measure({ preset, pairs, steps, devices }: Task, ranks: Ranks | undefined): Promise<Measured> {
  const config = { ...presets[preset], vocabularySize: 8192, featureSize: 1888, classes: 80, maxRegions: 36 };
  const special = { padId: 0, clsId: 2, sepId: 3, maskId: 4 };
  const setup = { config, special, objectives: defaultObjectives };
  const examples = fullExamples(config, pairs, random(1));
  const own = pairs / (ranks?.count ?? 1);
  const first = (ranks?.rank ?? 0) * own;
  const shape = { pairs: own, pieces: config.maxPieces, regions: 36 };
  const batch = trainingBatch(examples.slice(first, first + own), shape, { ...setup, featureStatistics: identityStatistics(1888), maxOverlap: 0.4, cleanMatching: true }, random(2), { all: examples, first }); // biome-ignore format: one line
  const parameters = parameterSpecs(config, { itc: true });
  const running = openExecutable({
    parameters,
    functions: {
      ...updateFunctions(
        pretrainLoss(setup),
        { dropout: 0.1, optimizer: adamW, ...(ranks && { peers: ranks.peers }) },
        1,
      ),
      // What all gradients are, once.
      sums: (_, weights) => ({
        outputs: Object.fromEntries(
          parameters.map(({ name }) => [name, ranks ? ranks.peers.sum(weights(name)) : weights(name)]),
        ),
      }),
    },
    optimizer: adamW,
    devices,
    ...(ranks && { cluster: ranks.cluster }),
  });
  running.load(startValues(parameters, 0));
  const timed = async (work: (step: number) => Promise<unknown>): Promise<number> => {
    const times: number[] = [];
    for (let step = 0; step <= steps; step++) {
      const began = performance.now();
      await work(step);
      // The first one makes the graph.
      if (step > 0) times.push(performance.now() - began);
    }
    return median(times);
  };
  const before = process.cpuUsage();
  const stepMs = await timed((step) =>
    update(running, [batch], ratesAt(adamW, step, 1e-4), { seed: 0, step, peers: ranks?.count ?? 0 }),
  );
  const { user, system } = process.cpuUsage(before);
  const sumMs = ranks ? await timed(() => running.runLater('sums', {})) : 0;
  const megabytes = parameters.reduce((sum, one) => sum + 4 * elementCount(one.shape), 0) / 1e6;
  return { stepMs, sumMs, megabytes, cpuMs: (user + system) / 1000 / (steps + 1) };
}

async function compare(): Promise<void> {
  const [names = 'tiny,mini', pairs = '16', steps = '12'] = process.argv.slice(2);
  console.log('| model | gradients | one process | two devices of one | two processes | of it, sums alone |');
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const preset of names.split(',') as Preset[]) {
    const task = { preset, pairs: Number(pairs), steps: Number(steps) };
    const one = await run({ ...task, devices: 1 }, 1);
    const devices = await run({ ...task, devices: 2 }, 1);
    const two = await run({ ...task, devices: 1 }, 2);
    const of = ({ stepMs, cpuMs }: Measured) => `${stepMs.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of CPU)`;
    console.log(`| ${preset} | ${one.megabytes.toFixed(0)} MB | ${of(one)} | ${of(devices)} | ${of(two)}, each | ${two.sumMs.toFixed(0)} ms |`); // biome-ignore format: one line
  }
}

async function run(task: Omit<Task, 'rank' | 'ranks' | 'port'>, ranks: number): Promise<Measured> {
  const port = await freePort();
  const texts = await Promise.all(
    Array.from({ length: ranks }, async (_, rank) => {
      const own = JSON.stringify({ ...task, rank, ranks, port });
      // Two processes share two cores: each has one of them for an op.
      const env = { ...process.env, ...(ranks > 1 && { TF_NUM_INTRAOP_THREADS: '1' }) };
      const child = spawn(process.execPath, ['--import', 'tsx', import.meta.filename, own], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env,
      });
      let text = '';
      for await (const bytes of child.stdout) text += bytes;
      return text;
    }),
  );
  return JSON.parse(texts[0]!) as Measured;
}
