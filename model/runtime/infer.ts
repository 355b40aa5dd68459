/**
 * What an op gives, without its values: a recording needs no more. Most ops of a training step have a rule; the others are run once
 * on stand-ins and what they gave is thrown away, so that a recording never holds more than one op's tensors.
 */
import type { NativeBackend } from './backend.ts';

type Binding = NativeBackend['binding'];
type Shape = readonly number[];
type Attributes = Parameters<Binding['executeOp']>[1];

/** A tensor by its shape and TensorFlow's number of its type. */
export interface Form {
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
    const rows = a.at(flag(left) ? -1 : -2) as number;
    const columns = b.at(flag(right) ? -2 : -1) as number;
    return [...broadcast([a.slice(0, -2), b.slice(0, -2)], flag), rows, columns];
  };

const rules: ReadonlyMap<string, Rule> = new Map([
  ...['Cast', 'Erf', 'Exp', 'Neg', 'Softmax', 'Square', 'Tanh'].map((op) => [op, same] as const),
  ...['Add', 'AddV2', 'GreaterEqual', 'Mul', 'RealDiv', 'SquaredDifference', 'Sub'].map(
    (op) => [op, broadcast] as const,
  ),
  ['MatMul', product('transpose_a', 'transpose_b')],
  ['BatchMatMul', product('adj_x', 'adj_y')],
  ['BatchMatMulV2', product('adj_x', 'adj_y')],
]);

/** By rule; undefined for an op without one. */
export function inferred(
  binding: Binding,
  op: string,
  attributes: Attributes,
  inputs: readonly Form[],
): readonly Form[] | undefined {
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
export function tried(
  binding: Binding,
  op: string,
  attributes: Attributes,
  inputs: readonly (number | Form)[],
  count: number,
): readonly Form[] {
  const passing: number[] = [];
  const keep = (id: number) => {
    passing.push(id);
    return id;
  };
  try {
    const ids = inputs.map((input) => (typeof input === 'number' ? input : standIn(binding, input, keep)));
    const outputs = binding.executeOp(op, attributes, ids, count);
    for (const { id } of outputs) keep(id);
    return outputs.map(({ shape, dtype }) => ({ shape, dtype }));
  } finally {
    for (const id of passing) binding.deleteTensor(id);
  }
}

/** Zeros where they may be indexes; other numbers do not matter and are not even written. */
function standIn(binding: Binding, { shape, dtype }: Form, keep: (id: number) => number): number {
  const { TF_ATTR_TYPE: kind, TF_ATTR_BOOL: flag, TF_FLOAT: float, TF_INT32: integer } = binding;
  const size = keep(binding.createTensor([shape.length], integer, Int32Array.from(shape)));
  const attributes = [
    { name: 'dtype', type: kind, value: dtype },
    { name: 'init', type: flag, value: dtype !== float },
  ];
  const [made] = binding.executeOp('Empty', attributes, [size], 1);
  return keep((made as NonNullable<typeof made>).id);
}
