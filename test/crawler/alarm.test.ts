/** A wait that can be ended early. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openAlarm } from '../../crawler/alarm.ts';

test('an alarm ends a wait after its time, or when it rings; a ring without a wait is lost', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const alarm = openAlarm();
  const ended: string[] = [];
  alarm.ring();
  const first = alarm.wait(1000).then(() => ended.push('first'));
  t.mock.timers.tick(999);
  await Promise.resolve();
  assert.equal(ended.join(), '');
  t.mock.timers.tick(1);
  await first;
  const second = alarm.wait(1000).then(() => ended.push('second'));
  alarm.ring();
  await second;
  assert.equal(ended.join(), 'first,second');
  // The timer of the wait that was ended early must not end the next one.
  void alarm.wait(10_000).then(() => ended.push('third'));
  t.mock.timers.tick(9_999);
  await Promise.resolve();
  assert.equal(ended.join(), 'first,second');
  alarm.ring();
});
