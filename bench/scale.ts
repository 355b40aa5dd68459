/**
 * A crawl by many machines: pages claimed and finished for each CPU second of PostgreSQL, eight URLs of a host at a time and one, without
 * links and with 15, of which one is new. Each store has a server of its own, and they take turns, so that other work on the machine bears
 * on all of them alike; what a server does by itself meanwhile (vacuum, checkpoints) counts.
 *   node --import tsx bench/scale.ts 200000 1000000 1000000:snapshot 1000000:shared_buffers=128MB
 * A store is URLS[:snapshot][:SETTING=VALUE …]: with a snapshot that was opened before, and with settings of PostgreSQL (1 GB of buffers are ours).
 * PAGES=20000 of each case; HOME_LINKS=0.8 of the links stay on the page's host, else none does but by chance. With STATEMENTS=1 it says which statements took the server's time (pg_stat_statements).
 * With WORKERS=1 it measures whole workers instead (bench/scale-workers.ts), with SIZES=1 what a page and a pair take (bench/scale-sizes.ts).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { benchSizes } from './scale-sizes.ts';
import { type FilledStore, fillStore, storeCase } from './scale-store.ts';
import { benchWorkers } from './scale-workers.ts';

const pagesOfCase = Number(process.env.PAGES ?? 20_000);
const pagesInTurn = 1024;
const tellsStatements = process.env.STATEMENTS === '1';
const slowest = `SELECT round(total_exec_time) || ' ms in ' || calls || ' calls, ' || shared_blks_hit || ' blocks hit, ' || shared_blks_read || ' read, '
  || wal_bytes || ' bytes of log, ' || wal_fpi || ' whole pages: ' || left(regexp_replace(query, '\\s+', ' ', 'g'), 100)
  FROM pg_stat_statements ORDER BY total_exec_time DESC LIMIT 12`;

async function benchStores(names: readonly string[], root: string): Promise<void> {
  const stores: { readonly name: string; readonly filled: FilledStore }[] = [];
  try {
    for (const name of names) {
      const one = storeCase(name);
      const settings = tellsStatements
        ? { shared_preload_libraries: 'pg_stat_statements', ...one.settings }
        : one.settings;
      const say = (what: string, value: number | string): void => console.log(`${name}: ${what}: ${value}`);
      const filled = await fillStore({ ...one, settings }, { root, say });
      stores.push({ name, filled });
      if (tellsStatements) filled.postgres.sql(filled.url, 'CREATE EXTENSION pg_stat_statements');
    }
    for (const [perHost, linked] of [
      [8, 0],
      [1, 0],
      [8, 15],
      [1, 15],
    ] as const) {
      console.log(`\n${perHost === 1 ? 'one URL' : `${perHost} URLs`} of a host at a time, ${linked} links a page`);
      await benchCase(stores, { perHost, linked });
    }
  } finally {
    for (const { filled } of stores) await filled.stop();
  }
}

async function benchCase(
  stores: readonly { readonly name: string; readonly filled: FilledStore }[],
  options: { readonly perHost: number; readonly linked: number },
): Promise<void> {
  const done = new Map(stores.map(({ name }) => [name, 0]));
  const before = new Map(stores.map(({ name, filled: { postgres } }) => [name, postgres.cpuSeconds()]));
  for (const { filled } of stores) {
    await filled.enter();
    if (tellsStatements) filled.postgres.sql(filled.url, 'SELECT pg_stat_statements_reset()');
  }
  for (let n = 0; n < pagesOfCase; n += pagesInTurn) {
    for (const { name, filled } of stores) {
      done.set(name, done.get(name)! + (await filled.work(Math.min(pagesInTurn, pagesOfCase - n), options)));
    }
  }
  let first: number | undefined;
  for (const { name, filled } of stores) {
    const seconds = filled.postgres.cpuSeconds() - before.get(name)!;
    const perSecond = done.get(name)! / seconds;
    first ??= perSecond;
    const links = options.linked > 0 ? `, ${Math.round(perSecond * options.linked)} links` : '';
    console.log(
      `${name.padEnd(48)} ${Math.round(perSecond)} pages${links} a CPU second; a page costs ${(first / perSecond).toFixed(2)} × the first; ${await filled.deadRows()} dead rows`,
    );
    if (tellsStatements) console.log(filled.postgres.sql(filled.url, slowest));
    await filled.leave();
  }
}

const root = mkdtempSync(join(tmpdir(), 'lait-bench-scale-'));
try {
  if (process.env.WORKERS === '1') await benchWorkers(root);
  else if (process.env.SIZES === '1') await benchSizes(root);
  else await benchStores(process.argv.length > 2 ? process.argv.slice(2) : ['200000', '1000000'], root);
} finally {
  rmSync(root, { recursive: true });
}
