/** Answers that break rules, seen on the web: what Chromium makes of each, and that we make the same of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { type Fetcher, openFetcher } from '../../../crawler/fetch/fetch.ts';
import { refererOf } from '../../../crawler/fetch/referrer.ts';
import { openChromium } from '../../helpers/chromium.ts';
import { type RawServer, startRawServer } from '../../helpers/raw-server.ts';

const lines = Array.from({ length: 3000 }, (_, i) => `<p>${(i * 7919) % 10_007}</p>`).join('');
const short = '<title>whole</title><p>A page like any other.</p>';
const long = `<title>whole</title>${lines}`;
const gzip = gzipSync(short);
const join = (...parts: (Buffer | string)[]): Buffer => Buffer.concat(parts.map((part) => Buffer.from(part)));
const answer = (body: Buffer | string, headers = '', status = '200 OK'): Buffer =>
  join(
    `HTTP/1.1 ${status}\r\nContent-Type: text/html\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`,
    body,
  );
const encoded = (coding: string, body: Buffer | string): Buffer => answer(body, `Content-Encoding: ${coding}\r\n`);
const head = (text: string): Buffer => join(text.replaceAll('LENGTH', String(short.length)), short);
const wrongSum = Buffer.from(gzip);
wrongSum[gzip.length - 6]! ^= 1;

/** `title` is what the page is called when it is read as it was meant, and '' when it is read as compressed bytes. */
const cases: { name: string; sent: Buffer; title?: string; ours?: string }[] = [
  { name: 'Content-Encoding: none', sent: encoded('none', short) },
  { name: 'Content-Encoding: UTF-8', sent: encoded('UTF-8', short) },
  { name: 'Content-Encoding: binary', sent: encoded('binary', short) },
  { name: 'Content-Encoding: identity', sent: encoded('identity', short) },
  { name: 'an empty Content-Encoding', sent: encoded('', short) },
  { name: 'gzip, gzip', sent: encoded('gzip, gzip', gzipSync(gzip)) },
  {
    name: 'two Content-Encodings',
    sent: answer(brotliCompressSync(gzip), 'Content-Encoding: gzip\r\nContent-Encoding: br\r\n'),
  },
  { name: 'a coding that nobody knows after gzip', sent: encoded('utf-8, gzip', gzip), title: '' },
  {
    name: 'identity among codings, which Chromium does not know',
    sent: encoded('identity, gzip', gzip),
    title: '',
    ours: 'whole',
  },
  { name: 'gzip followed by text', sent: encoded('gzip', join(gzip, '\n<!-- cached -->')) },
  { name: 'gzip followed by zeros', sent: encoded('gzip', join(gzip, Buffer.alloc(50))) },
  { name: 'brotli followed by text', sent: encoded('br', join(brotliCompressSync(short), 'x')) },
  { name: 'deflate followed by text', sent: encoded('deflate', join(deflateSync(short), 'x')) },
  { name: 'gzip whose trailer is cut', sent: encoded('gzip', gzip.subarray(0, -6)) },
  { name: 'gzip without a trailer', sent: encoded('gzip', gzip.subarray(0, -8)) },
  { name: 'gzip with a wrong checksum', sent: encoded('gzip', wrongSum) },
  { name: 'gzip that ends half-way', sent: encoded('gzip', gzipSync(long).subarray(0, 5000)) },
  { name: 'deflate that ends half-way', sent: encoded('deflate', deflateSync(long).subarray(0, 5000)) },
  { name: 'brotli that ends half-way', sent: encoded('br', brotliCompressSync(long).subarray(0, 4000)) },
  { name: 'status 203', sent: answer(short, '', '203 Non-Authoritative Information') },
  { name: 'status 206', sent: answer(short, '', '206 Partial Content') },
  {
    name: 'header lines ended by LF alone',
    sent: head('HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: LENGTH\n\n'),
  },
  {
    name: 'a status line ended by LF alone',
    sent: head('HTTP/1.1 200 OK\nContent-Type: text/html\r\nContent-Length: LENGTH\r\n\r\n'),
  },
  { name: 'no reason phrase', sent: head('HTTP/1.1 200\r\nContent-Type: text/html\r\nContent-Length: LENGTH\r\n\r\n') },
  { name: 'a control character in a header', sent: answer(short, 'X-A: a\x01b\r\n') },
  { name: 'a folded header', sent: answer(short, 'X-A: a\r\n b\r\n') },
  {
    name: 'Content-Length beside chunks',
    sent: join(
      `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${short.length.toString(16)}\r\n${short}\r\n0\r\n\r\n`,
    ),
  },
  // Node's client forgives none of these.
  { name: 'a header name with a space', sent: answer(short, 'Bad Name: x\r\n'), ours: 'broken-http' },
  { name: 'a header without a colon', sent: answer(short, 'Nonsense\r\n'), ours: 'broken-http' },
  {
    name: 'Content-Length twice',
    sent: answer(short, `Content-Length: ${short.length}\r\n`),
    ours: 'broken-http',
  },
];

