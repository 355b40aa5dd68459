/**
 * Fine-tuning for retrieval (ImageBERT §4.4, §5.3): matching alone, nothing hidden. Each true pair stands against P − 1 wrong
 * sentences for its image and P − 1 wrong images for its sentence. Three losses, as the paper compares: binary (its best),
 * multi-class over the P candidates of each direction, and triplet against the hardest wrong one.
 */

import type { Random } from '../../../dataset/random.ts';
import { type Scalar, type Tensor, tf } from '../../runtime/backend.ts';
import type { Arrays } from '../../runtime/traced-function.ts';
import type { ObjectiveResult, PairedExample } from '../objective.ts';
import { itm, samePair } from './itm.ts';

export interface Ranking {
  readonly loss: 'binary' | 'multi-class' | 'triplet';
  /** P: candidates of each direction, the true one among them. The paper does not say. */
  readonly candidates: number;
  /** Of the triplet loss, between matching probabilities. UNITER: 0.2. */
  readonly margin: number;
}

/**
 * Columns of a true pair and its candidates: [N, 2 P − 1] pairs, true, wrong sentences, wrong images. `imageRows` and `textRows`
 * choose them among the batch; `rankCounts` is 0 where the batch had no wrong one left.
 */
export function rankingArrays(examples: readonly PairedExample[], { candidates }: Ranking, draw: Random): Arrays {
  const N = examples.length;
  const columns = 2 * candidates - 1;
  const imageRows = new Int32Array(N * columns);
  const textRows = new Int32Array(N * columns);
  const counts = new Float32Array(N * columns);
  examples.forEach((one, row) => {
    const wrong = examples.map((_, index) => index).filter((index) => !samePair(one, examples[index]!));
    const drawn = [
      ...draw.shuffle([...wrong]).slice(0, candidates - 1),
      ...draw.shuffle(wrong).slice(0, candidates - 1),
    ];
    const perSide = Math.min(wrong.length, candidates - 1);
    imageRows.fill(row, row * columns, (row + 1) * columns);
    textRows.fill(row, row * columns, (row + 1) * columns);
    counts[row * columns] = 1;
    for (let index = 0; index < perSide; index++) {
      const [sentence, image] = [row * columns + 1 + index, row * columns + candidates + index];
      textRows[sentence] = drawn[index]!;
      imageRows[image] = drawn[perSide + index]!;
      counts[sentence] = 1;
      counts[image] = 1;
    }
  });
  return {
    imageRows: { shape: [N * columns], values: imageRows },
    textRows: { shape: [N * columns], values: textRows },
    rankCounts: { shape: [N, columns], values: counts },
  };
}

/** The loss of logits [N, 2 P − 1], and the share of true pairs that score best in their direction. */
export function rank(logits: Tensor, counts: Tensor, { loss, candidates, margin }: Ranking): ObjectiveResult {
  const [N] = logits.shape as [number, number];
  const absent = tf.mul(tf.sub(1, counts), -1e9);
  const held = tf.add(logits, absent);
  const truth = tf.slice(logits, [0, 0], [N, 1]); // [N, 1]
  const sides = [1, candidates].map((from) => tf.slice(held, [0, from], [N, candidates - 1])); // [N, P − 1] each
  const best = sides.map((side) => tf.max(side, 1, true)); // [N, 1]
  const wins = best.map((hardest) => tf.mean(tf.cast(tf.greater(truth, hardest), 'float32')));
  const accuracy = tf.div(tf.addN(wins), 2) as Scalar;
  const average = (losses: Tensor[]) => ({ loss: tf.div(tf.addN(losses), 2) as Scalar, accuracy });
  switch (loss) {
    case 'binary': {
      const columns = 2 * candidates - 1;
      const first = tf.oneHot(tf.zeros([N], 'int32') as never, columns);
      return {
        loss: itm(tf.reshape(logits, [-1]), tf.reshape(tf.cast(first, 'float32'), [-1]), tf.reshape(counts, [-1])).loss,
        accuracy,
      };
    }
    case 'multi-class':
      return average(
        sides.map((side) => {
          const shares = tf.logSoftmax(tf.concat([truth, side], 1));
          return tf.neg(tf.mean(tf.slice(shares, [0, 0], [N, 1])));
        }),
      );
    case 'triplet':
      return average(
        best.map((hardest) => tf.mean(tf.relu(tf.add(tf.sub(tf.sigmoid(hardest), tf.sigmoid(truth)), margin)))),
      );
  }
}
