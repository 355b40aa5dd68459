/**
 * Scores of images and texts by a model's parameters, in batches through the compiled graph: the matching logit of pairs (ITM), and
 * embeddings whose dot product is a similarity (ITC). The parameters are those of an executable, be it one that only scores or one
 * that trains.
 */
import { imageArrays, textArrays } from '../data/batch.ts';
import type { FeatureStatistics } from '../data/feature-statistics.ts';
import { bucketFor, lengthBuckets } from '../data/sampler.ts';
import type { ModelConfig } from '../net/config.ts';
import type { SpecialPieces } from '../net/embeddings.ts';
import { embedBatch, matchPairs } from '../net/imagebert.ts';
import { itcSize } from '../net/parameters.ts';
import type { Regions } from '../regions/region.ts';
import type { Executable, TracedFunction } from '../runtime/traced-function.ts';
import type { RetrievalSet } from './recall.ts';

/**
 * Images or texts of a batch that are no more than these are padded to so many, more of them to as many as pairs: each other number would
 * make all graphs anew. Scoring all pairs takes blocks of so many texts.
 */
export const fewRows = 16;

export interface ScoringOptions {
  /** Pairs per call. */
  readonly batchPairs: number;
  /**
   * What a batch's texts and regions are padded to: the shortest length of a few that holds them, or always the longest, so that
   * one graph is enough.
   */
  readonly padded?: 'bucket' | 'longest';
}

/** A pair by the indexes of its image and text. */
export type PairIndex = readonly [image: number, text: number];

export interface Scoring {
  /** Matching logits of pairs, in their order; above 0 means "match". */
  match(images: readonly Regions[], texts: readonly (readonly number[])[], pairs: readonly PairIndex[]): Float32Array;
  /** ITC embeddings [N, itcSize] of length 1. The model must have learned ITC. */
  embedImages(images: readonly Regions[]): Float32Array;
  embedTexts(texts: readonly (readonly number[])[]): Float32Array;
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
  return { match, image: embedFunction('image'), text: embedFunction('text') };
}

/** Scores by the parameters that an executable with the `scoringFunctions` has at each call. */
export function scoringOf(
  model: Executable,
  { config, special, featureStatistics }: ScoredModel,
  { batchPairs, padded = 'bucket' }: ScoringOptions,
): Scoring {
  const buckets = lengthBuckets(config);
  const lengthOf = (bucket: readonly number[], length: number): number =>
    padded === 'longest' ? bucket.at(-1)! : bucketFor(bucket, length);
  const piecesFor = (texts: readonly (readonly number[])[]) =>
    lengthOf(buckets.pieces, Math.max(...texts.map((text) => text.length)));
  const regionsFor = (images: readonly Regions[]) =>
    lengthOf(buckets.regions, Math.max(...images.map(({ labels }) => labels.length)));

  /** Rows of a batch by the index of what they hold; batches have one size, so short ones repeat their first. */
  const distinct = (indexes: readonly number[]): { rows: number[]; order: Map<number, number> } => {
    const order = new Map<number, number>();
    for (const index of indexes) if (!order.has(index)) order.set(index, order.size);
    const rows = [...order.keys()];
    const size = rows.length > fewRows ? batchPairs : Math.min(fewRows, batchPairs);
    return { rows: [...rows, ...new Array<number>(size - rows.length).fill(rows[0]!)], order };
  };

  const matchBatch = (
    images: readonly Regions[],
    texts: readonly (readonly number[])[],
    pairs: readonly PairIndex[],
  ): Float32Array => {
    const filled = Array.from({ length: batchPairs }, (_, index) => pairs[index] ?? pairs[0]!);
    const imageBatch = distinct(filled.map(([image]) => image));
    const textBatch = distinct(filled.map(([, text]) => text));
    const imageRows = imageBatch.rows.map((index) => images[index]!);
    const textRows = textBatch.rows.map((index) => texts[index]!);
    const { logits } = model.run('match', {
      ...imageArrays(imageRows, regionsFor(imageRows), featureStatistics),
      ...textArrays(textRows, piecesFor(textRows), special),
      imageRows: { shape: [batchPairs], values: Int32Array.from(filled, ([image]) => imageBatch.order.get(image)!) },
      textRows: { shape: [batchPairs], values: Int32Array.from(filled, ([, text]) => textBatch.order.get(text)!) },
    });
    return (logits as Float32Array).subarray(0, pairs.length);
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

  return {
    match(images, texts, pairs) {
      const logits = new Float32Array(pairs.length);
      for (let from = 0; from < pairs.length; from += batchPairs) {
        logits.set(matchBatch(images, texts, pairs.slice(from, from + batchPairs)), from);
      }
      return logits;
    },
    embedImages: (images) =>
      embed(images, (batch) => {
        return model.run('image', imageArrays(batch, regionsFor(batch), featureStatistics)).embeddings as Float32Array;
      }),
    embedTexts: (texts) =>
      embed(texts, (batch) => {
        return model.run('text', textArrays(batch, piecesFor(batch), special)).embeddings as Float32Array;
      }),
  };
}

/** Cosines of ITC's embeddings, [images × texts]. */
export function similarities(
  { images, texts }: Pick<RetrievalSet, 'images' | 'texts'>,
  score: Pick<Scoring, 'embedImages' | 'embedTexts'>,
): Float32Array {
  const table = new Float32Array(images.length * texts.length);
  const imageVectors = score.embedImages(images);
  const textVectors = score.embedTexts(texts);
  for (let image = 0; image < images.length; image++) {
    for (let text = 0; text < texts.length; text++) {
      let sum = 0;
      for (let at = 0; at < itcSize; at++)
        sum += (imageVectors[image * itcSize + at] ?? 0) * (textVectors[text * itcSize + at] ?? 0);
      table[image * texts.length + text] = sum;
    }
  }
  return table;
}
