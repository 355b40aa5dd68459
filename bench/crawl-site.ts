/** A generated site for crawl benchmarks, served from memory by a process of its own: prints its URL, ends with its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { picture } from '../test/helpers/picture.ts';

const [pages, delayMs] = [Number(process.argv[2] ?? 500), Number(process.argv[3] ?? 0)];
const words =
  'the quiet harbour of a northern town where boats return with fish and people meet to trade stories about weather work and family while children play between ropes nets and old wooden crates that smell of salt'.split(
    ' ',
  );
let random = 1;
const next = (below: number): number => {
  random = (random * 1103515245 + 12345) % 2147483648;
  return random % below;
};
const sentence = (length: number): string => Array.from({ length }, () => words[next(words.length)]).join(' ');

const html = Array.from({ length: pages }, (_, n) => {
  const nav = Array.from({ length: 20 }, (_, i) => `<li><a href="/p${i}.html">Section ${i}</a></li>`).join('');
  const links = Array.from({ length: 15 }, () => `<a href="/p${next(pages)}.html">${sentence(4)}</a>`).join(' ');
  const figures = Array.from(
    { length: 6 },
    (
      _,
      i,
    ) => `<h2>${sentence(5)}</h2><p>${sentence(80)}</p><figure><img src="/i${n}-${i}.jpg" alt="${sentence(9)}" width="640" height="480">
      <figcaption>${sentence(14)}</figcaption></figure><p>${sentence(120)} <a href="/p${(n + 1) % pages}.html">${sentence(3)}</a></p>`,
  ).join('\n');
  return Buffer.from(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${sentence(6)}</title></head><body>
    <header><a href="/p0.html"><img src="/logo.png" alt="Home" width="48" height="48"></a><nav><ul>${nav}</ul></nav></header>
    <main><article><h1>${sentence(6)}</h1>${figures}</article></main><aside class="sidebar">${links}</aside>
    <footer><img src="/avatar.png" alt="Profile photo"><p>${sentence(12)}</p></footer></body></html>`);
});
const jpegs = await Promise.all(Array.from({ length: 20 }, (_, seed) => picture(seed, { width: 512, height: 384 })));

/** The picture with a comment of its own (a COM segment), so that no two images have the same bytes. */
function distinct(jpeg: Buffer, name: string): Buffer {
  const comment = Buffer.from(`\xff\xfe\0\0${name}`, 'latin1');
  comment.writeUInt16BE(comment.length - 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), comment, jpeg.subarray(2)]);
}

const server = createServer((req, res) => {
  const path = req.url ?? '/';
  const page = /^\/p(\d+)\.html/.exec(path);
  const image = /^\/i(\d+)-(\d+)\.jpg/.exec(path);
  const body = page
    ? html[Number(page[1])]
    : image
      ? distinct(jpegs[(Number(image[1]) * 6 + Number(image[2])) % 20]!, path)
      : undefined;
  const answer = (): void => {
    if (!body) res.writeHead(404, { 'content-length': 0 }).end();
    else
      res
        .writeHead(200, {
          'content-type': page ? 'text/html; charset=utf-8' : 'image/jpeg',
          'content-length': body.length,
        })
        .end(body);
  };
  if (delayMs > 0) setTimeout(answer, delayMs);
  else answer();
});
// A crawler that waits for a core must not find its connections closed: the bare loop ends with the first one.
server.keepAliveTimeout = 0;
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
process.stdin.on('end', () => process.exit()).resume();
