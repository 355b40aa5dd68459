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
/** What shops write between the views and the name. */
const facts = ['$ 95', '120 reviews', 'Grey', 'Green', 'In stock', 'Free returns', 'Two years']
  .map((fact) => `<p>${fact}</p>`)
  .join('');
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
    'one heading before five slides is about none of them',
    `<main><h2>Adopt</h2><div>${['a', 'b', 'c', 'd', 'e'].map((name) => `<div class="item"><div>${img(name)}</div><div><a href=""> </a></div></div>`).join('')}</div></main>`,
    {},
  ],
  [
    'a heading is about many pictures where their files have its words',
    `<main><h2>The wren</h2><div>${['a', 'b', 'c', 'd'].map((name) => `<div>${img(`wren-in-${name}`, `View ${name} of the wren`)}</div>`).join('')}</div></main>`,
    Object.fromEntries(['a', 'b', 'c', 'd'].map((name) => [`wren-in-${name}.jpg`, [`alt: View ${name} of the wren`]])),
  ],
  [
    'the description of one thing in several colours, which its cards repeat',
    `<main>${['red', 'blue', 'green']
      .map(
        (name) =>
          `<div class="card"><a href="/watch?colour=${name}">${img(name, 'Garland Runner 970 watch')}</a><a href="/watch?colour=${name}"><div>Garland Runner 970 watch</div></a></div>`,
      )
      .join('')}</main>`,
    Object.fromEntries(['red', 'blue', 'green'].map((name) => [`${name}.jpg`, ['alt: Garland Runner 970 watch']])),
  ],
  [
    'the description of one card that a template repeats in all',
    `<main>${['Wren', 'Robin', 'Finch']
      .map(
        (name) =>
          `<div class="card"><a href="/${name}">${img(name, 'Photograph of our best year')}</a><h3>The ${name}</h3></div>`,
      )
      .join('')}</main>`,
    Object.fromEntries(['Wren', 'Robin', 'Finch'].map((name) => [`${name}.jpg`, [`heading: The ${name}`]])),
  ],
  [
    'what the site is named after',
    `<head><meta property="og:site_name" content="Eiffel Tower"></head><main><h1>Opening hours</h1><figure>${img('a', 'Eiffel Tower')}<figcaption>The Eiffel Tower</figcaption></figure></main>`,
    { 'a.jpg': ['alt: Eiffel Tower', 'caption: The Eiffel Tower', 'heading: Opening hours'] },
  ],
  [
    'the caption of two pictures that have a credit each',
    `<main><div><div><div>${img('a')}<span>Foto: A. Berg</span></div><div>${img('b')}<span>Foto: B. Tal</span></div></div><div class="caption">The harbour before the storm, left, and after it</div></div></main>`,
    Object.fromEntries(
      ['a.jpg', 'b.jpg'].map((name) => [name, ['caption: The harbour before the storm, left, and after it']]),
    ),
  ],
  [
    'the caption of two figures that have a credit each',
    `<main><div><div><figure>${img('a')}<figcaption>Photo: Ada Berg</figcaption></figure><figure>${img('b')}<figcaption>Photo: Bea Tal</figcaption></figure></div><div class="caption">The harbour before the storm, left, and after it</div></div></main>`,
    Object.fromEntries(
      ['a.jpg', 'b.jpg'].map((name) => [name, ['caption: The harbour before the storm, left, and after it']]),
    ),
  ],
  [
    'what stands below two pictures that have words each',
    `<main><div><div><div>${img('a', 'A wren')}<span>At sea</span></div><div>${img('b', 'A robin')}<span>At home</span></div></div><div class="caption">Our visitors this year</div></div></main>`,
    { 'a.jpg': ['alt: A wren'], 'b.jpg': ['alt: A robin'] },
  ],
  [
    'the title above four pictures of one thing',
    `<main><article><h1>Neuschwanstein Castle</h1>${[1, 2, 3, 4].map((at) => `<figure>${img(`IMG_${at}00${at}`)}</figure>`).join('')}${'<p>The king had it built on a rock above the village.</p>'.repeat(8)}</article></main>`,
    Object.fromEntries([1, 2, 3, 4].map((at) => [`IMG_${at}00${at}.jpg`, ['heading: Neuschwanstein Castle']])),
  ],
  [
    'a quotation as a caption',
    `<main><h1>Comics</h1><figure>${img('a')}<figcaption>"A fisherman pulls his boat onto the beach while the village watches the storm come in"</figcaption></figure></main>`,
    {
      'a.jpg': [
        'caption: "A fisherman pulls his boat onto the beach while the village watches the storm come in"',
        'heading: Comics',
      ],
    },
  ],
  [
    'a caption with a credit',
    `<main><figure>${img('a')}<figcaption>A red fox in the snow between birches. Photo by Ada Wren on Unsplash</figcaption></figure><figure>${img('b')}<figcaption>Courtesy of the museum: bronze horse, 2nd century</figcaption></figure></main>`,
    {
      'a.jpg': ['caption: A red fox in the snow between birches.'],
      'b.jpg': ['caption: bronze horse, 2nd century'],
    },
  ],
  [
    'what a board says of its readers',
    `<main>${img('a', 'Ada Wren’s profile')}${img('b', 'ada is online')}${img('c', 'A red boat')}</main>`,
    { 'c.jpg': ['alt: A red boat'] },
  ],
  [
    'the name of the site',
    `<head><meta property="og:site_name" content="OurSite"></head><main><h1>Our Site</h1>${img('a')}<a href="/">${img('b', 'Our site')}</a></main>`,
    {},
  ],
  [
    'a line below a list that has words of its own is no caption',
    `<main><div class="list"><div>${img('Wren', 'A wren on a fence')}<p>Open until May</p></div><div>${img('Robin', 'A robin on a fence')}<p>Open until June</p></div></div><div class="caption">Showing 2 of 2 results</div></main>`,
    {
      'Wren.jpg': ['alt: A wren on a fence'],
      'Robin.jpg': ['alt: A robin on a fence'],
    },
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
    'the same where the whole card is a link',
    `<main><div>${['Wren', 'Robin']
      .map(
        (name) =>
          `<a class="card" href="/${name}"><div>4.9 out of 5 stars</div><div>The small ${name}</div><div>${img(name, '')}</div></a>`,
      )
      .join('')}</div></main>`,
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
    'the views of a product with its price, reviews and colours before its name',
    `${product}${views}${facts}<h1>Heron 40 backpack</h1><p>It is light.</p></main>`,
    Object.fromEntries(viewNames.map((name) => [`${name}.jpg`, ['heading: Heron 40 backpack']])),
  ],
  [
    'the views of a product far below its name: those that stand like the one that the page names',
    `${product.replace('</head>', '<meta property="og:image" content="/v1.jpg"></head>')}<h1>Heron 40 backpack</h1>${facts}${views}<h2>Made in Wales</h2><p>By hand.</p><div>${img('mill', '')}</div><p>Since 1911.</p></main>`,
    Object.fromEntries(viewNames.map((name) => [`${name}.jpg`, ['heading: Heron 40 backpack']])),
  ],
  [
    'the picture that the page names among links to other products: what stands like it there is no view',
    `${product.replace('</head>', '<meta property="og:image" content="/v1.jpg"></head>')}<h1>Heron 40 backpack</h1>${facts}<p>It is light.</p><h2>Also the Heron 20</h2><ul><li><a href="/heron">${img('v1', '')}</a></li><li>${img('mill', '')}</li></ul><p>Since 1911.</p></main>`,
    { 'v1.jpg': ['heading: Also the Heron 20'] },
  ],
  [
    'the same where the page names none',
    `${product}<h1>Heron 40 backpack</h1>${facts}${views}<h2>Made in Wales</h2><p>By hand.</p></main>`,
    {},
  ],
  [
    'a list of pictures above the title of a page that is about no one thing',
    `<main>${views}<h1>Heron 40 backpack</h1><p>It is light.</p></main>`,
    {},
  ],
  [
    'the same where files have a word of the title: those near it',
    `<main>${views.replace(/"\/v/g, '"/heron-v')}<h1>Heron 40 backpack</h1><p>It is light.</p></main>`,
    Object.fromEntries(viewNames.slice(2).map((name) => [`heron-${name}.jpg`, ['heading: Heron 40 backpack']])),
  ],
  [
    'a paragraph that announces it',
    `<main><article><p>Words.</p><p>This is the window for searching:</p><p>${img('a')}</p><p>Words.</p><p>${img('b')}</p></article></main>`,
    { 'a.jpg': ['paragraph: This is the window for searching:'] },
  ],
];

for (const [what, html, expected] of cases) test(what, () => assert.deepEqual(texts(html), expected));
