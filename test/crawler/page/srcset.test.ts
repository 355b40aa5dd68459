/** The srcset attribute as browsers read it, and hostile ones in linear time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseSrcset } from '../../../crawler/page/srcset.ts';

for (const { set, expected } of [
  { set: 'a.jpg', expected: [['a.jpg', null, 1]] },
  {
    set: 'a.jpg 1x, b.jpg 2.5x',
    expected: [
      ['a.jpg', null, 1],
      ['b.jpg', null, 2.5],
    ],
  },
  {
    set: 'a,b.jpg 300w,c.jpg 600w',
    expected: [
      ['a,b.jpg', 300, 1],
      ['c.jpg', 600, 1],
    ],
  },
  {
    set: 'a.jpg, b.jpg 2x,',
    expected: [
      ['a.jpg', null, 1],
      ['b.jpg', null, 2],
    ],
  },
  {
    set: 'a.jpg 300w 200h, b.jpg',
    expected: [
      ['a.jpg', 300, 1],
      ['b.jpg', null, 1],
    ],
  },
  {
    set: 'a.jpg calc(1px, 2px), b.jpg 2x',
    expected: [['b.jpg', null, 2]],
  },
  {
    set: 'a.jpg 0w, b.jpg 1y, c.jpg 100, d.jpg 100w 2x, e.jpg 1x 1x, f.jpg 200h, g.jpg -1x, h.jpg 1.5w, i.jpg .5x',
    expected: [['i.jpg', null, 0.5]],
  },
  { set: '  ', expected: [] },
]) {
  test(`srcset "${set}"`, () =>
    assert.deepEqual(
      parseSrcset(set).map(({ address, width, density }) => [address, width, density]),
      expected,
    ));
}

test('what was written is read back, at most 100 candidates', () => {
  const address = fc.stringMatching(/^[a-z0-9/._-]{1,12}$/);
  const candidate = fc.record({ address, width: fc.integer({ min: 1, max: 9999 }) });
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 120 }), (candidates) => {
      const set = candidates.map(({ address: at, width }) => `${at} ${width}w`).join(', ');
      assert.deepEqual(
        parseSrcset(set),
        candidates.slice(0, 100).map((one) => ({ ...one, density: 1 })),
      );
    }),
  );
});

for (const set of [','.repeat(1e6), `a${','.repeat(1e6)}b`, `a${' '.repeat(1e6)}(`, 'a ('.repeat(3e5)]) {
  test(`${set.slice(0, 4)}… of ${set.length} characters is read`, () => assert.ok(parseSrcset(set).length <= 100));
}
