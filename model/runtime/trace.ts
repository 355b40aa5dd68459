import { type NativeBackend, nativeBackend, type Tensor, tf, type Variable } from './backend.ts';
import { type Attribute, shape as shapeOf } from './graph.ts';
import { type Form, inferred, tried } from './infer.ts';
import type { Arrays, ExecutableOptions, TracedFunction } from './traced-function.ts';

/** One call of TensorFlow, as it was made. */
export interface Call {
  readonly op: string;
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** Of the first output. */
  readonly elements: number;
}

export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly bytes: Buffer;
}

interface InputNote {
  readonly id: number;
  readonly shape: readonly number[];
  /** int32 rather than float32 */
  readonly whole: boolean;
}

/** A routine at one shape, by the numbers that the addon gave its tensors. */
export interface Trace {
  readonly calls: readonly Call[];
  readonly constants: ReadonlyMap<number, Constant>;
  readonly inputs: ReadonlyMap<string, InputNote>;
  readonly variables: ReadonlyMap<string, number>;
  readonly outputs: ReadonlyMap<string, number>;
  readonly gradients: ReadonlyMap<string, number>;
}

/** Numbers from here on stand for tensors that do not exist; the addon counts its own from 0. */
const firstMadeUp = 1e9;

/** How many elements a tensor of this shape has. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);

type Mutable<T> = { -readonly [key in keyof T]: T[key] };

/** Calls a routine once. Values that it read would be those of this one call, or zeros. */
export function trace(routine: TracedFunction, inputs: Arrays, options: ExecutableOptions): Trace {
  const backend = nativeBackend() as NativeBackend;
  const real = backend.binding;
  const calls: Call[] = [];
  const forms = new Map<number, Form>();
  const formOf = (id: number): Form => {
    const form = forms.get(id);
    if (!form)
      throw new Error(
        'A routine uses a tensor from outside itself, which is neither input nor variable: make it within.',
      );
    return form;
  };
  const constants = new Map<number, Constant>();
  const noting = Object.fromEntries(
    Object.getOwnPropertyNames(real).map((name) => [name, real[name as keyof typeof real]]),
  ) as unknown as Mutable<NativeBackend['binding']>;
  let next = firstMadeUp;
  noting.executeOp = (op, attributes, ids, count) => {
    const made =
      inferred(real, op, attributes, ids.map(formOf)) ??
      tried(
        real,
        op,
        attributes,
        ids.map((id) => (id < firstMadeUp ? id : formOf(id))),
        count,
      );
    const outputs = made.map(({ shape, dtype }) => ({ id: next++, shape: [...shape], dtype }));
    for (const output of outputs) forms.set(output.id, output);
    // The one op that tfjs-node leaves TensorFlow to find the types of.
    if (op === 'ExpandDims') {
      const kind = real.TF_ATTR_TYPE;
      const T = formOf(ids[0] as number).dtype;
      attributes = [
        { name: 'T', type: kind, value: T },
        { name: 'Tdim', type: kind, value: real.TF_INT32 },
      ];
    }
    calls.push({
      op,
      attributes: Object.fromEntries(attributes.map((one) => [one.name, attributeOf(one)])),
      inputs: [...ids],
      outputs: outputs.map(({ id }) => id),
      elements: sizeOf(outputs[0]?.shape ?? []),
    });
    return outputs;
  };
  noting.createTensor = (shape, dtype, values) => {
    const id = real.createTensor(shape, dtype, values);
    forms.set(id, { shape: [...shape], dtype });
    constants.set(id, { shape: [...shape], dtype, bytes: bytesOf(values, dtype, real) });
    return id;
  };
  noting.deleteTensor = (id) => {
    if (id < firstMadeUp) real.deleteTensor(id);
  };
  // tfjs looks whether indexes are in range: zeros are.
  noting.tensorDataSync = (id) => {
    if (id < firstMadeUp) return real.tensorDataSync(id);
    const { shape, dtype } = formOf(id);
    return dtype === real.TF_INT32 ? new Int32Array(sizeOf(shape)) : new Float32Array(sizeOf(shape));
  };
  const idOf = (tensor: Tensor) => backend.getInputTensorIds([tensor])[0] as number;
  const resultOf = (tensor: Tensor) => {
    const id = idOf(tensor);
    formOf(id);
    return id;
  };
  tf.engine().startScope('record');
  const variables = new Map(
    options.parameters.map(({ name, shape }) => [name, tf.variable(tf.zeros([...shape]))] as const),
  );
  try {
    const tensors = new Map(
      Object.entries(inputs).map(([name, { shape, values }]) => {
        const dtype = values instanceof Int32Array ? 'int32' : 'float32';
        return [name, tf.tensor(values, [...shape], dtype)];
      }),
    );
    const inputIds = new Map(
      Object.entries(inputs).map(([name, { shape, values }]) => [
        name,
        { id: idOf(tensors.get(name) as Tensor), shape, whole: values instanceof Int32Array },
      ]),
    );
    const variableIds = new Map([...variables].map(([name, variable]) => [name, idOf(variable)]));
    for (const { id, shape, whole } of inputIds.values()) {
      forms.set(id, { shape, dtype: whole ? real.TF_INT32 : real.TF_FLOAT });
    }
    for (const { name, shape } of options.parameters) {
      forms.set(variableIds.get(name) as number, { shape, dtype: real.TF_FLOAT });
    }
    backend.binding = noting;
    const { outputs, gradients = new Map<string, Tensor>() } = routine(
      Object.fromEntries(tensors),
      (name) => variables.get(name) as Variable,
      variables,
    );
    return {
      calls,
      constants,
      inputs: inputIds,
      variables: variableIds,
      outputs: new Map(Object.entries(outputs).map(([name, tensor]) => [name, resultOf(tensor)])),
      gradients: new Map([...gradients].map(([name, tensor]) => [name, resultOf(tensor)])),
    };
  } finally {
    for (const variable of variables.values()) variable.dispose();
    tf.engine().endScope();
    backend.binding = real;
  }
}

function bytesOf(values: unknown, dtype: number, binding: NativeBackend['binding']): Buffer {
  let typed = values as Float32Array | Int32Array | Uint8Array;
  if (!ArrayBuffer.isView(typed)) {
    const list = values as number[];
    if (dtype === binding.TF_INT32) typed = Int32Array.from(list);
    else typed = dtype === binding.TF_BOOL ? Uint8Array.from(list) : Float32Array.from(list);
  }
  return Buffer.from(Uint8Array.prototype.slice.call(new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)));
}

/** tfjs-node's attribute as tensorflow.AttrValue. */
function attributeOf({ type: kind, value }: { readonly type: number; readonly value: unknown }): Attribute {
  const binding = (nativeBackend() as NativeBackend).binding;
  const list = Array.isArray(value);
  switch (kind) {
    case binding.TF_ATTR_INT:
      return list ? { list: { i: value } } : { i: value };
    case binding.TF_ATTR_FLOAT:
      return list ? { list: { f: value } } : { f: value };
    case binding.TF_ATTR_BOOL:
      return list ? { list: { b: value } } : { b: value };
    case binding.TF_ATTR_TYPE:
      return list ? { list: { type: value } } : { type: value };
    case binding.TF_ATTR_STRING:
      return { s: Buffer.from(value as string) };
    case binding.TF_ATTR_SHAPE:
      return shapeOf(value as number[]);
    default:
      throw new Error(`Attribute kind ${kind} is not known.`);
  }
}
