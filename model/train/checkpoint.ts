/**
 * Reads checkpoints: a folder `checkpoints/step-00001000` holds everything that a run needs to go on as if nothing had happened.
 * `model.safetensors`, `config.json` and `vocab.txt` are what Hugging Face's BertModel and BertTokenizer read;
 * `optimizer.safetensors` and `training.json` are the optimizer's running means, the step, the position in the data and the seed,
 * from which every random number follows. Of a run that averages its parameters, `model.safetensors` has the averages and
 * `optimizer.safetensors` the parameters themselves. `save-checkpoint.ts` writes them.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { digestOf } from '../../dataset/atomic-file.ts';
import { readBounded } from '../../dataset/bounded-file.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import type { Position } from '../data/sampler.ts';
import type { TokenizerDefinition } from '../data/tokenizer-definition.ts';
import { fromHuggingFace } from '../formats/hugging-face.ts';
import { readSafetensors, type StoredTensor } from '../formats/safetensors.ts';
import { checkConfig, type ModelConfig } from '../net/config.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { parameterSpecs } from '../net/parameters.ts';
import type { Values } from '../runtime/parameter.ts';
import { checkChecksums, checksumsName } from './checksums.ts';
import type { MadeFrom } from './made-from.ts';
import type { KeptMetrics } from './metrics.ts';
import type { Best, RunSettings } from './progress.ts';
import type { Signs } from './signs.ts';

/** What a model is, apart from its parameters. */
export interface ModelDescription {
  readonly config: ModelConfig;
  /** Word pieces in the order of their ids. */
  readonly vocabulary: readonly string[];
  /** What `tokenizer.json` held, where the texts were read by one; else the pieces say how they are read. */
  readonly tokenizer?: TokenizerDefinition | undefined;
  /** The detector whose regions the model has learned to read. */
  readonly detector: string;
  readonly objectives: ObjectiveWeights;
}

/** A description and the statistics of the region features, which are measured when the run starts. */
export interface MeasuredModel extends ModelDescription {
  readonly featureStatistics: FeatureStatistics;
}

/** Where a run stands: the next step and the batch that it will learn from. */
export interface TrainingState {
  step: number;
  position: Position;
  readonly seed: number;
  /** What it learns by; missing in checkpoints of older versions. */
  settings?: RunSettings;
  best?: Best;
  /** By what the best and the signs were measured, see `yardstick`. Missing in checkpoints of older versions, and where nothing was measured. */
  yardstick?: string;
  signs?: Signs;
  /** What training has measured since the last evaluation. */
  sinceEvaluation?: KeptMetrics;
  /** Missing in checkpoints of older versions. */
  madeFrom?: MadeFrom;
  /** What it was made from until a step, where that changed and the operator said that it may. */
  before?: readonly { readonly untilStep: number; readonly madeFrom: MadeFrom }[];
}

export interface Checkpoint extends MeasuredModel {
  readonly dir: string;
  /** What its run is made from; missing where it was written before checkpoints had it. */
  readonly madeFrom: MadeFrom | undefined;
  readonly state: Readonly<TrainingState>;
  /** Parameters by name. */
  readonly values: Values;
  /** False where it was written before checkpoints had checksums. */
  readonly verified: boolean;
}

/** The newest checkpoint of a run, or undefined. */
export function latestCheckpoint(runDir: string): string | undefined {
  return checkpoints(runDir).at(-1);
}

/** A run's checkpoints, oldest first. */
export function checkpoints(runDir: string): string[] {
  const dir = join(runDir, 'checkpoints');
  if (!existsSync(dir)) return [];
  const names = readdirSync(dir).filter((name) => /^step-\d{8}$/.test(name));
  return names.sort().map((name) => join(dir, name));
}

/** The checkpoint of a run that its evaluations found the best, or undefined where none was measured or it is gone. */
export function bestCheckpoint(runDir: string): (Best & { readonly checkpoint: string }) | undefined {
  const latest = latestCheckpoint(runDir);
  if (latest === undefined) return undefined;
  const { best } = withAdvice(latest, () => {
    checkChecksums(latest, [trainingName]);
    return readState(latest);
  });
  if (!best) return undefined;
  const checkpoint = checkpoints(runDir).find((dir) => dir.endsWith(folderName(best.step)));
  return checkpoint === undefined ? undefined : { ...best, checkpoint };
}

