import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeadlinePassed, withDeadline } from '../../dataset/deadline.ts';

describe('work with a deadline', () => {
  it('returns what it returns and throws what it throws', () => {
    const value = {};
    assert.equal(
      withDeadline(() => value, 60_000),
      value,
    );
    const error = new RangeError('no');
    assert.throws(
      () =>
        withDeadline(() => {
          throw error;
        }, 60_000),
      (thrown) => thrown === error,
    );
  });

  const endless: Record<string, () => unknown> = {
    'a loop': () => {
      for (;;);
    },
    'a loop that catches': () => {
      for (;;) {
        try {
          throw new Error();
        } catch {}
      }
    },
    'an exponential expression': () => /^(?:[a-z]+-?)+$/.test(`${'a'.repeat(80)}!`),
    'work within work': () =>
      withDeadline(() => {
        for (;;);
      }, 60_000),
  };
  for (const [name, work] of Object.entries(endless)) {
    it(`${name} is stopped`, () => assert.throws(() => withDeadline(work, 50), DeadlinePassed));
  }

  it('does not stop the work after it', () => {
    assert.throws(() => withDeadline(endless['a loop']!, 50), DeadlinePassed);
    assert.equal(
      withDeadline(() => 3, 60_000),
      3,
    );
  });
});
