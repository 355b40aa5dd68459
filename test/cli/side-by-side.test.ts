/** Commands that run at the same time on one corpus: they take turns or name each other, and what they leave is whole. */
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { lockPart } from '../../dataset/corpus-lock.ts';
import { verify } from '../../dataset/export/verify.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { picture } from '../helpers/picture.ts';
import { startSite } from '../helpers/site.ts';

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'lait-side-by-side-'));
after(() => rmSync(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly said: string;
}

const lait = (...args: string[]): Promise<Outcome> =>
  new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'cli/lait.mjs'), ...args], { cwd: folder }, (error, stdout, stderr) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, said: stdout + stderr }),
    );
  });

const busy =
  /^lait: corpus \w+ is being written by lait (export|import|filter) \(pid \d+, since \d\d:\d\d\); wait for it to end, or give --wait\.\n$/;

before(async () => {
  mkdirSync(join(folder, 'images'));
  const images = [];
  const annotations = [];
  for (let id = 0; id < 60; id++) {
    writeFileSync(join(folder, 'images', `${id}.jpg`), await picture(id, { width: 320, height: 240 }));
    images.push({ id, file_name: `${id}.jpg`, license: 1 });
    annotations.push({ id, image_id: id, caption: `Picture number ${id} of a set` });
  }
  writeFileSync(join(folder, 'coco.json'), JSON.stringify({ images, annotations, licenses: [] }));
});

test('two exports at once: one is done, the other one names it; with --wait both are done', async () => {
  await writeSmallCorpus(join(folder, 'twice'), { images: 120 });
  const run = (more: string[]) => lait('export', '--corpus', 'twice', '--samples-per-shard', '8', '--rebuild', ...more);
  const [a, b] = await Promise.all([run(['--encode', 'jpeg']), run(['--quality', '50', '--encode', 'jpeg'])]);
  const codes = [a.code, b.code].sort();
  assert.ok(codes[1] === 2 || codes[1] === 0, `${a.said}${b.said}`);
  assert.equal(codes[0], 0);
  for (const { code, said } of [a, b]) if (code === 2) assert.match(said, busy);
  assert.deepEqual((await verify({ shardsDir: join(folder, 'twice/shards') })).faults, []);
  const unlock = lockPart(join(folder, 'twice'), 'shards');
  const refused = await run([]);
  assert.equal(refused.code, 2);
  setTimeout(unlock, 4000);
  const [c, d] = await Promise.all([run(['--wait']), run(['--quality', '60', '--encode', 'jpeg', '--wait'])]);
  assert.deepEqual([c.code, d.code], [0, 0], c.said + d.said);
  assert.match(
    c.said + d.said,
    /^lait: waiting: corpus twice is being written by (another program|lait export) \(pid \d+, since \d\d:\d\d\)$/m,
  );
  assert.deepEqual((await verify({ shardsDir: join(folder, 'twice/shards') })).faults, []);
});

test('an export beside an import leaves files as the manifest says', async () => {
  await writeSmallCorpus(join(folder, 'both'), { images: 120 });
  const outcomes = await Promise.all([
    lait('import', 'coco', 'coco.json', 'images', '--corpus', 'both', '--samples-per-shard', '8', '--wait'),
    lait('export', '--corpus', 'both', '--samples-per-shard', '8'),
  ]);
  for (const { code, said } of outcomes) if (code !== 0) assert.equal(code, 2, said);
  // What the import makes of another set in its folder is its own matter; what it wrote is as it says.
  const { faults } = await verify({ shardsDir: join(folder, 'both/shards') });
  assert.deepEqual(
    faults.filter(({ reason }) => reason !== 'unknown-file'),
    [],
  );
});

