/**
 * Where a run's examples come from: memory, shards, or a mixture of several sources. A source that can be described by plain data has a `spec`,
 * and a worker thread can open it again.
 */

import { isS3 } from '../../dataset/blobs/place.ts';
import { random } from '../../dataset/random.ts';
import { expandShardPaths } from '../../dataset/shards/paths.ts';
import { PictureColumns, type SharedColumns } from '../../dataset/shards/picture-columns.ts';
import { shuffledSamples, shuffledShards } from '../../dataset/shards/shuffle.ts';
import { UserError } from '../../dataset/user-error.ts';
import { readColumnsManifest, regionsOf } from '../regions/columns.ts';
import { type Regions, topRegions } from '../regions/region.ts';
import { readRegionsInto } from '../regions/stored-regions.ts';
import {
  type BadExample,
  drawnText,
  type Example,
  type ReadExamplesOptions,
  readAhead,
  samplesAhead,
} from './example.ts';
import { openShardTexts, type ShardText } from './shard-texts.ts';
import { tokenizerOfModel } from './tokenizer.ts';
import type { TokenizerDefinition } from './tokenizer-definition.ts';

/** An example whose regions may still lie on a disk: enough to say in which batch it is. */
export interface PlannedExample extends Omit<Example, 'regions'> {
  /** R */
  readonly regionCount: number;
  /** Whether features are halves, which can be read to where they are to be. */
  readonly hasHalves: boolean;
  /** Its regions; with `target` [R, D] their halves are there, where it has halves that do not lie in memory. */
  regions(target?: Uint16Array): Regions | Promise<Regions>;
}

/** Gives the examples of an epoch, in an order that only the epoch decides. */
export interface ExampleSource {
  plan(epoch: number): AsyncIterable<PlannedExample>;
  /** Examples as `plan` gives them, with their regions. */
  epoch(epoch: number): AsyncIterable<Example>;
  /** Closes the files that regions are read from. */
  close(): Promise<void>;
  /** How to open the same source elsewhere; absent where the examples lie in this thread's memory. */
  readonly spec?: SourceSpec;
  /** Hears of each skipped sample, every time that it is met. */
  readonly onBad?: (bad: BadExample) => void;
}

export type SourceSpec =
  | {
      readonly kind: 'shards';
      readonly options: Omit<ShardSourceOptions, 'tokenizer' | 'onBad' | 'signal'>;
      readonly vocabulary: readonly string[];
      readonly tokenizer?: TokenizerDefinition | undefined;
      readonly seed: number;
    }
  | {
      readonly kind: 'mixture';
      readonly parts: readonly { readonly spec: SourceSpec; readonly share: number }[];
      readonly seed: number;
    };

/** Opens a source from its description. */
export function openSource(spec: SourceSpec, onBad?: (bad: BadExample) => void): ExampleSource {
  if (spec.kind === 'shards') {
    const tokenizer = tokenizerOfModel(spec);
    return shardSource({ ...spec.options, tokenizer, ...(onBad && { onBad }) }, spec.seed);
  }
  const parts = spec.parts.map(({ spec: own, share }) => ({ source: openSource(own, onBad), share }));
  return mixedSource(parts, spec.seed);
}

/** Examples held in memory, shuffled anew each epoch; of the texts of one sample, which follow each other, one is drawn. */
export function memorySource(examples: readonly Example[], seed: number): ExampleSource {
  const samples: Example[][] = [];
  for (const example of examples) {
    const same = samples.at(-1);
    if (same?.[0]?.key === example.key) same.push(example);
    else samples.push([example]);
  }
  return sourceOf({
    async *plan(epoch) {
      const draw = (texts: readonly Example[]) => texts[drawnText(texts[0]!.key, texts.length, { seed, epoch })]!;
      for (const { regions, ...example } of random(seed, epoch, 0x5eed).shuffle(samples.map(draw))) {
        const hasHalves = regions.features instanceof Uint16Array;
        yield { ...example, regionCount: regions.labels.length, hasHalves, regions: () => regions };
      }
    },
    close: async () => {},
  });
}

/** A source that plans; regions are read a few examples ahead. */
const sourceOf = (planning: Omit<ExampleSource, 'epoch'>, ahead = 0): ExampleSource => ({
  ...planning,
  epoch: (epoch) =>
    readAhead(
      planning.plan(epoch),
      async ({ key, pieces, imageId, regions }) => ({ key, pieces, imageId, regions: await regions() }),
      ahead,
    ),
});

export interface ShardSourceOptions extends Omit<ReadExamplesOptions, 'shuffle' | 'part' | 'skip' | 'onPicture'> {
  /** The folder where word pieces are kept, shard by shard (shard-texts.ts); without one they are kept in memory. */
  readonly texts?: string | undefined;
  /** What threads that read the same shards have done of them, by the number of the shard among all in order. */
  readonly claims?: SharedArrayBuffer | undefined;
  /** The shards as they were found, and where features lie, for threads that are to find the same. */
  readonly found?: { readonly shards: readonly string[]; readonly columns: SharedColumns } | undefined;
}

/** Shards that are read before it is their turn, by threads that would otherwise wait for another one. Ours. */
const shardsAhead = 2;

