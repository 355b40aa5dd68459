/**
 * What a page in the browser looks like when it is read, what it asks for, and what it cannot do: real pages on real servers in
 * a real Chromium, where there is one.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { hasBrowser, openRenderer, type Renderer } from '../../../crawler/fetch/browser.ts';
import { coreWaits, waitedForOthers } from '../../../crawler/fetch/core-waits.ts';
import { extractPage } from '../../../crawler/page/extract.ts';
import { picture } from '../../helpers/picture.ts';
import { type Site, startSite } from '../../helpers/site.ts';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);
const skip = executablePath === undefined && !(await hasBrowser(undefined)) ? 'there is no browser' : false;
const options = { executablePath, sandbox: false, userAgent: 'lait/0.1', deadlineMs: 120_000 } as const;

/** Robots.txt of the test: everything below /forbidden is. */
const allows = async (url: string) => !new URL(url).pathname.startsWith('/forbidden');

describe('a rendered page', { skip }, () => {
  const js = (body: string) => ({ headers: { 'content-type': 'text/javascript' }, body });
  const asked: string[] = [];
  let site: Site;
  let renderer: Renderer;
  before(async () => {
    const note = (body: string, headers = {}) => ({
      headers: { 'content-type': 'text/html', ...headers },
      body,
    });
    site = await startSite({
      routes: {
        '/data.json': { headers: { 'content-type': 'application/json' }, body: '["from the data"]' },
        '/worker.js': js(
          `importScripts('/imported.js'); fetch('/data.json').then((r) => r.json()).then(async ([text]) => {
             const no = await fetch('/forbidden/worker').then(() => 'reached', () => 'refused');
             postMessage(text + ', ' + imported + ', ' + no);
           })`,
        ),
        '/imported.js': js(`self.imported = 'imported'`),
        '/frames/inner.html': note(
          '<figure><img src="boat.jpg" srcset="boat-2.jpg 2x, /boat-3.jpg 3x" alt="A boat in a frame"></figure>',
        ),
        '/moved-script.js': { status: 302, headers: { location: '/modules/entry.js' } },
        '/modules/entry.js': js(`import { text } from './text.js'; document.getElementById('seen').textContent = text`),
        '/modules/text.js': js(`export const text = 'from a module'`),
        '/to-forbidden.js': { status: 302, headers: { location: '/forbidden/script.js' } },
        '/checked.css': { headers: { 'content-type': 'text/css' }, body: 'body { margin: 0 }' },
        '/cookie': (req, res) => {
          asked.push(`cookie ${req.headers.cookie ?? 'none'}`);
          res.setHeader('set-cookie', ['a=1', 'b=2']).end('ok');
        },
        '/echo': (req, res) => {
          let body = '';
          req.on('data', (chunk) => {
            body += chunk;
          });
          req.on('end', () =>
            res.end(`${req.method} ${body} ${req.headers['content-type']} ${req.headers['user-agent']}`),
          );
        },
        '/boat.jpg': await picture(1),
      },
    });
    renderer = openRenderer({ ...options, guard: addressGuard({ allowPrivate: true }) });
  });
  after(async () => {
    await renderer.close();
    await site.close();
  });
  const render = async (html: string, path = '/page.html') => {
    const page = await renderer.render({ url: site.url + path, html, allows });
    assert.ok('html' in page, 'reason' in page ? page.reason : '');
    return page;
  };
  const paths = (links: readonly string[]) => links.map((link) => link.replace(site.url, '')).sort();

  describe('shows what loaded', () => {
    const hash = createHash('sha256').update('body { margin: 0 }').digest('base64');
    const done = (what: string) =>
      `onload="seen.textContent += '${what} loaded '" onerror="seen.textContent += '${what} failed '"`;
    const size = `onload="seen.textContent += naturalWidth + '×' + naturalHeight" onerror="seen.textContent = 'failed'"`;
    const cases: { name: string; body: string; expected: string }[] = [
      {
        name: 'a style sheet',
        body: `<link rel="stylesheet" href="/none.css" ${done('sheet')}>`,
        expected: 'sheet loaded',
      },
      {
        name: 'a style sheet of another host, with CORS',
        body: `<link rel="stylesheet" href="https://cdn.example/a.css" crossorigin ${done('sheet')}>`,
        expected: 'sheet loaded',
      },
      {
        name: 'a style sheet that is checked against a hash',
        body: `<link rel="stylesheet" href="/checked.css" integrity="sha256-${hash}" ${done('sheet')}>`,
        expected: 'sheet loaded',
      },
      {
        name: 'a picture with a size',
        body: `<img src="/no.jpg" width="321" height="123" ${size}>`,
        expected: '321×123',
      },
      {
        name: 'a picture with a size in its style',
        body: `<img src="/no.jpg" style="width: 200px; height: 100px" ${size}>`,
        expected: '200×100',
      },
      { name: 'a picture with a width', body: `<img src="/no.jpg" width="400" ${size}>`, expected: '400×300' },
      { name: 'a picture with a size in its name', body: `<img src="/no-800x500.jpg" ${size}>`, expected: '800×500' },
      { name: 'a picture with a size in its query', body: `<img src="/no?w=300&h=200" ${size}>`, expected: '300×200' },
      { name: 'a picture without a size', body: `<img src="/no.jpg" ${size}>`, expected: '640×480' },
      { name: 'a CORS picture', body: `<img crossorigin src="https://i.example/no.jpg" ${size}>`, expected: '640×480' },
      {
        name: 'a picture of a script',
        body: `<script>const i = new Image(); i.onload = () => i.decode().then(() => { seen.textContent = 'decoded' }); i.src = '/no.jpg'</script>`,
        expected: 'decoded',
      },
      {
        name: 'a font',
        body: `<script>new FontFace('F', 'url(/f.woff2)').load().then(() => { seen.textContent = 'font' }, (e) => { seen.textContent = e })</script>`,
        expected: 'font',
      },
      {
        name: 'a film and a sound',
        body: `<video muted preload="auto" src="/film.mp4" onloadeddata="seen.textContent += 'film '"></video><audio preload="auto" src="/a.mp3" onloadeddata="seen.textContent += 'film '"></audio>`,
        expected: 'film film',
      },
      {
        name: 'data, with what the page sends',
        body: `<script>fetch('/echo', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }).then((r) => r.text()).then((t) => { seen.textContent = t })</script>`,
        expected: 'POST {} application/json lait/0.1',
      },
      {
        name: 'data of a synchronous request',
        body: `<script>const q = new XMLHttpRequest(); q.open('GET', '/data.json', false); q.send(); seen.textContent = q.responseText</script>`,
        expected: '["from the data"]',
      },
      {
        name: 'what a worker found',
        body: `<script>new Worker('/worker.js').onmessage = (e) => { seen.textContent = e.data }</script>`,
        expected: 'from the data, imported, refused',
      },
      {
        name: 'a module that moved',
        body: `<script type="module" src="/moved-script.js"></script>`,
        expected: 'from a module',
      },
      {
        name: 'no script that moved where robots.txt forbids it',
        body: `<script src="/to-forbidden.js" ${done('script')}></script>`,
        expected: 'script failed',
      },
      {
        name: 'no script that robots.txt forbids',
        body: `<script src="/forbidden/a.js" ${done('script')}></script>`,
        expected: 'script failed',
      },
      {
        name: 'no answer of a dialog',
        body: `<script>seen.textContent = [alert('a'), confirm('b'), prompt('c')].join()</script>`,
        expected: ',false,',
      },
      {
        name: 'no permission',
        body: `<script>navigator.geolocation.getCurrentPosition(() => {}, (e) => { seen.textContent += 'place ' + e.code + ' ' });</script>`,
        expected: 'place 1',
      },
      {
        name: 'no service worker',
        body: `<script>(navigator.serviceWorker?.register('/worker.js') ?? Promise.reject()).then((r) => { seen.textContent = r ? 'one' : 'none' }, () => { seen.textContent = 'none' })</script>`,
        expected: 'none',
      },
    ];
    for (const { name, body, expected } of cases) {
      test(name, async () => {
        const { html } = await render(`<!doctype html><p id="seen"></p>${body}`);
        assert.equal(/<p id="seen">(.*?)<\/p>/s.exec(html)![1]!.trim(), expected);
      });
    }
  });

  test('the first place it goes in its own window is where it leads', async () => {
    const page = await render(`<script>open('/window'); location = '/next'; location = '/later'</script>`);
    assert.equal(page.leftFor, `${site.url}/next`);
    assert.equal((await render('<p>It stays.</p>')).leftFor, null);
  });

  test('a real Vite 5 build starts: it waits for the style sheets of what it imports', async (t) => {
    const built = await startSite({ folder: join(import.meta.dirname, 'vite-build') });
    t.after(() => built.close());
    const html = await (await fetch(`${built.url}/index.html`)).text();
    const page = await renderer.render({ url: `${built.url}/`, html, allows });
    assert.ok('html' in page);
    assert.deepEqual(
      extractPage(page.html, `${built.url}/`).images.map(({ texts }) => texts[0]!.text),
      ['Boat number 1 on the lake', 'Boat number 2 on the lake'],
    );
  });

  describe('stays where it is, and says where it wanted to go', () => {
    const cases: { name: string; body: string; links: string[] }[] = [
      { name: 'location', body: `<script>location.href = '/next?a=1#b'</script>`, links: ['/next?a=1#b'] },
      {
        name: 'location, later',
        body: `<script>setTimeout(() => location.replace('/next'), 50)</script>`,
        links: ['/next'],
      },
      { name: 'reload', body: '<script>location.reload()</script>', links: [] },
      { name: 'meta refresh', body: '<meta http-equiv="refresh" content="0;url=/next">', links: ['/next'] },
      { name: 'a link', body: '<a id="a" href="/next">x</a><script>a.click()</script>', links: ['/next'] },
      {
        name: 'a form',
        body: '<form action="/find"><input name="q" value="boat"></form><script>addEventListener("load", () => document.forms[0].submit())</script>',
        links: ['/find?q=boat'],
      },
      {
        name: 'a form that posts',
        body: '<form action="/buy" method="post"></form><script>addEventListener("load", () => document.forms[0].submit())</script>',
        links: [],
      },
      {
        name: 'a frame that leaves',
        body: `<iframe srcdoc="<script>top.location = '/next'</script>"></iframe>`,
        links: ['/next'],
      },
      {
        name: 'windows',
        body: `<script>open('/one'); open('/two', '_blank', 'noopener')</script><a id="a" href="/three" target="_blank">x</a><script>a.click()</script>`,
        links: ['/one', '/three', '/two'],
      },
      {
        name: 'a page made by a script',
        body: `<script>location = URL.createObjectURL(new Blob(['<p>other'], { type: 'text/html' }))</script>`,
        links: [],
      },
      { name: 'an empty page', body: `<script>setTimeout(() => { location = 'about:blank' })</script>`, links: [] },
      {
        name: 'a port that no browser asks',
        body: `<script>location = 'http://127.0.0.1:1/'</script>`,
        links: ['http://127.0.0.1:1/'],
      },
      { name: 'another program', body: `<script>location = 'mailto:you@example.org'</script>`, links: [] },
      {
        name: 'a download',
        body: `<a id="a" href="/data.json" download>x</a><script>a.click()</script>`,
        links: ['/data.json'],
      },
      {
        name: 'its own history',
        body: `<script>history.pushState(0, '', '/pushed'); location.hash = 'x'</script>`,
        links: [],
      },
    ];
    for (const { name, body, links } of cases) {
      test(name, async () => {
        const page = await render(`<!doctype html><p>before</p>${body}<p>after</p>`);
        assert.ok(page.html.includes('<p>before</p>') && page.html.includes('<p>after</p>'), page.html);
        assert.deepEqual(paths(page.links), links);
      });
    }
  });

  test('lazy pictures and endless lists are there to the end, wherever they scroll', async () => {
    const lazy = Array.from(
      { length: 40 },
      (_, n) => `<p style="height: 600px"><img data-file="/lazy-${n}.jpg" alt="x"></p>`,
    );
    const observer = `<script>const o = new IntersectionObserver((seen) => seen.forEach(({ target, isIntersecting }) => {
      if (isIntersecting) target.src = target.dataset.file }));
      document.querySelectorAll('img').forEach((i) => o.observe(i))</script>`;
    const loaded = (html: string) => new Set(html.match(/ src="\/(?:lazy|list)-\d+\.jpg"/g)).size;
    assert.equal(loaded((await render(lazy.join('') + observer)).html), 40);
    const inBox = `<div style="height: 900px; overflow-y: auto">${lazy.join('')}</div>${observer}`;
    assert.equal(loaded((await render(inBox)).html), 40);
    const debounced = `${lazy.join('')}<script>let t; const look = () => document.querySelectorAll('img').forEach((i) => {
      const { top, bottom } = i.parentNode.getBoundingClientRect(); if (bottom > 0 && top < innerHeight) i.src = i.dataset.file });
      addEventListener('scroll', () => { clearTimeout(t); t = setTimeout(look, 100) }); look()</script>`;
    assert.equal(loaded((await render(debounced)).html), 40);
    const endless = `<div id="list"></div><script>let n = 0; const more = () => { for (let i = 0; i < 10 && n < 30; i += 1, n += 1)
      list.insertAdjacentHTML('beforeend', '<p style="height: 500px"><img src="/list-' + n + '.jpg"></p>') };
      more(); addEventListener('scroll', () => { if (scrollY + innerHeight > document.body.scrollHeight - 300) setTimeout(more, 50) })</script>`;
    assert.equal(loaded((await render(endless)).html), 30);
    const forever = endless.replace('n < 30', 'true');
    assert.ok(loaded((await render(forever)).html) > 100);
  });

  test('open shadow roots and frames of the same origin are part of the page, each thing once and in its place', async () => {
    const { html } = await render(
      `<!doctype html><html lang="en"><title>T</title><main>
      <x-figure><img src="/slotted.jpg" alt="a &quot;slotted&quot; picture"><p>in no slot</p></x-figure>
      <iframe src="/frames/inner.html"></iframe>
      <iframe srcdoc="&lt;p&gt;in a srcdoc&lt;/p&gt;"></iframe>
      <iframe src="/forbidden/frame.html"></iframe>
      <template><p>no part of it</p></template><noscript><img src="/n.jpg"></noscript></main>
      <script>customElements.define('x-figure', class extends HTMLElement { constructor() { super();
        this.attachShadow({ mode: 'open' }).innerHTML = '<figure><slot></slot><figcaption>A caption & more</figcaption><x-inner></x-inner></figure>'.replace('<slot>', '<slot name=pic>');
        this.querySelector('img').slot = 'pic' } });
        customElements.define('x-inner', class extends HTMLElement { constructor() { super();
          this.attachShadow({ mode: 'open' }).innerHTML = '<b>deeper</b>' } })</script>`,
      '/dir/page.html',
    );
    const body = html.slice(html.indexOf('<main>'), html.indexOf('<script>')).replace(/\n\s*/g, '\n');
    assert.equal(
      body,
      `<main>
<x-figure><figure><img src="/slotted.jpg" alt="a &quot;slotted&quot; picture" slot="pic"><figcaption>A caption &amp; more</figcaption><x-inner><b>deeper</b></x-inner></figure><p>in no slot</p></x-figure>
<div><figure><img src="${site.url}/frames/boat.jpg" srcset="${site.url}/frames/boat-2.jpg 2x, ${site.url}/boat-3.jpg 3x" alt="A boat in a frame"></figure></div>
<div><p>in a srcdoc</p></div>
<iframe src="/forbidden/frame.html"></iframe>
<template><p>no part of it</p></template><noscript><img src="/n.jpg"></noscript></main>
`,
    );
    const { images, title } = extractPage(html, `${site.url}/dir/page.html`);
    assert.equal(title, 'T');
    assert.deepEqual(
      images.map(({ url, texts }) => [url.replace(site.url, ''), texts.map(({ text }) => text)]),
      [
        ['/slotted.jpg', ['a "slotted" picture', 'A caption & more']],
        ['/frames/boat-2.jpg', ['A boat in a frame']],
      ],
    );
  });

  test('cookies of an answer come back with the next request, and never in another page', async () => {
    const html = `<script>fetch('/cookie').then(() => fetch('/cookie'))</script>`;
    await render(html);
    await render(html);
    assert.deepEqual(asked, ['cookie none', 'cookie a=1; b=2', 'cookie none', 'cookie a=1; b=2']);
  });

  test('requests are counted by origin, redirects too', async () => {
    const page = await render(`<p id="seen"></p><script type="module" src="/moved-script.js"></script>`);
    assert.deepEqual([...page.requests], [[site.url, 4]]);
  });

  test('windows without end are ended', async () => {
    const page = await renderer.render({
      url: site.url,
      html: '<script>for (let i = 0; i < 50; i += 1) open()</script>',
      allows,
    });
    assert.deepEqual(page, { reason: 'render-failed', requests: new Map(), links: [], leftFor: null });
  });
});

