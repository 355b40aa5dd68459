/** Rendering with a real browser, where there is one: what scripts add is seen, private addresses stay out of reach. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { withoutBrowser } from '../../../cli/crawl.ts';
import { crawl } from '../../../crawler/crawl.ts';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { hasBrowser, openRenderer } from '../../../crawler/fetch/browser.ts';
import { Withheld } from '../../../crawler/fetch/local-faults.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const skip = browserPath === undefined && !(await hasBrowser(undefined)) ? 'there is no browser' : false;
const browser = { ...(browserPath === undefined ? {} : { browserPath }), browserSandbox: false } as const;
const allows = async () => true;
const scripted = `<title>Scripted</title><main><div id="app">Loading…</div></main>
  <script>document.getElementById('app').innerHTML = '<p>Written by a script.</p><img src="/i.jpg" alt="A picture from a script">'</script>`;

test('without a browser a page is kept as it is and counted', async (t) => {
  const site = await startSite({ routes: { '/': scripted } });
  const corpus = temporaryCorpus();
  t.after(async () => {
    corpus.remove();
    await site.close();
  });
  const summary = await crawl(
    { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, browserPath: '/no/browser' },
    corpus,
  );
  assert.equal(summary.unrendered, 1);
  assert.deepEqual(corpus.pages(), { '/': 'needs-browser' });
  for (const hasBrowser of [false, true]) {
    const told = withoutBrowser(corpus.ledger, { hasBrowser });
    assert.match(told, /^1 page needs scripts and could not be rendered \([^\n]*\):\n {2}http:\S+$/);
    assert.ok(!(hasBrowser && told.includes('no Chromium found')), told);
  }
});

describe('with a browser', { skip }, () => {
  test('a crawl sees what scripts write and asks for the page once', async (t) => {
    const site = await startSite({
      routes: {
        '/': scripted,
        '/i.jpg': await picture(1),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const summary = await crawl(
      { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, ...browser },
      corpus,
    );
    assert.equal(summary.rendered, 1);
    assert.deepEqual(corpus.pairs(), ['/i.jpg | alt | A picture from a script | /']);
    assert.equal(site.hits.get('/'), 1);
    assert.equal(site.hits.get('/i.jpg'), 1);
  });

  test('scripts are loaded where robots.txt of their origin allows it, and only there', async (t) => {
    const parts = await startSite({
      routes: {
        '/robots.txt': 'User-agent: *\nDisallow: /no.js\n',
        '/no.js': "document.querySelector('main').innerHTML += '<img src=/no.jpg alt=\"A forbidden picture\">'",
        '/yes.js': "document.querySelector('main').innerHTML += '<img src=/yes.jpg alt=\"A permitted picture\">'",
      },
    });
    const site = await startSite({
      routes: {
        '/': `<main><div id="app"></div></main><script src="${parts.url}/no.js"></script><script src="${parts.url}/yes.js"></script>`,
        '/yes.jpg': await picture(1),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await Promise.all([site.close(), parts.close()]);
    });
    await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, ...browser }, corpus);
    assert.deepEqual(corpus.images(), { '/yes.jpg': 'success' });
    assert.deepEqual([...parts.hits.keys()].sort(), ['/.well-known/tdmrep.json', '/robots.txt', '/yes.js']);
  });

  test('a page that goes elsewhere is read, and where it wanted to go is queued', async (t) => {
    const site = await startSite({
      routes: {
        '/': '<p>Moved</p><script>location.href = "/next"; open("/window"); open("https://elsewhere.example/")</script>',
        '/next': '<main><p>Here it is.</p><img src="/i.jpg" alt="A picture of the next page"></main>',
        '/window': '<main><p>A window.</p></main>',
        '/i.jpg': await picture(1),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, ...browser }, corpus);
    assert.deepEqual(Object.keys(corpus.images()), ['/i.jpg']);
    assert.equal(Object.values(corpus.pages()).length, 3);
    assert.deepEqual(new Set(Object.values(corpus.pages())), new Set(['fetched']));
  });

  test('pictures stay although none is loaded, and a page that scripts empty is read as it was', async (t) => {
    const text = 'A paragraph that says enough about the lake and its boats to be worth reading. '.repeat(5);
    const figure = (file: string) =>
      `<figure><img src="${file}" alt="A boat called ${file}" onerror="this.src = '/no-image.png'"></figure>`;
    const loads = `<script>addEventListener('load', () => { for (const i of document.images) if (i.naturalWidth < 2) i.remove() })</script>`;
    const wall = `<script>document.body.innerHTML = '<p>Please log in to see this page.</p>'</script>`;
    const wants = '<div id="app"></div>';
    const site = await startSite({
      routes: {
        '/': '<a href="/loads">1</a><a href="/wall">2</a>',
        '/loads': `<main>${wants}<p>${text}</p>${figure('/a.jpg')}</main>${loads}`,
        '/wall': `<main>${wants}<p>${text}</p>${figure('/b.jpg')}</main>${wall}`,
        '/a.jpg': await picture(1),
        '/b.jpg': await picture(2),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const summary = await crawl(
      { seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs: 0, ...browser },
      corpus,
    );
    assert.equal(summary.rendered, 2);
    assert.deepEqual(corpus.pages(), { '/': 'fetched', '/loads': 'fetched', '/wall': 'render-poorer' });
    assert.deepEqual(corpus.images(), { '/a.jpg': 'success', '/b.jpg': 'success' });
  });

  test('what scripts asked for is paid back in rest of their host', async (t) => {
    const seen: { path: string; atMs: number }[] = [];
    const note =
      (type: string, body: string | Buffer): Route =>
      (req, res) => {
        seen.push({ path: req.url!, atMs: performance.now() });
        res.writeHead(200, { 'content-type': type }).end(body);
      };
    const scripts = [1, 2, 3].map((n) => `<script src="/${n}.js"></script>`).join('');
    const site = await startSite({
      routes: {
        '/': `<main><div id="app"></div></main>${scripts}`,
        ...Object.fromEntries([1, 2].map((n) => [`/${n}.js`, note('text/javascript', '')])),
        '/3.js': note(
          'text/javascript',
          `document.querySelector('main').innerHTML += '<img src=/i.jpg alt="A picture from a script">'`,
        ),
        '/i.jpg': note('image/jpeg', await picture(1)),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await site.close();
    });
    const minDelayMs = 300;
    await crawl({ seeds: [site.url], corpusDir: corpus.dir, allowPrivate: true, minDelayMs, ...browser }, corpus);
    assert.deepEqual(seen.map(({ path }) => path).sort(), ['/1.js', '/2.js', '/3.js', '/i.jpg']);
    const last = seen.find(({ path }) => path === '/3.js')!;
    const next = seen.find(({ path }) => path === '/i.jpg')!;
    assert.ok(next.atMs - last.atMs >= 4 * minDelayMs, 'the page and its three scripts');
  });

  test('a page that never ends is left, and the next one is rendered', async (t) => {
    const renderer = openRenderer({
      ...(browserPath === undefined ? {} : { executablePath: browserPath }),
      sandbox: false,
      userAgent: 'lait/0.1',
      guard: addressGuard(),
      deadlineMs: 3000,
    });
    t.after(() => renderer.close());
    const url = 'https://a.example/';
    assert.deepEqual(await renderer.render({ url, html: '<script>for (;;);</script>', allows }), {
      reason: 'render-timeout',
      requests: new Map(),
      links: [],
      leftFor: null,
    });
    const good = await renderer.render({ url, html: '<p id=x></p><script>x.textContent = 1 + 1</script>', allows });
    assert.ok('html' in good && good.html.includes('<p id="x">2</p>'));
  });

  test('a browser whose profile cannot be marked renders and ends all the same', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'lait-marked-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const wrapped = join(folder, 'browser.sh');
    const own = browserPath ?? (await import('playwright')).chromium.executablePath();
    // Its lock would be a file where a folder is.
    const marks = `for one; do case $one in --user-data-dir=*) mkdir "\${one#*=}/lait.lock" && : > '${folder}/made';; esac; done`;
    writeFileSync(wrapped, `#!/bin/sh\n${marks}\nexec '${own}' "$@"\n`, { mode: 0o700 });
    const renderer = openRenderer({
      executablePath: wrapped,
      sandbox: false,
      userAgent: 'lait/0.1',
      guard: addressGuard(),
    });
    t.after(() => renderer.close());
    const good = await renderer.render({ url: 'https://a.example/', html: '<p>Here</p>', allows });
    assert.ok('html' in good && good.html.includes('Here'));
    assert.ok(existsSync(join(folder, 'made')));
  });

  test('nothing is asked for while nothing may be, and the page is withheld', async (t) => {
    let mayAsk = false;
    const site = await startSite({ routes: { '/1.js': 'x.textContent = "asked"' } });
    const renderer = openRenderer({
      ...(browserPath === undefined ? {} : { executablePath: browserPath }),
      sandbox: false,
      userAgent: 'lait/0.1',
      guard: addressGuard({ allowPrivate: true }),
      mayAsk: () => mayAsk,
    });
    t.after(async () => {
      await renderer.close();
      await site.close();
    });
    const page = { url: `${site.url}/page`, html: `<p id=x></p><script src="/1.js"></script>`, allows };
    await assert.rejects(renderer.render(page), Withheld);
    assert.equal(site.hits.size, 0);
    mayAsk = true;
    const rendered = await renderer.render(page);
    assert.ok('html' in rendered && rendered.html.includes('>asked<'));
  });

  test('scripts reach no private address, not even by a redirect', async (t) => {
    const inner = await startSite({
      routes: { '/secret': { headers: { 'access-control-allow-origin': '*' }, body: 'secret' } },
    });
    const renderer = openRenderer({
      ...(browserPath === undefined ? {} : { executablePath: browserPath }),
      sandbox: false,
      userAgent: 'lait/0.1',
      guard: addressGuard(),
    });
    t.after(async () => {
      await renderer.close();
      await inner.close();
    });
    const html = `<p id=x>no</p><script>fetch('${inner.url}/secret').then((r) => r.text()).then((s) => { x.textContent = s })</script>`;
    const page = await renderer.render({ url: 'http://a.example/', html, allows });
    assert.ok('html' in page && page.html.includes('<p id="x">no</p>') && !page.html.includes('>secret<'));
    assert.equal(inner.hits.size, 0);
  });
});
