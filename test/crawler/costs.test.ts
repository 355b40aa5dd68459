/**
 * Nothing that a server sends costs much more than it weighs. Each input may take so many times the CPU time of a harmless one of
 * its kind and length (the least of three tries): what is quadratic takes far more, what is exponential never ends.
 */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { withSitemapTexts } from '../../crawler/frontier/sitemap-texts.ts';
import { charsetOf } from '../../crawler/page/charset.ts';
import { extractPage } from '../../crawler/page/extract.ts';
import { parseSitemap, type SitemapTexts } from '../../crawler/page/sitemap.ts';
import { parseTdmrep, rightsOf } from '../../crawler/policy/rights.ts';
import { parseRobots } from '../../crawler/policy/robots.ts';
import { parseRsl } from '../../crawler/policy/rsl.ts';
import { forbidsTraining } from '../../crawler/policy/usage-preferences.ts';

const longUrl = `https://a.test/${'a'.repeat(2000)}`;

const fill = (piece: string, length: number): string => piece.repeat(Math.ceil(length / piece.length)).slice(0, length);
const numbered = (piece: (n: number) => string, length: number): string =>
  Array.from({ length: Math.ceil(length / piece(10_000).length) }, (_, n) => piece(n)).join('');
/** A name of letters alone. */
const word = (n: number): string => [...String(n)].map((digit) => 'abcdefghij'[Number(digit)]).join('');

interface Kind {
  /** Characters. */
  readonly size: number;
  readonly read: (text: string) => unknown;
  /** Over the harmless input. */
  readonly maxRatio: number;
  readonly harmless: (size: number) => string;
  readonly hostile: Readonly<Record<string, (size: number) => string>>;
}

const sitemapText = (imageUrl: string, text: string): SitemapTexts => ({ pageUrl: 'https://a.test/', imageUrl, text });