/** Examples read from shards as they are needed, shuffled by shard and within a buffer; one text of each sample an epoch. */
export function shardSource(options: ShardSourceOptions, seed: number): ExampleSource {
  const { tokenizer, onBad, signal, ...plain } = options;
  const { regions: place, maxPieces, maxRegions, texts: folder, claims, found: known } = options;
  const open = async () => {
    const shards = known?.shards ?? (await expandShardPaths(options.shards));
    const manifest = await readColumnsManifest(place);
    const columns = known ? PictureColumns.openShared(place, known.columns) : await PictureColumns.open(place);
    const reading = { shards, regions: place, columns, manifest, tokenizer, maxPieces, folder, claims, signal };
    return { shards, manifest, columns, texts: await openShardTexts(reading) };
  };
  let opened: ReturnType<typeof open> | undefined;
  return sourceOf(
    {
      async *plan(epoch) {
        opened ??= open();
        const { shards, manifest, columns, texts } = await opened;
        const order = shuffledShards(shards, { seed, epoch });
        const numbers = new Map(shards.map((shard, number) => [shard, number]));
        const batches = async function* (): AsyncGenerator<(ShardText & { readonly shard: string })[]> {
          for (const [turn, shard] of order.entries()) {
            const wanted = texts.of(numbers.get(shard)!);
            // Only where threads share the work: a single one would hold more than it needs.
            if (claims)
              void texts.ahead(order.slice(turn + 1, turn + 1 + shardsAhead).map((next) => numbers.get(next)!));
            const { samples, bad } = await wanted;
            for (const { key, reason } of bad) onBad?.({ shard, key, reason });
            signal?.throwIfAborted();
            yield samples.map((sample) => ({ ...sample, shard }));
          }
        };
        for await (const some of shuffledSamples(batches(), { seed, epoch })) {
          for (const { shard, key, sha256, texts: all, fault, count, place: halves } of some) {
            const pieces = all.length > 1 ? all[drawnText(key, all.length, { seed, epoch })]! : all[0];
            const reason = !pieces || pieces.length === 0 ? 'no-text' : fault;
            if (!pieces || reason !== undefined) {
              onBad?.({ shard, key, reason: reason! });
              continue;
            }
            const readWhole = async (): Promise<Regions> => {
              const fields = await columns.fields(sha256);
              const found = fields === null ? 'no-features' : regionsOf(fields, manifest);
              if (typeof found !== 'string') return topRegions(found, maxRegions, manifest.featureSize);
              throw new UserError(
                `Expected the features of ${key} of ${shard} as they were but received ${found}; start the run again.`,
              );
            };
            yield {
              ...{
                key,
                pieces,
                imageId: sha256,
                regionCount: Math.min(count, maxRegions),
                hasHalves: halves !== undefined,
              },
              regions: (target) => (target && halves ? readRegionsInto(columns, sha256, halves, target) : readWhole()),
            };
          }
          signal?.throwIfAborted();
        }
      },
      async close() {
        await (await opened?.catch(() => undefined))?.columns.close();
        opened = undefined;
      },
      spec: { kind: 'shards', options: plain, vocabulary: tokenizer.vocabulary, tokenizer: tokenizer.definition, seed },
      ...(onBad && { onBad }),
    },
    isS3(place) ? samplesAhead.inS3 : samplesAhead.inFolder,
  );
}

/**
 * Examples of several sources by their shares. An epoch ends when each source has been read through once; shorter ones begin
 * again meanwhile, in another order.
 */
export function mixedSource(
  parts: readonly { readonly source: ExampleSource; readonly share: number }[],
  seed: number,
): ExampleSource {
  const total = parts.reduce((sum, { share }) => sum + share, 0);
  const specs = parts.flatMap(({ source: { spec }, share }) => (spec ? [{ spec, share }] : []));
  const onBad = parts.find(({ source }) => source.onBad)?.source.onBad;
  return sourceOf({
    async *plan(epoch) {
      const draw = random(seed, epoch, 0x3117ed);
      const open = parts.map(({ source, share }) => ({ source, share, rounds: 0, reader: readerOf(source, epoch, 0) }));
      while (open.some(({ rounds }) => rounds === 0)) {
        let at = draw.next() * total;
        const part = open.find(({ share }) => {
          at -= share;
          return at < 0;
        });
        if (!part) continue;
        let next = await part.reader.next();
        if (next.done) {
          part.rounds += 1;
          if (open.every(({ rounds }) => rounds > 0)) return;
          part.reader = readerOf(part.source, epoch, part.rounds);
          next = await part.reader.next();
          if (next.done)
            throw new UserError('Expected examples in every source of the mixture but one has none; remove it.');
        }
        yield next.value;
      }
    },
    async close() {
      for (const { source } of parts) await source.close();
    },
    ...(specs.length === parts.length && { spec: { kind: 'mixture', parts: specs, seed } }),
    ...(onBad && { onBad }),
  });
}

const readerOf = (source: ExampleSource, epoch: number, round: number): AsyncIterator<PlannedExample> =>
  source.plan(epoch * 65_536 + round)[Symbol.asyncIterator]();
