/** What fails on this machine is nobody's refusal: the crawl ends with one line and exit code 1, and goes on unharmed. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { LookupFunction } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { crawl } from '../../crawler/crawl.ts';
import { addressGuard } from '../../crawler/fetch/address-guard.ts';
import { openFetcher } from '../../crawler/fetch/fetch.ts';
import {
  hintsAtNoNetwork,
  machineLacks,
  NoNetwork,
  noRoomToGoOn,
  noRoomToRender,
  tooFewFilesToRender,
  watchNetwork,
} from '../../crawler/fetch/local-faults.ts';
import { openCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { type Route, startSite } from '../helpers/site.ts';

const lait = join(import.meta.dirname, '../../cli/lait.mjs');
const failed = (code: string, message = code): Error => Object.assign(new Error(message), { code });

describe('an error is the machine’s', () => {
  const cases: { name: string; error: Error; lacks: boolean; noNetwork: boolean }[] = [
    { name: 'EMFILE', error: failed('EMFILE'), lacks: true, noNetwork: false },
    { name: 'ENFILE', error: failed('ENFILE'), lacks: true, noNetwork: false },
    { name: 'ENOMEM', error: failed('ENOMEM'), lacks: true, noNetwork: false },
    { name: 'ENOBUFS', error: failed('ENOBUFS'), lacks: true, noNetwork: false },
    {
      name: 'EMFILE of one of several addresses',
      error: new AggregateError([failed('ENETUNREACH'), failed('EMFILE')]),
      lacks: true,
      noNetwork: false,
    },
    { name: 'EMFILE as a cause', error: new Error('x', { cause: failed('EMFILE') }), lacks: true, noNetwork: false },
    { name: 'EMFILE in words', error: new Error('browserType.launch: spawn EMFILE'), lacks: true, noNetwork: false },
    { name: 'no network', error: failed('ENETUNREACH'), lacks: false, noNetwork: true },
    { name: 'no resolver', error: failed('EAI_AGAIN'), lacks: false, noNetwork: true },
    {
      name: 'no way to any of several addresses',
      error: new AggregateError([failed('ENETUNREACH'), failed('EADDRNOTAVAIL')]),
      lacks: false,
      noNetwork: true,
    },
    {
      name: 'no way to one of several addresses',
      error: new AggregateError([failed('ENETUNREACH'), failed('ECONNREFUSED')]),
      lacks: false,
      noNetwork: false,
    },
    { name: 'a name that does not exist', error: failed('ENOTFOUND'), lacks: false, noNetwork: false },
    { name: 'a reset', error: failed('ECONNRESET'), lacks: false, noNetwork: false },
  ];
  for (const { name, error, lacks, noNetwork } of cases) {
    test(`${name}: ${lacks || noNetwork ? 'yes' : 'no'}`, () => {
      assert.deepEqual([machineLacks(error) !== null, hintsAtNoNetwork(error)], [lacks, noNetwork]);
    });
  }
});

test('a browser that may open too few files is told before a page is blamed', () => {
  const limits = (soft: string): string =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}                 1048576              files     \n`;
  assert.match(
    tooFewFilesToRender(limits('112'))!.message,
    /^Chromium needs 256 open files and may have 112; .*ulimit -n/,
  );
  for (const soft of ['256', '1024', 'unlimited']) assert.equal(tooFewFilesToRender(limits(soft)), null);
  assert.equal(tooFewFilesToRender(''), null);
});

test('a browser without room for its temporary files is told before a page is blamed', () => {
  const enough = { bavail: 10_000, bsize: 4096, files: 1000, ffree: 600 };
  assert.equal(noRoomToRender('/tmp', enough), null);
  assert.equal(noRoomToRender('/tmp', { ...enough, files: 0, ffree: 0 }), null, 'it tells of no files');
  for (const [found, has] of [
    [{ ...enough, bavail: 1000 }, '4 MB and 600 files'],
    [{ ...enough, ffree: 20 }, '40 MB and 20 files'],
  ] as const) {
    const error = noRoomToRender('/tmp/small', found);
    assert.equal(error?.exitCode, 1);
    assert.match(error.message, new RegExp(`/tmp/small has room for ${has}; .* TMPDIR`));
    assert.equal(noRoomToGoOn('/tmp/small', found), null, 'a page that fails in one that runs is to blame itself');
  }
  assert.match(noRoomToGoOn('/tmp/small', { ...enough, bavail: 49 })!.message, /^Chromium needs 1 MB/);
});

test('the network is up while a host that answered can be connected to', async (t) => {
  const site = await startSite();
  t.after(() => site.close());
  const { lookup } = addressGuard({ allowPrivate: true });
  const untested = watchNetwork(lookup);
  assert.equal(await untested.isUp(), false);
  assert.ok(untested.pauseMs() > 0);
  untested.answered(site.url);
  assert.equal(untested.pauseMs(), 0);
  const tested = watchNetwork(lookup);
  tested.answered(site.url);
  assert.equal(await tested.isUp(), true);
  assert.equal(tested.pauseMs(), 0);
  assert.equal(tested.outage(), null);
});

/** Runs `lait crawl` in a shell. */
function crawlIn(shell: readonly string[], script: string): Promise<{ code: number | null; errors: string }> {
  return new Promise((resolve) => {
    const [program, ...rest] = shell;
    const child = spawn(program!, [...rest, script], { stdio: ['ignore', 'ignore', 'pipe'] });
    let errors = '';
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.once('close', (code) => resolve({ code, errors }));
  });
}

