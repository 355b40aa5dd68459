/**
 * Visiting again makes the ledger agree with the site: what a site changed between two crawls in each of its ways, and the
 * ledger before and after, to the pair. What fails for a passing reason ends nothing.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { pairEndOf } from '../../crawler/frontier/revisit.ts';
import { explain } from '../../dataset/export/explain.ts';
import { takedown } from '../../dataset/export/takedown.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

const page = (...images: readonly (readonly [src: string, alt: string])[]): string =>
  `<main>${images.map(([src, alt]) => `<p><img src="${src}" alt="${alt}"></p>`).join('')}</main>`;

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** A crawled site whose routes may be changed, with what the ledger says of it: alt texts only. */
async function crawled(t: { after(f: () => Promise<void>): void }, routes: Record<string, Route>) {
  const links = Object.keys(routes).filter((path) => !path.includes('.jpg') && path !== '/robots.txt');
  routes['/'] = links.map((path) => `<a href="${path}">to ${path}</a>`).join('');
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  const first = await crawl(options, corpus);
  return {
    site,
    corpus,
    first,
    again: () => crawl({ ...options, recrawl: 'all' }, corpus),
    /** `image | text | page | gone`, of alt texts, sorted. */
    pairs: (): string[] =>
      (
        corpus.ledger.db
          .prepare(
            `SELECT replace(i.url || ' | ' || p.text || ' | ' || p.page_url || ' | ' || coalesce(p.gone, ''), ?, '') AS line
             FROM pairs p JOIN images i ON i.id = p.image_id WHERE p.source = 'alt' ORDER BY line`,
          )
          .pluck()
          .all(site.url) as string[]
      ).map((line) => line.trim()),
    image: (path: string) =>
      corpus.ledger.db
        .prepare('SELECT status, reason, sha256 FROM images WHERE url = ?')
        .get(site.url + path) as Record<string, string | null>,
  };
}

test('texts, pictures and pages that go end their pairs, and only those that no other page gives', async (t) => {
  const routes: Record<string, Route> = {
    '/alt': page(['/1.jpg', 'A red boat in the harbour']),
    '/removed': page(['/2.jpg', 'A white goose on the lake'], ['/3.jpg', 'A green hill in the rain']),
    '/shared-a': page(['/4.jpg', 'An old bridge of stone']),
    '/shared-b': page(['/4.jpg', 'An old bridge of stone']),
    '/gone': page(['/5.jpg', 'A small dog that sleeps']),
    '/gone-shared': page(['/4.jpg', 'An old bridge of stone'], ['/6.jpg', 'A table with six chairs']),
    '/moved': page(['/7.jpg', 'A tall tower by the sea']),
    '/refused': page(['/8.jpg', 'A blue door with a bell']),
    '/header': page(['/9.jpg', 'A yellow bus on the road']),
    '/worse': page(['/10.jpg', 'A brown horse on the beach']),
    '/robots.txt': { body: '' },
  };
  for (let i = 1; i <= 10; i++) routes[`/${i}.jpg`] = await picture(i);
  const { again, pairs, corpus, site } = await crawled(t, routes);
  assert.deepEqual(pairs(), [
    '/1.jpg | A red boat in the harbour | /alt |',
    '/10.jpg | A brown horse on the beach | /worse |',
    '/2.jpg | A white goose on the lake | /removed |',
    '/3.jpg | A green hill in the rain | /removed |',
    '/4.jpg | An old bridge of stone | /gone-shared |',
    '/5.jpg | A small dog that sleeps | /gone |',
    '/6.jpg | A table with six chairs | /gone-shared |',
    '/7.jpg | A tall tower by the sea | /moved |',
    '/8.jpg | A blue door with a bell | /refused |',
    '/9.jpg | A yellow bus on the road | /header |',
  ]);

  routes['/alt'] = page(['/1.jpg', 'A red boat that has left']);
  routes['/removed'] = page(['/3.jpg', 'A green hill in the rain']);
  routes['/shared-a'] = page();
  routes['/gone'] = { status: 404 };
  routes['/gone-shared'] = { status: 410 };
  routes['/moved'] = { status: 301, headers: { location: '/elsewhere' } };
  routes['/elsewhere'] = page();
  routes['/refused'] = `<meta name="robots" content="noai">${page(['/8.jpg', 'A blue door with a bell'])}`;
  routes['/header'] = {
    headers: { 'x-robots-tag': 'noai', 'content-type': 'text/html' },
    body: page(['/9.jpg', 'A yellow bus on the road']),
  };
  routes['/worse'] = `<main><p><img src="/10.jpg" title="A brown horse on the beach"></p></main>`;
  await again();
  const after = [
    '/1.jpg | A red boat in the harbour | /alt | not-on-page',
    '/1.jpg | A red boat that has left | /alt |',
    '/2.jpg | A white goose on the lake | /removed | not-on-page',
    '/3.jpg | A green hill in the rain | /removed |',
    '/4.jpg | An old bridge of stone | /shared-b |',
    '/5.jpg | A small dog that sleeps | /gone | page-gone',
    '/6.jpg | A table with six chairs | /gone-shared | page-gone',
    '/7.jpg | A tall tower by the sea | /moved | page-moved',
    '/8.jpg | A blue door with a bell | /refused | page-refused',
    '/9.jpg | A yellow bus on the road | /header | page-refused',
  ];
  assert.deepEqual(pairs(), after);
  const source = corpus.ledger.db.prepare('SELECT source, gone FROM pairs WHERE text = ?').raw();
  assert.deepEqual(source.all('A brown horse on the beach'), [['title', null]]);

  // Nothing changed since: nothing changes.
  await again();
  assert.deepEqual(pairs(), after);

  const story = await explain({ corpusDir: corpus.dir, what: `${site.url}/2.jpg` });
  assert.equal(story.pairs.find(({ source }) => source === 'alt')!.gone!.why, 'not-on-page');
  const bridge = await explain({ corpusDir: corpus.dir, what: `${site.url}/4.jpg` });
  assert.deepEqual(
    bridge.pairs.filter(({ source }) => source === 'alt').map(({ gone, otherPages }) => [gone, otherPages]),
    [[null, []]],
  );

  // What comes back is there again, even with the same bytes as before it went.
  routes['/gone'] = page(['/5.jpg', 'A small dog that sleeps']);
  routes['/refused'] = page(['/8.jpg', 'A blue door with a bell']);
  routes['/moved'] = page(['/7.jpg', 'A tall tower by the sea']);
  await again();
  assert.deepEqual(
    pairs().filter((line) => /^\/[578]/.test(line)),
    [
      '/5.jpg | A small dog that sleeps | /gone |',
      '/7.jpg | A tall tower by the sea | /moved |',
      '/8.jpg | A blue door with a bell | /refused |',
    ],
  );
});

