/**
 * A crawl by several workers on one PostgreSQL: killed, frozen and cut off at random moments it ends with the pairs of one undisturbed
 * crawl into a folder, each page is committed once, and by the web server's own log no host was asked before its pause was over.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { crawl } from '../../crawler/crawl.ts';
import { kinds } from '../../crawler/frontier/schema.ts';
import type { RecordedOutcome } from '../../crawler/shared/batch.ts';
import { collect } from '../../crawler/shared/collect.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';
import { openStore } from '../../crawler/shared/store.ts';
import type { Ledger } from '../../dataset/ledger/ledger.ts';
import { temporaryCorpus } from '../helpers/corpus.ts';
import { picture } from '../helpers/picture.ts';
import { apartAddress, noNamespaces, startApart } from './apart.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';
import { startProxy } from './proxy.ts';

const hosts = 20;
const pagesPerHost = 12;
const pauseMs = 80;
const leaseMs = 8000;
const loopbackAddress = (n: number): string => `127.0.1.${n}`;

/** What the web server saw of a request: when it came, and when its answer was sent, by this process' clock. */
interface Asked {
  readonly path: string;
  readonly cameMs: number;
  answeredMs: number;
}

interface Web {
  readonly seed: string;
  readonly port: number;
  readonly asked: Map<string, Asked[]>;
  close(): Promise<void>;
}

/**
 * Sites on addresses of this machine, each of which is a host. Every page leads to two more of its site, the first also to other sites; two
 * pages in three have a picture, some of them the same one as another site, under another address.
 */
