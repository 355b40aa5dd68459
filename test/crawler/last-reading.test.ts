/** What a page says is of its last reading, and that was whole or is made once more: archives, kept pages and conditional requests go by it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { WARCRecord, WARCSerializer } from 'warcio';
import { crawl } from '../../crawler/crawl.ts';
import { extractAgain } from '../../crawler/extract-again.ts';
import { importWarc } from '../../crawler/input/warc.ts';
import { retry } from '../../crawler/retry.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;

const pageOf = (name: string): string =>
  `<title>${name}</title><main><p><img src="/${name}.jpg" alt="A picture of the ${name}"></p></main>`;

/** Scripts would write what it has. */
const shell = '<title>Shell</title><main><div id="app"></div></main><script src="/app.js"></script>';

/** A page whose server tells from its tag that it has not changed; `asked` gets the tags that it is asked by. */
const tagged =
  (body: string, asked: (string | undefined)[]): Route =>
  (req, res) => {
    const tag = `"${body.length}"`;
    asked.push(req.headers['if-none-match']);
    if (req.headers['if-none-match'] === tag) res.writeHead(304).end();
    else res.writeHead(200, { etag: tag, 'content-type': 'text/html' }).end(body);
  };

/** A site with one page and its corpus, not crawled yet. */
async function begun(t: { after(f: () => Promise<void>): void }, page: Route) {
  const routes: Record<string, Route> = { '/': page };
  for (const [n, name] of ['boat', 'goose', 'house'].entries()) routes[`/${name}.jpg`] = await picture(n + 1);
  const site = await startSite({ routes });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const options = { ...own, seeds: [site.url], corpusDir: corpus.dir };
  return {
    ...{ routes, site, corpus },
    visit: (more: Partial<Parameters<typeof crawl>[0]> = {}) => crawl({ ...options, recrawl: 'all', ...more }, corpus),
    /** What is queued. */
    goOn: (more: Partial<Parameters<typeof crawl>[0]> = {}) => crawl({ ...options, ...more }, corpus),
    /** Title and reason or status of the page, and its pictures, those of ended pairs with the reason. */
    state: (): string[] => {
      const [row] = corpus.ledger.db
        .prepare("SELECT title || ' ' || coalesce(reason, status) FROM pages")
        .pluck()
        .all();
      const pairs = corpus.ledger.db
        .prepare("SELECT text || coalesce(' ' || gone, '') FROM pairs WHERE source = 'alt' ORDER BY text")
        .pluck()
        .all();
      return [row as string, ...(pairs as string[]).map((text) => text.replace('A picture of the ', ''))];
    },
    /** Reads an archive of the page: what it was, and when. */
    async archive(...captures: readonly (readonly [name: string, date: string, headers?: Record<string, string>])[]) {
      const records = captures.map(([name, date, headers]) => {
        const httpHeaders = { 'content-type': 'text/html', ...headers };
        const warc = { url: `${site.url}/`, date, type: 'response', warcVersion: 'WARC/1.1', httpHeaders } as const;
        const record = WARCRecord.create({ ...warc, statusline: 'HTTP/1.1 200 OK' }, [Buffer.from(pageOf(name))]);
        return WARCSerializer.serialize(record, { gzip: true });
      });
      const source = join(corpus.dir, 'x.warc.gz');
      writeFileSync(source, Buffer.concat(await Promise.all(records)));
      const { pages, refused, images, unusable } = await importWarc({ corpusDir: corpus.dir, source }, corpus);
      return { pages, refused, images, ...unusable };
    },
  };
}

