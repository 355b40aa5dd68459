/**
 * Scores of images and texts by a trained model, in batches through the compiled graph: the matching logit of pairs (ITM), and
 * embeddings whose dot product is a similarity (ITC).
 */
import { imageArrays, textArrays } from '../data/batch.ts';
import { bucketFor, lengthBuckets } from '../data/sampler.ts';
import { specialPieceIds } from '../data/tokenizer.ts';
import { embedBatch, matchPairs } from '../net/imagebert.ts';
import { similarityScale } from '../net/objectives/itc.ts';
import { itcSize, parameterSpecs } from '../net/parameters.ts';
import type { Regions } from '../regions/region.ts';
import { openExecutable } from '../runtime/executable.ts';
import type { Executable, Precision, TracedFunction } from '../runtime/traced-function.ts';
import type { Checkpoint } from '../train/checkpoint.ts';

export interface RetrievalModelOptions {
  readonly compiled?: boolean;
  readonly precision?: Precision;
  /** Pairs per call. Ours: 128, from which on the speed of `tiny` and `mini` no longer grows on two cores. */
  readonly batchPairs?: number;
}

/**
 * Images or texts of a batch that are no more than these are padded to so many, more of them to as many as pairs: each other number would
 * make all graphs anew. Scoring all pairs takes blocks of so many texts.
 */
export const fewRows = 16;

/** A pair by the indexes of its image and text. */
export type PairIndex = readonly [image: number, text: number];

export interface RetrievalModel {
  /** Matching logits of pairs, in their order; above 0 means "match". */
  match(images: readonly Regions[], texts: readonly (readonly number[])[], pairs: readonly PairIndex[]): Float32Array;
  /** ITC embeddings [N, itcSize] of length 1. The model must have learned ITC. */
  embedImages(images: readonly Regions[]): Float32Array;
  embedTexts(texts: readonly (readonly number[])[]): Float32Array;
  /** What ITC multiplies similarities with: one over its learned temperature. */
  readonly similarityScale: number;
  dispose(): void;
}

export function openRetrievalModel(
  { config, vocabulary, objectives, featureStatistics, values }: Checkpoint,
  { batchPairs = 128, ...running }: RetrievalModelOptions = {},
): RetrievalModel {
  const special = specialPieceIds(vocabulary);
  const embedFunction =
    (side: 'image' | 'text'): TracedFunction =>
    (inputs, parameters) => ({
      outputs: { embeddings: embedBatch({ config, special, parameters }, side, inputs) },
    });
  const model: Executable = openExecutable({
    parameters: parameterSpecs(config, { itc: objectives.itc > 0 }),
    functions: {
      match: (inputs, parameters) => ({
        outputs: { logits: matchPairs({ config, special, parameters }, inputs) },
      }),
      image: embedFunction('image'),
      text: embedFunction('text'),
    },
    ...running,
  });
  model.load(values);
  const buckets = lengthBuckets(config);
  const piecesFor = (texts: readonly (readonly number[])[]) =>
    bucketFor(buckets.pieces, Math.max(...texts.map((text) => text.length)));
  const regionsFor = (images: readonly Regions[]) =>
    bucketFor(buckets.regions, Math.max(...images.map(({ labels }) => labels.length)));

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
    similarityScale: similarityScale(values.get('itc.temperature')?.[0] ?? 0),
    dispose: () => model.dispose(),
  };
}
