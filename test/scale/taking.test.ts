/** A worker that does not hear which hosts it has taken lets go of them and takes them again; it never takes the crawl for ended. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openAttempts } from '../../crawler/shared/attempts.ts';
import type { Holdings } from '../../crawler/shared/held.ts';
import { enter } from '../../crawler/shared/lease.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { openSeeds } from '../../crawler/shared/seeds.ts';
import { openStore } from '../../crawler/shared/store.ts';
import { openTaking } from '../../crawler/shared/taking.ts';
import { queueUrls } from '../../crawler/shared/write.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';
import { startProxy } from './proxy.ts';

describe('hosts that are taken', { skip: noPostgres }, () => {
  let postgres: PostgresServer;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  test('without hearing of it are taken again soon', async (t) => {
    const url = postgres.newDatabase();
    const proxy = await startProxy(postgres.port);
    const store = await openStore({ url: url.replace(`:${postgres.port}/`, `:${proxy.port}/`) });
    t.after(async () => {
      await store.close();
      proxy.close();
    });
    await openSharedCorpus(store, { create: true });
    await queueUrls(store, [{ url: 'https://birds.example/', kind: 'page', depth: 0, priority: 0 }]);
    // The last URL of this one is gone: who takes it lets go of it at once, by a transaction.
    postgres.sql(url, `INSERT INTO lait.hosts (id, name, waiting) VALUES (7, 'empty.example', true)`);
    const lease = await enter(store, 'birds');
    const presence = { lease: () => lease, renew: async () => true, queued: () => 1, check() {} };
    const holdings: Holdings = { hosts: new Map(), inFlight: new Map(), isUnsure: false };
    const attempts = openAttempts(store.place);
    const seeds = openSeeds(store);
    const taking = openTaking(store, { presence, holdings, seeds, attempts }, { perHost: 1, minDelayMs: 0 });

    proxy.loseCommits(1);
    await taking.take(4);
    assert.equal(proxy.lost(), 1);
    assert.equal(holdings.hosts.size, 0);
    assert.equal(postgres.sql(url, 'SELECT count(*) FROM lait.hosts WHERE worker IS NOT NULL'), '1');
    assert.ok(Number.isFinite(taking.nextMs()), 'it looks again');

    await taking.take(4);
    assert.deepEqual([...holdings.hosts.values()].map(({ name }) => name), ['birds.example']); // biome-ignore format: one line
    // And where the last of a host's URLs was put back, which leaves the host to the next that are taken.
    await taking.take(4);
    assert.equal(taking.nextMs(), Number.POSITIVE_INFINITY, 'all that is left is held');
    holdings.hosts.clear();
    holdings.isUnsure = true;
    assert.ok(Number.isFinite(taking.nextMs()));
  });
});
