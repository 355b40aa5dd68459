/** A crawl that has nothing to begin with, or whose seeds are dead, ends with a line that says so and exit code 2. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Site, startSite } from '../helpers/site.ts';

const main = join(import.meta.dirname, '../../cli/lait.mjs');
let site: Site;
let dir = '';
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'lait-seeds-'));
  site = await startSite({
    routes: {
      '/robots.txt': 'User-agent: *\nDisallow: /private\n',
      '/': '<p>Here is something to read.</p>',
      '/moved': { status: 301, headers: { location: '/gone' } },
    },
  });
});
after(async () => {
  await site.close();
  rmSync(dir, { recursive: true, force: true });
});

async function lait(
  corpus: string,
  seeds: readonly string[],
): Promise<{ readonly code: unknown; readonly said: string }> {
  const own = ['--allow-private', '--min-delay-ms', '0', '--render', 'never', '--corpus', join(dir, corpus)];
  const child = spawn(process.execPath, [main, 'crawl', ...seeds, ...own], {
    cwd: dir,
  });
  let said = '';
  child.stderr.on('data', (data: Buffer) => {
    said += data;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  return { code, said: said.split('\n').find((line) => line.startsWith('lait: Expected')) ?? '' };
}

const none =
  'lait: Expected a seed or a list with URLs to crawl from but received none; give a URL, as in lait crawl https://example.org/.';
const dead = (path: string, why: string): string =>
  `lait: Expected a seed that can be read but received ${site.url}${path} (${why}); correct it, or run the command again later.`;

test('without seeds', async () => assert.deepEqual(await lait('none', []), { code: 2, said: none }));
for (const [path, why] of [
  ['/gone', 'http-404: the server answered 404'],
  ['/moved', 'http-404: the server answered 404'],
  ['/private/', 'robots: robots.txt forbids it'],
] as const) {
  test(`whose only seed is ${path}`, async () => {
    assert.deepEqual(await lait(path.replaceAll('/', '-'), [site.url + path]), { code: 2, said: dead(path, why) });
  });
}
test('whose only seed is on a port where nobody listens', async () => {
  const { code, said } = await lait('refused', ['http://127.0.0.1:1/']);
  assert.equal(code, 2);
  assert.match(said, /^lait: Expected a seed that can be read but received http:\/\/127\.0\.0\.1:1\/ \(/);
});
test('with a seed that lives beside a dead one, and again when all is done', async () => {
  const seeds = [site.url, `${site.url}/gone`];
  assert.deepEqual(await lait('alive', seeds), { code: 0, said: '' });
  assert.deepEqual(await lait('alive', seeds), { code: 0, said: '' });
  assert.deepEqual(await lait('alive', []), { code: 0, said: '' });
});
test('whose archive has pages and no image', async () => {
  const html = '<title>Boats</title><p>Words alone.</p>';
  const answer = `HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n${html}`;
  const head =
    'WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://site.example/\r\nWARC-Date: 2026-01-01T00:00:00Z';
  const type = 'Content-Type: application/http; msgtype=response';
  writeFileSync(
    join(dir, 'words.warc'),
    `${head}\r\n${type}\r\nContent-Length: ${answer.length}\r\n\r\n${answer}\r\n\r\n`,
  );
  assert.deepEqual(await lait('archive', ['--warc', 'words.warc']), { code: 0, said: '' });
});
