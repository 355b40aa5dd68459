/**
 * The shapes and types of an op's outputs, without their values: a trace needs no more. Most ops of a training step have a rule; the
 * others run once on stand-ins whose results are thrown away, so that tracing never holds more than one op's tensors.
 */
import type { NativeBackend } from './backend.ts';

type Binding = NativeBackend['binding'];
type Shape = readonly number[];
type Attributes = Parameters<Binding['executeOp']>[1];

/** A tensor by its shape and TensorFlow's number of its type. */
export interface TensorForm {
  readonly shape: Shape;
  readonly dtype: number;
}

/** Shapes of the inputs and the op's flags (`transpose_b`, …) to the output's shape. */
type Rule = (inputs: readonly Shape[], flag: (name: string) => boolean) => Shape;

const same: Rule = ([x = []]) => x;

const broadcast: Rule = ([a = [], b = []]) => {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, axis: number) => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => (at(a, axis) === 1 ? at(b, axis) : at(a, axis)));
};

const product =
  (left: string, right: string): Rule =>
  ([a = [], b = []], flag) => {
    const rows = a.at(flag(left) ? -1 : -2)!;
    const columns = b.at(flag(right) ? -2 : -1)!;
    return [...broadcast([a.slice(0, -2), b.slice(0, -2)], flag), rows, columns];
  };

const rules: ReadonlyMap<string, Rule> = new Map([
  ...['Cast', 'CollectiveReduceV2', 'Erf', 'Exp', 'Neg', 'Softmax', 'Square', 'Tanh'].map((op) => [op, same] as const),
  ...['Add', 'AddV2', 'GreaterEqual', 'Mul', 'RealDiv', 'SquaredDifference', 'Sub'].map(
    (op) => [op, broadcast] as const,
  ),
  ['MatMul', product('transpose_a', 'transpose_b')],
  ['BatchMatMul', product('adj_x', 'adj_y')],
  ['BatchMatMulV2', product('adj_x', 'adj_y')],
]);

/** By the op's rule; undefined for an op without one. */
export function inferOutputs(
  binding: Binding,
  op: string,
  attributes: Attributes,
  inputs: readonly TensorForm[],
): readonly TensorForm[] | undefined {
  const rule = rules.get(op);
  if (!rule) return undefined;
  const attribute = (name: string) => attributes.find((one) => one.name === name)?.value;
  const shape = rule(
    inputs.map((input) => input.shape),
    (name) => attribute(name) === true,
  );
  const dtype = op === 'GreaterEqual' ? binding.TF_BOOL : (attribute(op === 'Cast' ? 'DstT' : 'T') as number);
  return [{ shape, dtype }];
}

/** By running the op; an input is a tensor that exists, by its number, or the form of one that does not. */
export function runOnStandIns(
  binding: Binding,
  op: string,
  attributes: Attributes,
  inputs: readonly (number | TensorForm)[],
  count: number,
): readonly TensorForm[] {
  const temporary: number[] = [];
  const keep = (id: number) => {
    temporary.push(id);
    return id;
  };
  try {
    const ids = inputs.map((input) => (typeof input === 'number' ? input : makeStandIn(binding, input, keep)));
    const outputs = binding.executeOp(op, attributes, ids, count);
    for (const { id } of outputs) keep(id);
    return outputs.map(({ shape, dtype }) => ({ shape, dtype }));
  } finally {
    for (const id of temporary) binding.deleteTensor(id);
  }
}

/** Zeros where the values may be indexes; floats do not matter and are left unwritten. */
function makeStandIn(binding: Binding, { shape, dtype }: TensorForm, keep: (id: number) => number): number {
  const { TF_ATTR_TYPE: kind, TF_ATTR_BOOL: flag, TF_FLOAT: float, TF_INT32: integer } = binding;
  const size = keep(binding.createTensor([shape.length], integer, Int32Array.from(shape)));
  const attributes = [
    { name: 'dtype', type: kind, value: dtype },
    { name: 'init', type: flag, value: dtype !== float },
  ];
  const [made] = binding.executeOp('Empty', attributes, [size], 1);
  return keep(made!.id);
}
