/** The part of the internet that a general crawl meets: hosts that differ in what sites differ in, and the pairs on them. */
import { picture } from '../helpers/picture.ts';
import type { Route } from '../helpers/site.ts';
import type { Host } from './box.ts';

/** A picture with its texts, on the page where it stands. */
interface Shown {
  readonly page: string;
  /** As the page writes it. */
  readonly src: string;
  /** What is asked for, and by which key it is known. */
  readonly asked: string;
  readonly key: string;
  readonly alt: string;
  readonly caption: string;
}

const idn = new URL('https://vögel.example').origin;
const cdn = 'https://cdn.pictures.example';

const shown: readonly Shown[] = [
  ...[1, 2, 3].map((n) => ({
    page: `https://www.garden.example/beds-${n}.html`,
    src: `${cdn}/bed-${n}.jpg?sig=Zx${n}&amp;exp=9&amp;a=1`,
    asked: `${cdn}/bed-${n}.jpg?sig=Zx${n}&exp=9&a=1`,
    key: `${cdn}/bed-${n}.jpg?a=1&exp=9&sig=Zx${n}`,
    alt: `Bed number ${n} of the garden with tulips`,
    caption: `Bed ${n} in the last week of April`,
  })),
  ...[1, 2].map((n) => ({
    page: 'https://jardin.example/roses.html',
    src: `images/rose-${n}.jpg`,
    asked: `https://jardin.example/images/rose-${n}.jpg`,
    key: `https://jardin.example/images/rose-${n}.jpg`,
    alt: `La rose numéro ${n} près de la vieille porte`,
    caption: `Une rose, ${n} jours après la pluie de l’été`,
  })),
  ...[1, 2].map((n) => ({
    page: 'https://slow.example/',
    src: `/snail-${n}.jpg`,
    asked: `https://slow.example/snail-${n}.jpg`,
    key: `https://slow.example/snail-${n}.jpg`,
    alt: `Snail number ${n} on a green leaf`,
    caption: `The snail after ${n} hours on its way`,
  })),
  ...['Größe', 'Blaumeise & Spatz'].map((name, n) => ({
    page: `${idn}/v%C3%B6gel/%C3%BCbersicht.html`,
    src: `/bilder/${name.replace('&', '&amp;')}.jpg`,
    asked: `${idn}/bilder/${encodeURI(name)}.jpg`,
    key: `${idn}/bilder/${encodeURI(name)}.jpg`,
    alt: `Ein Vogel auf dem Ast, Bild ${n} von zweien`,
    caption: `Gesehen am ${n + 1}. März über den Dächern`,
  })),
  // Found behind a seed that a script, or a meta refresh, takes to `www.`.
  ...['scripted', 'refreshed', 'busy', 'modern'].map((site) => ({
    page: `https://${site === 'scripted' || site === 'refreshed' ? 'www.' : ''}${site}.example/rooms.html`,
    src: '/room.jpg',
    asked: `https://${site === 'scripted' || site === 'refreshed' ? 'www.' : ''}${site}.example/room.jpg`,
    key: `https://${site === 'scripted' || site === 'refreshed' ? 'www.' : ''}${site}.example/room.jpg`,
    alt: `The great room of the ${site} house`,
    caption: `Seen from the door of the ${site} house`,
  })),
  ...[1, 2].map((n) => ({
    page: 'https://app.example/',
    src: `/static/view-${n}.jpg`,
    asked: `https://app.example/static/view-${n}.jpg`,
    key: `https://app.example/static/view-${n}.jpg`,
    alt: `View number ${n} from the tower`,
    caption: `What a script shows, part ${n}`,
  })),
];

/** What the crawl is given. */
export const webSeeds = [
  'https://garden.example/',
  'https://jardin.example/',
  'https://slow.example/',
  'https://vögel.example/',
  'https://app.example/',
  'https://scripted.example/',
  'https://refreshed.example/',
  'https://busy.example/',
  'https://modern.example/',
];

