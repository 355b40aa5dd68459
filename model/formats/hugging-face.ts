/** Our parameters under Hugging Face's tensor names and back, so that a public BERT loads here and ours loads in Python. */

import { expected } from '../../dataset/user-error.ts';
import { elementCount } from '../runtime/array.ts';
import type { ParameterSpec, Values } from '../runtime/parameter.ts';
import type { StoredTensor } from './safetensors.ts';

const parts = ['query', 'key', 'value'] as const;
const joined = /^(.*\.attention\.self)\.qkv\.(weight|bias)$/;

/** Our parameters under Hugging Face's names: query, key and value apart. */
export function toHuggingFace(parameters: readonly ParameterSpec[], values: Values): Map<string, StoredTensor> {
  const stored = new Map<string, StoredTensor>();
  for (const { name, shape } of parameters) {
    const own = values.get(name)!;
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

/** The names that a parameter is stored under: query, key and value apart. */
export function storedNames(name: string): readonly string[] {
  const match = joined.exec(name);
  return match ? parts.map((part) => `${match[1]}.${part}.${match[2]}`) : [name];
}

/** A stored tensor under whichever name it has: with or without `bert.`, a LayerNorm's as weight and bias or as gamma and beta. */
export function storedTensor(tensors: ReadonlyMap<string, StoredTensor>, name: string): StoredTensor | undefined {
  const old = (one: string) =>
    one.replace(/LayerNorm\.weight$/, 'LayerNorm.gamma').replace(/LayerNorm\.bias$/, 'LayerNorm.beta');
  const plain = name.replace(/^bert\./, '');
  for (const one of [name, plain, old(name), old(plain)]) {
    const tensor = tensors.get(one);
    if (tensor) return tensor;
  }
  return undefined;
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
    const tensor = storedTensor(tensors, name);
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
    const [rows = 0, ...rest] = shape;
    const found = storedNames(name).map((part) => find(part, [rows / 3, ...rest]));
    if (found.some((one) => one === undefined)) continue;
    const whole = new Float32Array(rows * elementCount(rest));
    found.forEach((one, index) => {
      whole.set(one as Float32Array, (index * whole.length) / 3);
    });
    values.set(name, whole);
  }
  return values;
}
