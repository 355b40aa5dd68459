/**
 * Pretraining (ImageBERT §5): the whole life of a run in one loop, from the first weights or the last checkpoint to the last
 * step. Nothing here prints; `onProgress` hears how it goes, `signal` stops it after a step with everything saved.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { BatchShape } from '../data/batch.ts';
import type { Collation } from '../data/collate.ts';
import type { Example } from '../data/example.ts';
import { type FeatureStatistics, measureFeatureStatistics } from '../data/feature-statistics.ts';
import { collateBatch, type LoadedBatch, type LoaderOptions, openLoader } from '../data/loader.ts';
import { commonLengths, firstPosition, lengthBuckets, type SamplerOptions, sampleBatches } from '../data/sampler.ts';
import type { ExampleSource } from '../data/source.ts';
import { fromHuggingFace } from '../formats/hugging-face.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { checkConfig, type ModelConfig } from '../net/config.ts';
import { modelCost } from '../net/cost.ts';
import { type ObjectiveWeights, paperObjectives } from '../net/objective.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { openExecutable } from '../runtime/executable.ts';
import { type AdamW, adamW, gradientSums, ratesAt } from '../runtime/optimizer.ts';
import { startValues } from '../runtime/parameter.ts';
import type { Precision, TracedFunction } from '../runtime/traced-function.ts';
import {
  checkSameModel,
  featureStatisticsIn,
  latestCheckpoint,
  type ModelDescription,
  readCheckpoint,
  readOptimizer,
  saveCheckpoint,
  specialPieces,
  type TrainingState,
} from './checkpoint.ts';
import { type Measured, Metrics, tokensOf } from './metrics.ts';
import type { PretrainProgress, Watch } from './progress.ts';
import { learningRate } from './schedule.ts';
import { type Role, trainFunction, validateFunction } from './step.ts';
import { tensorboardWriter } from './tensorboard.ts';
import { prepareUpdate, update, updateFunctions } from './update.ts';
import { validate, validationBatches } from './validation.ts';

export type { PretrainProgress, Watch } from './progress.ts';

/** What a run of any kind needs. */
export interface TrainOptions {
  /** Checkpoints go to `runDir/checkpoints`. */
  readonly runDir: string;
  readonly source: ExampleSource;
  /** Held-out examples whose losses are reported at each checkpoint. */
  readonly validation?: readonly Example[];
  readonly config: ModelConfig;
  readonly vocabulary: readonly string[];
  /** Names the regions; another detector's are refused when a run continues. */
  readonly detector: string;
  readonly steps: number;
  /** Pairs of a batch. The paper: 48. */
  readonly batchSize?: number;
  /** Batches that make one update; 1 turns it off. See accumulate.ts. */
  readonly accumulate?: number;
  /** The paper: 1e-4. */
  readonly learningRate?: number;
  /** Share of the steps over which the rate rises. ViLT: 0.1. */
  readonly warmupShare?: number;
  readonly optimizer?: AdamW;
  readonly seed?: number;
  /**
   * A safetensors file to start from, of a Hugging Face BERT or of ours (then with its scale of the features); what it lacks starts
   * at random.
   */
  readonly startFrom?: string;
  /** Goes on from the run's newest checkpoint, if there is one. */
  readonly resume?: boolean;
  readonly checkpointEverySteps?: number;
  /** Newest checkpoints kept; the one with the lowest held-out loss stays as well. */
  readonly keep?: number;
  readonly reportEverySteps?: number;
  /** false writes no TensorBoard scalars to `runDir/tensorboard`. */
  readonly tensorboard?: boolean;
  /** false runs op by op. */
  readonly compiled?: boolean;
  readonly precision?: Precision;
  /** false makes batches in the training thread, although their source could be read in another. */
  readonly thread?: boolean;
  /** Floating-point operations a second that the machine does at most; then progress says what share of them is reached. */
  readonly peakFlops?: number;
  /** Fuses what lies between matrix products with XLA; false unless given. Ignored where the run is not compiled. */
  readonly xla?: boolean;
}

export interface PretrainOptions extends TrainOptions {
  readonly objectives?: ObjectiveWeights;
  /** Regions that overlap a hidden one by more are hidden too. ViLBERT: 0.4; 1 turns it off. */
  readonly maxOverlap?: number;
  /** ITM's wrong pairs are those that ITC finds similar, twice as many (ALBEF). Needs ITC. */
  readonly hardNegatives?: boolean;
}

