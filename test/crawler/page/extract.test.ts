/** What is extracted from a page: which images are dominant, which file they mean, and every text that describes them. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { extractPage } from '../../../crawler/page/extract.ts';
import { subjectsOf } from '../../helpers/subjects.ts';

const url = 'https://a.example/dir/page.html';
const seen = (html: string) =>
  subjectsOf(extractPage(html, url)).map(({ url: image, texts }) => [
    image.replace('https://a.example', ''),
    ...texts.map(({ source, text }) => `${source}: ${text}`),
  ]);
const alt = 'A red boat on the lake';

describe('where an image and its texts are found', () => {
  const cases: { name: string; html: string; expected: string[][] }[] = [
    { name: 'plain', html: `<img src="b.jpg" alt="${alt}">`, expected: [['/dir/b.jpg', `alt: ${alt}`]] },
    {
      name: 'figure with caption, title and heading',
      html: `<main><h2>Boats on the lake</h2><p>They are red.</p><figure><img src=b.jpg alt="${alt}" title="Boat"><figcaption>In <b>M</b>ay</figcaption></figure></main>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`, 'caption: In May', 'title: Boat', 'heading: Boats on the lake']],
    },
    {
      name: 'lazy',
      html: `<img class=lazyload src="data:image/gif;base64,AA" data-src="b.jpg" alt="${alt}">`,
      expected: [['/dir/b.jpg', `alt: ${alt}`]],
    },
    {
      name: 'the widest sensible candidate',
      html: `<img src=s.jpg srcset="m.jpg 800w, l.jpg 2000w, xl.jpg 9000w" alt="${alt}">`,
      expected: [['/dir/l.jpg', `alt: ${alt}`]],
    },
    {
      name: 'picture with an unknown type',
      html: `<picture><source type="image/x-none" srcset=x.xyz><img src=b.jpg alt="${alt}"></picture>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`]],
    },
    {
      name: 'picture without a source of its own',
      html: `<picture><source type="image/webp" srcset="b.webp 900w"><img alt="${alt}"></picture>`,
      expected: [['/dir/b.webp', `alt: ${alt}`]],
    },
    {
      name: 'noscript beside a placeholder',
      html: `<p><img src="data:image/gif;base64,AA" alt=""><noscript><img src=b.jpg alt="${alt}"></noscript></p>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`]],
    },
    {
      name: 'base',
      html: `<base href="/other/"><img src=b.jpg alt="${alt}">`,
      expected: [['/other/b.jpg', `alt: ${alt}`]],
    },
    {
      name: 'a base that is too long for any request: what is relative to it is nowhere',
      html: `<base href="/${'b/'.repeat(5000)}"><img src=b.jpg alt="${alt}"><img src=https://a.example/c.jpg alt="${alt}">`,
      expected: [['/c.jpg', `alt: ${alt}`]],
    },
    {
      name: 'the picture behind a thumbnail',
      html: `<a href=full.jpg><img src=b-150x150.jpg alt="${alt}"></a>`,
      expected: [['/dir/full.jpg', `alt: ${alt}`]],
    },
    {
      name: 'a link to an image',
      html: '<p><a href=b.jpg>Our boat in May</a></p>',
      expected: [['/dir/b.jpg', 'nearby: Our boat in May']],
    },
    {
      name: 'aria',
      html: `<main><img src=b.jpg aria-labelledby="x y"><span id=x>A red</span><span id=y>boat</span></main>`,
      expected: [['/dir/b.jpg', 'aria: A red boat']],
    },
    {
      name: 'a class that says caption',
      html: `<div class="wp-caption"><img src=b.jpg alt="${alt}"><p class="wp-caption-text">In May</p></div>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`, 'caption: In May']],
    },
    {
      name: 'a DocBook figure',
      html: `<div class="figure"><p class="title">Figure 1. In May</p><div class="figure-contents"><div class="mediaobject"><img src=b.jpg alt="${alt}"></div></div></div>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`, 'caption: Figure 1. In May']],
    },
    {
      name: 'og:image',
      html: '<meta property="og:image" content="/boats.jpg"><meta property="og:description" content="All about boats"><p>x',
      expected: [['/boats.jpg', 'og: All about boats']],
    },
    {
      name: 'JSON-LD',
      html: '<script type="application/ld+json">{"@graph":[{"@type":"ImageObject","contentUrl":"/j.jpg","caption":"Boats and lakes"}]}</script>',
      expected: [['/j.jpg', 'json-ld: Boats and lakes']],
    },
    {
      name: 'a background that is an image',
      html: `<main><h1>Boats</h1><div role=img aria-label="${alt}" style="background-image: url('b.jpg')"></div><p>Text.</p></main>`,
      expected: [['/dir/b.jpg', `aria: ${alt}`, 'heading: Boats']],
    },
    { name: 'a background that is not', html: '<div style="background-image: url(b.jpg)">text</div>', expected: [] },
    {
      name: 'twice on one page',
      html: `<main><p><img src=b.jpg alt="${alt}"></p><p><img src=b.jpg alt="The same boat again"></p></main>`,
      expected: [['/dir/b.jpg', `alt: ${alt}`, 'alt: The same boat again']],
    },
    {
      name: 'entities, folding and characters that cannot be seen',
      html: '<img src=b.jpg alt=" A &amp; B\u202e\n  &#x43;\u200b ">',
      expected: [['/dir/b.jpg', 'alt: A & B C']],
    },
    ...['has-credit', 'no-credit', 'text-and-credit', 'credit-card-name', 'photographer-bio', 'ImageWithCredit'].map(
      (wrapper) => ({
        name: `a caption in "${wrapper}"`,
        html: `<figure><img src=b.jpg alt="${alt}"><figcaption><div class="${wrapper}">Ada Wren at Sea</div></figcaption></figure>`,
        expected: [['/dir/b.jpg', `alt: ${alt}`, 'caption: Ada Wren at Sea']],
      }),
    ),
    ...['photo-credit', 'credit-line', 'Photo_credit__a1B2c', 'photoCredit', 'credit--small'].map((mark) => ({
      name: `no caption in "${mark}", but for one that is more than names`,
      html: `<figure><img src=b.jpg alt="${alt}"><figcaption class="${mark}">Ada Wren</figcaption></figure><figure><img src=c.jpg alt="A blue boat on a river"><figcaption class="${mark}">The boat lies on the shore of the lake</figcaption></figure>`,
      expected: [
        ['/dir/b.jpg', `alt: ${alt}`],
        ['/dir/c.jpg', 'alt: A blue boat on a river', 'caption: The boat lies on the shore of the lake'],
      ],
    })),
    {
      name: 'a lead before a description; before the name of the site it is a template without a title',
      html: '<meta property="og:site_name" content="Lake News"><main><img src=b.jpg alt="- Two dogs play on a beach"><img src=c.jpg alt="| Lake News" title="A blue boat"></main>',
      expected: [
        ['/dir/b.jpg', 'alt: Two dogs play on a beach'],
        ['/dir/c.jpg', 'title: A blue boat'],
      ],
    },
    {
      name: 'a caption without what is marked as a credit in it',
      html: `<figure><img src=b.jpg alt="${alt}"><figcaption><span>In May</span> <span class="photo-credit">Ada Wren</span></figcaption></figure><figure><img src=c.jpg alt="A blue boat on a river"><figcaption><span class="css-1" data-theme-key="photo-credit-creditor">Ada Wren for The News</span></figcaption></figure>`,
      expected: [
        ['/dir/b.jpg', `alt: ${alt}`, 'caption: In May'],
        ['/dir/c.jpg', 'alt: A blue boat on a river'],
      ],
    },
    {
      name: 'a style and a script in a card are no words of it',
      html: '<main><ul><li><div><style>img.lake { height: 100% }</style><img src=b.jpg></div></li><li><div><style>img.lake { height: 100% }</style><img src=c.jpg></div></li></ul></main>',
      expected: [],
    },
    {
      name: 'a template without a title, and the name of the site as description of its own picture',
      html: `<meta property="og:site_name" content="Lake News"><meta property="og:image" content="/boats.jpg"><meta property="og:image:alt" content="Lake News"><meta property="og:title" content="Boats of the lake"><main><p><img src=b.jpg alt="${alt}" title=" - Lake News"></p></main>`,
      expected: [
        ['/dir/b.jpg', `alt: ${alt}`],
        ['/boats.jpg', 'og: Boats of the lake'],
      ],
    },
    { name: 'nothing to say', html: '<main><img src=b.jpg></main>', expected: [] },
  ];
  for (const { name, html, expected } of cases) test(name, () => assert.deepEqual(seen(html), expected));
});

describe('what is certain furniture, and not downloaded', () => {
  const cases: { name: string; html: string; reason: string | null }[] = [
    {
      name: 'an icon',
      html: '<main><img src=a.jpg alt="x" width=32 height=32></main>',
      reason: 'decoration-icon-size',
    },
    { name: 'one pixel more', html: '<main><img src=a.jpg alt="x" width=33 height=32></main>', reason: null },
    { name: 'a thumbnail', html: '<a href=a.jpg><img src=a_t.jpg alt="x" width=32 height=32></a>', reason: null },
    {
      name: 'a small picture that is described',
      html: `<img src=a.jpg alt="${alt}" width=32 height=32>`,
      reason: null,
    },
    {
      name: 'a lazy picture in the place of an icon',
      html: '<img src=spinner.gif data-src=a.jpg alt="x" width=32 height=32>',
      reason: null,
    },
    {
      name: 'tracking pixel',
      html: '<main><img src=a.jpg width=1 height=1></main>',
      reason: 'decoration-tracking-pixel',
    },
    {
      name: 'pixel by style',
      html: '<main><img src=a.jpg style="width:1px;height:1px"></main>',
      reason: 'decoration-tracking-pixel',
    },
    {
      name: 'a ratio, not a size',
      html: '<main><amp-img src=a.jpg width=1 height=1 layout=responsive alt="x"></main>',
      reason: null,
    },
    {
      name: 'a counter',
      html: '<p><img src="https://c.statcounter.com/1/2/" alt="x"></p>',
      reason: 'decoration-telling-host',
    },
  ];
  for (const { name, html, reason } of cases) {
    test(name, () => {
      const { refused, images } = extractPage(html, url);
      assert.deepEqual(
        refused.map((one) => one.reason),
        reason === null ? [] : [reason],
      );
      assert.equal(images.length, reason === null ? 1 : 0);
    });
  }
});

test('the rest of a page', () => {
  const page = extractPage(
    `<html lang="de"><title>Boote &amp; Seen</title><link rel="license" href="https://creativecommons.org/licenses/by/4.0/">
     <header>Menü Menü Menü</header><main><p>Ein rotes Boot liegt am Ufer des Sees und wartet.</p><script>var x = "no text";</script>
     <a href="a.html#x">a</a> <a href="b.html" rel="nofollow">b</a> <a href="mailto:x@y.z">m</a></main></html>`,
    url,
  );
  assert.equal(page.title, 'Boote & Seen');
  assert.equal(page.lang, 'de');
  assert.equal(page.licenseUrl, 'https://creativecommons.org/licenses/by/4.0/');
  assert.equal(page.text, 'Ein rotes Boot liegt am Ufer des Sees und wartet. a b m');
  assert.deepEqual(page.links, [
    { url: 'https://a.example/dir/a.html', nofollow: false },
    { url: 'https://a.example/dir/b.html', nofollow: true },
  ]);
});

describe('hostile pages are read in time that grows with their size', () => {
  const many = (piece: string, times: number): string => piece.repeat(times);
  const cases: { readonly name: string; readonly html: string; readonly images: number }[] = [
    {
      name: '20,000 images with captions, of which the first 5,000 are looked at',
      html: Array.from(
        { length: 20_000 },
        (_, i) => `<figure><img src="${i}.jpg" alt="Boat ${i}"><figcaption>In May</figcaption></figure>`,
      ).join(''),
      images: 5000,
    },
    {
      name: '20,000 images in one paragraph under one heading',
      html: `<h2>${many('word ', 10_000)}</h2><p>${Array.from({ length: 20_000 }, (_, i) => `<img src="${i}.jpg" alt="Boat">`).join('')}${many('word ', 10_000)}</p>`,
      images: 5000,
    },
    { name: 'one image 20,000 times', html: `<main>${many('<img src=a.jpg alt="A boat">', 20_000)}</main>`, images: 1 },
    {
      name: 'figures in figures with captions in captions',
      html: many('<figure><figcaption>a', 2000) + many('<img src=a.jpg alt=b>', 4000),
      images: 1,
    },
    {
      name: 'captions that claim all images before them',
      html: `<div>${many('<img src=a.jpg>', 5000)}</div>${many('<p class=caption></p>', 20_000)}`,
      images: 0,
    },
    {
      name: 'links in links around images',
      html: many('<a href=b.jpg>', 4000) + many('<img src=a.jpg alt=b>', 4000),
      images: 1,
    },
    { name: 'empty roots in empty roots', html: many('<div id=app><script></script>', 4900), images: 0 },
    { name: 'noscript in noscript', html: many('<noscript>', 4900) + many('<b></b>', 50_000), images: 0 },
    {
      name: 'labels that name everything',
      html: `${many('<i id=a>word word word</i>', 2000)}${many(`<img src=a.jpg aria-labelledby="${many('a ', 1000)}">`, 200)}`,
      images: 1,
    },
    {
      name: 'a style of a megabyte',
      html: `<div role=img style="${many('background:', 90_000)}"></div><img src=a.jpg alt=b style="${many('width :', 90_000)}">`,
      images: 1,
    },
    {
      name: 'a class of a megabyte',
      html: `<img src=a.jpg alt=b class="${many('ad-x-', 200_000)}"><div class="${many('share-', 200_000)}"></div>`,
      images: 1,
    },
  ];
  for (const { name, html, images } of cases) {
    test(name, { timeout: 20_000 }, () => assert.equal(extractPage(html, url).images.length, images));
  }
});

test('no HTML makes the extraction throw', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '<main>',
      '</main>',
      '<img src=a.jpg alt="',
      '">',
      '<figure>',
      '</div>',
      '<a href=//>',
      '<!--',
      '-->',
      '<script>',
      '</script>',
      '<base href=":">',
      'srcset="',
      '&#0;',
      '<p',
      '\0',
    ),
    fc.string({ maxLength: 20 }),
  );
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void extractPage(pieces.join(''), url)));
});
