/**
 * A crawl by many machines: URLs claimed and finished for each CPU second of PostgreSQL, eight of a host at a time and one, pages
 * without links and with `LINKS`, of which one is new; and pages a second with one and two workers. It starts a server of its own.
 *   node --import tsx bench/scale.ts [URLS=200000] [HOSTS=2000] [LINKS=15]
 * With SNAPSHOT=1 a transaction that has read something stays open from before the first claim, and the dead rows that `lait workers` tells are told.
 * With STATEMENTS=1 it says of each case which statements took the server's time (pg_stat_statements).
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import type { Claim } from '../crawler/frontier/claim.ts';
import type { FetchOutcome } from '../crawler/frontier/outcome.ts';
import { prepare } from '../crawler/shared/batch.ts';
import { enter, leave } from '../crawler/shared/lease.ts';
import { overviewOf } from '../crawler/shared/overview.ts';
import { openSharedCorpus } from '../crawler/shared/schema.ts';
import { openStore } from '../crawler/shared/store.ts';
import { type TakenHost, takeHosts } from '../crawler/shared/take.ts';
import { queueUrls, writeBatch } from '../crawler/shared/write.ts';
import { startPostgres } from '../test/scale/postgres-server.ts';
import { sitePages } from './crawl-pages.ts';

const [urls, hosts, links] = [200_000, 2000, 15].map((one, n) => Number(process.argv[2 + n] ?? one)) as [
  number,
  number,
  number,
];
const rows: [string, string][] = [];
const slowest = `SELECT round(total_exec_time) || ' ms in ' || calls || ' calls, ' || shared_blks_hit || ' blocks, ' || wal_bytes || ' bytes of log: '
  || left(regexp_replace(query, '\\s+', ' ', 'g'), 120) FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 20`;
const hasOldSnapshot = process.env.SNAPSHOT === '1';
const tellsStatements = process.env.STATEMENTS === '1';
const postgres = await startPostgres({
  shared_buffers: '1GB',
  ...(tellsStatements ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
});
const root = mkdtempSync(join(tmpdir(), 'lait-bench-scale-'));

const urlOf = (n: number | string, host: number): string => `https://host-${host}.example/articles/${n}/some-page.html`;

/** The outcome of a page, with links to random pages that are known and one that is new, or without any. */
function outcomeOf({ url, depth }: TakenHost['urls'][number], n: number, linked: number): FetchOutcome {
  const host = Number(/host-(\d+)/.exec(url)![1]);
  const known = Array.from({ length: Math.max(0, linked - 1) }, () => Math.floor(Math.random() * urls));
  const targets = [...known.map((one) => urlOf(one, one % hosts)), ...(linked > 0 ? [urlOf(`new-${n}`, host)] : [])];
  return {
    claim: { url, at: url, depth, kind: 'page', priority: 0, revisit: null } as Claim,
    end: 'done',
    revisit: { intervalMs: 86_400_000, hash: `${n}`.padStart(64, '0') },
    pauseMs: 0,
    page: { url, status: 'fetched', title: `Page ${n}`, text: `Words of page ${n}`, fetchedAtMs: 0 },
    found: [{ url: `${url}.jpg`, texts: [{ source: 'alt', text: `Picture ${n}` }] }],
    newUrls: targets.map((target) => ({ url: target, kind: 'page', depth: depth + 1, priority: 0 })),
  };
}

