/** A generated site for crawl benchmarks, served from memory by a process of its own: prints its URL, ends with its parent. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { picture } from '../test/helpers/picture.ts';
import { sitePages } from './crawl-pages.ts';

const [pages, delayMs] = [Number(process.argv[2] ?? 500), Number(process.argv[3] ?? 0)];
const html = sitePages(pages).map((page) => Buffer.from(page));
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
