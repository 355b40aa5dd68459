/** `lait pretrain`: trains ImageBERT from the shards of a corpus and the regions of their images, in one stage or several. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readShards } from '../dataset/shards/reader.ts';
import { readTokenizer, type Tokenizer, tokenizerOf } from '../model/data/tokenizer.ts';
import { VocabularyLearner } from '../model/data/vocabulary.ts';
import { ensurePretrained } from '../model/formats/pretrained.ts';
import { type ModelConfig, presets } from '../model/net/config.ts';
import { modelCost } from '../model/net/cost.ts';
import { measurePeakFlops } from '../model/runtime/peak.ts';
import { latestCheckpoint, readCheckpoint } from '../model/train/checkpoint.ts';
import { checkStages, latestStage, pretrainStages } from '../model/train/stages.ts';
import { type CommandContext, requirePath } from './command.ts';
import { fetching, startProgress } from './progress.ts';
import { plannedStages, sameFeatures } from './stages.ts';
import { count, table } from './table.ts';
import { endLine, epochWords, runDir, showStep, trainingExamples } from './training.ts';

export async function pretrain({
  corpusDir,
  config,
  settings,
  options,
  signal,
}: CommandContext<'pretrain'>): Promise<void> {
  const stages = plannedStages(corpusDir, settings, options.stages as string | undefined);
  const { name: detector, labels, featureSize, maxRegions: most } = sameFeatures(stages, config);
  const dir = runDir(corpusDir, settings.run);
  checkStages(dir, stages);
  const startFrom = await weightsOf(settings.from);
  const shards = [...new Set(stages.flatMap(({ corpora }) => corpora.map((one) => join(one.dir, 'shards/train'))))];
  const tokenizer = await openTokenizer(latestStage(dir), shards, settings, startFrom, signal);
  const model: ModelConfig = {
    ...presets[settings.preset],
    // Patches have no order of importance: without the last ones the bottom of the picture would be missing.
    ...(config.regions.detector === 'patches' && { maxRegions: most }),
    vocabularySize: tokenizer.size,
    featureSize,
    classes: labels.length,
  };
  console.log(
    `${settings.preset}: ${model.layers} layers of ${model.hiddenSize}, ${count(tokenizer.size)} word pieces; ${dir}`,
  );
  if (options.dryRun === true) {
    for (const { name, objectives, hardNegatives } of stages) {
      console.log(`${name === undefined ? '' : `${name}\n`}${costTable(model, objectives, { hardNegatives })}`);
    }
    return;
  }
  const { seed, precision, xla, checkpointEverySteps } = settings;
  const { maxPieces, maxRegions } = model;
  const progress = startProgress('Training');
  /** Opens the examples of a stage, says what they are, and what of them cannot be used. */
  const open = async ({ name, corpora, ...own }: (typeof stages)[number]) => {
    const examples = await trainingExamples({ corpora, config, tokenizer, maxPieces, maxRegions, seed, signal });
    for (const line of [
      `${examples.words}; ${epochWords(own, examples.images)} (the paper: 17)`,
      ...examples.leftOut.lines(),
    ])
      progress.line(name === undefined ? line : `${name}: ${line}`);
    return examples;
  };
  const base = {
    runDir: dir,
    config: model,
    vocabulary: tokenizer.vocabulary,
    detector,
    seed,
    precision,
    xla,
    checkpointEverySteps,
    resume: true,
    peakFlops: measurePeakFlops(precision),
    ...(startFrom === undefined ? {} : { startFrom: startFrom.weights }),
  };
  const show = showStep(progress);
  try {
    const summary = await pretrainStages(
      base,
      stages.map((stage) => ({ ...stage, open: () => open(stage) })),
      { signal, onProgress: (state) => show(state, state.stage) },
    );
    progress.stop();
    console.log(endLine(summary));
  } finally {
    progress.stop();
  }
}

interface Start {
  readonly weights: string;
  readonly vocabulary: string;
}

/** `scratch`, a name from the table of weights, or a safetensors file with its vocabulary beside it. */
async function weightsOf(from: string): Promise<Start | undefined> {
  if (from === 'scratch') return undefined;
  const weights = from === 'minilm' ? await ensurePretrained('minilm', fetching) : from;
  requirePath(weights, 'weights to start from', 'give scratch, minilm or a model.safetensors');
  const beside = (name: string): string => join(weights, '..', name);
  const vocabulary = existsSync(beside('tokenizer.json')) ? beside('tokenizer.json') : beside('vocab.txt');
  requirePath(vocabulary, 'the vocabulary of the weights', 'put vocab.txt or tokenizer.json beside them');
  return { weights, vocabulary };
}

/** The vocabulary of the run when it goes on, that of the weights it starts from, or one learned from all its shards. */
async function openTokenizer(
  dir: string,
  shards: readonly string[],
  { vocabularySize }: { readonly vocabularySize: number },
  startFrom: Start | undefined,
  signal: AbortSignal,
): Promise<Tokenizer> {
  if (latestCheckpoint(dir)) return tokenizerOf(readCheckpoint(dir).vocabulary);
  if (startFrom) return readTokenizer(startFrom.vocabulary);
  const learner = new VocabularyLearner();
  for await (const { fields } of readShards({ paths: shards, signal })) {
    learner.add(fields.txt?.toString('utf8') ?? '');
  }
  return tokenizerOf(learner.learn({ size: vocabularySize }));
}

function costTable(...wanted: Parameters<typeof modelCost>): string {
  const cost = modelCost(...wanted);
  const giga = (n: number): string => `${(n / 1e9).toFixed(2)} GFLOP`;
  return table([
    ['parameters', count(cost.parameters)],
    ['of them in the encoder', count(cost.encoderParameters)],
    ['tokens of a sequence', count(cost.tokens)],
    ['sequences of a training pair', count(cost.sequences)],
    ['forward pass of a sequence', giga(cost.forwardFlops)],
    ['training step of a pair', giga(cost.trainingFlops)],
    ['weights, gradients, optimiser', `${(cost.stateBytes / 1e6).toFixed(0)} MB`],
  ]);
}
