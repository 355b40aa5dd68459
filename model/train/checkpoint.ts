/**
 * Checkpoints: a folder `checkpoints/step-00001000` with everything a run needs to go on as if nothing had happened.
 * `model.safetensors`, `config.json` and `vocab.txt` are what Hugging Face's BertModel and BertTokenizer read;
 * `optimizer.safetensors` and `training.json` are the optimiser's means, the step, the position in the data and the seed,
 * from which every random number follows. A checkpoint is written beside its place and renamed, so it is whole or absent.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { diskFullCode } from '../../dataset/disk-full.ts';
import { expected, UserError } from '../../dataset/user-error.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import type { Position } from '../data/sampler.ts';
import { fromHuggingFace, toHuggingFace } from '../formats/hugging-face.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from '../formats/safetensors.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import type { ObjectiveWeights } from '../net/objective.ts';
import { parameterSpecs } from '../net/parameters.ts';
import { slots } from '../runtime/optimizer.ts';
import type { ParameterSpec, Values } from '../runtime/parameter.ts';

/** What a model is, apart from its weights. */
export interface ModelDescription {
  readonly config: ModelConfig;
  /** Pieces in the order of their numbers. */
  readonly vocabulary: readonly string[];
  /** The detector whose regions the model has learned to read. */
  readonly detector: string;
  readonly objectives: ObjectiveWeights;
}

/** A description and the scale of the features, which is measured when the run starts. */
export interface MeasuredModel extends ModelDescription {
  readonly featureStatistics: FeatureStatistics;
}

/** Where a run stands: the next step and the batch that it will learn from. */
export interface TrainingState {
  readonly step: number;
  readonly position: Position;
  readonly seed: number;
  /** The checkpoint with the lowest loss on held-out pairs so far. */
  readonly best?: { readonly step: number; readonly loss: number };
}

export interface Checkpoint extends MeasuredModel {
  readonly dir: string;
  readonly state: TrainingState;
  /** Parameters by name. */
  readonly values: Values;
}