const complaints = (errors: string): string[] => errors.split('\n').filter((line) => line.startsWith('lait:'));
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');
const own = ['--allow-private', '--min-delay-ms', '0', '--render', 'never'];

test('out of file descriptors: nothing is marked, and with more of them the crawl ends as if nothing had been', async (t) => {
  const hosts = 240;
  const image = await picture(1);
  const sites = await Promise.all(
    Array.from({ length: hosts }, () => startSite({ routes: { '/robots.txt': '', '/i.jpg': image }, delayMs: 1000 })),
  );
  const links = sites.map(
    ({ url }, n) => `<a href="${url}/">x</a><p><img src="${url}/i.jpg" alt="Boat ${n} on a lake">`,
  );
  const routes: Record<string, Route> = { '/': `<main>${links.join('')}</main>` };
  const site = await startSite({ routes });
  const dir = mkdtempSync(join(tmpdir(), 'lait-local-'));
  t.after(async () => {
    rmSync(dir, { recursive: true, force: true });
    await Promise.all([site, ...sites].map((one) => one.close()));
  });
  const corpusDir = join(dir, 'corpus');
  const words = [process.execPath, lait, 'crawl', site.url, '--corpus', corpusDir, '--concurrency', '300', ...own];
  const { code, errors } = await crawlIn(['bash', '-c'], `ulimit -n 200; ${quoted(words)}`);
  assert.equal(code, 1, errors);
  assert.equal(complaints(errors).length, 1, errors);
  assert.match(complaints(errors)[0]!, /^lait: this machine has no file descriptors for this process left \(EMFILE\);/);
  const corpus = openCorpus(corpusDir);
  t.after(() => corpus.close());
  assert.deepEqual(
    Object.entries(corpus.images()).filter(([, status]) => status !== 'pending' && status !== 'success'),
    [],
  );
  await crawl({ seeds: [], corpusDir, allowPrivate: true, minDelayMs: 0, render: 'never' }, corpus);
  const stored = corpus.ledger.db.prepare(`SELECT count(*) FROM images WHERE status = 'success'`).pluck().get();
  assert.equal(stored, hosts);
});

const namespaces = spawnSync('unshare', ['-rn', 'true']).status === 0;

test('no network: nothing is marked', {
  skip: namespaces ? false : 'this user may not make a namespace',
}, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lait-local-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  for (const [name, seed] of [
    ['a name', 'https://www.a-name-to-be-looked-up.org/'],
    ['an address', 'https://93.184.216.34/'],
  ] as const) {
    const corpusDir = join(dir, name.replace(' ', '-'));
    const words = [process.execPath, lait, 'crawl', seed, '--corpus', corpusDir, '--contact', 'me@here.example'];
    const { code, errors } = await crawlIn(['unshare', '-rn', 'bash', '-c'], `${quoted(words)} --render never`);
    assert.equal(code, 1, errors);
    assert.match(complaints(errors).join('\n'), /^lait: no host can be reached, .*$/);
    const corpus = openCorpus(corpusDir);
    assert.deepEqual(corpus.pages(), {});
    corpus.close();
  }
});

test('a name that no server answers for is a failure of its own while another host can be reached', async (t) => {
  const site = await startSite();
  const { lookup } = addressGuard({ allowPrivate: true });
  const network = watchNetwork(lookup);
  const silent: LookupFunction = (_name, _options, callback) => callback(failed('EAI_AGAIN'), []);
  const fetcher = openFetcher({ lookup: silent, refuseHost: () => null }, 'lait/0.1', { network });
  t.after(() => Promise.all([fetcher.close(), site.close()]));
  await assert.rejects(fetcher.get('https://silent.example/', { maxBytes: 10 }), NoNetwork);
  const address = await fetcher.get(`${site.url}/`, { maxBytes: 10 });
  assert.equal(address.ok ? address.status : address.reason, 404);
  const name = await fetcher.get('https://silent.example/', { maxBytes: 10 });
  assert.equal(!name.ok && name.reason, 'dns-failed');
});
