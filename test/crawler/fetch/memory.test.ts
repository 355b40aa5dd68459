import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundedMemory } from '../../../crawler/fetch/memory.ts';

test('memory of what was asked last', () => {
  const known = boundedMemory<number>({ maxValues: 3, maxBytes: 100 });
  const held = () => ['a', 'b', 'c', 'd'].filter((key) => known.get(key) !== undefined).join('');
  const steps: [key: string, bytes: number, held: string][] = [
    ['a', 10, 'a'],
    ['b', 10, 'ab'],
    ['c', 10, 'abc'],
    // Too many.
    ['d', 10, 'bcd'],
    // Again: the newest, and counted once.
    ['b', 70, 'bcd'],
    ['d', 20, 'bcd'],
    // Too large together: the oldest go, c and then b.
    ['a', 40, 'ad'],
    // Larger than all memory: alone.
    ['c', 1000, 'c'],
    ['a', 10, 'a'],
  ];
  for (const [at, [key, bytes, expected]] of steps.entries()) {
    known.set(key, at, bytes);
    assert.equal(held(), expected, `step ${at}`);
    assert.equal(known.get(key), at);
  }
});
