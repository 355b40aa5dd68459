/** How long an origin's rules are believed (RFC 9309 §2.4), across runs, and that concurrent questions are one request. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { openFetcher } from '../../../crawler/fetch/fetch.ts';
import { type OriginRules, openOriginRules } from '../../../crawler/fetch/origin-rules.ts';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import { defaultManners } from '../../../crawler/policy/politeness.ts';
import { openWorkers } from '../../../crawler/workers/workers.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const hourMs = 3_600_000;
const forbidding = 'User-agent: *\nDisallow: /no\n';
const summary = (rules: OriginRules, url: string): string =>
  rules.kind === 'rules'
    ? rules.robots.allows(`${url}/no`)
      ? 'allows'
      : 'forbids'
    : `${rules.reason}${rules.kind === 'unavailable' && rules.isGivenUp ? ' given up' : ''}`;

const workers = openWorkers();
// Starting takes a while, which the clocks of these tests would count.
before(() => workers.run('robots', ''));
after(() => workers.close());

describe('rules of an origin', () => {
  const steps: {
    name: string;
    first: Route;
    next: Route;
    expected: { afterMs: number; says: string; asked: number }[];
  }[] = [
    {
      name: 'hold for a day, whatever the server says meanwhile',
      first: forbidding,
      next: { status: 503 },
      expected: [
        { afterMs: 0, says: 'forbids', asked: 1 },
        { afterMs: 24 * hourMs - 1000, says: 'forbids', asked: 1 },
        { afterMs: 24 * hourMs + 1000, says: 'robots-server-error', asked: 2 },
      ],
    },
    {
      name: 'of a server that fails are asked for again after growing pauses',
      first: { status: 500 },
      next: { status: 500 },
      expected: [
        { afterMs: 0, says: 'robots-server-error', asked: 1 },
        { afterMs: 1900, says: 'robots-server-error', asked: 1 },
        { afterMs: 2500, says: 'robots-server-error', asked: 2 },
        { afterMs: 6000, says: 'robots-server-error', asked: 2 },
        { afterMs: 7000, says: 'robots-server-error', asked: 3 },
        { afterMs: 16_000, says: 'robots-server-error', asked: 4 },
        { afterMs: 33_000, says: 'robots-server-error', asked: 5 },
        { afterMs: hourMs, says: 'robots-server-error', asked: 5 },
        { afterMs: hourMs + 34_000, says: 'robots-server-error', asked: 6 },
        { afterMs: 3 * hourMs, says: 'robots-server-error', asked: 6 },
        { afterMs: 3 * hourMs + 36_000, says: 'robots-server-error', asked: 7 },
        { afterMs: 29 * 24 * hourMs, says: 'robots-server-error', asked: 8 },
        { afterMs: 31 * 24 * hourMs, says: 'robots-server-error given up', asked: 9 },
      ],
    },
    {
      name: 'of a server that failed hold as soon as they are there',
      first: { status: 500 },
      next: forbidding,
      expected: [
        { afterMs: 0, says: 'robots-server-error', asked: 1 },
        { afterMs: 2500, says: 'forbids', asked: 2 },
        { afterMs: hourMs, says: 'forbids', asked: 2 },
      ],
    },
    {
      name: 'that are missing allow all for a day',
      first: { status: 404 },
      next: forbidding,
      expected: [
        { afterMs: 0, says: 'allows', asked: 1 },
        { afterMs: 24 * hourMs - 1000, says: 'allows', asked: 1 },
        { afterMs: 24 * hourMs + 1000, says: 'forbids', asked: 2 },
      ],
    },
    {
      name: 'that are deferred are asked for when the server says',
      first: { status: 429, headers: { 'retry-after': '60' } },
      next: forbidding,
      expected: [
        { afterMs: 0, says: 'robots-deferred', asked: 1 },
        { afterMs: 59_000, says: 'robots-deferred', asked: 1 },
        { afterMs: 61_000, says: 'forbids', asked: 2 },
      ],
    },
  ];
  for (const { name, first, next, expected } of steps) {
    for (const again of [false, true]) {
      test(`${name}${again ? ', in a later run too' : ''}`, async (t) => {
        const routes: Record<string, Route> = { '/robots.txt': first };
        const site = await startSite({ routes });
        const corpus = temporaryCorpus();
        const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
        let frontier = Frontier.open(corpus.dir);
        t.after(async () => {
          frontier.close();
          corpus.remove();
          await Promise.all([fetcher.close(), site.close()]);
        });
        const startMs = Date.parse('2026-01-01');
        t.mock.timers.enable({ apis: ['Date'], now: startMs });
        let rulesOf = openOriginRules(frontier, fetcher, { manners: defaultManners, workers });
        for (const { afterMs, says, asked } of expected) {
          t.mock.timers.setTime(startMs + afterMs);
          if (again) {
            frontier.close();
            frontier = Frontier.open(corpus.dir);
            rulesOf = openOriginRules(frontier, fetcher, { manners: defaultManners, workers });
          }
          assert.equal(summary(await rulesOf(site.url), site.url), says);
          assert.equal(site.hits.get('/robots.txt'), asked);
          routes['/robots.txt'] = next;
        }
      });
    }
  }

  test('are one request for all who ask at once', async (t) => {
    const site = await startSite({ routes: { '/robots.txt': forbidding }, delayMs: 20 });
    const corpus = temporaryCorpus();
    const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
    const frontier = Frontier.open(corpus.dir);
    t.after(async () => {
      frontier.close();
      corpus.remove();
      await Promise.all([fetcher.close(), site.close()]);
    });
    const rulesOf = openOriginRules(frontier, fetcher, { manners: defaultManners, workers });
    const answers = await Promise.all([rulesOf(site.url), rulesOf(site.url), rulesOf(site.url)]);
    assert.deepEqual(
      answers.map((rules) => summary(rules, site.url)),
      ['forbids', 'forbids', 'forbids'],
    );
    assert.deepEqual(Object.fromEntries(site.hits), { '/robots.txt': 1, '/.well-known/tdmrep.json': 1 });
    const again = await rulesOf(site.url);
    assert.equal(again.kind === 'rules' && again.requested, false);
  });
});
