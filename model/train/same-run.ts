/**
 * What has to be the same for all processes of a run: each plans the run for itself and updates weights of its own, so what differs would
 * double some pairs, leave out others, or let the weights drift apart, and nothing would say so.
 */
import { basename } from 'node:path';
import { digestOf } from '../../dataset/atomic-file.ts';
import { UserError } from '../../dataset/user-error.ts';
import type { ParameterSpec } from '../runtime/parameter.ts';
import { pretrainDefaults } from './defaults.ts';
import { weightsSha256 } from './made-from.ts';
import type { Meeting } from './meeting.ts';
import type { Task, TrainOptions } from './options.ts';

/** Options that each rank may have of its own, or that only rank 0 heeds. */
type OwnOption =
  | 'runDir'
  | 'source'
  | 'validation'
  | 'onRankingAids'
  | 'onStartTexts'
  | 'onStartWeights'
  | 'onChangedSettings'
  | 'dataChanged'
  | 'resume'
  | 'keep'
  | 'reportEverySteps'
  | 'tensorboard'
  | 'threads'
  | 'peakFlops'
  | 'devices'
  | 'stagesAhead'
  | 'ranks';

export type Facts = Readonly<Record<string, unknown>>;

/** Everything that decides what a step computes, or when something is done together, by its name for a person. */
export function factsOf(
  options: TrainOptions,
  { objectives, collation }: Pick<Task, 'objectives' | 'collation'>,
  parameters: readonly ParameterSpec[],
): Facts {
  const all = { ...pretrainDefaults, ...options };
  const settings = {
    ...{ steps: all.steps, batchSize: all.batchSize, accumulate: all.accumulate, seed: all.seed },
    ...{ learningRate: all.learningRate, warmupShare: all.warmupShare, learningRateDecay: all.learningRateDecay },
    ...{ encoderRate: all.encoderRate ?? 1, maxGradNorm: all.maxGradNorm, optimizer: all.optimizer, ema: all.ema },
    ...{ precision: all.precision, xla: all.xla, recompute: all.recompute, compiled: all.compiled },
    ...{ evaluateEverySteps: all.evaluateEverySteps, checkpointEverySteps: all.checkpointEverySteps },
    ...{ bestBy: all.bestBy, patience: all.patience, detector: all.detector },
    ...{ config: all.config, vocabulary: all.vocabulary, tokenizer: all.tokenizer },
    data: all.data?.map(({ sha256, features, detectorModel, share }) => ({ sha256, features, detectorModel, share })),
    startFrom: all.startFrom && weightsSha256(all.startFrom),
  } satisfies Record<Exclude<keyof TrainOptions, OwnOption>, unknown>;
  const { config, vocabulary, tokenizer, data, startFrom, ...named } = settings;
  return {
    'the folder of the run': basename(options.runDir),
    ...named,
    // Of sums in float32: TensorFlow reads them from here.
    deterministic: process.env.TF_DETERMINISTIC_OPS,
    tf32: process.env.NVIDIA_TF32_OVERRIDE,
    'the data': data,
    'the weights to start from': startFrom,
    'the vocabulary': vocabulary,
    'the tokenizer': tokenizer,
    'the model': config,
    'the objectives': objectives,
    'how a batch is made': collation,
    'the parameters and their rates': parameters,
  };
}

/** Throws a UserError where something is not as rank 0 has it, by name; the others hear of that when this process leaves. */
export async function requireSame(met: Pick<Meeting, 'rank' | 'fromFirst'>, facts: Facts): Promise<void> {
  const own = Object.fromEntries(Object.entries(facts).map(([name, value]) => [name, shown(value)]));
  const { data } = await met.fromFirst(met.rank === 0 ? { data: own, arrays: new Map() } : undefined);
  const first = data as typeof own;
  for (const name of new Set([...Object.keys(own), ...Object.keys(first)])) {
    const [wanted, received] = [first[name] ?? 'nothing', own[name] ?? 'nothing'];
    if (wanted !== received)
      throw new UserError(
        `Expected ${wanted} for ${name} of rank ${met.rank}, as of rank 0, but received ${received}; start all ranks with the same settings and data.`,
      );
  }
}

/** Short where it is short, else a digest. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length <= 80 ? text : `${digestOf(text).sha256.slice(0, 12)} (a digest)`;
}
