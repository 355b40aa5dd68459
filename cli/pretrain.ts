/** `lait pretrain`: trains ImageBERT from the shards of a corpus and the regions of their images, in one stage or several. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../dataset/blobs/place.ts';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { lockRun } from '../dataset/corpus-lock.ts';
import { deleteTextsOf } from '../dataset/export/takedown-texts.ts';
import { readShards } from '../dataset/shards/reader.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { expected } from '../dataset/user-error.ts';
import { textsOf } from '../model/data/example.ts';
import { readTokenizer, type Tokenizer, tokenizerOf, tokenizerOfModel } from '../model/data/tokenizer.ts';
import { VocabularyLearner } from '../model/data/vocabulary.ts';
import { hubScheme } from '../model/formats/hub.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { type ContrastForm, type ModelConfig, presets } from '../model/net/config.ts';
import { modelCost } from '../model/net/cost.ts';
import { hasGpu } from '../model/runtime/environment.ts';
import { feedsAhead } from '../model/runtime/executable.ts';
import { peakFlopsOf } from '../model/runtime/peak.ts';
import { endSoon } from '../model/runtime/session.ts';
import { type Checkpoint, latestCheckpoint, readCheckpoint, weightsName } from '../model/train/checkpoint.ts';
import { pretrainedEncoderRate } from '../model/train/defaults.ts';
import type { TrainingSummary } from '../model/train/progress.ts';
import { openRanks, type Ranks } from '../model/train/ranks.ts';
import { checkStages, latestStage, pretrainStages } from '../model/train/stages.ts';
import { bytesOfStep, type StepMemory, type StepSetup, stepMemory } from '../model/train/step-memory.ts';
import type { PretrainFlags } from './call-flags.ts';
import {
  type CommandContext,
  Interrupted,
  type KnownTo,
  type Nothing,
  requireFile,
  requirePath,
  sayWaiting,
} from './command.ts';
import { fetching, type Progress, startProgress } from './progress.ts';
import { type Place, placeOf } from './ranks.ts';
import { requireRunFor, runDir } from './runs.ts';
import { corporaOf, type PlannedStage, plannedStages, type StageSettings, sameFeatures } from './stages.ts';
import { count, table } from './table.ts';
import { tell } from './tell.ts';
import { identityOf, type TrainingExamples, trainingExamples } from './training-examples.ts';
import {
  describeEnd,
  describeEpochs,
  describeStop,
  showChangedSettings,
  showRankingAids,
  showStartWeights,
  showStep,
} from './training-report.ts';

export const pretrain = (context: CommandContext<'pretrain', PretrainFlags>): Promise<void> =>
  withCleanup((defer) => trainStages(context, defer));

async function trainStages(
  { corpusDir, config, settings, flags, signal, print }: CommandContext<'pretrain', PretrainFlags>,
  defer: Defer,
): Promise<void> {
  const {
    stages: stagesFile,
    shards,
    dryRun,
    dataChanged,
    devices,
    rank,
    ranks: rankCount,
    coordinator,
    ...others
  } = flags;
  const { preset, run, from, vocabularySize, seed, precision, xla, stages: ___, ...rest } = settings;
  const { checkpointEverySteps, evaluateEverySteps, bestBy, patience, encoderRate, ...more } = rest;
  const {
    learningRateDecay,
    maxGradNorm,
    recompute,
    ema,
    deterministic: _,
    tf32: __,
    contrastPooling: pooling,
    contrastStart,
    ...own
  } = more;
  others satisfies Nothing;
  own satisfies KnownTo<StageSettings, typeof own>;

  const place = dryRun ? undefined : placeOf({ rank, ranks: rankCount, coordinator }, process.env);
  const isFirst = place === undefined || place.rank === 0;

  // What is trained on, from which weights, with which model.
  const stages = plannedStages(corpusDir, settings, { file: stagesFile, shards });
  for (const place of corporaOf(stages)) await settleInTurn(place.shards, { signal, onWait: sayWaiting });
  const columns = await sameFeatures(stages, config);
  if (!dryRun && isFirst) defer(lockRun(corpusDir, run));
  const dir = runDir(corpusDir, run);
  checkStages(dir, stages);
  // The others may have no folder of the run.
  if (isFirst) requireRunFor(dataChanged, latestStage(dir));
  const start = await startOf(from, signal);
  const tokenizer = await openTokenizer({ dir: latestStage(dir), stages, vocabularySize, start, signal });
  const model: ModelConfig = {
    ...presets[preset],
    // Patches have no order of importance: without the last ones the bottom of the picture would be missing.
    ...(config.regions.detector === 'patches' && { maxRegions: columns.maxRegions }),
    vocabularySize: tokenizer.size,
    featureSize: columns.featureSize,
    classes: columns.labels.length,
    ...contrastOf(dir, stages, {
      pooling,
      shortcut: contrastStart === 'linear',
      // A vocabulary of another's breaks up words that are not rare.
      ...(start === undefined && contrastStart === 'linear' && { wholeWords: true }),
    }),
  };
  tell(
    `${preset}: ${model.layers} layers of ${model.hiddenSize}, a vocabulary of ${count(tokenizer.size)} word pieces, ` +
      `of a text its first ${model.maxPieces} pieces, of a picture ${model.maxRegions} regions; ${dir}`,
  );
  if (dryRun) {
    const costs = stages.map(({ name, objectives, hardNegatives, cleanMatching, batchSize, accumulate }) => ({
      name,
      ...modelCost(model, objectives, { hardNegatives, cleanMatching, ema }),
      ...memoryOf({
        ...{ config: model, objectives, hardNegatives, cleanMatching, batchSize, accumulate, precision, ema },
        stagesAhead: feedsAhead(),
      }),
      batchSize,
    }));
    print({ model, costs }, () =>
      costs.map((cost) => `${cost.name === undefined ? '' : `${cost.name}\n`}${costTable(cost, ema > 0)}`).join('\n'),
    );
    return;
  }

  // Training, stage by stage.
  const steps = stages.reduce((sum, stage) => sum + stage.steps, 0);
  const peak = isFirst ? peakFlopsOf(steps, precision) : undefined;
  const base = {
    runDir: dir,
    config: model,
    vocabulary: tokenizer.vocabulary,
    tokenizer: tokenizer.definition,
    dataChanged,
    detector: columns.name,
    seed,
    ...{ precision, xla, devices },
    checkpointEverySteps,
    evaluateEverySteps,
    bestBy,
    patience,
    learningRateDecay,
    maxGradNorm,
    recompute,
    ema,
    ...(start === undefined && { vocabularySize }),
    encoderRate: encoderRate ?? (start === undefined ? 1 : pretrainedEncoderRate),
    resume: true,
    ...(peak !== undefined && { peakFlops: peak * (hasGpu() ? devices : 1) }),
    ...(start === undefined ? {} : { startFrom: start.weights }),
  };
  const { maxPieces, maxRegions } = model;
  const ranks = place && (await meetOthers(place, devices, signal));
  const progress = startProgress(isFirst ? 'Training' : `Rank ${place.rank} of ${place.count}`);
  const show = showStep(progress);
  const open = async (stage: PlannedStage): Promise<TrainingExamples> => {
    const { corpora } = stage;
    const examples = await trainingExamples({
      corpora,
      config,
      tokenizer,
      maxPieces,
      maxRegions,
      seed,
      run: dir,
      isMeasured: isFirst,
      signal,
    });
    describe(progress, stage, examples);
    return examples;
  };
  let summary: TrainingSummary;
  try {
    summary = await pretrainStages(
      {
        ...{ ...base, ranks },
        onStartTexts: (done, total) => progress.update({ done, total, detail: 'texts, where contrast begins' }),
        onStartWeights: showStartWeights(progress),
        onRankingAids: showRankingAids(progress),
        onChangedSettings: showChangedSettings(progress),
      },
      stages.map((stage) => ({
        ...{ ...stage, open: () => open(stage) },
        identify: () => identityOf(stage.corpora, config, signal),
      })),
      { signal, onProgress: (state) => show(state, state.stage) },
    );
    progress.stop();
    await ranks?.leave();
  } catch (error) {
    await ranks?.leave(error);
    throw error;
  } finally {
    progress.stop();
    // Not for a run that goes on later: a takedown in one of its other corpora would not know of them.
    deleteTextsOf(dir);
    // TensorFlow's server knows no end.
    if (ranks) endSoon();
  }
  if (isFirst) print(summary, () => describeEnd(summary));
  else if (summary.stopped) tell(`rank ${place.rank}: ${describeStop(summary)}`);
  // The signal may have reached another rank.
  if (summary.stopped) throw new Interrupted('stopped by the operator');
}

/** Waits for all ranks, and says whom it waits for. */
async function meetOthers(place: Place, devices: number, signal: AbortSignal): Promise<Ranks> {
  const { rank, count, coordinator } = place;
  const onWait = (missing: readonly number[]): void =>
    tell(`rank ${rank} of ${count} waits for ${missing.length > 8 ? `${missing.length} ranks` : `rank ${missing.join(', ')}`} at ${coordinator.host}:${coordinator.port}`); // biome-ignore format: one line
  return openRanks({ ...place, onWait, signal, ...(devices > 1 && { cpuDevices: devices }) });
}