describe('an archive adds nothing to what was visited later', () => {
  const old = ['goose', '2019-05-01T00:00:00Z'] as const;
  const noai = { headers: { 'content-type': 'text/html', 'x-robots-tag': 'noai' }, body: pageOf('boat') };
  const cases: { name: string; visits: readonly Route[]; state: readonly string[] }[] = [
    { name: 'read', visits: [pageOf('boat')], state: ['boat fetched', 'boat'] },
    { name: 'that reserves its rights', visits: [noai], state: ['boat rights-noai'] },
    {
      name: 'that has come to reserve its rights',
      visits: [pageOf('boat'), noai],
      state: ['boat rights-noai', 'boat page-refused'],
    },
    { name: 'that is gone', visits: [pageOf('boat'), { status: 410 }], state: ['boat gone', 'boat page-gone'] },
    { name: 'that failed since', visits: [pageOf('boat'), { status: 500 }], state: ['boat http-500', 'boat'] },
  ];
  for (const { name, visits, state: expected } of cases) {
    test(name, async (t) => {
      const { routes, corpus, visit, goOn, state, archive } = await begun(t, '');
      for (const page of visits) {
        routes['/'] = page;
        await visit();
      }
      assert.deepEqual(state(), expected);
      assert.deepEqual(await archive(old), { pages: 0, refused: 0, images: 0, older: 1 });
      // One without a date may be of any time.
      assert.deepEqual(await archive(['house', 'today']), { pages: 0, refused: 0, images: 0, older: 1 });
      assert.deepEqual(state(), expected);
      await goOn();
      assert.equal('/goose.jpg' in corpus.images(), false);
    });
  }

  test('unchanged since', async (t) => {
    const { corpus, visit, state, archive } = await begun(t, pageOf('boat'));
    await visit();
    await visit();
    corpus.ledger.db.exec('UPDATE pages SET read_at_ms = 1');
    assert.deepEqual(await archive(old), { pages: 0, refused: 0, images: 0, older: 1 });
    assert.deepEqual(state(), ['boat unchanged', 'boat']);
  });
});

test('the newest of two captures counts, and one that is newer than a visit, which the next visit reads whole', async (t) => {
  const asked: (string | undefined)[] = [];
  const { visit, state, archive } = await begun(t, tagged(pageOf('boat'), asked));
  const [earlier, later] = [['goose', '2018-01-01T00:00:00Z'] as const, ['house', '2019-01-01T00:00:00Z'] as const];
  assert.deepEqual(await archive(later, earlier), { pages: 1, refused: 0, images: 1, older: 1 });
  assert.deepEqual(state(), ['house fetched', 'house']);
  await visit();
  await visit();
  assert.deepEqual(state(), ['boat unchanged', 'boat', 'house not-on-page']);

  const now = new Date(Date.now() + 60_000).toISOString();
  assert.deepEqual(await archive(['goose', now]), { pages: 1, refused: 0, images: 1 });
  assert.deepEqual(state(), ['goose fetched', 'boat', 'goose', 'house not-on-page']);
  await visit();
  assert.deepEqual(state(), ['boat fetched', 'boat', 'goose not-on-page', 'house not-on-page']);
  assert.deepEqual(asked, [undefined, `"${pageOf('boat').length}"`, undefined]);

  assert.equal((await archive(['boat', now, { 'x-robots-tag': 'noai' }])).refused, 1);
  assert.deepEqual(state(), ['boat rights-noai', 'boat page-refused', 'goose not-on-page', 'house not-on-page']);
});

test('a kept page is read again where it was not read later, and not kept then', async (t) => {
  const { routes, corpus, visit, state } = await begun(t, pageOf('boat'));
  const again = () => extractAgain({ corpusDir: corpus.dir }, corpus);
  await visit({ keepPages: true });
  await visit();
  assert.deepEqual(state(), ['boat unchanged', 'boat']);
  assert.deepEqual(await again(), { pages: 1, queued: 0, unread: 0 });
  routes['/'] = pageOf('goose');
  await visit();
  const expected = ['goose fetched', 'boat not-on-page', 'goose'];
  assert.deepEqual(state(), expected);
  assert.deepEqual(await again(), { pages: 0, queued: 0, unread: 1 });
  assert.deepEqual(state(), expected);
  routes['/'] = pageOf('house');
  await visit({ keepPages: true });
  assert.deepEqual(await again(), { pages: 1, queued: 0, unread: 0 });
  assert.deepEqual(state(), ['house fetched', 'boat not-on-page', 'goose not-on-page', 'house']);
});

