/**
 * `lait doctor --gpu`: whether training works on this machine's GPU and how fast, on one page that can be sent. Twenty steps on made-up
 * pairs in processes of their own: where each op lies, the losses beside the CPU's, twice the same bits, then speed and memory at the size
 * that is to be trained. `--cpu` is the same on the CPU, whose losses stand beside those of tfjs op by op.
 */
import { spawn } from 'node:child_process';
import { availableParallelism, totalmem } from 'node:os';
import { expected, UserError } from '../../dataset/user-error.ts';
import { version } from '../../dataset/version.ts';
import { type PresetName, presets } from '../../model/net/config.ts';
import { paperObjectives } from '../../model/net/objective.ts';
import { chooseOnGpu, type GpuChoices, gpuLibrary, hasGpu } from '../../model/runtime/environment.ts';
import { preferWholeOps } from '../../model/runtime/threads.ts';
import type { SelfTestPart, SelfTestResult } from '../../model/train/self-test.ts';
import { type Card, findCards, type Products, peakOf } from './cards.ts';
import { type Placements, readPlacements } from './placements.ts';
import { laitScript } from './run.ts';

export type Device = 'gpu' | 'cpu';

export interface SelfTestOptions {
  readonly device: Device;
  readonly preset: PresetName;
  /** Pairs of a batch. */
  readonly batchSize: number;
  readonly signal: AbortSignal;
  readonly onPart: (done: number, total: number, name: string) => void;
}

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Speed {
  readonly name: string;
  readonly stepMs: number;
  readonly pairsPerSecond: number;
  readonly flopsPerSecond: number;
  /** Of the data sheet's peak on a known card, of products of large matrices on a CPU. */
  readonly shareOfPeak?: number;
  readonly memoryBytes: number;
  readonly toldBytes: number;
}

export interface SelfTestReport {
  readonly lait: string;
  readonly node: string;
  readonly tensorflow: string;
  readonly machine: string;
  readonly device: Device;
  readonly card?: Card;
  readonly preset: PresetName;
  readonly batchSize: number;
  readonly checks: readonly Check[];
  readonly speeds: readonly Speed[];
  readonly feedBytesPerSecond: number;
  readonly productFlops: number;
  readonly environment: Readonly<Record<string, string>>;
}

/** Twenty steps: the clock of each but the first counts. */
const steps = 20;

/** Losses of f32 may be so far from those that they stand beside, as a share. Ours: op by op they differ by less than 1e-4. */
const tolerance = 1e-3;

/** The variable by which a process is told which part it runs. */
const partVariable = 'LAIT_SELF_TEST';

interface Task {
  readonly part: SelfTestPart;
  readonly choices: GpuChoices;
  /** Of the card before the part begins. */
  readonly usedBytes: number;
}

type PartResult = SelfTestResult & { readonly memoryBytes: number; readonly tensorflow: string };

/** Runs the part that this process was started for and writes its result; false where it was started for none. */
export async function runAskedPart(): Promise<boolean> {
  const asked = process.env[partVariable];
  if (asked === undefined) return false;
  const { part, choices, usedBytes } = JSON.parse(asked) as Task;
  preferWholeOps();
  chooseOnGpu(choices);
  const { runSelfTest } = await import('../../model/train/self-test.ts');
  const { nativeBackend } = await import('../../model/runtime/backend.ts');
  const result = await runSelfTest(part);
  const [card] = result.onGpu ? await findCards() : [];
  const memoryBytes = card ? card.usedBytes - usedBytes : 1024 * process.resourceUsage().maxRSS;
  const binding = nativeBackend()?.binding as unknown as { TF_Version: string };
  console.log(JSON.stringify({ ...result, memoryBytes, tensorflow: binding.TF_Version } satisfies PartResult));
  return true;
}

/** Throws a UserError that says what is missing, and what to do. */
export function requireGpu(): void {
  if (hasGpu()) return;
  const hidden = process.env.CUDA_VISIBLE_DEVICES;
  const [received, advice] = !gpuLibrary()
    ? ["TensorFlow's library for the CPU", 'on a machine with an NVIDIA card run LAIT_TENSORFLOW=gpu npx lait setup']
    : hidden !== undefined
      ? [`none with CUDA_VISIBLE_DEVICES=${hidden}`, 'unset it']
      : ["no device of NVIDIA's driver", 'install the driver until nvidia-smi lists the card'];
  throw expected('a GPU', '--gpu', received, `${advice}, or give --cpu`);
}

