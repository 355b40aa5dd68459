/** `lait pretrain`: trains ImageBERT from the shards of a corpus and the regions of their images. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readShards } from '../dataset/shard-reader.ts';
import { latestCheckpoint, readCheckpoint } from '../model/checkpoint.ts';
import { type ModelConfig, presets } from '../model/config.ts';
import { modelCost } from '../model/cost.ts';
import { readTokenizer, type Tokenizer, tokenizerOf } from '../model/tokenizer.ts';
import { pretrain as train } from '../model/train.ts';
import { VocabularyLearner } from '../model/vocabulary.ts';
import { ensureWeights } from '../model/weights.ts';
import { type CommandContext, requirePath } from './command.ts';
import { fetching, startProgress } from './progress.ts';
import { count, table } from './table.ts';
import { endLine, featuresOf, runDir, showStep, trainingExamples } from './training.ts';

export async function pretrain({
  corpusDir,
  config,
  settings,
  options,
  signal,
}: CommandContext<'pretrain'>): Promise<void> {
  const { name: detector, labels, featureSize } = featuresOf(corpusDir, config);
  const dir = runDir(corpusDir, settings.run);
  const startFrom = await weightsOf(settings.from);
  const tokenizer = await openTokenizer(dir, corpusDir, settings, startFrom, signal);
  const model: ModelConfig = {
    ...presets[settings.preset],
    vocabularySize: tokenizer.size,
    featureSize,
    classes: labels.length,
  };
  const { mlm, moc, mrfr, itm, itc, seed } = settings;
  const objectives = { mlm, moc, mrfr, itm, itc };
  console.log(
    `${settings.preset}: ${model.layers} layers of ${model.hiddenSize}, ${count(tokenizer.size)} word pieces; ${dir}`,
  );
  if (options.dryRun === true) return console.log(costTable(model, objectives));
  const { maxPieces, maxRegions } = model;
  const examples = await trainingExamples({ corpusDir, config, tokenizer, maxPieces, maxRegions, seed, signal });
  console.log(examples.words);
  const progress = startProgress('Training');
  try {
    const summary = await train(
      {
        runDir: dir,
        source: examples.source,
        validation: examples.validation,
        config: model,
        vocabulary: tokenizer.vocabulary,
        detector,
        steps: settings.steps,
        objectives,
        batchSize: settings.batchSize,
        learningRate: settings.learningRate,
        seed,
        precision: settings.precision,
        xla: settings.xla,
        checkpointEverySteps: settings.checkpointEverySteps,
        resume: true,
        ...(startFrom === undefined ? {} : { startFrom: startFrom.weights }),
      },
      { signal, onProgress: showStep(progress) },
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
  const weights = from === 'minilm' ? await ensureWeights('minilm', fetching) : from;
  requirePath(weights, 'weights to start from', 'give scratch, minilm or a model.safetensors');
  const beside = (name: string): string => join(weights, '..', name);
  const vocabulary = existsSync(beside('tokenizer.json')) ? beside('tokenizer.json') : beside('vocab.txt');
  requirePath(vocabulary, 'the vocabulary of the weights', 'put vocab.txt or tokenizer.json beside them');
  return { weights, vocabulary };
}

/** The vocabulary of the run when it goes on, that of the weights it starts from, or one learned from the shards. */
async function openTokenizer(
  dir: string,
  corpusDir: string,
  { vocabularySize }: { readonly vocabularySize: number },
  startFrom: Start | undefined,
  signal: AbortSignal,
): Promise<Tokenizer> {
  if (latestCheckpoint(dir)) return tokenizerOf(readCheckpoint(dir).vocabulary);
  if (startFrom) return readTokenizer(startFrom.vocabulary);
  const learner = new VocabularyLearner();
  for await (const { fields } of readShards({ paths: join(corpusDir, 'shards/train'), signal })) {
    learner.add(fields.txt?.toString('utf8') ?? '');
  }
  return tokenizerOf(learner.learn({ size: vocabularySize }));
}

function costTable(...[model, objectives]: Parameters<typeof modelCost>): string {
  const cost = modelCost(model, objectives);
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
