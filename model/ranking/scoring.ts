/**
 * Scores of images and texts by a model's parameters, in batches through the compiled graph: the matching logit of pairs (ITM), and
 * embeddings whose dot product is a similarity (ITC). The parameters are those of an executable, be it one that only scores or one
 * that trains.
 */
import { setImmediate } from 'node:timers/promises';
import { imageArrays, textArrays } from '../data/batch.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import { bucketFor, type Lengths, lengthBuckets } from '../data/sampler.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { embedBatch, matchPairs } from '../net/imagebert.ts';
import { similarityScale } from '../net/objectives/itc.ts';
import { itcSize } from '../net/parameters.ts';
import type { Regions } from '../regions/region.ts';
import { tf } from '../runtime/backend.ts';
import type { Arrays, Executable, TracedFunction } from '../runtime/traced-function.ts';
import { cosinesOf } from './hubs.ts';
import type { RetrievalSet } from './recall.ts';

/**
 * Images or texts of a batch that are no more than these are padded to so many, more of them to as many as pairs: each other number would
 * make all graphs anew. Scoring all pairs takes blocks of so many texts.
 */
export const fewRows = 16;

export interface ScoringOptions {
  /** Pairs per call. */
  readonly batchPairs: number;
  /** What every batch is padded to, with as many images and texts as pairs, so that one graph is enough; else it follows the batch. */
  readonly padTo?: Lengths;
}

/** A pair by the indexes of its image and text. */
export type PairIndex = readonly [image: number, text: number];

export interface Scoring {
  /** Pairs, images or texts per call. */
  readonly batchPairs: number;
  /** Announces the functions of matching and contrast, at `padTo`'s shape, so that they are compiled with the rest. */
  prepare(
    learned: { readonly itm: boolean; readonly itc: boolean },
    images: readonly Regions[],
    texts: readonly (readonly number[])[],
  ): void;
  /** Matching logits of pairs, in their order; above 0 means "match". */
  match(images: readonly Regions[], texts: readonly (readonly number[])[], pairs: readonly PairIndex[]): Float32Array;
  /** ITC embeddings [N, itcSize] of length 1. The model must have learned ITC. */
  embedImages(images: readonly Regions[]): Float32Array;
  embedTexts(texts: readonly (readonly number[])[]): Float32Array;
  /** What ITC multiplies similarities with: one over its temperature as it is learned by now. */
  similarityScale(): number;
}

export interface ScoredModel {
  readonly config: ModelConfig;
  readonly special: SpecialPieces;
  readonly featureStatistics: FeatureStatistics;
}

/** The functions that an executable needs for `scoringOf`. */
export function scoringFunctions({ config, special }: Omit<ScoredModel, 'featureStatistics'>) {
  const embedFunction =
    (side: 'image' | 'text'): TracedFunction =>
    (inputs, parameters) => ({
      outputs: { embeddings: embedBatch({ config, special, parameters }, side, inputs) },
    });
  const match: TracedFunction = (inputs, parameters) => ({
    outputs: { logits: matchPairs({ config, special, parameters }, inputs) },
  });
  const temperature: TracedFunction = (_, parameters) => ({
    outputs: { learned: tf.add(parameters('itc.temperature'), 0) },
  });
  return { match, image: embedFunction('image'), text: embedFunction('text'), temperature };
}