export async function selfTest(options: SelfTestOptions): Promise<SelfTestReport> {
  const { device, preset, batchSize, signal, onPart } = options;
  const onGpu = device === 'gpu';
  if (onGpu) requireGpu();
  const [card] = onGpu ? await findCards() : [];
  const sizes = { vocabularySize: 30_522, featureSize: 1888, classes: 90 };
  const small = {
    ...{ config: { ...presets.tiny, ...sizes }, objectives: paperObjectives, batchSize: 8, steps },
  };
  const large = { ...small, config: { ...presets[preset], ...sizes }, batchSize };
  const exact: GpuChoices = { deterministic: true, tf32: false };
  const base = { usedBytes: card?.usedBytes ?? 0, choices: exact };
  const verbose = { TF_CPP_MIN_LOG_LEVEL: '0', TF_CPP_VMODULE: 'placer=1' };
  const hidden = { CUDA_VISIBLE_DEVICES: '-1' };
  const ownDevice: Readonly<Record<string, string>> = onGpu ? {} : hidden;

  const tasks: { name: string; task: Task; env: Readonly<Record<string, string>>; products?: Products }[] = [
    { name: onGpu ? 'on the CPU' : 'op by op', task: { ...base, part: { ...small, compiled: onGpu } }, env: hidden },
    { name: 'placement', task: { ...base, part: small }, env: { ...ownDevice, ...verbose } },
    { name: 'once more', task: { ...base, part: { ...small, fedOtherwise: true } }, env: ownDevice },
    {
      name: 'bf16',
      task: { ...base, part: { ...large, precision: 'bf16', measureMachine: true } },
      env: ownDevice,
      products: 'bf16',
    },
    { name: 'f32', task: { ...base, part: large }, env: ownDevice, products: 'f32' },
  ];
  if (onGpu) {
    const free = { ...exact, deterministic: false };
    tasks.push(
      {
        name: 'bf16, --no-deterministic',
        task: { ...base, choices: free, part: { ...large, precision: 'bf16' } },
        env: {},
        products: 'bf16',
      },
      {
        name: 'bf16, not fed ahead',
        task: { ...base, part: { ...large, precision: 'bf16', fedOtherwise: true } },
        env: {},
        products: 'bf16',
      },
      {
        name: 'f32, --tf32',
        task: { ...base, choices: { ...exact, tf32: true }, part: large },
        env: {},
        products: 'tf32',
      },
    );
  }
  const results: { result: PartResult; log: string }[] = [];
  for (const [index, { name, task, env }] of tasks.entries()) {
    onPart(index, tasks.length, name);
    results.push(await runPart(task, env, signal));
  }
  onPart(tasks.length, tasks.length, 'done');
  const [reference, placed, again, measured] = results.map(({ result }) => result) as [
    PartResult,
    PartResult,
    PartResult,
    PartResult,
  ];
  const productFlops = measured.productFlops!;
  return {
    lait: version,
    node: process.versions.node,
    tensorflow: measured.tensorflow,
    machine: `${process.platform} ${process.arch}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    device,
    ...(card && { card }),
    ...{ preset, batchSize },
    checks: [
      ...(onGpu ? [found(measured)] : []),
      placement(readPlacements(results[1]!.log), onGpu),
      numbers(placed.losses, reference.losses, onGpu),
      repeats(placed.losses, again.losses),
    ],
    speeds: tasks.flatMap(({ name, products }, index) => {
      const { result } = results[index]!;
      if (!products) return [];
      const peak = card ? peakOf(card.name, products) : productFlops;
      const flopsPerSecond = result.stepFlops / (result.stepMs / 1000);
      return {
        name,
        stepMs: result.stepMs,
        pairsPerSecond: batchSize / (result.stepMs / 1000),
        flopsPerSecond,
        ...(peak && (onGpu || products === 'bf16') && { shareOfPeak: flopsPerSecond / peak }),
        memoryBytes: result.memoryBytes,
        toldBytes: result.toldBytes,
      };
    }),
    feedBytesPerSecond: measured.feedBytesPerSecond!,
    productFlops,
    environment: measured.environment,
  };
}

const found = ({ onGpu }: PartResult): Check => ({
  name: 'found',
  ok: onGpu,
  detail: onGpu
    ? 'TensorFlow uses the card'
    : 'TensorFlow finds no card; LAIT_VERBOSE=1 npx lait doctor tells which library it misses',
});

function placement({ nodes, ops, onCpu, devices }: Placements, onGpu: boolean): Check {
  const detail = `${nodes} nodes of ${ops} ops on ${devices.join(', ')}`;
  if (!onGpu) return { name: 'placement', ok: nodes > 0, detail };
  const named = onCpu.length === 0 ? '' : `; on the CPU: ${onCpu.join(' ')}`;
  return { name: 'placement', ok: nodes > 0 && onCpu.length === 0, detail: detail + named };
}

function numbers(losses: readonly number[], reference: readonly number[], onGpu: boolean): Check {
  const apart = Math.max(...losses.map((loss, step) => Math.abs(loss / reference[step]! - 1)));
  return {
    name: 'numbers',
    // What is no number is no smaller either.
    ok: apart <= tolerance,
    detail: `losses of ${losses.length} steps, ${losses[0]?.toFixed(3)} to ${losses.at(-1)?.toFixed(3)}, within ${apart.toExponential(1)} of ${onGpu ? "the CPU's" : 'those op by op'}`,
  };
}

function repeats(losses: readonly number[], again: readonly number[]): Check {
  const differs = losses.findIndex((loss, step) => loss !== again[step]);
  const detail = differs < 0 ? 'two runs give the same bits' : `two runs differ from step ${differs} on`;
  return { name: 'repeats', ok: differs < 0, detail };
}

/** Runs a part in a process of its own; gives its result and what it said on standard error. */
function runPart(task: Task, env: Readonly<Record<string, string>>, signal: AbortSignal) {
  return new Promise<{ result: PartResult; log: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [laitScript(), 'doctor'], {
      env: { ...process.env, ...env, [partVariable]: JSON.stringify(task) },
      stdio: ['ignore', 'pipe', 'pipe'],
      signal,
    });
    let output = '';
    let log = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data;
    });
    child.stderr.on('data', (data: Buffer) => {
      log += data;
    });
    // An interruption kills the part, or the terminal has told it too.
    const fail = (error: Error): void => reject(signal.aborted ? signal.reason : error);
    child.once('error', fail);
    child.once('close', (code, killed) => {
      if (code === 0) return resolve({ result: JSON.parse(output) as PartResult, log });
      const said = log.trimEnd().split('\n').at(-1) ?? '';
      const why = `${killed ?? `exit code ${code}`}: ${said}`;
      fail(new UserError(`A part of the self-test ended with ${why}`, { exitCode: 1 }));
    });
  });
}
