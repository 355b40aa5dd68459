/** What pretraining, fine-tuning and evaluation share: where runs lie, which examples they read, how they report. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Example, readExamples } from '../model/example.ts';
import { type ColumnsManifest, readColumnsManifest } from '../model/regions/columns.ts';
import { type ExampleSource, memorySource, shardSource } from '../model/source.ts';
import type { Tokenizer } from '../model/tokenizer.ts';
import type { PretrainProgress, PretrainSummary } from '../model/train.ts';
import { requirePath } from './command.ts';
import type { Config } from './config.ts';
import { clock, type Progress } from './progress.ts';
import { regionsDir } from './regions.ts';
import { count, percent } from './table.ts';

/** A split of so many images or fewer is held in memory; a larger one streams from its shards. Ours. */
const mostInMemory = 20_000;
const validationImages = 512;

export const runDir = (corpusDir: string, run: string): string => join(corpusDir, 'runs', run);

/** Checks that shards and features are there before any work, and says what the features are. */
export function featuresOf(corpusDir: string, { regions }: Config): ColumnsManifest {
  requirePath(join(corpusDir, 'shards/train'), 'shards', 'run `lait export` first');
  const features = regionsDir(corpusDir, regions);
  requirePath(features, 'region features', 'run `lait regions` first');
  return readColumnsManifest(features);
}

export interface TrainingExamples {
  readonly source: ExampleSource;
  readonly validation: readonly Example[];
  /** For a person: how many there are. */
  readonly words: string;
}

interface ReadingOptions {
  readonly corpusDir: string;
  readonly config: Config;
  readonly tokenizer: Tokenizer;
  readonly maxPieces: number;
  readonly maxRegions: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** The training split as a source of batches, and held-out examples to watch. */
export async function trainingExamples(options: ReadingOptions): Promise<TrainingExamples> {
  const { corpusDir, config, tokenizer, maxPieces, maxRegions, seed, signal } = options;
  const of = (split: string) => ({
    shards: join(corpusDir, 'shards', split),
    regions: join(regionsDir(corpusDir, config.regions), split),
    tokenizer,
    maxPieces,
    maxRegions,
    signal,
  });
  const { examples, images, all } = await firstImages(readExamples(of('train')), mostInMemory);
  const hasHeldOut = existsSync(join(corpusDir, 'shards/validation'));
  const { examples: validation } = hasHeldOut
    ? await firstImages(readExamples({ ...of('validation'), shuffle: { seed: 0 } }), validationImages)
    : { examples: [] };
  const texts = examples.length > images ? ` with ${count(examples.length)} texts` : '';
  return {
    source: all ? memorySource(examples, seed) : shardSource(of('train'), seed),
    validation,
    words: `${all ? '' : 'over '}${count(images)} training images${texts}, ${count(validation.length)} held out`,
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

/** Shows a step on the bar, and twenty of a run and every checkpoint as lines that stay. */
export const showStep =
  (progress: Progress) =>
  (state: PretrainProgress): void => {
    const { step, totalSteps, samplesPerSecond, secondsLeft, waitShare, checkpoint } = state;
    const left = `${clock(secondsLeft * 1000)} left, ${percent(waitShare)} waiting for data`;
    progress.update({ done: step, total: totalSteps, detail: `${samplesPerSecond.toFixed(0)} samples/s, ${left}` });
    const everySteps = Math.max(10, Math.ceil(totalSteps / 200) * 10);
    if (checkpoint !== undefined || step % everySteps === 0) progress.line(lossLine(state));
  };

function lossLine({ step, losses, accuracies, validation }: PretrainProgress): string {
  const one = (name: keyof typeof losses): string => {
    const share = accuracies[name];
    return `${name} ${losses[name]?.toFixed(3)}${share === undefined ? '' : ` (${percent(share)})`}`;
  };
  const names = (Object.keys(losses) as (keyof typeof losses)[]).map(one).join('  ');
  const held = validation ? `  held out ${validation.loss.toFixed(3)}` : '';
  return `step ${String(step).padStart(6)}  ${names}${held}`;
}

export const endLine = ({ checkpoint, compiled }: PretrainSummary): string =>
  `${checkpoint}${compiled ? '' : ' (steps ran op by op: this backend cannot compile them)'}`;
