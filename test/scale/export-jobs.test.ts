/** Shards that several machines write: the bytes of one machine's export, whoever is killed, and nothing of what was taken down meanwhile. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { doerOf, enterForJobs, type JobPlace, shardWriters, withdrawJobs } from '../../cli/shared-jobs.ts';
import { takeDown } from '../../cli/view/takedowns.ts';
import { openJobWorker } from '../../crawler/shared/job-work.ts';
import { jobsOf, setOf } from '../../crawler/shared/jobs.ts';
import { enter } from '../../crawler/shared/lease.ts';
import { openStore, placeOf } from '../../crawler/shared/store.ts';
import { openBlobs } from '../../dataset/blobs/open.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { lockPart } from '../../dataset/corpus-lock.ts';
import { exportShards } from '../../dataset/export/export.ts';
import type { ShardPlan } from '../../dataset/export/plan.ts';
import type { ShardSettings } from '../../dataset/export/remake.ts';
import { putPlan } from '../../dataset/export/shard-order.ts';
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { copySegmentsAgain } from '../../dataset/ledger/raw-copy.ts';
import { screenSmallCorpus, smallUrl, writeSmallCorpus } from '../dataset/small-corpus.ts';
import { contents } from '../helpers/contents.ts';
import { freePort } from '../helpers/free-port.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';
import { noS3Server, type S3Server, startS3 } from './s3-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-export-jobs-'));
const one = join(root, 'one');
const settings = { samplesPerShard: 7, validationFraction: 0.2, encode: 'jpeg', quality: 40 } as const;
const leaseMs = 3000;
let postgres: PostgresServer;
let s3: S3Server | undefined;
let alone: Record<string, string>;

before(async () => {
  if (noPostgres) return;
  [postgres, s3] = await Promise.all([startPostgres(), noS3Server ? undefined : startS3()]);
  await writeSmallCorpus(one, { images: 24, failed: 2 });
  await exportShards({ corpusDir: one, outDir: join(root, 'alone'), ...settings });
  alone = contents(join(root, 'alone'));
});
after(async () => {
  postgres?.stop();
  await s3?.close();
  rmSync(root, { recursive: true, force: true });
});

/** A copy of the corpus that was exported by one machine, with a database of its own. */
async function corpus(name: string, blobs?: string): Promise<JobPlace> {
  const corpusDir = join(root, name);
  cpSync(one, corpusDir, { recursive: true });
  const store = postgres.newDatabase();
  const config = { store, ...(blobs === undefined ? {} : { blobs }) };
  writeFileSync(join(corpusDir, 'lait.yaml'), `store: ${store}\n${blobs === undefined ? '' : `blobs: ${blobs}\n`}`);
  const { signal } = new AbortController();
  // Makes the tables, with a lease that a test can wait for.
  await withCleanup((defer) => openJobWorker({ url: store, corpusDir, signal, leaseMs }, defer));
  return { corpusDir, config, signal };
}

/** The id of the corpus, which its jobs and copies are under. */
function owner(corpusDir: string): string {
  const ledger = Ledger.openExisting(corpusDir);
  try {
    return corpusMark(ledger).id;
  } finally {
    ledger.close();
  }
}

const exported = (place: JobPlace) =>
  withCleanup(async (defer) => {
    const others = await shardWriters(place, join(place.corpusDir, 'shards'), defer);
    return exportShards({ corpusDir: place.corpusDir, ...settings }, { others });
  });

/** Asks for the shards and is gone. */
const askedFor = (place: JobPlace) =>
  assert.rejects(
    withCleanup(async (defer) => {
      const others = await shardWriters(place, join(place.corpusDir, 'shards'), defer);
      const made = () => Promise.reject(new Error('closed'));
      return exportShards({ corpusDir: place.corpusDir, ...settings }, { others: { ...others, made } });
    }),
    /^Error: closed$/,
  );

/** SHA-256 of everything in a place. */
async function hashesIn(place: string): Promise<Record<string, string>> {
  const blobs = await openBlobs(place);
  const found: Record<string, string> = {};
  for await (const { key, byteLength } of blobs.list()) {
    const reader = (await blobs.open(key))!;
    found[key] = createHash('sha256')
      .update(await reader.read(0, byteLength))
      .digest('hex');
    await reader.close();
  }
  return found;
}

