import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import fc from 'fast-check';
import { expandBraces, expandShardPaths } from '../../../dataset/shards/paths.ts';
import { type BadInput, type ReadShardsOptions, readShards } from '../../../dataset/shards/reader.ts';
import { paddingBytes, tarHeader } from '../../../dataset/shards/tar-header.ts';
import { TarWriter } from '../../../dataset/shards/tar-writer.ts';
import { UserError } from '../../../dataset/user-error.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-reader-'));
after(() => rmSync(root, { recursive: true, force: true }));

const shards = join(root, 'shards');
mkdirSync(shards);
const allKeys: string[] = [];
for (let shard = 0; shard < 4; shard++) {
  const writer = new TarWriter(join(shards, `0000${shard}.tar`));
  for (let i = 0; i < 10; i++) {
    const key = `0000${shard}${i}`;
    allKeys.push(key);
    writer.add(key, { jpg: Buffer.from(`image ${key}`), txt: Buffer.from(`text ${key}`) });
  }
  writer.commit();
}

async function read(options: Partial<ReadShardsOptions> = {}) {
  const bad: string[] = [];
  const keys: string[] = [];
  const onBad = ({ key, reason }: { key: string; reason: string }) => bad.push(`${reason} ${key}`.trim());
  for await (const { key, fields } of readShards({ paths: shards, onBad, ...options })) {
    keys.push(key);
    if (fields.jpg !== undefined && fields.txt !== undefined && fields.jpg.length > 0) {
      assert.equal(fields.jpg.toString(), fields.txt.toString().replace('text', 'image'));
    }
  }
  return { keys, bad };
}

test('samples come in the order written', async () => {
  assert.deepEqual(await read(), { keys: allKeys, bad: [] });
});

describe('shards: paths', () => {
  const file = (i: number) => join(shards, `0000${i}.tar`);
  const table: [string, string | string[], string[]][] = [
    ['a file', file(2), [file(2)]],
    ['a list', [file(2), file(0)], [file(2), file(0)]],
    ['a folder', shards, [file(0), file(1), file(2), file(3)]],
    ['a range', join(shards, '{00001..00003}.tar'), [file(1), file(2), file(3)]],
    ['a backward range', join(shards, '{00002..00001}.tar'), [file(2), file(1)]],
    ['names in braces', join(shards, '0000{3,0}.tar'), [file(3), file(0)]],
    ['a glob', join(shards, '*.tar'), [file(0), file(1), file(2), file(3)]],
    ['a glob of one letter', join(root, 's*ds/0000?.tar'), [file(0), file(1), file(2), file(3)]],
    [
      'URLs',
      'http://a.example/{08..10}.tar',
      [8, 9, 10].map((i) => `http://a.example/${String(i).padStart(2, '0')}.tar`),
    ],
    ['standard input', '-', ['-']],
  ];
  for (const [name, paths, expected] of table) {
    test(name, async () => assert.deepEqual(await expandShardPaths(paths), expected));
  }
  test('braces within braces', () => {
    assert.deepEqual(expandBraces('{a,b{1..2}}x{00,11}'), ['ax00', 'ax11', 'b1x00', 'b1x11', 'b2x00', 'b2x11']);
    assert.deepEqual(expandBraces('{alone}'), ['{alone}']);
  });
  test('what does not exist is the operator’s mistake', async () => {
    await assert.rejects(expandShardPaths(join(root, 'no.tar')), UserError);
    await assert.rejects(expandShardPaths(join(shards, '{00003..00004}.tar')), UserError);
    await assert.rejects(expandShardPaths(join(root, '*.tar')), UserError);
  });
});

