/** Pictures as servers send them: wrong types, cut files, doors that want a Referer, page URLs that are pictures. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { after, before, test } from 'node:test';
import sharp from 'sharp';
import { crawl } from '../../../crawler/crawl.ts';
import { encodeImage } from '../../../dataset/shards/encode.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Site, startSite } from '../../helpers/site.ts';

const size = { width: 400, height: 300 };
const cut = (await picture(2, size)).subarray(0, -2);
let site: Site;
before(async () => {
  const typed = async (type: string, seed: number) => ({
    headers: { 'content-type': type },
    body: await picture(seed, size),
  });
  const guarded = await picture(5, size);
  const list = ['as-html', 'cut.jpg', 'as-text', 'guarded.jpg', 'partial', 'photo.heic', 'drawing'];
  site = await startSite({
    routes: {
      '/': `<main><h1>Pictures</h1>${list.map((name) => `<p><img src="/${name}" alt="A picture called ${name}"></p>`).join('')}
        <a href="/view?id=1">one</a> <a href="/view?id=2">two</a></main>`,
      '/as-html': await typed('text/html; charset=utf-8', 1),
      '/cut.jpg': cut,
      '/as-text': await typed('text/plain', 3),
      '/guarded.jpg': (req, res) => {
        const isKnown = req.headers.referer === `${site.url}/`;
        res.writeHead(isKnown ? 200 : 403, { 'content-type': 'image/jpeg' });
        res.end(isKnown ? guarded : '');
      },
      '/partial': { status: 206, headers: { 'content-type': 'image/jpeg' }, body: await picture(6, size) },
      '/photo.heic': Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1'),
      '/drawing': { headers: { 'content-type': 'image/svg+xml' }, body: '<svg/>' },
      '/view?id=1': await typed('image/jpeg', 7),
      '/view?id=2': await typed('text/html', 8),
    },
  });
});
after(() => site.close());

test('each is what a browser shows, with its flag or its reason', async (t) => {
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  assert.deepEqual(corpus.pages(), { '/': 'fetched', '/view?id=1': 'is-an-image', '/view?id=2': 'is-an-image' });
  assert.deepEqual(corpus.images(), {
    '/as-html': 'success',
    '/as-text': 'success',
    '/cut.jpg': 'success',
    '/drawing': 'unsupported-format-svg',
    '/guarded.jpg': 'success',
    '/partial': 'success',
    '/photo.heic': 'unsupported-format-heic',
    '/view?id=1': 'success',
    '/view?id=2': 'success',
  });
  const damaged = corpus.ledger.db.prepare('SELECT url FROM images WHERE damaged = 1').pluck().all();
  assert.deepEqual(damaged, [`${site.url}/cut.jpg`]);
});

test('a damaged picture goes into a shard as a whole JPEG, and only when it is known to be damaged', async () => {
  const { bytes, field, width, height } = await encodeImage(cut, {}, { damaged: true });
  assert.deepEqual({ field, width, height }, { field: 'jpg', ...size });
  await sharp(bytes, { failOn: 'warning' }).raw().toBuffer();
  await assert.rejects(encodeImage(cut, { encode: 'jpeg' }));
});

test('a picture is asked for with the Referer that its page allows now', async (t) => {
  const asked: Record<string, string | undefined> = {};
  const pictures = await Promise.all([20, 21, 22, 23].map((seed) => picture(seed, size)));
  const images = await startSite({
    routes: Object.fromEntries(
      ['/page', '/own', '/behind-link', '/linked'].map((path, i) => [
        `${path}.jpg`,
        (req: IncomingMessage, res: ServerResponse) => {
          asked[req.url!] = req.headers.referer;
          // A redirect may say something else for what follows.
          const location = '/own.jpg?moved';
          if (req.url === '/own.jpg') res.writeHead(302, { location, 'referrer-policy': 'unsafe-url' }).end();
          else res.writeHead(200, { 'content-type': 'image/jpeg' }).end(pictures[i]);
        },
      ]),
    ),
  });
  t.after(() => images.close());
  let meta = 'never';
  const pages = await startSite({
    routes: {
      '/gallery': (_req, res) => {
        res.writeHead(200, { 'content-type': 'text/html', 'referrer-policy': 'unsafe-url' });
        res.end(`<meta name="Referrer" content="${meta}"><main>
          <p><img src="${images.url}/page.jpg" alt="A picture by the policy of its page">
          <p><img src="${images.url}/own.jpg" referrerpolicy="ORIGIN" alt="A picture by a policy of its own">
          <p><a rel="noreferrer lightbox" href="${images.url}/behind-link.jpg">
            <img src="/small.jpg" referrerpolicy="unsafe-url" alt="A picture behind a link"></a>
          <p><a href="${images.url}/linked.jpg" referrerpolicy="unsafe-url">A picture that the page links to</a></main>`);
      },
    },
  });
  t.after(() => pages.close());
  const corpus = temporaryCorpus();
  t.after(() => corpus.remove());
  const whole = `${pages.url}/gallery`;
  const origin = `${pages.url}/`;
  const crawlAll = () =>
    crawl(
      { seeds: [whole], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, render: 'never', recrawl: 'all' },
      corpus,
    );
  const fixed = { '/own.jpg': origin, '/own.jpg?moved': whole, '/behind-link.jpg': undefined, '/linked.jpg': whole };
  await crawlAll();
  assert.deepEqual(asked, { ...fixed, '/page.jpg': undefined });
  meta = 'origin';
  await crawlAll();
  assert.deepEqual(asked, { ...fixed, '/page.jpg': origin });
  meta = '';
  await crawlAll();
  assert.deepEqual(asked, { ...fixed, '/page.jpg': whole });
});
