import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../../dataset/user-error.ts';
import { copyGraphModel, readGraphModel } from '../../../model/regions/graph-model.ts';
import { tf } from '../../../model/runtime/backend.ts';
import { Graph } from '../../../model/runtime/graph.ts';
import { halvesFromFloats } from '../../../model/runtime/half.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-graph-model-'));
after(() => rmSync(folder, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');
const same = { padding: { s: base64('SAME') }, data_format: { s: base64('NHWC') } };
const f32 = { T: { type: 'DT_FLOAT' } };
const steps = (n: string) => ({ strides: { list: { i: ['1', n, n, '1'] } } });
const fused = (...names: string[]) => ({ fused_ops: { list: { s: names.map(base64) } }, num_args: { i: '1' } });

/** One convolution and one depthwise convolution, each with bias and ReLU, then the mean: weights as halves. */
const model = {
  modelTopology: {
    node: [
      { name: 'x', op: 'Placeholder', attr: { dtype: { type: 'DT_FLOAT' }, shape: { shape: {} } } },
      ...['w', 'b', 'd', 'e'].map((name) => ({ name, op: 'Const', attr: { dtype: { type: 'DT_FLOAT' } } })),
      { name: 'axes', op: 'Const', attr: { dtype: { type: 'DT_INT32' } } },
      {
        name: 'conv',
        op: '_FusedConv2D',
        input: ['x', 'w', 'b'],
        attr: { ...f32, ...same, ...steps('2'), ...fused('BiasAdd', 'Relu') },
      },
      {
        name: 'deep',
        op: 'FusedDepthwiseConv2dNative',
        input: ['conv', 'd', 'e'],
        attr: { ...f32, ...same, ...steps('1'), ...fused('BiasAdd') },
      },
      {
        name: 'mean',
        op: 'Mean',
        input: ['deep', 'axes'],
        attr: { ...f32, keep_dims: { b: false }, Tidx: { type: 'DT_INT32' } },
      },
      { name: 'odd', op: 'Bessel', input: ['mean'] },
    ],
  },
  weightsManifest: [
    {
      paths: ['net.bin'],
      weights: [
        { name: 'w', shape: [3, 3, 3, 2], dtype: 'float32', quantization: { dtype: 'float16' } },
        { name: 'b', shape: [2], dtype: 'float32' },
        { name: 'd', shape: [3, 3, 2, 1], dtype: 'float32', quantization: { dtype: 'float16' } },
        { name: 'e', shape: [2], dtype: 'float32' },
        { name: 'axes', shape: [2], dtype: 'int32' },
      ],
    },
  ],
};

const ramp = (count: number) => Float32Array.from({ length: count }, (_, index) => ((index * 7) % 11) / 8 - 0.5);

function write(change: object = {}): string {
  const bytes = (array: ArrayBufferView) => Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  const weights = [halvesFromFloats(ramp(54)), ramp(2), halvesFromFloats(ramp(18)), ramp(2), Int32Array.of(1, 2)];
  writeFileSync(join(folder, 'net.bin'), Buffer.concat(weights.map(bytes)));
  const path = join(folder, 'net.json');
  writeFileSync(path, JSON.stringify({ ...model, ...change }));
  return path;
}

test('a copied network computes what tfjs computes', () => {
  const graph = new Graph();
  graph.placeholder('x', 'float32', [-1, 5, 5, 3]);
  copyGraphModel(graph, readGraphModel(write()), ['mean']);
  const running = graph.start();
  const input = ramp(150);
  const [mean] = running.run({ x: { shape: [2, 5, 5, 3], values: input } }, ['mean']);
  const expected = tf.tidy(() => {
    const conv = tf
      .conv2d(tf.tensor4d(input, [2, 5, 5, 3]), tf.tensor4d(ramp(54), [3, 3, 3, 2]), 2, 'same')
      .add(tf.tensor1d(ramp(2)))
      .relu();
    const deep = tf
      .depthwiseConv2d(conv as ReturnType<typeof tf.tensor4d>, tf.tensor4d(ramp(18), [3, 3, 2, 1]), 1, 'same')
      .add(tf.tensor1d(ramp(2)));
    return deep.mean([1, 2]).dataSync();
  });
  assert.deepEqual(mean?.shape, [2, 2]);
  for (const [index, value] of [...expected].entries()) {
    assert.equal(Math.abs(value - mean!.values[index]!) < 1e-5, true, `${expected} ${mean?.values}`);
  }
  running.dispose();
});

test('what is not known is named', () => {
  const read = readGraphModel(write());
  assert.throws(() => copyGraphModel(new Graph(), read, ['odd']), /node odd is a Bessel/);
  assert.throws(() => copyGraphModel(new Graph(), read, ['none']), /has no node none/);
  const [group] = model.weightsManifest;
  const weights = [{ name: 'w', shape: [1], dtype: 'float32', quantization: { dtype: 'uint8' } }];
  assert.throws(
    () => readGraphModel(write({ weightsManifest: [{ ...group, weights }] })),
    (error) =>
      error instanceof UserError &&
      /^Expected float16, float32 or int32 for w in .* but received uint8\.$/.test(error.message),
  );
});
