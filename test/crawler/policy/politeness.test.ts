/** How long a host is left alone: bounds from both sides. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backOffMs, delayMs, retryAfterMs } from '../../../crawler/policy/politeness.ts';

describe('pauses', () => {
  const manners = { minDelayMs: 1000, maxDelayMs: 30_000, latencyFactor: 5 };
  for (const { crawlDelay, latency, pause } of [
    { crawlDelay: 0, latency: 10, pause: 1000 },
    { crawlDelay: 0, latency: 400, pause: 2000 },
    { crawlDelay: 0, latency: 60_000, pause: 30_000 },
    { crawlDelay: 5000, latency: 10, pause: 5000 },
    { crawlDelay: 90_000, latency: 10, pause: 30_000 },
  ]) {
    test(`Crawl-delay ${crawlDelay}, latency ${latency}`, () =>
      assert.equal(delayMs(manners, crawlDelay, latency), pause));
  }
  test('no pause asked for keeps to Crawl-delay alone', () => {
    assert.equal(delayMs({ ...manners, minDelayMs: 0 }, 0, 5000), 0);
    assert.equal(delayMs({ ...manners, minDelayMs: 0 }, 2000, 0), 2000);
  });
  for (const { requests, crawlDelay, pause } of [
    { requests: 3, crawlDelay: 0, pause: 3000 },
    { requests: 29, crawlDelay: 0, pause: 29_000 },
    { requests: 31, crawlDelay: 0, pause: 30_000 },
    { requests: 2, crawlDelay: 20_000, pause: 30_000 },
  ]) {
    test(`${requests} requests at once are paid back`, () =>
      assert.equal(delayMs(manners, crawlDelay, 0, requests), pause));
  }
  test('back-off doubles up to a minute', () => {
    assert.deepEqual(
      [1, 2, 3, 5, 6, 50].map((failures) => backOffMs(failures, manners)),
      [2000, 4000, 8000, 32_000, 60_000, 60_000],
    );
    assert.equal(backOffMs(1, { ...manners, minDelayMs: 0 }), 20);
  });
  test('Retry-After in seconds, as a date, and nonsense', () => {
    const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
    assert.equal(retryAfterMs({ 'retry-after': '120' }, now), 120_000);
    assert.equal(retryAfterMs({ 'retry-after': 'Wed, 21 Oct 2026 07:29:00 GMT' }, now), 60_000);
    const byServer = { 'retry-after': 'Wed, 21 Oct 2026 07:29:00 GMT', date: 'Wed, 21 Oct 2026 07:28:30 GMT' };
    assert.equal(retryAfterMs(byServer, now + 3_600_000), 30_000, 'a date counts from the clock of the server');
    assert.equal(retryAfterMs({ 'retry-after': 'soon' }, now), null);
    assert.equal(retryAfterMs({ 'retry-after': '99999999' }, now), 86_400_000);
    assert.equal(retryAfterMs({}, now), null);
  });
});
