/** Crawls by a cron pattern: one at a time, and a stop that does not wait for the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { schedule } from '../../crawler/schedule.ts';
import { UserError } from '../../dataset/user-error.ts';

test('a schedule runs one crawl at a time until it is stopped', async () => {
  const stop = new AbortController();
  const waits: Date[] = [];
  let running = 0;
  let runs = 0;
  await schedule({
    cron: '* * * * * *',
    signal: stop.signal,
    onWait: (next) => waits.push(next),
    run: async () => {
      running += 1;
      assert.equal(running, 1);
      runs += 1;
      stop.abort();
      await new Promise((resolve) => setTimeout(resolve, 5));
      running -= 1;
    },
  });
  assert.equal(runs, 1);
  assert.equal(waits.length, 1);
  await assert.rejects(schedule({ cron: 'every night', run: async () => {} }), UserError);
});

test('a stop while the next run is a year away ends the schedule', async () => {
  const stop = new AbortController();
  let waited: Date | undefined;
  const running = schedule({
    cron: '0 3 1 1 *',
    timezone: 'Europe/Berlin',
    signal: stop.signal,
    onWait: (next) => {
      waited = next;
      setTimeout(() => stop.abort(), 20);
    },
    run: async () => assert.fail('it is not time'),
  });
  await running;
  assert.equal(waited!.getUTCHours(), 2);
  assert.equal(waited!.getUTCMonth(), 0);
});

test('a run that fails ends the schedule with its error; an unknown time zone is a user error', async () => {
  await assert.rejects(
    schedule({ cron: '* * * * * *', run: async () => Promise.reject(new Error('no room')) }),
    /no room/,
  );
  await assert.rejects(schedule({ cron: '* * * * *', timezone: 'Mars/Olympus', run: async () => {} }), UserError);
});