describe('shards: order', () => {
  const shuffle = { seed: 7, bufferSamples: 8 };
  test('a seed and an epoch give one order, of everything', async () => {
    const { keys } = await read({ shuffle });
    assert.deepEqual([...keys].sort(), allKeys);
    assert.notDeepEqual(keys, allKeys);
    assert.deepEqual((await read({ shuffle })).keys, keys);
    assert.notDeepEqual((await read({ shuffle: { ...shuffle, epoch: 1 } })).keys, keys);
    assert.notDeepEqual((await read({ shuffle: { ...shuffle, seed: 8 } })).keys, keys);
  });
  test('an interrupted stream goes on at the sample', async () => {
    const { keys } = await read({ shuffle });
    for (const skip of [0, 1, 17, 40]) assert.deepEqual((await read({ shuffle, skip })).keys, keys.slice(skip));
  });
  test('parts have no sample in common and lose none, with more or fewer parts than shards', async () => {
    const parts = fc.record({ count: fc.integer({ min: 1, max: 11 }), shuffled: fc.boolean(), epoch: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(parts, async ({ count, shuffled, epoch }) => {
        const keys: string[] = [];
        for (let index = 0; index < count; index++) {
          const options = { part: { index, count }, ...(shuffled ? { shuffle: { ...shuffle, epoch } } : {}) };
          keys.push(...(await read(options)).keys);
        }
        assert.deepEqual(keys.sort(), allKeys);
      }),
      { numRuns: 12 },
    );
  });
});

/** Members as they are, without the writer's care. */
function rawShard(name: string, members: readonly (readonly [string, string])[]): string {
  const path = join(root, name);
  writeFileSync(path, '');
  for (const [member, body] of members) {
    appendFileSync(path, tarHeader(member, body.length));
    appendFileSync(path, body + '\0'.repeat(paddingBytes(body.length)));
  }
  return path;
}

describe('shards: bad input is a counted reason', () => {
  const require = [['jpg', 'png'], ['txt']];
  // biome-ignore format: a table of behaviour, one case a line
  const table: [string, [string, string][], string[], string[]][] = [
    ['a picture without a text', [['1.jpg', 'a'], ['2.jpg', 'b'], ['2.txt', 'c']], ['2'], ['missing-field 1']],
    ['a text without a picture', [['1.txt', 'a']], [], ['missing-field 1']],
    ['an empty picture', [['1.jpg', ''], ['1.txt', 'a']], [], ['empty-field 1']],
    ['two samples with one key', [['1.jpg', 'a'], ['1.txt', 'b'], ['1.jpg', 'c'], ['1.txt', 'd']], ['1'], ['duplicate-field 1', 'duplicate-field 1']],
    ['another picture format', [['1.png', 'a'], ['1.txt', 'b']], ['1'], []],
    ['upper case', [['1.JPG', 'a'], ['1.Txt', 'b']], ['1'], []],
    ['folders in names', [['a/1.jpg', 'a'], ['a/1.txt', 'b'], ['b/1.jpg', 'a'], ['b/1.txt', 'b']], ['a/1', 'b/1'], []],
    ['dots in a folder', [['v1.0/x.jpg', 'a'], ['v1.0/x.txt', 'b']], ['v1.0/x'], []],
    ['no ending', [['README', 'a'], ['1.jpg', 'a'], ['1.txt', 'b']], ['1'], ['no-field README']],
    ['a hidden file', [['.DS_Store', 'a'], ['1.jpg', 'a'], ['1.txt', 'b']], ['1'], ['no-field .DS_Store']],
    ['webdataset’s own notes', [['__worker__', 'a'], ['1.jpg', 'a'], ['1.txt', 'b']], ['1'], []],
    ['a path that leads out', [['../1.jpg', 'a'], ['1.jpg', 'a'], ['1.txt', 'b']], ['1'], ['unsafe-name ../1.jpg']],
  ];
  for (const [name, members, keys, bad] of table) {
    test(name, async () => {
      const paths = rawShard('bad.tar', members);
      const found = { keys: [] as string[], bad: [] as string[] };
      const onBad = ({ key, reason }: { key: string; reason: string }) => found.bad.push(`${reason} ${key}`);
      for await (const { key } of readShards({ paths, require, onBad })) found.keys.push(key);
      assert.deepEqual(found, { keys, bad });
    });
  }

  test('a cut shard gives what it has and does not end the epoch', async () => {
    const cut = join(root, 'cut');
    cpSync(shards, cut, { recursive: true });
    writeFileSync(join(cut, '00001.tar'), readFileSync(join(cut, '00001.tar')).subarray(0, 5 * 2048 + 100));
    const { keys, bad } = await read({ paths: cut });
    assert.deepEqual(keys, [...allKeys.slice(0, 15), ...allKeys.slice(20)]);
    assert.deepEqual(bad, ['cut-in-header']);
  });
});

test('an image may be given as its hash alone', async () => {
  const path = join(root, 'hashed.tar');
  const tar = new TarWriter(path);
  tar.add('a', { png: Buffer.from('first'), txt: Buffer.from('t') });
  tar.add('b', { jpg: Buffer.from('second'), png: Buffer.from('third') });
  tar.add('c', { txt: Buffer.from('no image') });
  tar.commit();
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const bad: string[] = [];
  for (const shuffle of [undefined, { seed: 1 }]) {
    const found: [string, unknown, string[]][] = [];
    const onBad = ({ key, reason }: BadInput) => bad.push(`${key} ${reason}`);
    const options = { paths: path, hashImages: true, onBad, ...(shuffle && { shuffle }) };
    for await (const { key, imageSha256, fields } of readShards(options)) {
      found.push([key, imageSha256, Object.keys(fields)]);
    }
    assert.deepEqual(found.sort(), [
      ['a', sha256('first'), ['txt']],
      ['b', sha256('second'), []],
    ]);
  }
  assert.deepEqual(bad, ['c missing-field', 'c missing-field']);
});

test('shards are read over HTTP, and what the server lacks is a reason', async () => {
  const server = createServer((request, response) => {
    const name = request.url!.slice(1);
    if (name === 'gone.tar') response.writeHead(404).end();
    else if (name === 'torn.tar') {
      response.writeHead(200, { 'content-length': 100_000 });
      response.write(readFileSync(join(shards, '00001.tar')).subarray(0, 2048), () => response.destroy());
    } else createReadStream(join(shards, name)).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { keys, bad } = await read({ paths: `${url}/{00000,gone,torn,00003}.tar`, http: { delayMs: 1 } });
  assert.deepEqual(keys, [...allKeys.slice(0, 11), ...allKeys.slice(30)]);
  assert.deepEqual(bad, ['http-404', 'cannot-read']);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('shards are read from standard input', async () => {
  const code = `import { readShards } from ${JSON.stringify(new URL('../../../dataset/shards/reader.ts', import.meta.url).href)};
    for await (const { key } of readShards({ paths: '-' })) console.log(key);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  createReadStream(join(shards, '00002.tar')).pipe(child.stdin);
  let out = '';
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  await new Promise((resolve) => child.on('close', resolve));
  assert.deepEqual(out.trim().split('\n'), allKeys.slice(20, 30));
});