const kinds: Record<string, Kind> = {
  'sitemaps about a page': {
    size: 20_000,
    maxRatio: 20,
    read: (text) =>
      withSitemapTexts(
        [],
        text
          .split(' ')
          .map((one) => sitemapText(one.startsWith('x') ? 'https://a.test/1.jpg' : `https://a.test/${one}.jpg`, one)),
      ),
    harmless: (size) => numbered((n) => `a${n} `, size * 24),
    hostile: { 'thousands of texts of one image': (size) => numbered((n) => `x${n} `, size * 24) },
  },
  sitemap: {
    size: 256_000,
    maxRatio: 20,
    read: (text) => parseSitemap(`<urlset>${text}`, 'https://a.test/'),
    harmless: (size) => fill('<url><loc>https://a.test/page</loc></url>\n', size),
    hostile: {
      'comments in comments': (size) => fill('<!--', size),
      'CDATA in CDATA': (size) => fill('<![CDATA[', size),
      'tags in tags': (size) => fill('<a<a<a', size),
      'open elements': (size) => fill('<a>', size),
      'end tags of nothing': (size) => fill('</a>', size),
      'half instructions': (size) => fill('<?', size),
      'half declarations': (size) => fill('<!a', size),
      'half entities': (size) => fill('&a', size),
      'attributes without end': (size) => fill('<a b="', size),
      'one element with thousands of attributes': (size) => `<a ${numbered((n) => `a${n}="1" `, size)}>`,
      'captions of half tags': (size) =>
        fill(`<url><image:image><image:caption><![CDATA[${'<a'.repeat(9000)}]]></image:caption></image:image>`, size),
    },
  },
  page: {
    size: 500_000,
    maxRatio: 10,
    read: (text) => extractPage(text, 'https://a.test/'),
    harmless: (size) => fill('<div><p>A boat lies on the beach.</p><img src="/a.jpg" alt="A red boat"></div>', size),
    hostile: {
      'nesting behind a script that ends in capitals': (size) => `<script>1</SCRIPT>${fill('<div>', size)}`,
      'nesting behind a script in a comment': (size) => `<!-- <script> -->${fill('<div>', size)}`,
      'nesting with end tags in comments': (size) => fill('<div><!-- </div> -->', size),
      'end tags of nothing, deep': (size) => `${'<div>'.repeat(4900)}${fill('</a>', size / 4)}`,
      'one picture with many sources and images': (size) =>
        `<picture>${fill('<source srcset="/a.jpg 1x"><img src=b.jpg>', size)}`,
      'one picture with many sources, then images': (size) =>
        `<picture>${fill('<source srcset="/a.jpg 1x">', size / 2)}${fill('<img src=b.jpg alt=x>', size / 2)}`,
      'pictures in pictures': (size) => fill('<picture><source srcset=a.jpg>', size),
      'comments in comments': (size) => fill('<!--', size),
      'tags in tags': (size) => fill('<a<a', size),
      'CDATA in CDATA': (size) => fill('<![CDATA[', size),
      'half entities': (size) => fill('&a', size),
      'thousands of attributes': (size) => `<img ${numbered((n) => `a${n}=1 `, size)} src=a.jpg>`,
      'inline elements': (size) => fill('<b><i><u>', size),
      lists: (size) => fill('<ul><li>', size),
      tables: (size) => fill('<table><tr><td>', size),
      figures: (size) => fill('<figure><figcaption>A boat on the sea</figcaption>', size),
      headings: (size) => fill('<h1>A<img src=x.jpg></h1>', size),
      'images between paragraphs': (size) => numbered((n) => `<img src=/${n}.jpg><p>A boat lies ${n}</p>`, size),
      'one long description of all images': (size) =>
        `<p id=a>${fill('word ', size / 2)}</p>${fill('<img src=/1.jpg aria-describedby="a a a">', size / 2)}`,
      'one link around headings and images': (size) =>
        `<a href=/a>${numbered((n) => `<img src=/${n}.jpg><h3>Boat ${n}</h3>`, size)}`,
      'links to one page around images of one thing': (size) =>
        `<div>${numbered((n) => `<a href=/a>boat ${n}</a><a href=/a><img src=/${n}.jpg></a>`, size)}`,
      'one long base': (size) =>
        `<base href="/${fill('b/', size / 2)}">${numbered((n) => `<img src=${n}.jpg>`, size / 2)}`,
      'one srcset': (size) => `<img srcset="${fill('a.jpg,(((', size)}">`,
      'one refresh': (size) => `<meta http-equiv=refresh content="0;url=${' '.repeat(size)}x">`,
      'one style': (size) => `<figure><div style="${fill('background:url(', size)}">`,
      'backgrounds of spaces': (size) => fill(`<div data-bg="url(${' '.repeat(4000)}x">`, size),
      'attributes of endings': (size) => fill(`<img data-image="${'a.jpg'.repeat(300)}!">`, size),
      'one class': (size) => `<img class="${fill('a-b ', size)}" src=a.jpg>`,
      'one alt text of hyphens': (size) => `<img src=a.jpg alt="${fill('of-', size)}">`,
      'brackets in JSON-LD': (size) => `<script type="application/ld+json">${fill('[', size)}</script>`,
      'blocks of JSON-LD': (size) =>
        fill('<script type="application/ld+json">{"@type":"ImageObject","url":"/a.jpg","caption":"x"}</script>', size),
    },
  },
  'charset of a page': {
    size: 500_000,
    maxRatio: 20,
    read: (text) => charsetOf(Buffer.from(text), undefined),
    harmless: (size) => `<head>${fill('<meta name=a content=b><!-- charset -->', size)}`,
    hostile: {
      'half tags': (size) => fill('<meta charset="', size),
      'comments in comments': (size) => `charset${fill('<!--', size)}`,
      'a declaration without end': (size) => `<?xml ${fill(' encoding =', size)}charset`,
    },
  },
  'robots.txt, and three URLs asked': {
    size: 500_000,
    maxRatio: 20,
    read: (text) => {
      const rules = parseRobots(text);
      for (let n = 0; n < 3; n += 1) {
        rules.allows(`${longUrl}${n}`);
        rules.usagePreferences(`${longUrl}${n}`);
      }
    },
    harmless: (size) => `User-agent: *\n${numbered((n) => `Disallow: /path/${n}\n`, size)}`,
    hostile: {
      'one pattern of stars': (size) => `User-agent: *\nDisallow: /${fill('*a', size)}b`,
      'patterns of stars': (size) => `User-agent: *\n${fill(`Disallow: /${'*a'.repeat(200)}b\n`, size)}`,
      'short patterns of stars': (size) => `User-agent: *\n${fill('Disallow: /*a*b\n', size)}`,
      'one agent without end': (size) => fill('User-agent: a\n', size),
      agents: (size) => numbered((n) => `User-agent: ${word(n)}\n`, size),
      'agents × usage rules': (size) =>
        `${numbered((n) => `User-agent: ${word(n)}\n`, size / 2)}${fill('Content-Usage: train-ai=n\n', size / 2)}`,
      'agents and us × usage rules': (size) =>
        `User-agent: *\n${numbered((n) => `User-agent: ${word(n)}\n`, size / 2)}${fill('Content-Usage: /a a=y\n', size / 2)}`,
      'agents × licences': (size) =>
        `${numbered((n) => `User-agent: ${word(n)}\n`, size / 2)}${numbered((n) => `License: /${n}\n`, size / 2)}`,
      'usage patterns of stars': (size) => `User-agent: *\n${fill('Content-Usage: /*a*a*a*a a=y\n', size)}`,
      spaces: (size) => `${fill(' \t', size)}x`,
    },
  },
  'usage preference': {
    size: 500_000,
    maxRatio: 20,
    read: (text) => [forbidsTraining(text, 'content-signal'), forbidsTraining(text, 'content-usage')],
    harmless: (size) => fill('ai-train=yes, search=no, ', size),
    hostile: { spaces: (size) => `${fill(' ', size)}x`, 'equals signs': (size) => fill('=', size) },
  },
  'licence file': {
    size: 500_000,
    maxRatio: 20,
    read: (text) => {
      const licence = parseRsl(`<rsl>${text}`) ?? [];
      rightsOf({ headers: {}, url: longUrl, tdmrep: [], robotsUsage: [], licences: new Map([['x', licence]]) });
    },
    harmless: (size) => fill('<content url="/"><license><permits>all</permits></license></content>', size),
    hostile: {
      'comments in comments': (size) => fill('<!--', size),
      'tags in tags': (size) => fill('<a<a', size),
      'patterns of stars': (size) => fill(`<content url="/${'*a'.repeat(100)}b"><license>`, size),
    },
  },
  'TDMRep file': {
    size: 500_000,
    maxRatio: 20,
    read: (text) => {
      const tdmrep = parseTdmrep(`[${text}{}]`);
      rightsOf({ headers: {}, url: longUrl, tdmrep, robotsUsage: [] });
    },
    harmless: (size) => numbered((n) => `{"location":"/${n}","tdm-reservation":1},`, size),
    hostile: {
      'patterns of stars': (size) => numbered((n) => `{"location":"/*a*a*a*b${n}","tdm-reservation":1},`, size),
      brackets: (size) => fill('[', size),
    },
  },
};

