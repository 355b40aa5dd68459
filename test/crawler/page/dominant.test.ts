/** What a picture is on its page: its subject, a teaser of another page, or furniture. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Element } from 'domhandler';
import { vocabularyReader } from '../../../crawler/page/class-vocabulary.ts';
import { subjectWeights } from '../../../crawler/page/dominance-weights.ts';
import { minSubjectScore } from '../../../crawler/page/dominant.ts';
import { extractPage } from '../../../crawler/page/extract.ts';
import { knownFeatures } from '../../../crawler/page/feature-meanings.ts';
import { parseHtml } from '../../../crawler/page/parse.ts';
import { aroundWeights, ownWeights } from '../../../crawler/page/vocabulary-weights.ts';
import { isElement } from '../../../crawler/page/walk.ts';

const url = 'https://a.example/news/2024/red-boat-on-the-lake.html';
const paragraph = `<p>${'The boat that lay on the shore for years has been painted red again by its owner. '.repeat(6)}</p>`;
const alt = 'A red boat lies on the shore of the lake';
const img = (attributes = '', name = 'photo.jpg'): string => `<img src="/i/${name}" alt="${alt}" ${attributes}>`;
const card = (n: number, inside = ''): string =>
  `<li class=card><a href="/news/2024/another-story-of-today-${n}.html"><img src="/i/t${n}.jpg" alt="Story ${n}">${inside}</a><h3>Another story ${n}</h3></li>`;
const page = (html: string): string =>
  `<title>A red boat</title><meta property="og:type" content="article">
   <header><a href="/"><img src="/i/brand.png" alt="The News of today and tomorrow"></a></header>
   <main><article><h1>A red boat</h1>${paragraph}${html}${paragraph}</article></main>`;

function judge(html: string, name = '/i/photo.jpg'): string {
  const image = extractPage(html, url).images.find((one) => one.url.endsWith(name));
  assert.ok(image?.dominance, `${name} is not in ${html.slice(0, 200)}`);
  const { class: pictureClass, score } = image.dominance;
  assert.equal(pictureClass === 'subject', score >= minSubjectScore);
  return pictureClass;
}

describe('a topic is no furniture', () => {
  const names =
    'bullet-train.jpg flag-of-france.jpg milky-way-stars.jpg byzantine-icon.jpg kitchen-counter.jpg home.jpg rating-of-stars.jpg loading-dock.jpg promo-1950.jpg badge.jpg sponsor.jpg beacon.jpg button.jpg top.jpg'.split(
      ' ',
    );
  for (const name of names)
    test(name, () => assert.equal(judge(page(`<p>${img('', name)}</p>`), `/i/${name}`), 'subject'));
});

describe('a class is no furniture where it wraps the text', () => {
  for (const word of ['menu', 'read-more', 'has-ads', 'article-ads', 'sidebar', 'related', 'author', 'promo', 'footer'])
    test(word, () => assert.equal(judge(`<div class="${word}">${page(img())}</div>`), 'subject'));
  test('the menu of a restaurant', () =>
    assert.equal(
      judge(
        `<main><h1>Menu</h1><div class="menu"><h2>Soups</h2>${paragraph}${img()}<h2>Fish</h2>${paragraph}</div></main>`,
      ),
      'subject',
    ));
});

describe('where a picture leads', () => {
  test('to its own page', () => assert.equal(judge(page(`<p><a href="${url}">${img()}</a></p>`)), 'subject'));
  test('to a place on its own page', () =>
    assert.equal(judge(page(`<p><a href="${url}#a">${img()}</a></p>`)), 'subject'));
  test('to its own file', () => assert.equal(judge(page(`<p><a href="/i/photo.jpg">${img()}</a></p>`)), 'subject'));
  test('home, from the header', () => assert.equal(judge(page(img()), '/i/brand.png'), 'furniture'));
  test('to other stories, from a list below the text', () =>
    assert.equal(
      judge(
        `${page(img())}<section><h2>Read more</h2><ul>${[1, 2, 3, 4].map((n) => card(n)).join('')}</ul></section>`,
        '/i/t2.jpg',
      ),
      'teaser',
    ));
});

describe('what is hidden is content where its neighbours are', () => {
  const slides = (hidden: string): string =>
    page(`<div class=slides><div>${img('', 'a.jpg')}</div><div ${hidden}>${img()}</div></div>`);
  for (const hidden of ['hidden', 'aria-hidden=true', 'style="display:none"', 'role=tabpanel hidden'])
    test(hidden, () => {
      assert.equal(judge(slides(hidden), '/i/a.jpg'), 'subject');
      assert.equal(judge(slides(hidden)), 'subject');
    });
});

describe('names that an object has', () => {
  for (const name of ['constructor', 'toString', '__proto__', 'valueOf', 'hasOwnProperty']) {
    test(`<${name}>`, () => assert.equal(judge(page(`<${name}>${img()}</${name}>`)), 'subject'));
    test(`role="${name}"`, () => assert.equal(judge(page(`<div role="${name}">${img()}</div>`)), 'subject'));
    test(`class="${name}"`, () =>
      assert.equal(judge(page(`<div class="${name}" id="${name}">${img()}</div>`)), 'subject'));
    test(`og:${name}`, () =>
      assert.equal(
        judge(`<meta name="${name}" content="x"><meta property="${name}" content="x">${page(img())}`),
        'subject',
      ));
  }
});

test('why: each feature with its value and its part in the score', () => {
  const { dominance } = extractPage(page(`<figure>${img('width=800 height=600')}</figure>`), url).images.find((one) =>
    one.url.endsWith('photo.jpg'),
  )!;
  assert.deepEqual(
    ['in-figure', 'in-text', 'size', 'text-before', 'alt-title'].map((name) => dominance!.features[name]?.[0]),
    // Between two paragraphs of one length; of the title's words "red" and "boat" are in the alternative text.
    [1, 1, 2, 0.5, 1],
  );
  for (const [, part] of Object.values(dominance!.features)) assert.equal(typeof part, 'number');
});

test('text beside a picture: between the pictures before and after, running text and nothing else', () => {
  const around = (html: string): number | undefined =>
    extractPage(`<main><h1>Birds</h1>${html}</main>`, url).images.find((one) => one.url.endsWith('photo.jpg'))!
      .dominance!.features['text-around']?.[0];
  const run = `<p>${'a'.repeat(99)}</p>`;
  const other = img('', 'other.jpg');
  assert.equal(around(`${other}${img()}${other}`), undefined);
  assert.equal(around(`${other}${'<p>Shop now</p>'.repeat(9)}${img()}${other}`), undefined);
  assert.equal(around(`${other}<p><a href="/b">${'a'.repeat(99)}</a></p>${img()}${other}`), undefined);
  assert.equal(around(`${other}${img()}${run}${other}${run}`), 0.5);
  assert.equal(around(`${other}${run}${img()}`), 0.5);
});

test('brackets around the name of a sign, and around a title that a museum gives', () => {
  const isTelling = (said: string): boolean =>
    extractPage(`<main><img src="/i/photo.jpg" alt="${said}"><p>A boat</p></main>`, url).images.find((one) =>
      one.url.endsWith('photo.jpg'),
    )!.dominance!.features['alt-telling'] !== undefined;
  assert.equal(isTelling('[Warning]'), true);
  assert.equal(isTelling('[Portrait of a man]'), false);
});

test('words of the title in the description: whole words of three letters, of all that the title has', () => {
  const share = (title: string): number | undefined =>
    extractPage(`<main>${title}${img()}</main>`, url).images[0]!.dominance!.features['alt-title']?.[0];
  assert.equal(share('<h1>The red boat on the lake</h1>'), 1);
  assert.equal(share('<h1>Boats of Redding</h1>'), undefined);
  assert.equal(share('<h1>A boat is for sale</h1>'), 0.33);
  assert.equal(share(''), undefined);
});

test('the size that a picture service is asked for counts, and not the one in the name of the file', () => {
  const of = (address: string): number | undefined =>
    extractPage(page(img('', address)), url).images.find((one) => one.url.includes('mat_2400'))!.dominance!.features
      .size?.[0];
  assert.equal(of('mat_2400x2400.png?w=100&h=100'), -1);
  assert.equal(of('mat_2400x2400.png'), 2);
});

test('a file in the place of many pictures is none of them', () => {
  const cards = (names: readonly string[]): string =>
    names
      .map((name) => `<li><a href="/birds/${name}"><img src="/i/wait.png" alt="A ${name} on a small branch"></a></li>`)
      .join('');
  const images = (names: readonly string[]): number =>
    extractPage(`<main><h1>Birds</h1><ul>${cards(names)}</ul></main>`, url).images.length;
  assert.equal(images(['Wren', 'Robin', 'Finch']), 0);
  assert.equal(images(['Wren', 'Robin', 'Robin']), 1);
  const hero = (html: string, head = ''): readonly string[] | undefined =>
    extractPage(`${head}${page(html)}`, url)
      .images.find((one) => one.url.endsWith('photo.jpg'))
      ?.texts.map(({ text }) => text);
  const own = `<figure>${img('width=800 height=600')}</figure>`;
  // Its own description and those of its head, in other words.
  const said = ['og', 'twitter'].map(
    (by) =>
      `<meta property="${by}:image" content="/i/photo.jpg"><meta property="${by}:image:alt" content="A red boat, says ${by}">`,
  );
  assert.deepEqual(hero(own, said.join('')), [alt, 'A red boat', 'A red boat, says og', 'A red boat, says twitter']);
  // It is the subject in one place, and leads to other pages in more.
  const teasers = ['Wren', 'Robin', 'Finch'].map(
    (name) => `<li><a href="/birds/${name}"><img src="/i/photo.jpg" alt="A ${name} on a small branch"></a></li>`,
  );
  assert.ok(hero(`${own}<footer><ul>${teasers.slice(1).join('')}</ul></footer>`)!.includes(alt));
  // What the head says of such a file stays.
  const ofHead = extractPage(`${said.join('')}<main><h1>Birds</h1><ul>${teasers.join('')}</ul></main>`, url);
  assert.deepEqual(
    ofHead.images.map(({ texts }) => texts.map(({ text }) => text)),
    [['A red boat, says og', 'A red boat, says twitter']],
  );
  const short = ['Wren', 'Robin', 'Finch'].map(
    (name) => `<li><a href="/birds/${name}"><img src="/i/wait.png" alt="${name}"></a></li>`,
  );
  assert.notEqual(judge(`<main><h1>Birds</h1><ul>${short.join('')}</ul></main>`, '/i/wait.png'), 'subject');
});

test('a logo that a page only names is no picture of its subject', () => {
  const named = (name: string): string =>
    judge(
      `<meta property="og:site_name" content="Lake News"><meta property="og:image" content="/i/${name}"><meta property="og:title" content="A red boat">${page('')}`,
      `/i/${name}`,
    );
  for (const name of [
    'apple-touch-icon.png',
    'logo-white-1000.png',
    'og-logo.jpg',
    'default-og-image.png',
    'lake-news-20-og.png',
    'social-share.png',
    'og-image.avif',
    'opengraph_lake.svg',
    'lakenews-logo.png',
  ])
    assert.notEqual(named(name), 'subject', name);
  for (const name of [
    'boat-on-the-lake.jpg',
    'og-red-boat.jpg',
    'image.jpg',
    'red-boat-on-the-lake.html/og-image.png',
    'posts/8f3a/thumbnail.jpg',
    ...'social-media.jpg twitter-x.jpg facebook.png seo.jpg graph-1.png card.jpg card-lak.jpg og-news.png og-lak.png'.split(
      ' ',
    ),
  ])
    assert.equal(named(name), 'subject', name);
});

test('a topic that a page only names is what the page is about, and so is what it describes', () => {
  const isSign = (name: string, said = ''): boolean =>
    extractPage(
      `<meta property="og:site_name" content="Lake News"><meta property="og:image" content="/i/${name}"><meta property="og:title" content="A red boat">${said}${page('')}`,
      url,
    ).images.find((one) => one.url.endsWith(name))!.dominance!.features['only-named-sign'] !== undefined;
  const topics =
    'flag-of-france.jpg star-wars-hero.jpg kitchen-counter.jpg bullet-train.jpg solar-powered-boat.jpg best-logo-design-trends-2024.jpg';
  for (const name of topics.split(' ')) assert.equal(isSign(name), false, name);
  const described = (alt: string): string => `<meta property="og:image:alt" content="${alt}">`;
  assert.equal(isSign('logo.png', described('A red boat lies on the shore')), false);
  assert.equal(isSign('logo.png', described('Lake News')), true);
});

test('a small copy of a picture that is larger elsewhere on the page, by the name of its file', () => {
  const copies = (files: readonly string[]): string => files.map((file) => img('', file)).join('');
  const larger = (files: readonly string[]): number | undefined =>
    extractPage(page(copies(files)), url).images.find((one) => one.url.includes('w=100'))!.dominance!.features[
      'larger-copy'
    ]?.[0];
  assert.equal(larger(['red-boat.jpg?w=100', 'red-boat.jpg?w=400']), 2);
  assert.equal(larger(['red-boat.jpg?w=100', 'red-boat.jpg?w=110']), undefined);
  assert.equal(larger(['red-boat.jpg?w=100', 'blue-boat.jpg?w=400']), undefined);
  // A name that a system gives to all pictures.
  const all = ['1', '2', '3', '4'].map((folder) => `${folder}/default_name.jpg?w=400`);
  assert.equal(larger(['default_name.jpg?w=100', ...all]), undefined);
});

test('a picture in two places is what it is in the better one', () => {
  const html = `<header>${img()}</header>${page(`<figure>${img()}</figure>`)}`;
  assert.equal(judge(html), 'subject');
});

describe('words of the classes around a picture', () => {
  const isFree = (): boolean => false;
  const sumIn = (html: string, holdsText: (element: Element) => boolean = isFree): number => {
    const image = parseHtml(html).children.flatMap((node) => (isElement(node) ? imagesIn(node) : []))[0]!;
    return vocabularyReader(holdsText)(image);
  };
  const imagesIn = (element: Element): Element[] =>
    element.name === 'img' ? [element] : element.children.flatMap((node) => (isElement(node) ? imagesIn(node) : []));
  const gallery = aroundWeights.get('gallery')!;
  const related = aroundWeights.get('related')!;

  test('each has its weight once, in capitals, hyphens and ids', () => {
    assert.ok(gallery > 0 && related < 0);
    const html = '<div id=mainGallery7><p class="gallery__Related"><img src=a.jpg class=gallery></p></div>';
    const known = [gallery, ownWeights.get('gallery') ?? 0, related, aroundWeights.get('main') ?? 0];
    assert.equal(sumIn(html).toFixed(6), known.reduce((sum, weight) => sum + weight).toFixed(6));
  });
  test('an element that holds most of the text, the body and elements far away say nothing', () => {
    assert.equal(
      sumIn('<div class=gallery><p class=related><img></p></div>', ({ name }) => name === 'div'),
      related,
    );
    assert.equal(sumIn('<body class=gallery><p class=related><img></p></body>'), related);
    assert.equal(sumIn(`<div class=gallery>${'<div>'.repeat(20)}<img>${'</div>'.repeat(20)}</div>`), 0);
  });
  test('a name that every object has is no word', () =>
    assert.equal(sumIn('<p class="constructor __proto__"><img></p>'), 0));
  test('the sum is a part of the score', () => {
    const { images } = extractPage(page(`<div class=gallery><p class=related>${img()}</p></div>`), url);
    const image = images.find((one) => one.url.endsWith('photo.jpg'))!;
    const [value, part] = image.dominance!.features['class-vocabulary']!;
    assert.equal(value, part);
    assert.notEqual(value, 0);
  });
});

test('each feature has its words, and a weight', () => {
  assert.deepEqual([...knownFeatures].sort(), [...subjectWeights.features.keys()].sort());
});
