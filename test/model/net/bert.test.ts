import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fromHuggingFace, toHuggingFace } from '../../../model/formats/hugging-face.ts';
import { readSafetensors } from '../../../model/formats/safetensors.ts';
import type { ModelConfig } from '../../../model/net/config.ts';
import { noDropout } from '../../../model/net/dropout.ts';
import { arrange, lookUp, place } from '../../../model/net/embeddings.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { encode } from '../../../model/net/transformer.ts';
import { type Tensor, tf } from '../../../model/runtime/backend.ts';

/** Made by bert/make.py with Hugging Face's transformers 5.23. */
const folder = join(import.meta.dirname, 'bert');
const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
const bert = read('config.json');
const config: ModelConfig = {
  vocabularySize: bert.vocab_size,
  hiddenSize: bert.hidden_size,
  layers: bert.num_hidden_layers,
  heads: bert.num_attention_heads,
  feedForwardSize: bert.intermediate_size,
  dropout: 0.1,
  maxPositions: bert.max_position_embeddings,
  layerNormEpsilon: bert.layer_norm_eps,
  maxRegions: 2,
  maxPieces: 5,
  featureSize: 4,
  classes: 3,
};

test("a text alone has the hidden states of Hugging Face's BertModel on the same weights", () => {
  const { tensors } = readSafetensors(join(folder, 'model.safetensors'));
  const values = fromHuggingFace(parameterSpecs(config), tensors);
  const expected = read('expected.json') as { ids: number[][]; mask: number[][]; hidden: number[] };
  tf.tidy(() => {
    const shapes = new Map(parameterSpecs(config).map(({ name, shape }) => [name, [...shape]]));
    const weights = (name: string) => tf.tensor(values.get(name)!, shapes.get(name)!);
    const look = (ids: Tensor) => {
      const [B, W] = ids.shape as [number, number];
      return tf.reshape(lookUp(weights, tf.reshape(ids, [B * W])), [B, W, config.hiddenSize]);
    };
    // Ours adds [CLS] itself.
    const ids = tf.tensor2d(
      expected.ids.map((row) => row.slice(1)),
      undefined,
      'int32',
    );
    const words = {
      tokens: place(weights, config, look(ids), { firstPosition: 1, segment: 0 }),
      mask: tf.tensor2d(expected.mask.map((row) => row.slice(1))),
    };
    const cls = place(weights, config, look(tf.tensor2d([[2]], [1, 1], 'int32')), { firstPosition: 0, segment: 0 });
    const hidden = encode(weights, config, arrange({ words }, { cls, sep: cls }, noDropout), noDropout).dataSync();
    const T = expected.ids[0]?.length as number;
    const apart = expected.hidden.map((one, index) => {
      const counts =
        expected.mask[Math.floor(index / (T * config.hiddenSize))]?.[Math.floor(index / config.hiddenSize) % T];
      return counts ? Math.abs(one - hidden[index]!) : 0;
    });
    assert.ok(Math.max(...apart) < 1e-4, `${Math.max(...apart)}`);
    assert.ok(apart.length > 200);
  });
});

test("our parameters go to Hugging Face's names and back unchanged", () => {
  const { tensors } = readSafetensors(join(folder, 'model.safetensors'));
  const specs = parameterSpecs(config).filter(({ name }) => /^bert\./.test(name));
  const there = toHuggingFace(specs, fromHuggingFace(specs, tensors));
  for (const [name, { shape, values }] of there) {
    const theirs = tensors.get(name.replace(/^bert\./, ''));
    assert.deepEqual([theirs?.shape, theirs?.values], [shape, values], name);
  }
});

test('weights of another size are refused by name', () => {
  const { tensors } = readSafetensors(join(folder, 'model.safetensors'));
  assert.throws(() => fromHuggingFace(parameterSpecs({ ...config, hiddenSize: 48 }), tensors), {
    name: 'UserError',
    message: /Expected the shape \[40,48\] for bert.embeddings.word_embeddings.weight but received \[40,24\]/,
  });
});
