/** Lists of URLs with captions, in each form that img2dataset takes. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { parquetWriteFile } from 'hyparquet-writer';
import { crawl } from '../../../crawler/crawl.ts';
import { queueUrlList } from '../../../crawler/input/url-list.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';
import { picture } from '../../helpers/picture.ts';
import { type Site, startSite } from '../../helpers/site.ts';

/** A zstd frame of one stored block (RFC 8878 §3.1.1), up to 128 KB. */
function zstdStored(bytes: Uint8Array): Uint8Array {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(bytes.length, 5);
  head.writeUIntLE(1 + bytes.length * 8, 9, 3);
  return Buffer.concat([head, bytes]);
}

/** An LZ4 block of literals alone. */
function lz4Stored(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 15) return Buffer.concat([Buffer.from([bytes.length << 4]), bytes]);
  const rest = bytes.length - 15;
  const length = Buffer.from([0xf0, ...Array<number>(Math.floor(rest / 255)).fill(255), rest % 255]);
  return Buffer.concat([length, bytes]);
}

const compressed = {
  GZIP: (bytes: Uint8Array) => gzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => brotliCompressSync(bytes),
  ZSTD: zstdStored,
  LZ4_RAW: lz4Stored,
};

const own = { allowPrivate: true, minDelayMs: 0, render: 'never' } as const;
let site: Site;
const folder = mkdtempSync(join(tmpdir(), 'lait-lists-'));
before(async () => {
  site = await startSite({ routes: { '/a.jpg': await picture(1), '/b.jpg': await picture(2) } });
});
after(async () => {
  await site.close();
  rmSync(folder, { recursive: true, force: true });
});

const usable = { 'no-url': 0, 'url-too-long': 0, 'line-too-long': 0, 'no-json': 0 };

