import assert from 'node:assert/strict';
import { test } from 'node:test';
import { random } from '../../../dataset/random.ts';
import { itcSize } from '../../../model/net/parameters.ts';
import {
  cosinesOf,
  cosinesWithoutHubs,
  crossFittedHubness,
  fitHubness,
  hubness,
  triedHubness,
} from '../../../model/ranking/hubs.ts';
import { recalls } from '../../../model/ranking/recall.ts';

/** Images, and texts that lie near them; `towards` draws so many texts to where all images are near. */
function pairs(count: number, seed: number, towards = 0) {
  const draw = random(seed);
  const [images, texts] = [new Float32Array(count * itcSize), new Float32Array(count * itcSize)];
  for (let row = 0; row < count; row++) {
    const own = Array.from({ length: itcSize }, () => draw.normal());
    const isHub = row < towards;
    for (let at = 0; at < itcSize; at++) {
      // All images share a direction, as the first numbers.
      const shared = at < 8 ? 4 : 0;
      images[row * itcSize + at] = own[at]! + shared;
      texts[row * itcSize + at] = isHub ? 0.2 * own[at]! + 3 * shared : own[at]! + 3 * draw.normal() + shared;
    }
    for (const side of [images, texts]) {
      const vector = side.subarray(row * itcSize, (row + 1) * itcSize);
      const length = Math.hypot(...vector);
      vector.forEach((value, at) => {
        vector[at] = value / length;
      });
    }
  }
  return { images, texts };
}

const diagonal = (count: number) => Array.from({ length: count }, (_, index) => index);

test('hubness is a share of the logarithm of the mean of powers of e, in cosines', () => {
  const cosines = Float32Array.of(0.5, -0.2, 0.1, 0.4); // a bank of two, two items
  const wanted = [Math.log((Math.exp(5) + Math.exp(1)) / 2) / 10, Math.log((Math.exp(-2) + Math.exp(4)) / 2) / 10];
  hubness(cosines, 2, { scale: 10, share: 0.5 }).forEach((one, item) => {
    assert.ok(Math.abs(one - wanted[item]! / 2) < 1e-6, `${one}`);
  });
  assert.deepEqual([...hubness(cosines, 2, { scale: 10, share: 0 })], [0, 0]);
  assert.ok(hubness(Float32Array.of(1, -1), 1, { scale: 1000, share: 1 }).every(Number.isFinite));
});

test('texts that every image is near to no longer push the right ones away', () => {
  const bank = pairs(300, 1);
  const heldOut = pairs(120, 2, 6);
  const evaluated = pairs(120, 3, 6);
  const taken = fitHubness({ ...heldOut, owner: diagonal(120) }, bank);
  assert.ok(taken.text.share > 0 && triedHubness.includes(taken.text), JSON.stringify(taken));
  const { images, texts } = evaluated;
  const [before, after] = [
    recalls(cosinesOf(images, texts), diagonal(120)),
    recalls(cosinesWithoutHubs(images, texts, { ...bank, taken }), diagonal(120)),
  ];
  assert.ok(after.text.r1 > before.text.r1 + 0.3, `${before.text.r1} to ${after.text.r1}`);
});

test('where there are no hubs nothing is taken off, and neither by shares of 0', () => {
  // As texts know their image exactly, no order can gain.
  const { images } = pairs(60, 4);
  const same = { images, texts: images };
  const taken = fitHubness({ ...same, owner: diagonal(60) }, pairs(100, 5));
  assert.deepEqual([taken.text.share, taken.image.share], [0, 0]);
  const { texts } = pairs(60, 6);
  const bank = { ...pairs(100, 7), taken };
  assert.deepEqual(cosinesWithoutHubs(images, texts, bank), cosinesOf(images, texts));
});

test('nothing is taken off by luck, of all pairs or of a half of them', () => {
  const bank = unrelated(60, 999);
  for (let seed = 0; seed < 8; seed++) {
    // Texts know their images a little, and nothing of what the bank says belongs to them.
    const { images, texts } = unrelated(64, seed, 0.2);
    const owned = { images, texts, owner: diagonal(64) };
    const taken = [fitHubness(owned, bank), ...crossFittedHubness(owned, bank)];
    assert.deepEqual(
      taken.flatMap(({ text, image }) => [text.share, image.share]),
      Array(6).fill(0),
      `${seed}`,
    );
  }
});

test('what a half takes off is fitted on the other half alone, each text with its image', () => {
  const bank = pairs(200, 1);
  const [mine, others] = [pairs(40, 2), pairs(40, 3, 4)];
  // Images of `others` are the first, third, fifth; those of `mine` lie between, with each text twice.
  const images = new Float32Array(80 * itcSize);
  const texts = new Float32Array(120 * itcSize);
  const owner: number[] = [];
  const row = (vectors: Float32Array, at: number) => vectors.subarray(at * itcSize, (at + 1) * itcSize);
  for (let image = 0; image < 80; image++) {
    const [from, at] = [image % 2 === 0 ? others : mine, image >> 1];
    images.set(row(from.images, at), image * itcSize);
    for (let copy = 0; copy <= image % 2; copy++) {
      texts.set(row(from.texts, at), owner.length * itcSize);
      owner.push(image);
    }
  }
  const twice = new Float32Array(80 * itcSize);
  for (let text = 0; text < 80; text++) twice.set(row(mine.texts, text >> 1), text * itcSize);
  const ofMine = fitHubness({ images: mine.images, texts: twice, owner: diagonal(80).map((text) => text >> 1) }, bank);
  const ofOthers = fitHubness({ ...others, owner: diagonal(40) }, bank);
  assert.notDeepEqual(ofMine, ofOthers);
  assert.deepEqual(crossFittedHubness({ images, texts, owner }, bank), [ofMine, ofOthers]);
});

/** Directions without any that all share; texts are their image's with a weight, and else their own. */
function unrelated(count: number, seed: number, weight = 0) {
  const draw = random(seed, 7);
  const [images, texts] = [new Float32Array(count * itcSize), new Float32Array(count * itcSize)];
  for (const side of [images, texts]) {
    for (let row = 0; row < count; row++) {
      const vector = side.subarray(row * itcSize, (row + 1) * itcSize);
      vector.forEach((_, at) => {
        vector[at] = draw.normal() + (side === texts ? weight * images[row * itcSize + at]! * Math.sqrt(itcSize) : 0);
      });
      const length = Math.hypot(...vector);
      vector.forEach((value, at) => {
        vector[at] = value / length;
      });
    }
  }
  return { images, texts };
}
