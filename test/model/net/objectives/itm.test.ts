import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../../../../dataset/random.ts';
import { trainingBatch } from '../../../../model/data/batch.ts';
import type { Example } from '../../../../model/data/example.ts';
import { gumbelNoise, hardPartners, samePair, wrongPartners } from '../../../../model/net/objectives/itm.ts';
import { tf } from '../../../../model/runtime/backend.ts';
import { batchSetup, config, smallExamples } from '../../small-model.ts';

test('every image meets one wrong sentence and every sentence one wrong image', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), (count, seed) => {
      const examples = smallExamples(count).map((example, index) => ({ ...example, pieces: [index + 5] }));
      const partners = wrongPartners(examples, random(seed));
      assert.equal(new Set(partners).size, count);
      partners.forEach((partner, index) => {
        assert.notEqual(partner, index);
      });
    }),
  );
});

test('nobody meets the sentence of its own image, or one with the same words', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 30 }), fc.nat(), (images, seed) => {
      const examples = smallExamples(images.length).map((example, index) => ({
        ...example,
        imageId: `image${images[index]}`,
        pieces: [5 + ((images[index] ?? 0) % 3), 9],
      }));
      wrongPartners(examples, random(seed)).forEach((partner, index) => {
        const one = examples[index]!;
        if (partner >= 0) assert.ok(!samePair(one, examples[partner]!));
        else assert.ok(examples.every((other) => samePair(one, other)));
      });
    }),
  );
});

/** N examples of a few images; some have the words of another. */
const someExamples = fc.array(fc.record({ image: fc.nat(4), words: fc.nat(6) }), { minLength: 2, maxLength: 12 });

test('a hard negative is never the pair itself, a caption of the same image or the same words', () => {
  fc.assert(
    fc.property(someExamples, fc.nat(), (made, seed) => {
      const N = made.length;
      const examples = smallExamples(N).map((example, index) => ({
        ...example,
        imageId: `image${made[index]?.image}`,
        pieces: [5 + (made[index]?.words ?? 0), 9],
      }));
      const arrays = trainingBatch(
        examples,
        { pairs: N, pieces: config.maxPieces, regions: config.maxRegions },
        { ...batchSetup, hardNegatives: true },
        random(seed),
      );
      const draw = random(seed, 1);
      tf.tidy(() => {
        const tensor = (name: string) => tf.tensor2d(arrays[name]!.values as Float32Array, [N, N]);
        // Its own pair is the most similar by far, as after training.
        const similar = tf.tensor2d(
          Float32Array.from({ length: N * N }, (_, at) => (at % (N + 1) === 0 ? 100 : draw.normal())),
          [N, N],
        );
        for (const side of ['sentenceNoise', 'imageNoise']) {
          const chosen = hardPartners(similar, tf.scalar(1), tensor('sameImage'), tensor(side)).dataSync();
          chosen.forEach((other, index) => {
            const counts = arrays.matchCounts?.values[N + index];
            const same = samePair(examples[index] as Example, examples[other] as Example);
            assert.equal(counts, examples.every((one) => samePair(one, examples[index] as Example)) ? 0 : 1);
            if (counts) assert.equal(same, false);
          });
        }
      });
    }),
    { numRuns: 50 },
  );
});

test('hard negatives are drawn with the softmax of the similarities times the hardness as chances', () => {
  const rounds = 4000;
  const similar = tf.tensor2d([5, 0, Math.log(2), Math.log(5)], [1, 4]);
  const same = tf.tensor2d([1, 0, 0, 0], [1, 4]);
  const noise = tf.tensor2d(gumbelNoise(rounds * 4, random(3)), [rounds, 4]);
  const table: [hardness: number, shares: number[]][] = [
    [1, [0, 1 / 8, 2 / 8, 5 / 8]],
    [0, [0, 1 / 3, 1 / 3, 1 / 3]],
    [2, [0, 1 / 30, 4 / 30, 25 / 30]],
  ];
  for (const [hardness, wanted] of table) {
    const all = [similar, same].map((one) => tf.tile(one, [rounds, 1]));
    const chosen = hardPartners(all[0]!, tf.scalar(hardness), all[1]!, noise).dataSync();
    const shares = [0, 1, 2, 3].map((column) => chosen.filter((one) => one === column).length / rounds);
    wanted.forEach((share, column) => {
      assert.ok(Math.abs(shares[column]! - share) < 0.03, `${hardness}: ${shares}`);
    });
  }
  tf.dispose([similar, same, noise]);
});
