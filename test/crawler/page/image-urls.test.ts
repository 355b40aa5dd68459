/** Which file an image element means, with the attributes of many lazy loaders. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';

const at = 'https://a.example/dir/';
const blank = 'data:image/gif;base64,R0lGODlhAQABAAAAACw=';

describe('an image element means', () => {
  const cases: { name: string; html: string; file: string | null }[] = [
    // Attributes of plugins in a closed list, and those of plugins that are not.
    ...[
      'data-src',
      'data-original',
      'data-lazy-src',
      'data-orig-src',
      'data-ll-src',
      'data-pagespeed-lazy-src',
      'data-cfsrc',
      'data-ezsrc',
      'data-big',
      'data-full',
      'data-large_image',
      'data-zoom-image',
      'data-pin-media',
      'nitro-lazy-src',
      'lsrc',
      'file',
      'realsrc',
    ].map((name) => ({ name, html: `<img src="${blank}" ${name}="boat.jpg" alt="A boat">`, file: 'boat.jpg' })),
    { name: 'no src', html: '<img data-anything="boat.webp?v=1" alt="A boat">', file: 'boat.webp?v=1' },
    { name: 'a spacer', html: '<img src="/spacer.gif" data-anything="boat.jpg" alt="A boat">', file: 'boat.jpg' },
    { name: 'one pixel', html: '<img src="/i/1x1.png" data-anything="boat.jpg" alt="A boat">', file: 'boat.jpg' },
    {
      name: 'grey beside a file',
      html: '<img src="/gray.png" data-anything="boat.jpg" alt="A boat">',
      file: 'boat.jpg',
    },
    { name: 'a picture named grey', html: '<img src="gray.png" alt="Gray">', file: 'gray.png' },
    { name: 'a picture named empty', html: '<img src="empty.jpg" alt="An empty street">', file: 'empty.jpg' },
    {
      name: 'an image service',
      html: `<img src="${blank}" data-ll-src="https://images.example/abc?fm=webp" alt="A boat">`,
      file: 'https://images.example/abc?fm=webp',
    },
    {
      name: 'the widest',
      html: `<img src="${blank}" data-a="b-60x40.jpg" data-b="b-1200x800.jpg" alt="A boat">`,
      file: 'b-1200x800.jpg',
    },
    {
      name: 'no thumbnail',
      html: `<img src="${blank}" data-thumb="t.jpg" data-b="boat.jpg" alt="A boat">`,
      file: 'boat.jpg',
    },
    {
      name: 'no other thing',
      html: `<img src="${blank}" data-fallback="no.jpg" data-link="/boat.html" alt="A boat">`,
      file: null,
    },
    {
      name: 'not the attribute of nobody beside a real src',
      html: '<img src="boat.jpg" data-anything="x.jpg" alt="A boat">',
      file: 'boat.jpg',
    },

    // Beside a real src.
    {
      name: 'a blurred copy',
      html: '<img class="lazyload" src="lqip.jpg" data-src="boat.jpg" alt="A boat">',
      file: 'boat.jpg',
    },
    {
      name: 'a small copy',
      html: '<img src="boat-60x40.jpg" data-src="boat-1200x800.jpg" alt="A boat">',
      file: 'boat-1200x800.jpg',
    },
    {
      name: 'a small data-src',
      html: '<img src="boat-1200x800.jpg" data-src="boat-60x40.jpg" alt="A boat">',
      file: 'boat-1200x800.jpg',
    },
    {
      name: 'a small data-src by its name',
      html: '<img src="boat.jpg" width="1200" height="800" data-src="boat-60x40.jpg" alt="A boat">',
      file: 'boat.jpg',
    },
    {
      name: 'a thumbnail in data-src',
      html: '<img src="boat.jpg" data-src="/thumbs/boat.jpg" alt="A boat">',
      file: 'boat.jpg',
    },
    {
      name: 'a data-src of unknown size beside a large src',
      html: '<img src="boat.jpg?w=1200" data-src="b.jpg" alt="A boat">',
      file: 'boat.jpg?w=1200',
    },

    // Sets.
    {
      name: 'a bad descriptor',
      html: '<img src="boat.jpg" srcset="x.jpg 2y, z.jpg 0w" alt="A boat">',
      file: 'boat.jpg',
    },
    { name: 'a bad address', html: '<img src="boat.jpg" srcset="http://[ 2x" alt="A boat">', file: 'boat.jpg' },
    {
      name: 'nothing written',
      html: '<img src="boat.jpg" srcset="undefined 2x" data-src="null" alt="A boat">',
      file: 'boat.jpg',
    },
    { name: 'a template', html: '<img src="{{ boat.url }}" data-src="boat.jpg" alt="A boat">', file: 'boat.jpg' },
    {
      name: 'a good candidate',
      html: '<img src="boat.jpg" srcset="x.jpg 2y, big.jpg 2x" alt="A boat">',
      file: 'big.jpg',
    },
    {
      name: 'a set of any plugin',
      html: `<img src="${blank}" data-ll-srcset="s.jpg 300w, boat.jpg 900w" alt="A boat">`,
      file: 'boat.jpg',
    },
  ];
  for (const { name, html, file } of cases) {
    test(`${name}: ${file}`, () => {
      const { images } = extractPage(`<main><p>Text.</p>${html}</main>`, at);
      assert.deepEqual(
        images.map(({ url, written }) => written ?? url),
        file === null ? [] : [new URL(file, at).href],
      );
    });
  }
});
