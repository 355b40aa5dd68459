/**
 * Pages a second of 1, 2, 3 and 4 workers of a shared crawl, each with a fixed share of a core, so that workers are what binds, whatever the
 * machine has and does. Shares are those of cgroups (version 1), which are made and removed; where that is not allowed there is nothing
 * to measure, but on a machine with more cores than all of them want.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openStore, type Store } from '../crawler/shared/store.ts';
import { type PostgresServer, startPostgres } from '../test/scale/postgres-server.ts';
import { sitePages } from './crawl-pages.ts';

/** Of a core, in percent. */
const share = Number(process.env.SHARE ?? 10);
const counts = (process.env.COUNTS ?? '1,2,3,4,1,2').split(',').map(Number);
const [hosts, pagesPerHost] = [128, 80];
const cgroups = '/sys/fs/cgroup/cpu';
/** Before anything counts each worker has read so many, at any speed: by then its code is compiled. */
const warmPages = Number(process.env.WARM ?? 600);
const countedMs = Number(process.env.SECONDS ?? 40) * 1000;

export async function benchWorkers(root: string): Promise<void> {
  const isLimited = limit('probe', null);
  if (!isLimited && availableParallelism() < Math.max(...counts) + 2) {
    console.log(
      `pages a second of several workers: skipped, since ${cgroups} cannot be written and there are few cores`,
    );
    return;
  }
  const server = await startSite();
  const postgres = await startPostgres({ shared_buffers: '256MB' });
  const port = (server.address() as AddressInfo).port;
  const seeds = Array.from({ length: hosts }, (_, host) => `http://127.0.3.${host + 1}:${port}/p0.html`);
  console.log(
    `${isLimited ? `${share} % of a core` : 'a core'} for each worker, ${hosts * pagesPerHost} pages of ${hosts} hosts`,
  );
  let first: number | undefined;
  try {
    for (const workers of counts) {
      const { pagesASecond, ...others } = await run({ workers, seeds, root, postgres, isLimited });
      first ??= pagesASecond / workers;
      const more = Object.entries(others).map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`);
      console.log(
        `${workers} worker${workers === 1 ? ' ' : 's'}: ${pagesASecond.toFixed(1)} pages/s, ${(pagesASecond / first).toFixed(2)} × one; ${more.join(', ')}`,
      );
    }
  } finally {
    server.close();
    server.closeAllConnections();
    postgres.stop();
  }
}

/** Each of the hosts has the same pages, which lead to each other. */
async function startSite(): Promise<Server> {
  const pages = sitePages(pagesPerHost);
  const server = createServer((req, res) => {
    const page = pages[Number(/^\/p(\d+)\.html/.exec(req.url ?? '')?.[1] ?? -1)];
    if (page === undefined) res.writeHead(404).end();
    else res.setHeader('content-type', 'text/html').end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  return server;
}

interface Run {
  readonly workers: number;
  readonly seeds: readonly string[];
  readonly root: string;
  readonly postgres: PostgresServer;
  readonly isLimited: boolean;
}

async function run({ workers, seeds, root, postgres, isLimited }: Run) {
  const url = postgres.newDatabase();
  const children = Array.from({ length: workers }, (_, n) => startWorker(url, seeds, mkdtempSync(join(root, `${n}-`))));
  const ended = Promise.all(children.map((child) => new Promise((resolve) => child.once('close', resolve))));
  const store = await openStore({ url, connections: 1 });
  try {
    for (;;) {
      await sleep(250);
      if (children.some(({ exitCode }) => exitCode !== null)) throw new Error('a worker has ended');
      const pages = await pagesOf(store);
      if (pages.length === workers && Math.min(...pages) >= warmPages) break;
    }
    if (isLimited) for (const { pid } of children) limit(`worker-${pid}`, pid!);
    await sleep(2000);
    const used = async () => ({
      atMs: performance.now(),
      pages: (await pagesOf(store)).reduce((a, b) => a + b),
      own: children.reduce((sum, { pid }) => sum + cpuSecondsOf(pid!), 0),
      server: postgres.cpuSeconds(),
    });
    const start = await used();
    await sleep(countedMs);
    const end = await used();
    const [seconds, pages, own] = [(end.atMs - start.atMs) / 1000, end.pages - start.pages, end.own - start.own];
    return {
      pagesASecond: pages / seconds,
      pages,
      'pages a CPU second of a worker': pages / own,
      'cores of a worker': own / workers / seconds,
      'pages a CPU second of PostgreSQL': pages / (end.server - start.server),
    };
  } finally {
    for (const child of children) child.kill('SIGKILL');
    await ended;
    await store.close();
    for (const { pid } of children) if (existsSync(groupOf(`worker-${pid}`))) rmdirSync(groupOf(`worker-${pid}`));
  }
}

async function pagesOf({ query }: Store): Promise<readonly number[]> {
  const [made] = await query(`SELECT WHERE to_regclass('lait.workers') IS NOT NULL`);
  if (made === undefined) return [];
  return (await query<{ pages: number }>('SELECT pages::int FROM lait.workers')).map(({ pages }) => pages);
}

const cpuSecondsOf = (pid: number): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
};

const groupOf = (name: string): string => join(cgroups, `lait-${name}`);

/** Gives a process its share; whether that is possible. */
function limit(name: string, pid: number | null): boolean {
  const folder = groupOf(name);
  try {
    mkdirSync(folder);
    writeFileSync(join(folder, 'cpu.cfs_period_us'), '20000');
    writeFileSync(join(folder, 'cpu.cfs_quota_us'), String(share * 200));
    if (pid !== null) writeFileSync(join(folder, 'cgroup.procs'), String(pid));
    else rmdirSync(folder);
    return true;
  } catch {
    return false;
  }
}

function startWorker(url: string, seeds: readonly string[], corpusDir: string): ChildProcess {
  const options = {
    ...{ seeds, corpusDir, scope: 'host', allowPrivate: true, minDelayMs: 1, latencyFactor: 0, concurrency: 32 },
    ...{ images: false, render: 'never', store: { url, corpusDir } },
  };
  return spawn(process.execPath, ['--import', 'tsx', join(import.meta.dirname, '../test/scale/work-child.ts')], {
    env: { ...process.env, WORK_OPTIONS: JSON.stringify(options) },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
