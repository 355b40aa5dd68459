/**
 * One training step of ImageBERT, all four objectives on, at full length: compiled (f32 and bf16, plain and fused by XLA), op by
 * op as tfjs runs it, and the same model in PyTorch, eager and under torch.compile (f32, bf16 autocast). Milliseconds are medians
 * of the timed steps, on the clock and of processor time (all threads): a busy machine changes the first and hardly the second.
 *
 *   node --import tsx bench/train-step.ts [mini:8] [base:2]          PRESET:PAIRS; a pair makes two sequences
 *
 * PYTHON names a python3 with torch ≥ 2.8 (pip install torch); without it those rows are missing. Run it on a quiet machine.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { random } from '../dataset/random.ts';
import { trainingBatch } from '../model/data/batch.ts';
import type { Example } from '../model/data/example.ts';
import { identityStatistics } from '../model/data/feature-statistics.ts';
import { type ModelConfig, type PresetName, presets } from '../model/net/config.ts';
import { modelCost } from '../model/net/cost.ts';
import { paperObjectives } from '../model/net/objective.ts';
import { parameterSpecs } from '../model/net/parameters.ts';
import { openExecutable } from '../model/runtime/executable.ts';
import { adamW, ratesAt } from '../model/runtime/optimizer.ts';
import { startValues } from '../model/runtime/parameter.ts';
import { wholeOps } from '../model/runtime/threads.ts';
import type { Precision } from '../model/runtime/traced-function.ts';
import { pretrainLoss } from '../model/train/pretrain.ts';
import { trainFunction } from '../model/train/step.ts';

const steps = { warm: 2, timed: 12 };

interface Row {
  readonly name: string;
  readonly stepMs: number;
  readonly cpuMs: number;
  readonly firstLoss: number;
  readonly peakMb: number;
}

const setups = (process.argv.length > 2 ? process.argv.slice(2) : ['mini:8', 'base:2']).map((argument) => {
  const [preset = 'mini', pairs = '8'] = argument.split(':');
  return { preset: preset as PresetName, pairs: Number(pairs) };
});

const one = process.env.LAIT_BENCH_ROW;
if (one) {
  const { preset, pairs } = setups[0] as (typeof setups)[number];
  const [mode, precision, fused] = one.split(' ') as ['compiled' | 'eager', Precision, 'xla' | undefined];
  console.log(
    JSON.stringify(ours(configOf(preset), pairs, { compiled: mode === 'compiled', precision, xla: fused === 'xla' })),
  );
} else {
  for (const { preset, pairs } of setups) report(preset, pairs);
}

/** Every row in a process of its own, so that none has another's memory or threads. */
function report(preset: PresetName, pairs: number): void {
  const config = configOf(preset);
  const cost = modelCost(config, paperObjectives);
  console.log(
    `${preset}: ${config.layers} layers of ${config.hiddenSize}, ${cost.tokens} tokens, ${pairs} pairs (${2 * pairs} sequences), ` +
      `V ${config.vocabularySize}, ${(cost.parameters / 1e6).toFixed(1)} M parameters, ${((cost.trainingFlops * pairs) / 1e9).toFixed(0)} GFLOP a step`,
  );
  const print = ({ name, stepMs, cpuMs, firstLoss, peakMb }: Row) => {
    const speed = (cost.trainingFlops * pairs) / stepMs / 1e6;
    console.log(
      `  ${name.padEnd(22)} ${stepMs.toFixed(0).padStart(6)} ms  ${cpuMs.toFixed(0).padStart(6)} ms CPU  ` +
        `${speed.toFixed(0).padStart(5)} GFLOP/s  ${peakMb.toFixed(0).padStart(6)} MB  first loss ${firstLoss.toFixed(3)}`,
    );
  };
  for (const mode of ['compiled f32', 'compiled bf16', 'compiled f32 xla', 'compiled bf16 xla', 'eager f32']) {
    const row = run(process.execPath, ['--import', 'tsx', import.meta.filename, `${preset}:${pairs}`], {
      LAIT_BENCH_ROW: mode,
      ...(mode.startsWith('compiled') && wholeOps()),
    });
    if (row) print({ ...row, name: mode.startsWith('eager') ? 'tfjs, op by op' : `lait, ${mode}` });
  }
  const python = process.env.PYTHON;
  for (const mode of python ? ['eager f32', 'compile f32', 'eager bf16', 'compile bf16'] : []) {
    const shape = { ...config, pairs, warm: steps.warm, timed: steps.timed, mode };
    const row = run(python as string, [join(import.meta.dirname, 'train-step.py'), JSON.stringify(shape)], {});
    if (row) print({ ...row, name: `torch, ${mode}` });
  }
}

