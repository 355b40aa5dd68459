/** The hostile web: what a server may do with pages and pictures, and the reason by which a crawl ends each. */
import { gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { picture } from './picture.ts';
import { type Route, type Site, startSite } from './site.ts';

/** What the server does, and what the ledger says of it. */
interface Kind {
  readonly route: Route;
  readonly reason: string;
}

export const hostilePages: Readonly<Record<string, Kind>> = {
  '/slow-headers': { route: () => {}, reason: 'timeout-first-byte' },
  '/slow-loris': {
    route: (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' });
      const drip = setInterval(() => res.write('<p>'), 100);
      res.on('close', () => clearInterval(drip));
    },
    reason: 'timeout-whole',
  },
  '/cut-off': {
    route: (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html', 'content-length': '100000' });
      res.write('<p>half', () => res.destroy());
    },
    reason: 'body-cut-off',
  },
  '/closed': { route: (_req, res) => res.destroy(), reason: 'connection-lost' },
  '/more-than-said': {
    route: (_req, res) => {
      res.socket!.end(
        'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p>and much more than that',
      );
    },
    reason: 'fetched',
  },
  '/garbage': { route: (_req, res) => res.socket!.end('\0\0garbage\r\n\r\n'), reason: 'broken-http' },
  '/huge-headers': {
    route: (_req, res) => {
      res.socket!.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(300_000)}\r\n\r\n`);
    },
    reason: 'headers-too-large',
  },
  '/loop-a': { route: { status: 302, headers: { location: '/loop-b' } }, reason: 'too-many-redirects' },
  '/endless-redirect': {
    route: { status: 302, headers: { location: '/endless-redirect?n=1' } },
    reason: 'too-many-redirects',
  },
  '/redirect-away': {
    route: { status: 302, headers: { location: 'http://10.0.0.1/' } },
    reason: 'redirect-out-of-scope',
  },
  '/redirect-file': {
    route: { status: 302, headers: { location: 'file:///etc/passwd' } },
    reason: 'redirect-to-nowhere',
  },
  '/gzip-bomb': {
    route: {
      headers: { 'content-type': 'text/html', 'content-encoding': 'gzip' },
      body: gzipSync(Buffer.alloc(100_000_000)),
    },
    reason: 'too-many-bytes',
  },
  '/no-gzip': {
    route: { headers: { 'content-type': 'text/html', 'content-encoding': 'gzip' }, body: 'this is not gzip' },
    reason: 'broken-compression',
  },
  '/says-1-gb': {
    route: (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html', 'content-length': String(2 ** 30) });
      res.write('<p>');
    },
    reason: 'too-many-bytes',
  },
  '/streams-1-gb': {
    route: (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/html' });
      const chunk = Buffer.alloc(1_000_000, 'a ');
      let sent = 0;
      const more = (): void => {
        while (!res.destroyed && sent < 1000) {
          sent += 1;
          if (!res.write(chunk)) return void res.once('drain', more);
        }
        res.end();
      };
      more();
    },
    reason: 'too-many-bytes',
  },
  '/deep-dom': { route: `<main>${'<div>'.repeat(100_000)}<p>The bottom of the page.</p>`, reason: 'fetched' },
  '/deep-inline': { route: `<main><p>${'<b>'.repeat(100_000)}The bottom of the paragraph.`, reason: 'fetched' },
  '/many-attributes': {
    route: `<main><img ${'a=1 '.repeat(50_000)} src="/a.jpg" alt="A picture with attributes">`,
    reason: 'fetched',
  },
  '/srcset-bomb': { route: `<main><img srcset="${'/x.jpg 1w, '.repeat(50_000)}" alt="">`, reason: 'fetched' },
  '/entity-soup': { route: `<main><p>${'&amp;#x202e;&lt;'.repeat(20_000)}</p></main>`, reason: 'fetched' },
  '/unclosed': { route: '<main><p><a href="/unclosed?x=1"><img src="/a.jpg" alt="never closed', reason: 'fetched' },
  '/bad-charset': {
    route: {
      headers: { 'content-type': 'text/html; charset=klingon' },
      body: Buffer.from('<p>\xff\xfe broken \x80 bytes', 'latin1'),
    },
    reason: 'fetched',
  },
  '/null-bytes': { route: `<main><p>zero\0bytes\u001b[31m red</p>`, reason: 'fetched' },
  '/teapot': { route: { status: 418 }, reason: 'http-418' },
  '/error': { route: { status: 500 }, reason: 'http-500' },
  '/busy': { route: { status: 503 }, reason: 'http-503' },
  '/says-html-is-png': {
    route: await picture(5).then((body) => ({ headers: { 'content-type': 'text/html' }, body })),
    reason: 'is-an-image',
  },
  '/names/..%2f..%2fetc%2fpasswd': { route: '<p>A name with dots.</p>', reason: 'fetched' },
  '/esc%1b%5b2J': { route: '<p>A name with a terminal escape.</p>', reason: 'fetched' },
  '/a/b/a/b/a/b/a/b': { route: 'never', reason: 'trap-repeating-path' },
};

const bomb = await sharp({ create: { width: 12_000, height: 12_000, channels: 3, background: '#fff' } })
  .png()
  .toBuffer();
export const hostileImages: Readonly<Record<string, Kind>> = {
  '/bomb.png': { route: bomb, reason: 'too-many-pixels' },
  '/script.svg': {
    route: '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    reason: 'unsupported-format-svg',
  },
  '/svg-as.png': {
    route: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    reason: 'unsupported-format-svg',
  },
  '/png-as.jpg': { route: await picture(6, { format: 'png' }), reason: 'success' },
  '/half.jpg': { route: (await picture(7, { width: 300, height: 300 })).subarray(0, 3000), reason: 'broken-image' },
  '/header-only.png': { route: (await picture(8, { format: 'png' })).subarray(0, 40), reason: 'broken-image' },
  '/empty.jpg': { route: { headers: { 'content-type': 'image/jpeg' }, body: '' }, reason: 'empty-body' },
  '/html.jpg': { route: '<html>not here</html>', reason: 'not-an-image' },
  '/says-1-gb.jpg': {
    route: (_req, res) => {
      res.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': String(2 ** 30) });
      res.write('x');
    },
    reason: 'too-many-bytes',
  },
  '/loop.jpg': { route: { status: 301, headers: { location: '/loop.jpg' } }, reason: 'too-many-redirects' },
  '/to-metadata.jpg': {
    route: { status: 302, headers: { location: 'ftp://169.254.169.254/x' } },
    reason: 'redirect-to-nowhere',
  },
};

/** Pages that are read to their end, whatever is on them. */
export const readHostilePages = Object.keys(hostilePages).filter((path) => hostilePages[path]!.reason === 'fetched');

/** One site that does all of it; its first page links to these pages (default: all) and shows all pictures. */
export function startHostileSite(linked = Object.keys(hostilePages)): Promise<Site> {
  const routes: Record<string, Route> = {
    '/robots.txt': { body: `User-agent: *\nDisallow: /forbidden\n${'Disallow: /x\n'.repeat(800_000)}` },
    '/loop-b': { status: 302, headers: { location: '/loop-a' } },
  };
  for (const kinds of [hostilePages, hostileImages])
    for (const [path, { route }] of Object.entries(kinds)) routes[path] = route;
  const links = linked.map((path) => `<a href="${path}">x</a>`);
  const shown = Object.keys(hostileImages).map(
    (path) => `<img src="${path}" alt="A picture that is not what it seems">`,
  );
  routes['/'] = `<main><h1>Trouble</h1><p>${links.join(' ')} ${shown.join(' ')}</p></main>`;
  return startSite({ routes });
}