async function startWeb(): Promise<Web> {
  const pictures = await Promise.all(Array.from({ length: 12 }, (_, n) => picture(n + 1, { width: 360, height: 320 })));
  const asked = new Map<string, Asked[]>();
  const server: Server = createServer((req, res) => {
    const [host = '', port = ''] = (req.headers.host ?? '').split(':');
    const path = req.url ?? '/';
    const one: Asked = { path, cameMs: performance.now(), answeredMs: Number.POSITIVE_INFINITY };
    asked.set(host, [...(asked.get(host) ?? []), one]);
    const n = Number(host.split('.')[3]) - 1;
    const siteOf = (other: number): string => `http://${host.replace(/\d+$/, String(other + 1))}:${port}`;
    const send = (type: string, body: string | Buffer, status = 200, more: Record<string, string> = {}): void => {
      one.answeredMs = performance.now();
      res.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...more }).end(body);
    };
    const page = /^\/p(\d+)$/.exec(path);
    const image = /^\/i(\d+)\.jpg$/.exec(path);
    const away = /^\/away(\d+)$/.exec(path);
    const old = /^\/old(\d+)$/.exec(path);
    if (page) send('text/html', pageOf(n, Number(page[1]), siteOf));
    else if (old) send('text/plain', '', 302, { location: `/p${old[1]}` });
    else if (away) send('text/plain', '', 302, { location: `${siteOf((n + 1) % hosts)}/p${away[1]}` });
    else if (path === '/sitemap.xml') send('application/xml', sitemapOf(siteOf(n)));
    else if (image) send('image/jpeg', pictures[Number(image[1]) % pictures.length]!);
    else send('text/plain', 'not found', 404);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    seed: `http://${loopbackAddress(1)}:${port}/p0`,
    port,
    asked,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function pageOf(host: number, page: number, siteOf: (host: number) => string): string {
  const links = [2 * page + 1, 2 * page + 2].filter((next) => next < pagesPerHost).map((next) => `/p${next}`);
  const others = [2 * host + 1, 2 * host + 2, (host * 7 + page) % hosts].filter((other) => other < hosts);
  const away = page === 0 ? others.map((other) => `${siteOf(other)}/p0`) : [];
  if (page === 1) away.push('/old2', '/old5', '/away3');
  const number = host * pagesPerHost + page;
  const shown =
    number % 3 === 2
      ? ''
      : `<img src="/i${number}.jpg" width="360" height="320" alt="Bird ${number} of host ${host} on a wall">`;
  return `<!doctype html><html lang="en"><title>Page ${number}</title><p>Of bird ${number} much can be said, for it sings.</p>${shown}
    ${[...links, ...away].map((link) => `<a href="${link}">${link}</a>`).join(' ')}</html>`;
}

/** It has a text for a picture that page 2 shows and one that no page shows. */
const sitemapOf = (site: string): string => `<?xml version="1.0"?>
  <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
  <url><loc>${site}/p2</loc>${[2, 900]
    .map(
      (n) => `<image:image><image:loc>${site}/i${n}.jpg</image:loc>
    <image:title>Picture ${n} of the sitemap of ${new URL(site).hostname.replace(/.*[.]/, 'host ')}</image:title></image:image>`,
    )
    .join('')}</url></urlset>`;

/** Pages and pictures of a host come one after the other with its pause between; its robots.txt and TDMRep file follow each other. */
function assertPauses(asked: Web['asked']): void {
  const tooEarly: string[] = [];
  for (const [host, list] of asked) {
    const content = list.filter(({ path }) => /^\/[pi]\d/.test(path)).sort((a, b) => a.cameMs - b.cameMs);
    for (const [n, one] of content.entries()) {
      const last = content[n - 1];
      // A worker that was killed does not hear the answer: then its request is what the pause counts from.
      if (last !== undefined && one.cameMs - last.cameMs < pauseMs - 1)
        tooEarly.push(`${host}${one.path} ${(one.cameMs - last.cameMs).toFixed(1)} ms after ${last.path}`);
    }
  }
  assert.deepEqual(tooEarly, []);
}

const settings = {
  contact: 'owner@example.org',
  scope: 'any',
  allowPrivate: true,
  minDelayMs: pauseMs,
  latencyFactor: 0,
  render: 'never',
  timeoutMs: 5000,
  firstByteTimeoutMs: 5000,
} as const;

interface Worker {
  readonly child: ChildProcess;
  /** What it printed at its end; the exit code where that is not 0. */
  readonly ended: Promise<string>;
}

const workArguments = ['--import', 'tsx', join(import.meta.dirname, 'work-child.ts')];

function workEnvironment(seed: string, store: string, corpusDir: string): NodeJS.ProcessEnv {
  const options = { ...settings, seeds: [seed], corpusDir, store: { url: store, corpusDir, leaseMs } };
  return { ...process.env, WORK_OPTIONS: JSON.stringify(options) };
}

const startWorker = (seed: string, store: string, corpusDir: string): Worker =>
  workerOf(spawn(process.execPath, workArguments, { env: workEnvironment(seed, store, corpusDir) }));

function workerOf(child: ChildProcess): Worker {
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
  return {
    child,
    ended: new Promise((resolve) =>
      child.once('close', (code) => resolve(code === 0 ? said : `exit ${code}: ${said}`)),
    ),
  };
}

let postgres: PostgresServer;
let web: Web;
let wanted: string[];
let wantedImages: number;
const folders: string[] = [];
const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'lait-work-'));
  folders.push(folder);
  return folder;
};

