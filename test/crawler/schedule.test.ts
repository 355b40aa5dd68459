/** Crawls by a cron pattern: one at a time, none of which ends the schedule, and a stop that does not wait for the next. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorpusBusy, lockCorpus } from '../../crawler/frontier/run-lock.ts';
import { schedule } from '../../crawler/schedule.ts';
import { UserError } from '../../dataset/user-error.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';

const quiet = {
  onSkip: () => assert.fail('no run is left out'),
  onError: (error: unknown) => assert.fail(String(error)),
};

test('a schedule runs one crawl at a time until it is stopped', async () => {
  const stop = new AbortController();
  const waits: Date[] = [];
  let running = 0;
  let runs = 0;
  await schedule({
    ...quiet,
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
});

test('a pattern that is none, that no day matches, or with an unknown time zone is refused before any wait', async () => {
  for (const bad of [
    { cron: 'every night' },
    { cron: '0 0 31 2 *' },
    { cron: '0 0 30 2 *' },
    { cron: '0 0 31 4,6,9,11 *' },
    { cron: '* * * * *', timezone: 'Mars/Olympus' },
  ]) {
    const waiting = schedule({ ...quiet, ...bad, run: async () => {}, onWait: () => assert.fail('it waits') });
    await assert.rejects(waiting, UserError);
  }
});

test('a stop while the next run is a year away ends the schedule', async () => {
  const stop = new AbortController();
  let waited: Date | undefined;
  await schedule({
    ...quiet,
    cron: '0 3 1 1 *',
    timezone: 'Europe/Berlin',
    signal: stop.signal,
    onWait: (next) => {
      waited = next;
      setTimeout(() => stop.abort(), 20);
    },
    run: async () => assert.fail('it is not time'),
  });
  assert.equal(waited!.getUTCHours(), 2);
  assert.equal(waited!.getUTCMonth(), 0);
});

test('a run that fails, or meets a running crawl, is told, and the next one comes', async (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const stop = new AbortController();
  const unlock = lockCorpus(corpus.dir);
  const told: string[] = [];
  let runs = 0;
  await schedule({
    cron: '* * * * * *',
    signal: stop.signal,
    run: async () => {
      runs += 1;
      if (runs === 1) throw new Error('no room');
      if (runs === 3) {
        unlock();
        stop.abort();
      }
      lockCorpus(corpus.dir)();
    },
    onSkip: (why) => told.push(`left out: ${why instanceof CorpusBusy}`),
    onError: (error, startedAt) => told.push(`${(error as Error).message} ${startedAt.getTime() <= Date.now()}`),
  });
  assert.deepEqual(told, ['no room true', 'left out: true']);
  assert.equal(runs, 3);
});
