/**
 * Training (ImageBERT §5): the whole life of a run in one loop, from the first parameters or the newest checkpoint to the last
 * step. Nothing here prints: `onProgress` hears how it goes, and `signal` stops it after a step with everything saved.
 */
import { join } from 'node:path';
import { withCleanup } from '../../dataset/cleanup.ts';
import { makeFolder } from '../../dataset/make-folder.ts';
import { heldFolder } from '../../dataset/same-place.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import { measureFeatureStatistics } from '../data/feature-statistics.ts';
import { collateBatch, type LoadedBatch, type LoaderOptions, openLoader } from '../data/loader.ts';
import { firstPosition, lengthBuckets, lengthsOfRun } from '../data/sampler.ts';
import { specialPieceIds } from '../data/tokenizer.ts';
import { checkConfig } from '../net/config.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { scoringFunctions } from '../ranking/scoring.ts';
import { feedsAhead, openExecutable } from '../runtime/executable.ts';
import { floatsOf } from '../runtime/half.ts';
import { adamW, asAverages, gradientSums, ratesAt } from '../runtime/optimizer.ts';
import { frozenOf, type ParameterSpec, startValues, type Values } from '../runtime/parameter.ts';
import { alone } from '../runtime/peers.ts';
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
import { openHeldOut, yardstick } from './held-out.ts';
import { itmEntropy } from './label-entropy.ts';
import { drawLearning } from './learning-picture.ts';
import { checkMadeFrom, differences, madeFromOf } from './made-from.ts';
import { type Measured, Metrics, workOf } from './metrics.ts';
import type { Task, TrainOptions } from './options.ts';
import type { BestMeasure, RunSettings, TrainingProgress, TrainingSummary, Watch } from './progress.ts';
import { keepRankingAids } from './ranking-aids.ts';
import type { Ranks } from './ranks.ts';
import { openRunLog } from './run-log.ts';
import { factsOf, requireSame } from './same-run.ts';
import { saveCheckpoint } from './save-checkpoint.ts';
import { hardnessAt, learningRate } from './schedule.ts';
import { changedSettings, settingsOf } from './settings.ts';
import { readStartWeights } from './start-weights.ts';
import { type Loss, validateFunction } from './step.ts';
import { tensorboardWriter } from './tensorboard.ts';
import { upcoming } from './upcoming.ts';
import { prepareUpdate, update, updateFunctions } from './update.ts';