describe('lists of URLs', () => {
  const rows = () => [
    { url: `${site.url}/a.jpg`, caption: 'A first, "quoted" picture' },
    { url: `${site.url}/b.jpg`, caption: 'A second picture' },
    { url: `${site.url}/c.jpg`, caption: 'A missing picture' },
    { url: 'no url at all', caption: 'A row of no use' },
    { url: `${site.url}/d.jpg`, caption: '' },
  ];
  const csv = () =>
    `url,caption\n${rows()
      .map(({ url, caption }) => `${url},"${caption.replaceAll('"', '""')}"`)
      .join('\n')}\n`;
  const files: { name: string; write: (path: string) => void; captions?: boolean }[] = [
    { name: 'list.csv', write: (path) => writeFileSync(path, csv()) },
    { name: 'list.csv.gz', write: (path) => writeFileSync(path, gzipSync(csv())) },
    {
      name: 'list.tsv',
      write: (path) =>
        writeFileSync(
          path,
          `url\tcaption\n${rows()
            .map((row) => `${row.url}\t${row.caption}`)
            .join('\n')}`,
        ),
    },
    {
      name: 'pandas.tsv',
      write: (path) =>
        writeFileSync(
          path,
          `url\tcaption\n${rows()
            .map(({ url, caption }) => `${url}\t${/"/.test(caption) ? `"${caption.replaceAll('"', '""')}"` : caption}`)
            .join('\n')}`,
        ),
    },
    {
      name: 'list.jsonl',
      write: (path) =>
        writeFileSync(
          path,
          rows()
            .map((row) => JSON.stringify(row))
            .join('\n'),
        ),
    },
    {
      name: 'list.txt',
      write: (path) =>
        writeFileSync(
          path,
          rows()
            .map((row) => `${row.url}\t${row.caption}`)
            .join('\r\n'),
        ),
    },
    ...(['GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW'] as const).map((codec) => ({
      name: `${codec}.parquet`,
      write: (filename: string) =>
        parquetWriteFile({
          filename,
          codec,
          compressors: compressed,
          columnData: [
            { name: 'url', data: rows().map(({ url }) => url), type: 'STRING' as const },
            { name: 'caption', data: rows().map(({ caption }) => caption), type: 'STRING' as const },
          ],
        }),
    })),
    {
      name: 'list.parquet',
      write: (filename) =>
        parquetWriteFile({
          filename,
          columnData: [
            { name: 'url', data: rows().map(({ url }) => url), type: 'STRING' },
            { name: 'caption', data: rows().map(({ caption }) => caption), type: 'STRING' },
          ],
        }),
    },
  ];
  for (const { name, write } of files) {
    test(name, async (t) => {
      const corpus = temporaryCorpus();
      t.after(() => corpus.remove());
      const file = join(folder, name);
      write(file);
      const summary = await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
      const rest = { rows: 5, unusable: { ...usable, 'no-url': 1 }, withoutCaption: 1 };
      assert.deepEqual(summary, { ...rest, queued: 4 });
      assert.deepEqual(await queueUrlList({ corpusDir: corpus.dir, file }, corpus), { ...rest, queued: 0 });
      await crawl({ ...own, seeds: [], corpusDir: corpus.dir }, corpus);
      assert.deepEqual(corpus.images(), {
        '/a.jpg': 'success',
        '/b.jpg': 'success',
        '/c.jpg': 'http-404',
        '/d.jpg': 'http-404',
      });
      assert.deepEqual(corpus.ledger.db.prepare('SELECT text FROM pairs ORDER BY text').pluck().all(), [
        '',
        'A first, "quoted" picture',
        'A missing picture',
        'A second picture',
      ]);
    });
  }

  test('a picture of a list and of a page is downloaded once; its text wins over the list that has none', async (t) => {
    const page = await startSite({
      routes: {
        '/': '<main><p><img src="/a.jpg" alt="A picture on a page"></p></main>',
        '/a.jpg': await picture(3),
      },
    });
    const corpus = temporaryCorpus();
    t.after(async () => {
      corpus.remove();
      await page.close();
    });
    const file = join(folder, 'same.csv');
    writeFileSync(file, `url,uid\n${page.url}/a.jpg,u1\n`);
    await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
    await crawl({ ...own, seeds: [page.url], corpusDir: corpus.dir }, corpus);
    await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
    assert.equal(page.hits.get('/a.jpg'), 1);
    assert.deepEqual(
      corpus.ledger.db
        .prepare(
          `SELECT p.source, p.text, c.columns FROM pairs p LEFT JOIN list_columns c ON c.pair_id = p.id
           ORDER BY p.source_rank`,
        )
        .raw()
        .all(),
      [
        ['alt', 'A picture on a page', null],
        ['none', '', '{"uid":"u1"}'],
      ],
    );
  });

  test('a row has a hundred captions at most, and long rows are committed a few at a time', async (t) => {
    const corpus = temporaryCorpus();
    t.after(() => corpus.remove());
    const file = join(folder, 'captions.jsonl');
    const caption = (count: number, length: number): string[] =>
      Array.from({ length: count }, (_, n) => `${n} ${'a'.repeat(length)}`);
    const rows = [caption(101, 5), ...Array<string[]>(12).fill(caption(95, 10_000))];
    const lines = rows.map((texts, n) => JSON.stringify({ url: `https://a.example/${n}.jpg`, caption: texts }));
    writeFileSync(file, lines.join('\n'));
    const committed: number[] = [];
    await queueUrlList(
      { corpusDir: corpus.dir, file },
      { ledger: corpus.ledger, onProgress: (count) => committed.push(count) },
    );
    assert.deepEqual(committed, [12, 13]);
    const count = corpus.ledger.db.prepare('SELECT count(*) FROM pairs GROUP BY image_id ORDER BY image_id').pluck();
    assert.deepEqual(count.all(), [100, ...Array(12).fill(95)]);
  });

  const tornGzip = gzipSync('url,caption\nhttps://a.example/x.jpg,hello\n').subarray(0, 40);
  for (const { name, content } of [
    { name: 'missing.csv', content: null },
    { name: 'other.csv', content: 'link,text\nhttps://a.example/x.jpg,hello\n' },
    { name: 'list.xlsx', content: 'x' },
    { name: 'list.csv.gz.bak', content: 'x' },
    { name: 'torn.txt.gz', content: tornGzip },
    { name: 'torn.csv.gz', content: tornGzip },
    { name: 'broken.parquet', content: 'PAR1, not really' },
    { name: 'wide.csv.gz', content: gzipSync(`url,caption\nhttps://a.example/x.jpg${','.repeat(20_000)}\n`) },
    { name: 'open-quote.csv', content: 'url,caption\nhttps://a.example/x.jpg,"never closed\n' },
  ]) {
    test(`${name} is a user error`, async (t) => {
      const corpus = temporaryCorpus();
      t.after(() => corpus.remove());
      if (content !== null) writeFileSync(join(folder, name), content);
      await assert.rejects(queueUrlList({ corpusDir: corpus.dir, file: join(folder, name) }, corpus), UserError);
    });
  }
});
