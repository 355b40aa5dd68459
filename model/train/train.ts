/**
 * Training (ImageBERT §5): the whole life of a run in one loop, from the first parameters or the newest checkpoint to the last
 * step. Nothing here prints: `onProgress` hears how it goes, and `signal` stops it after a step with everything saved.
 */
import { join } from 'node:path';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { measureFeatureStatistics } from '../data/feature-statistics.ts';
import { collateBatch, type LoadedBatch, type LoaderOptions, openLoader } from '../data/loader.ts';
import { firstPosition, lengthBuckets, lengthsOfRun } from '../data/sampler.ts';
import { specialPieceIds } from '../data/tokenizer.ts';
import { fromHuggingFace } from '../formats/hugging-face.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { checkConfig } from '../net/config.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { scoringFunctions } from '../ranking/scoring.ts';
import { openExecutable } from '../runtime/executable.ts';
import { floatsOf } from '../runtime/half.ts';
import { adamW, gradientSums, ratesAt } from '../runtime/optimizer.ts';
import { learns, type ParameterSpec, startValues } from '../runtime/parameter.ts';
import { bestMeasure, patienceSpent } from './best.ts';
import {
  bestCheckpoint,
  checkSameModel,
  featureStatisticsIn,
  latestCheckpoint,
  type MeasuredModel,
  type ModelDescription,
  readCheckpoint,
  readOptimizer,
  type TrainingState,
} from './checkpoint.ts';
import { shortcutName } from './contrast-heads.ts';
import { startContrast } from './contrast-start.ts';
import { pretrainDefaults } from './defaults.ts';
import { evaluation } from './evaluation.ts';
import { openHeldOut } from './held-out.ts';
import { itmEntropy } from './label-entropy.ts';
import { drawLearning } from './learning-picture.ts';
import { checkMadeFrom, type MadeFrom, weightsSha256 } from './made-from.ts';
import { type Measured, Metrics, workOf } from './metrics.ts';
import type { Task, TrainOptions } from './options.ts';
import type { TrainingProgress, TrainingSummary, Watch } from './progress.ts';
import { hasRerankWeight, keepRerankWeight } from './rerank-weight.ts';
import { openRunLog } from './run-log.ts';
import { saveCheckpoint } from './save-checkpoint.ts';
import { hardnessAt, learningRate } from './schedule.ts';
import { validateFunction } from './step.ts';
import { tensorboardWriter } from './tensorboard.ts';
import { prepareUpdate, update, updateFunctions } from './update.ts';

/**
 * Trains until `steps` and gives the last checkpoint. Throws a UserError where the run cannot start or continue, and where the
 * loss stops being a finite number (with the keys of the batch).
 */
