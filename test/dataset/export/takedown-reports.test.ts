/** Reports show pictures: a takedown finds them wherever they went, and names what it cannot reach. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { exportShards } from '../../../dataset/export/export.ts';
import { takedown } from '../../../dataset/export/takedown.ts';
import { readTakedownLists, takedownRequest } from '../../../dataset/export/takedown-request.ts';
import { UserError } from '../../../dataset/user-error.ts';
import { smallUrl, writeSmallCorpus } from '../small-corpus.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-takedown-reports-'));
after(() => rmSync(root, { recursive: true, force: true }));

const lait = (...args: string[]): Promise<{ code: number; said: string }> =>
  new Promise((resolve) => {
    const main = join(import.meta.dirname, '../../../cli/lait.mjs');
    execFile(process.execPath, [main, ...args], { cwd: root }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: stdout + stderr }),
    );
  });

test('reports go wherever they were written to; those that were moved or are something else by now are named', async () => {
  const corpus = join(root, 'birds');
  await writeSmallCorpus(corpus, { images: 6 });
  mkdirSync(join(root, 'elsewhere'));
  const names = ['elsewhere/one.html', 'elsewhere/moved.html', 'elsewhere/other.html', 'birds/within.html'];
  for (const out of [[], ...names.map((name) => ['--out', name])]) {
    const { code, said } = await lait('report', '--corpus', 'birds', ...out);
    assert.equal(code, 0, said);
  }
  const picture = /data:image\/webp;base64,/;
  for (const name of names) assert.match(readFileSync(join(root, name), 'utf8'), picture);
  renameSync(join(root, 'elsewhere/moved.html'), join(root, 'elsewhere/kept.html'));
  writeFileSync(join(root, 'elsewhere/other.html'), '<title>Mine</title>');
  // Nothing is known of this one, and no report shows it.
  const nothing = await takedown({ corpusDir: corpus, urls: ['https://other.example/none.jpg'] });
  assert.deepEqual([nothing.deleted, nothing.unreached], [[], []]);
  const { deleted, unreached, left } = await takedown({ corpusDir: corpus, urls: [smallUrl(2)] });
  assert.deepEqual(
    [...deleted].sort(),
    ['birds/report.html', 'birds/within.html', 'elsewhere/one.html'].map((name) => join(root, name)),
  );
  assert.deepEqual(
    unreached,
    ['elsewhere/moved.html', 'elsewhere/other.html'].map((name) => join(root, name)),
  );
  assert.deepEqual(left, []);
  assert.deepEqual(readdirSync(join(root, 'elsewhere')).sort(), ['kept.html', 'other.html']);
  // The corpus was moved: what lies in it is found there.
  assert.equal((await lait('report', '--corpus', 'birds', '--out', 'birds/within.html')).code, 0);
  renameSync(corpus, join(root, 'robins'));
  const later = await takedown({ corpusDir: join(root, 'robins'), urls: [smallUrl(3)] });
  assert.deepEqual(later.deleted, [join(root, 'robins/within.html')]);
  assert.equal(existsSync(join(root, 'robins/within.html')), false);
});

test('exports that a takedown cannot reach are named, and the others lose the picture all the same', async () => {
  const corpus = join(root, 'many');
  await writeSmallCorpus(corpus, { images: 12 });
  await exportShards({ corpusDir: corpus });
  const folders = Object.fromEntries(
    ['whole', 'gone', 'empty', 'file', 'foreign'].map((name) => [name, join(root, `many-${name}`)]),
  ) as Record<'whole' | 'gone' | 'empty' | 'file' | 'foreign', string>;
  for (const outDir of Object.values(folders)) await exportShards({ corpusDir: corpus, outDir });
  const { whole, ...others } = folders;
  for (const folder of Object.values(others)) rmSync(folder, { recursive: true });
  mkdirSync(others.empty); // where a disk is not mounted
  writeFileSync(others.file, '');
  mkdirSync(others.foreign);
  writeFileSync(join(others.foreign, 'manifest.json'), '{"name":"web app"}');
  const { unreached, left, samples } = await takedown({ corpusDir: corpus, urls: [smallUrl(1)] });
  assert.deepEqual([...unreached].sort(), Object.values(others).sort());
  assert.deepEqual([left, samples], [[], 2]);
  const again = await lait('takedown', '--corpus', 'many', '--url', smallUrl(1));
  assert.equal(again.code, 0, again.said);
  for (const folder of Object.values(others)) {
    assert.ok(again.said.includes(`  not reached, a copy may be elsewhere: ${folder}\n`), again.said);
  }
  assert.ok(!again.said.includes(whole), again.said);
});

describe('a name that can be no host of one site is refused, and leaves no tombstone', () => {
  const long = `${'a'.repeat(64)}.example`;
  const longer = `${'a.'.repeat(130)}example`;
  const refused = ['0.0.1', '127.1', '0x7f.0.0.1', '2130706433', '0.0.0.1', '256.1.1.1', 'a..example', long, longer, 'com', 'co.uk', 'COM.', 'https://a.example', 'a.example/b', 'a b', '']; // biome-ignore format: one row
  for (const host of refused) {
    test(JSON.stringify(host.slice(0, 30)), () => assert.throws(() => takedownRequest({ hosts: [host] }), UserError));
  }
  const taken = ['photos.example', '192.0.2.7', '[2001:db8::1]', 'example.co.uk', 'PHOTOS.example.', 'münchen.example', 'localhost', 'a_b.example']; // biome-ignore format: one row
  for (const host of taken) test(host, () => assert.equal(takedownRequest({ hosts: [host] }).hosts.length, 1));

  test('in a list, a number or a word is no host', () => {
    const list = join(root, 'list.txt');
    for (const line of ['42', '0.0.1', 'photo', 'com', 'co.uk']) {
      writeFileSync(list, `photos.example\n${line}\n`);
      assert.throws(() => readTakedownLists([list]), /for line 2 of .* correct that line; nothing was removed\.$/);
    }
  });
});
