/** URLs and scope: tables. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  absoluteUrl,
  hostAndPortOf,
  hostOf,
  isTooLong,
  keyOf,
  maxUrlLength,
  normaliseUrl,
  openScope,
  pathOf,
} from '../../../crawler/policy/url.ts';

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
    { href: '/shop;jsessionid=A1B2/item;sid=3?b=2&a=1', url: 'https://a.example/shop/item?a=1&b=2' },
    { href: '/shop;PHPSESSID=a1/item;colour=red', url: 'https://a.example/shop/item;colour=red' },
    { href: '/caf%c3%a9', url: 'https://a.example/caf%c3%a9' },
    { href: 'https://b.example./x', url: 'https://b.example/x' },
    { href: 'https://b.example.:8080/x.', url: 'https://b.example:8080/x.' },
    { href: `data:image/png;base64,${'A'.repeat(3000)}`, url: null },
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

describe('what is requested is what was written', () => {
  for (const { href, url } of [
    { href: '/p?b=2&a=1&utm_source=x', url: 'https://a.example/p?b=2&a=1&utm_source=x' },
    { href: '/p?#part', url: 'https://a.example/p?' },
    { href: '/a;jsessionid=1', url: 'https://a.example/a;jsessionid=1' },
    { href: '/a%2fb%c3%a4?q=a+b%20c', url: 'https://a.example/a%2fb%c3%a4?q=a+b%20c' },
    { href: 'https://user:secret@b.example./', url: 'https://b.example./' },
    { href: '/ä b', url: 'https://a.example/%C3%A4%20b' },
    { href: `/${'x'.repeat(3000)}`, url: `https://a.example/${'x'.repeat(3000)}` },
  ]) {
    test(href.slice(0, 60), () => assert.equal(absoluteUrl(href, 'https://a.example/dir/'), url));
  }
});

describe('a URL that is too long has a key of its own, which shows its beginning', () => {
  const long = (tail: string): string => `https://a.example/?q=${'x'.repeat(maxUrlLength)}${tail}`;
  for (const { name, url, tooLong } of [
    { name: 'as long as may be', url: `https://a.example/${'x'.repeat(maxUrlLength - 18)}`, tooLong: false },
    { name: 'a character longer', url: `https://a.example/${'x'.repeat(maxUrlLength - 17)}`, tooLong: true },
    { name: 'long by what its key lacks', url: `https://a.example/?utm_source=${'x'.repeat(3000)}`, tooLong: false },
    { name: 'longer than servers take', url: `https://a.example/?utm_source=${'x'.repeat(9000)}`, tooLong: true },
  ]) {
    test(name, () => assert.equal(isTooLong(keyOf(url)), tooLong));
  }
  test('two that differ at the end have different keys, of bounded length', () => {
    assert.notEqual(keyOf(long('1')), keyOf(long('2')));
    assert.ok(keyOf(long('1')).startsWith('https://a.example/?q=xxx') && keyOf(long('1')).length < maxUrlLength);
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
    test(`${scope} ${url}`, () => assert.equal(openScope(seeds, scope).contains(url), inside));
  }
  test('patterns', () => {
    const { contains: inside } = openScope(seeds, 'host', { allow: [/\/x\//], deny: [/\/x\/private/] });
    assert.deepEqual(
      ['https://www.a.co.uk/x/1', 'https://www.a.co.uk/y/1', 'https://www.a.co.uk/x/private'].map(inside),
      [true, false, false],
    );
  });

  test('sitemaps may lie anywhere on the site, but for what is denied', () => {
    const { inArea, isDenied } = openScope(seeds, 'host', { allow: [/\/x\//], deny: [/\/private/] });
    const sitemaps = ['https://www.a.co.uk/s.xml', 'https://b.co.uk/s.xml', 'https://www.a.co.uk/private.xml'];
    assert.deepEqual(
      sitemaps.map((url) => inArea(url) && !isDenied(url)),
      [true, false, false],
    );
  });
  test('a pattern that remembers where it was is asked anew each time', () => {
    const { contains } = openScope(seeds, 'host', { allow: [/\/x\//g], deny: [/\/private/y] });
    const url = 'https://www.a.co.uk/x/1';
    assert.deepEqual([url, url, url].map(contains), [true, true, true]);
  });

  for (const { seed, target, moves } of [
    { seed: 'https://example.org/', target: 'https://www.example.org/', moves: true },
    { seed: 'https://www.example.org/', target: 'https://shop.example.org/en/', moves: true },
    { seed: 'https://example.org/', target: 'https://example.com/', moves: false },
    { seed: 'https://a.co.uk/', target: 'https://b.co.uk/', moves: false },
    { seed: 'https://a.github.io/', target: 'https://b.github.io/', moves: false },
    { seed: 'https://example.org/', target: 'https://www.example.org/private', moves: false },
    { seed: 'http://127.0.0.1:8001/', target: 'http://127.0.0.1:8002/', moves: false },
  ]) {
    test(`a seed ${seed} that redirects to ${target} ${moves ? 'takes' : 'does not take'} the scope along`, () => {
      const scope = openScope([seed], 'host', { deny: [/\/private/] });
      assert.equal(scope.movesWith(seed, target), moves);
      assert.equal(scope.contains(target), false);
      scope.add(target);
      assert.equal(scope.contains(target), !target.includes('private'));
    });
  }
});

/** What references are made of, plain and not. */
const pieces =
  '/ / . .. %2e %2E % a B foo ? # = & : @ ; - _ ~ ! $ * ( ) + , \' " \\ | ^ { é http https :// // ex.org xn-- 0 127.0.0.1 [::1] :80 :443 :8080 user@ .html a.b/'
    .split(' ')
    .concat(' ', '\t');
const bases = [
  'http://ex.org/a/b.html?q=1#h',
  'https://Ex.org',
  'http://127.0.0.1:8080/x/',
  'http://u:p@ex.org/d/e',
  'about:blank',
  'http://ex.org/a%2fb/..;x/c?',
  'https://[::1]/q',
  'http://ex.org./z/y',
  'http://münchen.de/ä/ö',
];

/** URL.canParse of Node 20 takes letters beyond ASCII for others once it is compiled. */
function parsed(href: string, base: string): URL | null {
  try {
    return new URL(href, base);
  } catch {
    return null;
  }
}

test('a reference, its path and its host are what the parser of URLs makes of it', () => {
  const reference = fc
    .tuple(
      fc.constantFrom('', '', '/', 'https://', 'http://ex.org/'),
      fc.array(fc.constantFrom(...pieces), { maxLength: 7 }),
    )
    .map(([start, rest]) => start + rest.join(''));
  fc.assert(
    fc.property(reference, fc.constantFrom(...bases), (href, base) => {
      const url = parsed(href, base);
      const received = absoluteUrl(href, base);
      if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') return assert.equal(received, null);
      [url.username, url.password, url.hash] = ['', '', ''];
      assert.equal(received, url.href);
      assert.equal(pathOf(url.href), url.pathname);
      assert.equal(hostOf(url.href), url.hostname);
      assert.equal(hostAndPortOf(url.href), url.host);
    }),
    { numRuns: 5000 },
  );
});
