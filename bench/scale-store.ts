/** A shared crawl of so many URLs on a PostgreSQL of its own, and a worker that takes pages from it and writes them, some at a time. */
import { gzipSync } from 'node:zlib';
import pg from 'pg';
import type { Claim } from '../crawler/frontier/claim.ts';
import type { FetchOutcome } from '../crawler/frontier/outcome.ts';
import { kinds } from '../crawler/frontier/schema.ts';
import { prepare } from '../crawler/shared/batch.ts';
import { enter, type Lease, leave } from '../crawler/shared/lease.ts';
import { overviewOf } from '../crawler/shared/overview.ts';
import { openSharedCorpus } from '../crawler/shared/schema.ts';
import { openStore, type Store } from '../crawler/shared/store.ts';
import { type TakenHost, takeHosts } from '../crawler/shared/take.ts';
import { queueUrls, writeBatch } from '../crawler/shared/write.ts';
import { type PostgresServer, startPostgres } from '../test/scale/postgres-server.ts';

export interface StoreCase {
  readonly name: string;
  readonly urls: number;
  /** A transaction that has read something stays open from before the first page. */
  readonly hasOldSnapshot: boolean;
  /** Of PostgreSQL's configuration. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface FilledStore {
  readonly postgres: PostgresServer;
  readonly url: string;
  /** Enters a worker. */
  enter(): Promise<void>;
  /** Takes and writes so many pages, in batches of 64; `linked` links each, of which one is new. Returns how many there were. */
  work(pages: number, options: { readonly perHost: number; readonly linked: number }): Promise<number>;
  leave(): Promise<void>;
  deadRows(): Promise<number>;
  stop(): Promise<void>;
}

const urlsPerHost = 100;
const pagesPerBatch = 64;
const filledAtOnce = 200_000;
/** The share of links that stay on the page's host; the others go to any page of all. */
const homeLinks = Number(process.env.HOME_LINKS ?? 0);

const urlOf = (n: number | string, host: number): string => `https://host-${host}.example/articles/${n}/some-page.html`;

/** `URLS[:snapshot][:NAME=VALUE …]`, as `1000000:shared_buffers=4GB`. */
export function storeCase(name: string): StoreCase {
  const [urls, ...more] = name.split(':');
  const settings = more.filter((one) => one.includes('=')).map((one) => one.split('=') as [string, string]);
  return {
    name,
    urls: Number(urls),
    hasOldSnapshot: more.includes('snapshot'),
    settings: Object.fromEntries(settings),
  };
}

/** Rows as `queueUrls` writes them, made by the server: all pages of the same addresses as `urlOf`. */
function fillStatement(from: number, to: number, hosts: number): string {
  const page = kinds.indexOf('page');
  return `WITH made AS (
      SELECT n % ${hosts} AS host, 'https://host-' || n % ${hosts} || '.example/articles/' || n || '/some-page.html' AS url
      FROM generate_series(${from}, ${to - 1}) n),
    new AS (
      INSERT INTO lait.urls (host, hash, kind, url, depth, priority)
      SELECT ('x' || left(encode(sha256(('host-' || host || '.example')::bytea), 'hex'), 16))::bit(64)::bigint,
        left(encode(sha256(('page ' || url)::bytea), 'hex'), 32)::uuid, ${page}, url, 0, 0 FROM made
      RETURNING host, hash)
    INSERT INTO lait.queue (host, url_host, hash, priority) SELECT host, host, hash, 0 FROM new`;
}