export const train = (
  options: TrainOptions,
  task: Task,
  { onProgress, signal }: Watch<TrainingProgress> = {},
): Promise<TrainingSummary> =>
  withCleanup(async (defer) => {
    // ---- Options ----------------------------------------------------------------------------------------------------------
    const { runDir, source, config, vocabulary, detector, steps, validation = [] } = options;
    const { batchSize, accumulate, precision, xla, checkpointEverySteps } = { ...pretrainDefaults, ...options };
    const { evaluateEverySteps, bestBy } = { ...pretrainDefaults, ...options };
    const { optimizer = adamW, threads, keep = 3, reportEverySteps = 10, patience } = options;
    const { weights } = task.loss;
    const by = bestMeasure(bestBy, weights);
    const schedule = {
      peak: options.learningRate ?? pretrainDefaults.learningRate,
      warmupSteps: Math.round(steps * (options.warmupShare ?? 0.1)),
      totalSteps: steps,
    };
    checkConfig(config);
    makeFolder(runDir);

    // ---- Model ------------------------------------------------------------------------------------------------------------
    const { tokenizer } = options;
    const special = specialPieceIds(vocabulary);
    const description: ModelDescription = { config, vocabulary, tokenizer, detector, objectives: task.objectives };
    const parameters = atTheirRates(parameterSpecs(config, { itc: task.objectives.itc > 0 }), options.encoderRate);
    const frozen = new Set(parameters.filter((one) => !learns(one)).map(({ name }) => name));
    const executable = openExecutable({
      parameters: accumulate > 1 ? [...parameters, ...gradientSums(parameters)] : parameters,
      functions: {
        ...updateFunctions(task.loss, { dropout: config.dropout, optimizer, frozen }, accumulate),
        validate: validateFunction(task.loss),
        ...scoringFunctions({ config, special }),
      },
      optimizer,
      precision,
      xla,
      ...(options.compiled !== undefined && { compiled: options.compiled }),
    });
    defer(() => executable.dispose());
    defer(() => source.close());

    // ---- Start or resume --------------------------------------------------------------------------------------------------
    const newest = latestCheckpoint(runDir);
    if (newest !== undefined && !options.resume) {
      throw new UserError(
        `Expected an empty folder for the run but ${runDir} has checkpoints; resume it or choose another.`,
      );
    }
    const { state, featureStatistics, values } = newest
      ? resumed(newest, description, options)
      : await started(options, description, signal);
    executable.load(values);
    if (state.best?.by !== by) delete state.best;
    const model: MeasuredModel = { ...description, featureStatistics };
    const [metrics, sinceEvaluation] = [new Metrics(), new Metrics(state.sinceEvaluation)];
    const save = () => {
      state.sinceEvaluation = sinceEvaluation.kept();
      return saveCheckpoint(runDir, model, state, executable.values(), { keep });
    };

    // ---- Data -------------------------------------------------------------------------------------------------------------
    const sampler = { batchSize, seed: state.seed, buckets: lengthBuckets(config) };
    // Looked up from the start of the data, so that a resumed run pads as before.
    const { lengths, firsts } = await lengthsOfRun(source, sampler, steps * accumulate);
    const loading: LoaderOptions = {
      sampler: { ...sampler, allowed: lengths },
      from: state.position,
      collation: task.collation,
      featureStatistics,
    };
    for (const batch of firsts) prepareUpdate(executable, (await collateBatch(batch, loading)).arrays, accumulate);
    const heldOut = openHeldOut(executable, {
      ...{ examples: validation, batchSize, config, special, weights, featureStatistics },
      collation: task.collation,
    });
    if (patience !== undefined && heldOut === undefined) {
      throw expected('two held-out pairs or more', '--patience', validation.length, 'hold pairs out, or leave it out');
    }
    const loader = openLoader(source, loading, { threads });
    defer(() => loader.close());

    // ---- Loop -------------------------------------------------------------------------------------------------------------
    const logTensorboard = options.tensorboard === false ? undefined : tensorboardWriter(runDir);
    const log = openRunLog(runDir, state.step);
    const evaluate = evaluation(heldOut, by, state);
    let last: TrainingProgress | undefined;
    while (state.step < steps && !signal?.aborted && !patienceSpent(state.best, patience)) {
      // Batches
      const askedAt = performance.now();
      const batches: LoadedBatch[] = [];
      while (batches.length < accumulate) batches.push(await loader.next());
      const receivedAt = performance.now();

      // Step
      const rate = learningRate(state.step, schedule);
      const rates = ratesAt(optimizer, state.step, rate);
      const measured = update(
        executable,
        batches.map(({ arrays }) => arrays),
        rates,
        { seed: state.seed, step: state.step, hardness: hardnessAt(state.step, steps) },
      );
      const times = { waitedMs: receivedAt - askedAt, ranMs: performance.now() - receivedAt };
      checkFinite(measured, state.step, batches, runDir);
      metrics.add(measured, {
        ...times,
        ...workOf(batches, ({ pieces, regions }) => task.flops({ pairs: batchSize, pieces, regions })),
      });
      sinceEvaluation.add({ ...measured, ...itmEntropy(batches.map(({ arrays }) => arrays)) });
      const { epoch, next } = batches.at(-1)!;
      state.step += 1;
      state.position = next;

      // Evaluate, checkpoint, log
      const evaluated =
        state.step % evaluateEverySteps === 0 || state.step === steps ? evaluate(sinceEvaluation) : undefined;
      const ends = state.step === steps || patienceSpent(state.best, patience);
      const saving = ends || state.step % checkpointEverySteps === 0 || (evaluated && state.best?.step === state.step);
      if (saving || evaluated || state.step % reportEverySteps === 0) {
        last = {
          step: state.step,
          totalSteps: steps,
          epoch,
          learningRate: rate,
          gradientNorm: metrics.gradientNorm(),
          gradientNorms: metrics.gradientNorms(),
          ...metrics.measures(),
          ...metrics.speed(steps - state.step, options.peakFlops),
          ...evaluated,
          ...(saving && { checkpoint: save() }),
        };
        log(last);
        onProgress?.(last);
        logTensorboard?.(last);
        if (evaluated || state.step === steps) drawLearning(runDir);
        metrics.reset();
      }
      // Lets signals and the reading of data have their turn.
      await new Promise(setImmediate);
    }

    // ---- End --------------------------------------------------------------------------------------------------------------
    const outOfPatience = state.step < steps && patienceSpent(state.best, patience);
    const checkpoint = save();
    const best = bestCheckpoint(runDir);
    const stopped = state.step < steps && !outOfPatience;
    if (!stopped && heldOut && task.objectives.itc > 0 && task.objectives.itm > 0) {
      for (const dir of new Set([checkpoint, best?.checkpoint ?? checkpoint])) {
        if (hasRerankWeight(dir)) continue;
        executable.load(readCheckpoint(dir).values);
        keepRerankWeight(dir, heldOut);
      }
    }
    return {
      steps: state.step,
      stopped,
      outOfPatience,
      checkpoint,
      ...(best && { best }),
      compiled: executable.compiled,
      ...(last && { last }),
    };
  });

