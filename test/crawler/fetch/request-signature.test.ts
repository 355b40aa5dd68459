/** Signed requests: the vectors of the standards, and servers that check every request of a crawl with other code than ours. */
import assert from 'node:assert/strict';
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, verify } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { crawl } from '../../../crawler/crawl.ts';
import { addressGuard } from '../../../crawler/fetch/address-guard.ts';
import { download } from '../../../crawler/fetch/download.ts';
import { openFetcher } from '../../../crawler/fetch/fetch.ts';
import {
  type Component,
  openSigner,
  signatureOf,
  signatureParameters,
  thumbprintOf,
} from '../../../crawler/fetch/request-signature.ts';
import { directoryWith } from '../../../crawler/fetch/signing-key.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { startRawServer } from '../../helpers/raw-server.ts';
import { startSite } from '../../helpers/site.ts';
import { type SignedRequest, type Verified, verifyRequest } from '../../helpers/verify-signature.ts';

/** RFC 9421 B.1.4, also the key of the draft's vectors. */
const exampleKey = createPrivateKey({
  key: {
    kty: 'OKP',
    crv: 'Ed25519',
    d: 'n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU',
    x: 'JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs',
  },
  format: 'jwk',
});

describe('vectors', () => {
  const cases: {
    name: string;
    components: Component[];
    parameters: Record<string, string | number>;
    signature: string;
  }[] = [
    {
      name: 'RFC 9421 B.2.6',
      components: [
        ['"date"', 'Tue, 20 Apr 2021 02:07:55 GMT'],
        ['"@method"', 'POST'],
        ['"@path"', '/foo'],
        ['"@authority"', 'example.com'],
        ['"content-type"', 'application/json'],
        ['"content-length"', '18'],
      ],
      parameters: { created: 1618884473, keyid: 'test-key-ed25519' },
      signature: 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==',
    },
    {
      name: 'Web Bot Auth, Ed25519 with Signature-Agent',
      components: [
        ['"@authority"', 'example.com'],
        ['"signature-agent";key="agent2"', '"https://signature-agent.test"'],
      ],
      parameters: {
        created: 1735689600,
        keyid: 'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U',
        alg: 'ed25519',
        expires: 4889289600,
        nonce: 'n9p433xm+NJ3ph3upfBIGmsuwHw387YV7Q/F+6BSpGCVjYCqQw6rznNA8PVVLySrAWsv0hQtFioQb6E1YsauiA==',
        tag: 'web-bot-auth',
      },
      signature: 'RdNFx5Bj6au3YgAMQL/RzmUlZE8QZLIaXGRpw985hWnwPfMxT228NMk6ehRS1PSl4e8PhbNZACSanGdhEwYCCg==',
    },
  ];
  for (const { name, components, parameters, signature } of cases) {
    test(name, () =>
      assert.equal(signatureOf(components, signatureParameters(components, parameters), exampleKey), signature),
    );
  }
  test('thumbprints of RFC 8037 A.3 and of the draft', () => {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' },
      format: 'jwk',
    });
    assert.equal(thumbprintOf(key), 'kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
    assert.equal(thumbprintOf(exampleKey), 'poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U');
  });
});

const key = generateKeyPairSync('ed25519').privateKey;
const agent = 'https://bot.example/.well-known/http-message-signatures-directory';
const signing = { key, agent };

test('the whole of a signature, checked by the text of RFC 9421', () => {
  const headers = openSigner({ key, agent: 'https://bot.example/"\\' }, () => 1_700_000_000_999)(
    'GET',
    new URL('https://EXAMPLE.org:443/a%20b?c#d'),
  );
  const given =
    /^sig1=(\(.*\);created=1700000000;expires=1700000300;keyid="(.*)";nonce="([\w+/]{86}==)";tag="web-bot-auth")$/.exec(
      headers['signature-input']!,
    );
  assert.equal(given?.[2], thumbprintOf(key));
  const base = [
    '"@method": GET',
    '"@authority": example.org',
    '"@path": /a%20b',
    '"signature-agent";key="sig1": "https://bot.example/\\"\\\\"',
    `"@signature-params": ${given?.[1]}`,
  ].join('\n');
  const bytes = Buffer.from(/^sig1=:(.*):$/.exec(headers.signature!)![1]!, 'base64');
  assert.ok(verify(null, Buffer.from(base), createPublicKey(key), bytes));
  assert.equal(headers['signature-agent'], 'sig1="https://bot.example/\\"\\\\"');
});

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
);