before(async () => {
  if (noPostgres) return;
  [postgres, web] = await Promise.all([startPostgres(), startWeb()]);
  const corpus = temporaryCorpus();
  await crawl(
    {
      ...settings,
      timeoutMs: 30_000,
      firstByteTimeoutMs: 30_000,
      seeds: [web.seed],
      corpusDir: corpus.dir,
    },
    corpus,
  );
  assertPauses(web.asked);
  wanted = corpus.pairs();
  wantedImages = storedImages(corpus.ledger);
  corpus.remove();
});
after(async () => {
  postgres?.stop();
  await web?.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const storedImages = (ledger: Ledger): number =>
  ledger.db.prepare(`SELECT count(*) FROM images WHERE status = 'success'`).pluck().get() as number;

/** URLs that the record has as done more than once. */
async function doneTwice(store: string): Promise<string[]> {
  const { query, close } = await openStore({ url: store });
  const rows = await query<{ outcomes: Buffer }>('SELECT outcomes FROM lait.batches');
  await close();
  const done = rows
    .flatMap(({ outcomes }) => JSON.parse(gunzipSync(outcomes).toString()) as RecordedOutcome[])
    .filter(({ isDone }) => isDone)
    .map(({ kind, url }) => `${kind} ${url}`);
  return done.filter((one, n) => done.indexOf(one) !== n);
}

/** Brings the record into a folder and compares all with the undisturbed crawl. */
async function assertWhole(store: string, dirs: readonly string[]): Promise<void> {
  const corpus = temporaryCorpus();
  for (const dir of dirs) cpSync(join(dir, 'work'), join(corpus.dir, 'work'), { recursive: true });
  corpus.raw.close();
  await collect({ corpusDir: corpus.dir, url: store }, corpus);
  const pairs = corpus.pairs();
  const stored = storedImages(corpus.ledger);
  corpus.ledger.close();
  rmSync(corpus.dir, { recursive: true });
  assert.deepEqual(pairs, wanted);
  assert.equal(stored, wantedImages);
  const count = (table: string): string => postgres.sql(store, `SELECT count(*) FROM lait.${table}`);
  assert.equal(count('queue'), '0');
  assert.equal(count('hosts WHERE worker IS NOT NULL OR waiting'), '0');
  assert.equal(count('read_pages'), String(hosts * pagesPerHost));
  assert.deepEqual(await doneTwice(store), []);
}

/** Waits until a worker has hosts: one that has none is missed by nobody. */
async function holdsHosts(store: string, { child }: Worker): Promise<void> {
  const held = `SELECT count(*) FROM lait.hosts h JOIN lait.workers w ON w.id = h.worker WHERE w.pid = ${child.pid}`;
  while (postgres.sql(store, held) === '0' && (child.exitCode ?? child.signalCode) === null) await sleep(20);
}

/** One worker was declared dead. Whether it begins anew depends on what the other one has left of the crawl. */
function assertLeaseEnded(store: string): void {
  const dead = `SELECT count(*) FROM lait.workers WHERE ended_at - seen_at >= ${leaseMs} * interval '1 ms'`;
  assert.notEqual(postgres.sql(store, dead), '0');
}

interface Crawled {
  readonly seed?: string;
  readonly dir?: string;
  /** Workers that have been started. */
  readonly more?: readonly Worker[];
}

/** Workers until all have ended; whatever else happens to them is `disturb`'s doing. */
async function crawlWith(
  store: string,
  stores: readonly string[],
  disturb: (workers: { readonly running: ReadonlySet<Worker>; readonly start: () => void }) => Promise<void>,
  { seed = web.seed, dir = newFolder(), more = [] }: Crawled = {},
): Promise<void> {
  if (more.length === 0) web.asked.clear();
  const running = new Set<Worker>();
  const faults: string[] = [];
  const add = (worker: Worker): void => {
    running.add(worker);
    void worker.ended.then((said) => {
      running.delete(worker);
      if (!/"stoppedBy":"finished"/.test(said) && worker.child.signalCode !== 'SIGKILL') faults.push(said);
    });
  };
  const start = (url = stores[0]!): void => add(startWorker(seed, url, dir));
  for (const url of stores) start(url);
  more.forEach(add);
  while (web.asked.size < hosts / 4 && running.size > 0) await sleep(20);
  await disturb({ running, start });
  while (running.size > 0) await Promise.all([...running].map(({ ended }) => ended));
  assert.deepEqual(faults, []);
  assertPauses(web.asked);
  await assertWhole(store, [dir]);
}

describe('workers on one PostgreSQL', { skip: noPostgres, concurrency: false }, () => {
  test('four of them, killed and frozen at random moments', { timeout: 300_000 }, async () => {
    const store = postgres.newDatabase();
    await crawlWith(store, [store, store, store, store], async ({ running, start }) => {
      for (let n = 0; n < 12 && running.size > 0; n++) {
        const all = [...running];
        const { child } = all[Math.floor(Math.random() * all.length)]!;
        if (n % 3 === 1) {
          child.kill('SIGSTOP');
          setTimeout(() => child.kill('SIGCONT'), leaseMs + 1500);
        } else {
          child.kill('SIGKILL');
          start();
        }
        await sleep(200 + Math.random() * 900);
      }
    });
    assert.ok(Number(postgres.sql(store, 'SELECT count(*) FROM lait.workers')) > 6, 'enough went wrong');
  });

  test('two, while the server crashes and starts again', { timeout: 300_000 }, async () => {
    const store = postgres.newDatabase();
    await crawlWith(store, [store, store], async () => {
      postgres.restart();
      await sleep(500);
      postgres.restart();
    });
  });

  test('two, one of which is cut off for longer than its lease', { timeout: 300_000 }, async (t) => {
    const store = postgres.newDatabase();
    const proxy = await startProxy(postgres.port);
    t.after(() => proxy.close());
    const through = store.replace(`:${postgres.port}/`, `:${proxy.port}/`);
    await crawlWith(store, [store, through], async ({ running }) => {
      const cutOff = [...running][1]!;
      proxy.cut();
      await sleep(300);
      proxy.mend();
      await holdsHosts(store, cutOff);
      proxy.cut();
      await sleep(leaseMs + 1500);
      proxy.mend();
    });
    assertLeaseEnded(store);
  });

  test('two, one of which has a network of its own whose link is down for longer than its lease', {
    timeout: 300_000,
    skip: noNamespaces,
  }, async (t) => {
    const store = postgres.newDatabase();
    const dir = newFolder();
    const seed = `http://${apartAddress(1)}:${web.port}/p0`;
    web.asked.clear();
    const proxy = await startProxy(postgres.port, '0.0.0.0');
    t.after(() => proxy.close());
    const through = store.replace(`@127.0.0.1:${postgres.port}/`, `@${apartAddress(1)}:${proxy.port}/`);
    const { child, cut, mend } = await startApart(workArguments, workEnvironment(seed, through, dir), hosts);
    t.after(() => child.kill('SIGKILL'));
    const cutOff = workerOf(child);
    await crawlWith(
      store,
      [store],
      async () => {
        await holdsHosts(store, cutOff);
        cut();
        await sleep(leaseMs + 1500);
        mend();
      },
      { seed, dir, more: [cutOff] },
    );
    assertLeaseEnded(store);
  });

  test('one that often does not hear that its batch is committed', { timeout: 300_000 }, async (t) => {
    const store = postgres.newDatabase();
    const proxy = await startProxy(postgres.port);
    t.after(() => proxy.close());
    await crawlWith(store, [store.replace(`:${postgres.port}/`, `:${proxy.port}/`)], async ({ running }) => {
      // Each time it tries again half a second later, and has more to tell by then.
      for (let n = 0; n < 12 && running.size > 0; n++) {
        proxy.loseCommits(1);
        await sleep(900);
      }
    });
    assert.ok(proxy.lost() > 3, `${proxy.lost()} answers were lost`);
  });

  test('one that may read no more than some pages fetches all of their pictures', { timeout: 300_000 }, async () => {
    const store = postgres.newDatabase();
    const dir = newFolder();
    const options = { ...settings, seeds: [web.seed], corpusDir: dir, maxPages: 24 };
    const { stoppedBy, pages } = await crawl(options, {
      openWork: sharedWork({ url: store, corpusDir: dir, leaseMs }),
    });
    assert.deepEqual([stoppedBy, pages.fetched], ['page-limit', 24]);
    const queued = `SELECT count(*) FROM lait.queue q JOIN lait.urls u ON u.host = q.url_host AND u.hash = q.hash WHERE u.kind = ${kinds.indexOf('image')}`;
    assert.equal(postgres.sql(store, queued), '0', 'pictures that wait');
    assert.notEqual(postgres.sql(store, 'SELECT sum(images) FROM lait.workers'), '0');
    assert.equal(postgres.sql(store, 'SELECT count(*) FROM lait.hosts WHERE worker IS NOT NULL'), '0');
    // The next run goes on.
    await crawl({ ...options, seeds: [], maxPages: 1000 }, { openWork: sharedWork({ url: store, corpusDir: dir }) });
    await assertWhole(store, [dir]);
  });
});
