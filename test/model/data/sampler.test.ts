import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  bucketFor,
  commonLengths,
  lengthBuckets,
  type SampledBatch,
  sampleBatches,
} from '../../../model/data/sampler.ts';
import { presets } from '../../../model/net/config.ts';
import { config, smallExamples } from '../small-model.ts';

test('lengths to pad to are even steps, few and none too short', () => {
  const table: [{ maxPieces: number; maxRegions: number }, number[], number[]][] = [
    [presets.tiny, [8, 16], [5, 10]],
    [presets.mini, [9, 17, 25, 33, 41], [6, 12, 18, 24, 30, 36]],
    [presets.base, [9, 17, 25, 33, 41], [17, 34, 50, 67, 84, 100]],
    [{ maxPieces: 15, maxRegions: 9 }, [15], [9]],
    [{ maxPieces: 16, maxRegions: 4 }, [8, 16], [4]],
    [{ maxPieces: 3, maxRegions: 1 }, [3], [1]],
  ];
  for (const [size, pieces, regions] of table) assert.deepEqual(lengthBuckets(size), { pieces, regions });
});

test('the first length that holds is taken, and the last for what is cut to it', () => {
  const table: [number, number][] = [
    [0, 9],
    [9, 9],
    [10, 17],
    [18, 17],
  ];
  for (const [length, padded] of table) assert.equal(bucketFor([9, 17], length), padded);
});

const examples = smallExamples(70);
const options = { batchSize: 8, seed: 3, buckets: lengthBuckets(config), windowBatches: 4 };
const source = {
  async *plan() {
    for (const { regions, ...one } of examples) {
      yield { ...one, regionCount: regions.labels.length, hasHalves: false, regions: () => regions };
    }
  },
};

async function take(count: number, from?: SampledBatch['next']): Promise<SampledBatch[]> {
  const taken: SampledBatch[] = [];
  for await (const batch of sampleBatches(source as never, options, from)) {
    taken.push(batch);
    if (taken.length === count) break;
  }
  return taken;
}

const keys = ({ examples, pieces, regions, next }: SampledBatch) => ({
  keys: examples.map(({ key }) => key),
  pieces,
  regions,
  next,
});

test('every example fits its batch, none comes twice in an epoch, and full batches only', async () => {
  const epoch = (await take(8)).filter((batch) => batch.epoch === 0);
  const seen = epoch.flatMap((batch) => batch.examples.map(({ key }) => key));
  assert.equal(seen.length, 64);
  assert.equal(new Set(seen).size, 64);
  for (const { examples, pieces, regions } of epoch) {
    assert.ok(examples.every((example) => example.pieces.length <= pieces));
    assert.ok(examples.every((example) => example.regionCount <= regions));
  }
});

test('from any position on, the batches are those of an undisturbed run', async () => {
  const whole = (await take(20)).map(keys);
  for (const at of [0, 3, 4, 7, 8, 13]) {
    const rest = await take(19 - at, whole[at]?.next);
    assert.deepEqual(rest.map(keys), whole.slice(at + 1));
  }
});

async function* planned(...lengths: [pieces: number, regions: number][]): AsyncGenerator<SampledBatch> {
  for (const [pieces, regions] of lengths) yield { pieces, regions } as SampledBatch;
}

test('the commonest lengths are found, commonest first, and the longest', async () => {
  const buckets = { pieces: [8, 16], regions: [5, 10] };
  const many = planned([8, 5], [16, 5], [16, 5], [8, 10], [16, 5], [8, 10], [16, 10]);
  const { lengths, firsts } = await commonLengths(many, { count: 6, buckets });
  assert.deepEqual(lengths, [
    { pieces: 16, regions: 5 },
    { pieces: 8, regions: 10 },
    { pieces: 8, regions: 5 },
    { pieces: 16, regions: 10 },
  ]);
  assert.deepEqual(firsts, lengths.slice(0, 3));
  const each = planned(...Array.from({ length: 30 }, (_, index): [number, number] => [index, 1]));
  assert.equal((await commonLengths(each, { count: 30, buckets })).firsts.length, 8);
});

test('batches are padded to the shortest of the lengths allowed that holds them', async () => {
  const longest = {
    pieces: options.buckets.pieces.at(-1) as number,
    regions: options.buckets.regions.at(-1) as number,
  };
  const free = (await take(12)).map(({ pieces, regions }) => [pieces, regions]);
  const only = [{ pieces: longest.pieces, regions: 2 }, longest];
  const held: number[][] = [];
  for await (const { pieces, regions } of sampleBatches(source as never, { ...options, allowed: only })) {
    held.push([pieces, regions]);
    if (held.length === 12) break;
  }
  const wanted = free.map(([, regions]) => [longest.pieces, (regions as number) <= 2 ? 2 : longest.regions]);
  assert.deepEqual(held, wanted);
});
