/** Regions that several machines detect: the columns that one machine writes, and what is asked for once is detected once. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { doerOf, enterForJobs, type JobPlace, regionDetectors } from '../../cli/shared-jobs.ts';
import { withCleanup } from '../../dataset/cleanup.ts';
import { exportShards } from '../../dataset/export/export.ts';
import { extractRegions } from '../../model/regions/extract.ts';
import { patches } from '../../model/regions/patches.ts';
import type { Detector } from '../../model/regions/region.ts';
import { writeSmallCorpus } from '../dataset/small-corpus.ts';
import { contents } from '../helpers/contents.ts';
import { ranInProcess } from '../helpers/in-process.ts';
import { noPostgres, type PostgresServer, startPostgres } from './postgres-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-regions-jobs-'));
const one = join(root, 'one');
let postgres: PostgresServer;
let alone: Record<string, string>;
const settings = { detector: 'patches', features: 'joined', inputSidePx: 224, topK: 10 } as const;

before(async () => {
  if (noPostgres) return;
  postgres = await startPostgres();
  await writeSmallCorpus(one, { images: 12, failed: 1 });
  await exportShards({ corpusDir: one, samplesPerShard: 3, validationFraction: 0.2, encode: 'jpeg' });
  const outDir = join(root, 'alone');
  await extractRegions({ shards: join(one, 'shards'), outDir, detector: patches(), maxRegions: 10 });
  alone = contents(outDir);
});
after(() => {
  postgres?.stop();
  rmSync(root, { recursive: true, force: true });
});

function corpus(name: string): JobPlace & { readonly outDir: string } {
  const corpusDir = join(root, name);
  cpSync(one, corpusDir, { recursive: true });
  const store = postgres.newDatabase();
  const { signal } = new AbortController();
  writeFileSync(join(corpusDir, 'lait.yaml'), `store: ${store}\nregions: { detector: patches }\n`);
  return { corpusDir, config: { store }, signal, outDir: join(corpusDir, 'regions/patches') };
}

const forbidden: Detector = {
  ...patches(),
  detect: () => Promise.reject(new Error('nothing was to be detected here')),
};

const detected = (place: JobPlace & { outDir: string }, change: Parameters<typeof Object.assign>[1] = {}) =>
  withCleanup(async (defer) => {
    const { corpusDir, outDir } = place;
    const others = await regionDetectors(place, { folder: outDir, settings }, defer);
    return extractRegions({
      ...{ shards: join(corpusDir, 'shards'), outDir, detector: forbidden, maxRegions: 10 },
      others: { ...others, ...change },
    });
  });

test('two workers detect what one would have, after who asked has gone', {
  skip: noPostgres,
}, async () => {
  const place = corpus('two');
  await assert.rejects(detected(place, { made: () => Promise.reject(new Error('closed')) }), /^Error: closed$/);
  const done = [0, 0];
  await withCleanup(async (defer) => {
    const workers = await Promise.all(
      done.map(async () => {
        const worker = await enterForJobs(place, defer);
        return { worker, doJob: doerOf(place, defer) };
      }),
    );
    for (let left = true; left; ) {
      left = false;
      for (const [n, { worker, doJob }] of workers.entries()) {
        if (!(await worker.doOne(['regions'], doJob))) continue;
        done[n]! += 1;
        left = true;
      }
    }
  });
  assert.ok(Math.min(...done) >= 2, String(done));
  // What came before its turn is not lost with who was stopped then.
  let first = '';
  await assert.rejects(
    withCleanup(async (defer) => {
      const { corpusDir, outDir } = place;
      const others = await regionDetectors(place, { folder: outDir, settings }, defer);
      const made = async () => {
        if (first !== '') throw new Error('closed');
        const all = await others.made();
        first = all[0]!.name;
        return all.slice(1);
      };
      return extractRegions({
        ...{ shards: join(corpusDir, 'shards'), outDir, detector: forbidden, maxRegions: 10 },
        others: { ...others, made },
      });
    }),
    /^Error: closed$/,
  );
  assert.equal(postgres.sql(place.config.store!, 'SELECT name FROM lait.jobs'), first);
  const { detected: found, kept, images } = await detected(place);
  assert.deepEqual([found, kept, images], [12, 0, 12]);
  assert.deepEqual(
    readdirSync(join(place.corpusDir, 'jobs'), { recursive: true, withFileTypes: true }).filter((one) => one.isFile()),
    [],
  );
  assert.deepEqual(contents(place.outDir), alone);
  const again = await detected(place);
  assert.deepEqual([again.detected, again.shardsKept], [0, again.shards]);
  assert.equal(postgres.sql(place.config.store!, 'SELECT count(*) FROM lait.jobs'), '0');
});

test('the command line asks, and detects alone where nobody else is there', { skip: noPostgres }, async () => {
  const { corpusDir, outDir } = corpus('line');
  const ran = await ranInProcess(['regions', '--share', '--corpus', corpusDir, '--json']);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(JSON.parse(ran.stdout).detected, 12);
  const { 'detector.json': _, ...columns } = contents(outDir);
  const { 'detector.json': __, ...expected } = alone;
  assert.deepEqual(columns, expected);
});
