/** What was taken down from a corpus does not come back by an import, whatever it was named by. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import sharp from 'sharp';
import { takedown } from '../../../dataset/export/takedown.ts';
import type { TakedownNames } from '../../../dataset/export/takedown-request.ts';
import { decodeImage } from '../../../dataset/image/decode.ts';
import { Ledger } from '../../../dataset/ledger/ledger.ts';
import { random } from '../../../dataset/random.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-import-takedown-'));
after(() => rmSync(root, { recursive: true, force: true }));

/** A picture of 6×6 patches in random greys: no two seeds look alike. */
async function patches(seed: number): Promise<Buffer> {
  const draw = random(seed);
  const raw = Buffer.from(Array.from({ length: 36 }, () => draw.below(256)));
  return sharp(raw, { raw: { width: 6, height: 6, channels: 1 } })
    .resize(192, 192, { kernel: 'nearest' })
    .jpeg({ quality: 90 })
    .toBuffer();
}

const pictures: Buffer[] = [];
const archive = join(root, 'set.tar');
const copies = join(root, 'copies.tar');
before(async () => {
  const [tar, smaller] = [new TarWriter(archive), new TarWriter(copies)];
  for (let i = 0; i < 4; i++) {
    const bytes = await patches(i);
    pictures.push(bytes);
    const about = {
      url: `https://cdn${i}.example/${i}.jpg`,
      page_url: `https://pages${i}.example/`,
      caption: `Text ${i}`,
    };
    const json = Buffer.from(JSON.stringify(about));
    tar.add(`k${i}`, { jpg: bytes, json });
    smaller.add(`k${i}`, { jpg: await sharp(bytes).resize(128).jpeg({ quality: 70 }).toBuffer(), json });
  }
  tar.commit();
  smaller.commit();
});

const hash = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest('hex');
const phashOf = async (bytes: Buffer) => ((await decodeImage(bytes)) as { phash: string }).phash;

describe('an import leaves out what was named by', () => {
  const cases: [what: string, names: () => TakedownNames | Promise<TakedownNames>, paths: string][] = [
    ['its URL', () => ({ urls: ['https://cdn2.example/2.jpg'] }), archive],
    ['its page', () => ({ urls: ['https://pages2.example/'] }), archive],
    ['its host', () => ({ hosts: ['cdn2.example'] }), archive],
    ['the host of its page', () => ({ hosts: ['pages2.example'] }), archive],
    ['its SHA-256', () => ({ sha256s: [hash('sha256', pictures[2]!)] }), archive],
    ['its MD5', () => ({ md5s: [hash('md5', pictures[2]!)] }), archive],
    ['its looks', async () => ({ phashes: [await phashOf(pictures[2]!)] }), archive],
    ['looks like its own', async () => ({ phashes: [await phashOf(pictures[2]!)], distance: 6 }), copies],
  ];
  for (const [at, [what, names, paths]] of cases.entries()) {
    test(what, async () => {
      const corpusDir = join(root, `corpus-${at}`);
      Ledger.open(corpusDir).close();
      await takedown({ corpusDir, ...(await names()) });
      const lait = join(import.meta.dirname, '../../../cli/lait.mjs');
      const said = execFileSync(process.execPath, [lait, 'import', 'webdataset', paths, '--corpus', corpusDir]);
      assert.match(said.toString(), /^Left out: taken-down 1$/m);
      const tables = readdirSync(join(corpusDir, 'shards/train')).filter((name) => name.endsWith('.parquet'));
      const rows = (await Promise.all(tables.map((name) => readParquet(join(corpusDir, 'shards/train', name))))).flat();
      assert.deepEqual(
        rows.map(({ caption, status }) => [caption, status]),
        [0, 1, 3].map((i) => [`Text ${i}`, 'success']),
      );
      const phashes = await Promise.all([0, 1, 3].map((i) => phashOf(pictures[i]!)));
      if (paths === archive)
        assert.deepEqual(
          rows.map(({ phash }) => phash),
          phashes,
        );
    });
  }
});
