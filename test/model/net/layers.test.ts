import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crossEntropy, gelu, layerNorm, linear } from '../../../model/net/layers.ts';
import { type Tensor, tf } from '../../../model/runtime/backend.ts';

/** Values and gradients of a body written out and of the plain ops it stands for, at random inputs. */
function same(name: string, shapes: number[][], ours: (...x: Tensor[]) => Tensor, plain: (...x: Tensor[]) => Tensor) {
  test(`${name} and its gradients are those of the plain ops`, () => {
    tf.tidy(() => {
      const inputs = shapes.map((shape, index) => tf.randomNormal(shape, 0, 2, 'float32', index + 1));
      const results = [ours, plain].map((body) => {
        const loss = (...x: Tensor[]) => {
          const y = body(...x);
          return tf.sum(tf.mul(y, tf.randomNormal(y.shape, 0, 1, 'float32', 99)));
        };
        const { value, grads } = tf.valueAndGrads(loss as never)(inputs);
        return [value, ...grads].flatMap((tensor) => [...tensor.dataSync()]);
      });
      const [a, b] = results as [number[], number[]];
      assert.equal(a.length, b.length);
      for (const [index, value] of a.entries()) {
        const wanted = b[index]!;
        assert.ok(
          Math.abs(value - wanted) < 2e-5 * Math.max(1, Math.abs(wanted)),
          `${value}, not ${wanted}, at ${index}`,
        );
      }
    });
  });
}

const named =
  (...[weight, bias]: Tensor[]) =>
  (name: string) =>
    (name.endsWith('weight') ? weight : bias) as Tensor;

same(
  'a linear layer',
  [[7, 3], [5, 3], [5]],
  (x, w, b) => linear(named(w as Tensor, b as Tensor), 'layer', x as Tensor),
  (x, w, b) => tf.add(tf.matMul(x as Tensor, w as Tensor, false, true), b as Tensor),
);

same(
  'LayerNorm',
  [[2, 3, 8], [8], [8]],
  (x, w, b) => layerNorm(named(w as Tensor, b as Tensor), 'layer', x as Tensor, 1e-12),
  (x, w, b) => {
    const { mean, variance } = tf.moments(x as Tensor, -1, true);
    return tf.add(
      tf.mul(tf.div(tf.sub(x as Tensor, mean), tf.sqrt(tf.add(variance, 1e-12))), w as Tensor),
      b as Tensor,
    );
  },
);

same(
  'GELU',
  [[40]],
  (x) => gelu(x as Tensor),
  (x) => tf.mul(x as Tensor, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x as Tensor, Math.SQRT1_2))))),
);

const labels = tf.tensor1d([2, 0, 4], 'int32');
same(
  'cross-entropy',
  [[3, 5]],
  (x) => crossEntropy(x as Tensor, labels),
  (x) => tf.neg(tf.sum(tf.mul(tf.logSoftmax(x as Tensor), tf.oneHot(labels, 5)), -1)),
);

test('cross-entropy of logits far apart is finite, and 0 where the label leads by far', () => {
  tf.tidy(() => {
    const logits = tf.tensor2d([
      [1e4, 0, -1e4],
      [1e4, 0, -1e4],
    ]);
    assert.deepEqual([...crossEntropy(logits, tf.tensor1d([0, 2], 'int32')).dataSync()], [0, 2e4]);
  });
});
