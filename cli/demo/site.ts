/**
 * The website that `lait demo` crawls, served on loopback: pages in eight languages, and what real sites have besides
 * pictures worth keeping: navigation icons, an advert, small and over-wide pictures, copies under other addresses, files
 * that are broken or missing, a gallery that exists only after its script ran, and a folder that robots.txt forbids.
 */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import sharp from 'sharp';
import { extraPictures, type Language, languages, type Picture, pictures } from './pictures.ts';
import { type Plant, plantWrongTexts } from './plants.ts';

const picturesPerPage = 30;
const extraCount = 60;

export interface DemoSite {
  readonly url: string;
  readonly pictureCount: number;
  /** How many of them only the gallery shows, which is empty without a browser. */
  readonly galleryPictureCount: number;
  /** What the site alone knows: whether a text that it shows at a picture is the picture's own. */
  readonly truth: SiteTruth;
  close(): Promise<void>;
}

/** By the URL of an image and a text as a page gives it: `right`, what was planted, or undefined for what is neither. */
export type SiteTruth = (imageUrl: string, text: string) => 'right' | Plant['kind'] | undefined;

export interface DemoSiteOptions {
  /** 0 lets the system choose. */
  readonly port?: number;
  /** Shows every n-th picture so that about this many are left. */
  readonly pictures?: number;
}

/** Serves the site on 127.0.0.1. */
export async function startDemoSite({ port = 0, pictures: limit = Infinity }: DemoSiteOptions = {}): Promise<DemoSite> {
  const site = buildSite(limit);
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    Promise.resolve(site.answer(path)).then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type }).end(body);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    pictureCount: site.pictureCount,
    galleryPictureCount: site.galleryPictureCount,
    truth: site.truth,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

const html = (body: string): Answer => ({ status: 200, type: 'text/html; charset=utf-8', body });
const plain = (body: string, status = 200): Answer => ({ status, type: 'text/plain; charset=utf-8', body });

interface Site extends Pick<DemoSite, 'pictureCount' | 'galleryPictureCount' | 'truth'> {
  answer(path: string): Answer | Promise<Answer>;
}

function buildSite(limit: number): Site {
  const everyone = pictures();
  const stride = Math.max(1, Math.ceil(everyone.length / limit));
  const all = everyone.filter((_, index) => index % stride === 0);
  const extras = extraPictures(Math.ceil(extraCount / stride));
  const byName = new Map([...all, ...extras].map((picture, index) => [mediaName(picture, index), picture]));
  const nameOf = new Map([...byName].map(([name, picture]) => [picture, name]));
  const copied = new Set([...byName.values()].slice(...copies));
  const plants = plantWrongTexts(all.filter((picture) => !copied.has(picture)));
  const figure = (picture: Picture, language: Language): string => {
    const plant = language === 'en' ? plants.get(picture) : undefined;
    const text = plant?.text ?? picture.texts[language];
    if (text === undefined) return '';
    const media = nameOf.get(picture);
    const caption = escaped(plant?.name ?? picture.names[language] ?? '');
    return `<figure><img src="/media/${media}" width="360" height="360" alt="${escaped(text)}"><figcaption>${caption}</figcaption></figure>`;
  };
  const pages = new Map<string, string>([['/', page('en', 'Picture book', home())]]);
  for (const language of languages) {
    const chapters = new Map<string, Picture[]>();
    for (const picture of all) chapters.set(picture.group, [...(chapters.get(picture.group) ?? []), picture]);
    const links: string[] = [];
    for (const [chapter, list] of chapters) {
      for (let first = 0; first < list.length; first += picturesPerPage) {
        const path = `/${language}/${chapter}-${first / picturesPerPage + 1}`;
        const figures = list.slice(first, first + picturesPerPage).map((picture) => figure(picture, language));
        pages.set(path, page(language, `${chapter} ${first / picturesPerPage + 1}`, figures.join('\n')));
        links.push(`<li><a href="${path}">${chapter} ${first / picturesPerPage + 1}</a></li>`);
      }
    }
    pages.set(`/${language}/`, page(language, language, `<ul>${links.join('')}</ul>`));
  }
  pages.set('/en/odds-and-ends', page('en', 'Odds and ends', oddsAndEnds([...byName])));
  pages.set('/en/gallery', gallery(extras.map((picture) => ({ media: nameOf.get(picture), text: picture.texts.en }))));
  pages.set(
    '/private/',
    page('en', 'Private', '<img src="/media/secret.png" alt="a picture that nobody may collect">'),
  );
  return {
    pictureCount: byName.size,
    galleryPictureCount: extras.length,
    truth(imageUrl, text) {
      const picture = byName.get(mediaOf(new URL(imageUrl).pathname));
      if (!picture) return undefined;
      if ([picture.names.en, picture.texts.en].includes(text)) return 'right';
      const plant = plants.get(picture);
      return plant && [plant.name, plant.text].includes(text) ? plant.kind : undefined;
    },
    answer(path) {
      const body = pages.get(path);
      if (body !== undefined) return html(body);
      if (path === '/robots.txt') return plain('User-agent: *\nDisallow: /private/\n');
      const media = mediaOf(path);
      const picture = byName.get(media);
      if (picture) return draw(picture, media);
      return odd(path) ?? plain('not found', 404);
    },
  };
}

/** Which of the pictures are shown once more under other addresses. */
const copies = [20, 40] as const;