/** The name of the folder of a step's checkpoint. */
export const folderName = (step: number) => `step-${String(step).padStart(8, '0')}`;

/** Which checkpoint stands for a run: the best by its held-out measure, or the newest. */
export type Which = 'best' | 'last';

/**
 * Reads a checkpoint folder, or of a run the best one, the newest where none was found the best or `which` says so. Throws a UserError
 * for anything else, and for a torn file; the error names the checkpoint before it.
 */
export function readCheckpoint(path: string, which: Which = 'best'): Checkpoint {
  const dir = existsSync(join(path, 'config.json'))
    ? path
    : ((which === 'best' ? bestCheckpoint(path)?.checkpoint : undefined) ?? latestCheckpoint(path));
  if (!dir) throw expected('a checkpoint or a run with one', 'the checkpoint', path, 'run lait pretrain first');
  return withAdvice(dir, () => readFolder(dir));
}

/** Adds to an error about a torn checkpoint which one to go on from instead. */
function withAdvice<T>(dir: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const torn = error instanceof UserError || (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!torn) throw error;
    const before = checkpoints(dirname(dirname(dir))).filter((one) => basename(one) < basename(dir));
    const older = before.at(-1);
    const advice = older
      ? `remove ${dir} and run the same command to go on from ${basename(older)}`
      : 'there is none before it';
    throw new UserError(`${(error as Error).message.replace(/\.$/, '')}; ${advice}.`, { cause: error });
  }
}

function readFolder(dir: string): Checkpoint {
  const verified = checkChecksums(dir, [weightsName, trainingName, 'config.json', 'vocab.txt', tokenizerName]);
  const json = readJson<ConfigJson | null>(join(dir, 'config.json'));
  const { config, detector, objectives } = json?.lait ?? {};
  if (
    typeof config !== 'object' ||
    config === null ||
    typeof objectives !== 'object' ||
    objectives === null ||
    typeof detector !== 'string'
  )
    throw expected('a checkpoint of lait', 'the checkpoint', dir, 'it lacks our part of config.json');
  checkConfig(config);
  const vocabulary = readBounded(join(dir, 'vocab.txt')).toString().replace(/\n$/, '').split('\n');
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const { tensors } = readSafetensors(join(dir, 'model.safetensors'));
  const values = fromHuggingFace(parameters, tensors);
  const featureStatistics = featureStatisticsIn(tensors);
  const missing = parameters.find(({ name }) => !values.has(name))?.name;
  if (missing || !featureStatistics) {
    const name = missing ?? statisticsNames.mean;
    throw expected(`the tensor ${name}`, join(dir, 'model.safetensors'), 'none', 'take another checkpoint');
  }
  const state = readState(dir);
  return {
    dir,
    verified,
    madeFrom: state.madeFrom,
    config,
    vocabulary,
    tokenizer: existsSync(join(dir, tokenizerName))
      ? readJson<TokenizerDefinition>(join(dir, tokenizerName))
      : undefined,
    detector,
    objectives,
    featureStatistics,
    values,
    state,
  };
}

/** The optimizer's running means of a checkpoint, by the names of `slots`; of one with averages the parameters too, by theirs. */
export function readOptimizer({ dir }: Checkpoint): Values {
  const { tensors } = withAdvice(dir, () => {
    checkChecksums(dir, ['optimizer.safetensors']);
    return readSafetensors(join(dir, 'optimizer.safetensors'));
  });
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
}

