/** URLs, scope, traps, charsets and addresses: tables. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { isLoopbackHost, isPublicAddress } from '../../crawler/address-guard.ts';
import { decodeText } from '../../crawler/charset.ts';
import { delayMs, retryAfterMs } from '../../crawler/politeness.ts';
import { trapReason } from '../../crawler/traps.ts';
import { normaliseUrl, scopeOf } from '../../crawler/url.ts';

describe('normalising', () => {
  const base = 'https://a.example/dir/page.html?x=1';
  for (const { href, url } of [
    { href: 'b.html', url: 'https://a.example/dir/b.html' },
    { href: '//B.Example:443/../x/./y', url: 'https://b.example/x/y' },
    { href: 'HTTP://A.EXAMPLE:80/%7Euser/#part', url: 'http://a.example/%7Euser/' },
    { href: '?b=2&a=1', url: 'https://a.example/dir/page.html?a=1&b=2' },
    { href: '?b=2&a=2&a=1', url: 'https://a.example/dir/page.html?a=2&a=1&b=2' },
    { href: '?zebra&ape', url: 'https://a.example/dir/page.html?zebra&ape' },
    { href: '/p?utm_source=x&id=3&fbclid=y', url: 'https://a.example/p?id=3' },
    { href: '/p?', url: 'https://a.example/p' },
    { href: '/p?utm_medium=x', url: 'https://a.example/p' },
    { href: 'https://user:secret@a.example/', url: 'https://a.example/' },
    { href: '#top', url: 'https://a.example/dir/page.html?x=1' },
    { href: 'http://münchen.example/ä', url: 'http://xn--mnchen-3ya.example/%C3%A4' },
    { href: 'mailto:a@b.c', url: null },
    { href: 'javascript:void(0)', url: null },
    { href: 'http://', url: null },
    { href: `/${'x'.repeat(3000)}`, url: null },
  ]) {
    test(href.slice(0, 60), () => assert.equal(normaliseUrl(href, base), url));
  }
  test('normalising twice is normalising once', () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        const once = normaliseUrl(url);
        assert.equal(once === null ? null : normaliseUrl(once), once);
      }),
    );
  });
});

describe('scope', () => {
  const seeds = ['https://www.a.co.uk/x/'];
  for (const { scope, url, inside } of [
    { scope: 'host', url: 'https://www.a.co.uk/y', inside: true },
    { scope: 'host', url: 'https://b.a.co.uk/', inside: false },
    { scope: 'domain', url: 'https://b.a.co.uk/', inside: true },
    { scope: 'domain', url: 'https://c.co.uk/', inside: false },
    { scope: 'any', url: 'https://z.example/', inside: true },
  ] as const) {
    test(`${scope} ${url}`, () => assert.equal(scopeOf(seeds, scope)(url), inside));
  }
  test('patterns', () => {
    const inside = scopeOf(seeds, 'host', { allow: [/\/x\//], deny: [/\/x\/private/] });
    assert.deepEqual(
      ['https://www.a.co.uk/x/1', 'https://www.a.co.uk/y/1', 'https://www.a.co.uk/x/private'].map(inside),
      [true, false, false],
    );
  });
});

describe('traps', () => {
  const now = new Date('2026-01-01');
  for (const { path, reason } of [
    { path: '/2024/05/articles/some-title', reason: null },
    { path: '/a/a/b', reason: null },
    { path: '/a/b/a/b/a/b', reason: 'trap-repeating-path' },
    { path: '/x/y/x/z/x/w/x/', reason: 'trap-repeating-path' },
    {
      path: `/${'a1/b2/c3/d4/e5/f6/'.split('').join('')}${Array.from({ length: 20 }, (_, i) => `s${i}`).join('/')}`,
      reason: 'trap-deep-path',
    },
    { path: `/p?${Array.from({ length: 13 }, (_, i) => `k${i}=1`).join('&')}`, reason: 'trap-many-parameters' },
    { path: '/p?f=1&f=2&f=3&f=4', reason: 'trap-repeating-parameter' },
    { path: '/calendar/2031/05/', reason: 'trap-calendar' },
    { path: '/events?month=1802-03', reason: 'trap-calendar' },
    { path: '/calendar/2026/05/', reason: null },
    { path: '/history/1802/03/', reason: null },
  ]) {
    test(path.slice(0, 50), () => assert.equal(trapReason(`https://a.example${path}`, now), reason));
  }
});

describe('charsets', () => {
  for (const { name, bytes, type, text } of [
    { name: 'UTF-8 by default', bytes: Buffer.from('Grüße'), type: undefined, text: 'Grüße' },
    {
      name: 'windows-1252 when it is no UTF-8',
      bytes: Buffer.from('Gr\xfc\xdfe', 'latin1'),
      type: 'text/html',
      text: 'Grüße',
    },
    { name: 'header', bytes: Buffer.from([0xcf, 0xf0, 0xe8]), type: 'text/html; charset=windows-1251', text: 'При' },
    {
      name: 'meta',
      bytes: Buffer.concat([Buffer.from('<meta charset="shift_jis">'), Buffer.from([0x83, 0x65])]),
      type: 'text/html',
      text: '<meta charset="shift_jis">テ',
    },
    {
      name: 'the header before meta',
      bytes: Buffer.from('<meta charset="shift_jis">ü'),
      type: 'text/html; charset="utf-8"',
      text: '<meta charset="shift_jis">ü',
    },
    {
      name: 'the byte order mark before all',
      bytes: Buffer.from('\ufeffü'),
      type: 'text/html; charset=latin1',
      text: 'ü',
    },
    { name: 'UTF-16', bytes: Buffer.from([0xff, 0xfe, 0x41, 0x00]), type: undefined, text: 'A' },
    { name: 'an unknown name', bytes: Buffer.from('ü'), type: 'text/html; charset=klingon', text: 'ü' },
  ]) {
    test(name, () => assert.equal(decodeText(bytes, type), text));
  }
});

describe('addresses', () => {
  for (const [address, open] of [
    ['93.184.216.34', true],
    ['2606:4700::1111', true],
    ['127.0.0.1', false],
    ['10.1.2.3', false],
    ['172.16.0.1', false],
    ['192.168.1.1', false],
    ['169.254.169.254', false],
    ['100.64.0.1', false],
    ['0.0.0.0', false],
    ['224.0.0.1', false],
    ['255.255.255.255', false],
    ['198.18.0.1', false],
    ['::1', false],
    ['::', false],
    ['::ffff:10.0.0.1', false],
    ['::ffff:93.184.216.34', true],
    ['::10.0.0.1', false],
    ['64:ff9b::a00:1', false],
    ['2002:a00:1::', false],
    ['fe80::1', false],
    ['fc00::1', false],
    ['fd12::1', false],
    ['ff02::1', false],
    ['2001:db8::1', false],
    ['no address', false],
  ] as const) {
    test(address, () => assert.equal(isPublicAddress(address), open));
  }
  test('loopback by name and number', () => {
    assert.deepEqual(
      ['localhost', 'x.localhost', '127.9.9.9', '[::1]', 'localhost.example', '10.0.0.1'].map(isLoopbackHost),
      [true, true, true, true, false, false],
    );
  });
});

describe('pauses', () => {
  const manners = { minDelayMs: 1000, maxDelayMs: 30_000, latencyFactor: 5 };
  for (const { crawlDelay, latency, pause } of [
    { crawlDelay: 0, latency: 10, pause: 1000 },
    { crawlDelay: 0, latency: 400, pause: 2000 },
    { crawlDelay: 0, latency: 60_000, pause: 30_000 },
    { crawlDelay: 5000, latency: 10, pause: 5000 },
    { crawlDelay: 90_000, latency: 10, pause: 30_000 },
  ]) {
    test(`Crawl-delay ${crawlDelay}, latency ${latency}`, () =>
      assert.equal(delayMs(manners, crawlDelay, latency), pause));
  }
  test('no pause asked for keeps to Crawl-delay alone', () => {
    assert.equal(delayMs({ ...manners, minDelayMs: 0 }, 0, 5000), 0);
    assert.equal(delayMs({ ...manners, minDelayMs: 0 }, 2000, 0), 2000);
  });
  test('Retry-After in seconds, as a date, and nonsense', () => {
    const now = Date.parse('Wed, 21 Oct 2026 07:28:00 GMT');
    assert.equal(retryAfterMs('120', now), 120_000);
    assert.equal(retryAfterMs('Wed, 21 Oct 2026 07:29:00 GMT', now), 60_000);
    assert.equal(retryAfterMs('soon', now), null);
    assert.equal(retryAfterMs('99999999', now), 86_400_000);
    assert.equal(retryAfterMs(undefined, now), null);
  });
});
