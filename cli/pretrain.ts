/** `lait pretrain`: trains ImageBERT from the shards of a corpus and the regions of their images, in one stage or several. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../dataset/blobs/place.ts';
import { type Defer, withCleanup } from '../dataset/cleanup.ts';
import { lockRun } from '../dataset/corpus-lock.ts';
import { deleteTextsOf } from '../dataset/export/takedown-texts.ts';
import { readShards } from '../dataset/shards/reader.ts';
import { settleInTurn } from '../dataset/shards/settle-in-turn.ts';
import { readTokenizer, type Tokenizer, tokenizerOf, tokenizerOfModel } from '../model/data/tokenizer.ts';
import { VocabularyLearner } from '../model/data/vocabulary.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { type ContrastForm, type ModelConfig, presets } from '../model/net/config.ts';
import { modelCost } from '../model/net/cost.ts';
import { measurePeakFlops } from '../model/runtime/peak.ts';
import { latestCheckpoint, readCheckpoint } from '../model/train/checkpoint.ts';
import { pretrainedEncoderRate } from '../model/train/defaults.ts';
import { checkStages, latestStage, pretrainStages } from '../model/train/stages.ts';
import type { PretrainFlags } from './call-flags.ts';
import { type CommandContext, type KnownTo, type Nothing, requirePath, sayWaiting } from './command.ts';
import { fetching, type Progress, startProgress } from './progress.ts';
import { requireRunFor, runDir } from './runs.ts';
import { corporaOf, type PlannedStage, plannedStages, type StageSettings, sameFeatures } from './stages.ts';
import { count, table } from './table.ts';
import { tell } from './tell.ts';
import { type TrainingExamples, trainingExamples } from './training-examples.ts';
import { describeEnd, describeEpochs, showStep } from './training-report.ts';

export const pretrain = (context: CommandContext<'pretrain', PretrainFlags>): Promise<void> =>
  withCleanup((defer) => trainStages(context, defer));

async function trainStages(
  { corpusDir, config, settings, flags, signal, print }: CommandContext<'pretrain', PretrainFlags>,
  defer: Defer,
): Promise<void> {
  const { stages: stagesFile, shards, dryRun, dataChanged, ...others } = flags;
  const { preset, run, from, vocabularySize, seed, precision, xla, stages: _, ...rest } = settings;
  const { checkpointEverySteps, evaluateEverySteps, bestBy, patience, encoderRate, ...more } = rest;
  const { contrastPooling: pooling, contrastStart, ...own } = more;
  others satisfies Nothing;
  own satisfies KnownTo<StageSettings, typeof own>;

  // What is trained on, from which weights, with which model.
  const stages = plannedStages(corpusDir, settings, { file: stagesFile, shards });
  for (const place of corporaOf(stages)) await settleInTurn(place.shards, { signal, onWait: sayWaiting });
  const columns = await sameFeatures(stages, config);
  if (!dryRun) defer(lockRun(corpusDir, run));
  const dir = runDir(corpusDir, run);
  checkStages(dir, stages);
  requireRunFor(dataChanged, latestStage(dir));
  const start = await startOf(from);
  const tokenizer = await openTokenizer({ dir: latestStage(dir), stages, vocabularySize, start, signal });
  const model: ModelConfig = {
    ...presets[preset],
    // Patches have no order of importance: without the last ones the bottom of the picture would be missing.
    ...(config.regions.detector === 'patches' && { maxRegions: columns.maxRegions }),
    vocabularySize: tokenizer.size,
    featureSize: columns.featureSize,
    classes: columns.labels.length,
    ...contrastOf(dir, stages, { pooling, shortcut: contrastStart === 'linear' }),
  };
  tell(
    `${preset}: ${model.layers} layers of ${model.hiddenSize}, a vocabulary of ${count(tokenizer.size)} word pieces, ` +
      `of a text its first ${model.maxPieces} pieces, of a picture ${model.maxRegions} regions; ${dir}`,
  );
  if (dryRun) {
    const costs = stages.map(({ name, objectives, hardNegatives, cleanMatching }) => ({
      name,
      ...modelCost(model, objectives, { hardNegatives, cleanMatching }),
    }));
    print({ model, costs }, () =>
      costs.map((cost) => `${cost.name === undefined ? '' : `${cost.name}\n`}${costTable(cost)}`).join('\n'),
    );
    return;
  }

  // Training, stage by stage.
  const base = {
    runDir: dir,
    config: model,
    vocabulary: tokenizer.vocabulary,
    tokenizer: tokenizer.definition,
    dataChanged,
    detector: columns.name,
    seed,
    precision,
    xla,
    checkpointEverySteps,
    evaluateEverySteps,
    bestBy,
    patience,
    encoderRate: encoderRate ?? (start === undefined ? 1 : pretrainedEncoderRate),
    resume: true,
    peakFlops: measurePeakFlops(precision),
    ...(start === undefined ? {} : { startFrom: start.weights }),
  };
  const { maxPieces, maxRegions } = model;
  const progress = startProgress('Training');
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
      signal,
    });
    describe(progress, stage, examples);
    return examples;
  };
  try {
    const summary = await pretrainStages(
      {
        ...base,
        onStartTexts: (done, total) => progress.update({ done, total, detail: 'texts, where contrast begins' }),
      },
      stages.map((stage) => ({ ...stage, open: () => open(stage) })),
      { signal, onProgress: (state) => show(state, state.stage) },
    );
    progress.stop();
    print(summary, () => describeEnd(summary));
  } finally {
    progress.stop();
    // Not for a run that goes on later: a takedown in one of its other corpora would not know of them.
    deleteTextsOf(dir);
  }
}

/** Says what a stage trains on, and what of it is skipped. */
function describe(progress: Progress, stage: PlannedStage, { description, images, skipped }: TrainingExamples): void {
  const lines = [`${description}; ${describeEpochs(stage, images)} (the paper: 17)`, ...skipped.lines()];
  for (const line of lines) progress.line(stage.name === undefined ? line : `${stage.name}: ${line}`);
}