describe('a server that verifies', () => {
  /** What each request came to: the path with who was behind it, or why it was not to be believed. */
  const seen: { readonly path: string; readonly verified: Verified | string }[] = [];
  const asked: SignedRequest[] = [];
  let directory: Awaited<ReturnType<typeof startSite>>;
  let directoryText = directoryWith(key, null);

  const directoryAt = async (url: string): Promise<{ keys: JsonWebKey[] }> => {
    const { origin, pathname } = new URL(url);
    if (origin !== 'https://bot.example') throw new Error(`nothing at ${url}`);
    return (await (await fetch(`${directory.url}${pathname}`)).json()) as { keys: JsonWebKey[] };
  };
  const check = (one: SignedRequest) =>
    verifyRequest(one, directoryAt).catch((error: { code?: string }) => String(error.code ?? error));

  /** Answers only those who have signed; two of them, so that one can lead to the other. */
  async function startVerifier(
    routes: (
      other: string,
    ) => Record<string, { status?: number; headers?: Record<string, string>; body?: string | Buffer }>,
  ) {
    const server = createServer(async (req: IncomingMessage, res) => {
      const path = req.url ?? '/';
      const one = { method: req.method ?? '', url: `http://${req.headers.host}${path}`, headers: req.headers };
      asked.push(one);
      const verified = await check(one);
      seen.push({ path, verified });
      const {
        status = 404,
        headers = {},
        body = '',
      } = typeof verified === 'string' ? {} : (routes(otherUrl)[path] ?? {});
      res.writeHead(status, headers).end(body);
    });
    server.on('upgrade', async (req, socket) => {
      seen.push({
        path: req.url ?? '/',
        verified: await check({ method: 'GET', url: `http://${req.headers.host}${req.url}`, headers: req.headers }),
      });
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { server, port: (server.address() as AddressInfo).port };
  }

  let otherUrl = '';
  let first: Awaited<ReturnType<typeof startVerifier>>;
  let second: Awaited<ReturnType<typeof startVerifier>>;
  before(async () => {
    directory = await startSite({
      routes: {
        '/.well-known/http-message-signatures-directory': (_, res) =>
          void res.writeHead(200, { 'content-type': 'application/json' }).end(directoryText),
      },
    });
    const jpeg = await picture(1);
    const html = (body: string) => ({ status: 200, headers: { 'content-type': 'text/html' }, body });
    const js = (body: string) => ({ status: 200, headers: { 'content-type': 'text/javascript' }, body });
    second = await startVerifier(() => ({
      '/page': html('<main><img src="/boat.jpg" width="400" height="400" alt="A boat on the lake"></main>'),
      '/boat.jpg': { status: 200, headers: { 'content-type': 'image/jpeg' }, body: jpeg },
      '/part.js': js(`new WebSocket('ws://' + location.host + '/socket');
        fetch('/post', { method: 'POST', body: 'x', headers: { 'signature-agent': 'sig1="https://evil.example"' } })
          .catch(() => {}).then(() => { document.body.innerHTML = '<main><img src="/boat.jpg" width="400" height="400" alt="A boat on the lake"></main>'; });`),
      '/post': js(''),
    }));
    otherUrl = `http://localhost:${second.port}`;
    first = await startVerifier((other) => ({
      '/': html(`<main><p>Text to read.</p><a href="/on">on</a></main>`),
      '/on': { status: 302, headers: { location: `${other}/page` } },
      '/app': html('<div id="root"></div><script src="/moved.js"></script>'),
      '/moved.js': { status: 302, headers: { location: '/app.js' } },
      '/app.js': js(`new WebSocket('ws://' + location.host + '/socket');
        fetch('/post', { method: 'POST', body: 'x', headers: { 'signature-agent': 'sig1="https://evil.example"' } })
          .catch(() => {}).then(() => { root.innerHTML = '<main><p>Now there is something to read.</p></main>'; });`),
      '/post': js('done'),
    }));
  });
  after(async () => {
    await directory.close();
    for (const { server } of [first, second]) {
      server.close();
      server.closeAllConnections();
    }
  });

  const url = () => `http://127.0.0.1:${first.port}`;
  const guard = addressGuard({ allowPrivate: true });

  test('believes every hop of a redirect to another host, each with its own signature', async (t) => {
    const fetcher = openFetcher(guard, 'lait/0.1', { sign: openSigner(signing) });
    t.after(() => fetcher.close());
    seen.length = 0;
    assert.equal((await fetcher.get(`${url()}/on`, { maxBytes: 1e6 })).url, `${otherUrl}/page`);
    assert.deepEqual(
      seen.map(({ path, verified }) => [path, typeof verified === 'string' ? verified : verified.agent]),
      [
        ['/on', agent],
        ['/page', agent],
      ],
    );
    assert.equal(new Set(seen.map(({ verified }) => (verified as Verified).nonce)).size, 2);
  });

  test('believes every request of a crawl, that of robots.txt and those of a rendered page too', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    seen.length = 0;
    const summary = await crawl(
      {
        seeds: [`${url()}/`, `${url()}/app`],
        corpusDir: corpus.dir,
        allowPrivate: true,
        scope: 'any',
        minDelayMs: 0,
        signing,
        browserSandbox: false,
        ...(executablePath === undefined ? { render: 'never' } : { browserPath: executablePath }),
      },
      corpus,
    );
    assert.equal(summary.pairs, 1);
    const doubted = seen.filter(({ verified }) => typeof verified === 'string' || verified.agent !== agent);
    assert.deepEqual(doubted, []);
    const usual = ['/', '/.well-known/tdmrep.json', '/boat.jpg', '/on', '/page', '/robots.txt', '/sitemap.xml', '/app'];
    const rendered = executablePath === undefined ? [] : ['/moved.js', '/app.js', '/post', '/socket'];
    assert.deepEqual([...new Set(seen.map(({ path }) => path))].sort(), [...usual, ...rendered].sort());
    assert.equal(new Set(seen.map(({ verified }) => (verified as Verified).nonce)).size, seen.length);
  });

  test('believes the request for an archive', async () => {
    asked.length = 0;
    for await (const _ of download(`${url()}/on`, { guard, userAgent: 'lait/0.1', sign: openSigner(signing) }));
    assert.deepEqual(await Promise.all(asked.map(async (one) => ((await check(one)) as Verified).agent)), [
      agent,
      agent,
    ]);
  });

  test('does not believe a request that was changed on the way, or sent elsewhere', async () => {
    const sign = openSigner(signing);
    const target = `${url()}/page`;
    const headers = sign('GET', new URL(target));
    const good = { method: 'GET', url: target, headers };
    assert.equal(((await check(good)) as Verified).keyid, thumbprintOf(key));
    const changed = (name: string, from: string | RegExp, to: string) => ({
      ...good,
      headers: { ...headers, [name]: headers[name]!.replace(from, to) },
    });
    const late = openSigner(signing, () => Date.now() - 301_000)('GET', new URL(target));
    for (const [name, one, reason] of [
      ['method', { ...good, method: 'POST' }, 'VerificationFailed'],
      ['host', { ...good, url: `${otherUrl}/page` }, 'VerificationFailed'],
      ['path', { ...good, url: `${target}2` }, 'VerificationFailed'],
      ['nonce', changed('signature-input', /nonce="./, 'nonce="#'), 'VerificationFailed'],
      ['time', changed('signature-input', /expires=\d+/, 'expires=4889289600'), 'VerificationFailed'],
      ['components', changed('signature-input', '"@path" ', ''), 'PolicyViolation'],
      ['agent', changed('signature-agent', '/.well-known', '/.other'), 'ResolverFailed'],
      ['an old one', { ...good, headers: late }, 'PolicyViolation'],
      ['no signature', { ...good, headers: {} }, 'MissingField'],
    ] as const)
      assert.equal(await check(one), reason, name);
  });

  test('does not believe a key that was taken out of the directory, and believes the old one beside a new one', async (t) => {
    const next = generateKeyPairSync('ed25519').privateKey;
    const listed = directoryText;
    t.after(() => {
      directoryText = listed;
    });
    const one = { method: 'GET', url: url(), headers: openSigner(signing)('GET', new URL(url())) };
    directoryText = directoryWith(next, null);
    assert.equal(await check(one), 'ResolverFailed');
    directoryText = directoryWith(next, listed);
    assert.equal(((await check(one)) as Verified).keyid, thumbprintOf(key));
  });
});

test('a request that is made again for broken lines is signed again', async (t) => {
  const server = await startRawServer(() =>
    Buffer.from('HTTP/1.1 200 OK\nContent-Type: text/html\nContent-Length: 2\n\nok'),
  );
  const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1', { sign: openSigner(signing) });
  t.after(() => Promise.all([fetcher.close(), server.close()]));
  assert.equal((await fetcher.get(server.url, { maxBytes: 100 })).ok, true);
  const nonces = server.requests.map((head) => /nonce="(.*?)"/.exec(head)?.[1]);
  assert.equal(nonces.length, 2);
  assert.equal(new Set(nonces).size, 2);
});

test('without a key nothing is signed', async (t) => {
  const heads: string[] = [];
  const site = await startSite({
    routes: { '/': (req, res) => void res.end(heads.push(...Object.keys(req.headers)) > 0 ? 'ok' : '') },
  });
  const fetcher = openFetcher(addressGuard({ allowPrivate: true }), 'lait/0.1');
  t.after(() => Promise.all([fetcher.close(), site.close()]));
  await fetcher.get(site.url, { maxBytes: 100 });
  assert.deepEqual(
    heads.filter((name) => name.startsWith('signature')),
    [],
  );
});
