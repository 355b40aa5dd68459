import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { random } from '../../../../dataset/random.ts';
import { hidePieces } from '../../../../model/net/objectives/mlm.ts';

const options = { maskId: 4, vocabularySize: 1000, limit: 1000 };

test('15 % of the pieces are hidden: 80 % as [MASK], 10 % as another, 10 % kept', () => {
  const pieces = new Int32Array(100_000).fill(7);
  const hidden = hidePieces(pieces, { ...options, limit: 100_000 }, random(1));
  const share = (of: (piece: number) => boolean) => hidden.filter((index) => of(pieces[index]!)).length / hidden.length;
  const close = (actual: number, wanted: number) =>
    assert.ok(Math.abs(actual - wanted) < 0.01, `${actual} is not ${wanted}`);
  close(hidden.length / pieces.length, 0.15);
  close(
    share((piece) => piece === 4),
    0.8,
  );
  close(
    share((piece) => piece === 7),
    0.1,
  );
});

test('one piece at least and no more than the limit is hidden, and others stay as they are', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 5, max: 999 }), { minLength: 1, maxLength: 60 }),
      fc.nat(),
      (pieces, seed) => {
        const changed = Int32Array.from(pieces);
        const hidden = hidePieces(changed, { ...options, limit: 5 }, random(seed));
        assert.ok(hidden.length >= 1 && hidden.length <= 5);
        assert.equal(new Set(hidden).size, hidden.length);
        pieces.forEach((piece, index) => {
          if (!hidden.includes(index)) assert.equal(changed[index], piece);
        });
      },
    ),
  );
});
