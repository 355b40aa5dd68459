/**
 * Pretraining (ImageBERT §5): the whole life of a run in one loop, from the first weights or the last checkpoint to the last
 * step. Nothing here prints; `onProgress` hears how it goes, `signal` stops it after a step with everything saved.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../dataset/user-error.ts';
import { type Arrays, type BatchShape, trainingBatch } from './batch.ts';
import {
  checkSameModel,
  fromHuggingFace,
  latestCheckpoint,
  type ModelDescription,
  readCheckpoint,
  readOptimizer,
  saveCheckpoint,
  specialPieces,
  standardOf,
  type TrainingState,
} from './checkpoint.ts';
import { checkConfig, type ModelConfig } from './config.ts';
import { batches, defaultWindowBatches, type ExampleSource, lengthBuckets, type PlannedBatch, start } from './data.ts';
import type { Example } from './example.ts';
import { type ObjectiveWeights, objectiveNames, paperObjectives } from './objective.ts';
import { type AdamW, adamW, ratesAt } from './optimizer.ts';
import { parameterSpecs } from './parameters.ts';
import { program } from './program.ts';
import type { Measures, PretrainProgress, Watch } from './progress.ts';
import { type Random, random } from './random.ts';
import { type Precision, type Program, type Routine, startValues } from './routine.ts';
import { readSafetensors } from './safetensors.ts';
import { learningRate } from './schedule.ts';
import { measureStandard, type Standard } from './standardize.ts';
import { trainRoutine, validateRoutine } from './step.ts';
import { tensorboardWriter } from './tensorboard.ts';

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
  /** Pairs a step learns from. The paper: 48. */
  readonly batchSize?: number;
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
  /** Fuses what lies between matrix products with XLA; false unless given. Ignored where the run is not compiled. */
  readonly xla?: boolean;
}

export interface PretrainOptions extends TrainOptions {
  readonly objectives?: ObjectiveWeights;
  /** Regions that overlap a hidden one by more are hidden too. ViLBERT: 0.4; 1 turns it off. */
  readonly maxOverlap?: number;
}

/** What a run learns: which batches it makes of examples, and what it does with one. */
export interface Task {
  /** Which heads the model has, and what its checkpoints say that it learned. */
  readonly objectives: ObjectiveWeights;
  readonly train: Routine;
  readonly validate: Routine;
  batch(examples: readonly Example[], shape: BatchShape, standard: Standard, draw: Random): Arrays;
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
  const setup = { config, special: specialPieces(vocabulary), objectives };
  const task: Task = {
    objectives,
    train: trainRoutine(setup, optimizer),
    validate: validateRoutine(setup),
    batch: (examples, shape, standard, draw) =>
      trainingBatch(examples, shape, { ...setup, standard, maxOverlap }, draw),
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
  const { batchSize = 48, optimizer = adamW, seed = 1 } = options;
  const { objectives } = task;
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
  const running = program({
    parameters,
    routines: { train: task.train, validate: task.validate },
    optimizer,
    precision,
    xla,
    ...(options.compiled !== undefined && { compiled: options.compiled }),
  });
  try {
    let state: TrainingState = { step: 0, position: start, seed };
    let standard: Standard;
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
      standard = checkpoint.standard;
    } else {
      const { tensors } = options.startFrom ? readSafetensors(options.startFrom) : { tensors: new Map() };
      standard = standardOf(tensors) ?? (await measureStandard(source.epoch(0), config.featureSize));
      running.load(startValues(parameters, seed));
      running.load(fromHuggingFace(parameters, tensors));
    }
    const arraysOf = (batch: Pick<PlannedBatch, 'examples' | 'pieces' | 'regions' | 'draw'>): Arrays => {
      const { pieces, regions } = batch;
      return task.batch(batch.examples, { pairs: batchSize, pieces, regions }, standard, batch.draw);
    };
    const save = () => saveCheckpoint(runDir, { ...description, standard }, state, running.values(), { keep });

    const plan = { batchSize, seed: state.seed, buckets: lengthBuckets(config) };
    const held = validation.length > 1 ? heldOut(validation, batchSize, config) : [];
    await prepare(running, batches(source, plan, state.position), held, arraysOf);
    const upcoming = batches(source, plan, state.position);
    const board = options.tensorboard === false ? undefined : tensorboardWriter(runDir);
    let tally = new Tally();
    let last: PretrainProgress | undefined;
    while (state.step < steps && !signal?.aborted) {
      const waited = performance.now();
      const { value: batch } = (await upcoming.next()) as { value: PlannedBatch };
      const arrays = arraysOf(batch);
      arrays.seed = { shape: [2], values: Int32Array.of(state.seed, state.step * 4096) };
      const started = performance.now();
      const rate = learningRate(state.step, schedule);
      const measured = running.run('train', arrays, ratesAt(optimizer, state.step, rate));
      tally.add(measured, arrays, { waitedMs: started - waited, ranMs: performance.now() - started });
      checkFinite(measured, state.step, batch.examples, runDir);
      state = { ...state, step: state.step + 1, position: batch.next };

      const due = state.step % checkpointEverySteps === 0 || state.step === steps;
      if (due || state.step % reportEverySteps === 0) {
        const report = { ...tally.report(state.step, steps, batchSize), epoch: batch.epoch, learningRate: rate };
        const checked = due && held.length > 0 ? validate(running, held.map(arraysOf), batchSize) : undefined;
        if (checked && checked.loss < (state.best?.loss ?? Infinity)) {
          state = { ...state, best: { step: state.step, loss: checked.loss } };
        }
        last = { ...report, ...(checked && { validation: checked }), ...(due && { checkpoint: save() }) };
        onProgress?.(last);
        board?.(last);
        tally = new Tally();
      }
      // Lets signals and the reading of data have their turn.
      await new Promise(setImmediate);
    }
    await upcoming.return(undefined);
    const checkpoint = save();
    return {
      steps: state.step,
      stopped: state.step < steps,
      checkpoint,
      compiled: running.compiled,
      ...(last && { last }),
    };
  } finally {
    running.dispose();
  }
}

