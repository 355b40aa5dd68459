/** The crawl's clock: what it says when the system's is put back or forward, or when the machine sleeps. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openClock } from '../../../crawler/policy/clock.ts';

describe('the clock of a crawl', () => {
  const cases: { name: string; steps: readonly { wall: number; monotonic: number }[]; says: readonly number[] }[] = [
    { name: 'goes on', steps: [{ wall: 1010, monotonic: 10 }], says: [1010] },
    {
      name: 'goes on when the clock is put back',
      steps: [
        { wall: 1010, monotonic: 10 },
        { wall: 20, monotonic: 20 },
        { wall: 30, monotonic: 30 },
      ],
      says: [1010, 1020, 1030],
    },
    {
      name: 'goes along when the clock is put forward',
      steps: [
        { wall: 9000, monotonic: 10 },
        { wall: 9010, monotonic: 20 },
      ],
      says: [9000, 9010],
    },
    {
      name: 'counts the time that the machine slept',
      steps: [{ wall: 3_601_000, monotonic: 5 }],
      says: [3_601_000],
    },
    {
      name: 'does not follow a clock that is put forward and back again',
      steps: [
        { wall: 9000, monotonic: 10 },
        { wall: 1020, monotonic: 20 },
      ],
      says: [9000, 9010],
    },
  ];
  for (const { name, steps, says } of cases) {
    test(name, () => {
      let at = { wall: 1000, monotonic: 0 };
      const now = openClock(
        () => at.wall,
        () => at.monotonic,
      );
      assert.deepEqual(
        steps.map((step) => {
          at = step;
          return now();
        }),
        says,
      );
    });
  }

  test('goes no faster when it is asked often, though one of its clocks has whole milliseconds', () => {
    let ms = 0;
    const now = openClock(
      () => Math.floor(1000 + ms),
      () => ms,
    );
    for (let n = 0; n < 100_000; n++) {
      ms += 0.1;
      now();
    }
    assert.equal(now(), 11_000);
  });

  test('is not led astray where the process was held up between its looks at both clocks', () => {
    let ms = 0;
    let looks = 0;
    const now = openClock(
      () => Math.floor(1000 + ms),
      () => {
        looks += 1;
        if (looks === 4) ms += 3000; // stopped for three seconds after the wall clock was read
        return ms;
      },
    );
    now();
    now();
    assert.equal(now(), 4000);
  });
});