/** Progress is told so often in ms where steps take long, between the steps that are logged: as often as a plain line of it is printed. */
const tellEveryMs = 5000;

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
    const { batchSize, accumulate, precision, xla, recompute, checkpointEverySteps } = {
      ...pretrainDefaults,
      ...options,
    };
    const { evaluateEverySteps, bestBy } = { ...pretrainDefaults, ...options };
    const { maxGradNorm, learningRateDecay: decay, ema } = { ...pretrainDefaults, ...options };
    const { devices = 1, ranks, threads, keep = 3, reportEverySteps = 10, patience } = options;
    const optimizer = {
      ...{ ...adamW, ...options.optimizer, clipNorm: maxGradNorm || Number.POSITIVE_INFINITY },
      ...(ema > 0 && { averageDecay: ema }),
    };
    const { weights } = task.loss;
    const by = bestMeasure(bestBy, weights);
    const schedule = {
      peak: options.learningRate ?? pretrainDefaults.learningRate,
      warmupSteps: Math.round(steps * (options.warmupShare ?? 0.1)),
      totalSteps: steps,
      decay,
    };
    checkConfig(config);
    checkDevices(options, batchSize);
    const isFirst = ranks === undefined || ranks.rank === 0;
    if (isFirst) makeFolder(runDir);
    const checkPlace = isFirst ? heldFolder(runDir, defer) : undefined;

    // ---- Model ------------------------------------------------------------------------------------------------------------
    const { tokenizer } = options;
    const special = specialPieceIds(vocabulary);
    const description: ModelDescription = { config, vocabulary, tokenizer, detector, objectives: task.objectives };
    const parameters = atTheirRates(parameterSpecs(config, { itc: task.objectives.itc > 0 }), options.encoderRate);
    const frozen = frozenOf(parameters);
    const executable = openExecutable({
      parameters: accumulate > 1 ? [...parameters, ...gradientSums(parameters)] : parameters,
      functions: {
        ...updateFunctions(
          task.loss,
          { dropout: config.dropout, optimizer, frozen, peers: ranks?.peers ?? alone },
          accumulate,
        ),
        validate: validateFunction(task.loss),
        ...scoringFunctions({ config, special }),
      },
      optimizer,
      ...{ precision, xla, recompute, devices },
      stagesAhead: options.stagesAhead ?? feedsAhead(),
      ...(ranks && { cluster: ranks.cluster }),
      ...(options.compiled !== undefined && { compiled: options.compiled }),
    });
    defer(() => executable.dispose());
    defer(() => source.close());

    // ---- Start or resume --------------------------------------------------------------------------------------------------
    if (ranks) await requireSame(ranks, factsOf(options, task, parameters));
    const newest = isFirst ? latestCheckpoint(runDir) : undefined;
    if (newest !== undefined && !options.resume) {
      throw new UserError(
        `Expected an empty folder for the run but ${runDir} has checkpoints; resume it or choose another.`,
      );
    }
    const held = { examples: isFirst ? validation : [], batchSize, collation: task.collation, weights };
    const learning = {
      ...options,
      ...{ by, yardstick: yardstick(by, held), weights, settings: settingsOf(options, task.settings) },
    };
    // Averages begin at what evaluates, which a checkpoint gives as its parameters.
    const averagesOf = (read: ReadonlyMap<string, Float32Array>) =>
      ema > 0 ? asAverages(parameters, read) : new Map();
    const withAverages = ({ measured, values, ...rest }: Begun): Beginning => ({
      ...rest,
      values: new Map([...values, ...averagesOf(measured)]),
    });
    const begin = async () =>
      withAverages(newest ? resumed(newest, description, learning) : await started(options, description, signal));
    // A function of its own, so that this one does not hold the parameters as long as it trains.
    const loadStart = async () => {
      const { values, ...begun } = ranks ? await begunTogether(ranks, begin) : await begin();
      executable.load(values);
      return begun;
    };
    const { state, featureStatistics } = await loadStart();
    state.settings = learning.settings;
    if (learning.yardstick !== undefined) state.yardstick = learning.yardstick;
    const model: MeasuredModel = { ...description, featureStatistics };
    const [metrics, sinceEvaluation] = [new Metrics(), new Metrics(state.sinceEvaluation)];
    const save = () => {
      checkPlace?.();
      state.sinceEvaluation = sinceEvaluation.kept();
      return saveCheckpoint(runDir, model, state, executable.values(), { keep });
    };

    // ---- Data -------------------------------------------------------------------------------------------------------------
    const sampler = { batchSize, seed: state.seed, buckets: lengthBuckets(config) };
    // Looked up from the start of the data, so that a resumed run pads as before.
    const { lengths, firsts } = await lengthsOfRun(source, sampler, steps * accumulate);
    const planned = {
      'the order of the examples': firsts.map(({ examples }) => examples.map(({ key }) => key)),
      'the lengths of the batches': lengths,
    };
    if (ranks) await requireSame(ranks, planned);
    const loading: LoaderOptions = {
      sampler: { ...sampler, allowed: lengths },
      from: state.position,
      collation: task.collation,
      featureStatistics,
      ...(ranks && { rank: { index: ranks.rank, count: ranks.count } }),
    };
    const preparing = { accumulate, peers: ranks?.count ?? 0 };
    for (const batch of firsts) prepareUpdate(executable, (await collateBatch(batch, loading)).arrays, preparing);
    const heldOut = openHeldOut(executable, {
      ...held,
      ...{ config, special, featureStatistics },
    });
    if (patience !== undefined && heldOut === undefined && isFirst) {
      throw expected('two held-out pairs or more', '--patience', validation.length, 'hold pairs out, or leave it out');
    }
    const loader = openLoader(source, loading, { threads });
    defer(() => loader.close());
    const coming = upcoming(loader, accumulate);

    // ---- Loop -------------------------------------------------------------------------------------------------------------
    const logTensorboard = options.tensorboard === false || !isFirst ? undefined : tensorboardWriter(runDir);
    const log = isFirst ? openRunLog(runDir, state.step) : undefined;
    const evaluate = evaluation(heldOut, by, state);
    let last: TrainingProgress | undefined;
    let toldMs = performance.now();
    // What ends a run on one rank, a signal or what rank 0 has measured, ends it on all after the same step.
    const isToStop = async (): Promise<boolean> => {
      const own = (signal?.aborted ?? false) || patienceSpent(state.best, patience);
      return ranks ? (await ranks.sum(own ? 1 : 0)) > 0 : own;
    };
    while (state.step < steps && !(await isToStop())) {
      // Batches
      const askedAt = performance.now();
      const batches = await coming.next();
      const receivedAt = performance.now();

      // Step
      const rate = learningRate(state.step, schedule);
      const rates = ratesAt(optimizer, state.step, rate);
      const updating = update(
        executable,
        batches.map(({ arrays }) => arrays),
        rates,
        { seed: state.seed, step: state.step, hardness: hardnessAt(state.step, steps), peers: ranks?.count ?? 0 },
        executable.stagesAhead && state.step + 1 < steps ? async () => (await coming.first()).arrays : undefined,
      );
      const measured = await (ranks ? ranks.during(updating) : updating);
      const times = { waitedMs: receivedAt - askedAt, ranMs: performance.now() - receivedAt };
      checkFinite(measured, state.step, batches, runDir);
      const work = workOf(batches, ({ pieces, regions, keys }) => task.flops({ pairs: keys.length, pieces, regions }));
      const together = ranks?.count ?? 1;
      metrics.add(measured, {
        ...times,
        ...{ samples: together * work.samples, tokens: together * work.tokens, flops: work.flops },
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
      const isLogged = saving || evaluated || state.step % reportEverySteps === 0;
      if (isFirst && (isLogged || performance.now() - toldMs > tellEveryMs)) {
        if (isLogged) checkPlace?.();
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
        if (isLogged) log?.(last);
        onProgress?.(last);
        toldMs = performance.now();
        if (isLogged) {
          logTensorboard?.(last);
          if (evaluated || state.step === steps) drawLearning(runDir);
          metrics.reset();
        }
      }
      // Lets signals and the reading of data have their turn.
      await new Promise(setImmediate);
    }

    // ---- End --------------------------------------------------------------------------------------------------------------
    if (!isFirst) return summaryOfFirst(ranks);
    const outOfPatience = state.step < steps && patienceSpent(state.best, patience);
    const checkpoint = save();
    const best = bestCheckpoint(runDir);
    let stopped = state.step < steps && !outOfPatience;
    if (!stopped && heldOut) {
      const checkpoints = [...new Set([checkpoint, best?.checkpoint ?? checkpoint])];
      const keeping = { onProgress: options.onRankingAids, signal };
      const load = (read: Values) => executable.load(new Map([...read, ...averagesOf(read)]));
      stopped = !(await keepRankingAids(checkpoints, task.objectives, { source, heldOut, load }, keeping));
    }
    const summary: TrainingSummary = {
      steps: state.step,
      stopped,
      outOfPatience,
      checkpoint,
      ...(best && { best }),
      compiled: executable.compiled,
      ...(last && { last }),
    };
    await ranks?.fromFirst({ data: summary, arrays: new Map() });
    return summary;
  });

