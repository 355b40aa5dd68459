/**
 * The only import of TensorFlow: tfjs on the native addon, started quietly, with a clear word when the addon was never
 * built. Everything that computes takes `tf` from here. Importing this file loads some 500 MB of library, so whoever may
 * not need it imports it late.
 */
import { createRequire } from 'node:module';
import util from 'node:util';
import { isMainThread } from 'node:worker_threads';
import { UserError } from '../../dataset/user-error.ts';
import { applyGpuEnvironment } from './environment.ts';
import { quietly } from './quiet.ts';

type TensorFlow = typeof import('@tensorflow/tfjs-node-gpu');
type Addon = import('@tensorflow/tfjs-node-gpu/dist/tfjs_binding.js').TFJSBinding;

export type Tensor = import('@tensorflow/tfjs-node-gpu').Tensor;
export type Variable = import('@tensorflow/tfjs-node-gpu').Variable;
export type Scalar = import('@tensorflow/tfjs-node-gpu').Scalar;

/** What tfjs-node's backend offers beyond tfjs's own interface. */
export interface NativeBackend {
  binding: Addon;
  isUsingGpuDevice: boolean;
  createOutputTensor(made: { readonly id: number; readonly shape: number[]; readonly dtype: number }): Tensor;
  getInputTensorIds(tensors: readonly Tensor[]): number[];
  executeSingleOutput(op: string, attributes: unknown[], inputs: readonly Tensor[]): Tensor;
  executeMultipleOutputs(op: string, attributes: unknown[], inputs: readonly Tensor[], outputs: number): Tensor[];
}

/** Worker threads make batches and compute nothing, so the library is not loaded into them, whatever they import. */
export const tf: TensorFlow = isMainThread ? load() : ({} as TensorFlow);

/**
 * The numbers of what a function computes, everything else of it freed. Not `tf.tidy(() => ….dataSync())`: tidy looks through what it
 * returns for tensors, element by element, which takes longer than most computing.
 */
export function valuesOf(compute: () => Tensor): Float32Array {
  const result = tf.tidy(compute);
  const values = result.dataSync() as Float32Array;
  result.dispose();
  return values;
}

/** The addon behind the active backend, or undefined when tfjs runs on another one (then nothing can be compiled). */
export function nativeBackend(): NativeBackend | undefined {
  if (tf.getBackend() !== 'tensorflow') return undefined;
  return tf.backend() as unknown as NativeBackend;
}

/** An op of TensorFlow on float32 that tfjs has no name for; `indexes` names attributes for the type of int32 inputs. */
export function floatOp(native: NativeBackend, op: string, inputs: readonly Tensor[], indexes: string[] = []): Tensor {
  const { TF_ATTR_TYPE: kind, TF_FLOAT: float, TF_INT32: integer } = native.binding;
  const attributes = [
    { name: 'T', type: kind, value: float },
    ...indexes.map((name) => ({ name, type: kind, value: integer })),
  ];
  return native.executeSingleOutput(op, attributes, inputs);
}

function load(): TensorFlow {
  // TensorFlow prints its build, its CPU flags and every CUDA library it misses; LAIT_VERBOSE=1 lets it.
  if (!process.env.LAIT_VERBOSE) process.env.TF_CPP_MIN_LOG_LEVEL ??= '3';
  applyGpuEnvironment();
  // tfjs-node calls these, which Node 23 removed.
  const legacy = util as unknown as Record<string, unknown>;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  try {
    const load = (): TensorFlow => createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu');
    return process.env.LAIT_VERBOSE ? load() : quietly(load);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    throw new UserError(`Expected TensorFlow's native addon but received "${reason}"; run npx lait setup.`, { cause });
  }
}
