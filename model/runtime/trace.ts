/**
 * Traces a function of tfjs ops: runs its JavaScript once, with the addon's calls of TensorFlow intercepted. Nothing is computed;
 * what each call would give is inferred (infer.ts), and the calls are kept for the graph.
 */
import { elementCount } from './array.ts';
import { type NativeBackend, nativeBackend, type Tensor, tf } from './backend.ts';
import type { Call } from './call.ts';
import { currentDevice, tracedOn } from './devices.ts';
import { type Attribute, shape as shapeOf } from './graph-node.ts';
import { inferOutputs, runOnStandIns, type TensorForm } from './infer.ts';
import { notingParts, Parts } from './recompute.ts';
import type { Arrays, ExecutableOptions, TracedFunction } from './traced-function.ts';

type Binding = NativeBackend['binding'];

export interface Constant {
  readonly shape: readonly number[];
  readonly dtype: number;
  readonly bytes: Buffer;
}

export interface TracedInput {
  readonly id: number;
  readonly shape: readonly number[];
  /** float16: fed as halves, float32 to the function. */
  readonly dtype: 'float16' | 'float32' | 'int32';
}

/** A function at one shape. Tensors are the numbers that the addon, or `intercept`, gave them. */
export interface Trace {
  readonly calls: readonly Call[];
  readonly constants: ReadonlyMap<number, Constant>;
  readonly inputs: ReadonlyMap<string, TracedInput>;
  readonly variables: ReadonlyMap<string, number>;
  readonly outputs: ReadonlyMap<string, number>;
  readonly gradients: ReadonlyMap<string, number>;
}

/** Calls a function once. Values that it reads in JavaScript are zeros, or become constants. */
export function trace(
  body: TracedFunction,
  inputs: Arrays,
  { parameters, recompute, devices = 1 }: ExecutableOptions,
): Trace {
  const backend = nativeBackend()!;
  const real = backend.binding;
  const idOf = (tensor: Tensor): number => backend.getInputTensorIds([tensor])[0]!;
  const parts = recompute ? new Parts(idOf) : undefined;
  const { binding, calls, constants, forms, formOf, firstFree } = intercept(real, () => parts?.current);
  const resultOf = (tensor: Tensor): number => {
    const id = idOf(tensor);
    formOf(id);
    return id;
  };
  tf.engine().startScope('trace');
  const variables = new Map(parameters.map(({ name, shape }) => [name, tf.variable(tf.zeros([...shape]))] as const));
  try {
    const tensors: Record<string, Tensor> = {};
    const tracedInputs = new Map<string, TracedInput>();
    for (const [name, { shape, values }] of Object.entries(inputs)) {
      const dtype = values instanceof Uint16Array ? 'float16' : values instanceof Int32Array ? 'int32' : 'float32';
      tensors[name] =
        values instanceof Uint16Array ? tf.zeros([...shape]) : tf.tensor(values, [...shape], dtype as 'int32');
      tracedInputs.set(name, { id: idOf(tensors[name]), shape, dtype });
    }
    const variableIds = new Map([...variables].map(([name, variable]) => [name, idOf(variable)]));
    for (const { id, shape, dtype } of tracedInputs.values()) {
      forms.set(id, { shape, dtype: dtype === 'int32' ? real.TF_INT32 : real.TF_FLOAT });
    }
    for (const { name, shape } of parameters) forms.set(variableIds.get(name)!, { shape, dtype: real.TF_FLOAT });
    backend.binding = binding;
    const { outputs, gradients = new Map<string, Tensor>() } = notingParts(parts, () =>
      tracedOn(devices, () => body(tensors, (name) => variables.get(name)!, variables)),
    );
    return {
      calls: parts ? parts.doubled(calls, firstFree()) : calls,
      constants,
      inputs: tracedInputs,
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

/** Numbers from here on stand for tensors that do not exist; the addon counts its own from 0. */
const firstUnreal = 1e9;

/** A binding that keeps calls instead of computing them. */
function intercept(real: Binding, currentPart: () => number | undefined) {
  const calls: Call[] = [];
  const constants = new Map<number, Constant>();
  const forms = new Map<number, TensorForm>();
  const formOf = (id: number): TensorForm => {
    const form = forms.get(id);
    if (!form) {
      throw new Error(
        'A traced function uses a tensor that was made outside it and is neither input nor variable; make it inside.',
      );
    }
    return form;
  };
  let nextId = firstUnreal;
  const binding = Object.fromEntries(
    Object.getOwnPropertyNames(real).map((name) => [name, real[name as keyof Binding]]),
  ) as unknown as { -readonly [key in keyof Binding]: Binding[key] };

  binding.executeOp = (op, attributes, ids, count) => {
    const outputForms =
      inferOutputs(real, op, attributes, ids.map(formOf)) ??
      runOnStandIns(
        real,
        op,
        attributes,
        ids.map((id) => (id < firstUnreal ? id : formOf(id))),
        count,
      );
    const outputs = outputForms.map(({ shape, dtype }, index) => ({ id: nextId + index, shape: [...shape], dtype }));
    nextId += outputs.length;
    for (const output of outputs) forms.set(output.id, output);
    // The one op whose types tfjs-node leaves to TensorFlow.
    if (op === 'ExpandDims') {
      const kind = real.TF_ATTR_TYPE;
      const T = formOf(ids[0]!).dtype;
      attributes = [
        { name: 'T', type: kind, value: T },
        { name: 'Tdim', type: kind, value: real.TF_INT32 },
      ];
    }
    calls.push({
      op,
      attributes: Object.fromEntries(attributes.map((one) => [one.name, attributeOf(real, one)])),
      inputs: [...ids],
      outputs: outputs.map(({ id }) => id),
      elements: elementCount(outputs[0]?.shape ?? []),
      part: currentPart(),
      device: currentDevice(),
    });
    return outputs;
  };
  binding.createTensor = (shape, dtype, values) => {
    const id = real.createTensor(shape, dtype, values);
    forms.set(id, { shape: [...shape], dtype });
    constants.set(id, { shape: [...shape], dtype, bytes: bytesOf(values, dtype, real) });
    return id;
  };
  binding.deleteTensor = (id) => {
    if (id < firstUnreal) real.deleteTensor(id);
  };
  // tfjs checks whether indexes are in range: zeros are.
  binding.tensorDataSync = (id) => {
    if (id < firstUnreal) return real.tensorDataSync(id);
    const { shape, dtype } = formOf(id);
    return dtype === real.TF_INT32 ? new Int32Array(elementCount(shape)) : new Float32Array(elementCount(shape));
  };
  return { binding, calls, constants, forms, formOf, firstFree: () => nextId };
}

function bytesOf(values: unknown, dtype: number, binding: Binding): Buffer {
  let typed = values as Float32Array | Int32Array | Uint8Array;
  if (!ArrayBuffer.isView(typed)) {
    const list = values as number[];
    if (dtype === binding.TF_INT32) typed = Int32Array.from(list);
    else typed = dtype === binding.TF_BOOL ? Uint8Array.from(list) : Float32Array.from(list);
  }
  return Buffer.from(Uint8Array.prototype.slice.call(new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)));
}

/** tfjs-node's attribute as tensorflow.AttrValue. */
function attributeOf(
  binding: Binding,
  { type: kind, value }: { readonly type: number; readonly value: unknown },
): Attribute {
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
      throw new Error(`The attribute kind ${kind} is unknown.`);
  }
}