/** Says what a stage trains on, and what of it is skipped. */
function describe(progress: Progress, stage: PlannedStage, { description, samples, skipped }: TrainingExamples): void {
  const lines = [`${description}; ${describeEpochs(stage, samples)} (the paper: 17)`, ...skipped.lines()];
  for (const line of lines) progress.line(stage.name === undefined ? line : `${stage.name}: ${line}`);
}

/** A run that has begun keeps the form that it has. */
function contrastOf(dir: string, stages: readonly PlannedStage[], wanted: ContrastForm): Pick<ModelConfig, 'contrast'> {
  const begun = latestCheckpoint(latestStage(dir));
  if (begun !== undefined) {
    const { contrast } = readCheckpoint(begun).config;
    if (contrast === undefined) return {};
    const different = (['pooling', 'shortcut'] as const).find((part) => contrast[part] !== wanted[part]);
    if (different === undefined) return { contrast };
    const [name, was, is] =
      different === 'pooling'
        ? ['--contrast-pooling', contrast.pooling, wanted.pooling]
        : ['--contrast-start', contrast.shortcut ? 'linear' : 'random', wanted.shortcut ? 'linear' : 'random'];
    throw expected(`${was}, as the run has it`, name, is, 'give that, or another --run to begin anew');
  }
  return stages.some(({ objectives }) => objectives.itc > 0) ? { contrast: wanted } : {};
}

