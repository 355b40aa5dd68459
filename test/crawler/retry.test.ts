/** `lait retry`: what failed comes again, what was refused never does. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { retry } from '../../crawler/retry.ts';
import { UserError } from '../../dataset/user-error.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

test('retry queues what failed for one reason, and only that', async (t) => {
  const routes: Record<string, Route> = {
    '/robots.txt': 'User-agent: *\nDisallow: /no',
    '/': `<main><p><img src="/a.jpg" alt="A picture that is late"><img src="/b.jpg" alt="A picture that is broken">
      <img src="/no/c.jpg" alt="A picture that is forbidden"></p></main>`,
    '/b.jpg': { headers: { 'content-type': 'image/jpeg' }, body: 'broken' },
  };
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  await crawl(options, corpus);
  assert.deepEqual(corpus.images(), { '/a.jpg': 'http-404', '/b.jpg': 'not-an-image', '/no/c.jpg': 'robots' });
  routes['/a.jpg'] = await picture(1);
  routes['/b.jpg'] = await picture(2);
  assert.deepEqual(await retry({ corpusDir: corpus.dir, reasons: ['http-404'] }, corpus), { pages: 0, images: 1 });
  await crawl({ ...options, seeds: [] }, corpus);
  assert.deepEqual(corpus.images(), { '/a.jpg': 'success', '/b.jpg': 'not-an-image', '/no/c.jpg': 'robots' });
  for (const reason of ['robots', 'http-418']) {
    await assert.rejects(retry({ corpusDir: corpus.dir, reasons: [reason] }, corpus), UserError);
  }
});

test('a refused image is one row and is asked for once, whatever is tried again', async (t) => {
  const refusal = (name: string): Route => ({
    headers: { 'x-robots-tag': name, 'content-type': 'image/jpeg' },
    body: 'x',
  });
  const site = await startSite({
    routes: {
      '/robots.txt': 'User-agent: *\nDisallow: /no/',
      '/': `<main><p>${['/noai.jpg', '/noindex.jpg', '/no/i.jpg', '/gone.jpg'].map((url) => `<img src="${url}" alt="The picture of ${url}">`).join('')}</p></main>`,
      '/noai.jpg': refusal('noai'),
      '/noindex.jpg': refusal('noindex'),
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  const rows = {
    '/gone.jpg': 'http-404',
    '/no/i.jpg': 'robots',
    '/noai.jpg': 'rights-noai',
    '/noindex.jpg': 'rights-noindex',
  };
  await crawl(options, corpus);
  assert.deepEqual(corpus.images(), rows);
  for (const reason of ['rights-noai', 'rights-noindex', 'robots']) {
    await assert.rejects(retry({ corpusDir: corpus.dir, reasons: [reason] }, corpus), /refusals are kept/);
  }
  assert.deepEqual(await retry({ corpusDir: corpus.dir, reasons: ['http-404'] }, corpus), { pages: 0, images: 1 });
  await crawl({ ...options, recrawl: 'all' }, corpus);
  assert.deepEqual(corpus.images(), rows);
  assert.deepEqual(
    ['/', '/gone.jpg', '/noai.jpg', '/noindex.jpg', '/no/i.jpg'].map((path) => site.hits.get(path) ?? 0),
    [2, 2, 1, 1, 0],
  );
});
