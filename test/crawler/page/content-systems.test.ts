/** Pages as content systems write them: which texts each picture gets, and no others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';

const birds = ['Wren', 'Robin', 'Finch'] as const;
const each = (entry: (name: string, at: number) => string): string => birds.map(entry).join('');
const byBird = (texts: (name: string) => string[]): Record<string, string[]> =>
  Object.fromEntries(birds.map((name) => [name, texts(name)]));

/** Every text of each picture, by the name of its file. */
function texts(html: string): Record<string, string[]> {
  return Object.fromEntries(
    extractPage(html, 'https://site.example/birds/of-the-north').images.map((image) => [
      new URL(image.url).pathname.slice(1).replace(/\..*$/, ''),
      image.texts.map(({ source, text }) => `${source}: ${text}`),
    ]),
  );
}

const cases: [what: string, html: string, expected: Record<string, string[]>][] = [
  [
    'Gutenberg: a gallery of figures',
    `<main><figure class="wp-block-gallery has-nested-images">${each((name) => `<figure class="wp-block-image size-large"><img src="/${name}.jpg" alt="${name} on a branch" class="wp-image-7" width="768" height="512"><figcaption class="wp-element-caption">The ${name} in May</figcaption></figure>`)}<figcaption class="blocks-gallery-caption">All our birds</figcaption></figure></main>`,
    byBird((name) => [`alt: ${name} on a branch`, `caption: The ${name} in May`]),
  ],
  [
    'WordPress: a gallery of definition lists',
    `<main><div class="gallery gallery-columns-3">${each((name) => `<dl class="gallery-item"><dt class="gallery-icon landscape"><a href="/${name}.jpg"><img src="/${name}-150x150.jpg" alt=""></a></dt><dd class="wp-caption-text gallery-caption">The ${name} in May</dd></dl>`)}</div></main>`,
    byBird((name) => [`caption: The ${name} in May`]),
  ],
  [
    'Elementor: image boxes in columns',
    `<main><div class="elementor-row">${each((name) => `<div class="elementor-column elementor-col-33"><div class="elementor-widget-wrap"><div class="elementor-widget-image-box"><div class="elementor-image-box-wrapper"><figure class="elementor-image-box-img"><img src="/${name}.jpg" alt="" width="600" height="400"></figure><div class="elementor-image-box-content"><h3 class="elementor-image-box-title">The ${name}</h3><p class="elementor-image-box-description">The ${name} sings in May.</p></div></div></div></div></div>`)}</div></main>`,
    byBird((name) => [`heading: The ${name}`, `nearby: The ${name} sings in May.`]),
  ],
  [
    'Shopify: a grid of products with two pictures and a price',
    `<main><ul class="product-grid">${each((name) => `<li class="grid__item"><div class="card-wrapper"><div class="card__media"><img src="/${name}.jpg" alt="${name} mug with a lid" width="533" height="533"><img src="/${name}-2.jpg" alt="" width="533" height="533" loading="lazy"></div><div class="card__content"><h3 class="card__heading"><a href="/products/${name}">${name} mug</a></h3><div class="price"><span>$ 12.00</span></div></div></div></li>`)}</ul></main>`,
    Object.fromEntries(
      birds.flatMap((name) => [
        [name, [`alt: ${name} mug with a lid`, `heading: ${name} mug`]],
        [`${name}-2`, [`heading: ${name} mug`]],
      ]),
    ),
  ],
  [
    'Squarespace: a summary block',
    `<main><div class="summary-item-list">${each((name) => `<div class="summary-item"><div class="summary-thumbnail-outer-container"><a href="/blog/${name}"><div class="summary-thumbnail img-wrapper"><img data-src="/${name}.jpg" alt="" class="summary-thumbnail-image" data-image-dimensions="1500x1000"></div></a></div><div class="summary-content"><div class="summary-title"><a href="/blog/${name}" class="summary-title-link">The ${name}</a></div></div></div>`)}</div></main>`,
    byBird((name) => [`heading: The ${name}`]),
  ],
  [
    'Drupal: views rows with fields',
    `<main><div class="view-content">${each((name) => `<div class="views-row"><div class="views-field views-field-field-image"><div class="field-content"><a href="/node/${name}"><img src="/${name}.jpg" alt="" width="480" height="320" typeof="foaf:Image"></a></div></div><div class="views-field views-field-title"><span class="field-content"><a href="/node/${name}">The ${name}</a></span></div></div>`)}</div></main>`,
    byBird((name) => [`heading: The ${name}`]),
  ],
  [
    'MediaWiki: a gallery and a thumb',
    `<div class="mw-parser-output"><p>Birds of the north sing.</p><figure class="mw-default-size" typeof="mw:File/Thumb"><a href="/wiki/File:Owl.jpg" class="mw-file-description"><img src="/Owl.jpg" width="220" height="165"></a><figcaption>An owl at night</figcaption></figure><ul class="gallery mw-gallery-traditional">${each((name) => `<li class="gallerybox"><div class="thumb"><span><a href="/wiki/File:${name}.jpg" class="mw-file-description" title="The ${name} in May"><img src="/${name}.jpg" alt="The ${name} in May" width="120" height="80"></a></span></div><div class="gallerytext">The ${name} in May</div></li>`)}</ul></div>`,
    { Owl: ['caption: An owl at night'], ...byBird((name) => [`alt: The ${name} in May`]) },
  ],
  [
    'Ghost: image cards in a post',
    `<article class="post">${each((name) => `<p>Of the ${name} we know little, and it is not seen in winter.</p><figure class="kg-card kg-image-card kg-card-hascaption"><img src="/${name}.jpg" class="kg-image" alt="" loading="lazy" width="2000" height="1333"><figcaption><span>The ${name} in May</span></figcaption></figure>`)}</article>`,
    byBird((name) => [`caption: The ${name} in May`]),
  ],
  [
    'Substack: captioned images',
    `<article><div class="body markup">${each((name) => `<div class="captioned-image-container"><figure><a class="image-link" href="/${name}.jpg"><div class="image2-inset"><picture><source type="image/webp" srcset="/${name}.jpg 424w, /${name}.jpg 1456w" sizes="100vw"><img src="/${name}.jpg" width="1456" height="970" alt="" title="${name}"></picture></div></a><figcaption class="image-caption">The ${name} in May</figcaption></figure></div><p>Of it we know little.</p>`)}</div></article>`,
    byBird((name) => [`caption: The ${name} in May`, `title: ${name}`]),
  ],
  [
    'a definition list',
    `<main><dl>${each((name) => `<dt><img src="/${name}.jpg" alt="" width="300" height="200"></dt><dd>The ${name} sings in May</dd>`)}</dl></main>`,
    byBird((name) => [`nearby: The ${name} sings in May`]),
  ],
  [
    'a table with pictures in one column',
    `<main><table>${each((name) => `<tr><td><img src="/${name}.jpg" alt="" width="300" height="200"></td><td>The ${name} sings in May</td></tr>`)}</table></main>`,
    byBird((name) => [`nearby: The ${name} sings in May`]),
  ],
  [
    'a table with a row of pictures above a row of words',
    `<main><table><tr>${each((name) => `<td><img src="/${name}.jpg" alt="" width="300" height="200"></td>`)}</tr><tr>${each((name) => `<td>The ${name} sings</td>`)}</tr></table></main>`,
    byBird((name) => [`caption: The ${name} sings`]),
  ],
  [
    'a carousel with copies of its ends',
    `<main><div class="slick-track">${['Finch', ...birds, 'Wren'].map((name, at) => `<div class="slick-slide${at === 0 || at === 4 ? ' slick-cloned" aria-hidden="true' : ''}"><img src="/${name}.jpg" alt="" width="900" height="600"><h3>The ${name}</h3></div>`).join('')}</div></main>`,
    byBird((name) => [`heading: The ${name}`]),
  ],
  [
    'tabs, of which one is shown',
    `<main>${each((name, at) => `<div role="tabpanel"${at === 0 ? '' : ' hidden style="display:none"'}><h3>The ${name}</h3><img src="/${name}.jpg" alt="" width="900" height="600"></div>`)}</main>`,
    byBird((name) => [`heading: The ${name}`]),
  ],
  [
    'AMP',
    `<article>${each((name) => `<figure><amp-img src="/${name}.jpg" width="900" height="600" layout="responsive" alt="${name} on a branch"></amp-img><figcaption>The ${name} in May</figcaption></figure>`)}</article>`,
    byBird((name) => [`alt: ${name} on a branch`, `caption: The ${name} in May`]),
  ],
  [
    'lazy pictures with twins for browsers without scripts',
    `<main>${each((name) => `<div class="card"><img class="lazyload" src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src="/${name}.jpg" alt="${name} on a branch"><noscript><img src="/${name}.jpg" alt="${name} on a branch"></noscript><h3>The ${name}</h3></div>`)}</main>`,
    byBird((name) => [`alt: ${name} on a branch`, `heading: The ${name}`]),
  ],
  [
    'another crop for small screens',
    `<main>${each((name) => `<div class="card"><picture><source media="(max-width: 600px)" srcset="/${name}-tall.jpg"><source media="(min-width: 601px)" srcset="/${name}.jpg 1200w"><img src="/${name}.jpg" alt="" width="1200" height="800"></picture><h3>The ${name}</h3></div>`)}</main>`,
    byBird((name) => [`heading: The ${name}`]),
  ],
  [
    'news in columns that change sides',
    `<main>${each((name, at) => {
      const text = `<div class="col"><h2><a href="/news/${name}">The ${name} is back</a></h2><p>The ${name} was seen in the north.</p></div>`;
      const picture = `<div class="col"><a href="/news/${name}"><img src="/${name}.jpg" alt="" width="600" height="400"></a></div>`;
      return `<div class="row">${at % 2 ? text + picture : picture + text}</div>`;
    })}</main>`,
    byBird((name) => [`heading: The ${name} is back`, `nearby: The ${name} was seen in the north.`]),
  ],
  [
    'headings that follow their pictures in one flat element, with a divider between',
    `<main>${each((name) => `<img src="/${name}.jpg" alt="" width="600" height="400"><h3>The ${name}</h3><p>The ${name} sings in May.</p><hr>`)}</main>`,
    byBird((name) => [`heading: The ${name}`, `nearby: The ${name} sings in May.`]),
  ],
];

for (const [what, html, expected] of cases) test(what, () => assert.deepEqual(texts(html), expected));
