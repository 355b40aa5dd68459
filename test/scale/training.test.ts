/** Training reads shards and region features where they lie in S3: the same examples as from a folder, whatever the network does. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { mirror } from '../../dataset/blobs/mirror.ts';
import { within } from '../../dataset/blobs/place.ts';
import { readSetIdentity } from '../../dataset/shards/set-identity.ts';
import { type Example, readExamples } from '../../model/data/example.ts';
import { openLoader } from '../../model/data/loader.ts';
import { lengthBuckets } from '../../model/data/sampler.ts';
import { shardSource } from '../../model/data/source.ts';
import { tokenizerOf } from '../../model/data/tokenizer.ts';
import { requireFeatures } from '../../model/regions/missing.ts';
import { batchSetup, config, vocabulary } from '../model/small-model.ts';
import { writeSmallShards } from '../model/small-shards.ts';
import { noS3Server, type S3Server, startS3 } from './s3-server.ts';

const root = mkdtempSync(join(tmpdir(), 'lait-s3-training-'));
const corpus = join(root, 'corpus');
const inS3 = 's3://birds/small';
const tokenizer = tokenizerOf(vocabulary);
let server: S3Server;

const options = (place: string) => ({
  shards: within(place, 'shards/train'),
  regions: within(place, 'regions/centernet'),
  ...{ tokenizer, maxPieces: config.maxPieces, maxRegions: config.maxRegions },
});

async function examplesOf(place: string, epoch = 0): Promise<Example[]> {
  const examples = [];
  for await (const one of readExamples({ ...options(place), shuffle: { seed: 3, epoch, bufferSamples: 10 } }))
    examples.push(one);
  return examples;
}

function lait(...args: string[]): Promise<{ readonly code: number | null; readonly said: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../cli/lait.mjs'), ...args], { cwd: root });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data: Buffer) => (said += data)); // biome-ignore format: one line
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, said }));
  });
}

describe('training from S3', { skip: noS3Server }, () => {
  before(async () => {
    server = await startS3();
    for (const [split, count, seed] of [['train', 60, 1], ['validation', 24, 2]] as const) // biome-ignore format: one line
      await writeSmallShards(corpus, { name: split[0]!, count, seed, split, detector: 'centernet' });
    await mirror(corpus, inS3);
  });
  after(async () => {
    await server?.close();
    rmSync(root, { recursive: true, force: true });
  });

  test('gives the examples of a folder, in the same order', async () => {
    for (const epoch of [0, 1]) assert.deepEqual(await examplesOf(inS3, epoch), await examplesOf(corpus, epoch));
    assert.deepEqual(await readSetIdentity(within(inS3, 'shards')), await readSetIdentity(join(corpus, 'shards')));
    await requireFeatures(within(inS3, 'shards/train'), within(inS3, 'regions/centernet'));
  });

  test('gives them through answers that are cut, connections that break and servers that are busy', async () => {
    const met = { cut: 0, broken: 0, busy: 0 };
    let asked = 0;
    server.fault = ({ method, range }) => {
      asked += 1;
      if (method === 'GET' && range !== undefined && asked % 2 === 0) {
        met.cut += 1;
        return { cutAfterBytes: 1000 };
      }
      if (asked % 5 === 0) {
        met.broken += 1;
        return 'refuse';
      }
      if (asked % 7 !== 0) return null;
      met.busy += 1;
      return { status: 503, code: 'SlowDown' };
    };
    const found = await examplesOf(inS3).finally(() => {
      server.fault = () => null;
    });
    assert.deepEqual(found, await examplesOf(corpus));
    for (const [fault, times] of Object.entries(met)) assert.ok(times > 0, fault);
  });

  test('waits for a server that is gone in the middle', async () => {
    let [answered, refused] = [0, 0];
    server.fault = () => {
      if (answered < 4 || refused === 12) {
        answered += 1;
        return null;
      }
      refused += 1;
      return 'refuse';
    };
    assert.deepEqual(await examplesOf(inS3), await examplesOf(corpus));
    assert.equal(refused, 12);
  });

  test('a loader in its thread goes on in the middle with the batches of a folder', async () => {
    const loading = {
      sampler: { batchSize: 4, seed: 5, buckets: lengthBuckets(config), windowBatches: 3 },
      from: { epoch: 1, window: 1, batch: 2 },
      collation: { task: 'pretrain', ...batchSetup },
      featureStatistics: batchSetup.featureStatistics,
    } as const;
    const batches = async (place: string): Promise<unknown[]> => {
      const loader = openLoader(shardSource(options(place), 7), loading);
      try {
        return [await loader.next(), await loader.next(), await loader.next()];
      } finally {
        await loader.close();
      }
    };
    assert.deepEqual(await batches(inS3), await batches(corpus));
  });

  test('lait pretrain takes it by --shards, goes on with the same data in a folder, and lait evaluate reads it', async () => {
    const train = (shards: string, steps: number) =>
      lait('pretrain', '--corpus', root, '--shards', shards, '--steps', String(steps), ...['--batch-size', '8', '--vocabulary-size', '100', '--checkpoint-every-steps', '2']); // biome-ignore format: one line
    const first = await train(within(inS3, 'shards'), 2);
    assert.equal(first.code, 0, first.said);
    // Data that were not the same would be refused.
    const second = await train(join(corpus, 'shards'), 3);
    assert.equal(second.code, 0, second.said);
    const { code, said } = await lait('evaluate', '--corpus', root, '--shards', within(inS3, 'shards/'));
    assert.equal(code, 0, said);
    assert.match(said, /24 images, 24 texts[\s\S]*linear map/);
  });
});