test('filters and exports beside a crawl: none of them fails, and all see a whole corpus', async (t) => {
  const pages = 30;
  const links = Array.from({ length: pages }, (_, i) => `<a href="/p${i}.html">Page ${i}</a>`);
  const routes: Record<string, string | Buffer> = { '/robots.txt': '', '/': `<title>All</title>${links.join(' ')}` };
  for (let i = 0; i < pages; i++) {
    routes[`/p${i}.html`] =
      `<title>Page ${i}</title><article><p>A text about birds and boats, page ${i}.</p>` +
      `<figure><img src="/i${i}.jpg" width="640" height="480" alt="A small boat number ${i} on a wide river">` +
      `</figure></article>`;
    routes[`/i${i}.jpg`] = await picture(i, { width: 640, height: 480 });
  }
  const site = await startSite({ routes });
  t.after(() => site.close());
  let isCrawling = true;
  const crawling = lait(
    'crawl',
    `${site.url}/`,
    '--corpus',
    'beside',
    '--allow-private',
    '--min-delay-ms',
    '20',
    '--render',
    'never',
  ).finally(() => {
    isCrawling = false;
  });
  await new Promise((resolve) => setTimeout(resolve, 1500));
  const beside: Outcome[] = [];
  for (let round = 0; isCrawling && round < 3; round++) {
    beside.push(await lait('filter', '--corpus', 'beside', '--min-bytes', String(round), '--min-words', '1'));
    if (!isCrawling) break;
    beside.push(await lait('export', '--corpus', 'beside', '--out', 'out'));
  }
  const crawled = await crawling;
  assert.equal(crawled.code, 0, crawled.said);
  for (const { code, said } of beside) {
    if (code !== 0)
      assert.match(said, /Expected (a crawled corpus|a screened corpus|at least one kept pair|the pairs)/, said);
  }
  assert.ok(beside.length > 0);
  const ledger = Ledger.open(join(folder, 'beside'));
  t.after(() => ledger.close());
  const count = (sql: string) => ledger.db.prepare(sql).pluck().get();
  assert.equal(count(`SELECT count(*) FROM images WHERE status = 'success'`), pages);
});

test('a run of training has one process at a time; one that is killed leaves it free', async () => {
  const corpus = join(folder, 'trained');
  await writeSmallCorpus(corpus, { images: 24 });
  writeFileSync(
    join(corpus, 'lait.yaml'),
    'regions:\n  detector: patches\npretrain:\n  preset: tiny\n  from: scratch\n  batchSize: 2\n',
  );
  for (const command of ['export', 'regions']) {
    const { code, said } = await lait(command, '--corpus', 'trained');
    assert.equal(code, 0, said);
  }
  const words = ['pretrain', '--corpus', 'trained', '--steps'];
  const first = spawn(process.execPath, [join(root, 'cli/lait.mjs'), ...words, '1000000'], { cwd: folder });
  const ended = once(first, 'exit');
  const note = join(corpus, 'locks/run-pretrain.json');
  while (!existsSync(note) && first.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 50));
  const second = await lait(...words, '2');
  assert.equal(second.code, 2, second.said);
  assert.match(
    second.said,
    new RegExp(
      `lait: run pretrain of corpus trained is being written by lait pretrain \\(pid ${first.pid}, since .*\\); wait`,
    ),
  );
  // Another run of the same corpus is no matter of it.
  const beside = await lait(...words, '1', '--run', 'other');
  assert.equal(beside.code, 0, beside.said);
  const waiting = lait(...words, '2', '--wait');
  await new Promise((resolve) => setTimeout(resolve, 1000));
  first.kill('SIGKILL');
  assert.deepEqual(await ended, [null, 'SIGKILL']);
  assert.ok(existsSync(note), 'it had no time to clean up');
  const third = await waiting;
  assert.equal(third.code, 0, third.said);
  assert.equal(existsSync(note), false);
});

test('a takedown waits for regions, which are being detected, and so does a second one of them', async () => {
  const corpus = join(folder, 'detected');
  await writeSmallCorpus(corpus, { images: 12 });
  writeFileSync(join(corpus, 'lait.yaml'), 'regions:\n  detector: patches\n');
  for (const command of ['export', 'regions']) assert.equal((await lait(command, '--corpus', 'detected')).code, 0);
  const code = `import { lockPart, nameHolder } from ${JSON.stringify(join(root, 'dataset/corpus-lock.ts'))};
    nameHolder('lait regions'); lockPart(${JSON.stringify(corpus)}, 'regions'); console.log('held'); setInterval(() => {}, 1000);`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], { cwd: root });
  await once(holder.stdout, 'data');
  const refused = await lait('regions', '--corpus', 'detected');
  assert.equal(refused.code, 2, refused.said);
  assert.match(refused.said, /lait: corpus detected is being written by lait regions \(pid \d+/);
  const taking = spawn(
    process.execPath,
    [join(root, 'cli/lait.mjs'), 'takedown', '--corpus', 'detected', '--url', smallUrl(3)],
    { cwd: folder },
  );
  const ended = once(taking, 'exit');
  const [said] = (await once(taking.stderr, 'data')) as [Buffer];
  assert.match(
    said.toString(),
    /^lait: waiting: corpus detected is being written by lait regions \(pid \d+, since .*\)\n/,
  );
  holder.kill('SIGKILL');
  assert.deepEqual(await ended, [0, null]);
  const again = await lait('regions', '--corpus', 'detected');
  assert.equal(again.code, 0, again.said);
  assert.match(again.said, /0 new/);
});