const html = (lang: string, body: string): Route => ({
  headers: { 'content-type': 'text/html; charset=utf-8' },
  body: `<!doctype html><html lang="${lang}"><title>A site</title><main>${body}</main></html>`,
});
const figures = (page: string): string =>
  shown
    .filter((one) => one.page === page)
    .map(
      ({ src, alt, caption }) => `<figure><img src="${src}" alt="${alt}"><figcaption>${caption}</figcaption></figure>`,
    )
    .join('\n');

export async function webHosts(): Promise<Host[]> {
  const hosts = new Map<string, Record<string, Route>>();
  const routesOf = (url: string): Record<string, Route> => {
    const { hostname } = new URL(url);
    const routes = hosts.get(hostname) ?? {};
    hosts.set(hostname, routes);
    return routes;
  };
  for (const [index, { page, asked }] of shown.entries()) {
    routesOf(asked)[asked.slice(new URL(asked).origin.length)] = await picture(index);
    const lang = page.includes('jardin') ? 'fr' : page.startsWith(idn) ? 'de' : 'en';
    routesOf(page)[new URL(page).pathname] = html(lang, figures(page));
  }
  const links = (...hrefs: string[]): string => hrefs.map((href) => `<a href="${href}">on</a>`).join(' ');
  routesOf('https://garden.example/')['/'] = { status: 301, headers: { location: 'https://www.garden.example/' } };
  routesOf('https://www.garden.example/')['/'] = html('en', links('beds-1.html', 'beds-2.html'));
  routesOf('https://www.garden.example/')['/sitemap.xml'] =
    '<urlset><url><loc>https://www.garden.example/beds-3.html</loc></url></urlset>';
  routesOf('https://jardin.example/')['/'] = html('fr', links('roses.html?utm_source=home'));
  routesOf(idn)['/'] = html('de', links('/vögel/übersicht.html'));
  routesOf('https://app.example/')['/'] = {
    headers: { 'content-type': 'text/html' },
    body: '<!doctype html><html lang="en"><title>App</title><div id="root"></div><script src="https://modern.example/app.js"></script></html>',
  };
  routesOf('https://modern.example/')['/app.js'] = {
    headers: { 'content-type': 'text/javascript' },
    body: `document.getElementById('root').innerHTML = ${JSON.stringify(`<main>${figures('https://app.example/')}</main>`)};`,
  };
  const rooms = html('en', links('/rooms.html'));
  const onward: Readonly<Record<string, Route>> = {
    scripted: {
      headers: { 'content-type': 'text/html' },
      body: '<!doctype html><title>On</title><script>location.replace("https://www.scripted.example/")</script>',
    },
    refreshed: {
      headers: { 'content-type': 'text/html' },
      body: '<!doctype html><title>On</title><meta http-equiv="refresh" content="0; url=https://www.refreshed.example/">',
    },
  };
  for (const [site, route] of Object.entries(onward)) {
    routesOf(`https://${site}.example/`)['/'] = route;
    routesOf(`https://www.${site}.example/`)['/'] = rooms;
  }
  routesOf('https://modern.example/')['/'] = rooms;
  // Out of order for a moment, as it is asked for its rules.
  let asked = 0;
  routesOf('https://busy.example/')['/'] = rooms;
  routesOf('https://busy.example/')['/robots.txt'] = (_, res) => {
    asked += 1;
    res.writeHead(asked === 1 ? 503 : 200, { 'content-type': 'text/plain' });
    res.end(asked === 1 ? '' : 'User-agent: *\nDisallow: /private/\n');
  };
  return [...hosts].map(([name, routes]) => ({
    names: [name],
    routes,
    ...(name === 'slow.example' ? { delayMs: 1500 } : {}),
    ...(name === 'modern.example' ? { isHttp2Only: true } : {}),
  }));
}

/** Every pair that is there, as `image | source | text | page`, sorted. */
export const webPairs = (): string[] =>
  shown
    .flatMap(({ key, alt, caption, page }) => [
      `${key} | alt | ${alt} | ${page}`,
      `${key} | caption | ${caption} | ${page}`,
    ])
    .sort();
