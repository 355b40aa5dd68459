/**
 * `node --import tsx bench/blobs.ts`: range reads and puts a CPU second of this process, by way of lait's blobs in S3, by a plain fetch that signs
 * nothing, and in a folder; then training's loader from S3 beside the same from a folder. The S3 server is that of test/scale, in a
 * process of its own on loopback, so the network costs nothing and the rates by the clock are the server's; CPU seconds are ours.
 */

import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Blobs } from '../dataset/blobs/blobs.ts';
import { mirror } from '../dataset/blobs/mirror.ts';
import { openBlobs } from '../dataset/blobs/open.ts';
import { within } from '../dataset/blobs/place.ts';
import { readExamples } from '../model/data/example.ts';
import { tokenizerOf } from '../model/data/tokenizer.ts';
import { config, vocabulary } from '../test/model/small-model.ts';
import { writeSmallShards } from '../test/model/small-shards.ts';
import { noS3Server, startS3 } from '../test/scale/s3-server.ts';

if (noS3Server) {
  console.error(noS3Server);
  process.exit(2);
}
const server = await startS3();
process.env.AWS_ENDPOINT_URL = server.direct;
const root = mkdtempSync(join(tmpdir(), 'lait-bench-blobs-'));
const print = (cells: readonly string[]): void =>
  console.log(cells.map((cell, column) => (column === 0 ? cell.padEnd(42) : cell.padStart(14))).join(''));
print(['what', 'CPU ms each', 'a CPU second', 'a second']);

/** Does `work` so many times, a few at once, and once before without counting. */
async function time(name: string, times: number, work: (at: number) => Promise<unknown>): Promise<void> {
  await work(0);
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  let at = 0;
  const worker = async () => {
    while (at < times) {
      at += 1;
      await work(at);
    }
  };
  await Promise.all(Array.from({ length: 16 }, worker));
  const used = process.cpuUsage(cpu);
  const seconds = (used.user + used.system) / 1e6;
  print([name, ((seconds * 1000) / times).toFixed(2), Math.round(times / seconds).toString(), Math.round((times * 1000) / (performance.now() - started)).toString()]); // biome-ignore format: one line
}

try {
  const content = randomBytes(12e6);
  const small = randomBytes(50_000);
  const inS3 = await openBlobs('s3://birds/bench');
  const inFolder = await openBlobs(join(root, 'blobs'));
  const offsetAt = (at: number) => (at * 7_654_321) % (content.length - small.length);
  for (const blobs of [inS3, inFolder]) await blobs.put('large', content);
  const reads = async (name: string, blobs: Blobs) => {
    const reader = (await blobs.open('large'))!;
    await time(`read 50 kB, ${name}`, 300, (at) => reader.read(offsetAt(at), 50_000));
    await time(`read 8 MiB, ${name}`, 12, () => reader.read(0, 8 << 20));
    await reader.close();
  };
  const url = `${server.direct}/birds/bench/large`;
  const plain = async (offset: number, length: number) => {
    const answer = await fetch(url, { headers: { range: `bytes=${offset}-${offset + length - 1}` } });
    if (!answer.ok) throw new Error(`The server wants signatures: ${answer.status}.`);
    return answer.arrayBuffer();
  };
  await reads('S3', inS3);
  if (
    await plain(0, 10).then(
      () => true,
      () => false,
    )
  ) {
    // biome-ignore format: one line
    await time('read 50 kB, fetch without signature', 300, (at) => plain(offsetAt(at), 50_000));
    await time('read 8 MiB, fetch without signature', 12, () => plain(0, 8 << 20));
  }
  await reads('folder', inFolder);
  await time('put 50 kB, S3', 150, (at) => inS3.put(`small/${at}`, small));
  await time('put 50 kB, folder (synced)', 150, (at) => inFolder.put(`small/${at}`, small));
  const file = join(root, 'file');
  writeFileSync(file, randomBytes(64 << 20));
  await time('put 64 MiB, S3', 2, (at) => inS3.putFile(`files/${at}`, file));
  await time('put 64 MiB, folder (synced)', 2, (at) => inFolder.putFile(`files/${at}`, file));

  const corpus = join(root, 'corpus');
  await writeSmallShards(corpus, { count: 4000, seed: 1, detector: 'centernet' });
  await mirror(corpus, 's3://birds/corpus');
  for (const [name, place] of [
    ['folder', corpus],
    ['S3', 's3://birds/corpus'],
  ] as const) {
    // biome-ignore format: one line
    let examples = 0;
    await time(`4,000 examples of small pictures, ${name}`, 1, async () => {
      const { maxPieces, maxRegions } = config;
      const options = { tokenizer: tokenizerOf(vocabulary), maxPieces, maxRegions, shuffle: { seed: 1 } };
      const places = { shards: within(place, 'shards/train'), regions: within(place, 'regions/centernet') };
      for await (const _ of readExamples({ ...places, ...options })) examples += 1;
    });
    if (examples !== 2 * 4000) throw new Error(`${examples} examples`);
  }
} finally {
  await server.close();
  rmSync(root, { recursive: true, force: true });
}
