/**
 * The weights that a run starts from. A file of which nothing or half fits would leave the rest at random without a word, and a model of
 * other heads or another activation has the same shapes: the tables and the encoder have to be there whole, and what lies beside says the rest.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expected, UserError } from '../../dataset/user-error.ts';
import { fromHuggingFace, storedNames, storedTensor } from '../formats/hugging-face.ts';
import { readSafetensors, type StoredTensor } from '../formats/safetensors.ts';
import type { ModelConfig } from '../net/config.ts';
import type { ParameterSpec, Values } from '../runtime/parameter.ts';

/** How many of a run's tensors a file had, and the parts that begin anew. */
export interface TakenWeights {
  readonly taken: number;
  readonly of: number;
  readonly anew: readonly string[];
}

/** Of a text model: what a file to start from has to have. Heads may be missing. */
const isNeeded = (name: string): boolean => /^bert\.(embeddings|encoder)\./.test(name);

/** Throws a UserError where the tables or the encoder are not there whole, or are of another model. */
export function readStartWeights(
  path: string,
  config: ModelConfig,
  parameters: readonly ParameterSpec[],
): { readonly tensors: ReadonlyMap<string, StoredTensor>; readonly values: Values; readonly told: TakenWeights } {
  checkConfigBeside(path, config);
  const { tensors } = readSafetensors(path);
  const layers = layersIn(tensors);
  if (layers > config.layers) {
    throw expected(`the ${config.layers} layers of the preset`, path, layers, 'choose a preset of as many layers, or other weights'); // biome-ignore format: one line
  }
  const names = parameters.flatMap(({ name }) => storedNames(name));
  const absent = names.filter((name) => !storedTensor(tensors, name));
  const missing = absent.find(isNeeded);
  if (missing !== undefined) {
    const advice =
      layers > 0 && layers < config.layers
        ? `it has ${layers} of ${config.layers} layers: choose a preset of as many, or other weights`
        : 'take the weights of a BERT, as BertModel or BertForPreTraining save them';
    const some = [...tensors.keys()].slice(0, 2).join(' and ');
    throw expected(`the tensor ${missing}`, path, some === '' ? 'none' : `none of that name, but ${some}`, advice);
  }
  const anew = [...new Set(absent.map((name) => name.split('.').slice(0, 2).join('.')))];
  return {
    tensors,
    values: fromHuggingFace(parameters, tensors),
    told: { taken: names.length - absent.length, of: names.length, anew },
  };
}

function layersIn(tensors: ReadonlyMap<string, StoredTensor>): number {
  const numbers = [...tensors.keys()].map((name) => /^(?:bert\.)?encoder\.layer\.(\d+)\./.exec(name)?.[1]);
  return Math.max(0, ...numbers.flatMap((number) => (number === undefined ? [] : Number(number) + 1)));
}

/** What shapes do not say, by the names of Hugging Face's BertConfig; what `config.json` leaves out is as BERT has it. */
function checkConfigBeside(path: string, config: ModelConfig): void {
  const beside = join(dirname(path), 'config.json');
  if (!existsSync(beside)) return;
  const table: readonly (readonly [name: string, wanted: string | number | boolean])[] = [
    ['model_type', 'bert'],
    ['num_hidden_layers', config.layers],
    ['num_attention_heads', config.heads],
    ['hidden_act', 'gelu'],
    ['layer_norm_eps', config.layerNormEpsilon],
    ['position_embedding_type', 'absolute'],
    ['is_decoder', false],
  ];
  const theirs = readConfig(beside);
  for (const [name, wanted] of table) {
    const received = theirs[name];
    if (received !== undefined && received !== null && received !== wanted)
      throw expected(`${name} ${wanted}`, beside, received, 'choose a preset of the same model, or other weights');
  }
}

function readConfig(path: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new UserError(`Expected JSON for ${path} but it does not read; take that of the weights, or none.`, {
      cause,
    });
  }
  return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {};
}
