/**
 * Checkpoints: a folder `checkpoints/step-00001000` with everything a run needs to go on as if nothing had happened.
 * `model.safetensors`, `config.json` and `vocab.txt` are what Hugging Face's BertModel and BertTokenizer read;
 * `optimizer.safetensors` and `training.json` are the optimiser's means, the step, the position in the data and the seed,
 * from which every random number follows. A checkpoint is written beside its place and renamed, so it is whole or absent.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expected, UserError } from '../dataset/user-error.ts';
import type { ModelConfig } from './config.ts';
import type { Position } from './data.ts';
import type { SpecialPieces } from './embeddings.ts';
import type { ObjectiveWeights } from './objective.ts';
import { slots } from './optimizer.ts';
import { type ParameterSpec, parameterSpecs } from './parameters.ts';
import type { Values } from './routine.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';
import type { Standard } from './standardize.ts';

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
  readonly standard: Standard;
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
  rmSync(partial, { recursive: true, force: true });
  try {
    mkdirSync(partial, { recursive: true });
    const parameters = parameterSpecs(description.config, { itc: description.objectives.itc > 0 });
    const weights = toHuggingFace(parameters, values);
    const { mean, scale } = description.standard;
    weights.set(standardNames.mean, { shape: [mean.length], values: mean });
    weights.set(standardNames.scale, { shape: [scale.length], values: scale });
    writeSafetensors(join(partial, 'model.safetensors'), weights, { format: 'pt' });
    writeSafetensors(join(partial, 'optimizer.safetensors'), optimizerTensors(parameters, values));
    writeFileSync(join(partial, 'vocab.txt'), `${description.vocabulary.join('\n')}\n`);
    writeFileSync(join(partial, 'config.json'), `${JSON.stringify(configJson(description), null, 2)}\n`);
    writeFileSync(join(partial, 'training.json'), `${JSON.stringify(state, null, 2)}\n`);
    renameSync(partial, dir);
  } catch (cause) {
    rmSync(partial, { recursive: true, force: true });
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EACCES' || code === 'EROFS') {
      throw new UserError(
        `Expected room to write ${dir} but received ${code}; earlier checkpoints are whole, free the disk and resume.`,
        { cause },
      );
    }
    throw cause;
  }
  for (const old of checkpoints(runDir).slice(0, -keep)) {
    if (!state.best || !old.endsWith(folderOf(state.best.step))) rmSync(old, { recursive: true, force: true });
  }
  return dir;
}

/** Reads a checkpoint folder, or the newest one of a run. Throws a UserError for anything else, and for a torn file. */
export function readCheckpoint(path: string): Checkpoint {
  const dir = existsSync(join(path, 'training.json')) ? path : latestCheckpoint(path);
  if (!dir) throw expected('a checkpoint or a run with one', 'the checkpoint', path, 'run lait pretrain first');
  const json = readJson<ConfigJson>(join(dir, 'config.json'));
  if (!json.lait) throw expected('a checkpoint of lait', 'the checkpoint', dir, 'it lacks our part of config.json');
  const { config, detector, objectives } = json.lait;
  const vocabulary = readFileSync(join(dir, 'vocab.txt'), 'utf8').replace(/\n$/, '').split('\n');
  const parameters = parameterSpecs(config, { itc: objectives.itc > 0 });
  const { tensors } = readSafetensors(join(dir, 'model.safetensors'));
  const values = fromHuggingFace(parameters, tensors);
  const standard = standardOf(tensors);
  const missing = parameters.find(({ name }) => !values.has(name))?.name;
  if (missing || !standard) {
    const name = missing ?? standardNames.mean;
    throw expected(`the tensor ${name}`, join(dir, 'model.safetensors'), 'none', 'take another checkpoint');
  }
  return {
    dir,
    config,
    vocabulary,
    detector,
    objectives,
    standard,
    values,
    state: readJson<TrainingState>(join(dir, 'training.json')),
  };
}

/** The optimiser's means that belong to a checkpoint, by the names of `slots`. */
export function readOptimizer({ dir }: Checkpoint): Values {
  const { tensors } = readSafetensors(join(dir, 'optimizer.safetensors'));
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
const standardNames = { mean: 'visual.mean', scale: 'visual.scale' };

/** The scale of the features that a model of ours was saved with. */
export function standardOf(tensors: ReadonlyMap<string, StoredTensor>): Standard | undefined {
  const [mean, scale] = [tensors.get(standardNames.mean)?.values, tensors.get(standardNames.scale)?.values];
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

const parts = ['query', 'key', 'value'] as const;
const joined = /^(.*\.attention\.self)\.qkv\.(weight|bias)$/;

/** Our parameters under Hugging Face's names: query, key and value apart. */
export function toHuggingFace(parameters: readonly ParameterSpec[], values: Values): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const { name, shape } of parameters) {
    const own = values.get(name) as Float32Array;
    const match = joined.exec(name);
    if (!match) {
      stored.set(name, { shape, values: own });
      continue;
    }
    const [, before, kind] = match;
    const third = own.length / 3;
    parts.forEach((part, index) => {
      const [rows = 0, ...rest] = shape;
      const piece = { shape: [rows / 3, ...rest], values: own.subarray(index * third, (index + 1) * third) };
      stored.set(`${before}.${part}.${kind}`, piece);
    });
  }
  return stored;
}

/**
 * Our parameters from tensors under Hugging Face's names: a BertModel's (with or without `bert.`), a BertForPreTraining's or
 * ours. What is not there is absent from the result. Throws a UserError for a tensor of another shape.
 */
export function fromHuggingFace(
  parameters: readonly ParameterSpec[],
  tensors: ReadonlyMap<string, StoredTensor>,
): Values {
  const find = (name: string, shape: readonly number[]): Float32Array | undefined => {
    const old = name.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
    const names = [name, name.replace(/^bert\./, ''), old];
    const tensor = names.map((one) => tensors.get(one)).find((one) => one !== undefined);
    if (!tensor) return undefined;
    if (tensor.shape.join() !== shape.join()) {
      throw expected(`the shape [${shape}]`, name, `[${tensor.shape}]`, 'choose a preset of the same sizes');
    }
    return tensor.values;
  };
  const values: Values = new Map();
  for (const { name, shape } of parameters) {
    const match = joined.exec(name);
    if (!match) {
      const found = find(name, shape);
      if (found) values.set(name, found);
      continue;
    }
    const [, before, kind] = match;
    const [rows = 0, ...rest] = shape;
    const found = parts.map((part) => find(`${before}.${part}.${kind}`, [rows / 3, ...rest]));
    if (found.some((one) => one === undefined)) continue;
    const whole = new Float32Array(rows * rest.reduce((product, length) => product * length, 1));
    found.forEach((one, index) => {
      whole.set(one as Float32Array, (index * whole.length) / 3);
    });
    values.set(name, whole);
  }
  return values;
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