/** What rank 0 has to say at the end. */
const summaryOfFirst = async (ranks: Ranks): Promise<TrainingSummary> =>
  (await ranks.fromFirst()).data as TrainingSummary;

/** The beginning that rank 0 has, on all ranks: no two machines have to compute the same bits for that, nor read the same folder. */
async function begunTogether(ranks: Ranks, begin: () => Promise<Beginning>): Promise<Beginning> {
  const own = ranks.rank === 0 ? await begin() : undefined;
  const { data, arrays } = await ranks.fromFirst(
    own && {
      data: own.state,
      arrays: new Map([...own.values, ['feature mean', own.featureStatistics.mean], ['feature scale', own.featureStatistics.scale]]), // biome-ignore format: one line
    },
  );
  if (own) return own;
  const values = new Map(arrays);
  const [mean, scale] = [values.get('feature mean')!, values.get('feature scale')!];
  for (const name of ['feature mean', 'feature scale']) values.delete(name);
  return { state: data as TrainingState, featureStatistics: { mean, scale }, values };
}

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

/** The same, with the parameters that evaluations go by: averages, or those that learn. */
interface Begun extends Beginning {
  readonly measured: ReadonlyMap<string, Float32Array>;
}

/** The run as a checkpoint left it. Throws a UserError where it was another model's. */
function resumed(dir: string, description: ModelDescription, options: TrainOptions & Learning): Begun {
  const checkpoint = readCheckpoint(dir);
  checkSameModel(checkpoint, description);
  const { featureStatistics, values } = checkpoint;
  const state = { ...checkpoint.state };
  const [was, is] = [state.madeFrom, madeFromOf(options)];
  const [before, isOther] = [state.best, isMeasuredOtherwise(state, options)];
  if (isOther) delete state.signs;
  if (isOther || before?.by !== options.by) delete state.best;
  const changed = changedSettings({ dir: checkpoint.dir, was: state }, options.settings, options);
  if (before && !state.best)
    changed.push(`what the best is measured by: it was step ${before.step}, and is sought anew`);
  if (is !== undefined && checkMadeFrom({ dir, was, is }, options.dataChanged) !== 'same') {
    state.madeFrom = is;
    if (was !== undefined) state.before = [...(state.before ?? []), { untilStep: state.step, madeFrom: was }];
  }
  if (changed.length > 0) options.onChangedSettings?.(changed);
  return { state, featureStatistics, measured: values, values: new Map([...values, ...readOptimizer(checkpoint)]) };
}

