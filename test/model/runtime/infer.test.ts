import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NativeBackend, nativeBackend } from '../../../model/runtime/backend.ts';
import { inferOutputs, runOnStandIns } from '../../../model/runtime/infer.ts';

const { binding } = nativeBackend() as NativeBackend;
const { TF_ATTR_TYPE: kind, TF_ATTR_BOOL: flag, TF_FLOAT: float, TF_INT32: integer } = binding;
const T = { name: 'T', type: kind, value: float };
const no = (name: string) => ({ name, type: flag, value: false });
const yes = (name: string) => ({ name, type: flag, value: true });

const cases: [
  op: string,
  attributes: { name: string; type: number; value: number | boolean }[],
  ...shapes: number[][],
][] = [
  ['Exp', [T], [2, 3]],
  ['Softmax', [T], [2, 3, 4]],
  ['Cast', [{ ...T, name: 'SrcT' }, { name: 'DstT', type: kind, value: integer }, no('Truncate')], [5]],
  ['GreaterEqual', [T], [4, 5], []],
  ['AddV2', [T], [4, 1, 3], [2, 1]],
  ['Mul', [T], [], [7, 2]],
  ['MatMul', [T, no('transpose_a'), yes('transpose_b')], [2, 3], [4, 3]],
  ['MatMul', [T, yes('transpose_a'), no('transpose_b')], [3, 2], [3, 4]],
  ['BatchMatMulV2', [T, no('adj_x'), yes('adj_y')], [2, 1, 3, 4], [5, 6, 4]],
  ['BatchMatMul', [T, yes('adj_x'), no('adj_y')], [2, 4, 3], [2, 4, 6]],
];

for (const [op, attributes, ...inputs] of cases) {
  test(`${op} of ${inputs.map((shape) => `[${shape}]`).join(' and ')} has TensorFlow's shape and type`, () => {
    const ids = inputs.map((shape) =>
      binding.createTensor(shape, float, new Float32Array(shape.reduce((product, length) => product * length, 1))),
    );
    const forms = inputs.map((shape) => ({ shape, dtype: float }));
    const [wanted] = binding.executeOp(op, attributes, ids, 1);
    const form = [{ shape: wanted?.shape, dtype: wanted?.dtype }];
    assert.deepEqual(inferOutputs(binding, op, attributes, forms), form);
    assert.deepEqual(runOnStandIns(binding, op, attributes, forms, 1), form);
    for (const id of [...ids, wanted?.id]) binding.deleteTensor(id as number);
  });
}

test('an op without a rule is run on stand-ins, indexes being zero', () => {
  const rows = { shape: [5], dtype: integer };
  const kinds = { Tparams: float, Tindices: integer, Taxis: integer };
  const attributes = Object.entries(kinds).map(([name, value]) => ({ name, type: kind, value }));
  attributes.push({ name: 'batch_dims', type: binding.TF_ATTR_INT, value: 0 });
  const axis = binding.createTensor([], integer, Int32Array.of(0));
  const inputs = [{ shape: [1, 3], dtype: float }, rows, axis];
  assert.equal(inferOutputs(binding, 'GatherV2', attributes, []), undefined);
  assert.deepEqual(runOnStandIns(binding, 'GatherV2', attributes, inputs, 1), [{ shape: [5, 3], dtype: float }]);
  binding.deleteTensor(axis);
});
