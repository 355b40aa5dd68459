/** The frontier: what is claimed when, what a dead process leaves behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import Database from 'better-sqlite3';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import { type NewUrl, suspendedMs } from '../../../crawler/frontier/schema.ts';
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
  const later = ['urls DROP COLUMN at', 'urls DROP COLUMN hops', 'urls DROP COLUMN written'];
  for (const column of [...later, 'sitemap_texts DROP COLUMN image_written']) first.db.exec(`ALTER TABLE ${column}`);
  first.db.exec('DROP TABLE patterns; DROP TABLE page_texts; CREATE TABLE path_queries (path TEXT)');
  first.db.pragma('user_version = 1');
  first.close();
  const second = Frontier.open(dir);
  const [claim] = second.claim(1, 0);
  assert.deepEqual([claim!.at, claim!.hops], ['https://a.example/1', 0]);
  second.db.pragma('user_version = 99');
  second.close();
  assert.throws(() => Frontier.open(dir), UserError);
});

test('a file of a newer version is refused and closed', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-frontier-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const frontier = Frontier.open(dir);
  frontier.db.pragma('user_version = 99');
  frontier.close();
  const closed = t.mock.method(Database.prototype, 'close');
  assert.throws(() => Frontier.open(dir), {
    message: `Expected frontier version 4 for ${join(dir, 'frontier.db')} but received 99; update lait or use another corpus.`,
  });
  assert.equal(closed.mock.callCount(), 1);
});
