/** What pretraining, fine-tuning and evaluation share: where runs lie, which examples they read, how they report. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Example, readExamples } from '../model/data/example.ts';
import { type ExampleSource, memorySource, mixedSource, shardSource } from '../model/data/source.ts';
import type { Tokenizer } from '../model/data/tokenizer.ts';
import { type ColumnsManifest, readColumnsManifest } from '../model/regions/columns.ts';
import type { TrainingProgress, TrainingSummary } from '../model/train/progress.ts';
import { latestStage } from '../model/train/stages.ts';
import { requirePath } from './command.ts';
import type { Config } from './config.ts';
import { clock, type Progress } from './progress.ts';
import { regionsDir } from './regions.ts';
import { SkippedSamples } from './skipped-samples.ts';
import { count, percent } from './table.ts';

/** A split of so many images or fewer is held in memory; a larger one streams from its shards. Ours. */
const mostInMemory = 20_000;
const validationImages = 512;

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

/** The folder of a run that was trained, or of its newest stage. */
export function trainedDir(corpusDir: string, run: string): string {
  const dir = runDir(corpusDir, run);
  requirePath(dir, 'a run', 'run `lait pretrain` first');
  return latestStage(dir);
}

/** Checks that shards and features are there before any work, and says what the features are. */
export function featuresOf(corpusDir: string, { regions }: Config): ColumnsManifest {
  requirePath(join(corpusDir, 'shards/train'), 'shards', 'run `lait export` first');
  const features = regionsDir(corpusDir, regions);
  requirePath(features, 'region features', 'run `lait regions` first');
  return readColumnsManifest(features);
}

/** A corpus and how much of a mixture it is. */
export interface CorpusShare {
  readonly dir: string;
  readonly share: number;
}

export interface TrainingExamples {
  readonly source: ExampleSource;
  readonly validation: readonly Example[];
  /** Images of the training split, or of those that were counted before it was found to be large. */
  readonly images: number;
  /** For a person: how many there are. */
  readonly words: string;
  /** What cannot be used, as far as it was met. */
  readonly leftOut: SkippedSamples;
}

interface ReadingOptions {
  readonly corpora: readonly CorpusShare[];
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  readonly maxPieces: number;
  readonly maxRegions: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** The training splits as one source of batches, and held-out examples to watch. */
export async function trainingExamples(options: ReadingOptions): Promise<TrainingExamples> {
  const { corpora, config, seed, tokenizer, maxPieces, maxRegions, signal } = options;
  const leftOut = new SkippedSamples();
  const parts: { source: ExampleSource; share: number }[] = [];
  const validation: Example[] = [];
  const words: string[] = [];
  let total = 0;
  for (const { dir, share } of corpora) {
    const of = (split: string) => ({
      shards: join(dir, 'shards', split),
      regions: join(regionsDir(dir, config.regions), split),
      ...{ tokenizer, maxPieces, maxRegions, signal },
      onBad: leftOut.add,
    });
    const { examples, images, all } = await firstImages(readExamples(of('train')), mostInMemory);
    total += images;
    if (existsSync(join(dir, 'shards/validation'))) {
      const most = Math.ceil(validationImages / corpora.length);
      validation.push(
        ...(await firstImages(readExamples({ ...of('validation'), shuffle: { seed: 0 } }), most)).examples,
      );
    }
    const texts = examples.length > images ? ` with ${count(examples.length)} texts` : '';
    const whose = corpora.length > 1 ? ` of ${dir} (share ${share})` : '';
    words.push(`${all ? '' : 'over '}${count(images)} training images${texts}${whose}`);
    parts.push({ source: all ? memorySource(examples, seed) : shardSource(of('train'), seed), share });
  }
  const source = parts.length === 1 ? (parts[0] as (typeof parts)[number]).source : mixedSource(parts, seed);
  return {
    source,
    validation,
    images: total,
    words: [...words, `${count(validation.length)} held out`].join(', '),
    leftOut,
  };
}

/** The examples of the first images, and whether these are all; the texts of one image follow each other. */
async function firstImages(
  source: AsyncIterable<Example>,
  most: number,
): Promise<{ examples: Example[]; images: number; all: boolean }> {
  const examples: Example[] = [];
  let images = 0;
  for await (const example of source) {
    if (examples.at(-1)?.key !== example.key) {
      if (images === most) return { examples, images, all: false };
      images++;
    }
    examples.push(example);
  }
  return { examples, images, all: true };
}

/** Shows a step on the bar, and twenty of a run and every checkpoint as lines that stay; `stage` names what it belongs to. */
export const showStep =
  (progress: Progress) =>
  (state: TrainingProgress, stage?: string): void => {
    const { step, totalSteps, samplesPerSecond, tokensPerSecond, secondsLeft, waitShare, checkpoint } = state;
    const speed = `${samplesPerSecond.toFixed(0)} samples/s, ${count(Math.round(tokensPerSecond))} tokens/s, ${peakWords(state)}`;
    const left = `${clock(secondsLeft * 1000)} left, ${percent(waitShare)} waiting for data`;
    const whose = stage === undefined ? '' : `${stage}, `;
    progress.update({ done: step, total: totalSteps, detail: `${whose}${speed}, ${left}` });
    const everySteps = Math.max(10, Math.ceil(totalSteps / 200) * 10);
    if (checkpoint !== undefined || step % everySteps === 0)
      progress.line(`${stage === undefined ? '' : `${stage}  `}${lossLine(state)}`);
  };

function peakWords({ flopsPerSecond, peakShare }: TrainingProgress): string {
  const speed = `${(flopsPerSecond / 1e9).toFixed(0)} GFLOP/s`;
  return peakShare === undefined ? speed : `${speed} (${percent(peakShare)} of peak)`;
}

function lossLine({ step, losses, accuracies, validation }: TrainingProgress): string {
  const one = (name: keyof typeof losses): string => {
    const share = accuracies[name];
    return `${name} ${losses[name]?.toFixed(3)}${share === undefined ? '' : ` (${percent(share)})`}`;
  };
  const names = (Object.keys(losses) as (keyof typeof losses)[]).map(one).join('  ');
  const held = validation ? `  held out ${validation.loss.toFixed(3)}` : '';
  return `step ${String(step).padStart(6)}  ${names}${held}`;
}

/** How often a run of so many updates meets each image. */
export const epochWords = (
  { steps, batchSize, accumulate }: { steps: number; batchSize: number; accumulate: number },
  images: number,
): string => `${count(steps)} steps of ${count(batchSize * accumulate)} pairs, ${((steps * batchSize * accumulate) / Math.max(1, images)).toFixed(1)} epochs`; // biome-ignore format: one thought

export const endLine = ({ checkpoint, compiled }: TrainingSummary): string =>
  `${checkpoint}${compiled ? '' : ' (steps ran op by op: this backend cannot compile them)'}`;
