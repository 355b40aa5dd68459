import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attend } from '../../../model/net/attention.ts';
import { type Tensor, tf } from '../../../model/runtime/backend.ts';

const [B, A, T, size] = [2, 3, 4, 5];

const draw = (seed: number, shape: number[] = [B, A, T, size]) => tf.randomNormal(shape, 0, 1, 'float32', seed);

/** The same in plain ops, whose gradients are tfjs's own. */
function plain(query: Tensor, key: Tensor, value: Tensor, shut: Tensor, mask?: Tensor): Tensor {
  const weights = tf.softmax(tf.add(tf.matMul(query, key, false, true), shut));
  return tf.matMul(mask ? tf.mul(weights, mask) : weights, value);
}

for (const dropped of [false, true]) {
  test(`attention and its gradients are those of the plain ops, ${dropped ? 'with' : 'without'} dropout`, () => {
    tf.tidy(() => {
      const shut = tf.tensor([0, 0, 0, 0, 0, 0, 0, -1e9], [B, 1, 1, T]);
      const mask = dropped ? tf.cast(tf.greater(draw(9, [B, A, T, T]), -0.5), 'float32') : undefined;
      const weigh = draw(8);
      const inputs = [draw(1), draw(2), draw(3)];
      const results = [attend, plain].map((body) => {
        const loss = (...[query, key, value]: Tensor[]) =>
          tf.sum(tf.mul(body(query as Tensor, key as Tensor, value as Tensor, shut, mask), weigh));
        const { value, grads } = tf.valueAndGrads(loss as never)(inputs);
        return [value, ...grads].map((tensor) => tensor.arraySync());
      });
      for (const [index, ours] of (results[0] as unknown[]).entries()) close(ours, (results[1] as unknown[])[index]);
      // What is shut gets nothing: the last key and value of the second example.
      const [, , dKey] = results[0] as [unknown, unknown, number[][][][]];
      close(dKey[1]?.[0]?.[3], [0, 0, 0, 0, 0]);
    });
  });
}

function close(one: unknown, other: unknown): void {
  const [a, b] = [one, other].map((values) => (Array.isArray(values) ? values.flat(4) : [values]) as number[]);
  assert.equal(a?.length, b?.length);
  for (const [index, value] of (a as number[]).entries())
    assert.ok(Math.abs(value - (b as number[])[index]!) < 1e-5, `${value} at ${index}`);
}
