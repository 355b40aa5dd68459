/** What lists look like in the wild: names of columns, separators, quotes, line ends, compression, folders, rows of no use. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { before, describe, test } from 'node:test';
import { createGzip, gzipSync } from 'node:zlib';
import { compress } from '@bokuweb/zstd-wasm';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { zstdReady } from '../../../crawler/fetch/zstd.ts';
import { jsonObjects } from '../../../crawler/input/json-rows.ts';
import { queueUrlList, type UrlListOptions, type UrlListSummary } from '../../../crawler/input/url-list.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';

before(zstdReady);

/** What a list gives: every pair as `image | text`, what is kept beside it, and the summary. */
async function read(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: Partial<UrlListOptions> = {},
): Promise<{ pairs: string[]; columns: unknown[]; summary: UrlListSummary }> {
  const folder = mkdtempSync(join(tmpdir(), 'lait-list-'));
  const corpus = temporaryCorpus();
  try {
    for (const [name, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const [only = ''] = Object.keys(files);
    const file = Object.keys(files).length === 1 && !only.includes('/') ? join(folder, only) : folder;
    const summary = await queueUrlList({ corpusDir: corpus.dir, file, ...options }, corpus);
    const rows = corpus.ledger.db
      .prepare(
        `SELECT i.url, p.text, c.columns FROM pairs p JOIN images i ON i.id = p.image_id
         LEFT JOIN list_columns c ON c.pair_id = p.id ORDER BY p.rowid`,
      )
      .all() as { url: string; text: string; columns: string | null }[];
    return {
      pairs: rows.map(({ url, text }) => `${url.replace('https://a.example/', '')} | ${text}`),
      columns: rows.map(({ columns }) => (columns === null ? null : JSON.parse(columns))),
      summary,
    };
  } finally {
    corpus.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}

const a = 'https://a.example/a.jpg';
const b = 'https://a.example/b.jpg';
const row = (url: string, caption: string) => ({ url, caption });
const json = (url: string, caption: string): string => JSON.stringify(row(url, caption));
const both = ['a.jpg | one', 'b.jpg | two'];

describe('a list', () => {
  for (const { name, files, pairs = both, options = {}, columns } of [
    { name: 'of URLs alone', files: { 'x.txt': `${a}\n${b}\n` }, pairs: ['a.jpg | ', 'b.jpg | '] },
    { name: 'of URLs under a name', files: { 'x.csv': `url\n${a}\n${b}\n` }, pairs: ['a.jpg | ', 'b.jpg | '] },
    { name: 'in LAION’s names', files: { 'x.csv': `URL,TEXT\n${a},one\n${b},two\n` } },
    { name: 'in COYO’s names', files: { 'x.tsv': `Alt_Text\tImage_URL\none\t${a}\ntwo\t${b}\n` } },
    {
      name: 'in names of its own',
      files: { 'x.csv': `Link,What\n${a},one\n${b},two\n` },
      options: { urlColumn: 'link', captionColumn: 'what' },
    },
    { name: 'as JSON records', files: { 'x.json': JSON.stringify([row(a, 'one'), row(b, 'two')], null, 2) } },
    { name: 'as JSON with a byte order mark', files: { 'x.json': `\ufeff[${json(a, 'one')},${json(b, 'two')}]` } },
    { name: 'as lines of JSON called json', files: { 'x.json': `${json(a, 'one')}\n${json(b, 'two')}\n` } },
    { name: 'as JSON in gzip', files: { 'x.json.gz': gzipSync(`[${json(a, 'one')}, ${json(b, 'two')}]`) } },
    {
      name: 'as JSON with brackets, quotes and objects in its values',
      files: { 'x.json': `[${json(a, '{"]} \\')}, ${JSON.stringify({ meta: { of: [{}] }, ...row(b, 'two') })}]` },
      pairs: ['a.jpg | {"]} \\', 'b.jpg | two'],
    },
    { name: 'as JSON in a folder', files: { 'x.json': `[${json(a, 'one')}]`, 'y.json': `[${json(b, 'two')}]` } },
    {
      name: 'with JSON beside it in the folder that tells of it',
      files: { '00000.csv': `url,text\n${a},one\n${b},two\n`, '00000_stats.json': '{"count": 2}' },
    },
    { name: 'with semicolons', files: { 'x.csv': `url;caption\n${a};one\n${b};two\n` } },
    { name: 'with tabs, called csv', files: { 'x.csv': `url\tcaption\n${a}\tone\n${b}\ttwo\n` } },
    {
      name: 'CSV with a byte order mark and CR LF',
      files: { 'x.csv': `\ufeffurl,caption\r\n${a},one\r\n${b},two\r\n` },
    },
    {
      name: 'TSV with a byte order mark and CR LF',
      files: { 'x.tsv': `\ufeffurl\tcaption\r\n${a}\tone\r\n${b}\ttwo` },
    },
    { name: 'CSV with CR alone', files: { 'x.csv': `url,caption\r${a},one\r${b},two\r` } },
    { name: 'TSV with CR alone', files: { 'x.tsv': `url\tcaption\r${a}\tone\r${b}\ttwo\r` } },
    { name: 'without a header, URL first', files: { 'x.tsv': `${a}\tone\n${b}\ttwo\n` } },
    { name: 'without a header, URL last', files: { 'x.tsv': `one\t${a}\ntwo\t${b}\n` } },
    { name: 'CSV without a header', files: { 'x.csv': `${a},one\n${b},two\n` } },
    {
      name: 'TSV as pandas quotes it',
      files: { 'x.tsv': `url\tcaption\n${a}\t"line one\nline ""two""\n\nand\ttab"\n${b}\ttwo\n` },
      pairs: ['a.jpg | line one line "two" and tab', 'b.jpg | two'],
    },
    {
      name: 'TSV as pandas quotes it, caption first',
      files: { 'x.tsv': `caption\turl\n"line one\nline two"\t${a}\ntwo\t${b}\n` },
      pairs: ['a.jpg | line one line two', 'b.jpg | two'],
    },
    {
      name: 'TSV with quotes that are never closed',
      files: { 'x.tsv': `url\tcaption\n${a}\t"one\n${b}\ttwo" and "more"\n${a}?3\t"three"\n` },
      pairs: ['a.jpg | "one', 'b.jpg | two" and "more"', 'a.jpg?3 | three'],
    },
    ...['csv', 'tsv'].map((form) => ({
      name: `${form} whose header names what its first rows lack`,
      files: {
        [`x.${form}`]: `url,alt,caption\n${a},first\n${b},alt,two\n`.replaceAll(',', form === 'csv' ? ',' : '\t'),
      },
      pairs: ['a.jpg | ', 'b.jpg | two'],
      columns: [{ alt: 'first' }, { alt: 'alt' }],
    })),
    ...['csv', 'tsv'].map((form) => ({
      name: `${form} of URLs alone under a header that names captions`,
      files: { [`x.${form}`]: `url,caption\n${`${a}\n`.repeat(1000)}`.replaceAll(',', form === 'csv' ? ',' : '\t') },
      options: { captionColumn: 'caption' },
      pairs: ['a.jpg | '],
    })),
    {
      name: 'TSV whose quotes enclose rows',
      files: { 'x.tsv': `url\tcaption\n${a}\t"one\n${b}\ttwo"\n` },
      pairs: ['a.jpg | "one', 'b.jpg | two"'],
    },
    { name: 'in zstd', files: { 'x.csv.zst': () => compress(Buffer.from(`url,caption\n${a},one\n${b},two\n`)) } },
    {
      name: 'in gzip without saying so',
      files: { 'x.jsonl': gzipSync(`{"url":"${a}","caption":"one"}\n{"url":"${b}","caption":"two"}`) },
    },
    {
      name: 'of JSON with NaN, nulls, numbers and several captions',
      files: {
        'x.jsonl': [
          `{"caption":"no url yet","similarity":NaN}`,
          `{"url":"${a}","caption":["one","uno","one"],"similarity":NaN}`,
          `{"url":"${b}","caption":42}`,
          `{"url":"${a}?NaN","caption":"not a NaN, \\"NaN\\""}`,
          `{"url":"${b}?x","caption":null}`,
        ].join('\n'),
      },
      pairs: ['a.jpg | one', 'a.jpg | uno', 'b.jpg | 42', 'a.jpg?NaN | not a NaN, "NaN"', 'b.jpg?x | '],
    },
    {
      name: 'that is a folder',
      files: {
        'lists/00.csv': `url,caption\n${a},one\n`,
        'lists/01.jsonl.gz': gzipSync(`{"url":"${b}","caption":"two"}\n`),
        'lists/_SUCCESS': '',
        'lists/.hidden.csv': 'nothing',
        'lists/README.md': 'nothing',
      },
    },
  ] as {
    name: string;
    files: Record<string, string | Uint8Array | (() => Uint8Array)>;
    pairs?: string[];
    options?: Partial<UrlListOptions>;
    columns?: unknown[];
  }[]) {
    test(name, async () => {
      const written = Object.fromEntries(
        Object.entries(files).map(([path, content]) => [
          path.replace(/^lists\//, path.startsWith('lists/') ? './' : ''),
          typeof content === 'function' ? content() : content,
        ]),
      );
      const found = await read(written, options);
      assert.deepEqual(found.pairs, pairs);
      if (columns !== undefined) assert.deepEqual(found.columns, columns);
    });
  }

  test('every row of no use is counted', async () => {
    const long = `https://a.example/${'x'.repeat(3000)}.jpg`;
    const rows = [
      `{"url":"${a}","caption":"one"}`,
      'no json',
      '[1]',
      '{"caption":"no url"}',
      '{"url":7}',
      '{"url":"ftp://a.example/x.jpg"}',
      `{"url":"${long}","caption":"long"}`,
      `{"url":"${b}","caption":"${'x'.repeat(1_000_000)}"}`,
      `{"url":"${b}"}`,
    ];
    const { summary, pairs } = await read({ 'x.jsonl': rows.join('\n') });
    assert.deepEqual(summary, {
      rows: 9,
      unusable: { 'no-url': 3, 'url-too-long': 1, 'line-too-long': 1, 'no-json': 2 },
      withoutCaption: 1,
      queued: 2,
    });
    assert.deepEqual(pairs, ['a.jpg | one', 'b.jpg | ']);
  });

  test('of JSON counts what is none, and an object that is too long or cut', async () => {
    const long = JSON.stringify({ url: a, caption: 'x'.repeat(1_000_000) });
    const text = `[${json(a, 'one')}, "a, {string}", 7, ${long}, {not json}, }, null, ${json(b, 'two')}, {"url": "${a}`;
    const { summary, pairs } = await read({ 'x.json': text });
    assert.deepEqual(pairs, both);
    assert.deepEqual(
      [summary.rows, summary.unusable],
      [9, { 'no-url': 0, 'url-too-long': 0, 'line-too-long': 1, 'no-json': 6 }],
    );
  });

  test('of JSON in pieces of a byte are the same', async () => {
    const bytes = Buffer.from(` [{"a":"}é\\"{"}\n,{"b":[{},{}]} x "y" {"c":1`);
    const objects = async (size: number) => {
      const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
        bytes.subarray(i * size, (i + 1) * size),
      );
      const found: (string | null)[] = [];
      for await (const text of jsonObjects(Readable.from(pieces), 16)) found.push(text);
      return found;
    };
    const expected = ['{"a":"}é\\"{"}', '{"b":[{},{}]}', '', '', ''];
    for (const size of [1, 2, 3, 7, bytes.length]) assert.deepEqual(await objects(size), expected, `${size}`);
  });

  test('one line of 700 MB in 0.7 MB of gzip is passed over', async () => {
    const filler = Buffer.alloc(1_000_000, 'x');
    function* bytes(): Generator<string | Buffer> {
      yield `{"url":"${a}","caption":"one"}\n{"url":"`;
      for (let megabytes = 0; megabytes < 700; megabytes += 1) yield filler;
      yield `"}\n{"url":"${b}","caption":"two"}\n`;
    }
    const { summary, pairs } = await read({ 'x.jsonl.gz': await buffer(Readable.from(bytes()).pipe(createGzip())) });
    assert.deepEqual(pairs, both);
    assert.equal(summary.unusable['line-too-long'], 1);
  });

  test('TSV of one row that quotes line breaks without end is many rows', async () => {
    const content = `url\tcaption\n${a}\tone\n"${`${'x'.repeat(90_000)}\n"\t"`.repeat(40)}\n${b}\ttwo\n`;
    const { pairs, summary } = await read({ 'x.tsv': content });
    assert.deepEqual(pairs, both);
    assert.ok(summary.rows > 3, String(summary.rows));
  });

  for (const { name, file, content, message } of [
    { name: 'bzip2', file: 'x.csv', content: 'BZh91AY&SY', message: /which is bzip2; convert it/ },
    { name: 'a workbook', file: 'x.csv', content: 'PK\x03\x04…', message: /which is a zip file/ },
    {
      name: 'UTF-16',
      file: 'x.tsv',
      content: Buffer.from('\ufeffurl\tcaption\n', 'utf16le'),
      message: /which is UTF-16/,
    },
    {
      name: 'a list without URLs',
      file: 'x.csv',
      content: 'link,text\u001b[2J\nhttps://a.example/x.jpg,hello\n',
      message:
        /^Expected a column url or image_url or img_url for urls but received x\.csv with "link", "text\\u001b\[2J"; name/,
    },
    {
      name: 'a list that is cut',
      file: 'x.csv',
      content: gzipSync(`url,caption\n${a},one\n`).subarray(0, -9),
      message: /x\.csv \(it is cut in the part that begins at byte 0\)/,
    },
    {
      name: 'JSON as pandas writes it unasked',
      file: 'x.json',
      content: JSON.stringify({ url: { 0: a, 1: b }, caption: { 0: 'one', 1: 'two' } }),
      message: /^Expected rows for urls but received x\.json, one object of columns; write it with orient="records"\.$/,
    },
    {
      name: 'JSON that is one large object',
      file: 'x.json',
      content: JSON.stringify({ url: Array(40_000).fill(a) }),
      message: /one object of columns/,
    },
    {
      name: 'CSV of one row that quotes line breaks without end',
      file: 'x.csv',
      content: `url,caption\n${`${','.repeat(9998)}"\n"`.repeat(450)}`,
      message: /x\.csv \(a row has more than 4000000 bytes\)/,
    },
    {
      name: 'JSON of long rows without a URL, of which only some megabytes are looked through',
      file: 'x.jsonl',
      content: `${`${JSON.stringify({ text: 'x'.repeat(900_000) })}\n`.repeat(20)}${json(a, 'one')}\n`,
      message: /x\.jsonl with "text";/,
    },
    { name: 'an empty folder', file: 'x/y.md', content: '', message: /a folder with lists/ },
  ]) {
    test(`${name} is a user error`, async () => {
      await assert.rejects(
        read({ [file]: content }),
        (error) => error instanceof UserError && message.test(error.message),
      );
    });
  }
});

describe('what a list says beside URL and caption', () => {
  test('is kept, each value as it was', async () => {
    const columnData = [
      { name: 'URL', data: [a, b], type: 'STRING' as const },
      { name: 'TEXT', data: ['one', 'two'], type: 'STRING' as const },
      { name: 'hash', data: [-4611686018427387905n, 7n], type: 'INT64' as const },
      { name: 'similarity', data: [0.25, null], type: 'DOUBLE' as const },
      { name: 'nsfw', data: [true, false], type: 'BOOLEAN' as const },
    ];
    const corpus = temporaryCorpus();
    const folder = mkdtempSync(join(tmpdir(), 'lait-list-'));
    try {
      const file = join(folder, 'x.parquet');
      writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData })));
      await queueUrlList({ corpusDir: corpus.dir, file }, corpus);
      assert.deepEqual(corpus.ledger.db.prepare('SELECT columns FROM list_columns ORDER BY columns').pluck().all(), [
        '{"hash":-4611686018427387905,"similarity":0.25,"nsfw":true}',
        '{"hash":7,"nsfw":false}',
      ]);
    } finally {
      corpus.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
  test('has names that may stand anywhere', async () => {
    const names = [
      '"><script>',
      '../../x',
      '__proto__',
      'constructor',
      'a b',
      'a_b',
      '\u202egpj',
      'x'.repeat(100),
      'größe',
    ];
    const { columns } = await read({
      'x.jsonl': `{"url":"${a}","caption":"one",${names.map((name, at) => `${JSON.stringify(name)}:${at}`).join(',')}}`,
    });
    assert.deepEqual(Object.entries(columns[0] as object), [
      ['_script_', 0],
      ['.._.._x', 1],
      ['__proto__', 2],
      ['constructor', 3],
      ['a_b', 4],
      ['a_b_2', 5],
      ['_gpj', 6],
      ['x'.repeat(64), 7],
      ['größe', 8],
    ]);
  });
  test('has at most 8 KB', async () => {
    const { columns } = await read({
      'x.jsonl': `{"url":"${a}","caption":"one","small":1,"large":"${'x'.repeat(8192)}","after":2}\n{"url":"${b}","caption":"two","large":"${'x'.repeat(8000)}"}`,
    });
    assert.deepEqual(columns, [{ small: 1 }, { large: 'x'.repeat(8000) }]);
  });
  test('follows a list that has changed; a caption that has changed is another pair', async () => {
    const corpus = temporaryCorpus();
    const folder = mkdtempSync(join(tmpdir(), 'lait-list-'));
    const give = async (content: string): Promise<UrlListSummary> => {
      writeFileSync(join(folder, 'x.csv'), content);
      return queueUrlList({ corpusDir: corpus.dir, file: join(folder, 'x.csv') }, corpus);
    };
    const all = (): unknown[] =>
      corpus.ledger.db
        .prepare('SELECT p.text, c.columns FROM pairs p LEFT JOIN list_columns c ON c.pair_id = p.id ORDER BY p.rowid')
        .raw()
        .all();
    try {
      await give(`url,caption,uid,license\n${a},one,u1,by\n${b},two,u2,by\n`);
      await give(`url,caption,uid,score\n${a},one,u1,5\n${b},three,u2,6\n`);
      assert.deepEqual(all(), [
        ['one', '{"uid":"u1","license":"by","score":"5"}'],
        ['two', '{"uid":"u2","license":"by"}'],
        ['three', '{"uid":"u2","score":"6"}'],
      ]);
    } finally {
      corpus.remove();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

test('a list that is stopped and read again gives what it gives undisturbed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-list-'));
  const file = join(folder, 'x.csv');
  const rows = Array.from({ length: 12_000 }, (_, n) => `https://a.example/${n}.jpg,picture ${n},${n}`);
  writeFileSync(file, `url,caption,uid\n${rows.join('\n')}\n`);
  const [whole, stopped] = [temporaryCorpus(), temporaryCorpus()];
  try {
    const all = (corpus: typeof whole): unknown[] =>
      corpus.ledger.db
        .prepare('SELECT p.id, p.text, c.columns FROM pairs p JOIN list_columns c ON c.pair_id = p.id ORDER BY p.id')
        .raw()
        .all();
    await queueUrlList({ corpusDir: whole.dir, file }, whole);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const first = await queueUrlList(
      { corpusDir: stopped.dir, file },
      { ...stopped, onProgress, signal: controller.signal },
    );
    assert.equal(first.rows, 5000);
    const second = await queueUrlList({ corpusDir: stopped.dir, file }, stopped);
    assert.deepEqual([second.rows, second.queued], [12_000, 7000]);
    assert.deepEqual(all(stopped), all(whole));
  } finally {
    whole.remove();
    stopped.remove();
    rmSync(folder, { recursive: true, force: true });
  }
});
