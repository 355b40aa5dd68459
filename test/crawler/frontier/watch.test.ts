/** Who only looks at a frontier sees what waits, without its lock and while it is written. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Frontier } from '../../../crawler/frontier/frontier.ts';
import type { NewUrl } from '../../../crawler/frontier/schema.ts';
import { openFrontierView } from '../../../crawler/frontier/watch.ts';

const page = (url: string): NewUrl => ({ url, kind: 'page', depth: 0, priority: 0 });

test('a frontier that is looked at', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-watch-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  assert.equal(openFrontierView(dir), null, 'no crawl was begun');
  const frontier = Frontier.open(dir);
  t.after(() => frontier.close());
  const view = openFrontierView(dir)!;
  t.after(() => view.close());
  const nothing = { queued: 0, active: 0, hostsReady: 0, hostsWaiting: 0, putOff: 0, hosts: [] };
  assert.deepEqual(view.look(1000), nothing);

  frontier.add(
    ['a', 'a/2', 'a/3', 'b', 'c'].map((path) =>
      page(`https://${path.replace('/', '.example/')}${path.includes('/') ? '' : '.example/'}`),
    ),
  );
  const hosts = (...queued: [string, number, number][]) =>
    queued.map(([name, count, pages]) => ({ name, queued: count, pages }));
  assert.deepEqual(view.look(1000), {
    ...nothing,
    queued: 5,
    hostsReady: 3,
    hosts: hosts(['a.example', 3, 0], ['b.example', 1, 0], ['c.example', 1, 0]),
  });
  const claims = frontier.claim(10, 1000);
  const of = (host: string) => claims.find(({ url }) => url.includes(`//${host}.`))!;
  // A host with all its requests in flight is neither ready nor resting.
  assert.deepEqual(view.look(1000), { ...nothing, queued: 2, active: 3, hosts: hosts(['a.example', 2, 0]) });
  frontier.finish(of('a'), 3000);
  frontier.finish(of('b'), 3000);
  frontier.putOff(of('c'), 9000, 9000);
  assert.deepEqual(view.look(2999), {
    ...nothing,
    queued: 2,
    hostsWaiting: 1,
    putOff: 1,
    hosts: hosts(['a.example', 2, 1]),
  });
  assert.deepEqual(view.look(3000), {
    ...nothing,
    queued: 2,
    hostsReady: 1,
    putOff: 1,
    hosts: hosts(['a.example', 2, 1]),
  });

  frontier.db.pragma('user_version = 99');
  assert.equal(openFrontierView(dir), null, 'another version');
});