const jobsLeft = ({ config: { store = '' } }: JobPlace): string =>
  postgres.sql(store, 'SELECT count(*) FROM lait.jobs');

describe('shards of many machines', { skip: noPostgres }, () => {
  test('three workers write in turns what one would have, after who asked has gone', { skip: noS3Server }, async () => {
    const place = await corpus('three', 's3://birds/three');
    await askedFor(place);
    const shards = Number(jobsLeft(place));
    assert.ok(shards >= 4, String(shards));
    // Each on a machine of its own, which has nothing of the corpus.
    const done = await withCleanup(async (defer) => {
      const counts = [0, 0, 0];
      const workers = await Promise.all(
        counts.map(async (_, n) => {
          const elsewhere = { ...place, corpusDir: join(root, `machine-${n}`) };
          const worker = await enterForJobs(elsewhere, defer);
          return { worker, doJob: doerOf(elsewhere, defer) };
        }),
      );
      for (let left = true; left; ) {
        left = false;
        for (const [n, { worker, doJob }] of workers.entries()) {
          if (!(await worker.doOne(['export'], doJob))) continue;
          counts[n]! += 1;
          left = true;
        }
      }
      return counts;
    });
    assert.equal(
      done.reduce((a, b) => a + b),
      shards,
    );
    assert.ok(Math.min(...done) >= 1, String(done));
    const asked = s3!.asked.length;
    const summary = await exported(place);
    assert.equal(summary.shardsWritten, shards);
    assert.deepEqual(contents(join(place.corpusDir, 'shards')), alone);
    // Nothing was made a second time, and nothing is left over.
    const put = s3!.asked.slice(asked).filter((line) => line.startsWith('PUT') && !line.includes('plan.json'));
    assert.deepEqual(put, []);
    assert.deepEqual(await hashesIn('s3://birds/three/jobs'), {});
    assert.deepEqual(await hashesIn(`s3://birds/three/raw/${owner(place.corpusDir)}`), contents(join(one, 'raw')));
    assert.deepEqual([jobsLeft(place), readdirSync(join(place.corpusDir, 'asked'))], ['0', []]);
    for (const n of [0, 1, 2]) assert.deepEqual(readdirSync(join(root, `machine-${n}`), { recursive: true }), ['jobs']);
    assert.equal((await exported(place)).shardsWritten, 0);
    assert.deepEqual(contents(join(place.corpusDir, 'shards')), alone);
  });

  test('a shard of a worker that is killed is written by another', async () => {
    const place = await corpus('killed');
    await askedFor(place);
    const asked = Number(jobsLeft(place));
    const port = String(await freePort());
    const words = ['work', '--only', 'export', '--corpus', place.corpusDir, '--metrics-port', port];
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...words], {
      stdio: 'ignore',
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const taken = () => postgres.sql(place.config.store!, 'SELECT count(*) FROM lait.jobs WHERE worker IS NOT NULL');
    while (taken() === '0' && child.exitCode === null) await sleep(20);
    const told = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const jobs = [...told.matchAll(/^lait_jobs{kind="export",state="\w+"} (\d+)$/gm)].map(([, n]) => Number(n));
    assert.equal(jobs.reduce((sum, n) => sum + n, 0), asked, told); // biome-ignore format: one line
    for (const line of [/^lait_jobs_done_total{kind="export"} \d/m, /^lait_store_up 1$/m]) assert.match(told, line);
    child.kill('SIGKILL');
    await ended;
    // One more, which died with a shard in its hands, and left something of it in the folder.
    const store = await openStore({ url: place.config.store! });
    const dead = await enter(store, place.corpusDir);
    assert.ok(await jobsOf(store).take(dead, ['export']));
    await store.close();
    const summary = await exported(place);
    assert.ok(summary.shardsWritten >= 4);
    assert.deepEqual(contents(join(place.corpusDir, 'shards')), alone);
    assert.equal(jobsLeft(place), '0');
  });

  test('the command line asks, and writes alone where nobody else is there', async () => {
    const { corpusDir } = await corpus('line');
    const sizes = ['--samples-per-shard', '7', '--validation-fraction', '0.2', '--encode', 'jpeg', '--quality', '40'];
    const ran = await ranInProcess(['export', '--share', '--corpus', corpusDir, ...sizes]);
    assert.equal(ran.code, 0, ran.stderr);
    // The card's contact is the only thing that a library call does not have.
    const shardsOnly = (all: Record<string, string>) =>
      Object.fromEntries(Object.entries(all).filter(([path]) => /^(train|validation)\//.test(path)));
    assert.deepEqual(shardsOnly(contents(join(corpusDir, 'shards'))), shardsOnly(alone));
    const single = await ranInProcess(['export', '--share', '--corpus', one]);
    assert.equal(single.code, 2);
    assert.match(single.stderr, /Expected store: postgres:\/\//);
    const urls = await ranInProcess(['work', 'https://a.example/', '--only', 'export', '--corpus', corpusDir]);
    assert.equal(urls.code, 2);
    assert.match(urls.stderr, /Expected no URLs for lait work --only/);
  });
});

describe('two folders of one store', { skip: noPostgres || noS3Server }, () => {
  test('have jobs and pictures of their own', async () => {
    const [a, b] = [await corpus('both-a', 's3://birds/both'), await corpus('both-b', 's3://birds/both')];
    const other: JobPlace = { ...b, config: { ...b.config, store: a.config.store! } };
    const ledger = Ledger.openExisting(b.corpusDir);
    ledger.db.prepare('UPDATE corpus SET id = ?').run('another');
    ledger.close();
    screenSmallCorpus(b.corpusDir, 7, (i) => i % 2 === 0);
    await askedFor(a);
    const ofA = Number(jobsLeft(a));
    await askedFor(other);
    assert.ok(Number(jobsLeft(a)) > ofA);
    const { shardsWritten } = await exported(other);
    assert.ok(shardsWritten >= 2);
    // Done by whoever comes first, and A's plans are there still.
    assert.equal((await exported(a)).shardsWritten, ofA);
    assert.deepEqual(contents(join(a.corpusDir, 'shards')), alone);
    assert.deepEqual(Object.keys(await hashesIn('s3://birds/both')).sort(), [
      ...[`raw/${owner(a.corpusDir)}/000000.tar`, 'raw/another/000000.tar'].sort(),
    ]);
  });
});

test('who waits for what is asked for no more is told', { skip: noPostgres }, async () => {
  const place = await corpus('lost');
  const lost = withCleanup(async (defer) => {
    const others = await shardWriters(place, join(place.corpusDir, 'shards'), defer);
    const made = () => {
      postgres.sql(place.config.store!, 'DELETE FROM lait.jobs');
      return others.made();
    };
    return exportShards({ corpusDir: place.corpusDir, ...settings }, { others: { ...others, made } });
  });
  await assert.rejects(lost, { name: 'UserError', message: /another command has taken them back/ });
});

test('an order is another one where a picture has moved', async () => {
  const orders = await openBlobs(join(root, 'moved'));
  const image = { segment: 0, offset: 512, byteLength: 100, format: 'jpeg' };
  const orderOf = (offset: number) => {
    const pairs = [{ row: {}, image: { ...image, offset }, failure: null, fetchedAtMs: 0, more: null }];
    const plan = { split: 'train', number: 0, pairs } as unknown as ShardPlan;
    return putPlan(orders, 'train/00000', { plan, settings: {} as ShardSettings });
  };
  const [before, again, moved] = [await orderOf(512), await orderOf(512), await orderOf(1024)];
  assert.deepEqual(again, before);
  assert.notEqual(moved.plan, before.plan);
  assert.equal(Object.keys(await hashesIn(join(root, 'moved'))).length, 2);
});

describe('what is taken down between plan and shard', { skip: noPostgres || noS3Server }, () => {
  /** The picture's bytes, as they were. */
  function pictureOf(corpusDir: string, url: string): Buffer {
    const ledger = Ledger.openExisting(corpusDir);
    const row = ledger.db.prepare('SELECT segment, offset, byte_length AS length FROM images WHERE url = ?').get(url);
    ledger.close();
    const { segment, offset, length } = row as { segment: number; offset: number; length: number };
    return readFileSync(join(corpusDir, 'raw', `${String(segment).padStart(6, '0')}.tar`)).subarray(
      offset,
      offset + length,
    );
  }

  async function has(place: string, bytes: Buffer): Promise<string[]> {
    const blobs = await openBlobs(place);
    const found: string[] = [];
    for await (const { key, byteLength } of blobs.list()) {
      const reader = (await blobs.open(key))!;
      if ((await reader.read(0, byteLength)).includes(bytes)) found.push(key);
      await reader.close();
    }
    return found;
  }

  test('is in no shard, plan or copy, though a worker had begun', async () => {
    const place = await corpus('down', 's3://birds/down');
    const url = smallUrl(7);
    const picture = pictureOf(place.corpusDir, url);
    await askedFor(place);
    assert.deepEqual(await has('s3://birds/down', picture), [`raw/${owner(place.corpusDir)}/000000.tar`]);
    await withCleanup(async (defer) => {
      const worker = await enterForJobs({ ...place, corpusDir: join(root, 'machine-4') }, defer);
      const doJob = doerOf({ ...place, corpusDir: join(root, 'machine-4') }, defer);
      let begun = (): void => {};
      const isBegun = new Promise<void>((resolve) => (begun = resolve)); // biome-ignore format: one line
      // Made, but slow to say so: then it hears that it is wanted no more.
      const slow = worker.doOne(['export'], async (job, signal) => {
        const undo = await doJob(job, signal);
        begun();
        while (!signal.aborted) await sleep(50);
        return undo;
      });
      await isBegun;
      const ran = await ranInProcess(['takedown', '--url', url, '--corpus', place.corpusDir]);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stderr, /waiting for workers to let go of jobs that are wanted no more: 1/);
      assert.equal(await slow, true);
      // Nothing is asked for any more.
      assert.equal(await worker.doOne(['export'], doJob), false);
    });
    assert.deepEqual(await has('s3://birds/down', picture), []);
    assert.deepEqual(Object.keys(await hashesIn('s3://birds/down/jobs')), []);
    assert.deepEqual([jobsLeft(place), readdirSync(join(place.corpusDir, 'asked'))], ['0', []]);
    const { splits } = await exported(place);
    assert.equal(splits.train.samples + splits.validation.samples, 23);
    const rows = Object.keys(contents(join(place.corpusDir, 'shards'))).filter((path) => path.endsWith('.tar'));
    for (const path of rows) assert.ok(!readFileSync(join(place.corpusDir, 'shards', path)).includes(url), path);
  });

  test('leaves plans and copies where the store is gone and blobs has changed, and plans of who was killed before asking', async () => {
    const place = await corpus('gone', 's3://birds/gone');
    const url = smallUrl(7);
    const picture = pictureOf(place.corpusDir, url);
    await askedFor(place);
    const moved = { ...place, config: { ...place.config, blobs: 's3://birds/moved' } };
    await assert.rejects(
      withCleanup(async (defer) => {
        const others = await shardWriters(moved, join(place.corpusDir, 'shards'), defer);
        const bring: typeof others.bring = async (segments) => {
          await others.bring(segments);
          throw new Error('killed');
        };
        return exportShards({ corpusDir: place.corpusDir, ...settings }, { others: { ...others, bring } });
      }),
      /^Error: killed$/,
    );
    const places = ['s3://birds/gone', 's3://birds/moved'];
    for (const one of places) {
      assert.equal((await has(one, picture)).length, 1);
      assert.notDeepEqual(await hashesIn(`${one}/jobs`), {});
    }
    writeFileSync(join(place.corpusDir, 'lait.yaml'), 'blobs: s3://birds/third\n');
    const release = lockPart(place.corpusDir, 'shards');
    let isWaiting = (): void => {};
    const waits = new Promise<void>((resolve) => (isWaiting = resolve)); // biome-ignore format: one line
    const copied = copySegmentsAgain(place.corpusDir, { onWait: isWaiting });
    await Promise.race([waits, copied.then(() => assert.fail('it did not wait'))]);
    release();
    await copied;
    const shown = await takeDown({ corpusDir: place.corpusDir, databases: place.corpusDir, names: url });
    assert.match(
      (shown as { fault: string }).fault,
      /^Expected store: .* in lait\.yaml, where other machines were asked/,
    );
    const ran = await ranInProcess(['takedown', '--url', url, '--corpus', place.corpusDir, '--json']);
    assert.equal(ran.code, 0, ran.stderr);
    const store = placeOf(place.config.store!);
    const unreachedOf = ({ stdout }: { readonly stdout: string }) =>
      (JSON.parse(stdout) as { unreached: string[] }).unreached;
    assert.deepEqual(unreachedOf(ran), [store]);
    // A copy of the folder in which the operator says that the store is gone for good: nothing looks for it any more.
    const copy = join(root, 'gone-for-good');
    cpSync(place.corpusDir, copy, { recursive: true });
    const said = await ranInProcess(['takedown', '--url', url, '--gone', store, '--corpus', copy, '--json']);
    assert.equal(said.code, 0, said.stderr);
    assert.deepEqual([unreachedOf(said), readdirSync(join(copy, 'asked'))], [[], []]);
    for (const one of places) {
      assert.deepEqual(await has(one, picture), []);
      assert.deepEqual(await hashesIn(`${one}/jobs`), {});
    }
    // With the store back what was asked for is withdrawn.
    writeFileSync(join(place.corpusDir, 'lait.yaml'), `store: ${place.config.store}\n`);
    const again = await ranInProcess(['takedown', '--url', url, '--corpus', place.corpusDir, '--json']);
    assert.equal(again.code, 0, again.stderr);
    assert.deepEqual([jobsLeft(place), readdirSync(join(place.corpusDir, 'asked'))], ['0', []]);
  });

  test('is not put again by a worker whose shard is wanted no more, and one of another plan is made anew', async () => {
    const place = await corpus('other', 's3://birds/other');
    await askedFor(place);
    await withCleanup(async (defer) => {
      const elsewhere = { ...place, corpusDir: join(root, 'machine-5') };
      const worker = await enterForJobs(elsewhere, defer);
      const doJob = doerOf(elsewhere, defer);
      await worker.doOne(['export'], async (job, signal) => {
        const undo = await doJob(job, signal);
        assert.ok(Object.keys(await hashesIn('s3://birds/other/jobs')).some((key) => key.endsWith('_stats.json')));
        // Who looks at a page does not wait for a worker that is at a job for long.
        const said: string[] = [];
        const patience = { maxWaitMs: 1, say: (line: string) => said.push(line) };
        assert.deepEqual(await withdrawJobs(place, patience), [placeOf(place.config.store!)]);
        assert.match(
          said.join('\n'),
          /^Expected workers to let go of export jobs of \S+ within 0\.001 s but 1 has not; .*$/,
        );
        assert.notDeepEqual(readdirSync(join(place.corpusDir, 'asked')), []);
        // The same command, when less is kept.
        screenSmallCorpus(place.corpusDir, 7, (i) => i % 2 === 0);
        await askedFor(place);
        return undo;
      });
      const keys = Object.keys(await hashesIn('s3://birds/other/jobs'));
      assert.deepEqual(
        keys.filter((key) => !key.endsWith('.plan.json.gz')),
        [],
      );
    });
    await exported(place);
    const alike = join(root, 'alike');
    cpSync(one, alike, { recursive: true });
    screenSmallCorpus(alike, 7, (i) => i % 2 === 0);
    await exportShards({ corpusDir: alike, ...settings });
    assert.deepEqual(contents(join(place.corpusDir, 'shards')), contents(join(alike, 'shards')));
  });
});

test('a job that breaks whoever takes it is given up, with the last words', { skip: noPostgres }, async () => {
  const place = await corpus('broken');
  await askedFor(place);
  await withCleanup(async (defer) => {
    const worker = await enterForJobs(place, defer);
    const set = setOf('export', owner(place.corpusDir), 'shards');
    const first = postgres.sql(place.config.store!, 'SELECT name FROM lait.jobs ORDER BY n LIMIT 1');
    for (let tries = 0; tries < 5; tries++) {
      await worker.ask((jobs) => jobs.check(set));
      const broken = worker.doOne(['export'], async ({ name }) => {
        assert.equal(name, first);
        throw new Error(`no luck ${tries}`);
      });
      await assert.rejects(broken, /no luck/);
    }
    await assert.rejects(
      worker.ask((jobs) => jobs.check(set)),
      { name: 'UserError', exitCode: 1, message: new RegExp(`^Expected ${first} of export to be made .*no luck 4`) },
    );
  });
});
