import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { samePair, wrongPartners } from '../../../model/objectives/itm.ts';
import { random } from '../../../model/random.ts';
import { smallExamples } from '../small-model.ts';

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
        const one = examples[index] as (typeof examples)[number];
        if (partner >= 0) assert.ok(!samePair(one, examples[partner] as (typeof examples)[number]));
        else assert.ok(examples.every((other) => samePair(one, other)));
      });
    }),
  );
});