interface Start {
  readonly weights: string;
  readonly vocabulary: string;
}

/** `scratch`, `minilm`, a safetensors file with its vocabulary beside it, or `hf://OWNER/NAME` with both. */
async function startOf(from: string, signal: AbortSignal): Promise<Start | undefined> {
  if (from === 'scratch') return undefined;
  const weights = from === 'minilm' ? await ensurePretrained('minilm', fetching) : await weightsAt(from, signal);
  requireFile(weights, 'weights to start from', 'give scratch, minilm, hf://OWNER/NAME or a model.safetensors');
  const beside = (name: string): string => join(weights, '..', name);
  const vocabulary = existsSync(beside('tokenizer.json')) ? beside('tokenizer.json') : beside('vocab.txt');
  requirePath(vocabulary, 'the vocabulary of the weights', 'put vocab.txt or tokenizer.json beside them');
  return { weights, vocabulary };
}

async function weightsAt(from: string, signal: AbortSignal): Promise<string> {
  if (!from.startsWith(hubScheme)) return from;
  const { ensureHubWeights } = await import('../model/scorers/hub.ts');
  return join(await ensureHubWeights(from, { ...fetching, signal }), weightsName);
}

interface TokenizerOptions {
  /** The run, or its newest stage. */
  readonly dir: string;
  readonly stages: readonly PlannedStage[];
  readonly vocabularySize: number;
  readonly start: Start | undefined;
  readonly signal: AbortSignal;
}

/** The vocabulary of the run when it goes on, that of the weights it starts from, or one learned from all its shards. */
async function openTokenizer(options: TokenizerOptions): Promise<Tokenizer> {
  const { dir, stages, vocabularySize, start, signal } = options;
  if (latestCheckpoint(dir)) {
    const begun = readCheckpoint(dir, 'last');
    if (start === undefined) checkVocabularySize(begun, vocabularySize);
    return tokenizerOfModel(begun);
  }
  if (start) return readTokenizer(start.vocabulary);
  const shards = new Set(stages.flatMap(({ corpora }) => corpora.map((corpus) => within(corpus.shards, 'train'))));
  const learner = new VocabularyLearner();
  for await (const { fields } of readShards({ paths: [...shards], signal })) {
    for (const text of textsOf(fields)) learner.add(text);
  }
  if (learner.isEmpty)
    throw expected('texts to learn word pieces from', 'the training shards', 'none', 'export pairs with texts first');
  return tokenizerOf(learner.learn({ size: vocabularySize }));
}

/** A run keeps its vocabulary: throws a UserError where another size of it is asked for. */
export function checkVocabularySize(
  { state, vocabulary }: Pick<Checkpoint, 'state' | 'vocabulary'>,
  wanted: number,
): void {
  // Missing in checkpoints of older versions, which tell nothing of more than they found.
  const was = state.settings?.vocabularySize ?? Math.max(wanted, vocabulary.length);
  if (was !== wanted)
    throw expected(
      `${was}, as the run has it`,
      '--vocabulary-size',
      wanted,
      'give that, or another --run to begin anew',
    );
}

/** What a step takes with its layers kept, and computed anew. */
const memoryOf = (setup: StepSetup) => ({
  memory: { kept: stepMemory({ ...setup, recompute: false }), recomputed: stepMemory({ ...setup, recompute: true }) },
});

type Cost = ReturnType<typeof modelCost> & ReturnType<typeof memoryOf> & { readonly batchSize: number };

function costTable(cost: Cost, hasAverages: boolean): string {
  const whole = (memory: StepMemory): string => `${(bytesOfStep(memory) / 1e9).toFixed(1)} GB`;
  const { kept, recomputed } = cost.memory;
  const mega = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  const giga = (n: number): string => `${(n / 1e9).toFixed(2)} GFLOP`;
  return table([
    ['parameters', count(cost.parameters)],
    ['of them in the encoder', count(cost.encoderParameters)],
    ['tokens of a sequence', count(cost.tokens)],
    ['sequences of a training pair', count(cost.sequences)],
    ['forward pass of a sequence', giga(cost.forwardFlops)],
    ['training step of a pair', giga(cost.trainingFlops)],
    [`parameters, gradients, optimiser${hasAverages ? ', averages' : ''}`, mega(cost.stateBytes)],
    [`memory of a step of ${cost.batchSize} pairs`, whole(kept)],
    ['the same with --recompute', whole(recomputed)],
    ...(kept.aheadBytes > 0 ? [['of it the features of the next batch', mega(kept.aheadBytes)] as const] : []),
  ]);
}