test('what fails for a passing reason ends nothing', async (t) => {
  const failing: Record<string, Route> = {
    '/500': { status: 500 },
    '/403': { status: 403 },
    '/cut': (_, res) => res.writeHead(200, { 'content-type': 'text/html', 'content-length': '9' }).end('<p>'),
    '/pdf': { headers: { 'content-type': 'application/pdf' }, body: '%PDF-1.4' },
    '/lost': (_, res) => res.destroy(),
  };
  const routes: Record<string, Route> = {};
  for (const [i, path] of Object.keys(failing).entries()) {
    routes[path] = page([`/${i}.jpg`, `Picture number ${i}`]);
    routes[`/${i}.jpg`] = await picture(i);
  }
  const { again, pairs, site } = await crawled(t, routes);
  const before = pairs();
  assert.equal(before.length, 5);
  Object.assign(routes, failing);
  const { pages } = await again();
  assert.deepEqual(pages, { unchanged: 1, failed: 5 });
  assert.deepEqual(pairs(), before);
  // A page that cannot be read asks for none of its pictures.
  for (let i = 0; i < 5; i++) assert.equal(site.hits.get(`/${i}.jpg`), 1);
});

test('which visits end pairs, by status and reason', () => {
  const cases = [
    ['fetched', null, 'not-on-page'],
    ['fetched', 'needs-browser', null],
    ['fetched', 'render-failed', null],
    ['fetched', 'render-timeout', null],
    ['unchanged', null, null],
    ['failed', 'gone', 'page-gone'],
    ['failed', 'http-503', null],
    ['failed', 'http-404', null],
    ['failed', 'timeout-whole', null],
    ['failed', 'dns-not-found', null],
    ['skipped', 'redirected', 'page-moved'],
    ['refused', 'rights-noai', 'page-refused'],
    ['refused', 'robots', null],
    ['refused', 'robots-server-error', null],
    ['refused', 'redirect-out-of-scope', null],
  ] as const;
  for (const [status, reason, end] of cases) {
    assert.equal(pairEndOf({ url: '', fetchedAtMs: 0, status, reason }), end, `${status} ${reason}`);
  }
});