/** The encoder and its words, which may come from a public BERT, learn at a share of the rate. */
const atTheirRates = (parameters: readonly ParameterSpec[], encoderRate = 1): ParameterSpec[] =>
  parameters.map((one) =>
    one.name.startsWith('bert.') && encoderRate !== 1 ? { ...one, rate: encoderRate * (one.rate ?? 1) } : one,
  );

/** Where a run begins, with the values of its parameters. */
interface Beginning {
  readonly state: TrainingState;
  readonly featureStatistics: MeasuredModel['featureStatistics'];
  readonly values: ReadonlyMap<string, Float32Array>;
}

/** The run as a checkpoint left it. Throws a UserError where it was another model's. */
function resumed(dir: string, description: ModelDescription, options: TrainOptions): Beginning {
  const checkpoint = readCheckpoint(dir);
  checkSameModel(checkpoint, description);
  const { featureStatistics, values } = checkpoint;
  const state = { ...checkpoint.state };
  const [was, is] = [state.madeFrom, madeFromOf(options)];
  if (is !== undefined && checkMadeFrom({ dir, was, is }, options.dataChanged) !== 'same') {
    state.madeFrom = is;
    if (was !== undefined) state.before = [...(state.before ?? []), { untilStep: state.step, madeFrom: was }];
  }
  return { state, featureStatistics, values: new Map([...values, ...readOptimizer(checkpoint)]) };
}

const madeFromOf = ({ data, startFrom }: TrainOptions): MadeFrom | undefined =>
  data && { data, start: startFrom === undefined ? null : weightsSha256(startFrom) };

/** A new run: what the file to start from lacks is drawn from the seed, or measured on the first epoch. */
async function started(
  options: TrainOptions,
  description: ModelDescription,
  signal: AbortSignal | undefined,
): Promise<Beginning> {
  const { config, objectives } = description;
  const { startFrom, source, seed = pretrainDefaults.seed } = options;
  const madeFrom = madeFromOf(options);
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const { tensors } = startFrom ? readSafetensors(startFrom) : { tensors: new Map() };
  const measured =
    featureStatisticsIn(tensors) ?? (await measureFeatureStatistics(source.epoch(0), config.featureSize));
  const loaded = fromHuggingFace(parameters, tensors);
  const values = new Map([...startValues(parameters, seed), ...loaded]);
  // Heads that have learned go on from where they are, and shortcuts that they never had stay 0.
  if (parameters.some(({ name }) => name === shortcutName) && !loaded.has('itc.image.weight')) {
    const pretrained = loaded.has('bert.encoder.layer.0.attention.self.qkv.weight');
    const begun = await startContrast(description, source, {
      ...{ values, featureStatistics: measured, pretrained, signal, onTexts: options.onStartTexts },
      ...(options.precision && { precision: options.precision }),
    });
    for (const [name, own] of begun ?? []) if (!loaded.has(name)) values.set(name, own);
  }
  return {
    state: { step: 0, position: firstPosition, seed, ...(madeFrom && { madeFrom }) },
    featureStatistics: measured,
    values,
  };
}

/** The keys of the examples whose features are not all finite. */
function keysNotFinite({ keys, arrays: { features } }: LoadedBatch): readonly string[] {
  const width = features!.values.length / keys.length;
  const own = (row: number) => floatsOf((features!.values as Float32Array).subarray(row * width, (row + 1) * width));
  return keys.filter((_, row) => !own(row).every(Number.isFinite));
}

/** Throws a UserError with the keys where features, the loss or the gradients are not finite. */
function checkFinite(measured: Measured, step: number, batches: readonly LoadedBatch[], runDir: string): void {
  const resumable = latestCheckpoint(runDir) ? `${join(runDir, 'checkpoints')} is whole` : 'there is no checkpoint yet';
  if (measured.notFinite! > 0) {
    const keys = batches.flatMap((batch) => keysNotFinite(batch)).join(' ');
    throw new UserError(
      `Expected finite features at step ${step} but received infinite ones, or what is no number, of ${keys}; ${resumable}; take ` +
        'these samples out, or detect their regions again',
    );
  }
  const faulty = Object.entries(measured).find(([, value]) => !Number.isFinite(value));
  if (!faulty) return;
  const keys = batches.flatMap((batch) => batch.keys).join(' ');
  throw new UserError(
    `Expected a finite ${faulty[0]} at step ${step} but received ${faulty[1]}; ${resumable}; lower the learning rate or look at ` +
      `the samples of this batch: ${keys}`,
  );
}
