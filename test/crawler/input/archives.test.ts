/** Archives as other tools write them (archives/make.py), and as no tool should: cut, damaged, with lies about lengths. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import zlib, { createGzip, gzipSync } from 'node:zlib';
import { archivePieces } from '../../../crawler/input/archive-bytes.ts';
import { importWarc, type WarcSummary } from '../../../crawler/input/warc.ts';
import { warcRecords } from '../../../crawler/input/warc-records.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { temporaryCorpus } from '../../helpers/corpus.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-archives-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const archives = join(import.meta.dirname, 'archives');
const archive = (name: string): Buffer => readFileSync(join(archives, name));

/** Reads an archive into a new corpus; which of its pages were read comes with the summary. */
async function read(source: string): Promise<WarcSummary & { readonly found: readonly string[] }> {
  const corpus = temporaryCorpus();
  try {
    const summary = await importWarc({ corpusDir: corpus.dir, source }, corpus);
    return { ...summary, found: corpus.pairs().filter((pair) => pair.includes('| alt |')) };
  } finally {
    corpus.remove();
  }
}

async function readBytes(bytes: Buffer): ReturnType<typeof read> {
  const path = join(folder, 'x');
  writeFileSync(path, bytes);
  return read(path);
}

const pair = (name: string): string => `/${name}.jpg | alt | A picture of ${name} | /${name}.html`;
const pairs = (...names: string[]): string[] => names.map(pair).sort();
const all = pairs(
  ...['plain', 'gzip', 'deflate', 'br', 'zstd', 'zstd-stream', 'gzip-br', 'br-zstd', 'chunked', 'chunked-gzip'],
  ...['said-chunked', 'said-gzip'],
);

describe('archives of other tools', () => {
  for (const name of ['encodings.warc.gz', 'encodings-1.0.warc', 'frames.warc.zst', 'one-frame.warc.zst']) {
    test(name, async () => {
      assert.deepEqual(await read(join(archives, name)), {
        records: 46,
        pages: 13,
        refused: 1,
        images: 12,
        unusable: { 'page-unreadable': 1 },
        broken: null,
        found: all,
      });
    });
  }
  for (const name of ['dictionary.warc.zst', 'compressed-dictionary.warc.zst']) {
    test(name, async () => {
      const { found, broken, records } = await read(join(archives, name));
      assert.deepEqual(
        { found, broken, records },
        { found: pairs('plain', 'br', 'gzip-br'), broken: null, records: 13 },
      );
    });
  }
  test('archives one after the other, each with its own dictionary or none', async () => {
    const parts = ['frames.warc.zst', 'dictionary.warc.zst', 'compressed-dictionary.warc.zst'].map(archive);
    const { found, broken, records } = await readBytes(Buffer.concat(parts));
    assert.deepEqual({ found, broken, records }, { found: all, broken: null, records: 46 + 13 + 13 });
  });
  test('gzip archives one after the other', async () => {
    const { records, broken } = await readBytes(
      Buffer.concat([archive('encodings.warc.gz'), archive('encodings.warc.gz')]),
    );
    assert.deepEqual({ records, broken }, { records: 92, broken: null });
  });
  test('a whole archive in one gzip member, and in members of 1,000 bytes', async () => {
    const plain = archive('encodings-1.0.warc');
    assert.deepEqual((await readBytes(gzipSync(plain))).found, all);
    const members = Array.from({ length: Math.ceil(plain.length / 1000) }, (_, i) =>
      gzipSync(plain.subarray(i * 1000, (i + 1) * 1000)),
    );
    const { found, records, broken } = await readBytes(Buffer.concat(members));
    assert.deepEqual({ found, records, broken }, { found: all, records: 46, broken: null });
  });
  test('a dictionary that is not there is said', async () => {
    await assert.rejects(read(join(archives, 'no-dictionary.warc.zst')), (error) => {
      return (
        error instanceof UserError && /compressed with a dictionary that the file does not have/.test(error.message)
      );
    });
  });
});

const record = (name: string, { head = '', length = 0, type = 'response' } = {}): Buffer => {
  const body = `<main><h1>${name}</h1><p><img src="/${name}.jpg" alt="A picture of ${name}"></p></main>`;
  const block = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n${body}`;
  return Buffer.from(
    `WARC/1.1\r\nWARC-Type: ${type}\r\nWARC-Target-URI: https://site.example/${name}.html\r\n${head}` +
      `Content-Length: ${block.length + length}\r\n\r\n${block}\r\n\r\n`,
  );
};
const a = record('a');
const b = record('b');

describe('archives that break off', () => {
  const gzip = [a, b].map((one) => gzipSync(one));
  const frames = archive('frames.warc.zst');
  for (const { name, bytes, broken, found = pairs('a') } of [
    {
      name: 'gzip in the content',
      bytes: Buffer.concat(gzip).subarray(0, -20),
      broken: { reason: 'cut', memberOffset: gzip[0]!.length },
    },
    {
      name: 'gzip in the trailer',
      bytes: Buffer.concat(gzip).subarray(0, -1),
      broken: { reason: 'cut', memberOffset: gzip[0]!.length },
      found: pairs('a', 'b'),
    },
    {
      name: 'gzip in the header',
      bytes: Buffer.concat(gzip).subarray(0, gzip[0]!.length + 1),
      broken: { reason: 'cut', memberOffset: gzip[0]!.length },
    },
    { name: 'gzip after a member', bytes: gzip[0]!, broken: null },
    {
      name: 'zstd in a block',
      bytes: frames.subarray(0, -10),
      broken: { reason: 'cut', memberOffset: frames.lastIndexOf(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) },
      found: all,
    },
    { name: 'plain in a record', bytes: Buffer.concat([a, b]).subarray(0, -20), broken: null },
    {
      name: 'gzip with something else behind',
      bytes: Buffer.concat([gzip[0]!, Buffer.from('garbage after the end')]),
      broken: { reason: 'damaged', memberOffset: gzip[0]!.length },
    },
    {
      name: 'gzip with a wrong checksum',
      bytes: Buffer.concat([gzip[1]!, gzip[0]!.subarray(0, -8), Buffer.alloc(4), gzip[0]!.subarray(-4)]),
      broken: { reason: 'damaged', memberOffset: gzip[1]!.length },
      found: pairs('a', 'b'),
    },
  ] as { name: string; bytes: Buffer; broken: WarcSummary['broken']; found?: string[] }[]) {
    test(name, async () => {
      const summary = await readBytes(bytes);
      assert.deepEqual({ broken: summary.broken, found: summary.found }, { broken, found });
    });
  }
  test('a record of a plain archive that is cut is counted', async () => {
    assert.deepEqual((await readBytes(Buffer.concat([a, b]).subarray(0, -20))).unusable, { 'record-cut': 1 });
  });
});