/** Starts a server and fills it; `say` hears what that took. */
export async function fillStore(
  { urls, hasOldSnapshot, settings }: StoreCase,
  { root, say }: { readonly root: string; readonly say: (what: string, value: number | string) => void },
): Promise<FilledStore> {
  const hosts = Math.ceil(urls / urlsPerHost);
  const postgres = await startPostgres({ shared_buffers: '1GB', ...settings });
  const url = postgres.newDatabase();
  const store = await openStore({ url, onlyLookups: true });
  await openSharedCorpus(store, { create: true });
  postgres.sql(
    url,
    `INSERT INTO lait.hosts (id, name, waiting)
     SELECT ('x' || left(encode(sha256(name::bytea), 'hex'), 16))::bit(64)::bigint, name, true
     FROM (SELECT 'host-' || n || '.example' AS name FROM generate_series(0, ${hosts - 1}) n) h ORDER BY 1`,
  );
  let cpu = postgres.cpuSeconds();
  for (let n = 0; n < urls; n += filledAtOnce) {
    postgres.sql(url, fillStatement(n, Math.min(urls, n + filledAtOnce), hosts));
  }
  say(
    'rows made by the server, microseconds of its CPU a URL',
    (((postgres.cpuSeconds() - cpu) / urls) * 1e6).toFixed(1),
  );
  const bytes = Number(postgres.sql(url, 'SELECT pg_database_size(current_database())'));
  say('bytes a URL, queued', Math.round(bytes / urls));
  cpu = postgres.cpuSeconds();
  postgres.sql(url, 'VACUUM (ANALYZE)');
  postgres.sql(url, 'CHECKPOINT');
  say('vacuum and checkpoint, microseconds a URL', (((postgres.cpuSeconds() - cpu) / urls) * 1e6).toFixed(1));
  cpu = postgres.cpuSeconds();
  const more = Array.from({ length: 10_000 }, (_, i) => urlOf(`more-${i}`, (i * 7919) % hosts));
  for (let n = 0; n < more.length; n += 1000) {
    await queueUrls(
      store,
      more.slice(n, n + 1000).map((one) => ({ url: one, kind: 'page', depth: 0, priority: 0 })),
    );
  }
  say('URLs queued a CPU second', Math.round(more.length / (postgres.cpuSeconds() - cpu)));
  return openFilled({ postgres, url, store }, { urls, hasOldSnapshot, root });
}

/** A store of so many URLs that is there already. */
export async function openFilled(
  { postgres, url, store }: Pick<FilledStore, 'postgres' | 'url'> & { readonly store: Store },
  { urls, hasOldSnapshot, root }: Pick<StoreCase, 'urls' | 'hasOldSnapshot'> & { readonly root: string },
): Promise<FilledStore> {
  const hosts = Math.ceil(urls / urlsPerHost);
  const reader = hasOldSnapshot ? new pg.Client({ connectionString: url }) : null;
  await reader?.connect();
  await reader?.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM lait.corpus');
  let lease: Lease;
  let done = 0;
  return {
    ...{ postgres, url },
    async enter() {
      lease = await enter(store, root);
    },
    async work(pages, { perHost, linked }) {
      const before = done;
      while (done - before < pages) {
        const written = await writePages(store, lease, { perHost, linked, urls, hosts, n: done });
        if (written === 0) break;
        done += written;
      }
      return done - before;
    },
    leave: () => leave(store, lease),
    deadRows: async () => (await overviewOf(url)).deadRows,
    async stop() {
      await reader?.end();
      await store.close();
      postgres.stop();
    },
  };
}

interface Pages {
  readonly perHost: number;
  readonly linked: number;
  readonly urls: number;
  readonly hosts: number;
  /** Pages before these. */
  readonly n: number;
}

/** Takes and writes one batch. */
async function writePages(store: Store, lease: Lease, pages: Pages): Promise<number> {
  const taken = await takeHosts(store, lease, { hosts: pagesPerBatch / pages.perHost, perHost: pages.perHost });
  const outcomes = taken.flatMap((host) => host.urls).map((one, i) => outcomeOf(one, { ...pages, n: pages.n + i }));
  if (outcomes.length === 0) return 0;
  const prepared = await prepare(store.query, outcomes, { takeImages: false, isKnown: () => false });
  const record = gzipSync(JSON.stringify(outcomes.map(({ page, found }) => ({ page, found }))), { level: 3 });
  const written = await writeBatch(store, lease, {
    ...{ ...prepared, record, aliases: [], returned: [], putOff: [], rests: [], newSeeds: [] },
    finished: taken.flatMap((host) => host.urls.map(({ urlHost, hash }) => ({ urlHost, hash }))),
    hosts: taken.map(({ id, urls }) => ({
      ...{
        id,
        pauseMs: 0,
        isLetGo: true,
        pages: urls.length,
        readPages: urls.length,
        failures: 0,
        renderTries: 0,
        renderGains: 0,
      },
    })),
    ...{ pages: outcomes.length, images: 0, bytes: 0 },
  });
  if (written === null) throw new Error('the lease is over');
  lease.batch += 1;
  lease.beatMs = performance.now();
  return outcomes.length;
}

/** The outcome of a page, with links to random pages that are known and one that is new, or without any. */
function outcomeOf({ url, depth }: TakenHost['urls'][number], { n, linked, urls, hosts }: Pages): FetchOutcome {
  const host = Number(/host-(\d+)/.exec(url)![1]);
  const known = Array.from({ length: Math.max(0, linked - 1) }, () => {
    if (Math.random() >= homeLinks) return Math.floor(Math.random() * urls);
    return host + hosts * Math.floor(Math.random() * Math.floor(urls / hosts));
  });
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
