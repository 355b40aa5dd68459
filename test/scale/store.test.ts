/** What PostgreSQL says when something is wrong, as one line and an exit code; and which of it passes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { openAttempts } from '../../crawler/shared/attempts.ts';
import { unknownAmong } from '../../crawler/shared/batch.ts';
import { checkTimeout } from '../../crawler/shared/lease.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { isTransient, openStore, storeFault } from '../../crawler/shared/store.ts';
import { UserError } from '../../dataset/user-error.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

const place = 'postgres://db/birds';

/** As the client gives it: an Error with what the server or the system said. */
const errorOf = (code: string, more: object = {}): Error =>
  Object.assign(new Error(`words of ${code}`), { code, ...more });

const codes: readonly (readonly [name: string, error: Error, passes: boolean, atStart: 1 | 2, later: 1 | 2, line: RegExp])[] =
  [
    ['statement timeout', errorOf('57014'), true, 2, 1, /a statement that took too long \(57014\)/],
    ['standby', errorOf('25006'), true, 2, 1, /a standby, which may only be read \(25006\)/],
    ['no memory', errorOf('53200'), true, 2, 1, /too little memory \(53200\)/],
    ['full disk', errorOf('53100'), true, 2, 1, /a full disk \(53100\)/],
    ['too many connections', errorOf('53300'), true, 2, 1, /too many connections \(53300\)/],
    ['shutdown', errorOf('57P01'), true, 2, 1, /a server that is shut down \(57P01\)/],
    ['crash', errorOf('57P02'), true, 2, 1, /a server that crashed \(57P02\)/],
    ['start', errorOf('57P03'), true, 2, 1, /a server that is starting \(57P03\)/],
    ['dropped database', errorOf('57P04'), false, 2, 2, /one that was dropped \(57P04\)/],
    ['reset', errorOf('ECONNRESET'), true, 2, 1, /none.* \(ECONNRESET\)/],
    ['reset in a statement', new Error('Connection terminated unexpectedly'), true, 2, 1, /none.*Connection terminated/],
    ['no socket', errorOf('ENOENT', { syscall: 'connect' }), true, 2, 1, /none.* \(ENOENT\)/],
    ['deadlock', errorOf('40P01'), true, 2, 1, /\(40P01\)/],
    ['own certificate', errorOf('SELF_SIGNED_CERT_IN_CHAIN'), false, 2, 2, /Expected a certificate that can be verified/],
    ['old certificate', errorOf('CERT_HAS_EXPIRED'), false, 2, 2, /certificate that can be verified .*CERT_HAS_EXPIRED/],
    ['another host', errorOf('ERR_TLS_CERT_ALTNAME_INVALID'), false, 2, 2, /Expected a certificate that can be verified/],
    ['no TLS', errorOf('ERR_SSL_WRONG_VERSION_NUMBER'), false, 2, 2, /Expected an encrypted connection/],
    ['no right', errorOf('42501'), false, 2, 2, /Expected a user that may write/],
    ['no table', errorOf('42P01'), false, 2, 2, /Expected the tables of lait .*42P01/],
    ['damage', errorOf('XX001'), false, 1, 1, /Expected a sound server .*XX001/],
  ]; // biome-ignore format: a table

describe('an error', () => {
  for (const [name, error, passes, atStart, later, line] of codes) {
    test(name, () => {
      assert.equal(isTransient(error), passes);
      for (const [isRunning, exitCode] of [
        [false, atStart],
        [true, later],
      ] as const) {
        const fault = storeFault(error, place, { isRunning });
        assert.ok(fault instanceof UserError, String(fault));
        assert.match(fault.message, line);
        assert.doesNotMatch(fault.message, /\n/);
        assert.equal(fault.exitCode, exitCode);
      }
    });
  }

  test('of a file that is not there is not that of a server that is away', async () => {
    let missing: unknown;
    try {
      readFileSync('/nowhere/at-all');
    } catch (error) {
      missing = error;
    }
    assert.equal(isTransient(missing), false);
    const { tried } = openAttempts(place);
    await assert.rejects(
      tried(async () => readFileSync('/nowhere/at-all')),
      /ENOENT/,
    );
  });

  test('of one kind of work ends the run, whatever else the server answers', async (t) => {
    let aheadMs = 0;
    const now = performance.now.bind(performance);
    t.mock.method(performance, 'now', () => now() + aheadMs);
    const said: string[] = [];
    const { tried } = openAttempts(place, (line) => said.push(line));
    const commit = () =>
      tried(async () => {
        throw errorOf('53100');
      }, 'commit');
    const beat = () => tried(async () => 1);
    for (; aheadMs < 300_000; aheadMs += 5000) {
      assert.equal(await commit(), null);
      assert.equal(await beat(), 1);
    }
    await assert.rejects(commit(), /Expected .* for .* but received .*53100/);
    assert.equal(said.length, 1, said.join());
    // What failed once, long ago, has not been away since.
    aheadMs += 3_600_000;
    assert.equal(await commit(), null);
    assert.equal(await tried(async () => 2, 'commit'), 2);
    assert.match(said[1]!, /answers again$/);
  });

  test('of ours stays as it is', () => {
    const ours = errorOf('22P02');
    assert.equal(storeFault(ours, place), ours);
  });
});