/** A gzip member of some 700 MB. */
async function bomb(start: string | Buffer): Promise<Buffer> {
  const filler = Buffer.alloc(1_000_000, 'x');
  function* bytes(): Generator<string | Buffer> {
    yield start;
    for (let megabytes = 0; megabytes < 700; megabytes += 1) yield filler;
  }
  return buffer(Readable.from(bytes()).pipe(createGzip()));
}

describe('records that lie', () => {
  const [first, second] = [gzipSync(a), gzipSync(b)];
  const lying = (options: Parameters<typeof record>[1]): Buffer => gzipSync(record('c', options));
  for (const { name, members, unusable, found = pairs('a', 'b') } of [
    {
      name: 'a head of 700 MB',
      members: [first, bomb('WARC/1.0\r\nWARC-Type: '), second],
      unusable: { 'header-too-long': 1 },
    },
    {
      name: 'a first head of 700 MB',
      members: [bomb('WARC/1.0\r\nX: '), first, second],
      unusable: { 'header-too-long': 1 },
    },
    {
      name: 'something between two records',
      members: [first, gzipSync('nothing\r\n\r\n'), second],
      unusable: { 'no-record': 1 },
    },
    {
      name: 'a length that is too long',
      members: [first, lying({ length: 99 }), second],
      unusable: { 'record-cut': 1 },
    },
    {
      name: 'a length that is too short',
      members: [first, lying({ length: -8 }), second],
      unusable: { 'no-record': 1 },
      found: pairs('a', 'b', 'c'),
    },
    {
      name: 'a length of 13 digits',
      members: [first, lying({ head: 'Content-Length: 9999999999999\r\n' }), second],
      unusable: { 'record-cut': 1 },
    },
    {
      name: 'a length that is none',
      members: [first, lying({ head: 'Content-Length: -1\r\n' }), second],
      unusable: { 'no-length': 1 },
    },
    {
      name: 'a page of 700 MB',
      members: [first, bomb(record('c', { length: 700_000_000 }).subarray(0, -4)), second],
      unusable: { 'page-too-large': 1 },
    },
  ] as { name: string; members: (Buffer | Promise<Buffer>)[]; unusable: object; found?: string[] }[]) {
    test(name, async () => {
      const summary = await readBytes(Buffer.concat(await Promise.all(members)));
      assert.deepEqual({ unusable: summary.unusable, found: summary.found }, { unusable, found });
    });
  }
  test('without compression the next record is found as well', async () => {
    for (const bad of ['WARC/1.0\r\nno length\r\n\r\nand a block\r\n\r\n', 'nothing', 'x'.repeat(70_000)]) {
      const { found, unusable } = await readBytes(Buffer.concat([a, Buffer.from(`${bad}\r\n`), b]));
      assert.deepEqual(found, pairs('a', 'b'));
      assert.equal(Object.values(unusable).length, 1);
    }
  });
});

test('short members, as records are, open no stream each', async (t) => {
  const opened = t.mock.method(zlib, 'createInflateRaw');
  syncBuiltinESMExports();
  t.after(() => {
    t.mock.restoreAll();
    syncBuiltinESMExports();
  });
  const members = [
    ...Array(500).fill(gzipSync('')),
    ...Array(500).fill(gzipSync('a')),
    gzipSync('b'.repeat(2_000_000)),
  ];
  let content = '';
  for await (const { bytes } of archivePieces(Readable.from([Buffer.concat(members)]))) content += bytes;
  assert.equal(content, 'a'.repeat(500) + 'b'.repeat(2_000_000));
  assert.equal(opened.mock.callCount(), 1);
});

test('beginnings of records without an end are looked through once', async (t) => {
  let looked = 0;
  const indexOf = Buffer.prototype.indexOf;
  t.mock.method(Buffer.prototype, 'indexOf', function (this: Buffer, ...args: Parameters<typeof indexOf>) {
    const found = indexOf.apply(this, args);
    looked += (found === -1 ? this.length : found) - Math.min(this.length, Number(args[1] ?? 0));
    return found;
  });
  for (const start of ['WARC/\n', 'WARC/1.0\r\n\r\n', 'WARC/1.0\r\nContent-Length: 0\r\n\r\n\r\n\r\n']) {
    const bytes = Buffer.from(start.repeat(300_000 / start.length));
    looked = 0;
    const bad: string[] = [];
    for await (const { blockLength } of warcRecords(archivePieces(Readable.from([bytes])), (what) => bad.push(what)))
      assert.equal(blockLength, 0);
    assert.ok(looked < 4 * bytes.length, `${looked} of ${bytes.length} bytes`);
  }
});
