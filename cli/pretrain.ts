/** `lait pretrain`: trains ImageBERT from the shards of a corpus and the regions of their images. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readShards } from '../dataset/shard-reader.ts';
import { latestCheckpoint, readCheckpoint } from '../model/checkpoint.ts';
import { type ModelConfig, presets } from '../model/config.ts';
import { memorySource, shardSource } from '../model/data.ts';
import { type Example, readExamples } from '../model/example.ts';
import { readColumnsManifest } from '../model/regions/columns.ts';
import { readTokenizer, type Tokenizer, tokenizerOf } from '../model/tokenizer.ts';
import { type PretrainProgress, pretrain as train } from '../model/train.ts';
import { VocabularyLearner } from '../model/vocabulary.ts';
import { ensureWeights } from '../model/weights.ts';
import { type CommandContext, requirePath } from './command.ts';
import { clock, startProgress } from './progress.ts';
import { regionsDir } from './regions.ts';
import { count, percent } from './table.ts';

/** A split of so many samples or fewer is held in memory; a larger one streams from its shards. Ours. */
const mostInMemory = 20_000;
const validationExamples = 512;

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

export async function pretrain({ corpusDir, config, settings, signal }: CommandContext<'pretrain'>): Promise<void> {
  const shards = join(corpusDir, 'shards/train');
  const regions = regionsDir(corpusDir, config.regions.detector);
  requirePath(shards, 'shards', 'run `lait export` first');
  requirePath(regions, 'region features', 'run `lait regions` first');
  const dir = runDir(corpusDir, settings.run);
  const startFrom = await weightsOf(settings.from);
  const tokenizer = await openTokenizer(dir, shards, settings, startFrom, signal);
  const { name: detector, labels, featureSize } = readColumnsManifest(regions);
  const preset = presets[settings.preset];
  const model: ModelConfig = {
    ...preset,
    maxRegions: Math.min(preset.maxRegions, config.regions.topK + 1),
    vocabularySize: tokenizer.size,
    featureSize,
    classes: labels.length,
  };
  const reading = { tokenizer, maxPieces: model.maxPieces, maxRegions: model.maxRegions, signal };
  const inMemory = await firstExamples(
    readExamples({ shards, regions: join(regions, 'train'), ...reading }),
    mostInMemory + 1,
  );
  const source =
    inMemory.length <= mostInMemory
      ? memorySource(inMemory, settings.seed)
      : shardSource({ shards, regions: join(regions, 'train'), ...reading }, settings.seed);
  const held = join(corpusDir, 'shards/validation');
  const validation = existsSync(held)
    ? await firstExamples(
        readExamples({ shards: held, regions: join(regions, 'validation'), ...reading }),
        validationExamples,
      )
    : [];
  console.log(
    `${settings.preset} (${model.layers} layers of ${model.hiddenSize}), ${count(tokenizer.size)} word pieces, ` +
      `${inMemory.length <= mostInMemory ? count(inMemory.length) : `over ${count(mostInMemory)}`} training pairs, ` +
      `${count(validation.length)} held out; ${dir}`,
  );
  const { mlm, moc, mrfr, itm, itc } = settings;
  const progress = startProgress('Training');
  try {
    const summary = await train(
      {
        runDir: dir,
        source,
        validation,
        config: model,
        vocabulary: tokenizer.vocabulary,
        detector,
        steps: settings.steps,
        objectives: { mlm, moc, mrfr, itm, itc },
        batchSize: settings.batchSize,
        learningRate: settings.learningRate,
        seed: settings.seed,
        precision: settings.precision,
        checkpointEverySteps: settings.checkpointEverySteps,
        resume: true,
        ...(startFrom === undefined ? {} : { startFrom: startFrom.weights }),
      },
      {
        signal,
        onProgress: (state) => {
          progress.update({ done: state.step, total: state.totalSteps, detail: speed(state) });
          if (shownLine(state)) progress.line(lossLine(state));
        },
      },
    );
    progress.stop();
    console.log(
      `${summary.checkpoint}${summary.compiled ? '' : ' (steps ran op by op: this backend cannot compile them)'}`,
    );
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
  const weights = from === 'minilm' ? await ensureWeights('minilm') : from;
  requirePath(weights, 'weights to start from', 'give scratch, minilm or a model.safetensors');
  const beside = (name: string): string => join(weights, '..', name);
  const vocabulary = existsSync(beside('tokenizer.json')) ? beside('tokenizer.json') : beside('vocab.txt');
  requirePath(vocabulary, 'the vocabulary of the weights', 'put vocab.txt or tokenizer.json beside them');
  return { weights, vocabulary };
}

/** The vocabulary of the run when it goes on, that of the weights it starts from, or one learned from the shards. */
async function openTokenizer(
  dir: string,
  shards: string,
  { vocabularySize }: { readonly vocabularySize: number },
  startFrom: Start | undefined,
  signal: AbortSignal,
): Promise<Tokenizer> {
  if (latestCheckpoint(dir)) return tokenizerOf(readCheckpoint(dir).vocabulary);
  if (startFrom) return readTokenizer(startFrom.vocabulary);
  const learner = new VocabularyLearner();
  for await (const { fields } of readShards({ paths: shards, signal })) learner.add(fields.txt?.toString('utf8') ?? '');
  return tokenizerOf(learner.learn({ size: vocabularySize }));
}

async function firstExamples(examples: AsyncIterable<Example>, most: number): Promise<Example[]> {
  const first: Example[] = [];
  for await (const example of examples) {
    first.push(example);
    if (first.length >= most) break;
  }
  return first;
}

/** Twenty lines a run, and one for each checkpoint. */
const shownLine = ({ step, totalSteps, checkpoint }: PretrainProgress): boolean =>
  checkpoint !== undefined || step % Math.max(10, Math.ceil(totalSteps / 200) * 10) === 0;

function lossLine({ step, losses, accuracies, validation }: PretrainProgress): string {
  const one = (name: keyof typeof losses): string => {
    const share = accuracies[name];
    return `${name} ${losses[name]?.toFixed(3)}${share === undefined ? '' : ` (${percent(share)})`}`;
  };
  const names = (Object.keys(losses) as (keyof typeof losses)[]).map(one).join('  ');
  const held = validation ? `  held out ${validation.loss.toFixed(3)}` : '';
  return `step ${String(step).padStart(6)}  ${names}${held}`;
}

const speed = ({ samplesPerSecond, secondsLeft, waitShare }: PretrainProgress): string =>
  `${samplesPerSecond.toFixed(0)} samples/s, ${clock(secondsLeft * 1000)} left, ${percent(waitShare)} waiting for data`;