test('a request that may outlast its lease is refused', () => {
  checkTimeout({ leaseMs: 120_000, timeoutMs: 88_000 });
  assert.throws(
    () => checkTimeout({ leaseMs: 120_000, timeoutMs: 108_000 }),
    /Expected 88000 ms or less for timeoutMs/,
  );
});

describe('a server', { skip: noPostgres }, () => {
  let postgres: PostgresServer;
  before(async () => {
    postgres = await startPostgres();
  });
  after(() => postgres?.stop());

  test('that ends a statement is asked again', async () => {
    const store = await openStore({ url: postgres.newDatabase(), statementMs: 50 });
    const said: string[] = [];
    const { tried } = openAttempts(store.place, (line) => said.push(line));
    assert.equal(await tried(() => store.query('SELECT pg_sleep(10)')), null);
    assert.deepEqual(await tried(() => store.query('SELECT 1 AS one')), [{ one: 1 }]);
    assert.deepEqual(said, [], 'one that answers within two seconds is not spoken of');
    await store.close();
  });

  test('that may only be read is waited for, and a word is said', { timeout: 60_000 }, async () => {
    const url = postgres.newDatabase();
    const store = await openStore({ url });
    await store.query('CREATE TABLE one (n int)');
    const said: string[] = [];
    const { tried } = openAttempts(store.place, (line) => said.push(line));
    const write = () =>
      store.atomically(async (query) => {
        if (said.length === 0) await query('SET TRANSACTION READ ONLY');
        return query('INSERT INTO one VALUES (1) RETURNING n');
      });
    let answer = await tried(write);
    assert.equal(answer, null);
    while (answer === null) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await tried(write);
    }
    assert.equal(said.length, 2);
    assert.match(
      said[0]!,
      /^no answer of postgres:\/\/127\.0\.0\.1:\d+\/birds\d+ \(.*read-only.*\): waiting up to 5 minutes/,
    );
    assert.match(said[1]!, /answers again$/);
    await store.close();
  });

  test('looks links up by their keys, also with a plan that it made while the table was small', async () => {
    const store = await openStore({ url: postgres.newDatabase(), onlyLookups: true, connections: 1 });
    await openSharedCorpus(store, { create: true });
    for (let n = 0; n < 16; n++) await store.query(`ALTER TABLE lait.urls_${n} SET (autovacuum_enabled = off)`);
    const link = { url: 'https://birds.example/', kind: 'page', depth: 0, priority: 0 } as const;
    for (let n = 0; n < 8; n++) assert.equal((await unknownAmong(store.query, [link])).size, 1);
    await store.query(
      `INSERT INTO lait.urls (host, hash, kind, url, depth, priority) SELECT n, gen_random_uuid(), 0, 'x', 0, 0 FROM generate_series(1, 20000) n`,
    );
    assert.equal((await unknownAmong(store.query, [link])).size, 1);
    const [prepared] = await store.query<{ name: string }>(
      `SELECT name FROM pg_prepared_statements WHERE statement LIKE 'SELECT hash FROM unnest%'`,
    );
    const plan = await store.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN EXECUTE "${prepared!.name}"('{1}', '{00000000-0000-0000-0000-000000000000}')`,
    );
    const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
    assert.match(lines, /Index Cond: .*host = c.host.*hash = c.hash/);
    assert.doesNotMatch(lines, /Seq Scan|Hash|Merge|Materialize/);
    await store.close();
  });
});

test('encryption that is asked for is verified', async () => {
  const answers = createServer((socket) => socket.once('data', () => socket.end('N')));
  await new Promise<void>((resolve) => answers.listen(0, '127.0.0.1', resolve));
  const { port } = answers.address() as { port: number };
  const warned: Error[] = [];
  const onWarning = (warning: Error): void => void warned.push(warning);
  process.on('warning', onWarning);
  for (const mode of ['require', 'verify-ca', 'verify-full']) {
    await assert.rejects(
      openStore({ url: `postgres://lait:x@127.0.0.1:${port}/birds?sslmode=${mode}` }),
      /Expected encryption for postgres:\/\/127\.0\.0\.1:\d+\/birds but received a server without; correct sslmode/,
    );
  }
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  answers.close();
  assert.deepEqual(warned, []);
});