/** Scores by the parameters that an executable with the `scoringFunctions` has at each call. */
export function scoringOf(
  model: Executable,
  { config, special, featureStatistics }: ScoredModel,
  { batchPairs, padTo }: ScoringOptions,
): Scoring {
  const buckets = lengthBuckets(config);
  const piecesFor = (texts: readonly (readonly number[])[]) =>
    padTo?.pieces ?? bucketFor(buckets.pieces, Math.max(...texts.map((text) => text.length)));
  const regionsFor = (images: readonly Regions[]) =>
    padTo?.regions ?? bucketFor(buckets.regions, Math.max(...images.map(({ labels }) => labels.length)));

  /** Rows of a batch by the index of what they hold; batches have one size, so short ones repeat their first. */
  const distinct = (indexes: readonly number[]): { rows: number[]; order: Map<number, number> } => {
    const order = new Map<number, number>();
    for (const index of indexes) if (!order.has(index)) order.set(index, order.size);
    const rows = [...order.keys()];
    const size = padTo || rows.length > fewRows ? batchPairs : Math.min(fewRows, batchPairs);
    return { rows: [...rows, ...new Array<number>(size - rows.length).fill(rows[0]!)], order };
  };

  const imageInputs = (images: readonly Regions[]): Arrays =>
    imageArrays(images, regionsFor(images), featureStatistics);
  const textInputs = (texts: readonly (readonly number[])[]): Arrays => textArrays(texts, piecesFor(texts), special);

  const matchInputs = (
    images: readonly Regions[],
    texts: readonly (readonly number[])[],
    pairs: readonly PairIndex[],
  ): Arrays => {
    const filled = Array.from({ length: batchPairs }, (_, index) => pairs[index] ?? pairs[0]!);
    const imageBatch = distinct(filled.map(([image]) => image));
    const textBatch = distinct(filled.map(([, text]) => text));
    const imageRows = imageBatch.rows.map((index) => images[index]!);
    const textRows = textBatch.rows.map((index) => texts[index]!);
    return {
      ...imageInputs(imageRows),
      ...textInputs(textRows),
      imageRows: { shape: [batchPairs], values: Int32Array.from(filled, ([image]) => imageBatch.order.get(image)!) },
      textRows: { shape: [batchPairs], values: Int32Array.from(filled, ([, text]) => textBatch.order.get(text)!) },
    };
  };

  const embed = <T>(items: readonly T[], run: (items: readonly T[]) => Float32Array): Float32Array => {
    const whole = new Float32Array(items.length * itcSize);
    for (let from = 0; from < items.length; from += batchPairs) {
      const batch = Array.from({ length: batchPairs }, (_, index) => items[from + index] ?? (items[from] as T));
      const count = Math.min(batchPairs, items.length - from);
      whole.set(run(batch).subarray(0, count * itcSize), from * itcSize);
    }
    return whole;
  };

  const floats = (name: string, inputs: Arrays, output: string) => model.run(name, inputs)[output] as Float32Array;
  return {
    batchPairs,
    prepare({ itm, itc }, images, texts) {
      const full = <T>(items: readonly T[]): T[] => Array.from({ length: batchPairs }, () => items[0]!);
      if (itm) model.prepare('match', matchInputs(images, texts, [[0, 0]]));
      if (!itc) return;
      model.prepare('image', imageInputs(full(images)));
      model.prepare('text', textInputs(full(texts)));
      model.prepare('temperature', {});
    },
    match(images, texts, pairs) {
      const logits = new Float32Array(pairs.length);
      for (let from = 0; from < pairs.length; from += batchPairs) {
        const some = pairs.slice(from, from + batchPairs);
        const found = floats('match', matchInputs(images, texts, some), 'logits');
        logits.set(found.subarray(0, some.length), from);
      }
      return logits;
    },
    embedImages: (images) => embed(images, (batch) => floats('image', imageInputs(batch), 'embeddings')),
    embedTexts: (texts) => embed(texts, (batch) => floats('text', textInputs(batch), 'embeddings')),
    similarityScale: () => similarityScale(floats('temperature', {}, 'learned')[0]!),
  };
}

/**
 * Runs through items in parts of a batch each; between them whatever else waits has its turn. Throws the signal's reason where it stops.
 */
export async function inBatches<T>(
  items: readonly T[],
  batchPairs: number,
  {
    run,
    signal,
  }: { readonly run: (some: readonly T[], from: number) => void; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  for (let from = 0; from < items.length; from += batchPairs) {
    signal?.throwIfAborted();
    run(items.slice(from, from + batchPairs), from);
    await setImmediate();
  }
  signal?.throwIfAborted();
}

/** ITC's embeddings of images and of texts, [images, itcSize] and [texts, itcSize], batch by batch; `onItems` hears how many more are done. */
export async function embedInBatches(
  { images, texts }: Pick<RetrievalSet, 'images' | 'texts'>,
  score: Pick<Scoring, 'embedImages' | 'embedTexts' | 'batchPairs'>,
  { onItems, signal }: { readonly onItems?: (count: number) => void; readonly signal?: AbortSignal | undefined } = {},
): Promise<{ images: Float32Array; texts: Float32Array }> {
  const embedded = async <T>(items: readonly T[], embed: (some: readonly T[]) => Float32Array) => {
    const whole = new Float32Array(items.length * itcSize);
    const run = (some: readonly T[], from: number) => {
      whole.set(embed(some), from * itcSize);
      onItems?.(some.length);
    };
    await inBatches(items, score.batchPairs, { run, signal });
    return whole;
  };
  return { images: await embedded(images, score.embedImages), texts: await embedded(texts, score.embedTexts) };
}

/** Cosines of ITC's embeddings, [images × texts]. */
export const similarities = (
  { images, texts }: Pick<RetrievalSet, 'images' | 'texts'>,
  score: Pick<Scoring, 'embedImages' | 'embedTexts'>,
): Float32Array => cosinesOf(score.embedImages(images), score.embedTexts(texts));