describe('no way round the rules', { skip }, () => {
  /** Counts connections, and answers WebSocket handshakes and one message. */
  async function socketServer(): Promise<{ url: string; asked: string[]; close: () => void }> {
    const asked: string[] = [];
    const server = createServer((req, res) => {
      asked.push(req.url!);
      res.end();
    });
    server.on('upgrade', (req, socket) => {
      asked.push(`upgrade ${req.url}`);
      const key = createHash('sha1')
        .update(`${req.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
        .digest('base64');
      const message = Buffer.from('from the socket');
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`,
      );
      socket.write(Buffer.concat([Buffer.from([0x81, message.length]), message]));
      socket.on('error', () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return {
      url: `127.0.0.1:${(server.address() as AddressInfo).port}`,
      asked,
      close: () => {
        server.closeAllConnections();
        server.close();
      },
    };
  }
  const page = (url: string) => `<p id="seen">no</p><script>
    const see = (s) => { s.onmessage = (e) => { seen.textContent = e.data } };
    see(new WebSocket('ws://${url}/allowed')); new WebSocket('ws://${url}/forbidden/socket');
    new Worker(URL.createObjectURL(new Blob(["new WebSocket('ws://${url}/from-a-worker')"])));
    try { new SharedWorker(URL.createObjectURL(new Blob(["fetch('http://${url}/from-a-shared-worker')"]))) } catch {}
    fetch('http://${url}/forbidden/data').catch(() => {}); navigator.sendBeacon('http://${url}/beacon');
    open('http://${url}/window');</script>
    <link rel="preconnect" href="http://${url}"><link rel="prefetch" href="http://${url}/prefetch">
    <script type="speculationrules">{"prerender": [{"source": "list", "urls": ["http://${url}/prerender"]}]}</script>`;

  test('of all that a page can ask for, only what robots.txt allows leaves', async (t) => {
    const server = await socketServer();
    const renderer = openRenderer({ ...options, guard: addressGuard({ allowPrivate: true }) });
    t.after(() => Promise.all([renderer.close(), server.close()]));
    const rendering = await renderer.render({ url: `http://${server.url}/`, html: page(server.url), allows });
    assert.ok('html' in rendering && rendering.html.includes('<p id="seen">from the socket</p>'));
    assert.deepEqual(server.asked, ['upgrade /allowed']);
    assert.deepEqual(rendering.links, [`http://${server.url}/window`]);
  });

  test('and nothing at all to a private address', async (t) => {
    const server = await socketServer();
    const renderer = openRenderer({ ...options, guard: addressGuard() });
    t.after(() => Promise.all([renderer.close(), server.close()]));
    const rendering = await renderer.render({
      url: 'https://public.example/',
      html: page(server.url),
      allows: async () => true,
    });
    assert.ok('html' in rendering && rendering.html.includes('<p id="seen">no</p>'));
    assert.deepEqual(server.asked, []);
  });
});

describe('a page has limits', { skip }, () => {
  test('its deadline is the later the longer it waits for a core, up to four deadlines', async (t) => {
    const rendered = async (waitedMs: number, busyMs: number): Promise<string> => {
      const renderer = openRenderer({
        ...options,
        guard: addressGuard(),
        deadlineMs: 6000,
        waits: () => () => waitedMs,
      });
      t.after(() => renderer.close());
      const script = `const end = Date.now() + ${busyMs}; while (Date.now() < end); seen.textContent = 'done'`;
      const html = `<p id=seen></p><script>${script}</script>`;
      const page = await renderer.render({ url: 'https://a.example/', html, allows });
      return 'reason' in page ? page.reason : (/done<\/p>/.exec(page.html)?.[0] ?? 'not done');
    };
    const outcomes = [rendered(0, 9000), rendered(12_000, 9000), rendered(1e9, 40_000)];
    assert.deepEqual(await Promise.all(outcomes), ['render-timeout', 'done</p>', 'render-timeout']);
  });

  test('what it waits for its own threads leaves its deadline', () => {
    const elapsedMs = 10_000;
    for (const [what, times, waitedMs] of [
      ['one thread beside other programs', { waitedMs: 9000, ranMs: 1000 }, 9000],
      ['one thread, alone', { waitedMs: 10, ranMs: 9900 }, 10],
      ['hundreds of busy threads on two cores', { waitedMs: 9800, ranMs: 20_000 }, 0],
      ['hundreds of busy threads beside other programs', { waitedMs: 9900, ranMs: 7000 }, 3000],
    ] as const)
      assert.equal(waitedForOthers(times, elapsedMs), waitedMs, what);
  });

  test('waiting for a core is told on Linux', { skip: process.platform !== 'linux' }, async () => {
    const waitedMs = coreWaits();
    assert.equal(waitedMs(), 0);
    const busy = Array.from({ length: 4 * availableParallelism() }, () =>
      spawn(process.execPath, ['-e', 'const end = Date.now() + 60_000; while (Date.now() < end);']),
    );
    try {
      // This thread wants a core as well, and there is none for all.
      while (waitedMs() === 0) for (const end = performance.now() + 50; performance.now() < end; );
    } finally {
      for (const child of busy) child.kill('SIGKILL');
    }
  });

  test('one that allocates for ever is ended, and the next one is rendered', async (t) => {
    const renderer = openRenderer({ ...options, guard: addressGuard(), maxPageBytes: 200_000_000 });
    t.after(() => renderer.close());
    const greedy = {
      objects: 'const a = []; for (;;) a.push(new Array(1000).fill(Math.random()))',
      buffers: 'const a = []; setInterval(() => a.push(new Uint8Array(2e7).fill(1)), 5)',
      'memory of WebAssembly that threads share': `const a = []; setInterval(() => {
        const memory = new WebAssembly.Memory({ initial: 400, maximum: 400, shared: true });
        a.push(new Uint8Array(memory.buffer).fill(1)) }, 5)`,
      canvases: `const a = []; setInterval(() => { const canvas = new OffscreenCanvas(3000, 3000); canvas.getContext('2d').fillRect(0, 0, 3000, 3000);
        a.push(canvas.transferToImageBitmap()) }, 5)`,
      WebGL: `const gl = document.createElement('canvas').getContext('webgl'); setInterval(() => {
        gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer()); gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(2e7).fill(1), gl.STATIC_DRAW) }, 5)`,
      elements: `setInterval(() => { for (let i = 0; i < 5e4; i += 1) document.body.append(document.createElement('p')) }, 1)`,
    };
    for (const [name, script] of Object.entries(greedy)) {
      const url = 'https://a.example/';
      const page = await renderer.render({ url, html: `<body><script>${script}</script>`, allows });
      assert.deepEqual(
        [name, page],
        [name, { reason: 'render-crashed', requests: new Map(), links: [], leftFor: null }],
      );
      const next = await renderer.render({
        url,
        html: '<p id=seen></p><script>seen.textContent = 1 + 1</script>',
        allows,
      });
      assert.ok('html' in next && next.html.includes('<p id="seen">2</p>'));
    }
  });

  test('the limit holds for a page with all its frames, and pages beside one that fills the browser are rendered', {
    skip: process.platform !== 'linux',
  }, async (t) => {
    // Each frame is of a site of its own, and far below the limit.
    const server = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<script>held = new Uint8Array(1e8).fill(1)</script>');
    });
    await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
    const { port } = server.address() as AddressInfo;
    const guard = addressGuard({ allowPrivate: true });
    const renderer = openRenderer({ ...options, guard, maxPageBytes: 300_000_000, maxPages: 2 });
    t.after(async () => {
      await renderer.close();
      server.close();
    });
    const render = (body: string) => renderer.render({ url: 'https://a.example/', html: `<body>${body}`, allows });
    const frames = [11, 12, 13, 14, 15].map((n) => `<iframe src="http://127.0.0.${n}:${port}/"></iframe>`);
    const ended = { reason: 'render-crashed', links: [], leftFor: null };
    const framed = await render(frames.join(''));
    assert.deepEqual({ ...framed, requests: undefined }, { ...ended, requests: undefined });

    const kept = 'const keep = []; setInterval(() => keep.push(new Blob([new Uint8Array(2e7).fill(1)])), 5)';
    const filling = render(`<script>${kept}</script>`);
    const beside = render(`<p id=seen></p><script>setTimeout(() => { seen.textContent = 1 + 1 }, 100)</script>`);
    assert.deepEqual(await filling, { ...ended, requests: new Map() });
    const honest = await beside;
    assert.ok('html' in honest && honest.html.includes('<p id="seen">2</p>'));
  });

  test('so many are rendered at once and no more, and closing ends them all', async (t) => {
    let open = 0;
    let most = 0;
    let total = 0;
    const slow = async () => {
      open += 1;
      total += 1;
      most = Math.max(most, open);
      // On a busy machine the second page comes late: the first one waits for it.
      for (let waited = 0; waited < 200 || (most < 2 && waited < 10_000); waited += 50)
        await new Promise((resolve) => setTimeout(resolve, 50));
      open -= 1;
      return false;
    };
    const renderer = openRenderer({ ...options, guard: addressGuard(), maxPages: 2 });
    t.after(() => renderer.close());
    const request = { url: 'https://a.example/', html: '<p>x</p><script src="/a.js"></script>', allows: slow };
    const pages = await Promise.all(Array.from({ length: 6 }, () => renderer.render(request)));
    assert.equal(pages.filter((page) => 'html' in page).length, 6);
    assert.deepEqual({ most, total }, { most: 2, total: 6 });
    const stuck = Array.from({ length: 4 }, () => renderer.render({ ...request, html: '<script>for (;;);</script>' }));
    await new Promise((resolve) => setTimeout(resolve, 500));
    await renderer.close();
    const ended = await Promise.all(stuck);
    assert.deepEqual(
      ended.map((page) => 'reason' in page && page.reason),
      Array(4).fill('render-failed'),
    );
  });
});
