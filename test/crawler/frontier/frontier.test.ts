/** The frontier: what is claimed when, what a dead process leaves behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import { frontierVersion, type NewUrl, suspendedMs } from '../../../crawler/frontier/schema.ts';
import { UserError } from '../../../dataset/user-error.ts';

const page = (url: string, priority = 0): NewUrl => ({ url, kind: 'page', depth: 0, priority });

test('a frontier', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let frontier = Frontier.open(dir);
  t.after(() => frontier.close());

  await t.test('takes each URL once', () => {
    assert.equal(
      frontier.add([page('https://a.example/1'), page('https://a.example/1'), page('https://a.example/2', 5)]),
      2,
    );
    assert.equal(frontier.add([{ ...page('https://a.example/1'), kind: 'image' }]), 1);
    assert.equal(frontier.queued(), 3);
  });
  await t.test('gives the highest priority first and one at a time of a host', () => {
    const claims = frontier.claim(10, 1000);
    assert.deepEqual(
      claims.map(({ url }) => url),
      ['https://a.example/2'],
    );
    assert.deepEqual(frontier.claim(10, 1000), []);
    assert.equal(frontier.nextReadyMs(), suspendedMs);
    frontier.finish(claims[0]!, 3000);
    assert.equal(frontier.nextReadyMs(), 3000);
    assert.deepEqual(frontier.claim(10, 2999), []);
  });
  await t.test('gives back what a dead process had claimed', () => {
    assert.equal(frontier.claim(10, 3000).length, 1);
    frontier.close();
    frontier = Frontier.open(dir);
    assert.equal(frontier.queued(), 2);
    const claims = frontier.claim(10, 3000, 2);
    assert.deepEqual(claims.map(({ kind }) => kind).sort(), ['image', 'page']);
    for (const claim of claims) frontier.release(claim, 3000, { failed: true });
    assert.deepEqual(
      frontier.claim(10, 3000, 2).map(({ tries }) => tries),
      [1, 1],
    );
  });
  await t.test('moves a URL to the queue of the host that it redirects to, and back when it is tried anew', () => {
    frontier.add([page('https://from.example:8443/x')]);
    const here = frontier.claim(10, 4000, 10).find(({ at }) => at.startsWith('https://from'))!;
    frontier.move(here, { at: 'http://to.example/y', hops: 1 }, 9000);
    const there = frontier.claim(10, 4000, 10);
    assert.deepEqual(
      there.map(({ url, at, hops, hostId }) => ({ url, at, hops, host: frontier.host(hostId).name })),
      [{ url: 'https://from.example:8443/x', at: 'http://to.example/y', hops: 1, host: 'to.example' }],
    );
    frontier.finish(there[0]!, 4000);
    assert.equal(frontier.requeue('https://from.example:8443/x', 'page'), true);
    assert.deepEqual(frontier.claim(10, 8999, 10), []);
    const [again] = frontier.claim(10, 9000, 10);
    assert.equal(again!.at, 'https://from.example:8443/x');
    assert.equal(frontier.host(again!.hostId).name, 'from.example');
    frontier.finish(again!, 9000);
  });
  await t.test('one clock for all ports and schemes of a host', () => {
    frontier.add([page('http://ports.example/'), page('https://ports.example:444/'), page('http://ports.example:81/')]);
    assert.equal(frontier.claim(10, 9000).length, 1);
    frontier.rest('https://asked.example', 20_000);
    frontier.add([page('https://asked.example/1')]);
    assert.deepEqual(frontier.claim(10, 19_999), []);
    assert.equal(frontier.claim(10, 20_000)[0]!.url, 'https://asked.example/1');
  });
  await t.test('lets no large host starve a small one', () => {
    const many = Array.from({ length: 1000 }, (_, n) => page(`https://large.example/${n}`));
    frontier.add([...many, page('https://small.example/')]);
    const claims = frontier.claim(10, 5000, 10);
    assert.ok(claims.some(({ url }) => url === 'https://small.example/'));
  });
});

test('a frontier of the first version is brought up to date, one of a later version is refused', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const first = Frontier.open(dir);
  first.add([page('https://a.example/1')]);
  first.db.exec(`
    DROP INDEX hosts_put_off; DROP INDEX urls_put_off; DROP TABLE clock; ALTER TABLE hosts DROP COLUMN read_pages; DROP TABLE failures;
    DROP INDEX urls_deaths; ALTER TABLE urls DROP COLUMN deaths; ALTER TABLE urls DROP COLUMN at; ALTER TABLE urls DROP COLUMN hops;
    ALTER TABLE urls DROP COLUMN written; ALTER TABLE urls DROP COLUMN referrer_policy; ALTER TABLE sitemap_texts DROP COLUMN image_written;
    ALTER TABLE hosts DROP COLUMN put_off; ALTER TABLE hosts DROP COLUMN put_off_until_ms;
    ALTER TABLE hosts ADD COLUMN crawl_delay_ms INTEGER NOT NULL DEFAULT 0;
    DROP TABLE patterns; DROP TABLE page_texts; DROP TABLE corpus; DROP TABLE followed;
    DROP TABLE archives; DROP TABLE archive_records; CREATE TABLE path_queries (path TEXT);
    PRAGMA user_version = 1;`);
  first.close();
  const second = Frontier.open(dir);
  const [claim] = second.claim(1, 0);
  assert.deepEqual([claim!.at, claim!.hops], ['https://a.example/1', 0]);
  second.db.pragma('user_version = 99');
  second.close();
  assert.throws(() => Frontier.open(dir), UserError);
});

test('what was under way at several deaths is leased alone, then given up until a retry', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  let frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  frontier.add([page('https://a.example/bad', 2), page('https://a.example/good'), page('https://b.example/other', 1)]);
  const restart = (hasDied: boolean): void => {
    frontier.close();
    frontier = Frontier.open(dir, { hasDied });
  };
  const take = (): [string, number][] =>
    frontier.claim(10, 60, 10).map(({ url, deaths }) => [url.slice('https://'.length), deaths]);
  const all = (deaths: number): [string, number][] => [
    ['a.example/bad', deaths],
    ['a.example/good', deaths],
    ['b.example/other', deaths],
  ];

  assert.deepEqual(take().sort(), all(0));
  restart(false);
  assert.deepEqual(take().sort(), all(0), 'who was stopped or threw has not died');
  restart(true);
  assert.deepEqual(take().sort(), all(1));
  restart(true);
  // One by one, the most wanted first.
  const [bad] = frontier.claim(10, 1, 10);
  assert.equal(bad!.url, 'https://a.example/bad');
  assert.deepEqual(take(), []);
  assert.equal(frontier.nextReadyMs(), null, 'only when the lease has ended');
  frontier.release(bad!, 50);
  assert.equal(
    frontier.claim(10, 1, 10)[0]!.url,
    'https://b.example/other',
    'a host that is to be left alone holds up no other',
  );
  restart(true);
  assert.deepEqual(take(), [['a.example/bad', 2]], 'the one that was asked alone has one death more');
  restart(false);
  const [first] = frontier.claim(10, 60, 10);
  frontier.release(first!, 100);
  const [other] = frontier.claim(10, 60, 10);
  assert.deepEqual([other!.url, other!.deaths], ['https://b.example/other', 3]);
  assert.throws(() =>
    frontier.atomically(() => {
      frontier.finish(other!, 1);
      throw new Error('no room');
    }),
  );
  assert.deepEqual(take(), [], 'what was not written has not ended');
  frontier.finish(other!, 1);
  assert.deepEqual(take(), [], 'its host is to be left alone');
  for (const deaths of [2, 3, 4]) {
    const [again] = frontier.claim(10, 100, 10);
    assert.deepEqual([again!.url, again!.deaths], ['https://a.example/bad', deaths]);
    restart(true);
  }
  const [good] = frontier.claim(10, 60, 10);
  assert.deepEqual([good!.url, good!.deaths], ['https://a.example/good', 2]);
  frontier.finish(good!, 1);
  const [givenUp] = frontier.claim(10, 60, 10);
  assert.deepEqual([givenUp!.url, givenUp!.deaths], ['https://a.example/bad', 5]);
  frontier.finish(givenUp!, 1);
  for (const name of ['a.example/bad', 'b.example/other'])
    assert.equal(frontier.requeue(`https://${name}`, 'page'), true);
  assert.deepEqual(
    take().sort(),
    [
      ['a.example/bad', 5],
      ['b.example/other', 0],
    ],
    'another visit remembers',
  );
  restart(false);
  for (const claim of frontier.claim(10, 60, 10)) frontier.finish(claim, 1);
  frontier.forgetFailures();
  assert.equal(frontier.requeue('https://a.example/bad', 'page', { isRetry: true }), true);
  frontier.add([page('https://c.example/new', 9)]);
  assert.deepEqual(take(), [['a.example/bad', 4]], 'once more, alone');
});

test('what may have ended a process waits for all others to end', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  frontier.add([page('https://a.example/1')]);
  const [first] = frontier.claim(10, 1);
  for (let death = 0; death < 2; death++) frontier.countDeath(first!);
  frontier.release(first!, 100);
  frontier.add([page('https://b.example/1'), page('https://c.example/1')]);
  const [other] = frontier.claim(1, 1);
  assert.deepEqual(frontier.claim(10, 100), []);
  assert.equal(frontier.nextReadyMs(), null);
  frontier.finish(other!, 100);
  assert.deepEqual(
    [1, 2].map(() => frontier.claim(10, 100).map(({ url }) => url)),
    [['https://a.example/1'], []],
  );
});

test('what was asked alone and failed did not end the process: it is tried again beside others', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  frontier.add([page('https://slow.example/')]);
  const [slow] = frontier.claim(1, 1);
  for (let death = 0; death < 2; death++) frontier.countDeath(slow!);
  frontier.release(slow!, 1, { failed: true });
  frontier.add([page('https://b.example/1')]);
  assert.deepEqual(
    frontier.claim(10, 1).map(({ url, tries, deaths }) => [url, tries, deaths]),
    [
      ['https://b.example/1', 0, 0],
      ['https://slow.example/', 1, 0],
    ],
  );
});

test('a clock that was put back between two runs makes no pause longer', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const [late, early] = [Date.parse('2038-01-01'), Date.parse('2026-01-01')];
  const hour = 3_600_000;
  const first = Frontier.open(dir, { nowMs: late });
  first.add([page('https://a.example/1'), page('https://b.example/1'), page('https://c.example/1')]);
  const [a, b, c] = first.claim(3, late);
  first.setRevisit(a!.id, { intervalMs: 24 * hour, hash: '' }, late);
  first.finish(a!, late + hour);
  first.release(b!, late + hour);
  first.putOff(c!, late + 2 * hour, late);
  first.setOrigin('https://a.example', '{}', late + 24 * hour);
  first.setClock(late);
  first.close();
  for (const openedAtMs of [early, early - 500, early + hour]) {
    const frontier = Frontier.open(dir, { nowMs: openedAtMs });
    assert.equal(frontier.nextReadyMs(), early + hour);
    assert.equal(frontier.origin('https://a.example')!.untilMs, early + 24 * hour);
    frontier.close();
  }
  const last = Frontier.open(dir, { nowMs: early + hour });
  assert.deepEqual(last.claim(3, early + hour - 1), []);
  assert.deepEqual(
    last.claim(3, early + hour).map(({ url }) => url),
    ['https://b.example/1'],
  );
  assert.deepEqual(
    last.claim(3, early + 2 * hour).map(({ url }) => url),
    ['https://c.example/1'],
  );
  assert.equal(last.queueDue(early + 24 * hour - 1), 0);
  assert.equal(last.queueDue(early + 24 * hour), 1);
  last.close();
});

test('a file of a newer version is refused and closed', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  frontier.db.pragma('user_version = 99');
  frontier.close();
  const closed = t.mock.method(Database.prototype, 'close');
  assert.throws(() => Frontier.open(dir), {
    message: `Expected frontier version ${frontierVersion} for ${join(dir, 'frontier.db')} but received 99; update lait or use another corpus.`,
  });
  assert.equal(closed.mock.callCount(), 1);
});

test('a frontier counts what is queued, whatever happens to it', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  const summed = frontier.db.prepare('SELECT sum(queued) + sum(put_off) FROM hosts').pluck();
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed % below;
  };
  const url = (): string => `https://${random(5)}.example/${random(60)}`;
  const done: string[] = [];
  let [nowMs, claimed, putOff] = [0, 0, 0];
  for (let step = 0; step < 2000; step += 1) {
    nowMs += random(50);
    frontier.add([page(url(), random(3))]);
    if (random(9) === 0) frontier.finishAlias(page(url()));
    if (random(3) === 0 && done.length > 0) frontier.requeue(done.splice(random(done.length), 1)[0]!, 'page');
    if (random(9) === 0)
      assert.throws(() =>
        frontier.atomically(() => {
          frontier.claim(1 + random(4), nowMs, 2);
          frontier.add([page(`https://never.example/${step}`)]);
          throw new Error('rolled back');
        }),
      );
    for (const claim of random(3) === 0 ? frontier.claim(1 + random(4), nowMs, 2) : []) {
      claimed += 1;
      const what = random(5);
      if (what === 0) frontier.release(claim, nowMs, { failed: true });
      else if (what === 1) frontier.move(claim, { at: url(), hops: 1 }, nowMs);
      else if (what === 2) {
        putOff += 1;
        frontier.putOff(claim, nowMs + random(500), nowMs);
      } else {
        frontier.finish(claim, nowMs);
        done.push(claim.url);
      }
    }
    assert.equal(frontier.queued(), summed.get(), `step ${step}`);
  }
  assert.ok(claimed > 300 && putOff > 30, `${claimed} claimed, ${putOff} put off`);
});

test('what sitemaps say of one page is read up to 10,000 texts and 4 million characters', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  const add = (pageUrl: string, count: number, length: number): void =>
    frontier.addSitemapTexts(
      Array.from({ length: count }, (_, n) => ({
        pageUrl,
        imageUrl: 'https://a.example/1.jpg',
        text: String(n).padStart(length, '0'),
      })),
    );
  add('https://a.example/many', 10_001, 6);
  add('https://a.example/long', 201, 20_000);
  const counts = ['many', 'long'].map((name) => frontier.sitemapTexts(`https://a.example/${name}`).length);
  assert.deepEqual(counts, [10_000, 200]);
});
