/** Answers that break rules, seen on the web: what Chromium makes of each, and that we make the same of it. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { type Fetcher, openFetcher } from '../../../crawler/fetch/fetch.ts';
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
const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const typed = 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n';
const size = short.length.toString(16);
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
  // Neither undici nor Node's client forgives the rest.
  ...Object.entries({
    'a header name with a space': 'Bad Name: x',
    'a header without a colon': 'Nonsense',
    'a header without a name': ': x',
    'a warning of PHP among the headers': '<br /> <b>Warning</b>: header() in /a.php on line 3',
    'a header name in latin1': 'X-\xe9: a',
    'a header value in latin1': 'X-A: \xe9',
    'Content-Length twice': `Content-Length: ${short.length}`,
    'Transfer-Encoding: identity beside a length': 'Transfer-Encoding: identity',
    'a value of 100 kB': `X-A: ${'a'.repeat(100_000)}`,
  }).map(([name, line]) => ({
    name,
    sent: latin1(`${typed}${line}\r\nContent-Length: ${short.length}\r\n\r\n${short}`),
  })),
  ...Object.entries({
    'a space before the colon': `Content-Length : ${short.length}`,
    'a length in a list': `Content-Length: ${short.length}, ${short.length}`,
    'a length with its unit': `Content-Length: ${short.length} bytes`,
    'a length that is no number': 'Content-Length: abc',
    'a negative length': 'Content-Length: -1',
    'a length with a sign': `Content-Length: +${short.length}`,
    'an empty length': 'Content-Length:',
    'a transfer coding that nobody knows': 'Transfer-Encoding: foo',
    'Transfer-Encoding: identity': 'Transfer-Encoding: identity',
  }).map(([name, line]) => ({ name, sent: latin1(`${typed}${line}\r\n\r\n${short}`) })),
  ...[
    'HTTP/1.0 200 OK',
    'HTTP/1.2 200 OK',
    'HTTP/2.0 200 OK',
    'HTTP/1 200 OK',
    'HTTP/0.9 200 OK',
    'HTTP 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1',
    'HTTP/1.1 200.1 OK',
    '\r\n\r\nHTTP/1.1 200 OK',
    'xxxxHTTP/1.1 200 OK',
  ].map((line) => ({
    name: `the status line ${JSON.stringify(line)}`,
    sent: latin1(`${line}\r\nContent-Type: text/html\r\nContent-Length: ${short.length}\r\n\r\n${short}`),
  })),
  ...Object.entries({
    'sizes in upper case with zeros before': [`000${size.toUpperCase()}`, '\r\n', '0\r\n\r\n'],
    'an extension': [`${size};a=b;c="d e"`, '\r\n', '0;x\r\n\r\n'],
    'spaces after the size': [`${size}   `, '\r\n', '0  \r\n\r\n'],
    'lines ended by LF alone': [size, '\n', '0\n\n'],
    'trailers, one of them broken': [size, '\r\n', '0\r\nX-T: 1\r\nBad Trailer\r\n\r\n'],
    'more after the end': [size, '\r\n', '0\r\n\r\njunk'],
  } satisfies Record<string, [string, string, string]>).map(([name, [line, end, last]]) => ({
    name: `chunks with ${name}`,
    sent: join(`${typed}Transfer-Encoding: chunked\r\n\r\n${line}${end}${short}${end}${last}`),
  })),
  ...[
    'Chunked',
    'chunked,',
    'chunked , ',
    ', chunked',
    'chunked, gzip',
    'chunked, chunked',
    'identity, chunked',
    'chunked\r\nContent-Length: 3\r\nContent-Length: 4',
  ].map((coding) => ({
    name: `Transfer-Encoding: ${coding}`,
    sent: join(`${typed}Transfer-Encoding: ${coding}\r\n\r\n${size}\r\n${short}\r\n0\r\n\r\n`),
  })),
  ...['100 Continue', '101 Switching', '102 Processing', '103 Early Hints\r\nLink: </a.css>; rel=preload'].map(
    (first) => ({
      name: `${first.split('\r')[0]} before the answer`,
      sent: join(`HTTP/1.1 ${first}\r\n\r\n`, answer(short)),
    }),
  ),
  {
    name: 'a blank line ended by LF alone',
    sent: join(`${typed}Content-Length: ${short.length}\r\n\n${short}`),
  },
  {
    name: 'a folded line before any header',
    sent: join(`HTTP/1.1 200 OK\r\n folded: x\r\n${typed.slice(17)}Content-Length: ${short.length}\r\n\r\n${short}`),
  },
  {
    name: 'a folded type',
    sent: join(`HTTP/1.1 200 OK\r\nContent-Type:\r\n text/html\r\nContent-Length: ${short.length}\r\n\r\n${short}`),
  },
  {
    name: 'a length beyond all numbers, which we believe',
    sent: latin1(`${typed}Content-Length: 99999999999999999999999\r\n\r\n${short}`),
    ours: 'too-many-bytes',
  },
  { name: 'a status 226', sent: answer(short, '', '226 IM Used') },
];

const sent = new Map<string, Buffer>(cases.map((one, i) => [`/${i}`, one.sent]));
const location = (bytes: string): Buffer =>
  Buffer.from(`HTTP/1.1 302 Found\r\nLocation: ${bytes}\r\nContent-Length: 0\r\n\r\n`, 'latin1');
sent.set('/utf8', location(Buffer.from('/é?ü=ö').toString('latin1')));
sent.set('/latin1', location('/é?ü=ö'));
sent.set('/spaces', location('/a b?c d'));
sent.set('/fragment', location('/on#part'));
sent.set('/same-host', location('//HOST/on'));
sent.set('/backslashes', location('\\\\HOST\\on'));
sent.set('/around', location('  /on  '));
sent.set('/dots', location('/a/../on'));
sent.set('/query', location('?on'));
sent.set('/tab', location('/o\tn'));
sent.set('/relative', location('on'));
sent.set('/nowhere', location(''));

let server: RawServer;
let fetcher: Fetcher;
let chromium: Awaited<ReturnType<typeof openChromium>>;
before(async () => {
  server = await startRawServer((path, request) => {
    if (path === '/wall' && !/^cookie: .*seen=yes/im.test(request))
      return join('HTTP/1.1 302 Found\r\nLocation: /wall\r\nSet-Cookie: seen=yes; Path=/\r\nContent-Length: 0\r\n\r\n');
    const bytes = sent.get(path) ?? answer(short);
    return bytes.includes('HOST')
      ? latin1(bytes.toString('latin1').replaceAll('HOST', new URL(server.url).host))
      : bytes;
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

describe('Chromium and we do not read', () => {
  const chunks = `${typed}Transfer-Encoding: chunked\r\n\r\n`;
  const cases: { name: string; sent: string; reason: string; isCut?: boolean }[] = [
    { name: 'NUL in a header', sent: `${typed}X-A: a\0b\r\n\r\n${short}`, reason: 'broken-http' },
    {
      name: 'two lengths',
      sent: `${typed}Content-Length: 3\r\nContent-Length: 49\r\n\r\n${short}`,
      reason: 'broken-http',
    },
    { name: 'a line before the status line', sent: `Warning\r\n${typed}\r\n${short}`, reason: 'broken-http' },
    { name: 'HTTP/0.9', sent: short, reason: 'broken-http' },
    { name: 'nothing', sent: '', reason: 'connection-lost' },
    // What comes before the fault is shown there, as it comes.
    { name: 'half a body', sent: `${typed}Content-Length: 99\r\n\r\n${short}`, reason: 'body-cut-off', isCut: true },
    { name: 'half a chunk', sent: `${chunks}fff\r\n${short}`, reason: 'body-cut-off', isCut: true },
    { name: 'chunks without the last', sent: `${chunks}${size}\r\n${short}\r\n`, reason: 'body-cut-off', isCut: true },
    {
      name: 'a size that is none',
      sent: `${chunks}0x${size}\r\n${short}\r\n0\r\n\r\n`,
      reason: 'broken-http',
      isCut: true,
    },
    {
      name: 'a size beyond all numbers',
      sent: `${chunks}fffffffffffffffff\r\n${short}`,
      reason: 'broken-http',
      isCut: true,
    },
  ];
  for (const [i, { name, sent: bytes, reason, isCut = false }] of cases.entries()) {
    test(name, async () => {
      sent.set(`/not-${i}`, latin1(bytes));
      const response = await get(`/not-${i}`);
      assert.equal(response.ok || response.reason, reason);
      if (chromium === null || isCut) return;
      await assert.rejects(
        chromium.page.goto(`${server.url}/not-${i}`),
        /net::ERR_(?:INVALID_HTTP|RESPONSE_HEADERS|EMPTY)/,
      );
    });
  }
});

test('a body without end in chunks of one byte takes no more memory than its limit', async () => {
  const chunk = '1\r\nx\r\n'.repeat(2_000_000);
  sent.set('/tiny', join(`${typed}Bad Name: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`));
  const response = await get('/tiny');
  assert.equal(response.ok || response.reason, 'too-many-bytes');
});

describe('Chromium and we follow a Location', () => {
  for (const { name, path, to } of [
    { name: 'in UTF-8', path: '/utf8', to: '/%C3%A9?%C3%BC=%C3%B6' },
    { name: 'in latin1', path: '/latin1', to: '/%E9?%FC=%F6' },
    { name: 'with spaces', path: '/spaces', to: '/a%20b?c%20d' },
    { name: 'with a fragment', path: '/fragment', to: '/on' },
    { name: 'without a scheme', path: '/same-host', to: '/on' },
    { name: 'with backslashes', path: '/backslashes', to: '/on' },
    { name: 'with spaces around it', path: '/around', to: '/on' },
    { name: 'with dots', path: '/dots', to: '/on' },
    { name: 'that is a query', path: '/query', to: '/query?on' },
    { name: 'with a tab', path: '/tab', to: '/on' },
    { name: 'that is relative', path: '/relative', to: '/on' },
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