/** A run that has begun keeps the form that it has. */
function contrastOf(dir: string, stages: readonly PlannedStage[], wanted: ContrastForm): Pick<ModelConfig, 'contrast'> {
  const begun = latestCheckpoint(latestStage(dir));
  if (begun !== undefined) {
    const { contrast } = readCheckpoint(begun).config;
    return contrast ? { contrast } : {};
  }
  return stages.some(({ objectives }) => objectives.itc > 0) ? { contrast: wanted } : {};
}

interface Start {
  readonly weights: string;
  readonly vocabulary: string;
}

/** `scratch`, `minilm`, or a safetensors file with its vocabulary beside it. */
async function startOf(from: string): Promise<Start | undefined> {
  if (from === 'scratch') return undefined;
  const weights = from === 'minilm' ? await ensurePretrained('minilm', fetching) : from;
  requirePath(weights, 'weights to start from', 'give scratch, minilm or a model.safetensors');
  const beside = (name: string): string => join(weights, '..', name);
  const vocabulary = existsSync(beside('tokenizer.json')) ? beside('tokenizer.json') : beside('vocab.txt');
  requirePath(vocabulary, 'the vocabulary of the weights', 'put vocab.txt or tokenizer.json beside them');
  return { weights, vocabulary };
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
  if (latestCheckpoint(dir)) return tokenizerOfModel(readCheckpoint(dir, 'last'));
  if (start) return readTokenizer(start.vocabulary);
  const shards = new Set(stages.flatMap(({ corpora }) => corpora.map((corpus) => within(corpus.shards, 'train'))));
  const learner = new VocabularyLearner();
  for await (const { fields } of readShards({ paths: [...shards], signal })) {
    learner.add(fields.txt?.toString('utf8') ?? '');
  }
  return tokenizerOf(learner.learn({ size: vocabularySize }));
}

function costTable(cost: ReturnType<typeof modelCost>): string {
  const giga = (n: number): string => `${(n / 1e9).toFixed(2)} GFLOP`;
  return table([
    ['parameters', count(cost.parameters)],
    ['of them in the encoder', count(cost.encoderParameters)],
    ['tokens of a sequence', count(cost.tokens)],
    ['sequences of a training pair', count(cost.sequences)],
    ['forward pass of a sequence', giga(cost.forwardFlops)],
    ['training step of a pair', giga(cost.trainingFlops)],
    ['parameters, gradients, optimiser', `${(cost.stateBytes / 1e6).toFixed(0)} MB`],
  ]);
}