it('a page’s texts are not many times its length', () => {
  const pages = {
    caption: `<figure><figcaption>${fill('boat ', 100_000)}</figcaption>${numbered((n) => `<img src=/${n}.jpg>`, 200_000)}</figure>`,
    description: `<p id=a>${fill('boat ', 100_000)}</p>${numbered((n) => `<img src=/${n}.jpg aria-describedby=a>`, 400_000)}`,
    'ten descriptions': `${numbered((n) => `<p id=a${n}>${fill('boat ', 5000)}</p>`, 50_000)}${numbered(
      (n) => `<img src=/${n}.jpg aria-describedby="a0 a1 a2 a3 a4 a5 a6 a7 a8 a9">`,
      400_000,
    )}`,
  };
  for (const [name, html] of Object.entries(pages)) {
    const { images, textless } = extractPage(html, 'https://a.test/');
    const length = images.reduce((sum, { texts }) => sum + texts.reduce((own, { text }) => own + text.length, 0), 0);
    assert.ok(length > 1_000_000 && length <= 4_000_000, `${name}: ${length}`);
    assert.ok(images.length > 0 && textless > 0, name);
  }
});

/** Milliseconds of CPU, at least one. */
function cpuMs(work: () => unknown): number {
  const started = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(started);
  return Math.max(1, (user + system) / 1000);
}

for (const [name, { size, read, maxRatio, harmless, hostile }] of Object.entries(kinds)) {
  describe(`${name} of ${size} characters`, () => {
    let limitMs = 0;
    before(() => {
      const text = harmless(size);
      limitMs = maxRatio * Math.min(...[1, 2, 3].map(() => cpuMs(() => read(text))));
    });
    for (const [kind, make] of Object.entries(hostile)) {
      it(kind, () => {
        const text = make(size);
        let least = Number.POSITIVE_INFINITY;
        for (let tries = 0; tries < 3 && least > limitMs; tries += 1)
          least = Math.min(
            least,
            cpuMs(() => read(text)),
          );
        assert.ok(least <= limitMs, `${Math.round(least)} ms of ${Math.round(limitMs)}`);
      });
    }
  });
}
