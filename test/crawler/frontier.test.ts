/** The frontier: what is claimed when, what a dead process leaves behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Frontier } from '../../crawler/frontier.ts';
import { type NewUrl, parkedMs } from '../../crawler/frontier-schema.ts';

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
    assert.equal(frontier.nextReadyMs(), parkedMs);
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
    for (const claim of claims) frontier.giveBack(claim, 3000, { failed: true });
    assert.deepEqual(
      frontier.claim(10, 3000, 2).map(({ tries }) => tries),
      [1, 1],
    );
  });
  await t.test('lets no large host starve a small one', () => {
    const many = Array.from({ length: 1000 }, (_, n) => page(`https://large.example/${n}`));
    frontier.add([...many, page('https://small.example/')]);
    const claims = frontier.claim(10, 5000, 10);
    assert.ok(claims.some(({ url }) => url === 'https://small.example/'));
  });
});
