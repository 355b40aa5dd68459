/** A shared crawl by the command line: two workers, one export; and what an operator can get wrong is one line without secrets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, password, startPostgres } from './postgres-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-work-cli-'));
let postgres: PostgresServer;
let site: Site;
before(async () => {
  if (noPostgres) return;
  const pictures = await Promise.all([1, 2, 3, 4, 5, 6].map((seed) => picture(seed, { width: 420, height: 360 })));
  const page = (n: number): string => `<!doctype html><html lang="en"><title>Birds of the harbour, page ${n}</title>
    <p>The birds of the harbour sit on the old wall and wait for the boats to come home in the evening.</p>
    <img src="/bird${n}.jpg" width="420" height="360" alt="A grey bird sits on the old harbour wall, number ${n}">
    ${[2 * n + 1, 2 * n + 2]
      .filter((next) => next < 6)
      .map((next) => `<a href="/${next}">more</a>`)
      .join(' ')}</html>`;
  const routes = Object.fromEntries(pictures.flatMap((bytes, n) => [[`/${n}`, page(n)], [`/bird${n}.jpg`, bytes]])); // biome-ignore format: one line
  [postgres, site] = await Promise.all([startPostgres(), startSite({ routes })]);
});
after(async () => {
  postgres?.stop();
  await site?.close();
  rmSync(root, { recursive: true, force: true });
});

/** Debian's library that gives a process another clock, or a clock of JavaScript's alone. */
const faketime = ['x86_64', 'aarch64']
  .map((machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketimeMT.so.1`)
  .find((path) => existsSync(path));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly said: string;
}

async function lait(args: readonly string[]): Promise<Ended> {
  const { code, stdout, stderr } = await ranInProcess(args);
  return { code, out: stdout, said: stderr };
}

/** As a process of its own. */
function spawned(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const options = { cwd: root, env: { ...process.env, ...env } };
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...args], options);
    let [out, said] = ['', ''];
    child.stdout.on('data', (data: Buffer) => (out += data)); // biome-ignore format: one line
    child.stderr.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, said }));
  });
}

async function run(...args: string[]): Promise<string> {
  const { code, out, said } = await lait(args);
  assert.equal(code, 0, `lait ${args.join(' ')}: ${said}`);
  return out;
}

function corpusWith(store: string, more = ''): string {
  const folder = mkdtempSync(join(root, 'corpus-'));
  writeFileSync(
    join(folder, 'lait.yaml'),
    `store: ${store}\ncrawl: { allowPrivate: true, minDelayMs: 40, render: never${more} }\n`,
  );
  return folder;
}

/** What the filter left of a corpus, with the pictures' hashes. */
function survivors(folder: string): unknown[] {
  const ledger = Ledger.openExisting(folder);
  try {
    return ledger.db.prepare('SELECT id, text, sha256, page_url FROM survivors ORDER BY id').all();
  } finally {
    ledger.close();
  }
}

describe('a crawl by two machines', { skip: noPostgres }, () => {
  test('ends with what one machine finds, filtered and exported on one of them', { timeout: 240_000 }, async () => {
    const store = postgres.newDatabase();
    const [one, other] = [corpusWith(store), corpusWith(store)];
    const alone = corpusWith(store);
    writeFileSync(join(alone, 'lait.yaml'), 'crawl: { allowPrivate: true, minDelayMs: 0, render: never }\n');
    await run('crawl', `${site.url}/0`, '--corpus', alone);
    const [first, second] = await Promise.all(
      [one, other].map((folder) => spawned(['work', `${site.url}/0`, '--corpus', folder, '--json'])),
    );
    assert.deepEqual([first?.code, second?.code], [0, 0], `${first?.said}${second?.said}`);
    const pagesOf = (ended?: Ended): number => JSON.parse(ended!.out).pages.fetched ?? 0;
    assert.equal(pagesOf(first) + pagesOf(second), 6);
    const { workers, queued, hosts } = JSON.parse(await run('workers', '--corpus', one, '--json'));
    assert.equal(workers.length, 2);
    assert.deepEqual([queued, hosts.held, hosts.ready], [0, 0, 0]);
    assert.match(await run('workers', '--corpus', one), /^postgres:\/\/127\.0\.0\.1:\d+\/birds\d+\nworker +machine/);

    // The pictures of the other worker are not here: what is, is collected, and the rest is said.
    const away = readdirSync(other).includes('work');
    const partial = await lait(['collect', '--corpus', one, '--json']);
    assert.equal(partial.code, away ? 2 : 0);
    if (away) {
      assert.match(
        partial.said,
        /^lait: Expected the pictures of every worker but received none, or only a part, in \S+work\/[0-9a-f]{8}-\d \(worker \d of .*, \d+ batches\); the others are collected: /m,
      );
      const { missing, pages } = JSON.parse(partial.out);
      assert.equal(missing.length, 1);
      assert.ok(pages < 6);
      const nothing = await lait(['collect', '--corpus', one, '--json']);
      assert.deepEqual([nothing.code, JSON.parse(nothing.out).batches], [2, 0]);
      cpSync(join(other, 'work'), join(one, 'work'), { recursive: true });
    }
    const collected = JSON.parse(await run('collect', '--corpus', one, '--json'));
    assert.deepEqual([collected.queued, collected.missing], [0, []]);
    assert.deepEqual(
      [collected.pages + JSON.parse(partial.out).pages, collected.images + JSON.parse(partial.out).images],
      [6, 6],
    );
    const again = JSON.parse(await run('collect', '--corpus', one, '--json'));
    assert.deepEqual([again.batches, again.pairs], [0, collected.pairs]);
    for (const folder of [alone, one]) {
      await run('filter', '--corpus', folder);
      await run('export', '--corpus', folder);
    }
    await run('verify', '--corpus', one);
    assert.deepEqual(survivors(one), survivors(alone));
    assert.ok(survivors(one).length > 0);

    const photo = `${site.url}/bird1.jpg`;
    const { unreached } = JSON.parse(await run('takedown', '--url', photo, '--corpus', one, '--json'));
    assert.deepEqual(unreached, [join(one, 'work'), store.replace(/\/\/.*@/, '//')]);
    await run('takedown', '--undo', '--url', photo, '--corpus', one);

    // Taken out of the store it is a corpus like any other, whose pages are visited again.
    writeFileSync(join(one, 'lait.yaml'), 'crawl: { allowPrivate: true, minDelayMs: 0, render: never }\n');
    const visited = JSON.parse(await run('crawl', '--recrawl', 'all', '--corpus', one, '--json'));
    assert.equal((visited.pages.fetched ?? 0) + (visited.pages.unchanged ?? 0), 6);
    assert.equal(visited.pairs, collected.pairs);
  });

  test('of which one has lost its disk is collected without the pictures that were there', {
    timeout: 240_000,
  }, async () => {
    const store = postgres.newDatabase();
    const [lost, folder] = [corpusWith(store), corpusWith(store)];
    await run('work', `${site.url}/0`, '--corpus', lost);
    const { workers } = JSON.parse(await run('workers', '--corpus', folder, '--json'));
    const { id } = workers[0];
    const without = (number: string): Promise<Ended> =>
      lait(['collect', '--without', number, '--corpus', folder, '--json']);
    const unknown = await without('99');
    assert.deepEqual([unknown.code, unknown.out], [2, '']);
    assert.match(
      unknown.said,
      /Expected the number of a worker for --without but received 99; `lait workers` names them/,
    );
    const { code, out } = await without(id);
    assert.equal(code, 0);
    const { pages, images, lost: pictures, pairs } = JSON.parse(out);
    assert.deepEqual([pages, images, pictures], [6, 0, 6]);
    assert.ok(pairs > 0, 'the pairs wait for their pictures');
    // For good: with its number or without, nothing of it is looked for again.
    assert.deepEqual(JSON.parse(await run('collect', '--corpus', folder, '--json')).batches, 0);
    assert.match(
      await run('retry', '--reason', 'picture-lost', '--corpus', folder),
      /0 pages and 6 images; `lait work` fetches them/,
    );
    const again = JSON.parse(await run('work', '--corpus', folder, '--json'));
    assert.equal(again.images.success, 6);
  });

  test('is refused in one line where something must be changed', { timeout: 240_000 }, async (t) => {
    const url = postgres.newDatabase();
    const newer = postgres.newDatabase();
    const foreign = postgres.newDatabase();
    const [standby, dead] = [postgres.newDatabase(), postgres.newDatabase()];
    postgres.sql(
      standby,
      `ALTER DATABASE ${new URL(standby).pathname.slice(1)} SET default_transaction_read_only = on`,
    );
    const seed = `${site.url}/0`;
    await run('work', seed, '--corpus', corpusWith(newer), '--max-pages', '1');
    postgres.sql(newer, 'UPDATE lait.corpus SET version = 99');
    postgres.sql(foreign, 'CREATE SCHEMA lait');
    const hourOff: Record<string, string> =
      faketime === undefined
        ? { NODE_OPTIONS: '--import "data:text/javascript,const now=Date.now;Date.now=()=>now()+3600000"' }
        : { LD_PRELOAD: faketime, FAKETIME: '+3600', FAKETIME_DONT_FAKE_MONOTONIC: '1' };
    const work = ['work', seed];
    const rows: readonly (readonly [
      name: string,
      store: string,
      line: RegExp,
      args?: readonly string[],
      env?: Readonly<Record<string, string>> | undefined,
      more?: string,
    ])[] = [
      ['wrong password', url.replace(password, 'wrong-word'), /a refusal \(28P01\); give them in the URL/],
      ['no password', url.replace(`:${password}`, ''), /Expected a password for .* but received none/],
      [
        'no server',
        url.replace(/:\d+\//, ':1/'),
        /Expected a PostgreSQL server for .* but received none \(ECONNREFUSED\)/,
      ],
      ['no database', url.replace(/birds\d+/, 'nowhere'), /Expected a database for .* none of this name/],
      [
        'another kind of store',
        `mysql://lait:${password}@127.0.0.1/birds`,
        /Expected postgres:\/\/HOST\/DATABASE for store/,
      ],
      ['a newer lait', newer, /Expected tables of version 1 in .* but received version 99/],
      ['tables of something else', foreign, /received a schema `lait` of something else/],
      ['a clock an hour off', url, /clock within 60 s of that of .* but received 3600 s/, work, hourOff],
      [
        'such a clock of a schedule',
        url,
        /clock within 60 s of that of .* but received 3600 s/,
        ['schedule', '--cron', '0 3 * * *'],
        hourOff,
        `, seeds: ['${seed}']`,
      ],
      ['no seed', url, /Expected a seed or a list with URLs to crawl from/, ['work']],
      ['a crawl of one machine', url, /with a store, whose queue is there; run `lait work`/, ['crawl', seed]],
      ['kept pages', url, /with a store, whose queue is there/, ['extract', '--again']],
      [
        'no socket',
        `postgres:///birds?host=${root}`,
        /Expected a PostgreSQL server for \S+ but received none \(ENOENT\); see that it serves/,
      ],
      ['a standby', standby, /received a standby, which may only be read \(25006\)/],
      [
        'no seed that can be read',
        dead,
        /Expected a seed that can be read but received \S+ \(http-404: /,
        ['work', `${site.url}/nowhere`],
      ],
      ['pages to be kept', url, /Expected keepPages: false for a shared corpus/, work, undefined, ', keepPages: true'],
      ['visits again', url, /Expected recrawl: never for a shared corpus/, work, undefined, ', recrawl: all'],
    ];
    for (const [name, store, line, args = work, env, more = ''] of rows) {
      await t.test(name, async () => {
        const words = [...args, '--corpus', corpusWith(store, more)];
        const { code, out, said } = await (env === undefined ? lait(words) : spawned(words, env));
        assert.match(said, line);
        const told = said
          .trim()
          .split('\n')
          .filter((one) => !one.startsWith('Crawling'));
        assert.equal(told.length, 1, said);
        assert.equal(code, 2);
        assert.doesNotMatch(out + said, new RegExp(`${password}|wrong-word`));
      });
    }
    await t.test('a corpus without a store', async () => {
      const folder = join(root, 'plain');
      mkdirSync(folder);
      for (const command of ['work', 'workers', 'collect']) {
        const { code, said } = await lait([command, '--corpus', folder]);
        assert.match(said, /Expected store: postgres:\/\/HOST\/DATABASE in .*lait\.yaml but received none/);
        assert.equal(code, 2);
      }
    });
    await t.test('a database that no worker has used', async () => {
      const { code, said } = await lait(['workers', '--corpus', corpusWith(postgres.newDatabase())]);
      assert.match(said, /Expected a shared corpus in .* but there is none; run `lait work` first/);
      assert.equal(code, 2);
    });
  });
});
