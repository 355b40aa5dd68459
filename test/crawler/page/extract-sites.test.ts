/** The mark-up of real content systems, shortened: URL and texts of every dominant image. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { extractPage } from '../../../crawler/page/extract.ts';
import { subjectsOf } from '../../helpers/subjects.ts';

const url = 'https://a.example/dir/page.html';

/** URL, alt texts and captions; extract.test.ts checks headings and paragraphs. */
const seen = (html: string): string[][] =>
  subjectsOf(extractPage(html, url)).map(({ url: image, texts }) => [
    image.replace('https://a.example', ''),
    ...texts
      .filter(({ source }) => source !== 'nearby' && source !== 'heading')
      .map(({ source, text }) => `${source}: ${text}`),
  ]);
const alt = 'A red boat on the lake';

const cases: { readonly name: string; readonly html: string; readonly expected: string[][] }[] = [
  {
    name: 'WordPress, classic caption with a link to the original',
    html: `<div class="entry-content"><div id="attachment_7" class="wp-caption alignnone" style="width: 310px"><a href="/up/boat.jpg"><img class="size-medium wp-image-7" src="/up/boat-300x200.jpg" alt="${alt}" width="300" height="200" /></a><p id="caption-attachment-7" class="wp-caption-text">In May</p></div></div>`,
    expected: [['/up/boat.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'WordPress, gallery as a list of definitions',
    html: `<div id='gallery-1' class='gallery'><dl class='gallery-item'><dt class='gallery-icon'><a href='/boat/'><img src='/up/boat-150x150.jpg' alt='${alt}' aria-describedby='gallery-1-7'></a></dt><dd class='wp-caption-text gallery-caption' id='gallery-1-7'>In May</dd></dl><dl class='gallery-item'><dt class='gallery-icon'><a href='/hut/'><img src='/up/hut-150x150.jpg' alt='A hut'></a></dt><dd class='wp-caption-text gallery-caption'>In June</dd></dl></div>`,
    expected: [
      ['/up/boat-150x150.jpg', `alt: ${alt}`, 'caption: In May'],
      ['/up/hut-150x150.jpg', 'alt: A hut', 'caption: In June'],
    ],
  },
  {
    name: 'WordPress, nested figures: each its own caption, the gallery’s for those without',
    html: `<figure class="wp-block-gallery"><figure class="wp-block-image"><img data-id="1" src="a.jpg" alt="A hut" srcset="a.jpg 1024w, a-300x200.jpg 300w" sizes="(max-width: 1024px) 100vw, 1024px"></figure><figure class="wp-block-image"><img src="b.jpg" alt="${alt}"><figcaption class="wp-element-caption">In May</figcaption></figure><figcaption class="blocks-gallery-caption">By the lake</figcaption></figure>`,
    expected: [
      ['/dir/a.jpg', 'alt: A hut', 'caption: By the lake'],
      ['/dir/b.jpg', `alt: ${alt}`, 'caption: In May'],
    ],
  },
  {
    name: 'Elementor',
    html: `<div class="elementor-element elementor-widget elementor-widget-image"><div class="elementor-widget-container"><figure class="wp-caption"><img src="a.jpg" class="attachment-large size-large wp-image-12" alt="${alt}" loading="lazy"><figcaption class="widget-image-caption wp-caption-text">In May</figcaption></figure></div></div>`,
    expected: [['/dir/a.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'MediaWiki, thumbnails before 2023',
    html: `<div class="mw-parser-output"><div class="thumb tright"><div class="thumbinner" style="width:222px;"><a href="/wiki/File:Boat.jpg" class="image"><img alt="${alt}" src="//up.example/thumb/Boat.jpg/220px-Boat.jpg" width="220" height="165" srcset="//up.example/thumb/Boat.jpg/330px-Boat.jpg 1.5x, //up.example/thumb/Boat.jpg/440px-Boat.jpg 2x"></a><div class="thumbcaption"><div class="magnify"><a href="/wiki/File:Boat.jpg" class="internal" title="Enlarge"></a></div>In May<sup class="reference"><a href="#n">[1]</a></sup></div></div></div></div>`,
    expected: [['https://up.example/thumb/Boat.jpg/440px-Boat.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'MediaWiki, today’s figures, formulas and notices',
    html: `<div id="mw-content-text"><table class="box-Unreferenced ambox"><tr><td class="mbox-image"><img src="//up.example/40px-Question.svg.png" width="50" height="39"></td></tr></table><figure class="mw-default-size" typeof="mw:File/Thumb"><a href="/wiki/File:Boat.jpg" class="mw-file-description"><img src="//up.example/250px-Boat.jpg" width="250" height="165" class="mw-file-element"></a><figcaption>In May</figcaption></figure><img src="https://wiki.example/math/render/svg/0f" class="mwe-math-fallback-image-inline" aria-hidden="true" alt="{\\displaystyle E=mc^{2} }"></div>`,
    expected: [['https://up.example/250px-Boat.jpg', 'caption: In May']],
  },
  {
    name: 'MediaWiki, gallery and infobox',
    html: `<div class="mw-parser-output"><table class="infobox"><tr><td class="infobox-image"><img src="i.jpg" width="220" height="300" alt="${alt}"><div class="infobox-caption">The boat</div></td></tr></table><ul class="gallery"><li class="gallerybox"><div class="thumb"><a href="/wiki/File:B.jpg" class="image"><img src="120px-B.jpg" width="120" height="90"></a></div><div class="gallerytext"><p>A hut</p></div></li></ul></div>`,
    expected: [
      ['/dir/i.jpg', `alt: ${alt}`, 'caption: The boat'],
      ['/dir/120px-B.jpg', 'caption: A hut'],
    ],
  },
  {
    name: 'Medium: widths in the sources, an image without a file, empty alt with a caption',
    html: `<article><figure><div role="button"><picture><source srcset="https://m.example/resize:fit:640/format:webp/1*x.png 640w, https://m.example/resize:fit:1400/format:webp/1*x.png 1400w" type="image/webp" sizes="700px"><source data-testid="og" srcset="https://m.example/resize:fit:640/1*x.png 640w, https://m.example/resize:fit:1400/1*x.png 1400w"><img alt="" width="700" height="467" loading="eager" role="presentation"></picture></div><figcaption>In May</figcaption></figure></article>`,
    expected: [['https://m.example/resize:fit:1400/format:webp/1*x.png', 'caption: In May']],
  },
  {
    name: 'news: a caption block beside the picture, without a figure',
    html: `<main><div class="image" data-name="image"><div class="image__container"><picture class="image__picture"><source height="438" width="780" media="(max-width: 479px)" srcset="a-small.jpg"><img src="a.jpg" alt="${alt}" class="image__dam-img" width="780" height="438"></picture></div><div class="image__metadata"><div class="image__caption attribution"><span>In May</span></div><figcaption class="image__credit">A. Body</figcaption></div></div></main>`,
    expected: [['/dir/a.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'news: hidden words in the caption, microdata',
    html: `<main><figure><img src="a.jpg" srcset="a-240.jpg 240w, a-976.jpg 976w" alt="${alt}"><figcaption><span class="visually-hidden">Image caption, </span><p>In May</p></figcaption></figure><div itemscope itemtype="https://schema.org/ImageObject"><img src="b.jpg" alt="A hut"><p itemprop="caption">In June</p></div></main>`,
    expected: [
      ['/dir/a-976.jpg', `alt: ${alt}`, 'caption: In May'],
      ['/dir/b.jpg', 'alt: A hut', 'caption: In June'],
    ],
  },
  {
    name: 'Drupal: captions of two modules, media wrappers',
    html: `<div class="field field--name-body"><figure role="group" class="caption caption-img align-center"><img data-entity-type="file" src="a.jpg" alt="${alt}" width="480" height="320"><figcaption>In May</figcaption></figure></div><div class="field--name-field-image"><img class="image-style-large" src="b.jpg" alt="A small wooden hut"><blockquote class="image-field-caption"><p>In June</p></blockquote></div>`,
    expected: [
      ['/dir/a.jpg', `alt: ${alt}`, 'caption: In May'],
      ['/dir/b.jpg', 'alt: A small wooden hut', 'caption: In June'],
    ],
  },
  {
    name: 'Shopify: a template for the width, product data',
    html: `<main><div class="product__media"><img class="lazyload" src="//cdn.example/boat_20x.jpg" data-src="//cdn.example/boat_{width}x.jpg" data-widths="[180, 720, 1296, 4472]" alt="${alt}"></div></main><script type="application/ld+json">{"@type":"Product","name":"Boat","image":["https://cdn.example/boat_1296x.jpg"],"brand":{"@type":"Brand","logo":"https://cdn.example/l.png"}}</script>`,
    expected: [['https://cdn.example/boat_1296x.jpg', `alt: ${alt}`]],
  },
  {
    name: 'Sphinx: old and new figures without their permalinks, admonition icons',
    html: `<div class="body" role="main"><div class="figure align-default" id="id1"><img alt="${alt}" src="_images/a.png"><p class="caption"><span class="caption-number">Fig. 1 </span><span class="caption-text">In May</span><a class="headerlink" href="#id1" title="Permalink">¶</a></p></div><figure class="align-default"><a class="reference internal image-reference" href="_images/b.png"><img alt="_images/b.png" src="_images/b.png" style="width: 400px;"></a><figcaption><p><span class="caption-text">In June</span><a class="headerlink" href="#id2">¶</a></p></figcaption></figure><img class="math" src="_images/math/0f.png" alt="E = m c^2"></div>`,
    expected: [
      ['/dir/_images/a.png', `alt: ${alt}`, 'caption: Fig. 1 In May'],
      ['/dir/_images/b.png', 'caption: In June'],
    ],
  },
  {
    name: 'DocBook: title or caption, icons of notes and of navigation',
    html: `<div class="navheader"><img src="images/prev.png" alt="Prev"></div><div class="note"><table><tr><td rowspan="2"><img alt="[Note]" src="images/note.png"></td><td>Mind the boat.</td></tr></table></div><div class="figure"><div class="figure-contents"><div class="mediaobject"><img src="a.png" alt="${alt}"></div></div><p class="title"><strong>Figure 2. In May</strong></p></div><div class="mediaobject"><img src="b.png"><div class="caption"><p>In June</p></div></div>`,
    expected: [
      ['/dir/a.png', `alt: ${alt}`, 'caption: Figure 2. In May'],
      ['/dir/b.png', 'caption: In June'],
    ],
  },
  {
    name: 'AsciiDoc',
    html: `<div class="imageblock"><div class="content"><img src="a.png" alt="${alt}"></div><div class="title">Figure 1. In May</div></div>`,
    expected: [['/dir/a.png', `alt: ${alt}`, 'caption: Figure 1. In May']],
  },
  {
    name: 'Blogger: a table around image and caption, linked to the original',
    html: `<table class="tr-caption-container"><tbody><tr><td><a href="https://b.example/s1600/boat.jpg"><img src="https://b.example/s320/boat.jpg" width="320" height="240" alt="${alt}"></a></td></tr><tr><td class="tr-caption">In May</td></tr></tbody></table>`,
    expected: [['https://b.example/s1600/boat.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'a table of pictures with captions in the row below',
    html: `<main><table><tr><td><img src=a.jpg alt="A hut"></td><td><a href="b.html"><img src=b.jpg></a></td></tr><tr><td>In May</td><td>In <i>June</i></td></tr></table></main>`,
    expected: [
      ['/dir/a.jpg', 'alt: A hut', 'caption: In May'],
      ['/dir/b.jpg', 'caption: In June'],
    ],
  },
  {
    name: 'a caption class after the image’s paragraph, and one after a text that is none',
    html: `<p><img src=a.jpg alt="${alt}"></p><p class="caption">In May</p><p><img src=b.jpg alt="A small wooden hut"></p><p>It is old.</p><p class="caption">Table 3</p>`,
    expected: [
      ['/dir/a.jpg', `alt: ${alt}`, 'caption: In May'],
      ['/dir/b.jpg', 'alt: A small wooden hut'],
    ],
  },
  {
    name: 'captions above their pictures, in one element or in one each',
    html: `<main><div><p class="caption">In May</p><p><img src=a.jpg></p><p class="caption">In June</p><p><img src=b.jpg></p></div><ul><li><span class="photo-caption">In July</span><a href="c.jpg"><img src=c.jpg></a></li><li><span class="photo-caption">In March</span><a href="d.jpg"><img src=d.jpg></a></li></ul></main>`,
    expected: [
      ['/dir/a.jpg', 'caption: In May'],
      ['/dir/b.jpg', 'caption: In June'],
      ['/dir/c.jpg', 'caption: In July'],
      ['/dir/d.jpg', 'caption: In March'],
    ],
  },
  {
    name: 'a caption in a card, above its picture and a text, is not of the card before',
    html: `<main><div><div><img src=a.jpg alt="A hut"></div><div><p class="caption">In May</p><p>Words.</p><img src=b.jpg alt="${alt}"></div></div></main>`,
    expected: [
      ['/dir/a.jpg', 'alt: A hut'],
      ['/dir/b.jpg', `alt: ${alt}`],
    ],
  },
  {
    name: 'one caption for two pictures side by side',
    html: `<main><div class="row"><img src=a.jpg><img src=b.jpg></div><div class="photo-caption">In May</div></main>`,
    expected: [
      ['/dir/a.jpg', 'caption: In May'],
      ['/dir/b.jpg', 'caption: In May'],
    ],
  },
  {
    name: 'lightbox galleries: the linked file, captions in attributes',
    html: `<a href="full/1.jpg" data-fancybox="g" data-caption="In &lt;b&gt;May&lt;/b&gt;"><img src="1.jpg" alt="${alt}"></a><a class="glightbox" href="full/2.jpg"><img src="2.jpg" alt="A small wooden hut"></a><a href="other.jpg"><img src="3.jpg" alt="A hut in the wood" width=800 height=600></a>`,
    expected: [
      ['/dir/full/1.jpg', `alt: ${alt}`, 'caption: In May'],
      ['/dir/full/2.jpg', 'alt: A small wooden hut'],
      ['/dir/3.jpg', 'alt: A hut in the wood'],
    ],
  },
  {
    name: 'picture: other formats and crops beside the file, widths where there are any',
    html: `<picture><source type="image/avif" srcset="a.avif"><source type="image/webp" srcset="a.webp"><img src="a.jpg" alt="${alt}"></picture><picture><source media="(max-width: 600px)" srcset="b-square.jpg 900w"><source srcset="b-400.jpg 400w, b-1600.jpg 1600w"><img src="b-400.jpg" alt="A small wooden hut"></picture>`,
    expected: [
      ['/dir/a.jpg', `alt: ${alt}`],
      ['/dir/b-1600.jpg', 'alt: A small wooden hut'],
    ],
  },
  {
    name: 'placeholders: a spacer with a data attribute, one with noscript, one that gives nothing',
    html: `<p><img src="/img/blank.gif" data-original="a.jpg" class="lazy placeholder" alt="${alt}"></p><p><img src="/img/placeholder.png" alt="A hut"><noscript><img src="b.jpg" alt="A small wooden hut"></noscript></p><figure><img src="/s/1x1.png" alt="A sea"><figcaption>In June</figcaption></figure>`,
    expected: [
      ['/dir/a.jpg', `alt: ${alt}`],
      ['/dir/b.jpg', 'alt: A small wooden hut'],
    ],
  },
  {
    name: 'AMP',
    html: `<amp-img src="a.jpg" srcset="a.jpg 640w, a-1280.jpg 1280w" alt="${alt}" width="640" height="480" layout="responsive"><noscript><img src="a.jpg" alt="${alt}"></noscript></amp-img>`,
    expected: [['/dir/a-1280.jpg', `alt: ${alt}`]],
  },
  {
    name: 'a lazy background in a figure, and one of a mere box',
    html: `<figure><div class="lazy" data-bg="a.jpg"></div><figcaption>In May</figcaption></figure><div class="hero" data-bg="b.jpg">Welcome</div>`,
    expected: [['/dir/a.jpg', 'caption: In May']],
  },
  {
    name: 'a blurred background behind the picture',
    html: `<figure><div><img src="a.jpg" alt="${alt}"></div><div style="background-image:url(a-blur.jpg)"></div></figure>`,
    expected: [['/dir/a.jpg', `alt: ${alt}`]],
  },
  {
    name: 'labels of wrappers',
    html: `<main><div role="img" aria-label="${alt}"><img src="a.jpg"></div><p id=d>In <b>May</b></p><img src="b.jpg" aria-describedby="d e"></main>`,
    expected: [
      ['/dir/a.jpg', `aria: ${alt}`],
      ['/dir/b.jpg', 'aria: In May'],
    ],
  },
  {
    name: 'a photograph in a drawing, and as an object',
    html: `<main><svg role="img" aria-label="${alt}"><defs></defs><image xlink:href="a.jpg" /></svg><object type="image/png" data="b.png" title="A hut"></object><svg aria-label="Menu"><path d="M0 0"/></svg></main>`,
    expected: [
      ['/dir/a.jpg', `aria: ${alt}`],
      ['/dir/b.png', 'title: A hut'],
    ],
  },
  {
    name: 'a declarative shadow tree is shown, a template is not',
    html: `<x-card><template shadowrootmode="open"><figure><img src="a.jpg" alt="${alt}"><figcaption>In May</figcaption></figure></template></x-card><template><img src="b.jpg" alt="A small wooden hut"></template>`,
    expected: [['/dir/a.jpg', `alt: ${alt}`, 'caption: In May']],
  },
  {
    name: 'Open Graph arrays: each alternative text with its image, the description with the first',
    html: `<meta property="og:image" content="/a.jpg"><meta property="og:image:secure_url" content="https://a.example/a.jpg"><meta property="og:image:alt" content="A red boat, a lake"><meta property="og:image" content="/b.jpg"><meta property="og:image:alt" content="A hut"><meta property="og:description" content="All about boats"><meta name="twitter:image" content="/site-logo.png"><p>x`,
    expected: [
      ['/a.jpg', 'alt: A red boat, a lake', 'og: All about boats'],
      ['/b.jpg', 'alt: A hut'],
    ],
  },
  {
    name: 'pictures that one program gives are told apart by its query: what the page says of one of them is not said of another',
    html: `<meta property="og:title" content="Anna Berg"><meta property="og:image" content="/citations?view_op=view_photo&amp;user=anna"><main><h1>Anna Berg</h1><p>Works on boats and on the people who build them.</p><ul><li><img src="/citations?view_op=small_photo&amp;user=bert" alt="Bert Stone" width="280" height="280"></li><li><img src="/citations?view_op=small_photo&amp;user=cora" alt="Cora Lind" width="280" height="280"></li></ul></main>`,
    expected: [
      ['/citations?user=bert&view_op=small_photo', 'alt: Bert Stone'],
      ['/citations?user=cora&view_op=small_photo', 'alt: Cora Lind'],
      ['/citations?user=anna&view_op=view_photo', 'og: Anna Berg'],
    ],
  },
  {
    name: 'a graph of JSON-LD as WordPress writes it: neither logo nor author',
    html: `<script type="application/ld+json">{"@graph":[{"@type":"Article","image":{"@id":"#primaryimage"},"author":{"@type":"Person","image":{"@type":"ImageObject","url":"/me.jpg","caption":"A. Body"}}},{"@type":"ImageObject","@id":"https://a.example/#primaryimage","url":"/boat.jpg","caption":"In May"},{"@type":"Organization","logo":{"@type":"ImageObject","@id":"https://a.example/#/schema/logo/image/","url":"/l.png","caption":"The site"}},{"@type":"Person","image":{"@type":"ImageObject","url":"/me.jpg","caption":"A. Body"}}]}</script><p>x`,
    expected: [['/boat.jpg', 'json-ld: In May']],
  },
  {
    name: 'the page about a picture is no picture, a folder named image is no page',
    html: `<p><a href="/wiki/File:Boat.jpg">Boat</a> <a href="/wiki/Datei%3ABoot.jpg">Boot</a> <a href="https://code.example/u/r/blob/main/b.png">b</a> <a href="/image/boat.jpg">Our boat</a></p>`,
    expected: [['/image/boat.jpg']],
  },
];

describe('what is extracted from the mark-up of', () => {
  for (const { name, html, expected } of cases) test(name, () => assert.deepEqual(seen(html), expected));
});
