/** Whose words a picture gets: never those of another card. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';

const url = 'https://site.example/list';

/** Headings and nearby texts of each picture, by its file name. */
function words(html: string): Record<string, string[]> {
  return Object.fromEntries(
    extractPage(html, url).images.map((image) => [
      image.url.slice('https://site.example/'.length),
      image.texts.filter(({ source }) => source === 'heading' || source === 'nearby').map(({ text }) => text),
    ]),
  );
}

const card = (name: string, inner: (img: string) => string): string =>
  inner(`<img src="/${name}.jpg" alt="Photo of the ${name} bird" width="300" height="200">`);

const cases: [what: string, html: string, expected: Record<string, string[]>][] = [
  [
    'cards of a grid, the heading below the picture',
    `<main><h1>Birds</h1><div>${['Wren', 'Robin', 'Finch']
      .map((name) =>
        card(name, (img) => `<div><a href="/${name}">${img}</a><h3>The ${name}</h3><p>${name} text.</p></div>`),
      )
      .join('')}</div></main>`,
    {
      'Wren.jpg': ['The Wren', 'Wren text.'],
      'Robin.jpg': ['The Robin', 'Robin text.'],
      'Finch.jpg': ['The Finch', 'Finch text.'],
    },
  ],
  [
    'cards that all lead to one page, every other one with its picture last',
    `<main><div>${['Wren', 'Robin', 'Finch', 'Heron', 'Crane']
      .map((name, at) =>
        card(name, (img) => {
          const picture = `<a href="/all-birds">${img}</a>`;
          const text = `<h2>The ${name}</h2>`;
          return `<div class="card">${at % 2 ? text + picture : picture + text}</div>`;
        }),
      )
      .join('')}</div></main>`.replace(/alt="[^"]*"/g, 'alt=""'),
    Object.fromEntries(['Wren', 'Robin', 'Finch', 'Heron', 'Crane'].map((name) => [`${name}.jpg`, [`The ${name}`]])),
  ],
  [
    'the only card of a grid with a picture',
    `<main><div class="grid"><div class="card"><h2>The Wren</h2><p>No picture.</p></div>${card('Robin', (img) => `<div class="card">${img}<h2>The Robin</h2></div>`)}</div></main>`.replace(
      /alt="[^"]*"/,
      'alt=""',
    ),
    { 'Robin.jpg': ['The Robin'] },
  ],
  [
    'cards that all lead to one page',
    `<main><div>${['Wren', 'Robin', 'Finch']
      .map((name) => card(name, (img) => `<div><a href="/all-birds"><div>${img}</div><h2>The ${name}</h2></a></div>`))
      .join('')}</div></main>`,
    { 'Wren.jpg': ['The Wren'], 'Robin.jpg': ['The Robin'], 'Finch.jpg': ['The Finch'] },
  ],
  [
    'a flat list that begins with a picture',
    `<main>${['Wren', 'Robin'].map((name) => card(name, (img) => `${img}<h3>The ${name}</h3><p>The ${name} bird sings.</p>`)).join('')}</main>`,
    { 'Wren.jpg': ['The Wren', 'The Wren bird sings.'], 'Robin.jpg': ['The Robin', 'The Robin bird sings.'] },
  ],
  [
    'a flat list that begins with a heading',
    `<main>${['Wren', 'Robin'].map((name) => card(name, (img) => `<h3>The ${name}</h3>${img}`)).join('')}</main>`,
    { 'Wren.jpg': ['The Wren'], 'Robin.jpg': ['The Robin'] },
  ],
  [
    'alternating columns',
    `<main>${['Wren', 'Robin']
      .map((name, at) =>
        card(name, (img) => {
          const text = `<div><h2>The ${name}</h2><p>${name} text.</p></div>`;
          return `<section>${at % 2 ? `${text}<div>${img}</div>` : `<div>${img}</div>${text}`}</section>`;
        }),
      )
      .join('')}</main>`,
    { 'Wren.jpg': ['The Wren', 'Wren text.'], 'Robin.jpg': ['The Robin', 'Robin text.'] },
  ],
  [
    'the heading of a group is nobody’s',
    `<main><h2>Wren and Robin birds</h2><div>${['Wren', 'Robin'].map((name) => card(name, (img) => `<p>${img}</p>`)).join('')}</div></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': [] },
  ],
  [
    'a definition list',
    `<main><dl>${['Wren', 'Robin'].map((name) => card(name, (img) => `<dt>${img}</dt><dd>The ${name} bird is small.</dd>`)).join('')}</dl></main>`,
    { 'Wren.jpg': ['The Wren bird is small.'], 'Robin.jpg': ['The Robin bird is small.'] },
  ],
  [
    'an icon divides nothing',
    `<main><article><h1>The Wren</h1><img src="/star.png" width="16" height="16" alt="star"><p>The Wren is a small bird.</p>${card('Wren', (img) => img)}</article></main>`,
    { 'Wren.jpg': ['The Wren'] },
  ],
  [
    'the copy for scripts that are off is the same picture',
    `<main><div><div>${card('Wren', (img) => `${img}<noscript>${img}</noscript>`)}</div><h3>The Wren</h3></div><div>${card('Robin', (img) => img)}<h3>The Robin</h3></div></main>`,
    { 'Wren.jpg': ['The Wren'], 'Robin.jpg': ['The Robin'] },
  ],
  [
    'a paragraph of an article is no text of a picture that has others',
    `<main><article><p>The Wren bird lives in hedges.</p>${card('Wren', (img) => `<p>${img}</p>`)}<p>Wren bird, Robin bird.</p>${card('Robin', (img) => `<p>${img}</p>`)}<p>The Robin bird lives in gardens.</p></article></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': [] },
  ],
  [
    'a paragraph that does not speak of the picture says nothing',
    `<main><article><p>Rain is expected all week.</p>${card('Wren', (img) => `<p>${img}</p>`)}${card('Robin', (img) => `<p>${img}</p>`)}</article></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': [] },
  ],
  [
    'a title that is a link to where the picture leads, before it or after it',
    `<main><div>${['Wren', 'Robin', 'Finch']
      .map((name, at) =>
        card(name, (img) => {
          const title = `<span><a href="/birds/${name}#top">The small ${name}</a></span>`;
          const picture = `<a href="/birds/${name}">${img}</a>`;
          return `<div>${at % 2 ? title + picture : picture + title}<a href="/cart">Add to cart</a></div>`;
        }),
      )
      .join('')}</div></main>`,
    { 'Wren.jpg': ['The small Wren'], 'Robin.jpg': ['The small Robin'], 'Finch.jpg': ['The small Finch'] },
  ],
  [
    'a link around a whole card: its first line is the title',
    `<main><div>${['Wren', 'Robin']
      .map((name) => card(name, (img) => `<a href="/${name}">${img}<div>The small ${name}</div><div>$4.99</div></a>`))
      .join('')}</div></main>`,
    { 'Wren.jpg': ['The small Wren'], 'Robin.jpg': ['The small Robin'] },
  ],
  [
    'two views of one thing share its title',
    `<main><div>${['Wren', 'Robin']
      .map((name) =>
        card(
          name,
          (img) =>
            `<li><a href="/${name}">${img}</a><a href="/${name}">${img.replace('.jpg', '-2.jpg')}</a><h3>The ${name}</h3></li>`,
        ),
      )
      .join('')}</div></main>`,
    {
      'Wren.jpg': ['The Wren'],
      'Wren-2.jpg': ['The Wren'],
      'Robin.jpg': ['The Robin'],
      'Robin-2.jpg': ['The Robin'],
    },
  ],
  [
    'what every card says is about none',
    `<main><div>${['Wren', 'Robin', 'Finch']
      .map((name) =>
        card(name, (img) => `<div>${img}<h4>Free delivery on orders</h4><p>Join our club of bird lovers.</p></div>`),
      )
      .join('')}</div></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': [], 'Finch.jpg': [] },
  ],
  [
    'prices, dates, buttons, labels and bylines are no texts',
    `<main><div>${['Wren', 'Robin']
      .map((name) =>
        card(
          name,
          (img) =>
            `<div>${img}<h4>Shop now</h4><h4>Item Number: ${name}-1</h4><p>From $24.00</p><p>12 May 2021</p><p>By Ann Lee</p></div>`,
        ),
      )
      .join('')}</div></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': [] },
  ],
  [
    'a heading alone with a picture speaks of it only where they share words',
    `<main><div><div>${card('Wren', (img) => img)}<h2>Tools and calculators</h2></div><section>${card('Robin', (img) => img)}<h2>A Robin bird in winter</h2></section></div></main>`,
    { 'Wren.jpg': [], 'Robin.jpg': ['A Robin bird in winter'] },
  ],
  [
    'rows of a table',
    `<main><table>${['Wren', 'Robin'].map((name) => card(name, (img) => `<tr><td>${img}</td><td>The ${name} is a small bird.</td></tr>`)).join('')}</table></main>`,
    { 'Wren.jpg': ['The Wren is a small bird.'], 'Robin.jpg': ['The Robin is a small bird.'] },
  ],
  [
    'cards of Bootstrap, whose caption has a heading of its own',
    `<main><div class="row">${['Wren', 'Robin'].map((name) => card(name, (img) => `<div class="thumbnail">${img}<div class="caption"><h3>The ${name}</h3><p>It sings in hedges and gardens.</p></div></div>`)).join('')}</div></main>`,
    {
      'Wren.jpg': ['The Wren', 'It sings in hedges and gardens.'],
      'Robin.jpg': ['The Robin', 'It sings in hedges and gardens.'],
    },
  ],
  [
    'a badge at the picture of a card, whose title stands above',
    `<main><h1>Shop</h1><div>${[
      ['boots', 'Leather boots', 'Limited edition'],
      ['jacket', 'Wool jacket', 'Free shipping'],
      ['shirt', 'Linen shirt', 'Only 3 left'],
      ['scarf', 'Silk scarf', 'Sold by Marta'],
    ]
      .map(
        ([file, title, badge]) =>
          `<div class="card"><h3>${title}</h3><div class="media"><img src="/${file}.jpg" width="600" height="500"><h5>${badge}</h5></div><p>A sturdy thing made by hand.</p></div>`,
      )
      .join('')}</div></main>`,
    {
      'boots.jpg': ['Leather boots'],
      'jacket.jpg': ['Wool jacket'],
      'shirt.jpg': ['Linen shirt'],
      'scarf.jpg': ['Silk scarf'],
    },
  ],
  [
    'the heading at the picture of a card, with another of its level below',
    `<main><div>${['Wren', 'Robin'].map((name) => card(name, (img) => `<div class="card"><div>${img}<h3>The ${name}</h3></div><h3>Food of ${name}s</h3></div>`)).join('')}</div></main>`.replace(
      /alt="[^"]*"/g,
      '',
    ),
    { 'Wren.jpg': ['The Wren'], 'Robin.jpg': ['The Robin'] },
  ],
  [
    'names that objects have are elements like others',
    `<main><constructor><div>${card('Wren', (img) => img)}<h3>The Wren bird</h3></div></constructor><div role="valueOf">${card('Robin', (img) => img)}<h3>The Robin bird</h3></div></main>`,
    { 'Wren.jpg': ['The Wren bird'], 'Robin.jpg': ['The Robin bird'] },
  ],
];

for (const [what, html, expected] of cases) test(what, () => assert.deepEqual(words(html), expected));

/** CPU time of reading a page, in µs. */
function cpu(html: string): number {
  const start = process.cpuUsage();
  extractPage(html, url);
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

test('dividing takes time in proportion to the page', () => {
  const flat = (count: number): string =>
    `<main>${Array.from({ length: count }, (_, at) => `<p><img src="/${at}.jpg" alt="A bird in tree ${at}"></p><h3>Bird ${at}</h3><p>Bird text ${at}.</p>`).join('')}</main>`;
  cpu(flat(500));
  // Quadratic work would be a hundred times as much.
  assert.ok(cpu(flat(4000)) < 40 * cpu(flat(400)));
});

test('an image that a page repeats is read as often as its texts are taken', () => {
  const repeated = (count: number): string =>
    `<main><div>${'<p>Some words about a wren.</p>'.repeat(4 * count)}${'<img src="/a.jpg" alt="A wren on a branch">'.repeat(count)}</div></main>`;
  cpu(repeated(200));
  // Quadratic work would be a hundred times as much.
  assert.ok(cpu(repeated(3000)) < 40 * cpu(repeated(300)));
});
