/** What the field's own tools write (`foreign/make.py`) comes in whole: pictures, captions, splits and everything that the source knew. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import sharp from 'sharp';
import { importDataset } from '../../../dataset/import/import.ts';
import { splitOfColumn, splitOfPath } from '../../../dataset/import/splits.ts';
import { readParquet } from '../../../dataset/shards/parquet.ts';
import { readShards } from '../../../dataset/shards/reader.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { picture } from '../../helpers/picture.ts';

const foreign = join(import.meta.dirname, 'foreign');
const root = mkdtempSync(join(tmpdir(), 'lait-foreign-'));
after(() => rmSync(root, { recursive: true, force: true }));
const images = join(root, 'images');
const pictures: Buffer[] = [];
before(async () => {
  mkdirSync(images);
  for (const [i, r] of [10, 120, 230].entries()) {
    const create = { width: 40, height: 30, channels: 3 as const, background: { r, g: 90, b: 60 } };
    pictures.push(await sharp({ create }).jpeg().toBuffer());
    writeFileSync(join(images, `${i}.jpg`), pictures[i]!);
  }
});

let outs = 0;
const newOut = () => {
  outs += 1;
  return join(root, `out-${outs}`);
};
const write = (name: string, content: string | Uint8Array) => {
  const path = join(root, name);
  writeFileSync(path, content);
  return path;
};
const shard = (name: string, samples: Readonly<Record<string, Readonly<Record<string, string | Buffer>>>>) => {
  const path = join(root, name);
  const tar = new TarWriter(path);
  for (const [key, fields] of Object.entries(samples)) {
    tar.add(key, Object.fromEntries(Object.entries(fields).map(([field, body]) => [field, Buffer.from(body)])));
  }
  tar.commit();
  return path;
};

async function read(outDir: string, split: string) {
  const found: { image: Buffer; about: Record<string, unknown> }[] = [];
  for await (const { fields } of readShards({ paths: join(outDir, split) })) {
    found.push({ image: fields.jpg!, about: JSON.parse(fields.json!.toString()) });
  }
  return found;
}
const textsIn = async (outDir: string, split: string) => (await read(outDir, split)).map(({ about }) => about.texts);
const samplesOf = (splits: Readonly<Record<string, { samples: number }>>) =>
  Object.fromEntries(Object.entries(splits).map(([split, { samples }]) => [split, samples]));

describe('WebDataset', () => {
  for (const ending of ['gz', 'zst']) {
    test(`.tar.${ending}, Python’s NaN, LAION’s scores: all of it is kept, pictures byte for byte`, async () => {
      const outDir = newOut();
      const paths = join(foreign, `laion.tar.${ending}`);
      const { failed, splits } = await importDataset({ from: 'webdataset', paths }, { outDir });
      assert.deepEqual([failed, samplesOf(splits)], [{}, { train: 3 }]);
      const samples = await read(outDir, 'train');
      assert.deepEqual(
        samples.map(({ about: { url, texts, sha256, original_width, original_height, similarity, punsafe, pwatermark, NSFW, exif } }) => [url, texts, sha256, original_width, original_height, similarity, punsafe, pwatermark, NSFW, exif]), // biome-ignore format: one row
        [0, 1, 2].map((i) => [`https://a.example/${i}.jpg`, [`Picture ${i}`], `${i}`.repeat(64), 480, 320, i === 0 ? 0.31 : null, 0.01, i === 0 ? null : 0.5, 'UNLIKELY', '{"Image Make":"A camera"}']), // biome-ignore format: one row
      );
      for (const { image, about } of samples) {
        assert.equal(about.image_sha256, createHash('sha256').update(image).digest('hex'));
        assert.match(about.phash as string, /^[0-9a-f]{16}$/);
      }
      const rows = await readParquet(join(outDir, 'train/00000.parquet'));
      assert.deepEqual(
        rows.map(({ similarity, punsafe, pwatermark }) => [similarity, punsafe, pwatermark]),
        [[0.31, 0.01, null], [null, 0.01, 0.5], [null, 0.01, 0.5]], // biome-ignore format: one row
      );
      // Once more, of our own shards: nothing of it changes.
      const again = newOut();
      await importDataset({ from: 'webdataset', paths: join(outDir, 'train') }, { outDir: again });
      for (const file of ['train/00000.tar', 'train/00000.parquet']) {
        assert.deepEqual(readFileSync(join(again, file)), readFileSync(join(outDir, file)), file);
      }
    });
  }

  for (const form of ['pax', 'gnu']) {
    test(`keys with colons, dots, folders and long names in ${form} headers; a hard link is counted`, async () => {
      const outDir = newOut();
      const paths = join(foreign, `names-${form}.tar.gz`);
      const { failed, splits } = await importDataset({ from: 'webdataset', paths }, { outDir });
      assert.deepEqual([failed, samplesOf(splits)], [{ 'not-a-file': 1 }, { train: 6 }]);
      assert.deepEqual(
        await textsIn(outDir, 'train'),
        ['a:b', './c', 'd/e', 'f', 'v1.0/', 'üüüüü'].map((key) => [`One of ${key}`, `Two of ${key}`]),
      );
      const rows = await readParquet(join(outDir, 'train/00000.parquet'));
      assert.deepEqual(
        rows.filter(({ status }) => status !== 'success').map(({ status, error_message }) => [status, error_message]),
        [['failed_to_download', 'not-a-file']],
      );
      assert.match(readFileSync(join(outDir, 'README.md'), 'utf8'), /\| `not-a-file` \| 7 \| 1 \| 6 \|/);
    });
  }

  test('several captions in every form, splits in the JSON, and what makes a member unusable', async () => {
    const jpg = () => pictures[0]!;
    const photo = await picture(1, { width: 200, height: 160 });
    const deep = '['.repeat(65) + ']'.repeat(65);
    const paths = shard('contest-interval.tar', {
      a: { jpg: jpg(), json: '{"captions":["A","B"],"split":"val"}' },
      b: { jpg: jpg(), json: '{"sentences":[{"raw":"C"},{"raw":"D"}],"split":"restval"}' },
      c: { jpg: jpg(), json: '["E","F"]' },
      d: { jpg: jpg(), json: '{"caption":"G\\nH"}', txt: 'G\nH' },
      e: { jpg: jpg(), json: `{"caption":"I","deep":${deep}}` },
      f: { jpg: jpg(), json: '{"caption":"J","split":"../../up"}' },
      g: { jpg: jpg(), json: '{"caption":"K"', txt: 'K' },
      h: { jpg: photo.subarray(0, Math.round(photo.length * 0.8)), txt: 'L' },
      i: { jpg: jpg().subarray(0, 200), txt: 'M' },
      j: { jpg: jpg(), png: jpg(), txt: '\ufeffN' },
      k: { jpg: jpg(), txt: 'O', json: '{"Infinity":"a NaN","x":[-Infinity,NaN],"__proto__":{"y":1},"source":"cc12m","license":"https://l.example"}' }, // biome-ignore format: one row
      l: { jpg: jpg(), txt: ' \n ' },
    });
    const outDir = newOut();
    const { failed, splits } = await importDataset({ from: 'webdataset', paths }, { outDir });
    assert.deepEqual(failed, {
      'json-too-deep': 1,
      'bad-split': 1,
      'bad-json': 1,
      'broken-image': 1,
      'further-image': 1,
      'no-text': 1,
    });
    assert.deepEqual(samplesOf(splits), { validation: 1, train: 6 });
    assert.deepEqual(await textsIn(outDir, 'validation'), [['A', 'B']]);
    assert.deepEqual(await textsIn(outDir, 'train'), [['C', 'D'], ['E', 'F'], ['G H'], ['L'], ['N'], ['O']]);
    const train = await read(outDir, 'train');
    const damaged = train.map(({ about }) => about.damaged);
    assert.deepEqual(damaged, [false, false, false, true, false, false]);
    for (const { image } of train) await sharp(image, { failOn: 'warning' }).stats();
    const { about } = train[5]!;
    assert.deepEqual(
      [about.Infinity, about.x, about.source, about.source_name, about.license_url],
      ['a NaN', '[null,null]', 'list', 'cc12m', 'https://l.example'],
    );
    assert.deepEqual(readdirSync(outDir).sort(), ['README.md', 'croissant.json', 'funnel.svg', 'manifest.json', 'train', 'validation']); // biome-ignore format: one row
  });

  test('an archive whose compression is cut gives what came before, and says so', async () => {
    const whole = readFileSync(
      shard('whole.tar', { a: { jpg: pictures[0]!, txt: 'A' }, b: { jpg: pictures[1]!, txt: 'B' } }),
    );
    const noise = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i * 2654435761) >>> 13));
    const long = Buffer.concat([whole.subarray(0, -1024), noise]);
    for (const [name, bytes] of [
      ['cut.tar.gz', gzipSync(long).subarray(0, 200_000)],
      ['cut.tar.zst', readFileSync(join(foreign, 'laion.tar.zst')).subarray(0, -20)],
      ['large-window.tar.zst', Buffer.from('28b52ffd00f8000000', 'hex')],
    ] as const) {
      const paths = write(name, bytes);
      const outDir = newOut();
      const good = {
        from: 'webdataset',
        paths: [paths, shard('good.tar', { c: { jpg: pictures[2]!, txt: 'C' } })],
      } as const;
      const { failed } = await importDataset(good, { outDir });
      assert.equal(failed['cannot-read'], 1, name);
    }
  });
});

describe('parquet', () => {
  test('every codec, structs, lists of captions, a split column, a folder of files; `interval` is no validation', async () => {
    for (const name of readdirSync(join(foreign, 'codecs'))) {
      const folder = join(root, `codec-${name}`);
      mkdirSync(folder);
      cpSync(join(foreign, 'codecs', name), join(folder, name));
      const outDir = newOut();
      const { failed, splits } = await importDataset({ from: 'parquet', paths: [folder] }, { outDir });
      assert.deepEqual([failed, samplesOf(splits)], [{}, { train: 2, validation: 1, test: 1 }], name);
      const train = await read(outDir, 'train');
      assert.deepEqual(
        train.map(({ about: { texts, similarity, label } }) => [texts, similarity, label]),
        [[['Caption 0', 'Other 0'], 0.1, 1], [['Caption 3', 'Other 3'], null, 4]], // biome-ignore format: one row
        name,
      );
    }
  });

  test('of a row with a list of pictures the first is taken, and the others are counted', async () => {
    const list = { name: 'image', repetition_type: 'OPTIONAL', converted_type: 'LIST', num_children: 1 } as const;
    const bytes = parquetWriteBuffer({
      schema: [
        { name: 'root', num_children: 2 },
        list,
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        { name: 'element', type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' },
        { name: 'caption', type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' },
      ],
      columnData: [
        { name: 'image', data: [[pictures[1]!, pictures[0]!, pictures[2]!], [pictures[2]!]] },
        { name: 'caption', data: ['Three', 'One'] },
      ],
    });
    const outDir = newOut();
    const paths = [write('lists.parquet', Buffer.from(bytes))].flat();
    const { failed, splits } = await importDataset({ from: 'parquet', paths }, { outDir });
    assert.deepEqual([failed, samplesOf(splits)], [{ 'further-image': 2 }, { train: 2 }]);
    const train = await read(outDir, 'train');
    assert.deepEqual(train.map(({ image, about }) => [image, about.texts]), [[pictures[1], ['Three']], [pictures[2], ['One']]]); // biome-ignore format: one row
  });

  test('LAION’s names, and columns that are named', async () => {
    const paths = [join(foreign, 'contest.parquet')];
    const outDir = newOut();
    const source = { from: 'parquet', paths, imageColumn: 'content', textColumn: 'TEXT' } as const;
    const { splits } = await importDataset(source, { outDir });
    assert.deepEqual(samplesOf(splits), { train: 2 });
    const rows = await readParquet(join(outDir, 'train/00000.parquet'));
    assert.deepEqual(
      rows.map(({ url, caption, original_width, original_height, similarity, punsafe, pwatermark, thumbnail }) => [url, caption, original_width, original_height, similarity, punsafe, pwatermark, thumbnail]), // biome-ignore format: one row
      [
        ['https://b.example/1.jpg', 'A cat', 640, 480, 0.3, 0.001, 0.1, undefined],
        ['https://b.example/2.jpg', 'A dog', 320, 240, 0.4, 0.9, 0.2, undefined],
      ],
    );
    await assert.rejects(importDataset({ ...source, imageColumn: 'nothing' }, { outDir: newOut() }), UserError);
    await assert.rejects(importDataset({ ...source, textColumn: 'nothing' }, { outDir: newOut() }), UserError);
  });
});

describe('Flickr as Kaggle has it', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, string, Record<string, string[][]>, Record<string, number>][] = [
    ['results.csv', 'image_name| comment_number| comment\n0.jpg| 0| One, two .\n0.jpg| 1| Two .\n1.jpg| 4   Three .\nnothing\n', { train: [['One, two .', 'Two .'], ['Three .']] }, { 'bad-line': 1 }],
    ['captions.txt', '\ufeffimage,caption\r\n0.jpg,"One, ""two"""\r\n0.jpg,Two\r\n1.jpg,Three, four\r\n', { train: [['One, "two"', 'Two'], ['Three, four']] }, {}],
    ['captions30.txt', 'image_name,comment_number,comment\n0.jpg,0,One\n0.jpg,1,Two\n', { train: [['One', 'Two']] }, {}],
    ['annotations.csv', 'raw,sentids,split,filename,img_id\n"[""One"", ""Two""]","[0, 1]",val,0.jpg,0\n"[""Three""]",[2],test,1.jpg,1\n', { validation: [['One', 'Two']], test: [['Three']] }, {}],
    ['tokens.token', '\ufeff0.jpg#0\tOne\n', { train: [['One']] }, {}],
  ];
  for (const [name, text, texts, failed] of table) {
    test(name, async () => {
      const outDir = newOut();
      const summary = await importDataset({ from: 'flickr', tokens: write(name, text), images }, { outDir });
      assert.deepEqual(summary.failed, failed);
      for (const [split, wanted] of Object.entries(texts)) assert.deepEqual(await textsIn(outDir, split), wanted);
    });
  }
});

test('COCO with null captions and ids that are text; the date and the address of a picture are kept', async () => {
  const captions = write(
    'captions_interval2017.json',
    JSON.stringify({
      images: [
        {
          id: '7',
          file_name: 'train2014/0.jpg',
          date_captured: '2013-11-14',
          flickr_url: 'https://f.example/0',
          license: '1',
        },
        { id: 8, file_name: '1.jpg' },
        { id: 9, file_name: null },
        // An id again: its captions are those of the first.
        { id: 7, file_name: '1.jpg' },
      ],
      annotations: [
        { image_id: 7, caption: 'One' },
        { image_id: '7', caption: null },
        { image_id: 8, caption: null },
        { image_id: 9, caption: 'Two' },
        { caption: 'Of nothing' },
      ],
      licenses: [{ id: 1, url: 'https://l.example', name: 'L' }],
    }),
  );
  const outDir = newOut();
  const { failed, splits } = await importDataset({ from: 'coco', captions, images }, { outDir });
  assert.deepEqual([failed, samplesOf(splits)], [{ 'no-text': 2, 'missing-image': 1 }, { train: 1 }]);
  const about = (await read(outDir, 'train'))[0]!.about;
  assert.deepEqual(
    [about.texts, about.date_captured, about.flickr_url, about.license_url, about.image_id],
    [['One'], '2013-11-14', 'https://f.example/0', 'https://l.example', '7'],
  );
});

describe('splits are whole words', () => {
  // biome-ignore format: a table of behaviour, one case a line
  const paths: [string, string][] = [
    ['contest.json', 'train'], ['interval.parquet', 'train'], ['captions_val2017.json', 'validation'], ['captions_train2014.json', 'train'],
    ['my-test.parquet', 'test'], ['latest-00000.parquet', 'train'], ['valid_1.parquet', 'validation'], ['eval/x.tar', 'test'], ['val2017/x.tar', 'validation'],
    ['attest/x.tar', 'train'], ['my test sets/x.tar', 'train'], ['dev.tar', 'validation'], ['devil.tar', 'train'], ['test/train-0.tar', 'train'], ['constructor.tar', 'train'],
  ];
  for (const [path, split] of paths) test(path, () => assert.equal(splitOfPath(path), split));
  // biome-ignore format: a table of behaviour, one case a line
  const words: [string, string | null][] = [
    ['val', 'validation'], ['TRAIN', 'train'], ['train2017', 'train'], ['restval', 'train'], ['unlabeled', 'unlabeled'], ['dev-other', 'dev_other'],
    ['../x', null], ['', null], ['a/b', null], ['a'.repeat(65), null], ['__proto__', null], ['constructor', 'constructor'],
  ];
  for (const [word, split] of words) test(JSON.stringify(word), () => assert.equal(splitOfColumn(word), split));
});
