/**
 * A filter that several machines share: its verdicts are those of one machine, a judge that is killed takes nothing along, and what is known is
 * not asked again.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { hash, randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { configSchema } from '../../cli/config.ts';
import { openRecipe } from '../../cli/filter-recipe.ts';
import { openJob, sharing } from '../../cli/filter-share.ts';
import { crawl } from '../../crawler/crawl.ts';
import { collect } from '../../crawler/shared/collect.ts';
import { openFilterJob, removeFilterJobs } from '../../crawler/shared/filter-job.ts';
import { openJudge } from '../../crawler/shared/judge.ts';
import { countBatches } from '../../crawler/shared/overview.ts';
import { openSharedCorpus } from '../../crawler/shared/schema.ts';
import { sharedWork } from '../../crawler/shared/shared-work.ts';
import { openStore, type Store } from '../../crawler/shared/store.ts';
import { sweepLeftOver } from '../../crawler/shared/sweep.ts';
import { openWorkReader } from '../../crawler/shared/work-reader.ts';
import { openBlobs } from '../../dataset/blobs/open.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { corpusMark } from '../../dataset/ledger/corpus-mark.ts';
import { Ledger } from '../../dataset/ledger/ledger.ts';
import { openRawStore } from '../../dataset/ledger/raw-store.ts';
import { raiseTombstones } from '../../dataset/ledger/tombstones.ts';
import { packed, unpacked } from '../../filters/batch-content.ts';
import { ruleRecords } from '../../filters/recipe.ts';
import { type JudgeAll, type ScreenOptions, screenBy } from '../../filters/screen.ts';
import { frequentWords } from '../../filters/text/corpus-words.ts';
import { type TemporaryCorpus, temporaryCorpus } from '../helpers/corpus.ts';
import { freePort } from '../helpers/free-port.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { picture } from '../helpers/picture.ts';
import { type Site, startSite } from '../helpers/site.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';
import { noS3Server, type S3Server, startS3 } from './s3-server.ts';

const blobs = 's3://birds/judged';
const pageCount = 8;
const picturesOfPage = 4;

let postgres: PostgresServer;
let store: Store;
let site: Site;
let s3: S3Server;
/** In place of S3: has no time for anyone, so that who asks it goes on asking. */
let busy: Server;
let corpus: TemporaryCorpus;
let url = '';
let folder = '';
before(async () => {
  if (noPostgres || noS3Server) return;
  [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  busy = createServer((_, res) => void res.writeHead(503).end('<Error><Code>SlowDown</Code></Error>'));
  await new Promise<void>((resolve) => busy.listen(0, '127.0.0.1', resolve));
  site = await startSite({ routes: await routes() });
  url = postgres.newDatabase();
  corpus = temporaryCorpus();
  corpus.raw.close();
  folder = mkdtempSync(join(corpus.dir, 'judge-'));
  writeFileSync(join(folder, 'lait.yaml'), `store: ${url}\nblobs: ${blobs}\n`);
  const options = { allowPrivate: true, minDelayMs: 0, latencyFactor: 0, render: 'never', timeoutMs: 1000 } as const;
  const openWork = sharedWork({ url, blobs, corpusDir: folder, leaseMs: 3000 });
  await crawl({ ...options, seeds: [`${site.url}/0`], corpusDir: folder }, { openWork });
  store = await openStore({ url, connections: 1 });
  const { images } = await collect({ url, blobs, corpusDir: corpus.dir }, corpus);
  assert.ok(images >= pageCount * picturesOfPage, `${images} pictures`);
});
after(async () => {
  await store?.close();
  postgres?.stop();
  await site?.close();
  await s3?.close();
  busy?.closeAllConnections();
  busy?.close();
  corpus?.remove();
});

/** Pages of a harbour, with pictures and texts that rules of every stage drop. */
async function routes(): Promise<Record<string, Buffer | string>> {
  const all: Record<string, Buffer | string> = {};
  const flat = await sharp({ create: { width: 1200, height: 1200, channels: 3, background: 'teal' } })
    .jpeg({ quality: 100 })
    .toBuffer();
  for (let page = 0; page < pageCount; page++) {
    let html = `<!doctype html><html lang="en"><title>Birds of the harbour, part ${page}</title>
      <p>The birds of the harbour sit on the old wall and wait for the boats to come home in the evening.</p>`;
    for (let n = 0; n < picturesOfPage; n++) {
      const seed = page * picturesOfPage + n;
      const path = `/bird-${seed}.jpg`;
      all[path] = n === 3 ? flat : await picture(seed, { width: n === 2 ? 200 : 400, height: 360 });
      const alt =
        n === 1 ? `Bird ${seed}` : `A grey bird of qwert${seed}ic zxcv${seed}bian hjkl${seed}mite xyzzy${seed} kind`;
      html += `<figure><img src="${path}" width="400" height="360" alt="${alt}" title="Small boats wait near bird number ${seed} in the harbour">
        <figcaption>An old fisherman mends the torn nets beside boat ${seed}</figcaption></figure>`;
    }
    for (const next of [2 * page + 1, 2 * page + 2]) if (next < pageCount) html += `<a href="/${next}">more</a>`;
    all[`/${page}`] = `${html}</html>`;
  }
  // The same picture under two addresses.
  all['/bird-0.jpg'] = all['/bird-4.jpg']!;
  return all;
}

const settingsOf = (given: object = {}) => configSchema.parse({ filter: { preset: 'lait', ...given } }).filter;

/** Filters a ledger on this machine alone, or shared where `how` says so. */
async function filtered(
  ledger: Ledger,
  settings: ReturnType<typeof settingsOf>,
  how: (
    given: Pick<Parameters<typeof sharing>[0], 'recipe' | 'words'>,
  ) => Partial<ScreenOptions> & { readonly judgeAll?: JudgeAll } = () => ({}),
): Promise<void> {
  let words: ReadonlySet<string> = new Set();
  const frequent = (vocabulary: Parameters<typeof frequentWords>[1]): ReadonlySet<string> => {
    words = frequentWords(ledger, vocabulary);
    return words;
  };
  const { recipe } = await openRecipe(configSchema.parse({}), settings, { corpusDir: corpus.dir, frequent });
  const { judgeAll = null, ...given } = how({ recipe, words });
  await screenBy({ ledger, recipe, ...given }, judgeAll);
}

/** The same with help, in batches of five. */
const shared = (
  settings: ReturnType<typeof settingsOf>,
  {
    read,
    signal = new AbortController().signal,
  }: { readonly read?: () => Promise<void>; readonly signal?: AbortSignal } = {},
): Promise<void> =>
  filtered(corpus.ledger, settings, (given) => {
    const { judgeAll } = sharing({
      ...{ ...given, corpusDir: corpus.dir, ledger: corpus.ledger, settings },
      config: configSchema.parse({ store: url, blobs }),
      signal,
      say: () => undefined,
      onJudges: () => undefined,
    });
    return {
      batchSize: 5,
      judgeAll: (batches, tools) =>
        judgeAll(batches, {
          ...tools,
          read: async (sample) => {
            await read?.();
            return tools.read(sample);
          },
        }),
    };
  });

/** All that filters say of a corpus. */
const verdictsOf = ({ db }: Ledger): unknown =>
  [
    `SELECT p.id, dropped_by, drop_reason, cleaned_text, language, language_score, r.sha256 AS recipe
       FROM pairs p JOIN recipes r ON r.id = p.judged_by ORDER BY p.id`,
    'SELECT * FROM scores ORDER BY subject, rule',
    'SELECT id FROM survivors ORDER BY id',
  ].map((sql) => db.prepare(sql).all());

/** The same of a copy that one machine filters. */
async function alone(...all: ReturnType<typeof settingsOf>[]): Promise<unknown> {
  const copy = mkdtempSync(join(corpus.dir, 'alone-'));
  corpus.ledger.db.pragma('wal_checkpoint(TRUNCATE)');
  copyFileSync(join(corpus.dir, 'ledger.db'), join(copy, 'ledger.db'));
  const ledger = Ledger.open(copy);
  try {
    const raw = openRawStore(corpus.dir);
    for (const settings of all) await filtered(ledger, settings, () => ({ raw }));
    raw.close();
    return verdictsOf(ledger);
  } finally {
    ledger.close();
    rmSync(copy, { recursive: true });
  }
}

const sql = (statement: string): string => postgres.sql(url, statement);

/** Waits until some row is there. */
async function until(query: string): Promise<void> {
  while ((await store.query(query)).length === 0) await sleep(100);
}

function startJudge(env: Readonly<Record<string, string>>): ChildProcess {
  const lait = join(import.meta.dirname, '../../cli/lait.mjs');
  return spawn(process.execPath, [lait, 'judge', '--corpus', folder], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  });
}

