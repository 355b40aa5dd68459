/**
 * Where a run's examples come from: memory, shards, or a mixture of several sources. A source that can be described by plain data has a `spec`,
 * and a worker thread can open it again.
 */

import { random } from '../../dataset/random.ts';
import { UserError } from '../../dataset/user-error.ts';
import { type BadExample, drawnText, type Example, type ReadExamplesOptions, readExamples } from './example.ts';
import type { TokenizerDefinition } from './hugging-face-tokenizer.ts';
import { tokenizerOfModel } from './tokenizer.ts';

/** Gives the examples of an epoch, in an order that only the epoch decides. */
export interface ExampleSource {
  epoch(epoch: number): AsyncIterable<Example>;
  /** How to open the same source elsewhere; absent where the examples lie in this thread's memory. */
  readonly spec?: SourceSpec;
  /** Hears of each skipped sample, every time that it is met. */
  readonly onBad?: (bad: BadExample) => void;
}

export type SourceSpec =
  | {
      readonly kind: 'shards';
      readonly options: Omit<ReadExamplesOptions, 'shuffle' | 'tokenizer' | 'onBad' | 'signal'>;
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
  return {
    async *epoch(epoch) {
      const draw = (texts: readonly Example[]) => texts[drawnText(texts[0]!.key, texts.length, { seed, epoch })]!;
      yield* random(seed, epoch, 0x5eed).shuffle(samples.map(draw));
    },
  };
}

/** Examples read from shards as they are needed, shuffled by shard and within a buffer; one text of each sample an epoch. */
export function shardSource(options: Omit<ReadExamplesOptions, 'shuffle'>, seed: number): ExampleSource {
  const { tokenizer, onBad, signal: _signal, ...plain } = options;
  return {
    epoch: (epoch) => readExamples({ ...options, shuffle: { seed, epoch } }),
    spec: { kind: 'shards', options: plain, vocabulary: tokenizer.vocabulary, tokenizer: tokenizer.definition, seed },
    ...(onBad && { onBad }),
  };
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
  return {
    async *epoch(epoch) {
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
    ...(specs.length === parts.length && { spec: { kind: 'mixture', parts: specs, seed } }),
    ...(onBad && { onBad }),
  };
}

const readerOf = (source: ExampleSource, epoch: number, round: number): AsyncIterator<Example> =>
  source.epoch(epoch * 65_536 + round)[Symbol.asyncIterator]();