const mediaOf = (path: string): string => /^\/(?:media|copies)\/(.+)$/.exec(path)?.[1] ?? '';

/** One name in ten is a WebP, one a PNG, the rest JPEG; one in twenty-five is drawn too small, one too wide. */
function mediaName(picture: Picture, index: number): string {
  const extension = index % 10 === 3 ? 'webp' : index % 10 === 7 ? 'png' : 'jpg';
  const shape = index % 25 === 11 ? '-small' : index % 25 === 19 ? '-wide' : '';
  return `${picture.hexcode.toLowerCase()}${shape}.${extension}`;
}

const papers = [
  ['#fdfcf9', '#d9d4c7'],
  ['#f4ecd8', '#cdb98a'],
  ['#dcecf7', '#8fb4d3'],
  ['#e3f4df', '#97bf8d'],
  ['#f7dfe3', '#cf98a3'],
  ['#3d405b', '#1c1d2b'],
] as const;

/** A sheet lit from one corner, so that the file is no plain surface: a photograph is none either. */
function paper(picture: Picture, width: number, height: number): Buffer {
  const [light, shade] = papers[Number.parseInt(picture.hexcode.slice(-2), 16) % papers.length] ?? papers[0];
  return Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><defs>
    <radialGradient id="g" cx="0.25" cy="0.2" r="1.1"><stop offset="0" stop-color="${light}"/><stop offset="1" stop-color="${shade}"/></radialGradient>
    </defs><rect width="100%" height="100%" fill="url(#g)"/></svg>`);
}

async function draw(picture: Picture, name: string): Promise<Answer> {
  const sidePx = name.includes('-small') ? 96 : 360;
  const width = name.includes('-wide') ? sidePx + 900 : sidePx;
  const drawing = await sharp(readFileSync(picture.svgPath), { density: 360 }).resize(sidePx, sidePx).png().toBuffer();
  const image = sharp(paper(picture, width, sidePx))
    .composite([{ input: drawing, gravity: 'east' }])
    .flatten();
  const type = name.endsWith('.webp') ? 'webp' : name.endsWith('.png') ? 'png' : 'jpeg';
  const body = await (type === 'png' ? image.png() : image.toFormat(type, { quality: 90 })).toBuffer();
  return { status: 200, type: `image/${type}`, body };
}

function odd(path: string): Answer | undefined {
  switch (path) {
    case '/media/not-a-picture.png':
      return {
        status: 200,
        type: 'image/png',
        body: '<html><body>This is a page that calls itself a picture.</body></html>',
      };
    case '/media/cut-off.png':
      return {
        status: 200,
        type: 'image/png',
        body: Buffer.from('89504e470d0a1a0a0000000d49484452000002000000', 'hex'),
      };
    case '/icons/logo.svg':
      return {
        status: 200,
        type: 'image/svg+xml',
        body: '<svg xmlns="http://www.w3.org/2000/svg" width="120" height="40"/>',
      };
    default:
      return undefined;
  }
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

function page(language: string, title: string, body: string): string {
  return `<!doctype html><html lang="${language}"><head><meta charset="utf-8"><title>${escaped(title)}</title></head><body>
<header><img src="/icons/logo.svg" alt="Picture book" width="120" height="40"><nav><a href="/">Home</a></nav></header>
<main><article><h1>${escaped(title)}</h1>
${body}
</article></main>
<aside class="advert"><img src="/media/advert.jpg" alt="Buy our posters now" width="300" height="250"></aside>
<footer>Pictures: OpenMoji, <a rel="license" href="https://creativecommons.org/licenses/by-sa/4.0/">CC BY-SA 4.0</a></footer></body></html>`;
}

function home(): string {
  const links = [...languages.map((language) => `/${language}/`), '/en/odds-and-ends', '/en/gallery', '/private/'];
  return `<p>A picture book in ${languages.length} languages.</p><ul>${links.map((path) => `<li><a href="${path}">${path}</a></li>`).join('')}</ul>`;
}

function oddsAndEnds(named: readonly (readonly [name: string, picture: Picture])[]): string {
  const shown = named
    .slice(...copies)
    .map(([name, { texts }]) => `<img src="/copies/${name}" alt="${escaped(texts.en ?? '')}">`);
  return `<p>Copies of pictures shown elsewhere, and files that are broken or gone.</p>${shown.join('\n')}
<img src="/media/not-a-picture.png" alt="a page that calls itself a picture">
<img src="/media/cut-off.png" alt="a picture whose file was cut off">
<img src="/media/gone.jpg" alt="a picture that is no longer there">`;
}

/** A page whose figures exist only after its script ran. */
function gallery(items: readonly { media: string | undefined; text: string | undefined }[]): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Gallery</title></head><body>
<div id="root"></div><noscript>This gallery needs JavaScript.</noscript>
<script type="application/json" id="items">${JSON.stringify(items).replaceAll('<', '\\u003c')}</script>
<script>
  const main = document.createElement('main');
  for (const { media, text } of JSON.parse(document.getElementById('items').textContent)) {
    const image = Object.assign(document.createElement('img'), { src: '/media/' + media, alt: text, width: 360, height: 360 });
    const figure = document.createElement('figure');
    figure.append(image);
    main.append(figure);
  }
  document.getElementById('root').replaceWith(main);
</script></body></html>`;
}