const sent = new Map<string, Buffer>(cases.map((one, i) => [`/${i}`, one.sent]));
const location = (bytes: string): Buffer =>
  Buffer.from(`HTTP/1.1 302 Found\r\nLocation: ${bytes}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
sent.set('/utf8', location(Buffer.from('/é?ü=ö').toString('latin1')));
sent.set('/latin1', location('/é?ü=ö'));
sent.set('/spaces', location('/a b?c d'));
sent.set('/nowhere', location(''));

let server: RawServer;
let fetcher: Fetcher;
let chromium: Awaited<ReturnType<typeof openChromium>>;
before(async () => {
  server = await startRawServer((path, request) => {
    if (path === '/wall' && !/^cookie: .*seen=yes/im.test(request))
      return join('HTTP/1.1 302 Found\r\nLocation: /wall\r\nSet-Cookie: seen=yes; Path=/\r\nContent-Length: 0\r\n\r\n');
    return sent.get(path) ?? answer(short);
  });
  fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
  chromium = await openChromium();
});
after(async () => {
  await chromium?.close();
  await fetcher.close();
  await server.close();
});

const get = (path: string) => fetcher.get(`${server.url}${path}`, { maxBytes: 1_000_000 });
const pathOf = (request: string | undefined): string | undefined => /^GET (\S+)/.exec(request ?? '')?.[1];

describe('Chromium and we read', () => {
  for (const [i, { name, title = 'whole', ours = title }] of cases.entries()) {
    test(name, async () => {
      const response = await get(`/${i}`);
      assert.equal(
        response.ok ? (/<title>(.*)<\/title>/.exec(response.body.toString())?.[1] ?? '') : response.reason,
        ours,
      );
      if (chromium === null) return;
      await chromium.page.goto(`${server.url}/${i}`);
      assert.equal(await chromium.page.title(), title, 'Chromium');
    });
  }
});

describe('Chromium and we follow a Location', () => {
  for (const { name, path, to } of [
    { name: 'in UTF-8', path: '/utf8', to: '/%C3%A9?%C3%BC=%C3%B6' },
    { name: 'in latin1', path: '/latin1', to: '/%E9?%FC=%F6' },
    { name: 'with spaces', path: '/spaces', to: '/a%20b?c%20d' },
  ]) {
    test(name, async () => {
      await get(path);
      assert.equal(pathOf(server.requests.at(-1)), to);
      if (chromium === null) return;
      const before = server.requests.length;
      await chromium.page.goto(`${server.url}${path}`);
      assert.ok(server.requests.slice(before).map(pathOf).includes(to), 'Chromium');
    });
  }
  test('that is empty nowhere', async () => assert.equal((await get('/nowhere')).status, 302));
});

test('a wall that sets a cookie and redirects to itself is passed, and the cookie is gone afterwards', async () => {
  for (let visit = 0; visit < 2; visit += 1) {
    const before = server.requests.length;
    assert.equal((await get('/wall')).status, 200);
    // Chromium of an earlier test may still ask for its icon.
    const walls = server.requests.slice(before).filter((request) => pathOf(request) === '/wall');
    const asked = walls.map((request) => /^cookie: (.*)$/im.exec(request)?.[1]?.trim());
    assert.deepEqual(asked, [undefined, 'seen=yes']);
  }
});

test('a server known for its broken lines is asked once', async () => {
  const i = cases.findIndex(({ name }) => name === 'header lines ended by LF alone');
  await get(`/${i}`);
  const before = server.requests.length;
  await get(`/${i}`);
  assert.equal(server.requests.length - before, 1);
});

describe('a Referer', () => {
  for (const [page, target, referer] of [
    ['https://a.example/x?y#z', 'https://a.example/i.jpg', 'https://a.example/x?y'],
    ['https://a.example/x', 'https://b.example/i.jpg', 'https://a.example/'],
    ['https://a.example/x', 'http://a.example/i.jpg', undefined],
    ['http://a.example/x', 'https://a.example/i.jpg', 'http://a.example/'],
    ['http://me:secret@a.example/x', 'http://a.example/i.jpg', 'http://a.example/x'],
  ] as const) {
    test(`from ${page} to ${target}`, () => assert.equal(refererOf(page, target), referer));
  }
});