try {
  const url = postgres.newDatabase();
  const store = await openStore({ url, onlyLookups: true });
  await openSharedCorpus(store, { create: true });
  let startMs = performance.now();
  for (let n = 0; n < urls; n += 5000) {
    const some = Array.from({ length: Math.min(5000, urls - n) }, (_, i) => n + i);
    await queueUrls(
      store,
      some.map((one) => ({ url: urlOf(one, one % hosts), kind: 'page', depth: 0, priority: 0 })),
    );
  }
  rows.push(['URLs added a second', String(Math.round(urls / ((performance.now() - startMs) / 1000)))]);
  const bytes = Number(postgres.sql(url, 'SELECT pg_database_size(current_database())'));
  rows.push(['bytes a URL, queued', String(Math.round(bytes / urls))]);
  const reader = hasOldSnapshot ? new pg.Client({ connectionString: url }) : null;
  await reader?.connect();
  await reader?.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM lait.corpus');
  let n = 0;
  if (tellsStatements) postgres.sql(url, 'CREATE EXTENSION pg_stat_statements');
  for (const [perHost, linked] of [
    [8, 0],
    [1, 0],
    [8, links],
    [1, links],
  ] as const) {
    if (tellsStatements) postgres.sql(url, 'SELECT pg_stat_statements_reset()');
    const lease = await enter(store, root);
    const cpu = postgres.cpuSeconds();
    const own = process.cpuUsage();
    startMs = performance.now();
    let done = 0;
    while (performance.now() - startMs < 10_000) {
      const taken = await takeHosts(store, lease, { hosts: 64 / perHost, perHost });
      if (taken.length === 0) break;
      const outcomes = taken.flatMap(({ urls: some }) => some).map((one, i) => outcomeOf(one, n + i, linked));
      n += outcomes.length;
      const prepared = await prepare(store.query, outcomes, { takeImages: false, isKnown: () => false });
      const record = gzipSync(JSON.stringify(outcomes.map(({ page, found }) => ({ page, found }))), { level: 3 });
      const batch = {
        ...prepared,
        record,
        finished: taken.flatMap((host) => host.urls.map(({ urlHost, hash }) => ({ urlHost, hash }))),
        aliases: [],
        returned: [],
        putOff: [],
        rests: [],
        newSeeds: [],
        hosts: taken.map((host) => ({
          id: host.id,
          pauseMs: 0,
          isLetGo: true,
          pages: host.urls.length,
          failures: 0,
          renderTries: 0,
          renderGains: 0,
        })),
        pages: outcomes.length,
        images: 0,
        bytes: 0,
      };
      if (!(await writeBatch(store, lease, batch))) throw new Error('the lease is over');
      lease.batch += 1;
      done += outcomes.length;
    }
    const seconds = postgres.cpuSeconds() - cpu;
    const { user, system } = process.cpuUsage(own);
    const name = `${perHost === 1 ? 'one URL' : `${perHost} URLs`} a host, ${linked} links a page`;
    rows.push([`claimed and finished a PostgreSQL CPU second, ${name}`, String(Math.round(done / seconds))]);
    if (linked > 0) rows.push(['  links checked', String(Math.round((done * linked) / seconds))]);
    rows.push([
      '  claimed and finished a CPU second of the worker',
      String(Math.round(done / ((user + system) / 1e6))),
    ]);
    if (tellsStatements) console.log(`${name}\n${postgres.sql(url, slowest)}\n`);
    await leave(store, lease);
    rows.push(['  dead rows', String((await overviewOf(url)).deadRows)]);
  }
  await reader?.end();
  await store.close();

  const pages = sitePages(400);
  const server = createServer((req, res) => {
    const page = /^\/p(\d+)\.html/.exec(req.url ?? '');
    const host = Number((req.headers.host ?? '').split(/[.:]/)[3]);
    const port = (req.headers.host ?? '').split(':')[1];
    const next = page?.[1] === '0' ? [2 * host, 2 * host + 1].filter((one) => one < 64) : [];
    const away = next.map((one) => `<a href="http://127.0.3.${one}:${port}/p0.html">more</a>`).join('');
    if (page && Number(page[1]) < 30)
      res.setHeader('content-type', 'text/html').end(`${pages[Number(page[1])]}${away}`);
    else res.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const seed = `http://127.0.3.1:${(server.address() as AddressInfo).port}/p0.html`;
  for (const workers of [1, 2, 1, 2]) {
    const shared = postgres.newDatabase();
    const ended = Array.from({ length: workers }, () => runWorker(shared, seed));
    const runs = await Promise.all(ended);
    const fetched = runs.reduce((sum, one) => sum + (one.pages.fetched ?? 0), 0);
    const span = postgres.sql(shared, 'SELECT extract(epoch FROM max(at) - min(at)) FROM lait.batches');
    rows.push([
      `pages a second, ${workers} worker${workers === 1 ? '' : 's'} (${fetched} pages)`,
      (fetched / Number(span)).toFixed(0),
    ]);
  }
  server.close();
  server.closeAllConnections();
} finally {
  postgres.stop();
  rmSync(root, { recursive: true });
}
for (const [name, value] of rows) console.log(`${name.padEnd(84)} ${value.padStart(10)}`);

function runWorker(shared: string, seed: string): Promise<{ pages: Record<string, number> }> {
  const corpusDir = mkdtempSync(join(root, 'worker-'));
  const options = {
    seeds: [seed],
    corpusDir,
    scope: 'any',
    allowPrivate: true,
    minDelayMs: 1,
    latencyFactor: 0,
    concurrency: 32,
    images: false,
    render: 'never',
    store: { url: shared, corpusDir },
  };
  const child = spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, '../test/scale/work-child.ts')], {
    env: { ...process.env, WORK_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (data: Buffer) => {
    said += data;
  });
  return new Promise((resolve) => child.once('close', () => resolve(JSON.parse(said))));
}
