/**
 * What a recording needs of an op is its output's type and shape, not its values. The ops that make most of a training step's
 * memory give tensors here that are reserved but never written, which take address space and no memory.
 */
import type { NativeBackend } from './backend.ts';

type Binding = NativeBackend['binding'];
type Shape = readonly number[];
type Attributes = Parameters<Binding['executeOp']>[1];

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

/** The output of an op as TensorFlow would give it, but unwritten; undefined where the op has to be run. */
export function unfilled(
  binding: Binding,
  op: string,
  attributes: Attributes,
  ids: readonly number[],
  shapes: ReadonlyMap<number, Shape>,
): ReturnType<Binding['executeOp']> | undefined {
  const rule = rules.get(op);
  const inputs = ids.map((id) => shapes.get(id));
  if (!rule || !inputs.every((shape) => shape !== undefined)) return undefined;
  const attribute = (name: string) => attributes.find((one) => one.name === name)?.value;
  const shape = rule(inputs, (name) => attribute(name) === true);
  const type = op === 'GreaterEqual' ? binding.TF_BOOL : (attribute(op === 'Cast' ? 'DstT' : 'T') as number);
  const size = binding.createTensor([shape.length], binding.TF_INT32, Int32Array.from(shape));
  try {
    const empty = [
      { name: 'dtype', type: binding.TF_ATTR_TYPE, value: type },
      { name: 'init', type: binding.TF_ATTR_BOOL, value: false },
    ];
    return binding.executeOp('Empty', empty, [size], 1);
  } finally {
    binding.deleteTensor(size);
  }
}