test('a judge whose filter has ended is done, whatever another one has left behind', { skip: noPostgres }, async () => {
  postgres ??= await startPostgres();
  const database = postgres.newDatabase();
  const own = await openStore({ url: database, connections: 2 });
  await openSharedCorpus(own, { create: true, leaseMs: 60_000 });
  const filter = async (name: string, age: string): Promise<string> => {
    const [row] = await own.query<{ id: string }>(
      `WITH job AS (INSERT INTO lait.filter_jobs (ledger, machine, folder, pid, spec, seen_at)
         VALUES ($1, $1, '/', 1, 'none', now() - $2::interval) RETURNING id),
       batch AS (INSERT INTO lait.filter_batches (job, batch, only_here, content) SELECT id, 0, false, 'none' FROM job)
       SELECT id FROM job`,
      [name, age],
    );
    return row!.id;
  };
  await withCleanup(async (defer) => {
    defer(() => own.close());
    const judge = await openJudge({ store: own, leaseMs: 60_000, corpusDir: tmpdir() }, defer);
    await filter('killed', '2 hours');
    assert.equal(await judge.next(), 'wait', 'what was left behind before');
    const helped = await filter('helped', '0 s');
    assert.deepEqual(await countBatches(own, 60_000), { judges: 1, judged: 0, held: 0, waiting: 1 });
    const lost = await judge.next();
    assert.ok(typeof lost === 'object' && lost.job === helped);
    await removeFilterJobs({ url: database, ledgerId: 'helped' });
    assert.equal(await judge.specOf(helped), null);
    await judge.finish(lost, Buffer.from('done'), 1);
    assert.equal(await judge.next(), 'wait', 'a takedown has taken the batch, and the filter may go on');
    assert.deepEqual(await countBatches(own, 60_000), { judges: 1, judged: 0, held: 0, waiting: 0 });
    await own.query(`UPDATE lait.filter_jobs SET spec = 'none' WHERE id = $1`, [helped]);
    await own.query(`INSERT INTO lait.filter_batches (job, batch, only_here, content) VALUES ($1, 0, false, 'none')`, [
      helped,
    ]);
    const task = await judge.next();
    assert.ok(typeof task === 'object' && task.job === helped);
    await judge.finish(task, Buffer.from('done'), 1);
    await own.query('DELETE FROM lait.filter_jobs WHERE id = $1', [helped]);
    assert.equal(await judge.next(), 'over');
    const other = await filter('other', '0 s');
    assert.equal(typeof (await judge.next()), 'object');
    await own.query(`UPDATE lait.filter_jobs SET seen_at = now() - interval '61 minutes' WHERE id = $1`, [other]);
    await assert.rejects(judge.next(), /Expected lait filter --share of other:\/ to go on/);
  });
});

