/** The part of the internet that README's commands meet: a site about birds, with its pictures on another domain. */
import sharp from 'sharp';
import { type Picture, pictures } from '../../cli/demo/pictures.ts';
import type { Route } from '../helpers/site.ts';
import type { Host } from './box.ts';

const count = 100;
const perPage = 25;
/** Several, since each is asked once a second. */
const imageHosts = ['images.example.net', 'static.example.com', 'pictures.example.info', 'cdn.example.edu'];

/** Drawings of living things, named in English; the first is the wren that README asks about. */
const shown: readonly Picture[] = pictures()
  .filter(({ group, texts }) => group === 'nature' && (texts.en ?? '').split(' ').length >= 4)
  .slice(0, count);

const nameOf = (index: number) => (index === 0 ? 'wren' : `bird-${index}`);
const urlOf = (index: number) =>
  index === 0
    ? 'https://example.org/wren.jpg'
    : `https://${imageHosts[index % imageHosts.length]}/${nameOf(index)}.jpg`;
const altOf = (index: number) => shown[index]!.texts.en!;
const captionOf = (index: number) => `Plate ${index + 1} shows one ${shown[index]!.names.en} drawn by hand`;

const page = (title: string, body: string) =>
  `<!doctype html><html lang="en"><title>${title}</title><nav><a href="/">Home</a></nav><main>${body}</main></html>`;

export async function birdHosts(): Promise<Host[]> {
  const drawn = await Promise.all(
    shown.map(({ svgPath }) =>
      sharp(svgPath, { density: 400 })
        .resize(380, 380)
        .flatten({ background: '#f4ecd8' })
        .jpeg({ quality: 92 })
        .toBuffer(),
    ),
  );
  const figures = shown.map(
    (_, index) =>
      `<figure><img src="${urlOf(index)}" alt="${altOf(index)}"><figcaption>${captionOf(index)}</figcaption></figure>`,
  );
  const pages: Record<string, Route> = {};
  const pageCount = Math.ceil(count / perPage);
  for (let n = 0; n < pageCount; n++) {
    const next = n + 1 < pageCount ? `<a href="/plates-${n + 2}.html">More plates</a>` : '';
    pages[`/plates-${n + 1}.html`] = page('Plates', figures.slice(n * perPage, (n + 1) * perPage).join('\n') + next);
  }
  return [
    {
      names: ['example.org'],
      routes: {
        '/': { status: 301, headers: { location: 'https://www.example.org/' } },
        '/wren.jpg': drawn[0]!,
      },
    },
    {
      names: ['www.example.org'],
      routes: {
        '/robots.txt': { headers: { 'content-type': 'text/plain' }, body: 'User-agent: *\nDisallow: /private/\n' },
        '/': page('Birds', '<p>Plates of birds and other animals.</p><a href="/plates-1.html">Plates</a>'),
        ...pages,
      },
    },
    ...imageHosts.map((name) => ({
      names: [name],
      routes: Object.fromEntries(drawn.map((bytes, index) => [`/${nameOf(index)}.jpg`, bytes])),
    })),
  ];
}

/** Every pair that is there, as `image | source | text`, sorted. */
export function birdPairs(): string[] {
  return shown
    .flatMap((_, index) => [
      `${urlOf(index)} | alt | ${altOf(index)}`,
      `${urlOf(index)} | caption | ${captionOf(index)}`,
    ])
    .sort();
}