/** What a run learns: how it makes batches of examples, and what it does with one. */
export interface Task {
  /** Which heads the model has, and what its checkpoints say that it learned. */
  readonly objectives: ObjectiveWeights;
  readonly collation: Collation;
  readonly train: (role: Role) => TracedFunction;
  readonly validate: TracedFunction;
  /** Floating-point operations of learning from a batch of one shape. */
  readonly flops: (shape: BatchShape) => number;
}

export interface PretrainSummary {
  readonly steps: number;
  /** Whether `signal` ended the run before its last step. */
  readonly stopped: boolean;
  readonly checkpoint: string;
  /** Whether the steps ran as one graph each. */
  readonly compiled: boolean;
  /** The last report. */
  readonly last?: PretrainProgress;
}

/** Trains on the objectives whose weight is not 0; see `train`. */
export async function pretrain(
  options: PretrainOptions,
  watch: Watch<PretrainProgress> = {},
): Promise<PretrainSummary> {
  const { config, vocabulary, objectives = paperObjectives, maxOverlap = 0.4, optimizer = adamW } = options;
  const { hardNegatives = false } = options;
  if (hardNegatives && (objectives.itc === 0 || objectives.itm === 0)) {
    const name = objectives.itc === 0 ? 'itc' : 'itm';
    throw expected('a weight above 0', name, 0, 'hard negatives are pairs of ITM that ITC chooses');
  }
  const setup = { config, special: specialPieces(vocabulary), objectives };
  const task: Task = {
    objectives,
    collation: { task: 'pretrain', ...setup, maxOverlap, hardNegatives },
    train: (role) => trainFunction(setup, optimizer, role),
    validate: validateFunction(setup),
    flops: ({ pairs, pieces, regions }) => {
      const padded = { ...config, maxPieces: pieces, maxRegions: regions };
      return pairs * modelCost(padded, objectives, { hardNegatives }).trainingFlops;
    },
  };
  return train(options, task, watch);
}

/**
 * Trains until `steps` and gives the last checkpoint. Throws a UserError where the run cannot start or continue, and where the
 * loss stops being a number (with the keys of the batch).
 */