function run(command: string, args: readonly string[], env: Readonly<Record<string, string>>): Row | undefined {
  const { stdout, stderr, status } = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8' });
  const line = stdout.trim().split('\n').at(-1) ?? '';
  if (status === 0 && line.startsWith('{')) return JSON.parse(line) as Row;
  console.log(`  ${args.at(-1)} ${Object.values(env)} failed: ${stderr.trim().split('\n').at(-1)}`);
  return undefined;
}

function configOf(preset: PresetName): ModelConfig {
  return { ...presets[preset], vocabularySize: 30_522, featureSize: preset === 'base' ? 2048 : 1280, classes: 1600 };
}

interface Running {
  readonly compiled: boolean;
  readonly precision: Precision;
  readonly xla: boolean;
}

function ours(config: ModelConfig, pairs: number, running: Running): Row {
  const special = { padId: 0, clsId: 101, sepId: 102, maskId: 103 };
  const setup = {
    config,
    special,
    objectives: paperObjectives,
    featureStatistics: identityStatistics(config.featureSize),
    maxOverlap: 0.4,
  };
  const parameters = parameterSpecs(config);
  const model = openExecutable({
    parameters,
    functions: { train: trainFunction(pretrainLoss(setup), { dropout: config.dropout, optimizer: adamW }) },
    optimizer: adamW,
    ...running,
  });
  model.load(startValues(parameters, 1));
  const draw = random(1);
  const shape = { pairs, pieces: config.maxPieces, regions: config.maxRegions };
  const examples = Array.from({ length: pairs }, (_, index) => fullExample(config, index));
  const times: number[] = [];
  const cpuTimes: number[] = [];
  let firstLoss = Number.NaN;
  for (let step = 0; step < steps.warm + steps.timed; step++) {
    const arrays = trainingBatch(examples, shape, setup, draw);
    arrays.seed = { shape: [2], values: Int32Array.of(1, step * 4096) };
    const started = performance.now();
    const before = process.cpuUsage();
    const { loss } = model.run('train', arrays, ratesAt(adamW, step, 1e-4));
    if (step >= steps.warm) {
      times.push(performance.now() - started);
      const { user, system } = process.cpuUsage(before);
      cpuTimes.push((user + system) / 1000);
    }
    if (step === 0) firstLoss = loss?.[0] as number;
  }
  return {
    name: '',
    stepMs: median(times),
    cpuMs: median(cpuTimes),
    firstLoss,
    peakMb: process.resourceUsage().maxRSS / 1024,
  };
}

function fullExample(
  { maxRegions: R, maxPieces, featureSize: D, classes, vocabularySize }: ModelConfig,
  index: number,
): Example {
  const draw = random(2, index);
  return {
    key: `${index}`,
    imageId: `${index}`,
    pieces: Array.from({ length: maxPieces }, () => 200 + draw.below(vocabularySize - 200)),
    regions: {
      boxes: Float32Array.from(
        { length: 4 * R },
        (_, at) => (at % 4 < 2 ? 0.5 : 0.6) * draw.next() + (at % 4 < 2 ? 0 : 0.4),
      ),
      labels: Int32Array.from({ length: R }, () => draw.below(classes)),
      confidences: new Float32Array(R).fill(0.5),
      features: Float32Array.from({ length: R * D }, () => draw.normal()),
    },
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
