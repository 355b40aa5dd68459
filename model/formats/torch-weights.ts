/**
 * Reads the state dict of a PyTorch file of the kind written before version 1.6 (torch/serialization.py, `_legacy_save`): a
 * few pickles, then each storage's bytes. A pickle can call any Python function; this reader knows only the calls that a
 * state dict of tensors makes and refuses all others, so a hostile file can do no more than be refused.
 */

import { readFileSync } from 'node:fs';
import { UserError } from '../../dataset/user-error.ts';
import { elementCount } from '../runtime/array.ts';
import type { StoredTensor } from './safetensors.ts';
import { TorchTensor, Unpickler } from './torch-pickle.ts';

/** The file's first pickle. */
const magicNumber = 0x1950a86a20f9469cfc6cn;

/** Float32 tensors by name; tensors of integers are passed over. Throws a UserError for any other file. */
export function readTorchWeights(path: string): Map<string, StoredTensor> {
  const fault = (what: string) =>
    new UserError(`Expected a PyTorch state dict of before 1.6 for ${path} but ${what}; fetch it again or convert it.`);
  const refuse = (what: string): never => {
    throw fault(what);
  };
  const file = readFileSync(path);
  const reader = new Unpickler(file, fault);
  if (reader.load() !== magicNumber) throw fault('it starts otherwise');
  const protocol = reader.load();
  if (protocol !== 1001) throw fault(`its protocol is ${String(protocol)}`);
  reader.load(); // sizes of C types
  const state = reader.load();
  const keys = reader.load();
  if (!(state instanceof Map) || !Array.isArray(keys)) throw fault('it holds something else');
  const storages = new Map<unknown, Float32Array>();
  for (const key of keys) {
    const storage = reader.storages.get(String(key));
    if (!storage) throw fault(`the storage ${String(key)} is not described`);
    const count = Number(reader.take(8).readBigInt64LE());
    if (count !== storage.count) throw fault(`the storage ${String(key)} has ${count} numbers of ${storage.count}`);
    const bytes = reader.take(count * storage.width);
    if (storage.isFloat) storages.set(storage, new Float32Array(Uint8Array.prototype.slice.call(bytes).buffer));
  }
  const tensors = new Map<string, StoredTensor>();
  for (const [name, tensor] of state) {
    if (typeof name !== 'string' || !(tensor instanceof TorchTensor)) throw fault(`${String(name)} is no tensor`);
    const storage = storages.get(tensor.storage);
    if (!storage) continue;
    tensors.set(name, {
      shape: tensor.shape,
      values: valuesOf(tensor, storage) ?? refuse(`${name} lies beyond its storage`),
    });
  }
  return tensors;
}

/** A tensor's numbers in C order; null where the view leaves its storage. */
function valuesOf({ offset, shape, strides }: TorchTensor, storage: Float32Array): Float32Array | null {
  const count = elementCount(shape);
  const last = shape.reduce((place, size, axis) => place + (size - 1) * (strides[axis] ?? 0), offset);
  if (count > 0 && (last >= storage.length || count > storage.length)) return null;
  const values = new Float32Array(count);
  const at = shape.map(() => 0);
  let place = offset;
  for (let index = 0; index < count; index++) {
    values[index] = storage[place]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const stride = strides[axis]!;
      place += stride;
      at[axis] = at[axis]! + 1;
      if (at[axis]! < shape[axis]!) break;
      place -= stride * shape[axis]!;
      at[axis] = 0;
    }
  }
  return values;
}
