import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import protobuf from 'protobufjs';
import sharp from 'sharp';
import { UserError } from '../../../dataset/user-error.ts';
import { type OnnxDetectorOptions, onnxDetector } from '../../../model/regions/onnx-detector.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-onnx-'));
after(() => rmSync(folder, { recursive: true }));

const Model = protobuf
  .parse(`syntax = "proto3";
  message Shape { message Dim { int64 dim_value = 1; } repeated Dim dim = 1; }
  message Type { message Tensor { int32 elem_type = 1; Shape shape = 2; } Tensor tensor_type = 1; }
  message Value { string name = 1; Type type = 2; }
  message Attribute { string name = 1; int64 i = 3; repeated int64 ints = 8; int32 type = 20; }
  message Tensor { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
  message Node { repeated string input = 1; repeated string output = 2; string name = 3; string op_type = 4; repeated Attribute attribute = 5; }
  message Graph { repeated Node node = 1; string name = 2; repeated Tensor initializer = 5; repeated Value input = 11; repeated Value output = 12; }
  message Opset { int64 version = 2; }
  message Model { int64 ir_version = 1; Graph graph = 7; repeated Opset opset_import = 8; }`)
  .root.lookupType('Model');

const float = 1;
const int64 = 7;

/** A network that gives fixed boxes and scores, and as the feature of every box the mean of each input channel. */
function writeNetwork(boxes: number[][], scores: number[][]): string {
  const tensor = (name: string, type: number, dims: number[], values: ArrayBufferView) => {
    return { name, dataType: type, dims, rawData: Buffer.from(values.buffer, values.byteOffset, values.byteLength) };
  };
  const value = (name: string, type: number, dims: number[]) => {
    return { name, type: { tensorType: { elemType: type, shape: { dim: dims.map((dimValue) => ({ dimValue })) } } } };
  };
  const [N, C] = [boxes.length, scores[0]?.length ?? 0];
  const graph = {
    name: 'net',
    input: [value('image', float, [1, 3, 8, 8])],
    output: [value('boxes', float, [1, N, 4]), value('scores', float, [1, N, C]), value('features', float, [N, 3])],
    initializer: [
      tensor('b', float, [1, N, 4], Float32Array.from(boxes.flat())),
      tensor('s', float, [1, N, C], Float32Array.from(scores.flat())),
      tensor('n', int64, [2], BigInt64Array.of(BigInt(N), 3n)),
    ],
    node: [
      { opType: 'Identity', input: ['b'], output: ['boxes'] },
      { opType: 'Identity', input: ['s'], output: ['scores'] },
      {
        opType: 'ReduceMean',
        input: ['image'],
        output: ['means'],
        attribute: [
          { name: 'axes', ints: [2, 3], type: 7 },
          { name: 'keepdims', i: 0, type: 2 },
        ],
      },
      { opType: 'Expand', input: ['means', 'n'], output: ['features'] },
    ],
  };
  const path = join(folder, 'net.onnx');
  const message = Model.fromObject({ irVersion: 8, graph, opsetImport: [{ version: 13 }] });
  writeFileSync(path, Model.encode(message).finish());
  return path;
}

const boxes = [
  [0, 0, 4, 8],
  [0, 0, 4, 7], // overlaps the first
  [4, 4, 8, 8],
  [6, 6, 12, 9], // leaves the image
];
const scores = [
  [0.1, 0.9],
  [0.8, 0.1],
  [0.6, 0.2],
  [0.1, 0.15],
];

const options = (change: Partial<OnnxDetectorOptions> = {}): OnnxDetectorOptions => ({
  path: writeNetwork(boxes, scores),
  name: 'net',
  labels: ['cat', 'dog'],
  input: { name: 'image', sidePx: 8, mean: [0, 10, 0], deviation: [1, 1, 2] },
  outputs: { boxes: 'boxes', scores: 'scores', features: 'features' },
  ...change,
});

const image = await sharp({ create: { width: 9, height: 5, channels: 3, background: { r: 200, g: 100, b: 50 } } })
  .png()
  .toBuffer();

const round = (values: Iterable<number>) => Array.from(values, (value) => Math.round(value * 100) / 100);

async function detect(change: Partial<OnnxDetectorOptions> = {}) {
  const detector = await onnxDetector(options(change));
  const [regions, broken] = await detector.detect([image, Buffer.from('no image')]);
  detector.dispose();
  assert.equal(broken, null);
  const { boxes: found, labels, confidences, features } = regions!;
  return { boxes: round(found), labels: [...labels], confidences: round(confidences), features: round(features) };
}

test('boxes, classes and features are read as the options say', async () => {
  assert.deepEqual(await detect(), {
    boxes: [0, 0, 0.5, 1, 0.5, 0.5, 1, 1],
    labels: [1, 0],
    confidences: [0.9, 0.6],
    features: [200, 90, 25, 200, 90, 25],
  });
  const bgr = { name: 'image', sidePx: 8, channels: 'bgr' } as const;
  assert.deepEqual((await detect({ input: bgr, topK: 1 })).features, [50, 100, 200]);
  const centred = await detect({ boxForm: 'centre', maxOverlap: 1, minConfidence: 0 });
  assert.deepEqual(centred.boxes.slice(0, 4), [0, 0, 0.25, 0.5]);
  assert.deepEqual(centred.labels, [1, 0, 0, 1]);
  const own = await detect({ outputs: { boxes: 'boxes', scores: 'scores' } });
  assert.deepEqual(own.features, [0.1, 0.9, 0.6, 0.2]);
  assert.deepEqual((await detect({ activation: 'softmax', background: 1, minConfidence: 0.6 })).labels, [0]);
  assert.deepEqual((await detect({ activation: 'sigmoid', minConfidence: 0.7 })).confidences, [0.71]);
});

test('an image without a detection is one region', async () => {
  assert.deepEqual(await detect({ minConfidence: 0.95 }), {
    boxes: [0, 0, 1, 1],
    labels: [0],
    confidences: [0],
    features: [0, 0, 0],
  });
});

test('what the operator got wrong is one line', async () => {
  const broken = join(folder, 'broken.onnx');
  writeFileSync(broken, 'no network');
  const table: [Partial<OnnxDetectorOptions>, RegExp][] = [
    [{ path: join(folder, 'none.onnx') }, /^Expected an ONNX file for the network but received .*none.onnx; /],
    [{ path: broken }, /^Expected an ONNX network for .*broken.onnx but received .*; export it again\.$/],
    [
      { input: { name: 'pixels', sidePx: 8 } },
      /^Expected an input of image for .*net.onnx but received pixels; name one of its inputs\.$/,
    ],
    [
      { outputs: { boxes: 'boxes', scores: 'logits' } },
      /^Expected an output of boxes, scores, features for .* but received logits; /,
    ],
    [
      { outputs: { boxes: 'boxes', scores: 'scores', labels: 'scores' } },
      /^Expected outputs.features for net but received labels without them; /,
    ],
  ];
  for (const [change, message] of table) {
    await assert.rejects(onnxDetector(options(change)), (error: Error) => {
      assert.match(error.message, message);
      return error instanceof UserError;
    });
  }
});