/** The numbers of the special pieces. Throws a UserError for a vocabulary without them. */
export function specialPieces(vocabulary: readonly string[]): SpecialPieces {
  const find = (piece: string) => {
    const id = vocabulary.indexOf(piece);
    if (id < 0)
      throw expected(`the piece ${piece}`, 'the vocabulary', `${vocabulary.length} others`, 'use a BERT vocabulary');
    return id;
  };
  return { padId: find('[PAD]'), clsId: find('[CLS]'), sepId: find('[SEP]'), maskId: find('[MASK]') };
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

/** The checkpoint of a run with the lowest loss on held-out pairs, or undefined where none was measured. */
export function bestCheckpoint(runDir: string): string | undefined {
  const latest = latestCheckpoint(runDir);
  const best = latest && readJson<TrainingState>(join(latest, 'training.json')).best;
  return best ? checkpoints(runDir).find((dir) => dir.endsWith(folderOf(best.step))) : undefined;
}

const folderOf = (step: number) => `step-${String(step).padStart(8, '0')}`;

/** What a system answers where there is no permission to write. */
const forbidden: ReadonlySet<string | undefined> = new Set(['EACCES', 'EROFS']);

/** Saves a checkpoint and removes all but the newest `keep` and the best. Throws a UserError where the disk is full; older ones stay. */
export function saveCheckpoint(
  runDir: string,
  description: MeasuredModel,
  state: TrainingState,
  values: Values,
  { keep = 3 }: { readonly keep?: number } = {},
): string {
  const dir = join(runDir, 'checkpoints', folderOf(state.step));
  if (existsSync(dir)) return dir;
  const partial = `${dir}.partial`;
  try {
    mkdirSync(dirname(dir), { recursive: true });
    // What a killed run left half written, of this step or another.
    for (const name of readdirSync(dirname(dir)).filter((one) => one.endsWith('.partial'))) {
      rmSync(join(dirname(dir), name), { recursive: true, force: true });
    }
    mkdirSync(partial);
    const parameters = parameterSpecs(description.config, { itc: description.objectives.itc > 0 });
    const weights = toHuggingFace(parameters, values);
    const { mean, scale } = description.featureStatistics;
    weights.set(statisticsNames.mean, { shape: [mean.length], values: mean });
    weights.set(statisticsNames.scale, { shape: [scale.length], values: scale });
    writeSafetensors(join(partial, 'model.safetensors'), weights, { format: 'pt' });
    writeSafetensors(join(partial, 'optimizer.safetensors'), optimizerTensors(parameters, values));
    const write = (name: string, text: string) => writeFileSync(join(partial, name), text, { flush: true });
    write('vocab.txt', `${description.vocabulary.join('\n')}\n`);
    write('config.json', `${JSON.stringify(configJson(description), null, 2)}\n`);
    write('training.json', `${JSON.stringify(state, null, 2)}\n`);
    flushFolder(partial);
    renameSync(partial, dir);
    flushFolder(dirname(dir));
  } catch (cause) {
    rmSync(partial, { recursive: true, force: true });
    const { code } = cause as NodeJS.ErrnoException;
    if (diskFullCode(cause) !== null || forbidden.has(code)) {
      throw new UserError(
        `Expected room to write ${dir} but received ${code}; earlier checkpoints are whole, make room and run the same command again.`,
        { cause, exitCode: 1 },
      );
    }
    throw cause;
  }
  for (const old of checkpoints(runDir).slice(0, -keep)) {
    if (!state.best || !old.endsWith(folderOf(state.best.step))) rmSync(old, { recursive: true, force: true });
  }
  return dir;
}

/** Waits until a folder's entries are on the disk. */
function flushFolder(dir: string): void {
  const folder = openSync(dir, 'r');
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

/**
 * Reads a checkpoint folder, or the newest one of a run. Throws a UserError for anything else, and for a torn file; it names the
 * checkpoint before it.
 */
export function readCheckpoint(path: string): Checkpoint {
  const dir = existsSync(join(path, 'config.json')) ? path : latestCheckpoint(path);
  if (!dir) throw expected('a checkpoint or a run with one', 'the checkpoint', path, 'run lait pretrain first');
  return readingWhole(dir, () => readWhole(dir));
}

/** Adds to what is wrong with a checkpoint where to go on instead. */
function readingWhole<T>(dir: string, read: () => T): T {
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

function readWhole(dir: string): Checkpoint {
  const json = readJson<ConfigJson>(join(dir, 'config.json'));
  if (!json.lait) throw expected('a checkpoint of lait', 'the checkpoint', dir, 'it lacks our part of config.json');
  const { config, detector, objectives } = json.lait;
  const vocabulary = readFileSync(join(dir, 'vocab.txt'), 'utf8').replace(/\n$/, '').split('\n');
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const { tensors } = readSafetensors(join(dir, 'model.safetensors'));
  const values = fromHuggingFace(parameters, tensors);
  const featureStatistics = featureStatisticsIn(tensors);
  const missing = parameters.find(({ name }) => !values.has(name))?.name;
  if (missing || !featureStatistics) {
    const name = missing ?? statisticsNames.mean;
    throw expected(`the tensor ${name}`, join(dir, 'model.safetensors'), 'none', 'take another checkpoint');
  }
  return {
    dir,
    config,
    vocabulary,
    detector,
    objectives,
    featureStatistics,
    values,
    state: readJson<TrainingState>(join(dir, 'training.json')),
  };
}

/** The optimiser's means that belong to a checkpoint, by the names of `slots`. */
export function readOptimizer({ dir }: Checkpoint): Values {
  const { tensors } = readingWhole(dir, () => readSafetensors(join(dir, 'optimizer.safetensors')));
  return new Map([...tensors].map(([name, { values }]) => [name, values]));
}

/** Throws a UserError that names the first thing in which a run differs from the checkpoint that it should continue. */
export function checkSameModel(checkpoint: Checkpoint, wanted: ModelDescription): void {
  const advice = 'continue with what it was trained with, or start another run';
  const differ = (name: string, was: unknown, is: unknown) => {
    if (JSON.stringify(was) !== JSON.stringify(is))
      throw expected(`${was} as in ${basename(checkpoint.dir)}`, name, is, advice);
  };
  differ('the detector', checkpoint.detector, wanted.detector);
  differ('the size of the vocabulary', checkpoint.vocabulary.length, wanted.vocabulary.length);
  const piece = checkpoint.vocabulary.findIndex((one, index) => one !== wanted.vocabulary[index]);
  if (piece >= 0) differ(`piece ${piece} of the vocabulary`, checkpoint.vocabulary[piece], wanted.vocabulary[piece]);
  for (const name of Object.keys(checkpoint.config) as (keyof ModelConfig)[]) {
    differ(name, checkpoint.config[name], wanted.config[name]);
  }
  differ('the weight of ITC (on or off)', checkpoint.objectives.itc > 0, wanted.objectives.itc > 0);
}

/** Where the scale of the features lies among the weights. */
const statisticsNames = { mean: 'visual.mean', scale: 'visual.scale' };

/** The scale of the features that a model of ours was saved with. */
export function featureStatisticsIn(tensors: ReadonlyMap<string, StoredTensor>): FeatureStatistics | undefined {
  const [mean, scale] = [tensors.get(statisticsNames.mean)?.values, tensors.get(statisticsNames.scale)?.values];
  return mean && scale ? { mean, scale } : undefined;
}

interface ConfigJson {
  readonly lait?: Omit<ModelDescription, 'vocabulary'>;
}

/** Hugging Face's BertConfig, with ours beside it. */
function configJson({ config, detector, objectives }: ModelDescription): ConfigJson & Record<string, unknown> {
  return {
    architectures: ['BertModel'],
    model_type: 'bert',
    vocab_size: config.vocabularySize,
    hidden_size: config.hiddenSize,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    intermediate_size: config.feedForwardSize,
    hidden_act: 'gelu',
    hidden_dropout_prob: config.dropout,
    attention_probs_dropout_prob: config.dropout,
    max_position_embeddings: config.maxPositions,
    type_vocab_size: 2,
    layer_norm_eps: config.layerNormEpsilon,
    pad_token_id: 0,
    position_embedding_type: 'absolute',
    lait: { config, detector, objectives },
  };
}

function optimizerTensors(parameters: readonly ParameterSpec[], values: Values): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const { name, shape } of parameters) {
    for (const slot of Object.values(slots(name))) {
      const own = values.get(slot);
      if (own) stored.set(slot, { shape, values: own });
    }
  }
  return stored;
}

function readJson<T>(path: string): T {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (cause) {
    throw new UserError(`Expected JSON for ${path} but it does not read; take another checkpoint.`, { cause });
  }
}
