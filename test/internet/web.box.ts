/** One command crawls a web of hosts that differ in what sites differ in, with the default manners, and finds every pair. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Database from 'better-sqlite3';
import { findBrowser } from '../../cli/setup/browser.ts';
import { type Internet, openInternet } from './box.ts';
import { webHosts, webPairs, webSeeds } from './web.ts';

let internet: Internet;
let dir = '';
before(async () => {
  internet = await openInternet(await webHosts());
  dir = mkdtempSync(join(tmpdir(), 'lait-web-'));
});
after(async () => {
  await internet.close();
  rmSync(dir, { recursive: true, force: true });
});

test('a crawl of many hosts ends with exactly the pairs that are there', async () => {
  const lait = join(import.meta.dirname, '../../cli/lait.mjs');
  const flags = ['--contact', 'you@example.org', '--min-delay-ms', '200', '--corpus', join(dir, 'web')];
  const child = spawn(process.execPath, [lait, 'crawl', ...webSeeds, ...flags], {
    cwd: dir,
    env: { ...process.env, ...internet.env, LAIT_NO_SANDBOX: '1' },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      output += data;
    });
  }
  assert.equal(await new Promise((resolve) => child.once('close', resolve)), 0, output);
  const db = new Database(join(dir, 'web/ledger.db'), { readonly: true });
  const query = (sql: string): unknown[] => db.prepare(sql).pluck().all();
  const pairs = query(
    `SELECT i.url || ' | ' || p.source || ' | ' || p.text || ' | ' || p.page_url FROM pairs p JOIN images i ON i.id = p.image_id`,
  );
  const notTaken = query(`SELECT url || ' ' || coalesce(reason, status) FROM images WHERE status != 'success'`);
  const notRead = query(`SELECT url || ' ' || reason FROM pages WHERE status != 'fetched' ORDER BY url`);
  db.close();
  // Without Chromium the app's page stays empty, and says so.
  const hasBrowser = (await findBrowser()) !== undefined;
  const isScripted = (pair: string): boolean =>
    /https:\/\/(?:app\.example\/|www\.scripted\.example\/rooms\.html)$/.test(pair);
  const expected = webPairs().filter((pair) => hasBrowser || !isScripted(pair));
  assert.deepEqual(pairs.sort(), expected, output);
  assert.equal(/1 pages? need/.test(output), !hasBrowser, output);
  assert.deepEqual(notTaken, []);
  assert.deepEqual(notRead, ['https://garden.example/ redirected', 'https://www.garden.example/sitemap.xml sitemap']);
  const ofHost = (name: string) => internet.requests.filter(({ host }) => host === name);
  assert.deepEqual([...new Set(ofHost('modern.example').map(({ httpVersion }) => httpVersion))], ['2.0']);
  assert.deepEqual([...new Set(ofHost('garden.example').map(({ httpVersion }) => httpVersion))], ['1.1']);
  const asked = ofHost('busy.example');
  assert.equal(asked.filter(({ path }) => path === '/robots.txt').length, 2);
  assert.ok(asked.findIndex(({ path }) => path === '/') > asked.findLastIndex(({ path }) => path === '/robots.txt'));
  const strangers = internet.requests.filter(({ userAgent }) => !/lait\/[\d.]+ \(\+you@example\.org\)/.test(userAgent));
  assert.deepEqual(strangers, []);
});