/** What is learned, and by what the best is found. */
interface Learning {
  readonly by: BestMeasure;
  readonly yardstick: string | undefined;
  readonly weights: Loss['weights'];
  readonly settings: RunSettings;
}

/** Whether held-out values of now and before say nothing of each other. Older checkpoints tell no yardstick: it is taken for the same unless data or weights are others. */
function isMeasuredOtherwise(
  { yardstick: before, madeFrom, settings }: TrainingState,
  { yardstick: now, weights, by, ...options }: TrainOptions & Learning,
): boolean {
  if (now === undefined) return false;
  if (before !== undefined) return before !== now;
  const is = madeFromOf(options);
  const isReweighted = Object.keys(weights).some((name) => settings !== undefined && settings[name] !== options.settings[name]); // biome-ignore format: one line
  return (by === 'loss' && isReweighted) || (madeFrom !== undefined && is !== undefined && differences(madeFrom, is).length > 0); // biome-ignore format: one line
}

/** A new run: what the file to start from lacks is drawn from the seed, or measured on the first epoch. */
async function started(
  options: TrainOptions,
  description: ModelDescription,
  signal: AbortSignal | undefined,
): Promise<Begun> {
  const { config, objectives } = description;
  const { startFrom, source, seed = pretrainDefaults.seed } = options;
  const madeFrom = madeFromOf(options);
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const start = startFrom === undefined ? undefined : readStartWeights(startFrom, config, parameters);
  if (start && start.told.taken < start.told.of) options.onStartWeights?.(start.told);
  const measured =
    (start && featureStatisticsIn(start.tensors)) ??
    (await measureFeatureStatistics(source.epoch(0), config.featureSize));
  const loaded: Values = start?.values ?? new Map();
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
    measured: values,
    values,
  };
}

/** Throws a UserError where ranks and devices cannot share a batch. */
function checkDevices({ devices = 1, ranks, xla }: TrainOptions, batchSize: number): void {
  if (devices > 1 && xla) throw expected('one device', '--devices with --xla', devices, 'leave one of them out');
  const parts = devices * (ranks?.count ?? 1);
  const who = ranks ? `${ranks.count} ranks${devices > 1 ? ` of ${devices} devices` : ''}` : `${devices} devices`;
  if (batchSize % parts !== 0)
    throw expected(`a number of pairs that ${who} divide`, '--batch-size', batchSize, 'choose another');
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
    const keys = batches.flatMap((batch) => keysNotFinite(batch)).join(' ') || 'another rank';
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