describe('a filter that machines share', { skip: noPostgres || noS3Server }, () => {
  test('comes to the verdicts of one machine, with one that is killed, and a server that crashes', {
    timeout: 240_000,
  }, async () => {
    const settings = settingsOf();
    const expected = await alone(settings);
    // What a filter of this folder has left behind that was killed: nobody judges it, and the next one removes it.
    const { id: ledgerId } = corpusMark(corpus.ledger);
    sql(`WITH job AS (INSERT INTO lait.filter_jobs (ledger, machine, folder, pid, spec, seen_at)
           VALUES ('${ledgerId}', 'gone', '/gone', 1, 'none', now() - interval '1 hour') RETURNING id)
         INSERT INTO lait.filter_batches (job, batch, only_here, content) SELECT id, 0, false, 'none' FROM job`);
    const { port } = busy.address() as AddressInfo;
    const killed = startJudge({ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}` });
    const ended = new Promise((resolve) => killed.once('close', resolve));
    await until('SELECT FROM lait.judges');
    const victim = sql('SELECT id FROM lait.judges');
    const helped = `SELECT FROM lait.judges WHERE folder = '${folder}' AND batches > 0 AND id <> ${victim}`;
    const helper = ranInProcess(['judge', '--corpus', folder, '--json']);

    // This machine judges no picture before the helper has a batch done, and the other one has one that it will never end.
    let isOn = false;
    const read = async (): Promise<void> => {
      if (isOn) return;
      await until(helped);
      await until(`SELECT FROM lait.filter_batches WHERE judge = ${victim}`);
      killed.kill('SIGKILL');
      await ended;
      postgres.restart();
      isOn = true;
    };
    await shared(settings, { read });

    assert.deepEqual(verdictsOf(corpus.ledger), expected);
    const { code, stdout } = await helper;
    assert.equal(code, 0);
    const done = JSON.parse(stdout) as { batches: number; pairs: number };
    assert.ok(done.batches > 0 && done.pairs > 0, stdout);
    assert.deepEqual(
      ['filter_jobs', 'filter_batches'].map((table) => sql(`SELECT count(*) FROM lait.${table}`)),
      ['0', '0'],
    );
    const reasons = corpus.ledger.db.prepare('SELECT DISTINCT dropped_by FROM pairs').pluck().all() as (
      | string
      | null
    )[];
    for (const rule of [null, 'text/length', 'text/rare-words', 'image/size', 'image/flat', 'corpus/duplicate-image'])
      assert.ok(reasons.includes(rule), `${rule} among ${reasons}`);
  });

  test('does nothing twice, and a moved threshold asks that rule alone', { timeout: 120_000 }, async () => {
    const settings = settingsOf();
    const jobs = (): string => sql(`SELECT last_value FROM lait.filter_jobs_id_seq`);
    const before = jobs();
    await shared(settings);
    assert.equal(jobs(), before, 'all is judged: no job is opened');

    const moved = settingsOf({ minSharpness: 10_000 });
    const expected = await alone(settings, moved);
    let asked = 0;
    await shared(moved, {
      read: async () => {
        asked += 1;
      },
    });
    assert.notEqual(jobs(), before);
    assert.deepEqual(verdictsOf(corpus.ledger), expected);
    assert.equal(asked, 0, 'scores are known: no picture is read');
  });

  test('leaves pairs to this machine whose pictures only it has', { timeout: 120_000 }, async () => {
    // Of some no place is known, and at another one's there is something else.
    const placesOf = (first: number, last: number): string =>
      `sha256 IN (SELECT sha256 FROM images WHERE CAST(substr(url, instr(url, 'bird-') + 5) AS INTEGER) BETWEEN ${first} AND ${last})`;
    corpus.ledger.db.exec(`CREATE TEMP TABLE noted AS SELECT * FROM work_pictures;
      DELETE FROM work_pictures WHERE ${placesOf(0, 17)}; UPDATE work_pictures SET offset = offset + 1 WHERE ${placesOf(20, 21)}`);
    corpus.ledger.db.exec('DELETE FROM scores; UPDATE pairs SET judged_by = NULL');
    const settings = settingsOf();
    const expected = await alone(settings);
    const port = String(await freePort());
    const helper = ranInProcess(['judge', '--corpus', folder, '--json', '--metrics-port', port]);
    let told = '';
    await shared(settings, {
      read: async () => {
        if (told !== '') return;
        await until(`SELECT FROM lait.judges WHERE folder = '${folder}' AND batches > 0`);
        told = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      },
    });
    for (const line of [
      /^lait_judged_pairs_total [1-9]/m,
      /^lait_judges 2$/m,
      /^lait_filter_batches{state="held"} \d/m,
    ])
      assert.match(told, line);
    assert.deepEqual(verdictsOf(corpus.ledger), expected);
    assert.equal((await helper).code, 0);
    corpus.ledger.db.exec('DELETE FROM work_pictures; INSERT INTO work_pictures SELECT * FROM noted');
  });

  test('a takedown erases what workers have put into S3, and what is collected later', {
    timeout: 120_000,
  }, async () => {
    const bytesOf = async (sha256: string): Promise<string[]> => {
      const place = await openBlobs(blobs);
      const found: string[] = [];
      for await (const { key, byteLength } of place.list('work/')) {
        const reader = (await place.open(key))!;
        if (byteLength > 0 && (await reader.read(0, byteLength)).includes(sha256)) found.push(key);
      }
      return found;
    };
    const hashOf = (path: string): string =>
      corpus.ledger.db
        .prepare('SELECT sha256 FROM images WHERE url = ?')
        .pluck()
        .get(site.url + path) as string;
    const notedOf = (ledger: Ledger, sha256: string): unknown =>
      ledger.db.prepare('SELECT count(*) FROM work_pictures WHERE sha256 = ?').pluck().get(sha256);
    const last = `/bird-${pageCount * picturesOfPage - 2}.jpg`;
    const sha256 = hashOf(last);
    assert.deepEqual((await bytesOf(sha256)).length, 1);
    writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${url}\nblobs: ${blobs}\n`);
    const takedown = ['takedown', '--url', site.url + last, '--corpus', corpus.dir];
    s3.fault = ({ method }) => (method === 'PUT' ? { status: 403, code: 'AccessDenied' } : null);
    const refusedByS3 = await ranInProcess(takedown);
    s3.fault = () => null;
    assert.match(refusedByS3.stdout, /^Removed 1 pictures/);
    assert.equal(refusedByS3.code, 2, refusedByS3.stderr);
    // Where the bucket is gone, or nobody has noted which it was and it is not that of lait.yaml, nothing is taken for erased.
    corpus.ledger.db.pragma('wal_checkpoint(TRUNCATE)');
    for (const [noted, present, place] of [
      ['s3://lost/judged/work', 's3://birds/elsewhere', 's3://lost/judged/work'],
      ['', 's3://lost/judged', 'unknown-blobs/work'],
      ['', 's3://birds/elsewhere', 'unknown-blobs/work'],
    ] as const) {
      const copy = mkdtempSync(join(corpus.dir, 'copy-'));
      copyFileSync(join(corpus.dir, 'ledger.db'), join(copy, 'ledger.db'));
      const ledger = Ledger.open(copy);
      ledger.db.prepare('UPDATE work_pictures SET place = ?').run(noted);
      ledger.close();
      writeFileSync(join(copy, 'lait.yaml'), `store: ${url}\nblobs: ${present}\n`);
      const lost = ['takedown', '--url', site.url + last, '--corpus', copy];
      const { code, stderr: said } = await ranInProcess(lost);
      assert.equal(code, 2, said);
      assert.match(said, new RegExp(`these were not reached: ${place}; .* --gone PLACE`));
      for (const more of [['--gone', place], []]) assert.equal((await ranInProcess([...lost, ...more])).code, 0);
    }
    assert.deepEqual((await bytesOf(sha256)).length, 1);
    // Where it was put, whatever lait.yaml has now.
    writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${url}\nblobs: s3://birds/elsewhere\n`);
    const { code, stdout, stderr } = await ranInProcess(takedown);
    writeFileSync(join(corpus.dir, 'lait.yaml'), `store: ${url}\nblobs: ${blobs}\n`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /erased where workers have put them: 1 pictures in S3/);
    assert.match(
      stdout,
      /not reached, a copy may be elsewhere: s3:\/\/birds\/judged\/work\n.*: s3:\/\/birds\/elsewhere\/work\n/,
    );
    assert.deepEqual([await bytesOf(sha256), notedOf(corpus.ledger, sha256)], [[], 0]);

    // Another folder that has a tombstone for addresses before it knows the pictures, one of which has another address that is kept.
    const other = temporaryCorpus();
    try {
      other.raw.close();
      raiseTombstones(
        other.ledger,
        {
          urls: ['/bird-29.jpg', '/bird-0.jpg'].map((path) => site.url + path),
          hosts: [],
          sha256s: [],
          md5s: [],
          like: [],
        },
        '',
      );
      const refused = hashOf('/bird-29.jpg');
      assert.equal((await bytesOf(refused)).length, 1);
      const worker = sql('SELECT id FROM lait.workers WHERE batch > 0');
      const put = (place: string): string => sql(`UPDATE lait.workers SET pictures = '${place}'`);
      put('s3://lost/judged/work');
      await assert.rejects(
        collect({ url, blobs, corpusDir: other.dir }, other),
        /^UserError: Expected a bucket that is there for s3:\/\/lost\/judged\/work/,
      );
      put(`${blobs}/work`);
      // Where its worker has put a picture, though lait.yaml names no blobs any more.
      const { missing, lost } = await collect({ url, corpusDir: other.dir }, other);
      assert.deepEqual([missing, lost], [[], 0]);
      put('s3://lost/judged/work');
      const third = temporaryCorpus();
      third.raw.close();
      const left = await collect({ url, blobs, corpusDir: third.dir, without: [worker] }, third);
      put(`${blobs}/work`);
      assert.deepEqual([left.missing, left.lost], [[], 0], 'what was brought from there to blobs is not lost');
      third.remove();
      const states = [last, '/bird-29.jpg', '/bird-0.jpg', '/bird-4.jpg'].map((path) => other.images()[path]);
      assert.deepEqual(states, ['taken-down', 'taken-down', 'taken-down', 'success']);
      assert.equal((await bytesOf(hashOf('/bird-4.jpg'))).length, 1);
      assert.deepEqual([await bytesOf(refused), notedOf(other.ledger, refused)], [[], 0]);
    } finally {
      other.remove();
    }
  });

  test('a takedown while a judge is at what a filter has left in the store leaves nothing there', {
    timeout: 120_000,
  }, async () => {
    const settings = settingsOf();
    corpus.ledger.db.exec('DELETE FROM scores; UPDATE pairs SET judged_by = NULL');
    const handedOut = (): string => sql('SELECT count(*) FROM lait.filter_batches');
    // The filter ends while the server takes nothing, as by a kill. The judge asks S3 for a picture all the while.
    sql(`CREATE FUNCTION lait.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$;
      CREATE TRIGGER refuses BEFORE DELETE ON lait.filter_jobs FOR EACH ROW EXECUTE FUNCTION lait.refuse()`);
    const segment = /\.tar$/;
    s3.fault = ({ method, url: path }) =>
      method === 'GET' && segment.test(new URL(path, s3.endpoint).pathname) ? { status: 503, code: 'SlowDown' } : null;
    const helper = startJudge({});
    const ended = new Promise((resolve) => helper.once('close', resolve));
    const killed = new AbortController();
    const stopped = shared(settings, {
      signal: killed.signal,
      read: async () => {
        await until(
          `SELECT FROM lait.filter_batches b JOIN lait.judges j ON j.id = b.judge WHERE j.folder = '${folder}'`,
        );
        killed.abort();
        killed.signal.throwIfAborted();
      },
    });
    await assert.rejects(stopped);
    sql('DROP FUNCTION lait.refuse CASCADE');
    assert.notEqual(handedOut(), '0');

    const gone = `${site.url}/bird-26.jpg`;
    const pairs = (): unknown =>
      corpus.ledger.db
        .prepare('SELECT count(*) FROM pairs p JOIN images i ON i.id = p.image_id WHERE i.url = ?')
        .pluck()
        .get(gone);
    assert.notEqual(pairs(), 0);
    const takedown = ranInProcess(['takedown', '--url', gone, '--corpus', corpus.dir]);
    while (handedOut() !== '0') await sleep(50);
    s3.fault = () => null;
    const { code, stdout, stderr } = await takedown;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /erased where workers have put them: 1 pictures in S3/);
    assert.deepEqual(
      [pairs(), handedOut(), sql(`SELECT count(*) FROM lait.filter_jobs WHERE spec <> ''`)],
      [0, '0', '0'],
    );

    const expected = await alone(settings);
    assert.equal(helper.exitCode, null, 'it waits for the filter');
    await shared(settings);
    assert.equal(await ended, 0);
    assert.deepEqual(verdictsOf(corpus.ledger), expected);
    assert.equal((await ranInProcess(['takedown', '--url', gone, '--corpus', corpus.dir])).stderr, '');
  });

  test('pictures are read from a segment that a takedown has written anew since it was opened', async () => {
    const place = await openBlobs('s3://birds/anew');
    const bytes = randomBytes(9 * 2 ** 20);
    await place.put('part/raw/000000.tar', bytes);
    // In lait.yaml there is another place by now.
    const reader = openWorkReader('s3://birds/elsewhere');
    const read = (offset: number): Promise<Buffer | null> => {
      const sha256 = hash('sha256', bytes.subarray(offset, offset + 100));
      return reader.read([{ place: 's3://birds/anew', part: 'part', segment: 0, offset, byteLength: 100 }], sha256);
    };
    assert.ok(await read(0));
    await place.put('part/raw/000000.tar', Buffer.concat([Buffer.alloc(512), bytes.subarray(512)]));
    assert.ok(await read(8 * 2 ** 20));
  });

  test('what a killed worker left in S3 is swept after a day, and nothing else', { timeout: 60_000 }, async () => {
    const place = await openBlobs(blobs);
    const keys = async (): Promise<string[]> => {
      const all: string[] = [];
      for await (const { key } of place.list('work/')) all.push(key);
      return all;
    };
    const before = await keys();
    const part = dirname(before.find((key) => key.endsWith('.tar'))!);
    const leftOver = [`${part}/000900.tar`, `${part.replace(/-\d+\/raw$/, '-77/raw')}/000000.tar`];
    for (const key of leftOver) await place.put(key, Buffer.from('pictures'));
    const swept = async (): Promise<unknown> => {
      const { code, stdout, stderr } = await ranInProcess(['collect', '--sweep', '--json', '--corpus', corpus.dir]);
      assert.equal(code, 0, stderr);
      return (JSON.parse(stdout) as { swept: unknown }).swept;
    };
    assert.deepEqual(await swept(), { segments: 0, bytes: 0 }, 'the worker has just ended');
    sql(`INSERT INTO lait.workers (id, machine, folder, pid) OVERRIDING SYSTEM VALUE VALUES (77, 'gone', '/gone', 1);
      UPDATE lait.workers SET ended_at = now() - interval '25 hours'`);
    const elsewhere = await sweepLeftOver({ url, blobs: 's3://birds/elsewhere' });
    assert.deepEqual(elsewhere, { segments: 1, bytes: 8 }, 'of the worker that said where it puts them');
    assert.deepEqual(await swept(), { segments: 1, bytes: 8 });
    assert.deepEqual(await keys(), before);
    assert.deepEqual(await swept(), { segments: 0, bytes: 0 });
  });

  test('waits for who handed out and is silent, says so, and ends after an hour', async () => {
    await withCleanup(async (defer) => {
      const said: string[] = [];
      const desk = await openJudge({ store, leaseMs: 3000, corpusDir: folder, say: (line) => said.push(line) }, defer);
      assert.equal(await desk.next(), 'wait');
      sql(`INSERT INTO lait.filter_jobs (ledger, machine, folder, pid, spec, seen_at)
        VALUES ('silent', 'desk', '/birds', 1, '', now() - interval '2 hours')`);
      const silentFor = (time: string) =>
        sql(`UPDATE lait.filter_jobs SET seen_at = now() - interval '${time}' WHERE ledger = 'silent'`);
      assert.equal(await desk.next(), 'wait', 'one that was silent before is none');
      silentFor('0 s');
      assert.equal(await desk.next(), 'wait');
      assert.deepEqual(said, []);
      silentFor('10 s');
      assert.deepEqual([await desk.next(), await desk.next()], ['wait', 'wait']);
      assert.match(
        said.join(),
        /^lait filter --share of desk:\/birds was last heard of 1\d s ago: waiting up to an hour [^,]*$/,
      );
      silentFor('61 minutes');
      await assert.rejects(desk.next(), /^UserError: Expected lait filter --share of desk:\/birds to go on but/);
      sql(`DELETE FROM lait.filter_jobs WHERE ledger = 'silent'`);
      assert.equal(await desk.next(), 'over');
    });
  });

  test('is refused in one line where others could not judge, or would judge otherwise', async () => {
    const bare = mkdtempSync(join(corpus.dir, 'bare-'));
    copyFileSync(join(corpus.dir, 'ledger.db'), join(bare, 'ledger.db'));
    const refused = async (yaml: string, ...args: string[]): Promise<string> => {
      writeFileSync(join(bare, 'lait.yaml'), yaml);
      const { code, stderr } = await ranInProcess([...args, '--corpus', bare]);
      assert.equal(code, 2, stderr);
      return stderr;
    };
    assert.match(
      await refused('', 'filter', '--share'),
      /Expected store: postgres:\/\/HOST\/DATABASE in .* but received none/,
    );
    assert.match(await refused(`store: ${url}\n`, 'collect', '--sweep'), /--sweep has no effect without blobs/);
    assert.match(await refused('', 'judge'), /Expected store: postgres/);
    assert.match(
      await refused(`store: ${url}\n`, 'filter', '--share'),
      /Expected blobs: s3:\/\/BUCKET\/PREFIX in .*lait.yaml but received none; image\/flat, image\/blur read pictures/,
    );
    assert.match(
      await refused(`store: ${postgres.newDatabase()}\n`, 'judge'),
      /Expected a shared corpus in .* but there is none/,
    );

    const settings = settingsOf();
    const { recipe } = await openRecipe(configSchema.parse({}), settings, {
      corpusDir: bare,
      frequent: () => new Set(),
    });
    const rules = ruleRecords(recipe);
    const spec = { settings, rules, earlier: [[1, rules]], words: ['xyzzy'] };
    const config = configSchema.parse({ store: url, blobs });
    (await openJob(await packed(spec), config, bare)).dispose();
    const others = rules.map((rule) => (rule.name === 'image/size' ? { ...rule, version: 9 } : rule));
    await assert.rejects(
      openJob(await packed({ settings, rules: others, earlier: [], words: [] }), config, bare),
      /Expected the rule image\/size of the machine that hands out but received another one here/,
    );
    await assert.rejects(
      openJob(await packed(spec), configSchema.parse({ store: url }), bare),
      /Expected blobs: s3:\/\/BUCKET\/PREFIX/,
    );
    assert.deepEqual(await unpacked(await packed(spec)), JSON.parse(JSON.stringify(spec)));

    // It has used up no try of a batch.
    const bytes = (await packed({ settings, rules: others, earlier: [], words: [] })).toString('hex');
    const job = sql(`INSERT INTO lait.filter_jobs (ledger, machine, folder, pid, spec, seen_at)
      VALUES ('other', 'here', '/here', 1, '\\x${bytes}', now() + interval '1 hour') RETURNING id`).split('\n')[0];
    sql(`INSERT INTO lait.filter_batches (job, batch, only_here, content) VALUES (${job}, 0, false, 'none')`);
    assert.match(await refused(`store: ${url}\nblobs: ${blobs}\n`, 'judge'), /Expected the rule image\/size/);
    assert.equal(sql(`SELECT tries FROM lait.filter_batches WHERE job = ${job}`), '0');
    sql(`DELETE FROM lait.filter_jobs WHERE id = ${job}`);

    await withCleanup(async (defer) => {
      const handed = await openFilterJob({ url, corpusDir: bare, ledgerId: 'one', spec: Buffer.from('none') }, defer);
      await handed.offer(0, Buffer.from('none'), { onlyHere: false });
      await removeFilterJobs({ url, ledgerId: 'one' });
      assert.equal(sql(`SELECT count(*) FROM lait.filter_batches WHERE job = ${handed.id}`), '0');
      await assert.rejects(
        handed.offer(0, Buffer.from('none'), { onlyHere: false }),
        /Expected the batches .* a copy of this corpus is filtered there too/,
      );
    });
  });
});