/** Throws a UserError that names the first thing in which a run differs from the checkpoint that it should continue. */
export function checkSameModel(checkpoint: Checkpoint, wanted: ModelDescription): void {
  const differ = (name: string, was: unknown, is: unknown, advice = 'continue with what it was trained with') => {
    if (JSON.stringify(was) !== JSON.stringify(is))
      throw expected(`${was} as in ${basename(checkpoint.dir)}`, name, is, `${advice}, or start another run`);
  };
  differ('the detector', checkpoint.detector, wanted.detector);
  differ('the size of the vocabulary', checkpoint.vocabulary.length, wanted.vocabulary.length);
  const piece = checkpoint.vocabulary.findIndex((one, index) => one !== wanted.vocabulary[index]);
  if (piece >= 0) differ(`piece ${piece} of the vocabulary`, checkpoint.vocabulary[piece], wanted.vocabulary[piece]);
  const names = new Set([...Object.keys(checkpoint.config), ...Object.keys(wanted.config)]) as Set<keyof ModelConfig>;
  for (const name of names) {
    differ(name, checkpoint.config[name], wanted.config[name]);
  }
  differ('the tokenizer', digestOfTokenizer(checkpoint.tokenizer), digestOfTokenizer(wanted.tokenizer));
  // Earlier versions had it off by default.
  const [was, is] = [checkpoint, wanted].map(({ objectives }) => (objectives.itc > 0 ? 'on' : 'off'));
  differ('contrast (ITC)', was, is, `give --itc ${was === 'on' ? 1 : 0}`);
}

const digestOfTokenizer = (tokenizer: TokenizerDefinition | undefined): string =>
  tokenizer ? `tokenizer.json ${digestOf(JSON.stringify(tokenizer)).sha256.slice(0, 12)}` : 'of word pieces alone';

/** The names of the feature statistics among the tensors. */
export const statisticsNames = { mean: 'visual.mean', scale: 'visual.scale' };

/** The feature statistics that a model of ours was saved with; undefined for another's. */
export function featureStatisticsIn(tensors: ReadonlyMap<string, StoredTensor>): FeatureStatistics | undefined {
  const [mean, scale] = [tensors.get(statisticsNames.mean)?.values, tensors.get(statisticsNames.scale)?.values];
  return mean && scale ? { mean, scale } : undefined;
}

export const weightsName = 'model.safetensors';
export const trainingName = 'training.json';
export const tokenizerName = 'tokenizer.json';
/** The map of image-map.ts, the bank of hub-bank.ts, and the weight of rerank-weight.ts. */
export const imageMapName = 'image-map.safetensors';
export const hubsName = 'hubs.safetensors';
export const rerankName = 'rerank.json';

/** What is needed of a checkpoint beside `config.json` to use it, and what it may have besides; going on with its run takes the optimiser too. */
export const runFiles = {
  needed: [weightsName, 'vocab.txt', trainingName],
  optional: [tokenizerName, imageMapName, hubsName, rerankName, checksumsName],
} as const;

/** Where a checkpoint's run stands. Throws a UserError where the file does not say it. */
function readState(dir: string): TrainingState {
  const state = readJson<Partial<TrainingState> | null>(join(dir, trainingName));
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const { step, seed, position, best } = state ?? {};
  const faulty = !isCount(step)
    ? 'step'
    : !Number.isSafeInteger(seed)
      ? 'seed'
      : !position || ![position.epoch, position.window, position.batch].every(isCount)
        ? 'position'
        : best !== undefined && !(isCount(best?.step) && Number.isFinite(measureOf(best)))
          ? 'best'
          : undefined;
  if (faulty === undefined) {
    // Of older versions, by a loss over other pairs each time: nothing is the best by it.
    const { best: known, ...rest } = state as TrainingState;
    return known?.by === undefined ? rest : { ...rest, best: known };
  }
  throw expected(`a usable ${faulty}`, join(dir, trainingName), state?.[faulty] ?? 'none', 'take another checkpoint');
}

const measureOf = (best: Partial<Best> & { readonly loss?: number }): number | undefined => best.value ?? best.loss;

/** Our part of `config.json`. */
export interface ConfigJson {
  readonly lait?: Omit<ModelDescription, 'vocabulary' | 'tokenizer'>;
}

function readJson<T>(path: string): T {
  try {
    return JSON.parse(readBounded(path).toString()) as T;
  } catch (cause) {
    if (cause instanceof UserError) throw cause;
    throw new UserError(`Expected JSON for ${path} but it does not read; take another checkpoint.`, { cause });
  }
}
