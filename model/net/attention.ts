/**
 * Dot-product attention (arXiv 1706.03762 §3.2.1) and its gradient, written out: its weights [B, A, T, T] are the largest tensors
 * of a training step beside the feed-forward layer's, so each pass over them that is saved counts.
 */
import { type Tensor, tf } from '../runtime/backend.ts';

/**
 * Scaled queries, keys and values [B, A, T, size] to [B, A, T, size]. `shut` [B, 1, 1, T] is added to the scores; `mask`
 * [B, A, T, T] says with 1 and 0 which weights dropout keeps, as they are.
 * With P the weights, Y those kept and dY the gradient at Y, the gradient at the scores is Y dY − P rowsum(Y dY), and that sum is the
 * one of output times its gradient (FlashAttention, arXiv 2205.14135 appendix B.2), which has T / size times fewer terms.
 */
export function attend(query: Tensor, key: Tensor, value: Tensor, shut: Tensor, mask?: Tensor): Tensor {
  const run = tf.customGrad((...args: unknown[]) => {
    const [q, k, v, save] = args as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const weights = tf.softmax(tf.add(tf.matMul(q, k, false, true), shut)); // [B, A, T, T]
    const kept = mask ? tf.mul(weights, mask) : weights;
    const output = tf.matMul(kept, v); // [B, A, T, size]
    save([q, k, v, weights, kept, output]);
    return {
      value: output,
      gradFunc: (dy: Tensor, saved: Tensor[]) => {
        const [q, k, v, weights, kept, output] = saved as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
        const pull = tf.sum(tf.mul(dy, output), -1, true); // [B, A, T, 1]
        const slope = tf.sub(tf.mul(kept, tf.matMul(dy, v, false, true)), tf.mul(weights, pull)); // [B, A, T, T]
        return [tf.matMul(slope, k), tf.matMul(slope, q, true, false), tf.matMul(kept, dy, true, false)];
      },
    };
  });
  return run(query, key, value);
}
