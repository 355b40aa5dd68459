import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Graph } from '../../../model/runtime/graph.ts';
import { addOnnx } from '../../../model/scorers/onnx.ts';

/** Protocol buffers by hand: a field of bytes, of a message, or of packed numbers. */
const varint = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const field = (number: number, bytes: Uint8Array | string): Buffer => {
  const body = Buffer.from(bytes as string);
  return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(body.length)]), body]);
};
const integer = (number: number, value: number): Buffer => Buffer.from([...varint(number << 3), ...varint(value)]);
const packed = (values: readonly number[]): Buffer => Buffer.from(values.flatMap(varint));
const tensor = (name: string, dims: readonly number[], values: readonly number[]): Buffer =>
  Buffer.concat([
    field(1, packed(dims)),
    integer(2, 1),
    field(8, name),
    field(9, Buffer.from(Float32Array.from(values).buffer)),
  ]);
const node = (
  op: string,
  input: readonly string[],
  output: string,
  numbers: Readonly<Record<string, number[]>> = {},
): Buffer =>
  Buffer.concat([
    ...input.map((name) => field(1, name)),
    field(2, output),
    field(4, op),
    ...Object.entries(numbers).map(([name, list]) => field(5, Buffer.concat([field(1, name), field(8, packed(list))]))),
  ]);
const model = (nodes: readonly Buffer[], tensors: readonly Buffer[], output: string): Buffer =>
  field(
    7,
    Buffer.concat([
      ...nodes.map((one) => field(1, one)),
      ...tensors.map((one) => field(5, one)),
      field(11, field(1, 'input')),
      field(12, field(1, output)),
    ]),
  );

describe('addOnnx', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'lait-onnx-'));
  });
  after(() => rmSync(folder, { recursive: true }));
  const file = (bytes: Buffer): string => {
    const path = join(folder, 'model.onnx');
    writeFileSync(path, bytes);
    return path;
  };
  const run = (bytes: Buffer, size: readonly number[], values: readonly number[]): number[] => {
    const graph = new Graph();
    const output = addOnnx(graph, file(bytes), graph.placeholder('input', 'float32', [-1, ...size.slice(1)]));
    const running = graph.start();
    const [result] = running.run({ input: { shape: size, values: Float32Array.from(values) } }, [output]);
    running.dispose();
    return [...result!.values];
  };
  const conv = (pads: number[]) => ({ kernel_shape: [2, 2], strides: [1, 1], pads });

  it('convolves with the padding asked for, on each side its own', () => {
    const weights = [tensor('w', [1, 1, 2, 2], [1, 10, 100, 1000]), tensor('b', [1], [0.5])];
    const of = (pads: number[]) => model([node('Conv', ['input', 'w', 'b'], 'y', conv(pads))], weights, 'y');
    assert.deepEqual(run(of([]), [1, 2, 2, 1], [1, 2, 3, 4]), [4321.5]);
    assert.deepEqual(run(of([1, 0, 0, 0]), [1, 2, 2, 1], [1, 2, 3, 4]), [2100.5, 4321.5]);
    assert.deepEqual(run(of([0, 0, 0, 1]), [1, 2, 2, 1], [1, 2, 3, 4]), [4321.5, 402.5]);
  });

  it('classifies: rectifies, averages, multiplies, adds and normalises', () => {
    const weights = [
      tensor('w', [2, 1, 1, 1], [1, -1]),
      tensor('b', [2], [0, 0]),
      tensor('m', [2, 2], [1, 0, 0, 1]),
      tensor('a', [2], [0, Math.log(3)]),
    ];
    const nodes = [
      node('Transpose', ['input'], 't'),
      node('Conv', ['t', 'w', 'b'], 'c', { kernel_shape: [1, 1], strides: [1, 1] }),
      node('Relu', ['c'], 'r'),
      node('AveragePool', ['r'], 'p', { kernel_shape: [2, 1] }),
      node('Reshape', ['p'], 'f'),
      node('MatMul', ['f', 'm'], 'l'),
      node('Add', ['l', 'a'], 'n'),
      node('Softmax', ['n'], 'y'),
    ];
    // Channels: mean of 1 and 0 (−1 is cut) is 0.5; mean of 0 and 1 is 0.5: equal, so the bias decides 1 : 3.
    const [first, second] = run(model(nodes, weights, 'y'), [1, 2, 1, 1], [1, -1]);
    assert.ok(Math.abs(first! - 0.25) < 1e-6 && Math.abs(second! - 0.75) < 1e-6);
  });

  it('refuses an operator it does not know', () => {
    const graph = new Graph();
    const input = graph.placeholder('input', 'float32', [-1, 1, 1, 1]);
    assert.throws(() => addOnnx(graph, file(model([node('Gru', ['input'], 'y')], [], 'y')), input), {
      name: 'UserError',
      message: /but received the operator Gru; take another file/,
    });
  });
});
