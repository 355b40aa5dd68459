/** One request: what is taken of a hostile body, in bytes, and what ends it. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { type FetchLimits, type FetchRequest, openFetcher } from '../../../crawler/fetch/fetch.ts';
import { type Route, startSite } from '../../helpers/site.ts';

const html = '<p>The same text again and again.</p>'.repeat(100);
const encoded = (encoding: string, body: Buffer | string): Route => ({
  headers: { 'content-encoding': encoding },
  body,
});

async function get(
  t: { after: (work: () => Promise<unknown>) => void },
  routes: Record<string, Route>,
  request: Partial<FetchRequest> = {},
  limits: FetchLimits = {},
) {
  const site = await startSite({ routes });
  const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1', limits);
  t.after(() => Promise.all([fetcher.close(), site.close()]));
  return { site, response: await fetcher.get(`${site.url}/`, { maxBytes: 1_000_000, ...request }) };
}

describe('a body', () => {
  for (const { name, route } of [
    { name: 'gzip', route: encoded('gzip', gzipSync(html)) },
    { name: 'x-gzip', route: encoded('X-GZIP', gzipSync(html)) },
    { name: 'brotli', route: encoded('br', brotliCompressSync(html)) },
    { name: 'deflate', route: encoded('deflate', deflateSync(html)) },
    { name: 'deflate without its header', route: encoded('deflate', deflateRawSync(html)) },
    { name: 'two encodings', route: encoded('gzip, br', brotliCompressSync(gzipSync(html))) },
    { name: 'identity', route: encoded('identity', html) },
  ]) {
    test(`in ${name} is decoded`, async (t) => {
      const { response } = await get(t, { '/': route });
      assert.equal(response.ok && response.body.toString(), html);
    });
  }

  for (const { name, route, reason } of [
    { name: 'in an encoding that is not undone', route: encoded('compress', html), reason: 'broken-compression' },
    {
      name: 'in four encodings',
      route: encoded('gzip, gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(gzipSync(html))))),
      reason: 'broken-compression',
    },
    {
      name: 'that unpacks to too much',
      route: encoded('gzip', gzipSync(Buffer.alloc(1_000_001))),
      reason: 'too-many-bytes',
    },
    {
      name: 'that unpacks twice to too much',
      route: encoded('gzip, gzip', gzipSync(gzipSync(Buffer.alloc(50_000_000)))),
      reason: 'too-many-bytes',
    },
  ]) {
    test(`${name} ends in ${reason}`, async (t) => {
      const { response } = await get(t, { '/': route });
      assert.equal(!response.ok && response.reason, reason);
    });
  }

  for (const { byteLength, whole } of [
    { byteLength: 1_000_000, whole: true },
    { byteLength: 1_000_001, whole: false },
  ]) {
    test(`of ${byteLength} bytes ${whole ? 'is taken' : 'is not'} at a limit of a million`, async (t) => {
      const chunked: Route = (_req, res) => {
        res.writeHead(200);
        for (let sent = 0; sent < byteLength; sent += 100_000)
          res.write(Buffer.alloc(Math.min(100_000, byteLength - sent)));
        res.end();
      };
      const { response } = await get(t, { '/': chunked });
      assert.equal(response.ok ? response.body.length : response.reason, whole ? byteLength : 'too-many-bytes');
    });
  }

  test('without end is left after its limit and what the system buffers', async (t) => {
    let socketBytes = 0;
    const endless = (_req: IncomingMessage, res: ServerResponse): void => {
      res.writeHead(200);
      const more = (): void => {
        while (!res.destroyed) if (!res.write(Buffer.alloc(65_536))) return void res.once('drain', more);
      };
      const { socket } = res;
      res.on('close', () => {
        socketBytes = socket!.bytesWritten;
      });
      more();
    };
    const { response } = await get(t, { '/': endless }, { maxBytes: 2_000_000 });
    assert.equal(!response.ok && response.reason, 'too-many-bytes');
    while (socketBytes === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    // Loopback's send and receive buffers hold some megabytes (net.ipv4.tcp_wmem and tcp_rmem: 4 + 6 MB at most).
    assert.ok(socketBytes < 2_000_000 + 12_000_000, `${socketBytes} bytes left the server`);
  });

  test('that is cut at its limit is taken so far', async (t) => {
    const { response } = await get(t, { '/': 'x'.repeat(5000) }, { maxBytes: 1000, truncate: true });
    assert.equal(response.ok && response.body.length, 1000);
  });

  test('that its headers make unwanted is never taken', async (t) => {
    // A reader that stays gets the body after ten seconds.
    let ended = (_whole: boolean): void => {};
    const whole = new Promise<boolean>((resolve) => {
      ended = resolve;
    });
    const slow: Route = (_req, res) => {
      res.writeHead(200, { 'x-robots-tag': 'noai' });
      res.flushHeaders();
      const timer = setTimeout(() => res.end('body'), 10_000);
      res.on('close', () => {
        clearTimeout(timer);
        ended(res.writableEnded);
      });
    };
    const { response } = await get(
      t,
      { '/': slow },
      { refuse: (_status, headers) => (headers['x-robots-tag'] ? 'rights-noai' : null) },
    );
    assert.equal(!response.ok && response.reason, 'rights-noai');
    assert.equal(await whole, false);
  });
});

describe('a server that', () => {
  for (const { name, route, limits, reason } of [
    { name: 'says nothing', route: () => {}, limits: { firstByteMs: 200 }, reason: 'timeout-first-byte' },
    {
      name: 'drips',
      route: (_req: IncomingMessage, res: ServerResponse) => {
        res.writeHead(200);
        const drip = setInterval(() => res.write('x'), 50);
        res.on('close', () => clearInterval(drip));
      },
      limits: { wholeMs: 400 },
      reason: 'timeout-whole',
    },
    {
      name: 'redirects in a circle',
      route: { status: 302, headers: { location: '/' } },
      limits: { redirects: 3 },
      reason: 'too-many-redirects',
    },
  ] as { name: string; route: Route; limits: FetchLimits; reason: string }[]) {
    test(`${name} ends in ${reason}`, async (t) => {
      const { response, site } = await get(t, { '/': route }, {}, limits);
      assert.equal(!response.ok && response.reason, reason);
      if (reason === 'too-many-redirects') assert.equal(site.hits.get('/'), 4);
    });
  }
});