/** Compiles the shapes of the first batches, and validation's, together. */
async function prepare(
  running: Program,
  upcoming: AsyncGenerator<PlannedBatch>,
  held: readonly HeldBatch[],
  arraysOf: (batch: HeldBatch) => Arrays,
): Promise<void> {
  let left = defaultWindowBatches;
  for await (const batch of upcoming) {
    running.prepare('train', { ...arraysOf(batch), seed: { shape: [2], values: Int32Array.of(0, 0) } });
    if (--left === 0) break;
  }
  if (held[0]) running.prepare('validate', arraysOf(held[0]));
}

type HeldBatch = Pick<PlannedBatch, 'examples' | 'pieces' | 'regions' | 'draw'>;

/** Held-out batches of the largest shape; the last one is filled from the start. Their masks are the same each time. */
function heldOut(
  examples: readonly Example[],
  batchSize: number,
  { maxPieces, maxRegions }: ModelConfig,
): readonly HeldBatch[] {
  return Array.from({ length: Math.ceil(examples.length / batchSize) }, (_, batch) => ({
    examples: Array.from(
      { length: batchSize },
      (_, index) => examples[(batch * batchSize + index) % examples.length] as Example,
    ),
    pieces: maxPieces,
    regions: maxRegions,
    get draw() {
      return random(0x7a11da, batch);
    },
  }));
}

/** Means of the losses and accuracies over held-out batches. */
function validate(running: Program, batches: readonly Arrays[], batchSize: number): Measures {
  const tally = new Tally();
  for (const arrays of batches) tally.add(running.run('validate', arrays), arrays, { waitedMs: 0, ranMs: 1 });
  const { loss, losses, accuracies } = tally.report(1, 1, batchSize);
  return { loss, losses, accuracies };
}

type Measured = Readonly<Record<string, Float32Array | Int32Array>>;

/** Sums of what steps measured, and their means. */
class Tally {
  private readonly sums = new Map<string, number>();
  private steps = 0;
  private waitedMs = 0;
  private ranMs = 0;
  private tokens = 0;

  add(measured: Measured, arrays: Arrays, time: { waitedMs: number; ranMs: number }): void {
    for (const [name, value] of Object.entries(measured)) {
      this.sums.set(name, (this.sums.get(name) ?? 0) + (value[0] ?? Number.NaN));
    }
    this.steps++;
    this.waitedMs += time.waitedMs;
    this.ranMs += time.ranMs;
    const counted = (name: string) => ((arrays[name]?.values ?? []) as Float32Array).reduce((sum, one) => sum + one, 0);
    const pairs = arrays.pieces?.shape[0] ?? 0;
    const perPass = counted('pieceMask') + counted('regionMask') + 2 * pairs;
    this.tokens += arrays.partners ? 2 * perPass : perPass;
  }

  report(step: number, totalSteps: number, batchSize: number): Omit<PretrainProgress, 'epoch' | 'learningRate'> {
    const mean = (name: string) => (this.sums.get(name) ?? 0) / this.steps;
    const present = (suffix: string) =>
      objectiveNames
        .filter((name) => this.sums.has(`${name}${suffix}`))
        .map((name) => [name, mean(`${name}${suffix}`)] as const);
    const seconds = (this.waitedMs + this.ranMs) / 1000;
    return {
      step,
      totalSteps,
      loss: mean('loss'),
      losses: Object.fromEntries(present('')),
      accuracies: Object.fromEntries(present('Accuracy')),
      gradientNorm: mean('gradientNorm'),
      samplesPerSecond: (this.steps * batchSize) / seconds,
      tokensPerSecond: this.tokens / seconds,
      waitShare: this.waitedMs / (this.waitedMs + this.ranMs),
      secondsLeft: ((totalSteps - step) * seconds) / this.steps,
    };
  }
}

/** Throws a UserError with the batch's keys where the loss or the gradients are no numbers any more. */
function checkFinite(measured: Measured, step: number, examples: readonly Example[], runDir: string): void {
  const faulty = Object.entries(measured).find(([, value]) => !Number.isFinite(value[0]));
  if (!faulty) return;
  const keys = examples.map(({ key }) => key).join(' ');
  const resumable = latestCheckpoint(runDir) ? `${join(runDir, 'checkpoints')} is whole` : 'there is no checkpoint yet';
  throw new UserError(
    `Expected a finite ${faulty[0]} at step ${step} but received ${faulty[1][0]}; ${resumable}; lower the learning rate or look at ` +
      `the samples of this batch: ${keys}`,
  );
}