test('pictures are asked for again with their page: unchanged, replaced, gone, broken for now', async (t) => {
  const asked: string[] = [];
  const bytes = await Promise.all([1, 2, 3, 4, 5, 6].map((i) => picture(i)));
  const routes: Record<string, Route> = {
    '/page': page(
      ['/etag.jpg', 'A picture with a tag'],
      ['/replaced.jpg', 'A picture to replace'],
      ['/gone.jpg', 'A picture to delete'],
      ['/busy.jpg', 'A picture on a busy host'],
      ['/wall.jpg', 'A picture behind a wall'],
    ),
    '/etag.jpg': (req, res) => {
      asked.push(`${req.headers['if-none-match']} ${req.headers['if-modified-since']}`);
      const headers = { etag: '"e"', 'last-modified': 'Sat, 01 Jan 2000 00:00:00 GMT', 'content-type': 'image/jpeg' };
      if (req.headers['if-none-match'] === '"e"') res.writeHead(304).end();
      else res.writeHead(200, headers).end(bytes[0]);
    },
    '/replaced.jpg': bytes[1]!,
    '/gone.jpg': bytes[2]!,
    '/busy.jpg': bytes[3]!,
    '/wall.jpg': bytes[4]!,
  };
  const { again, pairs, image, corpus, site } = await crawled(t, routes);
  const all = pairs();
  corpus.ledger.db.exec(`INSERT INTO recipes (id, sha256, rules, judged_at_ms) VALUES (1, 'r', '[]', 1);
    UPDATE pairs SET judged_by = 1`);
  routes['/replaced.jpg'] = bytes[5]!;
  routes['/gone.jpg'] = { status: 404 };
  routes['/busy.jpg'] = { status: 500 };
  routes['/wall.jpg'] = { headers: { 'content-type': 'text/html' }, body: '<p>Log in' };
  const summary = await again();
  assert.deepEqual(summary.pages, { unchanged: 2 });
  assert.deepEqual(asked, ['undefined undefined', '"e" Sat, 01 Jan 2000 00:00:00 GMT']);
  assert.deepEqual(pairs(), all);
  const rows = ['etag', 'replaced', 'gone', 'busy', 'wall'].map((name) => image(`/${name}.jpg`));
  assert.deepEqual(rows, [
    { status: 'success', reason: null, sha256: sha256(bytes[0]!) },
    { status: 'success', reason: null, sha256: sha256(bytes[5]!) },
    { status: 'success', reason: 'gone', sha256: sha256(bytes[2]!) },
    { status: 'success', reason: 'http-500', sha256: sha256(bytes[3]!) },
    { status: 'success', reason: 'not-an-image', sha256: sha256(bytes[4]!) },
  ]);
  // Judged anew: what was replaced, and what is gone (it comes last among duplicates from now on).
  const unjudged = corpus.ledger.db
    .prepare(`SELECT text FROM pairs WHERE judged_by IS NULL AND source = 'alt' ORDER BY text`)
    .pluck()
    .all();
  assert.deepEqual(unjudged, ['A picture to delete', 'A picture to replace']);
  const story = await explain({ corpusDir: corpus.dir, what: `${site.url}/gone.jpg` });
  assert.equal(story.pairs[0]!.gone!.why, 'image-gone');

  routes['/gone.jpg'] = bytes[2]!;
  await again();
  assert.deepEqual(image('/gone.jpg'), { status: 'success', reason: null, sha256: sha256(bytes[2]!) });

  // The bytes that were replaced are still in `raw/`, where a takedown finds them.
  const tar = join(corpus.dir, 'raw', '000000.tar');
  const at = () => readFileSync(tar).indexOf(bytes[1]!.subarray(0, 400));
  corpus.raw.sync();
  assert.ok(at() > 0);
  await takedown({ corpusDir: corpus.dir, urls: [`${site.url}/replaced.jpg`] });
  assert.equal(at(), -1);
  assert.equal(readFileSync(tar).indexOf(bytes[5]!.subarray(0, 400)), -1);
});

test('a picture is asked for once in a run, however many pages show it', async (t) => {
  const routes: Record<string, Route> = { '/1.jpg': await picture(1) };
  for (let i = 0; i < 6; i++) routes[`/p${i}`] = page(['/1.jpg', `The same picture, page ${i}`]);
  const { again, site } = await crawled(t, routes);
  await again();
  await again();
  assert.equal(site.hits.get('/1.jpg'), 3);
});

