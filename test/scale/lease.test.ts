/** Who may ask a host, where workers come, go and die: never two, never nobody for ever, and no pause is cut short. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { deadRowsIn } from '../../cli/workers.ts';
import { enter, leave, reap } from '../../crawler/shared/lease.ts';
import { overviewOf } from '../../crawler/shared/overview.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { openStore, type Store } from '../../crawler/shared/store.ts';
import { takeHosts } from '../../crawler/shared/take.ts';
import { type BatchToWrite, queueUrls, writeBatch } from '../../crawler/shared/write.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

const leaseMs = 60_000;
const all = { hosts: 10, perHost: 8 };
let postgres: PostgresServer;
before(async () => {
  if (!noPostgres) postgres = await startPostgres();
});
after(() => postgres?.stop());

/** A corpus with a URL of each of these hosts. */
async function storeWith(...hosts: string[]): Promise<Store> {
  const store = await openStore({ url: postgres.newDatabase(), onlyLookups: true });
  await openSharedCorpus(store, { create: true, leaseMs });
  await queueUrls(
    store,
    hosts.map((host) => ({ url: `https://${host}/`, kind: 'page', depth: 0, priority: 0 })),
  );
  return store;
}

describe('a host', { skip: noPostgres }, () => {
  test('that is being taken by one who leaves is free afterwards', async () => {
    const store = await storeWith('a.example');
    const lease = await enter(store, '/a');
    let leaving: Promise<void> | undefined;
    await store.atomically(async (query) => {
      const taken = await takeHosts({ ...store, query }, lease, all);
      assert.equal(taken.length, 1);
      leaving = leave(store, lease);
      await sleep(200);
    });
    await leaving;
    const [row] = await store.query<{ worker: string | null }>('SELECT worker FROM lait.hosts');
    assert.equal(row!.worker, null);
    const next = await enter(store, '/b');
    assert.equal((await takeHosts(store, next, all)).length, 1);
    await store.close();
  });

  test('that one who has ended still has is freed by the others', async () => {
    const store = await storeWith('a.example', 'b.example');
    const [gone, alive] = [await enter(store, '/a'), await enter(store, '/b')];
    await leave(store, gone);
    await takeHosts(store, alive, { hosts: 1, perHost: 8 });
    await store.query('UPDATE lait.hosts SET worker = $1 WHERE worker IS NULL', [gone.id]);
    await reap(store, leaseMs);
    const rows = await store.query<{ worker: string | null }>('SELECT worker FROM lait.hosts ORDER BY worker');
    assert.deepEqual(
      rows.map(({ worker }) => worker),
      [alive.id, null],
    );
    await store.close();
  });

  test('that was asked by one who leaves without telling of it rests for the next', async () => {
    const store = await storeWith('asked.example', 'idle.example');
    const lease = await enter(store, '/a');
    const taken = await takeHosts(store, lease, all);
    const asked = taken.find(({ name }) => name === 'asked.example')!;
    await leave(store, lease, [{ id: asked.id, pauseMs: 30_000 }]);
    const next = await takeHosts(store, await enter(store, '/b'), all);
    assert.deepEqual(
      next.map(({ name }) => name),
      ['idle.example'],
    );
    await store.close();
  });

  test('that a page of another worker loads parts from rests for its owner', async () => {
    const store = await storeWith('a.example');
    const [owner, other] = [await enter(store, '/a'), await enter(store, '/b')];
    const [host] = await takeHosts(store, owner, all);
    const rests = [{ url: 'https://a.example/part.js', pauseMs: 30_000 }];
    assert.notEqual(await writeBatch(store, other, { ...nothing, rests }), null);
    const change = {
      pauseMs: 100,
      isLetGo: false,
      pages: 1,
      readPages: 1,
      failures: 0,
      renderTries: 0,
      renderGains: 0,
    };
    const written = await writeBatch(store, owner, { ...nothing, hosts: [{ id: host!.id, ...change }] });
    assert.ok(written!.pauses.get(host!.id)! > 20_000, 'what its owner hears of it');
    await store.close();
  });

  test('who looks is told of a snapshot that is held, since dead rows stay for as long', async () => {
    const url = postgres.newDatabase();
    const store = await openStore({ url });
    await openSharedCorpus(store, { create: true, leaseMs });
    assert.equal((await overviewOf(url)).snapshotSeconds, null);
    await store.atomically(async (query) => {
      await query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ');
      await query('SELECT FROM lait.corpus');
      assert.ok(((await overviewOf(url)).snapshotSeconds ?? -1) >= 0);
    });
    await store.close();
    assert.equal(deadRowsIn({ deadRows: 1234, snapshotSeconds: 59 }), '1,234');
    assert.match(deadRowsIn({ deadRows: 1234, snapshotSeconds: 4321 }), /^1,234, and more: .* open for 4,321 s keeps/);
  });
});

const nothing: BatchToWrite = {
  outcomes: [],
  patterns: new Map(),
  record: gzipSync('[]'),
  finished: [],
  aliases: [],
  returned: [],
  putOff: [],
  hosts: [],
  rests: [],
  newSeeds: [],
  pages: 0,
  images: 0,
  bytes: 0,
};
