/** The hostile web: whatever a server does, the crawl goes on, memory stays bounded and the reason is in the ledger. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { hasBrowser } from '../../crawler/fetch/browser.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { hostileImages, hostilePages, readHostilePages, startHostileSite } from '../helpers/hostile-site.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { startSite } from '../helpers/site.ts';

test('every kind of hostility ends in a reason', { timeout: 180_000 }, async (t) => {
  const site = await startHostileSite();
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    {
      seeds: [site.url],
      corpusDir: corpus.dir,
      allowPrivate: true,
      minDelayMs: 0,
      render: 'never',
      firstByteTimeoutMs: 1500,
      // Long enough for the gzip bomb on a machine that is busy with other things.
      timeoutMs: 15_000,
    },
    corpus,
  );
  assert.equal(summary.queued, 0);
  const found = corpus.pages();
  for (const [path, { reason }] of Object.entries(hostilePages)) assert.equal(found[path], reason, path);
  const decided = corpus.images();
  for (const [path, { reason }] of Object.entries(hostileImages)) assert.equal(decided[path], reason, path);
  const texts = corpus.ledger.db.prepare('SELECT text FROM pages').pluck().all() as string[];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
  assert.ok(texts.every((text) => !/[\u0000-\u001f\u202e]/.test(text)));
  assert.ok(process.memoryUsage().rss < 700e6, `${process.memoryUsage().rss} bytes resident`);
});

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

test('a browser renders it, and every later command takes what came of it', {
  timeout: 180_000,
  skip: browserPath === undefined && !(await hasBrowser(undefined)) ? 'there is no browser' : false,
}, async (t) => {
  const site = await startHostileSite(readHostilePages);
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    {
      seeds: [site.url],
      corpusDir: corpus.dir,
      allowPrivate: true,
      minDelayMs: 0,
      render: 'always',
      browserSandbox: false,
      keepPages: true,
      timeoutMs: 15_000,
      ...(browserPath === undefined ? {} : { browserPath }),
    },
    corpus,
  );
  assert.equal(summary.queued, 0);
  assert.ok(summary.rendered > readHostilePages.length / 2, `${summary.rendered} rendered`);
  const found = corpus.pages();
  for (const path of readHostilePages) assert.equal(found[path], 'fetched', path);
  for (const args of [
    ['extract', '--again'],
    ['filter', '--preset', 'laion', '--min-words', '1', '--min-dominance', '0'],
    ['export'],
    ['report'],
    ['verify'],
    ['takedown', '--host', '127.0.0.1'],
  ]) {
    const { code, stdout, stderr } = await ranInProcess([...args, '--corpus', corpus.dir]);
    assert.equal(code, 0, `${args[0]}: ${stdout}${stderr}`);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there.
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/, args[0]);
  }
});

test('private addresses are refused for pages, images and redirects unless allowed', async (t) => {
  // The guard is asked for what a page on this machine links to; the page itself is allowed as loopback only.
  const { addressGuard } = await import('../../crawler/fetch/address-guard.ts');
  const { openFetcher } = await import('../../crawler/fetch/fetch.ts');
  const site = await startSite({ routes: { '/': 'x' } });
  const fetcher = openFetcher(addressGuard(), 'lait/0.1');
  t.after(() => Promise.all([site.close(), fetcher.close()]));
  const port = new URL(site.url).port;
  for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '2130706433', '[::ffff:127.0.0.1]', '0.0.0.0', '[::]']) {
    const response = await fetcher.get(new URL(`http://${host}:${port}/`).href, { maxBytes: 1000 });
    assert.equal(response.ok, false, host);
    assert.equal(!response.ok && response.reason, 'private-address', host);
  }
  assert.equal(site.hits.size, 0);
});
