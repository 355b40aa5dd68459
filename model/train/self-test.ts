/**
 * Steps of pretraining on made-up pairs, measured: what `lait doctor --gpu` runs, each part in a process of its own, since TensorFlow
 * reads its settings once.
 */
import { modelCost } from '../net/cost.ts';
import { feedOf } from '../runtime/array.ts';
import { type NativeBackend, nativeBackend, tf } from '../runtime/backend.ts';
import { gpuDefaults, gpuEnvironment } from '../runtime/environment.ts';
import { feedsAhead, openExecutable } from '../runtime/executable.ts';
import { adamW, ratesAt } from '../runtime/optimizer.ts';
import { startValues } from '../runtime/parameter.ts';
import { measurePeakFlops } from '../runtime/peak.ts';
import { hasSessions } from '../runtime/session.ts';
import type { Arrays, Executable } from '../runtime/traced-function.ts';
import { bytesOfStep, pretrainStep, type StepSetup, stepMemory } from './step-memory.ts';
import { update } from './update.ts';

export interface SelfTestPart extends StepSetup {
  readonly steps: number;
  /** false runs op by op. */
  readonly compiled?: boolean;
  /** The other way of feeding than the device's own: not ahead on a GPU, ahead on the CPU. */
  readonly fedOtherwise?: boolean;
  /** Says how fast features go to the device, and how fast products are. */
  readonly measureMachine?: boolean;
}

export interface SelfTestResult {
  readonly onGpu: boolean;
  /** Of each step. */
  readonly losses: readonly number[];
  /** Median of the steps but the first, which starts the graph. */
  readonly stepMs: number;
  /** Floating-point operations of a step, as `modelCost` counts them. */
  readonly stepFlops: number;
  /** What a step was told to take, and the variables. */
  readonly toldBytes: number;
  /** Bytes a second of a batch's features on their way to the device. */
  readonly feedBytesPerSecond?: number;
  /** Of products of large matrices, operations a second. */
  readonly productFlops?: number;
  readonly environment: Readonly<Record<string, string>>;
}

export async function runSelfTest({
  steps,
  measureMachine,
  compiled = true,
  fedOtherwise = false,
  ...setup
}: SelfTestPart): Promise<SelfTestResult> {
  const { options, batchOf } = pretrainStep(setup);
  const stagesAhead = hasSessions() && feedsAhead() !== fedOtherwise;
  const executable = openExecutable({ ...options, compiled, stagesAhead });
  const losses: number[] = [];
  const times: number[] = [];
  try {
    executable.load(startValues(options.parameters, 1));
    let next = batchOf(0);
    for (let step = 0; step < steps; step++) {
      const [batch, comesNext] = [next, batchOf(step + 1)];
      next = comesNext;
      const startedAt = performance.now();
      const rates = ratesAt(adamW, step, 1e-4);
      const { loss } = await update(executable, [batch], rates, { seed: 1, step }, async () => comesNext);
      times.push(performance.now() - startedAt);
      losses.push(loss!);
    }
  } finally {
    executable.dispose();
  }
  const { config, objectives, batchSize, precision = 'f32' } = setup;
  const names = [...Object.keys(gpuEnvironment(gpuDefaults)), 'TF_NUM_INTRAOP_THREADS', 'CUDA_VISIBLE_DEVICES'];
  return {
    onGpu: (nativeBackend() as NativeBackend).isUsingGpuDevice,
    losses,
    stepMs: median(times.slice(1)),
    stepFlops: batchSize * modelCost(config, objectives, setup).trainingFlops,
    toldBytes: bytesOfStep(stepMemory({ ...setup, stagesAhead })),
    ...(measureMachine && {
      feedBytesPerSecond: measureFeed(),
      productFlops: measurePeakFlops(precision),
    }),
    environment: Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))),
  };
}

/** Halves that are fed to see how fast they go; less than those of 48 pairs of `base`. */
const fedHalves = 2 ** 23;

/** How many bytes a second reach the device: a call that takes halves and reads one of them, less the same call with one alone. */
function measureFeed(): number {
  const halves = feedOf(Uint16Array, fedHalves);
  const executable = openExecutable({
    parameters: [],
    functions: { feed: ({ features }) => ({ outputs: { first: tf.slice(features!, [0], [1]) } }) },
  });
  try {
    const whole = timeOf(executable, { features: { shape: [halves.length], values: halves } });
    const least = timeOf(executable, { features: { shape: [1], values: halves.slice(0, 1) } });
    return halves.byteLength / (Math.max(1e-3, whole - least) / 1000);
  } finally {
    executable.dispose();
  }
}

/** Milliseconds of a call, the median of twenty. */
function timeOf(executable: Executable, inputs: Arrays): number {
  executable.run('feed', inputs);
  const times = Array.from({ length: 20 }, () => {
    const startedAt = performance.now();
    executable.run('feed', inputs);
    return performance.now() - startedAt;
  });
  return median(times);
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