test('a page that a redirect led to is visited itself, too', async (t) => {
  const routes: Record<string, Route> = {
    '/start': { status: 302, headers: { location: '/home' } },
    '/home': page(['/1.jpg', 'A picture of the house']),
    '/1.jpg': await picture(1),
  };
  const links = routes['/home'];
  const { again, pairs } = await crawled(t, routes);
  assert.deepEqual(pairs(), ['/1.jpg | A picture of the house | /home |']);
  routes['/start'] = { status: 302, headers: { location: '/new' } };
  routes['/new'] = '<main><p>Nothing here</p></main>';
  routes['/home'] = { status: 404 };
  await again();
  assert.deepEqual(pairs(), ['/1.jpg | A picture of the house | /home | page-gone']);
  routes['/home'] = links!;
  await again();
  assert.deepEqual(pairs(), ['/1.jpg | A picture of the house | /home |']);
});

test('a page that moved is another page, with the same bytes or the same tag too', async (t) => {
  const tagged =
    (body: string): Route =>
    (req, res) => {
      if (req.headers['if-none-match'] === '"1"') res.writeHead(304).end();
      else res.writeHead(200, { etag: '"1"', 'content-type': 'text/html' }).end(body);
    };
  const same = page(['/1.jpg', 'A picture of the house']);
  const routes: Record<string, Route> = {
    '/same': same,
    '/tagged': tagged(page(['/2.jpg', 'A picture of the garden'])),
    '/1.jpg': await picture(1),
    '/2.jpg': await picture(2),
    '/3.jpg': await picture(3),
  };
  const { again, pairs } = await crawled(t, routes);
  routes['/same'] = { status: 301, headers: { location: '/same-new' } };
  routes['/same-new'] = same;
  routes['/tagged'] = { status: 301, headers: { location: '/tagged-new' } };
  routes['/tagged-new'] = tagged(page(['/3.jpg', 'Another picture of the garden']));
  await again();
  assert.deepEqual(pairs(), [
    '/1.jpg | A picture of the house | /same-new |',
    '/2.jpg | A picture of the garden | /tagged | page-moved',
    '/3.jpg | Another picture of the garden | /tagged-new |',
  ]);
});

test('a picture that now leads to an older one is replaced by it', async (t) => {
  const dated =
    (bytes: Buffer, date: string): Route =>
    (req, res) => {
      const headers = { 'last-modified': date, 'content-type': 'image/jpeg' };
      const isKnown = Date.parse(date) <= Date.parse(req.headers['if-modified-since'] ?? '');
      res.writeHead(isKnown ? 304 : 200, headers).end(isKnown ? '' : bytes);
    };
  const [first, standIn] = await Promise.all([picture(1), picture(2)]);
  const routes: Record<string, Route> = {
    '/page': page(['/1.jpg', 'A picture of the house']),
    '/1.jpg': dated(first!, 'Sat, 01 Jan 2022 00:00:00 GMT'),
    '/none.jpg': dated(standIn!, 'Sat, 01 Jan 2000 00:00:00 GMT'),
  };
  const { again, corpus } = await crawled(t, routes);
  const hash = () => corpus.ledger.db.prepare("SELECT sha256 FROM images WHERE status = 'success'").pluck().get();
  assert.equal(hash(), createHash('sha256').update(first!).digest('hex'));
  routes['/1.jpg'] = { status: 302, headers: { location: '/none.jpg' } };
  await again();
  assert.equal(hash(), createHash('sha256').update(standIn!).digest('hex'));
});

test('links that earlier settings passed over are followed once the settings follow them, though no page has changed', async (t) => {
  const site = await startSite({
    routes: {
      '/': { body: '<main><a href="/open">open</a> <a href="/closed">closed</a></main>', headers: { etag: '"1"' } },
      '/open': { body: page(['/1.jpg', 'A red boat in the harbour']), headers: { etag: '"2"' } },
      '/closed': page(['/2.jpg', 'A white goose on the lake']),
      '/1.jpg': await picture(1),
      '/2.jpg': await picture(2),
    },
  });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  const seen = async (more: Partial<Parameters<typeof crawl>[0]>): Promise<string[]> => {
    const before = new Map(site.hits);
    await crawl({ ...options, ...more }, corpus);
    return [...site.hits].filter(([path, hits]) => hits > (before.get(path) ?? 0)).map(([path]) => path);
  };
  assert.equal((await seen({ deny: [/closed/] })).includes('/closed'), false);
  assert.equal((await seen({ deny: [/closed/], recrawl: 'all' })).includes('/closed'), false);
  assert.ok((await seen({ recrawl: 'all' })).includes('/closed'));
  assert.deepEqual(corpus.pairs().filter((line) => line.includes('goose')).length, 1);
});