describe('a page that was read without its scripts is read again until it is whole', () => {
  const scripts = { render: 'auto', browserPath: '/no/browser' } as const;
  for (const { name, isTagged } of [
    { name: 'also where its server says that it has not changed', isTagged: true },
    { name: 'also where its bytes are the same', isTagged: false },
  ]) {
    test(name, async (t) => {
      const asked: (string | undefined)[] = [];
      const route = (body: string): Route => (isTagged ? tagged(body, asked) : body);
      const { routes, corpus, visit, goOn, state } = await begun(t, route(pageOf('boat')));
      await visit(scripts);
      routes['/'] = route(shell);
      const expected = ['Shell needs-browser', 'boat'];
      await visit(scripts);
      assert.deepEqual(state(), expected);
      // As a time-out of the browser leaves it, which is of the same kind.
      corpus.ledger.db.exec("UPDATE pages SET reason = 'render-timeout'");
      await visit(scripts);
      assert.deepEqual(state(), expected);
      assert.deepEqual(await retry({ corpusDir: corpus.dir, reasons: ['needs-browser'] }, corpus), {
        pages: 1,
        images: 0,
      });
      await goOn(scripts);
      assert.deepEqual(state(), expected);
      routes['/'] = { status: 500 };
      await visit(scripts);
      routes['/'] = route(shell);
      await visit(scripts);
      assert.deepEqual(state(), expected);
      routes['/'] = route(pageOf('goose'));
      await visit(scripts);
      assert.deepEqual(state(), ['goose fetched', 'boat not-on-page', 'goose']);
      assert.equal(asked.filter((tag) => tag === `"${shell.length}"`).length, 0);
    });
  }

  test('also where an earlier setting read it so', async (t) => {
    const { visit, state } = await begun(t, tagged(shell, []));
    await visit();
    assert.deepEqual(state(), ['Shell fetched']);
    await visit(scripts);
    assert.deepEqual(state(), ['Shell needs-browser']);
  });
});

test('a page that is queued by a retry is read whole', async (t) => {
  const asked: (string | undefined)[] = [];
  const { routes, corpus, visit, goOn, state } = await begun(t, tagged(pageOf('boat'), asked));
  await visit();
  routes['/'] = { headers: { 'content-type': 'application/pdf' }, body: '%PDF' };
  await visit();
  assert.deepEqual(state(), ['boat not-html', 'boat']);
  routes['/'] = tagged(pageOf('boat'), asked);
  await retry({ corpusDir: corpus.dir, reasons: ['not-html'] }, corpus);
  await goOn();
  assert.deepEqual(
    [state(), asked],
    [
      ['boat fetched', 'boat'],
      [undefined, undefined],
    ],
  );
});

describe('pictures that were never asked for are, though their page has not changed', () => {
  test('once a crawl takes pictures', async (t) => {
    const { corpus, visit } = await begun(t, tagged(pageOf('boat'), []));
    await visit({ images: false });
    assert.deepEqual(corpus.images(), { '/boat.jpg': 'pending' });
    await visit();
    assert.deepEqual(corpus.images(), { '/boat.jpg': 'success' });
  });

  test('where the frontier does not know them', async (t) => {
    const { corpus, site, visit } = await begun(t, pageOf('boat'));
    await visit();
    const url = `${site.url}/goose.jpg`;

    const page = { url: `${site.url}/`, status: 'unchanged', title: 'boat', fetchedAtMs: Date.now() } as const;
    corpus.ledger.recordPage(page, [{ url, texts: [{ source: 'alt', text: 'A goose' }] }]);
    await visit();
    assert.deepEqual(corpus.pages(), { '/': 'unchanged' });
    assert.deepEqual(corpus.images(), { '/boat.jpg': 'success', '/goose.jpg': 'success' });
  });
});