export async function train(
  options: TrainOptions,
  task: Task,
  { onProgress, signal }: Watch<PretrainProgress> = {},
): Promise<PretrainSummary> {
  const { runDir, source, config, vocabulary, detector, steps, validation = [] } = options;
  const { batchSize = 48, accumulate = 1, optimizer = adamW, seed = 1, thread = true } = options;
  const { objectives, collation } = task;
  const { checkpointEverySteps = 1000, keep = 3, reportEverySteps = 10, precision = 'f32', xla = false } = options;
  const schedule = {
    peak: options.learningRate ?? 1e-4,
    warmupSteps: Math.round(steps * (options.warmupShare ?? 0.1)),
    totalSteps: steps,
  };
  checkConfig(config);
  mkdirSync(runDir, { recursive: true });
  const description: ModelDescription = { config, vocabulary, detector, objectives };
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const running = openExecutable({
    parameters: accumulate > 1 ? [...parameters, ...gradientSums(parameters)] : parameters,
    functions: { ...updateFunctions(task.train, accumulate), validate: task.validate },
    optimizer,
    precision,
    xla,
    ...(options.compiled !== undefined && { compiled: options.compiled }),
  });
  const closing: (() => unknown)[] = [() => running.dispose()];
  try {
    let state: TrainingState = { step: 0, position: firstPosition, seed };
    let featureStatistics: FeatureStatistics;
    const before = options.resume ? latestCheckpoint(runDir) : undefined;
    if (!options.resume && latestCheckpoint(runDir)) {
      throw new UserError(
        `Expected an empty folder for the run but ${runDir} has checkpoints; resume it or choose another.`,
      );
    }
    if (before) {
      const checkpoint = readCheckpoint(before);
      checkSameModel(checkpoint, description);
      running.load(checkpoint.values);
      running.load(readOptimizer(checkpoint));
      state = checkpoint.state;
      featureStatistics = checkpoint.featureStatistics;
    } else {
      const { tensors } = options.startFrom ? readSafetensors(options.startFrom) : { tensors: new Map() };
      featureStatistics =
        featureStatisticsIn(tensors) ?? (await measureFeatureStatistics(source.epoch(0), config.featureSize));
      running.load(startValues(parameters, seed));
      running.load(fromHuggingFace(parameters, tensors));
    }
    const save = () => saveCheckpoint(runDir, { ...description, featureStatistics }, state, running.values(), { keep });
    const buckets = lengthBuckets(config);
    const whole: SamplerOptions = { batchSize, seed: state.seed, buckets };
    // Always from the start, so that a run that goes on pads as before.
    const count = Math.min(steps * accumulate, source.spec ? looked.inShards : looked.inMemory);
    const { lengths, firsts } = await commonLengths(sampleBatches(source, whole), { count, buckets });
    const loading: LoaderOptions = {
      sampler: { ...whole, allowed: lengths },
      from: state.position,
      collation,
      featureStatistics,
    };
    const held = () => validationBatches(validation, { batchSize, config, collation, featureStatistics });
    for (const batch of firsts) prepareUpdate(running, collateBatch(batch, loading).arrays, accumulate);
    for (const arrays of held()) {
      running.prepare('validate', arrays);
      break;
    }
    const loader = openLoader(source, loading, { thread });
    closing.push(() => loader.close());
    const board = options.tensorboard === false ? undefined : tensorboardWriter(runDir);
    let tally = new Metrics();
    let last: PretrainProgress | undefined;
    while (state.step < steps && !signal?.aborted) {
      const waited = performance.now();
      const loaded: LoadedBatch[] = [];
      while (loaded.length < accumulate) loaded.push(await loader.next());
      const started = performance.now();
      const rate = learningRate(state.step, schedule);
      const measured = update(
        running,
        loaded.map(({ arrays }) => arrays),
        ratesAt(optimizer, state.step, rate),
        state,
      );
      tally.add(measured, {
        waitedMs: started - waited,
        ranMs: performance.now() - started,
        samples: batchSize * accumulate,
        tokens: loaded.reduce((sum, { arrays }) => sum + tokensOf(arrays), 0),
        flops: loaded.reduce((sum, { pieces, regions }) => sum + task.flops({ pairs: batchSize, pieces, regions }), 0),
      });
      checkFinite(measured, state.step, loaded, runDir);
      const { epoch, next } = loaded.at(-1) as LoadedBatch;
      state = { ...state, step: state.step + 1, position: next };

      const due = state.step % checkpointEverySteps === 0 || state.step === steps;
      if (due || state.step % reportEverySteps === 0) {
        const means = tally.report(state.step, steps, options.peakFlops);
        const report = { step: state.step, totalSteps: steps, ...means, epoch, learningRate: rate };
        const checked = due ? validate(running, held()) : undefined;
        if (checked && checked.loss < (state.best?.loss ?? Infinity)) {
          state = { ...state, best: { step: state.step, loss: checked.loss } };
        }
        last = { ...report, ...(checked && { validation: checked }), ...(due && { checkpoint: save() }) };
        onProgress?.(last);
        board?.(last);
        tally = new Metrics();
      }
      // Lets signals and the reading of data have their turn.
      await new Promise(setImmediate);
    }
    const checkpoint = save();
    return {
      steps: state.step,
      stopped: state.step < steps,
      checkpoint,
      compiled: running.compiled,
      ...(last && { last }),
    };
  } finally {
    for (const close of closing.reverse()) await close();
  }
}

/** Batches that are looked at before a run to see what lengths it will meet. Ours: reading so many from shards takes seconds. */
const looked = { inMemory: 1024, inShards: 64 };

/** Throws a UserError with the batches' keys where the loss or the gradients are no numbers any more. */
function checkFinite(measured: Measured, step: number, batches: readonly LoadedBatch[], runDir: string): void {
  const faulty = Object.entries(measured).find(([, value]) => !Number.isFinite(value));
  if (!faulty) return;
  const keys = batches.flatMap((batch) => batch.keys).join(' ');
  const resumable = latestCheckpoint(runDir) ? `${join(runDir, 'checkpoints')} is whole` : 'there is no checkpoint yet';
  throw new UserError(
    `Expected a finite ${faulty[0]} at step ${step} but received ${faulty[1]}; ${resumable}; lower the learning rate or look at ` +
      `the samples of this batch: ${keys}`,
  );
}
