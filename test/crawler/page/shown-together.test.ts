/** Pictures that stand together, behind something or above a title: which are one thing, and what names them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';

/** Every text of each picture, by its file name. */
function texts(html: string, url = 'https://site.example/birds/wren'): Record<string, string[]> {
  return Object.fromEntries(
    extractPage(html, url).images.map((image) => [
      new URL(image.url).pathname.slice(1),
      image.texts.map(({ source, text }) => `${source}: ${text}`),
    ]),
  );
}

const img = (name: string, alt?: string): string =>
  `<img src="/${name}.jpg" width="600" height="400"${alt === undefined ? '' : ` alt="${alt}"`}>`;
const cards = (inner: (name: string) => string): string =>
  `<main><ul>${['Wren', 'Robin'].map((name) => `<li class="card">${inner(name)}</li>`).join('')}</ul></main>`;

/** Views of one thing. */
const viewNames = ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8'];
const views = `<ul>${viewNames.map((name) => `<li>${img(name, '')}</li>`).join('')}</ul>`;
const product = '<head><meta property="og:type" content="product"></head><main>';

const cases: [what: string, html: string, expected: Record<string, string[]>][] = [
  [
    'twins for light and dark screens have one heading',
    cards((name) => `<div>${img(`${name}-light`, '')}${img(`${name}-dark`, '')}</div><h3>The ${name}</h3>`),
    {
      'Wren-light.jpg': ['heading: The Wren'],
      'Wren-dark.jpg': ['heading: The Wren'],
      'Robin-light.jpg': ['heading: The Robin'],
      'Robin-dark.jpg': ['heading: The Robin'],
    },
  ],
  [
    'the other side of a card, behind its picture',
    cards(
      (name) =>
        `<figure style="background-image:url(/${name}-back.jpg)"><a href="/${name}">${img(name, '')}</a></figure><a href="/${name}">The small ${name}</a>`,
    ),
    {
      'Wren-back.jpg': ['nearby: The small Wren'],
      'Wren.jpg': ['heading: The small Wren'],
      'Robin-back.jpg': ['nearby: The small Robin'],
      'Robin.jpg': ['heading: The small Robin'],
    },
  ],
  [
    'the heading of a gallery is about none of its pictures',
    `<main><section><h2>Our visitors</h2><div>${['a', 'b', 'c', 'd'].map((name) => `<div>${img(name)}</div>`).join('')}</div></section></main>`,
    {},
  ],
  [
    'pictures that are described differently are two',
    `<main><section><h2>Wren and Robin birds</h2><div>${img('Wren', 'A Wren bird')}${img('Robin', 'A Robin bird')}</div></section></main>`,
    { 'Wren.jpg': ['alt: A Wren bird'], 'Robin.jpg': ['alt: A Robin bird'] },
  ],
  [
    'a name that many pictures lead to their own files with is no button',
    `<main><div>${['a', 'b', 'c'].map((name) => `<p><a href="/${name}-full.jpg">${img(name, 'Mat customer')}</a></p>`).join('')}</div></main>`,
    { 'a.jpg': ['alt: Mat customer'], 'b.jpg': ['alt: Mat customer'], 'c.jpg': ['alt: Mat customer'] },
  ],
  [
    'one description of a thing in several colours',
    `<main><div>${['a', 'b', 'c'].map((name) => `<p><a href="/${name}">${img(name, 'Runner watch with a strap')}</a></p>`).join('')}</div></main>`,
    {
      'a.jpg': ['alt: Runner watch with a strap'],
      'b.jpg': ['alt: Runner watch with a strap'],
      'c.jpg': ['alt: Runner watch with a strap'],
    },
  ],
  [
    'a picture behind a title',
    '<main><div style="background: url(/wren.jpg) no-repeat center"><h1>The Wren in spring</h1></div><p>It sings.</p></main>',
    { 'wren.jpg': ['heading: The Wren in spring'] },
  ],
  [
    'a picture that a script shows behind an empty one',
    '<main><h1>The Wren in spring</h1><img src="data:image/gif;base64,AA" style="background-image:url(/wren.jpg)"><p>It sings.</p></main>',
    { 'wren.jpg': ['heading: The Wren in spring'] },
  ],
  [
    'the title of a page, where the name of the site is a heading of the first level, too',
    `<head><title>The Wren in spring – Birds</title></head><body><div><h1>Birds</h1></div><main>${img('wren', '')}<h1>The Wren in spring</h1><p>It sings.</p></main></body>`,
    { 'wren.jpg': ['heading: The Wren in spring'] },
  ],
  [
    'the wallpaper of a page is no picture of it',
    '<body style="background-image:url(/paper.jpg)"><main><h1>The Wren in spring</h1><p>It sings.</p></main></body>',
    {},
  ],
  [
    'what content systems write before a title',
    `<main><p><a href="/birds/robin" title="Permanent Link to The small Robin">${img('robin', '')}</a></p></main>`,
    { 'robin.jpg': ['title: The small Robin'] },
  ],
  [
    'the first line of a card that says something',
    cards(
      (name) => `<div>${img(name, '')}</div><div>4.9 out of 5 stars</div><div>The small ${name}</div><div>$6.95</div>`,
    ),
    { 'Wren.jpg': ['nearby: The small Wren'], 'Robin.jpg': ['nearby: The small Robin'] },
  ],
  [
    'a paragraph that only stands beside a picture says nothing of it',
    `<main><article><p>Rain is expected all week.</p><p>${img('a')}</p><p>Roads are closed in the north.</p><p>${img('b')}</p><p>More tomorrow.</p></article></main>`,
    {},
  ],
  [
    'a paragraph that has one word of the picture’s name, and one that has two',
    `<main><article><p>The river rises all night.</p><p>${img('river-heron')}</p><p>Roads are closed in the north.</p><p>${img('river-otter')}</p><p>A river otter was seen below the bridge.</p></article></main>`,
    { 'river-otter.jpg': ['paragraph: A river otter was seen below the bridge.'] },
  ],
  [
    'the views of a product in a list above its name',
    `${product}${views}<h1>Heron 40 backpack</h1><p>It is light.</p></main>`,
    Object.fromEntries(viewNames.map((name) => [`${name}.jpg`, ['heading: Heron 40 backpack']])),
  ],
  [
    'a list of pictures above the name of a page that is about no one thing: those near it',
    `<main>${views}<h1>Heron 40 backpack</h1><p>It is light.</p></main>`,
    Object.fromEntries(viewNames.slice(2).map((name) => [`${name}.jpg`, ['heading: Heron 40 backpack']])),
  ],
  [
    'a paragraph that announces it',
    `<main><article><p>Words.</p><p>This is the window for searching:</p><p>${img('a')}</p><p>Words.</p><p>${img('b')}</p></article></main>`,
    { 'a.jpg': ['paragraph: This is the window for searching:'] },
  ],
];

for (const [what, html, expected] of cases) test(what, () => assert.deepEqual(texts(html), expected));
