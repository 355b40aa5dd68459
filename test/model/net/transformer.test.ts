import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ModelConfig } from '../../../model/net/config.ts';
import { noDropout } from '../../../model/net/dropout.ts';
import { parameterSpecs } from '../../../model/net/parameters.ts';
import { encode, encodeFirst, firstTokens } from '../../../model/net/transformer.ts';
import { type Tensor, tf } from '../../../model/runtime/backend.ts';
import { startValues } from '../../../model/runtime/parameter.ts';
import { config as smallConfig } from '../small-model.ts';

const variable = 'TF_NUM_INTRAOP_THREADS';
const before = process.env[variable];
afterEach(() => {
  if (before === undefined) delete process.env[variable];
  else process.env[variable] = before;
});

type Encoder = typeof encode;

/** Hidden states and the gradient at the tokens. */
function encoded(config: ModelConfig, B: number, encoder: Encoder = encode): number[] {
  const values = startValues(parameterSpecs(config), 1);
  const shapes = new Map(parameterSpecs(config).map(({ name, shape }) => [name, [...shape]]));
  return tf.tidy(() => {
    const weights = (name: string) => tf.tensor(values.get(name)!, shapes.get(name)!);
    const mask = tf.tensor(
      Array.from({ length: B * 5 }, (_, index) => (index % 7 === 6 ? 0 : 1)),
      [B, 5],
    );
    const tokens = tf.randomNormal([B, 5, config.hiddenSize], 0, 1, 'float32', 4);
    const weigh = tf.randomNormal([1, config.hiddenSize], 0, 1, 'float32', 5);
    const hidden = (x: Tensor) => encoder(weights, config, { tokens: x, mask }, noDropout);
    const gradient = tf.grad((x: Tensor) => tf.sum(tf.mul(hidden(x), weigh)) as never)(tokens);
    return [hidden(tokens), gradient].flatMap((tensor) => [...tensor.dataSync()]);
  });
}

function assertNear(one: readonly number[], other: readonly number[]): void {
  assert.equal(one.length, other.length);
  for (const [index, value] of one.entries()) assert.ok(Math.abs(value - other[index]!) < 1e-5, `${value} at ${index}`);
}

for (const B of [4, 3]) {
  test(`${B} sequences are encoded in two parts side by side as in one`, () => {
    process.env[variable] = '2';
    const whole = encoded(smallConfig, B);
    process.env[variable] = '1';
    assert.equal(whole.length, 2 * B * 5 * smallConfig.hiddenSize);
    assertNear(encoded(smallConfig, B), whole);
  });
}

test('the first tokens alone are what they are among all', () => {
  const among: Encoder = (weights, config, sequence, drop) =>
    firstTokens(encode(weights, config, sequence, drop), sequence.tokens.shape[0]!);
  assertNear(encoded(smallConfig, 4, encodeFirst), encoded(smallConfig, 4, among));
});
